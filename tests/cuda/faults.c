/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What fails on a device, over the stand-in driver: every call of the driver, once at
 * each of its calls; a kernel that faults, one that stops, one that never ends.
 */
#include "cuda-test.h"

/* ---- every call of the driver --------------------------------------------------------- */

/* How often the kernel and the bridge look at the driver depends on time; the first
 * calls and some later ones will do. */
#define MOST_CALLS 24

typedef struct
{
  RingExecutionMode mode;
  RingTransfer transfer;
  gboolean plain; /* a driver without what is optional */
} Life;

/* A handle's life. Whatever fails, it ends, says why, and its books balance. Returns
 * whether all went well. */
static gboolean
live (const Life *life, GError **error)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (GError) ignored = NULL;
  CudaOutcomes outcomes = { 0 };
  guint8 in[3][2000], out[3][2000];
  RingMemory to[3];
  gint accepted = 0;
  gboolean ok = TRUE;
  guint i;

  config->mode = life->mode;
  config->transfer = life->transfer;
  config->termination_timeout = 2 * G_USEC_PER_SEC;
  config->queue_capacity = 16;
  runtime = ring_runtime_new (config, error);
  if (!runtime)
    return FALSE;
  kernel = ring_runtime_launch (runtime, "copy", -1, -1, NULL, error);
  if (!kernel)
    return FALSE;
  ring_test_activate (kernel);
  for (i = 0; i < 3 && ok; i++) {
    RingSubmission submission = { .outputs = &to[i],
      .n_outputs = 1,
      .pts = RING_TIME_NONE,
      .duration = RING_TIME_NONE,
      .completed = cuda_test_completed,
      .user_data = &outcomes };

    cuda_test_fill (in[i], sizeof in[i], i);
    cuda_test_memory (&submission.input, in[i], sizeof in[i]);
    cuda_test_memory (&to[i], out[i], sizeof out[i]);
    ok = ring_kernel_submit (kernel, &submission, error);
    accepted += ok;
  }
  if (ok)
    ok = ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, error);
  for (i = 0; (gint) i < accepted && ok && outcomes.done == accepted; i++)
    cuda_test_assert_filled (out[i], sizeof out[i], i);
  if (ring_kernel_get_status (kernel) == RING_KERNEL_FAILED) {
    g_clear_error (error);
    *error = ring_kernel_get_error (kernel);
    ok = FALSE;
  } else if (!ring_kernel_terminate (kernel, RING_TERMINATE_DRAIN,
                 ok ? error : &ignored)) {
    ok = FALSE;
  }
  /* Every accepted message has ended, exactly once. */
  ring_test_wait_until (cuda_test_ended (&outcomes) == accepted);
  ring_test_assert_balanced (kernel);
  {
    g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

    g_assert_cmpuint (m->accepted, ==, (guint64) accepted);
    g_assert_cmpuint (m->in_flight, ==, 0);
  }
  return ok;
}

static gboolean
gives_back (const gchar *function)
{
  static const gchar *const verbs[] = { "Free", "Destroy", "Unload", "Release",
    "PopCurrent" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (strstr (function, verbs[i]))
      return TRUE;
  return FALSE;
}

static void
fail_every_call (const Life *life)
{
  const gchar *function;
  guint i, failures = 0;

  for (i = 0; (function = fake.function (i)); i++) {
    guint calls, nth;

    /* Failing the first call of cuInit would be remembered; see backend.c. */
    if (g_str_has_prefix (function, "cuInit")
        || g_str_has_prefix (function, "cuDriverGetVersion")
        || g_str_has_prefix (function, "cuGetError"))
      continue;
    fake.reset ();
    if (life->plain) {
      fake.set ("STREAM_MEMOPS", 0);
      fake.set ("MEMORY_POOLS", 0);
    }
    {
      g_autoptr (GError) error = NULL;

      if (i == 0) {
        g_assert_true (live (life, &error));
        g_assert_no_error (error);
      } else {
        live (life, &error);
        g_assert_no_error (error);
      }
    }
    calls = fake.calls (function);
    for (nth = 1; nth <= MIN (calls, MOST_CALLS); nth++) {
      g_autoptr (GError) error = NULL;
      gboolean ok;

      fake.reset ();
      if (life->plain) {
        fake.set ("STREAM_MEMOPS", 0);
        fake.set ("MEMORY_POOLS", 0);
      }
      fake.fail (function, nth,
          nth % 2 ? CUDA_ERROR_UNKNOWN : CUDA_ERROR_OUT_OF_MEMORY);
      ok = live (life, &error);
      if (!ok) {
        g_assert_nonnull (error);
        g_assert_true (error->domain == RING_ERROR);
        g_assert_cmpuint (strlen (error->message), >, 10);
        failures++;
      } else {
        g_assert_no_error (error);
      }
      /* What could not be given back is lost; anything else is given back. */
      if (!gives_back (function))
        cuda_test_assert_nothing_live ();
    }
  }
  /* The test would mean little if nothing had ever failed. */
  g_assert_cmpuint (failures, >, 20);
}

static void
test_calls_fail_persistent_mapped (void)
{
  const Life life = { RING_EXECUTION_PERSISTENT, RING_TRANSFER_MAPPED, FALSE };

  fail_every_call (&life);
}

static void
test_calls_fail_persistent_staged (void)
{
  const Life life = { RING_EXECUTION_PERSISTENT, RING_TRANSFER_STAGED, FALSE };

  fail_every_call (&life);
}

static void
test_calls_fail_event_driven_staged (void)
{
  const Life life = { RING_EXECUTION_EVENT_DRIVEN, RING_TRANSFER_STAGED, TRUE };

  fail_every_call (&life);
}

/* ---- the device ---------------------------------------------------------------------------- */

static RingKernel *
start_with_frozen_messages (RingRuntime *runtime, const RingConfig *config,
    guint n)
{
  RingKernel *kernel = cuda_test_start (runtime, "copy", config);
  guint i;

  fake.freeze (1);
  for (i = 0; i < n; i++) {
    g_autoptr (RingMessage) message = ring_test_message (1000, i);

    ring_test_send (kernel, message);
  }
  return kernel;
}

static guint64
in_flight (RingKernel *kernel)
{
  g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

  return m->in_flight;
}

static void
assert_ended_as_failed (RingKernel *kernel, guint n, const gchar *says)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMetrics) m = NULL;

  ring_test_wait_until (ring_kernel_get_status (kernel) == RING_KERNEL_FAILED);
  error = ring_kernel_get_error (kernel);
  ring_test_assert_says (&error, RING_ERROR_FAULT, says);
  ring_test_wait_until (in_flight (kernel) == 0);
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->accepted, ==, n);
  g_assert_cmpuint (m->rejected + m->discarded + m->delivered, ==, n);
}

static void
test_fault_fails_the_handle_and_spares_the_process (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  g_autoptr (RingKernel) kernel = start_with_frozen_messages (runtime, NULL, 5);
  g_autoptr (RingMessage) message = ring_test_message (64, 1);
  g_autoptr (GError) error = NULL;

  fake.fault (CUDA_ERROR_ILLEGAL_ADDRESS);
  fake.freeze (0);
  assert_ended_as_failed (kernel, 5, "CUDA_ERROR_ILLEGAL_ADDRESS");
  g_assert_false (ring_kernel_send (kernel, message, 0, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_STATUS, "failed");
  /* The context is lost for everybody, and that is said. */
  g_assert_null (ring_runtime_launch (runtime, "copy", -1, -1, NULL, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
}

static void
test_fault_ends_the_other_handles_of_the_context (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  g_autoptr (RingKernel) other = cuda_test_start (runtime, "copy", NULL);
  g_autoptr (RingKernel) kernel = start_with_frozen_messages (runtime, NULL, 2);
  g_autoptr (RingMessage) message = ring_test_message (1000, 1);

  fake.fault (CUDA_ERROR_ILLEGAL_ADDRESS);
  fake.freeze (0);
  assert_ended_as_failed (kernel, 2, "lost its device");
  /* It learns of it when it next has something to do. */
  ring_kernel_send (other, message, 0, NULL, NULL);
  ring_test_wait_until (ring_kernel_get_status (other) == RING_KERNEL_FAILED);
}

/* A kernel that is on the device, waits for messages, and then stops. */
static RingKernel *
start_and_freeze (RingRuntime *runtime)
{
  RingKernel *kernel = cuda_test_start (runtime, "copy", NULL);
  g_autoptr (RingMessage) message = ring_test_message (64, 1);
  g_autoptr (RingMessage) reply = NULL;
  g_autoptr (GError) error = NULL;

  reply = ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (cuda_test_running (), ==, 1);
  fake.freeze (1);
  ring_test_send (kernel, message);
  return kernel;
}

static RingConfig *
impatient_config (guint64 lease)
{
  RingConfig *config = cuda_test_config ();

  config->mode = RING_EXECUTION_PERSISTENT;
  config->lease = lease;
  config->idle_timeout = 3600 * (guint64) G_USEC_PER_SEC;
  config->termination_timeout = 200 * 1000;
  return config;
}

static void
test_stopped_heartbeat_fails_the_handle (void)
{
  g_autoptr (RingConfig) config = impatient_config (500 * 1000);
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  RingKernel *kernel = start_and_freeze (runtime);
  g_autoptr (GError) error = NULL;

  ring_test_wait_until (ring_kernel_get_status (kernel) == RING_KERNEL_FAILED);
  error = ring_kernel_get_error (kernel);
  ring_test_assert_says (&error, RING_ERROR_FAULT, "stalled", "sign of life");
  ring_test_wait_until (in_flight (kernel) == 0);
  ring_test_assert_balanced (kernel);

  /* It holds the device. Once it has let go, the device can be used again. */
  g_assert_null (ring_runtime_launch (runtime, "copy", -1, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_FAULT, "never ends");
  g_object_unref (kernel); /* kept for good, as it may still run */
  fake.freeze (0);
  ring_test_wait_until (
      (kernel = ring_runtime_launch (runtime, "copy", -1, -1, NULL, NULL)));
  g_object_unref (kernel);
}

static void
test_frozen_kernel_does_not_hold_up_terminate (void)
{
  /* No lease: nothing else would end it. */
  g_autoptr (RingConfig) config = impatient_config (0);
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  RingKernel *kernel = start_and_freeze (runtime);
  g_autoptr (GError) error = NULL;

  g_assert_false (ring_kernel_terminate (kernel, RING_TERMINATE_DRAIN, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_cmpint (ring_kernel_get_status (kernel), ==, RING_KERNEL_FAILED);
  ring_test_assert_balanced (kernel);
  g_object_unref (kernel);
  fake.freeze (0);
  ring_test_wait_until (
      (kernel = ring_runtime_launch (runtime, "copy", -1, -1, NULL, NULL)));
  g_object_unref (kernel);
}

/* Another one has the device and does not let go: whoever waits behind it is told. */
static void
test_residency_that_never_begins_fails_the_handle (void)
{
  g_autoptr (RingConfig) config = impatient_config (100 * 1000);
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  RingKernel *waiting = cuda_test_start (runtime, "copy", NULL);
  g_autoptr (RingMessage) message = ring_test_message (64, 1);
  g_autoptr (GError) error = NULL;
  RingKernel *kernel = start_and_freeze (runtime);

  ring_test_send (waiting, message);
  ring_test_wait_until (ring_kernel_get_status (waiting) == RING_KERNEL_FAILED);
  error = ring_kernel_get_error (waiting);
  ring_test_assert_says (&error, RING_ERROR_FAULT, "did not begin");
  ring_test_wait_until (in_flight (waiting) == 0);
  ring_test_assert_balanced (waiting);
  g_object_unref (waiting);
  g_object_unref (kernel);
  fake.freeze (0);
  ring_test_wait_until (
      (kernel = ring_runtime_launch (runtime, "copy", -1, -1, NULL, NULL)));
  g_object_unref (kernel);
}

/* What failed is not the device: the kernel still has what it was given. */
static void
test_failed_copy_does_not_free_memory_under_the_kernel (void)
{
  g_autoptr (RingConfig) config = impatient_config (0);
  g_autoptr (RingRuntime) runtime = NULL;
  RingKernel *kernel;
  CudaOutcomes outcomes = { 0 };
  guint8 in[4][3000], out[4][3000];
  RingMemory to[4];
  guint i;

  config->transfer = RING_TRANSFER_STAGED;
  config->termination_timeout = 2 * G_USEC_PER_SEC;
  runtime = cuda_test_runtime (config);
  kernel = cuda_test_start (runtime, "copy", NULL);
  for (i = 0; i < 4; i++) {
    RingSubmission submission = { .outputs = &to[i],
      .n_outputs = 1,
      .pts = RING_TIME_NONE,
      .duration = RING_TIME_NONE,
      .completed = cuda_test_completed,
      .user_data = &outcomes };
    g_autoptr (GError) error = NULL;

    memset (in[i], 1, sizeof in[i]);
    cuda_test_memory (&submission.input, in[i], sizeof in[i]);
    cuda_test_memory (&to[i], out[i], sizeof out[i]);
    if (i == 3)
      fake.fail ("cuMemcpyHtoDAsync_v2", 1, CUDA_ERROR_OUT_OF_MEMORY);
    ring_kernel_submit (kernel, &submission, &error);
    g_assert_no_error (error);
    if (i == 0) {
      /* The memory is there, and the kernel waits on the device. */
      ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (cuda_test_running (), ==, 1);
      fake.freeze (1);
    }
  }
  ring_test_wait_until (ring_kernel_get_status (kernel) == RING_KERNEL_FAILED);
  ring_test_wait_until (cuda_test_ended (&outcomes) == 4);
  g_assert_cmpint (outcomes.done, ==, 1);
  /* Each of its blocks may be at one of them. */
  g_assert_cmpint (outcomes.abandoned, ==, 3);
  ring_test_assert_balanced (kernel);
  g_object_unref (kernel); /* kept for good */
  g_assert_cmpuint (cuda_test_running (), ==, 1);
  fake.freeze (0);
  ring_test_wait_until (
      (kernel = ring_runtime_launch (runtime, "copy", -1, -1, NULL, NULL)));
  g_object_unref (kernel);
}

/* Its message waits for a copy, so that it is not on the device itself. */
static void
test_handle_that_waits_for_a_copy_learns_of_a_fault (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  g_autoptr (RingKernel) kernel = cuda_test_start (runtime, "copy", NULL);
  g_autoptr (RingKernel) other = NULL;
  g_autoptr (RingMessage) message = ring_test_message (1000, 1);
  g_autoptr (GError) error = NULL;
  guint8 *word = ring_runtime_alloc (runtime, 64, &error);
  CudaOutcomes outcomes = { 0 };
  guint8 in[3000], out[3000];
  RingMemory to;
  RingSubmission submission = { .outputs = &to,
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = cuda_test_completed,
    .user_data = &outcomes };
  CUcontext context = ring_runtime_get_cuda_context (runtime);
  CUdeviceptr device;
  CUstream stream;

  g_assert_no_error (error);
  config->transfer = RING_TRANSFER_STAGED;
  other = cuda_test_start (runtime, "copy", config);
  memset (in, 1, sizeof in);
  cuda_test_memory (&submission.input, in, sizeof in);
  cuda_test_memory (&to, out, sizeof out);
  /* Both have their memory before something does not end. */
  ring_kernel_submit (other, &submission, &error);
  g_assert_no_error (error);
  ring_kernel_drain (other, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  ring_test_send (kernel, message);
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);

  memset (word, 0, 64);
  CUDA_CALL (cuCtxPushCurrent_v2, context);
  CUDA_CALL (cuStreamCreate, &stream, CU_STREAM_NON_BLOCKING);
  CUDA_CALL (cuMemHostGetDevicePointer_v2, &device, word, 0);
  CUDA_CALL (cuStreamWaitValue64_v2, stream, device, 1,
      CU_STREAM_WAIT_VALUE_EQ);
  CUDA_CALL (cuCtxPopCurrent_v2, &context);
  submission.input_stream = stream;
  ring_kernel_submit (other, &submission, &error);
  g_assert_no_error (error);

  fake.freeze (1);
  ring_test_send (kernel, message);
  fake.fault (CUDA_ERROR_ILLEGAL_ADDRESS);
  fake.freeze (0);
  ring_test_wait_until (ring_kernel_get_status (kernel) == RING_KERNEL_FAILED);
  assert_ended_as_failed (other, 2, "CUDA_ERROR_ILLEGAL_ADDRESS");
  g_assert_cmpint (outcomes.failed, ==, 1);
}

static void
test_launch_that_never_begins_times_out (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (GError) error = NULL;

  fake.freeze (1);
  g_assert_null (ring_runtime_launch (runtime, "copy", -1, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "did not begin");
  /* It is on its way still, whatever becomes of the runtime. */
  g_clear_object (&runtime);
  runtime = cuda_test_runtime (config);
  g_assert_null (ring_runtime_launch (runtime, "copy", -1, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_FAULT, "never ends");
  fake.freeze (0);
  ring_test_wait_until (
      (kernel = ring_runtime_launch (runtime, "copy", -1, -1, NULL, NULL)));
}

/* What such a test leaves on the device stays there as long as the process. */
static void
run_in_a_process_of_its_own (gconstpointer test)
{
  if (g_test_subprocess ()) {
    ((void (*) (void)) (gsize) test) ();
    return;
  }
  g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC, 0);
  g_test_trap_assert_passed ();
}

static void
add_alone (const gchar *path, void (*test) (void))
{
  g_test_add_data_func (path, (gconstpointer) (gsize) test,
      run_in_a_process_of_its_own);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!cuda_test_load ()) {
    g_print ("1..0 # SKIP needs the stand-in driver\n");
    return 0;
  }
  cuda_test_add ("/faults/driver/persistent-mapped",
      test_calls_fail_persistent_mapped);
  cuda_test_add ("/faults/driver/persistent-staged",
      test_calls_fail_persistent_staged);
  cuda_test_add ("/faults/driver/event-driven-staged",
      test_calls_fail_event_driven_staged);
  cuda_test_add ("/faults/device/fault",
      test_fault_fails_the_handle_and_spares_the_process);
  cuda_test_add ("/faults/device/fault-of-another",
      test_fault_ends_the_other_handles_of_the_context);
  add_alone ("/faults/device/stopped-heartbeat",
      test_stopped_heartbeat_fails_the_handle);
  add_alone ("/faults/device/frozen-at-terminate",
      test_frozen_kernel_does_not_hold_up_terminate);
  add_alone ("/faults/device/residency-never-begins",
      test_residency_that_never_begins_fails_the_handle);
  add_alone ("/faults/device/failed-copy-beside-the-kernel",
      test_failed_copy_does_not_free_memory_under_the_kernel);
  cuda_test_add ("/faults/device/fault-during-a-copy",
      test_handle_that_waits_for_a_copy_learns_of_a_fault);
  add_alone ("/faults/device/never-begins",
      test_launch_that_never_begins_times_out);
  return ring_test_run ();
}
