/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * As gate.c, for pictures: waits if the first eight bytes of its first row are
 * the address of the test's words.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (gate_video, "Copies pictures, held up by the test where it wants to",
    RING_VIDEO ("GRAY8, RGB"))
{
  RING_GLOBAL uint32_t *gate = 0; /* entered, open, left */

  if (in.plane[0].width * in.plane[0].pixel_stride >= sizeof (uint64_t))
    gate = *(RING_GLOBAL uint32_t *RING_GLOBAL *) in.data;

  if (gate) {
    if (ring_is_first_worker ())
      ring_store_release_u32 (&gate[0], 1);
    while (ring_load_acquire_u32 (&gate[1]) == 0) {
    }
  }
  RING_FOR_EACH_ROW (p, y, in)
    RING_FOR_EACH_LANE (x, in.plane[p].width * in.plane[p].pixel_stride)
      ring_row (out.plane[p], y)[x] = ring_row (in.plane[p], y)[x];
}
