/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One of several versions of a kernel. The words that come out: the first that came
 * in, the version, how many messages its state has seen, the parameter, and from
 * there on the version and the first word together. Has neither state nor
 * parameters.
 */
#include <ringkernel/kernel-sdk.h>

#define VERSION 4

RING_KERNEL (stamp_d, "Stamps its version all over")
{
  const RING_GLOBAL uint32_t *from = (const RING_GLOBAL uint32_t *) in.data;
  RING_GLOBAL uint32_t *to = (RING_GLOBAL uint32_t *) out.data;
  const uint32_t stamp = VERSION * 65536 + (from[0] & 65535);

  RING_FOR_EACH (i, in.size / 4)
    to[i] = i == 0 ? from[0] : i == 1 ? VERSION : i <= 3 ? 0 : stamp;
}
