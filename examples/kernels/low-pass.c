#include <ringkernel/kernel-sdk.h>

typedef struct
{
  uint64_t t; /* ns */
  double value;
} LowPassRecord;

/* What a resistor and a capacitor do: value follows value, the more slowly the lower the
 * cut-off. Goes by the records' own times, so they need not come evenly. */
RING_KERNEL (low_pass, "Smooths a sensor's values",
    RING_RECORDS ("(td)", LowPassRecord, "(td)", LowPassRecord),
    RING_STATE (int32_t started; uint64_t t; double value;),
    RING_FLOAT (cutoff, 2.0, 0.001, 10000.0, RING_UNIT_HERTZ, "What is faster is damped"))
{
  const RING_GLOBAL LowPassRecord *from = (const RING_GLOBAL LowPassRecord *) in.data;
  RING_GLOBAL LowPassRecord *to = (RING_GLOBAL LowPassRecord *) out.data;
  const double constant = 1.0 / (6.283185307179586 * (double) params.cutoff);

  /* Each record needs the one before: work for one. */
  if (!ring_is_first_worker ())
    return;
  if (in.flags & RING_MESSAGE_DISCONT)
    state->started = 0;
  for (uint32_t i = 0; i < in.count; i++) {
    const double dt = state->started && from[i].t > state->t
        ? (double) (from[i].t - state->t) * 1e-9 : 0.0;

    state->value = state->started
        ? state->value + (from[i].value - state->value) * (dt / (constant + dt))
        : from[i].value;
    state->started = 1;
    state->t = to[i].t = from[i].t;
    to[i].value = state->value;
  }
}
