/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * builtin.h: the table of built-in kernels, which the build writes.
 */
#ifndef RING_BUILTIN_H
#define RING_BUILTIN_H

#include <ringkernel/worker.h>

/* Instruction sets, from the one that every machine has upwards. */
enum
{
  RING_VARIANT_BASE,
  RING_VARIANT_V3, /* x86-64-v3: AVX2 and FMA */
  RING_VARIANT_V4, /* x86-64-v4: AVX-512 */
  RING_N_VARIANTS
};

typedef struct
{
  const char *name;                              /* with '-' */
  const RingCpuModule *variant[RING_N_VARIANTS]; /* NULL: not built */
  const void *cuda_image; /* for cuModuleLoadData; NULL: built without CUDA */
} RingBuiltinKernel;

extern const RingBuiltinKernel ring_builtin_kernels[];
extern const unsigned ring_n_builtin_kernels;

#endif /* RING_BUILTIN_H */
