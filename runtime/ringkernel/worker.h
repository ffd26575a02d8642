/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * worker.h: how a backend calls a kernel.
 */
#ifndef RING_WORKER_H
#define RING_WORKER_H

#include "view.h"

/* State behind a kernel's declared fields begins at a multiple of this. */
#define RING_STATE_ALIGNMENT 64u

/* What a worker knows of itself and of the message's others. Workers are
 * counted in two dimensions: rows go by block, pixels in a row by lane. */
typedef struct RingWorker
{
  uint32_t block, n_blocks;
  uint32_t lane, n_lanes;
  RING_GLOBAL const RingView *outputs; /* max_outputs of them */
  RING_GLOBAL uint64_t *emitted;       /* bytes per output; ~0: not emitted */
  void *team;
  void (*barrier) (struct RingWorker *worker);
} RingWorker;

/* One message as the backend hands it to a kernel's entry. */
typedef struct
{
  RingView in;
  RING_GLOBAL const RingView *outputs;
  RING_GLOBAL const uint8_t *parameters;
  RING_GLOBAL uint8_t *state;
  RING_GLOBAL uint8_t *scratch;
} RingInvocation;

#define RING_NOT_EMITTED 0xffffffffffffffffull

/* What a CPU module exports. */
typedef struct
{
  uint32_t abi_version;
  uint32_t size; /* of this struct */
  uint64_t layout_hash;
  const RingKernelDescription *description;
  void (*entry) (const RingInvocation *invocation, RingWorker *ring);
  const char *state; /* the declared fields, as they stand in RING_STATE; NULL:
                      * not known. What a reload compares */
} RingCpuModule;

#endif /* RING_WORKER_H */
