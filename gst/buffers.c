/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * buffers.c: buffers as payloads by reference, and where output buffers come from.
 */
#include "buffers.h"

#include "caps.h"
#include "cudashare.h"

#include <gst/video/gstvideometa.h>
#include <gst/video/gstvideopool.h>
#include <string.h>

GST_DEBUG_CATEGORY_STATIC (ring_kernel_buffers_debug);
#define GST_CAT_DEFAULT ring_kernel_buffers_debug

/* ---- layout and mapping --------------------------------------------------------- */

void
gst_ring_layout_init (GstRingLayout *self, const RingFormat *format,
    GstCaps *caps)
{
  guint p, c;

  memset (self, 0, sizeof *self);
  self->kind = format->kind;
  self->alignment = 1;
  switch (format->kind) {
    case RING_PAYLOAD_AUDIO:
      self->alignment = format->audio_format == RING_AUDIO_FORMAT_S16LE ? 2
          : format->audio_format == RING_AUDIO_FORMAT_F64LE             ? 8
                                                                        : 4;
      return;
    case RING_PAYLOAD_RECORD:
      self->alignment = 8;
      return;
    case RING_PAYLOAD_BYTES:
      return;
    case RING_PAYLOAD_VIDEO:
      break;
  }

  self->is_video = TRUE;
  /* The caps were accepted, so they parse. */
  if (!gst_video_info_from_caps (&self->info, caps))
    g_return_if_reached ();
  for (p = 0; p < GST_VIDEO_INFO_N_PLANES (&self->info); p++) {
    for (c = 0; GST_VIDEO_INFO_COMP_PLANE (&self->info, c) != p;)
      c++;
    self->row_bytes[p] = (gsize) GST_VIDEO_INFO_COMP_WIDTH (&self->info, c)
        * (gsize) GST_VIDEO_INFO_COMP_PSTRIDE (&self->info, c);
    self->rows[p] = (guint) GST_VIDEO_INFO_COMP_HEIGHT (&self->info, c);
  }
}

static void set_error (GError **error, const gchar *format, ...)
    G_GNUC_PRINTF (2, 3);

static void
set_error (GError **error, const gchar *format, ...)
{
  va_list args;
  gchar *text;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, RING_ERROR, RING_ERROR_PAYLOAD, text);
  g_free (text);
}

static inline gsize
plane_size (const GstRingLayout *layout, guint p, gint stride)
{
  return (gsize) stride * (layout->rows[p] - 1) + layout->row_bytes[p];
}

static void
set_plane (GstRingMapping *self, const GstRingLayout *layout, guint p,
    gpointer data, gint stride)
{
  self->memory.plane[p].data = data;
  self->memory.plane[p].stride = stride;
  self->memory.plane[p].size = plane_size (layout, p, stride);
  self->memory.size += self->memory.plane[p].size;
}

/* Plane by plane, so that planes in several memories need no copy. FALSE where a
 * plane itself spans memories: then it takes a map of the whole. */
static gboolean
map_planes (GstRingMapping *self, const GstRingLayout *layout,
    GstVideoMeta *meta, GstMapFlags flags)
{
  guint p;

  for (p = 0; p < self->memory.n_planes; p++) {
    gpointer data;
    gint stride;
    gsize at;

    if (!gst_video_meta_map (meta, p, &self->map[p], &data, &stride, flags))
      break;
    at = (gsize) ((guint8 *) data - self->map[p].data);
    if (stride < (gint) layout->row_bytes[p] || at > self->map[p].size
        || plane_size (layout, p, stride) > self->map[p].size - at) {
      gst_video_meta_unmap (meta, p, &self->map[p]);
      break;
    }
    set_plane (self, layout, p, data, stride);
  }
  if (p == self->memory.n_planes) {
    self->meta = meta;
    self->n_maps = p;
    return TRUE;
  }
  while (p-- > 0)
    gst_video_meta_unmap (meta, p, &self->map[p]);
  self->memory.size = 0;
  return FALSE;
}

/* Whether all of the frame is in @size bytes. */
static gboolean
fits (const GstRingLayout *layout, const gint *stride, const gsize *offset,
    gsize size)
{
  guint p;

  for (p = 0; p < GST_VIDEO_INFO_N_PLANES (&layout->info); p++)
    if (stride[p] < (gint) layout->row_bytes[p] || offset[p] > size
        || plane_size (layout, p, stride[p]) > size - offset[p])
      return FALSE;
  return TRUE;
}

static void
set_too_small (GError **error, const GstVideoInfo *info, gsize size)
{
  set_error (error,
      "a buffer of %" G_GSIZE_FORMAT " bytes is smaller than "
      "a frame of %s, %dx%d, which has %" G_GSIZE_FORMAT,
      size, GST_VIDEO_INFO_NAME (info), GST_VIDEO_INFO_WIDTH (info),
      GST_VIDEO_INFO_HEIGHT (info), GST_VIDEO_INFO_SIZE (info));
}

static gboolean
map_device (GstRingMapping *self, const GstRingLayout *layout,
    GstVideoMeta *meta, GstMapFlags flags, GstObject *cuda, GError **error)
{
  const GstVideoInfo *info;
  const gint *stride;
  const gsize *offset;
  guint p;

  self->on_device = gst_ring_cuda_map (cuda, self->buffer, flags, &self->map[0],
      &info, &self->stream);
  if (!self->on_device)
    return FALSE;
  stride = meta ? meta->stride : info->stride;
  offset = meta ? meta->offset : info->offset;
  if (!fits (layout, stride, offset, self->map[0].size)) {
    set_too_small (error, &layout->info, self->map[0].size);
    gst_ring_cuda_unmap (self->buffer, &self->map[0]);
    self->on_device = FALSE;
    return FALSE;
  }
  self->meta = NULL;
  self->n_maps = 1;
  for (p = 0; p < self->memory.n_planes; p++)
    set_plane (self, layout, p, self->map[0].data + offset[p], stride[p]);
  return TRUE;
}

static gboolean
map_video (GstRingMapping *self, const GstRingLayout *layout, GstMapFlags flags,
    GstObject *cuda, GError **error)
{
  const GstVideoInfo *info = &layout->info;
  GstVideoMeta *meta = gst_buffer_get_video_meta (self->buffer);
  const gint *stride;
  const gsize *offset;
  GError *reason = NULL;
  gsize size;
  guint p;

  self->memory.n_planes = GST_VIDEO_INFO_N_PLANES (info);
  self->memory.size = 0;
  if (meta
      && (meta->format != GST_VIDEO_INFO_FORMAT (info)
          || meta->width < (guint) GST_VIDEO_INFO_WIDTH (info)
          || meta->height < (guint) GST_VIDEO_INFO_HEIGHT (info)
          || meta->n_planes < self->memory.n_planes)) {
    set_error (error,
        "a buffer's video meta says %s, %ux%u, the stream's caps "
        "say %s, %dx%d",
        gst_video_format_to_string (meta->format), meta->width, meta->height,
        GST_VIDEO_INFO_NAME (info), GST_VIDEO_INFO_WIDTH (info),
        GST_VIDEO_INFO_HEIGHT (info));
    return FALSE;
  }
  if (cuda) {
    if (map_device (self, layout, meta, flags, cuda, &reason))
      return TRUE;
    if (reason) {
      g_propagate_error (error, reason);
      return FALSE;
    }
  }
  if (meta && map_planes (self, layout, meta, flags))
    return TRUE;

  size = gst_buffer_get_size (self->buffer);
  stride = meta ? meta->stride : info->stride;
  offset = meta ? meta->offset : info->offset;
  if (!fits (layout, stride, offset, size)) {
    set_too_small (error, info, size);
    return FALSE;
  }
  if (!gst_buffer_map (self->buffer, &self->map[0], flags)) {
    set_error (error, "a buffer of %" G_GSIZE_FORMAT " bytes cannot be mapped",
        size);
    return FALSE;
  }
  self->meta = NULL;
  self->n_maps = 1;
  for (p = 0; p < self->memory.n_planes; p++)
    set_plane (self, layout, p, self->map[0].data + offset[p], stride[p]);
  return TRUE;
}

gboolean
gst_ring_mapping_map (GstRingMapping *self, GstBuffer *buffer,
    const GstRingLayout *layout, GstMapFlags flags, GstObject *cuda,
    GError **error)
{
  RingMemory *memory = &self->memory;

  self->buffer = buffer;
  self->on_device = FALSE;
  self->stream = NULL;
  if (layout->is_video)
    return map_video (self, layout, flags, cuda, error);

  if (G_UNLIKELY (!gst_buffer_map (buffer, &self->map[0], flags))) {
    set_error (error, "a buffer of %" G_GSIZE_FORMAT " bytes cannot be mapped",
        gst_buffer_get_size (buffer));
    return FALSE;
  }
  self->meta = NULL;
  self->n_maps = 1;
  memory->n_planes = 1;
  memory->size = self->map[0].size;
  memory->plane[0].data = self->map[0].data;
  memory->plane[0].stride = 0;
  memory->plane[0].size = self->map[0].size;
  return TRUE;
}

void
gst_ring_mapping_unmap (GstRingMapping *self)
{
  guint p;

  if (self->meta) {
    for (p = 0; p < self->n_maps; p++)
      gst_video_meta_unmap (self->meta, p, &self->map[p]);
    self->meta = NULL;
  } else if (self->n_maps && self->on_device) {
    gst_ring_cuda_unmap (self->buffer, &self->map[0]);
  } else if (self->n_maps) {
    gst_buffer_unmap (self->buffer, &self->map[0]);
  }
  self->n_maps = 0;
}

/* ---- output buffers --------------------------------------------------------------- */

void
gst_ring_buffers_init (GstRingBuffers *self, GstObject *owner)
{
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (ring_kernel_buffers_debug, "ringkernelbuffers", 0,
        "ringkernelfilter: buffers and pools");
    g_once_init_leave (&once, 1);
  }
  memset (self, 0, sizeof *self);
  self->owner = owner;
  g_mutex_init (&self->lock);
  gst_allocation_params_init (&self->params);
}

static void
take_pool (GstRingBuffers *self, GstBufferPool *pool, gsize size, gboolean own)
{
  GstBufferPool *old;
  gboolean active;

  g_mutex_lock (&self->lock);
  old = self->pool;
  active = self->active;
  self->pool = pool;
  self->active = FALSE;
  self->own_pool = own;
  self->size = size;
  g_mutex_unlock (&self->lock);
  if (old) {
    if (active)
      gst_buffer_pool_set_active (old, FALSE);
    gst_object_unref (old);
  }
}

void
gst_ring_buffers_reset (GstRingBuffers *self)
{
  take_pool (self, NULL, 0, FALSE);
  gst_clear_object (&self->allocator);
  gst_allocation_params_init (&self->params);
  gst_caps_replace (&self->caps, NULL);
  self->downstream_video_meta = FALSE;
  self->cuda = FALSE;
}

void
gst_ring_buffers_set_device (GstRingBuffers *self, GstObject *context,
    GstAllocator *pinned)
{
  gst_object_replace (&self->context, context);
  gst_object_replace ((GstObject **) &self->pinned, (GstObject *) pinned);
}

void
gst_ring_buffers_clear (GstRingBuffers *self)
{
  gst_ring_buffers_reset (self);
  gst_ring_buffers_set_device (self, NULL, NULL);
  g_mutex_clear (&self->lock);
}

void
gst_ring_buffers_set_flushing (GstRingBuffers *self, gboolean flushing)
{
  GstBufferPool *pool;

  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  pool = self->pool && self->active ? gst_object_ref (self->pool) : NULL;
  g_mutex_unlock (&self->lock);
  if (pool) {
    gst_buffer_pool_set_flushing (pool, flushing);
    gst_object_unref (pool);
  }
}

/* TRUE: the pool is set up; *size is what its buffers really have. */
static gboolean
configure_pool (GstRingBuffers *self, GstBufferPool *pool, GstCaps *caps,
    gsize *size, guint min, guint max)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstCaps *got;
  guint got_size;

  gst_buffer_pool_config_set_params (config, caps, (guint) *size, min, max);
  if (!self->cuda)
    gst_buffer_pool_config_set_allocator (config, self->allocator,
        &self->params);
  /* Rows of CUDA memory lie as the driver likes it, so there is no doing without. */
  if ((self->downstream_video_meta || self->cuda)
      && gst_buffer_pool_has_option (pool, GST_BUFFER_POOL_OPTION_VIDEO_META))
    gst_buffer_pool_config_add_option (config,
        GST_BUFFER_POOL_OPTION_VIDEO_META);

  if (!gst_buffer_pool_set_config (pool, config)) {
    /* It has changed what it cannot do: take that if it still fits. */
    config = gst_buffer_pool_get_config (pool);
    if (!gst_buffer_pool_config_validate_params (config, caps, (guint) *size,
            min, max)) {
      gst_structure_free (config);
      return FALSE;
    }
    if (!gst_buffer_pool_set_config (pool, config))
      return FALSE;
  }
  config = gst_buffer_pool_get_config (pool);
  if (gst_buffer_pool_config_get_params (config, &got, &got_size, NULL, NULL))
    *size = MAX (*size, got_size);
  gst_structure_free (config);
  return TRUE;
}

/* A pool of our own for buffers of @size bytes. */
static gboolean
make_own_pool (GstRingBuffers *self, const GstRingLayout *layout, gsize size,
    guint min)
{
  GstBufferPool *pool = self->cuda ? gst_ring_cuda_pool_new (self->context)
      : layout->is_video           ? gst_video_buffer_pool_new ()
                                   : gst_buffer_pool_new ();

  if (!self->allocator && self->pinned)
    self->allocator = gst_object_ref (self->pinned);
  if (size > G_MAXUINT
      || !configure_pool (self, pool, self->caps, &size, min, 0)) {
    gst_object_unref (pool);
    return FALSE;
  }
  take_pool (self, pool, size, TRUE);
  return TRUE;
}

gboolean
gst_ring_buffers_decide (GstRingBuffers *self, GstPad *srcpad, GstCaps *caps,
    const GstRingLayout *layout, guint depth)
{
  GstBufferPool *pool = NULL;
  GstQuery *query = NULL;
  guint size = 0, min = 0, max = 0;
  gsize needed = layout->is_video ? GST_VIDEO_INFO_SIZE (&layout->info) : 0;

  gst_ring_buffers_reset (self);
  self->depth = depth;
  self->cuda = self->context && gst_ring_caps_are_cuda (caps);
  gst_caps_replace (&self->caps, caps);
  if (caps) {
    query = gst_query_new_allocation (caps, TRUE);
    if (!gst_pad_peer_query (srcpad, query))
      GST_DEBUG_OBJECT (self->owner, "downstream proposes nothing");
    self->downstream_video_meta = layout->is_video
        && gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE,
            NULL);
    if (gst_query_get_n_allocation_params (query) > 0)
      gst_query_parse_nth_allocation_param (query, 0, &self->allocator,
          &self->params);
    if (gst_query_get_n_allocation_pools (query) > 0)
      gst_query_parse_nth_allocation_pool (query, 0, &pool, &size, &min, &max);
    gst_query_unref (query);
  }
  /* What kernels that work in words and in vectors like. */
  self->params.align = MAX (self->params.align, 63);

  /* One more than in flight: the one that downstream looks at. */
  min += depth + 1;
  if (max != 0)
    min = MIN (min, max);
  if (pool) {
    gsize got = MAX (needed, size);

    /* A pool of fixed buffers is of use only where all payloads fit; there may be
     * no telling ahead for bytes and blocks of audio. */
    if (got > 0
        && (!self->cuda || gst_ring_cuda_pool_fits (pool, self->context))
        && configure_pool (self, pool, caps, &got, min, max)) {
      GST_DEBUG_OBJECT (self->owner, "downstream's pool %" GST_PTR_FORMAT,
          pool);
      take_pool (self, pool, got, FALSE);
      return TRUE;
    }
    GST_DEBUG_OBJECT (self->owner, "downstream's pool does not fit");
    gst_object_unref (pool);
  }
  return !layout->is_video || make_own_pool (self, layout, needed, min);
}

GstFlowReturn
gst_ring_buffers_acquire (GstRingBuffers *self, const GstRingLayout *layout,
    gsize size, GstBuffer **buffer)
{
  GstFlowReturn ret;

  if (layout->is_video)
    size = 0;
  if (G_UNLIKELY (!self->pool || size > self->size)) {
    gsize rounded = 4096;

    while (rounded < size)
      rounded *= 2;
    if (!make_own_pool (self, layout, rounded, self->depth + 2))
      return GST_FLOW_ERROR;
  }
  if (G_UNLIKELY (!self->active)) {
    gboolean flushing;

    if (!gst_buffer_pool_set_active (self->pool, TRUE))
      return GST_FLOW_ERROR;
    g_mutex_lock (&self->lock);
    self->active = TRUE;
    flushing = self->flushing;
    g_mutex_unlock (&self->lock);
    if (flushing)
      gst_buffer_pool_set_flushing (self->pool, TRUE);
  }
  ret = gst_buffer_pool_acquire_buffer (self->pool, buffer, NULL);
  if (G_UNLIKELY (ret != GST_FLOW_OK))
    return ret;
  if (!layout->is_video && gst_buffer_get_size (*buffer) != size)
    gst_buffer_set_size (*buffer, (gssize) size);
  return GST_FLOW_OK;
}

/* ---- ALLOCATION from upstream ------------------------------------------------------- */

/* NULL: none can be set up. */
static GstBufferPool *
make_pool_to_propose (GstRingBuffers *self, GstCaps *caps, gboolean cuda,
    const GstAllocationParams *params, guint *size, guint min)
{
  GstBufferPool *pool = cuda ? gst_ring_cuda_pool_new (self->context)
                             : gst_video_buffer_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (pool);

  gst_buffer_pool_config_set_params (config, caps, *size, min, 0);
  if (cuda)
    gst_buffer_pool_config_add_option (config,
        GST_BUFFER_POOL_OPTION_VIDEO_META);
  else
    gst_buffer_pool_config_set_allocator (config, self->pinned, params);
  if (!gst_buffer_pool_set_config (pool, config)) {
    gst_object_unref (pool);
    return NULL;
  }
  config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_get_params (config, NULL, size, NULL, NULL);
  gst_structure_free (config);
  return pool;
}

gboolean
gst_ring_buffers_propose (GstRingBuffers *self, GstQuery *query,
    RingPayloadKind kind, gboolean any_strides, guint depth)
{
  GstAllocationParams params;
  GstBufferPool *pool = NULL;
  GstVideoInfo info;
  GstCaps *caps;
  gboolean need_pool, cuda;
  guint size;

  gst_query_parse_allocation (query, &caps, &need_pool);
  cuda = gst_ring_caps_are_cuda (caps);
  if (cuda && !self->context)
    return FALSE;
  gst_allocation_params_init (&params);
  params.align = 63;
  if (!cuda)
    gst_query_add_allocation_param (query, self->pinned, &params);
  if (kind != RING_PAYLOAD_VIDEO)
    return TRUE;
  if (!caps || !gst_video_info_from_caps (&info, caps))
    return FALSE;

  size = (guint) GST_VIDEO_INFO_SIZE (&info);
  if (need_pool)
    pool = make_pool_to_propose (self, caps, cuda, &params, &size, depth + 1);
  gst_query_add_allocation_pool (query, pool, size, depth + 1, 0);
  gst_clear_object (&pool);
  if (any_strides || cuda)
    gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  return TRUE;
}

static gboolean
says_which_memory (GstQuery *query)
{
  gboolean says = FALSE;
  guint i;

  for (i = 0; i < gst_query_get_n_allocation_pools (query); i++) {
    GstBufferPool *pool;

    gst_query_parse_nth_allocation_pool (query, i, &pool, NULL, NULL, NULL);
    says = says || pool;
    gst_clear_object (&pool);
  }
  for (i = 0; i < gst_query_get_n_allocation_params (query); i++) {
    GstAllocator *allocator;

    gst_query_parse_nth_allocation_param (query, i, &allocator, NULL);
    says = says || allocator;
    gst_clear_object (&allocator);
  }
  return says;
}

gboolean
gst_ring_buffers_take_over (GstRingBuffers *self, GstQuery *query, guint depth)
{
  guint i;

  if (self->pinned && !says_which_memory (query)) {
    while (gst_query_get_n_allocation_pools (query) > 0)
      gst_query_remove_nth_allocation_pool (query, 0);
    while (gst_query_get_n_allocation_params (query) > 0)
      gst_query_remove_nth_allocation_param (query, 0);
    return FALSE;
  }
  for (i = 0; i < gst_query_get_n_allocation_pools (query); i++) {
    GstBufferPool *pool;
    guint size, min, max;

    gst_query_parse_nth_allocation_pool (query, i, &pool, &size, &min, &max);
    min += depth;
    if (max != 0)
      min = MIN (min, max);
    gst_query_set_nth_allocation_pool (query, i, pool, size, min, max);
    gst_clear_object (&pool);
  }
  return TRUE;
}

/* ---- metas ---------------------------------------------------------------------------- */

static gboolean
keep_meta (const GstMetaInfo *info, GstRingMetas what)
{
  static GQuark memory, colorspace;
  const GType api = info->api;

  if (G_UNLIKELY (!memory)) {
    colorspace = g_quark_from_static_string (GST_META_TAG_VIDEO_COLORSPACE_STR);
    memory = g_quark_from_static_string (GST_META_TAG_MEMORY_STR);
  }
  switch (what) {
    case GST_RING_METAS_SAME_BYTES:
      return TRUE;
    case GST_RING_METAS_SAME:
      return !gst_meta_api_type_has_tag (api, memory);
    case GST_RING_METAS_COLORS:
    case GST_RING_METAS_SIZE:
      return !gst_meta_api_type_has_tag (api, memory)
          && !gst_meta_api_type_has_tag (api, colorspace);
    case GST_RING_METAS_NONE:
    default: {
      const gchar *const *tags = gst_meta_api_type_get_tags (api);

      return !tags || !tags[0];
    }
  }
}

/* Regions of interest and the like are told where they are now; what does not know
 * of sizes leaves nothing. */
static gboolean
transform_size (GstBuffer *to, GstMeta *meta, GstBuffer *from,
    const GstRingLayout *out, const GstRingLayout *in)
{
  static GQuark size, orientation;
  GstVideoMetaTransform scale;

  if (G_UNLIKELY (!orientation)) {
    size = g_quark_from_static_string (GST_META_TAG_VIDEO_SIZE_STR);
    orientation =
        g_quark_from_static_string (GST_META_TAG_VIDEO_ORIENTATION_STR);
  }
  if (!gst_meta_api_type_has_tag (meta->info->api, size)
      && !gst_meta_api_type_has_tag (meta->info->api, orientation))
    return FALSE;
  scale.in_info = (GstVideoInfo *) &in->info;
  scale.out_info = (GstVideoInfo *) &out->info;
  meta->info->transform_func (to, meta, from,
      gst_video_meta_transform_scale_get_quark (), &scale);
  return TRUE;
}

void
gst_ring_buffers_copy_metas (GstBuffer *to, GstBuffer *from,
    const GstRingLayout *out, const GstRingLayout *in, GstRingMetas what)
{
  GstMetaTransformCopy copy = { FALSE, 0, (gsize) -1 };
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta (from, &state))) {
    const GstMetaInfo *info = meta->info;

    if (GST_META_FLAG_IS_SET (meta, GST_META_FLAG_POOLED)
        && !(what == GST_RING_METAS_SAME_BYTES
            && info->api == GST_VIDEO_META_API_TYPE))
      continue;
    if (!info->transform_func || !keep_meta (info, what))
      continue;
    if (what != GST_RING_METAS_SIZE
        || !transform_size (to, meta, from, out, in))
      info->transform_func (to, meta, from, _gst_meta_transform_copy, &copy);
  }
}
