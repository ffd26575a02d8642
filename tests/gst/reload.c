/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The kernel's file is edited while the element runs.
 */
#include "gst-ring-reload-test.h"

#include <gst/controller/gstdirectcontrolbinding.h>
#include <gst/controller/gstinterpolationcontrolsource.h>

/* ---- edits ---------------------------------------------------------------------------------------- */

GST_START_TEST (test_edit)
{
  Stream s;

  save ('a', 1);
  open_stream (&s, __i__);
  gst_child_proxy_set (GST_CHILD_PROXY (s.h->element), "kernel::gain", 42,
      NULL);
  pass (&s);
  ck_assert_uint_eq (s.version, 1);
  ck_assert_uint_eq (s.gain, 42);
  save ('b', 2);
  ck_assert_uint_eq (wait_reloaded (s.h->element), 1);
  pass (&s);
  /* The same state, and the parameter as it was set. */
  ck_assert_uint_eq (s.version, 2);
  ck_assert_uint_eq (s.seen, 1);
  ck_assert_uint_eq (s.gain, 42);
  save ('c', 3);
  ck_assert_uint_eq (wait_reloaded (s.h->element), 2);
  pass (&s);
  /* Another state; and 42 is too much for it. */
  ck_assert_uint_eq (s.version, 3);
  ck_assert_uint_eq (s.seen, 0);
  ck_assert_uint_eq (s.gain, 5);
  ck_assert_uint_eq (get_stat (s.h->element, "generation"), 2);
  ck_assert_uint_eq (get_stat (s.h->element, "reloads"), 2);
  ck_assert_uint_eq (get_stat (s.h->element, "reload-errors"), 0);
  close_stream (&s);
}
GST_END_TEST;

GST_START_TEST (test_broken)
{
  gchar *text = version_text ('a', 2), **part;
  Stream s;

  save ('a', 1);
  open_stream (&s, __i__);
  pass (&s);
  part = g_strsplit (text, "VERSION * 65536", 2);
  g_free (text);
  text = g_strjoinv ("no_such_name", part);
  write_over (text);
  wait_warning (s.h->element, "mine.c", "no_such_name");
  pass (&s);
  ck_assert_uint_eq (s.version, 1);
  ck_assert_uint_eq (s.seen, 1);
  ck_assert_uint_eq (get_stat (s.h->element, "reload-errors"), 1);
  ck_assert_uint_eq (get_stat (s.h->element, "generation"), 0);
  save ('a', 3);
  ck_assert_uint_eq (wait_reloaded (s.h->element), 1);
  pass (&s);
  ck_assert_uint_eq (s.version, 3);
  ck_assert_uint_eq (s.seen, 2);
  close_stream (&s);
  g_strfreev (part);
  g_free (text);
}
GST_END_TEST;

GST_START_TEST (test_deleted_and_restored)
{
  gchar *aside;
  Stream s;

  save ('a', 1);
  aside = g_build_filename (dir, "aside", NULL);
  open_stream (&s, __i__);
  pass (&s);
  ck_assert_int_eq (g_unlink (path), 0);
  pass (&s);
  ck_assert_uint_eq (s.version, 1);
  save ('a', 2);
  ck_assert_uint_eq (wait_reloaded (s.h->element), 1);
  pass (&s);
  ck_assert_uint_eq (s.version, 2);
  /* Put aside, and another one in its place. */
  ck_assert_int_eq (g_rename (path, aside), 0);
  pass (&s);
  save ('a', 3);
  ck_assert_uint_eq (wait_reloaded (s.h->element), 2);
  ck_assert_int_eq (g_rename (aside, path), 0);
  ck_assert_uint_eq (wait_reloaded (s.h->element), 3);
  pass (&s);
  ck_assert_uint_eq (s.version, 2);
  ck_assert_uint_eq (s.seen, 4);
  close_stream (&s);
  g_free (aside);
}
GST_END_TEST;

/* A compiler that the test holds up: what was saved meanwhile is what counts. */
GST_START_TEST (test_changed_meanwhile)
{
  gchar *script = g_build_filename (dir, "compiler", NULL);
  gchar *begun = g_build_filename (dir, "begun", NULL);
  gchar *go = g_build_filename (dir, "go", NULL);
  gchar *text;
  Stream s;
  gchar c;
  gint fd;

  save ('a', 1);
  open_stream (&s, 0);
  pass (&s);
  ck_assert_int_eq (mkfifo (begun, 0600), 0);
  ck_assert_int_eq (mkfifo (go, 0600), 0);
  text = g_strdup_printf (
      "#!/bin/sh\nif [ -p '%s' ]; then\n"
      "  echo > '%s'\n  read line < '%s'\nfi\nexec cc \"$@\"\n",
      begun, begun, go);
  ck_assert (g_file_set_contents (script, text, -1, NULL));
  ck_assert_int_eq (g_chmod (script, 0700), 0);
  g_setenv ("CC", script, TRUE);
  save ('a', 2);
  fd = open (begun, O_RDONLY);
  ck_assert_int_eq (read (fd, &c, 1), 1);
  close (fd);
  g_unlink (begun);
  save ('a', 3);
  fd = open (go, O_WRONLY);
  ck_assert_int_eq (write (fd, "\n", 1), 1);
  close (fd);
  ck_assert_uint_eq (wait_reloaded (s.h->element), 1);
  g_unsetenv ("CC");
  pass (&s);
  ck_assert_uint_eq (s.version, 3);
  close_stream (&s);
  g_free (text);
  g_free (go);
  g_free (begun);
  g_free (script);
}
GST_END_TEST;

/* Saved in READY, and between the launch and the first look at the file. */
GST_START_TEST (test_in_ready)
{
  GstElement *filter;
  gint value = 0;

  save ('a', 1);
  filter = make_reloading (__i__);
  ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_READY),
      GST_STATE_CHANGE_SUCCESS);
  save ('b', 2);
  wait_reloaded (filter);
  gst_child_proxy_get (GST_CHILD_PROXY (filter), "kernel::gain", &value, NULL);
  ck_assert_int_eq (value, 20);
  end_filter (filter);
}
GST_END_TEST;

/* There is no file to watch, and that is no error. */
GST_START_TEST (test_built_in)
{
  GstElement *filter = make_filter ("invert", __i__);

  g_object_set (filter, "reload", TRUE, NULL);
  ck_assert_int_eq (gst_element_set_state (filter, GST_STATE_PAUSED),
      GST_STATE_CHANGE_SUCCESS);
  fail_on_errors (filter);
  end_filter (filter);
}
GST_END_TEST;

/* The file that a link leads to lies elsewhere. */
GST_START_TEST (test_link)
{
  gchar *other = g_dir_make_tmp ("ring-test-XXXXXX", NULL);
  gchar *target = g_build_filename (other, "theirs.c", NULL);
  gchar *text = version_text ('a', 1);
  Stream s;

  ck_assert (g_file_set_contents (target, text, -1, NULL));
  ck_assert_int_eq (symlink (target, path), 0);
  open_stream (&s, 0);
  pass (&s);
  g_free (text);
  text = version_text ('a', 2);
  ck_assert (g_file_set_contents (target, text, -1, NULL));
  wait_reloaded (s.h->element);
  pass (&s);
  ck_assert_uint_eq (s.version, 2);
  close_stream (&s);
  g_free (text);
  g_unlink (target);
  g_rmdir (other);
  g_free (target);
  g_free (other);
}
GST_END_TEST;

GST_START_TEST (test_needs_launch)
{
  Stream s;

  save ('a', 1);
  open_stream (&s, __i__);
  pass (&s);
  write_over (
      "#include <ringkernel/kernel-sdk.h>\n"
      "RING_KERNEL (two, \"Emits twice\", RING_EMITS (2))\n"
      "{\n  if (ring_is_first_worker ())\n    ring_emit (1, in.size);\n}\n");
  wait_warning (s.h->element, "launch it anew", NULL);
  pass (&s);
  ck_assert_uint_eq (s.version, 1);
  close_stream (&s);
}
GST_END_TEST;

/* ---- parameters --------------------------------------------------------------------------------------- */

static void
count_children (GstChildProxy *proxy, GObject *child, gchar *name, gint *n)
{
  g_atomic_int_inc (n);
}

GST_START_TEST (test_parameters_follow)
{
  gint added = 0, removed = 0;
  GObject *before, *after;
  GstChildProxy *proxy;
  gfloat extra = 0;
  gint gain = 0;
  Stream s;

  save ('a', 1);
  open_stream (&s, __i__);
  proxy = GST_CHILD_PROXY (s.h->element);
  g_signal_connect (proxy, "child-added", G_CALLBACK (count_children), &added);
  g_signal_connect (proxy, "child-removed", G_CALLBACK (count_children),
      &removed);
  before = gst_child_proxy_get_child_by_name (proxy, "kernel");
  g_object_set (before, "gain", 33, NULL);
  ck_assert (
      !g_object_class_find_property (G_OBJECT_GET_CLASS (before), "extra"));

  /* Nothing else is declared: the object stays. */
  save ('a', 2);
  wait_reloaded (s.h->element);
  after = gst_child_proxy_get_child_by_name (proxy, "kernel");
  ck_assert_ptr_eq (before, after);
  g_object_unref (after);

  save ('b', 3);
  wait_reloaded (s.h->element);
  ck_assert_int_eq (g_atomic_int_get (&added), 1);
  ck_assert_int_eq (g_atomic_int_get (&removed), 1);
  after = gst_child_proxy_get_child_by_name (proxy, "kernel");
  ck_assert_ptr_ne (before, after);
  g_object_get (after, "gain", &gain, "extra", &extra, NULL);
  ck_assert_int_eq (gain, 33);
  ck_assert (extra == 0.5f);
  g_object_set (after, "gain", 44, NULL);
  /* Who holds on to the old one does no harm. */
  g_object_set (before, "gain", 55, NULL);
  pass (&s);
  ck_assert_uint_eq (s.gain, 44);
  g_object_unref (after);
  g_object_unref (before);
  close_stream (&s);
}
GST_END_TEST;

/* What was set holds after the next launch, too. */
GST_START_TEST (test_parameters_after_relaunch)
{
  Stream s;

  save ('a', 1);
  open_stream (&s, 0);
  gst_child_proxy_set (GST_CHILD_PROXY (s.h->element), "kernel::gain", 33,
      NULL);
  save ('b', 2);
  wait_reloaded (s.h->element);
  gst_element_set_state (s.h->element, GST_STATE_NULL);
  gst_element_set_state (s.h->element, GST_STATE_READY);
  {
    gint gain = 0;

    gst_child_proxy_get (GST_CHILD_PROXY (s.h->element), "kernel::gain", &gain,
        NULL);
    ck_assert_int_eq (gain, 33);
  }
  ck_assert_uint_eq (get_stat (s.h->element, "generation"), 0);
  end_harness (s.h);
}
GST_END_TEST;

static void
control (GstObject *object, const gchar *name, gdouble end)
{
  GstControlSource *source = gst_interpolation_control_source_new ();

  g_object_set (source, "mode", GST_INTERPOLATION_MODE_LINEAR, NULL);
  gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (source),
      0, 0);
  gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (source),
      GST_SECOND, end);
  ck_assert (gst_object_add_control_binding (object,
      gst_direct_control_binding_new_absolute (object, name, source)));
  gst_object_unref (source);
}

/* Buffers are 10 ms apart, so each is 1 more than the one before. */
GST_START_TEST (test_controllers_go_on)
{
  GObject *child;
  Stream s;

  save ('b', 1);
  open_stream (&s, __i__);
  child = gst_child_proxy_get_child_by_name (GST_CHILD_PROXY (s.h->element),
      "kernel");
  control (GST_OBJECT (child), "gain", 100);
  control (GST_OBJECT (child), "extra", 1);
  g_object_unref (child);
  for (; s.sent < 20;) {
    pass (&s);
    ck_assert_uint_eq (s.gain, s.sent - 1);
  }
  /* One of the two is gone. */
  save ('a', 2);
  wait_reloaded (s.h->element);
  for (; s.sent < 40;) {
    pass (&s);
    ck_assert_uint_eq (s.version, 2);
    ck_assert_uint_eq (s.gain, s.sent - 1);
  }
  child = gst_child_proxy_get_child_by_name (GST_CHILD_PROXY (s.h->element),
      "kernel");
  ck_assert (gst_object_has_active_control_bindings (GST_OBJECT (child)));
  g_object_unref (child);
  close_stream (&s);
}
GST_END_TEST;

/* ---- two hundred edits ------------------------------------------------------------------------------------------ */

/* A compiler that knows most of what it will be given: the second line of a source may
 * name the library that it would make. */
static void
use_quick_compiler (void)
{
  gchar *script = g_build_filename (dir, "compiler", NULL);

  ck_assert (g_file_set_contents (script,
      "#!/bin/sh\n"
      "for word; do\n"
      "  case $word in *.c) source=$word ;; *.so) output=$word ;; esac\n"
      "done\n"
      "made=$(sed -n '1s,^// made: ,,p' \"$source\")\n"
      "[ -z \"$made\" ] || exec cp \"$made\" \"$output\"\n"
      "exec cc \"$@\"\n",
      -1, NULL));
  ck_assert_int_eq (g_chmod (script, 0700), 0);
  g_setenv ("CC", script, TRUE);
  g_free (script);
}

/* What is saved: a version that is there already has the number of its flavour. */
static gchar *
edit_text (gchar flavour, guint version, gboolean made)
{
  gchar *text = version_text (flavour, version), *both;

  if (!made)
    return text;
  both = g_strdup_printf ("// made: %s/stamp-%c.so\n%s",
      g_getenv ("RING_TEST_KERNEL_DIR"), flavour, text);
  g_free (text);
  return both;
}

/* The stream goes on until the element says something of @type. */
static void
run_until (Stream *s, GstMessageType type)
{
  const gint64 until = g_get_monotonic_time () + WAIT / 1000;
  GstBus *bus = gst_element_get_bus (s->h->element);
  GstMessage *message = NULL;

  while (!message) {
    push (s);
    take_what_is_there (s);
    ck_assert_msg (g_get_monotonic_time () < until, "nothing is said");
    message = gst_bus_pop_filtered (bus,
        GST_MESSAGE_ELEMENT | GST_MESSAGE_WARNING | GST_MESSAGE_ERROR);
  }
  assert_type (message, type);
  gst_message_unref (message);
  gst_object_unref (bus);
}

GST_START_TEST (test_two_hundred_edits)
{
  /* Each edit compiles for both on CUDA; inline it is what a user gets. */
  const guint edits = __i__ == 0 && !g_getenv ("RINGKERNEL_BACKEND") ? 200 : 40;
  guint n, errors = 0;
  Stream s;

  use_quick_compiler ();
  save ('a', 1);
  open_stream (&s, __i__);
  s.due = g_new (guint, edits + 1);
  s.due[0] = 1;
  s.n_due = 1;
  pass (&s);
  for (n = 0; n < edits; n++) {
    const gchar flavour = "abacdabbcadb"[n % 12];
    /* Four of five are there already, with their flavour's number. */
    const gboolean made = n % 5 != 4;
    const guint next = made ? (guint) (flavour - 'a') + 1 : 1000 + n;
    gchar *text = edit_text (flavour, next, made);

    s.due[s.n_due++] = next;
    switch (n % 7) {
      case 1:
        write_in_place (text, FALSE);
        break;
      case 2:
        ck_assert_int_eq (g_unlink (path), 0);
        push (&s);
        write_over (text);
        break;
      case 3: {
        write_over ("// does not compile\nthis is no C");
        run_until (&s, GST_MESSAGE_WARNING);
        errors++;
        write_over (text);
        break;
      }
      case 4:
        write_in_place (text, TRUE);
        break;
      default:
        write_over (text);
        break;
    }
    run_until (&s, GST_MESSAGE_ELEMENT);
    g_free (text);
  }
  while (s.at < edits)
    pass (&s);
  g_unsetenv ("CC");
  ck_assert_uint_eq (get_stat (s.h->element, "reload-errors"), errors);
  ck_assert_uint_eq (get_stat (s.h->element, "reloads"), edits);
  ck_assert_uint_eq (get_stat (s.h->element, "generation"), edits);
  close_stream (&s);
  g_free (s.due);
}
GST_END_TEST;

static Suite *
reload_suite (void)
{
  Suite *suite = suite_create ("reload");
  TCase *tcase = tcase_create ("edits");

  tcase_set_timeout (tcase, 280);
  tcase_add_checked_fixture (tcase, make_file, drop_file);
  tcase_add_mode_test (tcase, test_built_in);
  suite_add_tcase (suite, tcase);
  if (!sources_can_be_compiled ("test_edit"))
    return suite;
  tcase_add_mode_test (tcase, test_edit);
  tcase_add_mode_test (tcase, test_broken);
  tcase_add_mode_test (tcase, test_deleted_and_restored);
  tcase_add_test (tcase, test_changed_meanwhile);
  tcase_add_mode_test (tcase, test_in_ready);
  tcase_add_test (tcase, test_link);
  tcase_add_mode_test (tcase, test_needs_launch);
  tcase_add_mode_test (tcase, test_parameters_follow);
  tcase_add_test (tcase, test_parameters_after_relaunch);
  tcase_add_mode_test (tcase, test_controllers_go_on);
  tcase_add_mode_test (tcase, test_two_hundred_edits);
  return suite;
}

GST_CHECK_MAIN (reload);
