/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * device-message.h: what a block of the resident loop does with one message: fetches
 * it, settles whether it is run and on what, and says what came of it.
 *
 * A message's slot, its parameters and its views are copied into device memory by
 * the block that fetches it, so that host memory is read once.
 */
#ifndef RING_DEVICE_MESSAGE_H
#define RING_DEVICE_MESSAGE_H

#include "device.h"
#include "residency.h"
#include "steps.h"

/* What all threads of a launch know. */
typedef struct
{
  const RingResidency *r; /* addresses as this thread sees them */
  RingDeviceThread *thread;
  uint32_t kernel_flags; /* RingKernelDescription.flags */
  uint32_t sharing;
} RingLoop;

RING_DEVICE RING_GLOBAL RingDeviceBlock *
ring_loop_area (const RingLoop *loop, uint32_t area)
{
  return (
      RING_GLOBAL RingDeviceBlock *) ((RING_GLOBAL uint8_t *) loop->r->memory
      + sizeof (RingDeviceMemory)
      + area * ring_device_block_stride (&loop->r->geometry));
}

RING_DEVICE void
ring_loop_break (const RingLoop *loop, uint32_t error)
{
  ring_shared_store_release (&loop->r->memory->broken, error);
  ring_store_release_u32 (&loop->r->control->device.last_error, error);
}

/* All lanes of a block copy @bytes, a multiple of eight, between aligned places. */
RING_DEVICE void
ring_loop_copy (const RingLoop *loop, RING_GLOBAL void *to,
    const RING_GLOBAL void *from, uint32_t bytes)
{
  RING_GLOBAL uint64_t *t = (RING_GLOBAL uint64_t *) to;
  const RING_GLOBAL uint64_t *f = (const RING_GLOBAL uint64_t *) from;
  uint32_t i;

  RING_ROLLED
  for (i = loop->thread->lane; i < bytes / 8; i += loop->thread->n_lanes)
    t[i] = f[i];
}

/* The slot has been copied: settles whether its message is run, and on what. */
RING_DEVICE void
ring_loop_judge (const RingLoop *loop, RING_GLOBAL RingDeviceBlock *own,
    const RingOrders *orders, uint64_t sequence, uint64_t parameters)
{
  const RingResidency *r = loop->r;
  const RingGeometry *g = &r->geometry;
  RING_GLOBAL uint8_t *base = (RING_GLOBAL uint8_t *) own;
  RING_GLOBAL RingMessageHeader *header =
      (RING_GLOBAL RingMessageHeader *) (base + ring_device_slot_at (g));
  uint32_t error;

  own->arrived = own->started = own->finished = 0;
  own->copy_parameters = 0;
  if (header->sequence != sequence)
    ring_loop_break (loop, RING_DEVICE_BAD_SEQUENCE);
  if (loop->sharing == RING_SHARING_GRID) {
    /* All messages pass here. From one to the next, the host changes the set's index
     * with its contents; one that others used in between may be another by now. */
    if (header->parameter_set != r->memory->last_set)
      r->memory->parameter_sets++;
    r->memory->last_set = header->parameter_set;
    parameters = r->memory->parameter_sets;
  }
  if (header->parameter_set != own->parameter_set
      || parameters != own->parameters_at) {
    own->parameter_set = ~0u;
    own->copy_parameters = 1;
  }
  own->flags = RING_MESSAGE_DISCARDED;
  if (ring_message_is_stale (header->epoch, orders))
    return;
  own->flags = RING_MESSAGE_FAILED;
  if (ring_shared_load_acquire (&r->memory->broken))
    return;
  error = ring_message_resolve (header, g, r->regions,
      base + ring_device_outputs_at (g), &own->invocation.in, own->outputs,
      own->emitted, loop->kernel_flags);
  if (error) {
    ring_loop_break (loop, error);
    return;
  }
  own->flags = 0;
}

#ifdef RING_DEVICE_ON_HOST
/* A launch's addresses are the device's. */
RING_DEVICE void
ring_residency_localise (RingResidency *r, RingDeviceThread *thread)
{
  r->control = ring_device_address (thread, r->control);
  r->input_slots = ring_device_address (thread, r->input_slots);
  r->output_slots = ring_device_address (thread, r->output_slots);
  r->parameters = ring_device_address (thread, r->parameters);
  r->regions = ring_device_address (thread, r->regions);
  r->memory = ring_device_address (thread, r->memory);
  r->state = ring_device_address (thread, r->state);
  r->scratch = ring_device_address (thread, r->scratch);
}

/* The tables hold device addresses; only what lies in the slot is ours already. */
RING_DEVICE void
ring_loop_localise (const RingLoop *loop, RING_GLOBAL RingView *view,
    const RING_GLOBAL RingPayloadRef *ref)
{
  uint32_t p;

  for (p = 0; p < view->n_planes; p++)
    if (ref->plane[p].region != RING_REGION_INLINE)
      view->plane[p].data =
          ring_device_address (loop->thread, view->plane[p].data);
  if (view->n_planes > 0)
    view->data = view->plane[0].data;
}
#endif

/* Fetches the message at @position, with all lanes; @scratch is what it has. */
RING_DEVICE void
ring_loop_fetch (const RingLoop *loop, RING_GLOBAL RingDeviceBlock *own,
    uint64_t position, const RingOrders *orders, uint64_t sequence,
    uint64_t parameters, RING_GLOBAL uint8_t *scratch)
{
  const RingResidency *r = loop->r;
  const RingGeometry *g = &r->geometry;
  RING_GLOBAL uint8_t *base = (RING_GLOBAL uint8_t *) own;
  RING_GLOBAL RingMessageHeader *header =
      (RING_GLOBAL RingMessageHeader *) (base + ring_device_slot_at (g));

  ring_loop_copy (loop, header,
      r->input_slots + (position & (g->input_capacity - 1)) * g->input_stride,
      g->input_stride);
  ring_device_sync_block (loop->thread);
  if (loop->thread->lane == 0) {
    ring_loop_judge (loop, own, orders, sequence, parameters);
    own->invocation.outputs = own->outputs;
    own->invocation.parameters = base + ring_device_parameters_at ();
    own->invocation.state = r->state;
    own->invocation.scratch = scratch;
#ifdef RING_DEVICE_ON_HOST
    if (own->flags == 0) {
      uint32_t k;

      ring_loop_localise (loop, &own->invocation.in, &header->payload);
      for (k = 0; k < g->max_outputs; k++)
        ring_loop_localise (loop, &own->outputs[k],
            &ring_message_output_refs (header)[k]);
    }
#endif
  }
  ring_device_sync_block (loop->thread);
  if (own->flags == 0 && own->copy_parameters) {
    ring_loop_copy (loop, base + ring_device_parameters_at (),
        r->parameters + (uint64_t) header->parameter_set * g->parameter_stride,
        g->parameter_stride);
    ring_device_sync_block (loop->thread);
    if (loop->thread->lane == 0) {
      own->parameter_set = header->parameter_set;
      own->parameters_at = parameters;
    }
  }
}

/* The message is finished: what came of it is checked and counted. One lane. */
RING_DEVICE void
ring_loop_finish (const RingLoop *loop, RING_GLOBAL RingDeviceBlock *own)
{
  if (own->flags == 0
      && !ring_message_fits (&loop->r->geometry, own->outputs, own->emitted)) {
    ring_loop_break (loop, RING_DEVICE_BAD_EMIT);
    own->flags = RING_MESSAGE_FAILED;
  }
  if (loop->r->flags & RING_RESIDENCY_TELEMETRY && own->flags == 0)
    own->finished = ring_device_clock (loop->thread);
  own->slots =
      ring_message_count_slots (&loop->r->geometry, own->flags, own->emitted);
}

/* Writes the message's slots from own->output on, with all lanes, but for their
 * sequences. */
RING_DEVICE void
ring_loop_describe (const RingLoop *loop, RING_GLOBAL RingDeviceBlock *own)
{
  const RingResidency *r = loop->r;
  const RingGeometry *g = &r->geometry;
  RING_GLOBAL uint8_t *base = (RING_GLOBAL uint8_t *) own;
  const RING_GLOBAL RingMessageHeader *header =
      (const RING_GLOBAL RingMessageHeader *) (base + ring_device_slot_at (g));
  uint32_t i;

  for (i = 0; i < own->slots; i++) {
    RING_GLOBAL uint8_t *slot = r->output_slots
        + ((own->output + i) & (g->output_capacity - 1)) * g->output_stride;
    uint32_t k;

    if (loop->thread->lane == 0) {
      k = i == 0 ? 0 : own->next + 1;
      if (own->flags)
        k = g->max_outputs;
      while (k < g->max_outputs && own->emitted[k] == RING_NOT_EMITTED)
        k++;
      ring_message_describe_output (&own->result, header, g, k, own->emitted,
          own->flags, i == 0, i + 1 == own->slots);
      own->result.t_arrived = own->arrived;
      own->result.t_started = own->started;
      own->result.t_finished = own->finished;
      own->next = k;
    }
    ring_device_sync_block (loop->thread);
    k = own->next;
    /* Not the first word: it is the ring's. */
    ring_loop_copy (loop, slot + 8, (RING_GLOBAL uint8_t *) &own->result + 8,
        RING_HEADER_SIZE - 8);
    if (k < g->max_outputs && own->result.payload.n_planes > 0
        && own->result.payload.plane[0].region == RING_REGION_INLINE) {
      /* A frame's size counts what lies between its rows where it came from. */
      const uint64_t size = own->result.payload.size < g->inline_size
          ? own->result.payload.size
          : g->inline_size;

      ring_loop_copy (loop, slot + g->output_inline_offset,
          base + ring_device_outputs_at (g) + k * g->inline_size,
          (uint32_t) (size + 7) / 8 * 8);
    }
    ring_device_sync_block (loop->thread);
  }
}

#endif /* RING_DEVICE_MESSAGE_H */
