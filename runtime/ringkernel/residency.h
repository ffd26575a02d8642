/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * residency.h: what a launch of the resident loop is given, and the loop's own
 * memory on the device, which outlives a residency.
 */
#ifndef RING_RESIDENCY_H
#define RING_RESIDENCY_H

#include "steps.h"

/* Threads of a block, at the most; see RING_REGISTERS. */
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

enum /* what blocks do */
{
  RING_TASK_LEAVE = 1,
  RING_TASK_MESSAGE =
      2, /* all blocks on the message that the first has fetched */
  RING_TASK_BATCH = 3, /* each block on a message of its own */
  /* the first block alone, between those: */
  RING_TASK_FETCH = 4, /* a message into one of its two areas */
  RING_TASK_ALONE =
      5, /* runs a message that the others do not hear of, and says
                        * what came of it */
  RING_TASK_FINISH = 6, /* says what came of a message */
  RING_TASK_SURVEY = 7  /* looks how many messages there are for a batch */
};

/* What a block is at, for its lanes. */
typedef struct
{
  uint64_t followed; /* commands so far, by a block that follows */
  uint32_t task;
  uint32_t area; /* where the message lies */
} RingBlockTask;

/* One message on its way, in its block's own memory: on a GPU that is shared memory,
 * a few cycles away, where device memory would be hundreds. Behind it lie, each rounded
 * up to a cache line, a small set of parameters, inline outputs and a copy of the slot. The first block has two of
 * these, so that it can fetch a message while the others are on the one before.
 *
 * Of a message that all blocks work on, the first block copies what they need to know
 * into an area in device memory, and each of them copies that into its own. */
typedef struct
{
  /* what all blocks need to know, up to outputs[max_outputs] */
  uint32_t flags; /* 0, or RING_MESSAGE_FAILED or _DISCARDED */
  uint32_t told;  /* the message is for all blocks */
  uint64_t emitted[RING_MAX_OUTPUTS];
  RingInvocation invocation;
  RingView outputs[RING_MAX_OUTPUTS];

  /* what is between its block and the leader */
  uint64_t parameters_at; /* generation of the table when the set was copied */
  uint32_t parameter_set; /* the one that was copied; ~0: none */
  uint32_t copy_parameters;
  uint64_t broken; /* of the loop's memory, when the message was fetched */
  uint64_t epoch;  /* of the host's words, likewise */
  uint32_t input_error, output_error; /* RING_DEVICE_* */
  uint64_t output; /* the message's first slot in the output ring */
  uint64_t arrived, started, finished;
  uint32_t slots; /* that the message takes in the output ring */
  uint32_t next;  /* the output that the next of them holds */
  RingRegion where[(1 + RING_MAX_OUTPUTS) * RING_MAX_PLANES];
  RingMessageHeader result;
} RingDeviceJob;

/* An area in device memory. Behind it lie, each rounded up to a cache line, a set of
 * parameters, inline outputs, and a copy of the slot. The first block has areas 0 and 1,
 * block b has area b + 1; but only the first block's hold messages.
 *
 * Sets that may be large lie elsewhere, behind all areas, and only for areas 0 and 1:
 * where there are such, no block takes a message of its own. There `job` says which set
 * is there, from one residency to the next. */
typedef struct
{
  uint64_t generation; /* commands followed before this residency */
  RingBlockTask at;    /* where a block has no memory of its own */
  RingDeviceJob job;
} RingDeviceArea;

/* An area that holds nothing. */
#define RING_NO_AREA 2u

/* What the leader knows during one residency; its block's lanes read it. */
typedef struct
{
  RingQueue input; /* `position`: the next message to take */
  RingQueue output;
  RingOrders orders;
  uint32_t task, area, count; /* what its block does now; batch: messages */
  uint64_t survey_words[2];   /* epoch, generation of the parameters: then */
  uint32_t
      surveyed; /* so many messages, at the most, a survey has seen to be there */
  /* Areas of the first block: */
  uint32_t running;   /* the other blocks are on it */
  uint32_t next;      /* fetched meanwhile */
  uint32_t share;     /* the first block has not yet done its part of it */
  uint32_t alone;     /* to be run by the first block alone */
  uint32_t done;      /* to be finished */
  uint64_t released;  /* messages given back */
  uint64_t seen;      /* batch: when the first message was */
  uint64_t begin;     /* of the residency, by the device's clock */
  uint64_t busy;      /* when the last message was finished */
  uint64_t beat;      /* when the last heartbeat was given */
  uint64_t commanded; /* commands given, ever */
  uint64_t lease, idle_timeout; /* ns */
  /* What the next residency goes on with: */
  uint64_t expected_sequence;
  uint64_t processed;
  uint64_t heartbeat;
  uint64_t parameter_sets; /* changes of the set from message to message */
  uint32_t last_set;       /* that of the last message */
  uint32_t idle;           /* whether a look was empty since the last message */
  uint32_t
      looked; /* a residency looks at least once, however short its lease */
} RingLeader;

/* From this many blocks on, the first does nothing but fetch and finish, so that
 * the others do not wait for it between two messages. */
#define RING_DISPATCH_FROM 8u

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
  uint64_t exit_reason;
  /* of its messages' sets of parameters; see RingLeader */
  uint64_t parameter_sets;
  uint64_t last_set;
  uint8_t pad0[RING_CACHE_LINE - 80];

  /* the leader's command to the other blocks: how many there have been, and what this
   * one is, in one word; see ring_command */
  uint64_t command;
  uint64_t position;   /* batch: the first message */
  uint64_t output;     /* batch: the first slot of the output ring */
  uint64_t sequence;   /* batch: of the first message */
  uint64_t parameters; /* generation of the parameter table */
  uint64_t epoch;      /* of the orders, with what follows */
  uint32_t run, discard;
  uint32_t count; /* batch: messages */
  uint32_t reserved;
  uint64_t seen; /* batch: when */
  uint8_t pad1[RING_CACHE_LINE - 72];

  uint64_t done; /* commands that blocks have finished, all blocks together */
  uint8_t pad2[RING_CACHE_LINE - 8];
  uint64_t arrived; /* at the grid's barrier, ever */
  uint8_t pad3[RING_CACHE_LINE - 8];
  uint64_t turn;       /* batch: messages whose slots are written, ever … */
  uint64_t output_end; /* … and where the next one's begin */
  uint8_t pad4[RING_CACHE_LINE - 16];
  uint64_t broken; /* RING_DEVICE_*: messages finish as failed from now on */
  uint8_t pad5[RING_CACHE_LINE - 8];
  RingLeader leader; /* where its block has no memory of its own */
  uint8_t pad6[3 * RING_CACHE_LINE - sizeof (RingLeader)];
};

RING_STATIC_ASSERT (sizeof (RingDeviceMemory) == 9 * RING_CACHE_LINE,
    "RingDeviceMemory has another size");

/* RingDeviceMemory.command */
#define ring_command(count, task, area) \
  ((uint64_t) (count) << 8 | (uint64_t) (task) << 1 | (area))
#define ring_command_count(command) ((command) >> 8)
#define ring_command_task(command) ((uint32_t) (command) >> 1 & 0x7f)
#define ring_command_area(command) ((uint32_t) (command) &1)

#define RING_LINES(bytes) \
  (((bytes) + RING_CACHE_LINE - 1) / RING_CACHE_LINE * RING_CACHE_LINE)

/* Bytes that the slot of a message may carry, at the most. */
#define RING_LARGEST_INLINE 256u
/* Bytes of a set of parameters that has room in a block's own memory; one with long
 * arrays stays in its area, and one with very long ones elsewhere. */
#define RING_LARGEST_NEAR_SET RING_SHORT_SET
#define RING_LARGEST_SET_OF_BLOCK 16384u

/* Bytes of a block's own memory for one message of a kernel with @n outputs. */
#define RING_JOB_SIZE(n) \
  (RING_LINES (sizeof (RingDeviceJob)) + RING_LARGEST_NEAR_SET \
      + RING_LINES ((n) *RING_LARGEST_INLINE) \
      + RING_LINES (RING_HEADER_SIZE + (n) * sizeof (RingPayloadRef) \
          + RING_LARGEST_INLINE))

/* Where its parts lie, from the begin of the RingDeviceJob. */
RING_BOTH uint32_t
ring_job_parameters_at (void)
{
  return RING_LINES (sizeof (RingDeviceJob));
}

RING_BOTH uint32_t
ring_job_outputs_at (void)
{
  return ring_job_parameters_at () + RING_LARGEST_NEAR_SET;
}

RING_BOTH uint32_t
ring_job_slot_at (const RingGeometry *g)
{
  return ring_job_outputs_at () + RING_LINES (g->max_outputs * g->inline_size);
}

/* Where an area's parts lie, from the begin of the RingDeviceArea. */
RING_BOTH uint32_t
ring_area_parameters_at (void)
{
  return RING_LINES (sizeof (RingDeviceArea));
}

RING_BOTH int
ring_sets_are_large (const RingGeometry *g)
{
  return g->parameter_stride > RING_LARGEST_SET_OF_BLOCK;
}

RING_BOTH uint32_t
ring_area_outputs_at (const RingGeometry *g)
{
  return ring_area_parameters_at ()
      + (ring_sets_are_large (g) ? 0 : RING_LINES (g->parameter_stride));
}

RING_BOTH uint32_t
ring_area_slot_at (const RingGeometry *g)
{
  return ring_area_outputs_at (g)
      + RING_LINES (g->max_outputs * g->inline_size);
}

RING_BOTH uint32_t
ring_area_stride (const RingGeometry *g)
{
  return ring_area_slot_at (g) + RING_LINES (g->input_stride);
}

/* Where large sets of parameters lie, from the begin of the RingDeviceMemory. */
RING_BOTH uint64_t
ring_large_sets_at (const RingGeometry *g, uint32_t n_blocks)
{
  return sizeof (RingDeviceMemory)
      + (uint64_t) (n_blocks + 1)
      * (ring_area_stride (g) + RING_JOB_SIZE (g->max_outputs));
}

/* Bytes of device memory that the loop needs for @n_blocks: an area for each and the
 * first block's other one; as many messages where blocks have no memory of their own;
 * and large sets of parameters for the first block. */
RING_BOTH uint64_t
ring_device_memory_size (const RingGeometry *g, uint32_t n_blocks)
{
  return ring_large_sets_at (g, n_blocks)
      + (ring_sets_are_large (g)
              ? 2 * (uint64_t) RING_LINES (g->parameter_stride)
              : 0);
}

#endif /* RING_RESIDENCY_H */
