/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* my-kernel: a filter for sound, to be made your own.
 *
 *   ringkernel run ./my-kernel.c --input in.wav --output out.wav --param drive=8
 *   ringkernel verify ./my-kernel.c
 *   gst-launch-1.0 audiotestsrc ! audioconvert ! ringkernelfilter kernel=./my-kernel.c \
 *     ! audioconvert ! autoaudiosink
 */
#include <ringkernel/kernel-sdk.h>

/* Name, one line on what it does, then what it takes and what it can be told. A
 * parameter has a default, a least and a greatest value, a unit if it has one, and a
 * line of its own; it becomes a property, which may change while sound passes. */
RING_KERNEL (my_kernel, "Drives sound into a soft limit",
    RING_AUDIO ("F32LE"), /* samples from -1 to 1, channels interleaved */
    RING_IN_PLACE, /* no sample depends on another: the result may replace the input */
    RING_FLOAT (drive, 2.0, 1.0, 100.0, RING_UNIT_RATIO,
        "How hard; 1 is the softest"))
{
  const RING_GLOBAL float *from = (const RING_GLOBAL float *) in.data;
  RING_GLOBAL float *to = (RING_GLOBAL float *) out.data;

  /* Every worker runs this. The loop shares out the work: each sample goes to one of
   * them. in.count is the number of frames, a sample of each channel. */
  RING_FOR_EACH (i, in.count * in.channels) {
    const float x = from[i] * params.drive;

    to[i] = x / (1.0f + ring_fabsf (x));
  }
}
