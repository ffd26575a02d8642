/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * fake.h: what the parts of the stand-in driver share.
 *
 * One lock guards everything but the bytes of the device's memory; `changed` is
 * broadcast whenever something finishes. A stream is a thread with a queue of
 * operations; an operation's number in its stream says when it is done, so an
 * event is a stream and a number.
 */
#ifndef RING_FAKE_H
#define RING_FAKE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cuda.h>

#include "cuda-fake.h"
#include "ringkernel/device.h"

#define FAKE_API __attribute__ ((visibility ("default"))) CUresult CUDAAPI
#define FAKE_CONTROL __attribute__ ((visibility ("default")))

/* The same function by another name. */
#define FAKE_ALIAS(alias, name) \
  __asm__(".globl " #alias "\n.type " #alias ", @function\n.set " #alias \
          ", " #name)

#define FAKE_MAX_DEVICES 8

/* ---- entry points ---------------------------------------------------------- */

#define ENTRY(name) FAKE_##name,
#define NOT_THERE(name) FAKE_##name,
typedef enum
{
#include "entries.h"
  FAKE_N_ENTRIES
} FakeEntry;
#undef ENTRY
#undef NOT_THERE

typedef struct FakeContext FakeContext;
typedef struct FakeStream FakeStream;
typedef struct FakeOp FakeOp;

enum
{
  FAKE_ANY_TIME = 1u << 0,      /* before cuInit, too */
  FAKE_CURRENT = 1u << 1,       /* needs a current context, and a sound one */
  FAKE_NOT_IN_CAPTURE = 1u << 2 /* what a capture elsewhere may forbid */
};

/* Counts and traces the call and takes the lock. An error: it is not to be done,
 * and the lock is not taken. */
CUresult fake_enter (FakeEntry entry, unsigned flags);
/* Gives the lock back. */
CUresult fake_leave (CUresult result);

#define FAKE_ENTER(name, flags) \
  do { \
    const CUresult entered_ = fake_enter (FAKE_##name, flags); \
    if (entered_ != CUDA_SUCCESS) \
      return entered_; \
  } while (0)

/* ---- objects ---------------------------------------------------------------- */

typedef enum
{
  FAKE_CONTEXT,
  FAKE_STREAM,
  FAKE_EVENT,
  FAKE_MODULE,
  FAKE_GRAPH,
  FAKE_EXEC,
  FAKE_N_KINDS
} FakeKind;

typedef struct FakeObject
{
  struct FakeObject *next, **link; /* in the list of live ones */
  FakeKind kind;
  unsigned refs;
  FakeContext *context;
  void (*destroy) (struct FakeObject *object);
} FakeObject;

typedef struct
{
  FakeStream *stream; /* a reference */
  uint64_t number;
} FakeMark;

struct FakeContext
{
  FakeObject object;
  int device;
  bool primary;
  unsigned retained;
  unsigned flags;
  CUresult failed; /* sticky */
  bool locked;     /* by who waits for all of its work; see EXCLUSIVE_WAITS */
  FakeStream *legacy;
  FakeStream *streams; /* those that are gone and have work left, too */
};

struct FakeStream
{
  FakeObject object;
  unsigned flags;
  int priority;
  bool legacy, gone, started;
  FakeStream *next; /* of the context */
  pthread_cond_t more;
  FakeOp *first, **last;
  uint64_t enqueued, done; /* numbers of operations */
  struct FakeGraph *capture;
  CUstreamCaptureMode capture_mode;
  pthread_t capturer;
  bool capture_broken;
};

typedef struct
{
  FakeObject object;
  unsigned flags;
  FakeMark mark;
  uint64_t time; /* ns; of the last operation that recorded it */
} FakeEvent;

#define FAKE_MAX_FUNCTIONS 16

/* A function of a module; its handle is this one's address. */
typedef struct
{
  const char *name;
  const RingDeviceKernel *kernel;
} FakeFunction;

typedef struct
{
  FakeObject object;
  void *library;
  const RingDeviceKernel *kernel; /* that it describes; NULL: none */
  CUdeviceptr description;
  unsigned n_functions;
  FakeFunction functions[FAKE_MAX_FUNCTIONS];
} FakeModule;

typedef struct
{
  FakeModule *module; /* a reference */
  const RingDeviceKernel *kernel;
  unsigned grid, block;
  bool cooperative;
  void *parameter; /* owned */
} FakeLaunchArgs;

typedef struct FakeGraph
{
  FakeObject object;
  unsigned n_nodes;
  FakeLaunchArgs *nodes;
} FakeGraph;

/* ---- operations -------------------------------------------------------------- */

/* One side of a copy. */
typedef struct
{
  CUdeviceptr device; /* 0: the host's */
  uint8_t *host;
  size_t pitch;
} FakeSide;

typedef enum
{
  FAKE_OP_MARK,
  FAKE_OP_COPY,
  FAKE_OP_FILL,
  FAKE_OP_WRITE,
  FAKE_OP_WAIT,
  FAKE_OP_FREE,
  FAKE_OP_HOST,
  FAKE_OP_KERNEL
} FakeOpType;

struct FakeOp
{
  FakeOp *next;
  FakeOpType type;
  uint64_t number;
  FakeMark *after; /* what must be done before */
  unsigned n_after;
  FakeEvent *event; /* MARK: gets the time; a reference */
  FakeSide to, from;
  size_t width, height;
  void *staging; /* owned */
  CUdeviceptr address;
  uint64_t value;
  unsigned flags, size; /* WRITE, WAIT; FILL: value is the byte */
  CUhostFn function;
  void *data;
  FakeLaunchArgs launch;
};

/* ---- memory ------------------------------------------------------------------ */

typedef enum
{
  FAKE_MEMORY_DEVICE,
  FAKE_MEMORY_PINNED,
  FAKE_MEMORY_REGISTERED
} FakeMemoryKind;

typedef struct
{
  FakeMemoryKind kind;
  CUdeviceptr device;
  size_t size;
  uint8_t *bytes; /* where they lie in this process */
  size_t mapped;  /* pages, with the guard behind them */
  FakeContext *context;
  unsigned flags;
  bool freed;    /* in stream order; not to be named any more */
  bool internal; /* a module's; not counted */
} FakeMemory;

CUresult fake_memory_new (FakeContext *context, FakeMemoryKind kind,
    size_t size, uint8_t *host, FakeMemory **memory);
void fake_memory_free (FakeMemory *memory);
/* The live memory that [@device, @device + @size] lies in. */
FakeMemory *fake_memory_find (CUdeviceptr device, size_t size);
FakeMemory *fake_memory_find_host (const void *host, size_t size);
/* Is it in the ranges where addresses of devices lie? */
bool fake_is_device_address (const void *address);
void fake_memory_drop_context (FakeContext *context);
void fake_memory_count (RingFakeLive *live);
/* Where [@device, @device + @size] lies in this process, for a kernel of @context
 * (NULL: for a copy); NULL: nowhere. Needs no lock. */
void *fake_memory_localise (FakeContext *context, CUdeviceptr device,
    size_t size);

/* ---- the rest, by file; all with the lock held unless said otherwise ----------- */

typedef struct
{
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool initialised, forked;
  long devices, multiprocessors, max_threads, exec_timeout, cooperative;
  long stream_memops, memory_pools, memory, driver_version, capability;
  long exclusive_waits;
  FakeObject *live[FAKE_N_KINDS];
  FakeContext *primary[FAKE_MAX_DEVICES];
  uint64_t used_bytes[FAKE_MAX_DEVICES];
  long used_slots[FAKE_MAX_DEVICES]; /* blocks that run */
  struct FakeLaunch *running;
  unsigned n_running;
  CUresult pending_fault;
  unsigned global_captures;
} FakeState;

extern FakeState fake;
/* The current context of this thread; the sound one that FAKE_CURRENT found. */
extern __thread FakeContext *fake_current;

/* state.c */
void fake_object_init (void *object, FakeKind kind, FakeContext *context,
    void (*destroy) (FakeObject *));
/* NULL where @handle is none of @kind that lives. */
void *fake_object_find (FakeKind kind, const void *handle);
void *fake_object_ref (void *object);
void fake_object_unref (void *object);
/* The handle is no handle any more. */
void fake_object_retire (void *object);
uint64_t fake_now (void);
const char *fake_entry_name (unsigned entry);

/* context.c */
void fake_context_end (FakeContext *context);
void fake_contexts_forget (void);

/* stream.c */
FakeStream *fake_stream_find (CUstream handle, bool current_only);
FakeStream *fake_stream_new (FakeContext *context, unsigned flags,
    int priority);
void fake_stream_end (FakeStream *stream);
FakeOp *fake_op_new (FakeOpType type);
void fake_op_after (FakeOp *op, FakeStream *stream, uint64_t number);
/* Takes @op. Errors: the stream captures, which takes kernels alone. */
CUresult fake_enqueue (FakeStream *stream, FakeOp *op);
/* Waits for the operation, with the lock given back meanwhile; returns the
 * context's error. */
CUresult fake_wait (FakeStream *stream, uint64_t number);
CUresult fake_wait_stream (FakeStream *stream);
/* Everything that was enqueued in the context until now: implicit synchronisation. */
CUresult fake_wait_context (FakeContext *context);
void fake_context_fail (FakeContext *context, CUresult error);

/* copy.c: without the lock */
void fake_op_copy (FakeStream *stream, FakeOp *op);
void fake_op_fill (FakeStream *stream, FakeOp *op);
void fake_op_write (FakeStream *stream, FakeOp *op);
void fake_op_wait (FakeStream *stream, FakeOp *op);

/* launch.c */
void fake_op_kernel (FakeStream *stream, FakeOp *op); /* without the lock */
CUresult fake_launch_enqueue (FakeStream *stream, const FakeLaunchArgs *args);
void fake_launch_args_clear (FakeLaunchArgs *args);
FakeLaunchArgs fake_launch_args_copy (const FakeLaunchArgs *args);
void fake_kernels_end (CUresult error);
extern _Atomic uint32_t fake_frozen;

/* module.c */
/* @module: what it is of. */
const FakeFunction *fake_function_find (CUfunction function,
    FakeModule **module);
void fake_module_destroy (FakeObject *object);
/* builtin-kernels.c, generated */
typedef struct
{
  const char *name;
  const RingDeviceKernel *kernel;
} FakeBuiltinKernel;
extern const FakeBuiltinKernel fake_builtin_kernels[];
/* Functions that are no resident loop, by the names that an image has for them. */
extern const FakeFunction fake_builtin_functions[];

/* graph.c */
/* Does a capture forbid this thread what is not safe during one? */
bool fake_captures (void);
void fake_capture_drop (FakeStream *stream);
CUresult fake_capture_launch (FakeStream *stream, const FakeLaunchArgs *args);

#endif /* RING_FAKE_H */
