/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A module with one thing wrong with it, chosen when it is compiled
 * (-DBAD_VERSION and so on). Made by hand, because RING_KERNEL makes none of
 * these mistakes.
 */
#include <ringkernel/kernel-sdk.h>

#ifdef UNRESOLVED
extern void ring_no_such_function (void);
#endif

static void
entry (const RingInvocation *invocation, RingWorker *ring)
{
#ifdef UNRESOLVED
  ring_no_such_function ();
#endif
  (void) invocation;
  (void) ring;
}

static const RingKernelDescription description = {
#ifdef BAD_DESCRIPTION_VERSION
  .abi_version = RING_ABI_VERSION + 1,
#else
  .abi_version = RING_ABI_VERSION,
#endif
#ifdef BAD_KIND
  .kind = 77,
#elif defined(BAD_VIDEO_FORMAT)
  .kind = RING_KIND_VIDEO,
  .input_formats = "GRAY8, NOSUCHFORMAT",
#elif defined(BAD_AUDIO_FORMAT)
  .kind = RING_KIND_AUDIO,
  .input_formats = "S16LE, RGB",
#elif defined(BAD_RECORD_TYPE)
  .kind = RING_KIND_RECORD,
  .input_formats = "as",
  .output_formats = "as",
  .input_record_size = 8,
  .output_record_size = 8,
#elif defined(BAD_RECORD_SIZE)
  .kind = RING_KIND_RECORD,
  .input_formats = "(td)",
  .output_formats = "(td)",
  .input_record_size = 12,
  .output_record_size = 16,
#endif
  .layout_hash = RING_LAYOUT_HASH,
#ifdef BAD_NAME
  .name = "",
#else
  .name = "bad_module",
#endif
  .description = "Has something wrong with it",
#ifdef BAD_SHARING
  .sharing = RING_SHARING_BLOCK,
  .state_size = 64,
#endif
#ifdef BAD_OUTPUTS
  .max_outputs = RING_MAX_OUTPUTS + 1,
#else
  .max_outputs = 1,
#endif
#ifdef BAD_PARAMETER_COUNT
  .n_parameters = RING_MAX_PARAMETERS + 1,
#elif defined(BAD_PARAMETER_TYPE)
  .n_parameters = 1,
  .parameter = { { .name = "x", .type = 99 } },
#elif defined(BAD_PARAMETER_NAME)
  .n_parameters = 1,
  .parameter = { { .name = "", .type = RING_PARAMETER_FLOAT, .maximum = 1 } },
#elif defined(BAD_PARAMETER_TWICE)
  .n_parameters = 2,
  .parameter = { { .name = "x", .type = RING_PARAMETER_FLOAT, .maximum = 1 },
      { .name = "x", .type = RING_PARAMETER_FLOAT, .maximum = 1 } },
#elif defined(BAD_PARAMETER_DEFAULT)
  .n_parameters = 1,
  .parameter = { { .name = "x",
      .type = RING_PARAMETER_FLOAT,
      .default_value = 5,
      .minimum = 0,
      .maximum = 1 } },
#endif
};

#ifndef NO_SYMBOL
RING_EXPORT_ const RingCpuModule ring_kernel_module = {
#ifdef BAD_VERSION
  RING_ABI_VERSION + 1,
#else
  RING_ABI_VERSION,
#endif
#ifdef BAD_SIZE
  8,
#else
  sizeof (RingCpuModule),
#endif
#ifdef BAD_HASH
  RING_LAYOUT_HASH ^ 1,
#else
  RING_LAYOUT_HASH,
#endif
#ifdef NO_DESCRIPTION
  0,
#else
  &description,
#endif
#ifdef NO_ENTRY
  0,
#else
  entry,
#endif
};
#endif
