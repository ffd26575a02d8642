/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Edges: the magnitude of the Sobel gradient.
 *
 * With gx and gy the 3x3 Sobel sums (weights 1 2 1, the border replicated),
 * a component becomes
 *
 *   min (255, floor (sqrt (gx^2 + gy^2) + 0.5)).
 *
 * That is the r of 0 to 255 with r (r - 1) < gx^2 + gy^2 <= r (r + 1), all in
 * integers: the float square root is only a way to it, near enough that its
 * rounding never decides. RGB: each colour on its own, alpha is kept. YUV: edges of luma,
 * without colour.
 *
 * A GPU works on words of four bytes, two of them with each sum; a CPU on vectors.
 */
#include <ringkernel/kernel-sdk.h>

/* Bytes of a row that a CPU works on together: so many that what it stores is not needed
 * at once, so few that it stays in the nearest cache. */
#define EDGES_RUN 2048

/* The three rows around a pixel, and the bytes to its left and right. */
RING_FUNCTION uint8_t
edges_at (const RING_GLOBAL uint8_t *above, const RING_GLOBAL uint8_t *row,
    const RING_GLOBAL uint8_t *below, int64_t left, int64_t x, int64_t right)
{
  const int32_t gx = (above[right] + 2 * row[right] + below[right])
      - (above[left] + 2 * row[left] + below[left]);
  const int32_t gy = (below[left] + 2 * below[x] + below[right])
      - (above[left] + 2 * above[x] + above[right]);

  return (uint8_t) ring_length_u8 (gx, gy);
}

#ifdef RING_STRIDED
/* A lane of a GPU makes four bytes above each other in so many rows: what a row of the
 * input gives is used three times, and each row is read a quarter more than once. */
#define EDGES_ROWS 8
/* So many rows are on their way from memory while one is worked on: there are few threads
 * to wait with. */
#define EDGES_AHEAD 2

/* Four bytes of a row, the first the least, and those a pixel to each side. */
typedef struct
{
  uint32_t left, middle, right;
} EdgesWords;

/* Sums of two bytes and their neighbours in a row, in the halves of each member. They
 * are of signed 16 bits: what the lower half borrows of the upper is given back when
 * they are taken apart. */
typedef struct
{
  uint32_t across; /* right - left */
  uint32_t along;  /* left + 2 middle + right */
} EdgesSum;

typedef struct
{
  EdgesSum even, odd;
} EdgesSums;

/* Where a word of a row is, and which of its bits stand for what is beyond the row: all
 * if it is the first there or the last, or none. */
typedef struct
{
  const RING_GLOBAL uint8_t *at;
  uint32_t first, last;
} EdgesPlace;

/* What is beyond the row is read as 0, for edges_sum () to fill in: it would have to
 * wait for the middle here. Pixels of one byte lack but one to each side. */
RING_FUNCTION EdgesWords
edges_read (const EdgesPlace place, const int32_t step)
{
  EdgesWords w;

  w.middle = ring_load_word (place.at);
  w.left = place.first ? 0
      : step == 1      ? place.at[-1]
                       : ring_load_word (place.at - 4);
  w.right = place.last ? 0
      : step == 1      ? place.at[4]
                       : ring_load_word (place.at + 4);
  return w;
}

RING_FUNCTION EdgesSum
edges_sum_of (uint32_t left, uint32_t middle, uint32_t right)
{
  EdgesSum sum;

  sum.across = right - left;
  sum.along = left + 2 * middle + right;
  return sum;
}

RING_FUNCTION EdgesSums
edges_sum (EdgesWords w, const EdgesPlace place, const int32_t step)
{
  EdgesSums sums;

  /* The border is replicated. */
  if (step == 1) {
    w.left |= w.middle << 8 | (w.middle & place.first & 0xff);
    w.right =
        w.middle >> 8 | w.right << 24 | (w.middle & place.last & ~0xffffffu);
  } else if (step == 3) {
    w.left = (w.left | (w.middle << 8 & place.first)) >> 8 | w.middle << 24;
    w.right = w.middle >> 24 | (w.right | (w.middle >> 8 & place.last)) << 8;
  } else {
    w.left |= w.middle & place.first;
    w.right |= w.middle & place.last;
  }
  sums.even = edges_sum_of (ring_even_bytes (w.left),
      ring_even_bytes (w.middle), ring_even_bytes (w.right));
  sums.odd = edges_sum_of (ring_odd_bytes (w.left), ring_odd_bytes (w.middle),
      ring_odd_bytes (w.right));
  return sums;
}

/* The results for the bytes @lower and @upper of a word, in their places; none for the
 * byte @keep. */
RING_FUNCTION uint32_t
edges_two (const EdgesSum above, const EdgesSum row, const EdgesSum below,
    const int32_t lower, const int32_t upper, const int32_t keep)
{
  const uint32_t gx = above.across + 2 * row.across + below.across;
  const uint32_t gy = below.along - above.along;
  uint32_t w = 0;

  if (keep != lower)
    w += ring_length_u8 ((int16_t) (uint16_t) gx, (int16_t) (uint16_t) gy)
        << 8 * lower;
  if (keep != upper)
    w += ring_length_u8 ((int32_t) (gx + 0x8000) >> 16,
             (int32_t) (gy + 0x8000) >> 16)
        << 8 * upper;
  return w;
}

/* Four results; the byte @keep is that of @old. */
RING_FUNCTION uint32_t
edges_four (const EdgesSums above, const EdgesSums row, const EdgesSums below,
    uint32_t old, const int32_t keep)
{
  const uint32_t w = edges_two (above.even, row.even, below.even, 0, 2, keep)
      + edges_two (above.odd, row.odd, below.odd, 1, 3, keep);

  return keep < 0 ? w : (w & ~(0xffu << 8 * keep)) | (old & 0xffu << 8 * keep);
}

/* The first @words words of each row of @n bytes, as many as edges_words_of () says. No
 * lane has a way of its own: one that is below the picture computes, and does not store. */
RING_FUNCTION void
edges_words (const RingPlane in, const RingPlane out, int64_t n, int64_t words,
    const int32_t step, const int32_t keep, RingWorker *ring)
{
  const uint32_t groups = (in.height + EDGES_ROWS - 1) / EDGES_ROWS;
  const uint32_t in_stride = (uint32_t) in.stride;
  const uint32_t out_stride = (uint32_t) out.stride;

  RING_FOR_EACH (item, groups * words) {
    const uint32_t y = (uint32_t) item / (uint32_t) words * EDGES_ROWS;
    const int64_t x = 4 * (int64_t) ((uint32_t) item % (uint32_t) words);
    const uint32_t rows = in.height - y;
    EdgesPlace place = { ring_row (in, y > 0 ? y - 1 : 0) + x, x == 0 ? ~0u : 0,
      x + 4 == n ? ~0u : 0 };
    RING_GLOBAL uint8_t *to = ring_row (out, y) + x;
    EdgesWords ahead[EDGES_AHEAD + 1];
    EdgesSums sums[3];
    uint32_t old[2], w;

    /* Row 1 is that of @to, row 0 the one above. */
    RING_UNROLLED
    for (int32_t i = 0; i < EDGES_ROWS + 2 + EDGES_AHEAD; i++) {
      const int32_t done = i - EDGES_AHEAD;

      if (i < EDGES_ROWS + 2) {
        ahead[i % (EDGES_AHEAD + 1)] = edges_read (place, step);
        /* The border is replicated. */
        place.at += (i == 0 ? y > 0 : (uint32_t) i < rows) ? in_stride : 0;
      }
      if (done < 0)
        continue;
      sums[done % 3] = edges_sum (ahead[done % (EDGES_AHEAD + 1)], place, step);
      old[done % 2] = ahead[done % (EDGES_AHEAD + 1)].middle;
      if (done < 2)
        continue;
      w = edges_four (sums[(done - 2) % 3], sums[(done - 1) % 3],
          sums[done % 3], old[(done - 1) % 2], keep);
      if ((uint32_t) done - 2 < rows)
        ring_store_word (to, w);
      to += out_stride;
    }
  }
}

/* How many words of a row of @n bytes can be worked on as such. */
RING_FUNCTION int64_t
edges_words_of (const RingPlane in, const RingPlane out, int64_t n)
{
  const uint64_t all = (uint64_t) (size_t) in.data | (uint64_t) in.stride
      | (uint64_t) (size_t) out.data | (uint64_t) out.stride;

  if ((all & 3) != 0 || in.stride < 0 || out.stride < 0)
    return 0;
  /* A pixel of three bytes ends in the next word, which is to be in the row. */
  return in.pixel_stride == 3 && (n & 3) != 0 && n >= 4 ? n / 4 - 1 : n / 4;
}
#else
/* A run of a row, and what is about it, of which both sums are made: bytes above each
 * other are added up once, and what comes of them is used three times. */
#define EDGES_BEFORE (2 * RING_TILE)

typedef struct
{
  int16_t smooth[EDGES_BEFORE + EDGES_RUN + 2 * RING_TILE];
  int16_t slope[EDGES_BEFORE + EDGES_RUN + 2 * RING_TILE];
} EdgesColumns;

/* Of RING_TILE columns. */
RING_FUNCTION void
edges_add (const RING_GLOBAL uint8_t *above, const RING_GLOBAL uint8_t *row,
    const RING_GLOBAL uint8_t *below, int16_t *smooth, int16_t *slope)
{
  for (int32_t j = 0; j < RING_TILE; j++) {
    smooth[j] = (int16_t) (above[j] + 2 * row[j] + below[j]);
    slope[j] = (int16_t) (below[j] - above[j]);
  }
}

/* The magnitude, in 16 bits as long as may be: a vector holds more of them. */
RING_FUNCTION uint8_t
edges_magnitude_16 (int16_t gx, int16_t gy)
{
  const int16_t right = gx < 255 ? gx : 255, down = gy < 255 ? gy : 255;
  const int16_t x = right > -255 ? right : -255, y = down > -255 ? down : -255;
  const uint16_t xx = (uint16_t) (x * x), yy = (uint16_t) (y * y);
  const uint16_t room = (uint16_t) (255 * 255 - xx);
  const uint16_t square = (uint16_t) (xx + (yy < room ? yy : room));

  return (uint8_t) (int32_t) (ring_sqrtf ((float) (int32_t) square) + 0.5f);
}

/* RING_TILE results. */
RING_FUNCTION void
edges_tile (const int16_t *smooth, const int16_t *slope, int32_t step,
    RING_GLOBAL uint8_t *to)
{
  for (int32_t j = 0; j < RING_TILE; j++) {
    const int16_t gx = (int16_t) (smooth[j + step] - smooth[j - step]);
    const int16_t gy =
        (int16_t) (slope[j - step] + 2 * slope[j] + slope[j + step]);

    to[j] = edges_magnitude_16 (gx, gy);
  }
}

/* A row of @n bytes, RING_TILE or more, of which those stay that are 0 in @mask. @stride
 * is the distance to the next row of the result; as a processor guesses what is needed
 * next no farther than to the end of a page, it is told: that of the next row. */
RING_FUNCTION void
edges_row (const RING_GLOBAL uint8_t *above, const RING_GLOBAL uint8_t *row,
    const RING_GLOBAL uint8_t *below, RING_GLOBAL uint8_t *to, int64_t stride,
    int64_t n, int32_t step, uint32_t mask)
{
  EdgesColumns columns;

  for (int64_t done = 0; done < n; done += EDGES_RUN) {
    /* The last of them is a whole tile at least, and so may overlap the one before;
     * and so do tiles. */
    const int64_t x = done < n - RING_TILE ? done : n - RING_TILE;
    const int64_t end = x + EDGES_RUN < n ? x + EDGES_RUN : n;
    const int64_t first = x < RING_TILE ? 0 : x - RING_TILE;
    const int64_t last = end + RING_TILE < n ? end + RING_TILE : n;
    /* Where the columns of byte 0 would lie, and of the one behind the row. */
    const int64_t zero = EDGES_BEFORE - x, behind = zero + n;

    for (int64_t i = first; i < last; i += RING_TILE) {
      const int64_t at = i < last - RING_TILE ? i : last - RING_TILE;

      __builtin_prefetch (below + (below - row) + at);
      edges_add (above + at, row + at, below + at, columns.smooth + zero + at,
          columns.slope + zero + at);
    }
    /* The border is replicated. */
    for (int64_t i = zero; i < zero + step && first == 0; i++) {
      columns.smooth[i - step] = columns.smooth[i];
      columns.slope[i - step] = columns.slope[i];
    }
    for (int64_t i = behind; i < behind + step && last == n; i++) {
      columns.smooth[i] = columns.smooth[i - step];
      columns.slope[i] = columns.slope[i - step];
    }
    for (int64_t i = x; i < end; i += RING_TILE) {
      const int64_t at = i < end - RING_TILE ? i : end - RING_TILE;

      __builtin_prefetch (to + stride + at, 1);
      edges_tile (columns.smooth + zero + at, columns.slope + zero + at, step,
          to + at);
    }
    if (mask != ~0u) {
      for (int64_t i = x; i < end; i += 4)
        ring_store_u32 (to + i,
            (ring_load_u32 (to + i) & mask)
                | (ring_load_u32 (row + i) & ~mask));
    }
  }
}
#endif

RING_KERNEL (edges, "Shows edges: the magnitude of the Sobel gradient",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"))
{
  const RingVideoLayout layout = ring_video_layout (in.format);
  const int64_t keep = layout.a;
  const int64_t step = in.plane[0].pixel_stride;
  const int64_t last = (int64_t) in.height - 1;
  const int64_t n = (int64_t) in.width * step;

#ifdef RING_STRIDED
  const int64_t words = edges_words_of (in.plane[0], out.plane[0], n);
  const int64_t rest = n - 4 * words;

  if (step == 1)
    edges_words (in.plane[0], out.plane[0], n, words, 1, -1, ring);
  else if (step == 3)
    edges_words (in.plane[0], out.plane[0], n, words, 3, -1, ring);
  else if (keep == 0)
    edges_words (in.plane[0], out.plane[0], n, words, 4, 0, ring);
  else
    edges_words (in.plane[0], out.plane[0], n, words, 4, 3, ring);
#else
  const int64_t rest = n;
#endif

  RING_FOR_EACH_ROW_OF (y, rest > 0 ? in.height : 0) {
    const RING_GLOBAL uint8_t *row = ring_row (in.plane[0], y);
    const RING_GLOBAL uint8_t *above =
        ring_row (in.plane[0], y > 0 ? y - 1 : 0);
    const RING_GLOBAL uint8_t *below =
        ring_row (in.plane[0], y < last ? y + 1 : last);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);

#ifndef RING_STRIDED
    if (n >= RING_TILE) {
      edges_row (above, row, below, to, out.plane[0].stride, n, (int32_t) step,
          keep < 0 ? ~0u : ~(0xffu << 8 * keep));
      continue;
    }
#endif
    RING_FOR_EACH_LANE (i, rest) {
      const int64_t x = n - rest + i;

      to[x] = (x & 3) == keep
          ? row[x]
          : edges_at (above, row, below, x < step ? x : x - step, x,
              x + step < n ? x + step : x);
    }
  }

  for (uint32_t p = 1; p < in.n_planes; p++) {
    RING_FOR_EACH_ROW_OF (y, out.plane[p].height) {
      RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);

      RING_FOR_EACH_LANE (x,
          (int64_t) out.plane[p].width * out.plane[p].pixel_stride)
        to[x] = 128;
    }
  }
}
