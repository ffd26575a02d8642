#include <ringkernel/kernel-sdk.h>

typedef struct
{
  uint64_t t; /* ns */
  double value;
} Reading;

/* What a resistor and a capacitor do: value follows value, the more slowly the lower the
 * cut-off. Goes by the records' own times, so they need not come evenly. */
RING_KERNEL (low_pass, "Smooths a sensor's values",
    RING_RECORDS ("(td)", Reading, "(td)", Reading),
    RING_STATE (int32_t started; uint64_t t; double value;),
    RING_FLOAT (cutoff, 2.0, 0.001, 10000.0, RING_UNIT_HERTZ, "What is faster is damped"))
{
  const RING_GLOBAL Reading *from = (const RING_GLOBAL Reading *) in.data;
  RING_GLOBAL Reading *to = (RING_GLOBAL Reading *) out.data;
  const double constant = 1.0 / (6.283185307179586 * (double) params.cutoff);

  /* Each record needs the one before: work for one. */
  if (!ring_is_first_worker ())
    return;
  if (in.flags & RING_MESSAGE_DISCONT)
    state->started = 0;
  for (uint32_t i = 0; i < in.count; i++) {
    const double change = from[i].value - state->value;
    double dt = 0.0;

    if (state->started && from[i].t > state->t)
      dt = (double) (from[i].t - state->t) * 1e-9;
    if (state->started)
      state->value += change * (dt / (constant + dt));
    else
      state->value = from[i].value;
    state->started = 1;
    state->t = to[i].t = from[i].t;
    to[i].value = state->value;
  }
}
