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
  /* Likewise, once: the kernel is lost, and why. What is in flight will not be
   * finished. @error is taken. */
  void (*failed) (gpointer data, GError *error);
  gpointer notify_data;
} RingLaunch;

/* Where a message's payloads lie and what they wait for; see RingSubmission. */
typedef struct
{
  gboolean input_on_device, outputs_on_device;
  gpointer input_stream, output_stream;
} RingPlacement;

/* Another version of a kernel, to run the messages from @generation on; all of it
 * checked before. */
typedef struct
{
  RingModule *module;
  gpointer prepared; /* what `prepare` gave; NULL where there is none */
  guint32 generation;
  gboolean has_buffers;           /* FALSE: no format is settled */
  gsize state_size, scratch_size; /* else of these sizes, zeroed … */
  gboolean keep_state;            /* … but for the state as it is */
  gboolean idle;                  /* nothing is queued or running */
} RingReplacement;

typedef struct
{
  RingBackendType type;
  const gchar *name;

  /* Opens the device that @config names. Any thread. Errors: NO_DEVICE,
   * INVALID_OPTION, FAILED. */
  RingBackend *(*open) (const RingConfig *config, GError **error);
  /* No instance is left when it is called. */
  void (*close) (RingBackend *backend);
  const gchar *(*device_name) (RingBackend *backend);
  /* Memory that the device reaches without a copy in between, aligned to a cache
   * line. Any thread; may wait for the device. NULL: plain memory will do. */
  gpointer (*alloc_host) (RingBackend *backend, gsize size);
  void (*free_host) (RingBackend *backend, gpointer memory);
  /* The CUcontext. NULL: there is none. */
  gpointer (*native_context) (RingBackend *backend);

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

  /* Makes what `replace` needs to go on with @module, and may take long: nothing of
   * what runs is touched. Any thread, one at a time. Errors: as launch, and
   * NEEDS_LAUNCH. NULL: nothing is to be made. */
  gpointer (
      *prepare) (RingInstance *instance, RingModule *module, GError **error);
  /* It is not wanted after all. */
  void (*discard) (RingInstance *instance, gpointer prepared);
  /* From the message with @generation on the other version runs, and none before
   * is touched by it. Called in the order of generations, with the host's side of
   * the input ring held. Does not wait for what is queued. What was prepared is
   * taken. FALSE with an error (NO_MEMORY, FAULT): all is as before. */
  gboolean (*replace) (RingInstance *instance,
      const RingReplacement *replacement, GError **error);

  /* The slot at @position of the input ring is written, but for its sequence, and
   * its payloads are named by the region table: publishes it as soon as the device
   * may read them. Called in the order of positions. FALSE with an error
   * (NO_MEMORY, FAULT): nothing has happened. NULL: at once. */
  gboolean (*publish) (RingInstance *instance, guint64 position,
      const RingPlacement *placement, GError **error);

  /* Whether what the next slot of the output ring tells of is in the host's
   * memory; if not, notify follows. Called in the order of slots, until TRUE. May
   * change the slot's times to the host's clock. NULL: always. */
  gboolean (*ready) (RingInstance *instance, RingMessageHeader *slot);

  /* Somebody waits for the kernel and looks for himself instead of sleeping, for
   * some microseconds. NULL: he sleeps. */
  void (*poll) (RingInstance *instance);

  /* The host has published messages, freed output slots, or changed its words.
   * Any thread, no lock held; in inline mode this is where the work is done. */
  void (*wake) (RingInstance *instance);

  /* host.terminate is set: waits until nothing of the kernel runs any more, up to
   * @deadline (g_get_monotonic_time). FALSE: it still runs. TRUE with messages
   * unfinished: they are lost, and nothing touches their memory. */
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
  const gchar *fallback;  /* why not another; NULL: as asked for; static */
  guint workers;
  RingControlBlock *control;
  guint8 *input_slots; /* as the host addresses them */
  guint8 *output_slots;
  guint8 *parameters;  /* geometry.parameter_sets sets */
  RingRegion *regions; /* by host address */
  /* How many messages the device may hold between taking and finishing them:
   * after a time-out these are not touched. */
  guint max_running;
  guint64 bytes_copied; /* payload bytes that the backend has copied; atomic */
};

extern const RingBackendClass ring_cpu_backend;
#ifdef RING_HAVE_CUDA
extern const RingBackendClass ring_cuda_backend;
#endif

G_END_DECLS

#endif /* RING_BACKEND_H */
