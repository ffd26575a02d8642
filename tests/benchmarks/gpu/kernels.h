/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * kernels.h: what the benchmarks' own kernels are given; read by the host and by
 * every compiler for a device. Addresses are the device's.
 */
#ifndef RING_BENCH_KERNELS_H
#define RING_BENCH_KERNELS_H

#include <ringkernel/abi.h>

/* Names of the functions. One launch of ring_bench_<kernel> does one message with
 * the body of that shipped kernel; its parameter is a RingInvocation. */
#define BENCH_FUNCTION(name) "ring_bench_" name

/* ring_bench_empty does nothing. */
typedef struct
{
  uint32_t nothing;
} BenchEmpty;

/* ring_bench_flag: the smallest thing that answers. One thread waits in the host's
 * memory for the numbers @first, @first + 1, …, and answers each with its
 * complement, which no store of the host's could be. */
typedef struct
{
  RING_GLOBAL uint64_t *ping; /* the host writes */
  RING_GLOBAL uint64_t *pong; /* the device writes */
  uint64_t first, count;
  uint64_t patience; /* ns without a ping after which it leaves */
} BenchFlag;

/* ring_bench_probe: how much of the device is free. Blocks that fill every thread of
 * every multiprocessor wait for each other, for so long at the most; who waits that
 * long gives up and makes room for those that had no place. */
typedef struct
{
  /* blocks that came, and 1 << 32 for each that gave up; begins at 0 */
  RING_GLOBAL uint64_t *arrived;
  /* per block: 1 + its multiprocessor if it came before any gave up, else 0 */
  RING_GLOBAL uint64_t *seen;
  uint64_t patience; /* ns */
} BenchProbe;

#endif /* RING_BENCH_KERNELS_H */
