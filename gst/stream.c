/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * stream.c: what a caps event settles: the kernel's format, the output's caps, and
 * where output buffers come from.
 */
#include "gstringkernelfilter.h"

#include "cudashare.h"

#include <gst/video/video.h>

GST_DEBUG_CATEGORY_STATIC (ring_kernel_stream_debug);
#define GST_CAT_DEFAULT ring_kernel_stream_debug

void
gst_ring_flow_forget_stream (GstRingKernelFilter *self)
{
  GstRingStream *stream = &self->flow.stream;

  stream->configured = stream->refused = FALSE;
  g_clear_pointer (&stream->info, gst_ring_caps_unref);
  gst_caps_replace (&stream->in_caps, NULL);
  gst_caps_replace (&stream->out_caps, NULL);
}

static void
note_frame_duration (GstRingKernelFilter *self)
{
  GstRingStream *stream = &self->flow.stream;
  GstClockTime duration = GST_CLOCK_TIME_NONE;
  gboolean changed;

  if (stream->in.is_video && GST_VIDEO_INFO_FPS_N (&stream->in.info) > 0)
    duration = gst_util_uint64_scale_int (GST_SECOND,
        GST_VIDEO_INFO_FPS_D (&stream->in.info),
        GST_VIDEO_INFO_FPS_N (&stream->in.info));
  GST_OBJECT_LOCK (self);
  changed = self->frame_duration != duration && !self->is_inline;
  self->frame_duration = duration;
  GST_OBJECT_UNLOCK (self);
  if (changed)
    gst_element_post_message (GST_ELEMENT (self),
        gst_message_new_latency (GST_OBJECT (self)));
}

gboolean
gst_ring_flow_is_first_caps_error (GstRingKernelFilter *self)
{
  gboolean posted;

  GST_OBJECT_LOCK (self);
  posted = self->flow.caps_error_posted;
  self->flow.caps_error_posted = TRUE;
  GST_OBJECT_UNLOCK (self);
  return !posted;
}

static gboolean
decide_allocation (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;
  gchar *caps;

  if (gst_ring_buffers_decide (&flow->buffers, self->srcpad,
          flow->stream.out_caps, &flow->stream.out,
          self->is_inline ? 1 : g_atomic_int_get (&flow->depth)))
    return TRUE;
  if (!gst_ring_flow_is_first_caps_error (self))
    return FALSE;
  caps = flow->stream.out_caps ? gst_caps_to_string (flow->stream.out_caps)
                               : g_strdup ("the stream");
  GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT,
      ("no memory for output buffers of %s", caps), (NULL));
  g_free (caps);
  return FALSE;
}

/* Takes @caps. They stay as they are unless downstream wants the frames in the
 * other memory, or would rather have them there, as another filter on CUDA would. */
static GstCaps *
choose_memory (GstRingKernelFilter *self, GstCaps *caps)
{
  GstCaps *other = gst_ring_caps_in_other_memory (self->flow.stream.info, caps);
  GstCaps *both, *wanted;
  guint i;

  if (!other)
    return caps;
  /* Who takes anything, like a file, does not know of memory on a device: it would
   * read what lies between the rows, too. */
  wanted = gst_pad_peer_query_caps (self->srcpad, NULL);
  if (gst_caps_is_any (wanted)) {
    if (gst_ring_caps_are_cuda (caps))
      gst_caps_replace (&caps, other);
    gst_caps_unref (wanted);
    gst_caps_unref (other);
    return caps;
  }
  gst_caps_unref (wanted);
  both = gst_caps_copy (caps);
  gst_caps_append (both, gst_caps_copy (other));
  wanted = gst_pad_peer_query_caps (self->srcpad, both);
  for (i = 0; i < gst_caps_get_size (wanted); i++) {
    GstCaps *first = gst_caps_copy_nth (wanted, i);
    const gboolean same = gst_caps_can_intersect (first, caps);
    const gboolean changes = !same && gst_caps_can_intersect (first, other);

    gst_caps_unref (first);
    if (changes)
      gst_caps_replace (&caps, other);
    if (same || changes)
      break;
  }
  gst_caps_unref (both);
  gst_caps_unref (wanted);
  gst_caps_unref (other);
  return caps;
}

static void
describe_stream (GstRingKernelFilter *self, const RingFormat *in,
    const RingFormat *out)
{
  GstRingStream *stream = &self->flow.stream;
  RingKernelInfo *info = stream->info->info;
  const gboolean same = ring_format_equal (in, out);
  const GstRingBuffers *buffers = &self->flow.buffers;
  gboolean sized;

  gst_ring_layout_init (&stream->in, in, stream->in_caps);
  gst_ring_layout_init (&stream->out, out, stream->out_caps);
  stream->n_outputs = ring_kernel_info_get_max_outputs (info);
  stream->emits = ring_kernel_info_get_emits (info);
  stream->in_unit = stream->out_unit = 1;
  stream->out_more = 0;
  if (out->kind == RING_PAYLOAD_RECORD) {
    /* one for each record or sample of a channel */
    stream->out_unit = in->kind == RING_PAYLOAD_VIDEO ? 0 : out->record_size;
    stream->in_unit = ring_format_get_frame_size (in);
    if (in->kind != RING_PAYLOAD_RECORD)
      stream->out_more = (gsize) out->record_size
          * ring_kernel_info_get_raw_description (info)->max_records;
  }
  stream->in_cuda =
      buffers->context && gst_ring_caps_are_cuda (stream->in_caps);
  stream->out_cuda =
      buffers->context && gst_ring_caps_are_cuda (stream->out_caps);
  stream->in_place = same && stream->in_cuda == stream->out_cuda
      && !stream->emits && stream->n_outputs == 1
      && ring_kernel_info_get_in_place (info);
  stream->raw_video = stream->in_caps
      && gst_structure_has_name (gst_caps_get_structure (stream->in_caps, 0),
          "video/x-raw");
  if (in->kind == RING_PAYLOAD_BYTES)
    stream->metas = GST_RING_METAS_SAME_BYTES;
  else if (same)
    stream->metas = GST_RING_METAS_SAME;
  else if (in->kind == RING_PAYLOAD_VIDEO && out->kind == RING_PAYLOAD_VIDEO)
    stream->metas = in->width == out->width && in->height == out->height
        ? GST_RING_METAS_COLORS
        : GST_RING_METAS_SIZE;
  else
    stream->metas = GST_RING_METAS_NONE;

  sized = stream->metas == GST_RING_METAS_SIZE;
  GST_OBJECT_LOCK (self);
  self->in_width = sized ? in->width : 0;
  self->in_height = sized ? in->height : 0;
  self->out_width = sized ? out->width : 0;
  self->out_height = sized ? out->height : 0;
  GST_OBJECT_UNLOCK (self);
}

static gboolean
push_caps (GstRingKernelFilter *self)
{
  GstCaps *caps = self->flow.stream.out_caps;
  GstCaps *old = gst_pad_get_current_caps (self->srcpad);
  const gboolean ok = (old && gst_caps_is_equal (old, caps))
      || gst_pad_push_event (self->srcpad, gst_event_new_caps (caps));

  gst_clear_caps (&old);
  if (!ok)
    GST_DEBUG_OBJECT (self, "downstream does not take %" GST_PTR_FORMAT, caps);
  return ok;
}

/* As if the caps had come again; where they mean what they meant, nothing changes. */
static gboolean
reconfigure_open (GstRingKernelFilter *self)
{
  GstCaps *caps = gst_caps_ref (self->flow.stream.in_caps);
  const gboolean ok = gst_ring_flow_configure (self, caps);

  gst_caps_unref (caps);
  return ok;
}

/* Called in order with the data: all that came before is pushed. Another neighbour
 * may want the frames in another memory. */
static gboolean
reallocate (GstRingKernelFilter *self, gpointer data)
{
  GstRingStream *stream = &self->flow.stream;
  RingFormat *in, *out;
  gboolean ok = TRUE;
  GstCaps *caps;

  /* What downstream wants now may be another size. */
  if (stream->info->open && stream->configured)
    return reconfigure_open (self);
  if (stream->info->cuda) {
    in = ring_kernel_get_input_format (self->kernel);
    out = ring_kernel_get_output_format (self->kernel);
    caps = choose_memory (self,
        gst_ring_caps_output (stream->info, stream->in_caps, in, out));
    if (!gst_caps_is_equal (caps, stream->out_caps)) {
      gst_caps_replace (&stream->out_caps, caps);
      describe_stream (self, in, out);
      ok = push_caps (self);
    }
    gst_caps_unref (caps);
    ring_format_free (in);
    ring_format_free (out);
  }
  return ok && decide_allocation (self);
}

/* Called in order with the data: all that came before is pushed. */
gboolean
gst_ring_flow_configure (GstRingKernelFilter *self, gpointer data)
{
  GstRingFlow *flow = &self->flow;
  GstRingStream *stream = &flow->stream;
  GstCaps *caps = data, *out_caps = NULL;
  RingFormat *in = NULL, *out = NULL;
  GError *error = NULL;
  gboolean ok = FALSE;

  gst_ring_flow_forget_stream (self);
  gst_ring_flow_free_records (self);
  gst_ring_kernel_filter_change_with_caps (self, caps);
  stream->info = gst_ring_kernel_filter_ref_caps (self);
  if (!stream->info)
    return FALSE;
  in = gst_ring_caps_to_format (stream->info, caps, &error);
  /* Completions were called; the kernel is done with all of it in a moment. */
  if (!in
      || !gst_ring_caps_choose (stream->info, caps, in, self->srcpad, &out,
          &out_caps, &error)
      || !ring_kernel_drain (self->kernel,
          gst_ring_kernel_filter_get_patience (self), NULL, &error)
      || !ring_kernel_set_formats (self->kernel, in, out, &error))
    goto failed;

  gst_caps_replace (&stream->in_caps, caps);
  stream->out_caps = choose_memory (self, g_steal_pointer (&out_caps));
  describe_stream (self, in, out);
  flow->inline_record = gst_ring_record_new (self, stream->n_outputs);

  if (stream->out_caps && !push_caps (self))
    goto done;
  gst_pad_check_reconfigure (self->srcpad);
  ok = decide_allocation (self);
  note_frame_duration (self);
  gst_ring_flow_set_depth (self, gst_ring_kernel_filter_get_depth (self));

done:
  stream->configured = ok;
  stream->refused = !ok;
  ring_format_free (in);
  ring_format_free (out);
  return ok;

failed:
  stream->refused = TRUE;
  if (gst_ring_kernel_filter_has_failed (self, error))
    gst_ring_kernel_filter_post_failure (self, error);
  else if (gst_ring_flow_is_first_caps_error (self))
    gst_ring_kernel_filter_post_error (self, error);
  g_error_free (error);
  gst_clear_caps (&out_caps);
  ring_format_free (in);
  ring_format_free (out);
  return FALSE;
}

/* Of a call that was answered with FALSE: nobody may have been there to run it. */
static GstFlowReturn
refused (GstRingKernelFilter *self)
{
  GstRingFlow *flow = &self->flow;
  GstFlowReturn ret;

  g_mutex_lock (&flow->lock);
  ret = flow->result;
  g_mutex_unlock (&flow->lock);
  return ret == GST_FLOW_OK ? GST_FLOW_NOT_NEGOTIATED : ret;
}

GstFlowReturn
gst_ring_flow_set_caps (GstRingKernelFilter *self, GstCaps *caps)
{
  GstRingStream *stream = &self->flow.stream;

  if (stream->configured && stream->in_caps
      && gst_caps_is_equal (stream->in_caps, caps))
    return GST_FLOW_OK;
  return gst_ring_flow_call (self, gst_ring_flow_configure, caps)
      ? GST_FLOW_OK
      : refused (self);
}

gboolean
gst_ring_flow_passes_allocation (GstRingKernelFilter *self, GstCaps *caps)
{
  GstRingStream *stream = &self->flow.stream;

  if (!stream->configured || !caps || !stream->in_caps
      || !gst_caps_is_equal (caps, stream->in_caps))
    return FALSE;
  return stream->in.kind == RING_PAYLOAD_BYTES
      || (stream->in_place
          && g_atomic_int_get (&self->on_error) != GST_RING_ON_ERROR_PASS);
}

/* Bytes and records need no caps; and downstream may want other buffers. */
GstFlowReturn
gst_ring_flow_renegotiate (GstRingKernelFilter *self)
{
  GstRingStream *stream = &self->flow.stream;
  gboolean ok = TRUE;

  if (!stream->configured) {
    if (stream->refused)
      return GST_FLOW_NOT_NEGOTIATED;
    ok = gst_ring_flow_call (self, gst_ring_flow_configure, NULL);
  } else if (gst_pad_check_reconfigure (self->srcpad)) {
    ok = gst_ring_flow_call (self, reallocate, NULL);
    if (!ok)
      gst_pad_mark_reconfigure (self->srcpad);
  }
  return ok ? GST_FLOW_OK : refused (self);
}

void
gst_ring_flow_configure_early (GstRingKernelFilter *self)
{
  GstRingCaps *info = gst_ring_kernel_filter_ref_caps (self);

  if (info && info->kind == RING_PAYLOAD_RECORD && info->changes_format)
    gst_ring_flow_call (self, gst_ring_flow_configure, NULL);
  g_clear_pointer (&info, gst_ring_caps_unref);
}
