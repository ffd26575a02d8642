/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * device-code.c: what an image for GPUs holds: for which of them, and what a thread of
 * it takes.
 *
 * An image is a fat binary (a header, and entries of ELF or PTX), one such ELF (a
 * cubin), or PTX as text. Nothing of it is believed: every offset and size is checked
 * against what there is. No tool of CUDA's is needed.
 */
#include "core/core-private.h"

#include <string.h>

#define FATBIN_MAGIC 0xba55ed50u
#define FATBIN_HEADER 16
/* Of an entry: up to its flags. */
#define ENTRY_HEADER 48
#define ENTRY_PTX 1
#define ENTRY_ELF 2
#define ENTRY_IS_COMPRESSED 0xa000u /* by one or another method */

#define ELF_HEADER 64
#define ELF_SECTION 64
#define ELF_NOBITS 8
#define ELF_MACHINE_CUDA 190
/* From this version of its ABI on the architecture is a byte further up. */
#define ELF_ABI_SHIFTED 8

/* Attributes in .nv.info, with a function and a value. */
#define INFO_FRAME_SIZE 0x11
#define INFO_REGISTERS 0x2f
#define INFO_SIZED 4

/* More than any compiler makes. */
#define MAX_ENTRIES 64
#define MAX_FILE (256u << 20)

typedef struct
{
  const guint8 *data;
  guint64 size;
} Bytes;

/* ---- reading, within bounds ------------------------------------------------------- */

static gboolean
part (const Bytes *b, guint64 at, guint64 size, Bytes *found)
{
  if (at > b->size || size > b->size - at)
    return FALSE;
  found->data = b->data + at;
  found->size = size;
  return TRUE;
}

static guint16
read16 (const guint8 *at)
{
  guint16 value;

  memcpy (&value, at, sizeof value);
  return GUINT16_FROM_LE (value);
}

static guint32
read32 (const guint8 *at)
{
  guint32 value;

  memcpy (&value, at, sizeof value);
  return GUINT32_FROM_LE (value);
}

static guint64
read64 (const guint8 *at)
{
  guint64 value;

  memcpy (&value, at, sizeof value);
  return GUINT64_FROM_LE (value);
}

static gboolean
is_elf (const Bytes *b)
{
  /* of 64 bits, little endian */
  return b->size >= ELF_HEADER && memcmp (b->data, "\177ELF\2\1", 6) == 0;
}

/* ---- a cubin ------------------------------------------------------------------------ */

typedef struct
{
  guint architecture;
  gint64 registers, shared, stack; /* the most of any function; -1: not said */
} Cubin;

/* A name that ends within @names, or NULL. */
static const gchar *
section_name (const Bytes *names, guint32 at)
{
  if (at >= names->size || !memchr (names->data + at, 0, names->size - at))
    return NULL;
  return (const gchar *) names->data + at;
}

/* Attributes: a byte for the form, one for which it is, two for a value, or for the
 * size of what follows. */
static gboolean
read_info (const Bytes *info, Cubin *cubin)
{
  guint64 at = 0;

  while (at < info->size) {
    Bytes head, value;

    if (!part (info, at, 4, &head))
      return FALSE;
    at += 4;
    if (head.data[0] != INFO_SIZED)
      continue;
    if (!part (info, at, read16 (head.data + 2), &value))
      return FALSE;
    at += value.size;
    if (value.size < 8)
      continue;
    if (head.data[1] == INFO_REGISTERS)
      cubin->registers = MAX (cubin->registers, read32 (value.data + 4));
    else if (head.data[1] == INFO_FRAME_SIZE)
      cubin->stack = MAX (cubin->stack, read32 (value.data + 4));
  }
  return TRUE;
}

static gboolean
read_section (const Bytes *elf, const Bytes *names, const guint8 *header,
    Cubin *cubin)
{
  const gchar *name = section_name (names, read32 (header));
  Bytes body;

  if (!name)
    return FALSE;
  if (g_str_has_prefix (name, ".nv.shared."))
    cubin->shared = MAX (cubin->shared,
        (gint64) MIN (read64 (header + 32), (guint64) G_MAXINT32));
  if (strcmp (name, ".nv.info") != 0 || read32 (header + 4) == ELF_NOBITS)
    return TRUE;
  return part (elf, read64 (header + 24), read64 (header + 32), &body)
      && read_info (&body, cubin);
}

static gboolean
read_cubin (const Bytes *elf, Cubin *cubin)
{
  guint32 flags;
  guint16 size, n, i;
  Bytes table, names;
  const guint8 *header;

  *cubin = (Cubin){ .registers = -1, .stack = -1 };
  if (!is_elf (elf) || read16 (elf->data + 18) != ELF_MACHINE_CUDA)
    return FALSE;
  flags = read32 (elf->data + 48);
  cubin->architecture =
      elf->data[8] >= ELF_ABI_SHIFTED ? flags >> 8 & 0xff : flags & 0xff;
  size = read16 (elf->data + 58);
  n = read16 (elf->data + 60);
  i = read16 (elf->data + 62);
  if (size < ELF_SECTION || i >= n
      || !part (elf, read64 (elf->data + 40), (guint64) size * n, &table))
    return FALSE;
  header = table.data + (gsize) size * i;
  if (!part (elf, read64 (header + 24), read64 (header + 32), &names))
    return FALSE;
  for (i = 0; i < n; i++)
    if (!read_section (elf, &names, table.data + (gsize) size * i, cubin))
      return FALSE;
  return TRUE;
}

/* ---- images --------------------------------------------------------------------------- */

static void
add (GVariantBuilder *codes, const gchar *kind, guint architecture,
    gint64 registers, gint64 shared, gint64 stack)
{
  gchar *target = g_strdup_printf ("%s_%u", kind, architecture);

  g_variant_builder_add (codes, "(siii)", target,
      (gint) MIN (registers, G_MAXINT32), (gint) shared,
      (gint) MIN (stack, G_MAXINT32));
  g_free (target);
}

static gboolean
add_cubin (GVariantBuilder *codes, const Bytes *elf)
{
  Cubin cubin;

  if (!read_cubin (elf, &cubin))
    return FALSE;
  add (codes, "sm", cubin.architecture, cubin.registers, cubin.shared,
      cubin.stack);
  return TRUE;
}

static gboolean
add_fatbin (GVariantBuilder *codes, const Bytes *image)
{
  Bytes rest;
  guint n = 0;

  if (!part (image, read16 (image->data + 6), read64 (image->data + 8), &rest))
    return FALSE;
  for (; rest.size > 0 && n < MAX_ENTRIES; n++) {
    const guint8 *entry = rest.data;
    guint32 header;
    Bytes body;

    if (rest.size < ENTRY_HEADER)
      return FALSE;
    header = read32 (entry + 4);
    if (header < ENTRY_HEADER
        || !part (&rest, header, read64 (entry + 8), &body)
        || !part (&rest, header + body.size, rest.size - header - body.size,
            &rest))
      return FALSE;
    if (read16 (entry) == ENTRY_PTX)
      add (codes, "compute", read32 (entry + 28), -1, -1, -1);
    else if (read16 (entry) == ENTRY_ELF
        && (read64 (entry + 40) & ENTRY_IS_COMPRESSED))
      add (codes, "sm", read32 (entry + 28), -1, -1, -1);
    else if (read16 (entry) == ENTRY_ELF && !add_cubin (codes, &body))
      return FALSE;
  }
  return rest.size == 0;
}

/* "…\n.target sm_90, …" */
static gboolean
add_ptx (GVariantBuilder *codes, const Bytes *image)
{
  const gchar *end = (const gchar *) image->data + image->size;
  const gchar *at = g_strstr_len ((const gchar *) image->data,
      (gssize) image->size, ".target sm_");
  guint64 architecture = 0;

  if (!at)
    return FALSE;
  for (at += strlen (".target sm_");
       at < end && g_ascii_isdigit (*at) && architecture < 100000; at++)
    architecture = architecture * 10 + (guint64) g_ascii_digit_value (*at);
  if (architecture == 0)
    return FALSE;
  add (codes, "compute", (guint) architecture, -1, -1, -1);
  return TRUE;
}

static gboolean
add_image (GVariantBuilder *codes, const Bytes *image)
{
  if (image->size >= FATBIN_HEADER && read32 (image->data) == FATBIN_MAGIC)
    return add_fatbin (codes, image);
  if (is_elf (image))
    return add_cubin (codes, image);
  return add_ptx (codes, image);
}

static gboolean
add_file (GVariantBuilder *codes, const gchar *path, GError **error)
{
  GMappedFile *file = g_mapped_file_new (path, FALSE, error);
  Bytes image;
  gboolean ok;

  if (!file)
    return FALSE;
  image.data = (const guint8 *) g_mapped_file_get_contents (file);
  image.size = g_mapped_file_get_length (file);
  ok = image.size > 0 && image.size <= MAX_FILE && add_image (codes, &image);
  g_mapped_file_unref (file);
  if (!ok)
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "%s is no fat binary, cubin or PTX, or is damaged; make it again "
        "(nvcc -fatbin, or 'ringkernel compile --cuda')",
        path);
  return ok;
}

/**
 * ring_kernel_info_list_device_code:
 * @info: a kernel's info
 * @error: return location for an error
 *
 * What there is for GPUs already, read from the code itself: of a built-in kernel, or
 * of the .fatbin, .cubin or .ptx beside a kernel's file. Each is a target as in
 * ring_kernel_info_list_targets() ("sm_90", "compute_120" for PTX), registers per
 * thread, bytes of shared memory per block, and bytes of stack per thread: the most of
 * any function; -1 where it is not known, that is for PTX, and for what is compressed.
 * A source is compiled when it is launched, so there is none. Neither a GPU nor a
 * driver is needed. From any thread; a file is read in the calling one.
 *
 * Returns: (transfer full): an array of "(siii)", which may be empty; %NULL with
 *   %RING_ERROR_KERNEL_INVALID for a file that is not such code, or %G_FILE_ERROR
 */
GVariant *
ring_kernel_info_list_device_code (RingKernelInfo *info, GError **error)
{
  const RingModule *module;
  GVariantBuilder codes;
  gchar *beside = NULL;
  gboolean ok = TRUE;

  g_return_val_if_fail (info != NULL, NULL);

  module = ring_kernel_info_get_module_ (info);
  g_variant_builder_init (&codes, G_VARIANT_TYPE ("a(siii)"));
  if (module->library)
    beside = ring_module_find_beside (module->origin);
  if (beside) {
    ok = add_file (&codes, beside, error);
  } else if (module->cuda_image) {
    /* Of ours; its own header says how long it is. */
    Bytes image = { module->cuda_image, FATBIN_HEADER };

    image.size = read16 (image.data + 6) + read64 (image.data + 8);
    ok = add_image (&codes, &image);
    if (!ok)
      g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
          "the code for GPUs of kernel '%s' is of a form that is not known",
          module->name);
  }
  g_free (beside);
  if (!ok) {
    g_variant_builder_clear (&codes);
    return NULL;
  }
  return g_variant_ref_sink (g_variant_builder_end (&codes));
}
