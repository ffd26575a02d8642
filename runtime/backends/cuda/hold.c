/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hold.c: makes kernels leave the device, one or all of a context, and keeps them
 * out, while the driver is asked for what may wait for them.
 */
#include "backends/cuda/cuda-private.h"

/* All instances, so that one that needs memory can make all the others leave. */
static GRecMutex everybody_lock;
static GList *everybody;

void
cuda_register_instance (CudaInstance *c)
{
  g_rec_mutex_lock (&everybody_lock);
  everybody = g_list_prepend (everybody, c);
  g_rec_mutex_unlock (&everybody_lock);
}

void
cuda_unregister_instance (CudaInstance *c)
{
  g_rec_mutex_lock (&everybody_lock);
  everybody = g_list_remove (everybody, c);
  g_rec_mutex_unlock (&everybody_lock);
}

/* Asks a kernel to leave; it does so at its next look. */
void
cuda_hold (CudaInstance *c)
{
  g_mutex_lock (&c->holding);
  if (__atomic_add_fetch (&c->held, 1, __ATOMIC_ACQ_REL) == 1)
    ring_store_release_u32 (&c->base.control->host.leave, 1);
  g_mutex_unlock (&c->holding);
}

void
cuda_release (CudaInstance *c)
{
  g_mutex_lock (&c->holding);
  /* In this order: what may begin now is not told to leave. */
  if (__atomic_load_n (&c->held, __ATOMIC_ACQUIRE) == 1)
    ring_store_release_u32 (&c->base.control->host.leave, 0);
  __atomic_sub_fetch (&c->held, 1, __ATOMIC_ACQ_REL);
  g_mutex_unlock (&c->holding);
}

gboolean
cuda_await_leave (CudaInstance *c, gint64 deadline)
{
  const CudaDriver *driver = c->backend->driver;
  gboolean resident, broken, stalled;

  for (;;) {
    g_mutex_lock (&c->driving);
    cuda_update_residency (c);
    resident = c->resident;
    broken = cuda_is_broken (c);
    g_mutex_unlock (&c->driving);
    stalled = __atomic_load_n (&c->stalled, __ATOMIC_ACQUIRE);
    if (stalled || broken) {
      gboolean over = !stalled;

      /* It was given up; but it may have ended after all, and nothing runs in a
       * context that is lost. */
      if (cuda_enter (c->backend)) {
        over = driver->cuStreamQuery (c->stream) != CUDA_ERROR_NOT_READY;
        cuda_leave (c->backend);
      }
      if (over || stalled)
        return over;
    } else if (!resident) {
      return TRUE;
    }
    if (g_get_monotonic_time () >= deadline)
      return FALSE;
    g_thread_yield ();
  }
}

gboolean
cuda_hold_all (CudaBackend *b)
{
  gboolean all = TRUE;
  GList *l;

  /* Until cuda_release_all, so that it is one who holds at a time. */
  g_rec_mutex_lock (&everybody_lock);
  for (l = everybody; l; l = l->next) {
    CudaInstance *c = l->data;

    if (c->backend->context == b->context)
      cuda_hold (c);
  }
  for (l = everybody; l && all; l = l->next) {
    CudaInstance *c = l->data;

    if (c->backend->context == b->context)
      all = cuda_await_leave (c,
          g_get_monotonic_time ()
              + (gint64) (c->lease + c->termination_timeout));
  }
  return all;
}

void
cuda_check_all (CudaBackend *b)
{
  GList *l;

  g_rec_mutex_lock (&everybody_lock);
  for (l = everybody; l; l = l->next) {
    CudaInstance *c = l->data;
    CUresult result;

    if (c->backend->context != b->context || cuda_is_broken (c))
      continue;
    result = b->driver->cuStreamQuery (c->stream);
    if (result != CUDA_SUCCESS && result != CUDA_ERROR_NOT_READY)
      cuda_break (c, result, "using it");
  }
  g_rec_mutex_unlock (&everybody_lock);
}

void
cuda_release_all (CudaBackend *b)
{
  GList *l;

  for (l = everybody; l; l = l->next) {
    CudaInstance *c = l->data;

    if (c->backend->context != b->context)
      continue;
    if (__atomic_load_n (&c->held, __ATOMIC_ACQUIRE) == 0)
      continue; /* came while we held */
    cuda_release (c);
    cuda_wake (&c->base);
  }
  g_rec_mutex_unlock (&everybody_lock);
}
