/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Box blur: the mean of the (2 radius + 1)^2 pixels around.
 *
 * The border is replicated. The mean is of the exact sum, rounded to the nearest,
 * halves up; all in integers, equal on every backend. Each component on its own;
 * subsampled chroma with half the radius, rounded down. Alpha is kept.
 *
 * Two passes, columns and then rows, of running sums: what enters the box is added
 * and what leaves it is subtracted, so that the radius hardly costs anything. A run
 * is long enough to be worth its first sum, and short enough for all workers to have
 * one.
 */
/* Its values stay in registers. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

/* The largest for which the sum of a column fits 16 bits. */
#define BOX_MAX_RADIUS 127
#define BOX_ROWS (RING_TILE > 1 ? 128 : 32)
#define BOX_PIXELS (RING_TILE > 1 ? 4096 : 32)

/* Pixels from @x to @end of a row of @width; @step is a constant. Byte @keep of each
 * is @kept. A sum times @factor, shifted, is the mean: the factor is rounded up, and
 * near enough that no sum gives another quotient. */
RING_FUNCTION void
box_row (const RING_GLOBAL uint16_t *from, const RING_GLOBAL uint8_t *kept,
    RING_GLOBAL uint8_t *to, int32_t x, int32_t end, int32_t width,
    int32_t radius, uint32_t factor, int32_t shift, int32_t keep,
    const int32_t step)
{
  const int32_t half = (2 * radius + 1) * (2 * radius + 1) / 2;
  const int32_t last = width - 1;
  uint32_t sum[4];

  RING_UNROLLED
  for (int32_t c = 0; c < step; c++)
    sum[c] = (uint32_t) half;
  for (int32_t k = x - radius; k <= x + radius; k++) {
    const RING_GLOBAL uint16_t *column =
        from + (int64_t) ring_clamp_i32 (k, 0, last) * step;

    RING_UNROLLED
    for (int32_t c = 0; c < step; c++)
      sum[c] += column[c];
  }
  while (x < end) {
    const RING_GLOBAL uint16_t *enters =
        from + (int64_t) ring_min_i32 (x + radius + 1, last) * step;
    const RING_GLOBAL uint16_t *leaves =
        from + (int64_t) ring_max_i32 (x - radius, 0) * step;
    const int64_t at = (int64_t) x * step;

#ifndef RING_STRIDED
    /* Of all this only the adding up is not for vectors. */
    if (x >= radius && x + radius + RING_TILE < width && x + RING_TILE <= end) {
      uint32_t sums[RING_TILE * 4];

      for (int32_t j = 0; j < RING_TILE * step; j++)
        sums[j] = (uint32_t) (enters[j] - leaves[j]);
      for (int32_t j = 0; j < RING_TILE * step; j += step) {
        for (int32_t c = 0; c < step; c++) {
          const uint32_t before = sum[c];

          sum[c] += sums[j + c];
          sums[j + c] = before;
        }
      }
      for (int32_t j = 0; j < RING_TILE * step; j++)
        to[at + j] = (uint8_t) (((uint64_t) sums[j] * factor) >> shift);
      if (step == 4 && keep >= 0) {
        for (int32_t j = keep; j < RING_TILE * step; j += step)
          to[at + j] = kept[at + j];
      }
      x += RING_TILE;
      continue;
    }
#endif
    RING_UNROLLED
    for (int32_t c = 0; c < step; c++) {
      const uint8_t mean = (uint8_t) (((uint64_t) sum[c] * factor) >> shift);

      to[at + c] = step == 4 && c == keep ? kept[at + c] : mean;
      sum[c] += (uint32_t) (enters[c] - leaves[c]);
    }
    x++;
  }
}

RING_KERNEL (box_blur, "Blurs a picture by the mean of a square",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_SCRATCH_PER_BYTE (2),
    RING_INT (radius, 4, 0, BOX_MAX_RADIUS, RING_UNIT_PIXELS,
        "The square has 2 radius + 1 pixels to a side; 0 leaves the picture as it is"))
{
  const int32_t keep = ring_video_layout (in.format).a;
  RING_GLOBAL uint16_t *sums = (RING_GLOBAL uint16_t *) scratch;

  for (uint32_t p = 0; p < in.n_planes; p++) {
    const RingPlane plane = in.plane[p];
    const int32_t radius = p > 0 ? params.radius / 2 : params.radius;
    const int32_t height = (int32_t) plane.height;
    const int64_t n = (int64_t) plane.width * plane.pixel_stride;

    RING_FOR_EACH_ROW_OF (run, (height + BOX_ROWS - 1) / BOX_ROWS) {
      const int32_t first = (int32_t) run * BOX_ROWS;
      const int32_t end = ring_min_i32 (first + BOX_ROWS, height);
      RING_GLOBAL uint16_t *to = sums + first * n;

      RING_FOR_EACH_LANE (x, n)
        to[x] = 0;
      for (int32_t k = first - radius; k <= first + radius; k++) {
        const RING_GLOBAL uint8_t *row =
            ring_row (plane, ring_clamp_i32 (k, 0, height - 1));

        RING_FOR_EACH_LANE (x, n)
          to[x] = (uint16_t) (to[x] + row[x]);
      }
      /* A lane finds above what it has put there itself. */
      for (int32_t y = first + 1; y < end; y++) {
        const RING_GLOBAL uint8_t *enters =
            ring_row (plane, ring_min_i32 (y + radius, height - 1));
        const RING_GLOBAL uint8_t *leaves =
            ring_row (plane, ring_max_i32 (y - radius - 1, 0));
        const RING_GLOBAL uint16_t *above = sums + (y - 1) * n;

        to = sums + y * n;
        RING_FOR_EACH_LANE (x, n)
          to[x] = (uint16_t) (above[x] + enters[x] - leaves[x]);
      }
    }
    sums += n * height;
  }
  ring_barrier ();

  sums = (RING_GLOBAL uint16_t *) scratch;
  for (uint32_t p = 0; p < in.n_planes; p++) {
    const int32_t radius = p > 0 ? params.radius / 2 : params.radius;
    const int32_t width = (int32_t) in.plane[p].width;
    const int32_t step = (int32_t) in.plane[p].pixel_stride;
    const uint32_t area = (uint32_t) ((2 * radius + 1) * (2 * radius + 1));
    int32_t shift = 8;

    /* 256 area^2 at least */
    for (uint32_t power = 1; power < area; power *= 2)
      shift += 2;
    const uint32_t factor = (uint32_t) (((uint64_t) 1 << shift) / area) + 1;

    RING_FOR_EACH_ROW_OF (y, in.plane[p].height) {
      const RING_GLOBAL uint16_t *from = sums + y * width * step;
      const RING_GLOBAL uint8_t *kept = ring_row (in.plane[p], y);
      RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);

      RING_FOR_EACH_LANE (run, (width + BOX_PIXELS - 1) / BOX_PIXELS) {
        const int32_t x = (int32_t) run * BOX_PIXELS;
        const int32_t end = ring_min_i32 (x + BOX_PIXELS, width);

        if (step == 1)
          box_row (from, kept, to, x, end, width, radius, factor, shift, keep,
              1);
        else if (step == 2)
          box_row (from, kept, to, x, end, width, radius, factor, shift, keep,
              2);
        else if (step == 3)
          box_row (from, kept, to, x, end, width, radius, factor, shift, keep,
              3);
        else
          box_row (from, kept, to, x, end, width, radius, factor, shift, keep,
              4);
      }
    }
    sums += (int64_t) width * step * in.plane[p].height;
  }
}
