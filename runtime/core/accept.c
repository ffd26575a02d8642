/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * accept.c: what every message goes through on its way into the input ring, whether
 * its payload was copied or lies where the caller has it. All under send_lock.
 */
#include "core/core-private.h"
#include "core/accept.h"

#include <string.h>

gsize
ring_output_size_ (RingKernel *kernel, gsize input_size)
{
  const RingFormat *in = &kernel->input_format, *out = &kernel->output_format;
  gsize records;

  switch (out->kind) {
    case RING_PAYLOAD_VIDEO:
      return ring_format_get_frame_size (out);
    case RING_PAYLOAD_RECORD:
      records = in->kind == RING_PAYLOAD_RECORD
          ? 0
          : kernel->description->max_records;
      /* for each record, and for each sample of a channel */
      if (in->kind != RING_PAYLOAD_VIDEO)
        records += input_size / ring_format_get_frame_size (in);
      return records * out->record_size;
    case RING_PAYLOAD_AUDIO:
    case RING_PAYLOAD_BYTES:
      break;
  }
  return input_size;
}

void
ring_fill_payload_format_ (RingPayloadRef *payload, const RingFormat *format)
{
  payload->kind = (uint16_t) format->kind;
  switch (format->kind) {
    case RING_PAYLOAD_VIDEO:
      payload->format = RING_FORMAT_IN_COLORS ((uint32_t) format->video_format,
          (uint32_t) format->matrix, (uint32_t) format->range);
      payload->width = format->width;
      payload->height = format->height;
      break;
    case RING_PAYLOAD_AUDIO:
      payload->format = (uint32_t) format->audio_format;
      payload->width = format->channels;
      payload->height = format->rate;
      break;
    case RING_PAYLOAD_RECORD:
      payload->format = 0;
      payload->width = format->record_size;
      payload->height = 0;
      break;
    case RING_PAYLOAD_BYTES:
      payload->format = 0;
      payload->width = 0;
      payload->height = 0;
      break;
  }
}

/* Points @payload at @memory through @regions, which are this message's own. */
void
ring_refer_ (RingPayloadRef *payload, RingRegion *regions, guint32 first,
    const RingMemory *memory)
{
  guint p;

  payload->n_planes = (uint16_t) memory->n_planes;
  payload->size = payload->capacity = memory->size;
  for (p = 0; p < memory->n_planes; p++) {
    regions[first + p].base = memory->plane[p].data;
    regions[first + p].size = memory->plane[p].size;
    payload->plane[p].region = first + p;
    payload->plane[p].stride = memory->plane[p].stride;
    payload->plane[p].offset = 0;
    payload->plane[p].size = memory->plane[p].size;
  }
}

/* Points @payload at the slot itself. */
void
ring_refer_inline_ (RingPayloadRef *payload, const RingMemory *memory)
{
  gsize at = 0;
  guint p;

  payload->n_planes = (uint16_t) memory->n_planes;
  payload->size = payload->capacity = memory->size;
  for (p = 0; p < memory->n_planes; p++) {
    payload->plane[p].region = RING_REGION_INLINE;
    payload->plane[p].stride = memory->plane[p].stride;
    payload->plane[p].offset = at;
    payload->plane[p].size = memory->plane[p].size;
    at += memory->plane[p].size;
  }
}

/* Lays @size bytes of @format, tightly packed, out at @data. */
void
ring_lay_out_ (const RingFormat *format, gpointer data, gsize size,
    RingMemory *memory)
{
  if (format->kind == RING_PAYLOAD_VIDEO) {
    ring_format_pack_ (format, data, memory);
  } else {
    memory->n_planes = 1;
    memory->size = size;
    memory->plane[0].data = data;
    memory->plane[0].stride = 0;
    memory->plane[0].size = size;
  }
}

gboolean
ring_check_memory_ (RingKernel *kernel, const RingFormat *format,
    const RingMemory *memory, const gchar *what, GError **error)
{
  gchar *text;
  guint p;

  if (format->kind == RING_PAYLOAD_VIDEO) {
    const RingVideoLayout layout = ring_video_layout (format->video_format);

    if (memory->n_planes != layout.n_planes) {
      text = ring_format_to_string (format);
      g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
          "the %s for kernel '%s' has %u planes; %s has %u", what,
          ring_kernel_name_ (kernel), memory->n_planes, text, layout.n_planes);
      g_free (text);
      return FALSE;
    }
    for (p = 0; p < layout.n_planes; p++) {
      const gint64 width =
          ((gint64) format->width + (1 << layout.x_shift[p]) - 1)
          >> layout.x_shift[p];
      const gint64 height =
          ((gint64) format->height + (1 << layout.y_shift[p]) - 1)
          >> layout.y_shift[p];
      const gint64 row = width * layout.pixel_stride[p];

      if (memory->plane[p].stride >= row && memory->plane[p].data
          && (gint64) memory->plane[p].size
              >= (height - 1) * memory->plane[p].stride + row)
        continue;
      text = ring_format_to_string (format);
      g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
          "plane %u of the %s for kernel '%s' has %" G_GSIZE_FORMAT
          " bytes with %d from row to row; %s needs %" G_GINT64_FORMAT
          " rows of %" G_GINT64_FORMAT,
          p, what, ring_kernel_name_ (kernel), memory->plane[p].size,
          memory->plane[p].stride, text, height, row);
      g_free (text);
      return FALSE;
    }
    return TRUE;
  }
  if (memory->n_planes != 1 || (memory->size > 0 && !memory->plane[0].data)
      || memory->plane[0].size < memory->size) {
    g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
        "the %s for kernel '%s' is not one block of memory", what,
        ring_kernel_name_ (kernel));
    return FALSE;
  }
  return TRUE;
}

gboolean
ring_check_units_ (RingKernel *kernel, gsize size, GError **error)
{
  const RingFormat *format = &kernel->input_format;
  gsize unit;
  gchar *text;

  /* A division of 64 bits costs more than the rest of this check together. */
  if (format->kind == RING_PAYLOAD_RECORD)
    unit = format->record_size;
  else if (format->kind == RING_PAYLOAD_AUDIO)
    unit = (gsize) ring_audio_sample_size (format->audio_format)
        * format->channels;
  else
    return TRUE;
  if ((guint32) size == size ? (guint32) size % (guint32) unit == 0
                             : size % unit == 0)
    return TRUE;
  text = ring_format_to_string (format);
  g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
      "a payload of %" G_GSIZE_FORMAT
      " bytes is no whole number of units of %" G_GSIZE_FORMAT
      " bytes (%s), which kernel '%s' takes",
      size, unit, text, ring_kernel_name_ (kernel));
  g_free (text);
  return FALSE;
}

/* Kernels with memory per byte of payload got it for messages by copy. A longer
 * one by reference gets more scratch, as long as nobody uses what is there; state
 * cannot grow without losing what it says. */
gboolean
ring_fit_buffers_locked_ (RingKernel *kernel, gsize size, GError **error)
{
  const RingKernelDescription *d = kernel->description;
  guint64 in_flight;
  gsize room;

  if (kernel->input_format.kind == RING_PAYLOAD_VIDEO
      || size <= kernel->buffered_payload
      || (d->state_per_byte == 0 && d->scratch_per_byte == 0))
    return TRUE;
  if (d->state_per_byte > 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_TOO_LARGE,
        "kernel '%s' has state for payloads of %" G_GSIZE_FORMAT " bytes, this "
        "one has %" G_GSIZE_FORMAT "; raise message-size",
        ring_kernel_name_ (kernel), kernel->buffered_payload, size);
    return FALSE;
  }
  in_flight = __atomic_load_n (&kernel->pending, __ATOMIC_ACQUIRE);
  if (in_flight > 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_BUSY,
        "kernel '%s' needs more scratch for a payload of %" G_GSIZE_FORMAT
        " bytes, and %" G_GUINT64_FORMAT " messages in flight use it; drain it "
        "first",
        ring_kernel_name_ (kernel), size, in_flight);
    return FALSE;
  }
  /* Half as much again, so that slowly growing payloads seldom come here. */
  room = size + size / 2;
  kernel->scratch_size = d->scratch_size + d->scratch_per_byte * room;
  if (!kernel->instance->klass->set_buffers (kernel->instance,
          kernel->state_size, kernel->scratch_size, TRUE, error))
    return FALSE;
  kernel->buffered_payload = room;
  return TRUE;
}

/* A set of parameters that nobody reads, the one behind the current one if it may be;
 * the current one: there is none, which is so only where sets are so large that there
 * are fewer than messages in flight. */
static guint32
find_free_parameter_set (RingKernel *kernel)
{
  const guint32 n = kernel->instance->control->geometry.parameter_sets;
  const guint32 current =
      __atomic_load_n (&kernel->parameter_set, __ATOMIC_RELAXED);
  guint32 set = current;

  do
    set = set + 1 < n ? set + 1 : 0;
  while (set != current
      /* Pairs with the release in finish_entry: the kernel has read it. */
      && __atomic_load_n (&kernel->parameter_refs[set], __ATOMIC_ACQUIRE));
  return set;
}

/* Whoever waits for room asks without send_lock; whoever sends finds out. */
gboolean
ring_may_have_room_ (RingKernel *kernel)
{
  if (ring_kernel_in_flight_ (kernel) >= kernel->config.queue_capacity)
    return FALSE;
  return !__atomic_load_n (&kernel->parameters_changed, __ATOMIC_RELAXED)
      || find_free_parameter_set (kernel) != kernel->parameter_set;
}

/* The set of parameters for the next message; a new one if they have changed
 * since the last. One is free: ring_check_can_send_locked_. */
static guint32
take_parameter_set (RingKernel *kernel)
{
  const RingGeometry *geometry = &kernel->instance->control->geometry;
  guint32 set = kernel->parameter_set;

  if (kernel->parameters_changed) {
    RingHostWords *host = &kernel->instance->control->host;

    set = find_free_parameter_set (kernel);
    ring_parameters_write (kernel->parameters,
        kernel->instance->parameters + (gsize) set * geometry->parameter_stride,
        geometry->parameter_stride);
    __atomic_store_n (&kernel->parameter_set, set, __ATOMIC_RELAXED);
    __atomic_store_n (&kernel->parameters_changed, FALSE, __ATOMIC_RELAXED);
    ring_store_release_u64 (&host->parameter_generation,
        host->parameter_generation + 1);
  }
  __atomic_add_fetch (&kernel->parameter_refs[set], 1, __ATOMIC_RELAXED);
  return set;
}

/* Whether the next record is free, and with it the slot of the input ring: there are
 * as many of them, and a message that has come out of the kernel has been read. (The
 * consumer's position may say so later: a device moves it behind the output.) It may
 * be that its message is counted as delivered while the harvester is a few
 * instructions from letting go. */
static gboolean
next_entry_is_free (RingKernel *kernel)
{
  const RingEntry *entry =
      &kernel->entries[kernel->next_sequence & kernel->entry_mask];
  guint i;

  for (i = 0; i < 1000; i++) {
    /* Pairs with the release in finish_entry. */
    if (!__atomic_load_n (&entry->pending, __ATOMIC_ACQUIRE))
      return TRUE;
    g_thread_yield ();
  }
  return FALSE;
}

/* Called with send_lock held. */
gboolean
ring_check_can_send_locked_ (RingKernel *kernel, gboolean *full, GError **error)
{
  if (G_UNLIKELY (ring_kernel_get_status (kernel) != RING_KERNEL_ACTIVE))
    return ring_kernel_check_status_ (kernel, "take messages",
        RING_KERNEL_ACTIVE, error);
  if (ring_kernel_in_flight_ (kernel) >= kernel->config.queue_capacity
      || !next_entry_is_free (kernel)) {
    *full = TRUE;
    g_set_error (error, RING_ERROR, RING_ERROR_QUEUE_FULL,
        "kernel '%s' has %u messages in flight, as many as its queue-capacity "
        "allows; receive some first",
        ring_kernel_name_ (kernel), kernel->config.queue_capacity);
    return FALSE;
  }
  if (kernel->parameters_changed
      && find_free_parameter_set (kernel) == kernel->parameter_set) {
    *full = TRUE;
    g_set_error (error, RING_ERROR, RING_ERROR_QUEUE_FULL,
        "kernel '%s' has messages in flight with %u different sets of parameters, "
        "as many as there is room for; wait until one is finished",
        ring_kernel_name_ (kernel),
        kernel->instance->control->geometry.parameter_sets);
    return FALSE;
  }
  return TRUE;
}

/* Begins the record and the header of the next message. */
RingMessageHeader *
ring_begin_message_locked_ (RingKernel *kernel, RingEntry **entry_out)
{
  const guint64 sequence = kernel->next_sequence++;
  const guint32 index = (guint32) (sequence & kernel->entry_mask);
  RingEntry *entry = &kernel->entries[index];
  RingMessageHeader *header;

  header = ring_queue_slot (&kernel->input, kernel->input.position);
  entry->sequence = sequence;
  entry->epoch = kernel->epoch;
  entry->emitted = 0;
  entry->pending = TRUE;
  entry->forgotten = FALSE;
  entry->parameter_set = take_parameter_set (kernel);
  entry->t_accepted = kernel->config.telemetry ? ring_clock_now () : 0;

  header->magic = RING_MESSAGE_MAGIC;
  header->version = RING_ABI_VERSION;
  header->payload_count = 1;
  header->id = sequence + 1;
  header->sequence = sequence;
  header->epoch = kernel->epoch;
  header->t_accepted = entry->t_accepted;
  header->t_started = header->t_finished = header->t_arrived = 0;
  header->source_generation = kernel->generation;
  header->parameter_set = entry->parameter_set;
  header->entry = index;
  header->output_index = 0;
  header->depends_handle = 0;
  header->depends_sequence = 0;
  *entry_out = entry;
  return header;
}

/* Takes back what ring_begin_message_locked_ gave; nothing was published. */
void
ring_cancel_message_locked_ (RingKernel *kernel, RingEntry *entry)
{
  ring_release_blocks_ (kernel, entry);
  g_clear_pointer (&entry->message, ring_message_unref);
  __atomic_sub_fetch (&kernel->parameter_refs[entry->parameter_set], 1,
      __ATOMIC_RELAXED);
  entry->pending = FALSE;
  kernel->next_sequence--;
}

/* Publishes the message. FALSE: it is cancelled. */
gboolean
ring_end_message_locked_ (RingKernel *kernel, RingEntry *entry, gsize size,
    const RingPlacement *placement, GError **error)
{
  RingInstance *instance = kernel->instance;
  guint64 depth;

  __atomic_add_fetch (&kernel->pending, 1, __ATOMIC_RELAXED);
  ring_count (&kernel->accepted, 1);
  ring_count (&kernel->bytes_in, size);
  if (instance->klass->publish) {
    if (!instance->klass->publish (instance, kernel->input.position, placement,
            error)) {
      __atomic_sub_fetch (&kernel->pending, 1, __ATOMIC_RELAXED);
      __atomic_sub_fetch (&kernel->accepted, 1, __ATOMIC_RELAXED);
      __atomic_sub_fetch (&kernel->bytes_in, size, __ATOMIC_RELAXED);
      ring_cancel_message_locked_ (kernel, entry);
      /* Somebody may have seen it, and wait for it to be finished. */
      ring_kernel_wake_waiters_ (kernel);
      return FALSE;
    }
    ring_queue_advance (&kernel->input, 1);
  } else {
    ring_queue_publish (&kernel->input, 1);
  }
  depth = kernel->input.position - kernel->input.peer;
  if (depth > kernel->queue_depth_max) {
    /* `peer` may be old: look before saying that so many wait. And what has come out
     * of the kernel does not, though the consumer's position may say so later. */
    kernel->input.peer =
        ring_load_acquire_u64 (&kernel->input.consumer->position);
    depth = MIN (kernel->input.position - kernel->input.peer,
        ring_kernel_in_flight_ (kernel));
    if (depth > kernel->queue_depth_max)
      __atomic_store_n (&kernel->queue_depth_max, depth, __ATOMIC_RELAXED);
  }
  return TRUE;
}

RingPayloadRef *
ring_output_refs_ (RingMessageHeader *header)
{
  return (RingPayloadRef *) (gpointer) ((guint8 *) header + RING_HEADER_SIZE);
}

guint32
ring_first_region_ (RingKernel *kernel, guint32 index, guint which)
{
  return RING_REGION_FIRST
      + (index * (1 + kernel->max_outputs) + which) * RING_MAX_PLANES;
}

gboolean
ring_aligned_for_ (const RingFormat *format, gconstpointer data)
{
  const gsize to = format->kind == RING_PAYLOAD_AUDIO
      ? ring_audio_sample_size (format->audio_format)
      : format->kind == RING_PAYLOAD_RECORD ? 8
                                            : 1;

  return ((guintptr) data & (to - 1)) == 0;
}

/* Gives back what the message borrowed from the pool. */
void
ring_release_blocks_ (RingKernel *kernel, RingEntry *entry)
{
  const guint n = kernel->max_outputs;
  const guint64 index = entry->sequence & kernel->entry_mask;
  guint i;

  if (entry->input_block)
    ring_payload_pool_release (entry->input_block);
  entry->input_block = NULL;
  for (i = 0; i < n; i++) {
    gpointer *block = &kernel->output_blocks[index * n + i];

    if (*block)
      ring_payload_pool_release (*block);
    *block = NULL;
  }
}
