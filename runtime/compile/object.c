/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * object.c: looks into a library that the C compiler made of a kernel, before it is
 * loaded. What the text alone does not show shows here: functions that a kernel
 * declares for itself and nobody has on a GPU, and variables that it writes to.
 */
#include "compile/compile.h"

#include <link.h>
#include <string.h>

typedef struct
{
  const gchar *data;
  gsize size;
  ElfW (Ehdr) header;
} Object;

static gboolean
get (const Object *o, guint64 offset, gpointer to, gsize size)
{
  if (offset > o->size || size > o->size - offset)
    return FALSE;
  memcpy (to, o->data + offset, size);
  return TRUE;
}

static gboolean
get_section (const Object *o, guint index, ElfW (Shdr) * section)
{
  return index < o->header.e_shnum
      && get (o, o->header.e_shoff + (guint64) index * sizeof *section, section,
          sizeof *section);
}

/* The @i-th text of the table in @section; "" where there is none. */
static const gchar *
get_text (const Object *o, guint section, guint64 i)
{
  ElfW (Shdr) table;

  if (!get_section (o, section, &table) || table.sh_offset > o->size
      || table.sh_size > o->size - table.sh_offset || i >= table.sh_size
      || !memchr (o->data + table.sh_offset + i, '\0', table.sh_size - i))
    return "";
  return o->data + table.sh_offset + i;
}

/* What compilers call by themselves, and the maths that both targets have. */
static gboolean
may_be_called (const gchar *name)
{
  static const gchar *const memory[] = { "memcpy", "memmove", "memset",
    "memcmp" };
  static const gchar *const maths[] = { "acos", "acosh", "asin", "asinh",
    "atan", "atan2", "atanh", "cbrt", "ceil", "copysign", "cos", "cosh", "erf",
    "erfc", "exp", "exp10", "exp2", "expm1", "fabs", "fdim", "floor", "fma",
    "fmax", "fmin", "fmod", "hypot", "ldexp", "log", "log10", "log1p", "log2",
    "nearbyint", "pow", "remainder", "rint", "round", "sin", "sincos", "sinh",
    "sqrt", "tan", "tanh", "trunc" };
  gsize i, n;

  if (g_str_has_prefix (name, "__") || g_str_has_prefix (name, "_ITM_")
      || *name == '\0')
    return TRUE;
  for (i = 0; i < G_N_ELEMENTS (memory); i++) {
    if (strcmp (name, memory[i]) == 0)
      return TRUE;
  }
  for (i = 0; i < G_N_ELEMENTS (maths); i++) {
    n = strlen (maths[i]);
    if (strncmp (name, maths[i], n) == 0
        && (name[n] == '\0' || (name[n] == 'f' && name[n + 1] == '\0')))
      return TRUE;
  }
  return FALSE;
}

static gboolean
check_calls (const Object *o, const ElfW (Shdr) * table,
    const RingSource *source, GError **error)
{
  ElfW (Sym) symbol;
  guint64 i;

  for (i = 0; i < table->sh_size / sizeof symbol; i++) {
    const gchar *name;

    if (!get (o, table->sh_offset + i * sizeof symbol, &symbol, sizeof symbol)
        || symbol.st_shndx != SHN_UNDEF)
      continue;
    name = get_text (o, table->sh_link, symbol.st_name);
    if (may_be_called (name))
      continue;
    ring_source_set_error (source, name, error,
        "'%s' is not in this file, and a kernel has no library: on a GPU there is "
        "none; use what ringkernel/kernel-sdk.h has",
        name);
    return FALSE;
  }
  return TRUE;
}

/* "count.1" of gcc and "function.count" of clang is a count inside of a function. */
static gchar *
strip_name (const gchar *symbol)
{
  gchar **part = g_strsplit (symbol, ".", -1), *name = NULL;
  guint i;

  for (i = 0; part[i]; i++) {
    if (*part[i] && !g_ascii_isdigit (*part[i])) {
      g_free (name);
      name = g_strdup (part[i]);
    }
  }
  g_strfreev (part);
  return name;
}

/* The variable that lies in section @index, as its source calls it. */
static gchar *
find_variable (const Object *o, guint index)
{
  ElfW (Shdr) table;
  ElfW (Sym) symbol;
  guint section;
  guint64 i;

  for (section = 0; get_section (o, section, &table); section++) {
    if (table.sh_type != SHT_SYMTAB)
      continue;
    for (i = 0; i < table.sh_size / sizeof symbol; i++) {
      const gchar *name;

      if (!get (o, table.sh_offset + i * sizeof symbol, &symbol, sizeof symbol)
          || symbol.st_shndx != index || symbol.st_size == 0
          || (ELF64_ST_TYPE (symbol.st_info) != STT_OBJECT
              && ELF64_ST_TYPE (symbol.st_info) != STT_TLS))
        continue;
      name = get_text (o, table.sh_link, symbol.st_name);
      if (*name)
        return strip_name (name);
    }
  }
  return NULL;
}

static gboolean
check_variables (const Object *o, guint index, const ElfW (Shdr) * section,
    const RingSource *source, GError **error)
{
  const gchar *name = get_text (o, o->header.e_shstrndx, section->sh_name);
  gchar *variable;

  if ((section->sh_flags & (SHF_ALLOC | SHF_WRITE)) != (SHF_ALLOC | SHF_WRITE)
      || section->sh_size == 0)
    return TRUE;
  if (section->sh_type == SHT_INIT_ARRAY || section->sh_type == SHT_FINI_ARRAY
      || section->sh_type == SHT_PREINIT_ARRAY
      || g_str_has_prefix (name, ".ctors")
      || g_str_has_prefix (name, ".dtors")) {
    ring_source_set_error (source, NULL, error,
        "it has code that runs when it is loaded or unloaded; a kernel runs for "
        "messages alone");
    return FALSE;
  }
  /* Written by the loader alone. */
  if (section->sh_type == SHT_DYNAMIC || g_str_has_prefix (name, ".got")
      || g_str_has_prefix (name, ".data.rel.ro")
      || g_str_has_prefix (name, ".relro") || strcmp (name, ".plt") == 0)
    return TRUE;
  variable = find_variable (o, index);
  ring_source_set_error (source, variable, error,
      "%s%s%s keeps a value that every worker and every handle would share; "
      "declare it const, or in RING_STATE",
      variable ? "'" : "a variable of this file", variable ? variable : "",
      variable ? "'" : "");
  g_free (variable);
  return FALSE;
}

gboolean
ring_object_check (GBytes *object, const RingSource *source, GError **error)
{
  Object o;
  ElfW (Shdr) section;
  guint i;

  o.data = g_bytes_get_data (object, &o.size);
  if (!get (&o, 0, &o.header, sizeof o.header)
      || memcmp (o.header.e_ident, ELFMAG, SELFMAG) != 0
      || o.header.e_shentsize != sizeof section) {
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "kernel '%s': what the C compiler made of it is no shared library for "
        "this machine; set CC to a compiler for this machine",
        source->path);
    return FALSE;
  }
  for (i = 0; get_section (&o, i, &section); i++) {
    if (section.sh_type == SHT_DYNSYM
        && !check_calls (&o, &section, source, error))
      return FALSE;
    if (!check_variables (&o, i, &section, source, error))
      return FALSE;
  }
  return TRUE;
}
