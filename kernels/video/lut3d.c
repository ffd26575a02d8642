/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Looks colours up in a table of three dimensions, as colour grading is handed on.
 *
 * `table` holds n^3 colours of three numbers, red, green and blue, 1 being the most;
 * of which n is 2 to 65 is seen by how many there are, and what is too much for a
 * cube does not count. The first index to change is that of red, then that of green:
 * so these are the numbers of a .cube file in their order, and `@FILE` is that file. With
 * less than 2^3 colours the picture stays.
 *
 * Six more numbers, and no other count of them, are the domain of the table: which red,
 * green and blue the first index stands for, and which the last one, where these are not
 * 0 and 1. What lies beyond has the colour at the end. Of a domain that begins where it
 * ends, or behind that, nothing is made.
 *
 * In between it is interpolated over the tetrahedron of the four colours around, so
 * that grays lie between grays. Colours of the table are limited to 0 and 1 and rounded
 * to 1/256 of a step of 8 bits, and where one lies between them to 1/4096; from there on
 * all is in integers, equal on every backend and within 1 of the exact ones. Alpha is
 * kept.
 */
#include <ringkernel/kernel-sdk.h>

#define LUT_MAX_SIDE 65
#define LUT_MAX_NUMBERS 823881 /* 3 * 65^3 + 6 */

/* In scratch: the colours as 16-bit numbers of 8.8 bits, and for each of 256 values
 * of red, green and blue between which of the table it lies, and how far in 1/4096. */
typedef struct
{
  uint16_t color[LUT_MAX_SIDE * LUT_MAX_SIDE * LUT_MAX_SIDE][4];
  int32_t below[3][256];
  int32_t part[3][256];
} LutScratch;

/* Whether the domain of @c begins before it ends. */
RING_FUNCTION int32_t
lut_is_domain (const RING_GLOBAL float *domain, int32_t c)
{
  return domain[3 + c] > domain[c];
}

/* Where in the table the value @v of colour @c lies. */
RING_FUNCTION void
lut_place (RING_GLOBAL LutScratch *lut, const RING_GLOBAL float *domain,
    int32_t has_domain, int32_t c, int32_t v, int32_t side)
{
  int32_t below = v * (side - 1) / 255;
  int32_t part = (v * (side - 1) % 255 * 4096 + 127) / 255;

  if (has_domain && lut_is_domain (domain, c)) {
    const double begin = domain[c], end = domain[3 + c];
    const double at = (v / 255.0 - begin) / (end - begin);
    const double inside = at < 0.0 ? 0.0 : at > 1.0 ? 1.0 : at;
    const int32_t steps = (int32_t) (inside * (side - 1) * 4096.0 + 0.5);

    below = steps / 4096;
    part = steps % 4096;
  }
  lut->below[c][v] = below;
  lut->part[c][v] = part;
}

/* A sum of 8.8 bits times 4096, at bit @shift. */
RING_FUNCTION uint32_t
lut_byte (int32_t sum, int32_t shift)
{
  return (uint32_t) ((sum + (1 << 19)) >> 20) << shift;
}

/* The new colour, with @kept of the old one; red, green and blue at the given bits of
 * the result. */
RING_FUNCTION uint32_t
lut_color (const RING_GLOBAL LutScratch *lut, int32_t r, int32_t g, int32_t b,
    int32_t side, int32_t kept, int32_t red, int32_t green, int32_t blue)
{
  const int32_t fr = lut->part[0][r], fg = lut->part[1][g],
                fb = lut->part[2][b];
  const int32_t at =
      lut->below[0][r] + side * (lut->below[1][g] + side * lut->below[2][b]);
  /* To the next along each axis, but where there is nothing between. */
  const int32_t to_r = fr > 0 ? 1 : 0, to_g = fg > 0 ? side : 0,
                to_b = fb > 0 ? side * side : 0;
  const int32_t most = ring_max_i32 (fr, ring_max_i32 (fg, fb));
  const int32_t least = ring_min_i32 (fr, ring_min_i32 (fg, fb));
  const int32_t middle = fr + fg + fb - most - least;
  /* One step along the axis of the most, then one along that of the middle. */
  const int32_t first = fr == most ? to_r : fg == most ? to_g : to_b;
  const int32_t third = fb == least ? to_b : fg == least ? to_g : to_r;
  const int32_t end = at + to_r + to_g + to_b;
  const RING_GLOBAL uint16_t *c0 = lut->color[at];
  const RING_GLOBAL uint16_t *c1 = lut->color[at + first];
  const RING_GLOBAL uint16_t *c2 = lut->color[end - third];
  const RING_GLOBAL uint16_t *c3 = lut->color[end];
  const int32_t w0 = 4096 - most, w1 = most - middle, w2 = middle - least;

  return lut_byte (w0 * c0[0] + w1 * c1[0] + w2 * c2[0] + least * c3[0]
                 + r * kept,
             red)
      | lut_byte (w0 * c0[1] + w1 * c1[1] + w2 * c2[1] + least * c3[1]
              + g * kept,
          green)
      | lut_byte (w0 * c0[2] + w1 * c1[2] + w2 * c2[2] + least * c3[2]
              + b * kept,
          blue);
}

RING_KERNEL (lut3d, "Looks colours up in a table of three dimensions",
    RING_VIDEO ("RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR"),
    RING_IN_PLACE,
    RING_SCRATCH (sizeof (LutScratch)),
    RING_FLOAT_ARRAY (table, LUT_MAX_NUMBERS, "0,0,0, 1,0,0, 0,1,0, 1,1,0, 0,0,1, 1,0,1, 0,1,1, 1,1,1", -16.0, 16.0, RING_UNIT_RATIO,
        "Colours in the order of a .cube file, 2 to 65 to a side"),
    RING_FLOAT (amount, 1.0, 0.0, 1.0, RING_UNIT_RATIO,
        "Blend: 0 leaves the picture, 1 is the table's"))
{
  RING_GLOBAL LutScratch *lut = (RING_GLOBAL LutScratch *) scratch;
  const RingVideoLayout layout = ring_video_layout (in.format);
  const int32_t red = 8 * layout.r, green = 8 * layout.g, blue = 8 * layout.b;
  const uint32_t keep = layout.a == 0 ? 0xffu
      : layout.a == 3                 ? 0xff000000u
                                      : 0u;
  /* What is left of a value in the blend: 8.8 bits, times 4096. */
  const int32_t kept =
      (int32_t) ((1.0f - params.amount) * (float) (256 * 4096) + 0.5f);
  int32_t side = 1, has_domain;

  while (side < LUT_MAX_SIDE
      && (uint32_t) (3 * (side + 1) * (side + 1) * (side + 1))
          <= params.table_count)
    side++;
  has_domain = params.table_count == (uint32_t) (3 * side * side * side + 6);
  if (side > 1) {
    RING_FOR_EACH (i, side * side * side) {
      for (int32_t c = 0; c < 3; c++) {
        const float v = ring_clampf (params.table[3 * i + c], 0.0f, 1.0f);

        lut->color[i][c] =
            (uint16_t) (int32_t) (v * params.amount * 65280.0f + 0.5f);
      }
    }
    RING_FOR_EACH (i, 3 * 256)
      lut_place (lut, &params.table[3 * side * side * side], has_domain,
          (int32_t) i / 256, (int32_t) i % 256, side);
  }
  ring_barrier ();

  RING_FOR_EACH_ROW_OF (y, in.height) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);

    if (side == 1) {
      RING_FOR_EACH_LANE (x, (int64_t) in.width * in.plane[0].pixel_stride)
        to[x] = from[x];
    } else if (in.plane[0].pixel_stride == 3) {
      RING_FOR_EACH_LANE (x, in.width) {
        const uint32_t w =
            lut_color (lut, from[3 * x + layout.r], from[3 * x + 1],
                from[3 * x + layout.b], side, kept, red, green, blue);

        to[3 * x] = (uint8_t) w;
        to[3 * x + 1] = (uint8_t) (w >> 8);
        to[3 * x + 2] = (uint8_t) (w >> 16);
      }
    } else {
      RING_FOR_EACH_LANE (x, in.width) {
        uint32_t w = ring_load_u32 (from + 4 * x);

        w = (w & keep)
            | lut_color (lut, (int32_t) (w >> red & 255),
                (int32_t) (w >> green & 255), (int32_t) (w >> blue & 255), side,
                kept, red, green, blue);
        ring_store_u32 (to + 4 * x, w);
      }
    }
  }
}
