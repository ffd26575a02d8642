/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * info.c: what a kernel declares, for people, bindings and the element.
 */
#include "core/core-private.h"
#include "core/builtin.h"

#include <string.h>

struct _RingKernelInfo
{
  gatomicrefcount refs;
  RingModule *module;
};

G_DEFINE_BOXED_TYPE (RingKernelInfo, ring_kernel_info, ring_kernel_info_ref,
    ring_kernel_info_unref)

RingKernelInfo *
ring_kernel_info_new_ (RingModule *module)
{
  RingKernelInfo *info = g_new0 (RingKernelInfo, 1);

  g_atomic_ref_count_init (&info->refs);
  info->module = ring_module_ref (module);
  return info;
}

RingModule *
ring_kernel_info_get_module_ (RingKernelInfo *info)
{
  return info->module;
}

/**
 * ring_kernel_info_ref:
 * @info: a kernel's info
 *
 * Returns: (transfer full): @info
 */
RingKernelInfo *
ring_kernel_info_ref (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, NULL);
  g_atomic_ref_count_inc (&info->refs);
  return info;
}

/**
 * ring_kernel_info_unref:
 * @info: (transfer full): a kernel's info
 */
void
ring_kernel_info_unref (RingKernelInfo *info)
{
  g_return_if_fail (info != NULL);
  if (!g_atomic_ref_count_dec (&info->refs))
    return;
  ring_module_unref (info->module);
  g_free (info);
}

/**
 * ring_kernel_info_get_name:
 * @info: a kernel's info
 *
 * Returns: the kernel's name, like "gaussian-blur"
 */
const gchar *
ring_kernel_info_get_name (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, NULL);
  return info->module->name;
}

/**
 * ring_kernel_info_get_description:
 * @info: a kernel's info
 *
 * Returns: what the kernel does, in one line
 */
const gchar *
ring_kernel_info_get_description (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, NULL);
  return info->module->description->description;
}

/**
 * ring_kernel_info_get_origin:
 * @info: a kernel's info
 *
 * Returns: the file the kernel came from, or "built-in"
 */
const gchar *
ring_kernel_info_get_origin (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, NULL);
  return info->module->origin;
}

/**
 * ring_kernel_info_get_kind:
 * @info: a kernel's info
 *
 * Returns: what it takes
 */
RingPayloadKind
ring_kernel_info_get_kind (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, RING_PAYLOAD_BYTES);
  return (RingPayloadKind) info->module->description->kind;
}

/**
 * ring_kernel_info_get_output_kind:
 * @info: a kernel's info
 *
 * Returns: what it gives: what it takes, or records
 */
RingPayloadKind
ring_kernel_info_get_output_kind (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, RING_PAYLOAD_BYTES);
  return (RingPayloadKind) info->module->description->output_kind;
}

/**
 * ring_kernel_info_get_any_format:
 * @info: a kernel's info
 *
 * Returns: whether ring_kernel_set_formats() chooses which of the output formats
 *   comes out
 */
gboolean
ring_kernel_info_get_any_format (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, FALSE);
  return (info->module->description->flags & RING_KERNEL_ANY_FORMAT) != 0;
}

/**
 * ring_kernel_info_get_any_size:
 * @info: a kernel's info
 *
 * Returns: whether ring_kernel_set_formats() chooses the size of the frames that
 *   come out
 */
gboolean
ring_kernel_info_get_any_size (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, FALSE);
  return (info->module->description->flags & RING_KERNEL_ANY_SIZE) != 0;
}

static gchar **
split_formats (guint kind, const gchar *text)
{
  gchar **list;
  guint i;

  if (kind == RING_KIND_RECORD) {
    list = g_new0 (gchar *, 2);
    list[0] = g_strdup (text);
    return list;
  }
  list = g_strsplit (text, ",", -1);
  for (i = 0; list[i]; i++)
    g_strstrip (list[i]);
  return list;
}

/**
 * ring_kernel_info_get_input_formats:
 * @info: a kernel's info
 *
 * Returns: (transfer full): the names of the video or audio formats it takes, or
 *   the one record type; empty for bytes
 */
gchar **
ring_kernel_info_get_input_formats (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, NULL);
  return split_formats (info->module->description->kind,
      info->module->description->input_formats);
}

/**
 * ring_kernel_info_get_output_formats:
 * @info: a kernel's info
 *
 * Returns: (transfer full): likewise for what it gives; empty when that is the
 *   format of the input
 */
gchar **
ring_kernel_info_get_output_formats (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, NULL);
  if (info->module->description->output_formats[0] == '\0')
    return g_new0 (gchar *, 1);
  return split_formats (info->module->description->output_kind,
      info->module->description->output_formats);
}

/**
 * ring_kernel_info_get_in_place:
 * @info: a kernel's info
 *
 * Returns: whether the output may be the input's memory
 */
gboolean
ring_kernel_info_get_in_place (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, FALSE);
  return (info->module->description->flags & RING_KERNEL_IN_PLACE) != 0;
}

/**
 * ring_kernel_info_get_emits:
 * @info: a kernel's info
 *
 * Returns: whether the kernel decides itself how many messages come out
 */
gboolean
ring_kernel_info_get_emits (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, FALSE);
  return (info->module->description->flags & RING_KERNEL_EMITS) != 0;
}

/**
 * ring_kernel_info_get_max_outputs:
 * @info: a kernel's info
 *
 * Returns: how many messages one input may give at the most
 */
guint
ring_kernel_info_get_max_outputs (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, 0);
  return info->module->description->max_outputs;
}

/**
 * ring_kernel_info_has_state:
 * @info: a kernel's info
 *
 * Returns: whether the kernel keeps something from one message to the next
 */
gboolean
ring_kernel_info_has_state (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, FALSE);
  return info->module->description->state_size > 0
      || info->module->description->state_per_byte > 0;
}

static void
add_targets_of_builtin (GPtrArray *targets, const RingModule *module)
{
  static const gchar *const variant[RING_N_VARIANTS] = { "cpu:base", "cpu:v3",
    "cpu:v4" };
  guint i, k;

  for (i = 0; i < ring_n_builtin_kernels; i++) {
    if (strcmp (ring_builtin_kernels[i].name, module->name) != 0)
      continue;
    for (k = 0; k < RING_N_VARIANTS; k++)
      if (ring_builtin_kernels[i].variant[k])
        g_ptr_array_add (targets, g_strdup (variant[k]));
  }
#ifdef RING_HAVE_CUDA
  {
    gchar **names = g_strsplit (RING_CUDA_TARGETS, " ", -1);

    for (i = 0; names[i]; i++)
      g_ptr_array_add (targets, g_strconcat ("cuda:", names[i], NULL));
    g_strfreev (names);
  }
#endif
}

/* NAME.fatbin, NAME.cubin or NAME.ptx beside NAME.c or NAME.so: code for GPUs. NULL:
 * there is none. */
gchar *
ring_module_find_beside (const gchar *origin)
{
  static const gchar *const suffix[] = { ".fatbin", ".cubin", ".ptx" };
  const gchar *dot = strrchr (origin, '.');
  guint i;

  for (i = 0; dot && i < G_N_ELEMENTS (suffix); i++) {
    gchar *stem = g_strndup (origin, dot - origin);
    gchar *path = g_strconcat (stem, suffix[i], NULL);

    g_free (stem);
    if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
      return path;
    g_free (path);
  }
  return NULL;
}

static void
add_targets_of_file (GPtrArray *targets, const gchar *origin)
{
  const gboolean source = g_str_has_suffix (origin, ".c");

  g_ptr_array_add (targets, g_strdup (source ? "cpu:native" : "cpu:as-built"));
#ifdef RING_HAVE_CUDA
  {
    gchar *beside = ring_module_find_beside (origin);

    if (beside)
      g_ptr_array_add (targets, g_strconcat ("cuda:", beside, NULL));
    else if (source)
      g_ptr_array_add (targets, g_strdup ("cuda:nvrtc"));
    g_free (beside);
  }
#endif
}

/**
 * ring_kernel_info_list_targets:
 * @info: a kernel's info
 *
 * What there is code for. For built-in kernels "cpu:base", "cpu:v3", "cpu:v4"
 * (instruction sets) and "cuda:sm_90" and the like (GPUs), "cuda:compute_120" (PTX,
 * for that GPU and newer ones). For others "cpu:native" (a source, compiled for this
 * machine) or "cpu:as-built" (a library), and "cuda:" with the file beside it that
 * holds code for GPUs, or "cuda:nvrtc" for a source that is compiled when it is
 * launched. Nothing is said of backends that are not built. Files are looked for
 * when this is called.
 *
 * Returns: (transfer full): the targets
 */
gchar **
ring_kernel_info_list_targets (RingKernelInfo *info)
{
  GPtrArray *targets;

  g_return_val_if_fail (info != NULL, NULL);

  targets = g_ptr_array_new ();
  if (info->module->library)
    add_targets_of_file (targets, info->module->origin);
  else
    add_targets_of_builtin (targets, info->module);
  g_ptr_array_add (targets, NULL);
  return (gchar **) g_ptr_array_free (targets, FALSE);
}

/**
 * ring_kernel_info_list_parameters:
 * @info: a kernel's info
 * @n_parameters: (out): how many
 *
 * The parameters as property specifications: float, int, boolean, an enumeration
 * of the kernel's own, or, for lists of numbers, string.
 *
 * Returns: (transfer full) (array length=n_parameters): the parameters
 */
GParamSpec **
ring_kernel_info_list_parameters (RingKernelInfo *info, guint *n_parameters)
{
  const RingKernelDescription *description;
  GParamSpec **list;
  guint i;

  g_return_val_if_fail (info != NULL && n_parameters != NULL, NULL);

  description = info->module->description;
  list = g_new0 (GParamSpec *, description->n_parameters + 1);
  for (i = 0; i < description->n_parameters; i++)
    list[i] = g_param_spec_ref_sink (
        ring_parameter_to_pspec (description, i, info->module->name));
  *n_parameters = description->n_parameters;
  return list;
}

/**
 * ring_kernel_info_get_parameter_unit:
 * @info: a kernel's info
 * @name: a parameter, with '-' or '_'
 *
 * Returns: (nullable): its unit, like "dB"; "" without one; %NULL if there is no
 *   such parameter
 */
const gchar *
ring_kernel_info_get_parameter_unit (RingKernelInfo *info, const gchar *name)
{
  const RingKernelDescription *description;
  gchar *underscored;
  const gchar *unit = NULL;
  guint i;

  g_return_val_if_fail (info != NULL && name != NULL, NULL);

  description = info->module->description;
  underscored = g_strdelimit (g_strdup (name), "-", '_');
  for (i = 0; i < description->n_parameters; i++)
    if (strcmp (description->parameter[i].name, underscored) == 0)
      unit = ring_unit_to_string (description->parameter[i].unit);
  g_free (underscored);
  return unit;
}

#define LARGEST_SIDE (G_MAXINT / 16)

static gboolean
list_has (const gchar *list, const gchar *name)
{
  gchar **names = g_strsplit (list, ",", -1);
  gboolean found = FALSE;
  guint i;

  for (i = 0; names[i] && !found; i++)
    found = strcmp (g_strstrip (names[i]), name) == 0;
  g_strfreev (names);
  return found;
}

static gboolean
takes (RingKernelInfo *info, const RingFormat *input, GError **error)
{
  const RingKernelDescription *d = info->module->description;
  const gchar *name;
  gboolean taken = (guint) input->kind == d->kind;
  gchar *text;

  if (taken && d->kind == RING_KIND_VIDEO) {
    name = ring_video_format_to_string (input->video_format);
    taken = list_has (d->input_formats, name) && input->width > 0
        && input->height > 0 && input->width <= LARGEST_SIDE
        && input->height <= LARGEST_SIDE;
  } else if (taken && d->kind == RING_KIND_AUDIO) {
    name = ring_audio_format_to_string (input->audio_format);
    taken = list_has (d->input_formats, name) && input->channels > 0
        && input->rate > 0;
  } else if (taken && d->kind == RING_KIND_RECORD) {
    taken = strcmp (d->input_formats, input->record_type) == 0;
  }
  if (!taken) {
    text = ring_format_to_string (input);
    g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
        "kernel '%s' does not take %s; it takes %s%s%s", info->module->name,
        text, ring_enum_nick_ (RING_TYPE_PAYLOAD_KIND, (gint) d->kind),
        d->input_formats[0] ? " " : "", d->input_formats);
    g_free (text);
  }
  return taken;
}

/* What is not known of the other's colours is not said. */
static void
change_video_format (RingFormat *format, RingVideoFormat to)
{
  if (format->video_format == to)
    return;
  format->video_format = to;
  format->matrix = RING_COLOR_MATRIX_UNKNOWN;
  format->range = RING_COLOR_RANGE_UNKNOWN;
}

/**
 * ring_kernel_info_get_output_format:
 * @info: a kernel's info
 * @input: a format
 * @error: return location for an error
 *
 * Returns: (transfer full): what comes out when @input goes in and nothing else is
 *   asked for, or %NULL with %RING_ERROR_FORMAT if the kernel does not take it; the
 *   message names both
 */
RingFormat *
ring_kernel_info_get_output_format (RingKernelInfo *info,
    const RingFormat *input, GError **error)
{
  const RingKernelDescription *d;
  RingFormat *output;
  gchar *first;

  g_return_val_if_fail (info != NULL && input != NULL, NULL);

  d = info->module->description;
  if (!takes (info, input, error))
    return NULL;
  if (d->output_formats[0] == '\0')
    return ring_format_copy (input);
  if (d->output_kind == RING_KIND_RECORD)
    return ring_format_new_record (d->output_formats, error);

  output = ring_format_copy (input);
  /* The input's own format if it is among them, else the first. */
  if (d->output_kind == RING_KIND_VIDEO
      && !list_has (d->output_formats,
          ring_video_format_to_string (input->video_format))) {
    first = g_strndup (d->output_formats, strcspn (d->output_formats, ","));
    change_video_format (output,
        ring_video_format_from_string (g_strstrip (first)));
    g_free (first);
  }
  return output;
}

/**
 * ring_kernel_info_check_formats:
 * @info: a kernel's info
 * @input: a format
 * @output: another
 * @error: return location for an error
 *
 * Returns: whether @output can come out when @input goes in: it is what
 *   ring_kernel_info_get_output_format() says, or differs in what the kernel leaves
 *   open: one of its output formats with RING_ANY_FORMAT, and the size with
 *   RING_ANY_SIZE. Else %FALSE with %RING_ERROR_FORMAT
 */
gboolean
ring_kernel_info_check_formats (RingKernelInfo *info, const RingFormat *input,
    const RingFormat *output, GError **error)
{
  const RingKernelDescription *d;
  RingFormat *made;
  gchar *text, *asked;
  gboolean can;

  g_return_val_if_fail (info != NULL && input != NULL, FALSE);
  g_return_val_if_fail (output != NULL, FALSE);

  d = info->module->description;
  made = ring_kernel_info_get_output_format (info, input, error);
  if (!made)
    return FALSE;
  if (made->kind == RING_PAYLOAD_VIDEO && output->kind == RING_PAYLOAD_VIDEO) {
    if (d->flags & RING_KERNEL_ANY_FORMAT
        && list_has (d->output_formats,
            ring_video_format_to_string (output->video_format)))
      made->video_format = output->video_format;
    if (d->flags & RING_KERNEL_ANY_SIZE && output->width > 0
        && output->height > 0 && output->width <= LARGEST_SIDE
        && output->height <= LARGEST_SIDE) {
      made->width = output->width;
      made->height = output->height;
    }
    /* Which these are is for who looks at the picture. */
    made->matrix = output->matrix;
    made->range = output->range;
  }
  can = ring_format_equal (made, output);
  if (!can) {
    text = ring_format_to_string (input);
    asked = ring_format_to_string (output);
    g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
        "kernel '%s' does not make %s of %s; it gives %s%s%s%s",
        info->module->name, asked, text,
        ring_enum_nick_ (RING_TYPE_PAYLOAD_KIND, (gint) d->output_kind),
        d->output_formats[0] ? " " : "", d->output_formats,
        d->output_formats[0] ? "" : " as it takes it");
    g_free (text);
    g_free (asked);
  }
  ring_format_free (made);
  return can;
}

/**
 * ring_kernel_info_get_raw_description: (skip)
 * @info: a kernel's info
 *
 * Returns: the declaration as the kernel carries it; lives as long as @info
 */
const RingKernelDescription *
ring_kernel_info_get_raw_description (RingKernelInfo *info)
{
  g_return_val_if_fail (info != NULL, NULL);
  return info->module->description;
}
