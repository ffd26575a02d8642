/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Makes sound louder or softer.
 *
 * Every sample times 10^(gain / 20). S16LE and S32LE are rounded to the nearest,
 * halves away from zero, and saturate; F32LE and F64LE may go beyond full scale.
 *
 * When gain or mute change, the factor goes to its new value on a straight line, from
 * wherever it is and across buffers; so there is no click. Where the stream begins,
 * and where it is discontinuous, there is nothing to go from.
 */
#include <ringkernel/kernel-sdk.h>

/* 10^(1 / 20) is e to this. */
#define GAIN_LOG_FACTOR 0.11512925464970228

RING_FUNCTION void
gain_s16 (const RingView in, const RingView out, int64_t i, float factor)
{
  const float v =
      ring_clampf ((float) ((const RING_GLOBAL int16_t *) in.data)[i] * factor,
          -32768.0f, 32767.0f);

  ((RING_GLOBAL int16_t *) out.data)[i] =
      (int16_t) (int32_t) (v + (v < 0.0f ? -0.5f : 0.5f));
}

RING_FUNCTION void
gain_s32 (const RingView in, const RingView out, int64_t i, float factor)
{
  /* 24 bits of a float would lose the low ones. */
  const double product =
      (double) ((const RING_GLOBAL int32_t *) in.data)[i] * (double) factor;
  const double low = product < -2147483648.0 ? -2147483648.0 : product;
  const double v = low > 2147483647.0 ? 2147483647.0 : low;

  ((RING_GLOBAL int32_t *) out.data)[i] =
      (int32_t) (v + (v < 0.0 ? -0.5 : 0.5));
}

RING_FUNCTION void
gain_f32 (const RingView in, const RingView out, int64_t i, float factor)
{
  const float v = ((const RING_GLOBAL float *) in.data)[i] * factor;

  /* Nothing is too large to be silenced, nor a number or not. */
  ((RING_GLOBAL float *) out.data)[i] = factor == 0.0f ? 0.0f : v;
}

RING_FUNCTION void
gain_f64 (const RingView in, const RingView out, int64_t i, float factor)
{
  const double v = ((const RING_GLOBAL double *) in.data)[i] * (double) factor;

  ((RING_GLOBAL double *) out.data)[i] = factor == 0.0f ? 0.0 : v;
}

/* The factor after @done of @length frames. */
RING_FUNCTION float
gain_on_the_way (float from, float to, int64_t done, int64_t length)
{
  return done < length ? ring_mixf (from, to, (float) done / (float) length)
                       : to;
}

RING_KERNEL (gain, "Makes sound louder or softer",
    RING_AUDIO ("S16LE, S32LE, F32LE, F64LE"),
    RING_IN_PLACE,
    /* `done` frames of the way are behind, and `wanted` was wanted. */
    RING_STATE (int64_t done; float from, wanted; int32_t started;),
    RING_FLOAT (gain, 0.0, -120.0, 60.0, RING_UNIT_DB,
        "0 leaves the sound as it is, -6 about halves the amplitude"),
    RING_BOOL (mute, 0, "Silence"),
    RING_FLOAT (ramp, 0.01, 0.0, 10.0, RING_UNIT_SECONDS,
        "How long it takes to change"))
{
  const int64_t n = (int64_t) in.count * in.channels;
  const float wanted = params.mute
      ? 0.0f
      : (float) ring_exp ((double) params.gain * GAIN_LOG_FACTOR);
  const int64_t length =
      (int64_t) ((double) params.ramp * (double) in.rate + 0.5);
  const int32_t goes_on = state->started && !(in.flags & RING_MESSAGE_DISCONT);
  const int32_t changes = goes_on && wanted != state->wanted;
  const float from = changes
      ? gain_on_the_way (state->from, state->wanted, state->done, length)
      : state->from;
  const int64_t done = changes ? 0 : goes_on ? state->done : length;

  if (done < length) {
#define GAIN_ON_THE_WAY(apply) \
  RING_FOR_EACH (i, in.count) { \
    const float factor = gain_on_the_way (from, wanted, done + i + 1, length); \
\
    for (uint32_t c = 0; c < in.channels; c++) \
      apply (in, out, i *in.channels + c, factor); \
  }
    if (in.format == RING_AUDIO_S16LE)
      GAIN_ON_THE_WAY (gain_s16)
    else if (in.format == RING_AUDIO_S32LE)
      GAIN_ON_THE_WAY (gain_s32)
    else if (in.format == RING_AUDIO_F32LE)
      GAIN_ON_THE_WAY (gain_f32)
    else
      GAIN_ON_THE_WAY (gain_f64)
  } else if (params.mute) {
    const uint64_t bytes = (uint64_t) n * ring_audio_sample_size (in.format);

    RING_FOR_EACH (i, bytes)
      out.data[i] = 0;
  } else if (in.format == RING_AUDIO_S16LE) {
    RING_FOR_EACH (i, n)
      gain_s16 (in, out, i, wanted);
  } else if (in.format == RING_AUDIO_S32LE) {
    RING_FOR_EACH (i, n)
      gain_s32 (in, out, i, wanted);
  } else if (in.format == RING_AUDIO_F32LE) {
    RING_FOR_EACH (i, n)
      gain_f32 (in, out, i, wanted);
  } else {
    RING_FOR_EACH (i, n)
      gain_f64 (in, out, i, wanted);
  }

  /* All come to the same: a factor that stays costs no barrier. */
  if (goes_on && !changes && done >= length)
    return;
  ring_barrier ();
  if (ring_is_first_worker ()) {
    const int64_t behind = done < length ? done + in.count : done;

    state->started = 1;
    state->wanted = wanted;
    /* Else a longer ramp would begin again. */
    state->from = behind < length ? from : wanted;
    state->done = behind;
  }
}
