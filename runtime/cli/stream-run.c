/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * stream-run.c: what a handle makes of a stream.
 */
#include "cli/streams.h"

#include <string.h>

#define CANARY 0xc5
/* us; far more than any message here takes */
#define WAIT (60 * G_USEC_PER_SEC)

/* ---- payloads by reference ------------------------------------------------------ */

/* A payload of a message, in memory with canaries where nobody has to write. */
typedef struct
{
  RingRuntime *runtime; /* of its memory, or NULL */
  guint8 *bytes;
  gsize total;
  RingMemory memory;
  gsize row[RING_MAX_PLANES], rows[RING_MAX_PLANES];
  gpointer device; /* where it is in the device's memory, or NULL */
} Payload;

/* How it lies, with @padding bytes behind each row. */
static void
payload_lay_out (Payload *p, const RingFormat *format, gsize size,
    guint padding)
{
  guint i;

  memset (p, 0, sizeof (*p));
  p->total = stream_lay_out (&p->memory, format, size, padding);
  p->row[0] = size;
  p->rows[0] = 1;
  for (i = 0; i < p->memory.n_planes && format->kind == RING_PAYLOAD_VIDEO;
       i++) {
    p->row[i] = (gsize) p->memory.plane[i].stride - padding;
    p->rows[i] = p->memory.plane[i].size / (gsize) p->memory.plane[i].stride;
  }
}

/* With @content in it, but behind rows. */
static gboolean
payload_init (Payload *p, RingRuntime *runtime, const RingFormat *format,
    gsize size, guint padding, guint8 content, GError **error)
{
  guint i;
  gsize y;

  payload_lay_out (p, format, size, padding);
  p->runtime = runtime;
  p->bytes = runtime ? ring_runtime_alloc (runtime, MAX (p->total, 1), error)
                     : g_malloc (MAX (p->total, 1));
  if (!p->bytes)
    return FALSE;
  memset (p->bytes, content, p->total);
  stream_place_at (&p->memory, p->bytes);
  for (i = 0; i < p->memory.n_planes && padding; i++)
    for (y = 0; y < p->rows[i]; y++)
      memset ((guint8 *) p->memory.plane[i].data
              + (gssize) y * p->memory.plane[i].stride + p->row[i],
          CANARY, padding);
  return TRUE;
}

static void
payload_clear (Payload *p)
{
  if (p->runtime)
    ring_runtime_free (p->runtime, p->bytes);
  else
    g_free (p->bytes);
}

static void
payload_write (Payload *p, const guint8 *from)
{
  guint i;
  gsize y;

  for (i = 0; i < p->memory.n_planes; i++) {
    for (y = 0; y < p->rows[i]; y++, from += p->row[i])
      memcpy ((guint8 *) p->memory.plane[i].data
              + (gssize) y * p->memory.plane[i].stride,
          from, p->row[i]);
  }
}

/* From then on its planes are addresses of the device. */
static void
payload_to_device (Payload *p, const StreamDevice *device, gpointer context)
{
  p->device = device->to_device (context, p->bytes, p->total);
  stream_place_at (&p->memory, p->device);
}

/* And back, with what the kernel has written. */
static void
payload_from_device (Payload *p, const StreamDevice *device, gpointer context)
{
  if (!p->device)
    return;
  device->from_device (context, p->device, p->bytes, p->total);
  stream_place_at (&p->memory, p->bytes);
  p->device = NULL;
}

/* The first @size bytes of it, close together. */
static GBytes *
payload_read (const Payload *p, gsize size)
{
  guint8 *bytes = g_malloc (MAX (p->memory.size, 1)), *to = bytes;
  guint i;
  gsize y;

  for (i = 0; i < p->memory.n_planes; i++) {
    for (y = 0; y < p->rows[i]; y++, to += p->row[i])
      memcpy (to,
          (const guint8 *) p->memory.plane[i].data
              + (gssize) y * p->memory.plane[i].stride,
          p->row[i]);
  }
  g_assert (size <= p->memory.size);
  return g_bytes_new_take (bytes, size);
}

/* Whether something was written behind a row. */
static gboolean
payload_was_overrun (const Payload *p)
{
  guint i;
  gsize y, x;

  for (i = 0; i < p->memory.n_planes; i++) {
    const gsize stride = (gsize) p->memory.plane[i].stride;

    for (y = 0; y < p->rows[i] && stride; y++) {
      const guint8 *row = (const guint8 *) p->memory.plane[i].data + y * stride;

      for (x = p->row[i]; x < stride; x++) {
        if (row[x] != CANARY)
          return TRUE;
      }
    }
  }
  return FALSE;
}

/* ---- running a stream ------------------------------------------------------------- */

typedef struct
{
  RingCompletion completion;
  gint *left;
} Pending;

/* All that one message by reference needs until it is done. */
typedef struct
{
  Payload input, output[RING_MAX_OUTPUTS];
  RingMemory outputs[RING_MAX_OUTPUTS];
  Pending pending;
  guint n_outputs;
} Submitted;

/* A stream by reference, on its way through a kernel. */
typedef struct
{
  const Stream *stream;
  RingKernel *kernel;
  RingRuntime *runtime;
  gpointer context; /* of the device */
  gboolean device_in, device_out;
  gint left; /* messages that are not done */
  Submitted message[STREAM_MESSAGES];
} Flight;

static void
completed (RingKernel *kernel, const RingCompletion *completion,
    gpointer user_data)
{
  Pending *p = user_data;

  p->completion = *completion;
  g_atomic_int_add (p->left, -1);
}

static gboolean
set_parameters (RingKernel *kernel, const StreamItem *item, GError **error)
{
  return !item->parameters || !*item->parameters
      || ring_kernel_set_parameters_from_string (kernel, item->parameters,
          error);
}

/* The memory of message @i, and what is in it. @format is of results. */
static gboolean
prepare (Flight *f, guint i, const RingFormat *format, GError **error)
{
  const Stream *s = f->stream;
  const StreamItem *item = &s->item[i];
  Submitted *m = &f->message[i];
  const guint n = ring_kernel_info_get_max_outputs (s->info);
  const gsize room = ring_kernel_get_output_size (f->kernel, item->size);
  /* Records that are made of a picture have no rows. */
  const guint padding = item->padding && format->kind == RING_PAYLOAD_VIDEO
      ? item->padding + 3
      : 0;
  RingRuntime *from = s->pinned ? f->runtime : NULL;
  /* What was there before differs each time: so what is not written is seen. */
  static gint times;
  const guint8 content = (guint8) (g_atomic_int_add (&times, 1) * 37 + 90);

  m->pending.left = &f->left;
  if (!payload_init (&m->input, f->device_in ? NULL : from, s->format,
          item->size, item->padding, 0, error))
    return FALSE;
  payload_write (&m->input, item->data);
  if (f->device_in)
    payload_to_device (&m->input, s->device, f->context);
  for (; m->n_outputs < n; m->n_outputs++) {
    Payload *p = &m->output[m->n_outputs];

    if (!payload_init (p, f->device_out ? NULL : from, format, room, padding,
            content, error))
      return FALSE;
    if (f->device_out)
      payload_to_device (p, s->device, f->context);
    m->outputs[m->n_outputs] = item->in_place ? m->input.memory : p->memory;
  }
  return TRUE;
}

static gboolean
submit (Flight *f, guint i, RingKernel *kernel, GError **error)
{
  const StreamItem *item = &f->stream->item[i];
  Submitted *m = &f->message[i];
  RingSubmission submission = { .input = m->input.memory,
    .outputs = m->outputs,
    .n_outputs = m->n_outputs,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .discont = item->discont,
    .input_on_device = f->device_in,
    .outputs_on_device = f->device_out,
    .completed = completed,
    .user_data = &m->pending };
  GError *reason = NULL;

  if (!set_parameters (kernel, item, error))
    return FALSE;
  if (ring_kernel_submit (kernel, &submission, &reason))
    return TRUE;
  /* It needs more scratch memory than before, or room for other parameters. */
  if (g_error_matches (reason, RING_ERROR, RING_ERROR_BUSY)
      || g_error_matches (reason, RING_ERROR, RING_ERROR_QUEUE_FULL)) {
    g_clear_error (&reason);
    return ring_kernel_drain (kernel, WAIT, NULL, error)
        && ring_kernel_submit (kernel, &submission, error);
  }
  g_propagate_error (error, reason);
  return FALSE;
}

static gboolean
gather (const Flight *f, guint i, StreamResults *results, GError **error)
{
  const Submitted *m = &f->message[i];
  const RingCompletion *c = &m->pending.completion;
  guint k;

  if (c->outcome != RING_OUTCOME_DONE) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
        "message %u was not processed", i + 1);
    return FALSE;
  }
  for (k = 0; k < c->n_outputs; k++) {
    const Payload *p = f->stream->item[i].in_place
        ? &m->input
        : &m->output[c->output_index[k]];

    if (payload_was_overrun (p)) {
      g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
          "message %u: bytes behind a row of the picture were written", i + 1);
      return FALSE;
    }
    results->of[results->bytes->len] = i;
    g_ptr_array_add (results->bytes, payload_read (p, c->output_size[k]));
  }
  return TRUE;
}

static void
bring_back (Flight *f)
{
  const StreamDevice *device = f->stream->device;
  guint i, k;

  for (i = 0; i < f->stream->n; i++) {
    payload_from_device (&f->message[i].input, device, f->context);
    for (k = 0; k < f->message[i].n_outputs; k++)
      payload_from_device (&f->message[i].output[k], device, f->context);
  }
}

static void
flight_free (Flight *f)
{
  guint i, k;

  for (i = 0; i < f->stream->n; i++) {
    payload_clear (&f->message[i].input);
    for (k = 0; k < f->message[i].n_outputs; k++)
      payload_clear (&f->message[i].output[k]);
  }
  g_free (f);
}

static gboolean
run_by_reference (const Stream *s, RingKernel *kernel, RingRuntime *runtime,
    StreamResults *results, GError **error)
{
  g_autoptr (RingFormat) format = ring_kernel_get_output_format (kernel);
  Flight *f = g_new0 (Flight, 1);
  const gint64 deadline = g_get_monotonic_time () + WAIT;
  gboolean ok = TRUE;
  guint i;

  f->stream = s;
  f->kernel = kernel;
  f->runtime = runtime;
  f->context = s->device ? ring_runtime_get_cuda_context (runtime) : NULL;
  f->device_in = f->context && s->device_in;
  f->device_out = f->context && s->device_out;
  /* All memory first: to get some may make others wait. */
  for (i = 0; i < s->n && ok; i++)
    ok = prepare (f, i, format, error);
  for (i = 0; i < s->n && ok; i++) {
    g_atomic_int_inc (&f->left);
    ok = submit (f, i, kernel, error);
    if (!ok)
      g_atomic_int_add (&f->left, -1);
  }
  while (g_atomic_int_get (&f->left) > 0) {
    if (g_get_monotonic_time () > deadline) {
      if (ok)
        g_set_error (error, RING_ERROR, RING_ERROR_TIMED_OUT,
            "messages are not done after %d s", (gint) (WAIT / G_USEC_PER_SEC));
      /* The kernel may still use all this memory. */
      return FALSE;
    }
    if (!ring_kernel_drain (kernel, WAIT, NULL, NULL))
      g_thread_yield ();
  }
  bring_back (f);
  for (i = 0; i < s->n && ok; i++)
    ok = gather (f, i, results, error);
  flight_free (f);
  return ok;
}

static RingMessage *
message_of (const Stream *s, const StreamItem *item, GError **error)
{
  g_autoptr (GBytes) payload = g_bytes_new_static (item->data, item->size);

  switch (s->format->kind) {
    case RING_PAYLOAD_VIDEO:
      return ring_message_new_video (s->format, payload, error);
    case RING_PAYLOAD_AUDIO:
      return ring_message_new_audio (s->format, payload, error);
    case RING_PAYLOAD_RECORD:
      return ring_message_new_records (ring_format_get_record_type (s->format),
          payload, error);
    default:
      return ring_message_new (payload);
  }
}

static gboolean
run_by_copy (const Stream *s, RingKernel *kernel, StreamResults *results,
    GError **error)
{
  guint i;

  for (i = 0; i < s->n; i++) {
    g_autoptr (RingMessage) message = message_of (s, &s->item[i], error);

    if (!message || !set_parameters (kernel, &s->item[i], error)
        || !ring_kernel_send (kernel, message, WAIT, NULL, error))
      return FALSE;
  }
  if (!ring_kernel_drain (kernel, WAIT, NULL, error))
    return FALSE;
  for (;;) {
    g_autoptr (GError) reason = NULL;
    g_autoptr (RingMessage) message =
        ring_kernel_receive (kernel, 0, NULL, &reason);

    if (!message && g_error_matches (reason, RING_ERROR, RING_ERROR_TIMED_OUT))
      return TRUE;
    if (!message || results->bytes->len == G_N_ELEMENTS (results->of)) {
      g_set_error (error, RING_ERROR, RING_ERROR_FAULT, "%s",
          message ? "more comes out than can" : reason->message);
      return FALSE;
    }
    results->of[results->bytes->len] = s->n - 1;
    g_ptr_array_add (results->bytes,
        g_bytes_ref (ring_message_get_payload (message)));
  }
}

gboolean
stream_run (const Stream *s, RingKernel *kernel, RingRuntime *runtime,
    StreamResults *results, GError **error)
{
  results->bytes =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  return ring_kernel_set_formats (kernel, s->format, s->wanted, error)
      && (s->by_copy ? run_by_copy (s, kernel, results, error)
                     : run_by_reference (s, kernel, runtime, results, error));
}
