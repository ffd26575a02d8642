/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * sdk-lookup.h: bytes that become what a table says. No compiler makes vectors of that,
 * since each byte is loaded from somewhere else; but 256 bytes fit into registers, and
 * there a CPU's instructions for permutations find many at once.
 */
#ifndef RING_SDK_LOOKUP_H
#define RING_SDK_LOOKUP_H

#include "abi.h"
#include "atomic.h"

/* RING_LOOKUP_ROW (to, from, n, table, mask): to[i] becomes table[from[i]], for what is
 * in a row of n bytes, shared out; inside RING_FOR_EACH_ROW*. `table` has 256 bytes, and
 * none of them changes meanwhile. `mask` is a uint32_t of which the byte i & 3, the
 * first the least, is 0xff, or 0 where from[i] is to stay as it is. `to` may be `from`,
 * but no other part of it. */
#ifdef RING_STRIDED
RING_BOTH uint32_t
ring_lookup_u32_ (const RING_GLOBAL uint8_t *table, uint32_t w, uint32_t mask)
{
  return (((uint32_t) table[w & 255] | (uint32_t) table[w >> 8 & 255] << 8
              | (uint32_t) table[w >> 16 & 255] << 16
              | (uint32_t) table[w >> 24] << 24)
             & mask)
      | (w & ~mask);
}

#define RING_LOOKUP_ROW(to, from, n, table, mask) \
  do { \
    const RING_GLOBAL uint8_t *const ring_table_ = (table); \
    const uint32_t ring_mask_ = (mask); \
    RING_MAP_ROW_BYTES (to, from, n, w, \
        ring_lookup_u32_ (ring_table_, w, ring_mask_)); \
  } while (0)
#else
#define RING_LOOKUP_ROW(to, from, n, table, mask) \
  ring_lookup_row_ (to, from, (int64_t) (n), table, mask)

/* By what is GCC's alone; other compilers take the next way. */
#if defined(__AVX512BW__) && defined(__has_builtin) && !defined(__clang__)
#if __has_builtin(__builtin_ia32_ptestmb512) \
    && __has_builtin(__builtin_ia32_blendmb_512_mask)
#define RING_LOOKUP_STEP_ 64
#endif
#endif
#if !defined(RING_LOOKUP_STEP_) && defined(__AVX2__)
#define RING_LOOKUP_STEP_ 32
#endif

#if RING_LOOKUP_STEP_ + 0 == 64
#define RING_LOOKUP_TWICE_ _Pragma ("GCC unroll 2")
typedef uint16_t RingLookupLanes_ __attribute__ ((vector_size (64)));
typedef int16_t RingLookupSigns_ __attribute__ ((vector_size (64)));
typedef char RingLookupBytes_ __attribute__ ((vector_size (64)));
typedef uint8_t RingLookupHalf_ __attribute__ ((vector_size (32)));

/* What the four quarters of the table have in the same places, in two times 64 lanes of
 * two bytes: 0 and 64, 1 and 65, …, 63 and 127; 128 and 192, … */
typedef struct
{
  RingLookupLanes_ lane[4];
} RingLookupTable_;

RING_BOTH RingLookupTable_
ring_lookup_table_ (const uint8_t *table)
{
  RingLookupTable_ t;

  for (int r = 0; r < 4; r++) {
    const uint8_t *at = table + (r & 2) * 64 + (r & 1) * 32;
    RingLookupHalf_ a, b;

    __builtin_memcpy (&a, at, sizeof a);
    __builtin_memcpy (&b, at + 64, sizeof b);
    t.lane[r] = __builtin_convertvector(a, RingLookupLanes_)
        | __builtin_convertvector(b, RingLookupLanes_) << 8;
  }
  return t;
}

/* Where the lower six bits of each lane of @i point to, in the table's upper half where
 * the lane of @upper is all ones. */
RING_BOTH RingLookupLanes_
ring_lookup_lanes_ (const RingLookupTable_ *t, RingLookupLanes_ i,
    RingLookupSigns_ upper)
{
  const RingLookupLanes_ a = __builtin_shuffle (t->lane[0], t->lane[1], i);
  const RingLookupLanes_ b = __builtin_shuffle (t->lane[2], t->lane[3], i);

  return a ^ ((a ^ b) & (RingLookupLanes_) upper);
}

RING_BOTH RingLookupLanes_
ring_lookup_step_ (const RingLookupTable_ *t, RingLookupLanes_ v)
{
  const RingLookupLanes_ even =
      ring_lookup_lanes_ (t, v, (RingLookupSigns_) (v << 8) >> 15);
  const RingLookupLanes_ odd =
      ring_lookup_lanes_ (t, v >> 8, (RingLookupSigns_) v >> 15);
  const RingLookupLanes_ a = (even & 0xff) | odd << 8;
  const RingLookupLanes_ b = even >> 8 | (odd & 0xff00);
  const RingLookupBytes_ bit = (RingLookupBytes_){} + 64;
  const unsigned long long set =
      __builtin_ia32_ptestmb512 ((RingLookupBytes_) v, bit, ~0ull);
  const RingLookupBytes_ result =
      __builtin_ia32_blendmb_512_mask ((RingLookupBytes_) a,
          (RingLookupBytes_) b, set);

  return (RingLookupLanes_) result;
}
#elif RING_LOOKUP_STEP_ + 0 == 32
#define RING_LOOKUP_TWICE_
typedef char RingLookupLanes_ __attribute__ ((vector_size (32)));
typedef uint16_t RingLookupPairs_ __attribute__ ((vector_size (32)));

/* Sixteen rows of sixteen bytes, each twice. */
typedef struct
{
  RingLookupLanes_ row[16];
} RingLookupTable_;

RING_BOTH RingLookupTable_
ring_lookup_table_ (const uint8_t *table)
{
  RingLookupTable_ t;

  for (int r = 0; r < 16; r++) {
    __builtin_memcpy (&t.row[r], table + 16 * r, 16);
    __builtin_memcpy ((char *) &t.row[r] + 16, table + 16 * r, 16);
  }
  return t;
}

/* Those of @b where the highest bit of @choice is set, and of @a elsewhere. */
#define RING_LOOKUP_CHOOSE_(a, b, choice) \
  __builtin_ia32_pblendvb256 (a, b, (RingLookupLanes_) (choice))
#define RING_LOOKUP_IN_2_(r) \
  RING_LOOKUP_CHOOSE_ (__builtin_ia32_pshufb256 (t->row[r], column), \
      __builtin_ia32_pshufb256 (t->row[(r) + 1], column), pairs << 3)
#define RING_LOOKUP_IN_4_(r) \
  RING_LOOKUP_CHOOSE_ (RING_LOOKUP_IN_2_ (r), RING_LOOKUP_IN_2_ ((r) + 2), \
      pairs << 2)
#define RING_LOOKUP_IN_8_(r) \
  RING_LOOKUP_CHOOSE_ (RING_LOOKUP_IN_4_ (r), RING_LOOKUP_IN_4_ ((r) + 4), \
      pairs << 1)

RING_BOTH RingLookupLanes_
ring_lookup_step_ (const RingLookupTable_ *t, RingLookupLanes_ v)
{
  const RingLookupPairs_ pairs = (RingLookupPairs_) v;
  const RingLookupLanes_ column = v & 15;

  return RING_LOOKUP_CHOOSE_ (RING_LOOKUP_IN_8_ (0), RING_LOOKUP_IN_8_ (8), v);
}
#endif

RING_BOTH void
ring_lookup_row_ (uint8_t *to, const uint8_t *from, int64_t n,
    const uint8_t *table, uint32_t mask)
{
  const uint64_t masks = mask | (uint64_t) mask << 32;
  int64_t i = 0;

#ifdef RING_LOOKUP_STEP_
  if (n >= RING_LOOKUP_STEP_) {
    const RingLookupTable_ t = ring_lookup_table_ (table);
    uint32_t every[RING_LOOKUP_STEP_ / 4];
    RingLookupLanes_ taken;

    for (int j = 0; j < RING_LOOKUP_STEP_ / 4; j++)
      every[j] = mask;
    __builtin_memcpy (&taken, every, sizeof taken);
    RING_LOOKUP_TWICE_
    for (; i + RING_LOOKUP_STEP_ <= n; i += RING_LOOKUP_STEP_) {
      RingLookupLanes_ v;

      __builtin_memcpy (&v, from + i, sizeof v);
      v ^= (ring_lookup_step_ (&t, v) ^ v) & taken;
      __builtin_memcpy (to + i, &v, sizeof v);
    }
  }
#endif
  /* Bytes of a register, so that nothing is put together in memory. */
  for (; i + 8 <= n; i += 8) {
    uint64_t v, r = 0;

    __builtin_memcpy (&v, from + i, 8);
    for (int j = 0; j < 64; j += 8)
      r |= (uint64_t) table[v >> j & 255] << j;
    v ^= (r ^ v) & masks;
    __builtin_memcpy (to + i, &v, 8);
  }
  for (; i < n; i++)
    to[i] = (uint8_t) (masks >> (i & 3) * 8) ? table[from[i]] : from[i];
}
#endif

#endif /* RING_SDK_LOOKUP_H */
