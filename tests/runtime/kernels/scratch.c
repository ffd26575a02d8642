/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Copies bytes by way of its scratch memory, which there is a byte of for each
 * byte of a message.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (scratch, "Copies bytes by way of scratch memory",
    RING_SCRATCH_PER_BYTE (1))
{
  RING_FOR_EACH (i, in.size)
    scratch[i] = in.data[i];
  ring_barrier ();
  RING_FOR_EACH (i, in.size)
    out.data[i] = scratch[i];
}
