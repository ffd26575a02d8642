/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * types.c: enumerations, the error domain, and formats.
 */
#include "core/core-private.h"

#include <string.h>

#define DEFINE_ENUM(TypeName, type_name, ...) \
  GType type_name##_get_type (void) \
  { \
    static gsize type = 0; \
    static const GEnumValue values[] = { __VA_ARGS__, { 0, NULL, NULL } }; \
    if (g_once_init_enter (&type)) \
      g_once_init_leave (&type, g_enum_register_static (#TypeName, values)); \
    return type; \
  }
#define V(value, nick) \
  { \
    value, #value, nick \
  }
/* For enumerations that are properties of the element: gst-inspect shows the
 * name as the value's description. */
#define D(value, nick, description) \
  { \
    value, description, nick \
  }

DEFINE_ENUM (RingBackendType, ring_backend_type,
    D (RING_BACKEND_AUTO, "auto", "cuda if it is built and works, else cpu"),
    D (RING_BACKEND_CPU, "cpu", "Threads of this machine"),
    D (RING_BACKEND_CUDA, "cuda", "An NVIDIA GPU"))

DEFINE_ENUM (RingExecutionMode, ring_execution_mode,
    D (RING_EXECUTION_AUTO, "auto", "inline on cpu, persistent on cuda"),
    D (RING_EXECUTION_INLINE, "inline",
        "The streaming thread runs each buffer itself, helped by worker threads"),
    D (RING_EXECUTION_EVENT_DRIVEN, "event-driven",
        "One launch per batch of waiting buffers"),
    D (RING_EXECUTION_PERSISTENT, "persistent",
        "The kernel stays and polls its ring"))

DEFINE_ENUM (RingTransfer, ring_transfer,
    D (RING_TRANSFER_AUTO, "auto", "Small payloads mapped, frames staged"),
    D (RING_TRANSFER_MAPPED, "mapped",
        "The device works in page-locked memory of the host"),
    D (RING_TRANSFER_STAGED, "staged",
        "Copy engines bring payloads to the device and results back"))

DEFINE_ENUM (RingKernelStatus, ring_kernel_status,
    V (RING_KERNEL_CREATED, "created"), V (RING_KERNEL_LAUNCHED, "launched"),
    V (RING_KERNEL_ACTIVE, "active"),
    V (RING_KERNEL_DEACTIVATED, "deactivated"),
    V (RING_KERNEL_TERMINATING, "terminating"),
    V (RING_KERNEL_TERMINATED, "terminated"), V (RING_KERNEL_FAILED, "failed"))

DEFINE_ENUM (RingTerminateMode, ring_terminate_mode,
    V (RING_TERMINATE_DRAIN, "drain"), V (RING_TERMINATE_DISCARD, "discard"))

DEFINE_ENUM (RingPayloadKind, ring_payload_kind,
    V (RING_PAYLOAD_BYTES, "bytes"), V (RING_PAYLOAD_VIDEO, "video"),
    V (RING_PAYLOAD_AUDIO, "audio"), V (RING_PAYLOAD_RECORD, "record"))

DEFINE_ENUM (RingVideoFormat, ring_video_format,
    V (RING_VIDEO_FORMAT_NONE, "none"), V (RING_VIDEO_FORMAT_GRAY8, "GRAY8"),
    V (RING_VIDEO_FORMAT_RGB, "RGB"), V (RING_VIDEO_FORMAT_BGR, "BGR"),
    V (RING_VIDEO_FORMAT_RGBA, "RGBA"), V (RING_VIDEO_FORMAT_BGRA, "BGRA"),
    V (RING_VIDEO_FORMAT_ARGB, "ARGB"), V (RING_VIDEO_FORMAT_ABGR, "ABGR"),
    V (RING_VIDEO_FORMAT_RGBX, "RGBx"), V (RING_VIDEO_FORMAT_BGRX, "BGRx"),
    V (RING_VIDEO_FORMAT_XRGB, "xRGB"), V (RING_VIDEO_FORMAT_XBGR, "xBGR"),
    V (RING_VIDEO_FORMAT_I420, "I420"), V (RING_VIDEO_FORMAT_NV12, "NV12"),
    V (RING_VIDEO_FORMAT_GRAY16, "GRAY16_LE"))

DEFINE_ENUM (RingColorMatrix, ring_color_matrix,
    V (RING_COLOR_MATRIX_UNKNOWN, "unknown"), V (RING_COLOR_MATRIX_RGB, "rgb"),
    V (RING_COLOR_MATRIX_FCC, "fcc"), V (RING_COLOR_MATRIX_BT709, "bt709"),
    V (RING_COLOR_MATRIX_BT601, "bt601"),
    V (RING_COLOR_MATRIX_SMPTE240M, "smpte240m"),
    V (RING_COLOR_MATRIX_BT2020, "bt2020"))

DEFINE_ENUM (RingColorRange, ring_color_range,
    V (RING_COLOR_RANGE_UNKNOWN, "unknown"), V (RING_COLOR_RANGE_FULL, "full"),
    V (RING_COLOR_RANGE_LIMITED, "limited"))

DEFINE_ENUM (RingAudioFormat, ring_audio_format,
    V (RING_AUDIO_FORMAT_NONE, "none"), V (RING_AUDIO_FORMAT_S16LE, "S16LE"),
    V (RING_AUDIO_FORMAT_S32LE, "S32LE"), V (RING_AUDIO_FORMAT_F32LE, "F32LE"),
    V (RING_AUDIO_FORMAT_F64LE, "F64LE"))

DEFINE_ENUM (RingError, ring_error, V (RING_ERROR_FAILED, "failed"),
    V (RING_ERROR_NOT_BUILT, "not-built"),
    V (RING_ERROR_NO_DEVICE, "no-device"),
    V (RING_ERROR_INVALID_OPTION, "invalid-option"),
    V (RING_ERROR_KERNEL_NOT_FOUND, "kernel-not-found"),
    V (RING_ERROR_KERNEL_INVALID, "kernel-invalid"),
    V (RING_ERROR_COMPILE, "compile"), V (RING_ERROR_STATUS, "status"),
    V (RING_ERROR_FORMAT, "format"), V (RING_ERROR_PAYLOAD, "payload"),
    V (RING_ERROR_TOO_LARGE, "too-large"),
    V (RING_ERROR_QUEUE_FULL, "queue-full"),
    V (RING_ERROR_TIMED_OUT, "timed-out"), V (RING_ERROR_BUSY, "busy"),
    V (RING_ERROR_PARAMETER, "parameter"),
    V (RING_ERROR_NO_MEMORY, "no-memory"),
    V (RING_ERROR_DISCARDED, "discarded"), V (RING_ERROR_FAULT, "fault"),
    V (RING_ERROR_NEEDS_LAUNCH, "needs-launch"))

/* It would take the name for a difference. */
/* clang-format off */
G_DEFINE_QUARK (ring-error-quark, ring_error)
/* clang-format on */

const gchar *
ring_enum_nick_ (GType type, gint value)
{
  /* The class of a static enumeration is never freed once referenced. */
  GEnumClass *klass = g_type_class_ref (type);
  const GEnumValue *v = g_enum_get_value (klass, value);
  const gchar *nick = v ? v->value_nick : "unknown";

  g_type_class_unref (klass);
  return nick;
}

static gint
enum_from_nick (GType type, const gchar *nick)
{
  GEnumClass *klass = g_type_class_ref (type);
  const GEnumValue *v = g_enum_get_value_by_nick (klass, nick);
  gint value = v ? v->value : 0;

  g_type_class_unref (klass);
  return value;
}

/**
 * ring_video_format_from_string:
 * @name: a format by GStreamer's name, like "RGBA"
 *
 * Returns: the format, or %RING_VIDEO_FORMAT_NONE if this library has none of
 *   that name. Safe from any thread.
 */
RingVideoFormat
ring_video_format_from_string (const gchar *name)
{
  g_return_val_if_fail (name != NULL, RING_VIDEO_FORMAT_NONE);
  return enum_from_nick (RING_TYPE_VIDEO_FORMAT, name);
}

/**
 * ring_video_format_to_string:
 * @format: a format
 *
 * Returns: GStreamer's name for it; static. Safe from any thread.
 */
const gchar *
ring_video_format_to_string (RingVideoFormat format)
{
  return ring_enum_nick_ (RING_TYPE_VIDEO_FORMAT, format);
}

/**
 * ring_audio_format_from_string:
 * @name: a format by GStreamer's name, like "F32LE"
 *
 * Returns: the format, or %RING_AUDIO_FORMAT_NONE if this library has none of
 *   that name. Safe from any thread.
 */
RingAudioFormat
ring_audio_format_from_string (const gchar *name)
{
  g_return_val_if_fail (name != NULL, RING_AUDIO_FORMAT_NONE);
  return enum_from_nick (RING_TYPE_AUDIO_FORMAT, name);
}

/**
 * ring_audio_format_to_string:
 * @format: a format
 *
 * Returns: GStreamer's name for it; static. Safe from any thread.
 */
const gchar *
ring_audio_format_to_string (RingAudioFormat format)
{
  return ring_enum_nick_ (RING_TYPE_AUDIO_FORMAT, format);
}

G_DEFINE_BOXED_TYPE (RingFormat, ring_format, ring_format_copy,
    ring_format_free)

/**
 * ring_format_new_bytes:
 *
 * Returns: (transfer full): the format of raw bytes
 */
RingFormat *
ring_format_new_bytes (void)
{
  RingFormat *format = g_new0 (RingFormat, 1);

  format->kind = RING_PAYLOAD_BYTES;
  return format;
}

/**
 * ring_format_new_video:
 * @format: pixel format
 * @width: pixels, at least 1
 * @height: pixels, at least 1
 *
 * Returns: (transfer full): the format of such frames
 */
RingFormat *
ring_format_new_video (RingVideoFormat format, guint width, guint height)
{
  RingFormat *f;

  g_return_val_if_fail (format > RING_VIDEO_FORMAT_NONE
          && (guint) format < RING_VIDEO_LAST_,
      NULL);
  g_return_val_if_fail (width > 0 && height > 0, NULL);

  f = g_new0 (RingFormat, 1);
  f->kind = RING_PAYLOAD_VIDEO;
  f->video_format = format;
  f->width = width;
  f->height = height;
  return f;
}

/**
 * ring_format_new_audio:
 * @format: sample format
 * @rate: frames per second, at least 1
 * @channels: interleaved channels, at least 1
 *
 * Returns: (transfer full): the format of such audio
 */
RingFormat *
ring_format_new_audio (RingAudioFormat format, guint rate, guint channels)
{
  RingFormat *f;

  g_return_val_if_fail (format > RING_AUDIO_FORMAT_NONE
          && (guint) format < RING_AUDIO_LAST_,
      NULL);
  g_return_val_if_fail (rate > 0 && channels > 0, NULL);

  f = g_new0 (RingFormat, 1);
  f->kind = RING_PAYLOAD_AUDIO;
  f->audio_format = format;
  f->rate = rate;
  f->channels = channels;
  return f;
}

/**
 * ring_format_new_record:
 * @type: a fixed-size #GVariant type, like "(td)"
 * @error: return location for an error
 *
 * Returns: (transfer full): the format of such records, or %NULL with
 *   %RING_ERROR_PAYLOAD if @type is no #GVariant type or not of a fixed size
 */
RingFormat *
ring_format_new_record (const gchar *type, GError **error)
{
  RingFormat *f;
  gsize size;

  g_return_val_if_fail (type != NULL, NULL);

  if (!g_variant_type_string_is_valid (type) || strlen (type) >= RING_NAME_SIZE
      || (size = ring_record_size_ (type)) == 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
        "record type '%s' is not a fixed-size GVariant type; "
        "use numbers and tuples of them, like '(td)'",
        type);
    return NULL;
  }
  f = g_new0 (RingFormat, 1);
  f->kind = RING_PAYLOAD_RECORD;
  f->record_size = size;
  g_strlcpy (f->record_type, type, sizeof f->record_type);
  return f;
}

/* Bytes of a fixed-size type, 0 if it has no fixed size. GVariant tells it
 * indirectly: an array of one such element is as long as the element. */
gsize
ring_record_size_ (const gchar *type)
{
  const GVariantType *t = G_VARIANT_TYPE (type);
  GVariantType *array;
  GVariant *value;
  gsize size = 0;
  /* Large enough for any type whose name fits: "(dd…)" has 8 bytes a letter. */
  static const guint64 zero[RING_NAME_SIZE] = { 0 };
  gsize n;

  if (!g_variant_type_is_definite (t))
    return 0;

  array = g_variant_type_new_array (t);
  for (n = 1; n <= sizeof zero && size == 0; n++) {
    value = g_variant_ref_sink (
        g_variant_new_from_data (array, zero, n, TRUE, NULL, NULL));
    /* A fixed-size element type needs whole elements; elements of variable
     * size end with offsets, and zero bytes then are no such array. */
    if (g_variant_n_children (value) == 1) {
      GVariant *child = g_variant_get_child_value (value, 0);

      if (g_variant_get_size (child) == n)
        size = n;
      g_variant_unref (child);
    }
    g_variant_unref (value);
  }
  g_variant_type_free (array);
  return size;
}

/**
 * ring_format_copy:
 * @format: a format
 *
 * Returns: (transfer full): a copy
 */
RingFormat *
ring_format_copy (const RingFormat *format)
{
  return format ? g_memdup2 (format, sizeof *format) : NULL;
}

/**
 * ring_format_free:
 * @format: (transfer full) (nullable): a format
 */
void
ring_format_free (RingFormat *format)
{
  g_free (format);
}

/**
 * ring_format_equal:
 * @a: a format
 * @b: another
 *
 * Returns: whether payloads of the one are payloads of the other
 */
gboolean
ring_format_equal (const RingFormat *a, const RingFormat *b)
{
  g_return_val_if_fail (a != NULL && b != NULL, FALSE);

  if (a->kind != b->kind)
    return FALSE;
  switch (a->kind) {
    case RING_PAYLOAD_VIDEO:
      return a->video_format == b->video_format && a->width == b->width
          && a->height == b->height && a->matrix == b->matrix
          && a->range == b->range;
    case RING_PAYLOAD_AUDIO:
      return a->audio_format == b->audio_format && a->rate == b->rate
          && a->channels == b->channels;
    case RING_PAYLOAD_RECORD:
      return strcmp (a->record_type, b->record_type) == 0;
    case RING_PAYLOAD_BYTES:
      return TRUE;
  }
  return FALSE;
}

/**
 * ring_format_get_record_type:
 * @format: a format
 *
 * Returns: (nullable): the #GVariant type of a format of records, else %NULL;
 *   owned by @format
 */
const gchar *
ring_format_get_record_type (const RingFormat *format)
{
  g_return_val_if_fail (format != NULL, NULL);
  return format->kind == RING_PAYLOAD_RECORD ? format->record_type : NULL;
}

/**
 * ring_format_to_string:
 * @format: a format
 *
 * Returns: (transfer full): for people, like "video RGBA 1920x1080"
 */
gchar *
ring_format_to_string (const RingFormat *format)
{
  g_return_val_if_fail (format != NULL, NULL);

  switch (format->kind) {
    case RING_PAYLOAD_VIDEO:
      return g_strdup_printf ("video %s %ux%u",
          ring_video_format_to_string (format->video_format), format->width,
          format->height);
    case RING_PAYLOAD_AUDIO:
      return g_strdup_printf ("audio %s, %u channel%s, %u Hz",
          ring_audio_format_to_string (format->audio_format), format->channels,
          format->channels == 1 ? "" : "s", format->rate);
    case RING_PAYLOAD_RECORD:
      return g_strdup_printf ("records %s of %u bytes", format->record_type,
          format->record_size);
    case RING_PAYLOAD_BYTES:
      break;
  }
  return g_strdup ("bytes");
}

/**
 * ring_format_get_frame_size:
 * @format: a format
 *
 * Returns: bytes of the smallest whole unit: a tightly packed video frame, an
 *   audio frame (one sample of each channel), a record, a byte
 */
gsize
ring_format_get_frame_size (const RingFormat *format)
{
  RingMemory memory;

  g_return_val_if_fail (format != NULL, 0);

  switch (format->kind) {
    case RING_PAYLOAD_VIDEO:
      return ring_format_pack_ (format, NULL, &memory);
    case RING_PAYLOAD_AUDIO:
      return (gsize) ring_audio_sample_size (format->audio_format)
          * format->channels;
    case RING_PAYLOAD_RECORD:
      return format->record_size;
    case RING_PAYLOAD_BYTES:
      break;
  }
  return 1;
}

/* Lays a tightly packed video frame out from @data on; returns its bytes. */
gsize
ring_format_pack_ (const RingFormat *format, gpointer data, RingMemory *memory)
{
  const RingVideoLayout layout = ring_video_layout (format->video_format);
  gsize at = 0;
  guint p;

  memory->n_planes = layout.n_planes;
  for (p = 0; p < layout.n_planes; p++) {
    const gsize width = ((gsize) format->width + (1u << layout.x_shift[p]) - 1)
        >> layout.x_shift[p];
    const gsize height =
        ((gsize) format->height + (1u << layout.y_shift[p]) - 1)
        >> layout.y_shift[p];
    const gsize stride = width * layout.pixel_stride[p];

    memory->plane[p].data = data ? (guint8 *) data + at : NULL;
    memory->plane[p].stride = stride;
    memory->plane[p].size = stride * height;
    at += stride * height;
  }
  memory->size = at;
  return at;
}
