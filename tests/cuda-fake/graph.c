/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * graph.c: the stand-in driver's captures and graphs, which hold launches of
 * kernels one after the other and nothing else.
 */
#include "fake.h"

static __thread CUstreamCaptureMode thread_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

static void
graph_clear (FakeGraph *graph)
{
  unsigned i;

  for (i = 0; i < graph->n_nodes; i++)
    fake_launch_args_clear (&graph->nodes[i]);
  free (graph->nodes);
  free (graph);
}

static void
graph_destroy (FakeObject *object)
{
  fake_object_unref (object->context);
  graph_clear ((FakeGraph *) object);
}

static void
graph_add (FakeGraph *graph, const FakeLaunchArgs *args)
{
  graph->nodes =
      realloc (graph->nodes, (graph->n_nodes + 1) * sizeof (*graph->nodes));
  graph->nodes[graph->n_nodes++] = fake_launch_args_copy (args);
}

/* ---- captures ------------------------------------------------------------------------- */

/* What is not safe spoils the capture that forbids it. */
bool
fake_captures (void)
{
  FakeObject *object;
  bool found = false;

  if (thread_mode == CU_STREAM_CAPTURE_MODE_RELAXED)
    return false;
  for (object = fake.live[FAKE_STREAM]; object; object = object->next) {
    FakeStream *stream = (FakeStream *) object;

    if (!stream->capture
        || stream->capture_mode == CU_STREAM_CAPTURE_MODE_RELAXED)
      continue;
    if (pthread_equal (stream->capturer, pthread_self ())
        || (stream->capture_mode == CU_STREAM_CAPTURE_MODE_GLOBAL
            && thread_mode == CU_STREAM_CAPTURE_MODE_GLOBAL)) {
      stream->capture_broken = true;
      found = true;
    }
  }
  return found;
}

void
fake_capture_drop (FakeStream *stream)
{
  graph_clear (stream->capture);
  stream->capture = NULL;
}

CUresult
fake_capture_launch (FakeStream *stream, const FakeLaunchArgs *args)
{
  if (stream->capture_broken)
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  graph_add (stream->capture, args);
  return CUDA_SUCCESS;
}

FAKE_API
cuThreadExchangeStreamCaptureMode (CUstreamCaptureMode *mode)
{
  CUstreamCaptureMode before = thread_mode;

  FAKE_ENTER (cuThreadExchangeStreamCaptureMode, FAKE_ANY_TIME);
  if (!mode)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  thread_mode = *mode;
  *mode = before;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuStreamBeginCapture_v2 (CUstream handle, CUstreamCaptureMode mode)
{
  FakeStream *stream;

  FAKE_ENTER (cuStreamBeginCapture_v2, FAKE_CURRENT);
  stream = fake_stream_find (handle, false);
  if (!stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (stream->legacy)
    return fake_leave (CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  if (stream->capture)
    return fake_leave (CUDA_ERROR_ILLEGAL_STATE);
  stream->capture = calloc (1, sizeof (*stream->capture));
  stream->capture_mode = mode;
  stream->capture_broken = false;
  stream->capturer = pthread_self ();
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuStreamEndCapture (CUstream handle, CUgraph *result)
{
  FakeStream *stream;
  FakeGraph *graph;

  FAKE_ENTER (cuStreamEndCapture, FAKE_CURRENT);
  stream = fake_stream_find (handle, false);
  if (!stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (!result)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *result = NULL;
  if (!stream->capture)
    return fake_leave (CUDA_ERROR_ILLEGAL_STATE);
  if (stream->capture_mode != CU_STREAM_CAPTURE_MODE_RELAXED
      && !pthread_equal (stream->capturer, pthread_self ()))
    return fake_leave (CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
  if (stream->capture_broken) {
    fake_capture_drop (stream);
    return fake_leave (CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  }
  graph = stream->capture;
  stream->capture = NULL;
  fake_object_init (graph, FAKE_GRAPH, fake_object_ref (fake_current),
      graph_destroy);
  *result = (CUgraph) graph;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuStreamIsCapturing (CUstream handle, CUstreamCaptureStatus *status)
{
  FakeStream *stream;

  FAKE_ENTER (cuStreamIsCapturing, FAKE_CURRENT);
  stream = fake_stream_find (handle, false);
  if (!stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (!status)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  *status = !stream->capture   ? CU_STREAM_CAPTURE_STATUS_NONE
      : stream->capture_broken ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                               : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return fake_leave (CUDA_SUCCESS);
}

/* ---- graphs ------------------------------------------------------------------------------ */

FAKE_API
cuGraphInstantiateWithFlags (CUgraphExec *result, CUgraph handle,
    unsigned long long flags)
{
  FakeGraph *graph, *exec;
  unsigned i;

  FAKE_ENTER (cuGraphInstantiateWithFlags, FAKE_CURRENT);
  graph = fake_object_find (FAKE_GRAPH, handle);
  if (!graph)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  if (!result || flags != 0)
    return fake_leave (CUDA_ERROR_INVALID_VALUE);
  exec = calloc (1, sizeof (*exec));
  for (i = 0; i < graph->n_nodes; i++)
    graph_add (exec, &graph->nodes[i]);
  fake_object_init (exec, FAKE_EXEC, fake_object_ref (fake_current),
      graph_destroy);
  *result = (CUgraphExec) exec;
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuGraphUpload (CUgraphExec handle, CUstream stream)
{
  FAKE_ENTER (cuGraphUpload, FAKE_CURRENT);
  return fake_leave (
      fake_object_find (FAKE_EXEC, handle) && fake_stream_find (stream, false)
          ? CUDA_SUCCESS
          : CUDA_ERROR_INVALID_HANDLE);
}

FAKE_API
cuGraphLaunch (CUgraphExec handle, CUstream stream_handle)
{
  CUresult result = CUDA_SUCCESS;
  FakeStream *stream;
  FakeGraph *exec;
  unsigned i;

  FAKE_ENTER (cuGraphLaunch, FAKE_CURRENT);
  exec = fake_object_find (FAKE_EXEC, handle);
  stream = fake_stream_find (stream_handle, true);
  if (!exec || !stream)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  for (i = 0; i < exec->n_nodes && result == CUDA_SUCCESS; i++)
    result = fake_launch_enqueue (stream, &exec->nodes[i]);
  return fake_leave (result);
}

FAKE_API
cuGraphExecDestroy (CUgraphExec handle)
{
  FakeGraph *exec;

  FAKE_ENTER (cuGraphExecDestroy, FAKE_CURRENT);
  exec = fake_object_find (FAKE_EXEC, handle);
  if (!exec)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  fake_object_retire (exec);
  return fake_leave (CUDA_SUCCESS);
}

FAKE_API
cuGraphDestroy (CUgraph handle)
{
  FakeGraph *graph;

  FAKE_ENTER (cuGraphDestroy, FAKE_CURRENT);
  graph = fake_object_find (FAKE_GRAPH, handle);
  if (!graph)
    return fake_leave (CUDA_ERROR_INVALID_HANDLE);
  fake_object_retire (graph);
  return fake_leave (CUDA_SUCCESS);
}
