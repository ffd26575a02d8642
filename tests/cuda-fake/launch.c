/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * launch.c: how the stand-in driver runs a kernel: every thread of a launch is a
 * thread of this process, taken from a pool, and runs the resident loop, or another
 * function, as it is compiled for the host.
 */
#include "fake.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A block's barrier. */
typedef struct
{
  _Atomic uint32_t arrived, generation;
} FakeBarrier;

typedef struct FakeLaunch FakeLaunch;

typedef struct FakeThread
{
  RingDeviceThread device; /* first: what the kernel knows of it */
  FakeLaunch *launch;
  FakeBarrier *barrier;
  unsigned pauses; /* since it last met others */
  jmp_buf out;
  struct FakeThread *next; /* in the pool's queue */
} FakeThread;

struct FakeLaunch
{
  FakeLaunch *next;
  FakeContext *context;
  const FakeLaunchArgs *args;
  _Atomic int fault;
  unsigned remaining; /* threads that have not returned */
  unsigned n_blocks;
  FakeBarrier *barriers;
  FakeThread *threads;
};

_Atomic uint32_t fake_frozen;

/* ---- a thread of a kernel ------------------------------------------------------ */

static void
futex_wait (_Atomic uint32_t *word, uint32_t value)
{
  /* Faults come without a wake. */
  const struct timespec bound = { 0, 5000000 };

  syscall (SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &bound, NULL, 0);
}

static void
futex_wake (_Atomic uint32_t *word)
{
  syscall (SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* A kernel that has faulted ends here, and one that is frozen stays here. */
static void
check (FakeThread *thread)
{
  while (atomic_load_explicit (&fake_frozen, memory_order_acquire)
      && !atomic_load_explicit (&thread->launch->fault, memory_order_acquire))
    futex_wait (&fake_frozen, 1);
  if (atomic_load_explicit (&thread->launch->fault, memory_order_acquire))
    longjmp (thread->out, 1);
}

static void
thread_sync_block (RingDeviceThread *device)
{
  FakeThread *thread = (FakeThread *) device;
  FakeBarrier *barrier = thread->barrier;
  uint32_t generation, tries;

  check (thread);
  thread->pauses = 0;
  if (device->n_lanes == 1)
    return;
  generation =
      atomic_load_explicit (&barrier->generation, memory_order_acquire);
  if (atomic_fetch_add_explicit (&barrier->arrived, 1, memory_order_acq_rel)
      == device->n_lanes - 1) {
    atomic_store_explicit (&barrier->arrived, 0, memory_order_relaxed);
    atomic_fetch_add_explicit (&barrier->generation, 1, memory_order_release);
    futex_wake (&barrier->generation);
    return;
  }
  for (tries = 0;
       atomic_load_explicit (&barrier->generation, memory_order_acquire)
       == generation;
       tries++) {
    check (thread);
    if (tries < 20)
      sched_yield ();
    else
      futex_wait (&barrier->generation, generation);
  }
}

/* Who waits for long leaves the processor to others: there are more threads than
 * processors. */
static void
thread_pause (RingDeviceThread *device, uint32_t ns)
{
  FakeThread *thread = (FakeThread *) device;
  struct timespec pause = { 0, 50000 };

  (void) ns;
  check (thread);
  if (thread->pauses < 100)
    sched_yield ();
  else
    nanosleep (&pause, NULL);
  thread->pauses++;
}

static uint64_t
thread_clock (RingDeviceThread *device)
{
  (void) device;
  return fake_now ();
}

static void *
thread_address (RingDeviceThread *device, const volatile void *address)
{
  FakeThread *thread = (FakeThread *) device;
  int none = 0;
  void *local;

  check (thread);
  if (!address)
    return NULL;
  local = fake_memory_localise (thread->launch->context,
      (CUdeviceptr) (uintptr_t) address, 0);
  if (!local) {
    atomic_compare_exchange_strong (&thread->launch->fault, &none,
        CUDA_ERROR_ILLEGAL_ADDRESS);
    check (thread);
  }
  return local;
}

/* ---- the pool ------------------------------------------------------------------------ */

static pthread_cond_t pool_more = PTHREAD_COND_INITIALIZER;
static FakeThread *pool_first, **pool_last = &pool_first;
static unsigned pool_waiting, pool_idle;

static void
thread_run (FakeThread *thread)
{
  const FakeLaunchArgs *args = thread->launch->args;

  if (setjmp (thread->out) == 0)
    args->kernel->resident (args->parameter, &thread->device);
}

/* Idle threads stay for the next launch, and end with the process. */
static void *
pool_run (void *data)
{
  (void) data;
  pthread_mutex_lock (&fake.lock);
  for (;;) {
    FakeThread *thread;

    while (!(thread = pool_first)) {
      pool_idle++;
      pthread_cond_wait (&pool_more, &fake.lock);
      pool_idle--;
    }
    pool_first = thread->next;
    if (!pool_first)
      pool_last = &pool_first;
    pool_waiting--;
    pthread_mutex_unlock (&fake.lock);

    thread_run (thread);

    pthread_mutex_lock (&fake.lock);
    if (--thread->launch->remaining == 0)
      pthread_cond_broadcast (&fake.changed);
  }
  return NULL;
}

static void
pool_push (FakeThread *thread)
{
  thread->next = NULL;
  *pool_last = thread;
  pool_last = &thread->next;
  /* The threads of a launch wait for each other: each needs one of its own. */
  if (++pool_waiting > pool_idle) {
    pthread_attr_t attributes;
    pthread_t id;

    pthread_attr_init (&attributes);
    pthread_attr_setdetachstate (&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create (&id, &attributes, pool_run, NULL) != 0) {
      perror ("stand-in driver: threads");
      abort ();
    }
    pthread_attr_destroy (&attributes);
  }
  pthread_cond_signal (&pool_more);
}

/* ---- a launch ---------------------------------------------------------------------------- */

/* Runs blocks @first to @first + @n and waits for them; with the lock held. */
static CUresult
launch_blocks (FakeContext *context, const FakeLaunchArgs *args, unsigned first,
    unsigned n)
{
  FakeLaunch launch = { .context = context, .args = args };
  const unsigned n_threads = n * args->block;
  FakeLaunch **link;
  unsigned i;

  launch.n_blocks = n;
  launch.remaining = n_threads;
  launch.barriers = calloc (n, sizeof (*launch.barriers));
  launch.threads = calloc (n_threads, sizeof (*launch.threads));
  launch.fault = (int) fake.pending_fault;
  fake.pending_fault = CUDA_SUCCESS;
  launch.next = fake.running;
  fake.running = &launch;
  fake.n_running++;
  for (i = 0; i < n_threads; i++) {
    FakeThread *thread = &launch.threads[i];

    thread->device.block = first + i / args->block;
    thread->device.n_blocks = args->grid;
    thread->device.lane = i % args->block;
    thread->device.n_lanes = args->block;
    thread->device.sync_block = thread_sync_block;
    thread->device.pause = thread_pause;
    thread->device.clock = thread_clock;
    thread->device.address = thread_address;
    thread->launch = &launch;
    thread->barrier = &launch.barriers[i / args->block];
    pool_push (thread);
  }
  while (launch.remaining > 0)
    pthread_cond_wait (&fake.changed, &fake.lock);
  for (link = &fake.running; *link != &launch; link = &(*link)->next)
    ;
  *link = launch.next;
  fake.n_running--;
  free (launch.barriers);
  free (launch.threads);
  return (CUresult) launch.fault;
}

/* A block takes a multiprocessor. A cooperative launch starts when there is one for
 * each of its blocks; any other, as many blocks at a time as there can be. */
void
fake_op_kernel (FakeStream *stream, FakeOp *op)
{
  FakeContext *context = stream->object.context;
  long *used = &fake.used_slots[context->device];
  const FakeLaunchArgs *args = &op->launch;
  unsigned first = 0;

  pthread_mutex_lock (&fake.lock);
  while (first < args->grid && !context->failed) {
    const long all = fake.multiprocessors > 0 ? fake.multiprocessors : 1;
    const unsigned rest = args->grid - first;
    const unsigned n = (long) rest < all ? rest : (unsigned) all;
    CUresult result;

    if (*used > 0 && *used + (long) n > all) {
      pthread_cond_wait (&fake.changed, &fake.lock);
      continue;
    }
    *used += n;
    result = launch_blocks (context, args, first, n);
    *used -= n;
    pthread_cond_broadcast (&fake.changed);
    first += n;
    if (result != CUDA_SUCCESS)
      fake_context_fail (context, result);
  }
  pthread_mutex_unlock (&fake.lock);
}

FakeLaunchArgs
fake_launch_args_copy (const FakeLaunchArgs *args)
{
  FakeLaunchArgs copy = *args;
  const size_t size = args->kernel->parameter_size;

  fake_object_ref (copy.module);
  copy.parameter = malloc (size);
  memcpy (copy.parameter, args->parameter, size);
  return copy;
}

void
fake_launch_args_clear (FakeLaunchArgs *args)
{
  if (args->module)
    fake_object_unref (args->module);
  free (args->parameter);
  memset (args, 0, sizeof (*args));
}

CUresult
fake_launch_enqueue (FakeStream *stream, const FakeLaunchArgs *args)
{
  FakeOp *op = fake_op_new (FAKE_OP_KERNEL);

  op->launch = fake_launch_args_copy (args);
  return fake_enqueue (stream, op);
}

static CUresult
launch (CUfunction function, const unsigned grid[3], const unsigned block[3],
    CUstream handle, void **parameters, void **extra, bool cooperative)
{
  FakeModule *module;
  const FakeFunction *found = fake_function_find (function, &module);
  FakeStream *stream = fake_stream_find (handle, true);
  FakeLaunchArgs args;

  if (!found || !stream || module->object.context != fake_current)
    return CUDA_ERROR_INVALID_HANDLE;
  if (cooperative && !fake.cooperative)
    return CUDA_ERROR_NOT_SUPPORTED;
  if (grid[0] == 0 || block[0] == 0 || grid[1] != 1 || grid[2] != 1
      || block[1] != 1 || block[2] != 1 || extra || !parameters
      || !parameters[0])
    return CUDA_ERROR_INVALID_VALUE;
  if ((long) block[0] > fake.max_threads || block[0] > found->kernel->max_lanes)
    return CUDA_ERROR_INVALID_VALUE;
  if (cooperative && (long) grid[0] > fake.multiprocessors)
    return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
  args.module = module;
  args.kernel = found->kernel;
  args.grid = grid[0];
  args.block = block[0];
  args.cooperative = cooperative;
  args.parameter = parameters[0];
  return stream->capture ? fake_capture_launch (stream, &args)
                         : fake_launch_enqueue (stream, &args);
}

FAKE_API
cuLaunchKernel (CUfunction function, unsigned grid_x, unsigned grid_y,
    unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
    unsigned shared, CUstream stream, void **parameters, void **extra)
{
  const unsigned grid[3] = { grid_x, grid_y, grid_z };
  const unsigned block[3] = { block_x, block_y, block_z };

  FAKE_ENTER (cuLaunchKernel, FAKE_CURRENT);
  (void) shared;
  return fake_leave (
      launch (function, grid, block, stream, parameters, extra, false));
}

FAKE_API
cuLaunchCooperativeKernel (CUfunction function, unsigned grid_x,
    unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
    unsigned block_z, unsigned shared, CUstream stream, void **parameters)
{
  const unsigned grid[3] = { grid_x, grid_y, grid_z };
  const unsigned block[3] = { block_x, block_y, block_z };

  FAKE_ENTER (cuLaunchCooperativeKernel, FAKE_CURRENT);
  (void) shared;
  return fake_leave (
      launch (function, grid, block, stream, parameters, NULL, true));
}

FAKE_API
cuLaunchKernelEx (const CUlaunchConfig *config, CUfunction function,
    void **parameters, void **extra)
{
  bool cooperative = false;
  unsigned i;

  FAKE_ENTER (cuLaunchKernelEx, FAKE_CURRENT);
  if (!config)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  for (i = 0; i < config->numAttrs; i++)
    if (config->attrs[i].id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE)
      cooperative = config->attrs[i].value.cooperative != 0;
  {
    const unsigned grid[3] = { config->gridDimX, config->gridDimY,
      config->gridDimZ };
    const unsigned block[3] = { config->blockDimX, config->blockDimY,
      config->blockDimZ };

    return fake_leave (launch (function, grid, block, config->hStream,
        parameters, extra, cooperative));
  }
}

/* ---- control -------------------------------------------------------------------------------- */

/* All kernels end, with the lock given back meanwhile. */
void
fake_kernels_end (CUresult error)
{
  struct timespec until;
  FakeLaunch *launch;

  clock_gettime (CLOCK_REALTIME, &until);
  until.tv_sec += 20;
  atomic_store_explicit (&fake_frozen, 0, memory_order_release);
  futex_wake (&fake_frozen);
  while ((launch = fake.running)) {
    for (; launch; launch = launch->next) {
      int none = 0;

      atomic_compare_exchange_strong (&launch->fault, &none, (int) error);
    }
    if (pthread_cond_timedwait (&fake.changed, &fake.lock, &until)
        == ETIMEDOUT) {
      fprintf (stderr, "stand-in driver: a kernel does not end\n");
      abort ();
    }
  }
}

FAKE_CONTROL void
ring_fake_fault (int error)
{
  FakeLaunch *launch;

  pthread_mutex_lock (&fake.lock);
  if (!fake.running)
    fake.pending_fault = (CUresult) error;
  for (launch = fake.running; launch; launch = launch->next) {
    int none = 0;

    atomic_compare_exchange_strong (&launch->fault, &none, error);
  }
  pthread_mutex_unlock (&fake.lock);
}

FAKE_CONTROL void
ring_fake_freeze (int on)
{
  atomic_store_explicit (&fake_frozen, on != 0, memory_order_release);
  futex_wake (&fake_frozen);
}
