/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Convolves sound with a long impulse response, a room's for instance, each channel on
 * its own:
 *
 *   y[n] = taps[0] x[n] + taps[1] x[n - 1] + …
 *
 * fir.c does the same for up to 1024 taps. Here the response is cut into parts of 256
 * taps. The first is summed up directly, so nothing is late. The others are products of
 * spectra: blocks of 256 frames, counted from where the stream begins, are transformed
 * when they are complete, and what they add to the next block is known before it comes.
 * So the result depends neither on how the stream is cut nor on how the work is shared
 * out, to the bit.
 *
 * Where the stream is discontinuous there was silence before. When taps change, the
 * first 256 do so at once and the others with the next block. Sums are floats: errors
 * are some 2^-22 of the loudest. S16LE is rounded to the nearest, halves away from
 * zero, and saturates.
 *
 * All workers share out the direct sums, and the products, by channel and frequency, and
 * the transforms, see sdk-fft.h.
 */
/* Its sums stay in registers. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

#define CONVOLVE_BLOCK 256
#define CONVOLVE_SIZE (2 * CONVOLVE_BLOCK)
#define CONVOLVE_MAX_TAPS 65536
#define CONVOLVE_MAX_PARTS (CONVOLVE_MAX_TAPS / CONVOLVE_BLOCK)
#define CONVOLVE_MAX_CHANNELS 64
/* Spectra of the past, of all channels. */
#define CONVOLVE_MEMORY 2048
/* Frequencies of a spectrum, padded for whole vectors, and how many at once. */
#define CONVOLVE_BINS 272
#define CONVOLVE_TILE (RING_TILE > 1 ? 16 : 1)
/* Real parts, then imaginary ones. */
#define CONVOLVE_SPECTRUM (2 * CONVOLVE_BINS)
/* Tiles of that many in a block. */
#define CONVOLVE_TILES (CONVOLVE_BLOCK / CONVOLVE_TILE)
/* Memory of a transform, and behind that of all of them the sums of all channels. */
#define CONVOLVE_WORK RING_FFT_REAL_FLOATS (CONVOLVE_SIZE)
#define CONVOLVE_SCRATCH \
  (CONVOLVE_MAX_PARTS * CONVOLVE_WORK \
      + CONVOLVE_MAX_CHANNELS * CONVOLVE_SPECTRUM)

/* Of @n values from @values on, and silence behind them, a tile of pairs to be
 * transformed. */
RING_FUNCTION void
convolve_put (RING_GLOBAL float *work, const RING_GLOBAL float *values,
    int32_t n, float scale, int32_t pair)
{
  float even[CONVOLVE_TILE], odd[CONVOLVE_TILE];

  for (int32_t j = 0; j < CONVOLVE_TILE; j++) {
    const int32_t i = 2 * (pair + j);

    even[j] = i < n ? values[i] * scale : 0.0f;
    odd[j] = i + 1 < n ? values[i + 1] * scale : 0.0f;
  }
  for (int32_t j = 0; j < CONVOLVE_TILE; j++) {
    const int32_t i = 2 * (pair + j);

    ring_fft_put_real (work, CONVOLVE_SIZE, i, even[j]);
    ring_fft_put_real (work, CONVOLVE_SIZE, i + 1, odd[j]);
  }
}

/* A tile of frequencies from @k on. */
RING_FUNCTION void
convolve_get (RING_GLOBAL float *spectrum, const RING_GLOBAL float *result,
    int32_t k, const RING_GLOBAL float *table)
{
  const int32_t first = k > 0 ? 0 : 1;
  float re[CONVOLVE_TILE], im[CONVOLVE_TILE];

  for (int32_t j = first; j < CONVOLVE_TILE; j++) {
    const RingComplex x =
        ring_fft_get_inner (result, CONVOLVE_SIZE, k + j, table);

    re[j] = x.re;
    im[j] = x.im;
  }
  for (int32_t j = first; j < CONVOLVE_TILE; j++) {
    spectrum[k + j] = re[j];
    spectrum[k + j + CONVOLVE_BINS] = im[j];
  }
  /* The two that are real. */
  if (k == 0) {
    spectrum[0] = ring_fft_get_real (result, CONVOLVE_SIZE, 0, table).re;
    spectrum[CONVOLVE_BLOCK] =
        ring_fft_get_real (result, CONVOLVE_SIZE, CONVOLVE_BLOCK, table).re;
    spectrum[CONVOLVE_BINS] = spectrum[CONVOLVE_BINS + CONVOLVE_BLOCK] = 0.0f;
  }
}

/* A tile of frequencies to be transformed back. */
RING_FUNCTION void
convolve_put_back (RING_GLOBAL float *work, const RING_GLOBAL float *sum,
    int32_t k, const RING_GLOBAL float *table)
{
  for (int32_t j = 0; j < CONVOLVE_TILE; j++) {
    const int32_t twin = CONVOLVE_BLOCK - k - j;
    const RingComplex a = { sum[k + j], sum[k + j + CONVOLVE_BINS] };
    const RingComplex b = { sum[twin], sum[twin + CONVOLVE_BINS] };

    ring_fft_put_frequency (work, CONVOLVE_SIZE, k + j, a, b, table);
  }
}

/* @width frequencies of the sum over all parts, @width a constant. @spectra: of the
 * channel's past, a ring, the newest at @newest. */
RING_FUNCTION void
convolve_products (RING_GLOBAL float *sum, const RING_GLOBAL float *spectra,
    const RING_GLOBAL float *response, int32_t n_parts, int32_t newest,
    int32_t room, const int32_t width)
{
  float re[CONVOLVE_TILE], im[CONVOLVE_TILE];
  int32_t at = newest;

  for (int32_t j = 0; j < width; j++)
    re[j] = im[j] = 0.0f;
  for (int32_t p = 0; p < n_parts; p++) {
    const RING_GLOBAL float *x = spectra + (int64_t) at * CONVOLVE_SPECTRUM;
    const RING_GLOBAL float *h = response + (int64_t) p * CONVOLVE_SPECTRUM;

    for (int32_t j = 0; j < width; j++) {
      const float x_re = x[j], x_im = x[j + CONVOLVE_BINS];
      const float h_re = h[j], h_im = h[j + CONVOLVE_BINS];

      re[j] += x_re * h_re - x_im * h_im;
      im[j] += x_re * h_im + x_im * h_re;
    }
    at = at > 0 ? at - 1 : room - 1;
  }
  for (int32_t j = 0; j < width; j++) {
    sum[j] = re[j];
    sum[j + CONVOLVE_BINS] = im[j];
  }
}

/* Frames from @i on of a channel's line, @width of them, @width a constant; the first
 * @skip are another's. @to is the channel's first sample of frame 0. */
RING_FUNCTION void
convolve_direct (const RingView out, int64_t to, int64_t i,
    const RING_GLOBAL float *line, const RING_GLOBAL float *tail,
    const RING_GLOBAL float *taps, int32_t n_taps, int32_t skip,
    const int32_t width)
{
  const int64_t channels = out.channels;
  float sum[RING_TILE];

  for (int32_t j = 0; j < width; j++)
    sum[j] = 0.0f;
  for (int32_t k = 0; k < n_taps; k++) {
    const float tap = taps[k];
    const RING_GLOBAL float *from = line + i - k;

    for (int32_t j = 0; j < width; j++)
      sum[j] += tap * from[j];
  }
  for (int32_t j = skip; j < width; j++) {
    const float y = sum[j] + tail[i + j];
    const int64_t at = to + (i + j) * channels;

    if (out.format == RING_AUDIO_S16LE) {
      const float v = ring_clampf (y, -32768.0f, 32767.0f);

      ((RING_GLOBAL int16_t *) out.data)[at] =
          (int16_t) (int32_t) (v + (v < 0.0f ? -0.5f : 0.5f));
    } else {
      ((RING_GLOBAL float *) out.data)[at] = y;
    }
  }
}

RING_KERNEL (convolve, "Convolves sound with a long impulse response",
    RING_AUDIO ("F32LE, S16LE"),
    RING_IN_PLACE,
    RING_STATE (uint32_t is_ready, differs; int32_t n_taps, position, filled, newest;
        uint32_t reserved[10];
        float table[RING_FFT_REAL_TABLE_FLOATS (CONVOLVE_SIZE)];
        float taps[CONVOLVE_MAX_TAPS];
        float response[CONVOLVE_MAX_PARTS * CONVOLVE_SPECTRUM];
        float spectra[CONVOLVE_MEMORY * CONVOLVE_SPECTRUM];
        float line[CONVOLVE_MAX_CHANNELS * CONVOLVE_SIZE];
        float tail[CONVOLVE_MAX_CHANNELS * CONVOLVE_BLOCK];),
    RING_SCRATCH (CONVOLVE_SCRATCH * 4),
    RING_FLOAT_ARRAY (taps, CONVOLVE_MAX_TAPS, "1.0", -1000.0, 1000.0, RING_UNIT_RATIO,
        "Impulse response; taps times channels is at most 524288, further taps count as 0, and channels beyond 64 are left as they are"))
{
  const int32_t all = (int32_t) in.channels;
  const int32_t channels = ring_min_i32 (all, CONVOLVE_MAX_CHANNELS);
  const int32_t room = ring_min_i32 (CONVOLVE_MAX_PARTS,
      CONVOLVE_MEMORY / ring_max_i32 (channels, 1));
  const int32_t n_taps =
      ring_min_i32 ((int32_t) params.taps_count, room * CONVOLVE_BLOCK);
  /* Behind the first. */
  const int32_t n_parts = (n_taps - 1) / CONVOLVE_BLOCK;
  const int32_t fresh = (in.flags & RING_MESSAGE_DISCONT) != 0;
  const int32_t is_s16 = in.format == RING_AUDIO_S16LE;
  const int32_t is_ready = (int32_t) state->is_ready;
  int32_t position = fresh ? 0 : state->position;
  int32_t filled = fresh ? 0 : state->filled;
  int32_t newest = state->newest;
  int32_t differs = state->n_taps != n_taps;
  const RING_GLOBAL float *result;
  RING_GLOBAL float *work = (RING_GLOBAL float *) scratch;
  RING_GLOBAL float *sums = work + CONVOLVE_MAX_PARTS * CONVOLVE_WORK;

  /* Whoever finds a tap that has changed writes the same. */
  RING_FOR_EACH (i, n_taps)
    differs |= state->taps[i] != params.taps[i];
  if (differs)
    state->differs = 1;
  if (!is_ready)
    ring_fft_real_table (state->table, CONVOLVE_SIZE);
  if (fresh) {
    RING_FOR_EACH (i, channels * CONVOLVE_SIZE)
      state->line[i] = 0.0f;
    RING_FOR_EACH (i, channels * CONVOLVE_BLOCK)
      state->tail[i] = 0.0f;
  }
  ring_barrier ();
  if (state->differs) {
    RING_FOR_EACH (i, n_taps)
      state->taps[i] = params.taps[i];
    RING_FOR_EACH (t, n_parts * CONVOLVE_TILES) {
      const int32_t p = (int32_t) t / CONVOLVE_TILES;
      const int32_t first = (p + 1) * CONVOLVE_BLOCK;

      /* What is transformed back is larger by the size of the transform. */
      convolve_put (work + p * CONVOLVE_WORK, params.taps + first,
          ring_min_i32 (n_taps - first, CONVOLVE_BLOCK), 1.0f / CONVOLVE_SIZE,
          (int32_t) t % CONVOLVE_TILES * CONVOLVE_TILE);
    }
    result = ring_fft_real (work, CONVOLVE_SIZE, n_parts, state->table);
    RING_FOR_EACH (t, n_parts * CONVOLVE_TILES) {
      const int32_t p = (int32_t) t / CONVOLVE_TILES;

      convolve_get (state->response + p * CONVOLVE_SPECTRUM,
          result + p * CONVOLVE_WORK,
          (int32_t) t % CONVOLVE_TILES * CONVOLVE_TILE, state->table);
    }
  }

  for (int64_t begin = 0; begin < (int64_t) in.count;) {
    const int64_t left = (int64_t) in.count - begin;
    const int32_t length = left < CONVOLVE_BLOCK - position
        ? (int32_t) left
        : CONVOLVE_BLOCK - position;
    const int32_t tiles = (length + RING_TILE - 1) / RING_TILE;
    const int32_t is_complete = position + length == CONVOLVE_BLOCK;

    RING_FOR_EACH (i, (int64_t) length * channels) {
      const int64_t frame = i / channels, c = i % channels;
      const int64_t at = (begin + frame) * all + c;
      const float x = is_s16
          ? (float) ((const RING_GLOBAL int16_t *) in.data)[at]
          : ((const RING_GLOBAL float *) in.data)[at];

      /* What is not a number would stay for as long as there are taps. */
      state->line[c * CONVOLVE_SIZE + CONVOLVE_BLOCK + position + frame] =
          x - x == 0.0f ? x : 0.0f;
    }
    ring_barrier ();

    if (length >= RING_TILE) {
      RING_FOR_EACH (t, (int64_t) tiles * channels) {
        const int32_t c = (int32_t) (t / tiles), tile = (int32_t) (t % tiles);
        /* The last tile ends with the block, and begins within the one before. */
        const int32_t i =
            tile == tiles - 1 ? length - RING_TILE : tile * RING_TILE;

        convolve_direct (out, begin * all + c, i,
            state->line + c * CONVOLVE_SIZE + CONVOLVE_BLOCK + position,
            state->tail + c * CONVOLVE_BLOCK + position, params.taps,
            ring_min_i32 (n_taps, CONVOLVE_BLOCK), tile * RING_TILE - i,
            RING_TILE);
      }
    } else {
      RING_FOR_EACH (t, (int64_t) length * channels) {
        const int32_t c = (int32_t) (t / length);

        convolve_direct (out, begin * all + c, t % length,
            state->line + c * CONVOLVE_SIZE + CONVOLVE_BLOCK + position,
            state->tail + c * CONVOLVE_BLOCK + position, params.taps,
            ring_min_i32 (n_taps, CONVOLVE_BLOCK), 0, 1);
      }
    }

    if (is_complete) {
      newest = newest + 1 < room ? newest + 1 : 0;
      filled = ring_min_i32 (filled + 1, room);
      RING_FOR_EACH (t, channels * CONVOLVE_TILES) {
        const int32_t c = (int32_t) t / CONVOLVE_TILES;

        convolve_put (work + c * CONVOLVE_WORK, state->line + c * CONVOLVE_SIZE,
            CONVOLVE_SIZE, 1.0f, (int32_t) t % CONVOLVE_TILES * CONVOLVE_TILE);
      }
      result = ring_fft_real (work, CONVOLVE_SIZE, channels, state->table);
      RING_FOR_EACH (t, channels * CONVOLVE_TILES) {
        const int32_t c = (int32_t) t / CONVOLVE_TILES;

        convolve_get (state->spectra + (c * room + newest) * CONVOLVE_SPECTRUM,
            result + c * CONVOLVE_WORK,
            (int32_t) t % CONVOLVE_TILES * CONVOLVE_TILE, state->table);
      }
      ring_barrier ();

      /* Products need no line. */
      RING_FOR_EACH (i, channels * CONVOLVE_BLOCK) {
        RING_GLOBAL float *line = state->line
            + i / CONVOLVE_BLOCK * CONVOLVE_SIZE + i % CONVOLVE_BLOCK;

        line[0] = line[CONVOLVE_BLOCK];
      }
      RING_FOR_EACH (t, channels * (CONVOLVE_BINS / CONVOLVE_TILE)) {
        const int64_t c = t / (CONVOLVE_BINS / CONVOLVE_TILE);
        const int64_t bin = t % (CONVOLVE_BINS / CONVOLVE_TILE) * CONVOLVE_TILE;

        convolve_products (sums + c * CONVOLVE_SPECTRUM + bin,
            state->spectra + c * room * CONVOLVE_SPECTRUM + bin,
            state->response + bin, ring_min_i32 (n_parts, filled), newest, room,
            CONVOLVE_TILE);
      }
      ring_barrier ();

      RING_FOR_EACH (t, channels * CONVOLVE_TILES) {
        const int32_t c = (int32_t) t / CONVOLVE_TILES;

        convolve_put_back (work + c * CONVOLVE_WORK,
            sums + c * CONVOLVE_SPECTRUM,
            (int32_t) t % CONVOLVE_TILES * CONVOLVE_TILE, state->table);
      }
      result =
          ring_fft_real_inverse (work, CONVOLVE_SIZE, channels, state->table);
      RING_FOR_EACH (i, channels * CONVOLVE_BLOCK)
        state->tail[i] =
            ring_fft_get_value (result + i / CONVOLVE_BLOCK * CONVOLVE_WORK,
                CONVOLVE_SIZE, (int32_t) (CONVOLVE_BLOCK + i % CONVOLVE_BLOCK));
    }
    position = is_complete ? 0 : position + length;
    begin += length;
  }

  if (all > channels) {
    const int64_t rest = all - channels;

    RING_FOR_EACH (i, (int64_t) in.count * rest) {
      const int64_t at = i / rest * all + channels + i % rest;

      if (is_s16)
        ((RING_GLOBAL int16_t *) out.data)[at] =
            ((const RING_GLOBAL int16_t *) in.data)[at];
      else
        ((RING_GLOBAL float *) out.data)[at] =
            ((const RING_GLOBAL float *) in.data)[at];
    }
  }

  ring_barrier ();
  if (ring_is_first_worker ()) {
    state->is_ready = 1;
    state->differs = 0;
    state->n_taps = n_taps;
    state->position = position;
    state->filled = filled;
    state->newest = newest;
  }
}
