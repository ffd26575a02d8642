/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * parameters.c: a kernel's parameters as properties, by text, and controlled.
 */
#include "gst-ring-test.h"

#include <glib/gstdio.h>
#include <gst/controller/gstdirectcontrolbinding.h>
#include <gst/controller/gstinterpolationcontrolsource.h>

static GstObject *
get_parameters (GstElement *filter)
{
  return GST_OBJECT (
      gst_child_proxy_get_child_by_name (GST_CHILD_PROXY (filter), "kernel"));
}

/* What the kernel "parameters" saw: number, count, on, choice, taps. */
static void
run (GstHarness *h, GstClockTime pts, gdouble *seen)
{
  GstBuffer *buffer = make_bytes (9 * sizeof (gdouble), 0);

  GST_BUFFER_PTS (buffer) = pts;
  ck_assert_int_eq (gst_harness_push (h, buffer), GST_FLOW_OK);
  buffer = gst_harness_pull (h);
  gst_buffer_extract (buffer, 0, seen, 9 * sizeof (gdouble));
  gst_buffer_unref (buffer);
}

GST_START_TEST (a_child_carries_types_ranges_and_descriptions)
{
  gchar *kernel = test_kernel ("parameters");
  GstElement *filter = make_filter (kernel, 0);
  GstObject *child;
  GObjectClass *klass;
  GParamSpec *pspec;

  ck_assert_uint_eq (gst_child_proxy_get_children_count (
                         GST_CHILD_PROXY (filter)),
      1);
  child = get_parameters (filter);
  ck_assert (child != NULL);
  klass = G_OBJECT_GET_CLASS (child);
  pspec = g_object_class_find_property (klass, "number");
  ck_assert (G_IS_PARAM_SPEC_FLOAT (pspec));
  ck_assert (G_PARAM_SPEC_FLOAT (pspec)->minimum == -1.0f);
  ck_assert (G_PARAM_SPEC_FLOAT (pspec)->default_value == 0.5f);
  ck_assert (pspec->flags & GST_PARAM_CONTROLLABLE);
  ck_assert (strstr (g_param_spec_get_blurb (pspec), "A float") != NULL);
  pspec = g_object_class_find_property (klass, "count");
  ck_assert (G_IS_PARAM_SPEC_INT (pspec));
  ck_assert_int_eq (G_PARAM_SPEC_INT (pspec)->maximum, 10);
  ck_assert (
      G_IS_PARAM_SPEC_BOOLEAN (g_object_class_find_property (klass, "on")));
  pspec = g_object_class_find_property (klass, "choice");
  ck_assert (G_IS_PARAM_SPEC_ENUM (pspec));
  ck_assert_int_eq (G_PARAM_SPEC_ENUM (pspec)->default_value, 1);
  ck_assert (
      G_IS_PARAM_SPEC_STRING (g_object_class_find_property (klass, "taps")));
  gst_object_unref (child);

  /* Another kernel has another child, none has none. */
  g_object_set (filter, "kernel", "invert", NULL);
  child = get_parameters (filter);
  klass = G_OBJECT_GET_CLASS (child);
  ck_assert (g_object_class_find_property (klass, "amount"));
  ck_assert (!g_object_class_find_property (klass, "number"));
  gst_object_unref (child);
  g_object_set (filter, "kernel", NULL, NULL);
  ck_assert (get_parameters (filter) == NULL);
  end_filter (filter);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (values_set_before_the_launch_count)
{
  gchar *kernel = test_kernel ("parameters");
  GstElement *filter = make_filter (kernel, __i__);
  GstHarness *h;
  gdouble seen[9];

  gst_child_proxy_set (GST_CHILD_PROXY (filter), "kernel::number", 0.25f,
      "kernel::count", 7, "kernel::on", FALSE, "kernel::choice", 2,
      "kernel::taps", "1, -1, 0.5", NULL);
  h = gst_harness_new_with_element (filter, "sink", "src");
  gst_harness_set_src_caps_str (h, "application/x");
  run (h, 0, seen);
  ck_assert (seen[0] == 0.25 && seen[1] == 7 && seen[2] == 0 && seen[3] == 2);
  ck_assert (seen[4] == 3 && seen[5] == 1 && seen[6] == -1 && seen[7] == 0.5);
  fail_on_errors (filter);
  end_harness (h);
  gst_object_unref (filter);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (values_set_while_playing_count_from_the_next_buffer)
{
  gchar *kernel = test_kernel ("parameters");
  GstHarness *h = make_harness (kernel, __i__);
  gdouble seen[9];
  gint i;

  gst_harness_set_src_caps_str (h, "application/x");
  run (h, 0, seen);
  ck_assert (seen[0] == 0.5 && seen[1] == 3);
  for (i = 0; i <= 10; i++) {
    gst_child_proxy_set (GST_CHILD_PROXY (h->element), "kernel::count", i,
        NULL);
    run (h, 0, seen);
    ck_assert (seen[1] == i);
  }
  g_object_set (h->element, "params", "count=4 number=-0.5 taps='0.125, 1'",
      NULL);
  run (h, 0, seen);
  ck_assert (
      seen[0] == -0.5 && seen[1] == 4 && seen[4] == 2 && seen[5] == 0.125);
  gst_child_proxy_get (GST_CHILD_PROXY (h->element), "kernel::count", &i, NULL);
  ck_assert_int_eq (i, 4);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (the_later_of_text_and_property_wins)
{
  gchar *kernel = test_kernel ("parameters");
  GstElement *filter = make_filter (kernel, __i__);
  GstHarness *h;
  gdouble seen[9];

  gst_child_proxy_set (GST_CHILD_PROXY (filter), "kernel::number", 0.25f,
      "kernel::count", 7, NULL);
  g_object_set (filter, "params", "number=0.75 choice=third", NULL);
  gst_child_proxy_set (GST_CHILD_PROXY (filter), "kernel::choice", 0, NULL);
  h = gst_harness_new_with_element (filter, "sink", "src");
  gst_harness_set_src_caps_str (h, "application/x");
  run (h, 0, seen);
  ck_assert (seen[0] == 0.75 && seen[1] == 7 && seen[3] == 0);
  end_harness (h);
  gst_object_unref (filter);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (values_stay_over_a_restart)
{
  gchar *kernel = test_kernel ("parameters");
  GstHarness *h = make_harness (kernel, __i__);
  gdouble seen[9];

  gst_child_proxy_set (GST_CHILD_PROXY (h->element), "kernel::count", 9, NULL);
  gst_element_set_state (h->element, GST_STATE_NULL);
  gst_harness_play (h);
  gst_harness_set_src_caps_str (h, "application/x");
  run (h, 0, seen);
  ck_assert (seen[1] == 9);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (a_wrong_value_while_playing_is_a_warning)
{
  gchar *kernel = test_kernel ("parameters");
  GstHarness *h = make_harness (kernel, __i__);
  gdouble seen[9];

  gst_harness_set_src_caps_str (h, "application/x");
  g_object_set (h->element, "params", "count=4 number=77", NULL);
  ck_assert_uint_eq (count_messages (h->element, GST_MESSAGE_WARNING, NULL), 1);
  gst_child_proxy_set (GST_CHILD_PROXY (h->element), "kernel::taps",
      "not a number", NULL);
  ck_assert_uint_eq (count_messages (h->element, GST_MESSAGE_WARNING, NULL), 1);
  run (h, 0, seen);
  ck_assert (seen[0] == 0.5 && seen[1] == 3 && seen[4] == 2);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

/* Of the kernel "parameters": that taps begin so, and are read anew with the launch. */
GST_START_TEST (a_list_may_come_from_a_file)
{
  gchar *kernel = test_kernel ("parameters");
  GstElement *filter = make_filter (kernel, __i__);
  GstHarness *h;
  gchar *dir = g_dir_make_tmp ("ringkernel-list-XXXXXX", NULL);
  gchar *path = g_build_filename (dir, "taps.txt", NULL);
  gchar *text = g_strconcat ("@", path, NULL), *read;
  gchar *all = g_strdup_printf ("count=4 taps='@%s'", path);
  gdouble seen[9];

  ck_assert (g_file_set_contents (path, "0.5, 0.25 # two\n", -1, NULL));
  gst_child_proxy_set (GST_CHILD_PROXY (filter), "kernel::taps", text, NULL);
  h = gst_harness_new_with_element (filter, "sink", "src");
  gst_harness_set_src_caps_str (h, "application/x");
  run (h, 0, seen);
  ck_assert (seen[4] == 2 && seen[5] == 0.5 && seen[6] == 0.25);
  gst_child_proxy_get (GST_CHILD_PROXY (filter), "kernel::taps", &read, NULL);
  ck_assert_str_eq (read, text);
  g_free (read);

  /* While it plays; and then what is wrong with it is a warning. */
  ck_assert (g_file_set_contents (path, "1", -1, NULL));
  run (h, 0, seen);
  ck_assert (seen[4] == 2);
  g_object_set (filter, "params", all, NULL);
  run (h, 0, seen);
  ck_assert (seen[1] == 4 && seen[4] == 1 && seen[5] == 1);
  ck_assert (g_file_set_contents (path, "1\nx", -1, NULL));
  gst_child_proxy_set (GST_CHILD_PROXY (filter), "kernel::taps", text, NULL);
  ck_assert_uint_eq (count_messages (filter, GST_MESSAGE_WARNING, &read), 1);
  ck_assert_msg (strstr (read, "taps.txt:2: 'x'") != NULL, "%s", read);
  g_free (read);
  run (h, 0, seen);
  ck_assert (seen[4] == 1 && seen[5] == 1);

  ck_assert (g_file_set_contents (path, "0.125", -1, NULL));
  gst_element_set_state (filter, GST_STATE_NULL);
  gst_harness_play (h);
  gst_harness_set_src_caps_str (h, "application/x");
  run (h, 0, seen);
  ck_assert (seen[4] == 1 && seen[5] == 0.125);
  fail_on_errors (filter);

  /* With the launch it is an error. */
  gst_element_set_state (filter, GST_STATE_NULL);
  ck_assert_int_eq (g_remove (path), 0);
  ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_READY),
      GST_STATE_CHANGE_FAILURE);
  ck_assert_uint_eq (count_messages (filter, GST_MESSAGE_ERROR, &read), 1);
  ck_assert_msg (strstr (read, "taps.txt: ") != NULL, "%s", read);
  g_free (read);
  end_harness (h);
  gst_object_unref (filter);
  g_rmdir (dir);
  g_free (dir);
  g_free (path);
  g_free (text);
  g_free (all);
  g_free (kernel);
}

GST_END_TEST;

GST_START_TEST (a_controller_follows_stream_time)
{
  gchar *kernel = test_kernel ("parameters");
  GstHarness *h = make_harness (kernel, __i__);
  GstControlSource *source = gst_interpolation_control_source_new ();
  GstObject *child = get_parameters (h->element);
  gdouble seen[9];
  guint i;

  g_object_set (source, "mode", GST_INTERPOLATION_MODE_LINEAR, NULL);
  gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (source),
      0, 0.0);
  gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (source),
      8 * GST_SECOND, 1.0);
  ck_assert (gst_object_add_control_binding (child,
      gst_direct_control_binding_new (child, "number", source)));
  gst_harness_set_src_caps_str (h, "application/x");
  for (i = 0; i <= 8; i++) {
    run (h, i * GST_SECOND, seen);
    /* 0 to 1 is the whole range, -1 to 1 */
    ck_assert_msg (ABS (seen[0] - (-1.0 + 0.25 * i)) < 1e-6, "%g at %u s",
        seen[0], i);
  }
  gst_object_unref (source);
  gst_object_unref (child);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

/* The leaks tracer finds the child here: the parser of GStreamer 1.22 keeps a
 * reference to each child that it sets a property of, whoever's child it is. */
GST_START_TEST (on_the_command_line)
{
  GError *error = NULL;
  GstElement *filter,
      *pipeline = gst_parse_launch (
          "fakesrc ! "
          "ringkernelfilter name=f kernel=levels kernel::gamma=2.0 "
          "kernel::contrast=0.5 ! fakesink",
          &error);
  gfloat gamma = 0;

  g_assert_no_error (error);
  filter = gst_bin_get_by_name (GST_BIN (pipeline), "f");
  gst_child_proxy_get (GST_CHILD_PROXY (filter), "kernel::gamma", &gamma, NULL);
  ck_assert (gamma == 2.0f);
  ck_assert (!gst_child_proxy_lookup (GST_CHILD_PROXY (filter), "kernel::gama",
      NULL, NULL));
  ck_assert (!gst_child_proxy_lookup (GST_CHILD_PROXY (filter),
      "colonel::gamma", NULL, NULL));
  gst_object_unref (filter);
  gst_object_unref (pipeline);
}

GST_END_TEST;

typedef struct
{
  GstElement *element;
  gint stop;
} Setter;

static gpointer
set_often (gpointer data)
{
  Setter *s = data;
  gint i = 0;

  while (!g_atomic_int_get (&s->stop)) {
    gchar *text = g_strdup_printf ("first=%d second=%d", i, i);

    g_object_set (s->element, "params", text, NULL);
    g_free (text);
    i++;
  }
  return NULL;
}

/* Both values of a text belong to the same buffers. */
GST_START_TEST (a_text_takes_effect_between_two_buffers)
{
  gchar *kernel = test_kernel ("pair");
  GstHarness *h = make_harness (kernel, __i__);
  Setter setter = { h->element, 0 };
  GThread *thread;
  guint i, k;

  gst_harness_set_src_caps_str (h, "application/x");
  thread = g_thread_new ("setter", set_often, &setter);
  /* The stand-in device has its threads wait their turn behind the setter. */
  for (i = 0; i < (on_cuda (__i__) ? 300 : 2000); i++) {
    guint32 seen[64];
    GstBuffer *buffer;

    ck_assert_int_eq (gst_harness_push (h, make_bytes (sizeof seen, 0)),
        GST_FLOW_OK);
    buffer = gst_harness_pull (h);
    gst_buffer_extract (buffer, 0, seen, sizeof seen);
    for (k = 0; k < 64; k++)
      ck_assert_uint_eq (seen[k], seen[0]);
    gst_buffer_unref (buffer);
  }
  g_atomic_int_set (&setter.stop, 1);
  g_thread_join (thread);
  end_harness (h);
  g_free (kernel);
}

GST_END_TEST;

/* ---- stats ---------------------------------------------------------------------------- */

GST_START_TEST (stats_count_what_happened)
{
  GstHarness *h = make_harness ("copy", __i__);
  GstStructure *stats;
  guint i;

  gst_harness_set_src_caps_str (h, "application/x");
  for (i = 0; i < 50; i++) {
    gst_harness_push (h, make_bytes (100, 0));
    gst_buffer_unref (gst_harness_pull (h));
  }
  g_object_get (h->element, "stats", &stats, NULL);
  ck_assert (gst_structure_has_name (stats, "application/x-ring-kernel-stats"));
  ck_assert_str_eq (gst_structure_get_string (stats, "kernel"), "copy");
  ck_assert_str_eq (gst_structure_get_string (stats, "backend"),
      on_cuda (__i__) ? "cuda" : "cpu");
  ck_assert_str_eq (gst_structure_get_string (stats, "transfer"),
      on_cuda (__i__) ? "auto" : "none");
  ck_assert_str_eq (gst_structure_get_string (stats, "mode"),
      mode_names[__i__]);
  gst_structure_free (stats);
  ck_assert_uint_eq (get_stat (h->element, "accepted"), 50);
  ck_assert_uint_eq (get_stat (h->element, "delivered"), 50);
  ck_assert_uint_eq (get_stat (h->element, "bytes-in"), 5000);
  ck_assert_uint_eq (get_stat (h->element, "bytes-out"), 5000);
  /* A device has to be brought what lies in ordinary memory. */
  ck_assert_uint_eq (get_stat (h->element, "bytes-copied"),
      on_cuda (__i__) ? 10000 : 0);
  ck_assert_uint_eq (get_stat (h->element, "order-errors"), 0);
  /* They can be read after the end too. */
  gst_element_set_state (h->element, GST_STATE_NULL);
  ck_assert_uint_eq (get_stat (h->element, "accepted"), 50);
  end_harness (h);
}

GST_END_TEST;

static Suite *
parameters_suite (void)
{
  Suite *s = suite_create ("parameters");
  TCase *tc = tcase_create ("parameters");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, a_child_carries_types_ranges_and_descriptions);
  tcase_add_mode_test (tc, values_set_before_the_launch_count);
  tcase_add_mode_test (tc, values_set_while_playing_count_from_the_next_buffer);
  tcase_add_mode_test (tc, the_later_of_text_and_property_wins);
  tcase_add_mode_test (tc, values_stay_over_a_restart);
  tcase_add_mode_test (tc, a_wrong_value_while_playing_is_a_warning);
  tcase_add_mode_test (tc, a_list_may_come_from_a_file);
  tcase_add_mode_test (tc, a_controller_follows_stream_time);
  tcase_add_test (tc, on_the_command_line);
  tcase_add_mode_test (tc, a_text_takes_effect_between_two_buffers);
  tcase_add_mode_test (tc, stats_count_what_happened);
  return s;
}

GST_CHECK_MAIN (parameters);
