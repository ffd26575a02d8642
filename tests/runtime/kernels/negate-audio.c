/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Inverts the phase of 16-bit audio, and takes no other format: for tests that
 * offer it the wrong one.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (negate_audio, "Inverts the phase", RING_AUDIO ("S16LE"))
{
  const RING_GLOBAL int16_t *from = (const RING_GLOBAL int16_t *) in.data;
  RING_GLOBAL int16_t *to = (RING_GLOBAL int16_t *) out.data;

  RING_FOR_EACH (i, in.count * in.channels)
    to[i] = (int16_t) (from[i] == -32768 ? 32767 : -from[i]);
}
