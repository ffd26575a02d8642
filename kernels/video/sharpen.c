/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sharpens by an unsharp mask: what a Gaussian blur takes away is added once more.
 *
 *   v + amount (v - blurred),  where they differ by the threshold or more
 *
 * rounded and saturated. The Gaussian reaches over ceil (3 sigma) pixels to either
 * side, the border replicated; in 8.8 bits, its weights rounded to 1/65536 so that
 * they sum up to 1, and computed without the machine's own functions: results are
 * equal on every backend. RGB: each colour on its own, alpha is kept. YUV: luma;
 * chroma is kept.
 */
#include <ringkernel/kernel-sdk.h>

#define SHARPEN_MAX_RADIUS 15
#define SHARPEN_ONE 65536

/* In scratch, before the blurred columns. */
typedef struct
{
  float exact[16];
  uint32_t weight[16];
} SharpenWeights;

/* By the first worker alone. */
RING_FUNCTION void
sharpen_weigh (RING_GLOBAL SharpenWeights *weights, float sigma, int32_t radius)
{
  /* e to the -1 / (2 sigma^2): its 64th root by a series, and that squared again. */
  const float x = 1.0f / (128.0f * sigma * sigma);
  float root = 1.0f - x * (1.0f - x * (0.5f - x * (1.0f / 6.0f - x / 24.0f)));
  float ratio, weight = 1.0f, total = 1.0f;
  int32_t rest = SHARPEN_ONE;

  RING_ROLLED
  for (int32_t k = 0; k < 6; k++)
    root *= root;
  /* The k-th is the ratio to the k^2, and so 2 k - 1 of those from the one before. */
  ratio = root;
  RING_ROLLED
  for (int32_t k = 1; k <= radius; k++) {
    weight *= ratio;
    ratio *= root * root;
    weights->exact[k] = weight;
    total += 2.0f * weight;
  }
  RING_ROLLED
  for (int32_t k = 1; k <= radius; k++) {
    const int32_t rounded =
        (int32_t) (weights->exact[k] / total * (float) SHARPEN_ONE + 0.5f);

    weights->weight[k] = (uint32_t) rounded;
    rest -= 2 * rounded;
  }
  weights->weight[0] = (uint32_t) rest;
}

/* @width columns from @x on, @width a constant. */
RING_FUNCTION void
sharpen_columns (const RingPlane from, RING_GLOBAL uint16_t *to, int64_t x,
    int32_t y, const RING_GLOBAL uint32_t *weight, int32_t radius,
    const int32_t width)
{
  const int32_t last = (int32_t) from.height - 1;
  const RING_GLOBAL uint8_t *row = ring_row (from, y) + x;
  uint32_t sum[RING_TILE];

  for (int32_t j = 0; j < width; j++)
    sum[j] = row[j] * weight[0] + 128;
  for (int32_t k = 1; k <= radius; k++) {
    const RING_GLOBAL uint8_t *above =
        ring_row (from, ring_max_i32 (y - k, 0)) + x;
    const RING_GLOBAL uint8_t *below =
        ring_row (from, ring_min_i32 (y + k, last)) + x;
    const uint32_t w = weight[k];

    for (int32_t j = 0; j < width; j++)
      sum[j] += (uint32_t) (above[j] + below[j]) * w;
  }
  for (int32_t j = 0; j < width; j++)
    to[x + j] = (uint16_t) (sum[j] >> 8);
}

/* @v and its surroundings of 8.24 bits. */
RING_FUNCTION uint8_t
sharpen_mix (uint8_t v, uint32_t blurred, int32_t amount, int32_t limit)
{
  const int32_t detail = v * 256 - (int32_t) (blurred >> 16);
  const int32_t more = (detail * amount + 32768) >> 16;
  const int32_t is_flat = detail < limit && detail > -limit;

  return (uint8_t) ring_clamp_i32 (v + (is_flat ? 0 : more), 0, 255);
}

RING_KERNEL (sharpen, "Sharpens a picture: adds what a blur would take away",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_SCRATCH (sizeof (SharpenWeights)),
    RING_SCRATCH_PER_BYTE (2),
    RING_FLOAT (amount, 1.0, 0.0, 10.0, RING_UNIT_RATIO,
        "How much of the detail is added; 0 leaves the picture as it is"),
    RING_FLOAT (sigma, 1.0, 0.3, 5.0, RING_UNIT_PIXELS,
        "Standard deviation of the blur: how coarse detail may be"),
    RING_INT (threshold, 0, 0, 255,
        "What differs from its surroundings by less, in steps of 8 bits, is kept: noise for instance"))
{
  RING_GLOBAL SharpenWeights *weights = (RING_GLOBAL SharpenWeights *) scratch;
  RING_GLOBAL uint16_t *columns =
      (RING_GLOBAL uint16_t *) (scratch + sizeof (SharpenWeights));
  const RING_GLOBAL uint32_t *weight = weights->weight;
  const int32_t keep = ring_video_layout (in.format).a;
  const int32_t radius =
      ring_min_i32 ((int32_t) ring_ceilf (3.0f * params.sigma),
          SHARPEN_MAX_RADIUS);
  const int32_t amount = (int32_t) (params.amount * 256.0f + 0.5f);
  const int32_t limit = params.threshold * 256;
  const int32_t step = (int32_t) in.plane[0].pixel_stride;
  const int64_t n = (int64_t) in.width * step;
  const int64_t tiles = (n + RING_TILE - 1) / RING_TILE;

  if (ring_is_first_worker ())
    sharpen_weigh (weights, params.sigma, radius);
  ring_barrier ();

  RING_FOR_EACH_ROW_OF (y, in.height) {
    RING_GLOBAL uint16_t *to = columns + y * n;

    /* The last tile ends with the row and may overlap the one before. */
    if (n >= RING_TILE) {
      RING_FOR_EACH_LANE (t, tiles)
        sharpen_columns (in.plane[0], to,
            t == tiles - 1 ? n - RING_TILE : t * RING_TILE, (int32_t) y, weight,
            radius, RING_TILE);
    } else {
      RING_FOR_EACH_LANE (x, n)
        sharpen_columns (in.plane[0], to, x, (int32_t) y, weight, radius, 1);
    }
  }
  ring_barrier ();

  RING_FOR_EACH_ROW_OF (y, in.height) {
    const RING_GLOBAL uint16_t *blurred = columns + y * n;
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);
    const int64_t border = radius * step;
    int64_t inner = 0;

#ifndef RING_STRIDED
    if (n >= RING_TILE + 2 * border) {
      inner = n - 2 * border;
      for (int64_t done = 0; done < inner; done += RING_TILE) {
        const int64_t x =
            border + (done < inner - RING_TILE ? done : inner - RING_TILE);
        uint32_t sum[RING_TILE];

        for (int32_t j = 0; j < RING_TILE; j++)
          sum[j] = blurred[x + j] * weight[0] + 32768;
        for (int32_t k = 1; k <= radius; k++) {
          const RING_GLOBAL uint16_t *left = blurred + x - k * step;
          const RING_GLOBAL uint16_t *right = blurred + x + k * step;
          const uint32_t w = weight[k];

          for (int32_t j = 0; j < RING_TILE; j++)
            sum[j] += (uint32_t) (left[j] + right[j]) * w;
        }
        for (int32_t j = 0; j < RING_TILE; j++)
          to[x + j] = sharpen_mix (from[x + j], sum[j], amount, limit);
        if (keep >= 0) {
          for (int64_t j = (keep - x) & 3; j < RING_TILE; j += 4)
            to[x + j] = from[x + j];
        }
      }
    }
#endif
    /* Both borders, or all of a row that has no tile. */
    RING_FOR_EACH_LANE (i, n - inner) {
      const int64_t x = inner == 0 || i < border ? i : inner + i;
      const int64_t first = (int32_t) x % step, last = n - step + first;
      uint32_t sum = blurred[x] * weight[0] + 32768;

      RING_ROLLED
      for (int32_t k = 1; k <= radius; k++) {
        const int64_t left = x - k * step, right = x + k * step;

        sum += (uint32_t) (blurred[left < 0 ? first : left]
                   + blurred[right < n ? right : last])
            * weight[k];
      }
      to[x] =
          (x & 3) == keep ? from[x] : sharpen_mix (from[x], sum, amount, limit);
    }
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
