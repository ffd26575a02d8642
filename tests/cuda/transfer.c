/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How payloads reach the device and results come back, over the stand-in driver,
 * whose device memory is really another memory.
 */
#include "cuda-test.h"

#define WIDTH 322
#define HEIGHT 241
#define N_FRAMES 9

/* An I420 frame whose rows are further apart than they are long. */
typedef struct
{
  guint8 *data;
  RingMemory memory;
} Frame;

#define FRAME_BYTES (400 * HEIGHT + 2 * 256 * ((HEIGHT + 1) / 2))

static void
frame_init (Frame *frame, guint8 *data)
{
  const gint stride[3] = { 400, 256, 256 };
  const guint rows[3] = { HEIGHT, (HEIGHT + 1) / 2, (HEIGHT + 1) / 2 };
  gsize at = 0;
  guint p;

  memset (&frame->memory, 0, sizeof frame->memory);
  frame->data = data;
  frame->memory.n_planes = 3;
  for (p = 0; p < 3; p++) {
    frame->memory.plane[p].data = data + at;
    frame->memory.plane[p].stride = stride[p];
    frame->memory.plane[p].size = (gsize) stride[p] * rows[p];
    frame->memory.size += frame->memory.plane[p].size;
    at += frame->memory.plane[p].size;
  }
  g_assert_cmpuint (at, ==, FRAME_BYTES);
}

/* Every pixel is 255 minus what it was; what lies between rows is as it was. */
static void
assert_inverted (const Frame *frame, guint seed, guint8 between)
{
  g_autofree guint8 *was = g_malloc (FRAME_BYTES);
  guint p, y, x;

  cuda_test_fill (was, FRAME_BYTES, seed);
  for (p = 0; p < 3; p++) {
    const guint width = p == 0 ? WIDTH : WIDTH / 2;
    const gint stride = frame->memory.plane[p].stride;
    const gsize rows = frame->memory.plane[p].size / (gsize) stride;

    for (y = 0; y < rows; y++) {
      const guint8 *row = (guint8 *) frame->memory.plane[p].data + y * stride;
      const gsize at = (gsize) (row - frame->data);

      for (x = 0; x < width; x++)
        g_assert_cmpuint (row[x], ==, 255 - was[at + x]);
      for (; x < (guint) stride && between != 0; x++)
        g_assert_cmpuint (row[x], ==, between);
    }
  }
}

typedef enum
{
  PAGEABLE,
  PINNED
} Where;

/* Sends frames through `invert` and checks every byte. */
static RingMetrics *
invert_frames (RingTransfer transfer, RingExecutionMode mode, Where where,
    gboolean in_place)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingFormat) format =
      ring_format_new_video (RING_VIDEO_FORMAT_I420, WIDTH, HEIGHT);
  g_autoptr (GError) error = NULL;
  Frame in[N_FRAMES], out[N_FRAMES];
  guint8 *memory[2 * N_FRAMES];
  CudaOutcomes outcomes = { 0 };
  RingMetrics *m;
  guint i;

  config->transfer = transfer;
  config->mode = mode;
  runtime = cuda_test_runtime (config);
  kernel = cuda_test_start (runtime, "invert", NULL);
  ring_kernel_set_format (kernel, format, &error);
  g_assert_no_error (error);

  for (i = 0; i < 2 * N_FRAMES; i++) {
    memory[i] = where == PINNED
        ? ring_runtime_alloc (runtime, FRAME_BYTES, &error)
        : g_malloc (FRAME_BYTES);
    g_assert_no_error (error);
    memset (memory[i], 0xee, FRAME_BYTES);
  }
  for (i = 0; i < N_FRAMES; i++) {
    RingSubmission submission = { .n_outputs = 1,
      .pts = RING_TIME_NONE,
      .duration = RING_TIME_NONE,
      .completed = cuda_test_completed,
      .user_data = &outcomes };

    frame_init (&in[i], memory[2 * i]);
    frame_init (&out[i], memory[2 * i + 1]);
    cuda_test_fill (memory[2 * i], FRAME_BYTES, i);
    submission.input = in[i].memory;
    submission.outputs = in_place ? &in[i].memory : &out[i].memory;
    ring_kernel_submit (kernel, &submission, &error);
    g_assert_no_error (error);
  }
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (outcomes.done, ==, N_FRAMES);
  for (i = 0; i < N_FRAMES; i++) {
    assert_inverted (in_place ? &in[i] : &out[i], i, in_place ? 0 : 0xee);
    if (!in_place)
      cuda_test_assert_filled (memory[2 * i], FRAME_BYTES, i);
  }
  ring_test_assert_accounts (kernel, N_FRAMES, N_FRAMES, 0, 0);
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->total_max, >=, m->kernel_max);
  g_clear_object (&kernel);
  for (i = 0; i < 2 * N_FRAMES; i++) {
    if (where == PINNED)
      ring_runtime_free (runtime, memory[i]);
    else
      g_free (memory[i]);
  }
  g_clear_object (&runtime);
  cuda_test_assert_nothing_live ();
  return m;
}

static void
test_every_way_gives_the_same_bytes (void)
{
  static const RingExecutionMode modes[] = { RING_EXECUTION_EVENT_DRIVEN,
    RING_EXECUTION_PERSISTENT };
  guint transfer, mode, where, in_place, driver;

  /* With and without what a driver may lack. */
  for (driver = 0; driver < 2; driver++) {
    fake.set ("STREAM_MEMOPS", driver == 0);
    fake.set ("MEMORY_POOLS", driver == 0);
    for (transfer = RING_TRANSFER_AUTO; transfer <= RING_TRANSFER_STAGED;
         transfer++) {
      for (mode = 0; mode < G_N_ELEMENTS (modes); mode++) {
        for (where = PAGEABLE; where <= PINNED; where++) {
          for (in_place = 0; in_place < 2; in_place++) {
            g_autoptr (RingMetrics) m = invert_frames (transfer, modes[mode],
                where, (gboolean) in_place);

            g_assert_cmpint (m->mode, ==, modes[mode]);
          }
        }
      }
    }
  }
}

/* Rows that are far apart, of a frame that fits into a slot. */
static void
test_small_frame_of_far_rows_stays_in_its_slot (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingFormat) format =
      ring_format_new_video (RING_VIDEO_FORMAT_GRAY8, 15, 17);
  g_autoptr (GError) error = NULL;
  guint8 in[17 * 64], out[17 * 64];
  CudaOutcomes outcomes = { 0 };
  guint i, x, y;

  /* One slot: what lies behind it are the parameters. */
  config->queue_capacity = 1;
  config->mode = RING_EXECUTION_EVENT_DRIVEN;
  runtime = cuda_test_runtime (config);
  kernel = cuda_test_start (runtime, "invert", NULL);
  ring_kernel_set_format (kernel, format, &error);
  g_assert_no_error (error);
  for (i = 0; i < 3; i++) {
    RingMemory to;
    RingSubmission submission = { .outputs = &to,
      .n_outputs = 1,
      .pts = RING_TIME_NONE,
      .duration = RING_TIME_NONE,
      .completed = cuda_test_completed,
      .user_data = &outcomes };

    cuda_test_fill (in, sizeof in, i);
    memset (out, 0xee, sizeof out);
    cuda_test_memory (&submission.input, in, sizeof in);
    cuda_test_memory (&to, out, sizeof out);
    submission.input.plane[0].stride = to.plane[0].stride = 64;
    ring_kernel_submit (kernel, &submission, &error);
    g_assert_no_error (error);
    ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
    g_assert_no_error (error);
    for (y = 0; y < 17; y++)
      for (x = 0; x < 64; x++)
        g_assert_cmpuint (out[y * 64 + x], ==,
            x < 15 ? 255 - in[y * 64 + x] : 0xee);
  }
  g_assert_cmpint (outcomes.done, ==, 3);
}

static void
test_mapped_pinned_memory_is_not_copied (void)
{
  const guint in = fake.calls ("cuMemcpyHtoDAsync_v2");
  const guint in_2d = fake.calls ("cuMemcpy2DAsync_v2");
  g_autoptr (RingMetrics) m = invert_frames (RING_TRANSFER_MAPPED,
      RING_EXECUTION_PERSISTENT, PINNED, FALSE);

  g_assert_cmpuint (m->bytes_copied, ==, 0);
  g_assert_cmpuint (fake.calls ("cuMemcpyHtoDAsync_v2"), ==, in);
  g_assert_cmpuint (fake.calls ("cuMemcpy2DAsync_v2"), ==, in_2d);
}

static void
test_staged_pinned_memory_is_copied_by_the_engines_alone (void)
{
  const gsize pixels = WIDTH * HEIGHT + 2 * (WIDTH / 2) * ((HEIGHT + 1) / 2);
  g_autoptr (RingMetrics) m = invert_frames (RING_TRANSFER_STAGED,
      RING_EXECUTION_PERSISTENT, PINNED, FALSE);

  /* Once there and once back. */
  g_assert_cmpuint (m->bytes_copied, ==, N_FRAMES * 2 * pixels);
}

/* A foreign stream that is still writing the input when it is submitted. */
static void
test_device_memory_of_a_busy_stream (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *source = g_malloc (100000);
  g_autofree guint8 *result = g_malloc (100000);
  CUdeviceptr in[6], out[6];
  CudaOutcomes outcomes = { 0 };
  CUcontext context;
  CUstream stream;
  guint i;

  runtime = cuda_test_runtime (config);
  kernel = cuda_test_start (runtime, "copy", NULL);
  context = ring_runtime_get_cuda_context (runtime);
  CUDA_CALL (cuCtxPushCurrent_v2, context);
  /* As older GStreamer makes them: not even non-blocking. */
  CUDA_CALL (cuStreamCreate, &stream, CU_STREAM_DEFAULT);
  for (i = 0; i < 6; i++) {
    CUDA_CALL (cuMemAlloc_v2, &in[i], 100000);
    CUDA_CALL (cuMemAlloc_v2, &out[i], 100000);
  }
  for (i = 0; i < 6; i++) {
    RingMemory to;
    RingSubmission submission = { .outputs = &to,
      .n_outputs = 1,
      .pts = RING_TIME_NONE,
      .duration = RING_TIME_NONE,
      .input_on_device = TRUE,
      .outputs_on_device = TRUE,
      .input_stream = stream,
      .output_stream = i % 2 ? stream : NULL,
      .completed = cuda_test_completed,
      .user_data = &outcomes };

    cuda_test_fill (source, 100000, i);
    /* Pageable memory: copied away before the call returns. */
    CUDA_CALL (cuMemcpyHtoDAsync_v2, in[i], source, 100000, stream);
    cuda_test_memory (&submission.input, (gpointer) (guintptr) in[i], 100000);
    cuda_test_memory (&to, (gpointer) (guintptr) out[i], 100000);
    ring_kernel_submit (kernel, &submission, &error);
    g_assert_no_error (error);
  }
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (outcomes.done, ==, 6);
  for (i = 0; i < 6; i++) {
    CUDA_CALL (cuMemcpyDtoH_v2, result, out[i], 100000);
    cuda_test_assert_filled (result, 100000, i);
  }
  {
    g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

    g_assert_cmpuint (m->bytes_copied, ==, 0);
  }
  g_clear_object (&kernel);
  for (i = 0; i < 6; i++) {
    CUDA_CALL (cuMemFree_v2, in[i]);
    CUDA_CALL (cuMemFree_v2, out[i]);
  }
  CUDA_CALL (cuStreamDestroy_v2, stream);
  CUDA_CALL (cuCtxPopCurrent_v2, &context);
  g_clear_object (&runtime);
  cuda_test_assert_nothing_live ();
}

/* One side on the device, the other in the host's memory. */
static void
test_sides_are_independent (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  guint staged, device_in;

  for (staged = 0; staged < 2; staged++) {
    for (device_in = 0; device_in < 2; device_in++) {
      g_autoptr (RingRuntime) runtime = NULL;
      g_autoptr (RingKernel) kernel = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree guint8 *host = g_malloc (5000);
      CudaOutcomes outcomes = { 0 };
      CUdeviceptr device;
      CUcontext context;
      RingMemory to;
      RingSubmission submission = { .outputs = &to,
        .n_outputs = 1,
        .pts = RING_TIME_NONE,
        .duration = RING_TIME_NONE,
        .input_on_device = device_in,
        .outputs_on_device = !device_in,
        .completed = cuda_test_completed,
        .user_data = &outcomes };

      config->transfer = staged ? RING_TRANSFER_STAGED : RING_TRANSFER_MAPPED;
      runtime = cuda_test_runtime (config);
      kernel = cuda_test_start (runtime, "copy", NULL);
      context = ring_runtime_get_cuda_context (runtime);
      CUDA_CALL (cuCtxPushCurrent_v2, context);
      CUDA_CALL (cuMemAlloc_v2, &device, 5000);
      cuda_test_fill (host, 5000, 4);
      if (device_in) {
        CUDA_CALL (cuMemcpyHtoD_v2, device, host, 5000);
        memset (host, 0, 5000);
      }
      cuda_test_memory (&submission.input,
          device_in ? (gpointer) (guintptr) device : host, 5000);
      cuda_test_memory (&to, device_in ? host : (gpointer) (guintptr) device,
          5000);
      ring_kernel_submit (kernel, &submission, &error);
      g_assert_no_error (error);
      ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpint (outcomes.done, ==, 1);
      if (!device_in) {
        memset (host, 0, 5000);
        CUDA_CALL (cuMemcpyDtoH_v2, host, device, 5000);
      }
      cuda_test_assert_filled (host, 5000, 4);
      g_clear_object (&kernel);
      CUDA_CALL (cuMemFree_v2, device);
      CUDA_CALL (cuCtxPopCurrent_v2, &context);
    }
  }
}

static void
test_device_memory_for_the_cpu_is_refused (void)
{
  g_autoptr (RingConfig) config = ring_config_new ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (GError) error = NULL;
  guint8 bytes[32];
  CudaOutcomes outcomes = { 0 };
  RingMemory memory;
  RingSubmission submission = { .outputs = &memory,
    .n_outputs = 1,
    .input_on_device = TRUE,
    .completed = cuda_test_completed,
    .user_data = &outcomes };

  config->backend = RING_BACKEND_CPU;
  runtime = cuda_test_runtime (config);
  kernel = cuda_test_start (runtime, "copy", NULL);
  cuda_test_memory (&memory, bytes, sizeof bytes);
  submission.input = memory;
  g_assert_false (ring_kernel_submit (kernel, &submission, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "GPU's memory");
}

static CUstream
stream_that_is_gone (RingRuntime *runtime)
{
  CUcontext context = ring_runtime_get_cuda_context (runtime);
  CUstream gone;

  CUDA_CALL (cuCtxPushCurrent_v2, context);
  CUDA_CALL (cuStreamCreate, &gone, CU_STREAM_NON_BLOCKING);
  CUDA_CALL (cuStreamDestroy_v2, gone);
  CUDA_CALL (cuCtxPopCurrent_v2, &context);
  return gone;
}

/* What cannot be waited for is refused, and the handle goes on. */
static void
test_stream_that_cannot_be_followed (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  g_autoptr (RingKernel) kernel = cuda_test_start (runtime, "copy", NULL);
  g_autoptr (GError) error = NULL;
  CudaOutcomes outcomes = { 0 };
  guint8 in[400], out[400];
  RingMemory to;
  RingSubmission submission = { .outputs = &to,
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = cuda_test_completed,
    .user_data = &outcomes };

  cuda_test_fill (in, sizeof in, 1);
  cuda_test_memory (&submission.input, in, sizeof in);
  cuda_test_memory (&to, out, sizeof out);
  submission.input_stream = stream_that_is_gone (runtime);
  g_assert_false (ring_kernel_submit (kernel, &submission, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "stream", "copy");
  submission.input_stream = NULL;
  ring_kernel_submit (kernel, &submission, &error);
  g_assert_no_error (error);
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  cuda_test_assert_filled (out, sizeof out, 1);
  ring_test_assert_accounts (kernel, 1, 1, 0, 0);
}

typedef struct
{
  RingKernel *kernel;
  gint over;
} Drainer;

static gpointer
drain_again_and_again (gpointer data)
{
  Drainer *drainer = data;
  g_autoptr (GError) error = NULL;

  while (!g_atomic_int_get (&drainer->over)) {
    ring_kernel_drain (drainer->kernel, RING_TEST_WAIT, NULL, &error);
    g_assert_no_error (error);
  }
  return NULL;
}

/* Between its acceptance and its refusal, a message is one that others wait for. */
static void
test_who_drains_does_not_wait_for_what_is_refused (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = cuda_test_runtime (config);
  g_autoptr (RingKernel) kernel = cuda_test_start (runtime, "copy", NULL);
  Drainer drainer = { kernel, 0 };
  CudaOutcomes outcomes = { 0 };
  guint8 in[400], out[400];
  GThread *thread;
  RingMemory to;
  RingSubmission submission = { .outputs = &to,
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = cuda_test_completed,
    .user_data = &outcomes };
  guint i;

  cuda_test_fill (in, sizeof in, 1);
  cuda_test_memory (&submission.input, in, sizeof in);
  cuda_test_memory (&to, out, sizeof out);
  submission.input_stream = stream_that_is_gone (runtime);
  thread = g_thread_new ("drainer", drain_again_and_again, &drainer);
  for (i = 0; i < 20000; i++)
    g_assert_false (ring_kernel_submit (kernel, &submission, NULL));
  g_atomic_int_set (&drainer.over, 1);
  g_thread_join (thread);
  ring_test_assert_accounts (kernel, 0, 0, 0, 0);
}

/* The sizes of messages differ, and blocks are used again. */
static void
test_memory_does_not_grow_with_messages (void)
{
  g_autoptr (RingConfig) config = cuda_test_config ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  RingFakeLive before, after;
  guint i;

  config->transfer = RING_TRANSFER_STAGED;
  runtime = cuda_test_runtime (config);
  kernel = cuda_test_start (runtime, "copy", NULL);
  for (i = 0; i < 300; i++) {
    g_autoptr (RingMessage) message =
        ring_test_message (300 + i * 37 % 3000, i);
    g_autoptr (RingMessage) reply = NULL;
    g_autoptr (GError) error = NULL;

    reply = ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, &error);
    g_assert_no_error (error);
    g_assert_true (ring_test_same_payload (message, reply));
    if (i == 150)
      fake.live (&before);
  }
  fake.live (&after);
  g_assert_cmpuint (after.device_bytes, ==, before.device_bytes);
  g_assert_cmpuint (after.events, ==, before.events);
  g_assert_cmpuint (after.pinned_bytes, ==, before.pinned_bytes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!cuda_test_load ()) {
    g_print ("1..0 # SKIP needs the stand-in driver\n");
    return 0;
  }
  cuda_test_add ("/transfer/every-way", test_every_way_gives_the_same_bytes);
  cuda_test_add ("/transfer/small-frame-of-far-rows",
      test_small_frame_of_far_rows_stays_in_its_slot);
  cuda_test_add ("/transfer/mapped-pinned",
      test_mapped_pinned_memory_is_not_copied);
  cuda_test_add ("/transfer/staged-pinned",
      test_staged_pinned_memory_is_copied_by_the_engines_alone);
  cuda_test_add ("/transfer/device/busy-stream",
      test_device_memory_of_a_busy_stream);
  cuda_test_add ("/transfer/device/one-side", test_sides_are_independent);
  cuda_test_add ("/transfer/device/on-the-cpu",
      test_device_memory_for_the_cpu_is_refused);
  cuda_test_add ("/transfer/device/stream-that-is-gone",
      test_stream_that_cannot_be_followed);
  cuda_test_add ("/transfer/device/refused-beside-a-drain",
      test_who_drains_does_not_wait_for_what_is_refused);
  cuda_test_add ("/transfer/memory-does-not-grow",
      test_memory_does_not_grow_with_messages);
  return ring_test_run ();
}
