/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bridge.c: moves messages between the host and the rings.
 *
 * In: enqueue() gives a message its place in the input ring, under send_lock.
 * Out: ring_bridge_harvest_() takes what the kernel has finished, in order. Any
 * thread may call it; one at a time does the work (see claim.h), so completions
 * are called in order and without a lock.
 */
#include "core/core-private.h"

#include <string.h>

/* ---- in ----------------------------------------------------------------------- */

static gsize
output_size_for (RingKernel * kernel, gsize input_size)
{
  const RingKernelDescription *d = kernel->description;

  switch (d->kind) {
    case RING_KIND_VIDEO:
      return ring_format_get_frame_size (&kernel->output_format);
    case RING_KIND_RECORD:
      return input_size / kernel->input_format.record_size
          * kernel->output_format.record_size;
    default:
      return input_size;
  }
}

static void
fill_payload_format (RingPayloadRef * payload, const RingFormat * format)
{
  payload->kind = (uint16_t) format->kind;
  switch (format->kind) {
    case RING_PAYLOAD_VIDEO:
      payload->format = (uint32_t) format->video_format;
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
static void
refer (RingPayloadRef * payload, RingRegion * regions, guint32 first,
    const RingMemory * memory)
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
static void
refer_inline (RingPayloadRef * payload, const RingMemory * memory)
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
static void
lay_out (const RingFormat * format, gpointer data, gsize size,
    RingMemory * memory)
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

static gboolean
check_memory (RingKernel * kernel, const RingFormat * format,
    const RingMemory * memory, const gchar * what, GError ** error)
{
  gchar *text;
  guint p;

  if (format->kind == RING_PAYLOAD_VIDEO) {
    const RingVideoLayout layout = ring_video_layout (format->video_format);

    if (memory->n_planes != layout.n_planes) {
      text = ring_format_to_string (format);
      g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
          "the %s for kernel '%s' has %u planes; %s has %u", what,
          kernel->module->name, memory->n_planes, text, layout.n_planes);
      g_free (text);
      return FALSE;
    }
    for (p = 0; p < layout.n_planes; p++) {
      const gint64 width = ((gint64) format->width + (1 << layout.x_shift[p])
          - 1) >> layout.x_shift[p];
      const gint64 height = ((gint64) format->height
          + (1 << layout.y_shift[p]) - 1) >> layout.y_shift[p];
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
          p, what, kernel->module->name, memory->plane[p].size,
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
        kernel->module->name);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_units (RingKernel * kernel, gsize size, GError ** error)
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
      "a payload of %" G_GSIZE_FORMAT " bytes is no whole number of units of %"
      G_GSIZE_FORMAT " bytes (%s), which kernel '%s' takes", size, unit, text,
      kernel->module->name);
  g_free (text);
  return FALSE;
}

/* Kernels with memory per byte of payload got it for messages by copy. A longer
 * one by reference gets more scratch, as long as nobody uses what is there; state
 * cannot grow without losing what it says. */
static gboolean
fit_buffers_locked (RingKernel * kernel, gsize size, GError ** error)
{
  const RingKernelDescription *d = kernel->description;
  guint64 in_flight;
  gsize room;

  if (d->kind == RING_KIND_VIDEO || size <= kernel->buffered_payload
      || (d->state_per_byte == 0 && d->scratch_per_byte == 0))
    return TRUE;
  if (d->state_per_byte > 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_TOO_LARGE,
        "kernel '%s' has state for payloads of %" G_GSIZE_FORMAT " bytes, this "
        "one has %" G_GSIZE_FORMAT "; raise message-size",
        kernel->module->name, kernel->buffered_payload, size);
    return FALSE;
  }
  in_flight = __atomic_load_n (&kernel->pending, __ATOMIC_ACQUIRE);
  if (in_flight > 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_BUSY,
        "kernel '%s' needs more scratch for a payload of %" G_GSIZE_FORMAT
        " bytes, and %" G_GUINT64_FORMAT " messages in flight use it; drain it "
        "first", kernel->module->name, size, in_flight);
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

/* The set of parameters for the next message; a new one if they have changed
 * since the last. There are more sets than messages in flight, so one is free. */
static guint32
take_parameter_set (RingKernel * kernel)
{
  const RingGeometry *geometry = &kernel->instance->control->geometry;
  guint32 set = kernel->parameter_set;

  if (kernel->parameters_changed) {
    RingHostWords *host = &kernel->instance->control->host;

    do
      set = set + 1 < geometry->parameter_sets ? set + 1 : 0;
    while (set == kernel->parameter_set
        /* Pairs with the release in finish_entry: the kernel has read it. */
        || __atomic_load_n (&kernel->parameter_refs[set], __ATOMIC_ACQUIRE));
    ring_parameters_write (kernel->parameters, kernel->instance->parameters
        + (gsize) set * geometry->parameter_stride);
    kernel->parameter_set = set;
    kernel->parameters_changed = FALSE;
    ring_store_release_u64 (&host->parameter_generation,
        host->parameter_generation + 1);
  }
  __atomic_add_fetch (&kernel->parameter_refs[set], 1, __ATOMIC_RELAXED);
  return set;
}

/* Whether the next record is free. It may be that its message is counted as
 * delivered while the harvester is a few instructions from letting go. */
static gboolean
next_entry_is_free (RingKernel * kernel)
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
static gboolean
check_can_send_locked (RingKernel * kernel, gboolean * full, GError ** error)
{
  if (G_UNLIKELY (ring_kernel_get_status (kernel) != RING_KERNEL_ACTIVE))
    return ring_kernel_check_status_ (kernel, "take messages",
        RING_KERNEL_ACTIVE, error);
  if (ring_kernel_in_flight_ (kernel) >= kernel->config.queue_capacity
      || ring_queue_space (&kernel->input, 1) == 0
      || !next_entry_is_free (kernel)) {
    *full = TRUE;
    g_set_error (error, RING_ERROR, RING_ERROR_QUEUE_FULL,
        "kernel '%s' has %u messages in flight, as many as its queue-capacity "
        "allows; receive some first", kernel->module->name,
        kernel->config.queue_capacity);
    return FALSE;
  }
  return TRUE;
}

/* Begins the record and the header of the next message. */
static RingMessageHeader *
begin_message_locked (RingKernel * kernel, RingEntry ** entry_out)
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
  header->t_started = header->t_finished = header->t_delivered = 0;
  header->source_generation = 0;
  header->parameter_set = entry->parameter_set;
  header->entry = index;
  header->output_index = 0;
  header->depends_handle = 0;
  header->depends_sequence = 0;
  *entry_out = entry;
  return header;
}

static void
end_message_locked (RingKernel * kernel, gsize size)
{
  guint64 depth;

  __atomic_add_fetch (&kernel->pending, 1, __ATOMIC_RELAXED);
  ring_count (&kernel->accepted, 1);
  ring_count (&kernel->bytes_in, size);
  ring_queue_publish (&kernel->input, 1);
  depth = kernel->input.position - kernel->input.peer;
  if (depth > kernel->queue_depth_max) {
    /* `peer` may be old: look before saying that so many wait. */
    ring_queue_space (&kernel->input, kernel->input.capacity + 1);
    depth = kernel->input.position - kernel->input.peer;
    if (depth > kernel->queue_depth_max)
      __atomic_store_n (&kernel->queue_depth_max, depth, __ATOMIC_RELAXED);
  }
}

static RingPayloadRef *
output_refs (RingMessageHeader * header)
{
  return (RingPayloadRef *) (gpointer) ((guint8 *) header + RING_HEADER_SIZE);
}

static guint32
first_region (RingKernel * kernel, guint32 index, guint which)
{
  return RING_REGION_FIRST + (index * (1 + kernel->description->max_outputs)
      + which) * RING_MAX_PLANES;
}

static gboolean
aligned_for (const RingFormat * format, gconstpointer data)
{
  const gsize to = format->kind == RING_PAYLOAD_AUDIO
      ? ring_audio_sample_size (format->audio_format)
      : format->kind == RING_PAYLOAD_RECORD ? 8 : 1;

  return ((guintptr) data & (to - 1)) == 0;
}

static void
count_refused (RingKernel * kernel)
{
  ring_count (&kernel->refused, 1);
}

/* ---- submit ---------------------------------------------------------------------- */

/**
 * ring_kernel_submit: (skip)
 * @kernel: an active handle with a format
 * @submission: the message: payload and outputs where they lie
 * @error: return location for an error
 *
 * Hands a message over by reference. Never waits for the kernel: with the queue
 * full it returns at once. In inline mode the message has been processed, and
 * completed, when the call returns, unless another thread is sending too.
 *
 * May be called by a real-time thread: no allocation and no system call as long
 * as the payload is aligned and the handle is in inline mode with one worker.
 *
 * Returns: whether it was accepted; then the completion follows, once. %FALSE
 *   with %RING_ERROR_STATUS, %RING_ERROR_QUEUE_FULL, %RING_ERROR_FORMAT,
 *   %RING_ERROR_PAYLOAD, %RING_ERROR_TOO_LARGE, or %RING_ERROR_BUSY if the kernel
 *   must be drained first because it needs more scratch: then nothing has
 *   happened.
 */
gboolean
ring_kernel_submit (RingKernel * kernel, const RingSubmission * submission,
    GError ** error)
{
  RingMessageHeader *header;
  RingPayloadRef *output;
  RingRegion *regions;
  RingMemory bounced;
  const RingMemory *input;
  RingEntry *entry;
  gpointer block = NULL;
  gboolean full;
  gsize needed;
  guint i;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);
  g_return_val_if_fail (submission != NULL && submission->completed != NULL,
      FALSE);

  input = &submission->input;
  regions = kernel->instance->regions;
  g_mutex_lock (&kernel->send_lock);
  if (!check_can_send_locked (kernel, &full, error))
    goto refused;
  if (G_UNLIKELY (!kernel->has_format)) {
    g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
        "kernel '%s' needs a format first: ring_kernel_set_format",
        kernel->module->name);
    goto refused;
  }
  if (G_UNLIKELY (submission->n_outputs != kernel->description->max_outputs)) {
    g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
        "kernel '%s' needs %u outputs, the submission has %u",
        kernel->module->name, kernel->description->max_outputs,
        submission->n_outputs);
    goto refused;
  }
  if (!check_memory (kernel, &kernel->input_format, input, "input", error)
      || !check_units (kernel, input->size, error)
      || !fit_buffers_locked (kernel, input->size, error))
    goto refused;
  needed = kernel->output_format.kind == RING_PAYLOAD_VIDEO ? 0
      : output_size_for (kernel, input->size);
  for (i = 0; i < submission->n_outputs; i++) {
    const RingMemory *memory = &submission->outputs[i];

    if (!check_memory (kernel, &kernel->output_format, memory, "output",
            error))
      goto refused;
    if (G_UNLIKELY (memory->size < needed)) {
      g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
          "an output of kernel '%s' needs %" G_GSIZE_FORMAT " bytes; it has %"
          G_GSIZE_FORMAT, kernel->module->name, needed, memory->size);
      goto refused;
    }
    if (G_UNLIKELY (!aligned_for (&kernel->output_format,
                memory->plane[0].data))) {
      g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
          "an output of kernel '%s' lies at an address that is not aligned for "
          "its samples or records", kernel->module->name);
      goto refused;
    }
  }
  if (G_UNLIKELY (!aligned_for (&kernel->input_format,
              input->plane[0].data))) {
    block = ring_payload_pool_acquire (kernel->pool, input->size);
    if (!block) {
      g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
          "no memory for %" G_GSIZE_FORMAT " bytes of payload", input->size);
      goto refused;
    }
    memcpy (block, input->plane[0].data, input->size);
    ring_count (&kernel->bytes_copied, input->size);
    lay_out (&kernel->input_format, block, input->size, &bounced);
    input = &bounced;
  }

  header = begin_message_locked (kernel, &entry);
  entry->by_reference = TRUE;
  entry->correlation_id = 0;
  entry->type = 0;
  entry->completed = submission->completed;
  entry->user_data = submission->user_data;
  entry->message = NULL;
  entry->caller = NULL;
  entry->input_block = block;

  header->correlation_id = 0;
  header->type = 0;
  header->flags = submission->discont ? RING_MESSAGE_DISCONT : 0;
  if (submission->outputs[0].plane[0].data == input->plane[0].data)
    header->flags |= RING_MESSAGE_IN_PLACE;
  header->pts = submission->pts;
  header->duration = submission->duration;
  fill_payload_format (&header->payload, &kernel->input_format);
  refer (&header->payload, regions, first_region (kernel, header->entry, 0),
      input);
  output = output_refs (header);
  for (i = 0; i < submission->n_outputs; i++) {
    fill_payload_format (&output[i], &kernel->output_format);
    refer (&output[i], regions, first_region (kernel, header->entry, 1 + i),
        &submission->outputs[i]);
    if (needed)
      output[i].size = needed;
    kernel->output_blocks[header->entry * submission->n_outputs + i] = NULL;
  }
  end_message_locked (kernel, input->size);
  g_mutex_unlock (&kernel->send_lock);

  kernel->instance->klass->wake (kernel->instance);
  return TRUE;

refused:
  g_mutex_unlock (&kernel->send_lock);
  count_refused (kernel);
  return FALSE;
}

/* ---- send and call ------------------------------------------------------------------ */

static gboolean
check_message_locked (RingKernel * kernel, RingMessage * message,
    GError ** error)
{
  const gsize size = g_bytes_get_size (message->payload);
  const gsize largest = kernel->config.message_size - RING_HEADER_SIZE;
  gchar *got, *wanted;

  if (size > largest) {
    g_set_error (error, RING_ERROR, RING_ERROR_TOO_LARGE,
        "the message carries %" G_GSIZE_FORMAT " bytes; with the message-size "
        "of %u, %" G_GSIZE_FORMAT " fit", size, kernel->config.message_size,
        largest);
    return FALSE;
  }
  if (!kernel->has_format)
    return ring_kernel_set_format_locked_ (kernel, &message->format, error);
  if (ring_format_equal (&kernel->input_format, &message->format))
    return TRUE;
  got = ring_format_to_string (&message->format);
  wanted = ring_format_to_string (&kernel->input_format);
  g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
      "the message carries %s; kernel '%s' works on %s", got,
      kernel->module->name, wanted);
  g_free (got);
  g_free (wanted);
  return FALSE;
}

/* Places the input: into the slot when it is small, else where it is, unless it
 * is not aligned. */
static gboolean
place_input (RingKernel * kernel, RingEntry * entry,
    RingMessageHeader * header, RingMessage * message)
{
  const RingGeometry *geometry = &kernel->instance->control->geometry;
  gsize size;
  gconstpointer data = g_bytes_get_data (message->payload, &size);
  RingMemory memory;

  fill_payload_format (&header->payload, &kernel->input_format);
  if (size <= geometry->inline_size) {
    lay_out (&kernel->input_format, NULL, size, &memory);
    refer_inline (&header->payload, &memory);
    if (size > 0)
      memcpy ((guint8 *) header + geometry->input_inline_offset, data, size);
    ring_count (&kernel->bytes_copied, size);
    return TRUE;
  }
  if (!aligned_for (&kernel->input_format, data)) {
    entry->input_block = ring_payload_pool_acquire (kernel->pool, size);
    if (!entry->input_block)
      return FALSE;
    memcpy (entry->input_block, data, size);
    ring_count (&kernel->bytes_copied, size);
    data = entry->input_block;
  } else {
    entry->message = ring_message_ref (message);
  }
  lay_out (&kernel->input_format, (gpointer) data, size, &memory);
  refer (&header->payload, kernel->instance->regions,
      first_region (kernel, header->entry, 0), &memory);
  return TRUE;
}

static gboolean
place_outputs (RingKernel * kernel, RingMessageHeader * header, gsize size)
{
  const RingGeometry *geometry = &kernel->instance->control->geometry;
  const guint n = kernel->description->max_outputs;
  RingPayloadRef *output = output_refs (header);
  RingMemory memory;
  guint i;

  for (i = 0; i < n; i++) {
    gpointer *block = &kernel->output_blocks[header->entry * n + i];

    *block = NULL;
    fill_payload_format (&output[i], &kernel->output_format);
    if (size <= geometry->inline_size) {
      lay_out (&kernel->output_format, NULL, size, &memory);
      refer_inline (&output[i], &memory);
    } else {
      *block = ring_payload_pool_acquire (kernel->pool, size);
      if (!*block)
        return FALSE;
      lay_out (&kernel->output_format, *block, size, &memory);
      refer (&output[i], kernel->instance->regions,
          first_region (kernel, header->entry, 1 + i), &memory);
    }
  }
  return TRUE;
}

static void
release_blocks (RingKernel * kernel, RingEntry * entry)
{
  const guint n = kernel->description->max_outputs;
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

/* One try. @full: the error is that the queue is. */
static gboolean
enqueue (RingKernel * kernel, RingMessage * message, RingCaller * caller,
    guint64 * sequence, gboolean * full, GError ** error)
{
  const gsize size = g_bytes_get_size (message->payload);
  RingMessageHeader *header;
  RingEntry *entry;

  *full = FALSE;
  g_mutex_lock (&kernel->send_lock);
  if (!check_can_send_locked (kernel, full, error)
      || !check_message_locked (kernel, message, error)
      || !check_units (kernel, size, error)) {
    g_mutex_unlock (&kernel->send_lock);
    return FALSE;
  }
  header = begin_message_locked (kernel, &entry);
  entry->by_reference = FALSE;
  entry->completed = NULL;
  entry->user_data = NULL;
  entry->message = NULL;
  entry->caller = caller;
  entry->input_block = NULL;
  entry->type = message->type;
  entry->correlation_id = message->correlation_id;
  if (caller && entry->correlation_id == 0)
    entry->correlation_id = header->id;

  header->correlation_id = entry->correlation_id;
  header->type = message->type;
  header->flags = (message->flags & RING_MESSAGE_DISCONT)
      | (caller ? RING_MESSAGE_CALL : 0);
  header->pts = message->pts;
  header->duration = message->duration;
  if (!place_input (kernel, entry, header, message)
      || !place_outputs (kernel, header, output_size_for (kernel, size))) {
    /* Take back what begin_message_locked gave; nothing was published. */
    release_blocks (kernel, entry);
    g_clear_pointer (&entry->message, ring_message_unref);
    __atomic_sub_fetch (&kernel->parameter_refs[entry->parameter_set], 1,
        __ATOMIC_RELAXED);
    entry->pending = FALSE;
    kernel->next_sequence--;
    g_mutex_unlock (&kernel->send_lock);
    g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
        "no memory for %" G_GSIZE_FORMAT " bytes of payload", size);
    return FALSE;
  }
  *sequence = entry->sequence;
  end_message_locked (kernel, size);
  g_mutex_unlock (&kernel->send_lock);

  kernel->instance->klass->wake (kernel->instance);
  return TRUE;
}

/* Tries until there is room. */
static gboolean
enqueue_waiting (RingKernel * kernel, RingMessage * message,
    RingCaller * caller, guint64 * sequence, gint64 timeout, gint64 deadline,
    GCancellable * cancellable, GError ** error)
{
  GError *reason = NULL;
  gboolean full, ok;
  gulong watch;

  if (g_cancellable_set_error_if_cancelled (cancellable, error)) {
    count_refused (kernel);
    return FALSE;
  }
  ok = enqueue (kernel, message, caller, sequence, &full, &reason);
  if (!ok && full && timeout != 0) {
    watch = ring_kernel_watch_cancel_ (kernel, cancellable);
    g_atomic_int_inc (&kernel->waiters);
    while (!ok && full) {
      GError *end = NULL;

      g_clear_error (&reason);
      g_mutex_lock (&kernel->lock);
      if (ring_kernel_in_flight_ (kernel) >= kernel->config.queue_capacity
          && kernel->status == RING_KERNEL_ACTIVE
          && !ring_kernel_wait_locked_ (kernel, deadline, cancellable, &end)) {
        g_mutex_unlock (&kernel->lock);
        if (g_error_matches (end, RING_ERROR, RING_ERROR_TIMED_OUT))
          g_set_error (&reason, RING_ERROR, RING_ERROR_TIMED_OUT,
              "no room in the queue of kernel '%s' within %" G_GINT64_FORMAT
              " us: %u messages are in flight", kernel->module->name, timeout,
              kernel->config.queue_capacity);
        else
          reason = g_error_copy (end);
        g_error_free (end);
        break;
      }
      g_mutex_unlock (&kernel->lock);
      ok = enqueue (kernel, message, caller, sequence, &full, &reason);
    }
    g_atomic_int_add (&kernel->waiters, -1);
    ring_kernel_unwatch_cancel_ (cancellable, watch);
  }
  if (!ok) {
    count_refused (kernel);
    g_propagate_error (error, reason);
  }
  return ok;
}

/**
 * ring_kernel_send:
 * @kernel: an active handle
 * @message: what to send; the caller keeps its reference
 * @timeout: us to wait for room in the queue; 0: do not wait; negative: no bound
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Accepts a message. Its results come out of ring_kernel_receive(). A payload of
 * at most 256 bytes is copied into the ring; a longer one is kept alive instead.
 *
 * With @timeout 0 it may be called by a real-time thread: no lock is held for
 * long, and up to 256 bytes nothing is allocated.
 *
 * Returns: whether it was accepted; %FALSE with %RING_ERROR_STATUS,
 *   %RING_ERROR_QUEUE_FULL (@timeout 0), %RING_ERROR_TIMED_OUT,
 *   %RING_ERROR_PAYLOAD, %RING_ERROR_TOO_LARGE, %RING_ERROR_FORMAT,
 *   %RING_ERROR_NO_MEMORY or %G_IO_ERROR_CANCELLED
 */
gboolean
ring_kernel_send (RingKernel * kernel, RingMessage * message, gint64 timeout,
    GCancellable * cancellable, GError ** error)
{
  guint64 sequence;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);
  g_return_val_if_fail (message != NULL, FALSE);
  return enqueue_waiting (kernel, message, NULL, &sequence, timeout,
      ring_deadline_ (timeout), cancellable, error);
}

/* The caller has given up: its reply, when it comes, is dropped and counted. */
static void
forget_caller_locked (RingKernel * kernel, RingCaller * caller,
    guint64 sequence)
{
  RingEntry *entry = &kernel->entries[sequence & kernel->entry_mask];

  if (!caller->done && entry->caller == caller) {
    entry->caller = NULL;
    entry->forgotten = TRUE;
  }
}

/**
 * ring_kernel_call:
 * @kernel: an active handle
 * @message: what to send; the caller keeps its reference
 * @timeout: us to wait for room and reply together; negative: the default of 30 s
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Sends a message and waits for its reply: the first message that comes out of
 * it. Further ones go to ring_kernel_receive(). Other threads may send, call and
 * receive at the same time. A message without a correlation id gets one.
 *
 * Returns: (transfer full): the reply, or %NULL with the errors of
 *   ring_kernel_send(), %RING_ERROR_TIMED_OUT, %RING_ERROR_DISCARDED,
 *   %RING_ERROR_FAULT, or %RING_ERROR_FAILED if the kernel emitted nothing
 */
RingMessage *
ring_kernel_call (RingKernel * kernel, RingMessage * message, gint64 timeout,
    GCancellable * cancellable, GError ** error)
{
  RingCaller caller = { FALSE, RING_OUTCOME_DONE, NULL };
  GError *end = NULL;
  gint64 deadline;
  guint64 sequence;
  gulong watch;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), NULL);
  g_return_val_if_fail (message != NULL, NULL);

  if (timeout < 0)
    timeout = RING_DEFAULT_CALL_TIMEOUT;
  deadline = ring_deadline_ (timeout);
  if (!enqueue_waiting (kernel, message, &caller, &sequence, timeout,
          deadline, cancellable, error))
    return NULL;

  watch = ring_kernel_watch_cancel_ (kernel, cancellable);
  g_atomic_int_inc (&kernel->waiters);
  g_mutex_lock (&kernel->lock);
  while (!caller.done
      && ring_kernel_wait_locked_ (kernel, deadline, cancellable, &end));
  forget_caller_locked (kernel, &caller, sequence);
  g_mutex_unlock (&kernel->lock);
  g_atomic_int_add (&kernel->waiters, -1);
  ring_kernel_unwatch_cancel_ (cancellable, watch);

  if (caller.reply) {
    g_clear_error (&end);
    return caller.reply;
  }
  if (end && !caller.done) {
    if (g_error_matches (end, RING_ERROR, RING_ERROR_TIMED_OUT))
      g_set_error (error, RING_ERROR, RING_ERROR_TIMED_OUT,
          "no reply from kernel '%s' within %" G_GINT64_FORMAT " us",
          kernel->module->name, timeout);
    else
      g_propagate_error (error, g_error_copy (end));
  } else if (caller.outcome == RING_OUTCOME_DISCARDED) {
    g_set_error (error, RING_ERROR, RING_ERROR_DISCARDED,
        "the message to kernel '%s' was discarded by a flush or a terminate",
        kernel->module->name);
  } else if (caller.outcome != RING_OUTCOME_DONE) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
        "kernel '%s' failed before it replied", kernel->module->name);
  } else {
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "kernel '%s' emitted nothing for this message", kernel->module->name);
  }
  g_clear_error (&end);
  return NULL;
}

/* ---- out ------------------------------------------------------------------------------- */

static gboolean
is_stale (RingKernel * kernel, const RingEntry * entry)
{
  return entry->epoch != __atomic_load_n (&kernel->epoch, __ATOMIC_ACQUIRE);
}

static RingMessage *
make_message (RingKernel * kernel, RingEntry * entry,
    const RingMessageHeader * header)
{
  const guint n = kernel->description->max_outputs;
  const gsize size = header->payload.size;
  gpointer *block = &kernel->output_blocks[(entry->sequence
          & kernel->entry_mask) * n + header->output_index];
  RingMessage *message;
  GBytes *bytes;

  if (*block) {
    bytes = ring_payload_pool_to_bytes (*block, size);
    *block = NULL;
  } else {
    bytes = g_bytes_new ((const guint8 *) header
        + kernel->instance->control->geometry.output_inline_offset, size);
    ring_count (&kernel->bytes_copied, size);
  }
  message = ring_message_alloc_ (&kernel->output_format, bytes);
  message->id = header->id;
  message->sequence = header->sequence;
  message->correlation_id = header->correlation_id;
  message->type = header->type;
  message->flags = header->flags & RING_MESSAGE_DISCONT;
  message->pts = header->pts;
  message->duration = header->duration;
  message->trace[0] = header->t_accepted;
  message->trace[1] = header->t_started;
  message->trace[2] = header->t_finished;
  if (kernel->config.telemetry)
    message->trace[3] = ring_clock_now ();
  return message;
}

/* An output that somebody receives. Whether a flush came before is decided under
 * the lock, so that it and the flush agree. Returns whether the message counts as
 * delivered right away. */
static gboolean
deliver (RingKernel * kernel, RingEntry * entry, RingMessage * message,
    gboolean last, gboolean * discarded)
{
  RingDelivery *delivery;
  gboolean done = FALSE;

  g_mutex_lock (&kernel->lock);
  if (is_stale (kernel, entry) || entry->forgotten) {
    *discarded = TRUE;
  } else if (entry->caller && !entry->caller->reply) {
    entry->caller->reply = message;
    message = NULL;
    done = last;
  } else {
    delivery = g_new (RingDelivery, 1);
    delivery->message = message;
    delivery->last = last;
    message = NULL;
    g_queue_push_tail (&kernel->deliveries, delivery);
    if (g_atomic_int_get (&kernel->waiters) > 0)
      g_cond_broadcast (&kernel->changed);
  }
  g_mutex_unlock (&kernel->lock);
  if (message)
    ring_message_unref (message);
  return done;
}

static void
record_times (RingKernel * kernel, const RingMessageHeader * header,
    guint64 now)
{
  if (header->t_started == 0)
    return;
  ring_histogram_add (&kernel->in_ring,
      header->t_started - header->t_accepted);
  ring_histogram_add (&kernel->in_kernel,
      header->t_finished - header->t_started);
  ring_histogram_add (&kernel->in_total, now - header->t_accepted);
}

/* The message's last output has been taken: ends its record. @counted: its
 * delivery counts it, or has done so. */
static void
finish_entry (RingKernel * kernel, RingEntry * entry,
    const RingMessageHeader * header, RingOutcome outcome, gboolean counted)
{
  const guint n = kernel->description->max_outputs;
  const gsize *sizes =
      &kernel->output_sizes[(entry->sequence & kernel->entry_mask) * n];
  const guint64 now = entry->t_accepted ? ring_clock_now () : 0;
  RingCompletionFunc completed = entry->completed;
  gpointer user_data = entry->user_data;
  RingCompletion completion;
  guint32 emitted = entry->emitted;
  guint k;

  if (header && now)
    record_times (kernel, header, now);

  if (outcome == RING_OUTCOME_DONE && !counted)
    ring_count (&kernel->delivered, 1);
  else if (outcome == RING_OUTCOME_DISCARDED)
    ring_count (&kernel->discarded, 1);
  else if (outcome != RING_OUTCOME_DONE)
    ring_count (&kernel->rejected, 1);

  if (entry->by_reference) {
    completion.outcome = outcome;
    completion.sequence = entry->sequence;
    completion.n_outputs = 0;
    for (k = 0; emitted && outcome == RING_OUTCOME_DONE; k++, emitted >>= 1) {
      if (emitted & 1) {
        completion.output_index[completion.n_outputs] = k;
        completion.output_size[completion.n_outputs++] = sizes[k];
      }
    }
    completion.t_accepted = entry->t_accepted;
    completion.t_started = header ? header->t_started : 0;
    completion.t_finished = header ? header->t_finished : 0;
    completion.t_delivered = now;
    if (entry->input_block)
      release_blocks (kernel, entry);
  } else {
    release_blocks (kernel, entry);
    g_clear_pointer (&entry->message, ring_message_unref);
    g_mutex_lock (&kernel->lock);
    if (entry->caller) {
      entry->caller->outcome = outcome;
      entry->caller->done = TRUE;
      entry->caller = NULL;
      g_cond_broadcast (&kernel->changed);
    }
    g_mutex_unlock (&kernel->lock);
  }
  /* Pairs with the acquire in take_parameter_set. */
  __atomic_sub_fetch (&kernel->parameter_refs[entry->parameter_set], 1,
      __ATOMIC_RELEASE);
  /* Pairs with the acquire in next_entry_is_free. */
  __atomic_store_n (&entry->pending, FALSE, __ATOMIC_RELEASE);

  /* From here on the record may serve the next message: the completion itself may
   * submit one. */
  if (completed)
    completed (kernel, &completion, user_data);
  __atomic_sub_fetch (&kernel->pending, 1, __ATOMIC_RELEASE);
  ring_kernel_wake_waiters_ (kernel);
}

static void
fail_with_device_error (RingKernel * kernel)
{
  const guint32 code =
      ring_load_acquire_u32 (&kernel->instance->control->device.last_error);
  static const gchar *const text[] = {
    [RING_DEVICE_OK] = "it failed without saying why",
    [RING_DEVICE_BAD_MAGIC] = "it found a slot that holds no message",
    [RING_DEVICE_BAD_SEQUENCE] = "it found a gap or a duplicate in its input",
    [RING_DEVICE_BAD_REGION] = "a payload lay outside its memory",
    [RING_DEVICE_ABI_MISMATCH] = "it was built for another ABI",
    [RING_DEVICE_BAD_EMIT] = "it emitted more bytes than its output holds",
  };

  ring_kernel_fail_ (kernel, g_error_new (RING_ERROR, RING_ERROR_FAULT,
          "kernel '%s' faulted: %s", kernel->module->name,
          code < G_N_ELEMENTS (text) ? text[code] : text[0]));
}

/* One slot of the output ring. */
static void
take_slot (RingKernel * kernel, const RingMessageHeader * header)
{
  RingEntry *entry = &kernel->entries[header->entry & kernel->entry_mask];
  const gboolean last = (header->flags & RING_MESSAGE_LAST) != 0;
  RingOutcome outcome = RING_OUTCOME_DONE;
  gboolean counted = FALSE, discarded = FALSE;

  if (header->sequence != kernel->expected_sequence || !entry->pending
      || entry->sequence != header->sequence) {
    ring_count (&kernel->order_errors, 1);
    ring_kernel_fail_ (kernel, g_error_new (RING_ERROR, RING_ERROR_FAULT,
            "kernel '%s' returned message %" G_GUINT64_FORMAT " where %"
            G_GUINT64_FORMAT " was due", kernel->module->name,
            (guint64) header->sequence, kernel->expected_sequence));
    return;
  }

  if (header->flags & RING_MESSAGE_FAILED) {
    outcome = RING_OUTCOME_FAILED;
    fail_with_device_error (kernel);
  } else if ((header->flags & RING_MESSAGE_DISCARDED)
      || is_stale (kernel, entry)) {
    outcome = RING_OUTCOME_DISCARDED;
  } else if (!(header->flags & RING_MESSAGE_NO_OUTPUT)) {
    ring_count (&kernel->outputs, 1);
    ring_count (&kernel->bytes_out, header->payload.size);
    entry->emitted |= 1u << header->output_index;
    kernel->output_sizes[(entry->sequence & kernel->entry_mask)
        * kernel->description->max_outputs + header->output_index] =
        header->payload.size;
    if (!entry->by_reference) {
      counted = !deliver (kernel, entry, make_message (kernel, entry, header),
          last, &discarded);
      if (discarded)
        outcome = RING_OUTCOME_DISCARDED;
    }
  }
  if (last) {
    kernel->expected_sequence++;
    finish_entry (kernel, entry, header, outcome, counted);
  }
}

void
ring_bridge_harvest_ (RingKernel * kernel)
{
  guint64 n, i;

  if (!ring_claim (&kernel->harvesting))
    return;
  do {
    while ((n = ring_queue_ready (&kernel->output, 64)) > 0) {
      /* One by one, so that a slot is free before a completion submits more. */
      for (i = 0; i < n; i++) {
        take_slot (kernel, ring_queue_slot (&kernel->output,
                kernel->output.position));
        ring_queue_release (&kernel->output, 1);
      }
      /* With several outputs per input, the kernel may have waited for room. */
      if (kernel->description->max_outputs > 1)
        kernel->instance->klass->wake (kernel->instance);
    }
  } while (!ring_unclaim (&kernel->harvesting));
}

/* The handle is failed: ends what still runs, by @deadline. If that cannot be done,
 * whatever the kernel may hold is kept for good and the rest completes as failed;
 * a reference to the handle is kept too, because a thread of the backend may come
 * back to it. */
void
ring_bridge_abandon_ (RingKernel * kernel, gint64 deadline)
{
  RingHostWords *host = &kernel->instance->control->host;
  guint64 sequence, held;
  guint tries;

  ring_store_release_u32 (&host->drain, 0);
  ring_store_release_u32 (&host->terminate, 1);
  kernel->instance->klass->wake (kernel->instance);
  if (kernel->instance->klass->stop (kernel->instance, deadline)) {
    ring_bridge_harvest_ (kernel);
    if (__atomic_load_n (&kernel->pending, __ATOMIC_ACQUIRE) == 0)
      return;
  }

  g_mutex_lock (&kernel->lock);
  if (kernel->abandoned) {
    g_mutex_unlock (&kernel->lock);
    return;
  }
  kernel->abandoned = TRUE;
  g_mutex_unlock (&kernel->lock);
  g_object_ref (kernel);

  /* Claimed for good: nobody harvests from now on. If it cannot be had, a
   * completion callback hangs, and its records stay as they are. */
  for (tries = 0; !ring_claim (&kernel->harvesting); tries++) {
    if (tries == 1000)
      return;
    g_usleep (100);
  }

  held = ring_load_acquire_u64 (&kernel->instance->control->input_consumer.
      position) + kernel->instance->max_running;
  for (sequence = kernel->expected_sequence;
      sequence < kernel->next_sequence; sequence++) {
    RingEntry *entry = &kernel->entries[sequence & kernel->entry_mask];
    const gboolean running = sequence < held;

    if (!entry->pending)
      continue;
    if (running) {
      /* Not released: the kernel may write there. */
      entry->input_block = NULL;
      entry->message = NULL;
      memset (&kernel->output_blocks[(sequence & kernel->entry_mask)
              * kernel->description->max_outputs], 0,
          sizeof (gpointer) * kernel->description->max_outputs);
    }
    finish_entry (kernel, entry, NULL, running ? RING_OUTCOME_ABANDONED
        : RING_OUTCOME_FAILED, FALSE);
  }
}

/* ---- receive ------------------------------------------------------------------------------ */

/**
 * ring_kernel_receive:
 * @kernel: a handle
 * @timeout: us to wait for a message; 0: do not wait; negative: no bound
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Takes the next message that came out of the kernel, in order.
 *
 * Returns: (transfer full): the message, or %NULL with %RING_ERROR_TIMED_OUT,
 *   %RING_ERROR_STATUS when the handle has ended and nothing is left, or
 *   %G_IO_ERROR_CANCELLED
 */
RingMessage *
ring_kernel_receive (RingKernel * kernel, gint64 timeout,
    GCancellable * cancellable, GError ** error)
{
  const gint64 deadline = ring_deadline_ (timeout);
  RingDelivery *delivery;
  RingMessage *message = NULL;
  GError *end = NULL;
  gboolean ended, last = FALSE;
  gulong watch;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), NULL);

  watch = ring_kernel_watch_cancel_ (kernel, cancellable);
  g_atomic_int_inc (&kernel->waiters);
  g_mutex_lock (&kernel->lock);
  while (!(delivery = g_queue_pop_head (&kernel->deliveries))) {
    ended = kernel->status == RING_KERNEL_TERMINATED
        || kernel->status == RING_KERNEL_FAILED;
    if (ended) {
      if (kernel->error)
        g_set_error (error, RING_ERROR, RING_ERROR_STATUS,
            "kernel '%s' has failed, and nothing is left to receive: %s",
            kernel->module->name, kernel->error->message);
      else
        g_set_error (error, RING_ERROR, RING_ERROR_STATUS,
            "kernel '%s' is terminated, and nothing is left to receive",
            kernel->module->name);
      break;
    }
    if (timeout == 0
        && !g_cancellable_set_error_if_cancelled (cancellable, error)) {
      g_set_error (error, RING_ERROR, RING_ERROR_TIMED_OUT,
          "nothing to receive from kernel '%s' now", kernel->module->name);
      break;
    }
    if (timeout == 0)
      break;
    if (!ring_kernel_wait_locked_ (kernel, deadline, cancellable, &end)) {
      if (g_error_matches (end, RING_ERROR, RING_ERROR_TIMED_OUT))
        g_set_error (error, RING_ERROR, RING_ERROR_TIMED_OUT,
            "nothing to receive from kernel '%s' within %" G_GINT64_FORMAT
            " us", kernel->module->name, timeout);
      else
        g_propagate_error (error, g_error_copy (end));
      break;
    }
  }
  if (delivery) {
    message = delivery->message;
    last = delivery->last;
    if (last)
      ring_count (&kernel->delivered, 1);
  }
  g_mutex_unlock (&kernel->lock);
  g_atomic_int_add (&kernel->waiters, -1);
  ring_kernel_unwatch_cancel_ (cancellable, watch);
  g_clear_error (&end);
  g_free (delivery);
  if (last)
    ring_kernel_wake_waiters_ (kernel);
  return message;
}
