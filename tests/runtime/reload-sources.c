/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files that are changed, and loaded again: sources, with what they declare, and
 * libraries.
 */
#include "reload-test.h"

/* ---- sources -------------------------------------------------------------------------------------- */

/* Where both compilers are: on a machine with a GPU there may be none. */
static gboolean
skip_without_compiler (void)
{
  g_autofree gchar *cc = g_find_program_in_path ("cc");

  if (cc
      && (ring_test_backend () == RING_BACKEND_CPU
          || g_getenv ("RING_TEST_SHARED_ADDRESSES")))
    return FALSE;
  g_test_skip ("needs a compiler");
  return TRUE;
}

typedef struct
{
  gchar *dir, *path;
  RingKernel *kernel;
} Source;

/* A kernel of four words: the version, how many messages its state has seen, and
 * @value. */
static void
write_source (Source *s, guint version, const gchar *before, const gchar *items,
    const gchar *value)
{
  g_autofree gchar *text = g_strdup_printf (
      "#include <ringkernel/kernel-sdk.h>\n%s\n"
      "RING_KERNEL (mine, \"Of a test\"%s)\n{\n"
      "  RING_GLOBAL uint32_t *to = (RING_GLOBAL uint32_t *) out.data;\n"
      "  if (ring_is_first_worker ()) {\n"
      "    to[0] = %u;\n    to[1] = state->seen++;\n    to[2] = %s;\n  }\n}\n",
      before, items, version, value);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (s->path, text, -1, &error);
  g_assert_no_error (error);
}

static void
source_open (Source *s, const gchar *items, const gchar *value)
{
  RingConfig *config = ring_test_config (RING_EXECUTION_AUTO);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = NULL;

  s->dir = g_dir_make_tmp ("ring-test-XXXXXX", &error);
  g_assert_no_error (error);
  s->path = g_build_filename (s->dir, "mine.c", NULL);
  write_source (s, 0, "", items, value);
  config->reload = TRUE;
  runtime = ring_runtime_new (config, &error);
  g_assert_no_error (error);
  s->kernel = ring_runtime_launch (runtime, s->path, 1, 1, NULL, &error);
  g_assert_no_error (error);
  ring_config_free (config);
  ring_test_activate (s->kernel);
}

static void
source_close (Source *s)
{
  g_object_unref (s->kernel);
  g_unlink (s->path);
  g_rmdir (s->dir);
  g_free (s->path);
  g_free (s->dir);
}

static void
source_expect (Source *s, guint version, guint seen, guint value)
{
  guint32 words[4] = { 0, 0, 0, 0 };
  g_autoptr (RingMessage) message =
      ring_message_new_from_data ((const guint8 *) words, sizeof words);
  g_autoptr (RingMessage) result = NULL;
  g_autoptr (GError) error = NULL;
  const guint32 *word;

  result = ring_kernel_call (s->kernel, message, -1, NULL, &error);
  g_assert_no_error (error);
  word = g_bytes_get_data (ring_message_get_payload (result), NULL);
  g_assert_cmpuint (word[0], ==, version);
  g_assert_cmpuint (word[1], ==, seen);
  g_assert_cmpuint (word[2], ==, value);
}

/* Where the text of the declaration says how the state lies, it is kept; where a
 * name may mean something else now, it is not. */
static void
test_layout_of_state (void)
{
  static const struct
  {
    const gchar *before, *items;
    gboolean kept;
  } version[] = {
    { "", ", RING_STATE (uint32_t  seen;  float a [4],b;)", TRUE },
    { "#define N 4", ", RING_STATE (uint32_t seen; float a[N], b;)", TRUE },
    { "", ", RING_STATE (uint32_t seen; float b, a[4];)", FALSE },
    { "", ", RING_STATE (uint32_t seen; float a[4], b;)", FALSE },
    { "", ", RING_STATE (uint32_t seen; float a[(1 + 1) * 2], b;)", FALSE },
    { "", ", RING_STATE (uint32_t seen; float a[(1+1)*2], b;)", TRUE },
    { "", ", RING_STATE (uint32_t seen; unsigned long int a[2]; float b;)",
        FALSE },
    { "", ", RING_STATE (uint32_t seen; unsigned long int a[2]; float b;)",
        TRUE },
    { "enum { N = 4 };", ", RING_STATE (uint32_t seen; float a[N], b;)",
        FALSE },
    { "enum { N = 4 };", ", RING_STATE (uint32_t seen; float a[N], b;)",
        FALSE },
    { "typedef struct { uint32_t x, y; } Own;",
        ", RING_STATE (uint32_t seen; Own own;)", FALSE },
    { "typedef struct { float x, y; } Own;",
        ", RING_STATE (uint32_t seen; Own own;)", FALSE },
    { "", ", RING_STATE (uint32_t seen;), RING_STATE_PER_BYTE (1)", FALSE },
    { "", ", RING_STATE (uint32_t seen;), RING_STATE_PER_BYTE (1)", TRUE },
    { "", ", RING_STATE (uint32_t seen;), RING_STATE_PER_BYTE (2)", FALSE },
  };
  guint i, seen = 0;
  Source s;

  if (skip_without_compiler ())
    return;
  source_open (&s, ", RING_STATE (uint32_t seen; float a[4], b;)", "0");
  source_expect (&s, 0, seen++, 0);
  for (i = 0; i < G_N_ELEMENTS (version); i++) {
    g_test_message ("%s %s", version[i].before, version[i].items);
    write_source (&s, i + 1, version[i].before, version[i].items, "0");
    reload_file (s.kernel, s.path);
    if (!version[i].kept)
      seen = 0;
    source_expect (&s, i + 1, seen++, 0);
  }
  source_close (&s);
}

/* An enumeration keeps its nick, a list its numbers, and what has another type is
 * another parameter. */
static void
test_types_of_parameters (void)
{
#define STATE ", RING_STATE (uint32_t seen;)"
  Source s;

  if (skip_without_compiler ())
    return;
  source_open (&s,
      STATE
      ", RING_ENUM (e, 0, \"x|y|z\", \"\"), RING_FLOAT (f, 1, 0, 9, \"\"), "
      "RING_BOOL (b, 0, \"\"), "
      "RING_FLOAT_ARRAY (l, 4, \"1, 2\", 0, 9, \"\")",
      "params.e + 10 * params.f + 100 * params.b + 1000 * params.l_count");
  source_expect (&s, 0, 0, 2010);
  set (s.kernel, "e=z f=3 b=true l='5, 6, 7'");
  source_expect (&s, 0, 1, 3132);

  write_source (&s, 1, "",
      ", RING_FLOAT_ARRAY (l, 3, \"1\", 0, 9, \"\"), "
      "RING_BOOL (b, 0, \"\"), RING_ENUM (e, 0, \"z|a|x\", \"\"), "
      "RING_INT (f, 2, 0, 9, \"\")" STATE,
      "params.e + 10 * params.f + 100 * params.b + 1000 * params.l_count "
      "+ 10000 * (uint32_t) params.l[2]");
  reload_file (s.kernel, s.path);
  /* z is the first now; f was a float */
  source_expect (&s, 1, 2, 73120);

  write_source (&s, 2, "",
      ", RING_FLOAT_ARRAY (l, 2, \"1\", 0, 9, \"\"), "
      "RING_ENUM (e, 1, \"a|x\", \"\")" STATE,
      "params.e + 1000 * params.l_count");
  reload_file (s.kernel, s.path);
  /* three numbers do not fit, and there is no z */
  source_expect (&s, 2, 3, 1001);

  write_source (&s, 3, "",
      ", RING_FLOAT_ARRAY (l, 300, \"1\", 0, 9, \"\")" STATE, "params.l_count");
  {
    g_autoptr (GError) error = NULL;

    g_assert_false (ring_kernel_reload (s.kernel, s.path, &error));
    ring_test_assert_says (&error, RING_ERROR_NEEDS_LAUNCH, "room", "1024");
  }
  source_expect (&s, 2, 4, 1001);
  source_close (&s);
#undef STATE
}

static void
test_broken_source (void)
{
  g_autoptr (GError) error = NULL;
  Source s;

  if (skip_without_compiler ())
    return;
  source_open (&s, ", RING_STATE (uint32_t seen;)", "0");
  source_expect (&s, 0, 0, 0);
  write_source (&s, 1, "", ", RING_STATE (uint32_t seen;)", "no_such_name");
  g_assert_false (ring_kernel_reload (s.kernel, s.path, &error));
  ring_test_assert_says (&error, RING_ERROR_COMPILE, "no_such_name", "mine.c");
  source_expect (&s, 0, 1, 0);
  g_unlink (s.path);
  g_assert_false (ring_kernel_reload (s.kernel, s.path, &error));
  ring_test_assert_says (&error, RING_ERROR_KERNEL_NOT_FOUND, "mine.c");
  source_expect (&s, 0, 2, 0);
  write_source (&s, 2, "", ", RING_STATE (uint32_t seen;)", "0");
  reload_file (s.kernel, s.path);
  source_expect (&s, 2, 3, 0);
  source_close (&s);
}

/* ---- libraries ------------------------------------------------------------------------------------------ */

static void
copy_over (const gchar *name, const gchar *to, gboolean by_rename)
{
  g_autofree gchar *from = ring_test_kernel_path (name);
  g_autoptr (GError) error = NULL;
  g_autofree gchar *data = NULL;
  gsize size;

  g_file_get_contents (from, &data, &size, &error);
  g_assert_no_error (error);
  if (by_rename) {
    g_file_set_contents (to, data, (gssize) size, &error);
    g_assert_no_error (error);
  } else {
    /* The very file that was loaded, cut off and written anew. */
    FILE *file = fopen (to, "wb");

    g_assert_nonnull (file);
    g_assert_cmpuint (fwrite (data, 1, size, file), ==, size);
    g_assert_cmpint (fclose (file), ==, 0);
  }
}

/* A library that is built again, in whatever way, while the one before runs. */
static void
test_libraries (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *dir = NULL;
  g_autofree gchar *path = NULL;
  g_autofree gchar *built = ring_test_kernel_path ("stamp-a");
  g_autoptr (RingRuntime) runtime = NULL;
  RingConfig *config;
  RingKernel *kernel;

  if (!g_str_has_suffix (built, ".so")
      || ring_test_backend () != RING_BACKEND_CPU) {
    g_test_skip ("needs the tests' kernels as libraries, on cpu");
    return;
  }
  dir = g_dir_make_tmp ("ring-test-XXXXXX", &error);
  g_assert_no_error (error);
  path = g_build_filename (dir, "mine.so", NULL);
  copy_over ("stamp-a", path, TRUE);
  config = ring_test_config (RING_EXECUTION_AUTO);
  config->reload = TRUE;
  runtime = ring_runtime_new (config, &error);
  g_assert_no_error (error);
  kernel = ring_runtime_launch (runtime, path, 1, 1, config, &error);
  g_assert_no_error (error);
  ring_config_free (config);
  ring_test_activate (kernel);

  send (kernel, 0);
  copy_over ("stamp-b", path, TRUE);
  reload_file (kernel, path);
  send (kernel, 1);
  copy_over ("stamp-c", path, FALSE);
  send (kernel, 2);
  reload_file (kernel, path);
  send (kernel, 3);
  /* Half of it is no reason to stop. */
  g_assert_cmpint (truncate (path, 5000), ==, 0);
  g_assert_false (ring_kernel_reload (kernel, path, &error));
  ring_test_assert_says (&error, RING_ERROR_KERNEL_INVALID, "cut off");
  send (kernel, 4);
  expect (kernel, 0, 1, 0, 10, 0);
  expect (kernel, 1, 2, 1, 20, 1);
  expect (kernel, 2, 2, 2, 20, 1);
  expect (kernel, 3, 3, 0, 5, 2);
  expect (kernel, 4, 3, 1, 5, 2);
  g_object_unref (kernel);
  g_unlink (path);
  g_rmdir (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reload-sources/layout-of-state", test_layout_of_state);
  g_test_add_func ("/reload-sources/types-of-parameters",
      test_types_of_parameters);
  g_test_add_func ("/reload-sources/broken-source", test_broken_source);
  g_test_add_func ("/reload-sources/libraries", test_libraries);
  return ring_test_run ();
}
