/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * allocation.c: which memory buffers live in: in place, pools, strides.
 */
#include "gst-ring-test.h"

#include <gst/video/gstvideometa.h>
#include <gst/video/gstvideopool.h>

#define WIDTH 17
#define HEIGHT 6
#define RGB_CAPS "video/x-raw,format=RGB,width=17,height=6,framerate=25/1"

static GstMemory *
memory_of (GstBuffer *buffer)
{
  return gst_buffer_peek_memory (buffer, 0);
}

/* ---- in place --------------------------------------------------------------------- */

GST_START_TEST (a_writable_buffer_is_worked_on_in_place)
{
  GstHarness *h = make_harness ("invert", __i__);
  GstBuffer *in = make_bytes (52 * HEIGHT, 10), *out;
  GstMemory *memory = memory_of (in);

  gst_harness_set_src_caps_str (h, RGB_CAPS);
  ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
  out = gst_harness_pull (h);
  ck_assert (memory_of (out) == memory);
  ck_assert_uint_eq (first_byte (out), 245);
  gst_buffer_unref (out);
  /* A device has to be brought what lies in ordinary memory. */
  ck_assert_uint_eq (get_stat (h->element, "bytes-copied"),
      on_cuda (__i__) ? 2 * 51 * HEIGHT : 0);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (a_shared_buffer_is_left_alone)
{
  GstHarness *h = make_harness ("invert", __i__);
  GstBuffer *in = make_bytes (52 * HEIGHT, 10), *out;

  gst_harness_set_src_caps_str (h, RGB_CAPS);
  ck_assert_int_eq (gst_harness_push (h, gst_buffer_ref (in)), GST_FLOW_OK);
  out = gst_harness_pull (h);
  ck_assert (memory_of (out) != memory_of (in));
  ck_assert_uint_eq (first_byte (in), 10);
  ck_assert_uint_eq (first_byte (out), 245);
  gst_buffer_unref (out);
  gst_buffer_unref (in);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (shared_memory_in_a_writable_buffer_is_left_alone)
{
  GstHarness *h = make_harness ("invert", __i__);
  GstBuffer *in = make_bytes (52 * HEIGHT, 10), *copy, *out;

  /* Two buffers, one memory. */
  copy = gst_buffer_copy (in);
  ck_assert (memory_of (in) == memory_of (copy));
  gst_harness_set_src_caps_str (h, RGB_CAPS);
  ck_assert_int_eq (gst_harness_push (h, copy), GST_FLOW_OK);
  out = gst_harness_pull (h);
  ck_assert_uint_eq (first_byte (in), 10);
  ck_assert_uint_eq (first_byte (out), 245);
  gst_buffer_unref (out);
  gst_buffer_unref (in);
  end_harness (h);
}

GST_END_TEST;

/* Audio at an odd address: neither in place nor wrong. */
GST_START_TEST (misaligned_audio_gives_the_same_result)
{
  GstHarness *h = make_harness ("gain", __i__);
  gfloat samples[64], *result;
  GstBuffer *whole, *part, *out;
  GstMapInfo map;
  guint i;

  for (i = 0; i < 64; i++)
    samples[i] = (gfloat) i / 64;
  whole = gst_buffer_new_allocate (NULL, sizeof samples + 1, NULL);
  gst_buffer_fill (whole, 1, samples, sizeof samples);
  part = gst_buffer_copy_region (whole, GST_BUFFER_COPY_ALL, 1, sizeof samples);
  gst_buffer_unref (whole);
  gst_harness_set_src_caps_str (h,
      "audio/x-raw,format=F32LE,rate=8000,channels=1,layout=interleaved");
  ck_assert_int_eq (gst_harness_push (h, part), GST_FLOW_OK);
  out = gst_harness_pull (h);
  gst_buffer_map (out, &map, GST_MAP_READ);
  ck_assert_uint_eq (map.size, sizeof samples);
  result = g_memdup2 (map.data, map.size);
  for (i = 0; i < 64; i++)
    ck_assert (result[i] == samples[i]);
  g_free (result);
  gst_buffer_unmap (out, &map);
  gst_buffer_unref (out);
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* ---- strides ------------------------------------------------------------------------ */

/* A frame of RGB with rows of @stride bytes from @offset on, each byte its column
 * plus its row, and 0xee between. */
static GstBuffer *
make_padded (gsize offset, gint stride)
{
  gsize offsets[GST_VIDEO_MAX_PLANES] = {
    offset,
  };
  gint strides[GST_VIDEO_MAX_PLANES] = {
    stride,
  };
  GstBuffer *buffer = make_bytes (offset + (gsize) stride * HEIGHT, 0xee);
  GstMapInfo map;
  guint x, y;

  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (y = 0; y < HEIGHT; y++)
    for (x = 0; x < 3 * WIDTH; x++)
      map.data[offset + y * stride + x] = (guint8) (x + y);
  gst_buffer_unmap (buffer, &map);
  gst_buffer_add_video_meta_full (buffer, 0, GST_VIDEO_FORMAT_RGB, WIDTH,
      HEIGHT, 1, offsets, strides);
  return buffer;
}

static void
check_inverted (GstBuffer *buffer)
{
  GstVideoInfo info;
  GstVideoFrame frame;
  guint x, y;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_RGB, WIDTH, HEIGHT);
  ck_assert (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ));
  for (y = 0; y < HEIGHT; y++) {
    const guint8 *row = (const guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame, 0)
        + y * GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0);

    for (x = 0; x < 3 * WIDTH; x++)
      ck_assert_uint_eq (row[x], 255 - (x + y));
  }
  gst_video_frame_unmap (&frame);
}

GST_START_TEST (strides_and_offsets_come_from_the_meta)
{
  GstHarness *h = make_harness ("invert", __i__);
  static const struct
  {
    gsize offset;
    gint stride;
  } layouts[] = { { 0, 51 }, { 0, 52 }, { 0, 53 }, { 1, 51 }, { 7, 61 },
    { 4096, 256 } };
  guint i, shared;

  gst_harness_set_src_caps_str (h, RGB_CAPS);
  for (i = 0; i < G_N_ELEMENTS (layouts); i++) {
    for (shared = 0; shared < 2; shared++) {
      GstBuffer *in = make_padded (layouts[i].offset, layouts[i].stride), *out;

      if (shared)
        gst_buffer_ref (in);
      ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
      out = gst_harness_pull (h);
      check_inverted (out);
      if (!shared) {
        guint8 pad = 0;

        /* In place, and nothing between the rows was touched. */
        ck_assert (out == in);
        if (layouts[i].stride > 51) {
          gst_buffer_extract (out, layouts[i].offset + 51, &pad, 1);
          ck_assert_uint_eq (pad, 0xee);
        }
      } else {
        gst_buffer_unref (in);
      }
      gst_buffer_unref (out);
    }
  }
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* Harnesses do not announce video meta: output for a shared input has the strides
 * that caps imply. */
GST_START_TEST (downstream_without_video_meta_gets_default_strides)
{
  GstHarness *h = make_harness ("invert", __i__);
  GstBuffer *in = gst_buffer_ref (make_padded (8, 99)), *out;
  GstMapInfo map;

  gst_harness_set_src_caps_str (h, RGB_CAPS);
  ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
  out = gst_harness_pull (h);
  ck_assert_uint_eq (gst_buffer_get_size (out), 52 * HEIGHT);
  gst_buffer_map (out, &map, GST_MAP_READ);
  ck_assert_uint_eq (map.data[52], 254);
  gst_buffer_unmap (out, &map);
  gst_buffer_unref (out);
  gst_buffer_unref (in);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (planes_in_several_memories)
{
  GstHarness *h = make_harness ("invert", __i__);
  gsize offsets[GST_VIDEO_MAX_PLANES] = { 0, 128, 160 };
  gint strides[GST_VIDEO_MAX_PLANES] = { 16, 8, 8 };
  GstBuffer *in, *out;
  GstMapInfo map;
  guint split, i;

  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=I420,width=16,height=8,framerate=25/1");
  /* At the planes' borders; in the middle of the first. */
  for (split = 0; split < 2; split++) {
    in = gst_buffer_new ();
    for (i = 0; i < 3; i++) {
      const gsize size = split ? 64 : i == 0 ? 128 : 32;

      gst_buffer_append_memory (in, gst_allocator_alloc (NULL, size, NULL));
    }
    gst_buffer_memset (in, 0, 1, 192);
    gst_buffer_add_video_meta_full (in, 0, GST_VIDEO_FORMAT_I420, 16, 8, 3,
        offsets, strides);
    ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
    out = gst_harness_pull (h);
    gst_buffer_map (out, &map, GST_MAP_READ);
    for (i = 0; i < 192; i++)
      ck_assert_uint_eq (map.data[i], 254);
    gst_buffer_unmap (out, &map);
    gst_buffer_unref (out);
  }
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* Cameras and decoders give pictures that are parts of larger frames. */
GST_START_TEST (bytes_keep_their_video_meta)
{
  GstHarness *h = make_harness ("copy", __i__);
  GstBuffer *in = gst_buffer_ref (make_padded (7, 61)), *out;
  GstVideoMeta *meta;

  gst_harness_set_src_caps_str (h, RGB_CAPS);
  ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
  out = gst_harness_pull (h);
  ck_assert (out != in);
  meta = gst_buffer_get_video_meta (out);
  ck_assert (meta != NULL);
  ck_assert_int_eq (meta->stride[0], 61);
  ck_assert_uint_eq (meta->offset[0], 7);
  ck_assert_uint_eq (gst_buffer_get_size (out), gst_buffer_get_size (in));
  gst_buffer_unref (out);
  gst_buffer_unref (in);
  end_harness (h);
}

GST_END_TEST;

/* ---- pools ---------------------------------------------------------------------------- */

typedef struct
{
  GstBufferPool *pool;
  guint queries;
} Proposal;

static GstPadProbeReturn
propose_pool (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);
  Proposal *proposal = data;

  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return GST_PAD_PROBE_OK;
  proposal->queries++;
  gst_query_add_allocation_pool (query, proposal->pool, 64 * HEIGHT, 2, 0);
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  return GST_PAD_PROBE_HANDLED;
}

static void
add_proposal (GstHarness *h, Proposal *proposal)
{
  GstStructure *config;

  proposal->pool = gst_video_buffer_pool_new ();
  proposal->queries = 0;
  config = gst_buffer_pool_get_config (proposal->pool);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_buffer_pool_set_config (proposal->pool, config);
  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
      propose_pool, proposal, NULL);
}

GST_START_TEST (output_lies_in_the_pool_that_downstream_proposes)
{
  GstHarness *h = make_harness ("edges", __i__);
  Proposal proposal;
  GstBuffer *out;
  guint i;

  add_proposal (h, &proposal);
  gst_harness_set_src_caps_str (h, RGB_CAPS);
  for (i = 0; i < 20; i++) {
    ck_assert_int_eq (gst_harness_push (h, make_bytes (52 * HEIGHT, 0)),
        GST_FLOW_OK);
    out = gst_harness_pull (h);
    ck_assert (out->pool == proposal.pool);
    gst_buffer_unref (out);
  }
  ck_assert_uint_eq (proposal.queries, 1);
  gst_object_unref (proposal.pool);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (a_reconfigure_asks_again)
{
  GstHarness *h = make_harness ("edges", __i__);
  GstBufferPool *old;
  Proposal proposal;
  GstBuffer *out;

  add_proposal (h, &proposal);
  gst_harness_set_src_caps_str (h, RGB_CAPS);
  gst_harness_push (h, make_bytes (52 * HEIGHT, 0));
  gst_buffer_unref (gst_harness_pull (h));
  old = proposal.pool;
  proposal.pool = gst_video_buffer_pool_new ();
  ck_assert (gst_harness_push_upstream_event (h, gst_event_new_reconfigure ()));
  gst_harness_push (h, make_bytes (52 * HEIGHT, 0));
  out = gst_harness_pull (h);
  ck_assert_uint_eq (proposal.queries, 2);
  ck_assert (out->pool == proposal.pool);
  gst_buffer_unref (out);
  gst_object_unref (old);
  gst_object_unref (proposal.pool);
  end_harness (h);
}

GST_END_TEST;

static GstQuery *
ask_allocation (GstHarness *h)
{
  GstCaps *caps = gst_caps_from_string (RGB_CAPS);
  GstQuery *query = gst_query_new_allocation (caps, TRUE);

  ck_assert (gst_pad_peer_query (h->srcpad, query));
  gst_caps_unref (caps);
  return query;
}

GST_START_TEST (upstream_is_offered_a_pool_for_what_is_in_flight)
{
  GstHarness *h = make_harness ("edges", __i__);
  GstBufferPool *pool;
  GstQuery *query;
  guint size, min, max;

  g_object_set (h->element, "max-in-flight", 6, NULL);
  gst_harness_set_src_caps_str (h, RGB_CAPS);
  query = ask_allocation (h);
  ck_assert (
      gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL));
  ck_assert_uint_eq (gst_query_get_n_allocation_pools (query), 1);
  gst_query_parse_nth_allocation_pool (query, 0, &pool, &size, &min, &max);
  ck_assert (pool != NULL);
  ck_assert_uint_eq (size, 52 * HEIGHT);
  ck_assert_uint_eq (min, is_inline (__i__) ? 2 : 7);
  gst_object_unref (pool);
  gst_query_unref (query);
  end_harness (h);
}

GST_END_TEST;

/* What is worked on in place is what downstream gets, so downstream chooses. */
GST_START_TEST (in_place_upstream_is_offered_downstreams_pool)
{
  GstHarness *h = make_harness ("invert", __i__);
  GstBufferPool *pool;
  Proposal proposal;
  GstQuery *query;
  guint size, min, max;

  g_object_set (h->element, "max-in-flight", 6, NULL);
  add_proposal (h, &proposal);
  gst_harness_set_src_caps_str (h, RGB_CAPS);
  query = ask_allocation (h);
  gst_query_parse_nth_allocation_pool (query, 0, &pool, &size, &min, &max);
  ck_assert (pool == proposal.pool);
  ck_assert_uint_eq (min, is_inline (__i__) ? 2 : 8);
  gst_object_unref (pool);
  gst_query_unref (query);
  gst_object_unref (proposal.pool);
  end_harness (h);
}

GST_END_TEST;

/* A producer with two buffers in all must not wait for ours to come back. */
GST_START_TEST (a_producer_with_few_buffers_does_not_starve)
{
  gchar *kernel;
  GstHarness *h;
  GstBufferPool *pool;
  GstStructure *config;
  Gate gate = {
    0,
  };
  guint i;

  if (is_inline (__i__))
    return;
  kernel = test_kernel ("gate");
  h = make_harness (kernel, __i__);
  gst_harness_set_src_caps_str (h, "application/x");
  pool = gst_buffer_pool_new ();
  config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_set_params (config, NULL, 64, 2, 2);
  gst_buffer_pool_set_config (pool, config);
  gst_buffer_pool_set_active (pool, TRUE);
  for (i = 0; i < 8; i++) {
    GstBuffer *buffer;
    gpointer address = &gate;

    ck_assert_int_eq (gst_buffer_pool_acquire_buffer (pool, &buffer, NULL),
        GST_FLOW_OK);
    gst_buffer_memset (buffer, 0, 0, 64);
    gst_buffer_fill (buffer, 0, &address, sizeof address);
    ck_assert_int_eq (gst_harness_push (h, buffer), GST_FLOW_OK);
  }
  ck_assert_uint_gt (get_stat (h->element, "bytes-copied"), 0);
  open_gate (&gate);
  for (i = 0; i < 8; i++)
    gst_buffer_unref (gst_harness_pull (h));
  end_harness (h);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
  g_free (kernel);
}

GST_END_TEST;

/* Output buffers of bytes and records come from a pool, whatever their sizes. */
GST_START_TEST (sizes_that_vary)
{
  GstHarness *h = make_harness ("copy", __i__);
  guint i;

  gst_harness_set_src_caps_str (h, "application/x");
  for (i = 0; i < 500; i++) {
    const gsize size = 1 + i * 7919 % 20011;
    GstBuffer *in = gst_buffer_ref (make_bytes (size, i)), *out;

    ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
    out = gst_harness_pull (h);
    ck_assert (out != in);
    ck_assert_uint_eq (gst_buffer_get_size (out), size);
    ck_assert_uint_eq (first_byte (out), i & 255);
    gst_buffer_unref (out);
    gst_buffer_unref (in);
  }
  end_harness (h);
}

GST_END_TEST;

static Suite *
allocation_suite (void)
{
  Suite *s = suite_create ("allocation");
  TCase *tc = tcase_create ("allocation");

  suite_add_tcase (s, tc);
  tcase_add_mode_test (tc, a_writable_buffer_is_worked_on_in_place);
  tcase_add_mode_test (tc, a_shared_buffer_is_left_alone);
  tcase_add_mode_test (tc, shared_memory_in_a_writable_buffer_is_left_alone);
  tcase_add_mode_test (tc, misaligned_audio_gives_the_same_result);
  tcase_add_mode_test (tc, strides_and_offsets_come_from_the_meta);
  tcase_add_mode_test (tc, downstream_without_video_meta_gets_default_strides);
  tcase_add_mode_test (tc, planes_in_several_memories);
  tcase_add_mode_test (tc, bytes_keep_their_video_meta);
  tcase_add_mode_test (tc, output_lies_in_the_pool_that_downstream_proposes);
  tcase_add_mode_test (tc, a_reconfigure_asks_again);
  tcase_add_mode_test (tc, upstream_is_offered_a_pool_for_what_is_in_flight);
  tcase_add_mode_test (tc, in_place_upstream_is_offered_downstreams_pool);
  tcase_add_gate_test (tc, a_producer_with_few_buffers_does_not_starve);
  tcase_add_mode_test (tc, sizes_that_vary);
  return s;
}

GST_CHECK_MAIN (allocation);
