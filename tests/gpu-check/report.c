/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * report.c: puts together what gpu-check measured. It is a program because there is
 * nothing that reads JSON where a bundle goes.
 *
 *   gpu-report check FILE PART STATUS
 *   gpu-report merge FOLDER OUT
 *
 * `check`: whether FILE is what the benchmark PART has to leave when it ends with
 * STATUS. Prints "reason=WHY", "met=N" and "missed=N"; status 1 if it is not.
 *
 * `merge`: writes OUT/benchmarks.json and OUT/benchmarks.txt, from these in FOLDER:
 *
 *   facts      KEY=VALUE, of the machine
 *   parts      PART, OUTCOME and REASON, with tabs between, in the order in which
 *              they were run; PART.json is there if it is good
 *   figures    PROGRAM, NAME, VALUE and UNIT, with tabs between
 */
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ------------------------------------------------------------------ */

/* NULL: not there, or no string. */
static const gchar *
string_of (JsonObject *object, const gchar *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node && JSON_NODE_HOLDS_VALUE (node)
          && json_node_get_value_type (node) == G_TYPE_STRING
      ? json_node_get_string (node)
      : NULL;
}

static gboolean
number_of (JsonObject *object, const gchar *name, gdouble *value)
{
  JsonNode *node = json_object_get_member (object, name);

  if (!node || !JSON_NODE_HOLDS_VALUE (node)
      || (json_node_get_value_type (node) != G_TYPE_DOUBLE
          && json_node_get_value_type (node) != G_TYPE_INT64))
    return FALSE;
  *value = json_node_get_double (node);
  return TRUE;
}

/* 1 or 0; -1: not there, or null. */
static gint
truth_of (JsonObject *object, const gchar *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (!node || !JSON_NODE_HOLDS_VALUE (node)
      || json_node_get_value_type (node) != G_TYPE_BOOLEAN)
    return -1;
  return json_node_get_boolean (node) ? 1 : 0;
}

/* Its results; all of them objects, or the part has not passed read_part(). */
static JsonArray *
results_of (JsonObject *part)
{
  JsonNode *node = json_object_get_member (part, "results");

  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node)
                                              : NULL;
}

/* What a part left, or NULL, and why that is nothing. */
static JsonObject *
read_part (const gchar *path, const gchar *name, gchar **why)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonObject *part;
  JsonArray *results;
  JsonNode *root;
  guint i;

  *why = NULL;
  if (!json_parser_load_from_file (parser, path, &error)) {
    *why = g_strdelimit (g_strdup_printf ("its JSON cannot be read: %s",
                             error->message),
        "\n", ' ');
    return NULL;
  }
  root = json_parser_get_root (parser);
  if (!root || !JSON_NODE_HOLDS_OBJECT (root)) {
    *why = g_strdup ("its JSON is no object");
    return NULL;
  }
  part = json_node_get_object (root);
  if (g_strcmp0 (string_of (part, "part"), name) != 0) {
    *why = g_strdup_printf ("its JSON does not say \"part\": \"%s\"", name);
    return NULL;
  }
  results = results_of (part);
  if (!string_of (part, "status") || !results) {
    *why = g_strdup ("its JSON lacks a status or results");
    return NULL;
  }
  for (i = 0; i < json_array_get_length (results); i++) {
    JsonNode *node = json_array_get_element (results, i);
    JsonObject *result =
        JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
    gdouble value;

    if (!result || !string_of (result, "name")
        || !json_object_has_member (result, "value")
        || (!json_object_get_null_member (result, "value")
            && !number_of (result, "value", &value))) {
      *why = g_strdup_printf ("result %u of its JSON has no name or no value",
          i + 1);
      return NULL;
    }
  }
  return json_object_ref (part);
}

static int
check (const gchar *path, const gchar *name, gint status)
{
  const gchar *const expected = status == 0 ? "ok"
      : status == 77                        ? "skipped"
                                            : "failed";
  g_autofree gchar *why = NULL;
  JsonObject *part = read_part (path, name, &why);
  const gchar *reason;
  JsonArray *results;
  guint met = 0, missed = 0, i;
  gboolean good;

  if (!part) {
    printf ("reason=%s\n", why);
    return 1;
  }
  results = results_of (part);
  reason = string_of (part, "reason");
  good = strcmp (string_of (part, "status"), expected) == 0;
  for (i = 0; i < json_array_get_length (results); i++) {
    const gint truth =
        truth_of (json_array_get_object_element (results, i), "met");

    met += truth == 1;
    missed += truth == 0;
  }
  if (!good)
    printf ("reason=it ended with status %d, and its JSON says '%s'\n", status,
        string_of (part, "status"));
  else if (status == 0 && json_array_get_length (results) == 0) {
    good = FALSE;
    printf ("reason=it says that all is well, and has no result\n");
  } else {
    g_autofree gchar *line =
        g_strdelimit (g_strdup (reason ? reason : ""), "\n\t", ' ');

    printf ("reason=%s\n", line);
  }
  printf ("met=%u\nmissed=%u\n", met, missed);
  json_object_unref (part);
  return good ? 0 : 1;
}

/* ---- writing ----------------------------------------------------------------------- */

/* The lines of a file in @folder; none where there is no such file. */
static gchar **
lines_of (const gchar *folder, const gchar *name)
{
  g_autofree gchar *path = g_build_filename (folder, name, NULL);
  g_autofree gchar *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return g_new0 (gchar *, 1);
  /* No other blank: the last field of the last line may be empty. */
  if (g_str_has_suffix (text, "\n"))
    text[strlen (text) - 1] = '\0';
  return *text ? g_strsplit (text, "\n", -1) : g_new0 (gchar *, 1);
}

static gchar *
measured (JsonObject *result)
{
  const gchar *unit = string_of (result, "unit");
  gdouble value;

  if (!number_of (result, "value", &value))
    return g_strdup ("-");
  return g_strdup_printf ("%.5g%s%s", value, unit && *unit ? " " : "",
      unit ? unit : "");
}

static gchar *
goal_of (JsonObject *result)
{
  const gchar *text = string_of (result, "goal");
  gdouble value;

  if (text)
    return g_strdup (text);
  return number_of (result, "goal", &value) ? g_strdup_printf ("%.5g", value)
                                            : NULL;
}

static void
add_row (GString *to, const gchar *what, const gchar *value, const gchar *goal,
    const gchar *met)
{
  g_string_append_printf (to, "  %-84s | %18s | %-24s | %s\n", what, value,
      goal, met);
}

/* Each of its results, and in @goals those that there is a goal for. */
static void
print_part (GString *text, GString *goals, const gchar *name,
    const gchar *outcome, const gchar *reason, JsonObject *part)
{
  JsonArray *results = part ? results_of (part) : NULL;
  guint i;

  g_string_append_printf (text, "\n== %s: %s%s%s\n", name, outcome,
      *reason ? ": " : "", reason);
  for (i = 0; results && i < json_array_get_length (results); i++) {
    static const gchar *const more[] = { "p50", "p99", "p99.9", "max",
      "samples" };
    JsonObject *result = json_array_get_object_element (results, i);
    const gchar *limit = string_of (result, "limit");
    g_autofree gchar *value = measured (result);
    g_autofree gchar *goal = goal_of (result);
    g_autofree gchar *what =
        g_strdup_printf ("%s: %s", name, string_of (result, "name"));
    const gint met = truth_of (result, "met");
    gdouble number;
    gsize k;

    g_string_append_printf (text, "  %-72s %18s", string_of (result, "name"),
        value);
    for (k = 0; k < G_N_ELEMENTS (more); k++) {
      if (number_of (result, more[k], &number))
        g_string_append_printf (text, "  %s %.5g", more[k], number);
    }
    g_string_append_printf (text, "\n%s%s%s", limit ? "      " : "",
        limit ? limit : "", limit ? "\n" : "");
    if (goal) {
      add_row (goals, what, value, goal,
          met == 1       ? "met"
              : met == 0 ? "missed"
                         : "neither: not measured");
      if (met == 0 && limit)
        g_string_append_printf (goals, "      %s\n", limit);
    }
  }
  if (!results || json_array_get_length (results) == 0)
    add_row (goals, name, "-", "-", outcome);
}

static gboolean
write_file (const gchar *out, const gchar *name, const gchar *text)
{
  g_autofree gchar *path = g_build_filename (out, name, NULL);
  g_autoptr (GError) error = NULL;

  if (g_file_set_contents (path, text, -1, &error))
    return TRUE;
  fprintf (stderr, "gpu-report: %s\n", error->message);
  return FALSE;
}

static int
merge (const gchar *folder, const gchar *out)
{
  g_auto (GStrv) facts = lines_of (folder, "facts");
  g_auto (GStrv) parts = lines_of (folder, "parts");
  g_auto (GStrv) figures = lines_of (folder, "figures");
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GString) goals = g_string_new (NULL);
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autofree gchar *json = NULL;
  JsonObject *root = json_object_new ();
  JsonArray *part_array = json_array_new ();
  JsonArray *figure_array = json_array_new ();
  gchar **line;

  for (line = facts; *line; line++) {
    gchar *value = strchr (*line, '=');

    if (!value)
      continue;
    *value++ = '\0';
    json_object_set_string_member (root, *line, value);
    g_string_append_printf (text, "%-14s%s\n", *line, value);
  }
  for (line = parts; *line; line++) {
    g_auto (GStrv) field = g_strsplit (*line, "\t", 3);
    g_autofree gchar *file = NULL, *path = NULL, *why = NULL;
    JsonObject *part;

    if (g_strv_length (field) != 3)
      continue;
    file = g_strdup_printf ("%s.json", field[0]);
    path = g_build_filename (folder, file, NULL);
    part = read_part (path, field[0], &why);
    print_part (text, goals, field[0], field[1], field[2], part);
    /* What became of it is what was seen, whatever it says of itself. */
    if (!part) {
      part = json_object_new ();
      json_object_set_string_member (part, "part", field[0]);
      json_object_set_array_member (part, "results", json_array_new ());
    }
    json_object_set_string_member (part, "status", field[1]);
    json_object_set_string_member (part, "reason", field[2]);
    json_array_add_object_element (part_array, part);
  }
  if (*figures)
    g_string_append (text, "\n== neighbours, for whom there is no goal\n");
  for (line = figures; *line; line++) {
    g_auto (GStrv) field = g_strsplit (*line, "\t", 4);
    JsonObject *figure;

    if (g_strv_length (field) != 4)
      continue;
    figure = json_object_new ();
    json_object_set_string_member (figure, "program", field[0]);
    json_object_set_string_member (figure, "name", field[1]);
    json_object_set_double_member (figure, "value",
        g_ascii_strtod (field[2], NULL));
    json_object_set_string_member (figure, "unit", field[3]);
    json_array_add_object_element (figure_array, figure);
    g_string_append_printf (text, "  %-72s %18s %s\n", field[1], field[2],
        field[3]);
  }
  if (*parts) {
    g_string_append_c (text, '\n');
    add_row (text, "what", "measured", "goal", "met or missed");
    g_string_append (text, goals->str);
  }
  json_object_set_array_member (root, "parts", part_array);
  json_object_set_array_member (root, "neighbours", figure_array);
  json_node_take_object (node, root);
  json_generator_set_pretty (generator, TRUE);
  json_generator_set_root (generator, node);
  json = json_generator_to_data (generator, NULL);
  return write_file (out, "benchmarks.json", json)
          && write_file (out, "benchmarks.txt", text->str)
      ? 0
      : 1;
}

int
main (int argc, char **argv)
{
  if (argc == 5 && strcmp (argv[1], "check") == 0)
    return check (argv[2], argv[3], atoi (argv[4]));
  if (argc == 4 && strcmp (argv[1], "merge") == 0)
    return merge (argv[2], argv[3]);
  fprintf (stderr,
      "usage: %s check FILE PART STATUS\n       %s merge FOLDER OUT\n", argv[0],
      argv[0]);
  return 2;
}
