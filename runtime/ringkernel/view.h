/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * view.h: a payload as a kernel sees it, and how it is found: one text for host
 * and device.
 */
#ifndef RING_VIEW_H
#define RING_VIEW_H

#include "atomic.h"

/* How the pixels of a video format lie. */
typedef struct
{
  uint32_t n_planes;
  uint32_t pixel_stride[RING_MAX_PLANES]; /* bytes per pixel of the plane */
  uint32_t x_shift[RING_MAX_PLANES]; /* plane width = ceil (width >> shift) */
  uint32_t y_shift[RING_MAX_PLANES];
  int32_t r, g, b, a; /* byte offsets in a packed pixel; -1: none */
  uint32_t has_alpha; /* `a` is transparency, not padding */
} RingVideoLayout;

/* The layout of RING_VIDEO_*; n_planes is 0 for a code that is not known. */
RING_BOTH RingVideoLayout
ring_video_layout (uint32_t format)
{
  RingVideoLayout l = { 1, { 4, 0, 0, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, -1,
    -1, -1, -1, 0 };

  switch (format) {
    case RING_VIDEO_GRAY8:
      l.pixel_stride[0] = 1;
      break;
    case RING_VIDEO_GRAY16:
      l.pixel_stride[0] = 2;
      break;
    case RING_VIDEO_RGB:
      l.pixel_stride[0] = 3, l.r = 0, l.g = 1, l.b = 2;
      break;
    case RING_VIDEO_BGR:
      l.pixel_stride[0] = 3, l.r = 2, l.g = 1, l.b = 0;
      break;
    case RING_VIDEO_RGBA:
    case RING_VIDEO_RGBX:
      l.r = 0, l.g = 1, l.b = 2, l.a = 3;
      break;
    case RING_VIDEO_BGRA:
    case RING_VIDEO_BGRX:
      l.r = 2, l.g = 1, l.b = 0, l.a = 3;
      break;
    case RING_VIDEO_ARGB:
    case RING_VIDEO_XRGB:
      l.r = 1, l.g = 2, l.b = 3, l.a = 0;
      break;
    case RING_VIDEO_ABGR:
    case RING_VIDEO_XBGR:
      l.r = 3, l.g = 2, l.b = 1, l.a = 0;
      break;
    case RING_VIDEO_I420:
      l.n_planes = 3;
      l.pixel_stride[0] = l.pixel_stride[1] = l.pixel_stride[2] = 1;
      l.x_shift[1] = l.x_shift[2] = l.y_shift[1] = l.y_shift[2] = 1;
      break;
    case RING_VIDEO_NV12:
      l.n_planes = 2;
      l.pixel_stride[0] = 1, l.pixel_stride[1] = 2;
      l.x_shift[1] = l.y_shift[1] = 1;
      break;
    default:
      l.n_planes = 0;
      break;
  }
  l.has_alpha = format == RING_VIDEO_RGBA || format == RING_VIDEO_BGRA
      || format == RING_VIDEO_ARGB || format == RING_VIDEO_ABGR;
  return l;
}

/* Bytes of one sample of RING_AUDIO_*; 0 for a code that is not known. */
RING_BOTH uint32_t
ring_audio_sample_size (uint32_t format)
{
  return format == RING_AUDIO_S16LE                              ? 2
      : format == RING_AUDIO_S32LE || format == RING_AUDIO_F32LE ? 4
      : format == RING_AUDIO_F64LE                               ? 8
                                                                 : 0;
}

typedef struct
{
  RING_GLOBAL uint8_t *data;
  int64_t stride; /* bytes from one row to the next */
  uint32_t width; /* pixels of this plane */
  uint32_t height;
  uint32_t pixel_stride; /* bytes from one pixel to the next */
  uint32_t reserved;
} RingPlane;

/* One payload. Handed to kernels by value: through a pointer, stores of bytes
 * might alias it, and no compiler would vectorise. */
#define RING_VIEW_FIELDS \
  RING_GLOBAL uint8_t *data; /* plane[0].data */ \
  uint64_t size;             /* bytes; for an output, bytes to be written */ \
  uint64_t capacity;         /* bytes that fit */ \
  uint32_t kind;             /* RING_KIND_* */ \
  uint32_t format;           /* RING_VIDEO_*, RING_AUDIO_* */ \
  uint32_t width;            /* video: pixels */ \
  uint32_t height; \
  uint32_t matrix; /* RING_MATRIX_* */ \
  uint32_t range;  /* RING_RANGE_* */ \
  uint32_t n_planes; \
  uint32_t channels;    /* audio */ \
  uint32_t rate;        /* audio: frames per second */ \
  uint32_t count;       /* audio: frames; records: records */ \
  uint32_t record_size; /* records: bytes of one */ \
  uint32_t flags;       /* RING_MESSAGE_* */ \
  uint64_t pts;         /* ns or RING_TIME_NONE */ \
  uint64_t duration;

typedef struct
{
  RING_VIEW_FIELDS
  RingPlane plane[RING_MAX_PLANES];
} RingView;

/* What a kernel gets for a RingView on a GPU, under the same name. Its planes stay
 * where they are: a copy that is indexed would have to lie in each thread's stack. */
typedef struct
{
  RING_VIEW_FIELDS
  const RING_GLOBAL RingPlane *plane;
} RingDeviceView;

RING_BOTH RingDeviceView
ring_view_on_device (const RING_GLOBAL RingView *view)
{
  RingDeviceView v;

  v.data = view->data;
  v.size = view->size;
  v.capacity = view->capacity;
  v.kind = view->kind;
  v.format = view->format;
  v.width = view->width;
  v.height = view->height;
  v.matrix = view->matrix;
  v.range = view->range;
  v.n_planes = view->n_planes;
  v.channels = view->channels;
  v.rate = view->rate;
  v.count = view->count;
  v.record_size = view->record_size;
  v.flags = view->flags;
  v.pts = view->pts;
  v.duration = view->duration;
  v.plane = view->plane;
  return v;
}

/* One entry of a side's own table of regions. */
typedef struct
{
  RING_GLOBAL uint8_t *base;
  uint64_t size;
} RingRegion;

/* Resolves @payload by @regions; @inline_base is where region 0 lies for the
 * slot that holds the payload. @found: NULL, or a copy of the region of each plane.
 * Returns 0, or 1 if the payload reaches outside its region or is no payload at
 * all. */
RING_BOTH int
ring_view_resolve (RingView *view, const RING_GLOBAL RingPayloadRef *payload,
    const RING_GLOBAL RingRegion *regions, uint32_t n_regions,
    const RING_GLOBAL RingRegion *found, RING_GLOBAL uint8_t *inline_base,
    uint32_t inline_size)
{
  /* What lies together is read before anything is written: a GPU's one lane waits for
   * each access to memory, unless they go out together. */
  const uint32_t kind = payload->kind, n_planes = payload->n_planes;
  const uint32_t colored = payload->format, format = RING_FORMAT_CODE (colored);
  const uint32_t width = payload->width, height = payload->height;
  const uint64_t capacity = payload->capacity, used = payload->size;
  const int is_video = kind == RING_KIND_VIDEO;
  const RingVideoLayout layout = ring_video_layout (is_video ? format : 0);
  RING_GLOBAL uint8_t *data = 0;
  int bad = 0;
  uint32_t p;

  view->kind = kind;
  view->format = format;
  view->size = used;
  view->capacity = capacity;
  view->n_planes = n_planes;
  view->matrix = RING_FORMAT_MATRIX (colored);
  view->range = RING_FORMAT_RANGE (colored);
  view->width = view->height = view->channels = view->rate = 0;
  view->count = view->record_size = 0;
  if (n_planes > RING_MAX_PLANES || (is_video && layout.n_planes != n_planes))
    return 1;

  RING_ROLLED
  for (p = 0; p < n_planes; p++) {
    const RingPlaneRef plane = payload->plane[p];
    /* All planes but the first are alike in every format. */
    const uint32_t x_shift = p ? layout.x_shift[1] : 0;
    const uint32_t y_shift = p ? layout.y_shift[1] : 0;
    RING_GLOBAL uint8_t *base = inline_base;
    uint64_t size = inline_size;

    if (plane.region != RING_REGION_INLINE) {
      if (plane.region >= n_regions)
        return 1;
      base = found ? found[p].base : regions[plane.region].base;
      size = found ? found[p].size : regions[plane.region].size;
    }
    bad |= plane.offset > size || plane.size > size - plane.offset;
    base += bad ? 0 : plane.offset;
    view->plane[p].data = base;
    view->plane[p].stride = plane.stride;
    if (p == 0)
      data = base;
    if (is_video) {
      view->plane[p].width = (width + (1u << x_shift) - 1) >> x_shift;
      view->plane[p].height = (height + (1u << y_shift) - 1) >> y_shift;
      view->plane[p].pixel_stride =
          p ? layout.pixel_stride[1] : layout.pixel_stride[0];
    }
  }
  view->data = data;
  if (bad)
    return 1;

  if (is_video) {
    view->width = width;
    view->height = height;
  } else if (kind == RING_KIND_AUDIO) {
    const uint32_t frame = ring_audio_sample_size (format) * width;

    view->channels = width;
    view->rate = height;
    view->count = frame == 0 ? 0 : (uint32_t) (used / frame);
  } else if (kind == RING_KIND_RECORD) {
    view->record_size = width;
    view->count = width == 0 ? 0 : (uint32_t) (used / width);
  }
  return 0;
}

#endif /* RING_VIEW_H */
