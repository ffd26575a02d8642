/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cli.h: what the commands of `ringkernel` share. Each command is one file.
 */
#ifndef CLI_H
#define CLI_H

#include <ringkernel/ringkernel.h>
#include <json-glib/json-glib.h>

/* What the program ends with. */
enum
{
  CLI_OK = 0,
  CLI_FAILED = 1,
  CLI_WRONG_USAGE = 2
};

typedef struct _CliCommand CliCommand;

/* Help is made of this: `ringkernel help NAME`, `ringkernel NAME --help`, the
 * manual page. */
struct _CliCommand
{
  const gchar *name;
  const gchar *summary;   /* one line */
  const gchar *arguments; /* "KERNEL [OPTION …]" */
  gint min_arguments, max_arguments;
  const gchar *description;    /* lines of at most 78 letters */
  const gchar *examples;       /* likewise */
  const GOptionEntry *options; /* all but --help */
  /* @arguments: what is left when options are taken away; NULL behind the last. */
  gint (*run) (const CliCommand *command, gchar **arguments);
};

extern const CliCommand cli_bench, cli_cache, cli_compile, cli_doctor,
    cli_inspect, cli_list, cli_new, cli_run, cli_top, cli_verify, cli_watch;

/* Says @command's help on stdout. */
void cli_print_help (const CliCommand *command);

/* Parses and runs one command; @argv[0] is its name. */
gint cli_run_command (const CliCommand *command, gint argc, gchar **argv);

/* Says on stderr, in one line, what went wrong; returns CLI_FAILED. */
gint cli_fail (const gchar *format, ...) G_GNUC_PRINTF (1, 2);

/* Likewise what was typed wrong, and where to read on; returns CLI_WRONG_USAGE. */
gint cli_misused (const CliCommand *command, const gchar *format, ...)
    G_GNUC_PRINTF (2, 3);

/* On stdout, as it is. */
void cli_print (const gchar *format, ...) G_GNUC_PRINTF (1, 2);
void cli_print_json (JsonBuilder *builder);

/* The nick of an enumeration's value; static. */
const gchar *cli_nick (GType type, gint value);

/* The value that @nick names, or FALSE after an error in one line. */
gboolean cli_enum_from_nick (const CliCommand *command, GType type,
    const gchar *what, const gchar *nick, gint *value);

/* The nearest of @names (NULL behind the last) to a name that is none of them; NULL
 * if none is near. */
const gchar *cli_nearest (const gchar *name, const gchar *const *names);

/* A runtime on the cpu, for what needs no device. */
RingRuntime *cli_cpu_runtime (GError **error);

/* Sets parameters given as name=value, one each; NULL: none. */
gboolean cli_set_parameters (RingKernel *kernel, gchar **parameters,
    GError **error);

/* A member of a JSON object. */
void cli_json_string (JsonBuilder *b, const gchar *name, const gchar *value);
void cli_json_int (JsonBuilder *b, const gchar *name, gint64 value);
void cli_json_double (JsonBuilder *b, const gchar *name, gdouble value);
void cli_json_boolean (JsonBuilder *b, const gchar *name, gboolean value);

#endif /* CLI_H */
