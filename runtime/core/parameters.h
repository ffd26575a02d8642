/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * parameters.h: the host's copy of a handle's parameters, and how values are
 * checked. Not thread safe: the handle guards it.
 */
#ifndef RING_PARAMETERS_H
#define RING_PARAMETERS_H

#include "ringkernel/ringkernel.h"

G_BEGIN_DECLS

typedef struct _RingParameters RingParameters;

RingParameters *ring_parameters_new (const RingKernelDescription *description,
    const gchar *kernel_name);
RingParameters *ring_parameters_copy (const RingParameters *parameters);
/* Those of another version of the kernel: what was set, and is there with the same
 * type and allows the value, keeps it; all else has its default. */
RingParameters *ring_parameters_new_version (const RingParameters *old,
    const RingKernelDescription *description, const gchar *kernel_name);
void ring_parameters_free (RingParameters *parameters);

/* One set as the kernel reads it: 8-byte cells, then the arrays' floats; in @stride
 * bytes, which are at least as many as get_size() says. */
gsize ring_parameters_get_size (const RingKernelDescription *description);
void ring_parameters_write (const RingParameters *parameters, guint8 *set,
    gsize stride);

/* From what is no text. */
gboolean ring_parameters_set (RingParameters *parameters, const gchar *name,
    const GValue *value, GError **error);
/* Texts whose lists were read for the same description; some may be set when another
 * is refused. */
gboolean ring_parameters_set_texts (RingParameters *parameters,
    const GPtrArray *texts, GError **error);
gboolean ring_parameters_get (const RingParameters *parameters,
    const gchar *name, GValue *value, GError **error);

/* The parameter's index; names with '-' or '_'. -1: there is none. */
gint ring_parameter_find_ (const RingKernelDescription *description,
    const gchar *name);
gboolean ring_parameter_check_range_ (const RingParameterDescription *d,
    const gchar *kernel_name, gdouble value, GError **error);
/* A GParamSpec for each, floating references. */
GParamSpec *ring_parameter_to_pspec (const RingKernelDescription *description,
    guint index, const gchar *kernel_name);
/* Checks declared defaults against declared ranges. */
gboolean ring_parameters_check_description (
    const RingKernelDescription *description, GError **error);
const gchar *ring_unit_to_string (guint unit);

G_END_DECLS

#endif /* RING_PARAMETERS_H */
