/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * negotiation.c: caps.
 */
#include "gst-ring-test.h"

static void
check_caps (GstElement *filter, const gchar *pad_name, const gchar *filter_text,
    const gchar *expected_text)
{
  GstPad *pad = gst_element_get_static_pad (filter, pad_name);
  GstCaps *asked = filter_text ? gst_caps_from_string (filter_text) : NULL;
  GstCaps *expected = gst_caps_from_string (expected_text);
  GstCaps *caps = gst_pad_query_caps (pad, asked);

  ck_assert_msg (gst_caps_is_equal (caps, expected), "%s: got %s, expected %s",
      pad_name, gst_caps_to_string (caps), expected_text);
  gst_caps_unref (caps);
  gst_caps_unref (expected);
  gst_clear_caps (&asked);
  gst_object_unref (pad);
}

static gboolean
accepts (GstElement *filter, const gchar *pad_name, const gchar *text)
{
  GstPad *pad = gst_element_get_static_pad (filter, pad_name);
  GstCaps *caps = gst_caps_from_string (text);
  const gboolean accepted = gst_pad_query_accept_caps (pad, caps);

  gst_caps_unref (caps);
  gst_object_unref (pad);
  return accepted;
}

GST_START_TEST (without_a_kernel_anything_goes)
{
  GstElement *filter = make_filter (NULL, 0);

  check_caps (filter, "sink", NULL, "ANY");
  check_caps (filter, "src", NULL, "ANY");
  check_caps (filter, "sink", "text/plain", "text/plain");
  ck_assert (accepts (filter, "sink", "text/plain"));
  end_filter (filter);
}

GST_END_TEST;

/* From the moment that its name is set, before any state change, and the same
 * once it is launched. */
GST_START_TEST (a_video_kernel_has_its_formats)
{
  GstElement *filter = make_filter ("edges", 0);
  guint i;

  for (i = 0; i < 2; i++) {
    check_caps (filter, "sink",
        "video/x-raw,format={RGB,Y444},width=8,height=9",
        "video/x-raw,format=RGB,width=8,height=9,framerate=[0/1,2147483647/1]");
    check_caps (filter, "sink", "audio/x-raw", "EMPTY");
    ck_assert (accepts (filter, "sink",
        "video/x-raw,format=NV12,width=8,height=8,framerate=25/1"));
    ck_assert (!accepts (filter, "sink",
        "video/x-raw,format=Y444,width=8,height=8,framerate=25/1"));
    ck_assert (!accepts (filter, "sink",
        "video/x-raw(memory:CUDAMemory),format=NV12,width=8,height=8,"
        "framerate=25/1"));
    ck_assert (!accepts (filter, "sink", "image/jpeg"));
    ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_READY),
        GST_STATE_CHANGE_SUCCESS);
  }
  fail_on_errors (filter);
  end_filter (filter);
}

GST_END_TEST;

GST_START_TEST (another_kernel_has_other_formats)
{
  GstElement *filter = make_filter ("edges", 0);

  ck_assert (!accepts (filter, "sink",
      "audio/x-raw,format=F32LE,rate=8000,channels=2,layout=interleaved"));
  g_object_set (filter, "kernel", "fir", NULL);
  ck_assert (accepts (filter, "sink",
      "audio/x-raw,format=F32LE,rate=8000,channels=2,layout=interleaved"));
  ck_assert (!accepts (filter, "sink",
      "audio/x-raw,format=F64LE,rate=8000,channels=2,layout=interleaved"));
  g_object_set (filter, "kernel", "copy", NULL);
  ck_assert (accepts (filter, "sink", "image/jpeg"));
  end_filter (filter);
}

GST_END_TEST;

GST_START_TEST (a_kernel_that_changes_the_format_gives_that_one)
{
  GstElement *filter = make_filter ("gray", 0);

  check_caps (filter, "src", "video/x-raw,width=8,height=8,framerate=25/1",
      "video/x-raw,format=GRAY8,width=8,height=8,framerate=25/1");
  check_caps (filter, "src", "video/x-raw,format=RGB", "EMPTY");
  end_filter (filter);
}

GST_END_TEST;

GST_START_TEST (what_downstream_takes_limits_what_comes_in)
{
  GstHarness *h = make_harness ("invert", __i__);
  GstCaps *caps, *expected;

  gst_harness_set_sink_caps_str (h, "video/x-raw,format={RGB,I420},width=32");
  caps = gst_pad_peer_query_caps (h->srcpad, NULL);
  expected = gst_caps_from_string (
      "video/x-raw,format={RGB,I420},width=32,"
      "height=[1,134217727],framerate=[0/1,2147483647/1]");
  if (on_cuda (__i__)) {
    /* The same from CUDA memory, first. */
    GstCaps *cuda = gst_caps_copy (expected);

    gst_caps_set_features (cuda, 0,
        gst_caps_features_from_string ("memory:CUDAMemory"));
    gst_caps_append (cuda, expected);
    expected = cuda;
  }
  ck_assert_msg (gst_caps_is_strictly_equal (caps, expected), "%s",
      gst_caps_to_string (caps));
  gst_caps_unref (caps);
  gst_caps_unref (expected);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (output_caps_of_the_same_format_are_the_input_caps)
{
  GstHarness *h = make_harness ("invert", __i__);
  GstCaps *caps,
      *in = gst_caps_from_string (
          "video/x-raw,format=I420,"
          "width=18,height=14,framerate=25/1,pixel-aspect-ratio=16/15,"
          "colorimetry=bt709,chroma-site=jpeg,interlace-mode=progressive");

  gst_harness_set_src_caps (h, gst_caps_ref (in));
  ck_assert_int_eq (gst_harness_push (h, make_bytes (18 * 20 + 20 * 14, 0)),
      GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  caps = gst_pad_get_current_caps (h->sinkpad);
  ck_assert (gst_caps_is_equal (caps, in));
  gst_caps_unref (caps);
  gst_caps_unref (in);
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (output_caps_of_another_format_lose_the_colorimetry)
{
  GstHarness *h = make_harness ("gray", __i__);
  GstStructure *s;
  GstBuffer *buffer;
  GstCaps *caps;

  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=RGB,width=16,height=8,"
      "framerate=25/1,colorimetry=sRGB,pixel-aspect-ratio=16/15");
  ck_assert_int_eq (gst_harness_push (h, make_bytes (384, 200)), GST_FLOW_OK);
  buffer = gst_harness_pull (h);
  ck_assert_uint_eq (gst_buffer_get_size (buffer), 128);
  ck_assert_uint_eq (first_byte (buffer), 200);
  gst_buffer_unref (buffer);
  caps = gst_pad_get_current_caps (h->sinkpad);
  s = gst_caps_get_structure (caps, 0);
  ck_assert_str_eq (gst_structure_get_string (s, "format"), "GRAY8");
  ck_assert (gst_structure_has_field (s, "pixel-aspect-ratio"));
  ck_assert (!gst_structure_has_field (s, "colorimetry"));
  gst_caps_unref (caps);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (records_of_another_type_come_out_as_such)
{
  GstHarness *h = make_harness ("spike-detect", __i__);
  GstStructure *s;
  GstCaps *caps;

  gst_harness_set_src_caps_str (h,
      "application/x-ring-record,type=(string)\"(td)\"");
  gst_harness_push (h, make_bytes (16, 0));
  gst_harness_push_event (h, gst_event_new_eos ());
  while (TRUE) {
    GstEvent *event = gst_harness_pull_event (h);
    const gboolean eos = GST_EVENT_TYPE (event) == GST_EVENT_EOS;

    gst_event_unref (event);
    if (eos)
      break;
  }
  caps = gst_pad_get_current_caps (h->sinkpad);
  s = gst_caps_get_structure (caps, 0);
  ck_assert_str_eq (gst_structure_get_name (s), "application/x-ring-record");
  ck_assert_str_eq (gst_structure_get_string (s, "type"), "(tdd)");
  gst_caps_unref (caps);
  ck_assert (!accepts (h->element, "sink",
      "application/x-ring-record,type=(string)\"(tt)\""));
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* As from fdsrc: the kernel's type is known, so is the output's; and events come
 * in their proper order. */
GST_START_TEST (records_need_no_caps)
{
  GError *error = NULL;
  gchar *line = g_strdup_printf (
      "fakesrc num-buffers=30 sizetype=fixed "
      "sizemax=160 filltype=zero ! ringkernelfilter kernel=spike-detect "
      "execution-mode=%s ! application/x-ring-record,type=(string)\"(tdd)\" ! fakesink",
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

GST_START_TEST (bytes_need_no_caps)
{
  GstHarness *h = make_harness ("copy", __i__);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_harness_push_event (h, gst_event_new_stream_start ("x"));
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  ck_assert_int_eq (gst_pad_push (h->srcpad, make_bytes (7, 5)), GST_FLOW_OK);
  {
    GstBuffer *buffer = gst_harness_pull (h);

    ck_assert_uint_eq (gst_buffer_get_size (buffer), 7);
    ck_assert_uint_eq (first_byte (buffer), 5);
    gst_buffer_unref (buffer);
  }
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* ---- changes in mid-stream ---------------------------------------------------- */

/* Where each frame shows its number, and its size which caps it belongs to. */
#define PER_CAPS 7
#define N_CAPS 9

typedef struct
{
  guint n;
  guint current; /* index of the caps in force */
  gboolean wrong;
} Seen;

static GstPadProbeReturn
see (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Seen *seen = data;

  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
    const guint width = 8 + 4 * (seen->n / PER_CAPS);

    if (seen->current != seen->n / PER_CAPS + 1
        || gst_buffer_get_size (buffer) != width * 8
        || first_byte (buffer) != seen->n)
      seen->wrong = TRUE;
    seen->n++;
  } else if (GST_EVENT_TYPE (info->data) == GST_EVENT_CAPS) {
    seen->current++;
  }
  return GST_PAD_PROBE_OK;
}

/* "levels" at its defaults passes frames on unchanged. */
GST_START_TEST (caps_changes_lose_and_mix_up_nothing)
{
  GstHarness *h = make_harness ("levels", __i__);
  Seen seen = {
    0,
  };
  GstPad *pad;
  guint c, i;

  pad = gst_element_get_static_pad (h->element, "src");
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, see,
      &seen, NULL);
  for (c = 0; c < N_CAPS; c++) {
    gchar *caps = g_strdup_printf ("video/x-raw,format=GRAY8,width=%u,"
                                   "height=8,framerate=25/1",
        8 + 4 * c);

    gst_harness_set_src_caps_str (h, caps);
    g_free (caps);
    for (i = 0; i < PER_CAPS; i++)
      ck_assert_int_eq (gst_harness_push (h,
                            make_bytes ((8 + 4 * c) * 8, c * PER_CAPS + i)),
          GST_FLOW_OK);
  }
  for (i = 0; i < N_CAPS * PER_CAPS; i++)
    gst_buffer_unref (gst_harness_pull (h));
  ck_assert (!seen.wrong);
  ck_assert_uint_eq (seen.n, N_CAPS * PER_CAPS);
  fail_on_errors (h->element);
  gst_object_unref (pad);
  end_harness (h);
}

GST_END_TEST;

static gpointer
push_caps (gpointer data)
{
  gst_harness_set_src_caps_str (data,
      "video/x-raw,format=GRAY8,width=32,height=4,framerate=25/1");
  return NULL;
}

/* The first frames are held inside the kernel when the caps change. */
GST_START_TEST (a_caps_change_waits_for_what_is_in_flight)
{
  gchar *kernel = test_kernel ("gate-video");
  GstHarness *h;
  GThread *thread;
  GstBuffer *buffer;
  Gate gate = {
    0,
  };
  guint i;

  if (is_inline (__i__)) {
    g_free (kernel);
    return;
  }
  h = make_harness (kernel, __i__);
  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=GRAY8,width=16,height=4,framerate=25/1");
  for (i = 0; i < 3; i++)
    ck_assert_int_eq (gst_harness_push (h, make_gated (&gate, 64)),
        GST_FLOW_OK);
  wait_entered (&gate);
  thread = g_thread_new ("caps", push_caps, h);
  ck_assert_uint_eq (gst_harness_buffers_received (h), 0);
  open_gate (&gate);
  g_thread_join (thread);
  ck_assert_uint_eq (gst_harness_buffers_received (h), 3);
  ck_assert_int_eq (gst_harness_push (h, make_bytes (128, 0)), GST_FLOW_OK);
  for (i = 0; i < 4; i++) {
    buffer = gst_harness_pull (h);
    ck_assert_uint_eq (gst_buffer_get_size (buffer), i < 3 ? 64 : 128);
    gst_buffer_unref (buffer);
  }
  fail_on_errors (h->element);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

/* State belongs to a format: it starts anew with another. */
GST_START_TEST (state_starts_anew_with_another_format)
{
  gchar *kernel = test_kernel ("serial");
  GstHarness *h = make_harness (kernel, __i__);
  guint c, i;

  for (c = 0; c < 3; c++) {
    gchar *caps = g_strdup_printf ("video/x-raw,format=GRAY8,width=%u,"
                                   "height=4,framerate=25/1",
        4 + 4 * c);

    gst_harness_set_src_caps_str (h, caps);
    g_free (caps);
    for (i = 0; i < 5; i++)
      ck_assert_int_eq (gst_harness_push (h, make_bytes (16 + 16 * c, 99)),
          GST_FLOW_OK);
    for (i = 0; i < 5; i++) {
      GstBuffer *buffer = gst_harness_pull (h);

      ck_assert_uint_eq (first_byte (buffer), i);
      gst_buffer_unref (buffer);
    }
  }
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (caps_that_downstream_refuses_end_as_not_negotiated)
{
  GstHarness *h = make_harness ("invert", __i__);
  GstFlowReturn ret = GST_FLOW_OK;
  guint i;

  gst_harness_set_sink_caps_str (h, "video/x-raw,format=RGB");
  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=GRAY8,width=16,height=4,framerate=25/1");
  for (i = 0; i < 100 && ret == GST_FLOW_OK; i++)
    ret = gst_harness_push (h, make_bytes (64, 0));
  ck_assert_int_eq (ret, GST_FLOW_NOT_NEGOTIATED);
  ck_assert_uint_eq (gst_harness_buffers_received (h), 0);
  end_harness (h);
}

GST_END_TEST;

static Suite *
negotiation_suite (void)
{
  Suite *s = suite_create ("negotiation");
  TCase *tc = tcase_create ("negotiation");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, without_a_kernel_anything_goes);
  tcase_add_test (tc, a_video_kernel_has_its_formats);
  tcase_add_test (tc, another_kernel_has_other_formats);
  tcase_add_test (tc, a_kernel_that_changes_the_format_gives_that_one);
  tcase_add_mode_test (tc, what_downstream_takes_limits_what_comes_in);
  tcase_add_mode_test (tc, output_caps_of_the_same_format_are_the_input_caps);
  tcase_add_mode_test (tc, output_caps_of_another_format_lose_the_colorimetry);
  tcase_add_mode_test (tc, records_of_another_type_come_out_as_such);
  tcase_add_mode_test (tc, records_need_no_caps);
  tcase_add_mode_test (tc, bytes_need_no_caps);
  tcase_add_mode_test (tc, caps_changes_lose_and_mix_up_nothing);
  tcase_add_gate_test (tc, a_caps_change_waits_for_what_is_in_flight);
  tcase_add_mode_test (tc, state_starts_anew_with_another_format);
  tcase_add_mode_test (tc, caps_that_downstream_refuses_end_as_not_negotiated);
  return s;
}

GST_CHECK_MAIN (negotiation);
