/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * neighbours-processes.c: other programs on the device of a resident kernel: one that
 * wants all of it, and one that was killed in the middle of its stream. They are this
 * same program, called with --child.
 */
#include "neighbours.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

/* s; a child ends by itself, whatever becomes of its parent. */
#define CHILD_LIMIT 90
#define FULL_GRID_ROUNDS 20

/* ---- what a child does ---------------------------------------------------------------- */

/* Messages without an end, and a line for some of them. */
static int
child_stream (guint64 lease)
{
  g_autoptr (RingConfig) config = neighbours_config (RING_EXECUTION_PERSISTENT);
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  NeighboursLoad load;

  config->lease = lease;
  runtime = neighbours_runtime (config);
  kernel = neighbours_resident (runtime);
  if (!kernel) {
    printf ("cannot stay\n");
    return 0;
  }
  load_begin (&load, kernel);
  for (;;) {
    load_turn (&load);
    if (load.received % 100 == 0)
      printf ("received %u\n", load.received);
  }
}

/* A small stream, from beginning to end. */
static int
child_once (void)
{
  g_autoptr (RingConfig) config = neighbours_config (RING_EXECUTION_PERSISTENT);
  g_autoptr (RingRuntime) runtime = neighbours_runtime (config);
  g_autoptr (RingKernel) kernel = neighbours_resident (runtime);
  NeighboursLoad load;

  load_begin (&load, kernel);
  while (load.received < 500)
    load_turn (&load);
  load_end (&load);
  ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
  printf ("done\n");
  return 0;
}

static RingMessage *
blurred (RingKernel *kernel, RingMessage *frame)
{
  g_autoptr (GError) error = NULL;
  RingMessage *reply =
      ring_kernel_call (kernel, frame, RING_TEST_WAIT, NULL, &error);

  g_assert_no_error (error);
  return reply;
}

/* The widest grid that the device takes at once; so all of it is needed. */
static RingKernel *
launch_widest (RingRuntime *runtime, const gchar *name)
{
  gint multiprocessors = 0, blocks;
  CUdevice device;
  CUcontext context = ring_runtime_get_cuda_context (runtime);

  CUDA_CALL (cuCtxPushCurrent_v2, context);
  CUDA_CALL (cuCtxGetDevice, &device);
  CUDA_CALL (cuDeviceGetAttribute, &multiprocessors,
      CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device);
  CUDA_CALL (cuCtxPopCurrent_v2, &context);
  for (blocks = 8; blocks > 0; blocks--) {
    g_autoptr (GError) error = NULL;
    RingKernel *kernel = ring_runtime_launch (runtime, name,
        blocks * multiprocessors, -1, NULL, &error);

    if (kernel)
      return kernel;
    if (!g_error_matches (error, RING_ERROR, RING_ERROR_INVALID_OPTION))
      g_error ("%s", error->message);
  }
  g_error ("not even %d blocks fit", multiprocessors);
}

static int
child_full_grid (void)
{
  g_autoptr (RingConfig) config =
      neighbours_config (RING_EXECUTION_EVENT_DRIVEN);
  g_autoptr (RingConfig) on_cpu = ring_config_new ();
  g_autoptr (RingRuntime) runtime = NULL, cpu = NULL;
  g_autoptr (RingKernel) kernel = NULL, reference = NULL;
  g_autoptr (RingFormat) format = NULL;
  g_autoptr (RingMessage) frame = NULL, wanted = NULL;
  g_autoptr (RingMetrics) m = NULL;
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *pixels = NULL;
  const guint8 *expected;
  guint width = 1280, height = 720, i;
  gsize size, k;

  if (cuda_calls_open () && dlsym (cuda_library, "ring_fake_set")) {
    /* Its device is as fast as this machine. */
    width = 64;
    height = 48;
  }
  size = (gsize) width * height * 4;
  pixels = g_malloc (size);
  for (k = 0; k < size; k++)
    pixels[k] = (guint8) (k * 2654435761u >> 16);
  payload = g_bytes_new (pixels, size);
  format = ring_format_new_video (RING_VIDEO_FORMAT_RGBA, width, height);
  frame = ring_message_new_video (format, payload, &error);
  g_assert_no_error (error);

  on_cpu->backend = RING_BACKEND_CPU;
  config->message_size = on_cpu->message_size =
      (guint) size + RING_DEFAULT_MESSAGE_SIZE;
  cpu = neighbours_runtime (on_cpu);
  reference = ring_runtime_launch (cpu, "gaussian-blur", -1, -1, NULL, &error);
  g_assert_no_error (error);
  ring_test_activate (reference);
  wanted = blurred (reference, frame);
  expected = g_bytes_get_data (ring_message_get_payload (wanted), &size);

  runtime = neighbours_runtime (config);
  kernel = launch_widest (runtime, "gaussian-blur");
  ring_test_activate (kernel);
  for (i = 0; i < FULL_GRID_ROUNDS; i++) {
    g_autoptr (RingMessage) reply = blurred (kernel, frame);
    gsize got;
    const guint8 *bytes =
        g_bytes_get_data (ring_message_get_payload (reply), &got);

    g_assert_cmpuint (got, ==, size);
    /* Its weights may be a step off, see tests/kernels/backends.c. */
    for (k = 0; k < size; k++)
      g_assert_cmpint (ABS ((gint) bytes[k] - (gint) expected[k]), <=, 1);
  }
  m = ring_kernel_get_metrics (kernel);
  ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
  printf ("workers %u kernel %" G_GUINT64_FORMAT " longest %" G_GUINT64_FORMAT
          " total %" G_GUINT64_FORMAT "\n",
      m->workers, m->kernel_p50, m->kernel_max, m->total_p50);
  return 0;
}

static int
be_a_child (gint argc, gchar **argv)
{
  setvbuf (stdout, NULL, _IOLBF, 0);
  alarm (CHILD_LIMIT);
  if (!cuda_calls_open ())
    g_error ("there is no driver");
  if (argc == 4 && strcmp (argv[2], "stream") == 0)
    return child_stream (g_ascii_strtoull (argv[3], NULL, 10));
  if (argc == 3 && strcmp (argv[2], "once") == 0)
    return child_once ();
  if (argc == 3 && strcmp (argv[2], "full-grid") == 0)
    return child_full_grid ();
  fprintf (stderr, "usage: %s --child stream LEASE|once|full-grid\n", argv[0]);
  return 2;
}

/* ---- what is done with one ---------------------------------------------------------------- */

typedef struct
{
  GPid pid;
  gint out;
  GString *text; /* heard, and not yet taken */
} Child;

static void
child_start (Child *child, const gchar *role, const gchar *argument)
{
  g_autofree gchar *self = g_file_read_link ("/proc/self/exe", NULL);
  gchar *argv[] = { self, (gchar *) "--child", (gchar *) role,
    (gchar *) argument, NULL };
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (self);
  g_spawn_async_with_pipes (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL,
      NULL, &child->pid, NULL, &child->out, NULL, &error);
  g_assert_no_error (error);
  child->text = g_string_new (NULL);
}

static void G_GNUC_NORETURN
child_is_late (Child *child, const gchar *what)
{
  kill (child->pid, SIGKILL);
  g_error ("the child %s within %" G_GINT64_FORMAT " s", what,
      (gint64) (RING_TEST_WAIT / G_USEC_PER_SEC));
}

/* The next line of what it says; NULL: it says no more. */
static gchar *
child_line (Child *child)
{
  const gint64 until = g_get_monotonic_time () + RING_TEST_WAIT;

  for (;;) {
    const gchar *end = strchr (child->text->str, '\n');
    const gint64 left = until - g_get_monotonic_time ();
    struct pollfd p = { .fd = child->out, .events = POLLIN };
    gchar bytes[512];
    gssize n;

    if (end) {
      gchar *line =
          g_strndup (child->text->str, (gsize) (end - child->text->str));

      g_string_erase (child->text, 0, end + 1 - child->text->str);
      return line;
    }
    if (left <= 0 || poll (&p, 1, (gint) (left / 1000)) == 0)
      child_is_late (child, "said nothing");
    n = read (child->out, bytes, sizeof (bytes));
    if (n == 0)
      return NULL;
    g_assert_true (n > 0 || errno == EINTR);
    if (n > 0)
      g_string_append_len (child->text, bytes, n);
  }
}

/* Waits for its end; returns what waitpid() says. */
static gint
child_end (Child *child)
{
  const gint64 until = g_get_monotonic_time () + RING_TEST_WAIT;
  gint status = 0;

  while (waitpid (child->pid, &status, WNOHANG) == 0) {
    if (g_get_monotonic_time () > until)
      child_is_late (child, "did not end");
    g_thread_yield ();
  }
  g_spawn_close_pid (child->pid);
  close (child->out);
  g_string_free (child->text, TRUE);
  return status;
}

static void
assert_ends_well (Child *child)
{
  const gint status = child_end (child);

  if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
    g_error ("the child ended with status %d, signal %d", WEXITSTATUS (status),
        WIFSIGNALED (status) ? WTERMSIG (status) : 0);
}

/* ---- a program that wants the whole device --------------------------------------------------- */

static void
run_full_grid (const gchar *when)
{
  guint64 workers, kernel, longest, total;
  g_autofree gchar *line = NULL;
  Child child;

  child_start (&child, "full-grid", NULL);
  line = child_line (&child);
  assert_ends_well (&child);
  g_assert_nonnull (line);
  g_assert_cmpint (sscanf (line,
                       "workers %" G_GUINT64_FORMAT " kernel %" G_GUINT64_FORMAT
                       " longest %" G_GUINT64_FORMAT
                       " total %" G_GUINT64_FORMAT,
                       &workers, &kernel, &longest, &total),
      ==, 4);
  g_assert_cmpuint (workers, >, 0);
  report ((gdouble) kernel / 1e3, "us", "second-program/kernel-p50-%s", when);
  report ((gdouble) longest / 1e3, "us", "second-program/kernel-max-%s", when);
  report ((gdouble) total / 1e3, "us", "second-program/total-p50-%s", when);
}

typedef struct
{
  NeighboursLoad load;
  gint quit; /* atomic */
} Resident;

static gpointer
resident_thread (gpointer data)
{
  Resident *r = data;

  while (!g_atomic_int_get (&r->quit))
    load_turn (&r->load);
  return NULL;
}

static void
test_second_program (void)
{
  g_autoptr (RingConfig) config = neighbours_config (RING_EXECUTION_PERSISTENT);
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (GError) error = NULL;
  Resident resident = { 0 };
  GThread *thread;

  run_full_grid ("alone");
  /* Deactivated, it has to go without a lease that ends. */
  config->lease = 0;
  runtime = neighbours_runtime (config);
  kernel = neighbours_resident (runtime);
  if (!kernel)
    return;
  load_begin (&resident.load, kernel);
  thread = g_thread_new ("resident", resident_thread, &resident);
  run_full_grid ("beside-resident");
  g_atomic_int_set (&resident.quit, 1);
  g_thread_join (thread);
  load_end (&resident.load);
  ring_kernel_deactivate (kernel, &error);
  g_assert_no_error (error);
  run_full_grid ("beside-paused");
  /* And it comes back. */
  ring_test_activate (kernel);
  load_begin (&resident.load, kernel);
  load_end (&resident.load);
  ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
}

/* ---- a program that was killed ----------------------------------------------------------------- */

static void
test_killed (gconstpointer data)
{
  const gchar *lease = data;
  gint64 before;
  gint status;
  guint i;
  Child child;

  child_start (&child, "stream", lease);
  for (i = 0; i < 3; i++) {
    g_autofree gchar *line = child_line (&child);

    g_assert_nonnull (line);
    if (strcmp (line, "cannot stay") == 0) {
      assert_ends_well (&child);
      g_test_skip ("no kernel stays on this device");
      return;
    }
    g_assert_true (g_str_has_prefix (line, "received "));
  }
  before = g_get_monotonic_time ();
  g_assert_cmpint (kill (child.pid, SIGKILL), ==, 0);
  status = child_end (&child);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  report ((gdouble) (g_get_monotonic_time () - before) / 1e3, "ms",
      "killed/lease-%s-until-gone", lease);
  before = g_get_monotonic_time ();
  child_start (&child, "once", NULL);
  {
    g_autofree gchar *line = child_line (&child);

    assert_ends_well (&child);
    g_assert_cmpstr (line, ==, "done");
  }
  report ((gdouble) (g_get_monotonic_time () - before) / 1e3, "ms",
      "killed/lease-%s-next-program", lease);
}

int
main (int argc, char **argv)
{
  if (argc > 1 && strcmp (argv[1], "--child") == 0)
    return be_a_child (argc, argv);
  g_test_init (&argc, &argv, NULL);
  if (!cuda_calls_open ()) {
    g_print ("1..0 # SKIP needs a CUDA driver\n");
    return 0;
  }
  g_test_add_func ("/neighbours/second-program", test_second_program);
  g_test_add_data_func ("/neighbours/killed/lease", "10000", test_killed);
  /* Nothing but the driver ends that one. */
  g_test_add_data_func ("/neighbours/killed/no-lease", "0", test_killed);
  return ring_test_run ();
}
