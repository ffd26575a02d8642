/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#ifndef RING_TYPES_H
#define RING_TYPES_H

#include <gio/gio.h>
#include <ringkernel/abi.h>

G_BEGIN_DECLS

#ifndef RING_API
#define RING_API __attribute__ ((visibility ("default"))) extern
#endif

/* ---- defaults ------------------------------------------------------------ */

#define RING_DEFAULT_QUEUE_CAPACITY 4096 /* messages in flight */
#define RING_DEFAULT_MESSAGE_SIZE 65792  /* bytes: 64 KiB and a header */
#define RING_DEFAULT_POLL_INTERVAL 100   /* us */
#define RING_DEFAULT_LEASE 10000         /* us */
#define RING_DEFAULT_IDLE_TIMEOUT 50     /* us */
#define RING_DEFAULT_TERMINATION_TIMEOUT (5 * G_USEC_PER_SEC) /* us */
#define RING_DEFAULT_CALL_TIMEOUT (30 * G_USEC_PER_SEC)       /* us */
#define RING_MAX_QUEUE_CAPACITY 65536
/* The largest payload that travels inside a ring slot; longer ones go by
 * reference. */
#define RING_INLINE_SIZE 256

/* ---- enumerations --------------------------------------------------------- */

/**
 * RingBackendType:
 * @RING_BACKEND_AUTO: cuda if it is built and works, else cpu
 * @RING_BACKEND_CPU: threads of this machine
 * @RING_BACKEND_CUDA: an NVIDIA GPU
 *
 * Where kernels run.
 */
typedef enum
{
  RING_BACKEND_AUTO,
  RING_BACKEND_CPU,
  RING_BACKEND_CUDA
} RingBackendType;

/**
 * RingExecutionMode:
 * @RING_EXECUTION_AUTO: inline on cpu, persistent on cuda where that is safe
 * @RING_EXECUTION_INLINE: the sending thread runs the message itself, worker
 *   threads helping where the message is large
 * @RING_EXECUTION_EVENT_DRIVEN: one launch per batch of waiting messages
 * @RING_EXECUTION_PERSISTENT: the kernel stays and polls its ring
 *
 * How messages meet the kernel.
 */
typedef enum
{
  RING_EXECUTION_AUTO,
  RING_EXECUTION_INLINE,
  RING_EXECUTION_EVENT_DRIVEN,
  RING_EXECUTION_PERSISTENT
} RingExecutionMode;

/**
 * RingTransfer:
 * @RING_TRANSFER_AUTO: by size: small payloads mapped, frames staged
 * @RING_TRANSFER_MAPPED: the device works in page-locked memory of the host
 * @RING_TRANSFER_STAGED: copy engines bring payloads to device memory and results
 *   back, beside the kernel's work on others
 *
 * How payloads in the host's memory reach a device that has memory of its own;
 * payloads that are in the device's memory are used where they are. On cpu there
 * is nothing to transfer.
 */
typedef enum
{
  RING_TRANSFER_AUTO,
  RING_TRANSFER_MAPPED,
  RING_TRANSFER_STAGED
} RingTransfer;

/**
 * RingKernelStatus:
 * @RING_KERNEL_CREATED: being launched
 * @RING_KERNEL_LAUNCHED: launched, not yet active
 * @RING_KERNEL_ACTIVE: takes and processes messages
 * @RING_KERNEL_DEACTIVATED: takes none; queued messages wait
 * @RING_KERNEL_TERMINATING: finishes or discards what is queued
 * @RING_KERNEL_TERMINATED: over; results not yet received still are there
 * @RING_KERNEL_FAILED: over because of an error, see ring_kernel_get_error()
 *
 * The status of a kernel handle. Legal transitions, and who makes them:
 *
 * |[
 * created     -> launched      ring_runtime_launch
 * launched    -> active        ring_kernel_activate
 * active      -> deactivated   ring_kernel_deactivate
 * deactivated -> active        ring_kernel_activate
 * launched, active, deactivated -> terminating   ring_kernel_terminate
 * terminating -> terminated    ring_kernel_terminate
 * any but terminated -> failed the bridge, on a fault or a time-out
 * ]|
 */
typedef enum
{
  RING_KERNEL_CREATED,
  RING_KERNEL_LAUNCHED,
  RING_KERNEL_ACTIVE,
  RING_KERNEL_DEACTIVATED,
  RING_KERNEL_TERMINATING,
  RING_KERNEL_TERMINATED,
  RING_KERNEL_FAILED
} RingKernelStatus;

/**
 * RingTerminateMode:
 * @RING_TERMINATE_DRAIN: process what is queued first
 * @RING_TERMINATE_DISCARD: discard, and count, what is queued
 */
typedef enum
{
  RING_TERMINATE_DRAIN,
  RING_TERMINATE_DISCARD
} RingTerminateMode;

/**
 * RingPayloadKind:
 * @RING_PAYLOAD_BYTES: raw bytes
 * @RING_PAYLOAD_VIDEO: a video frame
 * @RING_PAYLOAD_AUDIO: a block of interleaved audio frames
 * @RING_PAYLOAD_RECORD: records of one fixed-size #GVariant type
 */
typedef enum
{
  RING_PAYLOAD_BYTES = RING_KIND_BYTES,
  RING_PAYLOAD_VIDEO = RING_KIND_VIDEO,
  RING_PAYLOAD_AUDIO = RING_KIND_AUDIO,
  RING_PAYLOAD_RECORD = RING_KIND_RECORD
} RingPayloadKind;

/**
 * RingVideoFormat:
 *
 * Pixel formats, by GStreamer's names; see ring_video_format_from_string().
 */
typedef enum
{
  RING_VIDEO_FORMAT_NONE = RING_VIDEO_NONE,
  RING_VIDEO_FORMAT_GRAY8 = RING_VIDEO_GRAY8,
  RING_VIDEO_FORMAT_RGB = RING_VIDEO_RGB,
  RING_VIDEO_FORMAT_BGR = RING_VIDEO_BGR,
  RING_VIDEO_FORMAT_RGBA = RING_VIDEO_RGBA,
  RING_VIDEO_FORMAT_BGRA = RING_VIDEO_BGRA,
  RING_VIDEO_FORMAT_ARGB = RING_VIDEO_ARGB,
  RING_VIDEO_FORMAT_ABGR = RING_VIDEO_ABGR,
  RING_VIDEO_FORMAT_RGBX = RING_VIDEO_RGBX,
  RING_VIDEO_FORMAT_BGRX = RING_VIDEO_BGRX,
  RING_VIDEO_FORMAT_XRGB = RING_VIDEO_XRGB,
  RING_VIDEO_FORMAT_XBGR = RING_VIDEO_XBGR,
  RING_VIDEO_FORMAT_I420 = RING_VIDEO_I420,
  RING_VIDEO_FORMAT_NV12 = RING_VIDEO_NV12,
  RING_VIDEO_FORMAT_GRAY16 = RING_VIDEO_GRAY16
} RingVideoFormat;

/**
 * RingColorMatrix:
 * @RING_COLOR_MATRIX_UNKNOWN: nobody has said
 * @RING_COLOR_MATRIX_RGB: red, green and blue as they are
 * @RING_COLOR_MATRIX_FCC: FCC
 * @RING_COLOR_MATRIX_BT709: ITU-R BT.709, high definition
 * @RING_COLOR_MATRIX_BT601: ITU-R BT.601, standard definition
 * @RING_COLOR_MATRIX_SMPTE240M: SMPTE 240M
 * @RING_COLOR_MATRIX_BT2020: ITU-R BT.2020, ultra high definition
 *
 * How a frame's brightness and colour differences come of red, green and blue. The
 * numbers are those of #GstVideoColorMatrix.
 */
typedef enum
{
  RING_COLOR_MATRIX_UNKNOWN = RING_MATRIX_UNKNOWN,
  RING_COLOR_MATRIX_RGB = RING_MATRIX_RGB,
  RING_COLOR_MATRIX_FCC = RING_MATRIX_FCC,
  RING_COLOR_MATRIX_BT709 = RING_MATRIX_BT709,
  RING_COLOR_MATRIX_BT601 = RING_MATRIX_BT601,
  RING_COLOR_MATRIX_SMPTE240M = RING_MATRIX_SMPTE240M,
  RING_COLOR_MATRIX_BT2020 = RING_MATRIX_BT2020
} RingColorMatrix;

/**
 * RingColorRange:
 * @RING_COLOR_RANGE_UNKNOWN: nobody has said
 * @RING_COLOR_RANGE_FULL: all values are used, in 8 bits 0 to 255
 * @RING_COLOR_RANGE_LIMITED: 16 to 235, and 16 to 240 for colour differences
 *
 * Which numbers of a frame are black and white. The numbers are those of
 * #GstVideoColorRange.
 */
typedef enum
{
  RING_COLOR_RANGE_UNKNOWN = RING_RANGE_UNKNOWN,
  RING_COLOR_RANGE_FULL = RING_RANGE_FULL,
  RING_COLOR_RANGE_LIMITED = RING_RANGE_LIMITED
} RingColorRange;

/**
 * RingAudioFormat:
 *
 * Sample formats, by GStreamer's names; see ring_audio_format_from_string().
 */
typedef enum
{
  RING_AUDIO_FORMAT_NONE = RING_AUDIO_NONE,
  RING_AUDIO_FORMAT_S16LE = RING_AUDIO_S16LE,
  RING_AUDIO_FORMAT_S32LE = RING_AUDIO_S32LE,
  RING_AUDIO_FORMAT_F32LE = RING_AUDIO_F32LE,
  RING_AUDIO_FORMAT_F64LE = RING_AUDIO_F64LE
} RingAudioFormat;

RING_API GType ring_backend_type_get_type (void);
RING_API GType ring_execution_mode_get_type (void);
RING_API GType ring_kernel_status_get_type (void);
RING_API GType ring_transfer_get_type (void);
RING_API GType ring_terminate_mode_get_type (void);
RING_API GType ring_payload_kind_get_type (void);
RING_API GType ring_color_matrix_get_type (void);
RING_API GType ring_color_range_get_type (void);
RING_API GType ring_video_format_get_type (void);
RING_API GType ring_audio_format_get_type (void);
RING_API GType ring_error_get_type (void);
#define RING_TYPE_BACKEND_TYPE (ring_backend_type_get_type ())
#define RING_TYPE_EXECUTION_MODE (ring_execution_mode_get_type ())
#define RING_TYPE_KERNEL_STATUS (ring_kernel_status_get_type ())
#define RING_TYPE_TRANSFER (ring_transfer_get_type ())
#define RING_TYPE_TERMINATE_MODE (ring_terminate_mode_get_type ())
#define RING_TYPE_PAYLOAD_KIND (ring_payload_kind_get_type ())
#define RING_TYPE_VIDEO_FORMAT (ring_video_format_get_type ())
#define RING_TYPE_COLOR_MATRIX (ring_color_matrix_get_type ())
#define RING_TYPE_COLOR_RANGE (ring_color_range_get_type ())
#define RING_TYPE_AUDIO_FORMAT (ring_audio_format_get_type ())
#define RING_TYPE_ERROR (ring_error_get_type ())

RING_API RingVideoFormat ring_video_format_from_string (const gchar *name);
RING_API const gchar *ring_video_format_to_string (RingVideoFormat format);
RING_API RingAudioFormat ring_audio_format_from_string (const gchar *name);
RING_API const gchar *ring_audio_format_to_string (RingAudioFormat format);

/* ---- errors ---------------------------------------------------------------- */

/**
 * RING_ERROR:
 *
 * The error domain of everything in this library.
 */
#define RING_ERROR (ring_error_quark ())

/**
 * RingError:
 * @RING_ERROR_FAILED: any other failure
 * @RING_ERROR_NOT_BUILT: the backend is not part of this build
 * @RING_ERROR_NO_DEVICE: no such device on this machine
 * @RING_ERROR_INVALID_OPTION: an option is outside its range
 * @RING_ERROR_KERNEL_NOT_FOUND: no kernel of that name, or not that file
 * @RING_ERROR_KERNEL_INVALID: found, but not usable as a kernel
 * @RING_ERROR_COMPILE: the kernel's source does not compile; the message holds
 *   the compiler's lines
 * @RING_ERROR_STATUS: not possible in the handle's present status
 * @RING_ERROR_FORMAT: the kernel does not take this format
 * @RING_ERROR_PAYLOAD: a payload of another kind, type or size
 * @RING_ERROR_TOO_LARGE: the payload exceeds the message size
 * @RING_ERROR_QUEUE_FULL: as much in flight as the queue capacity allows
 * @RING_ERROR_TIMED_OUT: nothing came in the given time
 * @RING_ERROR_BUSY: not while messages are in flight
 * @RING_ERROR_PARAMETER: unknown parameter, or a value outside its range
 * @RING_ERROR_NO_MEMORY: memory could not be had
 * @RING_ERROR_DISCARDED: the message was discarded by a flush or a terminate
 * @RING_ERROR_FAULT: the kernel faulted; the handle is failed
 * @RING_ERROR_NEEDS_LAUNCH: a version of a kernel that has no room on the handle:
 *   it has to be launched anew
 *
 * Cancellation is reported as %G_IO_ERROR_CANCELLED.
 */
typedef enum
{
  RING_ERROR_FAILED,
  RING_ERROR_NOT_BUILT,
  RING_ERROR_NO_DEVICE,
  RING_ERROR_INVALID_OPTION,
  RING_ERROR_KERNEL_NOT_FOUND,
  RING_ERROR_KERNEL_INVALID,
  RING_ERROR_COMPILE,
  RING_ERROR_STATUS,
  RING_ERROR_FORMAT,
  RING_ERROR_PAYLOAD,
  RING_ERROR_TOO_LARGE,
  RING_ERROR_QUEUE_FULL,
  RING_ERROR_TIMED_OUT,
  RING_ERROR_BUSY,
  RING_ERROR_PARAMETER,
  RING_ERROR_NO_MEMORY,
  RING_ERROR_DISCARDED,
  RING_ERROR_FAULT,
  RING_ERROR_NEEDS_LAUNCH
} RingError;

RING_API GQuark ring_error_quark (void);

/* ---- formats --------------------------------------------------------------- */

#define RING_TYPE_FORMAT (ring_format_get_type ())

/**
 * RingFormat:
 * @kind: what the payloads are
 * @video_format: video: the pixel format
 * @width: video: pixels
 * @height: video: pixels
 * @audio_format: audio: the sample format
 * @channels: audio: channels
 * @rate: audio: frames per second
 * @record_size: records: bytes of one record
 * @matrix: video: how its colours are to be read
 * @range: video: which of its numbers are black and white
 *
 * What a stream of messages carries. A plain value: copied by
 * ring_format_copy(), never changed by the library. (The record's type is read by
 * ring_format_get_record_type().)
 */
typedef struct
{
  RingPayloadKind kind;
  RingVideoFormat video_format;
  guint width;
  guint height;
  RingAudioFormat audio_format;
  guint channels;
  guint rate;
  guint record_size;
  RingColorMatrix matrix;
  RingColorRange range;
  /*< private > */
  gchar record_type[RING_NAME_SIZE];
} RingFormat;

RING_API GType ring_format_get_type (void);
RING_API RingFormat *ring_format_new_bytes (void);
RING_API RingFormat *ring_format_new_video (RingVideoFormat format, guint width,
    guint height);
RING_API RingFormat *ring_format_new_audio (RingAudioFormat format, guint rate,
    guint channels);
RING_API RingFormat *ring_format_new_record (const gchar *type, GError **error);
RING_API RingFormat *ring_format_copy (const RingFormat *format);
RING_API void ring_format_free (RingFormat *format);
RING_API gboolean ring_format_equal (const RingFormat *a, const RingFormat *b);
RING_API const gchar *ring_format_get_record_type (const RingFormat *format);
RING_API gchar *ring_format_to_string (const RingFormat *format);
RING_API gsize ring_format_get_frame_size (const RingFormat *format);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RingFormat, ring_format_free)

G_END_DECLS

#endif /* RING_TYPES_H */
