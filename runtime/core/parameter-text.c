/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "core/core-private.h"

#include <math.h>
#include <string.h>

static void
free_text (gpointer data)
{
  RingParameterText *t = data;

  g_free (t->name);
  g_free (t->text);
  g_clear_pointer (&t->list, g_array_unref);
  g_free (t);
}

static void
add (GPtrArray *texts, const gchar *name, const gchar *text)
{
  RingParameterText *t = g_new0 (RingParameterText, 1);

  t->name = g_strdup (name);
  t->text = g_strdup (text);
  g_ptr_array_add (texts, t);
}

GPtrArray *
ring_parameter_texts_new_ (const gchar *name, const gchar *text)
{
  GPtrArray *texts = g_ptr_array_new_with_free_func (free_text);

  add (texts, name, text);
  return texts;
}

GPtrArray *
ring_parameter_texts_split_ (const gchar *text, GError **error)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (free_text);
  g_autoptr (GError) parse_error = NULL;
  g_auto (GStrv) item = NULL;
  guint i;

  if (text[strspn (text, " \t\r\n")] == '\0')
    return g_steal_pointer (&texts);
  if (!g_shell_parse_argv (text, NULL, &item, &parse_error)) {
    g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
        "parameters '%s' cannot be read: %s", text, parse_error->message);
    return NULL;
  }
  for (i = 0; item[i]; i++) {
    gchar *equals = strchr (item[i], '=');

    if (!equals || equals == item[i]) {
      g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
          "'%s' in parameters '%s' is not name=value; separate several by "
          "blanks and quote lists: a=1 b='0.5, 0.5'",
          item[i], text);
      return NULL;
    }
    *equals = '\0';
    add (texts, item[i], equals + 1);
  }
  return g_steal_pointer (&texts);
}

gboolean
ring_parse_number_ (const gchar *text, gdouble *value)
{
  gchar *end;

  *value = g_ascii_strtod (text, &end);
  while (g_ascii_isspace (*end))
    end++;
  return end != text && *end == '\0' && isfinite (*value);
}

GArray *
ring_parse_list_ (const RingParameterDescription *d, const gchar *kernel_name,
    const gchar *text, GError **error)
{
  GArray *array = g_array_new (FALSE, FALSE, sizeof (gfloat));
  gchar **part = g_strsplit_set (text, ",", -1);
  guint i;

  for (i = 0; part[i]; i++) {
    gdouble number;
    gfloat value;

    g_strstrip (part[i]);
    if (*part[i] == '\0' && !part[1])
      break; /* an empty list */
    if (!ring_parse_number_ (part[i], &number)) {
      g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
          "parameter '%s' of kernel '%s': '%s' is not a number; %s", d->name,
          kernel_name, part[i],
          *part[i] == RING_FILE_MARK
              ? "files are read where RingConfig.parameter_files allows it"
              : "write a list like \"0.25, 0.5, 0.25\"");
      goto failed;
    }
    if (!ring_parameter_check_range_ (d, kernel_name, number, error))
      goto failed;
    value = (gfloat) number;
    g_array_append_val (array, value);
  }
  if (array->len > d->max_count) {
    g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
        "parameter '%s' of kernel '%s' has %u values; it takes at most %u",
        d->name, kernel_name, array->len, d->max_count);
    goto failed;
  }
  g_strfreev (part);
  return array;

failed:
  g_strfreev (part);
  g_array_unref (array);
  return NULL;
}

gboolean
ring_parameter_texts_read_ (GPtrArray *texts,
    const RingKernelDescription *description, const gchar *kernel_name,
    gboolean files, GError **error)
{
  guint i;

  for (i = 0; i < texts->len; i++) {
    RingParameterText *t = texts->pdata[i];
    const gint at = ring_parameter_find_ (description, t->name);
    const RingParameterDescription *d;

    g_clear_pointer (&t->list, g_array_unref);
    /* What is no parameter, or no list, is told of when it is set. */
    if (at < 0)
      continue;
    d = &description->parameter[at];
    if (d->type != RING_PARAMETER_FLOAT_ARRAY)
      continue;
    t->list = files && t->text[0] == RING_FILE_MARK
        ? ring_number_file_read_ (t->text + 1, d, kernel_name, error)
        : ring_parse_list_ (d, kernel_name, t->text, error);
    if (!t->list)
      return FALSE;
  }
  return TRUE;
}
