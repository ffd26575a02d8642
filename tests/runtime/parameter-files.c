/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lists that files hold: what is read of them, and what is said of those that are
 * wrong. What comes of a table of colours is tests/kernels/test_video_color.py's.
 */
#include "ring-test.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static gchar *folder;

static gchar *
path_of (const gchar *name)
{
  return g_build_filename (folder, name, NULL);
}

static void
write_file (const gchar *name, const void *bytes, gssize size)
{
  g_autofree gchar *path = path_of (name);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, bytes, size, &error);
  g_assert_no_error (error);
}

static gboolean
set_file (RingKernel *kernel, const gchar *parameter, const gchar *name,
    GError **error)
{
  g_autofree gchar *path = path_of (name);
  g_autofree gchar *text = g_strconcat ("@", path, NULL);

  return ring_kernel_set_parameter_from_string (kernel, parameter, text, error);
}

static RingKernel *
launch (const gchar *name)
{
  RingConfig *config = ring_test_config (RING_EXECUTION_AUTO);

  config->parameter_files = TRUE;
  return ring_test_launch_with (config, name, 1);
}

/* ---- what is read -------------------------------------------------------------------- */

/* Of the kernel "parameters": how many taps it has, and the taps. */
static void
assert_taps (RingKernel *kernel, guint n, gdouble a, gdouble b, gdouble c,
    gdouble d)
{
  g_autoptr (RingMessage) message = ring_test_message (9 * sizeof (gdouble), 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMessage) reply =
      ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, &error);
  const gdouble *seen;

  g_assert_no_error (error);
  seen = g_bytes_get_data (ring_message_get_payload (reply), NULL);
  g_assert_cmpfloat (seen[4], ==, n);
  g_assert_cmpfloat (seen[5], ==, a);
  g_assert_cmpfloat (seen[6], ==, b);
  g_assert_cmpfloat (seen[7], ==, c);
  g_assert_cmpfloat (seen[8], ==, d);
}

static void
test_numbers_of_a_text (void)
{
  g_autoptr (RingKernel) kernel = launch ("parameters");
  g_autoptr (GError) error = NULL;
  const struct
  {
    const gchar *text;
    guint n;
    gdouble value[4];
  } good[] = {
    { "0.5,-0.25", 2, { 0.5, -0.25 } },
    { "# taps\r\n 0.5 , -0.25\t1e-1 # and\n\n\n1", 4, { 0.5, -0.25, 0.1f, 1 } },
    { "\xef\xbb\xbf"
      "1\n",
        1, { 1 } },
    { "# nothing", 0, { 0 } },
    { "", 0, { 0 } },
  };
  gsize i;

  ring_test_activate (kernel);
  for (i = 0; i < G_N_ELEMENTS (good); i++) {
    write_file ("taps.txt", good[i].text, -1);
    set_file (kernel, "taps", "taps.txt", &error);
    g_assert_no_error (error);
    assert_taps (kernel, good[i].n, good[i].value[0], good[i].value[1],
        good[i].value[2], good[i].value[3]);
  }
}

static void
test_a_file_is_read_when_it_is_set (void)
{
  g_autoptr (RingKernel) kernel = launch ("parameters");
  g_autoptr (GError) error = NULL;
  g_autofree gchar *path = path_of ("taps.txt");
  g_autofree gchar *text = g_strconcat ("@", path, NULL);
  g_autofree gchar *all = g_strdup_printf ("count=7 taps='@%s'", path);
  GValue value = G_VALUE_INIT;

  ring_test_activate (kernel);
  write_file ("taps.txt", "1, 0.5", -1);
  ring_kernel_set_parameters_from_string (kernel, all, &error);
  g_assert_no_error (error);
  assert_taps (kernel, 2, 1, 0.5, 0, 0);
  write_file ("taps.txt", "0.5", -1);
  assert_taps (kernel, 2, 1, 0.5, 0, 0);

  /* What is read of the parameter sets it again. */
  ring_kernel_get_parameter (kernel, "taps", &value, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_value_get_string (&value), ==, text);
  ring_kernel_set_parameter (kernel, "taps", &value, &error);
  g_assert_no_error (error);
  assert_taps (kernel, 1, 0.5, 0, 0, 0);
  g_value_unset (&value);

  ring_kernel_set_parameter_from_string (kernel, "taps", "0.25", &error);
  g_assert_no_error (error);
  ring_kernel_get_parameter (kernel, "taps", &value, &error);
  g_assert_cmpstr (g_value_get_string (&value), ==, "0.25");
  g_value_unset (&value);
}

/* Little-endian, as WAV is. */
static void
write_wave (const gchar *name, guint encoding, guint channels, guint bits,
    const void *samples, gsize size)
{
  const guint16 format[] = { (guint16) encoding, (guint16) channels, 8000, 0,
    (guint16) (8000 * channels * bits / 8), 0, (guint16) (channels * bits / 8),
    (guint16) bits };
  const guint32 sizes[] = { (guint32) (36 + size), sizeof format,
    (guint32) size };
  GByteArray *file = g_byte_array_new ();

  g_byte_array_append (file, (const guint8 *) "RIFF", 4);
  g_byte_array_append (file, (const guint8 *) &sizes[0], 4);
  g_byte_array_append (file, (const guint8 *) "WAVEfmt ", 8);
  g_byte_array_append (file, (const guint8 *) &sizes[1], 4);
  g_byte_array_append (file, (const guint8 *) format, sizeof format);
  g_byte_array_append (file, (const guint8 *) "data", 4);
  g_byte_array_append (file, (const guint8 *) &sizes[2], 4);
  g_byte_array_append (file, samples, (guint) size);
  write_file (name, file->data, file->len);
  g_byte_array_unref (file);
}

static void
test_samples_of_a_wav_file (void)
{
  g_autoptr (RingKernel) kernel = launch ("parameters");
  g_autoptr (GError) error = NULL;
  const guint8 u8[] = { 128, 64, 192 };
  const gint16 s16[] = { -32768, 16384, 0 };
  const guint8 s24[] = { 0, 0, 0x40, 0, 0, 0xe0 };
  const gint32 s32[] = { G_MININT32, 1 << 29 };
  const gfloat f32[] = { 0.125f, -1 };
  const gdouble f64[] = { 0.5, -0.5, 0.25, 1 };

  ring_test_activate (kernel);
  write_wave ("a.wav", 1, 1, 8, u8, sizeof u8);
  set_file (kernel, "taps", "a.wav", &error);
  g_assert_no_error (error);
  assert_taps (kernel, 3, 0, -0.5, 0.5, 0);
  write_wave ("a.WAV", 1, 1, 16, s16, sizeof s16);
  set_file (kernel, "taps", "a.WAV", &error);
  g_assert_no_error (error);
  assert_taps (kernel, 3, -1, 0.5, 0, 0);
  write_wave ("a.wav", 1, 1, 24, s24, sizeof s24);
  set_file (kernel, "taps", "a.wav", &error);
  g_assert_no_error (error);
  assert_taps (kernel, 2, 0.5, -0.25, 0, 0);
  write_wave ("a.wav", 1, 1, 32, s32, sizeof s32);
  set_file (kernel, "taps", "a.wav", &error);
  g_assert_no_error (error);
  assert_taps (kernel, 2, -1, 0.25, 0, 0);
  write_wave ("a.wav", 3, 1, 32, f32, sizeof f32);
  set_file (kernel, "taps", "a.wav", &error);
  g_assert_no_error (error);
  assert_taps (kernel, 2, 0.125, -1, 0, 0);
  write_wave ("a.wav", 3, 1, 64, f64, sizeof f64);
  set_file (kernel, "taps", "a.wav", &error);
  g_assert_no_error (error);
  assert_taps (kernel, 4, 0.5, -0.5, 0.25, 1);
}

/* ---- what is refused ---------------------------------------------------------------------- */

#define TWO "0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 0 1\n1 0 1\n0 1 1\n1 1 1\n"

/* Each says what is wrong, with the file and, where it has lines, the line. */
static void
test_what_is_wrong_with_a_file (void)
{
  g_autoptr (RingKernel) table = launch ("lut3d");
  g_autoptr (RingKernel) taps = launch ("parameters");
  const struct
  {
    const gchar *name, *text, *place, *says;
  } bad[] = {
    { "a.txt", "0.5\n0.25, x1\n", "a.txt:2: ", "'x1' is not a number" },
    { "a.txt", "0.5\nnan", "a.txt:2: ", "'nan' is not finite" },
    { "a.txt", "-inf", "a.txt:1: ", "'-inf' is not finite" },
    { "a.txt", "\n\n1e999", "a.txt:3: ", "'1e999' is not finite" },
    { "a.txt", "1e39", "a.txt:1: ", "'1e39' is not finite" },
    { "a.txt", "0 0\n0 1.5", "a.txt:2: ", "1.5 is not from -1 to 1" },
    { "a.txt", "0 0\n0 0\n\n0", "a.txt:4: ", "more than 4 numbers" },
    { "a.txt", "\x01\x02", "a.txt:1: ",
        "'?"
        "?' is not a number" },
    { "a.cube", TWO, "a.cube:1: ", "a colour before LUT_3D_SIZE" },
    { "a.cube", "", "a.cube:1: ", "ends without LUT_3D_SIZE" },
    { "a.cube", "TITLE \"a\"\nLUT_3D_SIZE 2\n0 0 0\n\n1 0 0\n\n",
        "a.cube:5: ", "ends after 2 colours; LUT_3D_SIZE 2 takes 8" },
    { "a.cube", "LUT_3D_SIZE 2\n" TWO "# a\n0 0 0\n",
        "a.cube:11: ", "more colours than the 8 of LUT_3D_SIZE 2" },
    { "a.cube", "LUT_3D_SIZE 2\n0 0\n", "a.cube:2: ", "here is 2" },
    { "a.cube", "LUT_3D_SIZE 2\n0 0 0 0\n", "a.cube:2: ", "here are more" },
    { "a.cube", "LUT_3D_SIZE 2\n0 0 0,5\n",
        "a.cube:2: ", "'0,5' is not a number" },
    { "a.cube", "LUT_3D_SIZE 2\n0 0 nan\n",
        "a.cube:2: ", "'nan' is not finite" },
    { "a.cube", "LUT_3D_SIZE 2\nnan 0 0\n",
        "a.cube:2: ", "'nan' is not finite" },
    { "a.cube", "LUT_3D_SIZE 2\n0 0 17\n",
        "a.cube:2: ", "17 is not from -16 to 16" },
    { "a.cube", "LUT_3D_SIZE 1\n", "a.cube:1: ", "LUT_3D_SIZE is 1;" },
    { "a.cube", "LUT_3D_SIZE 2.5\n", "a.cube:1: ", "LUT_3D_SIZE is 2.5;" },
    { "a.cube", "LUT_3D_SIZE 1e9\n", "a.cube:1: ", "LUT_3D_SIZE is 1e+09;" },
    { "a.cube", "LUT_3D_SIZE two\n", "a.cube:1: ", "'two' is not a number" },
    { "a.cube", "LUT_3D_SIZE\n", "a.cube:1: ", "has 0 numbers here" },
    { "a.cube", "LUT_3D_SIZE 2 2\n", "a.cube:1: ", "more than 1 numbers" },
    { "a.cube", "LUT_3D_SIZE 2\nLUT_3D_SIZE 2\n", "a.cube:2: ", "twice" },
    { "a.cube", "# a\nLUT_3D_SIZE 66\n",
        "a.cube:2: ", "LUT_3D_SIZE 66 makes 862488 numbers; at most 823881" },
    { "a.cube", "LUT_1D_SIZE 2\n0 0 0\n1 1 1\n",
        "a.cube:1: ", "LUT_1D_SIZE: it holds a table of one dimension" },
    { "a.cube", "LUT_3D_SIZE 2\nLUT_1D_INPUT_RANGE 0 1\n",
        "a.cube:2: ", "one dimension" },
    { "a.cube", "LUT_3D_SIZE 2\nLUT_IN_VIDEO_RANGE\n",
        "a.cube:2: ", "'LUT_IN_VIDEO_RANGE' is neither" },
    { "a.cube", "abc 0 0\n", "a.cube:1: ", "'abc' is neither" },
    { "a.cube", "DOMAIN_MIN 0 0\n",
        "a.cube:1: ", "DOMAIN_MIN has 2 numbers here; it takes 3" },
    { "a.cube", "LUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0.5\n" TWO,
        "a.cube:2: ", "the domain is from 0.5 to 1" },
    { "a.cube", "DOMAIN_MAX 1 0.5 1\nLUT_3D_SIZE 2\n" TWO,
        "a.cube:1: ", "the domain is from 0 to 0.5" },
    { "a.cube", "LUT_3D_INPUT_RANGE 1 0\nLUT_3D_SIZE 2\n" TWO,
        "a.cube:1: ", "the domain is from 1 to 0" },
    { "a.cube", "DOMAIN_MAX 20 1 1\nLUT_3D_SIZE 2\n" TWO,
        "a.cube:1: ", "20 is not from -16 to 16" },
    { "a.wav", "RIFF", "a.wav ", "does not begin as one" },
  };
  g_autoptr (GError) error = NULL;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    const gboolean cube = g_str_has_suffix (bad[i].name, ".cube");

    g_test_message ("%s", bad[i].says);
    write_file (bad[i].name, bad[i].text, -1);
    g_assert_false (set_file (cube ? table : taps, cube ? "table" : "taps",
        bad[i].name, &error));
    ring_test_assert_says (&error, RING_ERROR_PARAMETER, bad[i].place,
        bad[i].says, folder, cube ? "'table'" : "'taps'",
        cube ? "lut3d" : "parameters");
  }
}

static void
test_wav_files_that_are_no_list (void)
{
  g_autoptr (RingKernel) kernel = launch ("parameters");
  g_autoptr (GError) error = NULL;
  const gint16 five[] = { 0, 1, 2, 3, 4 };
  const gfloat loud[] = { 0, 2 }, broken[] = { 0, NAN };

  write_wave ("a.wav", 1, 2, 16, five, 8);
  g_assert_false (set_file (kernel, "taps", "a.wav", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER,
      "a.wav: ", "2 channels; one is wanted");
  write_wave ("a.wav", 1, 1, 16, five, sizeof five);
  g_assert_false (set_file (kernel, "taps", "a.wav", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER,
      "a.wav: ", "5 samples; at most 4");
  write_wave ("a.wav", 3, 1, 32, loud, sizeof loud);
  g_assert_false (set_file (kernel, "taps", "a.wav", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER,
      "a.wav: ", "2 is not from -1 to 1");
  write_wave ("a.wav", 3, 1, 32, broken, sizeof broken);
  g_assert_false (set_file (kernel, "taps", "a.wav", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER,
      "a.wav: ", "sample 1 is not finite");
}

/* Regular ones, of a size that a list may have. */
static void
test_other_files_are_not_read (void)
{
  g_autoptr (RingKernel) kernel = launch ("parameters");
  g_autofree gchar *fifo = path_of ("fifo");
  g_autofree gchar *link = path_of ("link");
  g_autofree gchar *large = path_of ("large.txt");
  g_autoptr (GError) error = NULL;
  const gchar zero[] = "0.5\n\0 1";

  g_assert_false (set_file (kernel, "taps", "none.txt", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER,
      "none.txt: ", "cannot be opened", g_strerror (ENOENT));
  g_assert_false (set_file (kernel, "taps", "", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "not a regular file");
  g_assert_false (
      ring_kernel_set_parameter_from_string (kernel, "taps", "@", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "cannot be opened");
  g_assert_false (ring_kernel_set_parameter_from_string (kernel, "taps",
      "@/dev/zero", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER,
      "/dev/zero: ", "not a regular file");
  /* Nobody writes into it: whoever opened it would wait. */
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_cmpint (symlink (fifo, link), ==, 0);
  g_assert_false (set_file (kernel, "taps", "link", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER,
      "link: ", "not a regular file");
  write_file ("large.txt", "1\n", -1);
  g_assert_cmpint (truncate (large, (off_t) 1 << 40), ==, 0);
  g_assert_false (set_file (kernel, "taps", "large.txt", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER,
      "large.txt: ", "1099511627776 bytes", "no more than");
  write_file ("zero.txt", zero, sizeof zero - 1);
  g_assert_false (set_file (kernel, "taps", "zero.txt", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER,
      "zero.txt:2: ", "no text");
}

/* A file is only opened for a list, and where the program says so. */
static void
test_files_are_read_where_that_is_allowed (void)
{
  g_autoptr (RingKernel) kernel = launch ("parameters");
  g_autoptr (RingKernel) careful =
      ring_test_launch (RING_EXECUTION_AUTO, "parameters", 1);
  g_autoptr (GError) error = NULL;
  g_autofree gchar *path = path_of ("number.txt");
  g_autofree gchar *all = g_strdup_printf ("count=7 taps='@%s'", path);

  write_file ("number.txt", "1", -1);
  g_assert_false (set_file (kernel, "number", "number.txt", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "'number'", "number.txt",
      "is not a number");
  g_assert_false (set_file (kernel, "choice", "number.txt", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "'choice'", "third");
  g_assert_false (set_file (kernel, "no-such", "number.txt", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "no-such");

  g_assert_false (set_file (careful, "taps", "number.txt", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "is not a number",
      "parameter_files");
  ring_test_activate (careful);
  g_assert_false (
      ring_kernel_set_parameters_from_string (careful, all, &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "parameter_files");
  assert_taps (careful, 2, 0.25, 0.75, 0, 0);
}

/* ---- long lists ---------------------------------------------------------------------------- */

static void
set_numbers (RingKernel *kernel, guint first, guint last)
{
  g_autofree gchar *text = g_strdup_printf ("%u, 0, %u", first, last);
  g_autoptr (GError) error = NULL;

  ring_kernel_set_parameter_from_string (kernel, "numbers", text, &error);
  g_assert_no_error (error);
}

static void
assert_numbers (RingKernel *kernel, guint first, guint last, guint n)
{
  g_autoptr (RingMessage) got = ring_test_receive (kernel);
  const gdouble *seen = g_bytes_get_data (ring_message_get_payload (got), NULL);

  g_assert_cmpfloat (seen[1], ==, first);
  g_assert_cmpfloat (seen[2], ==, last);
  g_assert_cmpfloat (seen[3], ==, n);
}

/* There are fewer sets of them than messages, so a change may have to wait; but each
 * message has those of its sending. */
static void
test_long_lists_wait_for_room (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "large-set", 1);
  g_autoptr (RingMessage) message = ring_test_gate_message (NULL, 0);
  guint i, received = 0;

  for (i = 0; i < 200; i++) {
    set_numbers (kernel, i, i + 1);
    ring_test_send (kernel, message);
    ring_test_send (kernel, message);
  }
  for (; received < 200; received++) {
    assert_numbers (kernel, received, received + 1, 3);
    assert_numbers (kernel, received, received + 1, 3);
  }
}

static void
test_no_room_for_another_long_list (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = NULL;
  g_autoptr (RingMessage) message = ring_test_gate_message (NULL, 0);
  g_autoptr (GError) error = NULL;
  RingTestGate gate = { 0, 0, 0 };
  RingTestSender sender;
  guint i;

  if (ring_test_skip_unless_cpu ())
    return;
  kernel = ring_test_start (mode, "large-set", 1);
  ring_test_sender_start (&sender, kernel, &gate);
  /* Four sets: that of the message that is held, and three more. */
  for (i = 1; i <= 3; i++) {
    set_numbers (kernel, i, i);
    ring_test_send (kernel, message);
  }
  set_numbers (kernel, 4, 4);
  g_assert_false (ring_kernel_send (kernel, message, 0, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_QUEUE_FULL, "large-set",
      "4 different sets");
  g_assert_false (ring_kernel_send (kernel, message, 2000, NULL, &error));
  ring_test_assert_says (&error, RING_ERROR_TIMED_OUT, "large-set");
  ring_test_gate_open (&gate);
  ring_test_send (kernel, message);
  ring_test_sender_join (&sender);

  assert_numbers (kernel, 1, 2, 2);
  for (i = 1; i <= 4; i++)
    assert_numbers (kernel, i, i, 3);
  ring_test_assert_accounts (kernel, 5, 5, 0, 0);
}

static void
remove_folder (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const gchar *name;

  while ((name = g_dir_read_name (dir))) {
    g_autofree gchar *path = path_of (name);

    g_unlink (path);
  }
  g_rmdir (folder);
  g_free (folder);
}

int
main (int argc, char **argv)
{
  gint result;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("ringkernel-lists-XXXXXX", NULL);
  g_assert_nonnull (folder);
  g_test_add_func ("/parameter-files/numbers-of-a-text",
      test_numbers_of_a_text);
  g_test_add_func ("/parameter-files/are-read-when-they-are-set",
      test_a_file_is_read_when_it_is_set);
  g_test_add_func ("/parameter-files/samples-of-a-wav-file",
      test_samples_of_a_wav_file);
  g_test_add_func ("/parameter-files/say-what-is-wrong-with-them",
      test_what_is_wrong_with_a_file);
  g_test_add_func ("/parameter-files/wav-files-that-are-no-list",
      test_wav_files_that_are_no_list);
  g_test_add_func ("/parameter-files/that-are-not-read",
      test_other_files_are_not_read);
  g_test_add_func ("/parameter-files/are-read-where-that-is-allowed",
      test_files_are_read_where_that_is_allowed);
  ring_test_add_modes ("/parameter-files/long-lists-wait-for-room",
      test_long_lists_wait_for_room);
  ring_test_add_modes ("/parameter-files/no-room-for-another-long-list",
      test_no_room_for_another_long_list);
  result = ring_test_run ();
  remove_folder ();
  return result;
}
