/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * file-run.h: a kernel on a file: what `run` and `watch` share.
 */
#ifndef CLI_FILE_RUN_H
#define CLI_FILE_RUN_H

#include "cli/cli.h"
#include "cli/media.h"

#include <stdio.h>

/* What was typed. */
typedef struct
{
  gchar *input, *output, *format, *size;
  gint block, rate, channels;
  gboolean whole; /* the output appears when it is whole, raw bytes too */
} CliFiles;

extern CliFiles cli_files;

/* Options that say what the input is. */
#define CLI_FILE_OPTIONS \
  { "block", 'b', 0, G_OPTION_ARG_INT, &cli_files.block, \
    "frames of sound, records or bytes in a message (default 4096; " \
    "records 256)", \
    "N" }, \
      { "format", 'f', 0, G_OPTION_ARG_STRING, &cli_files.format, \
        "pixel or sample format: of raw input, or, of those that the kernel " \
        "takes, what to make of the file", \
        "FORMAT" }, \
      { "size", 's', 0, G_OPTION_ARG_STRING, &cli_files.size, \
        "raw video: the size of a picture", "WxH" }, \
      { "rate", 'r', 0, G_OPTION_ARG_INT, &cli_files.rate, \
        "raw sound and sound in .csv: frames per second (default 48000)", \
        "N" }, \
  { \
    "channels", 'c', 0, G_OPTION_ARG_INT, &cli_files.channels, \
        "raw sound: channels (default 1)", "N" \
  }

/* Messages out of a file in memory, or out of a stream of raw bytes. */
typedef struct
{
  CliMedia media; /* bytes are NULL for a stream */
  FILE *stream;
  RingFormat *format; /* of the messages */
  gsize unit, message;
  guint64 at, total; /* bytes; total 0: not known */
} CliSource;

void cli_source_clear (CliSource *source);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliSource, cli_source_clear)

/* Opens the input, as what the kernel takes. */
gboolean cli_source_open (CliSource *source, RingKernelInfo *info,
    GError **error);

/* Launches the kernel and runs it on all of @source, into the output. */
gboolean cli_run_source (const gchar *id, RingKernelInfo *info,
    CliSource *source, gint wanted, gchar **parameters, GError **error);

#endif /* CLI_FILE_RUN_H */
