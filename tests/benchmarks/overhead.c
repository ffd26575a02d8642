/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * overhead.c: what one buffer costs, beside elements that everybody knows.
 *
 * Each element stands alone between two bare pads, and one writable buffer goes
 * round: what the last pad receives is pushed again. So nothing is allocated, and
 * what is timed is the element. All candidates of a group take turns in short
 * rounds; figures are medians over rounds, ratios are medians of the ratios within
 * one round, so that a machine that changes speed changes both sides alike.
 */
#include <gst/gst.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CANDIDATES 6
#define ROUNDS 31

typedef struct
{
  const gchar *name;
  const gchar *launch; /* one element */
  GstElement *bin;
  GstPad *src, *sink;
  gdouble ns[ROUNDS]; /* per buffer */
} Candidate;

static GstBuffer *returned;

static GstFlowReturn
take (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  (void) pad;
  (void) parent;
  returned = buffer;
  return GST_FLOW_OK;
}

static gboolean
take_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  (void) pad;
  (void) parent;
  gst_event_unref (event);
  return TRUE;
}

static void
open_candidate (Candidate *c, const gchar *caps_text)
{
  GError *error = NULL;
  GstCaps *caps = gst_caps_from_string (caps_text);
  GstSegment segment;
  GstPad *peer;

  c->bin = gst_parse_bin_from_description (c->launch, TRUE, &error);
  if (!c->bin)
    g_error ("%s: %s", c->launch, error->message);
  c->src = gst_pad_new ("src", GST_PAD_SRC);
  c->sink = gst_pad_new ("sink", GST_PAD_SINK);
  gst_pad_set_chain_function (c->sink, take);
  gst_pad_set_event_function (c->sink, take_event);
  gst_pad_set_active (c->src, TRUE);
  gst_pad_set_active (c->sink, TRUE);
  peer = gst_element_get_static_pad (c->bin, "sink");
  gst_pad_link (c->src, peer);
  gst_object_unref (peer);
  peer = gst_element_get_static_pad (c->bin, "src");
  gst_pad_link (peer, c->sink);
  gst_object_unref (peer);
  if (gst_element_set_state (c->bin, GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE)
    g_error ("%s does not start", c->launch);
  gst_pad_push_event (c->src, gst_event_new_stream_start ("bench"));
  gst_pad_push_event (c->src, gst_event_new_caps (caps));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (c->src, gst_event_new_segment (&segment));
  gst_caps_unref (caps);
}

static void
close_candidate (Candidate *c)
{
  gst_element_set_state (c->bin, GST_STATE_NULL);
  gst_object_unref (c->bin);
  gst_object_unref (c->src);
  gst_object_unref (c->sink);
}

static GstBuffer *
new_buffer (gsize size)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);
  GstMapInfo map;
  gsize i;

  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (i = 0; i < size; i++)
    map.data[i] = (guint8) (i * 7 + i / 251);
  gst_buffer_unmap (buffer, &map);
  GST_BUFFER_PTS (buffer) = 0;
  GST_BUFFER_DURATION (buffer) = 20 * GST_MSECOND;
  return buffer;
}

static gdouble
time_pushes (Candidate *c, gsize size, guint n)
{
  gint64 begin;
  guint i;

  returned = new_buffer (size);
  /* The first push may negotiate. */
  if (gst_pad_push (c->src, returned) != GST_FLOW_OK)
    g_error ("%s: push failed", c->launch);
  begin = g_get_monotonic_time ();
  for (i = 0; i < n; i++) {
    GstBuffer *buffer = returned;

    if (gst_pad_push (c->src, buffer) != GST_FLOW_OK)
      g_error ("%s: push failed", c->launch);
  }
  begin = g_get_monotonic_time () - begin;
  gst_buffer_unref (returned);
  return (gdouble) begin * 1000.0 / n;
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  const gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;

  return (x > y) - (x < y);
}

static gdouble
median (const gdouble *values, guint n)
{
  gdouble sorted[ROUNDS];

  memcpy (sorted, values, n * sizeof *values);
  qsort (sorted, n, sizeof *sorted, compare);
  return sorted[n / 2];
}

static gdouble
median_ratio (const Candidate *a, const Candidate *b, guint rounds)
{
  gdouble ratio[ROUNDS];
  guint i;

  for (i = 0; i < rounds; i++)
    ratio[i] = a->ns[i] / b->ns[i];
  return median (ratio, rounds);
}

static void
run_group (Candidate *c, guint n, const gchar *caps, gsize size, guint pushes,
    guint rounds)
{
  guint i, round;

  for (i = 0; i < n; i++)
    open_candidate (&c[i], caps);
  for (i = 0; i < n; i++)
    time_pushes (&c[i], size, pushes / 4 + 1); /* warm */
  for (round = 0; round < rounds; round++)
    for (i = 0; i < n; i++)
      c[(i + round) % n].ns[round] =
          time_pushes (&c[(i + round) % n], size, pushes);
  for (i = 0; i < n; i++)
    close_candidate (&c[i]);
}

/* The filter must do its work before its speed says anything. */
static void
verify_invert (Candidate *c, const gchar *caps, gsize size)
{
  GstMapInfo map;
  gsize i;

  open_candidate (c, caps);
  if (gst_pad_push (c->src, new_buffer (size)) != GST_FLOW_OK)
    g_error ("%s: push failed", c->launch);
  gst_buffer_map (returned, &map, GST_MAP_READ);
  for (i = 0; i < size; i++)
    if (map.data[i] != 255 - (guint8) (i * 7 + i / 251))
      g_error ("%s: byte %" G_GSIZE_FORMAT " is wrong", c->launch, i);
  gst_buffer_unmap (returned, &map);
  gst_buffer_unref (returned);
  close_candidate (c);
}

static gboolean
small_buffers (gsize size, guint pushes, guint rounds)
{
  Candidate c[] = {
    { .name = "identity", .launch = "identity" },
    { .name = "audioamplify", .launch = "audioamplify amplification=0.5" },
    { .name = "ringkernelfilter copy",
        .launch = "ringkernelfilter kernel=copy execution-mode=inline" },
  };
  gdouble dearer, ratio;
  guint i;

  run_group (c, G_N_ELEMENTS (c),
      "audio/x-raw, format=F32LE, rate=48000, "
      "channels=2, layout=interleaved",
      size, pushes, rounds);
  for (i = 0; i < G_N_ELEMENTS (c); i++)
    g_print ("  %-26s %9.0f ns per buffer\n", c[i].name,
        median (c[i].ns, rounds));
  dearer = MAX (median (c[0].ns, rounds), median (c[1].ns, rounds));
  ratio = median_ratio (&c[2],
      dearer == median (c[0].ns, rounds) ? &c[0] : &c[1], rounds);
  g_print ("  %.2f times the dearer peer; goal: at most 2: %s\n\n", ratio,
      ratio <= 2 ? "met" : "missed");
  return ratio <= 2;
}

static gboolean
video_frames (guint pushes, guint rounds)
{
  Candidate c[] = {
    { .name = "videobalance", .launch = "videobalance contrast=0.7" },
    { .name = "ringkernelfilter invert",
        .launch = "ringkernelfilter backend=cpu kernel=invert" },
    { .name = "  with grid-size=1",
        .launch = "ringkernelfilter backend=cpu kernel=invert grid-size=1" },
  };
  const gchar *caps = "video/x-raw, format=I420, width=1920, height=1080, "
                      "framerate=50/1";
  const gsize size = 1920 * 1080 * 3 / 2;
  gdouble ratio;
  guint i;

  verify_invert (&c[1], caps, size);
  run_group (c, G_N_ELEMENTS (c), caps, size, pushes, rounds);
  for (i = 0; i < G_N_ELEMENTS (c); i++)
    g_print ("  %-26s %9.0f frames/s\n", c[i].name,
        1e9 / median (c[i].ns, rounds));
  ratio = median_ratio (&c[0], &c[1], rounds);
  g_print ("  %.1f times the peer, %.1f times with one worker; goal: at least "
           "8: %s\n\n",
      ratio, median_ratio (&c[0], &c[2], rounds),
      ratio >= 8 ? "met" : "missed");
  return ratio >= 8;
}

int
main (int argc, char **argv)
{
  const gboolean quick = argc > 1 && strcmp (argv[1], "--quick") == 0;
  const guint rounds = quick ? 3 : ROUNDS;
  gboolean met;

  gst_init (NULL, NULL);
  g_print ("medians of %u rounds, candidates in turn, one process\n\n", rounds);
  g_print ("64-byte buffers of audio, in place\n");
  met = small_buffers (64, quick ? 2000 : 50000, rounds);
  g_print ("4 KiB buffers of audio, in place\n");
  met = small_buffers (4096, quick ? 2000 : 50000, rounds) && met;
  g_print ("1920x1080 I420 frames, in place\n");
  met = video_frames (quick ? 3 : 30, rounds) && met;
  g_print ("%s\n", met ? "all goals met" : "some goals missed");
  return 0;
}
