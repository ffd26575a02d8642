/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * run.c: ringkernel run: one kernel on a file.
 */
#include "cli/file-run.h"

#include <stdio.h>
#include <string.h>

static gchar *backend;
static gchar **parameters;

static const GOptionEntry options[] = {
  { "input", 'i', 0, G_OPTION_ARG_FILENAME, &cli_files.input,
      ".png, .wav, .csv; anything else, and - for stdin, is raw bytes",
      "FILE" },
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &cli_files.output,
      "likewise, - for stdout; a file that is there is replaced", "FILE" },
  { "param", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &parameters,
      "set a parameter; may be there several times; @FILE is a list from a file",
      "NAME=VALUE" },
  CLI_FILE_OPTIONS,
  { "backend", 0, 0, G_OPTION_ARG_STRING, &backend,
      "auto, cpu or cuda; auto takes the cpu for kernels that have no code for "
      "the GPU",
      "BACKEND" },
  G_OPTION_ENTRY_NULL
};

static gint
run (const CliCommand *command, gchar **arguments)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = NULL;
  g_autoptr (RingKernelInfo) info = NULL;
  g_auto (CliSource) source = { 0 };
  gint wanted = RING_BACKEND_AUTO;

  if (!cli_files.input || !cli_files.output)
    return cli_misused (command,
        "run: --input and --output say on what and "
        "where to");
  if (cli_files.block < 0 || cli_files.rate < 0 || cli_files.channels < 0)
    return cli_misused (command,
        "run: --block, --rate and --channels are "
        "numbers from 1 on");
  if (backend
      && !cli_enum_from_nick (command, RING_TYPE_BACKEND_TYPE, "--backend",
          backend, &wanted))
    return CLI_WRONG_USAGE;
  if (strcmp (cli_files.input, cli_files.output) == 0
      && strcmp (cli_files.input, "-") != 0)
    return cli_misused (command, "run: %s is both input and output",
        cli_files.input);

  runtime = cli_cpu_runtime (&error);
  if (runtime)
    info = ring_runtime_find_kernel (runtime, arguments[0], &error);
  if (!info || !cli_source_open (&source, info, &error))
    return cli_fail ("%s", error->message);
  if (source.media.note)
    fprintf (stderr, "ringkernel: %s\n", source.media.note);

  return cli_run_source (arguments[0], info, &source, wanted, parameters,
             &error)
      ? CLI_OK
      : cli_fail ("%s", error->message);
}

const CliCommand cli_run = {
  .name = "run",
  .summary = "a kernel on a picture, sound, readings or bytes in a file",
  .arguments = "KERNEL --input FILE --output FILE [OPTION …]",
  .min_arguments = 1,
  .max_arguments = 1,
  .description =
      "Runs a kernel on a file, whose format is made one that the kernel takes:\n\n"
      "  .png   a picture, of 8 bits\n"
      "  .wav   sound: PCM of 8 to 32 bits, or floats\n"
      "  .csv   records, a line each, a column for each field; or sound, a line for\n"
      "         each frame, a column for each channel. Lines that begin with # are\n"
      "         passed over, and so is a first line of names\n"
      "  else   raw bytes: pictures, samples or records one behind the other, as they\n"
      "         are in memory; -: from stdin, to stdout, message by message\n\n"
      "A kernel of bytes takes any of the first two for the bytes that they hold. Where\n"
      "the input is long, a terminal shows how far it is.\n",
  .examples =
      "  ringkernel run edges --input photo.png --output edges.png\n"
      "  ringkernel run gain -i speech.wav -o louder.wav --param gain=6\n"
      "  ringkernel run loudness -i speech.wav -o loudness.csv\n"
      "  ringkernel run moving-average -i ecg.csv -o smooth.csv -p window=36\n"
      "  ringkernel run gray -i in.raw -o out.raw --size 640x480 --format RGBA\n"
      "  ringkernel run scale -i photo.png -o small.png --size 320x240 -p method=area\n",
  .options = options,
  .run = run,
};
