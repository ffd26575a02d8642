/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * choose.c: what comes out of a kernel that leaves format or size to whoever uses it.
 *
 * Downstream says what it takes. Of that, the size and the format of the input are
 * kept where they can be; else the picture keeps its shape, by the shape of its
 * pixels if need be, and the format is the one that loses least.
 */
#include "caps.h"

#include <gst/video/video.h>

/* ---- format ------------------------------------------------------------------------- */

/* What a picture in @from loses, and what it costs, when it becomes one in @to. Losing
 * colour is worse than losing transparency, and that is worse than losing detail. */
static guint
cost (const GstVideoFormatInfo *from, const GstVideoFormatInfo *to)
{
  guint sum = 0;

  if (from == to)
    return 0;
  if (!GST_VIDEO_FORMAT_INFO_IS_GRAY (from)
      && GST_VIDEO_FORMAT_INFO_IS_GRAY (to))
    sum += 64;
  if (GST_VIDEO_FORMAT_INFO_HAS_ALPHA (from)
      && !GST_VIDEO_FORMAT_INFO_HAS_ALPHA (to))
    sum += 32;
  if (GST_VIDEO_FORMAT_INFO_BITS (from) > GST_VIDEO_FORMAT_INFO_BITS (to))
    sum += 16;
  /* colours of two pixels become one's */
  if (!GST_VIDEO_FORMAT_INFO_IS_GRAY (from)
      && GST_VIDEO_FORMAT_INFO_N_COMPONENTS (to) > 1
      && GST_VIDEO_FORMAT_INFO_W_SUB (to, 1)
          > (GST_VIDEO_FORMAT_INFO_N_COMPONENTS (from) > 1
                  ? GST_VIDEO_FORMAT_INFO_W_SUB (from, 1)
                  : 0))
    sum += 8;
  if (GST_VIDEO_FORMAT_INFO_IS_YUV (from) != GST_VIDEO_FORMAT_INFO_IS_YUV (to))
    sum += 4;
  /* room for what is not there */
  if (!GST_VIDEO_FORMAT_INFO_HAS_ALPHA (from)
      && GST_VIDEO_FORMAT_INFO_HAS_ALPHA (to))
    sum += 2;
  return sum + 1;
}

static void
consider (const GstVideoFormatInfo *from, const GValue *name,
    const gchar **best, guint *least)
{
  const GstVideoFormat format =
      gst_video_format_from_string (g_value_get_string (name));
  guint sum;

  if (format == GST_VIDEO_FORMAT_UNKNOWN)
    return;
  sum = cost (from, gst_video_format_get_info (format));
  if (sum < *least) {
    *least = sum;
    *best = g_value_get_string (name);
  }
}

/* The structure of @caps that loses least, and of several the first. */
static GstStructure *
choose_format (const GstCaps *caps, const GstVideoFormatInfo *from,
    GstCapsFeatures *features, guint *chosen)
{
  GstStructure *result = NULL;
  guint i, k, least = G_MAXUINT;

  for (i = 0; i < gst_caps_get_size (caps); i++) {
    const GstStructure *s = gst_caps_get_structure (caps, i);
    const GValue *value = gst_structure_get_value (s, "format");
    const gchar *name = NULL;
    guint before = least;

    /* What stays in its memory costs nothing. */
    if (!gst_caps_features_is_equal (gst_caps_get_features (caps, i), features)
        && result)
      continue;
    if (value && G_VALUE_HOLDS_STRING (value))
      consider (from, value, &name, &least);
    else if (value && GST_VALUE_HOLDS_LIST (value))
      for (k = 0; k < gst_value_list_get_size (value); k++)
        consider (from, gst_value_list_get_value (value, k), &name, &least);
    if (least == before)
      continue;
    *chosen = i;
    g_clear_pointer (&result, gst_structure_free);
    result = gst_structure_copy (s);
    gst_structure_set (result, "format", G_TYPE_STRING, name, NULL);
  }
  return result;
}

/* ---- size ---------------------------------------------------------------------------- */

/* The side that is as long as @other * @n / @d; at least 1. */
static gint
scaled (gint other, gint n, gint d)
{
  return (gint) CLAMP (gst_util_uint64_scale_int_round ((guint64) other, n, d),
      1, G_MAXINT / 16);
}

/* The shape of the whole picture, @dw to @dh, is kept: by its sides where they are
 * free, else by the shape of its pixels. */
static void
choose_size (GstStructure *s, const GstVideoInfo *in)
{
  gint width, height, par_n = 1, par_d = 1, n, d;
  guint dw = 1, dh = 1;
  gboolean has_width, has_height;
  GstStructure *trial;

  if (!gst_video_calculate_display_ratio (&dw, &dh,
          (guint) GST_VIDEO_INFO_WIDTH (in), (guint) GST_VIDEO_INFO_HEIGHT (in),
          (guint) GST_VIDEO_INFO_PAR_N (in), (guint) GST_VIDEO_INFO_PAR_D (in),
          1, 1)) {
    dw = (guint) GST_VIDEO_INFO_WIDTH (in);
    dh = (guint) GST_VIDEO_INFO_HEIGHT (in);
  }
  has_width = gst_structure_get_int (s, "width", &width);
  has_height = gst_structure_get_int (s, "height", &height);

  if (!has_width && !has_height) {
    gst_structure_fixate_field_nearest_int (s, "height",
        GST_VIDEO_INFO_HEIGHT (in));
    gst_structure_get_int (s, "height", &height);
    if (height == GST_VIDEO_INFO_HEIGHT (in)) {
      gst_structure_fixate_field_nearest_int (s, "width",
          GST_VIDEO_INFO_WIDTH (in));
    } else {
      has_height = TRUE;
    }
  }
  /* Pixels as they were where that is allowed, else square ones. */
  if (gst_structure_has_field (s, "pixel-aspect-ratio")) {
    trial = gst_structure_copy (s);
    gst_structure_fixate_field_nearest_fraction (trial, "pixel-aspect-ratio",
        GST_VIDEO_INFO_PAR_N (in), GST_VIDEO_INFO_PAR_D (in));
    gst_structure_get_fraction (trial, "pixel-aspect-ratio", &par_n, &par_d);
    gst_structure_free (trial);
  } else {
    par_n = GST_VIDEO_INFO_PAR_N (in);
    par_d = GST_VIDEO_INFO_PAR_D (in);
  }
  if (has_width && !has_height) {
    /* width * par / height = dw / dh */
    if (gst_util_fraction_multiply ((gint) dh, (gint) dw, par_n, par_d, &n, &d))
      gst_structure_fixate_field_nearest_int (s, "height",
          scaled (width, n, d));
  } else if (has_height && !has_width) {
    if (gst_util_fraction_multiply ((gint) dw, (gint) dh, par_d, par_n, &n, &d))
      gst_structure_fixate_field_nearest_int (s, "width",
          scaled (height, n, d));
  }

  /* Whatever the sides are by now, the pixels make up for it. */
  gst_structure_fixate_field_nearest_int (s, "width",
      GST_VIDEO_INFO_WIDTH (in));
  gst_structure_fixate_field_nearest_int (s, "height",
      GST_VIDEO_INFO_HEIGHT (in));
  if (gst_structure_get_int (s, "width", &width)
      && gst_structure_get_int (s, "height", &height)
      && gst_util_fraction_multiply ((gint) dw, (gint) dh, height, width, &n,
          &d)) {
    if (!gst_structure_has_field (s, "pixel-aspect-ratio"))
      gst_structure_set (s, "pixel-aspect-ratio", GST_TYPE_FRACTION_RANGE, 1,
          G_MAXINT, G_MAXINT, 1, NULL);
    gst_structure_fixate_field_nearest_fraction (s, "pixel-aspect-ratio", n, d);
  }
}

/* ---- colours --------------------------------------------------------------------------- */

/* Between formats of one family the numbers keep their meaning, whatever GStreamer
 * would take for granted in the new size; unless downstream has said. */
static void
choose_colors (GstStructure *s, const GstVideoInfo *in)
{
  const GstVideoFormatInfo *to = gst_video_format_get_info (
      gst_video_format_from_string (gst_structure_get_string (s, "format")));
  gchar *colors = gst_video_colorimetry_to_string (&in->colorimetry);

  if (GST_VIDEO_FORMAT_INFO_IS_YUV (in->finfo)
          == GST_VIDEO_FORMAT_INFO_IS_YUV (to)
      && GST_VIDEO_FORMAT_INFO_IS_GRAY (in->finfo)
          == GST_VIDEO_FORMAT_INFO_IS_GRAY (to)
      && colors) {
    if (!gst_structure_has_field (s, "colorimetry"))
      gst_structure_set (s, "colorimetry", G_TYPE_STRING, colors, NULL);
    else
      gst_structure_fixate_field_string (s, "colorimetry", colors);
  }
  g_free (colors);
}

/* ---- all of it ---------------------------------------------------------------------------- */

static void
set_refused (GstRingCaps *self, GstCaps *peer, GError **error)
{
  gchar *theirs = gst_caps_to_string (peer);
  gchar *ours = gst_caps_to_string (self->src_caps);

  g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
      "kernel '%s' makes nothing that downstream takes: it makes %s, downstream "
      "takes %s",
      ring_kernel_info_get_name (self->info), ours, theirs);
  g_free (theirs);
  g_free (ours);
}

/* Takes @s. */
static gboolean
settle (GstRingCaps *self, GstStructure *s, GstCapsFeatures *features,
    const GstVideoInfo *in, const RingFormat *format, RingFormat **out,
    GstCaps **out_caps, GError **error)
{
  GstCaps *caps = gst_caps_new_empty ();
  GstVideoInfo info;
  gboolean ok;

  choose_size (s, in);
  choose_colors (s, in);
  gst_caps_append_structure_full (caps, s, gst_caps_features_copy (features));
  caps = gst_caps_fixate (caps);
  if (!gst_video_info_from_caps (&info, caps)) {
    set_refused (self, caps, error);
    gst_caps_unref (caps);
    return FALSE;
  }
  *out = ring_format_new_video (ring_video_format_from_string (
                                    gst_video_format_to_string (
                                        GST_VIDEO_INFO_FORMAT (&info))),
      (guint) GST_VIDEO_INFO_WIDTH (&info),
      (guint) GST_VIDEO_INFO_HEIGHT (&info));
  gst_ring_caps_set_colors (*out, &info);
  ok = ring_kernel_info_check_formats (self->info, format, *out, error);
  if (ok) {
    *out_caps = caps;
  } else {
    gst_caps_unref (caps);
    g_clear_pointer (out, ring_format_free);
  }
  return ok;
}

gboolean
gst_ring_caps_choose (GstRingCaps *self, GstCaps *caps, const RingFormat *in,
    GstPad *srcpad, RingFormat **out, GstCaps **out_caps, GError **error)
{
  GstCaps *could, *peer, *both;
  GstStructure *best;
  GstVideoInfo info;
  guint chosen = 0;
  gboolean ok = FALSE;

  *out_caps = NULL;
  if (!self->open) {
    *out = ring_kernel_info_get_output_format (self->info, in, error);
    if (*out)
      *out_caps = gst_ring_caps_output (self, caps, in, *out);
    return *out != NULL;
  }

  *out = NULL;
  if (!gst_video_info_from_caps (&info, caps))
    g_return_val_if_reached (FALSE); /* they were accepted, so they parse */
  could = gst_ring_caps_transform (self, GST_PAD_SINK, caps);
  peer = gst_pad_peer_query_caps (srcpad, could);
  both = gst_caps_intersect_full (peer, could, GST_CAPS_INTERSECT_FIRST);
  best = choose_format (both, info.finfo, gst_caps_get_features (caps, 0),
      &chosen);
  if (best)
    ok = settle (self, best, gst_caps_get_features (both, chosen), &info, in,
        out, out_caps, error);
  else
    set_refused (self, peer, error);
  gst_caps_unref (could);
  gst_caps_unref (peer);
  gst_caps_unref (both);
  return ok;
}
