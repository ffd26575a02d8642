#include <ringkernel/kernel-sdk.h>

RING_KERNEL (posterize, "Keeps a few steps of brightness",
    RING_VIDEO ("GRAY8, RGB, BGR"),
    RING_INT (steps, 4, 2, 256, "How many"))
{
  RING_FOR_EACH_ROW (p, y, in)
    RING_FOR_EACH_LANE (x, in.width * in.plane[p].pixel_stride)
      ring_row (out.plane[p], y)[x] = ring_row (in.plane[p], y)[x]
          * params.steps / 256 * 255 / (params.steps - 1);
}
