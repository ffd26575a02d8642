/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Takes noise away by averaging each byte over time.
 *
 * A recursive average of every component, kept in 8.8 bits:
 *
 *   average += (v - average) (1 - strength)
 *
 * A component that differs from its average by more than the threshold has moved:
 * its average starts again from the new value. All in integers, equal on every
 * backend. Alpha is kept. The average starts again with the stream, and where the
 * stream is discontinuous.
 */
#include <ringkernel/kernel-sdk.h>

/* The next value of @average, rounded to 8 bits. */
RING_FUNCTION uint8_t
denoise (uint8_t v, RING_GLOBAL uint16_t *average, int32_t weight,
    int32_t limit)
{
  const int32_t old = *average;
  const int32_t change = v * 256 - old;
  const int32_t moved = change > limit || change < -limit;
  const int32_t next = moved ? v * 256 : old + ((change * weight + 2048) >> 12);

  *average = (uint16_t) next;
  return (uint8_t) ((next + 128) >> 8);
}

RING_KERNEL (temporal_denoise, "Takes noise away by averaging over time",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_IN_PLACE,
    RING_STATE (uint32_t started;),
    RING_STATE_PER_BYTE (2),
    RING_FLOAT (strength, 0.75, 0.0, 1.0, RING_UNIT_RATIO,
        "Weight of the past: 0 leaves the picture, 1 keeps the first one"),
    RING_INT (threshold, 0, 0, 255,
        "A component that changes by more, in steps of 8 bits, is taken as moved and not averaged; 0: off"))
{
  const RingVideoLayout layout = ring_video_layout (in.format);
  const int64_t keep = layout.a;
  const uint8_t color0 = keep == 0 ? 0 : 255;
  const uint8_t color3 = keep == 3 ? 0 : 255;
  const int32_t fresh = !state->started || (in.flags & RING_MESSAGE_DISCONT);
  /* Weight of the new value, in 1/4096. */
  const int32_t weight =
      fresh ? 4096 : (int32_t) ((1.0f - params.strength) * 4096.0f + 0.5f);
  const int32_t limit = params.threshold > 0 ? params.threshold * 256 : 65536;
  RING_GLOBAL uint16_t *averages = (RING_GLOBAL uint16_t *) state_buffer;

  for (uint32_t p = 0; p < in.n_planes; p++) {
    const int64_t n = (int64_t) in.plane[p].width * in.plane[p].pixel_stride;

    RING_FOR_EACH_ROW_OF (y, in.plane[p].height) {
      const RING_GLOBAL uint8_t *from = ring_row (in.plane[p], y);
      RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);
      RING_GLOBAL uint16_t *average = averages + y * n;

      if (keep < 0) {
        RING_FOR_EACH_LANE (x, n)
          to[x] = denoise (from[x], &average[x], weight, limit);
      } else {
        /* A pixel at a time, its bytes written out: compilers make one vector of
         * them, which they do not where every byte asks for its place. */
        RING_FOR_EACH_LANE (x, in.plane[p].width) {
          const uint8_t v0 =
              denoise (from[4 * x], &average[4 * x], weight, limit);
          const uint8_t v1 =
              denoise (from[4 * x + 1], &average[4 * x + 1], weight, limit);
          const uint8_t v2 =
              denoise (from[4 * x + 2], &average[4 * x + 2], weight, limit);
          const uint8_t v3 =
              denoise (from[4 * x + 3], &average[4 * x + 3], weight, limit);

          to[4 * x] = (uint8_t) ((v0 & color0) | (from[4 * x] & ~color0));
          to[4 * x + 1] = v1;
          to[4 * x + 2] = v2;
          to[4 * x + 3] =
              (uint8_t) ((v3 & color3) | (from[4 * x + 3] & ~color3));
        }
      }
    }
    averages += n * in.plane[p].height;
  }

  /* Not before every worker has looked. */
  if (fresh) {
    ring_barrier ();
    if (ring_is_first_worker ())
      state->started = 1;
  }
}
