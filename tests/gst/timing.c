/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * timing.c: times, flags and metas of what comes out; QoS; latency.
 */
#include "gst-ring-test.h"

#include <gst/video/gstvideometa.h>

#define GRAY_CAPS "video/x-raw,format=GRAY8,width=16,height=4,framerate=25/1"
#define RGB_CAPS "video/x-raw,format=RGB,width=16,height=4,framerate=25/1"

/* ---- one for one ------------------------------------------------------------------ */

GST_START_TEST (times_offsets_and_flags_are_kept)
{
  static const gchar *const kernels[] = { "invert", "edges", "gray" };
  guint k, i;

  for (k = 0; k < G_N_ELEMENTS (kernels); k++) {
    GstHarness *h = make_harness (kernels[k], __i__);

    gst_harness_set_src_caps_str (h, RGB_CAPS);
    for (i = 0; i < 10; i++) {
      GstBuffer *in = make_bytes (192, 0);

      GST_BUFFER_PTS (in) = (100 + i) * GST_MSECOND;
      GST_BUFFER_DTS (in) = (90 + i) * GST_MSECOND;
      GST_BUFFER_DURATION (in) = i == 3 ? GST_CLOCK_TIME_NONE : 7;
      GST_BUFFER_OFFSET (in) = 1000 + i;
      GST_BUFFER_OFFSET_END (in) = 2000 + i;
      if (i % 2)
        GST_BUFFER_FLAG_SET (in, GST_BUFFER_FLAG_DISCONT);
      if (i % 3 == 0)
        GST_BUFFER_FLAG_SET (in, GST_BUFFER_FLAG_GAP);
      if (i % 4 == 0)
        GST_BUFFER_FLAG_SET (in, GST_BUFFER_FLAG_DELTA_UNIT);
      ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
    }
    for (i = 0; i < 10; i++) {
      GstBuffer *out = gst_harness_pull (h);

      ck_assert_uint_eq (GST_BUFFER_PTS (out), (100 + i) * GST_MSECOND);
      ck_assert_uint_eq (GST_BUFFER_DTS (out), (90 + i) * GST_MSECOND);
      ck_assert_uint_eq (GST_BUFFER_DURATION (out),
          i == 3 ? GST_CLOCK_TIME_NONE : 7);
      ck_assert_uint_eq (GST_BUFFER_OFFSET (out), 1000 + i);
      ck_assert_uint_eq (GST_BUFFER_OFFSET_END (out), 2000 + i);
      ck_assert_int_eq (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_DISCONT),
          i % 2 != 0);
      /* What the kernel made of a gap is none. */
      ck_assert (!GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_GAP));
      ck_assert_int_eq (GST_BUFFER_FLAG_IS_SET (out,
                            GST_BUFFER_FLAG_DELTA_UNIT),
          i % 4 == 0);
      gst_buffer_unref (out);
    }
    end_harness (h);
  }
}

GST_END_TEST;

GST_START_TEST (a_gap_buffer_is_processed_as_any_other)
{
  GstHarness *h = make_harness ("invert", __i__);
  GstBuffer *buffer = make_bytes (64, 1);

  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_GAP);
  gst_harness_set_src_caps_str (h, GRAY_CAPS);
  gst_harness_push (h, buffer);
  buffer = gst_harness_pull (h);
  ck_assert_uint_eq (first_byte (buffer), 254);
  ck_assert (!GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP));
  gst_buffer_unref (buffer);
  end_harness (h);
}

GST_END_TEST;

/* Elements behind take a buffer with GAP for silence, whatever is in it. */
GST_START_TEST (an_echo_is_heard_in_a_gap)
{
  const guint n = 800;
  gchar *line = g_strdup_printf (
      "ringkernelfilter kernel=delay "
      "execution-mode=%s params=\"time=0.05 mix=0.5\" "
      "! audioconvert ! capsfilter caps=audio/x-raw,format=S32LE",
      mode_names[__i__]);
  GstHarness *h = gst_harness_new_parse (line);
  guint i, k;

  gst_harness_set_src_caps_str (h,
      "audio/x-raw,format=F32LE,rate=8000,channels=1,layout=interleaved");
  for (i = 0; i < 2; i++) {
    GstBuffer *buffer = make_bytes (n * sizeof (gfloat), 0);
    GstMapInfo map;

    GST_BUFFER_PTS (buffer) = i * 100 * GST_MSECOND;
    GST_BUFFER_DURATION (buffer) = 100 * GST_MSECOND;
    if (i == 0) {
      gst_buffer_map (buffer, &map, GST_MAP_WRITE);
      for (k = 0; k < n; k++)
        ((gfloat *) map.data)[k] = 0.5f;
      gst_buffer_unmap (buffer, &map);
    } else {
      GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_GAP);
    }
    ck_assert_int_eq (gst_harness_push (h, buffer), GST_FLOW_OK);
  }
  gst_buffer_unref (gst_harness_pull (h));
  {
    GstBuffer *buffer = gst_harness_pull (h);
    gint32 peak = 0, samples[800];

    ck_assert_uint_eq (gst_buffer_extract (buffer, 0, samples, sizeof samples),
        sizeof samples);
    for (k = 0; k < n; k++)
      peak = MAX (peak, samples[k]);
    ck_assert_int_gt (peak, G_MAXINT32 / 8);
    gst_buffer_unref (buffer);
  }
  gst_harness_teardown (h);
  g_free (line);
}

GST_END_TEST;

/* A timecode says nothing of colours, a chroma siting would: an untagged meta and
 * one that is tagged with what the kernel keeps stay. */
GST_START_TEST (metas_stay_where_they_still_hold)
{
  static const struct
  {
    const gchar *kernel;
    gboolean crop; /* tagged with size and orientation */
  } cases[] = { { "invert", TRUE }, { "edges", TRUE }, { "gray", TRUE } };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstHarness *h = make_harness (cases[i].kernel, __i__);
    GstCaps *reference = gst_caps_from_string ("timestamp/x-test");
    GstBuffer *buffer = make_bytes (192, 0);
    GstVideoCropMeta *crop;

    gst_buffer_add_reference_timestamp_meta (buffer, reference, 5, 6);
    crop = gst_buffer_add_video_crop_meta (buffer);
    crop->x = 3;
    crop->width = 7;
    gst_harness_set_src_caps_str (h, RGB_CAPS);
    gst_harness_push (h, buffer);
    buffer = gst_harness_pull (h);
    ck_assert (gst_buffer_get_reference_timestamp_meta (buffer, reference));
    crop = gst_buffer_get_video_crop_meta (buffer);
    ck_assert_int_eq (crop != NULL, cases[i].crop);
    if (crop)
      ck_assert_uint_eq (crop->width, 7);
    gst_buffer_unref (buffer);
    gst_caps_unref (reference);
    end_harness (h);
  }
}

GST_END_TEST;

/* ---- several for one, one for several ------------------------------------------------ */

GST_START_TEST (one_for_several_spans_them_all)
{
  GstHarness *h = make_harness ("decimate", __i__);
  guint i;

  g_object_set (h->element, "params", "factor=4", NULL);
  gst_harness_set_src_caps_str (h, "application/x");
  for (i = 0; i < 12; i++) {
    GstBuffer *in = make_bytes (16, 0);

    GST_BUFFER_PTS (in) = i * 10;
    GST_BUFFER_DURATION (in) = 10;
    GST_BUFFER_OFFSET (in) = i;
    GST_BUFFER_OFFSET_END (in) = i + 1;
    if (i == 5)
      GST_BUFFER_FLAG_SET (in, GST_BUFFER_FLAG_RESYNC);
    ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
  }
  for (i = 0; i < 3; i++) {
    GstBuffer *out = gst_harness_pull (h);

    ck_assert_uint_eq (gst_buffer_get_size (out), 16);
    ck_assert_uint_eq (GST_BUFFER_PTS (out), i * 40);
    ck_assert_uint_eq (GST_BUFFER_DURATION (out), 40);
    ck_assert_uint_eq (GST_BUFFER_OFFSET (out), i * 4);
    ck_assert_uint_eq (GST_BUFFER_OFFSET_END (out), i * 4 + 4);
    gst_buffer_unref (out);
  }
  ck_assert (gst_harness_try_pull (h) == NULL);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (several_for_one_share_its_time)
{
  gchar *kernel = test_kernel ("emit");
  GstHarness *h = make_harness (kernel, __i__);
  GstBuffer *buffer;
  guint n, i;

  gst_harness_set_src_caps_str (h, "application/x");
  for (n = 1; n <= 4; n++) {
    buffer = make_bytes (8, n);
    GST_BUFFER_PTS (buffer) = 1000 * n;
    GST_BUFFER_DURATION (buffer) = 120;
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
    ck_assert_int_eq (gst_harness_push (h, buffer), GST_FLOW_OK);
    for (i = 0; i < n; i++) {
      guint8 number = 99;

      buffer = gst_harness_pull (h);
      gst_buffer_extract (buffer, 1, &number, 1);
      ck_assert_uint_eq (number, i);
      ck_assert_uint_eq (GST_BUFFER_PTS (buffer), 1000 * n + i * 120 / n);
      ck_assert_uint_eq (GST_BUFFER_DURATION (buffer), 120 / n);
      ck_assert_int_eq (GST_BUFFER_FLAG_IS_SET (buffer,
                            GST_BUFFER_FLAG_DISCONT),
          i == 0);
      gst_buffer_unref (buffer);
    }
  }
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (none_or_one_for_one)
{
  gchar *kernel = test_kernel ("emit");
  GstHarness *h = make_harness (kernel, __i__);
  guint i;

  gst_harness_set_src_caps_str (h, "application/x");
  /* 0 1 0 1 …: each output begins where the silence before it began. */
  for (i = 0; i < 20; i++) {
    GstBuffer *in = make_bytes (8, i % 2);

    GST_BUFFER_PTS (in) = i * 10;
    GST_BUFFER_DURATION (in) = 10;
    if (i == 10)
      GST_BUFFER_FLAG_SET (in, GST_BUFFER_FLAG_DISCONT);
    ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
  }
  for (i = 0; i < 10; i++) {
    GstBuffer *out = gst_harness_pull (h);

    ck_assert_uint_eq (GST_BUFFER_PTS (out), i * 20);
    ck_assert_uint_eq (GST_BUFFER_DURATION (out), 20);
    /* The input that had it gave nothing, the next output carries it. */
    ck_assert_int_eq (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_DISCONT),
        i == 5);
    gst_buffer_unref (out);
  }
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (buffers_without_times_give_such)
{
  GstHarness *h = make_harness ("decimate", __i__);
  guint i;

  g_object_set (h->element, "params", "factor=2", NULL);
  gst_harness_set_src_caps_str (h, "application/x");
  for (i = 0; i < 4; i++)
    gst_harness_push (h, make_bytes (16, 0));
  for (i = 0; i < 2; i++) {
    GstBuffer *out = gst_harness_pull (h);

    ck_assert (!GST_BUFFER_PTS_IS_VALID (out));
    ck_assert (!GST_BUFFER_DURATION_IS_VALID (out));
    gst_buffer_unref (out);
  }
  end_harness (h);
}

GST_END_TEST;

/* ---- QoS ---------------------------------------------------------------------------- */

static void
send_qos (GstHarness *h, GstClockTime timestamp, GstClockTimeDiff diff)
{
  gst_harness_push_upstream_event (h,
      gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 2.0, diff, timestamp));
}

static guint
count_type (GstElement *element, GstMessageType type)
{
  GstBus *bus = gst_element_get_bus (element);
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop (bus))) {
    if (GST_MESSAGE_TYPE (message) == type)
      n++;
    gst_message_unref (message);
  }
  gst_object_unref (bus);
  return n;
}

GST_START_TEST (late_frames_are_dropped_before_the_kernel)
{
  GstHarness *h = make_harness ("invert", __i__);
  guint i;

  gst_harness_set_src_caps_str (h, GRAY_CAPS);
  count_type (h->element, GST_MESSAGE_QOS);
  /* Late by 50 ms at 100 ms: nothing up to 200 ms makes it in time. */
  send_qos (h, 100 * GST_MSECOND, 50 * GST_MSECOND);
  for (i = 0; i < 10; i++) {
    GstBuffer *in = make_bytes (64, i);

    GST_BUFFER_PTS (in) = i * 40 * GST_MSECOND;
    ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
  }
  for (i = 6; i < 10; i++) {
    GstBuffer *out = gst_harness_pull (h);

    ck_assert_uint_eq (first_byte (out), 255 - i);
    ck_assert_int_eq (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_DISCONT),
        i == 6);
    gst_buffer_unref (out);
  }
  ck_assert_uint_eq (get_stat (h->element, "accepted"), 4);
  ck_assert_uint_eq (get_stat (h->element, "dropped"), 6);
  ck_assert_uint_eq (count_type (h->element, GST_MESSAGE_QOS), 6);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (after_a_long_hold_up_a_second_is_dropped_at_most)
{
  GstHarness *h = make_harness ("invert", __i__);
  guint i;

  gst_harness_set_src_caps_str (h, GRAY_CAPS);
  send_qos (h, 0, 4 * GST_SECOND);
  for (i = 0; i <= 10; i++) {
    GstBuffer *in = make_bytes (64, i);

    GST_BUFFER_PTS (in) = i * 200 * GST_MSECOND;
    ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
  }
  for (i = 6; i <= 10; i++)
    gst_buffer_unref (gst_harness_pull (h));
  ck_assert_uint_eq (get_stat (h->element, "dropped"), 6);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (without_qos_nothing_is_dropped)
{
  GstHarness *h = make_harness ("invert", __i__);
  guint i;

  g_object_set (h->element, "qos", FALSE, NULL);
  gst_harness_set_src_caps_str (h, GRAY_CAPS);
  send_qos (h, 100 * GST_MSECOND, 50 * GST_MSECOND);
  for (i = 0; i < 10; i++) {
    GstBuffer *in = make_bytes (64, i);

    GST_BUFFER_PTS (in) = i * 40 * GST_MSECOND;
    gst_harness_push (h, in);
    gst_buffer_unref (gst_harness_pull (h));
  }
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (audio_is_never_dropped)
{
  GstHarness *h = make_harness ("gain", __i__);
  guint i;

  gst_harness_set_src_caps_str (h,
      "audio/x-raw,format=S16LE,rate=8000,channels=1,layout=interleaved");
  send_qos (h, 100 * GST_MSECOND, 50 * GST_MSECOND);
  for (i = 0; i < 10; i++) {
    GstBuffer *in = make_bytes (64, i);

    GST_BUFFER_PTS (in) = i * 4 * GST_MSECOND;
    gst_harness_push (h, in);
    gst_buffer_unref (gst_harness_pull (h));
  }
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (a_flush_forgets_qos)
{
  GstHarness *h = make_harness ("invert", __i__);
  GstSegment segment;
  GstBuffer *in = make_bytes (64, 0);

  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_set_src_caps_str (h, GRAY_CAPS);
  send_qos (h, 100 * GST_MSECOND, 50 * GST_MSECOND);
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  GST_BUFFER_PTS (in) = 0;
  gst_harness_push (h, in);
  gst_buffer_unref (gst_harness_pull (h));
  end_harness (h);
}

GST_END_TEST;

/* ---- latency -------------------------------------------------------------------------- */

GST_START_TEST (inline_adds_no_latency_other_modes_a_frame)
{
  GstHarness *h = make_harness ("invert", __i__);

  gst_harness_set_upstream_latency (h, 10 * GST_MSECOND);
  gst_harness_set_src_caps_str (h, GRAY_CAPS);
  gst_harness_push (h, make_bytes (64, 0));
  gst_buffer_unref (gst_harness_pull (h));
  ck_assert_uint_eq (gst_harness_query_latency (h),
      (is_inline (__i__) ? 10 : 50) * GST_MSECOND);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (what_a_kernel_holds_back_is_latency)
{
  GstHarness *h = make_harness ("decimate", __i__);
  guint i;

  g_object_set (h->element, "params", "factor=4", NULL);
  gst_harness_set_src_caps_str (h, "application/x");
  count_type (h->element, GST_MESSAGE_LATENCY);
  for (i = 0; i < 8; i++) {
    GstBuffer *in = make_bytes (16, 0);

    GST_BUFFER_PTS (in) = i * GST_MSECOND;
    GST_BUFFER_DURATION (in) = GST_MSECOND;
    gst_harness_push (h, in);
  }
  gst_buffer_unref (gst_harness_pull (h));
  gst_buffer_unref (gst_harness_pull (h));
  ck_assert_uint_eq (gst_harness_query_latency (h), 3 * GST_MSECOND);
  ck_assert_uint_eq (count_type (h->element, GST_MESSAGE_LATENCY), 1);
  end_harness (h);
}

GST_END_TEST;

/* ---- pass-through queries ---------------------------------------------------------------- */

GST_START_TEST (position_and_duration_pass_through)
{
  GstElement *pipeline;
  gchar *line = g_strdup_printf (
      "videotestsrc num-buffers=25 ! "
      "video/x-raw,width=16,height=16,framerate=25/1 ! ringkernelfilter "
      "name=f kernel=invert execution-mode=%s ! fakesink name=s sync=false",
      mode_names[__i__]);
  GstBus *bus;
  GstElement *filter;
  GstMessage *message;
  gint64 position = -1;
  GstPad *pad;

  pipeline = gst_parse_launch (line, NULL);
  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
      GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  ck_assert_int_eq (GST_MESSAGE_TYPE (message), GST_MESSAGE_EOS);
  gst_message_unref (message);
  filter = gst_bin_get_by_name (GST_BIN (pipeline), "f");
  pad = gst_element_get_static_pad (filter, "src");
  ck_assert (gst_pad_query_position (pad, GST_FORMAT_TIME, &position));
  ck_assert_int_ge (position, 0);
  gst_object_unref (pad);
  gst_object_unref (filter);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  g_free (line);
}

GST_END_TEST;

static Suite *
timing_suite (void)
{
  Suite *s = suite_create ("timing");
  TCase *tc = tcase_create ("timing");

  suite_add_tcase (s, tc);
  tcase_add_mode_test (tc, times_offsets_and_flags_are_kept);
  tcase_add_mode_test (tc, a_gap_buffer_is_processed_as_any_other);
  tcase_add_mode_test (tc, an_echo_is_heard_in_a_gap);
  tcase_add_mode_test (tc, metas_stay_where_they_still_hold);
  tcase_add_mode_test (tc, one_for_several_spans_them_all);
  tcase_add_mode_test (tc, several_for_one_share_its_time);
  tcase_add_mode_test (tc, none_or_one_for_one);
  tcase_add_mode_test (tc, buffers_without_times_give_such);
  tcase_add_mode_test (tc, late_frames_are_dropped_before_the_kernel);
  tcase_add_mode_test (tc, after_a_long_hold_up_a_second_is_dropped_at_most);
  tcase_add_mode_test (tc, without_qos_nothing_is_dropped);
  tcase_add_mode_test (tc, audio_is_never_dropped);
  tcase_add_mode_test (tc, a_flush_forgets_qos);
  tcase_add_mode_test (tc, inline_adds_no_latency_other_modes_a_frame);
  tcase_add_mode_test (tc, what_a_kernel_holds_back_is_latency);
  tcase_add_mode_test (tc, position_and_duration_pass_through);
  return s;
}

GST_CHECK_MAIN (timing);
