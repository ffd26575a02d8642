#include <ringkernel/kernel-sdk.h>

typedef struct { uint64_t t; double value; } Reading; /* ns */
typedef struct { uint64_t t; uint32_t count, zero; } Crossings;

/* One record for each window, at the time of its end. Noise around zero does not count. */
RING_KERNEL (zero_crossings, "Counts how often a value changes its sign",
    RING_RECORDS ("(td)", Reading, "(tu)", Crossings),
    RING_EMITS (1),
    RING_STATE (int32_t started, sign; uint64_t begin; uint32_t count;),
    RING_FLOAT (window, 1.0, 0.001, 3600.0, RING_UNIT_SECONDS, "For so long it counts"),
    RING_FLOAT (hysteresis, 0.1, 0.0, 1e6, "Nearer to zero it is neither"))
{
  const RING_GLOBAL Reading *from = (const RING_GLOBAL Reading *) in.data;
  RING_GLOBAL Crossings *to = (RING_GLOBAL Crossings *) out.data;
  const uint64_t window = (uint64_t) ((double) params.window * 1e9);
  uint32_t n = 0;
  if (!ring_is_first_worker ())
    return;
  for (uint32_t i = 0; i < in.count; i++) {
    const double v = from[i].value;
    const int32_t sign = v > params.hysteresis ? 1 : v < -params.hysteresis ? -1 : 0;

    if (!state->started || (i == 0 && (in.flags & RING_MESSAGE_DISCONT)))
      state->started = 1, state->sign = 0, state->begin = from[i].t, state->count = 0;
    if (from[i].t - state->begin >= window) {
      const Crossings counted = { state->begin + window, state->count, 0 };

      to[n++] = counted;
      /* After a gap another window begins. */
      state->begin = from[i].t - state->begin < 2 * window ? state->begin + window : from[i].t;
      state->count = 0;
    }
    state->count += sign * state->sign < 0;
    state->sign = sign ? sign : state->sign;
  }
  if (n > 0)
    ring_emit (0, n * sizeof (Crossings));
}
