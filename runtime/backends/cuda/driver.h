/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * driver.h: the CUDA driver's functions, opened at run time, so that one library
 * serves machines with and without a GPU.
 */
#ifndef RING_CUDA_DRIVER_H
#define RING_CUDA_DRIVER_H

#include "ringkernel/ringkernel.h"

#include <cuda.h>

G_BEGIN_DECLS

/* By the names that the driver exports, versions included. */
#define CUDA_FUNCTIONS(F) \
  F (cuInit) \
  F (cuDriverGetVersion) \
  F (cuGetErrorName) \
  F (cuGetErrorString) \
  F (cuDeviceGetCount) \
  F (cuDeviceGet) \
  F (cuDeviceGetName) \
  F (cuDeviceGetAttribute) \
  F (cuDevicePrimaryCtxRetain) \
  F (cuDevicePrimaryCtxRelease_v2) \
  F (cuCtxPushCurrent_v2) \
  F (cuCtxPopCurrent_v2) \
  F (cuCtxGetDevice) \
  F (cuCtxGetStreamPriorityRange) \
  F (cuModuleLoadDataEx) \
  F (cuModuleUnload) \
  F (cuModuleGetFunction) \
  F (cuModuleGetGlobal_v2) \
  F (cuFuncGetAttribute) \
  F (cuOccupancyMaxActiveBlocksPerMultiprocessor) \
  F (cuLaunchKernel) \
  F (cuLaunchCooperativeKernel) \
  F (cuStreamCreateWithPriority) \
  F (cuStreamDestroy_v2) \
  F (cuStreamQuery) \
  F (cuStreamWaitEvent) \
  F (cuEventCreate) \
  F (cuEventDestroy_v2) \
  F (cuEventRecord) \
  F (cuEventQuery) \
  F (cuMemAlloc_v2) \
  F (cuMemFree_v2) \
  F (cuMemHostAlloc) \
  F (cuMemFreeHost) \
  F (cuMemHostGetDevicePointer_v2) \
  F (cuMemcpyDtoH_v2) \
  F (cuMemcpyHtoDAsync_v2) \
  F (cuMemcpyDtoHAsync_v2) \
  F (cuMemcpy2DAsync_v2) \
  F (cuMemsetD8Async) \
  F (cuPointerGetAttributes)

/* What a driver or a device may lack; then the pointer is NULL. */
#define CUDA_OPTIONAL_FUNCTIONS(F) \
  F (cuMemAllocAsync) \
  F (cuMemFreeAsync) \
  F (cuStreamWriteValue64_v2) \
  F (cuStreamBeginCapture_v2) \
  F (cuStreamEndCapture) \
  F (cuGraphInstantiateWithFlags) \
  F (cuGraphLaunch) \
  F (cuGraphExecDestroy) \
  F (cuGraphDestroy)

typedef struct
{
#define CUDA_DECLARE(name) __typeof__ (&name) name;
  CUDA_FUNCTIONS (CUDA_DECLARE)
  CUDA_OPTIONAL_FUNCTIONS (CUDA_DECLARE)
#undef CUDA_DECLARE
  gint version; /* 1000 * major + 10 * minor of CUDA */
} CudaDriver;

/* The driver, opened and initialised at the first call; never closed. Any thread.
 * NULL with NO_DEVICE, and what is missing. */
const CudaDriver *cuda_driver_get (GError **error);

/* "cuMemAlloc failed: CUDA_ERROR_OUT_OF_MEMORY, out of memory" */
gchar *cuda_describe (const CudaDriver *driver, const gchar *what,
    CUresult result);
/* Sets NO_MEMORY or FAILED. @doing is what was to be done, for people. Returns
 * whether @result is a success. */
gboolean cuda_check (const CudaDriver *driver, CUresult result,
    const gchar *doing, GError **error);

G_END_DECLS

#endif /* RING_CUDA_DRIVER_H */
