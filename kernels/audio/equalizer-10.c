/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An equalizer of ten bands, an octave apart, each channel on its own.
 *
 * Each band is a peaking filter as in biquad.c, and they follow each other: 10 dB in
 * two bands that are neighbours is more than 10 dB between them. Bands whose centre
 * is not below 0.49 of the rate are left out. What the filters remember goes from
 * buffer to buffer, so the result does not depend on how the stream is cut; where it
 * is discontinuous they begin at rest. What is not finite counts as silence. Sums are
 * doubles; S16LE is rounded to the nearest, halves away from zero, and saturates.
 *
 * Each frame needs the one before, so one lane does a channel: a CPU's vectors hold
 * channels that are neighbours, and on a GPU a stereo stream is work for two lanes. A
 * few bands at a time are run over the whole buffer, as many as registers can hold;
 * what is between two such runs waits in the scratch.
 */
/* Its sections stay in registers. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

#define EQUALIZER_BANDS 10
#define EQUALIZER_MAX_CHANNELS 256
#define EQUALIZER_MEMORY (EQUALIZER_BANDS * EQUALIZER_MAX_CHANNELS)
/* Channels that are neighbours, done at once. */
#define EQUALIZER_WIDTH (RING_TILE > 1 ? 8 : 1)
/* Bands, done at once. */
#define EQUALIZER_RUN (RING_TILE > 1 ? 5 : 2)
#define EQUALIZER_PI 3.14159265358979323846
/* 10^(1 / 40) is e to this. */
#define EQUALIZER_LOG_A 0.057564627324851142

/* b1 is a1, for a peak. */
typedef struct
{
  double b0, b2, a1, a2;
} EqualizerSection;

RING_FUNCTION EqualizerSection
equalizer_design (double half_w, double q, double gain)
{
  const double s = ring_sin (half_w), cosine_1 = 2.0 * s * s;
  const double alpha = s * ring_cos (half_w) / q;
  const double a = ring_exp (gain * EQUALIZER_LOG_A);
  const double a0 = 1.0 + alpha / a;
  const EqualizerSection f = { (1.0 + alpha * a) / a0, (1.0 - alpha * a) / a0,
    -2.0 * (1.0 - cosine_1) / a0, (1.0 - alpha / a) / a0 };

  return f;
}

RING_FUNCTION int16_t
equalizer_s16 (double y)
{
  const double low = y > -32768.0 ? y : -32768.0;
  const double v = low < 32767.0 ? low : 32767.0;

  return (int16_t) (int32_t) (v + (v < 0.0 ? -0.5 : 0.5));
}

/* EQUALIZER_RUN bands from @band on, for @width channels from @c on; @width and
 * @is_s16 are constants. */
RING_FUNCTION void
equalizer_run (const RingView in, const RingView out,
    RING_GLOBAL double *kept_1, RING_GLOBAL double *kept_2,
    RING_GLOBAL double *between, const EqualizerSection *f, int64_t c,
    const int32_t width, const int32_t is_s16, const int32_t band)
{
  const int64_t channels = in.channels;
  const int32_t fresh = (in.flags & RING_MESSAGE_DISCONT) != 0;
  const int32_t is_first = band == 0;
  const int32_t is_last = band + EQUALIZER_RUN == EQUALIZER_BANDS;
  double s1[EQUALIZER_RUN][EQUALIZER_WIDTH], s2[EQUALIZER_RUN][EQUALIZER_WIDTH];

  RING_UNROLLED
  for (int32_t b = 0; b < EQUALIZER_RUN; b++)
    for (int32_t j = 0; j < width; j++) {
      s1[b][j] =
          fresh ? 0.0 : kept_1[(band + b) * EQUALIZER_MAX_CHANNELS + c + j];
      s2[b][j] =
          fresh ? 0.0 : kept_2[(band + b) * EQUALIZER_MAX_CHANNELS + c + j];
    }
  for (int64_t i = c; i < (int64_t) in.count * channels; i += channels) {
    double v[EQUALIZER_WIDTH];

    for (int32_t j = 0; j < width; j++) {
      if (!is_first)
        v[j] = between[i + j];
      else if (is_s16)
        v[j] = (double) ((const RING_GLOBAL int16_t *) in.data)[i + j];
      else
        v[j] = (double) ((const RING_GLOBAL float *) in.data)[i + j];
      if (is_first)
        v[j] = v[j] - v[j] == 0.0 ? v[j] : 0.0;
    }
    RING_UNROLLED
    for (int32_t b = 0; b < EQUALIZER_RUN; b++)
      for (int32_t j = 0; j < width; j++) {
        const double x = v[j];
        const double y = f[b].b0 * x + s1[b][j];
        const double next = (f[b].a1 * x + s2[b][j]) - f[b].a1 * y;

        /* A tail that no one hears would become numbers that CPUs are slow with. */
        s1[b][j] = ring_fabs (next) < 1e-30 ? 0.0 : next;
        s2[b][j] = f[b].b2 * x - f[b].a2 * y;
        v[j] = y;
      }
    for (int32_t j = 0; j < width; j++) {
      if (!is_last)
        between[i + j] = v[j];
      else if (is_s16)
        ((RING_GLOBAL int16_t *) out.data)[i + j] = equalizer_s16 (v[j]);
      else
        ((RING_GLOBAL float *) out.data)[i + j] = (float) v[j];
    }
  }
  RING_UNROLLED
  for (int32_t b = 0; b < EQUALIZER_RUN; b++)
    for (int32_t j = 0; j < width; j++) {
      kept_1[(band + b) * EQUALIZER_MAX_CHANNELS + c + j] = s1[b][j];
      kept_2[(band + b) * EQUALIZER_MAX_CHANNELS + c + j] = s2[b][j];
    }
}

RING_FUNCTION void
equalizer_channels (RingWorker *ring, const RingView in, const RingView out,
    RING_GLOBAL double *kept_1, RING_GLOBAL double *kept_2,
    RING_GLOBAL double *between, const EqualizerSection *f, int64_t filtered,
    const int32_t band)
{
#define EQUALIZER_DO(c, width) \
  do { \
    if (in.format == RING_AUDIO_S16LE) \
      equalizer_run (in, out, kept_1, kept_2, between, f, c, width, 1, band); \
    else \
      equalizer_run (in, out, kept_1, kept_2, between, f, c, width, 0, band); \
  } while (0)

  RING_FOR_EACH (group, (filtered + EQUALIZER_WIDTH - 1) / EQUALIZER_WIDTH) {
    int64_t c = group * EQUALIZER_WIDTH;

    if (EQUALIZER_WIDTH == 1) {
      EQUALIZER_DO (c, 1);
    } else if (filtered - c >= EQUALIZER_WIDTH) {
      EQUALIZER_DO (c, EQUALIZER_WIDTH);
    } else {
      if (filtered - c >= 4) {
        EQUALIZER_DO (c, 4);
        c += 4;
      }
      if (filtered - c >= 2) {
        EQUALIZER_DO (c, 2);
        c += 2;
      }
      if (filtered - c >= 1)
        EQUALIZER_DO (c, 1);
    }
  }
}

#define EQUALIZER_GAIN(name, text) \
  RING_FLOAT (name, 0.0, -24.0, 24.0, RING_UNIT_DB, \
      "How much louder it is about " text)

RING_KERNEL (equalizer_10, "An equalizer of ten bands",
    RING_AUDIO ("F32LE, S16LE"),
    RING_IN_PLACE,
    RING_STATE (double s1[EQUALIZER_MEMORY]; double s2[EQUALIZER_MEMORY];),
    RING_SCRATCH_PER_BYTE (4),
    EQUALIZER_GAIN (gain_31, "31 Hz"),
    EQUALIZER_GAIN (gain_62, "62 Hz"),
    EQUALIZER_GAIN (gain_125, "125 Hz"),
    EQUALIZER_GAIN (gain_250, "250 Hz"),
    EQUALIZER_GAIN (gain_500, "500 Hz"),
    EQUALIZER_GAIN (gain_1k, "1 kHz"),
    EQUALIZER_GAIN (gain_2k, "2 kHz"),
    EQUALIZER_GAIN (gain_4k, "4 kHz"),
    EQUALIZER_GAIN (gain_8k, "8 kHz"),
    EQUALIZER_GAIN (gain_16k, "16 kHz"),
    RING_FLOAT (q, 1.41421356, 0.1, 20.0, RING_UNIT_RATIO,
        "How narrow a band is; channels beyond 256 are left as they are"))
{
  const double rate = (double) (in.rate > 0 ? in.rate : 1);
  const int64_t channels = in.channels;
  const int64_t filtered =
      channels < EQUALIZER_MAX_CHANNELS ? channels : EQUALIZER_MAX_CHANNELS;

/* An array that is indexed would lie in each lane's stack. */
#define EQUALIZER_GAIN_OF(b) \
  ((b) == 0          ? params.gain_31 \
          : (b) == 1 ? params.gain_62 \
          : (b) == 2 ? params.gain_125 \
          : (b) == 3 ? params.gain_250 \
          : (b) == 4 ? params.gain_500 \
          : (b) == 5 ? params.gain_1k \
          : (b) == 6 ? params.gain_2k \
          : (b) == 7 ? params.gain_4k \
          : (b) == 8 ? params.gain_8k \
                     : params.gain_16k)

  /* A worker does the same channels in each run, and so waits for no other. */
  for (int32_t band = 0; band < EQUALIZER_BANDS; band += EQUALIZER_RUN) {
    EqualizerSection f[EQUALIZER_RUN];

    RING_UNROLLED
    for (int32_t b = 0; b < EQUALIZER_RUN; b++) {
      const double part = 31.25 * (double) (1 << (band + b)) / rate;

      f[b] = equalizer_design (EQUALIZER_PI * (part < 0.49 ? part : 0.25),
          (double) params.q,
          part < 0.49 ? (double) EQUALIZER_GAIN_OF (band + b) : 0.0);
    }
    equalizer_channels (ring, in, out, state->s1, state->s2,
        (RING_GLOBAL double *) scratch, f, filtered, band);
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
