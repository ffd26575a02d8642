/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Emits as many messages as the first byte of its input says (modulo 4), each block
 * those of a message of its own: the input with `add` and the number of the output
 * added to its bytes, by way of scratch memory. The second byte makes it take
 * longer.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (scatter, "Emits messages, each block those of its own",
    RING_BLOCK_SHARING, RING_EMITS (3), RING_SCRATCH (256),
    RING_INT (add, 0, 0, 255, "Added to every byte"))
{
  const uint32_t n = in.size > 0 ? in.data[0] % 4 : 0;
  uint32_t spin = in.size > 1 ? in.data[1] * 16u : 0;
  uint32_t mixed = 1;
  uint32_t k;

  RING_FOR_EACH (i, in.size)
    scratch[i] = (uint8_t) (in.data[i] + params.add);
  while (spin-- > 0)
    mixed = mixed * 1664525u + 1013904223u;
  ring_barrier ();
  for (k = 0; k < n; k++) {
    const RingView to = ring_output (k);

    /* Bytes of other lanes; and never a 3, but no compiler knows. */
    RING_FOR_EACH (i, in.size)
      to.data[in.size - 1 - i] =
          (uint8_t) (scratch[in.size - 1 - i] + k + (mixed == 0 ? 3 : 0));
    if (ring_is_first_worker ())
      ring_emit (k, in.size);
  }
}
