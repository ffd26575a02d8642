/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One parameter of each type, written out as doubles: number, count, on, choice,
 * then how many taps there are and the taps themselves.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (parameters, "Writes out its parameters",
    RING_FLOAT (number, 0.5, -1.0, 1.0, RING_UNIT_RATIO, "A float"),
    RING_INT (count, 3, 0, 10, "An int"),
    RING_BOOL (on, 1, "A bool"),
    RING_ENUM (choice, 1, "first|second|third", "An enum"),
    RING_FLOAT_ARRAY (taps, 4, "0.25, 0.75", -1.0, 1.0, "An array"))
{
  if (ring_is_first_worker () && in.size >= 9 * sizeof (double)) {
    RING_GLOBAL double *to = (RING_GLOBAL double *) out.data;

    to[0] = params.number;
    to[1] = params.count;
    to[2] = params.on;
    to[3] = params.choice;
    to[4] = params.taps_count;
    for (uint32_t i = 0; i < 4; i++)
      to[5 + i] = i < params.taps_count ? params.taps[i] : 0.0;
  }
}
