/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The kernel's file is edited, and the new version works on another stream.
 */
#include "gst-ring-reload-test.h"

/* ---- another stream ---------------------------------------------------------------------------------------- */

static void
save_video (const gchar *items, const gchar *value)
{
  gchar *text = g_strdup_printf (
      "#include <ringkernel/kernel-sdk.h>\n"
      "RING_KERNEL (pictures, \"Of a test\", %s)\n{\n"
      "  RING_FOR_EACH_ROW (p, y, out)\n"
      "    RING_FOR_EACH_LANE (x, out.plane[p].width * out.plane[p].pixel_stride)\n"
      "      ring_row (out.plane[p], y)[x] = %s;\n}\n",
      items, value);

  write_over (text);
  g_free (text);
}

typedef struct
{
  GstElement *pipeline, *filter;
  GMutex lock;
  GCond changed;
  guint64 next; /* number of the next frame, if none is lost */
  guint frames;
  gsize size;   /* of the last frame */
  guint8 value; /* of all its bytes */
} Pictures;

static void
on_frame (GstElement *sink, GstBuffer *buffer, GstPad *pad, Pictures *p)
{
  GstMapInfo map;
  gsize i;

  g_mutex_lock (&p->lock);
  ck_assert_uint_eq (GST_BUFFER_OFFSET (buffer), p->next);
  p->next++;
  ck_assert (gst_buffer_map (buffer, &map, GST_MAP_READ));
  p->size = map.size;
  p->value = map.data[0];
  for (i = 0; i < map.size; i++)
    ck_assert_uint_eq (map.data[i], p->value);
  gst_buffer_unmap (buffer, &map);
  p->frames++;
  g_cond_broadcast (&p->changed);
  g_mutex_unlock (&p->lock);
}

/* Until frames of @size bytes @value come. */
static void
wait_for_frames (Pictures *p, gsize size, guint8 value)
{
  const gint64 until = g_get_monotonic_time () + WAIT / 1000;

  g_mutex_lock (&p->lock);
  while (p->frames == 0 || p->size != size || p->value != value)
    ck_assert_msg (g_cond_wait_until (&p->changed, &p->lock, until),
        "frames of %u bytes %u do not come, but %u of %u", (guint) size, value,
        (guint) p->size, p->value);
  g_mutex_unlock (&p->lock);
}

static void
open_pictures (Pictures *p, gint mode, const gchar *before, const gchar *after)
{
  /* 64x4: no padding in any of the formats. */
  gchar *text = g_strdup_printf (
      "videotestsrc is-live=true ! %s ! "
      "ringkernelfilter name=filter kernel=%s execution-mode=%s reload=true ! "
      "%s ! fakesink name=sink sync=false signal-handoffs=true",
      before, path, mode_names[mode], after);
  GError *error = NULL;
  GstElement *sink;

  memset (p, 0, sizeof *p);
  g_mutex_init (&p->lock);
  g_cond_init (&p->changed);
  p->pipeline = gst_parse_launch (text, &error);
  ck_assert_msg (p->pipeline != NULL && !error, "%s",
      error ? error->message : "?");
  p->filter = gst_bin_get_by_name (GST_BIN (p->pipeline), "filter");
  sink = gst_bin_get_by_name (GST_BIN (p->pipeline), "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (on_frame), p);
  gst_object_unref (sink);
  gst_element_set_state (p->pipeline, GST_STATE_PLAYING);
  g_free (text);
}

static void
close_pictures (Pictures *p)
{
  gst_element_set_state (p->pipeline, GST_STATE_NULL);
  gst_object_unref (p->filter);
  gst_object_unref (p->pipeline);
  g_mutex_clear (&p->lock);
  g_cond_clear (&p->changed);
}

/* From the pipeline's bus. */
static GstMessage *
wait_from_filter (Pictures *p, GstMessageType type)
{
  GstBus *bus = gst_element_get_bus (p->pipeline);
  GstMessage *message;

  do {
    message = gst_bus_timed_pop_filtered (bus, WAIT,
        type | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
    ck_assert_msg (message != NULL, "nothing came");
    assert_type (message, type);
    if (GST_MESSAGE_SRC (message) != GST_OBJECT (p->filter))
      gst_clear_message (&message);
  } while (!message);
  gst_object_unref (bus);
  return message;
}

static void
wait_pictures_warning (Pictures *p, const gchar *says)
{
  GstMessage *message = wait_from_filter (p, GST_MESSAGE_WARNING);
  GError *error = NULL;

  gst_message_parse_warning (message, &error, NULL);
  ck_assert_msg (strstr (error->message, says) != NULL, "'%s' lacks '%s'",
      error->message, says);
  g_error_free (error);
  gst_message_unref (message);
}

#define SIZE "video/x-raw,width=64,height=4"
#define GRAY (64 * 4)
#define RGB (3 * GRAY)

/* The input stays, the output has other caps. */
GST_START_TEST (test_other_output)
{
  Pictures p;

  save_video ("RING_VIDEO (\"GRAY8\")", "1");
  open_pictures (&p, __i__, SIZE ",format=GRAY8", "identity");
  wait_for_frames (&p, GRAY, 1);
  save_video ("RING_VIDEO_TO (\"GRAY8\", \"RGB\")", "2");
  wait_for_frames (&p, RGB, 2);
  gst_message_unref (wait_from_filter (&p, GST_MESSAGE_ELEMENT));
  /* In place, and not any more. */
  save_video ("RING_VIDEO (\"GRAY8\"), RING_IN_PLACE", "3");
  wait_for_frames (&p, GRAY, 3);
  save_video ("RING_VIDEO (\"GRAY8\")", "4");
  wait_for_frames (&p, GRAY, 4);
  close_pictures (&p);
}
GST_END_TEST;

/* Upstream changes to what the new version takes. */
GST_START_TEST (test_other_input)
{
  Pictures p;

  save_video ("RING_VIDEO (\"GRAY8\")", "1");
  open_pictures (&p, __i__, SIZE, "identity");
  wait_for_frames (&p, GRAY, 1);
  save_video ("RING_VIDEO (\"RGB\")", "2");
  gst_message_unref (wait_from_filter (&p, GST_MESSAGE_INFO));
  wait_for_frames (&p, RGB, 2);
  gst_message_unref (wait_from_filter (&p, GST_MESSAGE_ELEMENT));
  ck_assert_uint_eq (get_stat (p.filter, "generation"), 1);
  close_pictures (&p);
}
GST_END_TEST;

/* Neither side can change: the version before goes on, and it is said why. */
GST_START_TEST (test_nobody_changes)
{
  Pictures p;

  save_video ("RING_VIDEO (\"GRAY8\")", "1");
  open_pictures (&p, __i__, SIZE ",format=GRAY8",
      "video/x-raw,format=GRAY8 ! identity");
  wait_for_frames (&p, GRAY, 1);
  save_video ("RING_VIDEO (\"RGB\")", "2");
  wait_pictures_warning (&p, "does not take what upstream gives");
  save_video ("RING_VIDEO_TO (\"GRAY8\", \"RGB\")", "3");
  wait_pictures_warning (&p, "downstream does not take");
  wait_for_frames (&p, GRAY, 1);
  ck_assert_uint_eq (get_stat (p.filter, "reload-errors"), 2);
  /* And back again. */
  save_video ("RING_VIDEO (\"GRAY8\")", "4");
  wait_for_frames (&p, GRAY, 4);
  ck_assert_uint_eq (get_stat (p.filter, "generation"), 1);
  close_pictures (&p);
}
GST_END_TEST;

static Suite *
reload_stream_suite (void)
{
  Suite *suite = suite_create ("reload_stream");
  TCase *tcase = tcase_create ("edits");

  tcase_set_timeout (tcase, 280);
  tcase_add_checked_fixture (tcase, make_file, drop_file);
  if (sources_can_be_compiled ("test_other_output")) {
    tcase_add_mode_test (tcase, test_other_output);
    tcase_add_mode_test (tcase, test_other_input);
    tcase_add_mode_test (tcase, test_nobody_changes);
  }
  suite_add_tcase (suite, tcase);
  return suite;
}

GST_CHECK_MAIN (reload_stream);
