/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* my-kernel: a filter for a sensor's readings, to be made your own.
 *
 *   ringkernel run ./my-kernel.c --input in.csv --output out.csv --param keep=0.99
 *   ringkernel verify ./my-kernel.c
 */
#include <ringkernel/kernel-sdk.h>

/* One reading; "(td)" below says the same to the host, as a GVariant type: t is a
 * uint64_t, d a double. A line of a CSV file is "time,value". */
typedef struct
{
  uint64_t t; /* ns */
  double value;
} Reading;

/* Name, one line on what it does, then what it takes and gives, what it remembers,
 * and what it can be told. A parameter has a default, a least and a greatest value, a
 * unit if it has one, and a line of its own. */
RING_KERNEL (my_kernel, "Smooths readings: each keeps some of the one before",
    RING_RECORDS ("(td)", Reading, "(td)", Reading),
    RING_STATE (double smooth; int32_t begun;), /* zero at first, lives on */
    RING_FLOAT (keep, 0.9, 0.0, 1.0, RING_UNIT_RATIO,
        "How much of the result before; 0 leaves readings as they are"))
{
  const RING_GLOBAL Reading *from = (const RING_GLOBAL Reading *) in.data;
  RING_GLOBAL Reading *to = (RING_GLOBAL Reading *) out.data;

  /* Every worker runs this, but each reading needs the one before: work for one. */
  if (!ring_is_first_worker ())
    return;

  /* After a gap in the stream begin anew. */
  if (in.flags & RING_MESSAGE_DISCONT)
    state->begun = 0;
  for (uint32_t i = 0; i < in.count; i++) {
    const double keep = state->begun ? (double) params.keep : 0.0;

    state->smooth = keep * state->smooth + (1.0 - keep) * from[i].value;
    state->begun = 1;
    to[i].t = from[i].t;
    to[i].value = state->smooth;
  }
}
