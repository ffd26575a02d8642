/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Makes sound louder or softer.
 *
 * Every sample times 10^(gain / 20). S16LE and S32LE are rounded to the nearest,
 * halves away from zero, and saturate; F32LE and F64LE may go beyond full scale.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (gain, "Makes sound louder or softer",
    RING_AUDIO ("S16LE, S32LE, F32LE, F64LE"),
    RING_IN_PLACE,
    RING_FLOAT (gain, 0.0, -120.0, 60.0, RING_UNIT_DB,
        "0 leaves the sound as it is, -6 about halves the amplitude"),
    RING_BOOL (mute, 0, "Silence"))
{
  const int64_t n = (int64_t) in.count * in.channels;
  const float factor = ring_powf (10.0f, params.gain / 20.0f);

  if (params.mute) {
    const uint64_t bytes = (uint64_t) n * ring_audio_sample_size (in.format);

    RING_FOR_EACH (i, bytes)
      out.data[i] = 0;
  } else if (in.format == RING_AUDIO_S16LE) {
    const RING_GLOBAL int16_t *from = (const RING_GLOBAL int16_t *) in.data;
    RING_GLOBAL int16_t *to = (RING_GLOBAL int16_t *) out.data;

    RING_FOR_EACH (i, n) {
      const float v =
          ring_clampf ((float) from[i] * factor, -32768.0f, 32767.0f);

      to[i] = (int16_t) (int32_t) (v + (v < 0.0f ? -0.5f : 0.5f));
    }
  } else if (in.format == RING_AUDIO_S32LE) {
    const RING_GLOBAL int32_t *from = (const RING_GLOBAL int32_t *) in.data;
    RING_GLOBAL int32_t *to = (RING_GLOBAL int32_t *) out.data;

    RING_FOR_EACH (i, n) {
      /* 24 bits of a float would lose the low ones. */
      const double product = (double) from[i] * (double) factor;
      const double low = product < -2147483648.0 ? -2147483648.0 : product;
      const double v = low > 2147483647.0 ? 2147483647.0 : low;

      to[i] = (int32_t) (v + (v < 0.0 ? -0.5 : 0.5));
    }
  } else if (in.format == RING_AUDIO_F32LE) {
    const RING_GLOBAL float *from = (const RING_GLOBAL float *) in.data;
    RING_GLOBAL float *to = (RING_GLOBAL float *) out.data;

    RING_FOR_EACH (i, n)
      to[i] = from[i] * factor;
  } else {
    const RING_GLOBAL double *from = (const RING_GLOBAL double *) in.data;
    RING_GLOBAL double *to = (RING_GLOBAL double *) out.data;

    RING_FOR_EACH (i, n)
      to[i] = from[i] * (double) factor;
  }
}
