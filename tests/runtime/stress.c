/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A million messages from four producers to two receivers, in every mode and with
 * several numbers of workers, accounted for one by one.
 *
 * RING_STRESS_MESSAGES sets how many there are in all (for sanitizers and
 * valgrind, which need fewer and are slower).
 */
#include "ring-test.h"

#define PRODUCERS 4
#define RECEIVERS 2

typedef struct
{
  guint32 producer;
  guint32 check; /* derived from the counter */
  guint64 counter;
} Payload;

typedef struct
{
  RingKernel *kernel;
  guint64 per_producer;
  guint64 expected; /* of all */
  guint64 received; /* atomic */
  GCancellable *all_received;
  guint8 *seen[PRODUCERS]; /* one byte per message, atomic */
} Stress;

typedef struct
{
  Stress *stress;
  guint id;
} Thread;

static guint32
check_of (guint64 counter, guint32 producer)
{
  return (guint32) ((counter + 1) * 2654435761u) ^ producer;
}

static gpointer
produce (gpointer data)
{
  const Thread *self = data;
  Stress *s = self->stress;
  guint64 i;

  for (i = 0; i < s->per_producer; i++) {
    const Payload payload = { self->id, check_of (i, self->id), i };
    g_autoptr (RingMessage) message =
        ring_message_new_from_data ((const guint8 *) &payload,
            sizeof (payload));

    ring_message_set_message_type (message, self->id);
    ring_test_send (s->kernel, message);
  }
  return NULL;
}

static gpointer
receive (gpointer data)
{
  Stress *s = ((const Thread *) data)->stress;
  gint64 last[PRODUCERS];
  gint64 last_sequence = -1;
  guint i;

  for (i = 0; i < PRODUCERS; i++)
    last[i] = -1;
  for (;;) {
    g_autoptr (GError) error = NULL;
    g_autoptr (RingMessage) got = ring_kernel_receive (s->kernel,
        RING_TEST_WAIT, s->all_received, &error);
    const Payload *p;
    gsize size;

    if (!got) {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      return NULL;
    }
    p = g_bytes_get_data (ring_message_get_payload (got), &size);
    g_assert_cmpuint (size, ==, sizeof (*p));
    g_assert_cmpuint (p->producer, <, PRODUCERS);
    g_assert_cmpuint (p->producer, ==, ring_message_get_message_type (got));
    g_assert_cmpuint (p->check, ==, check_of (p->counter, p->producer));
    g_assert_cmpuint (p->counter, <, s->per_producer);
    /* What one receiver gets of one producer comes in the order of sending, and
     * what it gets at all in the order of acceptance. */
    g_assert_cmpint ((gint64) p->counter, >, last[p->producer]);
    last[p->producer] = (gint64) p->counter;
    g_assert_cmpint ((gint64) ring_message_get_sequence (got), >,
        last_sequence);
    last_sequence = (gint64) ring_message_get_sequence (got);
    /* Nothing twice. */
    g_assert_cmpint (__atomic_exchange_n (&s->seen[p->producer][p->counter], 1,
                         __ATOMIC_RELAXED),
        ==, 0);
    if (__atomic_add_fetch (&s->received, 1, __ATOMIC_ACQ_REL) == s->expected)
      g_cancellable_cancel (s->all_received);
  }
}

typedef struct
{
  RingExecutionMode mode;
  gint workers;
  const gchar *kernel;
  guint share; /* thousandths of all messages */
  guint capacity;
} Combination;

/* Shares by what a message costs there, so that none takes much longer than the
 * others. */
static const Combination combinations[] = {
  { RING_EXECUTION_INLINE, 1, "copy", 300, 4096 },
  { RING_EXECUTION_INLINE, 2, "copy", 100, 64 },
  { RING_EXECUTION_INLINE, 7, "copy", 50, 3 },
  { RING_EXECUTION_EVENT_DRIVEN, 1, "copy", 200, 4096 },
  { RING_EXECUTION_EVENT_DRIVEN, 2, "copy", 50, 64 },
  { RING_EXECUTION_EVENT_DRIVEN, 7, "copy", 10, 3 },
  { RING_EXECUTION_PERSISTENT, 1, "copy", 200, 4096 },
  { RING_EXECUTION_PERSISTENT, 2, "copy", 50, 64 },
  { RING_EXECUTION_PERSISTENT, 7, "copy", 10, 3 },
  { RING_EXECUTION_PERSISTENT, 7, "blocks", 15, 64 },
  { RING_EXECUTION_EVENT_DRIVEN, 7, "blocks", 15, 64 },
};

static void
test_stress (gconstpointer data)
{
  const Combination *c = data;
  const gchar *wanted = g_getenv ("RING_STRESS_MESSAGES");
  const guint64 total = wanted ? g_ascii_strtoull (wanted, NULL, 10) : 1000000;
  RingConfig *config = ring_test_config (c->mode);
  g_autoptr (RingMetrics) m = NULL;
  Stress s = { 0 };
  Thread producer[PRODUCERS], receiver[RECEIVERS];
  GThread *thread[PRODUCERS + RECEIVERS];
  guint64 j;
  guint i;

  config->queue_capacity = c->capacity;
  s.kernel = ring_test_launch_with (config, c->kernel, c->workers);
  s.per_producer = MAX (total * c->share / 1000 / PRODUCERS, 1);
  s.expected = s.per_producer * PRODUCERS;
  s.all_received = g_cancellable_new ();
  ring_test_activate (s.kernel);
  for (i = 0; i < PRODUCERS; i++)
    s.seen[i] = g_malloc0 (s.per_producer);
  for (i = 0; i < RECEIVERS; i++) {
    receiver[i] = (Thread){ &s, i };
    thread[PRODUCERS + i] = g_thread_new ("receive", receive, &receiver[i]);
  }
  for (i = 0; i < PRODUCERS; i++) {
    producer[i] = (Thread){ &s, i };
    thread[i] = g_thread_new ("produce", produce, &producer[i]);
  }
  for (i = 0; i < PRODUCERS + RECEIVERS; i++)
    g_thread_join (thread[i]);

  for (i = 0; i < PRODUCERS; i++) {
    for (j = 0; j < s.per_producer; j++)
      g_assert_cmpint (s.seen[i][j], ==, 1);
    g_free (s.seen[i]);
  }
  ring_test_assert_nothing_left (s.kernel);
  ring_test_assert_accounts (s.kernel, s.expected, s.expected, 0, 0);
  m = ring_kernel_get_metrics (s.kernel);
  g_assert_cmpuint (m->outputs, ==, s.expected);
  g_assert_cmpuint (m->refused, ==, 0);
  g_assert_cmpuint (m->bytes_in, ==, s.expected * sizeof (Payload));
  g_assert_cmpuint (m->bytes_out, ==, s.expected * sizeof (Payload));
  g_assert_cmpuint (m->queue_depth, ==, 0);
  g_assert_cmpuint (m->queue_depth_max, <=, c->capacity);
  g_test_message ("%" G_GUINT64_FORMAT
                  " messages, %u workers, %" G_GUINT64_FORMAT " residencies",
      s.expected, m->workers, m->residencies);
  ring_test_terminate (s.kernel, RING_TERMINATE_DRAIN);
  g_object_unref (s.kernel);
  g_object_unref (s.all_received);
}

/* ---- everything at once ------------------------------------------------------ */

/* Threads that do whatever can be done, in no order, until one of them ends the
 * handle. Nothing is asserted about what succeeds, for all of it may or may not;
 * but nothing hangs, every call that fails says why, every submission completes
 * once, and the books balance. */
typedef struct
{
  RingKernel *kernel;
  guint32 random;
  guint rounds;
  guint64 received;
  guint64 submitted;
} Chaos;

static gint chaos_completed;

static void
chaos_complete (RingKernel *kernel, const RingCompletion *completion,
    gpointer user_data)
{
  (void) kernel;
  (void) completion;
  /* From now on nobody may touch it. */
  g_free (user_data);
  g_atomic_int_inc (&chaos_completed);
}

static gboolean
chaos_submit (Chaos *c, GError **error)
{
  guint8 *memory = g_malloc0 (128);
  RingMemory output = { .n_planes = 1,
    .size = 64,
    .plane = { { memory + 64, 64, 64 } } };
  RingSubmission submission = {
    .input = { .n_planes = 1, .size = 64, .plane = { { memory, 64, 64 } } },
    .outputs = &output,
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = chaos_complete,
    .user_data = memory,
  };

  if (!ring_kernel_submit (c->kernel, &submission, error)) {
    g_free (memory);
    return FALSE;
  }
  c->submitted++;
  return TRUE;
}

static gpointer
chaos_run (gpointer data)
{
  Chaos *c = data;
  guint i;

  for (i = 0; i < c->rounds; i++) {
    g_autoptr (RingMessage) message = NULL;
    g_autoptr (RingMessage) got = NULL;
    g_autoptr (RingMetrics) metrics = NULL;
    g_autoptr (GError) error = NULL;
    gboolean ok = TRUE;

    c->random = c->random * 1664525u + 1013904223u;
    message = ring_test_message (c->random >> 8 & 1 ? 40 : 700, i);
    switch ((c->random >> 16) % 20) {
      case 0:
        ok = ring_kernel_activate (c->kernel, &error);
        break;
      case 1:
        ok = ring_kernel_deactivate (c->kernel, &error);
        break;
      case 2:
        ring_kernel_flush (c->kernel);
        break;
      case 3:
        ok = ring_kernel_drain (c->kernel, 100, NULL, &error);
        break;
      case 4:
        metrics = ring_kernel_get_metrics (c->kernel);
        g_assert_cmpuint (metrics->in_flight, <=, 16);
        break;
      case 5:
      case 6:
        got = ring_kernel_call (c->kernel, message, 100, NULL, &error);
        ok = got != NULL;
        break;
      case 7:
      case 8:
      case 9:
      case 10:
        got = ring_kernel_receive (c->kernel, 0, NULL, &error);
        ok = got != NULL;
        c->received += ok;
        break;
      case 11:
      case 12:
        ok = chaos_submit (c, &error);
        break;
      default:
        ok = ring_kernel_send (c->kernel, message, 0, NULL, &error);
        break;
    }
    g_assert_true (ok == (error == NULL));
    if (!ok)
      g_assert_true (error->domain == RING_ERROR
          && (error->code == RING_ERROR_STATUS
              || error->code == RING_ERROR_QUEUE_FULL
              || error->code == RING_ERROR_TIMED_OUT
              || error->code == RING_ERROR_DISCARDED));
  }
  return NULL;
}

static void
test_everything_at_once (RingExecutionMode mode)
{
  guint round, i;

  for (round = 0; round < 12; round++) {
    RingConfig *config = ring_test_config (mode);
    g_autoptr (RingKernel) kernel = NULL;
    g_autoptr (RingMetrics) m = NULL;
    g_autoptr (GError) error = NULL;
    Chaos chaos[5];
    GThread *thread[G_N_ELEMENTS (chaos)];
    guint64 submitted = 0;

    g_atomic_int_set (&chaos_completed, 0);
    config->queue_capacity = 1u << (round % 5);
    kernel = ring_test_launch_with (config, round & 1 ? "copy" : "blocks",
        1 + (gint) round % 3);
    ring_test_activate (kernel);
    for (i = 0; i < G_N_ELEMENTS (chaos); i++) {
      chaos[i] =
          (Chaos){ .kernel = kernel, .random = round * 100 + i, .rounds = 500 };
      thread[i] = g_thread_new ("chaos", chaos_run, &chaos[i]);
    }
    /* In some rounds the handle ends while they go on. */
    if (round % 4 == 3) {
      ring_kernel_terminate (kernel,
          round & 4 ? RING_TERMINATE_DRAIN : RING_TERMINATE_DISCARD, &error);
      g_assert_no_error (error);
    }
    for (i = 0; i < G_N_ELEMENTS (chaos); i++) {
      g_thread_join (thread[i]);
      submitted += chaos[i].submitted;
    }
    if (round % 4 != 3)
      ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
    for (;;) {
      g_autoptr (RingMessage) got = ring_kernel_receive (kernel, 0, NULL, NULL);

      if (!got)
        break;
    }
    g_assert_cmpuint ((guint) g_atomic_int_get (&chaos_completed), ==,
        submitted);
    m = ring_kernel_get_metrics (kernel);
    g_assert_cmpuint (m->in_flight, ==, 0);
    g_assert_cmpuint (m->accepted, ==,
        m->delivered + m->discarded + m->rejected);
    g_assert_cmpuint (m->rejected, ==, 0);
    g_assert_cmpuint (m->order_errors, ==, 0);
    g_assert_cmpint (ring_kernel_get_status (kernel), ==,
        RING_KERNEL_TERMINATED);
  }
}

int
main (int argc, char **argv)
{
  gsize i;

  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < G_N_ELEMENTS (combinations); i++) {
    g_autofree gchar *path =
        g_strdup_printf ("/stress/%s/%s/%d-workers/capacity-%u",
            combinations[i].kernel, ring_test_mode_nick (combinations[i].mode),
            combinations[i].workers, combinations[i].capacity);

    if (!ring_test_has_mode (combinations[i].mode))
      continue;
    g_test_add_data_func (path, &combinations[i], test_stress);
  }
  ring_test_add_modes ("/stress/everything-at-once", test_everything_at_once);
  return ring_test_run ();
}
