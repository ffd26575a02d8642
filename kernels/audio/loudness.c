/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How loud sound is to people, by ITU-R BS.1770-4 and EBU R 128 (Tech 3341), as records.
 *
 * Each tenth of a second of each channel gives a sum of squares, behind the two filters
 * of the recommendation ("K"): a shelf of 4 dB that a head makes, and a high-pass. Sums of
 * channels are weighed and added. Then a record tells, in LUFS,
 *
 *   momentary   of the last 400 ms
 *   short_term  of the last 3 s
 *   integrated  of all blocks of 400 ms so far, each overlapping the one before by three
 *               quarters, that are louder than -70 LUFS, and of these those that are
 *               louder than 10 LU below the mean of these
 *
 * and the greatest sample of any channel in that tenth of a second, in dB of full scale.
 * The time (ns) is that at which it ends, counted in frames from the pts of the stream's
 * first buffer. -200 stands for silence, and for no block yet. Before the stream there was
 * silence.
 *
 * The recommendation gives the filters' numbers for 48 kHz; here they are designed for the
 * rate from what these numbers stand for, frequency, gain and Q. Sums are doubles, added
 * up in the order of frames, so records do not depend on how the stream is cut. Blocks for
 * `integrated` are counted in steps of 0.001 LU, with the sum of each step; only blocks as
 * near as that to the threshold may fall on the wrong side of it.
 *
 * Channels weigh 1, surrounds 1.41, low frequencies 0, in GStreamer's and WAV's order:
 *
 *   4  front, rear (1.41)             6  front, centre, LFE, surround (1.41)
 *   5  front, centre, surround        7  front, centre, LFE, rear centre, side (1.41)
 *   8  front, centre, LFE, rear, side (1.41)
 *
 * and 1 for any other number. `weights` says otherwise. The first 64 channels count. After
 * a discontinuity everything begins anew. What is not finite counts as silence.
 *
 * Each frame needs the one before, so one lane does a channel, as in biquad.c.
 */
/* What both filters remember stays in registers. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

#define LOUDNESS_MAX_CHANNELS 64
/* Channels that are neighbours, done at once. */
#define LOUDNESS_WIDTH (RING_TILE > 1 ? 8 : 1)
/* Tenths of a second. */
#define LOUDNESS_MOMENTARY 4
#define LOUDNESS_SHORT_TERM 30
/* Steps of 0.001 LU from -70 on, and as many together as make it short to add up. */
#define LOUDNESS_PARTS 320
#define LOUDNESS_STEPS_OF_PART 320
#define LOUDNESS_STEPS (LOUDNESS_PARTS * LOUDNESS_STEPS_OF_PART)
#define LOUDNESS_SILENCE -200.0

typedef struct
{
  uint64_t time;
  double momentary, short_term, integrated, peak;
} LoudnessRecord;

typedef struct
{
  double b0, b1, b2, a1, a2;
} LoudnessSection;

/* What is known of tenths of a second. */
typedef struct
{
  double sum[LOUDNESS_SHORT_TERM]; /* weighed sums of squares, a ring */
  double frames[LOUDNESS_SHORT_TERM];
  double step_sum[LOUDNESS_STEPS]; /* mean squares of blocks, by loudness */
  double step_count[LOUDNESS_STEPS];
  double part_sum[LOUDNESS_PARTS]; /* of LOUDNESS_STEPS_OF_PART steps each */
  double part_count[LOUDNESS_PARTS];
} LoudnessMeter;

/* Both filters, with K = tan (pi f / rate). */
RING_FUNCTION void
loudness_design (LoudnessSection *shelf, LoudnessSection *pass, double rate)
{
  const double part = 1681.974450955533 / rate, low = 38.13547087602444 / rate;
  const double w = 3.14159265358979323846 * (part < 0.499 ? part : 0.499);
  const double v = 3.14159265358979323846 * (low < 0.499 ? low : 0.499);
  const double k = ring_sin (w) / ring_cos (w);
  const double l = ring_sin (v) / ring_cos (v);
  const double q = 0.7071752369554196, p = 0.5003270373238773;
  /* Gains above, and in the middle of the slope; the first is of 4 dB, nearly. */
  const double high = ring_exp (3.999843853973347 * 0.11512925464970229);
  const double middle =
      ring_exp (3.999843853973347 * 0.11512925464970229 * 0.4996667741545416);
  const double a = 1.0 + k / q + k * k, b = 1.0 + l / p + l * l;

  shelf->b0 = (high + middle * k / q + k * k) / a;
  shelf->b1 = 2.0 * (k * k - high) / a;
  shelf->b2 = (high - middle * k / q + k * k) / a;
  shelf->a1 = 2.0 * (k * k - 1.0) / a;
  shelf->a2 = (1.0 - k / q + k * k) / a;
  /* The recommendation's has no gain of its own to make up for. */
  pass->b0 = pass->b2 = 1.0;
  pass->b1 = -2.0;
  pass->a1 = 2.0 * (l * l - 1.0) / b;
  pass->a2 = (1.0 - l / p + l * l) / b;
}

/* Of sound with @n channels, channel @c. */
RING_FUNCTION double
loudness_weight (int32_t n, int32_t c)
{
  const int32_t has_lfe = n >= 6 && n <= 8;

  if (n < 4 || n > 8)
    return 1.0;
  if (has_lfe && c == 3)
    return 0.0;
  return c >= n - 2 ? 1.41 : 1.0;
}

/* LUFS of a mean square. */
RING_FUNCTION double
loudness_of (double square)
{
  const double level =
      square > 0.0 ? -0.691 + 4.3429448190325182765 * ring_log (square) : -200;

  return level > LOUDNESS_SILENCE ? level : LOUDNESS_SILENCE;
}

/* The step of a loudness above -70. */
RING_FUNCTION int32_t
loudness_step (double level)
{
  const double step = (level + 70.0) * 1000.0;

  return step < 0.0            ? 0
      : step >= LOUDNESS_STEPS ? LOUDNESS_STEPS - 1
                               : (int32_t) step;
}

/* Of the last @n tenths up to @tenth. */
RING_FUNCTION double
loudness_mean (const RING_GLOBAL LoudnessMeter *m, uint64_t tenth, int32_t n)
{
  double sum = 0.0, frames = 0.0;
  int32_t at = (int32_t) (tenth % LOUDNESS_SHORT_TERM);

  RING_ROLLED
  for (int32_t k = 0; k < n; k++) {
    sum += m->sum[at];
    frames += m->frames[at];
    at = at > 0 ? at - 1 : LOUDNESS_SHORT_TERM - 1;
  }
  return sum / frames;
}

/* Notes a block for what is integrated. */
RING_FUNCTION void
loudness_note (RING_GLOBAL LoudnessMeter *m, double square)
{
  const double level = loudness_of (square);

  if (level > -70.0) {
    const int32_t step = loudness_step (level);

    m->step_sum[step] += square;
    m->step_count[step] += 1.0;
    m->part_sum[step / LOUDNESS_STEPS_OF_PART] += square;
    m->part_count[step / LOUDNESS_STEPS_OF_PART] += 1.0;
  }
}

RING_FUNCTION double
loudness_integrate (const RING_GLOBAL LoudnessMeter *m)
{
  double sum = 0.0, count = 0.0, gate;
  int32_t step, part;

  RING_ROLLED
  for (int32_t i = 0; i < LOUDNESS_PARTS; i++) {
    sum += m->part_sum[i];
    count += m->part_count[i];
  }
  if (count == 0.0)
    return LOUDNESS_SILENCE;
  gate = loudness_of (sum / count) - 10.0;
  step = loudness_step (gate);
  part = step / LOUDNESS_STEPS_OF_PART;
  sum = count = 0.0;
  if (m->step_count[step] > 0.0
      && loudness_of (m->step_sum[step] / m->step_count[step]) > gate) {
    sum = m->step_sum[step];
    count = m->step_count[step];
  }
  RING_ROLLED
  for (int32_t i = step + 1; i < (part + 1) * LOUDNESS_STEPS_OF_PART; i++) {
    sum += m->step_sum[i];
    count += m->step_count[i];
  }
  RING_ROLLED
  for (int32_t i = part + 1; i < LOUDNESS_PARTS; i++) {
    sum += m->part_sum[i];
    count += m->part_count[i];
  }
  return loudness_of (sum / count);
}

/* @n frames from @i on of @width channels from @c on, @width and @is_s16 constants. @z: of
 * both filters. @sum and @peak are of this tenth of a second, which begins with them if
 * @is_new. */
RING_FUNCTION void
loudness_run (const RingView in, int64_t i, int32_t n, RING_GLOBAL double *z,
    RING_GLOBAL double *sum, RING_GLOBAL float *peak, const LoudnessSection f,
    const LoudnessSection g, int32_t is_new, int32_t c, const int32_t width,
    const int32_t is_s16)
{
  const int64_t channels = in.channels;
  double z1[LOUDNESS_WIDTH], z2[LOUDNESS_WIDTH], z3[LOUDNESS_WIDTH],
      z4[LOUDNESS_WIDTH], square[LOUDNESS_WIDTH];
  float greatest[LOUDNESS_WIDTH];

  for (int32_t j = 0; j < width; j++) {
    z1[j] = z[c + j];
    z2[j] = z[c + j + LOUDNESS_MAX_CHANNELS];
    z3[j] = z[c + j + 2 * LOUDNESS_MAX_CHANNELS];
    z4[j] = z[c + j + 3 * LOUDNESS_MAX_CHANNELS];
    square[j] = is_new ? 0.0 : sum[c + j];
    greatest[j] = is_new ? 0.0f : peak[c + j];
  }
  for (int64_t at = i * channels + c; at < (i + n) * channels; at += channels) {
    for (int32_t j = 0; j < width; j++) {
      const float v = is_s16
          ? (float) ((const RING_GLOBAL int16_t *) in.data)[at + j]
              * (1.0f / 32768.0f)
          : ((const RING_GLOBAL float *) in.data)[at + j];
      const float finite = v - v == 0.0f ? v : 0.0f;
      const float size = ring_fabsf (finite);
      const double x = (double) finite;
      const double y = f.b0 * x + z1[j];
      const double u = y + z3[j];
      const double next = (f.b1 * x + z2[j]) - f.a1 * y;
      const double after = (z4[j] - 2.0 * y) - g.a1 * u;

      /* Tails that no one hears would become numbers that CPUs are slow with. */
      z1[j] = ring_fabs (next) < 1e-30 ? 0.0 : next;
      z2[j] = f.b2 * x - f.a2 * y;
      z3[j] = ring_fabs (after) < 1e-30 ? 0.0 : after;
      z4[j] = y - g.a2 * u;
      square[j] += u * u;
      greatest[j] = size > greatest[j] ? size : greatest[j];
    }
  }
  for (int32_t j = 0; j < width; j++) {
    z[c + j] = z1[j];
    z[c + j + LOUDNESS_MAX_CHANNELS] = z2[j];
    z[c + j + 2 * LOUDNESS_MAX_CHANNELS] = z3[j];
    z[c + j + 3 * LOUDNESS_MAX_CHANNELS] = z4[j];
    sum[c + j] = square[j];
    peak[c + j] = greatest[j];
  }
}

RING_KERNEL (loudness, "How loud sound is to people (EBU R 128), as records",
    RING_AUDIO_TO_RECORDS ("F32LE, S16LE", "(tdddd)", LoudnessRecord, 1),
    RING_EMITS (1),
    RING_STATE (uint32_t started, reserved; uint64_t base, position, tenth;
        double z[4 * LOUDNESS_MAX_CHANNELS];
        double sum[2 * LOUDNESS_MAX_CHANNELS];
        float peak[2 * LOUDNESS_MAX_CHANNELS];
        LoudnessMeter meter;),
    RING_FLOAT_ARRAY (weights, LOUDNESS_MAX_CHANNELS, "0.0", 0.0, 10.0, RING_UNIT_RATIO,
        "Of the channels, 0 behind the end of the list; all 0: by their number, as 5.1 where there are six"))
{
  const int32_t channels =
      ring_min_i32 ((int32_t) in.channels, LOUDNESS_MAX_CHANNELS);
  const int32_t fresh =
      !state->started || (in.flags & RING_MESSAGE_DISCONT) != 0;
  /* With less there is no tenth of a second. */
  const uint64_t rate = in.rate > 10 ? in.rate : 10;
  const uint64_t base = !fresh   ? state->base
      : in.pts == RING_TIME_NONE ? 0
                                 : in.pts;
  RING_GLOBAL LoudnessMeter *meter = &state->meter;
  RING_GLOBAL LoudnessRecord *to = (RING_GLOBAL LoudnessRecord *) out.data;
  LoudnessSection shelf, pass;
  uint64_t position = fresh ? 0 : state->position;
  uint64_t tenth = fresh ? 0 : state->tenth;
  int32_t is_given = 0;
  uint32_t n_records = 0;

  loudness_design (&shelf, &pass, (double) rate);
  for (uint32_t i = 0; i < params.weights_count; i++)
    is_given |= params.weights[i] != 0.0f;
  if (fresh) {
    RING_FOR_EACH (i, 4 * LOUDNESS_MAX_CHANNELS)
      state->z[i] = 0.0;
    RING_FOR_EACH (i, LOUDNESS_STEPS)
      meter->step_sum[i] = meter->step_count[i] = 0.0;
    RING_FOR_EACH (i, LOUDNESS_PARTS)
      meter->part_sum[i] = meter->part_count[i] = 0.0;
    RING_FOR_EACH (i, LOUDNESS_SHORT_TERM) {
      meter->sum[i] = 0.0;
      meter->frames[i] = (double) rate * 0.1;
    }
    ring_barrier ();
  }

#define LOUDNESS_RUN(c, width) \
  do { \
    if (in.format == RING_AUDIO_S16LE) \
      loudness_run (in, begin, length, state->z, sum, peak, shelf, pass, \
          is_new, c, width, 1); \
    else \
      loudness_run (in, begin, length, state->z, sum, peak, shelf, pass, \
          is_new, c, width, 0); \
  } while (0)

  for (int64_t begin = 0; begin < (int64_t) in.count;) {
    const uint64_t left = (uint64_t) ((int64_t) in.count - begin);
    const uint64_t first = tenth * rate / 10, end = (tenth + 1) * rate / 10;
    const int32_t is_new = position == first;
    const int32_t is_complete = left >= end - position;
    const int32_t length = (int32_t) (is_complete ? end - position : left);
    /* While one worker looks at these, the others go on with those. */
    const int32_t at = (int32_t) (tenth & 1) * LOUDNESS_MAX_CHANNELS;
    RING_GLOBAL double *sum = state->sum + at;
    RING_GLOBAL float *peak = state->peak + at;

    RING_FOR_EACH (group, (channels + LOUDNESS_WIDTH - 1) / LOUDNESS_WIDTH) {
      int32_t c = (int32_t) group * LOUDNESS_WIDTH;

      if (LOUDNESS_WIDTH == 1) {
        LOUDNESS_RUN (c, 1);
      } else if (channels - c >= LOUDNESS_WIDTH) {
        LOUDNESS_RUN (c, LOUDNESS_WIDTH);
      } else {
        if (channels - c >= 4) {
          LOUDNESS_RUN (c, 4);
          c += 4;
        }
        if (channels - c >= 2) {
          LOUDNESS_RUN (c, 2);
          c += 2;
        }
        if (channels - c >= 1)
          LOUDNESS_RUN (c, 1);
      }
    }
    begin += length;
    position += (uint64_t) length;
    if (!is_complete)
      continue;
    ring_barrier ();
    if (ring_is_first_worker ()) {
      double all = 0.0, greatest = 0.0, square;

      for (int32_t c = 0; c < channels; c++) {
        const double weight = !is_given ? loudness_weight (channels, c)
            : (uint32_t) c < params.weights_count ? (double) params.weights[c]
                                                  : 0.0;

        all += weight * sum[c];
        greatest = (double) peak[c] > greatest ? (double) peak[c] : greatest;
      }
      meter->sum[tenth % LOUDNESS_SHORT_TERM] = all;
      meter->frames[tenth % LOUDNESS_SHORT_TERM] = (double) (end - first);
      square = loudness_mean (meter, tenth, LOUDNESS_MOMENTARY);
      if (tenth + 1 >= LOUDNESS_MOMENTARY)
        loudness_note (meter, square);
      to[n_records].time =
          base + end / rate * 1000000000u + end % rate * 1000000000u / rate;
      to[n_records].momentary = loudness_of (square);
      to[n_records].short_term =
          loudness_of (loudness_mean (meter, tenth, LOUDNESS_SHORT_TERM));
      to[n_records].integrated = loudness_integrate (meter);
      to[n_records].peak = greatest > 1e-10
          ? 8.685889638065037 * ring_log (greatest)
          : LOUDNESS_SILENCE;
    }
    tenth++;
    n_records++;
  }

  ring_barrier ();
  if (ring_is_first_worker ()) {
    state->started = 1;
    state->base = base;
    state->position = position;
    state->tenth = tenth;
    if (n_records > 0)
      ring_emit (0, (uint64_t) n_records * sizeof (LoudnessRecord));
  }
}
