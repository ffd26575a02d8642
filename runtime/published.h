/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * published.h: what a process that allows it tells of its handles, as the library
 * writes it and `ringkernel top` reads it.
 *
 * One file for each process, PID.handles, in a directory that is this user's alone.
 * It is a key file, in UTF-8, and appears whole, by a rename:
 *
 *     [process]    format, pid, start, name, time
 *     [handle ID]  kernel, backend, mode, status, capacity, the counts below;
 *                  label, error, fallback where there is one
 *
 * `start` is when the process began, by the kernel's clock, so that another one with
 * the same number is not taken for it; `time` is us of the monotonic clock, which is
 * one for the whole machine. Enumerations are nicks.
 */
#ifndef RING_PUBLISHED_H
#define RING_PUBLISHED_H

#include <glib.h>

G_BEGIN_DECLS

/* Another one is not read. */
#define RING_PUBLISHED_FORMAT 1u

#define RING_PUBLISHED_SUFFIX ".handles"
/* and the process's number: a file that is not finished */
#define RING_PUBLISHED_TEMPORARY ".new-"

#define RING_PUBLISHED_PROCESS "process"
#define RING_PUBLISHED_HANDLE "handle "

/* us from one snapshot to the next. */
#define RING_PUBLISHED_PERIOD (500 * G_TIME_SPAN_MILLISECOND)

/* Of RingMetrics; a key has the member's name. */
#define RING_PUBLISHED_COUNTS(count) \
  count (accepted); \
  count (delivered); \
  count (rejected); \
  count (discarded); \
  count (in_flight); \
  count (refused); \
  count (outputs); \
  count (bytes_in); \
  count (bytes_out); \
  count (bytes_copied); \
  count (queue_depth); \
  count (queue_depth_max); \
  count (order_errors); \
  count (ring_p50); \
  count (ring_p99); \
  count (ring_max); \
  count (kernel_p50); \
  count (kernel_p99); \
  count (kernel_max); \
  count (total_p50); \
  count (total_p99); \
  count (total_max); \
  count (residencies); \
  count (relaunches); \
  count (generation); \
  count (workers)

/* Where files may lie, NULL behind the last: $XDG_RUNTIME_DIR/ringkernel where there
 * is that variable, and ringkernel-UID in the directory for temporary files. The
 * first is where this process writes. */
gchar **ring_published_dirs (void);

/* Opens one of them, which is made if @create. -1 with @why (transfer full): it
 * cannot be, or somebody else could write or look there; -1 without: it is not
 * there. */
gint ring_published_open (const gchar *dir, gboolean create, gchar **why);

/* When a process began; FALSE: there is no such process, or it has ended and only its
 * parent has not noticed. */
gboolean ring_published_start (guint64 pid, guint64 *start);

G_END_DECLS

#endif /* RING_PUBLISHED_H */
