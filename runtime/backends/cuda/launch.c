/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * launch.c: makes an instance of a kernel on the device: how many threads, in which
 * mode, with which memory; and its end.
 */
#include "backends/cuda/cuda-private.h"

#include <string.h>

/* As many threads as a block has by default; at the most RING_MAX_LANES. */
#define DEFAULT_LANES 256
/* Blocks on one multiprocessor by default: of 256 threads with 64 registers, half of what
 * there are, so that the next kernel in the pipeline does not wait for this one to
 * leave. */
#define BLOCKS_EACH 2
/* One multiprocessor in so many is left to others by default, at least one. */
#define LEAVE_ONE_IN 8
/* Messages of audio and of sensors are short: more blocks only have more to say to
 * each other. */
#define BLOCKS_FOR_SHORT 8
/* A message of fewer bytes is run by one block alone. */
#define ALONE_BELOW 8192
/* A lease that is longer than this, us, and a display's watchdog do not go
 * together. */
#define WATCHDOG_LEASE G_USEC_PER_SEC

/* ---- how ---------------------------------------------------------------------------- */

static gboolean
choose_block (CudaInstance *c, const RingLaunch *launch, GError **error)
{
  const CudaDriver *driver = c->backend->driver;
  gint most = RING_MAX_LANES;

  if (!cuda_check (driver,
          driver->cuFuncGetAttribute (&most,
              CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, c->code.function),
          "asking for the kernel's limits", error))
    return FALSE;
  most = MIN (most, MIN (c->backend->max_threads, RING_MAX_LANES));
  if (launch->block > most) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "block-size is %d; a block of kernel '%s' has at most %d threads on %s",
        launch->block, cuda_name (c), most, c->backend->name);
    return FALSE;
  }
  c->block = launch->block > 0 ? (guint) launch->block
                               : (guint) MIN (most, DEFAULT_LANES);
  return TRUE;
}

static guint
default_grid (CudaInstance *c, gint each)
{
  const gint processors = c->backend->multiprocessors;
  const gint left = processors - MAX (processors / LEAVE_ONE_IN, 1);
  guint grid = (guint) MAX (left * MIN (each, BLOCKS_EACH), 1);

  if (c->code.module->description->kind == RING_KIND_AUDIO
      || c->code.module->description->kind == RING_KIND_RECORD)
    grid = MIN (grid, BLOCKS_FOR_SHORT);
  return grid;
}

gboolean
cuda_check_threads (CudaInstance *c, const CudaCode *code, GError **error)
{
  const CudaDriver *driver = c->backend->driver;
  gint lanes = 0, each = 0;
  guint blocks;

  if (!cuda_check (driver,
          driver->cuFuncGetAttribute (&lanes,
              CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, code->function),
          "asking for the kernel's limits", error))
    return FALSE;
  if (lanes >= (gint) c->block
      && !cuda_check (driver,
          driver->cuOccupancyMaxActiveBlocksPerMultiprocessor (&each,
              code->function, (gint) c->block, 0),
          "asking how many blocks fit on the device", error))
    return FALSE;
  blocks = (guint) (each * c->backend->multiprocessors);
  if (blocks >= (c->cooperative ? c->grid : 1))
    return TRUE;
  g_set_error (error, RING_ERROR, RING_ERROR_NEEDS_LAUNCH,
      "%u blocks of %u threads of kernel '%s' in %s do not fit on %s at once, as those "
      "of the version that runs do; launch it anew",
      c->grid, c->block, code->module->name, code->origin, c->backend->name);
  return FALSE;
}

/* The grid's barrier needs all blocks on the device at once. */
static gboolean
choose_grid (CudaInstance *c, const RingLaunch *launch, GError **error)
{
  const CudaDriver *driver = c->backend->driver;
  gint each = 0, most;

  if (!cuda_check (driver,
          driver->cuOccupancyMaxActiveBlocksPerMultiprocessor (&each,
              c->code.function, (gint) c->block, 0),
          "asking how many blocks fit on the device", error))
    return FALSE;
  most = each * c->backend->multiprocessors;
  if (most < 1) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "not one block of %u threads of kernel '%s' fits on %s; lower block-size",
        c->block, cuda_name (c), c->backend->name);
    return FALSE;
  }
  c->cooperative = c->backend->cooperative;
  if (!c->cooperative)
    most = 1;
  if (launch->grid > most) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        c->cooperative
            ? "grid-size is %d; %d blocks of %u threads of kernel '%s' fit on %s at "
              "once, and all must"
            : "grid-size is %d; without cooperative launch it can be %d only "
              "(block-size %u, kernel '%s', %s)",
        launch->grid, most, c->block, cuda_name (c), c->backend->name);
    return FALSE;
  }
  c->grid = launch->grid > 0 ? (guint) launch->grid
      : c->cooperative       ? default_grid (c, each)
                             : 1;
  return TRUE;
}

static gboolean
choose_mode (CudaInstance *c, const RingLaunch *launch, GError **error)
{
  const RingExecutionMode asked = launch->config->mode;
  const gboolean any = asked == RING_EXECUTION_AUTO;

  if (asked == RING_EXECUTION_INLINE) {
    g_set_error_literal (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "execution-mode inline runs a message on the thread that sends it, so on "
        "backend 'cpu' only; use auto, event-driven or persistent");
    return FALSE;
  }
  c->base.mode = any ? RING_EXECUTION_PERSISTENT : asked;
  if (c->base.mode == RING_EXECUTION_PERSISTENT && !c->cooperative) {
    c->base.mode = RING_EXECUTION_EVENT_DRIVEN;
    c->base.fallback =
        "event-driven with one block: the device has no cooperative "
        "launch";
  } else if (c->base.mode == RING_EXECUTION_PERSISTENT && c->backend->watchdog
      && (any || c->lease == 0 || c->lease > WATCHDOG_LEASE)) {
    c->base.mode = RING_EXECUTION_EVENT_DRIVEN;
    c->base.fallback = any
        ? "event-driven: a display's watchdog limits kernels on this device"
        : "event-driven: the lease is longer than the watchdog of the display on "
          "this device allows";
  } else if (any && launch->grid <= 0 && c->backend->multiprocessors < 2) {
    c->base.mode = RING_EXECUTION_EVENT_DRIVEN;
    c->base.fallback =
        "event-driven: a resident kernel would fill the device's one "
        "multiprocessor";
  } else if (!c->cooperative) {
    c->base.fallback = "one block: the device has no cooperative launch";
  }
  return TRUE;
}

/* ---- memory ------------------------------------------------------------------------------ */

static gsize
lines (gsize size)
{
  return (size + RING_CACHE_LINE - 1) / RING_CACHE_LINE * RING_CACHE_LINE;
}

CUresult
cuda_alloc_device (CudaInstance *c, CUdeviceptr *memory, gsize size,
    CUstream stream)
{
  CudaBackend *b = c->backend;
  CUresult result;

  if (b->memory_pools)
    return b->driver->cuMemAllocAsync (memory, MAX (size, 1), stream);
  result = cuda_hold_all (b) ? b->driver->cuMemAlloc_v2 (memory, MAX (size, 1))
                             : CUDA_ERROR_LAUNCH_TIMEOUT;
  cuda_release_all (b);
  return result;
}

void
cuda_free_device (CudaInstance *c, CUdeviceptr memory)
{
  CudaBackend *b = c->backend;

  if (!memory)
    return;
  if (b->memory_pools) {
    b->driver->cuMemFreeAsync (memory, c->stream);
    return;
  }
  if (cuda_hold_all (b))
    b->driver->cuMemFree_v2 (memory);
  else
    cuda_free_later (b, memory, TRUE);
  cuda_release_all (b);
}

/* Control block, rings and tables, in one page-locked block. */
static gboolean
alloc_shared (CudaInstance *c, GError **error)
{
  const RingGeometry *g = &c->geometry;
  const gsize sizes[] = { lines (sizeof (RingControlBlock)),
    lines ((gsize) g->input_capacity * g->input_stride),
    lines ((gsize) g->output_capacity * g->output_stride),
    lines ((gsize) g->parameter_sets * g->parameter_stride),
    lines (g->region_count * sizeof (RingRegion)) };
  guint8 *part[G_N_ELEMENTS (sizes)];
  CUdeviceptr device;
  gsize at = 0, i;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++)
    c->shared_size += sizes[i];
  c->shared = cuda_alloc_host (&c->backend->base, c->shared_size);
  c->base.regions = g_try_new0 (RingRegion, g->region_count);
  if (!c->shared || !c->base.regions) {
    g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
        "no memory that the device reaches for rings of %u and %u slots of kernel "
        "'%s', %" G_GSIZE_FORMAT " bytes; lower queue-capacity",
        g->input_capacity, g->output_capacity, cuda_name (c), c->shared_size);
    return FALSE;
  }
  memset (c->shared, 0, c->shared_size);
  device = cuda_find_pinned (c->backend, c->shared, c->shared_size);
  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    part[i] = c->shared + at;
    at += sizes[i];
  }
#define DEVICE_ADDRESS(i) (gpointer) (guintptr) (device + (part[i] - c->shared))
  c->base.control = (RingControlBlock *) part[0];
  c->base.input_slots = part[1];
  c->base.output_slots = part[2];
  c->base.parameters = part[3];
  c->device_regions = (RingRegion *) part[4];
  c->residency.control = DEVICE_ADDRESS (0);
  c->residency.input_slots = DEVICE_ADDRESS (1);
  c->residency.output_slots = DEVICE_ADDRESS (2);
  c->residency.parameters = DEVICE_ADDRESS (3);
  c->residency.regions = DEVICE_ADDRESS (4);
#undef DEVICE_ADDRESS
  return TRUE;
}

static gboolean
clear_device_memory (CudaInstance *c, GError **error)
{
  return cuda_check (c->backend->driver,
      c->backend->driver->cuMemsetD8Async (c->memory, 0,
          ring_device_memory_size (&c->geometry, c->grid), c->stream),
      "clearing the kernel's memory on the device", error);
}

static gboolean
alloc_memory (CudaInstance *c, GError **error)
{
  const gsize size = ring_device_memory_size (&c->geometry, c->grid);

  if (!alloc_shared (c, error))
    return FALSE;
  if (!cuda_check (c->backend->driver,
          cuda_alloc_device (c, &c->memory, size, c->stream),
          "getting the kernel's memory on the device", error))
    return FALSE;
  c->residency.memory = (RingDeviceMemory *) (guintptr) c->memory;
  return clear_device_memory (c, error);
}

/* Nothing is queued or running, but the kernel may still be resident. */
gboolean
cuda_set_buffers (RingInstance *instance, gsize state_size, gsize scratch_size,
    gboolean keep_state, GError **error)
{
  CudaInstance *c = (CudaInstance *) instance;
  const CudaDriver *driver = c->backend->driver;
  const gsize stride = lines (scratch_size);
  CUdeviceptr state, scratch = 0;
  gsize scratches;
  CUresult result;
  gboolean own;

  if (cuda_is_broken (c) || !cuda_enter (c->backend)) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
        "kernel '%s' has lost its device", cuda_name (c));
    return FALSE;
  }
  /* The residency that is there, if any, has the addresses of now. */
  result =
      cuda_hold_all (c->backend) ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_TIMEOUT;
  g_mutex_lock (&c->driving);
  /* All messages before are finished, so the latest version is due. */
  if (result == CUDA_SUCCESS)
    cuda_change_version (c);
  own = c->code.module->description->sharing == RING_SHARING_BLOCK;
  g_mutex_unlock (&c->driving);
  if (result == CUDA_SUCCESS) {
    cuda_free_versions (c, FALSE, FALSE);
    if (!keep_state)
      cuda_transfer_trim (c);
  }
  scratches = own ? stride * c->grid : stride;
  state = c->state;
  if (result == CUDA_SUCCESS)
    result = cuda_alloc_device (c, &scratch, scratches, c->stream);
  if (result == CUDA_SUCCESS && !keep_state) {
    result = cuda_alloc_device (c, &state, state_size, c->stream);
    if (result == CUDA_SUCCESS)
      result =
          driver->cuMemsetD8Async (state, 0, MAX (state_size, 1), c->stream);
  }
  if (result == CUDA_SUCCESS) {
    if (!keep_state)
      cuda_free_device (c, c->state);
    cuda_free_device (c, c->scratch);
    c->state = state;
    c->scratch = scratch;
    /* The next residency comes behind this on the same stream. */
    c->residency.state = (guint8 *) (guintptr) state;
    c->residency.scratch = (guint8 *) (guintptr) scratch;
    c->residency.scratch_stride = own ? stride : 0;
  } else {
    cuda_free_device (c, scratch);
    if (!keep_state && state != c->state)
      cuda_free_device (c, state);
    g_set_error (error, RING_ERROR,
        result == CUDA_ERROR_OUT_OF_MEMORY ? RING_ERROR_NO_MEMORY
                                           : RING_ERROR_FAILED,
        "no memory on %s for %" G_GSIZE_FORMAT
        " bytes of state and %" G_GSIZE_FORMAT
        " bytes of scratch of kernel '%s'",
        c->backend->name, state_size, scratches, cuda_name (c));
  }
  /* What was captured has the old addresses. */
  if (c->graph)
    driver->cuGraphExecDestroy (c->graph);
  c->graph = NULL;
  cuda_release_all (c->backend);
  cuda_leave (c->backend);
  return result == CUDA_SUCCESS;
}

/* ---- one residency -------------------------------------------------------------------------- */

CUresult
cuda_launch_function (CudaInstance *c, CUfunction function, CUstream stream)
{
  const CudaDriver *driver = c->backend->driver;
  void *parameters[] = { &c->residency };

  return c->cooperative ? driver->cuLaunchCooperativeKernel (function, c->grid,
             1, 1, c->block, 1, 1, 0, stream, parameters)
                        : driver->cuLaunchKernel (function, c->grid, 1, 1,
                            c->block, 1, 1, 0, stream, parameters, NULL);
}

/* The launch as a graph, which costs less to issue; nothing if that does not
 * work here. Captured on a stream of its own, as others use the kernel's meanwhile. */
static void
capture (CudaInstance *c)
{
  const CudaDriver *driver = c->backend->driver;
  CUgraph graph = NULL;
  CUresult result;

  if (!driver->cuStreamBeginCapture_v2 || !driver->cuStreamEndCapture
      || !driver->cuGraphInstantiateWithFlags || !driver->cuGraphLaunch
      || !driver->cuGraphExecDestroy || !driver->cuGraphDestroy)
    return;
  if (driver->cuStreamBeginCapture_v2 (c->capture,
          CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
      != CUDA_SUCCESS)
    return;
  result = cuda_launch_function (c, c->code.function, c->capture);
  if (driver->cuStreamEndCapture (c->capture, &graph) != CUDA_SUCCESS)
    return;
  if (result == CUDA_SUCCESS
      && driver->cuGraphInstantiateWithFlags (&c->graph, graph, 0)
          != CUDA_SUCCESS)
    c->graph = NULL;
  driver->cuGraphDestroy (graph);
}

CUresult
cuda_launch_residency (CudaInstance *c)
{
  if (c->base.mode != RING_EXECUTION_EVENT_DRIVEN)
    return cuda_launch_function (c, c->code.function, c->stream);
  if (!c->graph && !c->no_graph) {
    capture (c);
    c->no_graph = !c->graph;
  }
  return c->graph ? c->backend->driver->cuGraphLaunch (c->graph, c->stream)
                  : cuda_launch_function (c, c->code.function, c->stream);
}

/* ---- launch and end ---------------------------------------------------------------------------- */

static gboolean
make_streams (CudaInstance *c, GError **error)
{
  const CudaBackend *b = c->backend;
  const CudaDriver *driver = b->driver;

  /* Others' kernels go first: ours stays. Copies are short and somebody waits. */
  return cuda_check (driver,
             driver->cuStreamCreateWithPriority (&c->stream,
                 CU_STREAM_NON_BLOCKING, b->least_priority),
             "making a CUDA stream", error)
      && cuda_check (driver,
          driver->cuStreamCreateWithPriority (&c->copy_in,
              CU_STREAM_NON_BLOCKING, b->greatest_priority),
          "making a CUDA stream", error)
      && cuda_check (driver,
          driver->cuStreamCreateWithPriority (&c->copy_out,
              CU_STREAM_NON_BLOCKING, b->greatest_priority),
          "making a CUDA stream", error)
      && (c->base.mode != RING_EXECUTION_EVENT_DRIVEN
          || cuda_check (driver,
              driver->cuStreamCreateWithPriority (&c->capture,
                  CU_STREAM_NON_BLOCKING, b->least_priority),
              "making a CUDA stream", error));
}

/* Nothing runs any more. With a lost context the driver is left alone: what it
 * holds goes with the process. */
static void
release (CudaInstance *c)
{
  const CudaDriver *driver = c->backend->driver;

  cuda_unregister_instance (c);
  if (!__atomic_load_n (&c->lost, __ATOMIC_ACQUIRE)
      && cuda_enter (c->backend)) {
    if (c->graph)
      driver->cuGraphExecDestroy (c->graph);
    cuda_transfer_clear (c);
    if (c->stream) {
      cuda_free_device (c, c->memory);
      cuda_free_device (c, c->state);
      cuda_free_device (c, c->scratch);
    }
    if (c->code.loaded) {
      /* A module that stays costs less than a wait without end. */
      const gboolean held = cuda_hold_all (c->backend);

      cuda_free_versions (c, TRUE, !held);
      cuda_clear_code (c->backend, &c->code, !held);
      cuda_release_all (c->backend);
    }
    if (c->copy_in)
      driver->cuStreamDestroy_v2 (c->copy_in);
    if (c->copy_out)
      driver->cuStreamDestroy_v2 (c->copy_out);
    if (c->capture)
      driver->cuStreamDestroy_v2 (c->capture);
    if (c->stream)
      driver->cuStreamDestroy_v2 (c->stream);
    if (c->shared)
      cuda_free_host (&c->backend->base, c->shared);
    cuda_leave (c->backend);
  }
  cuda_free_versions (c, TRUE, TRUE);
  cuda_clear_code (c->backend, &c->code, TRUE);
  g_clear_error (&c->error);
  g_free (c->base.regions);
  g_free (c->payloads);
  if (c->events)
    g_ptr_array_unref (c->events);
  if (c->slabs)
    g_array_unref (c->slabs);
  if (c->spare_bounce)
    g_array_unref (c->spare_bounce);
  if (c->spare_device)
    g_array_unref (c->spare_device);
  g_queue_clear_full (&c->unpublished, g_free);
  g_mutex_clear (&c->driving);
  g_mutex_clear (&c->holding);
  g_mutex_clear (&c->transfers);
  g_mutex_clear (&c->sleep);
  g_cond_clear (&c->kick);
  g_free (c);
}

void
cuda_free (RingInstance *instance)
{
  CudaInstance *c = (CudaInstance *) instance;

  cuda_join_bridge (c);
  release (c);
}

static CudaInstance *
instance_new (CudaBackend *b, const RingLaunch *launch)
{
  CudaInstance *c = g_new0 (CudaInstance, 1);

  g_mutex_init (&c->driving);
  g_mutex_init (&c->holding);
  g_mutex_init (&c->transfers);
  g_mutex_init (&c->sleep);
  g_cond_init (&c->kick);
  g_queue_init (&c->unpublished);
  g_queue_init (&c->versions);
  g_queue_init (&c->past);
  c->base.klass = &ring_cuda_backend;
  c->backend = b;
  c->code.module = ring_module_ref (launch->module);
  c->name = g_intern_string (launch->module->name);
  c->geometry = launch->geometry;
  c->transfer = launch->config->transfer;
  c->lease = launch->config->lease;
  c->termination_timeout = launch->config->termination_timeout;
  c->poll_interval = launch->config->poll_interval;
  c->notify = launch->notify;
  c->failed = launch->failed;
  c->notify_data = launch->notify_data;
  c->offset_low = G_MININT64;
  c->offset_high = G_MAXINT64;
  return c;
}

RingInstance *
cuda_launch (RingBackend *backend, const RingLaunch *launch, GError **error)
{
  CudaBackend *b = (CudaBackend *) backend;
  CudaInstance *c;
  gboolean ok;

  c = instance_new (b, launch);
  if (!cuda_check (b->driver, b->driver->cuCtxPushCurrent_v2 (b->context),
          "entering the CUDA context", error)) {
    cuda_break (c, CUDA_ERROR_INVALID_CONTEXT, "entering the CUDA context");
    release (c);
    return NULL;
  }
  if (!cuda_find_code (b, &c->code, error)) {
    cuda_leave (b);
    cuda_free (&c->base);
    return NULL;
  }
  /* The driver may wait for every kernel in the context while it loads code, makes
   * streams, and gives a first launch what it needs. */
  ok = cuda_hold_all (b);
  if (!ok)
    g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
        "a kernel of this process that never ends holds %s: nothing more can be "
        "launched there",
        b->name);
  ok = ok && cuda_load_code (b, &c->code, error)
      && choose_block (c, launch, error) && choose_grid (c, launch, error)
      && choose_mode (c, launch, error) && make_streams (c, error)
      && alloc_memory (c, error) && cuda_transfer_init (c, error);
  if (ok) {
    c->base.workers = c->grid * c->block;
    /* What was taken but not given back: a batch, in which each block has one, or the
     * one that runs and the one that has been fetched meanwhile. */
    c->base.max_running = MAX (c->grid, 2);
    c->residency.geometry = c->geometry;
    c->residency.alone_below = ALONE_BELOW;
    c->residency.flags =
        (launch->config->telemetry ? RING_RESIDENCY_TELEMETRY : 0)
        | (c->base.mode == RING_EXECUTION_EVENT_DRIVEN
                ? RING_RESIDENCY_ONE_BATCH
                : 0);
    cuda_register_instance (c);
    ok = cuda_warm_up (c, error) && clear_device_memory (c, error);
  }
  cuda_release_all (b);
  ok = ok && cuda_start_bridge (c, error);
  cuda_leave (b);
  if (!ok) {
    /* What may still run is kept for good, and with it what it stands on. */
    if (c->stalled)
      __atomic_store_n (&b->kept, TRUE, __ATOMIC_RELEASE);
    else
      cuda_free (&c->base);
    return NULL;
  }
  if (c->base.fallback)
    g_debug ("kernel '%s': %s", cuda_name (c), c->base.fallback);
  return &c->base;
}
