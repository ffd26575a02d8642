/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * watch.c: ringkernel watch: each version of a kernel's file that is saved is run.
 */
#include "cli/file-run.h"

#include <gio/gio.h>
#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ms. Editors write in pieces: what has not changed for so long is whole. */
#define SETTLE 40
/* ms. What does not compile is called broken when it has stayed like that. */
#define STAY 200

static gchar **parameters;
static gint turns;

static const GOptionEntry options[] = {
  { "input", 'i', 0, G_OPTION_ARG_FILENAME, &cli_files.input,
      ".png, .wav, .csv; anything else is raw bytes; default: a test picture, or "
      "a tone",
      "FILE" },
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &cli_files.output,
      "likewise; default: NAME.out.png, .wav, .csv or .raw beside the kernel",
      "FILE" },
  { "param", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &parameters,
      "set a parameter; may be there several times", "NAME=VALUE" },
  CLI_FILE_OPTIONS,
  { "turns", 't', 0, G_OPTION_ARG_INT, &turns,
      "end after so many versions, with 1 if the last one failed", "N" },
  G_OPTION_ENTRY_NULL
};

typedef struct
{
  gchar *path;
  gchar *names[2]; /* of the file, and of what it leads to as a link */
  GFileMonitor *monitors[2];
  RingRuntime *runtime;
  gchar *seen, *tried; /* signatures: at the last event, of what was run last */
  GError *failure;     /* of what was tried; not told yet */
  gint64 saved_at;     /* us of real time */
  guint settle;
  gint n; /* turns there were */
  gboolean failed, ended;
} Watch;

/* The test picture or tone; static, because a signal's handler removes it. */
static gchar *made_input;

static void
watch_clear (Watch *w)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (w->monitors); i++) {
    if (w->monitors[i])
      g_file_monitor_cancel (w->monitors[i]);
    g_clear_object (&w->monitors[i]);
    g_free (w->names[i]);
  }
  if (w->settle)
    g_source_remove (w->settle);
  g_clear_error (&w->failure);
  g_clear_object (&w->runtime);
  g_free (w->seen);
  g_free (w->tried);
  g_free (w->path);
  if (made_input)
    g_unlink (made_input);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Watch, watch_clear)

/* ---- input and output that nobody named ------------------------------------------------ */

#define WIDTH 320
#define HEIGHT 240
#define RATE 48000

/* Bars of colour that become brighter downwards. */
static gboolean
make_picture (const gchar *path, GError **error)
{
  g_autoptr (RingFormat) format =
      ring_format_new_video (RING_VIDEO_FORMAT_RGB, WIDTH, HEIGHT);
  guint8 *pixels = g_malloc (WIDTH * HEIGHT * 3);
  g_autoptr (GBytes) bytes = g_bytes_new_take (pixels, WIDTH * HEIGHT * 3);
  guint x, y, c;

  for (y = 0; y < HEIGHT; y++)
    for (x = 0; x < WIDTH; x++)
      for (c = 0; c < 3; c++)
        *pixels++ =
            (guint8) ((7 - x * 8 / WIDTH) >> c & 1 ? 64 + y * 191 / HEIGHT : 0);
  return cli_png_write (path, format, bytes, error);
}

/* A second of 440 Hz. */
static gboolean
make_tone (const gchar *path, GError **error)
{
  g_autoptr (RingFormat) format =
      ring_format_new_audio (RING_AUDIO_FORMAT_S16LE, RATE, 1);
  gint16 *samples = g_new (gint16, RATE);
  g_autoptr (GBytes) bytes = g_bytes_new_take (samples, RATE * sizeof *samples);
  guint i;

  for (i = 0; i < RATE; i++)
    samples[i] =
        GINT16_TO_LE ((gint16) lrint (16000 * sin (2 * G_PI * 440 * i / RATE)));
  return cli_wav_write (path, format, bytes, error);
}

static gboolean
make_input (RingKernelInfo *info, GError **error)
{
  const RingPayloadKind kind = ring_kernel_info_get_kind (info);
  const gboolean tone = kind == RING_PAYLOAD_AUDIO;
  g_autofree gchar *path = NULL;
  gint fd;

  if (kind == RING_PAYLOAD_RECORD) {
    g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
        "kernel '%s' takes records, for which there is no test input; say "
        "--input FILE.csv",
        ring_kernel_info_get_name (info));
    return FALSE;
  }
  fd =
      g_file_open_tmp (tone ? "ringkernel-XXXXXX.wav" : "ringkernel-XXXXXX.png",
          &path, error);
  if (fd < 0)
    return FALSE;
  close (fd);
  if (!(tone ? make_tone : make_picture) (path, error)) {
    g_unlink (path);
    return FALSE;
  }
  made_input = g_steal_pointer (&path);
  cli_files.input = made_input;
  return TRUE;
}

/* Beside the kernel, as what comes out. */
static gboolean
name_output (const Watch *w, RingKernelInfo *info, const CliSource *source,
    GError **error)
{
  g_autoptr (RingFormat) out =
      ring_kernel_info_get_output_format (info, source->format, error);
  const RingFormat *f;
  g_autofree gchar *stem = NULL;

  if (!out)
    return FALSE;
  f = out->kind == RING_PAYLOAD_BYTES ? source->media.format : out;
  stem = g_strndup (w->path, (gsize) (strrchr (w->path, '.') - w->path));
  cli_files.output = g_strconcat (stem, ".out",
      f->kind == RING_PAYLOAD_AUDIO        ? ".wav"
          : f->kind == RING_PAYLOAD_RECORD ? ".csv"
          : f->kind == RING_PAYLOAD_VIDEO
              && cli_png_has_format (f->video_format)
          ? ".png"
          : ".raw",
      NULL);
  return TRUE;
}

/* ---- a turn ------------------------------------------------------------------------------ */

/* A kernel may never come back. The output is replaced as a whole, so that nothing
 * is lost. */
static void
on_signal_while_running (int number)
{
  (void) number;
  if (made_input)
    unlink (made_input);
  _exit (CLI_OK);
}

static gboolean
make_output (const Watch *w, RingKernelInfo *info, GError **error)
{
  g_auto (CliSource) source = { 0 };
  GStatBuf there;

  if ((!cli_files.input && !make_input (info, error))
      || !cli_source_open (&source, info, error)
      || (!cli_files.output && !name_output (w, info, &source, error)))
    return FALSE;
  /* It would be replaced, and a device with it. */
  if (g_stat (cli_files.output, &there) == 0 && !S_ISREG (there.st_mode)) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "%s is no regular file, and is left as it is; name another --output",
        cli_files.output);
    return FALSE;
  }
  return cli_run_source (w->path, info, &source, RING_BACKEND_AUTO, parameters,
      error);
}

static gboolean
run_version (const Watch *w, RingKernelInfo *info, GError **error)
{
  const struct sigaction leave = { .sa_handler = on_signal_while_running };
  struct sigaction before[2];
  gboolean ok;

  sigaction (SIGINT, &leave, &before[0]);
  sigaction (SIGTERM, &leave, &before[1]);
  ok = make_output (w, info, error);
  sigaction (SIGINT, &before[0], NULL);
  sigaction (SIGTERM, &before[1], NULL);
  return ok;
}

static void
end_turn (Watch *w, const GError *error)
{
  const gint64 took = g_get_real_time () - w->saved_at;

  w->n++;
  w->failed = error != NULL;
  if (error)
    cli_print ("version %d: %s\n", w->n, error->message);
  else
    cli_print ("version %d: %s, %" G_GINT64_FORMAT " ms\n", w->n,
        cli_files.output, MAX (took, 0) / 1000);
  /* Also where nobody but a file looks on. */
  fflush (stdout);
  if (turns > 0 && w->n >= turns)
    w->ended = TRUE;
}

/* ---- watching ------------------------------------------------------------------------------ */

/* Which file it is and how it was written; NULL if there is none. */
static gchar *
read_signature (const Watch *w, gint64 *saved_at)
{
  struct stat info;

  if (stat (w->path, &info) != 0)
    return NULL;
  /* One that was moved here was written before. */
  *saved_at = (gint64) info.st_ctim.tv_sec * G_USEC_PER_SEC
      + info.st_ctim.tv_nsec / 1000;
  return g_strdup_printf ("%ju %ju %jd %jd.%ld", (uintmax_t) info.st_dev,
      (uintmax_t) info.st_ino, (intmax_t) info.st_size,
      (intmax_t) info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

static gboolean on_settled (gpointer data);

/* Looks again after @rest ms without another event. */
static void
settle (Watch *w, guint rest)
{
  g_free (w->seen);
  w->seen = read_signature (w, &w->saved_at);
  if (w->settle)
    g_source_remove (w->settle);
  w->settle = g_timeout_add (rest, on_settled, w);
}

/* Has the file changed meanwhile, nobody knows what was compiled. */
static void
take_turn (Watch *w)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RingKernelInfo) info =
      ring_runtime_find_kernel (w->runtime, w->path, &error);
  gint64 saved_at;
  g_autofree gchar *now = read_signature (w, &saved_at);

  if (g_strcmp0 (now, w->seen) != 0) {
    settle (w, SETTLE);
    return;
  }
  g_free (w->tried);
  w->tried = g_steal_pointer (&now);
  if (!info) {
    w->failure = g_steal_pointer (&error);
    settle (w, STAY);
    return;
  }
  run_version (w, info, &error);
  end_turn (w, error);
  settle (w, SETTLE);
}

static gboolean
on_settled (gpointer data)
{
  Watch *w = data;
  gint64 saved_at;
  g_autofree gchar *now = read_signature (w, &saved_at);
  const gboolean rests = g_strcmp0 (now, w->seen) == 0;
  const gboolean is_new = g_strcmp0 (now, w->tried) != 0;

  w->settle = 0;
  if (w->failure && rests && !is_new)
    end_turn (w, w->failure);
  g_clear_error (&w->failure);
  if (!rests)
    settle (w, SETTLE);
  else if (now && is_new && !w->ended)
    take_turn (w);
  return G_SOURCE_REMOVE;
}

static void
on_changed (GFileMonitor *monitor, GFile *file, GFile *other,
    GFileMonitorEvent event, gpointer data)
{
  Watch *w = data;
  GFile *const files[] = { file, other };
  guint i, k;

  (void) monitor;
  (void) event;
  for (i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree gchar *name = files[i] ? g_file_get_basename (files[i]) : NULL;

    for (k = 0; name && k < G_N_ELEMENTS (w->names); k++)
      if (g_strcmp0 (name, w->names[k]) == 0) {
        settle (w, w->failure ? STAY : SETTLE);
        return;
      }
  }
}

/* The directory, because editors put another file in the place of this one. */
static gboolean
watch_directory (Watch *w, const gchar *path, guint i, GError **error)
{
  g_autofree gchar *dir = g_path_get_dirname (path);
  g_autoptr (GFile) file = g_file_new_for_path (dir);

  w->names[i] = g_path_get_basename (path);
  w->monitors[i] =
      g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, error);
  if (!w->monitors[i])
    return FALSE;
  g_file_monitor_set_rate_limit (w->monitors[i], 0);
  g_signal_connect (w->monitors[i], "changed", G_CALLBACK (on_changed), w);
  return TRUE;
}

static gboolean
on_signal (gpointer data)
{
  ((Watch *) data)->ended = TRUE;
  return G_SOURCE_CONTINUE;
}

static gint
run (const CliCommand *command, gchar **arguments)
{
  g_autoptr (GError) error = NULL;
  g_auto (Watch) w = { 0 };
  g_autofree gchar *target = NULL;
  guint signals[2];

  if (!g_str_has_suffix (arguments[0], ".c")
      && !g_str_has_suffix (arguments[0], ".so"))
    return cli_misused (command, "watch: '%s' is no .c or .so file",
        arguments[0]);
  if (turns < 0 || cli_files.block < 0 || cli_files.rate < 0
      || cli_files.channels < 0)
    return cli_misused (command,
        "watch: --turns, --block, --rate and --channels are numbers from 1 on");
  if (g_strcmp0 (cli_files.input, "-") == 0
      || g_strcmp0 (cli_files.output, "-") == 0)
    return cli_misused (command,
        "watch: --input and --output are files, because there are several "
        "versions");
  if (cli_files.input && g_strcmp0 (cli_files.input, cli_files.output) == 0)
    return cli_misused (command, "watch: %s is both input and output",
        cli_files.input);

  w.path = g_canonicalize_filename (arguments[0], NULL);
  target = realpath (w.path, NULL);
  if (!target)
    return cli_fail ("%s cannot be watched: %s", arguments[0],
        g_strerror (errno));
  w.runtime = cli_cpu_runtime (&error);
  if (!w.runtime || !watch_directory (&w, w.path, 0, &error)
      || (strcmp (target, w.path) != 0
          && !watch_directory (&w, target, 1, &error)))
    return cli_fail ("%s cannot be watched: %s", arguments[0], error->message);
  cli_files.whole = TRUE;
  signals[0] = g_unix_signal_add (SIGINT, on_signal, &w);
  signals[1] = g_unix_signal_add (SIGTERM, on_signal, &w);
  settle (&w, 0);
  /* How long the first takes counts from here. */
  w.saved_at = g_get_real_time ();
  while (!w.ended)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (signals[0]);
  g_source_remove (signals[1]);
  return turns > 0 && w.n >= turns && w.failed ? CLI_FAILED : CLI_OK;
}

const CliCommand cli_watch = {
  .name = "watch",
  .summary = "run each version of a kernel's file that is saved",
  .arguments = "FILE [--input FILE] [--output FILE] [OPTION …]",
  .min_arguments = 1,
  .max_arguments = 1,
  .description =
      "Runs the kernel in FILE as 'run' does, and again whenever the file is saved,\n"
      "until Ctrl-C. The output is replaced as a whole each time: a viewer that looks\n"
      "at it shows what has become of the picture. Each version begins anew, without\n"
      "state of the one before. One line tells of each, with the time from saving it to\n"
      "the output that is there; of one that does not compile, the compiler's lines do,\n"
      "and the output stays that of the version before. A test picture has bars of\n"
      "colour, a test tone 440 Hz.\n",
  .examples =
      "  ringkernel watch ./sparkle.c\n"
      "  ringkernel watch ./sparkle.c --input photo.png --output out.png\n"
      "  ringkernel watch ./crunch.c -i speech.wav -o louder.wav -p bits=6\n",
  .options = options,
  .run = run,
};
