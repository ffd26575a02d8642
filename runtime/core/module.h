/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * module.h: a kernel's code in this process, from wherever it came.
 */
#ifndef RING_MODULE_H
#define RING_MODULE_H

#include "ringkernel/ringkernel.h"
#include "ringkernel/worker.h"

#include <gmodule.h>

G_BEGIN_DECLS

/* Reference counted; immutable. */
typedef struct
{
  gatomicrefcount refs;
  const RingCpuModule *cpu;
  const RingKernelDescription *description;
  gchar *name;      /* with '-' for '_' */
  gchar *origin;    /* path, or "built-in" */
  GModule *library; /* or NULL */
  /* Compiled for GPUs ahead of time, as cuModuleLoadData takes it; NULL: origin is
   * a source, or there is none. */
  gconstpointer cuda_image;
} RingModule;

RingModule *ring_module_new_builtin (const gchar *name,
    const RingCpuModule *cpu, gconstpointer cuda_image);
RingModule *ring_module_open (const gchar *path, GError **error);
RingModule *ring_module_load (const gchar *file, const gchar *path,
    GError **error);
RingModule *ring_module_ref (RingModule *module);
void ring_module_unref (RingModule *module);

/* reload.c: whether both declare the same state, and say all about how it lies. */
gboolean ring_module_has_same_state_ (const RingModule *a, const RingModule *b);

/* registry.c: finds the kernel that @id names, by the documented order. */
RingModule *ring_registry_find (const gchar *id, GError **error);
gchar **ring_registry_list (void);

/* info.c */
RingKernelInfo *ring_kernel_info_new_ (RingModule *module);
RingModule *ring_kernel_info_get_module_ (RingKernelInfo *info);
gchar *ring_module_find_beside (const gchar *origin);

/* compile/cc.c: compiles a kernel's source with this machine's C compiler. The
 * module that is returned no longer needs any file. */
RingModule *ring_compile_cc (const gchar *path, GError **error);

#ifdef RING_HAVE_CUDA
/* compile/nvrtc.c: compiles a kernel's source for a GPU of the compute capability
 * @major.@minor with NVRTC, which is opened at run time. Returns what
 * cuModuleLoadData takes. Errors: COMPILE with the compiler's lines, FAILED. */
GBytes *ring_compile_nvrtc (const gchar *path, gint major, gint minor,
    GError **error);
#endif

G_END_DECLS

#endif /* RING_MODULE_H */
