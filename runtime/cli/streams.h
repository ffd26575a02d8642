/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * streams.h: random streams for any kernel, and what a handle makes of them: from
 * memory of the caller, with padding and canaries, or by copy.
 */
#ifndef CLI_STREAMS_H
#define CLI_STREAMS_H

#include <ringkernel/ringkernel.h>

#define STREAM_MESSAGES 4

/* Where all chance comes from: the same seed gives the same streams. */
typedef struct
{
  guint64 seed; /* never 0 */
  guint64 time; /* of the last record with a time */
} StreamRandom;

typedef struct
{
  gchar *parameters; /* set before it is sent; NULL: none */
  guint8 *data;      /* planes and rows close together */
  gsize size;
  guint padding; /* bytes behind each row */
  gboolean discont, in_place;
  gdouble taps; /* sum of the absolute values of a list that is in effect */
  guint n_taps;
} StreamItem;

/* How payloads get into the device's memory: the command knows no driver. Neither
 * function fails; @context is the runtime's, see ring_runtime_get_cuda_context(). */
typedef struct
{
  /* Gets memory of the device and copies @size bytes into it. */
  gpointer (*to_device) (gpointer context, gconstpointer data, gsize size);
  /* Copies them back into @data and frees that memory. */
  void (*from_device) (gpointer context, gpointer device, gpointer data,
      gsize size);
} StreamDevice;

typedef struct
{
  RingKernelInfo *info;
  RingFormat *format;
  /* What comes out, where the kernel leaves that open; NULL: what it says by itself. */
  RingFormat *wanted;
  gboolean by_copy; /* send and receive, else submit */
  gboolean pinned;  /* submitted from memory that the runtime gave */
  /* Submitted from, and to, memory of the device, where the runtime has one; NULL
   * and FALSE unless the caller sets them. In place takes both or neither. */
  const StreamDevice *device;
  gboolean device_in, device_out;
  guint n;
  StreamItem item[STREAM_MESSAGES];
} Stream;

/* What came out, for each message by reference, else for all of them together. */
typedef struct
{
  GPtrArray *bytes; /* of GBytes */
  guint of[STREAM_MESSAGES * RING_MAX_OUTPUTS
      + 1]; /* which message each came of */
} StreamResults;

/* Fills @size bytes with whole units of @format. Samples and values are numbers. */
void stream_fill (StreamRandom *random, const RingFormat *format, guint8 *data,
    gsize size);

/* @sizes are of payloads, in units of the format's own; 0 ends them. @last is the
 * message before, whose parameters still hold. Takes @format. */
Stream *stream_new (StreamRandom *random, RingKernelInfo *info,
    RingFormat *format, const guint *sizes, gboolean by_copy,
    const StreamItem *last);
void stream_free (Stream *stream);
/* Sets the format, sends all messages, gathers all that comes out: GBytes in
 * @results, to be cleared. */
gboolean stream_run (const Stream *stream, RingKernel *kernel,
    RingRuntime *runtime, StreamResults *results, GError **error);
void stream_results_clear (StreamResults *results);

/* One stream of a set; takes @format. */
typedef gboolean (*StreamFunc) (RingFormat *format, const guint *sizes,
    gboolean by_copy, gpointer data);
/* Calls @func for streams of every format that the kernel takes, of sizes that
 * travel in a slot, that do not, and that are far too large for it; until it returns
 * FALSE, and then returns that. */
gboolean stream_for_each (StreamRandom *random, RingKernelInfo *info,
    StreamFunc func, gpointer data);

/* How a payload of @format lies, with @padding bytes behind each row of a picture;
 * @size counts for what is no picture. Returns the bytes that it takes. */
gsize stream_lay_out (RingMemory *memory, const RingFormat *format, gsize size,
    guint padding);
/* Its planes one behind the other from @data on. */
void stream_place_at (RingMemory *memory, gpointer data);

/* Where the byte @at of a payload of @format lies, for people. */
gchar *stream_place (const RingFormat *format, gsize at);

#endif /* CLI_STREAMS_H */
