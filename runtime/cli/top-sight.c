/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * top-sight.c: what running processes tell of their handles; see published.h.
 */
#include "cli/top.h"
#include "published.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Far more than a process with a thousand handles tells. */
#define MAX_BYTES (4 * 1024 * 1024)
/* us without a word, after which a process is not as it should be. */
#define SILENCE (6 * RING_PUBLISHED_PERIOD)

static void
handle_free (gpointer data)
{
  CliHandle *h = data;

  g_free (h->process);
  g_free (h->kernel);
  g_free (h->backend);
  g_free (h->mode);
  g_free (h->status);
  g_free (h->label);
  g_free (h->error);
  g_free (h->fallback);
  g_free (h);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliHandle, handle_free)

static void G_GNUC_PRINTF (2, 3)
    note (CliSight *sight, const gchar *format, ...)
{
  va_list values;

  va_start (values, format);
  g_ptr_array_add (sight->notes, g_strdup_vprintf (format, values));
  va_end (values);
}

/* ---- a file ------------------------------------------------------------------------ */

/* What a terminal would obey. */
static gchar *
without_control (gchar *text_taken)
{
  g_autofree gchar *text = text_taken;
  GString *clean = text ? g_string_new (NULL) : NULL;
  const gchar *c;

  for (c = text; c && *c; c = g_utf8_next_char (c)) {
    const gunichar u = g_utf8_get_char (c);

    g_string_append_unichar (clean,
        g_unichar_iscntrl (u) || g_unichar_type (u) == G_UNICODE_FORMAT ? ' '
                                                                        : u);
  }
  return clean ? g_string_free (clean, FALSE) : NULL;
}

static gchar *
get_text (GKeyFile *file, const gchar *group, const gchar *key, GError **error)
{
  return *error
      ? NULL
      : without_control (g_key_file_get_string (file, group, key, error));
}

static gchar *
get_optional_text (GKeyFile *file, const gchar *group, const gchar *key)
{
  return without_control (g_key_file_get_string (file, group, key, NULL));
}

static guint64
get_number (GKeyFile *file, const gchar *group, const gchar *key,
    GError **error)
{
  g_autofree gchar *text =
      *error ? NULL : g_key_file_get_value (file, group, key, error);
  guint64 value = 0;

  /* What the key file would take has signs. */
  if (text)
    g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, &value, error);
  return value;
}

static CliHandle *
parse_handle (GKeyFile *file, const gchar *group, GError **error)
{
  g_autoptr (CliHandle) h = g_new0 (CliHandle, 1);
  GError *problem = NULL;
  gchar *end;

  h->id = g_ascii_strtoull (group + strlen (RING_PUBLISHED_HANDLE), &end, 10);
  h->kernel = get_text (file, group, "kernel", &problem);
  h->backend = get_text (file, group, "backend", &problem);
  h->mode = get_text (file, group, "mode", &problem);
  h->status = get_text (file, group, "status", &problem);
  h->label = get_optional_text (file, group, "label");
  h->error = get_optional_text (file, group, "error");
  h->fallback = get_optional_text (file, group, "fallback");
  h->capacity = get_number (file, group, "capacity", &problem);
#define get_count(name) \
  h->counts.name = \
      (__typeof__ (h->counts.name)) get_number (file, group, #name, &problem)
  RING_PUBLISHED_COUNTS (get_count);
#undef get_count
  if (problem) {
    g_propagate_error (error, problem);
    return NULL;
  }
  return g_steal_pointer (&h);
}

/* The handles in @text; NULL: it is not what a library writes. */
static GPtrArray *
parse (const gchar *text, gsize size, guint64 pid, GError **error)
{
  g_autoptr (GPtrArray) handles = g_ptr_array_new_with_free_func (handle_free);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree gchar *name = NULL;
  g_auto (GStrv) groups = NULL;
  GError *problem = NULL;
  guint64 format, start;
  gint64 time;
  gchar **group;

  if (!g_key_file_load_from_data (file, text, size, G_KEY_FILE_NONE, error))
    return NULL;
  format = get_number (file, RING_PUBLISHED_PROCESS, "format", &problem);
  if (!problem && format != RING_PUBLISHED_FORMAT) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "another version of libringkernel wrote it (format %" G_GUINT64_FORMAT
        ", this is %u)",
        format, RING_PUBLISHED_FORMAT);
    return NULL;
  }
  if (get_number (file, RING_PUBLISHED_PROCESS, "pid", &problem) != pid
      && !problem)
    g_set_error (&problem, RING_ERROR, RING_ERROR_FAILED,
        "it is about another process");
  start = get_number (file, RING_PUBLISHED_PROCESS, "start", &problem);
  name = get_text (file, RING_PUBLISHED_PROCESS, "name", &problem);
  time = (gint64) get_number (file, RING_PUBLISHED_PROCESS, "time", &problem);
  groups = g_key_file_get_groups (file, NULL);
  for (group = groups; *group && !problem; group++) {
    CliHandle *h;

    if (!g_str_has_prefix (*group, RING_PUBLISHED_HANDLE)
        || !(h = parse_handle (file, *group, &problem)))
      continue;
    h->pid = pid;
    h->start = start;
    h->process = g_strdup (name);
    h->time = time;
    g_ptr_array_add (handles, h);
  }
  if (problem) {
    g_propagate_error (error, problem);
    return NULL;
  }
  return g_steal_pointer (&handles);
}

/* -1: it is not there any more, and so is no error. */
static gssize
read_file (gint dir, const gchar *name, gchar **text, GError **error)
{
  const gint fd =
      openat (dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  const gchar *why = NULL;
  struct stat info;
  gssize n, size = 0;

  *text = NULL;
  if (fd < 0 && errno == ENOENT)
    return -1;
  if (fd < 0)
    why = g_strerror (errno);
  else if (fstat (fd, &info) != 0 || !S_ISREG (info.st_mode)
      || info.st_uid != geteuid ())
    why = "it is no regular file of this user";
  else if (info.st_size > MAX_BYTES)
    why = "it is too long";
  else {
    *text = g_malloc ((gsize) info.st_size + 1);
    while (size < info.st_size
        && (n = read (fd, *text + size, (gsize) (info.st_size - size))) > 0)
      size += n;
  }
  if (fd >= 0)
    close (fd);
  if (why) {
    g_set_error_literal (error, RING_ERROR, RING_ERROR_FAILED, why);
    return -1;
  }
  return size;
}

static guint64
start_of (const GPtrArray *handles)
{
  return ((const CliHandle *) g_ptr_array_index (handles, 0))->start;
}

static void
look_at_file (CliSight *sight, gint dir, const gchar *path, const gchar *name,
    guint64 pid)
{
  g_autoptr (GPtrArray) handles = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree gchar *text = NULL;
  guint64 start;
  gssize size;

  if (!ring_published_start (pid, &start)) {
    unlinkat (dir, name, 0);
    return;
  }
  size = read_file (dir, name, &text, &error);
  if (size >= 0)
    handles = parse (text, (gsize) size, pid, &error);
  if (error)
    note (sight, "%s/%s is passed over: %s", path, name, error->message);
  if (!handles || handles->len == 0)
    return;
  /* Another process had the number before. */
  if (start_of (handles) != start)
    unlinkat (dir, name, 0);
  else
    g_ptr_array_extend_and_steal (sight->handles, g_steal_pointer (&handles));
}

/* ---- all files ------------------------------------------------------------------------ */

/* The process that a file is about; 0: it is none of ours. */
static guint64
process_of (const gchar *name, gboolean *temporary)
{
  const gchar *number = name;
  gchar *end;
  guint64 pid;

  *temporary = g_str_has_prefix (name, RING_PUBLISHED_TEMPORARY);
  if (*temporary)
    number += strlen (RING_PUBLISHED_TEMPORARY);
  if (!g_ascii_isdigit (*number))
    return 0;
  pid = g_ascii_strtoull (number, &end, 10);
  return strcmp (end, *temporary ? "" : RING_PUBLISHED_SUFFIX) == 0
          && pid <= G_MAXINT
      ? pid
      : 0;
}

static void
look_into (CliSight *sight, const gchar *path, guint64 only)
{
  g_autofree gchar *why = NULL;
  const gint fd = ring_published_open (path, FALSE, &why);
  DIR *stream = fd >= 0 ? fdopendir (fd) : NULL;
  const struct dirent *file;

  if (why)
    note (sight, "%s is not looked into: %s", path, why);
  while (stream && (file = readdir (stream))) {
    gboolean temporary;
    const guint64 pid = process_of (file->d_name, &temporary);
    guint64 start;

    if (pid == 0 || (only != 0 && pid != only))
      continue;
    if (!temporary)
      look_at_file (sight, fd, path, file->d_name, pid);
    else if (!ring_published_start (pid, &start))
      unlinkat (fd, file->d_name, 0);
  }
  if (stream)
    closedir (stream);
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  const CliHandle *x = *(CliHandle *const *) a, *y = *(CliHandle *const *) b;

  if (x->pid != y->pid)
    return x->pid < y->pid ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static gdouble
rate (guint64 now, guint64 before, gint64 time)
{
  return now < before
      ? 0
      : (gdouble) (now - before) * G_TIME_SPAN_SECOND / (gdouble) time;
}

/* @old: the same handle, at the look before. */
static void
add_rates (CliHandle *h, const CliHandle *old)
{
  const gint64 time = h->time - old->time;

  if (h->start != old->start)
    return;
  if (time > 0) {
    h->has_rates = TRUE;
    h->messages = rate (h->counts.delivered, old->counts.delivered, time);
    h->bytes_in = rate (h->counts.bytes_in, old->counts.bytes_in, time);
    h->bytes_out = rate (h->counts.bytes_out, old->counts.bytes_out, time);
  } else if (time == 0) {
    h->has_rates = old->has_rates;
    h->messages = old->messages;
    h->bytes_in = old->bytes_in;
    h->bytes_out = old->bytes_out;
  }
}

void
cli_sight_look (CliSight *sight, guint64 pid)
{
  g_autoptr (GPtrArray) before = g_steal_pointer (&sight->handles);
  g_auto (GStrv) dirs = ring_published_dirs ();
  const gint64 now = g_get_monotonic_time ();
  guint64 silent = 0;
  guint i, old = 0;
  gchar **dir;

  g_clear_pointer (&sight->notes, g_ptr_array_unref);
  sight->handles = g_ptr_array_new_with_free_func (handle_free);
  sight->notes = g_ptr_array_new_with_free_func (g_free);
  for (dir = dirs; *dir; dir++)
    look_into (sight, *dir, pid);
  g_ptr_array_sort (sight->handles, compare);

  for (i = 0; i < sight->handles->len; i++) {
    CliHandle *h = g_ptr_array_index (sight->handles, i);

    while (before && old < before->len && compare (&before->pdata[old], &h) < 0)
      old++;
    if (now - h->time > SILENCE) {
      if (h->pid != silent)
        note (sight,
            "process %" G_GUINT64_FORMAT
            " (%s) has told nothing for %" G_GINT64_FORMAT
            " s: it is stopped, or has become another program",
            h->pid, h->process, (now - h->time) / G_TIME_SPAN_SECOND);
      silent = h->pid;
    } else if (before && old < before->len
        && compare (&before->pdata[old], &h) == 0) {
      add_rates (h, g_ptr_array_index (before, old));
    }
  }
}

void
cli_sight_clear (CliSight *sight)
{
  g_clear_pointer (&sight->handles, g_ptr_array_unref);
  g_clear_pointer (&sight->notes, g_ptr_array_unref);
}
