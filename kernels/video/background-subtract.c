/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What does not belong to the background, as a mask: 255 there, else 0.
 *
 * For each pixel two averages of luma are kept, in 8.8 bits: its mean, and how far it
 * is from that, |v - mean|, on average. Foreground is what is farther than `threshold`
 * times the latter, `noise` being its least value. Then both learn:
 *
 *   average += (new - average) rate            background
 *   average += (new - average) rate absorb     foreground
 *
 * The first picture of a stream, and the first after a discontinuity, is background.
 * Luma of RGB is (77 R + 150 G + 29 B + 128) >> 8; of YUV it is its plane. All in
 * integers, equal on every backend.
 */
#include <ringkernel/kernel-sdk.h>

/* Weights of the bytes of a pixel. */
RING_FUNCTION uint16_t
background_weight (const RingVideoLayout layout, int32_t byte)
{
  return layout.r == byte ? 77
      : layout.g == byte  ? 150
      : layout.b == byte  ? 29
                          : 0;
}

RING_KERNEL (background_subtract, "Shows what does not belong to the background, as a mask",
    RING_VIDEO_TO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12",
        "GRAY8"),
    RING_STATE (uint32_t started;),
    RING_STATE_PER_BYTE (4),
    RING_FLOAT (threshold, 4.0, 1.0, 100.0, RING_UNIT_RATIO,
        "How many times its average deviation a pixel may deviate"),
    RING_INT (noise, 4, 1, 64,
        "The least average deviation, in steps of 8 bits"),
    RING_FLOAT (rate, 0.02, 0.0, 1.0, RING_UNIT_RATIO,
        "How fast the background is learned: the weight of each picture; 0 keeps it"),
    RING_FLOAT (absorb, 0.1, 0.0, 1.0, RING_UNIT_RATIO,
        "Part of that for what is foreground; 0 never makes it background"))
{
  const RingVideoLayout layout = ring_video_layout (in.format);
  const uint16_t w0 = background_weight (layout, 0);
  const uint16_t w1 = background_weight (layout, 1);
  const uint16_t w2 = background_weight (layout, 2);
  const uint16_t w3 = background_weight (layout, 3);
  const int32_t fresh = !state->started || (in.flags & RING_MESSAGE_DISCONT);
  const int64_t width = in.width;
  RING_GLOBAL uint16_t *means = (RING_GLOBAL uint16_t *) state_buffer;
  RING_GLOBAL uint16_t *deviations = means + width * in.height;
  const int32_t noise = params.noise * 256;
  /* In 1/4096; and how far is too far, in 1/16, which leaves room in 32 bits. */
  const int32_t rate = (int32_t) (params.rate * 4096.0f + 0.5f);
  const int32_t absorb =
      (int32_t) (params.rate * params.absorb * 4096.0f + 0.5f);
  const int32_t limit = (int32_t) (params.threshold * 16.0f + 0.5f);

  RING_FOR_EACH_ROW_OF (y, in.height) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);
    RING_GLOBAL uint16_t *mean = means + y * width;
    RING_GLOBAL uint16_t *deviation = deviations + y * width;

    /* Luma, where the result will be. */
    if (in.plane[0].pixel_stride == 1) {
      RING_FOR_EACH_LANE (x, width)
        to[x] = from[x];
    } else if (in.plane[0].pixel_stride == 3) {
      RING_FOR_EACH_LANE (x, width)
        to[x] = (uint8_t) ((uint16_t) (w0 * from[3 * x] + w1 * from[3 * x + 1]
                               + w2 * from[3 * x + 2] + 128)
            >> 8);
    } else {
      RING_FOR_EACH_LANE (x, width)
        to[x] =
            (uint8_t) ((uint16_t) (w0 * from[4 * x] + w1 * from[4 * x + 1]
                           + w2 * from[4 * x + 2] + w3 * from[4 * x + 3] + 128)
                >> 8);
    }

    if (fresh) {
      RING_FOR_EACH_LANE (x, width) {
        mean[x] = (uint16_t) (to[x] * 256);
        deviation[x] = (uint16_t) noise;
        to[x] = 0;
      }
    } else {
      RING_FOR_EACH_LANE (x, width) {
        const int32_t change = to[x] * 256 - mean[x];
        const int32_t far = change < 0 ? -change : change;
        const int32_t usual = ring_max_i32 (deviation[x], noise);
        const int32_t is_foreground = far * 16 > usual * limit;
        const int32_t weight = is_foreground ? absorb : rate;

        mean[x] = (uint16_t) (mean[x] + ((change * weight + 2048) >> 12));
        deviation[x] = (uint16_t) (deviation[x]
            + (((far - deviation[x]) * weight + 2048) >> 12));
        to[x] = is_foreground ? 255 : 0;
      }
    }
  }

  /* Not before every worker has looked. */
  if (fresh) {
    ring_barrier ();
    if (ring_is_first_worker ())
      state->started = 1;
  }
}
