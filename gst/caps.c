/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * caps.c: what a kernel declares, as caps.
 *
 *   bytes    any caps, the same on both sides
 *   video    video/x-raw in the kernel's formats, in system memory and, where the
 *            kernel runs on CUDA, in CUDA memory, each side by itself
 *   audio    audio/x-raw, interleaved, in the kernel's formats
 *   records  any caps or none; other caps come out only if the type changes
 *
 * Records that are made of frames or of audio have the caps of records. What a kernel
 * leaves open is chosen in choose.c.
 */
#include "caps.h"

#include "cudashare.h"

#include <string.h>

GST_DEBUG_CATEGORY_STATIC (ring_kernel_caps_debug);
#define GST_CAT_DEFAULT ring_kernel_caps_debug

static void
init_debug (void)
{
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (ring_kernel_caps_debug, "ringkernelcaps", 0,
        "ringkernelfilter: caps");
    g_once_init_leave (&once, 1);
  }
}

static void
append_string (GValue *list, const gchar *text)
{
  GValue value = G_VALUE_INIT;
  guint i;

  for (i = 0; i < gst_value_list_get_size (list); i++)
    if (strcmp (g_value_get_string (gst_value_list_get_value (list, i)), text)
        == 0)
      return;
  g_value_init (&value, G_TYPE_STRING);
  g_value_set_string (&value, text);
  gst_value_list_append_and_take_value (list, &value);
}

/* One value is a string, several are a list: as people write caps. */
static void
take_format_list (GstStructure *structure, GValue *list)
{
  if (gst_value_list_get_size (list) == 1)
    gst_structure_set_value (structure, "format",
        gst_value_list_get_value (list, 0));
  else
    gst_structure_set_value (structure, "format", list);
  g_value_unset (list);
}

/* The formats that GStreamer can allocate CUDA memory for. */
static gboolean
fits_cuda (const gchar *format)
{
  static const gchar *const formats[] = { "I420", "NV12", "RGB", "BGR", "RGBA",
    "BGRA", "ARGB", "ABGR", "RGBx", "BGRx", NULL };

  return g_strv_contains (formats, format);
}

static void
append_if_fits (GValue *list, const gchar *format, gboolean odd_height)
{
  guint major, minor, micro, nano;

  /* Until 1.24, GStreamer loses a part of such frames between CUDA memory and
   * system memory. */
  gst_version (&major, &minor, &micro, &nano);
  if (odd_height && strcmp (format, "I420") == 0 && major == 1 && minor < 24)
    return;
  if (fits_cuda (format))
    append_string (list, format);
}

/* Leaves the formats of @structure that CUDA memory can hold. */
static gboolean
keep_cuda_formats (GstStructure *structure)
{
  const GValue *format = gst_structure_get_value (structure, "format");
  GValue list = G_VALUE_INIT;
  gboolean any, odd;
  gint height;
  guint i;

  /* Records have none. */
  if (!format)
    return FALSE;
  odd = gst_structure_get_int (structure, "height", &height) && height % 2 == 1;
  g_value_init (&list, GST_TYPE_LIST);
  if (G_VALUE_HOLDS_STRING (format)) {
    append_if_fits (&list, g_value_get_string (format), odd);
  } else {
    for (i = 0; i < gst_value_list_get_size (format); i++)
      append_if_fits (&list,
          g_value_get_string (gst_value_list_get_value (format, i)), odd);
  }
  any = gst_value_list_get_size (&list) > 0;
  if (any)
    take_format_list (structure, &list);
  else
    g_value_unset (&list);
  return any;
}

static GstCaps *
raw_caps (const gchar *media_type, gchar **formats)
{
  GstStructure *structure;
  GstCaps *caps;
  GValue list = G_VALUE_INIT;
  guint i;

  g_value_init (&list, GST_TYPE_LIST);
  for (i = 0; formats[i]; i++)
    append_string (&list, formats[i]);

  if (strcmp (media_type, "video/x-raw") == 0)
    structure = gst_structure_new (media_type, "width", GST_TYPE_INT_RANGE, 1,
        G_MAXINT / 16, "height", GST_TYPE_INT_RANGE, 1, G_MAXINT / 16,
        "framerate", GST_TYPE_FRACTION_RANGE, 0, 1, G_MAXINT, 1, NULL);
  else
    structure = gst_structure_new (media_type, "layout", G_TYPE_STRING,
        "interleaved", "rate", GST_TYPE_INT_RANGE, 1, G_MAXINT, "channels",
        GST_TYPE_INT_RANGE, 1, G_MAXINT, NULL);
  take_format_list (structure, &list);

  caps = gst_caps_new_empty ();
  gst_caps_append_structure (caps, structure);
  return caps;
}

/* The same in the other memory, for each structure that can be there. */
static GstCaps *
other_memory (GstCaps *caps)
{
  GstCaps *result = gst_caps_new_empty ();
  guint i;

  for (i = 0; i < gst_caps_get_size (caps); i++) {
    const gboolean cuda =
        gst_caps_features_contains (gst_caps_get_features (caps, i),
            GST_RING_CUDA_FEATURE);
    GstStructure *s = gst_structure_copy (gst_caps_get_structure (caps, i));

    if (cuda)
      gst_caps_append_structure (result, s);
    else if (keep_cuda_formats (s))
      gst_caps_append_structure_full (result, s,
          gst_caps_features_new (GST_RING_CUDA_FEATURE, NULL));
    else
      gst_structure_free (s);
  }
  return result;
}

/* Both memories; the device's own comes first, by GStreamer's custom. */
static GstCaps *
video_caps (GstRingCaps *self, gchar **formats)
{
  GstCaps *system = raw_caps ("video/x-raw", formats);

  return self->cuda ? gst_caps_merge (other_memory (system), system) : system;
}

static void
learn_pair (GstRingCaps *self, GPtrArray *outputs, const gchar *in,
    const gchar *out)
{
  const GstRingVideoPair pair = { in, out };

  g_array_append_val (self->video, pair);
  g_ptr_array_add (outputs, (gpointer) out);
  if (in != out)
    self->changes_format = TRUE;
}

/* @any: the formats that come out as asked for. */
static void
learn_video (GstRingCaps *self, gchar **formats, gchar **any)
{
  GPtrArray *outputs = g_ptr_array_new ();
  guint i, k;

  self->video = g_array_new (FALSE, FALSE, sizeof (GstRingVideoPair));
  for (i = 0; formats[i]; i++) {
    const RingVideoFormat format = ring_video_format_from_string (formats[i]);
    RingFormat *in, *out;
    const gchar *name = ring_video_format_to_string (format);

    if (format == RING_VIDEO_FORMAT_NONE)
      continue;
    in = ring_format_new_video (format, 1, 1);
    out = ring_kernel_info_get_output_format (self->info, in, NULL);
    if (out && out->kind == RING_PAYLOAD_VIDEO)
      learn_pair (self, outputs, name,
          ring_video_format_to_string (out->video_format));
    for (k = 0; any[k]; k++)
      learn_pair (self, outputs, name,
          ring_video_format_to_string (ring_video_format_from_string (any[k])));
    ring_format_free (out);
    ring_format_free (in);
  }
  g_ptr_array_add (outputs, NULL);
  self->sink_caps = video_caps (self, formats);
  self->src_caps = video_caps (self, (gchar **) outputs->pdata);
  g_ptr_array_unref (outputs);
}

static GstCaps *
record_caps (const gchar *type)
{
  return gst_caps_new_simple (GST_RING_RECORD_MEDIA_TYPE, "type", G_TYPE_STRING,
      type, NULL);
}

GstRingCaps *
gst_ring_caps_new (RingKernelInfo *info, gboolean cuda)
{
  GstRingCaps *self = g_new0 (GstRingCaps, 1);
  gchar **in = ring_kernel_info_get_input_formats (info);
  gchar **out = ring_kernel_info_get_output_formats (info);
  gchar *none[] = { NULL };

  init_debug ();
  g_atomic_ref_count_init (&self->refs);
  self->info = ring_kernel_info_ref (info);
  self->kind = ring_kernel_info_get_kind (info);
  self->output_kind = ring_kernel_info_get_output_kind (info);
  self->any_size = ring_kernel_info_get_any_size (info);
  self->open = self->any_size || ring_kernel_info_get_any_format (info);
  self->cuda = cuda && self->kind == RING_PAYLOAD_VIDEO;

  switch (self->kind) {
    case RING_PAYLOAD_VIDEO:
      learn_video (self, in,
          ring_kernel_info_get_any_format (info) ? out : none);
      break;
    case RING_PAYLOAD_AUDIO:
      self->sink_caps = raw_caps ("audio/x-raw", in);
      self->src_caps = gst_caps_ref (self->sink_caps);
      break;
    case RING_PAYLOAD_RECORD:
      self->record_in = g_strdup (in[0] ? in[0] : "");
      self->record_out = g_strdup (out[0] ? out[0] : self->record_in);
      self->changes_format = strcmp (self->record_in, self->record_out) != 0;
      self->sink_caps = gst_caps_new_any ();
      self->src_caps = self->changes_format ? record_caps (self->record_out)
                                            : gst_caps_new_any ();
      break;
    case RING_PAYLOAD_BYTES:
    default:
      self->sink_caps = gst_caps_new_any ();
      self->src_caps = gst_caps_new_any ();
      break;
  }
  if (self->output_kind != self->kind) {
    self->record_out = g_strdup (out[0]);
    self->changes_format = TRUE;
    gst_caps_unref (self->src_caps);
    self->src_caps = record_caps (self->record_out);
  }
  g_strfreev (in);
  g_strfreev (out);
  return self;
}

GstRingCaps *
gst_ring_caps_ref (GstRingCaps *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
gst_ring_caps_unref (GstRingCaps *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  ring_kernel_info_unref (self->info);
  gst_caps_unref (self->sink_caps);
  gst_caps_unref (self->src_caps);
  g_free (self->record_in);
  g_free (self->record_out);
  if (self->video)
    g_array_unref (self->video);
  g_free (self);
}

static gboolean
format_allows (const GValue *value, const gchar *name)
{
  guint i;

  if (!value)
    return TRUE;
  if (G_VALUE_HOLDS_STRING (value))
    return strcmp (g_value_get_string (value), name) == 0;
  if (GST_VALUE_HOLDS_LIST (value)) {
    for (i = 0; i < gst_value_list_get_size (value); i++)
      if (format_allows (gst_value_list_get_value (value, i), name))
        return TRUE;
  }
  return FALSE;
}

/* Takes @s, and where the size is open, every size besides; the one that needs no
 * work comes first. */
static void
append_structure (GstRingCaps *self, GstCaps *result, GstStructure *s,
    GstCapsFeatures *features)
{
  GstStructure *sized = self->any_size ? gst_structure_copy (s) : NULL;

  gst_caps_append_structure_full (result, s, gst_caps_features_copy (features));
  if (!sized)
    return;
  gst_structure_set (sized, "width", GST_TYPE_INT_RANGE, 1, G_MAXINT / 16,
      "height", GST_TYPE_INT_RANGE, 1, G_MAXINT / 16, NULL);
  if (gst_structure_has_field (sized, "pixel-aspect-ratio"))
    gst_structure_set (sized, "pixel-aspect-ratio", GST_TYPE_FRACTION_RANGE, 1,
        G_MAXINT, G_MAXINT, 1, NULL);
  gst_caps_append_structure_full (result, sized,
      gst_caps_features_copy (features));
}

/* Two structures can come of one: formats that stay what they are keep their
 * colorimetry, those that change lose it. */
static void
transform_video (GstRingCaps *self, GstPadDirection direction,
    const GstStructure *structure, GstCapsFeatures *features, GstCaps *result)
{
  const GValue *format = gst_structure_get_value (structure, "format");
  GValue same = G_VALUE_INIT, changed = G_VALUE_INIT;
  guint i;

  g_value_init (&same, GST_TYPE_LIST);
  g_value_init (&changed, GST_TYPE_LIST);
  for (i = 0; i < self->video->len; i++) {
    const GstRingVideoPair *pair =
        &g_array_index (self->video, GstRingVideoPair, i);
    const gchar *here = direction == GST_PAD_SINK ? pair->in : pair->out;
    const gchar *there = direction == GST_PAD_SINK ? pair->out : pair->in;

    if (format_allows (format, here))
      append_string (pair->in == pair->out ? &same : &changed, there);
  }
  if (gst_value_list_get_size (&same) > 0) {
    GstStructure *s = gst_structure_copy (structure);

    take_format_list (s, &same);
    append_structure (self, result, s, features);
  } else {
    g_value_unset (&same);
  }
  if (gst_value_list_get_size (&changed) > 0) {
    GstStructure *s = gst_structure_copy (structure);

    gst_structure_remove_fields (s, "colorimetry", "chroma-site", NULL);
    take_format_list (s, &changed);
    append_structure (self, result, s, features);
  } else {
    g_value_unset (&changed);
  }
}

GstCaps *
gst_ring_caps_transform (GstRingCaps *self, GstPadDirection direction,
    GstCaps *caps)
{
  GstCaps *allowed =
      direction == GST_PAD_SINK ? self->sink_caps : self->src_caps;
  GstCaps *mine, *result;
  guint i;

  if (!self->changes_format && !self->cuda && !self->any_size)
    return gst_caps_intersect_full (caps, self->sink_caps,
        GST_CAPS_INTERSECT_FIRST);
  if (self->output_kind == RING_PAYLOAD_RECORD)
    return gst_caps_ref (
        direction == GST_PAD_SINK ? self->src_caps : self->sink_caps);

  mine = gst_caps_intersect_full (caps, allowed, GST_CAPS_INTERSECT_FIRST);
  result = gst_caps_new_empty ();
  for (i = 0; i < gst_caps_get_size (mine); i++)
    transform_video (self, direction, gst_caps_get_structure (mine, i),
        gst_caps_get_features (mine, i), result);
  gst_caps_unref (mine);
  if (self->cuda) {
    /* What can stay in its memory comes first, so it does; but a format may have
     * changed to one that CUDA memory does not hold. */
    GstCaps *both = gst_caps_merge (result, other_memory (result));

    result = gst_caps_intersect_full (both,
        direction == GST_PAD_SINK ? self->src_caps : self->sink_caps,
        GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (both);
    return result;
  }
  return gst_caps_simplify (result);
}

/* Takes @caps. Frames that are on the device need not be brought there: what comes
 * in may well lie there. So another filter before us leaves its own there. */
static GstCaps *
put_cuda_first (GstCaps *caps)
{
  GstCaps *cuda = gst_caps_new_empty (), *system = gst_caps_new_empty ();
  guint i;

  for (i = 0; i < gst_caps_get_size (caps); i++) {
    GstCapsFeatures *features = gst_caps_get_features (caps, i);

    gst_caps_append_structure_full (gst_caps_features_contains (features,
                                        GST_RING_CUDA_FEATURE)
            ? cuda
            : system,
        gst_structure_copy (gst_caps_get_structure (caps, i)),
        gst_caps_features_copy (features));
  }
  gst_caps_append (cuda, system);
  gst_caps_unref (caps);
  return cuda;
}

GstCaps *
gst_ring_caps_query (GstRingCaps *self, GstPad *pad, GstPad *otherpad,
    GstCaps *filter)
{
  const GstPadDirection direction = GST_PAD_DIRECTION (pad);
  const GstPadDirection other_direction = GST_PAD_DIRECTION (otherpad);
  GstCaps *own = direction == GST_PAD_SINK ? self->sink_caps : self->src_caps;
  GstCaps *asked, *other_filter, *peer, *result;

  /* Ask the other side only for what can matter here. */
  asked = filter
      ? gst_caps_intersect_full (filter, own, GST_CAPS_INTERSECT_FIRST)
      : gst_caps_ref (own);
  other_filter = gst_ring_caps_transform (self, direction, asked);
  peer = gst_pad_peer_query_caps (otherpad, other_filter);
  gst_caps_unref (other_filter);

  result = gst_ring_caps_transform (self, other_direction, peer);
  gst_caps_unref (peer);
  if (!gst_caps_is_any (asked)) {
    GstCaps *both =
        gst_caps_intersect_full (asked, result, GST_CAPS_INTERSECT_FIRST);

    gst_caps_unref (result);
    result = both;
  }
  gst_caps_unref (asked);
  if (self->cuda && direction == GST_PAD_SINK)
    result = put_cuda_first (result);
  GST_LOG_OBJECT (pad, "caps are %" GST_PTR_FORMAT, result);
  return result;
}

void
gst_ring_caps_set_colors (RingFormat *format, const GstVideoInfo *info)
{
  G_STATIC_ASSERT (
      (gint) RING_COLOR_MATRIX_BT2020 == GST_VIDEO_COLOR_MATRIX_BT2020);
  G_STATIC_ASSERT (
      (gint) RING_COLOR_RANGE_LIMITED == GST_VIDEO_COLOR_RANGE_16_235);

  if ((guint) info->colorimetry.matrix < RING_MATRIX_LAST_)
    format->matrix = (RingColorMatrix) info->colorimetry.matrix;
  if ((guint) info->colorimetry.range < RING_RANGE_LAST_)
    format->range = (RingColorRange) info->colorimetry.range;
}

RingFormat *
gst_ring_caps_to_format (GstRingCaps *self, GstCaps *caps, GError **error)
{
  const gchar *name = ring_kernel_info_get_name (self->info);
  const gboolean cuda = gst_ring_caps_are_cuda (caps);
  GstVideoInfo video;
  GstAudioInfo audio;
  RingFormat *format = NULL, *output;
  gchar *text;

  if (cuda && self->kind != RING_PAYLOAD_VIDEO) {
    g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
        "kernel '%s' takes %s, not frames, and those only from system memory; "
        "put cudadownload before it",
        name,
        self->kind == RING_PAYLOAD_BYTES       ? "bytes"
            : self->kind == RING_PAYLOAD_AUDIO ? "audio"
                                               : "records");
    return NULL;
  }
  if (cuda && !self->cuda) {
    g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
        "kernel '%s' does not run where it could use CUDA memory; "
        "put cudadownload before it%s",
        name, GST_RING_CUDA_IS_BUILT ? ", or run it with backend=cuda" : "");
    return NULL;
  }

  switch (self->kind) {
    case RING_PAYLOAD_BYTES:
      return ring_format_new_bytes ();
    case RING_PAYLOAD_RECORD: {
      const GstStructure *s =
          caps && !gst_caps_is_any (caps) && gst_caps_get_size (caps) > 0
          ? gst_caps_get_structure (caps, 0)
          : NULL;
      const gchar *type =
          s && gst_structure_has_name (s, GST_RING_RECORD_MEDIA_TYPE)
          ? gst_structure_get_string (s, "type")
          : NULL;

      if (type && strcmp (type, self->record_in) != 0) {
        g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
            "kernel '%s' does not take records of type %s; it takes %s", name,
            type, self->record_in);
        return NULL;
      }
      return ring_format_new_record (self->record_in, error);
    }
    case RING_PAYLOAD_VIDEO:
      if (caps && gst_caps_can_intersect (caps, self->sink_caps)
          && gst_video_info_from_caps (&video, caps))
        format =
            ring_format_new_video (ring_video_format_from_string (
                                       gst_video_format_to_string (
                                           GST_VIDEO_INFO_FORMAT (&video))),
                (guint) GST_VIDEO_INFO_WIDTH (&video),
                (guint) GST_VIDEO_INFO_HEIGHT (&video));
      if (format)
        gst_ring_caps_set_colors (format, &video);
      break;
    case RING_PAYLOAD_AUDIO:
      if (caps && gst_caps_can_intersect (caps, self->sink_caps)
          && gst_audio_info_from_caps (&audio, caps))
        format =
            ring_format_new_audio (ring_audio_format_from_string (
                                       gst_audio_format_to_string (
                                           GST_AUDIO_INFO_FORMAT (&audio))),
                (guint) GST_AUDIO_INFO_RATE (&audio),
                (guint) GST_AUDIO_INFO_CHANNELS (&audio));
      break;
  }

  if (!format) {
    GstCaps *can = gst_caps_copy (self->sink_caps);
    const gchar *converter = self->kind == RING_PAYLOAD_AUDIO ? "audioconvert"
        : cuda                                                ? "cudaconvert"
                                                              : "videoconvert";
    gchar **formats = ring_kernel_info_get_input_formats (self->info);
    gchar *list = g_strjoinv (", ", formats);

    text = caps ? gst_caps_to_string (caps) : NULL;
    g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
        "kernel '%s' does not take %s; it takes %s in one of the formats %s; "
        "put %s before it",
        name, text ? text : "a stream without caps",
        gst_structure_get_name (gst_caps_get_structure (can, 0)), list,
        converter);
    g_free (text);
    g_free (list);
    g_strfreev (formats);
    gst_caps_unref (can);
    return NULL;
  }

  output = ring_kernel_info_get_output_format (self->info, format, error);
  if (!output) {
    ring_format_free (format);
    return NULL;
  }
  ring_format_free (output);
  return format;
}

gboolean
gst_ring_caps_accept (GstRingCaps *self, GstCaps *caps, GError **error)
{
  RingFormat *format = gst_ring_caps_to_format (self, caps, error);

  if (!format)
    return FALSE;
  ring_format_free (format);
  return TRUE;
}

GstCaps *
gst_ring_caps_output (GstRingCaps *self, GstCaps *caps, const RingFormat *in,
    const RingFormat *out)
{
  GstStructure *structure;
  GstCaps *result;

  if (ring_format_equal (in, out))
    return caps ? gst_caps_ref (caps) : NULL;
  if (out->kind != RING_PAYLOAD_VIDEO)
    return gst_caps_ref (self->src_caps);

  result = gst_caps_copy (caps);
  structure = gst_caps_get_structure (result, 0);
  gst_structure_set (structure, "format", G_TYPE_STRING,
      ring_video_format_to_string (out->video_format), NULL);
  gst_structure_remove_fields (structure, "colorimetry", "chroma-site", NULL);
  /* Not all formats can be had in CUDA memory. */
  if (!gst_caps_can_intersect (result, self->src_caps))
    gst_caps_set_features (result, 0, NULL);
  return result;
}

GstCaps *
gst_ring_caps_in_other_memory (GstRingCaps *self, GstCaps *caps)
{
  GstCaps *other;

  if (!self->cuda || !caps)
    return NULL;
  other = other_memory (caps);
  if (gst_caps_is_empty (other))
    gst_clear_caps (&other);
  return other;
}
