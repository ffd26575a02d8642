/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * device-message.h: what a block of the resident loop does with one message: fetches
 * it, settles whether it is run and on what, and says what came of it.
 *
 * A message's slot and its views lie in its block's own memory, its parameters in
 * device memory, so that host memory is read once.
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
  RING_GLOBAL uint8_t *jobs; /* this block's, two of job_size bytes */
  uint32_t n_outputs;        /* of the geometry: here the compiler knows it */
  uint32_t job_size;
  uint32_t kernel_flags; /* RingKernelDescription.flags */
  uint32_t sharing;
  uint32_t stateless; /* one message does not depend on those before it */
} RingLoop;

RING_DEVICE RING_GLOBAL RingDeviceArea *
ring_loop_area (const RingLoop *loop, uint32_t area)
{
  return (RING_GLOBAL RingDeviceArea *) ((RING_GLOBAL uint8_t *) loop->r->memory
      + sizeof (RingDeviceMemory)
      + (uint64_t) area * ring_area_stride (&loop->r->geometry));
}

/* The block's own memory for a message; only the first block has a second one. */
RING_DEVICE RING_GLOBAL RingDeviceJob *
ring_loop_job (const RingLoop *loop, uint32_t i)
{
  return (RING_GLOBAL RingDeviceJob *) (loop->jobs + i * loop->job_size);
}

RING_DEVICE RING_GLOBAL RingMessageHeader *
ring_loop_header (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job)
{
  return (RING_GLOBAL RingMessageHeader *) ((RING_GLOBAL uint8_t *) job
      + ring_job_slot_at (&loop->r->geometry));
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

/* Finds the regions that the message's planes lie in, each lane one of them. */
RING_DEVICE void
ring_loop_find_regions (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job)
{
  const RingGeometry *g = &loop->r->geometry;
  const RING_GLOBAL RingMessageHeader *header = ring_loop_header (loop, job);
  const RING_GLOBAL RingPayloadRef *outputs = ring_message_output_refs (header);
  uint32_t i;

  RING_ROLLED
  for (i = loop->thread->lane; i < (1 + loop->n_outputs) * RING_MAX_PLANES;
       i += loop->thread->n_lanes) {
    const uint32_t p = i % RING_MAX_PLANES;
    const RING_GLOBAL RingPayloadRef *payload = i < RING_MAX_PLANES
        ? &header->payload
        : &outputs[i / RING_MAX_PLANES - 1];
    const uint32_t region = payload->plane[p].region;

    if (p < payload->n_planes && region != RING_REGION_INLINE
        && region < g->region_count)
      job->where[i] = loop->r->regions[region];
  }
}

/* Whether all blocks are to run it; a short message is done before the other blocks
 * have heard of it. */
RING_DEVICE uint32_t
ring_loop_is_for_all (const RingLoop *loop,
    const RING_GLOBAL RingMessageHeader *header, int may_tell)
{
  const uint64_t below = loop->r->alone_below;

  return may_tell
      && (header->payload.size >= below
          || ring_message_output_refs (header)[0].size >= below);
}

/* The slot has been copied: finds what the message is about. Two lanes, where there are
 * so many warps, so that one does not wait for what the other does. */
RING_DEVICE void
ring_loop_resolve (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job,
    RING_GLOBAL uint8_t *area, int may_tell)
{
  const RingResidency *r = loop->r;
  const RingGeometry *g = &r->geometry;
  RING_GLOBAL uint8_t *base = (RING_GLOBAL uint8_t *) job;
  const RING_GLOBAL RingMessageHeader *header = ring_loop_header (loop, job);
  const uint32_t lane = loop->thread->lane;
  const uint32_t other = loop->thread->n_lanes > 32 ? 32 : 0;
  uint32_t told;

  if (lane != 0 && lane != other)
    return;
  /* What other blocks are to see cannot lie in this one's memory. */
  told = ring_loop_is_for_all (loop, header, may_tell);
  if (lane == 0)
    job->input_error =
        ring_message_resolve_input (header, g, r->regions, job->where,
            told ? area + ring_area_slot_at (g) + g->input_inline_offset
                 : base + ring_job_slot_at (g) + g->input_inline_offset,
            &job->invocation.in);
  if (lane == other)
    job->output_error = ring_message_resolve_outputs (header, g,
        loop->n_outputs, r->regions, job->where + RING_MAX_PLANES,
        told ? area + ring_area_outputs_at (g) : base + ring_job_outputs_at (),
        job->outputs, job->emitted, loop->kernel_flags);
}

/* And a third: whether its parameters are there. */
RING_DEVICE void
ring_loop_need_parameters (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job,
    RING_GLOBAL RingDeviceArea *area, uint64_t parameters,
    RING_GLOBAL RingLeader *leader)
{
  const uint32_t set = ring_loop_header (loop, job)->parameter_set;

  if (leader) {
    /* All messages pass here. From one to the next, the host changes the set's index
     * with its contents; one that others used in between may be another by now. */
    if (set != leader->last_set)
      leader->parameter_sets++;
    leader->last_set = set;
    parameters = leader->parameter_sets << 1 | 1;
  }
  job->copy_parameters = set < loop->r->geometry.parameter_sets
      && (set != job->parameter_set || parameters != job->parameters_at);
  job->parameter_set = set;
  job->parameters_at = parameters;
  if (job->copy_parameters && ring_sets_are_large (&loop->r->geometry)) {
    area->job.parameter_set = set;
    area->job.parameters_at = parameters;
  }
}

/* Before the first message of a residency: what @area holds from the one before. Large
 * sets have seen no other block's messages. */
RING_DEVICE void
ring_loop_recall_parameters (const RingLoop *loop,
    RING_GLOBAL RingDeviceJob *job, const RING_GLOBAL RingDeviceArea *area)
{
  job->parameter_set = ~0u;
  if (ring_sets_are_large (&loop->r->geometry)) {
    job->parameter_set = area->job.parameter_set;
    job->parameters_at = area->job.parameters_at;
  }
}

/* Then: settles whether it is run. One lane. */
RING_DEVICE void
ring_loop_judge (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job,
    const RingOrders *orders, uint64_t sequence, int may_tell)
{
  const RING_GLOBAL RingMessageHeader *header = ring_loop_header (loop, job);
  uint32_t error = job->input_error ? job->input_error : job->output_error;

  job->told = 0;
  if (header->sequence != sequence) {
    job->broken = RING_DEVICE_BAD_SEQUENCE;
    ring_loop_break (loop, RING_DEVICE_BAD_SEQUENCE);
  }
  job->flags = RING_MESSAGE_DISCARDED;
  if (ring_message_is_stale (header->epoch, orders))
    return;
  job->flags = RING_MESSAGE_FAILED;
  if (job->broken)
    return;
  if (error) {
    ring_loop_break (loop, error);
    return;
  }
  job->told = ring_loop_is_for_all (loop, header, may_tell);
  job->flags = 0;
}

#ifdef RING_DEVICE_ON_HOST
/* Where no block has memory of its own: behind the areas. */
RING_DEVICE RING_GLOBAL uint8_t *
ring_loop_jobs_elsewhere (const RingLoop *loop)
{
  const uint32_t block = loop->thread->block;

  return (RING_GLOBAL uint8_t *) ring_loop_area (loop,
             loop->thread->n_blocks + 1)
      + (uint64_t) (block + (block > 0)) * loop->job_size;
}

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

/* Where the area has a set of parameters. */
RING_DEVICE RING_GLOBAL uint8_t *
ring_loop_area_parameters (const RingLoop *loop,
    RING_GLOBAL RingDeviceArea *area)
{
  const RingGeometry *g = &loop->r->geometry;

  return ring_sets_are_large (g)
      ? (RING_GLOBAL uint8_t *) loop->r->memory
          + ring_large_sets_at (g, loop->thread->n_blocks)
          + (area == ring_loop_area (loop, 0)
                  ? 0
                  : RING_LINES (g->parameter_stride))
      : (RING_GLOBAL uint8_t *) area + ring_area_parameters_at ();
}

/* Where the block has the set of parameters of its message. */
RING_DEVICE RING_GLOBAL uint8_t *
ring_loop_parameters (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job,
    RING_GLOBAL RingDeviceArea *area)
{
  return loop->r->geometry.parameter_stride <= RING_LARGEST_NEAR_SET
      ? (RING_GLOBAL uint8_t *) job + ring_job_parameters_at ()
      : ring_loop_area_parameters (loop, area);
}

/* How much of the @set in the table has to be fetched. */
RING_DEVICE uint32_t
ring_loop_used_of_set (const RingLoop *loop, const RING_GLOBAL uint8_t *set)
{
  const uint32_t stride = loop->r->geometry.parameter_stride;
  uint64_t used = 0;

  if (stride > RING_SHORT_SET)
    used = *(const RING_GLOBAL uint64_t *) (set + stride - sizeof (uint64_t));
  return used > 0 && used < stride ? (uint32_t) ((used + 7) / 8 * 8) : stride;
}

/* Copies what the other blocks need to know of the message in @job to @area. */
RING_DEVICE void
ring_loop_tell (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job,
    RING_GLOBAL RingDeviceArea *area)
{
  const RingGeometry *g = &loop->r->geometry;
  RING_GLOBAL uint8_t *set = ring_loop_area_parameters (loop, area);

  ring_loop_copy (loop, &area->job, job,
      RING_OFFSETOF (RingDeviceJob, outputs)
          + loop->n_outputs * (uint32_t) sizeof (RingView));
  ring_loop_copy (loop,
      (RING_GLOBAL uint8_t *) area + ring_area_slot_at (g)
          + g->input_inline_offset,
      (const RING_GLOBAL uint8_t *) job + ring_job_slot_at (g)
          + g->input_inline_offset,
      g->input_stride - g->input_inline_offset);
  if (ring_loop_parameters (loop, job, area) != set)
    ring_loop_copy (loop, set, ring_loop_parameters (loop, job, area),
        g->parameter_stride);
}

/* The other way round, by one of the others. All lanes, which then have to meet. */
RING_DEVICE void
ring_loop_hear (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job,
    RING_GLOBAL RingDeviceArea *area)
{
  /* Not what is emitted: who has heard before may be writing it. */
  ring_loop_copy (loop, job, &area->job,
      RING_OFFSETOF (RingDeviceJob, emitted));
  ring_loop_copy (loop, &job->invocation, &area->job.invocation,
      RING_OFFSETOF (RingDeviceJob, outputs)
          - RING_OFFSETOF (RingDeviceJob, invocation)
          + loop->n_outputs * (uint32_t) sizeof (RingView));
  ring_device_sync_block (loop->thread);
  if (loop->thread->lane == 0) {
    job->invocation.outputs = job->outputs;
    job->invocation.parameters = ring_loop_area_parameters (loop, area);
  }
}

/* Fetches the message at @position into @job, with all lanes, and its parameters into
 * @area; @scratch is what it has. With @leader it may be for all blocks, and @parameters,
 * an even number that tells the generation of their table, is not used. */
RING_DEVICE void
ring_loop_fetch (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job,
    RING_GLOBAL RingDeviceArea *area, uint64_t position, RingOrders *orders,
    uint64_t sequence, uint64_t parameters, RING_GLOBAL uint8_t *scratch,
    RING_GLOBAL RingLeader *leader)
{
  const RingResidency *r = loop->r;
  const RingGeometry *g = &r->geometry;
  RING_GLOBAL RingMessageHeader *header = ring_loop_header (loop, job);
  const uint32_t last = loop->thread->n_lanes - 1;
  const int may_tell = leader && loop->thread->n_blocks > 1;

  ring_loop_copy (loop, header,
      r->input_slots + (position & (g->input_capacity - 1)) * g->input_stride,
      g->input_stride);
  /* The last lane has less to copy than the first. */
  if (loop->thread->lane == last) {
    job->arrived = r->flags & RING_RESIDENCY_TELEMETRY
        ? ring_device_clock (loop->thread)
        : 0;
    job->started = 0;
    job->broken = ring_shared_load_acquire (&r->memory->broken);
    job->epoch =
        leader ? ring_load_ahead_u64 (&r->control->host.epoch) : orders->epoch;
  }
  ring_device_sync_block (loop->thread);
  ring_loop_find_regions (loop, job);
  /* What is said of it in the end is what it says of itself, but for a few words. */
  ring_loop_copy (loop, &job->result, header,
      RING_OFFSETOF (RingMessageHeader, payload));
  ring_loop_copy (loop, &job->result.payload, ring_message_output_refs (header),
      sizeof (RingPayloadRef));
  ring_device_sync_block (loop->thread);
  ring_loop_resolve (loop, job, (RING_GLOBAL uint8_t *) area, may_tell);
  if (loop->thread->lane == last) {
    ring_loop_need_parameters (loop, job, area, parameters, leader);
    job->invocation.outputs = job->outputs;
    job->invocation.parameters = ring_loop_parameters (loop, job, area);
    job->invocation.state = r->state;
    job->invocation.scratch = scratch;
  }
  ring_device_sync_block (loop->thread);
  if (loop->thread->lane == 0) {
    orders->epoch = job->epoch;
    ring_loop_judge (loop, job, orders, sequence, may_tell);
#ifdef RING_DEVICE_ON_HOST
    if (job->flags == 0) {
      uint32_t k;

      ring_loop_localise (loop, &job->invocation.in, &header->payload);
      for (k = 0; k < loop->n_outputs; k++)
        ring_loop_localise (loop, &job->outputs[k],
            &ring_message_output_refs (header)[k]);
    }
#endif
  }
  if (job->copy_parameters) {
    const RING_GLOBAL uint8_t *set =
        r->parameters + (uint64_t) header->parameter_set * g->parameter_stride;

    ring_loop_copy (loop, ring_loop_parameters (loop, job, area), set,
        ring_loop_used_of_set (loop, set));
  }
  if (may_tell) {
    ring_device_sync_block (loop->thread);
    if (job->told)
      ring_loop_tell (loop, job, area);
  }
}

/* The message is finished: what came of it is checked and counted. One lane. */
RING_DEVICE void
ring_loop_finish (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job,
    const RING_GLOBAL RingDeviceArea *area)
{
  /* The clock is far away: asked first, and listened to last. */
  const uint64_t now = loop->r->flags & RING_RESIDENCY_TELEMETRY
      ? ring_device_clock (loop->thread)
      : 0;
  uint32_t k;

  if (job->told && loop->kernel_flags & RING_KERNEL_EMITS) {
    RING_ROLLED
    for (k = 0; k < loop->n_outputs; k++)
      job->emitted[k] = area->job.emitted[k];
  }
  if (job->flags == 0
      && !ring_message_fits (loop->n_outputs, job->outputs, job->emitted)) {
    ring_loop_break (loop, RING_DEVICE_BAD_EMIT);
    job->flags = RING_MESSAGE_FAILED;
  }
  job->slots =
      ring_message_count_slots (loop->n_outputs, job->flags, job->emitted);
  job->finished = now;
}

/* Settles what the @i-th of the message's slots says. One lane. */
RING_DEVICE void
ring_loop_settle_slot (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job,
    uint32_t i)
{
  const RING_GLOBAL RingMessageHeader *header = ring_loop_header (loop, job);
  const uint32_t n = loop->n_outputs;
  uint32_t k = i == 0 ? 0 : job->next + 1;

  if (job->flags)
    k = n;
  while (k < n && job->emitted[k] == RING_NOT_EMITTED)
    k++;
  /* The first one's payload is there already. */
  if (k > 0 && k < n)
    job->result.payload = ring_message_output_refs (header)[k];
  ring_message_settle_output (&job->result, header, n, k, job->emitted,
      job->flags, i == 0, i + 1 == job->slots);
  job->result.t_arrived = job->flags ? 0 : job->arrived;
  job->result.t_started = job->flags ? 0 : job->started;
  job->result.t_finished = job->flags ? 0 : job->finished;
  job->next = k;
}

/* Writes the message's slots from job->output on, with all lanes, but for their
 * sequences. The first one is settled. */
RING_DEVICE void
ring_loop_describe (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job,
    const RING_GLOBAL RingDeviceArea *area)
{
  const RingResidency *r = loop->r;
  const RingGeometry *g = &r->geometry;
  const RING_GLOBAL uint8_t *outputs = job->told
      ? (const RING_GLOBAL uint8_t *) area + ring_area_outputs_at (g)
      : (const RING_GLOBAL uint8_t *) job + ring_job_outputs_at ();
  uint32_t i;

  for (i = 0; i < job->slots; i++) {
    RING_GLOBAL uint8_t *slot = r->output_slots
        + ((job->output + i) & (g->output_capacity - 1)) * g->output_stride;
    uint32_t k;

    if (i > 0) {
      ring_device_sync_block (loop->thread);
      if (loop->thread->lane == 0)
        ring_loop_settle_slot (loop, job, i);
      ring_device_sync_block (loop->thread);
    }
    k = job->next;
    /* Not the first word: it is the ring's. */
    ring_loop_copy (loop, slot + 8, (RING_GLOBAL uint8_t *) &job->result + 8,
        RING_HEADER_SIZE - 8);
    if (k < loop->n_outputs && job->result.payload.n_planes > 0
        && job->result.payload.plane[0].region == RING_REGION_INLINE) {
      /* A frame's size counts what lies between its rows where it came from. */
      const uint64_t size = job->result.payload.size < g->inline_size
          ? job->result.payload.size
          : g->inline_size;

      ring_loop_copy (loop, slot + g->output_inline_offset,
          outputs + k * g->inline_size, (uint32_t) (size + 7) / 8 * 8);
    }
  }
}

#endif /* RING_DEVICE_MESSAGE_H */
