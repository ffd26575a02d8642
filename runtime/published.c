/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * published.c: where processes tell of their handles. Part of the library and of the
 * command, so that both keep to the same rules.
 */
#include "published.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

gchar **
ring_published_dirs (void)
{
  const gchar *runtime_dir = g_getenv ("XDG_RUNTIME_DIR");
  gchar **dirs = g_new0 (gchar *, 3);
  guint n = 0;

  if (runtime_dir && g_path_is_absolute (runtime_dir))
    dirs[n++] = g_build_filename (runtime_dir, "ringkernel", NULL);
  /* Services and containers have no such directory. */
  dirs[n] = g_strdup_printf ("%s/ringkernel-%lu", g_get_tmp_dir (),
      (gulong) geteuid ());
  return dirs;
}

gint
ring_published_open (const gchar *dir, gboolean create, gchar **why)
{
  struct stat info;
  gint fd;

  *why = NULL;
  if (create && mkdir (dir, 0700) != 0 && errno != EEXIST) {
    *why = g_strdup (g_strerror (errno));
    return -1;
  }
  fd = open (dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOTDIR || errno == ELOOP)
      *why = g_strdup ("it is no directory (links are not followed)");
    else if (create || errno != ENOENT)
      *why = g_strdup (g_strerror (errno));
    return -1;
  }
  if (fstat (fd, &info) != 0 || info.st_uid != geteuid ())
    *why = g_strdup ("it belongs to another user");
  else if (info.st_mode & (S_IRWXG | S_IRWXO))
    *why = g_strdup_printf ("others may use it, its mode is %04o; it must be "
                            "0700",
        (guint) (info.st_mode & 07777));
  else
    return fd;
  close (fd);
  return -1;
}

gboolean
ring_published_start (guint64 pid, guint64 *start)
{
  gchar *path = g_strdup_printf ("/proc/%" G_GUINT64_FORMAT "/stat", pid);
  gchar *text = NULL;
  const gchar *behind;
  gchar state;
  gboolean lives = TRUE;

  *start = 0;
  /* The second field is a name in brackets, which may hold anything. */
  if (g_file_get_contents (path, &text, NULL, NULL)
      && (behind = strrchr (text, ')'))
      && sscanf (behind,
             ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
             "%*d %*d %*d %*d %" G_GUINT64_FORMAT,
             &state, start)
          == 2)
    lives = state != 'Z' && state != 'X';
  else
    /* Where nothing is mounted at /proc, its number has to do. */
    lives = kill ((pid_t) pid, 0) == 0 || errno == EPERM;
  g_free (text);
  g_free (path);
  return lives;
}
