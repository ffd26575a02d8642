/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Converts a picture from one format to another: between RGB in any order of bytes,
 * gray of 8 and of 16 bits, and YUV with halved chroma. By which colours the numbers
 * stand for, BT.601, BT.709 or BT.2020, in full or in limited range, is said by the
 * streams on both sides.
 *
 * Red, green and blue become brightness and colour differences, or the other way
 * round, or one such triple another, by a matrix in 1/16384 and an offset, rounded to
 * the nearest, halves up; what is beyond the range of bytes saturates. The matrix is
 * that of the standards,
 *
 *   Y = kr R + kg G + kb B,  U = (B - Y) / (2 - 2 kb),  V = (R - Y) / (2 - 2 kr)
 *
 * with kr and kb as ITU-R BT.601-7, BT.709-6 and BT.2020-2 (non-constant luminance)
 * give them. Gray is Y, and 16 bits of gray are 257 times 8 bits of it. Halved chroma
 * is the mean of its four pixels, centred between them; each of the four takes it as
 * it is. At odd edges the last column or row counts twice. Alpha stays what it is, and
 * is opaque where there was none; so is padding.
 *
 * Integers: equal on every backend.
 */
/* Its nine factors stay in registers. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

#define CONVERT_BITS 14
#define CONVERT_HALF (1 << (CONVERT_BITS - 1))

/* What comes out is m times what goes in, plus add, in 1/16384. */
typedef struct
{
  int32_t m[3][3];
  int32_t add[3];
} ConvertMatrix;

/* ---- the matrix ------------------------------------------------------------------- */

typedef struct
{
  double kr, kb;
} ConvertWeights;

RING_FUNCTION ConvertWeights
convert_weights (uint32_t matrix)
{
  ConvertWeights k = { 0.299, 0.114 }; /* BT.601, and what is not known */

  if (matrix == RING_MATRIX_BT709)
    k.kr = 0.2126, k.kb = 0.0722;
  else if (matrix == RING_MATRIX_BT2020)
    k.kr = 0.2627, k.kb = 0.0593;
  else if (matrix == RING_MATRIX_FCC)
    k.kr = 0.30, k.kb = 0.11;
  else if (matrix == RING_MATRIX_SMPTE240M)
    k.kr = 0.212, k.kb = 0.087;
  return k;
}

RING_FUNCTION int32_t
convert_is_rgb (uint32_t format)
{
  return format != RING_VIDEO_I420 && format != RING_VIDEO_NV12
      && format != RING_VIDEO_GRAY8 && format != RING_VIDEO_GRAY16;
}

RING_FUNCTION int32_t
convert_is_gray (uint32_t format)
{
  return format == RING_VIDEO_GRAY8 || format == RING_VIDEO_GRAY16;
}

RING_FUNCTION int32_t
convert_is_halved (uint32_t format)
{
  return format == RING_VIDEO_I420 || format == RING_VIDEO_NV12;
}

/* Whether the range is limited, where nobody has said: as that of most films and of
 * no picture of RGB or gray. */
RING_FUNCTION int32_t
convert_is_limited (uint32_t format, uint32_t range)
{
  return range == RING_RANGE_UNKNOWN ? convert_is_halved (format)
                                     : range == RING_RANGE_LIMITED;
}

/* From bytes of @format to brightness from 0 to 1 and differences from -1/2 to 1/2, or
 * to red, green and blue from 0 to 1: x * scale + offset. */
RING_FUNCTION void
convert_levels (uint32_t format, uint32_t range, int32_t i, double *scale,
    double *offset)
{
  const int32_t limited = convert_is_limited (format, range);
  const int32_t is_difference = i > 0 && !convert_is_rgb (format);

  *scale = 1.0 / (!limited ? 255.0 : is_difference ? 224.0 : 219.0);
  *offset = -*scale * (is_difference ? 128.0 : limited ? 16.0 : 0.0);
}

RING_FUNCTION int32_t
convert_fixed (double x)
{
  const double v = x * (1 << CONVERT_BITS) + 0.5;
  const int32_t i = (int32_t) v;

  return (double) i > v ? i - 1 : i;
}

RING_FUNCTION ConvertMatrix
convert_matrix (const RingView in, const RingView out)
{
  const int32_t from_rgb = convert_is_rgb (in.format);
  const int32_t to_rgb = convert_is_rgb (out.format);
  /* Gray has no matrix of its own: it is the other's brightness. */
  const ConvertWeights f =
      convert_weights (convert_is_gray (in.format) ? out.matrix : in.matrix);
  const ConvertWeights t = convert_weights (
      convert_is_gray (out.format) && !from_rgb ? in.matrix : out.matrix);
  double a[3][3] = { { 1.0, 0.0, 0.0 }, { 0.0, 1.0, 0.0 }, { 0.0, 0.0, 1.0 } };
  double b[3][3] = { { 1.0, 0.0, 0.0 }, { 0.0, 1.0, 0.0 }, { 0.0, 0.0, 1.0 } };
  ConvertMatrix result;

  if (!from_rgb) {
    const double kg = 1.0 - f.kr - f.kb;

    a[0][0] = a[1][0] = a[2][0] = 1.0;
    a[0][1] = 0.0, a[0][2] = 2.0 - 2.0 * f.kr;
    a[1][1] = -(2.0 - 2.0 * f.kb) * f.kb / kg;
    a[1][2] = -(2.0 - 2.0 * f.kr) * f.kr / kg;
    a[2][1] = 2.0 - 2.0 * f.kb, a[2][2] = 0.0;
  }
  if (!to_rgb) {
    const double u = 1.0 / (2.0 - 2.0 * t.kb), v = 1.0 / (2.0 - 2.0 * t.kr);

    b[0][0] = t.kr, b[0][1] = 1.0 - t.kr - t.kb, b[0][2] = t.kb;
    b[1][0] = -t.kr * u, b[1][1] = -b[0][1] * u, b[1][2] = (1.0 - t.kb) * u;
    b[2][0] = (1.0 - t.kr) * v, b[2][1] = -b[0][1] * v, b[2][2] = -t.kb * v;
  }
  for (int32_t i = 0; i < 3; i++) {
    double to_scale, to_offset, add = 0.0;

    convert_levels (out.format, out.range, i, &to_scale, &to_offset);
    for (int32_t j = 0; j < 3; j++) {
      double scale, offset, sum = 0.0;

      convert_levels (in.format, in.range, j, &scale, &offset);
      for (int32_t k = 0; k < 3; k++)
        sum += b[i][k] * a[k][j];
      /* Gray has no differences. */
      if (j > 0 && convert_is_gray (in.format))
        sum = 0.0;
      result.m[i][j] = convert_fixed (sum * scale / to_scale);
      add += sum * offset;
    }
    result.add[i] = convert_fixed ((add - to_offset) / to_scale);
  }
  return result;
}

/* ---- pixels ----------------------------------------------------------------------- */

/* In 1/16384. */
RING_FUNCTION int32_t
convert_one (const ConvertMatrix c, const int32_t i, int32_t x, int32_t y,
    int32_t z)
{
  return c.m[i][0] * x + c.m[i][1] * y + c.m[i][2] * z + c.add[i];
}

RING_FUNCTION uint32_t
convert_byte (int32_t value)
{
  return (
      uint32_t) ring_clamp_i32 ((value + CONVERT_HALF) >> CONVERT_BITS, 0, 255);
}

RING_FUNCTION uint32_t
convert_word (int32_t value)
{
  const int64_t v = ((int64_t) value * 257 + CONVERT_HALF) >> CONVERT_BITS;

  return v < 0 ? 0 : v > 65535 ? 65535 : (uint32_t) v;
}

/* Where the bytes of a packed pixel lie, in bits, as ring_load_u32 gives it. */
typedef struct
{
  uint32_t r, g, b, a;
  uint32_t opaque; /* to be set where there is no alpha to be kept */
} ConvertOrder;

RING_FUNCTION ConvertOrder
convert_order (uint32_t format)
{
  const RingVideoLayout l = ring_video_layout (format);
  ConvertOrder o;

  o.r = (uint32_t) l.r * 8, o.g = (uint32_t) l.g * 8, o.b = (uint32_t) l.b * 8;
  o.a = (uint32_t) (l.a < 0 ? 24 : l.a * 8);
  o.opaque = 0xffu << o.a;
  return o;
}

RING_FUNCTION uint32_t
convert_pack (const ConvertOrder o, uint32_t r, uint32_t g, uint32_t b)
{
  return r << o.r | g << o.g | b << o.b;
}

/* A pixel of three bytes or of four. */
RING_FUNCTION uint32_t
convert_load (const RING_GLOBAL uint8_t *from, const int32_t bytes)
{
  return bytes == 4
      ? ring_load_u32 (from)
      : (uint32_t) from[0] | (uint32_t) from[1] << 8 | (uint32_t) from[2] << 16;
}

RING_FUNCTION void
convert_store (RING_GLOBAL uint8_t *to, uint32_t w, const int32_t bytes)
{
  if (bytes == 4) {
    ring_store_u32 (to, w);
  } else {
    to[0] = (uint8_t) w;
    to[1] = (uint8_t) (w >> 8);
    to[2] = (uint8_t) (w >> 16);
  }
}

RING_FUNCTION void
convert_store_gray (RING_GLOBAL uint8_t *to, int32_t value, const int32_t bytes)
{
  if (bytes == 1) {
    to[0] = (uint8_t) convert_byte (value);
  } else {
    const uint32_t w = convert_word (value);

    to[0] = (uint8_t) w;
    to[1] = (uint8_t) (w >> 8);
  }
}

/* ---- rows ------------------------------------------------------------------------- */

/* RGB to RGB: bytes change places. Constants: bytes of a pixel, on both sides. */
RING_FUNCTION void
convert_shuffle_row (RING_GLOBAL uint8_t *to, const RING_GLOBAL uint8_t *from,
    uint32_t width, const ConvertOrder in, const ConvertOrder out,
    uint32_t opaque, const int32_t from_bytes, const int32_t to_bytes,
    RingWorker *ring RING_UNUSED_)
{
  RING_FOR_EACH_LANE (x, width) {
    const uint32_t w = convert_load (from + from_bytes * x, from_bytes);

    convert_store (to + to_bytes * x,
        (w >> in.r & 255) << out.r | (w >> in.g & 255) << out.g
            | (w >> in.b & 255) << out.b
            | ((w >> in.a & 255) << out.a & ~opaque) | opaque,
        to_bytes);
  }
}

/* RGB to RGB of another range. */
RING_FUNCTION void
convert_level_row (RING_GLOBAL uint8_t *to, const RING_GLOBAL uint8_t *from,
    uint32_t width, const ConvertMatrix c, const ConvertOrder in,
    const ConvertOrder out, uint32_t opaque, const int32_t from_bytes,
    const int32_t to_bytes, RingWorker *ring RING_UNUSED_)
{
  RING_FOR_EACH_LANE (x, width) {
    const uint32_t w = convert_load (from + from_bytes * x, from_bytes);
    const int32_t r = (int32_t) (w >> in.r & 255);
    const int32_t g = (int32_t) (w >> in.g & 255);
    const int32_t b = (int32_t) (w >> in.b & 255);

    convert_store (to + to_bytes * x,
        convert_pack (out, convert_byte (convert_one (c, 0, r, g, b)),
            convert_byte (convert_one (c, 1, r, g, b)),
            convert_byte (convert_one (c, 2, r, g, b)))
            | ((w >> in.a & 255) << out.a & ~opaque) | opaque,
        to_bytes);
  }
}

/* RGB to gray. */
RING_FUNCTION void
convert_to_gray_row (RING_GLOBAL uint8_t *to, const RING_GLOBAL uint8_t *from,
    uint32_t width, const ConvertMatrix c, const ConvertOrder in,
    const int32_t from_bytes, const int32_t to_bytes,
    RingWorker *ring RING_UNUSED_)
{
  RING_FOR_EACH_LANE (x, width) {
    const uint32_t w = convert_load (from + from_bytes * x, from_bytes);

    convert_store_gray (to + to_bytes * x,
        convert_one (c, 0, (int32_t) (w >> in.r & 255),
            (int32_t) (w >> in.g & 255), (int32_t) (w >> in.b & 255)),
        to_bytes);
  }
}

/* Gray to gray, and the brightness of what has chroma to gray and back. */
RING_FUNCTION void
convert_gray_row (RING_GLOBAL uint8_t *to, const RING_GLOBAL uint8_t *from,
    uint32_t width, const ConvertMatrix c, const int32_t from_bytes,
    const int32_t to_bytes, RingWorker *ring RING_UNUSED_)
{
  RING_FOR_EACH_LANE (x, width) {
    if (from_bytes == 1) {
      convert_store_gray (to + to_bytes * x, c.m[0][0] * from[x] + c.add[0],
          to_bytes);
    } else {
      const int64_t w = from[2 * x] | from[2 * x + 1] << 8;
      const int64_t v = w * c.m[0][0] + (int64_t) c.add[0] * 257;

      /* in 1/257 of a byte's steps */
      if (to_bytes == 2) {
        const int64_t v16 = (v + CONVERT_HALF) >> CONVERT_BITS;
        const uint32_t word = v16 < 0 ? 0
            : v16 > 65535             ? 65535
                                      : (uint32_t) v16;

        to[2 * x] = (uint8_t) word;
        to[2 * x + 1] = (uint8_t) (word >> 8);
      } else {
        const int64_t half = 257ll << (CONVERT_BITS - 1);
        const int64_t v8 = v + half < 0 ? 0 : (v + half) / (2 * half);

        to[x] = (uint8_t) (v8 > 255 ? 255 : v8);
      }
    }
  }
}

/* Gray to RGB. */
RING_FUNCTION void
convert_from_gray_row (RING_GLOBAL uint8_t *to, const RING_GLOBAL uint8_t *from,
    uint32_t width, const ConvertMatrix c, const ConvertOrder out,
    uint32_t opaque, const int32_t from_bytes, const int32_t to_bytes,
    RingWorker *ring RING_UNUSED_)
{
  RING_FOR_EACH_LANE (x, width) {
    uint32_t v;

    if (from_bytes == 1) {
      v = convert_byte (c.m[0][0] * from[x] + c.add[0]);
    } else {
      const int64_t w = from[2 * x] | from[2 * x + 1] << 8;
      const int64_t half = 257ll << (CONVERT_BITS - 1);
      const int64_t y = w * c.m[0][0] + (int64_t) c.add[0] * 257 + half;
      const int64_t v8 = y < 0 ? 0 : y / (2 * half);

      v = (uint32_t) (v8 > 255 ? 255 : v8);
    }
    convert_store (to + to_bytes * x, convert_pack (out, v, v, v) | opaque,
        to_bytes);
  }
}

/* Halved chroma, as it lies: v behind u, or in a plane of its own. */
typedef struct
{
  RING_GLOBAL uint8_t *u, *v;
} ConvertChroma;

RING_FUNCTION ConvertChroma
convert_chroma (const RingView view, int64_t y)
{
  ConvertChroma c;

  c.u = ring_row (view.plane[1], y);
  c.v = view.n_planes > 2 ? ring_row (view.plane[2], y) : c.u + 1;
  return c;
}

/* Two pixels share their chroma. @step: from one byte of it to the next, a constant. */
RING_FUNCTION void
convert_from_halved_row (RING_GLOBAL uint8_t *to,
    const RING_GLOBAL uint8_t *luma, const RING_GLOBAL uint8_t *u_row,
    const RING_GLOBAL uint8_t *v_row, uint32_t width, const ConvertMatrix c,
    const ConvertOrder out, uint32_t opaque, const int32_t step,
    const int32_t to_bytes, RingWorker *ring)
{
  RING_FOR_EACH_LANE (i, width / 2) {
    const int32_t u = u_row[step * i], v = v_row[step * i];
    const int32_t r = c.m[0][1] * u + c.m[0][2] * v + c.add[0];
    const int32_t g = c.m[1][1] * u + c.m[1][2] * v + c.add[1];
    const int32_t b = c.m[2][1] * u + c.m[2][2] * v + c.add[2];
    /* one factor for all three: that of Y */
    const int32_t y0 = c.m[0][0] * luma[2 * i];
    const int32_t y1 = c.m[0][0] * luma[2 * i + 1];

    convert_store (to + to_bytes * 2 * i,
        convert_pack (out, convert_byte (y0 + r), convert_byte (y0 + g),
            convert_byte (y0 + b))
            | opaque,
        to_bytes);
    convert_store (to + to_bytes * (2 * i + 1),
        convert_pack (out, convert_byte (y1 + r), convert_byte (y1 + g),
            convert_byte (y1 + b))
            | opaque,
        to_bytes);
  }
  if (width % 2 == 1 && ring->lane == 0) {
    const int64_t x = width - 1;
    const int32_t y = luma[x], u = u_row[step * (x / 2)];
    const int32_t v = v_row[step * (x / 2)];

    convert_store (to + to_bytes * x,
        convert_pack (out, convert_byte (convert_one (c, 0, y, u, v)),
            convert_byte (convert_one (c, 1, y, u, v)),
            convert_byte (convert_one (c, 2, y, u, v)))
            | opaque,
        to_bytes);
  }
}

RING_FUNCTION int32_t
convert_red (uint32_t w, const ConvertOrder o)
{
  return (int32_t) (w >> o.r & 255);
}

RING_FUNCTION int32_t
convert_green (uint32_t w, const ConvertOrder o)
{
  return (int32_t) (w >> o.g & 255);
}

RING_FUNCTION int32_t
convert_blue (uint32_t w, const ConvertOrder o)
{
  return (int32_t) (w >> o.b & 255);
}

RING_FUNCTION void
convert_luma_row (RING_GLOBAL uint8_t *to, const RING_GLOBAL uint8_t *from,
    uint32_t width, const ConvertMatrix c, const ConvertOrder in,
    const int32_t bytes, RingWorker *ring RING_UNUSED_)
{
  RING_FOR_EACH_LANE (x, width) {
    const uint32_t w = convert_load (from + bytes * x, bytes);

    to[x] = (uint8_t) convert_byte (convert_one (c, 0, convert_red (w, in),
        convert_green (w, in), convert_blue (w, in)));
  }
}

/* A pixel of halved chroma, of the sums of four pixels. */
RING_FUNCTION uint32_t
convert_mean (const ConvertMatrix c, const int32_t i, int32_t r, int32_t g,
    int32_t b)
{
  return (
      uint32_t) ring_clamp_i32 ((c.m[i][0] * r + c.m[i][1] * g + c.m[i][2] * b
                                    + 4 * c.add[i] + 4 * CONVERT_HALF)
          >> (CONVERT_BITS + 2),
      0, 255);
}

/* From two rows of RGB, which may be one and the same. */
RING_FUNCTION void
convert_halve_rows (RING_GLOBAL uint8_t *u_row, RING_GLOBAL uint8_t *v_row,
    const RING_GLOBAL uint8_t *upper, const RING_GLOBAL uint8_t *lower,
    uint32_t width, const ConvertMatrix c, const ConvertOrder in,
    const int32_t step, const int32_t bytes, RingWorker *ring)
{
  RING_FOR_EACH_LANE (i, width / 2) {
    const uint32_t p = convert_load (upper + bytes * 2 * i, bytes);
    const uint32_t q = convert_load (upper + bytes * (2 * i + 1), bytes);
    const uint32_t s = convert_load (lower + bytes * 2 * i, bytes);
    const uint32_t t = convert_load (lower + bytes * (2 * i + 1), bytes);
    const int32_t r = convert_red (p, in) + convert_red (q, in)
        + convert_red (s, in) + convert_red (t, in);
    const int32_t g = convert_green (p, in) + convert_green (q, in)
        + convert_green (s, in) + convert_green (t, in);
    const int32_t b = convert_blue (p, in) + convert_blue (q, in)
        + convert_blue (s, in) + convert_blue (t, in);

    u_row[step * i] = (uint8_t) convert_mean (c, 1, r, g, b);
    v_row[step * i] = (uint8_t) convert_mean (c, 2, r, g, b);
  }
  if (width % 2 == 1 && ring->lane == 0) {
    const int64_t x = width - 1;
    const uint32_t p = convert_load (upper + bytes * x, bytes);
    const uint32_t s = convert_load (lower + bytes * x, bytes);
    const int32_t r = 2 * (convert_red (p, in) + convert_red (s, in));
    const int32_t g = 2 * (convert_green (p, in) + convert_green (s, in));
    const int32_t b = 2 * (convert_blue (p, in) + convert_blue (s, in));

    u_row[step * (x / 2)] = (uint8_t) convert_mean (c, 1, r, g, b);
    v_row[step * (x / 2)] = (uint8_t) convert_mean (c, 2, r, g, b);
  }
}

/* Other colours of the same kind. Differences do not depend on brightness. */
RING_FUNCTION void
convert_chroma_row (RING_GLOBAL uint8_t *to_u, RING_GLOBAL uint8_t *to_v,
    const RING_GLOBAL uint8_t *u_row, const RING_GLOBAL uint8_t *v_row,
    uint32_t width, const ConvertMatrix c, const int32_t from_step,
    const int32_t to_step, RingWorker *ring RING_UNUSED_)
{
  RING_FOR_EACH_LANE (x, width) {
    const int32_t u = u_row[from_step * x], v = v_row[from_step * x];

    to_u[to_step * x] =
        (uint8_t) convert_byte (c.m[1][1] * u + c.m[1][2] * v + c.add[1]);
    to_v[to_step * x] =
        (uint8_t) convert_byte (c.m[2][1] * u + c.m[2][2] * v + c.add[2]);
  }
}

RING_FUNCTION void
convert_reluma_row (RING_GLOBAL uint8_t *to, const RING_GLOBAL uint8_t *luma,
    const RING_GLOBAL uint8_t *u_row, const RING_GLOBAL uint8_t *v_row,
    uint32_t width, const ConvertMatrix c, const int32_t step, RingWorker *ring)
{
  RING_FOR_EACH_LANE (i, width / 2) {
    const int32_t more =
        c.m[0][1] * u_row[step * i] + c.m[0][2] * v_row[step * i] + c.add[0];

    to[2 * i] = (uint8_t) convert_byte (c.m[0][0] * luma[2 * i] + more);
    to[2 * i + 1] = (uint8_t) convert_byte (c.m[0][0] * luma[2 * i + 1] + more);
  }
  if (width % 2 == 1 && ring->lane == 0) {
    const int64_t x = width - 1;

    to[x] = (uint8_t) convert_byte (convert_one (c, 0, luma[x],
        u_row[step * (x / 2)], v_row[step * (x / 2)]));
  }
}

/* ---- pictures --------------------------------------------------------------------- */

/* Calls @row with what @a and @b are as constants: @a0 or one more, @b0 or one more. */
#define CONVERT_FOR(a, a0, b, b0, row, ...) \
  do { \
    if ((a) == (a0) && (b) == (b0)) \
      row (__VA_ARGS__, a0, b0, ring); \
    else if ((a) == (a0)) \
      row (__VA_ARGS__, a0, (b0) + 1, ring); \
    else if ((b) == (b0)) \
      row (__VA_ARGS__, (a0) + 1, b0, ring); \
    else \
      row (__VA_ARGS__, (a0) + 1, (b0) + 1, ring); \
  } while (0)

RING_FUNCTION void
convert_packed (const RingView in, const RingView out, const ConvertMatrix c,
    const ConvertOrder from, const ConvertOrder to, uint32_t opaque,
    RingWorker *ring)
{
  const uint32_t a = in.plane[0].pixel_stride, b = out.plane[0].pixel_stride;
  const int32_t same = c.m[0][0] == 1 << CONVERT_BITS && c.add[0] == 0;

  RING_FOR_EACH_ROW_OF (y, in.height) {
    const RING_GLOBAL uint8_t *row = ring_row (in.plane[0], y);
    RING_GLOBAL uint8_t *result = ring_row (out.plane[0], y);

    if (same)
      CONVERT_FOR (a, 3, b, 3, convert_shuffle_row, result, row, in.width, from,
          to, opaque);
    else
      CONVERT_FOR (a, 3, b, 3, convert_level_row, result, row, in.width, c,
          from, to, opaque);
  }
}

RING_FUNCTION void
convert_gray_of (const RingView in, const RingView out, const ConvertMatrix c,
    RingWorker *ring)
{
  const uint32_t a = in.plane[0].pixel_stride, b = out.plane[0].pixel_stride;

  RING_FOR_EACH_ROW_OF (y, in.height)
    CONVERT_FOR (a, 1, b, 1, convert_gray_row, ring_row (out.plane[0], y),
        ring_row (in.plane[0], y), in.width, c);
}

RING_FUNCTION void
convert_to_gray (const RingView in, const RingView out, const ConvertMatrix c,
    const ConvertOrder from, RingWorker *ring)
{
  const uint32_t a = in.plane[0].pixel_stride, b = out.plane[0].pixel_stride;

  RING_FOR_EACH_ROW_OF (y, in.height)
    CONVERT_FOR (a, 3, b, 1, convert_to_gray_row, ring_row (out.plane[0], y),
        ring_row (in.plane[0], y), in.width, c, from);
}

RING_FUNCTION void
convert_from_gray (const RingView in, const RingView out, const ConvertMatrix c,
    const ConvertOrder to, uint32_t opaque, RingWorker *ring)
{
  const uint32_t a = in.plane[0].pixel_stride, b = out.plane[0].pixel_stride;

  RING_FOR_EACH_ROW_OF (y, in.height)
    CONVERT_FOR (a, 1, b, 3, convert_from_gray_row, ring_row (out.plane[0], y),
        ring_row (in.plane[0], y), in.width, c, to, opaque);
}

/* Gray has gray chroma. */
RING_FUNCTION void
convert_no_color (const RingView out, const ConvertMatrix c, RingWorker *ring)
{
  for (uint32_t p = 1; p < out.n_planes; p++) {
    const uint32_t bytes = out.plane[p].width * out.plane[p].pixel_stride;

    RING_FOR_EACH_ROW_OF (y, out.plane[p].height) {
      RING_GLOBAL uint8_t *row = ring_row (out.plane[p], y);

      RING_FOR_EACH_LANE (x, bytes)
        row[x] = (uint8_t) convert_byte (c.add[1]);
    }
  }
}

RING_FUNCTION void
convert_halve (const RingView in, const RingView out, const ConvertMatrix c,
    const ConvertOrder from, RingWorker *ring)
{
  const uint32_t bytes = in.plane[0].pixel_stride;

  RING_FOR_EACH_ROW_OF (j, out.plane[1].height) {
    const int64_t last =
        ring_min_i32 ((int32_t) (2 * j + 1), (int32_t) in.height - 1);
    const ConvertChroma to = convert_chroma (out, j);

    for (int64_t y = 2 * j; y <= last; y++) {
      const RING_GLOBAL uint8_t *row = ring_row (in.plane[0], y);

      if (bytes == 4)
        convert_luma_row (ring_row (out.plane[0], y), row, in.width, c, from, 4,
            ring);
      else
        convert_luma_row (ring_row (out.plane[0], y), row, in.width, c, from, 3,
            ring);
    }
    CONVERT_FOR (out.plane[1].pixel_stride, 1, bytes, 3, convert_halve_rows,
        to.u, to.v, ring_row (in.plane[0], 2 * j), ring_row (in.plane[0], last),
        in.width, c, from);
  }
}

RING_FUNCTION void
convert_from_halved (const RingView in, const RingView out,
    const ConvertMatrix c, const ConvertOrder to, uint32_t opaque,
    RingWorker *ring)
{
  const uint32_t bytes = out.plane[0].pixel_stride;

  RING_FOR_EACH_ROW_OF (y, in.height) {
    const RING_GLOBAL uint8_t *luma = ring_row (in.plane[0], y);
    const ConvertChroma from = convert_chroma (in, y / 2);
    RING_GLOBAL uint8_t *result = ring_row (out.plane[0], y);

    CONVERT_FOR (in.plane[1].pixel_stride, 1, bytes, 3, convert_from_halved_row,
        result, luma, from.u, from.v, in.width, c, to, opaque);
  }
}

RING_FUNCTION void
convert_halved (const RingView in, const RingView out, const ConvertMatrix c,
    RingWorker *ring)
{
  const uint32_t a = in.plane[1].pixel_stride, b = out.plane[1].pixel_stride;

  RING_FOR_EACH_ROW_OF (y, in.height) {
    const ConvertChroma from = convert_chroma (in, y / 2);

    if (a == 1)
      convert_reluma_row (ring_row (out.plane[0], y), ring_row (in.plane[0], y),
          from.u, from.v, in.width, c, 1, ring);
    else
      convert_reluma_row (ring_row (out.plane[0], y), ring_row (in.plane[0], y),
          from.u, from.v, in.width, c, 2, ring);
  }
  RING_FOR_EACH_ROW_OF (y, in.plane[1].height) {
    const ConvertChroma from = convert_chroma (in, y);
    const ConvertChroma to = convert_chroma (out, y);

    CONVERT_FOR (a, 1, b, 1, convert_chroma_row, to.u, to.v, from.u, from.v,
        in.plane[1].width, c);
  }
}

RING_KERNEL (convert, "Converts a picture to another format, and to other colours",
    RING_VIDEO_TO ("GRAY8, GRAY16_LE, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12",
        "GRAY8, GRAY16_LE, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_ANY_FORMAT)
{
  const ConvertMatrix c = convert_matrix (in, out);
  const ConvertOrder from = convert_order (in.format);
  const ConvertOrder to = convert_order (out.format);
  const int32_t keeps_alpha = ring_video_layout (in.format).has_alpha
      && ring_video_layout (out.format).has_alpha;
  const uint32_t opaque = keeps_alpha ? 0 : to.opaque;
  const int32_t from_gray = convert_is_gray (in.format);
  const int32_t to_gray = convert_is_gray (out.format);

  if (convert_is_rgb (in.format)) {
    if (convert_is_rgb (out.format))
      convert_packed (in, out, c, from, to, opaque, ring);
    else if (convert_is_halved (out.format))
      convert_halve (in, out, c, from, ring);
    else
      convert_to_gray (in, out, c, from, ring);
  } else if (convert_is_rgb (out.format)) {
    if (from_gray)
      convert_from_gray (in, out, c, to, opaque, ring);
    else
      convert_from_halved (in, out, c, to, opaque, ring);
  } else if (from_gray || to_gray) {
    convert_gray_of (in, out, c, ring);
    convert_no_color (out, c, ring);
  } else {
    convert_halved (in, out, c, ring);
  }
}
