/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * module.c: what the stand-in driver does with an image. It runs no code of a GPU;
 * it looks which kernel the image describes, and takes that kernel's build for this
 * machine. An image of the stand-in compiler is a library with such a build, or names
 * one. Other functions are those of its table that the image has by name.
 */
#define _GNU_SOURCE 1 /* memmem */
#include "fake.h"

#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>
#include <unistd.h>

#define WRAPPER_MAGIC 0x466243b1u
#define FATBIN_MAGIC 0xba55ed50u
#define OURS "RING-FAKE-IMAGE\n"
#define RESIDENT "ring_kernel_resident"

typedef struct
{
  uint32_t magic, version;
  const void *data;
} Wrapper;

typedef struct
{
  uint32_t magic;
  uint16_t version, header_size;
  uint64_t size; /* of what follows */
} Fatbin;

/* ---- which kernel is it? ---------------------------------------------------------- */

static const RingDeviceKernel *
builtin (const char *name)
{
  const FakeBuiltinKernel *row;

  for (row = fake_builtin_kernels; row->name; row++)
    if (strcmp (row->name, name) == 0)
      return row->kernel;
  return NULL;
}

/* What stands at the begin of a RingKernelDescription. */
typedef struct
{
  uint32_t abi_version, kind;
  uint64_t layout_hash;
  char name[RING_NAME_SIZE];
} Begin;

static const RingDeviceKernel *
kernel_of (const uint8_t *begin)
{
  Begin found;

  memcpy (&found, begin, sizeof (found));
  if (found.layout_hash != RING_LAYOUT_HASH
      || found.abi_version != RING_ABI_VERSION
      || !memchr (found.name, 0, sizeof (found.name)))
    return NULL;
  return builtin (found.name);
}

static const RingDeviceKernel *
scan (const uint8_t *image, size_t size)
{
  const uint64_t hash = RING_LAYOUT_HASH;
  const uint8_t first = (uint8_t) (hash & 0xff);
  const uint8_t *at = image;
  const RingDeviceKernel *kernel;

  if (size < sizeof (Begin))
    return NULL;
  while ((at = memchr (at, first, size - (size_t) (at - image)))) {
    const size_t offset = (size_t) (at - image);

    if (offset >= offsetof (Begin, layout_hash)
        && size - offset >= sizeof (Begin) - offsetof (Begin, layout_hash)
        && (kernel = kernel_of (at - offsetof (Begin, layout_hash))))
      return kernel;
    at++;
  }
  return NULL;
}

static void
add_function (FakeModule *module, const char *name,
    const RingDeviceKernel *kernel)
{
  if (module->n_functions < FAKE_MAX_FUNCTIONS) {
    module->functions[module->n_functions].name = name;
    module->functions[module->n_functions++].kernel = kernel;
  }
}

static void
add_functions (FakeModule *module, const void *image, size_t size)
{
  const FakeFunction *row;

  if (module->kernel)
    add_function (module, RESIDENT, module->kernel);
  for (row = fake_builtin_functions; row->name; row++)
    if (memmem (image, size, row->name, strlen (row->name)))
      add_function (module, row->name, row->kernel);
}

/* The assembler's text lists the bytes in decimal. */
static const RingDeviceKernel *
scan_text (const char *text)
{
  uint8_t bytes[sizeof (Begin)];
  const char *at = strstr (text, "ring_kernel_description[");
  char *end;
  unsigned i;

  if (!at || !(at = strchr (at, '{')))
    return NULL;
  for (i = 0; i < sizeof (bytes); i++) {
    bytes[i] = (uint8_t) strtoul (at + 1, &end, 10);
    at = end;
    if (*at != ',')
      break;
  }
  return i == sizeof (bytes) ? kernel_of (bytes) : NULL;
}

static size_t
elf_size (const uint8_t *image)
{
  Elf64_Ehdr header;
  size_t size;
  unsigned i;

  memcpy (&header, image, sizeof (header));
  size = header.e_shoff + (size_t) header.e_shnum * header.e_shentsize;
  if (size < header.e_phoff + (size_t) header.e_phnum * header.e_phentsize)
    size = header.e_phoff + (size_t) header.e_phnum * header.e_phentsize;
  for (i = 0; i < header.e_shnum; i++) {
    Elf64_Shdr section;

    memcpy (&section, image + header.e_shoff + (size_t) i * header.e_shentsize,
        sizeof (section));
    if (section.sh_type != SHT_NOBITS
        && size < section.sh_offset + section.sh_size)
      size = section.sh_offset + section.sh_size;
  }
  return size;
}

/* A library can be opened by its name only. */
static bool
write_library (char *path, size_t path_size, const char *code, size_t size)
{
  const char *tmp = getenv ("TMPDIR");
  FILE *file;
  bool good;
  int fd;

  snprintf (path, path_size, "%s/ring-fake-module-XXXXXX",
      tmp && *tmp ? tmp : "/tmp");
  fd = mkstemp (path);
  if (fd < 0)
    return false;
  file = fdopen (fd, "w");
  good = file && fwrite (code, 1, size, file) == size;
  if (file)
    good = fclose (file) == 0 && good;
  if (!good)
    unlink (path);
  return good;
}

/* Behind the first line stands "=SIZE" and the library itself, or its path. */
static CUresult
open_library (const char *text, FakeModule *module, const char **why)
{
  const char *begin = text + strlen (OURS);
  const char *end = strchr (begin, '\n');
  const bool here = *begin == '=';
  char path[4096];

  if (!end || (size_t) (end - begin) >= sizeof (path))
    return CUDA_ERROR_INVALID_IMAGE;
  memcpy (path, begin, (size_t) (end - begin));
  path[end - begin] = 0;
  if (here
      && !write_library (path, sizeof (path), end + 1,
          strtoul (begin + 1, NULL, 10)))
    return CUDA_ERROR_OUT_OF_MEMORY;
  if (access (path, R_OK) != 0)
    return CUDA_ERROR_FILE_NOT_FOUND;
  module->library = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  if (here)
    unlink (path);
  if (!module->library) {
    *why = dlerror ();
    return CUDA_ERROR_INVALID_IMAGE;
  }
  module->kernel = dlsym (module->library, "ring_device_kernel");
  if (!module->kernel || module->kernel->abi_version != RING_ABI_VERSION
      || module->kernel->size != sizeof (RingDeviceKernel))
    return CUDA_ERROR_INVALID_IMAGE;
  add_function (module, RESIDENT, module->kernel);
  return CUDA_SUCCESS;
}

static CUresult
identify (const void *image, FakeModule *module, const char **why)
{
  uint32_t magic;
  size_t size;

  if (strncmp (image, OURS, strlen (OURS)) == 0)
    return open_library (image, module, why);
  memcpy (&magic, image, sizeof (magic));
  if (magic == WRAPPER_MAGIC) {
    image = ((const Wrapper *) image)->data;
    if (!image)
      return CUDA_ERROR_INVALID_IMAGE;
    memcpy (&magic, image, sizeof (magic));
  }
  if (magic == FATBIN_MAGIC) {
    Fatbin header;

    memcpy (&header, image, sizeof (header));
    size = header.header_size + header.size;
    module->kernel = scan (image, size);
  } else if (memcmp (image, ELFMAG, SELFMAG) == 0) {
    size = elf_size (image);
    module->kernel = scan (image, size);
  } else if (strncmp (image, "//", 2) == 0
      || strncmp (image, ".version", 8) == 0) {
    size = strlen (image);
    module->kernel = scan_text (image);
  } else {
    *why = "neither a fat binary nor a cubin nor PTX";
    return CUDA_ERROR_INVALID_IMAGE;
  }
  add_functions (module, image, size);
  if (module->n_functions == 0) {
    *why = "describes no kernel that the stand-in driver has a build of";
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  return CUDA_SUCCESS;
}

/* ---- modules --------------------------------------------------------------------------- */

void
fake_module_destroy (FakeObject *object)
{
  FakeModule *module = (FakeModule *) object;
  FakeMemory *memory =
      module->description ? fake_memory_find (module->description, 0) : NULL;

  if (memory)
    fake_memory_free (memory);
  if (module->library)
    dlclose (module->library);
  fake_object_unref (object->context);
  free (module);
}

static CUresult
module_load (CUmodule *handle, const void *image, char *log, size_t log_size)
{
  const char *why = NULL;
  FakeMemory *memory = NULL;
  FakeModule *module;
  CUresult result;

  if (!handle || !image)
    return CUDA_ERROR_INVALID_VALUE;
  result = fake_wait_context (fake_current);
  if (result != CUDA_SUCCESS)
    return result;
  module = calloc (1, sizeof (*module));
  fake_object_init (module, FAKE_MODULE, fake_object_ref (fake_current),
      fake_module_destroy);
  result = identify (image, module, &why);
  if (result == CUDA_SUCCESS && module->kernel)
    result = fake_memory_new (fake_current, FAKE_MEMORY_DEVICE,
        sizeof (RingKernelDescription), NULL, &memory);
  if (log && log_size > 0 && why)
    snprintf (log, log_size, "stand-in driver: %s", why);
  if (result != CUDA_SUCCESS) {
    fake_object_retire (module);
    return result;
  }
  if (memory) {
    memory->internal = true;
    memcpy (memory->bytes, module->kernel->description,
        sizeof (RingKernelDescription));
    module->description = memory->device;
  }
  *handle = (CUmodule) module;
  return CUDA_SUCCESS;
}

FAKE_API
cuModuleLoadData (CUmodule *module, const void *image)
{
  FAKE_ENTER (cuModuleLoadData, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  return fake_leave (module_load (module, image, NULL, 0));
}

FAKE_API
cuModuleLoadDataEx (CUmodule *module, const void *image, unsigned n,
    CUjit_option *options, void **values)
{
  char *log = NULL;
  size_t log_size = 0;
  unsigned i;

  FAKE_ENTER (cuModuleLoadDataEx, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  if (n > 0 && (!options || !values))
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  for (i = 0; i < n; i++) {
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER)
      log = values[i];
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
      log_size = (size_t) values[i];
  }
  return fake_leave (module_load (module, image, log, log_size));
}

FAKE_API
cuModuleUnload (CUmodule handle)
{
  FakeModule *module;
  CUresult result;

  FAKE_ENTER (cuModuleUnload, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  module = fake_object_find (FAKE_MODULE, handle);
  if (!module || module->object.context != fake_current)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  result = fake_wait_context (fake_current);
  if (result == CUDA_SUCCESS && fake_object_find (FAKE_MODULE, handle))
    fake_object_retire (module);
  return fake_leave (result);
}

/* Never looks into what may be no function at all. */
const FakeFunction *
fake_function_find (CUfunction function, FakeModule **module)
{
  FakeObject *object;
  unsigned i;

  for (object = fake.live[FAKE_MODULE]; object; object = object->next) {
    *module = (FakeModule *) object;
    for (i = 0; i < (*module)->n_functions; i++)
      if ((CUfunction) & (*module)->functions[i] == function)
        return &(*module)->functions[i];
  }
  *module = NULL;
  return NULL;
}

FAKE_API
cuModuleGetFunction (CUfunction *function, CUmodule handle, const char *name)
{
  FakeModule *module;
  unsigned i;

  FAKE_ENTER (cuModuleGetFunction, FAKE_CURRENT);
  module = fake_object_find (FAKE_MODULE, handle);
  if (!module)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (!function || !name)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  for (i = 0; i < module->n_functions; i++)
    if (strcmp (name, module->functions[i].name) == 0) {
      *function = (CUfunction) &module->functions[i];
      return fake_leave (CUDA_SUCCESS);
    }
  return fake_leave (CUDA_ERROR_NOT_FOUND);
}

FAKE_API
cuModuleGetGlobal_v2 (CUdeviceptr *device, size_t *size, CUmodule handle,
    const char *name)
{
  FakeModule *module;

  FAKE_ENTER (cuModuleGetGlobal_v2, FAKE_CURRENT);
  module = fake_object_find (FAKE_MODULE, handle);
  if (!module)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (!name)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  if (strcmp (name, "ring_kernel_description") != 0 || !module->kernel)
    return fake_leave (CUDA_ERROR_NOT_FOUND);
  if (device)
    *device = module->description;
  if (size)
    *size = sizeof (RingKernelDescription);
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuModuleGetLoadingMode (CUmoduleLoadingMode *mode)
{
  FAKE_ENTER (cuModuleGetLoadingMode, 0);
  if (!mode)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *mode = CU_MODULE_EAGER_LOADING;
  return fake_leave (CUDA_SUCCESS);
}

/* ---- functions --------------------------------------------------------------------------- */

FAKE_API
cuFuncGetAttribute (int *value, CUfunction_attribute which, CUfunction function)
{
  const FakeFunction *found;
  FakeModule *module;
  long lanes;

  FAKE_ENTER (cuFuncGetAttribute, FAKE_CURRENT);
  found = fake_function_find (function, &module);
  if (!found)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (!value)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  switch (which) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      lanes = (long) found->kernel->max_lanes;
      *value = (int) (lanes < fake.max_threads ? lanes : fake.max_threads);
      break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
      *value = 64;
      break;
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
      *value = module->kernel ? (int) sizeof (RingKernelDescription) : 0;
      break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
      *value = (int) fake.capability;
      break;
    default:
      *value = 0;
      break;
  }
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuFuncSetAttribute (CUfunction function, CUfunction_attribute which, int value)
{
  FakeModule *module;

  FAKE_ENTER (cuFuncSetAttribute, FAKE_CURRENT);
  (void) value;
  if (!fake_function_find (function, &module))
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  return fake_leave (which == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
              || which == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT
          ? CUDA_SUCCESS
          : CUDA_ERROR_INVALID_VALUE);
}

FAKE_API
cuFuncLoad (CUfunction function)
{
  FakeModule *module;

  FAKE_ENTER (cuFuncLoad, FAKE_CURRENT);
  return fake_leave (fake_function_find (function, &module)
          ? CUDA_SUCCESS
          : CUDA_ERROR_INVALID_HANDLE);
}

static CUresult
occupancy (int *n, CUfunction function, int block)
{
  FakeModule *module;
  const FakeFunction *found = fake_function_find (function, &module);

  if (!found)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!n || block < 1)
    return CUDA_ERROR_INVALID_VALUE;
  *n =
      block <= fake.max_threads && (unsigned) block <= found->kernel->max_lanes;
  return CUDA_SUCCESS;
}

FAKE_API
cuOccupancyMaxActiveBlocksPerMultiprocessor (int *n, CUfunction function,
    int block, size_t shared)
{
  FAKE_ENTER (cuOccupancyMaxActiveBlocksPerMultiprocessor, FAKE_CURRENT);
  (void) shared;
  return fake_leave (occupancy (n, function, block));
}

FAKE_API
cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags (int *n,
    CUfunction function, int block, size_t shared, unsigned flags)
{
  FAKE_ENTER (cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags,
      FAKE_CURRENT);
  (void) shared;
  (void) flags;
  return fake_leave (occupancy (n, function, block));
}

FAKE_API
cuOccupancyMaxPotentialBlockSize (int *grid, int *block, CUfunction function,
    CUoccupancyB2DSize shared_of, size_t shared, int limit)
{
  FakeModule *module;

  FAKE_ENTER (cuOccupancyMaxPotentialBlockSize, FAKE_CURRENT);
  (void) shared_of;
  (void) shared;
  if (!fake_function_find (function, &module))
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (!grid || !block)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *grid = (int) fake.multiprocessors;
  *block = (int) fake.max_threads;
  if (limit > 0 && *block > limit)
    *block = limit;
  return fake_leave (CUDA_SUCCESS);
}
