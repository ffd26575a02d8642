/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cache.c: ringkernel cache: what is kept of compiled kernels.
 */
#include "cli/cli.h"

#include <glib/gstdio.h>
#include <string.h>

static gboolean clear, json;

static const GOptionEntry options[] = {
  { "clear", 0, 0, G_OPTION_ARG_NONE, &clear,
      "remove them; they are compiled again when they are used again", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &json, "for programs", NULL },
  G_OPTION_ENTRY_NULL
};

/* What --clear would remove; a directory that is not there holds nothing. */
static gboolean
count (const gchar *path, gint64 *entries, gint64 *bytes, GError **error)
{
  GDir *dir;
  const gchar *name;
  GError *reason = NULL;

  *entries = *bytes = 0;
  dir = g_dir_open (path, 0, &reason);
  if (!dir && g_error_matches (reason, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
    g_error_free (reason);
    return TRUE;
  }
  if (!dir) {
    g_propagate_error (error, reason);
    return FALSE;
  }
  while ((name = g_dir_read_name (dir))) {
    g_autofree gchar *file = g_build_filename (path, name, NULL);
    GStatBuf info;

    /* An entry is called by its checksum; what others put there is none. */
    if (strlen (name) != 64 || strspn (name, "0123456789abcdef") != 64
        || g_lstat (file, &info) != 0 || !S_ISREG (info.st_mode))
      continue;
    (*entries)++;
    *bytes += info.st_size;
  }
  g_dir_close (dir);
  return TRUE;
}

static void
print (const gchar *path, gint64 entries, gint64 bytes, gint64 removed)
{
  g_autoptr (JsonBuilder) b = NULL;

  if (json) {
    b = json_builder_new ();
    json_builder_begin_object (b);
    cli_json_string (b, "directory", path);
    cli_json_int (b, "entries", entries);
    cli_json_int (b, "bytes", bytes);
    if (clear)
      cli_json_int (b, "removed", removed);
    json_builder_end_object (b);
    cli_print_json (b);
    return;
  }
  if (!path) {
    cli_print ("no cache: kernels are compiled each time (RINGKERNEL_CACHE is "
               "off, or XDG_CACHE_HOME no absolute path)\n");
    return;
  }
  cli_print ("directory  %s\nentries    %" G_GINT64_FORMAT
             "\nbytes      %" G_GINT64_FORMAT "\n",
      path, entries, bytes);
  if (clear)
    cli_print ("removed    %" G_GINT64_FORMAT "\n", removed);
}

static gint
run (const CliCommand *command, gchar **arguments)
{
  g_autofree gchar *path = ring_kernel_cache_dir ();
  g_autoptr (GError) error = NULL;
  gint64 before = 0, entries = 0, bytes = 0;

  (void) command;
  (void) arguments;
  if (path && !count (path, &before, &bytes, &error))
    return cli_fail ("%s", error->message);
  entries = before;
  if (clear
      && (!ring_kernel_cache_clear (&error)
          || (path && !count (path, &entries, &bytes, &error))))
    return cli_fail ("%s", error->message);
  print (path, entries, bytes, MAX (before - entries, 0));
  return CLI_OK;
}

const CliCommand cli_cache = {
  .name = "cache",
  .summary = "what is kept of compiled kernels",
  .arguments = "[--clear]",
  .min_arguments = 0,
  .max_arguments = 0,
  .description =
      "Says where kernels are kept that were compiled from a C file, how many entries\n"
      "there are, one for each version and target, and how many bytes they take. The\n"
      "library itself removes those that were not used for the longest time. With\n"
      "RINGKERNEL_CACHE=off nothing is kept.\n",
  .examples = "  ringkernel cache\n"
              "  ringkernel cache --clear\n"
              "  ringkernel cache --json\n",
  .options = options,
  .run = run,
};
