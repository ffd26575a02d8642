/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Copies bytes, but waits first if the message says so: its first eight bytes
 * are the address of three words of the test (0: do not wait). So a test holds a
 * message inside the kernel for as long as it likes. On cpu only, where kernel and
 * test share their addresses.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (gate, "Copies bytes, held up by the test where it wants to")
{
  RING_GLOBAL uint32_t *gate = 0; /* entered, open, left */

  if (in.size >= sizeof (uint64_t))
    gate = *(RING_GLOBAL uint32_t *RING_GLOBAL *) in.data;

  if (gate) {
    if (ring_is_first_worker ())
      ring_store_release_u32 (&gate[0], 1);
    while (ring_load_acquire_u32 (&gate[1]) == 0) {
    }
  }

  RING_FOR_EACH (i, in.size)
    out.data[i] = in.data[i];

  if (gate) {
    /* "left" says that no worker touches the message's memory any more. */
    ring_barrier ();
    if (ring_is_first_worker ())
      ring_store_release_u32 (&gate[2], 1);
  }
}
