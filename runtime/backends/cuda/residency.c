/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * residency.c: keeps the kernel on the device while there is work, sees when it is
 * lost, and ends it.
 *
 * Whoever has something to do drives: the thread that sends launches a residency if
 * none is there, the one that waits looks for itself, and the bridge's own thread
 * does the rest. One at a time, under `driving`.
 */
#include "backends/cuda/cuda-private.h"

/* us. The device's health is asked for so often while something runs there. */
#define CHECK_EVERY 1000
/* us. The bridge's thread looks this long without sleeping after there was work. */
#define SPIN_FOR 50
/* us. Then it sleeps, for this long and for twice as long each time, up to the poll
 * interval. */
#define SHORTEST_NAP 20
/* Looks that somebody who waits takes before he lets others have the processor. */
#define LOOKS 16
/* us. What a warm-up may take, code that is loaded late included. */
#define WARM_UP_LIMIT (10 * G_USEC_PER_SEC)

/* ---- faults ------------------------------------------------------------------------- */

static void
break_with (CudaInstance *c, GError *error)
{
  g_mutex_lock (&c->sleep);
  if (c->error)
    g_error_free (error);
  else
    c->error = error;
  __atomic_store_n (&c->broken, TRUE, __ATOMIC_RELEASE);
  c->kicks++;
  g_cond_broadcast (&c->kick);
  g_mutex_unlock (&c->sleep);
}

/* After a fault on the device, every call in the context says so. */
static gboolean
is_context_lost (CudaInstance *c)
{
  CUresult result;

  if (!c->stream || !cuda_enter (c->backend))
    return TRUE;
  result = c->backend->driver->cuStreamQuery (c->stream);
  cuda_leave (c->backend);
  return result != CUDA_SUCCESS && result != CUDA_ERROR_NOT_READY;
}

void
cuda_break (CudaInstance *c, CUresult result, const gchar *doing)
{
  gchar *why = cuda_describe (c->backend->driver, doing, result);

  if (is_context_lost (c)) {
    __atomic_store_n (&c->lost, TRUE, __ATOMIC_RELEASE);
    break_with (c,
        g_error_new (RING_ERROR, RING_ERROR_FAULT,
            "kernel '%s' lost its device %s: %s; its CUDA context can no longer be "
            "used by anybody in this process",
            cuda_name (c), c->backend->name, why));
  } else {
    break_with (c,
        g_error_new (RING_ERROR, RING_ERROR_FAULT,
            "kernel '%s' was given up on %s: %s", cuda_name (c),
            c->backend->name, why));
  }
  g_free (why);
}

/* The kernel is resident and does not say so any more. */
static void
check_heartbeat (CudaInstance *c, gint64 now)
{
  const RingDeviceWords *words = &c->base.control->device;
  const guint64 heartbeat = ring_load_acquire_u64 (&words->heartbeat);
  const gboolean begun =
      ring_load_acquire_u64 (&words->residencies) == c->launches;

  if (!begun) {
    if ((guint64) (now - c->launched_at) > c->lease + c->termination_timeout) {
      __atomic_store_n (&c->stalled, TRUE, __ATOMIC_RELEASE);
      break_with (c,
          g_error_new (RING_ERROR, RING_ERROR_FAULT,
              "kernel '%s' did not begin on %s within %" G_GINT64_FORMAT
              " ms: something that does not end holds the device",
              cuda_name (c), c->backend->name, (now - c->launched_at) / 1000));
    }
    c->heartbeat_at = 0;
  } else if (heartbeat != c->heartbeat || c->heartbeat_at == 0) {
    c->heartbeat = heartbeat;
    c->heartbeat_at = now;
  } else if ((guint64) (now - c->heartbeat_at)
      > c->lease + c->termination_timeout) {
    __atomic_store_n (&c->stalled, TRUE, __ATOMIC_RELEASE);
    break_with (c,
        g_error_new (RING_ERROR, RING_ERROR_FAULT,
            "kernel '%s' stalled on %s: it gave no sign of life for %" G_GINT64_FORMAT
            " ms, longer than its lease and the termination time-out together",
            cuda_name (c), c->backend->name, (now - c->heartbeat_at) / 1000));
  }
}

/* ---- driving --------------------------------------------------------------------------- */

static gboolean
has_ended (CudaInstance *c)
{
  const RingDeviceWords *words = &c->base.control->device;

  /* In this order: the count changes after `residency` does. Who only wants to know
   * whether it is worth while to drive asks without the lock. */
  return ring_load_acquire_u64 (&words->residencies)
      == __atomic_load_n (&c->launches, __ATOMIC_RELAXED)
      && ring_load_acquire_u32 (&words->residency) == RING_RESIDENCY_EXITED;
}

void
cuda_update_residency (CudaInstance *c)
{
  if (c->resident && has_ended (c))
    __atomic_store_n (&c->resident, FALSE, __ATOMIC_RELEASE);
}

static RingQueue
input_ring (CudaInstance *c)
{
  RingControlBlock *control = c->base.control;
  RingQueue queue;

  queue.slots = c->base.input_slots;
  queue.producer = &control->input_producer;
  queue.consumer = &control->input_consumer;
  queue.capacity = c->geometry.input_capacity;
  queue.stride = c->geometry.input_stride;
  queue.position = ring_load_acquire_u64 (&control->input_consumer.position);
  queue.peer = 0;
  return queue;
}

/* Whether a residency would find something to do. Only while none is there, so that
 * the device's positions stand still. */
static gboolean
has_work (CudaInstance *c)
{
  const RingControlBlock *control = c->base.control;
  const RingQueue input = input_ring (c);
  const RingOrders orders = ring_orders_read (&control->host);
  guint64 waiting;

  if (ring_queue_ready (&input, 1) == 0
      || !ring_message_may_be_taken (
          ring_queue_slot (&input, input.position)->epoch, &orders))
    return FALSE;
  waiting = ring_load_acquire_u64 (&control->output_producer.position)
      - ring_load_acquire_u64 (&control->output_consumer.position);
  return c->geometry.output_capacity - waiting >= c->geometry.max_outputs;
}

/* Accepted messages that the device cannot see yet. */
static gboolean
expects_work (CudaInstance *c)
{
  const RingControlBlock *control = c->base.control;
  const RingQueue input = input_ring (c);

  return ring_load_acquire_u64 (&control->input_producer.position)
      != input.position
      && ring_queue_ready (&input, 1) == 0;
}

static void
begin_to_count (CudaInstance *c)
{
  __atomic_add_fetch (&c->launches, 1, __ATOMIC_RELAXED);
  c->launched_at = g_get_monotonic_time ();
  c->heartbeat_at = 0;
  __atomic_store_n (&c->resident, TRUE, __ATOMIC_RELEASE);
}

static void
begin_residency (CudaInstance *c)
{
  CUresult result;

  begin_to_count (c);
  result = cuda_launch_residency (c);
  if (result != CUDA_SUCCESS)
    cuda_break (c, result, "launching it");
}

static void
check_health (CudaInstance *c)
{
  const gint64 now = g_get_monotonic_time ();
  CUresult result;

  if (now - c->checked_at < CHECK_EVERY)
    return;
  c->checked_at = now;
  if (!c->resident) {
    /* What is awaited comes by way of the copies. */
    result = c->backend->driver->cuStreamQuery (c->copy_in);
    if (result != CUDA_SUCCESS && result != CUDA_ERROR_NOT_READY)
      cuda_break (c, result, "bringing a payload to it");
    return;
  }
  result = c->backend->driver->cuStreamQuery (c->stream);
  if (result == CUDA_ERROR_NOT_READY) {
    check_heartbeat (c, now);
  } else if (result != CUDA_SUCCESS) {
    cuda_break (c, result, "running it");
  } else if (!has_ended (c)) {
    break_with (c,
        g_error_new (RING_ERROR, RING_ERROR_FAULT,
            "kernel '%s' ended on %s without a word: the launch was not carried "
            "out as asked",
            cuda_name (c), c->backend->name));
  }
}

/* With `driving` and the context. Whether anything was done. */
static gboolean
drive_locked (CudaInstance *c)
{
  gboolean did;

  if (cuda_is_broken (c))
    return FALSE;
  cuda_update_residency (c);
  did = cuda_change_version (c);
  did |= cuda_transfer_drive (c);
  if (!c->resident && !c->ended && !cuda_is_broken (c)
      && __atomic_load_n (&c->held, __ATOMIC_ACQUIRE) == 0 && has_work (c)) {
    begin_residency (c);
    did = TRUE;
  }
  if (!cuda_is_broken (c) && (c->resident || expects_work (c)))
    check_health (c);
  return did;
}

static void
try_to_drive (CudaInstance *c)
{
  if (!g_mutex_trylock (&c->driving))
    return;
  if (cuda_enter (c->backend)) {
    drive_locked (c);
    cuda_leave (c->backend);
  }
  g_mutex_unlock (&c->driving);
}

/* ---- the bridge's thread ---------------------------------------------------------------------- */

static gboolean
has_output (CudaInstance *c)
{
  RingControlBlock *control = c->base.control;
  RingQueue output;

  output.slots = c->base.output_slots;
  output.capacity = c->geometry.output_capacity;
  output.stride = c->geometry.output_stride;
  output.position = ring_load_acquire_u64 (&control->output_consumer.position);
  return ring_queue_ready (&output, 1) > 0;
}

/* What can be waited for by looking only. */
static gboolean
is_busy (CudaInstance *c)
{
  gboolean busy;

  g_mutex_lock (&c->driving);
  cuda_update_residency (c);
  /* Expected before there: nobody tells when a copy has made work of what was expected,
   * and asked for in the other order it could be neither. */
  busy = c->resident || expects_work (c) || has_work (c)
      || cuda_transfer_busy (c) || has_output (c) || cuda_version_is_due (c);
  g_mutex_unlock (&c->driving);
  return busy && !cuda_is_broken (c);
}

/* Until somebody kicks, or for @nap us if there is something to look for. Returns
 * whether there is. */
static gboolean
sleep_until_kicked (CudaInstance *c, gint64 nap)
{
  guint64 kicks;
  gboolean busy;
  gint64 until;

  g_mutex_lock (&c->sleep);
  kicks = c->kicks;
  g_mutex_unlock (&c->sleep);
  __atomic_store_n (&c->sleeping, 1, __ATOMIC_SEQ_CST);
  /* Pairs with the fence in cuda_wake: either we see its change, or it sees us. */
  ring_fence ();
  busy = is_busy (c);
  until = g_get_monotonic_time () + nap;
  g_mutex_lock (&c->sleep);
  while (c->kicks == kicks && !__atomic_load_n (&c->quit, __ATOMIC_ACQUIRE)
      && !c->error) {
    if (!busy)
      g_cond_wait (&c->kick, &c->sleep);
    else if (!g_cond_wait_until (&c->kick, &c->sleep, until))
      break;
  }
  g_mutex_unlock (&c->sleep);
  __atomic_store_n (&c->sleeping, 0, __ATOMIC_SEQ_CST);
  return busy;
}

static gboolean
report_failure (CudaInstance *c)
{
  GError *error;

  g_mutex_lock (&c->sleep);
  error = c->error && !c->reported ? g_error_copy (c->error) : NULL;
  c->reported = c->error != NULL;
  g_mutex_unlock (&c->sleep);
  if (error)
    c->failed (c->notify_data, error);
  return error != NULL;
}

static gpointer
bridge (gpointer data)
{
  CudaInstance *c = data;
  gint64 busy_until = 0, nap = SHORTEST_NAP;

  cuda_enter (c->backend);
  while (!__atomic_load_n (&c->quit, __ATOMIC_ACQUIRE)) {
    gboolean did;

    if (report_failure (c))
      break;
    g_mutex_lock (&c->driving);
    did = drive_locked (c);
    g_mutex_unlock (&c->driving);
    if (has_output (c)) {
      c->notify (c->notify_data);
      did |= !has_output (c);
    }
    if (did) {
      nap = SHORTEST_NAP;
      /* Two that look are in each other's way. */
      if (__atomic_load_n (&c->pollers, __ATOMIC_RELAXED) == 0)
        busy_until = g_get_monotonic_time () + SPIN_FOR;
    } else if (g_get_monotonic_time () < busy_until) {
      g_thread_yield ();
    } else if (sleep_until_kicked (c, MIN (nap, c->poll_interval))) {
      nap = MIN (nap * 2, c->poll_interval);
    } else {
      nap = SHORTEST_NAP;
    }
  }
  cuda_leave (c->backend);
  return NULL;
}

gboolean
cuda_start_bridge (CudaInstance *c, GError **error)
{
  GError *cause = NULL;

  GThread *thread = g_thread_try_new ("ring-bridge", bridge, c, &cause);

  __atomic_store_n (&c->thread, thread, __ATOMIC_RELEASE);
  if (thread)
    return TRUE;
  g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
      "no thread for kernel '%s': %s", cuda_name (c), cause->message);
  g_error_free (cause);
  return FALSE;
}

void
cuda_join_bridge (CudaInstance *c)
{
  GThread *thread;

  /* It cannot wait for itself: whoever frees the instance does. */
  if (__atomic_load_n (&c->thread, __ATOMIC_ACQUIRE) == g_thread_self ())
    return;
  thread = __atomic_exchange_n (&c->thread, NULL, __ATOMIC_ACQ_REL);
  if (!thread)
    return;
  __atomic_store_n (&c->quit, 1, __ATOMIC_RELEASE);
  g_mutex_lock (&c->sleep);
  c->kicks++;
  g_cond_broadcast (&c->kick);
  g_mutex_unlock (&c->sleep);
  g_thread_join (thread);
}

void
cuda_wake (RingInstance *instance)
{
  CudaInstance *c = (CudaInstance *) instance;

  if (cuda_is_broken (c))
    return;
  if (!__atomic_load_n (&c->resident, __ATOMIC_ACQUIRE) || has_ended (c))
    try_to_drive (c);
  ring_fence ();
  /* Who wakes it up does so once: that is a call into the system. */
  if (__atomic_load_n (&c->sleeping, __ATOMIC_SEQ_CST)
      && __atomic_exchange_n (&c->sleeping, 0, __ATOMIC_SEQ_CST)) {
    g_mutex_lock (&c->sleep);
    c->kicks++;
    g_cond_broadcast (&c->kick);
    g_mutex_unlock (&c->sleep);
  }
}

static inline void
pause_briefly (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  asm volatile("isb" : : : "memory");
#endif
}

/* A kernel that is resident needs nobody to drive it, but for what the driver cannot
 * publish; the rest can wait for the bridge's thread, which is awake. */
static gboolean
needs_driving (CudaInstance *c)
{
  return !__atomic_load_n (&c->resident, __ATOMIC_ACQUIRE) || has_ended (c)
      || __atomic_load_n (&c->n_unpublished, __ATOMIC_RELAXED) > 0;
}

void
cuda_poll (RingInstance *instance)
{
  CudaInstance *c = (CudaInstance *) instance;
  guint i;

  __atomic_add_fetch (&c->pollers, 1, __ATOMIC_RELAXED);
  if (needs_driving (c))
    try_to_drive (c);
  for (i = 0; i < LOOKS && !has_output (c); i++)
    pause_briefly ();
  if (i < LOOKS)
    c->notify (c->notify_data);
  else
    g_thread_yield ();
  __atomic_sub_fetch (&c->pollers, 1, __ATOMIC_RELAXED);
}

/* ---- the first and the last residency -------------------------------------------------------------- */

/* What the streams were given is done, or the device is lost. FALSE: not by
 * @deadline. */
static gboolean
await_streams (CudaInstance *c, gint64 deadline)
{
  const CUstream streams[] = { c->stream, c->copy_in, c->copy_out };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (streams); i++) {
    CUresult result;

    while ((result = c->backend->driver->cuStreamQuery (streams[i]))
        == CUDA_ERROR_NOT_READY) {
      if (g_get_monotonic_time () >= deadline)
        return FALSE;
      g_usleep (20);
    }
    if (result != CUDA_SUCCESS) {
      cuda_break (c, result, "running it");
      return TRUE;
    }
  }
  return TRUE;
}

static void
set_other_abi (const RingDeviceWords *words, const gchar *name, GError **error)
{
  g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
      "kernel '%s' was built for ABI version %u with layout %016" G_GINT64_MODIFIER
      "x, this library has version %u with layout %016" G_GINT64_MODIFIER
      "x; build the kernel again",
      name, words->abi_version, (guint64) words->layout_hash, RING_ABI_VERSION,
      (guint64) RING_LAYOUT_HASH);
}

gboolean
cuda_warm_up (CudaInstance *c, GError **error)
{
  RingControlBlock *control = c->base.control;
  const RingDeviceWords *words = &control->device;
  CUresult result;
  gboolean ok;

  control->geometry = c->geometry;
  ring_store_release_u32 (&control->host.leave, 1);
  __atomic_store_n (&c->launches, 1, __ATOMIC_RELAXED);
  result = cuda_launch_residency (c);
  if (!cuda_check (c->backend->driver, result, "launching the kernel", error))
    return FALSE;
  ok = await_streams (c, g_get_monotonic_time () + WARM_UP_LIMIT);
  if (cuda_is_broken (c)) {
    g_propagate_error (error, g_error_copy (c->error));
    return FALSE;
  }
  if (!ok) {
    g_set_error (error, RING_ERROR, RING_ERROR_TIMED_OUT,
        "kernel '%s' did not begin on %s within %d s: the device may be busy with "
        "something that does not end",
        cuda_name (c), c->backend->name,
        (gint) (WARM_UP_LIMIT / G_USEC_PER_SEC));
    /* It may still come. */
    __atomic_store_n (&c->stalled, TRUE, __ATOMIC_RELEASE);
    return FALSE;
  }
  if (!has_ended (c) || words->abi_version != RING_ABI_VERSION
      || words->layout_hash != RING_LAYOUT_HASH) {
    set_other_abi (words, cuda_name (c), error);
    return FALSE;
  }
  /* As if it had not been: nothing is resident, so the device's words are ours. */
  control->device.residencies = 0;
  control->device.relaunches = 0;
  control->device.heartbeat = 0;
  control->device.residency = RING_RESIDENCY_NONE;
  control->device.exit_reason = RING_EXIT_NONE;
  __atomic_store_n (&c->launches, 0, __ATOMIC_RELAXED);
  ring_store_release_u32 (&control->host.leave, 0);
  return TRUE;
}

/* The loop looks at the host's words before it looks at the ring, and is told to leave:
 * no message is touched. It counts as a residency, which it was. */
gboolean
cuda_try_code (CudaInstance *c, const CudaCode *code, GError **error)
{
  const RingDeviceWords *words = &c->base.control->device;
  CUresult result;
  gboolean ended;

  g_mutex_lock (&c->driving);
  cuda_update_residency (c);
  begin_to_count (c);
  result = cuda_launch_function (c, code->function, c->stream);
  if (result != CUDA_SUCCESS) {
    __atomic_sub_fetch (&c->launches, 1, __ATOMIC_RELAXED);
    __atomic_store_n (&c->resident, FALSE, __ATOMIC_RELEASE);
  }
  g_mutex_unlock (&c->driving);
  if (!cuda_check (c->backend->driver, result, "launching the kernel", error))
    return FALSE;
  ended = cuda_await_leave (c,
      g_get_monotonic_time () + (gint64) (c->lease + c->termination_timeout));
  if (!ended || cuda_is_broken (c)) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
        "the new version of kernel '%s' does not come and go on %s as it should",
        code->module->name, c->backend->name);
    return FALSE;
  }
  if (words->abi_version == RING_ABI_VERSION
      && words->layout_hash == RING_LAYOUT_HASH)
    return TRUE;
  set_other_abi (words, code->module->name, error);
  return FALSE;
}

/* Nothing is accepted any more. The bridge's thread goes on meanwhile, unless it is
 * the one that stops. */
gboolean
cuda_stop (RingInstance *instance, gint64 deadline)
{
  CudaInstance *c = (CudaInstance *) instance;
  const RingControlBlock *control = c->base.control;
  gboolean over = FALSE;

  if (!cuda_enter (c->backend))
    return TRUE;
  while (!over && !cuda_is_broken (c)) {
    g_mutex_lock (&c->driving);
    drive_locked (c);
    over = !c->resident && !cuda_transfer_busy (c)
        && ring_load_acquire_u64 (&control->input_producer.position)
            == ring_load_acquire_u64 (&control->input_consumer.position);
    g_mutex_unlock (&c->driving);
    if (over)
      break;
    if (g_get_monotonic_time () >= deadline) {
      /* What is not on the device now will not be: others may have kept it out all
       * the time. */
      g_mutex_lock (&c->driving);
      over = c->ended = !c->resident && !cuda_is_broken (c);
      g_mutex_unlock (&c->driving);
      break;
    }
    if (__atomic_load_n (&c->thread, __ATOMIC_ACQUIRE) == g_thread_self ())
      g_thread_yield ();
    else
      g_usleep (20);
  }
  /* The end is proven by the streams, not by what the kernel says of itself. What
   * failed need not have been the device: the kernel may be well, and run. */
  if (over
      || (cuda_is_broken (c)
          && !__atomic_load_n (&c->stalled, __ATOMIC_ACQUIRE)))
    over = await_streams (c, MAX (deadline, g_get_monotonic_time () + 1000));
  cuda_leave (c->backend);
  if (over) {
    __atomic_store_n (&c->stalled, FALSE, __ATOMIC_RELEASE);
    cuda_join_bridge (c);
  } else {
    /* What is still to be copied may be so at any time. */
    if (!__atomic_load_n (&c->lost, __ATOMIC_ACQUIRE)
        && cuda_enter (c->backend)) {
      if (c->backend->driver->cuStreamQuery (c->copy_in) != CUDA_SUCCESS)
        c->base.max_running = c->geometry.input_capacity;
      cuda_leave (c->backend);
    }
    __atomic_store_n (&c->stalled, TRUE, __ATOMIC_RELEASE);
    __atomic_store_n (&c->quit, 1, __ATOMIC_RELEASE);
  }
  return over;
}
