/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Payloads by reference.
 */
#include "ring-test.h"

/* ---- by reference -------------------------------------------------------------------------------------- */

typedef struct
{
  guint8 input[700];
  guint8 output[700];
  guint index;
  RingCompletion completion;
  gint calls;
} Job;

typedef struct
{
  Job *jobs;
  guint n;
  gint next; /* which must complete next */
} Jobs;

static Jobs all_jobs;

static void
job_completed (RingKernel *kernel, const RingCompletion *completion,
    gpointer user_data)
{
  Job *job = user_data;

  g_assert_true (RING_IS_KERNEL (kernel));
  g_assert_cmpint (g_atomic_int_add (&job->calls, 1), ==, 0);
  g_assert_cmpint (g_atomic_int_get (&all_jobs.next), ==, (gint) job->index);
  job->completion = *completion;
  g_atomic_int_inc (&all_jobs.next);
}

static gboolean
job_submit (RingKernel *kernel, Job *job, gsize size, gboolean in_place,
    GError **error)
{
  RingMemory output = { .n_planes = 1, .size = size };
  RingSubmission submission = {
    .input = { .n_planes = 1, .size = size },
    .outputs = &output,
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = job_completed,
    .user_data = job,
  };

  submission.input.plane[0].data = job->input;
  submission.input.plane[0].stride = (gint) size;
  submission.input.plane[0].size = size;
  output.plane[0] = submission.input.plane[0];
  if (!in_place)
    output.plane[0].data = job->output;
  return ring_kernel_submit (kernel, &submission, error);
}

static void
jobs_init (guint n)
{
  guint i, j;

  all_jobs = (Jobs){ g_new0 (Job, n), n, 0 };
  for (i = 0; i < n; i++) {
    all_jobs.jobs[i].index = i;
    for (j = 0; j < sizeof (all_jobs.jobs[i].input); j++)
      all_jobs.jobs[i].input[j] = (guint8) (i + j);
  }
}

/* Nobody looks for a result, and a payload of this size comes to a device by a copy that
 * ends by itself: whoever watches has to notice without being told. */
#define STAGED_SIZE (128u * 1024)
#define STAGED_TIMES 1000u

typedef struct
{
  GMutex lock;
  GCond came;
  guint n;
} Arrivals;

static void
arrived (RingKernel *kernel, const RingCompletion *completion,
    gpointer user_data)
{
  Arrivals *arrivals = user_data;

  (void) kernel;
  g_assert_cmpint (completion->outcome, ==, RING_OUTCOME_DONE);
  g_mutex_lock (&arrivals->lock);
  arrivals->n++;
  g_cond_signal (&arrivals->came);
  g_mutex_unlock (&arrivals->lock);
}

static void
test_submissions_that_nobody_looks_for_complete (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 1);
  g_autofree guint8 *input = g_malloc (STAGED_SIZE);
  g_autofree guint8 *result = g_malloc0 (STAGED_SIZE);
  g_autoptr (GError) error = NULL;
  Arrivals arrivals = { .n = 0 };
  RingMemory output = { .n_planes = 1, .size = STAGED_SIZE };
  RingSubmission submission = {
    .input = { .n_planes = 1, .size = STAGED_SIZE },
    .outputs = &output,
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = arrived,
    .user_data = &arrivals,
  };
  guint i;

  for (i = 0; i < STAGED_SIZE; i++)
    input[i] = (guint8) (i * 7 + i / 256);
  submission.input.plane[0].data = input;
  submission.input.plane[0].stride = (gint) STAGED_SIZE;
  submission.input.plane[0].size = STAGED_SIZE;
  output.plane[0] = submission.input.plane[0];
  output.plane[0].data = result;
  for (i = 1; i <= STAGED_TIMES; i++) {
    const gint64 end = g_get_monotonic_time () + RING_TEST_WAIT;

    ring_kernel_submit (kernel, &submission, &error);
    g_assert_no_error (error);
    g_mutex_lock (&arrivals.lock);
    while (arrivals.n < i
        && g_cond_wait_until (&arrivals.came, &arrivals.lock, end))
      ;
    g_mutex_unlock (&arrivals.lock);
    g_assert_cmpuint (arrivals.n, ==, i);
  }
  g_assert_cmpmem (result, STAGED_SIZE, input, STAGED_SIZE);
}

static void
test_submissions_complete_once_and_in_order (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "copy", 2);
  const guint n = 500;
  guint i;

  jobs_init (n);
  for (i = 0; i < n; i++) {
    g_autoptr (GError) error = NULL;

    job_submit (kernel, &all_jobs.jobs[i], 1 + i, i & 1, &error);
    g_assert_no_error (error);
  }
  ring_test_wait_until (g_atomic_int_get (&all_jobs.next) == (gint) n);
  for (i = 0; i < n; i++) {
    Job *job = &all_jobs.jobs[i];

    g_assert_cmpint (job->calls, ==, 1);
    g_assert_cmpint (job->completion.outcome, ==, RING_OUTCOME_DONE);
    g_assert_cmpuint (job->completion.sequence, ==, i);
    g_assert_cmpuint (job->completion.n_outputs, ==, 1);
    g_assert_cmpuint (job->completion.output_index[0], ==, 0);
    g_assert_cmpuint (job->completion.output_size[0], ==, 1 + i);
    g_assert_cmpuint (job->completion.t_accepted, <=,
        job->completion.t_arrived);
    g_assert_cmpuint (job->completion.t_arrived, <=, job->completion.t_started);
    g_assert_cmpuint (job->completion.t_finished, <=,
        job->completion.t_delivered);
    if (!(i & 1)) {
      g_assert_cmpmem (job->output, 1 + i, job->input, 1 + i);
      /* Not a byte further. */
      g_assert_cmpuint (job->output[1 + i], ==, 0);
    }
  }
  ring_test_assert_accounts (kernel, n, n, 0, 0);
  {
    g_autoptr (RingMetrics) m = ring_kernel_get_metrics (kernel);

    if (ring_test_backend () == RING_BACKEND_CPU)
      g_assert_cmpuint (m->bytes_copied, ==, 0);
  }
  g_free (all_jobs.jobs);
}

static void
test_submissions_beyond_capacity_are_refused (RingExecutionMode mode)
{
  RingConfig *config = ring_test_config (mode);
  g_autoptr (RingKernel) kernel = NULL;
  RingTestGate gate = { 0, 0, 0 };
  RingTestSender sender;
  g_autoptr (GError) error = NULL;
  guint i;

  if (ring_test_skip_unless_cpu ()) {
    ring_config_free (config);
    return;
  }
  config->queue_capacity = 4;
  kernel = ring_test_launch_with (config, "gate", 1);
  ring_test_activate (kernel);
  jobs_init (4);
  ring_test_sender_start (&sender, kernel, &gate);
  for (i = 0; i < 3; i++) {
    /* `gate` must not take the content for an address. */
    memset (all_jobs.jobs[i].input, 0, 8);
    job_submit (kernel, &all_jobs.jobs[i], 100, FALSE, &error);
    g_assert_no_error (error);
  }
  g_assert_false (job_submit (kernel, &all_jobs.jobs[3], 100, FALSE, &error));
  ring_test_assert_says (&error, RING_ERROR_QUEUE_FULL, "4");
  g_assert_cmpint (all_jobs.jobs[3].calls, ==, 0);
  ring_kernel_flush (kernel);
  ring_test_gate_open (&gate);
  ring_test_sender_join (&sender);
  ring_test_wait_until (g_atomic_int_get (&all_jobs.next) == 3);
  for (i = 0; i < 3; i++) {
    g_assert_cmpint (all_jobs.jobs[i].calls, ==, 1);
    g_assert_cmpint (all_jobs.jobs[i].completion.outcome, ==,
        RING_OUTCOME_DISCARDED);
    g_assert_cmpuint (all_jobs.jobs[i].completion.n_outputs, ==, 0);
  }
  g_assert_true (ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, NULL));
  ring_test_assert_accounts (kernel, 4, 0, 0, 4);
  g_free (all_jobs.jobs);
}

/* Planes with gaps between rows, as buffers of a pipeline have them. */
static void
test_submission_with_strides (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_launch (mode, "invert", 2);
  g_autoptr (RingFormat) format =
      ring_format_new_video (RING_VIDEO_FORMAT_I420, 5, 3);
  g_autoptr (GError) error = NULL;
  /* Rows of 16 and of 8 bytes. */
  guint8 from[3 * 16 + 2 * 2 * 8], to[sizeof (from)];
  RingMemory input = { .n_planes = 3,
    .size = sizeof (from),
    .plane = { { from, 16, 48 }, { from + 48, 8, 16 }, { from + 64, 8, 16 } } };
  RingMemory output = { .n_planes = 3,
    .size = sizeof (to),
    .plane = { { to, 16, 48 }, { to + 48, 8, 16 }, { to + 64, 8, 16 } } };
  Job job = { .index = 0 };
  RingSubmission submission = { .input = input,
    .outputs = &output,
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = job_completed,
    .user_data = &job };
  guint i;

  all_jobs = (Jobs){ &job, 1, 0 };
  memset (from, 10, sizeof (from));
  memset (to, 99, sizeof (to));
  ring_kernel_set_format (kernel, format, &error);
  g_assert_no_error (error);
  ring_test_activate (kernel);
  ring_kernel_submit (kernel, &submission, &error);
  g_assert_no_error (error);
  ring_test_wait_until (g_atomic_int_get (&all_jobs.next) == 1);
  for (i = 0; i < sizeof (to); i++) {
    const gboolean luma = i < 48 && i % 16 < 5;
    const gboolean chroma = i >= 48 && i % 8 < 3;

    g_assert_cmpuint (to[i], ==, luma || chroma ? 245 : 99);
  }
}

static void
test_submission_that_does_not_fit_its_format (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_launch (RING_EXECUTION_INLINE, "invert", 1);
  g_autoptr (RingFormat) format =
      ring_format_new_video (RING_VIDEO_FORMAT_RGB, 8, 8);
  g_autoptr (GError) error = NULL;
  guint8 data[192];
  RingMemory good = { .n_planes = 1,
    .size = 192,
    .plane = { { data, 24, 192 } } };
  RingMemory output = good;
  RingSubmission s = { .input = good,
    .outputs = &output,
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = job_completed };

  memset (data, 0, sizeof (data));
  ring_kernel_set_format (kernel, format, &error);
  g_assert_no_error (error);
  ring_test_activate (kernel);

  s.input.plane[0].size = 191; /* the last row would reach one byte further */
  g_assert_false (ring_kernel_submit (kernel, &s, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "191", "8 rows of 24");
  s.input = good;
  s.input.plane[0].stride = 23; /* rows would overlap */
  g_assert_false (ring_kernel_submit (kernel, &s, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "23", "24");
  s.input = good;
  s.input.n_planes = 2;
  g_assert_false (ring_kernel_submit (kernel, &s, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "2", "1");
  s.input = good;
  output.plane[0].size = 100;
  g_assert_false (ring_kernel_submit (kernel, &s, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "100", "8 rows of 24");
  output = good;
  s.n_outputs = 0;
  g_assert_false (ring_kernel_submit (kernel, &s, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "output", "0", "1");
  ring_test_assert_accounts (kernel, 0, 0, 0, 0);
}

static void
store_completion (RingKernel *kernel, const RingCompletion *completion,
    gpointer user_data)
{
  (void) kernel;
  *(RingCompletion *) user_data = *completion;
}

/* One submission in inline mode, which is complete when the call returns. */
static gboolean
submit_once (RingKernel *kernel, gpointer from, gsize size, gpointer to,
    gsize room, RingCompletion *completion, GError **error)
{
  RingMemory output = { .n_planes = 1,
    .size = room,
    .plane = { { to, 0, room } } };
  RingSubmission submission = {
    .input = { .n_planes = 1, .size = size, .plane = { { from, 0, size } } },
    .outputs = &output,
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = store_completion,
    .user_data = completion,
  };

  return ring_kernel_submit (kernel, &submission, error);
}

static void
test_submission_before_a_format_is_refused (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_start (RING_EXECUTION_INLINE, "invert", 1);
  g_autoptr (GError) error = NULL;
  guint8 data[48] = { 0 };
  RingCompletion completion;

  g_assert_false (
      submit_once (kernel, data, 48, data, 48, &completion, &error));
  ring_test_assert_says (&error, RING_ERROR_FORMAT, "invert",
      "ring_kernel_set_format");
}

static void
test_submission_of_bytes_that_does_not_fit (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_start (RING_EXECUTION_INLINE, "copy", 1);
  g_autoptr (GError) error = NULL;
  guint8 data[48] = { 0 }, to[48];
  RingCompletion completion;

  g_assert_false (submit_once (kernel, NULL, 48, to, 48, &completion, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "input", "copy");
  g_assert_false (
      submit_once (kernel, data, 48, NULL, 48, &completion, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "output", "copy");
  g_assert_false (submit_once (kernel, data, 48, to, 47, &completion, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "copy", "48", "47");
  ring_test_assert_accounts (kernel, 0, 0, 0, 0);
}

static void
test_submission_of_half_a_record (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_start (RING_EXECUTION_INLINE, "swap-record", 1);
  g_autoptr (GError) error = NULL;
  guint64 data[4] = { 0 }, to[4];
  RingCompletion completion;

  g_assert_false (submit_once (kernel, data, 24, to, 32, &completion, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "24", "16", "swap-record");
}

/* Samples at an odd address: the input is copied, an output cannot be. */
static void
test_submission_at_an_odd_address (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_launch (RING_EXECUTION_INLINE, "negate-audio", 1);
  g_autoptr (RingFormat) format =
      ring_format_new_audio (RING_AUDIO_FORMAT_S16LE, 8000, 1);
  g_autoptr (RingMetrics) m = NULL;
  g_autoptr (GError) error = NULL;
  gint16 samples[64], result[64];
  guint8 shifted[sizeof (samples) + 2];
  RingCompletion completion;
  guint i;

  ring_kernel_set_format (kernel, format, &error);
  g_assert_no_error (error);
  ring_test_activate (kernel);
  for (i = 0; i < 64; i++)
    samples[i] = (gint16) (i * 100);
  memcpy (shifted + 1, samples, sizeof (samples));
  submit_once (kernel, shifted + 1, sizeof (samples), result, sizeof (result),
      &completion, &error);
  g_assert_no_error (error);
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (completion.outcome, ==, RING_OUTCOME_DONE);
  for (i = 0; i < 64; i++)
    g_assert_cmpint (result[i], ==, -100 * (gint) i);
  m = ring_kernel_get_metrics (kernel);
  if (ring_test_backend () == RING_BACKEND_CPU)
    g_assert_cmpuint (m->bytes_copied, ==, sizeof (samples));

  g_assert_false (submit_once (kernel, samples, sizeof (samples), shifted + 1,
      sizeof (samples), &completion, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "aligned", "negate-audio");
}

/* Kernels with memory by the size of a message have it for the message size. */
static void
test_submission_beyond_the_kernels_buffers (void)
{
  RingConfig *config = ring_test_config (RING_EXECUTION_INLINE);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (GError) error = NULL;
  guint8 data[101], to[101];
  RingCompletion completion;

  config->message_size = RING_HEADER_SIZE + 100;
  kernel = ring_test_launch_with (config, "per-byte", 1);
  ring_test_activate (kernel);
  memset (data, 7, sizeof (data));
  submit_once (kernel, data, 100, to, 100, &completion, &error);
  g_assert_no_error (error);
  submit_once (kernel, data, 100, to, 100, &completion, &error);
  g_assert_no_error (error);
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (to, 100, data, 100);
  g_assert_false (
      submit_once (kernel, data, 101, to, 101, &completion, &error));
  ring_test_assert_says (&error, RING_ERROR_TOO_LARGE, "100", "101",
      "message-size");
}

/* Scratch memory grows with a longer message, but not under one that uses it. */
typedef struct
{
  guint8 input[3000], output[3000];
  guint completions;
} Growing;

static void
submit_longer (RingKernel *kernel, const RingCompletion *completion,
    gpointer user_data)
{
  Growing *g = user_data;
  RingCompletion unused;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (completion->outcome, ==, RING_OUTCOME_DONE);
  g->completions++;
  g_assert_false (submit_once (kernel, g->input, sizeof (g->input), g->output,
      sizeof (g->output), &unused, &error));
  ring_test_assert_says (&error, RING_ERROR_BUSY, "scratch", "3000",
      "in flight");
}

static void
test_scratch_grows_between_messages (void)
{
  RingConfig *config = ring_test_config (RING_EXECUTION_INLINE);
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree Growing *g = g_new0 (Growing, 1);
  RingMemory output = { .n_planes = 1, .size = 50 };
  RingSubmission submission = {
    .input = { .n_planes = 1, .size = 50 },
    .outputs = &output,
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = submit_longer,
    .user_data = g,
  };
  RingCompletion completion;
  guint i;

  config->message_size = RING_HEADER_SIZE + 100;
  kernel = ring_test_launch_with (config, "scratch", 1);
  ring_test_activate (kernel);
  submission.input.plane[0].data = g->input;
  output.plane[0].data = g->output;
  submission.input.plane[0].size = output.plane[0].size = 50;
  ring_kernel_submit (kernel, &submission, &error);
  g_assert_no_error (error);
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g->completions, ==, 1);

  for (i = 0; i < sizeof (g->input); i++)
    g->input[i] = (guint8) (i * 3);
  submit_once (kernel, g->input, sizeof (g->input), g->output,
      sizeof (g->output), &completion, &error);
  g_assert_no_error (error);
  ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g->output, sizeof (g->output), g->input, sizeof (g->input));
}

/* A completion may submit the next message itself. */
typedef struct
{
  gint left;
  guint8 data[32];
  RingMemory memory;
} Chain;

static void
submit_next (RingKernel *kernel, const RingCompletion *completion,
    gpointer user_data)
{
  Chain *chain = user_data;
  g_autoptr (GError) error = NULL;
  RingSubmission submission = {
    .input = chain->memory,
    .outputs = &chain->memory,
    .n_outputs = 1,
    .pts = RING_TIME_NONE,
    .duration = RING_TIME_NONE,
    .completed = submit_next,
    .user_data = chain,
  };

  g_assert_true (!completion || completion->outcome == RING_OUTCOME_DONE);
  if (g_atomic_int_add (&chain->left, -1) <= 1)
    return;
  ring_kernel_submit (kernel, &submission, &error);
  g_assert_no_error (error);
}

static void
test_completion_may_submit (RingExecutionMode mode)
{
  RingConfig *config = ring_test_config (mode);
  g_autoptr (RingKernel) kernel = NULL;
  Chain chain = { .left = 1000 };

  /* The record of the message that has just completed must be free for it. */
  config->queue_capacity = 1;
  kernel = ring_test_launch_with (config, "copy", 1);
  ring_test_activate (kernel);
  chain.memory = (RingMemory){ .n_planes = 1,
    .size = 32,
    .plane = { { chain.data, 32, 32 } } };
  submit_next (kernel, NULL, &chain);
  ring_test_wait_until (g_atomic_int_get (&chain.left) <= 0);
  g_assert_true (ring_kernel_drain (kernel, RING_TEST_WAIT, NULL, NULL));
  ring_test_assert_accounts (kernel, 999, 999, 0, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ring_test_add_modes ("/submit/what-nobody-looks-for-completes",
      test_submissions_that_nobody_looks_for_complete);
  ring_test_add_modes ("/submit/completes-once-and-in-order",
      test_submissions_complete_once_and_in_order);
  ring_test_add_modes ("/submit/beyond-capacity-is-refused",
      test_submissions_beyond_capacity_are_refused);
  ring_test_add_modes ("/submit/with-strides", test_submission_with_strides);
  g_test_add_func ("/submit/that-does-not-fit-its-format",
      test_submission_that_does_not_fit_its_format);
  g_test_add_func ("/submit/before-a-format-is-refused",
      test_submission_before_a_format_is_refused);
  g_test_add_func ("/submit/of-bytes-that-does-not-fit",
      test_submission_of_bytes_that_does_not_fit);
  g_test_add_func ("/submit/of-half-a-record",
      test_submission_of_half_a_record);
  g_test_add_func ("/submit/at-an-odd-address",
      test_submission_at_an_odd_address);
  g_test_add_func ("/submit/beyond-the-kernels-buffers",
      test_submission_beyond_the_kernels_buffers);
  g_test_add_func ("/submit/scratch-grows-between-messages",
      test_scratch_grows_between_messages);
  ring_test_add_modes ("/submit/completion-may-submit",
      test_completion_may_submit);
  return ring_test_run ();
}
