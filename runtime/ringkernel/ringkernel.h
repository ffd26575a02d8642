/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Everything an application needs of libringkernel.
 */
#ifndef RINGKERNEL_H
#define RINGKERNEL_H

#include <ringkernel/types.h>
#include <ringkernel/message.h>
#include <ringkernel/kernel.h>
#include <ringkernel/runtime.h>

#endif /* RINGKERNEL_H */
