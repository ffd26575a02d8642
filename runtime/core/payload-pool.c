/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "core/payload-pool.h"

#include <stdlib.h>

#define BLOCK_ALIGNMENT 128
#define SMALLEST_CLASS 9 /* 512 bytes */
#define N_CLASSES 40
#define MAX_KEPT 32                /* free blocks kept per class … */
#define MAX_KEPT_BYTES (64u << 20) /* … and in all */

typedef struct _Block Block;

/* Stands in the 128 bytes before the payload. */
struct _Block
{
  RingPayloadPool *pool;
  Block *next;
  guint size_class;
};

struct _RingPayloadPool
{
  gatomicrefcount refs; /* the owner's, and one per block in use */
  RingRuntime *runtime; /* or NULL */
  GMutex lock;
  Block *kept[N_CLASSES];
  guint n_kept[N_CLASSES];
  gsize kept_bytes;
};

static gpointer
alloc_block (RingPayloadPool *pool, gsize size)
{
  return pool->runtime ? ring_runtime_alloc (pool->runtime, size, NULL)
                       : aligned_alloc (BLOCK_ALIGNMENT, size);
}

static void
free_block (RingPayloadPool *pool, gpointer block)
{
  if (pool->runtime)
    ring_runtime_free (pool->runtime, block);
  else
    free (block);
}

RingPayloadPool *
ring_payload_pool_new (RingRuntime *runtime)
{
  RingPayloadPool *pool = g_new0 (RingPayloadPool, 1);

  g_atomic_ref_count_init (&pool->refs);
  pool->runtime = runtime ? g_object_ref (runtime) : NULL;
  g_mutex_init (&pool->lock);
  return pool;
}

void
ring_payload_pool_unref (RingPayloadPool *pool)
{
  guint i;

  if (!g_atomic_ref_count_dec (&pool->refs))
    return;
  for (i = 0; i < N_CLASSES; i++) {
    while (pool->kept[i]) {
      Block *block = pool->kept[i];

      pool->kept[i] = block->next;
      free_block (pool, block);
    }
  }
  g_clear_object (&pool->runtime);
  g_mutex_clear (&pool->lock);
  g_free (pool);
}

gpointer
ring_payload_pool_acquire (RingPayloadPool *pool, gsize size)
{
  guint size_class = SMALLEST_CLASS;
  Block *block;

  while (size_class < N_CLASSES && ((gsize) 1 << size_class) < size)
    size_class++;
  if (size_class == N_CLASSES)
    return NULL;

  g_mutex_lock (&pool->lock);
  block = pool->kept[size_class];
  if (block) {
    pool->kept[size_class] = block->next;
    pool->n_kept[size_class]--;
    pool->kept_bytes -= (gsize) 1 << size_class;
  }
  g_mutex_unlock (&pool->lock);

  if (!block) {
    block = alloc_block (pool, BLOCK_ALIGNMENT + ((gsize) 1 << size_class));
    if (!block)
      return NULL;
    block->pool = pool;
    block->size_class = size_class;
  }
  block->next = NULL;
  g_atomic_ref_count_inc (&pool->refs);
  return (guint8 *) block + BLOCK_ALIGNMENT;
}

void
ring_payload_pool_release (gpointer data)
{
  Block *block = (Block *) (gpointer) ((guint8 *) data - BLOCK_ALIGNMENT);
  RingPayloadPool *pool = block->pool;
  const guint size_class = block->size_class;
  const gsize size = (gsize) 1 << size_class;

  g_mutex_lock (&pool->lock);
  if (pool->n_kept[size_class] < MAX_KEPT
      && pool->kept_bytes + size <= MAX_KEPT_BYTES) {
    block->next = pool->kept[size_class];
    pool->kept[size_class] = block;
    pool->n_kept[size_class]++;
    pool->kept_bytes += size;
    block = NULL;
  }
  g_mutex_unlock (&pool->lock);
  if (block)
    free_block (pool, block);
  ring_payload_pool_unref (pool);
}

GBytes *
ring_payload_pool_to_bytes (gpointer block, gsize size)
{
  return g_bytes_new_with_free_func (block, size, ring_payload_pool_release,
      block);
}
