/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * state.c: the stand-in driver's state: settings, what is counted and injected at
 * each call, and the objects that live.
 */
#include "fake.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

FakeState fake = {
  .lock = PTHREAD_MUTEX_INITIALIZER,
  .changed = PTHREAD_COND_INITIALIZER,
};
__thread FakeContext *fake_current;

static const struct
{
  const char *name;
  long *value;
  long initial;
} settings[] = {
  { "DEVICES", &fake.devices, 1 },
  { "MULTIPROCESSORS", &fake.multiprocessors, 4 },
  { "MAX_THREADS", &fake.max_threads, 2 },
  { "EXEC_TIMEOUT", &fake.exec_timeout, 0 },
  { "COOPERATIVE", &fake.cooperative, 1 },
  { "STREAM_MEMOPS", &fake.stream_memops, 1 },
  { "MEMORY_POOLS", &fake.memory_pools, 1 },
  { "MEMORY", &fake.memory, 1L << 30 },
  { "DRIVER_VERSION", &fake.driver_version, 13000 },
  { "CAPABILITY", &fake.capability, 90 },
  { "EXCLUSIVE_WAITS", &fake.exclusive_waits, 0 },
};

#define N_SETTINGS (sizeof (settings) / sizeof (settings[0]))

#define ENTRY(name) #name,
#define NOT_THERE(name) #name,
static const char *const entry_names[] = {
#include "entries.h"
};
#undef ENTRY
#undef NOT_THERE

/* A failure to come. */
typedef struct FakeFailure
{
  struct FakeFailure *next;
  FakeEntry entry;
  unsigned after; /* calls */
  int error;
} FakeFailure;

static unsigned calls[FAKE_N_ENTRIES];
static FakeFailure *failures;
static FILE *trace;
static pthread_once_t once = PTHREAD_ONCE_INIT;

uint64_t
fake_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

const char *
fake_entry_name (unsigned entry)
{
  return entry < FAKE_N_ENTRIES ? entry_names[entry] : NULL;
}

/* ---- settings --------------------------------------------------------------- */

/* The newest version of the function, where its plain name is given. */
static int
entry_by_name (const char *name)
{
  const size_t length = strlen (name);
  int found = -1;
  unsigned i;

  for (i = 0; i < FAKE_N_ENTRIES; i++) {
    if (strcmp (entry_names[i], name) == 0)
      return (int) i;
    if (strncmp (entry_names[i], name, length) == 0
        && strncmp (entry_names[i] + length, "_v", 2) == 0)
      found = (int) i;
  }
  return found;
}

static int
add_failure (const char *function, unsigned nth, int error)
{
  const int entry = entry_by_name (function);
  FakeFailure *failure;

  if (entry < 0 || nth == 0)
    return -1;
  failure = calloc (1, sizeof (*failure));
  failure->entry = (FakeEntry) entry;
  failure->after = calls[entry] + nth;
  failure->error = error;
  failure->next = failures;
  failures = failure;
  return 0;
}

static void
read_environment (void)
{
  char name[64];
  const char *text;
  unsigned i;

  for (i = 0; i < N_SETTINGS; i++) {
    snprintf (name, sizeof (name), "RING_FAKE_%s", settings[i].name);
    text = getenv (name);
    *settings[i].value = text ? strtol (text, NULL, 0) : settings[i].initial;
  }
  if (fake.devices > FAKE_MAX_DEVICES)
    fake.devices = FAKE_MAX_DEVICES;
  if ((text = getenv ("RING_FAKE_FAIL"))) {
    char *copy = strdup (text), *rest = copy, *one;

    while ((one = strsep (&rest, ","))) {
      char function[64];
      unsigned nth;
      int error;

      if (sscanf (one, "%63[^:]:%u:%d", function, &nth, &error) != 3
          || add_failure (function, nth, error) != 0)
        fprintf (stderr, "stand-in driver: RING_FAKE_FAIL: what is '%s'?\n",
            one);
    }
    free (copy);
  }
}

/* A driver's threads do not come along into a child; the real one refuses, too. */
static void
forked (void)
{
  pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;

  fake.lock = unlocked;
  fake.forked = fake.forked || fake.initialised;
}

static void
begin (void)
{
  const char *path = getenv ("RING_FAKE_TRACE");

  read_environment ();
  if (path && !(trace = fopen (path, "ae")))
    fprintf (stderr, "stand-in driver: %s: %m\n", path);
  if (trace)
    setvbuf (trace, NULL, _IOLBF, 0);
  pthread_atfork (NULL, NULL, forked);
}

/* ---- a call ------------------------------------------------------------------ */

static CUresult
injected (FakeEntry entry)
{
  FakeFailure **link = &failures;

  calls[entry]++;
  for (; *link; link = &(*link)->next)
    if ((*link)->entry == entry && (*link)->after == calls[entry]) {
      FakeFailure *failure = *link;
      const int error = failure->error;

      *link = failure->next;
      free (failure);
      return (CUresult) error;
    }
  return CUDA_SUCCESS;
}

static CUresult
refused (unsigned flags)
{
  if (flags & FAKE_ANY_TIME)
    return CUDA_SUCCESS;
  if (!fake.initialised || fake.forked)
    return CUDA_ERROR_NOT_INITIALIZED;
  if (flags & FAKE_CURRENT) {
    if (!fake_object_find (FAKE_CONTEXT, fake_current))
      return CUDA_ERROR_INVALID_CONTEXT;
    while (fake_current->locked) {
      pthread_cond_wait (&fake.changed, &fake.lock);
      if (!fake_object_find (FAKE_CONTEXT, fake_current))
        return CUDA_ERROR_INVALID_CONTEXT;
    }
    if (fake_current->failed)
      return fake_current->failed;
  }
  if (flags & FAKE_NOT_IN_CAPTURE && fake_captures ())
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  return CUDA_SUCCESS;
}

CUresult
fake_enter (FakeEntry entry, unsigned flags)
{
  CUresult result;
  bool intended;

  pthread_once (&once, begin);
  pthread_mutex_lock (&fake.lock);
  result = injected (entry);
  intended = result != CUDA_SUCCESS;
  if (!intended)
    result = refused (flags);
  if (trace)
    fprintf (trace, "%.6f %ld %s%s%.0d\n", (double) fake_now () / 1e9,
        syscall (SYS_gettid), entry_names[entry],
        intended     ? " made to fail: "
            : result ? " refused: "
                     : "",
        (int) result);
  if (result != CUDA_SUCCESS)
    pthread_mutex_unlock (&fake.lock);
  return result;
}

CUresult
fake_leave (CUresult result)
{
  pthread_mutex_unlock (&fake.lock);
  return result;
}

/* ---- objects ------------------------------------------------------------------ */

void
fake_object_init (void *at, FakeKind kind, FakeContext *context,
    void (*destroy) (FakeObject *))
{
  FakeObject *object = at;

  object->kind = kind;
  object->refs = 1;
  object->context = context;
  object->destroy = destroy;
  object->next = fake.live[kind];
  object->link = &fake.live[kind];
  if (object->next)
    object->next->link = &object->next;
  fake.live[kind] = object;
}

/* Never looks into what may be no object at all. */
void *
fake_object_find (FakeKind kind, const void *handle)
{
  FakeObject *object;

  for (object = fake.live[kind]; object; object = object->next)
    if (object == handle)
      return object;
  return NULL;
}

void *
fake_object_ref (void *object)
{
  ((FakeObject *) object)->refs++;
  return object;
}

void
fake_object_unref (void *at)
{
  FakeObject *object = at;

  if (object && --object->refs == 0)
    object->destroy (object);
}

void
fake_object_retire (void *at)
{
  FakeObject *object = at;

  if (!object->link)
    return;
  *object->link = object->next;
  if (object->next)
    object->next->link = object->link;
  object->link = NULL;
  fake_object_unref (object);
}

/* ---- control -------------------------------------------------------------------- */

FAKE_CONTROL int
ring_fake_set (const char *name, long value)
{
  int result = -1;
  unsigned i;

  pthread_once (&once, begin);
  pthread_mutex_lock (&fake.lock);
  for (i = 0; i < N_SETTINGS; i++)
    if (strcmp (settings[i].name, name) == 0) {
      *settings[i].value = value;
      result = 0;
    }
  if (fake.devices > FAKE_MAX_DEVICES)
    fake.devices = FAKE_MAX_DEVICES;
  pthread_mutex_unlock (&fake.lock);
  return result;
}

FAKE_CONTROL int
ring_fake_fail (const char *function, unsigned nth, int error)
{
  int result;

  pthread_once (&once, begin);
  pthread_mutex_lock (&fake.lock);
  result = add_failure (function, nth, error);
  pthread_mutex_unlock (&fake.lock);
  return result;
}

FAKE_CONTROL unsigned
ring_fake_calls (const char *function)
{
  const int entry = entry_by_name (function);
  unsigned result;

  pthread_mutex_lock (&fake.lock);
  result = entry < 0 ? 0 : calls[entry];
  pthread_mutex_unlock (&fake.lock);
  return result;
}

FAKE_CONTROL const char *
ring_fake_function (unsigned i)
{
  return fake_entry_name (i);
}

static unsigned
count (FakeKind kind)
{
  FakeObject *object;
  unsigned n = 0;

  for (object = fake.live[kind]; object; object = object->next)
    n += kind != FAKE_STREAM || !((FakeStream *) object)->legacy;
  return n;
}

FAKE_CONTROL void
ring_fake_live (RingFakeLive *live)
{
  memset (live, 0, sizeof (*live));
  pthread_mutex_lock (&fake.lock);
  live->streams = count (FAKE_STREAM);
  live->events = count (FAKE_EVENT);
  live->modules = count (FAKE_MODULE);
  live->graphs = count (FAKE_GRAPH);
  live->graph_execs = count (FAKE_EXEC);
  live->contexts = count (FAKE_CONTEXT);
  live->running_kernels = fake.n_running;
  fake_memory_count (live);
  pthread_mutex_unlock (&fake.lock);
}

FAKE_CONTROL void
ring_fake_reset (void)
{
  pthread_once (&once, begin);
  pthread_mutex_lock (&fake.lock);
  fake_contexts_forget ();
  memset (calls, 0, sizeof (calls));
  while (failures) {
    FakeFailure *failure = failures;

    failures = failure->next;
    free (failure);
  }
  fake.pending_fault = CUDA_SUCCESS;
  read_environment ();
  pthread_mutex_unlock (&fake.lock);
}
