/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Kinds and formats: what a handle takes, what it refuses, and state that goes
 * with a format.
 */
#include "ring-test.h"

/* ---- kinds and formats -------------------------------------------------------------- */

static RingMessage *
video_message (RingVideoFormat format, guint width, guint height, guint8 value)
{
  g_autoptr (RingFormat) f = ring_format_new_video (format, width, height);
  g_autoptr (GError) error = NULL;
  const gsize size = ring_format_get_frame_size (f);
  guint8 *data = g_malloc (size);
  g_autoptr (GBytes) bytes = NULL;
  RingMessage *message;

  memset (data, value, size);
  bytes = g_bytes_new_take (data, size);
  message = ring_message_new_video (f, bytes, &error);
  g_assert_no_error (error);
  return message;
}

static RingMessage *
audio_message (RingAudioFormat format, guint rate, guint channels, guint frames,
    gint16 value)
{
  g_autoptr (RingFormat) f = ring_format_new_audio (format, rate, channels);
  g_autoptr (GError) error = NULL;
  const gsize size = ring_format_get_frame_size (f) * frames;
  gint16 *data = g_malloc (size);
  g_autoptr (GBytes) bytes = NULL;
  RingMessage *message;
  gsize i;

  for (i = 0; i < size / 2; i++)
    data[i] = value;
  bytes = g_bytes_new_take (data, size);
  message = ring_message_new_audio (f, bytes, &error);
  g_assert_no_error (error);
  return message;
}

static void
test_video (RingExecutionMode mode)
{
  /* Odd sizes, where planes and strides are easily got wrong. */
  const struct
  {
    RingVideoFormat format;
    guint width, height;
  } frames[] = {
    { RING_VIDEO_FORMAT_GRAY8, 1, 1 },
    { RING_VIDEO_FORMAT_GRAY8, 33, 7 },
    { RING_VIDEO_FORMAT_RGB, 17, 5 },
    { RING_VIDEO_FORMAT_BGR, 17, 5 },
    { RING_VIDEO_FORMAT_RGBA, 15, 9 },
    { RING_VIDEO_FORMAT_ABGR, 15, 9 },
    { RING_VIDEO_FORMAT_RGBX, 15, 9 },
    { RING_VIDEO_FORMAT_I420, 15, 9 },
    { RING_VIDEO_FORMAT_NV12, 15, 9 },
    { RING_VIDEO_FORMAT_I420, 160, 120 },
  };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (frames); i++) {
    g_autoptr (RingKernel) kernel = ring_test_start (mode, "invert", 2);
    g_autoptr (RingMessage) sent = video_message (frames[i].format,
        frames[i].width, frames[i].height, 0x35);
    g_autoptr (GError) error = NULL;
    g_autoptr (RingMessage) got =
        ring_kernel_call (kernel, sent, RING_TEST_WAIT, NULL, &error);
    const guint8 *data;
    gsize size, j;

    g_assert_no_error (error);
    g_assert_true (ring_format_equal (ring_message_get_format (got),
        ring_message_get_format (sent)));
    data = g_bytes_get_data (ring_message_get_payload (got), &size);
    g_assert_cmpuint (size, ==,
        g_bytes_get_size (ring_message_get_payload (sent)));
    /* Colours are inverted, alpha and padding kept. */
    for (j = 0; j < size; j++)
      g_assert_true (data[j] == 0xca || data[j] == 0x35);
    g_assert_cmpuint (data[frames[i].format == RING_VIDEO_FORMAT_ABGR], ==,
        0xca);
  }
}

static void
test_output_format_may_differ (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "gray", 2);
  g_autoptr (RingMessage) sent =
      video_message (RING_VIDEO_FORMAT_RGB, 31, 11, 100);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMessage) got =
      ring_kernel_call (kernel, sent, RING_TEST_WAIT, NULL, &error);
  g_autoptr (RingFormat) out = NULL;
  const guint8 *data;
  gsize size, i;

  g_assert_no_error (error);
  g_assert_cmpint (ring_message_get_format (got)->video_format, ==,
      RING_VIDEO_FORMAT_GRAY8);
  out = ring_kernel_get_output_format (kernel);
  g_assert_true (ring_format_equal (out, ring_message_get_format (got)));
  data = g_bytes_get_data (ring_message_get_payload (got), &size);
  g_assert_cmpuint (size, ==, 31 * 11);
  for (i = 0; i < size; i++)
    g_assert_cmpuint (data[i], ==, 100);
}

static void
test_audio (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "negate-audio", 2);
  const guint lengths[] = { 1, 441, 64, 1024 };
  gsize i, j, size;

  /* Blocks of one format may differ in length. */
  for (i = 0; i < G_N_ELEMENTS (lengths); i++) {
    g_autoptr (RingMessage) sent =
        audio_message (RING_AUDIO_FORMAT_S16LE, 44100, 2, lengths[i], 1234);
    g_autoptr (GError) error = NULL;
    g_autoptr (RingMessage) got =
        ring_kernel_call (kernel, sent, RING_TEST_WAIT, NULL, &error);
    const gint16 *data;

    g_assert_no_error (error);
    data = g_bytes_get_data (ring_message_get_payload (got), &size);
    g_assert_cmpuint (size, ==, lengths[i] * 4);
    for (j = 0; j < size / 2; j++)
      g_assert_cmpint (data[j], ==, -1234);
  }
}

static void
test_records (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "swap-record", 2);
  g_autoptr (GError) error = NULL;
  guint64 id;
  gdouble value;
  guint i;

  for (i = 0; i < 10; i++) {
    g_autoptr (RingMessage) sent =
        ring_message_new_record (g_variant_new ("(td)", (guint64) i, i * 1.5),
            &error);
    g_autoptr (RingMessage) got = NULL;
    g_autoptr (GVariant) record = NULL;

    g_assert_no_error (error);
    got = ring_kernel_call (kernel, sent, RING_TEST_WAIT, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (ring_message_get_n_records (got), ==, 1);
    g_assert_cmpstr (ring_format_get_record_type (
                         ring_message_get_format (got)),
        ==, "(dt)");
    record = ring_message_get_record (got, 0, &error);
    g_assert_no_error (error);
    g_variant_get (record, "(dt)", &value, &id);
    g_assert_cmpfloat (value, ==, i * 3.0);
    g_assert_cmpuint (id, ==, i);
    g_assert_null (ring_message_get_record (got, 1, &error));
    g_assert_nonnull (error);
    g_clear_error (&error);
  }
  {
    struct
    {
      guint64 id;
      gdouble value;
    } many[100];
    g_autoptr (GBytes) bytes = NULL;
    g_autoptr (RingMessage) sent = NULL;
    g_autoptr (RingMessage) got = NULL;

    for (i = 0; i < 100; i++)
      many[i].id = i, many[i].value = i;
    bytes = g_bytes_new (many, sizeof (many));
    sent = ring_message_new_records ("(td)", bytes, &error);
    g_assert_no_error (error);
    got = ring_kernel_call (kernel, sent, RING_TEST_WAIT, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (ring_message_get_n_records (got), ==, 100);
    for (i = 0; i < 100; i++) {
      g_autoptr (GVariant) record = ring_message_get_record (got, i, &error);

      g_variant_get (record, "(dt)", &value, &id);
      g_assert_cmpuint (id, ==, i);
      g_assert_cmpfloat (value, ==, 2.0 * i);
    }
  }
}

static void
assert_refused (RingKernel *kernel, RingMessage *message_taken, gint code,
    const gchar *wanted, const gchar *got)
{
  g_autoptr (RingMessage) message = message_taken;
  g_autoptr (GError) error = NULL;

  g_assert_false (ring_kernel_send (kernel, message, 0, NULL, &error));
  ring_test_assert_says (&error, code, wanted, got);
  g_assert_null (ring_kernel_call (kernel, message, 0, NULL, &error));
  ring_test_assert_says (&error, code, wanted, got);
}

static RingMessage *
record_message (const gchar *text)
{
  g_autoptr (GError) error = NULL;
  RingMessage *message =
      ring_message_new_record (g_variant_new_parsed (text), &error);

  g_assert_no_error (error);
  return message;
}

static void
test_another_kind_names_both (RingExecutionMode mode)
{
  g_autoptr (RingKernel) bytes = ring_test_start (mode, "gate", 1);
  g_autoptr (RingKernel) video = ring_test_start (mode, "invert", 1);
  g_autoptr (RingKernel) audio = ring_test_start (mode, "negate-audio", 1);
  g_autoptr (RingKernel) record = ring_test_start (mode, "swap-record", 1);

  assert_refused (video, ring_test_message (16, 0), RING_ERROR_FORMAT, "video",
      "bytes");
  assert_refused (video, audio_message (RING_AUDIO_FORMAT_S16LE, 8000, 1, 4, 0),
      RING_ERROR_FORMAT, "video", "audio");
  assert_refused (audio, video_message (RING_VIDEO_FORMAT_RGB, 2, 2, 0),
      RING_ERROR_FORMAT, "audio", "video");
  assert_refused (audio, record_message ("(uint64 1, 1.5)"), RING_ERROR_FORMAT,
      "audio", "record");
  assert_refused (record, ring_test_message (16, 0), RING_ERROR_PAYLOAD, "(td)",
      "bytes");
  assert_refused (record, record_message ("(uint32 1, 1.5)"),
      RING_ERROR_PAYLOAD, "(td)", "(ud)");
  /* Same size, another type. */
  assert_refused (record, record_message ("(1.5, uint64 1)"),
      RING_ERROR_PAYLOAD, "(td)", "(dt)");
  ring_test_assert_accounts (bytes, 0, 0, 0, 0);
  ring_test_assert_accounts (video, 0, 0, 0, 0);
  ring_test_assert_accounts (audio, 0, 0, 0, 0);
  ring_test_assert_accounts (record, 0, 0, 0, 0);
}

static void
test_format_the_kernel_does_not_take (RingExecutionMode mode)
{
  g_autoptr (RingKernel) serial = ring_test_start (mode, "serial", 1);
  g_autoptr (RingKernel) audio = ring_test_start (mode, "negate-audio", 1);
  g_autoptr (RingFormat) nv12 =
      ring_format_new_video (RING_VIDEO_FORMAT_NV12, 16, 16);
  g_autoptr (GError) error = NULL;

  assert_refused (serial, video_message (RING_VIDEO_FORMAT_NV12, 16, 16, 0),
      RING_ERROR_FORMAT, "NV12", "GRAY8");
  assert_refused (audio, audio_message (RING_AUDIO_FORMAT_F32LE, 8000, 1, 4, 0),
      RING_ERROR_FORMAT, "F32LE", "S16LE");
  g_assert_false (ring_kernel_set_format (serial, nv12, &error));
  ring_test_assert_says (&error, RING_ERROR_FORMAT, "NV12", "GRAY8", "RGB");
}

static void
test_first_message_fixes_the_format (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "serial", 1);
  g_autoptr (RingMessage) first =
      video_message (RING_VIDEO_FORMAT_GRAY8, 16, 8, 0);
  g_autoptr (RingMessage) got = NULL;
  g_autoptr (RingFormat) format = NULL;

  ring_test_send (kernel, first);
  assert_refused (kernel, video_message (RING_VIDEO_FORMAT_RGB, 16, 8, 0),
      RING_ERROR_PAYLOAD, "GRAY8", "RGB");
  assert_refused (kernel, video_message (RING_VIDEO_FORMAT_GRAY8, 8, 16, 0),
      RING_ERROR_PAYLOAD, "16x8", "8x16");
  got = ring_test_receive (kernel);
  format = ring_kernel_get_input_format (kernel);
  g_assert_true (ring_format_equal (format, ring_message_get_format (first)));
}

static gpointer
send_it (gpointer data)
{
  RingTestSender *s = data;

  ring_test_send (s->kernel, s->message);
  return NULL;
}

static void
test_set_format_while_in_flight_is_busy (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingFormat) first =
      ring_format_new_video (RING_VIDEO_FORMAT_GRAY8, 16, 2);
  g_autoptr (RingFormat) other =
      ring_format_new_video (RING_VIDEO_FORMAT_RGB, 4, 4);
  guint64 data[4] = { 0 };
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  RingTestGate gate = { 0, 0, 0 };
  RingTestSender sender = { 0 };

  if (ring_test_skip_unless_cpu ())
    return;
  sender.kernel = kernel = ring_test_start (mode, "gate-video", 1);
  data[0] = (guint64) (guintptr) &gate;
  bytes = g_bytes_new (data, sizeof (data));
  sender.message = ring_message_new_video (first, bytes, &error);
  g_assert_no_error (error);
  sender.thread = g_thread_new ("sender", send_it, &sender);
  ring_test_gate_wait_entered (&gate);

  g_assert_false (ring_kernel_set_format (kernel, other, &error));
  ring_test_assert_says (&error, RING_ERROR_BUSY, "gate-video", "1");
  /* The one that it has already is no change. */
  ring_kernel_set_format (kernel, first, &error);
  g_assert_no_error (error);

  ring_test_gate_open (&gate);
  ring_test_sender_join (&sender);
  ring_message_unref (ring_test_receive (kernel));
  ring_kernel_set_format (kernel, other, &error);
  g_assert_no_error (error);
}

static guint
serial_of (RingKernel *kernel, RingMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMessage) got =
      ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, &error);
  const guint8 *data;
  gsize size, i;

  g_assert_no_error (error);
  data = g_bytes_get_data (ring_message_get_payload (got), &size);
  for (i = 1; i < size; i++)
    g_assert_cmpuint (data[i], ==, data[0]);
  return data[0];
}

static void
test_state_lives_until_the_format_changes (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "serial", 3);
  g_autoptr (RingMessage) gray =
      video_message (RING_VIDEO_FORMAT_GRAY8, 16, 8, 0);
  g_autoptr (RingMessage) rgb = video_message (RING_VIDEO_FORMAT_RGB, 5, 7, 0);
  g_autoptr (GError) error = NULL;
  guint i;

  for (i = 0; i < 5; i++)
    g_assert_cmpuint (serial_of (kernel, gray), ==, i);
  /* Neither a rest nor the same format again ends it. */
  ring_kernel_deactivate (kernel, &error);
  g_assert_no_error (error);
  ring_test_activate (kernel);
  g_assert_cmpuint (serial_of (kernel, gray), ==, 5);
  ring_kernel_set_format (kernel, ring_message_get_format (gray), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (serial_of (kernel, gray), ==, 6);

  ring_kernel_set_format (kernel, ring_message_get_format (rgb), &error);
  g_assert_no_error (error);
  for (i = 0; i < 3; i++)
    g_assert_cmpuint (serial_of (kernel, rgb), ==, i);
}

/* A frame of one value comes out as @wanted, all of it of that value. */
static void
assert_grows (RingKernel *kernel, guint width, guint height,
    const RingFormat *wanted, guint8 value)
{
  g_autoptr (RingMessage) sent =
      video_message (RING_VIDEO_FORMAT_GRAY8, width, height, value);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMessage) got = NULL;
  const guint8 *data;
  gsize size, i;

  ring_kernel_set_formats (kernel, ring_message_get_format (sent), wanted,
      &error);
  g_assert_no_error (error);
  got = ring_kernel_call (kernel, sent, RING_TEST_WAIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (ring_format_equal (ring_message_get_format (got), wanted));
  data = g_bytes_get_data (ring_message_get_payload (got), &size);
  g_assert_cmpuint (size, ==, ring_format_get_frame_size (wanted));
  g_assert_cmpuint (size, ==, ring_kernel_get_output_size (kernel, 1));
  for (i = 0; i < size && data[i] == value; i++)
    ;
  g_assert_cmpuint (i, ==, size);
}

/* With too little of it, far more would be written than any memory has room for. */
static void
test_scratch_is_for_the_larger_frame (RingExecutionMode mode)
{
  RingConfig *config = ring_test_config (mode);
  g_autofree gchar *path = ring_test_kernel_path ("grow");
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingFormat) small =
      ring_format_new_video (RING_VIDEO_FORMAT_GRAY8, 3, 2);
  g_autoptr (RingFormat) large =
      ring_format_new_video (RING_VIDEO_FORMAT_GRAY8, 4000, 2500);
  g_autoptr (GError) error = NULL;

  config->message_size = 16 << 20;
  kernel = ring_test_launch_with (config, "grow", 2);
  ring_test_activate (kernel);
  assert_grows (kernel, 3, 2, small, 7);
  assert_grows (kernel, 3, 2, large, 8);
  assert_grows (kernel, 4000, 2500, small, 9);
  assert_grows (kernel, 1, 1, large, 10);
  /* Another version is asked for the same. */
  ring_kernel_reload (kernel, path, &error);
  g_assert_no_error (error);
  assert_grows (kernel, 1, 1, large, 11);
}

/* What cannot even be made into a message. */
static void
test_payload_of_the_wrong_size (void)
{
  g_autoptr (RingFormat) video =
      ring_format_new_video (RING_VIDEO_FORMAT_RGB, 4, 4);
  g_autoptr (RingFormat) audio =
      ring_format_new_audio (RING_AUDIO_FORMAT_S16LE, 8000, 2);
  g_autoptr (GBytes) bytes = g_bytes_new_static ("1234567", 7);
  g_autoptr (GError) error = NULL;

  g_assert_null (ring_message_new_video (video, bytes, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "7", "48");
  g_assert_null (ring_message_new_audio (audio, bytes, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "7", "4");
  g_assert_null (ring_message_new_records ("(td)", bytes, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "7", "16");
  g_assert_null (ring_message_new_video (audio, bytes, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "video", "audio");
  g_assert_null (ring_message_new_audio (video, bytes, &error));
  ring_test_assert_says (&error, RING_ERROR_PAYLOAD, "video", "audio");
}

static void
test_record_types_that_are_none (void)
{
  const gchar *types[] = { "s", "as", "(is)", "v", "a{sv}", "i?", "(", "",
    "()i", "@", "mi" };
  g_autoptr (GError) error = NULL;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (types); i++) {
    g_assert_null (ring_format_new_record (types[i], &error));
    ring_test_assert_says (&error, RING_ERROR_PAYLOAD, types[i]);
  }
  g_assert_null (
      ring_message_new_record (g_variant_new_string ("text"), &error));
  g_assert_nonnull (error);
}

static void
test_formats_compare_and_print (void)
{
  g_autoptr (RingFormat) a =
      ring_format_new_video (RING_VIDEO_FORMAT_NV12, 1920, 1080);
  g_autoptr (RingFormat) b = ring_format_copy (a);
  g_autoptr (RingFormat) c =
      ring_format_new_video (RING_VIDEO_FORMAT_I420, 1920, 1080);
  g_autoptr (RingFormat) d = ring_format_new_bytes ();
  g_autofree gchar *text = ring_format_to_string (a);
  gint i;

  g_assert_true (ring_format_equal (a, b));
  g_assert_false (ring_format_equal (a, c));
  g_assert_false (ring_format_equal (a, d));
  g_assert_nonnull (strstr (text, "NV12"));
  g_assert_nonnull (strstr (text, "1920x1080"));
  g_assert_cmpuint (ring_format_get_frame_size (a), ==, 1920 * 1080 * 3 / 2);
  for (i = RING_VIDEO_NONE + 1; i < RING_VIDEO_LAST_; i++)
    g_assert_cmpint (ring_video_format_from_string (
                         ring_video_format_to_string ((RingVideoFormat) i)),
        ==, i);
  for (i = RING_AUDIO_NONE + 1; i < RING_AUDIO_LAST_; i++)
    g_assert_cmpint (ring_audio_format_from_string (
                         ring_audio_format_to_string ((RingAudioFormat) i)),
        ==, i);
  g_assert_cmpint (ring_video_format_from_string ("rgb24"), ==,
      RING_VIDEO_FORMAT_NONE);
  g_assert_cmpint (ring_audio_format_from_string (""), ==,
      RING_AUDIO_FORMAT_NONE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ring_test_add_modes ("/formats/video", test_video);
  ring_test_add_modes ("/formats/output-format-may-differ",
      test_output_format_may_differ);
  ring_test_add_modes ("/formats/audio", test_audio);
  ring_test_add_modes ("/formats/records", test_records);
  ring_test_add_modes ("/formats/another-kind-names-both",
      test_another_kind_names_both);
  ring_test_add_modes ("/formats/format-the-kernel-does-not-take",
      test_format_the_kernel_does_not_take);
  ring_test_add_modes ("/formats/first-message-fixes-the-format",
      test_first_message_fixes_the_format);
  ring_test_add_modes ("/formats/set-format-while-in-flight-is-busy",
      test_set_format_while_in_flight_is_busy);
  ring_test_add_modes ("/formats/state-lives-until-the-format-changes",
      test_state_lives_until_the_format_changes);
  ring_test_add_modes ("/formats/scratch-is-for-the-larger-frame",
      test_scratch_is_for_the_larger_frame);
  g_test_add_func ("/formats/payload-of-the-wrong-size",
      test_payload_of_the_wrong_size);
  g_test_add_func ("/formats/record-types-that-are-none",
      test_record_types_that_are_none);
  g_test_add_func ("/formats/compare-and-print",
      test_formats_compare_and_print);
  return ring_test_run ();
}
