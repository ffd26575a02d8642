/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * accept.h: the steps of accepting a message, in the order in which submit.c and
 * send.c take them. What ends in _locked_ wants send_lock.
 */
#ifndef RING_ACCEPT_H
#define RING_ACCEPT_H

#include "core/core-private.h"

G_BEGIN_DECLS

gsize ring_output_size_ (RingKernel *kernel, gsize input_size);
void ring_fill_payload_format_ (RingPayloadRef *payload,
    const RingFormat *format);
void ring_refer_inline_ (RingPayloadRef *payload, const RingMemory *memory);
void ring_refer_ (RingPayloadRef *payload, RingRegion *regions, guint32 first,
    const RingMemory *memory);
void ring_lay_out_ (const RingFormat *format, gpointer data, gsize size,
    RingMemory *memory);
gboolean ring_check_memory_ (RingKernel *kernel, const RingFormat *format,
    const RingMemory *memory, const gchar *what, GError **error);
gboolean ring_check_units_ (RingKernel *kernel, gsize size, GError **error);
gboolean ring_fit_buffers_locked_ (RingKernel *kernel, gsize size,
    GError **error);
gboolean ring_may_have_room_ (RingKernel *kernel);
gboolean ring_check_can_send_locked_ (RingKernel *kernel, gboolean *full,
    GError **error);
RingMessageHeader *ring_begin_message_locked_ (RingKernel *kernel,
    RingEntry **entry_out);
gboolean ring_end_message_locked_ (RingKernel *kernel, RingEntry *entry,
    gsize size, const RingPlacement *placement, GError **error);
void ring_cancel_message_locked_ (RingKernel *kernel, RingEntry *entry);
RingPayloadRef *ring_output_refs_ (RingMessageHeader *header);
guint32 ring_first_region_ (RingKernel *kernel, guint32 index, guint which);
gboolean ring_aligned_for_ (const RingFormat *format, gconstpointer data);
void ring_release_blocks_ (RingKernel *kernel, RingEntry *entry);

G_END_DECLS

#endif /* RING_ACCEPT_H */
