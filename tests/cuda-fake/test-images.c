/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-images.c: what the stand-in driver makes of images, and what the stand-in
 * compiler makes of programs.
 */
#include <dlfcn.h>
#include <glib/gstdio.h>
#include <nvrtc.h>

#include "hand.h"

typedef struct
{
  CUcontext context;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->context = hand_context ();
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  RingFakeLive live;

  cuCtxPopCurrent (&f->context);
  assert_cuda (cuDevicePrimaryCtxRelease (0));
  ring_fake_live (&live);
  g_assert_cmpuint (live.modules, ==, 0);
  g_assert_cmpuint (live.contexts, ==, 0);
}

static CUresult
load (gconstpointer image)
{
  CUmodule module = NULL;
  const CUresult result = cuModuleLoadData (&module, image);

  if (result == CUDA_SUCCESS)
    assert_cuda (cuModuleUnload (module));
  else
    g_assert_null (module);
  return result;
}

/* What the module says of itself, copied from the device. */
static void
assert_describes (gconstpointer image, const gchar *name)
{
  g_autofree RingKernelDescription *description =
      g_new0 (RingKernelDescription, 1);
  CUmodule module;
  CUdeviceptr address;
  gsize size;

  assert_cuda (cuModuleLoadData (&module, image));
  assert_cuda (
      cuModuleGetGlobal (&address, &size, module, "ring_kernel_description"));
  g_assert_cmpuint (size, ==, sizeof (*description));
  assert_cuda (cuMemcpyDtoH (description, address, size));
  g_assert_cmpstr (description->name, ==, name);
  g_assert_cmpuint (description->layout_hash, ==, RING_LAYOUT_HASH);
  assert_cuda (cuModuleUnload (module));
}

/* ---- images -------------------------------------------------------------------------- */

static void
test_every_kernel (Fixture *f, gconstpointer data)
{
  static const gchar *const names[] = { "background_subtract", "bilateral",
    "box_blur", "chroma_key", "color_balance", "copy", "edges", "gaussian_blur",
    "gray", "histogram_equalize", "invert", "levels", "lut3d", "median",
    "morphology", "motion", "scale", "sharpen", "temporal_denoise", "threshold",
    "warp", "biquad", "compressor", "convolve", "delay", "equalizer_10", "fir",
    "gain", "decimate", "fuse", "kalman_1d", "low_pass", "moving_average",
    "resample", "rms_window", "spike_detect", "blocks", "emit", "gate",
    "gate_video", "negate_audio", "pair", "parameters", "per_byte", "scratch",
    "serial", "swap_record" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree guint8 *image = hand_image (names[i]);

    assert_describes (image, names[i]);
  }
}

static void
test_wrapper (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *image = hand_image ("gain");
  struct
  {
    guint32 magic, version;
    gconstpointer data, name;
  } wrapper = { 0x466243b1u, 1, image, NULL };

  assert_describes (&wrapper, "gain");
  wrapper.data = NULL;
  g_assert_cmpint (load (&wrapper), ==, CUDA_ERROR_INVALID_IMAGE);
}

/* The description as PTX has it. */
static void
test_ptx (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) text =
      g_string_new ("//\n.version 9.0\n.target sm_120\n"
                    ".global .align 8 .b8 "
                    "ring_kernel_description[16328] = {");
  g_autofree guint8 *image = hand_image ("levels");
  guint i;

  for (i = 0; i < 600; i++)
    g_string_append_printf (text, "%s%u", i ? ", " : "", image[16 + 77 + i]);
  g_string_append (text, "};\n");
  assert_describes (text->str, "levels");
}

/* Functions that are no resident loop: an image has those that it names. */
static void
test_functions (Fixture *f, gconstpointer data)
{
  static const gchar text[] = "//\n.version 9.0\n.target sm_120\n"
                              ".entry ring_bench_empty (.param .u32 x)\n"
                              ".entry ring_bench_flag (.param .u32 x)\n";
  g_autofree guint8 *image = hand_image ("gain");
  CUfunction empty, flag, function;
  CUdeviceptr address;
  CUmodule module;
  guint32 nothing = 0;
  gpointer parameters[] = { &nothing };
  CUstream stream;
  gsize size;
  gint value;

  assert_cuda (cuModuleLoadData (&module, text));
  assert_cuda (cuModuleGetFunction (&empty, module, "ring_bench_empty"));
  assert_cuda (cuModuleGetFunction (&flag, module, "ring_bench_flag"));
  g_assert_true (empty != flag);
  g_assert_cmpint (cuModuleGetFunction (&function, module, "ring_bench_probe"),
      ==, CUDA_ERROR_NOT_FOUND);
  /* It describes no kernel, so it has no loop. */
  g_assert_cmpint (cuModuleGetFunction (&function, module,
                       "ring_kernel_resident"),
      ==, CUDA_ERROR_NOT_FOUND);
  g_assert_cmpint (cuModuleGetGlobal (&address, &size, module,
                       "ring_kernel_description"),
      ==, CUDA_ERROR_NOT_FOUND);
  assert_cuda (cuFuncGetAttribute (&value,
      CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, empty));
  g_assert_cmpint (value, >, 0);
  assert_cuda (
      cuFuncGetAttribute (&value, CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES, empty));
  g_assert_cmpint (value, ==, 0);

  assert_cuda (cuStreamCreate (&stream, CU_STREAM_NON_BLOCKING));
  assert_cuda (
      cuLaunchKernel (empty, 7, 1, 1, 2, 1, 1, 0, stream, parameters, NULL));
  assert_cuda (cuStreamSynchronize (stream));
  assert_cuda (cuModuleUnload (module));
  /* Its functions go with it. */
  g_assert_cmpint (cuLaunchKernel (empty, 1, 1, 1, 1, 1, 1, 0, stream,
                       parameters, NULL),
      ==, CUDA_ERROR_INVALID_HANDLE);
  assert_cuda (cuStreamDestroy (stream));

  assert_cuda (cuModuleLoadData (&module, image));
  assert_cuda (cuModuleGetFunction (&function, module, "ring_kernel_resident"));
  g_assert_cmpint (cuModuleGetFunction (&function, module, "ring_bench_empty"),
      ==, CUDA_ERROR_NOT_FOUND);
  assert_cuda (cuModuleUnload (module));
}

/* Whatever nvcc made in this build, if it did. */
static void
test_real_images (Fixture *f, gconstpointer data)
{
  const gchar *folder = g_getenv ("RING_FAKE_TEST_IMAGES");
  GDir *dir = folder ? g_dir_open (folder, 0, NULL) : NULL;
  const gchar *name;
  guint n = 0;

  while (dir && (name = g_dir_read_name (dir)))
    if (g_str_has_suffix (name, ".fatbin")) {
      g_autofree gchar *path = g_build_filename (folder, name, NULL);
      g_autofree gchar *stem = g_strndup (name, strlen (name) - 7);
      g_autofree gchar *image = NULL;

      g_assert_true (g_file_get_contents (path, &image, NULL, NULL));
      assert_describes (image, g_strdelimit (stem, "-", '_'));
      n++;
    }
  g_clear_pointer (&dir, g_dir_close);
  if (n == 0)
    g_test_skip ("no image was built here");
}

static void
test_refused_images (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *image = hand_image ("no_such_kernel");
  gchar log[200] = "";
  CUjit_option options[] = { CU_JIT_ERROR_LOG_BUFFER,
    CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES };
  gpointer values[] = { log, GSIZE_TO_POINTER (sizeof (log)) };
  CUmodule module;

  g_assert_cmpint (load (image), ==, CUDA_ERROR_NO_BINARY_FOR_GPU);
  g_assert_cmpint (cuModuleLoadDataEx (&module, image, 2, options, values), ==,
      CUDA_ERROR_NO_BINARY_FOR_GPU);
  g_assert_nonnull (strstr (log, "no kernel"));
  g_assert_cmpint (load ("no image at all, but long enough"), ==,
      CUDA_ERROR_INVALID_IMAGE);
  g_assert_cmpint (load (NULL), ==, CUDA_ERROR_INVALID_VALUE);
  g_assert_cmpint (load ("RING-FAKE-IMAGE\n/no/such/file.so\n"), ==,
      CUDA_ERROR_FILE_NOT_FOUND);
  g_assert_cmpint (load ("RING-FAKE-IMAGE\n/dev/null\n"), ==,
      CUDA_ERROR_INVALID_IMAGE);
  /* of another layout */
  g_free (image);
  image = hand_image ("copy");
  image[16 + 77 + 8] ^= 1;
  g_assert_cmpint (load (image), ==, CUDA_ERROR_NO_BINARY_FOR_GPU);
}

static void
test_names_in_a_module (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *image = hand_image ("copy");
  CUmodule module;
  CUfunction function;
  CUdeviceptr address;
  int value;

  assert_cuda (cuModuleLoadData (&module, image));
  g_assert_cmpint (cuModuleGetFunction (&function, module, "main"), ==,
      CUDA_ERROR_NOT_FOUND);
  g_assert_cmpint (cuModuleGetGlobal (&address, NULL, module, "errno"), ==,
      CUDA_ERROR_NOT_FOUND);
  assert_cuda (cuModuleGetFunction (&function, module, "ring_kernel_resident"));
  assert_cuda (cuFuncGetAttribute (&value,
      CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function));
  g_assert_cmpint (value, ==, 2);
  assert_cuda (
      cuOccupancyMaxActiveBlocksPerMultiprocessor (&value, function, 2, 0));
  g_assert_cmpint (value, ==, 1);
  assert_cuda (
      cuOccupancyMaxActiveBlocksPerMultiprocessor (&value, function, 3, 0));
  g_assert_cmpint (value, ==, 0);
  assert_cuda (cuModuleUnload (module));
  g_assert_cmpint (cuModuleUnload (module), ==, CUDA_ERROR_INVALID_HANDLE);
  g_assert_cmpint (cuFuncLoad (function), ==, CUDA_ERROR_INVALID_HANDLE);
}

/* ---- the compiler ----------------------------------------------------------------------- */

static struct
{
  __typeof__ (&nvrtcCreateProgram) create;
  __typeof__ (&nvrtcCompileProgram) compile;
  __typeof__ (&nvrtcGetProgramLogSize) log_size;
  __typeof__ (&nvrtcGetProgramLog) log;
  __typeof__ (&nvrtcGetCUBINSize) cubin_size;
  __typeof__ (&nvrtcGetCUBIN) cubin;
  __typeof__ (&nvrtcGetPTXSize) ptx_size;
  __typeof__ (&nvrtcGetPTX) ptx;
  __typeof__ (&nvrtcDestroyProgram) destroy;
} nvrtc;

static void
open_nvrtc (void)
{
  void *library = dlopen ("libnvrtc.so.13", RTLD_NOW | RTLD_LOCAL);

  g_assert_nonnull (library);
#define FIND(member, name) \
  g_assert_nonnull ( \
      nvrtc.member = (__typeof__ (nvrtc.member)) dlsym (library, name))
  FIND (create, "nvrtcCreateProgram");
  FIND (compile, "nvrtcCompileProgram");
  FIND (log_size, "nvrtcGetProgramLogSize");
  FIND (log, "nvrtcGetProgramLog");
  FIND (cubin_size, "nvrtcGetCUBINSize");
  FIND (cubin, "nvrtcGetCUBIN");
  FIND (ptx_size, "nvrtcGetPTXSize");
  FIND (ptx, "nvrtcGetPTX");
  FIND (destroy, "nvrtcDestroyProgram");
#undef FIND
}

static gchar *
get_log (nvrtcProgram program)
{
  gsize size = 0;
  gchar *log;

  g_assert_cmpint (nvrtc.log_size (program, &size), ==, NVRTC_SUCCESS);
  log = g_malloc0 (size);
  g_assert_cmpint (nvrtc.log (program, log), ==, NVRTC_SUCCESS);
  return log;
}

/* @source with the SDK's headers, as the library hands them over. */
static nvrtcProgram
create_program (const gchar *source)
{
  static const gchar *const names[] = { "abi.h", "atomic.h", "device.h",
    "device-loop.h", "device-message.h", "kernel-sdk.h", "residency.h",
    "ring-queue.h", "sdk-bytes.h", "sdk-fft.h", "sdk-lookup.h", "sdk-map.h",
    "sdk-math.h", "steps.h", "view.h", "worker.h" };
  const gchar *root = g_getenv ("RINGKERNEL_INCLUDE");
  const gchar *texts[G_N_ELEMENTS (names)], *paths[G_N_ELEMENTS (names)];
  nvrtcProgram program;
  guint i;

  g_assert_nonnull (root);
  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree gchar *path =
        g_build_filename (root, "ringkernel", names[i], NULL);
    gchar *text;

    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    texts[i] = text;
    paths[i] = g_strconcat ("ringkernel/", names[i], NULL);
  }
  g_assert_cmpint (nvrtc.create (&program, source, "/some/where/mine.c",
                       G_N_ELEMENTS (names), texts, paths),
      ==, NVRTC_SUCCESS);
  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    g_free ((gchar *) texts[i]);
    g_free ((gchar *) paths[i]);
  }
  return program;
}

static const gchar good_source[] = "#include <ringkernel/kernel-sdk.h>\n"
                                   "RING_KERNEL (mine, \"Adds one\")\n"
                                   "{\n"
                                   "  RING_FOR_EACH (i, in.size)\n"
                                   "    out.data[i] = in.data[i] + ONE;\n"
                                   "}\n";

static void
test_compiles (Fixture *f, gconstpointer data)
{
  const gchar *options[] = { "--gpu-architecture=sm_90", "--std=c++17",
    "--fmad=false", "-DONE=1" };
  nvrtcProgram program;
  g_autofree gchar *image = NULL, *ptx = NULL, *log = NULL;
  gsize size = 0;

  open_nvrtc ();
  program = create_program (good_source);
  g_assert_cmpint (nvrtc.compile (program, G_N_ELEMENTS (options), options), ==,
      NVRTC_SUCCESS);
  log = get_log (program);
  g_assert_cmpstr (log, ==, "");
  g_assert_cmpint (nvrtc.cubin_size (program, &size), ==, NVRTC_SUCCESS);
  image = g_malloc (size);
  g_assert_cmpint (nvrtc.cubin (program, image), ==, NVRTC_SUCCESS);
  g_assert_cmpint (nvrtc.ptx_size (program, &size), ==, NVRTC_SUCCESS);
  ptx = g_malloc (size);
  g_assert_cmpint (nvrtc.ptx (program, ptx), ==, NVRTC_SUCCESS);
  g_assert_cmpint (nvrtc.destroy (&program), ==, NVRTC_SUCCESS);
  g_assert_null (program);
  assert_describes (image, "mine");
  assert_describes (ptx, "mine");
}

/* Where there is no such GPU yet there is PTX alone. */
static void
test_virtual_architecture (Fixture *f, gconstpointer data)
{
  const gchar *options[] = { "--gpu-architecture=compute_90", "-DONE=1" };
  nvrtcProgram program;
  gsize size = 0;

  open_nvrtc ();
  program = create_program (good_source);
  g_assert_cmpint (nvrtc.ptx_size (program, &size), ==,
      NVRTC_ERROR_INVALID_PROGRAM);
  g_assert_cmpint (nvrtc.compile (program, G_N_ELEMENTS (options), options), ==,
      NVRTC_SUCCESS);
  g_assert_cmpint (nvrtc.cubin_size (program, &size), ==, NVRTC_SUCCESS);
  g_assert_cmpuint (size, ==, 0);
  g_assert_cmpint (nvrtc.ptx_size (program, &size), ==, NVRTC_SUCCESS);
  g_assert_cmpuint (size, >, 0);
  nvrtc.destroy (&program);
}

static void
test_compile_errors (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const gchar *source, *option, *says;
    nvrtcResult result;
  } cases[] = {
    { good_source, "--gpu-architecture=sm_90", "/some/where/mine.c:5",
        NVRTC_ERROR_COMPILATION },
    { "#include <stdio.h>\n", "-DONE=1", "/some/where/mine.c:1",
        NVRTC_ERROR_COMPILATION },
    { "#include \"program.h\"\n", "-DONE=1", "/some/where/mine.c:1",
        NVRTC_ERROR_COMPILATION },
    { good_source, "--no-such-option", "--no-such-option",
        NVRTC_ERROR_INVALID_OPTION },
    { good_source, "--gpu-architecture=sm_30", "sm_30",
        NVRTC_ERROR_INVALID_OPTION },
    { good_source, "-arch=gfx90", "gfx90", NVRTC_ERROR_INVALID_OPTION },
  };
  guint i;

  open_nvrtc ();
  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    nvrtcProgram program = create_program (cases[i].source);
    g_autofree gchar *log = NULL;
    gsize size;

    g_assert_cmpint (nvrtc.compile (program, 1, &cases[i].option), ==,
        cases[i].result);
    log = get_log (program);
    if (!strstr (log, cases[i].says))
      g_error ("'%s' is not in: %s", cases[i].says, log);
    g_assert_cmpint (nvrtc.cubin_size (program, &size), ==,
        NVRTC_ERROR_INVALID_PROGRAM);
    nvrtc.destroy (&program);
  }
}

static void
test_no_program (Fixture *f, gconstpointer data)
{
  nvrtcProgram program = (nvrtcProgram) (gpointer) "nothing", none = NULL;
  const gchar *bad[] = { "x" }, *names[] = { "../x.h" };
  gsize size;

  open_nvrtc ();
  g_assert_cmpint (nvrtc.compile (program, 0, NULL), ==,
      NVRTC_ERROR_INVALID_PROGRAM);
  g_assert_cmpint (nvrtc.cubin_size (program, &size), ==,
      NVRTC_ERROR_INVALID_PROGRAM);
  g_assert_cmpint (nvrtc.destroy (&program), ==, NVRTC_ERROR_INVALID_PROGRAM);
  g_assert_cmpint (nvrtc.create (&none, NULL, "x.c", 0, NULL, NULL), ==,
      NVRTC_ERROR_INVALID_INPUT);
  /* A header's name does not lead out of the program's folder. */
  g_assert_cmpint (nvrtc.create (&none, "int x;", "x.c", 1, bad, names), ==,
      NVRTC_SUCCESS);
  g_assert_cmpint (nvrtc.compile (none, 0, NULL), ==,
      NVRTC_ERROR_INTERNAL_ERROR);
  nvrtc.destroy (&none);
}

/* Whoever exits leaves nothing behind. */
static void
test_nothing_left (Fixture *f, gconstpointer data)
{
  g_autofree gchar *folder = g_dir_make_tmp ("ring-fake-test-XXXXXX", NULL);

  if (g_test_subprocess ()) {
    const gchar *option = "-DONE=1";
    nvrtcProgram program;

    open_nvrtc ();
    program = create_program (good_source);
    g_assert_cmpint (nvrtc.compile (program, 1, &option), ==, NVRTC_SUCCESS);
    nvrtc.destroy (&program);
    g_rmdir (folder);
    return;
  }
  g_setenv ("TMPDIR", folder, TRUE);
  g_test_trap_subprocess ("/cuda-fake/compiler/nothing-left", 0,
      G_TEST_SUBPROCESS_DEFAULT);
  g_unsetenv ("TMPDIR");
  g_test_trap_assert_passed ();
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define CASE(path, function) \
  g_test_add ("/cuda-fake/" path, Fixture, NULL, set_up, function, tear_down)
  CASE ("images/every-kernel", test_every_kernel);
  CASE ("images/wrapper", test_wrapper);
  CASE ("images/ptx", test_ptx);
  CASE ("images/functions", test_functions);
  CASE ("images/made-by-nvcc", test_real_images);
  CASE ("images/refused", test_refused_images);
  CASE ("images/names-in-a-module", test_names_in_a_module);
  CASE ("compiler/compiles", test_compiles);
  CASE ("compiler/virtual-architecture", test_virtual_architecture);
  CASE ("compiler/errors", test_compile_errors);
  CASE ("compiler/no-program", test_no_program);
  CASE ("compiler/nothing-left", test_nothing_left);
  return g_test_run ();
}
