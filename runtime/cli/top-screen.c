/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * top-screen.c: the terminal, while something is drawn on it. Whatever ends the
 * program gives it back as it was.
 */
#include "cli/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* The other screen, without a cursor; and back. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

static struct
{
  gboolean has_keys; /* stdin is a terminal */
  struct termios before;
  sigset_t mask_before;
  gint signal_fd;
} screen;

gboolean
cli_screen_is_there (void)
{
  const gchar *kind = g_getenv ("TERM");

  return isatty (STDOUT_FILENO) && kind && *kind && strcmp (kind, "dumb") != 0;
}

static gboolean
put (const gchar *text)
{
  return fputs (text, stdout) >= 0 && fflush (stdout) == 0;
}

static void
take (void)
{
  if (screen.has_keys) {
    struct termios raw = screen.before;

    raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr (STDIN_FILENO, TCSANOW, &raw);
  }
  put (ENTER);
}

static void
give_back (void)
{
  put (LEAVE);
  if (screen.has_keys)
    tcsetattr (STDIN_FILENO, TCSANOW, &screen.before);
}

void
cli_screen_open (void)
{
  const gint signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT,
    SIGWINCH };
  sigset_t set;
  guint i;

  sigemptyset (&set);
  for (i = 0; i < G_N_ELEMENTS (signals); i++)
    sigaddset (&set, signals[i]);
  sigprocmask (SIG_BLOCK, &set, &screen.mask_before);
  screen.signal_fd = signalfd (-1, &set, SFD_CLOEXEC);
  screen.has_keys = tcgetattr (STDIN_FILENO, &screen.before) == 0;
  take ();
}

void
cli_screen_close (void)
{
  give_back ();
  close (screen.signal_fd);
  sigprocmask (SIG_SETMASK, &screen.mask_before, NULL);
}

void
cli_screen_size (guint *columns, guint *rows)
{
  struct winsize size;
  const gboolean known = ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

  *columns = known && size.ws_col > 0 ? size.ws_col : 80;
  *rows = known && size.ws_row > 0 ? size.ws_row : 24;
}

gboolean
cli_screen_draw (const gchar *text)
{
  g_autoptr (GString) out = g_string_new ("\033[H");
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint columns, rows, n, i;

  cli_screen_size (&columns, &rows);
  n = g_strv_length (lines);
  /* The text ends with the end of a line. */
  n -= n > 0;
  for (i = 0; i < MIN (n, rows); i++) {
    /* No line is begun behind the last, or the screen would roll. */
    if (i > 0)
      g_string_append (out, "\r\n");
    if (i + 1 == rows && n > rows)
      g_string_append_printf (out, "… %u more", n - i);
    else
      g_string_append_len (out, lines[i],
          (gssize) cli_text_fits (lines[i], columns));
    g_string_append (out, "\033[K");
  }
  g_string_append (out, "\033[J");
  return put (out->str);
}

static CliScreenEvent
take_signal (void)
{
  struct signalfd_siginfo info;

  if (read (screen.signal_fd, &info, sizeof info) != sizeof info)
    return CLI_SCREEN_TIME;
  switch (info.ssi_signo) {
    case SIGTSTP:
      give_back ();
      raise (SIGSTOP);
      return CLI_SCREEN_TIME;
    case SIGCONT:
      /* Whoever had the terminal meanwhile has made it his. */
      take ();
      return CLI_SCREEN_DRAW;
    case SIGWINCH:
      return CLI_SCREEN_DRAW;
    default:
      return CLI_SCREEN_QUIT;
  }
}

/* TIME: it was none that means anything. */
static CliScreenEvent
take_key (void)
{
  gchar key;

  if (read (STDIN_FILENO, &key, 1) != 1)
    screen.has_keys = FALSE; /* nobody will type any more */
  else if (key == 'q' || key == 'Q')
    return CLI_SCREEN_QUIT;
  return CLI_SCREEN_TIME;
}

CliScreenEvent
cli_screen_wait (gint64 until)
{
  for (;;) {
    struct pollfd fds[2] = { { .fd = screen.signal_fd, .events = POLLIN },
      { .fd = screen.has_keys ? STDIN_FILENO : -1, .events = POLLIN } };
    const gint64 rest = until - g_get_monotonic_time ();
    CliScreenEvent event = CLI_SCREEN_TIME;
    gint n;

    if (rest <= 0)
      return CLI_SCREEN_TIME;
    n = poll (fds, 2, (gint) ((rest + 999) / 1000));
    if (n < 0 && errno != EINTR)
      return CLI_SCREEN_QUIT;
    if (n > 0 && fds[0].revents)
      event = take_signal ();
    else if (n > 0 && fds[1].revents)
      event = take_key ();
    if (event != CLI_SCREEN_TIME)
      return event;
  }
}
