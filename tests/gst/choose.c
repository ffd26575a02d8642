/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * choose.c: kernels that leave the format or the size of what comes out to downstream,
 * and kernels that give records of what is none.
 */
#include "gst-ring-test.h"

#include <gst/video/gstvideometa.h>
#include <gst/video/navigation.h>
#include <math.h>

#define IN "video/x-raw,format=RGB,width=64,height=48,framerate=25/1"

static GstHarness *
make (const gchar *name, gint mode)
{
  gchar *path = test_kernel (name);
  GstHarness *h = make_harness (path, mode);

  g_free (path);
  return h;
}

static GstCaps *
current (GstHarness *h)
{
  GstCaps *caps = gst_pad_get_current_caps (h->sinkpad);

  ck_assert (caps != NULL);
  return caps;
}

static void
assert_size (GstHarness *h, gint width, gint height, gint par_n, gint par_d)
{
  GstCaps *caps = current (h);
  GstVideoInfo info;

  ck_assert (gst_video_info_from_caps (&info, caps));
  ck_assert_msg (GST_VIDEO_INFO_WIDTH (&info) == width
          && GST_VIDEO_INFO_HEIGHT (&info) == height
          && GST_VIDEO_INFO_PAR_N (&info) * par_d
              == GST_VIDEO_INFO_PAR_D (&info) * par_n,
      "%s, not %dx%d, %d/%d", gst_caps_to_string (caps), width, height, par_n,
      par_d);
  gst_caps_unref (caps);
}

static GstBuffer *
frame (const gchar *caps_text, guint8 value)
{
  GstCaps *caps = gst_caps_from_string (caps_text);
  GstVideoInfo info;
  GstBuffer *buffer;

  ck_assert (gst_video_info_from_caps (&info, caps));
  gst_caps_unref (caps);
  buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&info), NULL);
  gst_buffer_memset (buffer, 0, value, GST_VIDEO_INFO_SIZE (&info));
  GST_BUFFER_PTS (buffer) = 0;
  GST_BUFFER_DURATION (buffer) = 40 * GST_MSECOND;
  return buffer;
}

static const struct
{
  const gchar *in, *downstream;
  gint width, height, par_n, par_d;
} sizes[] = {
  /* nothing asked for */
  { "", "video/x-raw", 64, 48, 1, 1 },
  { ",pixel-aspect-ratio=16/15", "video/x-raw", 64, 48, 16, 15 },
  /* both sides: the pixels keep the picture's shape */
  { "", "video/x-raw,width=32,height=24", 32, 24, 1, 1 },
  { "", "video/x-raw,width=32,height=48", 32, 48, 2, 1 },
  /* one side: the other follows */
  { "", "video/x-raw,width=32", 32, 24, 1, 1 },
  { "", "video/x-raw,height=96", 128, 96, 1, 1 },
  { ",pixel-aspect-ratio=2/1", "video/x-raw,height=24,pixel-aspect-ratio=1/1",
      64, 24, 1, 1 },
  /* ranges: as near as may be */
  { "", "video/x-raw,width=[100,200],height=[1,1000]", 100, 48, 16, 25 },
};

GST_START_TEST (downstream_says_the_size)
{
  const guint i = __i__ % G_N_ELEMENTS (sizes);
  GstHarness *h = make ("any-size", __i__ / G_N_ELEMENTS (sizes));
  gchar *in = g_strconcat (IN, sizes[i].in, NULL);
  GstBuffer *out;

  gst_harness_set_sink_caps_str (h, sizes[i].downstream);
  gst_harness_set_src_caps_str (h, in);
  ck_assert_int_eq (gst_harness_push (h, frame (in, 7)), GST_FLOW_OK);
  out = gst_harness_pull (h);
  assert_size (h, sizes[i].width, sizes[i].height, sizes[i].par_n,
      sizes[i].par_d);
  ck_assert_uint_eq (gst_buffer_get_size (out),
      GST_ROUND_UP_4 (3 * (gsize) sizes[i].width) * (gsize) sizes[i].height);
  gst_buffer_unref (out);
  g_free (in);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (downstream_changes_its_mind_while_frames_come)
{
  GstHarness *h = make ("any-size", __i__);
  guint side;

  gst_harness_set_sink_caps_str (h, "video/x-raw,width=16,height=12");
  gst_harness_set_src_caps_str (h, IN);
  for (side = 16; side < 100; side += 21) {
    gchar *text =
        g_strdup_printf ("video/x-raw,width=%u,height=%u", side, side);
    GstBuffer *out;

    gst_harness_set_sink_caps_str (h, text);
    gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ());
    ck_assert_int_eq (gst_harness_push (h, frame (IN, 7)), GST_FLOW_OK);
    out = gst_harness_pull (h);
    assert_size (h, (gint) side, (gint) side, 4, 3);
    gst_buffer_unref (out);
    g_free (text);
  }
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (the_format_that_loses_least_is_chosen)
{
  static const struct
  {
    const gchar *downstream, *format;
  } lists[] = {
    { "{GRAY8,I420}", "I420" },
    { "{GRAY8,I420,RGB}", "RGB" },
    { "{I420,Y444,GRAY8}", "I420" },
    { "GRAY8", "GRAY8" },
  };
  GstHarness *h;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (lists); i++) {
    gchar *text =
        g_strdup_printf ("video/x-raw,format=%s", lists[i].downstream);
    const GstStructure *s;
    GstCaps *caps;

    h = make ("any-size", __i__);
    gst_harness_set_sink_caps_str (h, text);
    gst_harness_set_src_caps_str (h, IN);
    ck_assert_int_eq (gst_harness_push (h, frame (IN, 7)), GST_FLOW_OK);
    gst_buffer_unref (gst_harness_pull (h));
    caps = current (h);
    s = gst_caps_get_structure (caps, 0);
    ck_assert_str_eq (gst_structure_get_string (s, "format"), lists[i].format);
    gst_caps_unref (caps);
    g_free (text);
    end_harness (h);
  }
}

GST_END_TEST;

/* The test's kernel writes what it was told of the output's colours. */
GST_START_TEST (colorimetry_reaches_the_kernel)
{
  static const struct
  {
    const gchar *colorimetry;
    guint8 value;
  } colors[] = {
    { "bt709", RING_MATRIX_BT709 * 16 + RING_RANGE_LIMITED },
    { "bt601", RING_MATRIX_BT601 * 16 + RING_RANGE_LIMITED },
    { "bt2020", RING_MATRIX_BT2020 * 16 + RING_RANGE_LIMITED },
    { "1:3:5:1", RING_MATRIX_BT709 * 16 + RING_RANGE_FULL },
  };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (colors); i++) {
    GstHarness *h = make ("any-size", __i__);
    gchar *text = g_strdup_printf ("video/x-raw,format=I420,colorimetry=%s",
        colors[i].colorimetry);
    guint8 got;
    GstBuffer *out;

    gst_harness_set_sink_caps_str (h, text);
    gst_harness_set_src_caps_str (h, IN);
    ck_assert_int_eq (gst_harness_push (h, frame (IN, 7)), GST_FLOW_OK);
    out = gst_harness_pull (h);
    gst_buffer_extract (out, 0, &got, 1);
    ck_assert_uint_eq (got, colors[i].value);
    gst_buffer_unref (out);
    g_free (text);
    end_harness (h);
  }
}

GST_END_TEST;

/* GStreamer takes another matrix for granted in a smaller picture. */
GST_START_TEST (another_size_has_the_same_colours)
{
  const gchar *in = "video/x-raw,format=I420,width=1280,height=720,"
                    "framerate=25/1,colorimetry=bt709";
  GstHarness *h = make ("any-size", __i__);
  GstCaps *caps;

  gst_harness_set_sink_caps_str (h, "video/x-raw,width=64,height=36");
  gst_harness_set_src_caps_str (h, in);
  ck_assert_int_eq (gst_harness_push (h, frame (in, 7)), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  caps = current (h);
  ck_assert_str_eq (gst_structure_get_string (gst_caps_get_structure (caps, 0),
                        "colorimetry"),
      "bt709");
  gst_caps_unref (caps);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (regions_of_interest_are_where_they_were)
{
  GstHarness *h = make ("any-size", __i__);
  GstBuffer *buffer = frame (IN, 7), *out;
  GstVideoRegionOfInterestMeta *roi;

  gst_buffer_add_video_region_of_interest_meta (buffer, "face", 8, 12, 16, 24);
  gst_harness_set_sink_caps_str (h, "video/x-raw,width=128,height=24");
  gst_harness_set_src_caps_str (h, IN);
  ck_assert_int_eq (gst_harness_push (h, buffer), GST_FLOW_OK);
  out = gst_harness_pull (h);
  roi = gst_buffer_get_video_region_of_interest_meta_id (out, 0);
  ck_assert (roi != NULL);
  ck_assert_uint_eq (roi->x, 16);
  ck_assert_uint_eq (roi->y, 6);
  ck_assert_uint_eq (roi->w, 32);
  ck_assert_uint_eq (roi->h, 12);
  gst_buffer_unref (out);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (what_downstream_cannot_take_is_not_negotiated)
{
  GstHarness *h = make ("any-size", __i__);

  gst_harness_set_sink_caps_str (h, "video/x-raw,format=NV12");
  gst_harness_set_src_caps_str (h, IN);
  ck_assert_int_eq (gst_harness_push (h, frame (IN, 7)),
      GST_FLOW_NOT_NEGOTIATED);
  end_harness (h);
}

GST_END_TEST;

/* ---- records --------------------------------------------------------------------- */

typedef struct
{
  guint64 number;
  gdouble value;
} Record;

static void
assert_record_caps (GstHarness *h)
{
  GstCaps *caps = current (h);
  GstCaps *expected = gst_caps_new_simple ("application/x-ring-record", "type",
      G_TYPE_STRING, "(td)", NULL);

  ck_assert (gst_caps_is_equal (caps, expected));
  gst_caps_unref (expected);
  gst_caps_unref (caps);
}

GST_START_TEST (frames_give_records)
{
  GstHarness *h = make ("frame-records", __i__);
  guint i;

  gst_harness_set_src_caps_str (h, IN);
  for (i = 0; i < 5; i++) {
    GstBuffer *buffer = frame (IN, (guint8) (10 + i)), *out;
    Record got[2];

    GST_BUFFER_PTS (buffer) = i * 40 * GST_MSECOND;
    ck_assert_int_eq (gst_harness_push (h, buffer), GST_FLOW_OK);
    out = gst_harness_pull (h);
    ck_assert_uint_eq (gst_buffer_get_size (out), sizeof got);
    ck_assert_uint_eq (GST_BUFFER_PTS (out), i * 40 * GST_MSECOND);
    gst_buffer_extract (out, 0, got, sizeof got);
    ck_assert_uint_eq (got[0].number, i * 40 * GST_MSECOND);
    ck_assert (fabs (got[1].value - (10 + i)) < 1e-9);
    gst_buffer_unref (out);
  }
  assert_record_caps (h);
  end_harness (h);
}

GST_END_TEST;

/* As many as there are samples that are not silent, and one: 1, 2, … */
GST_START_TEST (audio_gives_as_many_records_as_the_kernel_says)
{
  GstHarness *h = make ("peaks", __i__);
  guint i, k;

  gst_harness_set_src_caps_str (h,
      "audio/x-raw,format=F32LE,rate=8000,channels=1,layout=interleaved");
  for (i = 0; i < 5; i++) {
    gfloat samples[64] = { 0 };
    GstBuffer *out;
    Record got[65];
    gsize size;

    for (k = 0; k < i * 16; k++)
      samples[k] = 0.5f;
    ck_assert_int_eq (gst_harness_push (h,
                          gst_buffer_new_memdup (samples, sizeof samples)),
        GST_FLOW_OK);
    out = gst_harness_pull (h);
    size = gst_buffer_get_size (out);
    ck_assert_uint_eq (size, (i * 16 + 1) * sizeof (Record));
    gst_buffer_extract (out, 0, got, size);
    ck_assert (fabs (got[i * 16].value - i * 16) < 1e-9);
    gst_buffer_unref (out);
  }
  assert_record_caps (h);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (records_link_to_what_takes_records)
{
  gchar *peaks = test_kernel ("peaks");
  gchar *text = g_strdup_printf (
      "audiotestsrc num-buffers=10 ! audio/x-raw,rate=8000,channels=1 ! "
      "ringkernelfilter kernel=%s ! ringkernelfilter kernel=moving-average ! "
      "fakesink",
      peaks);
  GstElement *pipeline = gst_parse_launch (text, NULL);
  GstMessage *message;
  GstBus *bus;

  ck_assert (pipeline != NULL);
  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  ck_assert (message != NULL);
  ck_assert_int_eq (GST_MESSAGE_TYPE (message), GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  g_free (text);
  g_free (peaks);
}

GST_END_TEST;

/* ---- the pointer ------------------------------------------------------------------ */

static void
check_pointer (const gchar *kernel, gint mode, const gchar *out, gdouble x,
    gdouble y, gdouble expected_x, gdouble expected_y)
{
  GstHarness *h = make_harness (kernel, mode);
  GstEvent *event;

  gst_harness_set_sink_caps_str (h, out);
  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=GRAY8,width=320,height=240,framerate=25/1");
  ck_assert_int_eq (gst_harness_push (h, make_bytes (320 * 240, 0)),
      GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  while ((event = gst_harness_try_pull_upstream_event (h)))
    gst_event_unref (event);
  ck_assert (gst_harness_push_upstream_event (h,
      gst_navigation_event_new_mouse_move (x, y,
          GST_NAVIGATION_MODIFIER_NONE)));
  event = gst_harness_pull_upstream_event (h);
  ck_assert (gst_navigation_event_parse_mouse_move_event (event, &x, &y));
  ck_assert (x == expected_x && y == expected_y);
  gst_event_unref (event);

  /* One without a place passes. */
  ck_assert (gst_harness_push_upstream_event (h,
      gst_navigation_event_new_key_press ("a", GST_NAVIGATION_MODIFIER_NONE)));
  event = gst_harness_pull_upstream_event (h);
  ck_assert_int_eq (gst_navigation_event_get_type (event),
      GST_NAVIGATION_EVENT_KEY_PRESS);
  gst_event_unref (event);
  end_harness (h);
}

GST_START_TEST (a_pointer_points_into_the_input)
{
  check_pointer ("scale", __i__,
      "video/x-raw,format=GRAY8,width=640,height=480", 640, 480, 320, 240);
  check_pointer ("scale", __i__,
      "video/x-raw,format=GRAY8,width=160,height=240", 10, 20, 20, 20);
  check_pointer ("invert", __i__, "video/x-raw", 30, 40, 30, 40);
}

GST_END_TEST;

static Suite *
choose_suite (void)
{
  Suite *s = suite_create ("choose");
  TCase *tc = tcase_create ("general");
  const int n = (int) (G_N_ELEMENTS (sizes) * 3);

  suite_add_tcase (s, tc);
  tcase_add_loop_test (tc, downstream_says_the_size, 0, n);
  tcase_add_mode_test (tc, downstream_changes_its_mind_while_frames_come);
  tcase_add_mode_test (tc, the_format_that_loses_least_is_chosen);
  tcase_add_mode_test (tc, colorimetry_reaches_the_kernel);
  tcase_add_mode_test (tc, another_size_has_the_same_colours);
  tcase_add_mode_test (tc, regions_of_interest_are_where_they_were);
  tcase_add_mode_test (tc, what_downstream_cannot_take_is_not_negotiated);
  tcase_add_mode_test (tc, frames_give_records);
  tcase_add_mode_test (tc, audio_gives_as_many_records_as_the_kernel_says);
  tcase_add_test (tc, records_link_to_what_takes_records);
  tcase_add_mode_test (tc, a_pointer_points_into_the_input);
  return s;
}

GST_CHECK_MAIN (choose);
