#include <ringkernel/kernel-sdk.h>

/* Large pixels: each square takes its mean. A step of the loop is a square, which reads and
 * writes nothing but itself; at the right and at the bottom it may be cut. */
RING_KERNEL (pixelate, "Makes pixels large",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR"),
    RING_IN_PLACE,
    RING_INT (size, 16, 1, 512, RING_UNIT_PIXELS, "Side of a square"))
{
  const int32_t n = in.plane[0].pixel_stride, size = params.size;
  const int32_t width = (int32_t) in.width, height = (int32_t) in.height;

  RING_FOR_EACH_ROW_OF (row, (height + size - 1) / size) {
    RING_FOR_EACH_LANE (column, (width + size - 1) / size) {
      const int32_t left = (int32_t) column * size, top = (int32_t) row * size;
      const int32_t right = ring_min_i32 (left + size, width);
      const int32_t bottom = ring_min_i32 (top + size, height);
      const int32_t area = (right - left) * (bottom - top);

      for (int32_t c = 0; c < n; c++) {
        int32_t sum = area / 2;

        for (int32_t y = top; y < bottom; y++)
          for (int32_t x = left; x < right; x++)
            sum += ring_row (in.plane[0], y)[x * n + c];
        for (int32_t y = top; y < bottom; y++)
          for (int32_t x = left; x < right; x++)
            ring_row (out.plane[0], y)[x * n + c] = (uint8_t) (sum / area);
      }
    }
  }
}
