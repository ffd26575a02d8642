/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Figures: what the histogram says of distributions that are known, what metrics
 * say of messages that are known, and that an idle handle sleeps.
 */
#include "ring-test.h"
/* Not part of the library's interface, so its text itself. */
#include "core/telemetry.c"

#include <stdlib.h>

/* ---- the histogram ---------------------------------------------------------------- */

/* Never too low, and at most 1/16 too high. */
static void
assert_near (guint64 said, guint64 exact)
{
  g_assert_cmpuint (said, >=, exact);
  g_assert_cmpuint (said, <=, exact + exact / 16);
}

static void
test_histogram_without_samples (void)
{
  static RingHistogram h;

  g_assert_cmpuint (ring_histogram_percentile (&h, 50), ==, 0);
  g_assert_cmpuint (ring_histogram_percentile (&h, 99), ==, 0);
  g_assert_cmpuint (ring_histogram_max (&h), ==, 0);
}

static void
test_histogram_of_one_sample (void)
{
  const guint64 values[] = { 0, 1, 15, 16, 17, 31, 32, 1000, 123456789,
    G_MAXUINT32, (guint64) G_MAXUINT32 + 1, G_MAXINT64, G_MAXUINT64 };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (values); i++) {
    g_autofree RingHistogram *h = g_new0 (RingHistogram, 1);

    ring_histogram_add (h, values[i]);
    /* Exact, since nothing exceeds the longest. */
    g_assert_cmpuint (ring_histogram_percentile (h, 0), ==, values[i]);
    g_assert_cmpuint (ring_histogram_percentile (h, 50), ==, values[i]);
    g_assert_cmpuint (ring_histogram_percentile (h, 100), ==, values[i]);
    g_assert_cmpuint (ring_histogram_max (h), ==, values[i]);
  }
}

static void
test_histogram_of_a_uniform_distribution (void)
{
  static RingHistogram h;
  guint i;

  for (i = 1; i <= 100000; i++)
    ring_histogram_add (&h, i);
  assert_near (ring_histogram_percentile (&h, 50), 50000);
  assert_near (ring_histogram_percentile (&h, 90), 90000);
  assert_near (ring_histogram_percentile (&h, 99), 99000);
  g_assert_cmpuint (ring_histogram_percentile (&h, 100), ==, 100000);
  g_assert_cmpuint (ring_histogram_max (&h), ==, 100000);
}

/* The order of samples says nothing. */
static void
test_histogram_of_two_peaks (void)
{
  static RingHistogram h;
  guint i;

  for (i = 0; i < 1000; i++)
    ring_histogram_add (&h, i % 50 == 49 ? 5000000 : 700);
  assert_near (ring_histogram_percentile (&h, 50), 700);
  assert_near (ring_histogram_percentile (&h, 97), 700);
  assert_near (ring_histogram_percentile (&h, 99), 5000000);
  g_assert_cmpuint (ring_histogram_max (&h), ==, 5000000);
}

static int
compare_u64 (const void *a, const void *b)
{
  const guint64 x = *(const guint64 *) a, y = *(const guint64 *) b;

  return x < y ? -1 : x > y;
}

/* Against a sorted list, over many powers of two. */
static void
test_histogram_of_random_samples (void)
{
  static guint64 samples[20000];
  const guint percents[] = { 1, 10, 25, 50, 75, 90, 99, 100 };
  g_autofree RingHistogram *h = g_new0 (RingHistogram, 1);
  guint64 random = 12345;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (samples); i++) {
    random = random * G_GUINT64_CONSTANT (6364136223846793005) + 1;
    samples[i] = random >> (24 + (random >> 8) % 40);
    ring_histogram_add (h, samples[i]);
  }
  qsort (samples, G_N_ELEMENTS (samples), sizeof (*samples), compare_u64);
  for (i = 0; i < G_N_ELEMENTS (percents); i++)
    assert_near (ring_histogram_percentile (h, percents[i]),
        samples[G_N_ELEMENTS (samples) * percents[i] / 100 - 1]);
  g_assert_cmpuint (ring_histogram_max (h), ==,
      samples[G_N_ELEMENTS (samples) - 1]);
}

/* ---- metrics ------------------------------------------------------------------------ */

static void
test_counts_are_exact (RingExecutionMode mode)
{
  RingConfig *config = ring_test_config (mode);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMessage) small = ring_test_message (100, 1);
  g_autoptr (RingMessage) large = ring_test_message (10000, 2);
  g_autoptr (RingMetrics) m = NULL;
  g_autoptr (RingMetrics) copy = NULL;
  g_autoptr (GError) error = NULL;
  guint i;

  config->queue_capacity = 30;
  kernel = ring_test_launch_with (config, "copy", 2);
  g_assert_false (ring_kernel_send (kernel, small, 0, NULL, &error));
  g_clear_error (&error);
  ring_test_activate (kernel);
  for (i = 0; i < 30; i++)
    ring_test_send (kernel, i % 3 ? small : large);
  g_assert_false (ring_kernel_send (kernel, small, 0, NULL, &error));
  g_clear_error (&error);
  g_assert_true (ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, NULL));

  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->accepted, ==, 30);
  g_assert_cmpuint (m->delivered, ==, 0);
  g_assert_cmpuint (m->in_flight, ==, 30);
  g_assert_cmpuint (m->refused, ==, 2);
  g_assert_cmpuint (m->outputs, ==, 30);
  g_assert_cmpuint (m->bytes_in, ==, 20 * 100 + 10 * 10000);
  g_assert_cmpuint (m->bytes_out, ==, 20 * 100 + 10 * 10000);
  g_assert_cmpuint (m->bytes_copied, >=, 20 * 100);
  g_assert_cmpuint (m->queue_depth, ==, 0);
  g_assert_cmpuint (m->queue_depth_max, >=, 1);
  g_assert_cmpuint (m->queue_depth_max, <=, 30);
  /* In inline mode nothing stays anywhere. */
  g_assert_cmpuint (m->residencies, >=, mode != RING_EXECUTION_INLINE);
  g_assert_cmpuint (m->residencies, >=, m->relaunches);
  g_assert_cmpuint (m->workers, ==, 2);
  g_assert_cmpint (m->backend, ==, ring_test_backend ());
  g_assert_cmpint (m->mode, ==, mode);
  g_assert_cmpint (m->status, ==, RING_KERNEL_ACTIVE);

  for (i = 0; i < 30; i++)
    ring_message_unref (ring_test_receive (kernel));
  ring_test_assert_accounts (kernel, 30, 30, 0, 0);

  /* A snapshot stays what it was. */
  copy = ring_metrics_copy (m);
  g_assert_cmpmem (copy, sizeof (*copy), m, sizeof (*m));
  g_assert_cmpuint (copy->delivered, ==, 0);
}

static void
test_times_are_ordered (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 1);
  g_autoptr (RingMessage) message = ring_test_message (1000, 1);
  g_autoptr (RingMetrics) m = NULL;
  guint i;

  for (i = 0; i < 100; i++) {
    ring_test_send (kernel, message);
    ring_message_unref (ring_test_receive (kernel));
  }
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, NULL);
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->total_p50, >, 0);
  g_assert_cmpuint (m->ring_p50, <=, m->ring_p99);
  g_assert_cmpuint (m->ring_p99, <=, m->ring_max);
  g_assert_cmpuint (m->kernel_p50, <=, m->kernel_p99);
  g_assert_cmpuint (m->kernel_p99, <=, m->kernel_max);
  g_assert_cmpuint (m->total_p50, <=, m->total_p99);
  g_assert_cmpuint (m->total_p99, <=, m->total_max);
  g_assert_cmpuint (m->total_max, >=, m->kernel_max);
  g_assert_cmpuint (m->total_max, >=, m->ring_max);
}

/* A message held in the kernel for some time shows as time in the kernel, the one
 * behind it as time in the ring. */
static void
test_time_is_booked_where_it_passes (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMessage) behind = ring_test_gate_message (NULL, 1);
  g_autoptr (RingMetrics) m = NULL;
  RingTestGate gate = { 0, 0, 0 };
  RingTestSender sender;
  guint64 from, held;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = ring_test_start (mode, "gate", 1);
  ring_test_sender_start (&sender, kernel, &gate);
  ring_test_send (kernel, behind);
  from = ring_clock_now ();
  g_assert_null (ring_kernel_receive (kernel, 20000, NULL, NULL));
  held = ring_clock_now () - from;
  ring_test_gate_open (&gate);
  ring_test_sender_join (&sender);
  g_assert_true (ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, NULL));
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->kernel_max, >=, held);
  /* A device with a clock of its own only estimates how the rest divides. */
  if (ring_test_backend () == RING_BACKEND_CPU)
    g_assert_cmpuint (m->ring_max, >=, held);
  g_assert_cmpuint (m->total_p50, >=, held);
}

static void
test_without_telemetry_there_are_counts_but_no_times (RingExecutionMode mode)
{
  RingConfig *config = ring_test_config (mode);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMessage) message = ring_test_message (1000, 1);
  g_autoptr (RingMetrics) m = NULL;
  guint i;

  config->telemetry = FALSE;
  kernel = ring_test_launch_with (config, "copy", 1);
  ring_test_activate (kernel);
  for (i = 0; i < 10; i++) {
    g_autoptr (RingMessage) got = NULL;
    guint64 t[4] = { 1, 1, 1, 1 };
    guint k;

    ring_test_send (kernel, message);
    got = ring_test_receive (kernel);
    ring_message_get_trace (got, &t[0], &t[1], &t[2], &t[3]);
    for (k = 0; k < 4; k++)
      g_assert_cmpuint (t[k], ==, 0);
  }
  ring_test_assert_accounts (kernel, 10, 10, 0, 0);
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->bytes_in, ==, 10000);
  g_assert_cmpuint (m->ring_p50 + m->ring_p99 + m->ring_max, ==, 0);
  g_assert_cmpuint (m->kernel_p50 + m->kernel_p99 + m->kernel_max, ==, 0);
  g_assert_cmpuint (m->total_p50 + m->total_p99 + m->total_max, ==, 0);
}

/* Another thread reads while messages move: never a sum that does not fit. */
typedef struct
{
  RingKernel *kernel;
  gint stop;
  guint64 reads;
} Reader;

static gpointer
read_metrics (gpointer data)
{
  Reader *r = data;

  while (!g_atomic_int_get (&r->stop)) {
    g_autoptr (RingMetrics) m = ring_kernel_get_metrics (r->kernel);

    g_assert_cmpuint (m->accepted, ==,
        m->delivered + m->rejected + m->discarded + m->in_flight);
    /* Not negative. */
    g_assert_cmpuint (m->in_flight, <=, 5000);
    g_assert_cmpuint (m->queue_depth, <=, 5000);
    r->reads++;
    g_thread_yield ();
  }
  return NULL;
}

static void
test_metrics_while_messages_move (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 1);
  g_autoptr (RingMessage) message = ring_test_message (16, 1);
  Reader reader = { .kernel = kernel };
  GThread *thread = g_thread_new ("reader", read_metrics, &reader);
  guint i;

  for (i = 0; i < 2000; i++) {
    ring_test_send (kernel, message);
    ring_message_unref (ring_test_receive (kernel));
  }
  g_atomic_int_set (&reader.stop, 1);
  g_thread_join (thread);
  ring_test_assert_accounts (kernel, i, i, 0, 0);
}

/* ---- idle ---------------------------------------------------------------------------- */

/* The word behind @key in /proc/self/task/@task/@file. */
static gchar *
task_status (const gchar *task, const gchar *key)
{
  g_autofree gchar *path =
      g_build_filename ("/proc/self/task", task, "status", NULL);
  g_autofree gchar *text = NULL;
  const gchar *at;

  /* A thread may just have ended. */
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return NULL;
  at = strstr (text, key);
  g_assert_nonnull (at);
  at += strlen (key);
  while (*at == ' ' || *at == '\t')
    at++;
  return g_strndup (at, strcspn (at, " \t\n"));
}

/* All threads but this one, the first, sleep; @switches: how often they ever did so. */
static gboolean
others_sleep (guint64 *switches)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  g_autofree gchar *self = g_strdup_printf ("%d", getpid ());
  const gchar *task;
  gboolean all = TRUE;

  *switches = 0;
  while ((task = g_dir_read_name (dir))) {
    g_autofree gchar *state = NULL;
    g_autofree gchar *count = NULL;

    if (strcmp (task, self) == 0)
      continue;
    state = task_status (task, "\nState:");
    count = task_status (task, "\nvoluntary_ctxt_switches:");
    all = all && (!state || state[0] == 'S');
    *switches += count ? g_ascii_strtoull (count, NULL, 10) : 0;
  }
  return all;
}

/* An idle handle sleeps, and does not even wake up now and then: a thread that
 * looked every 100 us would show thousands of switches in the time of the wait.
 * A slow machine makes this test no stricter: there would be fewer. */
static void
test_idle_handle_sleeps (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMessage) message = ring_test_message (64, 1);
  guint64 before, after;

  if (ring_test_backend () != RING_BACKEND_CPU) {
    g_test_skip ("a driver has threads of its own");
    return;
  }
  if (!g_file_test ("/proc/self/task", G_FILE_TEST_IS_DIR)) {
    g_test_skip ("there is no /proc");
    return;
  }
  kernel = ring_test_start (mode, "copy", 3);
  ring_test_send (kernel, message);
  ring_message_unref (ring_test_receive (kernel));
  ring_test_wait_until (others_sleep (&before));
  g_assert_null (ring_kernel_receive (kernel, 300000, NULL, NULL));
  ring_test_wait_until (others_sleep (&after));
  /* The sum falls when GLib lets a thread of its pool go. */
  g_assert_cmpuint (after, <, before + 200);

  /* Asleep, not dead. */
  ring_test_send (kernel, message);
  ring_message_unref (ring_test_receive (kernel));
}

static void
test_deactivated_handle_sleeps (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  guint64 before, after;

  if (ring_test_backend () != RING_BACKEND_CPU) {
    g_test_skip ("a driver has threads of its own");
    return;
  }
  if (!g_file_test ("/proc/self/task", G_FILE_TEST_IS_DIR)) {
    g_test_skip ("there is no /proc");
    return;
  }
  kernel = ring_test_start (mode, "copy", 3);
  g_assert_true (ring_kernel_deactivate (kernel, NULL));
  ring_test_wait_until (others_sleep (&before));
  g_assert_null (ring_kernel_receive (kernel, 200000, NULL, NULL));
  ring_test_wait_until (others_sleep (&after));
  g_assert_cmpuint (after, <, before + 200);
}

/* Terminated handles leave no thread behind. */
static guint
count_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir))
    n++;
  return n;
}

static void
test_terminated_handle_leaves_no_thread (RingExecutionMode mode)
{
  guint before, round;

  if (ring_test_backend () != RING_BACKEND_CPU) {
    g_test_skip ("a driver has threads of its own");
    return;
  }
  if (!g_file_test ("/proc/self/task", G_FILE_TEST_IS_DIR)) {
    g_test_skip ("there is no /proc");
    return;
  }
  before = count_threads ();
  for (round = 0; round < 3; round++) {
    RingKernel *kernel = ring_test_start (mode, "copy", 7);

    ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
    g_object_unref (kernel);
  }
  /* The system takes its time to take an ended thread off the list. */
  ring_test_wait_until (count_threads () <= before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/histogram/without-samples",
      test_histogram_without_samples);
  g_test_add_func ("/histogram/of-one-sample", test_histogram_of_one_sample);
  g_test_add_func ("/histogram/of-a-uniform-distribution",
      test_histogram_of_a_uniform_distribution);
  g_test_add_func ("/histogram/of-two-peaks", test_histogram_of_two_peaks);
  g_test_add_func ("/histogram/of-random-samples",
      test_histogram_of_random_samples);
  ring_test_add_modes ("/metrics/counts-are-exact", test_counts_are_exact);
  ring_test_add_modes ("/metrics/times-are-ordered", test_times_are_ordered);
  ring_test_add_modes ("/metrics/time-is-booked-where-it-passes",
      test_time_is_booked_where_it_passes);
  ring_test_add_modes (
      "/metrics/without-telemetry-there-are-counts-but-no-times",
      test_without_telemetry_there_are_counts_but_no_times);
  ring_test_add_modes ("/metrics/while-messages-move",
      test_metrics_while_messages_move);
  ring_test_add_modes ("/idle/handle-sleeps", test_idle_handle_sleeps);
  ring_test_add_modes ("/idle/deactivated-handle-sleeps",
      test_deactivated_handle_sleeps);
  ring_test_add_modes ("/idle/terminated-handle-leaves-no-thread",
      test_terminated_handle_leaves_no_thread);
  return ring_test_run ();
}
