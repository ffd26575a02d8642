/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * messages.c: what a compiler says, for somebody who wrote a kernel. Lines about his
 * file stay, with place and excerpt; how the SDK's macros are made inside does not
 * help him. gcc and clang say FILE:LINE:COLUMN: error: …, NVRTC FILE(LINE): error: …;
 * here all of them say the former.
 */
#include "compile/compile.h"

#include <string.h>

/* More of them are consequences of the first. */
#define MAX_DIAGNOSTICS 20
#define MAX_RAW 4000

typedef struct
{
  gboolean is_error;
  guint line, column; /* in the user's file; 0: not known */
  gchar *text;
  GString *excerpt;
} Diagnostic;

typedef struct
{
  const gchar *path;
  GPtrArray *diagnostics;
  gboolean keeps; /* lines that follow, up to the next one with a place */
} Log;

static void
diagnostic_free (gpointer data)
{
  Diagnostic *d = data;

  g_free (d->text);
  g_string_free (d->excerpt, TRUE);
  g_free (d);
}

/* The place at the begin of @line, if that is in the user's file. */
static gboolean
get_place (const Log *log, const gchar *line, guint *row, guint *column)
{
  const gsize n = strlen (log->path);
  gchar *end;

  *row = *column = 0;
  if (strncmp (line, log->path, n) != 0 || (line[n] != ':' && line[n] != '('))
    return FALSE;
  *row = (guint) g_ascii_strtoull (line + n + 1, &end, 10);
  if (line[n] == ':' && *end == ':' && g_ascii_isdigit (end[1]))
    *column = (guint) g_ascii_strtoull (end + 1, NULL, 10);
  return *row > 0;
}

/* "… error: text"; NVRTC gives warnings a number. */
static const gchar *
find_text (const gchar *line, const gchar *kind)
{
  const gchar *at = strstr (line, kind);

  if (!at || (at != line && at[-1] != ' '))
    return NULL;
  at += strlen (kind);
  if (*at != ':' && *at != ' ')
    return NULL;
  at = strstr (at, ": ");
  return at ? at + 2 : NULL;
}

static Diagnostic *
last (Log *log)
{
  return log->diagnostics->len > 0
      ? g_ptr_array_index (log->diagnostics, log->diagnostics->len - 1)
      : NULL;
}

static void
add_diagnostic (Log *log, const gchar *line, const gchar *text,
    gboolean is_error)
{
  Diagnostic *d = g_new0 (Diagnostic, 1);
  gchar *option;

  d->is_error = is_error;
  d->text = g_strdup (text);
  /* [-W…] means nothing to who has not chosen the options. */
  option = g_strrstr (d->text, " [-");
  if (option)
    *option = '\0';
  d->excerpt = g_string_new (NULL);
  log->keeps = get_place (log, line, &d->line, &d->column);
  g_ptr_array_add (log->diagnostics, d);
}

static void
add_note (Log *log, const gchar *line, const gchar *text)
{
  Diagnostic *d = last (log);
  const gboolean expansion = g_str_has_prefix (text, "in expansion of macro")
      || g_str_has_prefix (text, "expanded from macro");
  guint row, column;

  log->keeps = FALSE;
  if (!d || !get_place (log, line, &row, &column))
    return;
  if (d->line == 0) {
    /* It happened inside of the SDK, and this is where the SDK was used. */
    d->line = row;
    d->column = column;
    log->keeps = TRUE;
  } else if (!expansion) {
    g_string_append_printf (d->excerpt, "%s\n", line);
    log->keeps = TRUE;
  }
}

static void
add_line (Log *log, const gchar *line)
{
  Diagnostic *d = last (log);
  const gchar *text, *caret;

  if ((text = find_text (line, "error"))) {
    add_diagnostic (log, line, text, TRUE);
  } else if ((text = find_text (line, "warning"))) {
    add_diagnostic (log, line, text, FALSE);
  } else if ((text = find_text (line, "note"))) {
    add_note (log, line, text);
  } else if (log->keeps && d && *line == ' ') {
    caret = strchr (line, '^');
    /* NVRTC: two spaces more than in the file, and no column. */
    if (d->column == 0 && caret && strspn (line, " ") == (gsize) (caret - line)
        && caret - line >= 2)
      d->column = (guint) (caret - line) - 1;
    g_string_append_printf (d->excerpt, "%s\n", line);
  } else {
    log->keeps = FALSE;
  }
}

/* What -H says: a header behind dots, and below them those without guards. */
static gboolean
is_of_include_list (const gchar *line)
{
  return *line == '.' || g_str_has_prefix (line, "Multiple include guards")
      || (*line == '/' && !strstr (line, ": "));
}

static void
append_all (const Log *log, GString *to, gboolean errors, guint *room)
{
  guint i;

  for (i = 0; i<log->diagnostics->len && * room> 0; i++) {
    const Diagnostic *d = g_ptr_array_index (log->diagnostics, i);

    if (d->is_error != errors)
      continue;
    (*room)--;
    g_string_append (to, log->path);
    if (d->line > 0)
      g_string_append_printf (to, ":%u", d->line);
    if (d->line > 0 && d->column > 0)
      g_string_append_printf (to, ":%u", d->column);
    g_string_append_printf (to, ": %s: %s\n%s", errors ? "error" : "warning",
        d->text, d->excerpt->str);
  }
}

gchar *
ring_messages_clean (const gchar *messages, const gchar *path)
{
  Log log = { path, g_ptr_array_new_with_free_func (diagnostic_free), FALSE };
  gchar **lines = g_strsplit (messages, "\n", -1);
  GString *result = g_string_new (NULL);
  guint room = MAX_DIAGNOSTICS, i;

  for (i = 0; lines[i]; i++)
    add_line (&log, g_strchomp (lines[i]));
  append_all (&log, result, TRUE, &room);
  if (result->len == 0) {
    /* Whatever it is stands in the rest: a linker, a signal. */
    for (i = 0; lines[i] && result->len < MAX_RAW; i++) {
      if (!is_of_include_list (lines[i]))
        g_string_append_printf (result, "%.1000s\n", lines[i]);
    }
  } else {
    append_all (&log, result, FALSE, &room);
    if (log.diagnostics->len > MAX_DIAGNOSTICS)
      g_string_append_printf (result, "and %u more\n",
          log.diagnostics->len - MAX_DIAGNOSTICS);
  }
  g_strfreev (lines);
  g_ptr_array_unref (log.diagnostics);
  return g_strchomp (g_string_free (result, FALSE));
}
