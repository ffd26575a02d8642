/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * async.c: the GTask twins of calls that can wait. Each runs its synchronous
 * form on a thread of GLib's pool; cancellation ends the wait at once.
 */
#include "core/core-private.h"

typedef struct
{
  gchar *id;
  gint grid, block;
  RingConfig *options;
  RingTerminateMode mode;
  RingMessage *message;
  gint64 timeout;
} Request;

static void
request_free (gpointer data)
{
  Request *request = data;

  g_free (request->id);
  ring_config_free (request->options);
  g_clear_pointer (&request->message, ring_message_unref);
  g_free (request);
}

static void
run (gpointer object, gpointer tag, Request *request, GTaskThreadFunc func,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (object, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  /* The calls watch the cancellable themselves; a message that has been taken is
   * returned even if cancellation comes a moment later, or it would be lost. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, request, request_free);
  g_task_run_in_thread (task, func);
  g_object_unref (task);
}

static void
return_boolean (GTask *task, gboolean ok, GError *error)
{
  if (ok)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
return_message (GTask *task, RingMessage *message, GError *error)
{
  if (message)
    g_task_return_pointer (task, message, (GDestroyNotify) ring_message_unref);
  else
    g_task_return_error (task, error);
}

static void
launch_thread (GTask *task, gpointer object, gpointer data,
    GCancellable *cancellable)
{
  Request *request = data;
  GError *error = NULL;
  RingKernel *kernel;

  if (g_cancellable_set_error_if_cancelled (cancellable, &error)) {
    g_task_return_error (task, error);
    return;
  }
  /* A compiler that runs for it ends when it is cancelled. */
  if (cancellable)
    g_cancellable_push_current (cancellable);
  kernel = ring_runtime_launch (object, request->id, request->grid,
      request->block, request->options, &error);
  if (cancellable)
    g_cancellable_pop_current (cancellable);
  if (kernel)
    g_task_return_pointer (task, kernel, g_object_unref);
  else
    g_task_return_error (task, error);
}

/**
 * ring_runtime_launch_async:
 * @runtime: a runtime
 * @id: a kernel's name, or a path to a .c or .so file
 * @grid: see ring_runtime_launch()
 * @block: see ring_runtime_launch()
 * @options: (nullable): see ring_runtime_launch()
 * @cancellable: (nullable): a cancellable, looked at before the launch begins and
 *   while the kernel's source is compiled
 * @callback: (scope async): called in the caller's main context
 * @user_data: for @callback
 *
 * Like ring_runtime_launch(), without waiting.
 */
void
ring_runtime_launch_async (RingRuntime *runtime, const gchar *id, gint grid,
    gint block, const RingConfig *options, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data)
{
  Request *request;

  g_return_if_fail (RING_IS_RUNTIME (runtime) && id != NULL);

  request = g_new0 (Request, 1);
  request->id = g_strdup (id);
  request->grid = grid;
  request->block = block;
  request->options = ring_config_copy (options);
  run (runtime, ring_runtime_launch_async, request, launch_thread, cancellable,
      callback, user_data);
}

/**
 * ring_runtime_launch_finish:
 * @runtime: a runtime
 * @result: from the callback
 * @error: return location for an error
 *
 * Returns: (transfer full): as ring_runtime_launch()
 */
RingKernel *
ring_runtime_launch_finish (RingRuntime *runtime, GAsyncResult *result,
    GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, runtime), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
reload_thread (GTask *task, gpointer object, gpointer data,
    GCancellable *cancellable)
{
  Request *request = data;
  GError *error = NULL;
  const gboolean ok =
      !g_cancellable_set_error_if_cancelled (cancellable, &error)
      && ring_kernel_reload (object, request->id, &error);

  return_boolean (task, ok, error);
}

/**
 * ring_kernel_reload_async:
 * @kernel: a handle
 * @id: a kernel's name, or a path to a .c or .so file
 * @cancellable: (nullable): a cancellable, looked at before anything is done
 * @callback: (scope async): called in the caller's main context
 * @user_data: for @callback
 *
 * Like ring_kernel_reload(), without waiting.
 */
void
ring_kernel_reload_async (RingKernel *kernel, const gchar *id,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Request *request;

  g_return_if_fail (RING_IS_KERNEL (kernel) && id != NULL);

  request = g_new0 (Request, 1);
  request->id = g_strdup (id);
  run (kernel, ring_kernel_reload_async, request, reload_thread, cancellable,
      callback, user_data);
}

/**
 * ring_kernel_reload_finish:
 * @kernel: a handle
 * @result: from the callback
 * @error: return location for an error
 *
 * Returns: as ring_kernel_reload()
 */
gboolean
ring_kernel_reload_finish (RingKernel *kernel, GAsyncResult *result,
    GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, kernel), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
terminate_thread (GTask *task, gpointer object, gpointer data,
    GCancellable *cancellable)
{
  Request *request = data;
  GError *error = NULL;
  const gboolean ok =
      !g_cancellable_set_error_if_cancelled (cancellable, &error)
      && ring_kernel_terminate (object, request->mode, &error);

  return_boolean (task, ok, error);
}

/**
 * ring_kernel_terminate_async:
 * @kernel: a handle
 * @mode: what happens to queued messages
 * @cancellable: (nullable): a cancellable, looked at before the termination
 *   begins
 * @callback: (scope async): called in the caller's main context
 * @user_data: for @callback
 *
 * Like ring_kernel_terminate(), without waiting.
 */
void
ring_kernel_terminate_async (RingKernel *kernel, RingTerminateMode mode,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Request *request;

  g_return_if_fail (RING_IS_KERNEL (kernel));

  request = g_new0 (Request, 1);
  request->mode = mode;
  run (kernel, ring_kernel_terminate_async, request, terminate_thread,
      cancellable, callback, user_data);
}

/**
 * ring_kernel_terminate_finish:
 * @kernel: a handle
 * @result: from the callback
 * @error: return location for an error
 *
 * Returns: as ring_kernel_terminate()
 */
gboolean
ring_kernel_terminate_finish (RingKernel *kernel, GAsyncResult *result,
    GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, kernel), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
send_thread (GTask *task, gpointer object, gpointer data,
    GCancellable *cancellable)
{
  Request *request = data;
  GError *error = NULL;
  const gboolean ok = ring_kernel_send (object, request->message,
      request->timeout, cancellable, &error);

  return_boolean (task, ok, error);
}

/**
 * ring_kernel_send_async:
 * @kernel: an active handle
 * @message: what to send
 * @timeout: us to wait for room; negative: no bound
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called in the caller's main context
 * @user_data: for @callback
 *
 * Like ring_kernel_send(), without waiting. Several at once are sent in no
 * particular order.
 */
void
ring_kernel_send_async (RingKernel *kernel, RingMessage *message,
    gint64 timeout, GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data)
{
  Request *request;

  g_return_if_fail (RING_IS_KERNEL (kernel) && message != NULL);

  request = g_new0 (Request, 1);
  request->message = ring_message_ref (message);
  request->timeout = timeout;
  run (kernel, ring_kernel_send_async, request, send_thread, cancellable,
      callback, user_data);
}

/**
 * ring_kernel_send_finish:
 * @kernel: a handle
 * @result: from the callback
 * @error: return location for an error
 *
 * Returns: as ring_kernel_send()
 */
gboolean
ring_kernel_send_finish (RingKernel *kernel, GAsyncResult *result,
    GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, kernel), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
receive_thread (GTask *task, gpointer object, gpointer data,
    GCancellable *cancellable)
{
  Request *request = data;
  GError *error = NULL;
  RingMessage *message =
      ring_kernel_receive (object, request->timeout, cancellable, &error);

  return_message (task, message, error);
}

/**
 * ring_kernel_receive_async:
 * @kernel: a handle
 * @timeout: us to wait; negative: no bound
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called in the caller's main context
 * @user_data: for @callback
 *
 * Like ring_kernel_receive(), without waiting.
 */
void
ring_kernel_receive_async (RingKernel *kernel, gint64 timeout,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  Request *request;

  g_return_if_fail (RING_IS_KERNEL (kernel));

  request = g_new0 (Request, 1);
  request->timeout = timeout;
  run (kernel, ring_kernel_receive_async, request, receive_thread, cancellable,
      callback, user_data);
}

/**
 * ring_kernel_receive_finish:
 * @kernel: a handle
 * @result: from the callback
 * @error: return location for an error
 *
 * Returns: (transfer full): as ring_kernel_receive()
 */
RingMessage *
ring_kernel_receive_finish (RingKernel *kernel, GAsyncResult *result,
    GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, kernel), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
call_thread (GTask *task, gpointer object, gpointer data,
    GCancellable *cancellable)
{
  Request *request = data;
  GError *error = NULL;
  RingMessage *message = ring_kernel_call (object, request->message,
      request->timeout, cancellable, &error);

  return_message (task, message, error);
}

/**
 * ring_kernel_call_async:
 * @kernel: an active handle
 * @message: what to send
 * @timeout: us to wait; negative: the default of 30 s
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called in the caller's main context
 * @user_data: for @callback
 *
 * Like ring_kernel_call(), without waiting.
 */
void
ring_kernel_call_async (RingKernel *kernel, RingMessage *message,
    gint64 timeout, GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data)
{
  Request *request;

  g_return_if_fail (RING_IS_KERNEL (kernel) && message != NULL);

  request = g_new0 (Request, 1);
  request->message = ring_message_ref (message);
  request->timeout = timeout;
  run (kernel, ring_kernel_call_async, request, call_thread, cancellable,
      callback, user_data);
}

/**
 * ring_kernel_call_finish:
 * @kernel: a handle
 * @result: from the callback
 * @error: return location for an error
 *
 * Returns: (transfer full): as ring_kernel_call()
 */
RingMessage *
ring_kernel_call_finish (RingKernel *kernel, GAsyncResult *result,
    GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, kernel), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}
