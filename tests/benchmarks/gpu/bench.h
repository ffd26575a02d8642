/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench.h: what the parts of the GPU benchmarks share: what they are given, and how
 * a shipped kernel is launched, fed and proven to have been resident.
 */
#ifndef RING_BENCH_H
#define RING_BENCH_H

#include "gpu.h"

G_BEGIN_DECLS

/* us; what has not come within this time does not come. */
#define BENCH_WAIT (10 * G_USEC_PER_SEC)

typedef struct
{
  gboolean quick; /* only whether it runs */
  Gpu *gpu;
  RingRuntime *runtime; /* backend cuda, on that GPU */
  BenchReport *report;
} Bench;

/* FALSE: @error is set, and what was reported counts for nothing. */
typedef gboolean (*BenchPart) (Bench *bench, GError **error);

gboolean bench_machine (Bench *bench, GError **error);
gboolean bench_roundtrip (Bench *bench, GError **error);
gboolean bench_messages (Bench *bench, GError **error);
gboolean bench_frames_host (Bench *bench, GError **error);
gboolean bench_frames_device (Bench *bench, GError **error);
gboolean bench_idle (Bench *bench, GError **error);
gboolean bench_relaunch (Bench *bench, GError **error);
gboolean bench_crossover (Bench *bench, GError **error);
gboolean bench_timeline (Bench *bench, GError **error);

/* ---- kernels ------------------------------------------------------------------ */

/* The runtime's settings, with @mode. */
RingConfig *bench_config (RingRuntime *runtime, RingExecutionMode mode);
/* Launched, set to @format and active. */
RingKernel *bench_launch (RingRuntime *runtime, const gchar *id, gint grid,
    const RingConfig *config, const RingFormat *format, GError **error);
/* The largest grid that the device takes at once. */
RingKernel *bench_launch_full (Bench *bench, const gchar *id,
    const RingConfig *config, const RingFormat *format, GError **error);
/* Ends it, and says whether it did what it was launched for: ran on the GPU, in
 * @mode and no other, was resident, and lost nothing. Whoever reports figures of
 * it asks this first. */
gboolean bench_end (RingKernel *kernel, RingExecutionMode mode, GError **error);

/* Adds to @error, which is set, what @kernel has kept of why it failed. */
void bench_explain (RingKernel *kernel, GError **error);

/* ---- small messages --------------------------------------------------------------- */

#define BENCH_MESSAGE_SIZE 64 /* bytes */
#define BENCH_N_MESSAGES 1024

/* Messages for `invert`, all different, made beforehand: what is timed is the way
 * and not the making of them. */
typedef struct
{
  RingFormat *format;
  RingMessage *message[BENCH_N_MESSAGES];
  guint8 input[BENCH_N_MESSAGES][BENCH_MESSAGE_SIZE];
} BenchMessages;

BenchMessages *bench_messages_new (GError **error);
void bench_messages_free (BenchMessages *messages);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchMessages, bench_messages_free)
/* Is @data the inverse of the @i-th message? */
gboolean bench_messages_inverted (const BenchMessages *messages, guint64 i,
    const guint8 *data);
/* Likewise what @reply carries. */
gboolean bench_messages_answered (const BenchMessages *messages, guint64 i,
    RingMessage *reply);

/* A candidate's data: one call of @kernel. */
typedef struct
{
  RingKernel *kernel;
  const BenchMessages *messages;
  RingMessage *reply;
} BenchCall;

void bench_call_candidate (BenchCandidate *candidate, const gchar *name,
    BenchCall *call);

/* ---- the machine's limits ------------------------------------------------------------ */

/* Bytes per second that the GPU's copy engines move, medians of @rounds of @n copies
 * of @size bytes; what arrived is looked at. */
typedef struct
{
  gdouble to_device;
  gdouble to_host;
  gdouble both;   /* each way, both ways at once */
  gdouble device; /* within its memory: read and written, together */
} BenchLimits;

gboolean bench_measure_transfer (Gpu *gpu, gsize size, guint n, guint rounds,
    BenchLimits *limits, BenchProof *proof, GError **error);
gboolean bench_measure_device_copy (Gpu *gpu, gsize size, guint n, guint rounds,
    BenchLimits *limits, BenchProof *proof, GError **error);

/* The smallest kernel that answers, a candidate's data. Turns of
 * @warm + @samples = BENCH_FLAG_TURN runs. */
#define BENCH_FLAG_TURN 1000
#define BENCH_FLAG_TURN_QUICK 20

typedef struct
{
  Gpu *gpu;
  CUfunction function;
  guint turn;
  guint64 *ping, *pong;
  BenchFlag parameter;
  guint64 answer;
  CUresult launched;
} BenchFlagTrip;

gboolean bench_flag_init (BenchFlagTrip *flag, Bench *bench, GError **error);
void bench_flag_clear (BenchFlagTrip *flag);
void bench_flag_candidate (BenchCandidate *candidate, BenchFlagTrip *flag);

/* A pattern without a period that matters. */
void bench_fill (guint8 *data, gsize size, guint32 seed);

G_END_DECLS

#endif /* RING_BENCH_H */
