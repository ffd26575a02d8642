/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#ifndef GST_RING_ALLOCATOR_H
#define GST_RING_ALLOCATOR_H

#include <gst/gst.h>
#include <ringkernel/ringkernel.h>

G_BEGIN_DECLS

#define GST_RING_MEMORY_TYPE "RingMemory"

#define GST_TYPE_RING_ALLOCATOR (gst_ring_allocator_get_type ())
G_GNUC_INTERNAL
G_DECLARE_FINAL_TYPE (GstRingAllocator, gst_ring_allocator, GST, RING_ALLOCATOR,
    GstAllocator)

/* Makes system memory that @runtime's device reads and writes where it lies. */
G_GNUC_INTERNAL GstAllocator *gst_ring_allocator_new (RingRuntime *runtime);

G_END_DECLS

#endif /* GST_RING_ALLOCATOR_H */
