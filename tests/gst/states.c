/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * states.c: states in every order, with and without data.
 */
#include "gst-ring-test.h"

static void
set_state (GstElement *element, GstState state)
{
  ck_assert_int_ne (gst_element_set_state (element, state),
      GST_STATE_CHANGE_FAILURE);
  ck_assert_int_ne (gst_element_get_state (element, NULL, NULL,
                        GST_CLOCK_TIME_NONE),
      GST_STATE_CHANGE_FAILURE);
}

/* Every sequence of four states. */
GST_START_TEST (states_in_every_order)
{
  GstElement *filter = make_filter ("copy", __i__);
  guint order;

  for (order = 0; order < 256; order++) {
    guint i, rest = order;

    for (i = 0; i < 4; i++, rest /= 4)
      set_state (filter, GST_STATE_NULL + rest % 4);
  }
  fail_on_errors (filter);
  end_filter (filter);
}

GST_END_TEST;

GST_START_TEST (states_in_every_order_with_data)
{
  gchar *line = g_strdup_printf (
      "fakesrc sizetype=fixed sizemax=64 ! "
      "ringkernelfilter name=f kernel=copy execution-mode=%s ! "
      "fakesink async=false",
      mode_names[__i__]);
  GstElement *pipeline = gst_parse_launch (line, NULL);
  GstBus *bus = gst_element_get_bus (pipeline);
  guint order;

  for (order = 0; order < 64; order++) {
    guint i, rest = order;

    for (i = 0; i < 3; i++, rest /= 4)
      set_state (pipeline, GST_STATE_NULL + rest % 4);
  }
  ck_assert (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR) == NULL);
  set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  g_free (line);
}

GST_END_TEST;

/* Without a kernel it refuses, each time, and stays usable. */
GST_START_TEST (without_a_kernel_it_never_gets_ready)
{
  GstElement *filter = make_filter (NULL, __i__);
  guint i;

  for (i = 0; i < 5; i++) {
    ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_PLAYING),
        GST_STATE_CHANGE_FAILURE);
    ck_assert_uint_eq (count_messages (filter, GST_MESSAGE_ERROR, NULL), 1);
    set_state (filter, GST_STATE_NULL);
  }
  g_object_set (filter, "kernel", "copy", NULL);
  set_state (filter, GST_STATE_PLAYING);
  end_filter (filter);
}

GST_END_TEST;

GST_START_TEST (a_kernel_chosen_in_ready_is_the_one_that_runs)
{
  GstElement *filter = make_filter ("copy", __i__);
  GstHarness *h;
  GstBuffer *buffer;

  set_state (filter, GST_STATE_READY);
  g_object_set (filter, "kernel", "invert", NULL);
  h = gst_harness_new_with_element (filter, "sink", "src");
  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=GRAY8,width=4,height=4,framerate=25/1");
  ck_assert_int_eq (gst_harness_push (h, make_bytes (16, 0)), GST_FLOW_OK);
  buffer = gst_harness_pull (h);
  ck_assert_uint_eq (first_byte (buffer), 255);
  gst_buffer_unref (buffer);
  fail_on_errors (filter);
  end_harness (h);
  gst_object_unref (filter);
}

GST_END_TEST;

/* What the kernel remembers ends with PAUSED->READY. */
GST_START_TEST (a_stream_after_ready_begins_anew)
{
  GstHarness *h = make_harness ("decimate", __i__);
  guint round;

  g_object_set (h->element, "params", "factor=3", NULL);
  for (round = 0; round < 4; round++) {
    gst_harness_set_src_caps_str (h, "application/x");
    ck_assert_int_eq (gst_harness_push (h, make_bytes (16, 0)), GST_FLOW_OK);
    ck_assert_int_eq (gst_harness_push (h, make_bytes (16, 0)), GST_FLOW_OK);
    set_state (h->element, GST_STATE_READY);
    set_state (h->element, GST_STATE_PLAYING);
  }
  ck_assert_uint_eq (gst_harness_buffers_received (h), 0);
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* Two elements, one kernel: two instances. */
GST_START_TEST (several_elements_run_one_kernel)
{
  GstElement *filters[8];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (filters); i++) {
    filters[i] = make_filter ("temporal-denoise", __i__);
    set_state (filters[i], GST_STATE_PLAYING);
  }
  for (i = 0; i < G_N_ELEMENTS (filters); i++)
    end_filter (filters[i]);
}

GST_END_TEST;

GST_START_TEST (settings_at_their_limits_work)
{
  GstHarness *h;
  GstElement *filter = make_filter ("copy", __i__);
  guint i;

  g_object_set (filter, "queue-capacity", 1, "max-in-flight", 1, "lease",
      G_GUINT64_CONSTANT (1), "idle-timeout", G_GUINT64_CONSTANT (0),
      "poll-interval", 1, "grid-size", 1, "block-size", 1, NULL);
  h = gst_harness_new_with_element (filter, "sink", "src");
  gst_harness_set_src_caps_str (h, "application/x");
  for (i = 0; i < 300; i++) {
    GstBuffer *buffer;

    ck_assert_int_eq (gst_harness_push (h, make_bytes (4, i)), GST_FLOW_OK);
    buffer = gst_harness_pull (h);
    ck_assert_uint_eq (first_byte (buffer), i & 255);
    gst_buffer_unref (buffer);
  }
  fail_on_errors (filter);
  end_harness (h);
  gst_object_unref (filter);
}

GST_END_TEST;

/* It is about the kernel's end, and not about what it has as good as finished. */
GST_START_TEST (without_time_to_end_data_flows)
{
  GstElement *filter = make_filter ("copy", __i__);
  GstHarness *h;
  guint i;

  g_object_set (filter, "termination-timeout", (guint64) 0, "queue-capacity", 1,
      NULL);
  h = gst_harness_new_with_element (filter, "sink", "src");
  for (i = 0; i < 300; i++) {
    gst_harness_set_src_caps_str (h, i % 2 ? "application/x" : "application/y");
    ck_assert_int_eq (gst_harness_push (h, make_bytes (4, i)), GST_FLOW_OK);
    ck_assert_int_eq (gst_harness_push (h, make_bytes (4, i)), GST_FLOW_OK);
    gst_buffer_unref (gst_harness_pull (h));
    gst_buffer_unref (gst_harness_pull (h));
  }
  fail_on_errors (filter);
  end_harness (h);
  gst_object_unref (filter);
}

GST_END_TEST;

typedef struct
{
  GstPad *pad;
  GstCaps *caps;
  gint stop; /* atomic */
} Asker;

static gpointer
ask_for_allocation (gpointer data)
{
  Asker *a = data;

  while (!g_atomic_int_get (&a->stop)) {
    GstQuery *query = gst_query_new_allocation (a->caps, FALSE);

    gst_pad_query (a->pad, query);
    gst_query_unref (query);
  }
  return NULL;
}

/* They may be asked of pads that are not active, too. */
GST_START_TEST (allocation_queries_meet_state_changes)
{
  GstHarness *h = make_harness ("invert", __i__);
  Asker a = { .stop = 0 };
  GstSegment segment;
  GThread *thread;
  guint i;

  gst_harness_set_drop_buffers (h, TRUE);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  a.pad = gst_element_get_static_pad (h->element, "sink");
  a.caps = gst_caps_from_string (
      "video/x-raw,format=GRAY8,width=16,height=16,framerate=25/1");
  thread = g_thread_new ("asker", ask_for_allocation, &a);
  for (i = 0; i < 200; i++) {
    set_state (h->element, GST_STATE_PAUSED);
    gst_harness_push_event (h, gst_event_new_stream_start ("stream"));
    gst_harness_push_event (h, gst_event_new_caps (a.caps));
    gst_harness_push_event (h, gst_event_new_segment (&segment));
    ck_assert_int_eq (gst_harness_push (h, make_bytes (256, 1)), GST_FLOW_OK);
    set_state (h->element, i % 8 ? GST_STATE_READY : GST_STATE_NULL);
  }
  g_atomic_int_set (&a.stop, 1);
  g_thread_join (thread);
  fail_on_errors (h->element);
  gst_caps_unref (a.caps);
  gst_object_unref (a.pad);
  end_harness (h);
}

GST_END_TEST;

static Suite *
states_suite (void)
{
  Suite *s = suite_create ("states");
  TCase *tc = tcase_create ("states");

  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 120);
  tcase_add_mode_test (tc, states_in_every_order);
  tcase_add_mode_test (tc, states_in_every_order_with_data);
  tcase_add_mode_test (tc, without_a_kernel_it_never_gets_ready);
  tcase_add_mode_test (tc, a_kernel_chosen_in_ready_is_the_one_that_runs);
  tcase_add_mode_test (tc, a_stream_after_ready_begins_anew);
  tcase_add_mode_test (tc, several_elements_run_one_kernel);
  tcase_add_mode_test (tc, settings_at_their_limits_work);
  tcase_add_mode_test (tc, without_time_to_end_data_flows);
  tcase_add_mode_test (tc, allocation_queries_meet_state_changes);
  return s;
}

GST_CHECK_MAIN (states);
