/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * part-relaunch.c: how long nothing is processed when a lease ends and the kernel is
 * launched anew, while messages wait.
 *
 * The messages' own trace times tell: from one's end to the next one's start, by the
 * device's clock. Which of those gaps hold a relaunch they do not tell; but the
 * handle counts its relaunches, N, and what is reported is the N longest gaps of all.
 * That is no underestimate: each relaunch under load makes one gap, and the N longest
 * of a set are, one for one in order, not shorter than any other N of it. Where a
 * gap was long for another reason, the ring being empty for instance, they are too
 * long.
 *
 * The window is short. Times are brought to the host's clock message by message, and
 * the less a message waits, the less uncertain that is; a correction that falls into
 * a gap changes it by as much.
 */
#include "bench.h"

#define WINDOW 128

typedef struct
{
  RingKernel *kernel;
  const BenchMessages *messages;
  guint64 sent; /* by the sender */
  gboolean stop, ended;
  GError *error;
} Sender;

static gpointer
send_until_told (gpointer data)
{
  Sender *s = data;

  while (!__atomic_load_n (&s->stop, __ATOMIC_ACQUIRE)
      && ring_kernel_send (s->kernel,
          s->messages->message[s->sent % BENCH_N_MESSAGES], BENCH_WAIT, NULL,
          &s->error))
    __atomic_store_n (&s->sent, s->sent + 1, __ATOMIC_RELEASE);
  __atomic_store_n (&s->ended, TRUE, __ATOMIC_RELEASE);
  return NULL;
}

/* There is something to receive, now or soon. Nothing more is sent once the sender
 * has ended, which is looked at first. */
static gboolean
more_to_come (Sender *s, guint64 received)
{
  gboolean ended;

  do {
    ended = __atomic_load_n (&s->ended, __ATOMIC_ACQUIRE);
    if (received < __atomic_load_n (&s->sent, __ATOMIC_ACQUIRE))
      return TRUE;
    g_thread_yield ();
  } while (!ended);
  return FALSE;
}

/* Receives all that is sent until there have been @relaunches, or for a minute. */
static gboolean
receive (Sender *s, guint64 relaunches, BenchSamples *gaps,
    BenchSamples *typical, BenchProof *proof, GError **error)
{
  /* So many are kept; there are fewer relaunches. */
  const guint keep = 1 << 16;
  const gint64 until = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  GThread *thread = g_thread_new ("sender", send_until_told, s);
  guint64 received = 0, before = 0;
  gboolean ok = TRUE;

  while (more_to_come (s, received)) {
    RingMessage *reply;
    guint64 started, finished;

    if (received % 1024 == 0) {
      g_autoptr (RingMetrics) m = ring_kernel_get_metrics (s->kernel);

      if (m->relaunches >= relaunches || g_get_monotonic_time () > until)
        __atomic_store_n (&s->stop, TRUE, __ATOMIC_RELEASE);
    }
    reply = ring_kernel_receive (s->kernel, BENCH_WAIT, NULL, error);
    ok = reply != NULL;
    if (!ok) {
      bench_explain (s->kernel, error);
      break;
    }
    ring_message_get_trace (reply, NULL, &started, &finished, NULL);
    /* The device's clock ticks in steps, and what is converted may step back. */
    if (received > 0) {
      const guint64 gap = started > before ? started - before : 0;

      bench_samples_add (gaps, gap);
      if (received <= keep)
        bench_samples_add (typical, gap);
    }
    before = finished;
    bench_proof_add (proof,
        started > 0 && bench_messages_answered (s->messages, received, reply));
    ring_message_unref (reply);
    received++;
    if (bench_samples_count (gaps) >= 16 * keep)
      bench_samples_keep_largest (gaps, keep);
  }
  __atomic_store_n (&s->stop, TRUE, __ATOMIC_RELEASE);
  g_thread_join (thread);
  if (ok && s->error) {
    g_propagate_error (error, g_steal_pointer (&s->error));
    ok = FALSE;
  }
  g_clear_error (&s->error);
  return ok;
}

static gboolean
measure (Bench *bench, const BenchMessages *messages, guint64 lease,
    guint64 relaunches, gboolean with_goal, GError **error)
{
  g_autoptr (RingConfig) config =
      bench_config (bench->runtime, RING_EXECUTION_PERSISTENT);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMetrics) m = NULL;
  g_autofree gchar *name = NULL;
  Sender sender = { NULL, messages, 0, FALSE, FALSE, NULL };
  BenchProof proof = { 0, 0 };
  BenchSamples gaps, typical; /* the longest; the first */
  BenchResult result;
  gdouble typical_p50;
  gboolean ok;

  config->queue_capacity = WINDOW;
  config->lease = lease;
  kernel = bench_launch (bench->runtime, "invert", -1, config, messages->format,
      error);
  if (!kernel)
    return FALSE;
  sender.kernel = kernel;
  bench_samples_init (&gaps);
  bench_samples_init (&typical);
  ok = receive (&sender, relaunches, &gaps, &typical, &proof, error)
      && bench_end (kernel, RING_EXECUTION_PERSISTENT, error);
  m = ring_kernel_get_metrics (kernel);
  if (ok && m->relaunches == 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "no lease of %" G_GUINT64_FORMAT
        " us has ended within %" G_GUINT64_FORMAT " messages",
        lease, proof.checked);
    ok = FALSE;
  }
  if (ok) {
    typical_p50 = (gdouble) bench_samples_percentile (&typical, 50) / 1e3;
    bench_samples_keep_largest (&gaps, (guint) m->relaunches);
    name = g_strdup_printf ("gap at the end of a lease of %g ms, p99",
        (gdouble) lease / 1e3);
    result = bench_report_add (bench->report, name,
        (gdouble) bench_samples_percentile (&gaps, 99) / 1e3, "us", &proof);
    bench_result_percentiles (&result, &gaps);
    json_object_set_int_member (result.object, "relaunches",
        (gint64) m->relaunches);
    json_object_set_int_member (result.object, "residencies",
        (gint64) m->residencies);
    json_object_set_int_member (result.object, "messages",
        (gint64) proof.checked);
    json_object_set_int_member (result.object, "window", WINDOW);
    json_object_set_double_member (result.object, "p50-of-first-gaps",
        typical_p50);
    if (with_goal)
      bench_result_goal (&result, BENCH_LESS_THAN, 50,
          g_strdup_printf (
              "of %" G_GUINT64_FORMAT " residencies %" G_GUINT64_FORMAT
              " followed the end of a lease; half of the gaps at those "
              "take %.1f us, half of all gaps %.2f us",
              m->residencies, m->relaunches,
              (gdouble) bench_samples_percentile (&gaps, 50) / 1e3,
              typical_p50));
  }
  bench_samples_clear (&gaps);
  bench_samples_clear (&typical);
  return ok;
}

gboolean
bench_relaunch (Bench *bench, GError **error)
{
  g_autoptr (BenchMessages) messages = bench_messages_new (error);

  return messages
      && measure (bench, messages, RING_DEFAULT_LEASE, bench->quick ? 3 : 500,
          TRUE, error)
      && measure (bench, messages, 1000, bench->quick ? 3 : 5000, FALSE, error);
}
