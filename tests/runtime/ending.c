/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Terminate, deactivate and activate with messages on the way.
 */
#include "ring-test.h"

/* ---- terminate, deactivate, activate with messages on the way ---------------------- */

/* Holds one message in the kernel and queues @n behind it. */
static void
hold (RingKernel *kernel, RingTestGate *gate, RingTestSender *sender, guint n)
{
  guint i;

  memset (gate, 0, sizeof (*gate));
  ring_test_sender_start (sender, kernel, gate);
  for (i = 1; i <= n; i++) {
    g_autoptr (RingMessage) message = ring_test_gate_message (NULL, i);

    ring_test_send (kernel, message);
  }
}

typedef struct
{
  RingKernel *kernel;
  RingTerminateMode mode;
  gboolean deactivate;
  GError *error;
} Ending;

static gpointer
ending_run (gpointer data)
{
  Ending *e = data;

  if (e->deactivate)
    ring_kernel_deactivate (e->kernel, &e->error);
  else
    ring_kernel_terminate (e->kernel, e->mode, &e->error);
  return NULL;
}

static void
test_drain_processes_what_is_queued (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  RingTestGate gate;
  RingTestSender sender;
  Ending ending = { .mode = RING_TERMINATE_DRAIN };
  g_autoptr (RingMessage) late = ring_test_gate_message (NULL, 99);
  g_autoptr (GError) error = NULL;
  GThread *thread;
  guint i;

  if (ring_test_skip_unless_cpu ())
    return;
  ending.kernel = kernel = ring_test_start (mode, "gate", 1);
  hold (kernel, &gate, &sender, 20);
  thread = g_thread_new ("terminate", ending_run, &ending);
  ring_test_wait_until (
      ring_kernel_get_status (kernel) == RING_KERNEL_TERMINATING);
  /* A status of its own, in which nothing can be done. */
  g_assert_false (ring_kernel_activate (kernel, &error));
  ring_test_assert_says (&error, RING_ERROR_STATUS, "terminating");
  g_assert_false (ring_kernel_deactivate (kernel, &error));
  ring_test_assert_says (&error, RING_ERROR_STATUS, "terminating");
  g_assert_false (
      ring_kernel_terminate (kernel, RING_TERMINATE_DISCARD, &error));
  ring_test_assert_says (&error, RING_ERROR_STATUS, "terminating");
  g_assert_false (ring_kernel_send (kernel, late, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_STATUS, "terminating");
  ring_test_gate_open (&gate);
  g_thread_join (thread);
  g_assert_no_error (ending.error);
  ring_test_sender_join (&sender);
  g_assert_true (sender.sent);
  g_assert_cmpint (ring_kernel_get_status (kernel), ==, RING_KERNEL_TERMINATED);

  /* All of it can still be received; and only then is there a status error. */
  for (i = 0; i <= 20; i++) {
    g_autoptr (RingMessage) got = ring_test_receive (kernel);

    g_assert_cmpuint (ring_test_gate_seed (got), ==, i);
  }
  ring_test_assert_accounts (kernel, 21, 21, 0, 0);
  g_assert_null (ring_kernel_receive (kernel, RING_TEST_WAIT, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_STATUS, "terminated");
}

static void
test_discard_counts_what_was_queued (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMetrics) metrics = NULL;
  RingTestGate gate;
  RingTestSender sender;
  Ending ending = { .mode = RING_TERMINATE_DISCARD };
  GThread *thread;
  guint received = 0;

  if (ring_test_skip_unless_cpu ())
    return;
  ending.kernel = kernel = ring_test_start (mode, "gate", 1);
  hold (kernel, &gate, &sender, 20);
  thread = g_thread_new ("terminate", ending_run, &ending);
  ring_test_wait_until (
      ring_kernel_get_status (kernel) == RING_KERNEL_TERMINATING);
  ring_test_gate_open (&gate);
  g_thread_join (thread);
  g_assert_no_error (ending.error);
  ring_test_sender_join (&sender);

  for (;;) {
    g_autoptr (GError) error = NULL;
    g_autoptr (RingMessage) got = ring_kernel_receive (kernel, 0, NULL, &error);

    if (!got)
      break;
    received++;
  }
  metrics = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (metrics->accepted, ==, 21);
  g_assert_cmpuint (metrics->in_flight, ==, 0);
  g_assert_cmpuint (metrics->delivered, ==, received);
  /* The one inside the kernel may be finished; what waited is not begun. */
  g_assert_cmpuint (metrics->discarded, >=, 20);
  g_assert_cmpuint (metrics->delivered + metrics->discarded, ==, 21);
}

static void
deactivate_held (RingKernel *kernel, RingTestGate *gate, guint n)
{
  RingTestSender sender;
  Ending ending = { .kernel = kernel, .deactivate = TRUE };
  GThread *thread;

  hold (kernel, gate, &sender, n);
  thread = g_thread_new ("deactivate", ending_run, &ending);
  ring_test_wait_until (
      ring_kernel_get_status (kernel) == RING_KERNEL_DEACTIVATED);
  ring_test_gate_open (gate);
  g_thread_join (thread);
  g_assert_no_error (ending.error);
  ring_test_sender_join (&sender);
}

static void
test_reactivate_processes_what_was_queued (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  RingTestGate gate;
  guint i;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = ring_test_start (mode, "gate", 1);
  deactivate_held (kernel, &gate, 20);
  {
    g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

    g_assert_cmpuint (m->accepted, ==, 21);
    g_assert_cmpuint (m->discarded, ==, 0);
    g_assert_cmpuint (m->in_flight, >, 0);
  }
  ring_test_activate (kernel);
  for (i = 0; i <= 20; i++) {
    g_autoptr (RingMessage) got = ring_test_receive (kernel);

    g_assert_cmpuint (ring_test_gate_seed (got), ==, i);
  }
  ring_test_assert_accounts (kernel, 21, 21, 0, 0);
}

static void
test_deactivated_processes_nothing (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  RingTestGate gate;
  g_autoptr (GError) error = NULL;
  guint received = 0;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = ring_test_start (mode, "gate", 1);
  deactivate_held (kernel, &gate, 20);
  ring_test_gate_wait_left (&gate);
  /* The held message may come out, and what the kernel had taken along with it
   * at the most; the rest waits. */
  for (;;) {
    g_autoptr (RingMessage) got = ring_kernel_receive (kernel,
        200 * G_TIME_SPAN_MILLISECOND, NULL, &error);

    if (!got)
      break;
    received++;
  }
  ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "");
  g_assert_cmpuint (received, <=, 1);
}

/* Nothing would ever finish it. */
static void
test_waiting_for_a_deactivated_handle_is_refused (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  RingTestGate gate;
  g_autoptr (GError) error = NULL;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = ring_test_start (mode, "gate", 1);
  deactivate_held (kernel, &gate, 20);
  g_assert_false (ring_kernel_drain (kernel, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_STATUS, "gate", "drain",
      "deactivated");
  /* And what it holds is discarded by a flush, deactivated as it is. */
  ring_kernel_flush (kernel);
  ring_test_activate (kernel);
  g_assert_true (ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, NULL));
  ring_test_assert_nothing_left (kernel);
  ring_test_assert_accounts (kernel, 21, 0, 0, 21);
}

static void
test_drain_from_deactivated_processes_what_is_queued (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  RingTestGate gate;
  guint i;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = ring_test_start (mode, "gate", 1);
  deactivate_held (kernel, &gate, 20);
  ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
  for (i = 0; i <= 20; i++) {
    g_autoptr (RingMessage) got = ring_test_receive (kernel);

    g_assert_cmpuint (ring_test_gate_seed (got), ==, i);
  }
  ring_test_assert_accounts (kernel, 21, 21, 0, 0);
}

static void
test_discard_from_deactivated (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMetrics) m = NULL;
  RingTestGate gate;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = ring_test_start (mode, "gate", 1);
  deactivate_held (kernel, &gate, 20);
  ring_test_terminate (kernel, RING_TERMINATE_DISCARD);
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->accepted, ==, 21);
  g_assert_cmpuint (m->discarded, >=, 20);
  ring_test_assert_balanced (kernel);
}

static void
test_activate_and_deactivate_many_times (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_launch (mode, "copy", 2);
  g_autoptr (GError) error = NULL;
  guint i;

  for (i = 0; i < 200; i++) {
    g_autoptr (RingMessage) sent = ring_test_message (32, i);
    g_autoptr (RingMessage) got = NULL;

    ring_test_activate (kernel);
    ring_test_send (kernel, sent);
    if (i & 1) {
      got = ring_test_receive (kernel);
      g_assert_true (ring_test_same_payload (sent, got));
    }
    ring_kernel_deactivate (kernel, &error);
    g_assert_no_error (error);
    if (!(i & 1)) {
      ring_test_activate (kernel);
      got = ring_test_receive (kernel);
      g_assert_true (ring_test_same_payload (sent, got));
      ring_kernel_deactivate (kernel, &error);
      g_assert_no_error (error);
    }
  }
  ring_test_assert_accounts (kernel, 200, 200, 0, 0);
}

/* Nobody terminates; the last reference goes while messages are on the way. */
static void
test_last_reference_ends_the_kernel (RingExecutionMode mode)
{
  guint round, i;

  for (round = 0; round < 10; round++) {
    g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 2);

    for (i = 0; i < round * 10; i++) {
      g_autoptr (RingMessage) sent = ring_test_message (i * 100, i);

      ring_test_send (kernel, sent);
    }
    if (round & 1)
      ring_kernel_deactivate (kernel, NULL);
  }
}

/* The order to end may come between a worker's look at the ring and its look at its
 * orders; what was sent before is there all the same. */
static void
test_drain_right_after_sending (RingExecutionMode mode)
{
  g_autoptr (RingMessage) message = ring_test_message (16, 1);
  /* A launch takes longer on a device. */
  const guint n = ring_test_backend () == RING_BACKEND_CPU ? 1000 : 100;
  guint i;

  for (i = 0; i < n; i++) {
    g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 1);
    g_autoptr (RingMessage) result = NULL;
    g_autoptr (GError) error = NULL;

    if (i % 2)
      ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, NULL);
    ring_kernel_send (kernel, message, 0, NULL, &error);
    g_assert_no_error (error);
    ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
    result = ring_kernel_receive (kernel, 0, NULL, &error);
    g_assert_no_error (error);
    g_assert_true (ring_test_same_payload (message, result));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ring_test_add_modes ("/kernel/drain-processes-what-is-queued",
      test_drain_processes_what_is_queued);
  ring_test_add_modes ("/kernel/discard-counts-what-was-queued",
      test_discard_counts_what_was_queued);
  ring_test_add_modes ("/kernel/reactivate-processes-what-was-queued",
      test_reactivate_processes_what_was_queued);
  ring_test_add_modes ("/kernel/deactivated-processes-nothing",
      test_deactivated_processes_nothing);
  ring_test_add_modes (
      "/kernel/drain-from-deactivated-processes-what-is-queued",
      test_drain_from_deactivated_processes_what_is_queued);
  ring_test_add_modes ("/kernel/discard-from-deactivated",
      test_discard_from_deactivated);
  ring_test_add_modes ("/kernel/activate-and-deactivate-many-times",
      test_activate_and_deactivate_many_times);
  ring_test_add_modes ("/kernel/last-reference-ends-the-kernel",
      test_last_reference_ends_the_kernel);
  ring_test_add_modes ("/kernel/waiting-for-a-deactivated-handle-is-refused",
      test_waiting_for_a_deactivated_handle_is_refused);
  ring_test_add_modes ("/kernel/drain-right-after-sending-loses-nothing",
      test_drain_right_after_sending);
  return ring_test_run ();
}
