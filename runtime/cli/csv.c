/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * csv.c: numbers in lines and columns: records, or sound.
 */
#include "cli/media.h"

#include <string.h>

static gboolean set_bad (GError **error, const gchar *path, guint line,
    const gchar *format, ...) G_GNUC_PRINTF (4, 5);

static gboolean
set_bad (GError **error, const gchar *path, guint line, const gchar *format,
    ...)
{
  g_autofree gchar *what = NULL;
  va_list values;

  va_start (values, format);
  what = g_strdup_vprintf (format, values);
  va_end (values);
  g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD, "%s, line %u: %s", path,
      line, what);
  return FALSE;
}

/* A first line without a single number holds names. */
static gboolean
is_header (const gchar *line)
{
  g_auto (GStrv) cells = g_strsplit (line, ",", -1);
  gchar **cell;

  for (cell = cells; *cell; cell++) {
    gchar *end = NULL;

    g_strstrip (*cell);
    g_ascii_strtod (*cell, &end);
    if (end != *cell && *end == '\0')
      return FALSE;
  }
  return TRUE;
}

static gboolean
parse_line (const gchar *path, guint number, const gchar *line, GArray *fields,
    GByteArray *to, gsize size, GError **error)
{
  g_auto (GStrv) cells = g_strsplit (line, ",", -1);
  const guint n = g_strv_length (cells);
  guint i;

  if (n != fields->len)
    return set_bad (error, path, number, "%u columns, %u expected", n,
        fields->len);
  g_byte_array_set_size (to, to->len + (guint) size);
  memset (to->data + to->len - size, 0, size);
  for (i = 0; i < n; i++) {
    const gchar *expected;

    if (!cli_field_parse (&g_array_index (fields, CliField, i),
            to->data + to->len - size, g_strstrip (cells[i]), &expected))
      return set_bad (error, path, number, "column %u is '%s', which is not %s",
          i + 1, cells[i], expected);
  }
  return TRUE;
}

static guint
count_columns (const gchar *line)
{
  guint n = 1;

  while ((line = strchr (line, ',')) != NULL)
    n++, line++;
  return n;
}

gboolean
cli_csv_read (CliMedia *media, const gchar *path, const RingFormat *format,
    GError **error)
{
  g_autofree gchar *text = NULL;
  g_autoptr (GByteArray) units = g_byte_array_new ();
  g_autoptr (GArray) fields = NULL;
  g_auto (GStrv) lines = NULL;
  gsize size, length;
  guint i;

  if (!g_file_get_contents (path, &text, &length, error))
    return FALSE;
  if (strlen (text) != length || !g_utf8_validate (text, -1, NULL)) {
    g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD, "%s is no text", path);
    return FALSE;
  }
  /* what editors elsewhere put in front */
  lines = g_strsplit (g_str_has_prefix (text, "\xef\xbb\xbf") ? text + 3 : text,
      "\n", -1);
  media->format = ring_format_copy (format);
  for (i = 0; lines[i]; i++) {
    const gchar *line = g_strstrip (lines[i]);

    if (*line == '\0' || *line == '#')
      continue;
    if (!fields) {
      if (media->format->kind == RING_PAYLOAD_AUDIO
          && media->format->channels == 0)
        media->format->channels = count_columns (line);
      fields = cli_fields (media->format, error);
      if (!fields)
        return FALSE;
      size = ring_format_get_frame_size (media->format);
      if (is_header (line)) {
        media->header = g_strdup (line);
        continue;
      }
    }
    if (units->len > G_MAXUINT - size) {
      g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
          "%s is too large: more than 4 GiB of numbers", path);
      return FALSE;
    }
    if (!parse_line (path, i + 1, line, fields, units, size, error))
      return FALSE;
  }
  if (units->len == 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
        "%s holds no line of numbers", path);
    return FALSE;
  }
  media->bytes = g_byte_array_free_to_bytes (g_steal_pointer (&units));
  return TRUE;
}

gboolean
cli_csv_write (const gchar *path, const RingFormat *format, const gchar *header,
    GBytes *units, GError **error)
{
  g_autoptr (GArray) fields = cli_fields (format, error);
  g_autoptr (GString) text = g_string_new (NULL);
  const gsize size = ring_format_get_frame_size (format);
  const guint8 *unit;
  gsize total, at;
  guint i;

  if (!fields)
    return FALSE;
  if (header)
    g_string_append_printf (text, "%s\n", header);
  unit = g_bytes_get_data (units, &total);
  for (at = 0; at < total; at += size) {
    for (i = 0; i < fields->len; i++) {
      g_autofree gchar *number =
          cli_field_print (&g_array_index (fields, CliField, i), unit + at);

      g_string_append_printf (text, "%s%s", i ? "," : "", number);
    }
    g_string_append_c (text, '\n');
  }
  return g_file_set_contents (path, text->str, (gssize) text->len, error);
}
