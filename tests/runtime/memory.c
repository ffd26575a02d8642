/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What happens when the system gives no memory, or no thread: an error, and
 * everything as it was. To see that, this program puts its own calloc,
 * aligned_alloc and pthread_create before the system's and lets them fail when it
 * wants to.
 */
/* for RTLD_NEXT */
#define _GNU_SOURCE
#include "ring-test.h"

#include <errno.h>
#include <pthread.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) \
    || !defined(__GLIBC__)
#define POSSIBLE FALSE
#else
#define POSSIBLE TRUE
#include <dlfcn.h>

/* GLib ends the process when an allocation of its own fails, the handle's object
 * among them, so only larger ones do; and only in the thread that asked for it. */
#define LARGE 16384

static __thread gint failing_at; /* counts down; 0: nothing fails */
static __thread gboolean no_threads;
static __thread gint failed;

static gboolean
fails (size_t size)
{
  if (failing_at == 0 || size < LARGE || --failing_at > 0)
    return FALSE;
  failed++;
  return TRUE;
}

extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_memalign (size_t alignment, size_t size);
void *calloc (size_t n, size_t size);
void *aligned_alloc (size_t alignment, size_t size);

void *
calloc (size_t n, size_t size)
{
  return fails (n * size) ? NULL : __libc_calloc (n, size);
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  return fails (size) ? NULL : __libc_memalign (alignment, size);
}

int
pthread_create (pthread_t *thread, const pthread_attr_t *attributes,
    void *(*start) (void *), void *argument)
{
  static int (
      *real) (pthread_t *, const pthread_attr_t *, void *(*) (void *), void *);

  if (no_threads)
    return EAGAIN;
  if (!real)
    *(void **) &real = dlsym (RTLD_NEXT, "pthread_create");
  return real (thread, attributes, start, argument);
}
#endif

static gboolean
skipped (void)
{
#if POSSIBLE
  if (ring_test_backend () == RING_BACKEND_CPU)
    return FALSE;
  g_test_skip ("on a device, memory is the driver's");
  return TRUE;
#else
  g_test_skip ("needs an allocator that can be made to fail");
  return TRUE;
#endif
}

#if POSSIBLE
static void
assert_works (RingKernel *kernel)
{
  g_autoptr (RingMessage) message = ring_test_message (20000, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMessage) reply = NULL;

  if (ring_kernel_get_status (kernel) == RING_KERNEL_LAUNCHED)
    ring_test_activate (kernel);
  reply = ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (ring_test_same_payload (message, reply));
}
#endif

/* Every large allocation of a launch fails once, each in a launch of its own. */
static void
test_launch_without_memory (RingExecutionMode mode)
{
  if (skipped ())
    return;
#if POSSIBLE
  g_autoptr (RingConfig) config = ring_test_config (mode);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  gint i;

  config->queue_capacity = 8192;
  runtime = ring_runtime_new (config, &error);
  g_assert_no_error (error);
  for (i = 1; i < 100 && !kernel; i++) {
    failed = 0;
    failing_at = i;
    kernel = ring_runtime_launch (runtime, "copy", 2, 1, NULL, &error);
    failing_at = 0;
    if (!kernel)
      ring_test_assert_says (&error, RING_ERROR_NO_MEMORY, "no memory",
          "queue-capacity");
    g_assert_cmpint (failed, ==, kernel == NULL);
  }
  g_assert_nonnull (kernel);
  /* Entries, outputs, their sizes, sets, and the rings at the least. */
  g_assert_cmpint (i, >, 5);
  assert_works (kernel);
#endif
}

/* A kernel of records has its state at the launch, when its threads are there already:
 * they end before what they use is freed. */
static void
test_launch_without_memory_for_state (RingExecutionMode mode)
{
  if (skipped ())
    return;
#if POSSIBLE
  g_autoptr (RingConfig) config = ring_test_config (mode);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  gint i, without_state = 0;

  runtime = ring_runtime_new (config, &error);
  g_assert_no_error (error);
  for (i = 1; i < 100 && !kernel; i++) {
    failing_at = i;
    kernel =
        ring_runtime_launch (runtime, "moving-average", 2, 1, NULL, &error);
    failing_at = 0;
    if (!kernel) {
      without_state += strstr (error->message, "state") != NULL;
      ring_test_assert_says (&error, RING_ERROR_NO_MEMORY, "no memory");
    }
  }
  g_assert_nonnull (kernel);
  g_assert_cmpint (without_state, >, 0);
#endif
}

static void
test_format_without_memory (RingExecutionMode mode)
{
  if (skipped ())
    return;
#if POSSIBLE
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "temporal-denoise", 1);
  g_autoptr (RingFormat) first =
      ring_format_new_video (RING_VIDEO_FORMAT_GRAY8, 8, 8);
  g_autoptr (RingFormat) second =
      ring_format_new_video (RING_VIDEO_FORMAT_RGB, 100, 100);
  g_autoptr (RingFormat) format = NULL;
  g_autoptr (GError) error = NULL;

  ring_kernel_set_format (kernel, first, &error);
  g_assert_no_error (error);
  failing_at = 1;
  g_assert_false (ring_kernel_set_format (kernel, second, &error));
  failing_at = 0;
  ring_test_assert_says (&error, RING_ERROR_NO_MEMORY, "temporal-denoise");
  ring_kernel_set_format (kernel, second, &error);
  g_assert_no_error (error);
  format = ring_kernel_get_input_format (kernel);
  g_assert_true (ring_format_equal (format, second));
#endif
}

/* A message for which there is no memory is not accepted, and the next one is. */
static void
test_send_without_memory (RingExecutionMode mode)
{
  if (skipped ())
    return;
#if POSSIBLE
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 1);
  g_autoptr (RingMessage) large = ring_test_message (60000, 1);
  g_autoptr (RingMetrics) m = NULL;
  g_autoptr (GError) error = NULL;
  guint i;

  for (i = 0; i < 3; i++) {
    failed = 0;
    failing_at = 1;
    g_assert_false (ring_kernel_send (kernel, large, 0, NULL, &error));
    failing_at = 0;
    g_assert_cmpint (failed, ==, 1);
    ring_test_assert_says (&error, RING_ERROR_NO_MEMORY, "60000");
  }
  ring_test_assert_accounts (kernel, 0, 0, 0, 0);
  assert_works (kernel);
  ring_test_assert_accounts (kernel, 1, 1, 0, 0);
  m = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (m->refused, ==, 3);
#endif
}

#if POSSIBLE
static void
ignore_completion (RingKernel *kernel, const RingCompletion *completion,
    gpointer user_data)
{
  (void) kernel;
  (void) completion;
  (void) user_data;
}
#endif

static void
test_submit_without_memory (RingExecutionMode mode)
{
  if (skipped ())
    return;
#if POSSIBLE
  g_autoptr (RingKernel) kernel = ring_test_launch (mode, "negate-audio", 1);
  g_autoptr (RingFormat) format =
      ring_format_new_audio (RING_AUDIO_FORMAT_S16LE, 8000, 1);
  g_autoptr (GError) error = NULL;
  static gint16 to[20000];
  static guint8 from[40001];
  RingMemory output = { .n_planes = 1,
    .size = 40000,
    .plane = { { to, 0, 40000 } } };
  RingSubmission submission = {
    /* At an odd address, so that it has to be copied. */
    .input = { .n_planes = 1,
        .size = 40000,
        .plane = { { from + 1, 0, 40000 } } },
    .outputs = &output,
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = ignore_completion,
  };

  ring_kernel_set_format (kernel, format, &error);
  g_assert_no_error (error);
  ring_test_activate (kernel);
  failing_at = 1;
  g_assert_false (ring_kernel_submit (kernel, &submission, &error));
  failing_at = 0;
  ring_test_assert_says (&error, RING_ERROR_NO_MEMORY, "40000");
  ring_test_assert_accounts (kernel, 0, 0, 0, 0);
  ring_kernel_submit (kernel, &submission, &error);
  g_assert_no_error (error);
  g_assert_true (ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, NULL));
#endif
}

static void
test_launch_without_threads (void)
{
  if (skipped ())
    return;
#if POSSIBLE
  g_autoptr (RingConfig) config = ring_test_config (RING_EXECUTION_PERSISTENT);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = ring_runtime_new (config, &error);
  g_autoptr (RingKernel) kernel = NULL;

  g_assert_no_error (error);
  no_threads = TRUE;
  kernel = ring_runtime_launch (runtime, "copy", 3, 1, NULL, &error);
  no_threads = FALSE;
  g_assert_null (kernel);
  ring_test_assert_says (&error, RING_ERROR_FAILED, "no thread", "copy");
  kernel = ring_runtime_launch (runtime, "copy", 3, 1, NULL, &error);
  g_assert_no_error (error);
  assert_works (kernel);
#endif
}

/* That nobody can look on is no reason to fail. */
static void
test_publish_without_a_thread (void)
{
  if (skipped ())
    return;
#if POSSIBLE
  g_autoptr (RingConfig) config = ring_test_config (RING_EXECUTION_INLINE);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = ring_runtime_new (config, &error);
  g_autoptr (RingKernel) kernel = NULL;

  g_assert_no_error (error);
  if (ring_test_backend () != RING_BACKEND_CPU) {
    g_test_skip ("without threads there is no handle on a device");
    return;
  }
  config->publish = TRUE;
  g_unsetenv ("RINGKERNEL_TOP");
  g_test_expect_message ("ringkernel", G_LOG_LEVEL_WARNING,
      "*cannot look at this process: no thread*");
  no_threads = TRUE;
  kernel = ring_runtime_launch (runtime, "copy", 1, 1, config, &error);
  no_threads = FALSE;
  g_assert_no_error (error);
  g_test_assert_expected_messages ();
  assert_works (kernel);
#endif
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ring_test_add_modes ("/memory/launch-without", test_launch_without_memory);
  ring_test_add_modes ("/memory/launch-without-state",
      test_launch_without_memory_for_state);
  ring_test_add_modes ("/memory/format-without", test_format_without_memory);
  ring_test_add_modes ("/memory/send-without", test_send_without_memory);
  ring_test_add_modes ("/memory/submit-without", test_submit_without_memory);
  g_test_add_func ("/threads/launch-without", test_launch_without_threads);
  g_test_add_func ("/threads/publish-without", test_publish_without_a_thread);
  return ring_test_run ();
}
