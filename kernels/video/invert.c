/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Inverts colours; alpha and padding bytes stay as they are.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (invert, "Inverts the colours of a picture; alpha is kept",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_IN_PLACE,
    RING_FLOAT (amount, 1.0, 0.0, 1.0, RING_UNIT_RATIO,
        "Blend: 0 leaves the picture, 1 inverts it"))
{
  /* A byte at `keep` of every pixel of 4 bytes is not a colour. */
  const int32_t keep = ring_video_layout (in.format).a;
  const uint32_t mask = keep < 0 ? ~0u : ~(0xffu << 8 * keep);

  RING_FOR_EACH_ROW (p, y, in) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[p], y);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);
    const int64_t n = (int64_t) in.plane[p].width * in.plane[p].pixel_stride;

    if (params.amount == 1.0f) {
      /* 255 - x, byte by byte */
      RING_MAP_ROW_BYTES (to, from, n, w, w ^ mask);
    } else {
      RING_FOR_EACH_LANE (x, n)
        to[x] = (x & 3) == keep
            ? from[x]
            : ring_mix_u8 (from[x], 255 - from[x], params.amount);
    }
  }
}
