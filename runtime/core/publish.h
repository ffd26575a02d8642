/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * publish.h: handles that others may look at, with `ringkernel top`.
 */
#ifndef RING_PUBLISH_H
#define RING_PUBLISH_H

#include "ringkernel/ringkernel.h"

G_BEGIN_DECLS

/* From here on @kernel is told of, if RINGKERNEL_TOP or @config allows it. It has been
 * launched. */
void ring_publish_add (RingKernel *kernel, const RingConfig *config);

/* It is about to be freed, and not looked at after that. */
void ring_publish_remove (RingKernel *kernel);

G_END_DECLS

#endif /* RING_PUBLISH_H */
