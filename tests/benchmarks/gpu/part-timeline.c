/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * part-timeline.c: when a frame of 4K NV12 in system memory is accepted, has arrived
 * on the device, is started, finished and delivered, alone and with others in flight:
 * the trace times of real frames, for a picture.
 */
#include "flow.h"

#define SLOTS 6
/* So many frames of each run are written out. */
#define SHOWN 12

/* The instants of a completion, in their order. To draw one more: add its row. */
static const struct
{
  const gchar *name;
  gsize offset;
} instants[] = {
  { "accepted", G_STRUCT_OFFSET (RingCompletion, t_accepted) },
  { "arrived", G_STRUCT_OFFSET (RingCompletion, t_arrived) },
  { "started", G_STRUCT_OFFSET (RingCompletion, t_started) },
  { "finished", G_STRUCT_OFFSET (RingCompletion, t_finished) },
  { "delivered", G_STRUCT_OFFSET (RingCompletion, t_delivered) },
};

#define N_INSTANTS G_N_ELEMENTS (instants)

typedef struct
{
  guint64 at[N_INSTANTS];
} Frame;

static void
note (const RingCompletion *completion, gpointer data)
{
  GArray *frames = data;
  Frame frame;
  guint i;

  for (i = 0; i < N_INSTANTS; i++)
    frame.at[i] = G_STRUCT_MEMBER (guint64, completion, instants[i].offset);
  g_array_append_val (frames, frame);
}

/* Every instant is there, and none is before the one before it. */
static void
check_order (GArray *frames, BenchProof *proof)
{
  guint i, k;

  for (k = 0; k < frames->len; k++) {
    const Frame *frame = &g_array_index (frames, Frame, k);
    gboolean right = frame->at[0] > 0;

    for (i = 1; i < N_INSTANTS; i++)
      right = right && frame->at[i] >= frame->at[i - 1];
    bench_proof_add (proof, right);
  }
}

static void
report (Bench *bench, JsonArray *timelines, GArray *frames, guint window,
    const BenchProof *proof)
{
  JsonObject *timeline = json_object_new ();
  JsonArray *shown = json_array_new ();
  const Frame *first =
      &g_array_index (frames, Frame, frames->len - MIN (SHOWN, frames->len));
  BenchSamples samples;
  guint i, k;

  for (i = 1; i <= N_INSTANTS; i++) {
    const guint from = i < N_INSTANTS ? i - 1 : 0, to = MIN (i, N_INSTANTS - 1);
    g_autofree gchar *name =
        g_strdup_printf ("4K NV12, %u in flight, %s to %s, p50", window,
            instants[from].name, instants[to].name);
    BenchResult result;

    bench_samples_init (&samples);
    for (k = 0; k < frames->len; k++) {
      const Frame *frame = &g_array_index (frames, Frame, k);

      bench_samples_add (&samples, frame->at[to] - frame->at[from]);
    }
    result = bench_report_add (bench->report, name,
        (gdouble) bench_samples_percentile (&samples, 50) / 1e3, "us", proof);
    bench_result_percentiles (&result, &samples);
    bench_samples_clear (&samples);
  }

  /* us after the first frame that is shown was accepted */
  for (k = frames->len - MIN (SHOWN, frames->len); k < frames->len; k++) {
    const Frame *frame = &g_array_index (frames, Frame, k);
    JsonObject *o = json_object_new ();

    for (i = 0; i < N_INSTANTS; i++)
      json_object_set_double_member (o, instants[i].name,
          (gdouble) (gint64) (frame->at[i] - first->at[0]) / 1e3);
    json_array_add_object_element (shown, o);
  }
  json_object_set_int_member (timeline, "in-flight", window);
  json_object_set_array_member (timeline, "frames", shown);
  json_array_add_object_element (timelines, timeline);
}

gboolean
bench_timeline (Bench *bench, GError **error)
{
  static const guint windows[] = { 1, 3, SLOTS };
  const guint n = bench->quick ? SHOWN : 500;
  g_autoptr (RingFormat) format = ring_format_new_video (RING_VIDEO_FORMAT_NV12,
      bench->quick ? 320 : 3840, bench->quick ? 180 : 2160);
  g_autoptr (RingConfig) config =
      bench_config (bench->runtime, RING_EXECUTION_PERSISTENT);
  g_autoptr (RingKernel) kernel = NULL;
  JsonArray *timelines = json_array_new ();
  GArray *frames[G_N_ELEMENTS (windows)];
  BenchProof proof = { 0, 0 };
  FlowPayloads payloads;
  gboolean ok;
  guint64 ns;
  guint i;
  Flow flow;

  json_object_set_array_member (bench->report->root, "timelines", timelines);
  for (i = 0; i < G_N_ELEMENTS (windows); i++)
    frames[i] = g_array_new (FALSE, FALSE, sizeof (Frame));
  config->transfer = RING_TRANSFER_STAGED;
  ok = flow_payloads_init (&payloads, bench, format, SLOTS, FLOW_PINNED, error)
      && (kernel = bench_launch (bench->runtime, "invert", -1, config, format,
              error));
  flow_init (&flow, kernel, &payloads, TRUE, &proof);
  ok = ok && flow_run (&flow, 2 * SLOTS, SLOTS, &ns, error);
  flow.seen = note;
  for (i = 0; ok && i < G_N_ELEMENTS (windows); i++) {
    flow.data = frames[i];
    ok = flow_run (&flow, n, windows[i], &ns, error);
    check_order (frames[i], &proof);
  }
  ok = ok && bench_end (kernel, RING_EXECUTION_PERSISTENT, error);
  for (i = 0; i < G_N_ELEMENTS (windows); i++) {
    if (ok)
      report (bench, timelines, frames[i], windows[i], &proof);
    g_array_unref (frames[i]);
  }
  if (!ok)
    gpu_abandon (bench->gpu);
  g_clear_object (&kernel);
  flow_payloads_clear (&payloads);
  return ok;
}
