/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#ifndef GST_RING_KERNEL_ELEMENT_H
#define GST_RING_KERNEL_ELEMENT_H

#include <gst/gst.h>
#include <ringkernel/ringkernel.h>

G_BEGIN_DECLS

/* Which formats and parameters a kernel has does not depend on where it runs, so
 * the cpu, which is always there, answers for all backends. */
G_GNUC_INTERNAL RingKernelInfo *gst_ring_find_kernel (const gchar *id,
    GError **error);

/* Registers an element `ringkernel-NAME` for each kernel that a name finds, and
 * tells GStreamer what that depends on. */
G_GNUC_INTERNAL void gst_ring_kernel_elements_register (GstPlugin *plugin);

G_END_DECLS

#endif /* GST_RING_KERNEL_ELEMENT_H */
