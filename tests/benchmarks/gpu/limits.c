/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * limits.c: what the machine itself can do, measured with plain calls of the driver.
 */
#include "bench.h"

#include <string.h>

/* ---- copies ----------------------------------------------------------------------- */

typedef struct
{
  Gpu *gpu;
  gsize size;
  guint n;
  guint8 *from, *to;           /* page-locked */
  CUdeviceptr filled, drained; /* on the device: what comes and what goes */
} Copies;

static void
copies_clear (Copies *c)
{
  gpu_free_pinned (c->gpu, c->from);
  gpu_free_pinned (c->gpu, c->to);
  gpu_free (c->gpu, c->filled);
  gpu_free (c->gpu, c->drained);
}

static gboolean
copies_init (Copies *c, Gpu *gpu, gsize size, guint n, GError **error)
{
  memset (c, 0, sizeof *c);
  c->gpu = gpu;
  c->size = size;
  c->n = n;
  c->from = gpu_alloc_pinned (gpu, size, NULL, error);
  c->to = c->from ? gpu_alloc_pinned (gpu, size, NULL, error) : NULL;
  c->filled = c->to ? gpu_alloc (gpu, size, error) : 0;
  c->drained = c->filled ? gpu_alloc (gpu, size, error) : 0;
  if (!c->drained)
    return FALSE;
  bench_fill (c->from, size, 1);
  return TRUE;
}

/* Copies of one round, alternately each way, and how long they took. */
static gboolean
copy_round (Copies *c, gboolean in, gboolean out, guint64 *ns, GError **error)
{
  Gpu *gpu = c->gpu;
  const guint64 begin = bench_clock ();
  CUresult result = CUDA_SUCCESS;
  guint i;

  for (i = 0; i < c->n && result == CUDA_SUCCESS; i++) {
    if (in)
      result =
          gpu->cuMemcpyHtoDAsync_v2 (c->filled, c->from, c->size, gpu->stream);
    if (out && result == CUDA_SUCCESS)
      result =
          gpu->cuMemcpyDtoHAsync_v2 (c->to, c->drained, c->size, gpu->another);
  }
  if (!gpu_check (gpu, result, "copying", error)
      || (in && !gpu_sync (gpu, gpu->stream, error))
      || (out && !gpu_sync (gpu, gpu->another, error)))
    return FALSE;
  *ns = bench_clock () - begin;
  return TRUE;
}

/* What is on the device comes back, and is what was there first. */
static gboolean
check_arrived (Copies *c, CUdeviceptr memory, BenchProof *proof, GError **error)
{
  Gpu *gpu = c->gpu;

  memset (c->to, 0, c->size);
  if (!gpu_check (gpu,
          gpu->cuMemcpyDtoHAsync_v2 (c->to, memory, c->size, gpu->stream),
          "copying", error)
      || !gpu_sync (gpu, gpu->stream, error))
    return FALSE;
  bench_proof_add (proof, memcmp (c->to, c->from, c->size) == 0);
  return TRUE;
}

gboolean
bench_measure_transfer (Gpu *gpu, gsize size, guint n, guint rounds,
    BenchLimits *limits, BenchProof *proof, GError **error)
{
  g_autofree gdouble *rates = g_new0 (gdouble, 3 * rounds);
  static const struct
  {
    gboolean in, out;
  } ways[] = { { TRUE, FALSE }, { FALSE, TRUE }, { TRUE, TRUE } };
  gboolean ok;
  Copies c;
  guint r, w;

  ok = copies_init (&c, gpu, size, n, error)
      && gpu_check (gpu,
          gpu->cuMemcpyHtoDAsync_v2 (c.drained, c.from, size, gpu->stream),
          "copying", error)
      && gpu_sync (gpu, gpu->stream, error);
  for (r = 0; ok && r < rounds; r++) {
    for (w = 0; ok && w < G_N_ELEMENTS (ways); w++) {
      const gboolean out = ways[w].out;
      guint64 ns = 0;

      memset (c.to, 0, size);
      ok = copy_round (&c, ways[w].in, out, &ns, error);
      rates[w * rounds + r] = bench_per_second ((gdouble) size * n, ns);
      if (ok && out)
        bench_proof_add (proof, memcmp (c.to, c.from, size) == 0);
    }
  }
  ok = ok && check_arrived (&c, c.filled, proof, error);
  limits->to_device = bench_median (rates, rounds);
  limits->to_host = bench_median (rates + rounds, rounds);
  limits->both = bench_median (rates + 2 * rounds, rounds);
  if (!ok)
    gpu_abandon (gpu);
  copies_clear (&c);
  return ok;
}

gboolean
bench_measure_device_copy (Gpu *gpu, gsize size, guint n, guint rounds,
    BenchLimits *limits, BenchProof *proof, GError **error)
{
  g_autofree gdouble *rates = g_new0 (gdouble, rounds);
  gboolean ok;
  Copies c;
  guint r, i;

  ok = copies_init (&c, gpu, size, n, error)
      && gpu_check (gpu,
          gpu->cuMemcpyHtoDAsync_v2 (c.filled, c.from, size, gpu->stream),
          "copying", error)
      && gpu_sync (gpu, gpu->stream, error);
  for (r = 0; ok && r < rounds; r++) {
    CUresult result = CUDA_SUCCESS;
    guint64 begin;

    begin = bench_clock ();
    for (i = 0; i < n && result == CUDA_SUCCESS; i++)
      result =
          gpu->cuMemcpyDtoDAsync_v2 (c.drained, c.filled, size, gpu->stream);
    ok = gpu_check (gpu, result, "copying", error)
        && gpu_sync (gpu, gpu->stream, error);
    rates[r] =
        bench_per_second (2.0 * (gdouble) size * n, bench_clock () - begin);
  }
  ok = ok && check_arrived (&c, c.drained, proof, error);
  limits->device = bench_median (rates, rounds);
  if (!ok)
    gpu_abandon (gpu);
  copies_clear (&c);
  return ok;
}

/* ---- the smallest kernel that answers ------------------------------------------------ */

gboolean
bench_flag_init (BenchFlagTrip *flag, Bench *bench, GError **error)
{
  CUdeviceptr device = 0;

  memset (flag, 0, sizeof *flag);
  flag->gpu = bench->gpu;
  flag->turn = bench->quick ? BENCH_FLAG_TURN_QUICK : BENCH_FLAG_TURN;
  if (!gpu_function (flag->gpu, BENCH_FUNCTION ("flag"), &flag->function,
          error))
    return FALSE;
  /* Each has a cache line of its own. */
  flag->ping =
      gpu_alloc_pinned (flag->gpu, 2 * RING_CACHE_LINE, &device, error);
  if (!flag->ping)
    return FALSE;
  flag->pong = flag->ping + RING_CACHE_LINE / sizeof (guint64);
  flag->parameter.ping = (guint64 *) (guintptr) device;
  flag->parameter.pong = (guint64 *) (guintptr) (device + RING_CACHE_LINE);
  flag->parameter.count = flag->turn;
  flag->parameter.patience = 2 * G_GUINT64_CONSTANT (1000000000);
  return TRUE;
}

void
bench_flag_clear (BenchFlagTrip *flag)
{
  /* Without a ping the kernel leaves by itself. */
  if (flag->ping && !flag->gpu->abandoned)
    flag->gpu->cuStreamSynchronize (flag->gpu->stream);
  if (flag->ping)
    gpu_free_pinned (flag->gpu, flag->ping);
  flag->ping = NULL;
}

/* One launch lasts for a turn; what it costs to start falls on a run that warms
 * up. */
static void
flag_prepare (gpointer data, guint64 i)
{
  BenchFlagTrip *flag = data;
  gpointer parameters[] = { &flag->parameter };

  if (i % flag->turn)
    return;
  flag->parameter.first = i + 1;
  flag->launched = flag->gpu->cuLaunchKernel (flag->function, 1, 1, 1, 1, 1, 1,
      0, flag->gpu->stream, parameters, NULL);
}

static gboolean
flag_run (gpointer data, guint64 i, GError **error)
{
  BenchFlagTrip *flag = data;
  const guint64 wanted = ~(i + 1);
  guint looks = 0;
  gint64 until;

  if (!gpu_check (flag->gpu, flag->launched, "launching", error))
    return FALSE;
  ring_store_release_u64 (flag->ping, i + 1);
  until = 0;
  while ((flag->answer = ring_load_acquire_u64 (flag->pong)) != wanted) {
    if (++looks % 4096)
      continue;
    if (until == 0)
      until = g_get_monotonic_time () + BENCH_WAIT;
    if (g_get_monotonic_time () > until) {
      g_set_error (error, RING_ERROR, RING_ERROR_TIMED_OUT,
          "the kernel has not answered within %d s",
          (gint) (BENCH_WAIT / G_USEC_PER_SEC));
      return FALSE;
    }
    g_thread_yield ();
  }
  return TRUE;
}

static gboolean
flag_check (gpointer data, guint64 i)
{
  BenchFlagTrip *flag = data;

  return flag->answer == ~(i + 1);
}

void
bench_flag_candidate (BenchCandidate *candidate, BenchFlagTrip *flag)
{
  bench_candidate_init (candidate, "flag round trip", flag);
  candidate->prepare = flag_prepare;
  candidate->run = flag_run;
  candidate->check = flag_check;
}
