/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libringkernel alone, without GStreamer: the spikes of an ECG.
 *
 *   spikes-ring FILE
 *
 * FILE holds records of a uint64 (ns) and a double (mV), little-endian.
 */
#include <stdio.h>
#include <ringkernel/ringkernel.h>

#define RECORD_SIZE 16
#define BLOCK (360 * RECORD_SIZE) /* one second */

/* Prints every spike that is ready, without waiting. */
static guint
print_spikes (RingKernel *kernel)
{
  RingMessage *message;
  guint n_spikes = 0, i;

  while ((message = ring_kernel_receive (kernel, 0, NULL, NULL))) {
    for (i = 0; i < ring_message_get_n_records (message); i++) {
      g_autoptr (GVariant) record = ring_message_get_record (message, i, NULL);
      guint64 t;
      gdouble value, score;

      g_variant_get (record, "(tdd)", &t, &value, &score);
      printf ("%7.3f s  %6.3f mV  %4.1f sigma\n", t / 1e9, value, score);
      n_spikes++;
    }
    ring_message_unref (message);
  }
  return n_spikes;
}

static gboolean
run (const gchar *path, GError **error)
{
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autofree gchar *data = NULL;
  gsize size, at;
  guint n_spikes = 0;

  if (!g_file_get_contents (path, &data, &size, error))
    return FALSE;
  if (!(runtime = ring_runtime_new (NULL, error)))
    return FALSE;
  if (!(kernel = ring_runtime_launch (runtime, "spike-detect", -1, -1, NULL,
            error)))
    return FALSE;
  if (!ring_kernel_set_parameters_from_string (kernel,
          "threshold=2.5 window=90 refractory=0.3", error))
    return FALSE;
  if (!ring_kernel_activate (kernel, error))
    return FALSE;

  for (at = 0; at < size; at += BLOCK) {
    g_autoptr (GBytes) block = g_bytes_new (data + at, MIN (BLOCK, size - at));
    g_autoptr (RingMessage) message =
        ring_message_new_records ("(td)", block, error);

    /* -1: where the ring is full, wait until there is room. */
    if (!message || !ring_kernel_send (kernel, message, -1, NULL, error))
      return FALSE;
    n_spikes += print_spikes (kernel);
  }

  if (!ring_kernel_terminate (kernel, RING_TERMINATE_DRAIN, error))
    return FALSE;
  n_spikes += print_spikes (kernel);
  printf ("%u spikes, on %s\n", n_spikes,
      ring_runtime_get_device_name (runtime));
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  if (argc != 2) {
    fprintf (stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  if (!run (argv[1], &error)) {
    fprintf (stderr, "%s: %s\n", argv[0], error->message);
    return 1;
  }
  return 0;
}
