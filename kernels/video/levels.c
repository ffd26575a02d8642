/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Brightness, contrast and gamma.
 *
 * A component v of 0 to 1 becomes
 *
 *   clamp ((v - 0.5) contrast + 0.5 + brightness) ^ (1 / gamma)
 *
 * RGB: every colour. GRAY8 and YUV: luma, over all of its 256 codes; chroma is
 * scaled by the contrast about its zero at 128. Alpha is kept. The power function
 * may round differently on another backend: equal within 1.
 */
#include <ringkernel/kernel-sdk.h>

/* Tables in scratch: for colours and luma, for chroma. */
#define LEVELS_COLOR 0
#define LEVELS_CHROMA 256

RING_KERNEL (levels, "Changes brightness, contrast and gamma of a picture",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_IN_PLACE,
    RING_SCRATCH (512),
    RING_FLOAT (brightness, 0.0, -1.0, 1.0, RING_UNIT_RATIO,
        "Added to every component: -1 is black, 1 is white"),
    RING_FLOAT (contrast, 1.0, 0.0, 10.0, RING_UNIT_RATIO,
        "Factor about mid-gray: 0 is plain gray, 1 leaves the picture"),
    RING_FLOAT (gamma, 1.0, 0.05, 20.0, RING_UNIT_RATIO,
        "Above 1 brightens the middle tones, below 1 darkens them"))
{
  const int32_t keep = ring_video_layout (in.format).a;
  const uint32_t mask = keep < 0 ? ~0u : ~(0xffu << 8 * keep);

  RING_FOR_EACH (i, 256) {
    /* Counted in codes, not in parts of 1: halves then are exact. */
    float v = ring_clampf (((float) i - 127.5f) * params.contrast + 127.5f
            + params.brightness * 255.0f,
        0.0f, 255.0f);

    if (params.gamma != 1.0f)
      v = 255.0f * ring_powf (v / 255.0f, 1.0f / params.gamma);
    scratch[LEVELS_COLOR + i] = ring_clamp_u8 (v);
    scratch[LEVELS_CHROMA + i] =
        ring_clamp_u8 ((float) (i - 128) * params.contrast + 128.0f);
  }
  ring_barrier ();

  RING_FOR_EACH_ROW (p, y, in)
    RING_LOOKUP_ROW (ring_row (out.plane[p], y), ring_row (in.plane[p], y),
        (int64_t) in.plane[p].width * in.plane[p].pixel_stride,
        scratch + (p == 0 ? LEVELS_COLOR : LEVELS_CHROMA), mask);
}
