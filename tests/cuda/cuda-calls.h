/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cuda-calls.h: the driver as an application would use it, a real one or the
 * stand-in: opened at run time, so that a test runs where there is none.
 */
#ifndef RING_CUDA_CALLS_H
#define RING_CUDA_CALLS_H

#include <cuda.h>
#include <dlfcn.h>
#include <glib.h>

static gpointer cuda_library;

/* FALSE: there is no driver. */
static inline gboolean
cuda_calls_open (void)
{
  if (!cuda_library)
    cuda_library = dlopen ("libcuda.so.1", RTLD_NOW);
  return cuda_library != NULL;
}

/* What a function of the driver returns. */
#define CUDA_RESULT(function, ...) \
  ({ \
    __typeof__ (&function) call_ = NULL; \
    *(gpointer *) &call_ = dlsym (cuda_library, #function); \
    g_assert_nonnull (call_); \
    call_ (__VA_ARGS__); \
  })

#define CUDA_CALL(function, ...) \
  G_STMT_START \
  { \
    const CUresult result_ = CUDA_RESULT (function, __VA_ARGS__); \
\
    if (result_ != CUDA_SUCCESS) \
      g_error ("%s:%d: " #function " failed with error %d", __FILE__, \
          __LINE__, (gint) result_); \
  } \
  G_STMT_END

#endif /* RING_CUDA_CALLS_H */
