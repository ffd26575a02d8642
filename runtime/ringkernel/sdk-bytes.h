/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * sdk-bytes.h: bytes that are moved by fours and more, as memory likes it.
 */
#ifndef RING_SDK_BYTES_H
#define RING_SDK_BYTES_H

#include "kernel-sdk.h"

/* RING_MAP_BYTES (to, from, n, w, result): to[i] becomes what `result` makes of
 * from[i], for all i below n, shared out. `w` is a uint32_t that holds the bytes i to
 * i + 3, for an i that is a multiple of four, the first the least; each byte of
 * `result` may depend on that byte of `w` and on its place. So bytes are moved four or
 * sixteen at a time, as memory likes it. `to` may be `from`.
 * RING_MAP_ROW_BYTES is the same for what is in a row, inside RING_FOR_EACH_ROW*. */
#ifdef RING_STRIDED
#define RING_MAP_BYTES(to, from, n, w, ...) \
  RING_MAP_ ((int64_t) ring->block * ring->n_lanes + ring->lane, \
      (int64_t) ring->n_blocks * ring->n_lanes, RING_FOR_EACH, to, from, n, w, \
      __VA_ARGS__)
#define RING_MAP_ROW_BYTES(to, from, n, w, ...) \
  RING_MAP_ (ring->lane, ring->n_lanes, RING_FOR_EACH_LANE, to, from, n, w, \
      __VA_ARGS__)

typedef struct
{
  uint32_t w[4];
} __attribute__ ((aligned (16))) RING_MAY_ALIAS_ RingQuad_;

RING_FUNCTION int
ring_is_aligned_ (const RING_GLOBAL uint8_t *a, const RING_GLOBAL uint8_t *b)
{
  return (((size_t) a | (size_t) b) & 15) == 0;
}

/* A lane has several reads under way before it waits for the first. */
#define RING_MAP_AHEAD_ 4
#define RING_MAP_(first, step, each, to, from, n, w, ...) \
  do { \
    RING_GLOBAL uint8_t *const ring_to_ = (to); \
    const RING_GLOBAL uint8_t *const ring_from_ = (from); \
    const int64_t ring_n_ = (int64_t) (n), ring_step_ = (step); \
    int64_t ring_done_ = 0; \
    if (ring_is_aligned_ (ring_to_, ring_from_)) { \
      RING_GLOBAL RingQuad_ *const ring_out_ = \
          (RING_GLOBAL RingQuad_ *) ring_to_; \
      const RING_GLOBAL RingQuad_ *const ring_in_ = \
          (const RING_GLOBAL RingQuad_ *) ring_from_; \
      const int64_t ring_quads_ = ring_n_ / 16; \
      for (int64_t ring_q_ = (first); ring_q_ < ring_quads_; \
           ring_q_ += RING_MAP_AHEAD_ * ring_step_) { \
        RingQuad_ ring_v_[RING_MAP_AHEAD_] = { { { 0, 0, 0, 0 } } }; \
        RING_UNROLLED \
        for (int ring_k_ = 0; ring_k_ < RING_MAP_AHEAD_; ring_k_++) \
          if (ring_q_ + ring_k_ * ring_step_ < ring_quads_) \
            ring_v_[ring_k_] = ring_in_[ring_q_ + ring_k_ * ring_step_]; \
        RING_UNROLLED \
        for (int ring_k_ = 0; ring_k_ < RING_MAP_AHEAD_; ring_k_++) { \
          RING_UNROLLED \
          for (int ring_j_ = 0; ring_j_ < 4; ring_j_++) { \
            const uint32_t w = ring_v_[ring_k_].w[ring_j_]; \
            ring_v_[ring_k_].w[ring_j_] = (__VA_ARGS__); \
          } \
          if (ring_q_ + ring_k_ * ring_step_ < ring_quads_) \
            ring_out_[ring_q_ + ring_k_ * ring_step_] = ring_v_[ring_k_]; \
        } \
      } \
      ring_done_ = ring_quads_ * 16; \
    } \
    each (ring_i_, ring_n_ - ring_done_) \
    { \
      const int64_t ring_at_ = ring_done_ + ring_i_; \
      const int ring_shift_ = (int) (ring_at_ & 3) * 8; \
      const uint32_t w = (uint32_t) ring_from_[ring_at_] << ring_shift_; \
      ring_to_[ring_at_] = \
          (uint8_t) ((uint32_t) (__VA_ARGS__) >> ring_shift_); \
    } \
  } while (0)
#else
#define RING_MAP_BYTES(to, from, n, w, ...) \
  RING_MAP_ (RING_FOR_EACH, ring_is_first_worker (), to, from, n, w, \
      __VA_ARGS__)
#define RING_MAP_ROW_BYTES(to, from, n, w, ...) \
  RING_MAP_ (RING_FOR_EACH_LANE, 1, to, from, n, w, __VA_ARGS__)
#define RING_MAP_(each, has_rest, to, from, n, w, ...) \
  do { \
    RING_GLOBAL uint8_t *const ring_to_ = (to); \
    const RING_GLOBAL uint8_t *const ring_from_ = (from); \
    const int64_t ring_n_ = (int64_t) (n); \
    each (ring_i_, ring_n_ / 4) \
    { \
      uint32_t w; \
      __builtin_memcpy (&w, ring_from_ + 4 * ring_i_, 4); \
      w = (__VA_ARGS__); \
      __builtin_memcpy (ring_to_ + 4 * ring_i_, &w, 4); \
    } \
    if (has_rest) { \
      for (int64_t ring_at_ = ring_n_ / 4 * 4; ring_at_ < ring_n_; \
           ring_at_++) { \
        const int ring_shift_ = (int) (ring_at_ & 3) * 8; \
        const uint32_t w = (uint32_t) ring_from_[ring_at_] << ring_shift_; \
        ring_to_[ring_at_] = \
            (uint8_t) ((uint32_t) (__VA_ARGS__) >> ring_shift_); \
      } \
    } \
  } while (0)
#endif

/* A pixel of four bytes at once, the first the least; from and to any address. Vectors
 * of these need no sorting of bytes. */
RING_FUNCTION uint32_t
ring_load_u32 (const RING_GLOBAL uint8_t *from)
{
  uint32_t w;

#ifdef RING_CUDA
  if (((size_t) from & 3) == 0)
    return *(const RING_GLOBAL uint32_t *) from;
  w = (uint32_t) from[0] | (uint32_t) from[1] << 8 | (uint32_t) from[2] << 16
      | (uint32_t) from[3] << 24;
#else
  __builtin_memcpy (&w, from, 4);
#endif
  return w;
}

RING_FUNCTION void
ring_store_u32 (RING_GLOBAL uint8_t *to, uint32_t w)
{
#ifdef RING_CUDA
  if (((size_t) to & 3) == 0) {
    *(RING_GLOBAL uint32_t *) to = w;
  } else {
    to[0] = (uint8_t) w;
    to[1] = (uint8_t) (w >> 8);
    to[2] = (uint8_t) (w >> 16);
    to[3] = (uint8_t) (w >> 24);
  }
#else
  __builtin_memcpy (to, &w, 4);
#endif
}

/* Four bytes at an address that is a multiple of four. */
RING_FUNCTION uint32_t
ring_load_word (const RING_GLOBAL uint8_t *from)
{
#ifdef RING_CUDA
  return *(const RING_GLOBAL uint32_t *) from;
#else
  return ring_load_u32 (from);
#endif
}

RING_FUNCTION void
ring_store_word (RING_GLOBAL uint8_t *to, uint32_t w)
{
#ifdef RING_CUDA
  *(RING_GLOBAL uint32_t *) to = w;
#else
  ring_store_u32 (to, w);
#endif
}

/* Bytes 0 and 2 of a word, and 1 and 3, in its halves: a sum of words is then two. */
RING_FUNCTION uint32_t
ring_even_bytes (uint32_t w)
{
  return w & 0xff00ff;
}

RING_FUNCTION uint32_t
ring_odd_bytes (uint32_t w)
{
#ifdef RING_CUDA
  return __byte_perm (w, 0, 0x4341); /* one instruction */
#else
  return w >> 8 & 0xff00ff;
#endif
}

#endif /* RING_SDK_BYTES_H */
