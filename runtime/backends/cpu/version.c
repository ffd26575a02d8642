/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * version.c: which version of the kernel runs, with which state and scratch, and the
 * change to the next one between two messages.
 */
#include "backends/cpu/cpu-private.h"

#include <stdlib.h>
#include <string.h>

typedef struct
{
  guint8 *state, *scratch;
  gsize stride; /* bytes of scratch per group */
  gboolean keep_state;
} Buffers;

/* A version that runs from its first message on. */
typedef struct
{
  guint32 generation;
  RingModule *module;
  Buffers buffers;
} CpuVersion;

gpointer
cpu_alloc_zeroed (gsize size)
{
  const gsize rounded =
      (size + RING_CACHE_LINE - 1) / RING_CACHE_LINE * RING_CACHE_LINE;
  gpointer memory;

  if (rounded < size)
    return NULL;
  memory = aligned_alloc (RING_CACHE_LINE, MAX (rounded, RING_CACHE_LINE));
  if (memory)
    memset (memory, 0, MAX (rounded, RING_CACHE_LINE));
  return memory;
}

static gboolean
alloc_buffers (CpuInstance *c, Buffers *b, gsize state_size, gsize scratch_size,
    gboolean keep_state, const gchar *name, GError **error)
{
  b->stride =
      (scratch_size + RING_CACHE_LINE - 1) / RING_CACHE_LINE * RING_CACHE_LINE;
  b->keep_state = keep_state;
  b->state = keep_state ? NULL : cpu_alloc_zeroed (state_size);
  b->scratch = cpu_alloc_zeroed (b->stride * c->n_groups);
  if ((b->state || keep_state) && b->scratch)
    return TRUE;
  g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
      "no memory for %" G_GSIZE_FORMAT " bytes of state and %" G_GSIZE_FORMAT
      " bytes of scratch of kernel '%s'",
      state_size, b->stride * c->n_groups, name);
  free (b->state);
  free (b->scratch);
  return FALSE;
}

static void
use_buffers (CpuInstance *c, const Buffers *b)
{
  guint i;

  if (!b->keep_state) {
    free (c->state);
    c->state = b->state;
  }
  free (c->scratch);
  c->scratch = b->scratch;
  for (i = 0; i < c->n_groups; i++)
    c->groups[i].scratch = b->scratch + i * b->stride;
}

/* Takes @version. */
static void
use_version (CpuInstance *c, CpuVersion *version)
{
  RingModule *old = c->module;
  guint i;

  use_buffers (c, &version->buffers);
  c->module = version->module;
  c->description = version->module->description;
  c->generation = version->generation;
  for (i = 0; i < c->n_groups; i++)
    memset (c->groups[i].cost, 0, sizeof c->groups[i].cost);
  ring_module_unref (old);
  g_free (version);
}

/* All that have come up to @generation, each in its turn: what it does to the state
 * counts, even if no message was for it. */
void
cpu_change_version (CpuInstance *c, guint32 generation)
{
  CpuVersion *version;

  g_mutex_lock (&c->versions_lock);
  while ((version = g_queue_peek_head (&c->versions))
      && (gint32) (generation - version->generation) >= 0) {
    g_queue_pop_head (&c->versions);
    use_version (c, version);
  }
  g_mutex_unlock (&c->versions_lock);
}

/* Nothing is queued or running, so the host may do it: who takes the next message
 * sees it, because that is published afterwards. */
static void
change_to_latest (CpuInstance *c)
{
  CpuVersion *version;

  g_mutex_lock (&c->versions_lock);
  while ((version = g_queue_pop_head (&c->versions)))
    use_version (c, version);
  g_mutex_unlock (&c->versions_lock);
}

gboolean
cpu_set_buffers (RingInstance *instance, gsize state_size, gsize scratch_size,
    gboolean keep_state, GError **error)
{
  CpuInstance *c = (CpuInstance *) instance;
  Buffers buffers;

  change_to_latest (c);
  if (!alloc_buffers (c, &buffers, state_size, scratch_size, keep_state,
          c->module->name, error))
    return FALSE;
  use_buffers (c, &buffers);
  return TRUE;
}

gboolean
cpu_replace (RingInstance *instance, const RingReplacement *replacement,
    GError **error)
{
  CpuInstance *c = (CpuInstance *) instance;
  CpuVersion *version = g_new0 (CpuVersion, 1);

  version->generation = replacement->generation;
  if (!alloc_buffers (c, &version->buffers,
          replacement->has_buffers ? replacement->state_size : 0,
          replacement->has_buffers ? replacement->scratch_size : 0,
          replacement->keep_state, replacement->module->name, error)) {
    g_free (version);
    return FALSE;
  }
  version->module = ring_module_ref (replacement->module);
  g_mutex_lock (&c->versions_lock);
  g_queue_push_tail (&c->versions, version);
  g_mutex_unlock (&c->versions_lock);
  if (replacement->idle)
    change_to_latest (c);
  return TRUE;
}

/* The end: of those that never came to run, too. */
void
cpu_free_versions (CpuInstance *c)
{
  CpuVersion *version;

  while ((version = g_queue_pop_head (&c->versions))) {
    free (version->buffers.state);
    free (version->buffers.scratch);
    ring_module_unref (version->module);
    g_free (version);
  }
  free (c->state);
  free (c->scratch);
  ring_module_unref (c->module);
}
