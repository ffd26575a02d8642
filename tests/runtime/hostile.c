/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files that somebody hands over as kernels, and that are none: each ends in one
 * error that says what and where, and nothing of it is left behind. Afterwards a
 * good kernel is taken.
 */
#include "ring-test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define SDK "#include <ringkernel/kernel-sdk.h>\n"
#define KERNEL "RING_KERNEL (x, \"Does it\")\n"
/* From here on it is line 4. */
#define HEAD SDK KERNEL "{\n"
#define GOOD \
  SDK KERNEL \
      "{\n  RING_FOR_EACH (i, in.size)\n    out.data[i] = in.data[i];\n}\n"

typedef struct
{
  const gchar *name;
  const gchar *text;
  gint code;         /* RING_ERROR_* */
  const gchar *says; /* what it is about */
  const gchar *at;   /* behind the file's name; "": no line */
} Hostile;

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

#define C RING_ERROR_COMPILE
#define I RING_ERROR_KERNEL_INVALID

static const Hostile sources[] = {
  /* what is no C */
  { "no-semicolon", HEAD "  int y = 1\n}\n", C, "expected", ":" },
  { "open-brace", HEAD "  if (1) {\n}\n", C, "expected", ":" },
  { "open-parenthesis", SDK "RING_KERNEL (x, \"y\"", C, "unterminated", ":2:" },
  { "open-comment", GOOD "/* and then", C, "no end", ":7:1: error" },
  { "open-string", HEAD "  const char *y = \"abc;\n}\n", C, "error", ":4:" },
  { "open-condition", "#if 1\n" GOOD, C, "unterminated", ":1:" },
  { "unknown-variable", HEAD "  out.data[0] = nothing;\n}\n", C, "nothing",
      ":4:17: error" },
  { "unknown-function", HEAD "  printf (\"hello\");\n}\n", C, "printf",
      ":4:3: error" },
  { "unknown-member", HEAD "  out.data[0] = in.nothing;\n}\n", C, "nothing",
      ":4:" },
  { "wrong-type", HEAD "  int y = \"text\";\n  out.data[0] = y;\n}\n", C, "int",
      ":4:" },
  { "assigns-to-parameter",
      SDK "RING_KERNEL (x, \"y\", RING_INT (n, 1, 0, 2, \"z\"))\n{\n"
          "  params.n = 2;\n}\n",
      C, "assign", ":4:" },
  { "error-directive", "#error \"as it says\"\n" GOOD, C, "as it says",
      ":1:2: error" },
  { "garbage", "RING_KERNEL {{{{((((\"'\\", C, "expected", ":1:" },
  { "script", "#!/bin/sh\necho RING_KERNEL\n", C, "directive", ":1:" },
  { "cplusplus", "template <typename T> T one () { return 1; }\n" GOOD, C,
      "error", ":1:" },
  { "trigraph", "\?\?=include <stdio.h>\n" GOOD, C, "expected", ":1:" },
  { "deep", NULL, C, "error", "" },
  { "large-object",
      SDK "static const char big[1ull << 40] = { 1 };\n" KERNEL
          "{\n  out.data[0] = big[in.size];\n}\n",
      C, "does not compile", "" },

  /* what it may not read */
  { "include-stdio", "#include <stdio.h>\n" GOOD, C, "not <stdio.h>",
      ":1:2: error" },
  { "include-passwd", "#include \"/etc/passwd\"\n" GOOD, C,
      "not \"/etc/passwd\"", ":1:2: error" },
  { "include-neighbour", SDK "#include \"good.c\"\n", C, "not \"good.c\"",
      ":2:2: error" },
  { "include-itself", "#include \"include-itself.c\"\n" GOOD, C, "nothing else",
      ":1:2: error" },
  { "include-other-header", "#include <ringkernel/abi.h>\n" GOOD, C,
      "not <ringkernel/abi.h>", ":1:2: error" },
  { "include-by-macro", "#define H <stdio.h>\n#include H\n" GOOD, C, "not H",
      ":2:2: error" },
  { "include-nothing", "#include\n" GOOD, C, "without a name", ":1:2: error" },
  { "include-next", "#include_next <stdio.h>\n" GOOD, C, "#include_next",
      ":1:2: error" },
  { "import", "#import <stdio.h>\n" GOOD, C, "#import", ":1:2: error" },
  { "embed",
      SDK "static const char b[] = {\n#embed \"/etc/passwd\"\n};\n" KERNEL
          "{ }\n",
      C, "#embed", ":3:2: error" },
  { "include-in-two-lines", "#inc\\\nlude <stdio.h>\n" GOOD, C, "nothing else",
      ":1:2: error" },
  { "include-in-comments", "/* */ # /* */ include /* */ <stdio.h>\n" GOOD, C,
      "nothing else", ":1:15: error" },
  { "include-digraph", "%:include <stdio.h>\n" GOOD, C, "nothing else",
      ":1:3: error" },
  { "include-never", "#if 0\n#include <stdio.h>\n#endif\n" GOOD, C,
      "nothing else", ":2:2: error" },
  { "include-behind-string",
      "static const char y[] = \"/*\";\n"
      "#include <stdio.h>\n/* */" GOOD,
      C, "nothing else", ":2:2: error" },
  { "has-include", "#if __has_include (\"/etc/shadow\")\n#endif\n" GOOD, C,
      "__has_include", ":1:5: error" },
  { "pragma-dependency", "#pragma GCC dependency \"/etc/passwd\"\n" GOOD, C,
      "dependency", ":1:13: error" },
  { "pragma-operator",
      "_Pragma (\"GCC dependency \\\"/etc/passwd\\\"\")\n" GOOD, C, "_Pragma",
      ":1:1: error" },
  { "line-of-another-file", "#line 1 \"/etc/passwd\"\n" HEAD "  nothing;\n}\n",
      C, "#line", ":1:2: error" },
  { "marker-of-another-file", "# 1 \"/etc/passwd\"\n" HEAD "  nothing;\n}\n", C,
      "own lines", ":1:3: error" },
  { "its-own-name", HEAD "  out.data[0] = __FILE__[0];\n}\n", C, "__FILE__",
      ":4:17: error" },
  { "its-own-time", HEAD "  out.data[0] = __TIME__[0];\n}\n", C, "__TIME__",
      ":4:17: error" },

  /* what compilers read in different ways */
  { "carriage-return", "// one\r#include <stdio.h>\n" GOOD, C,
      "carriage return", ":1:7: error" },
  { "space-behind-backslash", "// one \\ \n#include <stdio.h>\n" GOOD, C,
      "backslash", ":1:8: error" },
  { "raw-string",
      SDK "static const char y[] = R\"(\n#define)\";\n" KERNEL "{ }\n", C,
      "raw strings", ":2:25: error" },
  { "digit-separator", HEAD "  int y = 1'000;\n}\n", C, "number",
      ":4:12: error" },

  /* what one target has only */
  { "assembly", HEAD "  __asm__ (\".incbin \\\"/etc/passwd\\\"\");\n}\n", C,
      "inline assembly", ":4:3: error" },
  { "assembly-at-top", "asm (\"nop\");\n" GOOD, C, "inline assembly",
      ":1:1: error" },
  { "assembly-by-macro", "#define A asm\n" GOOD, C, "inline assembly",
      ":1:11: error" },
  { "libc", "extern int puts (const char *text);\n" HEAD "  puts (\"x\");\n}\n",
      C, "'puts'", ":1:12: error" },
  { "libc-builtin", HEAD "  __builtin_printf (\"%d\", (int) in.size);\n}\n", C,
      "'printf'", ":4:3: error" },
  { "libc-aborts", HEAD "  if (in.size > 9)\n    __builtin_abort ();\n}\n", C,
      "'abort'", ":5:5: error" },
  { "libc-implicit",
      "#pragma GCC diagnostic ignored \"-Wimplicit-function-declaration\"\n"
      "int system (const char *);\n" HEAD
      "  out.data[0] = system (\"true\") != 0;\n}\n",
      C, "'system'", ":2:5: error" },
  { "nobodys-function",
      "extern int nobody (int);\n" HEAD
      "  out.data[0] = nobody (in.data[0]);\n}\n",
      C, "'nobody'", ":1:12: error" },
  { "nobodys-variable",
      "extern int nobody;\n" HEAD "  out.data[0] = nobody;\n}\n", C, "'nobody'",
      ":1:12: error" },
  { "variable", "static int count;\n" HEAD "  out.data[0] = count++;\n}\n", C,
      "'count' keeps a value", ":1:12: error" },
  { "variable-with-value",
      "static int count = 7;\n" HEAD "  out.data[0] = count++;\n}\n", C,
      "'count' keeps a value", ":1:12: error" },
  { "variable-of-a-function",
      HEAD "  static int count;\n  out.data[0] = count++;\n}\n", C,
      "'count' keeps a value", ":4:14: error" },
  { "variable-of-a-thread",
      "static __thread int count;\n" HEAD "  out.data[0] = count++;\n}\n", C,
      "'count' keeps a value", ":1:21: error" },
  { "runs-when-loaded",
      "__attribute__ ((constructor)) static void\nrun (void)\n"
      "{\n  volatile int y = 1;\n  y++;\n}\n" GOOD,
      C, "loaded", "" },
  { "recursion",
      SDK "static int f (int n) { return n > 1 ? n * f (n - 1) : 1; }\n" KERNEL
          "{\n  out.data[0] = f (in.data[0]);\n}\n",
      C, "'f' calls itself", ":2:43: error" },
  { "recursion-of-two",
      SDK "static int g (int n);\n"
          "static int f (int n) { return n > 1 ? g (n - 1) : 1; }\n"
          "static int g (int n)\n{\n  return 2 * f (n);\n}\n" KERNEL
          "{\n  out.data[0] = f (in.data[0]);\n}\n",
      C, "leads back into 'f'", ":6:14: error" },
  { "any-length",
      HEAD "  char y[in.size];\n  y[0] = 1;\n"
           "  out.data[0] = y[in.size / 2];\n}\n",
      C, "variable length", ":4:" },

  /* what RING_KERNEL is not */
  { "nothing", "int nothing;\n", I, "no RING_KERNEL", "" },
  { "only-in-a-comment", "/* RING_KERNEL (x, \"y\") { } */\n", I,
      "no RING_KERNEL", "" },
  { "two", GOOD "RING_KERNEL (z, \"y\")\n{\n}\n", C, "second RING_KERNEL",
      ":7:1: error" },
  { "only-defined", SDK "#define MINE RING_KERNEL\n", I,
      "lacks the symbol ring_kernel_module", "" },
  { "its-own-macro",
      "#define RING_KERNEL(name, text) void name (void)\n"
      "RING_KERNEL (x, \"y\") { }\n",
      I, "lacks the symbol ring_kernel_module", "" },
  { "no-arguments", SDK "RING_KERNEL ()\n{\n}\n", C, "error", "" },
  { "no-description", SDK "RING_KERNEL (x)\n{\n}\n", C, "error", "" },
  { "description-is-a-number", SDK "RING_KERNEL (x, 7)\n{\n}\n", C, "error",
      ":2:" },
  { "name-is-a-keyword", SDK "RING_KERNEL (while, \"y\", 7)\n{\n}\n", C,
      "error", "" },
  { "item-is-a-number", SDK "RING_KERNEL (x, \"y\", 7, 8)\n{\n}\n", C, "error",
      "" },
  { "forty-one-items", NULL, C, "40 items", ":2:" },
  { "thirty-three-parameters", NULL, C, "32 parameters", ":2:" },
  { "parameter-twice",
      SDK "RING_KERNEL (x, \"y\",\n    RING_INT (n, 1, 0, 2, \"z\"),\n"
          "    RING_FLOAT (n, 1, 0, 2, \"z\"))\n{\n}\n",
      C, "parameter 'n' is declared twice", ":4:17: error" },
  { "parameter-beyond-its-range",
      SDK "RING_KERNEL (x, \"y\", RING_INT (n, 9, 0, 2, \"z\"))\n{\n}\n", I,
      "n", "" },
  { "two-formats",
      SDK
      "RING_KERNEL (x, \"y\", RING_VIDEO (\"RGB\"), RING_AUDIO (\"S16LE\"))\n"
      "{\n}\n",
      C, "a kernel declares one of RING_VIDEO", ":2:" },
  { "unknown-format",
      SDK "RING_KERNEL (x, \"y\", RING_VIDEO (\"RGB9\"))\n{\n}\n", I, "RGB9",
      "" },
  { "too-many-outputs",
      SDK "RING_KERNEL (x, \"y\", RING_EMITS (99999))\n{\n}\n", C,
      "too many outputs", ":2:" },
  { "state-of-blocks",
      SDK "RING_KERNEL (x, \"y\", RING_BLOCK_SHARING, RING_STATE (int n;))\n"
          "{\n  state->n = 1;\n}\n",
      I, "RING_BLOCK_SHARING", "" },
  { "record-of-another-size",
      SDK
      "typedef struct { int y; } Y;\n"
      "RING_KERNEL (x, \"y\", RING_RECORDS (\"(td)\", Y, \"(td)\", Y))\n{\n}\n",
      I, "16 bytes as a GVariant", "" },
};

/* Those that C allows, and C++, which GPUs need, does not. */
static const Hostile no_cplusplus[] = {
  { "name-of-cplusplus", HEAD "  int class = 1;\n  out.data[0] = class;\n}\n",
      C, "as C++, which GPUs need", ":4:" },
  { "pointer-of-any-type",
      HEAD "  void *y = out.data;\n  uint8_t *z = y;\n  z[0] = 1;\n}\n", C,
      "as C++, which GPUs need", ":5:" },
  { "function-in-a-function",
      HEAD "  int f (int n) { return n + 1; }\n  out.data[0] = f (1);\n}\n", C,
      "function", ":4:" },
  { "kernel-with-a-long-name",
      SDK "RING_KERNEL (a123456789b123456789c123456789d123456789e123456789, "
          "\"y\")\n{\n}\n",
      C, "too long", ":2:" },
  { "parameter-with-a-long-name",
      SDK "RING_KERNEL (x, \"y\",\n    RING_BOOL "
          "(a123456789b123456789c123456789d123456789e123456789, 0, \"z\"))\n"
          "{\n}\n",
      C, "too long", ":3:" },
};

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

int
main (int argc, char **argv)
{
  g_autofree gchar *compiler = g_find_program_in_path ("cc");
  gsize i;
  gint result;

  g_test_init (&argc, &argv, NULL);
  if (!compiler) {
    g_print ("1..0 # SKIP there is no C compiler\n");
    return 0;
  }
  scratch = g_dir_make_tmp ("ring-hostile-XXXXXX", NULL);
  g_assert_nonnull (scratch);
  temporary = in_scratch ("tmp", "");
  g_assert_cmpint (g_mkdir (temporary, 0700), ==, 0);
  g_setenv ("TMPDIR", temporary, TRUE);
  g_unsetenv ("CC");

  for (i = 0; i < G_N_ELEMENTS (sources); i++) {
    g_autofree gchar *name =
        g_strconcat ("/hostile/source/", sources[i].name, NULL);

    g_test_add_data_func (name, &sources[i], test_source);
  }
  for (i = 0; i < G_N_ELEMENTS (no_cplusplus); i++) {
    g_autofree gchar *name =
        g_strconcat ("/hostile/source/", no_cplusplus[i].name, NULL);

    g_test_add_data_func (name, &no_cplusplus[i],
        test_source_without_cplusplus);
  }
  g_test_add_func ("/hostile/bytes/not-utf8", test_not_utf8);
  g_test_add_func ("/hostile/bytes/zero", test_zero_byte);
  g_test_add_func ("/hostile/bytes/ten-megabytes", test_ten_megabytes);
  g_test_add_func ("/hostile/bytes/as-many-functions-as-fit",
      test_as_many_functions_as_fit);
  g_test_add_func ("/hostile/fine/byte-order-mark-and-windows-lines",
      test_byte_order_mark_and_windows_lines);
  g_test_add_func ("/hostile/fine/strange", test_strange_but_fine);
  g_test_add_func ("/hostile/no-files", test_no_files);
  g_test_add_func ("/hostile/library/cut-off-anywhere",
      test_library_cut_off_anywhere);
  g_test_add_func ("/hostile/library/of-another-kind",
      test_libraries_of_another_kind);
  result = ring_test_run ();
  remove_all (temporary);
  remove_all (scratch);
  g_free (temporary);
  g_free (scratch);
  return result;
}
