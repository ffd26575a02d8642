/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-loop.c: the resident loop on a device with blocks of threads: what it takes,
 * gives back and says of itself, and why it ends.
 */
#include "hand.h"

static const struct
{
  guint grid, block;
} shapes[] = { { 1, 1 }, { 1, 2 }, { 3, 1 }, { 3, 2 } };

static void
fill (guint8 *data, gsize size, guint seed)
{
  gsize i;

  for (i = 0; i < size; i++)
    data[i] = (guint8) (i * 7 + seed * 31 + 1);
}

/* Sends @n messages of several lengths and takes what comes of them, in order. */
static void
exchange (Hand *hand, guint n)
{
  const guint64 first = hand->received;
  guint sent = 0, got = 0;

  while (got < n) {
    guint8 data[256], back[256];

    while (sent < n && sent - got < hand->r.geometry.input_capacity) {
      const gsize size = (first + sent) * 37 % 257;

      fill (data, size, (guint) (first + sent));
      hand_send (hand, data, size);
      sent++;
    }
    {
      const gsize size = (first + got) * 37 % 257;
      const RingMessageHeader header = hand_receive (hand, back);

      fill (data, size, (guint) (first + got));
      g_assert_cmpuint (header.sequence, ==, first + got);
      g_assert_cmpuint (header.id, ==, 1000 + first + got);
      g_assert_cmpuint (header.pts, ==, (first + got) * 7);
      g_assert_cmpuint (header.flags, ==, RING_MESSAGE_LAST);
      g_assert_cmpuint (header.payload.size, ==, size);
      g_assert_cmpmem (back, size, data, size);
      g_assert_cmpuint (header.t_started, >, 0);
      g_assert_cmpuint (header.t_finished, >=, header.t_started);
      got++;
    }
  }
}

static void
test_messages_come_back (gconstpointer data)
{
  const guint shape = GPOINTER_TO_UINT (data);
  CUcontext context = hand_context ();
  Hand *hand =
      hand_new ("copy", shapes[shape].grid, shapes[shape].block, 8);

  hand_activate (hand, TRUE);
  assert_cuda (hand_launch (hand));
  exchange (hand, 100);
  g_assert_cmpuint (
      ring_load_acquire_u64 (&hand->control->device.processed), ==, 100);
  g_assert_cmpuint (hand->control->device.abi_version, ==, RING_ABI_VERSION);
  g_assert_cmpuint (hand->control->device.layout_hash, ==, RING_LAYOUT_HASH);
  g_assert_cmpuint (hand_residency (hand), ==, RING_RESIDENCY_RESIDENT);
  hand_terminate (hand, TRUE);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_TERMINATE);
  g_assert_cmpuint (hand->control->device.last_error, ==, RING_DEVICE_OK);
  g_assert_cmpuint (hand->control->device.residencies, ==, 1);
  hand_free (hand);
  cuCtxPopCurrent (&context);
  assert_cuda (cuDevicePrimaryCtxRelease (0));
}

static void
test_payloads_by_reference (gconstpointer data)
{
  const guint shape = GPOINTER_TO_UINT (data);
  CUcontext context = hand_context ();
  Hand *hand =
      hand_new ("copy", shapes[shape].grid, shapes[shape].block, 8);
  guint i;

  /* Some by one block alone, some by all. */
  hand->r.alone_below = 8000;
  fill (hand->payloads[0], hand->payload_size, 3);
  hand_activate (hand, TRUE);
  assert_cuda (hand_launch (hand));
  for (i = 0; i < 8; i++)
    hand_send_by_reference (hand, i * 4000, i % 2 ? 16000 : 4000);
  for (i = 0; i < 8; i++) {
    const RingMessageHeader header = hand_receive (hand, NULL);

    g_assert_cmpuint (header.sequence, ==, i);
    g_assert_cmpuint (header.payload.plane[0].region, ==, 2);
    g_assert_cmpuint (header.payload.plane[0].offset, ==, i * 4000);
  }
  g_assert_cmpmem (
      hand->payloads[1], 7 * 4000 + 16000, hand->payloads[0], 7 * 4000 + 16000);
  hand_terminate (hand, TRUE);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_TERMINATE);
  hand_free (hand);
  cuCtxPopCurrent (&context);
  assert_cuda (cuDevicePrimaryCtxRelease (0));
}

int
main (int argc, char **argv)
{
  guint i;

  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < G_N_ELEMENTS (shapes); i++) {
    g_autofree gchar *messages =
        g_strdup_printf ("/cuda-fake/loop/messages-come-back/%ux%u",
            shapes[i].grid, shapes[i].block);
    g_autofree gchar *reference =
        g_strdup_printf ("/cuda-fake/loop/payloads-by-reference/%ux%u",
            shapes[i].grid, shapes[i].block);

    g_test_add_data_func (
        messages, GUINT_TO_POINTER (i), test_messages_come_back);
    g_test_add_data_func (
        reference, GUINT_TO_POINTER (i), test_payloads_by_reference);
  }
  return g_test_run ();
}
