/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * image.c: a kernel's code for the device: compiled ahead of time for kernels that
 * come with the library, found beside a kernel's file, or compiled from its source.
 */
#include "backends/cuda/cuda-private.h"

#include <string.h>

/* The file beside NAME.c or NAME.so, if there is one. */
static GBytes *
read_beside (const gchar *origin, gchar **found, GError **error)
{
  GError *cause = NULL;
  gchar *data = NULL;
  gsize size;

  *found = ring_module_find_beside (origin);
  if (!*found)
    return NULL;
  if (g_file_get_contents (*found, &data, &size, &cause))
    /* with a final NUL, which PTX needs */
    return g_bytes_new_take (data, size + 1);
  g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID, "%s",
      cause->message);
  g_error_free (cause);
  return NULL;
}

static gconstpointer
find_image (CudaBackend *b, CudaCode *code, gchar **where, GError **error)
{
  const RingModule *module = code->module;
  GError *cause = NULL;

  *where = g_strdup (module->origin);
  if (module->cuda_image)
    return module->cuda_image;
  g_free (*where);
  code->image = read_beside (module->origin, where, &cause);
  if (!code->image && !cause) {
    *where = g_strdup (module->origin);
    if (g_str_has_suffix (module->origin, ".c"))
      code->image =
          ring_compile_nvrtc (module->origin, b->major, b->minor, &cause);
    else
      g_set_error (&cause, RING_ERROR, RING_ERROR_KERNEL_INVALID,
          "kernel '%s' from %s holds code for the cpu only; put its .fatbin, "
          ".cubin or .ptx beside it, or launch its source",
          module->name, module->origin);
  }
  if (cause) {
    g_propagate_error (error, cause);
    return NULL;
  }
  return g_bytes_get_data (code->image, NULL);
}

/* What the code says of itself must be what the cpu's code says: host and device
 * lay out state, parameters and messages by it. */
static gboolean
check_description (CudaBackend *b, const CudaCode *code, const gchar *where,
    GError **error)
{
  const CudaDriver *driver = b->driver;
  RingKernelDescription *d = g_new (RingKernelDescription, 1);
  CUdeviceptr address;
  size_t size = 0;
  gboolean ok;
  CUresult result;

  result = driver->cuModuleGetGlobal_v2 (&address, &size, code->loaded,
      "ring_kernel_description");
  if (result == CUDA_ERROR_NOT_FOUND) {
    /* A compiler may drop what the code itself does not use. The first residency
     * still tells version and layout. */
    g_free (d);
    return TRUE;
  }
  ok = result == CUDA_SUCCESS && size == sizeof *d
      && driver->cuMemcpyDtoH_v2 (d, address, size) == CUDA_SUCCESS
      && d->abi_version == RING_ABI_VERSION
      && d->layout_hash == RING_LAYOUT_HASH
      && memcmp (d, code->module->description, sizeof *d) == 0;
  if (!ok)
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "the device's code of kernel '%s' in %s was made from another version of "
        "the kernel or of this library; build it again",
        code->module->name, where);
  g_free (d);
  return ok;
}

gboolean
cuda_find_code (CudaBackend *b, CudaCode *code, GError **error)
{
  code->data = find_image (b, code, &code->origin, error);
  return code->data != NULL;
}

gboolean
cuda_load_code (CudaBackend *b, CudaCode *code, GError **error)
{
  const CudaDriver *driver = b->driver;
  gchar log[2048] = "";
  CUjit_option options[] = { CU_JIT_ERROR_LOG_BUFFER,
    CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES };
  void *values[] = { log, GUINT_TO_POINTER (sizeof log) };
  const gchar *where = code->origin;
  CUresult result;
  gboolean ok = FALSE;

  result = driver->cuModuleLoadDataEx (&code->loaded, code->data,
      G_N_ELEMENTS (options), options, values);
  if (result != CUDA_SUCCESS) {
    gchar *why = cuda_describe (driver, "loading it", result);

    g_set_error (error, RING_ERROR,
        result == CUDA_ERROR_OUT_OF_MEMORY ? RING_ERROR_NO_MEMORY
                                           : RING_ERROR_KERNEL_INVALID,
        "the code of kernel '%s' in %s does not run on %s (compute capability "
        "%d.%d): %s%s%s",
        code->module->name, where, b->name, b->major, b->minor, why,
        *log ? "\n" : "", log);
    g_free (why);
    code->loaded = NULL;
  } else if (driver->cuModuleGetFunction (&code->function, code->loaded,
                 "ring_kernel_resident")
      != CUDA_SUCCESS) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "the code of kernel '%s' in %s lacks ring_kernel_resident, which "
        "RING_KERNEL defines",
        code->module->name, where);
  } else {
    ok = check_description (b, code, where, error);
  }
  return ok;
}

void
cuda_clear_code (CudaBackend *b, CudaCode *code, gboolean lost)
{
  if (code->loaded && !lost)
    b->driver->cuModuleUnload (code->loaded);
  code->loaded = NULL;
  g_clear_pointer (&code->image, g_bytes_unref);
  g_clear_pointer (&code->origin, g_free);
  g_clear_pointer (&code->module, ring_module_unref);
}
