/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * report.h: what a part of the GPU benchmarks has to say, as a table and as JSON;
 * and when a figure may be said at all.
 */
#ifndef RING_BENCH_REPORT_H
#define RING_BENCH_REPORT_H

#include <json-glib/json-glib.h>

#include "measure.h"

G_BEGIN_DECLS

/* The exit statuses, too. */
typedef enum
{
  BENCH_OK = 0,
  BENCH_FAILED = 1,
  BENCH_SKIPPED = 77
} BenchStatus;

typedef struct
{
  JsonObject *root;
  JsonArray *results;
  gchar *unproven; /* why a figure was refused; the first of them */
} BenchReport;

/* One figure; @object is of the report, and takes further keys. */
typedef struct
{
  BenchReport *report;
  JsonObject *object;
  gboolean proven;
} BenchResult;

typedef enum
{
  BENCH_AT_MOST,
  BENCH_AT_LEAST,
  BENCH_LESS_THAN
} BenchRelation;

BenchReport *bench_report_new (const gchar *part, gboolean quick);
void bench_report_free (BenchReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchReport, bench_report_free)

/* A figure, @proof being what was checked of what it stands for; NULL: there is
 * nothing to check, as where the driver alone says that a launch has ended. If
 * something was wrong, or nothing was looked at, the value is null and the report
 * fails. */
BenchResult bench_report_add (BenchReport *report, const gchar *name,
    gdouble value, const gchar *unit, const BenchProof *proof);
/* Adds p50, p99, p99.9 and max, and their number, in us. */
void bench_result_percentiles (BenchResult *result, BenchSamples *samples);
/* Whether the figure is @relation @bound. @limit says what stands in the way, and is
 * kept only if it is not; taken. Returns whether it is met. */
gboolean bench_result_goal (BenchResult *result, BenchRelation relation,
    gdouble bound, gchar *limit);

/* Whether anything was refused, and whether @error is the part's. Writes status and
 * reason. Takes @error. */
BenchStatus bench_report_end (BenchReport *report, GError *error,
    gboolean skipped);

void bench_report_print (const BenchReport *report);
gboolean bench_report_write (const BenchReport *report, const gchar *path,
    GError **error);

G_END_DECLS

#endif /* RING_BENCH_REPORT_H */
