/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * file-source.c: what goes into a kernel: messages out of a file.
 */
#include "cli/file-run.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

CliFiles cli_files;

CliFileType
cli_file_type (const gchar *path)
{
  g_autofree gchar *lower = g_ascii_strdown (path, -1);

  return g_str_has_suffix (lower, ".png") ? CLI_FILE_PNG
      : g_str_has_suffix (lower, ".wav")  ? CLI_FILE_WAV
      : g_str_has_suffix (lower, ".csv")  ? CLI_FILE_CSV
                                          : CLI_FILE_RAW;
}

void
cli_source_clear (CliSource *s)
{
  cli_media_clear (&s->media);
  g_clear_pointer (&s->format, ring_format_free);
  if (s->stream && s->stream != stdin)
    fclose (s->stream);
}

gboolean
cli_set_wrong (GError **error, const gchar *format, ...)
{
  g_autofree gchar *what = NULL;
  va_list values;

  va_start (values, format);
  what = g_strdup_vprintf (format, values);
  va_end (values);
  g_set_error_literal (error, RING_ERROR, RING_ERROR_FORMAT, what);
  return FALSE;
}

/* What is said of a picture in a file of its own, which says itself what it is, is of
 * the one that comes out. */
static gboolean
is_of_output (RingKernelInfo *info)
{
  return ring_kernel_info_get_kind (info) == RING_PAYLOAD_VIDEO
      && cli_file_type (cli_files.input) != CLI_FILE_RAW;
}

static const gchar *
output_format_name (RingKernelInfo *info)
{
  return cli_files.to_format ? cli_files.to_format
      : is_of_output (info) && ring_kernel_info_get_any_format (info)
      ? cli_files.format
      : NULL;
}

/* Formats of the kernel, or the one of them that --format names. */
static gchar **
wanted_formats (RingKernelInfo *info, GError **error)
{
  g_auto (GStrv) formats = ring_kernel_info_get_input_formats (info);
  gchar **one;
  g_autofree gchar *all = g_strjoinv (", ", formats);

  if (!cli_files.format || cli_files.format == output_format_name (info))
    return g_steal_pointer (&formats);
  if (!g_strv_contains ((const gchar *const *) formats, cli_files.format)) {
    cli_set_wrong (error, "kernel '%s' does not take '%s'; it takes %s",
        ring_kernel_info_get_name (info), cli_files.format,
        *all ? all : "bytes");
    return NULL;
  }
  one = g_new0 (gchar *, 2);
  one[0] = g_strdup (cli_files.format);
  return one;
}

static gboolean
parse_size (const gchar *option, const gchar *size, guint *width, guint *height,
    GError **error)
{
  g_auto (GStrv) parts = g_strsplit (size, "x", -1);
  guint64 w, h;

  if (g_strv_length (parts) != 2
      || !g_ascii_string_to_unsigned (parts[0], 10, 1, 65535, &w, NULL)
      || !g_ascii_string_to_unsigned (parts[1], 10, 1, 65535, &h, NULL))
    return cli_set_wrong (error, "%s is '%s'; it must be like 640x480", option,
        size);
  *width = (guint) w;
  *height = (guint) h;
  return TRUE;
}

/* What raw bytes are, by what the kernel takes and what was said. */
static RingFormat *
raw_format (RingKernelInfo *info, gchar **formats, GError **error)
{
  guint width, height;

  switch (ring_kernel_info_get_kind (info)) {
    case RING_PAYLOAD_VIDEO:
      if (!cli_files.size || (!cli_files.format && formats[1])) {
        cli_set_wrong (error,
            "raw pictures need --size=WxH and --format, for instance "
            "--size=640x480 --format=%s",
            formats[0]);
        return NULL;
      }
      if (!parse_size ("--size", cli_files.size, &width, &height, error))
        return NULL;
      return ring_format_new_video (ring_video_format_from_string (formats[0]),
          width, height);
    case RING_PAYLOAD_AUDIO:
      return ring_format_new_audio (ring_audio_format_from_string (formats[0]),
          cli_files.rate ? (guint) cli_files.rate : 48000,
          cli_files.channels ? (guint) cli_files.channels : 1);
    case RING_PAYLOAD_RECORD:
      return ring_format_new_record (formats[0], error);
    default:
      return ring_format_new_bytes ();
  }
}

static gboolean
read_csv (CliSource *s, RingKernelInfo *info, gchar **formats, GError **error)
{
  g_autoptr (RingFormat) format = NULL;

  switch (ring_kernel_info_get_kind (info)) {
    case RING_PAYLOAD_AUDIO:
      format =
          ring_format_new_audio (ring_audio_format_from_string (formats[0]),
              cli_files.rate ? (guint) cli_files.rate : 48000, 1);
      format->channels = 0; /* as many as there are columns */
      break;
    case RING_PAYLOAD_RECORD:
      format = ring_format_new_record (formats[0], error);
      break;
    default:
      cli_set_wrong (error,
          "%s: kernel '%s' takes %s; CSV holds records or sound",
          cli_files.input, ring_kernel_info_get_name (info),
          cli_nick (RING_TYPE_PAYLOAD_KIND, ring_kernel_info_get_kind (info)));
      return FALSE;
  }
  return format && cli_csv_read (&s->media, cli_files.input, format, error);
}

static gboolean
open_stream (CliSource *s, GError **error)
{
  if (strcmp (cli_files.input, "-") == 0) {
    s->stream = stdin;
    return TRUE;
  }
  s->stream = fopen (cli_files.input, "rbe");
  if (s->stream) {
    GStatBuf info;

    if (g_stat (cli_files.input, &info) == 0 && S_ISREG (info.st_mode))
      s->total = (guint64) info.st_size;
    return TRUE;
  }
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
      "%s cannot be opened: %s", cli_files.input, g_strerror (errno));
  return FALSE;
}

gboolean
cli_source_open (CliSource *s, RingKernelInfo *info, GError **error)
{
  const RingPayloadKind kind = ring_kernel_info_get_kind (info);
  const CliFileType type = cli_file_type (cli_files.input);
  g_auto (GStrv) formats = wanted_formats (info, error);
  gboolean ok;

  if (!formats)
    return FALSE;
  if ((type == CLI_FILE_PNG && kind != RING_PAYLOAD_VIDEO
          && kind != RING_PAYLOAD_BYTES)
      || (type == CLI_FILE_WAV && kind != RING_PAYLOAD_AUDIO
          && kind != RING_PAYLOAD_BYTES))
    return cli_set_wrong (error, "%s: kernel '%s' takes %s, not %s",
        cli_files.input, ring_kernel_info_get_name (info),
        cli_nick (RING_TYPE_PAYLOAD_KIND, kind),
        type == CLI_FILE_PNG ? "pictures" : "sound");

  if (type == CLI_FILE_PNG)
    ok = cli_png_read (&s->media, cli_files.input,
        kind == RING_PAYLOAD_VIDEO ? formats : NULL, error);
  else if (type == CLI_FILE_WAV)
    ok = cli_wav_read (&s->media, cli_files.input,
        kind == RING_PAYLOAD_AUDIO ? formats : NULL, error);
  else if (type == CLI_FILE_CSV)
    ok = read_csv (s, info, formats, error);
  else
    ok = (s->media.format = raw_format (info, formats, error)) != NULL
        && open_stream (s, error);
  if (!ok)
    return FALSE;

  s->format = kind == RING_PAYLOAD_BYTES ? ring_format_new_bytes ()
                                         : ring_format_copy (s->media.format);
  s->unit = ring_format_get_frame_size (s->media.format);
  /* A picture is one message, whatever the kernel takes it for. */
  s->message = s->media.format->kind == RING_PAYLOAD_VIDEO ? s->unit
                                                           : s->unit
          * (cli_files.block                    ? (gsize) cli_files.block
                  : kind == RING_PAYLOAD_RECORD ? 256
                                                : 4096);
  if (s->message > G_MAXINT - RING_HEADER_SIZE)
    return cli_set_wrong (error,
        "a message would have more than 2 GiB; --block is "
        "what goes into one");
  if (s->media.bytes)
    s->total = g_bytes_get_size (s->media.bytes);
  return TRUE;
}

gboolean
cli_source_wanted (const CliSource *s, RingKernelInfo *info,
    RingFormat **wanted, GError **error)
{
  const gchar *name = output_format_name (info);
  const gchar *size = cli_files.to_size;
  g_autoptr (RingFormat) format = NULL;

  *wanted = NULL;
  if (!size && is_of_output (info))
    size = cli_files.size;
  if (!name && !size)
    return TRUE;
  format = ring_kernel_info_get_output_format (info, s->format, error);
  if (!format)
    return FALSE;
  if (format->kind != RING_PAYLOAD_VIDEO)
    return cli_set_wrong (error,
        "kernel '%s' gives %s; --to-format and --to-size are of pictures",
        ring_kernel_info_get_name (info),
        cli_nick (RING_TYPE_PAYLOAD_KIND, format->kind));
  if (name
      && strcmp (ring_video_format_to_string (format->video_format), name)) {
    format->video_format = ring_video_format_from_string (name);
    format->matrix = RING_COLOR_MATRIX_UNKNOWN;
    format->range = RING_COLOR_RANGE_UNKNOWN;
    if (format->video_format == RING_VIDEO_FORMAT_NONE)
      return cli_set_wrong (error, "there is no pixel format '%s'", name);
  }
  if (size
      && !parse_size (cli_files.to_size ? "--to-size" : "--size", size,
          &format->width, &format->height, error))
    return FALSE;
  *wanted = g_steal_pointer (&format);
  return TRUE;
}

gboolean
cli_source_settle (const CliSource *s, RingKernel *kernel, GError **error)
{
  g_autoptr (RingFormat) wanted = NULL;

  return cli_source_wanted (s, ring_kernel_get_info (kernel), &wanted, error)
      && ring_kernel_set_formats (kernel, s->format, wanted, error);
}

/* The next message's bytes; NULL at the end, or with an error. */
static GBytes *
next_payload (CliSource *s, GError **error)
{
  gsize n;
  guint8 *data;

  if (s->media.bytes) {
    n = (gsize) MIN (s->total - s->at, s->message);
    if (n == 0)
      return NULL;
    s->at += n;
    return g_bytes_new_from_bytes (s->media.bytes, (gsize) s->at - n, n);
  }
  data = g_malloc (s->message);
  n = fread (data, 1, s->message, s->stream);
  if (ferror (s->stream))
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
        "%s cannot be read: %s", cli_files.input, g_strerror (errno));
  else if (n % s->unit != 0)
    cli_set_wrong (error,
        "%s ends within a unit of %" G_GSIZE_FORMAT
        " bytes: is it what the kernel takes, and the format right?",
        cli_files.input, s->unit);
  else if (n > 0) {
    s->at += n;
    return g_bytes_new_take (data, n);
  }
  g_free (data);
  return NULL;
}

static RingMessage *
make_message (const CliSource *s, GBytes *payload, GError **error)
{
  switch (s->format->kind) {
    case RING_PAYLOAD_VIDEO:
      return ring_message_new_video (s->format, payload, error);
    case RING_PAYLOAD_AUDIO:
      return ring_message_new_audio (s->format, payload, error);
    case RING_PAYLOAD_RECORD:
      return ring_message_new_records (ring_format_get_record_type (s->format),
          payload, error);
    default:
      return ring_message_new (payload);
  }
}

RingMessage *
cli_source_next (CliSource *s, GError **error)
{
  const guint64 before = s->at;
  g_autoptr (GBytes) payload = next_payload (s, error);
  RingMessage *message = payload ? make_message (s, payload, error) : NULL;

  if (message && s->format->kind == RING_PAYLOAD_AUDIO)
    ring_message_set_time (message,
        before / s->unit * 1000000000 / s->format->rate, RING_TIME_NONE);
  return message;
}

gboolean
cli_source_rewind (CliSource *s)
{
  if (s->stream && (s->total == 0 || fseek (s->stream, 0, SEEK_SET) != 0))
    return FALSE;
  s->at = 0;
  return TRUE;
}
