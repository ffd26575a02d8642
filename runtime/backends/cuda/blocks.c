/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * blocks.c: memory for payloads on their way, page-locked or on the device, and
 * events: got seldom, used again.
 */
#include "backends/cuda/cuda-private.h"

#include <string.h>

#define SMALLEST_BLOCK 1024u
/* Blocks are got so many at a time, as long as that is not more than so much. */
#define SLAB_SIZE (32u << 20)
#define MIN_IN_SLAB 4u
#define MAX_IN_SLAB 64u

/* A spare block of at least @size bytes, but not of much more; 0: none. */
static guint64
take_spare (CudaInstance *c, GArray *spare, gsize size)
{
  guint64 address = 0;
  guint i;

  g_mutex_lock (&c->transfers);
  for (i = 0; i < spare->len && address == 0; i++) {
    const CudaBlock *block = &g_array_index (spare, CudaBlock, i);

    if (block->size == size) {
      address = block->address;
      g_array_remove_index_fast (spare, i);
    }
  }
  g_mutex_unlock (&c->transfers);
  return address;
}

static void
keep_spare (CudaInstance *c, GArray *spare, guint64 address, gsize size)
{
  const CudaBlock block = { address, size };

  g_mutex_lock (&c->transfers);
  g_array_append_val (spare, block);
  g_mutex_unlock (&c->transfers);
}

/* Blocks of few sizes, so that they can be used again. */
static gsize
block_size (gsize size)
{
  gsize step = SMALLEST_BLOCK;

  while (step * 8 < size)
    step *= 2;
  return (size + step - 1) / step * step;
}

/* Gets memory for several blocks at once, and keeps all but the first: getting more
 * means that the kernel leaves the device, which it does only between messages. */
static guint64
take_slab (CudaInstance *c, gboolean on_device, gsize size)
{
  GArray *spare = on_device ? c->spare_device : c->spare_bounce;
  const guint most = c->geometry.input_capacity * (1 + c->geometry.max_outputs);
  const guint n =
      MIN (most, CLAMP (SLAB_SIZE / size, MIN_IN_SLAB, MAX_IN_SLAB));
  CudaBlock slab = { 0, 0 };
  guint i, got;

  /* As much as there is; but who waited for a kernel that does not leave waits
   * once. */
  for (got = n; got > 0 && slab.address == 0; got /= 2) {
    const gint64 begin = g_get_monotonic_time ();

    if (on_device) {
      CUdeviceptr memory = 0;

      if (cuda_alloc_device (c, &memory, size * got, c->copy_in)
          == CUDA_SUCCESS)
        slab.address = memory;
    } else {
      slab.address = (guintptr) cuda_alloc_host (&c->backend->base, size * got);
    }
    if (slab.address != 0)
      break;
    if (cuda_is_broken (c)
        || g_get_monotonic_time () - begin >= (gint64) c->termination_timeout)
      break;
  }
  if (slab.address == 0)
    return 0;
  slab.size = on_device;
  g_mutex_lock (&c->transfers);
  g_array_append_val (c->slabs, slab);
  g_mutex_unlock (&c->transfers);
  for (i = 1; i < got; i++)
    keep_spare (c, spare, slab.address + i * size, size);
  return slab.address;
}

gboolean
cuda_acquire_blocks (CudaInstance *c, CudaPayload *p, gsize size,
    gboolean bounce, gboolean device, GError **error)
{
  guint64 address;

  p->block_size = block_size (size);
  if (bounce) {
    address = take_spare (c, c->spare_bounce, p->block_size);
    if (!address)
      address = take_slab (c, FALSE, p->block_size);
    p->bounce = (gpointer) (guintptr) address;
    if (!address) {
      g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
          "no memory that the device reaches for %" G_GSIZE_FORMAT
          " bytes of payload of kernel '%s'",
          size, cuda_name (c));
      return FALSE;
    }
  }
  if (device) {
    address = take_spare (c, c->spare_device, p->block_size);
    if (!address)
      address = take_slab (c, TRUE, p->block_size);
    p->device = (CUdeviceptr) address;
    if (!address) {
      g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
          "no memory on %s for %" G_GSIZE_FORMAT
          " bytes of payload of kernel '%s'",
          c->backend->name, size, cuda_name (c));
      return FALSE;
    }
  }
  return TRUE;
}

CUevent
cuda_take_event (CudaInstance *c)
{
  CUevent event = NULL;

  g_mutex_lock (&c->transfers);
  if (c->events->len > 0)
    event = g_ptr_array_steal_index_fast (c->events, c->events->len - 1);
  g_mutex_unlock (&c->transfers);
  if (!event
      && c->backend->driver->cuEventCreate (&event, CU_EVENT_DISABLE_TIMING)
          != CUDA_SUCCESS)
    event = NULL;
  return event;
}

void
cuda_give_event (CudaInstance *c, CUevent event)
{
  if (!event)
    return;
  g_mutex_lock (&c->transfers);
  g_ptr_array_add (c->events, event);
  g_mutex_unlock (&c->transfers);
}

/* Takes back what cuda_acquire_blocks gave. */
void
cuda_release_blocks (CudaInstance *c, const CudaPayload *p)
{
  if (p->bounce)
    keep_spare (c, c->spare_bounce, (guintptr) p->bounce, p->block_size);
  if (p->device)
    keep_spare (c, c->spare_device, p->device, p->block_size);
}

/* Gives all blocks back. With the context; nothing is in flight. */
void
cuda_transfer_trim (CudaInstance *c)
{
  guint i;

  for (i = 0; i < c->slabs->len; i++) {
    const CudaBlock *slab = &g_array_index (c->slabs, CudaBlock, i);

    if (slab->size)
      cuda_free_device (c, (CUdeviceptr) slab->address);
    else
      cuda_free_host (&c->backend->base, (gpointer) (guintptr) slab->address);
  }
  g_array_set_size (c->slabs, 0);
  g_array_set_size (c->spare_device, 0);
  g_array_set_size (c->spare_bounce, 0);
}
