/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * plugin.c: registers the elements. Always, and without a look at any device: which
 * of them there are is found out when a kernel is launched.
 */
#include "gstringkernelfilter.h"
#include "kernelelement.h"

static gboolean
plugin_init (GstPlugin *plugin)
{
  if (!GST_ELEMENT_REGISTER (ringkernelfilter, plugin))
    return FALSE;
  gst_ring_kernel_elements_register (plugin);
  return TRUE;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, ringkernel,
    "Filters that a user writes in a dozen lines of C", plugin_init,
    PACKAGE_VERSION, "LGPL", PACKAGE, "Unknown package origin")
