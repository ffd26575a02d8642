/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "core/telemetry.h"

#include <time.h>

/* Values below 16 have a bucket each; from there on the four bits below the
 * leading one choose among the 16 buckets of that power of two. */
static guint
bucket_of (guint64 value)
{
  guint exponent;

  if (value < RING_HISTOGRAM_SUB)
    return (guint) value;
  exponent = 63 - (guint) __builtin_clzll (value);
  return (exponent - 3) * RING_HISTOGRAM_SUB
      + (guint) ((value >> (exponent - 4)) & (RING_HISTOGRAM_SUB - 1));
}

/* The largest value that falls into @bucket. */
static guint64
bucket_end (guint bucket)
{
  guint exponent, sub;

  if (bucket < RING_HISTOGRAM_SUB)
    return bucket;
  exponent = bucket / RING_HISTOGRAM_SUB + 3;
  sub = bucket % RING_HISTOGRAM_SUB;
  return (((guint64) RING_HISTOGRAM_SUB + sub) << (exponent - 4))
      + (((guint64) 1 << (exponent - 4)) - 1);
}

void
ring_histogram_add (RingHistogram *histogram, guint64 value)
{
  guint32 *bucket = &histogram->bucket[bucket_of (value)];

  /* One writer: plain loads, and relaxed stores so that readers see whole
   * words. */
  __atomic_store_n (bucket, *bucket + 1, __ATOMIC_RELAXED);
  __atomic_store_n (&histogram->count, histogram->count + 1, __ATOMIC_RELAXED);
  if (value > histogram->max)
    __atomic_store_n (&histogram->max, value, __ATOMIC_RELAXED);
}

/* The value that @percent of the samples do not exceed; 0 without samples. */
guint64
ring_histogram_percentile (const RingHistogram *histogram, gdouble percent)
{
  const guint64 count = __atomic_load_n (&histogram->count, __ATOMIC_RELAXED);
  const guint64 max = __atomic_load_n (&histogram->max, __ATOMIC_RELAXED);
  guint64 rank, seen = 0;
  guint i;

  if (count == 0)
    return 0;
  rank = (guint64) ((gdouble) count * percent / 100.0 + 0.5);
  rank = CLAMP (rank, 1, count);
  for (i = 0; i < RING_HISTOGRAM_BUCKETS; i++) {
    seen += __atomic_load_n (&histogram->bucket[i], __ATOMIC_RELAXED);
    if (seen >= rank)
      return MIN (bucket_end (i), max);
  }
  return max;
}

guint64
ring_histogram_max (const RingHistogram *histogram)
{
  return __atomic_load_n (&histogram->max, __ATOMIC_RELAXED);
}

guint64
ring_clock_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (guint64) now.tv_sec * 1000000000u + (guint64) now.tv_nsec;
}
