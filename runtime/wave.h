/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * wave.h: where the samples lie in a RIFF file: PCM of 8, 16, 24 and 32 bits, floats of
 * 32 and 64. Part of the library, which reads lists of numbers so, and of the command,
 * which reads sound.
 */
#ifndef RING_WAVE_H
#define RING_WAVE_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  gboolean is_float;
  guint channels, rate, bits;
  const guint8 *samples; /* in the file's bytes; whole frames */
  gsize n_samples;       /* of all channels */
} RingWave;

/* @data: the whole file, which is called @path in messages. */
gboolean ring_wave_find (RingWave *wave, const guint8 *data, gsize size,
    const gchar *path, GError **error);
/* @bytes of @at, least significant first. */
guint32 ring_wave_get (const guint8 *at, guint bytes);
/* The @i-th sample; integers become -1 to 1. */
gdouble ring_wave_sample (const RingWave *wave, gsize i);

G_END_DECLS

#endif /* RING_WAVE_H */
