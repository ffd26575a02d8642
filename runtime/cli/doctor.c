/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * doctor.c: ringkernel doctor: what this machine can do. Nothing is guessed: a kernel
 * is compiled, launched and run.
 */
#include "cli/cli.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean as_json;

static const GOptionEntry options[] = {
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json,
      "for programs: {\"problems\", \"checks\": [{name, status, text, advice}, …]}; "
      "status is ok, missing or problem",
      NULL },
  G_OPTION_ENTRY_NULL
};

/* A missing part is one that kernels can do without; a problem is not. */
typedef enum
{
  STATUS_OK,
  STATUS_MISSING,
  STATUS_PROBLEM
} Status;

typedef struct
{
  gchar *name, *text, *advice; /* advice: NULL where there is nothing to do */
  Status status;
} Check;

static void
check_clear (gpointer check)
{
  Check *c = check;

  g_free (c->name);
  g_free (c->text);
  g_free (c->advice);
}

static void
add (GArray *checks, const gchar *name, Status status, const gchar *text,
    const gchar *advice)
{
  Check c = { g_strdup (name), g_strdelimit (g_strdup (text), "\n", ' '),
    g_strdup (advice), status };

  g_array_append_val (checks, c);
}

/* ---- compilers ------------------------------------------------------------------------- */

static const gchar trial_kernel[] =
    "#include <ringkernel/kernel-sdk.h>\n"
    "RING_KERNEL (ringkernel_doctor, \"Copies its input\", RING_IN_PLACE)\n"
    "{\n"
    "  RING_FOR_EACH (i, in.size)\n"
    "    out.data[i] = in.data[i];\n"
    "}\n";

/* A source in a folder of its own; NULL with an error. */
static gchar *
write_trial (gchar **folder, GError **error)
{
  g_autofree gchar *path = NULL;

  *folder = g_dir_make_tmp ("ringkernel-doctor-XXXXXX", error);
  if (!*folder)
    return NULL;
  path = g_build_filename (*folder, "ringkernel-doctor.c", NULL);
  if (!g_file_set_contents (path, trial_kernel, -1, error))
    return NULL;
  return g_steal_pointer (&path);
}

static void
check_compilers (GArray *checks, RingRuntime *runtime)
{
  g_autoptr (GError) error = NULL, nvrtc_error = NULL;
  g_autoptr (RingKernelInfo) info = NULL;
  g_autoptr (GBytes) code = NULL;
  g_autofree gchar *folder = NULL;
  g_autofree gchar *path = write_trial (&folder, &error);
  const gchar *cc = g_getenv ("CC");

  if (!path) {
    add (checks, "temporary files", STATUS_PROBLEM, error->message,
        "make room there, or name another folder in TMPDIR");
  } else {
    info = ring_runtime_find_kernel (runtime, path, &error);
    if (info)
      add (checks, "C compiler", STATUS_OK, cc && *cc ? cc : "cc", NULL);
    else
      /* The message says what to do. */
      add (checks, "C compiler", STATUS_MISSING, error->message,
          "without one, kernels are used as .so, and built-in ones");
    code = ring_compile_for_cuda (path, 90, &nvrtc_error);
    if (code)
      add (checks, "NVRTC", STATUS_OK, "compiles kernels for GPUs", NULL);
    else if (g_error_matches (nvrtc_error, RING_ERROR, RING_ERROR_NOT_BUILT))
      add (checks, "NVRTC", STATUS_MISSING, nvrtc_error->message,
          "for GPUs, build it where the CUDA toolkit is");
    else
      add (checks, "NVRTC", STATUS_MISSING, nvrtc_error->message,
          "without it, a GPU runs built-in kernels, and files that have code for "
          "it beside them");
    g_unlink (path);
  }
  if (folder)
    g_rmdir (folder);
}

/* ---- devices ------------------------------------------------------------------------------- */

/* One message through `copy`, and how it ran. */
static gboolean
try_device (RingRuntime *runtime, RingMetrics **metrics, GError **error)
{
  static const guint8 bytes[300] = { 1, 2, 3 };
  g_autoptr (RingKernel) kernel =
      ring_runtime_launch (runtime, "copy", -1, -1, NULL, error);
  g_autoptr (RingMessage) message =
      ring_message_new_from_data (bytes, sizeof (bytes));
  g_autoptr (RingMessage) reply = NULL;

  if (kernel && ring_kernel_activate (kernel, error))
    reply =
        ring_kernel_call (kernel, message, 10 * G_USEC_PER_SEC, NULL, error);
  if (!reply)
    return FALSE;
  if (!g_bytes_equal (ring_message_get_payload (reply),
          ring_message_get_payload (message))) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "the kernel 'copy' gives other bytes than it gets");
    return FALSE;
  }
  *metrics = ring_kernel_get_metrics (kernel);
  return TRUE;
}

static void
check_device (GArray *checks, const gchar *name, RingRuntime *runtime)
{
  g_autoptr (RingMetrics) m = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree gchar *text = NULL;

  if (!try_device (runtime, &m, &error)) {
    text = g_strdup_printf ("%s: %s", ring_runtime_get_device_name (runtime),
        error->message);
    add (checks, name, STATUS_PROBLEM, text,
        "RINGKERNEL_BACKEND=cpu keeps programs away from GPUs");
    return;
  }
  if (m->backend == RING_BACKEND_CPU)
    text = g_strdup_printf (
        "%s; mode auto is %s, and persistent is there if asked "
        "for",
        ring_runtime_get_device_name (runtime),
        cli_nick (RING_TYPE_EXECUTION_MODE, (gint) m->mode));
  else if (m->fallback)
    text = g_strdup_printf ("%s; mode auto is %s: %s",
        ring_runtime_get_device_name (runtime),
        cli_nick (RING_TYPE_EXECUTION_MODE, (gint) m->mode), m->fallback);
  else
    text = g_strdup_printf ("%s; mode auto is %s",
        ring_runtime_get_device_name (runtime),
        cli_nick (RING_TYPE_EXECUTION_MODE, (gint) m->mode));
  add (checks, name, STATUS_OK, text, NULL);
}

static void
check_devices (GArray *checks, RingRuntime *cpu)
{
  g_autoptr (RingConfig) config = ring_config_new ();
  const gchar *wanted = g_getenv ("RINGKERNEL_BACKEND");
  gint i;

  check_device (checks, "cpu", cpu);
  config->backend = RING_BACKEND_CUDA;
  for (i = 0; i < 64; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (RingRuntime) runtime = NULL;
    g_autofree gchar *name = g_strdup_printf ("cuda device %d", i);

    config->device = i;
    runtime = ring_runtime_new (config, &error);
    if (runtime) {
      check_device (checks, name, runtime);
      continue;
    }
    if (i == 0)
      add (checks, "cuda", STATUS_MISSING, error->message,
          "for a GPU: one of NVIDIA with its driver; all kernels run on the cpu, "
          "too");
    break;
  }
  if (wanted && *wanted && strcmp (wanted, "auto") != 0
      && strcmp (wanted, "cpu") != 0 && strcmp (wanted, "cuda") != 0)
    add (checks, "RINGKERNEL_BACKEND", STATUS_PROBLEM, wanted,
        "set it to auto, cpu or cuda");
  else if (wanted && *wanted)
    add (checks, "RINGKERNEL_BACKEND", STATUS_OK, wanted, NULL);
}

/* ---- where kernels come from ------------------------------------------------------------------ */

static guint
count_kernels (GDir *dir)
{
  const gchar *file;
  guint n = 0;

  while ((file = g_dir_read_name (dir)))
    n += g_str_has_suffix (file, ".c") || g_str_has_suffix (file, ".so");
  return n;
}

/* Whoever may write there may have anybody who looks for a kernel run anything. */
static void
check_directory (GArray *checks, const gchar *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = NULL;
  g_autofree gchar *text = NULL;
  struct stat info;
  guint n;

  if (stat (path, &info) != 0) {
    text = g_strdup_printf ("%s is not there", path);
    add (checks, "search path", STATUS_MISSING, text,
        "make it, and put kernels there, if you like");
    return;
  }
  if (!S_ISDIR (info.st_mode)) {
    text = g_strdup_printf ("%s is no directory", path);
    add (checks, "search path", STATUS_PROBLEM, text,
        "take it out of RINGKERNEL_PATH, or name the directory that it is in");
    return;
  }
  dir = g_dir_open (path, 0, &error);
  if (!dir) {
    add (checks, "search path", STATUS_PROBLEM, error->message,
        "make it readable, or take it out of RINGKERNEL_PATH");
    return;
  }
  /* The message says what to do. */
  if (!ring_kernel_directory_is_safe (path, &error)) {
    add (checks, "search path", STATUS_PROBLEM, error->message,
        "until then it is passed over");
    return;
  }
  n = count_kernels (dir);
  text = g_strdup_printf ("%s, %u kernel%s", path, n, n == 1 ? "" : "s");
  add (checks, "search path", STATUS_OK, text, NULL);
}

static void
check_kernels (GArray *checks, RingRuntime *runtime)
{
  g_auto (GStrv) path = ring_kernel_search_path ();
  g_auto (GStrv) names = ring_runtime_list_kernels (runtime);
  g_autofree gchar *text = NULL;
  gchar **p;

  for (p = path; *p; p++)
    check_directory (checks, *p);
  for (p = names; *p; p++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (RingKernelInfo) info =
        ring_runtime_find_kernel (runtime, *p, &error);

    if (!info) {
      g_autofree gchar *line =
          g_strndup (error->message, strcspn (error->message, "\n"));

      add (checks, "kernel", STATUS_PROBLEM, line,
          "'ringkernel compile FILE' says more; mend it or take it away");
    }
  }
  text = g_strdup_printf ("%u by name; 'ringkernel list' names them",
      g_strv_length (names));
  add (checks, "kernels", STATUS_OK, text, NULL);
}

/* ---- GStreamer ------------------------------------------------------------------------------------ */

static void
check_gstreamer (GArray *checks)
{
  g_autofree gchar *program = g_find_program_in_path ("gst-inspect-1.0");
  /* Without a version, one as new as that of GStreamer is looked for. */
  const gchar *argv[] = { program, "--exists", "--atleast-version=0.0",
    "ringkernelfilter", NULL };
  g_autoptr (GError) error = NULL;
  gint status = 0;

  if (!program) {
    add (checks, "GStreamer", STATUS_MISSING, "there is no gst-inspect-1.0",
        "for pipelines: Debian, Ubuntu: apt install gstreamer1.0-tools");
  } else if (!g_spawn_sync (NULL, (gchar **) argv, NULL,
                 G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                 NULL, NULL, NULL, &status, &error)) {
    add (checks, "GStreamer", STATUS_PROBLEM, error->message,
        "install GStreamer's tools again");
  } else if (!g_spawn_check_wait_status (status, NULL)) {
    add (checks, "GStreamer", STATUS_MISSING,
        "it does not find the element ringkernelfilter",
        "put the folder of libgstringkernel.so into GST_PLUGIN_PATH; "
        "'gst-inspect-1.0 -b' lists plugins that do not load");
  } else {
    add (checks, "GStreamer", STATUS_OK, "it finds ringkernelfilter", NULL);
  }
}

/* ---- telling -------------------------------------------------------------------------------------- */

static const gchar *const status_names[] = { "ok", "missing", "problem" };

static void
print_text (GArray *checks)
{
  guint i;

  for (i = 0; i < checks->len; i++) {
    const Check *c = &g_array_index (checks, Check, i);

    cli_print ("%-7s  %s: %s%s%s\n", status_names[c->status], c->name, c->text,
        c->advice ? "; " : "", c->advice ? c->advice : "");
  }
}

static void
print_json (GArray *checks, guint problems)
{
  g_autoptr (JsonBuilder) b = json_builder_new ();
  guint i;

  json_builder_begin_object (b);
  cli_json_int (b, "problems", problems);
  json_builder_set_member_name (b, "checks");
  json_builder_begin_array (b);
  for (i = 0; i < checks->len; i++) {
    const Check *c = &g_array_index (checks, Check, i);

    json_builder_begin_object (b);
    cli_json_string (b, "name", c->name);
    cli_json_string (b, "status", status_names[c->status]);
    cli_json_string (b, "text", c->text);
    cli_json_string (b, "advice", c->advice);
    json_builder_end_object (b);
  }
  json_builder_end_array (b);
  json_builder_end_object (b);
  cli_print_json (b);
}

static gint
run (const CliCommand *command, gchar **arguments)
{
  g_autoptr (GArray) checks = g_array_new (FALSE, FALSE, sizeof (Check));
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = cli_cpu_runtime (&error);
  guint problems = 0, i;

  if (!runtime)
    return cli_fail ("%s", error->message);
  /* What was compiled some day says nothing of the compilers now. */
  g_setenv ("RINGKERNEL_CACHE", "off", TRUE);
  g_array_set_clear_func (checks, check_clear);
  check_compilers (checks, runtime);
  check_devices (checks, runtime);
  check_kernels (checks, runtime);
  check_gstreamer (checks);
  for (i = 0; i < checks->len; i++)
    problems += g_array_index (checks, Check, i).status == STATUS_PROBLEM;
  if (as_json)
    print_json (checks, problems);
  else
    print_text (checks);
  if (problems)
    return cli_fail ("doctor: %u problem%s", problems,
        problems == 1 ? "" : "s");
  return CLI_OK;
}

const CliCommand cli_doctor = {
  .name = "doctor",
  .summary = "what this machine can do, and what it lacks",
  .arguments = "[OPTION …]",
  .description =
      "Compiles a kernel, runs one on each device, and looks where kernels come from.\n"
      "Each line begins with one of\n\n"
      "  ok       works\n"
      "  missing  is not there, and need not be; what follows says what it is good for\n"
      "  problem  should be mended; what follows says how. Then the program ends with 1\n\n"
      "For a GPU it says in which mode kernels run there, and why not persistent where\n"
      "that is not safe.\n",
  .examples = "  ringkernel doctor\n"
              "  ringkernel doctor --json\n",
  .options = options,
  .run = run,
};
