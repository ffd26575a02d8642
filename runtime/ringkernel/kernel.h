/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#ifndef RING_KERNEL_H
#define RING_KERNEL_H

#include <ringkernel/message.h>

G_BEGIN_DECLS

/* ---- what is known of a kernel before it is launched ----------------------- */

/**
 * RingKernelInfo:
 *
 * What a kernel declares of itself. Reference counted, immutable, safe to use
 * from any thread.
 */
typedef struct _RingKernelInfo RingKernelInfo;

#define RING_TYPE_KERNEL_INFO (ring_kernel_info_get_type ())

RING_API GType ring_kernel_info_get_type (void);
RING_API RingKernelInfo *ring_kernel_info_ref (RingKernelInfo *info);
RING_API void ring_kernel_info_unref (RingKernelInfo *info);
RING_API const gchar *ring_kernel_info_get_name (RingKernelInfo *info);
RING_API const gchar *ring_kernel_info_get_description (RingKernelInfo *info);
RING_API const gchar *ring_kernel_info_get_origin (RingKernelInfo *info);
RING_API RingPayloadKind ring_kernel_info_get_kind (RingKernelInfo *info);
RING_API RingPayloadKind ring_kernel_info_get_output_kind (
    RingKernelInfo *info);
RING_API gboolean ring_kernel_info_get_any_format (RingKernelInfo *info);
RING_API gboolean ring_kernel_info_get_any_size (RingKernelInfo *info);
RING_API gchar **ring_kernel_info_get_input_formats (RingKernelInfo *info);
RING_API gchar **ring_kernel_info_get_output_formats (RingKernelInfo *info);
RING_API gboolean ring_kernel_info_get_in_place (RingKernelInfo *info);
RING_API gboolean ring_kernel_info_get_emits (RingKernelInfo *info);
RING_API guint ring_kernel_info_get_max_outputs (RingKernelInfo *info);
RING_API gboolean ring_kernel_info_has_state (RingKernelInfo *info);
RING_API gchar **ring_kernel_info_list_targets (RingKernelInfo *info);
RING_API GVariant *ring_kernel_info_list_device_code (RingKernelInfo *info,
    GError **error);
RING_API GParamSpec **ring_kernel_info_list_parameters (RingKernelInfo *info,
    guint *n_parameters);
RING_API const gchar *ring_kernel_info_get_parameter_unit (RingKernelInfo *info,
    const gchar *name);
RING_API RingFormat *ring_kernel_info_get_output_format (RingKernelInfo *info,
    const RingFormat *input, GError **error);
RING_API gboolean ring_kernel_info_check_formats (RingKernelInfo *info,
    const RingFormat *input, const RingFormat *output, GError **error);
RING_API const RingKernelDescription *ring_kernel_info_get_raw_description (
    RingKernelInfo *info);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RingKernelInfo, ring_kernel_info_unref)

/* ---- metrics ---------------------------------------------------------------- */

/**
 * RingMetrics:
 * @accepted: messages taken by send, call and submit
 * @delivered: input messages whose results were all handed to the receiver
 * @rejected: messages refused after they had been accepted, because of an error
 * @discarded: messages dropped by flush or terminate
 * @in_flight: accepted - delivered - rejected - discarded
 * @refused: calls of send, call or submit that returned an error; such messages
 *   were never accepted
 * @outputs: messages that came out
 * @bytes_in: payload bytes accepted
 * @bytes_out: payload bytes that came out
 * @bytes_copied: payload bytes that the library copied between buffers
 * @queue_depth: messages that wait in the input ring now
 * @queue_depth_max: the most that ever waited
 * @order_errors: gaps or duplicates in the sequence; 0 unless something is broken
 * @ring_p50: ns from accepted to started: median
 * @ring_p99: 99th percentile
 * @ring_max: longest
 * @kernel_p50: ns from started to finished: median
 * @kernel_p99: 99th percentile
 * @kernel_max: longest
 * @total_p50: ns from accepted to delivered: median
 * @total_p99: 99th percentile
 * @total_max: longest
 * @residencies: how often the kernel became resident, or was launched
 * @relaunches: residencies that followed the end of a lease at once
 * @generation: which version takes messages: 0 as launched, one more with each
 *   reload
 * @workers: worker threads on cpu, threads of the grid on cuda
 * @backend: where the kernel runs
 * @mode: how it runs
 * @status: the handle's status
 * @fallback: why it does not run as was asked for, or as `auto` would have it on
 *   this backend; %NULL: it does. A static string
 *
 * A consistent-enough snapshot: each figure is exact, but figures are read one
 * after the other while messages move. The percentiles come from a histogram
 * with buckets 1/16 wide, so they are at most 6.25 % too high, and are 0 with
 * telemetry off.
 */
typedef struct
{
  guint64 accepted;
  guint64 delivered;
  guint64 rejected;
  guint64 discarded;
  guint64 in_flight;
  guint64 refused;
  guint64 outputs;
  guint64 bytes_in;
  guint64 bytes_out;
  guint64 bytes_copied;
  guint64 queue_depth;
  guint64 queue_depth_max;
  guint64 order_errors;
  guint64 ring_p50;
  guint64 ring_p99;
  guint64 ring_max;
  guint64 kernel_p50;
  guint64 kernel_p99;
  guint64 kernel_max;
  guint64 total_p50;
  guint64 total_p99;
  guint64 total_max;
  guint64 residencies;
  guint64 relaunches;
  guint generation;
  guint workers;
  RingBackendType backend;
  RingExecutionMode mode;
  RingKernelStatus status;
  const gchar *fallback;
} RingMetrics;

#define RING_TYPE_METRICS (ring_metrics_get_type ())

RING_API GType ring_metrics_get_type (void);
RING_API RingMetrics *ring_metrics_copy (const RingMetrics *metrics);
RING_API void ring_metrics_free (RingMetrics *metrics);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RingMetrics, ring_metrics_free)

/* ---- a launched kernel ------------------------------------------------------- */

#define RING_TYPE_KERNEL (ring_kernel_get_type ())
RING_API
G_DECLARE_FINAL_TYPE (RingKernel, ring_kernel, RING, KERNEL, GObject)

/* Life. */
RING_API gboolean ring_kernel_activate (RingKernel *kernel, GError **error);
RING_API gboolean ring_kernel_deactivate (RingKernel *kernel, GError **error);
RING_API gboolean ring_kernel_terminate (RingKernel *kernel,
    RingTerminateMode mode, GError **error);
RING_API void ring_kernel_terminate_async (RingKernel *kernel,
    RingTerminateMode mode, GCancellable *cancellable,
    GAsyncReadyCallback callback, gpointer user_data);
RING_API gboolean ring_kernel_terminate_finish (RingKernel *kernel,
    GAsyncResult *result, GError **error);
RING_API RingKernelStatus ring_kernel_get_status (RingKernel *kernel);
RING_API GError *ring_kernel_get_error (RingKernel *kernel);
RING_API guint64 ring_kernel_get_id (RingKernel *kernel);
RING_API RingKernelInfo *ring_kernel_get_info (RingKernel *kernel);
RING_API RingKernelInfo *ring_kernel_dup_info (RingKernel *kernel);
RING_API RingExecutionMode ring_kernel_get_mode (RingKernel *kernel);
RING_API RingMetrics *ring_kernel_get_metrics (RingKernel *kernel);
RING_API void ring_kernel_set_label (RingKernel *kernel, const gchar *label);
RING_API gchar *ring_kernel_dup_label (RingKernel *kernel);

/* Another version of the kernel, between two messages. */
RING_API gboolean ring_kernel_reload (RingKernel *kernel, const gchar *id,
    GError **error);
RING_API gboolean ring_kernel_reload_info (RingKernel *kernel,
    RingKernelInfo *info, GError **error);
RING_API void ring_kernel_reload_async (RingKernel *kernel, const gchar *id,
    GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data);
RING_API gboolean ring_kernel_reload_finish (RingKernel *kernel,
    GAsyncResult *result, GError **error);

/* Formats. */
RING_API gboolean ring_kernel_set_format (RingKernel *kernel,
    const RingFormat *format, GError **error);
RING_API gboolean ring_kernel_set_formats (RingKernel *kernel,
    const RingFormat *input, const RingFormat *output, GError **error);
RING_API RingFormat *ring_kernel_get_input_format (RingKernel *kernel);
RING_API RingFormat *ring_kernel_get_output_format (RingKernel *kernel);
RING_API gsize ring_kernel_get_output_size (RingKernel *kernel,
    gsize input_size);

/* Parameters. */
RING_API gboolean ring_kernel_set_parameter (RingKernel *kernel,
    const gchar *name, const GValue *value, GError **error);
RING_API gboolean ring_kernel_set_parameter_from_string (RingKernel *kernel,
    const gchar *name, const gchar *value, GError **error);
RING_API gboolean ring_kernel_set_parameters_from_string (RingKernel *kernel,
    const gchar *parameters, GError **error);
RING_API gboolean ring_kernel_get_parameter (RingKernel *kernel,
    const gchar *name, GValue *value, GError **error);

/* Messages by copy. */
RING_API gboolean ring_kernel_send (RingKernel *kernel, RingMessage *message,
    gint64 timeout, GCancellable *cancellable, GError **error);
RING_API void ring_kernel_send_async (RingKernel *kernel, RingMessage *message,
    gint64 timeout, GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data);
RING_API gboolean ring_kernel_send_finish (RingKernel *kernel,
    GAsyncResult *result, GError **error);
RING_API RingMessage *ring_kernel_receive (RingKernel *kernel, gint64 timeout,
    GCancellable *cancellable, GError **error);
RING_API void ring_kernel_receive_async (RingKernel *kernel, gint64 timeout,
    GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data);
RING_API RingMessage *ring_kernel_receive_finish (RingKernel *kernel,
    GAsyncResult *result, GError **error);
RING_API RingMessage *ring_kernel_call (RingKernel *kernel,
    RingMessage *message, gint64 timeout, GCancellable *cancellable,
    GError **error);
RING_API void ring_kernel_call_async (RingKernel *kernel, RingMessage *message,
    gint64 timeout, GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data);
RING_API RingMessage *ring_kernel_call_finish (RingKernel *kernel,
    GAsyncResult *result, GError **error);

/* Moving everything out of the way. */
RING_API gboolean ring_kernel_drain (RingKernel *kernel, gint64 timeout,
    GCancellable *cancellable, GError **error);
RING_API void ring_kernel_flush (RingKernel *kernel);

/* Payloads by reference. */

/**
 * RingMemory: (skip)
 * @n_planes: 1, or the planes of the video format
 * @size: bytes of payload; for an output, bytes that fit
 * @plane: where each plane lies, the bytes from one row to the next, and how many
 *   bytes of the plane may be touched
 *
 * A payload where it lies in the caller's memory.
 */
typedef struct
{
  guint n_planes;
  gsize size;
  struct
  {
    gpointer data;
    gint stride;
    gsize size;
  } plane[RING_MAX_PLANES];
} RingMemory;

/**
 * RingOutcome:
 * @RING_OUTCOME_DONE: processed; the outputs are written
 * @RING_OUTCOME_DISCARDED: flushed or terminated before it was processed
 * @RING_OUTCOME_FAILED: not processed, because the handle failed
 * @RING_OUTCOME_ABANDONED: the kernel did not end within the termination
 *   time-out and may still use the message's memory: never free or reuse it
 *
 * What became of a submitted message.
 */
typedef enum
{
  RING_OUTCOME_DONE,
  RING_OUTCOME_DISCARDED,
  RING_OUTCOME_FAILED,
  RING_OUTCOME_ABANDONED
} RingOutcome;

/**
 * RingCompletion: (skip)
 * @outcome: what became of the message
 * @sequence: the message's number in its handle
 * @n_outputs: how many outputs were emitted, from the first on
 * @output_index: which of the submitted outputs each of them is
 * @output_size: bytes of each
 * @source_generation: which version of the kernel processed it, as
 *   ring_message_get_source_generation()
 * @t_accepted: trace times, ns of the monotonic clock, 0 with telemetry off
 * @t_arrived: likewise: the device saw the message, with all of its payload there
 * @t_started: likewise
 * @t_finished: likewise
 * @t_delivered: likewise
 *
 * What a #RingCompletionFunc is told; valid during the call only.
 */
typedef struct
{
  RingOutcome outcome;
  guint64 sequence;
  guint n_outputs;
  guint output_index[RING_MAX_OUTPUTS];
  gsize output_size[RING_MAX_OUTPUTS];
  guint32 source_generation;
  guint64 t_accepted;
  guint64 t_arrived;
  guint64 t_started;
  guint64 t_finished;
  guint64 t_delivered;
} RingCompletion;

/**
 * RingCompletionFunc: (skip)
 * @kernel: the handle
 * @completion: what became of the message
 * @user_data: from the submission
 *
 * Called once for every accepted submission, in the order of submission, with no
 * lock held: inside ring_kernel_submit() in inline mode, else on a thread of the
 * library. It must not wait for the same handle.
 */
typedef void (*RingCompletionFunc) (RingKernel *kernel,
    const RingCompletion *completion, gpointer user_data);

/**
 * RingSubmission: (skip)
 * @input: the payload; stays valid until completion
 * @outputs: (array length=n_outputs): where outputs go; stay valid until
 *   completion; their layout is that of the kernel's output format. For in-place
 *   work, @outputs[0] equals @input.
 * @n_outputs: as many as the kernel's max-outputs
 * @pts: ns or %RING_TIME_NONE
 * @duration: ns or %RING_TIME_NONE
 * @discont: does not continue what came before
 * @input_on_device: cuda: the input's planes are addresses of device memory in the
 *   runtime's context
 * @outputs_on_device: cuda: likewise those of the outputs
 * @input_stream: cuda: a CUstream; the kernel sees the input after everything that
 *   was put into it before. %NULL: the input is complete
 * @output_stream: cuda: likewise; the kernel writes the outputs after all that
 * @completed: told when done
 * @user_data: for @completed
 *
 * The struct itself is read during the call only.
 */
typedef struct
{
  RingMemory input;
  const RingMemory *outputs;
  guint n_outputs;
  guint64 pts;
  guint64 duration;
  gboolean discont;
  gboolean input_on_device;
  gboolean outputs_on_device;
  gpointer input_stream;
  gpointer output_stream;
  RingCompletionFunc completed;
  gpointer user_data;
} RingSubmission;

RING_API gboolean ring_kernel_submit (RingKernel *kernel,
    const RingSubmission *submission, GError **error);

G_END_DECLS

#endif /* RING_KERNEL_H */
