/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cpu.c: the cpu backend: launch, memory, waking and ending. The device's work is
 * in loop.c, the threads that share a message in team.c.
 */
#include "backends/cpu/cpu-private.h"
#include "core/claim.h"

#include <stdlib.h>
#include <string.h>

/* ---- the device ------------------------------------------------------------- */

static RingBackend *
cpu_open (const RingConfig *config, GError **error)
{
  RingBackend *backend;

  if (config->device != 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_NO_DEVICE,
        "backend 'cpu' has no device %d; its only device is 0", config->device);
    return NULL;
  }
  backend = g_new0 (RingBackend, 1);
  backend->klass = &ring_cpu_backend;
  return backend;
}

static void
cpu_close (RingBackend *backend)
{
  g_free (backend);
}

static const gchar *
cpu_device_name (RingBackend *backend)
{
  static gchar name[32];
  static gsize once = 0;

  (void) backend;
  if (g_once_init_enter (&once)) {
    const guint n = g_get_num_processors ();

    g_snprintf (name, sizeof name, "%u processor%s", n, n == 1 ? "" : "s");
    g_once_init_leave (&once, 1);
  }
  return name;
}

/* ---- memory ------------------------------------------------------------------- */

/* Zeroed and aligned to a line. From calloc, so that pages cost nothing until they
 * are used. */
static gpointer
alloc_lines (CpuInstance *c, guint which, gsize size)
{
  c->memory[which] = calloc (1, size + RING_CACHE_LINE);
  if (!c->memory[which])
    return NULL;
  return (gpointer) (((guintptr) c->memory[which] + RING_CACHE_LINE - 1)
      / RING_CACHE_LINE * RING_CACHE_LINE);
}

static void
free_instance (CpuInstance *c)
{
  guint i;

  for (i = 0; i < c->n_groups; i++) {
    if (c->groups[i].team)
      cpu_team_free (c->groups[i].team);
    free (c->groups[i].inline_output);
    free (c->groups[i].slot);
  }
  for (i = 0; i < G_N_ELEMENTS (c->memory); i++)
    free (c->memory[i]);
  cpu_free_versions (c);
  g_free (c->groups);
  g_mutex_clear (&c->take);
  g_mutex_clear (&c->finish);
  g_mutex_clear (&c->sleep);
  g_mutex_clear (&c->versions_lock);
  g_cond_clear (&c->turn);
  g_cond_clear (&c->kick);
  g_cond_clear (&c->ended);
  g_free (c);
}

/* ---- launch --------------------------------------------------------------------- */

static gboolean
choose_workers (const RingLaunch *launch, guint *grid, guint *block,
    GError **error)
{
  const guint processors = MIN (g_get_num_processors (), 16);
  gint64 n;

  *block = launch->block > 0 ? (guint) launch->block : 1;
  *grid =
      launch->grid > 0 ? (guint) launch->grid : MAX (processors / *block, 1);
  n = (gint64) *grid * *block;
  if (n > CPU_MAX_WORKERS) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "grid-size %u times block-size %u is %" G_GINT64_FORMAT " workers; "
        "backend 'cpu' makes a thread of each and takes at most %d",
        *grid, *block, n, CPU_MAX_WORKERS);
    return FALSE;
  }
  return TRUE;
}

static gboolean
alloc_rings (CpuInstance *c)
{
  const RingGeometry *g = &c->geometry;

  c->base.control = alloc_lines (c, 0, sizeof (RingControlBlock));
  c->base.input_slots =
      alloc_lines (c, 1, (gsize) g->input_capacity * g->input_stride);
  c->base.output_slots =
      alloc_lines (c, 2, (gsize) g->output_capacity * g->output_stride);
  c->base.parameters =
      alloc_lines (c, 3, (gsize) g->parameter_sets * g->parameter_stride);
  c->base.regions = alloc_lines (c, 4, g->region_count * sizeof (RingRegion));
  return c->base.control && c->base.input_slots && c->base.output_slots
      && c->base.parameters && c->base.regions;
}

static void
open_device_side (CpuInstance *c)
{
  const RingGeometry *g = &c->geometry;
  RingControlBlock *control = c->base.control;

  c->input.slots = c->base.input_slots;
  c->input.producer = &control->input_producer;
  c->input.consumer = &control->input_consumer;
  c->input.capacity = g->input_capacity;
  c->input.stride = g->input_stride;
  c->output.slots = c->base.output_slots;
  c->output.producer = &control->output_producer;
  c->output.consumer = &control->output_consumer;
  c->output.capacity = g->output_capacity;
  c->output.stride = g->output_stride;
  control->device.abi_version = c->description->abi_version;
  control->device.layout_hash = c->description->layout_hash;
}

static gboolean
start_groups (CpuInstance *c, guint per_group, GError **error)
{
  const RingGeometry *g = &c->geometry;
  guint i;

  for (i = 0; i < c->n_groups; i++) {
    CpuGroup *group = &c->groups[i];

    group->instance = c;
    group->team = cpu_team_new (per_group);
    group->inline_output =
        cpu_alloc_zeroed ((gsize) g->max_outputs * g->inline_size);
    group->slot = cpu_alloc_zeroed (g->input_stride);
    if (!group->inline_output || !group->slot) {
      g_set_error_literal (error, RING_ERROR, RING_ERROR_NO_MEMORY,
          "no memory for the workers' buffers");
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
start_threads (CpuInstance *c, GError **error)
{
  guint i;

  for (i = 0; i < c->n_groups; i++) {
    GError *cause = NULL;

    g_mutex_lock (&c->sleep);
    c->groups[i].thread = g_thread_try_new ("ring-kernel", cpu_resident_thread,
        &c->groups[i], &cause);
    if (c->groups[i].thread)
      c->living++;
    g_mutex_unlock (&c->sleep);
    if (!c->groups[i].thread) {
      g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
          "no thread for kernel '%s': %s", c->module->name, cause->message);
      g_error_free (cause);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean cpu_stop (RingInstance *instance, gint64 deadline);

static RingInstance *
cpu_launch (RingBackend *backend, const RingLaunch *launch, GError **error)
{
  CpuInstance *c;
  guint grid, block;
  gboolean own;

  (void) backend;
  if (!choose_workers (launch, &grid, &block, error))
    return NULL;

  c = g_new0 (CpuInstance, 1);
  g_mutex_init (&c->take);
  g_mutex_init (&c->finish);
  g_mutex_init (&c->sleep);
  g_mutex_init (&c->versions_lock);
  g_queue_init (&c->versions);
  g_cond_init (&c->turn);
  g_cond_init (&c->kick);
  g_cond_init (&c->ended);
  c->module = ring_module_ref (launch->module);
  c->description = launch->module->description;
  c->geometry = launch->geometry;
  c->notify = launch->notify;
  c->notify_data = launch->notify_data;
  c->telemetry = launch->config->telemetry;
  c->poll_interval = launch->config->poll_interval;
  /* Who asks for so many workers gets them on every message. */
  c->share_all = launch->grid > 0 || launch->block > 0;
  c->base.klass = &ring_cpu_backend;
  c->base.mode = launch->config->mode == RING_EXECUTION_AUTO
      ? RING_EXECUTION_INLINE
      : launch->config->mode;
  c->base.workers = grid * block;

  /* Blocks that run side by side need threads that stay; where one thread at a
   * time has the kernel, all workers share each message. */
  own = c->description->sharing == RING_SHARING_BLOCK
      && c->base.mode == RING_EXECUTION_PERSISTENT;
  c->n_groups = own ? grid : 1;
  c->base.max_running = c->n_groups > 1 ? 0 : CPU_BATCH;
  c->groups = g_new0 (CpuGroup, c->n_groups);

  if (!alloc_rings (c)) {
    g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
        "no memory for rings of %u and %u slots of kernel '%s'; lower "
        "queue-capacity",
        c->geometry.input_capacity, c->geometry.output_capacity,
        c->module->name);
    free_instance (c);
    return NULL;
  }
  open_device_side (c);
  if (!start_groups (c, own ? block : grid * block, error)) {
    free_instance (c);
    return NULL;
  }
  if (c->base.mode == RING_EXECUTION_PERSISTENT && !start_threads (c, error)) {
    ring_store_release_u32 (&c->base.control->host.terminate, 1);
    if (cpu_stop (&c->base, g_get_monotonic_time () + G_USEC_PER_SEC))
      free_instance (c);
    return NULL;
  }
  return &c->base;
}

/* ---- waking ------------------------------------------------------------------------ */

/* Called with `processing` claimed: until nobody has left a note. */
static void
process_claimed (CpuInstance *c)
{
  do {
    while (cpu_process (c) > 0)
      c->notify (c->notify_data);
  } while (!ring_unclaim (&c->processing));
}

static void
launch_batch (gpointer data, gpointer unused)
{
  CpuInstance *c = data;

  (void) unused;
  /* Read by ring_kernel_get_metrics at any moment. */
  __atomic_add_fetch (&c->base.control->device.residencies, 1,
      __ATOMIC_RELAXED);
  process_claimed (c);
}

/* One pool for all handles: a launch is a job. */
static GThreadPool *
batch_pool (void)
{
  static GThreadPool *pool;
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    pool = g_thread_pool_new (launch_batch, NULL, -1, FALSE, NULL);
    g_once_init_leave (&once, 1);
  }
  return pool;
}

static void
cpu_wake (RingInstance *instance)
{
  CpuInstance *c = (CpuInstance *) instance;

  switch (c->base.mode) {
    case RING_EXECUTION_PERSISTENT:
      /* Pairs with the fence in sleep_until_work. */
      ring_fence ();
      if (__atomic_load_n (&c->sleepers, __ATOMIC_SEQ_CST) > 0) {
        g_mutex_lock (&c->sleep);
        c->kicks++;
        g_cond_broadcast (&c->kick);
        g_mutex_unlock (&c->sleep);
      }
      break;
    case RING_EXECUTION_EVENT_DRIVEN:
      if (ring_claim (&c->processing))
        g_thread_pool_push (batch_pool (), c, NULL);
      break;
    default:
      if (ring_claim (&c->processing))
        process_claimed (c);
      break;
  }
}

/* ---- ending -------------------------------------------------------------------------- */

static gboolean
stop_threads (CpuInstance *c, gint64 deadline)
{
  gboolean ended = TRUE;
  guint i;

  cpu_wake (&c->base);
  g_mutex_lock (&c->sleep);
  while (c->living > 0 && ended)
    ended = g_cond_wait_until (&c->ended, &c->sleep, deadline);
  ended = c->living == 0;
  g_mutex_unlock (&c->sleep);
  for (i = 0; ended && i < c->n_groups; i++)
    g_clear_pointer (&c->groups[i].thread, g_thread_join);
  return ended;
}

static gboolean
cpu_stop (RingInstance *instance, gint64 deadline)
{
  CpuInstance *c = (CpuInstance *) instance;

  if (c->base.mode == RING_EXECUTION_PERSISTENT)
    return stop_threads (c, deadline);

  /* Whoever processes lets go when the ring is empty. The claim is then kept, so
   * that nothing starts again. The holder is a thread in the middle of a message:
   * there is nothing to wait on but the clock. */
  if (c->stopped)
    return TRUE;
  while (!ring_claim (&c->processing)) {
    if (g_get_monotonic_time () >= deadline)
      return FALSE;
    g_usleep (50);
  }
  c->stopped = TRUE;
  return TRUE;
}

static void
cpu_free (RingInstance *instance)
{
  free_instance ((CpuInstance *) instance);
}

const RingBackendClass ring_cpu_backend = {
  .type = RING_BACKEND_CPU,
  .name = "cpu",
  .open = cpu_open,
  .close = cpu_close,
  .device_name = cpu_device_name,
  .launch = cpu_launch,
  .set_buffers = cpu_set_buffers,
  .replace = cpu_replace,
  .wake = cpu_wake,
  .stop = cpu_stop,
  .free = cpu_free,
};
