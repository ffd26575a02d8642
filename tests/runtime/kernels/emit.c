/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Emits as many messages as the first byte of its input says, each of them that
 * input with the number of the output in its second byte. 255: emits one output
 * that is longer than there is room for, which a kernel must not do.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (emit, "Emits as many messages as its input asks for",
    RING_EMITS (4))
{
  if (ring_is_first_worker () && in.size > 1) {
    const uint32_t n = in.data[0];

    if (n == 255)
      ring_emit (0, ring_output (0).capacity + 1);
    for (uint32_t k = 0; n != 255 && k < n && k < 4; k++) {
      const RingView to = ring_output (k);

      for (uint64_t i = 0; i < in.size; i++)
        to.data[i] = in.data[i];
      to.data[1] = (uint8_t) k;
      ring_emit (k, in.size);
    }
  }
}
