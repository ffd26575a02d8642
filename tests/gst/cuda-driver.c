/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cuda-driver.c: when the element looks for a driver, and what it does where there
 * is none. RING_TEST_DRIVER says which of the two this run is about: "none", or
 * anything else.
 */
#include "gst-ring-test.h"

#include <dlfcn.h>

static gboolean
driver_is_open (void)
{
  gchar *maps = NULL;
  gboolean open;

  ck_assert (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  open = strstr (maps, "/libcuda.so") != NULL;
  g_free (maps);
  return open;
}

/* Registry, factory, properties, caps: all of that is looked at long before anybody
 * wants a kernel, on machines where a driver takes seconds to wake up. */
GST_START_TEST (the_driver_is_not_opened_before_a_launch)
{
  GstElement *filter = make_filter ("invert", 2);
  GstPad *pad = gst_element_get_static_pad (filter, "sink");
  GstStructure *stats;
  GstElement *own;
  GstCaps *caps;

  ck_assert (gst_plugin_feature_get_plugin_name (
                 GST_PLUGIN_FEATURE (gst_element_get_factory (filter)))
      != NULL);
  gst_util_set_object_arg (G_OBJECT (filter), "backend", "cuda");
  caps = gst_pad_query_caps (pad, NULL);
  gst_caps_unref (caps);
  g_object_get (filter, "stats", &stats, NULL);
  gst_structure_free (stats);
  gst_object_unref (pad);
  ck_assert (!driver_is_open ());

  /* A kernel that is an element: its class, and a value of its own. */
  own = gst_element_factory_make ("ringkernel-invert", NULL);
  ck_assert (own != NULL);
  gst_util_set_object_arg (G_OBJECT (own), "backend", "cuda");
  g_object_set (own, "amount", 0.5f, NULL);
  gst_object_unref (own);
  ck_assert (!driver_is_open ());

  /* On the cpu not even then. */
  gst_util_set_object_arg (G_OBJECT (filter), "backend", "cpu");
  ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_PAUSED),
      GST_STATE_CHANGE_SUCCESS);
  gst_element_set_state (filter, GST_STATE_NULL);
  ck_assert (!driver_is_open ());

  gst_util_set_object_arg (G_OBJECT (filter), "backend", "cuda");
  gst_element_set_state (filter, GST_STATE_READY);
  ck_assert (driver_is_open ()
      == (g_strcmp0 (g_getenv ("RING_TEST_DRIVER"), "none") != 0));
  end_filter (filter);
}

GST_END_TEST;

GST_START_TEST (without_a_driver_auto_is_the_cpu)
{
  GstElement *filter = make_filter ("invert", 2);
  GstHarness *h = gst_harness_new_with_element (filter, "sink", "src");
  GstStructure *stats;
  GstBuffer *out;

  gst_object_unref (filter);
  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=RGB,width=4,height=4,framerate=25/1");
  ck_assert_int_eq (gst_harness_push (h, make_bytes (48, 10)), GST_FLOW_OK);
  out = gst_harness_pull (h);
  ck_assert_uint_eq (first_byte (out), 245);
  gst_buffer_unref (out);
  g_object_get (h->element, "stats", &stats, NULL);
  ck_assert_str_eq (gst_structure_get_string (stats, "backend"), "cpu");
  gst_structure_free (stats);
  fail_on_errors (h->element);
  end_harness (h);
}

GST_END_TEST;

/* Once it is known that the cpu it is, nobody is told otherwise. */
GST_START_TEST (without_a_driver_no_cuda_memory_is_offered)
{
  GstElement *filter = make_filter ("invert", 2);
  GstPad *pad = gst_element_get_static_pad (filter, "sink");
  GstCaps *cuda =
      gst_caps_from_string ("video/x-raw(memory:CUDAMemory),format=RGB");
  GstCaps *caps;

  ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_READY),
      GST_STATE_CHANGE_SUCCESS);
  caps = gst_pad_query_caps (pad, NULL);
  ck_assert (!gst_caps_can_intersect (caps, cuda));
  gst_caps_unref (caps);
  gst_caps_unref (cuda);
  gst_object_unref (pad);
  end_filter (filter);
}

GST_END_TEST;

GST_START_TEST (without_a_driver_cuda_says_so_in_one_line)
{
  GstElement *filter = make_filter ("invert", 2);
  gchar *text = NULL;

  gst_util_set_object_arg (G_OBJECT (filter), "backend", "cuda");
  ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_READY),
      GST_STATE_CHANGE_FAILURE);
  ck_assert_uint_eq (count_messages (filter, GST_MESSAGE_ERROR, &text), 1);
  ck_assert_msg (strstr (text, "driver") && strstr (text, "libcuda.so.1"), "%s",
      text);
  ck_assert_msg (strchr (text, '\n') == NULL, "%s", text);
  g_free (text);
  /* And can be used with another backend. */
  gst_util_set_object_arg (G_OBJECT (filter), "backend", "auto");
  ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_PAUSED),
      GST_STATE_CHANGE_SUCCESS);
  fail_on_errors (filter);
  end_filter (filter);
}

GST_END_TEST;

static Suite *
cuda_driver_suite (void)
{
  Suite *s = suite_create ("cuda-driver");
  TCase *tc = tcase_create ("cuda-driver");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, the_driver_is_not_opened_before_a_launch);
  if (g_strcmp0 (g_getenv ("RING_TEST_DRIVER"), "none") == 0) {
    tcase_add_test (tc, without_a_driver_auto_is_the_cpu);
    tcase_add_test (tc, without_a_driver_no_cuda_memory_is_offered);
    tcase_add_test (tc, without_a_driver_cuda_says_so_in_one_line);
  }
  return s;
}

/* A machine that has a driver cannot be without. */
static gboolean
skip (void)
{
  const gchar *path = g_getenv ("CK_TAP_LOG_FILE_NAME");
  const gchar *plan = "1..0 # SKIP there is a driver on this machine\n";

  if (g_strcmp0 (g_getenv ("RING_TEST_DRIVER"), "none") != 0
      || !dlopen ("libcuda.so.1", RTLD_NOW | RTLD_LOCAL))
    return FALSE;
  if (path)
    g_file_set_contents (path, plan, -1, NULL);
  else
    g_print ("%s", plan);
  return TRUE;
}

int
main (int argc, char **argv)
{
  gst_check_init (&argc, &argv);
  return skip ()
      ? 0
      : gst_check_run_suite (cuda_driver_suite (), "cuda-driver", __FILE__);
}
