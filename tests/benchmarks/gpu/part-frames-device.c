/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * part-frames-device.c: 4K RGBA frames in device memory through a resident kernel,
 * with a full-size grid and the default one, beside a hand-written loop that
 * launches the same body once per frame; and the share of what the device copies.
 *
 * There are more frames than the device's cache holds. In each round all results are
 * cleared first, and looked at afterwards, every byte of the last in each place.
 */
#include "flow.h"

#include <math.h>
#include <string.h>

#define SLOTS 4

enum
{
  FULL,
  DEFAULT,
  HAND,
  N_WAYS
};

typedef struct
{
  Bench *bench;
  const gchar *id;
  FlowReference reference;
  FlowPayloads payloads;
  CUfunction function;
  GpuOnce once[SLOTS];
  guint grid, lanes; /* of the launches by hand */
  BenchProof proof;
} Frames;

/* ---- by hand ------------------------------------------------------------------------ */

/* @n frames, one launch each; waits after each, or after the last only. */
static gboolean
hand_run (Frames *frames, guint n, BenchSamples *latencies, guint64 *ns,
    GError **error)
{
  Gpu *gpu = frames->bench->gpu;
  const guint64 begin = bench_clock ();
  guint i;

  for (i = 0; i < n; i++) {
    gpointer parameters[] = { &frames->once[i % SLOTS].invocation };
    const guint64 before = latencies ? bench_clock () : 0;

    if (!gpu_check (gpu,
            gpu->cuLaunchKernel (frames->function, frames->grid, 1, 1,
                frames->lanes, 1, 1, 0, gpu->stream, parameters, NULL),
            "launching", error))
      return FALSE;
    if (latencies) {
      if (!gpu_sync (gpu, gpu->stream, error))
        return FALSE;
      bench_samples_add (latencies, bench_clock () - before);
    }
  }
  if (!gpu_sync (gpu, gpu->stream, error))
    return FALSE;
  *ns = bench_clock () - begin;
  return TRUE;
}

/* Whoever writes such a loop by hand tries a few sizes; so do we. */
static gboolean
tune_hand (Frames *frames, guint n, GError **error)
{
  Gpu *gpu = frames->bench->gpu;
  const gint most =
      gpu_attribute (gpu, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  guint best_grid = 0, best_lanes = 0, lanes;
  guint64 best = G_MAXUINT64, ns;

  for (lanes = (guint) MIN (most, 128); lanes <= (guint) MIN (most, 512);
       lanes *= 2) {
    const guint grids[] = { gpu_co_resident (gpu, frames->function, lanes),
      frames->payloads.format->height };
    guint g;

    for (g = 0; g < G_N_ELEMENTS (grids); g++) {
      if (grids[g] == 0)
        continue;
      frames->grid = grids[g];
      frames->lanes = lanes;
      if (!hand_run (frames, SLOTS, NULL, &ns, error)
          || !hand_run (frames, n, NULL, &ns, error))
        return FALSE;
      if (ns < best) {
        best = ns;
        best_grid = grids[g];
        best_lanes = lanes;
      }
    }
  }
  frames->grid = best_grid;
  frames->lanes = best_lanes;
  if (best_grid == 0)
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "not one block of '%s' fits on the device", frames->id);
  return best_grid > 0;
}

/* ---- rounds ---------------------------------------------------------------------------- */

typedef struct
{
  gdouble *rates;
  BenchSamples latencies;
} Way;

static gboolean
check_round (Frames *frames, GError **error)
{
  return flow_payloads_check (&frames->payloads, frames->reference,
             &frames->proof, error)
      && flow_payloads_spoil (&frames->payloads, error);
}

/* Throughput with all places in flight, then latency with one. */
static gboolean
run_way (Frames *frames, Way *way, Flow *flow, guint round, guint n,
    guint n_alone, GError **error)
{
  guint64 ns = 0;

  if (flow) {
    flow->latencies = NULL;
    if (!flow_run (flow, SLOTS, SLOTS, &ns, error)
        || !flow_run (flow, n, SLOTS, &ns, error))
      return FALSE;
  } else if (!hand_run (frames, SLOTS, NULL, &ns, error)
      || !hand_run (frames, n, NULL, &ns, error)) {
    return FALSE;
  }
  way->rates[round] = bench_per_second (n, ns);
  if (!check_round (frames, error))
    return FALSE;
  if (flow)
    flow->latencies = &way->latencies;
  return (flow ? flow_run (flow, n_alone, 1, &ns, error)
               : hand_run (frames, n_alone, &way->latencies, &ns, error))
      && check_round (frames, error);
}

/* ---- what came of it ---------------------------------------------------------------------- */

static gdouble
p50_us (Way *way)
{
  return (gdouble) bench_samples_percentile (&way->latencies, 50) / 1e3;
}

static BenchResult
add (Frames *frames, const gchar *what, gdouble value, const gchar *unit,
    guint samples)
{
  g_autofree gchar *name =
      g_strdup_printf ("4K RGBA on the device, %s, %s", frames->id, what);
  BenchResult result = bench_report_add (frames->bench->report, name, value,
      unit, &frames->proof);

  json_object_set_int_member (result.object, "samples", samples);
  return result;
}

static void
report (Frames *frames, Way *ways, guint rounds, gdouble device_copy,
    const guint *threads, gdouble share_goal)
{
  static const gchar *const names[N_WAYS] = { "full grid", "default grid",
    "one launch per frame" };
  gdouble rate[N_WAYS];
  BenchResult result;
  guint w;

  for (w = 0; w < N_WAYS; w++) {
    g_autofree gchar *share =
        g_strdup_printf ("%s, share of the copy rate", names[w]);
    g_autofree gchar *latency = g_strdup_printf ("%s, latency p50", names[w]);

    rate[w] = bench_median (ways[w].rates, rounds);
    result = add (frames, names[w], rate[w], "frames/s", rounds);
    json_object_set_int_member (result.object, "threads", threads[w]);
    if (w == FULL)
      bench_result_goal (&result, BENCH_AT_LEAST,
          bench_median (ways[HAND].rates, rounds),
          g_strdup_printf (
              "the loop by hand, with %u blocks of %u threads, has "
              "no ring to read",
              frames->grid, frames->lanes));
    result = add (frames, share,
        2 * rate[w] * (gdouble) frames->payloads.size / device_copy, "",
        rounds);
    json_object_set_double_member (result.object, "device-copy-rate",
        device_copy / 1e9);
    if (w == FULL)
      bench_result_goal (&result, BENCH_AT_LEAST, share_goal,
          g_strdup_printf (
              "one launch per frame of the same body reaches %.3f of it",
              2 * bench_median (ways[HAND].rates, rounds)
                  * (gdouble) frames->payloads.size / device_copy));
    result = add (frames, latency, p50_us (&ways[w]), "us",
        bench_samples_count (&ways[w].latencies));
    bench_result_percentiles (&result, &ways[w].latencies);
    if (w == FULL)
      bench_result_goal (&result, BENCH_LESS_THAN, p50_us (&ways[HAND]),
          g_strdup_printf (
              "a frame alone takes %.1f us at the device's copy rate",
              2 * (gdouble) frames->payloads.size / device_copy * 1e6));
  }
}

static gboolean
measure (Bench *bench, const RingFormat *format, const gchar *id,
    const gchar *function, FlowReference reference, gdouble share_goal,
    GError **error)
{
  const guint rounds = bench->quick ? 2 : 7;
  const guint n = bench->quick ? 2 * SLOTS : 1000;
  const guint n_alone = bench->quick ? SLOTS : 1000;
  g_autoptr (RingConfig) config =
      bench_config (bench->runtime, RING_EXECUTION_PERSISTENT);
  RingKernel *kernels[HAND] = { NULL, NULL };
  Frames frames = { bench, id, reference };
  guint threads[N_WAYS] = { 0, 0, 0 };
  BenchLimits limits;
  Way ways[N_WAYS];
  Flow flows[HAND];
  gboolean ok;
  guint i, r;

  for (i = 0; i < N_WAYS; i++) {
    ways[i].rates = g_new0 (gdouble, rounds);
    bench_samples_init (&ways[i].latencies);
  }
  ok =
      bench_measure_device_copy (bench->gpu, bench->quick ? 1 << 20 : 256 << 20,
          bench->quick ? 2 : 20, rounds, &limits, &frames.proof, error)
      && flow_payloads_init (&frames.payloads, bench, format, SLOTS,
          FLOW_DEVICE, error)
      && gpu_function (bench->gpu, function, &frames.function, error);
  for (i = 0; ok && i < SLOTS; i++)
    ok = gpu_once_init (&frames.once[i], bench->gpu, format,
        (CUdeviceptr) (guintptr) frames.payloads.slot[i].from.plane[0].data,
        (CUdeviceptr) (guintptr) frames.payloads.slot[i].to.plane[0].data,
        error);
  ok = ok && tune_hand (&frames, n / 4 + 1, error)
      && check_round (&frames, error)
      && (kernels[FULL] = bench_launch_full (bench, id, config, format, error))
      && (kernels[DEFAULT] =
              bench_launch (bench->runtime, id, -1, config, format, error));
  for (i = 0; i < HAND; i++)
    flow_init (&flows[i], kernels[i], &frames.payloads, FALSE, &frames.proof);
  for (r = 0; ok && r < rounds; r++) {
    for (i = 0; ok && i < N_WAYS; i++) {
      const guint w = (i + r) % N_WAYS;

      ok = run_way (&frames, &ways[w], w < HAND ? &flows[w] : NULL, r, n,
          n_alone, error);
    }
  }
  for (i = 0; i < HAND; i++) {
    ok = ok && bench_end (kernels[i], RING_EXECUTION_PERSISTENT, error);
    if (ok) {
      g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernels[i]);

      threads[i] = m->workers;
    }
  }
  threads[HAND] = frames.grid * frames.lanes;
  if (ok)
    report (&frames, ways, rounds, limits.device, threads, share_goal);
  else
    gpu_abandon (bench->gpu);
  for (i = 0; i < HAND; i++)
    g_clear_object (&kernels[i]);
  for (i = 0; i < SLOTS; i++)
    gpu_once_clear (&frames.once[i], bench->gpu);
  if (frames.payloads.n_slots > 0)
    flow_payloads_clear (&frames.payloads);
  for (i = 0; i < N_WAYS; i++) {
    g_free (ways[i].rates);
    bench_samples_clear (&ways[i].latencies);
  }
  return ok;
}

gboolean
bench_frames_device (Bench *bench, GError **error)
{
  g_autoptr (RingFormat) format = ring_format_new_video (RING_VIDEO_FORMAT_RGBA,
      bench->quick ? 320 : 3840, bench->quick ? 180 : 2160);

  return measure (bench, format, "invert", BENCH_FUNCTION ("invert"),
             flow_invert, 0.85, error)
      && measure (bench, format, "edges", BENCH_FUNCTION ("edges"), flow_edges,
          0.7, error);
}
