/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One of several versions of a kernel. The words that come out: the first that came
 * in, the version, how many messages its state has seen, the parameter, and from
 * there on the version and the first word together. Has other
 * state than stamp-a, and a narrower parameter.
 */
#include <ringkernel/kernel-sdk.h>

#define VERSION 3

RING_KERNEL (stamp_c, "Stamps its version all over",
    RING_STATE (uint32_t seen, reserved;),
    RING_INT (gain, 5, 0, 5, "Written out"))
{
  const RING_GLOBAL uint32_t *from = (const RING_GLOBAL uint32_t *) in.data;
  RING_GLOBAL uint32_t *to = (RING_GLOBAL uint32_t *) out.data;
  const uint32_t stamp = VERSION * 65536 + (from[0] & 65535);
  const uint32_t seen = state->seen;

  RING_FOR_EACH (i, in.size / 4)
    to[i] = i == 0 ? from[0]
        : i == 1   ? VERSION
        : i == 2   ? seen
        : i == 3   ? (uint32_t) params.gain
                   : stamp;
  /* All have read `seen` before one of them changes it. */
  ring_barrier ();
  if (ring_is_first_worker ())
    state->seen = seen + 1;
}
