/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The mean of the last records.
 *
 * Every `hop` records one comes out: the mean of the last `window` values, of
 * fewer where the stream has just begun, at the time of the newest. Starts again
 * where the stream is discontinuous or the window changes.
 *
 * A running sum would gather rounding errors without end, so it is taken anew
 * from the window whenever the window has been replaced once, and when a value
 * that is not finite leaves it.
 */
#include <ringkernel/kernel-sdk.h>

#define AVERAGE_MAX_WINDOW 4096

typedef struct
{
  uint64_t t; /* ns */
  double value;
} AverageRecord;

RING_KERNEL (moving_average, "The mean of the last records",
    RING_RECORDS ("(td)", AverageRecord, "(td)", AverageRecord),
    RING_EMITS (1),
    RING_STATE (double sum; int32_t window, count, next, since;
        double values[AVERAGE_MAX_WINDOW];),
    RING_INT (window, 16, 1, AVERAGE_MAX_WINDOW, RING_UNIT_RECORDS,
        "How many records are averaged"),
    RING_INT (hop, 1, 1, 65536, RING_UNIT_RECORDS,
        "One record comes out for so many that go in"))
{
  const RING_GLOBAL AverageRecord *from =
      (const RING_GLOBAL AverageRecord *) in.data;
  RING_GLOBAL AverageRecord *to = (RING_GLOBAL AverageRecord *) out.data;
  uint32_t n = 0;

  /* Each record needs the one before: work for one. */
  if (!ring_is_first_worker ())
    return;

  const int32_t window = ring_clamp_i32 (params.window, 1, AVERAGE_MAX_WINDOW);
  if (state->window != window || (in.flags & RING_MESSAGE_DISCONT)) {
    state->window = window;
    state->sum = 0.0;
    state->count = state->next = state->since = 0;
  }

  double sum = state->sum;
  int32_t count = state->count, next = state->next, since = state->since;

  for (uint32_t i = 0; i < in.count; i++) {
    const double value = from[i].value;
    double old = 0.0;

    if (count == window)
      old = state->values[next];
    else
      count++;
    state->values[next] = value;
    next = next + 1 < window ? next + 1 : 0;

    if (next == 0 || !(old - old == 0.0)) {
      sum = 0.0;
      for (int32_t k = 0; k < count; k++)
        sum += state->values[k];
    } else {
      sum += value - old;
    }

    if (++since >= params.hop) {
      since = 0;
      to[n].t = from[i].t;
      to[n].value = sum / (double) count;
      n++;
    }
  }

  state->sum = sum;
  state->count = count;
  state->next = next;
  state->since = since;
  if (n > 0)
    ring_emit (0, (uint64_t) n * sizeof (AverageRecord));
}
