/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Makes loud sound softer, by the same for all channels.
 *
 * The level of a frame is its largest sample. What is above the threshold is reduced
 * so that 1 dB of it is left of each `ratio` dB; within the knee, half of which is on
 * each side of the threshold, the one slope becomes the other along a parabola. The
 * reduction, in dB, follows that by e^(-t / attack) where it grows, and by
 * e^(-t / release) where it shrinks. So `attack` and `release` are how long 63 % of a
 * change take, and a reduction of less than 2^-30 dB ends.
 *
 * The reduction goes from buffer to buffer, so the result does not depend on how the
 * stream is cut; where it is discontinuous there is none. A sample that is not a
 * number has no level. S16LE is rounded to the nearest, halves away from zero, and
 * saturates; F32LE may go beyond full scale.
 *
 * Levels and factors are computed by all workers, eight frames at once on a CPU. What
 * comes between, following the level, needs the frame before: one worker does it while
 * the others wait, on a GPU a single lane.
 */
#include <ringkernel/kernel-sdk.h>

/* Levels are logarithms to base 2 within. */
#define COMPRESSOR_DB 0.16609640474436813f

typedef union
{
  float value;
  uint32_t bits;
} CompressorFloat;

/* Logarithm to base 2 of what is positive and normal. */
RING_FUNCTION float
compressor_log2 (float x)
{
  CompressorFloat m;
  float s, square, sum;
  int32_t e;

  m.value = x;
  /* What is left is from sqrt 0.5 to sqrt 2. */
  e = (int32_t) (m.bits - 0x3f3504f3u) >> 23;
  m.bits -= (uint32_t) e << 23;
  s = (m.value - 1.0f) / (m.value + 1.0f);
  square = s * s;
  sum = 0.3205988980f;
  sum = sum * square + 0.4121985831f;
  sum = sum * square + 0.5770780164f;
  sum = sum * square + 0.9617966939f;
  sum = sum * square + 2.8853900818f;
  return (float) e + s * sum;
}

/* 2^x for x from -200 to 100; below -126 that of -126. */
RING_FUNCTION float
compressor_exp2 (float x)
{
  const float low = x > -126.0f ? x : -126.0f;
  const int32_t k = (int32_t) (low + 256.5f) - 256;
  const float f = low - (float) k;
  CompressorFloat scale;
  float sum = 0.0001540353f;

  sum = sum * f + 0.0013333558f;
  sum = sum * f + 0.0096181291f;
  sum = sum * f + 0.0555041087f;
  sum = sum * f + 0.2402265070f;
  sum = sum * f + 0.6931471806f;
  sum = sum * f + 1.0f;
  scale.bits = (uint32_t) (k + 127) << 23;
  return scale.value * sum;
}

RING_FUNCTION int16_t
compressor_s16 (float y)
{
  const float v = ring_clampf (y, -32768.0f, 32767.0f);

  return (int16_t) (int32_t) (v + (v < 0.0f ? -0.5f : 0.5f));
}

/* Frame i's level; @channels is a constant where it is few. */
RING_FUNCTION float
compressor_level (const RingView in, int64_t i, const int32_t channels,
    const int32_t is_s16)
{
  float level = 1e-20f;

  for (int32_t c = 0; c < channels; c++) {
    const float v = is_s16
        ? (float) ((const RING_GLOBAL int16_t *) in.data)[i * channels + c]
            * (1.0f / 32768.0f)
        : ((const RING_GLOBAL float *) in.data)[i * channels + c];
    const float size = ring_fabsf (v);

    level = size > level ? size : level;
  }
  return level < 1e30f ? level : 1e30f;
}

RING_FUNCTION void
compressor_apply (const RingView in, const RingView out, int64_t i,
    float factor, const int32_t channels, const int32_t is_s16)
{
  for (int32_t c = 0; c < channels; c++) {
    const int64_t at = i * channels + c;

    if (is_s16)
      ((RING_GLOBAL int16_t *) out.data)[at] = compressor_s16 (
          (float) ((const RING_GLOBAL int16_t *) in.data)[at] * factor);
    else
      ((RING_GLOBAL float *) out.data)[at] =
          ((const RING_GLOBAL float *) in.data)[at] * factor;
  }
}

RING_KERNEL (compressor, "Makes loud sound softer",
    RING_AUDIO ("F32LE, S16LE"),
    RING_IN_PLACE,
    RING_STATE (double reduction;),
    RING_SCRATCH_PER_BYTE (2),
    RING_FLOAT (threshold, -20.0, -80.0, 0.0, RING_UNIT_DB,
        "What is louder is made softer; 0 is full scale"),
    RING_FLOAT (ratio, 4.0, 1.0, 1000.0, RING_UNIT_RATIO,
        "So many dB above the threshold become one; 1000 is a limiter"),
    RING_FLOAT (attack, 0.005, 0.0, 2.0, RING_UNIT_SECONDS,
        "How long it takes to become softer"),
    RING_FLOAT (release, 0.1, 0.0, 10.0, RING_UNIT_SECONDS,
        "How long it takes to become louder again"),
    RING_FLOAT (knee, 6.0, 0.0, 40.0, RING_UNIT_DB,
        "How much about the threshold the ratio sets in gently; 0: at once"),
    RING_FLOAT (make_up, 0.0, -24.0, 48.0, RING_UNIT_DB,
        "How much louder all is made afterwards"))
{
  const int64_t n = in.count;
  const int32_t channels = (int32_t) in.channels;
  const int32_t is_s16 = in.format == RING_AUDIO_S16LE;
  const float threshold = params.threshold * COMPRESSOR_DB;
  const float knee = params.knee * COMPRESSOR_DB;
  const float slope = 1.0f / params.ratio - 1.0f;
  const float curve = knee > 0.0f ? slope / (2.0f * knee) : 0.0f;
  const float make_up = params.make_up * COMPRESSOR_DB;
  RING_GLOBAL float *line = (RING_GLOBAL float *) scratch;

#define COMPRESSOR_FRAMES(statement) \
  do { \
    if (channels == 1 && is_s16) { \
      RING_FOR_EACH (i, n) \
        statement (1, 1); \
    } else if (channels == 1) { \
      RING_FOR_EACH (i, n) \
        statement (1, 0); \
    } else if (channels == 2 && is_s16) { \
      RING_FOR_EACH (i, n) \
        statement (2, 1); \
    } else if (channels == 2) { \
      RING_FOR_EACH (i, n) \
        statement (2, 0); \
    } else { \
      RING_FOR_EACH (i, n) \
        statement (channels, is_s16); \
    } \
  } while (0)

#define COMPRESSOR_LEVEL(channels, is_s16) \
  line[i] = compressor_level (in, i, channels, is_s16)
  COMPRESSOR_FRAMES (COMPRESSOR_LEVEL);
  /* The worker that wrote it. */
  RING_FOR_EACH (i, n) {
    const float over = compressor_log2 (line[i]) - threshold;
    const float in_knee = over + knee * 0.5f;

    line[i] = 2.0f * over <= -knee ? 0.0f
        : 2.0f * over >= knee      ? slope * over
                                   : curve * in_knee * in_knee;
  }
  ring_barrier ();

  if (ring_is_first_worker ()) {
    const double rate = (double) in.rate;
    const double attack = ring_exp (-1.0 / ((double) params.attack * rate));
    const double release = ring_exp (-1.0 / ((double) params.release * rate));
    double reduction = in.flags & RING_MESSAGE_DISCONT ? 0.0 : state->reduction;

    for (int64_t i = 0; i < n; i++) {
      const double wanted = (double) line[i];
      const double next = wanted
          + (reduction - wanted) * (wanted < reduction ? attack : release);

      reduction = next > -1.5e-10 ? 0.0 : next;
      line[i] = (float) reduction;
    }
    state->reduction = reduction;
  }
  ring_barrier ();

  RING_FOR_EACH (i, n)
    line[i] = compressor_exp2 (line[i] + make_up);
#define COMPRESSOR_APPLY(channels, is_s16) \
  compressor_apply (in, out, i, line[i], channels, is_s16)
  COMPRESSOR_FRAMES (COMPRESSOR_APPLY);
}
