/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "wave.h"

#include <ringkernel/ringkernel.h>
#include <string.h>

enum
{
  WAVE_PCM = 1,
  WAVE_FLOAT = 3,
  WAVE_EXTENSIBLE = 0xfffe
};

guint32
ring_wave_get (const guint8 *at, guint bytes)
{
  guint32 value = 0;
  guint i;

  for (i = 0; i < bytes; i++)
    value |= (guint32) at[i] << 8 * i;
  return value;
}

static gboolean
set_bad (GError **error, const gchar *path, const gchar *what)
{
  g_set_error (error, RING_ERROR, RING_ERROR_PAYLOAD,
      "%s is no WAV file that can be read: %s", path, what);
  return FALSE;
}

static gboolean
read_fmt (RingWave *wave, const guint8 *chunk, gsize size, const gchar *path,
    GError **error)
{
  const guint bits = size < 16 ? 0 : ring_wave_get (chunk + 14, 2);
  guint encoding;

  if (size < 16)
    return set_bad (error, path, "its chunk 'fmt ' is too short");
  encoding = ring_wave_get (chunk, 2);
  if (encoding == WAVE_EXTENSIBLE && size >= 26)
    encoding = ring_wave_get (chunk + 24, 2);
  wave->is_float = encoding == WAVE_FLOAT;
  wave->channels = ring_wave_get (chunk + 2, 2);
  wave->rate = ring_wave_get (chunk + 4, 4);
  wave->bits = bits;
  if (!(encoding == WAVE_PCM
          && (bits == 8 || bits == 16 || bits == 24 || bits == 32))
      && !(encoding == WAVE_FLOAT && (bits == 32 || bits == 64)))
    return set_bad (error, path,
        "it holds neither PCM of 8 to 32 bits nor floats; convert it, for "
        "instance with ffmpeg or sox");
  if (wave->channels == 0 || wave->rate == 0
      || ring_wave_get (chunk + 12, 2) != wave->channels * bits / 8)
    return set_bad (error, path, "its channels, rate and sizes contradict");
  return TRUE;
}

/* Finds both chunks; what else there is, is passed over. */
gboolean
ring_wave_find (RingWave *wave, const guint8 *data, gsize size,
    const gchar *path, GError **error)
{
  gboolean has_fmt = FALSE;
  gsize at = 12;

  if (size < 12 || memcmp (data, "RIFF", 4) != 0
      || memcmp (data + 8, "WAVE", 4) != 0)
    return set_bad (error, path, "it does not begin as one");
  while (size - at >= 8) {
    const guint8 *chunk = data + at;
    gsize length = ring_wave_get (chunk + 4, 4);

    at += 8;
    if (memcmp (chunk, "fmt ", 4) == 0) {
      if (length > size - at)
        return set_bad (error, path, "it is cut off");
      if (!read_fmt (wave, chunk + 8, length, path, error))
        return FALSE;
      has_fmt = TRUE;
    } else if (memcmp (chunk, "data", 4) == 0) {
      if (!has_fmt)
        return set_bad (error, path, "its samples come before their format");
      /* Whoever writes into a pipe does not know how long it will be. */
      if (length == 0xffffffff)
        length = size - at;
      if (length > size - at || length % (wave->channels * wave->bits / 8) != 0)
        return set_bad (error, path, "it is cut off");
      wave->samples = chunk + 8;
      wave->n_samples = length / (wave->bits / 8);
      return TRUE;
    }
    at += MIN (length + length % 2, size - at);
  }
  return set_bad (error, path, "it has no samples");
}

gdouble
ring_wave_sample (const RingWave *wave, gsize i)
{
  const guint bytes = wave->bits / 8;
  const guint8 *at = wave->samples + i * bytes;
  gfloat f32;
  gdouble f64;

  if (wave->bits == 8)
    return (*at - 128) / 128.0;
  if (!wave->is_float)
    return (gint32) (ring_wave_get (at, bytes) << (32 - wave->bits))
        / 2147483648.0;
  if (wave->bits == 32) {
    memcpy (&f32, at, 4);
    return f32;
  }
  memcpy (&f64, at, 8);
  return f64;
}
