/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * top.h: the parts of `ringkernel top`: what processes tell, a table of it, and the
 * terminal.
 */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include "cli/cli.h"

/* A handle as its process told of it last. Texts have no control characters. */
typedef struct
{
  guint64 pid, start, id;
  gchar *process, *kernel, *backend, *mode, *status;
  gchar *label, *error, *fallback; /* NULL: none */
  guint64 capacity;
  RingMetrics counts; /* those of published.h */
  gint64 time;        /* us, of the monotonic clock */
  gboolean has_rates;
  gdouble messages, bytes_in, bytes_out; /* a second */
} CliHandle;

/* What was seen at the last look. */
typedef struct
{
  GPtrArray *handles; /* of CliHandle, in the order of processes and ids */
  GPtrArray *notes;   /* of gchar *: what could not be seen, and why */
} CliSight;

/* Looks anew. Rates are those since the look before. @pid: of that process alone, or
 * 0. What processes that are gone have left behind is removed. */
void cli_sight_look (CliSight *sight, guint64 pid);
void cli_sight_clear (CliSight *sight);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliSight, cli_sight_clear)

/* Appends lines: one with titles, one for each of @handles. @width: letters of a line
 * at the most, for which columns are left out; 0: no bound. */
void cli_top_table (GString *text, GPtrArray *handles, guint width);
/* How many letters of a terminal's line @text takes, and as many of its bytes as take
 * no more than @width of them. */
guint cli_text_width (const gchar *text);
gsize cli_text_fits (const gchar *text, guint width);

/* What somebody wants who sits before the terminal. */
typedef enum
{
  CLI_SCREEN_TIME, /* nothing: the time is over */
  CLI_SCREEN_DRAW, /* the terminal has changed: draw again */
  CLI_SCREEN_QUIT
} CliScreenEvent;

/* Whether stdout can be drawn on. */
gboolean cli_screen_is_there (void);
/* Takes the terminal, and gives it back as it was. Signals are for
 * cli_screen_wait() meanwhile. */
void cli_screen_open (void);
void cli_screen_close (void);
void cli_screen_size (guint *columns, guint *rows);
/* Shows these lines, cut to the screen; FALSE: there is no terminal any more. */
gboolean cli_screen_draw (const gchar *text);
/* Waits until @until, us of the monotonic clock, or for an event before. */
CliScreenEvent cli_screen_wait (gint64 until);

#endif /* CLI_TOP_H */
