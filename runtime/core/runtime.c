/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * runtime.c: one backend on one device.
 */
#include "core/core-private.h"

#include <stdlib.h>
#include <string.h>

struct _RingRuntime
{
  GObject parent;

  RingConfig *config;
  RingBackend *backend;
};

enum
{
  PROP_0,
  PROP_CONFIG,
  PROP_BACKEND,
  PROP_DEVICE,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

static void ring_runtime_initable_init (GInitableIface *iface);

/**
 * RingRuntime:
 *
 * Where kernels run: one backend on one device. Thread safe. Kernels that it has
 * launched keep it alive.
 */
G_DEFINE_TYPE_WITH_CODE (RingRuntime, ring_runtime, G_TYPE_OBJECT,
    G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE, ring_runtime_initable_init))

static void
ring_runtime_init (RingRuntime *self)
{
  (void) self;
}

static void
ring_runtime_set_property (GObject *object, guint id, const GValue *value,
    GParamSpec *pspec)
{
  RingRuntime *self = RING_RUNTIME (object);

  if (id == PROP_CONFIG)
    self->config = g_value_dup_boxed (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
ring_runtime_get_property (GObject *object, guint id, GValue *value,
    GParamSpec *pspec)
{
  RingRuntime *self = RING_RUNTIME (object);

  switch (id) {
    case PROP_CONFIG:
      g_value_set_boxed (value, self->config);
      break;
    case PROP_BACKEND:
      g_value_set_enum (value, (gint) ring_runtime_get_backend (self));
      break;
    case PROP_DEVICE:
      g_value_set_int (value, ring_runtime_get_device (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
}

static void
ring_runtime_finalize (GObject *object)
{
  RingRuntime *self = RING_RUNTIME (object);

  if (self->backend)
    self->backend->klass->close (self->backend);
  ring_config_free (self->config);
  G_OBJECT_CLASS (ring_runtime_parent_class)->finalize (object);
}

/* What `auto` means can be said from outside. */
static RingBackendType
wanted_backend (const RingConfig *config)
{
  const gchar *name = g_getenv ("RINGKERNEL_BACKEND");

  if (config->backend != RING_BACKEND_AUTO)
    return config->backend;
  /* Nothing but the cpu runs a message on the thread that sends it. */
  if (config->mode == RING_EXECUTION_INLINE)
    return RING_BACKEND_CPU;
  if (g_strcmp0 (name, "cpu") == 0)
    return RING_BACKEND_CPU;
  if (g_strcmp0 (name, "cuda") == 0)
    return RING_BACKEND_CUDA;
  if (name && *name && strcmp (name, "auto") != 0)
    g_warning ("RINGKERNEL_BACKEND is '%s'; it must be auto, cpu or cuda",
        name);
  return RING_BACKEND_AUTO;
}

static RingBackend *
open_cuda (const RingConfig *config, GError **error)
{
#ifdef RING_HAVE_CUDA
  return ring_cuda_backend.open (config, error);
#else
  g_set_error_literal (error, RING_ERROR, RING_ERROR_NOT_BUILT,
      "the backend 'cuda' is not built into this libringkernel; "
      "use 'cpu' or 'auto'");
  return NULL;
#endif
}

static RingBackend *
open_backend (const RingConfig *config, GError **error)
{
  const RingBackendType wanted = wanted_backend (config);
  RingBackend *backend;
  GError *reason = NULL;

  if (wanted == RING_BACKEND_CPU)
    return ring_cpu_backend.open (config, error);
  if (wanted == RING_BACKEND_CUDA)
    return open_cuda (config, error);
  backend = open_cuda (config, &reason);
  if (backend)
    return backend;
  g_debug ("running on cpu: %s", reason->message);
  g_error_free (reason);
  return ring_cpu_backend.open (config, error);
}

static gboolean
ring_runtime_initable_real_init (GInitable *initable, GCancellable *cancellable,
    GError **error)
{
  RingRuntime *self = RING_RUNTIME (initable);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (self->backend)
    return TRUE;
  if (!self->config)
    self->config = ring_config_new ();
  if (!ring_config_check_ (self->config, error))
    return FALSE;

  self->backend = open_backend (self->config, error);
  return self->backend != NULL;
}

static void
ring_runtime_initable_init (GInitableIface *iface)
{
  iface->init = ring_runtime_initable_real_init;
}

static void
ring_runtime_class_init (RingRuntimeClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = ring_runtime_set_property;
  object_class->get_property = ring_runtime_get_property;
  object_class->finalize = ring_runtime_finalize;

  properties[PROP_CONFIG] = g_param_spec_boxed ("config", "Config",
      "The configuration, with defaults for every launch", RING_TYPE_CONFIG,
      G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  properties[PROP_BACKEND] = g_param_spec_enum ("backend", "Backend",
      "Where kernels run", RING_TYPE_BACKEND_TYPE, RING_BACKEND_AUTO,
      G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  properties[PROP_DEVICE] = g_param_spec_int ("device", "Device",
      "Which device of the backend, from 0", 0, G_MAXINT, 0,
      G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

/**
 * ring_runtime_new:
 * @config: (nullable): the configuration, copied; %NULL: defaults
 * @error: return location for an error
 *
 * Opens a backend on a device. May take long on cuda.
 *
 * Returns: (transfer full): the runtime, or %NULL with %RING_ERROR_NOT_BUILT,
 *   %RING_ERROR_NO_DEVICE or %RING_ERROR_INVALID_OPTION
 */
RingRuntime *
ring_runtime_new (const RingConfig *config, GError **error)
{
  return g_initable_new (RING_TYPE_RUNTIME, NULL, error, "config", config,
      NULL);
}

/**
 * ring_runtime_get_backend:
 * @runtime: a runtime
 *
 * Returns: the backend in use; never %RING_BACKEND_AUTO once it is open
 */
RingBackendType
ring_runtime_get_backend (RingRuntime *runtime)
{
  g_return_val_if_fail (RING_IS_RUNTIME (runtime), RING_BACKEND_AUTO);
  return runtime->backend ? runtime->backend->klass->type : RING_BACKEND_AUTO;
}

/**
 * ring_runtime_get_device:
 * @runtime: a runtime
 *
 * Returns: the device's number
 */
gint
ring_runtime_get_device (RingRuntime *runtime)
{
  g_return_val_if_fail (RING_IS_RUNTIME (runtime), 0);
  return runtime->config ? runtime->config->device : 0;
}

/**
 * ring_runtime_get_device_name:
 * @runtime: a runtime
 *
 * Returns: the device's name, for people; owned by @runtime
 */
const gchar *
ring_runtime_get_device_name (RingRuntime *runtime)
{
  g_return_val_if_fail (RING_IS_RUNTIME (runtime), NULL);
  return runtime->backend
      ? runtime->backend->klass->device_name (runtime->backend)
      : NULL;
}

/**
 * ring_runtime_get_config:
 * @runtime: a runtime
 *
 * Returns: (transfer full): a copy of its configuration
 */
RingConfig *
ring_runtime_get_config (RingRuntime *runtime)
{
  g_return_val_if_fail (RING_IS_RUNTIME (runtime), NULL);
  return ring_config_copy (runtime->config);
}

/**
 * ring_runtime_get_cuda_context:
 * @runtime: a runtime
 *
 * Returns: (nullable): the CUcontext that kernels run in, for the addresses and
 *   streams of a submission; %NULL on cpu
 */
gpointer
ring_runtime_get_cuda_context (RingRuntime *runtime)
{
  g_return_val_if_fail (RING_IS_RUNTIME (runtime), NULL);
  return runtime->backend && runtime->backend->klass->native_context
      ? runtime->backend->klass->native_context (runtime->backend)
      : NULL;
}

/**
 * ring_runtime_alloc: (skip)
 * @runtime: a runtime
 * @size: bytes
 * @error: return location for an error
 *
 * Memory of the host, aligned to 128 bytes, that the device reads and writes
 * without a copy in between: page-locked on cuda. Payloads that lie in it travel
 * fastest. Any thread; may wait for the device, so not for every message.
 *
 * Returns: (transfer full): the memory, to be freed by ring_runtime_free() while
 *   the runtime lives; %NULL with %RING_ERROR_NO_MEMORY
 */
gpointer
ring_runtime_alloc (RingRuntime *runtime, gsize size, GError **error)
{
  const RingBackendClass *klass;
  gpointer memory;

  g_return_val_if_fail (RING_IS_RUNTIME (runtime), NULL);
  g_return_val_if_fail (runtime->backend != NULL, NULL);

  klass = runtime->backend->klass;
  if (klass->alloc_host)
    memory = klass->alloc_host (runtime->backend, size);
  else if (size <= G_MAXSIZE - RING_CACHE_LINE)
    memory = aligned_alloc (RING_CACHE_LINE,
        (MAX (size, 1) + RING_CACHE_LINE - 1) / RING_CACHE_LINE
            * RING_CACHE_LINE);
  else
    memory = NULL;
  if (!memory)
    g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
        "no memory for %" G_GSIZE_FORMAT " bytes on backend '%s'", size,
        klass->name);
  return memory;
}

/**
 * ring_runtime_free: (skip)
 * @runtime: a runtime
 * @memory: (nullable): memory from ring_runtime_alloc(), that no message in
 *   flight uses
 */
void
ring_runtime_free (RingRuntime *runtime, gpointer memory)
{
  const RingBackendClass *klass;

  g_return_if_fail (RING_IS_RUNTIME (runtime));

  klass = runtime->backend->klass;
  if (!memory)
    return;
  if (klass->free_host)
    klass->free_host (runtime->backend, memory);
  else
    free (memory);
}

/**
 * ring_runtime_find_kernel:
 * @runtime: a runtime
 * @id: a name, or a path to a .c or .so file
 * @error: return location for an error
 *
 * Finds a kernel, and compiles it if it is a source. Takes as long as that.
 *
 * Returns: (transfer full): what the kernel declares, or %NULL with
 *   %RING_ERROR_KERNEL_NOT_FOUND, %RING_ERROR_KERNEL_INVALID or
 *   %RING_ERROR_COMPILE
 */
RingKernelInfo *
ring_runtime_find_kernel (RingRuntime *runtime, const gchar *id, GError **error)
{
  RingModule *module;
  RingKernelInfo *info;

  g_return_val_if_fail (RING_IS_RUNTIME (runtime), NULL);
  g_return_val_if_fail (id != NULL, NULL);

  module = ring_registry_find (id, error);
  if (!module)
    return NULL;
  info = ring_kernel_info_new_ (module);
  ring_module_unref (module);
  return info;
}

/**
 * ring_runtime_list_kernels:
 * @runtime: a runtime
 *
 * Returns: (transfer full): the names that can be launched, sorted: built-in
 *   ones and files on the search path
 */
gchar **
ring_runtime_list_kernels (RingRuntime *runtime)
{
  g_return_val_if_fail (RING_IS_RUNTIME (runtime), NULL);
  return ring_registry_list ();
}

/**
 * ring_runtime_launch:
 * @runtime: a runtime
 * @id: a kernel's name, or a path to a .c or .so file
 * @grid: blocks, or -1: the backend chooses
 * @block: workers in a block, or -1: the backend chooses. On cpu every worker is
 *   a thread, so @grid times @block threads work for the handle, the sending
 *   thread among them in inline mode
 * @options: (nullable): how to launch; backend and device must be the runtime's
 *   own or auto and 0; %NULL: the runtime's configuration
 * @error: return location for an error
 *
 * Finds the kernel and makes an instance of it, with rings and state of its own.
 * It is launched, not yet active. Several instances of one kernel may live at
 * once. Takes as long as compiling does.
 *
 * Returns: (transfer full): the handle, or %NULL with the errors of
 *   ring_runtime_find_kernel(), %RING_ERROR_INVALID_OPTION or
 *   %RING_ERROR_NO_MEMORY
 */
RingKernel *
ring_runtime_launch (RingRuntime *runtime, const gchar *id, gint grid,
    gint block, const RingConfig *options, GError **error)
{
  const RingConfig *config;
  RingModule *module;
  RingKernel *kernel;

  g_return_val_if_fail (RING_IS_RUNTIME (runtime), NULL);
  g_return_val_if_fail (runtime->backend != NULL, NULL);
  g_return_val_if_fail (id != NULL, NULL);

  config = options ? options : runtime->config;
  if (!ring_config_check_ (config, error))
    return NULL;
  if (options && options->backend != RING_BACKEND_AUTO
      && options->backend != runtime->backend->klass->type) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "the options ask for backend '%s', the runtime runs on '%s'",
        ring_enum_nick_ (RING_TYPE_BACKEND_TYPE, (gint) options->backend),
        runtime->backend->klass->name);
    return NULL;
  }
  if (grid == 0 || grid < -1) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "grid-size is %d; it must be at least 1, or -1: the backend chooses",
        grid);
    return NULL;
  }
  if (block == 0 || block < -1) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "block-size is %d; it must be at least 1, or -1: the backend chooses",
        block);
    return NULL;
  }

  module = ring_registry_find (id, error);
  if (!module)
    return NULL;
  kernel = ring_kernel_launch_ (G_OBJECT (runtime), runtime->backend, module,
      grid, block, config, error);
  ring_module_unref (module);
  return kernel;
}
