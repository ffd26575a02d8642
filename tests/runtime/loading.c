/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where kernels come from, and files that are no kernels: each ends in one error
 * that says what, where and why.
 */
#include "ring-test.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* ---- files that are no kernels -------------------------------------------------------- */

static gchar *scratch; /* a directory for the test */

static gchar *
in_scratch (const gchar *name)
{
  return g_build_filename (scratch, name, NULL);
}

static void
write_file (const gchar *path, const gchar *text)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static void
remove_tree (const gchar *path)
{
  if (g_file_test (path, G_FILE_TEST_IS_DIR)
      && !g_file_test (path, G_FILE_TEST_IS_SYMLINK)) {
    g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
    const gchar *name;

    while (dir && (name = g_dir_read_name (dir))) {
      g_autofree gchar *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  }
  g_remove (path);
}

/* Compiles kernels/@source into @name in the scratch directory; FALSE, and the
 * test is skipped, where there is no compiler. */
static gboolean
build_module (const gchar *source, const gchar *define, const gchar *output)
{
  g_autofree gchar *dir = ring_test_source_dir ();
  g_autofree gchar *path = g_build_filename (dir, "kernels", source, NULL);
  g_autofree gchar *tree = g_build_filename (dir, "..", "..", "runtime", NULL);
  const gchar *include = g_getenv ("RINGKERNEL_INCLUDE");
  g_autofree gchar *flag = g_strconcat ("-D", define, NULL);
  g_autofree gchar *messages = NULL;
  g_autofree gchar *compiler = g_find_program_in_path ("cc");
  const gchar *argv[] = { compiler, "-std=gnu11", "-shared", "-fPIC", flag,
    "-fvisibility=hidden", "-I", include ? include : tree, "-o", output, path,
    NULL };
  gint status;

  if (!compiler) {
    g_test_skip ("there is no C compiler");
    return FALSE;
  }
  g_assert_true (g_spawn_sync (NULL, (gchar **) argv, NULL, G_SPAWN_DEFAULT,
      NULL, NULL, NULL, &messages, &status, NULL));
  if (!g_spawn_check_wait_status (status, NULL))
    g_error ("%s: %s", source, messages);
  return TRUE;
}

/* Neither find nor launch takes it; both say the same. */
static void
assert_no_kernel (const gchar *id, gint code, const gchar *says,
    const gchar *also)
{
  g_autoptr (RingRuntime) runtime = ring_test_runtime ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) same = NULL;

  g_assert_null (ring_runtime_launch (runtime, id, -1, -1, NULL, &error));
  g_assert_null (ring_runtime_find_kernel (runtime, id, &same));
  ring_test_assert_says (&error, code, says, also);
  ring_test_assert_says (&same, code, says, also);
}

static void
test_modules_with_one_thing_wrong (void)
{
  const struct
  {
    const gchar *define, *says;
  } bad[] = {
    { "BAD_VERSION", "version 2" },
    { "BAD_HASH", "layout" },
    { "BAD_SIZE", "build the kernel again" },
    { "NO_SYMBOL", "ring_kernel_module" },
    { "NO_ENTRY", "damaged" },
    { "NO_DESCRIPTION", "damaged" },
    { "BAD_DESCRIPTION_VERSION", "version 2" },
    { "BAD_KIND", "damaged" },
    { "BAD_NAME", "damaged" },
    { "BAD_OUTPUTS", "damaged" },
    { "BAD_PARAMETER_COUNT", "damaged" },
    { "BAD_PARAMETER_TYPE", "x" },
    { "BAD_PARAMETER_NAME", "damaged" },
    { "BAD_PARAMETER_DEFAULT", "x" },
    { "BAD_PARAMETER_TWICE", "twice" },
    { "BAD_VIDEO_FORMAT", "NOSUCHFORMAT" },
    { "BAD_AUDIO_FORMAT", "RGB" },
    { "BAD_RECORD_TYPE", "as" },
    { "BAD_RECORD_SIZE", "12" },
    { "BAD_SHARING", "RING_BLOCK_SHARING" },
  };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    /* A name of its own each, for the loader keeps what it once opened. */
    g_autofree gchar *name = g_strconcat (bad[i].define, ".so", NULL);
    g_autofree gchar *path = in_scratch (name);

    if (!build_module ("bad-module.c", bad[i].define, path))
      return;
    assert_no_kernel (path, RING_ERROR_KERNEL_INVALID, path, bad[i].says);
  }
}

/* The same file with nothing wrong is taken, so that the test above is about what
 * it says it is. */
static void
test_module_made_by_hand_is_taken (void)
{
  g_autofree gchar *path = in_scratch ("good.so");
  g_autoptr (RingRuntime) runtime = ring_test_runtime ();
  g_autoptr (RingKernelInfo) info = NULL;
  g_autoptr (GError) error = NULL;

  if (!build_module ("bad-module.c", "NOTHING", path))
    return;
  info = ring_runtime_find_kernel (runtime, path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ring_kernel_info_get_name (info), ==, "bad-module");
}

static void
test_files_that_are_no_kernels (void)
{
  const gchar *suffixes[] = { ".so", ".c" };
  gsize i;

  for (i = 0; i < 2; i++) {
    g_autofree gchar *name = g_strconcat ("x", suffixes[i], NULL);
    g_autofree gchar *path = in_scratch (name);

    g_remove (path);
    assert_no_kernel (path, RING_ERROR_KERNEL_NOT_FOUND, path, "no such file");

    write_file (path, "");
    assert_no_kernel (path, RING_ERROR_KERNEL_INVALID, path, "empty");
    g_remove (path);

    g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
    assert_no_kernel (path, RING_ERROR_KERNEL_INVALID, path, "directory");
    g_rmdir (path);

    /* Must not wait for somebody to write into it. */
    g_assert_cmpint (mkfifo (path, 0600), ==, 0);
    assert_no_kernel (path, RING_ERROR_KERNEL_INVALID, path, "regular file");
    g_remove (path);

    g_assert_cmpint (symlink (path, path), ==, 0);
    assert_no_kernel (path, RING_ERROR_KERNEL_NOT_FOUND, path, "");
    g_remove (path);
  }
  assert_no_kernel ("/dev/null/x.so", RING_ERROR_KERNEL_NOT_FOUND,
      "/dev/null/x.so", "");
}

static void
test_unreadable_file_subprocess (void)
{
  g_autofree gchar *path = in_scratch ("secret.so");
  /* Opened by somebody who may, as a device's driver may be one of such files. */
  g_autoptr (RingRuntime) runtime G_GNUC_UNUSED = ring_test_runtime ();
  const uid_t was = geteuid ();

  write_file (path, "\177ELF");
  g_assert_cmpint (g_chmod (path, 0), ==, 0);
  g_assert_cmpint (g_chmod (scratch, 0711), ==, 0);
  /* Who may read everything becomes somebody who may not. */
  if (was == 0)
    g_assert_cmpint (seteuid (65534), ==, 0);
  assert_no_kernel (path, RING_ERROR_KERNEL_NOT_FOUND, path,
      g_strerror (EACCES));
  /* And back, with all that the system took away along with it: sanitizers look
   * at the process when it ends. */
  g_assert_cmpint (seteuid (was), ==, 0);
  g_assert_cmpint (prctl (PR_SET_DUMPABLE, 1), ==, 0);
}

static void
test_shared_library_in_name_only (void)
{
  g_autofree gchar *text = in_scratch ("text.so");
  g_autofree gchar *shorter = in_scratch ("short.so");
  g_autofree gchar *cut = in_scratch ("cut.so");
  g_autofree gchar *whole = in_scratch ("whole.so");
  g_autofree gchar *contents = NULL;
  gsize size;

  write_file (text, "This is text, whatever it is called.\n");
  assert_no_kernel (text, RING_ERROR_KERNEL_INVALID, text, "shared library");
  write_file (shorter, "\177E");
  assert_no_kernel (shorter, RING_ERROR_KERNEL_INVALID, shorter,
      "shared library");
  /* A real one, but only the first half of it. */
  if (!build_module ("pair.c", "NOTHING", whole))
    return;
  g_assert_true (g_file_get_contents (whole, &contents, &size, NULL));
  g_assert_true (g_file_set_contents (cut, contents, (gssize) size / 2, NULL));
  assert_no_kernel (cut, RING_ERROR_KERNEL_INVALID, cut, "cut off");
}

/* It wants a function that nobody has. */
static void
test_library_that_does_not_load (void)
{
  g_autofree gchar *path = in_scratch ("unresolved.so");

  if (!build_module ("bad-module.c", "UNRESOLVED", path))
    return;
  assert_no_kernel (path, RING_ERROR_KERNEL_INVALID, path, "ring_no_such");
}

static void
test_file_of_another_kind (void)
{
  g_autofree gchar *path = in_scratch ("kernel.txt");

  write_file (path, "text");
  assert_no_kernel (path, RING_ERROR_KERNEL_INVALID, path, ".so");
}

/* ---- sources ---------------------------------------------------------------------------- */

static gboolean
have_compiler (void)
{
  g_autofree gchar *cc = g_find_program_in_path ("cc");

  if (!cc)
    g_test_skip ("there is no C compiler");
  return cc != NULL;
}

static void
test_source_that_does_not_compile_gives_the_lines (void)
{
  g_autofree gchar *dir = ring_test_source_dir ();
  g_autofree gchar *path = g_build_filename (dir, "kernels", "broken.c", NULL);

  if (!have_compiler ())
    return;
  assert_no_kernel (path, RING_ERROR_COMPILE, "broken.c:11",
      "no_such_variable");
}

static void
test_source_without_a_kernel (void)
{
  g_autofree gchar *path = in_scratch ("nothing.c");

  if (!have_compiler ())
    return;
  write_file (path, "int nothing;\n");
  /* About the file that the user knows, not about one in a temporary place. */
  assert_no_kernel (path, RING_ERROR_KERNEL_INVALID, path, "RING_KERNEL");
}

static void
test_source_in_a_strange_place (void)
{
  g_autofree gchar *dir = in_scratch ("a 'strange' $(place) -o");
  g_autofree gchar *path =
      g_build_filename (dir, "-I; echo \"x\" \xc3\xa4.c", NULL);
  g_autoptr (RingRuntime) runtime = ring_test_runtime ();
  g_autoptr (RingKernelInfo) info = NULL;
  g_autoptr (GError) error = NULL;

  if (!have_compiler ())
    return;
  g_mkdir (dir, 0700);
  write_file (path,
      "#include <ringkernel/kernel-sdk.h>\n"
      "RING_KERNEL (strange, \"Found\") { }\n");
  info = ring_runtime_find_kernel (runtime, path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ring_kernel_info_get_name (info), ==, "strange");
  g_assert_cmpstr (ring_kernel_info_get_origin (info), ==, path);
}

/* In processes of their own, because they change the environment, which others
 * in this process read. */
static void
in_subprocess (const gchar *test)
{
  g_test_trap_subprocess (test, 60 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
}

static void
test_no_compiler_subprocess (void)
{
  g_autofree gchar *path = in_scratch ("fine.c");

  write_file (path,
      "#include <ringkernel/kernel-sdk.h>\n"
      "RING_KERNEL (fine, \"Fine\") { }\n");
  g_setenv ("CC", "no-such-compiler", TRUE);
  assert_no_kernel (path, RING_ERROR_COMPILE, "no-such-compiler", "install");
  g_unsetenv ("CC");
  g_setenv ("PATH", "/nonexistent", TRUE);
  assert_no_kernel (path, RING_ERROR_COMPILE, "'cc'", "install");
}

static void
test_unreadable_file (void)
{
  in_subprocess ("/loading/subprocess/unreadable-file");
}

static void
test_compiler_that_cannot_be_run_subprocess (void)
{
  g_autofree gchar *path = in_scratch ("fine.c");
  g_autofree gchar *compiler = in_scratch ("compiler");

  write_file (path,
      "#include <ringkernel/kernel-sdk.h>\n"
      "RING_KERNEL (fine, \"Fine\") { }\n");
  write_file (compiler, "#!/nonexistent\n");
  g_assert_cmpint (g_chmod (compiler, 0700), ==, 0);
  g_setenv ("CC", compiler, TRUE);
  assert_no_kernel (path, RING_ERROR_COMPILE, compiler, "run");
}

static void
test_compiler_that_cannot_be_run (void)
{
  in_subprocess ("/loading/source/subprocess/compiler-that-cannot-be-run");
}

static void
test_no_compiler (void)
{
  in_subprocess ("/loading/source/subprocess/no-compiler");
}

static void
test_no_headers_subprocess (void)
{
  g_autofree gchar *path = in_scratch ("fine.c");

  write_file (path,
      "#include <ringkernel/kernel-sdk.h>\n"
      "RING_KERNEL (fine, \"Fine\") { }\n");
  g_setenv ("RINGKERNEL_INCLUDE", "/nonexistent", TRUE);
  assert_no_kernel (path, RING_ERROR_COMPILE, "/nonexistent/ringkernel",
      "RINGKERNEL_INCLUDE");
}

static void
test_no_headers (void)
{
  if (have_compiler ())
    in_subprocess ("/loading/source/subprocess/no-headers");
}

static void
test_no_temporary_directory_subprocess (void)
{
  g_autofree gchar *path = in_scratch ("fine.c");
  g_autofree gchar *missing = in_scratch ("missing");

  write_file (path,
      "#include <ringkernel/kernel-sdk.h>\n"
      "RING_KERNEL (fine, \"Fine\") { }\n");
  g_setenv ("TMPDIR", missing, TRUE);
  assert_no_kernel (path, RING_ERROR_COMPILE, "temporary", missing);
}

static void
test_no_temporary_directory (void)
{
  g_autofree gchar *cc = g_find_program_in_path ("cc");

  if (!cc) {
    g_test_skip ("there is no C compiler");
    return;
  }
  in_subprocess ("/loading/source/subprocess/no-temporary-directory");
}

/* ---- names ------------------------------------------------------------------------------- */

static void
test_unknown_name_lists_places_and_neighbours (void)
{
  g_auto (GStrv) path = ring_kernel_search_path ();
  g_autoptr (RingRuntime) runtime = ring_test_runtime ();
  g_autoptr (GError) error = NULL;
  gsize i;

  g_assert_null (ring_runtime_find_kernel (runtime, "edgs", &error));
  g_assert_error (error, RING_ERROR, RING_ERROR_KERNEL_NOT_FOUND);
  for (i = 0; path[i]; i++)
    g_assert_nonnull (strstr (error->message, path[i]));
  ring_test_assert_says (&error, RING_ERROR_KERNEL_NOT_FOUND, "'edgs'",
      "built-in", "did you mean 'edges'?");
  /* Nothing near: a list instead. */
  g_assert_null (ring_runtime_find_kernel (runtime, "qqqqqqqq", &error));
  ring_test_assert_says (&error, RING_ERROR_KERNEL_NOT_FOUND, "copy", "invert",
      "edges");
}

static void
test_names_that_are_none (void)
{
  const gchar *names[] = { "", " ", "a b", ".", "..", "copy\n", "\xff", "%s%n",
    "copy;true", "c:copy" };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (RingRuntime) runtime = ring_test_runtime ();
    g_autoptr (GError) error = NULL;

    g_assert_null (ring_runtime_find_kernel (runtime, names[i], &error));
    g_assert_error (error, RING_ERROR, RING_ERROR_KERNEL_NOT_FOUND);
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
  }
}

static void
test_very_long_name (void)
{
  g_autofree gchar *name = g_strnfill (100000, 'a');

  assert_no_kernel (name, RING_ERROR_KERNEL_NOT_FOUND, "built-in", "copy");
}

/* Names never leave the directories that are searched. */
static void
test_search_path_subprocess (void)
{
  g_autofree gchar *first = in_scratch ("first");
  g_autofree gchar *second = in_scratch ("second");
  g_autofree gchar *both = g_strconcat ("::", first, ":", second, ":", NULL);
  g_autofree gchar *outside = in_scratch ("outside.so");
  g_autofree gchar *in_second = g_build_filename (second, "searched.so", NULL);
  g_autofree gchar *with_underscore =
      g_build_filename (second, "bad_module.so", NULL);
  g_autofree gchar *shadow = g_build_filename (first, "copy.so", NULL);
  g_autofree gchar *user =
      g_build_filename (scratch, "data", "ringkernel", "kernels", NULL);
  g_autofree gchar *data = in_scratch ("data");
  g_autofree gchar *in_user = g_build_filename (user, "mine.so", NULL);
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernelInfo) info = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) list = NULL;

  g_mkdir (first, 0700);
  g_mkdir (second, 0700);
  g_mkdir_with_parents (user, 0700);
  if (!build_module ("bad-module.c", "NOTHING", in_second))
    return;
  g_assert_true (build_module ("bad-module.c", "NOTHING", with_underscore));
  g_assert_true (build_module ("bad-module.c", "NOTHING", outside));
  g_assert_true (build_module ("bad-module.c", "NOTHING", in_user));
  write_file (shadow, "This shadows the built-in one.");
  g_setenv ("RINGKERNEL_PATH", both, TRUE);
  g_setenv ("XDG_DATA_HOME", data, TRUE);
  g_assert_cmpint (g_chdir (scratch), ==, 0);
  runtime = ring_test_runtime ();

  info = ring_runtime_find_kernel (runtime, "searched", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ring_kernel_info_get_origin (info), ==, in_second);
  g_clear_pointer (&info, ring_kernel_info_unref);
  info = ring_runtime_find_kernel (runtime, "bad-module", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ring_kernel_info_get_origin (info), ==, with_underscore);
  g_clear_pointer (&info, ring_kernel_info_unref);
  info = ring_runtime_find_kernel (runtime, "mine", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ring_kernel_info_get_origin (info), ==, in_user);
  g_clear_pointer (&info, ring_kernel_info_unref);

  /* What comes first wins, even where it turns out to be no kernel: to take
   * another silently would be worse. */
  assert_no_kernel ("copy", RING_ERROR_KERNEL_INVALID, shadow, "");

  /* The present directory only by a path; empty entries do not mean it. */
  assert_no_kernel ("outside", RING_ERROR_KERNEL_NOT_FOUND, "outside", first);
  info = ring_runtime_find_kernel (runtime, "./outside.so", &error);
  g_assert_no_error (error);
  g_clear_pointer (&info, ring_kernel_info_unref);
  assert_no_kernel ("../outside", RING_ERROR_KERNEL_NOT_FOUND, "../outside",
      "");
  assert_no_kernel ("second/../../../x.so", RING_ERROR_KERNEL_NOT_FOUND,
      "second/../../../x.so", "");

  list = ring_runtime_list_kernels (runtime);
  g_assert_true (g_strv_contains ((const gchar *const *) list, "searched"));
  g_assert_true (g_strv_contains ((const gchar *const *) list, "bad-module"));
  g_assert_true (g_strv_contains ((const gchar *const *) list, "mine"));
  g_assert_true (g_strv_contains ((const gchar *const *) list, "invert"));
  g_assert_false (g_strv_contains ((const gchar *const *) list, "outside"));
}

static void
test_search_path (void)
{
  if (have_compiler ())
    in_subprocess ("/loading/names/subprocess/search-path");
}

/* Where anybody may put a kernel, none is taken from; that is said once. */
static void
test_writable_directories_subprocess (void)
{
  g_autofree gchar *open = in_scratch ("open");
  g_autofree gchar *inside = g_build_filename (open, "inside", NULL);
  g_autofree gchar *link = in_scratch ("link");
  g_autofree gchar *kernel = g_build_filename (inside, "planted.c", NULL);
  g_autofree gchar *also = g_build_filename (open, "planted.c", NULL);
  g_autofree gchar *path = g_strconcat (open, ":", inside, ":", link, NULL);
  const mode_t modes[] = { 0777, 01777 };
  g_autoptr (RingRuntime) runtime = ring_test_runtime ();
  g_autoptr (RingKernelInfo) info = NULL;
  g_auto (GStrv) list = NULL;
  g_autoptr (GError) error = NULL;

  g_mkdir (open, 0700);
  g_mkdir (inside, 0700);
  g_assert_cmpint (symlink (open, link), ==, 0);
  write_file (kernel,
      "#include <ringkernel/kernel-sdk.h>\n"
      "RING_KERNEL (planted, \"Planted\") { }\n");
  write_file (also,
      "#include <ringkernel/kernel-sdk.h>\n"
      "RING_KERNEL (planted, \"Planted\") { }\n");
  g_setenv ("RINGKERNEL_PATH", path, TRUE);

  /* All of them are wide open, one because of the directory that it is in. */
  g_assert_cmpint (g_chmod (open, modes[0]), ==, 0);
  g_test_expect_message ("ringkernel", G_LOG_LEVEL_WARNING,
      "*no kernels are taken from */open: anybody may put some there*");
  g_test_expect_message ("ringkernel", G_LOG_LEVEL_WARNING,
      "*no kernels are taken from */inside:*");
  g_test_expect_message ("ringkernel", G_LOG_LEVEL_WARNING,
      "*no kernels are taken from */link:*");
  assert_no_kernel ("planted", RING_ERROR_KERNEL_NOT_FOUND, inside,
      "skipped: anybody may write there");
  g_test_assert_expected_messages ();
  list = ring_runtime_list_kernels (runtime);
  g_assert_false (g_strv_contains ((const gchar *const *) list, "planted"));
  /* A path is the user's own choice. */
  info = ring_runtime_find_kernel (runtime, also, &error);
  g_assert_no_error (error);
  g_clear_pointer (&info, ring_kernel_info_unref);

  /* As in /tmp: what belongs to us is safe there, the directory itself is not. */
  g_assert_cmpint (g_chmod (open, modes[1]), ==, 0);
  info = ring_runtime_find_kernel (runtime, "planted", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ring_kernel_info_get_origin (info), ==, kernel);
}

static void
test_writable_directories (void)
{
  if (have_compiler ())
    in_subprocess ("/loading/names/subprocess/writable-directories");
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  /* Its subprocesses find it by the environment. */
  if (g_test_subprocess ()) {
    scratch = g_strdup (g_getenv ("RING_TEST_SCRATCH"));
  } else {
    scratch = g_dir_make_tmp ("ring-loading-XXXXXX", NULL);
    g_setenv ("RING_TEST_SCRATCH", scratch, TRUE);
  }
  g_assert_nonnull (scratch);
  g_test_add_func ("/loading/modules-with-one-thing-wrong",
      test_modules_with_one_thing_wrong);
  g_test_add_func ("/loading/module-made-by-hand-is-taken",
      test_module_made_by_hand_is_taken);
  g_test_add_func ("/loading/files-that-are-no-kernels",
      test_files_that_are_no_kernels);
  g_test_add_func ("/loading/unreadable-file", test_unreadable_file);
  g_test_add_func ("/loading/shared-library-in-name-only",
      test_shared_library_in_name_only);
  g_test_add_func ("/loading/file-of-another-kind", test_file_of_another_kind);
  g_test_add_func ("/loading/source/that-does-not-compile-gives-the-lines",
      test_source_that_does_not_compile_gives_the_lines);
  g_test_add_func ("/loading/source/without-a-kernel",
      test_source_without_a_kernel);
  g_test_add_func ("/loading/source/in-a-strange-place",
      test_source_in_a_strange_place);
  g_test_add_func ("/loading/source/no-compiler", test_no_compiler);
  g_test_add_func ("/loading/source/subprocess/no-compiler",
      test_no_compiler_subprocess);
  g_test_add_func ("/loading/source/no-headers", test_no_headers);
  g_test_add_func ("/loading/source/subprocess/no-headers",
      test_no_headers_subprocess);
  g_test_add_func ("/loading/source/no-temporary-directory",
      test_no_temporary_directory);
  g_test_add_func ("/loading/source/subprocess/no-temporary-directory",
      test_no_temporary_directory_subprocess);
  g_test_add_func ("/loading/names/unknown-name-lists-places-and-neighbours",
      test_unknown_name_lists_places_and_neighbours);
  g_test_add_func ("/loading/names/that-are-none", test_names_that_are_none);
  g_test_add_func ("/loading/names/very-long", test_very_long_name);
  g_test_add_func ("/loading/names/search-path", test_search_path);
  g_test_add_func ("/loading/names/subprocess/search-path",
      test_search_path_subprocess);
  g_test_add_func ("/loading/names/writable-directories",
      test_writable_directories);
  g_test_add_func ("/loading/names/subprocess/writable-directories",
      test_writable_directories_subprocess);
  g_test_add_func ("/loading/subprocess/unreadable-file",
      test_unreadable_file_subprocess);
  g_test_add_func ("/loading/library-that-does-not-load",
      test_library_that_does_not_load);
  g_test_add_func ("/loading/source/compiler-that-cannot-be-run",
      test_compiler_that_cannot_be_run);
  g_test_add_func ("/loading/source/subprocess/compiler-that-cannot-be-run",
      test_compiler_that_cannot_be_run_subprocess);
  result = ring_test_run ();
  if (!g_test_subprocess ())
    remove_tree (scratch);
  g_free (scratch);
  return result;
}
