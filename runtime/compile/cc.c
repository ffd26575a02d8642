/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cc.c: one kernel source -> one module, through this machine's C compiler
 * ($CC, else cc). The library is made in a private temporary directory and is
 * gone from the disk again once it is loaded.
 */
#include "core/core-private.h"

#include <glib/gstdio.h>
#include <string.h>

/* Found beside an uninstalled build by RINGKERNEL_INCLUDE, else installed. */
static const gchar *
include_dir (void)
{
  const gchar *env = g_getenv ("RINGKERNEL_INCLUDE");

  return env && *env ? env : RING_INCLUDE_DIR;
}

static gboolean
find_compiler (GPtrArray *argv, GError **error)
{
  const gchar *env = g_getenv ("CC");
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
        "install one (Debian, Ubuntu: apt install gcc), set CC, or use a "
        "kernel built as .so",
        word[0]);
    g_strfreev (word);
    return FALSE;
  }
  g_free (program);
  for (i = 0; i < n; i++)
    g_ptr_array_add (argv, g_strdup (word[i]));
  g_strfreev (word);
  return TRUE;
}

static gboolean
run_compiler (const gchar *source, const gchar *output, GError **error)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);
  gchar *messages = NULL, *include = NULL, *header = NULL;
  GError *spawn_error = NULL;
  gint status = 0;
  gboolean ok = FALSE;
  static const gchar *const flags[] = { "-std=gnu11", "-O3", "-march=native",
    "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fPIC",
    "-shared", "-fvisibility=hidden", "-fdiagnostics-color=never", "-Wall",
    /* Else a misspelt function is found by the loader, which knows no lines. */
    "-Werror=implicit-function-declaration", "-Werror=int-conversion" };
  guint i;

  if (!find_compiler (argv, error))
    goto out;
  header =
      g_build_filename (include_dir (), "ringkernel", "kernel-sdk.h", NULL);
  if (!g_file_test (header, G_FILE_TEST_EXISTS)) {
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "the kernel SDK's header is not at %s; install ringkernel's "
        "development files or set RINGKERNEL_INCLUDE",
        header);
    goto out;
  }
  for (i = 0; i < G_N_ELEMENTS (flags); i++)
    g_ptr_array_add (argv, g_strdup (flags[i]));
  include = g_strconcat ("-I", include_dir (), NULL);
  g_ptr_array_add (argv, g_strdup (include));
  g_ptr_array_add (argv, g_strdup ("-o"));
  g_ptr_array_add (argv, g_strdup (output));
  g_ptr_array_add (argv, g_strdup (source));
  g_ptr_array_add (argv, g_strdup ("-lm"));
  g_ptr_array_add (argv, NULL);

  if (!g_spawn_sync (NULL, (gchar **) argv->pdata, NULL,
          G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
          &messages, &status, &spawn_error)) {
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "the C compiler could not be run: %s", spawn_error->message);
    g_error_free (spawn_error);
  } else if (!g_spawn_check_wait_status (status, NULL)) {
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "kernel '%s' does not compile:\n%s", source,
        messages && *messages ? g_strchomp (messages) : "(no message)");
  } else {
    ok = TRUE;
  }

out:
  g_free (messages);
  g_free (include);
  g_free (header);
  g_ptr_array_unref (argv);
  return ok;
}

RingModule *
ring_compile_cc (const gchar *path, GError **error)
{
  gchar *dir, *output;
  RingModule *module = NULL;
  GError *dir_error = NULL;

  dir = g_dir_make_tmp ("ringkernel-XXXXXX", &dir_error);
  if (!dir) {
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "no temporary directory to compile in: %s", dir_error->message);
    g_error_free (dir_error);
    return NULL;
  }
  output = g_build_filename (dir, "kernel.so", NULL);
  if (run_compiler (path, output, error))
    module = ring_module_load (output, path, error);
  g_unlink (output);
  g_rmdir (dir);
  g_free (output);
  g_free (dir);
  return module;
}
