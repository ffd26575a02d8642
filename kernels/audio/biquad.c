/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A filter of second order, each channel on its own.
 *
 * The responses are those of Robert Bristow-Johnson's "Cookbook formulae for audio
 * EQ biquad filter coefficients", with w = 2 pi frequency / rate, A = 10^(gain / 40)
 * and a = sin w / (2 q); `band-pass` has its peak at 0 dB. Frequencies from half of
 * the rate on count as just below that. Transposed direct form 2,
 *
 *   y = b0 x + s1,   s1 = b1 x - a1 y + s2,   s2 = b2 x - a2 y
 *
 * in doubles: poles of low frequencies lie so near to 1 that floats would hum. What
 * the filter remembers goes from buffer to buffer, so the result does not depend on
 * how the stream is cut. Where it is discontinuous the filter begins at rest. What is
 * not finite counts as silence, for it would stay in the filter for good. S16LE is
 * rounded to the nearest, halves away from zero, and saturates.
 *
 * Each frame needs the one before, so one lane does a channel: a CPU's vectors hold
 * channels that are neighbours, and on a GPU a stereo stream is work for two lanes.
 */
#include <ringkernel/kernel-sdk.h>

#define BIQUAD_MAX_CHANNELS 1024
/* Channels that are neighbours, done at once. */
#define BIQUAD_WIDTH (RING_TILE > 1 ? 8 : 1)
#define BIQUAD_PI 3.14159265358979323846
/* 10^(1 / 40) is e to this. */
#define BIQUAD_LOG_A 0.057564627324851142

enum /* nicks of `response` */
{
  BIQUAD_LOW_PASS,
  BIQUAD_HIGH_PASS,
  BIQUAD_BAND_PASS,
  BIQUAD_NOTCH,
  BIQUAD_ALL_PASS,
  BIQUAD_PEAK,
  BIQUAD_LOW_SHELF,
  BIQUAD_HIGH_SHELF
};

typedef struct
{
  double b0, b1, b2, a1, a2;
} BiquadSection;

/* @cosine_1: 1 - cos w, which is small where cos w is nearly 1. */
RING_FUNCTION BiquadSection
biquad_design (int32_t response, double half_w, double q, double gain)
{
  const double s = ring_sin (half_w), cosine_1 = 2.0 * s * s;
  const double cosine = 1.0 - cosine_1, alpha = s * ring_cos (half_w) / q;
  const double a = ring_exp (gain * BIQUAD_LOG_A);
  double a0 = 1.0 + alpha;
  BiquadSection f = { 1.0, -2.0 * cosine, 1.0, -2.0 * cosine, 1.0 - alpha };

  if (response == BIQUAD_LOW_PASS) {
    f.b0 = f.b2 = cosine_1 * 0.5;
    f.b1 = cosine_1;
  } else if (response == BIQUAD_HIGH_PASS) {
    f.b0 = f.b2 = (2.0 - cosine_1) * 0.5;
    f.b1 = cosine_1 - 2.0;
  } else if (response == BIQUAD_BAND_PASS) {
    f.b0 = alpha;
    f.b1 = 0.0;
    f.b2 = -alpha;
  } else if (response == BIQUAD_ALL_PASS) {
    f.b0 = 1.0 - alpha;
    f.b2 = 1.0 + alpha;
  } else if (response == BIQUAD_PEAK) {
    f.b0 = 1.0 + alpha * a;
    f.b2 = 1.0 - alpha * a;
    a0 = 1.0 + alpha / a;
    f.a2 = 1.0 - alpha / a;
  } else if (response != BIQUAD_NOTCH) {
    /* The high shelf is the low one with the cosine's sign turned. */
    const double sign = response == BIQUAD_LOW_SHELF ? 1.0 : -1.0;
    const double up = a + 1.0, down = (a - 1.0) * cosine * sign;
    const double slope = 2.0 * ring_sqrt (a) * alpha;

    f.b0 = a * (up - down + slope);
    f.b1 = sign * 2.0 * a * ((a - 1.0) - up * cosine * sign);
    f.b2 = a * (up - down - slope);
    a0 = up + down + slope;
    f.a1 = sign * -2.0 * ((a - 1.0) + up * cosine * sign);
    f.a2 = up + down - slope;
  }
  f.b0 /= a0;
  f.b1 /= a0;
  f.b2 /= a0;
  f.a1 /= a0;
  f.a2 /= a0;
  return f;
}

RING_FUNCTION int16_t
biquad_s16 (double y)
{
  const double low = y > -32768.0 ? y : -32768.0;
  const double v = low < 32767.0 ? low : 32767.0;

  return (int16_t) (int32_t) (v + (v < 0.0 ? -0.5 : 0.5));
}

/* @width channels from @c on, @width and @is_s16 constants. */
RING_FUNCTION void
biquad_run (const RingView in, const RingView out, RING_GLOBAL double *kept_1,
    RING_GLOBAL double *kept_2, const BiquadSection f, int64_t c,
    const int32_t width, const int32_t is_s16)
{
  const int64_t channels = in.channels;
  const int32_t fresh = (in.flags & RING_MESSAGE_DISCONT) != 0;
  double s1[BIQUAD_WIDTH], s2[BIQUAD_WIDTH];

  for (int32_t j = 0; j < width; j++) {
    s1[j] = fresh ? 0.0 : kept_1[c + j];
    s2[j] = fresh ? 0.0 : kept_2[c + j];
  }
  for (int64_t i = c; i < (int64_t) in.count * channels; i += channels) {
    for (int32_t j = 0; j < width; j++) {
      const double v = is_s16
          ? (double) ((const RING_GLOBAL int16_t *) in.data)[i + j]
          : (double) ((const RING_GLOBAL float *) in.data)[i + j];
      const double x = v - v == 0.0 ? v : 0.0;
      const double y = f.b0 * x + s1[j];
      const double next = (f.b1 * x + s2[j]) - f.a1 * y;

      /* A tail that no one hears would become numbers that CPUs are slow with. */
      s1[j] = ring_fabs (next) < 1e-30 ? 0.0 : next;
      s2[j] = f.b2 * x - f.a2 * y;
      if (is_s16)
        ((RING_GLOBAL int16_t *) out.data)[i + j] = biquad_s16 (y);
      else
        ((RING_GLOBAL float *) out.data)[i + j] = (float) y;
    }
  }
  for (int32_t j = 0; j < width; j++) {
    kept_1[c + j] = s1[j];
    kept_2[c + j] = s2[j];
  }
}

RING_KERNEL (biquad, "Filters sound: low-pass, high-pass, band-pass, notch, peak, shelves",
    RING_AUDIO ("F32LE, S16LE"),
    RING_IN_PLACE,
    RING_STATE (double s1[BIQUAD_MAX_CHANNELS]; double s2[BIQUAD_MAX_CHANNELS];),
    RING_ENUM (response, 0,
        "low-pass|high-pass|band-pass|notch|all-pass|peak|low-shelf|high-shelf",
        "What the filter does; channels beyond 1024 are left as they are"),
    RING_FLOAT (frequency, 1000.0, 1.0, 200000.0, RING_UNIT_HERTZ,
        "Corner, centre, or middle of the shelf's slope"),
    RING_FLOAT (q, 0.70710678, 0.05, 100.0, RING_UNIT_RATIO,
        "How narrow the filter is, or how steep the corner"),
    RING_FLOAT (gain, 0.0, -60.0, 60.0, RING_UNIT_DB,
        "peak and shelves: how much louder it gets there"))
{
  const int64_t channels = in.channels;
  const int64_t filtered =
      channels < BIQUAD_MAX_CHANNELS ? channels : BIQUAD_MAX_CHANNELS;
  const double part =
      (double) params.frequency / (double) (in.rate > 0 ? in.rate : 1);
  const BiquadSection f =
      biquad_design (params.response, BIQUAD_PI * (part < 0.499 ? part : 0.499),
          (double) params.q, (double) params.gain);

#define BIQUAD_RUN(c, width) \
  do { \
    if (in.format == RING_AUDIO_S16LE) \
      biquad_run (in, out, state->s1, state->s2, f, c, width, 1); \
    else \
      biquad_run (in, out, state->s1, state->s2, f, c, width, 0); \
  } while (0)

  RING_FOR_EACH (group, (filtered + BIQUAD_WIDTH - 1) / BIQUAD_WIDTH) {
    int64_t c = group * BIQUAD_WIDTH;

    if (BIQUAD_WIDTH == 1) {
      BIQUAD_RUN (c, 1);
    } else if (filtered - c >= BIQUAD_WIDTH) {
      BIQUAD_RUN (c, BIQUAD_WIDTH);
    } else {
      if (filtered - c >= 4) {
        BIQUAD_RUN (c, 4);
        c += 4;
      }
      if (filtered - c >= 2) {
        BIQUAD_RUN (c, 2);
        c += 2;
      }
      if (filtered - c >= 1)
        BIQUAD_RUN (c, 1);
    }
  }
  if (channels > filtered) {
    const int64_t rest = channels - filtered;

    RING_FOR_EACH (i, (int64_t) in.count * rest) {
      const int64_t at = i / rest * channels + filtered + i % rest;

      if (in.format == RING_AUDIO_S16LE)
        ((RING_GLOBAL int16_t *) out.data)[at] =
            ((const RING_GLOBAL int16_t *) in.data)[at];
      else
        ((RING_GLOBAL float *) out.data)[at] =
            ((const RING_GLOBAL float *) in.data)[at];
    }
  }
}
