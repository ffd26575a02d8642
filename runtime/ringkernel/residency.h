/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * residency.h: what a launch of the resident loop is given, and the loop's own
 * memory on the device, which outlives a residency.
 */
#ifndef RING_RESIDENCY_H
#define RING_RESIDENCY_H

#include "steps.h"

/* Threads of a block, at the most; each then has 128 registers. */
#define RING_MAX_LANES 512

enum /* RingResidency.flags */
{
  RING_RESIDENCY_TELEMETRY = 1u << 0, /* stamp every message */
  RING_RESIDENCY_ONE_BATCH = 1u << 1  /* leave when the ring is empty */
};

/* The launch's one parameter, by value. All addresses are the device's. */
typedef struct RingDeviceMemory RingDeviceMemory;
typedef struct
{
  RING_GLOBAL RingControlBlock *control;
  RING_GLOBAL uint8_t *input_slots;
  RING_GLOBAL uint8_t *output_slots;
  RING_GLOBAL uint8_t *parameters;
  RING_GLOBAL RingRegion *regions;
  RING_GLOBAL RingDeviceMemory *memory;
  RING_GLOBAL uint8_t *state;
  RING_GLOBAL uint8_t *scratch;
  uint64_t scratch_stride; /* bytes per block, where each has its own message */
  uint32_t flags;          /* RING_RESIDENCY_* */
  uint32_t alone_below;    /* bytes; one block runs a shorter message alone */
  RingGeometry geometry;
} RingResidency;

enum /* RingDeviceMemory.task */
{
  RING_TASK_LEAVE = 1,
  RING_TASK_MESSAGE =
      2,              /* all blocks on the message that the first has fetched */
  RING_TASK_BATCH = 3 /* each block on a message of its own */
};

/* A block's own memory: one message on its way. Behind it lie, each rounded up to
 * a cache line, a set of parameters, inline outputs, and a copy of the slot. */
typedef struct
{
  uint64_t generation;    /* commands followed so far */
  uint32_t task;          /* what the block is at */
  uint32_t flags;         /* 0, or RING_MESSAGE_FAILED or _DISCARDED */
  uint64_t parameters_at; /* generation of the table when the set was copied */
  uint32_t parameter_set; /* the one that was copied; ~0: none */
  uint32_t copy_parameters;
  uint64_t position; /* of the message in the input ring */
  uint64_t output;   /* of its first slot in the output ring */
  uint64_t started, finished;
  uint32_t slots; /* that the message takes in the output ring */
  uint32_t next;  /* the output that the next of them holds */
  uint64_t emitted[RING_MAX_OUTPUTS];
  RingInvocation invocation;
  RingMessageHeader result;
  RingView outputs[RING_MAX_OUTPUTS];
} RingDeviceBlock;

/* What the leader knows during one residency. */
typedef struct
{
  RingQueue input;
  RingQueue output;
  RingOrders orders;
  uint64_t begin;               /* of the residency, by the device's clock */
  uint64_t busy;                /* when the last message was finished */
  uint64_t beat;                /* when the last heartbeat was given */
  uint64_t commanded;           /* commands given, ever */
  uint64_t lease, idle_timeout; /* ns */
  uint64_t
      looked; /* a residency looks at least once, however short its lease */
} RingLeader;

/* Zeroed at launch. Each line has one writer, but for `arrived` and `done`, to
 * which every block adds. */
struct RingDeviceMemory
{
  /* the leader's own: the device's side of both rings */
  uint64_t input_position;
  uint64_t output_position;
  uint64_t expected_sequence;
  uint64_t residencies;
  uint64_t relaunches;
  uint64_t processed;
  uint64_t heartbeat;
  uint32_t exit_reason;
  uint32_t reserved;
  uint8_t pad0[RING_CACHE_LINE - 64];

  /* the leader's command to the other blocks, complete once `generation` says so */
  uint64_t generation;
  uint64_t position;   /* batch: the first message */
  uint64_t output;     /* batch: the first slot of the output ring */
  uint64_t sequence;   /* batch: of the first message */
  uint64_t parameters; /* generation of the parameter table */
  uint64_t epoch;      /* of the orders, with what follows */
  uint32_t run, discard;
  uint32_t task;
  uint32_t count; /* batch: messages */
  uint8_t pad1[RING_CACHE_LINE - 64];

  uint64_t done; /* commands that blocks have finished, all blocks together */
  uint8_t pad2[RING_CACHE_LINE - 8];
  uint64_t arrived; /* at the grid's barrier, ever */
  uint8_t pad3[RING_CACHE_LINE - 8];
  uint64_t turn;       /* batch: messages whose slots are written, ever … */
  uint64_t output_end; /* … and where the next one's begin */
  uint8_t pad4[RING_CACHE_LINE - 16];
  uint64_t broken; /* RING_DEVICE_*: messages finish as failed from now on */
  uint8_t pad5[RING_CACHE_LINE - 8];
  RingLeader leader;
  uint8_t pad6[2 * RING_CACHE_LINE - sizeof (RingLeader)];
};

RING_STATIC_ASSERT (sizeof (RingDeviceMemory) == 8 * RING_CACHE_LINE,
    "RingDeviceMemory has another size");

/* Where a block's parts lie, from the begin of its RingDeviceBlock. */
RING_BOTH uint64_t
ring_device_lines (uint64_t bytes)
{
  return (bytes + RING_CACHE_LINE - 1) / RING_CACHE_LINE * RING_CACHE_LINE;
}

RING_BOTH uint64_t
ring_device_parameters_at (void)
{
  return ring_device_lines (sizeof (RingDeviceBlock));
}

RING_BOTH uint64_t
ring_device_outputs_at (const RingGeometry *g)
{
  return ring_device_parameters_at () + ring_device_lines (g->parameter_stride);
}

RING_BOTH uint64_t
ring_device_slot_at (const RingGeometry *g)
{
  return ring_device_outputs_at (g)
      + ring_device_lines ((uint64_t) g->max_outputs * g->inline_size);
}

RING_BOTH uint64_t
ring_device_block_stride (const RingGeometry *g)
{
  return ring_device_slot_at (g) + ring_device_lines (g->input_stride);
}

/* Bytes of device memory that the loop needs for @n_blocks. */
RING_BOTH uint64_t
ring_device_memory_size (const RingGeometry *g, uint32_t n_blocks)
{
  return sizeof (RingDeviceMemory) + n_blocks * ring_device_block_stride (g);
}

#endif /* RING_RESIDENCY_H */
