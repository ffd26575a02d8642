/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * kernel.c: a kernel handle's life: launch, status, formats, parameters, drain,
 * flush, terminate. What moves messages is in bridge.c.
 */
#include "core/core-private.h"
#include "core/publish.h"

#include <string.h>

/**
 * RingKernel:
 *
 * A launched kernel, made by ring_runtime_launch(). All functions may be called
 * from any thread. Dropping the last reference terminates the kernel and discards
 * what is in flight; it must not happen inside a completion callback.
 */
G_DEFINE_TYPE (RingKernel, ring_kernel, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_STATUS,
  PROP_ID,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

static void
ring_kernel_init (RingKernel *self)
{
  g_mutex_init (&self->lock);
  g_mutex_init (&self->send_lock);
  g_mutex_init (&self->reload_lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->deliveries);
  self->status = RING_KERNEL_CREATED;
}

static void
ring_kernel_get_property (GObject *object, guint id, GValue *value,
    GParamSpec *pspec)
{
  RingKernel *self = RING_KERNEL (object);

  switch (id) {
    case PROP_STATUS:
      g_value_set_enum (value, (gint) ring_kernel_get_status (self));
      break;
    case PROP_ID:
      g_value_set_uint64 (value, self->id);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
}

static void
ring_kernel_dispose (GObject *object)
{
  RingKernel *self = RING_KERNEL (object);

  if (self->instance && !self->abandoned) {
    const RingKernelStatus status = ring_kernel_get_status (self);

    if (status != RING_KERNEL_TERMINATED && status != RING_KERNEL_FAILED)
      ring_kernel_terminate (self, RING_TERMINATE_DISCARD, NULL);
    else if (status == RING_KERNEL_FAILED)
      ring_bridge_abandon_ (self,
          g_get_monotonic_time () + (gint64) self->config.termination_timeout);
  }
  G_OBJECT_CLASS (ring_kernel_parent_class)->dispose (object);
}

static void
ring_kernel_finalize (GObject *object)
{
  RingKernel *self = RING_KERNEL (object);
  RingDelivery *delivery;

  /* After an abandoned kernel a reference is kept, so this is not reached. */
  g_assert (!self->abandoned);

  ring_publish_remove (self);
  if (self->instance)
    self->instance->klass->free (self->instance);
  while ((delivery = g_queue_pop_head (&self->deliveries))) {
    ring_message_unref (delivery->message);
    g_free (delivery);
  }
  g_free (self->entries);
  g_free (self->output_blocks);
  g_free (self->output_sizes);
  g_free (self->parameter_refs);
  ring_parameters_free (self->parameters);
  g_clear_pointer (&self->pool, ring_payload_pool_unref);
  g_clear_pointer (&self->info, ring_kernel_info_unref);
  g_clear_pointer (&self->module, ring_module_unref);
  g_clear_error (&self->error);
  g_free (self->label);
  g_clear_object (&self->runtime);
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->send_lock);
  g_mutex_clear (&self->reload_lock);
  g_cond_clear (&self->changed);
  G_OBJECT_CLASS (ring_kernel_parent_class)->finalize (object);
}

static void
ring_kernel_class_init (RingKernelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = ring_kernel_get_property;
  object_class->dispose = ring_kernel_dispose;
  object_class->finalize = ring_kernel_finalize;

  properties[PROP_STATUS] = g_param_spec_enum ("status", "Status",
      "The handle's status", RING_TYPE_KERNEL_STATUS, RING_KERNEL_CREATED,
      G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  properties[PROP_ID] = g_param_spec_uint64 ("id", "Id",
      "The handle's number, unique in the process", 0, G_MAXUINT64, 0,
      G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

/* ---- launch ---------------------------------------------------------------- */

static guint32
power_of_two (guint32 n)
{
  guint32 power = 1;

  while (power < n)
    power <<= 1;
  return power;
}

static guint32
round_up (gsize n)
{
  return (
      guint32) ((n + RING_CACHE_LINE - 1) / RING_CACHE_LINE * RING_CACHE_LINE);
}

static void
notify (gpointer data)
{
  ring_bridge_harvest_ (data);
}

/* The device is lost, or the kernel hangs: what is in flight ends here. */
static void
fail (gpointer data, GError *error)
{
  RingKernel *kernel = data;

  ring_kernel_fail_ (kernel, error);
  ring_bridge_abandon_ (kernel,
      g_get_monotonic_time () + (gint64) kernel->config.termination_timeout);
}

static void
fill_geometry (RingGeometry *geometry, const RingKernelDescription *d,
    const RingConfig *config)
{
  const guint capacity = power_of_two (config->queue_capacity);

  memset (geometry, 0, sizeof *geometry);
  geometry->abi_version = RING_ABI_VERSION;
  geometry->layout_hash = RING_LAYOUT_HASH;
  geometry->max_outputs = d->max_outputs;
  geometry->input_capacity = capacity;
  geometry->output_capacity = MAX (capacity, power_of_two (d->max_outputs));
  geometry->inline_size = RING_INLINE_SIZE;
  geometry->input_inline_offset =
      round_up (RING_HEADER_SIZE + d->max_outputs * sizeof (RingPayloadRef));
  geometry->output_inline_offset = RING_HEADER_SIZE;
  geometry->input_stride =
      geometry->input_inline_offset + round_up (RING_INLINE_SIZE);
  geometry->output_stride =
      geometry->output_inline_offset + round_up (RING_INLINE_SIZE);
  geometry->parameter_stride = (guint32) ring_parameters_get_size (d);
  if (config->reload)
    geometry->parameter_stride =
        MAX (geometry->parameter_stride, RING_RELOAD_PARAMETERS);
  /* One per message in flight, the current one, and one to write; fewer where sets
   * are large. */
  geometry->parameter_sets = 1;
  if (d->n_parameters > 0 || config->reload)
    geometry->parameter_sets = MIN (config->queue_capacity + 2,
        MAX (RING_LEAST_PARAMETER_SETS,
            (guint32) (RING_PARAMETER_MEMORY / geometry->parameter_stride)));
  geometry->region_count =
      RING_REGION_FIRST + capacity * RING_MAX_PLANES * (1 + d->max_outputs);
}

gboolean
ring_kernel_check_records_ (const RingKernelDescription *d, const gchar *name,
    const RingConfig *config, GError **error)
{
  const guint largest = MAX (d->input_record_size, d->output_record_size);

  if (d->kind != RING_KIND_RECORD
      || config->message_size - RING_HEADER_SIZE >= largest)
    return TRUE;
  g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
      "message-size %u is too small for kernel '%s': a record of %u bytes "
      "and the header's %u need %u",
      config->message_size, name, largest, RING_HEADER_SIZE,
      largest + RING_HEADER_SIZE);
  return FALSE;
}

RingKernel *
ring_kernel_launch_ (GObject *runtime, RingBackend *backend, RingModule *module,
    gint grid, gint block, const RingConfig *config, GError **error)
{
  static guint64 last_id;
  const RingKernelDescription *d = module->description;
  RingLaunch launch;
  RingKernel *kernel;
  RingInstance *instance;
  RingFormat *format = NULL;

  if (!ring_kernel_check_records_ (d, module->name, config, error))
    return NULL;

  kernel = g_object_new (RING_TYPE_KERNEL, NULL);
  kernel->runtime = g_object_ref (runtime);
  kernel->module = ring_module_ref (module);
  kernel->info = ring_kernel_info_new_ (module);
  kernel->description = d;
  kernel->name = g_intern_string (module->name);
  kernel->max_outputs = d->max_outputs;
  kernel->backend = backend->klass->type;
  kernel->config = *config;
  kernel->id = __atomic_add_fetch (&last_id, 1, __ATOMIC_RELAXED);
  kernel->pool = ring_payload_pool_new (
      backend->klass->alloc_host ? RING_RUNTIME (runtime) : NULL);
  kernel->parameters = ring_parameters_new (d, module->name);

  memset (&launch, 0, sizeof launch);
  launch.module = module;
  launch.config = &kernel->config;
  launch.grid = grid;
  launch.block = block;
  launch.notify = notify;
  launch.failed = fail;
  launch.notify_data = kernel;
  fill_geometry (&launch.geometry, d, config);

  kernel->entry_mask = launch.geometry.input_capacity - 1;
  kernel->entries = g_try_new0 (RingEntry, kernel->entry_mask + 1);
  kernel->output_blocks =
      g_try_new0 (gpointer, (kernel->entry_mask + 1) * d->max_outputs);
  kernel->output_sizes =
      g_try_new0 (gsize, (kernel->entry_mask + 1) * d->max_outputs);
  kernel->parameter_refs = g_try_new0 (guint, launch.geometry.parameter_sets);
  if (!kernel->entries || !kernel->output_blocks || !kernel->output_sizes
      || !kernel->parameter_refs) {
    g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
        "no memory for %u messages in flight; lower queue-capacity",
        config->queue_capacity);
    g_object_unref (kernel);
    return NULL;
  }

  instance = backend->klass->launch (backend, &launch, error);
  if (!instance) {
    g_object_unref (kernel);
    return NULL;
  }

  instance->control->geometry = launch.geometry;
  instance->control->host.lease_ns = config->lease * 1000;
  instance->control->host.idle_timeout_ns = config->idle_timeout * 1000;
  kernel->input.slots = instance->input_slots;
  kernel->input.producer = &instance->control->input_producer;
  kernel->input.consumer = &instance->control->input_consumer;
  kernel->input.capacity = launch.geometry.input_capacity;
  kernel->input.stride = launch.geometry.input_stride;
  kernel->output.slots = instance->output_slots;
  kernel->output.producer = &instance->control->output_producer;
  kernel->output.consumer = &instance->control->output_consumer;
  kernel->output.capacity = launch.geometry.output_capacity;
  kernel->output.stride = launch.geometry.output_stride;
  ring_parameters_write (kernel->parameters, instance->parameters,
      launch.geometry.parameter_stride);
  kernel->instance = instance;
  /* From here on it has to be ended, whatever becomes of it. */
  g_mutex_lock (&kernel->lock);
  kernel->status = RING_KERNEL_LAUNCHED;
  g_mutex_unlock (&kernel->lock);

  if (d->kind == RING_KIND_BYTES)
    format = ring_format_new_bytes ();
  else if (d->kind == RING_KIND_RECORD)
    format = ring_format_new_record (d->input_formats, NULL);
  if (format && !ring_kernel_set_format (kernel, format, error)) {
    ring_format_free (format);
    g_object_unref (kernel);
    return NULL;
  }
  ring_format_free (format);
  ring_publish_add (kernel, config);
  return kernel;
}

/* ---- status ------------------------------------------------------------------ */

static const gchar *
status_nick (RingKernelStatus status)
{
  return ring_enum_nick_ (RING_TYPE_KERNEL_STATUS, (gint) status);
}

static void
set_status_error_locked (RingKernel *kernel, const gchar *what, GError **error)
{
  if (kernel->status == RING_KERNEL_FAILED && kernel->error)
    g_set_error (error, RING_ERROR, RING_ERROR_STATUS,
        "kernel '%s' cannot %s: it has failed: %s", ring_kernel_name_ (kernel),
        what, kernel->error->message);
  else
    g_set_error (error, RING_ERROR, RING_ERROR_STATUS,
        "kernel '%s' cannot %s while it is %s", ring_kernel_name_ (kernel),
        what, status_nick (kernel->status));
}

/* Whether the handle has the status @wanted; the error says what could not be
 * done and why. */
gboolean
ring_kernel_check_status_ (RingKernel *kernel, const gchar *what,
    RingKernelStatus wanted, GError **error)
{
  gboolean ok;

  g_mutex_lock (&kernel->lock);
  ok = kernel->status == wanted;
  if (!ok)
    set_status_error_locked (kernel, what, error);
  g_mutex_unlock (&kernel->lock);
  return ok;
}

gboolean
ring_kernel_check_living_ (RingKernel *kernel, const gchar *what,
    GError **error)
{
  gboolean ok;

  g_mutex_lock (&kernel->lock);
  ok = kernel->status == RING_KERNEL_LAUNCHED
      || kernel->status == RING_KERNEL_ACTIVE
      || kernel->status == RING_KERNEL_DEACTIVATED;
  if (!ok)
    set_status_error_locked (kernel, what, error);
  g_mutex_unlock (&kernel->lock);
  return ok;
}

/* Called with send_lock and lock held. */
static void
set_status_locked (RingKernel *kernel, RingKernelStatus status)
{
  RingHostWords *host = &kernel->instance->control->host;

  __atomic_store_n (&kernel->status, status, __ATOMIC_RELEASE);
  /* Pairs with the device's acquire when it looks whether to go on. */
  ring_store_release_u32 (&host->active, status == RING_KERNEL_ACTIVE);
  g_cond_broadcast (&kernel->changed);
}

/**
 * ring_kernel_get_status:
 * @kernel: a handle
 *
 * Returns: its status. Never waits.
 */
RingKernelStatus
ring_kernel_get_status (RingKernel *kernel)
{
  g_return_val_if_fail (RING_IS_KERNEL (kernel), RING_KERNEL_FAILED);
  return __atomic_load_n (&kernel->status, __ATOMIC_ACQUIRE);
}

/**
 * ring_kernel_get_error:
 * @kernel: a handle
 *
 * Returns: (transfer full) (nullable): why the handle is failed; %NULL if it is
 *   not
 */
GError *
ring_kernel_get_error (RingKernel *kernel)
{
  GError *error;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), NULL);

  g_mutex_lock (&kernel->lock);
  error = kernel->error ? g_error_copy (kernel->error) : NULL;
  g_mutex_unlock (&kernel->lock);
  return error;
}

/* Takes @error. The first cause is kept. The device finishes what is queued as
 * failed, without running it. */
void
ring_kernel_fail_ (RingKernel *kernel, GError *error_taken)
{
  g_mutex_lock (&kernel->lock);
  if (kernel->status == RING_KERNEL_TERMINATED || kernel->error) {
    g_error_free (error_taken);
  } else {
    kernel->error = error_taken;
    __atomic_store_n (&kernel->status, RING_KERNEL_FAILED, __ATOMIC_RELEASE);
  }
  g_cond_broadcast (&kernel->changed);
  g_mutex_unlock (&kernel->lock);
}

/**
 * ring_kernel_activate:
 * @kernel: a handle that is launched or deactivated
 * @error: return location for an error
 *
 * From here on the kernel takes and processes messages; those that were queued
 * when it was deactivated come first.
 *
 * Returns: whether it is active; %FALSE with %RING_ERROR_STATUS
 */
gboolean
ring_kernel_activate (RingKernel *kernel, GError **error)
{
  gboolean ok;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);

  g_mutex_lock (&kernel->send_lock);
  g_mutex_lock (&kernel->lock);
  ok = kernel->status == RING_KERNEL_LAUNCHED
      || kernel->status == RING_KERNEL_DEACTIVATED;
  if (ok)
    set_status_locked (kernel, RING_KERNEL_ACTIVE);
  else
    set_status_error_locked (kernel, "become active", error);
  g_mutex_unlock (&kernel->lock);
  g_mutex_unlock (&kernel->send_lock);
  if (ok)
    kernel->instance->klass->wake (kernel->instance);
  return ok;
}

/**
 * ring_kernel_deactivate:
 * @kernel: an active handle
 * @error: return location for an error
 *
 * The kernel takes no more messages, and leaves the device after the message it
 * is at. Queued messages wait; ring_kernel_flush() discards them.
 *
 * Returns: whether it is deactivated; %FALSE with %RING_ERROR_STATUS
 */
gboolean
ring_kernel_deactivate (RingKernel *kernel, GError **error)
{
  gboolean ok;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);

  g_mutex_lock (&kernel->send_lock);
  g_mutex_lock (&kernel->lock);
  ok = kernel->status == RING_KERNEL_ACTIVE;
  if (ok)
    set_status_locked (kernel, RING_KERNEL_DEACTIVATED);
  else
    set_status_error_locked (kernel, "become deactivated", error);
  g_mutex_unlock (&kernel->lock);
  g_mutex_unlock (&kernel->send_lock);
  if (ok)
    kernel->instance->klass->wake (kernel->instance);
  return ok;
}

/* Discards what is queued and what has come out but was not received. */
static void
begin_epoch_locked (RingKernel *kernel)
{
  RingDelivery *delivery;

  __atomic_store_n (&kernel->epoch, kernel->epoch + 1, __ATOMIC_RELEASE);
  ring_store_release_u64 (&kernel->instance->control->host.epoch,
      kernel->epoch);
  while ((delivery = g_queue_pop_head (&kernel->deliveries))) {
    if (delivery->last)
      ring_count (&kernel->discarded, 1);
    ring_message_unref (delivery->message);
    g_free (delivery);
  }
  g_cond_broadcast (&kernel->changed);
}

/**
 * ring_kernel_terminate:
 * @kernel: a handle that is launched, active or deactivated
 * @mode: what happens to queued messages
 * @error: return location for an error
 *
 * Ends the kernel, and waits for it, at most for the termination time-out. With
 * %RING_TERMINATE_DRAIN, results stay receivable afterwards.
 *
 * If the kernel does not end in time, the handle is failed and what the kernel
 * may still use is kept for good: a message that it may hold completes as
 * %RING_OUTCOME_ABANDONED.
 *
 * Returns: whether it is terminated; %FALSE with %RING_ERROR_STATUS or
 *   %RING_ERROR_TIMED_OUT
 */
gboolean
ring_kernel_terminate (RingKernel *kernel, RingTerminateMode mode,
    GError **error)
{
  RingHostWords *host;
  gint64 deadline;
  gboolean ok;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);

  deadline =
      g_get_monotonic_time () + (gint64) kernel->config.termination_timeout;
  host = &kernel->instance->control->host;

  g_mutex_lock (&kernel->send_lock);
  g_mutex_lock (&kernel->lock);
  ok = kernel->status == RING_KERNEL_LAUNCHED
      || kernel->status == RING_KERNEL_ACTIVE
      || kernel->status == RING_KERNEL_DEACTIVATED;
  if (ok) {
    set_status_locked (kernel, RING_KERNEL_TERMINATING);
    if (mode == RING_TERMINATE_DISCARD)
      begin_epoch_locked (kernel);
    /* Pairs with the device's acquire of `terminate`: it then sees `drain`. */
    ring_store_release_u32 (&host->drain, mode == RING_TERMINATE_DRAIN);
    ring_store_release_u32 (&host->terminate, 1);
  } else {
    set_status_error_locked (kernel, "terminate", error);
  }
  g_mutex_unlock (&kernel->lock);
  g_mutex_unlock (&kernel->send_lock);
  if (!ok)
    return FALSE;

  kernel->instance->klass->wake (kernel->instance);

  g_atomic_int_inc (&kernel->waiters);
  g_mutex_lock (&kernel->lock);
  while (ring_kernel_pending_ (kernel) > 0
      && ring_kernel_wait_locked_ (kernel, deadline, NULL, NULL))
    ;
  /* The last may have been finished as the time was over. */
  ok = ring_kernel_pending_ (kernel) == 0;
  g_mutex_unlock (&kernel->lock);
  g_atomic_int_add (&kernel->waiters, -1);

  ok = kernel->instance->klass->stop (kernel->instance, deadline) && ok;
  if (!ok) {
    GError *cause = g_error_new (RING_ERROR, RING_ERROR_TIMED_OUT,
        "kernel '%s' did not end within the termination time-out of %" G_GUINT64_FORMAT
        " ms; what it may still use is kept and not freed",
        ring_kernel_name_ (kernel), kernel->config.termination_timeout / 1000);

    g_propagate_error (error, g_error_copy (cause));
    ring_kernel_fail_ (kernel, cause);
    /* A kernel that is well gives up the rest of its queue in that time. */
    ring_bridge_abandon_ (kernel,
        g_get_monotonic_time () + 100 * G_TIME_SPAN_MILLISECOND);
    return FALSE;
  }

  g_mutex_lock (&kernel->lock);
  if (kernel->status == RING_KERNEL_TERMINATING)
    __atomic_store_n (&kernel->status, RING_KERNEL_TERMINATED,
        __ATOMIC_RELEASE);
  g_cond_broadcast (&kernel->changed);
  g_mutex_unlock (&kernel->lock);
  return TRUE;
}

/**
 * ring_kernel_drain:
 * @kernel: an active handle
 * @timeout: us; negative: no bound
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits until the kernel has finished everything that was accepted: completions
 * have been called, results can be received.
 *
 * Returns: whether nothing is left; %FALSE with %RING_ERROR_TIMED_OUT,
 *   %RING_ERROR_STATUS or %G_IO_ERROR_CANCELLED
 */
gboolean
ring_kernel_drain (RingKernel *kernel, gint64 timeout,
    GCancellable *cancellable, GError **error)
{
  const gint64 deadline = ring_deadline_ (timeout);
  gboolean ok = TRUE;
  GError *end = NULL;
  gulong watch;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);

  if (ring_kernel_pending_ (kernel) == 0)
    return TRUE;

  watch = ring_kernel_watch_cancel_ (kernel, cancellable);
  g_atomic_int_inc (&kernel->waiters);
  g_mutex_lock (&kernel->lock);
  while (ok && ring_kernel_pending_ (kernel) > 0) {
    if (kernel->status == RING_KERNEL_DEACTIVATED || kernel->abandoned) {
      set_status_error_locked (kernel, "drain", error);
      ok = FALSE;
    } else {
      ok = ring_kernel_wait_locked_ (kernel, deadline, cancellable, &end);
    }
  }
  if (!ok && ring_kernel_pending_ (kernel) == 0
      && g_error_matches (end, RING_ERROR, RING_ERROR_TIMED_OUT)) {
    /* The last was finished as the time was over. */
    g_clear_error (&end);
    ok = TRUE;
  }
  g_mutex_unlock (&kernel->lock);
  g_atomic_int_add (&kernel->waiters, -1);
  ring_kernel_unwatch_cancel_ (cancellable, watch);
  if (g_error_matches (end, RING_ERROR, RING_ERROR_TIMED_OUT)) {
    g_clear_error (&end);
    g_set_error (error, RING_ERROR, RING_ERROR_TIMED_OUT,
        "kernel '%s' still has %" G_GUINT64_FORMAT " messages to finish after "
        "%" G_GINT64_FORMAT " us",
        ring_kernel_name_ (kernel), ring_kernel_pending_ (kernel), timeout);
  } else if (end) {
    g_propagate_error (error, end);
  }
  return ok;
}

/**
 * ring_kernel_flush:
 * @kernel: a handle
 *
 * Discards, and counts, every message that was accepted before and not yet
 * received: a queued one is not run, the result of a running one is dropped.
 * Does not wait; submitted memory is in use until its completion, which says
 * %RING_OUTCOME_DISCARDED.
 */
void
ring_kernel_flush (RingKernel *kernel)
{
  g_return_if_fail (RING_IS_KERNEL (kernel));

  g_mutex_lock (&kernel->send_lock);
  g_mutex_lock (&kernel->lock);
  begin_epoch_locked (kernel);
  g_mutex_unlock (&kernel->lock);
  g_mutex_unlock (&kernel->send_lock);
  kernel->instance->klass->wake (kernel->instance);
}
