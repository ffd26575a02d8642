/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cpu-private.h: what the files of the cpu backend share.
 */
#ifndef RING_CPU_PRIVATE_H
#define RING_CPU_PRIVATE_H

#include "core/backend.h"

G_BEGIN_DECLS

/* Messages taken at once, as long as they are small. */
#define CPU_BATCH 16u
/* With the grid left to us, workers share a message only if it has this many bytes
 * and takes one of them this many ns; below, waking the others costs more than they
 * save. */
#define CPU_LARGE_MESSAGE (64u * 1024)
#define CPU_LONG_RUN 100000u
/* One in so many messages is run the other way, to see whether that has become
 * faster. */
#define CPU_PROBE_EVERY 64u
#define CPU_MAX_WORKERS 256

typedef struct _CpuTeam CpuTeam;
typedef struct _CpuInstance CpuInstance;

/* team.c: threads that run one message together. */

CpuTeam *cpu_team_new (guint n_workers);
/* No message runs on it any more. */
void cpu_team_free (CpuTeam *team);
/* Runs @invocation on all workers, the calling thread being the first; or on the
 * calling thread alone, if @alone. One caller at a time. */
void cpu_team_run (CpuTeam *team, const RingCpuModule *module,
    const RingInvocation *invocation, guint64 *emitted, gboolean alone);

/* One of those that take messages: the whole grid, or one block of it. */
typedef struct
{
  CpuInstance *instance;
  CpuTeam *team;
  guint8 *scratch;
  guint8 *inline_output; /* inline_size bytes per output */
  RingView outputs[RING_MAX_OUTPUTS];
  guint64 emitted[RING_MAX_OUTPUTS];
  guint32 flags; /* the last message: 0 or why it was not run */
  guint64 started, finished;
  gfloat cost[2]; /* ns per byte lately: shared, alone; 0: unknown */
  guint choices;
  guint8 *slot;    /* block sharing: a copy of the input slot */
  GThread *thread; /* persistent mode */
} CpuGroup;

struct _CpuInstance
{
  RingInstance base;

  /* The version that runs, changed between two messages; whoever takes messages
   * reads it. */
  RingModule *module;
  const RingKernelDescription *description;
  guint32 generation;
  GMutex versions_lock;
  GQueue versions; /* of CpuVersion: to come */

  RingGeometry geometry;
  void (*notify) (gpointer data);
  gpointer notify_data;
  gboolean telemetry;
  guint poll_interval; /* us */
  gboolean share_all;  /* all workers take part in every message */
  gpointer memory[5];  /* what calloc gave */

  guint8 *state;
  guint8 *scratch;
  gsize scratch_size; /* per group */

  CpuGroup *groups;
  guint n_groups;

  /* The device's side of the rings: whoever holds `processing` (inline and
   * event-driven), the one group's thread, or, with several groups, whoever
   * holds `take` and `finish`. */
  gint processing;
  gboolean stopped; /* `processing` is claimed for good */
  RingQueue input;
  RingQueue output;
  guint64 expected_sequence;
  gboolean broken; /* finishes messages as failed from now on */

  /* several groups */
  GMutex take;
  GMutex finish;
  GCond turn;
  guint64 taken; /* under finish, like what follows */
  guint64 finished;

  /* persistent mode: sleeping and ending */
  GMutex sleep;
  GCond kick;
  gint sleepers; /* atomic */
  guint64 kicks; /* under sleep */
  guint living;  /* threads; under sleep */
  GCond ended;
};

/* version.c: what runs, and what it has for state and scratch. */

/* Aligned to a cache line, for free(). */
gpointer cpu_alloc_zeroed (gsize size);
gboolean cpu_set_buffers (RingInstance *instance, gsize state_size,
    gsize scratch_size, gboolean keep_state, GError **error);
gboolean cpu_replace (RingInstance *instance,
    const RingReplacement *replacement, GError **error);
/* Changes to the version of the message with @generation. Nothing runs, and the
 * caller is the one who takes messages. */
void cpu_change_version (CpuInstance *c, guint32 generation);
static inline void
cpu_follow_version (CpuInstance *c, guint32 generation)
{
  if (G_UNLIKELY (generation != c->generation))
    cpu_change_version (c, generation);
}
void cpu_free_versions (CpuInstance *c);

/* loop.c: the device loop. */

/* Takes and finishes some messages; returns how many. */
guint cpu_process (CpuInstance *instance);
gpointer cpu_resident_thread (gpointer group);

G_END_DECLS

#endif /* RING_CPU_PRIVATE_H */
