/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where something moves, as a mask: 255 there, else 0.
 *
 * That is where luma differs from that of the picture before by more than `threshold`
 * on average over the (2 radius + 1)^2 pixels around, the border replicated. The first
 * picture of a stream, and the first after a discontinuity, has no motion. Luma of RGB
 * is (77 R + 150 G + 29 B + 128) >> 8; of YUV it is its plane. All in integers, equal
 * on every backend.
 */
#include <ringkernel/kernel-sdk.h>

/* Weights of the bytes of a pixel. */
RING_FUNCTION uint16_t
motion_weight (const RingVideoLayout layout, int32_t byte)
{
  return layout.r == byte ? 77
      : layout.g == byte  ? 150
      : layout.b == byte  ? 29
                          : 0;
}

/* @width pixels from @x on; @width is a constant, and so is @is_inside: that all
 * neighbours are in the row. */
RING_FUNCTION void
motion_run (const RING_GLOBAL uint8_t *changes, RING_GLOBAL uint8_t *to,
    int32_t x, int32_t y, int32_t columns, int32_t rows, int32_t radius,
    int32_t limit, const int32_t is_inside, const int32_t width)
{
  uint16_t sum[RING_TILE];

  for (int32_t j = 0; j < width; j++)
    sum[j] = 0;
  RING_ROLLED
  for (int32_t k = y - radius; k <= y + radius; k++) {
    const RING_GLOBAL uint8_t *row =
        changes + (int64_t) ring_clamp_i32 (k, 0, rows - 1) * columns;

    RING_ROLLED
    for (int32_t i = x - radius; i <= x + radius; i++) {
      const RING_GLOBAL uint8_t *from =
          row + (is_inside ? i : ring_clamp_i32 (i, 0, columns - 1));

      for (int32_t j = 0; j < width; j++)
        sum[j] = (uint16_t) (sum[j] + from[j]);
    }
  }
  for (int32_t j = 0; j < width; j++)
    to[x + j] = sum[j] > limit ? 255 : 0;
}

RING_KERNEL (motion, "Shows where something moves, as a mask",
    RING_VIDEO_TO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12",
        "GRAY8"),
    RING_STATE (uint32_t started;),
    RING_STATE_PER_BYTE (1),
    RING_SCRATCH_PER_BYTE (1),
    RING_INT (threshold, 12, 0, 255,
        "What changes by more, in steps of 8 bits, moves"),
    RING_INT (radius, 1, 0, 3, RING_UNIT_PIXELS,
        "Changes are averaged over 2 radius + 1 pixels squared, so that noise does not count"))
{
  const RingVideoLayout layout = ring_video_layout (in.format);
  const uint16_t w0 = motion_weight (layout, 0);
  const uint16_t w1 = motion_weight (layout, 1);
  const uint16_t w2 = motion_weight (layout, 2);
  const uint16_t w3 = motion_weight (layout, 3);
  const int32_t fresh = !state->started || (in.flags & RING_MESSAGE_DISCONT);
  const int32_t width = (int32_t) in.width, height = (int32_t) in.height;
  const int32_t radius = params.radius;
  const int32_t limit = params.threshold * (2 * radius + 1) * (2 * radius + 1);
  RING_GLOBAL uint8_t *changes = scratch;

  RING_FOR_EACH_ROW_OF (y, height) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y);
    RING_GLOBAL uint8_t *change = changes + y * width;
    RING_GLOBAL uint8_t *before = state_buffer + y * width;

    /* Luma, where the change will be. */
    if (in.plane[0].pixel_stride == 1) {
      RING_FOR_EACH_LANE (x, width)
        change[x] = from[x];
    } else if (in.plane[0].pixel_stride == 3) {
      RING_FOR_EACH_LANE (x, width)
        change[x] =
            (uint8_t) ((uint16_t) (w0 * from[3 * x] + w1 * from[3 * x + 1]
                           + w2 * from[3 * x + 2] + 128)
                >> 8);
    } else {
      RING_FOR_EACH_LANE (x, width)
        change[x] =
            (uint8_t) ((uint16_t) (w0 * from[4 * x] + w1 * from[4 * x + 1]
                           + w2 * from[4 * x + 2] + w3 * from[4 * x + 3] + 128)
                >> 8);
    }
    RING_FOR_EACH_LANE (x, width) {
      const uint8_t now = change[x], old = fresh ? now : before[x];

      change[x] = (uint8_t) (now > old ? now - old : old - now);
      before[x] = now;
    }
  }
  /* From here on every worker has looked whether it is the first. */
  ring_barrier ();
  if (fresh && ring_is_first_worker ())
    state->started = 1;

  RING_FOR_EACH_ROW_OF (y, height) {
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);
    int32_t inner = 0;

#ifndef RING_STRIDED
    /* What has all neighbours in its row. The last tile ends with that, and may
     * overlap the one before. */
    if (width >= RING_TILE + 2 * radius) {
      inner = width - 2 * radius;
      for (int32_t done = 0; done < inner; done += RING_TILE)
        motion_run (changes, to,
            radius + ring_min_i32 (done, inner - RING_TILE), (int32_t) y, width,
            height, radius, limit, 1, RING_TILE);
    }
#endif
    RING_FOR_EACH_LANE (i, width - inner)
      motion_run (changes, to,
          (int32_t) (inner == 0 || i < radius ? i : inner + i), (int32_t) y,
          width, height, radius, limit, 0, 1);
  }
}
