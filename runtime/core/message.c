/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "core/core-private.h"

#include <string.h>

G_DEFINE_BOXED_TYPE (RingMessage, ring_message, ring_message_ref,
    ring_message_unref)

RingMessage *
ring_message_alloc_ (const RingFormat *format, GBytes *payload_taken)
{
  RingMessage *message = g_new0 (RingMessage, 1);

  g_atomic_ref_count_init (&message->refs);
  message->format = *format;
  message->payload = payload_taken;
  message->pts = RING_TIME_NONE;
  message->duration = RING_TIME_NONE;
  return message;
}

/**
 * ring_message_new:
 * @payload: raw bytes; may be empty
 *
 * Returns: (transfer full): a message that carries them
 */
RingMessage *
ring_message_new (GBytes *payload)
{
  const RingFormat bytes = {
    RING_PAYLOAD_BYTES,
  };

  g_return_val_if_fail (payload != NULL, NULL);
  return ring_message_alloc_ (&bytes, g_bytes_ref (payload));
}

/**
 * ring_message_new_from_data:
 * @data: (array length=size): raw bytes, copied
 * @size: how many
 *
 * Returns: (transfer full): a message that carries them
 */
RingMessage *
ring_message_new_from_data (const guint8 *data, gsize size)
{
  const RingFormat bytes = {
    RING_PAYLOAD_BYTES,
  };

  g_return_val_if_fail (data != NULL || size == 0, NULL);
  return ring_message_alloc_ (&bytes, g_bytes_new (data, size));
}

/**
 * ring_message_new_video:
 * @format: a format of video
 * @payload: one frame, planes and rows tightly packed
 * @error: return location for an error
 *
 * Returns: (transfer full): a message with that frame, or %NULL with
 *   %RING_ERROR_PAYLOAD if the size is not the frame's; the message names both
 */
RingMessage *
ring_message_new_video (const RingFormat *format, GBytes *payload,
    GError **error)
{
  gsize size;
  gchar *text;

  g_return_val_if_fail (format != NULL && payload != NULL, NULL);

  text = ring_format_to_string (format);
  size = ring_format_get_frame_size (format);
  if (format->kind != RING_PAYLOAD_VIDEO) {
    g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
        "a video frame cannot have the format '%s'", text);
    g_free (text);
    return NULL;
  }
  if (g_bytes_get_size (payload) != size) {
    g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
        "a frame of %s, tightly packed, has %" G_GSIZE_FORMAT " bytes; the "
        "payload has %" G_GSIZE_FORMAT,
        text, size, g_bytes_get_size (payload));
    g_free (text);
    return NULL;
  }
  g_free (text);
  return ring_message_alloc_ (format, g_bytes_ref (payload));
}

static gboolean
check_whole_units (const RingFormat *format, gsize size, GError **error)
{
  const gsize unit = ring_format_get_frame_size (format);
  gchar *text;

  if (unit > 0 && size % unit == 0)
    return TRUE;
  text = ring_format_to_string (format);
  g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
      "a payload of %" G_GSIZE_FORMAT
      " bytes is no whole number of units of %" G_GSIZE_FORMAT " bytes (%s)",
      size, unit, text);
  g_free (text);
  return FALSE;
}

/**
 * ring_message_new_audio:
 * @format: a format of audio
 * @payload: interleaved samples
 * @error: return location for an error
 *
 * Returns: (transfer full): a message with that block, or %NULL with
 *   %RING_ERROR_PAYLOAD if it holds no whole number of audio frames
 */
RingMessage *
ring_message_new_audio (const RingFormat *format, GBytes *payload,
    GError **error)
{
  g_return_val_if_fail (format != NULL && payload != NULL, NULL);

  if (format->kind != RING_PAYLOAD_AUDIO) {
    gchar *text = ring_format_to_string (format);

    g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
        "an audio block cannot have the format '%s'", text);
    g_free (text);
    return NULL;
  }
  if (!check_whole_units (format, g_bytes_get_size (payload), error))
    return NULL;
  return ring_message_alloc_ (format, g_bytes_ref (payload));
}

/**
 * ring_message_new_record:
 * @record: a value of a fixed-size type; a floating reference is taken
 * @error: return location for an error
 *
 * Returns: (transfer full): a message with that one record, or %NULL with
 *   %RING_ERROR_PAYLOAD if its type has no fixed size
 */
RingMessage *
ring_message_new_record (GVariant *record, GError **error)
{
  RingMessage *message = NULL;
  RingFormat *format;

  g_return_val_if_fail (record != NULL, NULL);

  g_variant_ref_sink (record);
  format = ring_format_new_record (g_variant_get_type_string (record), error);
  if (format)
    message =
        ring_message_alloc_ (format, g_variant_get_data_as_bytes (record));
  ring_format_free (format);
  g_variant_unref (record);
  return message;
}

/**
 * ring_message_new_records:
 * @type: a fixed-size #GVariant type
 * @payload: records, one after the other, as a C array of the same layout
 * @error: return location for an error
 *
 * Returns: (transfer full): a message with those records, or %NULL with
 *   %RING_ERROR_PAYLOAD if @type has no fixed size or @payload is no whole number
 *   of records; the message names both sizes
 */
RingMessage *
ring_message_new_records (const gchar *type, GBytes *payload, GError **error)
{
  RingMessage *message = NULL;
  RingFormat *format;

  g_return_val_if_fail (type != NULL && payload != NULL, NULL);

  format = ring_format_new_record (type, error);
  if (format && check_whole_units (format, g_bytes_get_size (payload), error))
    message = ring_message_alloc_ (format, g_bytes_ref (payload));
  ring_format_free (format);
  return message;
}

/**
 * ring_message_ref:
 * @message: a message
 *
 * Returns: (transfer full): @message
 */
RingMessage *
ring_message_ref (RingMessage *message)
{
  g_return_val_if_fail (message != NULL, NULL);
  g_atomic_ref_count_inc (&message->refs);
  return message;
}

/**
 * ring_message_unref:
 * @message: (transfer full): a message
 */
void
ring_message_unref (RingMessage *message)
{
  g_return_if_fail (message != NULL);
  if (!g_atomic_ref_count_dec (&message->refs))
    return;
  g_bytes_unref (message->payload);
  g_free (message);
}

/**
 * ring_message_get_format:
 * @message: a message
 *
 * Returns: (transfer none): what it carries
 */
const RingFormat *
ring_message_get_format (RingMessage *message)
{
  g_return_val_if_fail (message != NULL, NULL);
  return &message->format;
}

/**
 * ring_message_get_payload:
 * @message: a message
 *
 * Returns: (transfer none): its payload; valid as long as the message, or longer
 *   with a reference of its own
 */
GBytes *
ring_message_get_payload (RingMessage *message)
{
  g_return_val_if_fail (message != NULL, NULL);
  return message->payload;
}

/**
 * ring_message_get_n_records:
 * @message: a message
 *
 * Returns: how many records it carries; 0 if it carries something else
 */
guint
ring_message_get_n_records (RingMessage *message)
{
  g_return_val_if_fail (message != NULL, 0);
  return message->format.kind == RING_PAYLOAD_RECORD
      ? g_bytes_get_size (message->payload) / message->format.record_size
      : 0;
}

/**
 * ring_message_get_record:
 * @message: a message that carries records
 * @index: which of them, from 0
 * @error: return location for an error
 *
 * Returns: (transfer full): a copy of the record, or %NULL with
 *   %RING_ERROR_PAYLOAD if there is none of that index
 */
GVariant *
ring_message_get_record (RingMessage *message, guint index, GError **error)
{
  const guint n = message ? ring_message_get_n_records (message) : 0;
  GBytes *bytes;
  GVariant *record;
  gpointer copy;
  gsize size;

  g_return_val_if_fail (message != NULL, NULL);

  if (index >= n) {
    g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
        "there is no record %u: the message carries %u", index, n);
    return NULL;
  }
  /* Copied, so that the value is aligned wherever the payload lies. */
  size = message->format.record_size;
  copy = g_memdup2 ((const guint8 *) g_bytes_get_data (message->payload, NULL)
          + index * size,
      size);
  bytes = g_bytes_new_take (copy, size);
  record =
      g_variant_new_from_bytes (G_VARIANT_TYPE (message->format.record_type),
          bytes, FALSE);
  g_bytes_unref (bytes);
  return g_variant_ref_sink (record);
}

/**
 * ring_message_get_id:
 * @message: a message
 *
 * Returns: its number in the handle that took it, from 1; 0 before it is sent.
 *   An output has the id of the input it came from.
 */
guint64
ring_message_get_id (RingMessage *message)
{
  g_return_val_if_fail (message != NULL, 0);
  return message->id;
}

/**
 * ring_message_get_source_generation:
 * @message: a message
 *
 * Which version of the kernel has made a received message, see
 * ring_kernel_reload(): all of it was made by that one.
 *
 * Returns: 0: as launched, 1: after the first reload, and so on; 0 for a message
 *   that was not received
 */
guint32
ring_message_get_source_generation (RingMessage *message)
{
  g_return_val_if_fail (message != NULL, 0);
  return message->source_generation;
}

/**
 * ring_message_get_sequence:
 * @message: a received message
 *
 * Returns: the number of the input it came from, in order, from 0
 */
guint64
ring_message_get_sequence (RingMessage *message)
{
  g_return_val_if_fail (message != NULL, 0);
  return message->sequence;
}

/**
 * ring_message_get_message_type:
 * @message: a message
 *
 * Returns: the application's own number for it; outputs have their input's
 */
guint32
ring_message_get_message_type (RingMessage *message)
{
  g_return_val_if_fail (message != NULL, 0);
  return message->type;
}

/**
 * ring_message_set_message_type:
 * @message: a message that is not yet sent
 * @type: any number
 */
void
ring_message_set_message_type (RingMessage *message, guint32 type)
{
  g_return_if_fail (message != NULL);
  message->type = type;
}

/**
 * ring_message_get_correlation_id:
 * @message: a message
 *
 * Returns: the number that ties an output to its input; 0: none
 */
guint64
ring_message_get_correlation_id (RingMessage *message)
{
  g_return_val_if_fail (message != NULL, 0);
  return message->correlation_id;
}

/**
 * ring_message_set_correlation_id:
 * @message: a message that is not yet sent
 * @id: any number but 0
 */
void
ring_message_set_correlation_id (RingMessage *message, guint64 id)
{
  g_return_if_fail (message != NULL);
  message->correlation_id = id;
}

/**
 * ring_message_get_pts:
 * @message: a message
 *
 * Returns: its time in ns of stream time, or %RING_TIME_NONE
 */
guint64
ring_message_get_pts (RingMessage *message)
{
  g_return_val_if_fail (message != NULL, RING_TIME_NONE);
  return message->pts;
}

/**
 * ring_message_get_duration:
 * @message: a message
 *
 * Returns: ns, or %RING_TIME_NONE
 */
guint64
ring_message_get_duration (RingMessage *message)
{
  g_return_val_if_fail (message != NULL, RING_TIME_NONE);
  return message->duration;
}

/**
 * ring_message_set_time:
 * @message: a message that is not yet sent
 * @pts: ns of stream time, or %RING_TIME_NONE
 * @duration: ns, or %RING_TIME_NONE
 */
void
ring_message_set_time (RingMessage *message, guint64 pts, guint64 duration)
{
  g_return_if_fail (message != NULL);
  message->pts = pts;
  message->duration = duration;
}

/**
 * ring_message_get_discont:
 * @message: a message
 *
 * Returns: whether it does not continue the message before
 */
gboolean
ring_message_get_discont (RingMessage *message)
{
  g_return_val_if_fail (message != NULL, FALSE);
  return (message->flags & RING_MESSAGE_DISCONT) != 0;
}

/**
 * ring_message_set_discont:
 * @message: a message that is not yet sent
 * @discont: whether it does not continue the message before; kernels with
 *   history then begin anew
 */
void
ring_message_set_discont (RingMessage *message, gboolean discont)
{
  g_return_if_fail (message != NULL);
  if (discont)
    message->flags |= RING_MESSAGE_DISCONT;
  else
    message->flags &= ~RING_MESSAGE_DISCONT;
}

/**
 * ring_message_get_trace:
 * @message: a received message
 * @accepted: (out) (optional): when send or call took it
 * @started: (out) (optional): when the kernel began with it
 * @finished: (out) (optional): when the kernel was done
 * @delivered: (out) (optional): when the host had it
 *
 * Times in ns of the monotonic clock; 0 with telemetry off.
 */
void
ring_message_get_trace (RingMessage *message, guint64 *accepted,
    guint64 *started, guint64 *finished, guint64 *delivered)
{
  g_return_if_fail (message != NULL);
  if (accepted)
    *accepted = message->trace[0];
  if (started)
    *started = message->trace[1];
  if (finished)
    *finished = message->trace[2];
  if (delivered)
    *delivered = message->trace[3];
}
