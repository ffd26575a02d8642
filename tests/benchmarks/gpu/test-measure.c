/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-measure.c: the arithmetic of the GPU benchmarks, against closed forms: a
 * clock that a test moves by known delays stands in for the machine's.
 */
#include <glib/gstdio.h>
#include <math.h>

#include "report.h"

/* ---- a clock that is moved by hand ----------------------------------------------- */

static guint64 fake_time;

static guint64
fake_clock (void)
{
  return fake_time;
}

/* ---- percentiles ------------------------------------------------------------------- */

/* 1, 2, …, n in an order of no kind: the p-th percentile is ceil (p n / 100). */
static void
add_permutation (BenchSamples *samples, guint n, guint step)
{
  guint i;

  for (i = 0; i < n; i++)
    bench_samples_add (samples, 1 + (guint64) i * step % n);
}

static void
test_percentiles_of_a_permutation (void)
{
  static const struct
  {
    guint n, step;
    gdouble percent;
    guint64 expected;
  } rows[] = {
    { 1, 1, 50, 1 },
    { 1, 1, 99.9, 1 },
    { 2, 1, 50, 1 },
    { 2, 1, 50.1, 2 },
    { 3, 2, 50, 2 },
    { 10, 7, 99, 10 },
    { 100, 37, 50, 50 },
    { 100, 37, 99, 99 },
    { 100, 37, 99.9, 100 },
    { 1000, 391, 99.9, 999 },
    { 1000, 391, 99, 990 },
    { 1001, 391, 99.9, 1000 },
    { 100000, 70001, 50, 50000 },
    { 100000, 70001, 99, 99000 },
    { 100000, 70001, 99.9, 99900 },
    { 100000, 70001, 100, 100000 },
    { 100000, 70001, 0, 1 },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    BenchSamples samples;

    bench_samples_init (&samples);
    add_permutation (&samples, rows[i].n, rows[i].step);
    g_assert_cmpuint (bench_samples_count (&samples), ==, rows[i].n);
    g_assert_cmpuint (bench_samples_percentile (&samples, rows[i].percent), ==,
        rows[i].expected);
    g_assert_cmpuint (bench_samples_max (&samples), ==, rows[i].n);
    bench_samples_clear (&samples);
  }
}

/* One slow sample in a thousand is what p99.9 just does not see, two are. */
static void
test_percentiles_of_outliers (void)
{
  BenchSamples samples;
  guint i;

  bench_samples_init (&samples);
  for (i = 0; i < 999; i++)
    bench_samples_add (&samples, 5);
  bench_samples_add (&samples, 1000);
  g_assert_cmpuint (bench_samples_percentile (&samples, 99.9), ==, 5);
  g_assert_cmpuint (bench_samples_max (&samples), ==, 1000);
  /* A sample after a question counts in the next. */
  bench_samples_add (&samples, 2000);
  g_assert_cmpuint (bench_samples_percentile (&samples, 99.9), ==, 1000);
  g_assert_cmpuint (bench_samples_max (&samples), ==, 2000);
  bench_samples_clear (&samples);
}

static void
test_no_samples (void)
{
  BenchSamples samples;

  bench_samples_init (&samples);
  g_assert_cmpuint (bench_samples_percentile (&samples, 50), ==, 0);
  g_assert_cmpuint (bench_samples_max (&samples), ==, 0);
  bench_samples_clear (&samples);
  g_assert_true (isnan (bench_median (NULL, 0)));
}

static void
test_keep_largest (void)
{
  BenchSamples samples;

  bench_samples_init (&samples);
  add_permutation (&samples, 1000, 391);
  bench_samples_keep_largest (&samples, 100);
  g_assert_cmpuint (bench_samples_count (&samples), ==, 100);
  g_assert_cmpuint (bench_samples_percentile (&samples, 0), ==, 901);
  g_assert_cmpuint (bench_samples_percentile (&samples, 50), ==, 950);
  g_assert_cmpuint (bench_samples_max (&samples), ==, 1000);
  bench_samples_keep_largest (&samples, 200);
  g_assert_cmpuint (bench_samples_count (&samples), ==, 100);
  bench_samples_clear (&samples);
}

static void
test_median_and_rate (void)
{
  const gdouble odd[] = { 9, 1, 5 }, even[] = { 8, 2, 6, 4 };

  g_assert_cmpfloat (bench_median (odd, 3), ==, 5);
  g_assert_cmpfloat (bench_median (even, 4), ==, 5);
  g_assert_cmpfloat (bench_per_second (3, 1000), ==, 3e6);
  g_assert_cmpfloat (bench_per_second (1, 4000000000u), ==, 0.25);
  g_assert_cmpfloat (bench_per_second (1, 0), ==, 0);
}

/* ---- a known delay in place of what is timed ------------------------------------------- */

typedef struct
{
  guint64 delay, step;       /* the i-th run takes delay + i * step */
  guint64 wrong_at, fail_at; /* ~0: never */
  GString *order;            /* of all */
  gchar letter;
} Synthetic;

static void
synthetic_prepare (gpointer data, guint64 i)
{
  (void) data;
  (void) i;
  fake_time += 1000000; /* not timed */
}

static gboolean
synthetic_run (gpointer data, guint64 i, GError **error)
{
  Synthetic *s = data;

  if (i == s->fail_at) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "it broke");
    return FALSE;
  }
  fake_time += s->delay + i * s->step;
  g_string_append_c (s->order, s->letter);
  return TRUE;
}

static gboolean
synthetic_check (gpointer data, guint64 i)
{
  Synthetic *s = data;

  fake_time += 500000; /* neither */
  return i != s->wrong_at;
}

static void
synthetic_candidate (BenchCandidate *c, Synthetic *s)
{
  bench_candidate_init (c, "synthetic", s);
  c->prepare = synthetic_prepare;
  c->run = synthetic_run;
  c->check = synthetic_check;
}

static void
test_a_known_delay (void)
{
  g_autoptr (GString) order = g_string_new (NULL);
  Synthetic s = { 2000, 10, ~0ul, ~0ul, order, 'a' };
  BenchCandidate c;
  GError *error = NULL;

  synthetic_candidate (&c, &s);
  /* Runs 0 to 9 warm up; run i takes 2000 + 10 i, so the k-th of 1000 samples
   * takes 2090 + 10 k. */
  g_assert_true (bench_take_turns (&c, 1, 1, 10, 1000, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (bench_samples_count (&c.samples), ==, 1000);
  g_assert_cmpuint (bench_samples_percentile (&c.samples, 50), ==,
      2090 + 10 * 500);
  g_assert_cmpuint (bench_samples_percentile (&c.samples, 99), ==,
      2090 + 10 * 990);
  g_assert_cmpuint (bench_samples_percentile (&c.samples, 99.9), ==,
      2090 + 10 * 999);
  g_assert_cmpuint (bench_samples_max (&c.samples), ==, 2090 + 10 * 1000);
  /* Those that warmed up were checked as well. */
  g_assert_cmpuint (c.proof.checked, ==, 1010);
  g_assert_true (bench_proof_holds (&c.proof));
  bench_candidate_clear (&c);
}

static void
test_candidates_take_turns (void)
{
  g_autoptr (GString) order = g_string_new (NULL);
  Synthetic s[] = { { 10, 0, ~0ul, ~0ul, order, 'a' },
    { 20, 0, ~0ul, ~0ul, order, 'b' }, { 40, 0, ~0ul, ~0ul, order, 'c' } };
  BenchCandidate c[3];
  GError *error = NULL;
  guint i;

  for (i = 0; i < 3; i++)
    synthetic_candidate (&c[i], &s[i]);
  g_assert_true (bench_take_turns (c, 3, 4, 0, 2, &error));
  g_assert_cmpstr (order->str, ==, "aabbccbbccaaccaabbaabbcc");
  for (i = 0; i < 3; i++) {
    g_assert_cmpuint (bench_samples_count (&c[i].samples), ==, 8);
    g_assert_cmpuint (bench_samples_percentile (&c[i].samples, 50), ==,
        s[i].delay);
    bench_candidate_clear (&c[i]);
  }
}

static void
test_a_run_that_fails (void)
{
  g_autoptr (GString) order = g_string_new (NULL);
  Synthetic s = { 10, 0, ~0ul, 3, order, 'a' };
  BenchCandidate c;
  GError *error = NULL;

  synthetic_candidate (&c, &s);
  g_assert_false (bench_take_turns (&c, 1, 1, 0, 10, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==, "synthetic: it broke");
  g_assert_cmpuint (bench_samples_count (&c.samples), ==, 3);
  g_error_free (error);
  bench_candidate_clear (&c);
}

/* ---- what may be said ------------------------------------------------------------------- */

static const BenchProof right = { 10, 0 }, wrong = { 10, 1 }, blind = { 0, 0 };

static const gchar *
status_of (const BenchReport *report)
{
  return json_object_get_string_member (report->root, "status");
}

static void
test_goals (void)
{
  static const struct
  {
    BenchRelation relation;
    gdouble value, bound;
    gboolean met;
    const gchar *goal;
  } rows[] = {
    { BENCH_AT_MOST, 3, 3, TRUE, "at most 3 us" },
    { BENCH_AT_MOST, 3.001, 3, FALSE, "at most 3 us" },
    { BENCH_AT_LEAST, 0.9, 0.9, TRUE, "at least 0.9 us" },
    { BENCH_AT_LEAST, 0.89, 0.9, FALSE, "at least 0.9 us" },
    { BENCH_LESS_THAN, 2, 2, FALSE, "less than 2 us" },
    { BENCH_LESS_THAN, 1.99, 2, TRUE, "less than 2 us" },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (BenchReport) report = bench_report_new ("goals", FALSE);
    BenchResult result =
        bench_report_add (report, "x", rows[i].value, "us", &right);

    g_assert_cmpint (bench_result_goal (&result, rows[i].relation,
                         rows[i].bound, g_strdup ("the wire")),
        ==, rows[i].met);
    g_assert_cmpint (json_object_get_boolean_member (result.object, "met"), ==,
        rows[i].met);
    g_assert_cmpstr (json_object_get_string_member (result.object, "goal"), ==,
        rows[i].goal);
    if (rows[i].met)
      g_assert_true (json_object_get_null_member (result.object, "limit"));
    else
      g_assert_cmpstr (json_object_get_string_member (result.object, "limit"),
          ==, "the wire");
    /* A goal that is missed is a result as good as any. */
    g_assert_cmpint (bench_report_end (report, NULL, FALSE), ==, BENCH_OK);
    g_assert_cmpstr (status_of (report), ==, "ok");
  }
}

static void
test_unproven_figures_are_refused (void)
{
  static const struct
  {
    const BenchProof *proof;
    gdouble value;
    const gchar *reason;
  } rows[] = {
    { &wrong, 1, "x: 1 of 10 results were wrong" },
    { &blind, 1, "x: nothing that came back was looked at" },
    { &right, NAN, "x: it is no number" },
    { NULL, INFINITY, "x: it is no number" },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (BenchReport) report = bench_report_new ("refused", FALSE);
    BenchResult result, other;
    BenchSamples samples;

    bench_samples_init (&samples);
    bench_samples_add (&samples, 1);
    result = bench_report_add (report, "x", rows[i].value, "us", rows[i].proof);
    bench_result_percentiles (&result, &samples);
    g_assert_false (bench_result_goal (&result, BENCH_AT_MOST, 3, NULL));
    g_assert_true (json_object_get_null_member (result.object, "value"));
    g_assert_true (json_object_get_null_member (result.object, "met"));
    g_assert_false (json_object_has_member (result.object, "p50"));
    /* One good figure does not make up for it. */
    other = bench_report_add (report, "y", 1, "us", &right);
    g_assert_true (other.proven);
    g_assert_cmpint (bench_report_end (report, NULL, FALSE), ==, BENCH_FAILED);
    g_assert_cmpstr (status_of (report), ==, "failed");
    g_assert_cmpstr (json_object_get_string_member (report->root, "reason"), ==,
        rows[i].reason);
    bench_samples_clear (&samples);
  }
}

static void
test_ends (void)
{
  static const struct
  {
    gboolean error, skipped, figure;
    BenchStatus status;
    const gchar *text, *reason;
  } rows[] = {
    { FALSE, FALSE, TRUE, BENCH_OK, "ok", "" },
    { FALSE, FALSE, FALSE, BENCH_FAILED, "failed", "nothing was measured" },
    { TRUE, FALSE, TRUE, BENCH_FAILED, "failed", "why" },
    { TRUE, TRUE, FALSE, BENCH_SKIPPED, "skipped", "why" },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (BenchReport) report = bench_report_new ("ends", FALSE);

    if (rows[i].figure)
      bench_report_add (report, "x", 1, "us", NULL);
    g_assert_cmpint (bench_report_end (report,
                         rows[i].error ? g_error_new_literal (G_IO_ERROR,
                             G_IO_ERROR_FAILED, "why")
                                       : NULL,
                         rows[i].skipped),
        ==, rows[i].status);
    g_assert_cmpstr (status_of (report), ==, rows[i].text);
    g_assert_cmpstr (json_object_get_string_member (report->root, "reason"), ==,
        rows[i].reason);
  }
}

/* ---- the JSON ------------------------------------------------------------------------------ */

static void
test_json (void)
{
  g_autofree gchar *folder = g_dir_make_tmp ("ring-bench-XXXXXX", NULL);
  g_autofree gchar *path = g_build_filename (folder, "x.json", NULL);
  g_autofree gchar *nowhere = g_build_filename (folder, "none", "x", NULL);
  g_autoptr (BenchReport) report = bench_report_new ("json", TRUE);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *root, *first;
  BenchSamples samples;
  BenchResult result;
  GError *error = NULL;
  guint i;

  bench_samples_init (&samples);
  for (i = 1; i <= 1000; i++)
    bench_samples_add (&samples, i * 1000);
  result = bench_report_add (report, "round \"trip\"", 500, "us", &right);
  bench_result_percentiles (&result, &samples);
  bench_result_goal (&result, BENCH_AT_MOST, 3, g_strdup ("the wire"));
  json_object_set_int_member (result.object, "relaunches", 7);
  bench_report_end (report, NULL, FALSE);
  g_assert_true (bench_report_write (report, path, &error));
  g_assert_no_error (error);

  g_assert_true (json_parser_load_from_file (parser, path, &error));
  g_assert_no_error (error);
  root = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpstr (json_object_get_string_member (root, "part"), ==, "json");
  g_assert_cmpstr (json_object_get_string_member (root, "status"), ==, "ok");
  g_assert_true (json_object_get_boolean_member (root, "quick"));
  first = json_array_get_object_element (json_object_get_array_member (root,
                                             "results"),
      0);
  g_assert_cmpstr (json_object_get_string_member (first, "name"), ==,
      "round \"trip\"");
  g_assert_cmpint (json_object_get_int_member (first, "samples"), ==, 1000);
  g_assert_cmpint (json_object_get_int_member (first, "verified"), ==, 10);
  g_assert_cmpint (json_object_get_int_member (first, "relaunches"), ==, 7);
  g_assert_cmpfloat (json_object_get_double_member (first, "p50"), ==, 500);
  g_assert_cmpfloat (json_object_get_double_member (first, "p99"), ==, 990);
  g_assert_cmpfloat (json_object_get_double_member (first, "p99.9"), ==, 999);
  g_assert_cmpfloat (json_object_get_double_member (first, "max"), ==, 1000);
  g_assert_false (json_object_get_boolean_member (first, "met"));

  g_assert_false (bench_report_write (report, nowhere, &error));
  g_assert_nonnull (error);
  g_error_free (error);
  bench_samples_clear (&samples);
  g_unlink (path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  bench_clock = fake_clock;
#define CASE(path, function) \
  g_test_add_func ("/benchmarks/measure/" path, function)
  CASE ("percentiles-of-a-permutation", test_percentiles_of_a_permutation);
  CASE ("percentiles-of-outliers", test_percentiles_of_outliers);
  CASE ("no-samples", test_no_samples);
  CASE ("keep-largest", test_keep_largest);
  CASE ("median-and-rate", test_median_and_rate);
  CASE ("a-known-delay", test_a_known_delay);
  CASE ("candidates-take-turns", test_candidates_take_turns);
  CASE ("a-run-that-fails", test_a_run_that_fails);
  CASE ("goals", test_goals);
  CASE ("unproven-figures-are-refused", test_unproven_figures_are_refused);
  CASE ("ends", test_ends);
  CASE ("json", test_json);
  return g_test_run ();
}
