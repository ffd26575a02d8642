/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * errors.c: mistakes end in exactly one element error that says what to do, and
 * the element can be used afterwards.
 */
#include "gst-ring-test.h"

#include <glib/gstdio.h>

/* The element refuses to get READY, with one error that has @part in it; then,
 * with a kernel that exists, it works. */
static void
check_refused (GstElement *filter, const gchar *part)
{
  gchar *text = NULL;
  guint n;

  ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_READY),
      GST_STATE_CHANGE_FAILURE);
  n = count_messages (filter, GST_MESSAGE_ERROR, &text);
  ck_assert_uint_eq (n, 1);
  ck_assert_msg (strstr (text, part) != NULL, "'%s' is not in: %s", part, text);
  g_free (text);

  gst_element_set_state (filter, GST_STATE_NULL);
  g_object_set (filter, "kernel", "copy", "grid-size", -1, "block-size", -1,
      "message-size", 65792, "params", NULL, "device", 0, "backend", 0, NULL);
  ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_PAUSED),
      GST_STATE_CHANGE_SUCCESS);
  fail_on_errors (filter);
  end_filter (filter);
}

GST_START_TEST (no_kernel_is_chosen)
{
  check_refused (make_filter (NULL, 0), "set the property 'kernel'");
}

GST_END_TEST;

GST_START_TEST (unknown_kernel_names_the_nearest)
{
  check_refused (make_filter ("edgs", 0), "did you mean 'edges'?");
}

GST_END_TEST;

GST_START_TEST (kernel_is_a_directory)
{
  check_refused (make_filter (g_get_tmp_dir (), 0), "is a directory");
}

GST_END_TEST;

GST_START_TEST (kernel_path_does_not_exist)
{
  check_refused (make_filter ("../no-such-kernel.c", 0), "../no-such-kernel.c");
}

GST_END_TEST;

GST_START_TEST (kernel_file_is_empty)
{
  gchar *name = NULL;
  gint fd = g_file_open_tmp ("ring-XXXXXX.c", &name, NULL);

  ck_assert_int_ge (fd, 0);
  g_close (fd, NULL);
  check_refused (make_filter (name, 0), name);
  g_unlink (name);
  g_free (name);
}

GST_END_TEST;

GST_START_TEST (grid_size_0)
{
  GstElement *filter = make_filter ("copy", 0);

  g_object_set (filter, "grid-size", 0, NULL);
  check_refused (filter, "grid-size is 0");
}

GST_END_TEST;

GST_START_TEST (message_size_too_small_for_a_record)
{
  GstElement *filter = make_filter ("decimate", 0);

  g_object_set (filter, "message-size", 260, NULL);
  check_refused (filter, "too small");
}

GST_END_TEST;

GST_START_TEST (parameter_outside_its_range)
{
  GstElement *filter = make_filter ("invert", 0);

  g_object_set (filter, "params", "amount=7", NULL);
  check_refused (filter, "amount");
}

GST_END_TEST;

GST_START_TEST (parameter_that_does_not_exist)
{
  GstElement *filter = make_filter ("invert", 0);

  g_object_set (filter, "params", "amuont=1", NULL);
  check_refused (filter, "no parameter 'amuont'");
}

GST_END_TEST;

GST_START_TEST (device_that_does_not_exist)
{
  GstElement *filter = make_filter ("copy", 0);

  g_object_set (filter, "backend", 1, "device", 4711, NULL);
  check_refused (filter, "4711");
}

GST_END_TEST;

GST_START_TEST (source_that_does_not_compile)
{
  gchar *name = NULL;
  gint fd = g_file_open_tmp ("ring-XXXXXX.c", &name, NULL);
  GstElement *filter;
  GstMessage *message;
  GError *error = NULL;
  gchar *debug = NULL, *place;
  GstBus *bus;

  ck_assert_int_ge (fd, 0);
  g_close (fd, NULL);
  ck_assert (g_file_set_contents (name,
      "#include <ringkernel/kernel-sdk.h>\n"
      "RING_KERNEL (broken, \"Broken\")\n"
      "{\n  no_such_thing = 1;\n  nor_this = 1;\n}\n",
      -1, NULL));
  filter = make_filter (name, 0);
  ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_READY),
      GST_STATE_CHANGE_FAILURE);
  bus = gst_element_get_bus (filter);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, &debug);
  ck_assert (
      g_error_matches (error, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS));
  /* the compiler's own words about the user's own file: the first of them in one
   * line, with its place, and all of them with what they quote */
  place = g_strconcat (name, ":4:3: error: ", NULL);
  ck_assert_msg (strstr (error->message, place) != NULL, "%s", error->message);
  ck_assert_msg (strstr (error->message, "no_such_thing") != NULL, "%s",
      error->message);
  ck_assert_msg (strchr (error->message, '\n') == NULL, "%s", error->message);
  ck_assert_msg (strstr (debug, place) != NULL, "%s", debug);
  ck_assert_msg (strstr (debug, "  no_such_thing = 1;\n") != NULL, "%s", debug);
  ck_assert_msg (strstr (debug, ":5:3: error: ") != NULL, "%s", debug);
  ck_assert_msg (strstr (debug, "kernel-sdk.h") == NULL, "%s", debug);
  g_free (place);
  gst_message_unref (message);
  gst_object_unref (bus);
  g_clear_error (&error);
  g_free (debug);
  ck_assert_uint_eq (count_messages (filter, GST_MESSAGE_ERROR, NULL), 0);
  end_filter (filter);
  g_unlink (name);
  g_free (name);
}

GST_END_TEST;

/* Who gets READY may wait for a compiler; who passes a buffer on must not. */
GST_START_TEST (source_is_compiled_before_data_flows)
{
  gchar *folder = g_dir_make_tmp ("ring-XXXXXX", NULL);
  gchar *name = g_build_filename (folder, "kernel.c", NULL);
  gchar *compiler = g_build_filename (folder, "compiler", NULL);
  gchar *runs = g_build_filename (folder, "runs", NULL);
  gchar *script =
      g_strdup_printf ("#!/bin/sh\necho run >> '%s'\nexec cc \"$@\"\n", runs);
  gchar *before = NULL, *after = NULL;
  GstHarness *h;
  guint i;

  ck_assert (g_file_set_contents (name,
      "#include <ringkernel/kernel-sdk.h>\n"
      "RING_KERNEL (nothing_much, \"Copies\")\n"
      "{\n  RING_FOR_EACH (i, in.size)\n    out.data[i] = in.data[i];\n}\n",
      -1, NULL));
  ck_assert (g_file_set_contents (compiler, script, -1, NULL));
  ck_assert_int_eq (g_chmod (compiler, 0700), 0);
  g_setenv ("CC", compiler, TRUE);
  g_setenv ("RINGKERNEL_CACHE", "off", TRUE);

  h = make_harness (name, __i__);
  ck_assert (g_file_get_contents (runs, &before, NULL, NULL));
  gst_harness_set_src_caps_str (h, "application/x");
  for (i = 0; i < 20; i++) {
    ck_assert_int_eq (gst_harness_push (h, make_bytes (10, i)), GST_FLOW_OK);
    gst_buffer_unref (gst_harness_pull (h));
  }
  fail_on_errors (h->element);
  ck_assert (g_file_get_contents (runs, &after, NULL, NULL));
  ck_assert_str_eq (before, after);
  end_harness (h);

  g_unsetenv ("CC");
  g_unsetenv ("RINGKERNEL_CACHE");
  g_unlink (name);
  g_unlink (compiler);
  g_unlink (runs);
  g_rmdir (folder);
  g_free (before);
  g_free (after);
  g_free (script);
  g_free (runs);
  g_free (compiler);
  g_free (name);
  g_free (folder);
}

GST_END_TEST;

/* A buffer that the kernel cannot take; afterwards the element is used again. */
static void
check_stream_error (const gchar *kernel, const gchar *caps, gsize size,
    gint mode, const gchar *part)
{
  GstHarness *h = make_harness (kernel, mode);
  GstFlowReturn ret = GST_FLOW_OK;
  gchar *text = NULL;
  guint i;

  if (caps)
    gst_harness_set_src_caps_str (h, caps);
  else
    gst_harness_set_src_caps (h, gst_caps_new_empty_simple ("application/x"));
  for (i = 0; i < 100 && ret == GST_FLOW_OK; i++)
    ret = gst_harness_push (h, gst_buffer_new_allocate (NULL, size, NULL));
  ck_assert_int_eq (ret, GST_FLOW_ERROR);
  ck_assert_uint_eq (count_messages (h->element, GST_MESSAGE_ERROR, &text), 1);
  ck_assert_msg (strstr (text, part) != NULL, "'%s' is not in: %s", part, text);
  g_free (text);
  ck_assert_uint_eq (gst_harness_buffers_received (h), 0);

  gst_element_set_state (h->element, GST_STATE_NULL);
  g_object_set (h->element, "kernel", "copy", NULL);
  gst_harness_play (h);
  gst_harness_set_src_caps_str (h, "application/x");
  ck_assert_int_eq (gst_harness_push (h, make_bytes (10, 3)), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  fail_on_errors (h->element);
  end_harness (h);
}

GST_START_TEST (frame_that_is_too_small)
{
  check_stream_error ("invert",
      "video/x-raw,format=RGB,width=16,height=16,framerate=25/1", 767, __i__,
      "smaller than a frame");
}

GST_END_TEST;

GST_START_TEST (part_of_a_record)
{
  check_stream_error ("decimate", NULL, 15, __i__, "16 bytes");
}

GST_END_TEST;

GST_START_TEST (part_of_an_audio_frame)
{
  check_stream_error ("gain",
      "audio/x-raw,format=F32LE,rate=8000,channels=2,layout=interleaved", 12,
      __i__, "8 bytes");
}

GST_END_TEST;

GST_START_TEST (unsupported_caps_say_what_is_supported)
{
  GstHarness *h = make_harness ("edges", __i__);
  gchar *text = NULL;

  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=Y444,width=16,height=16,framerate=25/1");
  ck_assert_int_eq (gst_harness_push (h, make_bytes (768, 0)),
      GST_FLOW_NOT_NEGOTIATED);
  ck_assert_uint_eq (count_messages (h->element, GST_MESSAGE_ERROR, &text), 1);
  ck_assert_msg (strstr (text, "Y444") && strstr (text, "GRAY8")
          && strstr (text, "videoconvert"),
      "%s", text);
  g_free (text);
  end_harness (h);
}

GST_END_TEST;

/* Upstream tries the caps again with each buffer. */
GST_START_TEST (caps_that_nobody_downstream_takes_are_one_error)
{
  GstHarness *h = make_harness ("scale", __i__);
  GstCaps *caps = gst_caps_from_string (
      "video/x-raw,format=GRAY8,width=16,height=16,framerate=25/1");
  gchar *text = NULL;
  guint i;

  gst_harness_set_sink_caps_str (h, "video/x-raw,format=AYUV64");
  gst_harness_set_src_caps (h, gst_caps_ref (caps));
  for (i = 0; i < 3; i++) {
    gst_pad_push_event (h->srcpad, gst_event_new_caps (caps));
    ck_assert_int_eq (gst_harness_push (h, make_bytes (256, i)),
        GST_FLOW_NOT_NEGOTIATED);
  }
  ck_assert_uint_eq (count_messages (h->element, GST_MESSAGE_ERROR, &text), 1);
  ck_assert_msg (strstr (text, "scale") != NULL, "%s", text);
  g_free (text);
  gst_caps_unref (caps);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (video_without_caps)
{
  GstElement *pipeline =
      gst_parse_launch ("fakesrc num-buffers=3 ! "
                        "ringkernelfilter name=f kernel=edges ! fakesink",
          NULL);
  GstElement *filter = gst_bin_get_by_name (GST_BIN (pipeline), "f");
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  GError *error = NULL;

  gst_util_set_object_arg (G_OBJECT (filter), "execution-mode",
      mode_names[__i__]);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message =
      gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  ck_assert_msg (strstr (error->message, "without caps") != NULL, "%s",
      error->message);
  g_error_free (error);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (filter);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

GST_END_TEST;

/* Of good, bad, good the bad one is dropped. */
GST_START_TEST (on_error_skip_drops_and_says_so)
{
  GstHarness *h = make_harness ("decimate", __i__);
  GstBuffer *buffer;
  guint i;

  g_object_set (h->element, "on-error", 1, "params", "factor=1", NULL);
  gst_harness_set_src_caps_str (h, "application/x");
  for (i = 0; i < 3; i++)
    ck_assert_int_eq (gst_harness_push (h, make_bytes (i == 1 ? 15 : 16, 0)),
        GST_FLOW_OK);
  buffer = gst_harness_pull (h);
  gst_buffer_unref (buffer);
  buffer = gst_harness_pull (h);
  ck_assert (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref (buffer);
  ck_assert_uint_eq (count_messages (h->element, GST_MESSAGE_WARNING, NULL), 1);
  ck_assert_uint_eq (get_stat (h->element, "skipped"), 1);
  end_harness (h);
}

GST_END_TEST;

GST_START_TEST (on_error_pass_keeps_the_order)
{
  GstHarness *h = make_harness ("gain", __i__);
  guint i;

  g_object_set (h->element, "on-error", 2, "params", "gain=0", NULL);
  gst_harness_set_src_caps_str (h,
      "audio/x-raw,format=S16LE,rate=8000,channels=1,layout=interleaved");
  for (i = 0; i < 20; i++)
    ck_assert_int_eq (gst_harness_push (h,
                          make_bytes (i % 3 == 1 ? 15 : 16, i)),
        GST_FLOW_OK);
  for (i = 0; i < 20; i++) {
    GstBuffer *buffer = gst_harness_pull (h);

    ck_assert_uint_eq (gst_buffer_get_size (buffer), i % 3 == 1 ? 15 : 16);
    ck_assert_uint_eq (first_byte (buffer), i);
    gst_buffer_unref (buffer);
  }
  fail_on_errors (h->element);
  ck_assert_uint_eq (get_stat (h->element, "passed"), 7);
  end_harness (h);
}

GST_END_TEST;

/* Silence through a delay line: whether there is an echo in it. */
static gboolean
has_echo (GstHarness *h)
{
  gfloat samples[800];
  GstBuffer *buffer;
  guint i;

  ck_assert_int_eq (gst_harness_push (h, make_bytes (sizeof samples, 0)),
      GST_FLOW_OK);
  buffer = gst_harness_pull (h);
  ck_assert_uint_eq (gst_buffer_extract (buffer, 0, samples, sizeof samples),
      sizeof samples);
  gst_buffer_unref (buffer);
  for (i = 0; i < G_N_ELEMENTS (samples); i++)
    if (samples[i] != 0)
      return TRUE;
  return FALSE;
}

static void
push_tone (GstHarness *h)
{
  GstBuffer *buffer =
      gst_buffer_new_allocate (NULL, 800 * sizeof (gfloat), NULL);
  GstMapInfo map;
  guint i;

  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (i = 0; i < 800; i++)
    ((gfloat *) map.data)[i] = 0.5f;
  gst_buffer_unmap (buffer, &map);
  ck_assert_int_eq (gst_harness_push (h, buffer), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
}

/* Who hears what comes after does not want to hear what was long before. */
GST_START_TEST (a_kernel_hears_of_what_did_not_reach_it)
{
  GstHarness *h = make_harness ("delay", __i__);
  GstSegment segment;
  GstBuffer *empty;

  g_object_set (h->element, "on-error", 2, "params",
      "time=0.05 mix=0.5 feedback=0.5", NULL);
  gst_harness_set_src_caps_str (h,
      "audio/x-raw,format=F32LE,rate=8000,channels=1,layout=interleaved");
  push_tone (h);
  ck_assert (has_echo (h));

  /* part of a frame: passed on */
  push_tone (h);
  ck_assert_int_eq (gst_harness_push (h, make_bytes (15, 0)), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  ck_assert (!has_echo (h));

  /* nothing to process, but a gap before it */
  push_tone (h);
  empty = gst_buffer_new ();
  GST_BUFFER_FLAG_SET (empty, GST_BUFFER_FLAG_DISCONT);
  ck_assert_int_eq (gst_harness_push (h, empty), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  ck_assert (!has_echo (h));

  /* without one, nothing is missed */
  push_tone (h);
  ck_assert_int_eq (gst_harness_push (h, gst_buffer_new ()), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  ck_assert (has_echo (h));

  /* the first after a flush does not reach it */
  push_tone (h);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  ck_assert_int_eq (gst_harness_push (h, make_bytes (15, 0)), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  ck_assert (!has_echo (h));
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* A kernel that breaks its own declaration fails for good; the process goes on,
 * and so does the element after NULL. */
GST_START_TEST (kernel_that_fails_is_one_error_and_can_be_launched_again)
{
  gchar *kernel = test_kernel ("emit");
  GstHarness *h = make_harness (kernel, __i__);
  GstFlowReturn ret = GST_FLOW_OK;
  gchar *text = NULL;
  guint i;

  gst_harness_set_src_caps_str (h, "application/x");
  for (i = 0; i < 1000 && ret == GST_FLOW_OK; i++)
    ret = gst_harness_push (h, make_bytes (16, 255));
  ck_assert_int_eq (ret, GST_FLOW_ERROR);
  /* Ends the task, which may be the one that is about to tell. */
  gst_element_set_state (h->element, GST_STATE_NULL);
  ck_assert_uint_eq (count_messages (h->element, GST_MESSAGE_ERROR, &text), 1);
  ck_assert_msg (strstr (text, "emit") != NULL, "%s", text);
  g_free (text);

  gst_harness_play (h);
  gst_harness_set_src_caps_str (h, "application/x");
  ck_assert_int_eq (gst_harness_push (h, make_bytes (16, 1)), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (h));
  fail_on_errors (h->element);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

static Suite *
errors_suite (void)
{
  Suite *s = suite_create ("errors");
  TCase *tc = tcase_create ("errors");
  gchar *compiler;

  suite_add_tcase (s, tc);
  tcase_add_test (tc, no_kernel_is_chosen);
  tcase_add_test (tc, unknown_kernel_names_the_nearest);
  tcase_add_test (tc, kernel_is_a_directory);
  tcase_add_test (tc, kernel_path_does_not_exist);
  tcase_add_test (tc, kernel_file_is_empty);
  tcase_add_test (tc, grid_size_0);
  tcase_add_test (tc, message_size_too_small_for_a_record);
  tcase_add_test (tc, parameter_outside_its_range);
  tcase_add_test (tc, parameter_that_does_not_exist);
  tcase_add_test (tc, device_that_does_not_exist);
  compiler = g_find_program_in_path ("cc");
  if (compiler) {
    tcase_add_test (tc, source_that_does_not_compile);
    tcase_add_mode_test (tc, source_is_compiled_before_data_flows);
  } else {
    g_print ("# SKIP source_that_does_not_compile: there is no C compiler\n");
  }
  g_free (compiler);
  tcase_add_mode_test (tc, frame_that_is_too_small);
  tcase_add_mode_test (tc, part_of_a_record);
  tcase_add_mode_test (tc, part_of_an_audio_frame);
  tcase_add_mode_test (tc, unsupported_caps_say_what_is_supported);
  tcase_add_mode_test (tc, caps_that_nobody_downstream_takes_are_one_error);
  tcase_add_mode_test (tc, video_without_caps);
  tcase_add_mode_test (tc, on_error_skip_drops_and_says_so);
  tcase_add_mode_test (tc, on_error_pass_keeps_the_order);
  tcase_add_mode_test (tc, a_kernel_hears_of_what_did_not_reach_it);
  tcase_add_mode_test (tc,
      kernel_that_fails_is_one_error_and_can_be_launched_again);
  return s;
}

GST_CHECK_MAIN (errors);
