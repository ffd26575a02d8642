/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compilers may be as ill-behaved as they like: what comes is a kernel or one error,
 * within bounded time, and nobody is left behind.
 */
#include "compile-test.h"

/* ---- compilers ------------------------------------------------------------------------ */

/* A pipe that those who run on hold open. */
static gint
make_pipe (gchar **path)
{
  gint fd;

  *path = in_scratch ("alive");
  g_assert_cmpint (mkfifo (*path, 0600), ==, 0);
  fd = open (*path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static void
assert_all_dead (gint fd)
{
  struct pollfd p = { fd, POLLIN, 0 };
  gchar buffer[64];

  /* Whatever they wrote, then the end. */
  do
    g_assert_cmpint (poll (&p, 1, (gint) (RING_TEST_WAIT / 1000)), ==, 1);
  while (read (fd, buffer, sizeof buffer) > 0);
  g_assert_true (p.revents & POLLHUP);
  close (fd);
}

static void
test_hanging_compiler_is_killed (void)
{
  g_autofree gchar *alive = NULL, *script = NULL;
  const gint fd = make_pipe (&alive);

  /* with what it has started */
  script =
      g_strdup_printf ("exec 9> '%s'; echo x >&9\nsleep 1000 &\nsleep 1000",
          alive);
  write_compiler (script);
  g_setenv ("RINGKERNEL_COMPILE_TIMEOUT", "0.5", TRUE);
  assert_fails (compiler, "did not end within 0.5 s");
  assert_all_dead (fd);
  /* A good compiler afterwards. */
  g_unsetenv ("RINGKERNEL_COMPILE_TIMEOUT");
  write_compiler ("exec cc \"$@\"");
  assert_compiles (1, RUNS);
}

static void
on_launched (GObject *object, GAsyncResult *result, gpointer data)
{
  RingKernel *kernel =
      ring_runtime_launch_finish (RING_RUNTIME (object), result, data);

  g_assert_null (kernel);
}

static void
test_cancelled_compiler_is_killed (void)
{
  g_autoptr (RingRuntime) runtime = new_runtime ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree gchar *alive = NULL, *script = NULL;
  const gint fd = make_pipe (&alive);
  struct pollfd p = { fd, POLLIN, 0 };
  GError *error = NULL;

  script =
      g_strdup_printf ("exec 9> '%s'; echo x >&9\nsleep 1000 &\nsleep 1000",
          alive);
  write_compiler (script);
  ring_runtime_launch_async (runtime, source, -1, -1, NULL, cancellable,
      on_launched, &error);
  /* once it is at work */
  g_assert_cmpint (poll (&p, 1, (gint) (RING_TEST_WAIT / 1000)), ==, 1);
  g_cancellable_cancel (cancellable);
  while (!error)
    g_main_context_iteration (NULL, TRUE);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  assert_all_dead (fd);
  g_assert_true (is_empty (temporary));
}

static void
test_compiler_that_never_stops_talking (void)
{
  write_compiler ("while :; do echo 'source.c:1:1: error: again' >&2; done");
  g_setenv ("RINGKERNEL_COMPILE_TIMEOUT", "1", TRUE);
  assert_fails (compiler, "did not end within 1 s");
}

/* Macros that grow without end. */
static void
test_source_that_takes_for_ever (void)
{
  GString *text = g_string_new (SDK "#define A0 1 +\n");
  guint i;

  for (i = 1; i < 40; i++)
    g_string_append_printf (text, "#define A%u A%u A%u A%u\n", i, i - 1, i - 1,
        i - 1);
  g_string_append (text,
      "RING_KERNEL (x, \"y\")\n{\n  out.data[0] = A39 0;\n}\n");
  write_text (source, text->str);
  g_string_free (text, TRUE);
  g_setenv ("RINGKERNEL_COMPILE_TIMEOUT", "1", TRUE);
  assert_fails ("did not end within 1 s", "RINGKERNEL_COMPILE_TIMEOUT");
}

static void
test_compilers_that_fail (void)
{
  write_compiler ("exit 3");
  assert_fails ("source.c", "code 3");
  write_compiler ("kill -SEGV $$");
  assert_fails ("source.c", "signal 11");
  write_compiler ("echo 'no licence for today' >&2; exit 1");
  assert_fails ("source.c", "no licence for today");
  /* behind a list of headers, which is not for users */
  write_compiler (
      "{ echo '. /a/b.h'; echo '.. /a/c.h'\n"
      "echo 'Multiple include guards may be useful for:'; echo /a/c.h\n"
      "echo '/usr/bin/ld: no room'; } >&2; exit 1");
  assert_fails ("source.c", "does not compile: /usr/bin/ld: no room");
  write_compiler ("exit 0");
  assert_fails ("source.c", "has made nothing");
  write_compiler (
      "while [ $# -gt 1 ]; do [ \"$1\" != -o ] || echo text > \"$2\";"
      " shift; done");
  assert_fails ("source.c", "no shared library");
}

static void
test_compiler_that_includes_more (void)
{
  write_compiler ("echo '. /usr/include/stdio.h' >&2\nexec cc \"$@\"");
  assert_fails ("nothing else", "stdio.h");
}

/* Who holds on to the compiler's messages is not waited for. */
static void
test_compiler_that_leaves_somebody_behind (void)
{
  g_autofree gchar *pid_file = in_scratch ("pid");
  g_autofree gchar *script =
      g_strdup_printf ("sleep 1000 &\necho $! > '%s'\nexec cc \"$@\"",
          pid_file);
  g_autofree gchar *text = NULL;

  write_compiler (script);
  assert_compiles (0, RUNS);
  g_assert_true (g_file_get_contents (pid_file, &text, NULL, NULL));
  kill ((pid_t) g_ascii_strtoll (text, NULL, 10), SIGKILL);
}

static void
test_environment_of_compilers_does_not_matter (void)
{
  g_autofree gchar *written = in_scratch ("dependencies");
  g_autofree gchar *evil = in_scratch ("evil");
  g_autofree gchar *header = g_build_filename (evil, "stdint.h", NULL);

  g_assert_cmpint (g_mkdir (evil, 0700), ==, 0);
  write_text (header, "#error evil\n");
  g_setenv ("DEPENDENCIES_OUTPUT", written, TRUE);
  g_setenv ("CPATH", evil, TRUE);
  g_setenv ("LANGUAGE", "de", TRUE);
  g_setenv ("RINGKERNEL_COMPILE_TIMEOUT", "soon", TRUE);
  assert_compiles (0, RUNS);
  g_assert_false (g_file_test (written, G_FILE_TEST_EXISTS));
}

static void
test_compiler_without_cplusplus (void)
{
  write_compiler (
      "case \"$*\" in *c++*) echo \"cc: fatal error: cannot execute "
      "'cc1plus'\" >&2; exit 1;; esac\nexec cc \"$@\"");
  assert_compiles (0, RUNS);
}

static const Test tests[] = {
  { "/compilers/hanging-is-killed", test_hanging_compiler_is_killed },
  { "/compilers/cancelled-is-killed", test_cancelled_compiler_is_killed },
  { "/compilers/never-stops-talking", test_compiler_that_never_stops_talking },
  { "/compilers/source-that-takes-for-ever", test_source_that_takes_for_ever },
  { "/compilers/fails", test_compilers_that_fail },
  { "/compilers/includes-more", test_compiler_that_includes_more },
  { "/compilers/leaves-somebody-behind",
      test_compiler_that_leaves_somebody_behind },
  { "/compilers/environment-does-not-matter",
      test_environment_of_compilers_does_not_matter },
  { "/compilers/without-cplusplus", test_compiler_without_cplusplus },
};

int
main (int argc, char **argv)
{
  return compile_test_main (argc, argv, tests, G_N_ELEMENTS (tests));
}
