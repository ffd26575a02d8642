/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#ifndef GST_RING_PARAMS_H
#define GST_RING_PARAMS_H

#include <gst/gst.h>
#include <ringkernel/ringkernel.h>

G_BEGIN_DECLS

#define GST_TYPE_RING_KERNEL_PARAMETERS (gst_ring_kernel_parameters_get_type ())
G_GNUC_INTERNAL
G_DECLARE_DERIVABLE_TYPE (GstRingKernelParameters, gst_ring_kernel_parameters,
    GST, RING_KERNEL_PARAMETERS, GstObject)

struct _GstRingKernelParametersClass
{
  GstObjectClass parent_class;

  GParamSpec **pspecs; /* the kernel's; property i + 1 is pspecs[i] */
  guint n_pspecs;
};

/* A property like @pspec, under @name: a specification belongs to the first class
 * that installs it. */
G_GNUC_INTERNAL GParamSpec *gst_ring_kernel_parameters_clone_pspec (
    GParamSpec *pspec, const gchar *name);

/* A number that grows with each setting, by which settings made in different
 * ways before the launch are applied in the order they were made. */
G_GNUC_INTERNAL guint gst_ring_kernel_parameters_next_serial (void);

G_GNUC_INTERNAL GstRingKernelParameters *gst_ring_kernel_parameters_new (
    RingKernelInfo *info);
/* Whether @self has just the parameters that @info declares. */
G_GNUC_INTERNAL gboolean
gst_ring_kernel_parameters_fit (GstRingKernelParameters *self,
    RingKernelInfo *info);
/* From here on settings go to @kernel. What was set before, among it @text (the
 * `params` property, set at @text_serial), is set on it now. */
G_GNUC_INTERNAL gboolean
gst_ring_kernel_parameters_attach (GstRingKernelParameters *self,
    RingKernel *kernel, const gchar *text, guint text_serial, GError **error);
G_GNUC_INTERNAL void gst_ring_kernel_parameters_detach (
    GstRingKernelParameters *self);
/* Controllers of @from go over to @self, where it has a property of that name. */
G_GNUC_INTERNAL void gst_ring_kernel_parameters_take_controllers (
    GstRingKernelParameters *self, GstRingKernelParameters *from);
/* Reads all values back from the kernel. */
G_GNUC_INTERNAL void gst_ring_kernel_parameters_refresh (
    GstRingKernelParameters *self);

/* Applies @object's controllers; costs nothing where there are none. */
static inline void
gst_ring_sync_values (GstObject *object, GstClockTime stream_time)
{
  if (G_UNLIKELY (g_atomic_pointer_get (&object->control_bindings) != NULL)
      && GST_CLOCK_TIME_IS_VALID (stream_time))
    gst_object_sync_values (object, stream_time);
}

G_END_DECLS

#endif /* GST_RING_PARAMS_H */
