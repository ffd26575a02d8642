/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * core-private.h: what the files of core/ share.
 */
#ifndef RING_CORE_PRIVATE_H
#define RING_CORE_PRIVATE_H

#include "ringkernel/ringkernel.h"
#include "core/backend.h"
#include "core/claim.h"
#include "core/module.h"
#include "core/parameters.h"
#include "core/parameter-text.h"
#include "core/payload-pool.h"
#include "core/telemetry.h"

G_BEGIN_DECLS

/* types.c, config.c */
const gchar *ring_enum_nick_ (GType type, gint value);
gsize ring_record_size_ (const gchar *type);
gsize ring_format_pack_ (const RingFormat *format, gpointer data,
    RingMemory *memory);
gboolean ring_config_check_ (const RingConfig *config, GError **error);

/* message.c */
struct _RingMessage
{
  gatomicrefcount refs;
  RingFormat format;
  GBytes *payload;
  guint64 id;
  guint64 sequence;
  guint64 correlation_id;
  guint32 type;
  guint32 flags;
  guint32 source_generation;
  guint64 pts;
  guint64 duration;
  guint64 trace[4];
};

RingMessage *ring_message_alloc_ (const RingFormat *format,
    GBytes *payload_taken);

/* kernel.c, settings.c, metrics.c, bridge.c */

/* Somebody in ring_kernel_call(); guarded by the handle's lock. */
typedef struct
{
  gboolean done;
  RingOutcome outcome;
  RingMessage *reply; /* the first one; NULL if nothing was emitted */
} RingCaller;

/* The host's record of one message in flight. Written under send_lock when the
 * message is accepted, then owned by the harvester until it is finished. What
 * there is per output stands in arrays of the handle, so that a record stays
 * within two cache lines. */
typedef struct
{
  guint64 sequence;
  guint64 epoch;
  guint64 correlation_id;
  guint64 t_accepted;
  RingCompletionFunc completed; /* submit */
  gpointer user_data;
  RingMessage *message; /* send: keeps the payload alive */
  RingCaller *caller;   /* call; guarded by lock */
  gpointer input_block; /* from the pool, when the input was copied */
  guint32 type;
  guint32 parameter_set;
  guint32 emitted; /* bit k: output k came out */
  gboolean pending;
  gboolean by_reference; /* submit */
  gboolean forgotten;    /* a call whose caller no longer waits */
} RingEntry;

/* What waits for receive(). */
typedef struct
{
  RingMessage *message;
  gboolean last; /* its input message is delivered with it */
} RingDelivery;

/* The handle has failed, and the kernel has ended, or may run for ever. */
#define RING_LOST_STOPPED 1
#define RING_LOST_RUNNING 2

struct _RingKernel
{
  GObject parent;

  /* fixed at launch */
  GObject *runtime;
  guint max_outputs;
  RingBackendType backend;
  RingConfig config;
  guint64 id;
  RingInstance *instance;
  RingPayloadPool *pool;
  guint64 entry_mask;
  RingEntry *entries;
  gpointer *output_blocks; /* entry * max_outputs + k; from the pool */
  gsize *output_sizes;     /* likewise: bytes emitted */
  guint *parameter_refs;   /* per set; atomic */

  /* One reload at a time; taken before the locks below. */
  GMutex reload_lock;

  /* The version that takes the next message. Changed under send_lock and lock. */
  RingKernelInfo *info;
  RingModule *module;
  const RingKernelDescription *description;
  const gchar *name;  /* interned; atomic */
  guint32 generation; /* 0 as launched, one more with each reload; atomic */

  /* lock: status, error, label, formats, deliveries, callers; no call out under
   * it */
  GMutex lock;
  GCond changed;
  gint waiters;            /* about to wait, or waiting; atomic */
  guint sleepers;          /* of those, who wait for `changed`; under lock */
  guint64 changes;         /* counts what waiters may wait for; atomic */
  RingKernelStatus status; /* also read without the lock, atomic */
  GError *error;
  gchar *label;
  GQueue deliveries; /* of RingDelivery */

  /* send_lock: the producer's side of the input ring and what a message is given
   * on its way in. Held for a bounded number of words; taken before lock. */
  GMutex send_lock;
  RingQueue input;
  RingFormat input_format;
  RingFormat output_format;
  gboolean has_format;
  gsize state_size, scratch_size;
  gsize buffered_payload; /* bytes of payload that they were made for */
  RingParameters *parameters;
  gboolean parameters_changed; /* also read by who waits for room, atomic */
  guint32 parameter_set;       /* likewise */
  guint64 next_sequence;
  guint64 epoch; /* also read by the harvester, atomic */

  gboolean abandoned; /* the kernel hangs: its memory is never freed */
  gint lost; /* RING_LOST_*: the harvester ends what is in flight; atomic */

  /* the harvester's; whoever holds `harvesting` */
  gint harvesting; /* 0 idle, 1 busy, 2 busy and asked again */
  RingQueue output;
  guint64 expected_sequence;
  RingHistogram in_ring, in_kernel, in_total;

  /* counts, atomic */
  guint64 accepted, delivered, rejected, discarded, refused, outputs;
  guint64 bytes_in, bytes_out, bytes_copied;
  guint64 pending; /* accepted and not finished by the device */
  guint64 queue_depth_max, order_errors;
};

RingKernel *ring_kernel_launch_ (GObject *runtime, RingBackend *backend,
    RingModule *module, gint grid, gint block, const RingConfig *config,
    GError **error);
void ring_kernel_fail_ (RingKernel *kernel, GError *error_taken);
gboolean ring_kernel_check_status_ (RingKernel *kernel, const gchar *what,
    RingKernelStatus wanted, GError **error);
/* Likewise: whether the handle has been launched and is not about to end. */
gboolean ring_kernel_check_living_ (RingKernel *kernel, const gchar *what,
    GError **error);
void ring_kernel_wake_waiters_ (RingKernel *kernel);
void ring_kernel_wake_sleepers_locked_ (RingKernel *kernel);
/* When @timeout us from now are over; -1: never. */
gint64 ring_deadline_ (gint64 timeout);
/* Waits for `changed` under the lock, until @deadline (-1: none) or
 * cancellation; FALSE with an error when there is no more to wait for. */
gboolean ring_kernel_wait_locked_ (RingKernel *kernel, gint64 deadline,
    GCancellable *cancellable, GError **error);
gulong ring_kernel_watch_cancel_ (RingKernel *kernel,
    GCancellable *cancellable);
void ring_kernel_unwatch_cancel_ (GCancellable *cancellable, gulong id);
guint64 ring_kernel_in_flight_ (RingKernel *kernel);
/* For messages to people; any thread. */
static inline const gchar *
ring_kernel_name_ (RingKernel *kernel)
{
  return __atomic_load_n (&kernel->name, __ATOMIC_ACQUIRE);
}
/* Whether records of @d go into messages of the size of @config. */
gboolean ring_kernel_check_records_ (const RingKernelDescription *d,
    const gchar *name, const RingConfig *config, GError **error);
/* Accepted, and not finished by the device or its completion not called. */
static inline guint64
ring_kernel_pending_ (RingKernel *kernel)
{
  return __atomic_load_n (&kernel->pending, __ATOMIC_ACQUIRE);
}

void ring_kernel_await_harvester_ (RingKernel *kernel);
/* Bytes of payload that state and scratch are made for. */
gsize ring_kernel_buffered_payload_ (RingKernel *kernel,
    const RingFormat *format);
/* Of that, what scratch is made for. */
gsize ring_scratch_payload_ (const RingFormat *input, const RingFormat *output,
    gsize payload);
gboolean ring_kernel_set_formats_locked_ (RingKernel *kernel,
    const RingFormat *format, const RingFormat *wanted, GError **error);
void ring_bridge_harvest_ (RingKernel *kernel);
void ring_bridge_abandon_ (RingKernel *kernel, gint64 deadline);

/* Bytes of a set of parameters at the least, where versions to come may have more
 * of them: every scalar one that a kernel can have, and lists of 192 numbers. */
#define RING_RELOAD_PARAMETERS 1024u

/* Bytes that all sets of parameters of a handle take, at the most; but it has a few of
 * them however large one is. With fewer sets than messages, a change may have to wait
 * until a message that has an older set is finished. */
#define RING_PARAMETER_MEMORY ((gsize) 16 << 20)
#define RING_LEAST_PARAMETER_SETS 4u

#define ring_count(word, n) __atomic_add_fetch (word, n, __ATOMIC_RELAXED)
#define ring_counted(word) __atomic_load_n (word, __ATOMIC_RELAXED)

G_END_DECLS

#endif /* RING_CORE_PRIVATE_H */
