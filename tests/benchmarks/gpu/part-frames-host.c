/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * part-frames-host.c: 4K NV12 frames in system memory through `invert`. Each goes
 * over the bus twice, so what the machine's copy engines move both ways at once is
 * the limit; both are measured in turn.
 */
#include "flow.h"

#define SLOTS 8

typedef struct
{
  const gchar *name;
  enum FlowPlace place;
  gboolean with_goal;
} Case;

static gboolean
measure (Bench *bench, const Case *which, const RingFormat *format,
    GError **error)
{
  const guint rounds = bench->quick ? 2 : 7;
  const guint n = bench->quick ? 2 * SLOTS : 400;
  g_autoptr (RingConfig) config =
      bench_config (bench->runtime, RING_EXECUTION_PERSISTENT);
  g_autoptr (RingKernel) kernel = NULL;
  g_autofree gdouble *rates = g_new0 (gdouble, rounds);
  g_autofree gdouble *shares = g_new0 (gdouble, rounds);
  g_autofree gdouble *limits = g_new0 (gdouble, rounds);
  g_autofree gchar *share_name = NULL;
  BenchProof proof = { 0, 0 };
  FlowPayloads payloads;
  BenchResult result;
  gboolean ok;
  guint64 ns;
  guint r;
  Flow flow;

  ok = flow_payloads_init (&payloads, bench, format, SLOTS, which->place, error)
      && (kernel = bench_launch (bench->runtime, "invert", -1, config, format,
              error));
  flow_init (&flow, kernel, &payloads, TRUE, &proof);
  ok = ok && flow_run (&flow, SLOTS, SLOTS, &ns, error);
  for (r = 0; ok && r < rounds; r++) {
    BenchLimits limit;

    /* Of copies so large that what each costs to begin is nothing. */
    ok = bench_measure_transfer (bench->gpu,
             bench->quick ? payloads.size : 64 << 20, bench->quick ? 4 : 10, 1,
             &limit, &proof, error)
        && flow_payloads_spoil (&payloads, error)
        && flow_run (&flow, n, SLOTS, &ns, error)
        && flow_payloads_check (&payloads, flow_invert, &proof, error);
    rates[r] = bench_per_second (n, ns);
    limits[r] = limit.both;
    shares[r] = rates[r] * (gdouble) payloads.size / limit.both;
  }
  ok = ok && bench_end (kernel, RING_EXECUTION_PERSISTENT, error);
  if (ok) {
    g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

    result = bench_report_add (bench->report, which->name,
        bench_median (rates, rounds), "frames/s", &proof);
    json_object_set_int_member (result.object, "samples", rounds);
    json_object_set_int_member (result.object, "frames", (gint64) n * rounds);
    json_object_set_int_member (result.object, "in-flight", SLOTS);
    json_object_set_int_member (result.object, "bytes", (gint64) payloads.size);
    json_object_set_double_member (result.object, "two-way-copy-rate",
        bench_median (limits, rounds) / 1e9);
    json_object_set_int_member (result.object, "relaunches",
        (gint64) m->relaunches);
    share_name =
        g_strdup_printf ("%s, share of the two-way copy rate", which->name);
    result = bench_report_add (bench->report, share_name,
        bench_median (shares, rounds), "", &proof);
    json_object_set_int_member (result.object, "samples", rounds);
    if (which->with_goal)
      bench_result_goal (&result, BENCH_AT_LEAST, 0.9,
          g_strdup_printf ("the copy engines alone move %.1f GB/s each way; a "
                           "frame is %.1f us in the kernel (p50), in which the "
                           "copies of others go on; %" G_GUINT64_FORMAT
                           " relaunches",
              bench_median (limits, rounds) / 1e9,
              (gdouble) m->kernel_p50 / 1e3, m->relaunches));
  }
  if (!ok)
    gpu_abandon (bench->gpu);
  g_clear_object (&kernel);
  flow_payloads_clear (&payloads);
  return ok;
}

gboolean
bench_frames_host (Bench *bench, GError **error)
{
  static const Case cases[] = {
    { "4K NV12 in page-locked memory, invert", FLOW_PINNED, TRUE },
    { "4K NV12 in memory of malloc, invert", FLOW_PLAIN, FALSE },
  };
  g_autoptr (RingFormat) format = ring_format_new_video (RING_VIDEO_FORMAT_NV12,
      bench->quick ? 320 : 3840, bench->quick ? 180 : 2160);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++)
    if (!measure (bench, &cases[i], format, error))
      return FALSE;
  return TRUE;
}
