/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Turns, zooms and bends a picture, or looks at it from elsewhere.
 *
 * A place of the output is looked up in the input. With (0, 0) in the centre and 1
 * half of the height, x to the right and y down, that is done by
 *
 *   turning it back by `angle` and dividing it by `zoom`,
 *   a factor of 1 + fisheye (x^2 + y^2),
 *   and (x, y, 1) becomes (X, Y, W) by the homography, and that (X / W, Y / W);
 *
 * what has no positive W lies behind the viewer, and is outside. Between pixels it is
 * bilinear, places and weights being rounded to 1/256; all bytes of a pixel are
 * treated alike, alpha as well. Subsampled chroma is of the same places. Outside of the
 * picture it is black, and transparent, or as at the nearest edge.
 *
 * In IEEE floats, without the machine's own functions, then in integers: equal on
 * every backend.
 */
/* Its values stay in registers. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

#define WARP_BLACK 0

/* From a place of the output to one of the input. */
typedef struct
{
  float cosine, sine; /* over zoom */
  float fisheye;
  float h[9];
} Warp;

/* A plane, how its pixels lie in the picture, and what is outside of it. */
typedef struct
{
  RingPlane plane;
  float scale, center_x, center_y, unit;
  int32_t is_black;
  uint8_t black;
} WarpSource;

RING_FUNCTION float
warp_cosine (float degrees)
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

/* In 1/256 pixels, and no farther out than two of @size: so it can be cut off. */
RING_FUNCTION int32_t
warp_round (float at, float size)
{
  return (int32_t) ((ring_clampf (at, -2.0f, size + 2.0f) + 4.0f) * 256.0f
             + 0.5f)
      - 4 * 256;
}

RING_FUNCTION int32_t
warp_blend (int32_t a, int32_t b, int32_t c, int32_t d, int32_t x, int32_t y)
{
  return ((a * (256 - x) + b * x) * (256 - y) + (c * (256 - x) + d * x) * y
             + 32768)
      >> 16;
}

/* Byte @byte of a pixel that may be outside. */
RING_FUNCTION int32_t
warp_tap (const WarpSource s, int32_t x, int32_t y, int32_t byte)
{
  const int32_t column = ring_clamp_i32 (x, 0, (int32_t) s.plane.width - 1);
  const int32_t row = ring_clamp_i32 (y, 0, (int32_t) s.plane.height - 1);
  const int32_t v =
      ring_row (s.plane, row)[(int64_t) column * s.plane.pixel_stride + byte];

  return s.is_black && (column != x || row != y) ? s.black : v;
}

/* A pixel of @step bytes, @step a constant, from @x, @y in 1/256 pixels. */
RING_FUNCTION void
warp_pixel (const WarpSource s, RING_GLOBAL uint8_t *to, int32_t x, int32_t y,
    int32_t is_inside, const int32_t step)
{
  const int32_t column = x >> 8, row = y >> 8;

  x &= 255;
  y &= 255;
  if (is_inside) {
    const RING_GLOBAL uint8_t *upper =
        ring_row (s.plane, row) + (int64_t) column * step;
    const RING_GLOBAL uint8_t *lower = upper + s.plane.stride;

    RING_UNROLLED
    for (int32_t c = 0; c < step; c++)
      to[c] = (uint8_t) warp_blend (upper[c], upper[step + c], lower[c],
          lower[step + c], x, y);
  } else {
    RING_ROLLED
    for (int32_t c = 0; c < step; c++)
      to[c] = (uint8_t) warp_blend (warp_tap (s, column, row, c),
          warp_tap (s, column + 1, row, c), warp_tap (s, column, row + 1, c),
          warp_tap (s, column + 1, row + 1, c), x, y);
  }
}

/* @width pixels of row @y from @x on, @width a constant. */
RING_FUNCTION void
warp_run (const WarpSource s, const Warp warp, RING_GLOBAL uint8_t *to,
    int32_t x, int32_t y, const int32_t width)
{
  const float columns = (float) s.plane.width, rows = (float) s.plane.height;
  const int32_t most_x = ((int32_t) s.plane.width - 1) * 256;
  const int32_t most_y = ((int32_t) s.plane.height - 1) * 256;
  const float v = (((float) y + 0.5f) * s.scale - s.center_y) / s.unit;
  int32_t from_x[RING_TILE], from_y[RING_TILE];
  int32_t outside = 0;

  for (int32_t j = 0; j < width; j++) {
    const float u = (((float) (x + j) + 0.5f) * s.scale - s.center_x) / s.unit;
    const float turned_x = warp.cosine * u + warp.sine * v;
    const float turned_y = warp.cosine * v - warp.sine * u;
    const float bend =
        1.0f + warp.fisheye * (turned_x * turned_x + turned_y * turned_y);
    const float a = turned_x * bend, b = turned_y * bend;
    const float w = warp.h[6] * a + warp.h[7] * b + warp.h[8];
    const float by = s.unit / ring_maxf (w, 1e-6f);
    const float px =
        ((warp.h[0] * a + warp.h[1] * b + warp.h[2]) * by + s.center_x)
            / s.scale
        - 0.5f;
    const float py =
        ((warp.h[3] * a + warp.h[4] * b + warp.h[5]) * by + s.center_y)
            / s.scale
        - 0.5f;

    from_x[j] = warp_round (w > 0.0f ? px : -2.0f, columns);
    from_y[j] = warp_round (w > 0.0f ? py : -2.0f, rows);
  }
  for (int32_t j = 0; j < width; j++)
    outside |= (from_x[j] < 0) | (from_x[j] >= most_x) | (from_y[j] < 0)
        | (from_y[j] >= most_y);

  to += (int64_t) x * s.plane.pixel_stride;
  if (s.plane.pixel_stride == 1) {
    for (int32_t j = 0; j < width; j++)
      warp_pixel (s, to + j, from_x[j], from_y[j], !outside, 1);
  } else if (s.plane.pixel_stride == 2) {
    for (int32_t j = 0; j < width; j++)
      warp_pixel (s, to + 2 * j, from_x[j], from_y[j], !outside, 2);
  } else if (s.plane.pixel_stride == 3) {
    for (int32_t j = 0; j < width; j++)
      warp_pixel (s, to + 3 * j, from_x[j], from_y[j], !outside, 3);
  } else {
    for (int32_t j = 0; j < width; j++)
      warp_pixel (s, to + 4 * j, from_x[j], from_y[j], !outside, 4);
  }
}

RING_KERNEL (warp, "Turns, zooms and bends a picture, or looks at it from elsewhere",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_FLOAT (angle, 0.0, -360.0, 360.0, RING_UNIT_DEGREES,
        "Turns the picture about its centre, clockwise"),
    RING_FLOAT (zoom, 1.0, 0.01, 100.0, RING_UNIT_RATIO,
        "How much larger the picture becomes"),
    RING_FLOAT (fisheye, 0.0, -1.0, 1.0,
        "Bends straight lines outwards; below 0 inwards, which makes good for a lens that bends them outwards"),
    RING_FLOAT_ARRAY (homography, 9, "1, 0, 0, 0, 1, 0, 0, 0, 1", -100.0, 100.0,
        "Matrix, row by row, from a place of the output to that of the input; 0, 0 is the centre, 1 is half of the height"),
    RING_ENUM (border, 0, "black|edge",
        "What is outside of the picture: black, or as at the nearest edge"))
{
  const float cosine = warp_cosine (params.angle);
  const float sine = warp_cosine (params.angle - 90.0f);
  Warp warp;

  warp.cosine = cosine / params.zoom;
  warp.sine = sine / params.zoom;
  warp.fisheye = params.fisheye;
  /* What is not given is as without a homography. */
  RING_UNROLLED
  for (uint32_t i = 0; i < 9; i++)
    warp.h[i] = i < params.homography_count ? params.homography[i]
        : i % 4 == 0                        ? 1.0f
                                            : 0.0f;

  RING_ROLLED
  for (uint32_t p = 0; p < in.n_planes; p++) {
    WarpSource s;

    s.plane = in.plane[p];
    s.scale = p == 0 ? 1.0f : 2.0f;
    s.center_x = (float) in.width * 0.5f;
    s.center_y = s.unit = (float) in.height * 0.5f;
    s.is_black = params.border == WARP_BLACK;
    s.black = p > 0 ? 128 : in.n_planes > 1 ? 16 : 0;

    RING_FOR_EACH_ROW_OF (y, s.plane.height) {
      RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);
      const int32_t width = (int32_t) s.plane.width;
      const int32_t tiles = width / RING_TILE;

      RING_FOR_EACH_LANE (t, tiles)
        warp_run (s, warp, to, (int32_t) t * RING_TILE, (int32_t) y, RING_TILE);
#ifndef RING_STRIDED
      for (int32_t x = tiles * RING_TILE; x < width; x++)
        warp_run (s, warp, to, x, (int32_t) y, 1);
#endif
    }
  }
}
