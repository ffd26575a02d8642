/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * streams.c: random streams for any kernel. `ringkernel verify` is made of it, and
 * so are tests.
 */
#include "cli/streams.h"
#include "cli/media.h"

#include <ringkernel/view.h>
#include <math.h>
#include <string.h>

/* ---- chance ------------------------------------------------------------------------ */

static guint64
random_bits (StreamRandom *r)
{
  r->seed ^= r->seed << 13;
  r->seed ^= r->seed >> 7;
  r->seed ^= r->seed << 17;
  return r->seed;
}

static gdouble
random_unit (StreamRandom *r)
{
  return (gdouble) (random_bits (r) >> 11) * 0x1p-53;
}

static guint
random_below (StreamRandom *r, guint n)
{
  return (guint) ((random_bits (r) >> 32) * n >> 32);
}

/* Often the ends of a range, for that is where mistakes are; in a wide one its
 * small values are worth as much as its large ones. */
static gdouble
random_in (StreamRandom *r, gdouble minimum, gdouble maximum)
{
  const gdouble range = maximum - minimum;
  gdouble value;

  switch (random_below (r, 6)) {
    case 0:
      return minimum;
    case 1:
      return maximum;
    case 2:
      value = minimum + expm1 (random_unit (r) * log1p (range));
      break;
    default:
      value = minimum + random_unit (r) * range;
      break;
  }
  return CLAMP (value, minimum, maximum);
}

/* The values of a filter that neither dies away nor only saturates, where the range
 * allows that. */
static gchar *
random_list (StreamRandom *r, const RingParameterDescription *d,
    StreamItem *item)
{
  /* As text, which is what is sent, longer ones take longer than all the rest. */
  const guint counts[] = { 1, 2, 7, 7, 64, 64, 64, MIN (d->max_count, 16384) };
  const guint count = counts[random_below (r, G_N_ELEMENTS (counts))];
  const guint n = MIN (count, d->max_count);
  const gdouble scale = MIN (MIN (d->maximum, -d->minimum), 4.0 / n);
  GString *text = g_string_new (NULL);
  guint i;

  item->n_taps = n;
  item->taps = 0;
  for (i = 0; i < n; i++) {
    gfloat value = (gfloat) ((2 * random_unit (r) - 1) * scale);
    gchar digits[G_ASCII_DTOSTR_BUF_SIZE];

    if (scale <= 0)
      value = (gfloat) random_in (r, d->minimum, d->maximum);
    item->taps += fabsf (value);
    g_string_append_printf (text, "%s%s", i ? ", " : "",
        g_ascii_dtostr (digits, sizeof (digits),
            CLAMP (value, d->minimum, d->maximum)));
  }
  return g_string_free (text, FALSE);
}

static gchar *
random_value (StreamRandom *r, const RingParameterDescription *d,
    StreamItem *item)
{
  g_auto (GStrv) nicks = NULL;
  gchar digits[G_ASCII_DTOSTR_BUF_SIZE];

  switch (d->type) {
    case RING_PARAMETER_FLOAT:
      return g_strdup (g_ascii_dtostr (digits, sizeof (digits),
          random_in (r, d->minimum, d->maximum)));
    case RING_PARAMETER_INT:
      return g_strdup_printf ("%d",
          (gint) random_in (r, d->minimum, d->maximum));
    case RING_PARAMETER_BOOL:
      return g_strdup (random_below (r, 4) == 0 ? "true" : "false");
    case RING_PARAMETER_ENUM:
      nicks = g_strsplit (d->text, "|", -1);
      return g_strdup (nicks[random_below (r, g_strv_length (nicks))]);
    default:
      return random_list (r, d, item);
  }
}

/* Values for all parameters, as the text that users write. */
static gchar *
random_parameters (StreamRandom *r, RingKernelInfo *info, StreamItem *item)
{
  const RingKernelDescription *d = ring_kernel_info_get_raw_description (info);
  GString *text = g_string_new (NULL);
  guint i;

  for (i = 0; i < d->n_parameters; i++) {
    g_autofree gchar *value = random_value (r, &d->parameter[i], item);

    g_string_append_printf (text, "%s%s='%s'", i ? " " : "",
        d->parameter[i].name, value);
  }
  return g_string_free (text, FALSE);
}

/* A number that is one: what arithmetic makes of others is nobody's promise. Times
 * go on, and what else is measured is a signal with spikes in it. */
static void
random_field (StreamRandom *r, const CliField *field, guint8 *unit)
{
  gdouble d;
  gfloat f;

  switch (field->type) {
    case 't':
      r->time += 1000000 + random_below (r, 5000000);
      memcpy (unit + field->offset, &r->time, 8);
      break;
    case 'd':
      d = (random_below (r, 97) == 0 ? 50 : 1)
          * (random_unit (r) + random_unit (r) - 1);
      memcpy (unit + field->offset, &d, 8);
      break;
    case 'f':
      f = (gfloat) (2 * random_unit (r) - 1);
      memcpy (unit + field->offset, &f, 4);
      break;
    case 'b':
      unit[field->offset] = (guint8) random_below (r, 2);
      break;
    default:
      break; /* any bits will do */
  }
}

void
stream_fill (StreamRandom *r, const RingFormat *format, guint8 *data,
    gsize size)
{
  const gsize unit = ring_format_get_frame_size (format);
  g_autoptr (GArray) fields = NULL;
  gsize i;
  guint k;

  for (i = 0; i + 8 <= size; i += 8) {
    const guint64 bits = random_bits (r);

    memcpy (data + i, &bits, 8);
  }
  for (; i < size; i++)
    data[i] = (guint8) random_bits (r);

  if (format->kind == RING_PAYLOAD_RECORD
      || (format->kind == RING_PAYLOAD_AUDIO
          && format->audio_format == RING_AUDIO_FORMAT_F32LE))
    fields = cli_fields (format, NULL);
  for (i = 0; fields && i < size; i += unit)
    for (k = 0; k < fields->len; k++)
      random_field (r, &g_array_index (fields, CliField, k), data + i);
  if (format->kind == RING_PAYLOAD_AUDIO
      && format->audio_format == RING_AUDIO_FORMAT_F64LE) {
    for (i = 0; i + 8 <= size; i += 8) {
      const gdouble v = 2 * random_unit (r) - 1;

      memcpy (data + i, &v, 8);
    }
  }
}

/* ---- streams ------------------------------------------------------------------------ */

/* A side of what comes out of one of @side pixels: as it is, about as large, or
 * far from it. */
static guint
random_side (StreamRandom *r, guint side)
{
  switch (random_below (r, 4)) {
    case 0:
      return side;
    case 1:
      return 1 + random_below (r, 8);
    default:
      return 1 + random_below (r, 2 * side + 20);
  }
}

/* What is asked for of a kernel that leaves it open what comes out of @format; NULL of
 * one that does not, and sometimes of one that does. */
static RingFormat *
random_wanted (StreamRandom *r, RingKernelInfo *info, const RingFormat *format)
{
  const gboolean any_format = ring_kernel_info_get_any_format (info);
  const gboolean any_size = ring_kernel_info_get_any_size (info);
  g_auto (GStrv) names = NULL;
  RingFormat *wanted;

  if ((!any_format && !any_size) || random_below (r, 5) == 0)
    return NULL;
  wanted = ring_kernel_info_get_output_format (info, format, NULL);
  if (wanted && any_format) {
    names = ring_kernel_info_get_output_formats (info);
    wanted->video_format = ring_video_format_from_string (
        names[random_below (r, g_strv_length (names))]);
  }
  if (wanted && any_size) {
    wanted->width = random_side (r, format->width);
    wanted->height = random_side (r, format->height);
  }
  return wanted;
}

Stream *
stream_new (StreamRandom *random, RingKernelInfo *info, RingFormat *format,
    const guint *sizes, gboolean by_copy, const StreamItem *last)
{
  Stream *s = g_new0 (Stream, 1);
  const gsize unit = ring_format_get_frame_size (format);

  s->info = info;
  s->format = format;
  s->wanted = random_wanted (random, info, format);
  s->by_copy = by_copy;
  s->pinned = !by_copy && random_below (random, 2);
  for (s->n = 0; s->n < STREAM_MESSAGES && sizes[s->n]; s->n++) {
    StreamItem *item = &s->item[s->n];

    *item = *last;
    item->parameters = NULL;
    item->size = sizes[s->n] * unit;
    item->data = g_malloc (item->size);
    item->padding = 0;
    stream_fill (random, format, item->data, item->size);
    if (random_below (random, 3) > 0)
      item->parameters = random_parameters (random, info, item);
    if (format->kind == RING_PAYLOAD_VIDEO && random_below (random, 2))
      item->padding = 1 + random_below (random, 70);
    item->discont = !by_copy && random_below (random, 5) == 0;
    item->in_place = !by_copy && ring_kernel_info_get_in_place (info)
        && random_below (random, 3) == 0;
    last = item;
  }
  return s;
}

void
stream_free (Stream *s)
{
  guint i;

  for (i = 0; i < s->n; i++) {
    g_free (s->item[i].parameters);
    g_free (s->item[i].data);
  }
  ring_format_free (s->format);
  ring_format_free (s->wanted);
  g_free (s);
}

void
stream_results_clear (StreamResults *results)
{
  g_clear_pointer (&results->bytes, g_ptr_array_unref);
}

/* The large picture is worth its time in a few of the formats, each run in others. */
static gboolean
for_each_video (StreamRandom *random, RingVideoFormat video, StreamFunc func,
    gpointer data)
{
  static const struct
  {
    guint width, height, messages;
    gboolean by_copy;
  } sizes[] = {
    { 1, 1, 4, FALSE },
    { 1, 1, 2, TRUE },
    { 7, 5, 4, FALSE },
    { 7, 5, 4, TRUE },
    { 64, 48, 4, FALSE },
    { 64, 48, 3, TRUE },
    { 641, 479, 3, FALSE },
  };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    guint n[STREAM_MESSAGES + 1] = { 0 }, m;

    if (sizes[i].width > 640 && random_below (random, 4) > 0)
      continue;
    for (m = 0; m < sizes[i].messages; m++)
      n[m] = 1;
    if (!func (ring_format_new_video (video, sizes[i].width, sizes[i].height),
            n, sizes[i].by_copy, data))
      return FALSE;
  }
  return TRUE;
}

static gboolean
for_each_size (const RingFormat *format, StreamFunc func, gpointer data)
{
  static const guint sizes[][STREAM_MESSAGES + 1] = {
    { 1, 16, 17, 64 },
    { 1000, 1, 999, 4096 },
    { 20000, 12345, 3, 19999 },
  };
  gsize i, k;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    gsize largest = 0;

    if (!func (ring_format_copy (format), sizes[i], FALSE, data))
      return FALSE;
    for (k = 0; k < STREAM_MESSAGES; k++)
      largest = MAX (largest, sizes[i][k]);
    if (largest * ring_format_get_frame_size (format)
            <= RING_DEFAULT_MESSAGE_SIZE - RING_HEADER_SIZE
        && !func (ring_format_copy (format), sizes[i], TRUE, data))
      return FALSE;
  }
  return TRUE;
}

static gboolean
for_each_of_format (StreamRandom *random, RingKernelInfo *info,
    const gchar *name, StreamFunc func, gpointer data)
{
  static const guint channels[] = { 1, 2, 6 };
  g_autoptr (RingFormat) format = NULL;
  gsize i;

  switch (ring_kernel_info_get_kind (info)) {
    case RING_PAYLOAD_VIDEO:
      return for_each_video (random, ring_video_format_from_string (name), func,
          data);
    case RING_PAYLOAD_AUDIO:
      for (i = 0; i < G_N_ELEMENTS (channels); i++) {
        g_autoptr (RingFormat) audio =
            ring_format_new_audio (ring_audio_format_from_string (name), 48000,
                channels[i]);

        if (!for_each_size (audio, func, data))
          return FALSE;
      }
      return TRUE;
    case RING_PAYLOAD_RECORD:
      /* checked when the kernel was found */
      format = ring_format_new_record (name, NULL);
      return for_each_size (format, func, data);
    default:
      format = ring_format_new_bytes ();
      return for_each_size (format, func, data);
  }
}

gboolean
stream_for_each (StreamRandom *random, RingKernelInfo *info, StreamFunc func,
    gpointer data)
{
  g_auto (GStrv) formats = ring_kernel_info_get_input_formats (info);
  static gchar bytes[] = "bytes";
  gchar *only_bytes[] = { bytes, NULL };
  gchar **name;

  for (name = *formats ? formats : only_bytes; *name; name++)
    if (!for_each_of_format (random, info, *name, func, data))
      return FALSE;
  return TRUE;
}

/* ---- how payloads lie ------------------------------------------------------------------ */

gsize
stream_lay_out (RingMemory *memory, const RingFormat *format, gsize size,
    guint padding)
{
  gsize total = 0;
  guint i;

  memset (memory, 0, sizeof (*memory));
  memory->n_planes = 1;
  if (format->kind != RING_PAYLOAD_VIDEO) {
    memory->size = memory->plane[0].size = size;
    return size;
  }
  {
    const RingVideoLayout l = ring_video_layout (format->video_format);

    memory->n_planes = l.n_planes;
    for (i = 0; i < l.n_planes; i++) {
      const guint x = l.x_shift[i], y = l.y_shift[i];
      const gsize rows = (format->height + (1u << y) - 1) >> y;
      const gsize row =
          (gsize) ((format->width + (1u << x) - 1) >> x) * l.pixel_stride[i];

      memory->plane[i].stride = (gint) (row + padding);
      memory->plane[i].size = (row + padding) * rows;
      memory->size += row * rows;
      total += memory->plane[i].size;
    }
  }
  return total;
}

void
stream_place_at (RingMemory *memory, gpointer data)
{
  guint8 *at = data;
  guint i;

  for (i = 0; i < memory->n_planes; i++) {
    memory->plane[i].data = at;
    at += memory->plane[i].size;
  }
}

static gchar *
place_in_picture (const RingFormat *format, gsize at)
{
  static const gchar *const planes[] = { "Y", "U", "V" };
  const RingVideoLayout l = ring_video_layout (format->video_format);
  RingMemory m;
  guint i;

  stream_lay_out (&m, format, 0, 0);
  for (i = 0; i < m.n_planes; i++) {
    const gsize pixel = l.pixel_stride[i], row = (gsize) m.plane[i].stride;
    gsize x, y;
    gint byte;
    const gchar *component;

    if (at >= m.plane[i].size) {
      at -= m.plane[i].size;
      continue;
    }
    y = at / row;
    x = at % row / pixel;
    byte = (gint) (at % row % pixel);
    component = l.n_planes == 3 ? planes[i]
        : l.n_planes == 2       ? (i == 0 ? "Y"
                        : byte == 0       ? "U"
                                          : "V")
        : byte == l.r           ? "red"
        : byte == l.g           ? "green"
        : byte == l.b           ? "blue"
        : byte == l.a           ? "alpha"
                                : "gray";
    return g_strdup_printf ("pixel (%" G_GSIZE_FORMAT ", %" G_GSIZE_FORMAT
                            "), %s",
        x, y, component);
  }
  return g_strdup ("no pixel");
}

gchar *
stream_place (const RingFormat *format, gsize at)
{
  const gsize unit = ring_format_get_frame_size (format);
  g_autoptr (GArray) fields = NULL;
  guint i = 0;

  switch (format->kind) {
    case RING_PAYLOAD_VIDEO:
      return place_in_picture (format, at);
    case RING_PAYLOAD_AUDIO:
    case RING_PAYLOAD_RECORD:
      fields = cli_fields (format, NULL);
      while (fields && i + 1 < fields->len
          && g_array_index (fields, CliField, i + 1).offset <= at % unit)
        i++;
      return g_strdup_printf ("%s %" G_GSIZE_FORMAT ", %s %u",
          format->kind == RING_PAYLOAD_AUDIO ? "frame" : "record", at / unit,
          format->kind == RING_PAYLOAD_AUDIO ? "channel" : "field", i + 1);
    default:
      return g_strdup_printf ("byte %" G_GSIZE_FORMAT, at);
  }
}
