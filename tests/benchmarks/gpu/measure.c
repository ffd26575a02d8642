/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * measure.c: samples, percentiles, medians, and candidates in turn.
 */
#include "measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static guint64
monotonic (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (guint64) now.tv_sec * G_GUINT64_CONSTANT (1000000000)
      + (guint64) now.tv_nsec;
}

guint64 (*bench_clock) (void) = monotonic;

/* ---- samples --------------------------------------------------------------- */

void
bench_samples_init (BenchSamples *samples)
{
  samples->ns = g_array_new (FALSE, FALSE, sizeof (guint64));
  samples->sorted = FALSE;
}

void
bench_samples_clear (BenchSamples *samples)
{
  g_clear_pointer (&samples->ns, g_array_unref);
}

void
bench_samples_add (BenchSamples *samples, guint64 ns)
{
  g_array_append_val (samples->ns, ns);
  samples->sorted = FALSE;
}

guint
bench_samples_count (const BenchSamples *samples)
{
  return samples->ns->len;
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  const guint64 x = *(const guint64 *) a, y = *(const guint64 *) b;

  return (x > y) - (x < y);
}

static void
sort (BenchSamples *samples)
{
  if (!samples->sorted)
    g_array_sort (samples->ns, compare);
  samples->sorted = TRUE;
}

guint64
bench_samples_percentile (BenchSamples *samples, gdouble percent)
{
  const guint n = samples->ns->len;
  guint rank;

  if (n == 0)
    return 0;
  sort (samples);
  /* What is a whole number but for rounding is one: 99.9 % of 1000 is the 999th. */
  rank = (guint) ceil (percent * n / 100.0 - 1e-9 * n);
  rank = CLAMP (rank, 1, n);
  return g_array_index (samples->ns, guint64, rank - 1);
}

guint64
bench_samples_max (BenchSamples *samples)
{
  return bench_samples_percentile (samples, 100);
}

void
bench_samples_keep_largest (BenchSamples *samples, guint n)
{
  if (samples->ns->len <= n)
    return;
  sort (samples);
  g_array_remove_range (samples->ns, 0, samples->ns->len - n);
}

/* ---- figures ---------------------------------------------------------------- */

static gint
compare_doubles (gconstpointer a, gconstpointer b)
{
  const gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;

  return (x > y) - (x < y);
}

gdouble
bench_median (const gdouble *values, guint n)
{
  g_autofree gdouble *sorted = NULL;

  if (n == 0)
    return NAN;
  sorted = g_new (gdouble, n);
  memcpy (sorted, values, n * sizeof *values);
  qsort (sorted, n, sizeof *sorted, compare_doubles);
  return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

gdouble
bench_per_second (gdouble n, guint64 ns)
{
  return ns > 0 ? n * 1e9 / (gdouble) ns : 0;
}

void
bench_proof_add (BenchProof *proof, gboolean right)
{
  proof->checked++;
  if (!right)
    proof->wrong++;
}

gboolean
bench_proof_holds (const BenchProof *proof)
{
  return proof->checked > 0 && proof->wrong == 0;
}

/* ---- candidates in turn ------------------------------------------------------- */

void
bench_candidate_init (BenchCandidate *candidate, const gchar *name,
    gpointer data)
{
  memset (candidate, 0, sizeof *candidate);
  candidate->name = name;
  candidate->data = data;
  bench_samples_init (&candidate->samples);
}

void
bench_candidate_clear (BenchCandidate *candidate)
{
  bench_samples_clear (&candidate->samples);
}

static gboolean
run_some (BenchCandidate *c, guint n, gboolean count, GError **error)
{
  guint k;

  for (k = 0; k < n; k++) {
    const guint64 i = c->runs++;
    guint64 begin, end;

    if (c->prepare)
      c->prepare (c->data, i);
    begin = bench_clock ();
    if (!c->run (c->data, i, error)) {
      g_prefix_error (error, "%s: ", c->name);
      return FALSE;
    }
    end = bench_clock ();
    if (count)
      bench_samples_add (&c->samples, end - begin);
    bench_proof_add (&c->proof, c->check (c->data, i));
  }
  return TRUE;
}

gboolean
bench_take_turns (BenchCandidate *candidates, guint n, guint rounds, guint warm,
    guint samples, GError **error)
{
  guint round, k;

  for (round = 0; round < rounds; round++) {
    for (k = 0; k < n; k++) {
      BenchCandidate *c = &candidates[(k + round) % n];

      if (!run_some (c, warm, FALSE, error)
          || !run_some (c, samples, TRUE, error))
        return FALSE;
    }
  }
  return TRUE;
}
