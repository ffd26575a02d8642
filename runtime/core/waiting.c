/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * waiting.c: how threads wait for what a handle does, and how they are told.
 */
#include "core/core-private.h"

/* A wake-up is a call into the system, even where nobody sleeps. */
void
ring_kernel_wake_sleepers_locked_ (RingKernel *kernel)
{
  if (kernel->sleepers > 0)
    g_cond_broadcast (&kernel->changed);
}

/* For whoever changed something that ring_kernel_wait_locked_'s callers test
 * without holding the lock. */
void
ring_kernel_wake_waiters_ (RingKernel *kernel)
{
  __atomic_add_fetch (&kernel->changes, 1, __ATOMIC_RELAXED);
  /* Pairs with the increment of `waiters` before the waiter's test: either it
   * sees the change, or we see the waiter. */
  ring_fence ();
  if (g_atomic_int_get (&kernel->waiters) == 0)
    return;
  /* Who is about to wait tests once more with the lock. */
  g_mutex_lock (&kernel->lock);
  ring_kernel_wake_sleepers_locked_ (kernel);
  g_mutex_unlock (&kernel->lock);
}

static void
on_cancelled (GCancellable *cancellable, gpointer data)
{
  RingKernel *kernel = data;

  (void) cancellable;
  g_mutex_lock (&kernel->lock);
  g_cond_broadcast (&kernel->changed);
  g_mutex_unlock (&kernel->lock);
}

/* Called, like its counterpart, without the lock: a cancellable that is already
 * cancelled calls back at once. */
gulong
ring_kernel_watch_cancel_ (RingKernel *kernel, GCancellable *cancellable)
{
  return cancellable ? g_cancellable_connect (cancellable,
             G_CALLBACK (on_cancelled), kernel, NULL)
                     : 0;
}

void
ring_kernel_unwatch_cancel_ (GCancellable *cancellable, gulong id)
{
  if (cancellable)
    g_cancellable_disconnect (cancellable, id);
}

/* Never is also what is later than the clock can say. */
gint64
ring_deadline_ (gint64 timeout)
{
  const gint64 now = g_get_monotonic_time ();

  return timeout < 0 || timeout > G_MAXINT64 - now ? -1 : now + timeout;
}

gboolean
ring_kernel_wait_locked_ (RingKernel *kernel, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  gboolean woken = TRUE;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  kernel->sleepers++;
  if (deadline < 0)
    g_cond_wait (&kernel->changed, &kernel->lock);
  else
    woken = g_cond_wait_until (&kernel->changed, &kernel->lock, deadline);
  kernel->sleepers--;
  if (!woken) {
    g_set_error_literal (error, RING_ERROR, RING_ERROR_TIMED_OUT, "timed out");
    return FALSE;
  }
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}
