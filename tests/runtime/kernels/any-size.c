/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Gives frames of the size and the format that are asked for. A byte is that of the
 * input's pixel at the same share of width and height; where the format differs, it
 * is what the output says of its colours, 16 times the matrix and the range.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (any_size, "Gives frames of any size",
    RING_VIDEO_TO ("GRAY8, RGB, I420", "GRAY8, RGB, I420"),
    RING_ANY_FORMAT, RING_ANY_SIZE)
{
  for (uint32_t p = 0; p < out.n_planes; p++) {
    RING_FOR_EACH_ROW_OF (y, out.plane[p].height) {
      RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);
      const uint32_t bytes = out.plane[p].pixel_stride;

      RING_FOR_EACH_LANE (x, out.plane[p].width)
        for (uint32_t b = 0; b < bytes; b++)
          to[x * bytes + b] = in.format == out.format
              ? ring_row (in.plane[p],
                  y * in.plane[p].height / out.plane[p].height)[x
                      * in.plane[p].width / out.plane[p].width * bytes
                  + b]
              : (uint8_t) (out.matrix * 16 + out.range);
    }
  }
}
