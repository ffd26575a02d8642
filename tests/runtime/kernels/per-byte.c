/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Remembers every byte and gives back the one that was there a message ago; with
 * scratch for each byte as well. So it needs memory by the size of a message.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (per_byte, "Gives back the message before",
    RING_STATE_PER_BYTE (1), RING_SCRATCH_PER_BYTE (1))
{
  RING_FOR_EACH (i, in.size)
    scratch[i] = state_buffer[i];
  ring_barrier ();
  RING_FOR_EACH (i, in.size) {
    state_buffer[i] = in.data[i];
    out.data[i] = scratch[i];
  }
}
