/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nvrtc.c: a stand-in for NVRTC. It has the program compiled by this machine's
 * compiler into a library, with the headers that it was handed and no others; the
 * image is that library, behind a line by which the stand-in driver knows it.
 *
 *   RING_FAKE_CFLAGS   more options for the compiler, separated by spaces
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nvrtc.h>
#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NVRTC_API __attribute__ ((visibility ("default"))) nvrtcResult
#define MAX_ARGUMENTS 64
#define MAX_PATH 1024

typedef struct Program
{
  struct Program *next;
  char *source, *name;
  int n_headers;
  char **headers, **include_names;
  char *log, *image;
  size_t image_size;
  bool for_device; /* an architecture that exists, so there is code for it */
} Program;

extern char **environ;

static const int architectures[] = { 75, 80, 86, 87, 88, 89, 90, 100, 103, 110,
  120, 121 };

#define N_ARCHITECTURES \
  ((int) (sizeof (architectures) / sizeof (architectures[0])))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Program *programs;

/* ---- files --------------------------------------------------------------------------- */

static void
remove_tree (const char *path)
{
  DIR *dir = opendir (path);
  struct dirent *entry;

  while (dir && (entry = readdir (dir))) {
    char child[MAX_PATH];

    if (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0)
      continue;
    if (snprintf (child, sizeof (child), "%s/%s", path, entry->d_name)
        >= (int) sizeof (child))
      continue;
    if (unlink (child) != 0 && errno == EISDIR)
      remove_tree (child);
  }
  if (dir)
    closedir (dir);
  rmdir (path);
}

/* A folder of one's own. */
static bool
make_folder (char path[MAX_PATH], const char *what)
{
  const char *tmp = getenv ("TMPDIR");

  snprintf (path, MAX_PATH, "%s/ring-fake-%s-XXXXXX",
      tmp && *tmp ? tmp : "/tmp", what);
  return mkdtemp (path) != NULL;
}

/* Writes @text to @folder/@name, with the folders in between; a name that leads out
 * of @folder is none. */
static bool
write_file (const char *folder, const char *name, const char *prefix,
    const char *text)
{
  char path[MAX_PATH], *slash;
  FILE *file;
  bool good;

  if (*name == '/' || strstr (name, "..")
      || snprintf (path, sizeof (path), "%s/%s", folder, name)
          >= (int) sizeof (path))
    return false;
  for (slash = path + strlen (folder) + 1; (slash = strchr (slash, '/'));
       slash++) {
    *slash = 0;
    mkdir (path, 0700);
    *slash = '/';
  }
  file = fopen (path, "we");
  if (!file)
    return false;
  good = fputs (prefix, file) >= 0 && fputs (text, file) >= 0;
  return fclose (file) == 0 && good;
}

static char *
read_file (const char *path, size_t *length)
{
  FILE *file = fopen (path, "re");
  char *text = NULL;
  size_t size = 0, got;

  do {
    text = realloc (text, size + 4097);
    got = file ? fread (text + size, 1, 4096, file) : 0;
    size += got;
  } while (got > 0);
  text[size] = 0;
  if (file)
    fclose (file);
  if (length)
    *length = size;
  return text;
}

/* ---- compiling -------------------------------------------------------------------------- */

/* Runs @arguments; what it says goes to the file @output. */
static bool
run (char *const arguments[], const char *output)
{
  posix_spawn_file_actions_t actions;
  int status = -1;
  pid_t pid;
  bool started;

  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, 1, output,
      O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2 (&actions, 1, 2);
  posix_spawn_file_actions_addopen (&actions, 0, "/dev/null", O_RDONLY, 0);
  started =
      posix_spawnp (&pid, arguments[0], &actions, NULL, arguments, environ)
      == 0;
  posix_spawn_file_actions_destroy (&actions);
  if (!started)
    return false;
  while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
    ;
  return WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

static bool
option_is (const char *option, const char *name)
{
  return strncmp (option, name, strlen (name)) == 0;
}

/* Those of NVRTC that say nothing to a compiler for this machine. */
static bool
is_known (const char *option)
{
  static const char *const known[] = { "--gpu-architecture=", "-arch=",
    "--std=", "-std=", "--fmad=", "-fmad=",
    "--device-as-default-execution-space", "-default-device",
    "--generate-line-info", "-lineinfo", "--device-debug", "-G",
    "--use_fast_math", "-use_fast_math", "--ftz=", "-ftz=", "--prec-div=",
    "-prec-div=", "--prec-sqrt=", "-prec-sqrt=", "--disable-warnings", "-w",
    "--restrict", "-restrict",
    "--maxrregcount=", "-maxrregcount=", "--extra-device-vectorization",
    "-extra-device-vectorization", "--display-error-number", "-err-no",
    "--no-display-error-number" };
  unsigned i;

  for (i = 0; i < sizeof (known) / sizeof (known[0]); i++)
    if (option_is (option, known[i]))
      return true;
  return false;
}

/* Handles --gpu-architecture=sm_90 and its like. */
static bool
set_architecture (Program *program, const char *option)
{
  const char *value;
  int i;

  if (!option_is (option, "--gpu-architecture=")
      && !option_is (option, "-arch="))
    return true;
  value = strchr (option, '=') + 1;
  program->for_device = option_is (value, "sm_");
  if (!program->for_device && !option_is (value, "compute_"))
    return false;
  for (i = 0; i < N_ARCHITECTURES; i++)
    if (atoi (strchr (value, '_') + 1) == architectures[i])
      return true;
  return false;
}

/* The compiler's own headers: fixed-width types and the like. */
static bool
find_own_headers (char folder[MAX_PATH], const char *scratch)
{
  char *arguments[] = { "cc", "-print-file-name=include", NULL };
  char *text;
  bool good;

  if (!run (arguments, scratch))
    return false;
  text = read_file (scratch, NULL);
  text[strcspn (text, "\n")] = 0;
  good = *text == '/' && strlen (text) < MAX_PATH;
  if (good)
    strcpy (folder, text);
  free (text);
  return good;
}

/* The begin of a file whose lines count as those of @name. */
static char *
line_directive (const char *name)
{
  char *directive = malloc (2 * strlen (name) + 16), *to = directive;

  to += sprintf (to, "#line 1 \"");
  for (; *name; name++) {
    if (*name == '"' || *name == '\\')
      *to++ = '\\';
    *to++ = *name;
  }
  strcpy (to, "\"\n");
  return directive;
}

static nvrtcResult
compile_in (Program *program, const char *folder, const char *library,
    int n_options, const char *const *options)
{
  char include[MAX_PATH + 32], source[MAX_PATH + 32], log[MAX_PATH + 32];
  char own[MAX_PATH];
  char *arguments[MAX_ARGUMENTS] = { "cc", "-shared", "-fPIC", "-O2",
    "-std=gnu11", "-ffreestanding", "-nostdinc", "-ffp-contract=off",
    "-fvisibility=hidden", "-DRING_DEVICE_ON_HOST", "-isystem", own, "-I",
    include, "-x", "c", source, "-o", (char *) library };
  unsigned n = 19;
  char *line = line_directive (program->name), *flags = NULL, *rest, *flag;
  bool good;
  int i;

  snprintf (include, sizeof (include), "%s/include", folder);
  snprintf (source, sizeof (source), "%s/source/program.c", folder);
  snprintf (log, sizeof (log), "%s/log", folder);
  mkdir (include, 0700);
  good = write_file (folder, "source/program.c", line, program->source);
  free (line);
  for (i = 0; i < program->n_headers && good; i++)
    good = write_file (include, program->include_names[i], "",
        program->headers[i]);
  if (!good || !find_own_headers (own, log)) {
    program->log = strdup ("stand-in compiler: no room, or no cc");
    return NVRTC_ERROR_INTERNAL_ERROR;
  }
  for (i = 0; i < n_options && n < MAX_ARGUMENTS - 2; i++)
    if (option_is (options[i], "-D") || option_is (options[i], "-U"))
      arguments[n++] = (char *) options[i];
  if (getenv ("RING_FAKE_CFLAGS"))
    flags = rest = strdup (getenv ("RING_FAKE_CFLAGS"));
  while (flags && (flag = strsep (&rest, " ")))
    if (*flag && n < MAX_ARGUMENTS - 2)
      arguments[n++] = flag;
  arguments[n++] = "-lm";
  arguments[n] = NULL;
  good = run (arguments, log);
  free (flags);
  program->log = read_file (log, NULL);
  return good ? NVRTC_SUCCESS : NVRTC_ERROR_COMPILATION;
}

static nvrtcResult
compile (Program *program, int n_options, const char *const *options)
{
  char folder[MAX_PATH], library[MAX_PATH + 32], *code;
  nvrtcResult result;
  size_t size;
  int i, n;

  free (program->log);
  free (program->image);
  program->log = program->image = NULL;
  for (i = 0; i < n_options; i++)
    if ((!is_known (options[i]) && !option_is (options[i], "-D")
            && !option_is (options[i], "-U"))
        || !set_architecture (program, options[i])) {
      char said[512];

      snprintf (said, sizeof (said),
          "nvrtc: error: unrecognized option or value in %.400s", options[i]);
      program->log = strdup (said);
      return NVRTC_ERROR_INVALID_OPTION;
    }

  if (!make_folder (folder, "program"))
    return NVRTC_ERROR_OUT_OF_MEMORY;
  snprintf (library, sizeof (library), "%s/program.so", folder);
  result = compile_in (program, folder, library, n_options, options);
  if (result == NVRTC_SUCCESS) {
    code = read_file (library, &size);
    program->image = malloc (size + 64);
    n = sprintf (program->image, "RING-FAKE-IMAGE\n=%zu\n", size);
    memcpy (program->image + n, code, size);
    program->image_size = (size_t) n + size;
    free (code);
  }
  remove_tree (folder);
  return result;
}

/* ---- entry points ------------------------------------------------------------------------ */

static Program *
find (nvrtcProgram handle)
{
  Program *program;

  pthread_mutex_lock (&lock);
  for (program = programs; program; program = program->next)
    if ((nvrtcProgram) program == handle)
      break;
  pthread_mutex_unlock (&lock);
  return program;
}

NVRTC_API
nvrtcVersion (int *major, int *minor)
{
  if (!major || !minor)
    return NVRTC_ERROR_INVALID_INPUT;
  *major = 13;
  *minor = 0;
  return NVRTC_SUCCESS;
}

NVRTC_API
nvrtcGetNumSupportedArchs (int *n)
{
  if (!n)
    return NVRTC_ERROR_INVALID_INPUT;
  *n = N_ARCHITECTURES;
  return NVRTC_SUCCESS;
}

NVRTC_API
nvrtcGetSupportedArchs (int *archs)
{
  if (!archs)
    return NVRTC_ERROR_INVALID_INPUT;
  memcpy (archs, architectures, sizeof (architectures));
  return NVRTC_SUCCESS;
}

__attribute__ ((visibility ("default"))) const char *
nvrtcGetErrorString (nvrtcResult result)
{
  switch (result) {
    case NVRTC_SUCCESS:
      return "NVRTC_SUCCESS";
    case NVRTC_ERROR_OUT_OF_MEMORY:
      return "NVRTC_ERROR_OUT_OF_MEMORY";
    case NVRTC_ERROR_PROGRAM_CREATION_FAILURE:
      return "NVRTC_ERROR_PROGRAM_CREATION_FAILURE";
    case NVRTC_ERROR_INVALID_INPUT:
      return "NVRTC_ERROR_INVALID_INPUT";
    case NVRTC_ERROR_INVALID_PROGRAM:
      return "NVRTC_ERROR_INVALID_PROGRAM";
    case NVRTC_ERROR_INVALID_OPTION:
      return "NVRTC_ERROR_INVALID_OPTION";
    case NVRTC_ERROR_COMPILATION:
      return "NVRTC_ERROR_COMPILATION";
    default:
      return "NVRTC_ERROR_INTERNAL_ERROR";
  }
}

static char **
copy_texts (const char *const *texts, int n)
{
  char **copies = calloc ((size_t) n + 1, sizeof (*copies));
  int i;

  for (i = 0; i < n; i++)
    copies[i] = strdup (texts[i]);
  return copies;
}

static void
free_texts (char **texts)
{
  char **text;

  for (text = texts; *text; text++)
    free (*text);
  free (texts);
}

NVRTC_API
nvrtcCreateProgram (nvrtcProgram *handle, const char *source, const char *name,
    int n_headers, const char *const *headers, const char *const *include_names)
{
  Program *program;

  if (!handle || !source || n_headers < 0
      || (n_headers > 0 && (!headers || !include_names)))
    return NVRTC_ERROR_INVALID_INPUT;
  program = calloc (1, sizeof (*program));
  program->source = strdup (source);
  program->name = strdup (name ? name : "default_program");
  program->n_headers = n_headers;
  program->headers = copy_texts (headers, n_headers);
  program->include_names = copy_texts (include_names, n_headers);
  pthread_mutex_lock (&lock);
  program->next = programs;
  programs = program;
  pthread_mutex_unlock (&lock);
  *handle = (nvrtcProgram) program;
  return NVRTC_SUCCESS;
}

NVRTC_API
nvrtcDestroyProgram (nvrtcProgram *handle)
{
  Program **link, *program = NULL;

  if (!handle)
    return NVRTC_ERROR_INVALID_PROGRAM;
  pthread_mutex_lock (&lock);
  for (link = &programs; *link; link = &(*link)->next)
    if ((nvrtcProgram) *link == *handle) {
      program = *link;
      *link = program->next;
      break;
    }
  pthread_mutex_unlock (&lock);
  if (!program)
    return NVRTC_ERROR_INVALID_PROGRAM;
  free_texts (program->headers);
  free_texts (program->include_names);
  free (program->source);
  free (program->name);
  free (program->log);
  free (program->image);
  free (program);
  *handle = NULL;
  return NVRTC_SUCCESS;
}

NVRTC_API
nvrtcCompileProgram (nvrtcProgram handle, int n_options,
    const char *const *options)
{
  Program *program = find (handle);

  if (!program)
    return NVRTC_ERROR_INVALID_PROGRAM;
  if (n_options < 0 || (n_options > 0 && !options))
    return NVRTC_ERROR_INVALID_INPUT;
  return compile (program, n_options, options);
}

static nvrtcResult
get_size (nvrtcProgram handle, size_t *size, bool wants_device)
{
  Program *program = find (handle);

  if (!program)
    return NVRTC_ERROR_INVALID_PROGRAM;
  if (!size)
    return NVRTC_ERROR_INVALID_INPUT;
  *size = 0;
  if (!program->image)
    return NVRTC_ERROR_INVALID_PROGRAM;
  if (!wants_device || program->for_device)
    *size = program->image_size;
  return NVRTC_SUCCESS;
}

static nvrtcResult
get_image (nvrtcProgram handle, char *to, bool wants_device)
{
  Program *program = find (handle);

  if (!program || !program->image)
    return NVRTC_ERROR_INVALID_PROGRAM;
  if (!to || (wants_device && !program->for_device))
    return NVRTC_ERROR_INVALID_INPUT;
  memcpy (to, program->image, program->image_size);
  return NVRTC_SUCCESS;
}

NVRTC_API
nvrtcGetCUBINSize (nvrtcProgram handle, size_t *size)
{
  return get_size (handle, size, true);
}

NVRTC_API
nvrtcGetCUBIN (nvrtcProgram handle, char *cubin)
{
  return get_image (handle, cubin, true);
}

NVRTC_API
nvrtcGetPTXSize (nvrtcProgram handle, size_t *size)
{
  return get_size (handle, size, false);
}

NVRTC_API
nvrtcGetPTX (nvrtcProgram handle, char *ptx)
{
  return get_image (handle, ptx, false);
}

NVRTC_API
nvrtcGetProgramLogSize (nvrtcProgram handle, size_t *size)
{
  Program *program = find (handle);

  if (!program)
    return NVRTC_ERROR_INVALID_PROGRAM;
  if (!size)
    return NVRTC_ERROR_INVALID_INPUT;
  *size = program->log ? strlen (program->log) + 1 : 1;
  return NVRTC_SUCCESS;
}

NVRTC_API
nvrtcGetProgramLog (nvrtcProgram handle, char *log)
{
  Program *program = find (handle);

  if (!program)
    return NVRTC_ERROR_INVALID_PROGRAM;
  if (!log)
    return NVRTC_ERROR_INVALID_INPUT;
  strcpy (log, program->log ? program->log : "");
  return NVRTC_SUCCESS;
}
