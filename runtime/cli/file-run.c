/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * file-run.c: a kernel on a file, from launch to the end: `run`, and parts for `watch`.
 */
#include "cli/file-run.h"

#include <string.h>
#include <unistd.h>

/* us; a message that takes longer counts as one that never comes back */
#define WAIT (60 * G_USEC_PER_SEC)
#define QUEUE 16

typedef struct
{
  gint64 next; /* us of the monotonic time; 0: nothing has begun */
  gboolean shown;
} Progress;

/* How far it is, where somebody looks and it takes a while. */
static void
show_progress (Progress *p, const CliSource *s)
{
  const gint64 now = g_get_monotonic_time ();

  if (p->next == 0)
    p->next = now + G_USEC_PER_SEC / 2;
  if (now < p->next || !isatty (STDERR_FILENO))
    return;
  if (s->total)
    fprintf (stderr, "\r%3d %%", (gint) (100 * s->at / s->total));
  else
    fprintf (stderr, "\r%" G_GUINT64_FORMAT " KiB", s->at / 1024);
  p->next = now + G_USEC_PER_SEC / 10;
  p->shown = TRUE;
}

static void
end_progress (Progress *p)
{
  if (p->shown)
    fputs ("\r\033[K", stderr);
  p->shown = FALSE;
}

/* Takes what is there; with @timeout waits for the first. */
static gboolean
receive (RingKernel *kernel, CliTakeFunc take, gpointer data, gint64 timeout,
    GError **error)
{
  for (;; timeout = 0) {
    g_autoptr (GError) reason = NULL;
    g_autoptr (RingMessage) message =
        ring_kernel_receive (kernel, timeout, NULL, &reason);

    if (!message && timeout == 0
        && (g_error_matches (reason, RING_ERROR, RING_ERROR_TIMED_OUT)
            || g_error_matches (reason, RING_ERROR, RING_ERROR_STATUS)))
      return TRUE;
    if (!message) {
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }
    if (!take (ring_message_get_payload (message), data, error))
      return FALSE;
  }
}

gboolean
cli_send (RingKernel *kernel, RingMessage *message, CliTakeFunc take,
    gpointer data, GError **error)
{
  for (;;) {
    g_autoptr (GError) reason = NULL;

    if (ring_kernel_send (kernel, message, 0, NULL, &reason))
      return receive (kernel, take, data, 0, error);
    if (!g_error_matches (reason, RING_ERROR, RING_ERROR_QUEUE_FULL)) {
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }
    if (!receive (kernel, take, data, WAIT, error))
      return FALSE;
  }
}

gboolean
cli_drain (RingKernel *kernel, CliTakeFunc take, gpointer data, GError **error)
{
  return ring_kernel_drain (kernel, WAIT, NULL, error)
      && receive (kernel, take, data, 0, error);
}

static gboolean
take (GBytes *payload, gpointer sink, GError **error)
{
  return cli_sink_put (sink, payload, error);
}

static gboolean
run_all (RingKernel *kernel, CliSource *s, CliSink *k, GError **error)
{
  RingMessage *message;
  GError *problem = NULL;
  Progress progress = { 0 };
  gboolean ok = TRUE, empty = TRUE;

  while (ok && (message = cli_source_next (s, &problem))) {
    empty = FALSE;
    ok = cli_send (kernel, message, take, k, error);
    ring_message_unref (message);
    if (ok)
      show_progress (&progress, s);
  }
  end_progress (&progress);
  if (problem) {
    g_propagate_error (error, problem);
    return FALSE;
  }
  if (!ok || !cli_drain (kernel, take, k, error))
    return FALSE;
  if (empty)
    return cli_set_wrong (error, "%s is empty", cli_files.input);
  return cli_sink_finish (k, error);
}

/* Auto means: a kernel that cannot run on the GPU runs here. */
RingKernel *
cli_launch (const gchar *id, gint wanted, gsize message, gboolean reload,
    GError **error)
{
  g_autoptr (RingConfig) config = ring_config_new ();
  g_autoptr (RingRuntime) runtime = NULL;
  RingKernel *kernel = NULL;

  config->backend = wanted;
  config->queue_capacity = QUEUE;
  config->reload = reload;
  config->parameter_files = TRUE;
  config->message_size =
      (guint) MAX (message + RING_HEADER_SIZE, RING_DEFAULT_MESSAGE_SIZE);
  runtime = ring_runtime_new (config, error);
  if (!runtime)
    return NULL;
  kernel = ring_runtime_launch (runtime, id, -1, -1, NULL, error);
  if (!kernel && wanted == RING_BACKEND_AUTO
      && ring_runtime_get_backend (runtime) != RING_BACKEND_CPU) {
    fprintf (stderr, "ringkernel: running on cpu: %s\n", (*error)->message);
    g_clear_error (error);
    return cli_launch (id, RING_BACKEND_CPU, message, reload, error);
  }
  return kernel;
}

gboolean
cli_run_source (const gchar *id, RingKernelInfo *info, CliSource *source,
    gint wanted, gchar **parameters, GError **error)
{
  g_autoptr (RingKernel) kernel =
      cli_launch (id, wanted, source->message, FALSE, error);
  g_autoptr (RingFormat) out = NULL;
  CliSink sink = { 0 };
  gboolean good = FALSE;

  if (!kernel || !cli_set_parameters (kernel, parameters, error)
      || !cli_source_settle (source, kernel, error)
      || !ring_kernel_activate (kernel, error))
    return FALSE;
  out = ring_kernel_get_output_format (kernel);
  cli_sink_init (&sink, source, out);
  if (cli_sink_check (&sink, info, error) && cli_sink_open (&sink, error)) {
    good = run_all (kernel, source, &sink, error);
    cli_sink_close (&sink, good);
  }
  return good;
}
