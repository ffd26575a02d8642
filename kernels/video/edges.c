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
 */
#include <ringkernel/kernel-sdk.h>

/* Bytes of a row that a CPU works on together: so many that what it stores is not needed
 * at once, so few that it stays in the nearest cache. */
#define EDGES_RUN 2048

RING_FUNCTION uint8_t
edges_magnitude (int32_t gx, int32_t gy)
{
  const int32_t square = ring_min_i32 (gx * gx + gy * gy, 255 * 255);

  return (uint8_t) (int32_t) (ring_sqrtf ((float) square) + 0.5f);
}

/* The three rows around a pixel, and the bytes to its left and right. */
RING_FUNCTION uint8_t
edges_at (const RING_GLOBAL uint8_t *above, const RING_GLOBAL uint8_t *row,
    const RING_GLOBAL uint8_t *below, int64_t left, int64_t x, int64_t right)
{
  return edges_magnitude ((above[right] + 2 * row[right] + below[right])
          - (above[left] + 2 * row[left] + below[left]),
      (below[left] + 2 * below[x] + below[right])
          - (above[left] + 2 * above[x] + above[right]));
}

#ifndef RING_STRIDED
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

  RING_FOR_EACH_ROW_OF (y, in.height) {
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
    RING_FOR_EACH_LANE (x, n)
      to[x] = (x & 3) == keep
          ? row[x]
          : edges_at (above, row, below, x < step ? x : x - step, x,
              x + step < n ? x + step : x);
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
