/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * version.c: another version of the kernel takes over between two messages. What
 * comes before is finished by the code that is there; what comes after is kept from
 * the device until that has left, and the next residency is the new version's.
 */
#include "backends/cuda/cuda-private.h"

/* ---- made ready --------------------------------------------------------------------- */

static gboolean
load (CudaInstance *c, CudaVersion *version, GError **error)
{
  gboolean ok = cuda_hold_all (c->backend);

  if (!ok)
    g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
        "a kernel of this process that never ends holds %s: no code can be loaded "
        "there",
        c->backend->name);
  else
    cuda_free_versions (c, FALSE, FALSE);
  ok = ok && cuda_load_code (c->backend, &version->code, error)
      && cuda_check_threads (c, &version->code, error)
      && cuda_try_code (c, &version->code, error);
  /* Never from under what may still run. */
  if (!ok)
    cuda_clear_code (c->backend, &version->code,
        cuda_is_broken (c) || __atomic_load_n (&c->resident, __ATOMIC_ACQUIRE));
  cuda_release_all (c->backend);
  return ok;
}

gpointer
cuda_prepare (RingInstance *instance, RingModule *module, GError **error)
{
  CudaInstance *c = (CudaInstance *) instance;
  CudaVersion *version;
  gboolean ok;

  if (cuda_is_broken (c) || !cuda_enter (c->backend)) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
        "kernel '%s' has lost its device", cuda_name (c));
    return NULL;
  }
  version = g_new0 (CudaVersion, 1);
  version->code.module = ring_module_ref (module);
  ok = cuda_find_code (c->backend, &version->code, error)
      && load (c, version, error);
  if (!ok) {
    cuda_clear_code (c->backend, &version->code, TRUE);
    g_clear_pointer (&version, g_free);
  }
  cuda_leave (c->backend);
  return version;
}

void
cuda_discard (RingInstance *instance, gpointer prepared)
{
  CudaInstance *c = (CudaInstance *) instance;
  CudaVersion *version = prepared;
  const gboolean entered = cuda_enter (c->backend);
  const gboolean held = cuda_hold_all (c->backend);

  cuda_clear_code (c->backend, &version->code,
      !entered || !held || cuda_is_broken (c));
  cuda_release_all (c->backend);
  if (entered)
    cuda_leave (c->backend);
  g_free (version);
}

/* ---- put in line ---------------------------------------------------------------------- */

static CUresult
alloc_buffers (CudaInstance *c, CudaVersion *version,
    const RingReplacement *replacement)
{
  const gboolean own =
      replacement->module->description->sharing == RING_SHARING_BLOCK;
  const gsize stride = RING_LINES (replacement->scratch_size);
  CUresult result;

  version->keep_state = replacement->keep_state;
  if (!replacement->has_buffers)
    return CUDA_SUCCESS;
  version->scratch_stride = own ? stride : 0;
  result = cuda_alloc_device (c, &version->scratch,
      own ? stride * c->grid : stride, c->stream);
  if (result != CUDA_SUCCESS || version->keep_state)
    return result;
  result = cuda_alloc_device (c, &version->state, replacement->state_size,
      c->stream);
  if (result != CUDA_SUCCESS)
    return result;
  return c->backend->driver->cuMemsetD8Async (version->state, 0,
      MAX (replacement->state_size, 1), c->stream);
}

gboolean
cuda_replace (RingInstance *instance, const RingReplacement *replacement,
    GError **error)
{
  CudaInstance *c = (CudaInstance *) instance;
  CudaVersion *version = replacement->prepared;
  CUresult result;

  if (cuda_is_broken (c) || !cuda_enter (c->backend)) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
        "kernel '%s' has lost its device", cuda_name (c));
    return FALSE;
  }
  result = alloc_buffers (c, version, replacement);
  if (result != CUDA_SUCCESS) {
    cuda_free_device (c, version->state);
    cuda_free_device (c, version->scratch);
    version->state = version->scratch = 0;
    g_set_error (error, RING_ERROR,
        result == CUDA_ERROR_OUT_OF_MEMORY ? RING_ERROR_NO_MEMORY
                                           : RING_ERROR_FAILED,
        "no memory on %s for %" G_GSIZE_FORMAT
        " bytes of state and %" G_GSIZE_FORMAT
        " bytes of scratch of kernel '%s'",
        c->backend->name, replacement->state_size, replacement->scratch_size,
        version->code.module->name);
  } else {
    version->position =
        ring_load_acquire_u64 (&c->base.control->input_producer.position);
    g_mutex_lock (&c->transfers);
    g_queue_push_tail (&c->versions, version);
    g_mutex_unlock (&c->transfers);
  }
  cuda_leave (c->backend);
  return result == CUDA_SUCCESS;
}

/* ---- its turn ----------------------------------------------------------------------------- */

gboolean
cuda_must_wait_locked (CudaInstance *c, guint64 position)
{
  const CudaVersion *next = g_queue_peek_head (&c->versions);

  return next && position >= next->position;
}

/* The one for which everything that comes before is finished. */
static CudaVersion *
peek_due (CudaInstance *c)
{
  CudaVersion *next;

  g_mutex_lock (&c->transfers);
  next = g_queue_peek_head (&c->versions);
  if (next
      && ring_load_acquire_u64 (&c->base.control->input_consumer.position)
          < next->position)
    next = NULL;
  g_mutex_unlock (&c->transfers);
  return next;
}

gboolean
cuda_version_is_due (CudaInstance *c)
{
  return peek_due (c) != NULL;
}

/* Nothing is resident. What the version before had is put aside: giving it back may
 * mean to wait. */
static void
use_version (CudaInstance *c, CudaVersion *version)
{
  const CudaCode old = c->code;
  CUdeviceptr memory;

  /* What was captured has the old code and the old addresses. */
  if (c->graph)
    c->backend->driver->cuGraphExecDestroy (c->graph);
  c->graph = NULL;
  c->code = version->code;
  version->code = old;
  if (!version->keep_state) {
    memory = c->state;
    c->state = version->state;
    version->state = memory;
  }
  memory = c->scratch;
  c->scratch = version->scratch;
  version->scratch = memory;
  c->residency.state = (guint8 *) (guintptr) c->state;
  c->residency.scratch = (guint8 *) (guintptr) c->scratch;
  c->residency.scratch_stride = version->scratch_stride;
  __atomic_store_n (&c->name, g_intern_string (c->code.module->name),
      __ATOMIC_RELEASE);
  g_mutex_lock (&c->transfers);
  g_queue_pop_head (&c->versions);
  g_queue_push_tail (&c->past, version);
  g_mutex_unlock (&c->transfers);
}

gboolean
cuda_change_version (CudaInstance *c)
{
  CudaVersion *version;
  gboolean did = FALSE;

  while ((version = peek_due (c)) && !c->resident) {
    use_version (c, version);
    did = TRUE;
  }
  if (version && !c->changing)
    cuda_hold (c);
  if (!version && c->changing)
    cuda_release (c);
  c->changing = version != NULL;
  return did;
}

/* ---- and over -------------------------------------------------------------------------------- */

static CudaVersion *
pop (CudaInstance *c, GQueue *queue)
{
  CudaVersion *version;

  g_mutex_lock (&c->transfers);
  version = g_queue_pop_head (queue);
  g_mutex_unlock (&c->transfers);
  return version;
}

void
cuda_free_versions (CudaInstance *c, gboolean end, gboolean lost)
{
  CudaVersion *version;

  while ((version = pop (c, &c->past))
      || (end && (version = pop (c, &c->versions)))) {
    if (!lost) {
      cuda_free_device (c, version->state);
      cuda_free_device (c, version->scratch);
    }
    cuda_clear_code (c->backend, &version->code, lost);
    g_free (version);
  }
}
