/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * stream.c: the stand-in driver's streams and events. A stream is a thread that
 * takes operations from a queue, one after the other.
 */
#include "fake.h"

/* ---- operations ---------------------------------------------------------------- */

FakeOp *
fake_op_new (FakeOpType type)
{
  FakeOp *op = calloc (1, sizeof (*op));

  op->type = type;
  return op;
}

void
fake_op_after (FakeOp *op, FakeStream *stream, uint64_t number)
{
  if (stream->done >= number)
    return;
  op->after = realloc (op->after, (op->n_after + 1) * sizeof (*op->after));
  op->after[op->n_after].stream = fake_object_ref (stream);
  op->after[op->n_after].number = number;
  op->n_after++;
}

static void
op_free (FakeOp *op)
{
  unsigned i;

  for (i = 0; i < op->n_after; i++)
    fake_object_unref (op->after[i].stream);
  free (op->after);
  if (op->event)
    fake_object_unref (op->event);
  free (op->staging);
  fake_launch_args_clear (&op->launch);
  free (op);
}

static void
op_run (FakeStream *stream, FakeOp *op)
{
  FakeMemory *memory;

  switch (op->type) {
    case FAKE_OP_MARK:
      if (op->event)
        op->event->time = fake_now ();
      return;
    case FAKE_OP_FREE:
      memory = fake_memory_find (op->address, 0);
      if (memory)
        fake_memory_free (memory);
      return;
    default:
      break;
  }
  pthread_mutex_unlock (&fake.lock);
  switch (op->type) {
    case FAKE_OP_COPY:
      fake_op_copy (stream, op);
      break;
    case FAKE_OP_FILL:
      fake_op_fill (stream, op);
      break;
    case FAKE_OP_WRITE:
      fake_op_write (stream, op);
      break;
    case FAKE_OP_WAIT:
      fake_op_wait (stream, op);
      break;
    case FAKE_OP_HOST:
      op->function (op->data);
      break;
    default:
      fake_op_kernel (stream, op);
      break;
  }
  pthread_mutex_lock (&fake.lock);
}

static void
stream_forget (FakeStream *stream)
{
  FakeStream **link = &stream->object.context->streams;

  while (*link != stream)
    link = &(*link)->next;
  *link = stream->next;
}

/* A context that has failed runs nothing more, but lets go of it. */
static void *
stream_run (void *data)
{
  FakeStream *stream = data;
  FakeContext *context = stream->object.context;

  pthread_mutex_lock (&fake.lock);
  for (;;) {
    FakeOp *op;
    unsigned i;

    while (!stream->first && !stream->gone)
      pthread_cond_wait (&stream->more, &fake.lock);
    if (!(op = stream->first))
      break;
    for (i = 0; i < op->n_after; i++)
      while (
          !context->failed && op->after[i].stream->done < op->after[i].number)
        pthread_cond_wait (&fake.changed, &fake.lock);
    if (!context->failed)
      op_run (stream, op);
    stream->first = op->next;
    if (!stream->first)
      stream->last = &stream->first;
    stream->done = op->number;
    op_free (op);
    pthread_cond_broadcast (&fake.changed);
  }
  stream_forget (stream);
  fake_object_unref (stream);
  pthread_mutex_unlock (&fake.lock);
  return NULL;
}

/* Threads are detached: they end with their stream, or with the process. */
static void
stream_start (FakeStream *stream)
{
  pthread_attr_t attributes;
  pthread_t thread;

  fake_object_ref (stream);
  stream->started = true;
  pthread_attr_init (&attributes);
  pthread_attr_setdetachstate (&attributes, PTHREAD_CREATE_DETACHED);
  if (pthread_create (&thread, &attributes, stream_run, stream) != 0)
    abort ();
  pthread_attr_destroy (&attributes);
}

CUresult
fake_enqueue (FakeStream *stream, FakeOp *op)
{
  FakeContext *context = stream->object.context;

  if (stream->capture) {
    stream->capture_broken = true;
    op_free (op);
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  /* The context's own stream and the blocking ones wait for each other. */
  if (stream->legacy) {
    FakeStream *other;

    for (other = context->streams; other; other = other->next)
      if (other != stream && !(other->flags & CU_STREAM_NON_BLOCKING))
        fake_op_after (op, other, other->enqueued);
  } else if (!(stream->flags & CU_STREAM_NON_BLOCKING)) {
    fake_op_after (op, context->legacy, context->legacy->enqueued);
  }
  op->number = ++stream->enqueued;
  *stream->last = op;
  stream->last = &op->next;
  if (!stream->started)
    stream_start (stream);
  pthread_cond_signal (&stream->more);
  return CUDA_SUCCESS;
}

/* ---- waiting ------------------------------------------------------------------------ */

CUresult
fake_wait (FakeStream *stream, uint64_t number)
{
  CUresult result;

  fake_object_ref (stream);
  while (stream->done < number)
    pthread_cond_wait (&fake.changed, &fake.lock);
  result = stream->object.context->failed;
  fake_object_unref (stream);
  return result;
}

CUresult
fake_wait_stream (FakeStream *stream)
{
  if (stream->capture) {
    stream->capture_broken = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  /* The context's own stream stands for the blocking ones, too. */
  if (stream->legacy)
    fake_enqueue (stream, fake_op_new (FAKE_OP_MARK));
  return fake_wait (stream, stream->enqueued);
}

CUresult
fake_wait_context (FakeContext *context)
{
  FakeMark *marks = NULL;
  FakeStream *stream;
  unsigned n = 0, i;
  CUresult result;

  fake_object_ref (context);
  for (stream = context->streams; stream; stream = stream->next) {
    if (stream->done >= stream->enqueued)
      continue;
    marks = realloc (marks, (n + 1) * sizeof (*marks));
    marks[n].stream = fake_object_ref (stream);
    marks[n++].number = stream->enqueued;
  }
  context->locked = fake.exclusive_waits && n > 0;
  for (i = 0; i < n; i++) {
    fake_wait (marks[i].stream, marks[i].number);
    fake_object_unref (marks[i].stream);
  }
  free (marks);
  if (context->locked) {
    context->locked = false;
    pthread_cond_broadcast (&fake.changed);
  }
  result = context->failed;
  fake_object_unref (context);
  return result;
}

void
fake_context_fail (FakeContext *context, CUresult error)
{
  if (!context->failed)
    context->failed = error;
  pthread_cond_broadcast (&fake.changed);
}

/* ---- streams -------------------------------------------------------------------------- */

static void
stream_destroy (FakeObject *object)
{
  FakeStream *stream = (FakeStream *) object;

  pthread_cond_destroy (&stream->more);
  fake_object_unref (object->context);
  free (stream);
}

FakeStream *
fake_stream_new (FakeContext *context, unsigned flags, int priority)
{
  FakeStream *stream = calloc (1, sizeof (*stream));

  fake_object_init (stream, FAKE_STREAM, fake_object_ref (context),
      stream_destroy);
  pthread_cond_init (&stream->more, NULL);
  stream->last = &stream->first;
  stream->flags = flags;
  stream->priority = priority;
  stream->next = context->streams;
  context->streams = stream;
  return stream;
}

void
fake_stream_end (FakeStream *stream)
{
  if (stream->capture)
    fake_capture_drop (stream);
  stream->gone = true;
  if (stream->started)
    pthread_cond_signal (&stream->more);
  else
    stream_forget (stream);
  fake_object_retire (stream);
}

FakeStream *
fake_stream_find (CUstream handle, bool current_only)
{
  FakeStream *stream;

  if (!handle || handle == CU_STREAM_LEGACY)
    return fake_current->legacy;
  stream = fake_object_find (FAKE_STREAM, handle);
  if (stream && current_only && stream->object.context != fake_current)
    return NULL;
  return stream;
}

static CUresult
stream_create (CUstream *handle, unsigned flags, int priority)
{
  if (!handle || flags & ~(unsigned) CU_STREAM_NON_BLOCKING)
    return CUDA_ERROR_INVALID_VALUE;
  if (priority > 0)
    priority = 0;
  if (priority < -5)
    priority = -5;
  *handle = (CUstream) fake_stream_new (fake_current, flags, priority);
  return CUDA_SUCCESS;
}

FAKE_API
cuStreamCreate (CUstream *stream, unsigned flags)
{
  FAKE_ENTER (cuStreamCreate, FAKE_CURRENT);
  return fake_leave (stream_create (stream, flags, 0));
}

FAKE_API
cuStreamCreateWithPriority (CUstream *stream, unsigned flags, int priority)
{
  FAKE_ENTER (cuStreamCreateWithPriority, FAKE_CURRENT);
  return fake_leave (stream_create (stream, flags, priority));
}

/* Returns at once; what was enqueued is still done. */
FAKE_API
cuStreamDestroy_v2 (CUstream handle)
{
  FakeStream *stream;

  FAKE_ENTER (cuStreamDestroy_v2, FAKE_CURRENT);
  stream = fake_object_find (FAKE_STREAM, handle);
  if (!stream || stream->legacy)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  fake_stream_end (stream);
  return fake_leave (CUDA_SUCCESS);
}
FAKE_ALIAS (cuStreamDestroy, cuStreamDestroy_v2);

FAKE_API
cuStreamQuery (CUstream handle)
{
  FakeStream *stream;

  FAKE_ENTER (cuStreamQuery, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  stream = fake_stream_find (handle, false);
  if (!stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  return fake_leave (stream->done < stream->enqueued
          ? CUDA_ERROR_NOT_READY
          : stream->object.context->failed);
}

FAKE_API
cuStreamSynchronize (CUstream handle)
{
  FakeStream *stream;

  FAKE_ENTER (cuStreamSynchronize, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  stream = fake_stream_find (handle, false);
  if (!stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  return fake_leave (fake_wait_stream (stream));
}

FAKE_API
cuStreamGetPriority (CUstream handle, int *priority)
{
  FakeStream *stream;

  FAKE_ENTER (cuStreamGetPriority, FAKE_CURRENT);
  stream = fake_stream_find (handle, false);
  if (!stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (!priority)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *priority = stream->priority;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuStreamGetFlags (CUstream handle, unsigned *flags)
{
  FakeStream *stream;

  FAKE_ENTER (cuStreamGetFlags, FAKE_CURRENT);
  stream = fake_stream_find (handle, false);
  if (!stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (!flags)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *flags = stream->flags;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuStreamGetCtx (CUstream handle, CUcontext *context)
{
  FakeStream *stream;

  FAKE_ENTER (cuStreamGetCtx, FAKE_CURRENT);
  stream = fake_stream_find (handle, false);
  if (!stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (!context)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *context = (CUcontext) stream->object.context;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuLaunchHostFunc (CUstream handle, CUhostFn function, void *data)
{
  FakeStream *stream;
  FakeOp *op;

  FAKE_ENTER (cuLaunchHostFunc, FAKE_CURRENT);
  stream = fake_stream_find (handle, true);
  if (!stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (!function)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  op = fake_op_new (FAKE_OP_HOST);
  op->function = function;
  op->data = data;
  return fake_leave (fake_enqueue (stream, op));
}

/* ---- events ------------------------------------------------------------------------------ */

static void
event_destroy (FakeObject *object)
{
  FakeEvent *event = (FakeEvent *) object;

  if (event->mark.stream)
    fake_object_unref (event->mark.stream);
  fake_object_unref (object->context);
  free (event);
}

static bool
event_is_pending (const FakeEvent *event)
{
  return event->mark.stream && event->mark.stream->done < event->mark.number;
}

FAKE_API
cuEventCreate (CUevent *handle, unsigned flags)
{
  FakeEvent *event;

  FAKE_ENTER (cuEventCreate, FAKE_CURRENT);
  if (!handle
      || flags & ~(unsigned) (CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING))
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  event = calloc (1, sizeof (*event));
  fake_object_init (event, FAKE_EVENT, fake_object_ref (fake_current),
      event_destroy);
  event->flags = flags;
  *handle = (CUevent) event;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuEventDestroy_v2 (CUevent handle)
{
  FakeEvent *event;

  FAKE_ENTER (cuEventDestroy_v2, FAKE_CURRENT);
  event = fake_object_find (FAKE_EVENT, handle);
  if (!event)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  fake_object_retire (event);
  return fake_leave (CUDA_SUCCESS);
}
FAKE_ALIAS (cuEventDestroy, cuEventDestroy_v2);

FAKE_API
cuEventRecord (CUevent handle, CUstream stream_handle)
{
  FakeStream *stream;
  FakeEvent *event;
  FakeOp *op;
  CUresult result;

  FAKE_ENTER (cuEventRecord, FAKE_CURRENT);
  event = fake_object_find (FAKE_EVENT, handle);
  stream = fake_stream_find (stream_handle, false);
  if (!event || !stream || event->object.context != stream->object.context)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  op = fake_op_new (FAKE_OP_MARK);
  op->event = fake_object_ref (event);
  result = fake_enqueue (stream, op);
  if (result == CUDA_SUCCESS) {
    if (event->mark.stream)
      fake_object_unref (event->mark.stream);
    event->mark.stream = fake_object_ref (stream);
    event->mark.number = stream->enqueued;
  }
  return fake_leave (result);
}

FAKE_API
cuEventQuery (CUevent handle)
{
  FakeEvent *event;

  FAKE_ENTER (cuEventQuery, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  event = fake_object_find (FAKE_EVENT, handle);
  if (!event)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (event->object.context->failed)
    return fake_leave (event->object.context->failed);
  return fake_leave (
      event_is_pending (event) ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS);
}

FAKE_API
cuEventSynchronize (CUevent handle)
{
  FakeEvent *event;

  FAKE_ENTER (cuEventSynchronize, FAKE_CURRENT | FAKE_NOT_IN_CAPTURE);
  event = fake_object_find (FAKE_EVENT, handle);
  if (!event)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (!event_is_pending (event))
    return fake_leave (event->object.context->failed);
  return fake_leave (fake_wait (event->mark.stream, event->mark.number));
}

static CUresult
elapsed (float *ms, CUevent begin_handle, CUevent end_handle)
{
  FakeEvent *begin = fake_object_find (FAKE_EVENT, begin_handle);
  FakeEvent *end = fake_object_find (FAKE_EVENT, end_handle);

  if (!ms)
    return CUDA_ERROR_INVALID_VALUE;
  if (!begin || !end || !begin->mark.stream || !end->mark.stream
      || (begin->flags | end->flags) & CU_EVENT_DISABLE_TIMING)
    return CUDA_ERROR_INVALID_HANDLE;
  if (event_is_pending (begin) || event_is_pending (end))
    return CUDA_ERROR_NOT_READY;
  *ms = (float) ((double) (int64_t) (end->time - begin->time) / 1e6);
  return CUDA_SUCCESS;
}

#undef cuEventElapsedTime
FAKE_API
cuEventElapsedTime (float *ms, CUevent begin, CUevent end)
{
  FAKE_ENTER (cuEventElapsedTime, FAKE_CURRENT);
  return fake_leave (elapsed (ms, begin, end));
}

FAKE_API
cuEventElapsedTime_v2 (float *ms, CUevent begin, CUevent end)
{
  FAKE_ENTER (cuEventElapsedTime_v2, FAKE_CURRENT);
  return fake_leave (elapsed (ms, begin, end));
}

/* The event may be of another context. */
FAKE_API
cuStreamWaitEvent (CUstream stream_handle, CUevent handle, unsigned flags)
{
  FakeStream *stream;
  FakeEvent *event;
  FakeOp *op;

  FAKE_ENTER (cuStreamWaitEvent, FAKE_CURRENT);
  (void) flags;
  event = fake_object_find (FAKE_EVENT, handle);
  stream = fake_stream_find (stream_handle, false);
  if (!event || !stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  op = fake_op_new (FAKE_OP_MARK);
  if (event->mark.stream)
    fake_op_after (op, event->mark.stream, event->mark.number);
  return fake_leave (fake_enqueue (stream, op));
}
