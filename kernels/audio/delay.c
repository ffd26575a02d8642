/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An echo that repeats:
 *
 *   kept[n] = x[n] + feedback kept[n - time],   y = (1 - mix) x + mix kept[n - time]
 *
 * each channel on its own, `time` in frames, rounded to the nearest, at least one. The
 * state holds 524288 samples of all channels, and the time is at most three quarters
 * of that: 4 s of stereo at 48 kHz; what is longer counts as that. Where the stream is
 * discontinuous there is no echo yet; a time that changes finds what has been kept,
 * and silence before that. What is not finite has no echo, and one below 1e-20 ends.
 * The result does not depend on how the stream is cut. S16LE is rounded to the
 * nearest, halves away from zero, and saturates; what is kept of it does not.
 *
 * The frames of one `time` do not need each other, so they are done at once: all of a
 * buffer that is shorter than the echo takes to return. In a longer one a worker does
 * every `time`-th frame, and waits for nobody.
 */
#include <ringkernel/kernel-sdk.h>

#define DELAY_MEMORY 524288 /* samples */

RING_FUNCTION void
delay_store (const RingView out, int64_t i, float y, const int32_t is_s16)
{
  if (is_s16) {
    const float v = ring_clampf (y, -32768.0f, 32767.0f);

    ((RING_GLOBAL int16_t *) out.data)[i] =
        (int16_t) (int32_t) (v + (v < 0.0f ? -0.5f : 0.5f));
  } else {
    ((RING_GLOBAL float *) out.data)[i] = y;
  }
}

/* Sample i, of which @before is the echo: puts it out, and returns what is kept. */
RING_FUNCTION float
delay_step (const RingView in, const RingView out, int64_t i, float before,
    float feedback, float mix, const int32_t is_s16)
{
  const float x = is_s16 ? (float) ((const RING_GLOBAL int16_t *) in.data)[i]
                         : ((const RING_GLOBAL float *) in.data)[i];
  const float keep = x + feedback * before;

  delay_store (out, i, (1.0f - mix) * x + mix * before, is_s16);
  return ring_fabsf (keep) >= 1e-20f && keep - keep == 0.0f ? keep : 0.0f;
}

RING_KERNEL (delay, "An echo that repeats",
    RING_AUDIO ("F32LE, S16LE"),
    RING_IN_PLACE,
    RING_STATE (uint32_t position, kept; uint32_t reserved[14];
        float memory[DELAY_MEMORY];),
    RING_FLOAT (time, 0.3, 0.0, 8.0, RING_UNIT_SECONDS,
        "When the echo returns; rate times channels times that is at most 393216"),
    RING_FLOAT (feedback, 0.4, -0.98, 0.98, RING_UNIT_RATIO,
        "How loud it returns once more; below 0 upside down"),
    RING_FLOAT (mix, 0.35, 0.0, 1.0, RING_UNIT_RATIO,
        "How much of what comes out is echo"))
{
  const int64_t channels = in.channels > 0 ? in.channels : 1;
  /* All in samples, of whole frames. */
  const int64_t n = (int64_t) in.count * channels;
  const int64_t memory = DELAY_MEMORY / channels * channels;
  const int64_t longest = memory / channels * 3 / 4;
  const int64_t wanted =
      (int64_t) ((double) params.time * (double) in.rate + 0.5);
  const int64_t time = (wanted < 1                ? 1
                               : wanted < longest ? wanted
                                                  : longest)
      * channels;
  const int64_t kept = in.flags & RING_MESSAGE_DISCONT ? 0 : state->kept;
  const int64_t position = state->position;
  const float feedback = params.feedback, mix = params.mix;
  const int32_t is_s16 = in.format == RING_AUDIO_S16LE;

  /* So many channels that there is no room for two frames. */
  if (longest < 1) {
    RING_FOR_EACH (i, n)
      delay_step (in, out, i, 0.0f, 0.0f, 0.0f, is_s16);
    return;
  }

  /* What is written in a block takes the place of nothing that it reads. */
  for (int64_t begin = 0; begin < n; begin += memory - time) {
    const int64_t left = n - begin;
    const int64_t length = left < memory - time ? left : memory - time;
    const int64_t write = (position + begin) % memory;
    const int64_t read = (write + memory - time) % memory;
    /* Nothing was kept for those before. */
    const int64_t silent = time - kept - begin;

    if (begin > 0)
      ring_barrier ();
    if (length <= time) {
      int64_t at = 0;

      /* Runs without an end of the memory in them. */
      while (at < length) {
        const int64_t w = (write + at) % memory, r = (read + at) % memory;
        const int64_t to_end = memory - (w > r ? w : r);
        const int64_t run = length - at < to_end ? length - at : to_end;
        const int64_t begin_run = begin + at, silent_run = silent - at;
        const RING_GLOBAL float *from = state->memory + r;
        RING_GLOBAL float *to = state->memory + w;

        if (is_s16) {
          RING_FOR_EACH (i, run)
            to[i] = delay_step (in, out, begin_run + i,
                i < silent_run ? 0.0f : from[i], feedback, mix, 1);
        } else {
          RING_FOR_EACH (i, run)
            to[i] = delay_step (in, out, begin_run + i,
                i < silent_run ? 0.0f : from[i], feedback, mix, 0);
        }
        at += run;
      }
    } else {
      /* In each round a worker has the same places as in the one before. */
      for (int64_t at = 0; at < length; at += time) {
        RING_FOR_EACH (j, time) {
          const int64_t i = at + j;

          if (i < length) {
            const int64_t w =
                write + i < memory ? write + i : write + i - memory;
            const int64_t r = read + i < memory ? read + i : read + i - memory;

            state->memory[w] = delay_step (in, out, begin + i,
                i < silent ? 0.0f : state->memory[r], feedback, mix, is_s16);
          }
        }
      }
    }
  }

  ring_barrier ();
  if (ring_is_first_worker ()) {
    state->position = (uint32_t) ((position + n) % memory);
    state->kept = (uint32_t) (kept + n < memory ? kept + n : memory);
  }
}
