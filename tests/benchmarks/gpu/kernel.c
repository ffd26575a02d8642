/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * kernel.c: shipped kernels as the benchmarks launch them through the library, and
 * the proof that they were resident.
 */
#include "bench.h"

#include <string.h>

void
bench_fill (guint8 *data, gsize size, guint32 seed)
{
  guint32 x = seed * 2654435761u + 1;
  gsize i;

  for (i = 0; i < size; i++) {
    x = x * 1664525u + 1013904223u;
    data[i] = (guint8) (x >> 24);
  }
}

/* ---- launching ------------------------------------------------------------------ */

RingConfig *
bench_config (RingRuntime *runtime, RingExecutionMode mode)
{
  RingConfig *config = ring_runtime_get_config (runtime);

  config->mode = mode;
  return config;
}

RingKernel *
bench_launch (RingRuntime *runtime, const gchar *id, gint grid,
    const RingConfig *config, const RingFormat *format, GError **error)
{
  RingKernel *kernel =
      ring_runtime_launch (runtime, id, grid, -1, config, error);

  if (kernel && ring_kernel_set_format (kernel, format, error)
      && ring_kernel_activate (kernel, error))
    return kernel;
  g_clear_object (&kernel);
  return NULL;
}

RingKernel *
bench_launch_full (Bench *bench, const gchar *id, const RingConfig *config,
    const RingFormat *format, GError **error)
{
  RingKernel *kernel = NULL;
  gint each;

  /* How many blocks of it a multiprocessor holds the library does not tell, but it
   * refuses a grid that is too large. */
  for (each = 8; each > 0 && !kernel; each--) {
    g_clear_error (error);
    kernel = bench_launch (bench->runtime, id,
        each * bench->gpu->multiprocessors, config, format, error);
    if (!kernel
        && !g_error_matches (*error, RING_ERROR, RING_ERROR_INVALID_OPTION))
      return NULL;
  }
  return kernel;
}

static gboolean
was_resident (RingKernel *kernel, RingExecutionMode mode, GError **error)
{
  g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);
  const gboolean on_device = m->backend == RING_BACKEND_CUDA;

  if (on_device && m->mode != mode)
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "no %s kernel was running: it runs %s",
        mode == RING_EXECUTION_PERSISTENT ? "resident" : "event-driven",
        m->fallback ? m->fallback : "in another mode");
  else if (on_device && m->residencies == 0)
    g_set_error_literal (error, RING_ERROR, RING_ERROR_FAILED,
        "no resident kernel was running: none ever began");
  else if (m->delivered == 0 || m->delivered != m->accepted || m->rejected > 0
      || m->discarded > 0 || m->order_errors > 0)
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "of %" G_GUINT64_FORMAT " accepted messages %" G_GUINT64_FORMAT
        " were delivered, %" G_GUINT64_FORMAT " of them out of order",
        m->accepted, m->delivered, m->order_errors);
  else
    return TRUE;
  return FALSE;
}

gboolean
bench_end (RingKernel *kernel, RingExecutionMode mode, GError **error)
{
  /* All that came back was received; so nothing remains but to leave. */
  return ring_kernel_terminate (kernel, RING_TERMINATE_DRAIN, error)
      && was_resident (kernel, mode, error);
}

void
bench_explain (RingKernel *kernel, GError **error)
{
  g_autoptr (GError) why = ring_kernel_get_error (kernel);
  g_autofree gchar *before = NULL;

  if (!why)
    return;
  before = g_strdup ((*error)->message);
  g_clear_error (error);
  g_set_error (error, RING_ERROR, RING_ERROR_FAULT, "%s: %s", before,
      why->message);
}

/* ---- small messages ------------------------------------------------------------------ */

BenchMessages *
bench_messages_new (GError **error)
{
  g_autoptr (BenchMessages) messages = g_new0 (BenchMessages, 1);
  guint i;

  messages->format =
      ring_format_new_video (RING_VIDEO_FORMAT_GRAY8, BENCH_MESSAGE_SIZE, 1);
  for (i = 0; i < BENCH_N_MESSAGES; i++) {
    g_autoptr (GBytes) payload = NULL;

    bench_fill (messages->input[i], BENCH_MESSAGE_SIZE, i + 1);
    payload = g_bytes_new (messages->input[i], BENCH_MESSAGE_SIZE);
    messages->message[i] =
        ring_message_new_video (messages->format, payload, error);
    if (!messages->message[i])
      return NULL;
  }
  return g_steal_pointer (&messages);
}

void
bench_messages_free (BenchMessages *messages)
{
  guint i;

  for (i = 0; i < BENCH_N_MESSAGES; i++)
    g_clear_pointer (&messages->message[i], ring_message_unref);
  ring_format_free (messages->format);
  g_free (messages);
}

gboolean
bench_messages_inverted (const BenchMessages *messages, guint64 i,
    const guint8 *data)
{
  const guint8 *input = messages->input[i % BENCH_N_MESSAGES];
  guint k, wrong = 0;

  /* Without a way out in the middle, so that it is a few instructions: this is what
   * the receiver of millions does. */
  for (k = 0; k < BENCH_MESSAGE_SIZE; k++)
    wrong |= data[k] ^ (255u - input[k]);
  return wrong == 0;
}

gboolean
bench_messages_answered (const BenchMessages *messages, guint64 i,
    RingMessage *reply)
{
  gsize size;
  const guint8 *data =
      g_bytes_get_data (ring_message_get_payload (reply), &size);

  return size == BENCH_MESSAGE_SIZE
      && bench_messages_inverted (messages, i, data);
}

static gboolean
call_run (gpointer data, guint64 i, GError **error)
{
  BenchCall *call = data;

  call->reply = ring_kernel_call (call->kernel,
      call->messages->message[i % BENCH_N_MESSAGES], BENCH_WAIT, NULL, error);
  if (!call->reply)
    bench_explain (call->kernel, error);
  return call->reply != NULL;
}

static gboolean
call_check (gpointer data, guint64 i)
{
  BenchCall *call = data;
  const gboolean right =
      bench_messages_answered (call->messages, i, call->reply);

  g_clear_pointer (&call->reply, ring_message_unref);
  return right;
}

void
bench_call_candidate (BenchCandidate *candidate, const gchar *name,
    BenchCall *call)
{
  bench_candidate_init (candidate, name, call);
  candidate->run = call_run;
  candidate->check = call_check;
}
