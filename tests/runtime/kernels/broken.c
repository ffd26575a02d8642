/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Does not compile: for the test of what the user is told then.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (broken, "Does not compile")
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = no_such_variable;
}
