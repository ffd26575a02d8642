/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs one message through one kernel module, without the runtime: as many
 * threads as asked for are its workers, a pthread barrier is theirs. Memory,
 * state and parameters are the caller's, so that tests see every byte.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ringkernel/kernel-sdk.h>

#define MAX_WORKERS 64

/* Plain arguments, in 8-byte words, so that ctypes needs no struct of ours. */
enum
{
  ARG_FORMAT,
  ARG_WIDTH,
  ARG_HEIGHT,
  ARG_SIZE,
  ARG_N_PLANES,
  ARG_PLANE,
  ARG_STRIDE = ARG_PLANE + RING_MAX_PLANES,
  ARG_LAST = ARG_STRIDE + RING_MAX_PLANES
};

typedef struct
{
  const RingCpuModule *module;
  const RingInvocation *invocation;
  RingWorker worker;
} Thread;

static void
wait_for_all (RingWorker *worker)
{
  pthread_barrier_wait ((pthread_barrier_t *) worker->team);
}

static void *
work (void *data)
{
  Thread *thread = data;

  thread->module->entry (thread->invocation, &thread->worker);
  return NULL;
}

__attribute__ ((visibility ("default"))) const char *direct_error (void);
__attribute__ ((visibility ("default"))) const RingCpuModule *direct_open (
    const char *path);
__attribute__ ((visibility ("default"))) int direct_describe (
    const RingCpuModule *module, char *text, size_t size);
__attribute__ ((visibility ("default"))) int direct_run (const RingCpuModule
                                                             *module,
    const uint64_t *in, const uint64_t *out, const uint8_t *parameters,
    uint8_t *state, uint8_t *scratch, uint64_t *emitted, uint32_t flags,
    uint64_t pts, uint32_t n_blocks, uint32_t n_lanes);

const char *
direct_error (void)
{
  return dlerror ();
}

const RingCpuModule *
direct_open (const char *path)
{
  void *library = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  const RingCpuModule *module;

  if (!library)
    return NULL;
  module = dlsym (library, "ring_kernel_module");
  if (module
      && (module->abi_version != RING_ABI_VERSION
          || module->size != sizeof (RingCpuModule)
          || module->layout_hash != RING_LAYOUT_HASH))
    return NULL;
  return module;
}

/* Lines of tab-separated fields: the kernel, then each of its parameters. */
int
direct_describe (const RingCpuModule *module, char *text, size_t size)
{
  const RingKernelDescription *d = module->description;
  size_t n;
  uint32_t i;

  n = snprintf (text, size,
      "%s\t%s\t%u\t%s\t%s\t%u\t%u\t%u\t%u\t%llu\t%u\t%u\t%llu\t%u\t%u\n",
      d->name, d->description, d->kind, d->input_formats, d->output_formats,
      d->input_record_size, d->output_record_size, d->flags, d->max_outputs,
      (unsigned long long) d->state_size, d->state_per_byte,
      d->scratch_per_byte, (unsigned long long) d->scratch_size, d->output_kind,
      d->max_records);
  for (i = 0; i < d->n_parameters && n < size; i++) {
    const RingParameterDescription *p = &d->parameter[i];

    n += snprintf (text + n, size - n,
        "%s\t%s\t%s\t%u\t%u\t%u\t%.17g\t%.17g\t%.17g\n", p->name,
        p->description, p->text, p->type, p->unit, p->max_count,
        p->default_value, p->minimum, p->maximum);
  }
  return n < size;
}

static int
resolve (RingView *view, uint32_t kind, const uint64_t *arg)
{
  RingRegion regions[1 + RING_MAX_PLANES];
  RingPayloadRef payload;
  uint32_t p;

  memset (view, 0, sizeof *view);
  memset (&payload, 0, sizeof payload);
  payload.kind = kind;
  payload.format = arg[ARG_FORMAT];
  payload.width = arg[ARG_WIDTH];
  payload.height = arg[ARG_HEIGHT];
  payload.size = payload.capacity = arg[ARG_SIZE];
  payload.n_planes = arg[ARG_N_PLANES];
  for (p = 0; p < payload.n_planes; p++) {
    regions[1 + p].base = (uint8_t *) (uintptr_t) arg[ARG_PLANE + p];
    regions[1 + p].size = UINT64_MAX;
    payload.plane[p].region = 1 + p;
    payload.plane[p].stride = (int32_t) arg[ARG_STRIDE + p];
    payload.plane[p].size = arg[ARG_SIZE];
  }
  return ring_view_resolve (view, &payload, regions, 1 + RING_MAX_PLANES, NULL,
      NULL, 0);
}

/* @out: ARG_LAST words for each output. 0: done. */
int
direct_run (const RingCpuModule *module, const uint64_t *in,
    const uint64_t *out, const uint8_t *parameters, uint8_t *state,
    uint8_t *scratch, uint64_t *emitted, uint32_t flags, uint64_t pts,
    uint32_t n_blocks, uint32_t n_lanes)
{
  const uint32_t n = n_blocks * n_lanes;
  const uint32_t n_outputs = module->description->max_outputs;
  RingView output[RING_MAX_OUTPUTS];
  RingInvocation invocation;
  pthread_barrier_t barrier;
  pthread_t thread[MAX_WORKERS];
  Thread t[MAX_WORKERS];
  uint32_t i;

  if (n < 1 || n > MAX_WORKERS)
    return 1;
  if (resolve (&invocation.in, module->description->kind, in))
    return 2;
  for (i = 0; i < n_outputs; i++) {
    if (resolve (&output[i], module->description->output_kind,
            out + i * ARG_LAST))
      return 2;
    emitted[i] = RING_NOT_EMITTED;
  }
  invocation.in.flags = flags;
  invocation.in.pts = pts;
  invocation.outputs = output;
  invocation.parameters = parameters;
  invocation.state = state;
  invocation.scratch = scratch;

  pthread_barrier_init (&barrier, NULL, n);
  for (i = 0; i < n; i++) {
    memset (&t[i], 0, sizeof t[i]);
    t[i].module = module;
    t[i].invocation = &invocation;
    t[i].worker.block = i / n_lanes;
    t[i].worker.n_blocks = n_blocks;
    t[i].worker.lane = i % n_lanes;
    t[i].worker.n_lanes = n_lanes;
    t[i].worker.outputs = output;
    t[i].worker.emitted = emitted;
    t[i].worker.team = &barrier;
    t[i].worker.barrier = wait_for_all;
    if (i > 0 && pthread_create (&thread[i], NULL, work, &t[i]) != 0)
      abort ();
  }
  work (&t[0]);
  for (i = 1; i < n; i++)
    pthread_join (thread[i], NULL);
  pthread_barrier_destroy (&barrier);
  return 0;
}
