/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * backend.h: what a backend gives to the core. The core validates, counts and
 * keeps every promise of the public API; a backend owns the device's side of the
 * rings and nothing else.
 */
#ifndef RING_BACKEND_H
#define RING_BACKEND_H

#include "ringkernel/ringkernel.h"
#include "ringkernel/worker.h"
#include "ringkernel/ring-queue.h"
#include "core/module.h"

G_BEGIN_DECLS

typedef struct _RingBackend RingBackend;
typedef struct _RingInstance RingInstance;

/* What the core asks of a launch; all of it checked before. */
typedef struct
{
  RingModule *module;
  const RingConfig *config;
  gint grid; /* -1: the backend chooses */
  gint block;
  RingGeometry geometry;
  /* Called by the backend from any of its threads after it has published
   * outputs or changed its own words, with no lock held. */
  void (*notify) (gpointer data);
  gpointer notify_data;
} RingLaunch;

typedef struct
{
  RingBackendType type;
  const gchar *name;

  /* Opens @device. Any thread. Errors: NO_DEVICE, FAILED. */
  RingBackend *(*open) (gint device, GError **error);
  /* No instance is left when it is called. */
  void (*close) (RingBackend *backend);
  const gchar *(*device_name) (RingBackend *backend);

  /* Makes rings, tables and whatever runs the kernel; nothing runs yet. Any
   * thread; may wait for the device. Errors: INVALID_OPTION, NO_MEMORY,
   * KERNEL_INVALID, FAILED. */
  RingInstance *(
      *launch) (RingBackend *backend, const RingLaunch *launch, GError **error);

  /* Gives the kernel scratch memory and, unless @keep_state, state of these sizes,
   * zeroed. Called while nothing is queued or running. Errors: NO_MEMORY; then all
   * is as before. */
  gboolean (*set_buffers) (RingInstance *instance, gsize state_size,
      gsize scratch_size, gboolean keep_state, GError **error);

  /* The host has published messages, freed output slots, or changed its words.
   * Any thread, no lock held; in inline mode this is where the work is done. */
  void (*wake) (RingInstance *instance);

  /* host.terminate is set: waits until nothing of the kernel runs any more, up to
   * @deadline (g_get_monotonic_time). FALSE: it still runs. */
  gboolean (*stop) (RingInstance *instance, gint64 deadline);

  /* After a successful stop only: whatever may still run is never freed. */
  void (*free) (RingInstance *instance);
} RingBackendClass;

struct _RingBackend
{
  const RingBackendClass *klass;
};

/* Filled by launch; fixed from then on but for the memory behind it. */
struct _RingInstance
{
  const RingBackendClass *klass;
  RingExecutionMode mode; /* as chosen */
  guint workers;
  RingControlBlock *control;
  guint8 *input_slots; /* as the host addresses them */
  guint8 *output_slots;
  guint8 *parameters;  /* geometry.parameter_sets sets */
  RingRegion *regions; /* by host address */
  /* How many messages the device may hold between taking and finishing them:
   * after a time-out these are not touched. */
  guint max_running;
};

extern const RingBackendClass ring_cpu_backend;

G_END_DECLS

#endif /* RING_BACKEND_H */
