/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Has a list that is so long that there are only a few sets of parameters. Puts out its
 * first number, its last, and how many there are; and can be held up like "gate".
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (large_set, "Writes out the ends of a long list",
    RING_FLOAT_ARRAY (numbers, 1048576, "1, 2", -1e6, 1e6, "A long list"))
{
  RING_GLOBAL uint32_t *gate = 0; /* entered, open, left */

  if (in.size >= 4 * sizeof (double)) {
    gate = *(RING_GLOBAL uint32_t *RING_GLOBAL *) in.data;

    if (gate) {
      if (ring_is_first_worker ())
        ring_store_release_u32 (&gate[0], 1);
      while (ring_load_acquire_u32 (&gate[1]) == 0) {
      }
    }
    if (ring_is_first_worker ()) {
      RING_GLOBAL double *to = (RING_GLOBAL double *) out.data;

      to[0] = 0.0;
      to[1] = params.numbers[0];
      to[2] = params.numbers[params.numbers_count - 1];
      to[3] = params.numbers_count;
    }
    if (gate) {
      ring_barrier ();
      if (ring_is_first_worker ())
        ring_store_release_u32 (&gate[2], 1);
    }
  }
}
