/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * file-run.c: a kernel on a file, from launch to the end: for `run` and `watch`.
 */
#include "cli/file-run.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* us; a message that takes longer counts as one that never comes back */
#define WAIT (60 * G_USEC_PER_SEC)
#define QUEUE 16

CliFiles cli_files;

typedef enum
{
  FILE_RAW,
  FILE_PNG,
  FILE_WAV,
  FILE_CSV
} FileType;

static FileType
type_of (const gchar *path)
{
  g_autofree gchar *lower = g_ascii_strdown (path, -1);

  return g_str_has_suffix (lower, ".png") ? FILE_PNG
      : g_str_has_suffix (lower, ".wav")  ? FILE_WAV
      : g_str_has_suffix (lower, ".csv")  ? FILE_CSV
                                          : FILE_RAW;
}

static const gchar *
type_name (FileType type)
{
  static const gchar *const names[] = { "raw bytes", "PNG", "WAV", "CSV" };

  return names[type];
}

/* ---- what goes in ------------------------------------------------------------------------- */

void
cli_source_clear (CliSource *s)
{
  cli_media_clear (&s->media);
  g_clear_pointer (&s->format, ring_format_free);
  if (s->stream && s->stream != stdin)
    fclose (s->stream);
}

static gboolean set_wrong (GError **error, const gchar *format, ...)
    G_GNUC_PRINTF (2, 3);

static gboolean
set_wrong (GError **error, const gchar *format, ...)
{
  g_autofree gchar *what = NULL;
  va_list values;

  va_start (values, format);
  what = g_strdup_vprintf (format, values);
  va_end (values);
  g_set_error_literal (error, RING_ERROR, RING_ERROR_FORMAT, what);
  return FALSE;
}

/* Formats of the kernel, or the one of them that --format names. */
static gchar **
wanted_formats (RingKernelInfo *info, GError **error)
{
  g_auto (GStrv) formats = ring_kernel_info_get_input_formats (info);
  gchar **one;
  g_autofree gchar *all = g_strjoinv (", ", formats);

  if (!cli_files.format)
    return g_steal_pointer (&formats);
  if (!g_strv_contains ((const gchar *const *) formats, cli_files.format)) {
    set_wrong (error, "kernel '%s' does not take '%s'; it takes %s",
        ring_kernel_info_get_name (info), cli_files.format,
        *all ? all : "bytes");
    return NULL;
  }
  one = g_new0 (gchar *, 2);
  one[0] = g_strdup (cli_files.format);
  return one;
}

static gboolean
parse_size (guint *width, guint *height)
{
  g_auto (GStrv) parts = g_strsplit (cli_files.size, "x", -1);
  guint64 w, h;

  if (g_strv_length (parts) != 2
      || !g_ascii_string_to_unsigned (parts[0], 10, 1, 65535, &w, NULL)
      || !g_ascii_string_to_unsigned (parts[1], 10, 1, 65535, &h, NULL))
    return FALSE;
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
        set_wrong (error,
            "raw pictures need --size=WxH and --format, for instance "
            "--size=640x480 --format=%s",
            formats[0]);
        return NULL;
      }
      if (!parse_size (&width, &height)) {
        set_wrong (error, "--size is '%s'; it must be like 640x480",
            cli_files.size);
        return NULL;
      }
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
      set_wrong (error, "%s: kernel '%s' takes %s; CSV holds records or sound",
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
  const FileType type = type_of (cli_files.input);
  g_auto (GStrv) formats = wanted_formats (info, error);
  gboolean ok;

  if (!formats)
    return FALSE;
  if ((type == FILE_PNG && kind != RING_PAYLOAD_VIDEO
          && kind != RING_PAYLOAD_BYTES)
      || (type == FILE_WAV && kind != RING_PAYLOAD_AUDIO
          && kind != RING_PAYLOAD_BYTES))
    return set_wrong (error, "%s: kernel '%s' takes %s, not %s",
        cli_files.input, ring_kernel_info_get_name (info),
        cli_nick (RING_TYPE_PAYLOAD_KIND, kind),
        type == FILE_PNG ? "pictures" : "sound");

  if (type == FILE_PNG)
    ok = cli_png_read (&s->media, cli_files.input,
        kind == RING_PAYLOAD_VIDEO ? formats : NULL, error);
  else if (type == FILE_WAV)
    ok = cli_wav_read (&s->media, cli_files.input,
        kind == RING_PAYLOAD_AUDIO ? formats : NULL, error);
  else if (type == FILE_CSV)
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
    return set_wrong (error,
        "a message would have more than 2 GiB; --block is "
        "what goes into one");
  if (s->media.bytes)
    s->total = g_bytes_get_size (s->media.bytes);
  return TRUE;
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
    set_wrong (error,
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

/* ---- what comes out ------------------------------------------------------------------------ */

typedef struct
{
  FileType type;
  const RingFormat *format; /* what the bytes are */
  const gchar *header;
  FILE *stream;         /* raw */
  GByteArray *gathered; /* all else */
  guint64 messages, bytes;
} Sink;

/* Whether the output can be what its name says, before anything runs. */
static gboolean
check_sink (const Sink *k, RingKernelInfo *info, GError **error)
{
  const RingFormat *f = k->format;
  g_autoptr (GArray) fields = NULL;
  g_autofree gchar *what = ring_format_to_string (f);
  gboolean ok = TRUE;

  if (k->type == FILE_PNG)
    ok = f->kind == RING_PAYLOAD_VIDEO && cli_png_has_format (f->video_format);
  else if (k->type == FILE_WAV)
    ok = f->kind == RING_PAYLOAD_AUDIO;
  else if (k->type == FILE_CSV)
    ok = f->kind == RING_PAYLOAD_AUDIO || f->kind == RING_PAYLOAD_RECORD;
  if (!ok)
    return set_wrong (error,
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
  if (k->type == FILE_CSV) {
    fields = cli_fields (f, error);
    return fields != NULL;
  }
  return TRUE;
}

static gboolean
open_sink (Sink *k, GError **error)
{
  if (k->type != FILE_RAW || cli_files.whole) {
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

static gboolean
put_payload (Sink *k, GBytes *payload, GError **error)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (payload, &size);

  k->messages++;
  k->bytes += size;
  if (k->gathered) {
    if (size > G_MAXUINT - k->gathered->len)
      return set_wrong (error,
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

static gboolean
finish_sink (Sink *k, GError **error)
{
  const gsize unit = ring_format_get_frame_size (k->format);
  g_autoptr (GBytes) bytes = NULL;

  if (!k->gathered)
    return TRUE;
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&k->gathered));
  if (k->type == FILE_RAW)
    return g_file_set_contents (cli_files.output,
        g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes),
        error);
  if (g_bytes_get_size (bytes) % unit != 0)
    return set_wrong (error,
        "%s: %" G_GSIZE_FORMAT " bytes came out, which is no whole number of "
        "units of %" G_GSIZE_FORMAT "; write to .raw instead",
        cli_files.output, g_bytes_get_size (bytes), unit);
  switch (k->type) {
    case FILE_PNG:
      if (g_bytes_get_size (bytes) != unit)
        return set_wrong (error,
            "%s: %" G_GUINT64_FORMAT
            " pictures came out, and a PNG file is one; "
            "write to .raw instead",
            cli_files.output, k->messages);
      return cli_png_write (cli_files.output, k->format, bytes, error);
    case FILE_WAV:
      return cli_wav_write (cli_files.output, k->format, bytes, error);
    default:
      return cli_csv_write (cli_files.output, k->format, k->header, bytes,
          error);
  }
}

static void
close_sink (Sink *k, gboolean good)
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

/* ---- running ----------------------------------------------------------------------------------- */

typedef struct
{
  gint64 next; /* us of the monotonic time; 0: nothing has begun */
  gboolean shown;
} Progress;

/* How far it is, where somebody looks and it takes a while. */
static void
show_progress (Progress *p, const CliSource *s)
{
  const gint64 now = g_get_monotonic_time ();

  if (p->next == 0)
    p->next = now + G_USEC_PER_SEC / 2;
  if (now < p->next || !isatty (STDERR_FILENO))
    return;
  if (s->total)
    fprintf (stderr, "\r%3d %%", (gint) (100 * s->at / s->total));
  else
    fprintf (stderr, "\r%" G_GUINT64_FORMAT " KiB", s->at / 1024);
  p->next = now + G_USEC_PER_SEC / 10;
  p->shown = TRUE;
}

static void
end_progress (Progress *p)
{
  if (p->shown)
    fputs ("\r\033[K", stderr);
  p->shown = FALSE;
}

/* Takes what is there; with @timeout waits for the first. */
static gboolean
receive (RingKernel *kernel, Sink *k, gint64 timeout, GError **error)
{
  for (;; timeout = 0) {
    g_autoptr (GError) reason = NULL;
    g_autoptr (RingMessage) message =
        ring_kernel_receive (kernel, timeout, NULL, &reason);

    if (!message && timeout == 0
        && (g_error_matches (reason, RING_ERROR, RING_ERROR_TIMED_OUT)
            || g_error_matches (reason, RING_ERROR, RING_ERROR_STATUS)))
      return TRUE;
    if (!message) {
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }
    if (!put_payload (k, ring_message_get_payload (message), error))
      return FALSE;
  }
}

/* Sends, and takes results where there is no room for more. */
static gboolean
send (RingKernel *kernel, RingMessage *message, Sink *k, GError **error)
{
  for (;;) {
    g_autoptr (GError) reason = NULL;

    if (ring_kernel_send (kernel, message, 0, NULL, &reason))
      return receive (kernel, k, 0, error);
    if (!g_error_matches (reason, RING_ERROR, RING_ERROR_QUEUE_FULL)) {
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }
    if (!receive (kernel, k, WAIT, error))
      return FALSE;
  }
}

static gboolean
run_all (RingKernel *kernel, CliSource *s, Sink *k, GError **error)
{
  g_autoptr (GBytes) payload = NULL;
  GError *problem = NULL;
  Progress progress = { 0 };
  guint64 n;

  for (n = 0; (payload = next_payload (s, &problem)); n++) {
    g_autoptr (RingMessage) message = make_message (s, payload, error);

    if (!message)
      return FALSE;
    if (s->format->kind == RING_PAYLOAD_AUDIO)
      ring_message_set_time (message,
          (s->at - g_bytes_get_size (payload)) / s->unit * 1000000000
              / s->format->rate,
          RING_TIME_NONE);
    if (!send (kernel, message, k, error)) {
      end_progress (&progress);
      return FALSE;
    }
    show_progress (&progress, s);
    g_clear_pointer (&payload, g_bytes_unref);
  }
  end_progress (&progress);
  if (problem) {
    g_propagate_error (error, problem);
    return FALSE;
  }
  if (!ring_kernel_drain (kernel, WAIT, NULL, error)
      || !receive (kernel, k, 0, error))
    return FALSE;
  if (n == 0)
    return set_wrong (error, "%s is empty", cli_files.input);
  return finish_sink (k, error);
}

/* Auto means: a kernel that cannot run on the GPU runs here. */
static RingKernel *
launch (const gchar *id, gint wanted, gsize message, GError **error)
{
  g_autoptr (RingConfig) config = ring_config_new ();
  g_autoptr (RingRuntime) runtime = NULL;
  RingKernel *kernel = NULL;

  config->backend = wanted;
  config->queue_capacity = QUEUE;
  config->message_size =
      (guint) MAX (message + RING_HEADER_SIZE, RING_DEFAULT_MESSAGE_SIZE);
  runtime = ring_runtime_new (config, error);
  if (!runtime)
    return NULL;
  kernel = ring_runtime_launch (runtime, id, -1, -1, NULL, error);
  if (!kernel && wanted == RING_BACKEND_AUTO
      && ring_runtime_get_backend (runtime) != RING_BACKEND_CPU) {
    fprintf (stderr, "ringkernel: running on cpu: %s\n", (*error)->message);
    g_clear_error (error);
    return launch (id, RING_BACKEND_CPU, message, error);
  }
  return kernel;
}

gboolean
cli_run_source (const gchar *id, RingKernelInfo *info, CliSource *source,
    gint wanted, gchar **parameters, GError **error)
{
  g_autoptr (RingKernel) kernel = launch (id, wanted, source->message, error);
  g_autoptr (RingFormat) out = NULL;
  Sink sink = { 0 };
  gboolean good = FALSE;

  if (!kernel || !cli_set_parameters (kernel, parameters, error)
      || !ring_kernel_set_format (kernel, source->format, error)
      || !ring_kernel_activate (kernel, error))
    return FALSE;
  out = ring_kernel_get_output_format (kernel);

  sink.type = type_of (cli_files.output);
  /* Bytes that were pixels or samples are that again. */
  sink.format = out->kind == RING_PAYLOAD_BYTES ? source->media.format : out;
  if (ring_format_equal (sink.format, source->media.format))
    sink.header = source->media.header;
  if (check_sink (&sink, info, error) && open_sink (&sink, error)) {
    good = run_all (kernel, source, &sink, error);
    close_sink (&sink, good);
  }
  return good;
}
