/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * misbehave-check.c: as misbehave.c, with GStreamer's check library.
 */
#include <gst/check/gstcheck.h>
#include <signal.h>
#include <unistd.h>

GST_START_TEST (passes)
{
  ck_assert_int_eq (1, 1);
}

GST_END_TEST;

GST_START_TEST (fails)
{
  ck_assert_int_eq (1, 2);
}

GST_END_TEST;

/* In one of its rounds only. */
GST_START_TEST (fails_once)
{
  ck_assert_int_ne (__i__, 1);
}

GST_END_TEST;

GST_START_TEST (hangs)
{
  for (;;)
    pause ();
}

GST_END_TEST;

GST_START_TEST (crashes)
{
  signal (SIGSEGV, SIG_DFL);
  raise (SIGSEGV);
}

GST_END_TEST;

GST_START_TEST (passes_at_the_end)
{
  ck_assert_int_eq (1, 1);
}

GST_END_TEST;

static Suite *
misbehave_suite (void)
{
  Suite *s = suite_create ("misbehave");
  TCase *tc = tcase_create ("misbehave");

  suite_add_tcase (s, tc);
  tcase_add_loop_test (tc, passes, 0, 3);
  tcase_add_test (tc, fails);
  tcase_add_loop_test (tc, fails_once, 0, 3);
  tcase_add_test (tc, hangs);
  tcase_add_test (tc, crashes);
  tcase_add_test (tc, passes_at_the_end);
  return s;
}

GST_CHECK_MAIN (misbehave);
