/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * loop.c: the device loop on CPU threads: takes messages from the input ring,
 * runs them, and publishes what comes out, in order.
 */
#include "backends/cpu/cpu-private.h"
#include "core/telemetry.h"

#include <string.h>

/* What the host wants, read once per look at the ring. */
typedef struct
{
  gboolean run;     /* process what is there */
  gboolean discard; /* drop what is there, whatever its epoch */
  gboolean terminate;
  guint64 epoch;
} Orders;

static Orders
read_orders (CpuInstance *c)
{
  const RingHostWords *host = &c->base.control->host;
  Orders orders;

  /* Pairs with the releases in kernel.c; `drain` is written before it. */
  orders.terminate = ring_load_acquire_u32 (&host->terminate) != 0;
  orders.discard = orders.terminate && !ring_load_acquire_u32 (&host->drain);
  orders.run = ring_load_acquire_u32 (&host->active) != 0 || orders.terminate;
  orders.epoch = ring_load_acquire_u64 (&host->epoch);
  return orders;
}

static gboolean
is_stale (const RingMessageHeader *header, const Orders *orders)
{
  /* The orders may be older than the message: one of a later epoch is not stale. */
  return orders->discard || header->epoch < orders->epoch;
}

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
run_message (CpuInstance *c, CpuGroup *group, const RingMessageHeader *header,
    const Orders *orders, guint64 *now)
{
  const RingGeometry *g = &c->geometry;
  const guint n = g->max_outputs;
  const RingPayloadRef *refs =
      (const RingPayloadRef *) ((const guint8 *) header + RING_HEADER_SIZE);
  RingInvocation invocation;
  guint64 begin;
  gboolean alone;
  gsize size;
  guint k;

  group->flags = RING_MESSAGE_FAILED;
  group->started = group->finished = 0;
  if (is_stale (header, orders)) {
    group->flags = RING_MESSAGE_DISCARDED;
    return;
  }
  if (__atomic_load_n (&c->broken, __ATOMIC_RELAXED))
    return;
  if (header->magic != RING_MESSAGE_MAGIC
      || header->version != RING_ABI_VERSION) {
    break_with (c, RING_DEVICE_BAD_MAGIC);
    return;
  }
  if (ring_view_resolve (&invocation.in, &header->payload, c->base.regions,
          g->region_count, (guint8 *) header + g->input_inline_offset,
          g->inline_size)
          != 0
      || header->parameter_set >= g->parameter_sets) {
    break_with (c, RING_DEVICE_BAD_REGION);
    return;
  }
  for (k = 0; k < n; k++) {
    if (ring_view_resolve (&group->outputs[k], &refs[k], c->base.regions,
            g->region_count, group->inline_output + k * g->inline_size,
            g->inline_size)
        != 0) {
      break_with (c, RING_DEVICE_BAD_REGION);
      return;
    }
    group->outputs[k].pts = header->pts;
    group->outputs[k].duration = header->duration;
    group->outputs[k].flags = header->flags;
    group->emitted[k] = RING_NOT_EMITTED;
  }
  invocation.in.flags = header->flags;
  invocation.in.pts = header->pts;
  invocation.in.duration = header->duration;
  invocation.outputs = group->outputs;
  invocation.parameters =
      c->base.parameters + (gsize) header->parameter_set * g->parameter_stride;
  invocation.state = c->state;
  invocation.scratch = group->scratch;
  if (!(c->description->flags & RING_KERNEL_EMITS))
    group->emitted[0] = group->outputs[0].size;

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

  for (k = 0; k < n; k++) {
    if (group->emitted[k] != RING_NOT_EMITTED
        && group->emitted[k] > group->outputs[k].capacity) {
      break_with (c, RING_DEVICE_BAD_EMIT);
      return;
    }
  }
  group->flags = 0;
}

/* Writes a slot of the output ring, but for its sequence: the input's header with
 * the output's payload. */
static RingMessageHeader *
write_slot (CpuInstance *c, CpuGroup *group, guint64 position,
    const RingMessageHeader *input, guint32 flags)
{
  RingMessageHeader *output = ring_queue_slot (&c->output, position);

  /* Not the first word: it is the ring's. */
  memcpy ((guint8 *) output + 8, (const guint8 *) input + 8,
      RING_OFFSETOF (RingMessageHeader, payload) - 8);
  output->flags = flags;
  output->t_started = group->started;
  output->t_finished = group->finished;
  output->payload.n_planes = 0;
  output->payload.size = 0;
  return output;
}

/* Writes what came of a message from @position on. Returns how many slots that
 * took: at least one, at most max_outputs. */
static guint
write_results (CpuInstance *c, CpuGroup *group, const RingMessageHeader *header,
    guint64 position)
{
  const RingGeometry *g = &c->geometry;
  const RingPayloadRef *refs =
      (const RingPayloadRef *) ((const guint8 *) header + RING_HEADER_SIZE);
  guint32 flags = header->flags & RING_MESSAGE_DISCONT;
  RingMessageHeader *output = NULL;
  guint k, slots = 0;

  for (k = 0; k < g->max_outputs && group->flags == 0; k++) {
    if (group->emitted[k] == RING_NOT_EMITTED)
      continue;
    output = write_slot (c, group, position + slots++, header, flags);
    flags = 0; /* the first alone does not continue */
    output->output_index = (uint16_t) k;
    output->payload.kind = refs[k].kind;
    output->payload.n_planes = refs[k].n_planes;
    output->payload.format = refs[k].format;
    output->payload.size = group->emitted[k];
    output->payload.capacity = refs[k].capacity;
    memcpy (output->payload.plane, refs[k].plane,
        sizeof (RingPlaneRef) * refs[k].n_planes);
    if (refs[k].n_planes > 0 && refs[k].plane[0].region == RING_REGION_INLINE)
      memcpy ((guint8 *) output + g->output_inline_offset,
          group->inline_output + k * g->inline_size, group->emitted[k]);
  }
  if (output == NULL) {
    output = write_slot (c, group, position, header,
        group->flags | flags | RING_MESSAGE_NO_OUTPUT);
    slots = 1;
  }
  output->flags |= RING_MESSAGE_LAST;
  return slots;
}

static gboolean
may_take (const RingMessageHeader *header, const Orders *orders)
{
  return orders->run || is_stale (header, orders);
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
  const Orders orders = read_orders (c);
  const guint64 ready = ring_queue_ready (&c->input, CPU_BATCH);
  guint64 now = 0;
  guint64 taken = 0, written = 0;

  while (taken < ready) {
    const RingMessageHeader *header =
        ring_queue_slot (&c->input, c->input.position + taken);
    const guint64 wanted = written + n_outputs;

    if (!may_take (header, &orders)
        || ring_queue_space (&c->output, wanted) < wanted)
      break;
    if (header->sequence != c->expected_sequence++)
      break_with (c, RING_DEVICE_BAD_SEQUENCE);
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

/* Each group on a message of its own: the slot is copied, so that the next group
 * can go on at once, and results are published in the order of taking. */
static guint
process_own (CpuInstance *c, CpuGroup *group)
{
  const RingMessageHeader *header =
      (const RingMessageHeader *) (gpointer) group->slot;
  guint64 ticket, now = 0;
  Orders orders;

  g_mutex_lock (&c->take);
  orders = read_orders (c);
  if (ring_queue_ready (&c->input, 1) == 0
      || !may_take (ring_queue_slot (&c->input, c->input.position), &orders)
      || !has_room_for_one_more (c)) {
    g_mutex_unlock (&c->take);
    return 0;
  }
  memcpy (group->slot, ring_queue_slot (&c->input, c->input.position),
      c->geometry.input_stride);
  ring_queue_release (&c->input, 1);
  if (header->sequence != c->expected_sequence++)
    break_with (c, RING_DEVICE_BAD_SEQUENCE);
  g_mutex_lock (&c->finish);
  ticket = c->taken++;
  g_mutex_unlock (&c->finish);
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
    const Orders orders = read_orders (c);

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
  const Orders orders = read_orders (c);
  gboolean work = orders.terminate;

  *starved = FALSE;
  g_mutex_lock (&c->take);
  if (!work && ring_queue_ready (&c->input, 1) > 0
      && may_take (ring_queue_slot (&c->input, c->input.position), &orders)) {
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
