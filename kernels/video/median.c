/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Median filter: takes single wrong pixels away and leaves edges sharp.
 *
 * A component becomes the median of the 3x3 or 5x5 around it in its own plane, the
 * border replicated; exact. RGB: each colour on its own. YUV: chroma as well, over
 * as many of its own pixels. Alpha is kept.
 *
 * The median is what is left when the least and the greatest of some values are
 * dropped again and again, another taking their place as long as there is one: so few
 * are at hand at a time, and which are compared does not depend on what they are.
 */
/* Its values stay in registers. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

/* The lower of two to @a. */
#define MEDIAN_SORT(a, b) \
  { \
    const uint8_t lower = v[a] < v[b] ? v[a] : v[b]; \
    v[b] = v[a] < v[b] ? v[b] : v[a]; \
    v[a] = lower; \
  }

/* Pairs of one of the first half, and one from @h on. */
#define MEDIAN_PAIRS_1(h) MEDIAN_SORT (0, h)
#define MEDIAN_PAIRS_2(h) MEDIAN_PAIRS_1 (h) MEDIAN_SORT (1, h + 1)
#define MEDIAN_PAIRS_3(h) MEDIAN_PAIRS_2 (h) MEDIAN_SORT (2, h + 2)
#define MEDIAN_PAIRS_4(h) MEDIAN_PAIRS_3 (h) MEDIAN_SORT (3, h + 3)
#define MEDIAN_PAIRS_5(h) MEDIAN_PAIRS_4 (h) MEDIAN_SORT (4, h + 4)
#define MEDIAN_PAIRS_6(h) MEDIAN_PAIRS_5 (h) MEDIAN_SORT (5, h + 5)
#define MEDIAN_PAIRS_7(h) MEDIAN_PAIRS_6 (h) MEDIAN_SORT (6, h + 6)
/* The least of the first to 0, the greatest of the last to @e. */
#define MEDIAN_ENDS_2(e) MEDIAN_SORT (0, 1) MEDIAN_SORT (e - 1, e)
#define MEDIAN_ENDS_3(e) \
  MEDIAN_ENDS_2 (e) MEDIAN_SORT (0, 2) MEDIAN_SORT (e - 2, e)
#define MEDIAN_ENDS_4(e) \
  MEDIAN_ENDS_3 (e) MEDIAN_SORT (0, 3) MEDIAN_SORT (e - 3, e)
#define MEDIAN_ENDS_5(e) \
  MEDIAN_ENDS_4 (e) MEDIAN_SORT (0, 4) MEDIAN_SORT (e - 4, e)
#define MEDIAN_ENDS_6(e) \
  MEDIAN_ENDS_5 (e) MEDIAN_SORT (0, 5) MEDIAN_SORT (e - 5, e)
#define MEDIAN_ENDS_7(e) \
  MEDIAN_ENDS_6 (e) MEDIAN_SORT (0, 6) MEDIAN_SORT (e - 6, e)
/* Of 2 @pairs values, or of one more, then @half is one more as well. */
#define MEDIAN_OF(pairs, half) \
  MEDIAN_PAIRS_##pairs (half) MEDIAN_ENDS_##half (pairs + half - 1)
/* The least is forgotten, and the greatest lies behind those that count next. */
#define MEDIAN_NEXT(value) v[0] = (value);

/* Around *@at; @u, @d, @l and @r are how far the neighbours above, below, to the left
 * and to the right are. */
RING_FUNCTION uint8_t
median_of_9 (const RING_GLOBAL uint8_t *at, int32_t u, int32_t d, int32_t l,
    int32_t r)
{
  uint8_t v[6] = { at[u + l], at[u], at[u + r], at[l], at[0], at[r] };

  MEDIAN_OF (3, 3)
  MEDIAN_NEXT (at[d + l])
  MEDIAN_OF (2, 3)
  MEDIAN_NEXT (at[d])
  MEDIAN_OF (2, 2)
  MEDIAN_NEXT (at[d + r])
  MEDIAN_OF (1, 2)
  return v[1];
}

/* Likewise, with two neighbours to each side. */
RING_FUNCTION uint8_t
median_of_25 (const RING_GLOBAL uint8_t *at, int32_t uu, int32_t u, int32_t d,
    int32_t dd, int32_t ll, int32_t l, int32_t r, int32_t rr)
{
  uint8_t v[14] = { at[uu + ll], at[uu + l], at[uu], at[uu + r], at[uu + rr],
    at[u + ll], at[u + l], at[u], at[u + r], at[u + rr], at[ll], at[l], at[0],
    at[r] };

  MEDIAN_OF (7, 7)
  MEDIAN_NEXT (at[rr])
  MEDIAN_OF (6, 7)
  MEDIAN_NEXT (at[d + ll])
  MEDIAN_OF (6, 6)
  MEDIAN_NEXT (at[d + l])
  MEDIAN_OF (5, 6)
  MEDIAN_NEXT (at[d])
  MEDIAN_OF (5, 5)
  MEDIAN_NEXT (at[d + r])
  MEDIAN_OF (4, 5)
  MEDIAN_NEXT (at[d + rr])
  MEDIAN_OF (4, 4)
  MEDIAN_NEXT (at[dd + ll])
  MEDIAN_OF (3, 4)
  MEDIAN_NEXT (at[dd + l])
  MEDIAN_OF (3, 3)
  MEDIAN_NEXT (at[dd])
  MEDIAN_OF (2, 3)
  MEDIAN_NEXT (at[dd + r])
  MEDIAN_OF (2, 2)
  MEDIAN_NEXT (at[dd + rr])
  MEDIAN_OF (1, 2)
  return v[1];
}

#ifndef RING_STRIDED
/* Of 3x3, a CPU works on a run of a row: each three bytes above each other are sorted
 * once, and used three times. Of three such columns the median is that of the greatest of
 * the least, the median of those in the middle, and the least of the greatest. A run has
 * so many bytes that what is stored is not needed at once, so few that it stays in the
 * nearest cache. */
#define MEDIAN_RUN 2048
#define MEDIAN_BEFORE (2 * RING_TILE)

typedef struct
{
  uint8_t low[MEDIAN_BEFORE + MEDIAN_RUN + 2 * RING_TILE];
  uint8_t middle[MEDIAN_BEFORE + MEDIAN_RUN + 2 * RING_TILE];
  uint8_t high[MEDIAN_BEFORE + MEDIAN_RUN + 2 * RING_TILE];
} MedianColumns;

RING_FUNCTION uint8_t
median_min (uint8_t a, uint8_t b)
{
  return a < b ? a : b;
}

RING_FUNCTION uint8_t
median_max (uint8_t a, uint8_t b)
{
  return a < b ? b : a;
}

RING_FUNCTION uint8_t
median_of_3 (uint8_t a, uint8_t b, uint8_t c)
{
  return median_max (median_min (a, b), median_min (median_max (a, b), c));
}

/* RING_TILE columns, about what is at @from. */
RING_FUNCTION void
median_sort (const RING_GLOBAL uint8_t *from, int32_t u, int32_t d,
    MedianColumns *to, int64_t i)
{
  for (int32_t j = 0; j < RING_TILE; j++) {
    const uint8_t a = from[u + j], b = from[j], c = from[d + j];
    const uint8_t ab = median_min (a, b), ba = median_max (a, b);

    to->low[i + j] = median_min (ab, c);
    to->middle[i + j] = median_max (ab, median_min (ba, c));
    to->high[i + j] = median_max (ba, c);
  }
}

/* RING_TILE medians. */
RING_FUNCTION void
median_tile (const MedianColumns *c, int64_t i, int32_t step,
    RING_GLOBAL uint8_t *to)
{
  const uint8_t *low = c->low + i, *middle = c->middle + i, *high = c->high + i;

  for (int32_t j = 0; j < RING_TILE; j++)
    to[j] = median_of_3 (median_max (median_max (low[j - step], low[j]),
                             low[j + step]),
        median_of_3 (middle[j - step], middle[j], middle[j + step]),
        median_min (median_min (high[j - step], high[j]), high[j + step]));
}

RING_FUNCTION void
median_keep (RING_GLOBAL uint8_t *to, const RING_GLOBAL uint8_t *from,
    int64_t n, uint32_t mask)
{
  for (int64_t i = 0; i < n && mask != ~0u; i += 4)
    ring_store_u32 (to + i,
        (ring_load_u32 (to + i) & mask) | (ring_load_u32 (from + i) & ~mask));
}

/* A row of @n bytes, RING_TILE or more, of which those stay that are 0 in @mask; @u and
 * @d are as above. @stride is the distance to the next row of the result; as a processor
 * guesses what is needed next no farther than to the end of a page, it is told: that of
 * the next row. */
RING_FUNCTION void
median_row (const RING_GLOBAL uint8_t *from, RING_GLOBAL uint8_t *to,
    int64_t stride, int64_t n, int32_t u, int32_t d, int32_t step,
    uint32_t mask)
{
  MedianColumns c;

  for (int64_t done = 0; done < n; done += MEDIAN_RUN) {
    /* The last of them is a whole tile at least, and so may overlap the one before;
     * and so do tiles. */
    const int64_t x = done < n - RING_TILE ? done : n - RING_TILE;
    const int64_t end = x + MEDIAN_RUN < n ? x + MEDIAN_RUN : n;
    const int64_t first = x < RING_TILE ? 0 : x - RING_TILE;
    const int64_t last = end + RING_TILE < n ? end + RING_TILE : n;
    /* Where the columns of byte 0 would lie, and of the one behind the row. */
    const int64_t zero = MEDIAN_BEFORE - x, behind = zero + n;

    for (int64_t i = first; i < last; i += RING_TILE) {
      const int64_t at = i < last - RING_TILE ? i : last - RING_TILE;

      __builtin_prefetch (from + 2 * d + at);
      median_sort (from + at, u, d, &c, zero + at);
    }
    /* The border is replicated. */
    for (int64_t i = zero; i < zero + step && first == 0; i++) {
      c.low[i - step] = c.low[i];
      c.middle[i - step] = c.middle[i];
      c.high[i - step] = c.high[i];
    }
    for (int64_t i = behind; i < behind + step && last == n; i++) {
      c.low[i] = c.low[i - step];
      c.middle[i] = c.middle[i - step];
      c.high[i] = c.high[i - step];
    }
    for (int64_t i = x; i < end; i += RING_TILE) {
      const int64_t at = i < end - RING_TILE ? i : end - RING_TILE;

      __builtin_prefetch (to + stride + at, 1);
      median_tile (&c, zero + at, step, to + at);
    }
    median_keep (to + x, from + x, end - x, mask);
  }
}
#endif

RING_KERNEL (median, "Takes single wrong pixels away: the median of the neighbours",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_ENUM (size, 0, "3x3|5x5", "Of how many pixels"))
{
  const int32_t keep = ring_video_layout (in.format).a;
#ifndef RING_STRIDED
  const uint32_t mask = keep < 0 ? ~0u : ~(0xffu << 8 * keep);
#endif

  for (uint32_t p = 0; p < in.n_planes; p++) {
    const int64_t last = (int64_t) in.plane[p].height - 1;
    const int32_t stride = (int32_t) in.plane[p].stride;
    const int32_t step = (int32_t) in.plane[p].pixel_stride;
    const int64_t n = (int64_t) in.plane[p].width * step;

    RING_FOR_EACH_ROW_OF (y, in.plane[p].height) {
      const RING_GLOBAL uint8_t *from = ring_row (in.plane[p], y);
      RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);
      const int32_t u = y > 0 ? -stride : 0, uu = y > 1 ? 2 * u : u;
      const int32_t d = y < last ? stride : 0, dd = y + 1 < last ? 2 * d : d;
      int64_t inner = 0;

#ifndef RING_STRIDED
      if (params.size == 0 && n >= RING_TILE) {
        median_row (from, to, out.plane[p].stride, n, u, d, step, mask);
        continue;
      }
      /* What has both neighbours to both sides. The last tile ends with that, and
       * may overlap the one before. */
      if (params.size != 0 && n >= RING_TILE + 4 * step) {
        inner = n - 4 * step;
        for (int64_t done = 0; done < inner; done += RING_TILE) {
          const int64_t x =
              2 * step + (done < inner - RING_TILE ? done : inner - RING_TILE);
          uint8_t v[RING_TILE];

          for (int32_t j = 0; j < RING_TILE; j++)
            v[j] = median_of_25 (from + x + j, uu, u, d, dd, -2 * step, -step,
                step, 2 * step);
          for (int32_t j = 0; j < RING_TILE; j++)
            to[x + j] = v[j];
          median_keep (to + x, from + x, RING_TILE, mask);
        }
      }
#endif
      /* Two pixels at both ends, or all of a row that has no tile. */
      RING_FOR_EACH_LANE (i, n - inner) {
        const int64_t x = inner == 0 || i < 2 * step ? i : inner + i;
        const int32_t l = x < step ? 0 : -step;
        const int32_t r = x + step < n ? step : 0;

        to[x] = (x & 3) == keep ? from[x]
            : params.size == 0
            ? median_of_9 (from + x, u, d, l, r)
            : median_of_25 (from + x, uu, u, d, dd, x < 2 * step ? l : 2 * l, l,
                r, x + 2 * step < n ? 2 * r : r);
      }
    }
  }
}
