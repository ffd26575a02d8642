/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Filters sound with a finite impulse response:
 *
 *   y[n] = taps[0] x[n] + taps[1] x[n - 1] + …
 *
 * each channel on its own. The frames that the next buffer needs are kept, so the
 * result does not depend on how the stream is cut into buffers. Before the stream
 * begins, and where it is discontinuous, there is silence. Taps that are added
 * while the stream runs find silence where they reach back beyond the old ones.
 * S16LE is rounded to the nearest and saturates.
 *
 * The frames kept and the new ones are put behind each other, as floats, so that
 * one loop without conditions can run over them: channels need no treatment of
 * their own, sample i of channel c just sees every `channels`-th one before it.
 */
/* Its sums stay in registers. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

#define FIR_MAX_TAPS 1024
#define FIR_MAX_CHANNELS 64
#define FIR_HISTORY ((FIR_MAX_TAPS - 1) * FIR_MAX_CHANNELS)

RING_FUNCTION void
fir_store (const RingView out, int64_t i, float v)
{
  if (out.format == RING_AUDIO_S16LE)
    ((RING_GLOBAL int16_t *) out.data)[i] = ring_clamp_s16 (v);
  else
    ((RING_GLOBAL float *) out.data)[i] = v;
}

/* Samples from @i on, @width of them, @width a constant; the first @skip are
 * another's. @line is the place of sample 0. */
RING_FUNCTION void
fir_run (const RingView out, const RING_GLOBAL float *line, int64_t i,
    const RING_GLOBAL float *taps, int32_t n_taps, int32_t channels,
    int32_t skip, const int32_t width)
{
  const RING_GLOBAL float *from = line + i;
  float sum[RING_TILE];
  int32_t k = 0;

  for (int32_t j = 0; j < width; j++)
    sum[j] = 0.0f;
  /* Four taps at once: not all compilers keep the sums in registers. */
  for (; k + 4 <= n_taps; k += 4) {
    const RING_GLOBAL float *from1 = from - channels;
    const RING_GLOBAL float *from2 = from1 - channels;
    const RING_GLOBAL float *from3 = from2 - channels;
    const float tap = taps[k], tap1 = taps[k + 1];
    const float tap2 = taps[k + 2], tap3 = taps[k + 3];

    for (int32_t j = 0; j < width; j++)
      sum[j] = ring_madf (tap3, from3[j],
          ring_madf (tap2, from2[j],
              ring_madf (tap1, from1[j], ring_madf (tap, from[j], sum[j]))));
    from = from3 - channels;
  }
  for (; k < n_taps; k++) {
    const float tap = taps[k];

    for (int32_t j = 0; j < width; j++)
      sum[j] = ring_madf (tap, from[j], sum[j]);
    from -= channels;
  }
  for (int32_t j = skip; j < width; j++)
    fir_store (out, i + j, sum[j]);
}

RING_KERNEL (fir, "Filters sound with a finite impulse response",
    RING_AUDIO ("F32LE, S16LE"),
    /* The input is copied before anything is put out. */
    RING_IN_PLACE,
    RING_STATE (uint32_t kept; uint32_t reserved[15]; float history[FIR_HISTORY];),
    RING_SCRATCH (FIR_HISTORY * 4),
    RING_SCRATCH_PER_BYTE (2),
    RING_FLOAT_ARRAY (taps, FIR_MAX_TAPS, "1.0", -1000.0, 1000.0, RING_UNIT_RATIO,
        "Impulse response, at most 1024 taps; (taps - 1) times channels is at most 65472, further taps count as 0"))
{
  const int32_t channels = (int32_t) in.channels;
  const int64_t n = (int64_t) in.count * channels;
  const int32_t n_taps = ring_min_i32 ((int32_t) params.taps_count,
      channels > 0 ? FIR_HISTORY / channels + 1 : 1);
  /* Samples of the past: those that the taps reach, and those at hand. */
  const int64_t reach = n_taps > 0 ? (int64_t) (n_taps - 1) * channels : 0;
  const int64_t kept = in.flags & RING_MESSAGE_DISCONT ? 0 : state->kept;
  const int64_t tiles = (n + RING_TILE - 1) / RING_TILE;
  RING_GLOBAL float *past = (RING_GLOBAL float *) scratch;
  RING_GLOBAL float *line = past + reach;

  RING_FOR_EACH (i, reach) {
    const int64_t from = kept - reach + i;

    past[i] = from < 0 ? 0.0f : state->history[from];
  }
  if (in.format == RING_AUDIO_S16LE) {
    const RING_GLOBAL int16_t *from = (const RING_GLOBAL int16_t *) in.data;

    RING_FOR_EACH (i, n)
      line[i] = (float) from[i];
  } else {
    const RING_GLOBAL float *from = (const RING_GLOBAL float *) in.data;

    RING_FOR_EACH (i, n)
      line[i] = from[i];
  }
  /* From here on nobody reads the input or the state. */
  ring_barrier ();

  if (n >= RING_TILE) {
    RING_FOR_EACH (t, tiles) {
      /* The last tile ends with the buffer, and begins within the one before. */
      const int64_t i = t == tiles - 1 ? n - RING_TILE : t * RING_TILE;

      fir_run (out, line, i, params.taps, n_taps, channels,
          (int32_t) (t * RING_TILE - i), RING_TILE);
    }
  } else {
    RING_FOR_EACH (i, n)
      fir_run (out, line, i, params.taps, n_taps, channels, 0, 1);
  }

  RING_FOR_EACH (i, reach)
    state->history[i] = past[n + i];
  if (ring_is_first_worker ())
    state->kept = (uint32_t) reach;
}
