/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#ifndef GST_RING_BUFFERS_H
#define GST_RING_BUFFERS_H

#include <gst/gst.h>
#include <gst/video/video.h>
#include <ringkernel/ringkernel.h>

G_BEGIN_DECLS

/* How a format's payloads lie in a buffer. */
typedef struct
{
  RingPayloadKind kind;
  guint alignment;   /* of the payload's first byte; a power of two */
  gboolean is_video; /* what follows is set */
  GstVideoInfo info;
  gsize row_bytes[RING_MAX_PLANES];
  guint rows[RING_MAX_PLANES];
} GstRingLayout;

/* A mapped buffer. Owns the mapping, not the buffer. */
typedef struct
{
  GstBuffer *buffer;
  GstVideoMeta *meta; /* mapped by it, plane by plane */
  guint n_maps;       /* 0: not mapped */
  gboolean on_device; /* the addresses are those of CUDA memory */
  gpointer stream; /* a CUstream in which the memory is still in use, or NULL */
  GstMapInfo map[RING_MAX_PLANES];
  RingMemory memory;
} GstRingMapping;

G_GNUC_INTERNAL void gst_ring_layout_init (GstRingLayout *self,
    const RingFormat *format, GstCaps *caps);

/* Frames in memory of the context @cuda (nullable) are mapped where they are; all
 * else is mapped as system memory. FALSE: @self is not mapped and @error says why. */
G_GNUC_INTERNAL gboolean gst_ring_mapping_map (GstRingMapping *self,
    GstBuffer *buffer, const GstRingLayout *layout, GstMapFlags flags,
    GstObject *cuda, GError **error);
G_GNUC_INTERNAL void gst_ring_mapping_unmap (GstRingMapping *self);

/* Where output buffers come from: downstream's pool, or one of our own, filled by
 * downstream's allocator. Used by one thread at a time, set_flushing() excepted. */
typedef struct
{
  GstObject *owner; /* for the log */
  GMutex lock;      /* guards pool, active and flushing */
  GstBufferPool *pool;
  gboolean active;
  gboolean flushing;
  gboolean own_pool;
  gboolean cuda; /* buffers of CUDA memory */
  gsize size;    /* of the pool's buffers */
  guint depth;   /* buffers that may be in use here at once */
  GstCaps *caps;
  GstAllocator *allocator;
  GstAllocationParams params;
  gboolean downstream_video_meta;
  /* Of the launched kernel; both NULL on cpu. They change with the STREAM_LOCK of
   * the sink pad. */
  GstObject *context; /* of CUDA memory, shared with other elements; or NULL */
  GstAllocator *pinned; /* of system memory that the device reaches; or NULL */
} GstRingBuffers;

G_GNUC_INTERNAL void gst_ring_buffers_init (GstRingBuffers *self,
    GstObject *owner);
G_GNUC_INTERNAL void gst_ring_buffers_clear (GstRingBuffers *self);
/* Where the kernel runs. Before anything is negotiated. */
G_GNUC_INTERNAL void gst_ring_buffers_set_device (GstRingBuffers *self,
    GstObject *context, GstAllocator *pinned);
/* Forgets pool and negotiation. */
G_GNUC_INTERNAL void gst_ring_buffers_reset (GstRingBuffers *self);
/* Asks downstream and settles what to use for buffers of @caps (nullable). */
G_GNUC_INTERNAL gboolean gst_ring_buffers_decide (GstRingBuffers *self,
    GstPad *srcpad, GstCaps *caps, const GstRingLayout *layout, guint depth);
G_GNUC_INTERNAL GstFlowReturn gst_ring_buffers_acquire (GstRingBuffers *self,
    const GstRingLayout *layout, gsize size, GstBuffer **buffer);
G_GNUC_INTERNAL void gst_ring_buffers_set_flushing (GstRingBuffers *self,
    gboolean flushing);

/* Answers upstream's ALLOCATION query. @any_strides: frames may lie in memory as
 * they like, where a video meta says how. */
G_GNUC_INTERNAL gboolean gst_ring_buffers_propose (GstRingBuffers *self,
    GstQuery *query, RingPayloadKind kind, gboolean any_strides, guint depth);
/* Makes room in an answer from downstream for what is in flight here. FALSE: it
 * leaves the memory to us, and we have better than ordinary memory; the answer is
 * as if nobody had given one. */
G_GNUC_INTERNAL gboolean gst_ring_buffers_take_over (GstRingBuffers *self,
    GstQuery *query, guint depth);

typedef enum
{
  GST_RING_METAS_SAME,       /* what the buffer shows has not changed */
  GST_RING_METAS_SAME_BYTES, /* and its memory is laid out the same way */
  GST_RING_METAS_COLORS,     /* colours have changed, geometry has not */
  GST_RING_METAS_SIZE,       /* the size has changed, and colours may have */
  GST_RING_METAS_NONE        /* nothing tagged holds any longer */
} GstRingMetas;

G_GNUC_INTERNAL void gst_ring_buffers_copy_metas (GstBuffer *to,
    GstBuffer *from, const GstRingLayout *out, const GstRingLayout *in,
    GstRingMetas what);

G_END_DECLS

#endif /* GST_RING_BUFFERS_H */
