/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cache.c: what compilers made, under the user's cache directory, so that the second
 * start of a kernel costs no compiler.
 *
 * An entry is a file whose name is the key's checksum: the contents, then the
 * contents' own checksum and the key once more. It appears whole, by a rename. All
 * is done in a directory that is held open and belongs to this user alone: what lies
 * there is run. Nothing in here is an error to anybody; without a cache kernels are
 * compiled.
 */
#include "compile/compile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* renameat */
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#define MAGIC "RINGKERNEL CACHE 1\n"
#define CHECKSUM_SIZE 64 /* hexadecimal SHA-256 */
#define TRAILER_SIZE (sizeof MAGIC - 1 + 2 * CHECKSUM_SIZE)
#define TEMPORARY ".new-"
/* The least recently used go first. */
#define MAX_ENTRIES 200
#define MAX_BYTES ((guint64) 256 * 1024 * 1024)
#define MAX_ENTRY_BYTES (64 * 1024 * 1024)
/* s; who writes one for longer has died. */
#define MAX_TEMPORARY_AGE 3600

/* ---- keys --------------------------------------------------------------------- */

GChecksum *
ring_cache_key_new (const gchar *kind)
{
  GChecksum *key = g_checksum_new (G_CHECKSUM_SHA256);

  ring_cache_key_add_string (key, RING_LIBRARY_VERSION);
  ring_cache_key_add_string (key, kind);
  return key;
}

/* With its length, or two neighbours could trade bytes. */
void
ring_cache_key_add (GChecksum *key, gconstpointer data, gsize size)
{
  const guint64 length = size;

  g_checksum_update (key, (const guchar *) &length, sizeof length);
  g_checksum_update (key, data, (gssize) size);
}

void
ring_cache_key_add_string (GChecksum *key, const gchar *text)
{
  ring_cache_key_add (key, text, strlen (text));
}

void
ring_cache_key_add_file (GChecksum *key, const gchar *path)
{
  gchar *real = realpath (path, NULL);
  struct stat info;

  ring_cache_key_add_string (key, real ? real : path);
  if (stat (path, &info) == 0) {
    ring_cache_key_add (key, &info.st_size, sizeof info.st_size);
    ring_cache_key_add (key, &info.st_mtim, sizeof info.st_mtim);
  }
  free (real);
}

void
ring_cache_key_add_cpu (GChecksum *key)
{
  const guint64 capabilities[2] = { getauxval (AT_HWCAP),
    getauxval (AT_HWCAP2) };

  ring_cache_key_add (key, capabilities, sizeof capabilities);
#if defined(__x86_64__) || defined(__i386__)
  {
    static const guint leaves[][2] = { { 0, 0 }, { 7, 0 }, { 7, 1 }, { 0xd, 0 },
      { 0x80000001, 0 }, { 0x80000008, 0 } };
    guint word[G_N_ELEMENTS (leaves) + 1][4] = { { 0 } };
    gsize i;

    for (i = 0; i < G_N_ELEMENTS (leaves); i++)
      __get_cpuid_count (leaves[i][0], leaves[i][1], &word[i][0], &word[i][1],
          &word[i][2], &word[i][3]);
    __get_cpuid (1, &word[i][0], &word[i][1], &word[i][2], &word[i][3]);
    /* which core of the machine this is, and whether the system is at work */
    word[i][1] &= 0x00ffffff;
    ring_cache_key_add (key, word, sizeof word);
  }
#endif
}

/* ---- the directory -------------------------------------------------------------- */

/**
 * ring_kernel_cache_dir:
 *
 * Where compiled kernels are kept: `ringkernel` in the user's cache directory
 * (`$XDG_CACHE_HOME`, else `~/.cache`). It need not exist, and what is in it may be
 * removed at any time. Any thread may call this.
 *
 * Returns: (transfer full) (nullable): the directory; %NULL if there is none:
 *   `RINGKERNEL_CACHE` is `off`, or `XDG_CACHE_HOME` is no absolute path
 */
gchar *
ring_kernel_cache_dir (void)
{
  if (g_strcmp0 (g_getenv ("RINGKERNEL_CACHE"), "off") == 0
      || !g_path_is_absolute (g_get_user_cache_dir ()))
    return NULL;
  return g_build_filename (g_get_user_cache_dir (), "ringkernel", NULL);
}

/* Holds the directory open, or -1 with the reason. */
static gint
open_dir (const gchar *path, gboolean create, gchar **why)
{
  struct stat info;
  gint fd;

  if (create && g_mkdir_with_parents (path, 0700) != 0) {
    *why = g_strdup (g_strerror (errno));
    return -1;
  }
  fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    *why = errno == ENOENT ? NULL : g_strdup (g_strerror (errno));
    return -1;
  }
  if (fstat (fd, &info) != 0 || info.st_uid != geteuid ()) {
    *why = g_strdup ("it belongs to another user");
  } else if (info.st_mode & (S_IWGRP | S_IWOTH)) {
    *why = g_strdup ("others may write into it");
  } else {
    return fd;
  }
  close (fd);
  return -1;
}

static gint
open_usable (gboolean create)
{
  gchar *path = ring_kernel_cache_dir (), *why = NULL;
  gint fd = -1;

  if (path)
    fd = open_dir (path, create, &why);
  if (why)
    g_debug ("the cache of kernels %s is not used: %s", path, why);
  g_free (why);
  g_free (path);
  return fd;
}

/* ---- entries ------------------------------------------------------------------- */

static gboolean
is_entry (const gchar *name)
{
  return strlen (name) == CHECKSUM_SIZE
      && strspn (name, "0123456789abcdef") == CHECKSUM_SIZE;
}

static gboolean
is_temporary (const gchar *name)
{
  return g_str_has_prefix (name, TEMPORARY);
}

static gchar *
read_entry (gint fd, gsize size)
{
  gchar *data = g_try_malloc (size);
  gsize got = 0;
  gssize n = 1;

  while (data && got < size && n > 0) {
    n = read (fd, data + got, size - got);
    if (n > 0)
      got += (gsize) n;
    else if (n < 0 && errno == EINTR)
      n = 1;
  }
  if (got < size)
    g_clear_pointer (&data, g_free);
  return data;
}

static gboolean
is_intact (const gchar *data, gsize size, const gchar *key)
{
  const gsize contents = size - TRAILER_SIZE;
  const gchar *trailer = data + contents;
  gchar *sum;
  gboolean ok;

  if (memcmp (trailer, MAGIC, sizeof MAGIC - 1) != 0)
    return FALSE;
  trailer += sizeof MAGIC - 1;
  sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) data,
      contents);
  ok = memcmp (trailer, sum, CHECKSUM_SIZE) == 0
      && memcmp (trailer + CHECKSUM_SIZE, key, CHECKSUM_SIZE) == 0;
  g_free (sum);
  return ok;
}

GBytes *
ring_cache_get (GChecksum *key)
{
  const gchar *name = g_checksum_get_string (key);
  const struct timespec now_and_as_it_was[2] = { { 0, UTIME_NOW },
    { 0, UTIME_OMIT } };
  struct stat info;
  gchar *data = NULL;
  gint dir = open_usable (FALSE), fd;
  gsize size;

  if (dir < 0)
    return NULL;
  fd = openat (dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) {
    if (errno != ENOENT)
      g_debug ("cached kernel %s cannot be opened: %s", name,
          g_strerror (errno));
    close (dir);
    return NULL;
  }
  size = 0;
  if (fstat (fd, &info) == 0 && S_ISREG (info.st_mode)
      && info.st_uid == geteuid () && info.st_size > (off_t) TRAILER_SIZE
      && info.st_size <= MAX_ENTRY_BYTES) {
    size = (gsize) info.st_size;
    data = read_entry (fd, size);
  }
  if (data && !is_intact (data, size, name))
    g_clear_pointer (&data, g_free);
  if (data)
    futimens (fd, now_and_as_it_was);
  else
    g_debug ("cached kernel %s is damaged; it is compiled again", name);
  close (fd);
  close (dir);
  return data ? g_bytes_new_take (data, size - TRAILER_SIZE) : NULL;
}

typedef struct
{
  gchar *name;
  guint64 size;
  struct timespec used;
} Entry;

static void
entry_free (gpointer data)
{
  g_free (((Entry *) data)->name);
  g_free (data);
}

static gint
compare_use (gconstpointer a, gconstpointer b)
{
  const Entry *x = *(Entry *const *) a, *y = *(Entry *const *) b;

  if (x->used.tv_sec != y->used.tv_sec)
    return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
  return x->used.tv_nsec < y->used.tv_nsec ? -1
      : x->used.tv_nsec > y->used.tv_nsec  ? 1
                                           : 0;
}

/* All of them, and what was never finished. */
static GPtrArray *
list_entries (gint dir)
{
  GPtrArray *entries = g_ptr_array_new_with_free_func (entry_free);
  const gint copy = openat (dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = copy >= 0 ? fdopendir (copy) : NULL;
  struct dirent *file;
  struct stat info;

  while (stream && (file = readdir (stream))) {
    Entry *entry;

    if ((!is_entry (file->d_name) && !is_temporary (file->d_name))
        || fstatat (dir, file->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    entry = g_new0 (Entry, 1);
    entry->name = g_strdup (file->d_name);
    entry->size = (guint64) info.st_size;
    entry->used = info.st_atim;
    g_ptr_array_add (entries, entry);
  }
  if (stream)
    closedir (stream);
  else if (copy >= 0)
    close (copy);
  return entries;
}

/* But for @kept, which was written just now. */
static void
make_room (gint dir, const gchar *kept)
{
  const gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  GPtrArray *entries = list_entries (dir);
  guint64 bytes = 0;
  guint n = 0, i;

  g_ptr_array_sort (entries, compare_use);
  for (i = 0; i < entries->len; i++) {
    const Entry *entry = g_ptr_array_index (entries, i);

    if (is_temporary (entry->name)) {
      if (now - (gint64) entry->used.tv_sec > MAX_TEMPORARY_AGE)
        unlinkat (dir, entry->name, 0);
      continue;
    }
    bytes += entry->size;
    n++;
  }
  for (i = 0; i < entries->len && (n > MAX_ENTRIES || bytes > MAX_BYTES); i++) {
    const Entry *entry = g_ptr_array_index (entries, i);

    if (is_temporary (entry->name) || strcmp (entry->name, kept) == 0
        || unlinkat (dir, entry->name, 0) != 0)
      continue;
    bytes -= entry->size;
    n--;
  }
  g_ptr_array_unref (entries);
}

static gboolean
write_all (gint fd, gconstpointer data, gsize size)
{
  const gchar *from = data;

  while (size > 0) {
    const gssize n = write (fd, from, size);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    from += n;
    size -= (gsize) n;
  }
  return TRUE;
}

void
ring_cache_put (GChecksum *key, GBytes *contents)
{
  const gchar *name = g_checksum_get_string (key);
  gchar *temporary, *sum;
  gconstpointer data;
  gsize size;
  gboolean ok;
  gint dir, fd;

  data = g_bytes_get_data (contents, &size);
  if (size == 0 || size > MAX_ENTRY_BYTES - TRAILER_SIZE)
    return;
  dir = open_usable (TRUE);
  if (dir < 0)
    return;
  temporary = g_strdup_printf (TEMPORARY "%d-%08x%08x", (gint) getpid (),
      g_random_int (), g_random_int ());
  fd = openat (dir, temporary,
      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  ok = fd >= 0;
  if (ok) {
    sum = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, contents);
    ok = write_all (fd, data, size) && write_all (fd, MAGIC, sizeof MAGIC - 1)
        && write_all (fd, sum, CHECKSUM_SIZE)
        && write_all (fd, name, CHECKSUM_SIZE);
    ok = close (fd) == 0 && ok;
    ok = ok && renameat (dir, temporary, dir, name) == 0;
    if (!ok)
      unlinkat (dir, temporary, 0);
    g_free (sum);
  }
  if (ok)
    make_room (dir, name);
  else
    g_debug ("kernel %s cannot be cached: %s", name, g_strerror (errno));
  g_free (temporary);
  close (dir);
}

/**
 * ring_kernel_cache_clear:
 * @error: return location for an error
 *
 * Removes all kernels that are kept compiled, see ring_kernel_cache_dir(). They are
 * compiled again when they are used again; handles that exist are not touched, nor
 * are files that this library has not put there. Any thread, and several processes,
 * may call this at the same time.
 *
 * Returns: whether none is left, which is so too where there is no cache;
 *   %RING_ERROR_FAILED: the directory is somebody else's, or a file cannot be removed
 */
gboolean
ring_kernel_cache_clear (GError **error)
{
  gchar *path = ring_kernel_cache_dir (), *why = NULL;
  gboolean ok = TRUE;
  GPtrArray *entries;
  gint dir;
  guint i;

  if (!path)
    return TRUE;
  dir = open_dir (path, FALSE, &why);
  if (why) {
    g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
        "the cache of kernels %s cannot be cleared: %s", path, why);
    ok = FALSE;
  } else if (dir >= 0) {
    entries = list_entries (dir);
    for (i = 0; i < entries->len && ok; i++) {
      const Entry *entry = g_ptr_array_index (entries, i);

      if (unlinkat (dir, entry->name, 0) == 0 || errno == ENOENT)
        continue;
      g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
          "the cached kernel %s/%s cannot be removed: %s", path, entry->name,
          g_strerror (errno));
      ok = FALSE;
    }
    g_ptr_array_unref (entries);
    close (dir);
  }
  g_free (why);
  g_free (path);
  return ok;
}
