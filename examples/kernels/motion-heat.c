#include <ringkernel/kernel-sdk.h>

/* Where something moves it gets hot, and cools down afterwards: black, red, yellow, white
 * over the darkened picture. Two bytes of state for each pixel: what was there, how hot. */
RING_KERNEL (motion_heat, "Shows where something has moved as heat",
    RING_VIDEO_TO ("GRAY8", "RGB"),
    RING_STATE (int32_t started;),
    RING_STATE_PER_BYTE (2),
    RING_INT (gain, 6, 1, 64, "Heat of a change by one step of brightness"),
    RING_INT (noise, 8, 0, 255, "Changes up to here are none"),
    RING_INT (cooling, 12, 0, 255, "What a frame takes off"))
{
  const int32_t fresh = !state->started || (in.flags & RING_MESSAGE_DISCONT);

  RING_FOR_EACH_PIXEL (x, y, in.plane[0]) {
    RING_GLOBAL uint8_t *before = state_buffer + 2 * (y * in.width + x);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y) + 3 * x;
    const int32_t now = ring_row (in.plane[0], y)[x];
    const int32_t change = now < *before ? *before - now : now - *before;
    const int32_t heat = change > params.noise ? change * params.gain : 0;
    const int32_t cooled = ring_max_i32 (before[1] - params.cooling, 0);
    const int32_t hot = fresh ? 0 : ring_clamp_i32 (heat, cooled, 255);

    before[0] = (uint8_t) now;
    before[1] = (uint8_t) hot;
    for (int32_t c = 0; c < 3; c++) {
      const int32_t glow = ring_max_i32 (3 * hot - 255 * c, 0);

      to[c] = (uint8_t) ring_min_i32 (now / 2 + glow, 255);
    }
  }
  ring_barrier (); /* Not before every worker has looked. */
  if (ring_is_first_worker ())
    state->started = 1;
}
