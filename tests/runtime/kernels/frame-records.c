/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two records of a frame: its time and the first byte of its first and last row.
 */
#include <ringkernel/kernel-sdk.h>

typedef struct
{
  uint64_t time;
  double value;
} Record;

RING_KERNEL (frame_records, "Gives two records of a frame",
    RING_VIDEO_TO_RECORDS ("GRAY8, RGB", "(td)", Record, 2))
{
  if (ring_is_first_worker ()) {
    RING_GLOBAL Record *to = (RING_GLOBAL Record *) out.data;

    to[0].time = to[1].time = in.pts;
    to[0].value = in.data[0];
    to[1].value = ring_row (in.plane[0], in.height - 1)[0];
  }
}
