/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * copy.c: what the stand-in driver's copy engines do: copies, fills, and words that
 * streams write and wait for.
 */
#include "fake.h"

#include <sched.h>
#include <time.h>

/* ---- running them; without the lock ---------------------------------------------- */

/* The address was good when the operation was enqueued and is no more. */
static void
fault (FakeStream *stream)
{
  pthread_mutex_lock (&fake.lock);
  fake_context_fail (stream->object.context, CUDA_ERROR_ILLEGAL_ADDRESS);
  pthread_mutex_unlock (&fake.lock);
}

static size_t
span (size_t pitch, size_t width, size_t height)
{
  return pitch * (height - 1) + width;
}

static uint8_t *
side_at (const FakeSide *side, const FakeOp *op)
{
  if (!side->device)
    return side->host;
  return fake_memory_localise (NULL, side->device,
      span (side->pitch, op->width, op->height));
}

void
fake_op_copy (FakeStream *stream, FakeOp *op)
{
  uint8_t *to = side_at (&op->to, op);
  const uint8_t *from = side_at (&op->from, op);
  size_t y;

  if (!to || !from) {
    fault (stream);
    return;
  }
  for (y = 0; y < op->height; y++)
    memmove (to + y * op->to.pitch, from + y * op->from.pitch, op->width);
}

void
fake_op_fill (FakeStream *stream, FakeOp *op)
{
  uint8_t *to = side_at (&op->to, op);
  size_t y;

  if (!to) {
    fault (stream);
    return;
  }
  for (y = 0; y < op->height; y++)
    memset (to + y * op->to.pitch, (int) op->value, op->width);
}

void
fake_op_write (FakeStream *stream, FakeOp *op)
{
  void *at = fake_memory_localise (NULL, op->address, op->size);

  if (!at)
    fault (stream);
  else if (op->size == 8)
    __atomic_store_n ((uint64_t *) at, op->value, __ATOMIC_RELEASE);
  else
    __atomic_store_n ((uint32_t *) at, (uint32_t) op->value, __ATOMIC_RELEASE);
}

static bool
holds (const FakeOp *op, const void *at)
{
  uint64_t found, value = op->value;

  if (op->size == 8) {
    found = __atomic_load_n ((const uint64_t *) at, __ATOMIC_ACQUIRE);
  } else {
    /* The upper half makes cyclic comparison one of 32 bits. */
    found = (uint64_t) __atomic_load_n ((const uint32_t *) at, __ATOMIC_ACQUIRE)
        << 32;
    value <<= 32;
  }
  switch (op->flags & 3) {
    case CU_STREAM_WAIT_VALUE_GEQ:
      return (int64_t) (found - value) >= 0;
    case CU_STREAM_WAIT_VALUE_EQ:
      return found == value;
    case CU_STREAM_WAIT_VALUE_AND:
      return (found & value) != 0;
    default:
      return (op->size == 8 ? ~(found | value) : ~(found | value) >> 32) != 0;
  }
}

void
fake_op_wait (FakeStream *stream, FakeOp *op)
{
  const struct timespec pause = { 0, 20000 };
  unsigned looks = 0;

  for (;;) {
    const void *at = fake_memory_localise (NULL, op->address, op->size);
    bool failed;

    if (!at) {
      fault (stream);
      return;
    }
    if (holds (op, at))
      return;
    pthread_mutex_lock (&fake.lock);
    failed = stream->object.context->failed != CUDA_SUCCESS;
    pthread_mutex_unlock (&fake.lock);
    if (failed)
      return;
    if (looks++ < 20)
      sched_yield ();
    else
      nanosleep (&pause, NULL);
  }
}

/* ---- enqueueing ----------------------------------------------------------------------- */

enum
{
  WAIT = 1u << 0 /* returns when it is done */
};

static CUresult
check_device (const FakeSide *side, size_t width, size_t height)
{
  FakeMemory *memory =
      fake_memory_find (side->device, span (side->pitch, width, height));

  return memory && !memory->freed ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

static CUresult
check_host (const FakeSide *side, size_t width, size_t height, bool *pinned)
{
  const size_t size = span (side->pitch, width, height);
  FakeMemory *memory = fake_memory_find_host (side->host, 1);

  *pinned = memory != NULL;
  if (!side->host || fake_is_device_address (side->host))
    return CUDA_ERROR_INVALID_VALUE;
  if (memory
      && (memory->freed || memory != fake_memory_find_host (side->host, size)))
    return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

static void
stage (FakeOp *op)
{
  uint8_t *staging = malloc (op->width * op->height);
  size_t y;

  for (y = 0; y < op->height; y++)
    memcpy (staging + y * op->width, op->from.host + y * op->from.pitch,
        op->width);
  op->staging = op->from.host = staging;
  op->from.pitch = op->width;
}

/* Pageable memory is read before the call returns, and has been written when it
 * does. */
static CUresult
copy (FakeSide to, FakeSide from, size_t width, size_t height, CUstream handle,
    unsigned flags)
{
  bool to_pinned = true, from_pinned = true;
  FakeStream *stream = fake_stream_find (handle, true);
  FakeOp *op;
  CUresult result;

  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (width == 0 || height == 0)
    return CUDA_SUCCESS;
  if ((height > 1 && (to.pitch < width || from.pitch < width)))
    return CUDA_ERROR_INVALID_VALUE;
  result = to.device ? check_device (&to, width, height)
                     : check_host (&to, width, height, &to_pinned);
  if (result == CUDA_SUCCESS)
    result = from.device ? check_device (&from, width, height)
                         : check_host (&from, width, height, &from_pinned);
  if (result != CUDA_SUCCESS)
    return result;
  if (stream->capture) {
    stream->capture_broken = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  op = fake_op_new (FAKE_OP_COPY);
  op->to = to;
  op->from = from;
  op->width = width;
  op->height = height;
  if (!(flags & WAIT) && !from_pinned)
    stage (op);
  result = fake_enqueue (stream, op);
  if (result == CUDA_SUCCESS && (flags & WAIT || !to_pinned))
    result = fake_wait (stream, stream->enqueued);
  return result;
}

static FakeSide
device_side (CUdeviceptr device)
{
  const FakeSide side = { device, NULL, 0 };

  return side;
}

static FakeSide
host_side (const void *host)
{
  const FakeSide side = { 0, (uint8_t *) host, 0 };

  return side;
}

#define COPY(name, flags, to, from, bytes, stream, sides) \
  FAKE_ENTER (name, FAKE_CURRENT | ((flags) &WAIT ? FAKE_NOT_IN_CAPTURE : 0)); \
  if (sides) \
    return fake_leave (CUDA_ERROR_INVALID_VALUE); \
  return fake_leave (copy (to, from, bytes, 1, stream, flags))

FAKE_API
cuMemcpyHtoD_v2 (CUdeviceptr to, const void *from, size_t bytes)
{
  COPY (cuMemcpyHtoD_v2, WAIT, device_side (to), host_side (from), bytes, NULL,
      !to);
}

FAKE_API
cuMemcpyDtoH_v2 (void *to, CUdeviceptr from, size_t bytes)
{
  COPY (cuMemcpyDtoH_v2, WAIT, host_side (to), device_side (from), bytes, NULL,
      !from);
}

FAKE_API
cuMemcpyDtoD_v2 (CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
  COPY (cuMemcpyDtoD_v2, WAIT, device_side (to), device_side (from), bytes,
      NULL, !to || !from);
}

FAKE_API
cuMemcpyHtoDAsync_v2 (CUdeviceptr to, const void *from, size_t bytes,
    CUstream stream)
{
  COPY (cuMemcpyHtoDAsync_v2, 0, device_side (to), host_side (from), bytes,
      stream, !to);
}

FAKE_API
cuMemcpyDtoHAsync_v2 (void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
  COPY (cuMemcpyDtoHAsync_v2, 0, host_side (to), device_side (from), bytes,
      stream, !from);
}

FAKE_API
cuMemcpyDtoDAsync_v2 (CUdeviceptr to, CUdeviceptr from, size_t bytes,
    CUstream stream)
{
  COPY (cuMemcpyDtoDAsync_v2, 0, device_side (to), device_side (from), bytes,
      stream, !to || !from);
}

/* One side of a CUDA_MEMCPY2D. */
static CUresult
side_of (CUmemorytype type, const void *host, CUdeviceptr device, size_t x,
    size_t y, size_t pitch, const CUDA_MEMCPY2D *c, FakeSide *side)
{
  const size_t offset = y * pitch + x;

  if (c->Height > 1 && pitch < x + c->WidthInBytes)
    return CUDA_ERROR_INVALID_VALUE;
  side->pitch = pitch;
  side->device = 0;
  side->host = NULL;
  if (type == CU_MEMORYTYPE_UNIFIED) {
    if (!fake_is_device_address ((void *) (uintptr_t) device))
      type = CU_MEMORYTYPE_HOST;
    host = (const void *) (uintptr_t) device;
  }
  if (type == CU_MEMORYTYPE_HOST) {
    if (!host)
      return CUDA_ERROR_INVALID_VALUE;
    side->host = (uint8_t *) host + offset;
  } else if (type == CU_MEMORYTYPE_DEVICE || type == CU_MEMORYTYPE_UNIFIED) {
    if (!device)
      return CUDA_ERROR_INVALID_VALUE;
    side->device = device + offset;
  } else {
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  return CUDA_SUCCESS;
}

static CUresult
copy_2d (const CUDA_MEMCPY2D *c, CUstream stream, unsigned flags)
{
  FakeSide to, from;
  CUresult result;

  if (!c)
    return CUDA_ERROR_INVALID_VALUE;
  result = side_of (c->dstMemoryType, c->dstHost, c->dstDevice, c->dstXInBytes,
      c->dstY, c->dstPitch, c, &to);
  if (result == CUDA_SUCCESS)
    result = side_of (c->srcMemoryType, c->srcHost, c->srcDevice,
        c->srcXInBytes, c->srcY, c->srcPitch, c, &from);
  return result ? result
                : copy (to, from, c->WidthInBytes, c->Height, stream, flags);
}

FAKE_API
cuMemcpy2D_v2 (const CUDA_MEMCPY2D *c)
{
  FAKE_ENTER (cuMemcpy2D_v2, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  return fake_leave (copy_2d (c, NULL, WAIT));
}

FAKE_API
cuMemcpy2DUnaligned_v2 (const CUDA_MEMCPY2D *c)
{
  FAKE_ENTER (cuMemcpy2DUnaligned_v2, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  return fake_leave (copy_2d (c, NULL, WAIT));
}

FAKE_API
cuMemcpy2DAsync_v2 (const CUDA_MEMCPY2D *c, CUstream stream)
{
  FAKE_ENTER (cuMemcpy2DAsync_v2, FAKE_CURRENT);
  return fake_leave (copy_2d (c, stream, 0));
}

/* ---- fills ------------------------------------------------------------------------------- */

static CUresult
fill (CUdeviceptr to, size_t pitch, unsigned char value, size_t width,
    size_t height, CUstream handle, unsigned flags)
{
  FakeStream *stream = fake_stream_find (handle, true);
  FakeSide side = { to, NULL, pitch };
  FakeOp *op;
  CUresult result;

  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (width == 0 || height == 0)
    return CUDA_SUCCESS;
  if ((height > 1 && pitch < width)
      || check_device (&side, width, height) != CUDA_SUCCESS)
    return CUDA_ERROR_INVALID_VALUE;
  op = fake_op_new (FAKE_OP_FILL);
  op->to = side;
  op->value = value;
  op->width = width;
  op->height = height;
  result = fake_enqueue (stream, op);
  if (result == CUDA_SUCCESS && flags & WAIT)
    result = fake_wait (stream, stream->enqueued);
  return result;
}

FAKE_API
cuMemsetD8_v2 (CUdeviceptr to, unsigned char value, size_t bytes)
{
  FAKE_ENTER (cuMemsetD8_v2, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  return fake_leave (fill (to, 0, value, bytes, 1, NULL, WAIT));
}

FAKE_API
cuMemsetD8Async (CUdeviceptr to, unsigned char value, size_t bytes,
    CUstream stream)
{
  FAKE_ENTER (cuMemsetD8Async, FAKE_CURRENT);
  return fake_leave (fill (to, 0, value, bytes, 1, stream, 0));
}

FAKE_API
cuMemsetD2D8Async (CUdeviceptr to, size_t pitch, unsigned char value,
    size_t width, size_t height, CUstream stream)
{
  FAKE_ENTER (cuMemsetD2D8Async, FAKE_CURRENT);
  return fake_leave (fill (to, pitch, value, width, height, stream, 0));
}

/* ---- words ----------------------------------------------------------------------------------- */

static CUresult
word (CUstream handle, FakeOpType type, CUdeviceptr address, uint64_t value,
    unsigned size, unsigned flags, unsigned known)
{
  FakeStream *stream = fake_stream_find (handle, true);
  FakeMemory *memory = fake_memory_find (address, size);
  FakeOp *op;

  if (!fake.stream_memops)
    return CUDA_ERROR_NOT_SUPPORTED;
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (flags & ~known || address % size || !memory || memory->freed)
    return CUDA_ERROR_INVALID_VALUE;
  op = fake_op_new (type);
  op->address = address;
  op->value = value;
  op->size = size;
  op->flags = flags;
  return fake_enqueue (stream, op);
}

#define WRITE_FLAGS CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER
#define WAIT_FLAGS (3u | CU_STREAM_WAIT_VALUE_FLUSH)

FAKE_API
cuStreamWriteValue32_v2 (CUstream stream, CUdeviceptr address, cuuint32_t value,
    unsigned flags)
{
  FAKE_ENTER (cuStreamWriteValue32_v2, FAKE_CURRENT);
  return fake_leave (
      word (stream, FAKE_OP_WRITE, address, value, 4, flags, WRITE_FLAGS));
}

FAKE_API
cuStreamWaitValue32_v2 (CUstream stream, CUdeviceptr address, cuuint32_t value,
    unsigned flags)
{
  FAKE_ENTER (cuStreamWaitValue32_v2, FAKE_CURRENT);
  return fake_leave (
      word (stream, FAKE_OP_WAIT, address, value, 4, flags, WAIT_FLAGS));
}

FAKE_API
cuStreamWriteValue64_v2 (CUstream stream, CUdeviceptr address, cuuint64_t value,
    unsigned flags)
{
  FAKE_ENTER (cuStreamWriteValue64_v2, FAKE_CURRENT);
  return fake_leave (
      word (stream, FAKE_OP_WRITE, address, value, 8, flags, WRITE_FLAGS));
}

FAKE_API
cuStreamWaitValue64_v2 (CUstream stream, CUdeviceptr address, cuuint64_t value,
    unsigned flags)
{
  FAKE_ENTER (cuStreamWaitValue64_v2, FAKE_CURRENT);
  return fake_leave (
      word (stream, FAKE_OP_WAIT, address, value, 8, flags, WAIT_FLAGS));
}
