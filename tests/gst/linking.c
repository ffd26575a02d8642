/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * linking.c: nobody is there to take what comes out, and then somebody is.
 */
#include "gst-ring-test.h"

/* Who takes what comes out. */
typedef struct
{
  GMutex lock;
  GCond changed;
  guint n_buffers, n_tags, n_eos;
  gboolean first_discont;
  /* The first buffer is refused, but only when a RECONFIGURE is on its way. */
  gboolean relinks;
  GstPad *pad;
} Sink;

typedef struct
{
  GstElement *filter;
  GstPad *src;
} Rig;

static GstFlowReturn
sink_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  Sink *sink = gst_pad_get_element_private (pad);

  if (sink->relinks) {
    sink->relinks = FALSE;
    gst_buffer_unref (buffer);
    ck_assert (gst_pad_push_event (pad, gst_event_new_reconfigure ()));
    return GST_FLOW_NOT_LINKED;
  }
  g_mutex_lock (&sink->lock);
  if (sink->n_buffers++ == 0)
    sink->first_discont =
        GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  g_cond_broadcast (&sink->changed);
  g_mutex_unlock (&sink->lock);
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

static gboolean
sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  Sink *sink = gst_pad_get_element_private (pad);

  g_mutex_lock (&sink->lock);
  if (GST_EVENT_TYPE (event) == GST_EVENT_TAG)
    sink->n_tags++;
  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS)
    sink->n_eos++;
  g_cond_broadcast (&sink->changed);
  g_mutex_unlock (&sink->lock);
  gst_event_unref (event);
  return TRUE;
}

static void
link_sink (Rig *rig, Sink *sink)
{
  GstPad *src = gst_element_get_static_pad (rig->filter, "src");

  g_mutex_init (&sink->lock);
  g_cond_init (&sink->changed);
  sink->pad = gst_pad_new ("sink", GST_PAD_SINK);
  gst_pad_set_element_private (sink->pad, sink);
  gst_pad_set_chain_function (sink->pad, sink_chain);
  gst_pad_set_event_function (sink->pad, sink_event);
  gst_pad_set_active (sink->pad, TRUE);
  ck_assert_int_eq (gst_pad_link (src, sink->pad), GST_PAD_LINK_OK);
  gst_object_unref (src);
}

static void
unlink_sink (Rig *rig, Sink *sink)
{
  GstPad *src = gst_element_get_static_pad (rig->filter, "src");

  ck_assert (gst_pad_unlink (src, sink->pad));
  gst_object_unref (src);
}

static void
wait_buffers (Sink *sink, guint n)
{
  g_mutex_lock (&sink->lock);
  while (sink->n_buffers < n)
    g_cond_wait (&sink->changed, &sink->lock);
  g_mutex_unlock (&sink->lock);
}

static void
free_sink (Sink *sink)
{
  gst_pad_set_active (sink->pad, FALSE);
  gst_object_unref (sink->pad);
  g_mutex_clear (&sink->lock);
  g_cond_clear (&sink->changed);
}

/* A playing filter with a stream of bytes that nobody takes yet. */
static void
begin_rig (Rig *rig, const gchar *kernel, gint mode)
{
  GstCaps *caps = gst_caps_new_empty_simple ("application/x");
  GstSegment segment;
  GstPad *pad;

  rig->filter = make_filter (kernel, mode);
  g_object_set (rig->filter, "max-in-flight", 1, NULL);
  rig->src = gst_pad_new ("src", GST_PAD_SRC);
  pad = gst_element_get_static_pad (rig->filter, "sink");
  ck_assert_int_eq (gst_pad_link (rig->src, pad), GST_PAD_LINK_OK);
  gst_object_unref (pad);
  gst_pad_set_active (rig->src, TRUE);
  gst_element_set_state (rig->filter, GST_STATE_PLAYING);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (rig->src, gst_event_new_stream_start ("stream"));
  gst_pad_push_event (rig->src, gst_event_new_caps (caps));
  gst_pad_push_event (rig->src, gst_event_new_segment (&segment));
  gst_caps_unref (caps);
}

static void
end_rig (Rig *rig)
{
  gst_pad_set_active (rig->src, FALSE);
  gst_object_unref (rig->src);
  end_filter (rig->filter);
}

static GstFlowReturn
push (Rig *rig)
{
  return gst_pad_push (rig->src, make_bytes (16, 1));
}

/* Upstream is told with one of the next buffers. */
static void
push_until (Rig *rig, GstFlowReturn expected)
{
  GstFlowReturn ret;

  while ((ret = push (rig)) == GST_FLOW_OK)
    g_thread_yield ();
  ck_assert_int_eq (ret, expected);
  ck_assert_int_eq (push (rig), expected);
}

static void
push_tag (Rig *rig)
{
  gst_pad_push_event (rig->src,
      gst_event_new_tag (gst_tag_list_new (GST_TAG_TITLE, "late", NULL)));
}

/* ---- not linked --------------------------------------------------------------- */

GST_START_TEST (who_is_linked_late_gets_what_comes_then)
{
  Sink sink = {
    .n_buffers = 0,
  };
  Rig rig;

  begin_rig (&rig, "copy", __i__);
  push_until (&rig, GST_FLOW_NOT_LINKED);
  push_tag (&rig);
  link_sink (&rig, &sink);
  ck_assert_int_eq (push (&rig), GST_FLOW_OK);
  wait_buffers (&sink, 1);
  ck_assert (sink.first_discont);
  ck_assert_uint_eq (sink.n_tags, 1);
  fail_on_errors (rig.filter);
  end_rig (&rig);
  free_sink (&sink);
}

GST_END_TEST;

GST_START_TEST (links_may_go_and_come)
{
  Rig rig;
  guint i;

  begin_rig (&rig, "copy", __i__);
  for (i = 0; i < 20; i++) {
    Sink sink = {
      .n_buffers = 0,
    };

    push_until (&rig, GST_FLOW_NOT_LINKED);
    link_sink (&rig, &sink);
    ck_assert_int_eq (push (&rig), GST_FLOW_OK);
    wait_buffers (&sink, 1);
    unlink_sink (&rig, &sink);
    free_sink (&sink);
  }
  fail_on_errors (rig.filter);
  end_rig (&rig);
}

GST_END_TEST;

/* The push says "not linked" only when that is no longer so. */
GST_START_TEST (a_link_made_during_a_push_is_not_missed)
{
  Sink sink = { .relinks = TRUE };
  GstFlowReturn ret;
  Rig rig;

  begin_rig (&rig, "copy", __i__);
  link_sink (&rig, &sink);
  ret = push (&rig);
  ck_assert_int_eq (ret, is_inline (__i__) ? GST_FLOW_NOT_LINKED : GST_FLOW_OK);
  ck_assert_int_eq (push (&rig), GST_FLOW_OK);
  wait_buffers (&sink, 1);
  ck_assert (sink.first_discont);
  fail_on_errors (rig.filter);
  end_rig (&rig);
  free_sink (&sink);
}

GST_END_TEST;

/* As with a queue: upstream may be gone, so nobody else would say it. */
GST_START_TEST (eos_that_nobody_takes_is_an_error)
{
  gchar *text = NULL;
  Rig rig;

  if (is_inline (__i__))
    return;
  begin_rig (&rig, "copy", __i__);
  push_until (&rig, GST_FLOW_NOT_LINKED);
  ck_assert (!gst_pad_push_event (rig.src, gst_event_new_eos ()));
  ck_assert_uint_eq (count_messages (rig.filter, GST_MESSAGE_ERROR, &text), 1);
  ck_assert_msg (strstr (text, "data stream error") != NULL, "%s", text);
  g_free (text);
  end_rig (&rig);
}

GST_END_TEST;

/* It is known only when the EOS has been taken. */
GST_START_TEST (eos_behind_what_nobody_takes_is_an_error)
{
  gchar *kernel = test_kernel ("gate");
  Gate gate = {
    0,
  };
  GstMessage *message;
  GstBus *bus;
  Rig rig;

  if (is_inline (__i__)) {
    g_free (kernel);
    return;
  }
  begin_rig (&rig, kernel, __i__);
  ck_assert_int_eq (gst_pad_push (rig.src, make_gated (&gate, 64)),
      GST_FLOW_OK);
  ck_assert (gst_pad_push_event (rig.src, gst_event_new_eos ()));
  open_gate (&gate);
  bus = gst_element_get_bus (rig.filter);
  message =
      gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_ERROR);
  ck_assert (GST_MESSAGE_SRC (message) == GST_OBJECT (rig.filter));
  gst_message_unref (message);
  gst_object_unref (bus);
  end_rig (&rig);
  g_free (kernel);
}

GST_END_TEST;

/* ---- flushing --------------------------------------------------------------------- */

/* What was downstream was shut down before it was unlinked. */
GST_START_TEST (who_takes_over_from_one_shut_down_gets_what_comes_then)
{
  Sink old = {
    .n_buffers = 0,
  };
  Sink sink = {
    .n_buffers = 0,
  };
  Rig rig;

  begin_rig (&rig, "copy", __i__);
  link_sink (&rig, &old);
  ck_assert_int_eq (push (&rig), GST_FLOW_OK);
  wait_buffers (&old, 1);
  gst_pad_set_active (old.pad, FALSE);
  push_until (&rig, GST_FLOW_FLUSHING);
  push_tag (&rig);
  unlink_sink (&rig, &old);
  link_sink (&rig, &sink);
  ck_assert_int_eq (push (&rig), GST_FLOW_OK);
  wait_buffers (&sink, 1);
  ck_assert (sink.first_discont);
  ck_assert_uint_eq (sink.n_tags, 1);
  fail_on_errors (rig.filter);
  end_rig (&rig);
  free_sink (&old);
  free_sink (&sink);
}

GST_END_TEST;

/* A source that is told "not negotiated" stops with an error. */
GST_START_TEST (caps_that_meet_one_shut_down_are_no_error)
{
  GstCaps *caps = gst_caps_new_empty_simple ("application/y");
  Sink sink = {
    .n_buffers = 0,
  };
  Rig rig;

  begin_rig (&rig, "copy", __i__);
  link_sink (&rig, &sink);
  ck_assert_int_eq (push (&rig), GST_FLOW_OK);
  wait_buffers (&sink, 1);
  gst_pad_set_active (sink.pad, FALSE);
  push_until (&rig, GST_FLOW_FLUSHING);
  gst_pad_push_event (rig.src, gst_event_new_caps (caps));
  push_until (&rig, GST_FLOW_FLUSHING);
  fail_on_errors (rig.filter);
  end_rig (&rig);
  free_sink (&sink);
  gst_caps_unref (caps);
}

GST_END_TEST;

typedef struct
{
  Rig rig;
  GstFlowReturn result;
} CapsPusher;

/* The caps go with the buffer, whose result is theirs. */
static gpointer
push_caps_and_buffer (gpointer data)
{
  CapsPusher *p = data;

  p->result = push (&p->rig);
  return NULL;
}

/* They wait for what came before. */
GST_START_TEST (caps_that_a_flush_overtakes_are_no_error)
{
  GstCaps *caps = gst_caps_new_empty_simple ("application/y");
  GstEvent *event = gst_event_new_caps (caps);
  gchar *kernel = test_kernel ("gate");
  Gate gate = {
    0,
  };
  Sink sink = {
    .n_buffers = 0,
  };
  CapsPusher p;
  GThread *thread;
  GstPad *pad;

  begin_rig (&p.rig, kernel, __i__);
  if (!is_inline (__i__)) {
    link_sink (&p.rig, &sink);
    ck_assert_int_eq (gst_pad_push (p.rig.src, make_gated (&gate, 64)),
        GST_FLOW_OK);
    wait_entered (&gate);
    gst_pad_store_sticky_event (p.rig.src, event);
    thread = g_thread_new ("caps", push_caps_and_buffer, &p);
    /* until it is inside the element */
    pad = gst_element_get_static_pad (p.rig.filter, "sink");
    while (GST_PAD_STREAM_TRYLOCK (pad)) {
      GST_PAD_STREAM_UNLOCK (pad);
      g_thread_yield ();
    }
    gst_object_unref (pad);
    gst_pad_push_event (p.rig.src, gst_event_new_flush_start ());
    g_thread_join (thread);
    ck_assert_int_eq (p.result, GST_FLOW_FLUSHING);
    open_gate (&gate);
    gst_pad_push_event (p.rig.src, gst_event_new_flush_stop (TRUE));
    fail_on_errors (p.rig.filter);
  }
  end_rig (&p.rig);
  if (!is_inline (__i__))
    free_sink (&sink);
  gst_event_unref (event);
  gst_caps_unref (caps);
  g_free (kernel);
}

GST_END_TEST;

static Suite *
linking_suite (void)
{
  Suite *s = suite_create ("linking");
  TCase *tc = tcase_create ("linking");

  suite_add_tcase (s, tc);
  tcase_add_mode_test (tc, who_is_linked_late_gets_what_comes_then);
  tcase_add_mode_test (tc, links_may_go_and_come);
  tcase_add_mode_test (tc, a_link_made_during_a_push_is_not_missed);
  tcase_add_mode_test (tc, eos_that_nobody_takes_is_an_error);
  tcase_add_gate_test (tc, eos_behind_what_nobody_takes_is_an_error);
  tcase_add_mode_test (tc,
      who_takes_over_from_one_shut_down_gets_what_comes_then);
  tcase_add_mode_test (tc, caps_that_meet_one_shut_down_are_no_error);
  tcase_add_gate_test (tc, caps_that_a_flush_overtakes_are_no_error);
  return s;
}

GST_CHECK_MAIN (linking);
