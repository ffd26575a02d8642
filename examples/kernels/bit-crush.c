#include <ringkernel/kernel-sdk.h>

#define MAX_CHANNELS 64

/* Sound of an old machine: fewer bits, and each sample held for several. Where a buffer
 * begins in the middle of such a hold, the sample is the one from the buffer before. */
RING_KERNEL (bit_crush, "Fewer bits and fewer samples",
    RING_AUDIO ("S16LE"),
    RING_STATE (uint32_t age; int16_t held[MAX_CHANNELS];),
    RING_INT (bits, 6, 1, 16, "Bits that are left of a sample"),
    RING_INT (hold, 4, 1, 256, RING_UNIT_SAMPLES, "Each sample is held for so many"))
{
  const RING_GLOBAL int16_t *from = (const RING_GLOBAL int16_t *) in.data;
  RING_GLOBAL int16_t *to = (RING_GLOBAL int16_t *) out.data;
  const int32_t lost = 16 - params.bits, step = 1 << lost;
  const uint32_t n = in.channels, hold = (uint32_t) params.hold;
  const uint32_t age = in.flags & RING_MESSAGE_DISCONT ? 0 : state->age % hold;

  RING_FOR_EACH (i, (uint64_t) in.count * n) {
    const uint32_t frame = (uint32_t) (i / n), channel = (uint32_t) (i % n);
    const uint32_t since = (frame + age) % hold;
    const int32_t v = since <= frame ? from[i - (int64_t) since * n]
                                     : state->held[channel % MAX_CHANNELS];

    to[i] = (int16_t) ((v >> lost) * step + step / 2);
  }
  ring_barrier (); /* Not before every worker has looked. */
  if (ring_is_first_worker () && in.count > 0) {
    const uint32_t since = (in.count - 1 + age) % hold;

    for (uint32_t c = 0; c < n && c < MAX_CHANNELS && since < in.count; c++)
      state->held[c] = from[(uint64_t) (in.count - 1 - since) * n + c];
    state->age = since + 1;
  }
}
