/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * guard.c: kernels that crash or never end.
 */
#include "cli/guard.h"
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static GMutex lock;
static GCond changed;
static gchar doing[512]; /* also read by the handler */
static gint64 deadline;  /* us; 0: nothing is being done */
static guint limit;

static gpointer
watch (gpointer data)
{
  g_mutex_lock (&lock);
  for (;;) {
    if (deadline == 0)
      g_cond_wait (&changed, &lock);
    else if (!g_cond_wait_until (&changed, &lock, deadline) && deadline != 0
        && g_get_monotonic_time () >= deadline) {
      fflush (stdout);
      cli_fail ("%s: not done after %u s: the kernel never ends, or not all "
                "workers reach the same ring_barrier ()",
          doing, limit);
      /* Threads that are caught in the kernel are in nobody's way like this. */
      _exit (CLI_FAILED);
    }
  }
  return NULL;
}

/* Also for a handler. */
const gchar *
cli_guard_describe_signal (gint number)
{
  switch (number) {
    case SIGFPE:
      return "divides by zero (SIGFPE)";
    case SIGSEGV:
      return "reads or writes outside its memory (SIGSEGV)";
    case SIGBUS:
      return "reads or writes outside its memory (SIGBUS)";
    case SIGILL:
      return "crashes (SIGILL)";
    case SIGABRT:
      return "has destroyed what is not its own (SIGABRT)";
    default:
      return "takes the program down with it";
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void
say (const gchar *text)
{
  if (write (STDERR_FILENO, text, strlen (text)) < 0)
    _exit (CLI_FAILED);
}

/* Nothing but what may be called by a handler. */
static void
crashed (int number)
{
  say ("ringkernel: ");
  say (doing);
  say (": the kernel ");
  say (cli_guard_describe_signal (number));
  say ("\n");
  _exit (CLI_FAILED);
}
#endif

void
cli_guard_start (guint seconds)
{
  limit = seconds;
  g_thread_unref (g_thread_new ("guard", watch, NULL));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  {
    struct sigaction action = { .sa_handler = crashed };

    sigaction (SIGSEGV, &action, NULL);
    sigaction (SIGBUS, &action, NULL);
    sigaction (SIGFPE, &action, NULL);
    sigaction (SIGILL, &action, NULL);
  }
#endif
}

void
cli_guard_doing (const gchar *format, ...)
{
  va_list values;

  g_mutex_lock (&lock);
  va_start (values, format);
  g_vsnprintf (doing, sizeof (doing), format, values);
  va_end (values);
  deadline = g_get_monotonic_time () + (gint64) limit * G_USEC_PER_SEC;
  g_cond_signal (&changed);
  g_mutex_unlock (&lock);
}

void
cli_guard_rest (void)
{
  g_mutex_lock (&lock);
  deadline = 0;
  g_cond_signal (&changed);
  g_mutex_unlock (&lock);
}
