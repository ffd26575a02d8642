/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How strong the last records are: the square root of the mean of their squares.
 *
 * Every `hop` records one comes out: that of the last `window` values, of fewer where
 * the stream has just begun, at the time of the newest. Starts again where the stream
 * is discontinuous or the window changes.
 *
 * Nothing is ever subtracted, so a large value leaves no error behind, and one that is
 * not finite leaves with the window: the records are cut into blocks of a window's
 * length; whenever one is complete, its squares become sums from each of them to its
 * end, and the window's sum is one of these and that of the new block so far.
 *
 * Each record needs the one before: on a GPU this is work for one lane.
 */
#include <ringkernel/kernel-sdk.h>

#define RMS_MAX_WINDOW 4096

typedef struct
{
  uint64_t t; /* ns */
  double value;
} RmsRecord;

RING_KERNEL (rms_window, "How strong the last records are: their root mean square",
    RING_RECORDS ("(td)", RmsRecord, "(td)", RmsRecord),
    RING_EMITS (1),
    /* The first of `sums` are squares of the new block, the others sums of the old. */
    RING_STATE (double sum; int32_t window, count, next, since;
        double sums[RMS_MAX_WINDOW];),
    RING_INT (window, 16, 1, RMS_MAX_WINDOW, RING_UNIT_RECORDS,
        "Of how many records"),
    RING_INT (hop, 1, 1, 65536, RING_UNIT_RECORDS,
        "One record comes out for so many that go in"))
{
  const RING_GLOBAL RmsRecord *from = (const RING_GLOBAL RmsRecord *) in.data;
  RING_GLOBAL RmsRecord *to = (RING_GLOBAL RmsRecord *) out.data;
  uint32_t n = 0;

  if (!ring_is_first_worker ())
    return;

  const int32_t window = ring_clamp_i32 (params.window, 1, RMS_MAX_WINDOW);
  if (state->window != window || (in.flags & RING_MESSAGE_DISCONT)) {
    state->window = window;
    state->sum = 0.0;
    state->count = state->next = state->since = 0;
  }

  double sum = state->sum;
  int32_t count = state->count, next = state->next, since = state->since;

  for (uint32_t i = 0; i < in.count; i++) {
    const double value = from[i].value;
    const int32_t is_full = count == window;
    /* Of the old block, what is behind this record's place. */
    const double old =
        is_full && next + 1 < window ? state->sums[next + 1] : 0.0;

    if (!is_full)
      count++;
    state->sums[next] = value * value;
    sum += value * value;

    if (++since >= params.hop) {
      since = 0;
      to[n].t = from[i].t;
      to[n].value = ring_sqrt ((old + sum) / (double) count);
      n++;
    }

    if (++next == window) {
      double tail = 0.0;

      for (int32_t k = window - 1; k >= 0; k--) {
        tail += state->sums[k];
        state->sums[k] = tail;
      }
      next = 0;
      sum = 0.0;
    }
  }

  state->sum = sum;
  state->count = count;
  state->next = next;
  state->since = since;
  if (n > 0)
    ring_emit (0, (uint64_t) n * sizeof (RmsRecord));
}
