/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Time-outs, cancellation, asynchronous forms, back-pressure, flush and drain.
 */
#include "ring-test.h"

/* ---- waiting -------------------------------------------------------------------------- */

static void
test_receive_times_out (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 1);
  g_autoptr (GError) error = NULL;

  g_assert_null (ring_kernel_receive (kernel, 0, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "copy");
  g_assert_null (ring_kernel_receive (kernel, 2000, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "copy");
}

/* Later than any clock can say is never, and not a moment ago. */
static void
test_longest_timeout_is_for_ever (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMessage) message = ring_test_gate_message (NULL, 1);
  g_autoptr (RingMessage) got = NULL;
  g_autoptr (GError) error = NULL;
  RingTestGate gate = { 0, 0, 0 };
  RingTestSender sender;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = ring_test_start (mode, "gate", 1);
  ring_test_sender_start (&sender, kernel, &gate);
  ring_test_gate_open (&gate);
  got = ring_kernel_receive (kernel, G_MAXINT64, NULL, &error);
  g_assert_no_error (error);
  g_clear_pointer (&got, ring_message_unref);
  ring_test_sender_join (&sender);
  got = ring_kernel_call (kernel, message, G_MAXINT64, NULL, &error);
  g_assert_no_error (error);
  ring_kernel_send (kernel, message, G_MAXINT64 - 1, NULL, &error);
  g_assert_no_error (error);
  ring_kernel_drain (kernel, G_MAXINT64, NULL, &error);
  g_assert_no_error (error);
}

static void
test_send_to_a_full_queue (RingExecutionMode mode)
{
  RingConfig *config = ring_test_config (mode);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMessage) message = ring_test_message (40, 3);
  g_autoptr (GError) error = NULL;
  guint i;

  config->queue_capacity = 4;
  kernel = ring_test_launch_with (config, "copy", 1);
  ring_test_activate (kernel);
  for (i = 0; i < 4; i++)
    ring_test_send (kernel, message);
  g_assert_false (ring_kernel_send (kernel, message, 0, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_QUEUE_FULL, "4");
  g_assert_false (ring_kernel_send (kernel, message, 2000, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "4");
  ring_test_assert_accounts (kernel, 4, 0, 0, 0);
  ring_message_unref (ring_test_receive (kernel));
  ring_kernel_send (kernel, message, 0, NULL, &error);
  g_assert_no_error (error);
}

static void
test_call_times_out (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  RingTestGate gate = { 0, 0, 0 };
  RingTestSender sender;
  g_autoptr (RingMessage) message = ring_test_gate_message (NULL, 9);
  g_autoptr (RingMessage) next = NULL;
  g_autoptr (GError) error = NULL;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = ring_test_start (mode, "gate", 1);
  ring_test_sender_start (&sender, kernel, &gate);
  g_assert_null (ring_kernel_call (kernel, message, 2000, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "gate");
  ring_test_gate_open (&gate);
  ring_test_sender_join (&sender);
  next = ring_test_receive (kernel);
  g_assert_cmpuint (ring_test_gate_seed (next), ==, 0);
  /* Nobody waits for the late reply any more; it must neither turn up elsewhere
   * nor stay in the books. */
  g_assert_true (ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error));
  ring_test_assert_nothing_left (kernel);
  ring_test_assert_balanced (kernel);
  {
    g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

    g_assert_cmpuint (m->in_flight, ==, 0);
  }
}

typedef struct
{
  RingKernel *kernel;
  GCancellable *cancellable;
  GError *error;
  gint what;
  gint started;
} Waiter;

static gpointer
wait_for_something (gpointer data)
{
  Waiter *w = data;
  g_autoptr (RingMessage) message = ring_test_gate_message (NULL, 1);
  g_autoptr (RingMessage) got = NULL;

  g_atomic_int_set (&w->started, 1);
  switch (w->what) {
    case 0:
      got = ring_kernel_receive (w->kernel, -1, w->cancellable, &w->error);
      break;
    case 1:
      got =
          ring_kernel_call (w->kernel, message, -1, w->cancellable, &w->error);
      break;
    case 2:
      ring_kernel_send (w->kernel, message, -1, w->cancellable, &w->error);
      break;
    case 3:
      ring_kernel_drain (w->kernel, -1, w->cancellable, &w->error);
      break;
  }
  return NULL;
}

/* All that wait for ever are woken by a cancellation, wherever it finds them. */
static void
test_cancellation_ends_every_wait (RingExecutionMode mode)
{
  gint what;

  if (ring_test_skip_unless_cpu ())
    return;
  for (what = 0; what < 4; what++) {
    RingConfig *config = ring_test_config (mode);
    g_autoptr (RingKernel) kernel = NULL;
    g_autoptr (GCancellable) cancellable = g_cancellable_new ();
    RingTestGate gate = { 0, 0, 0 };
    RingTestSender sender;
    Waiter waiter = { .cancellable = cancellable, .what = what };
    GThread *thread;

    /* One message fills the queue, but not where a call must still fit in. */
    config->queue_capacity = what == 1 ? 2 : 1;
    waiter.kernel = kernel = ring_test_launch_with (config, "gate", 1);
    ring_test_activate (kernel);
    ring_test_sender_start (&sender, kernel, &gate);
    thread = g_thread_new ("waiter", wait_for_something, &waiter);
    ring_test_wait_until (g_atomic_int_get (&waiter.started));
    g_cancellable_cancel (cancellable);
    g_thread_join (thread);
    g_assert_error (waiter.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_clear_error (&waiter.error);
    ring_test_gate_open (&gate);
    ring_test_sender_join (&sender);
    g_assert_true (sender.sent);
    ring_test_assert_balanced (kernel);
  }
}

static void
test_cancelled_before_it_begins (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 1);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (RingMessage) message = ring_test_message (5, 0);
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_null (ring_kernel_receive (kernel, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_false (ring_kernel_send (kernel, message, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_null (ring_kernel_call (kernel, message, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  ring_test_assert_accounts (kernel, 0, 0, 0, 0);
}

/* Waits that end with the handle. */
static void
test_terminate_wakes_who_waits (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "gate", 1);
  Waiter waiter = { .kernel = kernel };
  GThread *thread = g_thread_new ("waiter", wait_for_something, &waiter);

  ring_test_wait_until (g_atomic_int_get (&waiter.started));
  ring_test_terminate (kernel, RING_TERMINATE_DISCARD);
  g_thread_join (thread);
  ring_test_assert_says (&waiter.error, RING_ERROR_STATUS, "terminat");
}

static void
test_call_discarded_by_flush (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  RingTestGate gate = { 0, 0, 0 };
  RingTestSender sender;
  Waiter waiter = { .what = 1 };
  GThread *thread;

  if (ring_test_skip_unless_cpu ())
    return;
  waiter.kernel = kernel = ring_test_start (mode, "gate", 1);
  ring_test_sender_start (&sender, kernel, &gate);
  thread = g_thread_new ("waiter", wait_for_something, &waiter);
  for (;;) {
    g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

    if (m->accepted == 2)
      break;
    g_thread_yield ();
  }
  ring_kernel_flush (kernel);
  ring_test_gate_open (&gate);
  ring_test_sender_join (&sender);
  g_thread_join (thread);
  ring_test_assert_says (&waiter.error, RING_ERROR_DISCARDED, "gate");
  g_assert_true (ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, NULL));
  ring_test_assert_balanced (kernel);
}

/* ---- asynchronous forms -------------------------------------------------------------------- */

typedef struct
{
  GMainLoop *loop;
  RingMessage *message;
  gboolean done;
  GError *error;
} Async;

static void
send_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Async *a = user_data;

  a->done = ring_kernel_send_finish (RING_KERNEL (source), result, &a->error);
  g_main_loop_quit (a->loop);
}

static void
receive_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Async *a = user_data;

  a->message =
      ring_kernel_receive_finish (RING_KERNEL (source), result, &a->error);
  g_main_loop_quit (a->loop);
}

static void
call_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Async *a = user_data;

  a->message =
      ring_kernel_call_finish (RING_KERNEL (source), result, &a->error);
  g_main_loop_quit (a->loop);
}

static gboolean
cancel_it (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

static void
test_asynchronous_forms (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 1);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (RingMessage) sent = ring_test_message (300, 4);
  Async a = { .loop = loop };

  ring_kernel_send_async (kernel, sent, RING_TEST_WAIT, NULL, send_done, &a);
  g_assert_false (a.done);
  g_main_loop_run (loop);
  g_assert_no_error (a.error);
  g_assert_true (a.done);

  ring_kernel_receive_async (kernel, RING_TEST_WAIT, NULL, receive_done, &a);
  g_main_loop_run (loop);
  g_assert_no_error (a.error);
  g_assert_true (ring_test_same_payload (a.message, sent));
  g_clear_pointer (&a.message, ring_message_unref);

  ring_kernel_call_async (kernel, sent, RING_TEST_WAIT, NULL, call_done, &a);
  g_main_loop_run (loop);
  g_assert_no_error (a.error);
  g_assert_true (ring_test_same_payload (a.message, sent));
  g_clear_pointer (&a.message, ring_message_unref);

  ring_kernel_receive_async (kernel, 1000, NULL, receive_done, &a);
  g_main_loop_run (loop);
  g_assert_null (a.message);
  ring_test_assert_says (&a.error, RING_ERROR_TIMED_OUT, "copy");

  ring_kernel_receive_async (kernel, -1, cancellable, receive_done, &a);
  g_idle_add (cancel_it, cancellable);
  g_main_loop_run (loop);
  g_assert_null (a.message);
  g_assert_error (a.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&a.error);

  /* Terminated: still through the callback, not at once. */
  ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
  a.done = TRUE;
  ring_kernel_send_async (kernel, sent, 0, NULL, send_done, &a);
  g_assert_true (a.done);
  g_main_loop_run (loop);
  g_assert_false (a.done);
  ring_test_assert_says (&a.error, RING_ERROR_STATUS, "terminated");
}

/* ---- back-pressure --------------------------------------------------------------------------- */

typedef struct
{
  RingKernel *kernel;
  guint n;
} Feeder;

static gpointer
feed (gpointer data)
{
  Feeder *f = data;
  guint i;

  for (i = 0; i < f->n; i++) {
    g_autoptr (RingMessage) message = ring_test_message (i % 3 ? 20 : 5000, i);

    ring_test_send (f->kernel, message);
  }
  return NULL;
}

static void
test_full_queue_loses_nothing (RingExecutionMode mode)
{
  const guint capacities[] = { 1, 2, 5 };
  gsize c;

  for (c = 0; c < G_N_ELEMENTS (capacities); c++) {
    RingConfig *config = ring_test_config (mode);
    g_autoptr (RingKernel) kernel = NULL;
    Feeder feeder = { .n = 300 };
    GThread *thread;
    guint i;

    config->queue_capacity = capacities[c];
    feeder.kernel = kernel = ring_test_launch_with (config, "copy", 2);
    ring_test_activate (kernel);
    thread = g_thread_new ("feeder", feed, &feeder);
    for (i = 0; i < feeder.n; i++) {
      g_autoptr (RingMessage) expected =
          ring_test_message (i % 3 ? 20 : 5000, i);
      g_autoptr (RingMessage) got = ring_test_receive (kernel);
      g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

      g_assert_true (ring_test_same_payload (expected, got));
      g_assert_cmpuint (m->queue_depth_max, <=, capacities[c]);
    }
    g_thread_join (thread);
    ring_test_assert_accounts (kernel, 300, 300, 0, 0);
  }
}

/* ---- flush and drain ---------------------------------------------------------------------------- */

static void
test_flush_discards_what_waits (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  RingTestGate gate = { 0, 0, 0 };
  RingTestSender sender;
  g_autoptr (GError) error = NULL;
  guint i;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = ring_test_start (mode, "gate", 1);
  ring_test_sender_start (&sender, kernel, &gate);
  for (i = 1; i <= 10; i++) {
    g_autoptr (RingMessage) old = ring_test_gate_message (NULL, i);

    ring_test_send (kernel, old);
  }
  ring_kernel_flush (kernel);
  for (i = 11; i <= 15; i++) {
    g_autoptr (RingMessage) fresh = ring_test_gate_message (NULL, i);

    ring_test_send (kernel, fresh);
  }
  ring_test_gate_open (&gate);
  ring_test_sender_join (&sender);
  /* Nothing from before the flush is delivered, not even what was running. */
  for (i = 11; i <= 15; i++) {
    g_autoptr (RingMessage) got = ring_test_receive (kernel);

    g_assert_cmpuint (ring_test_gate_seed (got), ==, i);
  }
  g_assert_true (ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error));
  ring_test_assert_accounts (kernel, 16, 5, 0, 11);
}

static void
test_flush_discards_results_not_received (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 1);
  g_autoptr (RingMessage) sent = ring_test_message (10, 1);
  g_autoptr (GError) error = NULL;
  guint i;

  for (i = 0; i < 3; i++)
    ring_test_send (kernel, sent);
  ring_kernel_flush (kernel);
  g_assert_true (ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error));
  ring_test_assert_nothing_left (kernel);
  ring_test_assert_accounts (kernel, 3, 0, 0, 3);
  /* An empty flush discards nothing. */
  ring_kernel_flush (kernel);
  ring_test_assert_accounts (kernel, 3, 0, 0, 3);
  {
    g_autoptr (RingMessage) got =
        ring_kernel_call (kernel, sent, RING_TEST_WAIT, NULL, &error);

    g_assert_no_error (error);
    g_assert_true (ring_test_same_payload (sent, got));
  }
  ring_test_assert_accounts (kernel, 4, 1, 0, 3);
}

typedef struct
{
  RingKernel *kernel;
  gint stop;
} Flusher;

static gpointer
flush_often (gpointer data)
{
  Flusher *f = data;

  while (!g_atomic_int_get (&f->stop)) {
    ring_kernel_flush (f->kernel);
    g_thread_yield ();
  }
  return NULL;
}

static void
test_flush_from_another_thread_keeps_the_accounts (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 2);
  Flusher flusher = { .kernel = kernel };
  GThread *thread = g_thread_new ("flusher", flush_often, &flusher);
  g_autoptr (RingMetrics) m = NULL;
  guint64 received = 0, last = 0;
  guint i;

  for (i = 0; i < 2000; i++) {
    g_autoptr (RingMessage) sent = ring_test_message (i % 7 ? 24 : 2000, i);
    g_autoptr (RingMessage) got = NULL;

    ring_test_send (kernel, sent);
    got = ring_kernel_receive (kernel, 0, NULL, NULL);
    if (got) {
      g_assert_true (received == 0 || ring_message_get_sequence (got) > last);
      last = ring_message_get_sequence (got);
      received++;
    }
  }
  g_atomic_int_set (&flusher.stop, 1);
  g_thread_join (thread);
  ring_kernel_flush (kernel);
  g_assert_true (ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, NULL));
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->accepted, ==, 2000);
  g_assert_cmpuint (m->delivered, ==, received);
  g_assert_cmpuint (m->discarded, ==, 2000 - received);
  g_assert_cmpuint (m->in_flight, ==, 0);
}

static void
test_drain_waits_for_what_is_queued (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  RingTestGate gate = { 0, 0, 0 };
  RingTestSender sender;
  g_autoptr (GError) error = NULL;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = ring_test_start (mode, "gate", 1);
  ring_test_sender_start (&sender, kernel, &gate);
  g_assert_false (ring_kernel_drain (kernel, 2000, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "gate");
  g_assert_cmpint (ring_kernel_get_status (kernel), ==, RING_KERNEL_ACTIVE);
  ring_test_gate_open (&gate);
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  ring_test_sender_join (&sender);
  ring_test_gate_wait_left (&gate);
}

/* A worker may look at the ring with the epoch of a moment ago: what was sent
 * after the flush is not older than it. */
static void
test_what_is_sent_after_a_flush_arrives (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 1);
  g_autoptr (RingMessage) before = ring_test_message (16, 1);
  g_autoptr (RingMessage) after = ring_test_message (16, 2);
  g_autoptr (GError) error = NULL;
  guint i;

  for (i = 0; i < 3000; i++) {
    g_autoptr (RingMessage) result = NULL;

    ring_kernel_send (kernel, before, RING_TEST_WAIT, NULL, &error);
    g_assert_no_error (error);
    ring_kernel_flush (kernel);
    ring_kernel_send (kernel, after, RING_TEST_WAIT, NULL, &error);
    g_assert_no_error (error);
    result = ring_kernel_receive (kernel, RING_TEST_WAIT, NULL, &error);
    g_assert_no_error (error);
    g_assert_true (ring_test_same_payload (after, result));
  }
  ring_test_assert_accounts (kernel, 6000, 3000, 0, 3000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ring_test_add_modes ("/waiting/receive-times-out", test_receive_times_out);
  ring_test_add_modes ("/waiting/longest-timeout-is-for-ever",
      test_longest_timeout_is_for_ever);
  ring_test_add_modes ("/waiting/send-to-a-full-queue",
      test_send_to_a_full_queue);
  ring_test_add_modes ("/waiting/call-times-out", test_call_times_out);
  ring_test_add_modes ("/waiting/cancellation-ends-every-wait",
      test_cancellation_ends_every_wait);
  ring_test_add_modes ("/waiting/cancelled-before-it-begins",
      test_cancelled_before_it_begins);
  ring_test_add_modes ("/waiting/terminate-wakes-who-waits",
      test_terminate_wakes_who_waits);
  ring_test_add_modes ("/waiting/call-discarded-by-flush",
      test_call_discarded_by_flush);
  ring_test_add_modes ("/waiting/asynchronous-forms", test_asynchronous_forms);
  ring_test_add_modes ("/messages/full-queue-loses-nothing",
      test_full_queue_loses_nothing);
  ring_test_add_modes ("/flush/discards-what-waits",
      test_flush_discards_what_waits);
  ring_test_add_modes ("/flush/discards-results-not-received",
      test_flush_discards_results_not_received);
  ring_test_add_modes ("/flush/from-another-thread-keeps-the-accounts",
      test_flush_from_another_thread_keeps_the_accounts);
  ring_test_add_modes ("/drain/waits-for-what-is-queued",
      test_drain_waits_for_what_is_queued);
  ring_test_add_modes ("/flush/what-is-sent-afterwards-arrives",
      test_what_is_sent_after_a_flush_arrives);
  return ring_test_run ();
}
