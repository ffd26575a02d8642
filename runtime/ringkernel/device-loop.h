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
 *   first block   FETCH -> (short) ALONE
 *                 FETCH -> command … wait -> FINISH
 *                            while waiting: FETCH the next one
 *   other blocks  follow -> MESSAGE -> (done)
 *   all blocks    SURVEY (the first only) -> BATCH: fetch -> run -> describe -> (done);
 *                 the leader publishes. For several short messages that do not depend
 *                 on each other
 *
 * So while the others work on a message, the first block already has the next one,
 * and says what came of one when the next has begun: they do not wait for the bus.
 */
#ifndef RING_DEVICE_LOOP_H
#define RING_DEVICE_LOOP_H

#include "device-message.h"

/* For so long after a message, looks at the ring follow each other without a pause; then
 * empty ones double the pause between them, up to the longest. */
#define RING_EAGER_FOR 20000u    /* ns */
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
  leader->commanded = ring_command_count (memory->command);
  leader->released = memory->input_position;
  leader->expected_sequence = memory->expected_sequence;
  leader->processed = memory->processed;
  leader->heartbeat = memory->heartbeat + 1;
  leader->parameter_sets = memory->parameter_sets;
  leader->last_set = (uint32_t) memory->last_set;
  leader->count = 0;
  leader->running = leader->next = leader->share = RING_NO_AREA;
  leader->alone = leader->done = RING_NO_AREA;
  leader->looked = 0;
  leader->lease = ring_load_ahead_u64 (&r->control->host.lease_ns);
  leader->idle_timeout =
      ring_load_ahead_u64 (&r->control->host.idle_timeout_ns);
  /* Pairs with the release in ring_queue_release, which hands slots back. */
  leader->output.peer =
      ring_load_acquire_u64 (&leader->output.consumer->position);
  leader->begin = ring_device_clock (loop->thread);
  leader->idle = 0;

  ring_store_behind_u32 (&words->abi_version, RING_ABI_VERSION);
  ring_store_behind_u64 (&words->layout_hash, RING_LAYOUT_HASH);
  ring_store_behind_u64 (&words->heartbeat, leader->heartbeat);
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
  memory->expected_sequence = leader->expected_sequence;
  memory->processed = leader->processed;
  memory->heartbeat = leader->heartbeat;
  memory->parameter_sets = leader->parameter_sets;
  memory->last_set = leader->last_set;
  memory->exit_reason = reason;
  ring_store_behind_u32 (&words->exit_reason, reason);
  /* Who sees it knows the positions for the last. */
  ring_store_release_u32 (&words->residency, RING_RESIDENCY_EXITED);
}

/* How many of @wanted messages may be taken now, with room for what may come of each
 * and of the one that is running. */
RING_DEVICE uint32_t
ring_leader_fit (const RingLoop *loop, RING_GLOBAL RingLeader *leader,
    uint32_t wanted)
{
  const uint32_t n_outputs = loop->r->geometry.max_outputs;
  const uint64_t reserved = leader->running == RING_NO_AREA ? 0 : n_outputs;
  const uint64_t space = ring_queue_space (&leader->output,
      reserved + (uint64_t) wanted * n_outputs);

  if (space >= reserved + (uint64_t) wanted * n_outputs)
    return wanted;
  return space < reserved ? 0 : (uint32_t) ((space - reserved) / n_outputs);
}

/* Whether a message may be taken now. Reads the orders in the same round trip, and how
 * many messages the host says that there are, which leader->surveyed becomes. */
RING_DEVICE int
ring_leader_ready (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  const RING_GLOBAL RingHostWords *host = &loop->r->control->host;
  /* Kept to itself until the look has come back: to store it is to wait for it. */
  RingOrders orders = ring_orders_look (host);
  const uint64_t produced =
      ring_load_ahead_u64 (&leader->input.producer->position);
  const int ready = (int) ring_queue_ready (&leader->input, 1);

  leader->orders = orders;
  ring_orders_settle (&leader->orders, host);
  if (!ready)
    return 0;
  leader->surveyed = (uint32_t) (produced - leader->input.position);
  if (!leader->orders.run) {
    /* Only what was flushed is taken; its epoch lies in the slot. */
    leader->orders.epoch = ring_load_ahead_u64 (&host->epoch);
    leader->surveyed = 1;
    if (!ring_message_is_stale (
            ring_queue_slot (&leader->input, leader->input.position)->epoch,
            &leader->orders))
      return 0;
  }
  return ring_leader_fit (loop, leader, 1) > 0;
}

RING_DEVICE int
ring_leader_lease_is_over (const RING_GLOBAL RingLeader *leader, uint64_t now)
{
  return leader->lease > 0 && leader->looked
      && now - leader->begin >= leader->lease;
}

/* Polls until there is something to do, which is what it returns; a survey of
 * leader->count messages. */
RING_DEVICE uint32_t
ring_leader_look (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  const RingResidency *r = loop->r;
  const int batches = loop->thread->n_blocks > 1
      && (loop->sharing == RING_SHARING_BLOCK || loop->stateless)
      && !ring_sets_are_large (&r->geometry);
  uint32_t pause = 32, looks = 0, reason = RING_EXIT_NONE;
  int terminating = 0;

  for (;;) {
    const uint64_t now = ring_device_clock (loop->thread);
    const int ready = ring_leader_ready (loop, leader);

    if (!leader->idle) {
      leader->busy = leader->beat = now;
      leader->idle = 1;
    }
    if (leader->orders.leave)
      reason = RING_EXIT_LEAVE;
    else if (ring_leader_lease_is_over (leader, now))
      reason = RING_EXIT_LEASE;
    if (reason)
      break;
    leader->looked = 1;
    if (ready) {
      leader->seen = now;
      /* What the host says is no promise, as many threads may send. */
      if (!batches || leader->surveyed <= 1
          || leader->surveyed > loop->r->geometry.input_capacity)
        return RING_TASK_FETCH;
      if (leader->surveyed > loop->thread->n_blocks)
        leader->surveyed = loop->thread->n_blocks;
      if (leader->surveyed > loop->thread->n_lanes)
        leader->surveyed = loop->thread->n_lanes;
      leader->count = leader->surveyed;
      return RING_TASK_SURVEY;
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
          ++leader->heartbeat);
    }
    if (now - leader->busy < RING_EAGER_FOR) {
      ring_device_pause (loop->thread, 0);
    } else {
      ring_device_pause (loop->thread, pause);
      pause = pause < RING_LONGEST_PAUSE ? pause * 2 : RING_LONGEST_PAUSE;
    }
  }
  ring_leader_end (loop, leader, reason);
  return RING_TASK_LEAVE;
}

/* Tells the other blocks; their lanes see all that this block wrote before its last
 * ring_shared_fence_release. A batch is taken with that. */
RING_DEVICE void
ring_leader_command (const RingLoop *loop, RING_GLOBAL RingLeader *leader,
    uint32_t task, uint32_t area)
{
  RING_GLOBAL RingDeviceMemory *memory = loop->r->memory;

  if (task == RING_TASK_BATCH) {
    memory->count = leader->count;
    memory->position = leader->input.position;
    memory->output = leader->output.position;
    memory->output_end = leader->output.position;
    /* Here and not where the last message ended: another version may have run it, which
     * knows of no turns. */
    ring_shared_store_behind (&memory->turn, leader->expected_sequence);
    memory->sequence = leader->expected_sequence;
    memory->epoch = leader->survey_words[0];
    memory->run = leader->orders.run;
    memory->discard = leader->orders.discard;
    memory->seen = leader->seen;
    memory->parameters = leader->survey_words[1];
    leader->input.position += leader->count;
    leader->expected_sequence += leader->count;
    /* Sets may have come and gone in it. */
    leader->last_set = ~0u;
    ring_shared_fence_release ();
  }
  leader->commanded++;
  ring_shared_store_behind (&memory->command,
      ring_command (leader->commanded, task, area));
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
  RING_GLOBAL RingDeviceWords *words = &loop->r->control->device;

  leader->processed += n;
  leader->released += n;
  ring_fence_release ();
  ring_queue_publish_behind (&leader->output, slots);
  ring_store_behind_u64 (&leader->input.consumer->position, leader->released);
  ring_store_behind_u64 (&words->processed, leader->processed);
  ring_store_behind_u64 (&words->heartbeat, ++leader->heartbeat);
  leader->idle = 0;
}

/* ---- what the first block does next -------------------------------------------------- */

/* All blocks are to run the message in @area. */
RING_DEVICE void
ring_leader_start (const RingLoop *loop, RING_GLOBAL RingLeader *leader,
    uint32_t area)
{
  ring_leader_command (loop, leader, RING_TASK_MESSAGE, area);
  /* Nobody waits for that. */
  if (loop->r->flags & RING_RESIDENCY_TELEMETRY)
    ring_loop_job (loop, area)->started = ring_device_clock (loop->thread);
  leader->running = area;
  leader->share =
      loop->thread->n_blocks < RING_DISPATCH_FROM ? area : RING_NO_AREA;
}

/* A message has been fetched into leader->area: it begins, or waits for the one that
 * is running. Whether the first block runs it alone, and now. */
RING_DEVICE int
ring_leader_take (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  const uint32_t area = leader->area;
  RING_GLOBAL RingDeviceJob *job = ring_loop_job (loop, area);

  leader->input.position++;
  leader->expected_sequence++;
  /* What the block has written into the area, before the word that tells of it. */
  if (job->told)
    ring_shared_fence_release ();
  if (leader->running != RING_NO_AREA)
    leader->next = area;
  else if (job->told)
    ring_leader_start (loop, leader, area);
  else
    return 1;
  return 0;
}

/* The other blocks have finished: what waits begins at once, and only then is said
 * what came of the one before. */
RING_DEVICE void
ring_leader_go_on (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  const uint32_t next = leader->next;
  RING_GLOBAL RingDeviceJob *done = ring_loop_job (loop, leader->running);

  leader->done = leader->running;
  leader->running = leader->next = RING_NO_AREA;
  ring_loop_finish (loop, done, ring_loop_area (loop, leader->done));
  if (next == RING_NO_AREA)
    return;
  if (done->flags) {
    /* After a fault nothing is run any more. */
    ring_loop_job (loop, next)->flags = RING_MESSAGE_FAILED;
    ring_loop_job (loop, next)->told = 0;
    leader->alone = next;
  } else if (ring_leader_lease_is_over (leader,
                 ring_device_clock (loop->thread))) {
    /* The next residency takes it. */
    leader->input.position--;
    leader->expected_sequence--;
  } else if (ring_loop_job (loop, next)->told) {
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
        if (ring_leader_ready (loop, leader) && !leader->orders.leave
            && !ring_leader_lease_is_over (leader, now)) {
          leader->area = leader->running ^ 1;
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

/* After a survey. */
RING_DEVICE uint32_t
ring_leader_begin_batch (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  leader->count = leader->surveyed > 1
      ? ring_leader_fit (loop, leader, leader->surveyed)
      : 0;
  if (leader->count < 2) {
    /* The first one is there, and has room. */
    leader->count = 0;
    return RING_TASK_FETCH;
  }
  ring_leader_command (loop, leader, RING_TASK_BATCH, 0);
  return RING_TASK_BATCH;
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
    leader->area = leader->alone;
    leader->alone = RING_NO_AREA;
  } else if (leader->count > 0) {
    leader->area = 0;
    leader->task = ring_leader_begin_batch (loop, leader);
  } else {
    leader->area = 0;
    leader->task = ring_leader_look (loop, leader);
    if (loop->thread->n_blocks > 1 && leader->task == RING_TASK_LEAVE)
      ring_leader_command (loop, leader, leader->task, 0);
  }
}

/* Each lane looks at one message of those that may become a batch: whether it is there,
 * and short, where a long one is for all blocks. What else a batch needs from the host is
 * read here once, for all of its blocks: many that read the same line wait for each
 * other. */
RING_DEVICE void
ring_loop_survey (const RingLoop *loop, RING_GLOBAL RingLeader *leader)
{
  const uint32_t below = loop->r->alone_below;
  const RING_GLOBAL RingHostWords *host = &loop->r->control->host;
  const uint32_t i = loop->thread->lane;
  const uint64_t position = leader->input.position + i;
  const RING_GLOBAL RingMessageHeader *header =
      ring_queue_slot (&leader->input, position);
  const int in_it = i < leader->count;
  int there = 0;
  uint32_t k;

  if (in_it)
    there = ring_load_ahead_u64 (&header->slot_sequence) == position + 1;
  /* Pairs with the release in ring_queue_publish_at, in each lane. */
  if (there)
    ring_fence_acquire ();
  ring_device_sync_block (loop->thread);
  /* After the ring was seen: no set of a message in it is newer. */
  for (k = loop->thread->n_lanes - 1 - i; k < 2; k += loop->thread->n_lanes)
    leader->survey_words[k] =
        ring_load_ahead_u64 (k ? &host->parameter_generation : &host->epoch);
  if (there && loop->sharing == RING_SHARING_GRID) {
    const uint64_t in = ring_load_ahead_u64 (&header->payload.size);
    const uint64_t out =
        ring_load_ahead_u64 (&ring_message_output_refs (header)[0].size);

    there = in < below && out < below;
  }
  if (in_it && !there)
    ring_block_min (&leader->surveyed, i);
}

/* ---- the loop ------------------------------------------------------------------------ */

/* A batch of a kernel that says itself how much it emits: where a block's slots
 * begin is known when the block before has written its own. */
RING_DEVICE void
ring_loop_take_turn (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job,
    uint64_t turn)
{
  while (ring_shared_load_acquire (&loop->r->memory->turn) != turn)
    ring_device_pause (loop->thread, 20);
  job->output = loop->r->memory->output_end;
}

/* Waits for the next command. */
RING_DEVICE void
ring_loop_follow (const RingLoop *loop, RING_GLOBAL RingBlockTask *at)
{
  const RING_GLOBAL RingDeviceMemory *memory = loop->r->memory;
  uint64_t command;

  while (command = ring_shared_load_acquire (&memory->command),
      ring_command_count (command) == at->followed)
    ring_device_pause (loop->thread, 50);
  at->followed++;
  at->task = ring_command_task (command);
  at->area = at->task == RING_TASK_MESSAGE ? ring_command_area (command)
                                           : loop->thread->block + 1;
}

/* The block's message of a batch. */
RING_DEVICE void
ring_loop_fetch_of_batch (const RingLoop *loop, RING_GLOBAL RingDeviceJob *job,
    RING_GLOBAL RingDeviceArea *area)
{
  const RingResidency *r = loop->r;
  const RING_GLOBAL RingDeviceMemory *memory = r->memory;
  const uint32_t block = loop->thread->block;
  RingOrders orders = { 0, 0, 0, 0, 0 };

  orders.run = memory->run;
  orders.discard = memory->discard;
  orders.epoch = memory->epoch;
  ring_loop_fetch (loop, job, area, memory->position + block, &orders,
      memory->sequence + block, memory->parameters << 1,
      r->scratch + block * r->scratch_stride, 0);
  if (loop->thread->lane == 0)
    job->arrived = memory->seen;
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
  RING_GLOBAL RingDeviceArea *own = ring_loop_area (loop, thread->block + 1);
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
    ring_loop_recall_parameters (loop, ring_loop_job (loop, 0),
        ring_loop_area (loop, 0));
    at->followed = own->generation;
  }
  if (leads) {
    ring_loop_recall_parameters (loop, ring_loop_job (loop, 1),
        ring_loop_area (loop, 1));
    ring_leader_begin (loop, leader);
  }

  for (;;) {
    RING_GLOBAL RingDeviceArea *area;
    RING_GLOBAL RingDeviceJob *job;
    uint32_t task;

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
    area = ring_loop_area (loop, at->area);
    job = ring_loop_job (loop, first ? at->area : 0);
    if (task == RING_TASK_LEAVE) {
      if (!first && thread->lane == 0) {
        own->generation = at->followed;
        ring_shared_add (&memory->done, 1);
      }
      break;
    }

    /* 2. a message of one's own */
    if (task == RING_TASK_FETCH) {
      RingOrders orders = leader->orders;

      ring_loop_fetch (loop, job, area, leader->input.position, &orders,
          leader->expected_sequence, 0, r->scratch, leader);
    } else if (task == RING_TASK_BATCH && thread->block < memory->count) {
      ring_loop_fetch_of_batch (loop, job, area);
    } else if (task == RING_TASK_SURVEY) {
      ring_loop_survey (loop, leader);
    } else if (task == RING_TASK_MESSAGE && !first) {
      ring_loop_hear (loop, job, area);
    }
    ring_device_sync_block (thread);
    if (task == RING_TASK_FETCH) {
      if (leads && ring_leader_take (loop, leader))
        at->task = RING_TASK_ALONE;
      ring_device_sync_block (thread);
      task = at->task;
    }
    /* A block for which there is no message in the batch has nothing more to do. */
    if (task == RING_TASK_BATCH && thread->block >= memory->count)
      task = RING_TASK_SURVEY;
    /* A clock is far away: by a lane for which nobody waits yet. */
    if ((task == RING_TASK_ALONE || task == RING_TASK_BATCH)
        && thread->lane == thread->n_lanes - 1
        && r->flags & RING_RESIDENCY_TELEMETRY)
      job->started = ring_device_clock (thread);

    /* 3. run it */
    worker.block = 0;
    worker.n_blocks = 1;
    if (task == RING_TASK_MESSAGE) {
      worker.block = thread->block - idle_blocks;
      worker.n_blocks = thread->n_blocks - idle_blocks;
    }
    if ((task == RING_TASK_MESSAGE || task == RING_TASK_ALONE
            || task == RING_TASK_BATCH)
        && job->flags == 0) {
      worker.outputs = job->outputs;
      worker.emitted =
          task == RING_TASK_MESSAGE ? area->job.emitted : job->emitted;
      run (&job->invocation, &worker);
    }
    ring_device_sync_block (thread);

    /* 4. say what came of it */
    if (task == RING_TASK_FINISH || task == RING_TASK_ALONE
        || task == RING_TASK_BATCH) {
      if (thread->lane == 0) {
        /* What all blocks ran is so already. */
        if (task != RING_TASK_FINISH)
          ring_loop_finish (loop, job, area);
        if (task != RING_TASK_BATCH)
          job->output = leader->output.position;
        else if (emits)
          ring_loop_take_turn (loop, job, memory->sequence + thread->block);
        else
          job->output = memory->output + thread->block;
        ring_loop_settle_slot (loop, job, 0);
      }
      ring_device_sync_block (thread);
      ring_loop_describe (loop, job, area);
      if (task == RING_TASK_BATCH && emits && thread->lane == 0) {
        memory->output_end = job->output + job->slots;
        ring_shared_store_release (&memory->turn,
            memory->sequence + thread->block + 1);
      }
    }
    ring_device_sync_block (thread);
    if (!first && thread->lane == 0)
      ring_shared_add (&memory->done, 1);
    if (leads && (task == RING_TASK_FINISH || task == RING_TASK_ALONE)) {
      ring_leader_publish (loop, leader, 1, job->slots);
      leader->done = RING_NO_AREA;
    } else if (leads && task == RING_TASK_BATCH) {
      ring_leader_publish (loop, leader, leader->count,
          ring_leader_end_batch (loop, leader));
      leader->count = 0;
    }
  }
}

#endif /* RING_DEVICE_LOOP_H */
