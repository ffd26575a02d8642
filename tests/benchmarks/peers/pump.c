/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * pump.c: pushes buffers through one element and says how long that took; peers.py
 * calls it.
 *
 * The element stands alone between two bare pads. One that works in place gets the
 * same writable buffer again and again, filled anew each time while no clock runs, so
 * that it never works on its own results. Any other one gets buffers that share the
 * input's memory, and what it makes is released within the time, as whoever is next
 * in a pipeline would.
 *
 * What works with several buffers in flight is a stream of its own (pump_stream): its
 * buffers come from the pool that the element proposes, as a source's would.
 */
#include <gst/gst.h>
#include <gst/video/video.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pump.h"

/* Seconds, for what is in flight to come out. */
#define PATIENCE 30
/* More than any element has in flight. */
#define STREAM_BUFFERS 24

struct _Pump
{
  GstElement *bin;
  GstPad *src, *sink;
  GstCaps *caps;       /* of the input */
  GstVideoInfo made;   /* what comes out, if that is video */
  GstBuffer *returned; /* the latest */
  GByteArray *kept;    /* all that came, where that is wanted */
  GstClockTime duration, at;
  GstBufferPool *pool; /* of a stream */

  /* Of a stream, which comes out on a thread of the element's. */
  gboolean streams;
  GMutex lock;
  GCond came;
  guint64 n_pushed, n_came;
  gboolean ended;
};

/* Without what lies behind its rows. */
static void
keep (Pump *self, GstBuffer *buffer)
{
  GstVideoFrame from, to;
  GstMapInfo map;

  if (GST_VIDEO_INFO_FORMAT (&self->made) == GST_VIDEO_FORMAT_UNKNOWN) {
    if (gst_buffer_map (buffer, &map, GST_MAP_READ)) {
      g_byte_array_append (self->kept, map.data, (guint) map.size);
      gst_buffer_unmap (buffer, &map);
    }
  } else if (gst_video_frame_map (&from, &self->made, buffer, GST_MAP_READ)) {
    gsize size = GST_VIDEO_INFO_SIZE (&self->made);
    GstBuffer *packed = gst_buffer_new_allocate (NULL, size, NULL);

    if (gst_video_frame_map (&to, &self->made, packed, GST_MAP_WRITE)) {
      gst_video_frame_copy (&to, &from);
      gst_video_frame_unmap (&to);
      gst_buffer_map (packed, &map, GST_MAP_READ);
      g_byte_array_append (self->kept, map.data, (guint) map.size);
      gst_buffer_unmap (packed, &map);
    }
    gst_buffer_unref (packed);
    gst_video_frame_unmap (&from);
  }
}

static GstFlowReturn
take (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  Pump *self = gst_pad_get_element_private (pad);

  (void) parent;
  if (self->kept)
    keep (self, buffer);
  if (self->streams) {
    gst_buffer_unref (buffer);
    g_mutex_lock (&self->lock);
    self->n_came++;
    g_cond_signal (&self->came);
    g_mutex_unlock (&self->lock);
    return GST_FLOW_OK;
  }
  if (self->returned)
    gst_buffer_unref (self->returned);
  self->returned = buffer;
  return GST_FLOW_OK;
}

static gboolean
take_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  Pump *self = gst_pad_get_element_private (pad);
  GstCaps *caps;

  (void) parent;
  if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS) {
    gst_event_parse_caps (event, &caps);
    if (!gst_video_info_from_caps (&self->made, caps))
      gst_video_info_init (&self->made);
  } else if (GST_EVENT_TYPE (event) == GST_EVENT_EOS) {
    g_mutex_lock (&self->lock);
    self->ended = TRUE;
    g_cond_signal (&self->came);
    g_mutex_unlock (&self->lock);
  }
  gst_event_unref (event);
  return TRUE;
}

/* Until @n buffers have come, or all have. FALSE if that does not happen. */
static gboolean
wait_for (Pump *self, guint64 n)
{
  gint64 end = g_get_monotonic_time () + PATIENCE * G_TIME_SPAN_SECOND;
  gboolean there;

  g_mutex_lock (&self->lock);
  while (!self->ended && self->n_came < n
      && g_cond_wait_until (&self->came, &self->lock, end))
    ;
  there = self->ended || self->n_came >= n;
  g_mutex_unlock (&self->lock);
  return there;
}

void
pump_init (void)
{
  gst_init (NULL, NULL);
}

int
pump_has (const char *element)
{
  GstElementFactory *factory = gst_element_factory_find (element);

  if (!factory)
    return 0;
  gst_object_unref (factory);
  return 1;
}

static GstPad *
new_pad (const gchar *name, GstPadDirection direction, Pump *self)
{
  GstPad *pad = gst_pad_new (name, direction);

  gst_pad_set_element_private (pad, self);
  if (direction == GST_PAD_SINK) {
    gst_pad_set_chain_function (pad, take);
    gst_pad_set_event_function (pad, take_event);
  }
  gst_pad_set_active (pad, TRUE);
  return pad;
}

static void
link_to (GstElement *bin, const gchar *name, GstPad *pad)
{
  GstPad *peer = gst_element_get_static_pad (bin, name);

  if (GST_PAD_IS_SRC (pad))
    gst_pad_link (pad, peer);
  else
    gst_pad_link (peer, pad);
  gst_object_unref (peer);
}

static void
start (Pump *self, GstCaps *caps)
{
  GstSegment segment;

  gst_pad_push_event (self->src, gst_event_new_stream_start ("bench"));
  gst_pad_push_event (self->src, gst_event_new_caps (caps));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (self->src, gst_event_new_segment (&segment));
}

/* audiofirfilter wants a GValueArray, deprecated as that is, and its type by name. */
G_GNUC_BEGIN_IGNORE_DEPRECATIONS
static void
set_taps (GstElement *element, const double *taps, unsigned n)
{
  GValueArray *values = g_value_array_new (n);
  GValue array = G_VALUE_INIT;

  for (unsigned i = 0; i < n; i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, G_TYPE_DOUBLE);
    g_value_set_double (&value, taps[i]);
    g_value_array_append (values, &value);
  }
  g_value_init (&array, g_type_from_name ("GValueArray"));
  g_value_take_boxed (&array, values);
  g_object_set_property (G_OBJECT (element), "kernel", &array);
  g_value_unset (&array);
}
G_GNUC_END_IGNORE_DEPRECATIONS

/* Why @launch does not start. */
static void
say_why (GstBus *bus, const char *launch, char *error, size_t room)
{
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  GError *reason = NULL;

  g_snprintf (error, room, "%s does not start", launch);
  if (message) {
    gst_message_parse_error (message, &reason, NULL);
    g_strlcpy (error, reason->message, room);
    g_error_free (reason);
    gst_message_unref (message);
  }
}

/* Returns NULL, and a text in @error, if there is no such pipeline. @taps: for the
 * property `kernel` of an audiofirfilter. @duration is a buffer's, in ns. */
Pump *
pump_open (const char *launch, const char *caps_text, uint64_t duration,
    const double *taps, unsigned n_taps, char *error, size_t room)
{
  GError *reason = NULL;
  GstCaps *caps = gst_caps_from_string (caps_text);
  Pump *self;
  GstElement *bin;
  GstBus *bus;

  if (!caps) {
    g_snprintf (error, room, "no caps: %s", caps_text);
    return NULL;
  }
  bin = gst_parse_bin_from_description (launch, TRUE, &reason);
  if (!bin || reason) {
    g_snprintf (error, room, "%s: %s", launch, reason->message);
    g_error_free (reason);
    gst_caps_unref (caps);
    if (bin)
      gst_object_unref (gst_object_ref_sink (bin));
    return NULL;
  }
  self = g_new0 (Pump, 1);
  g_mutex_init (&self->lock);
  g_cond_init (&self->came);
  gst_video_info_init (&self->made);
  self->caps = gst_caps_ref (caps);
  self->bin = gst_object_ref_sink (bin);
  self->duration = duration;
  if (n_taps > 0) {
    GstElement *element = gst_bin_get_by_name (GST_BIN (bin), "taps");

    set_taps (element, taps, n_taps);
    gst_object_unref (element);
  }
  self->src = new_pad ("src", GST_PAD_SRC, self);
  self->sink = new_pad ("sink", GST_PAD_SINK, self);
  link_to (bin, "sink", self->src);
  link_to (bin, "src", self->sink);
  bus = gst_bus_new ();
  gst_element_set_bus (bin, bus);
  if (gst_element_set_state (bin, GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE) {
    say_why (bus, launch, error, room);
    pump_close (self);
    self = NULL;
  } else {
    gst_element_set_bus (bin, NULL);
    start (self, caps);
  }
  gst_object_unref (bus);
  gst_caps_unref (caps);
  return self;
}

void
pump_close (Pump *self)
{
  gst_element_set_state (self->bin, GST_STATE_NULL);
  if (self->returned)
    gst_buffer_unref (self->returned);
  if (self->pool) {
    gst_buffer_pool_set_active (self->pool, FALSE);
    gst_object_unref (self->pool);
  }
  gst_object_unref (self->bin);
  gst_object_unref (self->src);
  gst_object_unref (self->sink);
  gst_caps_unref (self->caps);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->came);
  g_free (self);
}

/* Packed rows into a buffer whose rows may lie otherwise. */
static gboolean
fill (Pump *self, GstBuffer *buffer, const void *data, size_t size)
{
  GstVideoFrame from, to;
  GstVideoInfo info;
  GstBuffer *packed;
  gboolean ok = FALSE;

  if (!gst_video_info_from_caps (&info, self->caps))
    return gst_buffer_fill (buffer, 0, data, size) == size;
  packed = gst_buffer_new_wrapped_full (GST_MEMORY_FLAG_READONLY,
      (gpointer) data, size, 0, size, NULL, NULL);
  if (gst_video_frame_map (&from, &info, packed, GST_MAP_READ)) {
    if (gst_video_frame_map (&to, &info, buffer, GST_MAP_WRITE)) {
      ok = gst_video_frame_copy (&to, &from);
      gst_video_frame_unmap (&to);
    }
    gst_video_frame_unmap (&from);
  }
  gst_buffer_unref (packed);
  return ok;
}

static GstBuffer *
new_buffer (const void *data, size_t size)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);

  gst_buffer_fill (buffer, 0, data, size);
  return buffer;
}

static void
stamp (Pump *self, GstBuffer *buffer)
{
  GST_BUFFER_PTS (buffer) = self->at;
  GST_BUFFER_DURATION (buffer) = self->duration;
  self->at += self->duration;
}

/* Pushes @n buffers of @size bytes each, of a stream's pool if it was begun, then the end
 * of the stream, and copies what came of it. Returns how many bytes that are, or -1. Only once for a pump. */
int64_t
pump_run (Pump *self, const void *data, size_t size, unsigned n, void *out,
    size_t room)
{
  GstFlowReturn flow = GST_FLOW_OK;
  int64_t made;

  self->kept = g_byte_array_new ();
  for (unsigned i = 0; i < n && flow == GST_FLOW_OK; i++) {
    GstBuffer *buffer = NULL;

    if (!self->pool)
      buffer = new_buffer ((const guint8 *) data + i * size, size);
    else if (gst_buffer_pool_acquire_buffer (self->pool, &buffer, NULL)
            != GST_FLOW_OK
        || !fill (self, buffer, (const guint8 *) data + i * size, size))
      flow = GST_FLOW_ERROR;
    if (flow != GST_FLOW_OK) {
      gst_clear_buffer (&buffer);
      break;
    }
    stamp (self, buffer);
    flow = gst_pad_push (self->src, buffer);
  }
  gst_pad_push_event (self->src, gst_event_new_eos ());
  if (flow == GST_FLOW_OK && !wait_for (self, G_MAXUINT64))
    flow = GST_FLOW_ERROR;
  made = flow == GST_FLOW_OK ? (int64_t) self->kept->len : -1;
  memcpy (out, self->kept->data, MIN (room, self->kept->len));
  g_byte_array_unref (self->kept);
  self->kept = NULL;
  return made;
}

/* In ns. With @own, of what this thread has had of a processor. */
static double
now (int own)
{
  struct timespec t;

  clock_gettime (own ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

/* Whether what comes back is what was pushed; -1: it does not work. */
int
pump_in_place (Pump *self, const void *data, size_t size)
{
  GstBuffer *buffer = new_buffer (data, size);
  int same;

  stamp (self, buffer);
  if (gst_pad_push (self->src, buffer) != GST_FLOW_OK)
    return -1;
  same = self->returned == buffer;
  if (self->returned)
    gst_buffer_unref (self->returned);
  self->returned = NULL;
  return same;
}

static double
time_in_place (Pump *self, const void *data, size_t size, unsigned n, int own)
{
  GstBuffer *buffer = new_buffer (data, size);
  double spent = 0;

  for (unsigned i = 0; i < n; i++) {
    double begin;

    gst_buffer_fill (buffer, 0, data, size);
    stamp (self, buffer);
    begin = now (own);
    if (gst_pad_push (self->src, buffer) != GST_FLOW_OK)
      return -1;
    spent += now (own) - begin;
    buffer = self->returned;
    self->returned = NULL;
    if (!buffer)
      return -1;
  }
  gst_buffer_unref (buffer);
  return spent / n;
}

static double
time_apart (Pump *self, const void *data, size_t size, unsigned n, int own)
{
  GstBuffer *input = new_buffer (data, size);
  double spent = 0;

  for (unsigned i = 0; i < n; i++) {
    GstBuffer *buffer = gst_buffer_copy (input);
    double begin;

    stamp (self, buffer);
    begin = now (own);
    if (gst_pad_push (self->src, buffer) != GST_FLOW_OK)
      return -1;
    if (self->returned)
      gst_buffer_unref (self->returned);
    self->returned = NULL;
    spent += now (own) - begin;
  }
  gst_buffer_unref (input);
  return spent / n;
}

/* Returns ns for each of @n buffers, or -1: by the clock, or with @own of what this thread
 * has had of a processor. */
double
pump_time (Pump *self, const void *data, size_t size, unsigned n, int in_place,
    int own)
{
  return in_place ? time_in_place (self, data, size, n, own)
                  : time_apart (self, data, size, n, own);
}

/* ---- streams -------------------------------------------------------------------- */

/* As a source does: what the element proposes, or what it says of memory. */
static GstBufferPool *
agree_on_pool (Pump *self, gsize size)
{
  GstQuery *query = gst_query_new_allocation (self->caps, TRUE);
  GstBufferPool *pool = NULL;
  GstAllocator *allocator = NULL;
  GstAllocationParams params;
  GstStructure *config;
  GstVideoInfo info;
  guint wanted = (guint) size, got = 0, min = 0, max = 0;

  gst_allocation_params_init (&params);
  if (gst_pad_peer_query (self->src, query)) {
    if (gst_query_get_n_allocation_pools (query) > 0)
      gst_query_parse_nth_allocation_pool (query, 0, &pool, &got, &min, &max);
    if (gst_query_get_n_allocation_params (query) > 0)
      gst_query_parse_nth_allocation_param (query, 0, &allocator, &params);
  }
  gst_query_unref (query);
  if (!pool)
    pool = gst_buffer_pool_new ();
  config = gst_buffer_pool_get_config (pool);
  wanted = MAX (wanted, got);
  gst_buffer_pool_config_set_params (config, self->caps, wanted, STREAM_BUFFERS,
      STREAM_BUFFERS);
  if (allocator)
    gst_buffer_pool_config_set_allocator (config, allocator, &params);
  if (gst_video_info_from_caps (&info, self->caps)
      && gst_buffer_pool_has_option (pool, GST_BUFFER_POOL_OPTION_VIDEO_META))
    gst_buffer_pool_config_add_option (config,
        GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_clear_object (&allocator);
  if (!gst_buffer_pool_set_config (pool, config)
      || !gst_buffer_pool_set_active (pool, TRUE))
    gst_clear_object (&pool);
  return pool;
}

/* Every buffer of the pool holds the input; what works in place then works on its own
 * results, which takes as long on a GPU. */
static gboolean
fill_pool (Pump *self, const void *data, size_t size)
{
  GstBuffer *all[STREAM_BUFFERS] = { NULL };
  gboolean ok = TRUE;

  for (guint i = 0; i < STREAM_BUFFERS && ok; i++)
    ok = gst_buffer_pool_acquire_buffer (self->pool, &all[i], NULL)
            == GST_FLOW_OK
        && fill (self, all[i], data, size);
  for (guint i = 0; i < STREAM_BUFFERS; i++)
    if (all[i])
      gst_buffer_unref (all[i]);
  return ok;
}

/* Before the first pump_stream or pump_alone, once. */
int
pump_begin_stream (Pump *self, const void *data, size_t size)
{
  self->pool = agree_on_pool (self, size);
  self->streams = TRUE;
  return self->pool && fill_pool (self, data, size);
}

static gboolean
push_one (Pump *self)
{
  GstBuffer *buffer;

  if (gst_buffer_pool_acquire_buffer (self->pool, &buffer, NULL) != GST_FLOW_OK)
    return FALSE;
  stamp (self, buffer);
  self->n_pushed++;
  return gst_pad_push (self->src, buffer) == GST_FLOW_OK;
}

/* Returns ns for each of @n buffers, from the first push until all have left the element,
 * or -1. As many are in flight as the element lets in. */
double
pump_stream (Pump *self, unsigned n)
{
  double begin = now (FALSE), spent;
  GstQuery *drain = gst_query_new_drain ();
  gboolean ok = TRUE;

  for (unsigned i = 0; i < n && ok; i++)
    ok = push_one (self);
  ok = ok && gst_pad_peer_query (self->src, drain);
  spent = now (FALSE) - begin;
  gst_query_unref (drain);
  return ok ? spent / n : -1;
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Returns ns from the push to the arrival of a buffer that has the element for itself:
 * the median of @n; 0 if not every buffer makes another, or -1. */
double
pump_alone (Pump *self, unsigned n)
{
  GArray *all;
  double median = -1;

  if (self->n_came != self->n_pushed)
    return 0;
  all = g_array_new (FALSE, FALSE, sizeof (double));

  for (unsigned i = 0; i < n; i++) {
    guint64 until = self->n_came + 1;
    double spent, begin = now (FALSE);

    if (!push_one (self) || !wait_for (self, until))
      break;
    spent = now (FALSE) - begin;
    g_array_append_val (all, spent);
  }
  if (all->len == n && n > 0) {
    g_array_sort (all, compare);
    median = g_array_index (all, double, n / 2);
  }
  g_array_unref (all);
  return median;
}

/* A field of the figures of the element called `ours`; "" if there is none. */
void
pump_stat (Pump *self, const char *name, char *text, size_t room)
{
  GstElement *ours = gst_bin_get_by_name (GST_BIN (self->bin), "ours");
  GstStructure *stats = NULL;
  const GValue *value;

  text[0] = 0;
  if (!ours)
    return;
  g_object_get (ours, "stats", &stats, NULL);
  value = gst_structure_get_value (stats, name);
  if (value) {
    gchar *said = G_VALUE_HOLDS_STRING (value)
        ? g_value_dup_string (value)
        : g_strdup_value_contents (value);

    g_strlcpy (text, said, room);
    g_free (said);
  }
  gst_structure_free (stats);
  gst_object_unref (ours);
}
