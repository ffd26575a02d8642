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
  gboolean settings_changed; /* since the launch */
  gint on_error;             /* atomic */

  /* Made at NULL->READY and freed at READY->NULL. Changed under the object lock;
   * the streaming threads, which run in between only, read them without. */
  RingRuntime *runtime;
  RingKernel *kernel;
  gboolean is_inline;
  RingTransfer launched_transfer;
  GstRingKernelParameters *attached; /* the launched kernel's parameters */
  GstObject *context; /* CUDA: shared with other elements; NULL: not so */

  /* The CUDA context that was found for us; guarded by libgstcuda. */
  GstObject *found_context;

  /* What is known of the kernel, also before it is launched; object lock. */
  GMutex lookup_lock; /* held while looking a kernel up */
  GstRingCaps *caps;
  gboolean lookup_failed;
  GstRingKernelParameters *parameters;
  GstStructure *last_stats; /* of the last kernel, after its end */
  gchar *not_on_cuda;       /* why the kernel runs on cpu, with backend auto */

  /* QoS and latency; object lock. */
  gdouble proportion;
  GstClockTime earliest_time;
  guint64 processed, dropped;
  GstClockTime frame_duration; /* of the stream; NONE: not known */
  GstClockTime held_back;      /* longest time that an output came late by */

  /* Counters for stats; atomic. */
  gsize skipped, passed, bytes_copied;

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
G_GNUC_INTERNAL GstStructure *gst_ring_kernel_filter_get_stats (
    GstRingKernelFilter *self);
/* The CUDA context goes to neighbours that ask for it. */
G_GNUC_INTERNAL gboolean
gst_ring_kernel_filter_answer_context (GstRingKernelFilter *self,
    GstQuery *query);
/* As many buffers as may be in flight now. */
G_GNUC_INTERNAL guint gst_ring_kernel_filter_get_depth (
    GstRingKernelFilter *self);

/* pads.c */
G_GNUC_INTERNAL void gst_ring_kernel_filter_setup_pads (
    GstRingKernelFilter *self, GstPadTemplate *sink, GstPadTemplate *src);

GST_ELEMENT_REGISTER_DECLARE (ringkernelfilter);

G_END_DECLS

#endif /* GST_RING_KERNEL_FILTER_H */
