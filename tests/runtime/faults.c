/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Kernels that never finish: the handle fails, the process goes on.
 */
#include "ring-test.h"

/* ---- a kernel that never finishes -------------------------------------------------- */

static RingKernel *
start_impatient (RingExecutionMode mode)
{
  RingConfig *config = ring_test_config (mode);
  RingKernel *kernel;

  config->termination_timeout = 100 * G_TIME_SPAN_MILLISECOND;
  /* Or a device would be found to have stalled at about the same time. */
  config->lease = 10 * G_TIME_SPAN_SECOND;
  kernel = ring_test_launch_with (config, "gate", 2);
  ring_test_activate (kernel);
  return kernel;
}

static void
test_stuck_kernel_fails_its_handle (RingExecutionMode mode)
{
  RingKernel *kernel;
  RingTestGate gate = { 0, 0, 0 };
  RingTestSender sender;
  g_autoptr (RingMessage) waiting = ring_test_gate_message (NULL, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMetrics) m = NULL;
  gpointer weak;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = start_impatient (mode);
  ring_test_sender_start (&sender, kernel, &gate);
  ring_test_send (kernel, waiting);

  g_assert_false (ring_kernel_terminate (kernel, RING_TERMINATE_DRAIN, &error));
  ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "gate", "100 ms");
  g_assert_cmpint (ring_kernel_get_status (kernel), ==, RING_KERNEL_FAILED);
  error = ring_kernel_get_error (kernel);
  ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "gate");
  /* Still stuck: nothing has let it go in the meantime. */
  g_assert_cmpuint (__atomic_load_n (&gate.left, __ATOMIC_ACQUIRE), ==, 0);

  /* Nothing is lost from the books, and no call waits for the stuck one. */
  g_assert_false (ring_kernel_send (kernel, waiting, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_STATUS, "failed");
  g_assert_null (ring_kernel_receive (kernel, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_STATUS, "failed");
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->accepted, ==, 2);
  g_assert_cmpuint (m->in_flight, ==, 0);
  g_assert_cmpuint (m->rejected + m->discarded, ==, 2);

  /* The process lives, and so does the next handle, unless the stuck kernel has
   * the device that the next one would need. */
  if (ring_test_backend () == RING_BACKEND_CUDA) {
    g_autoptr (RingRuntime) runtime = ring_test_runtime ();

    g_assert_null (ring_runtime_launch (runtime, "copy", -1, -1, NULL, &error));
    ring_test_assert_says (&error, RING_ERROR_FAULT, "never ends");
  } else {
    g_autoptr (RingKernel) next = ring_test_start (mode, "gate", 2);
    g_autoptr (RingMessage) message = ring_test_gate_message (NULL, 5);
    g_autoptr (RingMessage) reply =
        ring_kernel_call (next, message, RING_TEST_WAIT, NULL, &error);

    g_assert_no_error (error);
    g_assert_cmpuint (ring_test_gate_seed (reply), ==, 5);
  }

  /* Our reference goes. The kernel still writes when it is let go: into memory
   * that must still be there (sanitizers and valgrind watch this line). */
  weak = kernel;
  g_object_add_weak_pointer (G_OBJECT (kernel), &weak);
  if (mode != RING_EXECUTION_INLINE) {
    g_object_unref (kernel);
    g_assert_nonnull (weak); /* kept for good */
  }
  ring_test_gate_open (&gate);
  ring_test_gate_wait_left (&gate);
  ring_test_sender_join (&sender);
  g_clear_error (&sender.error);
  if (mode == RING_EXECUTION_INLINE)
    g_object_unref (kernel);
  if (weak)
    g_object_remove_weak_pointer (G_OBJECT (weak), &weak);
  ring_test_wait_for_device ();
}

/* Nobody calls terminate; the handle just goes. */
static void
test_stuck_kernel_does_not_hold_up_the_last_unref (RingExecutionMode mode)
{
  /* Static: the kernel uses it for as long as the process lives. */
  static RingTestGate gate[2];
  RingTestGate *g = &gate[mode == RING_EXECUTION_PERSISTENT];
  g_autoptr (RingMessage) message = ring_test_gate_message (g, 0);
  RingKernel *kernel;

  if (ring_test_skip_unless_cpu ())
    return;
  if (mode == RING_EXECUTION_INLINE) {
    g_test_skip ("the stuck thread is the sender's own, which has a reference");
    return;
  }
  kernel = start_impatient (mode);
  ring_test_send (kernel, message);
  ring_test_gate_wait_entered (g);
  g_object_unref (kernel);
  ring_test_gate_open (g);
  ring_test_gate_wait_left (g);
  ring_test_wait_for_device ();
}

static void
outcome_store (RingKernel *kernel, const RingCompletion *completion,
    gpointer user_data)
{
  (void) kernel;
  g_atomic_int_set ((gint *) user_data, (gint) completion->outcome + 1);
}

/* Whoever lent memory learns that he must not free it. */
static void
test_stuck_submission_is_abandoned (RingExecutionMode mode)
{
  static RingTestGate gate[2];
  static guint64 input[2][2][4], output[2][2][4];
  static gint outcome[2][2];
  const gsize which = mode == RING_EXECUTION_PERSISTENT;
  g_autoptr (GError) error = NULL;
  RingKernel *kernel;
  guint i;

  if (ring_test_skip_unless_cpu ())
    return;
  if (mode == RING_EXECUTION_INLINE) {
    g_test_skip ("the stuck thread is the submitter's own");
    return;
  }
  kernel = start_impatient (mode);
  input[which][0][0] = (guint64) (guintptr) &gate[which];
  for (i = 0; i < 2; i++) {
    RingMemory to = { .n_planes = 1,
      .size = 32,
      .plane = { { output[which][i], 32, 32 } } };
    RingSubmission submission = {
      .input = { .n_planes = 1,
          .size = 32,
          .plane = { { input[which][i], 32, 32 } } },
      .outputs = &to,
      .n_outputs = 1,
      .pts = RING_TIME_NONE,
      .duration = RING_TIME_NONE,
      .completed = outcome_store,
      .user_data = &outcome[which][i]
    };

    ring_kernel_submit (kernel, &submission, &error);
    g_assert_no_error (error);
  }
  ring_test_gate_wait_entered (&gate[which]);
  g_assert_false (
      ring_kernel_terminate (kernel, RING_TERMINATE_DISCARD, &error));
  ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "gate");
  for (i = 0; i < 2; i++)
    ring_test_wait_until (g_atomic_int_get (&outcome[which][i]) != 0);
  g_assert_cmpint (outcome[which][0], ==, RING_OUTCOME_ABANDONED + 1);
  g_assert_cmpint (outcome[which][1], !=, RING_OUTCOME_DONE + 1);
  ring_test_gate_open (&gate[which]);
  ring_test_gate_wait_left (&gate[which]);
  g_object_unref (kernel);
  ring_test_wait_for_device ();
}

/* A slow kernel is no stuck one: it ends within the time-out, all is well. */
static void
test_slow_kernel_may_finish (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMessage) got = NULL;
  g_autoptr (GError) error = NULL;
  RingTestGate gate = { 0, 0, 0 };
  RingTestSender sender;
  RingKernelStatus status;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = ring_test_start (mode, "gate", 1);
  ring_test_sender_start (&sender, kernel, &gate);
  g_assert_null (ring_kernel_receive (kernel, 1000, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "gate");
  status = ring_kernel_get_status (kernel);
  g_assert_cmpint (status, ==, RING_KERNEL_ACTIVE);
  ring_test_gate_open (&gate);
  ring_test_sender_join (&sender);
  got = ring_test_receive (kernel);
  ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ring_test_add_modes ("/faults/stuck-kernel/fails-its-handle",
      test_stuck_kernel_fails_its_handle);
  ring_test_add_modes ("/faults/stuck-kernel/does-not-hold-up-the-last-unref",
      test_stuck_kernel_does_not_hold_up_the_last_unref);
  ring_test_add_modes ("/faults/stuck-kernel/submission-is-abandoned",
      test_stuck_submission_is_abandoned);
  ring_test_add_modes ("/faults/slow-kernel-may-finish",
      test_slow_kernel_may_finish);
  return ring_test_run ();
}
