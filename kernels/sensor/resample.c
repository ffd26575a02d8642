/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Makes `up` records of each `down`, on straight lines between their neighbours.
 *
 * Record k that comes out lies at k down / up of those that go in, counted from where
 * the stream begins; value and time are those of that place. It comes out once the
 * records on both of its sides are known, and one that lies on a record is that record.
 * What lies beside a value that is not finite is not finite either. With more than 4 up
 * for each down, `down` is taken as a quarter of `up`, rounded up. Starts again, with the
 * next record, where the stream is discontinuous and when `up` or `down` changes.
 *
 * Lines do not keep what is faster than half of the new rate out: that is what
 * low-pass.c before it is for, where there are fewer afterwards.
 *
 * Where each record comes from is known beforehand, so all workers share them out. As
 * there may be more than go in, they come out in up to four messages.
 */
/* Divisions of 64 bits take many. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

#define RESAMPLE_MOST 4

typedef struct
{
  uint64_t t; /* ns */
  double value;
} ResampleRecord;

/* The place @part / @whole of the way from a to b, @part from 1 to @whole. */
RING_FUNCTION ResampleRecord
resample_between (ResampleRecord a, ResampleRecord b, int64_t part,
    int64_t whole)
{
  /* Times may go backwards; and their difference times @part may be too large. */
  const int64_t dt = (int64_t) (b.t - a.t);
  const int64_t ahead = dt / whole * part + dt % whole * part / whole;
  ResampleRecord r = { a.t + (uint64_t) ahead,
    a.value + (b.value - a.value) * ((double) part / (double) whole) };

  if (part == whole)
    r = b;
  return r;
}

RING_KERNEL (resample, "Makes more records, or fewer, on lines between them",
    RING_RECORDS ("(td)", ResampleRecord, "(td)", ResampleRecord),
    RING_EMITS (RESAMPLE_MOST),
    /* From the last record to the next that comes out, in parts of 1 / up. */
    RING_STATE (ResampleRecord last; int64_t ahead; int32_t up, down;),
    RING_INT (up, 1, 1, 1000, RING_UNIT_RECORDS, "So many come out …"),
    RING_INT (down, 2, 1, 1000, RING_UNIT_RECORDS,
        "… for so many that go in; at least a quarter of `up`"))
{
  const RING_GLOBAL ResampleRecord *from =
      (const RING_GLOBAL ResampleRecord *) in.data;
  const int64_t n = in.count;
  const int32_t up = ring_max_i32 (params.up, 1);
  const int32_t down =
      ring_max_i32 (params.down, (up + RESAMPLE_MOST - 1) / RESAMPLE_MOST);
  const int32_t goes_on = !(in.flags & RING_MESSAGE_DISCONT) && state->up == up
      && state->down == down;
  /* From the first record of these. */
  const int64_t first = goes_on ? state->ahead - up : 0;
  const int64_t room = (n - 1) * up - first;
  const int64_t total = room < 0 ? 0 : room / down + 1;
  const ResampleRecord last = state->last;

  if (n == 0)
    return;

  for (int32_t k = 0; k < RESAMPLE_MOST; k++) {
    const int64_t left = total - k * n;
    const int64_t count = left < n ? left : n;
    RING_GLOBAL ResampleRecord *to =
        (RING_GLOBAL ResampleRecord *) ring_output (k).data;

    if (count <= 0)
      break;
    RING_FOR_EACH (i, count) {
      const int64_t place = first + (k * n + i) * down;
      const int64_t b = place <= 0 ? 0 : (place + up - 1) / up;
      const int64_t part = place - b * up + up;

      to[i] = resample_between (b > 0 ? from[b - 1] : last, from[b], part, up);
    }
    if (ring_is_first_worker ())
      ring_emit (k, (uint64_t) count * sizeof (ResampleRecord));
  }

  ring_barrier ();
  if (ring_is_first_worker ()) {
    state->last = from[n - 1];
    state->ahead = first + total * down - (n - 1) * up;
    state->up = up;
    state->down = down;
  }
}
