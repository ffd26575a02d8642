/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#ifndef GST_RING_CAPS_H
#define GST_RING_CAPS_H

#include <gst/gst.h>
#include <gst/audio/audio.h>
#include <gst/video/video.h>
#include <ringkernel/ringkernel.h>

G_BEGIN_DECLS

/* Caps of typed records; the field `type` holds the GVariant type. */
#define GST_RING_RECORD_MEDIA_TYPE "application/x-ring-record"

/* What a kernel's declared formats mean in caps. Immutable and reference counted,
 * since caps queries come from any thread while another kernel may be chosen. */
typedef struct
{
  gatomicrefcount refs;
  RingKernelInfo *info;
  RingPayloadKind kind; /* of what comes in */
  RingPayloadKind output_kind;
  gboolean open;           /* downstream chooses the output's format … */
  gboolean any_size;       /* … or size */
  gboolean changes_format; /* output may have other formats than the input */
  gboolean cuda;           /* frames may be in CUDA memory, on either side */
  GstCaps *sink_caps;
  GstCaps *src_caps;
  gchar *record_in; /* records: the GVariant types */
  gchar *record_out;
  GArray *video; /* of GstRingVideoPair */
} GstRingCaps;

typedef struct
{
  const gchar *in;
  const gchar *out;
} GstRingVideoPair;

/* @cuda: the kernel runs, or may yet run, where frames in CUDA memory can be. */
G_GNUC_INTERNAL GstRingCaps *gst_ring_caps_new (RingKernelInfo *info,
    gboolean cuda);
G_GNUC_INTERNAL GstRingCaps *gst_ring_caps_ref (GstRingCaps *self);
G_GNUC_INTERNAL void gst_ring_caps_unref (GstRingCaps *self);

/* What @caps on the pad of @direction mean on the other pad. */
G_GNUC_INTERNAL GstCaps *gst_ring_caps_transform (GstRingCaps *self,
    GstPadDirection direction, GstCaps *caps);
G_GNUC_INTERNAL GstCaps *gst_ring_caps_query (GstRingCaps *self, GstPad *pad,
    GstPad *otherpad, GstCaps *filter);
/* Whether fixed caps can come in; if not, why. */
G_GNUC_INTERNAL gboolean gst_ring_caps_accept (GstRingCaps *self, GstCaps *caps,
    GError **error);
/* The input's format; @caps may be NULL where the kernel needs none. */
G_GNUC_INTERNAL RingFormat *gst_ring_caps_to_format (GstRingCaps *self,
    GstCaps *caps, GError **error);
/* What @info says of the colours of @format. */
G_GNUC_INTERNAL void gst_ring_caps_set_colors (RingFormat *format,
    const GstVideoInfo *info);
/* The output's caps, in the same memory as the input's; NULL if there are none. */
G_GNUC_INTERNAL GstCaps *gst_ring_caps_output (GstRingCaps *self, GstCaps *caps,
    const RingFormat *in, const RingFormat *out);

/* choose.c: what comes out of @in, and its caps (NULL if there are none). Where the
 * kernel leaves that open, downstream of @srcpad is asked. FALSE: it takes nothing that
 * the kernel could make. */
G_GNUC_INTERNAL gboolean gst_ring_caps_choose (GstRingCaps *self, GstCaps *caps,
    const RingFormat *in, GstPad *srcpad, RingFormat **out, GstCaps **out_caps,
    GError **error);

/* @caps for the other memory; NULL where there is no choice. */
G_GNUC_INTERNAL GstCaps *gst_ring_caps_in_other_memory (GstRingCaps *self,
    GstCaps *caps);

G_END_DECLS

#endif /* GST_RING_CAPS_H */
