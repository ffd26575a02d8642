/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The life of a handle: every status, every transition, many handles at once.
 */
#include "ring-test.h"

/* ---- transitions ---------------------------------------------------------------- */

typedef enum
{
  DO_ACTIVATE,
  DO_DEACTIVATE,
  DO_TERMINATE_DRAIN,
  DO_TERMINATE_DISCARD,
  DO_SEND,
  DO_CALL,
  DO_SUBMIT,
  N_OPERATIONS
} Operation;

/* A word that an error about the operation contains. */
static const gchar *operation_word[N_OPERATIONS] = { "activ", "deactiv",
  "terminat", "terminat", "", "", "" };

static void
count_completion (RingKernel *kernel, const RingCompletion *completion,
    gpointer user_data)
{
  (void) kernel;
  (void) completion;
  g_atomic_int_inc ((gint *) user_data);
}

static gboolean
operate (RingKernel *kernel, Operation operation, GError **error)
{
  g_autoptr (RingMessage) message = ring_test_message (16, 1);
  g_autoptr (RingMessage) reply = NULL;

  switch (operation) {
    case DO_ACTIVATE:
      return ring_kernel_activate (kernel, error);
    case DO_DEACTIVATE:
      return ring_kernel_deactivate (kernel, error);
    case DO_TERMINATE_DRAIN:
      return ring_kernel_terminate (kernel, RING_TERMINATE_DRAIN, error);
    case DO_TERMINATE_DISCARD:
      return ring_kernel_terminate (kernel, RING_TERMINATE_DISCARD, error);
    case DO_SEND:
      return ring_kernel_send (kernel, message, RING_TEST_WAIT, NULL, error);
    case DO_CALL:
      reply = ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, error);
      return reply != NULL;
    case DO_SUBMIT: {
      static guint8 data[16], result[16];
      /* Static, for it outlives this call where the handle takes it. */
      static gint completed;
      RingMemory output = { .n_planes = 1,
        .size = 16,
        .plane = { { result, 16, 16 } } };
      RingSubmission submission = {
        .input = { .n_planes = 1, .size = 16, .plane = { { data, 16, 16 } } },
        .outputs = &output,
        .n_outputs = 1,
        .pts = RING_TIME_NONE,
        .duration = RING_TIME_NONE,
        .completed = count_completion,
        .user_data = &completed,
      };
      const gint before = g_atomic_int_get (&completed);

      if (!ring_kernel_submit (kernel, &submission, error)) {
        g_assert_cmpint (g_atomic_int_get (&completed), ==, before);
        return FALSE;
      }
      ring_test_wait_until (g_atomic_int_get (&completed) == before + 1);
      return TRUE;
    }
    default:
      g_assert_not_reached ();
  }
}

/* A kernel in @status, reached on the shortest way. */
static RingKernel *
kernel_in (RingExecutionMode mode, RingKernelStatus status)
{
  g_autoptr (GError) error = NULL;
  RingKernel *kernel = ring_test_launch (mode,
      status == RING_KERNEL_FAILED ? "emit" : "copy", 0);

  switch (status) {
    case RING_KERNEL_LAUNCHED:
      break;
    case RING_KERNEL_ACTIVE:
      ring_test_activate (kernel);
      break;
    case RING_KERNEL_DEACTIVATED:
      ring_test_activate (kernel);
      ring_kernel_deactivate (kernel, &error);
      g_assert_no_error (error);
      break;
    case RING_KERNEL_TERMINATED:
      ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
      break;
    case RING_KERNEL_FAILED: {
      const guint8 too_much[2] = { 255, 0 };
      g_autoptr (RingMessage) message =
          ring_message_new_from_data (too_much, sizeof (too_much));

      ring_test_activate (kernel);
      ring_kernel_send (kernel, message, RING_TEST_WAIT, NULL, NULL);
      ring_test_wait_until (
          ring_kernel_get_status (kernel) == RING_KERNEL_FAILED);
      break;
    }
    default:
      g_assert_not_reached ();
  }
  g_assert_cmpint (ring_kernel_get_status (kernel), ==, status);
  return kernel;
}

static const struct
{
  RingKernelStatus from;
  Operation operation;
  gboolean legal;
  RingKernelStatus to;
} transitions[] = {
  { RING_KERNEL_LAUNCHED, DO_ACTIVATE, TRUE, RING_KERNEL_ACTIVE },
  { RING_KERNEL_LAUNCHED, DO_DEACTIVATE, FALSE, RING_KERNEL_LAUNCHED },
  { RING_KERNEL_LAUNCHED, DO_TERMINATE_DRAIN, TRUE, RING_KERNEL_TERMINATED },
  { RING_KERNEL_LAUNCHED, DO_TERMINATE_DISCARD, TRUE, RING_KERNEL_TERMINATED },
  { RING_KERNEL_LAUNCHED, DO_SEND, FALSE, RING_KERNEL_LAUNCHED },
  { RING_KERNEL_LAUNCHED, DO_CALL, FALSE, RING_KERNEL_LAUNCHED },
  { RING_KERNEL_LAUNCHED, DO_SUBMIT, FALSE, RING_KERNEL_LAUNCHED },

  { RING_KERNEL_ACTIVE, DO_ACTIVATE, FALSE, RING_KERNEL_ACTIVE },
  { RING_KERNEL_ACTIVE, DO_DEACTIVATE, TRUE, RING_KERNEL_DEACTIVATED },
  { RING_KERNEL_ACTIVE, DO_TERMINATE_DRAIN, TRUE, RING_KERNEL_TERMINATED },
  { RING_KERNEL_ACTIVE, DO_TERMINATE_DISCARD, TRUE, RING_KERNEL_TERMINATED },
  { RING_KERNEL_ACTIVE, DO_SEND, TRUE, RING_KERNEL_ACTIVE },
  { RING_KERNEL_ACTIVE, DO_CALL, TRUE, RING_KERNEL_ACTIVE },
  { RING_KERNEL_ACTIVE, DO_SUBMIT, TRUE, RING_KERNEL_ACTIVE },

  { RING_KERNEL_DEACTIVATED, DO_ACTIVATE, TRUE, RING_KERNEL_ACTIVE },
  { RING_KERNEL_DEACTIVATED, DO_DEACTIVATE, FALSE, RING_KERNEL_DEACTIVATED },
  { RING_KERNEL_DEACTIVATED, DO_TERMINATE_DRAIN, TRUE, RING_KERNEL_TERMINATED },
  { RING_KERNEL_DEACTIVATED, DO_TERMINATE_DISCARD, TRUE,
      RING_KERNEL_TERMINATED },
  { RING_KERNEL_DEACTIVATED, DO_SEND, FALSE, RING_KERNEL_DEACTIVATED },
  { RING_KERNEL_DEACTIVATED, DO_CALL, FALSE, RING_KERNEL_DEACTIVATED },
  { RING_KERNEL_DEACTIVATED, DO_SUBMIT, FALSE, RING_KERNEL_DEACTIVATED },

  { RING_KERNEL_TERMINATED, DO_ACTIVATE, FALSE, RING_KERNEL_TERMINATED },
  { RING_KERNEL_TERMINATED, DO_DEACTIVATE, FALSE, RING_KERNEL_TERMINATED },
  { RING_KERNEL_TERMINATED, DO_TERMINATE_DRAIN, FALSE, RING_KERNEL_TERMINATED },
  { RING_KERNEL_TERMINATED, DO_TERMINATE_DISCARD, FALSE,
      RING_KERNEL_TERMINATED },
  { RING_KERNEL_TERMINATED, DO_SEND, FALSE, RING_KERNEL_TERMINATED },
  { RING_KERNEL_TERMINATED, DO_CALL, FALSE, RING_KERNEL_TERMINATED },
  { RING_KERNEL_TERMINATED, DO_SUBMIT, FALSE, RING_KERNEL_TERMINATED },

  { RING_KERNEL_FAILED, DO_ACTIVATE, FALSE, RING_KERNEL_FAILED },
  { RING_KERNEL_FAILED, DO_DEACTIVATE, FALSE, RING_KERNEL_FAILED },
  { RING_KERNEL_FAILED, DO_TERMINATE_DRAIN, FALSE, RING_KERNEL_FAILED },
  { RING_KERNEL_FAILED, DO_TERMINATE_DISCARD, FALSE, RING_KERNEL_FAILED },
  { RING_KERNEL_FAILED, DO_SEND, FALSE, RING_KERNEL_FAILED },
  { RING_KERNEL_FAILED, DO_CALL, FALSE, RING_KERNEL_FAILED },
  { RING_KERNEL_FAILED, DO_SUBMIT, FALSE, RING_KERNEL_FAILED },
};

static void
test_transitions (RingExecutionMode mode)
{
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (transitions); i++) {
    g_autoptr (RingKernel) kernel = kernel_in (mode, transitions[i].from);
    g_autoptr (GError) error = NULL;
    const gboolean done = operate (kernel, transitions[i].operation, &error);

    g_test_message ("%s, operation %d",
        ring_test_status_nick (transitions[i].from), transitions[i].operation);
    if (transitions[i].legal) {
      g_assert_no_error (error);
      g_assert_true (done);
    } else {
      g_assert_false (done);
      ring_test_assert_says (&error, RING_ERROR_STATUS,
          ring_test_status_nick (transitions[i].from),
          operation_word[transitions[i].operation]);
    }
    g_assert_cmpint (ring_kernel_get_status (kernel), ==, transitions[i].to);
    ring_test_assert_balanced (kernel);
  }
}

static void
test_activate_twice_names_both_states (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_start (RING_EXECUTION_INLINE, "copy", 0);
  g_autoptr (GError) error = NULL;

  g_assert_false (ring_kernel_activate (kernel, &error));
  ring_test_assert_says (&error, RING_ERROR_STATUS, "copy", "become active",
      "while it is active");
}

static void
test_launched_is_the_first_status (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_launch (mode, "copy", 0);
  g_autoptr (GError) kept = ring_kernel_get_error (kernel);

  g_assert_cmpint (ring_kernel_get_status (kernel), ==, RING_KERNEL_LAUNCHED);
  g_assert_cmpint (ring_kernel_get_mode (kernel), ==, mode);
  g_assert_null (kept);
  ring_test_assert_accounts (kernel, 0, 0, 0, 0);
}

static void
test_failed_keeps_its_error (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = kernel_in (mode, RING_KERNEL_FAILED);
  g_autoptr (GError) error = ring_kernel_get_error (kernel);

  ring_test_assert_says (&error, RING_ERROR_FAULT, "emit");
  /* Each asker gets a copy of its own. */
  error = ring_kernel_get_error (kernel);
  g_assert_nonnull (error);
}

/* ---- many at once ----------------------------------------------------------------- */

static void
test_instances_have_ids_and_messages_of_their_own (RingExecutionMode mode)
{
  const gchar *names[] = { "copy", "copy", "blocks", "pair", "copy", "emit" };
  RingKernel *kernel[G_N_ELEMENTS (names)];
  g_autoptr (GHashTable) ids = g_hash_table_new (g_int64_hash, g_int64_equal);
  guint64 id[G_N_ELEMENTS (names)];
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    kernel[i] = ring_test_start (mode, names[i], 1);
    id[i] = ring_kernel_get_id (kernel[i]);
    g_assert_true (g_hash_table_add (ids, &id[i]));
  }
  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (RingMessage) message = ring_test_message (64, (guint) i);

    ring_test_send (kernel[i], message);
  }
  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (RingMessage) sent = ring_test_message (64, (guint) i);

    if (strcmp (names[i], "copy") == 0 || strcmp (names[i], "blocks") == 0) {
      g_autoptr (RingMessage) got = ring_test_receive (kernel[i]);

      g_assert_true (ring_test_same_payload (got, sent));
      ring_test_assert_nothing_left (kernel[i]);
    }
  }
  /* One that ends takes no other with it. */
  ring_test_terminate (kernel[0], RING_TERMINATE_DRAIN);
  for (i = 1; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpint (ring_kernel_get_status (kernel[i]), ==,
        RING_KERNEL_ACTIVE);
  for (i = 0; i < G_N_ELEMENTS (names); i++)
    g_object_unref (kernel[i]);
}

static void
test_many_instances_of_one_runtime (RingExecutionMode mode)
{
  g_autoptr (RingConfig) config = ring_test_config (mode);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = NULL;
  RingKernel *kernel[16];
  guint64 last = 0;
  gsize i;

  config->queue_capacity = 8;
  runtime = ring_runtime_new (config, &error);
  g_assert_no_error (error);
  for (i = 0; i < G_N_ELEMENTS (kernel); i++) {
    kernel[i] = ring_runtime_launch (runtime, "copy", 1, 1, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (ring_kernel_get_id (kernel[i]), !=, last);
    last = ring_kernel_get_id (kernel[i]);
    ring_test_activate (kernel[i]);
  }
  /* A runtime may go before its handles. */
  g_clear_object (&runtime);
  for (i = 0; i < G_N_ELEMENTS (kernel); i++) {
    g_autoptr (RingMessage) sent = ring_test_message (100, (guint) i);
    g_autoptr (RingMessage) got =
        ring_kernel_call (kernel[i], sent, RING_TEST_WAIT, NULL, &error);

    g_assert_no_error (error);
    g_assert_true (ring_test_same_payload (sent, got));
  }
  for (i = 0; i < G_N_ELEMENTS (kernel); i++)
    g_object_unref (kernel[i]);
}

typedef struct
{
  GMainLoop *loop;
  GObject *result;
  gboolean done;
  GError *error;
} Async;

static void
launch_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Async *a = user_data;

  a->result = (GObject *) ring_runtime_launch_finish (RING_RUNTIME (source),
      result, &a->error);
  g_main_loop_quit (a->loop);
}

static void
terminate_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Async *a = user_data;

  a->done =
      ring_kernel_terminate_finish (RING_KERNEL (source), result, &a->error);
  g_main_loop_quit (a->loop);
}

static void
test_launch_and_terminate_asynchronously (RingExecutionMode mode)
{
  g_autoptr (RingConfig) config = ring_test_config (mode);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = ring_runtime_new (config, &error);
  g_autoptr (RingMessage) message = ring_test_message (10, 0);
  Async a = { .loop = loop };

  g_assert_no_error (error);
  ring_runtime_launch_async (runtime, "copy", -1, -1, NULL, NULL, launch_done,
      &a);
  g_assert_null (a.result); /* never before the main loop runs */
  g_main_loop_run (loop);
  g_assert_no_error (a.error);
  ring_test_activate (RING_KERNEL (a.result));
  ring_test_send (RING_KERNEL (a.result), message);

  ring_kernel_terminate_async (RING_KERNEL (a.result), RING_TERMINATE_DRAIN,
      NULL, terminate_done, &a);
  g_main_loop_run (loop);
  g_assert_no_error (a.error);
  g_assert_true (a.done);
  g_assert_cmpint (ring_kernel_get_status (RING_KERNEL (a.result)), ==,
      RING_KERNEL_TERMINATED);

  ring_kernel_terminate_async (RING_KERNEL (a.result), RING_TERMINATE_DRAIN,
      NULL, terminate_done, &a);
  g_main_loop_run (loop);
  g_assert_false (a.done);
  ring_test_assert_says (&a.error, RING_ERROR_STATUS, "terminated");
  g_object_unref (a.result);

  a.result = NULL;
  ring_runtime_launch_async (runtime, "no-such-kernel", -1, -1, NULL, NULL,
      launch_done, &a);
  g_main_loop_run (loop);
  g_assert_null (a.result);
  ring_test_assert_says (&a.error, RING_ERROR_KERNEL_NOT_FOUND,
      "no-such-kernel");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ring_test_add_modes ("/kernel/transitions", test_transitions);
  g_test_add_func ("/kernel/activate-twice-names-both-states",
      test_activate_twice_names_both_states);
  ring_test_add_modes ("/kernel/launched-is-the-first-status",
      test_launched_is_the_first_status);
  ring_test_add_modes ("/kernel/failed-keeps-its-error",
      test_failed_keeps_its_error);
  ring_test_add_modes ("/kernel/instances-have-ids-and-messages-of-their-own",
      test_instances_have_ids_and_messages_of_their_own);
  ring_test_add_modes ("/kernel/many-instances-of-one-runtime",
      test_many_instances_of_one_runtime);
  ring_test_add_modes ("/kernel/launch-and-terminate-asynchronously",
      test_launch_and_terminate_asynchronously);
  return ring_test_run ();
}
