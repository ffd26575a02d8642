#include <ringkernel/kernel-sdk.h>

typedef struct
{
  uint64_t t; /* ns */
  double value;
} Reading;

/* One record for each window, at its end. Noise around zero does not count. */
RING_KERNEL (zero_crossings, "Counts how often a value changes its sign",
    RING_RECORDS ("(td)", Reading, "(td)", Reading),
    RING_EMITS (1),
    RING_STATE (uint64_t end; int32_t sign, count;),
    RING_FLOAT (window, 1.0, 0.001, 3600.0, RING_UNIT_SECONDS, "How long it counts"),
    RING_FLOAT (hysteresis, 0.1, 0.0, 1e6, "Nearer to zero it is neither"))
{
  const RING_GLOBAL Reading *from = (const RING_GLOBAL Reading *) in.data;
  RING_GLOBAL Reading *to = (RING_GLOBAL Reading *) out.data;
  const uint64_t window = (uint64_t) ((double) params.window * 1e9);
  uint32_t n = 0;
  for (uint32_t i = 0; i < in.count && ring_is_first_worker (); i++) {
    const double v = from[i].value, h = params.hysteresis;
    const int32_t sign = v > h ? 1 : v < -h ? -1 : 0;
    const uint64_t t = from[i].t;

    if (state->end == 0 || (i == 0 && (in.flags & RING_MESSAGE_DISCONT)))
      state->end = t + window, state->sign = state->count = 0;
    if (t >= state->end) {
      to[n].t = state->end;
      to[n++].value = state->count;
      state->count = 0;
      state->end = (t < state->end + window ? state->end : t) + window;
    }
    state->count += sign * state->sign < 0;
    state->sign = sign ? sign : state->sign;
  }
  if (n > 0)
    ring_emit (0, n * sizeof (Reading));
}
