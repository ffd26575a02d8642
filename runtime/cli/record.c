/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * record.c: the numbers in records and audio frames, as text and as doubles.
 */
#include "cli/media.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void
cli_media_clear (CliMedia *media)
{
  g_clear_pointer (&media->format, ring_format_free);
  g_clear_pointer (&media->bytes, g_bytes_unref);
  g_clear_pointer (&media->header, g_free);
  g_clear_pointer (&media->note, g_free);
}

/* ---- where fields lie --------------------------------------------------------------- */

gsize
cli_field_size (gchar type)
{
  switch (type) {
    case 'y':
    case 'b':
      return 1;
    case 'n':
    case 'q':
      return 2;
    case 'i':
    case 'u':
    case 'f':
      return 4;
    case 'x':
    case 't':
    case 'd':
      return 8;
    default:
      return 0;
  }
}

static gsize
align (gsize at, gsize to)
{
  return (at + to - 1) / to * to;
}

/* Fields of the type at *@type, which lies at @at or behind it, aligned; moves *@type
 * behind it. Returns its end and its alignment; 0 where it is no number. A tuple of
 * fixed size is aligned as its widest field is, and padded to that. */
static gsize
walk (const gchar **type, gsize at, gsize *alignment, GArray *fields)
{
  const gchar letter = *(*type)++;
  CliField field;

  if (letter == '(' || letter == '{') {
    /* Its alignment has to be known before its first field is placed. */
    g_autoptr (GArray) trial = g_array_new (FALSE, FALSE, sizeof (CliField));
    const gchar *begin = *type;
    gsize widest = 1, one, end = 0;
    gint pass;

    for (pass = 0; pass < 2; pass++) {
      *type = begin;
      end = at = align (at, widest);
      while (**type != ')' && **type != '}') {
        end = walk (type, end, &one, pass ? fields : trial);
        if (end == 0)
          return 0;
        widest = MAX (widest, one);
      }
      (*type)++;
    }
    *alignment = widest;
    return align (end, widest);
  }
  *alignment = cli_field_size (letter);
  if (*alignment == 0 || letter == 'f')
    return 0;
  field.type = letter;
  field.offset = (guint) align (at, *alignment);
  g_array_append_val (fields, field);
  return field.offset + *alignment;
}

GArray *
cli_fields (const RingFormat *format, GError **error)
{
  g_autoptr (GArray) fields = g_array_new (FALSE, FALSE, sizeof (CliField));
  const gchar *type = ring_format_get_record_type (format);
  const gchar *rest = type;
  gsize alignment;
  guint i;

  if (format->kind == RING_PAYLOAD_AUDIO) {
    /* by number of the format */
    static const gchar types[] = { 'n', 'n', 'i', 'f', 'd' };
    CliField field = { types[format->audio_format], 0 };

    for (i = 0; i < format->channels; i++) {
      field.offset = i * (guint) cli_field_size (field.type);
      g_array_append_val (fields, field);
    }
    return g_steal_pointer (&fields);
  }
  if (walk (&rest, 0, &alignment, fields)
      != ring_format_get_frame_size (format)) {
    g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
        "records of the type '%s' hold more than numbers; as text only numbers "
        "and tuples of them can be told",
        type);
    return NULL;
  }
  return g_steal_pointer (&fields);
}

/* ---- numbers --------------------------------------------------------------------------- */

typedef union
{
  guint8 y;
  gint16 n;
  guint16 q;
  gint32 i;
  guint32 u;
  gint64 x;
  guint64 t;
  gfloat f;
  gdouble d;
} Number;

static Number
load (const CliField *field, const guint8 *unit)
{
  Number number = { 0 };

  memcpy (&number, unit + field->offset, cli_field_size (field->type));
  return number;
}

gdouble
cli_field_get (const CliField *field, const guint8 *unit)
{
  const Number v = load (field, unit);

  switch (field->type) {
    case 'n':
      return v.n;
    case 'q':
      return v.q;
    case 'i':
      return v.i;
    case 'u':
      return v.u;
    case 'x':
      return (gdouble) v.x;
    case 't':
      return (gdouble) v.t;
    case 'f':
      return v.f;
    case 'd':
      return v.d;
    default:
      return v.y;
  }
}

static gchar *
print_float (gdouble value, gint first, gint last, gboolean narrow)
{
  gchar text[G_ASCII_DTOSTR_BUF_SIZE], format[8];
  gint digits;

  for (digits = first; digits <= last; digits++) {
    gdouble again;

    g_snprintf (format, sizeof (format), "%%.%dg", digits);
    g_ascii_formatd (text, sizeof (text), format, value);
    again = g_ascii_strtod (text, NULL);
    if (narrow ? (gfloat) again == (gfloat) value : again == value)
      break;
  }
  return g_strdup (text);
}

gchar *
cli_field_print (const CliField *field, const guint8 *unit)
{
  const Number v = load (field, unit);

  switch (field->type) {
    case 'x':
      return g_strdup_printf ("%" G_GINT64_FORMAT, v.x);
    case 't':
      return g_strdup_printf ("%" G_GUINT64_FORMAT, v.t);
    case 'f':
      return print_float (v.f, 6, 9, TRUE);
    case 'd':
      return print_float (v.d, 15, 17, FALSE);
    default:
      return g_strdup_printf ("%.0f", cli_field_get (field, unit));
  }
}

/* Least and greatest of the integers that a double holds exactly. */
static gboolean
is_in_range (gchar type, gint64 value)
{
  switch (type) {
    case 'b':
      return value >= 0 && value <= 1;
    case 'y':
      return value >= 0 && value <= G_MAXUINT8;
    case 'n':
      return value >= G_MININT16 && value <= G_MAXINT16;
    case 'q':
      return value >= 0 && value <= G_MAXUINT16;
    case 'i':
      return value >= G_MININT32 && value <= G_MAXINT32;
    case 'u':
      return value >= 0 && value <= G_MAXUINT32;
    default:
      return TRUE;
  }
}

static const gchar *
expectation (gchar type)
{
  switch (type) {
    case 'b':
      return "0 or 1";
    case 'y':
      return "a whole number from 0 to 255";
    case 'n':
      return "a whole number from -32768 to 32767";
    case 'q':
      return "a whole number from 0 to 65535";
    case 'i':
      return "a whole number from -2147483648 to 2147483647";
    case 'u':
      return "a whole number from 0 to 4294967295";
    case 'x':
      return "a whole number of 64 bits";
    case 't':
      return "a whole number of 64 bits, not negative";
    default:
      return "a number";
  }
}

gboolean
cli_field_parse (const CliField *field, guint8 *unit, const gchar *text,
    const gchar **expected)
{
  Number v = { 0 };
  gchar *end = NULL;
  gint64 value;

  *expected = expectation (field->type);
  switch (field->type) {
    case 't':
      if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, &v.t, NULL))
        return FALSE;
      break;
    case 'd':
    case 'f':
      v.d = g_ascii_strtod (text, &end);
      if (end == text || *end)
        return FALSE;
      if (field->type == 'f')
        v.f = (gfloat) v.d;
      break;
    default:
      if (!g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, &value,
              NULL)
          || !is_in_range (field->type, value))
        return FALSE;
      /* little-endian, as everything that kernels see: the low bytes come first */
      v.x = GINT64_TO_LE (value);
      break;
  }
  memcpy (unit + field->offset, &v, cli_field_size (field->type));
  return TRUE;
}
