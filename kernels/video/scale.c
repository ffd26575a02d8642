/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Makes a picture larger or smaller: to the size that is asked of its output.
 *
 * Pixels are squares: the centre of pixel x of `out` lies at (x + 1/2) in / out - 1/2 in a
 * row of `in` pixels. What is beyond an edge is as at the edge. Each byte of a pixel is
 * scaled by itself, alpha too: colours are not weighed by it. Subsampled chroma is scaled as
 * a picture of its own, as if its samples lay in the middle of the pixels that they are of,
 * before and after. Where the size stays, nothing changes.
 *
 * bilinear: columns, then rows, each between the two pixels nearest to the place. Places are
 * multiples of 2^-32 pixels, since in / out is rounded to that. Of their fraction 15 bits
 * count, f: a value is a + round ((b - a) f / 2^15). Between the two steps values have 7 bits
 * more than 8. Where a picture becomes smaller than half, pixels are passed over.
 *
 * area: a pixel is the mean of what it covers; a side that becomes larger is as bilinear.
 * lanczos: sin (x) sin (x / 3) / x^2 with x in pixels times pi, three pixels to either side,
 * of the picture that has fewer of them: so it is wider where a side becomes smaller. Both
 * have a table of weights for columns and one for rows: multiples of 2^-14 that add up to 1,
 * for it is their sums from the left that are rounded. The sum over columns is rounded to 6
 * bits more than 8, the sum over rows of these to 8. Pictures with a side of more than 16384
 * pixels, before or after, are scaled bilinearly.
 *
 * Halves are rounded up. All is in integers, but for the weights of lanczos, which are sums,
 * products and quotients of doubles; so it is equal on every backend.
 */
/* Its sums stay in registers. */
#define RING_REGISTERS 128
#include <ringkernel/kernel-sdk.h>

#define SCALE_BILINEAR 0
#define SCALE_AREA 1

/* The longest side that has weights, and for how many taps a pixel of it there is room:
 * six times the larger side, and one more for each. */
#define SCALE_SIDE 16384
#define SCALE_TAPS 7
/* Of both sides: those of full planes, then those of subsampled ones. */
#define SCALE_FIRSTS 24576
#define SCALE_WEIGHTS 172032

/* A row or a column becomes @size pixels of @last / 2^32 + 1. */
typedef struct
{
  uint64_t step; /* pixels from one to the next, times 2^32 */
  int64_t last;
} ScaleAxis;

/* What each pixel of a row or a column is made of: @taps pixels from first[x] on, times
 * weight[x * taps …]. */
typedef struct
{
  const RING_GLOBAL uint16_t *first;
  const RING_GLOBAL int16_t *weight;
  int32_t taps;
} ScaleTable;

RING_FUNCTION ScaleAxis
scale_axis (uint32_t in, uint32_t out)
{
  ScaleAxis axis;

  axis.step = (((uint64_t) in << 32) + out / 2) / out;
  axis.last = (int64_t) (in - 1) << 32;
  return axis;
}

/* Where pixel @x lies. At the last pixel there is no fraction. */
RING_FUNCTION int64_t
scale_place (ScaleAxis axis, int64_t x)
{
  const int64_t at =
      (int64_t) ((uint64_t) (2 * x + 1) * axis.step >> 1) - ((int64_t) 1 << 31);

  return at < 0 ? 0 : at > axis.last ? axis.last : at;
}

RING_FUNCTION int16_t
scale_fraction (int64_t place)
{
  return (int16_t) ((place >> 17) & 32767);
}

/* From @a to @b, both with 7 bits of fraction. This is one instruction where there are
 * vectors. */
RING_FUNCTION int16_t
scale_mix (int16_t a, int16_t b, int16_t f)
{
  const int16_t change = (int16_t) (b - a);

  return (int16_t) (a
      + (int16_t) ((((int32_t) change * (int32_t) f >> 14) + 1) >> 1));
}

RING_FUNCTION int16_t
scale_mix_u8 (uint8_t a, uint8_t b, int16_t f)
{
  return scale_mix ((int16_t) (a << 7), (int16_t) (b << 7), f);
}

/* ---- weights ------------------------------------------------------------------ */

/* How many pixels one is made of, at the most. */
RING_FUNCTION int32_t
scale_taps (int32_t method, int32_t in, int32_t out)
{
  const int32_t n = method == SCALE_AREA
      ? in <= out ? 2 : (in + out - 1) / out + (in % out > 0)
      : in <= out ? 6
                  : (6 * in + out - 1) / out;

  return n < in ? n : in;
}

RING_FUNCTION double
scale_lobe (int64_t distance, int64_t unit)
{
  const double x = 1.0471975511965976 * ((double) distance / (double) unit);
  const double sine = ring_sin (x);

  if (distance == 0)
    return 1.0;
  if (distance <= -3 * unit || distance >= 3 * unit)
    return 0.0;
  /* sin 3x = 3 sin x - 4 sin^3 x */
  return sine * (sine * (3.0 - 4.0 * sine * sine)) / (3.0 * x * x);
}

RING_FUNCTION int32_t
scale_round (double share)
{
  return (int32_t) (share * 16384.0 + 65536.5) - 65536;
}

/* The weights of pixel @x; returns which pixel the first is for. */
RING_FUNCTION int32_t
scale_weigh (RING_GLOBAL int16_t *weight, int32_t taps, int32_t method,
    int32_t in, int32_t out, int64_t x)
{
  /* The pixel's left edge, and its centre, in 1 / out and in 1 / (2 out) pixels. */
  const int64_t left = x * in;
  const int64_t center = (2 * x + 1) * in - out;
  const int64_t unit = 2 * (int64_t) ring_max_i32 (in, out);
  const int32_t is_area = method == SCALE_AREA;
  const int64_t place =
      scale_place (scale_axis ((uint32_t) in, (uint32_t) out), x);
  const int32_t n = is_area ? in <= out ? 2 : taps
      : in <= out           ? 6
                            : (6 * in + out - 1) / out;
  /* The first that is less than three units away; the quotient is rounded down. */
  const int64_t reach = center - 3 * unit + 16 * unit * out;
  const int64_t begin = !is_area ? reach / (2 * out) - 8 * unit + 1
      : in <= out                ? place >> 32
                                 : left / out;
  const int32_t first = ring_clamp_i32 ((int32_t) begin, 0, in - taps);
  double total = 0.0, sum = 0.0;
  int32_t before = 0;

  for (int32_t k = 0; k < taps; k++)
    weight[k] = 0;
  for (int32_t k = 0; k < n && !is_area; k++)
    total += scale_lobe (2 * out * (begin + k) - center, unit);
  for (int32_t k = 0; k < n; k++) {
    const int64_t i = begin + k;
    const int32_t at = ring_clamp_i32 ((int32_t) i, 0, in - 1) - first;
    int32_t now = 16384;

    if (!is_area) {
      sum += scale_lobe (2 * out * i - center, unit);
      now = scale_round (sum / total);
    } else if (in <= out) {
      now -= k == 0 ? (int32_t) ((place >> 18) & 16383) : 0;
    } else if ((i + 1) * out < left + in) {
      now = (int32_t) ((((i + 1) * out - left) * 16384 + in / 2) / in);
    }
    weight[at] = (int16_t) (weight[at] + now - before);
    before = now;
  }
  return first;
}

/* ---- bilinear, a pixel by itself ------------------------------------------------- */

RING_FUNCTION void
scale_each_pixel (const RingPlane from, const RingPlane to, const int32_t step,
    RingWorker *ring)
{
  const ScaleAxis across = scale_axis (from.width, to.width);
  const ScaleAxis down = scale_axis (from.height, to.height);

  RING_FOR_EACH_ROW_OF (y, to.height) {
    const int64_t row = scale_place (down, y);
    const int16_t fy = scale_fraction (row);
    const RING_GLOBAL uint8_t *upper = ring_row (from, row >> 32);
    const RING_GLOBAL uint8_t *lower = upper + (fy ? from.stride : 0);

    RING_FOR_EACH_LANE (x, to.width) {
      const int64_t column = scale_place (across, x);
      const int16_t fx = scale_fraction (column);
      const int64_t left = (column >> 32) * step;
      const int64_t right = left + (fx ? step : 0);
      RING_GLOBAL uint8_t *pixel = ring_row (to, y) + x * step;
      uint32_t w = 0;

      RING_UNROLLED
      for (int32_t c = 0; c < step; c++) {
        const int16_t a = scale_mix_u8 (upper[left + c], lower[left + c], fy);
        const int16_t b = scale_mix_u8 (upper[right + c], lower[right + c], fy);
        const uint32_t v = (uint32_t) (scale_mix (a, b, fx) + 64) >> 7;

        if (step == 4)
          w |= v << (8 * c);
        else
          pixel[c] = (uint8_t) v;
      }
      if (step == 4)
        ring_store_u32 (pixel, w);
    }
  }
}

/* A pixel made of @taps from @at on; @step is a constant. */
RING_FUNCTION void
scale_sum (const RING_GLOBAL int16_t *at, const RING_GLOBAL int16_t *weight,
    int32_t taps, RING_GLOBAL uint8_t *pixel, const int32_t step)
{
  int32_t sum[4] = { 1 << 19, 1 << 19, 1 << 19, 1 << 19 };

  for (int32_t k = 0; k < taps; k++, at += step) {
    RING_UNROLLED
    for (int32_t c = 0; c < step; c++)
      sum[c] += weight[k] * at[c];
  }
  RING_UNROLLED
  for (int32_t c = 0; c < step; c++)
    pixel[c] = (uint8_t) ring_clamp_i32 (sum[c] >> 20, 0, 255);
}

#ifdef RING_STRIDED

/* ---- on a GPU: each lane has a pixel ---------------------------------------------- */

#define scale_bilinear scale_each_pixel

/* The first of two phases makes columns, the second rows. */
#define SCALE_PHASES 2

/* The rows from @begin to @end of @to, by way of @between. */
RING_FUNCTION void
scale_weighted (const RingPlane from, const RingPlane to,
    const ScaleTable across, const ScaleTable down,
    RING_GLOBAL int16_t *between, int64_t begin, int64_t end, int32_t phase,
    const int32_t step, RingWorker *ring)
{
  const int64_t n = (int64_t) from.width * step;

  RING_FOR_EACH_ROW_OF (y, end - begin) {
    const RING_GLOBAL int16_t *weight = down.weight + (begin + y) * down.taps;
    const RING_GLOBAL uint8_t *top = ring_row (from, down.first[begin + y]);
    RING_GLOBAL int16_t *row = between + y * n;

    if (phase > 0) {
      RING_FOR_EACH_LANE (x, to.width)
        scale_sum (row + across.first[x] * step,
            across.weight + x * across.taps, across.taps,
            ring_row (to, begin + y) + x * step, step);
    } else {
      RING_FOR_EACH_LANE (i, n) {
        int32_t sum = 128;

        for (int32_t k = 0; k < down.taps; k++)
          sum += weight[k] * top[k * from.stride + i];
        row[i] = (int16_t) (sum >> 8);
      }
    }
  }
}

#else

/* ---- on a CPU: some rows at once -------------------------------------------------- */

/* What a pixel of a row is made of lies anywhere, but for all rows in the same place. So
 * several of them are made at once, with what belongs to the same column sorted side by
 * side: there a vector does to all rows what a column takes. These are sixteen lanes, or
 * three times as many; pixels are sorted as a whole. */
#define SCALE_ROWS(step) ((step) == 3 ? 16 : 16 / (step))
/* As much of a row at a time as a cache has room for, and no more than 16384 values of all
 * of them. */
#define SCALE_PIXELS(step) ((step) <= 2 ? 1024 : 256)
#define SCALE_PITCH(step) (SCALE_PIXELS (step) * (step))
#define SCALE_ROOM 16384
/* Pixels that places are found for at once. */
#define SCALE_STRIP 2048

/* The values, and the bytes, of a pixel. */
typedef uint64_t __attribute__ ((may_alias, aligned (2))) ScaleValues4;
typedef uint32_t __attribute__ ((may_alias, aligned (2))) ScaleValues2;
typedef uint32_t __attribute__ ((may_alias, aligned (1))) ScaleBytes4;
typedef uint16_t __attribute__ ((may_alias, aligned (1))) ScaleBytes2;

/* These are loops of interleaving that compilers know. */
#define SCALE_SORT(Pixel) \
  RING_INDEPENDENT_ \
  for (int32_t x = 0; x < n; x++) { \
    for (int32_t r = 0; r < n_rows; r++) \
      ((RING_GLOBAL Pixel *) sorted)[x * n_rows + r] = \
          ((const Pixel *) rows)[r * SCALE_PIXELS (step) + x]; \
  }
#define SCALE_UNSORT(Pixel) \
  RING_INDEPENDENT_ \
  for (int32_t x = 0; x < n; x++) { \
    for (int32_t r = 0; r < n_rows; r++) \
      ((Pixel *) rows)[r * SCALE_PIXELS (step) + x] = \
          ((const Pixel *) sorted)[x * n_rows + r]; \
  }

/* @n columns of @n_rows rows. */
RING_FUNCTION void
scale_sort (const int16_t *rows, RING_GLOBAL int16_t *sorted, int32_t n,
    const int32_t n_rows, const int32_t step)
{
  const int32_t pitch = SCALE_PITCH (step);

  if (step == 1) {
    SCALE_SORT (int16_t)
  } else if (step == 2) {
    SCALE_SORT (ScaleValues2)
  } else if (step == 4) {
    SCALE_SORT (ScaleValues4)
  } else {
    /* Four values are faster than three, and the next pixel takes the last one's place. */
    for (int32_t x = 0; x < n - 1; x++) {
      for (int32_t r = 0; r < n_rows; r++)
        __builtin_memcpy (sorted + (x * n_rows + r) * 3,
            rows + r * pitch + x * 3, 8);
    }
    for (int32_t r = 0; r < n_rows; r++)
      __builtin_memcpy (sorted + ((n - 1) * n_rows + r) * 3,
          rows + r * pitch + (n - 1) * 3, 6);
  }
}

/* And back by way of @rows, into the first @height rows of @to from (@begin, @y) on. */
RING_FUNCTION void
scale_unsort (const uint8_t *sorted, uint8_t *rows, const RingPlane to,
    int64_t begin, int64_t y, int32_t n, int32_t height, const int32_t n_rows,
    const int32_t step)
{
  const int32_t pitch = SCALE_PITCH (step);

  if (step == 1) {
    SCALE_UNSORT (uint8_t)
  } else if (step == 2) {
    SCALE_UNSORT (ScaleBytes2)
  } else if (step == 4) {
    SCALE_UNSORT (ScaleBytes4)
  } else {
    for (int32_t r = 0; r < n_rows; r++) {
      for (int32_t x = 0; x < n; x++)
        __builtin_memcpy (rows + r * pitch + x * 3,
            sorted + (x * n_rows + r) * 3, 4);
    }
  }
  for (int32_t r = 0; r < height; r++) {
    RING_GLOBAL uint8_t *row = ring_row (to, y + r) + begin * step;

    for (int32_t i = 0; i < n * step; i++)
      row[i] = rows[r * pitch + i];
  }
}

/* @n pixels of the rows from @y on, from (@begin, @y) on; @column, from the first of a
 * strip at @offset on, and @fraction are their places. */
RING_FUNCTION void
scale_tile (const RingPlane from, const RingPlane to, ScaleAxis down,
    const int32_t *column, const int16_t *fraction, int64_t offset,
    int64_t begin, int64_t y, int32_t n, const int32_t step)
{
  const int32_t n_rows = SCALE_ROWS (step), lanes = SCALE_ROWS (step) * step;
  const int32_t height =
      to.height - y < n_rows ? (int32_t) (to.height - y) : n_rows;
  const int64_t first = offset + column[0], last = offset + column[n - 1];
  const int32_t width =
      (int32_t) (last - first + (last + 1 < from.width ? 2 : 1)) * step;
  int16_t rows[SCALE_ROOM + 8], sorted[SCALE_ROOM + 8];
  uint8_t *made = (uint8_t *) sorted;

  for (int32_t r = 0; r < n_rows; r++) {
    const int64_t row = scale_place (down, y + (r < height ? r : height - 1));
    const int16_t f = scale_fraction (row);
    const RING_GLOBAL uint8_t *upper =
        ring_row (from, row >> 32) + first * step;
    const RING_GLOBAL uint8_t *lower = upper + (f ? from.stride : 0);
    int16_t *mixed = rows + r * SCALE_PITCH (step);

    /* Pieces of rows are too short for a processor to see that they go on. */
    for (int32_t i = 0; i < width; i += 64)
      __builtin_prefetch (upper + width + i);
    for (int32_t i = 0; i < width; i++)
      mixed[i] = scale_mix_u8 (upper[i], lower[i], f);
    /* Behind the last of all, for whose fraction, which is 0, anything would do. */
    for (int32_t c = 0; c < step; c++)
      mixed[width + c] = 0;
  }
  scale_sort (rows, sorted, (int32_t) (last - first + 2), n_rows, step);
  for (int32_t i = 0; i < n; i++) {
    const int16_t f = fraction[i];
    const int16_t *left = sorted + (column[i] - column[0]) * lanes;
    int16_t *mixed = rows + i * lanes;

    for (int32_t l = 0; l < lanes; l++)
      mixed[l] =
          (int16_t) ((uint16_t) (scale_mix (left[l], left[lanes + l], f) + 64)
              >> 7);
  }
  for (int32_t i = 0; i < n * lanes; i++)
    made[i] = (uint8_t) rows[i];
  scale_unsort (made, (uint8_t *) rows, to, begin, y, n, height, n_rows, step);
}

RING_FUNCTION void
scale_bilinear (const RingPlane from, const RingPlane to, const int32_t step,
    RingWorker *ring)
{
  const ScaleAxis across = scale_axis (from.width, to.width);
  const ScaleAxis down = scale_axis (from.height, to.height);
  /* So many pixels are made of SCALE_PIXELS. */
  const int32_t room = SCALE_PIXELS (step) - 4;
  const int32_t most = from.width <= to.width
      ? room
      : (int32_t) ((uint64_t) room * to.width / from.width);
  const int64_t groups =
      ((int64_t) to.height + SCALE_ROWS (step) - 1) / SCALE_ROWS (step);

  /* Most of a row is not looked at. */
  if (from.width / 8 > to.width) {
    scale_each_pixel (from, to, step, ring);
    return;
  }
  for (int64_t strip = 0; strip < to.width; strip += SCALE_STRIP) {
    const int32_t size = to.width - strip < SCALE_STRIP
        ? (int32_t) (to.width - strip)
        : SCALE_STRIP;
    const int64_t offset = scale_place (across, strip) >> 32;
    int32_t column[SCALE_STRIP];
    int16_t fraction[SCALE_STRIP];

    for (int32_t i = 0; i < size; i++) {
      const int64_t place = scale_place (across, strip + i);

      column[i] = (int32_t) ((place >> 32) - offset);
      fraction[i] = scale_fraction (place);
    }
    RING_FOR_EACH_ROW_OF (group, groups) {
      for (int32_t x = 0; x < size; x += most)
        scale_tile (from, to, down, column + x, fraction + x, offset, strip + x,
            group * SCALE_ROWS (step), size - x < most ? size - x : most, step);
    }
  }
}

/* @n bytes of a row made of @taps rows, some of them with their sums in registers. */
static void
scale_columns (const RING_GLOBAL uint8_t *from, int64_t stride,
    const RING_GLOBAL int16_t *weight, int32_t taps, RING_GLOBAL int16_t *to,
    int32_t n)
{
  for (int32_t i = 0; i < n; i += RING_TILE) {
    const RING_GLOBAL uint8_t *row = from + i;
    int32_t sum[RING_TILE];

    if (n - i >= RING_TILE) {
      for (int32_t j = 0; j < RING_TILE; j++)
        sum[j] = 128;
      for (int32_t k = 0; k < taps; k++, row += stride) {
        const int16_t w = weight[k];

        for (int32_t j = 0; j < RING_TILE; j++)
          sum[j] += w * row[j];
      }
      for (int32_t j = 0; j < RING_TILE; j++)
        to[i + j] = (int16_t) (sum[j] >> 8);
    } else {
      for (int32_t j = 0; j < n - i; j++) {
        sum[j] = 128;
        for (int32_t k = 0; k < taps; k++)
          sum[j] += weight[k] * row[k * stride + j];
        to[i + j] = (int16_t) (sum[j] >> 8);
      }
    }
  }
}

/* @lanes results side by side, @lanes a constant of 48 at the most. */
RING_FUNCTION void
scale_lanes (const RING_GLOBAL int16_t *from, const RING_GLOBAL int16_t *weight,
    int32_t taps, int16_t *to, const int32_t lanes)
{
  int32_t sum[48];

  for (int32_t l = 0; l < lanes; l++)
    sum[l] = 1 << 19;
  for (int32_t k = 0; k < taps; k++, from += lanes) {
    const int16_t w = weight[k];

    for (int32_t l = 0; l < lanes; l++)
      sum[l] += w * from[l];
  }
  for (int32_t l = 0; l < lanes; l++)
    to[l] = (int16_t) ring_clamp_i32 (sum[l] >> 20, 0, 255);
}

/* Row @y by itself, by way of @between. */
RING_FUNCTION void
scale_row (const RingPlane from, const RingPlane to, const ScaleTable across,
    const ScaleTable down, RING_GLOBAL int16_t *between, int64_t y,
    const int32_t step)
{
  scale_columns (ring_row (from, down.first[y]), from.stride,
      down.weight + y * down.taps, down.taps, between,
      (int32_t) from.width * step);
  for (int64_t x = 0; x < to.width; x++)
    scale_sum (between + (int64_t) across.first[x] * step,
        across.weight + x * across.taps, across.taps,
        ring_row (to, y) + x * step, step);
}

/* SCALE_ROWS from @y on. */
RING_FUNCTION void
scale_rows (const RingPlane from, const RingPlane to, const ScaleTable across,
    const ScaleTable down, RING_GLOBAL int16_t *between, int64_t y,
    const int32_t step)
{
  const int32_t n_rows = SCALE_ROWS (step), lanes = SCALE_ROWS (step) * step;
  const int32_t most = SCALE_PIXELS (step);
  int16_t rows[SCALE_ROOM + 8], summed[SCALE_ROOM + 8];
  uint8_t *made = (uint8_t *) rows;

  for (int64_t x = 0; x < from.width; x += most) {
    const int32_t n = from.width - x < most ? (int32_t) (from.width - x) : most;

    for (int32_t r = 0; r < n_rows; r++)
      scale_columns (ring_row (from, down.first[y + r]) + x * step, from.stride,
          down.weight + (y + r) * down.taps, down.taps,
          rows + r * SCALE_PITCH (step), n * step);
    scale_sort (rows, between + x * lanes, n, n_rows, step);
  }
  for (int64_t x = 0; x < to.width; x += most) {
    const int32_t n = to.width - x < most ? (int32_t) (to.width - x) : most;

    for (int32_t i = 0; i < n; i++)
      scale_lanes (between + (int64_t) across.first[x + i] * lanes,
          across.weight + (x + i) * across.taps, across.taps,
          summed + i * lanes, lanes);
    for (int32_t i = 0; i < n * lanes; i++)
      made[i] = (uint8_t) summed[i];
    scale_unsort (made, (uint8_t *) summed, to, x, y, n, n_rows, n_rows, step);
  }
}

/* One worker makes columns and rows of what it has. */
#define SCALE_PHASES 1

RING_FUNCTION void
scale_weighted (const RingPlane from, const RingPlane to,
    const ScaleTable across, const ScaleTable down,
    RING_GLOBAL int16_t *between, int64_t begin, int64_t end,
    int32_t phase RING_UNUSED_, const int32_t step, RingWorker *ring)
{
  const int64_t row_size = (int64_t) from.width * step;
  const int64_t groups = (end - begin) / SCALE_ROWS (step);
  const int64_t grouped = groups * SCALE_ROWS (step);

  RING_FOR_EACH_ROW_OF (i, groups + (end - begin - grouped)) {
    const int64_t at =
        i < groups ? i * SCALE_ROWS (step) : grouped + (i - groups);

    if (i < groups)
      scale_rows (from, to, across, down, between + at * row_size, begin + at,
          step);
    else
      scale_row (from, to, across, down, between + at * row_size, begin + at,
          step);
  }
}

#endif

/* ---- the picture ------------------------------------------------------------------ */

/* @call for a step that is a constant. */
#define SCALE_BY_STEP(pixel_stride, call) \
  do { \
    if ((pixel_stride) == 1) \
      call (1); \
    else if ((pixel_stride) == 2) \
      call (2); \
    else if ((pixel_stride) == 3) \
      call (3); \
    else \
      call (4); \
  } while (0)

RING_KERNEL (scale, "Makes a picture larger or smaller",
    RING_VIDEO ("GRAY8, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, I420, NV12"),
    RING_ANY_SIZE,
    RING_STATE (uint32_t made_for[6]; uint16_t first[2][SCALE_FIRSTS];
        int16_t weight[2][SCALE_WEIGHTS];),
    RING_SCRATCH_PER_BYTE (2),
    RING_ENUM (method, SCALE_BILINEAR, "bilinear|area|lanczos",
        "Between the nearest pixels; the mean of what a pixel covers; a windowed sinc, which is the sharpest"))
{
  const int32_t method = params.method;
  /* Tables are for sizes of planes: full ones, and subsampled ones. */
  const uint32_t n_sizes = in.n_planes > 1 ? 2 : 1;
  const uint32_t wanted[6] = { (uint32_t) method, in.width, in.height,
    out.width, out.height, n_sizes };
  RING_GLOBAL int16_t *between = (RING_GLOBAL int16_t *) scratch;
  int64_t room_in = 0, room_out = 0, n_bands = 1, needed;
  int32_t is_made = 1;

  if (in.width == out.width && in.height == out.height) {
    RING_FOR_EACH_ROW (p, y, in)
      RING_MAP_ROW_BYTES (ring_row (out.plane[p], y), ring_row (in.plane[p], y),
          (int64_t) in.plane[p].width * in.plane[p].pixel_stride, w, w);
    return;
  }
  if (method == SCALE_BILINEAR || in.width > SCALE_SIDE
      || in.height > SCALE_SIDE || out.width > SCALE_SIDE
      || out.height > SCALE_SIDE) {
    RING_ROLLED
    for (uint32_t p = 0; p < in.n_planes; p++) {
      const RingPlane from = in.plane[p], to = out.plane[p];

#define SCALE_CALL(step) scale_bilinear (from, to, step, ring)
      SCALE_BY_STEP (from.pixel_stride, SCALE_CALL);
#undef SCALE_CALL
    }
    return;
  }

  RING_UNROLLED
  for (uint32_t i = 0; i < 6; i++)
    is_made &= state->made_for[i] == wanted[i];
  if (!is_made) {
    RING_ROLLED
    for (uint32_t i = 0; i < 2 * n_sizes; i++) {
      const RingPlane from = in.plane[i >> 1], to = out.plane[i >> 1];
      const int32_t is_down = (int32_t) (i & 1);
      const int32_t n = (int32_t) (is_down ? from.height : from.width);
      const int32_t size = (int32_t) (is_down ? to.height : to.width);
      const int32_t taps = scale_taps (method, n, size);

      RING_FOR_EACH (x, size)
        state->first[is_down][(i >> 1) * SCALE_SIDE + x] =
            (uint16_t) scale_weigh (state->weight[is_down]
                    + (i >> 1) * SCALE_TAPS * SCALE_SIDE + x * taps,
                taps, method, n, size, x);
    }
    ring_barrier ();
    if (ring_is_first_worker ()) {
      for (uint32_t i = 0; i < 6; i++)
        state->made_for[i] = wanted[i];
    }
  }

  /* What lies between columns and rows is as large as the larger of both pictures, at the
   * most, unless one side grows and the other shrinks: then it is made in bands. */
  for (uint32_t p = 0; p < in.n_planes; p++) {
    room_in += (int64_t) in.plane[p].width * in.plane[p].height
        * in.plane[p].pixel_stride;
    room_out += (int64_t) out.plane[p].width * out.plane[p].height
        * out.plane[p].pixel_stride;
  }
  for (;; n_bands *= 2) {
    needed = 0;
    for (uint32_t p = 0; p < in.n_planes; p++)
      needed += (int64_t) in.plane[p].width * in.plane[p].pixel_stride
          * ((out.plane[p].height + n_bands - 1) / n_bands);
    if (needed <= (room_in > room_out ? room_in : room_out))
      break;
  }
  RING_ROLLED
  for (int64_t band = 0; band < n_bands; band++) {
    RING_ROLLED
    for (int32_t phase = 0; phase < SCALE_PHASES; phase++) {
      RING_GLOBAL int16_t *at = between;

      /* Before the first, and after what is there has been used. */
      if (band + phase > 0)
        ring_barrier ();
      RING_ROLLED
      for (uint32_t p = 0; p < in.n_planes; p++) {
        const RingPlane from = in.plane[p], to = out.plane[p];
        const uint32_t of = p > 0;
        ScaleTable across, down;

        across.first = state->first[0] + of * SCALE_SIDE;
        across.weight = state->weight[0] + of * SCALE_TAPS * SCALE_SIDE;
        across.taps =
            scale_taps (method, (int32_t) from.width, (int32_t) to.width);
        down.first = state->first[1] + of * SCALE_SIDE;
        down.weight = state->weight[1] + of * SCALE_TAPS * SCALE_SIDE;
        down.taps =
            scale_taps (method, (int32_t) from.height, (int32_t) to.height);
#define SCALE_CALL(step) \
  scale_weighted (from, to, across, down, at, to.height *band / n_bands, \
      to.height * (band + 1) / n_bands, phase, step, ring)
        SCALE_BY_STEP (from.pixel_stride, SCALE_CALL);
#undef SCALE_CALL
        at += (int64_t) from.width * from.pixel_stride
            * ((to.height + n_bands - 1) / n_bands);
      }
    }
  }
}
