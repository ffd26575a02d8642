/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * part-idle.c: what a kernel costs that has nothing to do, and how soon it is back:
 * the first result after idleness and after a pause, multiprocessors held, power.
 */
#include "probe.h"

#include <string.h>

/* us; far longer than the idle time-out. */
#define IDLE_FOR 5000
#define LONGEST_IDLE 500000
/* us that a probe may take on a device on which a kernel stays … */
#define LOOK_FOR 50000
/* … and on one that is free: more than anything, because what keeps it from running
 * on a free one is a host that is busy. */
#define FREE_WITHIN (2 * G_USEC_PER_SEC)
/* us; a kernel that polls stays for long, but where a display has a watchdog, not for
 * so long that that ends it. */
#define LONG_LEASE 900000

/* ---- the first result ------------------------------------------------------------- */

typedef struct
{
  BenchCall call; /* first: what a call's candidate has */
  gboolean pauses;
  gulong idle_for;     /* us */
  guint64 residencies; /* before */
  BenchSamples away;   /* of the samples, those where it had left before */
  GError *error;
} First;

static guint64
residencies (RingKernel *kernel)
{
  g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

  return m->residencies;
}

static void
first_prepare (gpointer data, guint64 i)
{
  First *first = data;

  if (first->pauses)
    ring_kernel_deactivate (first->call.kernel, &first->error);
  /* To be idle for so long is what is measured. */
  g_usleep (first->idle_for);
  first->residencies = residencies (first->call.kernel);
}

static gboolean
first_run (gpointer data, guint64 i, GError **error)
{
  First *first = data;

  if (first->error) {
    g_propagate_error (error, g_steal_pointer (&first->error));
    return FALSE;
  }
  if (first->pauses && !ring_kernel_activate (first->call.kernel, error))
    return FALSE;
  first->call.reply = ring_kernel_call (first->call.kernel,
      first->call.messages->message[i % BENCH_N_MESSAGES], BENCH_WAIT, NULL,
      error);
  return first->call.reply != NULL;
}

static gboolean
first_check (gpointer data, guint64 i)
{
  First *first = data;
  const gboolean right =
      bench_messages_answered (first->call.messages, i, first->call.reply);

  g_clear_pointer (&first->call.reply, ring_message_unref);
  return right;
}

/* Samples of those runs alone before which the kernel had left the device: it was
 * launched again for them. On a busy host it may take its time to be seen gone. */
static gboolean
measure_first (Bench *bench, const BenchMessages *messages, gboolean pauses,
    GError **error)
{
  const guint n = bench->quick ? 5 : 500;
  g_autoptr (RingConfig) config =
      bench_config (bench->runtime, RING_EXECUTION_PERSISTENT);
  g_autoptr (RingKernel) kernel = NULL;
  BenchCandidate c;
  BenchResult result;
  First first;
  gboolean ok;
  guint i;

  memset (&first, 0, sizeof first);
  kernel = bench_launch (bench->runtime, "invert", -1, config, messages->format,
      error);
  if (!kernel)
    return FALSE;
  first.call = (BenchCall){ kernel, messages, NULL };
  first.pauses = pauses;
  first.idle_for = IDLE_FOR;
  bench_samples_init (&first.away);
  bench_candidate_init (&c, pauses ? "first after a pause" : "first after idle",
      &first);
  c.prepare = first_prepare;
  c.run = first_run;
  c.check = first_check;
  ok = bench_take_turns (&c, 1, 1, 1, 0, error);
  for (i = 0; ok && i < 2 * n && bench_samples_count (&first.away) < n; i++) {
    ok = bench_take_turns (&c, 1, 1, 0, 1, error);
    if (ok && residencies (kernel) > first.residencies)
      bench_samples_add (&first.away, g_array_index (c.samples.ns, guint64, i));
    else
      first.idle_for = MIN (2 * first.idle_for, LONGEST_IDLE);
  }
  ok = ok && bench_end (kernel, RING_EXECUTION_PERSISTENT, error);
  if (ok && bench_samples_count (&first.away) == 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "%s: before none of %u messages had the kernel left the device, though "
        "it was idle for %lu us",
        c.name, i, first.idle_for);
    ok = FALSE;
  }
  if (ok) {
    result = bench_report_add (bench->report,
        pauses ? "paused to first result, p50" : "idle to first result, p50",
        (gdouble) bench_samples_percentile (&first.away, 50) / 1e3, "us",
        &c.proof);
    bench_result_percentiles (&result, &first.away);
    json_object_set_int_member (result.object, "idle-for",
        (gint64) first.idle_for);
    json_object_set_int_member (result.object, "had-not-left",
        i - bench_samples_count (&first.away));
  }
  bench_samples_clear (&first.away);
  bench_candidate_clear (&c);
  return ok;
}

/* A kernel that does not leave by itself. */
static void
make_it_stay (Bench *bench, RingConfig *config)
{
  config->lease =
      gpu_attribute (bench->gpu, CU_DEVICE_ATTRIBUTE_KERNEL_EXEC_TIMEOUT)
      ? LONG_LEASE
      : 0;
  config->idle_timeout = 60 * G_USEC_PER_SEC;
}

/* ---- multiprocessors ------------------------------------------------------------------- */

static gboolean
call_once (RingKernel *kernel, const BenchMessages *messages, BenchProof *proof,
    GError **error)
{
  g_autoptr (RingMessage) reply =
      ring_kernel_call (kernel, messages->message[0], BENCH_WAIT, NULL, error);

  if (!reply)
    return FALSE;
  bench_proof_add (proof, bench_messages_answered (messages, 0, reply));
  return TRUE;
}

/* @stays: it polls all the time, which the probe has to notice, or what it says of
 * one that is idle would mean nothing. */
static gboolean
measure_held (Bench *bench, const BenchMessages *messages, Probe *probe,
    gboolean stays, GError **error)
{
  g_autoptr (RingConfig) config =
      bench_config (bench->runtime, RING_EXECUTION_PERSISTENT);
  g_autoptr (RingKernel) kernel = NULL;
  BenchProof proof = { 0, 0 };
  BenchResult result;
  gboolean ended = FALSE, late, right;
  guint held = 0;

  if (stays)
    make_it_stay (bench, config);
  kernel = bench_launch (bench->runtime, "invert", -1, config, messages->format,
      error);
  if (!kernel || !call_once (kernel, messages, &proof, error))
    return FALSE;
  if (!stays)
    g_usleep (IDLE_FOR);
  if (!probe_begin (probe, error)
      || !probe_wait (probe, stays ? LOOK_FOR : FREE_WITHIN, &ended, error))
    return FALSE;
  late = !ended;
  /* If it is kept from beginning, a paused kernel makes way. */
  if ((stays && !ring_kernel_deactivate (kernel, error))
      || !probe_wait (probe, BENCH_WAIT, &ended, error)
      || !probe_result (probe, &held, &right, error))
    return FALSE;
  bench_proof_add (&proof, ended && right);
  if (late)
    held = (guint) bench->gpu->multiprocessors;
  if (!bench_end (kernel, RING_EXECUTION_PERSISTENT, error))
    return FALSE;
  if (stays && held == 0) {
    g_set_error_literal (error, RING_ERROR, RING_ERROR_FAILED,
        "the probe does not see a kernel that is resident, so it proves nothing");
    return FALSE;
  }
  result = bench_report_add (bench->report,
      stays ? "multiprocessors held while it polls"
            : "multiprocessors held when idle longer than idle-timeout",
      held, "", &proof);
  json_object_set_int_member (result.object, "multiprocessors",
      bench->gpu->multiprocessors);
  json_object_set_boolean_member (result.object, "at-once", !late);
  if (!stays)
    bench_result_goal (&result, BENCH_AT_MOST, 0,
        g_strdup_printf ("%s, %d us after the last message",
            late ? "a kernel that needs the whole device did not run at once"
                 : "others may hold them, too",
            IDLE_FOR));
  return TRUE;
}

/* ---- power ---------------------------------------------------------------------------------- */

/* The mean over a while, in W; -1: nobody says. @polls, if there is one, is kept
 * from leaving by a message now and then. */
static gboolean
mean_power (Bench *bench, RingKernel *polls, const BenchMessages *messages,
    BenchProof *proof, gdouble *watts, GError **error)
{
  const guint n = bench->quick ? 3 : 100;
  guint64 sum = 0;
  guint i, milliwatts;

  *watts = -1;
  for (i = 0; i < n; i++) {
    if (polls && !call_once (polls, messages, proof, error))
      return FALSE;
    g_usleep (20000); /* it says something new not more often */
    if (!gpu_power (bench->gpu, &milliwatts))
      return TRUE;
    sum += milliwatts;
  }
  *watts = (gdouble) sum / n / 1e3;
  return TRUE;
}

static gboolean
measure_power (Bench *bench, const BenchMessages *messages, GError **error)
{
  enum
  {
    NONE,
    PAUSED,
    IDLE,
    POLLS
  };
  static const gchar *const names[] = { "power without a kernel",
    "power with a paused kernel", "power with an idle kernel",
    "power with a kernel that polls" };
  guint i, milliwatts;

  if (!gpu_power (bench->gpu, &milliwatts)) {
    g_print (
        "  power is not measured: NVIDIA's management library is not here, "
        "or does not tell\n");
    json_object_set_string_member (bench->report->root, "power",
        "not measured: no NVML");
    return TRUE;
  }
  for (i = NONE; i <= POLLS; i++) {
    g_autoptr (RingConfig) config =
        bench_config (bench->runtime, RING_EXECUTION_PERSISTENT);
    g_autoptr (RingKernel) kernel = NULL;
    BenchProof proof = { 0, 0 };
    BenchResult result;
    gdouble watts;

    if (i == POLLS)
      make_it_stay (bench, config);
    if (i != NONE
        && (!(kernel = bench_launch (bench->runtime, "invert", -1, config,
                  messages->format, error))
            || !call_once (kernel, messages, &proof, error)))
      return FALSE;
    if (i == PAUSED && !ring_kernel_deactivate (kernel, error))
      return FALSE;
    if (!mean_power (bench, i == POLLS ? kernel : NULL, messages, &proof,
            &watts, error))
      return FALSE;
    if (kernel && !bench_end (kernel, RING_EXECUTION_PERSISTENT, error))
      return FALSE;
    if (watts < 0)
      continue;
    result = bench_report_add (bench->report, names[i], watts, "W",
        kernel ? &proof : NULL);
    json_object_set_int_member (result.object, "samples",
        bench->quick ? 3 : 100);
  }
  return TRUE;
}

gboolean
bench_idle (Bench *bench, GError **error)
{
  g_autoptr (BenchMessages) messages = bench_messages_new (error);
  gboolean ok;
  Probe probe;

  if (!messages)
    return FALSE;
  ok = probe_init (&probe, bench->gpu, error)
      && measure_first (bench, messages, FALSE, error)
      && measure_first (bench, messages, TRUE, error)
      && measure_held (bench, messages, &probe, TRUE, error)
      && measure_held (bench, messages, &probe, FALSE, error)
      && measure_power (bench, messages, error);
  if (!ok)
    gpu_abandon (bench->gpu);
  probe_clear (&probe);
  return ok;
}
