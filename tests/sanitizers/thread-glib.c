/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * thread-glib.c: tells ThreadSanitizer what GLib's locks and hand-overs order.
 *
 * The distribution's GLib has no sanitizer in it, and its locks are futexes, so that
 * everything that they guard would look like a race. Linked into a test program,
 * these functions come before GLib's: each calls the real one and says which
 * address it released or acquired.
 */
#define GLIB_DISABLE_DEPRECATION_WARNINGS
#include <dlfcn.h>
#include <gio/gio.h>

/* g_once_init_* are macros over functions of the same name. */
#undef g_once_init_enter
#undef g_once_init_leave
#undef g_once_init_enter_pointer
#undef g_once_init_leave_pointer
#undef g_object_ref
#undef g_clear_object

void __tsan_acquire (void *address);
void __tsan_release (void *address);

#define REAL(name) \
  ({ \
    static __typeof__ (&name) real_; \
    __typeof__ (&name) real = __atomic_load_n (&real_, __ATOMIC_RELAXED); \
    if (!real) { \
      real = (__typeof__ (&name)) dlsym (RTLD_NEXT, #name); \
      __atomic_store_n (&real_, real, __ATOMIC_RELAXED); \
    } \
    real; \
  })

/* ---- locks ---------------------------------------------------------------- */

#define LOCK(name, type) \
  void name (type *lock) \
  { \
    REAL (name) (lock); \
    __tsan_acquire (lock); \
  }
#define TRYLOCK(name, type) \
  gboolean name (type *lock) \
  { \
    gboolean taken = REAL (name) (lock); \
    if (taken) \
      __tsan_acquire (lock); \
    return taken; \
  }
#define UNLOCK(name, type) \
  void name (type *lock) \
  { \
    __tsan_release (lock); \
    REAL (name) (lock); \
  }

LOCK (g_mutex_lock, GMutex)
TRYLOCK (g_mutex_trylock, GMutex)
UNLOCK (g_mutex_unlock, GMutex)
LOCK (g_rec_mutex_lock, GRecMutex)
TRYLOCK (g_rec_mutex_trylock, GRecMutex)
UNLOCK (g_rec_mutex_unlock, GRecMutex)
LOCK (g_rw_lock_writer_lock, GRWLock)
TRYLOCK (g_rw_lock_writer_trylock, GRWLock)
UNLOCK (g_rw_lock_writer_unlock, GRWLock)
LOCK (g_rw_lock_reader_lock, GRWLock)
TRYLOCK (g_rw_lock_reader_trylock, GRWLock)
UNLOCK (g_rw_lock_reader_unlock, GRWLock)

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  __tsan_release (mutex);
  REAL (g_cond_wait) (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean signalled;

  __tsan_release (mutex);
  signalled = REAL (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}

/* ---- once ------------------------------------------------------------------ */

gboolean (g_once_init_enter) (volatile void *location)
{
  gboolean enter = REAL (g_once_init_enter) (location);

  __tsan_acquire ((void *) location);
  return enter;
}

void (g_once_init_leave) (volatile void *location, gsize result)
{
  __tsan_release ((void *) location);
  REAL (g_once_init_leave) (location, result);
}

#if GLIB_CHECK_VERSION(2, 80, 0)
gboolean (g_once_init_enter_pointer) (gpointer location)
{
  gboolean enter = REAL (g_once_init_enter_pointer) (location);

  __tsan_acquire (location);
  return enter;
}

void (g_once_init_leave_pointer) (gpointer location, gpointer result)
{
  __tsan_release (location);
  REAL (g_once_init_leave_pointer) (location, result);
}
#endif

/* ---- reference counts: what was done before an unref is seen by the last --- */

gpointer (g_object_ref) (gpointer object)
{
  return REAL (g_object_ref) (object);
}

void
g_object_unref (gpointer object)
{
  /* The real one may free the object, and with it this address. */
  __tsan_release (object);
  __tsan_acquire (object);
  REAL (g_object_unref) (object);
}

GBytes *
g_bytes_ref (GBytes *bytes)
{
  return REAL (g_bytes_ref) (bytes);
}

void
g_bytes_unref (GBytes *bytes)
{
  if (bytes) {
    __tsan_release (bytes);
    __tsan_acquire (bytes);
  }
  REAL (g_bytes_unref) (bytes);
}

void (g_atomic_ref_count_inc) (gatomicrefcount *count)
{
  REAL (g_atomic_ref_count_inc) (count);
}

gboolean (g_atomic_ref_count_dec) (gatomicrefcount *count)
{
  gboolean last;

  __tsan_release (count);
  last = REAL (g_atomic_ref_count_dec) (count);
  if (last)
    __tsan_acquire (count);
  return last;
}

/* ---- hand-overs from thread to thread ------------------------------------------ */

void
g_async_queue_push (GAsyncQueue *queue, gpointer data)
{
  __tsan_release (queue);
  REAL (g_async_queue_push) (queue, data);
}

gpointer
g_async_queue_pop (GAsyncQueue *queue)
{
  gpointer data = REAL (g_async_queue_pop) (queue);

  __tsan_acquire (queue);
  return data;
}

gpointer
g_async_queue_timeout_pop (GAsyncQueue *queue, guint64 timeout)
{
  gpointer data = REAL (g_async_queue_timeout_pop) (queue, timeout);

  __tsan_acquire (queue);
  return data;
}

/* The pool's own function runs on its threads, so it is there to acquire. */
typedef struct
{
  GFunc func;
  gpointer user_data;
} PoolJob;

static void
run_pool_job (gpointer data, gpointer user_data)
{
  PoolJob *job = user_data;

  __tsan_acquire (job);
  job->func (data, job->user_data);
}

GThreadPool *
g_thread_pool_new (GFunc func, gpointer user_data, gint max_threads,
    gboolean exclusive, GError **error)
{
  PoolJob *job = g_new (PoolJob, 1); /* as long as the process: a test's */

  job->func = func;
  job->user_data = user_data;
  return REAL (
      g_thread_pool_new) (run_pool_job, job, max_threads, exclusive, error);
}

gboolean
g_thread_pool_push (GThreadPool *pool, gpointer data, GError **error)
{
  __tsan_release (pool->user_data);
  return REAL (g_thread_pool_push) (pool, data, error);
}

static void
run_task (GTask *task, gpointer source, gpointer data,
    GCancellable *cancellable)
{
  GTaskThreadFunc func;

  __tsan_acquire (task);
  func = g_object_get_data (G_OBJECT (task), "thread-glib");
  func (task, source, data, cancellable);
}

void
g_task_run_in_thread (GTask *task, GTaskThreadFunc func)
{
  g_object_set_data (G_OBJECT (task), "thread-glib", func);
  __tsan_release (task);
  REAL (g_task_run_in_thread) (task, run_task);
}

void
g_task_return_pointer (GTask *task, gpointer result, GDestroyNotify destroy)
{
  __tsan_release (task);
  REAL (g_task_return_pointer) (task, result, destroy);
}

void
g_task_return_boolean (GTask *task, gboolean result)
{
  __tsan_release (task);
  REAL (g_task_return_boolean) (task, result);
}

void
g_task_return_error (GTask *task, GError *error)
{
  __tsan_release (task);
  REAL (g_task_return_error) (task, error);
}

gpointer
g_task_propagate_pointer (GTask *task, GError **error)
{
  __tsan_acquire (task);
  return REAL (g_task_propagate_pointer) (task, error);
}

gboolean
g_task_propagate_boolean (GTask *task, GError **error)
{
  __tsan_acquire (task);
  return REAL (g_task_propagate_boolean) (task, error);
}
