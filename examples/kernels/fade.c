#include <ringkernel/kernel-sdk.h>

RING_KERNEL (fade, "Scales every byte",
    RING_FLOAT (amount, 0.5, 0.0, 1.0, "1 leaves the input as it is"))
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = ring_clamp_u8 (in.data[i] * params.amount);
}
