/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is white in a mask, as a record for each frame: that of `motion`,
 * `background-subtract`, `threshold` or `chroma-key`, for instance.
 *
 * White is what is at `threshold` or above; of I420 and NV12 that is luma. A record has the
 * frame's pts, the share of white pixels, from 0 to 1, their bounding box, and their
 * centroid: the mean of their x and of their y, where 0 is the first column and row.
 * Without a white pixel all of that is 0. Counts and sums are integers, so all but the
 * divisions at the end is exact, and equal on every backend.
 */
#include <ringkernel/kernel-sdk.h>

/* Pixels are taken by cells: a run of columns, in as many rows as a byte can count. */
#define COVERAGE_COLUMNS RING_TILE
#define COVERAGE_ROWS (RING_TILE > 1 ? 128 : 16)
/* As many parts as work is shared out in; what they find is put together in two steps. */
#define COVERAGE_MAX_PARTS 8192
#define COVERAGE_PARTS (RING_TILE > 1 ? 64 : COVERAGE_MAX_PARTS)
#define COVERAGE_GROUPS 64

typedef struct
{
  uint64_t time;
  double share;
  uint32_t x, y, width, height;
  double center_x, center_y;
} CoverageRecord;

/* White pixels; ends are behind the last. */
typedef struct
{
  uint64_t n, sum_x, sum_y;
  int32_t left, right, top, bottom;
} CoverageFound;

RING_FUNCTION CoverageFound
coverage_none (void)
{
  CoverageFound f = { 0, 0, 0, 0x7fffffff, 0, 0x7fffffff, 0 };

  return f;
}

RING_FUNCTION CoverageFound
coverage_both (const CoverageFound a, const CoverageFound b)
{
  CoverageFound f;

  f.n = a.n + b.n;
  f.sum_x = a.sum_x + b.sum_x;
  f.sum_y = a.sum_y + b.sum_y;
  f.left = ring_min_i32 (a.left, b.left);
  f.right = ring_max_i32 (a.right, b.right);
  f.top = ring_min_i32 (a.top, b.top);
  f.bottom = ring_max_i32 (a.bottom, b.bottom);
  return f;
}

/* A cell of @width columns, a constant, and @height rows. */
RING_FUNCTION CoverageFound
coverage_cell (const RingPlane plane, int32_t x, int32_t y, int32_t height,
    uint8_t threshold, const int32_t width)
{
  CoverageFound f = coverage_none ();
  /* Of each column: how many are white, and of each of these how many rows from its own
   * to the last; the first of them, and the row behind the last. All by masks of bits,
   * so that it stays in registers. */
  uint8_t count[COVERAGE_COLUMNS], first[COVERAGE_COLUMNS],
      last[COVERAGE_COLUMNS];
  uint16_t rows[COVERAGE_COLUMNS];

  for (int32_t j = 0; j < width; j++) {
    count[j] = last[j] = 0;
    first[j] = 255;
    rows[j] = 0;
  }
  for (int32_t i = 0; i < height; i++) {
    const RING_GLOBAL uint8_t *from = ring_row (plane, y + i) + x;
    const uint8_t row = (uint8_t) i, next = (uint8_t) (i + 1);

    for (int32_t j = 0; j < width; j++) {
      const uint8_t mask = from[j] >= threshold ? 255 : 0;
      const uint8_t up_to = (uint8_t) (row | (uint8_t) ~mask);
      const uint8_t down_to = (uint8_t) (next & mask);

      count[j] = (uint8_t) (count[j] - mask);
      rows[j] = (uint16_t) (rows[j] + count[j]);
      first[j] = up_to < first[j] ? up_to : first[j];
      last[j] = down_to > last[j] ? down_to : last[j];
    }
  }
  for (int32_t j = 0; j < width; j++) {
    if (count[j] == 0)
      continue;
    f.n += count[j];
    f.sum_x += (uint64_t) count[j] * (uint32_t) (x + j);
    f.sum_y += (uint64_t) count[j] * (uint32_t) (y + height) - rows[j];
    f.left = ring_min_i32 (f.left, x + j);
    f.right = x + j + 1;
    f.top = ring_min_i32 (f.top, y + first[j]);
    f.bottom = ring_max_i32 (f.bottom, y + last[j]);
  }
  return f;
}

RING_KERNEL (coverage, "How much of a mask is white, and where, as records",
    RING_VIDEO_TO_RECORDS ("GRAY8, I420, NV12", "(tduuuudd)", CoverageRecord, 1),
    RING_SCRATCH ((COVERAGE_MAX_PARTS + COVERAGE_GROUPS) * sizeof (CoverageFound)),
    RING_INT (threshold, 128, 0, 255, "What is as bright or brighter counts as white"))
{
  const RingPlane plane = in.plane[0];
  const int32_t width = (int32_t) in.width, height = (int32_t) in.height;
  const int32_t columns = (width + COVERAGE_COLUMNS - 1) / COVERAGE_COLUMNS;
  const int32_t cells =
      columns * ((height + COVERAGE_ROWS - 1) / COVERAGE_ROWS);
  const uint8_t threshold = (uint8_t) params.threshold;
  RING_GLOBAL CoverageFound *found = (RING_GLOBAL CoverageFound *) scratch;
  RING_GLOBAL CoverageFound *groups = found + COVERAGE_MAX_PARTS;

  RING_FOR_EACH (part, COVERAGE_PARTS) {
    CoverageFound f = coverage_none ();

    for (int32_t cell = (int32_t) part; cell < cells; cell += COVERAGE_PARTS) {
      const int32_t x = cell % columns * COVERAGE_COLUMNS;
      const int32_t y = cell / columns * COVERAGE_ROWS;
      const int32_t rows = ring_min_i32 (height - y, COVERAGE_ROWS);

      if (width - x >= COVERAGE_COLUMNS) {
        f = coverage_both (f,
            coverage_cell (plane, x, y, rows, threshold, COVERAGE_COLUMNS));
      } else {
        for (int32_t i = x; i < width; i++)
          f = coverage_both (f,
              coverage_cell (plane, i, y, rows, threshold, 1));
      }
    }
    found[part] = f;
  }
  ring_barrier ();
  RING_FOR_EACH (group, COVERAGE_GROUPS) {
    CoverageFound f = coverage_none ();

    for (int32_t part = (int32_t) group; part < COVERAGE_PARTS;
         part += COVERAGE_GROUPS)
      f = coverage_both (f, found[part]);
    groups[group] = f;
  }
  ring_barrier ();
  if (ring_is_first_worker ()) {
    RING_GLOBAL CoverageRecord *to = (RING_GLOBAL CoverageRecord *) out.data;
    CoverageFound f = coverage_none ();

    for (int32_t group = 0; group < COVERAGE_GROUPS; group++)
      f = coverage_both (f, groups[group]);
    to->time = in.pts;
    to->share = (double) f.n / ((double) width * (double) height);
    to->x = f.n > 0 ? (uint32_t) f.left : 0;
    to->y = f.n > 0 ? (uint32_t) f.top : 0;
    to->width = f.n > 0 ? (uint32_t) (f.right - f.left) : 0;
    to->height = f.n > 0 ? (uint32_t) (f.bottom - f.top) : 0;
    to->center_x = f.n > 0 ? (double) f.sum_x / (double) f.n : 0.0;
    to->center_y = f.n > 0 ? (double) f.sum_y / (double) f.n : 0.0;
  }
}
