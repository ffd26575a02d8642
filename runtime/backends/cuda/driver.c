/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * driver.c: opens the CUDA driver.
 */
#include "backends/cuda/driver.h"

#include <dlfcn.h>
#include <string.h>

#define DRIVER_LIBRARY "libcuda.so.1"

/* Cubins of a toolkit run on every driver of the same major version or a later
 * one, and PTX on one that is as new. */
#define OLDEST_DRIVER (CUDA_VERSION / 1000 * 1000)

static CudaDriver the_driver;
static GError *the_error;

static gboolean
load_functions (gpointer library, GError **error)
{
  static const struct
  {
    const gchar *name;
    gsize offset;
    gboolean needed;
  } functions[] = {
#define CUDA_ROW(name) { #name, G_STRUCT_OFFSET (CudaDriver, name), TRUE },
    CUDA_FUNCTIONS (CUDA_ROW)
#undef CUDA_ROW
#define CUDA_ROW(name) { #name, G_STRUCT_OFFSET (CudaDriver, name), FALSE },
        CUDA_OPTIONAL_FUNCTIONS (CUDA_ROW)
#undef CUDA_ROW
  };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (functions); i++) {
    gpointer symbol = dlsym (library, functions[i].name);

    if (!symbol && functions[i].needed) {
      g_set_error (error, RING_ERROR, RING_ERROR_NO_DEVICE,
          "the NVIDIA driver's " DRIVER_LIBRARY
          " lacks the function %s; update "
          "the driver",
          functions[i].name);
      return FALSE;
    }
    G_STRUCT_MEMBER (gpointer, &the_driver, functions[i].offset) = symbol;
  }
  return TRUE;
}

static gboolean
open_driver (GError **error)
{
  gpointer library = dlopen (DRIVER_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  CUresult result;

  if (!library) {
    g_set_error (error, RING_ERROR, RING_ERROR_NO_DEVICE,
        "no CUDA here: the NVIDIA driver is not installed (%s)", dlerror ());
    return FALSE;
  }
  if (!load_functions (library, error))
    return FALSE;
  result = the_driver.cuInit (0);
  if (result != CUDA_SUCCESS) {
    gchar *why = cuda_describe (&the_driver, "cuInit", result);

    g_set_error (error, RING_ERROR, RING_ERROR_NO_DEVICE,
        result == CUDA_ERROR_NO_DEVICE ? "no CUDA device on this machine (%s)"
                                       : "the NVIDIA driver does not work: %s",
        why);
    g_free (why);
    return FALSE;
  }
  result = the_driver.cuDriverGetVersion (&the_driver.version);
  if (result != CUDA_SUCCESS || the_driver.version < OLDEST_DRIVER) {
    g_set_error (error, RING_ERROR, RING_ERROR_NO_DEVICE,
        "the NVIDIA driver is too old: it knows CUDA %d.%d, the kernels here need "
        "%d.%d; update the driver",
        the_driver.version / 1000, the_driver.version % 1000 / 10,
        OLDEST_DRIVER / 1000, OLDEST_DRIVER % 1000 / 10);
    return FALSE;
  }
  return TRUE;
}

const CudaDriver *
cuda_driver_get (GError **error)
{
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    open_driver (&the_error);
    g_once_init_leave (&once, 1);
  }
  if (the_error) {
    g_propagate_error (error, g_error_copy (the_error));
    return NULL;
  }
  return &the_driver;
}

gchar *
cuda_describe (const CudaDriver *driver, const gchar *what, CUresult result)
{
  const gchar *name = NULL, *text = NULL;

  if (driver->cuGetErrorName (result, &name) != CUDA_SUCCESS || !name)
    return g_strdup_printf ("%s failed with error %d", what, (gint) result);
  if (driver->cuGetErrorString (result, &text) != CUDA_SUCCESS || !text)
    text = "unknown";
  return g_strdup_printf ("%s failed: %s, %s", what, name, text);
}

gboolean
cuda_check (const CudaDriver *driver, CUresult result, const gchar *doing,
    GError **error)
{
  gchar *why;

  if (result == CUDA_SUCCESS)
    return TRUE;
  why = cuda_describe (driver, doing, result);
  g_set_error_literal (error, RING_ERROR,
      result == CUDA_ERROR_OUT_OF_MEMORY ? RING_ERROR_NO_MEMORY
                                         : RING_ERROR_FAILED,
      why);
  g_free (why);
  return FALSE;
}
