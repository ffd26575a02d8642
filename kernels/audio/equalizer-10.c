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
 * what is between two such runs waits in the scratch. Channels that do not fill a
 * CPU's vectors are done in pairs, with bands as neighbours: all ten at once, each some
 * frames behind the one before.
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
/* Of how many such channels a CPU does what is left over in pairs: those that fill a
 * vector are as fast by themselves. clang takes half of AVX-512's. */
#if defined(__AVX512F__) && !defined(__clang__)
#define EQUALIZER_WHOLE EQUALIZER_WIDTH
#else
#define EQUALIZER_WHOLE 4
#endif
#define EQUALIZER_PI 3.14159265358979323846
/* A tail that no one hears would become numbers that CPUs are slow with. */
#define EQUALIZER_SMALL 1e-30
/* 10^(1 / 40) is e to this. */
#define EQUALIZER_LOG_A 0.057564627324851142

/* b1 is a1, for a peak. */
typedef struct
{
  double b0, b2, a1, a2;
} EqualizerSection;

RING_FUNCTION EqualizerSection
equalizer_section (int32_t band, double rate, double q, double wanted)
{
  const double part = 31.25 * (double) (1 << band) / rate;
  const double half_w = EQUALIZER_PI * (part < 0.49 ? part : 0.25);
  const double gain = part < 0.49 ? wanted : 0.0;
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

/* EQUALIZER_RUN bands from @band on, for @width channels from @c on and frames from
 * @first on; @width and @is_s16 are constants. */
RING_FUNCTION void
equalizer_run (const RingView in, const RingView out,
    RING_GLOBAL double *kept_1, RING_GLOBAL double *kept_2,
    RING_GLOBAL double *between, const EqualizerSection *f, int64_t c,
    int64_t first, const int32_t width, const int32_t is_s16,
    const int32_t band)
{
  const int64_t channels = in.channels;
  const int32_t fresh = first == 0 && (in.flags & RING_MESSAGE_DISCONT) != 0;
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
  for (int64_t i = first * channels + c; i < (int64_t) in.count * channels;
       i += channels) {
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

        s1[b][j] = ring_fabs (next) < EQUALIZER_SMALL ? 0.0 : next;
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

/* @in_pairs: frames of those channels that are done in pairs, done already. */
RING_FUNCTION void
equalizer_channels (RingWorker *ring, const RingView in, const RingView out,
    RING_GLOBAL double *kept_1, RING_GLOBAL double *kept_2,
    RING_GLOBAL double *between, const EqualizerSection *f, int64_t filtered,
    int64_t in_pairs, const int32_t band)
{
#define EQUALIZER_DO(c, width) \
  do { \
    if (in.format == RING_AUDIO_S16LE) \
      equalizer_run (in, out, kept_1, kept_2, between, f, c, first, width, 1, \
          band); \
    else \
      equalizer_run (in, out, kept_1, kept_2, between, f, c, first, width, 0, \
          band); \
  } while (0)

  RING_FOR_EACH (group, (filtered + EQUALIZER_WIDTH - 1) / EQUALIZER_WIDTH) {
    int64_t c = group * EQUALIZER_WIDTH, first = 0;

    if (EQUALIZER_WIDTH == 1) {
      EQUALIZER_DO (c, 1);
    } else if (filtered - c >= EQUALIZER_WIDTH) {
      EQUALIZER_DO (c, EQUALIZER_WIDTH);
    } else {
      if (EQUALIZER_WHOLE > 4)
        first = in_pairs;
      if (filtered - c >= 4) {
        EQUALIZER_DO (c, 4);
        c += 4;
      }
      first = in_pairs;
      if (filtered - c >= 2) {
        EQUALIZER_DO (c, 2);
        c += 2;
      }
      if (filtered - c >= 1)
        EQUALIZER_DO (c, 1);
    }
  }
}

#if RING_TILE > 1
/* Frames that a band is behind the one before, so that what it reads is in the cache
 * since long, and not on its way there in other pieces. */
#define EQUALIZER_LAG 16
/* In buffers shorter than that the first and the last bands wait for too long. */
#define EQUALIZER_MIN_BLOCKS 8
#define EQUALIZER_LANES (2 * EQUALIZER_BANDS)
/* What goes into each lane, and what comes out of the last two. */
#define EQUALIZER_ROW (EQUALIZER_LANES + 2)
/* Blocks in which small numbers are expected, after one that had some. */
#define EQUALIZER_CAREFUL 8

/* Lane i is band i / 2 of channel i % 2. */
typedef struct
{
  double b0[EQUALIZER_LANES], b2[EQUALIZER_LANES];
  double a1[EQUALIZER_LANES], a2[EQUALIZER_LANES];
  double s1[EQUALIZER_LANES], s2[EQUALIZER_LANES];
  /* What to look for: EQUALIZER_SMALL, or 0 where all is 0. */
  double small[EQUALIZER_LANES];
} EqualizerLanes;

/* A row for each frame of a block: what lane i takes is its number i. */
typedef struct
{
  double v[EQUALIZER_LAG * EQUALIZER_ROW];
} EqualizerRows;

/* A block of all lanes, by the same operations as in equalizer_run (). Each frame waits
 * for the s1 of the one before, so without @careful that is not compared on the way: if
 * one was too small, false is returned, and @l is as it was. */
RING_FUNCTION int32_t
equalizer_block (EqualizerLanes *__restrict l,
    const EqualizerRows *__restrict from, EqualizerRows *__restrict to,
    const int32_t careful)
{
  double s1[EQUALIZER_LANES], s2[EQUALIZER_LANES], least[EQUALIZER_LANES];

  for (int32_t i = 0; i < EQUALIZER_LANES; i++) {
    s1[i] = l->s1[i];
    s2[i] = l->s2[i];
    least[i] = 1.0;
  }
  for (int32_t k = 0; k < EQUALIZER_LAG; k++) {
    const double *x_k = from->v + k * EQUALIZER_ROW;
    double *y_k = to->v + k * EQUALIZER_ROW + 2;

    for (int32_t i = 0; i < EQUALIZER_LANES; i++) {
      const double x = x_k[i];
      const double y = l->b0[i] * x + s1[i];
      const double next = (l->a1[i] * x + s2[i]) - l->a1[i] * y;
      const double size = ring_fabs (next);

      y_k[i] = y;
      s2[i] = l->b2[i] * x - l->a2[i] * y;
      if (careful) {
        s1[i] = size < EQUALIZER_SMALL ? 0.0 : next;
      } else {
        s1[i] = next;
        least[i] = size < least[i] ? size : least[i];
      }
    }
  }
  if (!careful) {
    int32_t is_small = 0;

    for (int32_t i = 0; i < EQUALIZER_LANES; i++)
      is_small |= least[i] < l->small[i];
    if (is_small)
      return 0;
  }
  for (int32_t i = 0; i < EQUALIZER_LANES; i++) {
    l->s1[i] = s1[i];
    l->s2[i] = s2[i];
  }
  return 1;
}

/* A block of samples of @n channels, one or two, for the first band; past the end, and
 * for a channel that there is not, silence. */
RING_FUNCTION void
equalizer_put (EqualizerRows *to, const RingView in, int64_t block,
    int64_t blocks, int64_t c, int32_t n)
{
  const int64_t channels = in.channels, two = n - 1;
  const int64_t at = block * EQUALIZER_LAG * channels + c;
  double v[EQUALIZER_LAG * 2];

  if (block >= blocks) {
    for (int32_t i = 0; i < EQUALIZER_LAG * 2; i++)
      v[i] = 0.0;
  } else if (in.format == RING_AUDIO_S16LE) {
    const RING_GLOBAL int16_t *x = (const RING_GLOBAL int16_t *) in.data + at;

    if (channels == 2)
      for (int32_t i = 0; i < EQUALIZER_LAG * 2; i++)
        v[i] = (double) x[i];
    else
      for (int32_t k = 0; k < EQUALIZER_LAG; k++) {
        v[2 * k] = (double) x[k * channels];
        v[2 * k + 1] = two ? (double) x[k * channels + two] : 0.0;
      }
  } else {
    const RING_GLOBAL float *x = (const RING_GLOBAL float *) in.data + at;
    float any[EQUALIZER_LAG * 2];

    if (channels == 2)
      for (int32_t i = 0; i < EQUALIZER_LAG * 2; i++)
        any[i] = x[i];
    else
      for (int32_t k = 0; k < EQUALIZER_LAG; k++) {
        any[2 * k] = x[k * channels];
        any[2 * k + 1] = two ? x[k * channels + two] : 0.0f;
      }
    /* -0 becomes 0, so that s1 of a band at rest does. */
    for (int32_t i = 0; i < EQUALIZER_LAG * 2; i++)
      v[i] = (any[i] - any[i] == 0.0f ? (double) any[i] : 0.0) + 0.0;
  }
  for (int32_t k = 0; k < EQUALIZER_LAG; k++)
    for (int32_t j = 0; j < 2; j++)
      to->v[k * EQUALIZER_ROW + j] = v[2 * k + j];
}

/* A block of samples from the last band. */
RING_FUNCTION void
equalizer_get (const EqualizerRows *from, const RingView out, int64_t block,
    int64_t c, int32_t n)
{
  const int64_t channels = out.channels;
  const int64_t at = block * EQUALIZER_LAG * channels + c;
  double v[EQUALIZER_LAG * 2];

  for (int32_t k = 0; k < EQUALIZER_LAG; k++)
    for (int32_t j = 0; j < 2; j++)
      v[2 * k + j] = from->v[k * EQUALIZER_ROW + EQUALIZER_LANES + j];
  if (out.format == RING_AUDIO_S16LE) {
    RING_GLOBAL int16_t *y = (RING_GLOBAL int16_t *) out.data + at;

    if (channels == 2)
      for (int32_t i = 0; i < EQUALIZER_LAG * 2; i++)
        y[i] = equalizer_s16 (v[i]);
    else
      for (int32_t k = 0; k < EQUALIZER_LAG; k++)
        for (int32_t j = 0; j < n; j++)
          y[k * channels + j] = equalizer_s16 (v[2 * k + j]);
  } else {
    RING_GLOBAL float *y = (RING_GLOBAL float *) out.data + at;

    if (channels == 2)
      for (int32_t i = 0; i < EQUALIZER_LAG * 2; i++)
        y[i] = (float) v[i];
    else
      for (int32_t k = 0; k < EQUALIZER_LAG; k++)
        for (int32_t j = 0; j < n; j++)
          y[k * channels + j] = (float) v[2 * k + j];
  }
}

/* All bands of @n channels from @c on, one or two, in whole blocks: what comes out of a
 * band in one block goes into the next band in the next block. A function of its own,
 * since the loops above become slower beside so many variables. */
static __attribute__ ((noinline)) void
equalizer_pair (const RingView in, const RingView out,
    RING_GLOBAL double *kept_1, RING_GLOBAL double *kept_2,
    const EqualizerSection *f, int64_t blocks, int64_t c, int32_t n)
{
  const int32_t fresh = (in.flags & RING_MESSAGE_DISCONT) != 0;
  int32_t careful = EQUALIZER_BANDS;
  EqualizerRows even, odd;
  EqualizerLanes l;

  for (int32_t i = 0; i < EQUALIZER_LANES; i++) {
    l.b0[i] = f[i / 2].b0;
    l.b2[i] = f[i / 2].b2;
    l.a1[i] = f[i / 2].a1;
    l.a2[i] = f[i / 2].a2;
    l.s1[i] = l.s2[i] = l.small[i] = 0.0;
  }
  for (int32_t i = 0; i < EQUALIZER_LAG * EQUALIZER_ROW; i++)
    even.v[i] = odd.v[i] = 0.0;
  equalizer_put (&even, in, 0, blocks, c, n);

  for (int64_t block = 0; block < blocks + EQUALIZER_BANDS; block++) {
    EqualizerRows *from = block & 1 ? &odd : &even;
    EqualizerRows *to = block & 1 ? &even : &odd;
    const int64_t ends = block + 1 - blocks;

    if (block < EQUALIZER_BANDS)
      for (int32_t j = 0; j < n; j++) {
        const int64_t i = block * 2 + j;
        const int64_t at = block * EQUALIZER_MAX_CHANNELS + c + j;

        l.s1[i] = fresh ? 0.0 : kept_1[at];
        l.s2[i] = fresh ? 0.0 : kept_2[at];
        /* A band of 0 dB that is at rest stays there. */
        if (l.b0[i] != 1.0 || l.b2[i] != l.a2[i] || l.s1[i] != 0.0
            || l.s2[i] != 0.0)
          l.small[i] = EQUALIZER_SMALL;
      }
    else
      equalizer_get (from, out, block - EQUALIZER_BANDS, c, n);
    /* Well before it is read. */
    equalizer_put (to, in, block + 1, blocks, c, n);
    if (careful == 0 && !equalizer_block (&l, from, to, 0))
      careful = EQUALIZER_CAREFUL;
    if (careful > 0) {
      equalizer_block (&l, from, to, 1);
      careful--;
    }
    if (ends >= 0 && ends < EQUALIZER_BANDS)
      for (int32_t j = 0; j < n; j++) {
        const int64_t at = ends * EQUALIZER_MAX_CHANNELS + c + j;

        kept_1[at] = l.s1[ends * 2 + j];
        kept_2[at] = l.s2[ends * 2 + j];
      }
  }
}

/* The channels that are left of @filtered; returns how many frames of them are done.
 * The worker is the one that does them in equalizer_channels () as well. */
RING_FUNCTION int64_t
equalizer_pairs (RingWorker *ring, const RingView in, const RingView out,
    RING_GLOBAL double *kept_1, RING_GLOBAL double *kept_2,
    const EqualizerSection *f, int64_t filtered)
{
  const int64_t blocks = in.count / EQUALIZER_LAG;

  if (blocks < EQUALIZER_MIN_BLOCKS)
    return 0;
  RING_FOR_EACH (group, (filtered + EQUALIZER_WIDTH - 1) / EQUALIZER_WIDTH) {
    const int64_t first = group * EQUALIZER_WIDTH;

    if (filtered - first < EQUALIZER_WIDTH)
      for (int64_t c = filtered - filtered % EQUALIZER_WHOLE; c < filtered;
           c += 2)
        equalizer_pair (in, out, kept_1, kept_2, f, blocks, c,
            filtered - c >= 2 ? 2 : 1);
  }
  return blocks * EQUALIZER_LAG;
}
#endif

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
  int64_t in_pairs = 0;

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

#if RING_TILE > 1
  EqualizerSection all[EQUALIZER_BANDS];

  for (int32_t b = 0; b < EQUALIZER_BANDS; b++)
    all[b] = equalizer_section (b, rate, (double) params.q,
        (double) EQUALIZER_GAIN_OF (b));
  in_pairs =
      equalizer_pairs (ring, in, out, state->s1, state->s2, all, filtered);
#endif
  /* A worker does the same channels in each run, and so waits for no other. */
  for (int32_t band = 0; band < EQUALIZER_BANDS; band += EQUALIZER_RUN) {
    EqualizerSection f[EQUALIZER_RUN];

    RING_UNROLLED
    for (int32_t b = 0; b < EQUALIZER_RUN; b++)
#if RING_TILE > 1
      f[b] = all[band + b];
#else
      f[b] = equalizer_section (band + b, rate, (double) params.q,
          (double) EQUALIZER_GAIN_OF (band + b));
#endif
    equalizer_channels (ring, in, out, state->s1, state->s2,
        (RING_GLOBAL double *) scratch, f, filtered, in_pairs, band);
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
