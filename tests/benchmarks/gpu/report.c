/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * report.c: figures, goals, the table and the JSON.
 */
#include "report.h"

#include <math.h>
#include <string.h>

BenchReport *
bench_report_new (const gchar *part, gboolean quick)
{
  BenchReport *report = g_new0 (BenchReport, 1);

  report->root = json_object_new ();
  report->results = json_array_new ();
  json_object_set_string_member (report->root, "part", part);
  /* Written again at the end; who never comes there has failed. */
  json_object_set_string_member (report->root, "status", "failed");
  json_object_set_string_member (report->root, "reason", "it did not end");
  json_object_set_boolean_member (report->root, "quick", quick);
  json_object_set_array_member (report->root, "results", report->results);
  return report;
}

void
bench_report_free (BenchReport *report)
{
  json_object_unref (report->root);
  g_free (report->unproven);
  g_free (report);
}

static void
refuse (BenchReport *report, const gchar *name, const gchar *why)
{
  if (!report->unproven)
    report->unproven = g_strdup_printf ("%s: %s", name, why);
}

BenchResult
bench_report_add (BenchReport *report, const gchar *name, gdouble value,
    const gchar *unit, const BenchProof *proof)
{
  BenchResult result = { report, json_object_new (), TRUE };
  g_autofree gchar *why = NULL;

  if (proof && proof->checked == 0)
    why = g_strdup ("nothing that came back was looked at");
  else if (proof && proof->wrong > 0)
    why = g_strdup_printf ("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " results were wrong",
        proof->wrong, proof->checked);
  else if (!isfinite (value))
    why = g_strdup ("it is no number");
  json_object_set_string_member (result.object, "name", name);
  if (why) {
    result.proven = FALSE;
    refuse (report, name, why);
    json_object_set_null_member (result.object, "value");
  } else {
    json_object_set_double_member (result.object, "value", value);
  }
  json_object_set_string_member (result.object, "unit", unit);
  json_object_set_null_member (result.object, "goal");
  json_object_set_null_member (result.object, "met");
  if (why)
    json_object_set_string_member (result.object, "limit", why);
  else
    json_object_set_null_member (result.object, "limit");
  json_object_set_int_member (result.object, "samples", 1);
  if (proof)
    json_object_set_int_member (result.object, "verified",
        (gint64) (proof->checked - proof->wrong));
  json_array_add_object_element (report->results, result.object);
  return result;
}

void
bench_result_percentiles (BenchResult *result, BenchSamples *samples)
{
  static const struct
  {
    const gchar *name;
    gdouble percent;
  } wanted[] = { { "p50", 50 }, { "p99", 99 }, { "p99.9", 99.9 },
    { "max", 100 } };
  const guint n = bench_samples_count (samples);
  guint i;

  json_object_set_int_member (result->object, "samples", n);
  if (!result->proven || n == 0)
    return;
  for (i = 0; i < G_N_ELEMENTS (wanted); i++)
    json_object_set_double_member (result->object, wanted[i].name,
        (gdouble) bench_samples_percentile (samples, wanted[i].percent) / 1e3);
}

gboolean
bench_result_goal (BenchResult *result, BenchRelation relation, gdouble bound,
    gchar *limit)
{
  static const gchar *const words[] = { "at most", "at least", "less than" };
  const gchar *unit = json_object_get_string_member (result->object, "unit");
  g_autofree gchar *reason = limit;
  g_autofree gchar *goal = g_strdup_printf ("%s %g%s%s", words[relation], bound,
      *unit ? " " : "", unit);
  gdouble value;
  gboolean met;

  json_object_set_string_member (result->object, "goal", goal);
  /* A figure that was refused neither meets a goal nor misses it. */
  if (!result->proven)
    return FALSE;
  value = json_object_get_double_member (result->object, "value");
  met = relation == BENCH_AT_MOST  ? value <= bound
      : relation == BENCH_AT_LEAST ? value >= bound
                                   : value < bound;
  json_object_set_boolean_member (result->object, "met", met);
  if (!met && reason)
    json_object_set_string_member (result->object, "limit", reason);
  return met;
}

BenchStatus
bench_report_end (BenchReport *report, GError *error, gboolean skipped)
{
  BenchStatus status = BENCH_OK;
  const gchar *reason = NULL;

  if (error) {
    status = skipped ? BENCH_SKIPPED : BENCH_FAILED;
    reason = error->message;
  } else if (report->unproven) {
    status = BENCH_FAILED;
    reason = report->unproven;
  } else if (json_array_get_length (report->results) == 0) {
    status = BENCH_FAILED;
    reason = "nothing was measured";
  }
  json_object_set_string_member (report->root, "status",
      status == BENCH_OK            ? "ok"
          : status == BENCH_SKIPPED ? "skipped"
                                    : "failed");
  json_object_set_string_member (report->root, "reason", reason ? reason : "");
  g_clear_error (&error);
  return status;
}

/* ---- the table ---------------------------------------------------------------- */

static const gchar *
text_of (JsonObject *object, const gchar *name)
{
  return json_object_get_null_member (object, name)
      ? NULL
      : json_object_get_string_member (object, name);
}

static void
print_result (JsonObject *o)
{
  const gchar *goal = text_of (o, "goal"), *limit = text_of (o, "limit");

  if (json_object_get_null_member (o, "value"))
    g_print ("  %-68s %11s", text_of (o, "name"), "refused");
  else
    g_print ("  %-68s %11.5g %-8s", text_of (o, "name"),
        json_object_get_double_member (o, "value"), text_of (o, "unit"));
  if (json_object_has_member (o, "p50"))
    g_print (" p99 %.5g, p99.9 %.5g, max %.5g",
        json_object_get_double_member (o, "p99"),
        json_object_get_double_member (o, "p99.9"),
        json_object_get_double_member (o, "max"));
  if (goal && !json_object_get_null_member (o, "met"))
    g_print (" goal: %s: %s", goal,
        json_object_get_boolean_member (o, "met") ? "met" : "MISSED");
  g_print ("\n");
  if (limit)
    g_print ("    %s\n", limit);
}

void
bench_report_print (const BenchReport *report)
{
  const gchar *reason = json_object_get_string_member (report->root, "reason");
  guint i;

  for (i = 0; i < json_array_get_length (report->results); i++)
    print_result (json_array_get_object_element (report->results, i));
  g_print ("%s: %s%s%s\n", json_object_get_string_member (report->root, "part"),
      json_object_get_string_member (report->root, "status"),
      *reason ? ": " : "", reason);
}

gboolean
bench_report_write (const BenchReport *report, const gchar *path,
    GError **error)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autoptr (JsonGenerator) generator = json_generator_new ();

  json_node_set_object (node, report->root);
  json_generator_set_root (generator, node);
  json_generator_set_pretty (generator, TRUE);
  return json_generator_to_file (generator, path, error);
}
