/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * probe.h: how many multiprocessors others hold, found out by a kernel that wants
 * all of them.
 */
#ifndef RING_BENCH_PROBE_H
#define RING_BENCH_PROBE_H

#include "bench.h"

G_BEGIN_DECLS

typedef struct
{
  Gpu *gpu;
  CUfunction function;
  guint lanes, each, grid; /* each: blocks of a multiprocessor */
  BenchProbe parameter;
  CUdeviceptr memory;
  guint64 *seen; /* page-locked: arrived, then what each block saw */
} Probe;

/* All that it needs, before any kernel is resident. Clear it in any case. */
gboolean probe_init (Probe *probe, Gpu *gpu, GError **error);
void probe_clear (Probe *probe);
/* Launches it. */
gboolean probe_begin (Probe *probe, GError **error);
/* Waits @us for its end; FALSE with @ended not set: an error. */
gboolean probe_wait (Probe *probe, gint64 us, gboolean *ended, GError **error);
/* After its end: how many multiprocessors it did not get all of at once. @right:
 * whether it was all of the probe that ran. */
gboolean probe_result (Probe *probe, guint *held, gboolean *right,
    GError **error);

G_END_DECLS

#endif /* RING_BENCH_PROBE_H */
