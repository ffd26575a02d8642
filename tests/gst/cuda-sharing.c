/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cuda-sharing.c: what the element shares with those around it on CUDA: contexts,
 * caps, pools and memory.
 */
#include "gst-ring-cuda-test.h"

/* ---- contexts ------------------------------------------------------------------- */

static void
set_state (GstElement *element, GstState state)
{
  ck_assert_int_ne (gst_element_set_state (element, state),
      GST_STATE_CHANGE_FAILURE);
}

static GstBusSyncReply
give_context (GstBus *bus, GstMessage *message, gpointer data)
{
  const gchar *type;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_NEED_CONTEXT
      && gst_message_parse_context_type (message, &type)
      && strcmp (type, GST_CUDA_CONTEXT_TYPE) == 0) {
    GstContext *context = gst_context_new_cuda_context (data);

    gst_element_set_context (GST_ELEMENT (GST_MESSAGE_SRC (message)), context);
    gst_context_unref (context);
  }
  return GST_BUS_PASS;
}

static GstPadProbeReturn
check_context (GstPad *pad, GstPadProbeInfo *info, gpointer context)
{
  ck_assert (memory_context (GST_PAD_PROBE_INFO_BUFFER (info)) == context);
  return GST_PAD_PROBE_OK;
}

GST_START_TEST (the_applications_context_is_used)
{
  GstCudaContext *ours = gst_cuda_context_new (0), *used;
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (
      "videotestsrc num-buffers=5 ! video/x-raw,format=RGBA,width=40,height=20 ! "
      "cudaupload ! video/x-raw(memory:CUDAMemory) ! "
      "ringkernelfilter name=f kernel=gaussian-blur backend=cuda ! "
      "video/x-raw(memory:CUDAMemory) ! fakesink name=s",
      &error);
  GstElement *filter;
  GstMessage *message;
  GstBus *bus;
  GstPad *pad;

  g_assert_no_error (error);
  filter = gst_bin_get_by_name (GST_BIN (pipeline), "f");
  pad = gst_element_get_static_pad (filter, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, check_context, ours, NULL);
  gst_object_unref (pad);
  bus = gst_element_get_bus (pipeline);
  gst_bus_set_sync_handler (bus, give_context, ours, NULL);
  set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND,
      GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  ck_assert (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS);
  gst_message_unref (message);
  used = context_of (filter, "sink");
  ck_assert (used == ours);
  gst_object_unref (used);
  ck_assert_uint_eq (get_stat (filter, "delivered"), 5);
  ck_assert_uint_eq (get_stat (filter, "bytes-copied"), 0);
  set_state (pipeline, GST_STATE_NULL);
  gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
  gst_object_unref (bus);
  gst_object_unref (filter);
  gst_object_unref (pipeline);
  gst_object_unref (ours);
}

GST_END_TEST;

GST_START_TEST (a_context_that_is_set_holds_for_every_launch)
{
  GstElement *filter = make_cuda_filter ("invert");
  GstCudaContext *ours = gst_cuda_context_new (0), *used;
  GstContext *context = gst_context_new_cuda_context (ours);
  guint i;

  gst_element_set_context (filter, context);
  gst_context_unref (context);
  for (i = 0; i < 3; i++) {
    set_state (filter, GST_STATE_READY);
    used = context_of (filter, i % 2 ? "sink" : "src");
    ck_assert (used == ours);
    gst_object_unref (used);
    set_state (filter, GST_STATE_NULL);
    ck_assert (context_of (filter, "sink") == NULL);
  }
  fail_on_errors (filter);
  end_filter (filter);
  /* Nobody holds on to it. */
  ck_assert_int_eq (GST_OBJECT_REFCOUNT_VALUE (ours), 1);
  gst_object_unref (ours);
}

GST_END_TEST;

GST_START_TEST (a_context_of_another_device_is_left_alone)
{
  GstElement *filter = make_cuda_filter ("invert");
  GstCudaContext *other, *used;
  GstContext *context;
  guint device;

  fake_set ("DEVICES", 2);
  other = gst_cuda_context_new (0);
  context = gst_context_new_cuda_context (other);
  g_object_set (filter, "device", 1, NULL);
  gst_element_set_context (filter, context);
  set_state (filter, GST_STATE_READY);
  used = context_of (filter, "sink");
  ck_assert (used != NULL && used != other);
  g_object_get (used, "cuda-device-id", &device, NULL);
  ck_assert_uint_eq (device, 1);
  gst_object_unref (used);
  end_filter (filter);
  gst_context_unref (context);
  gst_object_unref (other);
}

GST_END_TEST;

GST_START_TEST (a_device_that_does_not_exist_is_one_error)
{
  GstElement *filter = make_cuda_filter ("invert");
  gchar *text = NULL;

  g_object_set (filter, "device", 42, NULL);
  ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_READY),
      GST_STATE_CHANGE_FAILURE);
  ck_assert_uint_eq (count_messages (filter, GST_MESSAGE_ERROR, &text), 1);
  ck_assert_msg (strstr (text, "42") != NULL, "%s", text);
  ck_assert_msg (strchr (text, '\n') == NULL, "%s", text);
  g_free (text);
  /* With one that does it works. */
  g_object_set (filter, "device", 0, NULL);
  set_state (filter, GST_STATE_READY);
  fail_on_errors (filter);
  end_filter (filter);
}

GST_END_TEST;

/* The device works, but there is no context that others could work in too. */
GST_START_TEST (without_a_context_to_share_frames_stay_in_system_memory)
{
  const GstVideoInfo info = video_info ("RGBA", 70, 50);
  GstElement *filter = make_cuda_filter ("gaussian-blur");
  GstBuffer *frame = make_frame (&info, 1), *expected, *out;
  GstStructure *stats;
  GstHarness *h;
  GstPad *pad;
  GstCaps *caps;

  fake_fail ("cuCtxCreate_v2", 1, CUDA_ERROR_OUT_OF_MEMORY);
  h = gst_harness_new_with_element (filter, "sink", "src");
  gst_object_unref (filter);
  ck_assert (context_of (h->element, "sink") == NULL);
  pad = gst_element_get_static_pad (h->element, "sink");
  caps = caps_in (&info, TRUE);
  ck_assert (!gst_pad_query_accept_caps (pad, caps));
  gst_caps_unref (caps);
  gst_object_unref (pad);
  g_object_get (h->element, "stats", &stats, NULL);
  ck_assert_str_eq (gst_structure_get_string (stats, "backend"), "cuda");
  gst_structure_free (stats);
  gst_harness_set_src_caps (h, caps_in (&info, FALSE));
  expected = reference ("gaussian-blur", &info, frame);
  ck_assert_int_eq (gst_harness_push (h, frame), GST_FLOW_OK);
  out = gst_harness_pull (h);
  assert_same_picture (out, expected, &info);
  gst_buffer_unref (out);
  gst_buffer_unref (expected);
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* ---- caps ------------------------------------------------------------------------- */

static gboolean
takes (GstElement *filter, const gchar *pad_name, const gchar *text)
{
  GstPad *pad = gst_element_get_static_pad (filter, pad_name);
  GstCaps *caps = gst_caps_from_string (text), *all;
  gboolean offered, accepted;

  all = gst_pad_query_caps (pad, NULL);
  offered = gst_caps_can_intersect (all, caps);
  accepted = gst_pad_query_accept_caps (pad, caps);
  ck_assert_msg (offered == accepted, "%s: offered %d, accepted %d", text,
      offered, accepted);
  gst_caps_unref (all);
  gst_caps_unref (caps);
  gst_object_unref (pad);
  return accepted;
}

#define CUDA_CAPS(format) \
  "video/x-raw(memory:CUDAMemory),format=" format \
  ",width=16,height=16,framerate=25/1"
#define SYSTEM_CAPS(format) \
  "video/x-raw,format=" format ",width=16,height=16,framerate=25/1"

GST_START_TEST (cuda_memory_is_offered_where_the_kernel_can_run_on_cuda)
{
  static const struct
  {
    const gchar *backend, *mode;
    gboolean before, launched;
  } cases[] = {
    { "cuda", "persistent", TRUE, TRUE },
    { "cuda", "auto", TRUE, TRUE },
    { "cpu", "auto", FALSE, FALSE },
    { "cpu", "persistent", FALSE, FALSE },
    { "auto", "persistent", TRUE, TRUE },
    { "auto", "inline", FALSE, FALSE },
  };
  guint i, round;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstElement *filter = make_filter ("invert", 0);

    gst_util_set_object_arg (G_OBJECT (filter), "backend", cases[i].backend);
    gst_util_set_object_arg (G_OBJECT (filter), "execution-mode",
        cases[i].mode);
    for (round = 0; round < 4; round++) {
      const gboolean cuda = round % 2 ? cases[i].launched : cases[i].before;
      const gchar *pad = round < 2 ? "sink" : "src";

      ck_assert (takes (filter, pad, SYSTEM_CAPS ("RGB")));
      ck_assert (takes (filter, pad, SYSTEM_CAPS ("GRAY8")));
      ck_assert_msg (takes (filter, pad, CUDA_CAPS ("RGB")) == cuda,
          "backend %s, mode %s, round %u", cases[i].backend, cases[i].mode,
          round);
      /* There is no such memory. */
      ck_assert (!takes (filter, pad, CUDA_CAPS ("GRAY8")));
      set_state (filter, round % 2 ? GST_STATE_NULL : GST_STATE_READY);
    }
    fail_on_errors (filter);
    end_filter (filter);
  }
}

GST_END_TEST;

GST_START_TEST (choosing_a_backend_changes_what_is_offered)
{
  GstElement *filter = make_cuda_filter ("invert");

  ck_assert (takes (filter, "sink", CUDA_CAPS ("NV12")));
  gst_util_set_object_arg (G_OBJECT (filter), "backend", "cpu");
  ck_assert (!takes (filter, "sink", CUDA_CAPS ("NV12")));
  gst_util_set_object_arg (G_OBJECT (filter), "backend", "cuda");
  ck_assert (takes (filter, "sink", CUDA_CAPS ("NV12")));
  end_filter (filter);
}

GST_END_TEST;

/* What may come in for a given neighbour behind, and in which order. */
GST_START_TEST (memory_varies_freely_and_formats_as_the_kernel_has_them)
{
  static const struct
  {
    const gchar *kernel, *downstream, *expected;
  } cases[] = {
    { "invert", "video/x-raw,format=RGB",
        "video/x-raw(memory:CUDAMemory),format=RGB; video/x-raw,format=RGB" },
    { "invert", "video/x-raw(memory:CUDAMemory),format={NV12,RGBA}",
        "video/x-raw(memory:CUDAMemory),format={NV12,RGBA}; "
        "video/x-raw,format={NV12,RGBA}" },
    { "invert", "video/x-raw,format=GRAY8", "video/x-raw,format=GRAY8" },
    { "invert", "video/x-raw(memory:GLMemory),format=RGBA", "EMPTY" },
    { "gray", "video/x-raw(memory:CUDAMemory)", "EMPTY" },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstHarness *h = make_cuda_harness (cases[i].kernel);
    GstCaps *expected = gst_caps_from_string (cases[i].expected), *caps;
    guint k;

    for (k = 0; k < gst_caps_get_size (expected); k++)
      gst_structure_set (gst_caps_get_structure (expected, k), "width",
          GST_TYPE_INT_RANGE, 1, G_MAXINT / 16, "height", GST_TYPE_INT_RANGE, 1,
          G_MAXINT / 16, "framerate", GST_TYPE_FRACTION_RANGE, 0, 1, G_MAXINT,
          1, NULL);
    gst_harness_set_sink_caps_str (h, cases[i].downstream);
    caps = gst_pad_peer_query_caps (h->srcpad, NULL);
    ck_assert_msg (gst_caps_is_strictly_equal (caps, expected),
        "%s, %s: got %s, expected %s", cases[i].kernel, cases[i].downstream,
        gst_caps_to_string (caps), gst_caps_to_string (expected));
    gst_caps_unref (caps);
    gst_caps_unref (expected);
    end_harness (h);
  }
}

GST_END_TEST;

/* Refused in words: on the cpu, and by kernels that do not take frames. */
GST_START_TEST (a_refusal_of_cuda_memory_says_what_to_do)
{
  static const struct
  {
    const gchar *kernel, *backend, *caps, *part;
  } cases[] = {
    { "invert", "cpu", CUDA_CAPS ("RGB"), "backend=cuda" },
    { "copy", "cuda", CUDA_CAPS ("RGB"), "put cudadownload before it" },
    { "gain", "cuda", CUDA_CAPS ("RGB"), "put cudadownload before it" },
    { "invert", "cuda", CUDA_CAPS ("Y444"), "put cudaconvert before it" },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstElement *filter = make_filter (cases[i].kernel, 2);
    GstHarness *h;
    gchar *text = NULL;

    gst_util_set_object_arg (G_OBJECT (filter), "backend", cases[i].backend);
    h = gst_harness_new_with_element (filter, "sink", "src");
    gst_object_unref (filter);
    gst_harness_set_src_caps_str (h, cases[i].caps);
    ck_assert_int_eq (gst_harness_push (h, make_bytes (768, 0)),
        GST_FLOW_NOT_NEGOTIATED);
    ck_assert_uint_eq (count_messages (h->element, GST_MESSAGE_ERROR, &text),
        1);
    ck_assert_msg (strstr (text, cases[i].part) != NULL, "%s", text);
    g_free (text);
    end_harness (h);
  }
}

GST_END_TEST;

/* ---- memory that is offered upstream ---------------------------------------------- */

static GstQuery *
ask_allocation (GstHarness *h, GstCaps *caps)
{
  GstQuery *query = gst_query_new_allocation (caps, TRUE);

  ck_assert (gst_pad_peer_query (h->srcpad, query));
  return query;
}

/* The pool at the head of the answer, which is taken. */
static GstBufferPool *
offered_pool (GstQuery *query, guint *min)
{
  GstBufferPool *pool = NULL;
  guint size;

  ck_assert_uint_gt (gst_query_get_n_allocation_pools (query), 0);
  gst_query_parse_nth_allocation_pool (query, 0, &pool, &size, min, NULL);
  gst_query_unref (query);
  ck_assert (pool != NULL);
  ck_assert (gst_buffer_pool_set_active (pool, TRUE));
  return pool;
}

GST_START_TEST (upstream_is_offered_cuda_memory_of_the_context)
{
  const GstVideoInfo info = video_info ("RGBA", 30, 17);
  GstHarness *h = make_cuda_harness (__i__ == 0 ? "gaussian-blur" : "invert");
  GstCudaContext *context = context_of (h->element, "sink");
  GstCaps *caps = caps_in (&info, TRUE);
  GstBufferPool *pool;
  GstBuffer *buffer;
  guint min = 0;

  gst_harness_set_src_caps (h, gst_caps_ref (caps));
  pool = offered_pool (ask_allocation (h, caps), &min);
  ck_assert_uint_gt (min, 1);
  ck_assert_int_eq (gst_buffer_pool_acquire_buffer (pool, &buffer, NULL),
      GST_FLOW_OK);
  ck_assert (memory_context (buffer) == context);
  gst_buffer_unref (buffer);
  end_pool (pool);
  gst_caps_unref (caps);
  end_harness (h);
  gst_object_unref (context);
}

GST_END_TEST;

/* In place as well as not; what is written there is neither copied nor lost. */
GST_START_TEST (upstream_is_offered_page_locked_memory)
{
  const GstVideoInfo info = video_info ("RGBA", 64, 64);
  const gchar *kernel = __i__ == 0 ? "gaussian-blur" : "invert";
  GstHarness *h = make_cuda_harness (kernel);
  GstCaps *caps = caps_in (&info, FALSE);
  GstBufferPool *pool;
  guint i;

  gst_harness_set_src_caps (h, gst_caps_ref (caps));
  pool = offered_pool (ask_allocation (h, caps), NULL);
  for (i = 0; i < 10; i++) {
    GstBuffer *frame = make_frame (&info, i), *expected, *in, *out;

    expected = reference (kernel, &info, frame);
    in = upload (pool, &info, frame);
    ck_assert (
        gst_memory_is_type (gst_buffer_peek_memory (in, 0), "RingMemory"));
    ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
    out = gst_harness_pull (h);
    /* What comes out is of the same kind. */
    ck_assert (
        gst_memory_is_type (gst_buffer_peek_memory (out, 0), "RingMemory"));
    assert_same_picture (out, expected, &info);
    gst_buffer_unref (out);
    gst_buffer_unref (expected);
    gst_buffer_unref (frame);
  }
  end_pool (pool);
  gst_caps_unref (caps);
  end_harness (h);
}

GST_END_TEST;

static GstAllocator *
offered_allocator (GstHarness *h, GstCaps *caps)
{
  GstQuery *query = ask_allocation (h, caps);
  GstAllocator *allocator = NULL;

  ck_assert_uint_gt (gst_query_get_n_allocation_params (query), 0);
  gst_query_parse_nth_allocation_param (query, 0, &allocator, NULL);
  gst_query_unref (query);
  ck_assert (allocator != NULL);
  return allocator;
}

/* Downstream has a wish of its own: in place, that is what upstream gets. */
GST_START_TEST (what_downstream_wishes_goes_before_our_memory)
{
  const GstVideoInfo info = video_info ("RGB", 8, 8);
  GstHarness *h = make_cuda_harness ("invert");
  GstCaps *caps = caps_in (&info, FALSE);
  GstAllocator *theirs = gst_allocator_find (NULL), *offered;

  gst_harness_set_propose_allocator (h, gst_object_ref (theirs), NULL);
  gst_harness_set_src_caps (h, gst_caps_ref (caps));
  offered = offered_allocator (h, caps);
  ck_assert (offered == theirs);
  gst_object_unref (offered);
  gst_object_unref (theirs);
  gst_caps_unref (caps);
  end_harness (h);
}

GST_END_TEST;

#define AUDIO_CAPS \
  "audio/x-raw,format=F32LE,rate=8000,channels=2,layout=interleaved"

GST_START_TEST (page_locked_memory_outlives_the_element)
{
  GstHarness *h = make_cuda_harness ("gain");
  GstCaps *caps = gst_caps_from_string (AUDIO_CAPS);
  GstAllocationParams params = { 0, 255, 16, 32 };
  GstAllocator *allocator;
  GstMemory *memory, *part;
  GstMapInfo map;
  guint i;

  gst_harness_set_src_caps (h, gst_caps_ref (caps));
  allocator = offered_allocator (h, caps);
  gst_caps_unref (caps);
  end_harness (h);
  memory = gst_allocator_alloc (allocator, 1000, &params);
  gst_object_unref (allocator);
  ck_assert (gst_memory_map (memory, &map, GST_MAP_WRITE));
  ck_assert_uint_eq (map.size, 1000);
  ck_assert_uint_eq (((guintptr) map.data - 16) % 256, 0);
  for (i = 0; i < 1000; i++)
    map.data[i] = (guint8) i;
  gst_memory_unmap (memory, &map);
  part = gst_memory_share (memory, 500, 8);
  gst_memory_unref (memory);
  ck_assert (gst_memory_map (part, &map, GST_MAP_READ));
  ck_assert_uint_eq (map.size, 8);
  for (i = 0; i < 8; i++)
    ck_assert_uint_eq (map.data[i], (guint8) (500 + i));
  gst_memory_unmap (part, &map);
  gst_memory_unref (part);
}

GST_END_TEST;

static gpointer
address_of (GstMemory *memory)
{
  gpointer address;
  GstMapInfo map;

  ck_assert (gst_memory_map (memory, &map, GST_MAP_READ));
  address = map.data;
  gst_memory_unmap (memory, &map);
  return address;
}

GST_START_TEST (page_locked_memory_is_used_again)
{
  unsigned (*calls) (const char *) = fake_function ("ring_fake_calls");
  GstHarness *h = make_cuda_harness ("gain");
  GstCaps *caps = gst_caps_from_string (AUDIO_CAPS);
  GstAllocator *allocator;
  GstMemory *memory[100];
  gpointer address;
  unsigned before;
  guint i;

  gst_harness_set_src_caps (h, gst_caps_ref (caps));
  allocator = offered_allocator (h, caps);
  memory[0] = gst_allocator_alloc (allocator, 10000, NULL);
  address = address_of (memory[0]);
  gst_memory_unref (memory[0]);
  before = calls ("cuMemHostAlloc");
  for (i = 0; i < 50; i++) {
    memory[0] = gst_allocator_alloc (allocator, 6500 + 10 * i, NULL);
    ck_assert (address_of (memory[0]) == address);
    gst_memory_unref (memory[0]);
  }
  ck_assert_uint_eq (calls ("cuMemHostAlloc"), before);
  /* It is not wasted on what is much smaller, and not kept without end. */
  memory[0] = gst_allocator_alloc (allocator, 100, NULL);
  ck_assert (address_of (memory[0]) != address);
  gst_memory_unref (memory[0]);
  before = calls ("cuMemFreeHost");
  for (i = 0; i < 100; i++)
    memory[i] = gst_allocator_alloc (allocator, 4096, NULL);
  for (i = 0; i < 100; i++)
    gst_memory_unref (memory[i]);
  ck_assert_uint_ge (calls ("cuMemFreeHost") - before, 100 - 64);
  gst_object_unref (allocator);
  gst_caps_unref (caps);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (without_page_locked_memory_ordinary_memory_will_do)
{
  GstHarness *h = make_cuda_harness ("gain");
  GstCaps *caps = gst_caps_from_string (AUDIO_CAPS);
  GstAllocator *allocator;
  GstMemory *memory;

  gst_harness_set_src_caps (h, gst_caps_ref (caps));
  allocator = offered_allocator (h, caps);
  fake_fail ("cuMemHostAlloc", 1, CUDA_ERROR_OUT_OF_MEMORY);
  memory = gst_allocator_alloc (allocator, 4096, NULL);
  ck_assert (memory != NULL && !gst_memory_is_type (memory, "RingMemory"));
  ck_assert_int_eq (gst_harness_push (h,
                        gst_buffer_new_wrapped (g_malloc0 (4096), 4096)),
      GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  gst_memory_unref (memory);
  fail_on_errors (h->element);
  gst_object_unref (allocator);
  gst_caps_unref (caps);
  end_harness (h);
}

GST_END_TEST;

/* ---- what is told ------------------------------------------------------------------ */

GST_START_TEST (a_fallback_is_told_in_stats)
{
  GstElement *filter = make_cuda_filter ("invert");
  GstStructure *stats;

  gst_util_set_object_arg (G_OBJECT (filter), "execution-mode", "auto");
  set_state (filter, GST_STATE_READY);
  g_object_get (filter, "stats", &stats, NULL);
  ck_assert_str_eq (gst_structure_get_string (stats, "mode"), "persistent");
  ck_assert (!gst_structure_has_field (stats, "fallback"));
  gst_structure_free (stats);
  set_state (filter, GST_STATE_NULL);

  fake_set ("EXEC_TIMEOUT", 1);
  set_state (filter, GST_STATE_READY);
  g_object_get (filter, "stats", &stats, NULL);
  ck_assert_str_eq (gst_structure_get_string (stats, "mode"), "event-driven");
  ck_assert (strstr (gst_structure_get_string (stats, "fallback"), "watchdog")
      != NULL);
  gst_structure_free (stats);
  end_filter (filter);
}

GST_END_TEST;

GST_START_TEST (transfer_is_taken_and_told)
{
  static const gchar *const ways[] = { "auto", "mapped", "staged" };
  const GstVideoInfo info = video_info ("RGB", 100, 100);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (ways); i++) {
    GstElement *filter = make_cuda_filter ("gaussian-blur");
    GstBuffer *frame = make_frame (&info, i), *expected, *out;
    GstStructure *stats;
    GstHarness *h;

    gst_util_set_object_arg (G_OBJECT (filter), "transfer", ways[i]);
    h = gst_harness_new_with_element (filter, "sink", "src");
    gst_object_unref (filter);
    gst_harness_set_src_caps (h, caps_in (&info, FALSE));
    expected = reference ("gaussian-blur", &info, frame);
    ck_assert_int_eq (gst_harness_push (h, frame), GST_FLOW_OK);
    out = gst_harness_pull (h);
    assert_same_picture (out, expected, &info);
    g_object_get (h->element, "stats", &stats, NULL);
    ck_assert_str_eq (gst_structure_get_string (stats, "transfer"), ways[i]);
    gst_structure_free (stats);
    gst_buffer_unref (out);
    gst_buffer_unref (expected);
    end_harness (h);
  }
}

GST_END_TEST;

static void
load_driver (void)
{
  ck_assert (gst_cuda_load_library ());
  gst_cuda_memory_init_once ();
}

static Suite *
cuda_sharing_suite (void)
{
  Suite *s = suite_create ("cuda-sharing");
  TCase *tc = tcase_create ("cuda-sharing");

  suite_add_tcase (s, tc);
  tcase_add_checked_fixture (tc, load_driver, NULL);
  if (has_nvcodec ())
    tcase_add_test (tc, the_applications_context_is_used);
  tcase_add_test (tc, a_context_that_is_set_holds_for_every_launch);
  tcase_add_test (tc, a_device_that_does_not_exist_is_one_error);
  tcase_add_test (tc, cuda_memory_is_offered_where_the_kernel_can_run_on_cuda);
  tcase_add_test (tc, choosing_a_backend_changes_what_is_offered);
  tcase_add_test (tc, memory_varies_freely_and_formats_as_the_kernel_has_them);
  tcase_add_test (tc, a_refusal_of_cuda_memory_says_what_to_do);
  tcase_add_loop_test (tc, upstream_is_offered_cuda_memory_of_the_context, 0,
      2);
  tcase_add_loop_test (tc, upstream_is_offered_page_locked_memory, 0, 2);
  tcase_add_test (tc, what_downstream_wishes_goes_before_our_memory);
  tcase_add_test (tc, page_locked_memory_outlives_the_element);
  tcase_add_test (tc, transfer_is_taken_and_told);
  if (is_fake ()) {
    tcase_add_test (tc, a_context_of_another_device_is_left_alone);
    tcase_add_test (tc,
        without_a_context_to_share_frames_stay_in_system_memory);
    tcase_add_test (tc, page_locked_memory_is_used_again);
    tcase_add_test (tc, without_page_locked_memory_ordinary_memory_will_do);
    tcase_add_test (tc, a_fallback_is_told_in_stats);
  }
  return s;
}

GST_CHECK_MAIN (cuda_sharing);
