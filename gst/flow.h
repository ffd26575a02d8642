/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#ifndef GST_RING_FLOW_H
#define GST_RING_FLOW_H

#include <gst/gst.h>
#include <ringkernel/ringkernel.h>

#include "buffers.h"
#include "caps.h"

G_BEGIN_DECLS

typedef struct _GstRingKernelFilter GstRingKernelFilter;
typedef struct _GstRingRecord GstRingRecord;

/* Run in order with the data, by the thread that pushes. */
typedef gboolean (*GstRingFlowFunc) (GstRingKernelFilter *self, gpointer data);

/* What a caps event settles; changes while nothing is in flight only. */
typedef struct
{
  gboolean configured;
  gboolean refused; /* an error has been posted for these caps */
  GstRingCaps *info;
  GstCaps *in_caps; /* NULL: a stream without caps */
  GstCaps *out_caps;
  GstRingLayout in;
  GstRingLayout out;
  guint n_outputs;         /* per input, at the most */
  gsize in_unit, out_unit; /* so many bytes out for so many in, … */
  gsize out_more;          /* … and these */
  gboolean emits;
  gboolean in_cuda;   /* by the caps, CUDA memory comes in … */
  gboolean out_cuda;  /* … and goes out */
  gboolean in_place;  /* where the buffer can be written */
  gboolean raw_video; /* QoS applies */
  GstRingMetas metas;
} GstRingStream;

/*
 * One FIFO of buffers in flight, serialized events, and calls (queries, changes
 * of caps). With a kernel in inline mode it stays empty: the streaming thread
 * does all at once. Else the chain function puts things in and the src pad's task
 * takes them out, in order and when they are finished.
 *
 *   sink STREAM_LOCK   `segment`, `discont`, and who may put things in
 *   lock               FIFO, counters, result; never held while calling out
 *
 * Written by who pushes (task, or chain in inline mode), read by who puts in, and
 * handed over through calls: `stream` and `buffers`.
 */
typedef struct
{
  GMutex lock;
  GCond head_changed; /* the task waits: something to push */
  GCond room;         /* chain waits: something was pushed */
  GCond answered;     /* a call was answered; a kernel has finished */
  GQueue fifo;        /* of GstRingRecord by their link */
  GQueue spare;       /* records to use again */
  guint n_buffers;    /* taken in, not yet pushed */
  guint n_in_kernel;  /* submitted, not yet completed */
  guint depth;        /* atomic: what n_buffers may reach */
  GstFlowReturn result;
  GstFlowReturn downstream; /* NOT_LINKED or FLUSHING: nobody is there to push
                               to, until a RECONFIGURE; else OK */
  guint n_reconfigured;     /* such events so far */
  gboolean unexpected;      /* downstream is at EOS: refuse buffers */
  guint n_restarts;         /* events in the FIFO that end `unexpected` */
  gboolean eos_received;    /* nobody will ask for `result` any more */
  gboolean error_posted;
  gboolean failure_posted;    /* the handle's own error, by whoever met it */
  gboolean caps_error_posted; /* since the last flush; object lock */

  GstRingStream stream;
  GstRingBuffers buffers;
  GstRingRecord *inline_record;

  GstSegment segment;
  gboolean discont;      /* a buffer was dropped before submission */
  gboolean is_first;     /* the kernel has missed something, or all before */
  gboolean foreign_told; /* of memory that comes from elsewhere */
  gpointer last_pool;    /* only compared: the last input's pool … */
  guint last_pool_max;   /* … and how many buffers it has; 0: no bound */

  /* Who pushes: what has gone in since the last output. */
  gboolean out_discont;
  gboolean pending;
  GstClockTime first_pts, first_dts, last_pts, last_end;
  guint64 first_offset, last_offset_end;
} GstRingFlow;

G_GNUC_INTERNAL void gst_ring_flow_init (GstRingKernelFilter *self);
G_GNUC_INTERNAL void gst_ring_flow_clear (GstRingKernelFilter *self);
/* READY->PAUSED. */
G_GNUC_INTERNAL void gst_ring_flow_start (GstRingKernelFilter *self);
/* PAUSED->READY, after the pads are inactive. */
G_GNUC_INTERNAL void gst_ring_flow_stop (GstRingKernelFilter *self);
/* Lets everybody who waits go; nothing is taken in from here on. */
G_GNUC_INTERNAL void gst_ring_flow_begin_flush (GstRingKernelFilter *self);
/* Waits for the kernel, throws away what is in the FIFO, and begins anew. */
G_GNUC_INTERNAL void gst_ring_flow_end_flush (GstRingKernelFilter *self);
G_GNUC_INTERNAL gboolean gst_ring_flow_start_task (GstRingKernelFilter *self);
/* Downstream sent a RECONFIGURE, as it does when it is linked. Any thread. */
G_GNUC_INTERNAL void gst_ring_flow_reconfigured (GstRingKernelFilter *self);

/* All with the sink pad's STREAM_LOCK. */
G_GNUC_INTERNAL GstFlowReturn gst_ring_flow_chain (GstRingKernelFilter *self,
    GstBuffer *buffer);
G_GNUC_INTERNAL gboolean gst_ring_flow_event (GstRingKernelFilter *self,
    GstEvent *event);
/* Calls @func when all that came before is pushed, and waits for it. */
G_GNUC_INTERNAL gboolean gst_ring_flow_call (GstRingKernelFilter *self,
    GstRingFlowFunc func, gpointer data);
/* With records of another stream none can be used again. */
G_GNUC_INTERNAL void gst_ring_flow_free_records (GstRingKernelFilter *self);
G_GNUC_INTERNAL void gst_ring_flow_set_depth (GstRingKernelFilter *self,
    guint depth);

/* fifo.c; what ends in _locked wants `lock`. */
G_GNUC_INTERNAL GstRingRecord *gst_ring_flow_take_spare (
    GstRingKernelFilter *self);
G_GNUC_INTERNAL void gst_ring_flow_give_back_locked (GstRingFlow *flow,
    GstRingRecord *record);
G_GNUC_INTERNAL void gst_ring_flow_append_locked (GstRingFlow *flow,
    GstRingRecord *record);

/* stream.c, with the sink pad's STREAM_LOCK too. */
G_GNUC_INTERNAL GstFlowReturn gst_ring_flow_set_caps (GstRingKernelFilter *self,
    GstCaps *caps);
G_GNUC_INTERNAL gboolean
gst_ring_flow_passes_allocation (GstRingKernelFilter *self, GstCaps *caps);
/* Before the first buffer, and when downstream asks for it. */
G_GNUC_INTERNAL GstFlowReturn gst_ring_flow_renegotiate (
    GstRingKernelFilter *self);
/* Settles the output's caps before a segment where the input has none. */
G_GNUC_INTERNAL void gst_ring_flow_configure_early (GstRingKernelFilter *self);
/* A GstRingFlowFunc: settles @caps (GstCaps, nullable). */
G_GNUC_INTERNAL gboolean gst_ring_flow_configure (GstRingKernelFilter *self,
    gpointer caps);
/* Whether nobody has posted an error about caps yet, as the caller is going to:
 * upstream tries the same ones again with the next buffer. Any thread. */
G_GNUC_INTERNAL gboolean gst_ring_flow_is_first_caps_error (
    GstRingKernelFilter *self);
G_GNUC_INTERNAL void gst_ring_flow_forget_stream (GstRingKernelFilter *self);

/* output.c: a finished record goes downstream; takes what is in it. */
G_GNUC_INTERNAL GstFlowReturn gst_ring_flow_push (GstRingKernelFilter *self,
    GstRingRecord *record);
G_GNUC_INTERNAL void gst_ring_flow_forget_pending (GstRingKernelFilter *self);

typedef enum
{
  GST_RING_RECORD_BUFFER,
  GST_RING_RECORD_EVENT,
  GST_RING_RECORD_CALL
} GstRingRecordType;

struct _GstRingRecord
{
  GList link; /* in fifo or spare */
  GstRingRecordType type;
  gboolean done;

  GstEvent *event;

  GstRingFlowFunc func;
  gpointer data;
  gboolean running, answered, answer;

  GstRingKernelFilter *filter;
  GstBuffer *input;
  gboolean pass; /* goes out as it came in */
  gboolean in_place;
  gboolean discont;
  gboolean lost; /* nobody but the kernel may touch it any more */
  RingOutcome outcome;
  guint n_emitted;
  guint8 emitted[RING_MAX_OUTPUTS];
  gsize emitted_size[RING_MAX_OUTPUTS];
  GstRingMapping in;
  guint n_outputs;
  GstRingMapping out[]; /* each owns its buffer; in place: [0] is input's */
};

G_GNUC_INTERNAL GstRingRecord *gst_ring_record_new (GstRingKernelFilter *self,
    guint n_outputs);
/* Unmaps and lets go of all buffers; the record can be used again. */
G_GNUC_INTERNAL void gst_ring_record_reset (GstRingRecord *record);
G_GNUC_INTERNAL void gst_ring_record_free (GstRingRecord *record);

G_END_DECLS

#endif /* GST_RING_FLOW_H */
