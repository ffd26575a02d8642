/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Parameters: they reach the kernel, whole sets at a time, or are refused.
 */
#include "ring-test.h"

#include <math.h>

/* ---- parameters ----------------------------------------------------------------------- */

static void
assert_parameters (RingKernel *kernel, gdouble number, gdouble count,
    gdouble on, gdouble choice, guint n_taps, gdouble tap0)
{
  g_autoptr (RingMessage) message = ring_test_message (9 * sizeof (gdouble), 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingMessage) reply =
      ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, &error);
  const gdouble *d;

  g_assert_no_error (error);
  d = g_bytes_get_data (ring_message_get_payload (reply), NULL);
  g_assert_cmpfloat_with_epsilon (d[0], number, 1e-6);
  g_assert_cmpfloat (d[1], ==, count);
  g_assert_cmpfloat (d[2], ==, on);
  g_assert_cmpfloat (d[3], ==, choice);
  g_assert_cmpfloat (d[4], ==, n_taps);
  g_assert_cmpfloat_with_epsilon (d[5], tap0, 1e-6);
}

static void
test_parameters_reach_the_kernel (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_launch (mode, "parameters", 0);
  g_autoptr (GError) error = NULL;
  GValue value = G_VALUE_INIT;

  /* Before activation, too. */
  ring_kernel_set_parameter_from_string (kernel, "count", "4", &error);
  g_assert_no_error (error);
  ring_test_activate (kernel);
  assert_parameters (kernel, 0.5, 4, 1, 1, 2, 0.25);

  ring_kernel_set_parameters_from_string (kernel,
      "number=-1 count=10 on=false choice=third taps=\"1, 0.5, -1\"", &error);
  g_assert_no_error (error);
  assert_parameters (kernel, -1, 10, 0, 2, 3, 1);

  g_value_init (&value, G_TYPE_DOUBLE);
  g_value_set_double (&value, 0.125);
  ring_kernel_set_parameter (kernel, "number", &value, &error);
  g_assert_no_error (error);
  assert_parameters (kernel, 0.125, 10, 0, 2, 3, 1);
  g_value_unset (&value);

  /* An empty value takes the parameter's own type. */
  ring_kernel_get_parameter (kernel, "number", &value, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (g_value_get_float (&value), ==, 0.125f);
  g_value_unset (&value);
  g_value_init (&value, G_TYPE_INT);
  ring_kernel_get_parameter (kernel, "count", &value, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 10);
  g_value_unset (&value);
}

static void
test_parameters_refused_say_why (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_start (RING_EXECUTION_INLINE, "parameters", 0);
  const struct
  {
    const gchar *name, *value, *says;
  } bad[] = {
    { "no-such", "1", "number" }, /* lists what there is */
    { "number", "1.5", "1" },
    { "number", "nan", "number" },
    { "number", "inf", "number" },
    { "number", "abc", "abc" },
    { "number", "", "number" },
    { "count", "11", "10" },
    { "count", "-1", "0" },
    { "count", "2.5", "2.5" },
    { "count", "99999999999999999999", "count" },
    { "on", "perhaps", "perhaps" },
    { "choice", "fourth", "third" }, /* lists the nicks */
    { "taps", "1,2", "taps" },
    { "taps", "0,0,0,0,0", "4" },
    { "taps", "0,x", "taps" },
  };
  g_autoptr (GError) error = NULL;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_test_message ("%s=%s", bad[i].name, bad[i].value);
    g_assert_false (ring_kernel_set_parameter_from_string (kernel, bad[i].name,
        bad[i].value, &error));
    ring_test_assert_says (&error, RING_ERROR_PARAMETER, bad[i].name,
        bad[i].says);
  }
  /* All or nothing. */
  g_assert_false (ring_kernel_set_parameters_from_string (kernel,
      "count=7 choice=fourth", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "fourth");
  g_assert_false (ring_kernel_set_parameters_from_string (kernel,
      "count=7 number", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "number");
  assert_parameters (kernel, 0.5, 3, 1, 1, 2, 0.25);
}

static void
test_info_describes_the_kernel (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_launch (RING_EXECUTION_INLINE, "parameters", 0);
  RingKernelInfo *info = ring_kernel_get_info (kernel);
  GParamSpec **specs;
  guint n, i;

  g_assert_cmpstr (ring_kernel_info_get_name (info), ==, "parameters");
  g_assert_cmpstr (ring_kernel_info_get_description (info), ==,
      "Writes out its parameters");
  g_assert_cmpint (ring_kernel_info_get_kind (info), ==, RING_PAYLOAD_BYTES);
  g_assert_false (ring_kernel_info_get_emits (info));
  g_assert_false (ring_kernel_info_has_state (info));
  g_assert_false (ring_kernel_info_get_in_place (info));
  g_assert_cmpuint (ring_kernel_info_get_max_outputs (info), ==, 1);
  g_assert_nonnull (strstr (ring_kernel_info_get_origin (info), "parameters"));
  specs = ring_kernel_info_list_parameters (info, &n);
  g_assert_cmpuint (n, ==, 5);
  g_assert_cmpstr (g_param_spec_get_name (specs[0]), ==, "number");
  g_assert_cmpstr (g_param_spec_get_blurb (specs[0]), ==, "A float [ratio]");
  g_assert_cmpstr (ring_kernel_info_get_parameter_unit (info, "number"), ==,
      "ratio");
  for (i = 0; i < n; i++)
    g_param_spec_unref (specs[i]);
  g_free (specs);
}

/* ---- parameters ------------------------------------------------------------------------------------ */

typedef struct
{
  RingKernel *kernel;
  gint stop;
  guint changes;
} Turner;

static gpointer
turn (gpointer data)
{
  Turner *t = data;

  while (!g_atomic_int_get (&t->stop)) {
    g_autoptr (GError) error = NULL;
    g_autofree gchar *both =
        g_strdup_printf ("first=%u second=%u", t->changes + 1, t->changes + 1);

    ring_kernel_set_parameters_from_string (t->kernel, both, &error);
    g_assert_no_error (error);
    t->changes++;
    g_thread_yield ();
  }
  return NULL;
}

static void
test_each_message_sees_one_parameter_set (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "pair", 2);
  Turner turner = { .kernel = kernel };
  GThread *thread = g_thread_new ("turner", turn, &turner);
  guint32 last = 0, distinct = 0;
  guint i, j;

  /* Until several have been seen, so that the test cannot pass idly. */
  for (i = 0; i < 500 || distinct < 20; i++) {
    /* Large ones, by reference, take longer and share the work. */
    g_autoptr (RingMessage) sent = ring_test_message (i % 4 ? 64 : 32768, 0);
    g_autoptr (RingMessage) got = NULL;
    const guint32 *data;
    gsize size;

    ring_test_send (kernel, sent);
    got = ring_test_receive (kernel);
    data = g_bytes_get_data (ring_message_get_payload (got), &size);
    for (j = 1; j < size / 4; j++)
      g_assert_cmpuint (data[j], ==, data[0]);
    g_assert_cmpuint (data[0], >=, last);
    distinct += data[0] != last;
    last = data[0];
  }
  g_atomic_int_set (&turner.stop, 1);
  g_thread_join (thread);
  g_assert_cmpuint (last, <=, turner.changes);
}

/* What was set before send() is what the message is processed with, no matter
 * how long it waits. */
static void
test_a_message_takes_the_parameters_of_its_sending (RingExecutionMode mode)
{
  g_autoptr (RingKernel) kernel = ring_test_start (mode, "pair", 2);
  const guint n = 300; /* more than there are parameter sets */
  guint i;

  for (i = 0; i < n; i++) {
    g_autoptr (RingMessage) message = ring_test_message (16, 0);
    g_autofree gchar *both = g_strdup_printf ("first=%u second=%u", i, i);
    g_autoptr (GError) error = NULL;

    ring_kernel_set_parameters_from_string (kernel, both, &error);
    g_assert_no_error (error);
    ring_test_send (kernel, message);
  }
  for (i = 0; i < n; i++) {
    g_autoptr (RingMessage) got = ring_test_receive (kernel);
    const guint32 *data =
        g_bytes_get_data (ring_message_get_payload (got), NULL);

    g_assert_cmpuint (data[0], ==, i);
    g_assert_cmpuint (data[3], ==, i);
  }
}

static void
test_values_of_the_wrong_type (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_launch (RING_EXECUTION_INLINE, "parameters", 1);
  g_autoptr (GError) error = NULL;
  GValue value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_OBJECT);
  g_assert_false (ring_kernel_set_parameter (kernel, "number", &value, &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "number", "GObject");
  g_assert_false (ring_kernel_get_parameter (kernel, "number", &value, &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "number", "GObject");
  g_assert_false (
      ring_kernel_get_parameter (kernel, "no-such", &value, &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "no-such", "number");
  g_value_unset (&value);

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, 3);
  g_assert_false (ring_kernel_set_parameter (kernel, "choice", &value, &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "choice", "third");
  g_value_unset (&value);
  g_value_init (&value, G_TYPE_DOUBLE);
  /* Between two whole numbers, as a controller makes them: the nearest. */
  g_value_set_double (&value, 2.5);
  ring_kernel_set_parameter (kernel, "count", &value, &error);
  g_assert_no_error (error);
  g_value_unset (&value);
  ring_kernel_get_parameter (kernel, "count", &value, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 3);
  g_value_unset (&value);
  g_value_init (&value, G_TYPE_DOUBLE);
  g_value_set_double (&value, NAN);
  g_assert_false (ring_kernel_set_parameter (kernel, "number", &value, &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "number");
  g_assert_false (ring_kernel_set_parameter (kernel, "count", &value, &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "count");
  g_assert_false (ring_kernel_set_parameter (kernel, "choice", &value, &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "choice");
  g_value_unset (&value);
}

static void
test_parameters_that_cannot_be_read (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_launch (RING_EXECUTION_INLINE, "parameters", 1);
  g_autoptr (RingKernel) without =
      ring_test_launch (RING_EXECUTION_INLINE, "copy", 1);
  const gchar *bad[] = { "number='0.5", "number", "=1", "number=0.5 =", "'" };
  g_autoptr (GError) error = NULL;
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_assert_false (
        ring_kernel_set_parameters_from_string (kernel, bad[i], &error));
    ring_test_assert_says (&error, RING_ERROR_PARAMETER, "");
  }
  /* Nothing to set is no mistake. */
  ring_kernel_set_parameters_from_string (kernel, "", &error);
  g_assert_no_error (error);
  ring_kernel_set_parameters_from_string (kernel, "  \t ", &error);
  g_assert_no_error (error);
  g_assert_false (
      ring_kernel_set_parameter_from_string (without, "amount", "1", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "copy", "none");
}

/* Each type, set and read by values of its own and of others. */
static void
test_values_of_every_type (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_start (RING_EXECUTION_INLINE, "parameters", 1);
  g_autoptr (GError) error = NULL;
  GValue boolean = G_VALUE_INIT, text = G_VALUE_INIT, number = G_VALUE_INIT;
  GValue choice = G_VALUE_INIT, taps = G_VALUE_INIT, on = G_VALUE_INIT;

  g_value_init (&boolean, G_TYPE_BOOLEAN);
  g_value_set_boolean (&boolean, FALSE);
  g_assert_true (ring_kernel_set_parameter (kernel, "on", &boolean, &error));
  g_value_init (&number, G_TYPE_UINT64);
  g_value_set_uint64 (&number, 2);
  g_assert_true (ring_kernel_set_parameter (kernel, "choice", &number, &error));
  g_value_init (&text, G_TYPE_STRING);
  g_value_set_static_string (&text, " 1e-1, -0.5 ");
  g_assert_true (ring_kernel_set_parameter (kernel, "taps", &text, &error));
  assert_parameters (kernel, 0.5, 3, 0, 2, 2, 0.1);

  g_assert_true (ring_kernel_get_parameter (kernel, "on", &on, &error));
  g_assert_false (g_value_get_boolean (&on));
  g_assert_true (ring_kernel_get_parameter (kernel, "choice", &choice, &error));
  g_assert_cmpint (g_value_get_enum (&choice), ==, 2);
  g_assert_true (ring_kernel_get_parameter (kernel, "taps", &taps, &error));
  g_assert_cmpstr (g_value_get_string (&taps), ==, "0.100000001, -0.5");

  /* What was read sets it again. */
  ring_kernel_set_parameters_from_string (kernel,
      "choice=first on=yes taps=", &error);
  g_assert_no_error (error);
  assert_parameters (kernel, 0.5, 3, 1, 0, 0, 0);
  g_assert_true (ring_kernel_set_parameter (kernel, "on", &on, &error));
  g_assert_true (ring_kernel_set_parameter (kernel, "choice", &choice, &error));
  g_assert_true (ring_kernel_set_parameter (kernel, "taps", &taps, &error));
  assert_parameters (kernel, 0.5, 3, 0, 2, 2, 0.1);

  /* A name may be written with either sign; lists need no comma's company. */
  ring_kernel_set_parameters_from_string (kernel, "taps='1,0' on=1", &error);
  g_assert_no_error (error);
  assert_parameters (kernel, 0.5, 3, 1, 2, 2, 1);
  g_value_unset (&text);
  g_value_unset (&taps);
}

/* "Nothing" is a legal set for a kernel without parameters, before and between
 * messages. */
static void
test_nothing_is_set_on_a_kernel_without_parameters (void)
{
  g_autoptr (RingKernel) kernel =
      ring_test_start (RING_EXECUTION_INLINE, "copy", 1);
  g_autoptr (RingMessage) message =
      ring_message_new_from_data ((const guint8 *) "abc", 3);
  g_autoptr (GError) error = NULL;
  guint i;

  for (i = 0; i < 2; i++) {
    RingMessage *reply;

    g_assert_true (
        ring_kernel_set_parameters_from_string (kernel, " ", &error));
    reply = ring_kernel_call (kernel, message, RING_TEST_WAIT, NULL, &error);
    g_assert_no_error (error);
    ring_message_unref (reply);
  }
  g_assert_false (
      ring_kernel_set_parameters_from_string (kernel, "a=1", &error));
  ring_test_assert_says (&error, RING_ERROR_PARAMETER, "copy", "none");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ring_test_add_modes ("/parameters/each-message-sees-one-set",
      test_each_message_sees_one_parameter_set);
  ring_test_add_modes ("/parameters/a-message-takes-those-of-its-sending",
      test_a_message_takes_the_parameters_of_its_sending);
  ring_test_add_modes ("/parameters/reach-the-kernel",
      test_parameters_reach_the_kernel);
  g_test_add_func ("/parameters/refused-say-why",
      test_parameters_refused_say_why);
  g_test_add_func ("/parameters/info-describes-the-kernel",
      test_info_describes_the_kernel);
  g_test_add_func ("/parameters/values-of-the-wrong-type",
      test_values_of_the_wrong_type);
  g_test_add_func ("/parameters/that-cannot-be-read",
      test_parameters_that_cannot_be_read);
  g_test_add_func ("/parameters/values-of-every-type",
      test_values_of_every_type);
  g_test_add_func ("/parameters/nothing-is-set-on-a-kernel-without-any",
      test_nothing_is_set_on_a_kernel_without_parameters);
  return ring_test_run ();
}
