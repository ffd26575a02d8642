/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * toolchain.c: compiling without launching.
 */
#include "core/core-private.h"

/**
 * ring_compile_for_cuda:
 * @path: a kernel's source
 * @capability: compute capability of the GPU, 90 for 9.0; at least 75
 * @error: return location for an error
 *
 * Compiles a kernel for a GPU with NVRTC, which is opened for that. Needs neither a
 * GPU nor a driver. Any thread; takes seconds.
 *
 * Put beside the source or the module of the kernel, the code is found when that is
 * launched: as NAME.cubin if it begins with "\177ELF", else as NAME.ptx.
 *
 * Returns: (transfer full): the code, or %NULL with %RING_ERROR_COMPILE (the message
 *   holds the compiler's lines), %RING_ERROR_KERNEL_NOT_FOUND,
 *   %RING_ERROR_INVALID_OPTION, %RING_ERROR_NO_MEMORY, %RING_ERROR_FAILED where
 *   there is no NVRTC, %RING_ERROR_NOT_BUILT where the library is built without CUDA
 */
GBytes *
ring_compile_for_cuda (const gchar *path, guint capability, GError **error)
{
  g_return_val_if_fail (path != NULL, NULL);

  if (capability < 75 || capability > 999) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "the compute capability is %u; it must be at least 75, which is 7.5",
        capability);
    return NULL;
  }
#ifdef RING_HAVE_CUDA
  return ring_compile_nvrtc (path, (gint) capability / 10,
      (gint) capability % 10, error);
#else
  g_set_error_literal (error, RING_ERROR, RING_ERROR_NOT_BUILT,
      "this libringkernel is built without CUDA");
  return NULL;
#endif
}
