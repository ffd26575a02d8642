/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * probe.c: what a backend runs on, and whether a message comes back from it.
 *
 *   gpu-probe cpu|cuda
 *
 * Prints lines of KEY=VALUE. Status 77 and a line "absent=WHY" where there is no
 * such backend or device; 1 and "error=WHAT" where there is one and it fails.
 */
#include <gmodule.h>
#include <ringkernel/ringkernel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* s; the driver's first call on a cold machine takes a few. */
#define LIMIT 60

static gboolean
say_error (const GError *error)
{
  g_autofree gchar *line = g_strdelimit (g_strdup (error->message), "\n", ' ');

  printf ("error=%s\n", line);
  return FALSE;
}

/* A message through the kernel `copy`. */
static gboolean
try_mode (RingRuntime *runtime, RingExecutionMode mode)
{
  g_autoptr (RingConfig) config = ring_runtime_get_config (runtime);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMessage) message = NULL;
  g_autoptr (RingMessage) reply = NULL;
  g_autoptr (RingMetrics) metrics = NULL;
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (GError) error = NULL;
  guint8 data[4096];
  const gchar *nick =
      mode == RING_EXECUTION_PERSISTENT ? "persistent" : "event-driven";
  gsize i;

  for (i = 0; i < sizeof (data); i++)
    data[i] = (guint8) (i * 7);
  payload = g_bytes_new (data, sizeof (data));
  config->mode = mode;
  kernel = ring_runtime_launch (runtime, "copy", -1, -1, config, &error);
  message = ring_message_new (payload);
  if (kernel && ring_kernel_activate (kernel, &error))
    reply =
        ring_kernel_call (kernel, message, 20 * G_USEC_PER_SEC, NULL, &error);
  if (!reply)
    return say_error (error);
  if (!g_bytes_equal (ring_message_get_payload (reply), payload)) {
    printf ("error=what came back through 'copy', %s, is not what was sent\n",
        nick);
    return FALSE;
  }
  if (!ring_kernel_terminate (kernel, RING_TERMINATE_DRAIN, &error))
    return say_error (error);
  metrics = ring_kernel_get_metrics (kernel);
  printf ("%s=%s, %u workers%s%s\n", nick,
      metrics->mode == mode ? "works" : "falls back", metrics->workers,
      metrics->fallback ? ": " : "",
      metrics->fallback ? metrics->fallback : "");
  return TRUE;
}

/* Asked of the driver itself, because the library has no need to know. */
static void
print_driver (void)
{
  GModule *driver = g_module_open ("libcuda.so.1", G_MODULE_BIND_LAZY);
  int (*get_version) (int *) = NULL;
  int version = 0;

  if (driver
      && g_module_symbol (driver, "cuDriverGetVersion",
          (gpointer *) &get_version)
      && get_version (&version) == 0)
    printf ("cuda=%d.%d\n", version / 1000, version % 1000 / 10);
  printf ("decoder=%s\n",
      g_module_open ("libnvcuvid.so.1", G_MODULE_BIND_LAZY) ? "there"
                                                            : "absent");
}

int
main (int argc, char **argv)
{
  g_autoptr (RingConfig) config = ring_config_new ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (GError) error = NULL;

  if (argc != 2
      || (strcmp (argv[1], "cpu") != 0 && strcmp (argv[1], "cuda") != 0)) {
    fprintf (stderr, "usage: %s cpu|cuda\n", argv[0]);
    return 2;
  }
  setvbuf (stdout, NULL, _IOLBF, 0);
  alarm (LIMIT);
  config->backend =
      strcmp (argv[1], "cpu") == 0 ? RING_BACKEND_CPU : RING_BACKEND_CUDA;
  runtime = ring_runtime_new (config, &error);
  if (!runtime
      && (g_error_matches (error, RING_ERROR, RING_ERROR_NO_DEVICE)
          || g_error_matches (error, RING_ERROR, RING_ERROR_NOT_BUILT))) {
    g_autofree gchar *line =
        g_strdelimit (g_strdup (error->message), "\n", ' ');

    printf ("absent=%s\n", line);
    return 77;
  }
  if (!runtime) {
    say_error (error);
    return 1;
  }
  printf ("device=%s\n", ring_runtime_get_device_name (runtime));
  if (config->backend == RING_BACKEND_CUDA)
    print_driver ();
  return try_mode (runtime, RING_EXECUTION_EVENT_DRIVEN)
          && try_mode (runtime, RING_EXECUTION_PERSISTENT)
      ? 0
      : 1;
}
