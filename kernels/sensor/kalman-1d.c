/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a noisy measurement most likely is: a Kalman filter of one value.
 *
 * The value wanders, by a normal distribution whose variance grows by wander^2 each
 * second, and is measured with the standard deviation `noise`. For each record one
 * comes out, with the value as all records up to it tell, and its standard deviation:
 *
 *   variance += wander^2 dt,   gain = variance / (variance + noise^2)
 *   value += gain (measured - value),   variance = (1 - gain) variance
 *
 * The times of the records say how long dt is, so gaps are no harm; one that goes
 * backwards is taken as no time. A value that is not finite counts as not measured,
 * and so does one that is farther away than `gate` standard deviations of what was
 * expected. Nothing comes out before the first. Starts again where the stream is
 * discontinuous. Each record needs the one before: on a GPU this is work for one lane.
 */
#include <ringkernel/kernel-sdk.h>

typedef struct
{
  uint64_t t; /* ns */
  double value;
} KalmanRecord;

typedef struct
{
  uint64_t t; /* ns */
  double value;
  double deviation;
} KalmanEstimate;

RING_KERNEL (kalman_1d, "What a noisy measurement most likely is",
    RING_RECORDS ("(td)", KalmanRecord, "(tdd)", KalmanEstimate),
    RING_EMITS (1),
    RING_STATE (double value, variance; uint64_t last; int32_t started;),
    RING_FLOAT (wander, 1.0, 0.0, 1000000.0,
        "How far the value goes in a second, as a standard deviation in its own unit"),
    RING_FLOAT (noise, 1.0, 0.000001, 1000000.0,
        "Standard deviation of a measurement, likewise"),
    RING_FLOAT (gate, 0.0, 0.0, 100.0, RING_UNIT_SIGMAS,
        "A measurement that is farther away is left out; 0: none is"))
{
  const RING_GLOBAL KalmanRecord *from =
      (const RING_GLOBAL KalmanRecord *) in.data;
  RING_GLOBAL KalmanEstimate *to = (RING_GLOBAL KalmanEstimate *) out.data;
  const double wander = (double) params.wander * (double) params.wander;
  const double noise = (double) params.noise * (double) params.noise;
  const double gate = (double) params.gate * (double) params.gate;
  uint32_t n = 0;

  if (!ring_is_first_worker ())
    return;

  double value = state->value, variance = state->variance;
  uint64_t last = state->last;
  int32_t started = in.flags & RING_MESSAGE_DISCONT ? 0 : state->started;

  for (uint32_t i = 0; i < in.count; i++) {
    const uint64_t t = from[i].t;
    const double measured = from[i].value;
    const int32_t is_finite = measured - measured == 0.0;

    if (started) {
      const double distance = measured - value;

      if (t > last)
        variance += wander * ((double) (t - last) * 1e-9);
      if (is_finite
          && (gate == 0.0
              || distance * distance <= gate * (variance + noise))) {
        const double gain = variance / (variance + noise);

        value += gain * distance;
        variance = gain * noise;
      }
    } else if (is_finite) {
      started = 1;
      value = measured;
      variance = noise;
    } else {
      continue;
    }
    last = t;
    to[n].t = t;
    to[n].value = value;
    to[n].deviation = ring_sqrt (variance);
    n++;
  }

  state->value = value;
  state->variance = variance;
  state->last = last;
  state->started = started;
  if (n > 0)
    ring_emit (0, (uint64_t) n * sizeof (KalmanEstimate));
}
