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
 *   first block   FETCH -> (short) ALONE -> FINISH
 *                 FETCH -> command … wait -> FINISH
 *                            while waiting: FETCH the next one
 *   other blocks  follow -> MESSAGE -> (done)
 *   all blocks    BATCH: fetch -> run -> describe -> (done); the leader publishes
 *
 * So while the others work on a message, the first block already has the next one,
 * and says what came of one when the next has begun: they do not wait for the bus.
 */
#ifndef RING_DEVICE_LOOP_H
#define RING_DEVICE_LOOP_H

#include "device-message.h"

/* Empty looks at the ring double the pause between them, up to this. */
#define RING_LONGEST_PAUSE 1000u /* ns */
/* At the most so many ns between two heartbeats of a kernel that waits. */
#define RING_HEARTBEAT_EVERY 50000u

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
  leader->commanded = memory->generation;
  leader->released = memory->input_position;
  leader->running = leader->next = leader->share = RING_NO_AREA;
  leader->alone = leader->done = RING_NO_AREA;
  leader->looked = 0;
  leader->lease = ring_load_ahead_u64 (&r->control->host.lease_ns);
  leader->idle_timeout =
      ring_load_ahead_u64 (&r->control->host.idle_timeout_ns);
  /* Pairs with the release in ring_queue_release, which hands slots back. */
  leader->output.peer =
      ring_load_acquire_u64 (&leader->output.consumer->position);
  leader->begin = leader->busy = leader->beat =
      ring_device_clock (loop->thread);

  ring_store_behind_u32 (&words->abi_version, RING_ABI_VERSION);
  ring_store_behind_u64 (&words->layout_hash, RING_LAYOUT_HASH);
  ring_store_behind_u64 (&words->heartbeat, ++memory->heartbeat);
  ring_store_behind_u32 (&words->residency, RING_RESIDENCY_RESIDENT);
  if (memory->exit_reason == RING_EXIT_LEASE)
    ring_store_behind_u64 (&words->relaunches, ++memory->relaunches);
  /* The count comes last: who sees it does not take the residency before, which
   * has ended, for this one. */
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
  ring_store_behind_u32 (&words->exit_reason, reason);
  /* Who sees it knows the positions for the last. */
  ring_store_release_u32 (&words->residency, RING_RESIDENCY_EXITED);
}

/* How many messages may be taken now: at most @max, with room for what may come of
 * each and of the one that is running. Reads the orders in the same round trip. */
RING_DEVICE uint32_t
ring_leader_ready (const RingLoop *loop, RING_GLOBAL RingLeader *leader,
    uint32_t max)
{
  const RING_GLOBAL RingHostWords *host = &loop->r->control->host;
  const uint32_t n_outputs = loop->r->geometry.max_outputs;
  const uint64_t reserved = leader->running == RING_NO_AREA ? 0 : n_outputs;
  uint32_t ready;
  uint64_t space;

  leader->orders = ring_orders_look (host);
  ready = (uint32_t) (max == 1 ? ring_queue_ready (&leader->input, 1)
                               : ring_queue_ready_far (&leader->input, max));
  ring_orders_settle (&leader->orders, host);
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
  space = ring_queue_space (&leader->output,
      reserved + (uint64_t) ready * n_outputs);
  if (space < reserved + (uint64_t) ready * n_outputs)
    ready = space < reserved ? 0 : (uint32_t) ((space - reserved) / n_outputs);
  return ready;
}

RING_DEVICE int
ring_leader_lease_is_over (const RING_GLOBAL RingLeader *leader, uint64_t now)
{
  return leader->lease > 0 && leader->looked
      && now - leader->begin >= leader->lease;
}

/* Polls until there is something to do, which is what it returns; leader->count
 * messages of a batch. */
RING_DEVICE uint32_t
ring_leader_look (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  const RingResidency *r = loop->r;
  const int batches =
      loop->sharing == RING_SHARING_BLOCK && loop->thread->n_blocks > 1;
  uint32_t pause = 32, looks = 0, reason = RING_EXIT_NONE;
  int terminating = 0;

  for (;;) {
    const uint64_t now = ring_device_clock (loop->thread);
    const uint32_t ready =
        ring_leader_ready (loop, leader, batches ? loop->thread->n_blocks : 1);

    if (leader->orders.leave)
      reason = RING_EXIT_LEAVE;
    else if (ring_leader_lease_is_over (leader, now))
      reason = RING_EXIT_LEASE;
    if (reason)
      break;
    leader->looked = 1;
    if (ready > 0) {
      leader->count = ready;
      leader->seen = ring_device_clock (loop->thread);
      return batches && ready > 1 ? RING_TASK_BATCH : RING_TASK_FETCH;
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
      ring_store_behind_u64 (&r->control->device.heartbeat,
          ++r->memory->heartbeat);
    }
    ring_device_pause (loop->thread, pause);
    pause = pause < RING_LONGEST_PAUSE ? pause * 2 : RING_LONGEST_PAUSE;
  }
  ring_leader_end (loop, leader, reason);
  return RING_TASK_LEAVE;
}

/* Tells the other blocks; their lanes see all that this block wrote before. A batch
 * is taken with that. */
RING_DEVICE void
ring_leader_command (const RingLoop *loop, RING_GLOBAL RingLeader *leader,
    uint32_t task, uint32_t area)
{
  RING_GLOBAL RingDeviceMemory *memory = loop->r->memory;

  memory->task = task;
  memory->area = area;
  if (task == RING_TASK_BATCH) {
    memory->count = leader->count;
    memory->position = leader->input.position;
    memory->output = leader->output.position;
    memory->output_end = leader->output.position;
    memory->sequence = memory->expected_sequence;
    memory->epoch = leader->orders.epoch;
    memory->run = leader->orders.run;
    memory->discard = leader->orders.discard;
    memory->seen = ring_device_clock (loop->thread);
    /* After the ring was seen: no set of a message in it is newer. */
    memory->parameters =
        ring_load_acquire_u64 (&loop->r->control->host.parameter_generation);
    leader->input.position += leader->count;
    memory->expected_sequence += leader->count;
  }
  ring_shared_store_release (&memory->generation, ++leader->commanded);
}

/* Whether the other blocks have finished all commands so far. */
RING_DEVICE int
ring_leader_is_obeyed (const RingLoop *loop,
    const RING_GLOBAL RingLeader *leader)
{
  return ring_shared_load_acquire (&loop->r->memory->done)
      >= leader->commanded * (loop->thread->n_blocks - 1);
}

/* Hands @n messages back and their @slots on. One fence for all, behind which
 * nothing is ordered: who sees an output sees what it says, and may not yet see that
 * its input slot is free; that it is follows from the output. */
RING_DEVICE void
ring_leader_publish (const RingLoop *loop, RING_GLOBAL RingLeader *leader,
    uint32_t n, uint32_t slots)
{
  RING_GLOBAL RingDeviceMemory *memory = loop->r->memory;
  RING_GLOBAL RingDeviceWords *words = &loop->r->control->device;

  memory->processed += n;
  leader->released += n;
  ring_fence_release ();
  ring_queue_publish_behind (&leader->output, slots);
  ring_store_behind_u64 (&leader->input.consumer->position, leader->released);
  ring_store_behind_u64 (&words->processed, memory->processed);
  ring_store_behind_u64 (&words->heartbeat, ++memory->heartbeat);
  leader->busy = leader->beat = ring_device_clock (loop->thread);
}

/* ---- what the first block does next -------------------------------------------------- */

RING_DEVICE void
ring_leader_stamp_start (const RingLoop *loop, uint32_t area)
{
  RING_GLOBAL RingDeviceBlock *job = ring_loop_area (loop, area);

  if (loop->r->flags & RING_RESIDENCY_TELEMETRY && job->flags == 0)
    job->started = ring_device_clock (loop->thread);
}

/* All blocks are to run the message in @area. */
RING_DEVICE void
ring_leader_start (const RingLoop *loop, RING_GLOBAL RingLeader *leader,
    uint32_t area)
{
  ring_leader_stamp_start (loop, area);
  ring_leader_command (loop, leader, RING_TASK_MESSAGE, area);
  leader->running = area;
  leader->share =
      loop->thread->n_blocks < RING_DISPATCH_FROM ? area : RING_NO_AREA;
}

/* A message has been fetched into leader->area: it begins, or waits for the one that
 * is running. */
RING_DEVICE void
ring_leader_take (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  const RingResidency *r = loop->r;
  const uint32_t area = leader->area;
  RING_GLOBAL RingDeviceBlock *job = ring_loop_area (loop, area);

  leader->input.position++;
  r->memory->expected_sequence++;
  if (r->flags & RING_RESIDENCY_TELEMETRY && job->flags == 0)
    job->arrived = leader->seen;
  /* A short message is done before the other blocks have heard of it. */
  job->told = loop->thread->n_blocks > 1 && job->flags == 0
      && (job->invocation.in.size >= r->alone_below
          || job->outputs[0].size >= r->alone_below);
  if (leader->running != RING_NO_AREA)
    leader->next = area;
  else if (job->told)
    ring_leader_start (loop, leader, area);
  else
    leader->alone = area;
}

/* The other blocks have finished: what waits begins at once, and only then is said
 * what came of the one before. */
RING_DEVICE void
ring_leader_go_on (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  const uint32_t next = leader->next;
  RING_GLOBAL RingDeviceBlock *done = ring_loop_area (loop, leader->running);

  leader->done = leader->running;
  leader->running = leader->next = RING_NO_AREA;
  ring_loop_finish (loop, done);
  if (next == RING_NO_AREA)
    return;
  if (done->flags) {
    /* After a fault nothing is run any more. */
    ring_loop_area (loop, next)->flags = RING_MESSAGE_FAILED;
    ring_loop_area (loop, next)->told = 0;
    leader->alone = next;
  } else if (ring_leader_lease_is_over (leader,
                 ring_device_clock (loop->thread))) {
    /* The next residency takes it. */
    leader->input.position--;
    loop->r->memory->expected_sequence--;
  } else if (ring_loop_area (loop, next)->told) {
    ring_leader_start (loop, leader, next);
  } else {
    leader->alone = next;
  }
}

/* While the others are at work: waits for them, or for a message to fetch. */
RING_DEVICE uint32_t
ring_leader_attend (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  uint64_t look_at = 0, interval = RING_LONGEST_PAUSE;

  while (!ring_leader_is_obeyed (loop, leader)) {
    if (loop->sharing == RING_SHARING_GRID && leader->next == RING_NO_AREA) {
      const uint64_t now = ring_device_clock (loop->thread);

      /* A look takes a while: not so often that the end is noticed late. */
      if (now >= look_at) {
        if (ring_leader_ready (loop, leader, 1) > 0 && !leader->orders.leave
            && !ring_leader_lease_is_over (leader, now)) {
          leader->area = leader->running ^ 1;
          leader->seen = ring_device_clock (loop->thread);
          return RING_TASK_FETCH;
        }
        look_at = now + interval;
        interval *= 2;
      }
    }
    ring_device_pause (loop->thread, 20);
  }
  ring_leader_go_on (loop, leader);
  leader->area = leader->done;
  return RING_TASK_FINISH;
}

/* Settles leader->task and leader->area. */
RING_DEVICE void
ring_leader_decide (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  if (leader->done != RING_NO_AREA) {
    leader->task = RING_TASK_FINISH;
    leader->area = leader->done;
  } else if (leader->share != RING_NO_AREA) {
    leader->task = RING_TASK_MESSAGE;
    leader->area = leader->share;
    leader->share = RING_NO_AREA;
  } else if (leader->running != RING_NO_AREA) {
    leader->task = ring_leader_attend (loop, leader);
  } else if (leader->alone != RING_NO_AREA) {
    leader->task = RING_TASK_ALONE;
    leader->area = leader->done = leader->alone;
    leader->alone = RING_NO_AREA;
    ring_leader_stamp_start (loop, leader->area);
  } else {
    leader->area = 0;
    leader->task = ring_leader_look (loop, leader);
    if (loop->thread->n_blocks > 1 && leader->task != RING_TASK_FETCH)
      ring_leader_command (loop, leader, leader->task, 0);
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

/* Waits for the next command. */
RING_DEVICE void
ring_loop_follow (const RingLoop *loop, RING_GLOBAL RingBlockTask *at)
{
  const RING_GLOBAL RingDeviceMemory *memory = loop->r->memory;

  while (ring_shared_load_acquire (&memory->generation) == at->followed)
    ring_device_pause (loop->thread, 50);
  at->followed++;
  at->task = memory->task;
  at->area = memory->task == RING_TASK_MESSAGE ? memory->area
                                               : loop->thread->block + 1;
}

/* The block's message of a batch. */
RING_DEVICE void
ring_loop_fetch_of_batch (const RingLoop *loop,
    RING_GLOBAL RingDeviceBlock *job)
{
  const RingResidency *r = loop->r;
  const RING_GLOBAL RingDeviceMemory *memory = r->memory;
  const uint32_t block = loop->thread->block;
  RingOrders orders = { 0, 0, 0, 0, 0 };

  orders.run = memory->run;
  orders.discard = memory->discard;
  orders.epoch = memory->epoch;
  ring_loop_fetch (loop, job, memory->position + block, &orders,
      memory->sequence + block, memory->parameters,
      r->scratch + block * r->scratch_stride);
  if (loop->thread->lane == 0 && r->flags & RING_RESIDENCY_TELEMETRY
      && job->flags == 0) {
    job->arrived = memory->seen;
    job->started = ring_device_clock (loop->thread);
  }
}

/* The leader, once the others have done their part of a batch: how many slots. */
RING_DEVICE uint32_t
ring_leader_end_batch (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  while (!ring_leader_is_obeyed (loop, leader))
    ring_device_pause (loop->thread, 20);
  return loop->kernel_flags & RING_KERNEL_EMITS
      ? (uint32_t) (loop->r->memory->output_end - leader->output.position)
      : leader->count;
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
  /* Here the block keeps count of commands from one residency to the next. */
  RING_GLOBAL RingDeviceBlock *own = ring_loop_area (loop, thread->block + 1);
  const int first = thread->block == 0;
  const int leads = first && thread->lane == 0;
  const int emits = (loop->kernel_flags & RING_KERNEL_EMITS) != 0;
  const uint32_t idle_blocks = thread->n_blocks < RING_DISPATCH_FROM ? 0 : 1;
  RingWorker worker;
  RING_BLOCK_MEMORY (RingLeader, leader, &memory->leader);
  RING_BLOCK_MEMORY (RingBlockTask, at, &own->at);

  worker.lane = thread->lane;
  worker.n_lanes = thread->n_lanes;
  worker.team = (void *) loop;
#ifdef RING_DEVICE_ON_HOST
  worker.barrier = ring_loop_barrier;
#else
  worker.barrier = 0; /* no calls by address on a GPU; see ring_barrier */
#endif
  if (thread->lane == 0) {
    own->parameter_set = ~0u;
    at->followed = own->generation;
  }
  if (leads) {
    ring_loop_area (loop, 0)->parameter_set = ~0u;
    ring_leader_begin (loop, leader);
  }

  for (;;) {
    RING_GLOBAL RingDeviceBlock *job;
    uint32_t task;
    int describes;

    /* 1. what to do */
    if (leads) {
      ring_leader_decide (loop, leader);
      at->task = leader->task;
      at->area = leader->area;
    } else if (thread->lane == 0) {
      ring_loop_follow (loop, at);
    }
    ring_device_sync_block (thread);
    task = at->task;
    job = ring_loop_area (loop, at->area);
    if (task == RING_TASK_LEAVE) {
      if (!first && thread->lane == 0) {
        own->generation = at->followed;
        ring_shared_add (&memory->done, 1);
      }
      break;
    }

    /* 2. a message of one's own */
    describes = task == RING_TASK_FINISH;
    if (task == RING_TASK_FETCH) {
      const RingOrders orders = leader->orders;

      ring_loop_fetch (loop, job, leader->input.position, &orders,
          memory->expected_sequence, 0, r->scratch);
    } else if (task == RING_TASK_BATCH && thread->block < memory->count) {
      ring_loop_fetch_of_batch (loop, job);
      describes = 1;
    }
    ring_device_sync_block (thread);
    if (leads && task == RING_TASK_FETCH)
      ring_leader_take (loop, leader);

    /* 3. run it */
    worker.block = 0;
    worker.n_blocks = 1;
    if (task == RING_TASK_MESSAGE) {
      worker.block = thread->block - idle_blocks;
      worker.n_blocks = thread->n_blocks - idle_blocks;
    }
    if ((task == RING_TASK_MESSAGE || task == RING_TASK_ALONE
            || (task == RING_TASK_BATCH && describes))
        && job->flags == 0) {
      worker.outputs = job->outputs;
      worker.emitted = job->emitted;
      run (&job->invocation, &worker);
    }
    ring_device_sync_block (thread);

    /* 4. say what came of it */
    if (describes) {
      if (thread->lane == 0) {
        /* What all blocks ran is so already. */
        if (task == RING_TASK_BATCH || !job->told)
          ring_loop_finish (loop, job);
        if (task == RING_TASK_FINISH)
          job->output = leader->output.position;
        else if (emits)
          ring_loop_take_turn (loop, job, memory->sequence + thread->block);
        else
          job->output = memory->output + thread->block;
      }
      ring_device_sync_block (thread);
      ring_loop_describe (loop, job);
      if (task == RING_TASK_BATCH && emits && thread->lane == 0) {
        memory->output_end = job->output + job->slots;
        ring_shared_store_release (&memory->turn,
            memory->sequence + thread->block + 1);
      }
    }
    ring_device_sync_block (thread);
    if (!first && thread->lane == 0)
      ring_shared_add (&memory->done, 1);
    if (leads && task == RING_TASK_FINISH) {
      if (emits && loop->sharing == RING_SHARING_BLOCK)
        ring_shared_store_release (&memory->turn, memory->expected_sequence);
      ring_leader_publish (loop, leader, 1, job->slots);
      leader->done = RING_NO_AREA;
    } else if (leads && task == RING_TASK_BATCH) {
      ring_leader_publish (loop, leader, leader->count,
          ring_leader_end_batch (loop, leader));
    }
  }
}

#endif /* RING_DEVICE_LOOP_H */
