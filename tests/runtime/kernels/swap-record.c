/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Turns records (id, value) into (value * factor, id).
 */
#include <ringkernel/kernel-sdk.h>

typedef struct
{
  uint64_t id;
  double value;
} Reading;

typedef struct
{
  double value;
  uint64_t id;
} Result;

RING_KERNEL (swap_record, "Scales a reading and swaps its fields",
    RING_RECORDS ("(td)", Reading, "(dt)", Result),
    RING_FLOAT (factor, 2.0, -100.0, 100.0, RING_UNIT_RATIO, "Factor"))
{
  const RING_GLOBAL Reading *from = (const RING_GLOBAL Reading *) in.data;
  RING_GLOBAL Result *to = (RING_GLOBAL Result *) out.data;

  RING_FOR_EACH (i, in.count) {
    to[i].value = from[i].value * (double) params.factor;
    to[i].id = from[i].id;
  }
}
