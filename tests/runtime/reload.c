/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Another version of a kernel takes over between two messages: what changes, what
 * stays, and what is refused. Most versions are the kernels stamp-a to stamp-d.
 */
#include "reload-test.h"

/* ---- what changes and what stays ------------------------------------------------------- */

static void
test_takes_over (RingExecutionMode mode)
{
  RingKernel *kernel = start (mode, "stamp-a", 2);
  g_autoptr (RingKernelInfo) info = NULL;
  g_autoptr (RingMetrics) m = NULL;
  guint i;

  for (i = 0; i < 3; i++)
    send (kernel, i);
  reload (kernel, "stamp-b");
  for (; i < 6; i++)
    send (kernel, i);
  for (i = 0; i < 3; i++)
    expect (kernel, i, 1, i, 10, 0);
  /* The same state goes on; the parameter was never set: the new default. */
  for (; i < 6; i++)
    expect (kernel, i, 2, i, 20, 1);

  info = ring_kernel_dup_info (kernel);
  g_assert_cmpstr (ring_kernel_info_get_name (info), ==, "stamp-b");
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->generation, ==, 1);
  ring_test_assert_accounts (kernel, 6, 6, 0, 0);
  ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
  g_object_unref (kernel);
}

static void
test_other_state (RingExecutionMode mode)
{
  RingKernel *kernel = start (mode, "stamp-a", 1);

  send (kernel, 0);
  send (kernel, 1);
  reload (kernel, "stamp-c");
  send (kernel, 2);
  send (kernel, 3);
  reload (kernel, "stamp-d");
  send (kernel, 4);
  reload (kernel, "stamp-a");
  send (kernel, 5);
  expect (kernel, 0, 1, 0, 10, 0);
  expect (kernel, 1, 1, 1, 10, 0);
  expect (kernel, 2, 3, 0, 5, 1);
  expect (kernel, 3, 3, 1, 5, 1);
  expect (kernel, 4, 4, 0, 0, 2);
  expect (kernel, 5, 1, 0, 10, 3);
  g_object_unref (kernel);
}

static void
test_parameters (RingExecutionMode mode)
{
  RingKernel *kernel = start (mode, "stamp-a", 1);

  set (kernel, "gain=4");
  send (kernel, 0);
  reload (kernel, "stamp-b");
  send (kernel, 1);
  reload (kernel, "stamp-c");
  send (kernel, 2);
  set (kernel, "gain=3");
  send (kernel, 3);
  reload (kernel, "stamp-a");
  set (kernel, "gain=77");
  send (kernel, 4);
  /* It does not allow 77. */
  reload (kernel, "stamp-c");
  send (kernel, 5);
  expect (kernel, 0, 1, 0, 4, 0);
  expect (kernel, 1, 2, 1, 4, 1);
  expect (kernel, 2, 3, 0, 4, 2);
  expect (kernel, 3, 3, 1, 3, 2);
  expect (kernel, 4, 1, 0, 77, 3);
  expect (kernel, 5, 3, 0, 5, 4);
  g_object_unref (kernel);
}

/* Nothing was sent between two of them: the state is that of the last that ran. */
static void
test_several_at_once (RingExecutionMode mode)
{
  RingKernel *kernel = start (mode, "stamp-a", 1);

  reload (kernel, "stamp-c");
  reload (kernel, "stamp-d");
  reload (kernel, "stamp-b");
  send (kernel, 0);
  expect (kernel, 0, 2, 0, 20, 3);
  g_object_unref (kernel);
}

/* A device gets no code while the test holds the kernel there. */
static gboolean
skip_on_a_device (void)
{
  if (ring_test_backend () == RING_BACKEND_CPU)
    return FALSE;
  g_test_skip ("cpu only: holds a message in the kernel");
  return TRUE;
}

/* Messages that were accepted before are processed by the version of then. */
static void
test_in_flight (RingExecutionMode mode)
{
  RingKernel *kernel;
  RingTestSender sender;
  RingTestGate gate = { 0, 0, 0 };
  guint i;

  if (skip_on_a_device ())
    return;
  kernel = start (mode, "gate", 1);
  ring_test_sender_start (&sender, kernel, &gate);
  for (i = 1; i < 4; i++) {
    g_autoptr (RingMessage) message = ring_test_gate_message (NULL, i);

    ring_test_send (kernel, message);
  }
  reload (kernel, "stamp-a");
  send (kernel, 4);
  send (kernel, 5);
  reload (kernel, "stamp-c");
  reload (kernel, "stamp-b");
  send (kernel, 6);
  ring_test_gate_open (&gate);
  ring_test_sender_join (&sender);
  g_assert_no_error (sender.error);

  for (i = 0; i < 4; i++) {
    g_autoptr (RingMessage) message = ring_test_receive (kernel);

    g_assert_cmpuint (ring_test_gate_seed (message), ==, i);
    g_assert_cmpuint (ring_message_get_source_generation (message), ==, 0);
  }
  expect (kernel, 4, 1, 0, 10, 1);
  expect (kernel, 5, 1, 1, 10, 1);
  expect (kernel, 6, 2, 0, 20, 3);
  ring_test_assert_accounts (kernel, 7, 7, 0, 0);
  g_object_unref (kernel);
}

/* A handle ends with versions to come that no message was for. */
static void
test_end_with_versions_to_come (RingExecutionMode mode)
{
  RingKernel *kernel;
  RingTestSender sender;
  RingTestGate gate = { 0, 0, 0 };

  if (skip_on_a_device ())
    return;
  kernel = start (mode, "gate", 1);
  ring_test_sender_start (&sender, kernel, &gate);
  reload (kernel, "stamp-a");
  reload (kernel, "stamp-c");
  ring_test_gate_open (&gate);
  ring_test_sender_join (&sender);
  ring_test_terminate (kernel, RING_TERMINATE_DISCARD);
  ring_test_assert_balanced (kernel);
  g_object_unref (kernel);
}

/* What is flushed is not run, and the versions come in their order all the same. */
static void
test_flush (RingExecutionMode mode)
{
  RingKernel *kernel = start (mode, "stamp-a", 1);
  g_autoptr (GError) error = NULL;

  send (kernel, 0);
  reload (kernel, "stamp-c");
  send (kernel, 1);
  ring_kernel_flush (kernel);
  reload (kernel, "stamp-d");
  send (kernel, 2);
  expect (kernel, 2, 4, 0, 0, 2);
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  ring_test_assert_balanced (kernel);
  g_object_unref (kernel);
}

/* Before it is active, and while it is not. */
static void
test_inactive (RingExecutionMode mode)
{
  RingConfig *config = ring_test_config (mode);
  g_autoptr (GError) error = NULL;
  RingKernel *kernel;

  config->reload = TRUE;
  kernel = ring_test_launch_with (config, "stamp-a", 1);
  reload (kernel, "stamp-b");
  ring_test_activate (kernel);
  send (kernel, 0);
  expect (kernel, 0, 2, 0, 20, 1);
  ring_kernel_deactivate (kernel, &error);
  g_assert_no_error (error);
  reload (kernel, "stamp-a");
  ring_test_activate (kernel);
  send (kernel, 1);
  expect (kernel, 1, 1, 1, 10, 2);
  ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
  assert_refused (kernel, "stamp-b", RING_ERROR_STATUS, "reloaded");
  g_object_unref (kernel);
}

/* ---- messages by reference ---------------------------------------------------------------- */

typedef struct
{
  guint32 in[WORDS], out[WORDS];
  guint generation;
  gint done;
} Submitted;

static void
completed (RingKernel *kernel, const RingCompletion *completion, gpointer data)
{
  Submitted *s = data;

  (void) kernel;
  g_assert_cmpint (completion->outcome, ==, RING_OUTCOME_DONE);
  s->generation = completion->source_generation;
  g_atomic_int_set (&s->done, TRUE);
}

static void
submit (RingKernel *kernel, Submitted *s, guint number)
{
  RingMemory memory = { .n_planes = 1, .size = sizeof s->out };
  RingSubmission submission = {
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = completed,
    .user_data = s,
  };
  g_autoptr (GError) error = NULL;

  memset (s, 0, sizeof *s);
  s->in[0] = number;
  memory.plane[0].size = sizeof s->out;
  memory.plane[0].data = s->in;
  submission.input = memory;
  memory.plane[0].data = s->out;
  submission.outputs = &memory;
  ring_kernel_submit (kernel, &submission, &error);
  g_assert_no_error (error);
}

static void
test_submissions (RingExecutionMode mode)
{
  RingKernel *kernel = start (mode, "stamp-a", 2);
  Submitted s[6];
  guint i;

  for (i = 0; i < 3; i++)
    submit (kernel, &s[i], i);
  reload (kernel, "stamp-d");
  for (; i < 6; i++)
    submit (kernel, &s[i], i);
  for (i = 0; i < 6; i++) {
    ring_test_wait_until (g_atomic_int_get (&s[i].done));
    g_assert_cmpuint (s[i].generation, ==, i / 3);
    g_assert_cmpuint (s[i].out[0], ==, i);
    g_assert_cmpuint (s[i].out[1], ==, i < 3 ? 1 : 4);
    g_assert_cmpuint (s[i].out[WORDS - 1], ==, s[i].out[1] * 65536 + i);
  }
  g_object_unref (kernel);
}

/* Whoever is told of a result may let the next version in. */
typedef struct
{
  Submitted first, second;
  gint reloaded;
} FromCompletion;

static void
completed_and_reload (RingKernel *kernel, const RingCompletion *completion,
    gpointer data)
{
  FromCompletion *f = data;

  (void) completion;
  reload (kernel, "stamp-d");
  g_atomic_int_set (&f->reloaded, TRUE);
}

static void
test_from_a_completion (RingExecutionMode mode)
{
  RingKernel *kernel;
  RingMemory memory = { .n_planes = 1, .size = WORDS * 4 };
  RingSubmission submission = { .n_outputs = 1,
    .completed = completed_and_reload };
  g_autoptr (GError) error = NULL;
  FromCompletion f;

  /* There the completion may be on the very thread that keeps the kernel going. */
  if (ring_test_backend () != RING_BACKEND_CPU) {
    g_test_skip ("cpu only");
    return;
  }
  memset (&f, 0, sizeof f);
  kernel = start (mode, "stamp-a", 1);
  memory.plane[0].size = WORDS * 4;
  memory.plane[0].data = f.first.in;
  submission.input = memory;
  memory.plane[0].data = f.first.out;
  submission.outputs = &memory;
  submission.user_data = &f;
  ring_kernel_submit (kernel, &submission, &error);
  g_assert_no_error (error);
  ring_test_wait_until (g_atomic_int_get (&f.reloaded));
  submit (kernel, &f.second, 1);
  ring_test_wait_until (g_atomic_int_get (&f.second.done));
  g_assert_cmpuint (f.first.out[1], ==, 1);
  g_assert_cmpuint (f.second.out[1], ==, 4);
  g_object_unref (kernel);
}

/* ---- formats ---------------------------------------------------------------------------------- */

static void
test_other_formats (RingExecutionMode mode)
{
  RingKernel *kernel;
  RingTestSender sender;
  RingTestGate gate = { 0, 0, 0 };
  g_autoptr (RingFormat) none = NULL;
  g_autoptr (RingFormat) bytes = NULL;
  g_autoptr (RingMessage) result = NULL;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = start (mode, "gate", 1);
  ring_test_sender_start (&sender, kernel, &gate);
  assert_refused (kernel, "serial", RING_ERROR_BUSY, "drain");
  ring_test_gate_open (&gate);
  ring_test_sender_join (&sender);
  result = ring_test_receive (kernel);

  /* Pictures: of which format is to be said. */
  reload (kernel, "serial");
  none = ring_kernel_get_input_format (kernel);
  g_assert_null (none);
  {
    g_autoptr (RingFormat) gray =
        ring_format_new_video (RING_VIDEO_FORMAT_GRAY8, 16, 4);
    g_autoptr (GBytes) pixels = g_bytes_new_take (g_malloc0 (64), 64);
    g_autoptr (GError) error = NULL;
    g_autoptr (RingMessage) picture =
        ring_message_new_video (gray, pixels, &error);
    g_autoptr (RingMessage) made = NULL;

    g_assert_no_error (error);
    ring_test_send (kernel, picture);
    made = ring_test_receive (kernel);
    g_assert_true (ring_format_equal (ring_message_get_format (made), gray));
    g_assert_cmpuint (ring_message_get_source_generation (made), ==, 1);
  }
  reload (kernel, "stamp-a");
  bytes = ring_kernel_get_input_format (kernel);
  g_assert_cmpint (bytes->kind, ==, RING_PAYLOAD_BYTES);
  send (kernel, 7);
  expect (kernel, 7, 1, 0, 10, 2);
  reload (kernel, "swap-record");
  g_clear_pointer (&bytes, ring_format_free);
  bytes = ring_kernel_get_input_format (kernel);
  g_assert_cmpint (bytes->kind, ==, RING_PAYLOAD_RECORD);
  g_object_unref (kernel);
}

/* ---- what is refused ---------------------------------------------------------------------------- */

static void
test_refused (void)
{
  RingKernel *kernel = start (RING_EXECUTION_AUTO, "stamp-a", 1);
  g_autofree gchar *dir = ring_test_source_dir ();
  g_autofree gchar *broken =
      g_build_filename (dir, "kernels", "broken.c", NULL);
  g_autoptr (GError) error = NULL;

  send (kernel, 0);
  assert_refused (kernel, "emit", RING_ERROR_NEEDS_LAUNCH, "emits up to");
  assert_refused (kernel, "no-such-kernel", RING_ERROR_KERNEL_NOT_FOUND,
      "no-such-kernel");
  g_assert_false (ring_kernel_reload (kernel, broken, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  send (kernel, 1);
  expect (kernel, 0, 1, 0, 10, 0);
  expect (kernel, 1, 1, 1, 10, 0);
  ring_test_assert_accounts (kernel, 2, 2, 0, 0);
  g_object_unref (kernel);
}

/* Without the option there is room for what the first version has. */
static void
test_without_room (void)
{
  RingKernel *kernel = ring_test_start (RING_EXECUTION_AUTO, "stamp-d", 1);

  assert_refused (kernel, "stamp-a", RING_ERROR_NEEDS_LAUNCH, "option reload");
  send (kernel, 0);
  expect (kernel, 0, 4, 0, 0, 0);
  reload (kernel, "stamp-d");
  send (kernel, 1);
  expect (kernel, 1, 4, 0, 0, 1);
  g_object_unref (kernel);
}

/* ---- without waiting ---------------------------------------------------------------------------------------- */

static void
on_reloaded (GObject *object, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
  (void) object;
}

static void
test_async (void)
{
  RingKernel *kernel = start (RING_EXECUTION_AUTO, "stamp-a", 1);
  g_autofree gchar *path = ring_test_kernel_path ("stamp-b");
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  ring_kernel_reload_async (kernel, path, NULL, on_reloaded, &result);
  while (!result)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (ring_kernel_reload_finish (kernel, result, &error));
  g_assert_no_error (error);
  g_clear_object (&result);
  send (kernel, 0);
  expect (kernel, 0, 2, 0, 20, 1);

  g_cancellable_cancel (cancelled);
  ring_kernel_reload_async (kernel, path, cancelled, on_reloaded, &result);
  while (!result)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (ring_kernel_reload_finish (kernel, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&result);
  g_object_unref (kernel);
}

/* ---- all at once ---------------------------------------------------------------------------------------------- */

#define N_RELOADS 60

static const gchar *const versions[] = { "stamp-a", "stamp-b", "stamp-c",
  "stamp-d", "stamp-a", "stamp-c", "stamp-b", "stamp-b" };

typedef struct
{
  RingKernel *kernel;
  gint quit, ended; /* atomic */
  guint sent;       /* read after the thread has ended */
} Stream;

static gpointer
stream_thread (gpointer data)
{
  Stream *s = data;

  while (!g_atomic_int_get (&s->quit))
    send (s->kernel, s->sent++);
  g_atomic_int_set (&s->ended, TRUE);
  return NULL;
}

/* Version, from `versions`, of the generation @g. */
static guint
number_of (guint g)
{
  return (guint) (versions[g % G_N_ELEMENTS (versions)][6] - 'a') + 1;
}

static gboolean
keep_state (guint a, guint b)
{
  return a == b ? a != 4 : a <= 2 && b <= 2;
}

/* A stream goes on while version follows version: every message comes out once, in
 * order, wholly by one version, and that is the one of its generation. */
static void
run_stream (RingExecutionMode mode, const gchar *first, gint workers)
{
  Stream s = { start (mode, first, workers), FALSE, FALSE, 0 };
  GThread *thread = g_thread_new ("stream", stream_thread, &s);
  guint received = 0, generation = 0, seen = 0, n;

  for (n = 1; n <= N_RELOADS; n++) {
    guint until = received + 5;

    reload (s.kernel, versions[n % G_N_ELEMENTS (versions)]);
    if (n == N_RELOADS) {
      g_atomic_int_set (&s.quit, TRUE);
      until = G_MAXUINT;
    }
    while (received < until) {
      g_autoptr (RingMessage) message = ring_kernel_receive (s.kernel,
          n == N_RELOADS ? 0 : RING_TEST_WAIT, NULL, NULL);
      Stamp stamp;

      if (!message) {
        /* The sender may still wait for room that we make. */
        const gboolean ended = g_atomic_int_get (&s.ended);
        g_autoptr (RingMetrics) m = ring_kernel_get_metrics (s.kernel);

        g_assert_cmpuint (n, ==, N_RELOADS);
        if (ended && m->in_flight == 0)
          break;
        continue;
      }
      if (ring_message_get_source_generation (message) == 0
          && strncmp (first, "stamp", 5) != 0) {
        received++;
        continue;
      }
      stamp = read_stamp (message);
      g_assert_cmpuint (stamp.number, ==, received);
      g_assert_cmpuint (stamp.generation, >=, generation);
      g_assert_cmpuint (stamp.version, ==, number_of (stamp.generation));
      for (; generation < stamp.generation; generation++)
        if (!keep_state (number_of (generation), number_of (generation + 1)))
          seen = 0;
      g_assert_cmpuint (stamp.seen, ==, stamp.version == 4 ? 0 : seen);
      seen++;
      received++;
    }
  }
  g_thread_join (thread);
  g_assert_cmpuint (received, ==, s.sent);
  ring_test_assert_accounts (s.kernel, s.sent, s.sent, 0, 0);
  ring_test_terminate (s.kernel, RING_TERMINATE_DRAIN);
  g_object_unref (s.kernel);
}

static void
test_stream (RingExecutionMode mode)
{
  run_stream (mode, "stamp-a", 2);
}

/* Launched to run several messages side by side, which later versions may not. */
static void
test_stream_of_blocks (RingExecutionMode mode)
{
  run_stream (mode, "blocks", 3);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ring_test_add_modes ("/reload/takes-over", test_takes_over);
  ring_test_add_modes ("/reload/other-state", test_other_state);
  ring_test_add_modes ("/reload/parameters", test_parameters);
  ring_test_add_modes ("/reload/several-at-once", test_several_at_once);
  ring_test_add_modes ("/reload/in-flight", test_in_flight);
  ring_test_add_modes ("/reload/end-with-versions-to-come",
      test_end_with_versions_to_come);
  ring_test_add_modes ("/reload/flush", test_flush);
  ring_test_add_modes ("/reload/inactive", test_inactive);
  ring_test_add_modes ("/reload/submissions", test_submissions);
  ring_test_add_modes ("/reload/from-a-completion", test_from_a_completion);
  ring_test_add_modes ("/reload/other-formats", test_other_formats);
  g_test_add_func ("/reload/refused", test_refused);
  g_test_add_func ("/reload/without-room", test_without_room);
  g_test_add_func ("/reload/async", test_async);
  ring_test_add_modes ("/reload/stream", test_stream);
  ring_test_add_modes ("/reload/stream-of-blocks", test_stream_of_blocks);
  return ring_test_run ();
}
