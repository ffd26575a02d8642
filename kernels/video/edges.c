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

/* The three rows around a pixel, and the bytes to its left and right. */
RING_FUNCTION uint8_t
edges_at (const RING_GLOBAL uint8_t *above, const RING_GLOBAL uint8_t *row,
    const RING_GLOBAL uint8_t *below, int64_t left, int64_t x, int64_t right)
{
  const int16_t gx = (int16_t) ((above[right] + 2 * row[right] + below[right])
      - (above[left] + 2 * row[left] + below[left]));
  const int16_t gy = (int16_t) ((below[left] + 2 * below[x] + below[right])
      - (above[left] + 2 * above[x] + above[right]));
  const int32_t square = ring_min_i32 (gx * gx + gy * gy, 255 * 255);

  return (uint8_t) (int32_t) (ring_sqrtf ((float) square) + 0.5f);
}

/* @width bytes of a row from @x on, all with both neighbours inside the row,
 * @width a constant. Those at @keep of every four stay as they are. */
RING_FUNCTION void
edges_run (const RING_GLOBAL uint8_t *above, const RING_GLOBAL uint8_t *row,
    const RING_GLOBAL uint8_t *below, RING_GLOBAL uint8_t *to, int64_t x,
    int64_t step, int64_t keep, const int32_t width)
{
  uint8_t v[RING_TILE];

  for (int32_t j = 0; j < width; j++)
    v[j] = edges_at (above + x, row + x, below + x, j - step, j, j + step);
  for (int32_t j = 0; j < width; j++)
    to[x + j] = v[j];
  if (keep >= 0) {
    for (int64_t j = (keep - x) & 3; j < width; j += 4)
      to[x + j] = row[x + j];
  }
}

RING_KERNEL (edges, "Shows edges: the magnitude of the Sobel gradient",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"))
{
  const RingVideoLayout layout = ring_video_layout (in.format);
  const int64_t keep = layout.a;
  const int64_t step = in.plane[0].pixel_stride;
  const int64_t last = (int64_t) in.height - 1;
  const int64_t n = (int64_t) in.width * step;
  const int64_t inner = n - 2 * step;
  const int64_t tiles = (inner + RING_TILE - 1) / RING_TILE;

  RING_FOR_EACH_ROW_OF (y, in.height) {
    const RING_GLOBAL uint8_t *row = ring_row (in.plane[0], y);
    const RING_GLOBAL uint8_t *above =
        ring_row (in.plane[0], y > 0 ? y - 1 : 0);
    const RING_GLOBAL uint8_t *below =
        ring_row (in.plane[0], y < last ? y + 1 : last);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);

    /* The last tile ends with the inner part and may overlap the one before. */
    if (inner >= RING_TILE) {
      RING_FOR_EACH_LANE (t, tiles)
        edges_run (above, row, below, to,
            step + (t == tiles - 1 ? inner - RING_TILE : t * RING_TILE), step,
            keep, RING_TILE);
    }
    /* The first and the last pixel, or all of a row that is hardly more. */
    RING_FOR_EACH_LANE (i, inner >= RING_TILE ? 2 * step : n) {
      const int64_t x = inner < RING_TILE || i < step ? i : inner + i;

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
