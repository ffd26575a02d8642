/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * sdk-math.h: functions of double that are the same to the bit on every backend, for
 * they are made of sums, products and quotients alone. So what is not done for each
 * sample, as a filter's coefficients, is best done with them. They are off by less than
 * 2^-50 of the value.
 */
#ifndef RING_SDK_MATH_H
#define RING_SDK_MATH_H

#include "atomic.h"

typedef union
{
  double value;
  uint64_t bits;
} RingDoubleBits_;

/* e^x; x is clamped to -700 … 700, and -700 if it is no number. */
RING_BOTH double
ring_exp (double x)
{
  const double low = x > -700.0 ? x : -700.0;
  const double in_range = low < 700.0 ? low : 700.0;
  const double turns = in_range * 1.4426950408889634;
  const int32_t k = (int32_t) (turns + (turns < 0.0 ? -0.5 : 0.5));
  /* The upper part of log 2 has few enough bits for a product without error. */
  const double r = (in_range - (double) k * 0.693147180369123816490)
      - (double) k * 1.90821492927058781614e-10;
  RingDoubleBits_ scale;
  double sum = 1.0;

  RING_UNROLLED
  for (int32_t n = 14; n > 0; n--)
    sum = 1.0 + sum * (r * (1.0 / (double) n));
  scale.bits = (uint64_t) (int64_t) (1023 + k) << 52;
  return sum * scale.value;
}

/* The natural logarithm; x is at least 2^-1022, and that if it is no number. */
RING_BOTH double
ring_log (double x)
{
  const double low = x > 2.2250738585072014e-308 ? x : 2.2250738585072014e-308;
  RingDoubleBits_ m;
  int32_t e;
  double s, square, sum = 0.0;

  m.value = low < 1.7976931348623157e308 ? low : 1.7976931348623157e308;
  e = (int32_t) (m.bits >> 52) - 1023;
  m.bits = (m.bits & 0xfffffffffffffull) | 0x3ff0000000000000ull;
  if (m.value > 1.4142135623730951) {
    m.value *= 0.5;
    e++;
  }
  s = (m.value - 1.0) / (m.value + 1.0);
  square = s * s;
  RING_UNROLLED
  for (int32_t n = 21; n > 1; n -= 2)
    sum = (sum + 1.0 / (double) n) * square;
  return (double) e * 0.693147180369123816490
      + ((double) e * 1.90821492927058781614e-10 + 2.0 * (s + s * sum));
}

/* sin x for quarter 0, cos x for quarter 1; x is clamped to -10^6 … 10^6, and -10^6 if it
 * is no number. */
RING_BOTH double
ring_sine_ (double x, int64_t quarter)
{
  const double low = x > -1e6 ? x : -1e6;
  const double in_range = low < 1e6 ? low : 1e6;
  const double turns = in_range * 0.63661977236758134;
  const int64_t k = (int64_t) (turns + (turns < 0.0 ? -0.5 : 0.5));
  const double q = (double) k;
  const double r =
      ((in_range - q * 1.57079632673412561417) - q * 6.07710050630396597660e-11)
      - q * 2.02226624879595063154e-21;
  const double square = r * r;
  const int32_t is_cosine = (int32_t) ((quarter + k) & 1);
  double sum = 1.0;

  /* 1 - x^2 / 6 …, or 1 - x^2 / 2 … */
  RING_UNROLLED
  for (int32_t n = 9; n > 0; n--)
    sum = 1.0
        - sum
            * (square
                * (is_cosine ? 1.0 / (double) (2 * n * (2 * n - 1))
                             : 1.0 / (double) (2 * n * (2 * n + 1))));
  sum = is_cosine ? sum : sum * r;
  return (quarter + k) & 2 ? -sum : sum;
}

RING_BOTH double
ring_sin (double x)
{
  return ring_sine_ (x, 0);
}

RING_BOTH double
ring_cos (double x)
{
  return ring_sine_ (x, 1);
}

#endif /* RING_SDK_MATH_H */
