/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * pads.c: events, queries and activation of both pads.
 */
#include "gstringkernelfilter.h"

#include <gst/video/navigation.h>

GST_DEBUG_CATEGORY_STATIC (ring_kernel_pads_debug);
#define GST_CAT_DEFAULT ring_kernel_pads_debug

/* ---- data -------------------------------------------------------------------------- */

static GstFlowReturn
sink_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  return gst_ring_flow_chain (GST_RING_KERNEL_FILTER (parent), buffer);
}

static GstFlowReturn
sink_chain_list (GstPad *pad, GstObject *parent, GstBufferList *list)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (parent);
  const guint n = gst_buffer_list_length (list);
  GstFlowReturn ret = GST_FLOW_OK;
  guint i;

  /* Taken out of the list, so that the list's reference does not make the buffers
   * shared: they may be worked on in place. */
  if (gst_buffer_list_is_writable (list)) {
    for (i = 0; i < n && ret == GST_FLOW_OK; i++) {
      GstBuffer *buffer = gst_buffer_ref (gst_buffer_list_get (list, 0));

      gst_buffer_list_remove (list, 0, 1);
      ret = gst_ring_flow_chain (self, buffer);
    }
  } else {
    for (i = 0; i < n && ret == GST_FLOW_OK; i++)
      ret = gst_ring_flow_chain (self,
          gst_buffer_ref (gst_buffer_list_get (list, i)));
  }
  gst_buffer_list_unref (list);
  return ret;
}

/* ---- events ------------------------------------------------------------------------- */

/* With a flow return, so that caps which a flush overtakes end as "flushing" rather
 * than as "not negotiated", an error. */
static GstFlowReturn
sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (parent);
  GstFlowReturn result;
  gboolean ok;
  GstCaps *caps;

  GST_LOG_OBJECT (pad, "%" GST_PTR_FORMAT, event);
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_FLUSH_START:
      /* First downstream, which lets go of a push that blocks. */
      ok = gst_pad_push_event (self->srcpad, event);
      gst_ring_flow_begin_flush (self);
      if (!self->is_inline)
        gst_pad_pause_task (self->srcpad);
      break;
    case GST_EVENT_FLUSH_STOP:
      if (!self->is_inline) {
        /* Also for one that comes without its FLUSH_START. */
        gst_ring_flow_begin_flush (self);
        gst_pad_pause_task (self->srcpad);
      }
      gst_ring_flow_end_flush (self);
      ok = gst_pad_push_event (self->srcpad, event);
      if (gst_pad_is_active (self->srcpad))
        gst_ring_flow_start_task (self);
      break;
    case GST_EVENT_CAPS:
      gst_event_parse_caps (event, &caps);
      result = gst_ring_flow_set_caps (self, caps);
      gst_event_unref (event);
      return result;
    default:
      ok = GST_EVENT_IS_SERIALIZED (event)
          ? gst_ring_flow_event (self, event)
          : gst_pad_push_event (self->srcpad, event);
      break;
  }
  return ok ? GST_FLOW_OK : GST_FLOW_ERROR;
}

static void
note_qos (GstRingKernelFilter *self, GstEvent *event)
{
  GstQOSType type;
  gdouble proportion;
  GstClockTimeDiff diff;
  GstClockTime timestamp, earliest = GST_CLOCK_TIME_NONE;

  gst_event_parse_qos (event, &type, &proportion, &diff, &timestamp);
  if (GST_CLOCK_TIME_IS_VALID (timestamp)) {
    /* Bounded, as in GStreamer's decoders: after one long hold-up the picture would
     * stand still for as long again. */
    if (diff > 0)
      earliest = timestamp + MIN (2 * (GstClockTime) diff, GST_SECOND);
    else
      earliest = timestamp > (GstClockTime) -diff ? timestamp + diff : 0;
  }
  GST_OBJECT_LOCK (self);
  self->proportion = proportion;
  self->earliest_time = earliest;
  GST_OBJECT_UNLOCK (self);
}

/* Downstream points into frames of another size than upstream's. Takes and returns
 * @event. */
static GstEvent *
scale_pointer (GstRingKernelFilter *self, GstEvent *event)
{
  guint in_width, in_height, out_width, out_height;
  gdouble x, y;

  GST_OBJECT_LOCK (self);
  in_width = self->in_width;
  in_height = self->in_height;
  out_width = self->out_width;
  out_height = self->out_height;
  GST_OBJECT_UNLOCK (self);
  if (out_width == 0 || out_height == 0
      || !gst_navigation_event_get_coordinates (event, &x, &y))
    return event;
  event = gst_event_make_writable (event);
  gst_navigation_event_set_coordinates (event, x * in_width / out_width,
      y * in_height / out_height);
  return event;
}

static gboolean
src_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (parent);

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_QOS:
      note_qos (self, event);
      break;
    case GST_EVENT_NAVIGATION:
      event = scale_pointer (self, event);
      break;
    case GST_EVENT_RECONFIGURE:
      gst_ring_flow_reconfigured (self);
      break;
    default:
      break;
  }
  return gst_pad_push_event (self->sinkpad, event);
}

/* ---- queries --------------------------------------------------------------------------- */

static gboolean
ask_downstream (GstRingKernelFilter *self, gpointer query)
{
  return gst_pad_peer_query (self->srcpad, query);
}

static gboolean
query_caps (GstRingKernelFilter *self, GstPad *pad, GstQuery *query)
{
  GstPad *otherpad = pad == self->sinkpad ? self->srcpad : self->sinkpad;
  GstRingCaps *info;
  GstCaps *filter, *caps;

  info = gst_ring_kernel_filter_ref_next (self, GST_RING_NEXT_CAPS);
  if (!info)
    info = gst_ring_kernel_filter_ref_caps (self);
  gst_query_parse_caps (query, &filter);
  if (info) {
    caps = gst_ring_caps_query (info, pad, otherpad, filter);
    gst_ring_caps_unref (info);
  } else {
    /* Nothing is known that would forbid anything. */
    caps = filter ? gst_caps_ref (filter) : gst_caps_new_any ();
  }
  gst_query_set_caps_result (query, caps);
  gst_caps_unref (caps);
  return TRUE;
}

/* Whether these very caps are being pushed to us, rather than asked about. */
static gboolean
are_being_pushed (GstRingKernelFilter *self, GstCaps *caps)
{
  GstPad *peer = gst_pad_get_peer (self->sinkpad);
  GstCaps *current = peer ? gst_pad_get_current_caps (peer) : NULL;
  const gboolean same = current && gst_caps_is_equal (current, caps);

  gst_clear_caps (&current);
  gst_clear_object (&peer);
  return same && gst_pad_is_active (self->sinkpad);
}

static gboolean
query_accept_caps (GstRingKernelFilter *self, GstPad *pad, GstQuery *query)
{
  GstRingCaps *info = gst_ring_kernel_filter_ref_caps (self);
  GstRingCaps *next =
      gst_ring_kernel_filter_ref_next (self, GST_RING_NEXT_CAPS);
  gboolean accepted = TRUE;
  GError *error = NULL;
  GstCaps *caps;

  gst_query_parse_accept_caps (query, &caps);
  if (next && pad == self->sinkpad && gst_ring_caps_accept (next, caps, NULL)) {
    accepted = TRUE;
  } else if (info && pad == self->sinkpad) {
    accepted = gst_ring_caps_accept (info, caps, &error);
    /* A pad asks this before it hands a caps event to its element. So with a
     * refusal the event never comes, the stream ends as "not negotiated" without
     * saying why, and this is the last chance to say it. */
    if (!accepted && are_being_pushed (self, caps)
        && gst_ring_flow_is_first_caps_error (self))
      gst_ring_kernel_filter_post_error (self, error);
  } else if (info) {
    accepted = gst_caps_can_intersect (caps, info->src_caps);
  }
  GST_DEBUG_OBJECT (pad, "%s %" GST_PTR_FORMAT, accepted ? "accept" : "refuse",
      caps);
  g_clear_error (&error);
  g_clear_pointer (&info, gst_ring_caps_unref);
  g_clear_pointer (&next, gst_ring_caps_unref);
  gst_query_set_accept_caps_result (query, accepted);
  return TRUE;
}

static gboolean
query_allocation (GstRingKernelFilter *self, GstQuery *query)
{
  const guint depth =
      self->is_inline ? 0 : g_atomic_int_get (&self->flow.depth);
  GstRingCaps *info;
  gboolean passes, ret;
  GstCaps *caps;

  gst_query_parse_allocation (query, &caps, NULL);
  /* What we write is what downstream gets: let it choose. */
  passes = gst_ring_flow_passes_allocation (self, caps);
  if (passes && gst_ring_flow_call (self, ask_downstream, query)
      && gst_ring_buffers_take_over (&self->flow.buffers, query, depth))
    return TRUE;
  info = gst_ring_kernel_filter_ref_caps (self);
  /* Frames that pass must suit downstream too, which has spoken already. */
  ret = info
      && gst_ring_buffers_propose (&self->flow.buffers, query, info->kind,
          !passes, MAX (depth, 1));
  g_clear_pointer (&info, gst_ring_caps_unref);
  return ret;
}

static gboolean
sink_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (parent);

  switch (GST_QUERY_TYPE (query)) {
    case GST_QUERY_CAPS:
      return query_caps (self, pad, query);
    case GST_QUERY_ACCEPT_CAPS:
      return query_accept_caps (self, pad, query);
    case GST_QUERY_ALLOCATION:
      return query_allocation (self, query);
    case GST_QUERY_CONTEXT:
      return gst_ring_kernel_filter_answer_context (self, query)
          || gst_pad_query_default (pad, parent, query);
    case GST_QUERY_DRAIN:
      /* Nothing is left here once it has come through, whatever is said
       * downstream. */
      gst_ring_flow_call (self, ask_downstream, query);
      return TRUE;
    default:
      if (GST_QUERY_IS_SERIALIZED (query))
        return gst_ring_flow_call (self, ask_downstream, query);
      return gst_pad_query_default (pad, parent, query);
  }
}

static gboolean
query_latency (GstRingKernelFilter *self, GstQuery *query)
{
  GstClockTime min, max, own = 0, own_max = 0;
  gboolean live;

  if (!gst_pad_peer_query (self->sinkpad, query))
    return FALSE;
  gst_query_parse_latency (query, &live, &min, &max);

  GST_OBJECT_LOCK (self);
  own = own_max = self->held_back;
  /* While one buffer is worked on the next comes in; a kernel that keeps up needs
   * no longer than that. */
  if (!self->is_inline && GST_CLOCK_TIME_IS_VALID (self->frame_duration)) {
    own += self->frame_duration;
    own_max += self->frame_duration * g_atomic_int_get (&self->flow.depth);
  }
  GST_OBJECT_UNLOCK (self);

  min += own;
  if (GST_CLOCK_TIME_IS_VALID (max))
    max += own_max;
  GST_DEBUG_OBJECT (self, "adds a latency of %" GST_TIME_FORMAT,
      GST_TIME_ARGS (own));
  gst_query_set_latency (query, live, min, max);
  return TRUE;
}

static gboolean
src_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (parent);

  switch (GST_QUERY_TYPE (query)) {
    case GST_QUERY_CAPS:
      return query_caps (self, pad, query);
    case GST_QUERY_ACCEPT_CAPS:
      return query_accept_caps (self, pad, query);
    case GST_QUERY_LATENCY:
      return query_latency (self, query);
    case GST_QUERY_CONTEXT:
      return gst_ring_kernel_filter_answer_context (self, query)
          || gst_pad_query_default (pad, parent, query);
    default:
      return gst_pad_query_default (pad, parent, query);
  }
}

/* ---- activation -------------------------------------------------------------------------- */

static gboolean
sink_activate_mode (GstPad *pad, GstObject *parent, GstPadMode mode,
    gboolean active)
{
  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  if (!active)
    gst_ring_flow_begin_flush (GST_RING_KERNEL_FILTER (parent));
  return TRUE;
}

static gboolean
src_activate_mode (GstPad *pad, GstObject *parent, GstPadMode mode,
    gboolean active)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (parent);

  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  if (active)
    return gst_ring_flow_start_task (self);
  gst_ring_flow_begin_flush (self);
  return gst_pad_stop_task (pad);
}

void
gst_ring_kernel_filter_setup_pads (GstRingKernelFilter *self,
    GstPadTemplate *sink, GstPadTemplate *src)
{
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (ring_kernel_pads_debug, "ringkernelpads", 0,
        "ringkernelfilter: events, queries and activation");
    g_once_init_leave (&once, 1);
  }

  self->sinkpad = gst_pad_new_from_template (sink, "sink");
  gst_pad_set_chain_function (self->sinkpad, GST_DEBUG_FUNCPTR (sink_chain));
  gst_pad_set_chain_list_function (self->sinkpad,
      GST_DEBUG_FUNCPTR (sink_chain_list));
  gst_pad_set_event_full_function (self->sinkpad,
      GST_DEBUG_FUNCPTR (sink_event));
  gst_pad_set_query_function (self->sinkpad, GST_DEBUG_FUNCPTR (sink_query));
  gst_pad_set_activatemode_function (self->sinkpad,
      GST_DEBUG_FUNCPTR (sink_activate_mode));
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_template (src, "src");
  gst_pad_set_event_function (self->srcpad, GST_DEBUG_FUNCPTR (src_event));
  gst_pad_set_query_function (self->srcpad, GST_DEBUG_FUNCPTR (src_query));
  gst_pad_set_activatemode_function (self->srcpad,
      GST_DEBUG_FUNCPTR (src_activate_mode));
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}
