/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* my-kernel: a filter for pictures, to be made your own.
 *
 *   ringkernel run ./my-kernel.c --input in.png --output out.png --param strength=1
 *   ringkernel verify ./my-kernel.c
 *   gst-launch-1.0 videotestsrc ! ringkernelfilter kernel=./my-kernel.c \
 *     ! videoconvert ! autovideosink
 */
#include <ringkernel/kernel-sdk.h>

/* Name, one line on what it does, then what it takes and what it can be told. A
 * parameter has a default, a least and a greatest value, a unit if it has one, and a
 * line of its own; it becomes a property, which may change while pictures pass. */
RING_KERNEL (my_kernel, "Pushes what is bright up and what is dark down",
    RING_VIDEO ("GRAY8, RGB, BGR"),
    RING_IN_PLACE, /* no byte depends on another: the result may replace the input */
    RING_FLOAT (strength, 0.5, 0.0, 1.0, RING_UNIT_RATIO,
        "0 leaves the picture as it is"),
    RING_INT (middle, 128, 0, 255, "Brighter than this is bright"))
{
  /* Every worker runs this. The loops share out the work: each row goes to one of
   * them. `in` and `out` are the pictures, `params` holds the parameters. */
  RING_FOR_EACH_ROW (p, y, in) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[p], y);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);

    RING_FOR_EACH_LANE (x, in.plane[p].width * in.plane[p].pixel_stride) {
      const int32_t distance = (int32_t) from[x] - params.middle;

      to[x] =
          ring_clamp_u8 ((float) from[x] + (float) distance * params.strength);
    }
  }
}
