/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cli.c: options, help, errors, JSON: what the commands share.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* ---- saying things ------------------------------------------------------------- */

static void
say_error (const gchar *format, va_list values, const gchar *hint,
    const gchar *command)
{
  g_autofree gchar *text = g_strdup_vprintf (format, values);

  fprintf (stderr, "ringkernel: %s%s%s%s\n", text, hint, command,
      *hint ? "'" : "");
}

gint
cli_fail (const gchar *format, ...)
{
  va_list values;

  va_start (values, format);
  say_error (format, values, "", "");
  va_end (values);
  return CLI_FAILED;
}

gint
cli_misused (const CliCommand *command, const gchar *format, ...)
{
  va_list values;

  va_start (values, format);
  say_error (format, values, "; see 'ringkernel help ", command->name);
  va_end (values);
  return CLI_WRONG_USAGE;
}

/* Not g_print: that would make other letters of what the terminal cannot show. */
void
cli_print (const gchar *format, ...)
{
  va_list values;

  va_start (values, format);
  vprintf (format, values);
  va_end (values);
}

void
cli_print_json (JsonBuilder *builder)
{
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree gchar *text = json_to_string (root, TRUE);

  puts (text);
}

void
cli_json_string (JsonBuilder *b, const gchar *name, const gchar *value)
{
  json_builder_set_member_name (b, name);
  if (value)
    json_builder_add_string_value (b, value);
  else
    json_builder_add_null_value (b);
}

void
cli_json_int (JsonBuilder *b, const gchar *name, gint64 value)
{
  json_builder_set_member_name (b, name);
  json_builder_add_int_value (b, value);
}

void
cli_json_double (JsonBuilder *b, const gchar *name, gdouble value)
{
  json_builder_set_member_name (b, name);
  json_builder_add_double_value (b, value);
}

void
cli_json_boolean (JsonBuilder *b, const gchar *name, gboolean value)
{
  json_builder_set_member_name (b, name);
  json_builder_add_boolean_value (b, value);
}

/* ---- names ----------------------------------------------------------------------- */

const gchar *
cli_nick (GType type, gint value)
{
  g_autoptr (GEnumClass) klass = g_type_class_ref (type);
  const GEnumValue *v = g_enum_get_value (klass, value);

  return v ? v->value_nick : "?"; /* static types keep their texts */
}

gboolean
cli_enum_from_nick (const CliCommand *command, GType type, const gchar *what,
    const gchar *nick, gint *value)
{
  g_autoptr (GEnumClass) klass = g_type_class_ref (type);
  const GEnumValue *v = g_enum_get_value_by_nick (klass, nick);
  g_autoptr (GString) all = NULL;
  guint i;

  if (v) {
    *value = v->value;
    return TRUE;
  }
  all = g_string_new (NULL);
  for (i = 0; i < klass->n_values; i++)
    g_string_append_printf (all, "%s%s", i ? ", " : "",
        klass->values[i].value_nick);
  cli_misused (command, "%s is '%s'; it is one of %s", what, nick, all->str);
  return FALSE;
}

/* Edits between two names, as the library counts them. */
static guint
distance (const gchar *a, const gchar *b)
{
  guint row[32];
  const gsize n = MIN (strlen (b), G_N_ELEMENTS (row) - 1);
  gsize i, k;

  for (k = 0; k <= n; k++)
    row[k] = (guint) k;
  for (i = 0; a[i]; i++) {
    guint diagonal = row[0];

    row[0] = (guint) i + 1;
    for (k = 0; k < n; k++) {
      const guint substitute = diagonal + (a[i] != b[k]);

      diagonal = row[k + 1];
      row[k + 1] = MIN (substitute, MIN (row[k], row[k + 1]) + 1);
    }
  }
  return row[n];
}

const gchar *
cli_nearest (const gchar *name, const gchar *const *names)
{
  const gchar *nearest = NULL;
  guint best = (guint) MAX (strlen (name) / 3, 1);

  for (; *names; names++) {
    const guint d = distance (name, *names);

    if (d <= best) {
      nearest = *names;
      best = d - (d > 0);
    }
  }
  return nearest;
}

/* ---- kernels ---------------------------------------------------------------------- */

RingRuntime *
cli_cpu_runtime (GError **error)
{
  g_autoptr (RingConfig) config = ring_config_new ();

  config->backend = RING_BACKEND_CPU;
  return ring_runtime_new (config, error);
}

gboolean
cli_set_parameters (RingKernel *kernel, gchar **parameters, GError **error)
{
  gchar **p;

  for (p = parameters; p && *p; p++) {
    const gchar *equals = strchr (*p, '=');
    g_autofree gchar *name = NULL;

    if (!equals || equals == *p) {
      g_set_error (error, RING_ERROR, RING_ERROR_PARAMETER,
          "--param '%s' is not name=value", *p);
      return FALSE;
    }
    name = g_strndup (*p, equals - *p);
    if (!ring_kernel_set_parameter_from_string (kernel, name, equals + 1,
            error))
      return FALSE;
  }
  return TRUE;
}

/* ---- help -------------------------------------------------------------------------- */

static gchar *
option_text (const GOptionEntry *option)
{
  GString *text = g_string_new (NULL);

  if (option->short_name)
    g_string_append_printf (text, "-%c, ", option->short_name);
  else
    g_string_append (text, "    ");
  g_string_append_printf (text, "--%s", option->long_name);
  if (option->arg_description)
    g_string_append_printf (text, "=%s", option->arg_description);
  return g_string_free (text, FALSE);
}

/* Words of @text in lines of at most 78 letters, all but the first behind @indent
 * blanks. */
static void
print_wrapped (const gchar *text, gsize indent)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  gsize column = indent;
  gchar **word;

  for (word = words; *word; word++) {
    const gsize n = (gsize) g_utf8_strlen (*word, -1);

    if (word != words && column + 1 + n > 78) {
      cli_print ("\n%*s", (gint) indent, "");
      column = indent;
    } else if (word != words) {
      cli_print (" ");
      column++;
    }
    cli_print ("%s", *word);
    column += n;
  }
  cli_print ("\n");
}

void
cli_print_help (const CliCommand *command)
{
  const GOptionEntry *option;
  gsize width = strlen ("-h, --help");

  cli_print ("ringkernel %s: %s\n\n", command->name, command->summary);
  cli_print ("usage: ringkernel %s%s%s\n\n%s\n", command->name,
      *command->arguments ? " " : "", command->arguments, command->description);
  for (option = command->options; option->long_name; option++) {
    g_autofree gchar *text = option_text (option);

    width = MAX (width, strlen (text));
  }
  cli_print ("options:\n");
  for (option = command->options; option->long_name; option++) {
    g_autofree gchar *text = option_text (option);

    cli_print ("  %-*s  ", (gint) width, text);
    print_wrapped (option->description, width + 4);
  }
  cli_print ("  %-*s  this text\n\nexamples:\n%s", (gint) width, "-h, --help",
      command->examples);
}

/* ---- running a command ---------------------------------------------------------------- */

gint
cli_run_command (const CliCommand *command, gint argc, gchar **argv)
{
  gboolean help = FALSE;
  const GOptionEntry help_option[] = { { "help", 'h', 0, G_OPTION_ARG_NONE,
                                           &help, "this text", NULL },
    G_OPTION_ENTRY_NULL };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) all = NULL;
  gchar **rest;
  gint n, i;

  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_add_main_entries (context, command->options, NULL);
  g_option_context_add_main_entries (context, help_option, NULL);
  all = g_new0 (gchar *, argc + 1);
  for (i = 0; i < argc; i++)
    all[i] = g_strdup (argv[i]);
  if (!g_option_context_parse_strv (context, &all, &error))
    return cli_misused (command, "%s: %s", command->name, error->message);
  if (help) {
    cli_print_help (command);
    return CLI_OK;
  }
  rest = all + 1;
  if (*rest && strcmp (*rest, "--") == 0)
    rest++;
  n = (gint) g_strv_length (rest);
  if (n < command->min_arguments)
    return cli_misused (command, "%s: something is missing: ringkernel %s %s",
        command->name, command->name, command->arguments);
  if (command->max_arguments >= 0 && n > command->max_arguments)
    return cli_misused (command, "%s: '%s' is too much", command->name,
        rest[command->max_arguments]);
  return command->run (command, rest);
}
