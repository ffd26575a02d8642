/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * start.c: the first start of a kernel of 30 lines, which compiles it, against the
 * second, which takes it from the cache. Each is a process of its own, which says how
 * long the launch took. The cache is one of the benchmark's own.
 */
#include <ringkernel/ringkernel.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

static const gchar kernel_source[] =
    "#include <ringkernel/kernel-sdk.h>\n"
    "\n"
    "/* Darkens the corners, and tints what is bright. */\n"
    "static float\n"
    "weight (float x, float y, float strength)\n"
    "{\n"
    "  const float d = x * x + y * y;\n"
    "\n"
    "  return ring_clampf (1.0f - strength * d, 0.0f, 1.0f);\n"
    "}\n"
    "\n"
    "RING_KERNEL (start_bench, \"Darkens the corners\",\n"
    "    RING_VIDEO (\"RGB, BGR, RGBA, BGRA\"),\n"
    "    RING_FLOAT (strength, 0.8, 0.0, 2.0, \"How dark the corners get\"),\n"
    "    RING_FLOAT (tint, 0.2, 0.0, 1.0, \"How much of the first colour stays\"))\n"
    "{\n"
    "  const int64_t step = in.plane[0].pixel_stride;\n"
    "\n"
    "  RING_FOR_EACH_PIXEL (x, y, in.plane[0]) {\n"
    "    const uint8_t *from = ring_row (in.plane[0], y) + x * step;\n"
    "    uint8_t *to = ring_row (out.plane[0], y) + x * step;\n"
    "    const float u = 2.0f * (float) x / (float) in.width - 1.0f;\n"
    "    const float v = 2.0f * (float) y / (float) in.height - 1.0f;\n"
    "    const float w = weight (u, v, params.strength);\n"
    "\n"
    "    for (int64_t c = 0; c < step; c++)\n"
    "      to[c] = c == 3 ? from[c] : ring_clamp_u8 (from[c] * w);\n"
    "    to[0] = ring_mix_u8 (to[0], from[0], params.tint);\n"
    "  }\n"
    "}\n";

/* In the child: us that the launch took, on stdout. */
static int
start (const gchar *path)
{
  g_autoptr (RingConfig) config = ring_config_new ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (GError) error = NULL;
  gint64 begin;

  config->backend = RING_BACKEND_CPU;
  runtime = ring_runtime_new (config, &error);
  begin = g_get_monotonic_time ();
  if (runtime)
    kernel = ring_runtime_launch (runtime, path, -1, -1, NULL, &error);
  if (!kernel) {
    g_printerr ("%s\n", error->message);
    return 1;
  }
  g_print ("%" G_GINT64_FORMAT "\n", g_get_monotonic_time () - begin);
  return 0;
}

/* ms of the launch and of the whole process. */
static gboolean
measure (const gchar *self, const gchar *path, gdouble *launch,
    gdouble *process)
{
  const gchar *argv[] = { self, "--start", path, NULL };
  g_autofree gchar *output = NULL;
  const gint64 begin = g_get_monotonic_time ();
  gint status = -1;

  if (!g_spawn_sync (NULL, (gchar **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL,
          &output, NULL, &status, NULL)
      || status != 0)
    return FALSE;
  *process = (gdouble) (g_get_monotonic_time () - begin) / 1000;
  *launch = g_ascii_strtod (output, NULL) / 1000;
  return TRUE;
}

static int
compare (const void *a, const void *b)
{
  const gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;

  return x < y ? -1 : x > y;
}

static void
report (const gchar *what, gdouble *values, guint n)
{
  qsort (values, n, sizeof *values, compare);
  g_print ("%-34s %9.1f %9.1f %9.1f\n", what, values[n / 2], values[0],
      values[n - 1]);
}

int
main (int argc, char **argv)
{
  const gboolean quick = argc == 2 && strcmp (argv[1], "--quick") == 0;
  const guint n = quick ? 1 : 20;
  g_autofree gdouble *first = g_new (gdouble, n), *second = g_new (gdouble, n);
  g_autofree gdouble *first_process = g_new (gdouble, n);
  g_autofree gdouble *second_process = g_new (gdouble, n);
  g_autofree gchar *folder = NULL, *path = NULL, *cache = NULL;
  g_autofree gchar *compiler = NULL;
  g_auto (GStrv) lines = g_strsplit (kernel_source, "\n", -1);
  g_autoptr (GError) error = NULL;
  gboolean ok;
  guint i;

  if (argc == 3 && strcmp (argv[1], "--start") == 0)
    return start (argv[2]);

  compiler = g_find_program_in_path ("cc");
  if (!compiler) {
    g_print ("there is no C compiler 'cc'\n");
    return 77;
  }
  folder = g_dir_make_tmp ("ring-start-XXXXXX", &error);
  if (!folder) {
    g_printerr ("%s\n", error->message);
    return 1;
  }
  path = g_build_filename (folder, "kernel.c", NULL);
  g_setenv ("XDG_CACHE_HOME", folder, TRUE);
  g_setenv ("CC", compiler, TRUE);
  g_unsetenv ("RINGKERNEL_CACHE");
  cache = ring_kernel_cache_dir ();
  ok = g_file_set_contents (path, kernel_source, -1, &error);
  for (i = 0; i < n && ok; i++)
    ok = ring_kernel_cache_clear (&error)
        && measure (argv[0], path, &first[i], &first_process[i])
        && measure (argv[0], path, &second[i], &second_process[i]);
  ring_kernel_cache_clear (NULL);
  g_rmdir (cache);
  g_unlink (path);
  g_rmdir (folder);
  if (!ok) {
    g_printerr ("%s\n", error ? error->message : "the kernel does not start");
    return 1;
  }

  g_print ("A kernel of %u lines, %u times each, in ms:\n\n",
      g_strv_length (lines) - 1, n);
  g_print ("%-34s %9s %9s %9s\n", "", "median", "least", "most");
  report ("first launch (compiled)", first, n);
  report ("second launch (from the cache)", second, n);
  report ("first process, begin to end", first_process, n);
  report ("second process, begin to end", second_process, n);
  return 0;
}
