/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * loop.c: the device loop on CPU threads: takes messages from the input ring,
 * runs them, and publishes what comes out, in order.
 */
#include "backends/cpu/cpu-private.h"
#include "core/telemetry.h"
#include "ringkernel/steps.h"

#include <string.h>

static void
break_with (CpuInstance *c, guint32 error)
{
  __atomic_store_n (&c->broken, TRUE, __ATOMIC_RELAXED);
  ring_store_release_u32 (&c->base.control->device.last_error, error);
}

/* Whether the calling thread runs a message of @size bytes alone. With workers that
 * nobody asked for, whatever has been faster lately: a light kernel is done with a
 * frame before the others are awake, and on a busy machine they come late. */
static gboolean
better_alone (CpuInstance *c, CpuGroup *group, gsize size)
{
  const gfloat alone = group->cost[TRUE], shared = group->cost[FALSE];
  gboolean probe;

  if (c->share_all)
    return FALSE;
  if (size < CPU_LARGE_MESSAGE || c->base.workers == 1
      || alone * (gfloat) size < CPU_LONG_RUN)
    return TRUE;
  if (shared == 0)
    return FALSE;
  probe = ++group->choices % CPU_PROBE_EVERY == 0;
  return (alone < shared) != probe;
}

static void
remember_cost (CpuGroup *group, gboolean alone, gsize size, guint64 ns)
{
  gfloat *cost = &group->cost[alone];
  const gfloat now = (gfloat) ns / (gfloat) size;

  *cost = *cost == 0 ? now : *cost + (now - *cost) / 8;
}

/* Runs the message in @header, or finds that it is not to be run: the group then
 * holds what write_results needs. @now is the time if it is known, and then the
 * time at the end. */
static void
run_message (CpuInstance *c, CpuGroup *group, RingMessageHeader *header,
    const RingOrders *orders, guint64 *now)
{
  const RingGeometry *g = &c->geometry;
  RingInvocation invocation;
  guint32 error;
  guint64 begin;
  gboolean alone;
  gsize size;

  group->flags = RING_MESSAGE_FAILED;
  group->started = group->finished = 0;
  if (ring_message_is_stale (header->epoch, orders)) {
    group->flags = RING_MESSAGE_DISCARDED;
    return;
  }
  if (__atomic_load_n (&c->broken, __ATOMIC_RELAXED))
    return;
  error = ring_message_resolve_input (header, g, c->base.regions, NULL,
      (guint8 *) header + g->input_inline_offset, &invocation.in);
  if (error == RING_DEVICE_OK)
    error = ring_message_resolve_outputs (header, g, g->max_outputs,
        c->base.regions, NULL, group->inline_output, group->outputs,
        group->emitted, c->description->flags);
  if (error != RING_DEVICE_OK) {
    break_with (c, error);
    return;
  }
  invocation.outputs = group->outputs;
  invocation.parameters =
      c->base.parameters + (gsize) header->parameter_set * g->parameter_stride;
  invocation.state = c->state;
  invocation.scratch = group->scratch;

  size = MAX (invocation.in.size, group->outputs[0].size);
  alone = better_alone (c, group, size);
  if (c->telemetry || size >= CPU_LARGE_MESSAGE)
    begin = *now ? *now : ring_clock_now ();
  else
    begin = 0;
  cpu_team_run (group->team, c->module->cpu, &invocation, group->emitted,
      alone);
  if (begin)
    *now = ring_clock_now ();
  if (size >= CPU_LARGE_MESSAGE)
    remember_cost (group, alone, size, *now - begin);
  if (c->telemetry) {
    group->started = begin;
    group->finished = *now;
  }

  if (!ring_message_fits (g->max_outputs, group->outputs, group->emitted)) {
    break_with (c, RING_DEVICE_BAD_EMIT);
    return;
  }
  group->flags = 0;
}

/* Writes what came of a message from @position on. Returns how many slots that
 * took: at least one, at most max_outputs. */
static guint
write_results (CpuInstance *c, CpuGroup *group, const RingMessageHeader *header,
    guint64 position)
{
  const RingGeometry *g = &c->geometry;
  const guint slots =
      ring_message_count_slots (g->max_outputs, group->flags, group->emitted);
  guint i, k = 0;

  for (i = 0; i < slots; i++, k++) {
    RingMessageHeader *output = ring_queue_slot (&c->output, position + i);

    if (group->flags)
      k = g->max_outputs;
    while (k < g->max_outputs && group->emitted[k] == RING_NOT_EMITTED)
      k++;
    memcpy ((guint8 *) output + 8, (const guint8 *) header + 8,
        RING_OFFSETOF (RingMessageHeader, payload) - 8);
    if (k < g->max_outputs)
      output->payload = ring_message_output_refs (header)[k];
    ring_message_settle_output (output, header, g->max_outputs, k,
        group->emitted, group->flags, i == 0, i + 1 == slots);
    output->t_arrived = output->t_started = group->started;
    output->t_finished = group->finished;
    if (k < g->max_outputs && output->payload.n_planes > 0
        && output->payload.plane[0].region == RING_REGION_INLINE)
      memcpy ((guint8 *) output + g->output_inline_offset,
          group->inline_output + k * g->inline_size, group->emitted[k]);
  }
  return slots;
}

static void
count_processed (CpuInstance *c, guint n)
{
  RingDeviceWords *device = &c->base.control->device;

  ring_store_release_u64 (&device->processed, device->processed + n);
  ring_store_release_u64 (&device->heartbeat, device->heartbeat + 1);
}

/* All workers on one message: the input slots are read where they are. */
guint
cpu_process (CpuInstance *c)
{
  CpuGroup *group = &c->groups[0];
  const guint n_outputs = c->geometry.max_outputs;
  const RingOrders orders = ring_orders_read (&c->base.control->host);
  const guint64 ready = ring_queue_ready (&c->input, CPU_BATCH);
  guint64 now = 0;
  guint64 taken = 0, written = 0;

  while (taken < ready) {
    RingMessageHeader *header =
        ring_queue_slot (&c->input, c->input.position + taken);
    const guint64 wanted = written + n_outputs;

    if (!ring_message_may_be_taken (header->epoch, &orders)
        || ring_queue_space (&c->output, wanted) < wanted)
      break;
    if (header->sequence != c->expected_sequence++)
      break_with (c, RING_DEVICE_BAD_SEQUENCE);
    cpu_follow_version (c, header->source_generation);
    run_message (c, group, header, &orders, &now);
    written += write_results (c, group, header, c->output.position + written);
    taken++;
    /* A large one has somebody waiting for it. */
    if (header->payload.size > c->geometry.inline_size)
      break;
  }
  if (taken == 0)
    return 0;
  /* Freed first: who sees the outputs may send as many again. */
  ring_queue_release (&c->input, taken);
  ring_queue_publish (&c->output, written);
  count_processed (c, (guint) taken);
  return (guint) taken;
}

/* Room for what all groups at work and one more may write. */
static gboolean
has_room_for_one_more (CpuInstance *c)
{
  guint64 wanted;
  gboolean room;

  g_mutex_lock (&c->finish);
  wanted = (c->taken - c->finished + 1) * c->geometry.max_outputs;
  room = ring_queue_space (&c->output, wanted) >= wanted;
  g_mutex_unlock (&c->finish);
  return room;
}

/* Waits until what the other groups have taken is finished; nobody takes more. */
static void
await_others (CpuInstance *c)
{
  g_mutex_lock (&c->finish);
  while (c->finished != c->taken)
    g_cond_wait (&c->turn, &c->finish);
  g_mutex_unlock (&c->finish);
}

/* Each group on a message of its own: the slot is copied, so that the next group
 * can go on at once, and results are published in the order of taking. */
static guint
process_own (CpuInstance *c, CpuGroup *group)
{
  RingMessageHeader *header = (RingMessageHeader *) (gpointer) group->slot;
  guint64 ticket, now = 0;
  RingOrders orders;
  gboolean alone;

  g_mutex_lock (&c->take);
  orders = ring_orders_read (&c->base.control->host);
  if (ring_queue_ready (&c->input, 1) == 0
      || !ring_message_may_be_taken (
          ring_queue_slot (&c->input, c->input.position)->epoch, &orders)
      || !has_room_for_one_more (c)) {
    g_mutex_unlock (&c->take);
    return 0;
  }
  memcpy (group->slot, ring_queue_slot (&c->input, c->input.position),
      c->geometry.input_stride);
  ring_queue_release (&c->input, 1);
  if (header->sequence != c->expected_sequence++)
    break_with (c, RING_DEVICE_BAD_SEQUENCE);
  if (G_UNLIKELY (header->source_generation != c->generation)) {
    await_others (c);
    cpu_follow_version (c, header->source_generation);
  }
  /* A later version may want to see one message after the other. */
  alone = c->description->sharing != RING_SHARING_BLOCK;
  if (G_UNLIKELY (alone))
    await_others (c);
  g_mutex_lock (&c->finish);
  ticket = c->taken++;
  g_mutex_unlock (&c->finish);
  if (G_LIKELY (!alone))
    g_mutex_unlock (&c->take);

  run_message (c, group, header, &orders, &now);

  g_mutex_lock (&c->finish);
  while (c->finished != ticket)
    g_cond_wait (&c->turn, &c->finish);
  ring_queue_publish (&c->output,
      write_results (c, group, header, c->output.position));
  count_processed (c, 1);
  c->finished++;
  g_cond_broadcast (&c->turn);
  g_mutex_unlock (&c->finish);
  if (G_UNLIKELY (alone))
    g_mutex_unlock (&c->take);
  return 1;
}

/* ---- residency ----------------------------------------------------------------- */

static guint
process (CpuInstance *c, CpuGroup *group)
{
  const guint n = c->n_groups > 1 ? process_own (c, group) : cpu_process (c);

  if (n > 0)
    c->notify (c->notify_data);
  return n;
}

static void
count_residency (CpuInstance *c, gboolean relaunch)
{
  RingDeviceWords *device = &c->base.control->device;

  /* Groups come and go side by side; on this device that is one of them. */
  __atomic_add_fetch (&device->residencies, 1, __ATOMIC_RELAXED);
  if (relaunch)
    __atomic_add_fetch (&device->relaunches, 1, __ATOMIC_RELAXED);
  ring_store_release_u32 (&device->residency, RING_RESIDENCY_RESIDENT);
}

static gboolean
is_empty (CpuInstance *c)
{
  gboolean empty;

  g_mutex_lock (&c->take);
  empty = ring_queue_ready (&c->input, 1) == 0;
  g_mutex_unlock (&c->take);
  return empty;
}

/* Polls and processes until there is a reason to leave. */
static guint32
reside (CpuInstance *c, CpuGroup *group)
{
  const RingHostWords *host = &c->base.control->host;
  const guint64 begin = ring_clock_now ();
  guint64 busy = begin, now;
  guint idle_looks = 0;

  for (;;) {
    const RingOrders orders = ring_orders_read (&c->base.control->host);

    if (process (c, group) > 0) {
      idle_looks = 0;
      busy = now = ring_clock_now ();
    } else {
      /* Nothing is accepted after `terminate`: what the ring holds once it has been
       * seen is all that there is to finish, or to discard. */
      if (orders.terminate && is_empty (c))
        return RING_EXIT_TERMINATE;
      if (!orders.run)
        return RING_EXIT_INACTIVE;
      /* The clock costs more than a look at the ring. */
      if (++idle_looks % 16 != 0)
        continue;
      now = ring_clock_now ();
      if (now - busy >= host->idle_timeout_ns)
        return RING_EXIT_IDLE;
    }
    if (host->lease_ns > 0 && now - begin >= host->lease_ns)
      return RING_EXIT_LEASE;
  }
}

/* Whether there is something for a group that would sleep. */
static gboolean
has_work (CpuInstance *c, gboolean *starved)
{
  const RingOrders orders = ring_orders_read (&c->base.control->host);
  gboolean work = orders.terminate;

  *starved = FALSE;
  g_mutex_lock (&c->take);
  if (!work && ring_queue_ready (&c->input, 1) > 0
      && ring_message_may_be_taken (
          ring_queue_slot (&c->input, c->input.position)->epoch, &orders)) {
    work = has_room_for_one_more (c);
    *starved = !work;
  }
  g_mutex_unlock (&c->take);
  return work;
}

static void
sleep_until_work (CpuInstance *c)
{
  gboolean starved;
  guint64 kicks;

  g_mutex_lock (&c->sleep);
  kicks = c->kicks;
  g_mutex_unlock (&c->sleep);
  __atomic_add_fetch (&c->sleepers, 1, __ATOMIC_SEQ_CST);
  /* Pairs with the fence in cpu_wake: either we see the message, or the host
   * sees a sleeper. */
  ring_fence ();
  if (!has_work (c, &starved)) {
    const gint64 until = g_get_monotonic_time () + c->poll_interval;

    g_mutex_lock (&c->sleep);
    while (c->kicks == kicks) {
      if (!starved)
        g_cond_wait (&c->kick, &c->sleep);
      else if (!g_cond_wait_until (&c->kick, &c->sleep, until))
        break;
    }
    g_mutex_unlock (&c->sleep);
  }
  __atomic_sub_fetch (&c->sleepers, 1, __ATOMIC_SEQ_CST);
}

gpointer
cpu_resident_thread (gpointer data)
{
  CpuGroup *group = data;
  CpuInstance *c = group->instance;
  RingDeviceWords *device = &c->base.control->device;
  gboolean relaunch = FALSE;

  for (;;) {
    guint32 reason;
    gboolean starved;

    if (!relaunch)
      sleep_until_work (c);
    count_residency (c, relaunch);
    reason = reside (c, group);
    ring_store_release_u32 (&device->exit_reason, reason);
    ring_store_release_u32 (&device->residency, RING_RESIDENCY_EXITED);
    if (reason == RING_EXIT_TERMINATE)
      break;
    relaunch = reason == RING_EXIT_LEASE && has_work (c, &starved);
  }

  g_mutex_lock (&c->sleep);
  c->living--;
  g_cond_broadcast (&c->ended);
  g_mutex_unlock (&c->sleep);
  return NULL;
}
