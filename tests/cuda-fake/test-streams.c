/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-streams.c: the stand-in driver's streams really run on their own, in order,
 * and wait for each other where the real ones do.
 */
#include "hand.h"

#define SIZE 4096

typedef struct
{
  CUcontext context;
  CUstream a, b; /* non-blocking */
  CUdeviceptr device;
  guint64 *words;   /* page-locked: 0 is the gate */
  CUdeviceptr gate; /* the device's address of words[0] */
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->context = hand_context ();
  assert_cuda (cuStreamCreate (&f->a, CU_STREAM_NON_BLOCKING));
  assert_cuda (cuStreamCreate (&f->b, CU_STREAM_NON_BLOCKING));
  assert_cuda (cuMemAlloc (&f->device, SIZE));
  assert_cuda (cuMemHostAlloc ((void **) &f->words, SIZE, 0));
  memset (f->words, 0, SIZE);
  assert_cuda (cuMemHostGetDevicePointer (&f->gate, f->words, 0));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  RingFakeLive live;

  ring_fake_reset ();
  while (cuCtxPopCurrent (NULL) == CUDA_SUCCESS)
    ;
  ring_fake_live (&live);
  g_assert_cmpuint (live.contexts, ==, 0);
  g_assert_cmpuint (live.streams, ==, 0);
  g_assert_cmpuint (live.events, ==, 0);
  g_assert_cmpuint (live.pinned_allocations, ==, 0);
}

/* What comes after this in @stream waits for open_gate. */
static void
close_gate (Fixture *f, CUstream stream)
{
  ring_store_release_u64 (&f->words[0], 0);
  assert_cuda (
      cuStreamWaitValue64 (stream, f->gate, 1, CU_STREAM_WAIT_VALUE_GEQ));
}

static void
open_gate (Fixture *f)
{
  ring_store_release_u64 (&f->words[0], 1);
}

/* Enqueues that words[@i] becomes @value. */
static void
mark (Fixture *f, CUstream stream, guint i, guint64 value)
{
  assert_cuda (cuStreamWriteValue64 (stream, f->gate + i * 8, value, 0));
}

static guint64
marked (Fixture *f, guint i)
{
  return ring_load_acquire_u64 (&f->words[i]);
}

static void
test_asynchronous (Fixture *f, gconstpointer data)
{
  close_gate (f, f->a);
  mark (f, f->a, 1, 1);
  mark (f, f->b, 2, 2);
  assert_cuda (cuStreamSynchronize (f->b));
  g_assert_cmpuint (marked (f, 2), ==, 2);
  hand_let_others_run ();
  g_assert_cmpint (cuStreamQuery (f->a), ==, CUDA_ERROR_NOT_READY);
  g_assert_cmpuint (marked (f, 1), ==, 0);
  open_gate (f);
  assert_cuda (cuStreamSynchronize (f->a));
  assert_cuda (cuStreamQuery (f->a));
  g_assert_cmpuint (marked (f, 1), ==, 1);
}

static void
test_in_order (Fixture *f, gconstpointer data)
{
  guint8 back[16];
  guint i;

  close_gate (f, f->a);
  for (i = 1; i <= 100; i++)
    assert_cuda (cuMemsetD8Async (f->device, (guint8) i, 16, f->a));
  open_gate (f);
  assert_cuda (cuMemcpyDtoHAsync (back, f->device, 16, f->a));
  for (i = 0; i < 16; i++)
    g_assert_cmpuint (back[i], ==, 100);
}

/* Pageable memory: read before the call returns, written when it does. */
static void
test_pageable (Fixture *f, gconstpointer data)
{
  guint8 bytes[64], back[64];

  memset (bytes, 1, sizeof (bytes));
  close_gate (f, f->a);
  assert_cuda (cuMemcpyHtoDAsync (f->device, bytes, sizeof (bytes), f->a));
  memset (bytes, 2, sizeof (bytes));
  open_gate (f);
  assert_cuda (cuMemcpyDtoHAsync (back, f->device, sizeof (back), f->a));
  g_assert_cmpuint (back[0], ==, 1);
  g_assert_cmpuint (back[63], ==, 1);
}

/* Page-locked memory: read when the stream comes to it. */
static void
test_pinned (Fixture *f, gconstpointer data)
{
  guint8 *bytes = (guint8 *) &f->words[10];

  memset (bytes, 1, 64);
  close_gate (f, f->a);
  assert_cuda (cuMemcpyHtoDAsync (f->device, bytes, 64, f->a));
  assert_cuda (cuMemcpyDtoHAsync (bytes + 64, f->device, 64, f->a));
  g_assert_cmpuint (bytes[64], ==, 0);
  memset (bytes, 2, 64);
  open_gate (f);
  assert_cuda (cuStreamSynchronize (f->a));
  g_assert_cmpuint (bytes[64], ==, 2);
  g_assert_cmpuint (bytes[127], ==, 2);
}

/* ---- events ---------------------------------------------------------------------- */

static void
test_events (Fixture *f, gconstpointer data)
{
  CUevent event, never;
  float ms = -1;

  assert_cuda (cuEventCreate (&event, 0));
  assert_cuda (cuEventCreate (&never, CU_EVENT_DISABLE_TIMING));
  assert_cuda (cuEventQuery (never));
  assert_cuda (cuStreamWaitEvent (f->b, never, 0));
  close_gate (f, f->a);
  mark (f, f->a, 1, 1);
  assert_cuda (cuEventRecord (event, f->a));
  g_assert_cmpint (cuEventQuery (event), ==, CUDA_ERROR_NOT_READY);
  g_assert_cmpint (cuEventElapsedTime (&ms, event, event), ==,
      CUDA_ERROR_NOT_READY);
  assert_cuda (cuStreamWaitEvent (f->b, event, 0));
  mark (f, f->b, 2, 1);
  hand_let_others_run ();
  g_assert_cmpuint (marked (f, 2), ==, 0);
  /* What was waited for is what was recorded then. */
  mark (f, f->a, 3, 1);
  assert_cuda (
      cuStreamWaitValue64 (f->a, f->gate + 8 * 4, 1, CU_STREAM_WAIT_VALUE_GEQ));
  assert_cuda (cuEventRecord (event, f->a));
  open_gate (f);
  assert_cuda (cuStreamSynchronize (f->b));
  g_assert_cmpuint (marked (f, 1), ==, 1);
  g_assert_cmpuint (marked (f, 2), ==, 1);
  g_assert_cmpint (cuEventQuery (event), ==, CUDA_ERROR_NOT_READY);
  ring_store_release_u64 (&f->words[4], 1);
  assert_cuda (cuEventSynchronize (event));
  assert_cuda (cuEventElapsedTime (&ms, event, event));
  g_assert_cmpfloat (ms, ==, 0);
  g_assert_cmpint (cuEventElapsedTime (&ms, event, never), ==,
      CUDA_ERROR_INVALID_HANDLE);
  assert_cuda (cuEventDestroy (never));
  g_assert_cmpint (cuEventQuery (never), ==, CUDA_ERROR_INVALID_HANDLE);
  g_assert_cmpint (cuEventDestroy (never), ==, CUDA_ERROR_INVALID_HANDLE);
  /* gone while somebody waits for it */
  close_gate (f, f->a);
  assert_cuda (cuEventRecord (event, f->a));
  assert_cuda (cuStreamWaitEvent (f->b, event, 0));
  mark (f, f->b, 5, 1);
  assert_cuda (cuEventDestroy (event));
  hand_let_others_run ();
  g_assert_cmpuint (marked (f, 5), ==, 0);
  open_gate (f);
  assert_cuda (cuStreamSynchronize (f->b));
  g_assert_cmpuint (marked (f, 5), ==, 1);
}

/* ---- the context's own stream ------------------------------------------------------ */

static void
test_blocking_streams (Fixture *f, gconstpointer data)
{
  CUstream blocking, other;

  assert_cuda (cuStreamCreate (&blocking, CU_STREAM_DEFAULT));
  assert_cuda (cuStreamCreate (&other, CU_STREAM_DEFAULT));
  /* It waits for the blocking ones, … */
  close_gate (f, blocking);
  mark (f, NULL, 1, 1);
  mark (f, f->a, 2, 1);
  /* … and what comes to them later waits for it. */
  mark (f, other, 3, 1);
  assert_cuda (cuStreamSynchronize (f->a));
  g_assert_cmpuint (marked (f, 2), ==, 1);
  hand_let_others_run ();
  g_assert_cmpuint (marked (f, 1), ==, 0);
  g_assert_cmpuint (marked (f, 3), ==, 0);
  open_gate (f);
  assert_cuda (cuStreamSynchronize (other));
  g_assert_cmpuint (marked (f, 1), ==, 1);
  g_assert_cmpuint (marked (f, 3), ==, 1);
  /* It does not wait for the others. */
  close_gate (f, f->a);
  mark (f, NULL, 1, 2);
  assert_cuda (cuStreamSynchronize (NULL));
  g_assert_cmpuint (marked (f, 1), ==, 2);
  open_gate (f);
}

/* ---- words ------------------------------------------------------------------------------ */

static void
test_words (Fixture *f, gconstpointer data)
{
  const CUdeviceptr word = f->gate + 8 * 20;
  guint32 *half = (guint32 *) &f->words[21];

  /* in device memory, and cyclic */
  assert_cuda (cuStreamWriteValue64 (f->a, f->device, 3, 0));
  assert_cuda (cuStreamWaitValue64 (f->b, f->device, G_MAXUINT64,
      CU_STREAM_WAIT_VALUE_GEQ));
  assert_cuda (cuStreamSynchronize (f->a));
  assert_cuda (cuStreamSynchronize (f->b));
  f->words[20] = 5;
  assert_cuda (cuStreamWaitValue64 (f->a, word, 4, CU_STREAM_WAIT_VALUE_GEQ));
  assert_cuda (cuStreamWaitValue64 (f->a, word, 5, CU_STREAM_WAIT_VALUE_EQ));
  assert_cuda (cuStreamWaitValue64 (f->a, word, 1, CU_STREAM_WAIT_VALUE_AND));
  assert_cuda (cuStreamWaitValue64 (f->a, word, 1, CU_STREAM_WAIT_VALUE_NOR));
  assert_cuda (cuStreamSynchronize (f->a));
  assert_cuda (cuStreamWriteValue32 (f->a, word + 12, 77, 0));
  assert_cuda (
      cuStreamWaitValue32 (f->a, word + 12, 77, CU_STREAM_WAIT_VALUE_EQ));
  assert_cuda (
      cuStreamWaitValue32 (f->a, word + 12, 78, CU_STREAM_WAIT_VALUE_NOR));
  assert_cuda (cuStreamSynchronize (f->a));
  g_assert_cmpuint (half[0], ==, 0);
  g_assert_cmpuint (half[1], ==, 77);
  assert_cuda (cuStreamWaitValue64 (f->a, word, 6, CU_STREAM_WAIT_VALUE_GEQ));
  hand_let_others_run ();
  g_assert_cmpint (cuStreamQuery (f->a), ==, CUDA_ERROR_NOT_READY);
  ring_store_release_u64 (&f->words[20], 6);
  assert_cuda (cuStreamSynchronize (f->a));

  g_assert_cmpint (cuStreamWriteValue64 (f->a, word + 4, 1, 0), ==,
      CUDA_ERROR_INVALID_VALUE);
  g_assert_cmpint (cuStreamWriteValue64 (f->a, word, 1, 64), ==,
      CUDA_ERROR_INVALID_VALUE);
  g_assert_cmpint (cuStreamWaitValue64 (f->a, (CUdeviceptr) (guintptr) f->words,
                       1, 0),
      ==, CUDA_ERROR_INVALID_VALUE);
  ring_fake_set ("STREAM_MEMOPS", 0);
  g_assert_cmpint (cuStreamWriteValue64 (f->a, word, 1, 0), ==,
      CUDA_ERROR_NOT_SUPPORTED);
}

/* ---- implicit synchronisation ---------------------------------------------------------- */

typedef enum
{
  MEM_ALLOC,
  MEM_FREE,
  HOST_ALLOC,
  HOST_FREE,
  HOST_REGISTER,
  HOST_UNREGISTER,
  MODULE_LOAD,
  MODULE_UNLOAD,
  SYNCHRONIZE,
  N_WAITING
} Waiting;

static const gchar *const waiting_names[] = { "cuMemAlloc", "cuMemFree",
  "cuMemHostAlloc", "cuMemFreeHost", "cuMemHostRegister", "cuMemHostUnregister",
  "cuModuleLoadData", "cuModuleUnload", "cuCtxSynchronize" };

typedef struct
{
  Fixture *f;
  Waiting which;
  CUdeviceptr device;
  gpointer host, registered, image;
  CUmodule module;
  gint done;
} Waiter;

static gpointer
wait_implicitly (gpointer data)
{
  Waiter *w = data;
  CUresult result = CUDA_ERROR_UNKNOWN;

  assert_cuda (cuCtxPushCurrent (w->f->context));
  switch (w->which) {
    case MEM_ALLOC:
      result = cuMemAlloc (&w->device, SIZE);
      break;
    case MEM_FREE:
      result = cuMemFree (w->device);
      break;
    case HOST_ALLOC:
      result = cuMemHostAlloc (&w->host, SIZE, 0);
      break;
    case HOST_FREE:
      result = cuMemFreeHost (w->host);
      break;
    case HOST_REGISTER:
      result = cuMemHostRegister (w->registered, SIZE, 0);
      break;
    case HOST_UNREGISTER:
      result = cuMemHostUnregister (w->registered);
      break;
    case MODULE_LOAD:
      result = cuModuleLoadData (&w->module, w->image);
      break;
    case MODULE_UNLOAD:
      result = cuModuleUnload (w->module);
      break;
    case SYNCHRONIZE:
      result = cuCtxSynchronize ();
      break;
    case N_WAITING:
      break;
  }
  g_atomic_int_set (&w->done, 1);
  assert_cuda (result);
  cuCtxPopCurrent (NULL);
  return NULL;
}

/* Each of these waits for work that runs, even in a non-blocking stream; and not
 * for what comes later. */
static void
test_implicit_synchronisation (Fixture *f, gconstpointer data)
{
  Waiter w = { f, GPOINTER_TO_UINT (data) };
  const guint before = ring_fake_calls (waiting_names[w.which]);
  GThread *thread;
  guint calls;

  w.image = hand_image ("copy");
  w.registered = g_malloc (SIZE);
  if (w.which == MEM_FREE)
    assert_cuda (cuMemAlloc (&w.device, SIZE));
  if (w.which == HOST_FREE)
    assert_cuda (cuMemHostAlloc (&w.host, SIZE, 0));
  if (w.which == HOST_UNREGISTER)
    assert_cuda (cuMemHostRegister (w.registered, SIZE, 0));
  if (w.which == MODULE_UNLOAD)
    assert_cuda (cuModuleLoadData (&w.module, w.image));
  calls = ring_fake_calls (waiting_names[w.which]);
  g_assert_cmpuint (calls, ==, before);

  close_gate (f, f->a);
  thread = g_thread_new ("waits", wait_implicitly, &w);
  wait_until (ring_fake_calls (waiting_names[w.which]) == calls + 1);
  /* This stream waits for ever, and came too late to be waited for. */
  assert_cuda (
      cuStreamWaitValue64 (f->b, f->gate + 8, 1, CU_STREAM_WAIT_VALUE_GEQ));
  hand_let_others_run ();
  g_assert_false (g_atomic_int_get (&w.done));
  open_gate (f);
  g_thread_join (thread);
  g_assert_cmpint (cuStreamQuery (f->b), ==, CUDA_ERROR_NOT_READY);
  ring_store_release_u64 (&f->words[1], 1);
  assert_cuda (cuCtxSynchronize ());
  if (w.which == HOST_REGISTER)
    assert_cuda (cuMemHostUnregister (w.registered));
  g_free (w.registered);
  g_free (w.image);
}

static void
test_stream_ordered_memory (Fixture *f, gconstpointer data)
{
  CUdeviceptr device;
  RingFakeLive live;

  close_gate (f, f->a);
  assert_cuda (cuMemAllocAsync (&device, SIZE, f->a));
  assert_cuda (cuMemsetD8Async (device, 1, SIZE, f->a));
  assert_cuda (cuMemFreeAsync (device, f->a));
  /* It is gone for whoever comes later, though it is still there. */
  g_assert_cmpint (cuMemsetD8Async (device, 1, SIZE, f->a), ==,
      CUDA_ERROR_INVALID_VALUE);
  g_assert_cmpint (cuMemFree (device), ==, CUDA_ERROR_INVALID_VALUE);
  g_assert_cmpint (cuMemFreeAsync (device, f->a), ==, CUDA_ERROR_INVALID_VALUE);
  ring_fake_live (&live);
  g_assert_cmpuint (live.device_allocations, ==, 2);
  open_gate (f);
  assert_cuda (cuStreamSynchronize (f->a));
  ring_fake_live (&live);
  g_assert_cmpuint (live.device_allocations, ==, 1);
  assert_cuda (cuMemFreeAsync (0, f->a));
  ring_fake_set ("MEMORY", 2 * SIZE);
  g_assert_cmpint (cuMemAllocAsync (&device, 2 * SIZE, f->a), ==,
      CUDA_ERROR_OUT_OF_MEMORY);
  ring_fake_set ("MEMORY_POOLS", 0);
  g_assert_cmpint (cuMemAllocAsync (&device, SIZE, f->a), ==,
      CUDA_ERROR_NOT_SUPPORTED);
  g_assert_cmpint (cuMemFreeAsync (f->device, f->a), ==,
      CUDA_ERROR_NOT_SUPPORTED);
}

/* Streams that do not wait for each other: the memory is freed before it is used,
 * and that is a fault of the device. */
static void
test_use_after_free (Fixture *f, gconstpointer data)
{
  CUdeviceptr device;

  assert_cuda (cuMemAllocAsync (&device, SIZE, f->b));
  close_gate (f, f->a);
  assert_cuda (cuMemsetD8Async (device, 1, SIZE, f->a));
  assert_cuda (cuMemFreeAsync (device, f->b));
  assert_cuda (cuStreamSynchronize (f->b));
  open_gate (f);
  g_assert_cmpint (cuStreamSynchronize (f->a), ==, CUDA_ERROR_ILLEGAL_ADDRESS);
  g_assert_cmpint (cuStreamSynchronize (f->b), ==, CUDA_ERROR_ILLEGAL_ADDRESS);
}

/* ---- handles ------------------------------------------------------------------------------ */

static void
test_destroyed_stream (Fixture *f, gconstpointer data)
{
  CUstream stream;
  RingFakeLive live;

  assert_cuda (cuStreamCreate (&stream, CU_STREAM_NON_BLOCKING));
  close_gate (f, stream);
  mark (f, stream, 1, 1);
  assert_cuda (cuStreamDestroy (stream));
  g_assert_cmpint (cuStreamQuery (stream), ==, CUDA_ERROR_INVALID_HANDLE);
  g_assert_cmpint (cuStreamDestroy (stream), ==, CUDA_ERROR_INVALID_HANDLE);
  g_assert_cmpint (cuMemsetD8Async (f->device, 0, 1, stream), ==,
      CUDA_ERROR_INVALID_HANDLE);
  ring_fake_live (&live);
  g_assert_cmpuint (live.streams, ==, 2);
  g_assert_cmpuint (marked (f, 1), ==, 0);
  open_gate (f);
  /* What it had to do it does, and who waits for everything waits for it. */
  assert_cuda (cuCtxSynchronize ());
  g_assert_cmpuint (marked (f, 1), ==, 1);
}

static void
test_priorities (Fixture *f, gconstpointer data)
{
  int least, greatest, priority;
  CUstream stream;

  assert_cuda (cuCtxGetStreamPriorityRange (&least, &greatest));
  g_assert_cmpint (greatest, <, least);
  assert_cuda (cuStreamCreateWithPriority (&stream, CU_STREAM_NON_BLOCKING,
      greatest - 3));
  assert_cuda (cuStreamGetPriority (stream, &priority));
  g_assert_cmpint (priority, ==, greatest);
  g_assert_cmpint (cuStreamCreate (&stream, 8), ==, CUDA_ERROR_INVALID_VALUE);
}

typedef CUresult (*CtxCreate) (CUcontext *, unsigned, CUdevice);

/* A stream of another context takes no work, but may wait for an event. */
static void
test_other_context (Fixture *f, gconstpointer data)
{
  CUcontext context;
  gpointer create;
  CUevent event;

  assert_cuda (cuGetProcAddress ("cuCtxCreate_v2", &create, 12000, 0, NULL));
  assert_cuda (((CtxCreate) create) (&context, 0, 0));
  assert_cuda (cuEventCreate (&event, 0));
  g_assert_cmpint (cuMemsetD8Async (f->device, 0, 1, f->a), ==,
      CUDA_ERROR_INVALID_HANDLE);
  g_assert_cmpint (cuEventRecord (event, f->a), ==, CUDA_ERROR_INVALID_HANDLE);
  assert_cuda (cuEventRecord (event, NULL));
  assert_cuda (cuStreamWaitEvent (f->a, event, 0));
  assert_cuda (cuStreamSynchronize (f->a));
  assert_cuda (cuCtxDestroy (context));
}

static void
run_function (void *data)
{
  ring_store_release_u64 (data, 1);
}

static void
test_host_function (Fixture *f, gconstpointer data)
{
  close_gate (f, f->a);
  assert_cuda (cuLaunchHostFunc (f->a, run_function, &f->words[1]));
  hand_let_others_run ();
  g_assert_cmpuint (marked (f, 1), ==, 0);
  open_gate (f);
  assert_cuda (cuStreamSynchronize (f->a));
  g_assert_cmpuint (marked (f, 1), ==, 1);
}

int
main (int argc, char **argv)
{
  guint i;

  g_test_init (&argc, &argv, NULL);
#define CASE(path, data, function) \
  g_test_add ("/cuda-fake/streams/" path, Fixture, data, set_up, function, \
      tear_down)
  CASE ("asynchronous", NULL, test_asynchronous);
  CASE ("in-order", NULL, test_in_order);
  CASE ("pageable-memory", NULL, test_pageable);
  CASE ("pinned-memory", NULL, test_pinned);
  CASE ("events", NULL, test_events);
  CASE ("blocking-streams", NULL, test_blocking_streams);
  CASE ("words", NULL, test_words);
  CASE ("stream-ordered-memory", NULL, test_stream_ordered_memory);
  CASE ("use-after-free-is-a-fault", NULL, test_use_after_free);
  CASE ("destroyed-stream-finishes", NULL, test_destroyed_stream);
  CASE ("priorities", NULL, test_priorities);
  CASE ("other-context", NULL, test_other_context);
  CASE ("host-function", NULL, test_host_function);
  for (i = 0; i < N_WAITING; i++) {
    g_autofree gchar *path =
        g_strdup_printf ("/cuda-fake/streams/waits-for-all-work/%s",
            waiting_names[i]);

    g_test_add (path, Fixture, GUINT_TO_POINTER (i), set_up,
        test_implicit_synchronisation, tear_down);
  }
  return g_test_run ();
}
