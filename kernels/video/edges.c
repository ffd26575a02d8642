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
/* A CPU works on a few columns at a time, and there on one row after the other: what a
 * row adds to the sums is the same for the one above and the one below, and is kept. What
 * is kept of two rows lies no multiple of 4 KiB apart: processors take that for the same. */
#define EDGES_STRIP 1920
#define EDGES_MIN_ROWS 16
#define EDGES_MAX_PARTS 64

typedef struct
{
  int16_t smooth[EDGES_STRIP]; /* with weights 1 2 1 */
  int16_t slope[EDGES_STRIP];  /* right minus left */
} EdgesRow;

/* RING_TILE bytes of a row. */
RING_FUNCTION void
edges_add (const RING_GLOBAL uint8_t *row, int64_t step, int16_t *smooth,
    int16_t *slope)
{
  const RING_GLOBAL uint8_t *left = row - step, *right = row + step;

  for (int32_t j = 0; j < RING_TILE; j++) {
    smooth[j] = (int16_t) (left[j] + 2 * row[j] + right[j]);
    slope[j] = (int16_t) (right[j] - left[j]);
  }
}

/* Those from @x on of a row of @n, of which some neighbours may lie outside. */
RING_FUNCTION void
edges_add_border (const RING_GLOBAL uint8_t *row, int64_t x, int64_t n,
    int64_t step, int16_t *smooth, int16_t *slope)
{
  uint8_t around[RING_TILE + 8];

  for (int32_t j = 0; j < RING_TILE; j++)
    around[4 + j] = row[x + j];
  for (int64_t i = 1; i <= step; i++) {
    const int64_t left = x - i, right = x + RING_TILE - 1 + i;

    around[4 - i] = row[left < 0 ? left + step : left];
    around[3 + RING_TILE + i] = row[right < n ? right : right - step];
  }
  edges_add (around + 4, step, smooth, slope);
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
edges_tile (const EdgesRow *above, const EdgesRow *row, const EdgesRow *below,
    int64_t i, RING_GLOBAL uint8_t *to)
{
  for (int32_t j = 0; j < RING_TILE; j++)
    to[j] =
        edges_magnitude_16 ((int16_t) (above->slope[i + j]
                                + 2 * row->slope[i + j] + below->slope[i + j]),
            (int16_t) (below->smooth[i + j] - above->smooth[i + j]));
}

/* Rows @begin to @end, from byte @x on @width of them, RING_TILE or more. Those stay that
 * are 0 in @mask. */
RING_FUNCTION void
edges_strip (const RingPlane in, const RingPlane out, int64_t begin,
    int64_t end, int64_t x, int64_t width, uint32_t mask)
{
  EdgesRow memory[3], *above = memory, *row = memory + 1, *below = memory + 2;
  const int64_t last = (int64_t) in.height - 1, step = in.pixel_stride;
  const int64_t n = (int64_t) in.width * step;

  for (int64_t y = begin - 1; y <= end; y++) {
    const RING_GLOBAL uint8_t *from = ring_row (in,
        y < 0          ? 0
            : y > last ? last
                       : y);
    const int64_t middle = y > begin ? y - 1 : begin;
    const RING_GLOBAL uint8_t *kept = ring_row (in, middle) + x;
    RING_GLOBAL uint8_t *to = ring_row (out, middle) + x;
    EdgesRow *next = above;

    above = row;
    row = below;
    below = next;
    /* The last tile ends with the strip, and may overlap the one before. Both steps in
     * one loop: a processor takes roots of one tile while it adds up another. */
    for (int64_t done = 0; done < width; done += RING_TILE) {
      const int64_t i = done < width - RING_TILE ? done : width - RING_TILE;

      if (x + i < step || x + i + RING_TILE + step > n)
        edges_add_border (from, x + i, n, step, below->smooth + i,
            below->slope + i);
      else
        edges_add (from + x + i, step, below->smooth + i, below->slope + i);
    }
    for (int64_t done = 0; done < width && y > begin; done += RING_TILE) {
      const int64_t i = done < width - RING_TILE ? done : width - RING_TILE;
      edges_tile (above, row, below, i, to + i);
    }
    if (y > begin && mask != ~0u) {
      for (int64_t i = 0; i < width; i += 4)
        ring_store_u32 (to + i,
            (ring_load_u32 (to + i) & mask)
                | (ring_load_u32 (kept + i) & ~mask));
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
  int64_t rows = in.height;

#ifndef RING_STRIDED
  if (n >= RING_TILE) {
    const int64_t most = (rows + EDGES_MIN_ROWS - 1) / EDGES_MIN_ROWS;
    const int64_t parts = most < EDGES_MAX_PARTS ? most : EDGES_MAX_PARTS;
    const uint32_t mask = keep < 0 ? ~0u : ~(0xffu << 8 * keep);

    RING_FOR_EACH (part, parts) {
      for (int64_t done = 0; done < n; done += EDGES_STRIP) {
        const int64_t x = done < n - RING_TILE ? done : n - RING_TILE;

        edges_strip (in.plane[0], out.plane[0], part * rows / parts,
            (part + 1) * rows / parts, x,
            n - x < EDGES_STRIP ? n - x : EDGES_STRIP, mask);
      }
    }
    rows = 0;
  }
#endif
  RING_FOR_EACH_ROW_OF (y, rows) {
    const RING_GLOBAL uint8_t *row = ring_row (in.plane[0], y);
    const RING_GLOBAL uint8_t *above =
        ring_row (in.plane[0], y > 0 ? y - 1 : 0);
    const RING_GLOBAL uint8_t *below =
        ring_row (in.plane[0], y < last ? y + 1 : last);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);

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
