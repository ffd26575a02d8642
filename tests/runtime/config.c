/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Set-ups: defaults, limits, and what a launch makes of them.
 */
#include "ring-test.h"

/* ---- set-ups ------------------------------------------------------------------------- */

static void
test_defaults_are_the_documented_ones (void)
{
  g_autoptr (RingConfig) c = ring_config_new ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingConfig) effective = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (c->backend, ==, RING_BACKEND_AUTO);
  g_assert_cmpint (c->device, ==, 0);
  g_assert_cmpint (c->mode, ==, RING_EXECUTION_AUTO);
  g_assert_cmpuint (c->queue_capacity, ==, 4096);
  g_assert_cmpuint (c->message_size, ==, 65792);
  g_assert_cmpuint (c->poll_interval, ==, 100);
  g_assert_cmpuint (c->lease, ==, 10000);
  g_assert_cmpuint (c->idle_timeout, ==, 50);
  g_assert_cmpuint (c->termination_timeout, ==, 5000000);
  g_assert_true (c->telemetry);
  g_assert_false (c->publish);
  g_assert_false (c->parameter_files);
  g_assert_cmpint (RING_DEFAULT_CALL_TIMEOUT, ==, 30000000);

  /* NULL means these. */
  runtime = ring_runtime_new (NULL, &error);
  g_assert_no_error (error);
  effective = ring_runtime_get_config (runtime);
  g_assert_cmpuint (effective->queue_capacity, ==, c->queue_capacity);
  g_assert_cmpuint (effective->message_size, ==, c->message_size);
  g_assert_cmpuint (effective->termination_timeout, ==, c->termination_timeout);
}

static void
test_auto_is_inline_on_cpu (void)
{
  g_autoptr (RingKernel) kernel = NULL;
  RingConfig *config = ring_config_new ();

  config->backend = RING_BACKEND_CPU;
  kernel = ring_test_launch_with (config, "copy", 0);
  g_assert_cmpint (ring_kernel_get_mode (kernel), ==, RING_EXECUTION_INLINE);
}

static void
test_config_is_copied (void)
{
  g_autoptr (RingConfig) config = ring_test_config (RING_EXECUTION_INLINE);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingConfig) effective = NULL;

  config->queue_capacity = 77;
  runtime = ring_runtime_new (config, &error);
  g_assert_no_error (error);
  config->queue_capacity = 1;
  effective = ring_runtime_get_config (runtime);
  g_assert_cmpuint (effective->queue_capacity, ==, 77);
}

static void
test_launch_options_replace_the_runtimes (void)
{
  g_autoptr (RingConfig) config = ring_test_config (RING_EXECUTION_INLINE);
  g_autoptr (RingConfig) options = ring_test_config (RING_EXECUTION_PERSISTENT);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = ring_runtime_new (config, &error);
  g_autoptr (RingKernel) kernel = NULL;
  guint i;

  g_assert_no_error (error);
  options->queue_capacity = 2;
  kernel = ring_runtime_launch (runtime, "copy", -1, -1, options, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ring_kernel_get_mode (kernel), ==,
      RING_EXECUTION_PERSISTENT);
  ring_test_activate (kernel);
  for (i = 0; i < 2; i++) {
    g_autoptr (RingMessage) m = ring_test_message (8, i);

    ring_test_send (kernel, m);
  }
  {
    g_autoptr (RingMessage) m = ring_test_message (8, 2);

    g_assert_false (ring_kernel_send (kernel, m, 0, NULL, &error));
    ring_test_assert_says (&error, RING_ERROR_QUEUE_FULL, "2");
  }
}

static void
check_config (void (*change) (RingConfig *), const gchar *name,
    const gchar *value)
{
  g_autoptr (RingConfig) config = ring_test_config (RING_EXECUTION_INLINE);
  g_autoptr (RingConfig) good = ring_test_config (RING_EXECUTION_INLINE);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = NULL;

  change (config);
  g_assert_null (ring_runtime_new (config, &error));
  ring_test_assert_says (&error, RING_ERROR_INVALID_OPTION, name, value);

  /* The same, said at launch. */
  runtime = ring_runtime_new (good, &error);
  g_assert_no_error (error);
  g_assert_null (ring_runtime_launch (runtime, "copy", -1, -1, config, &error));
  ring_test_assert_says (&error, RING_ERROR_INVALID_OPTION, name, value);
}

static void
no_capacity (RingConfig *c)
{
  c->queue_capacity = 0;
}

static void
huge_capacity (RingConfig *c)
{
  c->queue_capacity = RING_MAX_QUEUE_CAPACITY + 1;
}

static void
small_message (RingConfig *c)
{
  c->message_size = RING_HEADER_SIZE;
}

static void
huge_message (RingConfig *c)
{
  c->message_size = 1u << 31;
}

static void
no_poll_interval (RingConfig *c)
{
  c->poll_interval = 0;
}

static void
negative_device (RingConfig *c)
{
  c->device = -1;
}

static void
unknown_mode (RingConfig *c)
{
  c->mode = (RingExecutionMode) 99;
}

static void
unknown_backend (RingConfig *c)
{
  c->backend = (RingBackendType) 99;
}

static void
long_lease (RingConfig *c)
{
  c->lease = G_MAXUINT64 / 1000;
}

static void
long_idle_timeout (RingConfig *c)
{
  c->idle_timeout = G_GUINT64_CONSTANT (86400000001);
}

static void
long_termination_timeout (RingConfig *c)
{
  c->termination_timeout = G_MAXUINT64;
}

static void
test_options_out_of_range_are_named (void)
{
  check_config (no_capacity, "queue-capacity", "65536");
  check_config (huge_capacity, "queue-capacity", "65537");
  check_config (small_message, "message-size", "256");
  check_config (huge_message, "message-size", "2147483648");
  check_config (no_poll_interval, "poll-interval", "0");
  check_config (negative_device, "device", "-1");
  check_config (unknown_mode, "mode", "99");
  check_config (long_lease, "lease", "18446744073709551");
  check_config (long_idle_timeout, "idle-timeout", "86400000001");
  check_config (long_termination_timeout, "termination-timeout",
      "18446744073709551615");
  check_config (unknown_backend, "backend", "99");
}

static void
test_grid_and_block_out_of_range_are_named (void)
{
  const struct
  {
    gint grid, block;
    const gchar *name, *value;
  } bad[] = {
    { 0, 1, "grid", "0" },
    { 1, 0, "block", "0" },
    { -2, 1, "grid", "-2" },
    { 1, -2, "block", "-2" },
    { G_MAXINT, 1, "grid", "2147483647" },
    { 1, G_MAXINT, "block", "2147483647" },
    { G_MININT, 1, "grid", "-2147483648" },
    /* Absurd only together, and beyond 32 bits. */
    { 65536, 65536, "-size", "65536" },
  };
  gsize m, i;

  for (m = 0; m < G_N_ELEMENTS (ring_test_modes); m++) {
    g_autoptr (RingConfig) config = ring_test_config (ring_test_modes[m]);
    g_autoptr (GError) error = NULL;
    g_autoptr (RingRuntime) runtime = NULL;

    if (!ring_test_has_mode (ring_test_modes[m]))
      continue;
    runtime = ring_runtime_new (config, &error);
    g_assert_no_error (error);
    for (i = 0; i < G_N_ELEMENTS (bad); i++) {
      g_assert_null (ring_runtime_launch (runtime, "copy", bad[i].grid,
          bad[i].block, NULL, &error));
      ring_test_assert_says (&error, RING_ERROR_INVALID_OPTION, bad[i].name,
          bad[i].value);
    }
  }
}

static void
test_capacity_is_exact_where_it_is_no_power_of_two (RingExecutionMode mode)
{
  const guint capacities[] = { 1, 2, 3, 7, 100 };
  gsize c;

  for (c = 0; c < G_N_ELEMENTS (capacities); c++) {
    RingConfig *config = ring_test_config (mode);
    g_autoptr (RingKernel) kernel = NULL;
    g_autoptr (GError) error = NULL;
    g_autoptr (RingMessage) message = ring_test_message (8, 0);
    guint round, i;

    config->queue_capacity = capacities[c];
    kernel = ring_test_launch_with (config, "copy", 1);
    ring_test_activate (kernel);
    for (round = 0; round < 3; round++) {
      for (i = 0; i < capacities[c]; i++) {
        ring_kernel_send (kernel, message, 0, NULL, &error);
        g_assert_no_error (error);
      }
      g_assert_false (ring_kernel_send (kernel, message, 0, NULL, &error));
      ring_test_assert_says (&error, RING_ERROR_QUEUE_FULL, "copy");
      for (i = 0; i < capacities[c]; i++) {
        g_autoptr (RingMessage) got = ring_test_receive (kernel);

        g_assert_true (ring_test_same_payload (got, message));
      }
    }
  }
}

/* The shortest and the longest of everything still moves messages. */
static void
test_extreme_times (RingExecutionMode mode)
{
  const guint64 times[] = { 0, 1, G_GUINT64_CONSTANT (86400000000) };
  gsize t;

  for (t = 0; t < G_N_ELEMENTS (times); t++) {
    RingConfig *config = ring_test_config (mode);
    g_autoptr (RingKernel) kernel = NULL;
    guint i;

    config->lease = times[t];
    config->idle_timeout = times[t];
    config->poll_interval = t == 0 ? 1 : 1000000;
    kernel = ring_test_launch_with (config, "copy", 2);
    ring_test_activate (kernel);
    for (i = 0; i < 100; i++) {
      g_autoptr (RingMessage) sent = ring_test_message (20 * i, i);
      g_autoptr (GError) error = NULL;
      g_autoptr (RingMessage) got =
          ring_kernel_call (kernel, sent, RING_TEST_WAIT, NULL, &error);

      g_assert_no_error (error);
      g_assert_true (ring_test_same_payload (sent, got));
    }
    ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
    ring_test_assert_accounts (kernel, 100, 100, 0, 0);
  }
}

/* No time at all to end in: an idle kernel needs none. */
static void
test_no_time_to_terminate (RingExecutionMode mode)
{
  RingConfig *config = ring_test_config (mode);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (GError) error = NULL;

  config->termination_timeout = 0;
  kernel = ring_test_launch_with (config, "copy", 1);
  ring_test_activate (kernel);
  if (!ring_kernel_terminate (kernel, RING_TERMINATE_DRAIN, &error))
    ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "copy");
  g_assert_cmpint (ring_kernel_get_status (kernel), >=, RING_KERNEL_TERMINATED);
}

static void
test_cuda_is_not_built (void)
{
  g_autoptr (RingConfig) config = ring_config_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = NULL;

  config->backend = RING_BACKEND_CUDA;
  runtime = ring_runtime_new (config, &error);
  if (runtime || g_error_matches (error, RING_ERROR, RING_ERROR_NO_DEVICE)) {
    g_test_skip ("this build has the cuda backend");
    return;
  }
  ring_test_assert_says (&error, RING_ERROR_NOT_BUILT, "cuda");
}

static void
test_device_that_is_not_there (void)
{
  g_autoptr (RingConfig) config = ring_test_config (RING_EXECUTION_AUTO);
  g_autoptr (GError) error = NULL;

  config->device = 5;
  g_assert_null (ring_runtime_new (config, &error));
  ring_test_assert_says (&error, RING_ERROR_NO_DEVICE, "5");
}

static void
test_device_at_launch_is_the_runtimes (void)
{
  g_autoptr (RingConfig) config = ring_test_config (RING_EXECUTION_AUTO);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = ring_runtime_new (config, &error);

  g_assert_no_error (error);
  g_assert_cmpint (ring_runtime_get_device (runtime), ==, 0);
  g_assert_cmpint (ring_runtime_get_backend (runtime), ==,
      ring_test_backend ());
  g_assert_nonnull (ring_runtime_get_device_name (runtime));
  g_assert_cmpstr (ring_runtime_get_device_name (runtime), !=, "");
}

static void
test_message_size_below_one_record (void)
{
  RingConfig *config = ring_test_config (RING_EXECUTION_INLINE);
  g_autoptr (RingRuntime) runtime = NULL;
  g_autofree gchar *path = ring_test_kernel_path ("swap-record");
  g_autoptr (GError) error = NULL;

  config->message_size = RING_HEADER_SIZE + 15;
  runtime = ring_runtime_new (config, &error);
  g_assert_no_error (error);
  ring_config_free (config);
  g_assert_null (ring_runtime_launch (runtime, path, -1, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_INVALID_OPTION, "message-size",
      "271", "swap-record", "272");
}

static void
test_options_for_another_backend (void)
{
  g_autoptr (RingRuntime) runtime = ring_test_runtime ();
  g_autoptr (RingConfig) options = ring_config_new ();
  g_autoptr (GError) error = NULL;

  options->backend = ring_test_backend () == RING_BACKEND_CPU
      ? RING_BACKEND_CUDA
      : RING_BACKEND_CPU;
  g_assert_null (
      ring_runtime_launch (runtime, "copy", -1, -1, options, &error));
  ring_test_assert_says (&error, RING_ERROR_INVALID_OPTION, "cpu", "cuda");
}

static void
test_memory_that_cannot_be_had (void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  g_test_skip ("sanitizers end the process when memory runs out");
#else
  g_autoptr (RingKernel) kernel =
      ring_test_launch (RING_EXECUTION_INLINE, "temporal-denoise", 1);
  g_autoptr (RingFormat) huge =
      ring_format_new_video (RING_VIDEO_FORMAT_RGBA, 100000000, 100000000);
  g_autoptr (RingFormat) small =
      ring_format_new_video (RING_VIDEO_FORMAT_RGBA, 10, 10);
  g_autoptr (RingFormat) format = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (ring_kernel_set_format (kernel, huge, &error));
  ring_test_assert_says (&error, RING_ERROR_NO_MEMORY, "temporal-denoise",
      "8000000000000");
  /* The handle is as it was. */
  g_assert_cmpint (ring_kernel_get_status (kernel), ==, RING_KERNEL_LAUNCHED);
  format = ring_kernel_get_input_format (kernel);
  g_assert_null (format);
  ring_kernel_set_format (kernel, small, &error);
  g_assert_no_error (error);
#endif
}

/* Sizes whose product no number holds. */
static void
test_frame_beyond_all_bounds (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_launch (RING_EXECUTION_INLINE, "invert", 1);
  g_autoptr (RingFormat) format =
      ring_format_new_video (RING_VIDEO_FORMAT_RGBA, G_MAXUINT, G_MAXUINT);
  g_autoptr (GError) error = NULL;

  g_assert_false (ring_kernel_set_format (kernel, format, &error));
  ring_test_assert_says (&error, RING_ERROR_FORMAT, "4294967295");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/defaults-are-the-documented-ones",
      test_defaults_are_the_documented_ones);
  g_test_add_func ("/config/auto-is-inline-on-cpu", test_auto_is_inline_on_cpu);
  g_test_add_func ("/config/is-copied", test_config_is_copied);
  g_test_add_func ("/config/launch-options-replace-the-runtimes",
      test_launch_options_replace_the_runtimes);
  g_test_add_func ("/config/options-out-of-range-are-named",
      test_options_out_of_range_are_named);
  g_test_add_func ("/config/grid-and-block-out-of-range-are-named",
      test_grid_and_block_out_of_range_are_named);
  ring_test_add_modes ("/config/capacity-is-exact-where-it-is-no-power-of-two",
      test_capacity_is_exact_where_it_is_no_power_of_two);
  ring_test_add_modes ("/config/extreme-times", test_extreme_times);
  ring_test_add_modes ("/config/no-time-to-terminate",
      test_no_time_to_terminate);
  g_test_add_func ("/config/cuda-is-not-built", test_cuda_is_not_built);
  g_test_add_func ("/config/device-that-is-not-there",
      test_device_that_is_not_there);
  g_test_add_func ("/config/device-at-launch-is-the-runtimes",
      test_device_at_launch_is_the_runtimes);
  g_test_add_func ("/config/message-size-below-one-record",
      test_message_size_below_one_record);
  g_test_add_func ("/config/options-for-another-backend",
      test_options_for_another_backend);
  g_test_add_func ("/config/memory-that-cannot-be-had",
      test_memory_that_cannot_be_had);
  g_test_add_func ("/config/frame-beyond-all-bounds",
      test_frame_beyond_all_bounds);
  return ring_test_run ();
}
