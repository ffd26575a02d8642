/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * device.h: what the resident loop needs of a device that has blocks of threads:
 * who am I, the block's barrier and memory, a clock, a pause, and words that blocks
 * share.
 *
 * On a GPU these are instructions. With RING_DEVICE_ON_HOST the same loop is
 * compiled for threads of this machine, which whoever runs them provides with a
 * RingDeviceThread; so the loop itself can be tested where there is no GPU.
 */
#ifndef RING_DEVICE_H
#define RING_DEVICE_H

#include "atomic.h"

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)

typedef struct
{
  uint32_t block, n_blocks;
  uint32_t lane, n_lanes;
} RingDeviceThread;

/* Memory that the lanes of one block share, and which needs no fetching. */
#define RING_BLOCK_MEMORY(type, name, elsewhere) \
  __shared__ type name##_in_block; \
  RING_GLOBAL type *const name = &name##_in_block
/* As many bytes, a number that the compiler knows. */
#define RING_BLOCK_BYTES(name, bytes, elsewhere) \
  __shared__ __align__ (16) uint8_t name##_in_block[bytes]; \
  RING_GLOBAL uint8_t *const name = name##_in_block

/* Where memory lies for this thread; the identity on a GPU. */
#define ring_device_address(thread, pointer) (pointer)

/* All lanes of the block come here; what each wrote before, all see after. */
RING_DEVICE void
ring_device_sync_block (RingDeviceThread *thread)
{
  (void) thread;
  __syncthreads ();
}

/* ns; one clock for the whole device. */
RING_DEVICE uint64_t
ring_device_clock (RingDeviceThread *thread)
{
  uint64_t now;

  (void) thread;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

/* 0: do not. */
RING_DEVICE void
ring_device_pause (RingDeviceThread *thread, uint32_t ns)
{
  (void) thread;
  if (ns > 0)
    __nanosleep (ns);
}

/* Words in device memory that blocks share: gpu scope is enough. */
RING_DEVICE uint64_t
ring_shared_load_acquire (const RING_GLOBAL uint64_t *word)
{
  uint64_t value;
  asm volatile("ld.acquire.gpu.global.u64 %0, [%1];"
               : "=l"(value)
               : "l"(__cvta_generic_to_global (word))
               : "memory");
  return value;
}

RING_DEVICE void
ring_shared_store_release (RING_GLOBAL uint64_t *word, uint64_t value)
{
  asm volatile("st.release.gpu.global.u64 [%0], %1;"
               :
               : "l"(__cvta_generic_to_global (word)), "l"(value)
               : "memory");
}

/* Orders what this block has written before the stores behind it. */
RING_DEVICE void
ring_shared_fence_release (void)
{
  asm volatile("fence.acq_rel.gpu;" : : : "memory");
}

RING_DEVICE void
ring_shared_store_behind (RING_GLOBAL uint64_t *word, uint64_t value)
{
  asm volatile("st.relaxed.gpu.global.u64 [%0], %1;"
               :
               : "l"(__cvta_generic_to_global (word)), "l"(value)
               : "memory");
}

/* Returns what it was. */
RING_DEVICE uint64_t
ring_shared_add (RING_GLOBAL uint64_t *word, uint64_t n)
{
  uint64_t value;
  asm volatile("atom.add.acq_rel.gpu.global.u64 %0, [%1], %2;"
               : "=l"(value)
               : "l"(__cvta_generic_to_global (word)), "l"(n)
               : "memory");
  return value;
}

/* A word in the block's own memory becomes @value if that is less. */
RING_DEVICE void
ring_block_min (RING_GLOBAL uint32_t *word, uint32_t value)
{
  atomicMin (word, value);
}

#else

typedef struct RingDeviceThread RingDeviceThread;
struct RingDeviceThread
{
  uint32_t block, n_blocks;
  uint32_t lane, n_lanes;
  /* What runs the threads provides these, and may end a thread inside any of the
   * first two. */
  void (*sync_block) (RingDeviceThread *thread);
  void (*pause) (RingDeviceThread *thread, uint32_t ns);
  uint64_t (*clock) (RingDeviceThread *thread);
  /* Device addresses are not this machine's own. */
  void *(*address) (RingDeviceThread *thread, const volatile void *device);
};

/* What a kernel's build with RING_DEVICE_ON_HOST exports as ring_device_kernel. */
typedef struct
{
  uint32_t abi_version;
  uint32_t size;           /* of this struct */
  uint32_t parameter_size; /* bytes of the launch's one parameter */
  uint32_t max_lanes;      /* threads per block at the most */
  const void *description; /* RingKernelDescription, 16,328 bytes */
  void (*resident) (const void *parameter, RingDeviceThread *thread);
} RingDeviceKernel;

#define RING_BLOCK_MEMORY(type, name, elsewhere) \
  RING_GLOBAL type *const name = (elsewhere)
#define RING_BLOCK_BYTES(name, bytes, elsewhere) \
  RING_GLOBAL uint8_t *const name = (elsewhere)

#define ring_device_address(thread, pointer) \
  ((__typeof__ (pointer)) (thread)->address (thread, pointer))
#define ring_device_sync_block(thread) (thread)->sync_block (thread)
#define ring_device_clock(thread) (thread)->clock (thread)
#define ring_device_pause(thread, ns) (thread)->pause (thread, ns)

RING_DEVICE uint64_t
ring_shared_load_acquire (const RING_GLOBAL uint64_t *word)
{
  return __atomic_load_n (word, __ATOMIC_ACQUIRE);
}

RING_DEVICE void
ring_shared_store_release (RING_GLOBAL uint64_t *word, uint64_t value)
{
  __atomic_store_n (word, value, __ATOMIC_RELEASE);
}

RING_DEVICE void
ring_shared_fence_release (void)
{
}

RING_DEVICE void
ring_shared_store_behind (RING_GLOBAL uint64_t *word, uint64_t value)
{
  __atomic_store_n (word, value, __ATOMIC_RELEASE);
}

RING_DEVICE uint64_t
ring_shared_add (RING_GLOBAL uint64_t *word, uint64_t n)
{
  return __atomic_fetch_add (word, n, __ATOMIC_ACQ_REL);
}

RING_DEVICE void
ring_block_min (RING_GLOBAL uint32_t *word, uint32_t value)
{
  uint32_t old = __atomic_load_n (word, __ATOMIC_RELAXED);

  while (value < old
      && !__atomic_compare_exchange_n (word, &old, value, 1, __ATOMIC_RELAXED,
          __ATOMIC_RELAXED))
    ;
}

#endif

#endif /* RING_DEVICE_H */
