/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * part-crossover.c: from which size of the payload on a launch per batch does as
 * well as a resident kernel, and from which a GPU does better than the processors:
 * latency with one message in flight, throughput with many, for each size.
 *
 * Payloads are bytes in page-locked memory, as GRAY8 frames for `invert`; each way
 * has the very same ones, and all take turns.
 */
#include "flow.h"

#include <string.h>

enum
{
  PERSISTENT,
  EVENT_DRIVEN,
  CPU,
  N_WAYS
};

static const gchar *const way_names[N_WAYS] = { "persistent", "event-driven",
  "cpu" };

typedef struct
{
  BenchSamples latencies;
  gdouble per_second;
} Figures;

static const gsize sizes[] = { 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10,
  256 << 10, 1 << 20, 4 << 20, 16 << 20 };

static RingFormat *
format_of (gsize size)
{
  const guint width = (guint) MIN (size, 4096);

  return ring_format_new_video (RING_VIDEO_FORMAT_GRAY8, width,
      (guint) (size / width));
}

/* About so many bytes go through in a round, but not too few messages. */
static guint
messages_for (const Bench *bench, gsize size, gboolean alone)
{
  if (bench->quick)
    return 16;
  return (guint) CLAMP (((gsize) (alone ? 32 : 256) << 20) / size,
      alone ? 50 : 100, alone ? 5000 : 50000);
}

static gboolean
measure_way (Flow *flow, Figures *figures, guint n_alone, guint n,
    gdouble *rate, GError **error)
{
  FlowPayloads *payloads = flow->payloads;
  guint64 ns = 0;

  flow->latencies = NULL;
  if (!flow_payloads_spoil (payloads, error)
      || !flow_run (flow, payloads->n_slots, 1, &ns, error))
    return FALSE;
  flow->latencies = &figures->latencies;
  if (!flow_run (flow, n_alone, 1, &ns, error))
    return FALSE;
  flow->latencies = NULL;
  if (!flow_run (flow, n, payloads->n_slots, &ns, error))
    return FALSE;
  *rate = bench_per_second (n, ns);
  return flow_payloads_check (payloads, flow_invert, flow->proof, error);
}

static void
report_size (Bench *bench, JsonArray *table, gsize size, Figures *figures,
    const BenchProof *proof)
{
  JsonObject *row = json_object_new ();
  guint w;

  json_object_set_int_member (row, "bytes", (gint64) size);
  for (w = 0; w < N_WAYS; w++) {
    g_autofree gchar *name =
        g_strdup_printf ("%" G_GSIZE_FORMAT " bytes, %s, latency p50", size,
            way_names[w]);
    g_autofree gchar *latency = g_strdup_printf ("%s-latency", way_names[w]);
    g_autofree gchar *rate = g_strdup_printf ("%s-per-second", way_names[w]);
    const gdouble p50 =
        (gdouble) bench_samples_percentile (&figures[w].latencies, 50) / 1e3;
    BenchResult result =
        bench_report_add (bench->report, name, p50, "us", proof);

    bench_result_percentiles (&result, &figures[w].latencies);
    json_object_set_double_member (result.object, "per-second",
        figures[w].per_second);
    json_object_set_double_member (row, latency, p50);
    json_object_set_double_member (row, rate, figures[w].per_second);
  }
  json_array_add_object_element (table, row);
}

/* The smallest size from which on, to the largest, @a is no worse than @b; 0: none
 * is. */
static gsize
crossing (JsonArray *table, const gchar *a, const gchar *b, const gchar *what,
    gboolean less)
{
  g_autofree gchar *of_a = g_strconcat (a, "-", what, NULL);
  g_autofree gchar *of_b = g_strconcat (b, "-", what, NULL);
  guint i = json_array_get_length (table);
  gsize from = 0;

  while (i-- > 0) {
    JsonObject *row = json_array_get_object_element (table, i);
    const gdouble x = json_object_get_double_member (row, of_a);
    const gdouble y = json_object_get_double_member (row, of_b);

    if (less ? x > y : x < y)
      break;
    from = (gsize) json_object_get_int_member (row, "bytes");
  }
  return from;
}

static void
report_crossings (Bench *bench, JsonArray *table)
{
  static const struct
  {
    const gchar *name, *a, *b;
  } rows[] = {
    { "event-driven-beats-persistent", "event-driven", "persistent" },
    { "persistent-beats-cpu", "persistent", "cpu" },
  };
  JsonObject *crossings = json_object_new ();
  guint i, k;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    for (k = 0; k < 2; k++) {
      const gchar *what = k == 0 ? "latency" : "per-second";
      g_autofree gchar *name = g_strconcat (rows[i].name, "-by-", what, NULL);
      const gsize from = crossing (table, rows[i].a, rows[i].b, what, k == 0);

      if (from > 0) {
        json_object_set_int_member (crossings, name, (gint64) from);
        g_print ("  %s: from %" G_GSIZE_FORMAT " bytes on\n", name, from);
      } else {
        json_object_set_null_member (crossings, name);
        g_print ("  %s: at no size up to the largest\n", name);
      }
    }
  }
  json_object_set_object_member (bench->report->root, "crossings", crossings);
}

static gboolean
measure_size (Bench *bench, RingKernel **kernels, gsize size, JsonArray *table,
    GError **error)
{
  const guint rounds = bench->quick ? 2 : 5;
  const guint n_slots =
      (guint) CLAMP (((gsize) 16 << 20) / size, 4, FLOW_MAX_SLOTS);
  g_autoptr (RingFormat) format = format_of (size);
  gdouble rates[N_WAYS][5];
  Figures figures[N_WAYS];
  FlowPayloads payloads;
  BenchProof proof = { 0, 0 };
  Flow flows[N_WAYS];
  gboolean ok;
  guint w, r;

  ok = flow_payloads_init (&payloads, bench, format, n_slots, FLOW_PINNED,
      error);
  for (w = 0; w < N_WAYS; w++) {
    bench_samples_init (&figures[w].latencies);
    flow_init (&flows[w], kernels[w], &payloads, TRUE, &proof);
    ok = ok && ring_kernel_set_format (kernels[w], format, error);
  }
  for (r = 0; ok && r < rounds; r++) {
    for (w = 0; ok && w < N_WAYS; w++) {
      const guint turn = (w + r) % N_WAYS;

      ok = measure_way (&flows[turn], &figures[turn],
          messages_for (bench, size, TRUE), messages_for (bench, size, FALSE),
          &rates[turn][r], error);
      if (!ok)
        g_prefix_error (error, "%" G_GSIZE_FORMAT " bytes, %s: ", size,
            way_names[turn]);
    }
  }
  for (w = 0; ok && w < N_WAYS; w++)
    figures[w].per_second = bench_median (rates[w], rounds);
  if (ok)
    report_size (bench, table, size, figures, &proof);
  else
    gpu_abandon (bench->gpu);
  for (w = 0; w < N_WAYS; w++)
    bench_samples_clear (&figures[w].latencies);
  flow_payloads_clear (&payloads);
  return ok;
}

gboolean
bench_crossover (Bench *bench, GError **error)
{
  static const RingExecutionMode modes[N_WAYS] = { RING_EXECUTION_PERSISTENT,
    RING_EXECUTION_EVENT_DRIVEN, RING_EXECUTION_AUTO };
  g_autoptr (RingConfig) on_cpu = ring_config_new ();
  g_autoptr (RingRuntime) cpu = NULL;
  g_autoptr (RingFormat) first = format_of (sizes[0]);
  RingKernel *kernels[N_WAYS] = { NULL, NULL, NULL };
  JsonArray *table = json_array_new ();
  gboolean ok;
  guint w, i;

  json_object_set_array_member (bench->report->root, "crossover", table);
  on_cpu->backend = RING_BACKEND_CPU;
  cpu = ring_runtime_new (on_cpu, error);
  ok = cpu != NULL;
  for (w = 0; ok && w < N_WAYS; w++) {
    RingRuntime *runtime = w == CPU ? cpu : bench->runtime;
    g_autoptr (RingConfig) config = bench_config (runtime, modes[w]);

    kernels[w] = bench_launch (runtime, "invert", -1, config, first, error);
    ok = kernels[w] != NULL;
  }
  for (i = 0; ok && i < G_N_ELEMENTS (sizes); i++) {
    /* Each fourth only, and not the large ones. */
    if (bench->quick && (i % 4 != 0 || sizes[i] > 1 << 20))
      continue;
    ok = measure_size (bench, kernels, sizes[i], table, error);
  }
  for (w = 0; ok && w < N_WAYS; w++)
    ok = bench_end (kernels[w], modes[w], error);
  if (ok)
    report_crossings (bench, table);
  for (w = 0; w < N_WAYS; w++)
    g_clear_object (&kernels[w]);
  return ok;
}
