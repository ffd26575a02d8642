/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * output.c: records of buffers, and how a finished one goes downstream.
 *
 * One output per input carries the input's times. A kernel that emits as it likes
 * gives its outputs the span from the begin of the first input since the last
 * output to the end of the last, in equal parts.
 */
#include "gstringkernelfilter.h"

GST_DEBUG_CATEGORY_STATIC (ring_kernel_output_debug);
#define GST_CAT_DEFAULT ring_kernel_output_debug

/* A kernel that was silent for longer gives events rather than a late stream, and
 * no pipeline should wait for the next one. */
#define MOST_HELD_BACK GST_SECOND

/* ---- records ---------------------------------------------------------------------- */

GstRingRecord *
gst_ring_record_new (GstRingKernelFilter *self, guint n_outputs)
{
  static gsize once = 0;
  GstRingRecord *record;

  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (ring_kernel_output_debug, "ringkerneloutput", 0,
        "ringkernelfilter: what comes out");
    g_once_init_leave (&once, 1);
  }
  record = g_malloc0 (sizeof *record + n_outputs * sizeof record->out[0]);
  record->link.data = record;
  record->filter = self;
  record->n_outputs = n_outputs;
  return record;
}

void
gst_ring_record_reset (GstRingRecord *record)
{
  guint i;

  gst_ring_mapping_unmap (&record->in);
  for (i = 0; i < record->n_outputs; i++) {
    gst_ring_mapping_unmap (&record->out[i]);
    gst_clear_buffer (&record->out[i].buffer);
  }
  gst_clear_buffer (&record->input);
  record->in.buffer = NULL;
  if (record->event) {
    gst_event_unref (record->event);
    record->event = NULL;
  }
}

void
gst_ring_record_free (GstRingRecord *record)
{
  gst_ring_record_reset (record);
  g_free (record);
}

/* The kernel may still write to these buffers, so they must never be used again:
 * they are kept for good. */
static void
abandon (GstRingRecord *record)
{
  guint i;

  record->in.n_maps = 0;
  record->in.meta = NULL;
  record->in.buffer = NULL;
  record->input = NULL;
  for (i = 0; i < record->n_outputs; i++) {
    record->out[i].n_maps = 0;
    record->out[i].meta = NULL;
    record->out[i].buffer = NULL;
  }
}

/* ---- times -------------------------------------------------------------------------- */

void
gst_ring_flow_forget_pending (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;

  flow->pending = FALSE;
  flow->first_pts = flow->first_dts = GST_CLOCK_TIME_NONE;
  flow->last_pts = flow->last_end = GST_CLOCK_TIME_NONE;
  flow->first_offset = flow->last_offset_end = GST_BUFFER_OFFSET_NONE;
}

/* Earliest and latest rather than first and last: in reverse playback buffers
 * come with their times descending. */
static void
note_input (GstRingFlow *flow, GstBuffer *buffer)
{
  const GstClockTime pts = GST_BUFFER_PTS (buffer);
  GstClockTime end = pts;

  if (GST_CLOCK_TIME_IS_VALID (pts)) {
    if (GST_BUFFER_DURATION_IS_VALID (buffer))
      end += GST_BUFFER_DURATION (buffer);
    if (!GST_CLOCK_TIME_IS_VALID (flow->first_pts) || pts < flow->first_pts)
      flow->first_pts = pts;
    if (!GST_CLOCK_TIME_IS_VALID (flow->last_pts) || pts > flow->last_pts)
      flow->last_pts = pts;
    if (!GST_CLOCK_TIME_IS_VALID (flow->last_end) || end > flow->last_end)
      flow->last_end = end;
  }
  if (!flow->pending) {
    flow->first_dts = GST_BUFFER_DTS (buffer);
    flow->first_offset = GST_BUFFER_OFFSET (buffer);
  }
  flow->last_offset_end = GST_BUFFER_OFFSET_END (buffer);
  flow->pending = TRUE;
}

static void
set_span (GstRingFlow *flow, GstBuffer *buffer, guint i, guint n)
{
  const gboolean known = GST_CLOCK_TIME_IS_VALID (flow->first_pts)
      && flow->last_end > flow->first_pts;
  const GstClockTime span = known ? flow->last_end - flow->first_pts : 0;
  const GstClockTime begin =
      gst_util_uint64_scale_int (span, (gint) i, (gint) n);

  GST_BUFFER_PTS (buffer) =
      i == 0 || known ? flow->first_pts + begin : GST_CLOCK_TIME_NONE;
  if (!GST_CLOCK_TIME_IS_VALID (flow->first_pts))
    GST_BUFFER_PTS (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (buffer) = known
      ? gst_util_uint64_scale_int (span, (gint) i + 1, (gint) n) - begin
      : GST_CLOCK_TIME_NONE;
  GST_BUFFER_DTS (buffer) = i == 0 ? flow->first_dts : GST_CLOCK_TIME_NONE;
  GST_BUFFER_OFFSET (buffer) =
      i == 0 ? flow->first_offset : GST_BUFFER_OFFSET_NONE;
  GST_BUFFER_OFFSET_END (buffer) =
      i + 1 == n ? flow->last_offset_end : GST_BUFFER_OFFSET_NONE;
}

/* What came out is so much older than what went in last. */
static void
note_held_back (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;
  GstClockTime held;
  gboolean grown;

  if (!GST_CLOCK_TIME_IS_VALID (flow->first_pts))
    return;
  held = MIN (flow->last_pts - flow->first_pts, MOST_HELD_BACK);
  GST_OBJECT_LOCK (self);
  grown = held > self->held_back;
  if (grown)
    self->held_back = held;
  GST_OBJECT_UNLOCK (self);
  if (grown)
    gst_element_post_message (GST_ELEMENT (self),
        gst_message_new_latency (GST_OBJECT (self)));
}

/* ---- out ---------------------------------------------------------------------------- */

static inline GstFlowReturn
push_buffer (GstRingKernelFilter *self, GstBuffer *buffer)
{
  GstFlowReturn ret;

  if (G_UNLIKELY (self->flow.out_discont)) {
    self->flow.out_discont = FALSE;
    buffer = gst_buffer_make_writable (buffer);
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  }
  ret = gst_pad_push (self->srcpad, buffer);
  /* It got nowhere, so there is a gap before the next one. */
  if (G_UNLIKELY (ret != GST_FLOW_OK))
    self->flow.out_discont = TRUE;
  return ret;
}

static GstBuffer *
take_output (GstRingKernelFilter *self, GstRingRecord *record, guint i)
{
  const guint k = record->emitted[i];
  GstBuffer *buffer = g_steal_pointer (&record->out[k].buffer);

  if (!self->flow.stream.out.is_video
      && record->emitted_size[i] != gst_buffer_get_size (buffer))
    gst_buffer_set_size (buffer, (gssize) record->emitted_size[i]);
  return buffer;
}

static inline void
copy_metas (GstRingFlow *flow, GstBuffer *to, GstBuffer *from)
{
  gst_ring_buffers_copy_metas (to, from, &flow->stream.out, &flow->stream.in,
      flow->stream.metas);
}

static GstFlowReturn
push_emitted (GstRingKernelFilter *self, GstRingRecord *record)
{
  GstRingFlow *flow = &self->flow;
  const guint n = record->n_emitted;
  GstFlowReturn ret = GST_FLOW_OK;
  const gboolean alone = !flow->pending && n == 1;
  guint i;

  if (GST_BUFFER_FLAG_IS_SET (record->input, GST_BUFFER_FLAG_DISCONT))
    flow->out_discont = TRUE;
  note_input (flow, record->input);
  if (n == 0)
    return GST_FLOW_OK;

  for (i = 0; i < n && ret == GST_FLOW_OK; i++) {
    GstBuffer *buffer = take_output (self, record, i);

    gst_buffer_copy_into (buffer, record->input,
        GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS, 0, (gsize) -1);
    GST_BUFFER_FLAG_UNSET (buffer,
        GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_GAP);
    if (!alone)
      set_span (flow, buffer, i, n);
    copy_metas (flow, buffer, record->input);
    if (i == 0)
      note_held_back (self);
    ret = push_buffer (self, buffer);
  }
  gst_ring_flow_forget_pending (self);
  return ret;
}

GstFlowReturn
gst_ring_flow_push (GstRingKernelFilter *self, GstRingRecord *record)
{
  GstRingFlow *flow = &self->flow;
  GstFlowReturn ret;
  GstBuffer *buffer;

  if (record->discont)
    flow->out_discont = TRUE;

  if (G_UNLIKELY (record->pass)) {
    buffer = g_steal_pointer (&record->input);
    gst_ring_record_reset (record);
    return push_buffer (self, buffer);
  }

  if (G_UNLIKELY (record->outcome != RING_OUTCOME_DONE)) {
    if (record->outcome == RING_OUTCOME_ABANDONED)
      abandon (record);
    gst_ring_record_reset (record);
    flow->out_discont = TRUE;
    if (record->outcome == RING_OUTCOME_DISCARDED)
      return GST_FLOW_OK;
    gst_ring_kernel_filter_post_failure (self, NULL);
    return GST_FLOW_ERROR;
  }

  if (flow->stream.raw_video) {
    GST_OBJECT_LOCK (self);
    self->processed++;
    GST_OBJECT_UNLOCK (self);
  }

  if (record->in_place) {
    gst_ring_mapping_unmap (&record->in);
    buffer = g_steal_pointer (&record->input);
    record->in.buffer = NULL;
    /* A kernel may make something of silence, like the echo of what was before. */
    GST_BUFFER_FLAG_UNSET (buffer, GST_BUFFER_FLAG_GAP);
    return push_buffer (self, buffer);
  }

  gst_ring_mapping_unmap (&record->in);
  if (record->n_outputs == 1)
    gst_ring_mapping_unmap (&record->out[0]);
  else {
    guint i;

    for (i = 0; i < record->n_outputs; i++)
      gst_ring_mapping_unmap (&record->out[i]);
  }

  if (flow->stream.emits) {
    ret = push_emitted (self, record);
    gst_ring_record_reset (record);
    return ret;
  }

  buffer = take_output (self, record, 0);
  gst_buffer_copy_into (buffer, record->input,
      GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS, 0, (gsize) -1);
  GST_BUFFER_FLAG_UNSET (buffer, GST_BUFFER_FLAG_GAP);
  copy_metas (flow, buffer, record->input);
  /* Given back before the push, which may take long: producers with few buffers
   * wait for it. */
  gst_ring_record_reset (record);
  return push_buffer (self, buffer);
}
