/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The ring itself, ring-queue.h, alone and between real threads.
 */
#include "ring-test.h"
#include <ringkernel/ring-queue.h>

/* Deliberately no power of two and no multiple of a cache line, as a stride may
 * be: header, then seven words. */
#define STRIDE (RING_HEADER_SIZE + 56)

typedef struct
{
  RingPosition producer;
  RingPosition consumer;
  guint8 *slots;
  guint64 capacity;
} Shared;

static void
shared_init (Shared *shared, guint64 capacity, guint64 begin)
{
  memset (shared, 0, sizeof (*shared));
  shared->slots = g_malloc0 (capacity * STRIDE);
  shared->capacity = capacity;
  shared->producer.position = shared->consumer.position = begin;
}

static RingQueue
shared_side (Shared *shared)
{
  RingQueue queue = { shared->slots, &shared->producer, &shared->consumer,
    shared->capacity, STRIDE, shared->producer.position,
    shared->consumer.position };

  return queue;
}

/* What the slot at @position carries: words that say which position wrote them,
 * so that a slot read too early, too late or half written shows. */
static guint64
word_at (guint64 position, guint i)
{
  return (position + 1) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) + i;
}

static void
slot_write (const RingQueue *queue, guint64 position)
{
  RingMessageHeader *header = ring_queue_slot (queue, position);
  guint64 *words = (guint64 *) (header + 1);
  guint i;

  header->magic = RING_MESSAGE_MAGIC;
  header->sequence = position;
  for (i = 0; i < 7; i++)
    words[i] = word_at (position, i);
}

static void
slot_check (const RingQueue *queue, guint64 position)
{
  const RingMessageHeader *header = ring_queue_slot (queue, position);
  const guint64 *words = (const guint64 *) (header + 1);
  guint i;

  g_assert_cmpuint (header->magic, ==, RING_MESSAGE_MAGIC);
  g_assert_cmpuint (header->sequence, ==, position);
  for (i = 0; i < 7; i++)
    g_assert_cmpuint (words[i], ==, word_at (position, i));
}

static void
test_empty_has_nothing_ready (void)
{
  Shared shared;
  RingQueue consumer;

  shared_init (&shared, 8, 0);
  consumer = shared_side (&shared);
  g_assert_cmpuint (ring_queue_ready (&consumer, 8), ==, 0);
  g_assert_cmpuint (ring_queue_ready (&consumer, 0), ==, 0);
  g_free (shared.slots);
}

static void
test_full_has_no_space (void)
{
  const guint64 capacities[] = { 1, 2, 4096 };
  gsize c;

  for (c = 0; c < G_N_ELEMENTS (capacities); c++) {
    const guint64 n = capacities[c];
    Shared shared;
    RingQueue producer, consumer;
    guint64 i;

    shared_init (&shared, n, 0);
    producer = consumer = shared_side (&shared);
    g_assert_cmpuint (ring_queue_space (&producer, 1), ==, n);
    for (i = 0; i < n; i++) {
      g_assert_cmpuint (ring_queue_space (&producer, 1), ==, n - i);
      slot_write (&producer, producer.position);
      ring_queue_publish (&producer, 1);
    }
    g_assert_cmpuint (ring_queue_space (&producer, 1), ==, 0);

    /* Never more than asked for, never more than the ring holds. */
    g_assert_cmpuint (ring_queue_ready (&consumer, n), ==, n);
    g_assert_cmpuint (ring_queue_ready (&consumer, 3 * n), ==, n);
    g_assert_cmpuint (ring_queue_ready (&consumer, 1), ==, 1);

    /* Space comes back slot by slot, and only by release. */
    slot_check (&consumer, consumer.position);
    g_assert_cmpuint (ring_queue_space (&producer, 1), ==, 0);
    ring_queue_release (&consumer, 1);
    g_assert_cmpuint (ring_queue_space (&producer, 1), ==, 1);
    g_assert_cmpuint (ring_queue_ready (&consumer, n), ==, n - 1);
    g_free (shared.slots);
  }
}

static void
test_peer_is_read_only_when_needed (void)
{
  Shared shared;
  RingQueue producer, consumer;

  shared_init (&shared, 4, 0);
  producer = consumer = shared_side (&shared);
  ring_queue_publish (&producer, 2);
  ring_queue_release (&consumer, 2);
  /* Two are known to be free: no look across. */
  g_assert_cmpuint (ring_queue_space (&producer, 2), ==, 2);
  g_assert_cmpuint (producer.peer, ==, 0);
  g_assert_cmpuint (ring_queue_space (&producer, 3), ==, 4);
  g_assert_cmpuint (producer.peer, ==, 2);
  g_free (shared.slots);
}

static void
test_out_of_order_publication_is_seen_in_order (void)
{
  const guint order[] = { 3, 1, 2, 0, 5, 4 };
  const guint ready[] = { 0, 0, 0, 4, 4, 6 };
  Shared shared;
  RingQueue producer, consumer;
  guint i;

  shared_init (&shared, 8, 0);
  producer = consumer = shared_side (&shared);
  for (i = 0; i < G_N_ELEMENTS (order); i++) {
    slot_write (&producer, order[i]);
    ring_queue_publish_at (&producer, order[i]);
    g_assert_cmpuint (ring_queue_ready (&consumer, 8), ==, ready[i]);
  }
  for (i = 0; i < 6; i++) {
    slot_check (&consumer, consumer.position);
    ring_queue_release (&consumer, 1);
  }
  g_assert_cmpuint (ring_queue_ready (&consumer, 8), ==, 0);
  g_free (shared.slots);
}

/* A slot still holds what it held one lap ago; that must not look new. */
static void
test_slots_of_the_last_lap_are_not_ready (void)
{
  Shared shared;
  RingQueue producer, consumer;
  guint lap, i;

  shared_init (&shared, 4, 0);
  producer = consumer = shared_side (&shared);
  for (lap = 0; lap < 3; lap++) {
    for (i = 0; i < 4; i++)
      slot_write (&producer, producer.position + i);
    ring_queue_publish (&producer, 4);
    g_assert_cmpuint (ring_queue_ready (&consumer, 8), ==, 4);
    ring_queue_release (&consumer, 4);
    g_assert_cmpuint (ring_queue_ready (&consumer, 8), ==, 0);
  }
  g_free (shared.slots);
}

/* ---- between threads ---------------------------------------------------------- */

typedef struct
{
  Shared shared;
  guint64 begin;
  guint64 n;
  guint64 batch;    /* publish and consume up to so many at once */
  guint64 reserved; /* many producers: the next position to take */
} Transfer;

static gpointer
transfer_produce (gpointer data)
{
  Transfer *t = data;
  RingQueue queue = { t->shared.slots, &t->shared.producer, &t->shared.consumer,
    t->shared.capacity, STRIDE, t->begin, t->begin };
  guint32 random = 1;

  while (queue.position < t->begin + t->n) {
    guint64 want, space, i;

    random = random * 1664525u + 1013904223u;
    want =
        MIN (1 + (random >> 16) % t->batch, t->begin + t->n - queue.position);
    /* Once only: MIN would ask again, and there may be more by then. */
    space = ring_queue_space (&queue, want);
    space = MIN (space, want);
    if (space == 0) {
      g_thread_yield ();
      continue;
    }
    for (i = 0; i < space; i++)
      slot_write (&queue, queue.position + i);
    ring_queue_publish (&queue, space);
  }
  return NULL;
}

static void
transfer_consume (Transfer *t)
{
  RingQueue queue = { t->shared.slots, &t->shared.producer, &t->shared.consumer,
    t->shared.capacity, STRIDE, t->begin, t->begin };
  guint32 random = 7;

  while (queue.position < t->begin + t->n) {
    guint64 ready, i;

    random = random * 1664525u + 1013904223u;
    ready = ring_queue_ready (&queue, 1 + (random >> 16) % t->batch);
    if (ready == 0) {
      g_thread_yield ();
      continue;
    }
    for (i = 0; i < ready; i++)
      slot_check (&queue, queue.position + i);
    ring_queue_release (&queue, ready);
  }
  /* Not one more than was written. */
  g_assert_cmpuint (ring_queue_ready (&queue, 1), ==, 0);
}

/* RING_STRESS_MESSAGES, or @standard. */
static guint64
message_count (guint64 standard)
{
  const gchar *n = g_getenv ("RING_STRESS_MESSAGES");

  return n ? MIN (standard, g_ascii_strtoull (n, NULL, 10)) : standard;
}

static void
transfer (guint64 capacity, guint64 batch, guint64 begin, guint64 n)
{
  Transfer t = { .begin = begin, .n = n, .batch = batch };
  GThread *producer;

  shared_init (&t.shared, capacity, begin);
  producer = g_thread_new ("producer", transfer_produce, &t);
  transfer_consume (&t);
  g_thread_join (producer);
  g_assert_cmpuint (t.shared.producer.position, ==, begin + n);
  g_assert_cmpuint (t.shared.consumer.position, ==, begin + n);
  g_free (t.shared.slots);
}

static void
test_order_and_content_capacity_1 (void)
{
  transfer (1, 1, 0, message_count (100000));
}

static void
test_order_and_content_capacity_2 (void)
{
  transfer (2, 2, 0, message_count (200000));
}

static void
test_order_and_content_capacity_4096 (void)
{
  transfer (4096, 1, 0, message_count (1000000));
}

static void
test_batches (void)
{
  transfer (4096, 300, 0, message_count (1000000));
  transfer (64, 200, 0, message_count (1000000));
}

/* Positions are 64 bits wide everywhere, and even their own overflow is nothing
 * special: masked on access only, compared by difference only. */
static void
test_positions_beyond_32_bits (void)
{
  transfer (16, 8, G_MAXUINT32 - 1000, message_count (10000));
  transfer (16, 8, G_MAXUINT64 - 1007, 1000);
}

static gpointer
transfer_produce_one_of_many (gpointer data)
{
  Transfer *t = data;
  RingQueue queue = { t->shared.slots, &t->shared.producer, &t->shared.consumer,
    t->shared.capacity, STRIDE, 0, 0 };

  for (;;) {
    const guint64 position =
        __atomic_fetch_add (&t->reserved, 1, __ATOMIC_RELAXED);

    if (position >= t->n)
      return NULL;
    while (position - ring_load_acquire_u64 (&queue.consumer->position)
        >= queue.capacity)
      g_thread_yield ();
    slot_write (&queue, position);
    ring_queue_publish_at (&queue, position);
  }
}

static void
test_many_producers_one_order (void)
{
  Transfer t = { .n = message_count (400000), .batch = 64 };
  GThread *producer[4];
  guint i;

  shared_init (&t.shared, 32, 0);
  for (i = 0; i < G_N_ELEMENTS (producer); i++)
    producer[i] = g_thread_new ("producer", transfer_produce_one_of_many, &t);
  transfer_consume (&t);
  for (i = 0; i < G_N_ELEMENTS (producer); i++)
    g_thread_join (producer[i]);
  g_assert_cmpuint (t.shared.consumer.position, ==, t.n);
  g_free (t.shared.slots);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/queue/empty-has-nothing-ready",
      test_empty_has_nothing_ready);
  g_test_add_func ("/queue/full-has-no-space", test_full_has_no_space);
  g_test_add_func ("/queue/peer-is-read-only-when-needed",
      test_peer_is_read_only_when_needed);
  g_test_add_func ("/queue/out-of-order-publication-is-seen-in-order",
      test_out_of_order_publication_is_seen_in_order);
  g_test_add_func ("/queue/slots-of-the-last-lap-are-not-ready",
      test_slots_of_the_last_lap_are_not_ready);
  g_test_add_func ("/queue/order-and-content/capacity-1",
      test_order_and_content_capacity_1);
  g_test_add_func ("/queue/order-and-content/capacity-2",
      test_order_and_content_capacity_2);
  g_test_add_func ("/queue/order-and-content/capacity-4096",
      test_order_and_content_capacity_4096);
  g_test_add_func ("/queue/order-and-content/batches", test_batches);
  g_test_add_func ("/queue/positions-beyond-32-bits",
      test_positions_beyond_32_bits);
  g_test_add_func ("/queue/many-producers-one-order",
      test_many_producers_one_order);
  return ring_test_run ();
}
