/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * part-messages.c: how many messages of 64 bytes go through one handle in a second,
 * its window always full: one thread sends, another receives and looks at every
 * byte.
 */
#include "bench.h"

typedef struct
{
  RingKernel *kernel;
  const BenchMessages *messages;
  guint64 n;
  GError *error;
} Sender;

static gpointer
send_all (gpointer data)
{
  Sender *sender = data;
  guint64 i;

  for (i = 0; i < sender->n; i++)
    if (!ring_kernel_send (sender->kernel,
            sender->messages->message[i % BENCH_N_MESSAGES], BENCH_WAIT, NULL,
            &sender->error))
      break;
  return NULL;
}

/* @n messages; from before the first is sent until the last is received. */
static gboolean
run_round (RingKernel *kernel, const BenchMessages *messages, guint64 n,
    guint64 *ns, BenchProof *proof, GError **error)
{
  Sender sender = { kernel, messages, n, NULL };
  const guint64 begin = bench_clock ();
  GThread *thread = g_thread_new ("sender", send_all, &sender);
  gboolean ok = TRUE;
  guint64 i;

  /* Each has n that are a multiple of the messages, so that the i-th of every round
   * is the same. */
  for (i = 0; ok && i < n; i++) {
    RingMessage *reply = ring_kernel_receive (kernel, BENCH_WAIT, NULL, error);

    ok = reply != NULL;
    if (!ok)
      bench_explain (kernel, error);
    if (ok) {
      bench_proof_add (proof, bench_messages_answered (messages, i, reply));
      ring_message_unref (reply);
    }
  }
  *ns = bench_clock () - begin;
  g_thread_join (thread);
  if (sender.error && ok)
    g_propagate_error (error, g_steal_pointer (&sender.error));
  else if (!sender.error && ok)
    return TRUE;
  g_clear_error (&sender.error);
  return FALSE;
}

static gboolean
measure_grid (Bench *bench, const BenchMessages *messages, gint grid,
    gboolean with_goal, GError **error)
{
  const guint rounds = bench->quick ? 2 : 5;
  const guint64 n = (guint64) BENCH_N_MESSAGES * (bench->quick ? 1 : 60);
  g_autoptr (RingConfig) config =
      bench_config (bench->runtime, RING_EXECUTION_PERSISTENT);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMetrics) m = NULL;
  g_autofree gdouble *rates = g_new (gdouble, rounds);
  g_autofree gchar *name = NULL;
  BenchProof proof = { 0, 0 };
  BenchResult result;
  guint64 ns;
  guint r;

  kernel = bench_launch (bench->runtime, "invert", grid, config,
      messages->format, error);
  if (!kernel
      || !run_round (kernel, messages, BENCH_N_MESSAGES, &ns, &proof, error))
    return FALSE;
  for (r = 0; r < rounds; r++) {
    if (!run_round (kernel, messages, n, &ns, &proof, error))
      return FALSE;
    rates[r] = bench_per_second ((gdouble) n, ns);
  }
  if (!bench_end (kernel, RING_EXECUTION_PERSISTENT, error))
    return FALSE;

  m = ring_kernel_get_metrics (kernel);
  name = grid > 0 ? g_strdup_printf ("messages of 64 bytes, grid of %d", grid)
                  : g_strdup ("messages of 64 bytes, default grid");
  result = bench_report_add (bench->report, name,
      bench_median (rates, rounds) / 1e6, "M/s", &proof);
  json_object_set_int_member (result.object, "samples", rounds);
  json_object_set_int_member (result.object, "messages", (gint64) (n * rounds));
  json_object_set_int_member (result.object, "window", config->queue_capacity);
  json_object_set_int_member (result.object, "queue-depth-max",
      (gint64) m->queue_depth_max);
  json_object_set_int_member (result.object, "threads", m->workers);
  json_object_set_int_member (result.object, "residencies",
      (gint64) m->residencies);
  json_object_set_double_member (result.object, "kernel-p50",
      (gdouble) m->kernel_p50 / 1e3);
  if (with_goal)
    bench_result_goal (&result, BENCH_AT_LEAST, 3,
        g_strdup_printf (
            "one message after the other takes %.2f us in the kernel "
            "(p50), and at most %" G_GUINT64_FORMAT " of %u waited in the ring",
            (gdouble) m->kernel_p50 / 1e3, m->queue_depth_max,
            config->queue_capacity));
  return TRUE;
}

gboolean
bench_messages (Bench *bench, GError **error)
{
  static const gint grids[] = { -1, 1, 2, 8, 32 };
  g_autoptr (BenchMessages) messages = bench_messages_new (error);
  guint i;

  if (!messages)
    return FALSE;
  for (i = 0; i < G_N_ELEMENTS (grids); i++) {
    if (grids[i] > bench->gpu->multiprocessors)
      continue;
    /* What a user gets who asks for nothing is what is held to the goal. */
    if (!measure_grid (bench, messages, grids[i], i == 0, error))
      return FALSE;
  }
  return TRUE;
}
