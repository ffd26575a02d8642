/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * main.c: the `ringkernel` command: which command, and help.
 */
#include "cli/cli.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* In the order in which one meets them. */
const CliCommand *const cli_commands[] = {
  &cli_list,
  &cli_inspect,
  &cli_new,
  &cli_run,
  &cli_watch,
  &cli_compile,
  &cli_verify,
  &cli_bench,
  &cli_top,
  &cli_doctor,
  &cli_cache,
  NULL,
};

static const CliCommand *
find_command (const gchar *name)
{
  const CliCommand *const *c;

  for (c = cli_commands; *c; c++)
    if (strcmp ((*c)->name, name) == 0)
      return *c;
  return NULL;
}

static gint
no_such_command (const gchar *name)
{
  const gchar *names[32] = { "help" };
  const gchar *nearest;
  guint i;

  for (i = 0; cli_commands[i] && i + 2 < G_N_ELEMENTS (names); i++)
    names[i + 1] = cli_commands[i]->name;
  nearest = cli_nearest (name, names);
  cli_fail ("there is no command '%s'%s%s%s ('ringkernel help' lists them)",
      name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
      nearest ? "'?" : "");
  return CLI_WRONG_USAGE;
}

static void
print_overview (void)
{
  const CliCommand *const *c;

  cli_print (
      "ringkernel: kernels, your own ones too, from the command line\n\n"
      "usage: ringkernel COMMAND [ARGUMENT …]\n\n"
      "A kernel is a function in one C file that runs on every message of a\n"
      "stream: a picture, a block of sound, readings of a sensor. KERNEL is the\n"
      "name of one ('ringkernel list'), or a path to a .c or .so file.\n\n"
      "commands:\n");
  for (c = cli_commands; *c; c++)
    cli_print ("  %-8s  %s\n", (*c)->name, (*c)->summary);
  cli_print (
      "  %-8s  how a command is used: ringkernel help %s\n\n"
      "Commands end with 0; with 1 if something failed; with 2 if they were typed\n"
      "wrong. Errors are told in one line on stderr.\n\n"
      "examples:\n"
      "  ringkernel list\n"
      "  ringkernel inspect edges\n"
      "  ringkernel help inspect\n",
      "help", cli_commands[0]->name);
}

static gint
help (gint argc, gchar **argv)
{
  const CliCommand *command;

  if (argc > 2) {
    cli_fail ("help: '%s' is too much: ringkernel help [COMMAND]", argv[2]);
    return CLI_WRONG_USAGE;
  }
  if (argc < 2 || argv[1][0] == '-' || strcmp (argv[1], "help") == 0) {
    print_overview ();
    return CLI_OK;
  }
  command = find_command (argv[1]);
  if (!command)
    return no_such_command (argv[1]);
  cli_print_help (command);
  return CLI_OK;
}

static gint
run (gint argc, gchar **argv)
{
  const CliCommand *command;
  const gchar *name = argc > 1 ? argv[1] : NULL;

  if (!name) {
    cli_fail ("which command? 'ringkernel help' lists them");
    return CLI_WRONG_USAGE;
  }
  if (strcmp (name, "help") == 0 || strcmp (name, "--help") == 0
      || strcmp (name, "-h") == 0)
    return help (argc - 1, argv + 1);
  if (strcmp (name, "--version") == 0) {
    cli_print ("ringkernel %s\n", CLI_VERSION);
    return CLI_OK;
  }
  command = find_command (name);
  if (!command)
    return no_such_command (name);
  return cli_run_command (command, argc - 1, argv + 1);
}

int
main (int argc, char **argv)
{
  gint status;

  /* How arguments are encoded; numbers stay as they are in C. */
  setlocale (LC_CTYPE, "");
  g_set_prgname ("ringkernel");
  status = run (argc, argv);
  /* A listing that nobody got is no success. */
  if (fflush (stdout) != 0 || ferror (stdout)) {
    const gint problem = errno;

    return MAX (status,
        cli_fail ("the output cannot be written: %s", g_strerror (problem)));
  }
  return status;
}
