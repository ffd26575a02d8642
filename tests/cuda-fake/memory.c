/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * memory.c: the stand-in driver's memory.
 *
 * A device's address names a place in a range of this process that nobody may
 * touch; the bytes lie elsewhere. So code of the host that follows such an address
 * crashes, as it does beside a real device. Page-locked memory of the host has a
 * device address of its own, which is another than the host's, and untouchable as
 * well.
 */
#include "fake.h"

#include <stdio.h>
#include <sys/mman.h>

#define RANGE_SIZE (1ull << 36)
#define PAGE 4096u

/* Addresses of the device that stand for memory of the host come from the upper
 * half. Addresses are not used again before the range has been gone through. */
static uint8_t *range, *backing;
static uint64_t cursor[2];
/* By device address. */
static FakeMemory **memories;
static size_t n_memories, room;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static uint8_t *
reserve (uint64_t size)
{
  void *at = mmap (NULL, size, PROT_NONE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (at == MAP_FAILED) {
    perror ("stand-in driver: address space");
    abort ();
  }
  return at;
}

bool
fake_is_device_address (const void *address)
{
  return range && (const uint8_t *) address >= range
      && (const uint8_t *) address < range + RANGE_SIZE;
}

/* How many memories lie before @device. */
static size_t
count_before (CUdeviceptr device)
{
  size_t low = 0, high = n_memories;

  while (low < high) {
    const size_t middle = (low + high) / 2;

    if (memories[middle]->device < device)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Room for @size bytes in one half of the range, the next behind the last one. */
static CUdeviceptr
find_room (unsigned half, uint64_t size)
{
  const uint64_t half_size = RANGE_SIZE / 2;
  const CUdeviceptr begin = (CUdeviceptr) (uintptr_t) range + half * half_size;
  CUdeviceptr at = begin + cursor[half];
  int rounds;

  for (rounds = 0; rounds < 2; rounds++) {
    size_t i = count_before (at);

    if (i > 0 && memories[i - 1]->device + memories[i - 1]->mapped > at)
      at = memories[i - 1]->device + memories[i - 1]->mapped;
    for (; i < n_memories && memories[i]->device < at + size; i++)
      at = memories[i]->device + memories[i]->mapped;
    if (at + size <= begin + half_size) {
      cursor[half] = at + size - begin;
      return at;
    }
    at = begin;
  }
  return 0;
}

CUresult
fake_memory_new (FakeContext *context, FakeMemoryKind kind, size_t size,
    uint8_t *host, FakeMemory **result)
{
  /* A guard behind each, so that a kernel that goes too far is noticed. */
  const size_t pages = (size + PAGE - 1) / PAGE * PAGE;
  const size_t mapped = pages + PAGE;
  uint64_t *used = &fake.used_bytes[context->device];
  FakeMemory *memory;
  size_t i;

  if (size == 0)
    return CUDA_ERROR_INVALID_VALUE;
  if (size > RANGE_SIZE / 2
      || (kind == FAKE_MEMORY_DEVICE
          && (fake.memory < 0 || *used + size > (uint64_t) fake.memory)))
    return CUDA_ERROR_OUT_OF_MEMORY;
  memory = calloc (1, sizeof (*memory));
  memory->kind = kind;
  memory->size = size;
  memory->mapped = mapped;
  memory->context = context;

  pthread_mutex_lock (&table_lock);
  if (!range) {
    range = reserve (RANGE_SIZE);
    backing = reserve (RANGE_SIZE / 2);
  }
  memory->device = find_room (kind != FAKE_MEMORY_DEVICE, mapped);
  if (memory->device == 0)
    goto out_of_memory;
  memory->bytes = host;
  if (kind == FAKE_MEMORY_DEVICE) {
    memory->bytes = backing + (memory->device - (uintptr_t) range);
    if (mprotect (memory->bytes, pages, PROT_READ | PROT_WRITE) != 0)
      goto out_of_memory;
  } else if (kind == FAKE_MEMORY_PINNED) {
    memory->bytes = mmap (NULL, pages, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory->bytes == MAP_FAILED)
      goto out_of_memory;
  }
  /* Whoever counts on zeros finds none. */
  if (kind != FAKE_MEMORY_REGISTERED)
    memset (memory->bytes, 0xA5, size);
  if (n_memories == room) {
    room = room ? room * 2 : 64;
    memories = realloc (memories, room * sizeof (*memories));
  }
  i = count_before (memory->device);
  memmove (memories + i + 1, memories + i,
      (n_memories - i) * sizeof (*memories));
  memories[i] = memory;
  n_memories++;
  pthread_mutex_unlock (&table_lock);

  if (kind == FAKE_MEMORY_DEVICE)
    *used += size;
  *result = memory;
  return CUDA_SUCCESS;

out_of_memory:
  pthread_mutex_unlock (&table_lock);
  free (memory);
  return CUDA_ERROR_OUT_OF_MEMORY;
}

void
fake_memory_free (FakeMemory *memory)
{
  const size_t pages = memory->mapped - PAGE;
  size_t i;

  pthread_mutex_lock (&table_lock);
  i = count_before (memory->device);
  memmove (memories + i, memories + i + 1,
      (n_memories - i - 1) * sizeof (*memories));
  n_memories--;
  pthread_mutex_unlock (&table_lock);
  if (memory->kind == FAKE_MEMORY_DEVICE) {
    /* Fresh pages, untouchable ones: nothing is to be found here afterwards. */
    if (mmap (memory->bytes, pages, PROT_NONE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)
        == MAP_FAILED)
      abort ();
    fake.used_bytes[memory->context->device] -= memory->size;
  } else if (memory->kind == FAKE_MEMORY_PINNED) {
    munmap (memory->bytes, pages);
  }
  free (memory);
}

static FakeMemory *
find (CUdeviceptr device, size_t size)
{
  size_t i = count_before (device);

  if (i < n_memories && memories[i]->device == device)
    i++;
  if (i == 0 || device + size < device
      || device + size > memories[i - 1]->device + memories[i - 1]->size)
    return NULL;
  return memories[i - 1];
}

FakeMemory *
fake_memory_find (CUdeviceptr device, size_t size)
{
  FakeMemory *memory;

  pthread_mutex_lock (&table_lock);
  memory = find (device, size);
  pthread_mutex_unlock (&table_lock);
  return memory;
}

FakeMemory *
fake_memory_find_host (const void *host, size_t size)
{
  const uint8_t *at = host;
  FakeMemory *found = NULL;
  size_t i;

  pthread_mutex_lock (&table_lock);
  for (i = 0; i < n_memories && !found; i++)
    if (memories[i]->kind != FAKE_MEMORY_DEVICE && at >= memories[i]->bytes
        && at + size <= memories[i]->bytes + memories[i]->size)
      found = memories[i];
  pthread_mutex_unlock (&table_lock);
  return found;
}

/* Does any page-locked memory share a byte with this? */
static bool
overlaps (const uint8_t *host, size_t size)
{
  bool found = false;
  size_t i;

  pthread_mutex_lock (&table_lock);
  for (i = 0; i < n_memories && !found; i++)
    found = memories[i]->kind != FAKE_MEMORY_DEVICE
        && host < memories[i]->bytes + memories[i]->size
        && memories[i]->bytes < host + size;
  pthread_mutex_unlock (&table_lock);
  return found;
}

void *
fake_memory_localise (FakeContext *context, CUdeviceptr device, size_t size)
{
  FakeMemory *memory;
  void *local = NULL;

  pthread_mutex_lock (&table_lock);
  memory = find (device, size);
  /* Page-locked memory belongs to all contexts. */
  if (memory
      && (!context || memory->context == context
          || memory->kind != FAKE_MEMORY_DEVICE))
    local = memory->bytes + (device - memory->device);
  pthread_mutex_unlock (&table_lock);
  return local;
}

void
fake_memory_drop_context (FakeContext *context)
{
  size_t i = 0;

  while (i < n_memories)
    if (memories[i]->context == context)
      fake_memory_free (memories[i]);
    else
      i++;
}

void
fake_memory_count (RingFakeLive *live)
{
  size_t i;

  for (i = 0; i < n_memories; i++) {
    const FakeMemory *memory = memories[i];

    if (memory->internal)
      continue;
    if (memory->kind == FAKE_MEMORY_DEVICE) {
      live->device_allocations++;
      live->device_bytes += memory->size;
    } else if (memory->kind == FAKE_MEMORY_PINNED) {
      live->pinned_allocations++;
      live->pinned_bytes += memory->size;
    } else {
      live->registrations++;
    }
  }
}

/* ---- entry points: the device's memory --------------------------------------------- */

static CUresult
alloc_device (CUdeviceptr *device, size_t size)
{
  FakeMemory *memory;
  CUresult result;

  if (!device)
    return CUDA_ERROR_INVALID_VALUE;
  result =
      fake_memory_new (fake_current, FAKE_MEMORY_DEVICE, size, NULL, &memory);
  if (result == CUDA_SUCCESS)
    *device = memory->device;
  return result;
}

FAKE_API
cuMemAlloc_v2 (CUdeviceptr *device, size_t size)
{
  CUresult result;

  FAKE_ENTER (cuMemAlloc_v2, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  result = fake_wait_context (fake_current);
  return fake_leave (result ? result : alloc_device (device, size));
}

FAKE_API
cuMemAllocPitch_v2 (CUdeviceptr *device, size_t *pitch, size_t width,
    size_t height, unsigned element_size)
{
  CUresult result;

  FAKE_ENTER (cuMemAllocPitch_v2, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  if (!pitch || width == 0 || height == 0
      || (element_size != 4 && element_size != 8 && element_size != 16))
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  result = fake_wait_context (fake_current);
  if (result == CUDA_SUCCESS) {
    *pitch = (width + 511) / 512 * 512;
    result = alloc_device (device, *pitch * height);
  }
  return fake_leave (result);
}

/* The memory that begins at @device and that may be freed. */
static FakeMemory *
find_begin (CUdeviceptr device, FakeMemoryKind kind)
{
  FakeMemory *memory = fake_memory_find (device, 0);

  return memory && memory->device == device && memory->kind == kind
          && !memory->freed && !memory->internal
      ? memory
      : NULL;
}

FAKE_API
cuMemFree_v2 (CUdeviceptr device)
{
  FakeMemory *memory;
  CUresult result;

  FAKE_ENTER (cuMemFree_v2, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  if (device == 0)
    return fake_leave (CUDA_SUCCESS);
  memory = find_begin (device, FAKE_MEMORY_DEVICE);
  if (!memory)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  memory->freed = true;
  result = fake_wait_context (memory->context);
  if (result == CUDA_SUCCESS)
    fake_memory_free (memory);
  return fake_leave (result);
}

FAKE_API
cuMemAllocAsync (CUdeviceptr *device, size_t size, CUstream handle)
{
  FakeStream *stream;

  FAKE_ENTER (cuMemAllocAsync, FAKE_CURRENT);
  stream = fake_stream_find (handle, true);
  if (!fake.memory_pools)
    return fake_leave (CUDA_ERROR_NOT_SUPPORTED);
  if (!stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (stream->capture) {
    stream->capture_broken = true;
    return fake_leave (CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  return fake_leave (alloc_device (device, size));
}

FAKE_API
cuMemFreeAsync (CUdeviceptr device, CUstream handle)
{
  FakeStream *stream;
  FakeMemory *memory;
  FakeOp *op;
  CUresult result;

  FAKE_ENTER (cuMemFreeAsync, FAKE_CURRENT);
  stream = fake_stream_find (handle, true);
  if (!fake.memory_pools)
    return fake_leave (CUDA_ERROR_NOT_SUPPORTED);
  if (!stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (device == 0)
    return fake_leave (CUDA_SUCCESS);
  memory = find_begin (device, FAKE_MEMORY_DEVICE);
  if (!memory)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  op = fake_op_new (FAKE_OP_FREE);
  op->address = device;
  result = fake_enqueue (stream, op);
  if (result == CUDA_SUCCESS)
    memory->freed = true;
  return fake_leave (result);
}

FAKE_API
cuMemGetInfo_v2 (size_t *unused, size_t *total)
{
  FAKE_ENTER (cuMemGetInfo_v2, FAKE_CURRENT);
  if (!unused || !total)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *total = (size_t) fake.memory;
  *unused = *total - fake.used_bytes[fake_current->device];
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuMemGetAddressRange_v2 (CUdeviceptr *base, size_t *size, CUdeviceptr device)
{
  FakeMemory *memory;

  FAKE_ENTER (cuMemGetAddressRange_v2, FAKE_CURRENT);
  memory = fake_memory_find (device, 1);
  if (!memory || memory->freed)
    return fake_leave (CUDA_ERROR_NOT_FOUND);
  if (base)
    *base = memory->device;
  if (size)
    *size = memory->size;
  return fake_leave (CUDA_SUCCESS);
}

/* ---- entry points: page-locked memory ------------------------------------------------ */

static CUresult
alloc_host (void **host, size_t size, unsigned flags)
{
  FakeMemory *memory;
  CUresult result;

  if (!host
      || flags
          & ~(unsigned) (CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP
              | CU_MEMHOSTALLOC_WRITECOMBINED))
    return CUDA_ERROR_INVALID_VALUE;
  result = fake_wait_context (fake_current);
  if (result == CUDA_SUCCESS)
    result =
        fake_memory_new (fake_current, FAKE_MEMORY_PINNED, size, NULL, &memory);
  if (result == CUDA_SUCCESS) {
    memory->flags = flags;
    *host = memory->bytes;
  }
  return result;
}

FAKE_API
cuMemHostAlloc (void **host, size_t size, unsigned flags)
{
  FAKE_ENTER (cuMemHostAlloc, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  return fake_leave (alloc_host (host, size, flags));
}

FAKE_API
cuMemAllocHost_v2 (void **host, size_t size)
{
  FAKE_ENTER (cuMemAllocHost_v2, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  return fake_leave (alloc_host (host, size,
      CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP));
}

/* Page-locked memory of @kind that begins at @host goes, when all work has ended. */
static CUresult
free_host (void *host, FakeMemoryKind kind, CUresult none)
{
  FakeMemory *memory = fake_memory_find_host (host, 0);
  CUresult result;

  if (!memory || memory->bytes != host || memory->kind != kind || memory->freed)
    return none;
  memory->freed = true;
  result = fake_wait_context (memory->context);
  if (result == CUDA_SUCCESS)
    fake_memory_free (memory);
  return result;
}

FAKE_API
cuMemFreeHost (void *host)
{
  FAKE_ENTER (cuMemFreeHost, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  if (!host)
    return fake_leave (CUDA_SUCCESS);
  return fake_leave (
      free_host (host, FAKE_MEMORY_PINNED, CUDA_ERROR_INVALID_VALUE));
}

FAKE_API
cuMemHostRegister_v2 (void *host, size_t size, unsigned flags)
{
  FakeMemory *memory;
  CUresult result;

  FAKE_ENTER (cuMemHostRegister_v2, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  if (!host || size == 0 || fake_is_device_address (host)
      || flags
          & ~(unsigned) (CU_MEMHOSTREGISTER_PORTABLE
              | CU_MEMHOSTREGISTER_DEVICEMAP | CU_MEMHOSTREGISTER_READ_ONLY))
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  if (overlaps (host, size))
    return fake_leave (CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  result = fake_wait_context (fake_current);
  if (result == CUDA_SUCCESS)
    result = fake_memory_new (fake_current, FAKE_MEMORY_REGISTERED, size, host,
        &memory);
  if (result == CUDA_SUCCESS)
    memory->flags = flags;
  return fake_leave (result);
}

FAKE_API
cuMemHostUnregister (void *host)
{
  FAKE_ENTER (cuMemHostUnregister, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  if (!host)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  return fake_leave (free_host (host, FAKE_MEMORY_REGISTERED,
      CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED));
}

FAKE_API
cuMemHostGetDevicePointer_v2 (CUdeviceptr *device, void *host, unsigned flags)
{
  FakeMemory *memory;

  FAKE_ENTER (cuMemHostGetDevicePointer_v2, FAKE_CURRENT);
  memory = fake_memory_find_host (host, 1);
  if (!device || flags != 0 || !memory || memory->freed)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *device = memory->device + (CUdeviceptr) ((uint8_t *) host - memory->bytes);
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuMemHostGetFlags (unsigned *flags, void *host)
{
  FakeMemory *memory;

  FAKE_ENTER (cuMemHostGetFlags, FAKE_CURRENT);
  memory = fake_memory_find_host (host, 1);
  if (!flags || !memory || memory->freed || memory->kind != FAKE_MEMORY_PINNED)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *flags = memory->flags;
  return fake_leave (CUDA_SUCCESS);
}

/* ---- entry points: what is this pointer? ----------------------------------------------- */

static CUresult
pointer_attribute (void *value, CUpointer_attribute which, CUdeviceptr pointer)
{
  FakeMemory *memory = fake_memory_find (pointer, 1);
  CUdeviceptr offset;

  if (!memory) {
    memory = fake_memory_find_host ((void *) (uintptr_t) pointer, 1);
    if (memory)
      pointer =
          memory->device + (pointer - (CUdeviceptr) (uintptr_t) memory->bytes);
  }
  if (!value || !memory || memory->freed)
    return CUDA_ERROR_INVALID_VALUE;
  offset = pointer - memory->device;
  switch (which) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      *(CUcontext *) value = (CUcontext) memory->context;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      *(unsigned *) value = memory->kind == FAKE_MEMORY_DEVICE
          ? CU_MEMORYTYPE_DEVICE
          : CU_MEMORYTYPE_HOST;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      *(CUdeviceptr *) value = pointer;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (memory->kind == FAKE_MEMORY_DEVICE)
        return CUDA_ERROR_INVALID_VALUE;
      *(void **) value = memory->bytes + offset;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
      *(unsigned *) value = 0;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MAPPED:
      *(unsigned *) value = 1;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      *(int *) value = memory->context->device;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      *(CUdeviceptr *) value = memory->device;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      *(size_t *) value = memory->size;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
  }
}

FAKE_API
cuPointerGetAttribute (void *value, CUpointer_attribute which,
    CUdeviceptr pointer)
{
  FAKE_ENTER (cuPointerGetAttribute, FAKE_CURRENT);
  return fake_leave (pointer_attribute (value, which, pointer));
}

/* Memory that the driver does not know has attributes, too: none. */
FAKE_API
cuPointerGetAttributes (unsigned n, CUpointer_attribute *which, void **values,
    CUdeviceptr pointer)
{
  unsigned i;

  FAKE_ENTER (cuPointerGetAttributes, FAKE_CURRENT);
  if (!which || !values)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  for (i = 0; i < n; i++)
    if (pointer_attribute (values[i], which[i], pointer) != CUDA_SUCCESS
        && values[i]) {
      const bool is_int = which[i] == CU_POINTER_ATTRIBUTE_MEMORY_TYPE
          || which[i] == CU_POINTER_ATTRIBUTE_IS_MANAGED
          || which[i] == CU_POINTER_ATTRIBUTE_MAPPED
          || which[i] == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL;

      memset (values[i],
          which[i] == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL ? 0xff : 0,
          is_int ? sizeof (int) : sizeof (void *));
    }
  return fake_leave (CUDA_SUCCESS);
}
