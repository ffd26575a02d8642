#include <ringkernel/kernel-sdk.h>

#define CB(r, g, b) ((-38 * r - 74 * g + 112 * b + 128) >> 8)
#define CR(r, g, b) ((112 * r - 94 * g - 18 * b + 128) >> 8)

/* Makes one colour transparent, whatever its brightness: what is near it in the plane of
 * the colour differences. Put a compositor behind it to see something there. */
RING_KERNEL (chroma_key, "Makes one colour transparent",
    RING_VIDEO ("RGBA, BGRA, ARGB, ABGR"),
    RING_IN_PLACE,
    RING_INT (key, 0x00ff00, 0, 0xffffff, "The colour, as 0xRRGGBB"),
    RING_INT (tolerance, 60, 0, 255, "What is no farther from it is transparent"),
    RING_INT (softness, 30, 1, 255, "How much farther until nothing is"))
{
  const RingVideoLayout l = ring_video_layout (in.format);
  const int32_t r = params.key >> 16, b = params.key & 255;
  const int32_t g = (params.key >> 8) & 255;
  const int32_t cb = CB (r, g, b), cr = CR (r, g, b);

  RING_FOR_EACH_PIXEL (x, y, in.plane[0]) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y) + 4 * x;
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y) + 4 * x;
    const int32_t u = CB (from[l.r], from[l.g], from[l.b]) - cb;
    const int32_t v = CR (from[l.r], from[l.g], from[l.b]) - cr;
    const int32_t distance = (int32_t) ring_sqrtf ((float) (u * u + v * v));
    const int32_t beyond = distance - params.tolerance;
    const int32_t seen =
        ring_clamp_i32 (beyond * 255 / params.softness, 0, 255);
    const int32_t alpha = (from[l.a] * seen + 127) / 255;

    for (int32_t c = 0; c < 4; c++)
      to[c] = (uint8_t) (c == l.a ? alpha : from[c]);
  }
}
