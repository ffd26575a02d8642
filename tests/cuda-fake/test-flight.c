/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-flight.c: several messages in flight through the resident loop: while the
 * blocks are on one, the next is fetched.
 */
#include "hand.h"

static const struct
{
  guint grid, block;
} shapes[] = { { 1, 1 }, { 1, 2 }, { 3, 1 }, { 3, 2 },
  /* where the first block does nothing but fetch and finish */
  { RING_DISPATCH_FROM, 1 }, { RING_DISPATCH_FROM + 3, 2 } };

/* A frame of the kernel `serial`, which writes how many came before it: the output
 * goes to a place of its own. */
static void
send_frame (Hand *hand, guint place)
{
  RingMessageHeader *header = hand_begin (hand);
  RingPayloadRef *refs[] = { &header->payload, hand_output_refs (header) };
  guint i;

  for (i = 0; i < 2; i++) {
    hand_payload (refs[i], 1 + i, place * 4096, 64 * 48);
    refs[i]->kind = RING_KIND_VIDEO;
    refs[i]->format = RING_VIDEO_GRAY8;
    refs[i]->width = 64;
    refs[i]->height = 48;
    refs[i]->plane[0].stride = 64;
  }
  memset (hand->payloads[1] + place * 4096, 0xff, 64 * 48);
  hand_publish (hand);
}

/* While the blocks are on one message the next is fetched. State goes from one to the
 * other in order, and a lease that ends between the two loses and repeats nothing. */
static void
run_frames (guint shape, guint64 lease)
{
  CUcontext context = hand_context ();
  Hand *hand = hand_new ("serial", shapes[shape].grid, shapes[shape].block, 8);
  guint sent = 0, got = 0, i;

  hand->control->host.lease_ns = lease;
  hand_activate (hand, TRUE);
  while (got < 120) {
    const RingMessageHeader *slot;
    RingMessageHeader header;

    while (sent < 120 && sent - got < 8) {
      send_frame (hand, sent % 8);
      sent++;
    }
    while (ring_queue_ready (&hand->output, 1) == 0)
      if (cuStreamQuery (hand->stream) == CUDA_SUCCESS)
        assert_cuda (hand_launch (hand));
    slot = ring_queue_slot (&hand->output, hand->output.position);
    g_assert_cmpuint (slot->payload.plane[0].offset, ==, got % 8 * 4096);
    header = hand_receive (hand, NULL);
    g_assert_cmpuint (header.sequence, ==, got);
    g_assert_cmpuint (header.flags, ==, RING_MESSAGE_LAST);
    g_assert_cmpuint (header.t_arrived, >, 0);
    g_assert_cmpuint (header.t_started, >=, header.t_arrived);
    g_assert_cmpuint (header.t_finished, >=, header.t_started);
    for (i = 0; i < 64 * 48; i++)
      g_assert_cmpuint (hand->payloads[1][got % 8 * 4096 + i], ==, got);
    got++;
  }
  assert_cuda (cuStreamSynchronize (hand->stream));
  g_assert_cmpuint (hand->control->device.processed, ==, 120);
  g_assert_cmpuint (hand->control->input_consumer.position, ==, 120);
  if (lease == 1)
    g_assert_cmpuint (hand->control->device.residencies, >, 30);
  g_assert_cmpuint (hand->control->device.last_error, ==, RING_DEVICE_OK);
  hand_free (hand);
  cuCtxPopCurrent (&context);
  assert_cuda (cuDevicePrimaryCtxRelease (0));
}

static void
test_frames_in_flight (gconstpointer data)
{
  run_frames (GPOINTER_TO_UINT (data), 20000000);
}

static void
test_frames_over_leases (gconstpointer data)
{
  run_frames (GPOINTER_TO_UINT (data), 1);
}

/* Short messages, which the first block runs by itself, between those for all
 * blocks, each with the parameters that it names. */
static void
test_short_and_long_messages (gconstpointer data)
{
  const guint shape = GPOINTER_TO_UINT (data);
  CUcontext context = hand_context ();
  Hand *hand = hand_new ("pair", shapes[shape].grid, shapes[shape].block, 8);
  guint sent = 0, got = 0, changes = 0, set = 0, sets[400];

  hand->r.alone_below = 1024;
  hand_activate (hand, TRUE);
  assert_cuda (hand_launch (hand));
  while (got < G_N_ELEMENTS (sets)) {
    const guint32 *out;
    RingMessageHeader header;
    guint i, n;

    while (sent < G_N_ELEMENTS (sets) && sent - got < 8) {
      const gsize size = sent * 5 % 7 < 3 ? 64 : 8192;
      RingMessageHeader *begun = hand_begin (hand);

      /* Sometimes another set, one that nothing in flight names. */
      if (sent == 0 || sent % 3 == 0 || sent % 7 == 0) {
        gint64 *cells;

        set = ++changes % 12;
        cells = (gint64 *) (hand->parameters
            + set * hand->r.geometry.parameter_stride);
        cells[0] = 1000 + changes;
        cells[1] = 2000 + changes;
        /* as the library does: short messages may be taken several at a time */
        ring_store_release_u64 (&hand->control->host.parameter_generation,
            changes);
      }
      sets[sent] = changes;
      begun->parameter_set = set;
      hand_payload (&begun->payload, 1, 0, size);
      hand_payload (&hand_output_refs (begun)[0], 2, sent % 8 * 8192, size);
      hand_publish (hand);
      sent++;
    }
    wait_until (ring_queue_ready (&hand->output, 1) > 0);
    header = *ring_queue_slot (&hand->output, hand->output.position);
    g_assert_cmpuint (header.sequence, ==, got);
    g_assert_cmpuint (header.flags, ==, RING_MESSAGE_LAST);
    out = (const guint32 *) (hand->payloads[1] + got % 8 * 8192);
    n = (guint) header.payload.size / 4;
    for (i = 0; i < n; i++)
      g_assert_cmpuint (out[i], ==, (i & 1 ? 2000 : 1000) + sets[got]);
    hand_receive (hand, NULL);
    got++;
  }
  hand_terminate (hand, TRUE);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_TERMINATE);
  hand_free (hand);
  cuCtxPopCurrent (&context);
  assert_cuda (cuDevicePrimaryCtxRelease (0));
}

/* Two sets by turns, each written anew for every message: what was fetched with a set
 * of that name two messages ago is not what it is now. */
static void
test_sets_by_turns (gconstpointer data)
{
  const guint shape = GPOINTER_TO_UINT (data);
  CUcontext context = hand_context ();
  Hand *hand = hand_new ("pair", shapes[shape].grid, shapes[shape].block, 8);
  guint sent = 0, got = 0, i;

  hand_activate (hand, TRUE);
  assert_cuda (hand_launch (hand));
  while (got < 600) {
    const guint32 *out;

    while (sent < 600 && sent - got < 2) {
      gint64 *cells = (gint64 *) (hand->parameters
          + sent % 2 * hand->r.geometry.parameter_stride);
      RingMessageHeader *header = hand_begin (hand);

      cells[0] = 1000 + sent;
      cells[1] = 2000 + sent;
      ring_store_release_u64 (&hand->control->host.parameter_generation,
          sent + 1);
      header->parameter_set = sent % 2;
      hand_payload (&header->payload, 1, 0, 1024);
      hand_payload (&hand_output_refs (header)[0], 2, sent % 2 * 1024, 1024);
      hand_publish (hand);
      sent++;
    }
    hand_receive (hand, NULL);
    out = (const guint32 *) (hand->payloads[1] + got % 2 * 1024);
    for (i = 0; i < 256; i++)
      g_assert_cmpuint (out[i], ==, (i & 1 ? 2000 : 1000) + got);
    got++;
  }
  hand_terminate (hand, TRUE);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_TERMINATE);
  hand_free (hand);
  cuCtxPopCurrent (&context);
  assert_cuda (cuDevicePrimaryCtxRelease (0));
}

static void
add (const gchar *name, void (*test) (gconstpointer data), guint shape)
{
  g_autofree gchar *path = g_strdup_printf ("/cuda-fake/flight/%s/%ux%u", name,
      shapes[shape].grid, shapes[shape].block);

  g_test_add_data_func (path, GUINT_TO_POINTER (shape), test);
}

int
main (int argc, char **argv)
{
  guint i;

  g_test_init (&argc, &argv, NULL);
  /* The largest shape has to be on the device at once. */
  g_setenv ("RING_FAKE_MULTIPROCESSORS", "16", TRUE);
  for (i = 0; i < G_N_ELEMENTS (shapes); i++) {
    add ("frames", test_frames_in_flight, i);
    add ("frames-over-leases", test_frames_over_leases, i);
    add ("short-and-long-messages", test_short_and_long_messages, i);
    add ("sets-by-turns", test_sets_by_turns, i);
  }
  return g_test_run ();
}
