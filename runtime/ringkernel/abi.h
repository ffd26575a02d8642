/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * abi.h: the contract between host and device.
 *
 * Every word that host and kernel share is declared here and nowhere else.
 * The header compiles unchanged as C11, C++17, with nvcc and with NVRTC, and
 * asserts the size and the offset of everything in each of them.
 *
 * Three rules hold throughout:
 *   1. a cache line has one writer, the host or the device;
 *   2. there are no pointers: a payload is (region, offset, size), and each
 *      side resolves a region by a table of its own;
 *   3. a word that both sides use to hand something over is read with acquire
 *      and written with release, by itself or by a fence for several (see
 *      atomic.h); nothing is ever read-modify-written across the two sides.
 */
#ifndef RING_ABI_H
#define RING_ABI_H

#if defined (__CUDACC_RTC__)
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
/* What stands behind offsetof there; __builtin_offsetof it does not know. */
#define RING_OFFSETOF(type, member) __INTADDR__ (&((type *) 0)->member)
#else
#include <stddef.h>
#include <stdint.h>
#define RING_OFFSETOF(type, member) offsetof (type, member)
#endif

#ifdef __GI_SCANNER__           /* its C parser knows no static assertions */
#define RING_STATIC_ASSERT(condition, message) extern int ring_not_asserted_
#elif defined (__cplusplus)
#define RING_STATIC_ASSERT(condition, message) static_assert (condition, message)
#else
#define RING_STATIC_ASSERT(condition, message) _Static_assert (condition, message)
#endif

/* Memory that messages live in. Empty for C and CUDA; an OpenCL C target would
 * say __global here. */
#ifndef RING_GLOBAL
#define RING_GLOBAL
#endif

/* Changes whenever anything below changes its meaning. */
#define RING_ABI_VERSION 1u

#define RING_MESSAGE_MAGIC 0x474e4952u  /* "RING" read as little-endian */
#define RING_HEADER_SIZE 256u
#define RING_MAX_PLANES 4u

/* Two 64-byte lines: CPUs prefetch them in pairs, GPUs fetch 128 bytes. */
#define RING_CACHE_LINE 128u

/* What one input message may produce at the most. */
#define RING_MAX_OUTPUTS 16u

/* "No time": the value of GST_CLOCK_TIME_NONE. */
#define RING_TIME_NONE 0xffffffffffffffffull

/* ---- payloads ---------------------------------------------------------- */

enum
{
  RING_KIND_BYTES = 0,
  RING_KIND_VIDEO = 1,
  RING_KIND_AUDIO = 2,
  RING_KIND_RECORD = 3
};

/* The codes of RingVideoFormat in types.h; 0 is "none". */
enum
{
  RING_VIDEO_NONE = 0,
  RING_VIDEO_GRAY8,
  RING_VIDEO_RGB,
  RING_VIDEO_BGR,
  RING_VIDEO_RGBA,
  RING_VIDEO_BGRA,
  RING_VIDEO_ARGB,
  RING_VIDEO_ABGR,
  RING_VIDEO_RGBX,
  RING_VIDEO_BGRX,
  RING_VIDEO_XRGB,
  RING_VIDEO_XBGR,
  RING_VIDEO_I420,
  RING_VIDEO_NV12,
  RING_VIDEO_GRAY16,            /* little-endian */
  RING_VIDEO_LAST_
};

/* What the numbers of a picture mean: GStreamer's numbers. */
enum
{
  RING_MATRIX_UNKNOWN = 0,
  RING_MATRIX_RGB,
  RING_MATRIX_FCC,
  RING_MATRIX_BT709,
  RING_MATRIX_BT601,
  RING_MATRIX_SMPTE240M,
  RING_MATRIX_BT2020,
  RING_MATRIX_LAST_
};

enum
{
  RING_RANGE_UNKNOWN = 0,
  RING_RANGE_FULL,              /* of 8 bits: 0 to 255 */
  RING_RANGE_LIMITED,           /* 16 to 235, and 240 for colour differences */
  RING_RANGE_LAST_
};

enum
{
  RING_AUDIO_NONE = 0,
  RING_AUDIO_S16LE,
  RING_AUDIO_S32LE,
  RING_AUDIO_F32LE,
  RING_AUDIO_F64LE,
  RING_AUDIO_LAST_
};

/* Regions that every handle has. Regions from RING_REGION_FIRST on belong to
 * payloads by reference. */
enum
{
  RING_REGION_INLINE = 0,       /* behind the header, in the slot itself */
  RING_REGION_FIRST = 1
};

/* Where one plane of a payload lies. */
typedef struct
{
  uint32_t region;
  int32_t stride;               /* bytes from one row to the next */
  uint64_t offset;              /* bytes from the region's base */
  uint64_t size;                /* bytes */
} RingPlaneRef;

/* RingPayloadRef.format of a picture: RING_VIDEO_*, RING_MATRIX_* and RING_RANGE_*. */
#define RING_FORMAT_IN_COLORS(format, matrix, range) \
  ((format) | (matrix) << 8 | (range) << 12)
#define RING_FORMAT_CODE(format) ((format) & 0xffu)
#define RING_FORMAT_MATRIX(format) ((format) >> 8 & 0xfu)
#define RING_FORMAT_RANGE(format) ((format) >> 12 & 0x3u)

/* What a payload is, and where it lies. */
typedef struct
{
  uint16_t kind;                /* RING_KIND_* */
  uint16_t n_planes;            /* 1 but for planar video; 0: no payload */
  uint32_t format;              /* RING_VIDEO_* in colours, or RING_AUDIO_* */
  uint32_t width;               /* pixels    | channels       | bytes per record */
  uint32_t height;              /* pixels    | frames per second | 0 */
  uint64_t capacity;            /* bytes that fit */
  uint64_t size;                /* bytes used */
  RingPlaneRef plane[RING_MAX_PLANES];
} RingPayloadRef;

/* ---- messages ---------------------------------------------------------- */

enum
{
  /* set by the sender */
  RING_MESSAGE_DISCONT = 1u << 0,       /* does not continue the message before */
  RING_MESSAGE_CALL = 1u << 1,          /* the answer goes to who waits for it */
  RING_MESSAGE_IN_PLACE = 1u << 2,      /* the output is the input's memory */
  /* set by the kernel's side */
  RING_MESSAGE_LAST = 1u << 8,          /* nothing more comes from this input */
  RING_MESSAGE_NO_OUTPUT = 1u << 9,     /* completion alone, without a payload */
  RING_MESSAGE_DISCARDED = 1u << 10,    /* flushed or terminated, not processed */
  RING_MESSAGE_FAILED = 1u << 11        /* not processed; last_error says why */
};

/* A message's header: the first 256 bytes of its slot. The first line holds
 * all that decides what happens to the message, so that one poll brings it. */
typedef struct
{
  uint64_t slot_sequence;       /* ring word: position + 1 once published */
  uint32_t magic;
  uint16_t version;
  uint16_t payload_count;       /* 1; more when kernels take several inputs */
  uint64_t id;                  /* unique in the handle */
  uint64_t correlation_id;      /* 0: none */
  uint32_t type;                /* the application's own */
  uint32_t flags;               /* RING_MESSAGE_* */
  uint64_t pts;                 /* ns of stream time or RING_TIME_NONE */
  uint64_t duration;            /* ns or RING_TIME_NONE */
  uint64_t sequence;            /* counts the handle's input messages from 0 */

  uint64_t epoch;               /* older than the host's epoch: discard */
  uint64_t t_accepted;          /* trace, ns of the device's clock; 0: not taken */
  uint64_t t_started;
  uint64_t t_finished;
  uint64_t t_arrived;           /* the device saw it: its payload is there */
  uint32_t source_generation;   /* which version of the kernel (reload) */
  uint32_t parameter_set;       /* index into the parameter table */
  uint32_t entry;               /* the host's record of this message */
  uint16_t output_index;        /* which of the input's outputs this is */
  uint16_t depends_handle;      /* 0: none; another handle in this process … */
  uint64_t depends_sequence;    /* … must have finished this sequence first */

  RingPayloadRef payload;
} RingMessageHeader;

/* ---- rings -------------------------------------------------------------
 *
 * slot (input ring):  header | output payload refs [max_outputs] | inline bytes
 * slot (output ring): header | inline bytes
 *
 * The producer writes a slot and then its slot_sequence; the consumer frees
 * slots by moving its own position. So each word has one writer.
 */
typedef struct
{
  uint64_t position;            /* free-running; masked on access only */
  uint8_t pad[RING_CACHE_LINE - 8];
} RingPosition;

/* Fixed at launch, read by both sides. */
typedef struct
{
  uint32_t abi_version;
  uint32_t max_outputs;
  uint64_t layout_hash;
  uint32_t input_capacity;      /* slots; a power of two */
  uint32_t output_capacity;     /* slots; a power of two */
  uint32_t input_stride;        /* bytes per slot */
  uint32_t output_stride;
  uint32_t input_inline_offset; /* bytes from the slot's begin */
  uint32_t output_inline_offset;
  uint32_t inline_size;         /* bytes of payload that fit into a slot */
  uint32_t parameter_stride;    /* bytes per set of the parameter table */
  uint32_t parameter_sets;
  uint32_t region_count;
  uint8_t pad[RING_CACHE_LINE - 56];
} RingGeometry;

/* ---- control block ----------------------------------------------------- */

enum                            /* RingDeviceWords.residency */
{
  RING_RESIDENCY_NONE = 0,      /* never launched */
  RING_RESIDENCY_RESIDENT = 1,
  RING_RESIDENCY_EXITED = 2
};

enum                            /* RingDeviceWords.exit_reason */
{
  RING_EXIT_NONE = 0,
  RING_EXIT_LEASE = 1,          /* the bound on one residency was reached */
  RING_EXIT_IDLE = 2,           /* no message for idle_timeout_ns */
  RING_EXIT_INACTIVE = 3,       /* the host cleared `active` */
  RING_EXIT_TERMINATE = 4,
  RING_EXIT_ERROR = 5,
  RING_EXIT_LEAVE = 6           /* the host asked for it */
};

enum                            /* RingDeviceWords.last_error */
{
  RING_DEVICE_OK = 0,
  RING_DEVICE_BAD_MAGIC = 1,    /* a slot that holds no message */
  RING_DEVICE_BAD_SEQUENCE = 2, /* a gap or a duplicate in the input ring */
  RING_DEVICE_BAD_REGION = 3,   /* a payload outside every region */
  RING_DEVICE_ABI_MISMATCH = 4,
  RING_DEVICE_BAD_EMIT = 5      /* the kernel emitted more than it declared */
};

/* Written by the host, read by the device. */
typedef struct
{
  uint32_t active;
  uint32_t terminate;
  uint32_t drain;               /* with terminate: finish what is queued first */
  uint32_t leave;               /* end this residency; another may follow */
  uint64_t epoch;
  uint64_t lease_ns;            /* 0: no bound */
  uint64_t idle_timeout_ns;
  uint64_t parameter_generation;        /* counts changes of the parameter table */
  uint8_t pad[RING_CACHE_LINE - 48];
} RingHostWords;

/* Written by the device, read by the host. */
typedef struct
{
  uint64_t heartbeat;           /* moves while the kernel is resident */
  uint32_t residency;           /* RING_RESIDENCY_* */
  uint32_t exit_reason;         /* RING_EXIT_* of the last residency */
  uint64_t processed;           /* input messages finished */
  uint32_t last_error;          /* RING_DEVICE_* */
  uint32_t abi_version;         /* as compiled into the kernel */
  uint64_t layout_hash;
  uint64_t residencies;
  uint64_t relaunches;          /* those that followed the end of a lease */
  uint8_t pad[RING_CACHE_LINE - 56];
} RingDeviceWords;

typedef struct
{
  RingHostWords host;
  RingDeviceWords device;
  RingPosition input_producer;  /* host */
  RingPosition input_consumer;  /* device */
  RingPosition output_producer; /* device */
  RingPosition output_consumer; /* host */
  RingGeometry geometry;        /* host, before the first residency */
} RingControlBlock;

/* ---- parameters --------------------------------------------------------
 *
 * A set of parameters is an array of 8-byte cells in the order of declaration,
 * followed by the values of the array parameters, as many as there are. A message
 * names its set, so a value changes between two messages and never within one.
 *
 * Where sets have room for more than RING_SHORT_SET bytes, the last eight of each say
 * how many bytes are used, so that no more has to be fetched; 0: all.
 */
#define RING_SHORT_SET 256u
#define RING_MAX_PARAMETERS 32u
#define RING_NAME_SIZE 48u
#define RING_TEXT_SIZE 200u

enum
{
  RING_PARAMETER_FLOAT = 1,
  RING_PARAMETER_INT = 2,
  RING_PARAMETER_BOOL = 3,
  RING_PARAMETER_ENUM = 4,
  RING_PARAMETER_FLOAT_ARRAY = 5
};

/* Units, a closed list. */
enum
{
  RING_UNIT_NONE = 0,
  RING_UNIT_RATIO,              /* 1.0 is the whole */
  RING_UNIT_PIXELS,
  RING_UNIT_DB,
  RING_UNIT_HERTZ,
  RING_UNIT_SECONDS,
  RING_UNIT_SAMPLES,
  RING_UNIT_RECORDS,
  RING_UNIT_DEGREES,
  RING_UNIT_SIGMAS,             /* standard deviations */
  RING_UNIT_LAST_
};

/* An array parameter's cell. */
typedef struct
{
  uint32_t count;               /* floats */
  uint32_t offset;              /* bytes from the begin of the set */
} RingArrayRef;

typedef struct
{
  char name[RING_NAME_SIZE];
  char description[RING_TEXT_SIZE];
  char text[RING_TEXT_SIZE];    /* enum: nicks "a|b|c"; array: default "1,2,3" */
  uint32_t type;                /* RING_PARAMETER_* */
  uint32_t unit;                /* RING_UNIT_* */
  uint32_t max_count;           /* array: floats at the most */
  uint32_t reserved;
  double default_value;
  double minimum;
  double maximum;
} RingParameterDescription;

/* ---- what a kernel says of itself --------------------------------------- */

enum                            /* RingKernelDescription.sharing */
{
  RING_SHARING_GRID = 0,        /* all workers on one message */
  RING_SHARING_BLOCK = 1        /* each block takes its own message */
};

enum                            /* RingKernelDescription.flags */
{
  RING_KERNEL_IN_PLACE = 1u << 0,       /* output may be the input's memory */
  RING_KERNEL_EMITS = 1u << 1,  /* says itself how much it emits */
  RING_KERNEL_ANY_FORMAT = 1u << 2,     /* any of the output formats, as asked … */
  RING_KERNEL_ANY_SIZE = 1u << 3        /* … in any size */
};

typedef struct
{
  uint32_t abi_version;
  uint32_t kind;                /* RING_KIND_* of the input */
  uint64_t layout_hash;
  char name[RING_NAME_SIZE];    /* as in the source: with '_' */
  char description[RING_TEXT_SIZE];
  char input_formats[RING_TEXT_SIZE];   /* "GRAY8, RGB"; records: a GVariant type */
  char output_formats[RING_TEXT_SIZE];  /* empty: as the input */
  uint32_t input_record_size;
  uint32_t output_record_size;
  uint32_t sharing;
  uint32_t flags;
  uint32_t max_outputs;
  uint32_t n_parameters;
  uint32_t output_kind;         /* RING_KIND_* of the output */
  uint32_t max_records;         /* that come of one frame, where the input has none */
  uint64_t state_size;          /* bytes, plus … */
  uint32_t state_per_byte;      /* … bytes for each byte of a tightly packed payload */
  uint32_t scratch_per_byte;    /* … of the larger of input and output, if frames */
  uint64_t scratch_size;
  RingParameterDescription parameter[RING_MAX_PARAMETERS];
} RingKernelDescription;

/* ---- the layout, asserted ----------------------------------------------- */

#define RING_ASSERT_SIZE(type, size) \
  RING_STATIC_ASSERT (sizeof (type) == (size), #type " has another size")
#define RING_ASSERT_OFFSET(type, member, at) \
  RING_STATIC_ASSERT (RING_OFFSETOF (type, member) == (at), \
      #type "." #member " has another offset")

RING_ASSERT_SIZE (RingPlaneRef, 24);
RING_ASSERT_OFFSET (RingPlaneRef, region, 0);
RING_ASSERT_OFFSET (RingPlaneRef, stride, 4);
RING_ASSERT_OFFSET (RingPlaneRef, offset, 8);
RING_ASSERT_OFFSET (RingPlaneRef, size, 16);

RING_ASSERT_SIZE (RingPayloadRef, 128);
RING_ASSERT_OFFSET (RingPayloadRef, kind, 0);
RING_ASSERT_OFFSET (RingPayloadRef, n_planes, 2);
RING_ASSERT_OFFSET (RingPayloadRef, format, 4);
RING_ASSERT_OFFSET (RingPayloadRef, width, 8);
RING_ASSERT_OFFSET (RingPayloadRef, height, 12);
RING_ASSERT_OFFSET (RingPayloadRef, capacity, 16);
RING_ASSERT_OFFSET (RingPayloadRef, size, 24);
RING_ASSERT_OFFSET (RingPayloadRef, plane, 32);

RING_ASSERT_SIZE (RingMessageHeader, RING_HEADER_SIZE);
RING_ASSERT_OFFSET (RingMessageHeader, slot_sequence, 0);
RING_ASSERT_OFFSET (RingMessageHeader, magic, 8);
RING_ASSERT_OFFSET (RingMessageHeader, version, 12);
RING_ASSERT_OFFSET (RingMessageHeader, payload_count, 14);
RING_ASSERT_OFFSET (RingMessageHeader, id, 16);
RING_ASSERT_OFFSET (RingMessageHeader, correlation_id, 24);
RING_ASSERT_OFFSET (RingMessageHeader, type, 32);
RING_ASSERT_OFFSET (RingMessageHeader, flags, 36);
RING_ASSERT_OFFSET (RingMessageHeader, pts, 40);
RING_ASSERT_OFFSET (RingMessageHeader, duration, 48);
RING_ASSERT_OFFSET (RingMessageHeader, sequence, 56);
RING_ASSERT_OFFSET (RingMessageHeader, epoch, 64);
RING_ASSERT_OFFSET (RingMessageHeader, t_accepted, 72);
RING_ASSERT_OFFSET (RingMessageHeader, t_started, 80);
RING_ASSERT_OFFSET (RingMessageHeader, t_finished, 88);
RING_ASSERT_OFFSET (RingMessageHeader, t_arrived, 96);
RING_ASSERT_OFFSET (RingMessageHeader, source_generation, 104);
RING_ASSERT_OFFSET (RingMessageHeader, parameter_set, 108);
RING_ASSERT_OFFSET (RingMessageHeader, entry, 112);
RING_ASSERT_OFFSET (RingMessageHeader, output_index, 116);
RING_ASSERT_OFFSET (RingMessageHeader, depends_handle, 118);
RING_ASSERT_OFFSET (RingMessageHeader, depends_sequence, 120);
RING_ASSERT_OFFSET (RingMessageHeader, payload, 128);

RING_ASSERT_SIZE (RingPosition, RING_CACHE_LINE);
RING_ASSERT_OFFSET (RingPosition, position, 0);

RING_ASSERT_SIZE (RingGeometry, RING_CACHE_LINE);
RING_ASSERT_OFFSET (RingGeometry, abi_version, 0);
RING_ASSERT_OFFSET (RingGeometry, max_outputs, 4);
RING_ASSERT_OFFSET (RingGeometry, layout_hash, 8);
RING_ASSERT_OFFSET (RingGeometry, input_capacity, 16);
RING_ASSERT_OFFSET (RingGeometry, output_capacity, 20);
RING_ASSERT_OFFSET (RingGeometry, input_stride, 24);
RING_ASSERT_OFFSET (RingGeometry, output_stride, 28);
RING_ASSERT_OFFSET (RingGeometry, input_inline_offset, 32);
RING_ASSERT_OFFSET (RingGeometry, output_inline_offset, 36);
RING_ASSERT_OFFSET (RingGeometry, inline_size, 40);
RING_ASSERT_OFFSET (RingGeometry, parameter_stride, 44);
RING_ASSERT_OFFSET (RingGeometry, parameter_sets, 48);
RING_ASSERT_OFFSET (RingGeometry, region_count, 52);

RING_ASSERT_SIZE (RingHostWords, RING_CACHE_LINE);
RING_ASSERT_OFFSET (RingHostWords, active, 0);
RING_ASSERT_OFFSET (RingHostWords, terminate, 4);
RING_ASSERT_OFFSET (RingHostWords, drain, 8);
RING_ASSERT_OFFSET (RingHostWords, leave, 12);
RING_ASSERT_OFFSET (RingHostWords, epoch, 16);
RING_ASSERT_OFFSET (RingHostWords, lease_ns, 24);
RING_ASSERT_OFFSET (RingHostWords, idle_timeout_ns, 32);
RING_ASSERT_OFFSET (RingHostWords, parameter_generation, 40);

RING_ASSERT_SIZE (RingDeviceWords, RING_CACHE_LINE);
RING_ASSERT_OFFSET (RingDeviceWords, heartbeat, 0);
RING_ASSERT_OFFSET (RingDeviceWords, residency, 8);
RING_ASSERT_OFFSET (RingDeviceWords, exit_reason, 12);
RING_ASSERT_OFFSET (RingDeviceWords, processed, 16);
RING_ASSERT_OFFSET (RingDeviceWords, last_error, 24);
RING_ASSERT_OFFSET (RingDeviceWords, abi_version, 28);
RING_ASSERT_OFFSET (RingDeviceWords, layout_hash, 32);
RING_ASSERT_OFFSET (RingDeviceWords, residencies, 40);
RING_ASSERT_OFFSET (RingDeviceWords, relaunches, 48);

RING_ASSERT_SIZE (RingControlBlock, 7 * RING_CACHE_LINE);
RING_ASSERT_OFFSET (RingControlBlock, host, 0 * RING_CACHE_LINE);
RING_ASSERT_OFFSET (RingControlBlock, device, 1 * RING_CACHE_LINE);
RING_ASSERT_OFFSET (RingControlBlock, input_producer, 2 * RING_CACHE_LINE);
RING_ASSERT_OFFSET (RingControlBlock, input_consumer, 3 * RING_CACHE_LINE);
RING_ASSERT_OFFSET (RingControlBlock, output_producer, 4 * RING_CACHE_LINE);
RING_ASSERT_OFFSET (RingControlBlock, output_consumer, 5 * RING_CACHE_LINE);
RING_ASSERT_OFFSET (RingControlBlock, geometry, 6 * RING_CACHE_LINE);

RING_ASSERT_SIZE (RingArrayRef, 8);
RING_ASSERT_SIZE (RingParameterDescription, 488);
RING_ASSERT_OFFSET (RingParameterDescription, name, 0);
RING_ASSERT_OFFSET (RingParameterDescription, description, 48);
RING_ASSERT_OFFSET (RingParameterDescription, text, 248);
RING_ASSERT_OFFSET (RingParameterDescription, type, 448);
RING_ASSERT_OFFSET (RingParameterDescription, unit, 452);
RING_ASSERT_OFFSET (RingParameterDescription, max_count, 456);
RING_ASSERT_OFFSET (RingParameterDescription, default_value, 464);
RING_ASSERT_OFFSET (RingParameterDescription, minimum, 472);
RING_ASSERT_OFFSET (RingParameterDescription, maximum, 480);

RING_ASSERT_SIZE (RingKernelDescription, 720 + 488 * RING_MAX_PARAMETERS);
RING_ASSERT_OFFSET (RingKernelDescription, layout_hash, 8);
RING_ASSERT_OFFSET (RingKernelDescription, name, 16);
RING_ASSERT_OFFSET (RingKernelDescription, description, 64);
RING_ASSERT_OFFSET (RingKernelDescription, input_formats, 264);
RING_ASSERT_OFFSET (RingKernelDescription, output_formats, 464);
RING_ASSERT_OFFSET (RingKernelDescription, input_record_size, 664);
RING_ASSERT_OFFSET (RingKernelDescription, output_record_size, 668);
RING_ASSERT_OFFSET (RingKernelDescription, sharing, 672);
RING_ASSERT_OFFSET (RingKernelDescription, flags, 676);
RING_ASSERT_OFFSET (RingKernelDescription, max_outputs, 680);
RING_ASSERT_OFFSET (RingKernelDescription, n_parameters, 684);
RING_ASSERT_OFFSET (RingKernelDescription, output_kind, 688);
RING_ASSERT_OFFSET (RingKernelDescription, max_records, 692);
RING_ASSERT_OFFSET (RingKernelDescription, state_size, 696);
RING_ASSERT_OFFSET (RingKernelDescription, state_per_byte, 704);
RING_ASSERT_OFFSET (RingKernelDescription, scratch_per_byte, 708);
RING_ASSERT_OFFSET (RingKernelDescription, scratch_size, 712);

/* A number that differs when the layout above does: sizes and the offsets that
 * both sides rely on, folded by FNV-1a's step. A kernel carries the value it was
 * compiled with, and a host that finds another refuses it. */
#define RING_HASH_STEP_(hash, value) \
  (((hash) ^ (uint64_t) (value)) * 0x100000001b3ull)
#define RING_LAYOUT_HASH \
  RING_HASH_STEP_ (RING_HASH_STEP_ (RING_HASH_STEP_ (RING_HASH_STEP_ ( \
  RING_HASH_STEP_ (RING_HASH_STEP_ (RING_HASH_STEP_ (RING_HASH_STEP_ ( \
      0xcbf29ce484222325ull, RING_ABI_VERSION), \
      sizeof (RingMessageHeader)), \
      RING_OFFSETOF (RingMessageHeader, payload)), \
      sizeof (RingPayloadRef)), \
      sizeof (RingControlBlock)), \
      RING_OFFSETOF (RingControlBlock, geometry)), \
      sizeof (RingParameterDescription)), \
      sizeof (RingKernelDescription))

#endif /* RING_ABI_H */
