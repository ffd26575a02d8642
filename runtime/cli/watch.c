/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * watch.c: ringkernel watch: the file is watched, and what is saved is compiled.
 */
#include "cli/watch.h"

#include <gio/gio.h>
#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ms. Editors write in pieces: what has not changed for so long is whole. */
#define SETTLE 40
/* ms. What does not compile is called broken when it has stayed like that. */
#define STAY 200

static gchar **parameters;
static gint turns;
static gint limit = 10;
static gboolean window, headless;
static gchar *sink;

static const GOptionEntry options[] = {
  { "input", 'i', 0, G_OPTION_ARG_FILENAME, &cli_files.input,
      ".png, .wav, .csv; anything else is raw bytes; default: a test picture, or "
      "a tone",
      "FILE" },
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &cli_files.output,
      "likewise; default: NAME.out.png, .wav, .csv or .raw beside the kernel",
      "FILE" },
  { "param", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &parameters,
      "set a parameter; may be there several times; @FILE is a list from a file",
      "NAME=VALUE" },
  { "window", 'w', 0, G_OPTION_ARG_NONE, &window,
      "show pictures in a window; default where there is a display (DISPLAY, "
      "WAYLAND_DISPLAY)",
      NULL },
  { "headless", 0, 0, G_OPTION_ARG_NONE, &headless, "no window", NULL },
  { "sink", 0, 0, G_OPTION_ARG_STRING, &sink,
      "what shows pictures, as gst-launch-1.0 takes it, instead of a window",
      "ELEMENTS" },
  CLI_FILE_OPTIONS,
  { "timeout", 0, 0, G_OPTION_ARG_INT, &limit,
      "seconds after which a message counts as one that never ends (10)", "N" },
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
  gint64 saved_at;     /* us of real time: what is seen … */
  gint64 taken_at;     /* … and what is being run */
  guint settle;
  WatchSettings settings;
  WatchShared *shared;
  WatchLive *live;
  gboolean busy; /* a version is having its turn */
  gboolean ended;
} Watch;

static void
watch_clear (Watch *w)
{
  guint i;

  g_clear_pointer (&w->live, watch_live_free);
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
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Watch, watch_clear)

/* ---- telling ----------------------------------------------------------------------------- */

static void
end_turn (Watch *w, const gchar *note, const GError *error)
{
  const gint64 took = g_get_real_time () - w->taken_at;
  WatchShared *shared = w->shared;

  shared->n++;
  shared->failed = error != NULL;
  g_atomic_int_set (&shared->trying, FALSE);
  if (error)
    cli_print ("version %d: %s", shared->n, error->message);
  else
    cli_print ("version %d: %s, %" G_GINT64_FORMAT " ms", shared->n,
        cli_files.output, MAX (took, 0) / 1000);
  cli_print ("%s%s\n", note ? "; " : "", note ? note : "");
  /* Also where nobody but a file looks on. */
  fflush (stdout);
  if (turns > 0 && shared->n >= turns)
    w->ended = TRUE;
}

static void settle (Watch *w, guint rest);

static void
on_told (gboolean turn, const gchar *note, const GError *error, gpointer data)
{
  Watch *w = data;

  if (turn) {
    w->busy = FALSE;
    end_turn (w, note, error);
    /* What was saved meanwhile. */
    settle (w, SETTLE);
    return;
  }
  w->shared->failed = TRUE;
  cli_print ("version %d: %s; nothing runs until it is saved again\n",
      w->shared->n, error->message);
  fflush (stdout);
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
  if (w->ended)
    return;
  g_free (w->seen);
  w->seen = read_signature (w, &w->saved_at);
  if (w->settle)
    g_source_remove (w->settle);
  w->settle = g_timeout_add (rest, on_settled, w);
}

/* Has the file changed meanwhile, nobody knows what was compiled. The version before
 * runs all the while. */
static void
take_turn (Watch *w)
{
  WatchShared *shared = w->shared;
  g_autoptr (GError) error = NULL;
  g_autoptr (RingKernelInfo) info = NULL;
  gint64 saved_at;
  g_autofree gchar *now = NULL;

  g_strlcpy (shared->compiled, w->seen, sizeof shared->compiled);
  g_atomic_int_set (&shared->compiling, TRUE);
  info = ring_runtime_find_kernel (w->runtime, w->path, &error);
  g_atomic_int_set (&shared->compiling, FALSE);
  now = read_signature (w, &saved_at);
  if (g_strcmp0 (now, w->seen) != 0) {
    settle (w, SETTLE);
    return;
  }
  g_free (w->tried);
  w->tried = g_steal_pointer (&now);
  g_strlcpy (shared->tried, w->tried, sizeof shared->tried);
  w->taken_at = w->saved_at;
  if (!info) {
    w->failure = g_steal_pointer (&error);
    settle (w, STAY);
    return;
  }
  w->busy = TRUE;
  watch_live_take (w->live, info);
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
  /* What is told of a turn comes before the next. */
  if (w->busy)
    return G_SOURCE_REMOVE;
  if (w->failure && rests && !is_new)
    end_turn (w, NULL, w->failure);
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

/* Begins, or goes on behind a version that took its process down. */
static gint
watch (WatchShared *shared, gpointer data)
{
  const gchar *const path = data;
  g_autoptr (GError) error = NULL;
  g_auto (Watch) w = { 0 };
  g_autofree gchar *target = NULL;
  guint signals[2];

  w.shared = shared;
  w.path = g_canonicalize_filename (path, NULL);
  w.tried = *shared->tried ? g_strdup (shared->tried) : NULL;
  target = realpath (w.path, NULL);
  if (!target)
    return cli_fail ("%s cannot be watched: %s", path, g_strerror (errno));
  w.runtime = cli_cpu_runtime (&error);
  if (!w.runtime || !watch_directory (&w, w.path, 0, &error)
      || (strcmp (target, w.path) != 0
          && !watch_directory (&w, target, 1, &error)))
    return cli_fail ("%s cannot be watched: %s", path, error->message);
  cli_files.whole = TRUE;
  /* A window that is closed is no reason to end. */
  signal (SIGPIPE, SIG_IGN);
  w.settings = (WatchSettings){ .shared = shared,
    .path = w.path,
    .parameters = parameters,
    .window = window || sink
        || (!headless
            && (g_getenv ("DISPLAY") || g_getenv ("WAYLAND_DISPLAY"))),
    .window_is_asked_for = window || sink,
    .sink = sink,
    .told = on_told,
    .data = &w };
  w.live = watch_live_new (&w.settings);
  signals[0] = g_unix_signal_add (SIGINT, on_signal, &w);
  signals[1] = g_unix_signal_add (SIGTERM, on_signal, &w);
  settle (&w, 0);
  /* How long the first takes counts from here. */
  if (!w.tried)
    w.saved_at = g_get_real_time ();
  while (!w.ended)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (signals[0]);
  g_source_remove (signals[1]);
  g_clear_pointer (&w.live, watch_live_free);
  return turns > 0 && shared->n >= turns && shared->failed ? CLI_FAILED
                                                           : CLI_OK;
}

static gint
run (const CliCommand *command, gchar **arguments)
{
  if (!g_str_has_suffix (arguments[0], ".c")
      && !g_str_has_suffix (arguments[0], ".so"))
    return cli_misused (command, "watch: '%s' is no .c or .so file",
        arguments[0]);
  if (turns < 0 || cli_files.block < 0 || cli_files.rate < 0
      || cli_files.channels < 0 || limit < 1 || limit > 3600)
    return cli_misused (command,
        "watch: --turns, --timeout, --block, --rate and --channels are numbers "
        "from 1 on");
  if (headless && (window || sink))
    return cli_misused (command,
        "watch: it is --headless, or there is a --window or --sink");
  if (g_strcmp0 (cli_files.input, "-") == 0
      || g_strcmp0 (cli_files.output, "-") == 0)
    return cli_misused (command,
        "watch: --input and --output are files, because there are several "
        "versions");
  if (cli_files.input && g_strcmp0 (cli_files.input, cli_files.output) == 0)
    return cli_misused (command, "watch: %s is both input and output",
        cli_files.input);
  return watch_guard (watch, arguments[0], (guint) limit, turns);
}

const CliCommand cli_watch = {
  .name = "watch",
  .summary = "a kernel's file, live: each version that is saved takes over",
  .arguments = "FILE [--input FILE] [--output FILE] [OPTION …]",
  .min_arguments = 1,
  .max_arguments = 1,
  .description =
      "Sends the input through the kernel in FILE, again and again, until Ctrl-C. When\n"
      "the file is saved it is compiled while the version before runs on; the new one\n"
      "takes over between two messages, in the same kernel handle: parameters that it\n"
      "still has keep their values, and state is kept if it is declared as before.\n"
      "Pictures are shown in a window where there is a display, by gst-launch-1.0.\n"
      "With each version the input begins anew, and what becomes of it replaces the\n"
      "output as a whole: a viewer may look at that instead.\n\n"
      "One line tells of each version, with the time from saving it to the output that\n"
      "is there. Of one that does not compile the compiler's lines do, and the version\n"
      "before runs on. One that crashes, or never ends, is told of, and nothing runs\n"
      "until the file is saved again. One that there is no room for on the handle, say\n"
      "because it emits more messages, is launched anew. A test picture has bars of\n"
      "colour, a test tone 440 Hz.\n",
  .examples =
      "  ringkernel watch ./sparkle.c\n"
      "  ringkernel watch ./sparkle.c --input photo.png --output out.png\n"
      "  ringkernel watch ./crunch.c -i speech.wav -o louder.wav -p bits=6\n",
  .options = options,
  .run = run,
};
