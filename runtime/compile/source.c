/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * source.c: a kernel's file, read once: what is checked, compiled and cached are the
 * very same bytes.
 */
#include "compile/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static gboolean
check_kind (const gchar *path, const struct stat *info, GError **error)
{
  if (S_ISDIR (info->st_mode)) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "'%s' is a directory, not a kernel; name a .c or .so file in it", path);
    return FALSE;
  }
  if (!S_ISREG (info->st_mode)) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "'%s' is not a regular file", path);
    return FALSE;
  }
  if (info->st_size == 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "kernel file '%s' is empty", path);
    return FALSE;
  }
  return TRUE;
}

gint
ring_kernel_file_open (const gchar *path, struct stat *info, GError **error)
{
  gint fd;

  /* Before it is opened, because that alone does something to some devices; and
   * afterwards, because it may have become something else. */
  if (stat (path, info) != 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_NOT_FOUND,
        "kernel file '%s' cannot be opened: %s", path, g_strerror (errno));
    return -1;
  }
  if (!check_kind (path, info, error))
    return -1;
  fd = open (path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0 || fstat (fd, info) != 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_NOT_FOUND,
        "kernel file '%s' cannot be opened: %s", path, g_strerror (errno));
    if (fd >= 0)
      close (fd);
    return -1;
  }
  if (!check_kind (path, info, error)) {
    close (fd);
    return -1;
  }
  return fd;
}

/* Up to @limit + 1 bytes, so that too many can be told. */
static gchar *
read_all (gint fd, gsize limit, gsize *size)
{
  gchar *text = g_malloc (limit + 2);
  gssize n = 1;

  *size = 0;
  while (*size <= limit && n != 0) {
    n = read (fd, text + *size, limit + 1 - *size);
    if (n > 0)
      *size += (gsize) n;
    else if (n < 0 && errno != EINTR)
      return g_free (text), NULL;
  }
  text[*size] = '\0';
  return g_realloc (text, *size + 1);
}

static gboolean
check_text (RingSource *source, GError **error)
{
  const gchar *path = source->path, *end, *p;
  guint line = 1;

  if (strlen (source->text) != source->size) {
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "kernel '%s' does not compile: it is no text, byte %" G_GSIZE_FORMAT
        " is zero",
        path, strlen (source->text));
    return FALSE;
  }
  if (!g_utf8_validate (source->text, (gssize) source->size, &end)) {
    for (p = source->text; p < end; p++)
      line += *p == '\n';
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "kernel '%s' does not compile: %s:%u: error: byte 0x%02x is not UTF-8; "
        "save the file in that encoding",
        path, path, line, (guint) (guchar) *end);
    return FALSE;
  }
  return TRUE;
}

RingSource *
ring_source_load (const gchar *path, GError **error)
{
  RingSource *source;
  struct stat info;
  gint fd = ring_kernel_file_open (path, &info, error);

  if (fd < 0)
    return NULL;
  source = g_new0 (RingSource, 1);
  source->path = g_strdup (path);
  /* The size is not trusted: the file may be growing. */
  source->text = read_all (fd, RING_SOURCE_MAX_SIZE, &source->size);
  if (!source->text) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_NOT_FOUND,
        "kernel file '%s' cannot be read: %s", path, g_strerror (errno));
  } else if (source->size > RING_SOURCE_MAX_SIZE) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "kernel file '%s' has more than %d bytes, which no kernel's source has",
        path, RING_SOURCE_MAX_SIZE);
  } else {
    /* Some editors begin a file with a byte order mark. */
    if (g_str_has_prefix (source->text, "\xef\xbb\xbf")) {
      source->size -= 3;
      memmove (source->text, source->text + 3, source->size + 1);
    }
    if (check_text (source, error) && ring_source_check (source, error)) {
      close (fd);
      return source;
    }
  }
  close (fd);
  ring_source_free (source);
  return NULL;
}

void
ring_source_free (RingSource *source)
{
  if (!source)
    return;
  g_free (source->path);
  g_free (source->text);
  g_free (source);
}
