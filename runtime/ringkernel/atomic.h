/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * atomic.h: all ordering between host and device, in a handful of primitives.
 *
 * Loads acquire and stores release, at system scope on the device. There is no
 * read-modify-write here: across PCIe none is needed, see abi.h.
 *
 * On a device across a bus, each acquire waits for a round trip before the next load
 * may begin, and each release for what was written before it to arrive. So where
 * several words are read or written together, only one of the accesses orders:
 *
 *   ring_load_ahead_*     goes out with the loads that follow, up to the next acquire, as
 *                         long as nobody asks for its value; but loads of one line of
 *                         memory wait for each other, so what lies together is read
 *                         in one
 *   ring_fence_acquire    makes acquires of the loads ahead of it
 *   ring_fence_release    makes releases of the stores behind it
 *   ring_store_behind_*   such a store; these are not ordered among themselves
 *
 * On a CPU ordering costs nothing of the kind, and each of these loads acquires and
 * each of these stores releases; so ThreadSanitizer, which knows no fences, sees what
 * orders what.
 */
#ifndef RING_ATOMIC_H
#define RING_ATOMIC_H

#include "abi.h"

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define RING_DEVICE __device__ __forceinline__
#define RING_BOTH __host__ __device__ __forceinline__
/* Before a loop that is short, and whose code is not worth having several times. */
#define RING_ROLLED _Pragma ("unroll 1")
/* Before one whose steps must not wait for each other. */
#define RING_UNROLLED _Pragma ("unroll")
#else
#define RING_DEVICE static inline __attribute__ ((always_inline, unused))
#define RING_BOTH static inline __attribute__ ((always_inline, unused))
#define RING_ROLLED
#define RING_UNROLLED
#endif

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)

RING_DEVICE uint64_t
ring_load_acquire_u64 (const RING_GLOBAL uint64_t *word)
{
  uint64_t value;
  asm volatile("ld.acquire.sys.global.u64 %0, [%1];"
               : "=l"(value)
               : "l"(__cvta_generic_to_global (word))
               : "memory");
  return value;
}

RING_DEVICE uint32_t
ring_load_acquire_u32 (const RING_GLOBAL uint32_t *word)
{
  uint32_t value;
  asm volatile("ld.acquire.sys.global.u32 %0, [%1];"
               : "=r"(value)
               : "l"(__cvta_generic_to_global (word))
               : "memory");
  return value;
}

RING_DEVICE void
ring_store_release_u64 (RING_GLOBAL uint64_t *word, uint64_t value)
{
  asm volatile("st.release.sys.global.u64 [%0], %1;"
               :
               : "l"(__cvta_generic_to_global (word)), "l"(value)
               : "memory");
}

RING_DEVICE void
ring_store_release_u32 (RING_GLOBAL uint32_t *word, uint32_t value)
{
  asm volatile("st.release.sys.global.u32 [%0], %1;"
               :
               : "l"(__cvta_generic_to_global (word)), "r"(value)
               : "memory");
}

RING_DEVICE uint64_t
ring_load_ahead_u64 (const RING_GLOBAL uint64_t *word)
{
  uint64_t value;
  asm volatile("ld.relaxed.sys.global.u64 %0, [%1];"
               : "=l"(value)
               : "l"(__cvta_generic_to_global (word))
               : "memory");
  return value;
}

RING_DEVICE uint32_t
ring_load_ahead_u32 (const RING_GLOBAL uint32_t *word)
{
  uint32_t value;
  asm volatile("ld.relaxed.sys.global.u32 %0, [%1];"
               : "=r"(value)
               : "l"(__cvta_generic_to_global (word))
               : "memory");
  return value;
}

/* Four neighbours, aligned to 16 bytes, in one access. Each is read whole; they are not
 * read as one. */
RING_DEVICE void
ring_load_ahead_4_u32 (const RING_GLOBAL uint32_t *words, uint32_t value[4])
{
  asm volatile("ld.relaxed.sys.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(value[0]), "=r"(value[1]), "=r"(value[2]), "=r"(value[3])
               : "l"(__cvta_generic_to_global (words))
               : "memory");
}

RING_DEVICE void
ring_store_behind_u64 (RING_GLOBAL uint64_t *word, uint64_t value)
{
  asm volatile("st.relaxed.sys.global.u64 [%0], %1;"
               :
               : "l"(__cvta_generic_to_global (word)), "l"(value)
               : "memory");
}

RING_DEVICE void
ring_store_behind_u32 (RING_GLOBAL uint32_t *word, uint32_t value)
{
  asm volatile("st.relaxed.sys.global.u32 [%0], %1;"
               :
               : "l"(__cvta_generic_to_global (word)), "r"(value)
               : "memory");
}

RING_DEVICE void
ring_fence_acquire (void)
{
  asm volatile("fence.acq_rel.sys;" : : : "memory");
}

RING_DEVICE void
ring_fence_release (void)
{
  asm volatile("fence.acq_rel.sys;" : : : "memory");
}

/* For "publish, then look whether the other side sleeps": the store before must
 * be visible before the load after. */
RING_DEVICE void
ring_fence (void)
{
  __threadfence_system ();
}

#else

RING_DEVICE uint64_t
ring_load_acquire_u64 (const RING_GLOBAL uint64_t *word)
{
  return __atomic_load_n (word, __ATOMIC_ACQUIRE);
}

RING_DEVICE uint32_t
ring_load_acquire_u32 (const RING_GLOBAL uint32_t *word)
{
  return __atomic_load_n (word, __ATOMIC_ACQUIRE);
}

RING_DEVICE void
ring_store_release_u64 (RING_GLOBAL uint64_t *word, uint64_t value)
{
  __atomic_store_n (word, value, __ATOMIC_RELEASE);
}

RING_DEVICE void
ring_store_release_u32 (RING_GLOBAL uint32_t *word, uint32_t value)
{
  __atomic_store_n (word, value, __ATOMIC_RELEASE);
}

RING_DEVICE uint64_t
ring_load_ahead_u64 (const RING_GLOBAL uint64_t *word)
{
  return __atomic_load_n (word, __ATOMIC_ACQUIRE);
}

RING_DEVICE uint32_t
ring_load_ahead_u32 (const RING_GLOBAL uint32_t *word)
{
  return __atomic_load_n (word, __ATOMIC_ACQUIRE);
}

RING_DEVICE void
ring_load_ahead_4_u32 (const RING_GLOBAL uint32_t *words, uint32_t value[4])
{
  int i;

  for (i = 0; i < 4; i++)
    value[i] = __atomic_load_n (&words[i], __ATOMIC_ACQUIRE);
}

RING_DEVICE void
ring_store_behind_u64 (RING_GLOBAL uint64_t *word, uint64_t value)
{
  __atomic_store_n (word, value, __ATOMIC_RELEASE);
}

RING_DEVICE void
ring_store_behind_u32 (RING_GLOBAL uint32_t *word, uint32_t value)
{
  __atomic_store_n (word, value, __ATOMIC_RELEASE);
}

RING_DEVICE void
ring_fence_acquire (void)
{
}

RING_DEVICE void
ring_fence_release (void)
{
}

/* For "publish, then look whether the other side sleeps": the store before must
 * be visible before the load after. */
RING_DEVICE void
ring_fence (void)
{
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
}

#endif

#endif /* RING_ATOMIC_H */
