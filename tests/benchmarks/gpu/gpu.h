/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * gpu.h: the CUDA driver as the benchmarks use it themselves, beside the library:
 * opened at run time, with the device's primary context current, which is the
 * library's too.
 */
#ifndef RING_BENCH_GPU_H
#define RING_BENCH_GPU_H

#include <cuda.h>
#include <ringkernel/ringkernel.h>
#include <ringkernel/worker.h>

#include "kernels.h"
#include "report.h"

G_BEGIN_DECLS

#define GPU_FUNCTIONS(F) \
  F (cuInit) \
  F (cuDriverGetVersion) \
  F (cuGetErrorName) \
  F (cuDeviceGetCount) \
  F (cuDeviceGet) \
  F (cuDeviceGetName) \
  F (cuDeviceGetAttribute) \
  F (cuDevicePrimaryCtxRetain) \
  F (cuDevicePrimaryCtxRelease_v2) \
  F (cuCtxSetCurrent) \
  F (cuModuleLoadData) \
  F (cuModuleUnload) \
  F (cuModuleGetFunction) \
  F (cuOccupancyMaxActiveBlocksPerMultiprocessor) \
  F (cuLaunchKernel) \
  F (cuStreamCreate) \
  F (cuStreamDestroy_v2) \
  F (cuStreamSynchronize) \
  F (cuStreamQuery) \
  F (cuStreamBeginCapture_v2) \
  F (cuStreamEndCapture) \
  F (cuGraphInstantiateWithFlags) \
  F (cuGraphLaunch) \
  F (cuGraphExecDestroy) \
  F (cuGraphDestroy) \
  F (cuMemAlloc_v2) \
  F (cuMemFree_v2) \
  F (cuMemHostAlloc) \
  F (cuMemFreeHost) \
  F (cuMemHostGetDevicePointer_v2) \
  F (cuMemcpyHtoDAsync_v2) \
  F (cuMemcpyDtoHAsync_v2) \
  F (cuMemcpyDtoDAsync_v2) \
  F (cuMemsetD8Async)

typedef struct
{
#define GPU_DECLARE(name) __typeof__ (&name) name;
  GPU_FUNCTIONS (GPU_DECLARE)
#undef GPU_DECLARE
  CUdevice device;
  CUcontext context;
  CUmodule module;  /* of kernels.c */
  CUstream stream;  /* not blocking; of the benchmarks alone */
  CUstream another; /* likewise */
  gint multiprocessors;
  gint version; /* of CUDA that the driver knows */
  gboolean abandoned;
  gchar *name;
} Gpu;

/* The first device. %RING_ERROR_NO_DEVICE where there is none, or no driver. */
Gpu *gpu_open (GError **error);
void gpu_close (Gpu *gpu);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Gpu, gpu_close)

/* Something failed: a kernel may still be running, and whatever frees memory would
 * wait for it. From now on nothing is given back; the process ends soon. */
void gpu_abandon (Gpu *gpu);

gboolean gpu_check (Gpu *gpu, CUresult result, const gchar *doing,
    GError **error);
gint gpu_attribute (Gpu *gpu, CUdevice_attribute which);
/* A function of kernels.c. */
gboolean gpu_function (Gpu *gpu, const gchar *name, CUfunction *function,
    GError **error);
/* Blocks of @lanes that the device holds at once. */
guint gpu_co_resident (Gpu *gpu, CUfunction function, guint lanes);
/* Waits for @stream. */
gboolean gpu_sync (Gpu *gpu, CUstream stream, GError **error);
/* One launch as a graph. */
CUgraphExec gpu_graph (Gpu *gpu, CUfunction function, guint grid, guint block,
    gpointer parameter, GError **error);

void gpu_graph_destroy (Gpu *gpu, CUgraphExec graph);

/* Memory that is cleared; freed with gpu_free_*. NULL, 0: an error is set. */
gpointer gpu_alloc_pinned (Gpu *gpu, gsize size, CUdeviceptr *device,
    GError **error);
void gpu_free_pinned (Gpu *gpu, gpointer memory);
CUdeviceptr gpu_alloc (Gpu *gpu, gsize size, GError **error);
void gpu_free (Gpu *gpu, CUdeviceptr memory);

/* One launch of a shipped kernel's body by hand: what it is given lies on the
 * device, as what the resident loop gives it does. */
typedef struct
{
  RingInvocation invocation; /* the launch's parameter */
  CUdeviceptr memory;
} GpuOnce;

/* @input and @output are frames of @format with one plane, rows packed, at addresses
 * of the device. Parameters have the values at which `invert` inverts. */
gboolean gpu_once_init (GpuOnce *once, Gpu *gpu, const RingFormat *format,
    CUdeviceptr input, CUdeviceptr output, GError **error);
void gpu_once_clear (GpuOnce *once, Gpu *gpu);

/* What it all ran on: GPU, driver, clocks, machine, commit, date. */
void gpu_describe (Gpu *gpu, JsonObject *object);

/* mW that the device takes now; FALSE: nobody says. */
gboolean gpu_power (Gpu *gpu, guint *milliwatts);

G_END_DECLS

#endif /* RING_BENCH_GPU_H */
