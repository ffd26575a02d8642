/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * backends.c: every built-in kernel gives the same results wherever and however it
 * runs.
 *
 * The reference is the cpu backend, inline, one worker. Against it runs the backend
 * that RING_TEST_BACKEND names, in each of its modes and with each way of moving
 * payloads, or with payloads that are in the device's memory: the same random streams,
 * parameters and all. Several messages are in flight at a time, so a message must also
 * see its own parameters and the state that the message before it left.
 *
 * On cpu everything must be equal, to the bit. So must it be on a device, with these
 * exceptions:
 *
 *   levels         a powf makes its table of 8-bit values: the same, one step
 *   gaussian-blur  an expf makes its weights: each may be one part in 65536 off, in
 *                  at most 60 of them together less than a step of 8 bits
 *   fir            ring_madf rounds once where there is a fused multiply-add, and
 *                  twice on a processor without; n taps: n x 2^-24 of the sum of the
 *                  absolute products
 *
 * Kernels are built without contraction, and a device divides and takes roots as
 * IEEE 754 says; so there is no reason for more.
 */
#include "../runtime/ring-test.h"
#ifdef RING_HAVE_CUDA
#include "../cuda/cuda-calls.h"
#endif

#include "cli/streams.h"

#include <math.h>

/* ---- comparing ---------------------------------------------------------------------- */

/* How far a value may be from the reference, which is @value. */
static gdouble
allowed (const gchar *kernel, const RingFormat *out, const StreamItem *item,
    gdouble value)
{
  const gboolean audio = out->kind == RING_PAYLOAD_AUDIO;
  const gboolean integer = !audio
      || out->audio_format == RING_AUDIO_FORMAT_S16LE
      || out->audio_format == RING_AUDIO_FORMAT_S32LE;

  if (ring_test_backend () == RING_BACKEND_CPU)
    return 0;
  if (strcmp (kernel, "fir") == 0)
    return item->n_taps * 0x1p-24 * item->taps * (integer ? 32768 : 1)
        + (integer ? 1 : 0);
  if (strcmp (kernel, "levels") == 0 || strcmp (kernel, "gaussian-blur") == 0)
    return 1;
  return 0;
}

/* Of what is sent by copy it is not known which message an output came of. */
static gdouble
allowed_in_stream (const gchar *kernel, const RingFormat *out, const Stream *s,
    guint message, gdouble value)
{
  gdouble most = 0;
  guint i;

  if (!s->by_copy)
    return allowed (kernel, out, &s->item[message], value);
  for (i = 0; i < s->n; i++)
    most = MAX (most, allowed (kernel, out, &s->item[i], value));
  return most;
}

/* One value of a payload as a number; @size: how many bytes it takes. Records are
 * compared by their bytes. */
static gdouble
value_at (const RingFormat *format, const guint8 *at)
{
  gint16 s16;
  gint32 s32;
  gfloat f32;
  gdouble f64;

  if (format->kind != RING_PAYLOAD_AUDIO)
    return *at;
  switch (format->audio_format) {
    case RING_AUDIO_FORMAT_S16LE:
      memcpy (&s16, at, 2);
      return s16;
    case RING_AUDIO_FORMAT_S32LE:
      memcpy (&s32, at, 4);
      return s32;
    case RING_AUDIO_FORMAT_F32LE:
      memcpy (&f32, at, 4);
      return f32;
    default:
      memcpy (&f64, at, 8);
      return f64;
  }
}

static gboolean G_GNUC_PRINTF (3, 4)
    differ (const Stream *s, guint message, const gchar *text, ...)
{
  const StreamItem *item = &s->item[message];
  g_autofree gchar *format = ring_format_to_string (s->format);
  g_autofree gchar *out = s->wanted ? ring_format_to_string (s->wanted) : NULL;
  g_autofree gchar *what = NULL;
  va_list values;
  guint i;

  va_start (values, text);
  what = g_strdup_vprintf (text, values);
  va_end (values);
  g_test_message ("%s: %s%s%s, message %u of %u (%" G_GSIZE_FORMAT
                  " bytes%s%s%s, padding %u): %s",
      ring_kernel_info_get_name (s->info), format, out ? " to " : "",
      out ? out : "", message + 1, s->n, item->size,
      s->by_copy ? ", by copy" : ", by reference",
      item->discont ? ", discont" : "", item->in_place ? ", in place" : "",
      item->padding, what);
  for (i = 0; i <= message; i++)
    g_test_message ("message %u: %.300s", i + 1,
        s->item[i].parameters ? s->item[i].parameters : "(as before)");
  g_test_fail ();
  return FALSE;
}

static gboolean
compare_stream (const Stream *s, const RingFormat *out,
    const StreamResults *reference, const StreamResults *tested,
    gdouble *largest)
{
  const gchar *name = ring_kernel_info_get_name (s->info);
  const gsize sample = out->kind == RING_PAYLOAD_AUDIO
      ? ring_format_get_frame_size (out) / out->channels
      : 1;
  guint i;

  if (reference->bytes->len != tested->bytes->len)
    return differ (s, s->n - 1, "%u outputs, cpu inline gives %u",
        tested->bytes->len, reference->bytes->len);
  for (i = 0; i < reference->bytes->len; i++) {
    const guint m = reference->of[i];
    gsize size, other, at;
    const guint8 *a = g_bytes_get_data (reference->bytes->pdata[i], &size);
    const guint8 *b = g_bytes_get_data (tested->bytes->pdata[i], &other);

    if (m != tested->of[i] || size != other)
      return differ (s, m,
          "%" G_GSIZE_FORMAT " bytes from message %u, cpu inline gives "
          "%" G_GSIZE_FORMAT,
          other, tested->of[i] + 1, size);
    for (at = 0; size > 0 && memcmp (a, b, size) != 0 && at < size;
         at += sample) {
      const gdouble x = value_at (out, a + at), y = value_at (out, b + at);
      const gdouble limit = allowed_in_stream (name, out, s, m, x);
      const gdouble off = fabs (x - y);

      if (memcmp (a + at, b + at, sample) == 0)
        continue;
      /* Not a number is never within. */
      if (!(off <= limit) || limit == 0) {
        g_autofree gchar *where = stream_place (out, at);

        return differ (s, m, "%s is %.9g, cpu inline gives %.9g, allowed %.3g",
            where, y, x, limit);
      }
      *largest = MAX (*largest, off / limit);
    }
  }
  return TRUE;
}

/* ---- the tests -------------------------------------------------------------------------- */

typedef struct
{
  gchar *kernel;
  RingExecutionMode mode;
  RingTransfer transfer;
  /* Payloads in the device's memory, one side of them or both. */
  gboolean device;
  gint workers;
} Case;

typedef struct
{
  RingRuntime *reference_runtime, *runtime;
  RingKernel *reference, *tested;
  RingKernelInfo *info;
  const Case *is;
  StreamRandom random;
  StreamItem last; /* of the stream before: parameters last */
  gdouble largest;
  guint streams;
} Run;

static RingRuntime *
runtime_of (RingBackendType backend, RingExecutionMode mode,
    RingTransfer transfer)
{
  g_autoptr (RingConfig) config = ring_config_new ();
  g_autoptr (GError) error = NULL;
  RingRuntime *runtime;

  config->backend = backend;
  config->mode = mode;
  config->transfer = transfer;
  runtime = ring_runtime_new (config, &error);
  g_assert_no_error (error);
  return runtime;
}

static RingKernel *
kernel_of (RingRuntime *runtime, const gchar *name, gint workers)
{
  g_autoptr (GError) error = NULL;
  RingKernel *kernel = ring_runtime_launch (runtime, name, workers,
      workers > 0 ? 1 : -1, NULL, &error);

  g_assert_no_error (error);
  return kernel;
}

/* Where everything takes a hundred times as long, RING_TEST_ONE_STREAM_IN=N says
 * that about one in N of them will do; the first is never left out. */
static gboolean
is_left_out (const Run *run)
{
  const gchar *n = g_getenv ("RING_TEST_ONE_STREAM_IN");

  return n && run->streams > 0
      && g_test_rand_int_range (0, CLAMP (atoi (n), 1, 1000)) > 0;
}

#ifdef RING_HAVE_CUDA
static gpointer
to_device (gpointer context, gconstpointer data, gsize size)
{
  CUcontext popped;
  CUdeviceptr device;

  CUDA_CALL (cuCtxPushCurrent_v2, context);
  CUDA_CALL (cuMemAlloc_v2, &device, MAX (size, 1));
  CUDA_CALL (cuMemcpyHtoD_v2, device, data, size);
  CUDA_CALL (cuCtxPopCurrent_v2, &popped);
  return (gpointer) (guintptr) device;
}

static void
from_device (gpointer context, gpointer device, gpointer data, gsize size)
{
  const CUdeviceptr from = (CUdeviceptr) (guintptr) device;
  CUcontext popped;

  CUDA_CALL (cuCtxPushCurrent_v2, context);
  CUDA_CALL (cuMemcpyDtoH_v2, data, from, size);
  CUDA_CALL (cuMemFree_v2, from);
  CUDA_CALL (cuCtxPopCurrent_v2, &popped);
}

static const StreamDevice stream_device = { to_device, from_device };
#define STREAM_DEVICE (&stream_device)
#else
/* Then there is no case with payloads there, either. */
#define STREAM_DEVICE NULL
#endif

static void
choose_device_sides (Stream *s)
{
  const gint sides = g_test_rand_int_range (0, 4);
  guint i;

  s->device = STREAM_DEVICE;
  s->device_in = sides != 0;
  s->device_out = sides != 1;
  /* In place is in one memory. */
  for (i = 0; i < s->n; i++)
    s->item[i].in_place &= s->device_in == s->device_out;
}

/* One stream through both; FALSE when they differ. */
static gboolean
try_stream (RingFormat *format, const guint *sizes, gboolean by_copy,
    gpointer data)
{
  Run *run = data;
  Stream *s;
  g_autoptr (RingFormat) out = NULL;
  g_autoptr (GError) error = NULL;
  StreamResults reference = { 0 }, tested = { 0 };
  gboolean same;

  /* What is sent by copy lies in memory of the library's own. */
  if ((by_copy && run->is->device) || is_left_out (run)) {
    ring_format_free (format);
    return TRUE;
  }
  s = stream_new (&run->random, run->info, format, sizes, by_copy, &run->last);
  if (run->is->device)
    choose_device_sides (s);
  stream_run (s, run->reference, run->reference_runtime, &reference, &error);
  g_assert_no_error (error);
  stream_run (s, run->tested, run->runtime, &tested, &error);
  g_assert_no_error (error);
  out = ring_kernel_get_output_format (run->reference);
  same = compare_stream (s, out, &reference, &tested, &run->largest);
  run->streams++;
  run->last = s->item[s->n - 1];
  stream_results_clear (&reference);
  stream_results_clear (&tested);
  stream_free (s);
  return same;
}

static void
test_same_results (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (RingMetrics) m = NULL;
  Run run = { 0 };

  run.random.seed = ((guint64) (guint32) g_test_rand_int () << 32)
      + (guint32) g_test_rand_int ();
  run.random.seed |= 1;
  run.reference_runtime =
      runtime_of (RING_BACKEND_CPU, RING_EXECUTION_INLINE, RING_TRANSFER_AUTO);
  run.runtime = runtime_of (ring_test_backend (), c->mode, c->transfer);
  run.reference = kernel_of (run.reference_runtime, c->kernel, 1);
  run.tested = kernel_of (run.runtime, c->kernel, c->workers);
  run.info = ring_kernel_get_info (run.reference);
  run.last.taps = run.last.n_taps = 1;
  run.is = c;
  if (c->device)
    g_assert_nonnull (ring_runtime_get_cuda_context (run.runtime));
  ring_test_activate (run.reference);
  ring_test_activate (run.tested);

  stream_for_each (&run.random, run.info, try_stream, &run);
  m = ring_kernel_get_metrics (run.tested);
  g_test_message ("%u streams, %" G_GUINT64_FORMAT " messages, %u workers, "
                  "largest difference %.0f %% of what is allowed%s%s",
      run.streams, m->accepted, m->workers, 100 * run.largest,
      m->fallback ? "; " : "", m->fallback ? m->fallback : "");
  g_assert_cmpuint (run.streams, >, 0);
  /* Right it is, but nothing is known of the mode that was asked for. */
  if (m->mode != c->mode && !g_test_failed ())
    g_test_skip (m->fallback ? m->fallback : "it runs in another mode");
  ring_test_assert_accounts (run.tested, m->accepted, m->accepted, 0, 0);
  ring_test_terminate (run.tested, RING_TERMINATE_DRAIN);
  ring_test_terminate (run.reference, RING_TERMINATE_DRAIN);
  g_object_unref (run.tested);
  g_object_unref (run.reference);
  g_object_unref (run.runtime);
  g_object_unref (run.reference_runtime);
}

static void
case_free (gpointer data)
{
  Case *c = data;

  g_free (c->kernel);
  g_free (c);
}

static void
add_case (const gchar *kernel, RingExecutionMode mode, RingTransfer transfer,
    gboolean device, gint workers)
{
  Case *c;
  g_autofree gchar *path = NULL;

  if (!ring_test_has_mode (mode))
    return;
  c = g_new (Case, 1);
  *c = (Case){ g_strdup (kernel), mode, transfer, device, workers };
  path = workers > 0
      ? g_strdup_printf ("/backends/%s/%s/%d-workers", kernel,
          ring_test_mode_nick (mode), workers)
      : g_strdup_printf ("/backends/%s/%s/%s", kernel,
          ring_test_mode_nick (mode),
          device ? "device" : ring_test_nick (RING_TYPE_TRANSFER, transfer));
  g_test_add_data_func_full (path, c, test_same_results, case_free);
}

int
main (int argc, char **argv)
{
  static const RingTransfer transfers[] = { RING_TRANSFER_AUTO,
    RING_TRANSFER_MAPPED, RING_TRANSFER_STAGED };
  g_autoptr (RingRuntime) runtime = NULL;
  g_auto (GStrv) names = NULL;
  gboolean devices = FALSE;
  gsize i, k, m, t;

#ifdef RING_HAVE_CUDA
  devices = cuda_calls_open ();
#endif
  g_test_init (&argc, &argv, NULL);
  /* The built-in ones alone. */
  g_setenv ("RINGKERNEL_PATH", "", TRUE);
  g_setenv ("XDG_DATA_HOME", "/nonexistent", TRUE);
  runtime =
      runtime_of (RING_BACKEND_CPU, RING_EXECUTION_INLINE, RING_TRANSFER_AUTO);
  names = ring_runtime_list_kernels (runtime);
  for (i = 0; names[i]; i++) {
    for (m = 0; m < G_N_ELEMENTS (ring_test_modes); m++) {
      if (ring_test_backend () == RING_BACKEND_CPU) {
        for (k = 1; k <= 3; k += 2)
          add_case (names[i], ring_test_modes[m], RING_TRANSFER_AUTO, FALSE,
              (gint) k);
      } else {
        for (t = 0; t < G_N_ELEMENTS (transfers); t++)
          add_case (names[i], ring_test_modes[m], transfers[t], FALSE, -1);
        if (devices)
          add_case (names[i], ring_test_modes[m], RING_TRANSFER_AUTO, TRUE, -1);
      }
    }
  }
  return ring_test_run ();
}
