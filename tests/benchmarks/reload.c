/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * reload.c: from saving a kernel of 30 lines to the first frame that the new version
 * has made, while a stream of 100 frames a second goes through the element. The kernel
 * writes its version into every frame's first byte.
 */
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 20
#define GOAL 1000.0 /* ms */
#define WIDTH 640
#define HEIGHT 480
#define FRAME_TIME 10000 /* us */

/* 30 lines, with the version in the last but two. */
static const gchar kernel[] =
    "#include <ringkernel/kernel-sdk.h>\n"
    "\n"
    "RING_KERNEL (vignette, \"Darkens the corners, and shows what moves\",\n"
    "    RING_VIDEO (\"RGB\"),\n"
    "    RING_STATE_PER_BYTE (1),\n"
    "    RING_FLOAT (amount, 0.5, 0.0, 1.0, \"How dark the corners are\"),\n"
    "    RING_FLOAT (trail, 0.9, 0.0, 1.0, \"What is left after a frame\"),\n"
    "    RING_BOOL (square, 0, \"Darkens by the square of the distance\"))\n"
    "{\n"
    "  const RingPlane from = in.plane[0], to = out.plane[0];\n"
    "  const float middle_x = 0.5f * (float) from.width;\n"
    "  const float middle_y = 0.5f * (float) from.height;\n"
    "\n"
    "  RING_FOR_EACH_ROW_OF (y, from.height) {\n"
    "    RING_GLOBAL uint8_t *old = state_buffer + y * from.width * 3;\n"
    "\n"
    "    RING_FOR_EACH_LANE (x, from.width) {\n"
    "      const float dx = ((float) x - middle_x) / middle_x;\n"
    "      const float dy = ((float) y - middle_y) / middle_y;\n"
    "      const float d = 0.5f * (dx * dx + dy * dy);\n"
    "      const float k = 1 - params.amount * (params.square ? d * d : d);\n"
    "      for (int c = 0; c < 3; c++) {\n"
    "        const float now = (float) ring_row (from, y)[3 * x + c] * k;\n"
    "        old[3 * x + c] = ring_clamp_u8 (ring_mixf (now,\n"
    "            (float) old[3 * x + c], params.trail));\n"
    "        ring_row (to, y)[3 * x + c] = y + x + c == 0 ? %u\n"
    "            : old[3 * x + c];\n"
    "      }\n"
    "    }\n"
    "  }\n"
    "}\n";

static guint8 version; /* of the last frame */

static GstFlowReturn
take (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  (void) pad;
  (void) parent;
  gst_buffer_extract (buffer, 0, &version, 1);
  gst_buffer_unref (buffer);
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
save (const gchar *path, guint number)
{
  gchar *text = g_strdup_printf (kernel, number);

  if (!g_file_set_contents (path, text, -1, NULL))
    g_error ("cannot write %s", path);
  g_free (text);
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  const gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;

  return (x > y) - (x < y);
}

static GstPad *
open_stream (GstElement *filter, GstPad **sink_out)
{
  GstPad *src = gst_pad_new ("src", GST_PAD_SRC);
  GstPad *sink = gst_pad_new ("sink", GST_PAD_SINK);
  GstCaps *caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING,
      "RGB", "width", G_TYPE_INT, WIDTH, "height", G_TYPE_INT, HEIGHT,
      "framerate", GST_TYPE_FRACTION, 100, 1, NULL);
  GstSegment segment;
  GstPad *peer;

  gst_pad_set_chain_function (sink, take);
  gst_pad_set_event_function (sink, take_event);
  gst_pad_set_active (src, TRUE);
  gst_pad_set_active (sink, TRUE);
  peer = gst_element_get_static_pad (filter, "sink");
  gst_pad_link (src, peer);
  gst_object_unref (peer);
  peer = gst_element_get_static_pad (filter, "src");
  gst_pad_link (peer, sink);
  gst_object_unref (peer);
  *sink_out = sink;
  if (gst_element_set_state (filter, GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE)
    g_error ("the element does not start");
  gst_pad_push_event (src, gst_event_new_stream_start ("bench"));
  gst_pad_push_event (src, gst_event_new_caps (caps));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (src, gst_event_new_segment (&segment));
  gst_caps_unref (caps);
  return src;
}

static void
push (GstPad *src)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, WIDTH * HEIGHT * 3, NULL);

  gst_buffer_memset (buffer, 0, 100, (gsize) -1);
  if (gst_pad_push (src, buffer) != GST_FLOW_OK)
    g_error ("push failed");
}

/* ms from saving to the first frame of version @number. */
static gdouble
time_reload (GstPad *src, const gchar *path, guint number)
{
  const gint64 begin = g_get_monotonic_time ();
  gint64 next = begin;

  save (path, number);
  while (version != number) {
    const gint64 now = g_get_monotonic_time ();

    if (now - begin > 30 * G_USEC_PER_SEC)
      g_error ("version %u does not come", number);
    next += FRAME_TIME;
    if (next > now)
      g_usleep ((gulong) (next - now)); /* the camera's pace */
    push (src);
  }
  return (gdouble) (g_get_monotonic_time () - begin) / 1000.0;
}

int
main (int argc, char **argv)
{
  const gboolean quick = argc > 1 && strcmp (argv[1], "--quick") == 0;
  const guint rounds = quick ? 2 : ROUNDS;
  gdouble ms[ROUNDS], median;
  g_autofree gchar *compiler = NULL;
  GstElement *filter;
  gchar *dir, *path;
  GstPad *src, *sink;
  guint i;

  compiler = g_find_program_in_path ("cc");
  if (!compiler) {
    g_print ("there is no C compiler 'cc'\n");
    return 77;
  }
  gst_init (NULL, NULL);
  dir = g_dir_make_tmp ("ring-bench-XXXXXX", NULL);
  if (!dir)
    g_error ("no temporary directory");
  path = g_build_filename (dir, "vignette.c", NULL);
  save (path, 1);
  filter = gst_element_factory_make ("ringkernelfilter", NULL);
  if (!filter)
    g_error ("no element ringkernelfilter");
  g_object_set (filter, "kernel", path, "reload", TRUE, NULL);
  src = open_stream (filter, &sink);
  push (src);
  for (i = 0; i < rounds; i++)
    ms[i] = time_reload (src, path, i + 2);
  qsort (ms, rounds, sizeof *ms, compare);
  median = (ms[(rounds - 1) / 2] + ms[rounds / 2]) / 2;
  g_print (
      "saved to live, a kernel of 30 lines, %u times, on %u processors\n"
      "  median %.0f ms, fastest %.0f ms, slowest %.0f ms; goal: below %.0f "
      "ms: %s\n",
      rounds, g_get_num_processors (), median, ms[0], ms[rounds - 1], GOAL,
      median < GOAL ? "met" : "missed");
  gst_element_set_state (filter, GST_STATE_NULL);
  gst_object_unref (filter);
  gst_object_unref (src);
  gst_object_unref (sink);
  g_unlink (path);
  g_rmdir (dir);
  g_free (path);
  g_free (dir);
  return 0;
}
