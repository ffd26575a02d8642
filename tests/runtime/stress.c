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

    g_test_add_data_func (path, &combinations[i], test_stress);
  }
  return ring_test_run ();
}
