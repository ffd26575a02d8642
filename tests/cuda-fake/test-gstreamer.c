/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-gstreamer.c: GStreamer's own CUDA elements over the stand-in driver: they
 * are there, and move the right bytes.
 */
#include <gst/gst.h>

#include "cuda-fake.h"

#define SOURCE \
  "videotestsrc num-buffers=5 pattern=smpte100 ! " \
  "video/x-raw,format=I420,width=322,height=244 ! "
/* Strides differ; after a conversion they do not. */
#define SINK \
  " ! videoconvert ! video/x-raw,format=RGBA ! " \
  "fakesink name=sink signal-handoffs=true sync=false"

typedef struct
{
  GChecksum *sum;
  guint n;
} Seen;

static void
handoff (GstElement *sink, GstBuffer *buffer, GstPad *pad, Seen *seen)
{
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  g_checksum_update (seen->sum, map.data, map.size);
  gst_buffer_unmap (buffer, &map);
  seen->n++;
}

/* Runs @between to its end; returns a checksum of what came out. */
static gchar *
run (const gchar *between)
{
  g_autofree gchar *line = g_strconcat (SOURCE, between, SINK, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, &error);
  g_autoptr (GstElement) sink = NULL;
  g_autoptr (GstBus) bus = NULL;
  g_autoptr (GstMessage) message = NULL;
  Seen seen = { g_checksum_new (G_CHECKSUM_SHA256), 0 };
  gchar *result;

  g_assert_no_error (error);
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (handoff), &seen);
  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  g_assert_no_error (error);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_assert_cmpuint (seen.n, ==, 5);
  result = g_strdup (g_checksum_get_string (seen.sum));
  g_checksum_free (seen.sum);
  return result;
}

static void
test_upload_and_download (void)
{
  g_autoptr (GstPlugin) plugin =
      gst_registry_find_plugin (gst_registry_get (), "nvcodec");
  g_autofree gchar *plain = NULL, *through = NULL;
  RingFakeLive live;
  guint copies;

  if (!plugin) {
    g_test_skip ("this GStreamer has no nvcodec plugin");
    return;
  }
  plain = run ("identity");
  copies = ring_fake_calls ("cuMemcpy2DAsync") + ring_fake_calls ("cuMemcpy2D");
  g_assert_cmpuint (copies, ==, 0);
  through = run ("cudaupload ! video/x-raw(memory:CUDAMemory) ! cudadownload");
  copies = ring_fake_calls ("cuMemcpy2DAsync") + ring_fake_calls ("cuMemcpy2D");
  /* up and down */
  g_assert_cmpuint (copies, >=, 5 * 2);
  g_assert_cmpstr (through, ==, plain);
  ring_fake_live (&live);
  g_assert_cmpuint (live.device_allocations, ==, 0);
  g_assert_cmpuint (live.pinned_allocations, ==, 0);
  g_assert_cmpuint (live.streams, ==, 0);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cuda-fake/gstreamer/upload-and-download",
      test_upload_and_download);
  return g_test_run ();
}
