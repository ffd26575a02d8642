/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench.c: ringkernel bench: how fast a kernel is on this machine.
 */
#include "cli/cli.h"
#include "cli/guard.h"
#include "cli/streams.h"

#include <string.h>
#include <time.h>

/* Messages in flight where throughput is measured. */
#define IN_FLIGHT 8
/* Latencies that are kept; a run that has more of them ends. */
#define MOST 1000000
/* us; who takes longer hangs */
#define WAIT (60 * G_USEC_PER_SEC)

static gdouble seconds = 1;
static gchar *backend, *mode, *format_name;
static gchar **parameters;
static gint workers = -1;
static gboolean as_json;

static const GOptionEntry options[] = {
  { "seconds", 's', 0, G_OPTION_ARG_DOUBLE, &seconds,
      "for each size: half of it for latency, half for throughput (default 1)",
      "N" },
  { "param", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &parameters,
      "set a parameter; may be there several times; @FILE is a list from a file",
      "NAME=VALUE" },
  { "format", 'f', 0, G_OPTION_ARG_STRING, &format_name,
      "pixel or sample format (default: the first that the kernel takes)",
      "FORMAT" },
  { "backend", 0, 0, G_OPTION_ARG_STRING, &backend, "auto, cpu or cuda",
      "BACKEND" },
  { "mode", 'm', 0, G_OPTION_ARG_STRING, &mode,
      "auto, inline, event-driven or persistent", "MODE" },
  { "workers", 'w', 0, G_OPTION_ARG_INT, &workers,
      "how many threads (default: the backend chooses)", "N" },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json,
      "for programs: {kernel, backend, device, mode, workers, sizes: [{format, "
      "bytes, messages, messages_per_second, bytes_per_second, latency_us: {p50, "
      "p99, max}}, …]}",
      NULL },
  G_OPTION_ENTRY_NULL
};

static gint64
now_ns (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (gint64) t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- messages ------------------------------------------------------------------------------- */

typedef struct _Bench Bench;

/* A message with memory of its own, used again and again. */
typedef struct
{
  Bench *bench;
  RingMemory input, outputs[RING_MAX_OUTPUTS];
  gint64 begin, took; /* ns */
  gboolean busy;
} Slot;

struct _Bench
{
  RingRuntime *runtime;
  RingKernel *kernel;
  RingFormat *format, *out;
  guint n_outputs;
  gsize units;
  GMutex lock;
  GCond done;
  guint failed;
  Slot slot[IN_FLIGHT];
};

static void
completed (RingKernel *kernel, const RingCompletion *completion, gpointer data)
{
  Slot *slot = data;
  Bench *b = slot->bench;

  g_mutex_lock (&b->lock);
  slot->took = now_ns () - slot->begin;
  slot->busy = FALSE;
  b->failed += completion->outcome != RING_OUTCOME_DONE;
  g_cond_signal (&b->done);
  g_mutex_unlock (&b->lock);
}

/* Of @bytes; a picture's format says that by itself. */
static gboolean
allocate (Bench *b, const RingFormat *format, gsize bytes, RingMemory *memory,
    GError **error)
{
  const gsize size = stream_lay_out (memory, format, bytes, 0);
  const gpointer data = ring_runtime_alloc (b->runtime, size, error);

  stream_place_at (memory, data);
  return data != NULL;
}

static gboolean
submit (Bench *b, Slot *slot, GError **error)
{
  const RingSubmission submission = { .input = slot->input,
    .outputs = slot->outputs,
    .n_outputs = b->n_outputs,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = completed,
    .user_data = slot };
  GError *reason = NULL;
  gboolean ok;

  slot->busy = TRUE;
  slot->begin = now_ns ();
  ok = ring_kernel_submit (b->kernel, &submission, &reason);
  /* The first message of a size may need more scratch memory. */
  if (!ok && g_error_matches (reason, RING_ERROR, RING_ERROR_BUSY)) {
    g_clear_error (&reason);
    ok = ring_kernel_drain (b->kernel, WAIT, NULL, &reason)
        && ring_kernel_submit (b->kernel, &submission, &reason);
  }
  if (!ok)
    g_propagate_error (error, reason);
  return ok;
}

static gboolean
await (Bench *b, Slot *slot, GError **error)
{
  const gint64 deadline = g_get_monotonic_time () + WAIT;
  gboolean in_time = TRUE, good;

  g_mutex_lock (&b->lock);
  while (slot->busy && in_time)
    in_time = g_cond_wait_until (&b->done, &b->lock, deadline);
  good = !slot->busy && b->failed == 0;
  g_mutex_unlock (&b->lock);
  if (good)
    return TRUE;
  if (!in_time)
    g_set_error (error, RING_ERROR, RING_ERROR_TIMED_OUT,
        "a message is not done after %d s", (gint) (WAIT / G_USEC_PER_SEC));
  else if (!(*error = ring_kernel_get_error (b->kernel)))
    g_set_error (error, RING_ERROR, RING_ERROR_FAULT,
        "a message was not processed");
  return FALSE;
}

/* ---- one size --------------------------------------------------------------------------------- */

typedef struct
{
  RingFormat *format;
  gsize units; /* frames of sound, records, bytes; pictures: 1 */
} Size;

typedef struct
{
  gsize bytes;
  guint64 messages;
  gdouble per_second;
  gint64 p50, p99, max; /* ns */
} Figures;

static gint
compare_ns (gconstpointer a, gconstpointer b)
{
  const gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return x < y ? -1 : x > y;
}

static gboolean
measure_latency (Bench *b, gint64 ns, Figures *f, GError **error)
{
  g_autoptr (GArray) took = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 until;
  guint i;

  /* What is touched for the first time is not what is measured. */
  for (i = 0; i < 2 * IN_FLIGHT; i++)
    if (!submit (b, &b->slot[i % IN_FLIGHT], error)
        || !await (b, &b->slot[i % IN_FLIGHT], error))
      return FALSE;
  until = now_ns () + ns;
  do {
    if (!submit (b, &b->slot[0], error) || !await (b, &b->slot[0], error))
      return FALSE;
    g_array_append_val (took, b->slot[0].took);
  } while (took->len < MOST && now_ns () < until);
  g_array_sort (took, compare_ns);
  f->p50 = g_array_index (took, gint64, took->len / 2);
  f->p99 = g_array_index (took, gint64, (guint64) took->len * 99 / 100);
  f->max = g_array_index (took, gint64, took->len - 1);
  f->messages = took->len;
  return TRUE;
}

static gboolean
measure_throughput (Bench *b, gint64 ns, Figures *f, GError **error)
{
  const gint64 begin = now_ns ();
  guint64 n = 0;
  guint i;

  do {
    Slot *slot = &b->slot[n % IN_FLIGHT];

    if (!await (b, slot, error) || !submit (b, slot, error))
      return FALSE;
    n++;
  } while (now_ns () < begin + ns);
  for (i = 0; i < IN_FLIGHT; i++)
    if (!await (b, &b->slot[i], error))
      return FALSE;
  f->per_second = (gdouble) n * 1e9 / (gdouble) (now_ns () - begin);
  f->messages += n;
  return TRUE;
}

static gboolean
measure (Bench *b, const Size *size, Figures *f, GError **error)
{
  const gint64 half = (gint64) (seconds * 5e8);
  g_autofree gchar *what = ring_format_to_string (size->format);
  StreamRandom random = { .seed = 1 };
  gboolean ok;
  guint i, k;
  gsize room;

  b->format = size->format;
  b->units = size->units;
  if (!ring_kernel_set_format (b->kernel, b->format, error))
    return FALSE;
  b->out = ring_kernel_get_output_format (b->kernel);
  f->bytes = size->units * ring_format_get_frame_size (b->format);
  room = ring_kernel_get_output_size (b->kernel, f->bytes);
  cli_guard_doing ("%s", what);
  ok = TRUE;
  for (i = 0; i < IN_FLIGHT && ok; i++) {
    Slot *slot = &b->slot[i];

    memset (slot, 0, sizeof (*slot));
    slot->bench = b;
    ok = allocate (b, b->format, f->bytes, &slot->input, error);
    for (k = 0; k < b->n_outputs && ok; k++)
      ok = allocate (b, b->out, room, &slot->outputs[k], error);
    if (ok)
      stream_fill (&random, b->format, slot->input.plane[0].data, f->bytes);
  }
  ok = ok && measure_latency (b, half, f, error)
      && measure_throughput (b, half, f, error);
  cli_guard_rest ();
  /* Where it went wrong, the kernel may be writing still. */
  for (i = 0; i < IN_FLIGHT && ok; i++) {
    ring_runtime_free (b->runtime, b->slot[i].input.plane[0].data);
    for (k = 0; k < b->n_outputs; k++)
      ring_runtime_free (b->runtime, b->slot[i].outputs[k].plane[0].data);
  }
  ring_format_free (b->out);
  return ok;
}

/* ---- all of them ---------------------------------------------------------------------------------- */

static void
size_clear (gpointer size)
{
  ring_format_free (((Size *) size)->format);
}

static GArray *
list_sizes (RingKernelInfo *info, GError **error)
{
  static const guint pictures[][2] = { { 640, 360 }, { 1280, 720 },
    { 1920, 1080 } };
  static const guint frames[] = { 64, 1024, 16384 };
  static const guint records[] = { 1, 256, 4096 };
  static const guint bytes[] = { 256, 65536, 1048576 };
  g_auto (GStrv) formats = ring_kernel_info_get_input_formats (info);
  g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (Size));
  const gchar *name = format_name ? format_name : formats[0];
  guint i;

  g_array_set_clear_func (sizes, size_clear);
  if (format_name
      && !g_strv_contains ((const gchar *const *) formats, format_name)) {
    g_autofree gchar *list = g_strjoinv (", ", formats);

    g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
        "kernel '%s' does not take '%s'; it takes %s",
        ring_kernel_info_get_name (info), format_name, *list ? list : "bytes");
    return NULL;
  }
  for (i = 0; i < 3; i++) {
    Size size = { NULL, 1 };

    switch (ring_kernel_info_get_kind (info)) {
      case RING_PAYLOAD_VIDEO:
        size.format =
            ring_format_new_video (ring_video_format_from_string (name),
                pictures[i][0], pictures[i][1]);
        break;
      case RING_PAYLOAD_AUDIO:
        size.format =
            ring_format_new_audio (ring_audio_format_from_string (name), 48000,
                2);
        size.units = frames[i];
        break;
      case RING_PAYLOAD_RECORD:
        size.format = ring_format_new_record (name, error);
        size.units = records[i];
        break;
      default:
        size.format = ring_format_new_bytes ();
        size.units = bytes[i];
        break;
    }
    g_array_append_val (sizes, size);
  }
  return g_steal_pointer (&sizes);
}

static void
print_heading (Bench *b)
{
  g_autoptr (RingMetrics) m = ring_kernel_get_metrics (b->kernel);
  RingKernelInfo *info = ring_kernel_get_info (b->kernel);

  cli_print ("%s on %s (%s), %s, at most %u worker%s\n",
      ring_kernel_info_get_name (info),
      cli_nick (RING_TYPE_BACKEND_TYPE, (gint) m->backend),
      ring_runtime_get_device_name (b->runtime),
      cli_nick (RING_TYPE_EXECUTION_MODE, (gint) m->mode), m->workers,
      m->workers == 1 ? "" : "s");
  if (m->fallback)
    cli_print ("not as asked for: %s\n", m->fallback);
  cli_print (
      "latency: one message at a time, from its submission until its result "
      "is there\n"
      "throughput: %d in flight. Payloads by reference; %g s for each line\n\n"
      "%-30s %10s %9s %9s %9s %9s\n",
      IN_FLIGHT, seconds, "message", "messages/s", "MB/s in", "p50 us",
      "p99 us", "max us");
}

static void
print_figures (const Size *size, const Figures *f)
{
  const RingFormat *format = size->format;
  g_autofree gchar *text = NULL;

  switch (format->kind) {
    case RING_PAYLOAD_VIDEO:
      text = g_strdup_printf ("%s %ux%u",
          ring_video_format_to_string (format->video_format), format->width,
          format->height);
      break;
    case RING_PAYLOAD_AUDIO:
      text = g_strdup_printf ("%" G_GSIZE_FORMAT " frames %s, %u channels",
          size->units, ring_audio_format_to_string (format->audio_format),
          format->channels);
      break;
    case RING_PAYLOAD_RECORD:
      text = g_strdup_printf ("%" G_GSIZE_FORMAT " records %s", size->units,
          ring_format_get_record_type (format));
      break;
    default:
      text = g_strdup_printf ("%" G_GSIZE_FORMAT " bytes", size->units);
      break;
  }
  cli_print ("%-30s %10.0f %9.1f %9.1f %9.1f %9.1f\n", text, f->per_second,
      f->per_second * (gdouble) f->bytes / 1e6, (gdouble) f->p50 / 1e3,
      (gdouble) f->p99 / 1e3, (gdouble) f->max / 1e3);
}

static void
begin_json (Bench *b, JsonBuilder *json)
{
  g_autoptr (RingMetrics) m = ring_kernel_get_metrics (b->kernel);
  RingKernelInfo *info = ring_kernel_get_info (b->kernel);

  json_builder_begin_object (json);
  cli_json_string (json, "kernel", ring_kernel_info_get_name (info));
  cli_json_string (json, "origin", ring_kernel_info_get_origin (info));
  cli_json_string (json, "backend",
      cli_nick (RING_TYPE_BACKEND_TYPE, (gint) m->backend));
  cli_json_string (json, "device", ring_runtime_get_device_name (b->runtime));
  cli_json_string (json, "mode",
      cli_nick (RING_TYPE_EXECUTION_MODE, (gint) m->mode));
  cli_json_string (json, "fallback", m->fallback);
  cli_json_int (json, "workers", m->workers);
  cli_json_double (json, "seconds", seconds);
  cli_json_int (json, "in_flight", IN_FLIGHT);
  json_builder_set_member_name (json, "sizes");
  json_builder_begin_array (json);
}

static void
add_json (JsonBuilder *json, const Size *size, const Figures *f)
{
  g_autofree gchar *what = ring_format_to_string (size->format);

  json_builder_begin_object (json);
  cli_json_string (json, "format", what);
  cli_json_int (json, "bytes", (gint64) f->bytes);
  cli_json_int (json, "messages", (gint64) f->messages);
  cli_json_double (json, "messages_per_second", f->per_second);
  cli_json_double (json, "bytes_per_second",
      f->per_second * (gdouble) f->bytes);
  json_builder_set_member_name (json, "latency_us");
  json_builder_begin_object (json);
  cli_json_double (json, "p50", (gdouble) f->p50 / 1e3);
  cli_json_double (json, "p99", (gdouble) f->p99 / 1e3);
  cli_json_double (json, "max", (gdouble) f->max / 1e3);
  json_builder_end_object (json);
  json_builder_end_object (json);
}

static gint
run (const CliCommand *command, gchar **arguments)
{
  g_autoptr (RingConfig) config = ring_config_new ();
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autoptr (GArray) sizes = NULL;
  g_autoptr (GError) error = NULL;
  gint value_of_backend = RING_BACKEND_AUTO,
       value_of_mode = RING_EXECUTION_AUTO;
  Bench bench = { 0 };
  guint i;

  if ((backend
          && !cli_enum_from_nick (command, RING_TYPE_BACKEND_TYPE, "--backend",
              backend, &value_of_backend))
      || (mode
          && !cli_enum_from_nick (command, RING_TYPE_EXECUTION_MODE, "--mode",
              mode, &value_of_mode)))
    return CLI_WRONG_USAGE;
  if (!(seconds > 0 && seconds <= 3600) || workers == 0 || workers < -1)
    return cli_misused (command,
        "bench: --seconds is more than 0, up to 3600, and "
        "--workers is at least 1");
  config->parameter_files = TRUE;
  config->backend = value_of_backend;
  config->mode = value_of_mode;
  runtime = ring_runtime_new (config, &error);
  if (runtime)
    kernel = ring_runtime_launch (runtime, arguments[0], workers,
        workers > 0 ? 1 : -1, NULL, &error);
  if (kernel)
    sizes = list_sizes (ring_kernel_get_info (kernel), &error);
  if (!sizes || !cli_set_parameters (kernel, parameters, &error)
      || !ring_kernel_activate (kernel, &error))
    return cli_fail ("%s", error->message);

  bench.runtime = runtime;
  bench.kernel = kernel;
  bench.n_outputs =
      ring_kernel_info_get_max_outputs (ring_kernel_get_info (kernel));
  cli_guard_start ((guint) (seconds + WAIT / G_USEC_PER_SEC));
  if (as_json)
    begin_json (&bench, json);
  else
    print_heading (&bench);
  for (i = 0; i < sizes->len; i++) {
    const Size *size = &g_array_index (sizes, Size, i);
    Figures figures = { 0 };

    if (!measure (&bench, size, &figures, &error))
      return cli_fail ("%s", error->message);
    if (as_json)
      add_json (json, size, &figures);
    else
      print_figures (size, &figures);
  }
  if (as_json) {
    json_builder_end_array (json);
    json_builder_end_object (json);
    cli_print_json (json);
  }
  return CLI_OK;
}

const CliCommand cli_bench = {
  .name = "bench",
  .summary = "how fast a kernel is on this machine",
  .arguments = "KERNEL [OPTION …]",
  .min_arguments = 1,
  .max_arguments = 1,
  .description =
      "Measures throughput and latency for three sizes of message: pictures of 640,\n"
      "1280 and 1920 pixels across; 64, 1024 and 16384 frames of stereo sound; 1, 256\n"
      "and 4096 records; 256 bytes, 64 KiB and 1 MiB. What is measured is said with\n"
      "it. The figures are those of the kernel alone, without a pipeline, on a machine\n"
      "that may be busy with other things: look at several runs.\n",
  .examples = "  ringkernel bench edges\n"
              "  ringkernel bench gaussian-blur --param sigma=8 --workers 2\n"
              "  ringkernel bench ./sparkle.c --mode persistent --json\n",
  .options = options,
  .run = run,
};
