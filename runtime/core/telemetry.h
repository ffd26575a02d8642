/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * telemetry.h: percentiles that are cheap enough to stay on.
 *
 * A histogram with 16 buckets per power of two: one increment per sample, at
 * most 6.25 % too high when read. One thread writes at a time (the one that
 * harvests); any thread may read.
 */
#ifndef RING_TELEMETRY_H
#define RING_TELEMETRY_H

#include <glib.h>

G_BEGIN_DECLS

#define RING_HISTOGRAM_SUB 16u
#define RING_HISTOGRAM_BUCKETS (61u * RING_HISTOGRAM_SUB)

typedef struct
{
  guint64 count;
  guint64 max;
  guint32 bucket[RING_HISTOGRAM_BUCKETS];
} RingHistogram;

void ring_histogram_add (RingHistogram *histogram, guint64 value);
guint64 ring_histogram_percentile (const RingHistogram *histogram,
    gdouble percent);
guint64 ring_histogram_max (const RingHistogram *histogram);

/* The monotonic clock in ns: also GLib's, and the cpu device's. */
guint64 ring_clock_now (void);

G_END_DECLS

#endif /* RING_TELEMETRY_H */
