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
  const RingVideoLayout layout = ring_video_layout (in.format);
  /* A byte at `keep` of every pixel of 4 bytes is not a colour. */
  const int64_t keep = layout.a;
  const uint8_t mask0 = keep == 0 ? 0 : 255, mask1 = keep == 1 ? 0 : 255;
  const uint8_t mask2 = keep == 2 ? 0 : 255, mask3 = keep == 3 ? 0 : 255;

  RING_FOR_EACH_ROW (p, y, in) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[p], y);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);
    const int64_t n = (int64_t) in.plane[p].width * in.plane[p].pixel_stride;

    if (params.amount == 1.0f && keep < 0) {
      RING_FOR_EACH_LANE (x, n)
        to[x] = 255 - from[x];
    } else if (params.amount == 1.0f) {
      /* Each of the four bytes by a mask of its own: nothing to decide inside. */
      RING_FOR_EACH_LANE (x, n / 4) {
        to[4 * x] = from[4 * x] ^ mask0;
        to[4 * x + 1] = from[4 * x + 1] ^ mask1;
        to[4 * x + 2] = from[4 * x + 2] ^ mask2;
        to[4 * x + 3] = from[4 * x + 3] ^ mask3;
      }
    } else {
      RING_FOR_EACH_LANE (x, n)
        to[x] = (x & 3) == keep
            ? from[x]
            : ring_mix_u8 (from[x], 255 - from[x], params.amount);
    }
  }
}
