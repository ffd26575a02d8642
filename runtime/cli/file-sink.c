/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * file-sink.c: what comes out of a kernel, into a file.
 */
#include "cli/file-run.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static const gchar *
type_name (CliFileType type)
{
  static const gchar *const names[] = { "raw bytes", "PNG", "WAV", "CSV" };

  return names[type];
}

void
cli_sink_init (CliSink *k, const CliSource *source, const RingFormat *out)
{
  memset (k, 0, sizeof *k);
  k->type = cli_file_type (cli_files.output);
  /* Bytes that were pixels or samples are that again. */
  k->format = out->kind == RING_PAYLOAD_BYTES ? source->media.format : out;
  if (ring_format_equal (k->format, source->media.format))
    k->header = source->media.header;
}

/* Whether the output can be what its name says, before anything runs. */
gboolean
cli_sink_check (const CliSink *k, RingKernelInfo *info, GError **error)
{
  const RingFormat *f = k->format;
  g_autoptr (GArray) fields = NULL;
  g_autofree gchar *what = ring_format_to_string (f);
  gboolean ok = TRUE;

  if (k->type == CLI_FILE_PNG)
    ok = f->kind == RING_PAYLOAD_VIDEO && cli_png_has_format (f->video_format);
  else if (k->type == CLI_FILE_WAV)
    ok = f->kind == RING_PAYLOAD_AUDIO;
  else if (k->type == CLI_FILE_CSV)
    ok = f->kind == RING_PAYLOAD_AUDIO || f->kind == RING_PAYLOAD_RECORD;
  if (!ok)
    return cli_set_wrong (error,
        "%s: kernel '%s' gives %s, which is nothing for %s; name the output "
        "%s",
        cli_files.output, ring_kernel_info_get_name (info), what,
        type_name (k->type),
        f->kind == RING_PAYLOAD_AUDIO        ? ".wav"
            : f->kind == RING_PAYLOAD_RECORD ? ".csv"
            : f->kind == RING_PAYLOAD_VIDEO
                && cli_png_has_format (f->video_format)
            ? ".png"
            : ".raw");
  if (k->type == CLI_FILE_CSV) {
    fields = cli_fields (f, error);
    return fields != NULL;
  }
  return TRUE;
}

gboolean
cli_sink_open (CliSink *k, GError **error)
{
  if (k->type != CLI_FILE_RAW || cli_files.whole) {
    k->gathered = g_byte_array_new ();
    return TRUE;
  }
  k->stream = strcmp (cli_files.output, "-") == 0
      ? stdout
      : fopen (cli_files.output, "wbe");
  if (k->stream)
    return TRUE;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
      "%s cannot be written: %s", cli_files.output, g_strerror (errno));
  return FALSE;
}

gboolean
cli_sink_put (CliSink *k, GBytes *payload, GError **error)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (payload, &size);

  k->messages++;
  k->bytes += size;
  if (k->gathered) {
    if (size > G_MAXUINT - k->gathered->len)
      return cli_set_wrong (error,
          "%s: more than 4 GiB come out; write to .raw instead",
          cli_files.output);
    g_byte_array_append (k->gathered, data, (guint) size);
    return TRUE;
  }
  if (fwrite (data, 1, size, k->stream) == size && fflush (k->stream) == 0)
    return TRUE;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
      "%s cannot be written: %s", cli_files.output, g_strerror (errno));
  return FALSE;
}

gboolean
cli_sink_finish (CliSink *k, GError **error)
{
  const gsize unit = ring_format_get_frame_size (k->format);
  g_autoptr (GBytes) bytes = NULL;

  if (!k->gathered)
    return TRUE;
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&k->gathered));
  if (k->type == CLI_FILE_RAW)
    return g_file_set_contents (cli_files.output,
        g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes),
        error);
  if (g_bytes_get_size (bytes) % unit != 0)
    return cli_set_wrong (error,
        "%s: %" G_GSIZE_FORMAT " bytes came out, which is no whole number of "
        "units of %" G_GSIZE_FORMAT "; write to .raw instead",
        cli_files.output, g_bytes_get_size (bytes), unit);
  switch (k->type) {
    case CLI_FILE_PNG:
      if (g_bytes_get_size (bytes) != unit)
        return cli_set_wrong (error,
            "%s: %" G_GUINT64_FORMAT
            " pictures came out, and a PNG file is one; "
            "write to .raw instead",
            cli_files.output, k->messages);
      return cli_png_write (cli_files.output, k->format, bytes, error);
    case CLI_FILE_WAV:
      return cli_wav_write (cli_files.output, k->format, bytes, error);
    default:
      return cli_csv_write (cli_files.output, k->format, k->header, bytes,
          error);
  }
}

void
cli_sink_close (CliSink *k, gboolean good)
{
  if (k->stream && k->stream != stdout) {
    GStatBuf info;

    fclose (k->stream);
    /* Half of a result could be taken for a whole one. What is no file of ours, a
     * device for instance, stays. */
    if (!good && g_lstat (cli_files.output, &info) == 0
        && S_ISREG (info.st_mode))
      g_unlink (cli_files.output);
  }
  if (k->gathered)
    g_byte_array_unref (k->gathered);
}
