/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * flow.c: what is in flight: order, bounds, EOS, flush.
 */
#include "gst-ring-test.h"

static GstHarness *
make_gate_harness (gint mode, gchar **kernel)
{
  GstHarness *h;

  *kernel = test_kernel ("gate");
  h = make_harness (*kernel, mode);
  gst_harness_set_src_caps_str (h, "application/x");
  return h;
}

static void
drop_events (GstHarness *h)
{
  GstEvent *event;

  while ((event = gst_harness_try_pull_event (h)))
    gst_event_unref (event);
}

/* ---- order ---------------------------------------------------------------------- */

/* What passed the src pad, in order: bytes of buffers, negative event types. */
typedef struct
{
  GMutex lock;
  GArray *items;
} Trace;

static GstPadProbeReturn
trace_item (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Trace *trace = data;
  gint item;

  if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
    item = first_byte (GST_PAD_PROBE_INFO_BUFFER (info));
  else if (info->type & GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM)
    item = GST_QUERY_TYPE (info->data) == GST_QUERY_CUSTOM ? -1 : 0;
  else
    item = -(gint) GST_EVENT_TYPE (info->data);
  if (item == 0 && !(info->type & GST_PAD_PROBE_TYPE_BUFFER))
    return GST_PAD_PROBE_OK;
  g_mutex_lock (&trace->lock);
  g_array_append_val (trace->items, item);
  g_mutex_unlock (&trace->lock);
  return GST_PAD_PROBE_OK;
}

static void
begin_trace (GstHarness *h, Trace *trace)
{
  GstPad *pad = gst_element_get_static_pad (h->element, "src");

  g_mutex_init (&trace->lock);
  trace->items = g_array_new (FALSE, FALSE, sizeof (gint));
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM
          | GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM | GST_PAD_PROBE_TYPE_PUSH,
      trace_item, trace, NULL);
  gst_object_unref (pad);
}

GST_START_TEST (buffers_events_and_queries_keep_their_order)
{
  GstHarness *h = make_harness ("copy", __i__);
  Trace trace;
  GArray *expected = g_array_new (FALSE, FALSE, sizeof (gint));
  guint i;

  gst_harness_set_src_caps_str (h, "application/x");
  ck_assert_int_eq (gst_harness_push (h, make_bytes (4, 0)), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  begin_trace (h, &trace);
  for (i = 0; i < 200; i++) {
    gint item = (gint) i;

    ck_assert_int_eq (gst_harness_push (h, make_bytes (4, i)), GST_FLOW_OK);
    g_array_append_val (expected, item);
    if (i % 3 == 0) {
      gst_harness_push_event (h, gst_event_new_gap (i, 1));
      item = -(gint) GST_EVENT_GAP;
      g_array_append_val (expected, item);
    }
    if (i % 5 == 0) {
      gst_harness_push_event (h,
          gst_event_new_tag (gst_tag_list_new (GST_TAG_TITLE, "t", NULL)));
      item = -(gint) GST_EVENT_TAG;
      g_array_append_val (expected, item);
    }
    if (i % 7 == 0) {
      GstQuery *query = gst_query_new_drain ();

      ck_assert (gst_pad_peer_query (h->srcpad, query));
      /* Answered when all that came before is out. */
      ck_assert_uint_eq (gst_harness_buffers_received (h), i + 2);
      gst_query_unref (query);
    }
  }
  gst_harness_push_event (h, gst_event_new_eos ());
  {
    gint item = -(gint) GST_EVENT_EOS;

    g_array_append_val (expected, item);
  }
  for (i = 0; i < 200; i++)
    gst_buffer_unref (gst_harness_pull (h));
  for (;;) {
    GstEvent *event = gst_harness_pull_event (h);
    const gboolean eos = GST_EVENT_TYPE (event) == GST_EVENT_EOS;

    gst_event_unref (event);
    if (eos)
      break;
  }
  ck_assert_uint_eq (trace.items->len, expected->len);
  ck_assert_int_eq (memcmp (trace.items->data, expected->data,
                        expected->len * sizeof (gint)),
      0);
  end_harness (h);
  g_array_unref (trace.items);
  g_array_unref (expected);
  g_mutex_clear (&trace.lock);
}

GST_END_TEST;

GST_START_TEST (an_event_waits_behind_a_buffer_in_flight)
{
  gchar *kernel;
  GstHarness *h;
  GstEvent *event;
  GstEventType type;
  Gate gate = {
    0,
  };

  if (is_inline (__i__))
    return;
  h = make_gate_harness (__i__, &kernel);
  drop_events (h);
  ck_assert_int_eq (gst_harness_push (h, make_gated (&gate, 64)), GST_FLOW_OK);
  wait_entered (&gate);
  gst_harness_push_event (h, gst_event_new_gap (0, 1));
  /* out of band: does not wait */
  gst_harness_push_event (h,
      gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM_OOB,
          gst_structure_new_empty ("oob")));
  do {
    event = gst_harness_pull_event (h);
    type = GST_EVENT_TYPE (event);
    ck_assert_int_ne (type, GST_EVENT_GAP);
    gst_event_unref (event);
  } while (type != GST_EVENT_CUSTOM_DOWNSTREAM_OOB);
  open_gate (&gate);
  gst_buffer_unref (gst_harness_pull (h));
  /* The stream's own events may have been later than the one out of band. */
  do {
    event = gst_harness_pull_event (h);
    type = GST_EVENT_TYPE (event);
    ck_assert (type == GST_EVENT_GAP || GST_EVENT_IS_STICKY (event));
    gst_event_unref (event);
  } while (type != GST_EVENT_GAP);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (an_output_comes_though_no_further_input_does)
{
  gchar *kernel;
  GstHarness *h;
  Gate gate = {
    0,
  };

  if (is_inline (__i__))
    return;
  h = make_gate_harness (__i__, &kernel);
  ck_assert_int_eq (gst_harness_push (h, make_gated (&gate, 64)), GST_FLOW_OK);
  open_gate (&gate);
  gst_buffer_unref (gst_harness_pull (h));
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (buffer_lists_come_out_in_order)
{
  GstHarness *h = make_harness ("copy", __i__);
  GstBufferList *list, *shared;
  guint round, i;

  gst_harness_set_src_caps_str (h, "application/x");
  for (round = 0; round < 2; round++) {
    list = gst_buffer_list_new ();
    for (i = 0; i < 50; i++)
      gst_buffer_list_add (list, make_bytes (10 + i, i));
    shared = round ? gst_buffer_list_ref (list) : NULL;
    ck_assert_int_eq (gst_pad_push_list (h->srcpad, list), GST_FLOW_OK);
    for (i = 0; i < 50; i++) {
      GstBuffer *buffer = gst_harness_pull (h);

      ck_assert_uint_eq (gst_buffer_get_size (buffer), 10 + i);
      ck_assert_uint_eq (first_byte (buffer), i);
      gst_buffer_unref (buffer);
    }
    if (shared) {
      ck_assert_uint_eq (gst_buffer_list_length (shared), 50);
      gst_buffer_list_unref (shared);
    }
  }
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (empty_buffers_pass)
{
  GstHarness *h = make_harness ("copy", __i__);
  GstBuffer *buffer;
  guint i;

  gst_harness_set_src_caps_str (h, "application/x");
  for (i = 0; i < 10; i++) {
    buffer = i % 2 ? make_bytes (4, i) : gst_buffer_new ();
    GST_BUFFER_OFFSET (buffer) = i;
    ck_assert_int_eq (gst_harness_push (h, buffer), GST_FLOW_OK);
  }
  for (i = 0; i < 10; i++) {
    buffer = gst_harness_pull (h);
    ck_assert_uint_eq (GST_BUFFER_OFFSET (buffer), i);
    ck_assert_uint_eq (gst_buffer_get_size (buffer), i % 2 ? 4 : 0);
    gst_buffer_unref (buffer);
  }
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* As one with GAP that stands for no new frame. */
GST_START_TEST (empty_video_buffers_pass)
{
  GstHarness *h = make_harness ("invert", __i__);
  GstBuffer *buffer = gst_buffer_new ();

  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_GAP);
  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=GRAY8,width=16,height=16,framerate=25/1");
  ck_assert_int_eq (gst_harness_push (h, buffer), GST_FLOW_OK);
  ck_assert_int_eq (gst_harness_push (h, make_bytes (256, 1)), GST_FLOW_OK);
  buffer = gst_harness_pull (h);
  ck_assert_uint_eq (gst_buffer_get_size (buffer), 0);
  ck_assert (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP));
  gst_buffer_unref (buffer);
  buffer = gst_harness_pull (h);
  ck_assert_uint_eq (first_byte (buffer), 254);
  gst_buffer_unref (buffer);
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* ---- bounds ------------------------------------------------------------------------ */

typedef struct
{
  GstHarness *h;
  guint n;
  gint pushed; /* atomic */
  gint result; /* atomic: the last flow return */
  Gate *gate;
} Pusher;

static gpointer
push_gated (gpointer data)
{
  Pusher *p = data;
  GstFlowReturn ret = GST_FLOW_OK;
  guint i;

  for (i = 0; i < p->n && ret == GST_FLOW_OK; i++) {
    ret = gst_pad_push (p->h->srcpad, make_gated (p->gate, 64));
    if (ret == GST_FLOW_OK)
      g_atomic_int_inc (&p->pushed);
  }
  g_atomic_int_set (&p->result, ret);
  return NULL;
}

static void
wait_pushed (Pusher *p, gint n)
{
  while (g_atomic_int_get (&p->pushed) < n)
    g_thread_yield ();
}

GST_START_TEST (no_more_than_max_in_flight_are_taken)
{
  gchar *kernel;
  GstHarness *h;
  Gate gate = {
    0,
  };
  Pusher p = { NULL, 20, 0, 0, &gate };
  GThread *thread;
  guint i;

  if (is_inline (__i__))
    return;
  h = make_gate_harness (__i__, &kernel);
  /* A machine with much to do is slow; that is no kernel that hangs. */
  g_object_set (h->element, "max-in-flight", 3, "termination-timeout",
      (guint64) 60 * G_USEC_PER_SEC, NULL);
  p.h = h;
  thread = g_thread_new ("pusher", push_gated, &p);
  wait_pushed (&p, 3);
  for (i = 0; i < 100; i++)
    g_thread_yield ();
  ck_assert_int_eq (g_atomic_int_get (&p.pushed), 3);
  ck_assert_uint_eq (get_stat (h->element, "in-flight"), 3);
  /* A higher bound counts at once. */
  g_object_set (h->element, "max-in-flight", 5, NULL);
  wait_pushed (&p, 5);
  open_gate (&gate);
  for (i = 0; i < 20; i++)
    gst_buffer_unref (gst_harness_pull (h));
  g_thread_join (thread);
  ck_assert_int_eq (p.result, GST_FLOW_OK);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (a_flush_lets_a_waiting_chain_go)
{
  gchar *kernel;
  GstHarness *h;
  Gate gate = {
    0,
  };
  Pusher p = { NULL, 20, 0, 0, &gate };
  GstBuffer *buffer;
  GThread *thread;

  if (is_inline (__i__))
    return;
  h = make_gate_harness (__i__, &kernel);
  g_object_set (h->element, "max-in-flight", 2, NULL);
  p.h = h;
  thread = g_thread_new ("pusher", push_gated, &p);
  wait_pushed (&p, 2);
  gst_harness_push_event (h, gst_event_new_flush_start ());
  g_thread_join (thread);
  ck_assert_int_eq (p.result, GST_FLOW_FLUSHING);
  open_gate (&gate);
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  {
    GstSegment segment;

    gst_segment_init (&segment, GST_FORMAT_TIME);
    gst_harness_push_event (h, gst_event_new_segment (&segment));
  }
  ck_assert_int_eq (gst_harness_push (h, make_bytes (4, 77)), GST_FLOW_OK);
  /* Of what was in flight nothing comes. */
  buffer = gst_harness_pull (h);
  ck_assert_uint_eq (gst_buffer_get_size (buffer), 4);
  ck_assert (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref (buffer);
  ck_assert_uint_eq (get_stat (h->element, "in-flight"), 0);
  ck_assert_uint_eq (get_stat (h->element, "accepted"),
      get_stat (h->element, "delivered") + get_stat (h->element, "discarded"));
  fail_on_errors (h->element);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

/* Once the chain function has been let go. */
static gpointer
open_when_flushing (gpointer data)
{
  Pusher *p = data;

  while (g_atomic_int_get (&p->result) == GST_FLOW_OK)
    g_thread_yield ();
  open_gate (p->gate);
  return NULL;
}

GST_START_TEST (a_state_change_lets_a_waiting_chain_go)
{
  gchar *kernel;
  GstHarness *h;
  Gate gate = {
    0,
  };
  Pusher p = { NULL, 20, 0, 0, &gate };
  GThread *thread, *opener;

  if (is_inline (__i__))
    return;
  h = make_gate_harness (__i__, &kernel);
  g_object_set (h->element, "max-in-flight", 2, NULL);
  p.h = h;
  thread = g_thread_new ("pusher", push_gated, &p);
  wait_pushed (&p, 2);
  /* The kernel is inside a message and cannot be stopped there. */
  opener = g_thread_new ("opener", open_when_flushing, &p);
  ck_assert_int_eq (gst_element_set_state (h->element, GST_STATE_NULL),
      GST_STATE_CHANGE_SUCCESS);
  g_thread_join (thread);
  g_thread_join (opener);
  ck_assert_int_eq (p.result, GST_FLOW_FLUSHING);
  ck_assert_uint_eq (gst_harness_buffers_received (h), 0);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

/* ---- EOS ---------------------------------------------------------------------------- */

GST_START_TEST (eos_comes_after_everything)
{
  GstHarness *h = make_harness ("copy", __i__);
  GstEvent *event;
  guint i;

  gst_harness_set_src_caps_str (h, "application/x");
  for (i = 0; i < 100; i++)
    ck_assert_int_eq (gst_harness_push (h, make_bytes (1000, i)), GST_FLOW_OK);
  ck_assert (gst_harness_push_event (h, gst_event_new_eos ()));
  do {
    event = gst_harness_pull_event (h);
    gst_event_unref (event);
  } while (GST_EVENT_TYPE (event) != GST_EVENT_EOS);
  ck_assert_uint_eq (gst_harness_buffers_received (h), 100);
  for (i = 0; i < 100; i++) {
    GstBuffer *buffer = gst_harness_pull (h);

    ck_assert_uint_eq (first_byte (buffer), i);
    gst_buffer_unref (buffer);
  }
  ck_assert_int_eq (gst_harness_push (h, make_bytes (4, 0)), GST_FLOW_EOS);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (after_eos_a_flush_begins_anew)
{
  GstHarness *h = make_harness ("copy", __i__);
  GstSegment segment;
  guint round;

  gst_harness_set_src_caps_str (h, "application/x");
  gst_segment_init (&segment, GST_FORMAT_TIME);
  for (round = 0; round < 5; round++) {
    ck_assert_int_eq (gst_harness_push (h, make_bytes (4, round)), GST_FLOW_OK);
    gst_buffer_unref (gst_harness_pull (h));
    gst_harness_push_event (h, gst_event_new_eos ());
    gst_harness_push_event (h, gst_event_new_flush_start ());
    gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
    gst_harness_push_event (h, gst_event_new_segment (&segment));
  }
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* Downstream has had enough: upstream is told, and no error is posted. */
GST_START_TEST (eos_from_downstream_goes_upstream)
{
  GError *error = NULL;
  gchar *line = g_strdup_printf (
      "fakesrc num-buffers=100000 sizetype=fixed "
      "sizemax=64 ! identity name=i ! ringkernelfilter kernel=copy "
      "execution-mode=%s ! identity eos-after=10 ! fakesink async=false",
      mode_names[__i__]);
  GstElement *pipeline = gst_parse_launch (line, &error);
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;

  g_assert_no_error (error);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
      GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  ck_assert_int_eq (GST_MESSAGE_TYPE (message), GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  g_free (line);
}

GST_END_TEST;

/* ---- flush --------------------------------------------------------------------------- */

GST_START_TEST (sticky_events_survive_a_flush)
{
  gchar *kernel;
  GstHarness *h;
  Gate gate = {
    0,
  };
  GstEvent *event;
  GstPad *pad;

  if (is_inline (__i__))
    return;
  h = make_gate_harness (__i__, &kernel);
  ck_assert_int_eq (gst_harness_push (h, make_gated (&gate, 64)), GST_FLOW_OK);
  wait_entered (&gate);
  gst_harness_push_event (h,
      gst_event_new_tag (gst_tag_list_new (GST_TAG_TITLE, "held up", NULL)));
  gst_harness_push_event (h, gst_event_new_flush_start ());
  open_gate (&gate);
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  pad = gst_element_get_static_pad (h->element, "src");
  event = gst_pad_get_sticky_event (pad, GST_EVENT_TAG, 0);
  ck_assert (event != NULL);
  gst_event_unref (event);
  ck_assert (!gst_pad_get_sticky_event (pad, GST_EVENT_EOS, 0));
  gst_object_unref (pad);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (the_kernels_state_does_not_survive_a_flush)
{
  GstHarness *h = make_harness ("decimate", __i__);
  GstSegment segment;
  guint round;

  g_object_set (h->element, "params", "factor=3", NULL);
  gst_harness_set_src_caps_str (h, "application/x");
  gst_segment_init (&segment, GST_FORMAT_TIME);
  for (round = 0; round < 4; round++) {
    /* Two of three: the third never comes. */
    gst_harness_push (h, make_bytes (16, 0));
    gst_harness_push (h, make_bytes (16, 0));
    gst_harness_push_event (h, gst_event_new_flush_start ());
    gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
    gst_harness_push_event (h, gst_event_new_segment (&segment));
  }
  gst_harness_push_event (h, gst_event_new_eos ());
  for (;;) {
    GstEvent *event = gst_harness_pull_event (h);
    const gboolean eos = GST_EVENT_TYPE (event) == GST_EVENT_EOS;

    gst_event_unref (event);
    if (eos)
      break;
  }
  ck_assert_uint_eq (gst_harness_buffers_received (h), 0);
  end_harness (h);
}

GST_END_TEST;

/* It never finishes, whatever is asked of it: a flush, and then the state change,
 * wait for it no longer than they were told to, and one error says what it was. */
GST_START_TEST (a_kernel_that_hangs_is_given_up)
{
  /* The kernel holds on to it, and so do we; one for each round. */
  static Gate gates[3];
  Gate *gate = &gates[__i__];
  GstSegment segment;
  GstElement *filter;
  gchar *kernel, *text = NULL;
  GstHarness *h;
  guint i;

  if (is_inline (__i__))
    return;
  kernel = test_kernel ("gate");
  filter = make_filter (kernel, __i__);
  g_object_set (filter, "termination-timeout", (guint64) 100000, NULL);
  h = gst_harness_new_with_element (filter, "sink", "src");
  gst_object_unref (filter);
  gst_harness_set_src_caps_str (h, "application/x");
  for (i = 0; i < 3; i++)
    ck_assert_int_eq (gst_harness_push (h, make_gated (gate, 64)), GST_FLOW_OK);
  wait_entered (gate);
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  ck_assert_int_eq (gst_harness_push (h, make_bytes (4, 0)), GST_FLOW_ERROR);
  ck_assert_uint_eq (count_messages (h->element, GST_MESSAGE_ERROR, &text), 1);
  ck_assert_msg (strstr (text, "gate") != NULL, "%s", text);
  g_free (text);
  ck_assert_uint_eq (gst_harness_buffers_received (h), 0);
  ck_assert_uint_eq (get_stat (h->element, "in-flight"), 0);
  gst_element_set_state (h->element, GST_STATE_NULL);

  /* Its memory was not freed meanwhile; and another one can be launched. */
  open_gate (gate);
  while (!__atomic_load_n (&gate->left, __ATOMIC_ACQUIRE))
    g_thread_yield ();
  gst_harness_play (h);
  gst_harness_set_src_caps_str (h, "application/y");
  ck_assert_int_eq (gst_harness_push (h, make_bytes (4, 7)), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  fail_on_errors (h->element);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

typedef struct
{
  GstHarness *h;
  gint stop;
  GMutex lock; /* a segment comes right after the flush */
} Flusher;

static gpointer
flush_often (gpointer data)
{
  Flusher *f = data;
  GstSegment segment;
  guint i;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  for (i = 0; i < 200; i++) {
    gst_harness_push_event (f->h, gst_event_new_flush_start ());
    g_mutex_lock (&f->lock);
    gst_harness_push_event (f->h, gst_event_new_flush_stop (TRUE));
    gst_harness_push_event (f->h, gst_event_new_segment (&segment));
    g_mutex_unlock (&f->lock);
  }
  g_atomic_int_set (&f->stop, 1);
  return NULL;
}

GST_START_TEST (flushes_while_data_flows)
{
  GstHarness *h = make_harness ("copy", __i__);
  Flusher f = { .h = h };
  GThread *thread;

  gst_harness_set_drop_buffers (h, TRUE);
  gst_harness_set_src_caps_str (h, "application/x");
  thread = g_thread_new ("flusher", flush_often, &f);
  while (!g_atomic_int_get (&f.stop)) {
    GstFlowReturn ret;

    g_mutex_lock (&f.lock);
    ret = gst_harness_push (h, make_bytes (100, 1));
    g_mutex_unlock (&f.lock);
    ck_assert (ret == GST_FLOW_OK || ret == GST_FLOW_FLUSHING);
  }
  g_thread_join (thread);
  ck_assert_int_eq (gst_harness_push (h, make_bytes (100, 1)), GST_FLOW_OK);
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* The harness's stress threads: data, events both ways, properties, flushes. */
GST_START_TEST (stress)
{
  GstHarness *h = make_harness ("copy", __i__);
  GstHarnessThread *threads[4];
  GstSegment segment;
  GstBuffer *buffer = make_bytes (256, 1);
  GstCaps *caps = gst_caps_from_string ("application/x");
  GstEvent *oob = gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM_OOB,
      gst_structure_new_empty ("x"));
  GstEvent *reconfigure = gst_event_new_reconfigure ();
  GValue depth = G_VALUE_INIT;

  gst_harness_set_drop_buffers (h, TRUE);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  g_value_init (&depth, G_TYPE_UINT);
  g_value_set_uint (&depth, 2);
  threads[0] = gst_harness_stress_push_buffer_start (h, caps, &segment, buffer);
  threads[1] = gst_harness_stress_push_event_start (h, oob);
  threads[2] = gst_harness_stress_send_upstream_event_start (h, reconfigure);
  threads[3] = gst_harness_stress_property_start (h, "max-in-flight", &depth);
  while (gst_harness_buffers_received (h) < 5000)
    g_thread_yield ();
  gst_harness_stress_thread_stop (threads[3]);
  gst_harness_stress_thread_stop (threads[2]);
  gst_harness_stress_thread_stop (threads[1]);
  gst_harness_stress_thread_stop (threads[0]);
  fail_on_errors (h->element);
  gst_event_unref (oob);
  gst_event_unref (reconfigure);
  gst_buffer_unref (buffer);
  gst_caps_unref (caps);
  end_harness (h);
}

GST_END_TEST;

static Suite *
flow_suite (void)
{
  Suite *s = suite_create ("flow");
  TCase *tc = tcase_create ("flow");

  suite_add_tcase (s, tc);
  tcase_add_mode_test (tc, buffers_events_and_queries_keep_their_order);
  tcase_add_gate_test (tc, an_event_waits_behind_a_buffer_in_flight);
  tcase_add_gate_test (tc, an_output_comes_though_no_further_input_does);
  tcase_add_mode_test (tc, buffer_lists_come_out_in_order);
  tcase_add_mode_test (tc, empty_buffers_pass);
  tcase_add_mode_test (tc, empty_video_buffers_pass);
  tcase_add_gate_test (tc, no_more_than_max_in_flight_are_taken);
  tcase_add_gate_test (tc, a_flush_lets_a_waiting_chain_go);
  tcase_add_gate_test (tc, a_state_change_lets_a_waiting_chain_go);
  tcase_add_mode_test (tc, eos_comes_after_everything);
  tcase_add_mode_test (tc, after_eos_a_flush_begins_anew);
  tcase_add_mode_test (tc, eos_from_downstream_goes_upstream);
  tcase_add_gate_test (tc, sticky_events_survive_a_flush);
  tcase_add_mode_test (tc, the_kernels_state_does_not_survive_a_flush);
  tcase_add_gate_test (tc, a_kernel_that_hangs_is_given_up);
  tcase_add_mode_test (tc, flushes_while_data_flows);
  tcase_add_mode_test (tc, stress);
  return s;
}

GST_CHECK_MAIN (flow);
