/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Another version of a kernel takes over on the device: with payloads on their way by
 * copy engine, beside other handles, and where calls of the driver fail.
 */
#include "cuda-test.h"

#define WORDS 25000 /* more than 64 KiB: staged */
#define MOST_CALLS 6
#define N 4

typedef struct
{
  RingExecutionMode mode;
  gboolean plain; /* a driver without pools and writes by streams */
  gboolean idle;  /* nothing is in flight at the reload */
} Case;

static void
begin (const Case *c)
{
  fake.reset ();
  if (c->plain) {
    fake.set ("STREAM_MEMOPS", 0);
    fake.set ("MEMORY_POOLS", 0);
  }
}

static guint32 in[2 * N][WORDS], out[2 * N][WORDS];

static gboolean
submit (RingKernel *kernel, guint i, CudaOutcomes *outcomes, GError **error)
{
  RingSubmission s;
  RingMemory memory;

  memset (&s, 0, sizeof s);
  in[i][0] = i;
  memset (out[i], 0, sizeof out[i]);
  cuda_test_memory (&s.input, in[i], sizeof in[i]);
  cuda_test_memory (&memory, out[i], sizeof out[i]);
  s.outputs = &memory;
  s.n_outputs = 1;
  s.completed = cuda_test_completed;
  s.user_data = outcomes;
  return ring_kernel_submit (kernel, &s, error);
}

/* One life with one reload, in which the @nth call of @function fails from the reload
 * on (0: none). Returns how often it was called from there on; @refused: whether the
 * version could not take over. */
static guint
live (const Case *c, const gchar *function, guint nth, gboolean *refused)
{
  g_autofree gchar *first = ring_test_kernel_path ("stamp-a");
  g_autofree gchar *second = ring_test_kernel_path ("stamp-c");
  RingConfig *config = cuda_test_config ();
  CudaOutcomes outcomes = { 0, 0, 0, 0 };
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (GError) error = NULL;
  RingKernel *kernel, *neighbour;
  gboolean reloaded = FALSE;
  guint before, i, accepted = 0;

  begin (c);
  config->mode = c->mode;
  config->reload = TRUE;
  config->queue_capacity = 16;
  config->transfer = RING_TRANSFER_STAGED;
  runtime = cuda_test_runtime (config);
  neighbour = cuda_test_start (runtime, "copy", NULL);
  kernel = cuda_test_start (runtime, first, NULL);
  for (i = 0; i < N; i++) {
    g_assert_true (submit (kernel, i, &outcomes, &error));
    accepted++;
  }
  if (c->idle) {
    ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
    g_assert_no_error (error);
  }

  before = fake.calls (function);
  if (nth > 0)
    fake.fail (function, nth,
        nth % 2 ? CUDA_ERROR_UNKNOWN : CUDA_ERROR_OUT_OF_MEMORY);
  reloaded = ring_kernel_reload (kernel, second, &error);
  if (!reloaded) {
    g_assert_nonnull (error);
    g_assert_true (error->domain == RING_ERROR);
    g_assert_cmpuint (strlen (error->message), >, 10);
    g_clear_error (&error);
  }
  *refused = !reloaded;
  for (; i < 2 * N; i++) {
    if (!submit (kernel, i, &outcomes, &error))
      break;
    accepted++;
  }
  if (i == 2 * N && ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, NULL)
      && ring_kernel_get_status (kernel) == RING_KERNEL_ACTIVE) {
    g_assert_cmpint (outcomes.done, ==, 2 * N);
    for (i = 0; i < 2 * N; i++) {
      const guint version = i >= N && reloaded ? 3 : 1;

      g_assert_cmpuint (out[i][0], ==, i);
      g_assert_cmpuint (out[i][1], ==, version);
      g_assert_cmpuint (out[i][2], ==, version == 3 ? i - N : i);
      g_assert_cmpuint (out[i][WORDS - 1], ==, version * 65536 + i);
    }
  } else {
    /* The failure came at a place where the device is given up. */
    g_assert_cmpuint (nth, >, 0);
  }
  ring_kernel_terminate (kernel, RING_TERMINATE_DISCARD, NULL);
  g_object_unref (kernel);
  ring_test_wait_until (cuda_test_ended (&outcomes) == (gint) accepted);
  g_object_unref (neighbour);
  before = fake.calls (function) - before;
  ring_config_free (config);
  return before;
}

static gboolean
gives_back (const gchar *function)
{
  return strstr (function, "Free") || strstr (function, "Destroy")
      || strstr (function, "Unload") || strstr (function, "Release")
      || strstr (function, "PopCurrent");
}

static void
fail_every_call (const Case *c)
{
  const gchar *function;
  guint i, refusals = 0;
  gboolean refused;

  for (i = 0; (function = fake.function (i)); i++) {
    guint calls, nth;

    if (g_str_has_prefix (function, "cuInit")
        || g_str_has_prefix (function, "cuDriverGetVersion")
        || g_str_has_prefix (function, "cuGetError"))
      continue;
    calls = live (c, function, 0, &refused);
    g_assert_false (refused);
    cuda_test_assert_nothing_live ();
    for (nth = 1; nth <= MIN (calls, MOST_CALLS); nth++) {
      live (c, function, nth, &refused);
      refusals += refused;
      /* What could not be given back is lost; anything else is given back. */
      if (!gives_back (function))
        cuda_test_assert_nothing_live ();
    }
  }
  /* The test would mean little if nothing had ever failed. */
  g_assert_cmpuint (refusals, >, 5);
}

static void
test_calls_fail_persistent (void)
{
  const Case c = { RING_EXECUTION_PERSISTENT, FALSE, FALSE };

  fail_every_call (&c);
}

static void
test_calls_fail_event_driven_plain (void)
{
  const Case c = { RING_EXECUTION_EVENT_DRIVEN, TRUE, FALSE };

  fail_every_call (&c);
}

static void
test_calls_fail_idle (void)
{
  const Case c = { RING_EXECUTION_PERSISTENT, TRUE, TRUE };

  fail_every_call (&c);
}

/* One after the other, each for one message. */
static void
test_many_reloads (void)
{
  static const gchar *const names[] = { "stamp-a", "stamp-b", "stamp-d",
    "stamp-c" };
  RingConfig *config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autofree gchar *first = ring_test_kernel_path ("stamp-a");
  g_autoptr (GError) error = NULL;
  RingFakeLive live;
  RingKernel *kernel;
  guint i;

  config->reload = TRUE;
  runtime = cuda_test_runtime (config);
  kernel = cuda_test_start (runtime, first, NULL);
  for (i = 0; i < 40; i++) {
    g_autofree gchar *path = ring_test_kernel_path (names[i % 4]);
    guint32 words[100] = { i };
    g_autoptr (RingMessage) message =
        ring_message_new_from_data ((const guint8 *) words, sizeof words);
    g_autoptr (RingMessage) made = NULL;

    ring_kernel_reload (kernel, path, &error);
    g_assert_no_error (error);
    made = ring_kernel_call (kernel, message, -1, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (ring_message_get_source_generation (made), ==, i + 1);
  }
  /* The code that ran before is given back when the next is loaded. */
  fake.live (&live);
  g_assert_cmpuint (live.modules, <=, 2);
  g_object_unref (kernel);
  ring_config_free (config);
  g_clear_object (&runtime);
  cuda_test_assert_nothing_live ();
}

#define EMITTED 200

static gpointer
send_what_emits (gpointer data)
{
  guint i;

  for (i = 0; i < EMITTED; i++) {
    const guint8 bytes[4] = { (guint8) (1 + i % 3), 0, (guint8) i, 77 };
    g_autoptr (RingMessage) message =
        ring_message_new_from_data (bytes, sizeof bytes);

    ring_test_send (data, message);
  }
  return NULL;
}

/* Where a block's outputs go is told by the block before, and the first of all by whoever
 * ran before, even if that was a version whose blocks share their messages. Several wait
 * for the version, and so come to it at once. */
static void
test_blocks_that_emit_take_over (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  g_autofree gchar *first = ring_test_kernel_path ("emit");
  g_autofree gchar *second = ring_test_kernel_path ("emit-blocks");
  guint round, i, k;

  for (round = 0; round < 60; round++) {
    RingKernel *kernel = cuda_test_start (runtime, first, NULL);
    GThread *sender = g_thread_new ("sender", send_what_emits, kernel);
    g_autoptr (GError) error = NULL;
    guint generation = 0;

    ring_kernel_reload (kernel, second, &error);
    g_assert_no_error (error);
    for (i = 0; i < EMITTED; i++) {
      for (k = 0; k < 1 + i % 3; k++) {
        g_autoptr (RingMessage) got = ring_test_receive (kernel);
        const guint8 *data =
            g_bytes_get_data (ring_message_get_payload (got), NULL);

        g_assert_cmpuint (data[1], ==, k);
        g_assert_cmpuint (data[2], ==, i);
        g_assert_cmpuint (ring_message_get_source_generation (got), >=,
            generation);
        generation = ring_message_get_source_generation (got);
      }
    }
    g_thread_join (sender);
    ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
    g_object_unref (kernel);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!cuda_test_load ()) {
    g_print ("1..0 # SKIP needs the stand-in driver\n");
    return 0;
  }
  cuda_test_add ("/cuda/reload/many", test_many_reloads);
  cuda_test_add ("/cuda/reload/blocks-that-emit",
      test_blocks_that_emit_take_over);
  cuda_test_add ("/cuda/reload/calls-fail/persistent",
      test_calls_fail_persistent);
  cuda_test_add ("/cuda/reload/calls-fail/event-driven-plain",
      test_calls_fail_event_driven_plain);
  cuda_test_add ("/cuda/reload/calls-fail/idle", test_calls_fail_idle);
  return ring_test_run ();
}
