/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * steady.c: what a buffer costs once a stream runs: no allocation, no copy.
 *
 * The program has an allocator of its own, which all libraries of the process use as
 * well: it counts, and leaves the work to that of the C library. Buffers come from a
 * pool, as those of a decoder do, and the element is between two bare pads, which
 * allocate nothing themselves.
 */
#include "gst-ring-test.h"

#include <errno.h>
#include <malloc.h>

#define WARM 300
#define COUNTED 1000
#define SECONDS_AT_MOST 60
/* More than twice as many as the element ever holds (max-in-flight): of a producer that
 * would starve it copies. */
#define POOLED 40

/* ---- the allocator -------------------------------------------------------------- */

void *__libc_malloc (size_t size);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *block, size_t size);
void *__libc_memalign (size_t alignment, size_t size);

static gint allocations;

void *
malloc (size_t size)
{
  g_atomic_int_inc (&allocations);
  return __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  g_atomic_int_inc (&allocations);
  return __libc_calloc (n, size);
}

void *
realloc (void *block, size_t size)
{
  g_atomic_int_inc (&allocations);
  return __libc_realloc (block, size);
}

void *
memalign (size_t alignment, size_t size)
{
  g_atomic_int_inc (&allocations);
  return __libc_memalign (alignment, size);
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  return memalign (alignment, size);
}

int
posix_memalign (void **block, size_t alignment, size_t size)
{
  *block = memalign (alignment, size);
  return *block ? 0 : ENOMEM;
}

/* ---- a stream ------------------------------------------------------------------- */

typedef struct
{
  GstElement *filter, *second; /* which may be NULL */
  GstPad *src, *sink;
  GstBufferPool *pool;
  GMutex lock;
  GCond came;
  guint received;
} Stream;

static GstFlowReturn
take (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  Stream *self = gst_pad_get_element_private (pad);

  gst_buffer_unref (buffer);
  g_mutex_lock (&self->lock);
  self->received++;
  g_cond_signal (&self->came);
  g_mutex_unlock (&self->lock);
  return GST_FLOW_OK;
}

static gboolean
take_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  gst_event_unref (event);
  return TRUE;
}

static GstElement *
make (const gchar *kernel, const gchar *mode)
{
  GstElement *filter =
      gst_object_ref_sink (gst_element_factory_make ("ringkernelfilter", NULL));

  g_object_set (filter, "kernel", kernel, NULL);
  gst_util_set_object_arg (G_OBJECT (filter), "backend", "cpu");
  gst_util_set_object_arg (G_OBJECT (filter), "execution-mode", mode);
  return filter;
}

static void
link_pads (GstPad *src, GstElement *filter, GstElement *last, GstPad *sink)
{
  GstPad *peer = gst_element_get_static_pad (filter, "sink");

  ck_assert_int_eq (gst_pad_link (src, peer), GST_PAD_LINK_OK);
  gst_object_unref (peer);
  peer = gst_element_get_static_pad (last, "src");
  ck_assert_int_eq (gst_pad_link (peer, sink), GST_PAD_LINK_OK);
  gst_object_unref (peer);
}

static void
open_stream (Stream *self, const gchar *kernel, const gchar *second,
    const gchar *mode, const gchar *caps_text, guint size, guint pooled)
{
  GstCaps *caps = gst_caps_from_string (caps_text);
  GstStructure *config;
  GstSegment segment;

  memset (self, 0, sizeof *self);
  g_mutex_init (&self->lock);
  g_cond_init (&self->came);
  self->filter = make (kernel, mode);
  self->second = second ? make (second, mode) : NULL;
  self->src = gst_pad_new ("src", GST_PAD_SRC);
  self->sink = gst_pad_new ("sink", GST_PAD_SINK);
  gst_pad_set_element_private (self->sink, self);
  gst_pad_set_chain_function (self->sink, take);
  gst_pad_set_event_function (self->sink, take_event);
  gst_pad_set_active (self->src, TRUE);
  gst_pad_set_active (self->sink, TRUE);
  link_pads (self->src, self->filter,
      self->second ? self->second : self->filter, self->sink);
  if (self->second) {
    ck_assert (gst_element_link (self->filter, self->second));
    ck_assert_int_ne (gst_element_set_state (self->second, GST_STATE_PLAYING),
        GST_STATE_CHANGE_FAILURE);
  }
  ck_assert_int_ne (gst_element_set_state (self->filter, GST_STATE_PLAYING),
      GST_STATE_CHANGE_FAILURE);
  gst_pad_push_event (self->src, gst_event_new_stream_start ("steady"));
  gst_pad_push_event (self->src, gst_event_new_caps (caps));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (self->src, gst_event_new_segment (&segment));

  self->pool = gst_buffer_pool_new ();
  config = gst_buffer_pool_get_config (self->pool);
  gst_buffer_pool_config_set_params (config, caps, size, pooled, pooled);
  gst_buffer_pool_set_config (self->pool, config);
  gst_buffer_pool_set_active (self->pool, TRUE);
  gst_caps_unref (caps);
}

static void
close_stream (Stream *self)
{
  gst_element_set_state (self->filter, GST_STATE_NULL);
  if (self->second)
    gst_element_set_state (self->second, GST_STATE_NULL);
  gst_buffer_pool_set_active (self->pool, FALSE);
  gst_object_unref (self->pool);
  gst_object_unref (self->src);
  gst_object_unref (self->sink);
  gst_object_unref (self->filter);
  gst_clear_object (&self->second);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->came);
}

/* Pushes @n buffers and waits until as many have come. Returns how often something was
 * allocated meanwhile, by whom ever; so nothing is checked in between, which allocates. */
static gint
stream (Stream *self, guint n)
{
  const guint wanted = self->received + n;
  const gint64 end =
      g_get_monotonic_time () + SECONDS_AT_MOST * G_TIME_SPAN_SECOND;
  const gint before = g_atomic_int_get (&allocations);
  gboolean in_time = TRUE;
  guint pushed;
  gint made;

  for (pushed = 0; pushed < n; pushed++) {
    GstBuffer *buffer;

    if (gst_buffer_pool_acquire_buffer (self->pool, &buffer, NULL)
            != GST_FLOW_OK
        || gst_pad_push (self->src, buffer) != GST_FLOW_OK)
      break;
  }
  g_mutex_lock (&self->lock);
  while (pushed == n && self->received < wanted && in_time)
    in_time = g_cond_wait_until (&self->came, &self->lock, end);
  g_mutex_unlock (&self->lock);
  made = g_atomic_int_get (&allocations) - before;
  ck_assert_uint_eq (pushed, n);
  ck_assert (in_time);
  return made;
}

/* ---- what is held --------------------------------------------------------------- */

#define PICTURE \
  "video/x-raw, format=I420, width=640, height=480, framerate=25/1"
#define SOUND \
  "audio/x-raw, format=F32LE, rate=48000, channels=2, layout=interleaved"

/* In place and not, with state, large enough to be shared by workers and small. */
static const struct
{
  const gchar *kernel, *caps;
  guint size;
} streams[] = {
  { "invert", PICTURE, 640 * 480 * 3 / 2 },
  { "temporal-denoise", PICTURE, 640 * 480 * 3 / 2 },
  { "edges", PICTURE, 640 * 480 * 3 / 2 },
  { "gaussian-blur", PICTURE, 640 * 480 * 3 / 2 },
  { "gain", SOUND, 480 * 8 },
};

static const gchar *const modes[] = { "inline", "event-driven", "persistent" };

GST_START_TEST (a_stream_that_runs_allocates_and_copies_nothing_for_a_buffer)
{
  const guint which = __i__ % G_N_ELEMENTS (streams);
  const gchar *mode = modes[__i__ / G_N_ELEMENTS (streams)];
  Stream s;
  guint64 before, launches;
  gint made;

  open_stream (&s, streams[which].kernel, NULL, mode, streams[which].caps,
      streams[which].size, POOLED);
  stream (&s, WARM);
  before = get_stat (s.filter, "residencies");
  made = stream (&s, COUNTED);
  launches = get_stat (s.filter, "residencies") - before;
  /* A launch is a job for GLib's pool of threads, which keeps a list of these. And now
   * and then a thread or a timer of the libraries begins, whatever the buffers do. */
  ck_assert_msg (made <= (gint) launches + COUNTED / 20,
      "%s, %s: %d allocations for %d buffers and %d launches",
      streams[which].kernel, mode, made, COUNTED, (gint) launches);
  ck_assert_uint_eq (get_stat (s.filter, "delivered"), WARM + COUNTED);
  ck_assert_uint_eq (get_stat (s.filter, "bytes-copied"), 0);
  close_stream (&s);
}

GST_END_TEST;

/* STEADY_FRAMES says how many: 3600 are a minute. */
GST_START_TEST (a_4k_clip_through_two_kernels_allocates_and_copies_nothing)
{
  const gchar *wanted = g_getenv ("STEADY_FRAMES");
  const guint frames = wanted ? (guint) atoi (wanted) : 60;
  Stream s;

  open_stream (&s, "temporal-denoise", "edges", "inline",
      "video/x-raw, format=I420, width=3840, height=2160, framerate=60/1",
      3840 * 2160 * 3 / 2, 4);
  stream (&s, 10);
  ck_assert_int_le (stream (&s, frames), MIN (COUNTED, (gint) frames) / 20);
  ck_assert_uint_eq (get_stat (s.filter, "delivered"), 10 + frames);
  ck_assert_uint_eq (get_stat (s.second, "delivered"), 10 + frames);
  ck_assert_uint_eq (get_stat (s.filter, "bytes-copied"), 0);
  ck_assert_uint_eq (get_stat (s.second, "bytes-copied"), 0);
  close_stream (&s);
}

GST_END_TEST;

/* Else the tests above could not fail. */
GST_START_TEST (an_allocation_within_the_library_is_counted)
{
  const gint before = g_atomic_int_get (&allocations);

  gst_buffer_unref (gst_buffer_new_allocate (NULL, 100000, NULL));
  ck_assert_int_gt (g_atomic_int_get (&allocations), before);
}

GST_END_TEST;

static Suite *
steady_suite (void)
{
  Suite *suite = suite_create ("steady");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (suite, tc);
  tcase_set_timeout (tc, 2 * SECONDS_AT_MOST);
  tcase_add_test (tc, an_allocation_within_the_library_is_counted);
  tcase_add_test (tc,
      a_4k_clip_through_two_kernels_allocates_and_copies_nothing);
  tcase_add_loop_test (tc,
      a_stream_that_runs_allocates_and_copies_nothing_for_a_buffer, 0,
      G_N_ELEMENTS (streams) * G_N_ELEMENTS (modes));
  return suite;
}

GST_CHECK_MAIN (steady);
