/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Gaussian blur.
 *
 * Two passes, columns and then rows, each a sum over the ceil (3 sigma) pixels to
 * either side; the border is replicated. The weights are computed in float and
 * rounded to 1/65536 so that they sum up to exactly 1; from there on all is 16-bit
 * integers, of which a CPU's vector holds the most: products keep their upper half,
 * and what that cuts off is made good on average. So the result is within 1 of the
 * exact one. Subsampled chroma is blurred with half the sigma, since sigma counts
 * pixels of the picture. Alpha is kept as it is, and not used to weigh the colours.
 */
/* Its sums stay in registers. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

#define BLUR_MAX_RADIUS 60
#define BLUR_ONE 65536

/* In scratch: the weights for full planes, those for subsampled ones, and then the
 * picture between the passes, in 8.7 bits. */
typedef struct
{
  float exact[64];
  uint16_t weight[64]; /* but for the first, of two pixels together */
  int32_t radius;
  int32_t reserved[15];
} BlurWeights;

/* The upper half of a product. */
RING_FUNCTION uint16_t
blur_scale (uint16_t v, uint16_t weight)
{
  return (uint16_t) (((uint32_t) v * weight) >> 16);
}

/* One column, from @x on. Sums are of 8.8 bits. */
RING_FUNCTION void
blur_column (const RingPlane from, RING_GLOBAL uint16_t *to, int64_t x,
    int64_t y, const RING_GLOBAL uint16_t *weight, int32_t radius)
{
  const RING_GLOBAL uint8_t *row = ring_row (from, y) + x;
  const int64_t last = (int64_t) from.height - 1;
  uint16_t sum = (uint16_t) (blur_scale ((uint16_t) (row[0] << 8), weight[0])
      + (radius + 1) / 2);
  int64_t k = 1;

  /* In up to three parts: as long as both rows move on, then one, then none. So
   * the inner loops have nothing to decide. */
  while (k <= radius) {
    const int64_t up = k <= y ? from.stride : 0;
    const int64_t down = k <= last - y ? from.stride : 0;
    const RING_GLOBAL uint8_t *above = ring_row (from, up ? y - k : 0) + x;
    const RING_GLOBAL uint8_t *below = ring_row (from, down ? y + k : last) + x;
    int64_t end = radius;

    if (up && end > y)
      end = y;
    if (down && end > last - y)
      end = last - y;
    for (; k <= end; k++) {
      sum += blur_scale ((uint16_t) ((above[0] + below[0]) << 7), weight[k]);
      above -= up;
      below += down;
    }
  }
  to[x] = (uint16_t) ((sum + 1) >> 1);
}

#ifndef RING_STRIDED
/* A CPU does both passes for a few columns at a time, one row after the other: the rows
 * about, in 16 bits and with the border around them, then stay in its cache. */
#define BLUR_STRIP 768
#define BLUR_MIN_ROWS 16
/* Of the default. It is a constant to the compiler, which makes no loop of it then. */
#define BLUR_USUAL_RADIUS 6
/* Sums at once, in so many registers that a weight is worth its load. */
#ifdef __AVX2__
#define BLUR_TILE 128
#else
#define BLUR_TILE 64
#endif
#define BLUR_MAX_PARTS 64

/* The row @y from @x on, @width bytes and @border to both sides, in 8.7 bits. */
RING_FUNCTION void
blur_fetch (const RingPlane plane, int64_t y, int64_t x, int64_t width,
    int64_t border, RING_GLOBAL uint16_t *to)
{
  const int64_t step = plane.pixel_stride;
  const int64_t n = (int64_t) plane.width * step;
  const RING_GLOBAL uint8_t *row = ring_row (plane, y) + x - border;
  const int64_t all = width + 2 * border;
  const int64_t begin = x < border ? border - x : 0;
  const int64_t end = n - x + border < all ? n - x + border : all;

  for (int64_t i = begin; i < end; i++)
    to[i] = (uint16_t) (row[i] << 7);
  /* What comes next lies too far away to be guessed by the processor. */
  for (int64_t i = begin; i < end; i += 64)
    __builtin_prefetch (row + plane.stride + i);
  for (int64_t i = begin; i-- > 0;)
    to[i] = to[i + step];
  for (int64_t i = end; i < all; i++)
    to[i] = to[i - step];
}

/* BLUR_TILE sums of 8.8 bits over what is @step apart, about @at. */
RING_FUNCTION void
blur_sum (uint16_t *sum, const RING_GLOBAL uint16_t *at, int64_t step,
    const RING_GLOBAL uint16_t *weight, int32_t radius, int32_t rounding)
{
  for (int32_t j = 0; j < BLUR_TILE; j++)
    sum[j] =
        (uint16_t) (blur_scale ((uint16_t) (at[j] << 1), weight[0]) + rounding);
  for (int32_t k = 1; k <= radius; k++) {
    const RING_GLOBAL uint16_t *a = at - k * step;
    const RING_GLOBAL uint16_t *b = at + k * step;
    const uint16_t w = weight[k];

    for (int32_t j = 0; j < BLUR_TILE; j++)
      sum[j] += blur_scale ((uint16_t) (a[j] + b[j]), w);
  }
}

/* Rows @begin to @end of a plane, from @x on @width bytes, of which those are kept that
 * are 0 in @mask. @memory has space for 4 @radius + 4 rows of @stride. */
RING_FUNCTION void
blur_strip (const RingPlane from, const RingPlane out, int64_t begin,
    int64_t end, int64_t x, int64_t width, uint32_t mask,
    const RING_GLOBAL BlurWeights *weights, RING_GLOBAL uint16_t *memory,
    int64_t stride, const int32_t radius)
{
  const RING_GLOBAL uint16_t *weight = weights->weight;
  const int64_t last = (int64_t) from.height - 1;
  const int64_t step = from.pixel_stride, border = radius * step;
  const int64_t n_rows = 2 * radius + 1;
  RING_GLOBAL uint16_t *columns = memory + 2 * n_rows * stride;

  /* Each row has two places, so that there are always all of them in a line. */
  for (int64_t i = 0; begin - radius + i <= end + radius; i++) {
    const int64_t y = begin - radius + i;
    const int64_t middle = y - radius;
    RING_GLOBAL uint16_t *row = memory + i % n_rows * stride;

    if (y < end + radius) {
      blur_fetch (from, y < 0 ? 0 : y > last ? last : y, x, width, border, row);
      for (int64_t j = 0; j < stride; j++)
        row[n_rows * stride + j] = row[j];
    }
    if (middle >= begin && middle < end) {
      const RING_GLOBAL uint16_t *at =
          memory + ((i + 1) % n_rows + radius) * stride;
      RING_GLOBAL uint16_t *to = columns + (middle & 1) * stride;

      for (int64_t j = 0; j < stride; j += BLUR_TILE) {
        uint16_t sum[BLUR_TILE];

        blur_sum (sum, at + j, stride, weight, radius, (radius + 1) / 2);
        for (int32_t k = 0; k < BLUR_TILE; k++)
          to[j + k] = (uint16_t) ((sum[k] + 1) >> 1);
      }
    }
    /* The row before: what was stored just now would have to be waited for. */
    if (middle > begin) {
      const RING_GLOBAL uint16_t *at =
          columns + ((middle - 1) & 1) * stride + border;
      const RING_GLOBAL uint8_t *kept = ring_row (from, middle - 1) + x;
      RING_GLOBAL uint8_t *to = ring_row (out, middle - 1) + x;

      /* The last tile ends with the strip, and may overlap the one before. */
      for (int64_t done = 0; done < width; done += BLUR_TILE) {
        const int64_t j = done < width - BLUR_TILE ? done : width - BLUR_TILE;
        uint16_t sum[BLUR_TILE];

        for (int32_t k = 0; k < BLUR_TILE; k += 64)
          __builtin_prefetch (to + out.stride + j + k, 1);

        blur_sum (sum, at + j, step, weight, radius, (radius + 1) / 2 + 128);
        for (int32_t k = 0; k < BLUR_TILE; k++)
          to[j + k] = (uint8_t) (sum[k] >> 8);
      }
      if (mask != ~0u) {
        for (int64_t j = 0; j < width; j += 4)
          ring_store_u32 (to + j,
              (ring_load_u32 (to + j) & mask)
                  | (ring_load_u32 (kept + j) & ~mask));
      }
    }
  }
}
#endif

/* One byte anywhere in a row of @n bytes. */
RING_FUNCTION uint8_t
blur_byte (const RING_GLOBAL uint16_t *from, int64_t x, int64_t n, int64_t step,
    const RING_GLOBAL uint16_t *weight, int32_t radius)
{
  const int64_t border = radius * step;
  uint16_t sum = (uint16_t) (blur_scale ((uint16_t) (from[x] << 1), weight[0])
      + (radius + 1) / 2 + 128);

  if (x >= border && x + border < n) {
    for (int32_t k = 1; k <= radius; k++)
      sum += blur_scale ((uint16_t) (from[x - k * step] + from[x + k * step]),
          weight[k]);
  } else {
    const int64_t first = x % step;
    const int64_t last = n - step + first;

    for (int32_t k = 1; k <= radius; k++) {
      const int64_t left = x - k * step;
      const int64_t right = x + k * step;

      sum += blur_scale ((uint16_t) (from[left < 0 ? first : left]
                             + from[right < n ? right : last]),
          weight[k]);
    }
  }
  return (uint8_t) (sum >> 8);
}

RING_KERNEL (gaussian_blur, "Blurs a picture by a Gaussian",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_SCRATCH (2 * sizeof (BlurWeights)),
    RING_SCRATCH_PER_BYTE (2),
    RING_FLOAT (sigma, 2.0, 0.0, 20.0, RING_UNIT_PIXELS,
        "Standard deviation of the Gaussian; 0 leaves the picture as it is"))
{
  RING_GLOBAL BlurWeights *weights = (RING_GLOBAL BlurWeights *) scratch;
  RING_GLOBAL uint16_t *between =
      (RING_GLOBAL uint16_t *) (scratch + 2 * sizeof (BlurWeights));
  const RingVideoLayout layout = ring_video_layout (in.format);
  const int64_t keep = layout.a;

  RING_FOR_EACH (i, 2 * (BLUR_MAX_RADIUS + 1)) {
    const int64_t k = i >> 1;
    const float sigma = (i & 1) ? params.sigma * 0.5f : params.sigma;

    weights[i & 1].exact[k] = k == 0 ? 1.0f
        : sigma <= 0.0f              ? 0.0f
                        : ring_expf (-0.5f * (float) (k * k) / (sigma * sigma));
  }
  ring_barrier ();
  if (ring_is_first_worker ()) {
    for (int32_t s = 0; s < 2; s++) {
      RING_GLOBAL BlurWeights *w = &weights[s];
      const int32_t radius =
          ring_clamp_i32 ((int32_t) ring_ceilf (
                              3.0f * (s ? params.sigma * 0.5f : params.sigma)),
              0, BLUR_MAX_RADIUS);
      float total = 1.0f;
      int32_t rest = BLUR_ONE;

      for (int32_t k = 1; k <= radius; k++)
        total += 2.0f * w->exact[k];
      for (int32_t k = 1; k <= radius; k++) {
        w->weight[k] =
            (uint16_t) (2.0f * w->exact[k] / total * (float) BLUR_ONE + 0.5f);
        rest -= w->weight[k];
      }
      w->weight[0] = (uint16_t) ring_min_i32 (rest, BLUR_ONE - 1);
      w->radius = radius;
    }
  }
  ring_barrier ();

  for (int32_t pass = 0; pass < 2; pass++) {
    RING_GLOBAL uint16_t *columns = between;

    for (uint32_t p = 0; p < in.n_planes; p++) {
      const RING_GLOBAL BlurWeights *w = &weights[p > 0 && layout.x_shift[1]];
      const RingPlane plane = in.plane[p];
      const int64_t step = plane.pixel_stride;
      const int64_t n = (int64_t) plane.width * step;
      const int64_t rows = plane.height;
#ifndef RING_STRIDED
      const int64_t border = w->radius * step;
      const int64_t most = border > BLUR_STRIP / 8 ? 8 * border : BLUR_STRIP;
      const int64_t strip = n < most ? n : most;
      const int64_t stride =
          (strip + 2 * border + BLUR_TILE - 1) / BLUR_TILE * BLUR_TILE;
      /* As many as have enough of the plane's part of the scratch, in multiples of 64
       * bytes. */
      const int64_t room = n * rows / (stride * 4 * (w->radius + 1));
      const int64_t wanted = (rows + BLUR_MIN_ROWS - 1) / BLUR_MIN_ROWS;
      const int64_t allowed = room < BLUR_MAX_PARTS ? room : BLUR_MAX_PARTS;
      const int64_t parts = wanted < allowed ? wanted : allowed;

      if (n >= BLUR_TILE && parts > 0) {
        if (pass == 0) {
          RING_FOR_EACH (part, parts) {
            for (int64_t x = 0; x < n; x += strip) {
              const int64_t at = x < n - BLUR_TILE ? x : n - BLUR_TILE;

              const int64_t width = n - at < strip ? n - at : strip;
              const int64_t first = part * rows / parts;
              const int64_t end = (part + 1) * rows / parts;
              const uint32_t mask = keep < 0 ? ~0u : ~(0xffu << 8 * keep);
              RING_GLOBAL uint16_t *memory =
                  columns + part * (n * rows / parts / 32 * 32);

              if (w->radius == BLUR_USUAL_RADIUS)
                blur_strip (plane, out.plane[p], first, end, at, width, mask, w,
                    memory, stride, BLUR_USUAL_RADIUS);
              else
                blur_strip (plane, out.plane[p], first, end, at, width, mask, w,
                    memory, stride, w->radius);
            }
          }
        }
        columns += n * rows;
        continue;
      }
#endif
      if (pass == 0) {
        RING_FOR_EACH_ROW_OF (y, rows)
          RING_FOR_EACH_LANE (x, n)
            blur_column (plane, columns + y * n, x, y, w->weight, w->radius);
      } else {
        RING_FOR_EACH_ROW_OF (y, rows) {
          const RING_GLOBAL uint8_t *kept = ring_row (plane, y);
          RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);

          RING_FOR_EACH_LANE (x, n)
            to[x] = (x & 3) == keep
                ? kept[x]
                : blur_byte (columns + y * n, x, n, step, w->weight, w->radius);
        }
      }
      columns += n * rows;
    }
    if (pass == 0)
      ring_barrier ();
  }
}
