/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An `invert` that does not: it leaves what comes last as it is. A benchmark that
 * takes its figures is no benchmark.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (invert, "Inverts nearly all",
    RING_VIDEO ("GRAY8, RGBA, NV12"),
    RING_FLOAT (amount, 1.0, 0.0, 1.0, RING_UNIT_RATIO, "Not used"))
{
  RING_FOR_EACH_ROW (p, y, in) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[p], y);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);
    const int64_t n = (int64_t) in.plane[p].width * in.plane[p].pixel_stride;

    RING_FOR_EACH_LANE (x, n)
      to[x] = x == n - 1 ? from[x] : 255 - from[x];
  }
}
