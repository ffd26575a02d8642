#include <ringkernel/kernel-sdk.h>

/* Any number from any other, the same on every machine. */
RING_FUNCTION uint32_t
scramble (uint32_t v)
{
  v = (v ^ (v >> 16)) * 0x7feb352du;
  v = (v ^ (v >> 15)) * 0x846ca68bu;
  return v ^ (v >> 16);
}

/* A bad tape: bands of lines slip, red one way and blue the other, others in each frame. */
RING_KERNEL (glitch, "Slips bands of lines, as a bad tape does",
    RING_VIDEO ("RGB, BGR"),
    RING_STATE (uint32_t frame;),
    RING_INT (band, 12, 1, 1024, RING_UNIT_PIXELS, "Height of a band"),
    RING_INT (often, 30, 0, 100, "Of a hundred bands, so many slip"),
    RING_INT (far, 40, 0, 4096, RING_UNIT_PIXELS, "How far, at the most"),
    RING_INT (lines, 64, 0, 256, "How much darker every other line is; 256 is black"))
{
  const uint32_t frame = state->frame, width = in.width;

  RING_FOR_EACH_PIXEL (x, y, in.plane[0]) {
    const uint32_t band = (uint32_t) (y / params.band);
    const uint32_t chance = scramble (frame * 65537u + band);
    const uint32_t far = scramble (chance) % ((uint32_t) params.far + 1u);
    const uint32_t slip = (int32_t) (chance % 100u) < params.often ? far : 0;
    const uint32_t light = y & 1 ? 256u - (uint32_t) params.lines : 256u;

    for (uint32_t c = 0; c < 3; c++) {
      const uint32_t right = (uint32_t) x + width * 4096u - slip + slip * c;
      const uint32_t v = ring_row (in.plane[0], y)[3 * (right % width) + c];
      ring_row (out.plane[0], y)[3 * x + c] = (uint8_t) (v * light >> 8);
    }
  }
  ring_barrier (); /* Not before every worker has looked. */
  if (ring_is_first_worker ())
    state->frame = frame + 1;
}
