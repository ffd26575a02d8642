/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * launch.c: the element's kernel: what is known of it before it is launched, its
 * launch and its end, its errors and its figures.
 */
#include "gstringkernelfilter.h"

#include "allocator.h"
#include "cudashare.h"
#include "kernelelement.h"

#include <string.h>

GST_DEBUG_CATEGORY_STATIC (ring_kernel_launch_debug);
#define GST_CAT_DEFAULT ring_kernel_launch_debug

void
gst_ring_kernel_filter_init_launch_debug (void)
{
  GST_DEBUG_CATEGORY_INIT (ring_kernel_launch_debug, "ringkernellaunch", 0,
      "ringkernelfilter: the kernel's launch and end");
}

/* ---- errors --------------------------------------------------------------------------- */

static void
post (GstRingKernelFilter *self, GstMessageType type, const gchar *what,
    const GError *error)
{
  GQuark domain = GST_STREAM_ERROR;
  gint code = GST_STREAM_ERROR_FAILED;
  const gchar *end;
  gchar *text, *debug = NULL;

  if (error->domain == RING_ERROR) {
    switch ((RingError) error->code) {
      case RING_ERROR_NO_DEVICE:
      case RING_ERROR_KERNEL_NOT_FOUND:
        domain = GST_RESOURCE_ERROR;
        code = GST_RESOURCE_ERROR_NOT_FOUND;
        break;
      case RING_ERROR_INVALID_OPTION:
      case RING_ERROR_PARAMETER:
        domain = GST_RESOURCE_ERROR;
        code = GST_RESOURCE_ERROR_SETTINGS;
        break;
      case RING_ERROR_NO_MEMORY:
        domain = GST_RESOURCE_ERROR;
        code = GST_RESOURCE_ERROR_NO_SPACE_LEFT;
        break;
      case RING_ERROR_KERNEL_INVALID:
      case RING_ERROR_COMPILE:
      case RING_ERROR_NEEDS_LAUNCH:
        domain = GST_LIBRARY_ERROR;
        code = GST_LIBRARY_ERROR_SETTINGS;
        break;
      case RING_ERROR_NOT_BUILT:
        domain = GST_LIBRARY_ERROR;
        code = GST_LIBRARY_ERROR_INIT;
        break;
      case RING_ERROR_FORMAT:
        code = GST_STREAM_ERROR_FORMAT;
        break;
      default:
        break;
    }
  }
  /* A compiler's log: what is wrong and where first, all of it as details. */
  end = error->code == RING_ERROR_COMPILE && error->domain == RING_ERROR
      ? strchr (error->message, '\n')
      : NULL;
  if (end) {
    text = g_strdup_printf ("%s%.*s", what, (gint) (end - error->message),
        error->message);
    debug = g_strdup (error->message);
  } else {
    text = g_strconcat (what, error->message, NULL);
  }
  gst_element_message_full (GST_ELEMENT (self), type, domain, code, text, debug,
      __FILE__, GST_FUNCTION, __LINE__);
}

void
gst_ring_kernel_filter_post_error (GstRingKernelFilter *self,
    const GError *error)
{
  g_mutex_lock (&self->flow.lock);
  self->flow.error_posted = TRUE;
  g_mutex_unlock (&self->flow.lock);
  post (self, GST_MESSAGE_ERROR, "", error);
}

void
gst_ring_kernel_filter_post_warning (GstRingKernelFilter *self,
    const gchar *what, const GError *error)
{
  post (self, GST_MESSAGE_WARNING, what, error);
}

gboolean
gst_ring_kernel_filter_has_failed (GstRingKernelFilter *self,
    const GError *error)
{
  return g_error_matches (error, RING_ERROR, RING_ERROR_FAULT)
      || ring_kernel_get_status (self->kernel) == RING_KERNEL_FAILED;
}

/* The handle has failed, or is about to: several may meet that at once, one says
 * so. @met (nullable) is how it was met. */
void
gst_ring_kernel_filter_post_failure (GstRingKernelFilter *self,
    const GError *met)
{
  gboolean posted;
  GError *error;

  g_mutex_lock (&self->flow.lock);
  posted = self->flow.failure_posted;
  self->flow.failure_posted = TRUE;
  g_mutex_unlock (&self->flow.lock);
  if (posted)
    return;

  error = ring_kernel_get_error (self->kernel);
  if (!error && met)
    error = g_error_copy (met);
  if (!error)
    error = g_error_new (RING_ERROR, RING_ERROR_FAULT, "kernel '%s' failed",
        self->kernel_id);
  gst_ring_kernel_filter_post_error (self, error);
  g_error_free (error);
}

/* ---- the kernel before it is launched ----------------------------------------------------- */

/* Whether the library may choose CUDA for @config, by the rules that it documents. */
static gboolean
may_run_on_cuda (const RingConfig *config)
{
  if (!GST_RING_CUDA_IS_BUILT || config->backend == RING_BACKEND_CPU)
    return FALSE;
  return config->backend == RING_BACKEND_CUDA
      || (config->mode != RING_EXECUTION_INLINE
          && g_strcmp0 (g_getenv ("RINGKERNEL_BACKEND"), "cpu") != 0);
}

static RingKernelInfo *
look_up (GstRingKernelFilter *self, const gchar *id)
{
  GError *error = NULL;
  RingKernelInfo *info = gst_ring_find_kernel (id, &error);

  if (!info)
    GST_INFO_OBJECT (self, "not yet known: %s", error->message);
  g_clear_error (&error);
  return info;
}

GstRingCaps *
gst_ring_kernel_filter_ref_caps (GstRingKernelFilter *self)
{
  GstRingCaps *caps = NULL;
  gboolean cuda = FALSE;
  gchar *id = NULL;

  GST_OBJECT_LOCK (self);
  if (self->caps)
    caps = gst_ring_caps_ref (self->caps);
  GST_OBJECT_UNLOCK (self);
  if (caps)
    return caps;

  g_mutex_lock (&self->lookup_lock);
  GST_OBJECT_LOCK (self);
  if (self->caps)
    caps = gst_ring_caps_ref (self->caps);
  else if (!self->lookup_failed)
    id = g_strdup (self->kernel_id);
  cuda = may_run_on_cuda (self->config);
  GST_OBJECT_UNLOCK (self);
  if (id) {
    RingKernelInfo *info = look_up (self, id);

    caps = info ? gst_ring_caps_new (info, cuda) : NULL;
    GST_OBJECT_LOCK (self);
    /* Another kernel may have been chosen meanwhile. */
    if (g_strcmp0 (id, self->kernel_id) == 0 && !self->caps) {
      self->caps = caps ? gst_ring_caps_ref (caps) : NULL;
      self->lookup_failed = !caps;
    }
    GST_OBJECT_UNLOCK (self);
    g_clear_pointer (&info, ring_kernel_info_unref);
    g_free (id);
  }
  g_mutex_unlock (&self->lookup_lock);
  return caps;
}

/* @parameters are the child `kernel` from here on. */
static void
adopt (GstRingKernelFilter *self, GstRingKernelParameters *parameters)
{
  GstRingKernelParameters *old;

  gst_object_set_parent (GST_OBJECT (parameters), GST_OBJECT (self));
  GST_OBJECT_LOCK (self);
  old = self->parameters;
  self->parameters = gst_object_ref (parameters);
  GST_OBJECT_UNLOCK (self);

  if (old) {
    gst_child_proxy_child_removed (GST_CHILD_PROXY (self), G_OBJECT (old),
        "kernel");
    gst_object_unparent (GST_OBJECT (old));
    gst_object_unref (old);
  }
  gst_child_proxy_child_added (GST_CHILD_PROXY (self), G_OBJECT (parameters),
      "kernel");
}

/* @info is what the parameters must fit; those that are there stay if they do. */
static GstRingKernelParameters *
make_parameters (GstRingKernelFilter *self, RingKernelInfo *info)
{
  GstRingKernelParameters *parameters;

  GST_OBJECT_LOCK (self);
  parameters = self->parameters ? gst_object_ref (self->parameters) : NULL;
  GST_OBJECT_UNLOCK (self);
  if (parameters && gst_ring_kernel_parameters_fit (parameters, info))
    return parameters;
  g_clear_pointer (&parameters, gst_object_unref);

  parameters = gst_ring_kernel_parameters_new (info);
  adopt (self, parameters);
  return parameters;
}

GstRingKernelParameters *
gst_ring_kernel_filter_ref_parameters (GstRingKernelFilter *self)
{
  GstRingCaps *caps;
  GstRingKernelParameters *parameters = NULL;

  /* Of a kernel that runs they are made by who changes its version. */
  GST_OBJECT_LOCK (self);
  if (self->parameters && self->parameters == self->attached)
    parameters = gst_object_ref (self->parameters);
  GST_OBJECT_UNLOCK (self);
  if (parameters)
    return parameters;
  caps = gst_ring_kernel_filter_ref_caps (self);
  if (!caps)
    return NULL;
  parameters = make_parameters (self, caps->info);
  gst_ring_caps_unref (caps);
  return parameters;
}

void
gst_ring_kernel_filter_forget_kernel (GstRingKernelFilter *self)
{
  GstRingKernelParameters *old;
  GstRingCaps *caps;

  gst_ring_kernel_filter_forget_next (self);
  GST_OBJECT_LOCK (self);
  old = g_steal_pointer (&self->parameters);
  caps = g_steal_pointer (&self->caps);
  self->lookup_failed = FALSE;
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&caps, gst_ring_caps_unref);
  if (old) {
    gst_child_proxy_child_removed (GST_CHILD_PROXY (self), G_OBJECT (old),
        "kernel");
    gst_object_unparent (GST_OBJECT (old));
    gst_object_unref (old);
  }
}

/* ---- launch and end ---------------------------------------------------------------------------- */

/* What the file behind a name declares may have changed since it was looked up. */
static void
learn (GstRingKernelFilter *self, RingKernelInfo *info, gboolean cuda)
{
  GstRingCaps *caps = gst_ring_caps_new (info, cuda), *old;

  GST_OBJECT_LOCK (self);
  old = self->caps;
  self->caps = caps;
  self->lookup_failed = FALSE;
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&old, gst_ring_caps_unref);
}

void
gst_ring_kernel_filter_learn_version (GstRingKernelFilter *self,
    RingKernelInfo *info)
{
  GstRingKernelParameters *parameters, *old;
  gboolean cuda;

  GST_OBJECT_LOCK (self);
  cuda = self->context != NULL;
  old = self->attached;
  GST_OBJECT_UNLOCK (self);
  learn (self, info, cuda);
  if (gst_ring_kernel_parameters_fit (old, info)) {
    gst_ring_kernel_parameters_refresh (old);
    return;
  }

  parameters = gst_ring_kernel_parameters_new (info);
  gst_ring_kernel_parameters_attach (parameters, self->kernel, NULL, 0, NULL);
  gst_ring_kernel_parameters_take_controllers (parameters, old);
  GST_OBJECT_LOCK (self);
  g_atomic_pointer_set (&self->attached, parameters);
  self->retired = g_slist_prepend (self->retired, old);
  GST_OBJECT_UNLOCK (self);
  adopt (self, parameters);
  /* Whoever has set something there meanwhile has set it in the kernel. */
  gst_ring_kernel_parameters_detach (old);
  gst_ring_kernel_parameters_refresh (parameters);
}

void
gst_ring_kernel_filter_reconsider (GstRingKernelFilter *self)
{
  RingKernelInfo *info = NULL;
  gboolean cuda;

  GST_OBJECT_LOCK (self);
  if (!self->kernel && self->caps)
    info = ring_kernel_info_ref (self->caps->info);
  cuda = may_run_on_cuda (self->config);
  GST_OBJECT_UNLOCK (self);
  if (!info)
    return;
  learn (self, info, cuda);
  ring_kernel_info_unref (info);
}

/* Opens the device in the context that the elements around work in, so that frames
 * pass between them as they are. Without one the library says why it cannot run
 * there, or takes the cpu. */
static RingRuntime *
open_runtime (GstRingKernelFilter *self, RingConfig *config, GError **error)
{
  RingRuntime *runtime;

  if (may_run_on_cuda (config)
      && gst_ring_cuda_ensure_context (GST_ELEMENT (self), config->device,
          &self->found_context))
    config->cuda_context = gst_ring_cuda_get_handle (self->found_context);
  runtime = ring_runtime_new (config, error);
  if (!runtime || ring_runtime_get_backend (runtime) != RING_BACKEND_CUDA) {
    gst_clear_object (&self->found_context);
    config->cuda_context = NULL;
  } else if (self->found_context) {
    /* Buffers may hold on to the runtime for longer than we do. */
    g_object_set_data_full (G_OBJECT (runtime), "gst-cuda-context",
        gst_object_ref (self->found_context), gst_object_unref);
  } else {
    GST_WARNING_OBJECT (self,
        "no CUDA context to share with other elements; frames come and go in "
        "system memory");
  }
  return runtime;
}

/* A kernel may be there for the cpu alone: a .so, or a source where NVRTC is not
 * installed. Who leaves the choice to us gets what runs. */
static gboolean
may_run_on_cpu_instead (RingRuntime *runtime, const RingConfig *config,
    const GError *error)
{
  return config->backend == RING_BACKEND_AUTO
      && ring_runtime_get_backend (runtime) == RING_BACKEND_CUDA
      && error->domain == RING_ERROR
      && (error->code == RING_ERROR_KERNEL_INVALID
          || error->code == RING_ERROR_FAILED || error->code == RING_ERROR_FAULT
          || error->code == RING_ERROR_TIMED_OUT
          || error->code == RING_ERROR_NO_MEMORY);
}

static RingKernel *
launch_where_it_runs (GstRingKernelFilter *self, RingRuntime **runtime,
    const gchar *id, gint grid, gint block, RingConfig *config, GError **error)
{
  GError *reason = NULL;
  RingKernel *kernel;
  gchar *why = NULL;

  *runtime = open_runtime (self, config, error);
  if (!*runtime)
    return NULL;
  kernel = ring_runtime_launch (*runtime, id, grid, block, config, &reason);
  if (!kernel && may_run_on_cpu_instead (*runtime, config, reason)) {
    why = g_strdup_printf ("on cpu: %s", reason->message);
    g_clear_error (&reason);
    g_clear_object (runtime);
    config->backend = RING_BACKEND_CPU;
    *runtime = open_runtime (self, config, &reason);
    if (*runtime)
      kernel = ring_runtime_launch (*runtime, id, grid, block, config, &reason);
  }
  if (reason)
    g_propagate_error (error, reason);
  GST_OBJECT_LOCK (self);
  g_free (self->not_on_cuda);
  self->not_on_cuda = why;
  GST_OBJECT_UNLOCK (self);
  return kernel;
}

static void
tell_where (GstRingKernelFilter *self, const gchar *id)
{
  RingMetrics *metrics = ring_kernel_get_metrics (self->kernel);

  GST_INFO_OBJECT (self, "launched '%s' on %s, %s", id,
      ring_runtime_get_device_name (self->runtime),
      self->is_inline ? "inline" : "asynchronous");
  if (metrics->fallback || self->not_on_cuda)
    GST_WARNING_OBJECT (self, "'%s' does not run as it was to: %s", id,
        self->not_on_cuda ? self->not_on_cuda : metrics->fallback);
  ring_metrics_free (metrics);
}

/* The library has said so on stderr, once in a process, where a program's user does not
 * look. */
static void
warn_of_open_directories (GstRingKernelFilter *self, const gchar *id)
{
  gchar **path;
  guint i;

  /* A path is the user's own choice. */
  if (strchr (id, '/') || g_str_has_suffix (id, ".c")
      || g_str_has_suffix (id, ".so"))
    return;
  path = ring_kernel_search_path ();
  for (i = 0; path[i]; i++) {
    GError *error = NULL;

    if (!ring_kernel_directory_is_safe (path[i], &error))
      gst_ring_kernel_filter_post_warning (self, "", error);
    g_clear_error (&error);
  }
  g_strfreev (path);
}

/* An ALLOCATION query may come at any time, and reads both. */
static void
set_device (GstRingKernelFilter *self, GstObject *context, GstAllocator *pinned)
{
  GST_PAD_STREAM_LOCK (self->sinkpad);
  gst_ring_buffers_set_device (&self->flow.buffers, context, pinned);
  GST_PAD_STREAM_UNLOCK (self->sinkpad);
}

gboolean
gst_ring_kernel_filter_launch (GstRingKernelFilter *self, GError **error)
{
  GstRingKernelParameters *parameters = NULL;
  RingRuntime *runtime = NULL;
  RingKernel *kernel = NULL;
  GstAllocator *pinned = NULL;
  RingConfig *config;
  gchar *id, *text, *name = NULL;
  const gint64 launched_at = g_get_real_time ();
  gint grid, block;
  guint text_serial;
  gboolean ok = FALSE, reload;

  GST_OBJECT_LOCK (self);
  id = g_strdup (self->kernel_id);
  text = g_strdup (self->params);
  text_serial = self->params_serial;
  config = ring_config_copy (self->config);
  grid = self->grid_size;
  block = self->block_size;
  config->reload = reload = self->reload;
  self->settings_changed = FALSE;
  GST_OBJECT_UNLOCK (self);

  if (!id || !*id) {
    g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
        "no kernel is chosen; set the property 'kernel' to a name like "
        "'invert', or to a path to a .c or .so file");
    goto done;
  }
  warn_of_open_directories (self, id);
  kernel =
      launch_where_it_runs (self, &runtime, id, grid, block, config, error);
  if (!kernel)
    goto done;
  name = gst_object_get_name (GST_OBJECT (self));
  ring_kernel_set_label (kernel, name);
  learn (self, ring_kernel_get_info (kernel), self->found_context != NULL);
  parameters = make_parameters (self, ring_kernel_get_info (kernel));
  if (!gst_ring_kernel_parameters_attach (parameters, kernel, text, text_serial,
          error))
    goto done;

  if (ring_runtime_get_backend (runtime) == RING_BACKEND_CUDA)
    pinned = gst_ring_allocator_new (runtime);
  set_device (self, self->found_context, pinned);
  gst_clear_object (&pinned);

  GST_OBJECT_LOCK (self);
  gst_object_replace (&self->context, self->found_context);
  self->runtime = g_steal_pointer (&runtime);
  self->kernel = g_steal_pointer (&kernel);
  g_atomic_pointer_set (&self->attached, parameters);
  parameters = NULL;
  self->launched_transfer = config->transfer;
  self->is_inline =
      ring_kernel_get_mode (self->kernel) == RING_EXECUTION_INLINE;
  GST_OBJECT_UNLOCK (self);
  self->skipped = self->passed = self->bytes_copied = 0;
  self->reloads = self->reload_errors = 0;
  self->processed = self->dropped = 0;
  tell_where (self, id);
  if (reload)
    gst_ring_kernel_filter_watch (self, launched_at);
  ok = TRUE;

done:
  if (kernel)
    ring_kernel_terminate (kernel, RING_TERMINATE_DISCARD, NULL);
  g_clear_object (&kernel);
  g_clear_object (&runtime);
  g_clear_pointer (&parameters, gst_object_unref);
  if (!ok) {
    gst_clear_object (&self->found_context);
    gst_ring_kernel_filter_reconsider (self);
  }
  ring_config_free (config);
  g_free (id);
  g_free (text);
  g_free (name);
  return ok;
}

void
gst_ring_kernel_filter_end (GstRingKernelFilter *self)
{
  GstRingKernelParameters *attached;
  GstStructure *stats, *old;
  GSList *retired;
  RingRuntime *runtime;
  RingKernel *kernel;
  GstObject *context;
  GError *error = NULL;

  if (!self->kernel)
    return;
  gst_ring_kernel_filter_unwatch (self);
  if (ring_kernel_get_status (self->kernel) != RING_KERNEL_FAILED
      && !ring_kernel_terminate (self->kernel, RING_TERMINATE_DISCARD,
          &error)) {
    GST_ELEMENT_WARNING (self, RESOURCE, CLOSE, ("%s", error->message), (NULL));
    g_clear_error (&error);
  }
  stats = gst_ring_kernel_filter_get_stats (self);

  GST_OBJECT_LOCK (self);
  kernel = g_steal_pointer (&self->kernel);
  runtime = g_steal_pointer (&self->runtime);
  attached = self->attached;
  g_atomic_pointer_set (&self->attached, NULL);
  retired = g_steal_pointer (&self->retired);
  context = g_steal_pointer (&self->context);
  old = self->last_stats;
  self->last_stats = stats;
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&old, gst_structure_free);
  if (attached) {
    gst_ring_kernel_parameters_detach (attached);
    gst_object_unref (attached);
  }
  g_slist_free_full (retired, gst_object_unref);
  set_device (self, NULL, NULL);
  g_object_unref (kernel);
  g_object_unref (runtime);
  gst_clear_object (&context);
  gst_clear_object (&self->found_context);
  gst_ring_kernel_filter_reconsider (self);
}

gboolean
gst_ring_kernel_filter_answer_context (GstRingKernelFilter *self,
    GstQuery *query)
{
  GstObject *context;
  gboolean answered;

  GST_OBJECT_LOCK (self);
  context = self->context ? gst_object_ref (self->context) : NULL;
  GST_OBJECT_UNLOCK (self);
  answered = gst_ring_cuda_answer_query (GST_ELEMENT (self), query, context);
  gst_clear_object (&context);
  return answered;
}

/* ---- figures ------------------------------------------------------------------- */

static void
put (GstStructure *stats, const gchar *name, guint64 value)
{
  gst_structure_set (stats, name, G_TYPE_UINT64, value, NULL);
}

static const gchar *
nick_of (GType type, gint value)
{
  GEnumClass *klass = g_type_class_ref (type);
  GEnumValue *found = g_enum_get_value (klass, value);
  const gchar *nick = found ? found->value_nick : "?";

  /* The types are static, so are their nicks. */
  g_type_class_unref (klass);
  return nick;
}

GstStructure *
gst_ring_kernel_filter_get_stats (GstRingKernelFilter *self)
{
  GstStructure *stats;
  RingRuntime *runtime;
  RingKernel *kernel;
  RingTransfer transfer;
  RingKernelInfo *info;
  RingMetrics *m;
  guint64 dropped;
  gchar *fallback;

  GST_OBJECT_LOCK (self);
  transfer = self->launched_transfer;
  kernel = self->kernel ? g_object_ref (self->kernel) : NULL;
  runtime = self->runtime ? g_object_ref (self->runtime) : NULL;
  dropped = self->dropped;
  fallback = g_strdup (self->not_on_cuda);
  stats = !kernel && self->last_stats
      ? gst_structure_copy (self->last_stats)
      : gst_structure_new_empty ("application/x-ring-kernel-stats");
  GST_OBJECT_UNLOCK (self);
  if (!kernel) {
    g_free (fallback);
    return stats;
  }

  m = ring_kernel_get_metrics (kernel);
  info = ring_kernel_dup_info (kernel);
  gst_structure_set (stats, "kernel", G_TYPE_STRING,
      ring_kernel_info_get_name (info), "origin", G_TYPE_STRING,
      ring_kernel_info_get_origin (info), "device-name", G_TYPE_STRING,
      ring_runtime_get_device_name (runtime), "backend", G_TYPE_STRING,
      nick_of (RING_TYPE_BACKEND_TYPE, (gint) m->backend), "mode",
      G_TYPE_STRING, nick_of (RING_TYPE_EXECUTION_MODE, (gint) m->mode),
      "status", G_TYPE_STRING,
      nick_of (RING_TYPE_KERNEL_STATUS, (gint) m->status), "workers",
      G_TYPE_UINT, m->workers, "transfer", G_TYPE_STRING,
      m->backend == RING_BACKEND_CUDA
          ? nick_of (RING_TYPE_TRANSFER, (gint) transfer)
          : "none",
      NULL);
  if (fallback || m->fallback)
    gst_structure_set (stats, "fallback", G_TYPE_STRING,
        fallback ? fallback : m->fallback, NULL);
  g_free (fallback);
  put (stats, "accepted", m->accepted);
  put (stats, "delivered", m->delivered);
  put (stats, "rejected", m->rejected);
  put (stats, "discarded", m->discarded);
  put (stats, "in-flight", m->in_flight);
  put (stats, "refused", m->refused);
  put (stats, "outputs", m->outputs);
  put (stats, "bytes-in", m->bytes_in);
  put (stats, "bytes-out", m->bytes_out);
  put (stats, "bytes-copied",
      m->bytes_copied + (gsize) g_atomic_pointer_get (&self->bytes_copied));
  put (stats, "queue-depth", m->queue_depth);
  put (stats, "queue-depth-max", m->queue_depth_max);
  put (stats, "order-errors", m->order_errors);
  put (stats, "ring-p50", m->ring_p50);
  put (stats, "ring-p99", m->ring_p99);
  put (stats, "ring-max", m->ring_max);
  put (stats, "kernel-p50", m->kernel_p50);
  put (stats, "kernel-p99", m->kernel_p99);
  put (stats, "kernel-max", m->kernel_max);
  put (stats, "total-p50", m->total_p50);
  put (stats, "total-p99", m->total_p99);
  put (stats, "total-max", m->total_max);
  put (stats, "residencies", m->residencies);
  put (stats, "relaunches", m->relaunches);
  put (stats, "dropped", dropped);
  put (stats, "skipped", (gsize) g_atomic_pointer_get (&self->skipped));
  put (stats, "passed", (gsize) g_atomic_pointer_get (&self->passed));
  put (stats, "generation", m->generation);
  put (stats, "reloads", (gsize) g_atomic_pointer_get (&self->reloads));
  put (stats, "reload-errors",
      (gsize) g_atomic_pointer_get (&self->reload_errors));
  ring_kernel_info_unref (info);
  ring_metrics_free (m);
  g_object_unref (kernel);
  g_clear_object (&runtime);
  return stats;
}
