/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * misbehave.c: a test program in which everything goes wrong that can, for the test
 * of gpu-check.
 */
#include <glib.h>
#include <signal.h>
#include <unistd.h>

static void
test_passes (void)
{
  g_assert_true (TRUE);
}

static void
test_fails (void)
{
  g_assert_cmpint (1, ==, 2);
}

static void
test_fails_and_goes_on (void)
{
  g_test_message ("this is \"why\"");
  g_test_fail ();
}

/* Only SIGKILL ends it, and a child of its own, which leaves the process group and
 * keeps the output open. */
static void
test_hangs (void)
{
  sigset_t all;

  sigfillset (&all);
  sigprocmask (SIG_BLOCK, &all, NULL);
  if (fork () == 0)
    setpgid (0, 0);
  for (;;)
    pause ();
}

static void
test_crashes (void)
{
  signal (SIGSEGV, SIG_DFL);
  raise (SIGSEGV);
}

static void
test_is_skipped (void)
{
  g_test_skip ("just so");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/misbehave/passes", test_passes);
  g_test_add_func ("/misbehave/fails", test_fails);
  g_test_add_func ("/misbehave/passes-after-a-failure", test_passes);
  g_test_add_func ("/misbehave/hangs", test_hangs);
  g_test_add_func ("/misbehave/passes-after-a-hang", test_passes);
  g_test_add_func ("/misbehave/crashes", test_crashes);
  g_test_add_func ("/misbehave/is-skipped", test_is_skipped);
  g_test_add_func ("/misbehave/fails-and-goes-on", test_fails_and_goes_on);
  g_test_add_func ("/misbehave/passes-at-the-end", test_passes);
  return g_test_run ();
}
