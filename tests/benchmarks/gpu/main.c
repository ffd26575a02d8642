/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * main.c: measures one part of what the project promises of a GPU.
 *
 *   gpu-bench --list                      names of the parts, one to a line
 *   gpu-bench PART [--quick] [--json F] [--limit S]
 *                                         runs it; a table, and JSON to F
 *
 * Status 0: it ran, and every result was looked at and right, whether a goal is met
 * or not; 1: something failed, and F says what; 2: wrong usage; 77: there is no GPU.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* ---- no part takes for ever ------------------------------------------------------- */

typedef struct
{
  const gchar *part, *path;
  gboolean quick;
  gint seconds;
  GMutex lock;
  GCond changed;
  gboolean ended;
} Limit;

static gboolean
write_report (const BenchReport *report, const gchar *path)
{
  g_autoptr (GError) error = NULL;

  if (!path || bench_report_write (report, path, &error))
    return TRUE;
  g_printerr ("gpu-bench: cannot write %s: %s\n", path, error->message);
  return FALSE;
}

/* A call of the driver that waits for a kernel that never ends comes back no more,
 * and cannot be ended but with the process. */
static gpointer
watch (gpointer data)
{
  Limit *limit = data;
  const gint64 until =
      g_get_monotonic_time () + limit->seconds * G_USEC_PER_SEC;
  gboolean in_time = TRUE;

  g_mutex_lock (&limit->lock);
  while (!limit->ended && in_time)
    in_time = g_cond_wait_until (&limit->changed, &limit->lock, until);
  if (!limit->ended) {
    g_autoptr (BenchReport) report =
        bench_report_new (limit->part, limit->quick);

    bench_report_end (report,
        g_error_new (RING_ERROR, RING_ERROR_TIMED_OUT,
            "it did not end within %d s", limit->seconds),
        FALSE);
    bench_report_print (report);
    write_report (report, limit->path);
    fflush (NULL);
    _exit (BENCH_FAILED);
  }
  g_mutex_unlock (&limit->lock);
  return NULL;
}

static void
limit_begin (Limit *limit, GThread **thread)
{
  g_mutex_init (&limit->lock);
  g_cond_init (&limit->changed);
  *thread = g_thread_new ("limit", watch, limit);
}

static void
limit_end (Limit *limit, GThread *thread)
{
  g_mutex_lock (&limit->lock);
  limit->ended = TRUE;
  g_cond_signal (&limit->changed);
  g_mutex_unlock (&limit->lock);
  g_thread_join (thread);
  g_mutex_clear (&limit->lock);
  g_cond_clear (&limit->changed);
}

/* ---- a part ------------------------------------------------------------------------- */

static BenchStatus
run_part (guint which, gboolean quick, const gchar *path, gint seconds)
{
  g_autoptr (BenchReport) report = bench_report_new (parts[which].name, quick);
  g_autoptr (RingConfig) config = ring_config_new ();
  Bench bench = { quick, NULL, NULL, report };
  GError *error = NULL;
  Limit limit = { parts[which].name, path, quick, seconds };
  gboolean skipped;
  BenchStatus status;
  GThread *thread;

  limit_begin (&limit, &thread);
  g_print ("%s: %s\n", parts[which].name, parts[which].what);
  /* What is loaded late waits for the end of the kernel that is resident. */
  g_setenv ("CUDA_MODULE_LOADING", "EAGER", FALSE);
  config->backend = RING_BACKEND_CUDA;
  bench.gpu = gpu_open (&error);
  if (bench.gpu)
    bench.runtime = ring_runtime_new (config, &error);
  skipped = g_error_matches (error, RING_ERROR, RING_ERROR_NO_DEVICE)
      || g_error_matches (error, RING_ERROR, RING_ERROR_NOT_BUILT);
  if (bench.runtime) {
    if (!parts[which].run (&bench, &error))
      gpu_abandon (bench.gpu);
    /* Afterwards: the clocks of a GPU that has worked. */
    gpu_describe (bench.gpu, report->root);
  }
  status = bench_report_end (report, error, skipped);
  bench_report_print (report);
  g_clear_object (&bench.runtime);
  g_clear_pointer (&bench.gpu, gpu_close);
  limit_end (&limit, thread);
  return write_report (report, path) ? status : BENCH_FAILED;
}

int
main (int argc, char **argv)
{
  gboolean list = FALSE, quick = FALSE;
  g_autofree gchar *path = NULL;
  gint seconds = 240;
  const GOptionEntry options[] = { { "list", 0, 0, G_OPTION_ARG_NONE, &list,
                                       "Names the parts", NULL },
    { "quick", 0, 0, G_OPTION_ARG_NONE, &quick,
        "Only whether it runs: few samples, small frames", NULL },
    { "json", 0, 0, G_OPTION_ARG_FILENAME, &path, "Writes the figures there",
        "FILE" },
    { "limit", 0, 0, G_OPTION_ARG_INT, &seconds,
        "How long it may take; by default 240", "SECONDS" },
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
      return (int) run_part (i, quick, path, seconds);
  if (argc == 2)
    g_printerr ("gpu-bench: there is no part '%s'; --list names them\n",
        argv[1]);
  else
    g_printerr ("usage: gpu-bench PART [--quick] [--json FILE] "
                "[--limit SECONDS], or --list\n");
  return 2;
}
