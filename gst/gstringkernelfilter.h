/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#ifndef GST_RING_KERNEL_FILTER_H
#define GST_RING_KERNEL_FILTER_H

#include <gst/gst.h>
#include <ringkernel/ringkernel.h>

#include "buffers.h"
#include "caps.h"
#include "flow.h"
#include "params.h"

G_BEGIN_DECLS

/**
 * GstRingKernelFilterOnError:
 * @GST_RING_ON_ERROR_FAIL: stop with an error
 * @GST_RING_ON_ERROR_SKIP: drop the buffer with a warning
 * @GST_RING_ON_ERROR_PASS: push the input unchanged, with a warning
 *
 * What to do with a buffer that the kernel cannot process.
 */
typedef enum
{
  GST_RING_ON_ERROR_FAIL,
  GST_RING_ON_ERROR_SKIP,
  GST_RING_ON_ERROR_PASS
} GstRingKernelFilterOnError;

#define GST_TYPE_RING_KERNEL_FILTER_ON_ERROR \
  (gst_ring_kernel_filter_on_error_get_type ())
G_GNUC_INTERNAL GType gst_ring_kernel_filter_on_error_get_type (void);

#define GST_TYPE_RING_KERNEL_FILTER (gst_ring_kernel_filter_get_type ())
#define GST_RING_KERNEL_FILTER(object) \
  (G_TYPE_CHECK_INSTANCE_CAST ((object), GST_TYPE_RING_KERNEL_FILTER, \
      GstRingKernelFilter))
G_GNUC_INTERNAL GType gst_ring_kernel_filter_get_type (void);

typedef struct _GstRingKernelFilter GstRingKernelFilter;

/* Derived from by kernelelement.c. */
typedef struct
{
  GstElementClass parent_class;
} GstRingKernelFilterClass;

/* What a version of the kernel waits for that works on another stream. */
typedef enum
{
  GST_RING_NEXT_NONE,   /* there is none */
  GST_RING_NEXT_BUFFER, /* the next buffer */
  GST_RING_NEXT_CAPS    /* caps that it takes */
} GstRingNext;

typedef struct _GstRingWatch GstRingWatch; /* reload.c */

struct _GstRingKernelFilter
{
  GstElement parent;

  GstPad *sinkpad;
  GstPad *srcpad;

  /* Settings; object lock. */
  gchar *kernel_id;
  gchar *params;
  guint params_serial; /* when params was set; 0: never */
  RingConfig *config;
  gint grid_size;
  gint block_size;
  guint max_in_flight; /* 0: auto */
  gboolean qos;
  gboolean reload;
  gboolean settings_changed; /* since the launch */
  gint on_error;             /* atomic */

  /* Made at NULL->READY and freed at READY->NULL. Changed under the object lock;
   * the streaming threads, which run in between only, read them without. */
  RingRuntime *runtime;
  RingKernel *kernel;
  gboolean is_inline;
  RingTransfer launched_transfer;
  /* The launched kernel's parameters; atomic, since a reload changes it while
   * streaming threads use it. What it was before lives as long as the kernel. */
  GstRingKernelParameters *attached;
  GSList *retired;
  GstRingWatch *watch; /* NULL: nothing is watched */
  GstObject *context;  /* CUDA: shared with other elements; NULL: not so */

  /* The CUDA context that was found for us; guarded by libgstcuda. */
  GstObject *found_context;

  /* What is known of the kernel, also before it is launched; object lock. */
  GMutex lookup_lock; /* held while looking a kernel up */
  GstRingCaps *caps;
  gboolean lookup_failed;
  GstRingKernelParameters *parameters;
  GstStructure *last_stats; /* of the last kernel, after its end */
  gchar *not_on_cuda;       /* why the kernel runs on cpu, with backend auto */

  /* Versions of the kernel take over one at a time: held from looking at what runs
   * to the change. Taken before the object lock. */
  GMutex version_lock;
  GstRingCaps *next; /* a version of another stream; object lock */
  gint next_state;   /* GstRingNext; changes under the object lock, atomic */

  /* QoS and latency; object lock. */
  gdouble proportion;
  GstClockTime earliest_time;
  guint64 processed, dropped;
  GstClockTime frame_duration; /* of the stream; NONE: not known */
  /* Of frames, where the kernel changes the size; else 0. Object lock too. */
  guint in_width, in_height, out_width, out_height;
  GstClockTime held_back; /* longest time that an output came late by */

  /* Counters for stats; atomic. */
  gsize skipped, passed, bytes_copied, reloads, reload_errors;

  GstRingFlow flow;
};

/* launch.c */
G_GNUC_INTERNAL void gst_ring_kernel_filter_init_launch_debug (void);
G_GNUC_INTERNAL gboolean
gst_ring_kernel_filter_launch (GstRingKernelFilter *self, GError **error);
G_GNUC_INTERNAL void gst_ring_kernel_filter_end (GstRingKernelFilter *self);
/* Another kernel has been chosen. */
G_GNUC_INTERNAL void gst_ring_kernel_filter_forget_kernel (
    GstRingKernelFilter *self);
/* Another backend has been chosen: not launched, it may run there instead. */
G_GNUC_INTERNAL void gst_ring_kernel_filter_reconsider (
    GstRingKernelFilter *self);
/* NULL: no kernel is chosen, or it cannot be found. */
G_GNUC_INTERNAL GstRingCaps *gst_ring_kernel_filter_ref_caps (
    GstRingKernelFilter *self);
G_GNUC_INTERNAL GstRingKernelParameters *gst_ring_kernel_filter_ref_parameters (
    GstRingKernelFilter *self);
/* Whether @error means that the handle is lost, whatever is done now. */
G_GNUC_INTERNAL gboolean
gst_ring_kernel_filter_has_failed (GstRingKernelFilter *self,
    const GError *error);
/* Posts @error as an element error of the fitting domain. */
G_GNUC_INTERNAL void gst_ring_kernel_filter_post_failure (
    GstRingKernelFilter *self, const GError *met);
G_GNUC_INTERNAL void gst_ring_kernel_filter_post_error (
    GstRingKernelFilter *self, const GError *error);
/* Likewise as a warning, whose text begins with @what. */
G_GNUC_INTERNAL void gst_ring_kernel_filter_post_warning (
    GstRingKernelFilter *self, const gchar *what, const GError *error);
/* The launched kernel is another version: what is known of it, and its parameters. With
 * version_lock. */
G_GNUC_INTERNAL void gst_ring_kernel_filter_learn_version (
    GstRingKernelFilter *self, RingKernelInfo *info);
G_GNUC_INTERNAL GstStructure *gst_ring_kernel_filter_get_stats (
    GstRingKernelFilter *self);
/* The CUDA context goes to neighbours that ask for it. */
G_GNUC_INTERNAL gboolean
gst_ring_kernel_filter_answer_context (GstRingKernelFilter *self,
    GstQuery *query);
/* As many buffers as may be in flight now. */
G_GNUC_INTERNAL guint gst_ring_kernel_filter_get_depth (
    GstRingKernelFilter *self);

/* How long to wait for what the kernel is done with in a moment, in us. That is no end
 * of the kernel, so it may not be no time at all. */
static inline gint64
gst_ring_kernel_filter_get_patience (GstRingKernelFilter *self)
{
  return (gint64) MAX (self->config->termination_timeout, G_USEC_PER_SEC / 10);
}

/* reload.c */

/* Watches the file of the kernel, whose launch began at @launched_at (us of real
 * time), until it ends. */
G_GNUC_INTERNAL void gst_ring_kernel_filter_watch (GstRingKernelFilter *self,
    gint64 launched_at);
G_GNUC_INTERNAL void gst_ring_kernel_filter_unwatch (GstRingKernelFilter *self);
/* The version that waits for @state, or, with GST_RING_NEXT_NONE, for anything. */
G_GNUC_INTERNAL GstRingCaps *gst_ring_kernel_filter_ref_next (
    GstRingKernelFilter *self, GstRingNext state);
G_GNUC_INTERNAL void gst_ring_kernel_filter_forget_next (
    GstRingKernelFilter *self);
/* A GstRingFlowFunc: settles the stream anew for the version that waits for the next
 * buffer, or refuses it. */
G_GNUC_INTERNAL gboolean
gst_ring_kernel_filter_change_stream (GstRingKernelFilter *self, gpointer data);
/* Takes the version that waits, if @caps (nullable), which are about to be settled, are
 * for it. In order with the data. */
G_GNUC_INTERNAL void gst_ring_kernel_filter_change_with_caps (
    GstRingKernelFilter *self, GstCaps *caps);

/* pads.c */
G_GNUC_INTERNAL void gst_ring_kernel_filter_setup_pads (
    GstRingKernelFilter *self, GstPadTemplate *sink, GstPadTemplate *src);

GST_ELEMENT_REGISTER_DECLARE (ringkernelfilter);

G_END_DECLS

#endif /* GST_RING_KERNEL_FILTER_H */
