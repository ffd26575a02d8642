/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * formats.c: `invert ! invert` gives every picture back bit by bit: each format,
 * size, stride, mode and number of workers.
 */
#include "gst-ring-test.h"

#include <gst/video/gstvideometa.h>

static const gchar *const formats[] = { "GRAY8", "RGB", "BGR", "RGBA", "BGRA",
  "ARGB", "ABGR", "RGBx", "BGRx", "xRGB", "xBGR", "I420", "NV12" };

/* A random picture whose rows have @padding bytes more than they need. */
static GstBuffer *
make_picture (const GstVideoInfo *info, guint padding, GRand *random)
{
  gsize offset[GST_VIDEO_MAX_PLANES], at = padding * 3;
  gint stride[GST_VIDEO_MAX_PLANES];
  GstBuffer *buffer;
  GstMapInfo map;
  guint p;
  gsize i;

  for (p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++) {
    stride[p] = GST_VIDEO_INFO_PLANE_STRIDE (info, p) + (gint) padding;
    offset[p] = at;
    at += (gsize) stride[p]
        * (gsize) GST_VIDEO_INFO_COMP_HEIGHT (info,
            MIN (p, GST_VIDEO_INFO_N_COMPONENTS (info) - 1));
  }
  /* Without meta the planes are where caps say. */
  buffer = gst_buffer_new_allocate (NULL,
      padding ? at : GST_VIDEO_INFO_SIZE (info), NULL);
  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (i = 0; i + 4 <= map.size; i += 4)
    GST_WRITE_UINT32_LE (map.data + i, g_rand_int (random));
  for (; i < map.size; i++)
    map.data[i] = (guint8) g_rand_int (random);
  gst_buffer_unmap (buffer, &map);
  if (padding)
    gst_buffer_add_video_meta_full (buffer, 0, GST_VIDEO_INFO_FORMAT (info),
        GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info),
        GST_VIDEO_INFO_N_PLANES (info), offset, stride);
  return buffer;
}

static gboolean
same_picture (const GstVideoInfo *info, GstBuffer *a, GstBuffer *b)
{
  GstVideoFrame fa, fb;
  gboolean same = TRUE;
  guint c;
  gint y;

  ck_assert (gst_video_frame_map (&fa, info, a, GST_MAP_READ));
  ck_assert (gst_video_frame_map (&fb, info, b, GST_MAP_READ));
  for (c = 0; c < GST_VIDEO_INFO_N_COMPONENTS (info); c++) {
    const guint p = GST_VIDEO_INFO_COMP_PLANE (info, c);
    const gsize row = (gsize) GST_VIDEO_INFO_COMP_WIDTH (info, c)
        * (gsize) GST_VIDEO_INFO_COMP_PSTRIDE (info, c);

    for (y = 0; y < GST_VIDEO_INFO_COMP_HEIGHT (info, c); y++)
      same &= memcmp ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&fa, p)
                      + y * GST_VIDEO_FRAME_PLANE_STRIDE (&fa, p),
                  (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&fb, p)
                      + y * GST_VIDEO_FRAME_PLANE_STRIDE (&fb, p),
                  row)
          == 0;
  }
  gst_video_frame_unmap (&fa);
  gst_video_frame_unmap (&fb);
  return same;
}

static void
check_round_trip (gint mode, gint grid, const gchar *const *names,
    guint n_names, guint width, guint height)
{
  gchar *line = g_strdup_printf (
      "ringkernelfilter kernel=invert "
      "execution-mode=%s grid-size=%d ! ringkernelfilter kernel=invert "
      "execution-mode=%s grid-size=%d",
      mode_names[mode], grid, mode_names[mode], grid);
  GstHarness *h = gst_harness_new_parse (line);
  GRand *random = g_rand_new_with_seed (width * 31 + height);
  guint f, shared;

  for (f = 0; f < n_names; f++) {
    static const guint paddings[] = { 0, 1, 13, 64 };
    gchar *caps = g_strdup_printf ("video/x-raw,format=%s,width=%u,height=%u,"
                                   "framerate=25/1",
        names[f], width, height);
    GstVideoInfo info;
    guint p;

    gst_harness_set_src_caps_str (h, caps);
    gst_video_info_set_format (&info, gst_video_format_from_string (names[f]),
        width, height);
    for (p = 0; p < G_N_ELEMENTS (paddings); p++) {
      for (shared = 0; shared < 2; shared++) {
        GstBuffer *in = make_picture (&info, paddings[p], random), *out;
        GstBuffer *kept =
            shared ? gst_buffer_ref (in) : gst_buffer_copy_deep (in);

        ck_assert_msg (gst_harness_push (h, in) == GST_FLOW_OK,
            "%s, padding %u, shared %u", caps, paddings[p], shared);
        out = gst_harness_pull (h);
        ck_assert_msg (same_picture (&info, kept, out),
            "%s, %s, grid %d, "
            "padding %u",
            caps, mode_names[mode], grid, paddings[p]);
        gst_buffer_unref (out);
        gst_buffer_unref (kept);
      }
    }
    g_free (caps);
  }
  g_rand_free (random);
  gst_harness_teardown (h);
  g_free (line);
}

static const gint grids[] = { 1, 2, 7 };

/* A small device has room for fewer. */
static gint
grid_for (gint mode, guint g)
{
  return on_cuda (mode) ? MIN (grids[g], 3) : grids[g];
}

GST_START_TEST (inverting_twice_a_single_pixel)
{
  guint g;

  for (g = 0; g < G_N_ELEMENTS (grids); g++)
    check_round_trip (__i__, grid_for (__i__, g), formats,
        G_N_ELEMENTS (formats), 1, 1);
}

GST_END_TEST;

GST_START_TEST (inverting_twice_odd_sizes)
{
  guint g;

  for (g = 0; g < G_N_ELEMENTS (grids); g++) {
    check_round_trip (__i__, grid_for (__i__, g), formats,
        G_N_ELEMENTS (formats), 17, 13);
    check_round_trip (__i__, grid_for (__i__, g), formats,
        G_N_ELEMENTS (formats), 3, 101);
  }
}

GST_END_TEST;

GST_START_TEST (inverting_twice_full_hd)
{
  static const gchar *const some[] = { "RGB", "xRGB", "I420", "NV12" };
  guint g;

  for (g = 0; g < G_N_ELEMENTS (grids); g++)
    check_round_trip (__i__, grid_for (__i__, g), some, G_N_ELEMENTS (some),
        1920, 1080);
}

GST_END_TEST;

static Suite *
formats_suite (void)
{
  Suite *s = suite_create ("formats");
  TCase *tc = tcase_create ("formats");

  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 120);
  tcase_add_mode_test (tc, inverting_twice_a_single_pixel);
  tcase_add_mode_test (tc, inverting_twice_odd_sizes);
  tcase_add_mode_test (tc, inverting_twice_full_hd);
  return s;
}

GST_CHECK_MAIN (formats);
