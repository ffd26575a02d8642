/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * tool.c: runs a compiler as a process that can neither stay for ever nor fill the
 * machine. It has a process group of its own, so that what it starts goes with it.
 */
#include "compile/compile.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT 60 /* s */
/* For what still comes once it has ended or was killed, ms. */
#define GRACE 1000
#define MAX_MESSAGES (256 * 1024)
/* No kernel needs a hundredth of it. */
#define MAX_MEMORY ((guint64) 8 * 1024 * 1024 * 1024)
#define MAX_FILE (256 * 1024 * 1024)

typedef struct
{
  GMainContext *context;
  GSubprocess *process;
  GInputStream *pipe;
  GCancellable *stop; /* our own waits */
  GString *messages;
  gchar buffer[4096];
  gdouble seconds;
  guint pending; /* waits */
  gboolean exited, timed_out, cancelled;
} Tool;

gdouble
ring_compile_timeout (void)
{
  const gchar *env = g_getenv ("RINGKERNEL_COMPILE_TIMEOUT");
  gdouble seconds;
  gchar *end;

  if (!env || !*env)
    return DEFAULT_TIMEOUT;
  seconds = g_ascii_strtod (env, &end);
  if (*end || !(seconds > 0) || seconds > 86400) {
    g_debug ("RINGKERNEL_COMPILE_TIMEOUT is '%s', no number of seconds", env);
    return DEFAULT_TIMEOUT;
  }
  return seconds;
}

/* In the child, where only system calls are safe. */
static void
set_up_child (gpointer data)
{
  const struct rlimit memory = { MAX_MEMORY, MAX_MEMORY };
  const struct rlimit file = { MAX_FILE, MAX_FILE };
  const struct rlimit core = { 0, 0 };

  setpgid (0, 0);
  if (sizeof (rlim_t) >= 8)
    setrlimit (RLIMIT_AS, &memory);
  setrlimit (RLIMIT_FSIZE, &file);
  setrlimit (RLIMIT_CORE, &core);
}

static gboolean
stop_waiting (gpointer data)
{
  Tool *tool = data;

  g_cancellable_cancel (tool->stop);
  return G_SOURCE_REMOVE;
}

static void
attach (Tool *tool, GSource *source, GSourceFunc func)
{
  g_source_set_callback (source, func, tool, NULL);
  g_source_attach (source, tool->context);
  g_source_unref (source);
}

static void
kill_group (Tool *tool)
{
  const gchar *id = g_subprocess_get_identifier (tool->process);

  /* Ended already, and reaped: then the number of the group may be anybody's, unless
   * somebody of it still holds the pipe. */
  if (id)
    kill (-(pid_t) g_ascii_strtoll (id, NULL, 10), SIGKILL);
  attach (tool, g_timeout_source_new (GRACE), stop_waiting);
}

static gboolean
on_timeout (gpointer data)
{
  Tool *tool = data;

  tool->timed_out = TRUE;
  kill_group (tool);
  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer data)
{
  Tool *tool = data;

  tool->cancelled = TRUE;
  kill_group (tool);
  return G_SOURCE_REMOVE;
}

static void read_more (Tool *tool);

static void
on_read (GObject *object, GAsyncResult *result, gpointer data)
{
  Tool *tool = data;
  const gssize n =
      g_input_stream_read_finish (G_INPUT_STREAM (object), result, NULL);

  if (n <= 0) {
    tool->pending--;
    return;
  }
  /* The first ones matter. The pipe is emptied all the same, or it would wait. */
  g_string_append_len (tool->messages, tool->buffer,
      MIN (n, (gssize) (MAX_MESSAGES - tool->messages->len)));
  read_more (tool);
}

static void
read_more (Tool *tool)
{
  g_input_stream_read_async (tool->pipe, tool->buffer, sizeof tool->buffer,
      G_PRIORITY_DEFAULT, tool->stop, on_read, tool);
}

static void
on_ended (GObject *object, GAsyncResult *result, gpointer data)
{
  Tool *tool = data;

  tool->exited = g_subprocess_wait_finish (G_SUBPROCESS (object), result, NULL);
  tool->pending--;
  /* Whoever else holds the pipe is not waited for. */
  if (tool->pending > 0)
    attach (tool, g_timeout_source_new (GRACE), stop_waiting);
}

static void
wait_for_it (Tool *tool)
{
  GCancellable *cancellable = g_cancellable_get_current ();
  GSource *timeout;
  GSource *cancelled = NULL;

  tool->pending = 2;
  read_more (tool);
  g_subprocess_wait_async (tool->process, tool->stop, on_ended, tool);
  timeout = g_timeout_source_new ((guint) (tool->seconds * 1000));
  g_source_set_callback (timeout, on_timeout, tool, NULL);
  g_source_attach (timeout, tool->context);
  if (cancellable) {
    cancelled = g_cancellable_source_new (cancellable);
    g_source_set_callback (cancelled, G_SOURCE_FUNC (on_cancelled), tool, NULL);
    g_source_attach (cancelled, tool->context);
  }
  while (tool->pending > 0)
    g_main_context_iteration (tool->context, TRUE);
  g_source_destroy (timeout);
  g_source_unref (timeout);
  if (cancelled) {
    g_source_destroy (cancelled);
    g_source_unref (cancelled);
  }
}

/* What would change what comes out, or what it is called, without being asked. */
static gchar **
make_environment (const gchar *temporary)
{
  static const gchar *const without[] = { "CPATH", "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH", "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES",
    "GCC_COMPARE_DEBUG", "LANGUAGE",
    /* for this process */
    "LD_PRELOAD" };
  gchar **env = g_get_environ ();
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (without); i++)
    env = g_environ_unsetenv (env, without[i]);
  env = g_environ_setenv (env, "LC_ALL", "C.UTF-8", TRUE);
  /* What is left behind by one that was killed goes with that directory. */
  return g_environ_setenv (env, "TMPDIR", temporary, TRUE);
}

gboolean
ring_tool_run (const gchar *const *argv, const gchar *temporary, gint *status,
    gchar **messages, GError **error)
{
  Tool tool = { .seconds = ring_compile_timeout () };
  GSubprocessLauncher *launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  gchar **env = make_environment (temporary);
  GError *cause = NULL;
  gboolean ok = FALSE;

  g_subprocess_launcher_set_environ (launcher, env);
  g_subprocess_launcher_set_child_setup (launcher, set_up_child, NULL, NULL);
  tool.context = g_main_context_new ();
  g_main_context_push_thread_default (tool.context);
  tool.process = g_subprocess_launcher_spawnv (launcher, argv, &cause);
  if (!tool.process) {
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "the C compiler could not be run: %s", cause->message);
    g_error_free (cause);
  } else {
    tool.pipe = g_subprocess_get_stderr_pipe (tool.process);
    tool.stop = g_cancellable_new ();
    tool.messages = g_string_new (NULL);
    wait_for_it (&tool);
    if (tool.cancelled) {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
          "compiling the kernel was cancelled");
    } else if (tool.timed_out || !tool.exited) {
      g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
          "the C compiler %s did not end within %g s and was killed; "
          "RINGKERNEL_COMPILE_TIMEOUT=SECONDS gives it longer",
          argv[0], tool.seconds);
    } else {
      *status = g_subprocess_get_status (tool.process);
      *messages = g_utf8_make_valid (tool.messages->str, -1);
      ok = TRUE;
    }
    g_string_free (tool.messages, TRUE);
    g_object_unref (tool.stop);
    g_object_unref (tool.process);
  }
  g_main_context_pop_thread_default (tool.context);
  g_main_context_unref (tool.context);
  g_strfreev (env);
  g_object_unref (launcher);
  return ok;
}
