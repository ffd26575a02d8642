/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Brightness, contrast, saturation and hue, in one pass.
 *
 * In terms of luma Y and of the colour differences Cb and Cr of ITU-R BT.601, all
 * counted in 8-bit codes, a pixel becomes
 *
 *   Y'  = (Y - 127.5) contrast + 127.5 + 255 brightness
 *   Cb' = (Cb cos hue - Cr sin hue) saturation contrast
 *   Cr' = (Cb sin hue + Cr cos hue) saturation contrast
 *
 * rounded and saturated. For RGB that is one matrix, and colours are of full range.
 * YUV: luma over all of its 256 codes, chroma about its zero at 128. GRAY8 is luma.
 * Alpha is kept. Coefficients are rounded to 1/4096, and all else is in integers, so
 * that results are equal on every backend and within 1 of the exact ones.
 */
#include <ringkernel/kernel-sdk.h>

#define BALANCE_ONE 4096.0f

/* Not the machine's own: those differ in the last places. */
RING_FUNCTION float
balance_cosine (float degrees)
{
  /* Quarters of a turn, and at most half of one to either side. */
  const float quarters = ring_floorf (degrees / 90.0f + 0.5f);
  const float x = (degrees - quarters * 90.0f) * 0.0174532925f;
  const float xx = x * x;
  const float cosine = 1.0f
      - xx
          * (0.5f - xx * (1.0f / 24.0f - xx * (1.0f / 720.0f - xx / 40320.0f)));
  const float sine =
      x * (1.0f - xx * (1.0f / 6.0f - xx * (1.0f / 120.0f - xx / 5040.0f)));
  const int32_t quarter = (int32_t) quarters & 3;
  const float v = quarter & 1 ? sine : cosine;

  return quarter == 1 || quarter == 2 ? -v : v;
}

RING_FUNCTION int32_t
balance_round (float v)
{
  return (int32_t) ring_floorf (v * BALANCE_ONE + 0.5f);
}

/* What one of the source's colours adds to one of the result's; 0 is red, 1 green,
 * 2 blue. */
RING_FUNCTION int32_t
balance_weight (int32_t to, int32_t from, float contrast, float cosine,
    float sine)
{
  const float y = from == 0 ? 0.299f : from == 1 ? 0.587f : 0.114f;
  const float cb = ((from == 2 ? 1.0f : 0.0f) - y) / 1.772f;
  const float cr = ((from == 0 ? 1.0f : 0.0f) - y) / 1.402f;
  const float of_cb = to == 0 ? 0.0f : to == 1 ? -0.344136286f : 1.772f;
  const float of_cr = to == 0 ? 1.402f : to == 1 ? -0.714136286f : 0.0f;

  return balance_round (y * contrast + (cb * cosine - cr * sine) * of_cb
      + (cb * sine + cr * cosine) * of_cr);
}

typedef struct
{
  int32_t w[3];
} BalanceRow;

RING_FUNCTION BalanceRow
balance_row (int32_t to, int32_t red, int32_t blue, float contrast,
    float cosine, float sine)
{
  BalanceRow row;

  row.w[0] = balance_weight (to, red, contrast, cosine, sine);
  row.w[1] = balance_weight (to, 1, contrast, cosine, sine);
  row.w[2] = balance_weight (to, blue, contrast, cosine, sine);
  return row;
}

RING_FUNCTION uint32_t
balance_mix (const BalanceRow row, uint32_t v0, uint32_t v1, uint32_t v2,
    int32_t offset)
{
  return (uint32_t) ring_clamp_i32 ((row.w[0] * (int32_t) v0
                                        + row.w[1] * (int32_t) v1
                                        + row.w[2] * (int32_t) v2 + offset)
          >> 12,
      0, 255);
}

/* Not of 32 bits: a vector holds twice as many of these. */
RING_FUNCTION uint8_t
balance_byte (int16_t v)
{
  const int16_t low = v > 0 ? v : 0;

  return (uint8_t) (low < 255 ? low : 255);
}

/* (@v @factor + @offset) / 4096, the factor at most 4 * 4096, the offset at most 1024 *
 * 4096, in 16 bits: 256ths of both are added up on their own, and lose nothing. */
RING_FUNCTION uint8_t
balance_luma (uint8_t v, int32_t factor, int32_t offset)
{
  const uint16_t low =
      (uint16_t) ((uint16_t) (v * (factor & 255)) + (offset & 255));
  const int16_t high =
      (int16_t) ((int16_t) (v * (factor >> 8)) + (offset >> 8));
  const int16_t sum = (int16_t) (high + (low >> 8));

  /* A GPU has 32 bits anyway. */
  return RING_TILE > 1
      ? balance_byte ((int16_t) (sum >> 4))
      : (uint8_t) ring_clamp_i32 ((v * factor + offset) >> 12, 0, 255);
}

/* 128 + (@a @x + @b @y) / 4096, rounded; @a and @b together at most BALANCE_SMALL. Their
 * 128ths are added up on their own, so that all sums have 16 bits. */
#define BALANCE_SMALL 32000

RING_FUNCTION uint8_t
balance_turn_small (int16_t x, int16_t y, int32_t a, int32_t b)
{
  const int16_t low =
      (int16_t) ((int16_t) (x * (a & 127)) + (int16_t) (y * (b & 127)));
  const int16_t high =
      (int16_t) ((int16_t) (x * (a >> 7)) + (int16_t) (y * (b >> 7)));
  const int16_t sum = (int16_t) ((int16_t) (high + (low >> 7)) + 16);

  return balance_byte ((int16_t) ((sum >> 5) + 128));
}

RING_FUNCTION uint8_t
balance_turn (int16_t x, int16_t y, int32_t a, int32_t b)
{
  return (
      uint8_t) ring_clamp_i32 (((x * a + y * b + 2048) >> 12) + 128, 0, 255);
}

/* Both colour differences of a row, @step apart; @step and @is_small are constants, since
 * only of such loops vectors are made. */
RING_FUNCTION void
balance_chroma (RingWorker *ring RING_UNUSED_,
    const RING_GLOBAL uint8_t *from_u, const RING_GLOBAL uint8_t *from_v,
    RING_GLOBAL uint8_t *to_u, RING_GLOBAL uint8_t *to_v, int64_t n, int32_t c,
    int32_t s, const int32_t step, const int32_t is_small)
{
  RING_FOR_EACH_LANE (x, n) {
    const int16_t u = (int16_t) (from_u[step * x] - 128);
    const int16_t v = (int16_t) (from_v[step * x] - 128);

    to_u[step * x] = is_small ? balance_turn_small (u, v, c, -s)
                              : balance_turn (u, v, c, -s);
    to_v[step * x] =
        is_small ? balance_turn_small (u, v, s, c) : balance_turn (u, v, s, c);
  }
}

RING_KERNEL (color_balance, "Changes brightness, contrast, saturation and hue of a picture",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_IN_PLACE,
    RING_FLOAT (brightness, 0.0, -1.0, 1.0, RING_UNIT_RATIO,
        "Added to luma: -1 is black, 1 is white"),
    RING_FLOAT (contrast, 1.0, 0.0, 4.0, RING_UNIT_RATIO,
        "Factor about mid-gray: 0 is plain gray, 1 leaves the picture"),
    RING_FLOAT (saturation, 1.0, 0.0, 4.0, RING_UNIT_RATIO,
        "Factor of the colour: 0 is a gray picture, 1 leaves it"),
    RING_FLOAT (hue, 0.0, -180.0, 180.0, RING_UNIT_DEGREES,
        "Turns all colours about the gray axis, from blue towards red"))
{
  const RingVideoLayout layout = ring_video_layout (in.format);
  const float color = params.saturation * params.contrast;
  const float cosine = color * balance_cosine (params.hue);
  const float sine = color * balance_cosine (params.hue - 90.0f);
  /* And a half, since the shift cuts off. */
  const int32_t offset = balance_round (127.5f - 127.5f * params.contrast
                             + 255.0f * params.brightness)
      + 2048;

  if (in.plane[0].pixel_stride == 1) {
    const int32_t factor = balance_round (params.contrast);

    RING_FOR_EACH_ROW_OF (y, in.height) {
      const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y);
      RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);

      RING_FOR_EACH_LANE (x, in.width)
        to[x] = balance_luma (from[x], factor, offset);
    }
    if (in.n_planes > 1) {
      const int32_t c = balance_round (cosine), s = balance_round (sine);
      /* A GPU has nothing of it. */
      const int32_t is_small =
          RING_TILE > 1 && (c < 0 ? -c : c) + (s < 0 ? -s : s) <= BALANCE_SMALL;

      RING_FOR_EACH_ROW_OF (y, in.plane[1].height) {
        const RING_GLOBAL uint8_t *u = ring_row (in.plane[1], y);
        RING_GLOBAL uint8_t *to_u = ring_row (out.plane[1], y);
        const int64_t n = in.plane[1].width;

        if (in.n_planes == 2) {
          if (is_small)
            balance_chroma (ring, u, u + 1, to_u, to_u + 1, n, c, s, 2, 1);
          else
            balance_chroma (ring, u, u + 1, to_u, to_u + 1, n, c, s, 2, 0);
        } else {
          const RING_GLOBAL uint8_t *v = ring_row (in.plane[2], y);
          RING_GLOBAL uint8_t *to_v = ring_row (out.plane[2], y);

          if (is_small)
            balance_chroma (ring, u, v, to_u, to_v, n, c, s, 1, 1);
          else
            balance_chroma (ring, u, v, to_u, to_v, n, c, s, 1, 0);
        }
      }
    }
  } else {
    /* The colours of a pixel are neighbours, in this order or in the other. */
    const int32_t red = layout.r < layout.b ? 0 : 2, blue = 2 - red;
    const BalanceRow row0 =
        balance_row (red, red, blue, params.contrast, cosine, sine);
    const BalanceRow row1 =
        balance_row (1, red, blue, params.contrast, cosine, sine);
    const BalanceRow row2 =
        balance_row (blue, red, blue, params.contrast, cosine, sine);
    const int32_t first = layout.a == 0 ? 8 : 0; /* bits */
    const uint32_t keep = layout.a == 0 ? 0xffu : 0xff000000u;

    RING_FOR_EACH_ROW_OF (y, in.height) {
      const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y);
      RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);

      if (in.plane[0].pixel_stride == 3) {
        RING_FOR_EACH_LANE (x, in.width) {
          const uint32_t v0 = from[3 * x], v1 = from[3 * x + 1],
                         v2 = from[3 * x + 2];

          to[3 * x] = (uint8_t) balance_mix (row0, v0, v1, v2, offset);
          to[3 * x + 1] = (uint8_t) balance_mix (row1, v0, v1, v2, offset);
          to[3 * x + 2] = (uint8_t) balance_mix (row2, v0, v1, v2, offset);
        }
      } else {
        /* Whole pixels: their bytes need no sorting in a vector's registers. */
        RING_FOR_EACH_LANE (x, in.width) {
          uint32_t w = ring_load_u32 (from + 4 * x), v0, v1, v2;

          v0 = w >> first & 255;
          v1 = w >> first >> 8 & 255;
          v2 = w >> first >> 16 & 255;
          w = (w & keep)
              | (balance_mix (row0, v0, v1, v2, offset)
                    | balance_mix (row1, v0, v1, v2, offset) << 8
                    | balance_mix (row2, v0, v1, v2, offset) << 16)
                  << first;
          ring_store_u32 (to + 4 * x, w);
        }
      }
    }
  }
}
