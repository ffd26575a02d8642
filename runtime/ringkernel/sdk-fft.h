/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * sdk-fft.h: Fourier transforms of 2^k points, of several signals at once; part of
 * kernel-sdk.h.
 *
 *   X[k] = sum of x[i] e^(-2 pi i k / n)
 *
 * All workers share out the butterflies of all transforms, with a barrier between two
 * stages: of four inputs each, and the last of two where n is no power of four. Each
 * stage reads one buffer and writes another, in an order (Stockham's) in which
 * neighbours read neighbours and nothing has to be sorted. What is computed depends
 * neither on who shares it out nor on the backend, to the bit; errors are some 2^-23 of
 * the loudest frequency.
 *
 * All functions are called by all workers, but for those that say of one value what it
 * is or where it goes.
 */
#ifndef RING_SDK_FFT_H
#define RING_SDK_FFT_H

#include "kernel-sdk.h"

/* Floats of memory for each transform of n points, and of a table for n points. n is a
 * power of two, 2 at least. */
#define RING_FFT_FLOATS(n) (4 * (n))
#define RING_FFT_TABLE_FLOATS(n) (3 * (n) / 2 + 2)
/* The same for n real values. */
#define RING_FFT_REAL_FLOATS(n) RING_FFT_FLOATS ((n) / 2)
#define RING_FFT_REAL_TABLE_FLOATS(n) \
  (RING_FFT_TABLE_FLOATS ((n) / 2) + (n) + 2)

/* How many butterflies are done at once: as many as fill a CPU's vector registers. */
#define RING_FFT_WIDTH_ (RING_TILE > 1 ? 16 : 1)
#ifdef RING_STRIDED
#define RING_FFT_VECTOR_
#else
#define RING_FFT_VECTOR_ RING_INDEPENDENT_
#endif

typedef struct
{
  float re, im;
} RingComplex;

/* @n values of @table[i] = cos w i, -sin w i, for w = 2 pi @turns / @of, apart by
 * @apart. */
RING_FUNCTION void
ring_fft_turns_ (RING_GLOBAL float *table, int32_t n, int32_t apart,
    int32_t turns, int32_t of, RingWorker *ring)
{
  const double w = 6.28318530717958647692 * (double) turns / (double) of;

  RING_FOR_EACH (i, n) {
    table[i] = (float) ring_cos (w * (double) i);
    table[apart + i] = (float) -ring_sin (w * (double) i);
  }
}

/* ring_fft_table (table, n): the table for transforms of @n points; behind it needs a
 * barrier. It is best kept in state. */
#define ring_fft_table(table, n) ring_fft_table_ (table, n, ring)
RING_FUNCTION void
ring_fft_table_ (RING_GLOBAL float *table, int32_t n, RingWorker *ring)
{
  const int32_t quarter = n / 4;

  /* Factors of the second, third and fourth input. */
  RING_ROLLED
  for (int32_t p = 1; p < 4; p++)
    ring_fft_turns_ (table + 2 * (p - 1) * quarter, quarter, quarter, p, n,
        ring);
}

/* ring_fft_real_table (table, n): likewise for n real values. */
#define ring_fft_real_table(table, n) ring_fft_real_table_ (table, n, ring)
RING_FUNCTION void
ring_fft_real_table_ (RING_GLOBAL float *table, int32_t n, RingWorker *ring)
{
  ring_fft_table_ (table, n / 2, ring);
  ring_fft_turns_ (table + RING_FFT_TABLE_FLOATS (n / 2), n / 2 + 1, n / 2 + 1,
      1, n, ring);
}

/* One butterfly: reads at @i, a quarter apart, with the factors at @t, and writes at
 * @o, @m apart. */
RING_FUNCTION void
ring_fft_four_ (const RING_GLOBAL float *re, const RING_GLOBAL float *im,
    RING_GLOBAL float *to_re, RING_GLOBAL float *to_im,
    const RING_GLOBAL float *w, int32_t quarter, int32_t m, int32_t i,
    int32_t t, int32_t o)
{
  const float a_re = re[i], a_im = im[i];
  const float b_re = re[i + quarter], b_im = im[i + quarter];
  const float c_re = re[i + 2 * quarter], c_im = im[i + 2 * quarter];
  const float d_re = re[i + 3 * quarter], d_im = im[i + 3 * quarter];
  const float p_re = a_re + c_re, p_im = a_im + c_im;
  const float q_re = a_re - c_re, q_im = a_im - c_im;
  const float r_re = b_re + d_re, r_im = b_im + d_im;
  /* (b - d) times the imaginary unit */
  const float s_re = d_im - b_im, s_im = b_re - d_re;
  const float x_re = q_re - s_re, x_im = q_im - s_im;
  const float y_re = p_re - r_re, y_im = p_im - r_im;
  const float z_re = q_re + s_re, z_im = q_im + s_im;
  const float u_re = w[t], u_im = w[t + quarter];
  const float v_re = w[t + 2 * quarter], v_im = w[t + 3 * quarter];
  const float e_re = w[t + 4 * quarter], e_im = w[t + 5 * quarter];

  to_re[o] = p_re + r_re;
  to_im[o] = p_im + r_im;
  to_re[o + m] = x_re * u_re - x_im * u_im;
  to_im[o + m] = x_re * u_im + x_im * u_re;
  to_re[o + 2 * m] = y_re * v_re - y_im * v_im;
  to_im[o + 2 * m] = y_re * v_im + y_im * v_re;
  to_re[o + 3 * m] = z_re * e_re - z_im * e_im;
  to_im[o + 3 * m] = z_re * e_im + z_im * e_re;
}

/* Butterflies from @i on, RING_FFT_WIDTH_ of them: runs of @m that share factors. */
RING_FUNCTION void
ring_fft_tile_ (const RING_GLOBAL float *re, const RING_GLOBAL float *im,
    RING_GLOBAL float *to_re, RING_GLOBAL float *to_im,
    const RING_GLOBAL float *w, int32_t quarter, int32_t m, int32_t i)
{
  if (m == 1) {
    RING_FFT_VECTOR_
    for (int32_t j = 0; j < RING_FFT_WIDTH_; j++)
      ring_fft_four_ (re, im, to_re, to_im, w, quarter, 1, i + j, i + j,
          4 * (i + j));
  } else if (m == 4) {
    for (int32_t j = i; j < i + RING_FFT_WIDTH_; j += 4) {
      RING_FFT_VECTOR_
      for (int32_t k = 0; k < 4; k++)
        ring_fft_four_ (re, im, to_re, to_im, w, quarter, 4, j + k, j,
            4 * j + k);
    }
  } else {
    const int32_t k = i & (m - 1), t = i - k;

    RING_FFT_VECTOR_
    for (int32_t j = 0; j < RING_FFT_WIDTH_; j++)
      ring_fft_four_ (re, im, to_re, to_im, w, quarter, m, i + j, t,
          4 * t + k + j);
  }
}

/* ring_fft (work, n, count, table), ring_fft_inverse (…): @count transforms of @n
 * points, RING_FFT_FLOATS (n) apart; n real parts and then n imaginary ones are in the
 * first half of each. Returns where the same lies of the first result: all are in the
 * first half or all in the second, and what is in the other is of no use. With a barrier
 * before and one behind. The inverse turns the other way, and is not scaled: it gives n
 * times what the transform was made of. */
#define ring_fft(work, n, count, table) \
  ring_fft_ (work, n, count, table, 0, ring)
#define ring_fft_inverse(work, n, count, table) \
  ring_fft_ (work, n, count, table, 1, ring)
RING_FUNCTION RING_GLOBAL float *
ring_fft_ (RING_GLOBAL float *work, int32_t n, int32_t count,
    const RING_GLOBAL float *table, int32_t is_inverse, RingWorker *ring)
{
  const int32_t quarter = n / 4, half = n / 2;
  /* Where real and imaginary parts change places, it turns the other way. */
  const int32_t re = is_inverse ? n : 0, im = is_inverse ? 0 : n;
  const int32_t is_wide = RING_FFT_WIDTH_ > 1 && quarter >= RING_FFT_WIDTH_;
  const int32_t width = is_wide ? RING_FFT_WIDTH_ : 1;
  int32_t from = 0, to = 2 * n, shift = 0, m = 1;

  /* How many steps a transform takes, as a power of two: 64-bit divisions are slow. */
  while (quarter > 0 && (width << shift) < quarter)
    shift++;
  ring_barrier ();
  RING_ROLLED
  for (; 4 * m <= n; m *= 4) {
    RING_FOR_EACH (tile, (int64_t) count << shift) {
      RING_GLOBAL float *at = work + (tile >> shift) * RING_FFT_FLOATS (n);
      const int32_t i = (int32_t) (tile & ((1 << shift) - 1)) * width;

      if (is_wide)
        ring_fft_tile_ (at + from + re, at + from + im, at + to + re,
            at + to + im, table, quarter, m, i);
      else
        ring_fft_four_ (at + from + re, at + from + im, at + to + re,
            at + to + im, table, quarter, m, i, i & ~(m - 1),
            4 * (i & ~(m - 1)) + (i & (m - 1)));
    }
    from = to;
    to = 2 * n - from;
    ring_barrier ();
  }
  if (m < n) {
    shift = 0;
    while ((width << shift) < half)
      shift++;
    RING_FOR_EACH (tile, (int64_t) count << shift) {
      RING_GLOBAL float *at = work + (tile >> shift) * RING_FFT_FLOATS (n);
      const int32_t i = (int32_t) (tile & ((1 << shift) - 1)) * width;

      RING_FFT_VECTOR_
      for (int32_t j = i; j < i + width; j++) {
        const float a_re = at[from + re + j], b_re = at[from + re + j + half];
        const float a_im = at[from + im + j], b_im = at[from + im + j + half];

        at[to + re + j] = a_re + b_re;
        at[to + im + j] = a_im + b_im;
        at[to + re + j + half] = a_re - b_re;
        at[to + im + j + half] = a_im - b_im;
      }
    }
    from = to;
    ring_barrier ();
  }
  return work + from;
}

/* ring_fft_real (work, n, count, table): @count transforms of @n real values each,
 * RING_FFT_REAL_FLOATS (n) apart. They are put there by ring_fft_put_real (), and from
 * what is returned ring_fft_get_real () gets frequencies. Half the work of ring_fft (). */
#define ring_fft_real(work, n, count, table) \
  ring_fft_ (work, (n) / 2, count, table, 0, ring)

/* @i: which of them. */
RING_FUNCTION void
ring_fft_put_real (RING_GLOBAL float *work, int32_t n, int32_t i, float value)
{
  work[(i & 1) * (n / 2) + (i >> 1)] = value;
}

/* @k: which frequency, in multiples of the n-th part of the rate, from 1 to n / 2 - 1: a
 * loop over these becomes vectors. */
RING_FUNCTION RingComplex
ring_fft_get_inner (const RING_GLOBAL float *result, int32_t n, int32_t k,
    const RING_GLOBAL float *table)
{
  const int32_t half = n / 2, j = half - k;
  const RING_GLOBAL float *w = table + RING_FFT_TABLE_FLOATS (n / 2);
  const float c = w[k], s = w[half + 1 + k];
  const float a_re = result[k], a_im = result[half + k];
  const float b_re = result[j], b_im = result[half + j];
  /* Transforms of the even values, and of the odd ones. */
  const float even_re = 0.5f * (a_re + b_re), even_im = 0.5f * (a_im - b_im);
  const float odd_re = 0.5f * (a_im + b_im), odd_im = 0.5f * (b_re - a_re);
  RingComplex x;

  x.re = even_re + (c * odd_re - s * odd_im);
  x.im = even_im + (c * odd_im + s * odd_re);
  return x;
}

/* @k: any of them, from 0 to n / 2. */
RING_FUNCTION RingComplex
ring_fft_get_real (const RING_GLOBAL float *result, int32_t n, int32_t k,
    const RING_GLOBAL float *table)
{
  RingComplex x;

  if (k > 0 && k < n / 2)
    return ring_fft_get_inner (result, n, k, table);
  x.re = k == 0 ? result[0] + result[n / 2] : result[0] - result[n / 2];
  x.im = 0.0f;
  return x;
}

/* ring_fft_real_inverse (work, n, count, table): back from frequencies, which are put
 * there by ring_fft_put_frequency (), to n times the values, which ring_fft_get_value ()
 * gets from what is returned. */
#define ring_fft_real_inverse(work, n, count, table) \
  ring_fft_ (work, (n) / 2, count, table, 1, ring)

/* Frequency @k, from 0 to n / 2 - 1: @a is that, and @b is frequency n / 2 - @k. */
RING_FUNCTION void
ring_fft_put_frequency (RING_GLOBAL float *work, int32_t n, int32_t k,
    RingComplex a, RingComplex b, const RING_GLOBAL float *table)
{
  const int32_t half = n / 2;
  const RING_GLOBAL float *w = table + RING_FFT_TABLE_FLOATS (n / 2);
  const float c = w[k], s = w[half + 1 + k];
  const float even_re = a.re + b.re, even_im = a.im - b.im;
  const float x = a.re - b.re, y = a.im + b.im;
  const float odd_re = x * c + y * s, odd_im = y * c - x * s;

  work[k] = even_re - odd_im;
  work[half + k] = even_im + odd_re;
}

RING_FUNCTION float
ring_fft_get_value (const RING_GLOBAL float *result, int32_t n, int32_t i)
{
  return result[(i & 1) * (n / 2) + (i >> 1)];
}

#endif /* RING_SDK_FFT_H */
