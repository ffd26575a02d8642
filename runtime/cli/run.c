/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * run.c: ringkernel run: one kernel on a file.
 */
#include "cli/cli.h"
#include "cli/media.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* us; a message that takes longer counts as one that never comes back */
#define WAIT (60 * G_USEC_PER_SEC)
#define QUEUE 16

static gchar *input, *output, *backend, *format_name, *size_text;
static gchar **parameters;
static gint block, rate, channels;

static const GOptionEntry options[] = {
  { "input", 'i', 0, G_OPTION_ARG_FILENAME, &input,
      ".png, .wav, .csv; anything else, and - for stdin, is raw bytes",
      "FILE" },
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
      "likewise, - for stdout; a file that is there is replaced", "FILE" },
  { "param", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &parameters,
      "set a parameter; may be there several times", "NAME=VALUE" },
  { "block", 'b', 0, G_OPTION_ARG_INT, &block,
      "frames of sound, records or bytes in a message (default 4096; records 256)",
      "N" },
  { "format", 'f', 0, G_OPTION_ARG_STRING, &format_name,
      "pixel or sample format: of raw input, or, of those that the kernel takes, "
      "what to make of the file",
      "FORMAT" },
  { "size", 's', 0, G_OPTION_ARG_STRING, &size_text,
      "raw video: the size of a picture", "WxH" },
  { "rate", 'r', 0, G_OPTION_ARG_INT, &rate,
      "raw sound and sound in .csv: frames per second (default 48000)", "N" },
  { "channels", 'c', 0, G_OPTION_ARG_INT, &channels,
      "raw sound: channels (default 1)", "N" },
  { "backend", 0, 0, G_OPTION_ARG_STRING, &backend,
      "auto, cpu or cuda; auto takes the cpu for kernels that have no code for "
      "the GPU",
      "BACKEND" },
  G_OPTION_ENTRY_NULL
};

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

/* Messages out of a file in memory, or out of a stream of raw bytes. */
typedef struct
{
  CliMedia media; /* bytes are NULL for a stream */
  FILE *stream;
  RingFormat *format; /* of the messages */
  gsize unit, message;
  guint64 at, total; /* bytes; total 0: not known */
} Source;

static void
source_clear (Source *s)
{
  cli_media_clear (&s->media);
  g_clear_pointer (&s->format, ring_format_free);
  if (s->stream && s->stream != stdin)
    fclose (s->stream);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Source, source_clear)

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

  if (!format_name)
    return g_steal_pointer (&formats);
  if (!g_strv_contains ((const gchar *const *) formats, format_name)) {
    set_wrong (error, "kernel '%s' does not take '%s'; it takes %s",
        ring_kernel_info_get_name (info), format_name, *all ? all : "bytes");
    return NULL;
  }
  one = g_new0 (gchar *, 2);
  one[0] = g_strdup (format_name);
  return one;
}

static gboolean
parse_size (guint *width, guint *height)
{
  g_auto (GStrv) parts = g_strsplit (size_text, "x", -1);
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
      if (!size_text || (!format_name && formats[1])) {
        set_wrong (error,
            "raw pictures need --size=WxH and --format, for instance "
            "--size=640x480 --format=%s",
            formats[0]);
        return NULL;
      }
      if (!parse_size (&width, &height)) {
        set_wrong (error, "--size is '%s'; it must be like 640x480", size_text);
        return NULL;
      }
      return ring_format_new_video (ring_video_format_from_string (formats[0]),
          width, height);
    case RING_PAYLOAD_AUDIO:
      return ring_format_new_audio (ring_audio_format_from_string (formats[0]),
          rate ? (guint) rate : 48000, channels ? (guint) channels : 1);
    case RING_PAYLOAD_RECORD:
      return ring_format_new_record (formats[0], error);
    default:
      return ring_format_new_bytes ();
  }
}

static gboolean
read_csv (Source *s, RingKernelInfo *info, gchar **formats, GError **error)
{
  g_autoptr (RingFormat) format = NULL;

  switch (ring_kernel_info_get_kind (info)) {
    case RING_PAYLOAD_AUDIO:
      format =
          ring_format_new_audio (ring_audio_format_from_string (formats[0]),
              rate ? (guint) rate : 48000, 1);
      format->channels = 0; /* as many as there are columns */
      break;
    case RING_PAYLOAD_RECORD:
      format = ring_format_new_record (formats[0], error);
      break;
    default:
      set_wrong (error, "%s: kernel '%s' takes %s; CSV holds records or sound",
          input, ring_kernel_info_get_name (info),
          cli_nick (RING_TYPE_PAYLOAD_KIND, ring_kernel_info_get_kind (info)));
      return FALSE;
  }
  return format && cli_csv_read (&s->media, input, format, error);
}

static gboolean
open_stream (Source *s, GError **error)
{
  if (strcmp (input, "-") == 0) {
    s->stream = stdin;
    return TRUE;
  }
  s->stream = fopen (input, "rbe");
  if (s->stream) {
    GStatBuf info;

    if (g_stat (input, &info) == 0 && S_ISREG (info.st_mode))
      s->total = (guint64) info.st_size;
    return TRUE;
  }
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
      "%s cannot be opened: %s", input, g_strerror (errno));
  return FALSE;
}

static gboolean
open_source (Source *s, RingKernelInfo *info, GError **error)
{
  const RingPayloadKind kind = ring_kernel_info_get_kind (info);
  const FileType type = type_of (input);
  g_auto (GStrv) formats = wanted_formats (info, error);
  gboolean ok;

  if (!formats)
    return FALSE;
  if ((type == FILE_PNG && kind != RING_PAYLOAD_VIDEO
          && kind != RING_PAYLOAD_BYTES)
      || (type == FILE_WAV && kind != RING_PAYLOAD_AUDIO
          && kind != RING_PAYLOAD_BYTES))
    return set_wrong (error, "%s: kernel '%s' takes %s, not %s", input,
        ring_kernel_info_get_name (info),
        cli_nick (RING_TYPE_PAYLOAD_KIND, kind),
        type == FILE_PNG ? "pictures" : "sound");

  if (type == FILE_PNG)
    ok = cli_png_read (&s->media, input,
        kind == RING_PAYLOAD_VIDEO ? formats : NULL, error);
  else if (type == FILE_WAV)
    ok = cli_wav_read (&s->media, input,
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
          * (block                              ? (gsize) block
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
next_payload (Source *s, GError **error)
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
        "%s cannot be read: %s", input, g_strerror (errno));
  else if (n % s->unit != 0)
    set_wrong (error,
        "%s ends within a unit of %" G_GSIZE_FORMAT
        " bytes: is it what the kernel takes, and the format right?",
        input, s->unit);
  else if (n > 0) {
    s->at += n;
    return g_bytes_new_take (data, n);
  }
  g_free (data);
  return NULL;
}

static RingMessage *
make_message (const Source *s, GBytes *payload, GError **error)
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
        output, ring_kernel_info_get_name (info), what, type_name (k->type),
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
  if (k->type != FILE_RAW) {
    k->gathered = g_byte_array_new ();
    return TRUE;
  }
  k->stream = strcmp (output, "-") == 0 ? stdout : fopen (output, "wbe");
  if (k->stream)
    return TRUE;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
      "%s cannot be written: %s", output, g_strerror (errno));
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
          "%s: more than 4 GiB come out; write to .raw instead", output);
    g_byte_array_append (k->gathered, data, (guint) size);
    return TRUE;
  }
  if (fwrite (data, 1, size, k->stream) == size && fflush (k->stream) == 0)
    return TRUE;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
      "%s cannot be written: %s", output, g_strerror (errno));
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
  if (g_bytes_get_size (bytes) % unit != 0)
    return set_wrong (error,
        "%s: %" G_GSIZE_FORMAT " bytes came out, which is no whole number of "
        "units of %" G_GSIZE_FORMAT "; write to .raw instead",
        output, g_bytes_get_size (bytes), unit);
  switch (k->type) {
    case FILE_PNG:
      if (g_bytes_get_size (bytes) != unit)
        return set_wrong (error,
            "%s: %" G_GUINT64_FORMAT
            " pictures came out, and a PNG file is one; "
            "write to .raw instead",
            output, k->messages);
      return cli_png_write (output, k->format, bytes, error);
    case FILE_WAV:
      return cli_wav_write (output, k->format, bytes, error);
    default:
      return cli_csv_write (output, k->format, k->header, bytes, error);
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
    if (!good && g_lstat (output, &info) == 0 && S_ISREG (info.st_mode))
      g_unlink (output);
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
show_progress (Progress *p, const Source *s)
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
run_all (RingKernel *kernel, Source *s, Sink *k, GError **error)
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
    return set_wrong (error, "%s is empty", input);
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

static gint
run (const CliCommand *command, gchar **arguments)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernelInfo) info = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingFormat) out = NULL;
  g_auto (Source) source = { 0 };
  Sink sink = { 0 };
  gint wanted = RING_BACKEND_AUTO;
  gboolean good = FALSE;

  if (!input || !output)
    return cli_misused (command,
        "run: --input and --output say on what and "
        "where to");
  if (block < 0 || rate < 0 || channels < 0)
    return cli_misused (command,
        "run: --block, --rate and --channels are "
        "numbers from 1 on");
  if (backend
      && !cli_enum_from_nick (command, RING_TYPE_BACKEND_TYPE, "--backend",
          backend, &wanted))
    return CLI_WRONG_USAGE;
  if (strcmp (input, output) == 0 && strcmp (input, "-") != 0)
    return cli_misused (command, "run: %s is both input and output", input);

  runtime = cli_cpu_runtime (&error);
  if (runtime)
    info = ring_runtime_find_kernel (runtime, arguments[0], &error);
  if (!info || !open_source (&source, info, &error))
    return cli_fail ("%s", error->message);
  if (source.media.note)
    fprintf (stderr, "ringkernel: %s\n", source.media.note);

  kernel = launch (arguments[0], wanted, source.message, &error);
  if (!kernel || !cli_set_parameters (kernel, parameters, &error)
      || !ring_kernel_set_format (kernel, source.format, &error)
      || !ring_kernel_activate (kernel, &error))
    return cli_fail ("%s", error->message);
  out = ring_kernel_get_output_format (kernel);

  sink.type = type_of (output);
  /* Bytes that were pixels or samples are that again. */
  sink.format = out->kind == RING_PAYLOAD_BYTES ? source.media.format : out;
  if (ring_format_equal (sink.format, source.media.format))
    sink.header = source.media.header;
  if (check_sink (&sink, info, &error) && open_sink (&sink, &error)) {
    good = run_all (kernel, &source, &sink, &error);
    close_sink (&sink, good);
  }
  return good ? CLI_OK : cli_fail ("%s", error->message);
}

const CliCommand cli_run = {
  .name = "run",
  .summary = "a kernel on a picture, sound, readings or bytes in a file",
  .arguments = "KERNEL --input FILE --output FILE [OPTION …]",
  .min_arguments = 1,
  .max_arguments = 1,
  .description =
      "Runs a kernel on a file, whose format is made one that the kernel takes:\n\n"
      "  .png   a picture, of 8 bits\n"
      "  .wav   sound: PCM of 8 to 32 bits, or floats\n"
      "  .csv   records, a line each, a column for each field; or sound, a line for\n"
      "         each frame, a column for each channel. Lines that begin with # are\n"
      "         passed over, and so is a first line of names\n"
      "  else   raw bytes: pictures, samples or records one behind the other, as they\n"
      "         are in memory; -: from stdin, to stdout, message by message\n\n"
      "A kernel of bytes takes any of the first two for the bytes that they hold. Where\n"
      "the input is long, a terminal shows how far it is.\n",
  .examples =
      "  ringkernel run edges --input photo.png --output edges.png\n"
      "  ringkernel run gain -i speech.wav -o louder.wav --param gain=6\n"
      "  ringkernel run moving-average -i ecg.csv -o smooth.csv -p window=36\n"
      "  ringkernel run gray -i in.raw -o out.raw --size 640x480 --format RGBA\n",
  .options = options,
  .run = run,
};
