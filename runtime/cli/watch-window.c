/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * watch-window.c: pictures in a window.
 *
 * The window is gst-launch-1.0's, which reads raw pictures from a pipe: so nothing here
 * is linked to a display or to GStreamer. A thread of its own writes, because whoever
 * makes pictures is not to wait until they are shown.
 */
#include "cli/streams.h"
#include "cli/watch.h"

#include <gio/gio.h>
#include <unistd.h>

#define DEFAULT_SINK "videoconvert ! autovideosink sync=false"

struct _WatchWindow
{
  RingFormat *format;
  GSubprocess *process;
  GCancellable *cancellable;
  GThread *thread;
  GMutex lock;
  GCond changed;
  GBytes *next;  /* lock */
  GError *error; /* lock; the window is gone */
  gboolean quit; /* lock */
};

/* What raw pictures are, for gst-launch-1.0. */
static gchar *
describe_pictures (const RingFormat *format)
{
  g_autofree gchar *name =
      g_ascii_strdown (ring_video_format_to_string (format->video_format), -1);
  g_autoptr (GString) strides = g_string_new (NULL);
  g_autoptr (GString) offsets = g_string_new (NULL);
  RingMemory m;
  gsize at = 0;
  guint i;

  stream_lay_out (&m, format, 0, 0);
  for (i = 0; i < m.n_planes; i++) {
    g_string_append_printf (strides, "%s%d", i ? "," : "", m.plane[i].stride);
    g_string_append_printf (offsets, "%s%" G_GSIZE_FORMAT, i ? "," : "", at);
    at += m.plane[i].size;
  }
  return g_strdup_printf ("rawvideoparse format=%s width=%u height=%u "
                          "framerate=25/1 plane-strides=<%s> "
                          "plane-offsets=<%s>",
      name, format->width, format->height, strides->str, offsets->str);
}

/* Nobody reads any more, so it is about to end; why is for its own words, on stderr. */
static void
fail (WatchWindow *w)
{
  if (!g_subprocess_wait (w->process, w->cancellable, NULL))
    return;
  g_mutex_lock (&w->lock);
  w->error = g_subprocess_get_if_exited (w->process)
      ? g_error_new (RING_ERROR, RING_ERROR_FAILED,
          "gst-launch-1.0 has ended with %d",
          g_subprocess_get_exit_status (w->process))
      : g_error_new (RING_ERROR, RING_ERROR_FAILED,
          "gst-launch-1.0 was ended by signal %d",
          g_subprocess_get_term_sig (w->process));
  g_mutex_unlock (&w->lock);
}

static gpointer
write_pictures (gpointer data)
{
  WatchWindow *w = data;
  GOutputStream *pipe = g_subprocess_get_stdin_pipe (w->process);
  gboolean ok = TRUE;

  g_mutex_lock (&w->lock);
  while (ok && !w->quit) {
    g_autoptr (GBytes) picture = g_steal_pointer (&w->next);
    gsize size;
    gconstpointer bytes;

    if (!picture) {
      g_cond_wait (&w->changed, &w->lock);
      continue;
    }
    g_mutex_unlock (&w->lock);
    bytes = g_bytes_get_data (picture, &size);
    ok = g_output_stream_write_all (pipe, bytes, size, NULL, w->cancellable,
        NULL);
    g_mutex_lock (&w->lock);
  }
  ok = ok || w->quit;
  g_mutex_unlock (&w->lock);
  if (!ok)
    fail (w);
  return NULL;
}

WatchWindow *
watch_window_new (const RingFormat *format, const gchar *sink, GError **error)
{
  g_autofree gchar *program = g_find_program_in_path ("gst-launch-1.0");
  g_autofree gchar *pictures = describe_pictures (format);
  g_autofree gchar *pipeline = g_strdup_printf ("fdsrc fd=0 ! %s ! %s",
      pictures, sink ? sink : DEFAULT_SINK);
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE);
  g_auto (GStrv) words = NULL;
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  GSubprocess *process;
  WatchWindow *w;
  gchar **word;

  if (!program) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "there is no gst-launch-1.0, whose window it would be (Debian, Ubuntu: "
        "apt install gstreamer1.0-tools gstreamer1.0-plugins-base "
        "gstreamer1.0-plugins-good)");
    return NULL;
  }
  if (!g_shell_parse_argv (pipeline, NULL, &words, error))
    return NULL;
  g_ptr_array_add (argv, program);
  g_ptr_array_add (argv, (gpointer) "-q");
  for (word = words; *word; word++)
    g_ptr_array_add (argv, *word);
  g_ptr_array_add (argv, NULL);
  /* What it says is nothing that was asked of us. */
  g_subprocess_launcher_take_stdout_fd (launcher, dup (STDERR_FILENO));
  process = g_subprocess_launcher_spawnv (launcher,
      (const gchar *const *) argv->pdata, error);
  if (!process)
    return NULL;

  w = g_new0 (WatchWindow, 1);
  w->format = ring_format_copy (format);
  w->process = process;
  w->cancellable = g_cancellable_new ();
  g_mutex_init (&w->lock);
  g_cond_init (&w->changed);
  w->thread = g_thread_new ("watch-window", write_pictures, w);
  return w;
}

const RingFormat *
watch_window_get_format (WatchWindow *w)
{
  return w->format;
}

gboolean
watch_window_show (WatchWindow *w, GBytes *picture, GError **error)
{
  gboolean ok;

  g_mutex_lock (&w->lock);
  g_clear_pointer (&w->next, g_bytes_unref);
  w->next = g_bytes_ref (picture);
  ok = w->error == NULL;
  if (!ok && error)
    *error = g_error_copy (w->error);
  g_cond_signal (&w->changed);
  g_mutex_unlock (&w->lock);
  return ok;
}

void
watch_window_free (WatchWindow *w)
{
  g_mutex_lock (&w->lock);
  w->quit = TRUE;
  g_cond_signal (&w->changed);
  g_mutex_unlock (&w->lock);
  g_cancellable_cancel (w->cancellable);
  g_thread_join (w->thread);
  g_subprocess_force_exit (w->process);
  g_subprocess_wait (w->process, NULL, NULL);
  g_object_unref (w->process);
  g_object_unref (w->cancellable);
  g_clear_pointer (&w->next, g_bytes_unref);
  g_clear_error (&w->error);
  ring_format_free (w->format);
  g_mutex_clear (&w->lock);
  g_cond_clear (&w->changed);
  g_free (w);
}
