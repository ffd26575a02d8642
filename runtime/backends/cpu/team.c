/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * team.c: threads that run one message together, and sleep in between.
 */
#include "backends/cpu/cpu-private.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A barrier that can be used again at once: whoever comes last starts the next
 * generation. Spins for a moment, then sleeps. */
typedef struct
{
  guint n;
  guint spins;
  gint arrived;
  gint generation; /* futex */
  gint sleepers;
} Barrier;

static void
barrier_init (Barrier *barrier, guint n)
{
  barrier->n = n;
  /* With more threads than processors, spinning keeps away who is waited for. */
  barrier->spins = n <= g_get_num_processors () ? 2000 : 0;
  barrier->arrived = barrier->generation = barrier->sleepers = 0;
}

static inline void
relax (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void
barrier_wait (Barrier *barrier)
{
  const gint generation =
      __atomic_load_n (&barrier->generation, __ATOMIC_ACQUIRE);
  guint i;

  if (__atomic_add_fetch (&barrier->arrived, 1, __ATOMIC_ACQ_REL)
      == (gint) barrier->n) {
    __atomic_store_n (&barrier->arrived, 0, __ATOMIC_RELAXED);
    /* Pairs with the acquire below: all that anybody wrote before is seen. */
    __atomic_store_n (&barrier->generation, generation + 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n (&barrier->sleepers, __ATOMIC_SEQ_CST) > 0)
      syscall (SYS_futex, &barrier->generation, FUTEX_WAKE_PRIVATE, G_MAXINT,
          NULL, NULL, 0);
    return;
  }
  for (i = 0; i < barrier->spins; i++) {
    if (__atomic_load_n (&barrier->generation, __ATOMIC_ACQUIRE) != generation)
      return;
    relax ();
  }
  __atomic_add_fetch (&barrier->sleepers, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n (&barrier->generation, __ATOMIC_SEQ_CST) == generation)
    syscall (SYS_futex, &barrier->generation, FUTEX_WAIT_PRIVATE, generation,
        NULL, NULL, 0);
  __atomic_sub_fetch (&barrier->sleepers, 1, __ATOMIC_SEQ_CST);
}

typedef struct
{
  CpuTeam *team;
  guint rank;
  GThread *thread;
} Helper;

struct _CpuTeam
{
  guint n_workers;
  gboolean started;
  Helper *helpers; /* n_workers - 1 */
  Barrier start, inside, end;

  /* the message; written before `start`, read after it */
  const RingCpuModule *module;
  const RingInvocation *invocation;
  guint64 *emitted;
  gboolean quit;
};

static void
barrier_of_team (RingWorker *worker)
{
  barrier_wait (&((CpuTeam *) worker->team)->inside);
}

static void
barrier_of_one (RingWorker *worker)
{
  (void) worker;
}

static void
run_worker (CpuTeam *team, guint rank)
{
  RingWorker worker = {
    0,
  };

  worker.block = rank;
  worker.n_blocks = team->n_workers;
  worker.n_lanes = 1;
  worker.outputs = team->invocation->outputs;
  worker.emitted = team->emitted;
  worker.team = team;
  worker.barrier = barrier_of_team;
  team->module->entry (team->invocation, &worker);
}

static gpointer
helper_thread (gpointer data)
{
  Helper *helper = data;
  CpuTeam *team = helper->team;

  for (;;) {
    barrier_wait (&team->start);
    if (team->quit)
      return NULL;
    run_worker (team, helper->rank);
    barrier_wait (&team->end);
  }
}

CpuTeam *
cpu_team_new (guint n_workers)
{
  CpuTeam *team = g_new0 (CpuTeam, 1);

  team->n_workers = n_workers;
  return team;
}

/* Threads are made for the first message that wants them: a handle that only ever
 * sees small ones costs none. */
static void
start_helpers (CpuTeam *team)
{
  guint i, n = team->n_workers - 1;

  team->started = TRUE;
  team->helpers = g_new0 (Helper, n);
  for (i = 0; i < n; i++) {
    team->helpers[i].team = team;
    team->helpers[i].rank = i + 1;
  }
  /* The barriers must know how many come before the first one waits. */
  barrier_init (&team->start, n + 1);
  barrier_init (&team->inside, n + 1);
  barrier_init (&team->end, n + 1);
  for (i = 0; i < n; i++)
    team->helpers[i].thread =
        g_thread_new ("ring-worker", helper_thread, &team->helpers[i]);
}

void
cpu_team_free (CpuTeam *team)
{
  guint i;

  if (team->started) {
    team->quit = TRUE;
    barrier_wait (&team->start);
    for (i = 0; i < team->n_workers - 1; i++)
      g_thread_join (team->helpers[i].thread);
    g_free (team->helpers);
  }
  g_free (team);
}

void
cpu_team_run (CpuTeam *team, const RingCpuModule *module,
    const RingInvocation *invocation, guint64 *emitted, gboolean alone)
{
  if (alone || team->n_workers == 1) {
    RingWorker worker = { 0, 1, 0, 1, invocation->outputs, emitted, NULL,
      barrier_of_one };

    module->entry (invocation, &worker);
    return;
  }
  if (!team->started)
    start_helpers (team);
  team->module = module;
  team->invocation = invocation;
  team->emitted = emitted;
  barrier_wait (&team->start);
  run_worker (team, 0);
  barrier_wait (&team->end);
}
