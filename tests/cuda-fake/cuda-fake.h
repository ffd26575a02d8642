/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cuda-fake.h: how a test steers the stand-in driver. All of it is exported by the
 * stand-in libcuda.so.1, to be found with dlsym; what else is tested does not link
 * it.
 *
 * Settings, by ring_fake_set () or in the environment as RING_FAKE_<NAME>:
 *
 *   DEVICES          1           how many there are; none: cuInit fails
 *   MULTIPROCESSORS  4           each holds one block at a time
 *   MAX_THREADS      2           of a block; each is a thread of this process
 *   EXEC_TIMEOUT     0           what the device says of a display's watchdog
 *   COOPERATIVE      1           cooperative launches
 *   STREAM_MEMOPS    1           cuStreamWriteValue64 and its kind
 *   MEMORY_POOLS     1           cuMemAllocAsync
 *   MEMORY           1073741824  bytes of a device
 *   DRIVER_VERSION   13000
 *   CAPABILITY       90          compute capability, 90 for 9.0
 *   EXCLUSIVE_WAITS  0           while a call waits for all work of a context, other
 *                                calls in that context wait for it, as they would
 *                                behind a driver's lock
 *   FAIL             function:nth:error[,…]   see ring_fake_fail
 *   TRACE            path of a file that gets a line for each call
 */
#ifndef RING_CUDA_FAKE_H
#define RING_CUDA_FAKE_H

#include <stdint.h>

/* What is live in the whole process. */
typedef struct
{
  unsigned device_allocations;
  unsigned pinned_allocations; /* cuMemHostAlloc, cuMemAllocHost */
  unsigned registrations;      /* cuMemHostRegister */
  unsigned streams;            /* but for each context's own */
  unsigned events;
  unsigned modules;
  unsigned graphs;
  unsigned graph_execs;
  unsigned contexts; /* primary ones while retained */
  unsigned running_kernels;
  uint64_t device_bytes;
  uint64_t pinned_bytes;
} RingFakeLive;

/* Changes the setting @name ("MULTIPROCESSORS"); returns 0, or -1 where there is
 * none of that name. */
int ring_fake_set (const char *name, long value);

/* The @nth next call of @function (1: the next) does nothing but return @error, a
 * CUresult. "cuMemAlloc" stands for "cuMemAlloc_v2", too. Returns 0, or -1 for a
 * function that is not there. */
int ring_fake_fail (const char *function, unsigned nth, int error);

/* How often @function was called since the last reset. */
unsigned ring_fake_calls (const char *function);

/* The names of all functions, by number; NULL behind the last. */
const char *ring_fake_function (unsigned i);

/* Ends running kernels, forgets every object, failed contexts included, and all
 * settings but those of the environment. Nothing may be in use. */
void ring_fake_reset (void);

void ring_fake_live (RingFakeLive *live);

/* Ends the kernels that run with the sticky @error, a CUresult; with none running,
 * the next one. */
void ring_fake_fault (int error);

/* 1: the threads of running kernels stop where they next wait; 0: they go on. */
void ring_fake_freeze (int on);

typedef int (*RingFakeSet) (const char *name, long value);
typedef int (*RingFakeFail) (const char *function, unsigned nth, int error);
typedef unsigned (*RingFakeCalls) (const char *function);
typedef const char *(*RingFakeFunction) (unsigned i);
typedef void (*RingFakeReset) (void);
typedef void (*RingFakeGetLive) (RingFakeLive *live);
typedef void (*RingFakeFault) (int error);
typedef void (*RingFakeFreeze) (int on);

#endif /* RING_CUDA_FAKE_H */
