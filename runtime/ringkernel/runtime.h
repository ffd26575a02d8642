/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#ifndef RING_RUNTIME_H
#define RING_RUNTIME_H

#include <ringkernel/kernel.h>

G_BEGIN_DECLS

/**
 * RingConfig:
 * @backend: where kernels run
 * @device: which device of the backend, from 0
 * @mode: how kernels run
 * @queue_capacity: messages that may be in flight in one handle, 1 to
 *   %RING_MAX_QUEUE_CAPACITY; rounded up to a power of two for the ring itself
 * @message_size: bytes of the largest message that is copied, header included
 * @poll_interval: us at the most between two looks at a ring that nobody signals
 * @lease: us that a kernel stays resident at a stretch; 0: no bound
 * @idle_timeout: us without a message after which a kernel leaves residency
 * @termination_timeout: us that ring_kernel_terminate() waits at the most
 * @telemetry: whether times are taken and percentiles kept
 * @transfer: how payloads in the host's memory reach the device
 * @cuda_context: cuda: the CUcontext to work in, which must outlive the runtime;
 *   %NULL: the device's primary context
 * @reload: versions to come will replace the kernel while it runs: there is room
 *   for parameters that it does not have yet, see ring_kernel_reload()
 * @publish: other processes of the same user may look at the handle's figures, with
 *   `ringkernel top`. `RINGKERNEL_TOP` in the environment says otherwise: 1 allows
 *   it for all handles of the process, 0 for none
 * @parameter_files: "@FILE" as the text of a parameter that is a list means what FILE
 *   holds, see ring_kernel_set_parameter_from_string(). For text that a user has typed:
 *   it can name any file that the process may read
 *
 * How a runtime, or one launch, is set up. Made by ring_config_new() with the
 * documented defaults; change fields, then hand it over. It is copied.
 */
typedef struct
{
  RingBackendType backend;
  gint device;
  RingExecutionMode mode;
  guint queue_capacity;
  guint message_size;
  guint poll_interval;
  guint64 lease;
  guint64 idle_timeout;
  guint64 termination_timeout;
  gboolean telemetry;
  RingTransfer transfer;
  gpointer cuda_context;
  gboolean reload;
  gboolean publish;
  gboolean parameter_files;
} RingConfig;

#define RING_TYPE_CONFIG (ring_config_get_type ())

RING_API GType ring_config_get_type (void);
RING_API RingConfig *ring_config_new (void);
RING_API RingConfig *ring_config_copy (const RingConfig *config);
RING_API void ring_config_free (RingConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RingConfig, ring_config_free)

#define RING_TYPE_RUNTIME (ring_runtime_get_type ())
RING_API
G_DECLARE_FINAL_TYPE (RingRuntime, ring_runtime, RING, RUNTIME, GObject)

RING_API RingRuntime *ring_runtime_new (const RingConfig *config,
    GError **error);
RING_API RingBackendType ring_runtime_get_backend (RingRuntime *runtime);
RING_API gint ring_runtime_get_device (RingRuntime *runtime);
RING_API const gchar *ring_runtime_get_device_name (RingRuntime *runtime);
RING_API RingConfig *ring_runtime_get_config (RingRuntime *runtime);
RING_API gpointer ring_runtime_get_cuda_context (RingRuntime *runtime);
RING_API gpointer ring_runtime_alloc (RingRuntime *runtime, gsize size,
    GError **error);
RING_API void ring_runtime_free (RingRuntime *runtime, gpointer memory);
RING_API RingKernelInfo *ring_runtime_find_kernel (RingRuntime *runtime,
    const gchar *id, GError **error);
RING_API gchar **ring_runtime_list_kernels (RingRuntime *runtime);
RING_API RingKernel *ring_runtime_launch (RingRuntime *runtime, const gchar *id,
    gint grid, gint block, const RingConfig *options, GError **error);
RING_API void ring_runtime_launch_async (RingRuntime *runtime, const gchar *id,
    gint grid, gint block, const RingConfig *options, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data);
RING_API RingKernel *ring_runtime_launch_finish (RingRuntime *runtime,
    GAsyncResult *result, GError **error);

RING_API gchar **ring_kernel_search_path (void);
RING_API gboolean ring_kernel_directory_is_safe (const gchar *path,
    GError **error);
RING_API gchar *ring_kernel_cache_dir (void);
RING_API gboolean ring_kernel_cache_clear (GError **error);
RING_API GBytes *ring_compile_for_cuda (const gchar *path, guint capability,
    GError **error);

G_END_DECLS

#endif /* RING_RUNTIME_H */
