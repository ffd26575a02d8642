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

/* In scratch: the weights for full planes, those for subsampled ones, and then
 * the picture between the passes, in 8.7 bits. */
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

/* @width columns from @x on, @width a constant. Sums are of 8.8 bits. */
RING_FUNCTION void
blur_columns (const RingPlane from, RING_GLOBAL uint16_t *to, int64_t x,
    int64_t y, const RING_GLOBAL uint16_t *weight, int32_t radius,
    const int32_t width)
{
  const RING_GLOBAL uint8_t *row = ring_row (from, y) + x;
  const int64_t last = (int64_t) from.height - 1;
  uint16_t sum[RING_TILE];
  int64_t k = 1;

  for (int32_t j = 0; j < width; j++)
    sum[j] = (uint16_t) (blur_scale ((uint16_t) (row[j] << 8), weight[0])
        + (radius + 1) / 2);
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
      const uint16_t w = weight[k];

      for (int32_t j = 0; j < width; j++)
        sum[j] += blur_scale ((uint16_t) ((above[j] + below[j]) << 7), w);
      above -= up;
      below += down;
    }
  }
  for (int32_t j = 0; j < width; j++)
    to[x + j] = (uint16_t) ((sum[j] + 1) >> 1);
}

/* @width bytes of a row from @x on, all with every neighbour inside the row. Those
 * at @keep of every four are @kept. */
RING_FUNCTION void
blur_row (const RING_GLOBAL uint16_t *from, const RING_GLOBAL uint8_t *kept,
    RING_GLOBAL uint8_t *to, int64_t x, int64_t step, int64_t keep,
    const RING_GLOBAL uint16_t *weight, int32_t radius, const int32_t width)
{
  uint16_t sum[RING_TILE];

  for (int32_t j = 0; j < width; j++)
    sum[j] = (uint16_t) (blur_scale ((uint16_t) (from[x + j] << 1), weight[0])
        + (radius + 1) / 2 + 128);
  for (int32_t k = 1; k <= radius; k++) {
    const RING_GLOBAL uint16_t *left = from + x - k * step;
    const RING_GLOBAL uint16_t *right = from + x + k * step;
    const uint16_t w = weight[k];

    for (int32_t j = 0; j < width; j++)
      sum[j] += blur_scale ((uint16_t) (left[j] + right[j]), w);
  }
  for (int32_t j = 0; j < width; j++)
    to[x + j] = (uint8_t) (sum[j] >> 8);
  if (keep >= 0) {
    for (int64_t j = (keep - x) & 3; j < width; j += 4)
      to[x + j] = kept[x + j];
  }
}

/* One byte anywhere in a row of @n bytes. */
RING_FUNCTION uint8_t
blur_byte (const RING_GLOBAL uint16_t *from, int64_t x, int64_t n, int64_t step,
    const RING_GLOBAL uint16_t *weight, int32_t radius)
{
  const int64_t first = x % step;
  const int64_t last = n - step + first;
  uint16_t sum = (uint16_t) (blur_scale ((uint16_t) (from[x] << 1), weight[0])
      + (radius + 1) / 2 + 128);

  for (int32_t k = 1; k <= radius; k++) {
    const int64_t left = x - k * step;
    const int64_t right = x + k * step;

    sum += blur_scale ((uint16_t) (from[left < 0 ? first : left]
                           + from[right < n ? right : last]),
        weight[k]);
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

  RING_GLOBAL uint16_t *columns = between;
  for (uint32_t p = 0; p < in.n_planes; p++) {
    const RING_GLOBAL BlurWeights *w = &weights[p > 0 && layout.x_shift[1]];
    const int32_t radius = w->radius;
    const RingPlane plane = in.plane[p];
    const int64_t n = (int64_t) plane.width * plane.pixel_stride;
    const int64_t tiles = (n + RING_TILE - 1) / RING_TILE;

    RING_FOR_EACH_ROW_OF (y, plane.height) {
      RING_GLOBAL uint16_t *to = columns + y * n;

      /* The last tile ends with the row and may overlap the one before. */
      if (n >= RING_TILE) {
        RING_FOR_EACH_LANE (t, tiles)
          blur_columns (plane, to,
              t == tiles - 1 ? n - RING_TILE : t * RING_TILE, y, w->weight,
              radius, RING_TILE);
      } else {
        RING_FOR_EACH_LANE (x, n)
          blur_columns (plane, to, x, y, w->weight, radius, 1);
      }
    }
    columns += n * plane.height;
  }
  ring_barrier ();

  columns = between;
  for (uint32_t p = 0; p < in.n_planes; p++) {
    const RING_GLOBAL BlurWeights *w = &weights[p > 0 && layout.x_shift[1]];
    const int32_t radius = w->radius;
    const int64_t step = in.plane[p].pixel_stride;
    const int64_t n = (int64_t) in.plane[p].width * step;
    const int64_t border = radius * step;
    const int64_t inner = n - 2 * border;
    const int64_t tiles = (inner + RING_TILE - 1) / RING_TILE;

    RING_FOR_EACH_ROW_OF (y, in.plane[p].height) {
      const RING_GLOBAL uint16_t *from = columns + y * n;
      const RING_GLOBAL uint8_t *kept = ring_row (in.plane[p], y);
      RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);

      if (inner >= RING_TILE) {
        RING_FOR_EACH_LANE (t, tiles)
          blur_row (from, kept, to,
              border + (t == tiles - 1 ? inner - RING_TILE : t * RING_TILE),
              step, keep, w->weight, radius, RING_TILE);
      }
      /* Both borders, or all of a row that is hardly more than that. */
      RING_FOR_EACH_LANE (i, inner >= RING_TILE ? 2 * border : n) {
        const int64_t x = inner < RING_TILE || i < border ? i : inner + i;

        to[x] = (x & 3) == keep
            ? kept[x]
            : blur_byte (from, x, n, step, w->weight, radius);
      }
    }
    columns += n * in.plane[p].height;
  }
}
