/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * seeking.c: pause, seek and flush a real file of a minute. Every picture shows the
 * low byte of its number, so that lost, repeated and mixed up ones are seen.
 */
#include "gst-ring-test.h"

#include <glib/gstdio.h>

#define N_FRAMES 1500
#define FRAME_TIME (GST_SECOND / 25)

static GstPadProbeReturn
number_frame (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstBuffer *buffer =
      gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));

  gst_buffer_memset (buffer, 0, (guint8) (GST_BUFFER_PTS (buffer) / FRAME_TIME),
      gst_buffer_get_size (buffer));
  GST_PAD_PROBE_INFO_DATA (info) = buffer;
  return GST_PAD_PROBE_OK;
}

static void
wait_eos (GstElement *pipeline)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_SEGMENT_DONE);
  GError *error = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  g_assert_no_error (error);
  gst_message_unref (message);
  gst_object_unref (bus);
}

static gchar *
make_film (void)
{
  gchar *name = g_strdup_printf ("%s/ring-seeking-%d.mkv", g_get_tmp_dir (),
      (gint) getpid ());
  gchar *line = g_strdup_printf (
      "videotestsrc num-buffers=%d ! "
      "video/x-raw,format=GRAY8,width=16,height=8,framerate=25/1 ! "
      "identity name=i ! matroskamux ! filesink location=%s",
      N_FRAMES, name);
  GstElement *pipeline = gst_parse_launch (line, NULL);
  GstElement *identity = gst_bin_get_by_name (GST_BIN (pipeline), "i");
  GstPad *pad = gst_element_get_static_pad (identity, "src");

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, number_frame, NULL, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_eos (pipeline);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pad);
  gst_object_unref (identity);
  gst_object_unref (pipeline);
  g_free (line);
  return name;
}

typedef struct
{
  GMutex lock;
  GArray *numbers; /* of gint: pictures seen since the last flush */
  gboolean wrong;
  gdouble rate;
} Watch;

static GstPadProbeReturn
watch_frame (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Watch *watch = data;

  g_mutex_lock (&watch->lock);
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
    const gint number =
        (gint) ((GST_BUFFER_PTS (buffer) + FRAME_TIME / 2) / FRAME_TIME);

    /* The picture belongs to its time, and follows the one before. */
    if (255 - first_byte (buffer) != (number & 255))
      watch->wrong = TRUE;
    if (watch->rate > 0 && watch->numbers->len > 0
        && number
            != g_array_index (watch->numbers, gint, watch->numbers->len - 1)
                + 1)
      watch->wrong = TRUE;
    g_array_append_val (watch->numbers, number);
  } else if (GST_EVENT_TYPE (info->data) == GST_EVENT_FLUSH_STOP
      || GST_EVENT_TYPE (info->data) == GST_EVENT_SEGMENT) {
    g_array_set_size (watch->numbers, 0);
  }
  g_mutex_unlock (&watch->lock);
  return GST_PAD_PROBE_OK;
}

static GstElement *
play (const gchar *film, gint mode, gboolean sync, Watch *watch)
{
  gchar *line = g_strdup_printf (
      "filesrc location=%s ! matroskademux ! "
      "ringkernelfilter name=f kernel=invert execution-mode=%s qos=false ! "
      "fakesink name=s sync=%s qos=false",
      film, mode_names[mode], sync ? "true" : "false");
  GstElement *pipeline = gst_parse_launch (line, NULL);
  GstElement *filter = gst_bin_get_by_name (GST_BIN (pipeline), "f");
  GstPad *pad = gst_element_get_static_pad (filter, "src");

  g_mutex_init (&watch->lock);
  watch->numbers = g_array_new (FALSE, FALSE, sizeof (gint));
  watch->wrong = FALSE;
  watch->rate = 1.0;
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM
          | GST_PAD_PROBE_TYPE_EVENT_FLUSH,
      watch_frame, watch, NULL);
  gst_object_unref (pad);
  gst_object_unref (filter);
  g_free (line);
  return pipeline;
}

static void
stop (GstElement *pipeline, Watch *watch)
{
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_array_unref (watch->numbers);
  g_mutex_clear (&watch->lock);
}

/* All from @first on, or from the key frame before it, to the end. */
static void
check_seen (Watch *watch, gint first)
{
  ck_assert (!watch->wrong);
  ck_assert_uint_gt (watch->numbers->len, 0);
  ck_assert_int_le (g_array_index (watch->numbers, gint, 0), first);
  ck_assert_int_eq (g_array_index (watch->numbers, gint,
                        watch->numbers->len - 1),
      N_FRAMES - 1);
}

GST_START_TEST (a_film_comes_through_whole)
{
  gchar *film = make_film ();
  Watch watch;
  GstElement *pipeline = play (film, __i__, FALSE, &watch);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_eos (pipeline);
  check_seen (&watch, 0);
  stop (pipeline, &watch);
  g_unlink (film);
  g_free (film);
}

GST_END_TEST;

GST_START_TEST (seeks_while_paused_and_playing)
{
  gchar *film = make_film ();
  GRand *random = g_rand_new_with_seed (7);
  Watch watch;
  GstElement *pipeline = play (film, __i__, TRUE, &watch);
  guint i;

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  for (i = 0; i < 60; i++) {
    const gint to = g_rand_int_range (random, 0, N_FRAMES - 10);

    ck_assert (gst_element_seek_simple (pipeline, GST_FORMAT_TIME,
        GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, to * FRAME_TIME));
    if (i % 3 == 0)
      gst_element_set_state (pipeline,
          i % 2 ? GST_STATE_PAUSED : GST_STATE_PLAYING);
    if (i % 4) {
      gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
      g_mutex_lock (&watch.lock);
      ck_assert (!watch.wrong);
      g_mutex_unlock (&watch.lock);
    }
  }
  /* The last one to the end, in full. */
  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  ck_assert (gst_element_seek_simple (pipeline, GST_FORMAT_TIME,
      GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE,
      (N_FRAMES - 20) * FRAME_TIME));
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_eos (pipeline);
  check_seen (&watch, N_FRAMES - 20);
  g_rand_free (random);
  stop (pipeline, &watch);
  g_unlink (film);
  g_free (film);
}

GST_END_TEST;

GST_START_TEST (non_flushing_segment_seeks)
{
  gchar *film = make_film ();
  Watch watch;
  GstElement *pipeline = play (film, __i__, FALSE, &watch);
  guint i;

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  ck_assert (gst_element_seek (pipeline, 1.0, GST_FORMAT_TIME,
      GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_SEGMENT, GST_SEEK_TYPE_SET, 0,
      GST_SEEK_TYPE_SET, 10 * FRAME_TIME));
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (i = 0; i < 5; i++) {
    /* The demuxer says so itself, while its last pictures may be in flight. */
    wait_eos (pipeline);
    ck_assert (gst_element_seek (pipeline, 1.0, GST_FORMAT_TIME,
        i == 4 ? GST_SEEK_FLAG_NONE : GST_SEEK_FLAG_SEGMENT, GST_SEEK_TYPE_SET,
        0, GST_SEEK_TYPE_SET, 10 * FRAME_TIME));
  }
  wait_eos (pipeline);
  ck_assert (!watch.wrong);
  stop (pipeline, &watch);
  g_unlink (film);
  g_free (film);
}

GST_END_TEST;

/* Demuxers give pictures in groups then; each is there, with its own time. */
GST_START_TEST (reverse_playback)
{
  gchar *film = make_film ();
  Watch watch;
  GstElement *pipeline = play (film, __i__, FALSE, &watch);
  gboolean seen[N_FRAMES] = {
    FALSE,
  };
  guint i;

  watch.rate = -1.0;
  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  ck_assert (
      gst_element_seek (pipeline, -1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
          GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET, 50 * FRAME_TIME));
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_eos (pipeline);
  ck_assert (!watch.wrong);
  for (i = 0; i < watch.numbers->len; i++)
    seen[g_array_index (watch.numbers, gint, i)] = TRUE;
  for (i = 0; i < 50; i++)
    ck_assert_msg (seen[i], "picture %u is missing", i);
  stop (pipeline, &watch);
  g_unlink (film);
  g_free (film);
}

GST_END_TEST;

static Suite *
seeking_suite (void)
{
  Suite *s = suite_create ("seeking");
  TCase *tc = tcase_create ("seeking");

  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 120);
  tcase_add_mode_test (tc, a_film_comes_through_whole);
  tcase_add_mode_test (tc, seeks_while_paused_and_playing);
  tcase_add_mode_test (tc, non_flushing_segment_seeks);
  tcase_add_mode_test (tc, reverse_playback);
  return s;
}

GST_CHECK_MAIN (seeking);
