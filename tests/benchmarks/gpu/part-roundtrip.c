/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * part-roundtrip.c: 64 bytes from the host through a resident kernel and back, one
 * message outstanding, beside a launch of the same kernel body per message, in turn
 * and in one process.
 *
 * What is timed of the resident kernel is ring_kernel_call(), from its begin to the
 * reply in hand; of the launches, the launch and the wait for its end, with the
 * payload in mapped memory, so that no copy is charged to them.
 */
#include "bench.h"

#include <string.h>

/* ---- by hand ---------------------------------------------------------------------- */

typedef struct
{
  Gpu *gpu;
  const BenchMessages *messages;
  CUfunction function;
  CUgraphExec graph; /* NULL: plain launches */
  GpuOnce once;
  guint8 *input, *output; /* mapped */
  guint lanes; /* a thread for each byte, where a block has so many */
} Hand;

static gboolean
hand_init (Hand *hand, Gpu *gpu, const BenchMessages *messages, gboolean graph,
    GError **error)
{
  CUdeviceptr input = 0, output = 0;

  memset (hand, 0, sizeof *hand);
  hand->gpu = gpu;
  hand->messages = messages;
  hand->lanes = (guint) MIN (BENCH_MESSAGE_SIZE,
      gpu_attribute (gpu, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK));
  hand->input = gpu_alloc_pinned (gpu, BENCH_MESSAGE_SIZE, &input, error);
  if (!hand->input)
    return FALSE;
  hand->output = gpu_alloc_pinned (gpu, BENCH_MESSAGE_SIZE, &output, error);
  if (!hand->output
      || !gpu_function (gpu, BENCH_FUNCTION ("invert"), &hand->function, error)
      || !gpu_once_init (&hand->once, gpu, messages->format, input, output,
          error))
    return FALSE;
  if (graph)
    hand->graph = gpu_graph (gpu, hand->function, 1, hand->lanes,
        &hand->once.invocation, error);
  return !graph || hand->graph != NULL;
}

static void
hand_clear (Hand *hand)
{
  gpu_free_pinned (hand->gpu, hand->input);
  gpu_free_pinned (hand->gpu, hand->output);
  gpu_once_clear (&hand->once, hand->gpu);
  gpu_graph_destroy (hand->gpu, hand->graph);
}

static void
hand_prepare (gpointer data, guint64 i)
{
  Hand *hand = data;

  memset (hand->output, 0, BENCH_MESSAGE_SIZE);
}

static gboolean
hand_run (gpointer data, guint64 i, GError **error)
{
  Hand *hand = data;
  Gpu *gpu = hand->gpu;
  gpointer parameters[] = { &hand->once.invocation };
  CUresult result;

  memcpy (hand->input, hand->messages->input[i % BENCH_N_MESSAGES],
      BENCH_MESSAGE_SIZE);
  result = hand->graph ? gpu->cuGraphLaunch (hand->graph, gpu->stream)
                       : gpu->cuLaunchKernel (hand->function, 1, 1, 1,
                           hand->lanes, 1, 1, 0, gpu->stream, parameters, NULL);
  return gpu_check (gpu, result, "launching", error)
      && gpu_sync (gpu, gpu->stream, error);
}

static gboolean
hand_check (gpointer data, guint64 i)
{
  Hand *hand = data;

  return bench_messages_inverted (hand->messages, i, hand->output);
}

static void
hand_candidate (BenchCandidate *c, const gchar *name, Hand *hand)
{
  bench_candidate_init (c, name, hand);
  c->prepare = hand_prepare;
  c->run = hand_run;
  c->check = hand_check;
}

/* ---- the part ------------------------------------------------------------------------ */

enum
{
  RESIDENT,
  RESIDENT_ONE_BLOCK,
  LAUNCH,
  GRAPH,
  FLAG,
  N_CANDIDATES
};

static gdouble
us (BenchCandidate *c, gdouble percent)
{
  return (gdouble) bench_samples_percentile (&c->samples, percent) / 1e3;
}

/* What a round trip is made of, as far as the library sees it. */
static gchar *
describe_limit (RingKernel *kernel, BenchCandidate *c)
{
  g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

  return g_strdup_printf (
      "the smallest kernel that answers takes %.2f us at p50 and %.2f at p99.9 "
      "here; of the message's way %.2f us go by until it is started and %.2f "
      "in the kernel (p50); %" G_GUINT64_FORMAT " relaunches",
      us (&c[FLAG], 50), us (&c[FLAG], 99.9), (gdouble) m->ring_p50 / 1e3,
      (gdouble) m->kernel_p50 / 1e3, m->relaunches);
}

static void
report (Bench *bench, BenchCandidate *c, RingKernel *kernel)
{
  static const gchar *const names[N_CANDIDATES] = {
    "round trip through the resident kernel, p50",
    "round trip, resident kernel of one block, p50",
    "launch and synchronise of the same body, p50",
    "graph launch and synchronise of the same body, p50",
    "flag round trip by the smallest kernel, p50",
  };
  g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);
  const gdouble p50 = us (&c[RESIDENT], 50);
  BenchProof both;
  BenchResult r;
  guint i;

  for (i = 0; i < N_CANDIDATES; i++) {
    r = bench_report_add (bench->report, names[i], us (&c[i], 50), "us",
        &c[i].proof);
    bench_result_percentiles (&r, &c[i].samples);
    if (i == RESIDENT) {
      json_object_set_int_member (r.object, "residencies",
          (gint64) m->residencies);
      json_object_set_int_member (r.object, "relaunches",
          (gint64) m->relaunches);
      bench_result_goal (&r, BENCH_AT_MOST, 3, describe_limit (kernel, c));
      r = bench_report_add (bench->report,
          "round trip through the resident kernel, p99.9", us (&c[i], 99.9),
          "us", &c[i].proof);
      bench_result_percentiles (&r, &c[i].samples);
      bench_result_goal (&r, BENCH_AT_MOST, 10, describe_limit (kernel, c));
    }
  }
  for (i = LAUNCH; i <= GRAPH; i++) {
    both.checked = MIN (c[RESIDENT].proof.checked, c[i].proof.checked);
    both.wrong = c[RESIDENT].proof.wrong + c[i].proof.wrong;
    r = bench_report_add (bench->report,
        i == LAUNCH ? "launch and synchronise / round trip, p50"
                    : "graph launch and synchronise / round trip, p50",
        p50 > 0 ? us (&c[i], 50) / p50 : 0, "times", &both);
    json_object_set_int_member (r.object, "samples",
        bench_samples_count (&c[i].samples));
    bench_result_goal (&r, BENCH_AT_LEAST, i == LAUNCH ? 4 : 3,
        describe_limit (kernel, c));
  }
}

gboolean
bench_roundtrip (Bench *bench, GError **error)
{
  const guint turn = bench->quick ? BENCH_FLAG_TURN_QUICK : BENCH_FLAG_TURN;
  const guint warm = turn / 20;
  const guint rounds = bench->quick ? 2 : 106; /* 100,700 samples of each */
  g_autoptr (RingConfig) config =
      bench_config (bench->runtime, RING_EXECUTION_PERSISTENT);
  g_autoptr (BenchMessages) messages = bench_messages_new (error);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingKernel) one_block = NULL;
  BenchCandidate c[N_CANDIDATES];
  BenchCall calls[2];
  Hand hands[2];
  BenchFlagTrip flag;
  gboolean ok;
  guint i;

  if (!messages)
    return FALSE;
  memset (hands, 0, sizeof hands);
  hands[0].gpu = hands[1].gpu = bench->gpu;
  /* All memory before the first residency: getting some waits for a kernel's end. */
  ok = bench_flag_init (&flag, bench, error)
      && hand_init (&hands[0], bench->gpu, messages, FALSE, error)
      && hand_init (&hands[1], bench->gpu, messages, TRUE, error)
      && (kernel = bench_launch (bench->runtime, "invert", -1, config,
              messages->format, error))
      && (one_block = bench_launch (bench->runtime, "invert", 1, config,
              messages->format, error));
  calls[0] = (BenchCall){ kernel, messages, NULL };
  calls[1] = (BenchCall){ one_block, messages, NULL };
  bench_call_candidate (&c[RESIDENT], "round trip", &calls[0]);
  bench_call_candidate (&c[RESIDENT_ONE_BLOCK], "round trip, one block",
      &calls[1]);
  hand_candidate (&c[LAUNCH], "launch and synchronise", &hands[0]);
  hand_candidate (&c[GRAPH], "graph launch and synchronise", &hands[1]);
  bench_flag_candidate (&c[FLAG], &flag);

  ok = ok
      && bench_take_turns (c, N_CANDIDATES, rounds, warm, turn - warm, error)
      && bench_end (kernel, RING_EXECUTION_PERSISTENT, error)
      && bench_end (one_block, RING_EXECUTION_PERSISTENT, error);
  if (ok)
    report (bench, c, kernel);
  else
    gpu_abandon (bench->gpu);
  for (i = 0; i < N_CANDIDATES; i++)
    bench_candidate_clear (&c[i]);
  for (i = 0; i < G_N_ELEMENTS (hands); i++)
    hand_clear (&hands[i]);
  bench_flag_clear (&flag);
  return ok;
}
