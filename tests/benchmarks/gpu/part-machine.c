/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * part-machine.c: the limits that the other parts are held against.
 */
#include "bench.h"

#include <string.h>

/* ---- nothing, launched and waited for ------------------------------------------- */

typedef struct
{
  Gpu *gpu;
  CUfunction function;
  CUgraphExec graph;
  BenchEmpty parameter;
} Empty;

static gboolean
run_launch (gpointer data, guint64 i, GError **error)
{
  Empty *empty = data;
  Gpu *gpu = empty->gpu;
  gpointer parameters[] = { &empty->parameter };

  return gpu_check (gpu,
             gpu->cuLaunchKernel (empty->function, 1, 1, 1, 1, 1, 1, 0,
                 gpu->stream, parameters, NULL),
             "launching", error)
      && gpu_sync (gpu, gpu->stream, error);
}

static gboolean
run_graph (gpointer data, guint64 i, GError **error)
{
  Empty *empty = data;
  Gpu *gpu = empty->gpu;

  return gpu_check (gpu, gpu->cuGraphLaunch (empty->graph, gpu->stream),
             "launching a graph", error)
      && gpu_sync (gpu, gpu->stream, error);
}

/* It leaves no trace; the driver says that it has ended. */
static gboolean
check_ended (gpointer data, guint64 i)
{
  Empty *empty = data;

  return empty->gpu->cuStreamQuery (empty->gpu->stream) == CUDA_SUCCESS;
}

static void
report_trip (Bench *bench, const gchar *name, BenchCandidate *c)
{
  BenchResult result = bench_report_add (bench->report, name,
      (gdouble) bench_samples_percentile (&c->samples, 50) / 1e3, "us",
      &c->proof);

  bench_result_percentiles (&result, &c->samples);
}

static gboolean
measure_trips (Bench *bench, GError **error)
{
  const guint turn = bench->quick ? BENCH_FLAG_TURN_QUICK : BENCH_FLAG_TURN;
  const guint warm = turn / 20;
  const guint rounds = bench->quick ? 2 : 106; /* 100,700 samples of each */
  BenchCandidate c[3];
  BenchFlagTrip flag;
  Empty empty;
  gboolean ok;
  guint i;

  memset (&empty, 0, sizeof empty);
  empty.gpu = bench->gpu;
  bench_candidate_init (&c[0], "launch and synchronise", &empty);
  c[0].run = run_launch;
  c[0].check = check_ended;
  bench_candidate_init (&c[1], "graph launch and synchronise", &empty);
  c[1].run = run_graph;
  c[1].check = check_ended;
  ok = bench_flag_init (&flag, bench, error);
  bench_flag_candidate (&c[2], &flag);
  ok = ok
      && gpu_function (bench->gpu, BENCH_FUNCTION ("empty"), &empty.function,
          error)
      && (empty.graph = gpu_graph (bench->gpu, empty.function, 1, 1,
              &empty.parameter, error))
      && bench_take_turns (c, G_N_ELEMENTS (c), rounds, warm, turn - warm,
          error);
  if (ok) {
    report_trip (bench, "launch of an empty kernel and synchronise", &c[0]);
    report_trip (bench, "graph launch of an empty kernel and synchronise",
        &c[1]);
    report_trip (bench, "flag round trip over mapped memory", &c[2]);
  }
  if (!ok)
    gpu_abandon (bench->gpu);
  for (i = 0; i < G_N_ELEMENTS (c); i++)
    bench_candidate_clear (&c[i]);
  bench_flag_clear (&flag);
  gpu_graph_destroy (bench->gpu, empty.graph);
  return ok;
}

gboolean
bench_machine (Bench *bench, GError **error)
{
  const gsize size = bench->quick ? 1 << 20 : 256 << 20;
  const guint n = bench->quick ? 2 : 8, rounds = bench->quick ? 3 : 7;
  BenchProof transfer = { 0, 0 }, device = { 0, 0 };
  BenchLimits limits;
  guint i;

  if (!bench_measure_transfer (bench->gpu, size, n, rounds, &limits, &transfer,
          error)
      || !bench_measure_device_copy (bench->gpu, size, n, rounds, &limits,
          &device, error))
    return FALSE;
  {
    const struct
    {
      const gchar *name;
      gdouble rate;
      const BenchProof *proof;
    } rows[] = {
      { "copy, page-locked memory to device", limits.to_device, &transfer },
      { "copy, device to page-locked memory", limits.to_host, &transfer },
      { "copy, both ways at once, each", limits.both, &transfer },
      { "copy within device memory, read and written", limits.device, &device },
    };

    for (i = 0; i < G_N_ELEMENTS (rows); i++) {
      BenchResult result = bench_report_add (bench->report, rows[i].name,
          rows[i].rate / 1e9, "GB/s", rows[i].proof);

      json_object_set_int_member (result.object, "samples", rounds);
      json_object_set_int_member (result.object, "bytes", (gint64) size);
    }
  }
  return measure_trips (bench, error);
}
