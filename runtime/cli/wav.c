/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * wav.c: sound in RIFF files, of every kind that wave.h reads.
 */
#include "cli/media.h"
#include "wave.h"

#include <math.h>
#include <string.h>

enum
{
  WAVE_PCM = 1,
  WAVE_FLOAT = 3
};

/* ---- samples ------------------------------------------------------------------------------ */

/* From -1 to 1, exact for all formats. */
static gdouble
sample_get (RingAudioFormat format, const guint8 *at)
{
  gint16 s16;
  gint32 s32;
  gfloat f32;
  gdouble f64;

  switch (format) {
    case RING_AUDIO_FORMAT_S16LE:
      memcpy (&s16, at, 2);
      return s16 / 32768.0;
    case RING_AUDIO_FORMAT_S32LE:
      memcpy (&s32, at, 4);
      return s32 / 2147483648.0;
    case RING_AUDIO_FORMAT_F32LE:
      memcpy (&f32, at, 4);
      return f32;
    default:
      memcpy (&f64, at, 8);
      return f64;
  }
}

/* Rounds, halves away from zero, and limits; what is no number becomes silence. */
static gdouble
to_integer (gdouble value, gdouble scale)
{
  return isnan (value) ? 0 : CLAMP (round (value * scale), -scale, scale - 1);
}

static void
sample_put (RingAudioFormat format, guint8 *at, gdouble value)
{
  gint16 s16;
  gint32 s32;
  gfloat f32;

  switch (format) {
    case RING_AUDIO_FORMAT_S16LE:
      s16 = (gint16) to_integer (value, 32768.0);
      memcpy (at, &s16, 2);
      break;
    case RING_AUDIO_FORMAT_S32LE:
      s32 = (gint32) to_integer (value, 2147483648.0);
      memcpy (at, &s32, 4);
      break;
    case RING_AUDIO_FORMAT_F32LE:
      f32 = (gfloat) value;
      memcpy (at, &f32, 4);
      break;
    default:
      memcpy (at, &value, 8);
      break;
  }
}

static gsize
sample_size (RingAudioFormat format)
{
  const RingFormat mono = { .kind = RING_PAYLOAD_AUDIO,
    .audio_format = format,
    .channels = 1,
    .rate = 1 };

  return ring_format_get_frame_size (&mono);
}

/* What @format is best made of: of those that will do the first here. */
static RingAudioFormat
choose (RingAudioFormat own, gchar **formats)
{
  static const RingAudioFormat order[][4] = {
    [RING_AUDIO_FORMAT_S16LE] = { RING_AUDIO_FORMAT_S16LE,
        RING_AUDIO_FORMAT_F32LE, RING_AUDIO_FORMAT_S32LE,
        RING_AUDIO_FORMAT_F64LE },
    [RING_AUDIO_FORMAT_S32LE] = { RING_AUDIO_FORMAT_S32LE,
        RING_AUDIO_FORMAT_F64LE, RING_AUDIO_FORMAT_F32LE,
        RING_AUDIO_FORMAT_S16LE },
    [RING_AUDIO_FORMAT_F32LE] = { RING_AUDIO_FORMAT_F32LE,
        RING_AUDIO_FORMAT_F64LE, RING_AUDIO_FORMAT_S32LE,
        RING_AUDIO_FORMAT_S16LE },
    [RING_AUDIO_FORMAT_F64LE] = { RING_AUDIO_FORMAT_F64LE,
        RING_AUDIO_FORMAT_F32LE, RING_AUDIO_FORMAT_S32LE,
        RING_AUDIO_FORMAT_S16LE },
  };
  guint i;

  for (i = 0; formats && i < 4; i++) {
    const gchar *name = ring_audio_format_to_string (order[own][i]);

    if (g_strv_contains ((const gchar *const *) formats, name))
      return order[own][i];
  }
  return own;
}

/* The file's samples as @own, of which there is one for each of its encodings. */
static GBytes *
unpack (const guint8 *data, gsize n, guint bits, RingAudioFormat own)
{
  const gsize from = bits / 8, size = sample_size (own);
  guint8 *samples = g_malloc (MAX (n * size, 1));
  gsize i;

  for (i = 0; i < n; i++) {
    if (bits == 8) {
      const gint16 value = (gint16) ((data[i] - 128) * 256);

      memcpy (samples + i * size, &value, 2);
    } else if (bits == 24) {
      const guint32 value = ring_wave_get (data + i * from, 3) << 8;

      memcpy (samples + i * size, &value, 4);
    } else {
      memcpy (samples + i * size, data + i * from, size);
    }
  }
  return g_bytes_new_take (samples, n * size);
}

static GBytes *
convert (GBytes *samples, RingAudioFormat from, RingAudioFormat to)
{
  const gsize from_size = sample_size (from), to_size = sample_size (to);
  gsize size, i;
  const guint8 *data = g_bytes_get_data (samples, &size);
  const gsize n = size / from_size;
  guint8 *converted = g_malloc (MAX (n * to_size, 1));

  for (i = 0; i < n; i++)
    sample_put (to, converted + i * to_size,
        sample_get (from, data + i * from_size));
  return g_bytes_new_take (converted, n * to_size);
}

/* ---- reading ------------------------------------------------------------------------------- */

gboolean
cli_wav_read (CliMedia *media, const gchar *path, gchar **formats,
    GError **error)
{
  g_autofree gchar *file = NULL;
  g_autoptr (GBytes) own_bytes = NULL;
  RingAudioFormat own, chosen;
  RingWave wave = { 0 };
  gsize size;

  if (!g_file_get_contents (path, &file, &size, error)
      || !ring_wave_find (&wave, (const guint8 *) file, size, path, error))
    return FALSE;
  own = wave.is_float
      ? (wave.bits == 32 ? RING_AUDIO_FORMAT_F32LE : RING_AUDIO_FORMAT_F64LE)
      : (wave.bits <= 16 ? RING_AUDIO_FORMAT_S16LE : RING_AUDIO_FORMAT_S32LE);
  chosen = choose (own, formats);
  own_bytes = unpack (wave.samples, wave.n_samples, wave.bits, own);
  media->bytes = chosen == own ? g_bytes_ref (own_bytes)
                               : convert (own_bytes, own, chosen);
  media->format = ring_format_new_audio (chosen, wave.rate, wave.channels);
  return TRUE;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void
put (GByteArray *to, guint32 value, guint bytes)
{
  guint8 byte;
  guint i;

  for (i = 0; i < bytes; i++) {
    byte = (guint8) (value >> 8 * i);
    g_byte_array_append (to, &byte, 1);
  }
}

static void
put_name (GByteArray *to, const gchar *name)
{
  g_byte_array_append (to, (const guint8 *) name, 4);
}

gboolean
cli_wav_write (const gchar *path, const RingFormat *format, GBytes *samples,
    GError **error)
{
  const gboolean is_float = format->audio_format == RING_AUDIO_FORMAT_F32LE
      || format->audio_format == RING_AUDIO_FORMAT_F64LE;
  const guint frame = (guint) ring_format_get_frame_size (format);
  g_autoptr (GByteArray) file = g_byte_array_new ();
  gsize size;
  const guint8 *data = g_bytes_get_data (samples, &size);

  if (size > G_MAXUINT32 - 100 || format->channels > G_MAXUINT16) {
    g_set_error (error, RING_ERROR, RING_ERROR_TOO_LARGE,
        "%s: a WAV file holds at most 4 GiB and 65535 channels; write to .raw",
        path);
    return FALSE;
  }
  put_name (file, "RIFF");
  put (file, (guint32) (size + (is_float ? 50 : 36)), 4);
  put_name (file, "WAVE");
  put_name (file, "fmt ");
  put (file, is_float ? 18 : 16, 4);
  put (file, is_float ? WAVE_FLOAT : WAVE_PCM, 2);
  put (file, format->channels, 2);
  put (file, format->rate, 4);
  put (file, format->rate * frame, 4);
  put (file, frame, 2);
  put (file, frame / format->channels * 8, 2);
  if (is_float) {
    /* What is no PCM says how many frames there are. */
    put (file, 0, 2);
    put_name (file, "fact");
    put (file, 4, 4);
    put (file, (guint32) (size / frame), 4);
  }
  put_name (file, "data");
  put (file, (guint32) size, 4);
  g_byte_array_append (file, data, (guint) size);
  /* Sizes of samples are even, or there is one byte of padding; ours all are. */
  return g_file_set_contents (path, (const gchar *) file->data, file->len,
      error);
}
