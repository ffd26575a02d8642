/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lets what is slow through: a Butterworth low-pass of first or second order.
 *
 * With g = tan (pi cutoff / rate), the bilinear transform of 1 / (1 + s) and of
 * 1 / (1 + sqrt 2 s + s^2), as integrators with trapezoidal steps: what they hold are
 * values and not differences of large ones, so cutoffs far below the rate do no harm,
 * and a value that stays is put out as it is. Records are taken as `rate` in a
 * second, whatever their times say; cutoffs from half of that on count as just below.
 *
 * The first value is taken as the one there has been always. One that is not finite
 * comes out as it is, and leaves the filter alone. Starts again where the stream is
 * discontinuous. Each record needs the one before: on a GPU this is work for one lane.
 */
#include <ringkernel/kernel-sdk.h>

#define LOW_PASS_PI 3.14159265358979323846
#define LOW_PASS_SQRT_2 1.41421356237309504880

typedef struct
{
  uint64_t t; /* ns */
  double value;
} LowPassRecord;

RING_KERNEL (low_pass, "Lets what is slow through, and takes noise away",
    RING_RECORDS ("(td)", LowPassRecord, "(td)", LowPassRecord),
    RING_STATE (double low, band; int32_t started;),
    RING_FLOAT (cutoff, 5.0, 0.0001, 1000000.0, RING_UNIT_HERTZ,
        "What is faster is damped: by 3 dB there, above by 6 dB an octave for each order"),
    RING_FLOAT (rate, 100.0, 0.001, 10000000.0, RING_UNIT_HERTZ,
        "How many records there are in a second"),
    RING_INT (order, 2, 1, 2, "How steep"))
{
  const RING_GLOBAL LowPassRecord *from =
      (const RING_GLOBAL LowPassRecord *) in.data;
  RING_GLOBAL LowPassRecord *to = (RING_GLOBAL LowPassRecord *) out.data;

  if (!ring_is_first_worker ())
    return;

  const double part = (double) params.cutoff / (double) params.rate;
  const double half_w = LOW_PASS_PI * (part < 0.499 ? part : 0.499);
  const double g = ring_sin (half_w) / ring_cos (half_w);
  const double g_1 = g / (1.0 + g);
  const double g_2 = 1.0 / (1.0 + g * (g + LOW_PASS_SQRT_2));
  double low = state->low, band = state->band;
  int32_t started = state->started;

  if (in.flags & RING_MESSAGE_DISCONT)
    started = 0;

  for (uint32_t i = 0; i < in.count; i++) {
    const double x = from[i].value;
    double y = x;

    if (x - x == 0.0) {
      if (!started) {
        started = 1;
        low = x;
        band = 0.0;
      }
      if (params.order == 1) {
        const double step = (x - low) * g_1;

        y = low + step;
        low = y + step;
        /* For a second order that takes over. */
        band = 0.0;
      } else {
        const double difference = x - low;
        const double middle = g_2 * (band + g * difference);

        y = low + g * middle;
        band = 2.0 * middle - band;
        low = 2.0 * y - low;
      }
    }
    to[i].t = from[i].t;
    to[i].value = y;
  }

  state->low = low;
  state->band = band;
  state->started = started;
}
