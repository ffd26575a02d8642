/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * settings.c: what a handle works on and with: formats and parameters.
 */
#include "core/accept.h"
#include "core/core-private.h"

#include <string.h>

gsize
ring_kernel_buffered_payload_ (RingKernel *kernel, const RingFormat *format)
{
  return format->kind == RING_PAYLOAD_VIDEO
      ? ring_format_get_frame_size (format)
      : kernel->config.message_size - RING_HEADER_SIZE;
}

/* Frames may come out larger than they went in, and what is between two phases of a
 * kernel is as large as either. */
gsize
ring_scratch_payload_ (const RingFormat *input, const RingFormat *output,
    gsize payload)
{
  return input->kind == RING_PAYLOAD_VIDEO && output->kind == RING_PAYLOAD_VIDEO
      ? MAX (payload, ring_format_get_frame_size (output))
      : payload;
}

/* Called with send_lock held. */
gboolean
ring_kernel_set_formats_locked_ (RingKernel *kernel, const RingFormat *format,
    const RingFormat *wanted, GError **error)
{
  const RingKernelDescription *d = kernel->description;
  RingFormat *output;
  gsize payload;
  gboolean ok = TRUE;

  if (wanted
      && !ring_kernel_info_check_formats (kernel->info, format, wanted, error))
    return FALSE;
  output = wanted
      ? ring_format_copy (wanted)
      : ring_kernel_info_get_output_format (kernel->info, format, error);
  if (!output)
    return FALSE;
  if (kernel->has_format && ring_format_equal (&kernel->input_format, format)
      && ring_format_equal (&kernel->output_format, output)) {
    ring_format_free (output);
    return TRUE;
  }
  if (ring_kernel_pending_ (kernel) > 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_BUSY,
        "kernel '%s' cannot change its format with %" G_GUINT64_FORMAT
        " messages in flight; drain it first",
        ring_kernel_name_ (kernel), ring_kernel_pending_ (kernel));
    ring_format_free (output);
    return FALSE;
  }

  payload = ring_kernel_buffered_payload_ (kernel, format);
  kernel->state_size = d->state_size + d->state_per_byte * payload;
  kernel->scratch_size = d->scratch_size
      + d->scratch_per_byte * ring_scratch_payload_ (format, output, payload);
  ok = kernel->instance->klass->set_buffers (kernel->instance,
      kernel->state_size, kernel->scratch_size, FALSE, error);
  kernel->buffered_payload = payload;
  kernel->has_format = ok;
  if (ok) {
    kernel->input_format = *format;
    kernel->output_format = *output;
  }
  ring_format_free (output);
  return ok;
}

/* Whoever has received the last message may find the harvester still busy with
 * its record. That is not "in flight" to anybody else, so it is waited for; not
 * for long, since this may be called inside a completion. */
void
ring_kernel_await_harvester_ (RingKernel *kernel)
{
  const gint64 deadline =
      g_get_monotonic_time () + 100 * G_TIME_SPAN_MILLISECOND;
  gboolean ok = TRUE;

  if (ring_kernel_pending_ (kernel) == 0 || ring_kernel_in_flight_ (kernel) > 0)
    return;
  g_atomic_int_inc (&kernel->waiters);
  g_mutex_lock (&kernel->lock);
  while (ok && ring_kernel_pending_ (kernel) > 0)
    ok = ring_kernel_wait_locked_ (kernel, deadline, NULL, NULL);
  g_mutex_unlock (&kernel->lock);
  g_atomic_int_add (&kernel->waiters, -1);
}

/**
 * ring_kernel_set_format:
 * @kernel: a handle
 * @format: what its messages will carry
 * @error: return location for an error
 *
 * Settles what goes in, and with it what comes out, as
 * ring_kernel_info_get_output_format() says. State of the kernel is zeroed
 * if the format differs from the one before. Handles of bytes and of records have
 * their format from the launch on; others need one before the first submission,
 * or take it from the first message sent.
 *
 * Returns: whether the kernel takes it; %FALSE with %RING_ERROR_FORMAT,
 *   %RING_ERROR_BUSY while messages are in flight, or %RING_ERROR_NO_MEMORY
 */
gboolean
ring_kernel_set_format (RingKernel *kernel, const RingFormat *format,
    GError **error)
{
  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);
  g_return_val_if_fail (format != NULL, FALSE);

  return ring_kernel_set_formats (kernel, format, NULL, error);
}

/**
 * ring_kernel_set_formats:
 * @kernel: a handle
 * @input: what its messages will carry
 * @output: (nullable): what is to come out; %NULL as ring_kernel_set_format()
 * @error: return location for an error
 *
 * As ring_kernel_set_format(), for kernels that leave the format or the size of what
 * comes out to whoever uses them: ring_kernel_info_get_any_format(),
 * ring_kernel_info_get_any_size().
 *
 * Returns: whether the kernel makes the one of the other; %FALSE with
 *   %RING_ERROR_FORMAT, %RING_ERROR_BUSY while messages are in flight, or
 *   %RING_ERROR_NO_MEMORY
 */
gboolean
ring_kernel_set_formats (RingKernel *kernel, const RingFormat *input,
    const RingFormat *output, GError **error)
{
  gboolean ok;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);
  g_return_val_if_fail (input != NULL, FALSE);

  ring_kernel_await_harvester_ (kernel);
  g_mutex_lock (&kernel->send_lock);
  ok = ring_kernel_set_formats_locked_ (kernel, input, output, error);
  g_mutex_unlock (&kernel->send_lock);
  return ok;
}

/**
 * ring_kernel_get_input_format:
 * @kernel: a handle
 *
 * Returns: (transfer full) (nullable): what goes in; %NULL if not yet settled
 */
RingFormat *
ring_kernel_get_input_format (RingKernel *kernel)
{
  RingFormat *format = NULL;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), NULL);

  g_mutex_lock (&kernel->send_lock);
  if (kernel->has_format)
    format = ring_format_copy (&kernel->input_format);
  g_mutex_unlock (&kernel->send_lock);
  return format;
}

/**
 * ring_kernel_get_output_format:
 * @kernel: a handle
 *
 * Returns: (transfer full) (nullable): what comes out; %NULL if not yet settled
 */
RingFormat *
ring_kernel_get_output_format (RingKernel *kernel)
{
  RingFormat *format = NULL;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), NULL);

  g_mutex_lock (&kernel->send_lock);
  if (kernel->has_format)
    format = ring_format_copy (&kernel->output_format);
  g_mutex_unlock (&kernel->send_lock);
  return format;
}

/**
 * ring_kernel_get_output_size:
 * @kernel: a handle whose format is settled
 * @input_size: bytes of a message's payload
 *
 * Returns: bytes that each output of ring_kernel_submit() has to have room for, tightly
 *   packed; 0 if the format is not yet settled
 */
gsize
ring_kernel_get_output_size (RingKernel *kernel, gsize input_size)
{
  gsize size = 0;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), 0);

  g_mutex_lock (&kernel->send_lock);
  if (kernel->has_format)
    size = ring_output_size_ (kernel, input_size);
  g_mutex_unlock (&kernel->send_lock);
  return size;
}

/* ---- parameters ---------------------------------------------------------------- */

/* With send_lock. Applies to a copy first, so that a mistake in the middle changes
 * nothing. */
static gboolean
apply_locked (RingKernel *kernel, const GPtrArray *texts, const gchar *name,
    const GValue *value, GError **error)
{
  RingParameters *changed = ring_parameters_copy (kernel->parameters);

  if (texts ? !ring_parameters_set_texts (changed, texts, error)
            : !ring_parameters_set (changed, name, value, error)) {
    ring_parameters_free (changed);
    return FALSE;
  }
  ring_parameters_free (kernel->parameters);
  kernel->parameters = changed;
  /* A kernel without parameters has a single set, which never changes. */
  __atomic_store_n (&kernel->parameters_changed,
      kernel->description->n_parameters > 0, __ATOMIC_RELAXED);
  return TRUE;
}

/* Takes @texts. Their lists are read without the lock, that streams wait for; and once
 * more, if another version of the kernel has taken over meanwhile. */
static gboolean
set_texts (RingKernel *kernel, GPtrArray *texts, GError **error)
{
  gboolean ok = texts != NULL, current = FALSE;

  while (ok && !current) {
    RingKernelInfo *info;
    const RingModule *module;

    g_mutex_lock (&kernel->lock);
    info = ring_kernel_info_ref (kernel->info);
    g_mutex_unlock (&kernel->lock);
    module = ring_kernel_info_get_module_ (info);
    ok = ring_parameter_texts_read_ (texts, module->description, module->name,
        kernel->config.parameter_files, error);
    g_mutex_lock (&kernel->send_lock);
    current = kernel->info == info;
    if (ok && current)
      ok = apply_locked (kernel, texts, NULL, NULL, error);
    g_mutex_unlock (&kernel->send_lock);
    ring_kernel_info_unref (info);
  }
  g_clear_pointer (&texts, g_ptr_array_unref);
  return ok;
}

/**
 * ring_kernel_set_parameter:
 * @kernel: a handle
 * @name: the parameter, with '-' or '_'
 * @value: a number, boolean, enumeration or string
 * @error: return location for an error
 *
 * Holds for messages accepted from now on; a message sees one value throughout.
 *
 * Returns: whether it was set; %FALSE with %RING_ERROR_PARAMETER
 */
gboolean
ring_kernel_set_parameter (RingKernel *kernel, const gchar *name,
    const GValue *value, GError **error)
{
  gboolean ok;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);
  g_return_val_if_fail (name != NULL && G_IS_VALUE (value), FALSE);
  if (G_VALUE_HOLDS_STRING (value) && g_value_get_string (value))
    return ring_kernel_set_parameter_from_string (kernel, name,
        g_value_get_string (value), error);
  g_mutex_lock (&kernel->send_lock);
  ok = apply_locked (kernel, NULL, name, value, error);
  g_mutex_unlock (&kernel->send_lock);
  return ok;
}

/**
 * ring_kernel_set_parameter_from_string:
 * @kernel: a handle
 * @name: the parameter, with '-' or '_'
 * @value: its value as text; lists as "0.25, 0.5, 0.25"
 * @error: return location for an error
 *
 * With #RingConfig.parameter_files, "@FILE" is the list that FILE holds, as it is now.
 * It is read by the calling thread, and no message waits for that. A .cube file gives
 * the colours of its table; a .wav file of one channel its samples; any other numbers
 * with blanks, commas or line ends between, and comments that begin with #. Only regular
 * files are opened, of a size that the list may have.
 *
 * Returns: whether it was set; %FALSE with %RING_ERROR_PARAMETER
 */
gboolean
ring_kernel_set_parameter_from_string (RingKernel *kernel, const gchar *name,
    const gchar *value, GError **error)
{
  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);
  g_return_val_if_fail (name != NULL && value != NULL, FALSE);
  return set_texts (kernel, ring_parameter_texts_new_ (name, value), error);
}

/**
 * ring_kernel_set_parameters_from_string:
 * @kernel: a handle
 * @parameters: "name=value name=value …", quoted where a value has blanks
 * @error: return location for an error
 *
 * Sets all of them between the same two messages, or none.
 *
 * Returns: whether they were set; %FALSE with %RING_ERROR_PARAMETER
 */
gboolean
ring_kernel_set_parameters_from_string (RingKernel *kernel,
    const gchar *parameters, GError **error)
{
  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);
  g_return_val_if_fail (parameters != NULL, FALSE);
  return set_texts (kernel, ring_parameter_texts_split_ (parameters, error),
      error);
}

/**
 * ring_kernel_get_parameter:
 * @kernel: a handle
 * @name: the parameter, with '-' or '_'
 * @value: (out caller-allocates): a zeroed value, or one of the parameter's type
 * @error: return location for an error
 *
 * Returns: whether it was read; %FALSE with %RING_ERROR_PARAMETER
 */
gboolean
ring_kernel_get_parameter (RingKernel *kernel, const gchar *name, GValue *value,
    GError **error)
{
  gboolean ok;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);
  g_return_val_if_fail (name != NULL && value != NULL, FALSE);

  g_mutex_lock (&kernel->send_lock);
  ok = ring_parameters_get (kernel->parameters, name, value, error);
  g_mutex_unlock (&kernel->send_lock);
  return ok;
}
