/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * nvrtc.c: one kernel source -> code for one GPU, through NVRTC, the compiler in the
 * form of a library that comes with the CUDA toolkit. It is opened when the first
 * source is compiled; shipped kernels do not need it. The SDK's headers come from
 * this library, so that no development files are needed either.
 */
#define _GNU_SOURCE /* dladdr */
#include "compile/compile.h"
#include "compile/sdk-headers.h"

#include <dlfcn.h>
#include <nvrtc.h>
#include <string.h>

/* The functions that are used, by the types that the toolkit's header gives them. */
#define NVRTC_FUNCTIONS(F) \
  F (nvrtcVersion) \
  F (nvrtcGetErrorString) \
  F (nvrtcGetNumSupportedArchs) \
  F (nvrtcGetSupportedArchs) \
  F (nvrtcCreateProgram) \
  F (nvrtcDestroyProgram) \
  F (nvrtcCompileProgram) \
  F (nvrtcGetProgramLogSize) \
  F (nvrtcGetProgramLog) \
  F (nvrtcGetCUBINSize) \
  F (nvrtcGetCUBIN) \
  F (nvrtcGetPTXSize) \
  F (nvrtcGetPTX)

#define NVRTC_MEMBER(name) __typeof__ (name) *name;
#define NVRTC_NAME(name) #name,

typedef struct
{
  NVRTC_FUNCTIONS (NVRTC_MEMBER)
} Nvrtc;

static const gchar *const function_names[] = { NVRTC_FUNCTIONS (NVRTC_NAME) };

/* Newer ones only; NULL: the library has no such function. */
static nvrtcResult (*set_flow_callback) (nvrtcProgram program,
    int (*callback) (void *, void *), void *payload);

G_STATIC_ASSERT (
    sizeof (Nvrtc) == G_N_ELEMENTS (function_names) * sizeof (void *));

#define NVRTC_INSTALL \
  "install libnvrtc.so.13 or libnvrtc.so.12, part of the CUDA toolkit, or name it " \
  "in RINGKERNEL_NVRTC"

static gpointer
open_library (GError **error)
{
  static const gchar *const names[] = { "libnvrtc.so.13", "libnvrtc.so.12",
    "libnvrtc.so",
    /* NVIDIA's installers do not always tell the loader of it. */
    "/usr/local/cuda/lib64/libnvrtc.so" };
  const gchar *env = g_getenv ("RINGKERNEL_NVRTC");
  gpointer library;
  guint i;

  if (env && *env) {
    library = dlopen (env, RTLD_NOW | RTLD_LOCAL);
    if (!library)
      g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
          "NVRTC, which compiles kernels for GPUs, cannot be opened where "
          "RINGKERNEL_NVRTC says: %s; " NVRTC_INSTALL,
          dlerror ());
    return library;
  }
  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    library = dlopen (names[i], RTLD_NOW | RTLD_LOCAL);
    if (library)
      return library;
  }
  g_set_error_literal (error, RING_ERROR, RING_ERROR_FAILED,
      "NVRTC, which compiles kernels for GPUs, is not on this machine; " NVRTC_INSTALL);
  return NULL;
}

/* Any thread. What could not be opened may be installed later: only success is
 * remembered. Once in use the library stays. */
static const Nvrtc *
get_nvrtc (GError **error)
{
  static GMutex lock;
  static gboolean opened;
  static union
  {
    Nvrtc functions;
    gpointer address[G_N_ELEMENTS (function_names)];
  } table;
  const Nvrtc *nvrtc;
  gpointer library;
  guint i;

  g_mutex_lock (&lock);
  if (!opened) {
    library = open_library (error);
    for (i = 0; library && i < G_N_ELEMENTS (function_names); i++) {
      table.address[i] = dlsym (library, function_names[i]);
      if (!table.address[i]) {
        g_set_error (error, RING_ERROR, RING_ERROR_FAILED,
            "the NVRTC on this machine lacks %s; " NVRTC_INSTALL,
            function_names[i]);
        dlclose (library);
        library = NULL;
      }
    }
    opened = library != NULL;
    if (opened)
      *(gpointer *) &set_flow_callback =
          dlsym (library, "nvrtcSetFlowCallback");
  }
  nvrtc = opened ? &table.functions : NULL;
  g_mutex_unlock (&lock);
  return nvrtc;
}

static void
set_unexpected (GError **error, const Nvrtc *nvrtc, const gchar *path,
    const gchar *function, nvrtcResult result)
{
  g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
      "kernel '%s' cannot be compiled for a GPU: %s says %s", path, function,
      nvrtc->nvrtcGetErrorString (result));
}

/* Code for the GPU itself, if this NVRTC knows it, else the newest PTX that the GPU
 * runs, which its driver then translates. */
static gchar *
choose_architecture (const Nvrtc *nvrtc, const gchar *path, gint capability,
    gboolean *real, GError **error)
{
  gint n = 0, best = 0, oldest = 0, major = 0, minor = 0, i;
  gint *known;

  if (nvrtc->nvrtcGetNumSupportedArchs (&n) != NVRTC_SUCCESS)
    n = 0;
  known = g_new0 (gint, MAX (n, 1));
  if (n > 0 && nvrtc->nvrtcGetSupportedArchs (known) != NVRTC_SUCCESS)
    n = 0;
  for (i = 0; i < n; i++) {
    if (known[i] <= capability)
      best = MAX (best, known[i]);
    oldest = i == 0 ? known[i] : MIN (oldest, known[i]);
  }
  g_free (known);
  *real = best == capability;
  if (best > 0)
    return g_strdup_printf ("--gpu-architecture=%s_%d",
        *real ? "sm" : "compute", best);

  nvrtc->nvrtcVersion (&major, &minor);
  g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
      "kernel '%s' cannot be compiled for a GPU of compute capability %d.%d: "
      "NVRTC %d.%d begins at %d.%d; an older NVRTC may do, named in "
      "RINGKERNEL_NVRTC",
      path, capability / 10, capability % 10, major, minor, oldest / 10,
      oldest % 10);
  return NULL;
}

static gchar *
get_log (const Nvrtc *nvrtc, nvrtcProgram program)
{
  gsize size = 0;
  gchar *log;

  if (nvrtc->nvrtcGetProgramLogSize (program, &size) != NVRTC_SUCCESS)
    size = 0;
  log = g_malloc0 (size + 1);
  if (size > 0)
    nvrtc->nvrtcGetProgramLog (program, log);
  return g_strchomp (log);
}

static GBytes *
get_code (const Nvrtc *nvrtc, nvrtcProgram program, const gchar *path,
    gboolean real, GError **error)
{
  gsize size = 0;
  gchar *code = NULL;
  nvrtcResult result;

  result = real ? nvrtc->nvrtcGetCUBINSize (program, &size)
                : nvrtc->nvrtcGetPTXSize (program, &size);
  if (result == NVRTC_SUCCESS && size > 0) {
    code = g_try_malloc (size);
    if (!code) {
      g_set_error (error, RING_ERROR, RING_ERROR_NO_MEMORY,
          "no memory for %" G_GSIZE_FORMAT " bytes of code of kernel '%s'",
          size, path);
      return NULL;
    }
    result = real ? nvrtc->nvrtcGetCUBIN (program, code)
                  : nvrtc->nvrtcGetPTX (program, code);
  }
  if (result != NVRTC_SUCCESS || size == 0) {
    set_unexpected (error, nvrtc, path, real ? "nvrtcGetCUBIN" : "nvrtcGetPTX",
        result);
    g_free (code);
    return NULL;
  }
  return g_bytes_new_take (code, size);
}

/* The program: the source by the name that its user knows, and the SDK. Headers
 * include each other by their bare names, so each is there under both. */
static nvrtcResult
create_program (const Nvrtc *nvrtc, nvrtcProgram *program, const gchar *text,
    const gchar *path)
{
  const guint n = ring_n_sdk_headers;
  const gchar **texts = g_new (const gchar *, 2 * n);
  gchar **names = g_new0 (gchar *, 2 * n + 1);
  nvrtcResult result;
  guint i;

  for (i = 0; i < n; i++) {
    texts[i] = texts[n + i] = ring_sdk_headers[i].text;
    names[i] = g_strconcat ("ringkernel/", ring_sdk_headers[i].name, NULL);
    names[n + i] = g_strdup (ring_sdk_headers[i].name);
  }
  result = nvrtc->nvrtcCreateProgram (program, text, path, (int) (2 * n), texts,
      (const char *const *) names);
  g_strfreev (names);
  g_free (texts);
  return result;
}

/* No contraction, as on the CPU: what a kernel computes is what its source says.
 * Division, roots and denormals are IEEE's by default. And a source that says
 * nothing of hosts and devices means the device. */
static const gchar *const fixed_options[] = { "--std=c++17", "--fmad=false",
  "--device-as-default-execution-space" };

typedef struct
{
  gint64 deadline;
  GCancellable *cancellable;
  gint timed_out, cancelled; /* atomic */
} Patience;

/* NVRTC asks now and then, on any of its threads, whether to go on; 1: no, and it
 * stays at that. */
static int
ask_whether_to_stop (void *data, void *unused)
{
  Patience *patience = data;

  if (g_cancellable_is_cancelled (patience->cancellable))
    g_atomic_int_set (&patience->cancelled, TRUE);
  if (g_get_monotonic_time () > patience->deadline)
    g_atomic_int_set (&patience->timed_out, TRUE);
  return g_atomic_int_get (&patience->cancelled)
      || g_atomic_int_get (&patience->timed_out);
}

static void
set_failure (GError **error, const Nvrtc *nvrtc, nvrtcProgram program,
    const RingSource *source, gint capability, const Patience *patience,
    nvrtcResult result)
{
  gchar *log, *clean;

  if (patience->cancelled) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
        "compiling the kernel was cancelled");
    return;
  }
  if (patience->timed_out) {
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "kernel '%s' cannot be compiled for a GPU: NVRTC did not end within %g s; "
        "RINGKERNEL_COMPILE_TIMEOUT=SECONDS gives it longer",
        source->path, ring_compile_timeout ());
    return;
  }
  log = get_log (nvrtc, program);
  clean = ring_messages_clean (log, source->path);
  g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
      "kernel '%s' does not compile for a GPU of compute capability "
      "%d.%d: %s",
      source->path, capability / 10, capability % 10,
      *clean ? clean : nvrtc->nvrtcGetErrorString (result));
  g_free (clean);
  g_free (log);
}

static GBytes *
compile (const Nvrtc *nvrtc, const RingSource *source, gint capability,
    const gchar *architecture, gboolean real, GError **error)
{
  const gchar *options[G_N_ELEMENTS (fixed_options) + 1];
  nvrtcProgram program = NULL;
  nvrtcResult result;
  Patience patience = { g_get_monotonic_time ()
        + (gint64) (ring_compile_timeout () * G_USEC_PER_SEC),
    g_cancellable_get_current (), FALSE, FALSE };
  GBytes *code = NULL;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (fixed_options); i++)
    options[i] = fixed_options[i];
  options[i] = architecture;
  result = create_program (nvrtc, &program, source->text, source->path);
  if (result != NVRTC_SUCCESS) {
    set_unexpected (error, nvrtc, source->path, "nvrtcCreateProgram", result);
    return NULL;
  }
  if (set_flow_callback)
    set_flow_callback (program, ask_whether_to_stop, &patience);
  result =
      nvrtc->nvrtcCompileProgram (program, G_N_ELEMENTS (options), options);
  if (result == NVRTC_SUCCESS)
    code = get_code (nvrtc, program, source->path, real, error);
  else
    set_failure (error, nvrtc, program, source, capability, &patience, result);
  nvrtc->nvrtcDestroyProgram (&program);
  return code;
}

static GChecksum *
make_key (const Nvrtc *nvrtc, const RingSource *source,
    const gchar *architecture)
{
  GChecksum *key = ring_cache_key_new ("nvrtc");
  gint version[2] = { 0, 0 };
  Dl_info library;
  gsize i;

  ring_cache_key_add (key, source->text, source->size);
  for (i = 0; i < G_N_ELEMENTS (fixed_options); i++)
    ring_cache_key_add_string (key, fixed_options[i]);
  ring_cache_key_add_string (key, architecture);
  nvrtc->nvrtcVersion (&version[0], &version[1]);
  ring_cache_key_add (key, version, sizeof version);
  if (dladdr ((gpointer) nvrtc->nvrtcVersion, &library) && library.dli_fname)
    ring_cache_key_add_file (key, library.dli_fname);
  for (i = 0; i < ring_n_sdk_headers; i++) {
    ring_cache_key_add_string (key, ring_sdk_headers[i].name);
    ring_cache_key_add_string (key, ring_sdk_headers[i].text);
  }
  return key;
}

static GBytes *
find_or_compile (const RingSource *source, gint major, gint minor,
    GError **error)
{
  const Nvrtc *nvrtc = get_nvrtc (error);
  gchar *architecture;
  gboolean real = FALSE;
  GChecksum *key;
  GBytes *code;

  if (!nvrtc) {
    g_prefix_error (error,
        "kernel '%s' cannot be compiled for a GPU: ", source->path);
    return NULL;
  }
  architecture = choose_architecture (nvrtc, source->path, 10 * major + minor,
      &real, error);
  if (!architecture)
    return NULL;
  key = make_key (nvrtc, source, architecture);
  code = ring_cache_get (key);
  if (!code) {
    code =
        compile (nvrtc, source, 10 * major + minor, architecture, real, error);
    if (code)
      ring_cache_put (key, code);
  }
  g_checksum_free (key);
  g_free (architecture);
  return code;
}

GBytes *
ring_compile_nvrtc (const gchar *path, gint major, gint minor, GError **error)
{
  GError *cause = NULL;
  RingSource *source = ring_source_load (path, &cause);
  GBytes *code = source ? find_or_compile (source, major, minor, &cause) : NULL;

  ring_source_free (source);
  if (cause) {
    /* File names, and the lines that are quoted, may be in any encoding. */
    gchar *text = g_utf8_make_valid (cause->message, -1);

    g_set_error_literal (error, cause->domain, cause->code, text);
    g_free (text);
    g_error_free (cause);
  }
  return code;
}
