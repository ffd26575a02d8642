/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * send.c: messages by copy: send, call and receive.
 */
#include "core/core-private.h"
#include "core/accept.h"

#include <string.h>

static gboolean
check_message_locked (RingKernel *kernel, RingMessage *message, GError **error)
{
  const gsize size = g_bytes_get_size (message->payload);
  const gsize largest = kernel->config.message_size - RING_HEADER_SIZE;
  gchar *got, *wanted;

  if (size > largest) {
    g_set_error (error, RING_ERROR, RING_ERROR_TOO_LARGE,
        "the message carries %" G_GSIZE_FORMAT " bytes; with the message-size "
        "of %u, %" G_GSIZE_FORMAT " fit",
        size, kernel->config.message_size, largest);
    return FALSE;
  }
  if (!kernel->has_format)
    return ring_kernel_set_formats_locked_ (kernel, &message->format, NULL,
        error);
  if (ring_format_equal (&kernel->input_format, &message->format))
    return TRUE;
  got = ring_format_to_string (&message->format);
  wanted = ring_format_to_string (&kernel->input_format);
  g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
      "the message carries %s; kernel '%s' works on %s", got,
      ring_kernel_name_ (kernel), wanted);
  g_free (got);
  g_free (wanted);
  return FALSE;
}

/* Places the input: into the slot when it is small, else where it is, unless it
 * is not aligned. */
static gboolean
place_input (RingKernel *kernel, RingEntry *entry, RingMessageHeader *header,
    RingMessage *message)
{
  const RingGeometry *geometry = &kernel->instance->control->geometry;
  gsize size;
  gconstpointer data = g_bytes_get_data (message->payload, &size);
  RingMemory memory;

  ring_fill_payload_format_ (&header->payload, &kernel->input_format);
  if (size <= geometry->inline_size) {
    ring_lay_out_ (&kernel->input_format, NULL, size, &memory);
    ring_refer_inline_ (&header->payload, &memory);
    if (size > 0)
      memcpy ((guint8 *) header + geometry->input_inline_offset, data, size);
    ring_count (&kernel->bytes_copied, size);
    return TRUE;
  }
  if (!ring_aligned_for_ (&kernel->input_format, data)) {
    entry->input_block = ring_payload_pool_acquire (kernel->pool, size);
    if (!entry->input_block)
      return FALSE;
    memcpy (entry->input_block, data, size);
    ring_count (&kernel->bytes_copied, size);
    data = entry->input_block;
  } else {
    entry->message = ring_message_ref (message);
  }
  ring_lay_out_ (&kernel->input_format, (gpointer) data, size, &memory);
  ring_refer_ (&header->payload, kernel->instance->regions,
      ring_first_region_ (kernel, header->entry, 0), &memory);
  return TRUE;
}

static gboolean
place_outputs (RingKernel *kernel, RingMessageHeader *header, gsize size)
{
  const RingGeometry *geometry = &kernel->instance->control->geometry;
  const guint n = kernel->max_outputs;
  RingPayloadRef *output = ring_output_refs_ (header);
  RingMemory memory;
  guint i;

  for (i = 0; i < n; i++) {
    gpointer *block = &kernel->output_blocks[header->entry * n + i];

    *block = NULL;
    ring_fill_payload_format_ (&output[i], &kernel->output_format);
    if (size <= geometry->inline_size) {
      ring_lay_out_ (&kernel->output_format, NULL, size, &memory);
      ring_refer_inline_ (&output[i], &memory);
    } else {
      *block = ring_payload_pool_acquire (kernel->pool, size);
      if (!*block)
        return FALSE;
      ring_lay_out_ (&kernel->output_format, *block, size, &memory);
      ring_refer_ (&output[i], kernel->instance->regions,
          ring_first_region_ (kernel, header->entry, 1 + i), &memory);
    }
  }
  return TRUE;
}

/* One try. @full: the error is that the queue is. */
static gboolean
enqueue (RingKernel *kernel, RingMessage *message, RingCaller *caller,
    guint64 *sequence, gboolean *full, GError **error)
{
  const gsize size = g_bytes_get_size (message->payload);
  static const RingPlacement in_host_memory;
  RingMessageHeader *header;
  RingEntry *entry;

  *full = FALSE;
  g_mutex_lock (&kernel->send_lock);
  if (!ring_check_can_send_locked_ (kernel, full, error)
      || !check_message_locked (kernel, message, error)
      || !ring_check_units_ (kernel, size, error)) {
    g_mutex_unlock (&kernel->send_lock);
    return FALSE;
  }
  header = ring_begin_message_locked_ (kernel, &entry);
  entry->by_reference = FALSE;
  entry->completed = NULL;
  entry->user_data = NULL;
  entry->message = NULL;
  entry->caller = caller;
  entry->input_block = NULL;
  entry->type = message->type;
  entry->correlation_id = message->correlation_id;
  if (caller && entry->correlation_id == 0)
    entry->correlation_id = header->id;

  header->correlation_id = entry->correlation_id;
  header->type = message->type;
  header->flags = (message->flags & RING_MESSAGE_DISCONT)
      | (caller ? RING_MESSAGE_CALL : 0);
  header->pts = message->pts;
  header->duration = message->duration;
  if (!place_input (kernel, entry, header, message)
      || !place_outputs (kernel, header, ring_output_size_ (kernel, size))) {
    ring_cancel_message_locked_ (kernel, entry);
    g_mutex_unlock (&kernel->send_lock);
    g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
        "no memory for %" G_GSIZE_FORMAT " bytes of payload", size);
    return FALSE;
  }
  *sequence = entry->sequence;
  if (!ring_end_message_locked_ (kernel, entry, size, &in_host_memory, error)) {
    g_mutex_unlock (&kernel->send_lock);
    return FALSE;
  }
  g_mutex_unlock (&kernel->send_lock);

  kernel->instance->klass->wake (kernel->instance);
  return TRUE;
}

/* Tries until there is room. */
static gboolean
enqueue_waiting (RingKernel *kernel, RingMessage *message, RingCaller *caller,
    guint64 *sequence, gint64 timeout, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  GError *reason = NULL;
  gboolean full, ok;
  gulong watch;

  if (g_cancellable_set_error_if_cancelled (cancellable, error)) {
    ring_count (&kernel->refused, 1);
    return FALSE;
  }
  ok = enqueue (kernel, message, caller, sequence, &full, &reason);
  if (!ok && full && timeout != 0) {
    watch = ring_kernel_watch_cancel_ (kernel, cancellable);
    g_atomic_int_inc (&kernel->waiters);
    while (!ok && full) {
      GError *end = NULL;

      g_clear_error (&reason);
      g_mutex_lock (&kernel->lock);
      if (!ring_may_have_room_ (kernel) && kernel->status == RING_KERNEL_ACTIVE
          && !ring_kernel_wait_locked_ (kernel, deadline, cancellable, &end)) {
        g_mutex_unlock (&kernel->lock);
        if (g_error_matches (end, RING_ERROR, RING_ERROR_TIMED_OUT))
          g_set_error (&reason, RING_ERROR, RING_ERROR_TIMED_OUT,
              "no room in the queue of kernel '%s' within %" G_GINT64_FORMAT
              " us: %" G_GUINT64_FORMAT " messages are in flight",
              ring_kernel_name_ (kernel), timeout,
              ring_kernel_in_flight_ (kernel));
        else
          reason = g_error_copy (end);
        g_error_free (end);
        break;
      }
      g_mutex_unlock (&kernel->lock);
      ok = enqueue (kernel, message, caller, sequence, &full, &reason);
    }
    g_atomic_int_add (&kernel->waiters, -1);
    ring_kernel_unwatch_cancel_ (cancellable, watch);
  }
  if (!ok) {
    ring_count (&kernel->refused, 1);
    g_propagate_error (error, reason);
  }
  return ok;
}

/**
 * ring_kernel_send:
 * @kernel: an active handle
 * @message: what to send; the caller keeps its reference
 * @timeout: us to wait for room in the queue; 0: do not wait; negative: no bound
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Accepts a message. Its results come out of ring_kernel_receive(). A payload of
 * at most 256 bytes is copied into the ring; a longer one is kept alive instead.
 *
 * With @timeout 0 it may be called by a real-time thread: no lock is held for
 * long, and up to 256 bytes nothing is allocated.
 *
 * Returns: whether it was accepted; %FALSE with %RING_ERROR_STATUS,
 *   %RING_ERROR_QUEUE_FULL (@timeout 0), %RING_ERROR_TIMED_OUT,
 *   %RING_ERROR_PAYLOAD, %RING_ERROR_TOO_LARGE, %RING_ERROR_FORMAT,
 *   %RING_ERROR_NO_MEMORY or %G_IO_ERROR_CANCELLED
 */
gboolean
ring_kernel_send (RingKernel *kernel, RingMessage *message, gint64 timeout,
    GCancellable *cancellable, GError **error)
{
  guint64 sequence;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);
  g_return_val_if_fail (message != NULL, FALSE);
  return enqueue_waiting (kernel, message, NULL, &sequence, timeout,
      ring_deadline_ (timeout), cancellable, error);
}

/* Waking up takes longer than a short message: whoever waits for one first looks
 * for himself, for some microseconds. Called with the lock held; lets go of it. */
#define LOOK_FOR 50 /* us */

static void
look_locked (RingKernel *kernel, gint64 deadline)
{
  RingInstance *instance = kernel->instance;
  const guint64 before = __atomic_load_n (&kernel->changes, __ATOMIC_RELAXED);
  gint64 until;

  if (!instance->klass->poll)
    return;
  until = g_get_monotonic_time () + LOOK_FOR;
  if (deadline >= 0)
    until = MIN (until, deadline);
  g_mutex_unlock (&kernel->lock);
  do
    instance->klass->poll (instance);
  while (__atomic_load_n (&kernel->changes, __ATOMIC_RELAXED) == before
      && g_get_monotonic_time () < until);
  g_mutex_lock (&kernel->lock);
}

/* The caller has given up: its reply, when it comes, is dropped and counted. */
static void
forget_caller_locked (RingKernel *kernel, RingCaller *caller, guint64 sequence)
{
  RingEntry *entry = &kernel->entries[sequence & kernel->entry_mask];

  if (!caller->done && entry->caller == caller) {
    entry->caller = NULL;
    entry->forgotten = TRUE;
  }
}

/**
 * ring_kernel_call:
 * @kernel: an active handle
 * @message: what to send; the caller keeps its reference
 * @timeout: us to wait for room and reply together; negative: the default of 30 s
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Sends a message and waits for its reply: the first message that comes out of
 * it. Further ones go to ring_kernel_receive(). Other threads may send, call and
 * receive at the same time. A message without a correlation id gets one.
 *
 * Returns: (transfer full): the reply, or %NULL with the errors of
 *   ring_kernel_send(), %RING_ERROR_TIMED_OUT, %RING_ERROR_DISCARDED,
 *   %RING_ERROR_FAULT, or %RING_ERROR_FAILED if the kernel emitted nothing
 */
RingMessage *
ring_kernel_call (RingKernel *kernel, RingMessage *message, gint64 timeout,
    GCancellable *cancellable, GError **error)
{
  RingCaller caller = { FALSE, RING_OUTCOME_DONE, NULL };
  gboolean looked = FALSE;
  GError *end = NULL;
  gint64 deadline;
  guint64 sequence;
  gulong watch;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), NULL);
  g_return_val_if_fail (message != NULL, NULL);

  if (timeout < 0)
    timeout = RING_DEFAULT_CALL_TIMEOUT;
  deadline = ring_deadline_ (timeout);
  if (!enqueue_waiting (kernel, message, &caller, &sequence, timeout, deadline,
          cancellable, error))
    return NULL;

  watch = ring_kernel_watch_cancel_ (kernel, cancellable);
  g_atomic_int_inc (&kernel->waiters);
  g_mutex_lock (&kernel->lock);
  while (!caller.done) {
    if (!looked) {
      looked = TRUE;
      look_locked (kernel, deadline);
    } else if (!ring_kernel_wait_locked_ (kernel, deadline, cancellable,
                   &end)) {
      break;
    }
  }
  forget_caller_locked (kernel, &caller, sequence);
  g_mutex_unlock (&kernel->lock);
  g_atomic_int_add (&kernel->waiters, -1);
  ring_kernel_unwatch_cancel_ (cancellable, watch);

  if (caller.reply) {
    g_clear_error (&end);
    return caller.reply;
  }
  if (end && !caller.done) {
    if (g_error_matches (end, RING_ERROR, RING_ERROR_TIMED_OUT))
      g_set_error (error, RING_ERROR, RING_ERROR_TIMED_OUT,
          "no reply from kernel '%s' within %" G_GINT64_FORMAT " us",
          ring_kernel_name_ (kernel), timeout);
    else
      g_propagate_error (error, g_error_copy (end));
  } else if (caller.outcome == RING_OUTCOME_DISCARDED) {
    g_set_error (error, RING_ERROR, RING_ERROR_DISCARDED,
        "the message to kernel '%s' was discarded by a flush or a terminate",
        ring_kernel_name_ (kernel));
  } else if (caller.outcome != RING_OUTCOME_DONE) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
        "kernel '%s' failed before it replied", ring_kernel_name_ (kernel));
  } else {
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "kernel '%s' emitted nothing for this message",
        ring_kernel_name_ (kernel));
  }
  g_clear_error (&end);
  return NULL;
}

/* ---- receive ------------------------------------------------------------------------------ */

/**
 * ring_kernel_receive:
 * @kernel: a handle
 * @timeout: us to wait for a message; 0: do not wait; negative: no bound
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Takes the next message that came out of the kernel, in order.
 *
 * Returns: (transfer full): the message, or %NULL with %RING_ERROR_TIMED_OUT,
 *   %RING_ERROR_STATUS when the handle has ended and nothing is left, or
 *   %G_IO_ERROR_CANCELLED
 */
RingMessage *
ring_kernel_receive (RingKernel *kernel, gint64 timeout,
    GCancellable *cancellable, GError **error)
{
  const gint64 deadline = ring_deadline_ (timeout);
  RingDelivery *delivery;
  RingMessage *message = NULL;
  GError *end = NULL;
  gboolean ended, looked = FALSE, last = FALSE;
  gulong watch;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), NULL);

  watch = ring_kernel_watch_cancel_ (kernel, cancellable);
  g_atomic_int_inc (&kernel->waiters);
  g_mutex_lock (&kernel->lock);
  while (!(delivery = g_queue_pop_head (&kernel->deliveries))) {
    ended = kernel->status == RING_KERNEL_TERMINATED
        || kernel->status == RING_KERNEL_FAILED;
    if (ended) {
      if (kernel->error)
        g_set_error (error, RING_ERROR, RING_ERROR_STATUS,
            "kernel '%s' has failed, and nothing is left to receive: %s",
            ring_kernel_name_ (kernel), kernel->error->message);
      else
        g_set_error (error, RING_ERROR, RING_ERROR_STATUS,
            "kernel '%s' is terminated, and nothing is left to receive",
            ring_kernel_name_ (kernel));
      break;
    }
    if (timeout == 0
        && !g_cancellable_set_error_if_cancelled (cancellable, error)) {
      g_set_error (error, RING_ERROR, RING_ERROR_TIMED_OUT,
          "nothing to receive from kernel '%s' now",
          ring_kernel_name_ (kernel));
      break;
    }
    if (timeout == 0)
      break;
    if (!looked) {
      looked = TRUE;
      look_locked (kernel, deadline);
      continue;
    }
    if (!ring_kernel_wait_locked_ (kernel, deadline, cancellable, &end)) {
      if (g_error_matches (end, RING_ERROR, RING_ERROR_TIMED_OUT))
        g_set_error (error, RING_ERROR, RING_ERROR_TIMED_OUT,
            "nothing to receive from kernel '%s' within %" G_GINT64_FORMAT
            " us",
            ring_kernel_name_ (kernel), timeout);
      else
        g_propagate_error (error, g_error_copy (end));
      break;
    }
  }
  if (delivery) {
    message = delivery->message;
    last = delivery->last;
    if (last)
      ring_count (&kernel->delivered, 1);
  }
  g_mutex_unlock (&kernel->lock);
  g_atomic_int_add (&kernel->waiters, -1);
  ring_kernel_unwatch_cancel_ (cancellable, watch);
  g_clear_error (&end);
  g_free (delivery);
  if (last)
    ring_kernel_wake_waiters_ (kernel);
  return message;
}
