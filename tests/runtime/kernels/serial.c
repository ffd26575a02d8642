/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writes into every byte how many messages it has seen before this one (modulo
 * 256) since its state began.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (serial, "Numbers its pictures",
    RING_VIDEO ("GRAY8, RGB"),
    RING_STATE (uint32_t seen;))
{
  const uint32_t seen = state->seen;

  RING_FOR_EACH_ROW (p, y, in) {
    RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);

    RING_FOR_EACH_LANE (x, in.plane[p].width * in.plane[p].pixel_stride)
      to[x] = (uint8_t) seen;
  }
  /* All have read `seen` before one of them changes it. */
  ring_barrier ();
  if (ring_is_first_worker ())
    state->seen = seen + 1;
}
