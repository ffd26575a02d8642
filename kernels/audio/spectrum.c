/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How loud sound is at which frequency, as records.
 *
 * Windows of `size` frames begin every `hop` frames, the first with the stream, and the
 * powers of `average` of them are averaged. Then each band gives a record: the time (ns)
 * at which the first of the windows begins, counted in frames from the pts of the
 * stream's first buffer; the channel, the band, and the level in dB of the loudest
 * frequency in it.
 *
 * A sine of full scale is 0 dB where it meets one of the size / 2 + 1 frequencies of the
 * transform, and so is a constant; between two of them a sine loses 1.4 dB at the most
 * with the window `hann`. Band b of n has the frequencies k of
 * b <= k n / (size / 2 + 1) < b + 1. Transforms are floats: errors are some 2^-22 of the
 * loudest frequency. Levels are the same on every backend, to the bit, however the
 * stream is cut. What is not a number, or infinite, counts as silence.
 *
 * No more records may come out of a buffer than it has frames, and 4104 more, so there is
 * at least a frame for each record: hop times average counts as no less than bands times
 * channels, by a longer hop, and these count as no more than 4104, by fewer bands.
 *
 * After a discontinuity everything begins anew; so do the windows when a parameter
 * changes that says where they lie.
 */
/* Butterflies of four inputs stay in registers. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

#define SPECTRUM_MIN_SIZE 64
#define SPECTRUM_MAX_SIZE 4096
#define SPECTRUM_MAX_BINS (SPECTRUM_MAX_SIZE / 2 + 1)
#define SPECTRUM_MAX_CHANNELS 16
#define SPECTRUM_MAX_RECORDS 4104
/* Frames that are kept, and how many of them are taken in at once. */
#define SPECTRUM_KEPT (2 * SPECTRUM_MAX_SIZE)
#define SPECTRUM_SEGMENT (SPECTRUM_KEPT - SPECTRUM_MAX_SIZE)
/* Memory of transforms: as many at once as there is room for, and a window of the
 * largest size with all channels at least. And what their powers add up to. */
#define SPECTRUM_WORK \
  (SPECTRUM_MAX_CHANNELS * RING_FFT_REAL_FLOATS (SPECTRUM_MAX_SIZE))
#define SPECTRUM_SUMS \
  (SPECTRUM_WORK / RING_FFT_REAL_FLOATS (SPECTRUM_MIN_SIZE) \
      * (SPECTRUM_MIN_SIZE / 2 + 1))
/* Frequencies, or pairs of frames, done at once. */
#define SPECTRUM_TILE (RING_TILE > 1 ? SPECTRUM_MIN_SIZE / 2 : 1)

enum /* nicks of `window` */
{
  SPECTRUM_HANN,
  SPECTRUM_HAMMING,
  SPECTRUM_BLACKMAN,
  SPECTRUM_RECTANGULAR
};

typedef struct
{
  uint64_t time;
  uint32_t channel, band;
  double level;
} SpectrumRecord;

/* Parameters as they count. */
typedef struct
{
  int32_t size, hop, average, bands, channels;
  int32_t is_mixed;
} SpectrumSettings;

RING_FUNCTION SpectrumSettings
spectrum_settings (int32_t size, int32_t hop, int32_t average, int32_t bands,
    int32_t is_mixed, int32_t channels)
{
  const int32_t bins = size / 2 + 1;
  SpectrumSettings s = { size, hop, average, bands, channels, is_mixed };
  int32_t records;

  s.channels = is_mixed ? 1 : ring_min_i32 (channels, SPECTRUM_MAX_CHANNELS);
  s.bands = bands > 0 && bands < bins ? bands : bins;
  s.bands = ring_min_i32 (s.bands, SPECTRUM_MAX_RECORDS / s.channels);
  records = s.bands * s.channels;
  s.hop = ring_max_i32 (hop, (records + average - 1) / average);
  return s;
}

/* @n frames from @i on, the mean of @width channels of each from @c on; @width and
 * @is_s16 are constants where it matters. Twice, so that each window lies in one piece. */
RING_FUNCTION void
spectrum_take (const RingView in, int64_t i, int32_t c, const int32_t width,
    const int32_t is_s16, RING_GLOBAL float *kept, int32_t n, RingWorker *ring)
{
  const int64_t channels = in.channels;

  RING_FOR_EACH (j, n) {
    const int64_t at = (i + j) * channels + c;
    float sum = 0.0f;

    for (int32_t k = 0; k < width; k++)
      sum += is_s16 ? (float) ((const RING_GLOBAL int16_t *) in.data)[at + k]
              * (1.0f / 32768.0f)
                    : ((const RING_GLOBAL float *) in.data)[at + k];
    sum = width > 1 ? sum / (float) width : sum;
    sum = sum - sum == 0.0f ? sum : 0.0f;
    kept[j] = sum;
    kept[j + SPECTRUM_KEPT] = sum;
  }
}

RING_FUNCTION void
spectrum_take_any (const RingView in, int64_t i, int32_t c, int32_t width,
    RING_GLOBAL float *kept, int32_t n, RingWorker *ring)
{
  const int32_t is_s16 = in.format == RING_AUDIO_S16LE;

#ifndef RING_STRIDED
  if (width == 1 && is_s16)
    spectrum_take (in, i, c, 1, 1, kept, n, ring);
  else if (width == 1)
    spectrum_take (in, i, c, 1, 0, kept, n, ring);
  else if (width == 2 && is_s16)
    spectrum_take (in, i, c, 2, 1, kept, n, ring);
  else if (width == 2)
    spectrum_take (in, i, c, 2, 0, kept, n, ring);
  else
#endif
    spectrum_take (in, i, c, width, is_s16, kept, n, ring);
}

/* Powers of frequencies from @k on, SPECTRUM_TILE of them, added up over windows that lie
 * @apart; @before: of earlier ones, or NULL. */
RING_FUNCTION void
spectrum_add_up (RING_GLOBAL double *to, const RING_GLOBAL double *before,
    const RING_GLOBAL float *result, int32_t apart, int32_t n_windows,
    int32_t size, int32_t k, const RING_GLOBAL float *table)
{
  const int32_t first = k > 0 ? 0 : 1, half = size / 2;
  double sum[SPECTRUM_TILE];
  double constant = k == 0 && before ? before[0] : 0.0;
  double highest = k == 0 && before ? before[half] : 0.0;

  for (int32_t j = 0; j < SPECTRUM_TILE; j++)
    sum[j] = before ? before[k + j] : 0.0;
  for (int32_t w = 0; w < n_windows; w++) {
    const RING_GLOBAL float *from = result + w * apart;

    for (int32_t j = first; j < SPECTRUM_TILE; j++) {
      const RingComplex x = ring_fft_get_inner (from, size, k + j, table);

      sum[j] += (double) (x.re * x.re + x.im * x.im);
    }
    if (k == 0) {
      const float x = ring_fft_get_real (from, size, 0, table).re;
      const float y = ring_fft_get_real (from, size, half, table).re;

      /* All others have a twin at the negative frequency. */
      constant += (double) (x * x * 0.25f);
      highest += (double) (y * y * 0.25f);
    }
  }
  for (int32_t j = first; j < SPECTRUM_TILE; j++)
    to[k + j] = sum[j];
  if (k == 0) {
    to[0] = constant;
    to[half] = highest;
  }
}

/* What is measured in the window's own gain, a cosine series. */
RING_FUNCTION float
spectrum_window (int32_t window, int32_t size, int32_t i)
{
  const double w = 6.28318530717958647692 * (double) i / (double) size;

  return (float) (window == SPECTRUM_HANN ? 0.5 - 0.5 * ring_cos (w)
          : window == SPECTRUM_HAMMING    ? 0.54 - 0.46 * ring_cos (w)
          : window == SPECTRUM_BLACKMAN
          ? 0.42 - 0.5 * ring_cos (w) + 0.08 * ring_cos (2.0 * w)
          : 1.0);
}

/* SPECTRUM_TILE pairs of frames from @pair on, weighed. */
RING_FUNCTION void
spectrum_put (RING_GLOBAL float *work, const RING_GLOBAL float *from,
    const RING_GLOBAL float *weight, int32_t size, int32_t pair)
{
  float even[SPECTRUM_TILE], odd[SPECTRUM_TILE];

  for (int32_t j = 0; j < SPECTRUM_TILE; j++) {
    const int32_t i = 2 * (pair + j);

    even[j] = from[i] * weight[i];
    odd[j] = from[i + 1] * weight[i + 1];
  }
  for (int32_t j = 0; j < SPECTRUM_TILE; j++) {
    ring_fft_put_real (work, size, 2 * (pair + j), even[j]);
    ring_fft_put_real (work, size, 2 * (pair + j) + 1, odd[j]);
  }
}

/* Frame @i since @base, in ns. */
RING_FUNCTION uint64_t
spectrum_time (uint64_t base, uint64_t i, uint32_t rate)
{
  return base + i / rate * 1000000000u + i % rate * 1000000000u / rate;
}

RING_KERNEL (spectrum, "How loud sound is at which frequency, as records",
    RING_AUDIO_TO_RECORDS ("F32LE, S16LE", "(tuud)", SpectrumRecord,
        SPECTRUM_MAX_RECORDS),
    RING_EMITS (1),
    RING_STATE (uint32_t started; int32_t window, size, hop, average, bands, is_mixed;
        uint32_t reserved;
        uint64_t base, position, next;
        int32_t in_set, parity;
        float table[RING_FFT_REAL_TABLE_FLOATS (SPECTRUM_MAX_SIZE)];
        float weight[SPECTRUM_MAX_SIZE];
        float kept[SPECTRUM_MAX_CHANNELS * 2 * SPECTRUM_KEPT];
        double sum[2 * SPECTRUM_MAX_CHANNELS * SPECTRUM_MAX_BINS];),
    RING_SCRATCH (SPECTRUM_WORK * 4 + SPECTRUM_SUMS * 8),
    RING_ENUM (size, 4, "64|128|256|512|1024|2048|4096",
        "Frames of a window: more of them tell more frequencies apart"),
    RING_INT (hop, 512, 1, 1048576,
        "From the begin of a window to that of the next, in frames; at least bands times channels / average"),
    RING_INT (average, 1, 1, 4096,
        "Windows whose powers are averaged before levels come out"),
    RING_ENUM (window, 0, "hann|hamming|blackman|rectangular",
        "How the ends of a window fade"),
    RING_INT (bands, 128, 0, SPECTRUM_MAX_BINS,
        "Bands from 0 to half of the rate, all of the same width; 0: each frequency of the transform"),
    RING_ENUM (channels, 0, "mix|each",
        "mix: the mean of all channels, as channel 0; each: the first 16 of them"),
    RING_FLOAT (threshold, -90.0, -300.0, 0.0, RING_UNIT_DB,
        "The lowest level that comes out"))
{
  const SpectrumSettings s =
      spectrum_settings (SPECTRUM_MIN_SIZE << params.size, params.hop,
          params.average, params.bands, params.channels == 0,
          (int32_t) in.channels);
  const int32_t bins = s.size / 2 + 1;
  const int32_t differs = state->size != s.size;
  const int32_t fresh =
      !state->started || (in.flags & RING_MESSAGE_DISCONT) != 0;
  const int32_t is_moved = fresh || differs || state->hop != s.hop
      || state->average != s.average || state->bands != s.bands
      || state->is_mixed != s.is_mixed;
  const uint64_t base = !fresh   ? state->base
      : in.pts == RING_TIME_NONE ? 0
                                 : in.pts;
  const uint32_t rate = in.rate > 0 ? in.rate : 1;
  const int32_t most = ring_max_i32 (1,
      SPECTRUM_WORK / (RING_FFT_REAL_FLOATS (s.size) * s.channels));
  /* Power of a sine of full scale at one frequency. */
  const double gain = (params.window == SPECTRUM_HANN              ? 0.25
                              : params.window == SPECTRUM_HAMMING  ? 0.27
                              : params.window == SPECTRUM_BLACKMAN ? 0.21
                                                                   : 0.5)
      * (double) s.size;
  const double scale = 1.0 / (gain * gain * (double) s.average);
  const double threshold = (double) params.threshold;
  RING_GLOBAL float *work = (RING_GLOBAL float *) scratch;
  RING_GLOBAL double *sums = (RING_GLOBAL double *) (work + SPECTRUM_WORK);
  /* How many tiles a window has, as a power of two. */
  const int32_t shift = params.size + (SPECTRUM_TILE > 1 ? 0 : 5);
  RING_GLOBAL SpectrumRecord *to = (RING_GLOBAL SpectrumRecord *) out.data;
  uint64_t position = fresh ? 0 : state->position;
  uint64_t next = is_moved ? position : state->next;
  int32_t in_set = is_moved ? 0 : state->in_set;
  int32_t parity = state->parity;
  int64_t n_records = 0;

  if (differs)
    ring_fft_real_table (state->table, s.size);
  if (differs || state->window != params.window) {
    RING_FOR_EACH (i, s.size)
      state->weight[i] = spectrum_window (params.window, s.size, (int32_t) i);
  }

  for (int64_t begin = 0; begin < (int64_t) in.count;) {
    const int64_t left = (int64_t) in.count - begin;
    const int32_t length =
        left < SPECTRUM_SEGMENT ? (int32_t) left : SPECTRUM_SEGMENT;
    int64_t windows;

    for (int32_t c = 0; c < s.channels; c++) {
      RING_GLOBAL float *kept = state->kept + c * 2 * SPECTRUM_KEPT;
      const int32_t at = (int32_t) (position % SPECTRUM_KEPT);
      const int32_t n = ring_min_i32 (length, SPECTRUM_KEPT - at);
      const int32_t width = s.is_mixed ? (int32_t) in.channels : 1;

      spectrum_take_any (in, begin, c, width, kept + at, n, ring);
      if (n < length)
        spectrum_take_any (in, begin + n, c, width, kept, length - n, ring);
    }
    begin += length;
    position += (uint64_t) length;
    windows = position < next + (uint64_t) s.size
        ? 0
        : (int64_t) ((position - next - (uint64_t) s.size) / (uint32_t) s.hop)
            + 1;
    ring_barrier ();

    while (windows > 0) {
      const int32_t n = windows < most ? (int32_t) windows : most;
      const int32_t n_sets = (in_set + n + s.average - 1) / s.average;
      const uint64_t first =
          next - (uint64_t) in_set * (uint64_t) (uint32_t) s.hop;
      const RING_GLOBAL double *before =
          state->sum + parity * SPECTRUM_MAX_CHANNELS * SPECTRUM_MAX_BINS;
      RING_GLOBAL double *after =
          state->sum + (1 - parity) * SPECTRUM_MAX_CHANNELS * SPECTRUM_MAX_BINS;
      const RING_GLOBAL float *result;

      RING_FOR_EACH (i, n * s.channels << shift) {
        const int32_t t = (int32_t) (i >> shift);
        const int32_t pair = (int32_t) (i & ((1 << shift) - 1)) * SPECTRUM_TILE;
        const uint64_t at =
            next + (uint64_t) (t / s.channels) * (uint32_t) s.hop;
        const RING_GLOBAL float *from = state->kept
            + t % s.channels * 2 * SPECTRUM_KEPT
            + (int32_t) (at % SPECTRUM_KEPT);

        spectrum_put (work + t * RING_FFT_REAL_FLOATS (s.size), from,
            state->weight, s.size, pair);
      }
      result = ring_fft_real (work, s.size, n * s.channels, state->table);

      RING_FOR_EACH (i, n_sets * s.channels << shift) {
        const int32_t k = (int32_t) (i & ((1 << shift) - 1)) * SPECTRUM_TILE;
        const int32_t row = (int32_t) (i >> shift);
        const int32_t c = row % s.channels, set = row / s.channels;
        const int32_t w0 = ring_max_i32 (set * s.average - in_set, 0);
        const int32_t end = (set + 1) * s.average - in_set;

        spectrum_add_up (end > n ? after + c * SPECTRUM_MAX_BINS
                                 : sums + row * bins,
            set == 0 && in_set > 0 ? before + c * SPECTRUM_MAX_BINS : 0,
            result + (w0 * s.channels + c) * RING_FFT_REAL_FLOATS (s.size),
            s.channels * RING_FFT_REAL_FLOATS (s.size),
            ring_min_i32 (end, n) - w0, s.size, k, state->table);
      }
      ring_barrier ();

      RING_FOR_EACH (i, (in_set + n) / s.average * s.channels * s.bands) {
        const int32_t row = (int32_t) i / s.bands, b = (int32_t) i % s.bands;
        const int32_t set = row / s.channels;
        const int32_t k0 = (b * bins + s.bands - 1) / s.bands;
        const int32_t k1 = ((b + 1) * bins + s.bands - 1) / s.bands;
        double loudest = 0.0, level;

        for (int32_t k = k0; k < k1; k++)
          loudest =
              sums[row * bins + k] > loudest ? sums[row * bins + k] : loudest;
        level = 4.3429448190325182765 * ring_log (loudest * scale);
        to[n_records + i].time = spectrum_time (base,
            first + (uint64_t) set * (uint32_t) s.average * (uint32_t) s.hop,
            rate);
        to[n_records + i].channel = (uint32_t) (row % s.channels);
        to[n_records + i].band = (uint32_t) b;
        to[n_records + i].level = level > threshold ? level : threshold;
      }
      ring_barrier ();
      n_records += (in_set + n) / s.average * s.channels * s.bands;
      in_set = (in_set + n) % s.average;
      parity = 1 - parity;
      next += (uint64_t) n * (uint32_t) s.hop;
      windows -= n;
    }
  }

  ring_barrier ();
  if (ring_is_first_worker ()) {
    state->started = 1;
    state->window = params.window;
    state->size = s.size;
    state->hop = s.hop;
    state->average = s.average;
    state->bands = s.bands;
    state->is_mixed = s.is_mixed;
    state->base = base;
    state->position = position;
    state->next = next;
    state->in_set = in_set;
    state->parity = parity;
    if (n_records > 0)
      ring_emit (0, (uint64_t) n_records * sizeof (SpectrumRecord));
  }
}
