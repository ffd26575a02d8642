/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ring-test.h: what the tests of the runtime share.
 *
 * Every wait is bounded: by a time-out of the call itself, by RING_TEST_WAIT, or
 * for anything that goes wrong beyond that by the alarm of ring_test_run().
 */
#ifndef RING_TEST_H
#define RING_TEST_H

#include <ringkernel/ringkernel.h>
#include <dlfcn.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* us; far more than anything here takes. */
#define RING_TEST_WAIT (60 * G_USEC_PER_SEC)

static const RingExecutionMode ring_test_modes[] = { RING_EXECUTION_INLINE,
  RING_EXECUTION_EVENT_DRIVEN, RING_EXECUTION_PERSISTENT };

static inline const gchar *
ring_test_nick (GType type, gint value)
{
  GEnumClass *c = g_type_class_ref (type);
  GEnumValue *v = g_enum_get_value (c, value);
  const gchar *nick = v ? v->value_nick : "?";

  g_type_class_unref (c); /* static types keep their strings */
  return nick;
}

#define ring_test_mode_nick(mode) \
  ring_test_nick (RING_TYPE_EXECUTION_MODE, mode)
#define ring_test_status_nick(status) \
  ring_test_nick (RING_TYPE_KERNEL_STATUS, status)

/* The suite runs on the backend that RING_TEST_BACKEND names, else on cpu. */
static inline RingBackendType
ring_test_backend (void)
{
  return g_strcmp0 (g_getenv ("RING_TEST_BACKEND"), "cuda") == 0
      ? RING_BACKEND_CUDA
      : RING_BACKEND_CPU;
}

/* With RING_TEST_KEEP_CONTEXT the device's primary context stays for as long as the
 * program runs. A GPU needs some tenths of a second to make one, and hundreds of tests
 * make and drop a runtime each. */
__attribute__ ((constructor)) static inline void
ring_test_keep_context (void)
{
  gint (*init) (guint flags);
  gint (*retain) (gpointer * context, gint device);
  gpointer driver, context;

  if (!g_getenv ("RING_TEST_KEEP_CONTEXT"))
    return;
  driver = dlopen ("libcuda.so.1", RTLD_NOW);
  if (!driver)
    return;
  *(gpointer *) &init = dlsym (driver, "cuInit");
  *(gpointer *) &retain = dlsym (driver, "cuDevicePrimaryCtxRetain");
  if (init && retain && init (0) == 0)
    retain (&context, 0);
}

/* The one mode that RING_TEST_MODE names; auto: it is not set. */
static inline RingExecutionMode
ring_test_only_mode (void)
{
  const gchar *wanted = g_getenv ("RING_TEST_MODE");
  gsize i;

  if (!wanted)
    return RING_EXECUTION_AUTO;
  for (i = 0; i < G_N_ELEMENTS (ring_test_modes); i++) {
    if (strcmp (wanted, ring_test_mode_nick (ring_test_modes[i])) == 0)
      return ring_test_modes[i];
  }
  g_error ("RING_TEST_MODE is '%s'; it must be inline, event-driven or "
           "persistent",
      wanted);
}

/* Whether tests run in @mode; nothing runs inline on a device. */
static inline gboolean
ring_test_has_mode (RingExecutionMode mode)
{
  const RingExecutionMode only = ring_test_only_mode ();

  if (only != RING_EXECUTION_AUTO && mode != only)
    return FALSE;
  return mode != RING_EXECUTION_INLINE
      || ring_test_backend () == RING_BACKEND_CPU;
}

/* For tests that need kernel and test to share their addresses: on the cpu, and on
 * a stand-in for a device, which RING_TEST_SHARED_ADDRESSES says. */
static inline gboolean
ring_test_skip_unless_cpu (void)
{
  if (ring_test_backend () == RING_BACKEND_CPU
      || g_getenv ("RING_TEST_SHARED_ADDRESSES"))
    return FALSE;
  g_test_skip ("needs kernels that see the test's own memory: cpu only");
  return TRUE;
}

/* Tests that do not care take the mode of this run: those that ask for auto, and
 * on a device those that ask for inline. */
static inline RingConfig *
ring_test_config (RingExecutionMode mode)
{
  RingConfig *config = ring_config_new ();

  config->backend = ring_test_backend ();
  config->mode = mode == RING_EXECUTION_AUTO
          || (mode == RING_EXECUTION_INLINE
              && config->backend != RING_BACKEND_CPU)
      ? ring_test_only_mode ()
      : mode;
  return config;
}

/* The directory of the tests' sources. */
static inline gchar *
ring_test_source_dir (void)
{
  const gchar *dir = g_getenv ("G_TEST_SRCDIR");

  if (dir)
    return g_strdup (dir);
#ifdef RING_TEST_SOURCE_DIR
  return g_strdup (RING_TEST_SOURCE_DIR);
#else
  return g_path_get_dirname (__FILE__);
#endif
}

/* The path of one of the tests' own kernels: built beforehand where
 * RING_TEST_KERNEL_DIR says so, for machines without a compiler, else its source. */
static inline gchar *
ring_test_kernel_path (const gchar *name)
{
  const gchar *built = g_getenv ("RING_TEST_KERNEL_DIR");
  g_autofree gchar *dir = ring_test_source_dir ();
  g_autofree gchar *file = NULL;

  if (built) {
    file = g_strdup_printf ("%s/%s.so", built, name);
    if (g_file_test (file, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&file);
    g_free (file);
  }
  file = g_strdup_printf ("%s.c", name);
  return g_build_filename (dir, "kernels", file, NULL);
}

static inline RingRuntime *
ring_test_runtime (void)
{
  RingConfig *config = ring_test_config (RING_EXECUTION_AUTO);
  g_autoptr (GError) error = NULL;
  RingRuntime *runtime = ring_runtime_new (config, &error);

  g_assert_no_error (error);
  ring_config_free (config);
  return runtime;
}

/* Launches the kernel @name: one of the tests' own where there is such a file,
 * else one of those that come with the library. @config is freed. */
static inline RingKernel *
ring_test_launch_with (RingConfig *config, const gchar *name, gint workers)
{
  g_autofree gchar *path = ring_test_kernel_path (name);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = ring_runtime_new (config, &error);
  RingKernel *kernel;

  g_assert_no_error (error);
  kernel = ring_runtime_launch (runtime,
      g_file_test (path, G_FILE_TEST_EXISTS) ? path : name,
      workers > 0 ? workers : -1, workers > 0 ? 1 : -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (kernel);
  ring_config_free (config);
  return kernel;
}

static inline RingKernel *
ring_test_launch (RingExecutionMode mode, const gchar *name, gint workers)
{
  return ring_test_launch_with (ring_test_config (mode), name, workers);
}

static inline void
ring_test_activate (RingKernel *kernel)
{
  g_autoptr (GError) error = NULL;

  ring_kernel_activate (kernel, &error);
  g_assert_no_error (error);
}

/* Launched and active. */
static inline RingKernel *
ring_test_start (RingExecutionMode mode, const gchar *name, gint workers)
{
  RingKernel *kernel = ring_test_launch (mode, name, workers);

  ring_test_activate (kernel);
  return kernel;
}

static inline void
ring_test_terminate (RingKernel *kernel, RingTerminateMode mode)
{
  g_autoptr (GError) error = NULL;

  ring_kernel_terminate (kernel, mode, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ring_kernel_get_status (kernel), ==, RING_KERNEL_TERMINATED);
}

/* What must hold at every moment, once messages do not move. */
static inline void
ring_test_assert_accounts (RingKernel *kernel, guint64 accepted,
    guint64 delivered, guint64 rejected, guint64 discarded)
{
  g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

  g_assert_cmpuint (m->accepted, ==, accepted);
  g_assert_cmpuint (m->delivered, ==, delivered);
  g_assert_cmpuint (m->rejected, ==, rejected);
  g_assert_cmpuint (m->discarded, ==, discarded);
  g_assert_cmpuint (m->in_flight, ==,
      accepted - delivered - rejected - discarded);
  g_assert_cmpuint (m->order_errors, ==, 0);
}

static inline void
ring_test_assert_balanced (RingKernel *kernel)
{
  g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

  g_assert_cmpuint (m->accepted, ==,
      m->delivered + m->rejected + m->discarded + m->in_flight);
  g_assert_cmpuint (m->order_errors, ==, 0);
}

/* Asserts domain and code, and that the message contains each of the texts
 * (ignoring case); then clears the error. */
static inline void G_GNUC_NULL_TERMINATED
ring_test_assert_error_says (GError **error, GQuark domain, gint code, ...)
{
  g_autofree gchar *line = NULL;
  g_autofree gchar *said = NULL;
  const gchar *text;
  va_list texts;

  g_assert_nonnull (*error);
  /* One line, and not too long a one, or it is no TAP. */
  line = g_strdelimit (g_strndup ((*error)->message, 1000), "\n", ' ');
  g_test_message ("%s", line);
  g_assert_error (*error, domain, code);
  said = g_ascii_strdown ((*error)->message, -1);
  va_start (texts, code);
  while ((text = va_arg (texts, const gchar *))) {
    g_autofree gchar *wanted = g_ascii_strdown (text, -1);

    if (!strstr (said, wanted))
      g_error ("'%s' does not mention '%s'", (*error)->message, text);
  }
  va_end (texts);
  /* One line without a final newline reads well behind "ERROR: ". */
  g_assert_false (g_str_has_suffix (said, "\n"));
  g_clear_error (error);
}

#define ring_test_assert_says(error, code, ...) \
  ring_test_assert_error_says (error, RING_ERROR, code, __VA_ARGS__, NULL)

/* A message of @size bytes that depend on @seed. */
static inline RingMessage *
ring_test_message (gsize size, guint seed)
{
  g_autofree guint8 *data = g_malloc (size + 1);
  gsize i;

  for (i = 0; i < size; i++)
    data[i] = (guint8) (i * 7 + i / 251 + seed * 31);
  return ring_message_new_from_data (data, size);
}

static inline gboolean
ring_test_same_payload (RingMessage *a, RingMessage *b)
{
  return g_bytes_equal (ring_message_get_payload (a),
      ring_message_get_payload (b));
}

static inline void
ring_test_send (RingKernel *kernel, RingMessage *message)
{
  g_autoptr (GError) error = NULL;

  ring_kernel_send (kernel, message, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
}

static inline RingMessage *
ring_test_receive (RingKernel *kernel)
{
  g_autoptr (GError) error = NULL;
  RingMessage *message =
      ring_kernel_receive (kernel, RING_TEST_WAIT, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (message);
  return message;
}

/* Nothing is there to receive, and nothing will be. */
static inline void
ring_test_assert_nothing_left (RingKernel *kernel)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMessage) message =
      ring_kernel_receive (kernel, 0, NULL, &error);

  g_assert_null (message);
  g_assert_nonnull (error);
}

/* Waits until @condition holds; fails the test if it never does. */
#define ring_test_wait_until(condition) \
  G_STMT_START \
  { \
    const gint64 until_ = g_get_monotonic_time () + RING_TEST_WAIT; \
    while (!(condition)) { \
      if (g_get_monotonic_time () > until_) \
        g_error ("%s:%d: never came true: %s", __FILE__, __LINE__, \
            #condition); \
      g_thread_yield (); \
    } \
  } \
  G_STMT_END

/* On a device a kernel that never ends keeps others away; once it has ended after
 * all, the device can be used again. */
static inline void
ring_test_wait_for_device (void)
{
  g_autoptr (RingRuntime) runtime = NULL;
  RingKernel *kernel = NULL;

  if (ring_test_backend () == RING_BACKEND_CPU)
    return;
  runtime = ring_test_runtime ();
  ring_test_wait_until (
      (kernel = ring_runtime_launch (runtime, "copy", -1, -1, NULL, NULL)));
  g_object_unref (kernel);
}

/* ---- a message held inside the kernel `gate` -------------------------------- */

typedef struct
{
  guint32 entered, open, left;
} RingTestGate;

static inline RingMessage *
ring_test_gate_message (RingTestGate *gate, guint seed)
{
  guint64 data[4] = { (guint64) (guintptr) gate, seed, seed, seed };

  return ring_message_new_from_data ((const guint8 *) data, sizeof (data));
}

/* The number that a message of `gate` carries. */
static inline guint
ring_test_gate_seed (RingMessage *message)
{
  gsize size;
  const guint64 *data =
      g_bytes_get_data (ring_message_get_payload (message), &size);

  g_assert_cmpuint (size, ==, 32);
  g_assert_cmpuint (data[1], ==, data[3]);
  return (guint) data[1];
}

static inline void
ring_test_gate_open (RingTestGate *gate)
{
  __atomic_store_n (&gate->open, 1, __ATOMIC_RELEASE);
}

#define ring_test_gate_wait_entered(gate) \
  ring_test_wait_until (__atomic_load_n (&(gate)->entered, __ATOMIC_ACQUIRE))
#define ring_test_gate_wait_left(gate) \
  ring_test_wait_until (__atomic_load_n (&(gate)->left, __ATOMIC_ACQUIRE))

/* Sends on a thread of its own, because in inline mode that thread is the one
 * that the gate holds. */
typedef struct
{
  RingKernel *kernel;
  RingMessage *message;
  GError *error;
  gboolean sent;
  GThread *thread;
} RingTestSender;

static inline gpointer
ring_test_sender_run (gpointer data)
{
  RingTestSender *s = data;

  s->sent =
      ring_kernel_send (s->kernel, s->message, RING_TEST_WAIT, NULL, &s->error);
  return NULL;
}

static inline void
ring_test_sender_start (RingTestSender *s, RingKernel *kernel,
    RingTestGate *gate)
{
  s->kernel = kernel;
  s->message = ring_test_gate_message (gate, 0);
  s->error = NULL;
  s->sent = FALSE;
  s->thread = g_thread_new ("sender", ring_test_sender_run, s);
  ring_test_gate_wait_entered (gate);
}

static inline void
ring_test_sender_join (RingTestSender *s)
{
  g_thread_join (s->thread);
  ring_message_unref (s->message);
}

/* ---- one test in every mode --------------------------------------------------- */

typedef void (*RingTestModeFunc) (RingExecutionMode mode);

typedef struct
{
  RingTestModeFunc func;
  RingExecutionMode mode;
} RingTestMode_;

static inline void
ring_test_run_mode_ (gconstpointer data)
{
  const RingTestMode_ *t = data;

  t->func (t->mode);
}

/* Adds @path/inline, @path/event-driven and @path/persistent, as far as there
 * are such modes here. */
static inline void
ring_test_add_modes (const gchar *path, RingTestModeFunc func)
{
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (ring_test_modes); i++) {
    g_autofree gchar *name = g_strdup_printf ("%s/%s", path,
        ring_test_mode_nick (ring_test_modes[i]));
    RingTestMode_ *t;

    if (!ring_test_has_mode (ring_test_modes[i]))
      continue;
    t = g_new (RingTestMode_, 1);
    t->func = func;
    t->mode = ring_test_modes[i];
    g_test_add_data_func_full (name, t, ring_test_run_mode_, g_free);
  }
}

/* Instead of g_test_run(): under an alarm, so that what hangs, ends. */
static inline int
ring_test_run (void)
{
  const gchar *limit = g_getenv ("RING_TEST_LIMIT");

  alarm (limit ? (guint) g_ascii_strtoull (limit, NULL, 10) : 280);
  return g_test_run ();
}

#endif /* RING_TEST_H */
