/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * context.c: the stand-in driver's devices and contexts.
 */
#include "fake.h"

#include <stdio.h>

/* The contexts of this thread, the current one last. */
#define STACK_SIZE 64
static __thread FakeContext *stack[STACK_SIZE];
static __thread unsigned depth;

static void
set_top (FakeContext *context)
{
  if (depth == 0)
    depth = 1;
  stack[depth - 1] = fake_current = context;
}

/* ---- driver and devices --------------------------------------------------------- */

FAKE_API
cuInit (unsigned flags)
{
  FAKE_ENTER (cuInit, FAKE_ANY_TIME);
  if (flags != 0)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  if (fake.forked)
    return fake_leave (CUDA_ERROR_NOT_INITIALIZED);
  if (fake.devices < 1)
    return fake_leave (CUDA_ERROR_NO_DEVICE);
  fake.initialised = true;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuDriverGetVersion (int *version)
{
  FAKE_ENTER (cuDriverGetVersion, FAKE_ANY_TIME);
  if (!version)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *version = (int) fake.driver_version;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuDeviceGetCount (int *n)
{
  FAKE_ENTER (cuDeviceGetCount, 0);
  if (!n)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *n = (int) fake.devices;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuDeviceGet (CUdevice *device, int ordinal)
{
  FAKE_ENTER (cuDeviceGet, 0);
  if (!device)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  if (ordinal < 0 || ordinal >= fake.devices)
    return fake_leave (CUDA_ERROR_INVALID_DEVICE);
  *device = ordinal;
  return fake_leave (CUDA_SUCCESS);
}

static bool
is_device (CUdevice device)
{
  return device >= 0 && device < fake.devices;
}

FAKE_API
cuDeviceGetName (char *name, int length, CUdevice device)
{
  FAKE_ENTER (cuDeviceGetName, 0);
  if (!is_device (device))
    return fake_leave (CUDA_ERROR_INVALID_DEVICE);
  if (!name || length < 1)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  snprintf (name, (size_t) length, "RingFake GPU");
  return fake_leave (CUDA_SUCCESS);
}

static CUresult
get_uuid (CUuuid *uuid, CUdevice device)
{
  if (!is_device (device))
    return CUDA_ERROR_INVALID_DEVICE;
  if (!uuid)
    return CUDA_ERROR_INVALID_VALUE;
  memset (uuid, 0, sizeof (*uuid));
  memcpy (uuid->bytes, "RingFake", 8);
  uuid->bytes[15] = (char) device;
  return CUDA_SUCCESS;
}

#undef cuDeviceGetUuid
FAKE_API
cuDeviceGetUuid (CUuuid *uuid, CUdevice device)
{
  FAKE_ENTER (cuDeviceGetUuid, 0);
  return fake_leave (get_uuid (uuid, device));
}

FAKE_API
cuDeviceGetUuid_v2 (CUuuid *uuid, CUdevice device)
{
  FAKE_ENTER (cuDeviceGetUuid_v2, 0);
  return fake_leave (get_uuid (uuid, device));
}

FAKE_API
cuDeviceTotalMem_v2 (size_t *bytes, CUdevice device)
{
  FAKE_ENTER (cuDeviceTotalMem_v2, 0);
  if (!is_device (device))
    return fake_leave (CUDA_ERROR_INVALID_DEVICE);
  if (!bytes)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *bytes = (size_t) fake.memory;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuDeviceCanAccessPeer (int *can, CUdevice device, CUdevice peer)
{
  FAKE_ENTER (cuDeviceCanAccessPeer, 0);
  if (!is_device (device) || !is_device (peer))
    return fake_leave (CUDA_ERROR_INVALID_DEVICE);
  if (!can)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *can = 0;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuDeviceGetPCIBusId (char *id, int length, CUdevice device)
{
  FAKE_ENTER (cuDeviceGetPCIBusId, 0);
  if (!is_device (device))
    return fake_leave (CUDA_ERROR_INVALID_DEVICE);
  if (!id || length < 13)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  snprintf (id, (size_t) length, "0000:%02x:00.0", (unsigned) device + 1);
  return fake_leave (CUDA_SUCCESS);
}

static int
attribute (CUdevice_attribute which, CUdevice device)
{
  switch (which) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      return (int) (fake.capability / 10);
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
      return (int) (fake.capability % 10);
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
      return (int) fake.multiprocessors;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
      return (int) fake.max_threads;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z:
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
      return 1;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
      return 65535;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
      return 32;
    case CU_DEVICE_ATTRIBUTE_KERNEL_EXEC_TIMEOUT:
      return (int) fake.exec_timeout;
    case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH:
      return (int) fake.cooperative;
    case CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS_V1:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_MEM_OPS_V1:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_WAIT_VALUE_NOR:
      return (int) fake.stream_memops;
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
      return (int) fake.memory_pools;
    case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
    case CU_DEVICE_ATTRIBUTE_GPU_OVERLAP:
    case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_COMPUTE_PREEMPTION_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED:
      return 1;
    case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
      return 2;
    case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT:
      return 512;
    case CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT:
      return 32;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
      return 65536;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
      return 49152;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
      return 1000000;
    case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID:
      return device + 1;
    default:
      return 0;
  }
}

FAKE_API
cuDeviceGetAttribute (int *value, CUdevice_attribute which, CUdevice device)
{
  FAKE_ENTER (cuDeviceGetAttribute, 0);
  if (!is_device (device))
    return fake_leave (CUDA_ERROR_INVALID_DEVICE);
  if (!value || (int) which < 1 || which >= CU_DEVICE_ATTRIBUTE_MAX)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *value = attribute (which, device);
  return fake_leave (CUDA_SUCCESS);
}

/* ---- a context's life -------------------------------------------------------------- */

static void
context_destroy (FakeObject *object)
{
  free (object);
}

static FakeContext *
context_new (int device, bool primary, unsigned flags)
{
  FakeContext *context = calloc (1, sizeof (*context));

  fake_object_init (context, FAKE_CONTEXT, NULL, context_destroy);
  context->device = device;
  context->primary = primary;
  context->flags = flags;
  context->legacy = fake_stream_new (context, 0, 0);
  context->legacy->legacy = true;
  return context;
}

static FakeObject *
any_of (FakeContext *context, FakeKind kind)
{
  FakeObject *object;

  for (object = fake.live[kind]; object; object = object->next)
    if (object->context == context)
      return object;
  return NULL;
}

/* All that belongs to it goes with it, when its work has ended. */
void
fake_context_end (FakeContext *context)
{
  FakeKind kind;

  fake_object_ref (context);
  if (context->primary && fake.primary[context->device] == context)
    fake.primary[context->device] = NULL;
  fake_object_retire (context);
  fake_wait_context (context);
  for (kind = FAKE_EVENT; kind < FAKE_N_KINDS; kind++) {
    FakeObject *object;

    while ((object = any_of (context, kind)))
      fake_object_retire (object);
  }
  {
    FakeObject *stream;

    while ((stream = any_of (context, FAKE_STREAM)))
      fake_stream_end ((FakeStream *) stream);
  }
  fake_memory_drop_context (context);
  fake_object_unref (context);
}

void
fake_contexts_forget (void)
{
  FakeObject *context;

  fake_kernels_end (CUDA_ERROR_LAUNCH_FAILED);
  for (context = fake.live[FAKE_CONTEXT]; context; context = context->next)
    fake_context_fail ((FakeContext *) context, CUDA_ERROR_LAUNCH_FAILED);
  while (fake.live[FAKE_CONTEXT])
    fake_context_end ((FakeContext *) fake.live[FAKE_CONTEXT]);
}

static CUresult
context_create (CUcontext *context, unsigned flags, CUdevice device)
{
  if (!context)
    return CUDA_ERROR_INVALID_VALUE;
  if (!is_device (device))
    return CUDA_ERROR_INVALID_DEVICE;
  if (depth == STACK_SIZE)
    return CUDA_ERROR_UNKNOWN;
  stack[depth++] = fake_current = context_new (device, false, flags);
  *context = (CUcontext) fake_current;
  return CUDA_SUCCESS;
}

FAKE_API
cuCtxCreate_v2 (CUcontext *context, unsigned flags, CUdevice device)
{
  FAKE_ENTER (cuCtxCreate_v2, 0);
  return fake_leave (context_create (context, flags, device));
}

/* Older toolkits have no name for the type of @params. */
FAKE_API
context_create_v4 (CUcontext *context, void *params, unsigned flags,
    CUdevice device) __asm__("cuCtxCreate_v4");

FAKE_API
context_create_v4 (CUcontext *context, void *params, unsigned flags,
    CUdevice device)
{
  FAKE_ENTER (cuCtxCreate_v4, 0);
  return fake_leave (params ? CUDA_ERROR_NOT_SUPPORTED
                            : context_create (context, flags, device));
}

FAKE_API
cuCtxDestroy_v2 (CUcontext handle)
{
  FakeContext *context;

  FAKE_ENTER (cuCtxDestroy_v2, 0);
  context = fake_object_find (FAKE_CONTEXT, handle);
  if (!context || context->primary)
    return fake_leave (CUDA_ERROR_INVALID_CONTEXT);
  if (context->failed)
    return fake_leave (context->failed);
  if (fake_current == context) {
    depth--;
    fake_current = depth > 0 ? stack[depth - 1] : NULL;
  }
  fake_context_end (context);
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuDevicePrimaryCtxRetain (CUcontext *context, CUdevice device)
{
  FAKE_ENTER (cuDevicePrimaryCtxRetain, 0);
  if (!context)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  if (!is_device (device))
    return fake_leave (CUDA_ERROR_INVALID_DEVICE);
  if (!fake.primary[device])
    fake.primary[device] = context_new (device, true, 0);
  if (fake.primary[device]->failed)
    return fake_leave (fake.primary[device]->failed);
  fake.primary[device]->retained++;
  *context = (CUcontext) fake.primary[device];
  return fake_leave (CUDA_SUCCESS);
}

static CUresult
primary_release (CUdevice device)
{
  FakeContext *context;

  if (!is_device (device))
    return CUDA_ERROR_INVALID_DEVICE;
  context = fake.primary[device];
  if (!context)
    return CUDA_ERROR_INVALID_CONTEXT;
  if (context->failed)
    return context->failed;
  if (--context->retained == 0)
    fake_context_end (context);
  return CUDA_SUCCESS;
}

#undef cuDevicePrimaryCtxRelease
FAKE_API
cuDevicePrimaryCtxRelease (CUdevice device)
{
  FAKE_ENTER (cuDevicePrimaryCtxRelease, 0);
  return fake_leave (primary_release (device));
}

FAKE_API
cuDevicePrimaryCtxRelease_v2 (CUdevice device)
{
  FAKE_ENTER (cuDevicePrimaryCtxRelease_v2, 0);
  return fake_leave (primary_release (device));
}

FAKE_API
cuDevicePrimaryCtxReset_v2 (CUdevice device)
{
  FAKE_ENTER (cuDevicePrimaryCtxReset_v2, 0);
  if (!is_device (device))
    return fake_leave (CUDA_ERROR_INVALID_DEVICE);
  if (fake.primary[device] && fake.primary[device]->failed)
    return fake_leave (fake.primary[device]->failed);
  if (fake.primary[device])
    fake_context_end (fake.primary[device]);
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuDevicePrimaryCtxGetState (CUdevice device, unsigned *flags, int *active)
{
  FAKE_ENTER (cuDevicePrimaryCtxGetState, 0);
  if (!is_device (device))
    return fake_leave (CUDA_ERROR_INVALID_DEVICE);
  if (!flags || !active)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *flags = fake.primary[device] ? fake.primary[device]->flags : 0;
  *active = fake.primary[device] != NULL;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuDevicePrimaryCtxSetFlags_v2 (CUdevice device, unsigned flags)
{
  FAKE_ENTER (cuDevicePrimaryCtxSetFlags_v2, 0);
  if (!is_device (device))
    return fake_leave (CUDA_ERROR_INVALID_DEVICE);
  if (fake.primary[device])
    fake.primary[device]->flags = flags;
  return fake_leave (CUDA_SUCCESS);
}

/* ---- which is current -------------------------------------------------------------- */

FAKE_API
cuCtxPushCurrent_v2 (CUcontext handle)
{
  FakeContext *context;

  FAKE_ENTER (cuCtxPushCurrent_v2, 0);
  context = fake_object_find (FAKE_CONTEXT, handle);
  if (!context || depth == STACK_SIZE)
    return fake_leave (CUDA_ERROR_INVALID_CONTEXT);
  stack[depth++] = fake_current = context;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuCtxPopCurrent_v2 (CUcontext *context)
{
  FAKE_ENTER (cuCtxPopCurrent_v2, 0);
  if (depth == 0)
    return fake_leave (CUDA_ERROR_INVALID_CONTEXT);
  if (context)
    *context = (CUcontext) fake_current;
  depth--;
  fake_current = depth > 0 ? stack[depth - 1] : NULL;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuCtxGetCurrent (CUcontext *context)
{
  FAKE_ENTER (cuCtxGetCurrent, 0);
  if (!context)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *context = (CUcontext) fake_current;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuCtxSetCurrent (CUcontext handle)
{
  FAKE_ENTER (cuCtxSetCurrent, 0);
  if (handle && !fake_object_find (FAKE_CONTEXT, handle))
    return fake_leave (CUDA_ERROR_INVALID_CONTEXT);
  if (handle) {
    set_top ((FakeContext *) handle);
  } else if (depth > 0) {
    depth--;
    fake_current = depth > 0 ? stack[depth - 1] : NULL;
  }
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuCtxGetDevice (CUdevice *device)
{
  FAKE_ENTER (cuCtxGetDevice, FAKE_CURRENT);
  if (!device)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *device = fake_current->device;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuCtxGetFlags (unsigned *flags)
{
  FAKE_ENTER (cuCtxGetFlags, FAKE_CURRENT);
  if (!flags)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *flags = fake_current->flags;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuCtxGetApiVersion (CUcontext handle, unsigned *version)
{
  FAKE_ENTER (cuCtxGetApiVersion, 0);
  if (!fake_object_find (FAKE_CONTEXT,
          handle ? (void *) handle : (void *) fake_current))
    return fake_leave (CUDA_ERROR_INVALID_CONTEXT);
  if (!version)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *version = 3020;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuCtxGetStreamPriorityRange (int *least, int *greatest)
{
  FAKE_ENTER (cuCtxGetStreamPriorityRange, FAKE_CURRENT);
  if (least)
    *least = 0;
  if (greatest)
    *greatest = -5;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuCtxSynchronize (void)
{
  FAKE_ENTER (cuCtxSynchronize, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  return fake_leave (fake_wait_context (fake_current));
}
