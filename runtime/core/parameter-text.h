/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * parameter-text.h: values of parameters as text. What takes long with them, reading a
 * list or a file, is done without the handle's locks.
 */
#ifndef RING_PARAMETER_TEXT_H
#define RING_PARAMETER_TEXT_H

#include "ringkernel/ringkernel.h"

G_BEGIN_DECLS

/* What stands before the name of a file that a list is read from. */
#define RING_FILE_MARK '@'

/* One value. */
typedef struct
{
  gchar *name;
  gchar *text;
  GArray *list; /* of gfloat: what @text says, if it is for a list; or NULL */
} RingParameterText;

/* Arrays of them, with everything that they hold. */
GPtrArray *ring_parameter_texts_new_ (const gchar *name, const gchar *text);
/* "a=1 b=2"; arrays and values with blanks in quotes. */
GPtrArray *ring_parameter_texts_split_ (const gchar *text, GError **error);
/* Reads the lists; @files: "@FILE" is one that FILE holds. */
gboolean ring_parameter_texts_read_ (GPtrArray *texts,
    const RingKernelDescription *description, const gchar *kernel_name,
    gboolean files, GError **error);

gboolean ring_parse_number_ (const gchar *text, gdouble *value);
GArray *ring_parse_list_ (const RingParameterDescription *d,
    const gchar *kernel_name, const gchar *text, GError **error);

/* number-file.c: what @path holds for @d; NULL with RING_ERROR_PARAMETER. */
GArray *ring_number_file_read_ (const gchar *path,
    const RingParameterDescription *d, const gchar *kernel_name,
    GError **error);

G_END_DECLS

#endif /* RING_PARAMETER_TEXT_H */
