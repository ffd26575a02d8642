/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bilateral filter: takes noise away and leaves edges.
 *
 * A pixel becomes the mean of the (2 radius + 1)^2 around, the border replicated, each
 * weighed by how near it is and by how much its colour is the same:
 *
 *   G (distance in pixels, sigma_space) G (distance of the colours, sigma_color)
 *   G (d, sigma) = (1 - d^2 / (32 sigma^2))^16,  and 0 from d^2 = 32 sigma^2 on
 *
 * which is a Gaussian, within 0.02, that needs no exponential function. Colours are as
 * far apart as red, green and blue are in 8-bit steps, squared and added up. YUV: luma
 * alone; chroma is kept. Alpha is kept. In IEEE floats, added row by row: equal on
 * every backend.
 */
#include <ringkernel/kernel-sdk.h>

/* How many pixels at once: as many sums as registers hold. */
#define BILATERAL_TILE (RING_TILE > 1 ? 16 : 1)

RING_FUNCTION float
bilateral_weight (float square, float factor)
{
  float w = ring_maxf (1.0f - square * factor, 0.0f);

  w *= w;
  w *= w;
  w *= w;
  return w * w;
}

typedef struct
{
  float v[3];
} BilateralPixel;

/* A pixel of @step bytes, @step a constant; its colours begin at bit @first. */
RING_FUNCTION BilateralPixel
bilateral_pixel (const RING_GLOBAL uint8_t *at, int32_t first,
    const int32_t step)
{
  BilateralPixel p = { { 0.0f, 0.0f, 0.0f } };

  if (step == 4) {
    uint32_t w = ring_load_u32 (at);

    w >>= first;
    p.v[0] = (float) (int32_t) (w & 255);
    p.v[1] = (float) (int32_t) (w >> 8 & 255);
    p.v[2] = (float) (int32_t) (w >> 16 & 255);
  } else {
    p.v[0] = (float) at[0];
    if (step == 3) {
      p.v[1] = (float) at[1];
      p.v[2] = (float) at[2];
    }
  }
  return p;
}

RING_FUNCTION uint32_t
bilateral_byte (float v)
{
  return (uint32_t) (int32_t) (v + 0.5f);
}

/* @width pixels from @x on; @width is a constant, and so is @is_inside: that all
 * neighbours are in the row. */
RING_FUNCTION void
bilateral_run (const RingPlane from, RING_GLOBAL uint8_t *to, int32_t x,
    int32_t y, int32_t first, uint32_t keep, int32_t radius, float space,
    float color, const int32_t step, const int32_t is_inside,
    const int32_t width)
{
  const int32_t last = (int32_t) from.width - 1;
  const int32_t lowest = (int32_t) from.height - 1;
  const RING_GLOBAL uint8_t *at = ring_row (from, y) + (int64_t) x * step;
  float c0[BILATERAL_TILE], c1[BILATERAL_TILE], c2[BILATERAL_TILE];
  float sum0[BILATERAL_TILE], sum1[BILATERAL_TILE], sum2[BILATERAL_TILE];
  float total[BILATERAL_TILE];

  for (int32_t j = 0; j < width; j++) {
    const BilateralPixel c = bilateral_pixel (at + j * step, first, step);

    c0[j] = c.v[0], c1[j] = c.v[1], c2[j] = c.v[2];
    sum0[j] = sum1[j] = sum2[j] = total[j] = 0.0f;
  }
  RING_ROLLED
  for (int32_t dy = -radius; dy <= radius; dy++) {
    const RING_GLOBAL uint8_t *row =
        ring_row (from, ring_clamp_i32 (y + dy, 0, lowest));

    RING_ROLLED
    for (int32_t dx = -radius; dx <= radius; dx++) {
      const float near = bilateral_weight ((float) (dx * dx + dy * dy), space);
      const int32_t there =
          is_inside ? x + dx : ring_clamp_i32 (x + dx, 0, last);
      const RING_GLOBAL uint8_t *others = row + (int64_t) there * step;

      for (int32_t j = 0; j < width; j++) {
        const BilateralPixel o =
            bilateral_pixel (others + j * step, first, step);
        const float d0 = o.v[0] - c0[j], d1 = o.v[1] - c1[j],
                    d2 = o.v[2] - c2[j];
        const float square = step == 1 ? d0 * d0 : d0 * d0 + d1 * d1 + d2 * d2;
        const float w = near * bilateral_weight (square, color);

        total[j] += w;
        sum0[j] += w * o.v[0];
        if (step > 1) {
          sum1[j] += w * o.v[1];
          sum2[j] += w * o.v[2];
        }
      }
    }
  }
  to += (int64_t) x * step;
  for (int32_t j = 0; j < width; j++) {
    const uint32_t v0 = bilateral_byte (sum0[j] / total[j]);

    if (step == 1) {
      to[j] = (uint8_t) v0;
    } else {
      const uint32_t v1 = bilateral_byte (sum1[j] / total[j]);
      const uint32_t v2 = bilateral_byte (sum2[j] / total[j]);

      if (step == 3) {
        to[3 * j] = (uint8_t) v0;
        to[3 * j + 1] = (uint8_t) v1;
        to[3 * j + 2] = (uint8_t) v2;
      } else {
        uint32_t w = ring_load_u32 (at + 4 * j);

        w = (w & keep) | (v0 | v1 << 8 | v2 << 16) << first;
        ring_store_u32 (to + 4 * j, w);
      }
    }
  }
}

/* A row of pixels of @step bytes, @step a constant. */
#define BILATERAL_ROW(step) \
  do { \
    RING_FOR_EACH_LANE (i, inner > 0 ? tiles : 0) \
      bilateral_run (in.plane[0], to, \
          radius \
              + (int32_t) (i < tiles - 1 ? i * BILATERAL_TILE \
                                         : inner - BILATERAL_TILE), \
          (int32_t) y, first, keep, radius, space, color, step, 1, \
          BILATERAL_TILE); \
    RING_FOR_EACH_LANE (i, width - inner) \
      bilateral_run (in.plane[0], to, \
          (int32_t) (inner == 0 || i < radius ? i : inner + i), (int32_t) y, \
          first, keep, radius, space, color, step, 0, 1); \
  } while (0)

RING_KERNEL (bilateral, "Takes noise away and leaves edges: a mean of what is alike",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_INT (radius, 2, 1, 8, RING_UNIT_PIXELS,
        "The square has 2 radius + 1 pixels to a side"),
    RING_FLOAT (sigma_space, 2.0, 0.5, 20.0, RING_UNIT_PIXELS,
        "How far what counts may be away"),
    RING_FLOAT (sigma_color, 25.0, 1.0, 255.0,
        "How different its colour may be, in steps of 8 bits"))
{
  const int32_t alpha = ring_video_layout (in.format).a;
  const int32_t first = alpha == 0 ? 8 : 0; /* bits */
  const uint32_t keep = alpha == 0 ? 0xffu : 0xff000000u;
  const int32_t radius = params.radius;
  const float space = 1.0f / (32.0f * params.sigma_space * params.sigma_space);
  const float color = 1.0f / (32.0f * params.sigma_color * params.sigma_color);
  const int32_t width = (int32_t) in.width;
  /* What has all neighbours in its row; the last tile ends with that, and may overlap
   * the one before. On a GPU looking at where a row ends costs nothing. */
  const int32_t inner = RING_TILE > 1 && width >= 2 * radius + BILATERAL_TILE
      ? width - 2 * radius
      : 0;
  const int32_t tiles = (inner + BILATERAL_TILE - 1) / BILATERAL_TILE;

  RING_FOR_EACH_ROW_OF (y, in.height) {
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);

    if (in.plane[0].pixel_stride == 1)
      BILATERAL_ROW (1);
    else if (in.plane[0].pixel_stride == 3)
      BILATERAL_ROW (3);
    else
      BILATERAL_ROW (4);
  }

  for (uint32_t p = 1; p < in.n_planes; p++) {
    RING_FOR_EACH_ROW_OF (y, in.plane[p].height) {
      const RING_GLOBAL uint8_t *from = ring_row (in.plane[p], y);
      RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);

      RING_FOR_EACH_LANE (x,
          (int64_t) in.plane[p].width * in.plane[p].pixel_stride)
        to[x] = from[x];
    }
  }
}
