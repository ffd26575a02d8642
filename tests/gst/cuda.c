/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cuda.c: frames in CUDA memory: what comes out, where it lies, and what is in
 * flight there.
 */
#include "gst-ring-cuda-test.h"

#include <glib/gstdio.h>
#include <unistd.h>

/* ---- the same pictures as on the cpu ------------------------------------------------ */

typedef struct
{
  const gchar *format;
  gint width, height;
} Size;

/* No I420 with an odd number of rows: cudaupload and cudadownload of 1.22 lose one. */
static const Size sizes[] = {
  { "RGB", 17, 5 },
  { "RGBA", 64, 33 },
  { "BGRx", 1, 1 },
  { "I420", 62, 34 },
  { "I420", 15, 10 },
  { "NV12", 130, 66 },
  { "NV12", 33, 7 },
};

/* In place, into another buffer, and with a change of format that leaves CUDA
 * memory because there is no GRAY8 in it. */
static const gchar *const kernels[] = { "invert", "gaussian-blur", "gray" };

GST_START_TEST (frames_on_the_device_come_out_as_from_the_cpu)
{
  const gchar *kernel = kernels[(gsize) __i__ % G_N_ELEMENTS (kernels)];
  const Size *size = &sizes[(gsize) __i__ / G_N_ELEMENTS (kernels)];
  const GstVideoInfo info =
      video_info (size->format, size->width, size->height);
  gchar *line = g_strdup_printf (
      "cudaupload ! video/x-raw(memory:CUDAMemory) ! ringkernelfilter name=f backend=cuda kernel=%s ! "
      "%s",
      kernel, strcmp (kernel, "gray") == 0 ? "identity" : "cudadownload");
  GstHarness *h = gst_harness_new_parse (line);
  GstElement *filter = gst_bin_get_by_name (GST_BIN (h->element), "f");
  guint i;

  gst_harness_set_src_caps (h, caps_in (&info, FALSE));
  for (i = 0; i < 5; i++) {
    GstBuffer *frame = make_frame (&info, i);
    GstBuffer *expected = reference (kernel, &info, frame);
    GstCaps *caps;
    GstVideoInfo out_info;
    GstBuffer *out;

    ck_assert_int_eq (gst_harness_push (h, gst_buffer_ref (frame)),
        GST_FLOW_OK);
    out = gst_harness_pull (h);
    caps = gst_pad_get_current_caps (h->sinkpad);
    ck_assert (gst_video_info_from_caps (&out_info, caps));
    assert_same_picture (out, expected, &out_info);
    ck_assert_uint_eq (GST_BUFFER_PTS (out), GST_BUFFER_PTS (frame));
    gst_caps_unref (caps);
    gst_buffer_unref (out);
    gst_buffer_unref (expected);
    gst_buffer_unref (frame);
  }
  ck_assert_uint_eq (get_stat (filter, "bytes-copied"), 0);
  ck_assert_uint_eq (get_stat (filter, "delivered"), 5);
  gst_object_unref (filter);
  gst_harness_teardown (h);
  g_free (line);
}

GST_END_TEST;

/* ---- where frames lie ----------------------------------------------------------------- */

typedef struct
{
  gint cuda, system; /* atomic */
} Seen;

static GstPadProbeReturn
note_memory (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Seen *seen = data;

  g_atomic_int_inc (memory_context (GST_PAD_PROBE_INFO_BUFFER (info))
          ? &seen->cuda
          : &seen->system);
  return GST_PAD_PROBE_OK;
}

static void
watch (GstElement *element, Seen *seen)
{
  GstPad *pad = gst_element_get_static_pad (element, "src");

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, note_memory, seen, NULL);
  gst_object_unref (pad);
}

/* 0: frames come from the device; 1: from system memory. */
GST_START_TEST (two_filters_in_a_row_leave_frames_on_the_device)
{
  const GstVideoInfo info = video_info ("RGBA", 48, 31);
  gchar *line = g_strdup_printf (
      "%sringkernelfilter name=a backend=cuda kernel=gaussian-blur ! "
      "ringkernelfilter name=b backend=cuda kernel=invert ! cudadownload",
      __i__ == 0 ? "cudaupload ! video/x-raw(memory:CUDAMemory) ! " : "");
  GstHarness *h = gst_harness_new_parse (line);
  GstElement *a = gst_bin_get_by_name (GST_BIN (h->element), "a");
  GstElement *b = gst_bin_get_by_name (GST_BIN (h->element), "b");
  Seen seen[2] = { { 0, 0 } };
  GstCudaContext *contexts[2];
  guint i;

  watch (a, &seen[0]);
  watch (b, &seen[1]);
  gst_harness_set_src_caps (h, caps_in (&info, FALSE));
  for (i = 0; i < 20; i++) {
    GstBuffer *frame = make_frame (&info, i), *blurred, *expected, *out;

    blurred = reference ("gaussian-blur", &info, frame);
    expected = reference ("invert", &info, blurred);
    ck_assert_int_eq (gst_harness_push (h, frame), GST_FLOW_OK);
    out = gst_harness_pull (h);
    assert_same_picture (out, expected, &info);
    gst_buffer_unref (out);
    gst_buffer_unref (expected);
    gst_buffer_unref (blurred);
  }
  for (i = 0; i < 2; i++) {
    ck_assert_int_eq (g_atomic_int_get (&seen[i].cuda), 20);
    ck_assert_int_eq (g_atomic_int_get (&seen[i].system), 0);
  }
  contexts[0] = context_of (a, "src");
  contexts[1] = context_of (b, "sink");
  ck_assert (contexts[0] != NULL && contexts[0] == contexts[1]);
  if (__i__ == 0)
    ck_assert_uint_eq (get_stat (a, "bytes-copied"), 0);
  ck_assert_uint_eq (get_stat (b, "bytes-copied"), 0);
  gst_object_unref (contexts[0]);
  gst_object_unref (contexts[1]);
  gst_object_unref (a);
  gst_object_unref (b);
  gst_harness_teardown (h);
  g_free (line);
}

GST_END_TEST;

/* 0: system to CUDA memory, 1: the other way, with a kernel that could work in
 * place if only it were one memory. */
GST_START_TEST (each_side_has_a_memory_of_its_own)
{
  const GstVideoInfo info = video_info ("NV12", 54, 30);
  GstHarness *h = gst_harness_new_parse (__i__ == 0
          ? "ringkernelfilter name=f backend=cuda kernel=invert ! "
            "video/x-raw(memory:CUDAMemory) ! cudadownload"
          : "cudaupload ! video/x-raw(memory:CUDAMemory) ! "
            "ringkernelfilter name=f backend=cuda kernel=invert ! video/x-raw ! "
            "identity");
  GstElement *f = gst_bin_get_by_name (GST_BIN (h->element), "f");
  Seen seen = { 0, 0 };
  guint i;

  watch (f, &seen);
  gst_harness_set_src_caps (h, caps_in (&info, FALSE));
  for (i = 0; i < 10; i++) {
    GstBuffer *frame = make_frame (&info, i), *expected, *out;

    expected = reference ("invert", &info, frame);
    ck_assert_int_eq (gst_harness_push (h, frame), GST_FLOW_OK);
    out = gst_harness_pull (h);
    assert_same_picture (out, expected, &info);
    gst_buffer_unref (out);
    gst_buffer_unref (expected);
  }
  ck_assert_int_eq (g_atomic_int_get (&seen.cuda), __i__ == 0 ? 10 : 0);
  ck_assert_int_eq (g_atomic_int_get (&seen.system), __i__ == 0 ? 0 : 10);
  gst_object_unref (f);
  gst_harness_teardown (h);
}

GST_END_TEST;

/* Pushes @n frames like @info, from @pool or in system memory. */
static void
push_and_check (GstHarness *h, const gchar *kernel, const GstVideoInfo *info,
    GstBufferPool *pool, GstCudaContext *expected_context, guint n)
{
  guint i;

  for (i = 0; i < n; i++) {
    GstBuffer *frame = make_frame (info, i), *expected, *out;

    expected = reference (kernel, info, frame);
    ck_assert_int_eq (gst_harness_push (h,
                          pool ? upload (pool, info, frame)
                               : gst_buffer_ref (frame)),
        GST_FLOW_OK);
    out = gst_harness_pull (h);
    ck_assert (memory_context (out) == expected_context);
    assert_same_picture (out, expected, info);
    gst_buffer_unref (out);
    gst_buffer_unref (expected);
    gst_buffer_unref (frame);
  }
}

GST_START_TEST (the_memory_may_change_in_the_middle_of_a_stream)
{
  const GstVideoInfo info = video_info ("RGB", 22, 13);
  GstHarness *h = make_cuda_harness (kernels[__i__]);
  GstCudaContext *context = context_of (h->element, "sink");
  GstBufferPool *pool = make_cuda_pool (context, &info);
  guint round;

  for (round = 0; round < 3; round++) {
    gst_harness_set_src_caps (h, caps_in (&info, FALSE));
    push_and_check (h, kernels[__i__], &info, NULL, NULL, 3);
    ck_assert (!output_is_cuda (h));
    gst_harness_set_src_caps (h, caps_in (&info, TRUE));
    push_and_check (h, kernels[__i__], &info, pool, context, 3);
    ck_assert (output_is_cuda (h));
  }
  fail_on_errors (h->element);
  end_harness (h);
  end_pool (pool);
  gst_object_unref (context);
}

GST_END_TEST;

/* A neighbour that comes later may want the other memory. */
GST_START_TEST (downstream_may_change_its_mind_about_the_memory)
{
  const GstVideoInfo info = video_info ("RGBA", 20, 11);
  GstHarness *h = make_cuda_harness ("gaussian-blur");
  GstCudaContext *context = context_of (h->element, "sink");
  GstBufferPool *pool = make_cuda_pool (context, &info);

  gst_harness_set_src_caps (h, caps_in (&info, TRUE));
  push_and_check (h, "gaussian-blur", &info, pool, context, 2);
  gst_harness_set_sink_caps (h, caps_in (&info, FALSE));
  push_and_check (h, "gaussian-blur", &info, pool, NULL, 2);
  ck_assert (!output_is_cuda (h));
  gst_harness_set_sink_caps (h, caps_in (&info, TRUE));
  push_and_check (h, "gaussian-blur", &info, pool, context, 2);
  ck_assert (output_is_cuda (h));
  fail_on_errors (h->element);
  end_harness (h);
  end_pool (pool);
  gst_object_unref (context);
}

GST_END_TEST;

/* Frames of a context that nobody told us of, and of none, though the caps say CUDA
 * memory: right all the same, in our memory, and told as copies. */
GST_START_TEST (frames_of_another_context_are_copied)
{
  const GstVideoInfo info = video_info ("RGB", 40, 9);
  GstHarness *h = make_cuda_harness (kernels[__i__]);
  GstCudaContext *ours = context_of (h->element, "sink");
  GstCudaContext *other = gst_cuda_context_new (0);
  GstBufferPool *our_pool = make_cuda_pool (ours, &info);
  GstBufferPool *other_pool = make_cuda_pool (other, &info);

  gst_harness_set_src_caps (h, caps_in (&info, TRUE));
  push_and_check (h, kernels[__i__], &info, our_pool, ours, 2);
  ck_assert_uint_eq (get_stat (h->element, "bytes-copied"), 0);
  push_and_check (h, kernels[__i__], &info, other_pool, ours, 3);
  ck_assert_uint_ge (get_stat (h->element, "bytes-copied"),
      3 * GST_VIDEO_INFO_SIZE (&info));
  push_and_check (h, kernels[__i__], &info, NULL, ours, 1);
  push_and_check (h, kernels[__i__], &info, our_pool, ours, 2);
  fail_on_errors (h->element);
  end_harness (h);
  end_pool (our_pool);
  end_pool (other_pool);
  gst_object_unref (ours);
  gst_object_unref (other);
}

GST_END_TEST;

GST_START_TEST (a_frame_that_others_hold_is_left_alone)
{
  const GstVideoInfo info = video_info ("RGB", 16, 8);
  GstHarness *h = make_cuda_harness ("invert");
  GstCudaContext *context = context_of (h->element, "sink");
  GstBufferPool *pool = make_cuda_pool (context, &info);
  GstBuffer *frame = make_frame (&info, 1), *expected, *in, *out;

  expected = reference ("invert", &info, frame);
  gst_harness_set_src_caps (h, caps_in (&info, TRUE));
  in = upload (pool, &info, frame);
  ck_assert_int_eq (gst_harness_push (h, gst_buffer_ref (in)), GST_FLOW_OK);
  out = gst_harness_pull (h);
  ck_assert (gst_buffer_peek_memory (out, 0) != gst_buffer_peek_memory (in, 0));
  assert_same_picture (out, expected, &info);
  assert_same_picture (in, frame, &info);
  gst_buffer_unref (out);
  /* Now it is the element's own: the same memory comes out. */
  {
    GstMemory *memory = gst_buffer_peek_memory (in, 0);

    ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_OK);
    out = gst_harness_pull (h);
    ck_assert (gst_buffer_peek_memory (out, 0) == memory);
    assert_same_picture (out, expected, &info);
    gst_buffer_unref (out);
  }
  gst_buffer_unref (frame);
  gst_buffer_unref (expected);
  fail_on_errors (h->element);
  end_harness (h);
  end_pool (pool);
  gst_object_unref (context);
}

GST_END_TEST;

/* ---- in flight ------------------------------------------------------------------------ */

static void
assert_all_accounted (GstElement *filter)
{
  ck_assert_uint_eq (get_stat (filter, "in-flight"), 0);
  ck_assert_uint_eq (get_stat (filter, "accepted"),
      get_stat (filter, "delivered") + get_stat (filter, "discarded")
          + get_stat (filter, "rejected"));
  ck_assert_uint_eq (get_stat (filter, "order-errors"), 0);
}

GST_START_TEST (eos_brings_all_frames_out)
{
  const GstVideoInfo info = video_info ("RGBA", 64, 48);
  GstHarness *h = make_cuda_harness ("gaussian-blur");
  GstCudaContext *context = context_of (h->element, "sink");
  GstBufferPool *pool = make_cuda_pool (context, &info);
  GstEventType type;
  guint i;

  gst_harness_set_src_caps (h, caps_in (&info, TRUE));
  for (i = 0; i < 25; i++) {
    GstBuffer *frame = make_frame (&info, i);

    ck_assert_int_eq (gst_harness_push (h, upload (pool, &info, frame)),
        GST_FLOW_OK);
    gst_buffer_unref (frame);
  }
  ck_assert (gst_harness_push_event (h, gst_event_new_eos ()));
  do {
    GstEvent *event = gst_harness_pull_event (h);

    type = GST_EVENT_TYPE (event);
    gst_event_unref (event);
  } while (type != GST_EVENT_EOS);
  ck_assert_uint_eq (gst_harness_buffers_received (h), 25);
  for (i = 0; i < 25; i++) {
    GstBuffer *out = gst_harness_pull (h);

    ck_assert_uint_eq (GST_BUFFER_PTS (out), i * GST_SECOND / 25);
    gst_buffer_unref (out);
  }
  assert_all_accounted (h->element);
  end_harness (h);
  end_pool (pool);
  gst_object_unref (context);
}

GST_END_TEST;

GST_START_TEST (a_flush_discards_frames_in_flight)
{
  const GstVideoInfo info = video_info ("RGBA", 64, 48);
  GstHarness *h = make_cuda_harness ("invert");
  GstCudaContext *context = context_of (h->element, "sink");
  GstBufferPool *pool = make_cuda_pool (context, &info);
  GstSegment segment;
  guint round, i;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_set_src_caps (h, caps_in (&info, TRUE));
  for (round = 0; round < 20; round++) {
    GstBuffer *frame = make_frame (&info, 1000 + round), *expected, *out;

    for (i = 0; i <= round % 4; i++)
      ck_assert_int_eq (gst_harness_push (h, upload (pool, &info, frame)),
          GST_FLOW_OK);
    ck_assert (gst_harness_push_event (h, gst_event_new_flush_start ()));
    ck_assert (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
    ck_assert (gst_harness_push_event (h, gst_event_new_segment (&segment)));
    while ((out = gst_harness_try_pull (h)))
      gst_buffer_unref (out);
    assert_all_accounted (h->element);
    /* What comes now is of what goes in now. */
    GST_BUFFER_PTS (frame) = round;
    expected = reference ("invert", &info, frame);
    ck_assert_int_eq (gst_harness_push (h, upload (pool, &info, frame)),
        GST_FLOW_OK);
    out = gst_harness_pull (h);
    ck_assert_uint_eq (GST_BUFFER_PTS (out), round);
    assert_same_picture (out, expected, &info);
    gst_buffer_unref (out);
    gst_buffer_unref (expected);
    gst_buffer_unref (frame);
  }
  fail_on_errors (h->element);
  end_harness (h);
  end_pool (pool);
  gst_object_unref (context);
}

GST_END_TEST;

static void
wait_for (GstElement *pipeline, GstMessageType type)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND,
      type | GST_MESSAGE_ERROR);

  ck_assert (message != NULL);
  ck_assert_msg (GST_MESSAGE_TYPE (message) == type, "%s",
      gst_structure_to_string (gst_message_get_structure (message)));
  gst_message_unref (message);
  gst_object_unref (bus);
}

GST_START_TEST (seeks_with_frames_in_flight)
{
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (
      "videotestsrc num-buffers=200 ! video/x-raw,format=RGBA,width=64,height=48 ! "
      "cudaupload ! video/x-raw(memory:CUDAMemory) ! ringkernelfilter name=f kernel=gaussian-blur backend=cuda ! "
      "cudadownload ! fakesink sync=false",
      &error);
  GstElement *filter;
  guint i;

  g_assert_no_error (error);
  filter = gst_bin_get_by_name (GST_BIN (pipeline), "f");
  ck_assert_int_ne (gst_element_set_state (pipeline, GST_STATE_PLAYING),
      GST_STATE_CHANGE_FAILURE);
  wait_for (pipeline, GST_MESSAGE_ASYNC_DONE);
  for (i = 0; i < 8; i++) {
    ck_assert (gst_element_seek_simple (pipeline, GST_FORMAT_TIME,
        GST_SEEK_FLAG_FLUSH, (i % 3) * GST_SECOND));
    wait_for (pipeline, GST_MESSAGE_ASYNC_DONE);
  }
  wait_for (pipeline, GST_MESSAGE_EOS);
  assert_all_accounted (filter);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (filter);
  gst_object_unref (pipeline);
}

GST_END_TEST;

/* ---- what goes wrong ------------------------------------------------------------------ */

GST_START_TEST (no_device_memory_for_an_output_is_one_error)
{
  const GstVideoInfo info = video_info ("RGBA", 32, 32);
  GstHarness *h = make_cuda_harness ("gaussian-blur");
  GstCudaContext *context = context_of (h->element, "sink");
  GstBufferPool *pool = make_cuda_pool (context, &info);
  GstBuffer *frame = make_frame (&info, 3), *in;
  GstCaps *caps = caps_in (&info, TRUE);
  GstFlowReturn ret;
  guint i;

  in = upload (pool, &info, frame);
  for (i = 1; i <= 8; i++)
    fake_fail ("cuMemAllocPitch", i, CUDA_ERROR_OUT_OF_MEMORY);
  gst_harness_set_src_caps (h, caps);
  ret = gst_harness_push (h, in);
  ck_assert (ret == GST_FLOW_ERROR || ret == GST_FLOW_NOT_NEGOTIATED);
  ck_assert_uint_eq (gst_harness_buffers_received (h), 0);
  ck_assert_uint_eq (count_messages (h->element, GST_MESSAGE_ERROR, NULL), 1);
  gst_buffer_unref (frame);
  end_harness (h);
  end_pool (pool);
  gst_object_unref (context);
}

GST_END_TEST;

/* A frame whose meta says more rows than its memory holds never gets to the device. */
GST_START_TEST (a_frame_that_is_too_small_is_refused)
{
  const GstVideoInfo info = video_info ("RGBA", 32, 32);
  GstHarness *h = make_cuda_harness (kernels[__i__]);
  GstCudaContext *context = context_of (h->element, "sink");
  GstBufferPool *pool = make_cuda_pool (context, &info);
  GstBuffer *frame = make_frame (&info, 3), *in;
  gchar *text = NULL;

  gst_harness_set_src_caps (h, caps_in (&info, TRUE));
  in = upload (pool, &info, frame);
  gst_buffer_get_video_meta (in)->offset[0] = gst_buffer_get_size (in) - 64;
  ck_assert_int_eq (gst_harness_push (h, in), GST_FLOW_ERROR);
  ck_assert_uint_eq (count_messages (h->element, GST_MESSAGE_ERROR, &text), 1);
  ck_assert_msg (strstr (text, "smaller than a frame") != NULL, "%s", text);
  g_free (text);
  gst_buffer_unref (frame);
  end_harness (h);
  end_pool (pool);
  gst_object_unref (context);
}

GST_END_TEST;

/* Takes six frames through an element of its own: returns whether it did, and if not
 * whether it said so, once. */
static gboolean
run_once (const gchar *what, gchar **text)
{
  const GstVideoInfo info = video_info ("RGBA", 150, 150);
  GstElement *filter = make_cuda_filter ("gaussian-blur");
  GstBuffer *frame = make_frame (&info, 0);
  guint errors, i = 0;
  GstHarness *h = NULL;

  if (gst_element_set_state (filter, GST_STATE_READY)
      != GST_STATE_CHANGE_FAILURE) {
    h = gst_harness_new_with_element (filter, "sink", "src");
    gst_harness_set_src_caps (h, caps_in (&info, FALSE));
    for (; i < 6; i++)
      if (gst_harness_push (h, gst_buffer_copy_deep (frame)) != GST_FLOW_OK)
        break;
    gst_harness_push_event (h, gst_event_new_eos ());
    gst_element_set_state (filter, GST_STATE_NULL);
    assert_all_accounted (filter);
  }
  /* Before the harness goes: messages hold its pads, and the last reference must not
   * go while the bus is locked. */
  errors = count_messages (filter, GST_MESSAGE_ERROR, text);
  if (h)
    gst_harness_teardown (h);
  ck_assert_msg (errors <= 1, "%s: %u errors", what, errors);
  ck_assert_msg (i == 6 || errors == 1, "%s: no error", what);
  end_filter (filter);
  gst_buffer_unref (frame);
  return errors == 0;
}

#define GROUPS 4

/* A call of the driver fails once, at launch or later: then the element says so
 * once or does without; in either case all is accounted for, nothing hangs, and the
 * next element works. */
GST_START_TEST (a_call_of_the_driver_that_fails_is_survived)
{
  const char *(*name) (unsigned) = fake_function ("ring_fake_function");
  unsigned (*calls) (const char *) = fake_function ("ring_fake_calls");
  GArray *counts = g_array_new (FALSE, TRUE, sizeof (unsigned));
  guint f, nth, tried = 0, told = 0;
  gchar *text = NULL;

  ck_assert (run_once ("none", NULL));
  for (f = 0; name (f); f++) {
    const unsigned count = calls (name (f));

    g_array_append_val (counts, count);
  }
  ck_assert (run_once ("none", NULL));
  for (f = 0; f < counts->len; f++)
    g_array_index (counts, unsigned, f) =
        calls (name (f)) - g_array_index (counts, unsigned, f);

  for (f = (guint) __i__; f < counts->len; f += GROUPS) {
    const unsigned of_one_run = g_array_index (counts, unsigned, f);

    for (nth = 1; nth <= 3 && nth <= of_one_run; nth += 2) {
      const unsigned before = calls (name (f));

      fake_fail (name (f), nth, CUDA_ERROR_OUT_OF_MEMORY);
      tried++;
      /* Where something is asked until it is so, that may have been at once. */
      while (calls (name (f)) < before + nth)
        if (!run_once (name (f), NULL))
          told++;
      ck_assert_msg (run_once (name (f), &text), "%s, after call %u failed: %s",
          name (f), nth, text);
    }
  }
  ck_assert_uint_gt (told, 0);
  ck_assert_uint_gt (tried, told);
  g_array_unref (counts);
}

GST_END_TEST;

/* ---- without device memory -------------------------------------------------------------- */

GST_START_TEST (a_sink_that_takes_anything_gets_packed_frames)
{
  const gchar *folder = g_get_tmp_dir ();
  gchar *path = g_strdup_printf ("%s/ring-frames-%d", folder, (gint) getpid ());
  gchar *line = g_strdup_printf (
      "videotestsrc num-buffers=3 ! video/x-raw,format=RGB,width=330,height=10 ! "
      "ringkernelfilter backend=cuda kernel=invert ! "
      "ringkernelfilter backend=cuda kernel=invert ! filesink location=%s",
      path);
  GstElement *pipeline = gst_parse_launch (line, NULL);
  GstMessage *message;
  gchar *data;
  gsize size;

  ck_assert (pipeline != NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (pipeline),
      60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  ck_assert (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  ck_assert (g_file_get_contents (path, &data, &size, NULL));
  /* Rows of 990 bytes, which GStreamer rounds up to 992. */
  ck_assert_uint_eq (size, 3 * 992 * 10);
  g_free (data);
  g_remove (path);
  gst_object_unref (pipeline);
  g_free (line);
  g_free (path);
}

GST_END_TEST;

GST_START_TEST (auto_takes_the_cpu_for_a_kernel_without_device_code)
{
  gchar *built =
      g_build_filename (g_getenv ("RING_TEST_KERNEL_DIR"), "blocks.so", NULL);
  gchar *folder = g_dir_make_tmp ("ring-cuda-XXXXXX", NULL);
  gchar *path = g_build_filename (folder, "blocks.so", NULL);
  GstElement *filter;
  GstHarness *h;
  GstStructure *stats;
  gchar *data;
  gsize size;

  ck_assert (g_file_get_contents (built, &data, &size, NULL));
  ck_assert (g_file_set_contents (path, data, (gssize) size, NULL));
  filter = gst_element_factory_make ("ringkernelfilter", NULL);
  g_object_set (filter, "kernel", path, NULL);
  h = gst_harness_new_with_element (filter, "sink", "src");
  gst_harness_set_src_caps_str (h, "application/octet-stream");
  ck_assert_int_eq (gst_harness_push (h, gst_buffer_new_and_alloc (100)),
      GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  g_object_get (h->element, "stats", &stats, NULL);
  ck_assert_str_eq (gst_structure_get_string (stats, "backend"), "cpu");
  ck_assert (strstr (gst_structure_get_string (stats, "fallback"), "cpu only")
      != NULL);
  gst_structure_free (stats);
  gst_harness_teardown (h);
  gst_object_unref (filter);
  g_remove (path);
  g_rmdir (folder);
  g_free (data);
  g_free (path);
  g_free (folder);
  g_free (built);
}

GST_END_TEST;

static Suite *
cuda_suite (void)
{
  Suite *s = suite_create ("cuda");
  TCase *tc = tcase_create ("cuda");

  suite_add_tcase (s, tc);
  if (has_nvcodec ()) {
    tcase_add_loop_test (tc, frames_on_the_device_come_out_as_from_the_cpu, 0,
        G_N_ELEMENTS (sizes) * G_N_ELEMENTS (kernels));
    tcase_add_loop_test (tc, two_filters_in_a_row_leave_frames_on_the_device, 0,
        2);
    tcase_add_loop_test (tc, each_side_has_a_memory_of_its_own, 0, 2);
    tcase_add_test (tc, seeks_with_frames_in_flight);
  }
  tcase_add_loop_test (tc, the_memory_may_change_in_the_middle_of_a_stream, 0,
      2);
  tcase_add_test (tc, downstream_may_change_its_mind_about_the_memory);
  tcase_add_loop_test (tc, frames_of_another_context_are_copied, 0, 2);
  tcase_add_test (tc, a_frame_that_others_hold_is_left_alone);
  tcase_add_test (tc, eos_brings_all_frames_out);
  tcase_add_test (tc, a_sink_that_takes_anything_gets_packed_frames);
  tcase_add_test (tc, auto_takes_the_cpu_for_a_kernel_without_device_code);
  tcase_add_test (tc, a_flush_discards_frames_in_flight);
  tcase_add_loop_test (tc, a_frame_that_is_too_small_is_refused, 0, 2);
  if (is_fake ()) {
    tcase_add_test (tc, no_device_memory_for_an_output_is_one_error);
    tcase_add_loop_test (tc, a_call_of_the_driver_that_fails_is_survived, 0,
        GROUPS);
  }
  return s;
}

GST_CHECK_MAIN (cuda);
