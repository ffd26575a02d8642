/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * compile.c: ringkernel compile
 *
 * The library compiles the source first, as it does for a pipeline: so what it
 * refuses is refused here, in its words. Then the same compiler makes the file, for
 * processors other than this one.
 */
#include "cli/cli.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

/* What every GPU has that kernels run on: 7.5. */
#define LEAST_CAPABILITY 75

static gchar *output;
static gchar *capability;
static gboolean native;

static const GOptionEntry options[] = {
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
      "the module to write; without this, FILE with .so for .c", "MODULE" },
  { "native", 0, 0, G_OPTION_ARG_NONE, &native,
      "for processors like this one alone: faster, and no module to give away",
      NULL },
  { "cuda", 0, 0, G_OPTION_ARG_STRING, &capability,
      "also write code for GPUs of this compute capability, like 9.0, beside the "
      "module; needs NVRTC",
      "N.N" },
  G_OPTION_ENTRY_NULL
};

static const gchar *
include_dir (void)
{
  const gchar *env = g_getenv ("RINGKERNEL_INCLUDE");

  return env && *env ? env : CLI_INCLUDE_DIR;
}

/* The library has found that there is a compiler: $CC, else cc. */
static gboolean
run_compiler (const gchar *source, const gchar *to, GError **error)
{
  static const gchar *const flags[] = { RING_KERNEL_CFLAGS, "-fPIC",
    "-shared" };
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autofree gchar *messages = NULL;
  const gchar *env = g_getenv ("CC");
  g_auto (GStrv) words = NULL;
  gint status = 0;
  gchar **word;
  gsize i;

  if (!env || !*env || !g_shell_parse_argv (env, NULL, &words, NULL))
    words = g_strsplit ("cc", " ", -1);
  for (word = words; *word; word++)
    g_ptr_array_add (argv, g_strdup (*word));
  for (i = 0; i < G_N_ELEMENTS (flags); i++)
    g_ptr_array_add (argv, g_strdup (flags[i]));
  if (native)
    g_ptr_array_add (argv, g_strdup ("-march=native"));
  g_ptr_array_add (argv, g_strconcat ("-I", include_dir (), NULL));
  g_ptr_array_add (argv, g_strdup ("-o"));
  g_ptr_array_add (argv, g_strdup (to));
  g_ptr_array_add (argv, g_strdup (source));
  g_ptr_array_add (argv, g_strdup ("-lm"));
  g_ptr_array_add (argv, NULL);
  if (!g_spawn_sync (NULL, (gchar **) argv->pdata, NULL,
          G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
          &messages, &status, error))
    return FALSE;
  if (g_spawn_check_wait_status (status, NULL))
    return TRUE;
  g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
      "kernel '%s' does not compile:\n%s", source, g_strchomp (messages));
  return FALSE;
}

/* "9.0" -> 90 */
static gboolean
parse_capability (const gchar *text, guint *value)
{
  g_auto (GStrv) parts = g_strsplit (text, ".", -1);
  guint64 major, minor;

  if (g_strv_length (parts) != 2
      || !g_ascii_string_to_unsigned (parts[0], 10, 1, 99, &major, NULL)
      || !g_ascii_string_to_unsigned (parts[1], 10, 0, 9, &minor, NULL))
    return FALSE;
  *value = (guint) (10 * major + minor);
  return *value >= LEAST_CAPABILITY;
}

static gchar *
with_suffix (const gchar *path, const gchar *suffix)
{
  const gchar *dot = strrchr (path, '.');
  const gchar *slash = strrchr (path, '/');
  g_autofree gchar *stem = dot && (!slash || dot > slash)
      ? g_strndup (path, dot - path)
      : g_strdup (path);

  return g_strconcat (stem, suffix, NULL);
}

/* Writes @code beside @module; returns where. */
static gchar *
write_cuda (GBytes *code, const gchar *module, GError **error)
{
  gsize size;
  const gchar *data = g_bytes_get_data (code, &size);
  /* A cubin is an ELF file, PTX is text. */
  const gboolean real = size > 4 && memcmp (data, "\177ELF", 4) == 0;
  g_autofree gchar *path = with_suffix (module, real ? ".cubin" : ".ptx");

  if (!g_file_set_contents (path, data, (gssize) size, error))
    return NULL;
  return g_steal_pointer (&path);
}

/* The module under its final name, once it has been seen to be one. */
static gboolean
make_module (RingRuntime *runtime, const gchar *source, const gchar *module,
    GError **error)
{
  g_autofree gchar *unfinished =
      g_strdup_printf ("%s.%d.so", module, (gint) getpid ());
  g_autoptr (RingKernelInfo) info = NULL;
  gboolean ok = FALSE;

  if (run_compiler (source, unfinished, error)) {
    g_autofree gchar *path = g_canonicalize_filename (unfinished, NULL);

    info = ring_runtime_find_kernel (runtime, path, error);
    ok = info != NULL;
  }
  if (ok && g_rename (unfinished, module) != 0) {
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
        "%s cannot be written: %s", module, g_strerror (errno));
    ok = FALSE;
  }
  if (!ok)
    g_unlink (unfinished);
  return ok;
}

static gint
run (const CliCommand *command, gchar **arguments)
{
  const gchar *source = arguments[0];
  g_autoptr (GError) error = NULL, reason = NULL;
  g_autoptr (RingRuntime) runtime = cli_cpu_runtime (&error);
  g_autoptr (RingKernelInfo) info = NULL;
  g_autoptr (GBytes) code = NULL;
  g_autofree gchar *module = NULL;
  g_autofree gchar *beside = NULL;
  guint wanted = LEAST_CAPABILITY;

  if (!g_str_has_suffix (source, ".c"))
    return cli_misused (command, "compile: '%s' is no .c file", source);
  if (capability && !parse_capability (capability, &wanted))
    return cli_misused (command,
        "compile: --cuda '%s' is no compute capability: 7.5 or more, like 9.0",
        capability);
  module = output ? g_strdup (output) : with_suffix (source, ".so");
  if (!g_str_has_suffix (module, ".so"))
    return cli_misused (command,
        "compile: the module '%s' must end in .so, or nothing finds it",
        module);

  if (runtime)
    info = ring_runtime_find_kernel (runtime, source, &error);
  if (!info)
    return cli_fail ("%s", error->message);
  code = ring_compile_for_cuda (source, wanted, &reason);
  if (!code
      && (capability
          || g_error_matches (reason, RING_ERROR, RING_ERROR_COMPILE)))
    return cli_fail ("%s", reason->message);
  if (!make_module (runtime, source, module, &error))
    return cli_fail ("%s", error->message);
  if (capability) {
    beside = write_cuda (code, module, &error);
    if (!beside)
      return cli_fail ("%s", error->message);
  }

  cli_print ("compiled: %s, kernel '%s'\n", module,
      ring_kernel_info_get_name (info));
  if (beside)
    cli_print ("compiled: %s, for GPUs of compute capability %s\n", beside,
        capability);
  else if (code)
    cli_print ("checked: it compiles for GPUs, too\n");
  else
    cli_print ("not checked whether it compiles for GPUs: %s\n",
        reason->message);
  return CLI_OK;
}

const CliCommand cli_compile = {
  .name = "compile",
  .summary = "a module that needs no compiler any more",
  .arguments = "FILE.c [OPTION …]",
  .min_arguments = 1,
  .max_arguments = 1,
  .description =
      "Compiles a kernel into a .so that is used like its source, on machines without\n"
      "a compiler too: name it by a path, or put it into a directory of the search\n"
      "path. It needs cc, or what CC names; what the compiler says is shown.\n\n"
      "Where NVRTC is installed the source is compiled for a GPU, too, so that what\n"
      "works on one side works on the other. A .so holds code for processors alone;\n"
      "--cuda puts code for a GPU beside it, where it is found.\n",
  .examples =
      "  ringkernel compile sparkle.c\n"
      "  ringkernel compile sparkle.c -o ~/.local/share/ringkernel/kernels/sparkle.so\n"
      "  ringkernel compile sparkle.c --cuda 9.0\n",
  .options = options,
  .run = run,
};
