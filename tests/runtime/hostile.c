/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files that somebody hands over as kernels, and that are none: each ends in one
 * error that says what and where, and nothing of it is left behind. Afterwards a
 * good kernel is taken.
 */
#include "ring-test.h"
#include "hostile-sources.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static gchar *scratch;   /* for the files */
static gchar *temporary; /* where compilers work */

static gchar *
in_scratch (const gchar *name, const gchar *suffix)
{
  return g_strconcat (scratch, "/", name, suffix, NULL);
}

static void
write_bytes (const gchar *path, const gchar *text, gssize size)
{
  GError *error = NULL;

  g_file_set_contents (path, text, size, &error);
  g_assert_no_error (error);
}

static gboolean
is_empty (const gchar *folder)
{
  GDir *dir = g_dir_open (folder, 0, NULL);
  const gboolean empty = dir && !g_dir_read_name (dir);

  if (dir)
    g_dir_close (dir);
  return empty;
}

static RingRuntime *
new_runtime (void)
{
  RingConfig *config = ring_test_config (RING_EXECUTION_AUTO);
  GError *error = NULL;
  RingRuntime *runtime = ring_runtime_new (config, &error);

  g_assert_no_error (error);
  ring_config_free (config);
  return runtime;
}

static void
assert_good_kernel_is_taken (RingRuntime *runtime)
{
  g_autofree gchar *path = in_scratch ("good", ".c");
  GError *error = NULL;
  RingKernelInfo *info;

  write_bytes (path, GOOD, -1);
  info = ring_runtime_find_kernel (runtime, path, &error);
  g_assert_no_error (error);
  ring_kernel_info_unref (info);
}

/* One clear error, the same one from find and from launch. */
static void
assert_refused (const gchar *path, const Hostile *h)
{
  g_autoptr (RingRuntime) runtime = new_runtime ();
  g_autofree gchar *place = g_strconcat (path, h->at, NULL);
  g_autofree gchar *first = NULL;
  GError *error = NULL;
  gint k;

  for (k = 0; k < 2; k++) {
    if (k == 0)
      g_assert_null (ring_runtime_find_kernel (runtime, path, &error));
    else
      g_assert_null (ring_runtime_launch (runtime, path, -1, -1, NULL, &error));
    g_assert_error (error, RING_ERROR, h->code);
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
    first = g_strndup (error->message, strcspn (error->message, "\n"));
    if (!strstr (first, h->says))
      g_error ("'%s' is not in: %s", h->says, error->message);
    if (!strstr (first, place))
      g_error ("'%s' is not in: %s", place, error->message);
    /* Nothing of other files, none of the names that things have inside. */
    g_assert_null (strstr (error->message, "root:"));
    g_assert_null (strstr (error->message, temporary));
    g_assert_null (strstr (error->message, "In file included from"));
    g_assert_null (strstr (error->message, "in expansion of macro"));
    g_assert_null (strstr (error->message, "expanded from"));
    g_clear_pointer (&first, g_free);
    g_clear_error (&error);
    g_assert_true (is_empty (temporary));
  }
  assert_good_kernel_is_taken (runtime);
}

/* ---- sources ------------------------------------------------------------------- */

static gchar *
make_text (const Hostile *h)
{
  GString *text = g_string_new (SDK);
  guint i;

  if (strcmp (h->name, "deep") == 0) {
    g_string_append (text, KERNEL "{\n  out.data[0] = ");
    for (i = 0; i < 100000; i++)
      g_string_append_c (text, '(');
    g_string_append (text, ";\n}\n");
  } else {
    const gboolean parameters =
        strcmp (h->name, "thirty-three-parameters") == 0;

    g_string_append (text, "RING_KERNEL (x, \"y\"");
    for (i = 0; i < (parameters ? 33 : 41); i++)
      g_string_append_printf (text,
          parameters ? ", RING_INT (n%u, 1, 0, 2, \"z\")"
                     : ", RING_SCRATCH (%u)",
          i);
    g_string_append (text, ")\n{\n}\n");
  }
  return g_string_free (text, FALSE);
}

static void
test_source (gconstpointer data)
{
  const Hostile *h = data;
  g_autofree gchar *path = in_scratch (h->name, ".c");
  g_autofree gchar *text = h->text ? g_strdup (h->text) : make_text (h);

  write_bytes (path, text, -1);
  assert_refused (path, h);
  g_remove (path);
}

static void
test_source_without_cplusplus (gconstpointer data)
{
  const gchar *argv[] = { "cc", "-x", "c++", "-fsyntax-only", "/dev/null",
    NULL };
  gint status = -1;

  if (!g_spawn_sync (NULL, (gchar **) argv, NULL,
          G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL,
          NULL, &status, NULL)
      || status != 0) {
    g_test_skip ("this machine's compiler has no C++");
    return;
  }
  test_source (data);
}

/* ---- bytes ----------------------------------------------------------------------- */

static void
test_not_utf8 (void)
{
  const Hostile h = { "not-utf8", NULL, C, "0xe4 is not UTF-8", ":8: error" };
  g_autofree gchar *path = in_scratch (h.name, ".c");

  write_bytes (path, GOOD "\n// sch\xe4n\n", -1);
  assert_refused (path, &h);
}

static void
test_zero_byte (void)
{
  const Hostile h = { "zero", NULL, C, "byte 6 is zero", "" };
  g_autofree gchar *path = in_scratch (h.name, ".c");

  write_bytes (path, "int x;\0int RING_KERNEL;", 23);
  assert_refused (path, &h);
}

static void
test_ten_megabytes (void)
{
  const Hostile h = { "large", NULL, I, "more than 1048576 bytes", "" };
  g_autofree gchar *path = in_scratch (h.name, ".c");
  g_autofree gchar *text = g_strnfill (10 * 1024 * 1024, ' ');

  write_bytes (path, text, -1);
  assert_refused (path, &h);
}

/* Just what is allowed, in functions that are each called by the next. */
static void
test_as_many_functions_as_fit (void)
{
  const Hostile h = { "functions", NULL, C, "1000 functions at the most",
    ":1002:" };
  g_autofree gchar *path = in_scratch (h.name, ".c");
  GString *text = g_string_new (SDK);
  guint i;

  g_string_append (text, "static int f0 (int n) { return n; }\n");
  for (i = 1; i < 10000; i++)
    g_string_append_printf (text,
        "static int f%u (int n) { return f%u (n); }\n", i, i - 1);
  write_bytes (path, text->str, -1);
  assert_refused (path, &h);
  g_string_free (text, TRUE);
}

/* Neither of them is anything bad. */
static void
test_byte_order_mark_and_windows_lines (void)
{
  g_autoptr (RingRuntime) runtime = new_runtime ();
  g_autofree gchar *path = in_scratch ("windows", ".c");
  g_auto (GStrv) lines = g_strsplit (GOOD, "\n", -1);
  g_autofree gchar *joined = g_strjoinv ("\r\n", lines);
  g_autofree gchar *text = g_strconcat ("\xef\xbb\xbf", joined, NULL);
  GError *error = NULL;
  RingKernelInfo *info;

  write_bytes (path, text, -1);
  info = ring_runtime_find_kernel (runtime, path, &error);
  g_assert_no_error (error);
  ring_kernel_info_unref (info);
}

/* What is allowed, and looks a little like what is not. */
static void
test_strange_but_fine (void)
{
  static const gchar *const fine[] = {
    "/* #include <stdio.h> */ // asm\n" GOOD,
    "#include \"ringkernel/kernel-sdk.h\"\n" KERNEL "{ }\n",
    "# include /* it */ <ringkernel/kernel-sdk.h>\n" KERNEL "{ }\n",
    "#define RING_STRIDED 1\n" GOOD,
    SDK
    "static const float weights[] = { 1, 2, 3 };\n"
    "static float weigh (int i) { return weights[i % 3]; }\n"
    "static float twice (int i) { return weigh (i) + weigh (i + 1); }\n" KERNEL
    "{\n  RING_FOR_EACH (i, in.size)\n"
    "    out.data[i] = (uint8_t) (twice (i) + ring_expf (weigh (i)));\n}\n",
    SDK "#if 0\ndon't\n#endif\n#if RING_TILE > 1\n" KERNEL "{ }\n#else\n" KERNEL
        "{ }\n#endif\n",
    SDK KERNEL "{\n  const char *asm_ = \"asm __FILE__ #include\";\n"
               "  out.data[0] = asm_[in.size % 3];\n}\n",
    SDK KERNEL "{\n#pragma GCC unroll 4\n  for (int i = 0; i < 9; i++)\n"
               "    out.data[i] = in.data[i];\n}\n",
  };
  g_autoptr (RingRuntime) runtime = new_runtime ();
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (fine); i++) {
    g_autofree gchar *path = in_scratch ("fine", ".c");
    GError *error = NULL;
    RingKernelInfo *info;

    write_bytes (path, fine[i], -1);
    info = ring_runtime_find_kernel (runtime, path, &error);
    if (error)
      g_error ("%s", error->message);
    ring_kernel_info_unref (info);
    g_remove (path);
  }
}

/* ---- what is no file -------------------------------------------------------------- */

static void
test_no_files (void)
{
  static const gchar *const suffixes[] = { ".c", ".so" };
  const Hostile directory = { "d", NULL, I, "is a directory", "" };
  const Hostile irregular = { "i", NULL, I, "not a regular file", "" };
  const Hostile loop = { "l", NULL, RING_ERROR_KERNEL_NOT_FOUND,
    "cannot be opened", "" };
  const Hostile empty = { "e", NULL, I, "is empty", "" };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (suffixes); i++) {
    g_autofree gchar *path = in_scratch ("odd", suffixes[i]);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    gint fd;

    g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
    assert_refused (path, &directory);
    g_rmdir (path);

    g_assert_cmpint (mkfifo (path, 0600), ==, 0);
    assert_refused (path, &irregular);
    g_remove (path);

    g_assert_cmpint (symlink ("/dev/zero", path), ==, 0);
    assert_refused (path, &irregular);
    g_remove (path);

    g_assert_cmpint (symlink (path, path), ==, 0);
    assert_refused (path, &loop);
    g_remove (path);

    g_assert_cmpint (symlink ("/nowhere/at/all", path), ==, 0);
    assert_refused (path, &loop);
    g_remove (path);

    fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpuint (strlen (path), <, sizeof address.sun_path);
    strcpy (address.sun_path, path);
    g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address),
        ==, 0);
    assert_refused (path, &irregular);
    close (fd);
    g_remove (path);

    write_bytes (path, "", 0);
    assert_refused (path, &empty);
    g_remove (path);
  }
}

/* ---- libraries --------------------------------------------------------------------- */

static gboolean
build (const gchar *source, const gchar *output, const gchar *const *options)
{
  GPtrArray *argv = g_ptr_array_new ();
  g_autofree gchar *messages = NULL;
  gint status = -1;
  const gchar *const words[] = { "cc", "-std=gnu11", "-isystem",
    g_getenv ("RINGKERNEL_INCLUDE"), "-o", output, source };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (words); i++)
    g_ptr_array_add (argv, (gpointer) words[i]);
  for (i = 0; options[i]; i++)
    g_ptr_array_add (argv, (gpointer) options[i]);
  g_ptr_array_add (argv, NULL);
  g_assert_true (g_spawn_sync (NULL, (gchar **) argv->pdata, NULL,
      G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &messages, &status, NULL));
  if (status != 0)
    g_error ("%s", messages);
  g_ptr_array_unref (argv);
  return TRUE;
}

/* At every length a library is either refused or whole. */
static void
test_library_cut_off_anywhere (void)
{
  static const gchar *const options[] = { "-shared", "-fPIC", NULL };
  const Hostile none = { "n", NULL, I, "is no shared library", "" };
  const Hostile cut = { "c", NULL, I, "cut off", "" };
  g_autofree gchar *source = in_scratch ("good", ".c");
  g_autofree gchar *whole = in_scratch ("whole", ".so");
  g_autofree gchar *contents = NULL;
  gsize size, keep, i;

  write_bytes (source, GOOD, -1);
  build (source, whole, options);
  g_assert_true (g_file_get_contents (whole, &contents, &size, NULL));
  for (i = 0; i < 20; i++) {
    g_autofree gchar *name = g_strdup_printf ("cut-%u", (guint) i);
    g_autofree gchar *path = in_scratch (name, ".so");

    /* the last eighth may be symbols that nobody needs */
    keep = i == 0 ? 3 : 4 + size * (i - 1) * 7 / 8 / 19;
    write_bytes (path, contents, (gssize) keep);
    assert_refused (path, i == 0 ? &none : &cut);
  }
}

static void
test_libraries_of_another_kind (void)
{
  static const gchar *const object[] = { "-c", "-fPIC", NULL };
  static const gchar *const shared[] = { "-shared", "-fPIC", NULL };
  static const gchar *const bad_version[] = { "-shared", "-fPIC",
    "-DBAD_VERSION", NULL };
  const Hostile text = { "t", NULL, I, "no shared library", "" };
  const Hostile loads_not = { "l", NULL, I, "cannot be loaded", "" };
  const Hostile no_symbol = { "s", NULL, I, "ring_kernel_module", "" };
  const Hostile version = { "v", NULL, I, "build the kernel again", "" };
  g_autofree gchar *source = in_scratch ("good", ".c");
  g_autofree gchar *plain = in_scratch ("plain", ".c");
  g_autofree gchar *dir = ring_test_source_dir ();
  g_autofree gchar *bad =
      g_build_filename (dir, "kernels", "bad-module.c", NULL);
  g_autofree gchar *path = NULL, *contents = NULL;
  gsize size;

  path = in_scratch ("text", ".so");
  write_bytes (path, "RING_KERNEL, or so it says\n", -1);
  assert_refused (path, &text);
  g_free (path);

  write_bytes (source, GOOD, -1);
  path = in_scratch ("object", ".so");
  build (source, path, object);
  assert_refused (path, &text);
  g_free (path);

  /* For a machine that there is none of. */
  path = in_scratch ("machine", ".so");
  build (source, path, shared);
  g_assert_true (g_file_get_contents (path, &contents, &size, NULL));
  contents[18] = '\x7e';
  contents[19] = '\x7e';
  write_bytes (path, contents, (gssize) size);
  assert_refused (path, &loads_not);
  g_free (path);

  path = in_scratch ("symbol", ".so");
  write_bytes (plain, "int nothing;\n", -1);
  build (plain, path, shared);
  assert_refused (path, &no_symbol);
  g_free (path);

  path = in_scratch ("version", ".so");
  build (bad, path, bad_version);
  assert_refused (path, &version);
}

/* ---- all ----------------------------------------------------------------------------- */

static void
remove_all (const gchar *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const gchar *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree gchar *child = g_build_filename (path, name, NULL);

    g_remove (child);
  }
  if (dir)
    g_dir_close (dir);
  g_rmdir (path);
}

typedef struct
{
  const gchar *name;
  void (*run) (void);
} Other;

static const Other others[] = {
  { "/hostile/bytes/not-utf8", test_not_utf8 },
  { "/hostile/bytes/zero", test_zero_byte },
  { "/hostile/bytes/ten-megabytes", test_ten_megabytes },
  { "/hostile/bytes/as-many-functions-as-fit", test_as_many_functions_as_fit },
  { "/hostile/fine/byte-order-mark-and-windows-lines",
      test_byte_order_mark_and_windows_lines },
  { "/hostile/fine/strange", test_strange_but_fine },
  { "/hostile/no-files", test_no_files },
  { "/hostile/library/cut-off-anywhere", test_library_cut_off_anywhere },
  { "/hostile/library/of-another-kind", test_libraries_of_another_kind },
};

static void
run_other (gconstpointer data)
{
  ((const Other *) data)->run ();
}

static void
skip (gconstpointer data)
{
  g_test_skip ("there is no C compiler");
}

int
main (int argc, char **argv)
{
  g_autofree gchar *compiler = g_find_program_in_path ("cc");
  gsize i;
  gint result;

  g_test_init (&argc, &argv, NULL);
  scratch = g_dir_make_tmp ("ring-hostile-XXXXXX", NULL);
  g_assert_nonnull (scratch);
  temporary = in_scratch ("tmp", "");
  g_assert_cmpint (g_mkdir (temporary, 0700), ==, 0);
  g_setenv ("TMPDIR", temporary, TRUE);
  g_unsetenv ("CC");

  for (i = 0; i < G_N_ELEMENTS (sources); i++) {
    g_autofree gchar *name =
        g_strconcat ("/hostile/source/", sources[i].name, NULL);

    g_test_add_data_func (name, &sources[i], compiler ? test_source : skip);
  }
  for (i = 0; i < G_N_ELEMENTS (no_cplusplus); i++) {
    g_autofree gchar *name =
        g_strconcat ("/hostile/source/", no_cplusplus[i].name, NULL);

    g_test_add_data_func (name, &no_cplusplus[i],
        compiler ? test_source_without_cplusplus : skip);
  }
  for (i = 0; i < G_N_ELEMENTS (others); i++)
    g_test_add_data_func (others[i].name, &others[i],
        compiler ? run_other : skip);
  result = ring_test_run ();
  remove_all (temporary);
  remove_all (scratch);
  g_free (temporary);
  g_free (scratch);
  return result;
}
