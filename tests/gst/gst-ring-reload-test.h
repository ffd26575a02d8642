/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * gst-ring-reload-test.h: a kernel's file that is edited, what the element says of it, and
 * a stream of numbered buffers. Versions are the kernels stamp-a to stamp-d of
 * tests/runtime/kernels, each with a number of its own.
 */
#ifndef GST_RING_RELOAD_TEST_H
#define GST_RING_RELOAD_TEST_H

#include "gst-ring-test.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS 100
#define WAIT (60 * GST_SECOND)

/* ---- a file that is edited --------------------------------------------------------------- */

static gchar *dir, *path;

static inline void
make_file (void)
{
  dir = g_dir_make_tmp ("ring-test-XXXXXX", NULL);
  ck_assert (dir != NULL);
  path = g_build_filename (dir, "mine.c", NULL);
}

static inline void
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
static inline gchar *
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

static inline void
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
static inline void
write_over (const gchar *text)
{
  ck_assert (g_file_set_contents (path, text, -1, NULL));
}

static inline void
save (gchar flavour, guint version)
{
  gchar *text = version_text (flavour, version);

  write_over (text);
  g_free (text);
}

/* ---- what the element says ------------------------------------------------------------------ */

static inline void
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
static inline GstMessage *
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

static inline guint
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

static inline void
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

static inline GstElement *
make_reloading (gint mode)
{
  GstElement *filter = make_filter (path, mode);

  g_object_set (filter, "reload", TRUE, NULL);
  return filter;
}

static inline void
open_stream (Stream *s, gint mode)
{
  GstElement *filter = make_reloading (mode);
  struct stat info;

  /* A file that is as young as the launch is compiled once more, as nobody knows which
   * of its versions was launched; 20 ms are young. */
  do
    g_thread_yield ();
  while (stat (path, &info) == 0
      && g_get_real_time () - (gint64) info.st_ctim.tv_sec * G_USEC_PER_SEC
              - info.st_ctim.tv_nsec / 1000
          < 40000);
  memset (s, 0, sizeof *s);
  s->h = gst_harness_new_with_element (filter, "sink", "src");
  gst_object_unref (filter);
  gst_harness_set_src_caps_str (s->h, "application/octet-stream");
}

/* All of it was written by one version, and it is the one that is due. */
static inline void
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

static inline void
take_what_is_there (Stream *s)
{
  GstBuffer *buffer;

  while ((buffer = gst_harness_try_pull (s->h)))
    check (s, buffer);
}

static inline void
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
static inline void
pass (Stream *s)
{
  push (s);
  while (s->received < s->sent)
    check (s, gst_harness_pull (s->h));
}

static inline void
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

/* Not on a machine with a GPU and no more, where neither compiler need be; says that
 * @test and its like are left out. */
static inline gboolean
sources_can_be_compiled (const gchar *test)
{
  g_autofree gchar *cc = g_find_program_in_path ("cc");

  if (cc
      && (g_strcmp0 (g_getenv ("RINGKERNEL_BACKEND"), "cuda") != 0
          || g_getenv ("RING_TEST_SHARED_ADDRESSES")))
    return TRUE;
  g_print ("# SKIP %s: needs compilers\n", test);
  return FALSE;
}

#endif /* GST_RING_RELOAD_TEST_H */
