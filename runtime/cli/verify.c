/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * verify.c: ringkernel verify: the same random streams, wherever and however a
 * kernel runs, must give the same results.
 */
#include "cli/cli.h"
#include "cli/guard.h"
#include "cli/media.h"
#include "cli/streams.h"

#include <math.h>
#include <string.h>

static gboolean all, as_json;
static gchar *backend;
static gint64 seed = 1;
static gdouble tolerance = 1e-5;
static gint seconds = 60;

static const GOptionEntry options[] = {
  { "all", 'a', 0, G_OPTION_ARG_NONE, &all,
      "every kernel that 'ringkernel list' names, besides those given", NULL },
  { "seed", 's', 0, G_OPTION_ARG_INT64, &seed,
      "where chance begins (default 1); the same seed makes the same messages",
      "N" },
  { "tolerance", 't', 0, G_OPTION_ARG_DOUBLE, &tolerance,
      "how far floats may be apart, as a part of their value, or of 1 for smaller "
      "ones (default 0.00001)",
      "X" },
  { "backend", 0, 0, G_OPTION_ARG_STRING, &backend,
      "cpu or cuda alone; auto: all that are there", "BACKEND" },
  { "timeout", 0, 0, G_OPTION_ARG_INT, &seconds,
      "for one to four messages; who takes longer hangs (default 60)",
      "SECONDS" },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json,
      "for programs: {\"seed\", \"kernels\": [{name, origin, passed, ways, streams, "
      "skipped, error, difference}, …]}",
      NULL },
  G_OPTION_ENTRY_NULL
};

/* ---- how a kernel is run -------------------------------------------------------------- */

typedef struct
{
  RingBackendType backend;
  RingExecutionMode mode;
  RingTransfer transfer;
  gint workers; /* cpu */
} Way;

static const Way reference_way = { RING_BACKEND_CPU, RING_EXECUTION_INLINE,
  RING_TRANSFER_AUTO, 1 };

static gchar *
describe_way (const Way *way)
{
  const gchar *mode = cli_nick (RING_TYPE_EXECUTION_MODE, (gint) way->mode);

  if (way->backend == RING_BACKEND_CPU)
    return g_strdup_printf ("cpu, %s, %d worker%s", mode, way->workers,
        way->workers == 1 ? "" : "s");
  return g_strdup_printf ("%s, %s, %s",
      cli_nick (RING_TYPE_BACKEND_TYPE, (gint) way->backend), mode,
      cli_nick (RING_TYPE_TRANSFER, (gint) way->transfer));
}

static GArray *
list_ways (gboolean cpu, gboolean cuda)
{
  static const gint workers[] = { 1, 2, 7 };
  GArray *ways = g_array_new (FALSE, FALSE, sizeof (Way));
  gint mode;
  gsize i;

  for (mode = RING_EXECUTION_INLINE; mode <= RING_EXECUTION_PERSISTENT;
       mode++) {
    for (i = 0; i < G_N_ELEMENTS (workers) && cpu; i++) {
      const Way way = { RING_BACKEND_CPU, mode, RING_TRANSFER_AUTO,
        workers[i] };

      g_array_append_val (ways, way);
    }
  }
  for (mode = RING_EXECUTION_EVENT_DRIVEN;
       mode <= RING_EXECUTION_PERSISTENT && cuda; mode++) {
    Way way = { RING_BACKEND_CUDA, mode, RING_TRANSFER_MAPPED, -1 };

    g_array_append_val (ways, way);
    way.transfer = RING_TRANSFER_STAGED;
    g_array_append_val (ways, way);
  }
  return ways;
}

/* A handle with its runtime. */
typedef struct
{
  RingRuntime *runtime;
  RingKernel *kernel;
} Handle;

static void
handle_clear (Handle *handle)
{
  g_clear_object (&handle->kernel);
  g_clear_object (&handle->runtime);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Handle, handle_clear)

static gboolean
handle_open (Handle *handle, const gchar *id, const Way *way, GError **error)
{
  g_autoptr (RingConfig) config = ring_config_new ();

  config->backend = way->backend;
  config->mode = way->mode;
  config->transfer = way->transfer;
  handle->runtime = ring_runtime_new (config, error);
  if (!handle->runtime)
    return FALSE;
  handle->kernel = ring_runtime_launch (handle->runtime, id, way->workers,
      way->workers > 0 ? 1 : -1, NULL, error);
  return handle->kernel && ring_kernel_activate (handle->kernel, error);
}

/* ---- comparing ----------------------------------------------------------------------------- */

/* The first value that differs, as far as there is one. */
typedef struct
{
  gchar *way, *format, *place, *value, *expected, *parameters;
  guint message, messages;
  gchar *how;        /* the message was given */
  gboolean unsteady; /* differs from itself */
} Difference;

static void
difference_clear (Difference *d)
{
  g_free (d->way);
  g_free (d->format);
  g_free (d->place);
  g_free (d->value);
  g_free (d->expected);
  g_free (d->parameters);
  g_free (d->how);
  memset (d, 0, sizeof (*d));
}

/* One kernel in one way against the reference. */
typedef struct
{
  const Way *way;
  Handle reference, tested;
  RingKernelInfo *info;
  StreamRandom random;
  StreamItem last;
  gchar
      *parameters; /* those in effect before this stream; NULL: the defaults */
  guint streams;
  GError *error;
  Difference *difference;
} Trial;

/* Whether the kernel computes with floats: on a device these may have other last
 * places, and then a result that is rounded to a whole number may be the next one. */
static gboolean
has_floats (RingKernelInfo *info, const RingFormat *out)
{
  const RingKernelDescription *d = ring_kernel_info_get_raw_description (info);
  guint i;

  for (i = 0; i < d->n_parameters; i++)
    if (d->parameter[i].type == RING_PARAMETER_FLOAT
        || d->parameter[i].type == RING_PARAMETER_FLOAT_ARRAY)
      return TRUE;
  return out->kind == RING_PAYLOAD_RECORD && strchr (d->input_formats, 'd');
}

static gboolean
is_same (const Trial *t, const CliField *field, gboolean floats,
    const guint8 *a, const guint8 *b)
{
  const gdouble x = cli_field_get (field, a), y = cli_field_get (field, b);

  if (memcmp (a + field->offset, b + field->offset,
          cli_field_size (field->type))
      == 0)
    return TRUE;
  switch (field->type) {
    case 'f':
    case 'd':
      return (isnan (x) && isnan (y))
          || fabs (x - y) <= tolerance * MAX (1, fabs (x));
    case 'x':
    case 't':
      return FALSE;
    default:
      return t->way->backend != RING_BACKEND_CPU && floats
          && fabs (x - y) <= 1 + tolerance * fabs (x);
  }
}

/* Bytes of pictures and of bytes are fields, too. */
static GArray *
fields_of (const RingFormat *format)
{
  const CliField byte = { 'y', 0 };
  GArray *fields = NULL;

  if (format->kind == RING_PAYLOAD_AUDIO || format->kind == RING_PAYLOAD_RECORD)
    fields = cli_fields (format, NULL);
  if (!fields) {
    fields = g_array_new (FALSE, FALSE, sizeof (CliField));
    g_array_append_val (fields, byte);
  }
  return fields;
}

static gchar *
describe_formats (const RingFormat *format, const RingFormat *wanted)
{
  g_autofree gchar *in = ring_format_to_string (format);
  g_autofree gchar *out = wanted ? ring_format_to_string (wanted) : NULL;

  return g_strconcat (in, out ? " to " : "", out, NULL);
}

static gboolean
differ (Trial *t, const Stream *s, guint message, gchar *place, gchar *value,
    gchar *expected)
{
  const StreamItem *item = &s->item[message];
  Difference *d = t->difference;
  guint i = message;

  d->way = describe_way (t->way);
  d->unsteady = memcmp (t->way, &reference_way, sizeof (Way)) == 0;
  d->format = describe_formats (s->format, s->wanted);
  d->place = place;
  d->value = value;
  d->expected = expected;
  d->message = message + 1;
  d->messages = s->n;
  d->how = g_strdup_printf ("%s%s%s%s", s->by_copy ? "by copy" : "by reference",
      item->in_place ? ", in place" : "", item->padding ? ", rows padded" : "",
      item->discont ? ", after a gap" : "");
  while (i > 0 && !s->item[i].parameters)
    i--;
  d->parameters =
      g_strdup (s->item[i].parameters ? s->item[i].parameters : t->parameters);
  return FALSE;
}

static gboolean
compare_payload (Trial *t, const Stream *s, guint message,
    const RingFormat *out, GBytes *expected, GBytes *got)
{
  g_autoptr (GArray) fields = fields_of (out);
  const gboolean floats = has_floats (t->info, out);
  gsize size, at;
  const guint8 *a = g_bytes_get_data (expected, &size);
  const guint8 *b = g_bytes_get_data (got, NULL);
  gsize unit = fields->len == 1 && out->kind != RING_PAYLOAD_AUDIO
          && g_array_index (fields, CliField, 0).type == 'y'
      ? 1
      : ring_format_get_frame_size (out);
  guint i;

  if (size == 0 || memcmp (a, b, size) == 0)
    return TRUE;
  for (at = 0; at + unit <= size; at += unit) {
    for (i = 0; i < fields->len; i++) {
      const CliField *f = &g_array_index (fields, CliField, i);

      if (!is_same (t, f, floats, a + at, b + at))
        return differ (t, s, message, stream_place (out, at + f->offset),
            cli_field_print (f, b + at), cli_field_print (f, a + at));
    }
  }
  return TRUE;
}

static gboolean
compare (Trial *t, const Stream *s, const StreamResults *expected,
    const StreamResults *got)
{
  g_autoptr (RingFormat) out =
      ring_kernel_get_output_format (t->reference.kernel);
  guint i;

  if (expected->bytes->len != got->bytes->len)
    return differ (t, s, s->n - 1, g_strdup ("messages that come out"),
        g_strdup_printf ("%u", got->bytes->len),
        g_strdup_printf ("%u", expected->bytes->len));
  for (i = 0; i < expected->bytes->len; i++) {
    GBytes *a = expected->bytes->pdata[i], *b = got->bytes->pdata[i];

    if (expected->of[i] != got->of[i])
      return differ (t, s, expected->of[i],
          g_strdup_printf ("the message that output %u comes from", i + 1),
          g_strdup_printf ("%u", got->of[i] + 1),
          g_strdup_printf ("%u", expected->of[i] + 1));
    if (g_bytes_get_size (a) != g_bytes_get_size (b))
      return differ (t, s, expected->of[i], g_strdup ("bytes that come out"),
          g_strdup_printf ("%" G_GSIZE_FORMAT, g_bytes_get_size (b)),
          g_strdup_printf ("%" G_GSIZE_FORMAT, g_bytes_get_size (a)));
    if (!compare_payload (t, s, expected->of[i], out, a, b))
      return FALSE;
  }
  return TRUE;
}

/* One stream through both. Ends the trial with an error or a difference. */
static gboolean
try_stream (RingFormat *format, const guint *sizes, gboolean by_copy,
    gpointer data)
{
  Trial *t = data;
  Stream *s =
      stream_new (&t->random, t->info, format, sizes, by_copy, &t->last);
  StreamResults expected = { 0 }, got = { 0 };
  g_autofree gchar *way = describe_way (t->way);
  g_autofree gchar *what = describe_formats (format, s->wanted);
  gboolean same = FALSE;
  guint i;

  cli_guard_doing ("%s: cpu, inline, 1 worker, %s, seed %" G_GINT64_FORMAT,
      ring_kernel_info_get_name (t->info), what, seed);
  if (stream_run (s, t->reference.kernel, t->reference.runtime, &expected,
          &t->error)) {
    cli_guard_doing ("%s: %s, %s, seed %" G_GINT64_FORMAT,
        ring_kernel_info_get_name (t->info), way, what, seed);
    if (stream_run (s, t->tested.kernel, t->tested.runtime, &got, &t->error))
      same = compare (t, s, &expected, &got);
  }
  cli_guard_rest ();
  if (t->error)
    g_prefix_error (&t->error, "%s, %s: ", way, what);
  t->streams++;
  t->last = s->item[s->n - 1];
  for (i = 0; i < s->n; i++) {
    if (s->item[i].parameters) {
      g_free (t->parameters);
      t->parameters = g_strdup (s->item[i].parameters);
    }
  }
  stream_results_clear (&expected);
  stream_results_clear (&got);
  stream_free (s);
  return same;
}

/* ---- one kernel --------------------------------------------------------------------------- */

typedef struct
{
  gchar *name, *origin;
  guint ways, streams;
  GError *error;  /* it could not be run */
  gchar *skipped; /* a backend that was left out, and why */
  Difference difference;
} Report;

static void
report_clear (Report *report)
{
  g_free (report->name);
  g_free (report->origin);
  g_free (report->skipped);
  g_clear_error (&report->error);
  difference_clear (&report->difference);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Report, report_clear)

static gboolean
verify_way (Report *report, const gchar *id, const Way *way)
{
  Trial t = { .way = way,
    .random = { .seed = (guint64) seed },
    .last = { .taps = 1, .n_taps = 1 },
    .difference = &report->difference };
  gboolean ok = FALSE;

  if (handle_open (&t.reference, id, &reference_way, &t.error)) {
    t.info = ring_kernel_get_info (t.reference.kernel);
    if (handle_open (&t.tested, id, way, &t.error))
      ok = stream_for_each (&t.random, t.info, try_stream, &t);
  }
  handle_clear (&t.tested);
  handle_clear (&t.reference);
  g_free (t.parameters);
  report->ways++;
  report->streams += t.streams;
  report->error = t.error;
  return ok;
}

/* Whether the kernel can run on the GPU; with @error why not. */
static gboolean
has_cuda_code (const gchar *id, GError **error)
{
  const Way way = { RING_BACKEND_CUDA, RING_EXECUTION_AUTO, RING_TRANSFER_AUTO,
    -1 };
  g_auto (Handle) handle = { 0 };

  return handle_open (&handle, id, &way, error);
}

static gboolean
verify (Report *report, const gchar *id, gboolean cpu, gboolean cuda)
{
  g_autoptr (RingRuntime) runtime = cli_cpu_runtime (&report->error);
  g_autoptr (RingKernelInfo) info = NULL;
  g_autoptr (GArray) ways = NULL;
  g_autoptr (GError) reason = NULL;
  guint i;

  report->name = g_strdup (id);
  if (runtime)
    info = ring_runtime_find_kernel (runtime, id, &report->error);
  if (!info)
    return FALSE;
  g_free (report->name);
  report->name = g_strdup (ring_kernel_info_get_name (info));
  report->origin = g_strdup (ring_kernel_info_get_origin (info));
  if (cuda && cpu && !has_cuda_code (id, &reason)) {
    /* What does not compile for a GPU is wrong there, not missing. */
    if (g_error_matches (reason, RING_ERROR, RING_ERROR_COMPILE)) {
      report->error = g_steal_pointer (&reason);
      return FALSE;
    }
    report->skipped = g_strdup_printf ("not on cuda: %s", reason->message);
    cuda = FALSE;
  }
  ways = list_ways (cpu, cuda);
  for (i = 0; i < ways->len; i++)
    if (!verify_way (report, id, &g_array_index (ways, Way, i)))
      return FALSE;
  return TRUE;
}

/* ---- telling ---------------------------------------------------------------------------------- */

static void
print_report (const Report *r, gboolean passed)
{
  const Difference *d = &r->difference;

  if (passed) {
    cli_print ("%s: the same in %u ways, %u streams%s%s\n", r->name, r->ways,
        r->streams, r->skipped ? "; " : "", r->skipped ? r->skipped : "");
    return;
  }
  if (r->error) {
    cli_print ("%s: FAILED: %s\n", r->name, r->error->message);
    return;
  }
  cli_print (
      "%s: DIFFERS\n  %s: %s, expected %s\n  on %s; expected is what cpu, "
      "inline, 1 worker gives\n  %s, message %u of %u, %s\n",
      r->name, d->place, d->value, d->expected, d->way, d->format, d->message,
      d->messages, d->how);
  if (d->parameters && *d->parameters)
    cli_print ("  with %s\n", d->parameters);
  else
    cli_print ("  with the defaults of all parameters\n");
  if (d->unsteady)
    cli_print ("  that is the same way: not all of the output is written, or "
               "something is read that was not\n");
  cli_print ("  again: ringkernel verify %s --seed %" G_GINT64_FORMAT "\n",
      strcmp (r->origin, "built-in") == 0 ? r->name : r->origin, seed);
}

static void
add_json (JsonBuilder *b, const Report *r, gboolean passed)
{
  const Difference *d = &r->difference;

  json_builder_begin_object (b);
  cli_json_string (b, "name", r->name);
  cli_json_string (b, "origin", r->origin);
  cli_json_boolean (b, "passed", passed);
  cli_json_int (b, "ways", r->ways);
  cli_json_int (b, "streams", r->streams);
  cli_json_string (b, "skipped", r->skipped);
  cli_json_string (b, "error", r->error ? r->error->message : NULL);
  json_builder_set_member_name (b, "difference");
  if (d->way) {
    json_builder_begin_object (b);
    cli_json_string (b, "on", d->way);
    cli_json_string (b, "format", d->format);
    cli_json_string (b, "place", d->place);
    cli_json_string (b, "value", d->value);
    cli_json_string (b, "expected", d->expected);
    cli_json_int (b, "message", d->message);
    cli_json_int (b, "messages", d->messages);
    cli_json_string (b, "how", d->how);
    cli_json_string (b, "parameters", d->parameters);
    json_builder_end_object (b);
  } else {
    json_builder_add_null_value (b);
  }
  json_builder_end_object (b);
}

/* Whether there is a device. */
static gboolean
has_cuda (GError **error)
{
  g_autoptr (RingConfig) config = ring_config_new ();
  g_autoptr (RingRuntime) runtime = NULL;

  config->backend = RING_BACKEND_CUDA;
  runtime = ring_runtime_new (config, error);
  return runtime != NULL;
}

static GPtrArray *
list_kernels (gchar **arguments, GError **error)
{
  g_autoptr (RingRuntime) runtime = cli_cpu_runtime (error);
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  gchar **name;

  if (!runtime)
    return NULL;
  if (all) {
    g_auto (GStrv) names = ring_runtime_list_kernels (runtime);

    for (name = names; *name; name++)
      g_ptr_array_add (ids, g_strdup (*name));
  }
  for (name = arguments; *name; name++)
    g_ptr_array_add (ids, g_strdup (*name));
  return g_steal_pointer (&ids);
}

static gint
run (const CliCommand *command, gchar **arguments)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonBuilder) b = json_builder_new ();
  g_autoptr (GPtrArray) ids = NULL;
  gint wanted = RING_BACKEND_AUTO;
  gboolean cuda;
  guint failed = 0, i;

  if (!all && !*arguments)
    return cli_misused (command, "verify: which kernel? --all takes every one");
  if (backend
      && !cli_enum_from_nick (command, RING_TYPE_BACKEND_TYPE, "--backend",
          backend, &wanted))
    return CLI_WRONG_USAGE;
  if (seed == 0 || seconds < 1 || !(tolerance >= 0))
    return cli_misused (command,
        "verify: --seed must not be 0, --timeout must be "
        "at least 1, --tolerance must not be negative");
  cuda = wanted != RING_BACKEND_CPU && has_cuda (&error);
  if (!cuda && wanted == RING_BACKEND_CUDA)
    return cli_fail ("%s", error->message);
  g_clear_error (&error);
  ids = list_kernels (arguments, &error);
  if (!ids)
    return cli_fail ("%s", error->message);

  cli_guard_start ((guint) seconds);
  json_builder_begin_object (b);
  cli_json_int (b, "seed", seed);
  json_builder_set_member_name (b, "kernels");
  json_builder_begin_array (b);
  for (i = 0; i < ids->len; i++) {
    g_auto (Report) report = { 0 };
    const gboolean passed =
        verify (&report, ids->pdata[i], wanted != RING_BACKEND_CUDA, cuda);

    failed += !passed;
    if (as_json)
      add_json (b, &report, passed);
    else
      print_report (&report, passed);
  }
  json_builder_end_array (b);
  json_builder_end_object (b);
  if (as_json)
    cli_print_json (b);
  if (failed)
    return cli_fail ("verify: %u of %u kernels do not give the same everywhere",
        failed, ids->len);
  return CLI_OK;
}

const CliCommand cli_verify = {
  .name = "verify",
  .summary = "whether a kernel gives the same however it is run",
  .arguments = "KERNEL … [OPTION …]",
  .max_arguments = -1,
  .description =
      "Runs random streams through a kernel: every format that it takes, sizes from\n"
      "the smallest on, parameters at the ends of their ranges and between, several\n"
      "messages in flight, rows with padding, results in place of the input. The\n"
      "results must be the same in every mode with 1, 2 and 7 workers, and on the GPU\n"
      "where there is one, as they are with one worker in the sending thread.\n\n"
      "Whole numbers must be equal. Floats may be apart by --tolerance. On a GPU a\n"
      "kernel that computes with floats (it has float parameters, or records of\n"
      "doubles) may be one step off in whole numbers, too: a GPU's powf, expf and\n"
      "their like have last places of their own.\n\n"
      "What differs first is shown with its place, both values, and what it takes to\n"
      "see it again. A kernel that crashes or hangs ends the program with a line that\n"
      "says which it was.\n",
  .examples = "  ringkernel verify ./sparkle.c\n"
              "  ringkernel verify --all\n"
              "  ringkernel verify edges fir --seed 7 --backend cpu\n",
  .options = options,
  .run = run,
};
