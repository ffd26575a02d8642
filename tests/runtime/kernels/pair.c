/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fills its output with its two parameters, alternately. A test changes both
 * together; a message that shows two values that never belonged together was
 * processed with a parameter set that changed under it.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (pair, "Writes its two parameters",
    RING_INT (first, 0, 0, 2000000000, "Any number"),
    RING_INT (second, 0, 0, 2000000000, "The same number"))
{
  RING_GLOBAL uint32_t *to = (RING_GLOBAL uint32_t *) out.data;

  RING_FOR_EACH (i, in.size / 4)
    to[i] = (uint32_t) (i & 1 ? params.second : params.first);
}
