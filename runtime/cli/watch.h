/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * watch.h: the parts of `ringkernel watch`.
 *
 * Two processes: one that stays whatever a kernel does (watch-guard.c), and one of its
 * own for kernels. That one has a thread that watches the file and compiles (watch.c),
 * one that sends the input in a loop (watch-live.c), and one that feeds a window
 * (watch-window.c), which is a program of GStreamer's.
 */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli/file-run.h"

#include <limits.h>

#define WATCH_SIGNATURE 192

/* What both processes see: it outlives a kernel that crashes. The process of kernels
 * writes while there is one; no pointers. */
typedef struct
{
  gint n;                 /* versions that were told of */
  gboolean failed;        /* the last of them */
  gboolean ended;         /* nobody has crashed: it was to end */
  gint compiling, trying; /* atomic: a version that was not told of yet */
  gint under_way; /* atomic: number of the message that a kernel is at, or 0 */
  gboolean no_window; /* closed, or there can be none */
  /* Of what is compiled, and of what was run last: see read_signature(). */
  gchar compiled[WATCH_SIGNATURE], tried[WATCH_SIGNATURE];
  gchar input[PATH_MAX]; /* a test picture or tone, to be removed; "": none */
} WatchShared;

/* ---- watch-guard.c */

/* Calls @run in a process of its own, again after each kernel that crashes or is at a
 * message for more than @limit seconds; with @turns: until so many versions were told
 * of. Before there are threads. Returns what the program ends with. */
gint watch_guard (gint (*run) (WatchShared *shared, gpointer data),
    gpointer data, guint limit, gint turns);

/* ---- watch-input.c */

/* A test picture or a tone, for what @info takes; cli_files.input is its name. The one
 * before goes. */
gboolean watch_make_input (WatchShared *shared, RingKernelInfo *info,
    GError **error);

/* ---- watch-live.c */

typedef struct _WatchLive WatchLive;

/* In the main context: what has become of a version, or later of the loop. @note: what
 * else there is to say, or NULL. */
typedef void (*WatchTold) (gboolean turn, const gchar *note,
    const GError *error, gpointer data);

typedef struct
{
  WatchShared *shared;
  const gchar *path;
  gchar **parameters;
  gboolean window, window_is_asked_for;
  const gchar *sink; /* of the window; NULL: GStreamer's choice */
  WatchTold told;
  gpointer data;
} WatchSettings;

/* @settings outlive it. */
WatchLive *watch_live_new (const WatchSettings *settings);
/* Has that version take over; told() is called once. One at a time. */
void watch_live_take (WatchLive *live, RingKernelInfo *info);
/* Waits for the message that is under way. */
void watch_live_free (WatchLive *live);

/* ---- watch-window.c */

typedef struct _WatchWindow WatchWindow;

/* @format: of pictures, with rows close together; @sink: what shows them, as
 * gst-launch-1.0 takes it, or NULL. */
WatchWindow *watch_window_new (const RingFormat *format, const gchar *sink,
    GError **error);
const RingFormat *watch_window_get_format (WatchWindow *window);
/* Shows it as soon as the one before is shown, unless there is another by then. FALSE,
 * with an error: the window is gone. */
gboolean watch_window_show (WatchWindow *window, GBytes *picture,
    GError **error);
void watch_window_free (WatchWindow *window);

#endif /* CLI_WATCH_H */
