/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * device.c: a CUDA device and its context, and page-locked memory.
 */
#include "backends/cuda/cuda-private.h"

#include <string.h>

/* What a kernel's acquire and release need, and the oldest that is compiled for. */
#define OLDEST_CAPABILITY 75

/* ---- what could not be freed when it was due -------------------------------------- */

/* A kernel that does not leave the device keeps memory from being freed: the driver
 * would wait for it. It is freed when the next is. */
void
cuda_free_later (CudaBackend *b, guint64 address, gboolean on_device)
{
  const CudaBlock block = { address, on_device };

  g_mutex_lock (&b->garbage_lock);
  g_array_append_val (b->garbage, block);
  g_mutex_unlock (&b->garbage_lock);
}

/* With everybody held, and the context. */
static void
free_garbage (CudaBackend *b)
{
  guint i;

  g_mutex_lock (&b->garbage_lock);
  for (i = 0; i < b->garbage->len; i++) {
    const CudaBlock *block = &g_array_index (b->garbage, CudaBlock, i);

    if (block->size)
      b->driver->cuMemFree_v2 ((CUdeviceptr) block->address);
    else
      b->driver->cuMemFreeHost ((gpointer) (guintptr) block->address);
  }
  g_array_set_size (b->garbage, 0);
  g_mutex_unlock (&b->garbage_lock);
}

/* ---- opening --------------------------------------------------------------------- */

static gint
attribute (CudaBackend *b, CUdevice_attribute which)
{
  gint value = 0;

  if (b->driver->cuDeviceGetAttribute (&value, which, b->device)
      != CUDA_SUCCESS)
    return 0;
  return value;
}

static gboolean
find_device (CudaBackend *b, const RingConfig *config, GError **error)
{
  gint count = 0;

  if (!cuda_check (b->driver, b->driver->cuDeviceGetCount (&count),
          "counting the CUDA devices", error))
    return FALSE;
  if (config->cuda_context) {
    /* Its device counts, whatever its number. */
    if (!cuda_check (b->driver,
            b->driver->cuCtxPushCurrent_v2 (config->cuda_context),
            "entering the given CUDA context", error))
      return FALSE;
    b->driver->cuCtxGetDevice (&b->device);
    cuda_leave (b);
    b->context = config->cuda_context;
    return TRUE;
  }
  if (count == 0) {
    g_set_error_literal (error, RING_ERROR, RING_ERROR_NO_DEVICE,
        "no CUDA device on this machine");
    return FALSE;
  }
  if (config->device >= count) {
    if (count == 1)
      g_set_error (error, RING_ERROR, RING_ERROR_NO_DEVICE,
          "backend 'cuda' has no device %d; its only device is 0",
          config->device);
    else
      g_set_error (error, RING_ERROR, RING_ERROR_NO_DEVICE,
          "backend 'cuda' has no device %d; there are %d, from 0 to %d",
          config->device, count, count - 1);
    return FALSE;
  }
  return cuda_check (b->driver,
      b->driver->cuDeviceGet (&b->device, config->device),
      "opening the CUDA device", error);
}

static gboolean
read_attributes (CudaBackend *b, GError **error)
{
  gchar name[256] = "";

  if (b->driver->cuDeviceGetName (name, sizeof name, b->device) != CUDA_SUCCESS)
    g_strlcpy (name, "CUDA device", sizeof name);
  b->name = g_utf8_make_valid (name, -1);
  b->major = attribute (b, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  b->minor = attribute (b, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  if (b->major * 10 + b->minor < OLDEST_CAPABILITY) {
    g_set_error (error, RING_ERROR, RING_ERROR_NO_DEVICE,
        "%s has compute capability %d.%d; kernels need %d.%d", b->name,
        b->major, b->minor, OLDEST_CAPABILITY / 10, OLDEST_CAPABILITY % 10);
    return FALSE;
  }
  if (!attribute (b, CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY)) {
    g_set_error (error, RING_ERROR, RING_ERROR_NO_DEVICE,
        "%s cannot read the host's memory, where the rings lie", b->name);
    return FALSE;
  }
  b->multiprocessors = attribute (b, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  b->max_threads = attribute (b, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  b->cooperative = attribute (b, CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH) != 0;
  b->watchdog = attribute (b, CU_DEVICE_ATTRIBUTE_KERNEL_EXEC_TIMEOUT) != 0;
#if CUDA_VERSION >= 12000
  b->stream_writes = b->driver->cuStreamWriteValue64_v2 != NULL
      && attribute (b, CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS) != 0;
#endif
  b->memory_pools = b->driver->cuMemAllocAsync && b->driver->cuMemFreeAsync
      && attribute (b, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED) != 0;
  return TRUE;
}

static void
unref_primary (CudaBackend *b)
{
  if (b->primary)
    b->driver->cuDevicePrimaryCtxRelease_v2 (b->device);
}

static gint
compare_addresses (gconstpointer a, gconstpointer b, gpointer unused)
{
  (void) unused;
  return (guintptr) a < (guintptr) b ? -1 : (guintptr) a > (guintptr) b;
}

static RingBackend *
cuda_open (const RingConfig *config, GError **error)
{
  const CudaDriver *driver = cuda_driver_get (error);
  CudaBackend *b;

  if (!driver)
    return NULL;
  b = g_new0 (CudaBackend, 1);
  b->base.klass = &ring_cuda_backend;
  b->driver = driver;
  if (!find_device (b, config, error) || !read_attributes (b, error))
    goto failed;
  if (!b->context) {
    if (!cuda_check (driver,
            driver->cuDevicePrimaryCtxRetain (&b->context, b->device),
            "making the device's CUDA context", error))
      goto failed;
    b->primary = TRUE;
  }
  if (!cuda_check (driver, driver->cuCtxPushCurrent_v2 (b->context),
          "entering the CUDA context", error))
    goto failed;
  driver->cuCtxGetStreamPriorityRange (&b->least_priority,
      &b->greatest_priority);
  cuda_leave (b);
  g_mutex_init (&b->garbage_lock);
  b->garbage = g_array_new (FALSE, FALSE, sizeof (CudaBlock));
  g_rw_lock_init (&b->pinned_lock);
  b->pinned = g_tree_new_full (compare_addresses, NULL, NULL, g_free);
  return &b->base;

failed:
  unref_primary (b);
  g_free (b->name);
  g_free (b);
  return NULL;
}

static void
cuda_close (RingBackend *backend)
{
  CudaBackend *b = (CudaBackend *) backend;

  if (__atomic_load_n (&b->kept, __ATOMIC_ACQUIRE))
    return;
  if (b->garbage->len > 0 && cuda_enter (b)) {
    if (cuda_hold_all (b))
      free_garbage (b);
    cuda_release_all (b);
    cuda_leave (b);
  }
  g_array_unref (b->garbage);
  g_mutex_clear (&b->garbage_lock);
  g_tree_unref (b->pinned);
  g_rw_lock_clear (&b->pinned_lock);
  unref_primary (b);
  g_free (b->name);
  g_free (b);
}

static const gchar *
cuda_device_name (RingBackend *backend)
{
  return ((CudaBackend *) backend)->name;
}

static gpointer
cuda_native_context (RingBackend *backend)
{
  return ((CudaBackend *) backend)->context;
}

/* ---- page-locked memory ------------------------------------------------------------- */

typedef struct
{
  guintptr begin;
  gsize size;
  CUdeviceptr device;
} CudaPinned;

gpointer
cuda_alloc_host (RingBackend *backend, gsize size)
{
  CudaBackend *b = (CudaBackend *) backend;
  CUresult result = CUDA_ERROR_LAUNCH_TIMEOUT;
  CUdeviceptr device = 0;
  gpointer memory = NULL;
  CudaPinned *pinned;

  if (!cuda_enter (b))
    return NULL;
  if (cuda_hold_all (b)) {
    result = b->driver->cuMemHostAlloc (&memory, MAX (size, 1),
        CU_MEMHOSTALLOC_DEVICEMAP);
    if (result == CUDA_SUCCESS) {
      result = b->driver->cuMemHostGetDevicePointer_v2 (&device, memory, 0);
      if (result != CUDA_SUCCESS)
        b->driver->cuMemFreeHost (memory);
    }
    if (result != CUDA_SUCCESS && result != CUDA_ERROR_OUT_OF_MEMORY)
      cuda_check_all (b);
  }
  cuda_release_all (b);
  cuda_leave (b);
  if (result != CUDA_SUCCESS)
    return NULL;

  pinned = g_new (CudaPinned, 1);
  pinned->begin = (guintptr) memory;
  pinned->size = size;
  pinned->device = device;
  g_rw_lock_writer_lock (&b->pinned_lock);
  g_tree_insert (b->pinned, memory, pinned);
  g_rw_lock_writer_unlock (&b->pinned_lock);
  return memory;
}

void
cuda_free_host (RingBackend *backend, gpointer memory)
{
  CudaBackend *b = (CudaBackend *) backend;

  g_rw_lock_writer_lock (&b->pinned_lock);
  g_tree_remove (b->pinned, memory);
  g_rw_lock_writer_unlock (&b->pinned_lock);
  if (!cuda_enter (b))
    return;
  if (cuda_hold_all (b)) {
    b->driver->cuMemFreeHost (memory);
    free_garbage (b);
  } else {
    cuda_free_later (b, (guintptr) memory, FALSE);
  }
  cuda_release_all (b);
  cuda_leave (b);
}

/* Page-locked by somebody else, GStreamer's pools for instance. Fewer bytes are
 * copied rather than asked for. */
#define ASK_FROM 16384

CUdeviceptr
cuda_find_foreign (CudaBackend *b, gconstpointer host, gsize size)
{
  CUmemorytype type = 0;
  CUdeviceptr device = 0, begin = 0;
  size_t length = 0;
  CUpointer_attribute wanted[] = { CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
    CU_POINTER_ATTRIBUTE_DEVICE_POINTER, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
    CU_POINTER_ATTRIBUTE_RANGE_SIZE };
  void *values[] = { &type, &device, &begin, &length };
  gboolean ok;

  if (!cuda_enter (b))
    return 0;
  ok = b->driver->cuPointerGetAttributes (G_N_ELEMENTS (wanted), wanted, values,
           (CUdeviceptr) (guintptr) host)
      == CUDA_SUCCESS;
  cuda_leave (b);
  if (!ok || type != CU_MEMORYTYPE_HOST || device == 0 || begin == 0
      || (guintptr) host < begin
      || size > length - ((guintptr) host - (guintptr) begin))
    return 0;
  return device;
}

CUdeviceptr
cuda_find_pinned (CudaBackend *b, gconstpointer host, gsize size)
{
  const guintptr at = (guintptr) host;
  CUdeviceptr device = 0;
  GTreeNode *node;

  g_rw_lock_reader_lock (&b->pinned_lock);
  /* The first that begins behind it; the one before is the only candidate. */
  node = g_tree_upper_bound (b->pinned, host);
  node = node ? g_tree_node_previous (node) : g_tree_node_last (b->pinned);
  if (node) {
    const CudaPinned *pinned = g_tree_node_value (node);

    if (at - pinned->begin <= pinned->size
        && size <= pinned->size - (at - pinned->begin))
      device = pinned->device + (at - pinned->begin);
  }
  g_rw_lock_reader_unlock (&b->pinned_lock);
  if (device == 0 && size >= ASK_FROM)
    device = cuda_find_foreign (b, host, size);
  return device;
}

const RingBackendClass ring_cuda_backend = {
  .type = RING_BACKEND_CUDA,
  .name = "cuda",
  .open = cuda_open,
  .close = cuda_close,
  .device_name = cuda_device_name,
  .alloc_host = cuda_alloc_host,
  .free_host = cuda_free_host,
  .native_context = cuda_native_context,
  .launch = cuda_launch,
  .set_buffers = cuda_set_buffers,
  .prepare = cuda_prepare,
  .discard = cuda_discard,
  .replace = cuda_replace,
  .publish = cuda_publish,
  .ready = cuda_ready,
  .poll = cuda_poll,
  .wake = cuda_wake,
  .stop = cuda_stop,
  .free = cuda_free,
};
