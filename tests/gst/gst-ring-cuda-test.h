/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * gst-ring-cuda-test.h: what the element's tests on CUDA share. They run on the
 * stand-in driver, and on a real one; what steers the stand-in is there only where
 * it is.
 */
#ifndef GST_RING_CUDA_TEST_H
#define GST_RING_CUDA_TEST_H

#include "gst-ring-test.h"

#include <dlfcn.h>

#define GST_USE_UNSTABLE_API
#include <gst/cuda/gstcudabufferpool.h>
#include <gst/cuda/gstcudacontext.h>
#include <gst/cuda/gstcudaloader.h>
#include <gst/cuda/gstcudamemory.h>
#include <gst/cuda/gstcudautils.h>

#define CUDA_FEATURE "memory:CUDAMemory"

/* A function of the stand-in driver; NULL: another driver is there. */
static inline gpointer
fake_function (const gchar *name)
{
  void *driver = dlopen ("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);

  return driver ? dlsym (driver, name) : NULL;
}

static inline gboolean
is_fake (void)
{
  return fake_function ("ring_fake_set") != NULL;
}

static inline void
fake_set (const gchar *name, glong value)
{
  int (*set) (const char *, long) = fake_function ("ring_fake_set");

  ck_assert_int_eq (set (name, value), 0);
}

static inline void
fake_fail (const gchar *function, guint nth, gint error)
{
  int (*arrange) (const char *, unsigned, int) =
      fake_function ("ring_fake_fail");

  ck_assert_int_eq (arrange (function, nth, error), 0);
}

/* GStreamer's own elements: there with the stand-in driver, while a machine may have
 * a driver without the parts for video that they ask for. */
static inline gboolean
has_nvcodec (void)
{
  GstElementFactory *factory = gst_element_factory_find ("cudaupload");

  if (!factory && is_fake ())
    g_error ("there is no element cudaupload");
  if (!factory) {
    g_print ("# SKIP tests with cudaupload: there is no such element\n");
    return FALSE;
  }
  gst_object_unref (factory);
  return TRUE;
}

/* An element that runs on CUDA. */
static inline GstElement *
make_cuda_filter (const gchar *kernel)
{
  GstElement *filter = make_filter (kernel, 2);

  gst_util_set_object_arg (G_OBJECT (filter), "backend", "cuda");
  return filter;
}

static inline GstHarness *
make_cuda_harness (const gchar *kernel)
{
  GstElement *filter = make_cuda_filter (kernel);
  GstHarness *h = gst_harness_new_with_element (filter, "sink", "src");

  gst_object_unref (filter);
  ck_assert_int_eq (GST_STATE (h->element), GST_STATE_PLAYING);
  /* A sink that takes anything would get system memory. */
  gst_harness_set_sink_caps_str (h,
      "video/x-raw(" CUDA_FEATURE "); "
      "video/x-raw; audio/x-raw; application/octet-stream");
  return h;
}

/* A reference; the context that @element works in, as its neighbours learn it. */
static inline GstCudaContext *
context_of (GstElement *element, const gchar *pad_name)
{
  GstPad *pad = gst_element_get_static_pad (element, pad_name);
  GstQuery *query = gst_query_new_context (GST_CUDA_CONTEXT_TYPE);
  GstCudaContext *cuda = NULL;
  GstContext *context = NULL;

  if (gst_pad_query (pad, query))
    gst_query_parse_context (query, &context);
  if (context)
    gst_structure_get (gst_context_get_structure (context),
        GST_CUDA_CONTEXT_TYPE, GST_TYPE_CUDA_CONTEXT, &cuda, NULL);
  gst_query_unref (query);
  gst_object_unref (pad);
  return cuda;
}

static inline GstVideoInfo
video_info (const gchar *format, gint width, gint height)
{
  GstVideoInfo info;

  gst_video_info_set_format (&info, gst_video_format_from_string (format),
      width, height);
  info.fps_n = 25;
  info.fps_d = 1;
  return info;
}

/* Caps for frames like @info, in CUDA memory or not. */
static inline GstCaps *
caps_in (const GstVideoInfo *info, gboolean cuda)
{
  GstVideoInfo copy = *info;
  GstCaps *caps = gst_video_info_to_caps (&copy);

  if (cuda)
    gst_caps_set_features (caps, 0, gst_caps_features_new (CUDA_FEATURE, NULL));
  return caps;
}

/* A frame in system memory, the same for the same @seed. */
static inline GstBuffer *
make_frame (const GstVideoInfo *info, guint32 seed)
{
  GstBuffer *buffer =
      gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (info), NULL);
  GRand *random = g_rand_new_with_seed (seed);
  GstMapInfo map;
  gsize i;

  ck_assert (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
  for (i = 0; i < map.size; i++)
    map.data[i] = (guint8) g_rand_int (random);
  gst_buffer_unmap (buffer, &map);
  g_rand_free (random);
  GST_BUFFER_PTS (buffer) = (GstClockTime) seed * GST_SECOND / 25;
  GST_BUFFER_DURATION (buffer) = GST_SECOND / 25;
  return buffer;
}

/* Pictures only: what is between the rows is nobody's business. */
static inline void
assert_same_picture (GstBuffer *a, GstBuffer *b, const GstVideoInfo *info)
{
  GstVideoFrame fa, fb;
  guint p;
  gint y;

  ck_assert (gst_video_frame_map (&fa, (GstVideoInfo *) info, a, GST_MAP_READ));
  ck_assert (gst_video_frame_map (&fb, (GstVideoInfo *) info, b, GST_MAP_READ));
  for (p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++) {
    guint c = 0;
    gsize bytes;

    while (GST_VIDEO_INFO_COMP_PLANE (info, c) != p)
      c++;
    bytes = (gsize) GST_VIDEO_INFO_COMP_WIDTH (info, c)
        * (gsize) GST_VIDEO_INFO_COMP_PSTRIDE (info, c);
    for (y = 0; y < GST_VIDEO_INFO_COMP_HEIGHT (info, c); y++)
      ck_assert_msg (memcmp ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&fa, p)
                             + (gsize) y
                                 * GST_VIDEO_FRAME_PLANE_STRIDE (&fa, p),
                         (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&fb, p)
                             + (gsize) y
                                 * GST_VIDEO_FRAME_PLANE_STRIDE (&fb, p),
                         bytes)
              == 0,
          "%s, %dx%d: plane %u differs in row %d", GST_VIDEO_INFO_NAME (info),
          GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info), p, y);
  }
  gst_video_frame_unmap (&fa);
  gst_video_frame_unmap (&fb);
}

/* What the kernel makes of @frame on the cpu. */
static inline GstBuffer *
reference (const gchar *kernel, const GstVideoInfo *info, GstBuffer *frame)
{
  GstHarness *h = make_harness (kernel, 0);
  GstBuffer *result;

  gst_harness_set_src_caps (h, caps_in (info, FALSE));
  ck_assert_int_eq (gst_harness_push (h, gst_buffer_copy_deep (frame)),
      GST_FLOW_OK);
  result = gst_harness_pull (h);
  end_harness (h);
  return result;
}

/* A pool of frames in memory of @context. */
static inline GstBufferPool *
make_cuda_pool (GstCudaContext *context, const GstVideoInfo *info)
{
  GstBufferPool *pool = gst_cuda_buffer_pool_new (context);
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstCaps *caps = caps_in (info, TRUE);

  gst_buffer_pool_config_set_params (config, caps,
      (guint) GST_VIDEO_INFO_SIZE (info), 0, 0);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  ck_assert (gst_buffer_pool_set_config (pool, config));
  ck_assert (gst_buffer_pool_set_active (pool, TRUE));
  gst_caps_unref (caps);
  return pool;
}

static inline void
end_pool (GstBufferPool *pool)
{
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
}

/* @frame in a buffer of @pool. */
static inline GstBuffer *
upload (GstBufferPool *pool, const GstVideoInfo *info, GstBuffer *frame)
{
  GstVideoFrame from, to;
  GstBuffer *buffer;

  ck_assert_int_eq (gst_buffer_pool_acquire_buffer (pool, &buffer, NULL),
      GST_FLOW_OK);
  ck_assert (
      gst_video_frame_map (&from, (GstVideoInfo *) info, frame, GST_MAP_READ));
  ck_assert (
      gst_video_frame_map (&to, (GstVideoInfo *) info, buffer, GST_MAP_WRITE));
  ck_assert (gst_video_frame_copy (&to, &from));
  gst_video_frame_unmap (&to);
  gst_video_frame_unmap (&from);
  gst_buffer_copy_into (buffer, frame, GST_BUFFER_COPY_TIMESTAMPS, 0, -1);
  return buffer;
}

/* The context of a buffer's memory; NULL: it is not CUDA memory. */
static inline GstCudaContext *
memory_context (GstBuffer *buffer)
{
  GstMemory *memory = gst_buffer_peek_memory (buffer, 0);

  return gst_is_cuda_memory (memory) ? GST_CUDA_MEMORY_CAST (memory)->context
                                     : NULL;
}

static inline gboolean
caps_are_cuda (GstCaps *caps)
{
  return gst_caps_features_contains (gst_caps_get_features (caps, 0),
      CUDA_FEATURE);
}

/* Whether what comes out of the harness's element now is said to be CUDA memory. */
static inline gboolean
output_is_cuda (GstHarness *h)
{
  GstCaps *caps = gst_pad_get_current_caps (h->sinkpad);
  const gboolean cuda = caps_are_cuda (caps);

  gst_caps_unref (caps);
  return cuda;
}

#endif /* GST_RING_CUDA_TEST_H */
