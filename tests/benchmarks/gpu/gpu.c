/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * gpu.c: opens the CUDA driver and does the benchmarks' own work with it.
 */
#include "gpu.h"

#include <dlfcn.h>
#include <string.h>

extern const unsigned char bench_image[];

/* ---- opening -------------------------------------------------------------------- */

static gboolean
load_functions (Gpu *gpu, GError **error)
{
  static const struct
  {
    const gchar *name;
    gsize offset;
  } functions[] = {
#define GPU_ROW(name) { #name, G_STRUCT_OFFSET (Gpu, name) },
    GPU_FUNCTIONS (GPU_ROW)
#undef GPU_ROW
  };
  gpointer library = dlopen ("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  gsize i;

  if (!library) {
    g_set_error (error, RING_ERROR, RING_ERROR_NO_DEVICE,
        "no GPU here: the NVIDIA driver is not installed (%s)", dlerror ());
    return FALSE;
  }
  for (i = 0; i < G_N_ELEMENTS (functions); i++) {
    gpointer symbol = dlsym (library, functions[i].name);

    if (!symbol) {
      g_set_error (error, RING_ERROR, RING_ERROR_NO_DEVICE,
          "the NVIDIA driver lacks the function %s; update it",
          functions[i].name);
      return FALSE;
    }
    G_STRUCT_MEMBER (gpointer, gpu, functions[i].offset) = symbol;
  }
  return TRUE;
}

gboolean
gpu_check (Gpu *gpu, CUresult result, const gchar *doing, GError **error)
{
  const gchar *name = NULL;

  if (result == CUDA_SUCCESS)
    return TRUE;
  if (gpu->cuGetErrorName (result, &name) != CUDA_SUCCESS || !name)
    name = "an unknown error";
  g_set_error (error, RING_ERROR, RING_ERROR_FAILED, "%s failed: %s (%d)",
      doing, name, (gint) result);
  return FALSE;
}

gint
gpu_attribute (Gpu *gpu, CUdevice_attribute which)
{
  gint value = 0;

  if (gpu->cuDeviceGetAttribute (&value, which, gpu->device) != CUDA_SUCCESS)
    return 0;
  return value;
}

Gpu *
gpu_open (GError **error)
{
  g_autoptr (Gpu) gpu = g_new0 (Gpu, 1);
  gchar name[256] = "";
  CUresult result;
  gint count = 0;

  if (!load_functions (gpu, error))
    return NULL;
  result = gpu->cuInit (0);
  if (result == CUDA_SUCCESS)
    result = gpu->cuDeviceGetCount (&count);
  if (result == CUDA_ERROR_NO_DEVICE
      || (result == CUDA_SUCCESS && count == 0)) {
    g_set_error_literal (error, RING_ERROR, RING_ERROR_NO_DEVICE,
        "no GPU here: the NVIDIA driver finds no device");
    return NULL;
  }
  if (!gpu_check (gpu, result, "starting the NVIDIA driver", error)
      || !gpu_check (gpu, gpu->cuDeviceGet (&gpu->device, 0), "opening the GPU",
          error)
      || !gpu_check (gpu,
          gpu->cuDevicePrimaryCtxRetain (&gpu->context, gpu->device),
          "making the GPU's context", error)
      || !gpu_check (gpu, gpu->cuCtxSetCurrent (gpu->context),
          "entering the GPU's context", error)
      || !gpu_check (gpu, gpu->cuModuleLoadData (&gpu->module, bench_image),
          "loading the benchmarks' own kernels", error)
      || !gpu_check (gpu,
          gpu->cuStreamCreate (&gpu->stream, CU_STREAM_NON_BLOCKING),
          "making a stream", error)
      || !gpu_check (gpu,
          gpu->cuStreamCreate (&gpu->another, CU_STREAM_NON_BLOCKING),
          "making a stream", error))
    return NULL;
  gpu->cuDriverGetVersion (&gpu->version);
  gpu->cuDeviceGetName (name, sizeof name, gpu->device);
  gpu->name = g_utf8_make_valid (name, -1);
  gpu->multiprocessors =
      gpu_attribute (gpu, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  return g_steal_pointer (&gpu);
}

void
gpu_abandon (Gpu *gpu)
{
  gpu->abandoned = TRUE;
}

static void
give_back (Gpu *gpu)
{
  if (gpu->stream)
    gpu->cuStreamDestroy_v2 (gpu->stream);
  if (gpu->another)
    gpu->cuStreamDestroy_v2 (gpu->another);
  if (gpu->module)
    gpu->cuModuleUnload (gpu->module);
  if (gpu->context) {
    gpu->cuCtxSetCurrent (NULL);
    gpu->cuDevicePrimaryCtxRelease_v2 (gpu->device);
  }
}

void
gpu_close (Gpu *gpu)
{
  if (!gpu->abandoned)
    give_back (gpu);
  g_free (gpu->name);
  g_free (gpu);
}

/* ---- functions --------------------------------------------------------------------- */

gboolean
gpu_function (Gpu *gpu, const gchar *name, CUfunction *function, GError **error)
{
  g_autofree gchar *doing =
      g_strdup_printf ("finding the benchmarks' function %s", name);

  return gpu_check (gpu, gpu->cuModuleGetFunction (function, gpu->module, name),
      doing, error);
}

guint
gpu_co_resident (Gpu *gpu, CUfunction function, guint lanes)
{
  gint each = 0;

  if (gpu->cuOccupancyMaxActiveBlocksPerMultiprocessor (&each, function,
          (gint) lanes, 0)
      != CUDA_SUCCESS)
    return 0;
  return (guint) (each * gpu->multiprocessors);
}

gboolean
gpu_sync (Gpu *gpu, CUstream stream, GError **error)
{
  return gpu_check (gpu, gpu->cuStreamSynchronize (stream),
      "waiting for the GPU", error);
}

CUgraphExec
gpu_graph (Gpu *gpu, CUfunction function, guint grid, guint block,
    gpointer parameter, GError **error)
{
  gpointer parameters[] = { parameter };
  CUgraphExec exec = NULL;
  CUgraph graph = NULL;
  CUresult launched, ended;

  if (!gpu_check (gpu,
          gpu->cuStreamBeginCapture_v2 (gpu->stream,
              CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
          "capturing a launch", error))
    return NULL;
  launched = gpu->cuLaunchKernel (function, grid, 1, 1, block, 1, 1, 0,
      gpu->stream, parameters, NULL);
  ended = gpu->cuStreamEndCapture (gpu->stream, &graph);
  if (gpu_check (gpu, launched != CUDA_SUCCESS ? launched : ended,
          "capturing a launch", error))
    gpu_check (gpu, gpu->cuGraphInstantiateWithFlags (&exec, graph, 0),
        "making a graph", error);
  if (graph)
    gpu->cuGraphDestroy (graph);
  return exec;
}

void
gpu_graph_destroy (Gpu *gpu, CUgraphExec graph)
{
  if (graph && !gpu->abandoned)
    gpu->cuGraphExecDestroy (graph);
}

/* ---- memory --------------------------------------------------------------------------- */

gpointer
gpu_alloc_pinned (Gpu *gpu, gsize size, CUdeviceptr *device, GError **error)
{
  gpointer memory = NULL;
  CUdeviceptr address = 0;

  if (!gpu_check (gpu,
          gpu->cuMemHostAlloc (&memory, size, CU_MEMHOSTALLOC_DEVICEMAP),
          "getting page-locked memory", error))
    return NULL;
  if (!gpu_check (gpu, gpu->cuMemHostGetDevicePointer_v2 (&address, memory, 0),
          "mapping page-locked memory", error)) {
    gpu->cuMemFreeHost (memory);
    return NULL;
  }
  memset (memory, 0, size);
  if (device)
    *device = address;
  return memory;
}

void
gpu_free_pinned (Gpu *gpu, gpointer memory)
{
  if (memory && !gpu->abandoned)
    gpu->cuMemFreeHost (memory);
}

CUdeviceptr
gpu_alloc (Gpu *gpu, gsize size, GError **error)
{
  CUdeviceptr memory = 0;

  if (!gpu_check (gpu, gpu->cuMemAlloc_v2 (&memory, size),
          "getting memory of the GPU", error))
    return 0;
  if (!gpu_check (gpu, gpu->cuMemsetD8Async (memory, 0, size, gpu->stream),
          "clearing memory of the GPU", error)
      || !gpu_sync (gpu, gpu->stream, error)) {
    gpu->cuMemFree_v2 (memory);
    return 0;
  }
  return memory;
}

void
gpu_free (Gpu *gpu, CUdeviceptr memory)
{
  if (memory && !gpu->abandoned)
    gpu->cuMemFree_v2 (memory);
}

/* ---- one launch, one message -------------------------------------------------------------- */

static void
fill_view (RingView *view, const RingFormat *format, CUdeviceptr data)
{
  const RingVideoLayout layout = ring_video_layout (format->video_format);

  memset (view, 0, sizeof *view);
  view->kind = RING_KIND_VIDEO;
  view->format = format->video_format;
  view->width = format->width;
  view->height = format->height;
  view->n_planes = 1;
  view->pts = view->duration = RING_TIME_NONE;
  view->plane[0].data = view->data = (guint8 *) (guintptr) data;
  view->plane[0].width = format->width;
  view->plane[0].height = format->height;
  view->plane[0].pixel_stride = layout.pixel_stride[0];
  view->plane[0].stride = (gint64) format->width * layout.pixel_stride[0];
  view->size = view->capacity =
      (guint64) view->plane[0].stride * format->height;
}

gboolean
gpu_once_init (GpuOnce *once, Gpu *gpu, const RingFormat *format,
    CUdeviceptr input, CUdeviceptr output, GError **error)
{
  struct
  {
    RingView output;
    gdouble parameters[2];
  } on_device;

  memset (once, 0, sizeof *once);
  fill_view (&once->invocation.in, format, input);
  fill_view (&on_device.output, format, output);
  on_device.parameters[0] = 1; /* amount; `edges` has none */
  on_device.parameters[1] = 0;
  once->memory = gpu_alloc (gpu, sizeof on_device, error);
  if (!once->memory)
    return FALSE;
  once->invocation.outputs = (const RingView *) (guintptr) once->memory;
  once->invocation.parameters = (const guint8 *) (guintptr) (once->memory
      + G_STRUCT_OFFSET (__typeof__ (on_device), parameters));
  return gpu_check (gpu,
             gpu->cuMemcpyHtoDAsync_v2 (once->memory, &on_device,
                 sizeof on_device, gpu->stream),
             "writing what a launch is given", error)
      && gpu_sync (gpu, gpu->stream, error);
}

void
gpu_once_clear (GpuOnce *once, Gpu *gpu)
{
  gpu_free (gpu, once->memory);
  once->memory = 0;
}
