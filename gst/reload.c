/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * reload.c: the kernel's file is watched, and a version that has changed takes over.
 *
 * A thread with a main context of its own watches and compiles. A version that fits
 * the stream takes over at once, between two buffers. One that works on other formats,
 * or may not work in place any more, is left for the streaming thread, which settles
 * the stream anew before the next buffer; or, where upstream has to change its caps
 * first, with those. Until then the version before goes on.
 */
#include "gstringkernelfilter.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>

GST_DEBUG_CATEGORY_STATIC (ring_kernel_reload_debug);
#define GST_CAT_DEFAULT ring_kernel_reload_debug

/* ms. Editors write in pieces: what has not changed for so long is whole. */
#define SETTLE 40
/* ms. A writer may be held up in the middle: what does not compile is called broken
 * when it has stayed like that. */
#define STAY 200
/* us. The clock of file systems runs behind by as much, at the most. */
#define FILE_CLOCK 20000

struct _GstRingWatch
{
  GstRingKernelFilter *filter; /* which ends us before it goes */
  RingRuntime *runtime;
  RingKernel *kernel;
  gchar *path;
  gchar *names[2]; /* of the file, and where it is a link of what it
                               * leads to; without their suffix */
  GFileMonitor *monitors[2];
  gint64 launched_at; /* us of real time */
  gchar *seen;        /* signature at the last event … */
  gchar *tried;       /* … and of what was compiled last */
  GError *failure;    /* of what was tried; not told yet */
  gboolean is_gone;
  GSource *settle;
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;
};

/* ---- what has come of it -------------------------------------------------------------- */

static void
tell_success (GstRingKernelFilter *self, RingKernelInfo *info)
{
  RingMetrics *metrics = ring_kernel_get_metrics (self->kernel);

  g_atomic_pointer_add (&self->reloads, 1);
  GST_INFO_OBJECT (self, "'%s' from %s is version %u now",
      ring_kernel_info_get_name (info), ring_kernel_info_get_origin (info),
      metrics->generation);
  gst_element_post_message (GST_ELEMENT (self),
      gst_message_new_element (GST_OBJECT (self),
          gst_structure_new ("ring-kernel-reloaded", "kernel", G_TYPE_STRING,
              ring_kernel_info_get_name (info), "origin", G_TYPE_STRING,
              ring_kernel_info_get_origin (info), "generation", G_TYPE_UINT,
              metrics->generation, NULL)));
  ring_metrics_free (metrics);
}

static void
tell_failure (GstRingKernelFilter *self, const GError *error)
{
  g_atomic_pointer_add (&self->reload_errors, 1);
  gst_ring_kernel_filter_post_warning (self,
      "not reloaded, the version before goes on: ", error);
}

/* ---- a version takes over --------------------------------------------------------------- */

/* With version_lock. */
static gboolean
take_over (GstRingKernelFilter *self, RingKernelInfo *info, GError **error)
{
  if (!ring_kernel_reload_info (self->kernel, info, error))
    return FALSE;
  gst_ring_kernel_filter_learn_version (self, info);
  return TRUE;
}

/* Whether a stream that is settled for @a goes on with @b as it is. */
static gboolean
fits_the_same_stream (RingKernelInfo *a, RingKernelInfo *b)
{
  const RingKernelDescription *x = ring_kernel_info_get_raw_description (a);
  const RingKernelDescription *y = ring_kernel_info_get_raw_description (b);

  return x->kind == y->kind && x->output_kind == y->output_kind
      && x->max_records == y->max_records && x->flags == y->flags
      && x->input_record_size == y->input_record_size
      && x->output_record_size == y->output_record_size
      && strcmp (x->input_formats, y->input_formats) == 0
      && strcmp (x->output_formats, y->output_formats) == 0;
}

static void
set_next (GstRingKernelFilter *self, GstRingCaps *next, GstRingNext state)
{
  GstRingCaps *old;

  GST_OBJECT_LOCK (self);
  old = self->next;
  self->next = next;
  g_atomic_int_set (&self->next_state, state);
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&old, gst_ring_caps_unref);
}

void
gst_ring_kernel_filter_forget_next (GstRingKernelFilter *self)
{
  set_next (self, NULL, GST_RING_NEXT_NONE);
}

GstRingCaps *
gst_ring_kernel_filter_ref_next (GstRingKernelFilter *self, GstRingNext state)
{
  GstRingCaps *next = NULL;

  if (g_atomic_int_get (&self->next_state) == GST_RING_NEXT_NONE)
    return NULL;
  GST_OBJECT_LOCK (self);
  if (self->next
      && (state == GST_RING_NEXT_NONE
          || g_atomic_int_get (&self->next_state) == (gint) state))
    next = gst_ring_caps_ref (self->next);
  GST_OBJECT_UNLOCK (self);
  return next;
}

/* On the thread that watches. */
static void
take (GstRingWatch *w, RingKernelInfo *info)
{
  GstRingKernelFilter *self = w->filter;
  RingKernelInfo *running;
  GError *error = NULL;
  gboolean obsolete, cuda, fits;

  GST_OBJECT_LOCK (self);
  obsolete = self->settings_changed; /* there will be another launch */
  cuda = self->context != NULL;
  GST_OBJECT_UNLOCK (self);
  if (obsolete)
    return;

  g_mutex_lock (&self->version_lock);
  running = ring_kernel_dup_info (w->kernel);
  /* What cannot be is said at once. */
  fits = fits_the_same_stream (running, info)
      || ring_kernel_info_get_max_outputs (running)
          != ring_kernel_info_get_max_outputs (info)
      || ring_kernel_get_status (w->kernel) == RING_KERNEL_FAILED;
  ring_kernel_info_unref (running);
  if (fits) {
    set_next (self, NULL, GST_RING_NEXT_NONE);
    fits = take_over (self, info, &error);
  } else {
    GST_INFO_OBJECT (self, "another stream for the next version");
    set_next (self, gst_ring_caps_new (info, cuda), GST_RING_NEXT_BUFFER);
  }
  g_mutex_unlock (&self->version_lock);
  if (error)
    tell_failure (self, error);
  else if (fits)
    tell_success (self, info);
  g_clear_error (&error);
}

/* ---- a version of another stream; by who pushes, in order with the data --------------------- */

static GError *
refusal (GstRingCaps *next, const gchar *says, GstCaps *caps)
{
  gchar *text =
      caps ? gst_caps_to_string (caps) : g_strdup ("a stream without caps");
  GError *error = g_error_new (RING_ERROR, RING_ERROR_FORMAT,
      "kernel '%s' in %s %s %s", ring_kernel_info_get_name (next->info),
      ring_kernel_info_get_origin (next->info), says, text);

  g_free (text);
  return error;
}

/* Whether downstream takes what the next version makes of @caps, in any memory. */
static gboolean
suits_downstream (GstRingKernelFilter *self, GstRingCaps *next, GstCaps *caps,
    const RingFormat *in, GError **error)
{
  RingFormat *out = NULL;
  GstCaps *made, *other;
  gboolean suits;

  if (!gst_ring_caps_choose (next, caps, in, self->srcpad, &out, &made, error))
    return FALSE;
  other = made ? gst_ring_caps_in_other_memory (next, made) : NULL;
  suits = !made || gst_pad_peer_query_accept_caps (self->srcpad, made)
      || (other && gst_pad_peer_query_accept_caps (self->srcpad, other));
  if (!suits)
    *error = refusal (next, "makes what downstream does not take:", made);
  gst_clear_caps (&made);
  gst_clear_caps (&other);
  ring_format_free (out);
  return suits;
}

/* Whether upstream could give the next version something that it takes. */
static gboolean
upstream_could_change (GstRingKernelFilter *self, GstRingCaps *next)
{
  GstCaps *caps = gst_pad_peer_query_caps (self->sinkpad, next->sink_caps);
  const gboolean could = !gst_caps_is_empty (caps);

  gst_caps_unref (caps);
  return could;
}

/* With version_lock; all that came before is pushed. */
static gboolean
take_over_drained (GstRingKernelFilter *self, GstRingCaps *next, GError **error)
{
  return ring_kernel_drain (self->kernel,
             gst_ring_kernel_filter_get_patience (self), NULL, error)
      && take_over (self, next->info, error);
}

gboolean
gst_ring_kernel_filter_change_stream (GstRingKernelFilter *self, gpointer data)
{
  GstRingStream *stream = &self->flow.stream;
  GstCaps *caps = stream->in_caps ? gst_caps_ref (stream->in_caps) : NULL;
  const gboolean settled = stream->configured;
  GError *error = NULL;
  RingFormat *in = NULL;
  GstRingCaps *next;
  gboolean taken = FALSE, waits = FALSE, ok = TRUE;

  (void) data;
  g_mutex_lock (&self->version_lock);
  next = gst_ring_kernel_filter_ref_next (self, GST_RING_NEXT_BUFFER);
  if (!next)
    goto out;
  if (!settled) {
    taken = take_over_drained (self, next, &error);
  } else if ((in = gst_ring_caps_to_format (next, caps, &error))) {
    taken = suits_downstream (self, next, caps, in, &error)
        && take_over_drained (self, next, &error);
  } else if (upstream_could_change (self, next)) {
    waits = TRUE;
    g_clear_error (&error);
  } else {
    g_clear_error (&error);
    error = refusal (next, "does not take what upstream gives:", caps);
  }
  if (waits)
    g_atomic_int_set (&self->next_state, GST_RING_NEXT_CAPS);
  else
    gst_ring_kernel_filter_forget_next (self);

out:
  g_mutex_unlock (&self->version_lock);
  if (waits) {
    GST_ELEMENT_INFO (self, STREAM, FORMAT,
        ("the next version of kernel '%s' takes other caps; upstream is asked for "
         "them, until then the version before goes on",
            ring_kernel_info_get_name (next->info)),
        (NULL));
    gst_pad_push_event (self->sinkpad, gst_event_new_reconfigure ());
  } else if (taken) {
    tell_success (self, next->info);
    if (settled)
      ok = gst_ring_flow_configure (self, caps);
  } else if (error) {
    tell_failure (self, error);
  }
  g_clear_error (&error);
  g_clear_pointer (&next, gst_ring_caps_unref);
  ring_format_free (in);
  gst_clear_caps (&caps);
  return ok;
}

void
gst_ring_kernel_filter_change_with_caps (GstRingKernelFilter *self,
    GstCaps *caps)
{
  GstRingCaps *next;
  RingFormat *in;
  GError *error = NULL;
  gboolean taken = FALSE;

  if (g_atomic_int_get (&self->next_state) == GST_RING_NEXT_NONE)
    return;
  g_mutex_lock (&self->version_lock);
  next = gst_ring_kernel_filter_ref_next (self, GST_RING_NEXT_NONE);
  in = next ? gst_ring_caps_to_format (next, caps, NULL) : NULL;
  if (in) {
    taken = suits_downstream (self, next, caps, in, &error)
        && take_over_drained (self, next, &error);
    gst_ring_kernel_filter_forget_next (self);
  }
  g_mutex_unlock (&self->version_lock);
  if (taken)
    tell_success (self, next->info);
  else if (error)
    tell_failure (self, error);
  g_clear_error (&error);
  ring_format_free (in);
  g_clear_pointer (&next, gst_ring_caps_unref);
}

/* ---- watching ---------------------------------------------------------------------------------- */

/* Which files these are, and how they were written: the kernel's own, and the code for
 * a GPU that may lie beside it. */
static gchar *
read_signature (GstRingWatch *w, gboolean *is_there, gint64 *changed_at)
{
  static const gchar *const suffix[] = { NULL, ".fatbin", ".cubin", ".ptx" };
  const gchar *dot = strrchr (w->path, '.');
  GString *signature = g_string_new (NULL);
  guint i;

  *is_there = FALSE;
  *changed_at = 0;
  for (i = 0; i < G_N_ELEMENTS (suffix); i++) {
    gchar *stem = g_strndup (w->path, (gsize) (dot - w->path));
    gchar *path =
        suffix[i] ? g_strconcat (stem, suffix[i], NULL) : g_strdup (w->path);
    struct stat info;

    if (stat (path, &info) == 0) {
      g_string_append_printf (signature, "%s %ju %ju %jd %jd.%ld\n",
          suffix[i] ? suffix[i] : "", (uintmax_t) info.st_dev,
          (uintmax_t) info.st_ino, (intmax_t) info.st_size,
          (intmax_t) info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
      *changed_at = MAX (*changed_at,
          (gint64) info.st_ctim.tv_sec * G_USEC_PER_SEC
              + info.st_ctim.tv_nsec / 1000);
      *is_there |= suffix[i] == NULL;
    }
    g_free (path);
    g_free (stem);
  }
  return g_string_free (signature, FALSE);
}

static gboolean on_settled (gpointer data);

/* Looks again after @rest ms without another event. */
static void
settle (GstRingWatch *w, guint rest)
{
  gboolean is_there;
  gint64 changed_at;

  g_free (w->seen);
  w->seen = read_signature (w, &is_there, &changed_at);
  if (is_there == w->is_gone)
    GST_INFO_OBJECT (w->filter, "%s is %s", w->path,
        is_there ? "there again" : "gone; the kernel goes on");
  w->is_gone = !is_there;
  if (w->settle) {
    g_source_destroy (w->settle);
    g_source_unref (w->settle);
  }
  w->settle = g_timeout_source_new (rest);
  g_source_set_callback (w->settle, on_settled, w, NULL);
  g_source_attach (w->settle, w->context);
}

/* Compiles what is there. Has it changed meanwhile, nobody knows what was compiled. */
static void
try (GstRingWatch *w)
{
  GError *error = NULL;
  RingKernelInfo *info;
  gboolean is_there;
  gint64 changed_at;
  gchar *now;

  GST_DEBUG_OBJECT (w->filter, "%s has changed", w->path);
  info = ring_runtime_find_kernel (w->runtime, w->path, &error);
  now = read_signature (w, &is_there, &changed_at);
  if (strcmp (w->seen, now) == 0) {
    g_free (w->tried);
    w->tried = g_strdup (now);
    if (info)
      take (w, info);
    else
      w->failure = g_steal_pointer (&error);
  }
  if (w->failure || strcmp (w->seen, now) != 0)
    settle (w, w->failure ? STAY : SETTLE);
  g_free (now);
  g_clear_error (&error);
  g_clear_pointer (&info, ring_kernel_info_unref);
}

static gboolean
on_settled (gpointer data)
{
  GstRingWatch *w = data;
  gboolean is_there;
  gint64 changed_at;
  gchar *now = read_signature (w, &is_there, &changed_at);
  const gboolean rests = g_strcmp0 (now, w->seen) == 0;
  const gboolean is_new = g_strcmp0 (now, w->tried) != 0;

  g_free (now);
  g_clear_pointer (&w->settle, g_source_unref);
  if (w->failure && rests && !is_new)
    tell_failure (w->filter, w->failure);
  g_clear_error (&w->failure);
  if (!rests)
    settle (w, SETTLE);
  else if (is_there && is_new)
    try (w);
  return G_SOURCE_REMOVE;
}

static gboolean
is_ours (GstRingWatch *w, GFile *file)
{
  gchar *name = file ? g_file_get_basename (file) : NULL;
  gboolean ours = FALSE;
  guint i;

  for (i = 0; name && i < G_N_ELEMENTS (w->names); i++)
    ours |= w->names[i] && g_str_has_prefix (name, w->names[i]);
  g_free (name);
  return ours;
}

static void
on_changed (GFileMonitor *monitor, GFile *file, GFile *other,
    GFileMonitorEvent event, gpointer data)
{
  GstRingWatch *w = data;

  GST_LOG_OBJECT (w->filter, "event %d", (gint) event);
  if (is_ours (w, file) || is_ours (w, other))
    settle (w, w->failure ? STAY : SETTLE);
}

/* The directory, because editors put another file in the place of this one. */
static void
watch_directory (GstRingWatch *w, const gchar *path, guint i)
{
  gchar *dir = g_path_get_dirname (path);
  gchar *name = g_path_get_basename (path);
  GFile *file = g_file_new_for_path (dir);
  gchar *dot = strrchr (name, '.');
  GError *error = NULL;

  w->names[i] =
      g_strndup (name, dot ? (gsize) (dot - name + 1) : strlen (name));
  w->monitors[i] =
      g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, &error);
  if (w->monitors[i]) {
    g_file_monitor_set_rate_limit (w->monitors[i], SETTLE);
    g_signal_connect (w->monitors[i], "changed", G_CALLBACK (on_changed), w);
  } else {
    GST_ELEMENT_WARNING (w->filter, RESOURCE, OPEN_READ,
        ("changes of kernel file '%s' will not be seen: '%s' cannot be watched: "
         "%s",
            w->path, dir, error->message),
        (NULL));
    g_error_free (error);
  }
  g_object_unref (file);
  g_free (name);
  g_free (dir);
}

static gpointer
watch_thread (gpointer data)
{
  GstRingWatch *w = data;
  gchar *target, *now;
  gboolean is_there;
  gint64 changed_at;
  guint i;

  g_main_context_push_thread_default (w->context);
  watch_directory (w, w->path, 0);
  target = realpath (w->path, NULL);
  if (target && strcmp (target, w->path) != 0)
    watch_directory (w, target, 1);
  free (target);

  /* What was written since the launch began may not be what was launched. */
  now = read_signature (w, &is_there, &changed_at);
  w->is_gone = !is_there;
  if (is_there && changed_at < w->launched_at - FILE_CLOCK)
    w->tried = now;
  else
    g_free (now);
  settle (w, SETTLE);

  g_main_loop_run (w->loop);
  for (i = 0; i < G_N_ELEMENTS (w->monitors); i++) {
    if (w->monitors[i])
      g_file_monitor_cancel (w->monitors[i]);
    g_clear_object (&w->monitors[i]);
  }
  if (w->settle) {
    g_source_destroy (w->settle);
    g_clear_pointer (&w->settle, g_source_unref);
  }
  /* What is under way for us needs us no more. */
  while (g_main_context_iteration (w->context, FALSE))
    ;
  g_main_context_pop_thread_default (w->context);
  return NULL;
}

void
gst_ring_kernel_filter_watch (GstRingKernelFilter *self, gint64 launched_at)
{
  static gsize once = 0;
  RingKernelInfo *info = ring_kernel_get_info (self->kernel);
  const gchar *origin = ring_kernel_info_get_origin (info);
  GstRingWatch *w;

  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (ring_kernel_reload_debug, "ringkernelreload", 0,
        "ringkernelfilter: watching the kernel's file");
    g_once_init_leave (&once, 1);
  }
  if (!g_str_has_suffix (origin, ".c") && !g_str_has_suffix (origin, ".so")) {
    GST_WARNING_OBJECT (self,
        "reload: kernel '%s' is %s; there is no file to watch",
        ring_kernel_info_get_name (info), origin);
    return;
  }
  w = g_new0 (GstRingWatch, 1);
  w->filter = self;
  w->runtime = g_object_ref (self->runtime);
  w->kernel = g_object_ref (self->kernel);
  /* Where the process is may change. */
  w->path = g_canonicalize_filename (origin, NULL);
  w->launched_at = launched_at;
  w->context = g_main_context_new ();
  w->loop = g_main_loop_new (w->context, FALSE);
  w->thread = g_thread_new ("ring-reload", watch_thread, w);
  self->watch = w;
}

static gboolean
quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

void
gst_ring_kernel_filter_unwatch (GstRingKernelFilter *self)
{
  GstRingWatch *w = g_steal_pointer (&self->watch);
  GSource *source;
  guint i;

  if (!w)
    return;
  /* From within, since it may not have begun to run. */
  source = g_idle_source_new ();
  g_source_set_callback (source, quit, w->loop, NULL);
  g_source_attach (source, w->context);
  g_source_unref (source);
  g_thread_join (w->thread);
  gst_ring_kernel_filter_forget_next (self);
  for (i = 0; i < G_N_ELEMENTS (w->names); i++)
    g_free (w->names[i]);
  g_main_loop_unref (w->loop);
  g_main_context_unref (w->context);
  g_object_unref (w->kernel);
  g_object_unref (w->runtime);
  g_clear_error (&w->failure);
  g_free (w->tried);
  g_free (w->seen);
  g_free (w->path);
  g_free (w);
}
