/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * neighbours-context.c: other software in the process and in the CUDA context of a
 * resident kernel: calls that may wait for everything that runs there, a second
 * kernel, and the memory that is there afterwards.
 */
#include "neighbours.h"

/* A round of a neighbour, and of the kernel beside it, at the least. */
#define MIN_ROUNDS 50
#define MIN_MESSAGES 200
/* us; and at least this long, so that some leases end meanwhile. */
#define MIN_TIME (G_USEC_PER_SEC / 2)
#define CYCLES 50

/* ---- calls of the driver --------------------------------------------------------- */

typedef struct _Neighbour Neighbour;

struct _Neighbour
{
  void (*round) (const Neighbour *n, guint i);
  CUcontext context;
  CUdeviceptr memory;  /* 4096 bytes */
  gconstpointer image; /* of a module */
  gint rounds, quit;   /* atomic */
  gint64 total, worst; /* us */
};

static void
round_alloc_free (const Neighbour *n, guint i)
{
  CUdeviceptr memory;

  (void) n;
  CUDA_CALL (cuMemAlloc_v2, &memory, (gsize) (1 + i % 4) << 20);
  CUDA_CALL (cuMemFree_v2, memory);
}

static void
round_module (const Neighbour *n, guint i)
{
  CUmodule module;

  (void) i;
  CUDA_CALL (cuModuleLoadData, &module, n->image);
  CUDA_CALL (cuModuleUnload, module);
}

/* As plugins do that know of no other stream. */
static void
round_default_stream (const Neighbour *n, guint i)
{
  const guint8 set = (guint8) i, copied = (guint8) ~set;
  guint8 bytes[4096];
  gsize k;

  CUDA_CALL (cuMemsetD8_v2, n->memory, set, sizeof (bytes));
  memset (bytes, copied, sizeof (bytes) / 2);
  CUDA_CALL (cuMemcpyHtoD_v2, n->memory, bytes, sizeof (bytes) / 2);
  CUDA_CALL (cuStreamSynchronize, NULL);
  CUDA_CALL (cuMemcpyDtoH_v2, bytes, n->memory, sizeof (bytes));
  for (k = 0; k < sizeof (bytes); k++)
    g_assert_cmpuint (bytes[k], ==, k < sizeof (bytes) / 2 ? copied : set);
}

static void
neighbour_rounds (Neighbour *n, guint least)
{
  guint i;

  CUDA_CALL (cuCtxPushCurrent_v2, n->context);
  CUDA_CALL (cuMemAlloc_v2, &n->memory, 4096);
  for (i = 0; i < least || !g_atomic_int_get (&n->quit); i++) {
    const gint64 before = g_get_monotonic_time ();
    gint64 took;

    n->round (n, i);
    took = g_get_monotonic_time () - before;
    n->total += took;
    n->worst = MAX (n->worst, took);
    g_atomic_int_inc (&n->rounds);
  }
  CUDA_CALL (cuMemFree_v2, n->memory);
  CUDA_CALL (cuCtxPopCurrent_v2, &n->context);
}

static gpointer
neighbour_thread (gpointer data)
{
  neighbour_rounds (data, 0);
  return NULL;
}

/* Without the kernel first, to have something to compare it with. */
static void
beside_a_resident_kernel (const gchar *name,
    void (*round) (const Neighbour *n, guint i), gconstpointer image)
{
  g_autoptr (RingConfig) config = neighbours_config (RING_EXECUTION_PERSISTENT);
  g_autoptr (RingRuntime) runtime = neighbours_runtime (config);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMetrics) m = NULL;
  Neighbour alone = { .image = image, .round = round, .quit = 1 };
  Neighbour beside = { .image = image, .round = round };
  NeighboursLoad load;
  GThread *thread;
  guint before;

  alone.context = beside.context = ring_runtime_get_cuda_context (runtime);
  neighbour_rounds (&alone, MIN_ROUNDS);
  kernel = neighbours_resident (runtime);
  if (!kernel)
    return;
  load_begin (&load, kernel);
  before = load.received;
  thread = g_thread_new ("neighbour", neighbour_thread, &beside);
  while (g_atomic_int_get (&beside.rounds) < MIN_ROUNDS
      || load.received < before + MIN_MESSAGES
      || load.last < load.begun + MIN_TIME) {
    load_turn (&load);
    if (load.last > load.begun + RING_TEST_WAIT)
      g_error ("only %d rounds of %s beside %u messages",
          g_atomic_int_get (&beside.rounds), name, load.received - before);
  }
  report (load_rate (&load, before), "messages/s", "%s/kernel", name);
  report ((gdouble) load.worst, "us", "%s/kernel-worst-stall", name);
  g_atomic_int_set (&beside.quit, 1);
  g_thread_join (thread);
  load_end (&load);
  m = ring_kernel_get_metrics (kernel);
  report ((gdouble) m->relaunches, "relaunches", "%s/kernel-relaunches", name);
  report ((gdouble) alone.worst, "us", "%s/worst-stall-alone", name);
  report ((gdouble) beside.worst, "us", "%s/worst-stall", name);
  report ((gdouble) beside.total / beside.rounds, "us", "%s/mean", name);
  ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
}

static void
test_alloc_free (void)
{
  beside_a_resident_kernel ("alloc-free", round_alloc_free, NULL);
}

static void
test_default_stream (void)
{
  beside_a_resident_kernel ("default-stream", round_default_stream, NULL);
}

/* Some module that this device takes: one of the tests' own, or, as they may be for
 * another GPU, one that the driver has to compile. */
static gchar *
some_image (CUcontext context)
{
  static const gchar *const endings[] = { "fatbin", "cubin" };
  gchar *image = NULL;
  gboolean good = FALSE;
  gsize i;

  CUDA_CALL (cuCtxPushCurrent_v2, context);
  for (i = 0; i <= G_N_ELEMENTS (endings) && !good; i++) {
    CUmodule module;

    g_free (image);
    image = NULL;
    if (i < G_N_ELEMENTS (endings)) {
      const gchar *dir = g_getenv ("RING_TEST_KERNEL_DIR");
      g_autofree gchar *path =
          g_strdup_printf ("%s/emit.%s", dir ? dir : ".", endings[i]);

      if (!g_file_get_contents (path, &image, NULL, NULL))
        continue;
    } else {
      image = g_strdup (".version 6.4\n.target sm_70\n.address_size 64\n"
                        ".visible .entry nothing()\n{\n  ret;\n}\n");
    }
    good = CUDA_RESULT (cuModuleLoadData, &module, image) == CUDA_SUCCESS;
    if (good)
      CUDA_CALL (cuModuleUnload, module);
  }
  CUDA_CALL (cuCtxPopCurrent_v2, &context);
  if (!good)
    g_error ("no module to load: neither emit.fatbin nor emit.cubin in "
             "RING_TEST_KERNEL_DIR, nor PTX");
  return image;
}

static void
test_module (void)
{
  g_autoptr (RingConfig) config = neighbours_config (RING_EXECUTION_PERSISTENT);
  g_autoptr (RingRuntime) runtime = neighbours_runtime (config);
  g_autofree gchar *image =
      some_image (ring_runtime_get_cuda_context (runtime));

  beside_a_resident_kernel ("module-load", round_module, image);
}

/* ---- a second kernel ---------------------------------------------------------------- */

typedef struct
{
  NeighboursLoad load;
  gint messages, quit; /* atomic */
} Second;

static gpointer
second_thread (gpointer data)
{
  Second *s = data;

  while (!g_atomic_int_get (&s->quit)) {
    load_turn (&s->load);
    g_atomic_int_inc (&s->messages);
  }
  return NULL;
}

static void
test_second_kernel (void)
{
  g_autoptr (RingConfig) config = neighbours_config (RING_EXECUTION_PERSISTENT);
  g_autoptr (RingRuntime) first = neighbours_runtime (config);
  g_autoptr (RingRuntime) second = neighbours_runtime (config);
  g_autoptr (RingKernel) a = neighbours_resident (first);
  g_autoptr (RingKernel) b = a ? neighbours_resident (second) : NULL;
  Second other = { 0 };
  NeighboursLoad load;
  GThread *thread;
  guint before;

  if (!b)
    return;
  load_begin (&load, a);
  load_begin (&other.load, b);
  before = load.received;
  thread = g_thread_new ("second", second_thread, &other);
  while (g_atomic_int_get (&other.messages) < MIN_MESSAGES
      || load.received < before + MIN_MESSAGES
      || load.last < load.begun + MIN_TIME) {
    load_turn (&load);
    if (load.last > load.begun + RING_TEST_WAIT)
      g_error ("%u messages of one kernel beside %d of the other",
          load.received - before, g_atomic_int_get (&other.messages));
  }
  g_atomic_int_set (&other.quit, 1);
  g_thread_join (thread);
  report (load_rate (&load, before), "messages/s", "two-kernels/first");
  report (load_rate (&other.load, before), "messages/s", "two-kernels/second");
  report ((gdouble) load.worst, "us", "two-kernels/first-worst-stall");
  report ((gdouble) other.load.worst, "us", "two-kernels/second-worst-stall");
  load_end (&load);
  load_end (&other.load);
}

/* ---- leaving the device ---------------------------------------------------------------- */

/* Without a lease and never idle, it stays until it is told to go; then nothing runs
 * in the context. */
static void
test_deactivated (void)
{
  g_autoptr (RingConfig) config = neighbours_config (RING_EXECUTION_PERSISTENT);
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  CUcontext context;
  gint64 longest = 0;
  guint i;

  config->lease = 0;
  runtime = neighbours_runtime (config);
  context = ring_runtime_get_cuda_context (runtime);
  kernel = neighbours_resident (runtime);
  for (i = 0; kernel && i < 20; i++) {
    g_autoptr (GError) error = NULL;
    NeighboursLoad load;
    gint64 before, took;

    load_begin (&load, kernel);
    load_end (&load);
    before = g_get_monotonic_time ();
    ring_kernel_deactivate (kernel, &error);
    g_assert_no_error (error);
    CUDA_CALL (cuCtxPushCurrent_v2, context);
    CUDA_CALL (cuCtxSynchronize);
    CUDA_CALL (cuCtxPopCurrent_v2, &context);
    took = g_get_monotonic_time () - before;
    longest = MAX (longest, took);
    ring_test_activate (kernel);
  }
  if (kernel)
    report ((gdouble) longest, "us", "deactivate/longest-until-gone");
}

/* ---- memory ------------------------------------------------------------------------------ */

static gsize
unused_memory (CUcontext context)
{
  gsize unused, total;

  CUDA_CALL (cuCtxPushCurrent_v2, context);
  CUDA_CALL (cuMemGetInfo_v2, &unused, &total);
  CUDA_CALL (cuCtxPopCurrent_v2, &context);
  return unused;
}

static void
test_start_and_stop (void)
{
  g_autoptr (RingConfig) config = neighbours_config (RING_EXECUTION_PERSISTENT);
  gint64 begun = 0;
  CUdevice device;
  CUcontext context;
  gboolean is_exact;
  gsize first = 0, last = 0;
  guint i, k;

  /* With a context that stays, or it would be the context that comes and goes. */
  CUDA_CALL (cuInit, 0);
  CUDA_CALL (cuDeviceGet, &device, 0);
  CUDA_CALL (cuDevicePrimaryCtxRetain, &context, device);
  config->message_size = 1 << 20;
  is_exact = dlsym (cuda_library, "ring_fake_set") != NULL;
  for (i = 0; i < CYCLES; i++) {
    g_autoptr (RingRuntime) runtime = neighbours_runtime (config);
    g_autoptr (RingKernel) kernel = NULL;
    g_autoptr (GError) error = NULL;

    if (i == 1)
      begun = g_get_monotonic_time ();
    kernel = ring_runtime_launch (runtime, "copy", -1, -1, NULL, &error);
    g_assert_no_error (error);
    ring_test_activate (kernel);
    for (k = 0; k < 8; k++) {
      g_autoptr (RingMessage) message =
          ring_test_message (k % 2 ? 64 : 500000, i + k);
      g_autoptr (RingMessage) reply = NULL;

      reply = ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, &error);
      g_assert_no_error (error);
      g_assert_true (ring_test_same_payload (message, reply));
    }
    ring_test_terminate (kernel, RING_TERMINATE_DRAIN);
    g_clear_object (&kernel);
    g_clear_object (&runtime);
    last = unused_memory (context);
    if (i == 0)
      first = last;
  }
  report ((gdouble) (g_get_monotonic_time () - begun) / (CYCLES - 1) / 1e3,
      "ms", "start-stop/cycle");
  report (((gdouble) first - (gdouble) last) / 1024, "KiB",
      "start-stop/memory-lost");
  /* A driver takes memory 2 MiB at a time, and may keep some. A block that is lost in
   * each cycle is far more. */
  g_assert_cmpuint (last + (is_exact ? 0 : 4 << 20), >=, first);
  CUDA_CALL (cuDevicePrimaryCtxRelease_v2, device);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!cuda_calls_open ()) {
    g_print ("1..0 # SKIP needs a CUDA driver\n");
    return 0;
  }
  g_test_add_func ("/neighbours/alloc-free", test_alloc_free);
  g_test_add_func ("/neighbours/module-load", test_module);
  g_test_add_func ("/neighbours/default-stream", test_default_stream);
  g_test_add_func ("/neighbours/second-kernel", test_second_kernel);
  g_test_add_func ("/neighbours/deactivated", test_deactivated);
  g_test_add_func ("/neighbours/start-and-stop", test_start_and_stop);
  return ring_test_run ();
}
