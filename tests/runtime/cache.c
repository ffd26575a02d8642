/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compiled kernels are kept: the second start runs no compiler. And whatever becomes
 * of the cache is in nobody's way.
 */
#include "compile-test.h"

/* The only entry that there is. */
static gchar *
find_entry (void)
{
  GDir *dir = g_dir_open (cache, 0, NULL);
  const gchar *name = dir ? g_dir_read_name (dir) : NULL;
  gchar *path;

  g_assert_nonnull (name);
  path = g_build_filename (cache, name, NULL);
  g_assert_null (g_dir_read_name (dir));
  g_dir_close (dir);
  return path;
}

/* ---- the cache --------------------------------------------------------------------- */

static void
test_second_time_runs_no_compiler (void)
{
  struct stat info;
  gchar *entry;

  assert_compiles (0, RUNS);
  assert_compiles (RUNS, 0);
  entry = find_entry ();
  g_assert_cmpint (stat (entry, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);
  g_assert_cmpint (stat (cache, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0700);
  g_free (entry);

  /* One that did not compile is looked at each time. */
  write_text (source, GOOD "mistake\n");
  assert_fails ("source.c:7:", "mistake");
  assert_fails ("source.c:7:", "mistake");
  g_assert_cmpuint (count_runs (), ==, RUNS + 2);
}

static void
test_what_matters_is_in_the_key (void)
{
  g_autofree gchar *include = in_scratch ("include");
  g_autofree gchar *ringkernel = g_build_filename (include, "ringkernel", NULL);
  g_autofree gchar *from =
      g_build_filename (g_getenv ("RINGKERNEL_INCLUDE"), "ringkernel", NULL);
  g_autofree gchar *words = g_strconcat (compiler, " -DMORE", NULL);
  g_autofree gchar *header = g_build_filename (ringkernel, "view.h", NULL);
  g_autofree gchar *text = NULL, *changed = NULL;
  GDir *dir;
  const gchar *name;

  assert_compiles (0, RUNS);
  /* the source */
  write_text (source, GOOD "\n");
  assert_compiles (RUNS, RUNS);
  /* options in CC */
  g_setenv ("CC", words, TRUE);
  assert_compiles (2 * RUNS, RUNS);
  assert_compiles (3 * RUNS, 0);
  g_setenv ("CC", compiler, TRUE);
  assert_compiles (3 * RUNS, 0);
  /* headers of the same contents elsewhere are the same; others are not */
  g_assert_cmpint (g_mkdir_with_parents (ringkernel, 0700), ==, 0);
  dir = g_dir_open (from, 0, NULL);
  while ((name = g_dir_read_name (dir))) {
    g_autofree gchar *old = g_build_filename (from, name, NULL);
    g_autofree gchar *new = g_build_filename (ringkernel, name, NULL);
    g_autofree gchar *contents = NULL;

    g_assert_true (g_file_get_contents (old, &contents, NULL, NULL));
    write_text (new, contents);
  }
  g_dir_close (dir);
  g_setenv ("RINGKERNEL_INCLUDE", include, TRUE);
  assert_compiles (3 * RUNS, 0);
  g_assert_true (g_file_get_contents (header, &text, NULL, NULL));
  changed = g_strconcat (text, "/* changed */\n", NULL);
  write_text (header, changed);
  assert_compiles (3 * RUNS, RUNS);
  /* the compiler itself */
  write_compiler ("exec cc \"$@\" # another one");
  assert_compiles (4 * RUNS, RUNS);
  g_assert_cmpuint (count_files (cache), ==, 5);
}

static void
test_damaged_entries_are_replaced (void)
{
  g_autofree gchar *good = NULL;
  g_autofree gchar *entry = NULL;
  gsize size, i;
  guint runs;

  assert_compiles (0, RUNS);
  entry = find_entry ();
  g_assert_true (g_file_get_contents (entry, &good, &size, NULL));
  for (i = 0; i < 9; i++) {
    g_autofree gchar *bad = g_memdup2 (good, size);
    g_autofree gchar *now = NULL;
    gsize keep = size, size_now;

    switch (i) {
      case 0: /* empty */
        keep = 0;
        break;
      case 1: /* cut off, at the begin, in the middle, at the end */
        keep = 10;
        break;
      case 2:
        keep = size / 2;
        break;
      case 3:
        keep = size - 1;
        break;
      case 4: /* one bit, in the code, in a checksum, in the key */
        bad[size / 2] ^= 1;
        break;
      case 5:
        bad[size - 100] ^= 1;
        break;
      case 6:
        bad[size - 1] ^= 1;
        break;
      case 7: /* something else altogether */
        memset (bad, 'x', size);
        break;
      default: /* no file */
        break;
    }
    runs = count_runs ();
    g_remove (entry);
    if (i < 8)
      g_assert_true (g_file_set_contents (entry, bad, (gssize) keep, NULL));
    else
      g_assert_cmpint (mkfifo (entry, 0600), ==, 0);
    assert_compiles (runs, RUNS);
    assert_compiles (runs + RUNS, 0);
    /* Compilers make the same of the same. */
    g_assert_true (g_file_get_contents (entry, &now, &size_now, NULL));
    g_assert_cmpuint (size_now, ==, size);
  }
}

static void
test_cache_that_is_not_used (void)
{
  guint runs = 0;

  /* Others may write into it: what lies there is not loaded, nor is more put there. */
  assert_compiles (0, RUNS);
  g_assert_cmpint (g_chmod (cache, 0777), ==, 0);
  assert_compiles (RUNS, RUNS);
  g_assert_cmpint (g_chmod (cache, 0770), ==, 0);
  assert_compiles (2 * RUNS, RUNS);
  g_assert_cmpint (g_chmod (cache, 0500), ==, 0);
  assert_compiles (3 * RUNS, 0); /* to read it is enough */
  g_assert_cmpint (g_chmod (cache, 0700), ==, 0);
  assert_compiles (3 * RUNS, 0);
  if (geteuid () == 0) {
    g_assert_cmpint (chown (cache, 65534, (gid_t) -1), ==, 0);
    assert_compiles (3 * RUNS, RUNS);
    g_assert_cmpint (chown (cache, 0, (gid_t) -1), ==, 0);
  }

  /* Switched off. */
  runs = count_runs ();
  g_setenv ("RINGKERNEL_CACHE", "off", TRUE);
  g_assert_null (ring_kernel_cache_dir ());
  assert_compiles (runs, RUNS);
  g_unsetenv ("RINGKERNEL_CACHE");
  assert_compiles (runs + RUNS, 0);
}

/* GLib reads XDG_CACHE_HOME once, so this is about one of them. */
static void
check_without_cache (const gchar *home)
{
  g_setenv ("XDG_CACHE_HOME", home, TRUE);
  assert_compiles (0, RUNS);
  assert_compiles (RUNS, RUNS);
}

static void
test_cache_that_cannot_be_made (void)
{
  check_without_cache ("/dev/null/nothing");
}

static void
test_cache_in_a_relative_place (void)
{
  g_assert_cmpint (g_chdir (scratch), ==, 0);
  check_without_cache ("relative");
  g_assert_null (ring_kernel_cache_dir ());
  g_assert_false (g_file_test ("relative", G_FILE_TEST_EXISTS));
}

static void
test_cache_that_is_a_link (void)
{
  g_autofree gchar *elsewhere = in_scratch ("elsewhere");

  g_assert_cmpint (g_mkdir_with_parents (cache_home, 0700), ==, 0);
  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  g_assert_cmpint (symlink (elsewhere, cache), ==, 0);
  check_without_cache (cache_home);
  g_assert_true (is_empty (elsewhere));
}

static void
test_cache_that_is_a_file (void)
{
  g_assert_cmpint (g_mkdir_with_parents (cache_home, 0700), ==, 0);
  write_text (cache, "");
  check_without_cache (cache_home);
}

/* Names as entries have them, each older than the one before. */
static void
add_old_entries (guint n, gsize size)
{
  g_autofree gchar *contents = g_malloc0 (size + 1);
  guint i;

  for (i = 0; i < n; i++) {
    g_autofree gchar *name = g_strdup_printf ("%064x", i);
    g_autofree gchar *path = g_build_filename (cache, name, NULL);
    const struct timespec times[2] = { { 1000000000 - i, 0 },
      { 1500000000, 0 } };

    g_assert_true (g_file_set_contents (path, contents, (gssize) size, NULL));
    g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
  }
}

static gboolean
has_entry (guint i)
{
  g_autofree gchar *name = g_strdup_printf ("%064x", i);
  g_autofree gchar *path = g_build_filename (cache, name, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
test_oldest_entries_go (void)
{
  g_autofree gchar *mine = g_build_filename (cache, "notes.txt", NULL);
  g_autofree gchar *dead = g_build_filename (cache, ".new-1-dead", NULL);
  g_autofree gchar *busy = g_build_filename (cache, ".new-1-busy", NULL);
  const struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

  g_assert_cmpint (g_mkdir_with_parents (cache, 0700), ==, 0);
  add_old_entries (230, 100);
  write_text (mine, "not the cache's");
  write_text (busy, "half a");
  write_text (dead, "half a");
  g_assert_cmpint (utimensat (AT_FDCWD, dead, old, 0), ==, 0);
  g_assert_cmpint (utimensat (AT_FDCWD, mine, old, 0), ==, 0);

  assert_compiles (0, RUNS);
  g_assert_cmpuint (count_files (cache), ==, 202);
  g_assert_true (has_entry (198));
  g_assert_false (has_entry (199));
  g_assert_true (g_file_test (mine, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (busy, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (dead, G_FILE_TEST_EXISTS));

  /* And by their size: 50 of 6 MiB are more than 256 MiB. */
  add_old_entries (50, 6 * 1024 * 1024);
  write_text (source, GOOD "\n");
  assert_compiles (RUNS, RUNS);
  g_assert_true (has_entry (0));
  g_assert_false (has_entry (49));
  g_assert_cmpuint (count_files (cache), <, 50);
  /* What was made just now is there. */
  assert_compiles (2 * RUNS, 0);
}

static void
test_clear (void)
{
  g_autofree gchar *mine = g_build_filename (cache, "notes.txt", NULL);
  g_autofree gchar *dir = ring_kernel_cache_dir ();
  GError *error = NULL;

  g_assert_cmpstr (dir, ==, cache);
  /* there is none yet */
  g_assert_true (ring_kernel_cache_clear (&error));
  g_assert_no_error (error);

  assert_compiles (0, RUNS);
  write_text (mine, "not the cache's");
  g_assert_true (ring_kernel_cache_clear (&error));
  g_assert_no_error (error);
  g_assert_cmpuint (count_files (cache), ==, 1);
  g_assert_true (g_file_test (mine, G_FILE_TEST_EXISTS));
  assert_compiles (RUNS, RUNS);

  g_assert_cmpint (g_chmod (cache, 0777), ==, 0);
  g_assert_false (ring_kernel_cache_clear (&error));
  ring_test_assert_says (&error, RING_ERROR_FAILED, cache,
      "others may write into it");
  g_assert_cmpuint (count_files (cache), ==, 2);

  g_setenv ("RINGKERNEL_CACHE", "off", TRUE);
  g_assert_true (ring_kernel_cache_clear (&error));
  g_assert_no_error (error);
}

static void
test_entry_that_cannot_be_removed (void)
{
  g_autofree gchar *name = g_strnfill (64, 'a');
  g_autofree gchar *path = g_build_filename (cache, name, NULL);
  GError *error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (path, 0700), ==, 0);
  g_assert_false (ring_kernel_cache_clear (&error));
  ring_test_assert_says (&error, RING_ERROR_FAILED, path, "cannot be removed");
  /* And it keeps nobody from compiling. */
  assert_compiles (0, RUNS);
}

/* Several processes want the same kernel at once. */
static void
test_processes_side_by_side (void)
{
  GSubprocess *process[4];
  GError *error = NULL;
  gchar *entry;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (process); i++) {
    process[i] = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, &error, program,
        "--compile", source, NULL);
    g_assert_no_error (error);
  }
  for (i = 0; i < G_N_ELEMENTS (process); i++) {
    g_subprocess_wait_check (process[i], NULL, &error);
    g_assert_no_error (error);
    g_object_unref (process[i]);
  }
  entry = find_entry ();
  g_free (entry);
}

static void
test_threads_side_by_side (void)
{
  GThread *threads[4];
  gchar *entry;
  gsize i;

  /* What GLib makes when it is first used is there before they begin:
   * ThreadSanitizer does not see the locks that it does that under. */
  assert_compiles (0, RUNS);
  g_assert_true (ring_kernel_cache_clear (NULL));
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("compile", compile_in_thread, NULL);
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  entry = find_entry ();
  g_free (entry);
}

static const Test tests[] = {
  { "/cache/second-time-runs-no-compiler", test_second_time_runs_no_compiler },
  { "/cache/what-matters-is-in-the-key", test_what_matters_is_in_the_key },
  { "/cache/damaged-entries-are-replaced", test_damaged_entries_are_replaced },
  { "/cache/not-used", test_cache_that_is_not_used },
  { "/cache/cannot-be-made", test_cache_that_cannot_be_made },
  { "/cache/in-a-relative-place", test_cache_in_a_relative_place },
  { "/cache/is-a-link", test_cache_that_is_a_link },
  { "/cache/is-a-file", test_cache_that_is_a_file },
  { "/cache/oldest-entries-go", test_oldest_entries_go },
  { "/cache/clear", test_clear },
  { "/cache/entry-that-cannot-be-removed", test_entry_that_cannot_be_removed },
  { "/cache/processes-side-by-side", test_processes_side_by_side },
  { "/cache/threads-side-by-side", test_threads_side_by_side },
};

int
main (int argc, char **argv)
{
  return compile_test_main (argc, argv, tests, G_N_ELEMENTS (tests));
}
