/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * transfer.c: brings payloads to where the device reads them and results back.
 *
 * A payload that is in its slot, on the device, or in page-locked memory is used
 * where it is. Others get a block of ours: page-locked and read by the device
 * (bounced), or on the device and filled by a copy engine (staged). What is staged
 * is copied on streams of its own beside the kernel's work: the copy in publishes
 * the message behind itself, and the copy back begins when the harvester sees the
 * result.
 */
#include "backends/cuda/cuda-private.h"

#include <string.h>

/* Bytes from which a copy engine is taken to be better than reads of the kernel across
 * the bus. Chosen, not measured. */
#define STAGE_FROM (64u * 1024)
/* Rows begin at a multiple of this in our blocks, and planes at one of these. */
#define ROW_ALIGNMENT 64u
#define PLANE_ALIGNMENT 256u
/* Results whose copies back are begun ahead of the one that is due. */
#define FETCH_AHEAD 64

static gsize
round_to (gsize n, gsize to)
{
  return (n + to - 1) / to * to;
}

gboolean
cuda_transfer_init (CudaInstance *c, GError **error)
{
  const RingGeometry *g = &c->geometry;

  c->payloads = g_try_new0 (CudaPayload,
      (gsize) g->input_capacity * (1 + g->max_outputs));
  c->events = g_ptr_array_new ();
  c->spare_device = g_array_new (FALSE, FALSE, sizeof (CudaBlock));
  c->spare_bounce = g_array_new (FALSE, FALSE, sizeof (CudaBlock));
  c->slabs = g_array_new (FALSE, FALSE, sizeof (CudaBlock));
  if (!c->payloads)
    g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
        "no memory for %u messages in flight; lower queue-capacity",
        g->input_capacity);
  return c->payloads != NULL;
}

static void
release_payload (CudaInstance *c, CudaPayload *p)
{
  if (p->way == CUDA_PAYLOAD_NONE)
    return;
  if (!p->shared)
    cuda_release_blocks (c, p);
  cuda_give_event (c, p->copied);
  memset (p, 0, sizeof *p);
}

static CudaPayload *
payloads_of (CudaInstance *c, guint32 entry)
{
  return c->payloads
      + (gsize) (entry & (c->geometry.input_capacity - 1))
      * (1 + c->geometry.max_outputs);
}

static void
release_entry (CudaInstance *c, guint32 entry)
{
  CudaPayload *p = payloads_of (c, entry);
  guint i;

  for (i = 0; i <= c->geometry.max_outputs; i++)
    release_payload (c, &p[i]);
}

/* With the context; nothing is in flight. */
void
cuda_transfer_clear (CudaInstance *c)
{
  CudaUnpublished *u;
  guint i;

  while ((u = g_queue_pop_head (&c->unpublished))) {
    if (u->done)
      cuda_give_event (c, u->done);
    g_free (u);
  }
  for (i = 0; c->payloads && i < c->geometry.input_capacity; i++)
    release_entry (c, i);
  for (i = 0; c->events && i < c->events->len; i++)
    c->backend->driver->cuEventDestroy_v2 (g_ptr_array_index (c->events, i));
  if (c->slabs)
    cuda_transfer_trim (c);
}

/* ---- how a payload lies ---------------------------------------------------------------- */

/* Rows and planes of @ref as the caller has them, and as they lie in a block of
 * ours, or without gaps, if @tight. Returns the block's size. */
static gsize
lay_out (CudaInstance *c, CudaPayload *p, const RingPayloadRef *ref,
    gboolean tight)
{
  const guint row_alignment = tight ? 1 : ROW_ALIGNMENT;
  const guint plane_alignment = tight ? 1 : PLANE_ALIGNMENT;
  const RingVideoLayout layout =
      ring_video_layout (RING_FORMAT_CODE (ref->format));
  gsize at = 0;
  guint i;

  p->n_planes = ref->n_planes;
  for (i = 0; i < p->n_planes; i++) {
    CudaPlane *plane = &p->plane[i];

    plane->host = c->base.regions[ref->plane[i].region].base;
    plane->offset = at;
    if (ref->kind == RING_KIND_VIDEO) {
      plane->row = (gsize) ((ref->width + (1u << layout.x_shift[i]) - 1)
                       >> layout.x_shift[i])
          * layout.pixel_stride[i];
      plane->rows =
          (ref->height + (1u << layout.y_shift[i]) - 1) >> layout.y_shift[i];
      plane->host_stride = ref->plane[i].stride;
      plane->stride = (gint) round_to (plane->row, row_alignment);
    } else {
      plane->row = ref->plane[i].size;
      plane->rows = 1;
      plane->host_stride = plane->stride =
          (gint) MIN (plane->row, (gsize) G_MAXINT);
    }
    at += round_to ((gsize) plane->stride * plane->rows, plane_alignment);
    if (plane->rows == 1)
      at = round_to (plane->offset + plane->row, plane_alignment);
  }
  return MAX (at, 1);
}

/* The slot's payload, and the device's table, name the block. */
static void
refer_to_block (CudaInstance *c, const CudaPayload *p, RingPayloadRef *ref,
    CUdeviceptr block)
{
  guint i;

  for (i = 0; i < p->n_planes; i++) {
    const CudaPlane *plane = &p->plane[i];
    RingRegion *region = &c->device_regions[ref->plane[i].region];

    region->base = (guint8 *) (guintptr) (block + plane->offset);
    region->size = plane->rows == 1
        ? plane->row
        : (gsize) plane->stride * (plane->rows - 1) + plane->row;
    ref->plane[i].stride = ref->kind == RING_KIND_VIDEO ? plane->stride : 0;
    ref->plane[i].offset = 0;
    ref->plane[i].size = region->size;
  }
}

static void
refer_to_slot (const CudaPayload *p, RingPayloadRef *ref)
{
  guint i;

  for (i = 0; i < p->n_planes; i++) {
    const CudaPlane *plane = &p->plane[i];

    ref->plane[i].region = RING_REGION_INLINE;
    ref->plane[i].stride = ref->kind == RING_KIND_VIDEO ? plane->stride : 0;
    ref->plane[i].offset = plane->offset;
    ref->plane[i].size = plane->row * plane->rows;
  }
}

/* The device uses the memory where it is. */
static void
refer_directly (CudaInstance *c, const RingPayloadRef *ref,
    const CUdeviceptr *address)
{
  guint i;

  for (i = 0; i < ref->n_planes; i++) {
    const RingRegion *host = &c->base.regions[ref->plane[i].region];
    RingRegion *region = &c->device_regions[ref->plane[i].region];

    region->base =
        address ? (guint8 *) (guintptr) address[i] : (guint8 *) host->base;
    region->size = host->size;
  }
}

static gboolean
find_all_pinned (CudaInstance *c, const RingPayloadRef *ref,
    gboolean is_awaited, CUdeviceptr *address)
{
  guint i;

  for (i = 0; i < ref->n_planes; i++) {
    const RingRegion *host = &c->base.regions[ref->plane[i].region];

    address[i] = cuda_find_pinned (c->backend, host->base, host->size);
    if (!address[i] && is_awaited)
      address[i] = cuda_find_foreign (c->backend, host->base, host->size);
    if (!address[i])
      return FALSE;
  }
  return TRUE;
}

/* Only frames are always as long as their memory. */
static gsize
used_bytes (const RingMessageHeader *slot)
{
  return slot->payload.kind == RING_KIND_VIDEO ? G_MAXSIZE : slot->payload.size;
}

static void
count_copied (CudaInstance *c, const CudaPayload *p, gsize only)
{
  gsize bytes = 0;
  guint i;

  for (i = 0; i < p->n_planes; i++)
    bytes += MIN (p->plane[i].row, only) * p->plane[i].rows;
  /* Read by ring_kernel_get_metrics at any moment. */
  __atomic_add_fetch (&c->base.bytes_copied, bytes, __ATOMIC_RELAXED);
}

static void
copy_rows (CudaInstance *c, const CudaPayload *p, guint8 *memory,
    gboolean to_host, gsize only)
{
  guint i, y;

  count_copied (c, p, only);
  for (i = 0; i < p->n_planes; i++) {
    const CudaPlane *plane = &p->plane[i];
    const gsize row = MIN (plane->row, only);
    guint8 *block = memory + plane->offset;

    for (y = 0; y < plane->rows; y++) {
      guint8 *h = plane->host + (gsize) y * (gsize) plane->host_stride;
      guint8 *b = block + (gsize) y * (gsize) plane->stride;

      memcpy (to_host ? h : b, to_host ? b : h, row);
    }
  }
}

/* ---- in ----------------------------------------------------------------------------------- */

static gsize
bytes_of (CudaInstance *c, const RingPayloadRef *ref)
{
  gsize bytes = 0;
  guint i;

  for (i = 0; i < ref->n_planes; i++)
    bytes += c->base.regions[ref->plane[i].region].size;
  return bytes;
}

/* Settles how one payload reaches the device, and gets what that takes. @input is
 * the input's, if this is an output in the input's memory. @is_awaited: a stream may
 * still be writing it, so it cannot be read here. */
static gboolean
prepare (CudaInstance *c, CudaPayload *p, RingPayloadRef *ref,
    gboolean on_device, gboolean is_awaited, const CudaPayload *input,
    GError **error)
{
  CUdeviceptr address[RING_MAX_PLANES];
  gboolean pinned, staged;
  gsize size;

  p->way = CUDA_PAYLOAD_NONE;
  if (ref->n_planes == 0 || ref->plane[0].region == RING_REGION_INLINE)
    return TRUE;
  if (on_device) {
    refer_directly (c, ref, NULL);
    return TRUE;
  }
  pinned = find_all_pinned (c, ref, is_awaited, address);
  staged = c->transfer == RING_TRANSFER_STAGED
      || (c->transfer == RING_TRANSFER_AUTO && bytes_of (c, ref) >= STAGE_FROM);
  if (pinned && !staged) {
    refer_directly (c, ref, address);
    return TRUE;
  }
  if (!pinned && lay_out (c, p, ref, TRUE) <= c->geometry.inline_size) {
    p->way = CUDA_PAYLOAD_INLINE;
    refer_to_slot (p, ref);
    return TRUE;
  }
  size = lay_out (c, p, ref, FALSE);
  /* The output may be longer than the input; then it gets a block of its own. */
  if (input && input->way > CUDA_PAYLOAD_INLINE && size <= input->block_size) {
    p->way = input->way;
    p->shared = TRUE;
    p->bounce = input->bounce;
    p->device = input->device;
  } else {
    p->way = staged ? CUDA_PAYLOAD_STAGED : CUDA_PAYLOAD_BOUNCED;
    if (!cuda_acquire_blocks (c, p, size, !pinned, staged, error))
      return FALSE;
  }
  refer_to_block (c, p, ref,
      p->way == CUDA_PAYLOAD_STAGED
          ? p->device
          : cuda_find_pinned (c->backend, p->bounce, size));
  return TRUE;
}

/* One plane, between the device's block and the host's memory. */
static CUresult
copy_plane (CudaInstance *c, const CudaPayload *p, guint i, gboolean to_host,
    gsize only, CUstream stream)
{
  const CudaDriver *driver = c->backend->driver;
  const CudaPlane *plane = &p->plane[i];
  const CUdeviceptr device = p->device + plane->offset;
  guint8 *host = p->bounce ? (guint8 *) p->bounce + plane->offset : plane->host;
  const gint stride = p->bounce ? plane->stride : plane->host_stride;
  CUDA_MEMCPY2D copy;

  /* Whole where nothing lies between the rows, or what lies there is ours. */
  if (plane->rows == 1
      || (stride == plane->stride
          && (p->bounce || plane->row == (gsize) stride))) {
    const gsize size = plane->rows == 1
        ? MIN (plane->row, only)
        : (gsize) plane->stride * (plane->rows - 1) + plane->row;

    if (size == 0)
      return CUDA_SUCCESS;
    return to_host ? driver->cuMemcpyDtoHAsync_v2 (host, device, size, stream)
                   : driver->cuMemcpyHtoDAsync_v2 (device, host, size, stream);
  }
  memset (&copy, 0, sizeof copy);
  copy.WidthInBytes = plane->row;
  copy.Height = plane->rows;
  if (to_host) {
    copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = device;
    copy.srcPitch = (size_t) plane->stride;
    copy.dstMemoryType = CU_MEMORYTYPE_HOST;
    copy.dstHost = host;
    copy.dstPitch = (size_t) stride;
  } else {
    copy.srcMemoryType = CU_MEMORYTYPE_HOST;
    copy.srcHost = host;
    copy.srcPitch = (size_t) stride;
    copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = device;
    copy.dstPitch = (size_t) plane->stride;
  }
  return driver->cuMemcpy2DAsync_v2 (&copy, stream);
}

static CUresult
copy_planes (CudaInstance *c, const CudaPayload *p, gboolean to_host,
    gsize only, CUstream stream)
{
  CUresult result = CUDA_SUCCESS;
  guint i;

  count_copied (c, p, only);
  for (i = 0; i < p->n_planes && result == CUDA_SUCCESS; i++)
    result = copy_plane (c, p, i, to_host, only, stream);
  return result;
}

/* What comes on `copy_in` from now on comes after all that is on @other now. */
static CUresult
follow (CudaInstance *c, CUstream other)
{
  const CudaDriver *driver = c->backend->driver;
  CUevent event = cuda_take_event (c);
  CUresult result = CUDA_ERROR_OUT_OF_MEMORY;

  if (event) {
    result = driver->cuEventRecord (event, other);
    if (result == CUDA_SUCCESS)
      result = driver->cuStreamWaitEvent (c->copy_in, event, 0);
    /* The wait has been enqueued with what was recorded; the event may be recorded
     * anew. */
    cuda_give_event (c, event);
  }
  return result;
}

/* Whether the slot is published later, when what comes before it is over. */
static gboolean
put_off (CudaInstance *c, guint64 position, CUevent done, gboolean always)
{
  CudaUnpublished *u;
  gboolean waits;

  g_mutex_lock (&c->transfers);
  waits = always || cuda_must_wait_locked (c, position);
  if (waits) {
    u = g_new (CudaUnpublished, 1);
    u->position = position;
    u->done = done;
    g_queue_push_tail (&c->unpublished, u);
    __atomic_add_fetch (&c->n_unpublished, 1, __ATOMIC_RELAXED);
  }
  g_mutex_unlock (&c->transfers);
  return waits;
}

/* Publishes the slot behind what is on `copy_in`. @waits: for its version, too, which
 * the driver knows nothing of. */
static CUresult
publish_behind (CudaInstance *c, guint64 position, gboolean waits)
{
  const CudaDriver *driver = c->backend->driver;
  CUresult result;
  CUevent event;

#if CUDA_VERSION >= 12000
  if (c->backend->stream_writes && !waits) {
    const CUdeviceptr slot = (CUdeviceptr) (guintptr) c->residency.input_slots
        + (position & (c->geometry.input_capacity - 1))
            * c->geometry.input_stride;

    return driver->cuStreamWriteValue64_v2 (c->copy_in,
        slot + G_STRUCT_OFFSET (RingMessageHeader, slot_sequence), position + 1,
        CU_STREAM_WRITE_VALUE_DEFAULT);
  }
#endif
  event = cuda_take_event (c);
  if (!event)
    return CUDA_ERROR_OUT_OF_MEMORY;
  result = driver->cuEventRecord (event, c->copy_in);
  if (result != CUDA_SUCCESS) {
    cuda_give_event (c, event);
    return result;
  }
  put_off (c, position, event, TRUE);
  return CUDA_SUCCESS;
}

static RingMessageHeader *
slot_at (CudaInstance *c, guint64 position)
{
  return (RingMessageHeader *) (gpointer) (c->base.input_slots
      + (position & (c->geometry.input_capacity - 1))
          * c->geometry.input_stride);
}

static CUresult
enqueue_in (CudaInstance *c, CudaPayload *p, guint64 position)
{
  CUresult result = CUDA_SUCCESS;
  gboolean waits;

  if (p[0].way == CUDA_PAYLOAD_STAGED)
    result = copy_planes (c, &p[0], FALSE, used_bytes (slot_at (c, position)),
        c->copy_in);
  g_mutex_lock (&c->transfers);
  waits = cuda_must_wait_locked (c, position);
  g_mutex_unlock (&c->transfers);
  if (result == CUDA_SUCCESS)
    result = publish_behind (c, position, waits);
  return result;
}

/* What is published from now on comes after what is on the caller's streams. */
static gboolean
follow_callers (CudaInstance *c, const RingPlacement *placement, GError **error)
{
  CUresult result = CUDA_SUCCESS;
  gchar *why;

  if (placement->input_stream)
    result = follow (c, placement->input_stream);
  if (result == CUDA_SUCCESS && placement->output_stream
      && placement->output_stream != placement->input_stream)
    result = follow (c, placement->output_stream);
  if (result == CUDA_SUCCESS)
    return TRUE;
  why = cuda_describe (c->backend->driver, "waiting for it", result);
  g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
      "a stream that a payload of kernel '%s' is to follow cannot be followed, is "
      "it of the runtime's context? %s",
      cuda_name (c), why);
  g_free (why);
  return FALSE;
}

gboolean
cuda_publish (RingInstance *instance, guint64 position,
    const RingPlacement *placement, GError **error)
{
  CudaInstance *c = (CudaInstance *) instance;
  RingMessageHeader *slot = slot_at (c, position);
  RingPayloadRef *refs =
      (RingPayloadRef *) (gpointer) ((guint8 *) slot + RING_HEADER_SIZE);
  CudaPayload *p = payloads_of (c, slot->entry);
  gboolean behind = placement->input_stream || placement->output_stream;
  CUresult result;
  guint k;

  if (cuda_is_broken (c)) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
        "kernel '%s' has lost its device", cuda_name (c));
    return FALSE;
  }
  if (!cuda_enter (c->backend)) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
        "the CUDA context of kernel '%s' cannot be entered", cuda_name (c));
    return FALSE;
  }
  if (!prepare (c, &p[0], &slot->payload, placement->input_on_device,
          placement->input_stream != NULL, NULL, error))
    goto failed;
  behind |= p[0].way == CUDA_PAYLOAD_STAGED;
  for (k = 0; k < c->geometry.max_outputs; k++) {
    const gboolean in_place = k == 0 && slot->flags & RING_MESSAGE_IN_PLACE;

    if (!prepare (c, &p[1 + k], &refs[k], placement->outputs_on_device, FALSE,
            in_place ? &p[0] : NULL, error))
      goto failed;
    behind |= p[1 + k].way == CUDA_PAYLOAD_STAGED;
  }
  if (!follow_callers (c, placement, error))
    goto failed;
  if (p[0].way == CUDA_PAYLOAD_INLINE)
    copy_rows (c, &p[0], (guint8 *) slot + c->geometry.input_inline_offset,
        FALSE, used_bytes (slot));
  else if (p[0].bounce)
    copy_rows (c, &p[0], p[0].bounce, FALSE, used_bytes (slot));

  if (!behind && !put_off (c, position, NULL, FALSE)) {
    RingQueue input;

    memset (&input, 0, sizeof input);
    input.slots = c->base.input_slots;
    input.capacity = c->geometry.input_capacity;
    input.stride = c->geometry.input_stride;
    ring_queue_publish_at (&input, position);
  } else if (behind) {
    result = enqueue_in (c, p, position);
    /* Accepted all the same: it fails with everything else in flight. */
    if (result != CUDA_SUCCESS)
      cuda_break (c, result, "bringing a payload to it");
  }
  cuda_leave (c->backend);
  return TRUE;

failed:
  release_entry (c, slot->entry);
  cuda_leave (c->backend);
  return FALSE;
}

/* Where the driver cannot publish by itself. */
gboolean
cuda_transfer_drive (CudaInstance *c)
{
  gboolean did = FALSE;

  for (;;) {
    CudaUnpublished *u;
    RingQueue input;
    CUresult result = CUDA_SUCCESS;

    g_mutex_lock (&c->transfers);
    u = g_queue_peek_head (&c->unpublished);
    if (u && cuda_must_wait_locked (c, u->position))
      u = NULL;
    g_mutex_unlock (&c->transfers);
    if (!u)
      return did;
    if (u->done)
      result = c->backend->driver->cuEventQuery (u->done);
    if (result == CUDA_ERROR_NOT_READY)
      return did;
    if (result != CUDA_SUCCESS) {
      cuda_break (c, result, "bringing a payload to it");
      return did;
    }
    memset (&input, 0, sizeof input);
    input.slots = c->base.input_slots;
    input.capacity = c->geometry.input_capacity;
    input.stride = c->geometry.input_stride;
    ring_queue_publish_at (&input, u->position);
    did = TRUE;
    g_mutex_lock (&c->transfers);
    g_queue_pop_head (&c->unpublished);
    __atomic_sub_fetch (&c->n_unpublished, 1, __ATOMIC_RELAXED);
    g_mutex_unlock (&c->transfers);
    if (u->done)
      cuda_give_event (c, u->done);
    g_free (u);
  }
}

gboolean
cuda_transfer_busy (CudaInstance *c)
{
  gboolean busy;

  g_mutex_lock (&c->transfers);
  busy = !g_queue_is_empty (&c->unpublished);
  g_mutex_unlock (&c->transfers);
  return busy || __atomic_load_n (&c->in_copy, __ATOMIC_ACQUIRE) > 0;
}

/* ---- out ------------------------------------------------------------------------------------ */

static CudaPayload *
payload_of_output (CudaInstance *c, const RingMessageHeader *slot)
{
  if (slot->flags
      & (RING_MESSAGE_NO_OUTPUT | RING_MESSAGE_DISCARDED | RING_MESSAGE_FAILED))
    return NULL;
  return &payloads_of (c, slot->entry)[1 + slot->output_index];
}

static void
begin_copy_back (CudaInstance *c, const RingMessageHeader *slot)
{
  CudaPayload *p = payload_of_output (c, slot);
  CUresult result;

  if (!p || p->way != CUDA_PAYLOAD_STAGED || p->copying)
    return;
  p->copying = TRUE;
  p->copied = cuda_take_event (c);
  result = p->copied ? copy_planes (c, p, TRUE, used_bytes (slot), c->copy_out)
                     : CUDA_ERROR_OUT_OF_MEMORY;
  if (result == CUDA_SUCCESS)
    result = c->backend->driver->cuEventRecord (p->copied, c->copy_out);
  if (result != CUDA_SUCCESS)
    cuda_break (c, result, "bringing a result back");
  else
    __atomic_add_fetch (&c->in_copy, 1, __ATOMIC_RELEASE);
}

/* Begins the copies of all results that are there, so that they follow each other
 * without a gap. Nobody else takes slots meanwhile: we are the harvester. */
static void
fetch_ahead (CudaInstance *c, const RingMessageHeader *slot)
{
  RingQueue output;
  guint64 n, i;

  memset (&output, 0, sizeof output);
  output.slots = c->base.output_slots;
  output.capacity = c->geometry.output_capacity;
  output.stride = c->geometry.output_stride;
  output.position = slot->slot_sequence - 1;
  n = ring_queue_ready (&output, FETCH_AHEAD);
  for (i = c->fetched > output.position ? c->fetched - output.position : 0;
       i < n; i++)
    begin_copy_back (c, ring_queue_slot (&output, output.position + i));
  c->fetched = MAX (c->fetched, output.position + n);
}

/* Device and host have clocks of their own. Every message narrows down how far they
 * are apart: it arrived after it was accepted, and was finished before now. */
static void
use_host_clock (CudaInstance *c, RingMessageHeader *slot)
{
  const gint64 now = g_get_monotonic_time () * 1000;
  const gint64 low = (gint64) slot->t_accepted - (gint64) slot->t_arrived;
  const gint64 high = now - (gint64) slot->t_finished;
  gint64 offset;

  if (slot->t_started == 0)
    return;
  c->offset_low = MAX (c->offset_low, low);
  c->offset_high = MIN (c->offset_high, high);
  if (c->offset_low > c->offset_high) {
    /* They drift. */
    c->offset_low = low;
    c->offset_high = high;
  }
  offset = c->offset_low + (c->offset_high - c->offset_low) / 2;
  /* The device read its clock a moment before it saw the message. */
  slot->t_arrived =
      MAX ((guint64) ((gint64) slot->t_arrived + offset), slot->t_accepted);
  slot->t_started =
      MAX ((guint64) ((gint64) slot->t_started + offset), slot->t_arrived);
  slot->t_finished =
      MAX ((guint64) ((gint64) slot->t_finished + offset), slot->t_started);
}

gboolean
cuda_ready (RingInstance *instance, RingMessageHeader *slot)
{
  CudaInstance *c = (CudaInstance *) instance;
  CudaPayload *p = payload_of_output (c, slot);
  gboolean ready = TRUE;

  if (p && p->way == CUDA_PAYLOAD_STAGED) {
    CUresult result = CUDA_ERROR_NOT_READY;

    if (cuda_is_broken (c) || !cuda_enter (c->backend))
      return FALSE;
    fetch_ahead (c, slot);
    if (!cuda_is_broken (c))
      result = c->backend->driver->cuEventQuery (p->copied);
    /* After the kernel's end nobody comes back to ask: what is not here now counts
     * as lost, and its memory is given back. */
    if (result == CUDA_ERROR_NOT_READY
        && __atomic_load_n (&c->quit, __ATOMIC_ACQUIRE)
        && !__atomic_load_n (&c->stalled, __ATOMIC_ACQUIRE)) {
      const gint64 deadline =
          g_get_monotonic_time () + (gint64) c->termination_timeout;

      do {
        g_thread_yield ();
        result = c->backend->driver->cuEventQuery (p->copied);
      } while (
          result == CUDA_ERROR_NOT_READY && g_get_monotonic_time () < deadline);
    }
    cuda_leave (c->backend);
    if (result != CUDA_SUCCESS && result != CUDA_ERROR_NOT_READY)
      cuda_break (c, result, "bringing a result back");
    ready = result == CUDA_SUCCESS;
    if (ready)
      __atomic_sub_fetch (&c->in_copy, 1, __ATOMIC_RELEASE);
  }
  if (!ready)
    return FALSE;
  if (p && p->way == CUDA_PAYLOAD_INLINE)
    copy_rows (c, p, (guint8 *) slot + c->geometry.output_inline_offset, TRUE,
        used_bytes (slot));
  else if (p && p->bounce)
    copy_rows (c, p, p->bounce, TRUE, used_bytes (slot));
  use_host_clock (c, slot);
  if (slot->flags & RING_MESSAGE_LAST)
    release_entry (c, slot->entry);
  return TRUE;
}
