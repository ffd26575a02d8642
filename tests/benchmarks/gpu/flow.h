/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * flow.h: payloads by reference through a kernel, several of them in flight, each
 * looked at when it comes back.
 */
#ifndef RING_BENCH_FLOW_H
#define RING_BENCH_FLOW_H

#include "bench.h"

G_BEGIN_DECLS

#define FLOW_MAX_SLOTS 64

/* Bytes of a stamp; a payload has one at its begin, in its middle and at its end. */
#define FLOW_STAMP 16

/* Where a payload lies, and where its result goes. */
typedef struct
{
  guint8 *input, *output; /* the host's addresses; NULL: on the device */
  guint8 *kept,
      *expected; /* on the device: the input, and what is to come of it */
  RingMemory from, to;
} FlowSlot;

typedef struct
{
  Gpu *gpu;
  RingRuntime *runtime; /* of the page-locked memory */
  RingFormat *format;
  gsize size;
  guint n_slots;
  gboolean on_device;
  FlowSlot slot[FLOW_MAX_SLOTS];
} FlowPayloads;

enum FlowPlace
{
  FLOW_PINNED, /* page-locked by the runtime */
  FLOW_PLAIN,  /* from malloc */
  FLOW_DEVICE
};

/* Payloads of @format, filled, each differently. Clear it in any case. */
gboolean flow_payloads_init (FlowPayloads *payloads, Bench *bench,
    const RingFormat *format, guint n_slots, enum FlowPlace place,
    GError **error);
void flow_payloads_clear (FlowPayloads *payloads);
/* Makes all results void, so that they have to come anew. */
gboolean flow_payloads_spoil (FlowPayloads *payloads, GError **error);

/* What a kernel makes of a frame: written from its description, not from its
 * text. */
typedef void (*FlowReference) (const RingFormat *format, const guint8 *input,
    guint8 *output);
void flow_invert (const RingFormat *format, const guint8 *input,
    guint8 *output);
void flow_edges (const RingFormat *format, const guint8 *input, guint8 *output);

/* Looks at every byte of all results. Payloads on the device never change, so that
 * @reference is asked for them once only. */
gboolean flow_payloads_check (FlowPayloads *payloads, FlowReference reference,
    BenchProof *proof, GError **error);

/* A stream of submissions to @kernel. */
typedef struct
{
  RingKernel *kernel;
  FlowPayloads *payloads;
  /* Marks every payload and looks for the mark, inverted, in its result. On the
   * host's side of the memory only. */
  gboolean stamped;
  BenchProof *proof;
  BenchSamples *latencies; /* NULL: not wanted; ns from submit to completion */
  /* NULL: not wanted; on a thread of the library */
  void (*seen) (const RingCompletion *completion, gpointer data);
  gpointer data;
  guint64 submitted; /* ever; the slot is this modulo the slots */
  guint64 begun[FLOW_MAX_SLOTS];
  guint64 done;   /* by the library's thread */
  guint64 failed; /* likewise */
  guint64 last;   /* likewise: when the last was done */
} Flow;

void flow_init (Flow *flow, RingKernel *kernel, FlowPayloads *payloads,
    gboolean stamped, BenchProof *proof);
/* @n submissions, @window in flight at the most, and waits for them; in @ns, from
 * before the first to the completion of the last. */
gboolean flow_run (Flow *flow, guint64 n, guint window, guint64 *ns,
    GError **error);

G_END_DECLS

#endif /* RING_BENCH_FLOW_H */
