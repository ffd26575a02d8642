/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * fifo.c: the order of what is in flight: records, the events and calls among them,
 * and the task that takes them out.
 */
#include "gstringkernelfilter.h"

GstRingRecord *
gst_ring_flow_take_spare (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;
  GList *link;

  g_mutex_lock (&flow->lock);
  link = g_queue_pop_head_link (&flow->spare);
  g_mutex_unlock (&flow->lock);
  return link ? link->data : gst_ring_record_new (self, flow->stream.n_outputs);
}

void
gst_ring_flow_give_back_locked (GstRingFlow *flow, GstRingRecord *record)
{
  g_queue_push_head_link (&flow->spare, &record->link);
}

void
gst_ring_flow_append_locked (GstRingFlow *flow, GstRingRecord *record)
{
  g_queue_push_tail_link (&flow->fifo, &record->link);
  if (record->done && flow->fifo.length == 1)
    g_cond_signal (&flow->head_changed);
}

/* ---- events and calls --------------------------------------------------------------------------- */

static gboolean
restarts (GstEvent *event)
{
  return GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT
      || GST_EVENT_TYPE (event) == GST_EVENT_STREAM_START;
}

static gboolean
push_event (GstRingKernelFilter *self, GstEvent *event)
{
  if (restarts (event) || GST_EVENT_TYPE (event) == GST_EVENT_EOS)
    gst_ring_flow_forget_pending (self);
  return gst_pad_push_event (self->srcpad, event);
}

gboolean
gst_ring_flow_event (GstRingKernelFilter *self, GstEvent *event)
{
  GstRingFlow *flow = &self->flow;
  const gboolean is_eos = GST_EVENT_TYPE (event) == GST_EVENT_EOS;
  /* Also where nothing flows: what describes the stream has to be on the src pad
   * when it flows again. */
  const gboolean keep = GST_EVENT_IS_STICKY (event) && !is_eos;
  GstFlowReturn result;
  GstRingRecord *record;
  gboolean taken, tell;

  if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT) {
    gst_event_copy_segment (event, &flow->segment);
    /* Input without caps, output with: they go before the segment. */
    if (!flow->stream.configured)
      gst_ring_flow_configure_early (self);
  }
  if (self->is_inline)
    return push_event (self, event);

  record = gst_ring_flow_take_spare (self);
  record->type = GST_RING_RECORD_EVENT;
  record->event = event;
  record->done = TRUE;
  g_mutex_lock (&flow->lock);
  result = flow->result;
  taken = result == GST_FLOW_OK || keep;
  if (taken) {
    if (restarts (event))
      flow->n_restarts++;
    /* A task that is already waiting for this one has nobody else to tell. */
    flow->eos_received = is_eos;
    gst_ring_flow_append_locked (flow, record);
  } else {
    record->event = NULL;
    gst_ring_flow_give_back_locked (flow, record);
  }
  if (is_eos && result == GST_FLOW_OK
      && flow->downstream == GST_FLOW_NOT_LINKED)
    result = GST_FLOW_NOT_LINKED;
  tell = is_eos && !flow->error_posted
      && (result == GST_FLOW_NOT_LINKED || result < GST_FLOW_EOS);
  if (tell)
    flow->error_posted = TRUE;
  g_mutex_unlock (&flow->lock);

  if (!taken)
    gst_event_unref (event);
  if (tell)
    GST_ELEMENT_FLOW_ERROR (self, result);
  /* Data flow reports errors better than events; so as `queue` does. */
  return keep || result == GST_FLOW_OK;
}

gboolean
gst_ring_flow_call (GstRingKernelFilter *self, GstRingFlowFunc func,
    gpointer data)
{
  GstRingFlow *flow = &self->flow;
  GstRingRecord record = { .type = GST_RING_RECORD_CALL,
    .done = TRUE,
    .func = func,
    .data = data,
    .filter = self };

  if (self->is_inline)
    return func (self, data);

  record.link.data = &record;
  g_mutex_lock (&flow->lock);
  if (flow->result == GST_FLOW_OK) {
    gst_ring_flow_append_locked (flow, &record);
    /* Once it runs, its end is waited for: what blocks it, a flush unblocks. */
    while (!record.answered && (record.running || flow->result == GST_FLOW_OK))
      g_cond_wait (&flow->answered, &flow->lock);
    if (!record.answered)
      g_queue_unlink (&flow->fifo, &record.link);
  }
  g_mutex_unlock (&flow->lock);
  return record.answer;
}

/* ---- the task -------------------------------------------------------------------------------------- */

static void
stop_pushing (GstRingKernelFilter *self, GstFlowReturn ret)
{
  GstRingFlow *flow = &self->flow;
  gboolean tell, end;

  g_mutex_lock (&flow->lock);
  /* A flush that came in between is what counts. */
  if (flow->result == GST_FLOW_OK)
    flow->result = ret;
  ret = flow->result;
  end = flow->error_posted || (flow->eos_received && ret < GST_FLOW_EOS);
  tell = end && !flow->error_posted;
  if (tell)
    flow->error_posted = TRUE;
  g_cond_broadcast (&flow->room);
  g_cond_broadcast (&flow->answered);
  g_mutex_unlock (&flow->lock);

  gst_pad_pause_task (self->srcpad);
  if (tell)
    GST_ELEMENT_FLOW_ERROR (self, ret);
  if (end && ret != GST_FLOW_FLUSHING)
    gst_pad_push_event (self->srcpad, gst_event_new_eos ());
}

/* @ret is what a push returned, before which @n_reconfigured was read. Whether it is
 * to be told as an error. */
static gboolean
note_push_locked (GstRingFlow *flow, GstFlowReturn ret, guint n_reconfigured)
{
  gboolean tell = FALSE;

  if (ret == GST_FLOW_EOS) {
    /* Until something comes that begins anew, nobody wants buffers; events go
     * on. */
    flow->unexpected = TRUE;
  } else if (n_reconfigured == flow->n_reconfigured) {
    /* Likewise until somebody is linked. Who has been meanwhile gets the next
     * buffer. */
    flow->downstream = ret;
    tell =
        ret == GST_FLOW_NOT_LINKED && flow->eos_received && !flow->error_posted;
    if (tell)
      flow->error_posted = TRUE;
  }
  return tell;
}

void
gst_ring_flow_reconfigured (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;

  g_mutex_lock (&flow->lock);
  flow->n_reconfigured++;
  flow->downstream = GST_FLOW_OK;
  g_mutex_unlock (&flow->lock);
}

static void
loop (gpointer data)
{
  GstRingKernelFilter *self = data;
  GstRingFlow *flow = &self->flow;
  GstRingRecord *record;
  GstFlowReturn ret = GST_FLOW_OK;
  GstEvent *event = NULL;
  gboolean drop, tell = FALSE;
  guint n_reconfigured;
  GList *head;

  g_mutex_lock (&flow->lock);
  while (flow->result == GST_FLOW_OK
      && (!(head = g_queue_peek_head_link (&flow->fifo))
          || !((GstRingRecord *) head->data)->done))
    g_cond_wait (&flow->head_changed, &flow->lock);
  if (flow->result != GST_FLOW_OK) {
    g_mutex_unlock (&flow->lock);
    gst_pad_pause_task (self->srcpad);
    return;
  }
  record = g_queue_pop_head_link (&flow->fifo)->data;
  switch (record->type) {
    case GST_RING_RECORD_BUFFER:
      /* One that the kernel may still write to is for the push to give up, whoever
       * wants it. */
      drop = flow->unexpected
          && (record->pass || record->outcome != RING_OUTCOME_ABANDONED);
      n_reconfigured = flow->n_reconfigured;
      g_mutex_unlock (&flow->lock);
      if (!drop)
        ret = gst_ring_flow_push (self, record);
      else
        gst_ring_record_reset (record);
      g_mutex_lock (&flow->lock);
      flow->n_buffers--;
      if (G_UNLIKELY (ret == GST_FLOW_EOS || ret == GST_FLOW_NOT_LINKED
              || ret == GST_FLOW_FLUSHING)) {
        tell = note_push_locked (flow, ret, n_reconfigured);
        ret = GST_FLOW_OK;
      }
      gst_ring_flow_give_back_locked (flow, record);
      g_cond_signal (&flow->room);
      g_mutex_unlock (&flow->lock);
      if (G_UNLIKELY (tell))
        GST_ELEMENT_FLOW_ERROR (self, GST_FLOW_NOT_LINKED);
      break;
    case GST_RING_RECORD_EVENT:
      event = g_steal_pointer (&record->event);
      if (restarts (event)) {
        flow->n_restarts--;
        flow->unexpected = FALSE;
      }
      gst_ring_flow_give_back_locked (flow, record);
      g_mutex_unlock (&flow->lock);
      push_event (self, event);
      break;
    case GST_RING_RECORD_CALL:
      record->running = TRUE;
      g_mutex_unlock (&flow->lock);
      drop = record->func (self, record->data);
      g_mutex_lock (&flow->lock);
      record->answer = drop;
      record->answered = TRUE;
      g_cond_broadcast (&flow->answered);
      g_mutex_unlock (&flow->lock);
      break;
  }
  if (G_UNLIKELY (ret != GST_FLOW_OK))
    stop_pushing (self, ret);
}

gboolean
gst_ring_flow_start_task (GstRingKernelFilter *self)
{
  gboolean is_new;

  if (self->is_inline)
    return TRUE;
  GST_OBJECT_LOCK (self->srcpad);
  is_new = GST_PAD_TASK (self->srcpad) == NULL;
  GST_OBJECT_UNLOCK (self->srcpad);
  /* A task that is there already goes on with the reference it was made with. */
  return gst_pad_start_task (self->srcpad, loop,
      is_new ? gst_object_ref (self) : NULL, is_new ? gst_object_unref : NULL);
}
