/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * top.c: ringkernel top
 */
#include "cli/top.h"

#include <stdio.h>

static gboolean as_json, once;
static gdouble interval = 1;
static gint count, only_pid;

static const GOptionEntry options[] = {
  { "once", 0, 0, G_OPTION_ARG_NONE, &once, "one table, and no more", NULL },
  { "interval", 'n', 0, G_OPTION_ARG_DOUBLE, &interval,
      "seconds from one table to the next (default: 1); processes tell of "
      "themselves twice a second",
      "S" },
  { "count", 0, 0, G_OPTION_ARG_INT, &count,
      "end after N tables (default: never)", "N" },
  { "pid", 0, 0, G_OPTION_ARG_INT, &only_pid, "of this process alone", "PID" },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json,
      "for programs: an object in a line for each table: {time, processes: "
      "[{pid, name, handles: [{id, label, kernel, …, messages_per_second, …}, …]}, "
      "…], notes}; null: not known",
      NULL },
  G_OPTION_ENTRY_NULL
};

/* ---- for people --------------------------------------------------------------------- */

static void
append_nobody (GString *text)
{
  if (only_pid > 0)
    g_string_append_printf (text, "process %d shows no handle", only_pid);
  else
    g_string_append (text, "no process shows a handle");
  g_string_append (text,
      "; one that is started with RINGKERNEL_TOP=1 in its environment does\n");
}

/* @width: of the screen; 0: it is no screen. */
static gchar *
describe (const CliSight *sight, guint width)
{
  GString *text = g_string_new (NULL);
  guint i;

  if (sight->handles->len == 0)
    append_nobody (text);
  else
    cli_top_table (text, sight->handles, width);
  for (i = 0; i < sight->notes->len; i++)
    g_string_append_printf (text, "%s\n",
        (const gchar *) g_ptr_array_index (sight->notes, i));
  return g_string_free (text, FALSE);
}

/* ---- for programs --------------------------------------------------------------------- */

static void
add_rate (JsonBuilder *b, const gchar *name, const CliHandle *h, gdouble value)
{
  if (h->has_rates)
    cli_json_double (b, name, value);
  else
    cli_json_string (b, name, NULL);
}

static void
add_latency (JsonBuilder *b, const gchar *name, guint64 p50, guint64 p99,
    guint64 max)
{
  json_builder_set_member_name (b, name);
  json_builder_begin_object (b);
  cli_json_double (b, "p50", (gdouble) p50 / 1000);
  cli_json_double (b, "p99", (gdouble) p99 / 1000);
  cli_json_double (b, "max", (gdouble) max / 1000);
  json_builder_end_object (b);
}

static void
add_handle (JsonBuilder *b, const CliHandle *h)
{
  const RingMetrics *m = &h->counts;

  json_builder_begin_object (b);
  cli_json_int (b, "id", (gint64) h->id);
  cli_json_string (b, "label", h->label);
  cli_json_string (b, "kernel", h->kernel);
  cli_json_string (b, "backend", h->backend);
  cli_json_string (b, "mode", h->mode);
  cli_json_string (b, "status", h->status);
  add_rate (b, "messages_per_second", h, h->messages);
  add_rate (b, "bytes_in_per_second", h, h->bytes_in);
  add_rate (b, "bytes_out_per_second", h, h->bytes_out);
  add_latency (b, "latency_us", m->total_p50, m->total_p99, m->total_max);
  add_latency (b, "ring_us", m->ring_p50, m->ring_p99, m->ring_max);
  add_latency (b, "kernel_us", m->kernel_p50, m->kernel_p99, m->kernel_max);
  cli_json_int (b, "capacity", (gint64) h->capacity);
#define add_count(name) cli_json_int (b, #name, (gint64) m->name)
  add_count (in_flight);
  add_count (queue_depth);
  add_count (queue_depth_max);
  add_count (accepted);
  add_count (delivered);
  add_count (rejected);
  add_count (discarded);
  add_count (refused);
  add_count (outputs);
  add_count (order_errors);
  add_count (bytes_in);
  add_count (bytes_out);
  add_count (bytes_copied);
  add_count (residencies);
  add_count (relaunches);
  add_count (generation);
  add_count (workers);
#undef add_count
  cli_json_string (b, "error", h->error);
  cli_json_string (b, "fallback", h->fallback);
  json_builder_end_object (b);
}

static gchar *
describe_json (const CliSight *sight)
{
  g_autoptr (JsonBuilder) b = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree gchar *text = NULL;
  guint64 pid = 0;
  guint i;

  json_builder_begin_object (b);
  cli_json_double (b, "time", (gdouble) g_get_real_time () / G_USEC_PER_SEC);
  json_builder_set_member_name (b, "processes");
  json_builder_begin_array (b);
  for (i = 0; i < sight->handles->len; i++) {
    const CliHandle *h = g_ptr_array_index (sight->handles, i);

    if (h->pid != pid) {
      if (pid != 0) {
        json_builder_end_array (b);
        json_builder_end_object (b);
      }
      json_builder_begin_object (b);
      cli_json_int (b, "pid", (gint64) h->pid);
      cli_json_string (b, "name", h->process);
      json_builder_set_member_name (b, "handles");
      json_builder_begin_array (b);
      pid = h->pid;
    }
    add_handle (b, h);
  }
  if (pid != 0) {
    json_builder_end_array (b);
    json_builder_end_object (b);
  }
  json_builder_end_array (b);
  json_builder_set_member_name (b, "notes");
  json_builder_begin_array (b);
  for (i = 0; i < sight->notes->len; i++)
    json_builder_add_string_value (b, g_ptr_array_index (sight->notes, i));
  json_builder_end_array (b);
  json_builder_end_object (b);
  root = json_builder_get_root (b);
  text = json_to_string (root, FALSE);
  return g_strconcat (text, "\n", NULL);
}

/* ---- table after table ------------------------------------------------------------------ */

static gint64
next_look (void)
{
  return g_get_monotonic_time () + (gint64) (interval * G_USEC_PER_SEC);
}

static void
draw_tables (CliSight *sight)
{
  CliScreenEvent event = CLI_SCREEN_TIME;
  gboolean ok = TRUE;
  gint64 next = 0;
  gint n = 0;

  cli_screen_open ();
  while (ok && event != CLI_SCREEN_QUIT) {
    g_autofree gchar *text = NULL, *all = NULL;
    guint columns, rows;

    if (event == CLI_SCREEN_TIME) {
      if (count > 0 && n++ == count)
        break;
      cli_sight_look (sight, (guint64) only_pid);
      next = next_look ();
    }
    cli_screen_size (&columns, &rows);
    text = describe (sight, columns);
    all = g_strconcat ("ringkernel top: q quits\n\n", text, NULL);
    ok = cli_screen_draw (all);
    event = ok ? cli_screen_wait (next) : CLI_SCREEN_QUIT;
  }
  cli_screen_close ();
}

static void
print_tables (CliSight *sight)
{
  gboolean said_nobody = FALSE;
  gint n = 0;

  /* Rates take two looks. */
  cli_sight_look (sight, (guint64) only_pid);
  while (!ferror (stdout)) {
    g_autofree gchar *text = NULL;
    const gboolean nobody = sight->handles->len == 0;

    if (n > 0 || !nobody) {
      g_usleep ((gulong) (interval * G_USEC_PER_SEC));
      cli_sight_look (sight, (guint64) only_pid);
    }
    text = as_json ? describe_json (sight) : describe (sight, 0);
    /* Once is enough. */
    if (as_json || sight->handles->len > 0 || !said_nobody)
      cli_print ("%s%s", n > 0 && !as_json ? "\n" : "", text);
    said_nobody = sight->handles->len == 0;
    fflush (stdout);
    if (++n == count)
      break;
  }
}

static gint
run (const CliCommand *command, gchar **arguments)
{
  g_auto (CliSight) sight = { 0 };

  (void) arguments;
  if (!(interval >= 0.1 && interval <= 3600))
    return cli_misused (command, "top: --interval is from 0.1 to 3600 seconds");
  if (count < 0 || only_pid < 0)
    return cli_misused (command,
        "top: --count and --pid are numbers from 1 on");
  if (once && count > 0)
    return cli_misused (command, "top: --once and --count exclude each other");
  if (once)
    count = 1;
  if (!as_json && !once && cli_screen_is_there ())
    draw_tables (&sight);
  else
    print_tables (&sight);
  return CLI_OK;
}

const CliCommand cli_top = {
  .name = "top",
  .summary = "what the kernels of running processes do",
  .arguments = "[OPTION …]",
  .description =
      "Shows the handles of running processes, anew each second: messages and bytes\n"
      "a second, how long messages take from being accepted to being delivered\n"
      "(median and 99th percentile since the launch), how many are in flight of\n"
      "those that may be, and what was rejected, discarded or refused.\n\n"
      "A process is seen if RINGKERNEL_TOP=1 is in its environment, or its program\n"
      "allows it (RingConfig.publish), and by its own user alone. It tells of\n"
      "itself in a file in $XDG_RUNTIME_DIR/ringkernel, or in ringkernel-UID in the\n"
      "directory for temporary files where there is no such variable.\n\n"
      "On a terminal q ends it. Elsewhere tables are printed one after the other;\n"
      "the first comes after one interval, because rates take two looks.\n",
  .examples = "  RINGKERNEL_TOP=1 ringkernel bench edges --seconds 10 &\n"
              "  ringkernel top\n"
              "  ringkernel top --once\n"
              "  ringkernel top --json --interval 5\n",
  .options = options,
  .run = run,
};
