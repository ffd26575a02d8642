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
#define SLAB_BYTES (16u << 20)

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
  GPtrArray *slabs;     /* with a runtime: what blocks are cut from */
  GMutex lock;
  Block *kept[N_CLASSES];
  guint n_kept[N_CLASSES];
  gsize kept_bytes;
};

/* A device may have to be idle before memory of it can be had, so several blocks are
 * got at once; they stay until the pool goes. Called with the lock held. */
static Block *
alloc_slab_locked (RingPayloadPool *pool, guint size_class)
{
  const gsize size = BLOCK_ALIGNMENT + ((gsize) 1 << size_class);
  guint n = (guint) CLAMP (SLAB_BYTES / size, 4, MAX_KEPT);
  guint8 *slab;
  guint i;

  slab = ring_runtime_alloc (pool->runtime, size * n, NULL);
  if (!slab) {
    n = 1;
    slab = ring_runtime_alloc (pool->runtime, size, NULL);
  }
  if (!slab)
    return NULL;
  g_ptr_array_add (pool->slabs, slab);
  for (i = 0; i < n; i++) {
    Block *block = (Block *) (gpointer) (slab + i * size);

    block->pool = pool;
    block->size_class = size_class;
    block->next = NULL;
    if (i > 0) {
      block->next = pool->kept[size_class];
      pool->kept[size_class] = block;
    }
  }
  return (Block *) (gpointer) slab;
}

RingPayloadPool *
ring_payload_pool_new (RingRuntime *runtime)
{
  RingPayloadPool *pool = g_new0 (RingPayloadPool, 1);

  g_atomic_ref_count_init (&pool->refs);
  pool->runtime = runtime ? g_object_ref (runtime) : NULL;
  pool->slabs = g_ptr_array_new ();
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
    while (pool->kept[i] && !pool->runtime) {
      Block *block = pool->kept[i];

      pool->kept[i] = block->next;
      free (block);
    }
  }
  for (i = 0; i < pool->slabs->len; i++)
    ring_runtime_free (pool->runtime, g_ptr_array_index (pool->slabs, i));
  g_ptr_array_unref (pool->slabs);
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
    if (!pool->runtime) {
      pool->n_kept[size_class]--;
      pool->kept_bytes -= (gsize) 1 << size_class;
    }
  } else if (pool->runtime) {
    block = alloc_slab_locked (pool, size_class);
  }
  g_mutex_unlock (&pool->lock);

  if (!block) {
    if (pool->runtime)
      return NULL;
    block = aligned_alloc (BLOCK_ALIGNMENT,
        BLOCK_ALIGNMENT + ((gsize) 1 << size_class));
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
  if (pool->runtime) {
    block->next = pool->kept[size_class];
    pool->kept[size_class] = block;
    block = NULL;
  } else if (pool->n_kept[size_class] < MAX_KEPT
      && pool->kept_bytes + size <= MAX_KEPT_BYTES) {
    block->next = pool->kept[size_class];
    pool->kept[size_class] = block;
    pool->n_kept[size_class]++;
    pool->kept_bytes += size;
    block = NULL;
  }
  g_mutex_unlock (&pool->lock);
  free (block);
  ring_payload_pool_unref (pool);
}

GBytes *
ring_payload_pool_to_bytes (gpointer block, gsize size)
{
  return g_bytes_new_with_free_func (block, size, ring_payload_pool_release,
      block);
}
