#include <ringkernel/kernel-sdk.h>

RING_KERNEL (tint, "Mixes a colour into the picture",
    RING_VIDEO ("RGB"),
    RING_INT (red, 255, 0, 255, "The colour's red"),
    RING_INT (green, 160, 0, 255, "The colour's green"),
    RING_INT (blue, 64, 0, 255, "The colour's blue"),
    RING_FLOAT (amount, 0.5, 0.0, 1.0, RING_UNIT_RATIO, "1: nothing but the colour"))
{
  RING_FOR_EACH_PIXEL (x, y, in.plane[0]) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y) + 3 * x;
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y) + 3 * x;

    to[0] = ring_mix_u8 (from[0], params.red, params.amount);
    to[1] = ring_mix_u8 (from[1], params.green, params.amount);
    to[2] = ring_mix_u8 (from[2], params.blue, params.amount);
  }
}
