/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * list.c: ringkernel list
 */
#include "cli/cli.h"

#include <string.h>

static gboolean as_json, names_only;

static const GOptionEntry options[] = {
  { "names", 'n', 0, G_OPTION_ARG_NONE, &names_only,
      "names alone, one to a line; no file is opened", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json,
      "for programs: {\"kernels\": [{name, kind, origin, description}, …]}; one "
      "that cannot be used has `error` instead of kind and description",
      NULL },
  G_OPTION_ENTRY_NULL
};

static void
add_json (JsonBuilder *b, const gchar *name, RingKernelInfo *info,
    const GError *error)
{
  json_builder_begin_object (b);
  cli_json_string (b, "name", name);
  if (info) {
    cli_json_string (b, "kind",
        cli_nick (RING_TYPE_PAYLOAD_KIND, ring_kernel_info_get_kind (info)));
    cli_json_string (b, "output_kind",
        cli_nick (RING_TYPE_PAYLOAD_KIND,
            ring_kernel_info_get_output_kind (info)));
    cli_json_string (b, "origin", ring_kernel_info_get_origin (info));
    cli_json_string (b, "description", ring_kernel_info_get_description (info));
  } else {
    cli_json_string (b, "error", error->message);
  }
  json_builder_end_object (b);
}

static void
print_row (gint width, const gchar *name, RingKernelInfo *info,
    const GError *error)
{
  cli_print ("%-*s  ", width, name);
  if (info) {
    const gchar *origin = ring_kernel_info_get_origin (info);

    cli_print ("%-6s  %s",
        cli_nick (RING_TYPE_PAYLOAD_KIND, ring_kernel_info_get_kind (info)),
        ring_kernel_info_get_description (info));
    if (strcmp (origin, "built-in") != 0)
      cli_print (" (%s)", origin);
    cli_print ("\n");
  } else {
    /* The compiler's lines are for 'ringkernel compile'. */
    cli_print ("%-6s  %.*s\n", "broken", (gint) strcspn (error->message, "\n"),
        error->message);
  }
}

static gint
run (const CliCommand *command, gchar **arguments)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = cli_cpu_runtime (&error);
  g_autoptr (JsonBuilder) b = json_builder_new ();
  g_auto (GStrv) names = NULL;
  gsize width = 0;
  gchar **name;

  if (names_only && as_json)
    return cli_misused (command, "list: --names and --json exclude each other");
  if (!runtime)
    return cli_fail ("%s", error->message);

  names = ring_runtime_list_kernels (runtime);
  for (name = names; *name; name++)
    width = MAX (width, strlen (*name));
  json_builder_begin_object (b);
  json_builder_set_member_name (b, "kernels");
  json_builder_begin_array (b);
  for (name = names; *name; name++) {
    g_autoptr (RingKernelInfo) info = NULL;
    g_autoptr (GError) problem = NULL;

    if (names_only) {
      cli_print ("%s\n", *name);
      continue;
    }
    info = ring_runtime_find_kernel (runtime, *name, &problem);
    if (as_json)
      add_json (b, *name, info, problem);
    else
      print_row ((gint) width, *name, info, problem);
  }
  json_builder_end_array (b);
  json_builder_end_object (b);
  if (as_json)
    cli_print_json (b);
  return CLI_OK;
}

const CliCommand cli_list = {
  .name = "list",
  .summary = "the kernels that there are",
  .arguments = "[OPTION …]",
  .description =
      "Lists every kernel that can be had by its name: those that come with the\n"
      "library, and .c and .so files in the directories of RINGKERNEL_PATH, in\n"
      "$XDG_DATA_HOME/ringkernel/kernels and in the system's directory ('ringkernel\n"
      "doctor' says which these are). Where one name is there twice, the first in\n"
      "that order counts, and built-in kernels come last.\n\n"
      "Sources are compiled to see what they declare. One that cannot be used is\n"
      "listed as broken; 'ringkernel compile FILE' says why.\n",
  .examples = "  ringkernel list\n"
              "  RINGKERNEL_PATH=$HOME/kernels ringkernel list\n"
              "  ringkernel list --json\n",
  .options = options,
  .run = run,
};
