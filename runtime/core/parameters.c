/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "core/core-private.h"

#include <math.h>
#include <string.h>

struct _RingParameters
{
  const RingKernelDescription *description;
  gchar *kernel_name;
  gdouble value[RING_MAX_PARAMETERS];
  gboolean is_set[RING_MAX_PARAMETERS]; /* by somebody: no default any more */
  GArray *array[RING_MAX_PARAMETERS];   /* of float; NULL but for arrays */
  gchar *file[RING_MAX_PARAMETERS];     /* "@FILE" that it came from, or NULL */
};

const gchar *
ring_unit_to_string (guint unit)
{
  static const gchar *const names[RING_UNIT_LAST_] = {
    [RING_UNIT_NONE] = "",
    [RING_UNIT_RATIO] = "ratio",
    [RING_UNIT_PIXELS] = "pixels",
    [RING_UNIT_DB] = "dB",
    [RING_UNIT_HERTZ] = "Hz",
    [RING_UNIT_SECONDS] = "s",
    [RING_UNIT_SAMPLES] = "samples",
    [RING_UNIT_RECORDS] = "records",
    [RING_UNIT_DEGREES] = "degrees",
    [RING_UNIT_SIGMAS] = "standard deviations",
  };

  return unit < RING_UNIT_LAST_ ? names[unit] : "";
}

/* "a_b" and "a-b" are the same name. */
static gboolean
names_equal (const gchar *a, const gchar *b)
{
  while (*a && *b) {
    const gchar x = *a++ == '-' ? '_' : a[-1];
    const gchar y = *b++ == '-' ? '_' : b[-1];

    if (x != y)
      return FALSE;
  }
  return *a == *b;
}

static gchar *
dashed (const gchar *name)
{
  return g_strdelimit (g_strdup (name), "_", '-');
}

gint
ring_parameter_find_ (const RingKernelDescription *description,
    const gchar *name)
{
  guint i;

  for (i = 0; i < description->n_parameters; i++)
    if (names_equal (description->parameter[i].name, name))
      return (gint) i;
  return -1;
}

static gint
find (const RingParameters *p, const gchar *name, GError **error)
{
  const gint found = ring_parameter_find_ (p->description, name);
  GString *known;
  guint i;

  if (found >= 0)
    return found;

  known = g_string_new (NULL);
  for (i = 0; i < p->description->n_parameters; i++) {
    gchar *dashes = dashed (p->description->parameter[i].name);

    g_string_append_printf (known, "%s%s", i ? ", " : "", dashes);
    g_free (dashes);
  }
  if (known->len > 0)
    g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
        "kernel '%s' has no parameter '%s'; it has: %s", p->kernel_name, name,
        known->str);
  else
    g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
        "kernel '%s' has no parameter '%s'; it has none at all", p->kernel_name,
        name);
  g_string_free (known, TRUE);
  return -1;
}

/* Index of @nick in "a|b|c", or -1. */
static gint
nick_index (const gchar *nicks, const gchar *nick)
{
  gchar **list = g_strsplit (nicks, "|", -1);
  gint i, found = -1;

  for (i = 0; list[i] && found < 0; i++)
    if (names_equal (list[i], nick))
      found = i;
  g_strfreev (list);
  return found;
}

static guint
nick_count (const gchar *nicks)
{
  gchar **list = g_strsplit (nicks, "|", -1);
  const guint n = g_strv_length (list);

  g_strfreev (list);
  return n;
}

gboolean
ring_parameter_check_range_ (const RingParameterDescription *d,
    const gchar *kernel, gdouble value, GError **error)
{
  const gchar *unit = ring_unit_to_string (d->unit);

  if (value >= d->minimum && value <= d->maximum)
    return TRUE;
  g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
      "parameter '%s' of kernel '%s' is %g; it must be from %g to %g%s%s",
      d->name, kernel, value, d->minimum, d->maximum, *unit ? " " : "", unit);
  return FALSE;
}

RingParameters *
ring_parameters_new (const RingKernelDescription *description,
    const gchar *kernel_name)
{
  RingParameters *p = g_new0 (RingParameters, 1);
  guint i;

  p->description = description;
  p->kernel_name = g_strdup (kernel_name);
  for (i = 0; i < description->n_parameters; i++) {
    const RingParameterDescription *d = &description->parameter[i];

    p->value[i] = d->default_value;
    if (d->type == RING_PARAMETER_FLOAT_ARRAY) {
      /* Checked when the module was opened. */
      p->array[i] = ring_parse_list_ (d, kernel_name, d->text, NULL);
      if (!p->array[i])
        p->array[i] = g_array_new (FALSE, FALSE, sizeof (gfloat));
    }
  }
  return p;
}

RingParameters *
ring_parameters_copy (const RingParameters *other)
{
  RingParameters *p = g_memdup2 (other, sizeof *other);
  guint i;

  p->kernel_name = g_strdup (other->kernel_name);
  for (i = 0; i < p->description->n_parameters; i++) {
    if (p->array[i])
      g_array_ref (p->array[i]); /* replaced as a whole, never changed */
    p->file[i] = g_strdup (other->file[i]);
  }
  return p;
}

static gint
find_same (const RingKernelDescription *description,
    const RingParameterDescription *d)
{
  guint i;

  for (i = 0; i < description->n_parameters; i++)
    if (description->parameter[i].type == d->type
        && names_equal (description->parameter[i].name, d->name))
      return (gint) i;
  return -1;
}

static gboolean
allows_array (const RingParameterDescription *d, const GArray *array)
{
  guint i;

  for (i = 0; i < array->len; i++) {
    const gfloat value = g_array_index (array, gfloat, i);

    if (!(value >= d->minimum && value <= d->maximum))
      return FALSE;
  }
  return array->len <= d->max_count;
}

/* An enumeration's value is its nick: its index may be another one now. */
static gint
index_of_same_nick (const RingParameterDescription *d,
    const RingParameterDescription *old, gdouble value)
{
  gchar **nicks = g_strsplit (old->text, "|", -1);
  const gint found = nick_index (d->text, nicks[(guint) value]);

  g_strfreev (nicks);
  return found;
}

RingParameters *
ring_parameters_new_version (const RingParameters *old,
    const RingKernelDescription *description, const gchar *kernel_name)
{
  RingParameters *p = ring_parameters_new (description, kernel_name);
  guint i;

  for (i = 0; i < description->n_parameters; i++) {
    const RingParameterDescription *d = &description->parameter[i];
    const gint at = find_same (old->description, d);
    gdouble value;

    if (at < 0 || !old->is_set[at])
      continue;
    value = old->value[at];
    switch (d->type) {
      case RING_PARAMETER_FLOAT_ARRAY:
        p->is_set[i] = allows_array (d, old->array[at]);
        if (p->is_set[i]) {
          g_array_unref (p->array[i]);
          p->array[i] = g_array_ref (old->array[at]);
          p->file[i] = g_strdup (old->file[at]);
        }
        break;
      case RING_PARAMETER_ENUM:
        value = index_of_same_nick (d, &old->description->parameter[at], value);
        p->is_set[i] = value >= 0;
        break;
      case RING_PARAMETER_BOOL:
        p->is_set[i] = TRUE;
        break;
      default:
        p->is_set[i] = value >= d->minimum && value <= d->maximum;
        break;
    }
    if (p->is_set[i])
      p->value[i] = value;
  }
  return p;
}

void
ring_parameters_free (RingParameters *p)
{
  guint i;

  if (!p)
    return;
  for (i = 0; i < p->description->n_parameters; i++) {
    g_clear_pointer (&p->array[i], g_array_unref);
    g_free (p->file[i]);
  }
  g_free (p->kernel_name);
  g_free (p);
}

gsize
ring_parameters_get_size (const RingKernelDescription *description)
{
  gsize size = 8 * (gsize) description->n_parameters;
  guint i;

  for (i = 0; i < description->n_parameters; i++)
    if (description->parameter[i].type == RING_PARAMETER_FLOAT_ARRAY)
      size += sizeof (gfloat) * description->parameter[i].max_count;
  size = MAX (size, 8);
  if (size > RING_SHORT_SET)
    size += sizeof (guint64);
  return (size + RING_CACHE_LINE - 1) / RING_CACHE_LINE * RING_CACHE_LINE;
}

void
ring_parameters_write (const RingParameters *p, guint8 *set, gsize stride)
{
  gsize at = 8 * (gsize) p->description->n_parameters;
  guint i;

  for (i = 0; i < p->description->n_parameters; i++) {
    const RingParameterDescription *d = &p->description->parameter[i];
    guint8 *cell = set + 8 * (gsize) i;

    if (d->type == RING_PARAMETER_FLOAT) {
      memcpy (cell, &p->value[i], 8);
    } else if (d->type == RING_PARAMETER_FLOAT_ARRAY) {
      const RingArrayRef ref = { p->array[i]->len, (guint32) at };

      memcpy (cell, &ref, 8);
      if (ref.count > 0)
        memcpy (set + at, p->array[i]->data, sizeof (gfloat) * ref.count);
      at += sizeof (gfloat) * ref.count;
    } else {
      const gint64 value = (gint64) p->value[i];

      memcpy (cell, &value, 8);
    }
  }
  if (stride > RING_SHORT_SET) {
    const guint64 used = at;

    memcpy (set + stride - sizeof used, &used, sizeof used);
  }
}

static gboolean
set_number (RingParameters *p, guint i, gdouble value, GError **error)
{
  const RingParameterDescription *d = &p->description->parameter[i];

  if (d->type == RING_PARAMETER_BOOL) {
    p->value[i] = value != 0;
    return TRUE;
  }
  if (d->type == RING_PARAMETER_ENUM) {
    /* Not the other way round: it may be no number at all. */
    if (!(value >= 0 && value < nick_count (d->text))) {
      g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
          "parameter '%s' of kernel '%s' is %g; it is one of %s", d->name,
          p->kernel_name, value, d->text);
      return FALSE;
    }
    p->value[i] = value;
    return TRUE;
  }
  if (!ring_parameter_check_range_ (d, p->kernel_name, value, error))
    return FALSE;
  p->value[i] = value;
  return TRUE;
}

static gboolean
set_text (RingParameters *p, guint i, const RingParameterText *t,
    GError **error)
{
  const RingParameterDescription *d = &p->description->parameter[i];
  const gchar *text = t->text;
  gdouble value;

  switch (d->type) {
    case RING_PARAMETER_FLOAT_ARRAY:
      g_array_unref (p->array[i]);
      p->array[i] = g_array_ref (t->list);
      g_free (p->file[i]);
      p->file[i] = *text == RING_FILE_MARK ? g_strdup (text) : NULL;
      return TRUE;
    case RING_PARAMETER_BOOL:
      if (g_ascii_strcasecmp (text, "true") == 0
          || g_ascii_strcasecmp (text, "yes") == 0 || strcmp (text, "1") == 0)
        p->value[i] = 1;
      else if (g_ascii_strcasecmp (text, "false") == 0
          || g_ascii_strcasecmp (text, "no") == 0 || strcmp (text, "0") == 0)
        p->value[i] = 0;
      else {
        g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
            "parameter '%s' of kernel '%s': '%s' is neither true nor false",
            d->name, p->kernel_name, text);
        return FALSE;
      }
      return TRUE;
    case RING_PARAMETER_ENUM: {
      const gint index = nick_index (d->text, text);

      if (index >= 0) {
        p->value[i] = index;
        return TRUE;
      }
      if (ring_parse_number_ (text, &value))
        return set_number (p, i, value, error);
      g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
          "parameter '%s' of kernel '%s': '%s' is not one of %s", d->name,
          p->kernel_name, text, d->text);
      return FALSE;
    }
    default:
      if (!ring_parse_number_ (text, &value)) {
        g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
            "parameter '%s' of kernel '%s': '%s' is not a number", d->name,
            p->kernel_name, text);
        return FALSE;
      }
      if (d->type == RING_PARAMETER_INT && value != floor (value)) {
        g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
            "parameter '%s' of kernel '%s' is %g; it must be a whole number",
            d->name, p->kernel_name, value);
        return FALSE;
      }
      return set_number (p, i, value, error);
  }
}

gboolean
ring_parameters_set_texts (RingParameters *p, const GPtrArray *texts,
    GError **error)
{
  guint k;

  for (k = 0; k < texts->len; k++) {
    const RingParameterText *t = texts->pdata[k];
    const gint i = find (p, t->name, error);

    if (i < 0 || !set_text (p, (guint) i, t, error))
      return FALSE;
    p->is_set[i] = TRUE;
  }
  return TRUE;
}

gboolean
ring_parameters_set (RingParameters *p, const gchar *name, const GValue *value,
    GError **error)
{
  const gint i = find (p, name, error);
  GValue number = G_VALUE_INIT;
  gdouble x;

  if (i < 0)
    return FALSE;
  g_value_init (&number, G_TYPE_DOUBLE);
  if (p->description->parameter[i].type == RING_PARAMETER_FLOAT_ARRAY
      || !(G_VALUE_HOLDS_BOOLEAN (value) || G_VALUE_HOLDS_ENUM (value)
          || g_value_type_transformable (G_VALUE_TYPE (value),
              G_TYPE_DOUBLE))) {
    g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
        "parameter '%s' of kernel '%s' cannot be set from a %s", name,
        p->kernel_name, G_VALUE_TYPE_NAME (value));
    return FALSE;
  }
  if (G_VALUE_HOLDS_BOOLEAN (value))
    x = g_value_get_boolean (value);
  else if (G_VALUE_HOLDS_ENUM (value))
    x = g_value_get_enum (value);
  else {
    g_value_transform (value, &number);
    x = g_value_get_double (&number);
  }
  if (p->description->parameter[i].type == RING_PARAMETER_INT)
    x = floor (x + 0.5);
  if (!set_number (p, (guint) i, x, error))
    return FALSE;
  p->is_set[i] = TRUE;
  return TRUE;
}

gboolean
ring_parameters_get (const RingParameters *p, const gchar *name, GValue *value,
    GError **error)
{
  const gint i = find (p, name, error);
  const RingParameterDescription *d;
  GParamSpec *pspec;
  GType type;

  if (i < 0)
    return FALSE;
  d = &p->description->parameter[i];
  pspec = g_param_spec_ref_sink (
      ring_parameter_to_pspec (p->description, (guint) i, p->kernel_name));
  type = G_PARAM_SPEC_VALUE_TYPE (pspec);
  g_param_spec_unref (pspec);

  if (!G_IS_VALUE (value))
    g_value_init (value, type);
  else if (!G_VALUE_HOLDS (value, type)) {
    g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
        "parameter '%s' of kernel '%s' is a %s, not a %s", d->name,
        p->kernel_name, g_type_name (type), G_VALUE_TYPE_NAME (value));
    return FALSE;
  }
  if (p->file[i]) {
    g_value_set_string (value, p->file[i]);
    return TRUE;
  }
  switch (d->type) {
    case RING_PARAMETER_FLOAT:
      g_value_set_float (value, (gfloat) p->value[i]);
      break;
    case RING_PARAMETER_INT:
      g_value_set_int (value, (gint) p->value[i]);
      break;
    case RING_PARAMETER_BOOL:
      g_value_set_boolean (value, p->value[i] != 0);
      break;
    case RING_PARAMETER_ENUM:
      g_value_set_enum (value, (gint) p->value[i]);
      break;
    default: {
      GString *text = g_string_new (NULL);
      guint k;

      for (k = 0; k < p->array[i]->len; k++) {
        gchar number[G_ASCII_DTOSTR_BUF_SIZE];

        g_string_append_printf (text, "%s%s", k ? ", " : "",
            g_ascii_formatd (number, sizeof number, "%.9g",
                (gdouble) g_array_index (p->array[i], gfloat, k)));
      }
      g_value_take_string (value, g_string_free (text, FALSE));
      break;
    }
  }
  return TRUE;
}

/* One enumeration type for each distinct list of nicks of a parameter. */
static GType
enum_type (const gchar *kernel_name, const RingParameterDescription *d,
    const gchar *nicks)
{
  static GMutex lock;
  gchar *name;
  GType type;

  name = g_strdup_printf ("RingKernelEnum-%s-%s-%08x", kernel_name, d->name,
      g_str_hash (nicks));
  g_mutex_lock (&lock);
  type = g_type_from_name (name);
  if (!type) {
    gchar **list = g_strsplit (nicks, "|", -1);
    const guint n = g_strv_length (list);
    GEnumValue *values = g_new0 (GEnumValue, n + 1); /* lives with the type */
    guint i;

    for (i = 0; i < n; i++) {
      values[i].value = (gint) i;
      values[i].value_name = g_intern_string (list[i]);
      values[i].value_nick = g_intern_string (list[i]);
    }
    g_strfreev (list);
    type = g_enum_register_static (name, values);
  }
  g_mutex_unlock (&lock);
  g_free (name);
  return type;
}

GParamSpec *
ring_parameter_to_pspec (const RingKernelDescription *description, guint index,
    const gchar *kernel_name)
{
  const RingParameterDescription *d = &description->parameter[index];
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;
  const gchar *unit = ring_unit_to_string (d->unit);
  gchar *dashes = dashed (d->name);
  const gchar *name = g_intern_string (dashes);
  const gchar *blurb = d->description;
  gchar *text = NULL;
  GParamSpec *pspec;

  g_free (dashes);
  if (*unit)
    text = g_strdup_printf ("%s [%s]", d->description, unit);
  if (d->type == RING_PARAMETER_FLOAT_ARRAY) {
    g_free (text);
    text = g_strdup_printf ("%s (numbers separated by commas, or @FILE; at "
                            "most %u, each from %g to %g)",
        d->description, d->max_count, d->minimum, d->maximum);
  }
  if (text)
    blurb = g_intern_string (text);
  else
    blurb = g_intern_string (blurb);
  g_free (text);

  switch (d->type) {
    case RING_PARAMETER_FLOAT:
      pspec = g_param_spec_float (name, name, blurb, (gfloat) d->minimum,
          (gfloat) d->maximum, (gfloat) d->default_value, flags);
      break;
    case RING_PARAMETER_INT:
      pspec = g_param_spec_int (name, name, blurb, (gint) d->minimum,
          (gint) d->maximum, (gint) d->default_value, flags);
      break;
    case RING_PARAMETER_BOOL:
      pspec = g_param_spec_boolean (name, name, blurb, d->default_value != 0,
          flags);
      break;
    case RING_PARAMETER_ENUM:
      pspec = g_param_spec_enum (name, name, blurb,
          enum_type (kernel_name, d, d->text), (gint) d->default_value, flags);
      break;
    default:
      pspec = g_param_spec_string (name, name, blurb, g_intern_string (d->text),
          flags);
      break;
  }
  return pspec;
}

gboolean
ring_parameters_check_description (const RingKernelDescription *description,
    GError **error)
{
  guint i, k;

  for (i = 0; i < description->n_parameters; i++) {
    const RingParameterDescription *d = &description->parameter[i];
    gboolean ok;

    for (k = 0; k < i; k++) {
      if (names_equal (description->parameter[k].name, d->name)) {
        g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
            "it declares the parameter '%s' twice", d->name);
        return FALSE;
      }
    }
    switch (d->type) {
      case RING_PARAMETER_FLOAT:
        ok = d->minimum <= d->maximum
            && ring_parameter_check_range_ (d, description->name,
                d->default_value, NULL);
        break;
      case RING_PARAMETER_INT:
        ok = d->minimum <= d->maximum && d->minimum >= G_MININT
            && d->maximum <= G_MAXINT
            && ring_parameter_check_range_ (d, description->name,
                d->default_value, NULL);
        break;
      case RING_PARAMETER_BOOL:
        ok = d->default_value == 0 || d->default_value == 1;
        break;
      case RING_PARAMETER_ENUM:
        ok = d->text[0] != '\0' && d->default_value >= 0
            && d->default_value < nick_count (d->text);
        break;
      case RING_PARAMETER_FLOAT_ARRAY: {
        GArray *array = d->max_count > 0 && d->max_count <= 1u << 20
            ? ring_parse_list_ (d, description->name, d->text, NULL)
            : NULL;

        ok = array != NULL;
        g_clear_pointer (&array, g_array_unref);
        break;
      }
      default:
        ok = FALSE;
        break;
    }
    if (!ok) {
      g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
          "the default of its parameter '%s' lies outside the declared range",
          d->name);
      return FALSE;
    }
  }
  return TRUE;
}
