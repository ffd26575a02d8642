/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Spreads a picture's brightness evenly over all values there are.
 *
 * With n pixels, of which c(v) have a luma of at most v and c0 the lowest there is,
 * a value becomes
 *
 *   (c(v) - c0) 255 / (n - c0),  rounded to the nearest, halves up
 *
 * and of that and the value itself `strength` makes a blend. A picture of one value
 * stays. The histogram is that of luma: of RGB (77 R + 150 G + 29 B + 128) >> 8, and
 * all its colours become what luma of their value would, so that gray stays gray; of
 * YUV its plane, and chroma is kept. Alpha is kept. Equal on every backend.
 */
#include <ringkernel/kernel-sdk.h>

/* In scratch: the histogram in as many parts as work is shared out in, since nobody
 * may write what another writes; and what values become. */
#define EQUALIZE_MAX_PARTS 1024
#define EQUALIZE_PARTS (RING_TILE > 1 ? 64 : EQUALIZE_MAX_PARTS)

typedef struct
{
  uint32_t part[EQUALIZE_MAX_PARTS][256];
  uint32_t total[256];
  uint8_t table[256];
} EqualizeScratch;

/* The weight of one byte of a pixel in its luma. */
RING_FUNCTION uint32_t
equalize_weight (const RingVideoLayout layout, int32_t byte)
{
  return layout.r == byte ? 77
      : layout.g == byte  ? 150
      : layout.b == byte  ? 29
                          : 0;
}

RING_KERNEL (histogram_equalize, "Spreads brightness evenly over all values there are",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_IN_PLACE,
    RING_SCRATCH (sizeof (EqualizeScratch)),
    RING_FLOAT (strength, 1.0, 0.0, 1.0, RING_UNIT_RATIO,
        "Blend: 0 leaves the picture, 1 equalizes it"))
{
  RING_GLOBAL EqualizeScratch *s = (RING_GLOBAL EqualizeScratch *) scratch;
  const RingVideoLayout layout = ring_video_layout (in.format);
  const uint32_t mask = layout.a < 0 ? ~0u : ~(0xffu << 8 * layout.a);
  const int64_t step = in.plane[0].pixel_stride;
  /* The colours of a pixel are neighbours. */
  const int32_t first = layout.a == 0 ? 1 : 0;
  const uint32_t w0 = equalize_weight (layout, first);
  const uint32_t w1 = equalize_weight (layout, first + 1);
  const uint32_t w2 = equalize_weight (layout, first + 2);

  RING_FOR_EACH (part, EQUALIZE_PARTS) {
    RING_GLOBAL uint32_t *bins = s->part[part];

    for (int32_t i = 0; i < 256; i++)
      bins[i] = 0;
    for (int64_t y = part; y < in.height; y += EQUALIZE_PARTS) {
      const RING_GLOBAL uint8_t *row = ring_row (in.plane[0], y) + first;

      if (step == 1) {
        for (int64_t x = 0; x < in.width; x++)
          bins[row[x]]++;
      } else {
        for (int64_t x = 0; x < in.width; x++)
          bins[(w0 * row[step * x] + w1 * row[step * x + 1]
                   + w2 * row[step * x + 2] + 128)
              >> 8]++;
      }
    }
  }
  ring_barrier ();
  RING_FOR_EACH (i, 256) {
    uint32_t total = 0;

    for (int32_t part = 0; part < EQUALIZE_PARTS; part++)
      total += s->part[part][i];
    s->total[i] = total;
  }
  ring_barrier ();
  RING_FOR_EACH (i, 256) {
    uint64_t all = 0, upto = 0, lowest = 0;
    int32_t equal = (int32_t) i;

    for (int32_t v = 0; v < 256; v++) {
      lowest = all == 0 ? s->total[v] : lowest;
      all += s->total[v];
      upto = v == i ? all : upto;
    }
    if (all > lowest && upto >= lowest)
      equal = (int32_t) (((upto - lowest) * 510 + (all - lowest))
          / ((all - lowest) * 2));
    else if (all > lowest)
      equal = 0;
    s->table[i] = ring_mix_u8 ((int32_t) i, equal, params.strength);
  }
  ring_barrier ();

  RING_FOR_EACH_ROW_OF (y, in.height)
    RING_LOOKUP_ROW (ring_row (out.plane[0], y), ring_row (in.plane[0], y),
        in.width * step, s->table, mask);
  for (uint32_t p = 1; p < in.n_planes; p++)
    RING_FOR_EACH_ROW_OF (y, in.plane[p].height)
      RING_MAP_ROW_BYTES (ring_row (out.plane[p], y), ring_row (in.plane[p], y),
          (int64_t) in.plane[p].width * in.plane[p].pixel_stride, w, w);
}
