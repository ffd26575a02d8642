/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The kernel's file is edited while the element runs. Versions are the kernels stamp-a
 * to stamp-d of tests/runtime/kernels, each with a number of its own.
 */
#include "gst-ring-test.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/controller/gstdirectcontrolbinding.h>
#include <gst/controller/gstinterpolationcontrolsource.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS 100
#define WAIT (60 * GST_SECOND)

/* ---- a file that is edited --------------------------------------------------------------- */

static gchar *dir, *path;

static void
make_file (void)
{
  dir = g_dir_make_tmp ("ring-test-XXXXXX", NULL);
  ck_assert (dir != NULL);
  path = g_build_filename (dir, "mine.c", NULL);
}

static void
drop_file (void)
{
  GDir *list = g_dir_open (dir, 0, NULL);
  const gchar *name;

  while ((name = g_dir_read_name (list))) {
    gchar *file = g_build_filename (dir, name, NULL);

    g_unlink (file);
    g_free (file);
  }
  g_dir_close (list);
  g_rmdir (dir);
  g_clear_pointer (&dir, g_free);
  g_clear_pointer (&path, g_free);
}

/* stamp-@flavour with the number @version. */
static gchar *
version_text (gchar flavour, guint version)
{
  gchar *source = g_strdup_printf ("%s/tests/runtime/kernels/stamp-%c.c",
      g_getenv ("RINGKERNEL_TEST_SOURCE_ROOT"), flavour);
  gchar *text = NULL, *result;
  gchar **part;

  ck_assert (g_file_get_contents (source, &text, NULL, NULL));
  part = g_regex_split_simple ("#define VERSION \\d+", text, 0, 0);
  ck_assert_uint_eq (g_strv_length (part), 2);
  result =
      g_strdup_printf ("%s#define VERSION %u%s", part[0], version, part[1]);
  g_strfreev (part);
  g_free (text);
  g_free (source);
  return result;
}

static void
write_in_place (const gchar *text, gboolean in_pieces)
{
  const gsize size = strlen (text), half = in_pieces ? size / 2 : size;
  FILE *file = fopen (path, "w");

  ck_assert (file != NULL);
  ck_assert_uint_eq (fwrite (text, 1, half, file), half);
  ck_assert_int_eq (fflush (file), 0);
  ck_assert_uint_eq (fwrite (text + half, 1, size - half, file), size - half);
  ck_assert_int_eq (fclose (file), 0);
}

/* As most editors save. */
static void
write_over (const gchar *text)
{
  ck_assert (g_file_set_contents (path, text, -1, NULL));
}

static void
save (gchar flavour, guint version)
{
  gchar *text = version_text (flavour, version);

  write_over (text);
  g_free (text);
}

/* ---- what the element says ------------------------------------------------------------------ */

static void
assert_type (GstMessage *message, GstMessageType type)
{
  GError *error = NULL;

  if (GST_MESSAGE_TYPE (message) == type)
    return;
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING)
    gst_message_parse_warning (message, &error, NULL);
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  ck_abort_msg ("%s where %s was due: %s", GST_MESSAGE_TYPE_NAME (message),
      gst_message_type_get_name (type), error ? error->message : "");
}

/* Waits for a message of @type; about a new version if that is ELEMENT. */
static GstMessage *
wait_message (GstElement *element, GstMessageType type)
{
  GstBus *bus = gst_element_get_bus (element);
  GstMessage *message;

  message = gst_bus_timed_pop_filtered (bus, WAIT,
      type | GST_MESSAGE_ERROR
          | (type == GST_MESSAGE_INFO ? 0 : GST_MESSAGE_WARNING));
  gst_object_unref (bus);
  ck_assert_msg (message != NULL, "nothing came");
  assert_type (message, type);
  return message;
}

static guint
wait_reloaded (GstElement *element)
{
  GstMessage *message = wait_message (element, GST_MESSAGE_ELEMENT);
  const GstStructure *s = gst_message_get_structure (message);
  guint generation = 0;

  ck_assert (gst_structure_has_name (s, "ring-kernel-reloaded"));
  ck_assert_str_eq (gst_structure_get_string (s, "origin"), path);
  ck_assert (gst_structure_get_uint (s, "generation", &generation));
  gst_message_unref (message);
  return generation;
}

static void
wait_warning (GstElement *element, const gchar *says, const gchar *details)
{
  GstMessage *message = wait_message (element, GST_MESSAGE_WARNING);
  GError *error = NULL;
  gchar *debug = NULL;

  gst_message_parse_warning (message, &error, &debug);
  ck_assert_msg (strstr (error->message, says) != NULL, "'%s' lacks '%s'",
      error->message, says);
  ck_assert_msg (strstr (error->message, "goes on") != NULL, "'%s'",
      error->message);
  if (details)
    ck_assert_msg (debug && strstr (debug, details), "'%s' lacks '%s'", debug,
        details);
  g_error_free (error);
  g_free (debug);
  gst_message_unref (message);
}

/* ---- a stream of numbered buffers -------------------------------------------------------------- */

typedef struct
{
  GstHarness *h;
  guint sent, received;
  guint version, seen, gain; /* of the last that came out */
  guint *due, n_due;         /* versions that came one after the other … */
  guint at;                  /* … and the one that has come out last */
} Stream;

static GstElement *
make_reloading (gint mode)
{
  GstElement *filter = make_filter (path, mode);

  g_object_set (filter, "reload", TRUE, NULL);
  return filter;
}

static void
open_stream (Stream *s, gint mode)
{
  GstElement *filter = make_reloading (mode);

  memset (s, 0, sizeof *s);
  s->h = gst_harness_new_with_element (filter, "sink", "src");
  gst_object_unref (filter);
  gst_harness_set_src_caps_str (s->h, "application/octet-stream");
}

/* All of it was written by one version, and it is the one that is due. */
static void
check (Stream *s, GstBuffer *buffer)
{
  guint32 word[WORDS];
  guint i;

  ck_assert_uint_eq (gst_buffer_extract (buffer, 0, word, sizeof word),
      sizeof word);
  ck_assert_uint_eq (word[0], s->received);
  s->version = word[1];
  s->seen = word[2];
  s->gain = word[3];
  /* Not one of those before. */
  while (s->due && s->due[s->at] != s->version) {
    s->at++;
    ck_assert_msg (s->at < s->n_due, "version %u, which is not due",
        s->version);
  }
  for (i = 4; i < WORDS; i++)
    ck_assert_uint_eq (word[i], s->version * 65536 + (s->received & 65535));
  s->received++;
  gst_buffer_unref (buffer);
}

static void
take_what_is_there (Stream *s)
{
  GstBuffer *buffer;

  while ((buffer = gst_harness_try_pull (s->h)))
    check (s, buffer);
}

static void
push (Stream *s)
{
  guint32 word[WORDS] = { s->sent };
  GstBuffer *buffer = gst_buffer_new_memdup (word, sizeof word);

  GST_BUFFER_PTS (buffer) = s->sent * 10 * GST_MSECOND;
  GST_BUFFER_DURATION (buffer) = 10 * GST_MSECOND;
  s->sent++;
  ck_assert_int_eq (gst_harness_push (s->h, buffer), GST_FLOW_OK);
}

/* Pushes one, and takes all that is to come. */
static void
pass (Stream *s)
{
  push (s);
  while (s->received < s->sent)
    check (s, gst_harness_pull (s->h));
}

static void
close_stream (Stream *s)
{
  while (s->received < s->sent)
    check (s, gst_harness_pull (s->h));
  ck_assert (gst_harness_push_event (s->h, gst_event_new_eos ()));
  fail_on_errors (s->h->element);
  ck_assert_uint_eq (get_stat (s->h->element, "delivered"), s->sent);
  ck_assert_uint_eq (get_stat (s->h->element, "order-errors"), 0);
  end_harness (s->h);
}

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

/* ---- another stream ---------------------------------------------------------------------------------------- */

static void
save_video (const gchar *items, const gchar *value)
{
  gchar *text = g_strdup_printf (
      "#include <ringkernel/kernel-sdk.h>\n"
      "RING_KERNEL (pictures, \"Of a test\", %s)\n{\n"
      "  RING_FOR_EACH_ROW (p, y, out)\n"
      "    RING_FOR_EACH_LANE (x, out.plane[p].width * out.plane[p].pixel_stride)\n"
      "      ring_row (out.plane[p], y)[x] = %s;\n}\n",
      items, value);

  write_over (text);
  g_free (text);
}

typedef struct
{
  GstElement *pipeline, *filter;
  GMutex lock;
  GCond changed;
  guint64 next; /* number of the next frame, if none is lost */
  guint frames;
  gsize size;   /* of the last frame */
  guint8 value; /* of all its bytes */
} Pictures;

static void
on_frame (GstElement *sink, GstBuffer *buffer, GstPad *pad, Pictures *p)
{
  GstMapInfo map;
  gsize i;

  g_mutex_lock (&p->lock);
  ck_assert_uint_eq (GST_BUFFER_OFFSET (buffer), p->next);
  p->next++;
  ck_assert (gst_buffer_map (buffer, &map, GST_MAP_READ));
  p->size = map.size;
  p->value = map.data[0];
  for (i = 0; i < map.size; i++)
    ck_assert_uint_eq (map.data[i], p->value);
  gst_buffer_unmap (buffer, &map);
  p->frames++;
  g_cond_broadcast (&p->changed);
  g_mutex_unlock (&p->lock);
}

/* Until frames of @size bytes @value come. */
static void
wait_for_frames (Pictures *p, gsize size, guint8 value)
{
  const gint64 until = g_get_monotonic_time () + WAIT / 1000;

  g_mutex_lock (&p->lock);
  while (p->frames == 0 || p->size != size || p->value != value)
    ck_assert_msg (g_cond_wait_until (&p->changed, &p->lock, until),
        "frames of %u bytes %u do not come, but %u of %u", (guint) size, value,
        (guint) p->size, p->value);
  g_mutex_unlock (&p->lock);
}

static void
open_pictures (Pictures *p, gint mode, const gchar *before, const gchar *after)
{
  /* 64x4: no padding in any of the formats. */
  gchar *text = g_strdup_printf (
      "videotestsrc is-live=true ! %s ! "
      "ringkernelfilter name=filter kernel=%s execution-mode=%s reload=true ! "
      "%s ! fakesink name=sink sync=false signal-handoffs=true",
      before, path, mode_names[mode], after);
  GError *error = NULL;
  GstElement *sink;

  memset (p, 0, sizeof *p);
  g_mutex_init (&p->lock);
  g_cond_init (&p->changed);
  p->pipeline = gst_parse_launch (text, &error);
  ck_assert_msg (p->pipeline != NULL && !error, "%s",
      error ? error->message : "?");
  p->filter = gst_bin_get_by_name (GST_BIN (p->pipeline), "filter");
  sink = gst_bin_get_by_name (GST_BIN (p->pipeline), "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (on_frame), p);
  gst_object_unref (sink);
  gst_element_set_state (p->pipeline, GST_STATE_PLAYING);
  g_free (text);
}

static void
close_pictures (Pictures *p)
{
  gst_element_set_state (p->pipeline, GST_STATE_NULL);
  gst_object_unref (p->filter);
  gst_object_unref (p->pipeline);
  g_mutex_clear (&p->lock);
  g_cond_clear (&p->changed);
}

/* From the pipeline's bus. */
static GstMessage *
wait_from_filter (Pictures *p, GstMessageType type)
{
  GstBus *bus = gst_element_get_bus (p->pipeline);
  GstMessage *message;

  do {
    message = gst_bus_timed_pop_filtered (bus, WAIT,
        type | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
    ck_assert_msg (message != NULL, "nothing came");
    assert_type (message, type);
    if (GST_MESSAGE_SRC (message) != GST_OBJECT (p->filter))
      gst_clear_message (&message);
  } while (!message);
  gst_object_unref (bus);
  return message;
}

static void
wait_pictures_warning (Pictures *p, const gchar *says)
{
  GstMessage *message = wait_from_filter (p, GST_MESSAGE_WARNING);
  GError *error = NULL;

  gst_message_parse_warning (message, &error, NULL);
  ck_assert_msg (strstr (error->message, says) != NULL, "'%s' lacks '%s'",
      error->message, says);
  g_error_free (error);
  gst_message_unref (message);
}

#define SIZE "video/x-raw,width=64,height=4"
#define GRAY (64 * 4)
#define RGB (3 * GRAY)

/* The input stays, the output has other caps. */
GST_START_TEST (test_other_output)
{
  Pictures p;

  save_video ("RING_VIDEO (\"GRAY8\")", "1");
  open_pictures (&p, __i__, SIZE ",format=GRAY8", "identity");
  wait_for_frames (&p, GRAY, 1);
  save_video ("RING_VIDEO_TO (\"GRAY8\", \"RGB\")", "2");
  wait_for_frames (&p, RGB, 2);
  gst_message_unref (wait_from_filter (&p, GST_MESSAGE_ELEMENT));
  /* In place, and not any more. */
  save_video ("RING_VIDEO (\"GRAY8\"), RING_IN_PLACE", "3");
  wait_for_frames (&p, GRAY, 3);
  save_video ("RING_VIDEO (\"GRAY8\")", "4");
  wait_for_frames (&p, GRAY, 4);
  close_pictures (&p);
}
GST_END_TEST;

/* Upstream changes to what the new version takes. */
GST_START_TEST (test_other_input)
{
  Pictures p;

  save_video ("RING_VIDEO (\"GRAY8\")", "1");
  open_pictures (&p, __i__, SIZE, "identity");
  wait_for_frames (&p, GRAY, 1);
  save_video ("RING_VIDEO (\"RGB\")", "2");
  gst_message_unref (wait_from_filter (&p, GST_MESSAGE_INFO));
  wait_for_frames (&p, RGB, 2);
  gst_message_unref (wait_from_filter (&p, GST_MESSAGE_ELEMENT));
  ck_assert_uint_eq (get_stat (p.filter, "generation"), 1);
  close_pictures (&p);
}
GST_END_TEST;

/* Neither side can change: the version before goes on, and it is said why. */
GST_START_TEST (test_nobody_changes)
{
  Pictures p;

  save_video ("RING_VIDEO (\"GRAY8\")", "1");
  open_pictures (&p, __i__, SIZE ",format=GRAY8",
      "video/x-raw,format=GRAY8 ! identity");
  wait_for_frames (&p, GRAY, 1);
  save_video ("RING_VIDEO (\"RGB\")", "2");
  wait_pictures_warning (&p, "does not take what upstream gives");
  save_video ("RING_VIDEO_TO (\"GRAY8\", \"RGB\")", "3");
  wait_pictures_warning (&p, "downstream does not take");
  wait_for_frames (&p, GRAY, 1);
  ck_assert_uint_eq (get_stat (p.filter, "reload-errors"), 2);
  /* And back again. */
  save_video ("RING_VIDEO (\"GRAY8\")", "4");
  wait_for_frames (&p, GRAY, 4);
  ck_assert_uint_eq (get_stat (p.filter, "generation"), 1);
  close_pictures (&p);
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
  tcase_add_mode_test (tcase, test_edit);
  tcase_add_mode_test (tcase, test_broken);
  tcase_add_mode_test (tcase, test_deleted_and_restored);
  tcase_add_test (tcase, test_changed_meanwhile);
  tcase_add_mode_test (tcase, test_in_ready);
  tcase_add_mode_test (tcase, test_built_in);
  tcase_add_test (tcase, test_link);
  tcase_add_mode_test (tcase, test_needs_launch);
  tcase_add_mode_test (tcase, test_parameters_follow);
  tcase_add_test (tcase, test_parameters_after_relaunch);
  tcase_add_mode_test (tcase, test_controllers_go_on);
  tcase_add_mode_test (tcase, test_other_output);
  tcase_add_mode_test (tcase, test_other_input);
  tcase_add_mode_test (tcase, test_nobody_changes);
  tcase_add_mode_test (tcase, test_two_hundred_edits);
  suite_add_tcase (suite, tcase);
  return suite;
}

GST_CHECK_MAIN (reload);
