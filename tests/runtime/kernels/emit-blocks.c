/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Emits as emit.c does, each block for a message of its own.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (emit_blocks, "Emits as many messages as its input asks for, by blocks",
    RING_EMITS (4),
    RING_BLOCK_SHARING)
{
  if (ring_is_first_worker () && in.size > 1) {
    for (uint32_t k = 0; k < in.data[0] && k < 4; k++) {
      const RingView to = ring_output (k);

      for (uint64_t i = 0; i < in.size; i++)
        to.data[i] = in.data[i];
      to.data[1] = (uint8_t) k;
      ring_emit (k, in.size);
    }
  }
}
