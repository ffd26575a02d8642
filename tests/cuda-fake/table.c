/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * table.c: the stand-in driver's entry points by name, and those that GStreamer's
 * loader wants to find but that do nothing here.
 */
#include "fake.h"

#define ENTRY(name)
#define NOT_THERE(name) \
  FAKE_API fake_not_##name (void) __asm__(#name); \
  FAKE_API fake_not_##name (void) \
  { \
    const CUresult entered = fake_enter (FAKE_##name, 0); \
\
    return entered ? entered : fake_leave (CUDA_ERROR_NOT_SUPPORTED); \
  }
#include "entries.h"
#undef ENTRY
#undef NOT_THERE

/* Their types do not matter here, only where they are. */
#define ENTRY(name) extern const char fake_at_##name[] __asm__(#name);
#define NOT_THERE(name)
#include "entries.h"
#undef ENTRY
#undef NOT_THERE

#define ENTRY(name) fake_at_##name,
#define NOT_THERE(name) (const char *) fake_not_##name,
static const char *const addresses[] = {
#include "entries.h"
};
#undef ENTRY
#undef NOT_THERE

/* The newest version of what is asked for by its plain name. */
static const char *
find (const char *symbol)
{
  const size_t length = strlen (symbol);
  const char *found = NULL;
  unsigned i;

  for (i = 0; i < FAKE_N_ENTRIES; i++) {
    const char *name = fake_entry_name (i);

    if (strncmp (name, symbol, length) != 0)
      continue;
    if (name[length] == 0 || strncmp (name + length, "_v", 2) == 0)
      found = addresses[i];
  }
  return found;
}

#undef cuGetProcAddress
FAKE_API
cuGetProcAddress (const char *symbol, void **function, int version,
    cuuint64_t flags)
{
  FAKE_ENTER (cuGetProcAddress, FAKE_ANY_TIME);
  (void) version;
  (void) flags;
  if (!symbol || !function)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *function = (void *) find (symbol);
  return fake_leave (*function ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND);
}

FAKE_API
cuGetProcAddress_v2 (const char *symbol, void **function, int version,
    cuuint64_t flags, CUdriverProcAddressQueryResult *status)
{
  FAKE_ENTER (cuGetProcAddress_v2, FAKE_ANY_TIME);
  (void) version;
  (void) flags;
  if (!symbol || !function)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *function = (void *) find (symbol);
  if (status)
    *status = *function ? CU_GET_PROC_ADDRESS_SUCCESS
                        : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  return fake_leave (CUDA_SUCCESS);
}
