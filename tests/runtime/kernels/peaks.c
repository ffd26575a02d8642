/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A record of each sample of the first channel that is not silent, and one more at the
 * end of a block: how many there were. So the most that may come does come.
 */
#include <ringkernel/kernel-sdk.h>

typedef struct
{
  uint64_t index;
  double value;
} Record;

RING_KERNEL (peaks, "Gives a record of each sample that is not silent",
    RING_AUDIO_TO_RECORDS ("F32LE", "(td)", Record, 1), RING_EMITS (1))
{
  if (ring_is_first_worker ()) {
    RING_GLOBAL Record *to = (RING_GLOBAL Record *) out.data;
    uint64_t n = 0;

    for (uint32_t i = 0; i < in.count; i++) {
      const float x =
          ((const RING_GLOBAL float *) in.data)[(uint64_t) i * in.channels];

      if (x != 0.0f) {
        to[n].index = i;
        to[n++].value = x;
      }
    }
    to[n].index = in.count;
    to[n].value = (double) n;
    ring_emit (0, (n + 1) * sizeof (Record));
  }
}
