/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * reload.c: another version of a kernel takes over between two messages.
 *
 * The host changes sides at once: messages accepted from then on carry the next
 * generation, and parameters laid out as that one declares them. The device follows
 * when it comes to the first of them, with everything before it finished. So nothing
 * is drained, and nobody waits.
 */
#include "core/core-private.h"

#include <string.h>

/* ---- is it the same state? --------------------------------------------------------- */

static const gchar *
skip_blanks (const gchar *at)
{
  while (g_ascii_isspace (*at))
    at++;
  return at;
}

static gsize
word_length (const gchar *at)
{
  gsize n = 0;

  if (g_ascii_isdigit (*at))
    return 0;
  while (g_ascii_isalnum (at[n]) || at[n] == '_')
    n++;
  return n;
}

static gboolean
is_type_word (const gchar *word, gsize n)
{
  static const gchar *const words[] = { "char", "short", "int", "long",
    "signed", "unsigned", "float", "double", "const", "volatile", "_Bool",
    "int8_t", "uint8_t", "int16_t", "uint16_t", "int32_t", "uint32_t",
    "int64_t", "uint64_t" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (words); i++)
    if (strlen (words[i]) == n && strncmp (words[i], word, n) == 0)
      return TRUE;
  return FALSE;
}

/* "[4]", "[2 * (3 + 1)]": no names, whose value the text does not tell. */
static gboolean
skip_dimensions (const gchar **at)
{
  while (**at == '[') {
    const gchar *c = *at + 1;

    for (; *c && *c != ']'; c++) {
      const gboolean begins = !g_ascii_isalnum (c[-1]) && c[-1] != '_';

      if (begins && (g_ascii_isalpha (*c) || *c == '_'))
        return FALSE;
    }
    if (*c == '\0')
      return FALSE;
    *at = skip_blanks (c + 1);
  }
  return TRUE;
}

/* Whether @text says all about how the fields lie: arithmetic types of C and
 * dimensions in numbers. Types of the author's own, and constants, may mean
 * something else in another version. */
static gboolean
says_all (const gchar *text)
{
  const gchar *at = skip_blanks (text);

  while (*at) {
    gsize n = word_length (at), types = 0;

    while (n > 0 && is_type_word (at, n)) {
      types++;
      at = skip_blanks (at + n);
      n = word_length (at);
    }
    if (types == 0)
      return FALSE;
    for (;;) {
      if (n == 0)
        return FALSE;
      at = skip_blanks (at + n);
      if (!skip_dimensions (&at))
        return FALSE;
      if (*at != ',')
        break;
      at = skip_blanks (at + 1);
      n = word_length (at);
    }
    if (*at != ';')
      return FALSE;
    at = skip_blanks (at + 1);
  }
  return TRUE;
}

static gboolean
is_of_word (gchar c)
{
  return g_ascii_isalnum (c) || c == '_';
}

/* With blanks between two words only, so that how it was typed does not count. */
static gchar *
condense (const gchar *text)
{
  GString *s = g_string_new (NULL);
  const gchar *at;

  for (at = skip_blanks (text); *at; at++) {
    if (!g_ascii_isspace (*at)) {
      g_string_append_c (s, *at);
      continue;
    }
    at = skip_blanks (at) - 1;
    if (is_of_word (at[1]) && is_of_word (s->str[s->len - 1]))
      g_string_append_c (s, ' ');
  }
  return g_string_free (s, FALSE);
}

static gboolean
same_text (const gchar *a, const gchar *b)
{
  gchar *x = condense (a), *y = condense (b);
  const gboolean same = strcmp (x, y) == 0;

  g_free (x);
  g_free (y);
  return same;
}

gboolean
ring_module_has_same_state_ (const RingModule *a, const RingModule *b)
{
  const RingKernelDescription *da = a->description, *db = b->description;

  if (da->state_size != db->state_size
      || da->state_per_byte != db->state_per_byte
      || (da->state_size == 0 && da->state_per_byte == 0))
    return FALSE;
  if (da->state_size == 0)
    return TRUE;
  return a->cpu->state && b->cpu->state
      && same_text (a->cpu->state, b->cpu->state) && says_all (a->cpu->state);
}

/* ---- does it fit? -------------------------------------------------------------------- */

/* What was laid out when the handle was launched. */
static gboolean
check_room (RingKernel *kernel, const RingModule *module, GError **error)
{
  const RingGeometry *g = &kernel->instance->control->geometry;
  const RingKernelDescription *d = module->description;
  const gsize size = ring_parameters_get_size (d);

  if (d->max_outputs != kernel->max_outputs) {
    g_set_error (error, RING_ERROR, RING_ERROR_NEEDS_LAUNCH,
        "kernel '%s' in %s emits up to %u messages for each, the version that runs "
        "up to %u; launch it anew",
        module->name, module->origin, d->max_outputs, kernel->max_outputs);
    return FALSE;
  }
  if (size > g->parameter_stride
      || (d->n_parameters > 0 && g->parameter_sets == 1)) {
    g_set_error (error, RING_ERROR, RING_ERROR_NEEDS_LAUNCH,
        "the parameters of kernel '%s' in %s take %" G_GSIZE_FORMAT
        " bytes, and the handle was launched with room for %u; launch it anew%s",
        module->name, module->origin, size,
        g->parameter_sets == 1 ? 0 : g->parameter_stride,
        kernel->config.reload ? "" : ", with the option reload");
    return FALSE;
  }
  return ring_kernel_check_records_ (d, module->name, &kernel->config, error);
}

/* What the handle works on. */
typedef struct
{
  gboolean settled, unchanged;
  RingFormat input, output;
  gsize payload; /* that buffers are made for */
} Formats;

/* With send_lock. Formats change only while nobody can have made anything for those
 * of before. */
static gboolean
settle_formats (RingKernel *kernel, RingKernelInfo *info, Formats *formats,
    GError **error)
{
  const RingModule *module = ring_kernel_info_get_module_ (info);
  const RingKernelDescription *d = module->description;
  RingFormat *input = NULL, *output = NULL;
  guint64 pending;

  memset (formats, 0, sizeof *formats);
  if (kernel->has_format)
    input = ring_format_copy (&kernel->input_format);
  /* What was asked for still is, where the version makes that. */
  if (input)
    output = ring_kernel_info_check_formats (info, input,
                 &kernel->output_format, NULL)
        ? ring_format_copy (&kernel->output_format)
        : ring_kernel_info_get_output_format (info, input, NULL);
  formats->unchanged = kernel->has_format
      ? output && ring_format_equal (output, &kernel->output_format)
      : d->kind == RING_KIND_VIDEO || d->kind == RING_KIND_AUDIO;
  pending = ring_kernel_pending_ (kernel);
  if (!formats->unchanged && pending > 0) {
    ring_format_free (input);
    ring_format_free (output);
    g_set_error (error, RING_ERROR, RING_ERROR_BUSY,
        "kernel '%s' in %s works on other formats than the version that runs, with "
        "%" G_GUINT64_FORMAT " messages in flight; drain it first",
        module->name, module->origin, pending);
    return FALSE;
  }
  if (!output) {
    g_clear_pointer (&input, ring_format_free);
    if (d->kind == RING_KIND_BYTES)
      input = ring_format_new_bytes ();
    else if (d->kind == RING_KIND_RECORD)
      input = ring_format_new_record (d->input_formats, NULL);
    if (input)
      output = ring_kernel_info_get_output_format (info, input, NULL);
  }
  formats->settled = output != NULL;
  if (output) {
    formats->input = *input;
    formats->output = *output;
    formats->payload = formats->unchanged
        ? kernel->buffered_payload
        : ring_kernel_buffered_payload_ (kernel, input);
  }
  ring_format_free (input);
  ring_format_free (output);
  return TRUE;
}

/* ---- the change ------------------------------------------------------------------------- */

/* With send_lock: from the next message on it is @info's module. */
static void
change_sides (RingKernel *kernel, RingKernelInfo *info, const Formats *formats,
    guint32 generation)
{
  RingModule *module = ring_kernel_info_get_module_ (info);
  RingModule *old_module = kernel->module;
  RingParameters *parameters = ring_parameters_new_version (kernel->parameters,
      module->description, module->name);
  RingKernelInfo *old_info = kernel->info;

  ring_parameters_free (kernel->parameters);
  kernel->parameters = parameters;
  __atomic_store_n (&kernel->parameters_changed,
      kernel->instance->control->geometry.parameter_sets > 1, __ATOMIC_RELAXED);
  kernel->module = ring_module_ref (module);
  kernel->description = module->description;
  kernel->has_format = formats->settled;
  /* Those that have not changed are being read for what is in flight. */
  if (formats->settled && !formats->unchanged) {
    kernel->input_format = formats->input;
    kernel->output_format = formats->output;
    kernel->buffered_payload = formats->payload;
  }
  __atomic_store_n (&kernel->name, g_intern_string (module->name),
      __ATOMIC_RELEASE);
  __atomic_store_n (&kernel->generation, generation, __ATOMIC_RELAXED);
  g_mutex_lock (&kernel->lock);
  __atomic_store_n (&kernel->info, ring_kernel_info_ref (info),
      __ATOMIC_RELEASE);
  g_mutex_unlock (&kernel->lock);

  ring_kernel_info_unref (old_info);
  ring_module_unref (old_module);
}

/* Before it is made ready, which may take long, or wait. */
static gboolean
check_formats (RingKernel *kernel, RingKernelInfo *info, GError **error)
{
  Formats formats;
  gboolean ok;

  g_mutex_lock (&kernel->send_lock);
  ok = settle_formats (kernel, info, &formats, error);
  g_mutex_unlock (&kernel->send_lock);
  return ok;
}

/* With send_lock. */
static gboolean
replace_locked (RingKernel *kernel, RingKernelInfo *info, gpointer *prepared,
    GError **error)
{
  const RingKernelDescription *d;
  RingReplacement replacement;
  Formats formats;

  if (!ring_kernel_check_living_ (kernel, "be reloaded", error)
      || !settle_formats (kernel, info, &formats, error))
    return FALSE;
  memset (&replacement, 0, sizeof replacement);
  replacement.module = ring_kernel_info_get_module_ (info);
  replacement.prepared = *prepared;
  replacement.generation = kernel->generation + 1;
  d = replacement.module->description;
  replacement.has_buffers = formats.settled;
  if (formats.settled) {
    replacement.state_size =
        d->state_size + d->state_per_byte * formats.payload;
    replacement.scratch_size = d->scratch_size
        + d->scratch_per_byte
            * ring_scratch_payload_ (&formats.input, &formats.output,
                formats.payload);
    replacement.keep_state = kernel->has_format && formats.unchanged
        && ring_module_has_same_state_ (kernel->module, replacement.module);
  }
  replacement.idle = ring_kernel_pending_ (kernel) == 0;
  if (!kernel->instance->klass->replace (kernel->instance, &replacement, error))
    return FALSE;
  *prepared = NULL;
  kernel->state_size = replacement.state_size;
  kernel->scratch_size = replacement.scratch_size;
  change_sides (kernel, info, &formats, replacement.generation);
  return TRUE;
}

/**
 * ring_kernel_reload_info:
 * @kernel: a handle that is launched, active or deactivated
 * @info: a kernel that ring_runtime_find_kernel() found, usually from the file that
 *   @kernel came from, since changed
 * @error: return location for an error
 *
 * As ring_kernel_reload(), with a version that has been loaded before.
 *
 * Returns: whether messages from now on are its; %FALSE with the errors of
 *   ring_kernel_reload(), and nothing has changed
 */
gboolean
ring_kernel_reload_info (RingKernel *kernel, RingKernelInfo *info,
    GError **error)
{
  const RingBackendClass *klass;
  RingModule *module;
  gpointer prepared = NULL;
  gboolean ok;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);
  g_return_val_if_fail (info != NULL, FALSE);

  klass = kernel->instance->klass;
  module = ring_kernel_info_get_module_ (info);
  ring_kernel_await_harvester_ (kernel);
  g_mutex_lock (&kernel->reload_lock);
  ok = ring_kernel_check_living_ (kernel, "be reloaded", error)
      && check_room (kernel, module, error)
      && check_formats (kernel, info, error);
  if (ok && klass->prepare) {
    prepared = klass->prepare (kernel->instance, module, error);
    ok = prepared != NULL;
  }
  if (ok) {
    g_mutex_lock (&kernel->send_lock);
    ok = replace_locked (kernel, info, &prepared, error);
    g_mutex_unlock (&kernel->send_lock);
    if (prepared)
      klass->discard (kernel->instance, prepared);
  }
  g_mutex_unlock (&kernel->reload_lock);
  if (ok)
    klass->wake (kernel->instance);
  return ok;
}

/**
 * ring_kernel_reload:
 * @kernel: a handle that is launched, active or deactivated
 * @id: a kernel's name, or a path to a .c or .so file
 * @error: return location for an error
 *
 * Loads another version of the kernel, and lets it take over between two messages:
 * what was accepted before is processed by the version of then, what is accepted
 * afterwards by the new one. No message is lost, and none is processed by both.
 * ring_message_get_source_generation() tells which it was.
 *
 * A parameter that was set keeps its value, if the new version has one of the same
 * name and type that allows it; all others have their defaults. State is kept if it
 * is declared with the same types, names and sizes, and those say it all: arithmetic
 * types of C, and dimensions in numbers. Else it is zeroed.
 *
 * Loads and compiles in the calling thread, and does not wait for what is queued; on
 * cuda it waits until the kernel has left the device, at the end of the message that it
 * is at. Messages are sent and received meanwhile. From any thread; several take their
 * turns.
 *
 * If the version works on other formats, that takes a handle with nothing in flight.
 * It then has the version's own format where that is the only one, else the one of
 * before if the version takes it, and otherwise none, as after the launch.
 *
 * Returns: whether messages from now on are its; %FALSE with the errors of
 *   ring_runtime_find_kernel(), %RING_ERROR_BUSY for other formats with messages in
 *   flight, %RING_ERROR_NEEDS_LAUNCH for a version that has no room on the handle,
 *   %RING_ERROR_STATUS, %RING_ERROR_NO_MEMORY or %RING_ERROR_FAULT: then nothing has
 *   changed
 */
gboolean
ring_kernel_reload (RingKernel *kernel, const gchar *id, GError **error)
{
  RingModule *module;
  RingKernelInfo *info;
  gboolean ok;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);
  g_return_val_if_fail (id != NULL, FALSE);

  module = ring_registry_find (id, error);
  if (!module)
    return FALSE;
  info = ring_kernel_info_new_ (module);
  ring_module_unref (module);
  ok = ring_kernel_reload_info (kernel, info, error);
  ring_kernel_info_unref (info);
  return ok;
}
