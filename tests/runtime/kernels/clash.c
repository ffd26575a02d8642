/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Parameters with names that the element has already; writes what it sees of them.
 */
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (clash, "Parameters with names that are taken",
    RING_FLOAT (name, 0.5, 0.0, 1.0, RING_UNIT_RATIO, "A name that is taken"),
    RING_INT (kernel_name, 3, 0, 10, "One that is free"),
    RING_ENUM (backend, 1, "none|some|all", "Another"),
    RING_BOOL (kernel, 1, "Another"),
    RING_FLOAT_ARRAY (params, 4, "1, 2", -9.0, 9.0, "Another"),
    RING_INT (free_name, 5, 0, 10, "One that is free"))
{
  RING_GLOBAL double *to = (RING_GLOBAL double *) out.data;

  if (!ring_is_first_worker ())
    return;
  to[0] = params.name;
  to[1] = params.kernel_name;
  to[2] = params.backend;
  to[3] = params.kernel;
  to[4] = params.params_count;
  to[5] = params.params[0];
  to[6] = params.free_name;
}
