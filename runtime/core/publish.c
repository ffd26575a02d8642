/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * publish.c: a thread that tells of this process's handles, in a file that
 * `ringkernel top` reads; see published.h.
 *
 * It is there while there are handles that may be looked at, and asks them for what
 * anybody may ask. So messages cost the same whether somebody looks on or not.
 */
#include "core/publish.h"

#include "core/core-private.h"
#include "published.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

/* The handles, and whether the thread runs. Held while they are asked for their
 * figures, so that none is freed meanwhile; taken before a handle's `lock`. */
static GMutex lock;
static GCond changed;
static GPtrArray
    *handles; /* of RingKernel, without references; NULL: none yet */
static gboolean running, news;

/* The file: written or removed by one at a time. Taken after `lock`. */
static GMutex writing;
static gboolean is_there, has_warned, has_ended;

/* ---- the file ------------------------------------------------------------------ */

static gboolean
write_file (gint dir, const gchar *name, const gchar *text, gsize size)
{
  gchar *temporary =
      g_strdup_printf (RING_PUBLISHED_TEMPORARY "%d", (gint) getpid ());
  FILE *file;
  gboolean ok;
  gint fd, problem;

  /* Of a process that had this number before, and did not end well. */
  unlinkat (dir, temporary, 0);
  fd = openat (dir, temporary,
      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  ok = fd >= 0;
  if (ok) {
    file = fdopen (fd, "w");
    ok = fwrite (text, size, 1, file) == 1;
    ok = fclose (file) == 0 && ok;
    ok = ok && renameat (dir, temporary, dir, name) == 0;
  }
  problem = errno;
  if (!ok && fd >= 0)
    unlinkat (dir, temporary, 0);
  g_free (temporary);
  errno = problem;
  return ok;
}

/* Returns (transfer full) what nobody has been told of yet: why it cannot be. */
static gchar *
write_snapshot_locked (GKeyFile *snapshot, const gchar *name)
{
  gchar **dirs = ring_published_dirs ();
  gchar *why, *text, *warning = NULL;
  gsize size;
  const gint dir = ring_published_open (dirs[0], TRUE, &why);

  if (dir >= 0) {
    text = g_key_file_to_data (snapshot, &size, NULL);
    if (write_file (dir, name, text, size))
      is_there = TRUE;
    else
      why = g_strdup (g_strerror (errno));
    g_free (text);
    close (dir);
  }
  if (why && !has_warned)
    warning = g_strdup_printf ("%s: %s", dirs[0], why);
  has_warned = has_warned || why;
  g_free (why);
  g_strfreev (dirs);
  return warning;
}

static void
remove_snapshot_locked (const gchar *name)
{
  gchar **dirs = ring_published_dirs ();
  gchar *why;
  const gint dir = ring_published_open (dirs[0], FALSE, &why);

  if (dir >= 0) {
    unlinkat (dir, name, 0);
    close (dir);
  }
  is_there = FALSE;
  g_free (why);
  g_strfreev (dirs);
}

/* NULL: there is nothing to tell. */
static void
put (GKeyFile *snapshot)
{
  gchar *name = g_strdup_printf ("%d" RING_PUBLISHED_SUFFIX, (gint) getpid ());
  gchar *warning = NULL;

  g_mutex_lock (&writing);
  if (snapshot && !has_ended)
    warning = write_snapshot_locked (snapshot, name);
  else if (!snapshot && is_there)
    remove_snapshot_locked (name);
  g_mutex_unlock (&writing);
  if (warning)
    g_warning ("'ringkernel top' cannot look at this process, for nothing can "
               "be written to %s",
        warning);
  g_free (warning);
  g_free (name);
}

/* ---- what is in it --------------------------------------------------------------- */

static void
set_text (GKeyFile *file, const gchar *group, const gchar *key,
    const gchar *value)
{
  gchar *valid = g_utf8_make_valid (value, -1);

  g_key_file_set_string (file, group, key, valid);
  g_free (valid);
}

static void
describe_process (GKeyFile *file)
{
  guint64 start = 0;
  gchar *name = g_strdup (g_get_prgname ());

  if (!name && g_file_get_contents ("/proc/self/comm", &name, NULL, NULL))
    g_strchomp (name);
  ring_published_start ((guint64) getpid (), &start);
  g_key_file_set_uint64 (file, RING_PUBLISHED_PROCESS, "format",
      RING_PUBLISHED_FORMAT);
  g_key_file_set_uint64 (file, RING_PUBLISHED_PROCESS, "pid",
      (guint64) getpid ());
  g_key_file_set_uint64 (file, RING_PUBLISHED_PROCESS, "start", start);
  set_text (file, RING_PUBLISHED_PROCESS, "name", name ? name : "?");
  g_key_file_set_int64 (file, RING_PUBLISHED_PROCESS, "time",
      g_get_monotonic_time ());
  g_free (name);
}

static void
describe_handle (GKeyFile *file, RingKernel *kernel)
{
  gchar *group =
      g_strdup_printf (RING_PUBLISHED_HANDLE "%" G_GUINT64_FORMAT, kernel->id);
  gchar *label = ring_kernel_dup_label (kernel);
  GError *error = ring_kernel_get_error (kernel);
  RingMetrics *m = ring_kernel_get_metrics (kernel);

#define put_count(name) g_key_file_set_uint64 (file, group, #name, m->name)
  RING_PUBLISHED_COUNTS (put_count);
#undef put_count
  g_key_file_set_uint64 (file, group, "capacity",
      kernel->config.queue_capacity);
  set_text (file, group, "kernel", ring_kernel_name_ (kernel));
  g_key_file_set_string (file, group, "backend",
      ring_enum_nick_ (RING_TYPE_BACKEND_TYPE, (gint) m->backend));
  g_key_file_set_string (file, group, "mode",
      ring_enum_nick_ (RING_TYPE_EXECUTION_MODE, (gint) m->mode));
  g_key_file_set_string (file, group, "status",
      ring_enum_nick_ (RING_TYPE_KERNEL_STATUS, (gint) m->status));
  if (label)
    set_text (file, group, "label", label);
  if (error)
    set_text (file, group, "error", error->message);
  if (m->fallback)
    set_text (file, group, "fallback", m->fallback);
  ring_metrics_free (m);
  g_clear_error (&error);
  g_free (label);
  g_free (group);
}

/* NULL: of those that there are none lives. */
static GKeyFile *
describe_locked (void)
{
  GKeyFile *file = NULL;
  guint i;

  for (i = 0; i < handles->len; i++) {
    RingKernel *kernel = g_ptr_array_index (handles, i);

    if (ring_kernel_get_status (kernel) == RING_KERNEL_TERMINATED)
      continue;
    if (!file) {
      file = g_key_file_new ();
      describe_process (file);
    }
    describe_handle (file, kernel);
  }
  return file;
}

/* ---- the thread -------------------------------------------------------------------- */

/* Whoever launched may have been in a hurry. */
static void
be_modest (void)
{
  const struct sched_param any = { 0 };

  pthread_setschedparam (pthread_self (), SCHED_OTHER, &any);
  /* On Linux: of this thread alone. */
  setpriority (PRIO_PROCESS, 0, 19);
}

static gpointer
publish (gpointer data)
{
  (void) data;
  be_modest ();
  g_mutex_lock (&lock);
  while (handles->len > 0) {
    const gint64 next = g_get_monotonic_time () + RING_PUBLISHED_PERIOD;
    GKeyFile *snapshot = describe_locked ();

    news = FALSE;
    g_mutex_unlock (&lock);
    put (snapshot);
    g_clear_pointer (&snapshot, g_key_file_free);
    g_mutex_lock (&lock);
    while (!news && g_cond_wait_until (&changed, &lock, next))
      ;
  }
  running = FALSE;
  /* Before another thread may write it anew. */
  put (NULL);
  g_mutex_unlock (&lock);
  return NULL;
}

/* Signals are for the program's own threads. Returns (transfer full) why there is
 * none; NULL: there is one. */
static GError *
start_locked (void)
{
  sigset_t all, before;
  GError *error = NULL;
  GThread *thread;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  thread = g_thread_try_new ("ring-publish", publish, NULL, &error);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  running = thread != NULL;
  g_clear_pointer (&thread, g_thread_unref);
  return error;
}

/* A forked process has its parent's handles, but not the thread, which may just have
 * held a lock; and the file is not its own. */
static void
begin_anew (void)
{
  g_mutex_init (&lock);
  g_mutex_init (&writing);
  g_cond_init (&changed);
  handles = NULL;
  running = is_there = FALSE;
}

/* A program may end with handles. */
__attribute__ ((destructor)) static void
end (void)
{
  g_mutex_lock (&writing);
  has_ended = TRUE;
  g_mutex_unlock (&writing);
  put (NULL);
}

/* ---- handles ----------------------------------------------------------------------- */

/* Whoever starts the program has the last word. */
static gboolean
is_allowed (const RingConfig *config)
{
  const gchar *said = g_getenv ("RINGKERNEL_TOP");

  if (!said || !*said)
    return config->publish;
  if (g_strcmp0 (said, "1") == 0)
    return TRUE;
  if (g_strcmp0 (said, "0") != 0)
    g_warning ("RINGKERNEL_TOP is '%s'; it must be 0 or 1", said);
  return FALSE;
}

void
ring_publish_add (RingKernel *kernel, const RingConfig *config)
{
  static gsize watches_forks;
  GError *error = NULL;

  if (!is_allowed (config))
    return;
  if (g_once_init_enter (&watches_forks)) {
    pthread_atfork (NULL, NULL, begin_anew);
    g_once_init_leave (&watches_forks, 1);
  }
  g_mutex_lock (&lock);
  if (!handles)
    handles = g_ptr_array_new ();
  g_ptr_array_add (handles, kernel);
  news = TRUE;
  g_cond_signal (&changed);
  if (!running)
    error = start_locked ();
  g_mutex_unlock (&lock);
  /* The next handle tries again. */
  if (error)
    g_warning (
        "'ringkernel top' cannot look at this process: no thread for it: "
        "%s",
        error->message);
  g_clear_error (&error);
}

void
ring_publish_remove (RingKernel *kernel)
{
  g_mutex_lock (&lock);
  if (handles && g_ptr_array_remove (handles, kernel)) {
    news = TRUE;
    g_cond_signal (&changed);
  }
  g_mutex_unlock (&lock);
}
