/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * elements.c: kernels as elements of their own, ringkernel-NAME.
 */
#include "gst-ring-test.h"

#include <gst/controller/gstdirectcontrolbinding.h>
#include <gst/controller/gstinterpolationcontrolsource.h>

/* One of each kind, with a message for it. */
static const struct
{
  const gchar *element;
  const gchar *klass;
  const gchar *caps; /* NULL: without */
  gsize size;
} kinds[] = {
  { "ringkernel-invert", "Filter/Effect/Video",
      "video/x-raw,format=GRAY8,width=4,height=4,framerate=25/1", 16 },
  { "ringkernel-gain", "Filter/Effect/Audio",
      "audio/x-raw,format=S16LE,rate=8000,channels=1,layout=interleaved", 16 },
  { "ringkernel-moving-average", "Filter/Effect/Generic", "application/x", 16 },
  { "ringkernel-copy", "Filter/Effect/Generic", "application/x", 16 },
};

#define N_MODES ((gint) G_N_ELEMENTS (mode_names))

static GstElement *
make_element (const gchar *name, gint mode)
{
  GstElement *element = gst_element_factory_make (name, NULL);
  GstBus *bus = gst_bus_new ();

  ck_assert_msg (element != NULL, "no element %s", name);
  gst_element_set_bus (element, bus);
  gst_object_unref (bus);
  gst_util_set_object_arg (G_OBJECT (element), "execution-mode",
      mode_names[mode]);
  return element;
}

static GstHarness *
play (GstElement *element, const gchar *caps)
{
  GstHarness *h = gst_harness_new_with_element (element, "sink", "src");

  gst_harness_set_src_caps_str (h, caps);
  return h;
}

static GObject *
get_child (GstElement *element)
{
  return gst_child_proxy_get_child_by_name (GST_CHILD_PROXY (element),
      "kernel");
}

/* What the kernel "clash" saw. */
static void
run (GstHarness *h, GstClockTime pts, gdouble *seen)
{
  GstBuffer *buffer = make_bytes (7 * sizeof (gdouble), 0);

  GST_BUFFER_PTS (buffer) = pts;
  ck_assert_int_eq (gst_harness_push (h, buffer), GST_FLOW_OK);
  buffer = gst_harness_pull (h);
  gst_buffer_extract (buffer, 0, seen, 7 * sizeof (gdouble));
  gst_buffer_unref (buffer);
}

/* ---- what it is ------------------------------------------------------------- */

GST_START_TEST (its_kernel_is_fixed)
{
  GstElement *element = make_element (kinds[__i__].element, 0);
  GParamSpec *pspec;
  gchar *kernel;

  g_object_get (element, "kernel", &kernel, NULL);
  ck_assert_str_eq (kernel, kinds[__i__].element + strlen ("ringkernel-"));
  pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (element), "kernel");
  ck_assert (pspec->flags & G_PARAM_READABLE);
  ck_assert (!(pspec->flags & G_PARAM_WRITABLE));
  g_free (kernel);
  end_filter (element);
}

GST_END_TEST;

GST_START_TEST (its_class_is_that_of_the_kernels_kind)
{
  GstElementFactory *factory = gst_element_factory_find (kinds[__i__].element);

  ck_assert (factory != NULL);
  ck_assert_str_eq (gst_element_factory_get_metadata (factory,
                        GST_ELEMENT_METADATA_KLASS),
      kinds[__i__].klass);
  ck_assert_uint_eq (gst_plugin_feature_get_rank (GST_PLUGIN_FEATURE (factory)),
      GST_RANK_NONE);
  gst_object_unref (factory);
}

GST_END_TEST;

static GstCaps *
get_template (const gchar *element, GstPadDirection direction)
{
  GstElementFactory *factory = gst_element_factory_find (element);
  const GList *list;
  GstCaps *caps = NULL;

  ck_assert_msg (factory != NULL, "no element %s", element);
  list = gst_element_factory_get_static_pad_templates (factory);
  ck_assert_uint_eq (g_list_length ((GList *) list), 2);
  for (; list; list = list->next) {
    GstStaticPadTemplate *t = list->data;

    ck_assert_int_eq (t->presence, GST_PAD_ALWAYS);
    if (t->direction == direction)
      caps = gst_static_caps_get (&t->static_caps);
  }
  gst_object_unref (factory);
  ck_assert (caps != NULL);
  return caps;
}

static gboolean
takes (GstCaps *template, const gchar *text)
{
  GstCaps *caps = gst_caps_from_string (text);
  gboolean is = gst_caps_is_subset (caps, template);

  gst_caps_unref (caps);
  return is;
}

#define VIDEO(format) \
  "video/x-raw,width=4,height=4,framerate=25/1,format=" format
#define AUDIO(format) \
  "audio/x-raw,rate=8000,channels=2,layout=interleaved,format=" format

GST_START_TEST (its_pad_templates_are_the_kernels_formats)
{
  GstCaps *caps;

  caps = get_template ("ringkernel-gray", GST_PAD_SINK);
  ck_assert (takes (caps, VIDEO ("RGB")) && takes (caps, VIDEO ("NV12")));
  ck_assert (!takes (caps, VIDEO ("Y42B")) && !takes (caps, AUDIO ("F32LE")));
  gst_caps_unref (caps);
  caps = get_template ("ringkernel-gray", GST_PAD_SRC);
  ck_assert (takes (caps, VIDEO ("GRAY8")) && !takes (caps, VIDEO ("RGB")));
  gst_caps_unref (caps);
  caps = get_template ("ringkernel-gain", GST_PAD_SINK);
  ck_assert (takes (caps, AUDIO ("F32LE")) && !takes (caps, AUDIO ("U8")));
  gst_caps_unref (caps);
  caps = get_template ("ringkernel-spike-detect", GST_PAD_SRC);
  ck_assert (takes (caps, "application/x-ring-record,type=\"(tdd)\""));
  ck_assert (!takes (caps, "application/x-ring-record,type=\"(td)\""));
  gst_caps_unref (caps);
  caps = get_template ("ringkernel-copy", GST_PAD_SINK);
  ck_assert (gst_caps_is_any (caps));
  gst_caps_unref (caps);
}

GST_END_TEST;

/* The pads' own answers are subsets of what the registry says of them. */
GST_START_TEST (its_pads_keep_to_the_templates)
{
  GstElement *element = make_element (kinds[__i__].element, 0);
  GstPad *pad = gst_element_get_static_pad (element, "sink");
  GstCaps *own = get_template (kinds[__i__].element, GST_PAD_SINK);
  GstCaps *caps = gst_pad_query_caps (pad, NULL);
  GstCaps *of_pad = gst_pad_get_pad_template_caps (pad);

  ck_assert (gst_caps_is_subset (caps, own));
  ck_assert (gst_caps_is_equal (of_pad, own));
  gst_caps_unref (of_pad);
  gst_caps_unref (caps);
  gst_caps_unref (own);
  gst_object_unref (pad);
  end_filter (element);
}

GST_END_TEST;

GST_START_TEST (its_parameters_are_typed_properties)
{
  GstElement *element = make_element ("ringkernel-levels", 0);
  GObjectClass *klass = G_OBJECT_GET_CLASS (element);
  const GParamFlags flags =
      G_PARAM_READWRITE | GST_PARAM_CONTROLLABLE | GST_PARAM_MUTABLE_PLAYING;
  GParamSpec *pspec = g_object_class_find_property (klass, "gamma");
  GEnumClass *values;

  ck_assert (G_IS_PARAM_SPEC_FLOAT (pspec));
  ck_assert (G_PARAM_SPEC_FLOAT (pspec)->default_value == 1.0f);
  ck_assert (G_PARAM_SPEC_FLOAT (pspec)->minimum > 0.0f);
  ck_assert ((pspec->flags & flags) == flags);
  end_filter (element);

  element = make_element ("ringkernel-decimate", 0);
  klass = G_OBJECT_GET_CLASS (element);
  pspec = g_object_class_find_property (klass, "factor");
  ck_assert (G_IS_PARAM_SPEC_INT (pspec));
  ck_assert (strstr (g_param_spec_get_blurb (pspec), "[records]") != NULL);
  pspec = g_object_class_find_property (klass, "method");
  ck_assert (G_IS_PARAM_SPEC_ENUM (pspec));
  values = G_PARAM_SPEC_ENUM (pspec)->enum_class;
  ck_assert_uint_eq (values->n_values, 2);
  ck_assert_str_eq (values->values[1].value_nick, "pick");
  end_filter (element);

  element = make_element ("ringkernel-fir", 0);
  pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (element), "taps");
  ck_assert (G_IS_PARAM_SPEC_STRING (pspec));
  ck_assert ((pspec->flags & GST_PARAM_MUTABLE_PLAYING) != 0);
  end_filter (element);
}

GST_END_TEST;

/* A parameter gives way to a property that is there, and then to another
 * parameter: "kernel-" before its name, until the name is free. */
GST_START_TEST (names_that_are_taken_get_a_prefix)
{
  GstElement *element = make_element ("ringkernel-clash", 0);
  GObjectClass *klass = G_OBJECT_GET_CLASS (element);
  gfloat number = 0;
  gint integer = 0;
  gchar *text;

  ck_assert (
      G_IS_PARAM_SPEC_INT (g_object_class_find_property (klass, "free-name")));
  ck_assert (
      G_IS_PARAM_SPEC_STRING (g_object_class_find_property (klass, "name")));
  ck_assert (G_IS_PARAM_SPEC_INT (
      g_object_class_find_property (klass, "kernel-name")));
  ck_assert (G_IS_PARAM_SPEC_FLOAT (
      g_object_class_find_property (klass, "kernel-kernel-name")));
  ck_assert (g_object_class_find_property (klass, "backend")->value_type
      == RING_TYPE_BACKEND_TYPE);
  ck_assert (G_IS_PARAM_SPEC_ENUM (
      g_object_class_find_property (klass, "kernel-backend")));
  ck_assert (G_IS_PARAM_SPEC_BOOLEAN (
      g_object_class_find_property (klass, "kernel-kernel")));
  ck_assert (G_IS_PARAM_SPEC_STRING (
      g_object_class_find_property (klass, "kernel-params")));

  /* As kernel::NAME each has its own name, always. */
  g_object_set (element, "name", "me", "kernel-name", 7, "kernel-kernel-name",
      0.25f, NULL);
  ck_assert_str_eq (GST_OBJECT_NAME (element), "me");
  gst_child_proxy_get (GST_CHILD_PROXY (element), "kernel::name", &number,
      "kernel::kernel-name", &integer, NULL);
  ck_assert (number == 0.25f && integer == 7);
  g_object_get (element, "kernel", &text, NULL);
  ck_assert_str_eq (text, "clash");
  g_free (text);
  end_filter (element);
}

GST_END_TEST;

/* ---- one truth --------------------------------------------------------------- */

static void
check_free_name (GstElement *element, gint expected)
{
  gint own = -1, child = -1;

  g_object_get (element, "free-name", &own, NULL);
  gst_child_proxy_get (GST_CHILD_PROXY (element), "kernel::free-name", &child,
      NULL);
  ck_assert_int_eq (own, expected);
  ck_assert_int_eq (child, expected);
}

GST_START_TEST (three_ways_to_set_a_value_agree)
{
  GstElement *element = make_element ("ringkernel-clash", __i__);
  GstHarness *h;
  gdouble seen[7];

  check_free_name (element, 5);
  g_object_set (element, "free-name", 1, NULL);
  check_free_name (element, 1);
  gst_child_proxy_set (GST_CHILD_PROXY (element), "kernel::free-name", 2, NULL);
  check_free_name (element, 2);
  h = play (element, "application/x");
  check_free_name (element, 2);
  run (h, 0, seen);
  ck_assert (seen[6] == 2);

  g_object_set (element, "free-name", 3, NULL);
  check_free_name (element, 3);
  run (h, 0, seen);
  ck_assert (seen[6] == 3);
  gst_child_proxy_set (GST_CHILD_PROXY (element), "kernel::free-name", 4, NULL);
  check_free_name (element, 4);
  run (h, 0, seen);
  ck_assert (seen[6] == 4);
  g_object_set (element, "params", "free-name=6 name=1 kernel=false", NULL);
  check_free_name (element, 6);
  run (h, 0, seen);
  ck_assert (seen[6] == 6 && seen[0] == 1 && seen[3] == 0);

  gst_util_set_object_arg (G_OBJECT (element), "kernel-backend", "all");
  gst_util_set_object_arg (G_OBJECT (element), "kernel-params", "4, 5, 6");
  run (h, 0, seen);
  ck_assert (seen[2] == 2 && seen[4] == 3 && seen[5] == 4);
  fail_on_errors (element);
  end_harness (h);
  gst_object_unref (element);
}

GST_END_TEST;

GST_START_TEST (before_the_launch_the_later_of_text_and_property_wins)
{
  GstElement *element = make_element ("ringkernel-clash", __i__);
  GstHarness *h;
  gdouble seen[7];

  g_object_set (element, "free-name", 1, "kernel-name", 1, NULL);
  g_object_set (element, "params", "free-name=2 kernel-name=2", NULL);
  g_object_set (element, "kernel-name", 3, NULL);
  h = play (element, "application/x");
  run (h, 0, seen);
  ck_assert (seen[6] == 2 && seen[1] == 3);
  check_free_name (element, 2);
  end_harness (h);
  gst_object_unref (element);
}

GST_END_TEST;

GST_START_TEST (values_stay_over_a_restart)
{
  GstElement *element = make_element ("ringkernel-clash", __i__);
  GstHarness *h = play (element, "application/x");
  gdouble seen[7];

  g_object_set (element, "free-name", 9, NULL);
  gst_element_set_state (element, GST_STATE_NULL);
  check_free_name (element, 9);
  gst_harness_play (h);
  gst_harness_set_src_caps_str (h, "application/x");
  run (h, 0, seen);
  ck_assert (seen[6] == 9);
  end_harness (h);
  gst_object_unref (element);
}

GST_END_TEST;

static void
count (guint *n)
{
  (*n)++;
}

/* Whoever sets it, and each time once. */
GST_START_TEST (a_change_is_notified_on_the_element)
{
  GstElement *element = make_element ("ringkernel-clash", __i__);
  GstHarness *h;
  guint n = 0, name = 0;

  g_signal_connect_swapped (element, "notify::free-name", G_CALLBACK (count),
      &n);
  g_signal_connect_swapped (element, "notify::kernel-kernel-name",
      G_CALLBACK (count), &name);
  g_object_set (element, "free-name", 1, NULL);
  ck_assert_uint_eq (n, 1);
  gst_child_proxy_set (GST_CHILD_PROXY (element), "kernel::free-name", 2, NULL);
  ck_assert_uint_eq (n, 2);
  h = play (element, "application/x");
  n = 0;
  g_object_set (element, "free-name", 3, NULL);
  ck_assert_uint_eq (n, 1);
  g_object_set (element, "params", "free-name=4", NULL);
  ck_assert_uint_eq (n, 2);
  ck_assert_uint_eq (name, 0);
  gst_child_proxy_set (GST_CHILD_PROXY (element), "kernel::name", 0.75f, NULL);
  ck_assert_uint_eq (name, 1);
  end_harness (h);
  gst_object_unref (element);
}

GST_END_TEST;

/* What is left of an element must not be told of its child. */
GST_START_TEST (its_child_may_outlive_it)
{
  GstElement *element = make_element ("ringkernel-clash", 0);
  GObject *child = get_child (element);

  end_filter (element);
  g_object_set (child, "free-name", 8, NULL);
  g_object_unref (child);
}

GST_END_TEST;

GST_START_TEST (a_controller_of_the_element_follows_stream_time)
{
  GstElement *element = make_element ("ringkernel-clash", __i__);
  GstHarness *h = play (element, "application/x");
  GstControlSource *source = gst_interpolation_control_source_new ();
  gdouble seen[7];
  guint i;

  g_object_set (source, "mode", GST_INTERPOLATION_MODE_LINEAR, NULL);
  gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (source),
      0, 0.0);
  gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (source),
      8 * GST_SECOND, 1.0);
  ck_assert (gst_object_add_control_binding (GST_OBJECT (element),
      gst_direct_control_binding_new (GST_OBJECT (element),
          "kernel-kernel-name", source)));
  for (i = 0; i <= 8; i++) {
    run (h, i * GST_SECOND, seen);
    ck_assert_msg (ABS (seen[0] - 0.125 * i) < 1e-6, "%g at %u s", seen[0], i);
  }
  gst_object_unref (source);
  end_harness (h);
  gst_object_unref (element);
}

GST_END_TEST;

/* ---- it works as the filter does -------------------------------------------------- */

static void
set_state (GstElement *element, GstState state)
{
  ck_assert_int_ne (gst_element_set_state (element, state),
      GST_STATE_CHANGE_FAILURE);
  ck_assert_int_ne (gst_element_get_state (element, NULL, NULL,
                        GST_CLOCK_TIME_NONE),
      GST_STATE_CHANGE_FAILURE);
}

/* Every sequence of four states, for each kind and mode. */
GST_START_TEST (states_in_every_order)
{
  GstElement *element =
      make_element (kinds[__i__ / N_MODES].element, __i__ % N_MODES);
  guint order;

  for (order = 0; order < 256; order++) {
    guint i, rest = order;

    for (i = 0; i < 4; i++, rest /= 4)
      set_state (element, GST_STATE_NULL + rest % 4);
  }
  fail_on_errors (element);
  end_filter (element);
}

GST_END_TEST;

GST_START_TEST (data_flows_after_every_restart)
{
  const guint kind = (guint) __i__ / N_MODES;
  GstElement *element = make_element (kinds[kind].element, __i__ % N_MODES);
  GstHarness *h = gst_harness_new_with_element (element, "sink", "src");
  guint round, i;

  for (round = 0; round < 3; round++) {
    gst_harness_play (h);
    gst_harness_set_src_caps_str (h, kinds[kind].caps);
    for (i = 0; i < 5; i++) {
      GstBuffer *buffer;

      ck_assert_int_eq (gst_harness_push (h, make_bytes (kinds[kind].size, 0)),
          GST_FLOW_OK);
      buffer = gst_harness_pull (h);
      ck_assert_uint_eq (gst_buffer_get_size (buffer), kinds[kind].size);
      gst_buffer_unref (buffer);
    }
    gst_element_set_state (element,
        round == 0 ? GST_STATE_READY : GST_STATE_NULL);
  }
  fail_on_errors (element);
  end_harness (h);
  gst_object_unref (element);
}

GST_END_TEST;

GST_START_TEST (on_the_command_line)
{
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (
      "fakesrc ! ringkernel-levels name=f gamma=2.0 kernel::contrast=0.5 ! "
      "fakesink",
      &error);
  GstElement *filter;
  gfloat gamma = 0, contrast = 0;

  g_assert_no_error (error);
  filter = gst_bin_get_by_name (GST_BIN (pipeline), "f");
  gst_child_proxy_get (GST_CHILD_PROXY (filter), "kernel::gamma", &gamma, NULL);
  g_object_get (filter, "contrast", &contrast, NULL);
  ck_assert (gamma == 2.0f && contrast == 0.5f);
  gst_object_unref (filter);
  gst_object_unref (pipeline);
}

GST_END_TEST;

static Suite *
elements_suite (void)
{
  Suite *s = suite_create ("elements");
  TCase *tc = tcase_create ("elements");
  const gint n = G_N_ELEMENTS (kinds);

  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 120);
  tcase_add_loop_test (tc, its_kernel_is_fixed, 0, n);
  tcase_add_loop_test (tc, its_class_is_that_of_the_kernels_kind, 0, n);
  tcase_add_test (tc, its_pad_templates_are_the_kernels_formats);
  tcase_add_loop_test (tc, its_pads_keep_to_the_templates, 0, n);
  tcase_add_test (tc, its_parameters_are_typed_properties);
  tcase_add_test (tc, names_that_are_taken_get_a_prefix);
  tcase_add_mode_test (tc, three_ways_to_set_a_value_agree);
  tcase_add_mode_test (tc,
      before_the_launch_the_later_of_text_and_property_wins);
  tcase_add_mode_test (tc, values_stay_over_a_restart);
  tcase_add_mode_test (tc, a_change_is_notified_on_the_element);
  tcase_add_test (tc, its_child_may_outlive_it);
  tcase_add_mode_test (tc, a_controller_of_the_element_follows_stream_time);
  tcase_add_loop_test (tc, states_in_every_order, 0, n * N_MODES);
  tcase_add_loop_test (tc, data_flows_after_every_restart, 0, n * N_MODES);
  tcase_add_test (tc, on_the_command_line);
  return s;
}

/* The tests' own kernels are elements here, and nowhere else: so with a registry of
 * its own. */
int
main (int argc, char **argv)
{
  const gchar *kernels = g_getenv ("RING_TEST_KERNEL_DIR");
  gchar *registry = g_strconcat (g_getenv ("GST_REGISTRY"), ".elements", NULL);

  g_setenv ("RINGKERNEL_PATH", kernels ? kernels : "", TRUE);
  g_setenv ("GST_REGISTRY", registry, TRUE);
  g_free (registry);
  gst_check_init (&argc, &argv);
  return gst_check_run_suite (elements_suite (), "elements", __FILE__);
}
