#include <ringkernel/kernel-sdk.h>

RING_KERNEL (rectify, "Folds sound up: every sample becomes positive",
    RING_AUDIO ("F32LE"),
    RING_IN_PLACE)
{
  const RING_GLOBAL float *from = (const RING_GLOBAL float *) in.data;
  RING_GLOBAL float *to = (RING_GLOBAL float *) out.data;
  RING_FOR_EACH (i, in.count * in.channels)
    to[i] = ring_fabsf (from[i]);
}
