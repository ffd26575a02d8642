/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * measure.h: the arithmetic of the GPU benchmarks: a clock, samples and their
 * percentiles, medians, and candidates that take turns.
 */
#ifndef RING_BENCH_MEASURE_H
#define RING_BENCH_MEASURE_H

#include <glib.h>

G_BEGIN_DECLS

/* ns of a clock that never goes back. A test puts one of its own here. */
extern guint64 (*bench_clock) (void);

/* Times in ns, all of them kept: percentiles are exact, not from a histogram. */
typedef struct
{
  GArray *ns; /* guint64 */
  gboolean sorted;
} BenchSamples;

void bench_samples_init (BenchSamples *samples);
void bench_samples_clear (BenchSamples *samples);
void bench_samples_add (BenchSamples *samples, guint64 ns);
guint bench_samples_count (const BenchSamples *samples);
/* By nearest rank: the smallest sample that at least @percent of all are not above.
 * 0 of none. */
guint64 bench_samples_percentile (BenchSamples *samples, gdouble percent);
guint64 bench_samples_max (BenchSamples *samples);
/* Drops all but the @n largest. */
void bench_samples_keep_largest (BenchSamples *samples, guint n);

/* The middle one of @n values, or the mean of the two in the middle. NAN of none. */
gdouble bench_median (const gdouble *values, guint n);
/* How many per second, of @n in @ns. 0 if no time has passed. */
gdouble bench_per_second (gdouble n, guint64 ns);

/* What was looked at of what came back. A figure without a proof is none. */
typedef struct
{
  guint64 checked;
  guint64 wrong;
} BenchProof;

void bench_proof_add (BenchProof *proof, gboolean right);
gboolean bench_proof_holds (const BenchProof *proof);

/* One of several things that are timed in turn. Only @run is timed; @check is asked
 * after each whether what came back is right. */
typedef struct
{
  const gchar *name;
  void (*prepare) (gpointer data, guint64 i); /* NULL: nothing */
  gboolean (*run) (gpointer data, guint64 i, GError **error);
  gboolean (*check) (gpointer data, guint64 i);
  gpointer data;
  guint64 runs; /* so far; the i of the next */
  BenchSamples samples;
  BenchProof proof;
} BenchCandidate;

void bench_candidate_init (BenchCandidate *candidate, const gchar *name,
    gpointer data);
void bench_candidate_clear (BenchCandidate *candidate);
/* @rounds times: @warm runs of each that are checked and not counted, and @samples
 * that are. In each round another one goes first. FALSE: a run failed. */
gboolean bench_take_turns (BenchCandidate *candidates, guint n, guint rounds,
    guint warm, guint samples, GError **error);

G_END_DECLS

#endif /* RING_BENCH_MEASURE_H */
