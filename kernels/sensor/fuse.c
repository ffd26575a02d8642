/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Makes one value of four that were measured at the same time.
 *
 * The values' mean by their weights, or their sum. What is not finite is left out, with
 * its weight; what has no weight is left out, too. A mean of nothing is no number. For
 * the least error of a mean, weights are 1 / variance of each.
 *
 * Records are independent of each other, and shared out among all workers.
 */
#include <ringkernel/kernel-sdk.h>

#define FUSE_CHANNELS 4

typedef struct
{
  uint64_t t; /* ns */
  double value[FUSE_CHANNELS];
} FuseInput;

typedef struct
{
  uint64_t t; /* ns */
  double value;
} FuseRecord;

/* The same one on every backend. */
typedef union
{
  uint64_t bits;
  double value;
} FuseNumber;

RING_KERNEL (fuse, "Makes one value of four that were measured together",
    RING_RECORDS ("(tdddd)", FuseInput, "(td)", FuseRecord),
    RING_FLOAT_ARRAY (weights, FUSE_CHANNELS, "1, 1, 1, 1", -1000000.0, 1000000.0,
        "How much each counts; one that is missing counts nothing"),
    RING_ENUM (method, 0, "mean|sum",
        "mean: the sum is divided by that of the weights; sum: it is not"))
{
  const RING_GLOBAL FuseInput *from = (const RING_GLOBAL FuseInput *) in.data;
  RING_GLOBAL FuseRecord *to = (RING_GLOBAL FuseRecord *) out.data;
  const double w0 = params.weights_count > 0 ? (double) params.weights[0] : 0.0;
  const double w1 = params.weights_count > 1 ? (double) params.weights[1] : 0.0;
  const double w2 = params.weights_count > 2 ? (double) params.weights[2] : 0.0;
  const double w3 = params.weights_count > 3 ? (double) params.weights[3] : 0.0;
  FuseNumber nothing;

  nothing.bits = 0x7ff8000000000000ull;
  RING_FOR_EACH (i, in.count) {
    const double weight[FUSE_CHANNELS] = { w0, w1, w2, w3 };
    double sum = 0.0, weights = 0.0;
    int32_t n = 0;

    RING_UNROLLED
    for (int32_t k = 0; k < FUSE_CHANNELS; k++) {
      const double v = from[i].value[k];
      const int32_t counts = v - v == 0.0 && weight[k] != 0.0;

      sum += counts ? weight[k] * v : 0.0;
      weights += counts ? weight[k] : 0.0;
      n += counts;
    }
    to[i].t = from[i].t;
    to[i].value = params.method == 1 ? sum
        : n > 0 && weights != 0.0    ? sum / weights
                                     : nothing.value;
  }
}
