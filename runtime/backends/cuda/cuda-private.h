/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cuda-private.h: what the files of the cuda backend share.
 */
#ifndef RING_CUDA_PRIVATE_H
#define RING_CUDA_PRIVATE_H

#include "backends/cuda/driver.h"
#include "core/backend.h"
#include "ringkernel/residency.h"

G_BEGIN_DECLS

typedef struct _CudaInstance CudaInstance;

/* A piece of memory, of the device or page-locked. */
typedef struct
{
  guint64 address;
  gsize size;
} CudaBlock;

/* ---- device.c: a device and its context ------------------------------------------ */

typedef struct
{
  RingBackend base;
  const CudaDriver *driver;
  CUdevice device;
  CUcontext context;
  gboolean primary; /* we hold a reference to the primary context */
  gboolean kept; /* atomic; a kernel that may still run has it: never closed */
  gchar *name;
  gint multiprocessors;
  gint max_threads; /* per block */
  gint major, minor;
  gboolean cooperative;
  gboolean
      watchdog; /* kernels have a time limit: a display hangs on the device */
  gboolean stream_writes;
  gboolean memory_pools;
  gint least_priority, greatest_priority; /* of streams; smaller is greater */

  /* page-locked memory of ours: where it lies, and where the device sees it */
  GRWLock pinned_lock;
  GTree *pinned; /* host address -> CudaPinned */

  /* what could not be freed when it was due */
  GMutex garbage_lock;
  GArray *garbage; /* of CudaBlock; size: on the device */
} CudaBackend;

/* Every thread brings the context along for as long as it calls the driver. */
static inline gboolean
cuda_enter (CudaBackend *b)
{
  return b->driver->cuCtxPushCurrent_v2 (b->context) == CUDA_SUCCESS;
}

static inline void
cuda_leave (CudaBackend *b)
{
  CUcontext ignored;

  b->driver->cuCtxPopCurrent_v2 (&ignored);
}

gpointer cuda_alloc_host (RingBackend *backend, gsize size);
void cuda_free_host (RingBackend *backend, gpointer memory);
void cuda_free_later (CudaBackend *b, guint64 address, gboolean on_device);
/* Where the device sees @size bytes of page-locked memory at @host; 0: they are
 * not page-locked. */
CUdeviceptr cuda_find_pinned (CudaBackend *b, gconstpointer host, gsize size);
/* Likewise, also by whom else, whatever that costs. */
CUdeviceptr cuda_find_foreign (CudaBackend *b, gconstpointer host, gsize size);

/* ---- instance -------------------------------------------------------------------- */

/* One payload on its way: how a plane lies on either side. */
typedef struct
{
  guint8 *host;     /* the caller's */
  gint host_stride; /* bytes */
  gint stride;      /* in the block */
  gsize row;        /* bytes of a row that are the payload's */
  guint rows;
  gsize offset; /* in the block */
} CudaPlane;

typedef enum
{
  CUDA_PAYLOAD_NONE,   /* in the slot, or nothing is to be done for it */
  CUDA_PAYLOAD_INLINE, /* copied into the slot, or out of it */
  CUDA_PAYLOAD_BOUNCED, /* in a page-locked block of ours, which the device reads */
  CUDA_PAYLOAD_STAGED /* in a device block of ours */
} CudaPayloadWay;

typedef struct
{
  CudaPayloadWay way;
  guint n_planes;
  gboolean shared;    /* the device block is the input's */
  gboolean copying;   /* output: the copy to the host has been enqueued */
  gpointer bounce;    /* page-locked; NULL: the caller's memory is so itself */
  CUdeviceptr device; /* staged */
  gsize block_size;   /* of either */
  CUevent copied;     /* output, while copying */
  CudaPlane plane[RING_MAX_PLANES];
} CudaPayload;

/* A slot that will be published when what was enqueued for it is done, and its version
 * runs. */
typedef struct
{
  guint64 position;
  CUevent done; /* NULL: nothing was */
} CudaUnpublished;

/* A version of the kernel: what the host knows of it, and its code for the device. */
typedef struct
{
  RingModule *module;
  CUmodule loaded;
  CUfunction function;
  GBytes *image;      /* compiled for this launch; or NULL */
  gconstpointer data; /* what cuModuleLoadData takes */
  gchar *origin;      /* where that comes from, for people */
} CudaCode;

/* A version that runs from its first message on, see version.c; or one that does not
 * run any more, whose memory waits to be given back. */
typedef struct
{
  CudaCode code;
  guint64 position; /* of its first message in the input ring */
  gboolean keep_state;
  CUdeviceptr state, scratch;
  gsize scratch_stride;
} CudaVersion;

struct _CudaInstance
{
  RingInstance base;

  CudaBackend *backend;
  const gchar *name; /* the kernel's, for people; interned; atomic */
  RingGeometry geometry;
  RingTransfer transfer;
  guint64 lease, termination_timeout; /* us */
  guint poll_interval;                /* us */
  void (*notify) (gpointer data);
  void (*failed) (gpointer data, GError *error);
  gpointer notify_data;

  /* the kernel; changes under `driving`, while nothing is resident */
  CudaCode code;
  guint grid, block;
  gboolean cooperative;
  RingResidency residency;
  CUgraphExec graph; /* event-driven: one launch, captured; or NULL */
  gboolean no_graph;

  /* memory that host and device share: one page-locked block */
  guint8 *shared;
  RingRegion *device_regions; /* by the device's addresses */
  CUdeviceptr memory, state, scratch;
  gsize shared_size;

  /* the kernel's own stream, and one for each way of copying */
  CUstream stream, copy_in, copy_out;
  CUstream capture; /* event-driven: on which the graph is captured */

  /* `holding`: that `held` and the host's word `leave` say the same */
  GMutex holding;

  /* `driving`: launches, what waits to be published, and the health of the device */
  GMutex driving;
  gboolean resident;   /* atomic; a launch has not been seen to end */
  guint64 launches;    /* residencies asked for */
  gint64 launched_at;  /* us */
  gint64 checked_at;   /* us */
  guint64 heartbeat;   /* when last looked at … */
  gint64 heartbeat_at; /* … and when it last changed */
  guint64 fetched;     /* output slots whose copies back have been enqueued */
  gboolean ended;      /* no residency may begin any more */
  gint held;           /* atomic, `holding`; not 0: no residency may begin */
  gboolean changing;   /* held once for the version that is due */
  gboolean broken;     /* atomic; nothing more is asked of the device */
  gboolean lost;       /* atomic; so is the context: leave the driver alone */
  gboolean stalled;    /* atomic; it may run for ever */
  GError *error;       /* why; under `sleep` */
  gboolean reported;   /* likewise */

  /* `transfers`: everything of payloads that are not in their slots */
  GMutex transfers;
  CudaPayload *payloads;               /* entry * (1 + max_outputs) */
  GQueue unpublished;                  /* of CudaUnpublished … */
  guint n_unpublished;                 /* … and how many; atomic */
  GQueue versions;                     /* of CudaVersion: to come */
  GQueue past;                         /* of CudaVersion: over */
  GPtrArray *events;                   /* spare ones */
  GArray *spare_device, *spare_bounce; /* of CudaBlock */
  GArray
      *slabs; /* of CudaBlock, that blocks are cut from; size: on the device */
  guint in_copy; /* copies back that are under way; atomic */

  /* the clocks: host = device + offset, which lies between these */
  gint64 offset_low, offset_high;

  /* the bridge's thread */
  GMutex sleep;
  GCond kick;
  guint64 kicks;
  gint sleeping; /* atomic */
  gint pollers;  /* who looks for himself; atomic */
  gint quit;     /* atomic */
  GThread *thread;
};

static inline const gchar *
cuda_name (CudaInstance *c)
{
  return __atomic_load_n (&c->name, __ATOMIC_ACQUIRE);
}

/* residency.c */
gboolean cuda_start_bridge (CudaInstance *c, GError **error);
/* Runs one residency that leaves at once; before the first message. */
gboolean cuda_warm_up (CudaInstance *c, GError **error);
/* Likewise with the code of a version to come, in between two residencies; all are
 * held. */
gboolean cuda_try_code (CudaInstance *c, const CudaCode *code, GError **error);
void cuda_wake (RingInstance *instance);
void cuda_poll (RingInstance *instance);
gboolean cuda_stop (RingInstance *instance, gint64 deadline);
void cuda_join_bridge (CudaInstance *c);
/* With `driving`: sees that the kernel has left. */
void cuda_update_residency (CudaInstance *c);

/* hold.c */
/* Whether it has left, by @deadline. One that does not is in the middle of a long
 * message, or hangs. */
gboolean cuda_await_leave (CudaInstance *c, gint64 deadline);
/* Makes every kernel in the context of @b leave, and keeps it out, while memory is
 * got or given back: the driver may wait for all of them meanwhile. Nests. FALSE:
 * one does not leave, and the driver must not be asked for anything that waits. */
gboolean cuda_hold_all (CudaBackend *b);
void cuda_release_all (CudaBackend *b);
/* Makes this one leave, and keeps it out; does not wait for it. */
void cuda_hold (CudaInstance *c);
void cuda_release (CudaInstance *c);
/* Something failed in the context of @b, which must be current: whether its kernels
 * are still there. */
void cuda_check_all (CudaBackend *b);
void cuda_register_instance (CudaInstance *c);
void cuda_unregister_instance (CudaInstance *c);

/* The first cause counts. Any thread. */
void cuda_break (CudaInstance *c, CUresult result, const gchar *doing);
static inline gboolean
cuda_is_broken (CudaInstance *c)
{
  return __atomic_load_n (&c->broken, __ATOMIC_ACQUIRE);
}

/* blocks.c; any thread, with the context current */
gboolean cuda_acquire_blocks (CudaInstance *c, CudaPayload *p, gsize size,
    gboolean bounce, gboolean device, GError **error);
void cuda_release_blocks (CudaInstance *c, const CudaPayload *p);
CUevent cuda_take_event (CudaInstance *c);
void cuda_give_event (CudaInstance *c, CUevent event);
/* Gives all blocks back; nothing is in flight. */
void cuda_transfer_trim (CudaInstance *c);

/* transfer.c */
gboolean cuda_transfer_init (CudaInstance *c, GError **error);
void cuda_transfer_clear (CudaInstance *c);
gboolean cuda_publish (RingInstance *instance, guint64 position,
    const RingPlacement *placement, GError **error);
gboolean cuda_ready (RingInstance *instance, RingMessageHeader *slot);
/* Publishes what has arrived where the driver cannot; whether there was anything to
 * do. With `driving` held. */
gboolean cuda_transfer_drive (CudaInstance *c);
/* Whether copies are under way. */
gboolean cuda_transfer_busy (CudaInstance *c);

/* launch.c */
RingInstance *cuda_launch (RingBackend *backend, const RingLaunch *launch,
    GError **error);
gboolean cuda_set_buffers (RingInstance *instance, gsize state_size,
    gsize scratch_size, gboolean keep_state, GError **error);
void cuda_free (RingInstance *instance);
/* Device memory, which belongs to what comes after it on @stream; given back on the
 * kernel's. With the context current. */
CUresult cuda_alloc_device (CudaInstance *c, CUdeviceptr *memory, gsize size,
    CUstream stream);
void cuda_free_device (CudaInstance *c, CUdeviceptr memory);
/* One residency on the instance's stream; with the context current. */
CUresult cuda_launch_residency (CudaInstance *c);
CUresult cuda_launch_function (CudaInstance *c, CUfunction function,
    CUstream stream);
/* Whether as many threads of @code can be on the device as there are. */
gboolean cuda_check_threads (CudaInstance *c, const CudaCode *code,
    GError **error);

/* image.c: finds the code of code->module, which may mean to compile it; the driver is
 * not asked for anything. */
gboolean cuda_find_code (CudaBackend *b, CudaCode *code, GError **error);
/* Then loads it. */
gboolean cuda_load_code (CudaBackend *b, CudaCode *code, GError **error);
/* All are held. Only what was loaded is the driver's: @lost: leave that alone. */
void cuda_clear_code (CudaBackend *b, CudaCode *code, gboolean lost);

/* version.c */
gpointer cuda_prepare (RingInstance *instance, RingModule *module,
    GError **error);
void cuda_discard (RingInstance *instance, gpointer prepared);
gboolean cuda_replace (RingInstance *instance,
    const RingReplacement *replacement, GError **error);
/* Changes to the version whose turn it is. With `driving` and the context. Whether
 * anything was done. */
gboolean cuda_change_version (CudaInstance *c);
/* Whether there is one whose turn it is. */
gboolean cuda_version_is_due (CudaInstance *c);
/* Whether the message at @position has to wait for its version; with `transfers`. */
gboolean cuda_must_wait_locked (CudaInstance *c, guint64 position);
/* Gives back what versions that are over had, and at the @end those to come, too. All
 * are held. */
void cuda_free_versions (CudaInstance *c, gboolean end, gboolean lost);

G_END_DECLS

#endif /* RING_CUDA_PRIVATE_H */
