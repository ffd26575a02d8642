/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * new.c: ringkernel new
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* templates/NAME.c, which the build puts into the program. */
extern const gchar cli_template_video[], cli_template_audio[],
    cli_template_sensor[];

static gboolean video, audio, sensor;

static const GOptionEntry options[] = { { "video", 0, 0, G_OPTION_ARG_NONE,
                                            &video, "for pictures; the default",
                                            NULL },
  { "audio", 0, 0, G_OPTION_ARG_NONE, &audio, "for sound", NULL },
  { "sensor", 0, 0, G_OPTION_ARG_NONE, &sensor,
      "for readings: records of a time and a value", NULL },
  G_OPTION_ENTRY_NULL };

static gboolean
is_name (const gchar *name)
{
  return g_ascii_isalpha (*name)
      && name[strspn (name,
             "abcdefghijklmnopqrstuvwxyz"
             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")]
      == '\0';
}

static gchar *
fill_in (const gchar *template, const gchar *name)
{
  g_autofree gchar *underscored = g_strdelimit (g_strdup (name), "-", '_');
  /* The first line is the licence of the template; what is made of it has that of
   * whoever goes on. */
  g_autoptr (GString) text = g_string_new (strchr (template, '\n') + 1);

  g_string_replace (text, "my-kernel", name, 0);
  g_string_replace (text, "my_kernel", underscored, 0);
  return g_strdup (text->str);
}

/* Makes a file that is not there yet. */
static gint
write_new (const gchar *path, const gchar *text)
{
  const gint fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  FILE *file;
  gboolean ok;
  gint problem;

  if (fd < 0 && errno == EEXIST)
    return cli_fail ("%s is there already, and is left as it is; take another "
                     "name",
        path);
  if (fd < 0)
    return cli_fail ("%s cannot be written: %s", path, g_strerror (errno));
  file = fdopen (fd, "w");
  ok = fputs (text, file) >= 0;
  ok = fclose (file) == 0 && ok;
  problem = errno;
  if (ok)
    return CLI_OK;
  unlink (path);
  return cli_fail ("%s cannot be written: %s", path, g_strerror (problem));
}

static gint
run (const CliCommand *command, gchar **arguments)
{
  const gchar *name = arguments[0];
  const gchar *template = audio ? cli_template_audio
      : sensor                  ? cli_template_sensor
                                : cli_template_video;
  const gchar *suffix = audio ? "wav" : sensor ? "csv" : "png";
  g_autofree gchar *path = NULL;
  g_autofree gchar *text = NULL;

  if (video + audio + sensor > 1)
    return cli_misused (command,
        "new: --video, --audio and --sensor exclude each other");
  if (!is_name (name) || strlen (name) >= RING_NAME_SIZE)
    return cli_misused (command,
        "new: '%s' is no name for a kernel: a letter, then at most %u letters, "
        "digits, '-' and '_'; the file is NAME.c, here",
        name, RING_NAME_SIZE - 2);

  path = g_strconcat (name, ".c", NULL);
  text = fill_in (template, name);
  if (write_new (path, text) != CLI_OK)
    return CLI_FAILED;
  cli_print ("written: %s; it runs as it is:\n"
             "  ringkernel run ./%s --input in.%s --output out.%s\n",
      path, path, suffix, suffix);
  return CLI_OK;
}

const CliCommand cli_new = {
  .name = "new",
  .summary = "a kernel of your own, to begin with",
  .arguments = "NAME [--video | --audio | --sensor]",
  .min_arguments = 1,
  .max_arguments = 1,
  .description =
      "Writes NAME.c into the current directory: a kernel with comments that runs as\n"
      "it is, with parameters, formats, and, for readings, state. A file that is\n"
      "there already is left alone. The command that runs it is said.\n",
  .examples = "  ringkernel new sparkle\n"
              "  ringkernel new crunch --audio\n"
              "  ringkernel new smooth --sensor\n",
  .options = options,
  .run = run,
};
