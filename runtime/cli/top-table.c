/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * top-table.c: handles as a table for people.
 */
#include "cli/top.h"

#include <string.h>

enum
{
  PID,
  PROCESS,
  HANDLE,
  KERNEL,
  BACKEND,
  MODE,
  STATE,
  MESSAGES,
  BYTES_IN,
  BYTES_OUT,
  MEDIAN,
  LONG,
  DEPTH,
  NOTES,
  N_COLUMNS
};

static const struct
{
  const gchar *title;
  gboolean right;
  guint leaves; /* which is left out first where it is narrow; 0: none */
} columns[N_COLUMNS] = {
  [PID] = { "PID", TRUE, 0 },
  [PROCESS] = { "PROCESS", FALSE, 2 },
  [HANDLE] = { "HANDLE", FALSE, 0 },
  [KERNEL] = { "KERNEL", FALSE, 7 },
  [BACKEND] = { "BACKEND", FALSE, 3 },
  [MODE] = { "MODE", FALSE, 4 },
  [STATE] = { "STATE", FALSE, 8 },
  [MESSAGES] = { "MSG/S", TRUE, 0 },
  [BYTES_IN] = { "IN B/S", TRUE, 5 },
  [BYTES_OUT] = { "OUT B/S", TRUE, 1 },
  [MEDIAN] = { "P50", TRUE, 6 },
  [LONG] = { "P99", TRUE, 10 },
  [DEPTH] = { "DEPTH", TRUE, 9 },
  [NOTES] = { "NOTES", FALSE, 11 },
};
/* What is between two. */
#define GAP 2
/* What notes and labels need to say anything. */
#define LEAST_NOTES 16u
#define LEAST_LABEL 10u

/* ---- letters --------------------------------------------------------------------- */

static guint
letter_width (gunichar c)
{
  return g_unichar_iszerowidth (c) ? 0 : g_unichar_iswide (c) ? 2 : 1;
}

guint
cli_text_width (const gchar *text)
{
  guint width = 0;

  for (; *text; text = g_utf8_next_char (text))
    width += letter_width (g_utf8_get_char (text));
  return width;
}

gsize
cli_text_fits (const gchar *text, guint width)
{
  const gchar *c = text;

  for (; *c; c = g_utf8_next_char (c)) {
    const guint w = letter_width (g_utf8_get_char (c));

    if (w > width)
      break;
    width -= w;
  }
  return (gsize) (c - text);
}

/* ---- cells ------------------------------------------------------------------------ */

/* Three digits that count. */
static gchar *
number (gdouble value, const gchar *const *units)
{
  guint i;

  for (i = 0; value >= 999.5 && units[i + 1]; i++)
    value /= 1000;
  return g_strdup_printf ("%.*f%s",
      value >= 99.95 || value == 0 ? 0
          : value >= 9.995         ? 1
                                   : 2,
      value, units[i]);
}

static gchar *
rate (const CliHandle *h, gdouble value)
{
  static const gchar *const units[] = { "", "k", "M", "G", "T", NULL };

  return h->has_rates ? number (value, units) : g_strdup ("-");
}

static gchar *
latency (guint64 ns)
{
  static const gchar *const units[] = { " ns", " us", " ms", " s", NULL };

  /* Nothing has been measured. */
  return ns ? number ((gdouble) ns, units) : g_strdup ("-");
}

static void
add_note (GString *notes, const gchar *what)
{
  g_string_append_printf (notes, "%s%s", notes->len ? ", " : "", what);
}

static void
add_count (GString *notes, const gchar *what, guint64 n)
{
  g_autofree gchar *text = g_strdup_printf ("%s %" G_GUINT64_FORMAT, what, n);

  if (n > 0)
    add_note (notes, text);
}

static gchar *
notes_of (const CliHandle *h)
{
  GString *notes = g_string_new (NULL);

  add_count (notes, "order errors", h->counts.order_errors);
  add_count (notes, "rejected", h->counts.rejected);
  add_count (notes, "discarded", h->counts.discarded);
  add_count (notes, "refused", h->counts.refused);
  if (h->error)
    add_note (notes, h->error);
  if (h->fallback)
    add_note (notes, h->fallback);
  return g_string_free (notes, FALSE);
}

static gchar **
cells_of (const CliHandle *h)
{
  gchar **cells = g_new0 (gchar *, N_COLUMNS + 1);

  cells[PID] = g_strdup_printf ("%" G_GUINT64_FORMAT, h->pid);
  cells[PROCESS] = g_strdup (h->process);
  cells[HANDLE] = h->label ? g_strdup (h->label)
                           : g_strdup_printf ("#%" G_GUINT64_FORMAT, h->id);
  cells[KERNEL] = g_strdup (h->kernel);
  cells[BACKEND] = g_strdup (h->backend);
  cells[MODE] = g_strdup (h->mode);
  cells[STATE] = g_strdup (h->status);
  cells[MESSAGES] = rate (h, h->messages);
  cells[BYTES_IN] = rate (h, h->bytes_in);
  cells[BYTES_OUT] = rate (h, h->bytes_out);
  cells[MEDIAN] = latency (h->counts.total_p50);
  cells[LONG] = latency (h->counts.total_p99);
  cells[DEPTH] = g_strdup_printf ("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT,
      h->counts.in_flight, h->capacity);
  cells[NOTES] = notes_of (h);
  return cells;
}

/* ---- the table ------------------------------------------------------------------------ */

/* How wide each column is; 0: it is left out. */
static void
settle_widths (GPtrArray *rows, guint width, guint widths[N_COLUMNS])
{
  guint total = 0, notes, label, i, c;

  memset (widths, 0, N_COLUMNS * sizeof *widths);
  for (c = 0; c < N_COLUMNS; c++)
    for (i = 0; i < rows->len; i++) {
      gchar **cells = g_ptr_array_index (rows, i);

      widths[c] = MAX (widths[c], cli_text_width (cells[c]));
    }
  for (c = 0; c < N_COLUMNS; c++) {
    /* Where there are none there is no column. */
    if (c != NOTES || widths[c] > 0)
      widths[c] = MAX (widths[c], cli_text_width (columns[c].title));
    total += widths[c] + (widths[c] > 0 ? GAP : 0);
  }
  total -= GAP;
  if (width == 0)
    return;
  notes = widths[NOTES];
  widths[NOTES] = MIN (notes, LEAST_NOTES);
  total -= notes - widths[NOTES];
  label = widths[HANDLE];
  widths[HANDLE] = MIN (label, MAX (width / 4, LEAST_LABEL));
  total -= label - widths[HANDLE];
  while (total > width) {
    guint first = N_COLUMNS;

    for (c = 0; c < N_COLUMNS; c++)
      if (widths[c] > 0 && columns[c].leaves > 0
          && (first == N_COLUMNS || columns[c].leaves < columns[first].leaves))
        first = c;
    if (first == N_COLUMNS)
      return;
    total -= widths[first] + GAP;
    widths[first] = 0;
  }
  if (widths[NOTES] > 0)
    widths[NOTES] = MIN (notes, widths[NOTES] + width - total);
}

/* @text, or what of it fits, in @width letters. */
static void
append_cell (GString *row, const gchar *text, guint width, gboolean right)
{
  g_autofree gchar *cut = NULL;
  gint blanks;

  if (cli_text_width (text) > width) {
    cut =
        g_strdup_printf ("%.*s…", (gint) cli_text_fits (text, width - 1), text);
    text = cut;
  }
  blanks = (gint) (width - cli_text_width (text));
  g_string_append_printf (row, "%*s%s%*s", right ? blanks : 0, "", text,
      right ? 0 : blanks, "");
}

static void
append_row (GString *text, gchar *const *cells, const guint widths[N_COLUMNS])
{
  const gsize begin = text->len;
  guint c;

  for (c = 0; c < N_COLUMNS; c++) {
    if (widths[c] == 0)
      continue;
    if (text->len > begin)
      g_string_append_printf (text, "%*s", GAP, "");
    append_cell (text, cells[c], widths[c], columns[c].right);
  }
  while (text->len > begin && text->str[text->len - 1] == ' ')
    g_string_truncate (text, text->len - 1);
  g_string_append_c (text, '\n');
}

void
cli_top_table (GString *text, GPtrArray *handles, guint width)
{
  g_autoptr (GPtrArray) rows =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  gchar *titles[N_COLUMNS];
  guint widths[N_COLUMNS], i;

  for (i = 0; i < handles->len; i++)
    g_ptr_array_add (rows, cells_of (g_ptr_array_index (handles, i)));
  for (i = 0; i < N_COLUMNS; i++)
    titles[i] = (gchar *) columns[i].title;
  settle_widths (rows, width, widths);
  append_row (text, titles, widths);
  for (i = 0; i < rows->len; i++)
    append_row (text, g_ptr_array_index (rows, i), widths);
}
