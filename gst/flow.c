/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * flow.c: buffers on their way into the kernel; see flow.h for who may touch what.
 */
#include "gstringkernelfilter.h"

#include "cudashare.h"

GST_DEBUG_CATEGORY_STATIC (ring_kernel_flow_debug);
#define GST_CAT_DEFAULT ring_kernel_flow_debug

/* ---- beginning and ending ------------------------------------------------------------ */

void
gst_ring_flow_init (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (ring_kernel_flow_debug, "ringkernelflow", 0,
        "ringkernelfilter: data flow");
    g_once_init_leave (&once, 1);
  }
  g_mutex_init (&flow->lock);
  g_cond_init (&flow->head_changed);
  g_cond_init (&flow->room);
  g_cond_init (&flow->answered);
  g_queue_init (&flow->fifo);
  g_queue_init (&flow->spare);
  flow->result = GST_FLOW_FLUSHING;
  flow->depth = 1;
  gst_segment_init (&flow->segment, GST_FORMAT_UNDEFINED);
  gst_ring_buffers_init (&flow->buffers, GST_OBJECT (self));
  gst_ring_flow_forget_pending (self);
}

void
gst_ring_flow_free_records (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;
  GList *link;

  while ((link = g_queue_pop_head_link (&flow->spare)))
    gst_ring_record_free (link->data);
  g_clear_pointer (&flow->inline_record, gst_ring_record_free);
}

void
gst_ring_flow_clear (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;

  gst_ring_flow_free_records (self);
  gst_ring_flow_forget_stream (self);
  gst_ring_buffers_clear (&flow->buffers);
  g_mutex_clear (&flow->lock);
  g_cond_clear (&flow->head_changed);
  g_cond_clear (&flow->room);
  g_cond_clear (&flow->answered);
}

static void
begin_anew (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;

  gst_segment_init (&flow->segment, GST_FORMAT_UNDEFINED);
  flow->discont = FALSE;
  flow->is_first = TRUE;
  gst_ring_flow_forget_pending (self);
  gst_ring_buffers_set_flushing (&flow->buffers, FALSE);

  GST_OBJECT_LOCK (self);
  self->proportion = 1.0;
  self->earliest_time = GST_CLOCK_TIME_NONE;
  flow->caps_error_posted = FALSE;
  GST_OBJECT_UNLOCK (self);

  g_mutex_lock (&flow->lock);
  flow->result = flow->downstream = GST_FLOW_OK;
  flow->unexpected = FALSE;
  flow->n_restarts = 0;
  flow->eos_received = FALSE;
  flow->error_posted = FALSE;
  g_mutex_unlock (&flow->lock);
}

void
gst_ring_flow_start (GstRingKernelFilter *self)
{
  self->flow.failure_posted = FALSE;
  self->flow.out_discont = FALSE;
  self->flow.last_pool = NULL;
  self->flow.foreign_told = FALSE;
  gst_ring_flow_set_depth (self, gst_ring_kernel_filter_get_depth (self));
  begin_anew (self);
}

void
gst_ring_flow_set_depth (GstRingKernelFilter *self, guint depth)
{
  g_mutex_lock (&self->flow.lock);
  g_atomic_int_set (&self->flow.depth, depth);
  g_cond_broadcast (&self->flow.room);
  g_mutex_unlock (&self->flow.lock);
}

void
gst_ring_flow_begin_flush (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;

  g_mutex_lock (&flow->lock);
  flow->result = GST_FLOW_FLUSHING;
  g_cond_broadcast (&flow->head_changed);
  g_cond_broadcast (&flow->room);
  g_cond_broadcast (&flow->answered);
  g_mutex_unlock (&flow->lock);
  gst_ring_buffers_set_flushing (&flow->buffers, TRUE);
  if (self->kernel && !self->is_inline)
    ring_kernel_flush (self->kernel);
}

/* The kernel has been given up, and yet may finish @record or write to its buffers:
 * that memory is never used again. A completion that comes after all must find
 * record and element, so both are kept for good too. */
static void
lose (GstRingKernelFilter *self, GstRingRecord *record)
{
  GST_ERROR_OBJECT (self, "the kernel holds on to %" GST_PTR_FORMAT,
      record->input);
  record->lost = TRUE;
  gst_object_ref (self);
}

/* Whether the kernel has no buffer of ours any more. At least a second: a flush is
 * no reason to end a kernel in a hurry. */
static gboolean
kernel_lets_go (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;
  const gint64 deadline = g_get_monotonic_time ()
      + (gint64) CLAMP (self->config->termination_timeout, G_USEC_PER_SEC,
          3600 * (guint64) G_USEC_PER_SEC);
  gboolean late = FALSE, left;

  g_mutex_lock (&flow->lock);
  while (flow->n_in_kernel > 0 && !late)
    late = !g_cond_wait_until (&flow->answered, &flow->lock, deadline);
  left = flow->n_in_kernel > 0;
  g_mutex_unlock (&flow->lock);
  return !left;
}

/* Every accepted submission completes, and soon after a flush, unless the kernel
 * hangs. Then its handle is ended, which completes the rest as abandoned. */
static void
wait_for_kernel (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;
  GList *link;

  if (kernel_lets_go (self))
    return;
  ring_kernel_terminate (self->kernel, RING_TERMINATE_DISCARD, NULL);
  if (kernel_lets_go (self))
    return;

  g_mutex_lock (&flow->lock);
  for (link = flow->fifo.head; link; link = link->next) {
    GstRingRecord *record = link->data;

    if (record->type == GST_RING_RECORD_BUFFER && !record->done)
      lose (self, record);
  }
  flow->n_in_kernel = 0;
  g_mutex_unlock (&flow->lock);
}

/* The task is not running and nobody can put anything in. */
static void
throw_away (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;
  GList *link;

  wait_for_kernel (self);
  while ((link = g_queue_pop_head_link (&flow->fifo))) {
    GstRingRecord *record = link->data;

    if (record->lost)
      continue;
    switch (record->type) {
      case GST_RING_RECORD_EVENT: {
        const GstEventType type = GST_EVENT_TYPE (record->event);

        /* What describes the stream holds after the flush too. */
        if (GST_EVENT_IS_STICKY (record->event) && type != GST_EVENT_SEGMENT
            && type != GST_EVENT_EOS)
          gst_pad_store_sticky_event (self->srcpad, record->event);
        break;
      }
      case GST_RING_RECORD_BUFFER:
        /* Pushed as a discarded one: nothing goes out, and all is let go. */
        if (record->outcome == RING_OUTCOME_DONE || record->pass) {
          record->outcome = RING_OUTCOME_DISCARDED;
          record->pass = FALSE;
        }
        if (record->outcome == RING_OUTCOME_ABANDONED)
          gst_ring_flow_push (self, record);
        break;
      case GST_RING_RECORD_CALL:
        /* Callers hold the STREAM_LOCK, so none is left here. */
        g_return_if_reached ();
    }
    gst_ring_record_reset (record);
    g_queue_push_tail_link (&flow->spare, link);
  }
  flow->n_buffers = 0;
}

void
gst_ring_flow_end_flush (GstRingKernelFilter *self)
{
  throw_away (self);
  begin_anew (self);
  self->flow.discont = TRUE;
}

void
gst_ring_flow_stop (GstRingKernelFilter *self)
{
  throw_away (self);
  gst_ring_flow_free_records (self);
  gst_ring_buffers_reset (&self->flow.buffers);
  gst_ring_flow_forget_stream (self);
  GST_OBJECT_LOCK (self);
  self->frame_duration = GST_CLOCK_TIME_NONE;
  self->held_back = 0;
  GST_OBJECT_UNLOCK (self);
}

/* ---- into the kernel --------------------------------------------------------------------- */

/* On a thread of the runtime, or in inline mode inside ring_kernel_submit(). In
 * the first case the record is the task's as soon as the lock is let go. */
static void
completed (RingKernel *kernel, const RingCompletion *completion, gpointer data)
{
  GstRingRecord *record = data;
  GstRingKernelFilter *self = record->filter;
  GstRingFlow *flow = &self->flow;
  guint i;

  record->outcome = completion->outcome;
  record->n_emitted = completion->n_outputs;
  for (i = 0; i < completion->n_outputs; i++) {
    record->emitted[i] = (guint8) completion->output_index[i];
    record->emitted_size[i] = completion->output_size[i];
  }
  if (self->is_inline) {
    g_atomic_int_set (&record->done, TRUE);
    return;
  }

  g_mutex_lock (&flow->lock);
  if (G_UNLIKELY (record->lost)) {
    g_mutex_unlock (&flow->lock);
    return;
  }
  record->done = TRUE;
  if (g_queue_peek_head_link (&flow->fifo) == &record->link)
    g_cond_signal (&flow->head_changed);
  if (--flow->n_in_kernel == 0)
    g_cond_broadcast (&flow->answered);
  g_mutex_unlock (&flow->lock);
}

/* A producer with a fixed number of buffers starves when we hold on to them. */
static gboolean
must_copy (GstRingKernelFilter *self, GstBuffer *buffer)
{
  GstRingFlow *flow = &self->flow;
  guint held;

  if (buffer->pool != flow->last_pool) {
    GstStructure *config = gst_buffer_pool_get_config (buffer->pool);

    flow->last_pool = buffer->pool;
    flow->last_pool_max = 0;
    gst_buffer_pool_config_get_params (config, NULL, NULL, NULL,
        &flow->last_pool_max);
    gst_structure_free (config);
  }
  if (flow->last_pool_max == 0)
    return FALSE;
  g_mutex_lock (&flow->lock);
  held = flow->n_buffers;
  g_mutex_unlock (&flow->lock);
  return held > 0 && held >= flow->last_pool_max / 2;
}

/* The buffer's memory is not where the caps, and the context that all elements
 * share, say that it is. GStreamer brings it to system memory for us. */
static void
note_foreign (GstRingKernelFilter *self, GstBuffer *buffer)
{
  GstRingFlow *flow = &self->flow;

  g_atomic_pointer_add (&self->bytes_copied, gst_buffer_get_size (buffer));
  if (flow->foreign_told)
    return;
  flow->foreign_told = TRUE;
  GST_WARNING_OBJECT (self,
      "%" GST_PTR_FORMAT
      " is not in the memory of our CUDA context; it is copied "
      "through system memory, as will be others like it",
      buffer);
}

/* All outputs lie on the same side. */
static GstFlowReturn
prepare_outputs (GstRingKernelFilter *self, GstRingRecord *record, gsize size,
    GError **error)
{
  GstRingFlow *flow = &self->flow;
  GstRingStream *stream = &flow->stream;
  GstObject *context = stream->out_cuda ? flow->buffers.context : NULL;
  GstFlowReturn ret;
  guint i;

  for (i = 0; i < stream->n_outputs; i++) {
    GstBuffer *out = NULL;

    /* Freed with the record if anything fails from here on. */
    ret = gst_ring_buffers_acquire (&flow->buffers, &stream->out, size, &out);
    if (ret != GST_FLOW_OK)
      return ret;
    record->out[i].buffer = out;
    if (!gst_ring_mapping_map (&record->out[i], out, &stream->out,
            GST_MAP_WRITE, context, error))
      return GST_FLOW_ERROR;
    if (G_UNLIKELY (record->out[i].on_device != record->out[0].on_device)) {
      g_set_error_literal (error, RING_ERROR, RING_ERROR_PAYLOAD,
          "the buffer pool from downstream mixes CUDA memory with other memory");
      return GST_FLOW_ERROR;
    }
  }
  return GST_FLOW_OK;
}

/* FALSE: @record's input has to go out as it is, and is not mapped. */
static gboolean
map_in_place (GstRingKernelFilter *self, GstRingRecord *record,
    GstFlowReturn *ret, GError **error)
{
  GstRingFlow *flow = &self->flow;
  GstRingStream *stream = &flow->stream;
  GstBuffer *buffer = record->input;

  if (!stream->in_place || !gst_buffer_is_writable (buffer)
      || !gst_buffer_is_all_memory_writable (buffer)
      || g_atomic_int_get (&self->on_error) == GST_RING_ON_ERROR_PASS)
    return FALSE;
  if (stream->in_cuda && !gst_ring_cuda_holds (flow->buffers.context, buffer))
    return FALSE;
  if (!gst_ring_mapping_map (&record->in, buffer, &stream->in,
          GST_MAP_READWRITE, flow->buffers.context, error)) {
    *ret = GST_FLOW_ERROR;
    return TRUE;
  }
  if (G_LIKELY (((guintptr) record->in.memory.plane[0].data
                    & (stream->in.alignment - 1))
          == 0))
    return TRUE;
  /* Not where it lies: the runtime aligns a copy of the input. */
  gst_ring_mapping_unmap (&record->in);
  return FALSE;
}

/* Takes @buffer into @record. On failure the record holds the buffer still, but
 * nothing is mapped. */
static GstFlowReturn
prepare (GstRingKernelFilter *self, GstRingRecord *record, GstBuffer *buffer,
    GError **error)
{
  GstRingFlow *flow = &self->flow;
  GstRingStream *stream = &flow->stream;
  GstFlowReturn ret = GST_FLOW_OK;
  gsize size;

  record->type = GST_RING_RECORD_BUFFER;
  record->done = FALSE;
  record->pass = FALSE;
  record->discont = flow->discont;
  flow->discont = FALSE;
  if (!self->is_inline && buffer->pool && must_copy (self, buffer)) {
    GstBuffer *copy = gst_buffer_copy_deep (buffer);

    if (copy) {
      g_atomic_pointer_add (&self->bytes_copied, gst_buffer_get_size (buffer));
      gst_buffer_unref (buffer);
      buffer = copy;
    }
  }
  record->input = buffer;

  record->in_place = map_in_place (self, record, &ret, error);
  if (record->in_place)
    return ret;

  if (gst_buffer_n_memory (buffer) > 1 && !stream->in.is_video)
    g_atomic_pointer_add (&self->bytes_copied, gst_buffer_get_size (buffer));
  if (!gst_ring_mapping_map (&record->in, buffer, &stream->in, GST_MAP_READ,
          flow->buffers.context, error))
    return GST_FLOW_ERROR;
  if (G_UNLIKELY (stream->in_cuda && !record->in.on_device))
    note_foreign (self, buffer);
  size = record->in.memory.size;
  if (stream->in_unit != 1 || stream->out_unit != 1)
    size = size / stream->in_unit * stream->out_unit + stream->out_more;
  return prepare_outputs (self, record, size, error);
}

static gboolean
submit (GstRingKernelFilter *self, GstRingRecord *record, GError **error)
{
  GstRingFlow *flow = &self->flow;
  const GstRingMapping *out = record->in_place ? &record->in : record->out;
  RingMemory outputs[RING_MAX_OUTPUTS];
  RingSubmission submission;
  GError *refused = NULL;
  guint i;

  submission.input = record->in.memory;
  submission.input_on_device = record->in.on_device;
  submission.input_stream = record->in.stream;
  submission.n_outputs = flow->stream.n_outputs;
  if (submission.n_outputs == 1) {
    submission.outputs = &out[0].memory;
  } else {
    for (i = 0; i < submission.n_outputs; i++)
      outputs[i] = out[i].memory;
    submission.outputs = outputs;
  }
  /* From one pool, so in use in one stream. */
  submission.outputs_on_device = out[0].on_device;
  submission.output_stream = out[0].stream;
  submission.pts = GST_BUFFER_PTS (record->input);
  submission.duration = GST_BUFFER_DURATION (record->input);
  submission.discont = record->discont || flow->is_first
      || GST_BUFFER_FLAG_IS_SET (record->input, GST_BUFFER_FLAG_DISCONT);
  flow->is_first = FALSE;
  submission.completed = completed;
  submission.user_data = record;

  for (;;) {
    if (G_LIKELY (ring_kernel_submit (self->kernel, &submission, &refused)))
      return TRUE;
    /* Ours are never too many, but a completion is called a moment before its
     * place is free again. And a longer buffer than ever before may have to wait
     * until the kernel's scratch can grow. */
    if (!(g_error_matches (refused, RING_ERROR, RING_ERROR_QUEUE_FULL)
            || g_error_matches (refused, RING_ERROR, RING_ERROR_BUSY))
        || !ring_kernel_drain (self->kernel,
            gst_ring_kernel_filter_get_patience (self), NULL, NULL))
      break;
    g_clear_error (&refused);
  }
  g_propagate_error (error, refused);
  return FALSE;
}

/* The kernel cannot process this buffer. OK: the record goes on as it now is. */
static GstFlowReturn
cannot_process (GstRingKernelFilter *self, GstRingRecord *record,
    const GError *error)
{
  GstRingFlow *flow = &self->flow;
  GstRingKernelFilterOnError on_error = g_atomic_int_get (&self->on_error);
  GstBuffer *input;

  if (gst_ring_kernel_filter_has_failed (self, error)) {
    gst_ring_kernel_filter_post_failure (self, error);
    gst_ring_record_reset (record);
    return GST_FLOW_ERROR;
  }
  if (on_error == GST_RING_ON_ERROR_PASS && flow->stream.out_caps
      && !gst_caps_is_equal (flow->stream.in_caps, flow->stream.out_caps))
    on_error = GST_RING_ON_ERROR_FAIL;

  switch (on_error) {
    case GST_RING_ON_ERROR_PASS:
      input = gst_buffer_ref (record->input);
      gst_ring_record_reset (record);
      record->input = input;
      record->pass = record->done = TRUE;
      /* Downstream sees no gap, but the kernel has one. */
      flow->is_first = TRUE;
      g_atomic_pointer_add (&self->passed, 1);
      GST_ELEMENT_WARNING (self, STREAM, FAILED, ("%s", error->message),
          ("the buffer is passed on unchanged"));
      return GST_FLOW_OK;
    case GST_RING_ON_ERROR_SKIP:
      gst_ring_record_reset (record);
      flow->discont = TRUE;
      g_atomic_pointer_add (&self->skipped, 1);
      GST_ELEMENT_WARNING (self, STREAM, FAILED, ("%s", error->message),
          ("the buffer is dropped"));
      return GST_FLOW_CUSTOM_SUCCESS;
    case GST_RING_ON_ERROR_FAIL:
    default:
      gst_ring_record_reset (record);
      gst_ring_kernel_filter_post_error (self, error);
      return GST_FLOW_ERROR;
  }
}

static GstFlowReturn
refuse (GstRingKernelFilter *self, GstRingRecord *record, GstFlowReturn ret,
    GError *error)
{
  if (error) {
    ret = cannot_process (self, record, error);
    g_error_free (error);
    return ret;
  }
  gst_ring_record_reset (record);
  if (ret == GST_FLOW_ERROR)
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT,
        ("no memory for an output buffer"), (NULL));
  return ret;
}

/* @buffer goes out as it is, and does not reach the kernel. */
static void
pass_on (GstRingKernelFilter *self, GstRingRecord *record, GstBuffer *buffer)
{
  GstRingFlow *flow = &self->flow;

  record->type = GST_RING_RECORD_BUFFER;
  record->input = buffer;
  record->discont = flow->discont;
  flow->discont = FALSE;
  record->pass = record->done = TRUE;
  if (record->discont
      || GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT))
    flow->is_first = TRUE;
}

static GstFlowReturn
chain_inline (GstRingKernelFilter *self, GstBuffer *buffer, gboolean pass)
{
  GstRingRecord *record = self->flow.inline_record;
  GError *error = NULL;
  GstFlowReturn ret;

  if (G_UNLIKELY (pass)) {
    pass_on (self, record, buffer);
    return gst_ring_flow_push (self, record);
  }
  ret = prepare (self, record, buffer, &error);
  if (G_UNLIKELY (ret != GST_FLOW_OK || !submit (self, record, &error))) {
    ret = refuse (self, record, ret, error);
    if (ret != GST_FLOW_OK)
      return ret == GST_FLOW_CUSTOM_SUCCESS ? GST_FLOW_OK : ret;
    error = NULL;
  }
  /* Another thread that has business with the handle may be the one that
   * completes it. */
  if (G_UNLIKELY (!g_atomic_int_get (&record->done)))
    ring_kernel_drain (self->kernel, gst_ring_kernel_filter_get_patience (self),
        NULL, &error);
  if (G_UNLIKELY (!g_atomic_int_get (&record->done))) {
    lose (self, record);
    self->flow.inline_record =
        gst_ring_record_new (self, self->flow.stream.n_outputs);
    gst_ring_kernel_filter_post_error (self, error);
    g_error_free (error);
    return GST_FLOW_ERROR;
  }
  g_clear_error (&error);
  return gst_ring_flow_push (self, record);
}

static GstFlowReturn
chain_queued (GstRingKernelFilter *self, GstBuffer *buffer, gboolean pass)
{
  GstRingFlow *flow = &self->flow;
  GstRingRecord *record;
  GError *error = NULL;
  GstFlowReturn ret;

  g_mutex_lock (&flow->lock);
  while (flow->result == GST_FLOW_OK && flow->downstream == GST_FLOW_OK
      && flow->n_buffers >= flow->depth
      && !(flow->unexpected && flow->n_restarts == 0))
    g_cond_wait (&flow->room, &flow->lock);
  ret = flow->result;
  if (ret == GST_FLOW_OK)
    ret = flow->downstream;
  if (ret == GST_FLOW_OK && flow->unexpected && flow->n_restarts == 0)
    ret = GST_FLOW_EOS;
  g_mutex_unlock (&flow->lock);
  if (ret != GST_FLOW_OK) {
    flow->discont = TRUE;
    gst_buffer_unref (buffer);
    return ret;
  }

  record = gst_ring_flow_take_spare (self);
  if (G_UNLIKELY (pass)) {
    pass_on (self, record, buffer);
  } else {
    ret = prepare (self, record, buffer, &error);
    if (ret != GST_FLOW_OK)
      ret = refuse (self, record, ret, error);
  }

  /* In the FIFO before it is submitted: it may be finished at once. */
  error = NULL;
  if (ret == GST_FLOW_OK) {
    g_mutex_lock (&flow->lock);
    ret = flow->result;
    if (ret == GST_FLOW_OK) {
      flow->n_buffers++;
      if (!record->pass)
        flow->n_in_kernel++;
      gst_ring_flow_append_locked (flow, record);
    }
    g_mutex_unlock (&flow->lock);
    if (ret != GST_FLOW_OK)
      gst_ring_record_reset (record);
  }
  if (ret == GST_FLOW_OK && !record->pass && !submit (self, record, &error)) {
    /* Nobody else has touched it: it was not done, and only we append. */
    g_mutex_lock (&flow->lock);
    g_queue_unlink (&flow->fifo, &record->link);
    flow->n_buffers--;
    if (--flow->n_in_kernel == 0)
      g_cond_broadcast (&flow->answered);
    g_mutex_unlock (&flow->lock);
    ret = refuse (self, record, GST_FLOW_ERROR, error);
    if (ret == GST_FLOW_OK) {
      g_mutex_lock (&flow->lock);
      flow->n_buffers++;
      gst_ring_flow_append_locked (flow, record);
      g_mutex_unlock (&flow->lock);
    }
  }
  if (ret != GST_FLOW_OK) {
    g_mutex_lock (&flow->lock);
    gst_ring_flow_give_back_locked (flow, record);
    g_mutex_unlock (&flow->lock);
    return ret == GST_FLOW_CUSTOM_SUCCESS ? GST_FLOW_OK : ret;
  }
  return GST_FLOW_OK;
}

static gboolean
is_late (GstRingKernelFilter *self, GstBuffer *buffer)
{
  GstRingFlow *flow = &self->flow;
  const GstClockTime pts = GST_BUFFER_PTS (buffer);
  GstClockTime running, stream_time, earliest;
  guint64 processed, dropped;
  gdouble proportion;
  GstMessage *message;

  if (!GST_CLOCK_TIME_IS_VALID (pts) || flow->segment.format != GST_FORMAT_TIME)
    return FALSE;
  running = gst_segment_to_running_time (&flow->segment, GST_FORMAT_TIME, pts);
  GST_OBJECT_LOCK (self);
  earliest = self->earliest_time;
  if (!self->qos || !GST_CLOCK_TIME_IS_VALID (running)
      || !GST_CLOCK_TIME_IS_VALID (earliest) || running > earliest) {
    GST_OBJECT_UNLOCK (self);
    return FALSE;
  }
  proportion = self->proportion;
  processed = self->processed;
  dropped = ++self->dropped;
  GST_OBJECT_UNLOCK (self);

  stream_time =
      gst_segment_to_stream_time (&flow->segment, GST_FORMAT_TIME, pts);
  message = gst_message_new_qos (GST_OBJECT (self), FALSE, running, stream_time,
      pts, GST_BUFFER_DURATION (buffer));
  gst_message_set_qos_values (message, GST_CLOCK_DIFF (running, earliest),
      proportion, 1000000);
  gst_message_set_qos_stats (message, GST_FORMAT_BUFFERS, processed, dropped);
  gst_element_post_message (GST_ELEMENT (self), message);
  flow->discont = TRUE;
  return TRUE;
}

GstFlowReturn
gst_ring_flow_chain (GstRingKernelFilter *self, GstBuffer *buffer)
{
  GstRingFlow *flow = &self->flow;
  GstRingStream *stream = &flow->stream;
  GstRingKernelParameters *parameters;
  gboolean pass;

  /* Its outcome is that of what is configured then. */
  if (G_UNLIKELY (g_atomic_int_get (&self->next_state) == GST_RING_NEXT_BUFFER))
    gst_ring_flow_call (self, gst_ring_kernel_filter_change_stream, NULL);
  if (G_UNLIKELY (
          !stream->configured || GST_PAD_NEEDS_RECONFIGURE (self->srcpad))) {
    GstFlowReturn ret = gst_ring_flow_renegotiate (self);

    if (ret != GST_FLOW_OK) {
      gst_buffer_unref (buffer);
      return ret;
    }
  }
  if (stream->raw_video && is_late (self, buffer)) {
    gst_buffer_unref (buffer);
    return GST_FLOW_OK;
  }
  parameters = g_atomic_pointer_get (&self->attached);
  if (parameters) {
    const GstClockTime time = flow->segment.format == GST_FORMAT_TIME
        ? gst_segment_to_stream_time (&flow->segment, GST_FORMAT_TIME,
            GST_BUFFER_PTS (buffer))
        : GST_CLOCK_TIME_NONE;

    /* ringkernel-NAME has the parameters itself, too. */
    gst_ring_sync_values (GST_OBJECT_CAST (self), time);
    gst_ring_sync_values (GST_OBJECT_CAST (parameters), time);
  }

  /* Nothing to process, but it may carry times or metas. */
  pass = G_UNLIKELY (gst_buffer_get_size (buffer) == 0);
  return self->is_inline ? chain_inline (self, buffer, pass)
                         : chain_queued (self, buffer, pass);
}
