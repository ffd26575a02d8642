/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Handles that others may look at: who allows it, what is told, where, and that
 * nothing is left behind. What is read of it is in tests/cli/test_cli_top.py.
 */
#include "ring-test.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* The user's runtime directory, for this test alone. */
static gchar *base, *dir;

static void
set_up (void)
{
  base = g_dir_make_tmp ("ring-publish-XXXXXX", NULL);
  g_assert_nonnull (base);
  dir = g_build_filename (base, "ringkernel", NULL);
  g_setenv ("XDG_RUNTIME_DIR", base, TRUE);
  g_unsetenv ("RINGKERNEL_TOP");
}

static void
tear_down (void)
{
  /* Empty, or these fail. */
  g_assert_true (g_rmdir (dir) == 0 || !g_file_test (dir, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_rmdir (base), ==, 0);
  g_clear_pointer (&dir, g_free);
  g_clear_pointer (&base, g_free);
  g_unsetenv ("RINGKERNEL_TOP");
}

static gchar *
file_of (gint pid)
{
  return g_strdup_printf ("%s/%d.handles", dir, pid);
}

static gboolean
is_there (gint pid)
{
  g_autofree gchar *path = file_of (pid);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* The threads of this process that publish. */
static guint
count_threads (void)
{
  g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  const gchar *task;
  guint n = 0;

  g_assert_nonnull (tasks);
  while ((task = g_dir_read_name (tasks))) {
    g_autofree gchar *path = g_strdup_printf ("/proc/self/task/%s/comm", task);
    g_autofree gchar *name = NULL;

    n += g_file_get_contents (path, &name, NULL, NULL)
        && g_str_has_prefix (name, "ring-publish");
  }
  return n;
}

/* Whether the file says that @key of the handle is @value; @value NULL: that there is
 * no such key. */
static gboolean
says (RingKernel *kernel, const gchar *key, const gchar *value)
{
  g_autofree gchar *path = file_of (getpid ());
  g_autofree gchar *group = g_strdup_printf ("handle %" G_GUINT64_FORMAT,
      ring_kernel_get_id (kernel));
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree gchar *said = NULL;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL)
      || !g_key_file_has_group (file, group))
    return FALSE;
  said = g_key_file_get_string (file, group, key, NULL);
  return g_strcmp0 (said, value) == 0;
}

static gboolean
is_told_of (RingKernel *kernel)
{
  return says (kernel, "kernel", "copy");
}

static RingKernel *
start (gboolean publish)
{
  RingConfig *config = ring_test_config (RING_EXECUTION_AUTO);
  RingKernel *kernel;

  config->publish = publish;
  config->queue_capacity = 12;
  kernel = ring_test_launch_with (config, "copy", 0);
  ring_test_activate (kernel);
  return kernel;
}

static void
call (RingKernel *kernel, gsize size)
{
  g_autoptr (RingMessage) message = ring_test_message (size, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMessage) reply =
      ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (ring_test_same_payload (message, reply));
}

static void
end (RingKernel *kernel)
{
  g_object_unref (kernel);
  ring_test_wait_until (count_threads () == 0);
  g_assert_false (is_there (getpid ()));
}

/* ---- who allows it --------------------------------------------------------------------- */

static void
test_nobody_is_told_without_being_allowed (void)
{
  const gchar *const values[] = { NULL, "", "0" };
  gsize i;

  set_up ();
  for (i = 0; i < G_N_ELEMENTS (values); i++) {
    RingKernel *kernel;

    if (values[i])
      g_setenv ("RINGKERNEL_TOP", values[i], TRUE);
    kernel = start (FALSE);
    call (kernel, 10);
    /* It would have been started by now. */
    g_assert_cmpuint (count_threads (), ==, 0);
    g_object_unref (kernel);
    g_assert_false (g_file_test (dir, G_FILE_TEST_EXISTS));
  }
  tear_down ();
}

static void
test_the_environment_allows_all_handles (void)
{
  RingKernel *kernel;

  set_up ();
  g_setenv ("RINGKERNEL_TOP", "1", TRUE);
  kernel = start (FALSE);
  ring_test_wait_until (is_told_of (kernel));
  end (kernel);
  tear_down ();
}

static void
test_a_program_allows_single_handles (void)
{
  RingKernel *shown, *hidden;

  set_up ();
  hidden = start (FALSE);
  shown = start (TRUE);
  ring_test_wait_until (is_told_of (shown));
  g_assert_false (is_told_of (hidden));
  g_object_unref (hidden);
  end (shown);
  tear_down ();
}

static void
test_the_environment_forbids_what_a_program_allows (void)
{
  RingKernel *kernel;

  set_up ();
  g_setenv ("RINGKERNEL_TOP", "0", TRUE);
  kernel = start (TRUE);
  g_assert_cmpuint (count_threads (), ==, 0);
  g_object_unref (kernel);
  tear_down ();
}

static void
test_a_value_that_means_nothing_allows_nothing_and_is_named (void)
{
  RingKernel *kernel;

  set_up ();
  g_setenv ("RINGKERNEL_TOP", "yes", TRUE);
  g_test_expect_message ("ringkernel", G_LOG_LEVEL_WARNING,
      "*RINGKERNEL_TOP is 'yes'; it must be 0 or 1*");
  kernel = start (TRUE);
  g_test_assert_expected_messages ();
  g_assert_cmpuint (count_threads (), ==, 0);
  g_object_unref (kernel);
  tear_down ();
}

/* ---- what is told ------------------------------------------------------------------------ */

static void
test_figures_are_those_of_the_handle (void)
{
  g_autofree gchar *path = NULL;
  RingKernel *kernel;
  GStatBuf info;
  guint i;

  set_up ();
  kernel = start (TRUE);
  for (i = 0; i < 3; i++)
    call (kernel, 1000);
  ring_test_wait_until (says (kernel, "delivered", "3"));
  g_assert_true (says (kernel, "accepted", "3"));
  g_assert_true (says (kernel, "in_flight", "0"));
  g_assert_true (says (kernel, "bytes_in", "3000"));
  g_assert_true (says (kernel, "bytes_out", "3000"));
  g_assert_true (says (kernel, "capacity", "12"));
  g_assert_true (says (kernel, "status", "active"));
  g_assert_true (says (kernel, "label", NULL));
  g_assert_true (says (kernel, "error", NULL));
  g_assert_false (says (kernel, "total_p50", "0"));

  /* For this user's eyes alone. */
  path = file_of (getpid ());
  g_assert_cmpint (g_stat (path, &info), ==, 0);
  g_assert_cmphex (info.st_mode & 07777, ==, 0600);
  g_assert_cmpint (g_stat (dir, &info), ==, 0);
  g_assert_cmphex (info.st_mode & 07777, ==, 0700);
  end (kernel);
  tear_down ();
}

static void
test_a_label_is_told_and_may_change (void)
{
  g_autofree gchar *label = NULL;
  RingKernel *kernel;

  set_up ();
  kernel = start (TRUE);
  g_assert_null (ring_kernel_dup_label (kernel));
  ring_kernel_set_label (kernel, "first");
  ring_test_wait_until (says (kernel, "label", "first"));
  ring_kernel_set_label (kernel, "not \xff UTF-8");
  ring_test_wait_until (says (kernel, "label", "not \xef\xbf\xbd UTF-8"));
  label = ring_kernel_dup_label (kernel);
  g_assert_cmpstr (label, ==, "not \xff UTF-8");
  ring_kernel_set_label (kernel, NULL);
  ring_test_wait_until (says (kernel, "label", NULL));
  end (kernel);
  tear_down ();
}

static void
test_a_handle_that_ends_is_no_longer_told_of (void)
{
  RingKernel *kernel[2];

  set_up ();
  kernel[0] = start (TRUE);
  kernel[1] = start (TRUE);
  ring_test_wait_until (is_told_of (kernel[0]) && is_told_of (kernel[1]));
  g_assert_cmpuint (count_threads (), ==, 1);
  ring_test_terminate (kernel[0], RING_TERMINATE_DRAIN);
  ring_test_wait_until (!is_told_of (kernel[0]) && is_told_of (kernel[1]));
  ring_test_terminate (kernel[1], RING_TERMINATE_DRAIN);
  /* Of handles that somebody only holds there is nothing to tell. */
  ring_test_wait_until (!is_there (getpid ()));
  g_object_unref (kernel[0]);
  end (kernel[1]);

  /* And once more. */
  kernel[0] = start (TRUE);
  ring_test_wait_until (is_told_of (kernel[0]));
  end (kernel[0]);
  tear_down ();
}

/* What runs in a process of its own has the directory of the test. */
static void
enter_subprocess (void)
{
  dir = g_build_filename (g_getenv ("XDG_RUNTIME_DIR"), "ringkernel", NULL);
}

static void
expect_subprocess (void)
{
  set_up ();
  g_test_trap_subprocess (NULL, RING_TEST_WAIT, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  /* There was something, and tear_down sees that it is gone. */
  g_assert_true (g_file_test (dir, G_FILE_TEST_IS_DIR));
  tear_down ();
}

/* A kernel that is stuck is kept for good. */
static void
test_a_failed_handle_says_why (void)
{
  static RingTestGate gate;
  g_autoptr (RingMessage) message = NULL;
  g_autoptr (GError) error = NULL;
  RingConfig *config;
  RingKernel *kernel;

  if (ring_test_skip_unless_cpu ())
    return;
  if (!g_test_subprocess ()) {
    expect_subprocess ();
    return;
  }
  enter_subprocess ();
  config = ring_test_config (RING_EXECUTION_PERSISTENT);
  config->publish = TRUE;
  config->termination_timeout = 100 * G_TIME_SPAN_MILLISECOND;
  kernel = ring_test_launch_with (config, "gate", 1);
  ring_test_activate (kernel);
  message = ring_test_gate_message (&gate, 1);
  ring_test_send (kernel, message);
  ring_test_gate_wait_entered (&gate);
  g_assert_false (ring_kernel_terminate (kernel, RING_TERMINATE_DRAIN, &error));
  g_assert_error (error, RING_ERROR, RING_ERROR_TIMED_OUT);
  ring_test_wait_until (says (kernel, "status", "failed")
      && says (kernel, "error", error->message)
      && says (kernel, "in_flight", "0"));
  ring_test_gate_open (&gate);
  ring_test_gate_wait_left (&gate);
  ring_test_wait_for_device ();
}

/* ---- the ends of processes ------------------------------------------------------------------ */

static void
test_a_program_that_leaves_handles_leaves_no_file (void)
{
  RingKernel *kernel;

  if (!g_test_subprocess ()) {
    expect_subprocess ();
    return;
  }
  enter_subprocess ();
  kernel = start (TRUE);
  ring_test_wait_until (is_told_of (kernel));
  exit (0);
}

/* Threads of a forked process are not supported under one, and what the parent's thread
 * had at hand counts as lost under the other. */
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define MAY_FORK FALSE
#else
#define MAY_FORK TRUE
#endif

/* Waits for a forked process, which ends with 0. */
static void
reap (pid_t child)
{
  int status;

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

static gboolean
was_removed (gint watch, const gchar *name)
{
  char events[4096]
      __attribute__ ((aligned (__alignof__(struct inotify_event))));
  gboolean removed = FALSE;
  gssize n, at;

  while ((n = read (watch, events, sizeof events)) > 0) {
    for (at = 0; at < n;) {
      const struct inotify_event *e = (gpointer) (events + at);

      removed = removed || strcmp (e->name, name) == 0;
      at += (gssize) (sizeof *e + e->len);
    }
  }
  return removed;
}

static void
test_a_forked_process_has_a_file_of_its_own (void)
{
  g_autofree gchar *name = NULL;
  RingKernel *kernel, *own;
  gint watch;
  pid_t child;

  if (ring_test_backend () != RING_BACKEND_CPU || !MAY_FORK) {
    g_test_skip ("neither devices nor sanitizers go with a fork");
    return;
  }
  set_up ();
  kernel = start (TRUE);
  ring_test_wait_until (is_told_of (kernel));
  watch = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
  g_assert_cmpint (inotify_add_watch (watch, dir, IN_DELETE), >=, 0);
  name = g_strdup_printf ("%d.handles", (gint) getpid ());

  child = fork ();
  if (child == 0)
    exit (0);
  reap (child);
  g_assert_false (was_removed (watch, name));

  child = fork ();
  if (child == 0) {
    own = start (TRUE);
    ring_test_wait_until (is_told_of (own));
    if (is_told_of (kernel))
      abort ();
    exit (0);
  }
  reap (child);
  g_assert_false (was_removed (watch, name));
  g_assert_false (is_there (child));
  close (watch);
  end (kernel);
  tear_down ();
}

/* ---- where nothing can be written ---------------------------------------------------------- */

static gint warnings;

static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n_fields,
    gpointer data)
{
  gsize i;

  (void) level;
  (void) data;
  for (i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0
        && strstr (fields[i].value, "nothing can be written to"))
      g_atomic_int_inc (&warnings);
  return G_LOG_WRITER_HANDLED;
}

/* There is a warning, and no other; messages pass; once @amend is done the handle is
 * told of. In a process of its own, because it is one warning for each. */
static void
expect_one_warning (void (*spoil) (void), void (*amend) (void))
{
  RingKernel *kernel, *another;

  if (!g_test_subprocess ()) {
    g_test_trap_subprocess (NULL, RING_TEST_WAIT, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed ();
    return;
  }
  g_log_set_writer_func (count_warnings, NULL, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_ERROR);
  set_up ();
  spoil ();
  kernel = start (TRUE);
  ring_test_wait_until (g_atomic_int_get (&warnings) == 1);
  another = start (TRUE);
  call (kernel, 100);
  call (another, 100);
  ring_test_assert_accounts (kernel, 1, 1, 0, 0);
  amend ();
  ring_test_wait_until (is_told_of (kernel) && is_told_of (another));
  g_assert_cmpint (g_atomic_int_get (&warnings), ==, 1);
  g_object_unref (another);
  end (kernel);
  tear_down ();
}

static void
take_base_away (void)
{
  g_assert_cmpint (g_rmdir (base), ==, 0);
}

static void
give_base_back (void)
{
  g_assert_cmpint (g_mkdir (base, 0700), ==, 0);
}

static void
test_a_directory_that_cannot_be_made (void)
{
  expect_one_warning (take_base_away, give_base_back);
}

static void
open_to_others (void)
{
  g_assert_cmpint (g_mkdir (dir, 0700), ==, 0);
  /* The umask has no say. */
  g_assert_cmpint (g_chmod (dir, 0750), ==, 0);
}

static void
close_to_others (void)
{
  g_assert_cmpint (g_chmod (dir, 0700), ==, 0);
}

static void
test_a_directory_that_others_may_read (void)
{
  expect_one_warning (open_to_others, close_to_others);
}

static gchar *elsewhere;

static void
put_link (void)
{
  elsewhere = g_build_filename (base, "elsewhere", NULL);
  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  g_assert_cmpint (symlink (elsewhere, dir), ==, 0);
}

static void
take_link (void)
{
  g_assert_cmpint (g_unlink (dir), ==, 0);
  /* Empty: nobody went there. */
  g_assert_cmpint (g_rmdir (elsewhere), ==, 0);
  g_free (elsewhere);
}

static void
test_a_link_in_the_directorys_place (void)
{
  expect_one_warning (put_link, take_link);
}

static void
put_file (void)
{
  g_assert_true (g_file_set_contents (dir, "", 0, NULL));
}

static void
take_file (void)
{
  g_assert_cmpint (g_unlink (dir), ==, 0);
}

static void
test_a_file_in_the_directorys_place (void)
{
  expect_one_warning (put_file, take_file);
}

static void
block_the_name (void)
{
  g_autofree gchar *path = NULL;

  g_assert_cmpint (g_mkdir (dir, 0700), ==, 0);
  path = file_of (getpid ());
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
}

static void
free_the_name (void)
{
  g_autofree gchar *path = file_of (getpid ());
  g_autoptr (GDir) files = g_dir_open (dir, 0, NULL);
  const gchar *name;

  /* What was not finished has not been left. */
  while ((name = g_dir_read_name (files)))
    g_assert_true (
        g_str_has_suffix (path, name) || g_str_has_prefix (name, ".new-"));
  g_assert_cmpint (g_rmdir (path), ==, 0);
}

static void
test_a_name_that_is_taken (void)
{
  expect_one_warning (block_the_name, free_the_name);
}

static void
block_the_temporary_name (void)
{
  g_autofree gchar *path = NULL;

  g_assert_cmpint (g_mkdir (dir, 0700), ==, 0);
  path = g_strdup_printf ("%s/.new-%d", dir, (gint) getpid ());
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
}

static void
free_the_temporary_name (void)
{
  g_autofree gchar *path =
      g_strdup_printf ("%s/.new-%d", dir, (gint) getpid ());

  g_assert_cmpint (g_rmdir (path), ==, 0);
}

static void
test_a_temporary_name_that_is_taken (void)
{
  expect_one_warning (block_the_temporary_name, free_the_temporary_name);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/publish/nobody-is-told-without-being-allowed",
      test_nobody_is_told_without_being_allowed);
  g_test_add_func ("/publish/the-environment-allows-all-handles",
      test_the_environment_allows_all_handles);
  g_test_add_func ("/publish/a-program-allows-single-handles",
      test_a_program_allows_single_handles);
  g_test_add_func ("/publish/the-environment-forbids-what-a-program-allows",
      test_the_environment_forbids_what_a_program_allows);
  g_test_add_func ("/publish/a-value-that-means-nothing",
      test_a_value_that_means_nothing_allows_nothing_and_is_named);
  g_test_add_func ("/publish/figures-are-those-of-the-handle",
      test_figures_are_those_of_the_handle);
  g_test_add_func ("/publish/a-label-is-told-and-may-change",
      test_a_label_is_told_and_may_change);
  g_test_add_func ("/publish/a-handle-that-ends-is-no-longer-told-of",
      test_a_handle_that_ends_is_no_longer_told_of);
  g_test_add_func ("/publish/a-failed-handle-says-why",
      test_a_failed_handle_says_why);
  g_test_add_func ("/publish/a-program-that-leaves-handles-leaves-no-file",
      test_a_program_that_leaves_handles_leaves_no_file);
  g_test_add_func ("/publish/a-forked-process-has-a-file-of-its-own",
      test_a_forked_process_has_a_file_of_its_own);
  g_test_add_func ("/publish/a-directory-that-cannot-be-made",
      test_a_directory_that_cannot_be_made);
  g_test_add_func ("/publish/a-directory-that-others-may-read",
      test_a_directory_that_others_may_read);
  g_test_add_func ("/publish/a-link-in-the-directorys-place",
      test_a_link_in_the_directorys_place);
  g_test_add_func ("/publish/a-file-in-the-directorys-place",
      test_a_file_in_the_directorys_place);
  g_test_add_func ("/publish/a-name-that-is-taken", test_a_name_that_is_taken);
  g_test_add_func ("/publish/a-temporary-name-that-is-taken",
      test_a_temporary_name_that_is_taken);
  return ring_test_run ();
}
