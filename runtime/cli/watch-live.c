/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * watch-live.c: the input goes through one kernel handle in a loop.
 *
 * A version takes over between two messages, with the input at its beginning again. The
 * first pass goes as fast as it can, into the output; from then on the loop takes its
 * time, as a camera would. All that a handle is told comes from one thread.
 */
#include "cli/watch.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

/* us from one picture to the next; likewise for what has no time of its own */
#define PERIOD (G_USEC_PER_SEC / 25)

struct _WatchLive
{
  const WatchSettings *settings;
  GThread *thread;
  GMutex lock;
  GCond changed;
  RingKernelInfo *next; /* lock */
  gboolean quit;        /* lock */

  /* The thread's own. */
  RingKernel *kernel;
  gsize room; /* bytes of a message that it was launched with */
  CliSource source;
  RingFormat *out; /* of results */
  CliSink sink;    /* gathers while a version has its first pass */
  GString *note;   /* likewise */
  gboolean is_in_loop, at_start, names_output;
  gint64 due; /* us of the monotonic time, of the loop's next message */
  gint n;     /* of the message, never 0 */
  WatchWindow *window;
  gboolean no_pictures; /* was said */
};

/* ---- telling the thread that watches --------------------------------------------- */

typedef struct
{
  const WatchSettings *settings;
  gboolean turn;
  gchar *note;
  GError *error;
} News;

static gboolean
tell_on_main (gpointer data)
{
  News *news = data;

  news->settings->told (news->turn, news->note, news->error,
      news->settings->data);
  g_free (news->note);
  g_clear_error (&news->error);
  g_free (news);
  return G_SOURCE_REMOVE;
}

/* Takes @note and @error. */
static void
tell (WatchLive *l, gboolean turn, gchar *note, GError *error)
{
  News *news = g_new (News, 1);

  *news = (News){ l->settings, turn, note, error };
  /* Not g_main_context_invoke(): that would call it here if nobody iterates now. */
  g_idle_add_full (G_PRIORITY_DEFAULT, tell_on_main, news, NULL);
}

static void
add_note (WatchLive *l, const gchar *text)
{
  g_string_append_printf (l->note, "%s%s", l->note->len ? "; " : "", text);
}

/* ---- the window ------------------------------------------------------------------- */

static void
lose_window (WatchLive *l, const GError *error)
{
  fprintf (stderr, "ringkernel: no window: %s; the output file goes on\n",
      error->message);
  l->settings->shared->no_window = TRUE;
  g_clear_pointer (&l->window, watch_window_free);
}

/* What came out, if it is a picture; bytes that were one are that again. */
static void
show (WatchLive *l, GBytes *payload)
{
  const RingFormat *f =
      l->out->kind == RING_PAYLOAD_BYTES ? l->source.media.format : l->out;
  g_autoptr (GError) error = NULL;

  if (!l->settings->window || l->settings->shared->no_window)
    return;
  if (f->kind != RING_PAYLOAD_VIDEO) {
    g_clear_pointer (&l->window, watch_window_free);
    if (l->settings->window_is_asked_for && !l->no_pictures)
      fprintf (stderr,
          "ringkernel: no window: the kernel gives no pictures; "
          "the output file goes on\n");
    l->no_pictures = TRUE;
    return;
  }
  if (g_bytes_get_size (payload) != ring_format_get_frame_size (f))
    return;
  if (l->window && !ring_format_equal (watch_window_get_format (l->window), f))
    g_clear_pointer (&l->window, watch_window_free);
  if (!l->window)
    l->window = watch_window_new (f, l->settings->sink, &error);
  if (!l->window || !watch_window_show (l->window, payload, &error))
    lose_window (l, error);
}

/* ---- a message through the kernel ---------------------------------------------------- */

static gboolean
take (GBytes *payload, gpointer data, GError **error)
{
  WatchLive *l = data;

  show (l, payload);
  return !l->sink.gathered || cli_sink_put (&l->sink, payload, error);
}

/* Nothing of before. */
static gboolean
take_nothing (GBytes *payload, gpointer data, GError **error)
{
  (void) payload;
  (void) data;
  (void) error;
  return TRUE;
}

/* So that the process that stays sees who never comes back. */
static void
begin_message (WatchLive *l)
{
  l->n = l->n == G_MAXINT ? 1 : l->n + 1;
  g_atomic_int_set (&l->settings->shared->under_way, l->n);
}

static void
end_message (WatchLive *l)
{
  g_atomic_int_set (&l->settings->shared->under_way, 0);
}

static gboolean
drain (WatchLive *l, CliTakeFunc func, GError **error)
{
  gboolean ok;

  begin_message (l);
  ok = cli_drain (l->kernel, func, l, error);
  end_message (l);
  return ok;
}

/* How long a message of so many bytes lasts, in us. */
static gint64
duration (const WatchLive *l, gsize size)
{
  const RingFormat *f = l->source.media.format;

  return f->kind == RING_PAYLOAD_AUDIO
      ? (gint64) (size / l->source.unit * G_USEC_PER_SEC / f->rate)
      : PERIOD;
}

/* FALSE: there is none; with an error or without. @waits: until it is done, so that a
 * device is not a picture behind. */
static gboolean
send_next (WatchLive *l, gboolean waits, GError **error)
{
  g_autoptr (RingMessage) message = cli_source_next (&l->source, error);
  const gint64 now = g_get_monotonic_time ();
  gboolean ok;

  if (!message)
    return FALSE;
  /* The same picture again continues what was; all else jumps to its beginning. */
  if (l->at_start && l->source.media.format->kind != RING_PAYLOAD_VIDEO)
    ring_message_set_discont (message, TRUE);
  l->at_start = FALSE;
  l->due = MAX (l->due, now - PERIOD)
      + duration (l, g_bytes_get_size (ring_message_get_payload (message)));
  begin_message (l);
  ok = cli_send (l->kernel, message, take, l, error)
      && (!waits || cli_drain (l->kernel, take, l, error));
  end_message (l);
  return ok;
}

static gboolean
is_to_quit (WatchLive *l)
{
  gboolean quit;

  g_mutex_lock (&l->lock);
  quit = l->quit;
  g_mutex_unlock (&l->lock);
  return quit;
}

/* ---- a version ------------------------------------------------------------------------ */

/* Beside the kernel, as what comes out. */
static void
name_output (WatchLive *l, const CliSource *source, const RingFormat *out)
{
  const RingFormat *f =
      out->kind == RING_PAYLOAD_BYTES ? source->media.format : out;
  const gchar *path = l->settings->path;
  g_autofree gchar *stem =
      g_strndup (path, (gsize) (strrchr (path, '.') - path));

  g_free (cli_files.output);
  cli_files.output = g_strconcat (stem, ".out",
      f->kind == RING_PAYLOAD_AUDIO        ? ".wav"
          : f->kind == RING_PAYLOAD_RECORD ? ".csv"
          : f->kind == RING_PAYLOAD_VIDEO
              && cli_png_has_format (f->video_format)
          ? ".png"
          : ".raw",
      NULL);
}

/* Those that the version has; the others were for one of before. */
static void
set_parameters (WatchLive *l, RingKernelInfo *info)
{
  gchar **p;

  for (p = l->settings->parameters; p && *p; p++) {
    gchar *one[] = { *p, NULL };
    g_autoptr (GError) error = NULL;

    if (!cli_set_parameters (l->kernel, one, &error))
      add_note (l, error->message);
  }
}

/* With nothing in flight: who waits for a place to change at may have other formats,
 * too. NULL where there is none to take over from. */
static gboolean
reload (WatchLive *l, RingKernelInfo *info, const CliSource *source)
{
  g_autoptr (GError) error = NULL;

  if (!l->kernel)
    return FALSE;
  if (source->message > l->room) {
    add_note (l, "launched anew: its messages are larger");
    return FALSE;
  }
  if (!drain (l, take_nothing, &error)
      || !ring_kernel_reload_info (l->kernel, info, &error)
      || !cli_source_settle (source, l->kernel, &error)) {
    g_autofree gchar *text =
        g_strdup_printf ("launched anew: %s", error->message);

    add_note (l, text);
    return FALSE;
  }
  set_parameters (l, info);
  return TRUE;
}

static gboolean
launch (WatchLive *l, const CliSource *source, GError **error)
{
  g_autoptr (RingKernel) kernel = cli_launch (l->settings->path,
      RING_BACKEND_AUTO, source->message, TRUE, error);

  if (!kernel || !cli_set_parameters (kernel, l->settings->parameters, error)
      || !cli_source_settle (source, kernel, error)
      || !ring_kernel_activate (kernel, error))
    return FALSE;
  g_set_object (&l->kernel, kernel);
  l->room = MAX (source->message, RING_DEFAULT_MESSAGE_SIZE - RING_HEADER_SIZE);
  return TRUE;
}

/* All of the input, into the output. */
static gboolean
run_pass (WatchLive *l, GError **error)
{
  GError *problem = NULL;
  gboolean empty = TRUE, good = FALSE;

  if (!cli_sink_open (&l->sink, error))
    return FALSE;
  l->at_start = TRUE;
  while (!is_to_quit (l) && send_next (l, FALSE, &problem))
    empty = FALSE;
  if (!problem && empty)
    cli_set_wrong (&problem, "%s is empty", cli_files.input);
  if (!problem && drain (l, take, &problem))
    good = cli_sink_finish (&l->sink, &problem);
  cli_sink_close (&l->sink, good);
  l->sink.gathered = NULL;
  if (problem)
    g_propagate_error (error, problem);
  return good;
}

static gboolean
check_output (GError **error)
{
  GStatBuf there;

  /* It would be replaced, and a device with it. */
  if (g_stat (cli_files.output, &there) != 0 || S_ISREG (there.st_mode))
    return TRUE;
  g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
      "%s is no regular file, and is left as it is; name another --output",
      cli_files.output);
  return FALSE;
}

/* For the loop; what can be read once only is closed, so that whoever writes there
 * waits for the next version. An empty file would be a loop of nothing. */
static void
rewind_source (WatchLive *l)
{
  l->at_start = TRUE;
  if (cli_source_rewind (&l->source))
    return;
  l->is_in_loop = FALSE;
  cli_source_clear (&l->source);
  memset (&l->source, 0, sizeof l->source);
}

static gboolean
come_live (WatchLive *l, RingKernelInfo *info, GError **error)
{
  g_auto (CliSource) source = { 0 };
  g_autoptr (RingFormat) out = NULL;
  CliSink sink;
  gboolean good;

  if ((!cli_files.input || cli_files.input == l->settings->shared->input)
      && !watch_make_input (l->settings->shared, info, error))
    return FALSE;
  if (!cli_source_open (&source, info, error))
    return FALSE;
  out = ring_kernel_info_get_output_format (info, source.format, error);
  if (!out)
    return FALSE;
  if (l->names_output)
    name_output (l, &source, out);
  cli_sink_init (&sink, &source, out);
  if (!check_output (error) || !cli_sink_check (&sink, info, error))
    return FALSE;
  if (!reload (l, info, &source) && !launch (l, &source, error))
    return FALSE;

  cli_source_clear (&l->source);
  l->source = source;
  memset (&source, 0, sizeof source);
  g_clear_pointer (&l->out, ring_format_free);
  l->out = g_steal_pointer (&out);
  cli_sink_init (&l->sink, &l->source, l->out);
  l->no_pictures = FALSE;
  good = run_pass (l, error);
  /* Also where only the output could not be written. */
  l->is_in_loop = ring_kernel_get_status (l->kernel) == RING_KERNEL_ACTIVE;
  rewind_source (l);
  return good;
}

static void
take_turn (WatchLive *l, RingKernelInfo *info)
{
  GError *error = NULL;

  g_string_truncate (l->note, 0);
  g_atomic_int_set (&l->settings->shared->trying, TRUE);
  if (!come_live (l, info, &error) && is_to_quit (l))
    g_clear_error (&error);
  else
    tell (l, TRUE, l->note->len ? g_strdup (l->note->str) : NULL, error);
}

/* ---- the loop ---------------------------------------------------------------------------- */

/* Another message, at its time. */
static void
go_on (WatchLive *l)
{
  GError *error = NULL;

  if (send_next (l, TRUE, &error))
    return;
  l->is_in_loop = !error && !l->at_start;
  rewind_source (l);
  if (error)
    tell (l, FALSE, NULL, error);
}

static gpointer
live_thread (gpointer data)
{
  WatchLive *l = data;

  g_mutex_lock (&l->lock);
  while (!l->quit) {
    RingKernelInfo *info = g_steal_pointer (&l->next);

    if (info || (l->is_in_loop && g_get_monotonic_time () >= l->due)) {
      g_mutex_unlock (&l->lock);
      if (info)
        take_turn (l, info);
      else
        go_on (l);
      g_clear_pointer (&info, ring_kernel_info_unref);
      g_mutex_lock (&l->lock);
    } else if (l->is_in_loop) {
      g_cond_wait_until (&l->changed, &l->lock, l->due);
    } else {
      g_cond_wait (&l->changed, &l->lock);
    }
  }
  g_mutex_unlock (&l->lock);
  return NULL;
}

WatchLive *
watch_live_new (const WatchSettings *settings)
{
  WatchLive *l = g_new0 (WatchLive, 1);

  l->settings = settings;
  l->names_output = cli_files.output == NULL;
  l->note = g_string_new (NULL);
  g_mutex_init (&l->lock);
  g_cond_init (&l->changed);
  l->thread = g_thread_new ("watch-live", live_thread, l);
  return l;
}

void
watch_live_take (WatchLive *l, RingKernelInfo *info)
{
  g_mutex_lock (&l->lock);
  g_clear_pointer (&l->next, ring_kernel_info_unref);
  l->next = ring_kernel_info_ref (info);
  g_cond_signal (&l->changed);
  g_mutex_unlock (&l->lock);
}

void
watch_live_free (WatchLive *l)
{
  g_mutex_lock (&l->lock);
  l->quit = TRUE;
  g_cond_signal (&l->changed);
  g_mutex_unlock (&l->lock);
  g_thread_join (l->thread);
  g_clear_pointer (&l->window, watch_window_free);
  g_clear_object (&l->kernel);
  g_clear_pointer (&l->next, ring_kernel_info_unref);
  cli_source_clear (&l->source);
  g_clear_pointer (&l->out, ring_format_free);
  if (l->names_output)
    g_clear_pointer (&cli_files.output, g_free);
  g_string_free (l->note, TRUE);
  g_mutex_clear (&l->lock);
  g_cond_clear (&l->changed);
  g_free (l);
}
