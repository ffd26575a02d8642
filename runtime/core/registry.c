/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * registry.c: where kernels come from. First match wins:
 *   1. a path (anything with a '/', or ending in .c or .so)
 *   2. RINGKERNEL_PATH, a list of directories separated by ':'
 *   3. $XDG_DATA_HOME/ringkernel/kernels
 *   4. the system's directory
 *   5. the built-in set
 * In a directory, NAME.so is taken before NAME.c. The current directory is never
 * searched by name, nor is one in which anybody could put a kernel.
 */
#include "core/core-private.h"
#include "core/builtin.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/**
 * ring_kernel_search_path:
 *
 * Returns: (transfer full): the directories that are searched for a kernel's
 *   name, in order; they need not exist
 */
gchar **
ring_kernel_search_path (void)
{
  GPtrArray *path = g_ptr_array_new ();
  const gchar *env = g_getenv ("RINGKERNEL_PATH");
  guint i;

  if (env) {
    gchar **part = g_strsplit (env, ":", -1);

    for (i = 0; part[i]; i++) {
      /* An empty entry would mean the current directory. */
      if (*part[i])
        g_ptr_array_add (path, g_strdup (part[i]));
    }
    g_strfreev (part);
  }
  g_ptr_array_add (path,
      g_build_filename (g_get_user_data_dir (), "ringkernel", "kernels", NULL));
  g_ptr_array_add (path, g_strdup (RING_SYSTEM_KERNEL_DIR));
  g_ptr_array_add (path, NULL);
  return (gchar **) g_ptr_array_free (path, FALSE);
}

/* The first of @path and the directories above it, in which everybody on this machine
 * may rename and put what they like; NULL: none. Where only owners may rename (the sticky
 * bit, as in /tmp), what lies in such a directory is safe, but the directory itself is no
 * place for kernels: all may add to it. Takes @path. */
static gchar *
find_open (gchar *path)
{
  gboolean above = FALSE;
  struct stat info;
  gchar *slash;

  for (; path; above = TRUE) {
    if (stat (*path ? path : "/", &info) == 0 && (info.st_mode & S_IWOTH)
        && !(above && (info.st_mode & S_ISVTX)))
      return path;
    slash = strrchr (path, '/');
    if (!*path || !slash)
      break;
    *slash = '\0';
  }
  g_free (path);
  return NULL;
}

/* As it is named, because a link on the way may be replaced; and where that leads. */
static gchar *
find_open_on_the_way (const gchar *path)
{
  gchar *open = find_open (g_canonicalize_filename (path, NULL)), *real;

  if (!open) {
    real = realpath (path, NULL);
    open = real ? find_open (g_strdup (real)) : NULL;
    free (real);
  }
  return open;
}

/**
 * ring_kernel_directory_is_safe:
 * @path: a directory, as of ring_kernel_search_path()
 * @error: return location for an error
 *
 * Whether kernels are looked for there by name. They are not where everybody on this
 * machine may put some: they would run as whoever looks for them. That is so for a
 * directory with write permission for others, and for one below such a directory
 * without the sticky bit, in whose place another one could be put. One that is not there
 * counts as safe if those above it are. From any thread.
 *
 * Returns: %TRUE, or %FALSE with %RING_ERROR_INVALID_OPTION, which says which permission
 *   to take away
 */
gboolean
ring_kernel_directory_is_safe (const gchar *path, GError **error)
{
  gchar *open, *here;

  g_return_val_if_fail (path != NULL, FALSE);

  open = find_open_on_the_way (path);
  if (!open)
    return TRUE;
  here = realpath (path, NULL);
  if (g_strcmp0 (here, open) == 0)
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "no kernels are taken from %s: anybody may put some there; take away that "
        "permission (chmod o-w '%s') or use another directory",
        path, open);
  else
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "no kernels are taken from %s: anybody may put another directory in its "
        "place, because all may write to '%s'; take away that permission (chmod o-w "
        "'%s') or use another directory",
        path, *open ? open : "/", *open ? open : "/");
  free (here);
  g_free (open);
  return FALSE;
}

/* Whether kernels are looked for in @path; says once why not. Any thread. */
static gboolean
is_searched (const gchar *path)
{
  static GMutex lock;
  static GHashTable *told;
  GError *error = NULL;
  gboolean first;

  if (ring_kernel_directory_is_safe (path, &error))
    return TRUE;
  g_mutex_lock (&lock);
  if (!told)
    told = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  first = g_hash_table_add (told, g_strdup (path));
  g_mutex_unlock (&lock);
  if (first)
    g_warning ("%s", error->message);
  g_error_free (error);
  return FALSE;
}

/* The widest variant of a built-in kernel that this processor runs. */
static const RingCpuModule *
best_variant (const RingBuiltinKernel *kernel)
{
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init ();
  if (kernel->variant[2] && __builtin_cpu_supports ("avx512f")
      && __builtin_cpu_supports ("avx512bw")
      && __builtin_cpu_supports ("avx512cd")
      && __builtin_cpu_supports ("avx512dq")
      && __builtin_cpu_supports ("avx512vl"))
    return kernel->variant[2];
  if (kernel->variant[1] && __builtin_cpu_supports ("avx2")
      && __builtin_cpu_supports ("bmi") && __builtin_cpu_supports ("bmi2")
      && __builtin_cpu_supports ("fma"))
    return kernel->variant[1];
#endif
  return kernel->variant[0];
}

static gboolean
is_name (const gchar *id)
{
  return *id != '\0'
      && id[strspn (id,
             "abcdefghijklmnopqrstuvwxyz"
             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")]
      == '\0';
}

/* Edits between two names (Levenshtein, one row). */
static guint
distance (const gchar *a, const gchar *b)
{
  const gsize n = strlen (b);
  guint row[RING_NAME_SIZE + 1];
  gsize i, k;

  if (n > RING_NAME_SIZE || strlen (a) > RING_NAME_SIZE)
    return G_MAXUINT;
  for (k = 0; k <= n; k++)
    row[k] = (guint) k;
  for (i = 0; a[i]; i++) {
    guint diagonal = row[0];

    row[0] = (guint) i + 1;
    for (k = 0; k < n; k++) {
      const guint substitute = diagonal + (a[i] != b[k]);

      diagonal = row[k + 1];
      row[k + 1] = MIN (substitute, MIN (row[k], row[k + 1]) + 1);
    }
  }
  return row[n];
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(gchar *const *) a, *(gchar *const *) b);
}

/* Names of all kernels that a name can find, sorted, each once. */
gchar **
ring_registry_list (void)
{
  GPtrArray *names = g_ptr_array_new ();
  GHashTable *seen = g_hash_table_new (g_str_hash, g_str_equal);
  gchar **path = ring_kernel_search_path ();
  guint i;

  for (i = 0; path[i]; i++) {
    GDir *dir = is_searched (path[i]) ? g_dir_open (path[i], 0, NULL) : NULL;
    const gchar *file;

    while (dir && (file = g_dir_read_name (dir))) {
      const gchar *dot = strrchr (file, '.');
      gchar *name;

      if (!dot || (strcmp (dot, ".c") != 0 && strcmp (dot, ".so") != 0))
        continue;
      name = g_strdelimit (g_strndup (file, dot - file), "_", '-');
      if (is_name (name) && !g_hash_table_contains (seen, name)) {
        g_hash_table_add (seen, name);
        g_ptr_array_add (names, name);
      } else {
        g_free (name);
      }
    }
    if (dir)
      g_dir_close (dir);
  }
  for (i = 0; i < ring_n_builtin_kernels; i++) {
    if (!g_hash_table_contains (seen, ring_builtin_kernels[i].name))
      g_ptr_array_add (names, g_strdup (ring_builtin_kernels[i].name));
  }
  g_hash_table_unref (seen);
  g_strfreev (path);
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (gchar **) g_ptr_array_free (names, FALSE);
}

static void
set_not_found (const gchar *id, gchar **path, GError **error)
{
  gchar **names = ring_registry_list ();
  GString *text = g_string_new (NULL);
  guint i, best = G_MAXUINT;

  g_string_append_printf (text, "kernel '%s' not found; looked in ", id);
  for (i = 0; path[i]; i++)
    g_string_append_printf (text, "%s%s, ", path[i],
        is_searched (path[i]) ? "" : " (skipped: anybody may write there)");
  g_string_append (text, "and the built-in set");

  for (i = 0; names[i]; i++)
    best = MIN (best, distance (id, names[i]));
  /* Near means: at most a third of the letters, and at least one, differ. */
  if (best <= MAX (strlen (id) / 3, 1)) {
    const gchar *between = "; did you mean ";

    for (i = 0; names[i]; i++) {
      if (distance (id, names[i]) == best) {
        g_string_append_printf (text, "%s'%s'", between, names[i]);
        between = " or ";
      }
    }
    g_string_append_c (text, '?');
  } else {
    g_string_append (text, "; there are: ");
    for (i = 0; names[i]; i++)
      g_string_append_printf (text, "%s%s", i ? ", " : "", names[i]);
  }
  g_set_error_literal (error, RING_ERROR, RING_ERROR_KERNEL_NOT_FOUND,
      text->str);
  g_string_free (text, TRUE);
  g_strfreev (names);
}

static RingModule *
find (const gchar *id, GError **error)
{
  static const gchar *const suffix[] = { ".so", ".c" };
  RingModule *module = NULL;
  gchar **path;
  gchar *dashes, *underscores;
  gboolean found = FALSE;
  guint i, k;

  if (strchr (id, '/') || g_str_has_suffix (id, ".c")
      || g_str_has_suffix (id, ".so")) {
    gchar *with_dir;

    /* dlopen would search its own directories for a name without '/'. */
    with_dir =
        strchr (id, '/') ? g_strdup (id) : g_build_filename (".", id, NULL);
    module = ring_module_open (with_dir, error);
    g_free (with_dir);
    return module;
  }
  if (!is_name (id)) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_NOT_FOUND,
        "'%s' is no kernel name: names have letters, digits, '-' and '_'; "
        "a path to a .c or .so file has a '/'",
        id);
    return NULL;
  }

  path = ring_kernel_search_path ();
  dashes = g_strdelimit (g_strdup (id), "_", '-');
  underscores = g_strdelimit (g_strdup (id), "-", '_');
  for (i = 0; path[i] && !found; i++) {
    if (!is_searched (path[i]))
      continue;
    for (k = 0; k < 4 && !found; k++) {
      gchar *file = g_strconcat (path[i], "/", k % 2 ? underscores : dashes,
          suffix[k / 2], NULL);

      if (g_file_test (file, G_FILE_TEST_EXISTS)) {
        found = TRUE;
        module = ring_module_open (file, error);
      }
      g_free (file);
    }
  }
  for (i = 0; i < ring_n_builtin_kernels && !found; i++) {
    if (strcmp (ring_builtin_kernels[i].name, dashes) == 0) {
      found = TRUE;
      module = ring_module_new_builtin (dashes,
          best_variant (&ring_builtin_kernels[i]),
          ring_builtin_kernels[i].cuda_image);
    }
  }
  if (!found)
    set_not_found (dashes, path, error);
  g_free (dashes);
  g_free (underscores);
  g_strfreev (path);
  return module;
}

RingModule *
ring_registry_find (const gchar *id, GError **error)
{
  GError *cause = NULL;
  RingModule *module = find (id, &cause);

  if (cause) {
    /* File names, and what compilers say, may be in any encoding; errors are in
     * UTF-8, or other languages could not read them. */
    gchar *text = g_utf8_make_valid (cause->message, -1);

    g_set_error_literal (error, cause->domain, cause->code, text);
    g_free (text);
    g_error_free (cause);
  }
  return module;
}
