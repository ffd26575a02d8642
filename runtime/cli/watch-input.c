/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * watch-input.c: an input, where nobody has named one.
 */
#include "cli/watch.h"

#include <glib/gstdio.h>
#include <math.h>
#include <unistd.h>

#define WIDTH 320
#define HEIGHT 240
#define RATE 48000

/* Bars of colour that become brighter downwards. */
static gboolean
make_picture (const gchar *path, GError **error)
{
  g_autoptr (RingFormat) format =
      ring_format_new_video (RING_VIDEO_FORMAT_RGB, WIDTH, HEIGHT);
  guint8 *pixels = g_malloc (WIDTH * HEIGHT * 3);
  g_autoptr (GBytes) bytes = g_bytes_new_take (pixels, WIDTH * HEIGHT * 3);
  guint x, y, c;

  for (y = 0; y < HEIGHT; y++)
    for (x = 0; x < WIDTH; x++)
      for (c = 0; c < 3; c++)
        *pixels++ =
            (guint8) ((7 - x * 8 / WIDTH) >> c & 1 ? 64 + y * 191 / HEIGHT : 0);
  return cli_png_write (path, format, bytes, error);
}

/* A second of 440 Hz. */
static gboolean
make_tone (const gchar *path, GError **error)
{
  g_autoptr (RingFormat) format =
      ring_format_new_audio (RING_AUDIO_FORMAT_S16LE, RATE, 1);
  gint16 *samples = g_new (gint16, RATE);
  g_autoptr (GBytes) bytes = g_bytes_new_take (samples, RATE * sizeof *samples);
  guint i;

  for (i = 0; i < RATE; i++)
    samples[i] =
        GINT16_TO_LE ((gint16) lrint (16000 * sin (2 * G_PI * 440 * i / RATE)));
  return cli_wav_write (path, format, bytes, error);
}

gboolean
watch_make_input (WatchShared *shared, RingKernelInfo *info, GError **error)
{
  const RingPayloadKind kind = ring_kernel_info_get_kind (info);
  const gboolean tone = kind == RING_PAYLOAD_AUDIO;
  const gchar *suffix = tone ? ".wav" : ".png";
  g_autofree gchar *path = NULL;
  gint fd;

  if (kind == RING_PAYLOAD_RECORD) {
    g_set_error (error, RING_ERROR, RING_ERROR_FORMAT,
        "kernel '%s' takes records, for which there is no test input; say "
        "--input FILE.csv",
        ring_kernel_info_get_name (info));
    return FALSE;
  }
  if (g_str_has_suffix (shared->input, suffix)) {
    cli_files.input = shared->input;
    return TRUE;
  }
  fd =
      g_file_open_tmp (tone ? "ringkernel-XXXXXX.wav" : "ringkernel-XXXXXX.png",
          &path, error);
  if (fd < 0)
    return FALSE;
  close (fd);
  if (!(tone ? make_tone : make_picture) (path, error)) {
    g_unlink (path);
    return FALSE;
  }
  if (*shared->input)
    g_unlink (shared->input);
  g_strlcpy (shared->input, path, sizeof shared->input);
  cli_files.input = shared->input;
  return TRUE;
}
