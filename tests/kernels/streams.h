/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * streams.h: random streams for any kernel, and what a handle makes of them: from
 * memory of the caller, with padding and canaries, or by copy.
 */
#ifndef STREAMS_H
#define STREAMS_H

#include "../runtime/ring-test.h"
#ifdef RING_HAVE_CUDA
#include "../cuda/cuda-calls.h"
#endif

#include <ringkernel/abi.h>
#include <ringkernel/view.h>
#include <math.h>

#define MESSAGES 4
#define CANARY 0xc5

/* ---- random streams ----------------------------------------------------------- */

typedef struct
{
  gchar *parameters; /* set before it is sent; NULL: none */
  guint8 *data;      /* planes and rows close together */
  gsize size;
  guint padding; /* bytes behind each row */
  gboolean discont, in_place;
  gdouble taps; /* sum of the absolute values of a filter in effect */
  guint n_taps;
} Item;

typedef struct
{
  RingKernelInfo *info;
  RingFormat *format;
  gboolean by_copy; /* send and receive, else submit */
  gboolean pinned;  /* submitted from memory that the runtime gave */
  /* Submitted from, and to, memory of the device, where the runtime has one. */
  gboolean device_in, device_out;
  guint n;
  Item item[MESSAGES];
} Stream;

static guint64 seed;

static guint64
random_bits (void)
{
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

static gdouble
random_unit (void)
{
  return (gdouble) (random_bits () >> 11) * 0x1p-53;
}

static guint
random_below (guint n)
{
  return (guint) ((random_bits () >> 32) * n >> 32);
}

/* Often the ends of a range, for that is where mistakes are; in a wide one its
 * small values are worth as much as its large ones. */
static gdouble
random_in (gdouble minimum, gdouble maximum)
{
  const gdouble range = maximum - minimum;

  switch (random_below (6)) {
    case 0:
      return minimum;
    case 1:
      return maximum;
    case 2:
      return minimum + expm1 (random_unit () * log1p (range));
    default:
      return minimum + random_unit () * range;
  }
}

/* The values of a filter that neither dies away nor only saturates. */
static gchar *
random_taps (const RingParameterDescription *d, Item *item)
{
  const guint counts[] = { 1, 2, 7, 7, 64, 64, 64, d->max_count };
  const guint n =
      MIN (counts[random_below (G_N_ELEMENTS (counts))], d->max_count);
  const gdouble scale = MIN (MIN (d->maximum, -d->minimum), 4.0 / n);
  GString *text = g_string_new (NULL);
  guint i;

  item->n_taps = n;
  item->taps = 0;
  for (i = 0; i < n; i++) {
    const gfloat tap = (gfloat) ((2 * random_unit () - 1) * scale);
    gchar digits[G_ASCII_DTOSTR_BUF_SIZE];

    item->taps += fabsf (tap);
    g_string_append_printf (text, "%s%s", i ? ", " : "",
        g_ascii_dtostr (digits, sizeof (digits), tap));
  }
  return g_string_free (text, FALSE);
}

/* Values for all parameters, as the text that users write. */
static gchar *
random_parameters (RingKernelInfo *info, Item *item)
{
  const RingKernelDescription *description =
      ring_kernel_info_get_raw_description (info);
  GString *text = g_string_new (NULL);
  GParamSpec **specs;
  guint n, i;

  specs = ring_kernel_info_list_parameters (info, &n);
  for (i = 0; i < n; i++) {
    GParamSpec *spec = specs[i];
    gchar digits[G_ASCII_DTOSTR_BUF_SIZE];
    g_autofree gchar *value = NULL;

    if (G_IS_PARAM_SPEC_FLOAT (spec)) {
      value = g_strdup (g_ascii_dtostr (digits, sizeof (digits),
          (gfloat) random_in (G_PARAM_SPEC_FLOAT (spec)->minimum,
              G_PARAM_SPEC_FLOAT (spec)->maximum)));
    } else if (G_IS_PARAM_SPEC_INT (spec)) {
      value = g_strdup_printf ("%d",
          (gint) random_in (G_PARAM_SPEC_INT (spec)->minimum,
              G_PARAM_SPEC_INT (spec)->maximum));
    } else if (G_IS_PARAM_SPEC_BOOLEAN (spec)) {
      value = g_strdup (random_below (4) == 0 ? "true" : "false");
    } else if (G_IS_PARAM_SPEC_ENUM (spec)) {
      GEnumClass *klass = G_PARAM_SPEC_ENUM (spec)->enum_class;

      value =
          g_strdup (klass->values[random_below (klass->n_values)].value_nick);
    } else {
      g_assert_cmpuint (description->parameter[i].type, ==,
          RING_PARAMETER_FLOAT_ARRAY);
      value = random_taps (&description->parameter[i], item);
    }
    g_string_append_printf (text, "%s%s='%s'", i ? " " : "", spec->name, value);
    g_param_spec_unref (spec);
  }
  g_free (specs);
  return g_string_free (text, FALSE);
}

/* Samples and values that are numbers: what an arithmetic makes of those that are
 * not is nobody's promise. */
static void
fill (const RingFormat *format, guint8 *data, gsize size)
{
  const gchar *type = ring_format_get_record_type (format);
  static guint64 time;
  gsize i;

  for (i = 0; i + 8 <= size; i += 8) {
    const guint64 bits = random_bits ();

    memcpy (data + i, &bits, 8);
  }
  for (; i < size; i++)
    data[i] = (guint8) random_bits ();

  if (format->kind == RING_PAYLOAD_AUDIO
      && format->audio_format == RING_AUDIO_FORMAT_F32LE) {
    for (i = 0; i + 4 <= size; i += 4) {
      const gfloat v = (gfloat) (2 * random_unit () - 1);

      memcpy (data + i, &v, 4);
    }
  } else if (format->kind == RING_PAYLOAD_AUDIO
      && format->audio_format == RING_AUDIO_FORMAT_F64LE) {
    for (i = 0; i + 8 <= size; i += 8) {
      const gdouble v = 2 * random_unit () - 1;

      memcpy (data + i, &v, 8);
    }
  } else if (format->kind == RING_PAYLOAD_RECORD) {
    /* Time, and a signal with spikes in it. */
    g_assert_cmpstr (type, ==, "(td)");
    for (i = 0; i + 16 <= size; i += 16) {
      const gdouble v = (random_below (97) == 0 ? 50 : 1)
          * (random_unit () + random_unit () - 1);

      time += 1000000 + random_below (5000000);
      memcpy (data + i, &time, 8);
      memcpy (data + i + 8, &v, 8);
    }
  }
}

/* @sizes are of payloads, in units of the format's own; 0 ends them. */
static Stream *
stream_new (RingKernelInfo *info, RingFormat *format, const guint *sizes,
    gboolean by_copy, const Item *last)
{
  Stream *s = g_new0 (Stream, 1);
  const gsize unit = ring_format_get_frame_size (format);

  s->info = info;
  s->format = format;
  s->by_copy = by_copy;
  s->pinned = !by_copy && random_below (2);
  for (s->n = 0; s->n < MESSAGES && sizes[s->n]; s->n++) {
    Item *item = &s->item[s->n];

    *item = *last;
    item->parameters = NULL;
    item->size = sizes[s->n] * unit;
    item->data = g_malloc (item->size);
    fill (format, item->data, item->size);
    if (random_below (3) > 0)
      item->parameters = random_parameters (info, item);
    if (format->kind == RING_PAYLOAD_VIDEO && random_below (2))
      item->padding = 1 + random_below (70);
    item->discont = !by_copy && random_below (5) == 0;
    item->in_place = !by_copy && ring_kernel_info_get_in_place (info)
        && random_below (3) == 0;
    last = item;
  }
  return s;
}

static void
stream_free (Stream *s)
{
  guint i;

  for (i = 0; i < s->n; i++) {
    g_free (s->item[i].parameters);
    g_free (s->item[i].data);
  }
  g_free (s);
}

/* ---- payloads by reference ------------------------------------------------------ */

/* A payload of a message, in memory with canaries where nobody has to write. */
typedef struct
{
  RingRuntime *runtime; /* of its memory, or NULL */
  guint8 *bytes;
  gsize total;
  RingMemory memory;
  gsize row[RING_MAX_PLANES], rows[RING_MAX_PLANES];
  guint64 device; /* where it is on the device, or 0 */
} Payload;

static void
payload_init (Payload *p, RingRuntime *runtime, const RingFormat *format,
    gsize size, guint padding)
{
  g_autoptr (GError) error = NULL;
  guint i;

  memset (p, 0, sizeof (*p));
  p->memory.n_planes = 1;
  p->row[0] = size;
  p->rows[0] = 1;
  if (format->kind == RING_PAYLOAD_VIDEO) {
    const RingVideoLayout layout = ring_video_layout (format->video_format);

    p->memory.n_planes = layout.n_planes;
    for (i = 0; i < layout.n_planes; i++) {
      const guint x = layout.x_shift[i], y = layout.y_shift[i];

      p->row[i] = (gsize) ((format->width + (1u << x) - 1) >> x)
          * layout.pixel_stride[i];
      p->rows[i] = (format->height + (1u << y) - 1) >> y;
    }
  }
  for (i = 0; i < p->memory.n_planes; i++) {
    p->memory.plane[i].stride =
        format->kind == RING_PAYLOAD_VIDEO ? (gint) (p->row[i] + padding) : 0;
    p->memory.plane[i].size = (p->row[i] + padding) * p->rows[i];
    p->memory.size += p->row[i] * p->rows[i];
    p->total += p->memory.plane[i].size;
  }
  p->runtime = runtime;
  if (runtime) {
    p->bytes = ring_runtime_alloc (runtime, MAX (p->total, 1), &error);
    g_assert_no_error (error);
  } else {
    p->bytes = g_malloc (MAX (p->total, 1));
  }
  memset (p->bytes, CANARY, p->total);
  for (i = 0, p->total = 0; i < p->memory.n_planes; i++) {
    p->memory.plane[i].data = p->bytes + p->total;
    p->total += p->memory.plane[i].size;
  }
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
payload_to_device (Payload *p, gpointer context)
{
#ifdef RING_HAVE_CUDA
  CUcontext popped;
  CUdeviceptr device;
  guint i;

  CUDA_CALL (cuCtxPushCurrent_v2, context);
  CUDA_CALL (cuMemAlloc_v2, &device, MAX (p->total, 1));
  CUDA_CALL (cuMemcpyHtoD_v2, device, p->bytes, p->total);
  CUDA_CALL (cuCtxPopCurrent_v2, &popped);
  for (i = 0; i < p->memory.n_planes; i++)
    p->memory.plane[i].data = (gpointer) (guintptr) (device
        + (gsize) ((guint8 *) p->memory.plane[i].data - p->bytes));
  p->device = device;
#else
  g_error ("no device memory without CUDA: %p, %p", (gpointer) p, context);
#endif
}

/* And back, with what the kernel has written. */
static void
payload_from_device (Payload *p, gpointer context)
{
#ifdef RING_HAVE_CUDA
  CUcontext popped;
  guint i;

  if (!p->device)
    return;
  CUDA_CALL (cuCtxPushCurrent_v2, context);
  CUDA_CALL (cuMemcpyDtoH_v2, p->bytes, p->device, p->total);
  CUDA_CALL (cuMemFree_v2, p->device);
  CUDA_CALL (cuCtxPopCurrent_v2, &popped);
  for (i = 0; i < p->memory.n_planes; i++)
    p->memory.plane[i].data =
        p->bytes + ((guintptr) p->memory.plane[i].data - p->device);
  p->device = 0;
#else
  (void) p;
  (void) context;
#endif
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
  g_assert_cmpuint (size, <=, p->memory.size);
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

/* What came out, for each message by reference, else for all of them together. */
typedef struct
{
  GPtrArray *bytes;                          /* of GBytes */
  guint of[MESSAGES * RING_MAX_OUTPUTS + 1]; /* which message each came of */
} Results;

typedef struct
{
  RingCompletion completion;
  gint *left;
} Pending;

static void
completed (RingKernel *kernel, const RingCompletion *completion,
    gpointer user_data)
{
  Pending *p = user_data;

  p->completion = *completion;
  g_atomic_int_add (p->left, -1);
}

static void
drain (RingKernel *kernel)
{
  g_autoptr (GError) error = NULL;

  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
}

static void
set_parameters (RingKernel *kernel, const Item *item)
{
  g_autoptr (GError) error = NULL;

  if (item->parameters && *item->parameters) {
    ring_kernel_set_parameters_from_string (kernel, item->parameters, &error);
    g_assert_no_error (error);
  }
}

static void
run_by_reference (const Stream *s, RingKernel *kernel, RingRuntime *runtime,
    Results *results)
{
  g_autoptr (RingFormat) format = ring_kernel_get_output_format (kernel);
  const RingKernelDescription *d =
      ring_kernel_info_get_raw_description (s->info);
  Payload input[MESSAGES], output[MESSAGES][RING_MAX_OUTPUTS];
  RingMemory outputs[MESSAGES][RING_MAX_OUTPUTS];
  Pending pending[MESSAGES];
  gpointer context = ring_runtime_get_cuda_context (runtime);
  const gboolean device_in = context && s->device_in;
  const gboolean device_out = context && s->device_out;
  gint left = (gint) s->n;
  guint i, k;

  /* All memory first: to get some may make others wait. */
  for (i = 0; i < s->n; i++) {
    const Item *item = &s->item[i];
    const gsize units = item->size / ring_format_get_frame_size (s->format);
    const gsize room = units * ring_format_get_frame_size (format);
    RingRuntime *from = s->pinned ? runtime : NULL;

    payload_init (&input[i], device_in ? NULL : from, s->format, item->size,
        item->padding);
    payload_write (&input[i], item->data);
    if (device_in)
      payload_to_device (&input[i], context);
    for (k = 0; k < d->max_outputs; k++) {
      payload_init (&output[i][k], device_out ? NULL : from, format, room,
          item->padding ? item->padding + 3 : 0);
      if (device_out)
        payload_to_device (&output[i][k], context);
      outputs[i][k] = item->in_place ? input[i].memory : output[i][k].memory;
    }
  }
  for (i = 0; i < s->n; i++) {
    const Item *item = &s->item[i];
    RingSubmission submission = { .input = input[i].memory,
      .outputs = outputs[i],
      .n_outputs = d->max_outputs,
      .pts = RING_TIME_NONE,
      .duration = RING_TIME_NONE,
      .discont = item->discont,
      .input_on_device = device_in,
      .outputs_on_device = device_out,
      .completed = completed,
      .user_data = &pending[i] };
    g_autoptr (GError) error = NULL;
    gboolean ok;

    memset (&pending[i], 0, sizeof (pending[i]));
    pending[i].left = &left;
    set_parameters (kernel, item);
    ok = ring_kernel_submit (kernel, &submission, &error);
    if (!ok && g_error_matches (error, RING_ERROR, RING_ERROR_BUSY)) {
      g_clear_error (&error);
      drain (kernel);
      ring_kernel_submit (kernel, &submission, &error);
    }
    g_assert_no_error (error);
  }
  ring_test_wait_until (g_atomic_int_get (&left) == 0);

  for (i = 0; i < s->n; i++) {
    const RingCompletion *c = &pending[i].completion;

    g_assert_cmpint (c->outcome, ==, RING_OUTCOME_DONE);
    payload_from_device (&input[i], context);
    for (k = 0; k < d->max_outputs; k++)
      payload_from_device (&output[i][k], context);
    for (k = 0; k < c->n_outputs; k++) {
      const guint at = c->output_index[k];
      const Payload *p = s->item[i].in_place ? &input[i] : &output[i][at];

      if (payload_was_overrun (p))
        g_error ("message %u: bytes behind a row were written", i);
      results->of[results->bytes->len] = i;
      g_ptr_array_add (results->bytes, payload_read (p, c->output_size[k]));
    }
    payload_clear (&input[i]);
    for (k = 0; k < d->max_outputs; k++)
      payload_clear (&output[i][k]);
  }
}

static RingMessage *
message_of (const Stream *s, const Item *item)
{
  g_autoptr (GBytes) payload = g_bytes_new_static (item->data, item->size);
  g_autoptr (GError) error = NULL;
  RingMessage *message = NULL;

  switch (s->format->kind) {
    case RING_PAYLOAD_BYTES:
      message = ring_message_new (payload);
      break;
    case RING_PAYLOAD_VIDEO:
      message = ring_message_new_video (s->format, payload, &error);
      break;
    case RING_PAYLOAD_AUDIO:
      message = ring_message_new_audio (s->format, payload, &error);
      break;
    case RING_PAYLOAD_RECORD:
      message =
          ring_message_new_records (ring_format_get_record_type (s->format),
              payload, &error);
      break;
  }
  g_assert_no_error (error);
  return message;
}

static void
run_by_copy (const Stream *s, RingKernel *kernel, Results *results)
{
  guint i;

  for (i = 0; i < s->n; i++) {
    g_autoptr (RingMessage) message = message_of (s, &s->item[i]);

    set_parameters (kernel, &s->item[i]);
    ring_test_send (kernel, message);
  }
  drain (kernel);
  for (;;) {
    g_autoptr (GError) error = NULL;
    g_autoptr (RingMessage) message =
        ring_kernel_receive (kernel, 0, NULL, &error);

    if (!message) {
      g_assert_error (error, RING_ERROR, RING_ERROR_TIMED_OUT);
      return;
    }
    g_assert_cmpuint (results->bytes->len, <, G_N_ELEMENTS (results->of));
    results->of[results->bytes->len] = s->n - 1;
    g_ptr_array_add (results->bytes,
        g_bytes_ref (ring_message_get_payload (message)));
  }
}

static void
run_stream (const Stream *s, RingKernel *kernel, RingRuntime *runtime,
    Results *results)
{
  g_autoptr (GError) error = NULL;

  results->bytes =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  ring_kernel_set_format (kernel, s->format, &error);
  g_assert_no_error (error);
  if (s->by_copy)
    run_by_copy (s, kernel, results);
  else
    run_by_reference (s, kernel, runtime, results);
}

#endif /* STREAMS_H */
