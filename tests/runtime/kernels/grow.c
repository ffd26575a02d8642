/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The nearest pixel, in whatever size is asked for, by way of scratch memory. There is
 * as much of that as the larger of both pictures takes.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (grow, "The nearest pixel, in any size",
    RING_VIDEO ("GRAY8"), RING_ANY_SIZE, RING_SCRATCH_PER_BYTE (1))
{
  const int64_t width = out.width > in.width ? out.width : in.width;
  const int64_t height = out.height > in.height ? out.height : in.height;

  RING_FOR_EACH_ROW_OF (y, height)
    RING_FOR_EACH_LANE (x, width)
      scratch[y * width + x] =
          ring_row (in.plane[0], y * in.height / height)[x * in.width / width];
  ring_barrier ();
  RING_FOR_EACH_PIXEL (x, y, out.plane[0])
    ring_row (out.plane[0], y)[x] =
        scratch[(y * height / out.height) * width + x * width / out.width];
}
