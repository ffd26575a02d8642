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
edges_at (const RING_GLOBAL uint8_t * above, const RING_GLOBAL uint8_t * row,
    const RING_GLOBAL uint8_t * below, int64_t left, int64_t x, int64_t right)
{
  const int16_t gx = (int16_t) ((above[right] + 2 * row[right] + below[right])
      - (above[left] + 2 * row[left] + below[left]));
  const int16_t gy = (int16_t) ((below[left] + 2 * below[x] + below[right])
      - (above[left] + 2 * above[x] + above[right]));
  const int32_t square = ring_min_i32 (gx * gx + gy * gy, 255 * 255);

  return (uint8_t) (int32_t) (ring_sqrtf ((float) square) + 0.5f);
}

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
    const RING_GLOBAL uint8_t *above = ring_row (in.plane[0], y > 0 ? y - 1 : 0);
    const RING_GLOBAL uint8_t *below =
        ring_row (in.plane[0], y < last ? y + 1 : last);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);

    /* The first and the last pixel, which have a neighbour missing. */
    RING_FOR_EACH_LANE (i, 2 * step) {
      const int64_t x = i < step ? i : n - 2 * step + i;

      to[x] = (x & 3) == keep ? row[x] : edges_at (above, row, below,
          x < step ? x : x - step, x, x + step < n ? x + step : x);
    }

    if (keep < 0) {
      RING_FOR_EACH_LANE (i, n - 2 * step)
        to[i + step] = edges_at (above, row, below, i, i + step, i + 2 * step);
    } else {
      RING_FOR_EACH_LANE (i, n - 8)
        to[i + 4] = (i & 3) == keep ? row[i + 4]
            : edges_at (above, row, below, i, i + 4, i + 8);
    }
  }

  for (uint32_t p = 1; p < in.n_planes; p++) {
    RING_FOR_EACH_ROW_OF (y, out.plane[p].height) {
      RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);

      RING_FOR_EACH_LANE (x, (int64_t) out.plane[p].width * out.plane[p].pixel_stride)
        to[x] = 128;
    }
  }
}
