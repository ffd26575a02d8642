/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * inspect.c: ringkernel inspect
 */
#include "cli/cli.h"

#include <string.h>

static gboolean as_json;

static const GOptionEntry options[] = {
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json,
      "for programs: all of it as one object; sizes in bytes", NULL },
  G_OPTION_ENTRY_NULL
};

/* ---- a parameter --------------------------------------------------------------------- */

typedef struct
{
  const gchar *name; /* with '-' */
  const gchar *type;
  gchar *value, *range; /* for people */
  const gchar *unit;    /* "": none */
  const gchar *description;
} Row;

static void
row_clear (gpointer row)
{
  g_free (((Row *) row)->value);
  g_free (((Row *) row)->range);
}

/* As briefly as it can be without losing what a float holds. */
static gchar *
number (gdouble value)
{
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (text, sizeof (text), "%.6g", value);
  if ((gfloat) g_ascii_strtod (text, NULL) != (gfloat) value)
    g_ascii_formatd (text, sizeof (text), "%.9g", value);
  return g_strdup (text);
}

static const gchar *
type_name (const RingParameterDescription *d)
{
  static const gchar *const names[] = { "?", "float", "int", "bool", "enum",
    "list of floats" };

  return names[d->type < G_N_ELEMENTS (names) ? d->type : 0];
}

static Row
describe_parameter (RingKernelInfo *info, GParamSpec *spec,
    const RingParameterDescription *d)
{
  g_autofree gchar *minimum = number (d->minimum);
  g_autofree gchar *maximum = number (d->maximum);
  Row row = { spec->name, type_name (d), NULL, NULL,
    ring_kernel_info_get_parameter_unit (info, spec->name), d->description };

  switch (d->type) {
    case RING_PARAMETER_BOOL:
      row.value = g_strdup (d->default_value != 0 ? "true" : "false");
      row.range = g_strdup ("true, false");
      break;
    case RING_PARAMETER_ENUM: {
      g_auto (GStrv) nicks = g_strsplit (d->text, "|", -1);

      row.value = g_strdup (nicks[(guint) d->default_value]);
      row.range = g_strjoinv (", ", nicks);
      break;
    }
    case RING_PARAMETER_FLOAT_ARRAY:
      row.value = g_strdup (d->text);
      row.range = g_strdup_printf ("at most %u, %s to %s", d->max_count,
          minimum, maximum);
      break;
    default:
      row.value = number (d->default_value);
      row.range = g_strdup_printf ("%s to %s", minimum, maximum);
      break;
  }
  return row;
}

static void
add_parameter_json (JsonBuilder *b, const Row *row,
    const RingParameterDescription *d)
{
  gchar **value;

  json_builder_begin_object (b);
  cli_json_string (b, "name", row->name);
  cli_json_string (b, "type",
      d->type == RING_PARAMETER_FLOAT_ARRAY ? "float-array" : row->type);
  cli_json_string (b, "description", row->description);
  cli_json_string (b, "unit", row->unit);
  json_builder_set_member_name (b, "default");
  switch (d->type) {
    case RING_PARAMETER_FLOAT:
      json_builder_add_double_value (b, d->default_value);
      break;
    case RING_PARAMETER_INT:
      json_builder_add_int_value (b, (gint64) d->default_value);
      break;
    case RING_PARAMETER_BOOL:
      json_builder_add_boolean_value (b, d->default_value != 0);
      break;
    default:
      json_builder_add_string_value (b, row->value);
      break;
  }
  if (d->type == RING_PARAMETER_ENUM) {
    g_auto (GStrv) nicks = g_strsplit (d->text, "|", -1);

    json_builder_set_member_name (b, "values");
    json_builder_begin_array (b);
    for (value = nicks; *value; value++)
      json_builder_add_string_value (b, *value);
    json_builder_end_array (b);
  } else if (d->type == RING_PARAMETER_INT) {
    cli_json_int (b, "minimum", (gint64) d->minimum);
    cli_json_int (b, "maximum", (gint64) d->maximum);
  } else if (d->type != RING_PARAMETER_BOOL) {
    cli_json_double (b, "minimum", d->minimum);
    cli_json_double (b, "maximum", d->maximum);
  }
  if (d->type == RING_PARAMETER_FLOAT_ARRAY)
    cli_json_int (b, "max_count", d->max_count);
  json_builder_end_object (b);
}

/* ---- the whole of it -------------------------------------------------------------------- */

static void
add_list (JsonBuilder *b, const gchar *name, gchar **list)
{
  json_builder_set_member_name (b, name);
  json_builder_begin_array (b);
  for (; *list; list++)
    json_builder_add_string_value (b, *list);
  json_builder_end_array (b);
}

static void
add_targets (JsonBuilder *b, gchar **targets)
{
  json_builder_set_member_name (b, "targets");
  json_builder_begin_array (b);
  for (; *targets; targets++) {
    const gchar *colon = strchr (*targets, ':');
    g_autofree gchar *backend = g_strndup (*targets, colon - *targets);

    json_builder_begin_object (b);
    cli_json_string (b, "backend", backend);
    cli_json_string (b, "code", colon + 1);
    json_builder_end_object (b);
  }
  json_builder_end_array (b);
}

/* What is not known is null. */
static void
add_known (JsonBuilder *b, const gchar *name, gint value)
{
  json_builder_set_member_name (b, name);
  if (value < 0)
    json_builder_add_null_value (b);
  else
    json_builder_add_int_value (b, value);
}

static void
add_device_code (JsonBuilder *b, GVariant *codes, const GError *error)
{
  const gchar *target;
  GVariantIter iter;
  gint registers, shared, stack;

  json_builder_set_member_name (b, "device_code");
  json_builder_begin_array (b);
  if (codes) {
    g_variant_iter_init (&iter, codes);
    while (g_variant_iter_next (&iter, "(&siii)", &target, &registers, &shared,
        &stack)) {
      json_builder_begin_object (b);
      cli_json_string (b, "target", target);
      add_known (b, "registers", registers);
      add_known (b, "shared_memory", shared);
      add_known (b, "stack", stack);
      json_builder_end_object (b);
    }
  }
  json_builder_end_array (b);
  cli_json_string (b, "device_code_error", error ? error->message : NULL);
}

static void
print_json (RingKernelInfo *info, GArray *rows, gchar **inputs, gchar **outputs,
    gchar **targets, GVariant *codes, const GError *problem)
{
  const RingKernelDescription *d = ring_kernel_info_get_raw_description (info);
  g_autoptr (JsonBuilder) b = json_builder_new ();
  guint i;

  json_builder_begin_object (b);
  cli_json_string (b, "name", ring_kernel_info_get_name (info));
  cli_json_string (b, "description", ring_kernel_info_get_description (info));
  cli_json_string (b, "origin", ring_kernel_info_get_origin (info));
  cli_json_string (b, "kind",
      cli_nick (RING_TYPE_PAYLOAD_KIND, ring_kernel_info_get_kind (info)));
  cli_json_string (b, "output_kind",
      cli_nick (RING_TYPE_PAYLOAD_KIND,
          ring_kernel_info_get_output_kind (info)));
  add_list (b, "input_formats", inputs);
  add_list (b, "output_formats", outputs);
  json_builder_set_member_name (b, "parameters");
  json_builder_begin_array (b);
  for (i = 0; i < rows->len; i++)
    add_parameter_json (b, &g_array_index (rows, Row, i), &d->parameter[i]);
  json_builder_end_array (b);
  cli_json_string (b, "sharing",
      d->sharing == RING_SHARING_BLOCK ? "block" : "grid");
  cli_json_boolean (b, "in_place", ring_kernel_info_get_in_place (info));
  cli_json_boolean (b, "any_format", ring_kernel_info_get_any_format (info));
  cli_json_boolean (b, "any_size", ring_kernel_info_get_any_size (info));
  cli_json_boolean (b, "emits", ring_kernel_info_get_emits (info));
  cli_json_int (b, "max_outputs", ring_kernel_info_get_max_outputs (info));
  cli_json_int (b, "max_records", d->max_records);
  cli_json_int (b, "state_size", (gint64) d->state_size);
  cli_json_int (b, "state_per_byte", d->state_per_byte);
  cli_json_int (b, "scratch_size", (gint64) d->scratch_size);
  cli_json_int (b, "scratch_per_byte", d->scratch_per_byte);
  add_targets (b, targets);
  add_device_code (b, codes, problem);
  json_builder_end_object (b);
  cli_print_json (b);
}

static void
print_size (const gchar *name, guint64 size, guint per_byte)
{
  cli_print ("  %-9s  ", name);
  if (size > 0)
    cli_print ("%" G_GUINT64_FORMAT " bytes%s", size, per_byte ? ", and " : "");
  if (per_byte > 0)
    cli_print ("%u byte%s for each byte of a message", per_byte,
        per_byte == 1 ? "" : "s");
  cli_print ("%s\n", size || per_byte ? "" : "none");
}

static void
print_parameters (GArray *rows)
{
  gsize width = 0;
  guint i;

  for (i = 0; i < rows->len; i++)
    width = MAX (width, strlen (g_array_index (rows, Row, i).name));
  cli_print ("\nparameters:%s\n", rows->len ? "" : " none");
  for (i = 0; i < rows->len; i++) {
    const Row *row = &g_array_index (rows, Row, i);

    cli_print ("  %-*s  %s\n", (gint) width, row->name, row->description);
    cli_print ("  %-*s  %s: %s%s%s; default %s\n", (gint) width, "", row->type,
        row->range, *row->unit ? " " : "", row->unit, row->value);
  }
}

/* A line for each architecture. */
static void
print_device_code (GVariant *codes, const GError *problem)
{
  const gchar *title = "on a GPU", *target;
  GVariantIter iter;
  gint registers, shared, stack;

  if (!codes) {
    cli_print ("  %-9s  not known: %s\n", title, problem->message);
    return;
  }
  g_variant_iter_init (&iter, codes);
  while (g_variant_iter_next (&iter, "(&siii)", &target, &registers, &shared,
      &stack)) {
    cli_print ("  %-9s  %s: ", title, target);
    if (registers >= 0)
      cli_print ("%d registers and %d bytes of stack per thread, %d bytes of "
                 "shared memory\n",
          registers, MAX (stack, 0), shared);
    else if (g_str_has_prefix (target, "compute_"))
      cli_print ("PTX, which the driver compiles\n");
    else
      cli_print ("compressed, so that registers are not known\n");
    title = "";
  }
}

static void
print_text (RingKernelInfo *info, GArray *rows, gchar **inputs, gchar **outputs,
    gchar **targets, GVariant *codes, const GError *problem)
{
  const RingKernelDescription *d = ring_kernel_info_get_raw_description (info);
  g_autofree gchar *in = g_strjoinv (", ", inputs);
  g_autofree gchar *out = g_strjoinv (", ", outputs);
  const gchar *kind =
      cli_nick (RING_TYPE_PAYLOAD_KIND, ring_kernel_info_get_kind (info));
  const gchar *between = "";

  cli_print ("%s: %s\n\n", ring_kernel_info_get_name (info),
      ring_kernel_info_get_description (info));
  cli_print ("  %-9s  %s\n", "from", ring_kernel_info_get_origin (info));
  cli_print ("  %-9s  %s%s%s\n", "takes", kind, *in ? " " : "", in);
  cli_print ("  %-9s  ", "gives");
  if (*out)
    cli_print ("%s %s",
        cli_nick (RING_TYPE_PAYLOAD_KIND,
            ring_kernel_info_get_output_kind (info)),
        out);
  else
    cli_print ("what it takes");
  if (ring_kernel_info_get_any_format (info))
    cli_print (", whichever is asked for");
  if (ring_kernel_info_get_any_size (info))
    cli_print (", in the size that is asked for");
  if (d->max_records > 0)
    cli_print (d->kind == RING_KIND_AUDIO
            ? ", at most %u more of a message than it has frames"
            : ", at most %u of a picture",
        d->max_records);
  if (ring_kernel_info_get_emits (info))
    cli_print (", 0 to %u messages for each",
        ring_kernel_info_get_max_outputs (info));
  cli_print ("\n  %-9s  %s\n", "in place",
      ring_kernel_info_get_in_place (info)
          ? "yes: output and input may be the same memory"
          : "no");
  cli_print ("  %-9s  %s\n", "sharing",
      d->sharing == RING_SHARING_BLOCK
          ? "block: each block of workers takes a message of its own"
          : "grid: all workers on one message");
  print_size ("state", d->state_size, d->state_per_byte);
  print_size ("scratch", d->scratch_size, d->scratch_per_byte);
  cli_print ("  %-9s  ", "code for");
  for (; *targets; targets++, between = ", ")
    cli_print ("%s%s", between, *targets);
  cli_print ("\n");
  print_device_code (codes, problem);
  print_parameters (rows);
}

static gint
run (const CliCommand *command, gchar **arguments)
{
  g_autoptr (GError) error = NULL, problem = NULL;
  g_autoptr (RingRuntime) runtime = cli_cpu_runtime (&error);
  g_autoptr (RingKernelInfo) info = NULL;
  g_autoptr (GVariant) codes = NULL;
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (Row));
  g_auto (GStrv) inputs = NULL, outputs = NULL, targets = NULL;
  const RingKernelDescription *d;
  GParamSpec **specs;
  guint n, i;

  if (runtime)
    info = ring_runtime_find_kernel (runtime, arguments[0], &error);
  if (!info)
    return cli_fail ("%s", error->message);

  d = ring_kernel_info_get_raw_description (info);
  inputs = ring_kernel_info_get_input_formats (info);
  outputs = ring_kernel_info_get_output_formats (info);
  targets = ring_kernel_info_list_targets (info);
  if (d->kind == RING_KIND_BYTES)
    g_clear_pointer (&inputs[0], g_free);
  specs = ring_kernel_info_list_parameters (info, &n);
  g_array_set_clear_func (rows, row_clear);
  for (i = 0; i < n; i++) {
    const Row row = describe_parameter (info, specs[i], &d->parameter[i]);

    g_array_append_val (rows, row);
  }
  /* That it cannot be read is no reason to say nothing of the rest. */
  codes = ring_kernel_info_list_device_code (info, &problem);
  (as_json ? print_json : print_text) (info, rows, inputs, outputs, targets,
      codes, problem);
  for (i = 0; i < n; i++)
    g_param_spec_unref (specs[i]);
  g_free (specs);
  return CLI_OK;
}

const CliCommand cli_inspect = {
  .name = "inspect",
  .summary = "what a kernel takes, gives, and can be told",
  .arguments = "KERNEL [OPTION …]",
  .min_arguments = 1,
  .max_arguments = 1,
  .description =
      "Shows what a kernel declares: its parameters with type, range, default and\n"
      "unit, the formats that it takes and gives, its state, and how workers share\n"
      "its work. 'code for' is what there is code for:\n\n"
      "  cpu:base, cpu:v3, cpu:v4   instruction sets of x86-64; the widest is taken\n"
      "  cpu:native, cpu:as-built   a source compiled here; a .so as it was built\n"
      "  cuda:sm_90, cuda:compute_120  GPUs of compute capability 9.0; PTX from 12.0\n"
      "  cuda:FILE                  the .fatbin, .cubin or .ptx beside the kernel\n"
      "  cuda:nvrtc                 a source, which NVRTC compiles when launched\n\n"
      "'on a GPU' is what code that is there already takes, read from that code: for\n"
      "each architecture the registers and the stack of a thread, and the shared memory\n"
      "of a block. The compute capability and these say how many blocks fit.\n",
  .examples = "  ringkernel inspect gaussian-blur\n"
              "  ringkernel inspect ./mine.c\n"
              "  ringkernel inspect edges --json\n",
  .options = options,
  .run = run,
};
