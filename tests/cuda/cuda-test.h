/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cuda-test.h: what tests of the cuda backend share: the stand-in driver's controls,
 * and a payload by reference.
 */
#ifndef RING_CUDA_TEST_H
#define RING_CUDA_TEST_H

#include "../cuda-fake/cuda-fake.h"
#include "../runtime/ring-test.h"
#include "cuda-calls.h"

typedef struct
{
  RingFakeSet set;
  RingFakeFail fail;
  RingFakeCalls calls;
  RingFakeFunction function;
  RingFakeReset reset;
  RingFakeGetLive live;
  RingFakeFault fault;
  RingFakeFreeze freeze;
} CudaFake;

static CudaFake fake;

/* FALSE: the driver is a real one, or none. */
static inline gboolean
cuda_test_load (void)
{
  if (!cuda_calls_open ())
    return FALSE;
#define FAKE_FUNCTION(name) \
  *(gpointer *) &fake.name = dlsym (cuda_library, "ring_fake_" #name)
  FAKE_FUNCTION (set);
  FAKE_FUNCTION (fail);
  FAKE_FUNCTION (calls);
  FAKE_FUNCTION (function);
  FAKE_FUNCTION (reset);
  FAKE_FUNCTION (live);
  FAKE_FUNCTION (fault);
  FAKE_FUNCTION (freeze);
#undef FAKE_FUNCTION
  return fake.set != NULL;
}

static inline RingConfig *
cuda_test_config (void)
{
  RingConfig *config = ring_config_new ();

  config->backend = RING_BACKEND_CUDA;
  return config;
}

/* Nothing of what a test made is left. */
static inline void
cuda_test_assert_nothing_live (void)
{
  RingFakeLive live;

  fake.live (&live);
  g_assert_cmpuint (live.running_kernels, ==, 0);
  g_assert_cmpuint (live.device_allocations, ==, 0);
  g_assert_cmpuint (live.pinned_allocations, ==, 0);
  g_assert_cmpuint (live.registrations, ==, 0);
  g_assert_cmpuint (live.streams, ==, 0);
  g_assert_cmpuint (live.events, ==, 0);
  g_assert_cmpuint (live.modules, ==, 0);
  g_assert_cmpuint (live.graphs, ==, 0);
  g_assert_cmpuint (live.graph_execs, ==, 0);
}

static inline guint
cuda_test_running (void)
{
  RingFakeLive live;

  fake.live (&live);
  return live.running_kernels;
}

/* Every test begins with a driver as new; what it sets ends with it. */
static inline void
cuda_test_run_one_ (gconstpointer test)
{
  ((void (*) (void)) (gsize) test) ();
  fake.reset ();
}

static inline void
cuda_test_add (const gchar *path, void (*test) (void))
{
  g_test_add_data_func (path, (gconstpointer) (gsize) test, cuda_test_run_one_);
}

/* ---- payloads by reference ------------------------------------------------------- */

/* What became of some submissions. */
typedef struct
{
  gint done, discarded, failed, abandoned; /* atomic */
} CudaOutcomes;

static inline void
cuda_test_completed (RingKernel *kernel, const RingCompletion *completion,
    gpointer user_data)
{
  CudaOutcomes *o = user_data;

  (void) kernel;
  g_atomic_int_inc (completion->outcome == RING_OUTCOME_DONE ? &o->done
          : completion->outcome == RING_OUTCOME_DISCARDED    ? &o->discarded
          : completion->outcome == RING_OUTCOME_FAILED       ? &o->failed
                                                             : &o->abandoned);
}

static inline gint
cuda_test_ended (const CudaOutcomes *o)
{
  return g_atomic_int_get (&o->done) + g_atomic_int_get (&o->discarded)
      + g_atomic_int_get (&o->failed) + g_atomic_int_get (&o->abandoned);
}

/* One block of bytes. */
static inline void
cuda_test_memory (RingMemory *memory, gpointer data, gsize size)
{
  memset (memory, 0, sizeof *memory);
  memory->n_planes = 1;
  memory->size = size;
  memory->plane[0].data = data;
  memory->plane[0].stride = (gint) size;
  memory->plane[0].size = size;
}

static inline void
cuda_test_fill (gpointer data, gsize size, guint seed)
{
  guint8 *bytes = data;
  gsize i;

  for (i = 0; i < size; i++)
    bytes[i] = (guint8) (i * 7 + i / 251 + seed * 31 + 1);
}

static inline void
cuda_test_assert_filled (gconstpointer data, gsize size, guint seed)
{
  const guint8 *bytes = data;
  gsize i;

  for (i = 0; i < size; i++)
    g_assert_cmpuint (bytes[i], ==, (guint8) (i * 7 + i / 251 + seed * 31 + 1));
}

static inline RingKernel *
cuda_test_start (RingRuntime *runtime, const gchar *name,
    const RingConfig *options)
{
  g_autoptr (GError) error = NULL;
  RingKernel *kernel =
      ring_runtime_launch (runtime, name, -1, -1, options, &error);

  g_assert_no_error (error);
  ring_test_activate (kernel);
  return kernel;
}

static inline RingRuntime *
cuda_test_runtime (const RingConfig *config)
{
  g_autoptr (GError) error = NULL;
  RingRuntime *runtime = ring_runtime_new (config, &error);

  g_assert_no_error (error);
  return runtime;
}

#endif /* RING_CUDA_TEST_H */
