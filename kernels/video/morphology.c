/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Erosion, dilation, opening and closing, by a square of 2 radius + 1 pixels.
 *
 *   erode   the least of the square: what is bright shrinks
 *   dilate  the greatest: what is bright grows
 *   open    eroded and then dilated: bright specks go, all else keeps its size
 *   close   dilated and then eroded: dark specks and gaps go
 *
 * Pixels outside of the picture do not count. Exact. RGB: each colour on its own,
 * alpha is kept. YUV: luma; chroma is kept.
 *
 * A square is done by columns and then by rows. The least is the complement of the
 * greatest of complements, so that there is one code for both.
 */
/* Its values stay in registers. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

#define MORPHOLOGY_ERODE 0
#define MORPHOLOGY_DILATE 1
#define MORPHOLOGY_OPEN 2
#define MORPHOLOGY_CLOSE 3

/* The greatest of columns, of @width bytes from @x on, @width a constant. */
RING_FUNCTION void
morphology_columns (const RING_GLOBAL uint8_t *from, int64_t stride,
    int32_t height, RING_GLOBAL uint8_t *to, int64_t x, int32_t y,
    int32_t radius, uint8_t flip, const int32_t width)
{
  const int32_t end = ring_min_i32 (y + radius, height - 1);
  const RING_GLOBAL uint8_t *row = from + y * stride + x;
  uint8_t v[RING_TILE];

  for (int32_t j = 0; j < width; j++)
    v[j] = (uint8_t) (row[j] ^ flip);
  for (int32_t k = ring_max_i32 (y - radius, 0); k <= end; k++) {
    row = from + k * stride + x;
    for (int32_t j = 0; j < width; j++) {
      const uint8_t other = (uint8_t) (row[j] ^ flip);

      v[j] = v[j] > other ? v[j] : other;
    }
  }
  for (int32_t j = 0; j < width; j++)
    to[x + j] = v[j];
}

/* Byte @x of a row of @n, the greatest of the row around it. */
RING_FUNCTION uint8_t
morphology_byte (const RING_GLOBAL uint8_t *from, int64_t x, int64_t n,
    int32_t step, int32_t radius)
{
  uint8_t v = from[x];

  for (int32_t k = 1; k <= radius; k++) {
    const int64_t left = x - k * step, right = x + k * step;
    const uint8_t a = from[left < 0 ? x : left],
                  b = from[right < n ? right : x];

    v = v > a ? v : a;
    v = v > b ? v : b;
  }
  return v;
}

RING_KERNEL (morphology, "Erodes, dilates, opens or closes what is bright",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_SCRATCH_PER_BYTE (2),
    RING_ENUM (operation, 0, "erode|dilate|open|close",
        "erode, dilate: bright parts shrink or grow; open, close: bright or dark specks go"),
    RING_INT (radius, 1, 0, 32, RING_UNIT_PIXELS,
        "The square has 2 radius + 1 pixels to a side; 0 leaves the picture as it is"))
{
  const int32_t keep = ring_video_layout (in.format).a;
  const int32_t step = (int32_t) in.plane[0].pixel_stride;
  const int32_t height = (int32_t) in.height;
  const int64_t n = (int64_t) in.width * step;
  const int64_t tiles = (n + RING_TILE - 1) / RING_TILE;
  const int32_t passes = params.operation >= MORPHOLOGY_OPEN ? 2 : 1;
  RING_GLOBAL uint8_t *columns = scratch, *between = scratch + n * height;

  RING_ROLLED
  for (int32_t pass = 0; pass < passes; pass++) {
    const int32_t is_last = pass == passes - 1;
    const int32_t is_erosion = params.operation == MORPHOLOGY_ERODE
        || params.operation == (pass ? MORPHOLOGY_CLOSE : MORPHOLOGY_OPEN);
    const uint8_t flip = is_erosion ? 255 : 0;
    const RING_GLOBAL uint8_t *source = pass ? between : in.plane[0].data;
    const int64_t stride = pass ? n : in.plane[0].stride;

    RING_FOR_EACH_ROW_OF (y, height) {
      RING_GLOBAL uint8_t *to = columns + y * n;

      /* The last tile ends with the row and may overlap the one before. */
      if (n >= RING_TILE) {
        RING_FOR_EACH_LANE (t, tiles)
          morphology_columns (source, stride, height, to,
              t == tiles - 1 ? n - RING_TILE : t * RING_TILE, (int32_t) y,
              params.radius, flip, RING_TILE);
      } else {
        RING_FOR_EACH_LANE (x, n)
          morphology_columns (source, stride, height, to, x, (int32_t) y,
              params.radius, flip, 1);
      }
    }
    ring_barrier ();

    RING_FOR_EACH_ROW_OF (y, height) {
      const RING_GLOBAL uint8_t *from = columns + y * n;
      const RING_GLOBAL uint8_t *kept = ring_row (in.plane[0], y);
      RING_GLOBAL uint8_t *to =
          is_last ? ring_row (out.plane[0], y) : between + y * n;
      const int64_t border = params.radius * step;
      int64_t inner = 0;

#ifndef RING_STRIDED
      if (n >= RING_TILE + 2 * border) {
        inner = n - 2 * border;
        for (int64_t done = 0; done < inner; done += RING_TILE) {
          const int64_t x =
              border + (done < inner - RING_TILE ? done : inner - RING_TILE);
          uint8_t v[RING_TILE];

          for (int32_t j = 0; j < RING_TILE; j++)
            v[j] = from[x + j];
          for (int32_t k = 1; k <= params.radius; k++) {
            const RING_GLOBAL uint8_t *left = from + x - k * step;
            const RING_GLOBAL uint8_t *right = from + x + k * step;

            for (int32_t j = 0; j < RING_TILE; j++) {
              const uint8_t other = left[j] > right[j] ? left[j] : right[j];

              v[j] = v[j] > other ? v[j] : other;
            }
          }
          for (int32_t j = 0; j < RING_TILE; j++)
            to[x + j] = (uint8_t) (v[j] ^ flip);
          if (keep >= 0) {
            for (int64_t j = (keep - x) & 3; j < RING_TILE; j += 4)
              to[x + j] = kept[x + j];
          }
        }
      }
#endif
      /* Both borders, or all of a row that has no tile. */
      RING_FOR_EACH_LANE (i, n - inner) {
        const int64_t x = inner == 0 || i < border ? i : inner + i;

        to[x] = (x & 3) == keep
            ? kept[x]
            : (uint8_t) (morphology_byte (from, x, n, step, params.radius)
                ^ flip);
      }
    }
    if (!is_last)
      ring_barrier ();
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
