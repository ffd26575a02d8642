/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hand.h: a kernel on the stand-in driver launched by hand: rings, control block
 * and memory are made here, with nothing of the library in between. So it is the
 * device's loop and the driver that are tested.
 */
#ifndef RING_FAKE_HAND_H
#define RING_FAKE_HAND_H

#include <glib.h>
#include <cuda.h>

#include "cuda-fake.h"
#include "ringkernel/residency.h"

/* us; what does not happen within this time does not happen at all. */
#define HAND_WAIT (30 * G_USEC_PER_SEC)

#define assert_cuda(call) g_assert_cmpint ((call), ==, CUDA_SUCCESS)

#define wait_until(condition) \
  G_STMT_START \
  { \
    const gint64 until_ = g_get_monotonic_time () + HAND_WAIT; \
    while (!(condition)) { \
      if (g_get_monotonic_time () > until_) \
        g_error ("%s:%d: never came true: %s", __FILE__, __LINE__, \
            #condition); \
      g_thread_yield (); \
    } \
  } \
  G_STMT_END

/* An image as nvcc makes it, as far as the stand-in looks: the description of the
 * kernel @name in a fat binary, at no particular alignment. */
static inline guint8 *
hand_image (const gchar *name)
{
  const gsize before = 77, size = before + sizeof (RingKernelDescription) + 20;
  guint8 *image = g_malloc0 (16 + size);
  const guint32 magic = 0xba55ed50u;
  const guint16 version = 1, header_size = 16;
  const guint64 rest = size;
  g_autofree RingKernelDescription *description =
      g_new0 (RingKernelDescription, 1);

  memcpy (image, &magic, 4);
  memcpy (image + 4, &version, 2);
  memcpy (image + 6, &header_size, 2);
  memcpy (image + 8, &rest, 8);
  memset (image + 16, 0xcc, before);
  description->abi_version = RING_ABI_VERSION;
  description->layout_hash = RING_LAYOUT_HASH;
  g_strlcpy (description->name, name, sizeof (description->name));
  memcpy (image + 16 + before, description, sizeof (*description));
  return image;
}

/* Gives whatever could run by now the time for it: another stream has worked and
 * rested many times. */
static inline void
hand_let_others_run (void)
{
  CUstream stream;
  CUevent event;
  guint i;

  assert_cuda (cuStreamCreate (&stream, CU_STREAM_NON_BLOCKING));
  assert_cuda (cuEventCreate (&event, CU_EVENT_DISABLE_TIMING));
  for (i = 0; i < 100; i++) {
    assert_cuda (cuEventRecord (event, stream));
    assert_cuda (cuEventSynchronize (event));
    g_thread_yield ();
  }
  assert_cuda (cuEventDestroy (event));
  assert_cuda (cuStreamDestroy (stream));
}

/* The primary context of the first device, made current. */
static inline CUcontext
hand_context (void)
{
  CUcontext context;

  assert_cuda (cuInit (0));
  assert_cuda (cuDevicePrimaryCtxRetain (&context, 0));
  assert_cuda (cuCtxPushCurrent (context));
  return context;
}

typedef struct
{
  RingKernelDescription description;
  CUmodule module;
  CUfunction function;
  CUstream stream;
  guint grid, block;
  RingResidency r; /* the device's addresses */
  RingControlBlock *control;
  RingRegion *regions;
  guint8 *parameters;
  RingQueue input, output; /* the host's sides */
  guint8 *payloads[2];     /* regions 1 and 2: page-locked memory */
  gsize payload_size;
  guint64 sent, received;
  GPtrArray *pinned;
  GArray *device;
} Hand;

static inline gpointer
hand_pinned (Hand *hand, gsize size, gpointer device)
{
  gpointer host;

  assert_cuda (cuMemHostAlloc (&host, size,
      CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP));
  memset (host, 0, size);
  assert_cuda (cuMemHostGetDevicePointer (device, host, 0));
  g_ptr_array_add (hand->pinned, host);
  return host;
}

static inline gpointer
hand_device (Hand *hand, gsize size)
{
  CUdeviceptr device;

  assert_cuda (cuMemAlloc (&device, size));
  assert_cuda (cuMemsetD8Async (device, 0, size, hand->stream));
  assert_cuda (cuStreamSynchronize (hand->stream));
  g_array_append_val (hand->device, device);
  return (gpointer) (guintptr) device;
}

/* @input_capacity slots in and four times as many out. */
static inline Hand *
hand_new (const gchar *name, guint grid, guint block, guint input_capacity)
{
  Hand *hand = g_new0 (Hand, 1);
  RingGeometry *g = &hand->r.geometry;
  g_autofree guint8 *image = hand_image (name);
  CUdeviceptr description;
  gsize size;
  guint i;

  hand->grid = grid;
  hand->block = block;
  hand->pinned = g_ptr_array_new ();
  hand->device = g_array_new (FALSE, FALSE, sizeof (CUdeviceptr));
  assert_cuda (cuModuleLoadData (&hand->module, image));
  assert_cuda (cuModuleGetFunction (&hand->function, hand->module,
      "ring_kernel_resident"));
  assert_cuda (cuModuleGetGlobal (&description, &size, hand->module,
      "ring_kernel_description"));
  g_assert_cmpuint (size, ==, sizeof (hand->description));
  assert_cuda (cuMemcpyDtoH (&hand->description, description, size));
  g_assert_cmpstr (hand->description.name, ==, name);
  assert_cuda (cuStreamCreate (&hand->stream, CU_STREAM_NON_BLOCKING));

  g->abi_version = RING_ABI_VERSION;
  g->layout_hash = RING_LAYOUT_HASH;
  g->max_outputs = hand->description.max_outputs;
  g->input_capacity = input_capacity;
  g->output_capacity = input_capacity * 4;
  g->inline_size = 256;
  g->input_inline_offset =
      RING_HEADER_SIZE + g->max_outputs * sizeof (RingPayloadRef);
  g->output_inline_offset = RING_HEADER_SIZE;
  g->input_stride = g->input_inline_offset + g->inline_size;
  g->output_stride = g->output_inline_offset + g->inline_size;
  g->parameter_stride = 512;
  for (i = 0; i < hand->description.n_parameters; i++)
    g->parameter_stride += 4 * hand->description.parameter[i].max_count;
  g->parameter_sets = 16;
  g->region_count = 3;

  hand->control = hand_pinned (hand, sizeof (*hand->control), &hand->r.control);
  hand->control->geometry = *g;
  hand->control->host.idle_timeout_ns = G_MAXUINT64;
  hand->input.slots = hand_pinned (hand,
      (gsize) g->input_capacity * g->input_stride, &hand->r.input_slots);
  hand->input.producer = &hand->control->input_producer;
  hand->input.consumer = &hand->control->input_consumer;
  hand->input.capacity = g->input_capacity;
  hand->input.stride = g->input_stride;
  hand->output.slots = hand_pinned (hand,
      (gsize) g->output_capacity * g->output_stride, &hand->r.output_slots);
  hand->output.producer = &hand->control->output_producer;
  hand->output.consumer = &hand->control->output_consumer;
  hand->output.capacity = g->output_capacity;
  hand->output.stride = g->output_stride;
  hand->parameters = hand_pinned (hand, g->parameter_sets * g->parameter_stride,
      &hand->r.parameters);
  hand->regions = hand_pinned (hand, g->region_count * sizeof (RingRegion),
      &hand->r.regions);
  hand->payload_size = 1 << 16;
  hand->payloads[0] =
      hand_pinned (hand, hand->payload_size, &hand->regions[1].base);
  hand->payloads[1] =
      hand_pinned (hand, hand->payload_size, &hand->regions[2].base);
  hand->regions[1].size = hand->regions[2].size = hand->payload_size;
  hand->r.memory = hand_device (hand, ring_device_memory_size (g, grid));
  hand->r.state = hand_device (hand, hand->description.state_size + (1 << 16));
  hand->r.scratch_stride =
      RING_LINES (hand->description.scratch_size + (1 << 16));
  hand->r.scratch = hand_device (hand, grid * hand->r.scratch_stride);
  hand->r.flags = RING_RESIDENCY_TELEMETRY;
  return hand;
}

static inline CUresult
hand_launch (Hand *hand)
{
  gpointer parameters[] = { &hand->r };

  return cuLaunchCooperativeKernel (hand->function, hand->grid, 1, 1,
      hand->block, 1, 1, 0, hand->stream, parameters);
}

static inline void
hand_free (Hand *hand)
{
  guint i;

  assert_cuda (cuStreamSynchronize (hand->stream));
  for (i = 0; i < hand->pinned->len; i++)
    assert_cuda (cuMemFreeHost (hand->pinned->pdata[i]));
  for (i = 0; i < hand->device->len; i++)
    assert_cuda (cuMemFree (g_array_index (hand->device, CUdeviceptr, i)));
  assert_cuda (cuModuleUnload (hand->module));
  assert_cuda (cuStreamDestroy (hand->stream));
  g_ptr_array_unref (hand->pinned);
  g_array_unref (hand->device);
  g_free (hand);
}

/* Writes what the host says; an order of one word. */
static inline void
hand_activate (Hand *hand, gboolean active)
{
  ring_store_release_u32 (&hand->control->host.active, active);
}

static inline void
hand_terminate (Hand *hand, gboolean drain)
{
  ring_store_release_u32 (&hand->control->host.drain, drain);
  ring_store_release_u32 (&hand->control->host.terminate, 1);
}

static inline guint
hand_residency (Hand *hand)
{
  return ring_load_acquire_u32 (&hand->control->device.residency);
}

/* Waits for the launches to end; returns why the last one did. */
static inline guint
hand_wait_exit (Hand *hand)
{
  CUresult result;

  wait_until ((result = cuStreamQuery (hand->stream)) != CUDA_ERROR_NOT_READY);
  assert_cuda (result);
  g_assert_cmpuint (hand_residency (hand), ==, RING_RESIDENCY_EXITED);
  return ring_load_acquire_u32 (&hand->control->device.exit_reason);
}

/* Describes @size bytes at @offset of @region (0: inline). */
static inline void
hand_payload (RingPayloadRef *ref, guint region, gsize offset, gsize size)
{
  memset (ref, 0, sizeof (*ref));
  ref->n_planes = 1;
  ref->capacity = ref->size = size;
  ref->plane[0].region = region;
  ref->plane[0].offset = offset;
  ref->plane[0].size = size;
}

/* Begins a message: its header is there, its payloads are not. */
static inline RingMessageHeader *
hand_begin (Hand *hand)
{
  RingMessageHeader *header;

  wait_until (ring_queue_space (&hand->input, 1) > 0);
  header = ring_queue_slot (&hand->input, hand->input.position);
  memset ((guint8 *) header + 8, 0, hand->input.stride - 8);
  header->magic = RING_MESSAGE_MAGIC;
  header->version = RING_ABI_VERSION;
  header->payload_count = 1;
  header->id = 1000 + hand->sent;
  header->pts = hand->sent * 7;
  header->sequence = hand->sent++;
  header->epoch = hand->control->host.epoch;
  return header;
}

static inline RingPayloadRef *
hand_output_refs (RingMessageHeader *header)
{
  return (RingPayloadRef *) ((guint8 *) header + RING_HEADER_SIZE);
}

static inline void
hand_publish (Hand *hand)
{
  ring_queue_publish (&hand->input, 1);
}

/* A message inside its slot, with room for as much in each output. */
static inline void
hand_send (Hand *hand, const guint8 *data, gsize size)
{
  RingMessageHeader *header = hand_begin (hand);
  guint k;

  g_assert_cmpuint (size, <=, hand->r.geometry.inline_size);
  hand_payload (&header->payload, RING_REGION_INLINE, 0, size);
  for (k = 0; k < hand->r.geometry.max_outputs; k++)
    hand_payload (&hand_output_refs (header)[k], RING_REGION_INLINE, 0, size);
  memcpy ((guint8 *) header + hand->r.geometry.input_inline_offset, data, size);
  hand_publish (hand);
}

/* A message of bytes in region 1, at @offset, whose output goes to region 2. */
static inline void
hand_send_by_reference (Hand *hand, gsize offset, gsize size)
{
  RingMessageHeader *header = hand_begin (hand);

  hand_payload (&header->payload, 1, offset, size);
  hand_payload (&hand_output_refs (header)[0], 2, offset, size);
  hand_publish (hand);
}

/* The next slot of the output ring, copied; its bytes go to @data. */
static inline RingMessageHeader
hand_receive (Hand *hand, guint8 *data)
{
  RingMessageHeader *slot, header;

  wait_until (ring_queue_ready (&hand->output, 1) > 0);
  slot = ring_queue_slot (&hand->output, hand->output.position);
  header = *slot;
  if (data)
    memcpy (data, (guint8 *) slot + hand->r.geometry.output_inline_offset,
        hand->r.geometry.inline_size);
  ring_queue_release (&hand->output, 1);
  hand->received++;
  return header;
}

#endif /* RING_FAKE_HAND_H */
