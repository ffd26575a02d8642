/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A program that has sensor readings of its own and wants a kernel's answers:
 * appsrc ! ringkernelfilter ! appsink.
 *
 *   spikes-gst FILE
 *
 * FILE stands for the sensor: records of a uint64 (ns) and a double (mV),
 * little-endian.
 */
#include <stdio.h>
#include <string.h>
#include <gst/app/app.h>
#include <gst/gst.h>

#define PIPELINE \
  "appsrc name=source format=time" \
  " ! ringkernelfilter kernel=spike-detect" \
  "     params=\"threshold=2.5 window=90 refractory=0.3\"" \
  " ! appsink name=sink sync=false"

typedef struct
{
  guint64 t; /* ns */
  gdouble value;
} Reading;

typedef struct
{
  guint64 t;
  gdouble value, score;
} Spike;

#define N_READINGS 360 /* in one buffer */

static void
feed (GstAppSrc *source, const gchar *data, gsize size)
{
  const gsize block = N_READINGS * sizeof (Reading);
  gsize at;

  for (at = 0; at < size; at += block) {
    const gsize n = MIN (block, size - at);
    GstBuffer *buffer = gst_buffer_new_memdup (data + at, n);
    Reading first;

    memcpy (&first, data + at, sizeof (first));
    GST_BUFFER_PTS (buffer) = first.t;
    if (gst_app_src_push_buffer (source, buffer) != GST_FLOW_OK)
      break;
  }
  gst_app_src_end_of_stream (source);
}

static guint
print_spikes (GstSample *sample)
{
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  GstMapInfo map;
  gsize at;
  guint n_spikes = 0;

  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return 0;
  for (at = 0; at + sizeof (Spike) <= map.size; at += sizeof (Spike)) {
    Spike spike;

    memcpy (&spike, map.data + at, sizeof (spike));
    printf ("%7.3f s  %6.3f mV  %4.1f sigma\n", spike.t / 1e9, spike.value,
        spike.score);
    n_spikes++;
  }
  gst_buffer_unmap (buffer, &map);
  return n_spikes;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = NULL, source = NULL, sink = NULL;
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GstBus) bus = NULL;
  g_autofree gchar *data = NULL;
  gsize size;
  GstSample *sample;
  guint n_spikes = 0;
  int status = 0;

  gst_init (&argc, &argv);
  if (argc != 2) {
    fprintf (stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  if (!g_file_get_contents (argv[1], &data, &size, &error)
      || !(pipeline = gst_parse_launch (PIPELINE, &error))
      /* There may be a pipeline all the same, with a gap where an element is
       * missing. */
      || error) {
    fprintf (stderr, "%s: %s\n", argv[0], error->message);
    return 1;
  }
  source = gst_bin_get_by_name (GST_BIN (pipeline), "source");
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  feed (GST_APP_SRC (source), data, size);

  /* NULL at the end of the stream, or when the pipeline has failed. */
  while ((sample = gst_app_sink_pull_sample (GST_APP_SINK (sink)))) {
    n_spikes += print_spikes (sample);
    gst_sample_unref (sample);
  }

  bus = gst_element_get_bus (pipeline);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  if (message) {
    gst_message_parse_error (message, &error, NULL);
    fprintf (stderr, "%s: %s\n", argv[0], error->message);
    status = 1;
  } else {
    printf ("%u spikes\n", n_spikes);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return status;
}
