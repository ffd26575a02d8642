/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An `invert` that never answers.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (invert, "Waits for ever",
    RING_VIDEO ("GRAY8, RGBA, NV12"),
    RING_FLOAT (amount, 1.0, 0.0, 1.0, RING_UNIT_RATIO, "Not used"))
{
  volatile RING_GLOBAL uint8_t *first =
      (volatile RING_GLOBAL uint8_t *) in.data;
  const uint8_t before = *first;

  while (*first == before)
    ring_barrier ();
}
