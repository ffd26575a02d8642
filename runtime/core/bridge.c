/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bridge.c: takes what the kernel has finished out of the output ring, in order.
 * Any thread may call ring_bridge_harvest_(); one at a time does the work (see
 * claim.h), so completions are called in order and without a lock.
 */
#include "core/core-private.h"
#include "core/accept.h"

#include <string.h>

static gboolean
is_stale (RingKernel *kernel, const RingEntry *entry)
{
  return entry->epoch != __atomic_load_n (&kernel->epoch, __ATOMIC_ACQUIRE);
}

static RingMessage *
make_message (RingKernel *kernel, RingEntry *entry,
    const RingMessageHeader *header)
{
  const guint n = kernel->max_outputs;
  const gsize size = header->payload.size;
  gpointer *block =
      &kernel->output_blocks[(entry->sequence & kernel->entry_mask) * n
          + header->output_index];
  RingMessage *message;
  GBytes *bytes;

  if (*block) {
    bytes = ring_payload_pool_to_bytes (*block, size);
    *block = NULL;
  } else {
    bytes = g_bytes_new ((const guint8 *) header
            + kernel->instance->control->geometry.output_inline_offset,
        size);
    ring_count (&kernel->bytes_copied, size);
  }
  message = ring_message_alloc_ (&kernel->output_format, bytes);
  message->id = header->id;
  message->sequence = header->sequence;
  message->correlation_id = header->correlation_id;
  message->type = header->type;
  message->flags = header->flags & RING_MESSAGE_DISCONT;
  message->source_generation = header->source_generation;
  message->pts = header->pts;
  message->duration = header->duration;
  message->trace[0] = header->t_accepted;
  message->trace[1] = header->t_started;
  message->trace[2] = header->t_finished;
  if (kernel->config.telemetry)
    message->trace[3] = ring_clock_now ();
  return message;
}

/* An output that somebody receives. Whether a flush came before is decided under
 * the lock, so that it and the flush agree. Returns whether the message counts as
 * delivered right away. */
static gboolean
deliver (RingKernel *kernel, RingEntry *entry, RingMessage *message,
    gboolean last, gboolean *discarded)
{
  RingDelivery *delivery;
  gboolean done = FALSE;

  g_mutex_lock (&kernel->lock);
  __atomic_add_fetch (&kernel->changes, 1, __ATOMIC_RELAXED);
  if (is_stale (kernel, entry) || entry->forgotten) {
    *discarded = TRUE;
  } else if (entry->caller && !entry->caller->reply) {
    entry->caller->reply = message;
    message = NULL;
    done = last;
  } else {
    delivery = g_new (RingDelivery, 1);
    delivery->message = message;
    delivery->last = last;
    message = NULL;
    g_queue_push_tail (&kernel->deliveries, delivery);
    ring_kernel_wake_sleepers_locked_ (kernel);
  }
  g_mutex_unlock (&kernel->lock);
  if (message)
    ring_message_unref (message);
  return done;
}

static void
record_times (RingKernel *kernel, const RingMessageHeader *header, guint64 now)
{
  if (header->t_started == 0)
    return;
  ring_histogram_add (&kernel->in_ring, header->t_started - header->t_accepted);
  ring_histogram_add (&kernel->in_kernel,
      header->t_finished - header->t_started);
  ring_histogram_add (&kernel->in_total, now - header->t_accepted);
}

/* The message's last output has been taken: ends its record. @counted: its
 * delivery counts it, or has done so. */
static void
finish_entry (RingKernel *kernel, RingEntry *entry,
    const RingMessageHeader *header, RingOutcome outcome, gboolean counted)
{
  const guint n = kernel->max_outputs;
  const gsize *sizes =
      &kernel->output_sizes[(entry->sequence & kernel->entry_mask) * n];
  const guint64 now = entry->t_accepted ? ring_clock_now () : 0;
  RingCompletionFunc completed = entry->completed;
  gpointer user_data = entry->user_data;
  RingCompletion completion;
  guint32 emitted = entry->emitted;
  guint k;

  if (header && now)
    record_times (kernel, header, now);

  if (outcome == RING_OUTCOME_DONE && !counted)
    ring_count (&kernel->delivered, 1);
  else if (outcome == RING_OUTCOME_DISCARDED)
    ring_count (&kernel->discarded, 1);
  else if (outcome != RING_OUTCOME_DONE)
    ring_count (&kernel->rejected, 1);

  if (entry->by_reference) {
    completion.outcome = outcome;
    completion.sequence = entry->sequence;
    completion.n_outputs = 0;
    completion.source_generation = header ? header->source_generation : 0;
    for (k = 0; emitted && outcome == RING_OUTCOME_DONE; k++, emitted >>= 1) {
      if (emitted & 1) {
        completion.output_index[completion.n_outputs] = k;
        completion.output_size[completion.n_outputs++] = sizes[k];
      }
    }
    completion.t_accepted = entry->t_accepted;
    completion.t_arrived = header ? header->t_arrived : 0;
    completion.t_started = header ? header->t_started : 0;
    completion.t_finished = header ? header->t_finished : 0;
    completion.t_delivered = now;
    if (entry->input_block)
      ring_release_blocks_ (kernel, entry);
  } else {
    ring_release_blocks_ (kernel, entry);
    g_clear_pointer (&entry->message, ring_message_unref);
    g_mutex_lock (&kernel->lock);
    if (entry->caller) {
      entry->caller->outcome = outcome;
      entry->caller->done = TRUE;
      entry->caller = NULL;
      ring_kernel_wake_sleepers_locked_ (kernel);
    }
    g_mutex_unlock (&kernel->lock);
  }
  /* Pairs with the acquire in take_parameter_set. */
  __atomic_sub_fetch (&kernel->parameter_refs[entry->parameter_set], 1,
      __ATOMIC_RELEASE);
  /* Pairs with the acquire in next_entry_is_free. */
  __atomic_store_n (&entry->pending, FALSE, __ATOMIC_RELEASE);

  /* From here on the record may serve the next message: the completion itself may
   * submit one. */
  if (completed)
    completed (kernel, &completion, user_data);
  __atomic_sub_fetch (&kernel->pending, 1, __ATOMIC_RELEASE);
  ring_kernel_wake_waiters_ (kernel);
}

static void
fail_with_device_error (RingKernel *kernel)
{
  const guint32 code =
      ring_load_acquire_u32 (&kernel->instance->control->device.last_error);
  static const gchar *const text[] = {
    [RING_DEVICE_OK] = "it failed without saying why",
    [RING_DEVICE_BAD_MAGIC] = "it found a slot that holds no message",
    [RING_DEVICE_BAD_SEQUENCE] = "it found a gap or a duplicate in its input",
    [RING_DEVICE_BAD_REGION] = "a payload lay outside its memory",
    [RING_DEVICE_ABI_MISMATCH] = "it was built for another ABI",
    [RING_DEVICE_BAD_EMIT] = "it emitted more bytes than its output holds",
  };

  ring_kernel_fail_ (kernel,
      g_error_new (RING_ERROR, RING_ERROR_FAULT, "kernel '%s' faulted: %s",
          ring_kernel_name_ (kernel),
          code < G_N_ELEMENTS (text) ? text[code] : text[0]));
}

/* One slot of the output ring. */
static void
take_slot (RingKernel *kernel, const RingMessageHeader *header)
{
  RingEntry *entry = &kernel->entries[header->entry & kernel->entry_mask];
  const gboolean last = (header->flags & RING_MESSAGE_LAST) != 0;
  RingOutcome outcome = RING_OUTCOME_DONE;
  gboolean counted = FALSE, discarded = FALSE;

  if (header->sequence != kernel->expected_sequence || !entry->pending
      || entry->sequence != header->sequence) {
    ring_count (&kernel->order_errors, 1);
    ring_kernel_fail_ (kernel,
        g_error_new (RING_ERROR, RING_ERROR_FAULT,
            "kernel '%s' returned message %" G_GUINT64_FORMAT
            " where %" G_GUINT64_FORMAT " was due",
            ring_kernel_name_ (kernel), (guint64) header->sequence,
            kernel->expected_sequence));
    return;
  }

  if (header->flags & RING_MESSAGE_FAILED) {
    outcome = RING_OUTCOME_FAILED;
    fail_with_device_error (kernel);
  } else if ((header->flags & RING_MESSAGE_DISCARDED)
      || is_stale (kernel, entry)) {
    outcome = RING_OUTCOME_DISCARDED;
  } else if (!(header->flags & RING_MESSAGE_NO_OUTPUT)) {
    ring_count (&kernel->outputs, 1);
    ring_count (&kernel->bytes_out, header->payload.size);
    entry->emitted |= 1u << header->output_index;
    kernel->output_sizes[(entry->sequence & kernel->entry_mask)
            * kernel->max_outputs
        + header->output_index] = header->payload.size;
    if (!entry->by_reference) {
      counted = !deliver (kernel, entry, make_message (kernel, entry, header),
          last, &discarded);
      if (discarded)
        outcome = RING_OUTCOME_DISCARDED;
    }
  }
  if (last) {
    kernel->expected_sequence++;
    finish_entry (kernel, entry, header, outcome, counted);
  }
}

/* What runs no more, or can never be known to have ended, is over: the harvester's, in
 * whose place nobody harvests any more if the kernel still runs (FALSE). */
static gboolean
finish_lost (RingKernel *kernel)
{
  const gboolean stopped =
      __atomic_load_n (&kernel->lost, __ATOMIC_ACQUIRE) == RING_LOST_STOPPED;
  guint64 sequence, end, held;

  /* Nothing is accepted any more; who was about to has done so. */
  g_mutex_lock (&kernel->send_lock);
  end = kernel->next_sequence;
  g_mutex_unlock (&kernel->send_lock);
  held = ring_load_acquire_u64 (
             &kernel->instance->control->input_consumer.position)
      + kernel->instance->max_running;
  for (sequence = kernel->expected_sequence; sequence < end; sequence++) {
    RingEntry *entry = &kernel->entries[sequence & kernel->entry_mask];
    const gboolean running = !stopped && sequence < held;

    if (!entry->pending)
      continue;
    if (running) {
      /* Not released: the kernel may write there. */
      entry->input_block = NULL;
      entry->message = NULL;
      memset (&kernel->output_blocks[(sequence & kernel->entry_mask)
                  * kernel->max_outputs],
          0, sizeof (gpointer) * kernel->max_outputs);
    }
    finish_entry (kernel, entry, NULL,
        running ? RING_OUTCOME_ABANDONED : RING_OUTCOME_FAILED, FALSE);
  }
  kernel->expected_sequence = end;
  return stopped;
}

void
ring_bridge_harvest_ (RingKernel *kernel)
{
  const RingBackendClass *klass = kernel->instance->klass;
  guint64 n, i;

  if (!ring_claim (&kernel->harvesting))
    return;
  do {
    while ((n = ring_queue_ready (&kernel->output, 64)) > 0) {
      /* One by one, so that a slot is free before a completion submits more. */
      for (i = 0; i < n; i++) {
        RingMessageHeader *slot =
            ring_queue_slot (&kernel->output, kernel->output.position);

        if (klass->ready && !klass->ready (kernel->instance, slot))
          break;
        take_slot (kernel, slot);
        ring_queue_release (&kernel->output, 1);
      }
      /* With several outputs per input, the kernel may have waited for room; and one
       * that is polled may have left meanwhile. */
      if (kernel->max_outputs > 1 || klass->poll)
        klass->wake (kernel->instance);
      if (i < n)
        break;
    }
    if (__atomic_load_n (&kernel->lost, __ATOMIC_ACQUIRE)
        && !finish_lost (kernel))
      return;
  } while (!ring_unclaim (&kernel->harvesting));
}

/* The handle is failed: ends what still runs, by @deadline. Then whatever is in
 * flight is lost, and completes as failed: here, or by whoever harvests. If the kernel
 * cannot be ended, what it may hold is kept for good; a reference to the handle is kept
 * too, because a thread of the backend may come back to it. */
void
ring_bridge_abandon_ (RingKernel *kernel, gint64 deadline)
{
  RingHostWords *host = &kernel->instance->control->host;
  gboolean stopped, known;
  guint tries;

  ring_store_release_u32 (&host->drain, 0);
  ring_store_release_u32 (&host->terminate, 1);
  kernel->instance->klass->wake (kernel->instance);
  stopped = kernel->instance->klass->stop (kernel->instance, deadline);
  if (stopped) {
    ring_bridge_harvest_ (kernel);
    if (__atomic_load_n (&kernel->pending, __ATOMIC_ACQUIRE) == 0)
      return;
  } else {
    g_object_ref (kernel);
    g_mutex_lock (&kernel->lock);
    known = kernel->abandoned;
    kernel->abandoned = TRUE;
    g_cond_broadcast (&kernel->changed);
    g_mutex_unlock (&kernel->lock);
    if (known) {
      g_object_unref (kernel);
      return;
    }
  }
  __atomic_store_n (&kernel->lost,
      stopped ? RING_LOST_STOPPED : RING_LOST_RUNNING, __ATOMIC_RELEASE);
  ring_bridge_harvest_ (kernel);
  /* Somebody else may be at it. If his completion callback hangs, records stay as they
   * are until it does not. */
  for (tries = 0; ring_kernel_pending_ (kernel) > 0 && tries < 1000; tries++)
    g_usleep (100);
}
