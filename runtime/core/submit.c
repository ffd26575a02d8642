/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * submit.c: messages by reference.
 */
#include "core/core-private.h"
#include "core/accept.h"

#include <string.h>

/**
 * ring_kernel_submit: (skip)
 * @kernel: an active handle with a format
 * @submission: the message: payload and outputs where they lie
 * @error: return location for an error
 *
 * Hands a message over by reference. Never waits for the kernel: with the queue
 * full it returns at once. In inline mode the message has been processed, and
 * completed, when the call returns, unless another thread is sending too.
 *
 * May be called by a real-time thread: no allocation and no system call as long
 * as the payload is aligned and the handle is in inline mode with one worker.
 *
 * Returns: whether it was accepted; then the completion follows, once. %FALSE
 *   with %RING_ERROR_STATUS, %RING_ERROR_QUEUE_FULL, %RING_ERROR_FORMAT,
 *   %RING_ERROR_PAYLOAD, %RING_ERROR_TOO_LARGE, or %RING_ERROR_BUSY if the kernel
 *   must be drained first because it needs more scratch: then nothing has
 *   happened.
 */
gboolean
ring_kernel_submit (RingKernel *kernel, const RingSubmission *submission,
    GError **error)
{
  RingPlacement placement;
  RingMessageHeader *header;
  RingPayloadRef *output;
  RingRegion *regions;
  RingMemory bounced;
  const RingMemory *input;
  RingEntry *entry;
  gpointer block = NULL;
  gboolean full;
  gsize needed;
  guint i;

  g_return_val_if_fail (RING_IS_KERNEL (kernel), FALSE);
  g_return_val_if_fail (submission != NULL && submission->completed != NULL,
      FALSE);

  input = &submission->input;
  regions = kernel->instance->regions;
  g_mutex_lock (&kernel->send_lock);
  if (!ring_check_can_send_locked_ (kernel, &full, error))
    goto refused;
  if (G_UNLIKELY (!kernel->has_format)) {
    g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
        "kernel '%s' needs a format first: ring_kernel_set_format",
        ring_kernel_name_ (kernel));
    goto refused;
  }
  if (G_UNLIKELY (submission->n_outputs != kernel->max_outputs)) {
    g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
        "kernel '%s' needs %u outputs, the submission has %u",
        ring_kernel_name_ (kernel), kernel->max_outputs, submission->n_outputs);
    goto refused;
  }
  if (G_UNLIKELY ((submission->input_on_device || submission->outputs_on_device)
          && !kernel->instance->klass->publish)) {
    g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
        "a payload of kernel '%s' lies in a GPU's memory, and the kernel runs on "
        "this machine's processors",
        ring_kernel_name_ (kernel));
    goto refused;
  }
  if (!ring_check_memory_ (kernel, &kernel->input_format, input, "input", error)
      || !ring_check_units_ (kernel, input->size, error)
      || !ring_fit_buffers_locked_ (kernel, input->size, error))
    goto refused;
  needed = kernel->output_format.kind == RING_PAYLOAD_VIDEO
      ? 0
      : ring_output_size_ (kernel, input->size);
  for (i = 0; i < submission->n_outputs; i++) {
    const RingMemory *memory = &submission->outputs[i];

    if (!ring_check_memory_ (kernel, &kernel->output_format, memory, "output",
            error))
      goto refused;
    if (G_UNLIKELY (memory->size < needed)) {
      g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
          "an output of kernel '%s' needs %" G_GSIZE_FORMAT
          " bytes; it has %" G_GSIZE_FORMAT,
          ring_kernel_name_ (kernel), needed, memory->size);
      goto refused;
    }
    if (G_UNLIKELY (!ring_aligned_for_ (&kernel->output_format,
            memory->plane[0].data))) {
      g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
          "an output of kernel '%s' lies at an address that is not aligned for "
          "its samples or records",
          ring_kernel_name_ (kernel));
      goto refused;
    }
  }
  if (G_UNLIKELY (
          !ring_aligned_for_ (&kernel->input_format, input->plane[0].data))) {
    if (submission->input_on_device) {
      g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
          "the input of kernel '%s' lies at an address of the device that is not "
          "aligned for its samples or records",
          ring_kernel_name_ (kernel));
      goto refused;
    }
    block = ring_payload_pool_acquire (kernel->pool, input->size);
    if (!block) {
      g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
          "no memory for %" G_GSIZE_FORMAT " bytes of payload", input->size);
      goto refused;
    }
    memcpy (block, input->plane[0].data, input->size);
    ring_count (&kernel->bytes_copied, input->size);
    ring_lay_out_ (&kernel->input_format, block, input->size, &bounced);
    input = &bounced;
  }

  header = ring_begin_message_locked_ (kernel, &entry);
  entry->by_reference = TRUE;
  entry->correlation_id = 0;
  entry->type = 0;
  entry->completed = submission->completed;
  entry->user_data = submission->user_data;
  entry->message = NULL;
  entry->caller = NULL;
  entry->input_block = block;

  header->correlation_id = 0;
  header->type = 0;
  header->flags = submission->discont ? RING_MESSAGE_DISCONT : 0;
  if (submission->outputs[0].plane[0].data == input->plane[0].data)
    header->flags |= RING_MESSAGE_IN_PLACE;
  header->pts = submission->pts;
  header->duration = submission->duration;
  ring_fill_payload_format_ (&header->payload, &kernel->input_format);
  ring_refer_ (&header->payload, regions,
      ring_first_region_ (kernel, header->entry, 0), input);
  output = ring_output_refs_ (header);
  for (i = 0; i < submission->n_outputs; i++) {
    ring_fill_payload_format_ (&output[i], &kernel->output_format);
    ring_refer_ (&output[i], regions,
        ring_first_region_ (kernel, header->entry, 1 + i),
        &submission->outputs[i]);
    if (needed)
      output[i].size = needed;
    kernel->output_blocks[header->entry * submission->n_outputs + i] = NULL;
  }
  placement.input_on_device = submission->input_on_device;
  placement.outputs_on_device = submission->outputs_on_device;
  placement.input_stream = submission->input_stream;
  placement.output_stream = submission->output_stream;
  if (!ring_end_message_locked_ (kernel, entry, input->size, &placement, error))
    goto refused;
  g_mutex_unlock (&kernel->send_lock);

  kernel->instance->klass->wake (kernel->instance);
  return TRUE;

refused:
  g_mutex_unlock (&kernel->send_lock);
  ring_count (&kernel->refused, 1);
  return FALSE;
}
