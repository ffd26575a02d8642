/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Passes bytes on unchanged, whatever they are: the cost of the way to the
 * kernel and back, and nothing else.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (copy, "Copies its input",
    RING_IN_PLACE)
{
  /* In place there is nothing to do. */
  if (out.data == in.data)
    return;

  RING_MAP_BYTES (out.data, in.data, in.size, w, w);
}
