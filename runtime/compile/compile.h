/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * compile.h: what the files of compile/ share: the source, the cache, the compiler as
 * a process, and its messages.
 */
#ifndef RING_COMPILE_H
#define RING_COMPILE_H

#include "core/module.h"

#include <sys/stat.h>

G_BEGIN_DECLS

/* ---- source.c: a kernel's text, read once ------------------------------------- */

#define RING_SOURCE_MAX_SIZE (1024 * 1024)

typedef struct
{
  gchar *path; /* as its user gave it */
  gchar *text; /* UTF-8, ends with NUL */
  gsize size;
} RingSource;

/* Opens a regular file that has something in it, without ever waiting for somebody
 * at its other end. Returns the descriptor, or -1 with an error. */
gint ring_kernel_file_open (const gchar *path, struct stat *info,
    GError **error);
/* Reads and checks a source. */
RingSource *ring_source_load (const gchar *path, GError **error);
void ring_source_free (RingSource *source);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RingSource, ring_source_free)

/* check.c: whether the text keeps to what every target can compile, as far as the
 * text alone shows. */
gboolean ring_source_check (const RingSource *source, GError **error);
/* Sets the error that a compiler would have: file, line, column. @name's first
 * appearance (as it is, or after __builtin_) says where; NULL or absent: nowhere. */
void ring_source_set_error (const RingSource *source, const gchar *name,
    GError **error, const gchar *format, ...) G_GNUC_PRINTF (4, 5);

/* object.c: whether the library in @object reaches for nothing but maths, and keeps
 * nothing that a kernel's state does not hold. */
gboolean ring_object_check (GBytes *object, const RingSource *source,
    GError **error);

/* ---- messages.c --------------------------------------------------------------- */

/* What a compiler said, about the user's own file: errors first, without the insides
 * of the SDK, a bounded number of them. */
gchar *ring_messages_clean (const gchar *messages, const gchar *path);

/* ---- tool.c ------------------------------------------------------------------- */

/* Runs a compiler, at most for RINGKERNEL_COMPILE_TIMEOUT seconds (60 by default) or
 * until the thread's current GCancellable is cancelled; then it is killed with
 * everything that it started. Returns whether it could be run and came to an end;
 * *@status is then its wait status and *@messages what it wrote to stderr. */
gboolean ring_tool_run (const gchar *const *argv, const gchar *temporary,
    gint *status, gchar **messages, GError **error);

/* s that a compiler may take. */
gdouble ring_compile_timeout (void);

/* ---- cache.c ------------------------------------------------------------------ */

/* A key names all that the result depends on. */
GChecksum *ring_cache_key_new (const gchar *kind);
void ring_cache_key_add (GChecksum *key, gconstpointer data, gsize size);
void ring_cache_key_add_string (GChecksum *key, const gchar *text);
/* A program or library, by its place, size and time. */
void ring_cache_key_add_file (GChecksum *key, const gchar *path);
/* What this processor can do, for code that was made for just this one. */
void ring_cache_key_add_cpu (GChecksum *key);

/* NULL: not there, or damaged, or there is no cache. */
GBytes *ring_cache_get (GChecksum *key);
void ring_cache_put (GChecksum *key, GBytes *contents);

G_END_DECLS

#endif /* RING_COMPILE_H */
