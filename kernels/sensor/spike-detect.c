/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finds spikes: values far from what the stream has been like.
 *
 * The score of a record is its distance from the running mean in running standard
 * deviations. Mean and variance are those of all records at first, and from
 * `window` records on they forget with that time constant (West 1979):
 *
 *   a = 1 / min (n, window),   d = value - mean
 *   mean += a d,   variance = (1 - a) (variance + a d^2)
 *
 * Detection begins after `window` records. A spike lasts while the score is above
 * the threshold, and one event comes out when it ends: time, value and score of
 * its highest record. Mean and deviation grow while the spike passes, so its
 * records are compared, and the event is scored, by those from before it began.
 * For the refractory time after that record no new spike begins. Values that are
 * not finite are skipped. Starts again where the stream is discontinuous.
 */
#include <ringkernel/kernel-sdk.h>

typedef struct
{
  uint64_t t; /* ns */
  double value;
} SpikeRecord;

typedef struct
{
  uint64_t t; /* ns */
  double value;
  double score; /* in standard deviations, with its sign */
} SpikeEvent;

enum /* nicks of `direction` */
{
  SPIKE_UP,
  SPIKE_DOWN,
  SPIKE_BOTH
};

/* How far up, down or away a score is. */
RING_FUNCTION double
spike_height (double score, int32_t direction)
{
  return direction == SPIKE_UP  ? score
      : direction == SPIKE_DOWN ? -score
                                : ring_fabs (score);
}

RING_KERNEL (spike_detect, "Finds spikes in a stream of records",
    RING_RECORDS ("(td)", SpikeRecord, "(tdd)", SpikeEvent),
    RING_EMITS (1),
    RING_STATE (double mean, variance, mean_before, deviation_before;
        SpikeEvent best; uint64_t last; int32_t count, inside, had_event;),
    RING_FLOAT (threshold, 4.0, 1.0, 100.0, RING_UNIT_SIGMAS,
        "How far from the running mean a spike is"),
    RING_INT (window, 256, 2, 1000000, RING_UNIT_RECORDS,
        "How many records mean and standard deviation remember"),
    RING_FLOAT (refractory, 0.2, 0.0, 3600.0, RING_UNIT_SECONDS,
        "After a spike no other begins for so long"),
    RING_ENUM (direction, 0, "up|down|both",
        "Whether spikes go up, down, or either way"))
{
  const RING_GLOBAL SpikeRecord *from =
      (const RING_GLOBAL SpikeRecord *) in.data;
  RING_GLOBAL SpikeEvent *to = (RING_GLOBAL SpikeEvent *) out.data;
  uint32_t n = 0;

  /* Each record needs the one before: work for one. */
  if (!ring_is_first_worker ())
    return;

  if (in.flags & RING_MESSAGE_DISCONT) {
    state->mean = state->variance = 0.0;
    state->count = state->inside = state->had_event = 0;
  }

  const double threshold = (double) params.threshold;
  const uint64_t refractory = (uint64_t) ((double) params.refractory * 1e9);
  const int32_t window = ring_max_i32 (params.window, 2);
  double mean = state->mean, variance = state->variance;
  int32_t count = state->count;

  for (uint32_t i = 0; i < in.count; i++) {
    const uint64_t t = from[i].t;
    const double value = from[i].value;
    const double distance = value - mean;
    double deviation = 0.0, score = 0.0;

    if (!(value - value == 0.0))
      continue;

    if (count >= window && variance > 0.0) {
      deviation = ring_sqrt (variance);
      score = distance / deviation;
    }

    if (spike_height (score, params.direction) > threshold) {
      const int32_t begins = !state->inside
          && (!state->had_event || t - state->last >= refractory);

      if (begins) {
        state->inside = 1;
        state->mean_before = mean;
        state->deviation_before = deviation;
      } else {
        score = (value - state->mean_before) / state->deviation_before;
      }
      if (begins
          || (state->inside
              && spike_height (score, params.direction)
                  > spike_height (state->best.score, params.direction))) {
        state->best.t = t;
        state->best.value = value;
        state->best.score = score;
      }
    } else if (state->inside) {
      to[n++] = state->best;
      state->inside = 0;
      state->had_event = 1;
      state->last = state->best.t;
    }

    if (count < window)
      count++;
    const double a = 1.0 / (double) count;
    mean += a * distance;
    variance = (1.0 - a) * (variance + a * distance * distance);
  }

  state->mean = mean;
  state->variance = variance;
  state->count = count;
  if (n > 0)
    ring_emit (0, (uint64_t) n * sizeof (SpikeEvent));
}
