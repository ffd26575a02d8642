/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * device-loop.h: the resident kernel's loop, one text for all kernels and for
 * every device that has blocks of threads.
 *
 * One thread, the leader, polls the ring and the host's words, and says what all
 * others do; so the loop's exit is uniform, and no other thread touches a ring's
 * positions. What it says reaches the other blocks through one generation word.
 * Output space is reserved before a message is taken.
 *
 *   leader  look -> task -> (generation) -> … -> publish
 *   block           fetch -> judge -> run -> describe -> (done)
 *
 * A message's slot, its parameters and its views are copied into device memory by
 * the block that fetches it, so that host memory is read once.
 */
#ifndef RING_DEVICE_LOOP_H
#define RING_DEVICE_LOOP_H

#include "device.h"
#include "residency.h"
#include "steps.h"

/* Empty looks at the ring double the pause between them, up to this. */
#define RING_LONGEST_PAUSE 1000u /* ns */
/* At the most so many ns between two heartbeats of a kernel that waits. */
#define RING_HEARTBEAT_EVERY 50000u

/* What all threads of a launch know. */
typedef struct
{
  const RingResidency *r; /* addresses as this thread sees them */
  RingDeviceThread *thread;
  uint32_t kernel_flags; /* RingKernelDescription.flags */
  uint32_t sharing;
} RingLoop;

RING_DEVICE RING_GLOBAL RingDeviceBlock *
ring_loop_block (const RingLoop *loop, uint32_t block)
{
  return (
      RING_GLOBAL RingDeviceBlock *) ((RING_GLOBAL uint8_t *) loop->r->memory
      + sizeof (RingDeviceMemory)
      + block * ring_device_block_stride (&loop->r->geometry));
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

/* ---- the grid's barrier -------------------------------------------------------- */

/* A worker's barrier: its block's, and the grid's where the message has all of it. */
RING_DEVICE void
ring_loop_barrier (RingWorker *ring)
{
  const RingLoop *loop = (const RingLoop *) ring->team;
  RingDeviceThread *thread = loop->thread;

  ring_device_sync_block (thread);
  if (ring->n_blocks == 1)
    return;
  if (thread->lane == 0) {
    RING_GLOBAL uint64_t *arrived = &loop->r->memory->arrived;
    /* Counts up for ever: the barrier is passed when all have come once more.
     * The add releases what this block wrote, the load acquires the others'. */
    const uint64_t mine = ring_shared_add (arrived, 1);
    const uint64_t wanted = (mine / ring->n_blocks + 1) * ring->n_blocks;

    while (ring_shared_load_acquire (arrived) < wanted)
      ring_device_pause (thread, 20);
  }
  ring_device_sync_block (thread);
}

/* ---- the leader ------------------------------------------------------------------ */

RING_DEVICE void
ring_loop_break (const RingLoop *loop, uint32_t error)
{
  ring_shared_store_release (&loop->r->memory->broken, error);
  ring_store_release_u32 (&loop->r->control->device.last_error, error);
}

RING_DEVICE void
ring_leader_begin (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  const RingResidency *r = loop->r;
  const RingGeometry *g = &r->geometry;
  RING_GLOBAL RingDeviceMemory *memory = r->memory;
  RING_GLOBAL RingDeviceWords *words = &r->control->device;

  leader->input.slots = r->input_slots;
  leader->input.producer = &r->control->input_producer;
  leader->input.consumer = &r->control->input_consumer;
  leader->input.capacity = g->input_capacity;
  leader->input.stride = g->input_stride;
  leader->input.position = memory->input_position;
  leader->input.peer = 0;
  leader->output.slots = r->output_slots;
  leader->output.producer = &r->control->output_producer;
  leader->output.consumer = &r->control->output_consumer;
  leader->output.capacity = g->output_capacity;
  leader->output.stride = g->output_stride;
  leader->output.position = memory->output_position;
  leader->output.peer =
      ring_load_acquire_u64 (&leader->output.consumer->position);
  leader->commanded = memory->generation;
  leader->lease = ring_load_acquire_u64 (&r->control->host.lease_ns);
  leader->idle_timeout =
      ring_load_acquire_u64 (&r->control->host.idle_timeout_ns);
  leader->looked = 0;
  leader->begin = leader->busy = leader->beat =
      ring_device_clock (loop->thread);

  ring_store_release_u32 (&words->abi_version, RING_ABI_VERSION);
  ring_store_release_u64 (&words->layout_hash, RING_LAYOUT_HASH);
  ring_store_release_u64 (&words->heartbeat, ++memory->heartbeat);
  /* The count comes last: who sees it does not take the residency before, which
   * has ended, for this one. */
  ring_store_release_u32 (&words->residency, RING_RESIDENCY_RESIDENT);
  if (memory->exit_reason == RING_EXIT_LEASE)
    ring_store_release_u64 (&words->relaunches, ++memory->relaunches);
  ring_store_release_u64 (&words->residencies, ++memory->residencies);
}

/* Ends the residency, as far as the host can see: what remains is that all threads
 * return. */
RING_DEVICE void
ring_leader_end (const RingLoop *loop, RING_GLOBAL RingLeader *leader,
    uint32_t reason)
{
  RING_GLOBAL RingDeviceMemory *memory = loop->r->memory;
  RING_GLOBAL RingDeviceWords *words = &loop->r->control->device;

  memory->input_position = leader->input.position;
  memory->output_position = leader->output.position;
  memory->exit_reason = reason;
  ring_store_release_u32 (&words->exit_reason, reason);
  ring_store_release_u32 (&words->residency, RING_RESIDENCY_EXITED);
}

/* How many messages may be taken now: at most @max, with room for what may come of
 * each. */
RING_DEVICE uint32_t
ring_leader_ready (const RingLoop *loop, RING_GLOBAL RingLeader *leader,
    uint32_t max)
{
  const uint32_t n_outputs = loop->r->geometry.max_outputs;
  uint32_t ready = (uint32_t) ring_queue_ready (&leader->input, max);
  uint64_t space;

  if (ready == 0)
    return 0;
  if (!leader->orders.run) {
    /* Only what was flushed is taken; its epoch lies in the slot. */
    if (!ring_message_is_stale (
            ring_queue_slot (&leader->input, leader->input.position)->epoch,
            &leader->orders))
      return 0;
    ready = 1;
  }
  space = ring_queue_space (&leader->output, (uint64_t) ready * n_outputs);
  if (space < (uint64_t) ready * n_outputs)
    ready = (uint32_t) (space / n_outputs);
  return ready;
}

/* Polls until there is something to do. Returns the task; @count messages of a
 * batch. */
RING_DEVICE uint32_t
ring_leader_look (const RingLoop *loop, RING_GLOBAL RingLeader *leader,
    uint32_t *count)
{
  const RingResidency *r = loop->r;
  const RING_GLOBAL RingHostWords *host = &r->control->host;
  const int batches =
      loop->sharing == RING_SHARING_BLOCK && loop->thread->n_blocks > 1;
  uint32_t pause = 32, looks = 0, reason = RING_EXIT_NONE;
  int terminating = 0;

  for (;;) {
    const uint64_t now = ring_device_clock (loop->thread);
    uint32_t ready;

    leader->orders = ring_orders_read (host);
    if (leader->orders.leave)
      reason = RING_EXIT_LEAVE;
    else if (leader->lease > 0 && leader->looked
        && now - leader->begin >= leader->lease)
      reason = RING_EXIT_LEASE;
    if (reason)
      break;
    leader->looked = 1;
    ready =
        ring_leader_ready (loop, leader, batches ? loop->thread->n_blocks : 1);
    if (ready > 0) {
      *count = ready;
      return batches && ready > 1 ? RING_TASK_BATCH : RING_TASK_MESSAGE;
    }
    /* Nothing is accepted after `terminate`: what a look finds that began after
     * it was seen is all that there is. */
    if (terminating && ring_queue_ready (&leader->input, 1) == 0)
      reason = RING_EXIT_TERMINATE;
    else if (!leader->orders.run)
      reason = RING_EXIT_INACTIVE;
    else if (now - leader->busy >= leader->idle_timeout
        || ((r->flags & RING_RESIDENCY_ONE_BATCH) && looks > 0))
      reason = RING_EXIT_IDLE;
    if (reason)
      break;
    terminating = leader->orders.terminate != 0;
    looks++;
    if (now - leader->beat >= RING_HEARTBEAT_EVERY) {
      leader->beat = now;
      ring_store_release_u64 (&r->control->device.heartbeat,
          ++r->memory->heartbeat);
    }
    ring_device_pause (loop->thread, pause);
    pause = pause < RING_LONGEST_PAUSE ? pause * 2 : RING_LONGEST_PAUSE;
  }
  ring_leader_end (loop, leader, reason);
  return RING_TASK_LEAVE;
}

/* Tells the other blocks; their lanes see all that this block wrote before. */
RING_DEVICE void
ring_leader_command (const RingLoop *loop, RING_GLOBAL RingLeader *leader,
    uint32_t task, uint32_t count)
{
  RING_GLOBAL RingDeviceMemory *memory = loop->r->memory;

  memory->task = task;
  memory->count = count;
  memory->position = leader->input.position;
  memory->output = leader->output.position;
  memory->sequence = memory->expected_sequence;
  memory->epoch = leader->orders.epoch;
  memory->run = leader->orders.run;
  memory->discard = leader->orders.discard;
  if (task == RING_TASK_BATCH) {
    memory->output_end = leader->output.position;
    /* After the ring was seen: no set of a message in it is newer. */
    memory->parameters =
        ring_load_acquire_u64 (&loop->r->control->host.parameter_generation);
  }
  ring_shared_store_release (&memory->generation, ++leader->commanded);
}

/* Waits until the other blocks have finished all commands so far. */
RING_DEVICE void
ring_leader_wait (const RingLoop *loop, const RING_GLOBAL RingLeader *leader)
{
  const uint64_t wanted = leader->commanded * (loop->thread->n_blocks - 1);

  while (ring_shared_load_acquire (&loop->r->memory->done) < wanted)
    ring_device_pause (loop->thread, 20);
}

/* Hands @n messages back and their @slots on, in that order: who sees an output
 * may send as many again. */
RING_DEVICE void
ring_leader_publish (const RingLoop *loop, RING_GLOBAL RingLeader *leader,
    uint32_t n, uint32_t slots)
{
  RING_GLOBAL RingDeviceMemory *memory = loop->r->memory;
  RING_GLOBAL RingDeviceWords *words = &loop->r->control->device;

  ring_queue_release (&leader->input, n);
  ring_queue_publish (&leader->output, slots);
  memory->expected_sequence += n;
  memory->processed += n;
  ring_store_release_u64 (&words->processed, memory->processed);
  ring_store_release_u64 (&words->heartbeat, ++memory->heartbeat);
  leader->busy = leader->beat = ring_device_clock (loop->thread);
}

/* ---- one message in one block ------------------------------------------------------ */

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

  own->started = own->finished = 0;
  own->copy_parameters = 0;
  if (header->sequence != sequence)
    ring_loop_break (loop, RING_DEVICE_BAD_SEQUENCE);
  /* Every message is looked at: a set that others used in between may have been
   * written anew. */
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

/* Fetches the message at own->position, with all lanes. */
RING_DEVICE void
ring_loop_fetch (const RingLoop *loop, RING_GLOBAL RingDeviceBlock *own,
    const RingOrders *orders, uint64_t sequence, uint64_t parameters)
{
  const RingResidency *r = loop->r;
  const RingGeometry *g = &r->geometry;
  RING_GLOBAL uint8_t *base = (RING_GLOBAL uint8_t *) own;
  RING_GLOBAL RingMessageHeader *header =
      (RING_GLOBAL RingMessageHeader *) (base + ring_device_slot_at (g));

  ring_loop_copy (loop, header,
      r->input_slots
          + (own->position & (g->input_capacity - 1)) * g->input_stride,
      g->input_stride);
  ring_device_sync_block (loop->thread);
  if (loop->thread->lane == 0) {
    ring_loop_judge (loop, own, orders, sequence, parameters);
    own->invocation.outputs = own->outputs;
    own->invocation.parameters = base + ring_device_parameters_at ();
    own->invocation.state = r->state;
    own->invocation.scratch = own->task == RING_TASK_BATCH
        ? r->scratch + loop->thread->block * r->scratch_stride
        : r->scratch;
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

/* ---- the loop ------------------------------------------------------------------------ */

/* A batch of a kernel that says itself how much it emits: where a block's slots
 * begin is known when the block before has written its own. */
RING_DEVICE void
ring_loop_take_turn (const RingLoop *loop, RING_GLOBAL RingDeviceBlock *own,
    uint64_t turn)
{
  while (ring_shared_load_acquire (&loop->r->memory->turn) != turn)
    ring_device_pause (loop->thread, 20);
  own->output = loop->r->memory->output_end;
}

typedef void (
    *RingRunFunc) (const RingInvocation *invocation, RingWorker *ring);

/* Runs a residency; every thread of the launch is in here. */
RING_DEVICE void
ring_device_loop (const RingLoop *loop, RingRunFunc run)
{
  const RingResidency *r = loop->r;
  RingDeviceThread *thread = loop->thread;
  RING_GLOBAL RingDeviceMemory *memory = r->memory;
  RING_GLOBAL RingDeviceBlock *own = ring_loop_block (loop, thread->block);
  RING_GLOBAL RingDeviceBlock *first = ring_loop_block (loop, 0);
  const int leads = thread->block == 0 && thread->lane == 0;
  const int emits = (loop->kernel_flags & RING_KERNEL_EMITS) != 0;
  RING_GLOBAL RingLeader *leader = &memory->leader; /* the leader's alone */
  RingWorker worker;

  worker.lane = thread->lane;
  worker.n_lanes = thread->n_lanes;
  worker.team = (void *) loop;
#ifdef RING_DEVICE_ON_HOST
  worker.barrier = ring_loop_barrier;
#else
  worker.barrier = 0; /* no calls by address on a GPU; see ring_barrier */
#endif
  if (thread->lane == 0)
    own->parameter_set = ~0u;
  if (leads)
    ring_leader_begin (loop, leader);

  for (;;) {
    RING_GLOBAL RingDeviceBlock *job = own;
    uint32_t task, count = 1;
    int fetches, told;

    /* 1. what to do */
    if (leads) {
      own->task = ring_leader_look (loop, leader, &count);
      own->position = leader->input.position;
      own->output = leader->output.position;
      if (thread->n_blocks > 1 && own->task != RING_TASK_MESSAGE)
        ring_leader_command (loop, leader, own->task, count);
    } else if (thread->lane == 0 && thread->block > 0) {
      while (ring_shared_load_acquire (&memory->generation) == own->generation)
        ring_device_pause (thread, 50);
      own->generation++;
      own->task = memory->task;
      own->position = memory->position + thread->block;
      own->output = memory->output + thread->block;
    }
    ring_device_sync_block (thread);
    task = own->task;
    if (task == RING_TASK_LEAVE) {
      if (thread->block > 0 && thread->lane == 0)
        ring_shared_add (&memory->done, 1);
      break;
    }

    /* 2. a message of one's own */
    fetches = task == RING_TASK_BATCH ? thread->block < memory->count
                                      : thread->block == 0;
    if (fetches) {
      RingOrders orders = { 0, 0, 0, 0, 0 };
      uint64_t sequence, parameters = 0;

      if (task == RING_TASK_BATCH) {
        orders.run = memory->run;
        orders.discard = memory->discard;
        orders.epoch = memory->epoch;
        sequence = memory->sequence + thread->block;
        parameters = memory->parameters;
      } else {
        orders = leader->orders;
        sequence = memory->expected_sequence;
      }
      ring_loop_fetch (loop, own, &orders, sequence, parameters);
    }
    if (task == RING_TASK_BATCH) {
      told = 1;
    } else {
      /* A short message is done before the other blocks have heard of it. */
      told = thread->n_blocks > 1
          && (thread->block > 0
              || (own->flags == 0
                  && (own->invocation.in.size >= r->alone_below
                      || own->outputs[0].size >= r->alone_below)));
      job = first;
    }

    /* 3. run it */
    worker.block = 0;
    worker.n_blocks = 1;
    if (task == RING_TASK_MESSAGE && told) {
      worker.block = thread->block;
      worker.n_blocks = thread->n_blocks;
    }
    if (fetches && thread->lane == 0 && r->flags & RING_RESIDENCY_TELEMETRY
        && own->flags == 0)
      own->started = ring_device_clock (thread);
    if (task == RING_TASK_MESSAGE) {
      ring_device_sync_block (thread);
      if (leads && told)
        ring_leader_command (loop, leader, task, 1);
    }
    if ((fetches || task == RING_TASK_MESSAGE) && job->flags == 0) {
      worker.outputs = job->outputs;
      worker.emitted = job->emitted;
      run (&job->invocation, &worker);
    }
    ring_device_sync_block (thread);

    /* 4. say what came of it */
    if (task == RING_TASK_MESSAGE && leads && told)
      ring_leader_wait (loop, leader);
    if (fetches) {
      if (thread->lane == 0) {
        ring_loop_finish (loop, own);
        if (task == RING_TASK_BATCH && emits)
          ring_loop_take_turn (loop, own, memory->sequence + thread->block);
      }
      ring_device_sync_block (thread);
      ring_loop_describe (loop, own);
      if (task == RING_TASK_BATCH && emits && thread->lane == 0) {
        memory->output_end = own->output + own->slots;
        ring_shared_store_release (&memory->turn,
            memory->sequence + thread->block + 1);
      }
    }
    ring_device_sync_block (thread);
    if (thread->block > 0 && thread->lane == 0)
      ring_shared_add (&memory->done, 1);
    if (leads) {
      uint32_t slots = own->slots;

      if (task == RING_TASK_BATCH) {
        ring_leader_wait (loop, leader);
        slots = emits
            ? (uint32_t) (memory->output_end - leader->output.position)
            : count;
      } else if (emits) {
        ring_shared_store_release (&memory->turn,
            memory->expected_sequence + 1);
      }
      ring_leader_publish (loop, leader, count, slots);
    }
  }
}

#endif /* RING_DEVICE_LOOP_H */
