/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The cuda backend over the stand-in driver: what it says where it cannot run, how
 * it chooses to run, when the kernel is on the device, and who else gets along with
 * that.
 */
#include "cuda-test.h"

/* ---- opening ------------------------------------------------------------------------ */

static void
assert_refused (const gchar *setting, const gchar *value, gint device, ...)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (GError) error = NULL;
  const gchar *text;
  va_list texts;

  g_setenv (setting, value, TRUE);
  config->device = device;
  runtime = ring_runtime_new (config, &error);
  g_assert_null (runtime);
  g_assert_error (error, RING_ERROR, RING_ERROR_NO_DEVICE);
  g_test_message ("%s", error->message);
  g_assert_null (strchr (error->message, '\n'));
  va_start (texts, device);
  while ((text = va_arg (texts, const gchar *))) {
    if (!strstr (error->message, text))
      g_error ("'%s' does not mention '%s'", error->message, text);
  }
  va_end (texts);

  /* auto takes the cpu then. */
  if (device == 0) {
    g_clear_error (&error);
    config->backend = RING_BACKEND_AUTO;
    runtime = ring_runtime_new (config, &error);
    g_assert_no_error (error);
    g_assert_cmpint (ring_runtime_get_backend (runtime), ==, RING_BACKEND_CPU);
    g_assert_null (ring_runtime_get_cuda_context (runtime));
  }
}

static gboolean
in_subprocess (void)
{
  if (g_test_subprocess ())
    return TRUE;
  g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC, 0);
  g_test_trap_assert_passed ();
  return FALSE;
}

static void
test_no_device (void)
{
  if (in_subprocess ())
    assert_refused ("RING_FAKE_DEVICES", "0", 0, "no CUDA device", NULL);
}

static void
test_old_driver (void)
{
  if (in_subprocess ())
    assert_refused ("RING_FAKE_DRIVER_VERSION", "11080", 0, "too old", "11.8",
        NULL);
}

static void
test_old_device (void)
{
  if (in_subprocess ())
    assert_refused ("RING_FAKE_CAPABILITY", "70", 0, "compute capability 7.0",
        "7.5", NULL);
}

static void
test_wrong_index (void)
{
  if (in_subprocess ())
    assert_refused ("RING_FAKE_DEVICES", "2", 2, "no device 2", "0 to 1", NULL);
}

static void
test_second_device (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) first = NULL, second = NULL;
  g_autoptr (RingKernel) a = NULL, b = NULL;
  g_autoptr (RingMessage) message = ring_test_message (64, 1);
  g_autoptr (RingMessage) reply = NULL;
  g_autoptr (GError) error = NULL;

  if (!in_subprocess ())
    return;
  g_setenv ("RING_FAKE_DEVICES", "2", TRUE);
  first = cuda_test_runtime (config);
  config->device = 1;
  second = cuda_test_runtime (config);
  g_assert_cmpint (ring_runtime_get_device (second), ==, 1);
  g_assert_true (ring_runtime_get_cuda_context (first)
      != ring_runtime_get_cuda_context (second));
  a = cuda_test_start (first, "copy", NULL);
  b = cuda_test_start (second, "copy", NULL);
  reply = ring_kernel_call (b, message, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (ring_test_same_payload (message, reply));
  g_clear_pointer (&reply, ring_message_unref);
  reply = ring_kernel_call (a, message, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
}

static void
test_auto_is_cuda_where_it_works (void)
{
  g_autoptr (RingConfig) config = ring_config_new ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);

  g_assert_cmpint (ring_runtime_get_backend (runtime), ==, RING_BACKEND_CUDA);
  g_assert_nonnull (ring_runtime_get_cuda_context (runtime));
  g_clear_object (&runtime);
  config->mode = RING_EXECUTION_INLINE;
  runtime = cuda_test_runtime (config);
  g_assert_cmpint (ring_runtime_get_backend (runtime), ==, RING_BACKEND_CPU);
}

/* ---- how it runs ---------------------------------------------------------------------- */

/* Launches with the settings of the moment, and checks that it works. */
static RingMetrics *
launched_as (RingExecutionMode mode, guint64 lease)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMessage) message = ring_test_message (20000, 3);
  g_autoptr (RingMessage) reply = NULL;
  g_autoptr (GError) error = NULL;

  config->mode = mode;
  config->lease = lease;
  runtime = cuda_test_runtime (config);
  kernel = cuda_test_start (runtime, "copy", NULL);
  reply = ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (ring_test_same_payload (message, reply));
  return ring_kernel_get_metrics (kernel);
}

static void
test_persistent_by_default (void)
{
  g_autoptr (RingMetrics) m = launched_as (RING_EXECUTION_AUTO, 10000);

  g_assert_cmpint (m->mode, ==, RING_EXECUTION_PERSISTENT);
  g_assert_cmpint (m->backend, ==, RING_BACKEND_CUDA);
  g_assert_null (m->fallback);
  /* Four multiprocessors of two threads, one of them left to others. */
  g_assert_cmpuint (m->workers, ==, 6);
}

static void
test_watchdog_makes_it_event_driven (void)
{
  g_autoptr (RingMetrics) m = NULL;

  fake.set ("EXEC_TIMEOUT", 1);
  m = launched_as (RING_EXECUTION_AUTO, 10000);
  g_assert_cmpint (m->mode, ==, RING_EXECUTION_EVENT_DRIVEN);
  g_assert_nonnull (strstr (m->fallback, "watchdog"));
  g_clear_pointer (&m, ring_metrics_free);
  /* Who asks for it gets it as long as the lease is short. */
  m = launched_as (RING_EXECUTION_PERSISTENT, 10000);
  g_assert_cmpint (m->mode, ==, RING_EXECUTION_PERSISTENT);
  g_assert_null (m->fallback);
  g_clear_pointer (&m, ring_metrics_free);
  m = launched_as (RING_EXECUTION_PERSISTENT, 0);
  g_assert_cmpint (m->mode, ==, RING_EXECUTION_EVENT_DRIVEN);
  g_assert_nonnull (strstr (m->fallback, "lease"));
}

static void
test_no_cooperative_launch_makes_it_event_driven (void)
{
  g_autoptr (RingMetrics) m = NULL;

  fake.set ("COOPERATIVE", 0);
  m = launched_as (RING_EXECUTION_PERSISTENT, 10000);
  g_assert_cmpint (m->mode, ==, RING_EXECUTION_EVENT_DRIVEN);
  g_assert_nonnull (strstr (m->fallback, "cooperative"));
  g_assert_cmpuint (m->workers, ==, 2);
}

static void
test_one_multiprocessor_makes_it_event_driven (void)
{
  g_autoptr (RingMetrics) m = NULL;

  fake.set ("MULTIPROCESSORS", 1);
  m = launched_as (RING_EXECUTION_AUTO, 10000);
  g_assert_cmpint (m->mode, ==, RING_EXECUTION_EVENT_DRIVEN);
  g_assert_nonnull (strstr (m->fallback, "multiprocessor"));
}

static void
test_impossible_launches_say_why (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  g_autoptr (GError) error = NULL;

  g_assert_null (ring_runtime_launch (runtime, "copy", 5, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_INVALID_OPTION, "grid-size is 5",
      "4 blocks");
  g_assert_null (ring_runtime_launch (runtime, "copy", -1, 3, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_INVALID_OPTION, "block-size is 3",
      "2 threads");
  config->mode = RING_EXECUTION_INLINE;
  g_assert_null (ring_runtime_launch (runtime, "copy", -1, -1, config, &error));
  ring_test_assert_says (&error, RING_ERROR_INVALID_OPTION, "inline", "cpu");
  fake.set ("COOPERATIVE", 0);
  g_clear_object (&runtime);
  config->mode = RING_EXECUTION_AUTO;
  runtime = cuda_test_runtime (config);
  g_assert_null (ring_runtime_launch (runtime, "copy", 2, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_INVALID_OPTION, "cooperative");
  g_clear_object (&runtime);
  cuda_test_assert_nothing_live ();
}

static void
test_full_device_says_so (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingFormat) format =
      ring_format_new_video (RING_VIDEO_FORMAT_RGBA, 2000, 2000);
  g_autoptr (GError) error = NULL;

  fake.set ("MEMORY", 4 * 1024 * 1024);
  runtime = cuda_test_runtime (config);
  kernel =
      ring_runtime_launch (runtime, "temporal-denoise", -1, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (ring_kernel_set_format (kernel, format, &error));
  ring_test_assert_says (&error, RING_ERROR_NO_MEMORY, "state");
  /* The handle is as it was. */
  ring_format_free (format);
  format = ring_format_new_video (RING_VIDEO_FORMAT_RGBA, 64, 64);
  ring_kernel_set_format (kernel, format, &error);
  g_assert_no_error (error);
}

static void
test_module_for_the_cpu_alone (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  g_autofree gchar *path = g_build_filename (g_getenv ("RING_TEST_KERNEL_DIR"),
      "swap-record.so", NULL);
  g_autofree gchar *data = NULL, *copy = NULL, *dir = NULL, *beside = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;

  /* Alone in a folder, with nothing beside it. */
  dir = g_dir_make_tmp ("ring-cuda-XXXXXX", &error);
  g_assert_no_error (error);
  g_file_get_contents (path, &data, &size, &error);
  g_assert_no_error (error);
  copy = g_build_filename (dir, "swap-record.so", NULL);
  g_file_set_contents (copy, data, (gssize) size, &error);
  g_assert_no_error (error);
  g_assert_null (ring_runtime_launch (runtime, copy, -1, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_KERNEL_INVALID, "cpu only",
      ".fatbin");
  /* Something that is no code for a device. */
  beside = g_build_filename (dir, "swap-record.cubin", NULL);
  g_file_set_contents (beside, "no code", -1, &error);
  g_assert_no_error (error);
  g_assert_null (ring_runtime_launch (runtime, copy, -1, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_KERNEL_INVALID, "swap-record.cubin",
      "RingFake");
  g_clear_object (&runtime);
  cuda_test_assert_nothing_live ();
  g_unlink (beside);
  g_unlink (copy);
  g_rmdir (dir);
}

/* ---- residency ------------------------------------------------------------------------- */

static void
exchange (RingKernel *kernel, guint n, gsize size)
{
  guint i;

  for (i = 0; i < n; i++) {
    g_autoptr (RingMessage) message = ring_test_message (size, i);
    g_autoptr (RingMessage) reply = NULL;
    g_autoptr (GError) error = NULL;

    reply = ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, &error);
    g_assert_no_error (error);
    g_assert_true (ring_test_same_payload (message, reply));
  }
}

static void
test_leases_end_and_nothing_is_lost (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMetrics) m = NULL;
  guint i;

  config->lease = 200;
  config->idle_timeout = G_USEC_PER_SEC;
  config->mode = RING_EXECUTION_PERSISTENT;
  runtime = cuda_test_runtime (config);
  kernel = cuda_test_start (runtime, "copy", NULL);
  for (i = 0; i < 200; i++) {
    guint k;

    for (k = 0; k < 8; k++) {
      g_autoptr (RingMessage) message = ring_test_message (50 + k, 8 * i + k);

      ring_test_send (kernel, message);
    }
    for (k = 0; k < 8; k++) {
      g_autoptr (RingMessage) wanted = ring_test_message (50 + k, 8 * i + k);
      g_autoptr (RingMessage) message = ring_test_receive (kernel);

      g_assert_true (ring_test_same_payload (message, wanted));
    }
  }
  ring_test_assert_accounts (kernel, 1600, 1600, 0, 0);
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->relaunches, >, 0);
  g_assert_cmpuint (m->residencies, >, m->relaunches);
}

static void
test_idle_kernel_leaves_the_device (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  g_autoptr (RingKernel) kernel = cuda_test_start (runtime, "copy", NULL);
  guint i;

  for (i = 0; i < 3; i++) {
    exchange (kernel, 3, 40);
    ring_test_wait_until (cuda_test_running () == 0);
  }
}

static void
test_deactivated_kernel_leaves_the_device (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (GError) error = NULL;

  config->mode = RING_EXECUTION_PERSISTENT;
  config->lease = 0;
  config->idle_timeout = 3600 * (guint64) G_USEC_PER_SEC;
  runtime = cuda_test_runtime (config);
  kernel = cuda_test_start (runtime, "copy", NULL);
  exchange (kernel, 2, 64);
  g_assert_cmpuint (cuda_test_running (), ==, 1);
  ring_kernel_deactivate (kernel, &error);
  g_assert_no_error (error);
  ring_test_wait_until (cuda_test_running () == 0);
  ring_test_activate (kernel);
  exchange (kernel, 2, 64);
}

/* ---- neighbours ---------------------------------------------------------------------------- */

typedef struct
{
  CUcontext context;
  gint rounds, quit;
} Neighbour;

/* What makes the real driver wait for everything in the context. */
static gpointer
allocate_and_free (gpointer data)
{
  Neighbour *n = data;

  CUDA_CALL (cuCtxPushCurrent_v2, n->context);
  while (!g_atomic_int_get (&n->quit)) {
    CUdeviceptr memory;
    gpointer host;

    CUDA_CALL (cuMemAlloc_v2, &memory, 4096);
    CUDA_CALL (cuMemHostAlloc, &host, 4096, 0);
    CUDA_CALL (cuMemFree_v2, memory);
    CUDA_CALL (cuMemFreeHost, host);
    g_atomic_int_inc (&n->rounds);
  }
  CUDA_CALL (cuCtxPopCurrent_v2, &n->context);
  return NULL;
}

static void
test_neighbour_allocates_and_frees_meanwhile (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  Neighbour neighbour = { 0 };
  GThread *thread;
  guint exchanged = 0;

  config->mode = RING_EXECUTION_PERSISTENT;
  config->lease = 2000;
  /* Never idle: it leaves because its lease is over. */
  config->idle_timeout = 3600 * (guint64) G_USEC_PER_SEC;
  runtime = cuda_test_runtime (config);
  kernel = cuda_test_start (runtime, "copy", NULL);
  neighbour.context = ring_runtime_get_cuda_context (runtime);
  thread = g_thread_new ("neighbour", allocate_and_free, &neighbour);
  while (exchanged < 100 || g_atomic_int_get (&neighbour.rounds) < 20) {
    exchange (kernel, 1, 100);
    exchanged++;
  }
  g_atomic_int_set (&neighbour.quit, 1);
  g_thread_join (thread);
}

static void
test_several_handles_take_turns (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  RingKernel *kernels[4];
  guint i, round;

  for (i = 0; i < G_N_ELEMENTS (kernels); i++)
    kernels[i] = cuda_test_start (runtime, i % 2 ? "copy" : "invert", NULL);
  for (i = 0; i < G_N_ELEMENTS (kernels); i += 2) {
    g_autoptr (RingFormat) format =
        ring_format_new_video (RING_VIDEO_FORMAT_GRAY8, 16, 16);
    g_autoptr (GError) error = NULL;

    ring_kernel_set_format (kernels[i], format, &error);
    g_assert_no_error (error);
  }
  for (round = 0; round < 20; round++) {
    for (i = 1; i < G_N_ELEMENTS (kernels); i += 2) {
      g_autoptr (RingMessage) message = ring_test_message (300, round);

      ring_test_send (kernels[i], message);
    }
    for (i = 1; i < G_N_ELEMENTS (kernels); i += 2)
      ring_message_unref (ring_test_receive (kernels[i]));
  }
  for (i = 0; i < G_N_ELEMENTS (kernels); i++) {
    ring_test_terminate (kernels[i], RING_TERMINATE_DRAIN);
    g_object_unref (kernels[i]);
  }
}

static void
test_handles_come_and_go (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  guint i;

  for (i = 0; i < 20; i++) {
    g_autoptr (RingKernel) kernel = cuda_test_start (runtime, "copy", NULL);

    exchange (kernel, 2, i * 100);
    if (i % 2)
      ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
  }
  g_clear_object (&runtime);
  cuda_test_assert_nothing_live ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!cuda_test_load ()) {
    g_print ("1..0 # SKIP needs the stand-in driver\n");
    return 0;
  }
  cuda_test_add ("/cuda/open/no-device", test_no_device);
  cuda_test_add ("/cuda/open/old-driver", test_old_driver);
  cuda_test_add ("/cuda/open/old-device", test_old_device);
  cuda_test_add ("/cuda/open/wrong-index", test_wrong_index);
  cuda_test_add ("/cuda/open/second-device", test_second_device);
  cuda_test_add ("/cuda/open/auto", test_auto_is_cuda_where_it_works);
  cuda_test_add ("/cuda/mode/persistent-by-default",
      test_persistent_by_default);
  cuda_test_add ("/cuda/mode/watchdog", test_watchdog_makes_it_event_driven);
  cuda_test_add ("/cuda/mode/no-cooperative-launch",
      test_no_cooperative_launch_makes_it_event_driven);
  cuda_test_add ("/cuda/mode/one-multiprocessor",
      test_one_multiprocessor_makes_it_event_driven);
  cuda_test_add ("/cuda/launch/impossible", test_impossible_launches_say_why);
  cuda_test_add ("/cuda/launch/full-device", test_full_device_says_so);
  cuda_test_add ("/cuda/launch/module-for-the-cpu",
      test_module_for_the_cpu_alone);
  cuda_test_add ("/cuda/residency/leases", test_leases_end_and_nothing_is_lost);
  cuda_test_add ("/cuda/residency/idle", test_idle_kernel_leaves_the_device);
  cuda_test_add ("/cuda/residency/deactivated",
      test_deactivated_kernel_leaves_the_device);
  cuda_test_add ("/cuda/neighbours/allocate-and-free",
      test_neighbour_allocates_and_frees_meanwhile);
  cuda_test_add ("/cuda/neighbours/several-handles",
      test_several_handles_take_turns);
  cuda_test_add ("/cuda/neighbours/come-and-go", test_handles_come_and_go);
  return ring_test_run ();
}
