/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#ifndef RING_MESSAGE_H
#define RING_MESSAGE_H

#include <ringkernel/types.h>

G_BEGIN_DECLS

/**
 * RingMessage:
 *
 * A header and a payload that the message owns. Reference counted; immutable
 * once sent. Made by the ring_message_new functions, or received from a kernel.
 */
typedef struct _RingMessage RingMessage;

#define RING_TYPE_MESSAGE (ring_message_get_type ())

RING_API GType ring_message_get_type (void);
RING_API RingMessage *ring_message_new (GBytes *payload);
RING_API RingMessage *ring_message_new_from_data (const guint8 *data,
    gsize size);
RING_API RingMessage *ring_message_new_video (const RingFormat *format,
    GBytes *payload, GError **error);
RING_API RingMessage *ring_message_new_audio (const RingFormat *format,
    GBytes *payload, GError **error);
RING_API RingMessage *ring_message_new_record (GVariant *record,
    GError **error);
RING_API RingMessage *ring_message_new_records (const gchar *type,
    GBytes *payload, GError **error);
RING_API RingMessage *ring_message_ref (RingMessage *message);
RING_API void ring_message_unref (RingMessage *message);

RING_API const RingFormat *ring_message_get_format (RingMessage *message);
RING_API GBytes *ring_message_get_payload (RingMessage *message);
RING_API GVariant *ring_message_get_record (RingMessage *message, guint index,
    GError **error);
RING_API guint ring_message_get_n_records (RingMessage *message);

RING_API guint64 ring_message_get_id (RingMessage *message);
RING_API guint64 ring_message_get_sequence (RingMessage *message);
RING_API guint32 ring_message_get_source_generation (RingMessage *message);
RING_API guint32 ring_message_get_message_type (RingMessage *message);
RING_API void ring_message_set_message_type (RingMessage *message,
    guint32 type);
RING_API guint64 ring_message_get_correlation_id (RingMessage *message);
RING_API void ring_message_set_correlation_id (RingMessage *message,
    guint64 id);
RING_API guint64 ring_message_get_pts (RingMessage *message);
RING_API guint64 ring_message_get_duration (RingMessage *message);
RING_API void ring_message_set_time (RingMessage *message, guint64 pts,
    guint64 duration);
RING_API gboolean ring_message_get_discont (RingMessage *message);
RING_API void ring_message_set_discont (RingMessage *message, gboolean discont);
RING_API void ring_message_get_trace (RingMessage *message, guint64 *accepted,
    guint64 *started, guint64 *finished, guint64 *delivered);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RingMessage, ring_message_unref)

G_END_DECLS

#endif /* RING_MESSAGE_H */
