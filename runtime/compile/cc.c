/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cc.c: one kernel source -> one module, through this machine's C compiler
 * ($CC, else cc), or through what it made of the same source before. The library is
 * loaded from a private temporary directory and is gone from the disk again
 * afterwards: nothing that happens to the cache can happen to code that runs.
 */
#include "compile/compile.h"

#include <glib/gstdio.h>
#include <string.h>

static const gchar *const flags[] = { RING_KERNEL_CFLAGS, "-march=native",
  "-fPIC", "-shared", "-fdiagnostics-color=never", "-Wall",
  /* Else a misspelt function is found by the loader, which knows no lines. */
  "-Werror=implicit-function-declaration", "-Werror=int-conversion",
  /* Nor do GPUs have them. */
  "-Werror=vla",
  /* So that what is left of variables is the kernel's own; see object.c. */
  "-nostartfiles",
  /* Says what is included. */
  "-H" };

/* GPUs' compilers know C++ only. */
static const gchar *const plus_flags[] = { "-x", "c++", "-std=gnu++17",
  "-fsyntax-only", "-fdiagnostics-color=never", "-w" };

/* Found beside an uninstalled build by RINGKERNEL_INCLUDE, else installed. */
static const gchar *
include_dir (void)
{
  const gchar *env = g_getenv ("RINGKERNEL_INCLUDE");

  return env && *env ? env : RING_INCLUDE_DIR;
}

/* The words of CC, the first one with its directory. */
static GPtrArray *
find_compiler (GError **error)
{
  const gchar *env = g_getenv ("CC");
  GPtrArray *compiler;
  gchar **word = NULL;
  gchar *program;
  gint i, n = 0;

  if (!env || !*env || !g_shell_parse_argv (env, &n, &word, NULL)) {
    word = g_new0 (gchar *, 2);
    word[0] = g_strdup ("cc");
    n = 1;
  }
  program = g_find_program_in_path (word[0]);
  if (!program) {
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "there is no C compiler '%s' on this machine to compile kernels with; "
        "install one (Debian, Ubuntu: apt install gcc libc6-dev), set CC, or use a "
        "kernel built as .so",
        word[0]);
    g_strfreev (word);
    return NULL;
  }
  compiler = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (compiler, program);
  for (i = 1; i < n; i++)
    g_ptr_array_add (compiler, g_strdup (word[i]));
  g_strfreev (word);
  return compiler;
}

/* ---- the key -------------------------------------------------------------------- */

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(gchar *const *) a, *(gchar *const *) b);
}

static gboolean
add_headers (GChecksum *key, GError **error)
{
  gchar *folder = g_build_filename (include_dir (), "ringkernel", NULL);
  gchar *sdk = g_build_filename (folder, "kernel-sdk.h", NULL);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  GDir *dir = g_dir_open (folder, 0, NULL);
  const gboolean found = dir && g_file_test (sdk, G_FILE_TEST_IS_REGULAR);
  const gchar *file;
  guint i;

  if (!found)
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "the kernel SDK's header is not at %s; install ringkernel's "
        "development files or set RINGKERNEL_INCLUDE",
        sdk);
  while (found && (file = g_dir_read_name (dir))) {
    if (g_str_has_suffix (file, ".h"))
      g_ptr_array_add (names, g_strdup (file));
  }
  g_ptr_array_sort (names, compare_names);
  for (i = 0; i < names->len; i++) {
    const gchar *name = g_ptr_array_index (names, i);
    gchar *path = g_build_filename (folder, name, NULL), *text = NULL;
    gsize size = 0;

    ring_cache_key_add_string (key, name);
    if (g_file_get_contents (path, &text, &size, NULL))
      ring_cache_key_add (key, text, size);
    g_free (text);
    g_free (path);
  }
  if (dir)
    g_dir_close (dir);
  g_ptr_array_unref (names);
  g_free (sdk);
  g_free (folder);
  return found;
}

static GChecksum *
make_key (const RingSource *source, const GPtrArray *compiler, GError **error)
{
  GChecksum *key = ring_cache_key_new ("cc");
  gsize i;

  ring_cache_key_add (key, source->text, source->size);
  for (i = 0; i < G_N_ELEMENTS (flags); i++)
    ring_cache_key_add_string (key, flags[i]);
  for (i = 0; i < compiler->len; i++) {
    const gchar *word = g_ptr_array_index (compiler, i);
    gchar *program = *word != '-' ? g_find_program_in_path (word) : NULL;

    /* The word says what is done, the file which compiler does it: "ccache gcc". */
    ring_cache_key_add_string (key, word);
    if (program)
      ring_cache_key_add_file (key, program);
    g_free (program);
  }
  ring_cache_key_add_cpu (key);
  if (!add_headers (key, error))
    g_clear_pointer (&key, g_checksum_free);
  return key;
}

/* ---- compiling -------------------------------------------------------------------- */

/* The begin of a file whose lines count as those of @path. */
static gboolean
write_source (const RingSource *source, const gchar *file, GError **error)
{
  GString *text = g_string_new ("#line 1 \"");
  const gchar *p;
  gboolean ok;

  for (p = source->path; *p; p++) {
    if (*p == '"' || *p == '\\')
      g_string_append_c (text, '\\');
    if (*p == '\n')
      g_string_append (text, "\\n");
    else
      g_string_append_c (text, *p);
  }
  g_string_append (text, "\"\n");
  g_string_append_len (text, source->text, (gssize) source->size);
  ok = g_file_set_contents (file, text->str, (gssize) text->len, error);
  g_string_free (text, TRUE);
  return ok;
}

static void
add_words (GPtrArray *argv, const gchar *const *words, gsize n)
{
  gsize i;

  for (i = 0; i < n; i++)
    g_ptr_array_add (argv, (gpointer) words[i]);
}

/* Runs it with @options, on @file; FALSE with an error, or with *@failure set to
 * what it said. */
static gboolean
run_compiler (const GPtrArray *compiler, const gchar *const *options,
    gsize n_options, const gchar *file, const gchar *output, const gchar *dir,
    gchar **failure, gchar **messages, GError **error)
{
  GPtrArray *argv = g_ptr_array_new ();
  GError *why = NULL;
  gint status = 0;
  gboolean ok;

  add_words (argv, (const gchar *const *) compiler->pdata, compiler->len);
  add_words (argv, options, n_options);
  /* As the system's, so that what its macros are made of is not shown. */
  g_ptr_array_add (argv, (gpointer) "-isystem");
  g_ptr_array_add (argv, (gpointer) include_dir ());
  g_ptr_array_add (argv, (gpointer) file);
  if (output) {
    g_ptr_array_add (argv, (gpointer) "-o");
    g_ptr_array_add (argv, (gpointer) output);
    g_ptr_array_add (argv, (gpointer) "-lm");
  }
  g_ptr_array_add (argv, NULL);
  ok = ring_tool_run ((const gchar *const *) argv->pdata, dir, &status,
      messages, error);
  if (ok && !g_spawn_check_wait_status (status, &why)) {
    *failure = g_strdup (why->message);
    g_error_free (why);
    ok = FALSE;
  }
  g_ptr_array_unref (argv);
  return ok;
}

static void
set_failure (const RingSource *source, const gchar *how, const gchar *failure,
    const gchar *messages, GError **error)
{
  gchar *clean = ring_messages_clean (messages, source->path);

  g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
      "kernel '%s' does not compile%s: %s", source->path, how,
      *clean ? clean : failure);
  g_free (clean);
}

/* What the source itself includes stands in -H's list behind one dot. */
static gboolean
check_includes (const RingSource *source, const gchar *messages, GError **error)
{
  gchar **lines = g_strsplit (messages, "\n", -1);
  gboolean ok = TRUE;
  guint i;

  for (i = 0; lines[i] && ok; i++) {
    if (!g_str_has_prefix (lines[i], ". ")
        || g_str_has_suffix (lines[i], "/ringkernel/kernel-sdk.h"))
      continue;
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "kernel '%s' does not compile: a kernel includes "
        "<ringkernel/kernel-sdk.h> and nothing else, not %s",
        source->path, lines[i] + 2);
    ok = FALSE;
  }
  g_strfreev (lines);
  return ok;
}

/* Refuses C that is not C++ as well. A compiler that has no C++ (gcc without g++)
 * cannot tell; then NVRTC does, where the kernel goes to a GPU. */
static gboolean
check_plus (const RingSource *source, const GPtrArray *compiler,
    const gchar *file, const gchar *dir, GError **error)
{
  gchar *messages = NULL, *failure = NULL, *clean, *place;
  GError *cause = NULL;
  gboolean ok = TRUE;

  if (!run_compiler (compiler, plus_flags, G_N_ELEMENTS (plus_flags), file,
          NULL, dir, &failure, &messages, &cause)) {
    if (cause) {
      g_propagate_error (error, cause);
      return FALSE;
    }
    clean = ring_messages_clean (messages, source->path);
    place = g_strconcat (source->path, ":", NULL);
    ok = !g_str_has_prefix (clean, place)
        || !g_ascii_isdigit (clean[strlen (place)]);
    if (ok)
      g_debug ("kernel '%s' is not looked at as C++: %s", source->path,
          messages);
    else
      set_failure (source, " as C++, which GPUs need", failure, messages,
          error);
    g_free (place);
    g_free (clean);
  }
  g_free (failure);
  g_free (messages);
  return ok;
}

static GBytes *
compile (const RingSource *source, const GPtrArray *compiler, const gchar *dir,
    GError **error)
{
  gchar *file = g_build_filename (dir, "kernel.c", NULL);
  gchar *output = g_build_filename (dir, "made.so", NULL);
  gchar *messages = NULL, *failure = NULL, *data = NULL;
  GBytes *object = NULL;
  GError *cause = NULL;
  gsize size;

  if (!write_source (source, file, &cause)) {
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "kernel '%s' cannot be compiled: %s", source->path, cause->message);
  } else if (!run_compiler (compiler, flags, G_N_ELEMENTS (flags), file, output,
                 dir, &failure, &messages, error)) {
    if (failure)
      set_failure (source, "", failure, messages, error);
  } else if (check_includes (source, messages, error)
      && check_plus (source, compiler, file, dir, error)) {
    if (g_file_get_contents (output, &data, &size, &cause)) {
      object = g_bytes_new_take (data, size);
      if (!ring_object_check (object, source, error))
        g_clear_pointer (&object, g_bytes_unref);
    } else {
      g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
          "the C compiler %s ended well, but has made nothing of kernel '%s': %s",
          (gchar *) g_ptr_array_index (compiler, 0), source->path,
          cause->message);
    }
  }
  g_clear_error (&cause);
  g_free (failure);
  g_free (messages);
  g_free (output);
  g_free (file);
  return object;
}

/* ---- loading ---------------------------------------------------------------------- */

static RingModule *
load (GBytes *object, const gchar *path, const gchar *dir, GError **error)
{
  gchar *file = g_build_filename (dir, "kernel.so", NULL);
  RingModule *module = NULL;
  GError *cause = NULL;
  gconstpointer data;
  gsize size;

  data = g_bytes_get_data (object, &size);
  if (g_file_set_contents (file, data, (gssize) size, &cause)) {
    module = ring_module_load (file, path, error);
  } else {
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "kernel '%s' cannot be loaded: %s", path, cause->message);
    g_error_free (cause);
  }
  g_free (file);
  return module;
}

/* With whatever a compiler has left in it. */
static void
remove_dir (const gchar *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const gchar *name;

  while (dir && (name = g_dir_read_name (dir))) {
    gchar *file = g_build_filename (path, name, NULL);

    g_remove (file);
    g_free (file);
  }
  if (dir)
    g_dir_close (dir);
  g_rmdir (path);
}

static RingModule *
make_module (const RingSource *source, const GPtrArray *compiler,
    GChecksum *key, const gchar *dir, GError **error)
{
  GBytes *object = ring_cache_get (key);
  RingModule *module = NULL;

  if (object) {
    module = load (object, source->path, dir, NULL);
    g_bytes_unref (object);
  }
  if (module) {
    g_debug ("kernel '%s': compiled before", source->path);
    return module;
  }
  object = compile (source, compiler, dir, error);
  if (!object)
    return NULL;
  module = load (object, source->path, dir, error);
  if (module)
    ring_cache_put (key, object);
  g_bytes_unref (object);
  return module;
}

RingModule *
ring_compile_cc (const gchar *path, GError **error)
{
  RingSource *source = ring_source_load (path, error);
  GPtrArray *compiler = source ? find_compiler (error) : NULL;
  GChecksum *key = compiler ? make_key (source, compiler, error) : NULL;
  RingModule *module = NULL;
  GError *dir_error = NULL;
  gchar *dir;

  if (key) {
    dir = g_dir_make_tmp ("ringkernel-XXXXXX", &dir_error);
    if (dir) {
      module = make_module (source, compiler, key, dir, error);
      remove_dir (dir);
      g_free (dir);
    } else {
      g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
          "no temporary directory to compile in: %s", dir_error->message);
      g_error_free (dir_error);
    }
  }
  g_clear_pointer (&key, g_checksum_free);
  g_clear_pointer (&compiler, g_ptr_array_unref);
  ring_source_free (source);
  return module;
}
