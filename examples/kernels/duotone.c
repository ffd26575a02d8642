#include <ringkernel/kernel-sdk.h>

/* The shades between two colours: brightness is all that is left of the picture. */
RING_KERNEL (duotone, "Two colours, and the shades between them",
    RING_VIDEO ("RGB, BGR, RGBA, BGRA, RGBx, BGRx"),
    RING_IN_PLACE,
    RING_INT (dark, 0x2b1055, 0, 0xffffff, "What black becomes, as 0xRRGGBB"),
    RING_INT (light, 0xffd36e, 0, 0xffffff, "What white becomes, as 0xRRGGBB"))
{
  const RingVideoLayout l = ring_video_layout (in.format);
  const int32_t n = in.plane[0].pixel_stride;

  RING_FOR_EACH_PIXEL (x, y, in.plane[0]) {
    const RING_GLOBAL uint8_t *from = ring_row (in.plane[0], y) + x * n;
    RING_GLOBAL uint8_t *to = ring_row (out.plane[0], y) + x * n;
    const int32_t r = from[l.r], g = from[l.g], b = from[l.b];
    const int32_t v = (77 * r + 150 * g + 29 * b + 128) >> 8;

    for (int32_t c = 0; c < n; c++) {
      /* Where this byte is in a colour; alpha stays. */
      const int32_t shift = c == l.r ? 16 : c == l.g ? 8 : 0;
      const int32_t dark = (params.dark >> shift) & 255;
      const int32_t light = (params.light >> shift) & 255;
      const int32_t mixed = (dark * (255 - v) + light * v + 127) / 255;

      to[c] = (uint8_t) (c == l.a ? from[c] : mixed);
    }
  }
}
