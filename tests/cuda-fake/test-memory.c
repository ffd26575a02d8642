/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-memory.c: the stand-in driver's contexts and memory: what is separate stays
 * separate, what is gone is gone, and who asks for what is not there is told so.
 */
#include <dlfcn.h>
#include <stdio.h>

#include "hand.h"

#define SIZE 10000

typedef struct
{
  CUcontext context;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  ring_fake_reset ();
  f->context = hand_context ();
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  RingFakeLive live;

  cuCtxPopCurrent (&f->context);
  assert_cuda (cuDevicePrimaryCtxRelease (0));
  ring_fake_live (&live);
  g_assert_cmpuint (live.contexts, ==, 0);
  g_assert_cmpuint (live.device_allocations, ==, 0);
  g_assert_cmpuint (live.device_bytes, ==, 0);
  g_assert_cmpuint (live.pinned_allocations, ==, 0);
  g_assert_cmpuint (live.registrations, ==, 0);
  g_assert_cmpuint (live.streams, ==, 0);
  ring_fake_reset ();
}

/* ---- devices and contexts -------------------------------------------------------- */

static void
test_before_init (void)
{
  if (g_test_subprocess ()) {
    int n;

    g_assert_cmpint (cuDeviceGetCount (&n), ==, CUDA_ERROR_NOT_INITIALIZED);
    g_assert_cmpint (cuCtxSynchronize (), ==, CUDA_ERROR_NOT_INITIALIZED);
    assert_cuda (cuDriverGetVersion (&n));
    g_assert_cmpint (ring_fake_set ("DEVICES", 0), ==, 0);
    g_assert_cmpint (cuInit (0), ==, CUDA_ERROR_NO_DEVICE);
    g_assert_cmpint (ring_fake_set ("DEVICES", 2), ==, 0);
    g_assert_cmpint (cuInit (1), ==, CUDA_ERROR_INVALID_VALUE);
    assert_cuda (cuInit (0));
    assert_cuda (cuDeviceGetCount (&n));
    g_assert_cmpint (n, ==, 2);
    return;
  }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

static void
test_environment (void)
{
  if (g_test_subprocess ()) {
    int value;

    g_assert_cmpint (cuInit (0), ==, CUDA_ERROR_SYSTEM_NOT_READY);
    assert_cuda (cuInit (0));
    assert_cuda (cuDriverGetVersion (&value));
    g_assert_cmpint (value, ==, 12040);
    assert_cuda (cuDeviceGetAttribute (&value,
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0));
    g_assert_cmpint (value, ==, 7);
    assert_cuda (cuDeviceGetAttribute (&value,
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0));
    g_assert_cmpint (value, ==, 5);
    return;
  }
  g_setenv ("RING_FAKE_FAIL", "cuInit:1:802", TRUE);
  g_setenv ("RING_FAKE_DRIVER_VERSION", "12040", TRUE);
  g_setenv ("RING_FAKE_CAPABILITY", "75", TRUE);
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_unsetenv ("RING_FAKE_FAIL");
  g_unsetenv ("RING_FAKE_DRIVER_VERSION");
  g_unsetenv ("RING_FAKE_CAPABILITY");
  g_test_trap_assert_passed ();
}

static void
test_trace (void)
{
  g_autofree gchar *folder = NULL, *path = NULL, *text = NULL;

  if (g_test_subprocess ()) {
    ring_fake_fail ("cuDeviceGet", 1, CUDA_ERROR_DEINITIALIZED);
    assert_cuda (cuInit (0));
    g_assert_cmpint (cuDeviceGet (&(CUdevice){ 0 }, 0), ==,
        CUDA_ERROR_DEINITIALIZED);
    g_assert_cmpint (cuCtxSynchronize (), ==, CUDA_ERROR_INVALID_CONTEXT);
    return;
  }
  folder = g_dir_make_tmp ("ring-fake-trace-XXXXXX", NULL);
  path = g_build_filename (folder, "trace", NULL);
  g_setenv ("RING_FAKE_TRACE", path, TRUE);
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_unsetenv ("RING_FAKE_TRACE");
  g_test_trap_assert_passed ();
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, " cuInit\n"));
  g_assert_nonnull (strstr (text, " cuDeviceGet made to fail: 4\n"));
  g_assert_nonnull (strstr (text, " cuCtxSynchronize refused: 201\n"));
  g_assert_cmpint (remove (path), ==, 0);
  g_assert_cmpint (remove (folder), ==, 0);
}

static void
test_device_says (Fixture *f, gconstpointer data)
{
  char name[64];
  gsize bytes, unused;
  CUuuid uuid;
  CUdevice device;
  int value;

  g_assert_cmpint (cuDeviceGet (&device, 1), ==, CUDA_ERROR_INVALID_DEVICE);
  g_assert_cmpint (cuDeviceGet (&device, -1), ==, CUDA_ERROR_INVALID_DEVICE);
  assert_cuda (cuDeviceGet (&device, 0));
  assert_cuda (cuDeviceGetName (name, sizeof (name), device));
  g_assert_cmpstr (name, ==, "RingFake GPU");
  assert_cuda (cuDeviceTotalMem (&bytes, device));
  g_assert_cmpuint (bytes, ==, 1u << 30);
  assert_cuda (cuMemGetInfo (&unused, &bytes));
  g_assert_cmpuint (unused, ==, bytes);
  assert_cuda (cuDeviceGetUuid (&uuid, device));
  g_assert_cmpint (cuDeviceGetAttribute (&value, CU_DEVICE_ATTRIBUTE_MAX,
                       device),
      ==, CUDA_ERROR_INVALID_VALUE);
  assert_cuda (cuDeviceGetAttribute (&value,
      CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, device));
  g_assert_cmpint (value, ==, 1);
  g_assert_cmpint (ring_fake_set ("COOPERATIVE", 0), ==, 0);
  assert_cuda (cuDeviceGetAttribute (&value,
      CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, device));
  g_assert_cmpint (value, ==, 0);
  g_assert_cmpint (ring_fake_set ("NO_SUCH_SETTING", 0), ==, -1);
}

static void
test_stack_of_contexts (Fixture *f, gconstpointer data)
{
  CUcontext own, current;
  CUdeviceptr address;

  assert_cuda (cuCtxGetCurrent (&current));
  g_assert_true (current == f->context);
  g_assert_cmpint (cuDevicePrimaryCtxRetain (&own, 0), ==, CUDA_SUCCESS);
  g_assert_true (own == f->context);
  assert_cuda (cuDevicePrimaryCtxRelease (0));
  assert_cuda (cuCtxPopCurrent (&current));
  g_assert_true (current == f->context);
  g_assert_cmpint (cuCtxPopCurrent (NULL), ==, CUDA_ERROR_INVALID_CONTEXT);
  g_assert_cmpint (cuMemAlloc (&address, SIZE), ==, CUDA_ERROR_INVALID_CONTEXT);
  g_assert_cmpint (cuCtxPushCurrent ((CUcontext) "no context"), ==,
      CUDA_ERROR_INVALID_CONTEXT);
  assert_cuda (cuCtxSetCurrent (f->context));
  assert_cuda (cuMemAlloc (&address, SIZE));
  assert_cuda (cuMemFree (address));
}

static gpointer
use_no_context (gpointer data)
{
  CUcontext current = data;

  assert_cuda (cuCtxGetCurrent (&current));
  g_assert_null (current);
  return NULL;
}

static void
test_current_by_thread (Fixture *f, gconstpointer data)
{
  g_thread_join (g_thread_new ("other", use_no_context, f->context));
}

typedef CUresult (*CtxCreate) (CUcontext *, unsigned, CUdevice);

/* What a context owns goes with it, and its handle is none any more. */
static void
test_context_takes_all_along (Fixture *f, gconstpointer data)
{
  gpointer create;
  RingFakeLive live;
  CUdeviceptr address;
  CUcontext context;
  CUstream stream;
  CUevent event;

  assert_cuda (cuGetProcAddress ("cuCtxCreate_v2", &create, 12000, 0, NULL));
  assert_cuda (((CtxCreate) create) (&context, 0, 0));
  assert_cuda (cuMemAlloc (&address, SIZE));
  assert_cuda (cuStreamCreate (&stream, 0));
  assert_cuda (cuEventCreate (&event, 0));
  assert_cuda (cuMemsetD8Async (address, 1, SIZE, stream));
  ring_fake_live (&live);
  g_assert_cmpuint (live.contexts, ==, 2);
  g_assert_cmpuint (live.device_allocations, ==, 1);
  g_assert_cmpuint (live.device_bytes, ==, SIZE);
  g_assert_cmpuint (live.streams, ==, 1);
  g_assert_cmpuint (live.events, ==, 1);
  assert_cuda (cuCtxDestroy (context));
  ring_fake_live (&live);
  g_assert_cmpuint (live.contexts, ==, 1);
  g_assert_cmpuint (live.device_allocations, ==, 0);
  g_assert_cmpuint (live.streams, ==, 0);
  g_assert_cmpuint (live.events, ==, 0);
  g_assert_cmpint (cuCtxDestroy (context), ==, CUDA_ERROR_INVALID_CONTEXT);
  g_assert_cmpint (cuCtxPushCurrent (context), ==, CUDA_ERROR_INVALID_CONTEXT);
  g_assert_cmpint (cuStreamQuery (stream), ==, CUDA_ERROR_INVALID_HANDLE);
  g_assert_cmpint (cuEventQuery (event), ==, CUDA_ERROR_INVALID_HANDLE);
  g_assert_cmpint (cuMemFree (address), ==, CUDA_ERROR_INVALID_VALUE);
}

/* ---- memory ------------------------------------------------------------------------- */

static void
test_copies (Fixture *f, gconstpointer data)
{
  guint8 from[SIZE], to[SIZE];
  CUdeviceptr a, b;
  guint i;

  for (i = 0; i < SIZE; i++)
    from[i] = (guint8) (i * 3);
  assert_cuda (cuMemAlloc (&a, SIZE));
  assert_cuda (cuMemAlloc (&b, SIZE));
  assert_cuda (cuMemcpyDtoH (to, a, SIZE));
  for (i = 0; i < SIZE; i++)
    g_assert_cmpuint (to[i], ==, 0xA5);
  assert_cuda (cuMemcpyHtoD (a, from, SIZE));
  assert_cuda (cuMemcpyDtoDAsync (b, a, SIZE, NULL));
  assert_cuda (cuMemcpyDtoH (to, b, SIZE));
  g_assert_cmpmem (to, SIZE, from, SIZE);
  /* part of it */
  assert_cuda (cuMemsetD8Async (b + 10, 7, 5, NULL));
  assert_cuda (cuMemcpyDtoH (to, b + 9, 7));
  g_assert_cmpuint (to[0], ==, 27);
  g_assert_cmpuint (to[1], ==, 7);
  g_assert_cmpuint (to[5], ==, 7);
  g_assert_cmpuint (to[6], ==, 45);
  assert_cuda (cuMemFree (a));
  assert_cuda (cuMemFree (b));
}

static void
test_copies_of_rows (Fixture *f, gconstpointer data)
{
  guint8 from[8 * 20], to[8 * 30];
  CUDA_MEMCPY2D c = { 0 };
  CUdeviceptr device;
  gsize pitch;
  guint x, y;

  for (x = 0; x < sizeof (from); x++)
    from[x] = (guint8) x;
  memset (to, 0xee, sizeof (to));
  assert_cuda (cuMemAllocPitch (&device, &pitch, 20, 8, 4));
  g_assert_cmpuint (pitch, >=, 20);
  c.srcMemoryType = CU_MEMORYTYPE_HOST;
  c.srcHost = from;
  c.srcPitch = 20;
  c.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  c.dstDevice = device;
  c.dstPitch = pitch;
  c.WidthInBytes = 20;
  c.Height = 8;
  assert_cuda (cuMemcpy2D (&c));
  memset (&c, 0, sizeof (c));
  c.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  c.srcDevice = device;
  c.srcPitch = pitch;
  c.srcXInBytes = 3;
  c.srcY = 1;
  c.dstMemoryType = CU_MEMORYTYPE_HOST;
  c.dstHost = to;
  c.dstPitch = 30;
  c.dstXInBytes = 5;
  c.dstY = 2;
  c.WidthInBytes = 11;
  c.Height = 6;
  assert_cuda (cuMemcpy2DAsync (&c, NULL));
  for (y = 0; y < 8; y++)
    for (x = 0; x < 30; x++)
      g_assert_cmpuint (to[y * 30 + x], ==,
          y >= 2 && x >= 5 && x < 16 ? from[(y - 1) * 20 + x - 2] : 0xee);
  /* beyond the last row */
  c.srcY = 3;
  g_assert_cmpint (cuMemcpy2D (&c), ==, CUDA_ERROR_INVALID_VALUE);
  c.srcY = 1;
  c.srcPitch = 5;
  g_assert_cmpint (cuMemcpy2D (&c), ==, CUDA_ERROR_INVALID_VALUE);
  g_assert_cmpint (cuMemcpy2D (NULL), ==, CUDA_ERROR_INVALID_VALUE);
  assert_cuda (cuMemFree (device));
}

static void
test_copies_out_of_range (Fixture *f, gconstpointer data)
{
  static guint8 host[2 * SIZE];
  CUdeviceptr device, other;
  gpointer pinned;

  assert_cuda (cuMemAlloc (&device, SIZE));
  assert_cuda (cuMemAlloc (&other, SIZE));
  assert_cuda (cuMemHostAlloc (&pinned, SIZE, 0));
#define REFUSED(call) g_assert_cmpint (call, ==, CUDA_ERROR_INVALID_VALUE)
  REFUSED (cuMemcpyHtoD (device, host, SIZE + 1));
  REFUSED (cuMemcpyHtoD (device + 1, host, SIZE));
  REFUSED (cuMemcpyHtoD (device - 1, host, 1));
  REFUSED (cuMemcpyHtoD (0, host, 1));
  REFUSED (cuMemcpyHtoD ((CUdeviceptr) (guintptr) host, host + SIZE, 10));
  REFUSED (cuMemcpyHtoD (device, NULL, 1));
  REFUSED (cuMemcpyDtoH (host, device, SIZE + 1));
  /* a device's address is none of the host's, and the other way round */
  REFUSED (cuMemcpyHtoD (device, (gpointer) (guintptr) other, 10));
  REFUSED (cuMemcpyDtoH (pinned, (CUdeviceptr) (guintptr) pinned, 10));
  /* beyond page-locked memory */
  REFUSED (cuMemcpyHtoDAsync (device, (guint8 *) pinned + 1, SIZE, NULL));
  REFUSED (cuMemcpyDtoHAsync ((guint8 *) pinned + 1, device, SIZE, NULL));
  REFUSED (cuMemsetD8Async (device, 0, SIZE + 1, NULL));
  assert_cuda (cuMemcpyHtoD (device, host, 0));
  assert_cuda (cuMemFree (device));
  REFUSED (cuMemcpyHtoD (device, host, 1));
  REFUSED (cuMemFree (device));
  REFUSED (cuMemFree (other + 1));
  REFUSED (cuMemFreeHost ((guint8 *) pinned + 1));
  REFUSED (cuMemFreeHost (host));
  REFUSED (cuMemAlloc (&device, 0));
  REFUSED (cuMemHostAlloc (&pinned, 10, ~0u));
#undef REFUSED
  assert_cuda (cuMemFree (other));
  assert_cuda (cuMemFree (0));
  assert_cuda (cuMemFreeHost (pinned));
  assert_cuda (cuMemFreeHost (NULL));
}

static void
test_limited_memory (Fixture *f, gconstpointer data)
{
  gsize unused, total;
  CUdeviceptr a, b;

  ring_fake_set ("MEMORY", 3 * SIZE);
  assert_cuda (cuMemAlloc (&a, 2 * SIZE));
  g_assert_cmpint (cuMemAlloc (&b, 2 * SIZE), ==, CUDA_ERROR_OUT_OF_MEMORY);
  assert_cuda (cuMemGetInfo (&unused, &total));
  g_assert_cmpuint (unused, ==, SIZE);
  g_assert_cmpuint (total, ==, 3 * SIZE);
  assert_cuda (cuMemFree (a));
  assert_cuda (cuMemAlloc (&a, 3 * SIZE));
  assert_cuda (cuMemFree (a));
}

/* Page-locked memory: the host's address and the device's are two. */
static void
test_pinned_memory (Fixture *f, gconstpointer data)
{
  CUdeviceptr device, inside, copy;
  guint8 *host;
  guint flags;

  assert_cuda (cuMemHostAlloc ((void **) &host, SIZE,
      CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP));
  memset (host, 1, SIZE);
  assert_cuda (cuMemHostGetDevicePointer (&device, host, 0));
  g_assert_cmpuint (device, !=, (CUdeviceptr) (guintptr) host);
  assert_cuda (cuMemHostGetDevicePointer (&inside, host + 100, 0));
  g_assert_cmpuint (inside, ==, device + 100);
  assert_cuda (cuMemHostGetFlags (&flags, host));
  g_assert_cmpuint (flags, ==,
      CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP);
  /* The device writes what the host reads. */
  assert_cuda (cuMemAlloc (&copy, SIZE));
  assert_cuda (cuMemcpyDtoDAsync (copy, device, SIZE, NULL));
  assert_cuda (cuMemsetD8Async (inside, 2, 10, NULL));
  assert_cuda (cuStreamSynchronize (NULL));
  g_assert_cmpuint (host[99], ==, 1);
  g_assert_cmpuint (host[100], ==, 2);
  g_assert_cmpuint (host[109], ==, 2);
  g_assert_cmpuint (host[110], ==, 1);
  assert_cuda (cuMemFree (copy));
  assert_cuda (cuMemFreeHost (host));
  g_assert_cmpint (cuMemHostGetDevicePointer (&device, host, 0), ==,
      CUDA_ERROR_INVALID_VALUE);
}

static void
test_registered_memory (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *host = g_malloc0 (2 * SIZE);
  CUdeviceptr device;
  RingFakeLive live;

  assert_cuda (cuMemHostRegister (host + 100, SIZE, 0));
  g_assert_cmpint (cuMemHostRegister (host, 101, 0), ==,
      CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  assert_cuda (cuMemHostGetDevicePointer (&device, host + 150, 0));
  assert_cuda (cuMemsetD8Async (device, 9, 4, NULL));
  assert_cuda (cuCtxSynchronize ());
  g_assert_cmpuint (host[149], ==, 0);
  g_assert_cmpuint (host[150], ==, 9);
  ring_fake_live (&live);
  g_assert_cmpuint (live.registrations, ==, 1);
  g_assert_cmpint (cuMemHostUnregister (host + 101), ==,
      CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  g_assert_cmpint (cuMemFreeHost (host + 100), ==, CUDA_ERROR_INVALID_VALUE);
  assert_cuda (cuMemHostUnregister (host + 100));
  g_assert_cmpint (cuMemHostUnregister (host + 100), ==,
      CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  assert_cuda (cuMemHostRegister (host, 101, 0));
  assert_cuda (cuMemHostUnregister (host));
}

static void
follow (gconstpointer data)
{
  const gchar *which = data;

  if (g_test_subprocess ()) {
    CUdeviceptr device;
    gpointer host;

    hand_context ();
    if (strcmp (which, "device") == 0) {
      assert_cuda (cuMemAlloc (&device, SIZE));
    } else {
      assert_cuda (cuMemHostAlloc (&host, SIZE, 0));
      assert_cuda (cuMemHostGetDevicePointer (&device, host, 0));
    }
    g_print ("%d\n", *(volatile guint8 *) (guintptr) device);
    return;
  }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stdout_unmatched ("*165*");
}

static void
test_pointer_attributes (Fixture *f, gconstpointer data)
{
  CUpointer_attribute which[] = { CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
    CU_POINTER_ATTRIBUTE_DEVICE_POINTER };
  CUdeviceptr device, found = 1;
  guint type = 77;
  gpointer values[] = { &type, &found };
  CUcontext context;
  guint8 *host, plain;

  assert_cuda (cuMemAlloc (&device, SIZE));
  assert_cuda (cuMemHostAlloc ((void **) &host, SIZE, 0));
  assert_cuda (cuPointerGetAttribute (&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
      device + 5));
  g_assert_cmpuint (type, ==, CU_MEMORYTYPE_DEVICE);
  assert_cuda (
      cuPointerGetAttribute (&context, CU_POINTER_ATTRIBUTE_CONTEXT, device));
  g_assert_true (context == f->context);
  assert_cuda (cuPointerGetAttributes (2, which, values,
      (CUdeviceptr) (guintptr) (host + 7)));
  g_assert_cmpuint (type, ==, CU_MEMORYTYPE_HOST);
  assert_cuda (cuMemHostGetDevicePointer (&device, host + 7, 0));
  g_assert_cmpuint (found, ==, device);
  g_assert_cmpint (cuPointerGetAttribute (&type,
                       CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                       (CUdeviceptr) (guintptr) &plain),
      ==, CUDA_ERROR_INVALID_VALUE);
  assert_cuda (cuPointerGetAttributes (2, which, values,
      (CUdeviceptr) (guintptr) &plain));
  g_assert_cmpuint (type, ==, 0);
  g_assert_cmpuint (found, ==, 0);
}

/* ---- injected failures ----------------------------------------------------------------- */

static void
test_injected_failures (Fixture *f, gconstpointer data)
{
  const guint before = ring_fake_calls ("cuMemAlloc");
  CUdeviceptr a = 0;
  RingFakeLive live;

  g_assert_cmpint (ring_fake_fail ("cuMemAlloc", 2, CUDA_ERROR_OUT_OF_MEMORY),
      ==, 0);
  g_assert_cmpint (ring_fake_fail ("cuMemFree_v2", 1, CUDA_ERROR_UNKNOWN), ==,
      0);
  g_assert_cmpint (ring_fake_fail ("cuNoSuchThing", 1, 1), ==, -1);
  g_assert_cmpint (ring_fake_fail ("cuMemAlloc", 0, 1), ==, -1);
  assert_cuda (cuMemAlloc (&a, SIZE));
  g_assert_cmpint (cuMemAlloc (&a, SIZE), ==, CUDA_ERROR_OUT_OF_MEMORY);
  g_assert_cmpint (cuMemFree (a), ==, CUDA_ERROR_UNKNOWN);
  ring_fake_live (&live);
  g_assert_cmpuint (live.device_allocations, ==, 1);
  assert_cuda (cuMemFree (a));
  assert_cuda (cuMemAlloc (&a, SIZE));
  assert_cuda (cuMemFree (a));
  g_assert_cmpuint (ring_fake_calls ("cuMemAlloc_v2"), ==, before + 3);
  g_assert_cmpuint (ring_fake_calls ("cuNoSuchThing"), ==, 0);
}

/* Every function is there under its name, and fails when it is told to. */
static void
test_every_function_fails (Fixture *f, gconstpointer data)
{
  const gchar *name;
  guint i;

  for (i = 0; (name = ring_fake_function (i)); i++) {
    CUresult (*function) (gpointer, gpointer, gpointer, gpointer, gpointer,
        gpointer, gpointer, gpointer, gpointer, gpointer, gpointer);
    gpointer found = dlsym (RTLD_DEFAULT, name), newest = NULL;

    g_assert_nonnull (found);
    assert_cuda (cuGetProcAddress (name, &newest, 13000, 0, NULL));
    g_assert_nonnull (newest);
    function = found;
    g_assert_cmpint (ring_fake_fail (name, 1, CUDA_ERROR_ECC_UNCORRECTABLE), ==,
        0);
    g_assert_cmpint (function (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                         NULL, NULL, NULL),
        ==, CUDA_ERROR_ECC_UNCORRECTABLE);
  }
  g_assert_cmpuint (i, >, 100);
}

static void
test_names_of_errors (Fixture *f, gconstpointer data)
{
  const char *text;

  assert_cuda (cuGetErrorName (CUDA_ERROR_OUT_OF_MEMORY, &text));
  g_assert_cmpstr (text, ==, "CUDA_ERROR_OUT_OF_MEMORY");
  assert_cuda (cuGetErrorString (CUDA_ERROR_OUT_OF_MEMORY, &text));
  g_assert_cmpstr (text, ==, "out of memory");
  g_assert_cmpint (cuGetErrorName ((CUresult) 77777, &text), ==,
      CUDA_ERROR_INVALID_VALUE);
  g_assert_null (text);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cuda-fake/device/before-init", test_before_init);
  g_test_add_func ("/cuda-fake/device/environment", test_environment);
  g_test_add_func ("/cuda-fake/device/trace", test_trace);
  g_test_add_data_func ("/cuda-fake/memory/host-follows-device-address",
      "device", follow);
  g_test_add_data_func ("/cuda-fake/memory/host-follows-mapped-address",
      "mapped", follow);
#define CASE(path, function) \
  g_test_add ("/cuda-fake/" path, Fixture, NULL, set_up, function, tear_down)
  CASE ("device/says", test_device_says);
  CASE ("context/stack", test_stack_of_contexts);
  CASE ("context/current-by-thread", test_current_by_thread);
  CASE ("context/takes-all-along", test_context_takes_all_along);
  CASE ("memory/copies", test_copies);
  CASE ("memory/copies-of-rows", test_copies_of_rows);
  CASE ("memory/copies-out-of-range", test_copies_out_of_range);
  CASE ("memory/limited", test_limited_memory);
  CASE ("memory/pinned", test_pinned_memory);
  CASE ("memory/registered", test_registered_memory);
  CASE ("memory/pointer-attributes", test_pointer_attributes);
  CASE ("failures/injected", test_injected_failures);
  CASE ("failures/every-function", test_every_function_fails);
  CASE ("failures/names", test_names_of_errors);
  return g_test_run ();
}
