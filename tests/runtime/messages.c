/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Content and order, calls, several outputs.
 */
#include "ring-test.h"

/* ---- content and order ----------------------------------------------------------- */

static void
test_every_size_comes_back (RingExecutionMode mode)
{
  const gsize sizes[] = { 0, 1, 7, 64, RING_INLINE_SIZE - 1, RING_INLINE_SIZE,
    RING_INLINE_SIZE + 1, 4096, RING_DEFAULT_MESSAGE_SIZE - RING_HEADER_SIZE };
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 2);
  guint64 bytes = 0;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (RingMessage) sent = ring_test_message (sizes[i], (guint) i);

    ring_test_send (kernel, sent);
    bytes += sizes[i];
  }
  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (RingMessage) sent = ring_test_message (sizes[i], (guint) i);
    g_autoptr (RingMessage) got = ring_test_receive (kernel);

    g_assert_cmpuint (g_bytes_get_size (ring_message_get_payload (got)), ==,
        sizes[i]);
    g_assert_true (ring_test_same_payload (sent, got));
    g_assert_cmpuint (ring_message_get_sequence (got), ==, i);
  }
  ring_test_assert_accounts (kernel, i, i, 0, 0);
  {
    g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

    g_assert_cmpuint (m->bytes_in, ==, bytes);
    g_assert_cmpuint (m->bytes_out, ==, bytes);
    g_assert_cmpuint (m->outputs, ==, i);
  }
}

static void
test_too_large_names_both_sizes (RingExecutionMode mode)
{
  RingConfig *config = ring_test_config (mode);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMessage) fits = ring_test_message (1000, 0);
  g_autoptr (RingMessage) large = ring_test_message (1001, 0);
  g_autoptr (RingMessage) got = NULL;
  g_autoptr (RingMetrics) m = NULL;
  g_autoptr (GError) error = NULL;

  config->message_size = RING_HEADER_SIZE + 1000;
  kernel = ring_test_launch_with (config, "copy", 1);
  ring_test_activate (kernel);
  ring_test_send (kernel, fits);
  g_assert_false (ring_kernel_send (kernel, large, 0, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_TOO_LARGE, "1001", "1000");
  g_assert_null (ring_kernel_call (kernel, large, 0, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_TOO_LARGE, "1001", "1000");
  got = ring_test_receive (kernel);
  g_assert_true (ring_test_same_payload (fits, got));
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->refused, ==, 2);
  ring_test_assert_accounts (kernel, 1, 1, 0, 0);
}

static void
test_header_fields_come_back (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 1);
  guint64 ids[3];
  guint i;

  for (i = 0; i < 3; i++) {
    g_autoptr (RingMessage) sent = ring_test_message (20, i);

    ring_message_set_message_type (sent, 0x80000000u + i);
    ring_message_set_correlation_id (sent, G_MAXUINT64 - i);
    if (i > 0)
      ring_message_set_time (sent, i * 1000, G_MAXUINT64 - 1 - i);
    ring_message_set_discont (sent, i == 1);
    ring_test_send (kernel, sent);
  }
  for (i = 0; i < 3; i++) {
    g_autoptr (RingMessage) got = ring_test_receive (kernel);
    guint64 accepted, started, finished, delivered;

    g_assert_cmpuint (ring_message_get_message_type (got), ==, 0x80000000u + i);
    g_assert_cmpuint (ring_message_get_correlation_id (got), ==,
        G_MAXUINT64 - i);
    g_assert_cmpuint (ring_message_get_pts (got), ==,
        i > 0 ? i * 1000 : RING_TIME_NONE);
    g_assert_cmpuint (ring_message_get_duration (got), ==,
        i > 0 ? G_MAXUINT64 - 1 - i : RING_TIME_NONE);
    g_assert_cmpint (ring_message_get_discont (got), ==, i == 1);
    g_assert_cmpuint (ring_message_get_sequence (got), ==, i);
    ids[i] = ring_message_get_id (got);
    g_assert_true (i == 0 || ids[i] != ids[i - 1]);
    ring_message_get_trace (got, &accepted, &started, &finished, &delivered);
    g_assert_cmpuint (accepted, >, 0);
    g_assert_cmpuint (accepted, <=, started);
    g_assert_cmpuint (started, <=, finished);
    g_assert_cmpuint (finished, <=, delivered);
  }
}

/* A sender keeps its message, may send it again, and the payload it was made of
 * may change the moment that send() returns. */
static void
test_send_copies (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 2);
  g_autoptr (RingMessage) small = ring_test_message (50, 1);
  g_autoptr (RingMessage) large = ring_test_message (50000, 2);
  guint i;

  for (i = 0; i < 8; i++)
    ring_test_send (kernel, i & 1 ? large : small);
  for (i = 0; i < 8; i++) {
    g_autoptr (RingMessage) got = ring_test_receive (kernel);

    g_assert_true (got != small && got != large);
    g_assert_true (ring_test_same_payload (got, i & 1 ? large : small));
    g_assert_true (g_bytes_get_data (ring_message_get_payload (got), NULL)
        != g_bytes_get_data (ring_message_get_payload (i & 1 ? large : small),
            NULL));
  }
}

static void
test_results_outlive_their_handle (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 1);
  g_autoptr (RingMessage) sent = ring_test_message (60000, 2);
  g_autoptr (RingMessage) got = NULL;

  ring_test_send (kernel, sent);
  got = ring_test_receive (kernel);
  g_clear_object (&kernel);
  g_assert_true (ring_test_same_payload (sent, got));
}

static void
test_block_sharing_keeps_order (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "blocks", 4);
  const guint n = 500;
  guint i;

  for (i = 0; i < n; i++) {
    guint32 data[16] = { 0 };
    g_autoptr (RingMessage) sent = NULL;

    /* The first of every few takes far longer than those behind it. */
    ((guint8 *) data)[0] = i % 5 == 0 ? 255 : 0;
    data[1] = i;
    sent = ring_message_new_from_data ((guint8 *) data, sizeof (data));
    ring_test_send (kernel, sent);
  }
  for (i = 0; i < n; i++) {
    g_autoptr (RingMessage) got = ring_test_receive (kernel);
    const guint32 *data =
        g_bytes_get_data (ring_message_get_payload (got), NULL);

    g_assert_cmpuint (data[1], ==, i);
    g_assert_cmpuint (ring_message_get_sequence (got), ==, i);
  }
  ring_test_assert_accounts (kernel, n, n, 0, 0);
}

/* ---- calls ------------------------------------------------------------------------------ */

typedef struct
{
  RingKernel *kernel;
  guint id;
  guint n;
} Caller;

static gpointer
call_often (gpointer data)
{
  Caller *c = data;
  guint i;

  for (i = 0; i < c->n; i++) {
    g_autoptr (RingMessage) sent = ring_test_message (30, c->id * 1000 + i);
    g_autoptr (GError) error = NULL;
    g_autoptr (RingMessage) got = NULL;

    got = ring_kernel_call (c->kernel, sent, RING_TEST_WAIT, NULL, &error);
    g_assert_no_error (error);
    g_assert_true (ring_test_same_payload (sent, got));
  }
  return NULL;
}

static void
test_call_gets_its_own_reply (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 2);
  Caller caller[3];
  GThread *thread[3];
  guint i;

  for (i = 0; i < 3; i++) {
    caller[i] = (Caller){ kernel, i + 1, 200 };
    thread[i] = g_thread_new ("caller", call_often, &caller[i]);
  }
  /* And those who send and receive get theirs, in order. */
  for (i = 0; i < 200; i++) {
    g_autoptr (RingMessage) sent = ring_test_message (77, i);
    g_autoptr (RingMessage) got = NULL;

    ring_message_set_correlation_id (sent, 1);
    ring_test_send (kernel, sent);
    got = ring_test_receive (kernel);
    g_assert_true (ring_test_same_payload (sent, got));
  }
  for (i = 0; i < 3; i++)
    g_thread_join (thread[i]);
  ring_test_assert_nothing_left (kernel);
  ring_test_assert_accounts (kernel, 800, 800, 0, 0);
}

static void
test_call_that_emits_nothing_fails_at_once (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "emit", 1);
  const guint8 none[4] = { 0 };
  g_autoptr (RingMessage) message = ring_message_new_from_data (none, 4);
  g_autoptr (GError) error = NULL;

  g_assert_null (ring_kernel_call (kernel, message, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_FAILED, "emit", "nothing");
  ring_test_assert_accounts (kernel, 1, 1, 0, 0);
}

/* ---- several outputs --------------------------------------------------------------------------------- */

static void
test_none_one_or_many_outputs (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "emit", 2);
  g_autoptr (RingMetrics) m = NULL;
  g_autoptr (GError) error = NULL;
  guint i, k, expected = 0;

  for (i = 0; i < 50; i++) {
    const guint8 data[4] = { (guint8) (i % 5), 0, (guint8) i, 77 };
    g_autoptr (RingMessage) sent =
        ring_message_new_from_data (data, sizeof (data));

    ring_message_set_correlation_id (sent, i + 1);
    ring_test_send (kernel, sent);
    expected += i % 5;
  }
  for (i = 0; i < 50; i++) {
    for (k = 0; k < i % 5; k++) {
      g_autoptr (RingMessage) got = ring_test_receive (kernel);
      gsize size;
      const guint8 *data =
          g_bytes_get_data (ring_message_get_payload (got), &size);

      g_assert_cmpuint (size, ==, 4);
      g_assert_cmpuint (data[1], ==, k);
      g_assert_cmpuint (data[2], ==, i);
      g_assert_cmpuint (ring_message_get_sequence (got), ==, i);
      g_assert_cmpuint (ring_message_get_correlation_id (got), ==, i + 1);
    }
  }
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  ring_test_assert_nothing_left (kernel);
  /* Delivered counts inputs. */
  ring_test_assert_accounts (kernel, 50, 50, 0, 0);
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->outputs, ==, expected);
}

static void
test_emitting_too_much_fails_the_handle (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "emit", 1);
  const guint8 good[4] = { 1, 0, 1, 1 }, bad[4] = { 255, 0, 0, 0 };
  g_autoptr (RingMessage) one = ring_message_new_from_data (good, 4);
  g_autoptr (RingMessage) too_much = ring_message_new_from_data (bad, 4);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMetrics) m = NULL;
  guint64 accepted = 2, received = 0;
  guint i;

  ring_test_send (kernel, one);
  ring_test_send (kernel, too_much);
  for (i = 0; i < 5; i++)
    accepted += ring_kernel_send (kernel, one, 0, NULL, NULL);
  ring_test_wait_until (ring_kernel_get_status (kernel) == RING_KERNEL_FAILED);
  /* Failed at once; what was queued is accounted for a little later. */
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  error = ring_kernel_get_error (kernel);
  ring_test_assert_says (&error, RING_ERROR_FAULT, "emit");
  for (;;) {
    g_autoptr (RingMessage) got = ring_kernel_receive (kernel, 0, NULL, NULL);

    if (!got)
      break;
    received++;
  }
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->accepted, ==, accepted);
  g_assert_cmpuint (m->delivered, ==, received);
  g_assert_cmpuint (m->delivered, <=, 1);
  g_assert_cmpuint (m->in_flight, ==, 0);
  g_assert_cmpuint (m->rejected + m->discarded, ==, accepted - received);
  g_assert_cmpuint (m->rejected, >=, 1);
}

/* Whoever waits for a reply when the handle fails is told so. */
static void
test_call_ends_when_the_handle_fails (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "emit", 1);
  const guint8 bad[4] = { 255, 0, 0, 0 };
  g_autoptr (RingMessage) message = ring_message_new_from_data (bad, 4);
  g_autoptr (GError) error = NULL;

  g_assert_null (ring_kernel_call (kernel, message, -1, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_FAULT, "emit", "failed");
  g_assert_cmpint (ring_kernel_get_status (kernel), ==, RING_KERNEL_FAILED);
  g_assert_false (ring_kernel_send (kernel, message, 0, NULL, &error));
  /* The cause is said again. */
  ring_test_assert_says (&error, RING_ERROR_STATUS, "failed", "emitted more");
}

/* The first output answers a call; the others are for whoever receives. */
static void
test_call_with_several_outputs (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "emit", 1);
  const guint8 three[4] = { 3, 0, 9, 9 };
  g_autoptr (RingMessage) message = ring_message_new_from_data (three, 4);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMessage) reply =
      ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, &error);
  guint k;

  g_assert_no_error (error);
  for (k = 0; k < 3; k++) {
    g_autoptr (RingMessage) got =
        k == 0 ? ring_message_ref (reply) : ring_test_receive (kernel);
    const guint8 *data =
        g_bytes_get_data (ring_message_get_payload (got), NULL);

    g_assert_cmpuint (data[1], ==, k);
  }
  ring_test_assert_nothing_left (kernel);
  ring_test_assert_accounts (kernel, 1, 1, 0, 0);
}

/* Memory that lies at any address is taken, whatever the samples want. */
static void
test_payload_at_an_odd_address (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "swap-record", 1);
  struct
  {
    guint64 id;
    gdouble value;
  } records[50];
  guint8 shifted[sizeof (records) + 1];
  g_autoptr (GBytes) whole = NULL;
  g_autoptr (GBytes) odd = NULL;
  g_autoptr (RingMessage) sent = NULL;
  g_autoptr (RingMessage) got = NULL;
  g_autoptr (GError) error = NULL;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (records); i++)
    records[i].id = i, records[i].value = i;
  memcpy (shifted + 1, records, sizeof (records));
  whole = g_bytes_new (shifted, sizeof (shifted));
  odd = g_bytes_new_from_bytes (whole, 1, sizeof (records));
  sent = ring_message_new_records ("(td)", odd, &error);
  g_assert_no_error (error);
  got = ring_kernel_call (kernel, sent, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  for (i = 0; i < G_N_ELEMENTS (records); i++) {
    g_autoptr (GVariant) record = ring_message_get_record (got, i, &error);
    gdouble value;
    guint64 id;

    g_variant_get (record, "(dt)", &value, &id);
    g_assert_cmpuint (id, ==, i);
    g_assert_cmpfloat (value, ==, 2.0 * i);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ring_test_add_modes ("/messages/every-size-comes-back",
      test_every_size_comes_back);
  ring_test_add_modes ("/messages/too-large-names-both-sizes",
      test_too_large_names_both_sizes);
  ring_test_add_modes ("/messages/header-fields-come-back",
      test_header_fields_come_back);
  ring_test_add_modes ("/messages/send-copies", test_send_copies);
  ring_test_add_modes ("/messages/results-outlive-their-handle",
      test_results_outlive_their_handle);
  ring_test_add_modes ("/messages/block-sharing-keeps-order",
      test_block_sharing_keeps_order);
  ring_test_add_modes ("/call/gets-its-own-reply",
      test_call_gets_its_own_reply);
  ring_test_add_modes ("/call/that-emits-nothing-fails-at-once",
      test_call_that_emits_nothing_fails_at_once);
  ring_test_add_modes ("/emit/none-one-or-many-outputs",
      test_none_one_or_many_outputs);
  ring_test_add_modes ("/emit/too-much-fails-the-handle",
      test_emitting_too_much_fails_the_handle);
  ring_test_add_modes ("/call/ends-when-the-handle-fails",
      test_call_ends_when_the_handle_fails);
  ring_test_add_modes ("/call/with-several-outputs",
      test_call_with_several_outputs);
  ring_test_add_modes ("/messages/payload-at-an-odd-address",
      test_payload_at_an_odd_address);
  return ring_test_run ();
}
