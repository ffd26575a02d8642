/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Prints the layout of abi.h as this compiler sees it. test_abi.py builds it as
 * C, C++ and CUDA and compares; it also checks that no member is missing here.
 */
#include <stdio.h>

#include <ringkernel/abi.h>

#define SIZE(type) printf (#type " %lu\n", (unsigned long) sizeof (type))
#define AT(type, member) \
  printf (#type "." #member " %lu %lu\n", \
      (unsigned long) RING_OFFSETOF (type, member), \
      (unsigned long) sizeof (((type *) 0)->member))

int
main (void)
{
  SIZE (RingPlaneRef);
  AT (RingPlaneRef, region);
  AT (RingPlaneRef, stride);
  AT (RingPlaneRef, offset);
  AT (RingPlaneRef, size);

  SIZE (RingPayloadRef);
  AT (RingPayloadRef, kind);
  AT (RingPayloadRef, n_planes);
  AT (RingPayloadRef, format);
  AT (RingPayloadRef, width);
  AT (RingPayloadRef, height);
  AT (RingPayloadRef, capacity);
  AT (RingPayloadRef, size);
  AT (RingPayloadRef, plane);

  SIZE (RingMessageHeader);
  AT (RingMessageHeader, slot_sequence);
  AT (RingMessageHeader, magic);
  AT (RingMessageHeader, version);
  AT (RingMessageHeader, payload_count);
  AT (RingMessageHeader, id);
  AT (RingMessageHeader, correlation_id);
  AT (RingMessageHeader, type);
  AT (RingMessageHeader, flags);
  AT (RingMessageHeader, pts);
  AT (RingMessageHeader, duration);
  AT (RingMessageHeader, sequence);
  AT (RingMessageHeader, epoch);
  AT (RingMessageHeader, t_accepted);
  AT (RingMessageHeader, t_started);
  AT (RingMessageHeader, t_finished);
  AT (RingMessageHeader, t_arrived);
  AT (RingMessageHeader, source_generation);
  AT (RingMessageHeader, parameter_set);
  AT (RingMessageHeader, entry);
  AT (RingMessageHeader, output_index);
  AT (RingMessageHeader, depends_handle);
  AT (RingMessageHeader, depends_sequence);
  AT (RingMessageHeader, payload);

  SIZE (RingPosition);
  AT (RingPosition, position);
  AT (RingPosition, pad);

  SIZE (RingGeometry);
  AT (RingGeometry, abi_version);
  AT (RingGeometry, max_outputs);
  AT (RingGeometry, layout_hash);
  AT (RingGeometry, input_capacity);
  AT (RingGeometry, output_capacity);
  AT (RingGeometry, input_stride);
  AT (RingGeometry, output_stride);
  AT (RingGeometry, input_inline_offset);
  AT (RingGeometry, output_inline_offset);
  AT (RingGeometry, inline_size);
  AT (RingGeometry, parameter_stride);
  AT (RingGeometry, parameter_sets);
  AT (RingGeometry, region_count);
  AT (RingGeometry, pad);

  SIZE (RingHostWords);
  AT (RingHostWords, active);
  AT (RingHostWords, terminate);
  AT (RingHostWords, drain);
  AT (RingHostWords, leave);
  AT (RingHostWords, epoch);
  AT (RingHostWords, lease_ns);
  AT (RingHostWords, idle_timeout_ns);
  AT (RingHostWords, parameter_generation);
  AT (RingHostWords, pad);

  SIZE (RingDeviceWords);
  AT (RingDeviceWords, heartbeat);
  AT (RingDeviceWords, residency);
  AT (RingDeviceWords, exit_reason);
  AT (RingDeviceWords, processed);
  AT (RingDeviceWords, last_error);
  AT (RingDeviceWords, abi_version);
  AT (RingDeviceWords, layout_hash);
  AT (RingDeviceWords, residencies);
  AT (RingDeviceWords, relaunches);
  AT (RingDeviceWords, pad);

  SIZE (RingControlBlock);
  AT (RingControlBlock, host);
  AT (RingControlBlock, device);
  AT (RingControlBlock, input_producer);
  AT (RingControlBlock, input_consumer);
  AT (RingControlBlock, output_producer);
  AT (RingControlBlock, output_consumer);
  AT (RingControlBlock, geometry);

  SIZE (RingArrayRef);
  AT (RingArrayRef, count);
  AT (RingArrayRef, offset);

  SIZE (RingParameterDescription);
  AT (RingParameterDescription, name);
  AT (RingParameterDescription, description);
  AT (RingParameterDescription, text);
  AT (RingParameterDescription, type);
  AT (RingParameterDescription, unit);
  AT (RingParameterDescription, max_count);
  AT (RingParameterDescription, reserved);
  AT (RingParameterDescription, default_value);
  AT (RingParameterDescription, minimum);
  AT (RingParameterDescription, maximum);

  SIZE (RingKernelDescription);
  AT (RingKernelDescription, abi_version);
  AT (RingKernelDescription, kind);
  AT (RingKernelDescription, layout_hash);
  AT (RingKernelDescription, name);
  AT (RingKernelDescription, description);
  AT (RingKernelDescription, input_formats);
  AT (RingKernelDescription, output_formats);
  AT (RingKernelDescription, input_record_size);
  AT (RingKernelDescription, output_record_size);
  AT (RingKernelDescription, sharing);
  AT (RingKernelDescription, flags);
  AT (RingKernelDescription, max_outputs);
  AT (RingKernelDescription, n_parameters);
  AT (RingKernelDescription, output_kind);
  AT (RingKernelDescription, max_records);
  AT (RingKernelDescription, state_size);
  AT (RingKernelDescription, state_per_byte);
  AT (RingKernelDescription, scratch_per_byte);
  AT (RingKernelDescription, scratch_size);
  AT (RingKernelDescription, parameter);

  printf ("hash %llu\n", (unsigned long long) RING_LAYOUT_HASH);
  return 0;
}
