/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * gst-ring-test.h: what the element's tests share. Tests that hold for every
 * execution mode are loop tests, with __i__ as the mode's index.
 */
#ifndef GST_RING_TEST_H
#define GST_RING_TEST_H

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <ringkernel/ringkernel.h>
#include <string.h>

static const gchar *const mode_names[] = { "inline", "event-driven",
  "persistent" };

/* Once for each mode. */
#define tcase_add_mode_test(tcase, test) tcase_add_loop_test (tcase, test, 0, 3)

#define is_inline(mode) ((mode) == 0)

/* An unlinked element with a bus of its own. */
static inline GstElement *
make_filter (const gchar *kernel, gint mode)
{
  GstElement *filter = gst_element_factory_make ("ringkernelfilter", NULL);
  GstBus *bus = gst_bus_new ();

  ck_assert_msg (filter != NULL,
      "no element ringkernelfilter: is "
      "GST_PLUGIN_PATH set?");
  gst_element_set_bus (filter, bus);
  gst_object_unref (bus);
  if (kernel)
    g_object_set (filter, "kernel", kernel, NULL);
  gst_util_set_object_arg (G_OBJECT (filter), "execution-mode",
      mode_names[mode]);
  return filter;
}

/* A harness around such an element; it is playing. */
static inline GstHarness *
make_harness (const gchar *kernel, gint mode)
{
  GstElement *filter = make_filter (kernel, mode);
  GstHarness *h = gst_harness_new_with_element (filter, "sink", "src");

  gst_object_unref (filter);
  return h;
}

static inline void
end_harness (GstHarness *h)
{
  gst_element_set_state (h->element, GST_STATE_NULL);
  gst_element_set_bus (h->element, NULL);
  gst_harness_teardown (h);
}

static inline void
end_filter (GstElement *filter)
{
  gst_element_set_state (filter, GST_STATE_NULL);
  gst_element_set_bus (filter, NULL);
  gst_object_unref (filter);
}

/* Whether what runs where it likes runs on CUDA; inline it never does. */
static inline gboolean
on_cuda (gint mode)
{
  return !is_inline (mode)
      && g_strcmp0 (g_getenv ("RINGKERNEL_BACKEND"), "cuda") == 0;
}

/* One of tests/runtime/kernels, built beforehand; for CUDA that takes an image
 * beside it, and where there is none, its source is compiled. */
static inline gchar *
test_kernel (const gchar *name)
{
  const gchar *dir = g_getenv ("RING_TEST_KERNEL_DIR");
  gchar *path, *image;

  ck_assert_msg (dir != NULL, "RING_TEST_KERNEL_DIR is not set");
  path = g_strdup_printf ("%s/%s.so", dir, name);
  image = g_strdup_printf ("%s/%s.fatbin", dir, name);
  if (on_cuda (1) && !g_file_test (image, G_FILE_TEST_EXISTS)) {
    g_free (path);
    path = g_strdup_printf ("%s/tests/runtime/kernels/%s.c",
        g_getenv ("RINGKERNEL_TEST_SOURCE_ROOT"), name);
  }
  g_free (image);
  return path;
}

/* Counts messages of @type that @element posted since the last call; keeps the
 * text of the first. */
static inline guint
count_messages (GstElement *element, GstMessageType type, gchar **text)
{
  GstBus *bus = gst_element_get_bus (element);
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop_filtered (bus, type))) {
    if (GST_MESSAGE_SRC (message) == GST_OBJECT (element) && n++ == 0 && text) {
      GError *error = NULL;

      if (type == GST_MESSAGE_ERROR)
        gst_message_parse_error (message, &error, NULL);
      else if (type == GST_MESSAGE_WARNING)
        gst_message_parse_warning (message, &error, NULL);
      *text = error ? g_strdup (error->message) : NULL;
      g_clear_error (&error);
    }
    gst_message_unref (message);
  }
  gst_object_unref (bus);
  return n;
}

static inline void
fail_on_errors (GstElement *element)
{
  gchar *text = NULL;
  const guint n = count_messages (element, GST_MESSAGE_ERROR, &text);

  ck_assert_msg (n == 0, "%u errors, the first: %s", n, text);
}

static inline guint64
get_stat (GstElement *element, const gchar *name)
{
  GstStructure *stats;
  guint64 value = G_MAXUINT64;

  g_object_get (element, "stats", &stats, NULL);
  ck_assert_msg (gst_structure_get_uint64 (stats, name, &value),
      "no figure '%s'", name);
  gst_structure_free (stats);
  return value;
}

/* ---- kernels that the test holds up: tests/runtime/kernels/gate*.c ---------- */

typedef struct
{
  guint32 entered, open, left;
} Gate;

static inline GstBuffer *
make_gated (Gate *gate, gsize size)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);

  gst_buffer_memset (buffer, 0, 0, size);
  gst_buffer_fill (buffer, 0, &gate, sizeof gate);
  return buffer;
}

/* Whether kernels see the test's own memory, as threads do; a GPU does not. */
static inline gboolean
shares_addresses (void)
{
  return !on_cuda (1) || g_getenv ("RING_TEST_SHARED_ADDRESSES");
}

/* Once for each mode in which a test can hold a kernel up. */
#define tcase_add_gate_test(tcase, test) \
  G_STMT_START \
  { \
    if (!shares_addresses ()) \
      g_print ( \
          "# SKIP " #test ": needs kernels that see the test's own memory\n"); \
    tcase_add_loop_test (tcase, test, 0, shares_addresses () ? 3 : 1); \
  } \
  G_STMT_END

static inline void
open_gate (Gate *gate)
{
  __atomic_store_n (&gate->open, 1, __ATOMIC_RELEASE);
}

static inline void
wait_entered (Gate *gate)
{
  while (!__atomic_load_n (&gate->entered, __ATOMIC_ACQUIRE))
    g_thread_yield ();
}

static inline GstBuffer *
make_bytes (gsize size, guint8 value)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);

  gst_buffer_memset (buffer, 0, value, size);
  return buffer;
}

static inline guint8
first_byte (GstBuffer *buffer)
{
  guint8 value = 0;

  gst_buffer_extract (buffer, 0, &value, 1);
  return value;
}

#endif /* GST_RING_TEST_H */
