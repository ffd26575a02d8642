/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cudashare.h: what the element shares with GStreamer's other CUDA elements: contexts
 * and device memory. All that knows libgstcuda is behind it; a context is a
 * GstCudaContext, for others a mere object. In a build without libgstcuda nobody
 * brings a context, and all of this says so.
 */
#ifndef GST_RING_CUDA_SHARE_H
#define GST_RING_CUDA_SHARE_H

#include <gst/gst.h>
#include <gst/video/video.h>
#include <ringkernel/ringkernel.h>

G_BEGIN_DECLS

#define GST_RING_CUDA_FEATURE "memory:CUDAMemory"

/* Whether the first of @caps is for frames in CUDA memory. */
static inline gboolean
gst_ring_caps_are_cuda (GstCaps *caps)
{
  return caps && !gst_caps_is_any (caps) && gst_caps_get_size (caps) > 0
      && gst_caps_features_contains (gst_caps_get_features (caps, 0),
          GST_RING_CUDA_FEATURE);
}

#ifdef HAVE_GST_CUDA

#define GST_RING_CUDA_IS_BUILT TRUE

/* Finds the context that the application and the neighbours use, or makes one for
 * all of them. *@context is kept if it is set. FALSE: there is none, because there
 * is no driver or no such device. This is where the driver is first touched. */
G_GNUC_INTERNAL gboolean gst_ring_cuda_ensure_context (GstElement *element,
    gint device, GstObject **context);
/* As GstElement's set_context and GST_QUERY_CONTEXT want it. */
G_GNUC_INTERNAL void gst_ring_cuda_set_context (GstElement *element,
    GstContext *context, gint device, GstObject **to);
G_GNUC_INTERNAL gboolean gst_ring_cuda_answer_query (GstElement *element,
    GstQuery *query, GstObject *context);
/* The CUcontext. */
G_GNUC_INTERNAL gpointer gst_ring_cuda_get_handle (GstObject *context);

/* Maps @buffer for the device if it is one piece of device memory of @context;
 * *@info is how a frame lies in it, where the buffer itself does not say. *@stream,
 * a CUstream, is what works on the memory still; NULL: nobody. */
G_GNUC_INTERNAL gboolean gst_ring_cuda_map (GstObject *context,
    GstBuffer *buffer, GstMapFlags flags, GstMapInfo *map,
    const GstVideoInfo **info, gpointer *stream);
/* The device has finished what @map was for. */
G_GNUC_INTERNAL void gst_ring_cuda_unmap (GstBuffer *buffer, GstMapInfo *map);
/* Whether @buffer is such a piece. */
G_GNUC_INTERNAL gboolean gst_ring_cuda_holds (GstObject *context,
    GstBuffer *buffer);

G_GNUC_INTERNAL GstBufferPool *gst_ring_cuda_pool_new (GstObject *context);
/* Whether @pool makes device memory of @context. */
G_GNUC_INTERNAL gboolean gst_ring_cuda_pool_fits (GstBufferPool *pool,
    GstObject *context);

#else

#define GST_RING_CUDA_IS_BUILT FALSE

static inline gboolean
gst_ring_cuda_ensure_context (GstElement *element, gint device,
    GstObject **context)
{
  return FALSE;
}

static inline void
gst_ring_cuda_set_context (GstElement *element, GstContext *context,
    gint device, GstObject **to)
{
}

static inline gboolean
gst_ring_cuda_answer_query (GstElement *element, GstQuery *query,
    GstObject *context)
{
  return FALSE;
}

static inline gpointer
gst_ring_cuda_get_handle (GstObject *context)
{
  return NULL;
}

static inline gboolean
gst_ring_cuda_map (GstObject *context, GstBuffer *buffer, GstMapFlags flags,
    GstMapInfo *map, const GstVideoInfo **info, gpointer *stream)
{
  return FALSE;
}

static inline void
gst_ring_cuda_unmap (GstBuffer *buffer, GstMapInfo *map)
{
}

static inline gboolean
gst_ring_cuda_holds (GstObject *context, GstBuffer *buffer)
{
  return FALSE;
}

static inline GstBufferPool *
gst_ring_cuda_pool_new (GstObject *context)
{
  return NULL;
}

static inline gboolean
gst_ring_cuda_pool_fits (GstBufferPool *pool, GstObject *context)
{
  return FALSE;
}

#endif /* HAVE_GST_CUDA */

G_END_DECLS

#endif /* GST_RING_CUDA_SHARE_H */
