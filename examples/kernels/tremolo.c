#include <ringkernel/kernel-sdk.h>

/* Makes sound louder and softer, again and again, along a sine. How far it has come, in
 * turns, is kept from one buffer to the next, so a change of rate does not jump. */
RING_KERNEL (tremolo, "Makes sound louder and softer, again and again",
    RING_AUDIO ("F32LE"),
    RING_IN_PLACE,
    RING_STATE (double turns;),
    RING_FLOAT (rate, 5.0, 0.05, 40.0, RING_UNIT_HERTZ, "How often in a second"),
    RING_FLOAT (depth, 0.7, 0.0, 1.0, RING_UNIT_RATIO, "1: down to silence"))
{
  const RING_GLOBAL float *from = (const RING_GLOBAL float *) in.data;
  RING_GLOBAL float *to = (RING_GLOBAL float *) out.data;
  const double begin = in.flags & RING_MESSAGE_DISCONT ? 0.0 : state->turns;
  const double step = (double) params.rate / in.rate;

  RING_FOR_EACH (i, (uint64_t) in.count * in.channels) {
    const double turns = begin + (double) (i / in.channels) * step;
    const float angle = (float) (turns - (double) (int64_t) turns) * 6.2831853f;

    to[i] = from[i] * (1.0f - params.depth * (0.5f - 0.5f * ring_cosf (angle)));
  }
  ring_barrier (); /* Not before every worker has looked. */
  if (ring_is_first_worker ()) {
    const double end = begin + in.count * step;
    state->turns = end - (double) (int64_t) end;
  }
}
