/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * main.c: measures one part of what the project promises of a GPU.
 *
 *   gpu-bench --list                      names of the parts, one to a line
 *   gpu-bench PART [--quick] [--json F]   runs it; a table, and JSON to F
 *
 * Status 0: it ran, and every result was looked at and right, whether a goal is met
 * or not; 1: something failed, and F says what; 2: wrong usage; 77: there is no GPU.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

static const struct
{
  const gchar *name;
  BenchPart run;
  const gchar *what;
} parts[] = {
  { "machine", bench_machine, "the machine's own limits" },
  { "roundtrip", bench_roundtrip, "64 bytes there and back, one outstanding" },
  { "messages", bench_messages, "64-byte messages in a second" },
  { "frames-host", bench_frames_host, "4K frames in system memory" },
  { "frames-device", bench_frames_device, "4K frames in device memory" },
  { "idle", bench_idle, "what it costs to wait, and to be back" },
  { "relaunch", bench_relaunch, "the gap at the end of a lease" },
  { "crossover", bench_crossover, "which mode for which size" },
  { "timeline", bench_timeline, "the instants of a frame" },
};

static BenchStatus
run_part (guint which, gboolean quick, const gchar *path)
{
  g_autoptr (BenchReport) report = bench_report_new (parts[which].name, quick);
  g_autoptr (RingConfig) config = ring_config_new ();
  Bench bench = { quick, NULL, NULL, report };
  GError *error = NULL;
  gboolean skipped;
  BenchStatus status;

  g_print ("%s: %s\n", parts[which].name, parts[which].what);
  config->backend = RING_BACKEND_CUDA;
  bench.gpu = gpu_open (&error);
  if (bench.gpu)
    bench.runtime = ring_runtime_new (config, &error);
  skipped = g_error_matches (error, RING_ERROR, RING_ERROR_NO_DEVICE)
      || g_error_matches (error, RING_ERROR, RING_ERROR_NOT_BUILT);
  if (bench.runtime) {
    gpu_describe (bench.gpu, report->root);
    parts[which].run (&bench, &error);
  }
  status = bench_report_end (report, error, skipped);
  error = NULL;
  bench_report_print (report);
  g_clear_object (&bench.runtime);
  g_clear_pointer (&bench.gpu, gpu_close);
  if (path && !bench_report_write (report, path, &error)) {
    g_printerr ("gpu-bench: cannot write %s: %s\n", path, error->message);
    g_clear_error (&error);
    status = BENCH_FAILED;
  }
  return status;
}

int
main (int argc, char **argv)
{
  gboolean list = FALSE, quick = FALSE;
  g_autofree gchar *path = NULL;
  const GOptionEntry options[] = { { "list", 0, 0, G_OPTION_ARG_NONE, &list,
                                       "Names the parts", NULL },
    { "quick", 0, 0, G_OPTION_ARG_NONE, &quick,
        "Only whether it runs: few samples, small frames", NULL },
    { "json", 0, 0, G_OPTION_ARG_FILENAME, &path, "Writes the figures there",
        "FILE" },
    { NULL } };
  g_autoptr (GOptionContext) context = g_option_context_new ("PART");
  g_autoptr (GError) error = NULL;
  guint i;

  setvbuf (stdout, NULL, _IOLBF, 0);
  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("gpu-bench: %s\n", error->message);
    return 2;
  }
  if (list) {
    for (i = 0; i < G_N_ELEMENTS (parts); i++)
      g_print ("%s\n", parts[i].name);
    return 0;
  }
  for (i = 0; argc == 2 && i < G_N_ELEMENTS (parts); i++)
    if (strcmp (argv[1], parts[i].name) == 0)
      return (int) run_part (i, quick, path);
  if (argc == 2)
    g_printerr ("gpu-bench: there is no part '%s'; --list names them\n",
        argv[1]);
  else
    g_printerr ("usage: gpu-bench PART [--quick] [--json FILE], or --list\n");
  return 2;
}
