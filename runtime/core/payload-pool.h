/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * payload-pool.h: memory for payloads that do not fit into a slot, sized to what
 * is used. Blocks outlive the handle that took them: a received message keeps
 * its own. Thread safe.
 */
#ifndef RING_PAYLOAD_POOL_H
#define RING_PAYLOAD_POOL_H

#include "ringkernel/ringkernel.h"

G_BEGIN_DECLS

typedef struct _RingPayloadPool RingPayloadPool;

/* @runtime: where memory comes from; kept alive by every block in use. NULL: plain
 * memory. */
RingPayloadPool *ring_payload_pool_new (RingRuntime *runtime);
void ring_payload_pool_unref (RingPayloadPool *pool);

/* At least @size bytes, aligned to 128; NULL when there is no memory. */
gpointer ring_payload_pool_acquire (RingPayloadPool *pool, gsize size);
void ring_payload_pool_release (gpointer block);
/* Hands the block over to a GBytes, which releases it. */
GBytes *ring_payload_pool_to_bytes (gpointer block, gsize size);

G_END_DECLS

#endif /* RING_PAYLOAD_POOL_H */
