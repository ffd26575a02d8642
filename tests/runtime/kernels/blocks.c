/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Copies bytes, each block a message of its own. The first byte makes a message
 * take longer, so that messages overtake each other inside the kernel; they must
 * not do so outside.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (blocks, "Copies bytes, each block a message of its own",
    RING_BLOCK_SHARING)
{
  uint32_t spin = in.size > 0 ? in.data[0] * 64u : 0;
  uint32_t mixed = 1;

  while (spin-- > 0)
    mixed = mixed * 1664525u + 1013904223u;
  RING_FOR_EACH (i, in.size)
    out.data[i] = in.data[i];
  /* Never true, but no compiler knows: keeps the loop above. */
  if (mixed == 0 && in.size > 1)
    out.data[1] = 0;
}
