/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Makes a picture black and white: 255 where it is brighter than a level, else 0.
 *
 * What is compared is luma: of RGB (77 R + 150 G + 29 B + 128) >> 8, of YUV its plane.
 * The level is
 *
 *   fixed     as given
 *   otsu      the one that divides the picture's histogram into two classes with the
 *             greatest variance between them (Otsu), the lowest of several
 *   adaptive  for each pixel the mean of the (2 radius + 1)^2 around it, the border
 *             replicated, less `offset`
 *
 * All in integers, the variance in IEEE doubles: equal on every backend.
 */
#include <ringkernel/kernel-sdk.h>

#define THRESHOLD_FIXED 0
#define THRESHOLD_OTSU 1

/* The largest for which the sum of a column fits 16 bits. */
#define THRESHOLD_MAX_RADIUS 127
#define THRESHOLD_ROWS (RING_TILE > 1 ? 128 : 32)
#define THRESHOLD_PIXELS (RING_TILE > 1 ? 4096 : 32)

/* In scratch, before the sums: the histogram in as many parts as work is shared out
 * in, since nobody may write what another writes. */
#define THRESHOLD_MAX_PARTS 1024
#define THRESHOLD_PARTS (RING_TILE > 1 ? 64 : THRESHOLD_MAX_PARTS)

typedef struct
{
  uint32_t part[THRESHOLD_MAX_PARTS][256];
  uint32_t total[256];
  double variance[256];
} ThresholdHistogram;

/* Weights of the bytes of a pixel. */
RING_FUNCTION uint16_t
threshold_weight (const RingVideoLayout layout, int32_t byte)
{
  return layout.r == byte ? 77
      : layout.g == byte  ? 150
      : layout.b == byte  ? 29
                          : 0;
}

RING_FUNCTION int32_t
threshold_otsu (RING_GLOBAL ThresholdHistogram *h, const RingPlane luma,
    RingWorker *ring)
{
  int32_t level = 0;
  double best = 0.0;

  RING_FOR_EACH (part, THRESHOLD_PARTS) {
    RING_GLOBAL uint32_t *bins = h->part[part];

    for (int32_t i = 0; i < 256; i++)
      bins[i] = 0;
    for (int64_t y = part; y < luma.height; y += THRESHOLD_PARTS) {
      const RING_GLOBAL uint8_t *row = ring_row (luma, y);

      for (uint32_t x = 0; x < luma.width; x++)
        bins[row[x]]++;
    }
  }
  ring_barrier ();
  RING_FOR_EACH (i, 256) {
    uint32_t total = 0;

    for (int32_t part = 0; part < THRESHOLD_PARTS; part++)
      total += h->part[part][i];
    h->total[i] = total;
  }
  ring_barrier ();
  RING_FOR_EACH (i, 256) {
    int64_t below = 0, below_sum = 0, all = 0, all_sum = 0;

    for (int32_t v = 0; v < 256; v++) {
      const int64_t count = h->total[v];

      all += count;
      all_sum += count * v;
      below += v <= i ? count : 0;
      below_sum += v <= i ? count * v : 0;
    }
    if (below == 0 || below == all) {
      h->variance[i] = 0.0;
    } else {
      /* Of the means of both classes, the difference times all pixels. */
      const double apart =
          (double) all_sum * (double) below - (double) below_sum * (double) all;

      h->variance[i] =
          apart * apart / ((double) below * (double) (all - below));
    }
  }
  ring_barrier ();
  for (int32_t i = 0; i < 256; i++) {
    level = h->variance[i] > best ? i : level;
    best = h->variance[i] > best ? h->variance[i] : best;
  }
  return level;
}

RING_KERNEL (threshold, "Makes a picture black and white",
    RING_VIDEO_TO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12",
        "GRAY8"),
    RING_SCRATCH (sizeof (ThresholdHistogram)),
    RING_SCRATCH_PER_BYTE (2),
    RING_ENUM (method, 0, "fixed|otsu|adaptive",
        "fixed: one level; otsu: one that fits the picture; adaptive: one for each pixel, of those around it"),
    RING_INT (level, 127, 0, 255, "fixed: what is brighter becomes white"),
    RING_INT (radius, 7, 1, THRESHOLD_MAX_RADIUS, RING_UNIT_PIXELS,
        "adaptive: the mean is that of 2 radius + 1 pixels squared"),
    RING_INT (offset, 5, -255, 255,
        "adaptive: how much darker than the mean the level is"),
    RING_BOOL (invert, 0, "White becomes black, and black white"))
{
  RING_GLOBAL ThresholdHistogram *histogram =
      (RING_GLOBAL ThresholdHistogram *) scratch;
  RING_GLOBAL uint16_t *sums =
      (RING_GLOBAL uint16_t *) (scratch + sizeof (ThresholdHistogram));
  const RingVideoLayout layout = ring_video_layout (in.format);
  const uint16_t w0 = threshold_weight (layout, 0);
  const uint16_t w1 = threshold_weight (layout, 1);
  const uint16_t w2 = threshold_weight (layout, 2);
  const uint16_t w3 = threshold_weight (layout, 3);
  const RingPlane luma = out.plane[0];
  const int32_t width = (int32_t) in.width, height = (int32_t) in.height;
  const uint8_t flip = params.invert ? 255 : 0;
  int32_t level = params.level;

  /* Luma, where the result will be. */
  RING_FOR_EACH_ROW_OF (y, height) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y);
    RING_GLOBAL uint8_t *to = ring_row (luma, y);

    if (in.plane[0].pixel_stride == 1) {
      RING_FOR_EACH_LANE (x, width)
        to[x] = from[x];
    } else if (in.plane[0].pixel_stride == 3) {
      RING_FOR_EACH_LANE (x, width)
        to[x] = (uint8_t) ((uint16_t) (w0 * from[3 * x] + w1 * from[3 * x + 1]
                               + w2 * from[3 * x + 2] + 128)
            >> 8);
    } else {
      RING_FOR_EACH_LANE (x, width)
        to[x] =
            (uint8_t) ((uint16_t) (w0 * from[4 * x] + w1 * from[4 * x + 1]
                           + w2 * from[4 * x + 2] + w3 * from[4 * x + 3] + 128)
                >> 8);
    }
  }

  if (params.method <= THRESHOLD_OTSU) {
    if (params.method == THRESHOLD_OTSU) {
      ring_barrier ();
      level = threshold_otsu (histogram, luma, ring);
    }
    /* The lanes of a row find what they have put there themselves. */
    RING_FOR_EACH_ROW_OF (y, height) {
      RING_GLOBAL uint8_t *to = ring_row (luma, y);

      RING_FOR_EACH_LANE (x, width)
        to[x] = (uint8_t) ((to[x] > level ? 255 : 0) ^ flip);
    }
    return;
  }

  ring_barrier ();
  /* Sums of columns: what enters is added and what leaves is subtracted. */
  RING_FOR_EACH_ROW_OF (run, (height + THRESHOLD_ROWS - 1) / THRESHOLD_ROWS) {
    const int32_t first = (int32_t) run * THRESHOLD_ROWS;
    const int32_t end = ring_min_i32 (first + THRESHOLD_ROWS, height);
    RING_GLOBAL uint16_t *to = sums + (int64_t) first * width;

    RING_FOR_EACH_LANE (x, width)
      to[x] = 0;
    for (int32_t k = first - params.radius; k <= first + params.radius; k++) {
      const RING_GLOBAL uint8_t *row =
          ring_row (luma, ring_clamp_i32 (k, 0, height - 1));

      RING_FOR_EACH_LANE (x, width)
        to[x] = (uint16_t) (to[x] + row[x]);
    }
    for (int32_t y = first + 1; y < end; y++) {
      const RING_GLOBAL uint8_t *enters =
          ring_row (luma, ring_min_i32 (y + params.radius, height - 1));
      const RING_GLOBAL uint8_t *leaves =
          ring_row (luma, ring_max_i32 (y - params.radius - 1, 0));
      const RING_GLOBAL uint16_t *above = sums + (int64_t) (y - 1) * width;

      to = sums + (int64_t) y * width;
      RING_FOR_EACH_LANE (x, width)
        to[x] = (uint16_t) (above[x] + enters[x] - leaves[x]);
    }
  }
  ring_barrier ();

  RING_FOR_EACH_ROW_OF (y, height) {
    const RING_GLOBAL uint16_t *from = sums + y * width;
    RING_GLOBAL uint8_t *to = ring_row (luma, y);
    const int32_t side = 2 * params.radius + 1;
    const int32_t less = params.offset * side * side;

    RING_FOR_EACH_LANE (run,
        (width + THRESHOLD_PIXELS - 1) / THRESHOLD_PIXELS) {
      const int32_t first = (int32_t) run * THRESHOLD_PIXELS;
      const int32_t end = ring_min_i32 (first + THRESHOLD_PIXELS, width);
      int32_t sum = 0;

      for (int32_t k = first - params.radius; k <= first + params.radius; k++)
        sum += from[ring_clamp_i32 (k, 0, width - 1)];
      for (int32_t x = first; x < end; x++) {
        const int32_t is_bright = to[x] * side * side > sum - less;

        to[x] = (uint8_t) ((is_bright ? 255 : 0) ^ flip);
        sum += from[ring_min_i32 (x + params.radius + 1, width - 1)]
            - from[ring_max_i32 (x - params.radius, 0)];
      }
    }
  }
}
