/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * metrics.c: what can be asked of a handle.
 */
#include "core/core-private.h"

/**
 * ring_kernel_get_id:
 * @kernel: a handle
 *
 * Returns: its number, unique in the process, from 1
 */
guint64
ring_kernel_get_id (RingKernel *kernel)
{
  g_return_val_if_fail (RING_IS_KERNEL (kernel), 0);
  return kernel->id;
}

/**
 * ring_kernel_get_info:
 * @kernel: a handle
 *
 * Returns: (transfer none): what the kernel declares; good until the handle is
 *   reloaded. Where another thread may do that, use ring_kernel_dup_info()
 */
RingKernelInfo *
ring_kernel_get_info (RingKernel *kernel)
{
  g_return_val_if_fail (RING_IS_KERNEL (kernel), NULL);
  return __atomic_load_n (&kernel->info, __ATOMIC_ACQUIRE);
}

/**
 * ring_kernel_dup_info:
 * @kernel: a handle
 *
 * Returns: (transfer full): what the version declares that takes the next message.
 *   Never waits for the kernel
 */
RingKernelInfo *
ring_kernel_dup_info (RingKernel *kernel)
{
  RingKernelInfo *info;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), NULL);

  g_mutex_lock (&kernel->lock);
  info = ring_kernel_info_ref (kernel->info);
  g_mutex_unlock (&kernel->lock);
  return info;
}

/**
 * ring_kernel_set_label:
 * @kernel: a handle
 * @label: (nullable): what people know it by, UTF-8, copied; %NULL: nothing
 *
 * Names the handle for those who look on, as `ringkernel top` does. An element of
 * GStreamer gives its own name. Two handles may have the same.
 */
void
ring_kernel_set_label (RingKernel *kernel, const gchar *label)
{
  gchar *old;

  g_return_if_fail (RING_IS_KERNEL (kernel));

  g_mutex_lock (&kernel->lock);
  old = kernel->label;
  kernel->label = g_strdup (label);
  g_mutex_unlock (&kernel->lock);
  g_free (old);
}

/**
 * ring_kernel_dup_label:
 * @kernel: a handle
 *
 * Returns: (transfer full) (nullable): what ring_kernel_set_label() was given last
 */
gchar *
ring_kernel_dup_label (RingKernel *kernel)
{
  gchar *label;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), NULL);

  g_mutex_lock (&kernel->lock);
  label = g_strdup (kernel->label);
  g_mutex_unlock (&kernel->lock);
  return label;
}

/**
 * ring_kernel_get_mode:
 * @kernel: a handle
 *
 * Returns: how it runs; never %RING_EXECUTION_AUTO
 */
RingExecutionMode
ring_kernel_get_mode (RingKernel *kernel)
{
  g_return_val_if_fail (RING_IS_KERNEL (kernel), RING_EXECUTION_AUTO);
  return kernel->instance->mode;
}

guint64
ring_kernel_in_flight_ (RingKernel *kernel)
{
  /* What ends first, what begins last: never too small a number. */
  const guint64 ended = ring_counted (&kernel->delivered)
      + ring_counted (&kernel->rejected) + ring_counted (&kernel->discarded);

  __atomic_thread_fence (__ATOMIC_ACQUIRE);
  return ring_counted (&kernel->accepted) - ended;
}

G_DEFINE_BOXED_TYPE (RingMetrics, ring_metrics, ring_metrics_copy,
    ring_metrics_free)

/**
 * ring_metrics_copy:
 * @metrics: metrics
 *
 * Returns: (transfer full): a copy
 */
RingMetrics *
ring_metrics_copy (const RingMetrics *metrics)
{
  return metrics ? g_memdup2 (metrics, sizeof *metrics) : NULL;
}

/**
 * ring_metrics_free:
 * @metrics: (transfer full) (nullable): metrics
 */
void
ring_metrics_free (RingMetrics *metrics)
{
  g_free (metrics);
}

/* What ends first, what begins last, as in ring_kernel_in_flight_; and again if
 * messages ended in between, or a reader who is held up would take them, and those
 * accepted since, for in flight. */
static void
read_accounts (RingKernel *kernel, RingMetrics *m)
{
  guint tries;

  for (tries = 0; tries < 100; tries++) {
    m->delivered = ring_counted (&kernel->delivered);
    m->rejected = ring_counted (&kernel->rejected);
    m->discarded = ring_counted (&kernel->discarded);
    __atomic_thread_fence (__ATOMIC_ACQUIRE);
    m->accepted = ring_counted (&kernel->accepted);
    __atomic_thread_fence (__ATOMIC_ACQUIRE);
    if (m->delivered == ring_counted (&kernel->delivered)
        && m->rejected == ring_counted (&kernel->rejected)
        && m->discarded == ring_counted (&kernel->discarded))
      return;
  }
}

/**
 * ring_kernel_get_metrics:
 * @kernel: a handle
 *
 * Returns: (transfer full): its figures now
 */
RingMetrics *
ring_kernel_get_metrics (RingKernel *kernel)
{
  RingMetrics *m;
  RingControlBlock *control;
  guint64 consumed, produced;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), NULL);

  control = kernel->instance->control;
  m = g_new0 (RingMetrics, 1);
  read_accounts (kernel, m);
  m->in_flight = m->accepted - m->delivered - m->rejected - m->discarded;
  m->refused = ring_counted (&kernel->refused);
  m->outputs = ring_counted (&kernel->outputs);
  m->bytes_in = ring_counted (&kernel->bytes_in);
  m->bytes_out = ring_counted (&kernel->bytes_out);
  m->bytes_copied = ring_counted (&kernel->bytes_copied)
      + ring_counted (&kernel->instance->bytes_copied);
  consumed = ring_load_acquire_u64 (&control->input_consumer.position);
  produced = ring_load_acquire_u64 (&control->input_producer.position);
  /* A slot can be taken a moment before the producer's position says so. */
  m->queue_depth = produced > consumed ? produced - consumed : 0;
  /* … and come out a moment before the consumer's does. */
  m->queue_depth = MIN (m->queue_depth, m->in_flight);
  m->queue_depth_max = ring_counted (&kernel->queue_depth_max);
  m->order_errors = ring_counted (&kernel->order_errors);
  m->ring_p50 = ring_histogram_percentile (&kernel->in_ring, 50);
  m->ring_p99 = ring_histogram_percentile (&kernel->in_ring, 99);
  m->ring_max = ring_histogram_max (&kernel->in_ring);
  m->kernel_p50 = ring_histogram_percentile (&kernel->in_kernel, 50);
  m->kernel_p99 = ring_histogram_percentile (&kernel->in_kernel, 99);
  m->kernel_max = ring_histogram_max (&kernel->in_kernel);
  m->total_p50 = ring_histogram_percentile (&kernel->in_total, 50);
  m->total_p99 = ring_histogram_percentile (&kernel->in_total, 99);
  m->total_max = ring_histogram_max (&kernel->in_total);
  m->residencies = ring_load_acquire_u64 (&control->device.residencies);
  m->relaunches = ring_load_acquire_u64 (&control->device.relaunches);
  m->generation = __atomic_load_n (&kernel->generation, __ATOMIC_RELAXED);
  m->workers = kernel->instance->workers;
  m->backend = kernel->backend;
  m->mode = kernel->instance->mode;
  m->status = ring_kernel_get_status (kernel);
  m->fallback = kernel->instance->fallback;
  return m;
}
