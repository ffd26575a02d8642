/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ring-queue.h: the ring itself, one text for host and device.
 *
 * A RingQueue is one side's private view of a ring; only the slots and the two
 * positions are shared. Positions run free and are masked on access only.
 *
 *   producer: ring_queue_space, write slots, ring_queue_publish
 *   consumer: ring_queue_ready, read slots, ring_queue_release
 *
 * ring_queue_* are for a side with one thread at a time. Many producers on the
 * host reserve positions among themselves first and then publish each its own
 * slot with ring_queue_publish_at; the consumer sees them in order all the same,
 * because it takes consecutive sequence numbers only.
 */
#ifndef RING_QUEUE_H
#define RING_QUEUE_H

#include "atomic.h"

typedef struct
{
  RING_GLOBAL uint8_t *slots;
  RING_GLOBAL RingPosition *producer;
  RING_GLOBAL RingPosition *consumer;
  uint64_t capacity; /* a power of two */
  uint64_t stride;   /* bytes per slot */
  uint64_t position; /* ours: the next slot to write or to read */
  uint64_t peer;     /* the other side's position when last seen */
} RingQueue;

RING_DEVICE RING_GLOBAL RingMessageHeader *
ring_queue_slot (const RingQueue *queue, uint64_t position)
{
  return (RING_GLOBAL RingMessageHeader *) (queue->slots
      + (position & (queue->capacity - 1)) * queue->stride);
}

/* Producer: how many slots may be written now. Looks at the consumer's position
 * only when the last known one does not give @wanted. */
RING_DEVICE uint64_t
ring_queue_space (RingQueue *queue, uint64_t wanted)
{
  uint64_t space = queue->capacity - (queue->position - queue->peer);

  if (space < wanted) {
    /* Pairs with the release in ring_queue_release: what the consumer read
     * from these slots it has read before we write them again. */
    queue->peer = ring_load_acquire_u64 (&queue->consumer->position);
    space = queue->capacity - (queue->position - queue->peer);
  }
  return space;
}

/* Producer: hands over the slot at @position, whose other words are written. */
RING_DEVICE void
ring_queue_publish_at (const RingQueue *queue, uint64_t position)
{
  /* Pairs with the acquire in ring_queue_ready. */
  ring_store_release_u64 (&ring_queue_slot (queue, position)->slot_sequence,
      position + 1);
}

/* Producer: goes on behind @n slots, which are published one by one. */
RING_DEVICE void
ring_queue_advance (RingQueue *queue, uint64_t n)
{
  queue->position += n;
  ring_store_release_u64 (&queue->producer->position, queue->position);
}

/* Producer: hands over @n slots written from queue->position on; behind a
 * ring_fence_release, which pairs with the acquire in ring_queue_ready. */
RING_DEVICE void
ring_queue_publish_behind (RingQueue *queue, uint64_t n)
{
  uint64_t i;

  RING_ROLLED
  for (i = 0; i < n; i++)
    ring_store_behind_u64 (&ring_queue_slot (queue, queue->position + i)
                                ->slot_sequence,
        queue->position + i + 1);
  queue->position += n;
  ring_store_behind_u64 (&queue->producer->position, queue->position);
}

/* Producer: hands over @n slots written from queue->position on. */
RING_DEVICE void
ring_queue_publish (RingQueue *queue, uint64_t n)
{
  ring_fence_release ();
  ring_queue_publish_behind (queue, n);
}

/* Consumer: how many consecutive slots, @max at the most, are there to read
 * from queue->position on. */
RING_DEVICE uint64_t
ring_queue_ready (const RingQueue *queue, uint64_t max)
{
  uint64_t n = 0;

  /* Pairs with the release in ring_queue_publish_at. */
  RING_ROLLED
  while (n < max
      && ring_load_acquire_u64 (
             &ring_queue_slot (queue, queue->position + n)->slot_sequence)
          == queue->position + n + 1)
    n++;
  return n;
}

/* Consumer: gives back @n slots that have been read. */
RING_DEVICE void
ring_queue_release (RingQueue *queue, uint64_t n)
{
  queue->position += n;
  /* Pairs with the acquire in ring_queue_space. */
  ring_store_release_u64 (&queue->consumer->position, queue->position);
}

#endif /* RING_QUEUE_H */
