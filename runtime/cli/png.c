/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * png.c: pictures, through libpng.
 */
#include "cli/media.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <png.h>
#include <stdio.h>
#include <string.h>

/* How libpng writes and reads each format. An x is there for the room alone: read as
 * alpha, and left away where it is written. */
static const struct
{
  RingVideoFormat format;
  png_uint_32 png;
  gboolean colour, alpha, x;
} table[] = {
  { RING_VIDEO_FORMAT_GRAY8, PNG_FORMAT_GRAY, FALSE, FALSE, FALSE },
  { RING_VIDEO_FORMAT_RGB, PNG_FORMAT_RGB, TRUE, FALSE, FALSE },
  { RING_VIDEO_FORMAT_BGR, PNG_FORMAT_BGR, TRUE, FALSE, FALSE },
  { RING_VIDEO_FORMAT_RGBX, PNG_FORMAT_RGBA, TRUE, FALSE, TRUE },
  { RING_VIDEO_FORMAT_BGRX, PNG_FORMAT_BGRA, TRUE, FALSE, TRUE },
  { RING_VIDEO_FORMAT_XRGB, PNG_FORMAT_ARGB, TRUE, FALSE, TRUE },
  { RING_VIDEO_FORMAT_XBGR, PNG_FORMAT_ABGR, TRUE, FALSE, TRUE },
  { RING_VIDEO_FORMAT_RGBA, PNG_FORMAT_RGBA, TRUE, TRUE, FALSE },
  { RING_VIDEO_FORMAT_BGRA, PNG_FORMAT_BGRA, TRUE, TRUE, FALSE },
  { RING_VIDEO_FORMAT_ARGB, PNG_FORMAT_ARGB, TRUE, TRUE, FALSE },
  { RING_VIDEO_FORMAT_ABGR, PNG_FORMAT_ABGR, TRUE, TRUE, FALSE },
};

static gint
find (RingVideoFormat format)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (table); i++)
    if (table[i].format == format)
      return (gint) i;
  return -1;
}

gboolean
cli_png_has_format (RingVideoFormat format)
{
  return find (format) >= 0;
}

/* The format that loses least; -1: there is none. Losing colour is worse than losing
 * transparency, and room for what is not there is worse than none. */
static gint
choose (gboolean colour, gboolean alpha, gchar **formats)
{
  gint best = -1;
  guint i, cost, least = G_MAXUINT;

  for (i = 0; i < G_N_ELEMENTS (table); i++) {
    const gchar *name = ring_video_format_to_string (table[i].format);

    if (formats && !g_strv_contains ((const gchar *const *) formats, name))
      continue;
    cost = (colour && !table[i].colour ? 100 : 0)
        + (alpha && !table[i].alpha ? 10 : 0)
        + (!colour && table[i].colour ? 4 : 0)
        + (!alpha && table[i].alpha ? 3 : 0) + (table[i].x ? 2 : 0);
    if (cost < least) {
      least = cost;
      best = (gint) i;
    }
  }
  return best;
}

static gboolean
set_bad (GError **error, const gchar *path, const gchar *what)
{
  g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
      "%s is no PNG picture that can be read: %s", path, what);
  return FALSE;
}

gboolean
cli_png_read (CliMedia *media, const gchar *path, gchar **formats,
    GError **error)
{
  png_image image = { .version = PNG_IMAGE_VERSION };
  FILE *file = fopen (path, "rbe");
  gboolean colour, alpha, ok;
  guint8 *pixels = NULL;
  gint chosen;

  if (!file) {
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
        "%s cannot be opened: %s", path, g_strerror (errno));
    return FALSE;
  }
  if (!png_image_begin_read_from_stdio (&image, file)) {
    fclose (file);
    return set_bad (error, path, image.message);
  }
  colour = (image.format & PNG_FORMAT_FLAG_COLOR) != 0;
  alpha = (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  chosen = choose (colour, alpha, formats);
  if (chosen < 0) {
    g_autofree gchar *all = g_strjoinv (", ", formats);

    g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
        "the kernel takes %s alone, and pictures are read as RGB and its like; "
        "use it in a pipeline, behind videoconvert",
        all);
    ok = FALSE;
  } else {
    image.format = table[chosen].png;
    /* 16 bits are as bright as 8 are, where the file says nothing else. */
    image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    /* 8 bits each, 4 of them at the most */
    ok = image.width <= 65535 && image.height <= 65535
        && (pixels = g_try_malloc0 (PNG_IMAGE_SIZE (image))) != NULL;
    if (!ok)
      set_bad (error, path, "it is too large");
    else if (!(ok = png_image_finish_read (&image, NULL, pixels, 0, NULL) != 0))
      set_bad (error, path, image.message);
  }
  fclose (file);
  if (ok) {
    media->format =
        ring_format_new_video (table[chosen].format, image.width, image.height);
    media->bytes = g_bytes_new_take (pixels, PNG_IMAGE_SIZE (image));
    if (colour && !table[chosen].colour)
      media->note =
          g_strdup ("the picture is made gray, as the kernel takes it");
    else if (alpha && !table[chosen].alpha)
      media->note = g_strdup ("transparency is lost: the kernel takes none");
  } else {
    g_free (pixels);
  }
  png_image_free (&image);
  return ok;
}

/* Pixels without what is there for the room alone. */
static guint8 *
without_x (RingVideoFormat format, const guint8 *pixels, gsize n)
{
  const gboolean first =
      format == RING_VIDEO_FORMAT_XRGB || format == RING_VIDEO_FORMAT_XBGR;
  guint8 *packed = g_malloc (3 * n);
  gsize i;

  for (i = 0; i < n; i++)
    memcpy (packed + 3 * i, pixels + 4 * i + first, 3);
  return packed;
}

gboolean
cli_png_write (const gchar *path, const RingFormat *format, GBytes *pixels,
    GError **error)
{
  const gint i = find (format->video_format);
  png_image image = { .version = PNG_IMAGE_VERSION,
    .width = format->width,
    .height = format->height };
  const guint8 *data = g_bytes_get_data (pixels, NULL);
  g_autofree guint8 *packed = NULL;
  g_autofree guint8 *file = NULL;
  png_alloc_size_t size = 0;
  gboolean ok;

  g_return_val_if_fail (i >= 0, FALSE);
  image.format = table[i].png;
  if (table[i].x) {
    packed = without_x (format->video_format, data,
        (gsize) format->width * format->height);
    data = packed;
    image.format = format->video_format == RING_VIDEO_FORMAT_BGRX
            || format->video_format == RING_VIDEO_FORMAT_XBGR
        ? PNG_FORMAT_BGR
        : PNG_FORMAT_RGB;
  }
  /* In memory first: no half a picture is left where the disk is full. */
  ok = png_image_write_get_memory_size (image, size, 0, data, 0, NULL) != 0;
  if (ok) {
    file = g_malloc (size);
    ok = png_image_write_to_memory (&image, file, &size, 0, data, 0, NULL) != 0;
  }
  if (!ok) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "%s cannot be written: %s", path, image.message);
    return FALSE;
  }
  return g_file_set_contents (path, (const gchar *) file, (gssize) size, error);
}
