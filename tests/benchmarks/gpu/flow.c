/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * flow.c: payloads by reference through a kernel.
 */
#include "flow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- payloads -------------------------------------------------------------------- */

static gint
plane_stride (const RingFormat *format, guint p)
{
  const RingVideoLayout layout = ring_video_layout (format->video_format);
  const guint shift = layout.x_shift[p];

  return (gint) (((format->width + (1u << shift) - 1) >> shift)
      * layout.pixel_stride[p]);
}

static void
lay_out (RingMemory *memory, const RingFormat *format, gsize size,
    gpointer data)
{
  const RingVideoLayout layout = ring_video_layout (format->video_format);
  gsize at = 0;
  guint p;

  memset (memory, 0, sizeof *memory);
  memory->n_planes = layout.n_planes;
  memory->size = size;
  for (p = 0; p < layout.n_planes; p++) {
    const guint shift = layout.y_shift[p];

    memory->plane[p].data = (guint8 *) data + at;
    memory->plane[p].stride = plane_stride (format, p);
    memory->plane[p].size = (gsize) memory->plane[p].stride
        * ((format->height + (1u << shift) - 1) >> shift);
    at += memory->plane[p].size;
  }
}

static gpointer
get_memory (FlowPayloads *payloads, enum FlowPlace place, GError **error)
{
  gpointer memory;

  if (place == FLOW_PINNED)
    return ring_runtime_alloc (payloads->runtime, payloads->size, error);
  memory = g_try_malloc0 (payloads->size);
  if (!memory)
    g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
        "no memory for a payload of %" G_GSIZE_FORMAT " bytes", payloads->size);
  return memory;
}

/* A copy between the device and memory of any kind, waited for. */
static gboolean
move (FlowPayloads *payloads, gpointer host, gpointer device, gboolean up,
    GError **error)
{
  Gpu *gpu = payloads->gpu;
  const CUdeviceptr address = (CUdeviceptr) (guintptr) device;

  return gpu_check (gpu,
             up ? gpu->cuMemcpyHtoDAsync_v2 (address, host, payloads->size,
                 gpu->stream)
                : gpu->cuMemcpyDtoHAsync_v2 (host, address, payloads->size,
                    gpu->stream),
             "copying a payload", error)
      && gpu_sync (gpu, gpu->stream, error);
}

gboolean
flow_payloads_init (FlowPayloads *payloads, Bench *bench,
    const RingFormat *format, guint n_slots, enum FlowPlace place,
    GError **error)
{
  g_autofree guint8 *filled = NULL;
  guint i;

  memset (payloads, 0, sizeof *payloads);
  payloads->gpu = bench->gpu;
  payloads->runtime = place == FLOW_PINNED ? bench->runtime : NULL;
  payloads->format = ring_format_copy (format);
  payloads->size = ring_format_get_frame_size (format);
  payloads->n_slots = n_slots;
  payloads->on_device = place == FLOW_DEVICE;
  filled = g_malloc (payloads->size);
  for (i = 0; i < n_slots; i++) {
    FlowSlot *slot = &payloads->slot[i];
    gpointer from, to;

    bench_fill (filled, payloads->size, i + 1);
    if (place == FLOW_DEVICE) {
      from =
          (gpointer) (guintptr) gpu_alloc (bench->gpu, payloads->size, error);
      lay_out (&slot->from, format, payloads->size, from);
      to = from
          ? (gpointer) (guintptr) gpu_alloc (bench->gpu, payloads->size, error)
          : NULL;
      lay_out (&slot->to, format, payloads->size, to);
      if (!to || !move (payloads, filled, from, TRUE, error))
        return FALSE;
      slot->kept = g_memdup2 (filled, payloads->size);
    } else {
      slot->input = get_memory (payloads, place, error);
      slot->output = slot->input ? get_memory (payloads, place, error) : NULL;
      if (!slot->output)
        return FALSE;
      memcpy (slot->input, filled, payloads->size);
      memset (slot->output, 0, payloads->size);
      lay_out (&slot->from, format, payloads->size, slot->input);
      lay_out (&slot->to, format, payloads->size, slot->output);
    }
  }
  return TRUE;
}

static void
give_back (FlowPayloads *payloads, gpointer memory)
{
  if (!memory)
    return;
  if (payloads->runtime)
    ring_runtime_free (payloads->runtime, memory);
  else
    g_free (memory);
}

void
flow_payloads_clear (FlowPayloads *payloads)
{
  guint i;

  for (i = 0; i < payloads->n_slots; i++) {
    FlowSlot *slot = &payloads->slot[i];

    if (payloads->on_device) {
      gpu_free (payloads->gpu,
          (CUdeviceptr) (guintptr) slot->from.plane[0].data);
      gpu_free (payloads->gpu, (CUdeviceptr) (guintptr) slot->to.plane[0].data);
    }
    /* What a kernel may still write to stays as well. */
    if (!payloads->gpu->abandoned) {
      give_back (payloads, slot->input);
      give_back (payloads, slot->output);
    }
    g_free (slot->kept);
    g_free (slot->expected);
  }
  g_clear_pointer (&payloads->format, ring_format_free);
  memset (payloads, 0, sizeof *payloads);
}

gboolean
flow_payloads_spoil (FlowPayloads *payloads, GError **error)
{
  Gpu *gpu = payloads->gpu;
  guint i;

  for (i = 0; i < payloads->n_slots; i++) {
    FlowSlot *slot = &payloads->slot[i];

    if (slot->output)
      memset (slot->output, 0, payloads->size);
    else if (!gpu_check (gpu,
                 gpu->cuMemsetD8Async (
                     (CUdeviceptr) (guintptr) slot->to.plane[0].data, 0,
                     payloads->size, gpu->stream),
                 "clearing a result", error))
      return FALSE;
  }
  return gpu_sync (gpu, gpu->stream, error);
}

/* ---- what is to come of them --------------------------------------------------------- */

void
flow_invert (const RingFormat *format, const guint8 *input, guint8 *output)
{
  const gsize size = ring_format_get_frame_size (format);
  gsize i;

  for (i = 0; i < size; i++)
    output[i] = (guint8) (255 - input[i]);
  for (i = 3; format->video_format == RING_VIDEO_FORMAT_RGBA && i < size;
       i += 4)
    output[i] = input[i];
}

/* Each colour of RGBA on its own, alpha kept, the border replicated. */
void
flow_edges (const RingFormat *format, const guint8 *input, guint8 *output)
{
  const gint w = (gint) format->width, h = (gint) format->height;
  gint x, y, c;

  for (y = 0; y < h; y++) {
    const guint8 *row[3];
    gint k;

    for (k = 0; k < 3; k++)
      row[k] = input + (gsize) CLAMP (y + k - 1, 0, h - 1) * (gsize) w * 4;
    for (x = 0; x < w; x++) {
      const gint l = MAX (x - 1, 0) * 4, m = x * 4, r = MIN (x + 1, w - 1) * 4;
      guint8 *to = output + ((gsize) y * (gsize) w + (gsize) x) * 4;

      for (c = 0; c < 3; c++) {
        const gint gx = row[0][r + c] + 2 * row[1][r + c] + row[2][r + c]
            - row[0][l + c] - 2 * row[1][l + c] - row[2][l + c];
        const gint gy = row[2][l + c] + 2 * row[2][m + c] + row[2][r + c]
            - row[0][l + c] - 2 * row[0][m + c] - row[0][r + c];

        to[c] = (guint8) MIN (255, floor (sqrt (gx * gx + gy * gy) + 0.5));
      }
      to[3] = row[1][m + 3];
    }
  }
}

gboolean
flow_payloads_check (FlowPayloads *payloads, FlowReference reference,
    BenchProof *proof, GError **error)
{
  g_autofree guint8 *expected = NULL;
  g_autofree guint8 *output = NULL;
  guint i;

  if (payloads->on_device)
    output = g_malloc (payloads->size);
  else
    expected = g_malloc (payloads->size);
  for (i = 0; i < payloads->n_slots; i++) {
    FlowSlot *slot = &payloads->slot[i];

    if (!payloads->on_device) {
      reference (payloads->format, slot->input, expected);
      bench_proof_add (proof,
          memcmp (slot->output, expected, payloads->size) == 0);
      continue;
    }
    if (!slot->expected) {
      slot->expected = g_malloc (payloads->size);
      reference (payloads->format, slot->kept, slot->expected);
    }
    if (!move (payloads, output, slot->to.plane[0].data, FALSE, error))
      return FALSE;
    bench_proof_add (proof,
        memcmp (output, slot->expected, payloads->size) == 0);
  }
  return TRUE;
}

/* ---- submissions ------------------------------------------------------------------------ */

void
flow_init (Flow *flow, RingKernel *kernel, FlowPayloads *payloads,
    gboolean stamped, BenchProof *proof)
{
  memset (flow, 0, sizeof *flow);
  flow->kernel = kernel;
  flow->payloads = payloads;
  flow->stamped = stamped;
  flow->proof = proof;
}

static void
completed (RingKernel *kernel, const RingCompletion *completion, gpointer data)
{
  const guint64 now = bench_clock ();
  Flow *flow = data;
  const guint64 i = flow->done;

  flow->last = now;
  if (completion->outcome != RING_OUTCOME_DONE)
    __atomic_add_fetch (&flow->failed, 1, __ATOMIC_RELAXED);
  if (flow->latencies)
    bench_samples_add (flow->latencies,
        now - flow->begun[i % flow->payloads->n_slots]);
  if (flow->seen)
    flow->seen (completion, flow->data);
  /* Pairs with the acquire in wait_for. */
  __atomic_store_n (&flow->done, i + 1, __ATOMIC_RELEASE);
}

/* Places of stamps: begin, middle, end; a small payload is stamped all over. */
static gsize
stamp_at (gsize size, guint k)
{
  return size <= FLOW_STAMP ? 0 : (size - FLOW_STAMP) / 2 * k;
}

static void
stamp (Flow *flow, guint64 i)
{
  FlowPayloads *payloads = flow->payloads;
  FlowSlot *slot = &payloads->slot[i % payloads->n_slots];
  const gsize length = MIN (payloads->size, FLOW_STAMP);
  guint k;

  for (k = 0; k < 3; k++) {
    bench_fill (slot->input + stamp_at (payloads->size, k), length,
        (guint32) (i * 3 + k));
    memset (slot->output + stamp_at (payloads->size, k), 0, length);
  }
}

static void
check_stamp (Flow *flow, guint64 i)
{
  FlowPayloads *payloads = flow->payloads;
  const FlowSlot *slot = &payloads->slot[i % payloads->n_slots];
  const gsize length = MIN (payloads->size, FLOW_STAMP);
  gboolean right = TRUE;
  gsize j;
  guint k;

  for (k = 0; k < 3; k++) {
    const gsize at = stamp_at (payloads->size, k);

    for (j = at; j < at + length; j++)
      right = right && slot->output[j] == 255 - slot->input[j];
  }
  bench_proof_add (flow->proof, right);
}

/* Until all submissions but @n have come back. */
static gboolean
wait_for (Flow *flow, guint64 n, GError **error)
{
  gint64 until = 0;
  guint looks = 0;
  guint64 failed;

  while (
      flow->submitted - __atomic_load_n (&flow->done, __ATOMIC_ACQUIRE) > n) {
    if (++looks % 64)
      continue;
    g_thread_yield ();
    if (looks % 4096)
      continue;
    if (until == 0)
      until = g_get_monotonic_time () + BENCH_WAIT;
    if (g_get_monotonic_time () > until) {
      g_set_error (error, RING_ERROR, RING_ERROR_TIMED_OUT,
          "no result within %d s", (gint) (BENCH_WAIT / G_USEC_PER_SEC));
      return FALSE;
    }
  }
  failed = __atomic_load_n (&flow->failed, __ATOMIC_RELAXED);
  if (failed > 0) {
    g_autoptr (GError) why = ring_kernel_get_error (flow->kernel);

    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
        " payloads were not processed: %s",
        failed, flow->submitted, why ? why->message : "no error is kept");
    return FALSE;
  }
  return TRUE;
}

static gboolean
run (Flow *flow, guint64 n, guint window, guint64 *ns, GError **error)
{
  FlowPayloads *payloads = flow->payloads;
  const guint64 first = flow->submitted;
  guint64 checked = first, begin = 0;

  window = MIN (window, payloads->n_slots);
  while (flow->submitted < first + n) {
    FlowSlot *slot = &payloads->slot[flow->submitted % payloads->n_slots];
    RingSubmission submission = { 0 };

    if (!wait_for (flow, window - 1, error))
      return FALSE;
    /* What has come back is looked at before its place is used again. */
    for (; flow->stamped
         && checked < __atomic_load_n (&flow->done, __ATOMIC_ACQUIRE);
         checked++)
      check_stamp (flow, checked);
    if (flow->stamped)
      stamp (flow, flow->submitted);
    submission.input = slot->from;
    submission.outputs = &slot->to;
    submission.n_outputs = 1;
    submission.pts = submission.duration = RING_TIME_NONE;
    submission.input_on_device = submission.outputs_on_device =
        payloads->on_device;
    submission.completed = completed;
    submission.user_data = flow;
    flow->begun[flow->submitted % payloads->n_slots] = bench_clock ();
    if (begin == 0)
      begin = flow->begun[flow->submitted % payloads->n_slots];
    flow->submitted++;
    if (!ring_kernel_submit (flow->kernel, &submission, error)) {
      flow->submitted--;
      return FALSE;
    }
  }
  if (!wait_for (flow, 0, error))
    return FALSE;
  *ns = flow->last - begin;
  for (; flow->stamped && checked < flow->submitted; checked++)
    check_stamp (flow, checked);
  return TRUE;
}

gboolean
flow_run (Flow *flow, guint64 n, guint window, guint64 *ns, GError **error)
{
  if (run (flow, n, window, ns, error))
    return TRUE;
  /* After this no completion comes any more, and the memory is nobody's. */
  ring_kernel_terminate (flow->kernel, RING_TERMINATE_DISCARD, NULL);
  return FALSE;
}
