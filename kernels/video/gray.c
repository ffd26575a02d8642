/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Turns a picture to gray.
 *
 * RGB becomes luma with the weights of ITU-R BT.601 in 8 bits,
 * (77 R + 150 G + 29 B + 128) >> 8, of the same range as the input; of YUV the
 * luma plane is copied. Alpha is dropped.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (gray, "Turns a picture to gray",
    RING_VIDEO_TO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12",
        "GRAY8"))
{
  const RingVideoLayout layout = ring_video_layout (in.format);
  /* A weight for each byte of a pixel, so that the loops load bytes at fixed
   * distances for every order of the colours. */
  const uint16_t w0 = layout.r == 0 ? 77
      : layout.g == 0               ? 150
      : layout.b == 0               ? 29
                                    : 0;
  const uint16_t w1 = layout.r == 1 ? 77
      : layout.g == 1               ? 150
      : layout.b == 1               ? 29
                                    : 0;
  const uint16_t w2 = layout.r == 2 ? 77
      : layout.g == 2               ? 150
      : layout.b == 2               ? 29
                                    : 0;
  const uint16_t w3 = layout.r == 3 ? 77
      : layout.g == 3               ? 150
      : layout.b == 3               ? 29
                                    : 0;
  const int64_t width = in.width;

  RING_FOR_EACH_ROW_OF (y, in.height) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);

    if (in.plane[0].pixel_stride == 1) {
      RING_FOR_EACH_LANE (x, width)
        to[x] = from[x];
    } else if (in.plane[0].pixel_stride == 3) {
      RING_FOR_EACH_LANE (x, width)
        to[x] = (uint8_t) ((uint16_t) (w0 * from[3 * x] + w1 * from[3 * x + 1]
                               + w2 * from[3 * x + 2] + 128)
            >> 8);
    } else {
      RING_FOR_EACH_LANE (x, width)
        to[x] =
            (uint8_t) ((uint16_t) (w0 * from[4 * x] + w1 * from[4 * x + 1]
                           + w2 * from[4 * x + 2] + w3 * from[4 * x + 3] + 128)
                >> 8);
    }
  }
}
