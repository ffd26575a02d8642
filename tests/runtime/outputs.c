/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * outputs.c: what comes out is of another kind, another format or another size than
 * what goes in.
 */
#include "ring-test.h"

/* What frame-records.c and peaks.c give. */
typedef struct
{
  guint64 number;
  gdouble value;
} Record;

static RingFormat *
video (RingVideoFormat format, guint width, guint height)
{
  return ring_format_new_video (format, width, height);
}

/* Each byte is its place. */
static RingMessage *
ramp (const RingFormat *format)
{
  const gsize size = ring_format_get_frame_size (format);
  guint8 *data = g_malloc (size);
  gsize i;

  for (i = 0; i < size; i++)
    data[i] = (guint8) i;
  {
    g_autoptr (GBytes) bytes = g_bytes_new_take (data, size);
    g_autoptr (GError) error = NULL;
    RingMessage *message = ring_message_new_video (format, bytes, &error);

    g_assert_no_error (error);
    return message;
  }
}

static RingMessage *
answer (RingKernel *kernel, RingMessage *sent)
{
  g_autoptr (GError) error = NULL;
  RingMessage *got =
      ring_kernel_call (kernel, sent, RING_TEST_WAIT, NULL, &error);

  g_assert_no_error (error);
  return got;
}

/* ---- sizes ------------------------------------------------------------------------ */

static void
test_any_size (RingExecutionMode mode)
{
  static const struct
  {
    guint in_width, in_height, out_width, out_height;
  } sizes[] = { { 16, 8, 8, 4 }, { 5, 3, 64, 33 }, { 1, 1, 200, 100 },
    { 240, 160, 1, 1 }, { 31, 17, 31, 17 }, { 3, 200, 400, 2 } };
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "any-size", 2);
  gsize i, x, y;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (RingFormat) in =
        video (RING_VIDEO_FORMAT_GRAY8, sizes[i].in_width, sizes[i].in_height);
    g_autoptr (RingFormat) out = video (RING_VIDEO_FORMAT_GRAY8,
        sizes[i].out_width, sizes[i].out_height);
    g_autoptr (RingFormat) is = NULL;
    g_autoptr (RingMessage) sent = ramp (in);
    g_autoptr (RingMessage) got = NULL;
    g_autoptr (GError) error = NULL;
    const guint8 *data;
    gsize size;

    ring_kernel_set_formats (kernel, in, out, &error);
    g_assert_no_error (error);
    is = ring_kernel_get_output_format (kernel);
    g_assert_true (ring_format_equal (is, out));
    g_assert_cmpuint (ring_kernel_get_output_size (kernel,
                          ring_format_get_frame_size (in)),
        ==, (gsize) out->width * out->height);
    got = answer (kernel, sent);
    g_assert_true (ring_format_equal (ring_message_get_format (got), out));
    data = g_bytes_get_data (ring_message_get_payload (got), &size);
    g_assert_cmpuint (size, ==, (gsize) out->width * out->height);
    for (y = 0; y < out->height; y++)
      for (x = 0; x < out->width; x++)
        g_assert_cmpuint (data[y * out->width + x], ==,
            (guint8) (y * in->height / out->height * in->width
                + x * in->width / out->width));
  }
}

static void
test_any_format (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "any-size", 2);
  g_autoptr (RingFormat) in = video (RING_VIDEO_FORMAT_RGB, 9, 5);
  g_autoptr (RingFormat) out = video (RING_VIDEO_FORMAT_I420, 8, 6);
  g_autoptr (RingMessage) sent = ramp (in);
  g_autoptr (RingMessage) got = NULL;
  g_autoptr (GError) error = NULL;
  const guint8 *data;
  gsize size, i;

  out->matrix = RING_COLOR_MATRIX_BT709;
  out->range = RING_COLOR_RANGE_LIMITED;
  ring_kernel_set_formats (kernel, in, out, &error);
  g_assert_no_error (error);
  got = answer (kernel, sent);
  data = g_bytes_get_data (ring_message_get_payload (got), &size);
  g_assert_cmpuint (size, ==, 8 * 6 * 3 / 2);
  for (i = 0; i < size; i++)
    g_assert_cmpuint (data[i], ==,
        RING_COLOR_MATRIX_BT709 * 16 + RING_COLOR_RANGE_LIMITED);
}

static void
test_nothing_asked_for_is_as_the_input (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "any-size", 2);
  g_autoptr (RingFormat) in = video (RING_VIDEO_FORMAT_RGB, 9, 5);
  g_autoptr (RingFormat) small = video (RING_VIDEO_FORMAT_RGB, 3, 2);
  g_autoptr (RingMessage) sent = ramp (in);
  g_autoptr (RingMessage) got = NULL;
  g_autoptr (RingFormat) out = NULL;
  g_autoptr (GError) error = NULL;

  ring_kernel_set_formats (kernel, in, small, &error);
  g_assert_no_error (error);
  /* What was asked for before is forgotten. */
  ring_kernel_set_format (kernel, in, &error);
  g_assert_no_error (error);
  out = ring_kernel_get_output_format (kernel);
  g_assert_true (ring_format_equal (out, in));
  got = answer (kernel, sent);
  g_assert_cmpmem (g_bytes_get_data (ring_message_get_payload (got), NULL),
      g_bytes_get_size (ring_message_get_payload (got)),
      g_bytes_get_data (ring_message_get_payload (sent), NULL),
      g_bytes_get_size (ring_message_get_payload (sent)));
}

static void
assert_not_made (RingKernel *kernel, const RingFormat *in,
    const RingFormat *out, const gchar *says)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (ring_kernel_set_formats (kernel, in, out, &error));
  g_assert_error (error, RING_ERROR, RING_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, says));
}

static void
test_what_a_kernel_does_not_make (RingExecutionMode mode)
{
  g_autoptr (RingKernel) any = ring_test_start (mode, "any-size", 1);
  g_autoptr (RingKernel) gray = ring_test_start (mode, "gray", 1);
  g_autoptr (RingFormat) rgb = video (RING_VIDEO_FORMAT_RGB, 8, 8);
  g_autoptr (RingFormat) gray8 = video (RING_VIDEO_FORMAT_GRAY8, 8, 8);
  g_autoptr (RingFormat) wide = video (RING_VIDEO_FORMAT_GRAY8, 9, 8);
  g_autoptr (RingFormat) nv12 = video (RING_VIDEO_FORMAT_NV12, 8, 8);
  g_autoptr (RingFormat) huge =
      video (RING_VIDEO_FORMAT_RGB, G_MAXINT / 16 + 1, 1);
  g_autoptr (RingFormat) bytes = ring_format_new_bytes ();
  g_autoptr (RingFormat) kept = NULL;
  g_autoptr (GError) error = NULL;

  ring_kernel_set_formats (gray, rgb, gray8, &error);
  g_assert_no_error (error);
  assert_not_made (gray, rgb, wide,
      "'gray' does not make video GRAY8 9x8 of video RGB 8x8; it gives video "
      "GRAY8");
  assert_not_made (gray, rgb, rgb, "does not make video RGB 8x8");
  assert_not_made (gray, bytes, gray8, "does not take bytes");
  assert_not_made (any, rgb, nv12, "does not make video NV12 8x8");
  assert_not_made (any, rgb, bytes, "does not make bytes of video RGB 8x8");
  assert_not_made (any, rgb, huge, "does not make");
  /* What was settled holds. */
  kept = ring_kernel_get_output_format (gray);
  g_assert_true (ring_format_equal (kept, gray8));
}

/* Memory per byte is for the input or the output, whichever is larger; so one size
 * after another can be had on one handle, and state begins anew. */
static void
test_sizes_change_while_active (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "any-size", 3);
  g_autoptr (RingFormat) in = video (RING_VIDEO_FORMAT_I420, 64, 48);
  guint side;

  for (side = 1; side < 200; side += 13) {
    g_autoptr (RingFormat) out =
        video (RING_VIDEO_FORMAT_I420, side, 200 - side);
    g_autoptr (RingMessage) sent = ramp (in);
    g_autoptr (RingMessage) got = NULL;
    g_autoptr (GError) error = NULL;

    ring_kernel_set_formats (kernel, in, out, &error);
    g_assert_no_error (error);
    got = answer (kernel, sent);
    g_assert_cmpuint (g_bytes_get_size (ring_message_get_payload (got)), ==,
        ring_format_get_frame_size (out));
  }
}

/* ---- records ------------------------------------------------------------------------ */

static void
test_records_of_a_frame (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "frame-records", 2);
  g_autoptr (RingFormat) in = video (RING_VIDEO_FORMAT_GRAY8, 10, 4);
  g_autoptr (RingMessage) sent = ramp (in);
  g_autoptr (RingMessage) got = NULL;
  g_autoptr (RingFormat) out = NULL;
  const Record *record;
  gsize size;

  ring_message_set_time (sent, 40, 20);
  got = answer (kernel, sent);
  out = ring_kernel_get_output_format (kernel);
  g_assert_cmpint (out->kind, ==, RING_PAYLOAD_RECORD);
  g_assert_cmpstr (ring_format_get_record_type (out), ==, "(td)");
  record = g_bytes_get_data (ring_message_get_payload (got), &size);
  g_assert_cmpuint (size, ==, 2 * sizeof (Record));
  g_assert_cmpuint (record[0].number, ==, 40);
  g_assert_cmpfloat (record[0].value, ==, 0);
  g_assert_cmpfloat (record[1].value, ==, 30);
  {
    g_autoptr (GVariant) second = ring_message_get_record (got, 1, NULL);
    guint64 time;
    gdouble value;

    g_variant_get (second, "(td)", &time, &value);
    g_assert_cmpuint (time, ==, 40);
    g_assert_cmpfloat (value, ==, 30);
  }
}

static void
test_records_of_audio (RingExecutionMode mode)
{
  static const gfloat samples[] = { 0.5f, 9, 0, 9, -0.25f, 9, 0, 9 };
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "peaks", 2);
  g_autoptr (RingFormat) in =
      ring_format_new_audio (RING_AUDIO_FORMAT_F32LE, 8000, 2);
  g_autoptr (GBytes) bytes = g_bytes_new_static (samples, sizeof samples);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMessage) sent = ring_message_new_audio (in, bytes, &error);
  g_autoptr (RingMessage) got = NULL;
  const Record *record;
  gsize size;

  g_assert_no_error (error);
  got = answer (kernel, sent);
  /* Room for four samples and one more. */
  g_assert_cmpuint (ring_kernel_get_output_size (kernel, sizeof samples), ==,
      5 * sizeof (Record));
  record = g_bytes_get_data (ring_message_get_payload (got), &size);
  g_assert_cmpuint (size, ==, 3 * sizeof (Record));
  g_assert_cmpuint (record[0].number, ==, 0);
  g_assert_cmpfloat (record[0].value, ==, 0.5);
  g_assert_cmpuint (record[1].number, ==, 2);
  g_assert_cmpfloat (record[1].value, ==, -0.25);
  g_assert_cmpuint (record[2].number, ==, 4);
  g_assert_cmpfloat (record[2].value, ==, 2);
}

/* Every sample gives one: as many as there is room for. A long block takes its output
 * out of the slot. */
static void
test_as_many_records_as_fit (RingExecutionMode mode)
{
  const guint frames[] = { 1, 100, 5000 };
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "peaks", 1);
  g_autoptr (RingFormat) in =
      ring_format_new_audio (RING_AUDIO_FORMAT_F32LE, 8000, 1);
  gsize i, j;

  for (i = 0; i < G_N_ELEMENTS (frames); i++) {
    gfloat *samples = g_new (gfloat, frames[i]);
    g_autoptr (GBytes) bytes =
        g_bytes_new_take (samples, frames[i] * sizeof (gfloat));
    g_autoptr (RingMessage) got = NULL;
    g_autoptr (GError) error = NULL;
    const Record *record;
    gsize size;

    for (j = 0; j < frames[i]; j++)
      samples[j] = (gfloat) (j + 1);
    {
      g_autoptr (RingMessage) sent = ring_message_new_audio (in, bytes, &error);

      g_assert_no_error (error);
      got = answer (kernel, sent);
    }
    record = g_bytes_get_data (ring_message_get_payload (got), &size);
    g_assert_cmpuint (size, ==, (frames[i] + 1) * sizeof (Record));
    for (j = 0; j < frames[i]; j++)
      g_assert_cmpfloat (record[j].value, ==, (gdouble) (j + 1));
    g_assert_cmpfloat (record[j].value, ==, frames[i]);
  }
}

static void
never (RingKernel *kernel, const RingCompletion *completion, gpointer user_data)
{
  g_assert_not_reached ();
}

static void
test_an_output_without_room_for_the_records_is_refused (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "peaks", 1);
  g_autoptr (RingFormat) in =
      ring_format_new_audio (RING_AUDIO_FORMAT_F32LE, 8000, 1);
  g_autoptr (GError) error = NULL;
  RingSubmission submission = { 0 };
  gfloat samples[4] = { 0 };
  Record records[5];
  RingMemory output = { 0 };

  ring_kernel_set_format (kernel, in, &error);
  g_assert_no_error (error);
  submission.input.n_planes = output.n_planes = 1;
  submission.input.size = submission.input.plane[0].size = sizeof samples;
  submission.input.plane[0].data = (gpointer) samples;
  output.size = output.plane[0].size = sizeof records - 1;
  output.plane[0].data = (gpointer) records;
  submission.outputs = &output;
  submission.n_outputs = 1;
  submission.completed = never;
  g_assert_false (ring_kernel_submit (kernel, &submission, &error));
  g_assert_error (error, RING_ERROR, RING_ERROR_PAYLOAD);
  g_assert_nonnull (strstr (error->message, "needs 80 bytes; it has 79"));
}

/* ---- what a declaration may say ------------------------------------------------------- */

static void
test_info_says_what_comes_out (void)
{
  static const struct
  {
    const gchar *name;
    RingPayloadKind kind, output_kind;
    gboolean any_format, any_size;
  } kernels[] = {
    { "any-size", RING_PAYLOAD_VIDEO, RING_PAYLOAD_VIDEO, TRUE, TRUE },
    { "frame-records", RING_PAYLOAD_VIDEO, RING_PAYLOAD_RECORD, FALSE, FALSE },
    { "peaks", RING_PAYLOAD_AUDIO, RING_PAYLOAD_RECORD, FALSE, FALSE },
    { "emit", RING_PAYLOAD_BYTES, RING_PAYLOAD_BYTES, FALSE, FALSE },
  };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (kernels); i++) {
    g_autofree gchar *path = ring_test_kernel_path (kernels[i].name);
    g_autoptr (GError) error = NULL;
    g_autoptr (RingRuntime) runtime = ring_test_runtime ();
    g_autoptr (RingKernelInfo) info =
        ring_runtime_find_kernel (runtime, path, &error);

    g_assert_no_error (error);
    g_assert_cmpint (ring_kernel_info_get_kind (info), ==, kernels[i].kind);
    g_assert_cmpint (ring_kernel_info_get_output_kind (info), ==,
        kernels[i].output_kind);
    g_assert_cmpint (ring_kernel_info_get_any_format (info), ==,
        kernels[i].any_format);
    g_assert_cmpint (ring_kernel_info_get_any_size (info), ==,
        kernels[i].any_size);
  }
}

static void
test_declarations_that_cannot_be (void)
{
  static const struct
  {
    const gchar *items, *says;
  } bad[] = {
    { "RING_AUDIO (\"F32LE\"), RING_ANY_SIZE", "are for frames" },
    { "RING_VIDEO (\"RGB\"), RING_ANY_FORMAT", "it declares none" },
    { "RING_VIDEO (\"RGB\"), RING_ANY_SIZE, RING_IN_PLACE",
        "leaves format or size" },
    { "RING_AUDIO_TO_RECORDS (\"F32LE\", \"(td)\", R, 1)", "RING_EMITS" },
    { "RING_VIDEO_TO_RECORDS (\"RGB\", \"(td)\", R, 0)", "from 1 to 65536" },
    { "RING_VIDEO_TO_RECORDS (\"RGB\", \"(td)\", R, 70000)",
        "from 1 to 65536" },
    { "RING_VIDEO_TO_RECORDS (\"RGB\", \"(tdd)\", R, 1)", "24 bytes" },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = ring_test_runtime ();
  g_autofree gchar *compiler = g_find_program_in_path ("cc");
  g_autofree gchar *dir = NULL;
  gsize i;

  if (!compiler) {
    g_test_skip ("there is no C compiler");
    return;
  }
  dir = g_dir_make_tmp ("ring-outputs-XXXXXX", &error);
  g_assert_no_error (error);
  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autofree gchar *path = g_strdup_printf ("%s/bad%zu.c", dir, i);
    g_autofree gchar *text = g_strdup_printf (
        "#include <ringkernel/kernel-sdk.h>\n"
        "typedef struct { uint64_t t; double d; } R;\n"
        "RING_KERNEL (bad, \"Cannot be\", %s) { (void) sizeof (R); }\n",
        bad[i].items);
    g_autoptr (GError) wrong = NULL;

    g_file_set_contents (path, text, -1, &error);
    g_assert_no_error (error);
    g_assert_null (ring_runtime_find_kernel (runtime, path, &wrong));
    g_assert_error (wrong, RING_ERROR, RING_ERROR_KERNEL_INVALID);
    if (!strstr (wrong->message, bad[i].says))
      g_error ("%s: %s", bad[i].items, wrong->message);
    g_unlink (path);
  }
  g_rmdir (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ring_test_add_modes ("/outputs/any-size", test_any_size);
  ring_test_add_modes ("/outputs/any-format", test_any_format);
  ring_test_add_modes ("/outputs/nothing-asked-for-is-as-the-input",
      test_nothing_asked_for_is_as_the_input);
  ring_test_add_modes ("/outputs/what-a-kernel-does-not-make",
      test_what_a_kernel_does_not_make);
  ring_test_add_modes ("/outputs/sizes-change-while-active",
      test_sizes_change_while_active);
  ring_test_add_modes ("/outputs/records-of-a-frame", test_records_of_a_frame);
  ring_test_add_modes ("/outputs/records-of-audio", test_records_of_audio);
  ring_test_add_modes ("/outputs/as-many-records-as-fit",
      test_as_many_records_as_fit);
  ring_test_add_modes (
      "/outputs/an-output-without-room-for-the-records-is-refused",
      test_an_output_without_room_for_the_records_is_refused);
  g_test_add_func ("/outputs/info-says-what-comes-out",
      test_info_says_what_comes_out);
  g_test_add_func ("/outputs/declarations-that-cannot-be",
      test_declarations_that_cannot_be);
  return ring_test_run ();
}
