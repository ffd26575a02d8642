#include <ringkernel/kernel-sdk.h>

/* Darkens a picture towards its corners. A pixel's distance is 0 in the middle and 1 in a
 * corner; what lies within `radius` stays, from there on darkness grows as its square. */
RING_KERNEL (vignette, "Darkens a picture towards its corners",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, RGBx, BGRx"),
    RING_IN_PLACE,
    RING_FLOAT (strength, 0.8, 0.0, 1.0, RING_UNIT_RATIO, "How dark a corner gets: 1 is black"),
    RING_FLOAT (radius, 0.3, 0.0, 0.99, RING_UNIT_RATIO, "Where it begins: 0 in the middle"))
{
  const int32_t alpha = ring_video_layout (in.format).a;
  const int32_t n = in.plane[0].pixel_stride;

  RING_FOR_EACH_PIXEL (x, y, in.plane[0]) {
    const float dx = (float) (2 * x + 1) / (float) in.width - 1.0f;
    const float dy = (float) (2 * y + 1) / (float) in.height - 1.0f;
    const float distance = ring_sqrtf ((dx * dx + dy * dy) / 2.0f);
    const float outside = ring_maxf (distance - params.radius, 0.0f);
    const float beyond = outside / (1.0f - params.radius);
    const float light = 1.0f - params.strength * beyond * beyond;
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y) + x * n;
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y) + x * n;

    for (int32_t c = 0; c < n; c++)
      to[c] = c == alpha ? from[c] : ring_clamp_u8 (from[c] * light);
  }
}
