/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * module.c: opens a kernel's library and checks what it says of itself before
 * anything of it runs.
 */
#include "core/core-private.h"
#include "compile/compile.h"

#include <glib/gstdio.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* That come of a frame. */
#define MOST_RECORDS 65536

static gboolean
terminated (const char *text, gsize size)
{
  return memchr (text, '\0', size) != NULL;
}

static gboolean
check_formats (guint kind, const gchar *list, guint record_size, GError **error)
{
  gchar **names;
  gboolean ok = TRUE;
  guint i;

  if (kind == RING_KIND_RECORD) {
    if (!g_variant_type_string_is_valid (list)
        || ring_record_size_ (list) != record_size || record_size == 0) {
      g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
          "its record type '%s' has %" G_GSIZE_FORMAT " bytes as a GVariant, "
          "and %u bytes as declared in C",
          list,
          g_variant_type_string_is_valid (list) ? ring_record_size_ (list) : 0,
          record_size);
      return FALSE;
    }
    return TRUE;
  }
  names = g_strsplit (list, ",", -1);
  for (i = 0; names[i] && ok; i++) {
    g_strstrip (names[i]);
    ok = kind == RING_KIND_VIDEO
        ? ring_video_format_from_string (names[i]) != RING_VIDEO_FORMAT_NONE
        : ring_audio_format_from_string (names[i]) != RING_AUDIO_FORMAT_NONE;
    if (!ok)
      g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
          "it declares the unknown %s format '%s'",
          kind == RING_KIND_VIDEO ? "video" : "audio", names[i]);
  }
  g_strfreev (names);
  return ok;
}

/* What the kinds of input and output demand of the rest. */
static gboolean
check_kinds (const RingKernelDescription *d, GError **error)
{
  const guint any = RING_KERNEL_ANY_FORMAT | RING_KERNEL_ANY_SIZE;
  const gchar *what = NULL;

  if (d->flags & any
      && (d->kind != RING_KIND_VIDEO || d->output_kind != RING_KIND_VIDEO))
    what = "RING_ANY_FORMAT and RING_ANY_SIZE are for frames that are made of "
           "frames; it has none";
  else if (d->flags & RING_KERNEL_ANY_FORMAT && d->output_formats[0] == '\0')
    what = "RING_ANY_FORMAT chooses among the output formats of RING_VIDEO_TO; "
           "it declares none";
  else if (d->flags & any && d->flags & RING_KERNEL_IN_PLACE)
    what =
        "RING_IN_PLACE is for outputs like the input; it leaves format or size "
        "to whoever uses it";
  else if (d->output_kind != d->kind
      && (d->output_kind != RING_KIND_RECORD || d->output_formats[0] == '\0'))
    what = "its description is damaged";
  else if (d->output_kind != d->kind && d->kind == RING_KIND_AUDIO
      && !(d->flags & RING_KERNEL_EMITS))
    what =
        "how many records come of a block of audio is said by the kernel; it "
        "has no RING_EMITS";
  else if (d->output_kind != d->kind && d->kind == RING_KIND_VIDEO
      && (d->max_records == 0 || d->max_records > MOST_RECORDS))
    what = "RING_VIDEO_TO_RECORDS takes a number of records from 1 to 65536";
  if (what)
    g_set_error_literal (error, RING_ERROR, RING_ERROR_KERNEL_INVALID, what);
  return what == NULL;
}

static gboolean
check_description (const RingKernelDescription *d, GError **error)
{
  guint i;

  if (d->abi_version != RING_ABI_VERSION
      || d->layout_hash != RING_LAYOUT_HASH) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "it was built for ABI version %u with layout %016" G_GINT64_MODIFIER
        "x, this library has version %u with layout %016" G_GINT64_MODIFIER
        "x; build the kernel again",
        d->abi_version, (guint64) d->layout_hash, RING_ABI_VERSION,
        (guint64) RING_LAYOUT_HASH);
    return FALSE;
  }
  if (!terminated (d->name, sizeof d->name) || d->name[0] == '\0'
      || !terminated (d->description, sizeof d->description)
      || !terminated (d->input_formats, sizeof d->input_formats)
      || !terminated (d->output_formats, sizeof d->output_formats)
      || d->kind > RING_KIND_RECORD || d->output_kind > RING_KIND_RECORD
      || d->sharing > RING_SHARING_BLOCK || d->max_outputs < 1
      || d->max_outputs > RING_MAX_OUTPUTS
      || d->n_parameters > RING_MAX_PARAMETERS) {
    g_set_error_literal (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "its description is damaged");
    return FALSE;
  }
  for (i = 0; i < d->n_parameters; i++) {
    const RingParameterDescription *p = &d->parameter[i];

    if (!terminated (p->name, sizeof p->name) || p->name[0] == '\0'
        || !terminated (p->description, sizeof p->description)
        || !terminated (p->text, sizeof p->text)) {
      g_set_error_literal (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
          "its description is damaged");
      return FALSE;
    }
  }
  if (d->sharing == RING_SHARING_BLOCK
      && (d->state_size > 0 || d->state_per_byte > 0)) {
    g_set_error_literal (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "it declares both state and RING_BLOCK_SHARING; messages that are "
        "processed side by side cannot share state");
    return FALSE;
  }
  if (d->kind != RING_KIND_BYTES
      && !check_formats (d->kind, d->input_formats, d->input_record_size,
          error))
    return FALSE;
  if (d->output_formats[0] != '\0'
      && !check_formats (d->output_kind, d->output_formats,
          d->output_record_size, error))
    return FALSE;
  if (!check_kinds (d, error))
    return FALSE;
  return ring_parameters_check_description (d, error);
}

static RingModule *
module_new (const RingCpuModule *cpu, const gchar *origin)
{
  RingModule *module = g_new0 (RingModule, 1);

  g_atomic_ref_count_init (&module->refs);
  module->cpu = cpu;
  module->description = cpu->description;
  module->name = g_strdelimit (g_strdup (cpu->description->name), "_", '-');
  module->origin = g_strdup (origin);
  return module;
}

RingModule *
ring_module_new_builtin (const gchar *name, const RingCpuModule *cpu,
    gconstpointer cuda_image)
{
  RingModule *module = module_new (cpu, "built-in");
  GError *error = NULL;

  module->cuda_image = cuda_image;

  /* A built-in kernel that is not valid is a mistake in this library. */
  if (!check_description (cpu->description, &error))
    g_error ("built-in kernel '%s': %s", name, error->message);
  return module;
}

/* Whether everything that dlopen would map is in the file: touching what is not
 * there kills the process. Headers of another machine are left to dlopen, which
 * refuses them. */
static gboolean
is_whole (FILE *file, const ElfW (Ehdr) * elf, guint64 size)
{
  const guint64 begin = elf->e_phoff;
  guint i;

  if (elf->e_phentsize != sizeof (ElfW (Phdr)))
    return elf->e_phentsize != 0;
  for (i = 0; i < elf->e_phnum; i++) {
    ElfW (Phdr) segment;

    if (fseek (file, (long) (begin + i * sizeof segment), SEEK_SET) != 0
        || fread (&segment, sizeof segment, 1, file) != 1)
      return FALSE;
    if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset)
      return FALSE;
  }
  return TRUE;
}

static void
set_cut_off (const gchar *path, GError **error)
{
  g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
      "the shared library '%s' is cut off; build or copy it again", path);
}

/* What dlopen says is about symbols and ELF; a user asked for a kernel. */
static gboolean
check_library (const gchar *path, GError **error)
{
  struct stat info;
  FILE *file;
  ElfW (Ehdr) elf;
  gboolean ok = FALSE;
  const gint fd = ring_kernel_file_open (path, &info, error);

  if (fd < 0)
    return FALSE;
  file = fdopen (fd, "rb");
  memset (&elf, 0, sizeof elf);
  if (fread (&elf, 1, sizeof elf, file) < SELFMAG
      || memcmp (elf.e_ident, ELFMAG, SELFMAG) != 0
      || (elf.e_type != ET_NONE && elf.e_type != ET_DYN))
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "'%s' is no shared library", path);
  else if (!is_whole (file, &elf, (guint64) info.st_size))
    set_cut_off (path, error);
  else
    ok = TRUE;
  fclose (file);
  return ok;
}

static gboolean
is_whole_file (const gchar *path)
{
  FILE *file = fopen (path, "rbe");
  struct stat info;
  ElfW (Ehdr) elf;
  gboolean whole;

  if (!file)
    return FALSE;
  whole = fstat (fileno (file), &info) == 0
      && fread (&elf, 1, sizeof elf, file) == sizeof elf
      && is_whole (file, &elf, (guint64) info.st_size);
  fclose (file);
  return whole;
}

/* A library built again while it is loaded would pull the code from under a kernel
 * that runs; and the loader takes a name that it has loaded already for the same
 * library, whatever the file holds by now. So what is loaded is a copy that nobody
 * knows. NULL: not possible here, or nothing that can be loaded; @cut_off: it is not
 * all there. */
static GModule *
open_copy (const gchar *file, gboolean *cut_off)
{
  gchar *dir = g_dir_make_tmp ("ringkernel-XXXXXX", NULL);
  gchar *copy, *data = NULL;
  GModule *library = NULL;
  gsize size;

  if (!dir)
    return NULL;
  copy = g_build_filename (dir, "kernel.so", NULL);
  if (g_file_get_contents (file, &data, &size, NULL)
      && g_file_set_contents (copy, data, (gssize) size, NULL)) {
    *cut_off = !is_whole_file (copy);
    if (!*cut_off)
      library = g_module_open (copy, G_MODULE_BIND_LOCAL);
  }
  g_unlink (copy);
  g_rmdir (dir);
  g_free (data);
  g_free (copy);
  g_free (dir);
  return library;
}

/* Opens the library @file; @path is what the user knows it by. */
RingModule *
ring_module_load (const gchar *file, const gchar *path, GError **error)
{
  GModule *library = NULL;
  gboolean cut_off = FALSE;
  RingModule *module;
  gpointer symbol = NULL;
  const RingCpuModule *cpu;

  /* One that was made for us is nobody else's. */
  if (strcmp (file, path) == 0)
    library = open_copy (file, &cut_off);
  if (cut_off) {
    set_cut_off (path, error);
    return NULL;
  }
  if (!library)
    library = g_module_open (file, G_MODULE_BIND_LOCAL);
  if (!library) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "'%s' cannot be loaded: %s", path, g_module_error ());
    return NULL;
  }
  if (!g_module_symbol (library, "ring_kernel_module", &symbol) || !symbol) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "'%s' is no kernel: it lacks the symbol ring_kernel_module, which "
        "RING_KERNEL defines",
        path);
    g_module_close (library);
    return NULL;
  }
  cpu = symbol;
  if (cpu->abi_version != RING_ABI_VERSION
      || cpu->size != sizeof (RingCpuModule)
      || cpu->layout_hash != RING_LAYOUT_HASH) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "'%s' cannot be used: it was built for ABI version %u with layout "
        "%016" G_GINT64_MODIFIER "x, this library has version %u with layout "
        "%016" G_GINT64_MODIFIER "x; build the kernel again",
        path, cpu->abi_version, (guint64) cpu->layout_hash, RING_ABI_VERSION,
        (guint64) RING_LAYOUT_HASH);
    g_module_close (library);
    return NULL;
  }
  if (!cpu->description || !cpu->entry
      || !check_description (cpu->description, error)) {
    if (error && !*error)
      g_set_error_literal (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
          "its module is damaged");
    g_prefix_error (error, "'%s' cannot be used: ", path);
    g_module_close (library);
    return NULL;
  }
  module = module_new (cpu, path);
  module->library = library;
  return module;
}

/* Opens a kernel by its file: .so is loaded, .c is compiled first. */
RingModule *
ring_module_open (const gchar *path, GError **error)
{
  struct stat info;
  gint fd;

  if (g_str_has_suffix (path, ".c"))
    return ring_compile_cc (path, error);
  if (g_str_has_suffix (path, ".so"))
    return check_library (path, error) ? ring_module_load (path, path, error)
                                       : NULL;
  /* That there is no such file comes first. */
  fd = ring_kernel_file_open (path, &info, error);
  if (fd < 0)
    return NULL;
  close (fd);
  g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
      "'%s' is neither a .c nor a .so file", path);
  return NULL;
}

RingModule *
ring_module_ref (RingModule *module)
{
  g_atomic_ref_count_inc (&module->refs);
  return module;
}

void
ring_module_unref (RingModule *module)
{
  if (!g_atomic_ref_count_dec (&module->refs))
    return;
  g_free (module->name);
  g_free (module->origin);
  if (module->library)
    g_module_close (module->library);
  g_free (module);
}
