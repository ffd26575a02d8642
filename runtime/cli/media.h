/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * media.h: files that kernels can be run on.
 */
#ifndef CLI_MEDIA_H
#define CLI_MEDIA_H

#include <ringkernel/ringkernel.h>

/* A whole file in memory: whole units of @format, close together. */
typedef struct
{
  RingFormat *format;
  GBytes *bytes;
  gchar *header; /* CSV: the line with names, if there is one */
  gchar *note;   /* what was lost on the way here, or NULL */
} CliMedia;

void cli_media_clear (CliMedia *media);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliMedia, cli_media_clear)

/* ---- png.c. Pixels of 8 bits. @formats: names of pixel formats that will do, the
 * one that loses least is taken; NULL: the picture's own. */
gboolean cli_png_read (CliMedia *media, const gchar *path, gchar **formats,
    GError **error);
gboolean cli_png_write (const gchar *path, const RingFormat *format,
    GBytes *pixels, GError **error);
/* Whether pictures can be read and written as this. */
gboolean cli_png_has_format (RingVideoFormat format);

/* ---- wav.c. RIFF with PCM of 8 to 32 bits, or floats of 32 or 64. @formats: names
 * of sample formats that will do; NULL: the file's own. */
gboolean cli_wav_read (CliMedia *media, const gchar *path, gchar **formats,
    GError **error);
gboolean cli_wav_write (const gchar *path, const RingFormat *format,
    GBytes *samples, GError **error);

/* ---- csv.c. A line for each record or audio frame, a column for each field or
 * channel. @format: what lines are read as; where it is audio with 0 channels, the
 * first line says how many there are. */
gboolean cli_csv_read (CliMedia *media, const gchar *path,
    const RingFormat *format, GError **error);
gboolean cli_csv_write (const gchar *path, const RingFormat *format,
    const gchar *header, GBytes *units, GError **error);

/* ---- record.c */

/* A number in a record or an audio frame. */
typedef struct
{
  gchar type; /* of GVariant: y b n q i u x t d; f: a float of 32 bits */
  guint offset;
} CliField;

/* The fields of a unit of @format, records or audio, in the order in which they
 * lie; an error if there is one that is no number. */
GArray *cli_fields (const RingFormat *format, GError **error);
gsize cli_field_size (gchar type);
/* As a double, exact but for the largest integers of 64 bits. */
gdouble cli_field_get (const CliField *field, const guint8 *unit);
/* The shortest text that gives the same number again. */
gchar *cli_field_print (const CliField *field, const guint8 *unit);
/* FALSE where @text is no such number; @expected then says what one is. */
gboolean cli_field_parse (const CliField *field, guint8 *unit,
    const gchar *text, const gchar **expected);

#endif /* CLI_MEDIA_H */
