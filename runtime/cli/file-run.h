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
  gchar *to_format, *to_size;
  gint block, rate, channels;
  gboolean whole; /* the output appears when it is whole, raw bytes too */
} CliFiles;

extern CliFiles cli_files;

/* Options that say what the input is, and what is to come out. */
#define CLI_FILE_OPTIONS \
  { "block", 'b', 0, G_OPTION_ARG_INT, &cli_files.block, \
    "frames of sound, records or bytes in a message (default 4096; " \
    "records 256)", \
    "N" }, \
      { "format", 'f', 0, G_OPTION_ARG_STRING, &cli_files.format, \
        "pixel or sample format: of raw input; of what comes out, where the " \
        "kernel leaves that open; else, of those that the kernel takes, what " \
        "to make of the file", \
        "FORMAT" }, \
      { "size", 's', 0, G_OPTION_ARG_STRING, &cli_files.size, \
        "the size of a picture: of raw input; else of what comes out, where " \
        "the kernel leaves that open", \
        "WxH" }, \
      { "to-format", 0, 0, G_OPTION_ARG_STRING, &cli_files.to_format, \
        "pixel format of what comes out, beside a --format of raw input", \
        "FORMAT" }, \
      { "to-size", 0, 0, G_OPTION_ARG_STRING, &cli_files.to_size, \
        "size of what comes out, beside a --size of raw input", "WxH" }, \
      { "rate", 'r', 0, G_OPTION_ARG_INT, &cli_files.rate, \
        "raw sound and sound in .csv: frames per second (default 48000)", \
        "N" }, \
  { \
    "channels", 'c', 0, G_OPTION_ARG_INT, &cli_files.channels, \
        "raw sound: channels (default 1)", "N" \
  }

typedef enum
{
  CLI_FILE_RAW,
  CLI_FILE_PNG,
  CLI_FILE_WAV,
  CLI_FILE_CSV
} CliFileType;

/* By the end of its name. */
CliFileType cli_file_type (const gchar *path);

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

/* What is to come out, where something was said of it; FALSE if that was nonsense. */
gboolean cli_source_wanted (const CliSource *source, RingKernelInfo *info,
    RingFormat **wanted, GError **error);
/* Has @kernel take @source, and make of it what was asked for. */
gboolean cli_source_settle (const CliSource *source, RingKernel *kernel,
    GError **error);

/* The next message; NULL at the end, or with an error. */
RingMessage *cli_source_next (CliSource *source, GError **error);
/* Back to the beginning; FALSE for what can be read once only. */
gboolean cli_source_rewind (CliSource *source);

/* What comes out, on its way into cli_files.output. */
typedef struct
{
  CliFileType type;
  const RingFormat *format; /* what the bytes are */
  const gchar *header;
  FILE *stream;         /* raw */
  GByteArray *gathered; /* all else */
  guint64 messages, bytes;
} CliSink;

/* @source and @out, the format of results, outlive it. */
void cli_sink_init (CliSink *sink, const CliSource *source,
    const RingFormat *out);
/* Whether the output can be what its name says, before anything runs. */
gboolean cli_sink_check (const CliSink *sink, RingKernelInfo *info,
    GError **error);
gboolean cli_sink_open (CliSink *sink, GError **error);
gboolean cli_sink_put (CliSink *sink, GBytes *payload, GError **error);
gboolean cli_sink_finish (CliSink *sink, GError **error);
/* In any case; not @good: what there is of it goes. */
void cli_sink_close (CliSink *sink, gboolean good);

/* Of the domain RING_ERROR, code FORMAT; returns FALSE. */
gboolean cli_set_wrong (GError **error, const gchar *format, ...)
    G_GNUC_PRINTF (2, 3);

/* With a device or without, see RingBackendType; messages of at most @message bytes;
 * @reload: other versions may take over. */
RingKernel *cli_launch (const gchar *id, gint wanted, gsize message,
    gboolean reload, GError **error);

typedef gboolean (
    *CliTakeFunc) (GBytes *payload, gpointer data, GError **error);
/* Sends, and takes what results there are, and more where there is no room else. */
gboolean cli_send (RingKernel *kernel, RingMessage *message, CliTakeFunc take,
    gpointer data, GError **error);
/* Waits for all that is in flight, and takes it. */
gboolean cli_drain (RingKernel *kernel, CliTakeFunc take, gpointer data,
    GError **error);

/* Launches the kernel and runs it on all of @source, into the output. */
gboolean cli_run_source (const gchar *id, RingKernelInfo *info,
    CliSource *source, gint wanted, gchar **parameters, GError **error);

#endif /* CLI_FILE_RUN_H */
