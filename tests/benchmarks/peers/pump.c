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
 */
#include <gst/gst.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pump.h"

struct _Pump
{
  GstElement *bin;
  GstPad *src, *sink;
  GstBuffer *returned; /* the latest */
  GByteArray *kept;    /* all that came, where that is wanted */
  GstClockTime duration, at;
};

static GstFlowReturn
take (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  Pump *self = gst_pad_get_element_private (pad);

  (void) parent;
  if (self->kept) {
    GstMapInfo map;

    if (gst_buffer_map (buffer, &map, GST_MAP_READ)) {
      g_byte_array_append (self->kept, map.data, (guint) map.size);
      gst_buffer_unmap (buffer, &map);
    }
  }
  if (self->returned)
    gst_buffer_unref (self->returned);
  self->returned = buffer;
  return GST_FLOW_OK;
}

static gboolean
take_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  (void) pad;
  (void) parent;
  gst_event_unref (event);
  return TRUE;
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
  if (gst_element_set_state (bin, GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE) {
    g_snprintf (error, room, "%s does not start", launch);
    pump_close (self);
    self = NULL;
  } else {
    start (self, caps);
  }
  gst_caps_unref (caps);
  return self;
}

void
pump_close (Pump *self)
{
  gst_element_set_state (self->bin, GST_STATE_NULL);
  if (self->returned)
    gst_buffer_unref (self->returned);
  gst_object_unref (self->bin);
  gst_object_unref (self->src);
  gst_object_unref (self->sink);
  g_free (self);
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

/* Pushes @n buffers of @size bytes each, then the end of the stream, and copies
 * what came of it. Returns how many bytes that are, or -1. Only once for a pump. */
int64_t
pump_run (Pump *self, const void *data, size_t size, unsigned n, void *out,
    size_t room)
{
  GstFlowReturn flow = GST_FLOW_OK;
  int64_t made;

  self->kept = g_byte_array_new ();
  for (unsigned i = 0; i < n && flow == GST_FLOW_OK; i++) {
    GstBuffer *buffer = new_buffer ((const guint8 *) data + i * size, size);

    stamp (self, buffer);
    flow = gst_pad_push (self->src, buffer);
  }
  gst_pad_push_event (self->src, gst_event_new_eos ());
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
