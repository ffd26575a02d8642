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

/* Tables in scratch: for colours and luma, for chroma, for what is kept. */
#define LEVELS_COLOR 0
#define LEVELS_CHROMA 256
#define LEVELS_KEEP 512

RING_KERNEL (levels, "Changes brightness, contrast and gamma of a picture",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_IN_PLACE,
    RING_SCRATCH (768),
    RING_FLOAT (brightness, 0.0, -1.0, 1.0, RING_UNIT_RATIO,
        "Added to every component: -1 is black, 1 is white"),
    RING_FLOAT (contrast, 1.0, 0.0, 10.0, RING_UNIT_RATIO,
        "Factor about mid-gray: 0 is plain gray, 1 leaves the picture"),
    RING_FLOAT (gamma, 1.0, 0.05, 20.0, RING_UNIT_RATIO,
        "Above 1 brightens the middle tones, below 1 darkens them"))
{
  const RingVideoLayout layout = ring_video_layout (in.format);

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
    scratch[LEVELS_KEEP + i] = (uint8_t) i;
  }
  ring_barrier ();

  RING_FOR_EACH_ROW (p, y, in) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[p], y);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[p], y);
    const RING_GLOBAL uint8_t *table =
        scratch + (p == 0 ? LEVELS_COLOR : LEVELS_CHROMA);

    if (in.plane[p].pixel_stride == 4) {
      const RING_GLOBAL uint8_t *keep = scratch + LEVELS_KEEP;
      const RING_GLOBAL uint8_t *table0 = layout.a == 0 ? keep : table;
      const RING_GLOBAL uint8_t *table3 = layout.a == 3 ? keep : table;

      RING_FOR_EACH_LANE (x, in.plane[p].width) {
        to[4 * x] = table0[from[4 * x]];
        to[4 * x + 1] = table[from[4 * x + 1]];
        to[4 * x + 2] = table[from[4 * x + 2]];
        to[4 * x + 3] = table3[from[4 * x + 3]];
      }
    } else {
      const int64_t n = (int64_t) in.plane[p].width * in.plane[p].pixel_stride;

      RING_FOR_EACH_LANE (x, n)
        to[x] = table[from[x]];
    }
  }
}
