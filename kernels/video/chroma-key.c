/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Chroma key: makes what has the key's colour transparent.
 *
 * Compared are the colour differences Cb and Cr of ITU-R BT.601, of full range, with
 * those of the key; how bright something is does not matter. With d, the distance
 * between them in parts of 255,
 *
 *   alpha  = (d - similarity) / smoothness         from 0 to 1
 *   colour = (d - similarity) / spill              from 0 to 1
 *
 * where `colour` is how much a pixel keeps of its own, so that what the screen has
 * tinted becomes gray. An input's alpha stays where it is the lower. YUV is taken as
 * BT.601 of video range, and its chroma for the two by two pixels that share it.
 *
 * In floats, without contraction and with IEEE roots: equal on every backend.
 */
#include <ringkernel/kernel-sdk.h>

/* Colour differences of the key in codes, and what they are compared with. */
typedef struct
{
  float cb, cr;
  float similarity;
  float smoothness;
  float spill;
} Key;

RING_FUNCTION float
key_distance (const Key key, float cb, float cr)
{
  const float b = cb - key.cb, r = cr - key.cr;

  return ring_sqrtf (b * b + r * r) - key.similarity;
}

/* 0 to 255 */
RING_FUNCTION int32_t
key_alpha (const Key key, float distance)
{
  return (int32_t) ring_clampf (distance * key.smoothness + 0.5f, 0.0f, 255.0f);
}

RING_FUNCTION float
key_color (const Key key, float distance)
{
  return ring_clampf (distance * key.spill, 0.0f, 1.0f);
}

RING_FUNCTION uint32_t
key_byte (float v, int32_t shift)
{
  return (uint32_t) (int32_t) ring_clampf (v + 0.5f, 0.0f, 255.0f) << shift;
}

/* Where a colour comes from, in the order in which they lie, and where it goes. */
typedef struct
{
  float weight, cb, cr;
  int32_t shift;
} KeyByte;

RING_FUNCTION KeyByte
key_byte_of (int32_t byte, const RingVideoLayout from, const RingVideoLayout to)
{
  const int32_t is_red = from.r == byte, is_blue = from.b == byte;
  KeyByte k;

  k.weight = is_red ? 0.299f : is_blue ? 0.114f : 0.587f;
  k.cb = ((is_blue ? 1.0f : 0.0f) - k.weight) / 1.772f;
  k.cr = ((is_red ? 1.0f : 0.0f) - k.weight) / 1.402f;
  k.shift = 8 * (is_red ? to.r : is_blue ? to.b : to.g);
  return k;
}

/* A pixel of RGB; @alpha is its own. */
RING_FUNCTION uint32_t
key_rgb (const Key key, const KeyByte k0, const KeyByte k1, const KeyByte k2,
    int32_t c0, int32_t c1, int32_t c2, int32_t alpha, int32_t alpha_shift)
{
  const float v0 = (float) c0, v1 = (float) c1, v2 = (float) c2;
  const float y = k0.weight * v0 + k1.weight * v1 + k2.weight * v2;
  const float d = key_distance (key, k0.cb * v0 + k1.cb * v1 + k2.cb * v2,
      k0.cr * v0 + k1.cr * v1 + k2.cr * v2);
  const float color = key_color (key, d);

  return key_byte (y + (v0 - y) * color, k0.shift)
      | key_byte (y + (v1 - y) * color, k1.shift)
      | key_byte (y + (v2 - y) * color, k2.shift)
      | (uint32_t) ring_min_i32 (alpha, key_alpha (key, d)) << alpha_shift;
}

/* One of YUV; @r, @g and @b are what chroma adds. */
RING_FUNCTION uint32_t
key_yuv (int32_t luma, float r, float g, float b, const RingVideoLayout to)
{
  const float y = (float) (luma - 16) * 1.16438356f;

  return key_byte (y + r, 8 * to.r) | key_byte (y + g, 8 * to.g)
      | key_byte (y + b, 8 * to.b);
}

RING_KERNEL (chroma_key, "Makes what has the key's colour transparent",
    RING_VIDEO_TO ("RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12",
        "RGBA, BGRA, ARGB, ABGR"),
    RING_INT (red, 0, 0, 255, "The key's red"),
    RING_INT (green, 177, 0, 255, "The key's green"),
    RING_INT (blue, 64, 0, 255, "The key's blue"),
    RING_FLOAT (similarity, 0.15, 0.0, 1.0, RING_UNIT_RATIO,
        "What is as near to the key's colour is transparent"),
    RING_FLOAT (smoothness, 0.08, 0.0, 1.0, RING_UNIT_RATIO,
        "How much farther away all is opaque; 0 is a hard edge"),
    RING_FLOAT (spill, 0.1, 0.0, 1.0, RING_UNIT_RATIO,
        "How much farther away colours are their own again, and not grayer; 0 leaves them"))
{
  const RingVideoLayout from_layout = ring_video_layout (in.format);
  const RingVideoLayout to_layout = ring_video_layout (out.format);
  const float red = (float) params.red, green = (float) params.green,
              blue = (float) params.blue;
  const float luma = 0.299f * red + 0.587f * green + 0.114f * blue;
  const int32_t alpha_shift = 8 * to_layout.a;
  Key key;

  key.cb = (blue - luma) / 1.772f;
  key.cr = (red - luma) / 1.402f;
  key.similarity = params.similarity * 255.0f;
  key.smoothness = 1.0f / ring_maxf (params.smoothness, 0.001f);
  key.spill = 1.0f / (255.0f * ring_maxf (params.spill, 0.001f));

  if (in.n_planes == 1) {
    const int32_t first = from_layout.a == 0 ? 1 : 0;
    const KeyByte k0 = key_byte_of (first, from_layout, to_layout);
    const KeyByte k1 = key_byte_of (first + 1, from_layout, to_layout);
    const KeyByte k2 = key_byte_of (first + 2, from_layout, to_layout);
    const int32_t shift = 8 * from_layout.a;
    const int32_t opaque = from_layout.has_alpha ? 0 : 255;

    RING_FOR_EACH_ROW_OF (y, in.height) {
      const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y);
      RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);

      if (in.plane[0].pixel_stride == 3) {
        RING_FOR_EACH_LANE (x, in.width) {
          const uint32_t w = key_rgb (key, k0, k1, k2, from[3 * x],
              from[3 * x + 1], from[3 * x + 2], 255, alpha_shift);

          ring_store_u32 (to + 4 * x, w);
        }
      } else {
        RING_FOR_EACH_LANE (x, in.width) {
          uint32_t w = ring_load_u32 (from + 4 * x);

          w = key_rgb (key, k0, k1, k2, w >> 8 * first & 255,
              w >> 8 * first >> 8 & 255, w >> 8 * first >> 16 & 255,
              (int32_t) (w >> shift & 255) | opaque, alpha_shift);
          ring_store_u32 (to + 4 * x, w);
        }
      }
    }
    return;
  }

  const int64_t step = in.plane[1].pixel_stride;
  const uint32_t second = in.n_planes - 1;

  RING_FOR_EACH_ROW_OF (y, in.height) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y);
    const RING_GLOBAL uint8_t *from_u = ring_row (in.plane[1], y / 2);
    const RING_GLOBAL uint8_t *from_v =
        ring_row (in.plane[second], y / 2) + (step - 1);
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y);
    const int64_t pairs = in.width / 2;

    /* Two pixels at once, and at the end of a row perhaps the same one twice. */
    RING_FOR_EACH_LANE (x, in.plane[1].width) {
      const float u = (float) (from_u[step * x] - 128);
      const float v = (float) (from_v[step * x] - 128);
      /* from 224 codes to 255 */
      const float d = key_distance (key, u * 1.13839286f, v * 1.13839286f);
      const float color = key_color (key, d);
      const float r = v * 1.59602678f * color;
      const float g = (u * -0.39176229f + v * -0.81296765f) * color;
      const float b = u * 2.01723214f * color;
      const uint32_t alpha = (uint32_t) key_alpha (key, d) << alpha_shift;
      const int64_t next = x < pairs ? 2 * x + 1 : 2 * x;
      const uint32_t w0 = key_yuv (from[2 * x], r, g, b, to_layout) | alpha;
      const uint32_t w1 = key_yuv (from[next], r, g, b, to_layout) | alpha;

      ring_store_u32 (to + 8 * x, w0);
      ring_store_u32 (to + 4 * next, w1);
    }
  }
}
