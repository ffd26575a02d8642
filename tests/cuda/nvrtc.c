/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nvrtc.c: sources compiled for GPUs when a kernel is launched, with the real NVRTC.
 * It needs no GPU to compile for one.
 */
#define _GNU_SOURCE /* memmem */
#include "compile/compile.h"
#include "compile/sdk-headers.h"

#include <dlfcn.h>
#include <glib/gstdio.h>
#include <string.h>

/* A GPU that every NVRTC from 12 on knows. */
#define MAJOR 9
#define MINOR 0

static gboolean
contains (GBytes *code, const gchar *text)
{
  gsize size;
  const gchar *data = g_bytes_get_data (code, &size);

  return memmem (data, size, text, strlen (text)) != NULL;
}

static void
assert_is_cubin (GBytes *code)
{
  gsize size;
  const gchar *data = g_bytes_get_data (code, &size);

  g_assert_cmpuint (size, >, 4);
  g_assert_cmpmem (data, 4, "\177ELF", 4);
}

/* The test's own folder, and sources in it. */
typedef struct
{
  gchar *folder;
  gchar *path;
} Source;

static void
source_set_up (Source *s, gconstpointer data)
{
  GError *error = NULL;

  s->folder = g_dir_make_tmp ("ring-nvrtc-XXXXXX", &error);
  g_assert_no_error (error);
}

static void
source_write (Source *s, const gchar *name, const gchar *text, gssize size)
{
  GError *error = NULL;

  g_clear_pointer (&s->path, g_free);
  s->path = g_build_filename (s->folder, name, NULL);
  g_file_set_contents (s->path, text, size, &error);
  g_assert_no_error (error);
}

static void
source_tear_down (Source *s, gconstpointer data)
{
  if (s->path)
    g_unlink (s->path);
  g_rmdir (s->folder);
  g_free (s->path);
  g_free (s->folder);
}

#define assert_says(error, code, ...) \
  G_STMT_START \
  { \
    const gchar *const texts_[] = { __VA_ARGS__ }; \
    guint t_; \
    g_assert_error (error, RING_ERROR, code); \
    for (t_ = 0; t_ < G_N_ELEMENTS (texts_); t_++) { \
      if (!strstr ((error)->message, texts_[t_])) \
        g_error ("'%s' is not in: %s", texts_[t_], (error)->message); \
    } \
    g_clear_error (&(error)); \
  } \
  G_STMT_END

/* ---- what compiles ------------------------------------------------------------ */

static guint
compile_folder (const gchar *first, const gchar *second,
    const gchar *const *but)
{
  gchar *folder = g_build_filename (g_getenv ("RINGKERNEL_TEST_SOURCE_ROOT"),
      first, second, NULL);
  GError *error = NULL;
  GDir *dir = g_dir_open (folder, 0, &error);
  const gchar *file;
  guint n = 0;

  g_assert_no_error (error);
  while ((file = g_dir_read_name (dir))) {
    gchar *path, *name;
    GBytes *code;

    if (!g_str_has_suffix (file, ".c") || (but && g_strv_contains (but, file)))
      continue;
    path = g_build_filename (folder, file, NULL);
    code = ring_compile_nvrtc (path, MAJOR, MINOR, &error);
    if (error)
      g_error ("%s", error->message);
    assert_is_cubin (code);
    g_assert_true (contains (code, "ring_kernel_resident"));
    g_assert_true (contains (code, "ring_kernel_description"));
    /* The description itself: hosts read it before they launch anything. */
    name = g_strdelimit (g_strndup (file, strlen (file) - 2), "-", '_');
    g_assert_true (contains (code, name));
    g_bytes_unref (code);
    g_free (name);
    g_free (path);
    n++;
  }
  g_dir_close (dir);
  g_free (folder);
  return n;
}

static void
test_shipped_kernels_compile (void)
{
  g_assert_cmpuint (compile_folder ("kernels", "video", NULL), >, 0);
  g_assert_cmpuint (compile_folder ("kernels", "audio", NULL), >, 0);
  g_assert_cmpuint (compile_folder ("kernels", "sensor", NULL), >, 0);
}

static void
test_kernels_of_examples_and_tests_compile (void)
{
  static const gchar *const but[] = { "broken.c", "bad-module.c", NULL };

  g_assert_cmpuint (compile_folder ("examples", "kernels", NULL), >, 0);
  g_assert_cmpuint (compile_folder ("tests/runtime", "kernels", but), >, 5);
}

/* ---- on which architecture ---------------------------------------------------- */

#define SMALL \
  "#include <ringkernel/kernel-sdk.h>\n" \
  "RING_KERNEL (small, \"Adds one\")\n" \
  "{\n" \
  "  RING_FOR_EACH (i, in.size)\n" \
  "    out.data[i] = in.data[i] + 1;\n" \
  "}\n"

static void
test_gpu_newer_than_nvrtc_gets_ptx (Source *s, gconstpointer data)
{
  GError *error = NULL;
  GBytes *code;
  gsize size;
  const gchar *text;

  source_write (s, "small.c", SMALL, -1);
  code = ring_compile_nvrtc (s->path, 99, 9, &error);
  g_assert_no_error (error);
  text = g_bytes_get_data (code, &size);
  /* as cuModuleLoadData takes it: a string */
  g_assert_cmpint (text[size - 1], ==, '\0');
  g_assert_nonnull (strstr (text, ".version"));
  g_assert_nonnull (strstr (text, ".target sm_"));
  g_assert_nonnull (strstr (text, ".entry ring_kernel_resident"));
  g_bytes_unref (code);
}

static void
test_gpu_between_two_gets_ptx_of_the_lower (Source *s, gconstpointer data)
{
  GError *error = NULL;
  GBytes *code;

  source_write (s, "small.c", SMALL, -1);
  /* There was never an 8.5. */
  code = ring_compile_nvrtc (s->path, 8, 5, &error);
  g_assert_no_error (error);
  g_assert_true (contains (code, ".target sm_80"));
  g_bytes_unref (code);
}

static void
test_gpu_older_than_nvrtc_is_refused (Source *s, gconstpointer data)
{
  GError *error = NULL;

  source_write (s, "small.c", SMALL, -1);
  g_assert_null (ring_compile_nvrtc (s->path, 1, 0, &error));
  assert_says (error, RING_ERROR_COMPILE, "small.c", "compute capability 1.0",
      "begins at", "RINGKERNEL_NVRTC");
}

/* ---- what does not compile ---------------------------------------------------- */

static void
test_error_names_file_and_line (Source *s, gconstpointer data)
{
  GError *error = NULL;
  gchar *place;

  source_write (s, "mistaken.c",
      "#include <ringkernel/kernel-sdk.h>\n"
      "\n"
      "RING_KERNEL (mistaken, \"Has a mistake in its sixth line\")\n"
      "{\n"
      "  RING_FOR_EACH (i, in.size)\n"
      "    out.data[i] = no_such_variable;\n"
      "}\n",
      -1);
  g_assert_null (ring_compile_nvrtc (s->path, MAJOR, MINOR, &error));
  /* with the column, as compilers for the CPU say it */
  place = g_strdup_printf ("%s:6:19: error: ", s->path);
  assert_says (error, RING_ERROR_COMPILE,
      "does not compile for a GPU of compute capability 9.0: ", place,
      "no_such_variable");
  g_free (place);
}

/* Where the C compiler sees no difference, the text says nothing of devices. */
static void
test_plain_functions_and_tables_are_the_devices (Source *s, gconstpointer data)
{
  GError *error = NULL;
  GBytes *code;

  source_write (s, "plain.c",
      "#include <ringkernel/kernel-sdk.h>\n"
      "static const float weights[3] = { 0.25f, 0.5f, 0.25f };\n"
      "static float weigh (float x, int i) { return x * weights[i]; }\n"
      "RING_KERNEL (plain, \"Weighs\")\n"
      "{\n"
      "  RING_FOR_EACH (i, in.size)\n"
      "    out.data[i] = ring_clamp_u8 (weigh (in.data[i], i % 3));\n"
      "}\n",
      -1);
  code = ring_compile_nvrtc (s->path, MAJOR, MINOR, &error);
  g_assert_no_error (error);
  assert_is_cubin (code);
  g_bytes_unref (code);
}

static void
test_only_the_sdk_can_be_included (Source *s, gconstpointer data)
{
  static const gchar *const includes[] = { "#include <stdio.h>\n",
    "#include \"mine.h\"\n", "#include \"/etc/passwd\"\n",
    "#define H <stdio.h>\n#include H\n" };
  GError *error = NULL;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (includes); i++) {
    g_autofree gchar *text = g_strconcat (includes[i], SMALL, NULL);

    source_write (s, "includes.c", text, -1);
    g_assert_null (ring_compile_nvrtc (s->path, MAJOR, MINOR, &error));
    assert_says (error, RING_ERROR_COMPILE,
        i == 3 ? "includes.c:2:2: error: " : "includes.c:1:2: error: ",
        "<ringkernel/kernel-sdk.h> and nothing else");
  }
}

/* ---- the cache ------------------------------------------------------------------ */

static guint
count_cached (const gchar *cache)
{
  g_autofree gchar *path = g_build_filename (cache, "ringkernel", NULL);
  GDir *dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (dir && g_dir_read_name (dir))
    n++;
  if (dir)
    g_dir_close (dir);
  return n;
}

/* In a process of its own, which has a cache of its own. */
static void
test_compiled_code_is_kept (Source *s, gconstpointer data)
{
  g_autofree gchar *cache = g_build_filename (s->folder, "cache", NULL);
  g_autofree gchar *inner = g_build_filename (cache, "ringkernel", NULL);
  GError *error = NULL;
  GBytes *code[4];
  gsize i;

  if (!g_test_subprocess ()) {
    g_test_trap_subprocess (NULL, 120 * G_USEC_PER_SEC,
        G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed ();
    return;
  }
  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  source_write (s, "small.c", SMALL, -1);
  code[0] = ring_compile_nvrtc (s->path, MAJOR, MINOR, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_cached (cache), ==, 1);
  /* No time is left to compile it again. */
  g_setenv ("RINGKERNEL_COMPILE_TIMEOUT", "0.000001", TRUE);
  code[1] = ring_compile_nvrtc (s->path, MAJOR, MINOR, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (code[0], code[1]));
  g_assert_cmpuint (count_cached (cache), ==, 1);
  g_unsetenv ("RINGKERNEL_COMPILE_TIMEOUT");

  /* For another GPU it is other code, and so it is for another text. */
  code[2] = ring_compile_nvrtc (s->path, 8, 0, &error);
  g_assert_no_error (error);
  g_assert_false (g_bytes_equal (code[0], code[2]));
  source_write (s, "small.c", SMALL "/* changed */", -1);
  code[3] = ring_compile_nvrtc (s->path, MAJOR, MINOR, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_cached (cache), ==, 3);
  for (i = 0; i < G_N_ELEMENTS (code); i++)
    g_bytes_unref (code[i]);
  g_assert_true (ring_kernel_cache_clear (&error));
  g_assert_no_error (error);
  g_rmdir (inner);
  g_rmdir (cache);
}

/* Only newer ones let themselves be stopped. */
static gboolean
can_be_stopped (void)
{
  const gchar *env = g_getenv ("RINGKERNEL_NVRTC");
  void *library = dlopen (env && *env ? env : "libnvrtc.so.13", RTLD_LAZY);

  if (!library)
    library = dlopen ("/usr/local/cuda/lib64/libnvrtc.so", RTLD_LAZY);
  return library && dlsym (library, "nvrtcSetFlowCallback");
}

static void
test_time_is_bounded (Source *s, gconstpointer data)
{
  GError *error = NULL;

  if (!g_test_subprocess ()) {
    g_test_trap_subprocess (NULL, 120 * G_USEC_PER_SEC,
        G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed ();
    return;
  }
  if (!can_be_stopped ()) {
    g_test_skip ("this NVRTC cannot be stopped");
    return;
  }
  g_setenv ("RINGKERNEL_CACHE", "off", TRUE);
  g_setenv ("RINGKERNEL_COMPILE_TIMEOUT", "0.000001", TRUE);
  source_write (s, "small.c", SMALL, -1);
  g_assert_null (ring_compile_nvrtc (s->path, MAJOR, MINOR, &error));
  assert_says (error, RING_ERROR_COMPILE, "small.c", "did not end within",
      "RINGKERNEL_COMPILE_TIMEOUT");
}

static void
test_it_can_be_cancelled (Source *s, gconstpointer data)
{
  GCancellable *cancellable;
  GError *error = NULL;

  if (!g_test_subprocess ()) {
    g_test_trap_subprocess (NULL, 120 * G_USEC_PER_SEC,
        G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed ();
    return;
  }
  if (!can_be_stopped ()) {
    g_test_skip ("this NVRTC cannot be stopped");
    return;
  }
  g_setenv ("RINGKERNEL_CACHE", "off", TRUE);
  source_write (s, "small.c", SMALL, -1);
  cancellable = g_cancellable_new ();
  g_cancellable_cancel (cancellable);
  g_cancellable_push_current (cancellable);
  g_assert_null (ring_compile_nvrtc (s->path, MAJOR, MINOR, &error));
  g_cancellable_pop_current (cancellable);
  g_object_unref (cancellable);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
}

/* What the library hands over is what lies in the tree that it was built from. */
static void
test_headers_are_complete (void)
{
  gchar *folder = g_build_filename (g_getenv ("RINGKERNEL_TEST_SOURCE_ROOT"),
      "runtime", "ringkernel", NULL);
  guint i;

  g_assert_cmpuint (ring_n_sdk_headers, >, 5);
  for (i = 0; i < ring_n_sdk_headers; i++) {
    gchar *path = g_build_filename (folder, ring_sdk_headers[i].name, NULL);
    GError *error = NULL;
    gchar *text = NULL;

    g_file_get_contents (path, &text, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (text, ==, ring_sdk_headers[i].text);
    g_free (text);
    g_free (path);
  }
  g_free (folder);
}

/* Whatever lies in the file: an error about it. */
static void
test_no_source_brings_it_down (Source *s, gconstpointer data)
{
  static const gchar *const bad[] = {
    "#include <ringkernel/kernel-sdk.h>\nRING_KERNEL (x, \"y\"",
    "#include <ringkernel/kernel-sdk.h>\nRING_KERNEL ()\n{\n}\n",
    "#include <ringkernel/kernel-sdk.h>\nRING_KERNEL (x, 7, 8, 9)\n{\n}\n",
    "#include <ringkernel/kernel-sdk.h>\nRING_KERNEL (x, \"y\", (OPTION))\n{\n}\n",
    "#include <ringkernel/kernel-sdk.h>\nRING_KERNEL (x, \"y\", "
    "RING_EMITS (99999))\n{\n}\n",
    "#include <ringkernel/kernel-sdk.h>\nRING_KERNEL (x, \"y\") { }\n"
    "RING_KERNEL (z, \"y\") { }\n",
    "#error RING_KERNEL\n",
    "#include <ringkernel/kernel-sdk.h>\nRING_KERNEL (x, \"y\") { x (); }\n",
    "\177ELF\001\001\001 RING_KERNEL",
    "\xff\xfe\x80",
    "RING_KERNEL {{{{((((\"'\\",
  };
  static const gchar *const none[] = { "\n", "/* no kernel in here */" };
  GError *error = NULL;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    source_write (s, "bad.c", bad[i], -1);
    if (ring_compile_nvrtc (s->path, MAJOR, MINOR, &error))
      g_error ("this compiles: %s", bad[i]);
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
    assert_says (error, RING_ERROR_COMPILE, "bad.c");
  }
  for (i = 0; i < G_N_ELEMENTS (none); i++) {
    source_write (s, "bad.c", none[i], -1);
    g_assert_null (ring_compile_nvrtc (s->path, MAJOR, MINOR, &error));
    assert_says (error, RING_ERROR_KERNEL_INVALID, "bad.c", "RING_KERNEL");
  }
}

static void
test_zero_byte_is_an_error (Source *s, gconstpointer data)
{
  GError *error = NULL;

  source_write (s, "zero.c", "int x;\0int y;", 13);
  g_assert_null (ring_compile_nvrtc (s->path, MAJOR, MINOR, &error));
  assert_says (error, RING_ERROR_COMPILE, "zero.c", "byte 6 is zero");
}

static void
test_missing_file_is_an_error (Source *s, gconstpointer data)
{
  GError *error = NULL;
  gchar *path = g_build_filename (s->folder, "nowhere.c", NULL);

  g_assert_null (ring_compile_nvrtc (path, MAJOR, MINOR, &error));
  assert_says (error, RING_ERROR_KERNEL_NOT_FOUND, "nowhere.c",
      "cannot be opened");
  g_assert_null (ring_compile_nvrtc (s->folder, MAJOR, MINOR, &error));
  assert_says (error, RING_ERROR_KERNEL_INVALID, s->folder, "directory");
  g_free (path);
}

static void
test_name_of_any_encoding (Source *s, gconstpointer data)
{
  GError *error = NULL;

  source_write (s, "caf\xe9.c", "#error RING_KERNEL\n", -1);
  g_assert_null (ring_compile_nvrtc (s->path, MAJOR, MINOR, &error));
  g_assert_error (error, RING_ERROR, RING_ERROR_COMPILE);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_clear_error (&error);
}

/* ---- the library itself ------------------------------------------------------- */

/* In a process of its own, where nobody has opened it yet. */
static void
expect_failure_in_child (Source *s, const gchar *library, const gchar *says)
{
  GError *error = NULL;

  if (!g_test_subprocess ()) {
    g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC,
        G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed ();
    return;
  }
  source_write (s, "small.c", SMALL, -1);
  g_setenv ("RINGKERNEL_NVRTC", library, TRUE);
  g_assert_null (ring_compile_nvrtc (s->path, MAJOR, MINOR, &error));
  assert_says (error, RING_ERROR_FAILED, "small.c", says, "libnvrtc.so.13",
      "libnvrtc.so.12", "CUDA toolkit", "RINGKERNEL_NVRTC");
}

static void
test_missing_nvrtc_says_what_to_install (Source *s, gconstpointer data)
{
  expect_failure_in_child (s, "/nowhere/libnvrtc.so", "/nowhere/libnvrtc.so");
}

static void
test_library_that_is_no_nvrtc_is_refused (Source *s, gconstpointer data)
{
  expect_failure_in_child (s, "libm.so.6", "lacks nvrtcVersion");
}

static void
test_found_after_it_was_missing (Source *s, gconstpointer data)
{
  gchar *env = g_strdup (g_getenv ("RINGKERNEL_NVRTC"));
  GError *error = NULL;
  GBytes *code;

  if (!g_test_subprocess ()) {
    g_free (env);
    g_test_trap_subprocess (NULL, 120 * G_USEC_PER_SEC,
        G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed ();
    return;
  }
  source_write (s, "small.c", SMALL, -1);
  g_setenv ("RINGKERNEL_NVRTC", "/nowhere/libnvrtc.so", TRUE);
  g_assert_null (ring_compile_nvrtc (s->path, MAJOR, MINOR, &error));
  g_clear_error (&error);
  if (env)
    g_setenv ("RINGKERNEL_NVRTC", env, TRUE);
  else
    g_unsetenv ("RINGKERNEL_NVRTC");
  code = ring_compile_nvrtc (s->path, MAJOR, MINOR, &error);
  g_assert_no_error (error);
  assert_is_cubin (code);
  g_bytes_unref (code);
  g_free (env);
}

static gpointer
compile_in_thread (gpointer path)
{
  return ring_compile_nvrtc (path, MAJOR, MINOR, NULL);
}

static void
test_threads_compile_side_by_side (Source *s, gconstpointer data)
{
  GThread *threads[4];
  GBytes *code[4];
  guint i;

  source_write (s, "small.c", SMALL, -1);
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("compile", compile_in_thread, s->path);
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    code[i] = g_thread_join (threads[i]);
  for (i = 0; i < G_N_ELEMENTS (threads); i++) {
    g_assert_nonnull (code[i]);
    assert_is_cubin (code[i]);
    g_bytes_unref (code[i]);
  }
}

/* ---- running them ------------------------------------------------------------- */

static void
skip (void)
{
  g_test_skip ("NVRTC is not on this machine");
}

/* Opened in a child, so that in here a test is the first to open it. */
static gboolean
nvrtc_is_here (const gchar *self)
{
  const gchar *argv[] = { self, "--is-nvrtc-here", NULL };
  gint status = -1;

  return g_spawn_sync (NULL, (gchar **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL,
             NULL, NULL, &status, NULL)
      && status == 0;
}

static int
say_whether_it_is_here (void)
{
  gchar *path = g_build_filename (g_getenv ("RINGKERNEL_TEST_SOURCE_ROOT"),
      "kernels", "video", "copy.c", NULL);
  GError *error = NULL;
  GBytes *code = ring_compile_nvrtc (path, MAJOR, MINOR, &error);
  const gboolean missing =
      g_error_matches (error, RING_ERROR, RING_ERROR_FAILED);

  g_clear_error (&error);
  g_clear_pointer (&code, g_bytes_unref);
  g_free (path);
  return missing ? 1 : 0;
}

#define ADD_SOURCE_TEST(name, function) \
  g_test_add (name, Source, NULL, source_set_up, function, source_tear_down)

int
main (int argc, char **argv)
{
  static const struct
  {
    const gchar *name;
    void (*with_source) (Source *, gconstpointer);
    void (*alone) (void);
  } tests[] = {
    { "/nvrtc/shipped-kernels-compile", NULL, test_shipped_kernels_compile },
    { "/nvrtc/kernels-of-examples-and-tests-compile", NULL,
        test_kernels_of_examples_and_tests_compile },
    { "/nvrtc/gpu-newer-than-nvrtc-gets-ptx",
        test_gpu_newer_than_nvrtc_gets_ptx, NULL },
    { "/nvrtc/gpu-between-two-gets-ptx-of-the-lower",
        test_gpu_between_two_gets_ptx_of_the_lower, NULL },
    { "/nvrtc/gpu-older-than-nvrtc-is-refused",
        test_gpu_older_than_nvrtc_is_refused, NULL },
    { "/nvrtc/error-names-file-and-line", test_error_names_file_and_line,
        NULL },
    { "/nvrtc/only-the-sdk-can-be-included", test_only_the_sdk_can_be_included,
        NULL },
    { "/nvrtc/plain-functions-and-tables-are-the-devices",
        test_plain_functions_and_tables_are_the_devices, NULL },
    { "/nvrtc/compiled-code-is-kept", test_compiled_code_is_kept, NULL },
    { "/nvrtc/time-is-bounded", test_time_is_bounded, NULL },
    { "/nvrtc/it-can-be-cancelled", test_it_can_be_cancelled, NULL },
    { "/nvrtc/no-source-brings-it-down", test_no_source_brings_it_down, NULL },
    { "/nvrtc/name-of-any-encoding", test_name_of_any_encoding, NULL },
    { "/nvrtc/found-after-it-was-missing", test_found_after_it_was_missing,
        NULL },
    { "/nvrtc/threads-compile-side-by-side", test_threads_compile_side_by_side,
        NULL },
  };
  gboolean here;
  gsize i;

  if (argc == 2 && strcmp (argv[1], "--is-nvrtc-here") == 0)
    return say_whether_it_is_here ();
  g_test_init (&argc, &argv, NULL);
  here = g_test_subprocess () || nvrtc_is_here (argv[0]);

  for (i = 0; i < G_N_ELEMENTS (tests); i++) {
    if (!here)
      g_test_add_func (tests[i].name, skip);
    else if (tests[i].alone)
      g_test_add_func (tests[i].name, tests[i].alone);
    else
      ADD_SOURCE_TEST (tests[i].name, tests[i].with_source);
  }
  g_test_add_func ("/nvrtc/headers-are-complete", test_headers_are_complete);
  ADD_SOURCE_TEST ("/nvrtc/zero-byte-is-an-error", test_zero_byte_is_an_error);
  ADD_SOURCE_TEST ("/nvrtc/missing-file-is-an-error",
      test_missing_file_is_an_error);
  ADD_SOURCE_TEST ("/nvrtc/missing-nvrtc-says-what-to-install",
      test_missing_nvrtc_says_what_to_install);
  ADD_SOURCE_TEST ("/nvrtc/library-that-is-no-nvrtc-is-refused",
      test_library_that_is_no_nvrtc_is_refused);
  return g_test_run ();
}
