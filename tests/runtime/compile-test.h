/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * compile-test.h: what the tests about compiling share. Each is a process of its own,
 * with a source, a compiler of its own making, a cache, and a place for temporary
 * files that is empty whenever nobody compiles.
 */
#ifndef COMPILE_TEST_H
#define COMPILE_TEST_H

#include "ring-test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#define SDK "#include <ringkernel/kernel-sdk.h>\n"
#define GOOD \
  SDK "RING_KERNEL (good, \"Copies\")\n" \
      "{\n  RING_FOR_EACH (i, in.size)\n    out.data[i] = in.data[i];\n}\n"
/* A source is looked at as C and as C++. */
#define RUNS 2

static gchar *scratch; /* of this test alone */
static gchar *source, *compiler, *log_of_runs, *temporary, *cache_home, *cache;

static inline gchar *
in_scratch (const gchar *name)
{
  return g_build_filename (scratch, name, NULL);
}

static inline void
write_text (const gchar *path, const gchar *text)
{
  GError *error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

/* Becomes CC. "$@" is what it is asked for. */
static inline void
write_compiler (const gchar *script)
{
  g_autofree gchar *text = g_strdup_printf ("#!/bin/sh\necho run >> '%s'\n%s\n",
      log_of_runs, script);

  write_text (compiler, text);
  g_assert_cmpint (g_chmod (compiler, 0700), ==, 0);
  g_setenv ("CC", compiler, TRUE);
}

static inline guint
count_runs (void)
{
  g_autofree gchar *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (log_of_runs, &text, NULL, NULL))
    return 0;
  lines = g_strsplit (text, "\n", -1);
  return g_strv_length (lines) - 1;
}

static inline RingRuntime *
new_runtime (void)
{
  RingConfig *config = ring_test_config (RING_EXECUTION_AUTO);
  GError *error = NULL;
  RingRuntime *runtime;

  config->backend = RING_BACKEND_CPU;
  runtime = ring_runtime_new (config, &error);
  g_assert_no_error (error);
  ring_config_free (config);
  return runtime;
}

static inline gboolean
is_empty (const gchar *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const gboolean empty = !dir || !g_dir_read_name (dir);

  if (dir)
    g_dir_close (dir);
  return empty;
}

static inline guint
count_files (const gchar *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (dir && g_dir_read_name (dir))
    n++;
  if (dir)
    g_dir_close (dir);
  return n;
}

static inline gboolean
compile (GError **error)
{
  g_autoptr (RingRuntime) runtime = new_runtime ();
  RingKernelInfo *info = ring_runtime_find_kernel (runtime, source, error);
  const gboolean ok = info != NULL;

  if (info)
    ring_kernel_info_unref (info);
  g_assert_true (is_empty (temporary));
  return ok;
}

static inline void
assert_compiles (guint runs_since, guint runs)
{
  GError *error = NULL;

  compile (&error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_runs () - runs_since, ==, runs);
}

static inline void
assert_fails (const gchar *says, const gchar *also)
{
  GError *error = NULL;

  g_assert_false (compile (&error));
  ring_test_assert_says (&error, RING_ERROR_COMPILE, says, also);
}

static inline gpointer
compile_in_thread (gpointer data)
{
  g_autoptr (RingRuntime) runtime = new_runtime ();
  GError *error = NULL;
  RingKernelInfo *info = ring_runtime_find_kernel (runtime, source, &error);

  g_assert_no_error (error);
  ring_kernel_info_unref (info);
  return NULL;
}

/* ---- all ------------------------------------------------------------------------------ */

typedef struct
{
  const gchar *name;
  void (*run) (void);
} Test;

static const Test *compile_tests;
static const gchar *program;

static inline void
remove_tree (const gchar *path)
{
  if (g_file_test (path, G_FILE_TEST_IS_DIR)
      && !g_file_test (path, G_FILE_TEST_IS_SYMLINK)) {
    GDir *dir = g_dir_open (path, 0, NULL);
    const gchar *name;

    while (dir && (name = g_dir_read_name (dir))) {
      g_autofree gchar *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
    if (dir)
      g_dir_close (dir);
  }
  g_remove (path);
}

/* In the child. */
static inline void
run_test (gconstpointer data)
{
  const gsize i = GPOINTER_TO_SIZE (data);

  scratch = g_strdup (g_getenv ("RING_TEST_SCRATCH"));
  source = in_scratch ("source.c");
  compiler = in_scratch ("compiler");
  log_of_runs = in_scratch ("runs");
  temporary = in_scratch ("tmp");
  cache_home = in_scratch ("cache");
  cache = g_build_filename (cache_home, "ringkernel", NULL);
  g_assert_cmpint (g_mkdir (temporary, 0700), ==, 0);
  g_setenv ("XDG_CACHE_HOME", cache_home, TRUE);
  g_setenv ("TMPDIR", temporary, TRUE);
  g_unsetenv ("RINGKERNEL_CACHE");
  write_text (source, GOOD);
  write_compiler ("exec cc \"$@\"");
  compile_tests[i].run ();
  g_free (cache);
  g_free (cache_home);
  g_free (temporary);
  g_free (log_of_runs);
  g_free (compiler);
  g_free (source);
  g_free (scratch);
}

static inline void
run_in_child (gconstpointer data)
{
  g_autofree gchar *folder = g_dir_make_tmp ("ring-compiling-XXXXXX", NULL);
  g_autofree gchar *name = g_strdup_printf ("/compiling/subprocess/%u",
      (guint) GPOINTER_TO_SIZE (data));

  g_assert_nonnull (folder);
  g_setenv ("RING_TEST_SCRATCH", folder, TRUE);
  g_test_trap_subprocess (name, 120 * G_USEC_PER_SEC,
      G_TEST_SUBPROCESS_DEFAULT);
  if (!g_test_trap_has_passed ())
    g_test_message ("%s", compile_tests[GPOINTER_TO_SIZE (data)].name);
  g_test_trap_assert_passed ();
  remove_tree (folder);
}

static inline void
skip (gconstpointer data)
{
  g_test_skip ("there is no C compiler");
}

static inline int
compile_test_main (int argc, char **argv, const Test *tests, gsize n)
{
  g_autofree gchar *cc = g_find_program_in_path ("cc");
  gsize i;

  if (argc == 3 && strcmp (argv[1], "--compile") == 0) {
    source = argv[2];
    compile_in_thread (NULL);
    return 0;
  }
  compile_tests = tests;
  program = argv[0];
  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < n; i++) {
    g_autofree gchar *child =
        g_strdup_printf ("/compiling/subprocess/%u", (guint) i);

    g_test_add_data_func (tests[i].name, GSIZE_TO_POINTER (i),
        cc ? run_in_child : skip);
    g_test_add_data_func (child, GSIZE_TO_POINTER (i), run_test);
  }
  return ring_test_run ();
}

#endif /* COMPILE_TEST_H */
