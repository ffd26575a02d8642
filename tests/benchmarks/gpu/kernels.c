/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * kernels.c: what the benchmarks run on the device themselves, for comparison:
 * shipped kernels as a programmer would launch them by hand, once per message, and
 * the smallest kernels there can be.
 *
 * The bodies are the very text of the shipped kernels. What RING_KERNEL emits as
 * their entry, the resident loop, is replaced by a plain one. With
 * RING_DEVICE_ON_HOST the same functions are made for the stand-in driver's threads.
 */
#include <ringkernel/worker.h>
/* What lies in memory; by its own name a kernel sees something else. */
typedef RingView BenchView;

#include <ringkernel/kernel-sdk.h>

#include "kernels.h"

/* ---- an entry ---------------------------------------------------------------- */

#undef RING_ENTRY_
#undef RING_DESCRIPTION_STORAGE_
#if defined(RING_CUDA)
#define RING_DESCRIPTION_STORAGE_ static constexpr

#define BENCH_ENTRY(name, Parameter, lanes) \
  extern "C" __global__ void __launch_bounds__ (lanes, 1) \
      ring_bench_##name (const __grid_constant__ Parameter parameter) \
  { \
    RingDeviceThread thread = { blockIdx.x, gridDim.x, threadIdx.x, \
      blockDim.x }; \
    bench_##name (&parameter, &thread); \
  }
#else
#define RING_DESCRIPTION_STORAGE_ static const

#define BENCH_ENTRY(name, Parameter, lanes) \
  static void bench_enter_##name (const void *parameter, \
      RingDeviceThread *thread) \
  { \
    bench_##name ((const Parameter *) parameter, thread); \
  } \
  extern const RingDeviceKernel ring_bench_##name; \
  const RingDeviceKernel ring_bench_##name = { RING_ABI_VERSION, \
    sizeof (RingDeviceKernel), sizeof (Parameter), lanes, 0, \
    bench_enter_##name };
#endif

/* ---- one launch, one message --------------------------------------------------- */

#ifndef RING_CUDA
/* The views hold the device's addresses. */
static void
bench_localise (RingInvocation *invocation, BenchView *output,
    RingDeviceThread *thread)
{
  uint32_t p;

  *output = *ring_device_address (thread, invocation->outputs);
  for (p = 0; p < output->n_planes; p++) {
    invocation->in.plane[p].data =
        ring_device_address (thread, invocation->in.plane[p].data);
    output->plane[p].data = ring_device_address (thread, output->plane[p].data);
  }
  invocation->in.data = invocation->in.plane[0].data;
  output->data = output->plane[0].data;
  invocation->outputs = output;
  invocation->parameters = ring_device_address (thread, invocation->parameters);
}
#endif

/* No team: these kernels have neither a barrier nor several outputs. */
RING_DEVICE RingWorker
bench_worker (const RingDeviceThread *thread, const BenchView *outputs)
{
  RingWorker worker;

  worker.block = thread->block;
  worker.n_blocks = thread->n_blocks;
  worker.lane = thread->lane;
  worker.n_lanes = thread->n_lanes;
  worker.outputs = outputs;
  worker.emitted = 0;
  worker.team = 0;
  worker.barrier = 0;
  return worker;
}

#if defined(RING_CUDA)
#define RING_ENTRY_(name, state_text) \
  RING_DEVICE void bench_##name (const RingInvocation *invocation, \
      RingDeviceThread *thread) \
  { \
    RingWorker worker = bench_worker (thread, invocation->outputs); \
    ring_run_##name (invocation, &worker); \
  } \
  BENCH_ENTRY (name, RingInvocation, RING_MAX_LANES)
#else
#define RING_ENTRY_(name, state_text) \
  static void bench_##name (const RingInvocation *parameter, \
      RingDeviceThread *thread) \
  { \
    RingInvocation invocation = *parameter; \
    BenchView output; \
    RingWorker worker; \
    bench_localise (&invocation, &output, thread); \
    worker = bench_worker (thread, invocation.outputs); \
    ring_run_##name (&invocation, &worker); \
  } \
  BENCH_ENTRY (name, RingInvocation, RING_MAX_LANES)
#endif

/* Each has a description of that name. */
#define ring_kernel_description bench_description_invert
#include "video/invert.c"
#undef ring_kernel_description
#define ring_kernel_description bench_description_edges
#include "video/edges.c"
#undef ring_kernel_description

/* ---- the smallest kernels --------------------------------------------------------- */

RING_DEVICE void
bench_empty (const BenchEmpty *parameter, RingDeviceThread *thread)
{
  (void) parameter;
  (void) thread;
}

BENCH_ENTRY (empty, BenchEmpty, RING_MAX_LANES)

RING_DEVICE void
bench_flag (const BenchFlag *flag, RingDeviceThread *thread)
{
  const RING_GLOBAL uint64_t *ping = ring_device_address (thread, flag->ping);
  RING_GLOBAL uint64_t *pong = ring_device_address (thread, flag->pong);
  const uint64_t end = flag->first + flag->count;
  uint64_t next;

  if (thread->block > 0 || thread->lane > 0)
    return;
  for (next = flag->first; next < end; next++) {
    const uint64_t since = ring_device_clock (thread);

    /* Pairs with the host's release; ours below with its acquire. */
    while (ring_load_acquire_u64 (ping) != next) {
      if (ring_device_clock (thread) - since > flag->patience)
        return;
#ifndef RING_CUDA
      /* Threads of a machine have to share it. */
      ring_device_pause (thread, 0);
#endif
    }
    ring_store_release_u64 (pong, ~next);
  }
}

BENCH_ENTRY (flag, BenchFlag, 32)

/* Which multiprocessor; on the stand-in each block has one of its own. */
RING_DEVICE uint32_t
bench_multiprocessor (const RingDeviceThread *thread)
{
#ifdef RING_CUDA
  uint32_t id;

  asm volatile("mov.u32 %0, %%smid;" : "=r"(id));
  return id;
#else
  return thread->block;
#endif
}

RING_DEVICE void
bench_probe (const BenchProbe *probe, RingDeviceThread *thread)
{
  RING_GLOBAL uint64_t *arrived = ring_device_address (thread, probe->arrived);
  RING_GLOBAL uint64_t *seen = ring_device_address (thread, probe->seen);
  const uint64_t since = ring_device_clock (thread);

  if (thread->lane == 0) {
    /* A block that comes when another has given up already may have got the place
     * of that one: it was not there at once. */
    const int early = ring_shared_add (arrived, 1) >> 32 == 0;

    seen[thread->block] =
        early ? 1 + (uint64_t) bench_multiprocessor (thread) : 0;
    while (ring_shared_load_acquire (arrived) < thread->n_blocks
        && ring_device_clock (thread) - since < probe->patience)
      ring_device_pause (thread, 100);
    if (ring_shared_load_acquire (arrived) < thread->n_blocks)
      ring_shared_add (arrived, (uint64_t) 1 << 32);
  }
  /* The others keep their place until then. */
  ring_device_sync_block (thread);
}

BENCH_ENTRY (probe, BenchProbe, 1024)
