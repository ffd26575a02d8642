/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * allocator.c: system memory that a device reaches without a copy in between.
 *
 * To lock pages takes long, and waits for whatever runs on the device. Pools do it
 * once for each of their buffers, but elements without a pool ask for each buffer
 * that they make; so blocks that come back are kept for the next who asks.
 */
#include "allocator.h"

#include <string.h>

GST_DEBUG_CATEGORY_STATIC (ring_kernel_allocator_debug);
#define GST_CAT_DEFAULT ring_kernel_allocator_debug

#define BLOCK_ALIGNMENT 128 /* of what ring_runtime_alloc() gives */
#define BLOCK_UNIT 4096
#define MOST_KEPT_BLOCKS 64
#define MOST_KEPT_BYTES (64 * 1024 * 1024)

typedef struct
{
  GList link; /* in kept */
  gpointer data;
  gsize size;
} GstRingBlock;

typedef struct
{
  GstMemory memory;
  GstRingBlock *block; /* NULL: a part of another memory */
  guint8 *data;
} GstRingMemory;

struct _GstRingAllocator
{
  GstAllocator parent;

  RingRuntime *runtime;
  GMutex lock;
  GQueue kept; /* of GstRingBlock by their link, the last used first */
  gsize kept_bytes;
};

G_DEFINE_FINAL_TYPE_WITH_CODE (GstRingAllocator, gst_ring_allocator,
    GST_TYPE_ALLOCATOR,
    GST_DEBUG_CATEGORY_INIT (ring_kernel_allocator_debug, "ringkernelallocator",
        0, "ringkernelfilter: page-locked memory"));

static void
free_block (GstRingAllocator *self, GstRingBlock *block)
{
  ring_runtime_free (self->runtime, block->data);
  g_free (block);
}

/* Not one that is much too large: somebody else will need that. */
static GstRingBlock *
take_kept (GstRingAllocator *self, gsize size)
{
  GstRingBlock *found = NULL;
  GList *link;

  g_mutex_lock (&self->lock);
  for (link = self->kept.head; link && !found; link = link->next) {
    GstRingBlock *block = link->data;

    if (block->size >= size && block->size / 2 <= size)
      found = block;
  }
  if (found) {
    g_queue_unlink (&self->kept, &found->link);
    self->kept_bytes -= found->size;
  }
  g_mutex_unlock (&self->lock);
  return found;
}

static void
keep (GstRingAllocator *self, GstRingBlock *block)
{
  GQueue surplus = G_QUEUE_INIT;
  GList *link;

  g_mutex_lock (&self->lock);
  g_queue_push_head_link (&self->kept, &block->link);
  self->kept_bytes += block->size;
  while (self->kept.length > MOST_KEPT_BLOCKS
      || self->kept_bytes > MOST_KEPT_BYTES) {
    link = g_queue_pop_tail_link (&self->kept);
    self->kept_bytes -= ((GstRingBlock *) link->data)->size;
    g_queue_push_tail_link (&surplus, link);
  }
  g_mutex_unlock (&self->lock);
  /* May wait for the device. */
  while ((link = g_queue_pop_head_link (&surplus)))
    free_block (self, link->data);
}

static GstRingBlock *
get_block (GstRingAllocator *self, gsize size)
{
  GstRingBlock *block;
  GError *error = NULL;
  gpointer data;

  size = (size + BLOCK_UNIT - 1) / BLOCK_UNIT * BLOCK_UNIT;
  block = take_kept (self, size);
  if (block)
    return block;
  data = ring_runtime_alloc (self->runtime, size, &error);
  if (!data) {
    GST_WARNING_OBJECT (self, "%s; ordinary memory will do", error->message);
    g_error_free (error);
    return NULL;
  }
  block = g_new0 (GstRingBlock, 1);
  block->link.data = block;
  block->data = data;
  block->size = size;
  return block;
}

static GstMemory *
ring_alloc (GstAllocator *allocator, gsize size, GstAllocationParams *params)
{
  GstRingAllocator *self = GST_RING_ALLOCATOR (allocator);
  const gsize align = params->align | gst_memory_alignment;
  const gsize slack = align >= BLOCK_ALIGNMENT ? align : 0;
  GstRingMemory *memory;
  GstRingBlock *block;
  gsize maxsize;

  if (size > G_MAXSIZE - params->prefix - params->padding - slack - BLOCK_UNIT)
    return NULL;
  maxsize = params->prefix + size + params->padding;
  block = get_block (self, MAX (maxsize + slack, 1));
  if (!block)
    return gst_allocator_alloc (NULL, size, params);

  memory = g_new0 (GstRingMemory, 1);
  gst_memory_init (&memory->memory, params->flags, allocator, NULL, maxsize,
      align, params->prefix, size);
  memory->block = block;
  memory->data =
      (guint8 *) (((guintptr) block->data + align) & ~(guintptr) align);
  if (params->flags & GST_MEMORY_FLAG_ZERO_PREFIXED)
    memset (memory->data, 0, params->prefix);
  if (params->flags & GST_MEMORY_FLAG_ZERO_PADDED)
    memset (memory->data + params->prefix + size, 0, params->padding);
  return &memory->memory;
}

static void
ring_free (GstAllocator *allocator, GstMemory *mem)
{
  GstRingMemory *memory = (GstRingMemory *) mem;

  if (memory->block)
    keep (GST_RING_ALLOCATOR (allocator), memory->block);
  g_free (memory);
}

static gpointer
ring_map (GstMemory *mem, gsize maxsize, GstMapFlags flags)
{
  return ((GstRingMemory *) mem)->data;
}

static void
ring_unmap (GstMemory *mem)
{
}

static GstMemory *
ring_share (GstMemory *mem, gssize offset, gssize size)
{
  GstMemory *parent = mem->parent ? mem->parent : mem;
  GstRingMemory *part = g_new0 (GstRingMemory, 1);

  if (size == -1)
    size = (gssize) mem->size - offset;
  gst_memory_init (&part->memory,
      GST_MINI_OBJECT_FLAGS (parent) | GST_MINI_OBJECT_FLAG_LOCK_READONLY,
      mem->allocator, parent, mem->maxsize, mem->align,
      (gsize) ((gssize) mem->offset + offset), (gsize) size);
  part->data = ((GstRingMemory *) mem)->data;
  return &part->memory;
}

static void
gst_ring_allocator_finalize (GObject *object)
{
  GstRingAllocator *self = GST_RING_ALLOCATOR (object);
  GList *link;

  while ((link = g_queue_pop_head_link (&self->kept)))
    free_block (self, link->data);
  g_clear_object (&self->runtime);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (gst_ring_allocator_parent_class)->finalize (object);
}

static void
gst_ring_allocator_class_init (GstRingAllocatorClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gst_ring_allocator_finalize;
  GST_ALLOCATOR_CLASS (klass)->alloc = ring_alloc;
  GST_ALLOCATOR_CLASS (klass)->free = ring_free;
}

static void
gst_ring_allocator_init (GstRingAllocator *self)
{
  GstAllocator *allocator = GST_ALLOCATOR (self);

  allocator->mem_type = GST_RING_MEMORY_TYPE;
  allocator->mem_map = ring_map;
  allocator->mem_unmap = ring_unmap;
  allocator->mem_share = ring_share;
  g_mutex_init (&self->lock);
  g_queue_init (&self->kept);
}

/* What it makes keeps the runtime open for as long as somebody has any of it. */
GstAllocator *
gst_ring_allocator_new (RingRuntime *runtime)
{
  GstRingAllocator *self = g_object_new (GST_TYPE_RING_ALLOCATOR, NULL);

  gst_object_ref_sink (self);
  self->runtime = g_object_ref (runtime);
  return GST_ALLOCATOR (self);
}
