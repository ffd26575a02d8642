/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * watch-guard.c: the process that stays.
 *
 * On the cpu a kernel is code of the process that runs it. So that is another one, made
 * by fork() while there are no threads; this one only waits for it, and tells of a
 * kernel that took it down.
 */
#include "cli/guard.h"
#include "cli/watch.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ns between two looks at a kernel that may never come back */
#define TICK 250000000
#define TICKS_OF_A_SECOND 4
/* Seconds for an orderly end. */
#define GRACE 2

typedef struct
{
  pid_t pid;
  gboolean asked; /* by whoever uses us, to end */
  gboolean hung;
} Child;

/* Its signals are blocked here, and taken one by one. */
static sigset_t signals, unblocked;

/* Waits until it has ended. Time is counted in looks, so that it does not pass while
 * we are stopped, too. */
static gint
await (Child *c, const WatchShared *shared, guint limit)
{
  const struct timespec tick = { .tv_nsec = TICK };
  gint status = 0, before = 0;
  guint since_asked = 0, since_begun = 0;

  while (waitpid (c->pid, &status, WNOHANG) != c->pid) {
    const gint number = sigtimedwait (&signals, NULL, &tick);
    const gint now = g_atomic_int_get (&shared->under_way);

    if (number == SIGINT || number == SIGTERM) {
      c->asked = TRUE;
      kill (c->pid, SIGTERM);
    }
    if (number >= 0 || errno != EAGAIN)
      continue;
    if (c->asked && ++since_asked > GRACE * TICKS_OF_A_SECOND)
      kill (c->pid, SIGKILL);
    since_begun = now != 0 && now == before ? since_begun + 1 : 0;
    before = now;
    if (since_begun > limit * TICKS_OF_A_SECOND) {
      c->hung = TRUE;
      kill (c->pid, SIGKILL);
    }
  }
  return status;
}

/* FALSE if it was no kernel's doing. */
static gboolean
tell_crash (const Child *c, gint status, WatchShared *shared, guint limit)
{
  gchar *what;

  /* A library may do something when it is opened. */
  if (shared->compiling && shared->under_way == 0) {
    memcpy (shared->tried, shared->compiled, sizeof shared->tried);
    shared->trying = TRUE;
  }
  if (!shared->trying && shared->under_way == 0)
    return FALSE;
  if (c->hung)
    what = g_strdup_printf ("not done after %u s: the kernel never ends, or "
                            "not all workers reach the same ring_barrier ()",
        limit);
  else if (WIFSIGNALED (status))
    what = g_strdup_printf ("the kernel %s",
        cli_guard_describe_signal (WTERMSIG (status)));
  else
    what = g_strdup ("the kernel ends the program");
  if (shared->trying)
    shared->n++;
  shared->failed = TRUE;
  cli_print ("version %d: %s; nothing runs until it is saved again\n",
      shared->n, what);
  fflush (stdout);
  g_free (what);
  shared->compiling = shared->trying = shared->under_way = 0;
  return TRUE;
}

static pid_t
begin (gint (*run) (WatchShared *shared, gpointer data), gpointer data,
    WatchShared *shared)
{
  const pid_t parent = getpid ();
  const pid_t pid = fork ();
  gint status;

  if (pid != 0)
    return pid;
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != parent)
    _exit (CLI_FAILED);
  sigprocmask (SIG_SETMASK, &unblocked, NULL);
  status = run (shared, data);
  fflush (stdout);
  shared->ended = TRUE;
  exit (status);
}

gint
watch_guard (gint (*run) (WatchShared *shared, gpointer data), gpointer data,
    guint limit, gint turns)
{
  WatchShared *shared = mmap (NULL, sizeof *shared, PROT_READ | PROT_WRITE,
      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  gint status = CLI_OK;
  gboolean goes_on = TRUE;

  if (shared == MAP_FAILED)
    return cli_fail ("watch: %s", g_strerror (errno));
  sigemptyset (&signals);
  sigaddset (&signals, SIGINT);
  sigaddset (&signals, SIGTERM);
  sigaddset (&signals, SIGCHLD);
  sigprocmask (SIG_BLOCK, &signals, &unblocked);
  while (goes_on) {
    Child child = { .pid = begin (run, data, shared) };
    gint ended;

    if (child.pid < 0) {
      status = cli_fail ("watch: %s", g_strerror (errno));
      break;
    }
    ended = await (&child, shared, limit);
    goes_on = FALSE;
    if (shared->ended && WIFEXITED (ended)) {
      status = WEXITSTATUS (ended);
    } else if (!child.asked) {
      goes_on = tell_crash (&child, ended, shared, limit);
      if (!goes_on)
        status =
            cli_fail ("watch: its process has ended by itself (%d)", ended);
      else if (turns > 0 && shared->n >= turns) {
        status = CLI_FAILED;
        goes_on = FALSE;
      }
    }
  }
  if (*shared->input)
    g_unlink (shared->input);
  munmap (shared, sizeof *shared);
  return status;
}
