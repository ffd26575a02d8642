/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * steps.h: what becomes of one message on the device's side, one text for every
 * backend: what the host wants, whether a message is to be run, on what, and what
 * is said of it afterwards.
 */
#ifndef RING_STEPS_H
#define RING_STEPS_H

#include "ring-queue.h"
#include "worker.h"

/* What the host wants, read once per look at the ring. */
typedef struct
{
  uint32_t run;       /* process what is there */
  uint32_t discard;   /* drop what is there, whatever its epoch */
  uint32_t terminate; /* nothing more is accepted */
  uint32_t leave;     /* end this residency */
  uint64_t epoch;
} RingOrders;

/* Reads them ahead: the look at the ring that follows orders what comes then. Has to
 * be settled before anything else is. The epoch is not among them: it is asked for when
 * there is a message. */
RING_DEVICE RingOrders
ring_orders_look (const RING_GLOBAL RingHostWords *host)
{
  RingOrders orders;
  uint32_t word[4];

  /* active, terminate, drain, leave: see abi.h */
  ring_load_ahead_4_u32 (&host->active, word);
  orders.run = word[0];
  orders.terminate = word[1];
  orders.leave = word[3];
  orders.epoch = 0;
  orders.discard = 0;
  return orders;
}

/* What else has to be known when the end has come, which it seldom has. */
RING_DEVICE void
ring_orders_settle (RING_GLOBAL RingOrders *orders,
    const RING_GLOBAL RingHostWords *host)
{
  if (!orders->terminate)
    return;
  /* Pairs with the releases in core/kernel.c and core/bridge.c: `drain` is written
   * before `terminate`, and so is all that was ever sent. */
  ring_fence_acquire ();
  orders->discard = !ring_load_acquire_u32 (&host->drain);
  orders->run = 1;
}

RING_DEVICE RingOrders
ring_orders_read (const RING_GLOBAL RingHostWords *host)
{
  RingOrders orders = ring_orders_look (host);

  orders.epoch = ring_load_ahead_u64 (&host->epoch);
  ring_orders_settle (&orders, host);
  return orders;
}

/* The orders may be older than the message: one of a later epoch is not stale. */
RING_DEVICE int
ring_message_is_stale (uint64_t epoch, const RingOrders *orders)
{
  return orders->discard || epoch < orders->epoch;
}

/* A handle that is not active still lets go of what was flushed. */
RING_DEVICE int
ring_message_may_be_taken (uint64_t epoch, const RingOrders *orders)
{
  return orders->run || ring_message_is_stale (epoch, orders);
}

RING_DEVICE const RING_GLOBAL RingPayloadRef *
ring_message_output_refs (const RING_GLOBAL RingMessageHeader *header)
{
  return (
      const RING_GLOBAL RingPayloadRef *) ((const RING_GLOBAL uint8_t *) header
      + RING_HEADER_SIZE);
}

/* Finds what the message in @header works on: @in and @outputs, by @regions, with
 * inline bytes in @inline_input and @inline_output. @found: NULL, or the regions that
 * the planes lie in, RING_MAX_PLANES for the input or for each output, by who has fetched
 * them already. Returns RING_DEVICE_OK, or what is wrong.
 *
 * In two parts, for those who can do both at once. */
RING_DEVICE uint32_t
ring_message_resolve_input (const RING_GLOBAL RingMessageHeader *header,
    const RingGeometry *g, const RING_GLOBAL RingRegion *regions,
    const RING_GLOBAL RingRegion *found, RING_GLOBAL uint8_t *inline_input,
    RING_GLOBAL RingView *in)
{
  if (header->magic != RING_MESSAGE_MAGIC
      || header->version != RING_ABI_VERSION)
    return RING_DEVICE_BAD_MAGIC;
  if (ring_view_resolve (in, &header->payload, regions, g->region_count, found,
          inline_input, g->inline_size)
          != 0
      || header->parameter_set >= g->parameter_sets)
    return RING_DEVICE_BAD_REGION;
  in->flags = header->flags;
  in->pts = header->pts;
  in->duration = header->duration;
  return RING_DEVICE_OK;
}

/* @n_outputs: that of @g, maybe as a number that the compiler knows. */
RING_DEVICE uint32_t
ring_message_resolve_outputs (const RING_GLOBAL RingMessageHeader *header,
    const RingGeometry *g, uint32_t n_outputs,
    const RING_GLOBAL RingRegion *regions, const RING_GLOBAL RingRegion *found,
    RING_GLOBAL uint8_t *inline_output, RING_GLOBAL RingView *outputs,
    RING_GLOBAL uint64_t *emitted, uint32_t kernel_flags)
{
  const RING_GLOBAL RingPayloadRef *refs = ring_message_output_refs (header);
  uint32_t k;

  RING_ROLLED
  for (k = 0; k < n_outputs; k++) {
    if (ring_view_resolve (&outputs[k], &refs[k], regions, g->region_count,
            found ? found + k * RING_MAX_PLANES : found,
            inline_output + k * g->inline_size, g->inline_size)
        != 0)
      return RING_DEVICE_BAD_REGION;
    outputs[k].pts = header->pts;
    outputs[k].duration = header->duration;
    outputs[k].flags = header->flags;
    emitted[k] = RING_NOT_EMITTED;
  }
  if (!(kernel_flags & RING_KERNEL_EMITS))
    emitted[0] = outputs[0].size;
  return RING_DEVICE_OK;
}

/* Whether no output is longer than its memory. */
RING_DEVICE int
ring_message_fits (uint32_t n_outputs, const RING_GLOBAL RingView *outputs,
    const RING_GLOBAL uint64_t *emitted)
{
  uint32_t k;

  RING_ROLLED
  for (k = 0; k < n_outputs; k++)
    if (emitted[k] != RING_NOT_EMITTED && emitted[k] > outputs[k].capacity)
      return 0;
  return 1;
}

/* How many slots of the output ring the message takes. */
RING_DEVICE uint32_t
ring_message_count_slots (uint32_t n_outputs, uint32_t flags,
    const RING_GLOBAL uint64_t *emitted)
{
  uint32_t k, n = 0;

  if (flags)
    return 1;
  RING_ROLLED
  for (k = 0; k < n_outputs; k++)
    n += emitted[k] != RING_NOT_EMITTED;
  return n ? n : 1;
}

/* What an output's slot says, but for its sequence, which is the ring's: the
 * input's header with the output's payload. @k is the output, or @n_outputs if
 * nothing came out; @flags say why, or are 0; @first and @last tell where it
 * stands among the message's slots.
 *
 * First who writes the slot copies all of the input's header but the first word, and
 * in place of its payload that of the output; then this says what is different. */
RING_DEVICE void
ring_message_settle_output (RING_GLOBAL RingMessageHeader *output,
    const RING_GLOBAL RingMessageHeader *input, uint32_t n_outputs, uint32_t k,
    const RING_GLOBAL uint64_t *emitted, uint32_t flags, int first, int last)
{
  /* the first alone does not continue what came before */
  const uint32_t kept = first ? input->flags & RING_MESSAGE_DISCONT : 0;
  const int nothing = k == n_outputs;
  const uint64_t size = nothing ? 0 : emitted[k];

  output->flags = flags | kept | (last ? RING_MESSAGE_LAST : 0)
      | (nothing ? RING_MESSAGE_NO_OUTPUT : 0);
  output->output_index = (uint16_t) (nothing ? 0 : k);
  output->depends_handle = 0;
  output->depends_sequence = 0;
  output->payload.size = size;
  if (nothing)
    output->payload.n_planes = 0;
}

#endif /* RING_STEPS_H */
