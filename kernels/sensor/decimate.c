/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fewer records: one for every `factor`.
 *
 * Its value is the mean of the group, or the group's last value; its time is that
 * of the group's last record. Picking alone lets what is faster than half the new
 * rate through, at a wrong frequency; the mean damps it. Where the stream is
 * discontinuous, a group that is not complete is dropped.
 */
#include <ringkernel/kernel-sdk.h>

typedef struct
{
  uint64_t t; /* ns */
  double value;
} DecimateRecord;

RING_KERNEL (decimate, "Makes one record of several",
    RING_RECORDS ("(td)", DecimateRecord, "(td)", DecimateRecord),
    RING_EMITS (1),
    RING_STATE (double sum; int32_t count;),
    RING_INT (factor, 10, 1, 1000000, RING_UNIT_RECORDS,
        "How many records become one"),
    RING_ENUM (method, 0, "mean|pick",
        "mean: the group's mean; pick: its last value"))
{
  const RING_GLOBAL DecimateRecord *from =
      (const RING_GLOBAL DecimateRecord *) in.data;
  RING_GLOBAL DecimateRecord *to = (RING_GLOBAL DecimateRecord *) out.data;
  uint32_t n = 0;

  /* Each record needs the one before: work for one. */
  if (!ring_is_first_worker ())
    return;

  const int32_t restart = (in.flags & RING_MESSAGE_DISCONT) != 0;
  double sum = restart ? 0.0 : state->sum;
  int32_t count = restart ? 0 : state->count;

  for (uint32_t i = 0; i < in.count; i++) {
    sum += from[i].value;
    if (++count >= params.factor) {
      to[n].t = from[i].t;
      to[n].value = params.method == 0 ? sum / (double) count : from[i].value;
      n++;
      sum = 0.0;
      count = 0;
    }
  }

  state->sum = sum;
  state->count = count;
  if (n > 0)
    ring_emit (0, (uint64_t) n * sizeof (DecimateRecord));
}
