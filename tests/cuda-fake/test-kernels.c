/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-kernels.c: what else the stand-in driver does with kernels: how many fit,
 * who waits for them, graphs, faults, and kernels that stand still.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "hand.h"

typedef struct
{
  CUcontext context;
  Hand *hand;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  ring_fake_reset ();
  f->context = hand_context ();
  f->hand = hand_new ("copy", 3, 2, 8);
  hand_activate (f->hand, TRUE);
}

/* Whatever state a test leaves the device in. */
static void
tear_down (Fixture *f, gconstpointer data)
{
  RingFakeLive live;

  ring_fake_reset ();
  while (cuCtxPopCurrent (NULL) == CUDA_SUCCESS)
    ;
  ring_fake_live (&live);
  g_assert_cmpuint (live.running_kernels, ==, 0);
  g_assert_cmpuint (live.contexts, ==, 0);
  g_assert_cmpuint (live.modules, ==, 0);
  g_assert_cmpuint (live.graphs, ==, 0);
  g_assert_cmpuint (live.graph_execs, ==, 0);
  g_ptr_array_unref (f->hand->pinned);
  g_array_unref (f->hand->device);
  g_free (f->hand);
}

static void
exchange (Hand *hand, guint n)
{
  guint8 data[32], back[256];
  guint i;

  for (i = 0; i < n; i++) {
    memset (data, (int) (hand->sent + 1), sizeof (data));
    hand_send (hand, data, sizeof (data));
    hand_receive (hand, back);
    g_assert_cmpmem (back, sizeof (data), data, sizeof (data));
  }
}

static guint64
heartbeat (Hand *hand)
{
  return ring_load_acquire_u64 (&hand->control->device.heartbeat);
}

/* ---- launches ------------------------------------------------------------------------ */

/* A launch takes its parameter along, and the kernel's words count it. */
static void
test_parameter_by_value (Fixture *f, gconstpointer data)
{
  Hand *hand = f->hand;
  RingFakeLive live;

  assert_cuda (hand_launch (hand));
  memset (&hand->r, 0xff, G_STRUCT_OFFSET (RingResidency, geometry));
  exchange (hand, 3);
  ring_fake_live (&live);
  g_assert_cmpuint (live.running_kernels, ==, 1);
  hand_terminate (hand, TRUE);
  hand_wait_exit (hand);
  ring_fake_live (&live);
  g_assert_cmpuint (live.running_kernels, ==, 0);
}

static void
test_refused_launches (Fixture *f, gconstpointer data)
{
  Hand *hand = f->hand;
  gpointer parameters[] = { &hand->r }, none[] = { NULL };

#define LAUNCH(grid, block, parameters) \
  cuLaunchCooperativeKernel (hand->function, grid, 1, 1, block, 1, 1, 0, \
      hand->stream, parameters)
  g_assert_cmpint (LAUNCH (5, 2, parameters), ==,
      CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  g_assert_cmpint (LAUNCH (1, 3, parameters), ==, CUDA_ERROR_INVALID_VALUE);
  g_assert_cmpint (LAUNCH (0, 1, parameters), ==, CUDA_ERROR_INVALID_VALUE);
  g_assert_cmpint (LAUNCH (1, 1, none), ==, CUDA_ERROR_INVALID_VALUE);
  g_assert_cmpint (LAUNCH (1, 1, NULL), ==, CUDA_ERROR_INVALID_VALUE);
  g_assert_cmpint (cuLaunchCooperativeKernel ((CUfunction) "no function", 1, 1,
                       1, 1, 1, 1, 0, hand->stream, parameters),
      ==, CUDA_ERROR_INVALID_HANDLE);
  g_assert_cmpint (cuLaunchCooperativeKernel (hand->function, 1, 1, 1, 1, 1, 1,
                       0, (CUstream) "no stream", parameters),
      ==, CUDA_ERROR_INVALID_HANDLE);
  ring_fake_set ("COOPERATIVE", 0);
  g_assert_cmpint (LAUNCH (1, 1, parameters), ==, CUDA_ERROR_NOT_SUPPORTED);
#undef LAUNCH
  /* The plain kind is still there. */
  assert_cuda (cuLaunchKernel (hand->function, 3, 1, 1, 2, 1, 1, 0,
      hand->stream, parameters, NULL));
  exchange (hand, 3);
}

/* More blocks than there can be at a time come one after the other. */
static void
test_blocks_in_turns (Fixture *f, gconstpointer data)
{
  Hand *hand = hand_new ("copy", 10, 1, 8);
  gpointer parameters[] = { &hand->r };

  assert_cuda (cuLaunchKernel (hand->function, 10, 1, 1, 1, 1, 1, 0,
      hand->stream, parameters, NULL));
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_INACTIVE);
  hand_free (hand);
}

/* Multiprocessors are shared: who does not fit beside the others waits. */
static void
test_kernels_share_multiprocessors (Fixture *f, gconstpointer data)
{
  Hand *first = f->hand, *second = hand_new ("copy", 2, 2, 8);
  Hand *third = hand_new ("copy", 1, 2, 8);
  RingFakeLive live;

  hand_activate (second, TRUE);
  hand_activate (third, TRUE);
  assert_cuda (hand_launch (first));
  exchange (first, 1);
  assert_cuda (hand_launch (second));
  assert_cuda (hand_launch (third));
  exchange (third, 10);
  exchange (first, 10);
  ring_fake_live (&live);
  g_assert_cmpuint (live.running_kernels, ==, 2);
  g_assert_cmpuint (hand_residency (second), ==, RING_RESIDENCY_NONE);
  g_assert_cmpint (cuStreamQuery (second->stream), ==, CUDA_ERROR_NOT_READY);
  hand_terminate (first, TRUE);
  exchange (second, 10);
  hand_wait_exit (first);
  hand_terminate (second, TRUE);
  hand_terminate (third, TRUE);
  hand_wait_exit (second);
  hand_wait_exit (third);
  hand_free (second);
  hand_free (third);
}

/* ---- others beside a resident kernel --------------------------------------------------- */

typedef struct
{
  Fixture *f;
  gint rounds;
} Neighbour;

#define ROUNDS 50

static gpointer
allocate_and_free (gpointer data)
{
  Neighbour *n = data;
  gint i;

  assert_cuda (cuCtxPushCurrent (n->f->context));
  for (i = 0; i < ROUNDS; i++) {
    CUdeviceptr device;

    assert_cuda (cuMemAlloc (&device, 1000));
    assert_cuda (cuMemFree (device));
    g_atomic_int_inc (&n->rounds);
  }
  cuCtxPopCurrent (NULL);
  return NULL;
}

/* Without a lease the neighbour waits for as long as the kernel stays. */
static void
test_neighbour_waits (Fixture *f, gconstpointer data)
{
  Neighbour n = { f, 0 };
  const guint calls = ring_fake_calls ("cuMemAlloc");
  GThread *thread;

  assert_cuda (hand_launch (f->hand));
  exchange (f->hand, 1);
  thread = g_thread_new ("neighbour", allocate_and_free, &n);
  wait_until (ring_fake_calls ("cuMemAlloc") == calls + 1);
  exchange (f->hand, 50);
  g_assert_cmpint (g_atomic_int_get (&n.rounds), ==, 0);
  hand_terminate (f->hand, TRUE);
  g_thread_join (thread);
  g_assert_cmpint (n.rounds, ==, ROUNDS);
}

/* With leases both get on. */
static void
test_neighbour_beside_leases (Fixture *f, gconstpointer data)
{
  Neighbour n = { f, 0 };
  Hand *hand = f->hand;
  GThread *thread;
  guint8 bytes[32] = { 1 };

  hand->control->host.lease_ns = 500000;
  assert_cuda (hand_launch (hand));
  thread = g_thread_new ("neighbour", allocate_and_free, &n);
  while (g_atomic_int_get (&n.rounds) < ROUNDS || hand->received < 200) {
    if (ring_queue_space (&hand->input, 1) > 0)
      hand_send (hand, bytes, sizeof (bytes));
    while (ring_queue_ready (&hand->output, 1) > 0)
      hand_receive (hand, NULL);
    if (cuStreamQuery (hand->stream) == CUDA_SUCCESS)
      assert_cuda (hand_launch (hand));
  }
  g_thread_join (thread);
  g_assert_cmpuint (ring_load_acquire_u64 (&hand->control->device.relaunches),
      >, 0);
  hand_terminate (hand, TRUE);
  assert_cuda (cuStreamSynchronize (hand->stream));
}

/* A driver that lets nobody in while it waits: still both get on. */
static void
test_neighbour_with_a_lock (Fixture *f, gconstpointer data)
{
  ring_fake_set ("EXCLUSIVE_WAITS", 1);
  test_neighbour_beside_leases (f, data);
}

/* … and that is what it does. */
static void
test_lock (Fixture *f, gconstpointer data)
{
  Neighbour n = { f, 0 };
  Hand *hand = f->hand;
  const guint calls = ring_fake_calls ("cuMemAlloc");
  GThread *thread;
  CUresult result;

  ring_fake_set ("EXCLUSIVE_WAITS", 1);
  assert_cuda (hand_launch (hand));
  exchange (hand, 1);
  thread = g_thread_new ("neighbour", allocate_and_free, &n);
  wait_until (ring_fake_calls ("cuMemAlloc") == calls + 1);
  ring_store_release_u32 (&hand->control->host.leave, 1);
  /* This one cannot find the kernel running: it comes in after the wait. */
  result = cuStreamQuery (hand->stream);
  g_thread_join (thread);
  assert_cuda (result);
}

/* ---- graphs ----------------------------------------------------------------------------- */

static void
test_graph (Fixture *f, gconstpointer data)
{
  Hand *hand = f->hand;
  CUstreamCaptureStatus status;
  CUgraph graph;
  CUgraphExec exec;
  RingFakeLive live;
  guint8 bytes[16] = { 7 };
  guint i;

  hand->r.flags |= RING_RESIDENCY_ONE_BATCH;
  assert_cuda (
      cuStreamBeginCapture (hand->stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  assert_cuda (cuStreamIsCapturing (hand->stream, &status));
  g_assert_cmpint (status, ==, CU_STREAM_CAPTURE_STATUS_ACTIVE);
  assert_cuda (hand_launch (hand));
  assert_cuda (cuStreamEndCapture (hand->stream, &graph));
  assert_cuda (cuStreamQuery (hand->stream));
  g_assert_cmpuint (hand_residency (hand), ==, RING_RESIDENCY_NONE);
  assert_cuda (cuGraphInstantiate (&exec, graph, 0));
  ring_fake_live (&live);
  g_assert_cmpuint (live.graphs, ==, 1);
  g_assert_cmpuint (live.graph_execs, ==, 1);
  assert_cuda (cuGraphDestroy (graph));
  g_assert_cmpint (cuGraphDestroy (graph), ==, CUDA_ERROR_INVALID_HANDLE);
  /* captured by value */
  memset (&hand->r, 0, G_STRUCT_OFFSET (RingResidency, geometry));
  for (i = 0; i < 5; i++) {
    hand_send (hand, bytes, sizeof (bytes));
    assert_cuda (cuGraphLaunch (exec, hand->stream));
    g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_IDLE);
    g_assert_cmpuint (hand_receive (hand, NULL).sequence, ==, i);
  }
  assert_cuda (cuGraphExecDestroy (exec));
  g_assert_cmpint (cuGraphLaunch (exec, hand->stream), ==,
      CUDA_ERROR_INVALID_HANDLE);
}

static gpointer
query_elsewhere (gpointer data)
{
  Fixture *f = data;
  CUresult result;

  assert_cuda (cuCtxPushCurrent (f->context));
  result = cuCtxSynchronize ();
  cuCtxPopCurrent (NULL);
  return GINT_TO_POINTER (result);
}

/* What a capture forbids fails, and the capture with it. */
static void
test_broken_captures (Fixture *f, gconstpointer data)
{
  CUstream stream = f->hand->stream;
  CUdeviceptr device;
  CUgraph graph;

  assert_cuda (
      cuStreamBeginCapture (stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  g_assert_cmpint (cuStreamBeginCapture (stream,
                       CU_STREAM_CAPTURE_MODE_RELAXED),
      ==, CUDA_ERROR_ILLEGAL_STATE);
  /* another thread may do what it likes … */
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (
                       g_thread_new ("other", query_elsewhere, f))),
      ==, CUDA_SUCCESS);
  assert_cuda (cuStreamEndCapture (stream, &graph));
  assert_cuda (cuGraphDestroy (graph));
  assert_cuda (
      cuStreamBeginCapture (stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  g_assert_cmpint (cuMemAlloc (&device, 1), ==,
      CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  g_assert_cmpint (cuStreamEndCapture (stream, &graph), ==,
      CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  g_assert_null (graph);
  /* … but not beside one that is everybody's. */
  assert_cuda (cuStreamBeginCapture (stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (
                       g_thread_new ("other", query_elsewhere, f))),
      ==, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  g_assert_cmpint (cuStreamEndCapture (stream, &graph), ==,
      CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  /* Graphs hold kernels alone here. */
  assert_cuda (cuStreamBeginCapture (stream, CU_STREAM_CAPTURE_MODE_RELAXED));
  assert_cuda (cuMemAlloc (&device, 1));
  g_assert_cmpint (cuMemsetD8Async (device, 0, 1, stream), ==,
      CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  g_assert_cmpint (cuStreamEndCapture (stream, &graph), ==,
      CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  g_assert_cmpint (cuStreamEndCapture (stream, &graph), ==,
      CUDA_ERROR_ILLEGAL_STATE);
  g_assert_cmpint (cuStreamBeginCapture (NULL, CU_STREAM_CAPTURE_MODE_RELAXED),
      ==, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

/* ---- faults ------------------------------------------------------------------------------ */

static void
assert_failed (Fixture *f, CUresult error)
{
  Hand *hand = f->hand;
  RingFakeLive before, after;
  CUdeviceptr device;
  CUcontext context;
  CUstream stream;

  ring_fake_live (&before);
  g_assert_cmpuint (before.running_kernels, ==, 0);
  g_assert_cmpint (cuStreamSynchronize (hand->stream), ==, error);
  g_assert_cmpint (cuStreamQuery (hand->stream), ==, error);
  g_assert_cmpint (cuMemAlloc (&device, 1), ==, error);
  g_assert_cmpint (cuStreamCreate (&stream, 0), ==, error);
  g_assert_cmpint (hand_launch (hand), ==, error);
  g_assert_cmpint (cuCtxSynchronize (), ==, error);
  g_assert_cmpint (cuDevicePrimaryCtxRetain (&context, 0), ==, error);
  /* What ends things says so, too, and does nothing. */
  g_assert_cmpint (cuMemFreeHost (hand->control), ==, error);
  g_assert_cmpint (cuStreamDestroy (hand->stream), ==, error);
  g_assert_cmpint (cuModuleUnload (hand->module), ==, error);
  g_assert_cmpint (cuDevicePrimaryCtxRelease (0), ==, error);
  ring_fake_live (&after);
  g_assert_cmpmem (&before, sizeof (before), &after, sizeof (after));
  assert_cuda (cuCtxPopCurrent (&context));
  g_assert_true (context == f->context);
}

/* After all that there is a working device again. */
static void
assert_recovers (Fixture *f)
{
  Hand *hand;

  ring_fake_reset ();
  f->context = hand_context ();
  hand = hand_new ("copy", 3, 2, 8);
  hand_activate (hand, TRUE);
  assert_cuda (hand_launch (hand));
  exchange (hand, 10);
  hand_terminate (hand, TRUE);
  hand_wait_exit (hand);
  hand_free (hand);
}

static void
test_bad_address (Fixture *f, gconstpointer data)
{
  Hand *hand = f->hand;

  /* the host's own */
  hand->r.control = hand->control;
  assert_cuda (hand_launch (hand));
  wait_until (cuStreamQuery (hand->stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
  assert_failed (f, CUDA_ERROR_ILLEGAL_ADDRESS);
  assert_recovers (f);
}

static void
test_bad_payload_address (Fixture *f, gconstpointer data)
{
  Hand *hand = f->hand;

  hand->regions[1].base = hand->payloads[0];
  assert_cuda (hand_launch (hand));
  exchange (hand, 3);
  hand_send_by_reference (hand, 0, 1000);
  wait_until (cuStreamQuery (hand->stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
  assert_failed (f, CUDA_ERROR_ILLEGAL_ADDRESS);
  assert_recovers (f);
}

static void
test_injected_fault (Fixture *f, gconstpointer data)
{
  assert_cuda (hand_launch (f->hand));
  exchange (f->hand, 3);
  ring_fake_fault (CUDA_ERROR_LAUNCH_FAILED);
  wait_until (cuStreamQuery (f->hand->stream) == CUDA_ERROR_LAUNCH_FAILED);
  assert_failed (f, CUDA_ERROR_LAUNCH_FAILED);
  assert_recovers (f);
}

static void
test_injected_fault_to_come (Fixture *f, gconstpointer data)
{
  ring_fake_fault (CUDA_ERROR_ECC_UNCORRECTABLE);
  assert_cuda (cuCtxSynchronize ());
  assert_cuda (hand_launch (f->hand));
  wait_until (cuStreamQuery (f->hand->stream) == CUDA_ERROR_ECC_UNCORRECTABLE);
  assert_failed (f, CUDA_ERROR_ECC_UNCORRECTABLE);
  assert_recovers (f);
}

/* ---- kernels that stand still -------------------------------------------------------------- */

static void
test_freeze (Fixture *f, gconstpointer data)
{
  Hand *hand = f->hand;
  guint64 beat;
  guint8 bytes[8] = { 1 };
  guint i;

  assert_cuda (hand_launch (hand));
  exchange (hand, 3);
  ring_fake_freeze (1);
  /* Threads stop where they next wait; then nothing moves. */
  for (i = 0; i < 5; i++)
    hand_let_others_run ();
  beat = heartbeat (hand);
  hand_send (hand, bytes, sizeof (bytes));
  hand_terminate (hand, TRUE);
  for (i = 0; i < 5; i++)
    hand_let_others_run ();
  g_assert_cmpuint (heartbeat (hand), ==, beat);
  g_assert_cmpuint (ring_queue_ready (&hand->output, 1), ==, 0);
  g_assert_cmpint (cuStreamQuery (hand->stream), ==, CUDA_ERROR_NOT_READY);
  ring_fake_freeze (0);
  hand_receive (hand, NULL);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_TERMINATE);
}

static void
test_frozen_kernel_faults (Fixture *f, gconstpointer data)
{
  assert_cuda (hand_launch (f->hand));
  exchange (f->hand, 3);
  ring_fake_freeze (1);
  ring_fake_fault (CUDA_ERROR_LAUNCH_TIMEOUT);
  wait_until (cuStreamQuery (f->hand->stream) == CUDA_ERROR_LAUNCH_TIMEOUT);
  assert_failed (f, CUDA_ERROR_LAUNCH_TIMEOUT);
  assert_recovers (f);
}

/* A process may end at any time, whatever its kernels do. */
static void
test_exit_beside_kernel (gconstpointer data)
{
  if (g_test_subprocess ()) {
    static Hand *hand; /* lives as long as its kernel */

    hand_context ();
    hand = hand_new ("copy", 3, 2, 8);
    hand_activate (hand, TRUE);
    assert_cuda (hand_launch (hand));
    exchange (hand, 3);
    ring_fake_freeze (GPOINTER_TO_INT (data));
    return;
  }
  g_test_trap_subprocess (NULL, HAND_WAIT, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_assert_false (g_test_trap_reached_timeout ());
  g_test_trap_assert_passed ();
}

/* A child that was forked has no driver, as with the real one. */
static void
test_fork (Fixture *f, gconstpointer data)
{
  int status = -1, n;
  pid_t child = fork ();

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    _exit (cuInit (0) == CUDA_ERROR_NOT_INITIALIZED
                && cuDeviceGetCount (&n) == CUDA_ERROR_NOT_INITIALIZED
            ? 0
            : 1);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  assert_cuda (cuDeviceGetCount (&n));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define CASE(path, function) \
  g_test_add ("/cuda-fake/" path, Fixture, NULL, set_up, function, tear_down)
  CASE ("launch/parameter-by-value", test_parameter_by_value);
  CASE ("launch/refused", test_refused_launches);
  CASE ("launch/blocks-in-turns", test_blocks_in_turns);
  CASE ("launch/share-multiprocessors", test_kernels_share_multiprocessors);
  CASE ("neighbour/waits-for-the-kernel", test_neighbour_waits);
  CASE ("neighbour/gets-on-beside-leases", test_neighbour_beside_leases);
  CASE ("neighbour/gets-on-with-a-lock", test_neighbour_with_a_lock);
  CASE ("neighbour/lock", test_lock);
  CASE ("graph/launches", test_graph);
  CASE ("graph/broken-captures", test_broken_captures);
  CASE ("fault/bad-address", test_bad_address);
  CASE ("fault/bad-payload-address", test_bad_payload_address);
  CASE ("fault/injected", test_injected_fault);
  CASE ("fault/injected-before", test_injected_fault_to_come);
  CASE ("frozen/goes-on", test_freeze);
  CASE ("frozen/faults", test_frozen_kernel_faults);
  CASE ("process/fork", test_fork);
  g_test_add_data_func ("/cuda-fake/process/exit-beside-kernel",
      GINT_TO_POINTER (0), test_exit_beside_kernel);
  g_test_add_data_func ("/cuda-fake/process/exit-beside-frozen-kernel",
      GINT_TO_POINTER (1), test_exit_beside_kernel);
  return g_test_run ();
}
