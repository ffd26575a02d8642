/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * probe.c: a kernel on a plain stream that fills every thread of the device. A
 * multiprocessor on which all its blocks had their place at once was nobody else's.
 */
#include "probe.h"

#include <string.h>

/* ns that the probe's blocks wait for each other: they all begin within some us. */
#define PATIENCE 2000000

static gsize
probe_size (const Probe *probe)
{
  return (1 + (gsize) probe->grid) * sizeof (guint64);
}

gboolean
probe_init (Probe *probe, Gpu *gpu, GError **error)
{
  const gint all =
      gpu_attribute (gpu, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR);
  const gint most =
      gpu_attribute (gpu, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);

  memset (probe, 0, sizeof *probe);
  probe->gpu = gpu;
  if (!gpu_function (gpu, BENCH_FUNCTION ("probe"), &probe->function, error))
    return FALSE;
  /* As few blocks as possible that fill a multiprocessor to its last thread. */
  probe->each = (guint) ((all + most - 1) / most);
  probe->lanes = (guint) all / probe->each;
  probe->grid = gpu_co_resident (gpu, probe->function, probe->lanes);
  if (probe->grid != probe->each * (guint) gpu->multiprocessors) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "the probe cannot fill the device: %u blocks of %u threads fit on %d "
        "multiprocessors",
        probe->grid, probe->lanes, gpu->multiprocessors);
    return FALSE;
  }
  probe->memory = gpu_alloc (gpu, probe_size (probe), error);
  probe->seen = probe->memory
      ? gpu_alloc_pinned (gpu, probe_size (probe), NULL, error)
      : NULL;
  probe->parameter.arrived = (guint64 *) (guintptr) probe->memory;
  probe->parameter.seen = probe->parameter.arrived + 1;
  probe->parameter.patience = PATIENCE;
  /* Once, so that whatever is loaded late is there: that waits for the end of a
   * kernel, and later on there is one that does not end. */
  return probe->seen && probe_begin (probe, error)
      && gpu_sync (gpu, gpu->stream, error);
}

void
probe_clear (Probe *probe)
{
  if (!probe->gpu)
    return;
  if (!probe->gpu->abandoned)
    probe->gpu->cuStreamSynchronize (probe->gpu->stream);
  gpu_free (probe->gpu, probe->memory);
  gpu_free_pinned (probe->gpu, probe->seen);
}

gboolean
probe_begin (Probe *probe, GError **error)
{
  Gpu *gpu = probe->gpu;
  gpointer parameters[] = { &probe->parameter };

  return gpu_check (gpu,
             gpu->cuMemsetD8Async (probe->memory, 0, probe_size (probe),
                 gpu->stream),
             "clearing the probe's memory", error)
      && gpu_check (gpu,
          gpu->cuLaunchKernel (probe->function, probe->grid, 1, 1, probe->lanes,
              1, 1, 0, gpu->stream, parameters, NULL),
          "launching the probe", error);
}

gboolean
probe_wait (Probe *probe, gint64 us, gboolean *ended, GError **error)
{
  const gint64 until = g_get_monotonic_time () + us;
  CUresult result;

  while ((result = probe->gpu->cuStreamQuery (probe->gpu->stream))
          == CUDA_ERROR_NOT_READY
      && g_get_monotonic_time () < until)
    g_thread_yield ();
  *ended = result == CUDA_SUCCESS;
  return result == CUDA_ERROR_NOT_READY
      || gpu_check (probe->gpu, result, "waiting for the probe", error);
}

gboolean
probe_result (Probe *probe, guint *held, gboolean *right, GError **error)
{
  Gpu *gpu = probe->gpu;
  g_autoptr (GHashTable) places = g_hash_table_new (NULL, NULL);
  GHashTableIter iter;
  gpointer count;
  guint i, whole = 0, early = 0;

  if (!gpu_check (gpu,
          gpu->cuMemcpyDtoHAsync_v2 (probe->seen, probe->memory,
              probe_size (probe), gpu->stream),
          "reading what the probe saw", error)
      || !gpu_sync (gpu, gpu->stream, error))
    return FALSE;
  for (i = 0; i < probe->grid; i++) {
    const gpointer place = GSIZE_TO_POINTER (probe->seen[1 + i]);

    if (!place)
      continue;
    early++;
    g_hash_table_insert (places, place,
        GUINT_TO_POINTER (
            1 + GPOINTER_TO_UINT (g_hash_table_lookup (places, place))));
  }
  g_hash_table_iter_init (&iter, places);
  while (g_hash_table_iter_next (&iter, NULL, &count))
    whole += GPOINTER_TO_UINT (count) >= probe->each;
  *held =
      (guint) gpu->multiprocessors - MIN (whole, (guint) gpu->multiprocessors);
  /* Every block ran, and at least the first was not late. */
  *right = (guint32) probe->seen[0] == probe->grid && early > 0;
  return TRUE;
}
