/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cudashare.c: all that touches libgstcuda. Its functions for the driver may be called
 * after its loader has found one only, which is when a kernel is launched that may
 * run there: never when the plugin is loaded or the element is looked at.
 */
#include "cudashare.h"

#define GST_USE_UNSTABLE_API
#include <gst/cuda/gstcudabufferpool.h>
#include <gst/cuda/gstcudacontext.h>
#include <gst/cuda/gstcudaloader.h>
#include <gst/cuda/gstcudamemory.h>
#include <gst/cuda/gstcudautils.h>

/* Since 1.24 memory knows the stream that its last user has put work into; before,
 * whoever hands memory on has waited for the device. Built with the older and run
 * with the newer, these are found when the plugin is loaded. */
#if GST_CHECK_VERSION(1, 24, 0)
#define HAVE_STREAMS TRUE
#else
typedef struct _GstCudaStream GstCudaStream;
extern GstCudaStream *gst_cuda_memory_get_stream (GstCudaMemory *memory)
    __attribute__ ((weak));
extern CUstream gst_cuda_stream_get_handle (GstCudaStream *stream)
    __attribute__ ((weak));
#define HAVE_STREAMS (gst_cuda_memory_get_stream && gst_cuda_stream_get_handle)
#define GST_CUDA_MEMORY_TRANSFER_NEED_SYNC (GST_MEMORY_FLAG_LAST << 2)
#endif

/* ---- context -------------------------------------------------------------------- */

gboolean
gst_ring_cuda_ensure_context (GstElement *element, gint device,
    GstObject **context)
{
  GstContext *given;

  if (!gst_cuda_load_library ())
    return FALSE;
  gst_cuda_memory_init_once ();
  /* What the application set on the element counts for each of its lives. */
  given = gst_element_get_context (element, GST_CUDA_CONTEXT_TYPE);
  if (given) {
    gst_ring_cuda_set_context (element, given, device, context);
    gst_context_unref (given);
  }
  return gst_cuda_ensure_element_context (element, device,
      (GstCudaContext **) context);
}

void
gst_ring_cuda_set_context (GstElement *element, GstContext *context,
    gint device, GstObject **to)
{
  gst_cuda_handle_set_context (element, context, device,
      (GstCudaContext **) to);
}

gboolean
gst_ring_cuda_answer_query (GstElement *element, GstQuery *query,
    GstObject *context)
{
  return context
      && gst_cuda_handle_context_query (element, query,
          GST_CUDA_CONTEXT (context));
}

gpointer
gst_ring_cuda_get_handle (GstObject *context)
{
  return gst_cuda_context_get_handle (GST_CUDA_CONTEXT (context));
}

static gboolean
is_same_context (GstObject *context, GstCudaContext *other)
{
  return GST_CUDA_CONTEXT_CAST (context) == other
      || gst_ring_cuda_get_handle (context)
      == gst_cuda_context_get_handle (other);
}

/* ---- memory --------------------------------------------------------------------- */

gboolean
gst_ring_cuda_holds (GstObject *context, GstBuffer *buffer)
{
  GstMemory *memory;

  if (gst_buffer_n_memory (buffer) != 1)
    return FALSE;
  memory = gst_buffer_peek_memory (buffer, 0);
  return gst_is_cuda_memory (memory)
      && is_same_context (context, GST_CUDA_MEMORY_CAST (memory)->context);
}

/* What is still under way in the memory's stream. Who reads waits for writers, which
 * leave a mark; who writes waits for readers too, which leave none. */
static gpointer
get_stream (GstMemory *memory, GstMapFlags flags)
{
  GstCudaStream *stream = HAVE_STREAMS
      ? gst_cuda_memory_get_stream (GST_CUDA_MEMORY_CAST (memory))
      : NULL;

  if (!stream
      || !((flags & GST_MAP_WRITE)
          || GST_MEMORY_FLAG_IS_SET (memory,
              GST_CUDA_MEMORY_TRANSFER_NEED_SYNC)))
    return NULL;
  return gst_cuda_stream_get_handle (stream);
}

gboolean
gst_ring_cuda_map (GstObject *context, GstBuffer *buffer, GstMapFlags flags,
    GstMapInfo *map, const GstVideoInfo **info, gpointer *stream)
{
  if (!gst_ring_cuda_holds (context, buffer)
      || !gst_buffer_map (buffer, map, flags | GST_MAP_CUDA))
    return FALSE;
  *info = &GST_CUDA_MEMORY_CAST (map->memory)->info;
  *stream = get_stream (map->memory, flags);
  return TRUE;
}

void
gst_ring_cuda_unmap (GstBuffer *buffer, GstMapInfo *map)
{
  const gboolean written = (map->flags & GST_MAP_WRITE) != 0;
  GstMemory *memory = gst_memory_ref (map->memory);

  gst_buffer_unmap (buffer, map);
  /* We were told when the kernel had finished: nobody else needs to wait. */
  if (written && HAVE_STREAMS)
    GST_MINI_OBJECT_FLAG_UNSET (memory, GST_CUDA_MEMORY_TRANSFER_NEED_SYNC);
  gst_memory_unref (memory);
}

/* ---- pools ---------------------------------------------------------------------- */

GstBufferPool *
gst_ring_cuda_pool_new (GstObject *context)
{
  return gst_cuda_buffer_pool_new (GST_CUDA_CONTEXT (context));
}

gboolean
gst_ring_cuda_pool_fits (GstBufferPool *pool, GstObject *context)
{
  return GST_IS_CUDA_BUFFER_POOL (pool)
      && is_same_context (context, GST_CUDA_BUFFER_POOL (pool)->context);
}
