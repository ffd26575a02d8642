/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * neighbours.h: what the tests of a kernel's neighbours share. They run on a GPU,
 * and over the stand-in driver, of which they know nothing but that it counts memory
 * exactly: a driver is used as any program would.
 *
 * How long something took is reported and never asserted, in lines
 *
 *   # figure: NAME = VALUE UNIT
 */
#ifndef RING_NEIGHBOURS_H
#define RING_NEIGHBOURS_H

#include "../runtime/ring-test.h"
#include "cuda-calls.h"

/* Messages under way in a kernel under load. */
#define NEIGHBOURS_WINDOW 16

static inline void G_GNUC_PRINTF (3, 4)
    report (gdouble value, const gchar *unit, const gchar *name, ...)
{
  g_autofree gchar *text = NULL;
  va_list values;

  va_start (values, name);
  text = g_strdup_vprintf (name, values);
  va_end (values);
  g_test_message ("figure: %s = %.1f %s", text, value, unit);
}

/* Nothing may run in place of the GPU, nor in another mode. */
static inline RingConfig *
neighbours_config (RingExecutionMode mode)
{
  RingConfig *config = ring_config_new ();

  config->backend = RING_BACKEND_CUDA;
  config->mode = mode;
  /* It leaves because its lease is over, or it is asked to. */
  config->idle_timeout = 3600 * (guint64) G_USEC_PER_SEC;
  return config;
}

static inline RingRuntime *
neighbours_runtime (const RingConfig *config)
{
  g_autoptr (GError) error = NULL;
  RingRuntime *runtime = ring_runtime_new (config, &error);

  g_assert_no_error (error);
  return runtime;
}

/* An active `copy`; NULL where it cannot stay on the device, the test being skipped
 * then. */
static inline RingKernel *
neighbours_resident (RingRuntime *runtime)
{
  g_autoptr (RingMetrics) m = NULL;
  g_autoptr (GError) error = NULL;
  RingKernel *kernel =
      ring_runtime_launch (runtime, "copy", -1, -1, NULL, &error);

  g_assert_no_error (error);
  m = ring_kernel_get_metrics (kernel);
  if (m->mode != RING_EXECUTION_PERSISTENT) {
    g_test_skip (m->fallback);
    g_object_unref (kernel);
    return NULL;
  }
  ring_test_activate (kernel);
  return kernel;
}

/* ---- a kernel under load ----------------------------------------------------------- */

typedef struct
{
  RingKernel *kernel;
  guint sent, received;
  gint64 begun, last, worst; /* us; the longest time without a result */
} NeighboursLoad;

/* One in a slot, the next by reference. */
static inline RingMessage *
load_message (guint n)
{
  return ring_test_message (n % 2 ? 64 : 20000, n);
}

/* Fills the window, then takes one result, which must be right. */
static inline void
load_turn (NeighboursLoad *load)
{
  g_autoptr (RingMessage) wanted = load_message (load->received);
  g_autoptr (RingMessage) got = NULL;
  gint64 now;

  while (load->sent < load->received + NEIGHBOURS_WINDOW) {
    g_autoptr (RingMessage) message = load_message (load->sent);

    ring_test_send (load->kernel, message);
    load->sent++;
  }
  got = ring_test_receive (load->kernel);
  g_assert_true (ring_test_same_payload (got, wanted));
  load->received++;
  now = g_get_monotonic_time ();
  load->worst = MAX (load->worst, now - load->last);
  load->last = now;
}

static inline void
load_begin (NeighboursLoad *load, RingKernel *kernel)
{
  guint i;

  memset (load, 0, sizeof (*load));
  load->kernel = kernel;
  /* Until it has all the memory that it wants. */
  for (i = 0; i < 4 * NEIGHBOURS_WINDOW; i++)
    load_turn (load);
  load->worst = 0;
  load->begun = load->last = g_get_monotonic_time ();
}

/* Takes what is left, which must be all of it. */
static inline void
load_end (NeighboursLoad *load)
{
  g_autoptr (RingMetrics) m = NULL;

  while (load->received < load->sent) {
    g_autoptr (RingMessage) wanted = load_message (load->received);
    g_autoptr (RingMessage) got = ring_test_receive (load->kernel);

    g_assert_true (ring_test_same_payload (got, wanted));
    load->received++;
  }
  ring_test_assert_nothing_left (load->kernel);
  m = ring_kernel_get_metrics (load->kernel);
  g_assert_cmpuint (m->order_errors, ==, 0);
  g_assert_cmpuint (m->in_flight, ==, 0);
  g_assert_cmpuint (m->residencies, >, 0);
}

static inline gdouble
load_rate (const NeighboursLoad *load, guint from)
{
  return (load->received - from) * 1e6
      / (gdouble) MAX (load->last - load->begun, 1);
}

#endif /* RING_NEIGHBOURS_H */
