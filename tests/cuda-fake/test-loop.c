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
} shapes[] = { { 1, 1 }, { 1, 2 }, { 3, 1 }, { 3, 2 },
  /* where the first block does nothing but fetch and finish */
  { RING_DISPATCH_FROM, 1 }, { RING_DISPATCH_FROM + 3, 2 } };

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
      g_assert_cmpuint (header.t_arrived, >, 0);
      g_assert_cmpuint (header.t_started, >=, header.t_arrived);
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
  Hand *hand = hand_new ("copy", shapes[shape].grid, shapes[shape].block, 8);

  hand_activate (hand, TRUE);
  assert_cuda (hand_launch (hand));
  exchange (hand, 100);
  /* It may come a moment behind the outputs. */
  wait_until (ring_load_acquire_u64 (&hand->control->device.processed) == 100);
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
  Hand *hand = hand_new ("copy", shapes[shape].grid, shapes[shape].block, 8);
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
  g_assert_cmpmem (hand->payloads[1], 7 * 4000 + 16000, hand->payloads[0],
      7 * 4000 + 16000);
  hand_terminate (hand, TRUE);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_TERMINATE);
  hand_free (hand);
  cuCtxPopCurrent (&context);
  assert_cuda (cuDevicePrimaryCtxRelease (0));
}

/* ---- why a residency ends ------------------------------------------------------ */

typedef struct
{
  CUcontext context;
  Hand *hand;
} Fixture;

static void
set_up (Fixture *f, gconstpointer kernel)
{
  f->context = hand_context ();
  f->hand = hand_new (kernel, 3, 2, 8);
  hand_activate (f->hand, TRUE);
}

static void
tear_down (Fixture *f, gconstpointer kernel)
{
  hand_free (f->hand);
  cuCtxPopCurrent (&f->context);
  assert_cuda (cuDevicePrimaryCtxRelease (0));
}

/* What is in the ring when the lease is over is what the next residency begins
 * with, state and positions included. */
static void
test_lease_and_relaunch (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;
  guint residencies = 0;

  hand->control->host.lease_ns = 1;
  while (hand->received < 40) {
    guint8 data[16];

    fill (data, sizeof (data), (guint) hand->sent);
    hand_send (hand, data, sizeof (data));
    hand_send (hand, data, sizeof (data));
    while (hand->received < hand->sent) {
      assert_cuda (hand_launch (hand));
      residencies++;
      g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_LEASE);
      while (ring_queue_ready (&hand->output, 1) > 0)
        hand_receive (hand, NULL);
    }
  }
  /* One look is promised to each, and it finds something. */
  g_assert_cmpuint (residencies, <=, 40);
  g_assert_cmpuint (hand->control->device.residencies, ==, residencies);
  g_assert_cmpuint (hand->control->device.relaunches, ==, residencies - 1);
  g_assert_cmpuint (hand->control->device.processed, ==, 40);
}

static void
test_idle_exit (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;

  hand->control->host.idle_timeout_ns = 1000000;
  assert_cuda (hand_launch (hand));
  exchange (hand, 5);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_IDLE);
  /* … and it comes back for more. */
  assert_cuda (hand_launch (hand));
  exchange (hand, 5);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_IDLE);
  g_assert_cmpuint (hand->control->device.residencies, ==, 2);
  g_assert_cmpuint (hand->control->device.relaunches, ==, 0);
}

static void
test_one_batch (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;
  guint8 data[8] = { 1 };
  guint i;

  hand->r.flags |= RING_RESIDENCY_ONE_BATCH;
  for (i = 0; i < 6; i++)
    hand_send (hand, data, sizeof (data));
  assert_cuda (hand_launch (hand));
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_IDLE);
  g_assert_cmpuint (ring_queue_ready (&hand->output, 8), ==, 6);
}

static void
test_leave (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;

  assert_cuda (hand_launch (hand));
  exchange (hand, 3);
  ring_store_release_u32 (&hand->control->host.leave, 1);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_LEAVE);
  ring_store_release_u32 (&hand->control->host.leave, 0);
  assert_cuda (hand_launch (hand));
  exchange (hand, 3);
  hand_terminate (hand, TRUE);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_TERMINATE);
}

/* A handle that is not active runs nothing, and lets go of what was flushed. */
static void
test_inactive (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;
  guint8 data[8] = { 1 };
  RingMessageHeader header;

  hand_activate (hand, FALSE);
  hand_send (hand, data, sizeof (data));
  ring_store_release_u64 (&hand->control->host.epoch, 1);
  hand_send (hand, data, sizeof (data));
  assert_cuda (hand_launch (hand));
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_INACTIVE);
  g_assert_cmpuint (ring_queue_ready (&hand->output, 8), ==, 1);
  header = hand_receive (hand, NULL);
  g_assert_cmpuint (header.flags, ==,
      RING_MESSAGE_DISCARDED | RING_MESSAGE_LAST | RING_MESSAGE_NO_OUTPUT);
  hand_activate (hand, TRUE);
  assert_cuda (hand_launch (hand));
  header = hand_receive (hand, NULL);
  g_assert_cmpuint (header.sequence, ==, 1);
  g_assert_cmpuint (header.flags, ==, RING_MESSAGE_LAST);
  hand_terminate (hand, TRUE);
  hand_wait_exit (hand);
}

static void
test_flush_by_epoch (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;
  guint8 data[8] = { 1 };
  guint i;

  for (i = 0; i < 3; i++)
    hand_send (hand, data, sizeof (data));
  ring_store_release_u64 (&hand->control->host.epoch, 1);
  for (i = 0; i < 3; i++)
    hand_send (hand, data, sizeof (data));
  assert_cuda (hand_launch (hand));
  for (i = 0; i < 6; i++) {
    const RingMessageHeader header = hand_receive (hand, NULL);

    g_assert_cmpuint (header.sequence, ==, i);
    g_assert_cmpuint (header.flags & RING_MESSAGE_DISCARDED, ==,
        i < 3 ? RING_MESSAGE_DISCARDED : 0);
    g_assert_cmpuint (header.payload.n_planes, ==, i < 3 ? 0 : 1);
  }
  hand_terminate (hand, TRUE);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_TERMINATE);
}

static void
terminate_with (Fixture *f, gboolean drain)
{
  Hand *hand = f->hand;
  guint8 data[8] = { 1 };
  guint i;

  for (i = 0; i < 8; i++)
    hand_send (hand, data, sizeof (data));
  hand_terminate (hand, drain);
  /* Active or not: what was accepted comes to its end. */
  hand_activate (hand, FALSE);
  assert_cuda (hand_launch (hand));
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_TERMINATE);
  g_assert_cmpuint (ring_queue_ready (&hand->output, 9), ==, 8);
  for (i = 0; i < 8; i++)
    g_assert_cmpuint (hand_receive (hand, NULL).flags & RING_MESSAGE_DISCARDED,
        ==, drain ? 0 : RING_MESSAGE_DISCARDED);
}

static void
test_terminate_drains (Fixture *f, gconstpointer kernel)
{
  terminate_with (f, TRUE);
}

static void
test_terminate_discards (Fixture *f, gconstpointer kernel)
{
  terminate_with (f, FALSE);
}

/* ---- what stands in a ring -------------------------------------------------------- */

/* A full output ring holds the kernel up, and loses nothing. */
static void
test_full_output (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;
  const guint room = hand->r.geometry.output_capacity;
  guint8 data[8] = { 1 };
  guint i;

  assert_cuda (hand_launch (hand));
  for (i = 0; i < room; i++)
    hand_send (hand, data, sizeof (data));
  wait_until (ring_load_acquire_u64 (&hand->control->device.processed) == room);
  /* There is room for these in the input ring alone. */
  hand_send (hand, data, sizeof (data));
  hand_send (hand, data, sizeof (data));
  {
    const guint64 beat =
        ring_load_acquire_u64 (&hand->control->device.heartbeat);

    wait_until (
        ring_load_acquire_u64 (&hand->control->device.heartbeat) > beat + 3);
  }
  g_assert_cmpuint (ring_load_acquire_u64 (&hand->control->device.processed),
      ==, room);
  for (i = 0; i < room + 2; i++)
    g_assert_cmpuint (hand_receive (hand, NULL).sequence, ==, i);
  hand_terminate (hand, TRUE);
  hand_wait_exit (hand);
}

/* From the first slot that is wrong on, messages come back as failed. */
static void
expect_broken (Hand *hand, guint32 error)
{
  guint8 data[8] = { 1 };
  guint i;

  hand_send (hand, data, sizeof (data));
  assert_cuda (hand_launch (hand));
  for (i = 0; i < 2; i++)
    g_assert_cmpuint (hand_receive (hand, NULL).flags, ==,
        RING_MESSAGE_FAILED | RING_MESSAGE_LAST | RING_MESSAGE_NO_OUTPUT);
  g_assert_cmpuint (ring_load_acquire_u32 (&hand->control->device.last_error),
      ==, error);
  hand_terminate (hand, TRUE);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_TERMINATE);
}

static void
test_bad_magic (Fixture *f, gconstpointer kernel)
{
  hand_begin (f->hand)->magic = 1;
  hand_publish (f->hand);
  expect_broken (f->hand, RING_DEVICE_BAD_MAGIC);
}

static void
test_gap (Fixture *f, gconstpointer kernel)
{
  f->hand->sent = 1;
  hand_begin (f->hand);
  hand_publish (f->hand);
  f->hand->sent = 1;
  expect_broken (f->hand, RING_DEVICE_BAD_SEQUENCE);
}

static void
test_bad_region (Fixture *f, gconstpointer kernel)
{
  hand_send_by_reference (f->hand, f->hand->payload_size - 8, 16);
  expect_broken (f->hand, RING_DEVICE_BAD_REGION);
}

static void
test_bad_output_region (Fixture *f, gconstpointer kernel)
{
  RingMessageHeader *header = hand_begin (f->hand);

  hand_payload (&header->payload, 1, 0, 16);
  hand_payload (&hand_output_refs (header)[0], 3, 0, 16);
  hand_publish (f->hand);
  expect_broken (f->hand, RING_DEVICE_BAD_REGION);
}

static void
test_bad_parameter_set (Fixture *f, gconstpointer kernel)
{
  RingMessageHeader *header = hand_begin (f->hand);

  hand_payload (&header->payload, 1, 0, 16);
  hand_payload (&hand_output_refs (header)[0], 2, 0, 16);
  header->parameter_set = f->hand->r.geometry.parameter_sets;
  hand_publish (f->hand);
  expect_broken (f->hand, RING_DEVICE_BAD_REGION);
}

static void
test_bad_emit (Fixture *f, gconstpointer kernel)
{
  guint8 data[8] = { 255 };

  hand_send (f->hand, data, sizeof (data));
  expect_broken (f->hand, RING_DEVICE_BAD_EMIT);
}

/* ---- what kernels do ----------------------------------------------------------------- */

/* 0 to 4 messages come of one. */
static void
test_emits (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;
  guint m;

  assert_cuda (hand_launch (hand));
  for (m = 0; m < 30; m++) {
    const guint n = m % 5;
    guint8 data[16], back[256];
    guint k;

    fill (data, sizeof (data), m);
    data[0] = (guint8) n;
    hand_send (hand, data, sizeof (data));
    for (k = 0; k < MAX (n, 1); k++) {
      const RingMessageHeader header = hand_receive (hand, back);

      g_assert_cmpuint (header.sequence, ==, m);
      g_assert_cmpuint (header.output_index, ==, k);
      g_assert_cmpuint (header.flags, ==,
          (k + 1 >= n ? RING_MESSAGE_LAST : 0)
              | (n == 0 ? RING_MESSAGE_NO_OUTPUT : 0));
      if (n > 0) {
        data[1] = (guint8) k;
        g_assert_cmpmem (back, header.payload.size, data, sizeof (data));
      }
    }
  }
  hand_terminate (hand, TRUE);
  hand_wait_exit (hand);
}

/* Each block takes a message of its own, and they come back in order. */
static void
test_block_sharing (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;
  guint sent = 0, got = 0;

  assert_cuda (hand_launch (hand));
  while (got < 200) {
    guint8 data[32], back[256];
    RingMessageHeader header;

    while (sent < 200 && sent - got < 8) {
      fill (data, sizeof (data), sent);
      /* the first byte says how long it takes */
      data[0] = (guint8) (sent % 3 == 0 ? 255 : 0);
      hand_send (hand, data, sizeof (data));
      sent++;
    }
    header = hand_receive (hand, back);
    fill (data, sizeof (data), got);
    data[0] = (guint8) (got % 3 == 0 ? 255 : 0);
    g_assert_cmpuint (header.sequence, ==, got);
    g_assert_cmpmem (back, header.payload.size, data, sizeof (data));
    got++;
  }
  hand_terminate (hand, TRUE);
  g_assert_cmpuint (hand_wait_exit (hand), ==, RING_EXIT_TERMINATE);
  g_assert_cmpuint (hand->control->device.last_error, ==, RING_DEVICE_OK);
}

/* Phases with a barrier over all blocks, and state that outlives a message. */
static void
test_barrier_and_state (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;
  guint m, i;

  hand->control->host.lease_ns = 200000;
  for (m = 0; m < 30; m++) {
    RingMessageHeader *header = hand_begin (hand);
    RingPayloadRef *refs[] = { &header->payload, hand_output_refs (header) };

    for (i = 0; i < 2; i++) {
      hand_payload (refs[i], 1 + i, 0, 64 * 48);
      refs[i]->kind = RING_KIND_VIDEO;
      refs[i]->format = RING_VIDEO_GRAY8;
      refs[i]->width = 64;
      refs[i]->height = 48;
      refs[i]->plane[0].stride = 64;
    }
    memset (hand->payloads[1], 0xff, 64 * 48);
    hand_publish (hand);
    while (ring_queue_ready (&hand->output, 1) == 0)
      if (cuStreamQuery (hand->stream) == CUDA_SUCCESS)
        assert_cuda (hand_launch (hand));
    g_assert_cmpuint (hand_receive (hand, NULL).flags, ==, RING_MESSAGE_LAST);
    for (i = 0; i < 64 * 48; i++)
      g_assert_cmpuint (hand->payloads[1][i], ==, m);
  }
  hand_terminate (hand, TRUE);
  assert_cuda (cuStreamSynchronize (hand->stream));
}

/* A message is processed with the set that it names, though sets are used again. */
static void
test_parameter_sets (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;
  guint m;

  assert_cuda (hand_launch (hand));
  for (m = 0; m < 60; m++) {
    const guint set = m % 3;
    gint64 *cells =
        (gint64 *) (hand->parameters + set * hand->r.geometry.parameter_stride);
    guint8 back[256];
    RingMessageHeader *header;
    guint i;

    /* Nothing in flight names it. */
    cells[0] = 1000 + m;
    cells[1] = 2000 + m;
    ring_store_release_u64 (&hand->control->host.parameter_generation, m + 1);
    header = hand_begin (hand);
    header->parameter_set = set;
    hand_payload (&header->payload, RING_REGION_INLINE, 0, 64);
    hand_payload (hand_output_refs (header), RING_REGION_INLINE, 0, 64);
    hand_publish (hand);
    hand_receive (hand, back);
    for (i = 0; i < 16; i++)
      g_assert_cmpuint (((guint32 *) back)[i], ==, (i & 1 ? 2000 : 1000) + m);
  }
  hand_terminate (hand, TRUE);
  hand_wait_exit (hand);
}

/* Two messages that are there at once, so that two blocks take one each. */
static void
exchange_two (Hand *hand, guint set, guint8 add)
{
  const guint64 first = hand->input.position;
  guint8 back[256];
  guint i;

  for (i = 0; i < 2; i++) {
    RingMessageHeader *header = hand_begin (hand);
    guint k;

    header->parameter_set = set;
    hand_payload (&header->payload, RING_REGION_INLINE, 0, 8);
    for (k = 0; k < hand->r.geometry.max_outputs; k++)
      hand_payload (&hand_output_refs (header)[k], RING_REGION_INLINE, 0, 8);
    memset ((guint8 *) header + hand->r.geometry.input_inline_offset, 1, 8);
    hand->input.position++;
  }
  hand->input.position = first;
  ring_queue_publish_at (&hand->input, first + 1);
  ring_queue_publish_at (&hand->input, first);
  ring_queue_advance (&hand->input, 2);
  for (i = 0; i < 2; i++) {
    g_assert_cmpuint (hand_receive (hand, back).payload.size, ==, 8);
    g_assert_cmpuint (back[7], ==, 1 + add);
  }
}

/* A block that has not seen what others used in between does not know that a set
 * has been written anew. */
static void
test_sets_written_anew (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;
  guint m;

  assert_cuda (hand_launch (hand));
  for (m = 0; m < 20; m++) {
    /* As the library does it: one that nothing in flight names, and never that of the
     * message before. */
    gint64 *cells = (gint64 *) (hand->parameters
        + m % 2 * hand->r.geometry.parameter_stride);

    cells[0] = (gint64) m;
    ring_store_release_u64 (&hand->control->host.parameter_generation, m + 1);
    exchange_two (hand, m % 2, (guint8) m);
  }
  hand_terminate (hand, TRUE);
  hand_wait_exit (hand);
}

/* Long lists: what is used of them alone is fetched, by the first block, into memory that
 * outlives the residency. A message that all blocks run has all of it. */
static void
test_large_sets (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;
  const RingGeometry *g = &hand->r.geometry;
  guint m;

  hand->r.alone_below = 8000;
  hand->control->host.lease_ns = 200000;
  for (m = 0; m < 40; m++) {
    /* The set before is used once more, with the next residency maybe. */
    const guint change = m / 2, set = change % 3;
    const guint n = change % 4 == 0 ? 100000 : 1 + change;
    guint8 *at = hand->parameters + (gsize) set * g->parameter_stride;
    const RingArrayRef ref = { n, 8 };
    const guint64 used =
        change % 5 == 4 ? 0 : 8 + sizeof (gfloat) * (guint64) n;
    const gsize size = m % 3 == 0 ? 16000 : 64;
    RingMessageHeader *header = hand_begin (hand);
    gfloat *numbers = (gfloat *) (gpointer) (at + 8);
    const gdouble *seen = (const gdouble *) (gpointer) hand->payloads[1];

    if (m % 2 == 0) {
      memcpy (at, &ref, sizeof ref);
      memcpy (at + g->parameter_stride - sizeof used, &used, sizeof used);
      numbers[n - 1] = (gfloat) (1000 + change);
      numbers[0] = (gfloat) change;
    }
    header->parameter_set = set;
    hand_payload (&header->payload, 1, 0, size);
    hand_payload (hand_output_refs (header), 2, 0, size);
    hand_publish (hand);
    while (ring_queue_ready (&hand->output, 1) == 0)
      if (cuStreamQuery (hand->stream) == CUDA_SUCCESS)
        assert_cuda (hand_launch (hand));
    g_assert_cmpuint (hand_receive (hand, NULL).flags, ==, RING_MESSAGE_LAST);
    g_assert_cmpfloat (seen[1], ==, change);
    g_assert_cmpfloat (seen[2], ==, n == 1 ? change : 1000 + change);
    g_assert_cmpfloat (seen[3], ==, n);
  }
  hand_terminate (hand, TRUE);
  assert_cuda (cuStreamSynchronize (hand->stream));
  g_assert_cmpuint (hand->control->device.last_error, ==, RING_DEVICE_OK);
}

/* Two messages that all blocks run, so that each of the first block's areas has a set,
 * and the end; then both sets are written anew. What an area has kept of the residency
 * before is not taken for what it is now. */
static void
test_large_sets_written_anew (Fixture *f, gconstpointer kernel)
{
  Hand *hand = f->hand;
  guint m, i;

  hand->r.alone_below = 8000;
  hand->control->host.idle_timeout_ns = 1000;
  for (m = 0; m < 20; m++) {
    const guint64 first = hand->input.position;

    for (i = 0; i < 2; i++) {
      guint8 *at = hand->parameters + i * hand->r.geometry.parameter_stride;
      const RingArrayRef ref = { 1, 8 };
      const gfloat number = (gfloat) (100 * i + m / 2);
      RingMessageHeader *header = hand_begin (hand);

      memcpy (at, &ref, sizeof ref);
      memcpy (at + 8, &number, sizeof number);
      header->parameter_set = i;
      hand_payload (&header->payload, 1, i * 16000, 16000);
      hand_payload (hand_output_refs (header), 2, i * 16000, 16000);
      hand->input.position++;
    }
    hand->input.position = first;
    ring_queue_publish_at (&hand->input, first + 1);
    ring_queue_publish_at (&hand->input, first);
    ring_queue_advance (&hand->input, 2);
    assert_cuda (hand_launch (hand));
    for (i = 0; i < 2; i++) {
      const gdouble *seen =
          (const gdouble *) (gpointer) (hand->payloads[1] + i * 16000);

      g_assert_cmpuint (hand_receive (hand, NULL).flags, ==, RING_MESSAGE_LAST);
      g_assert_cmpfloat (seen[1], ==, 100 * i + m / 2);
    }
    assert_cuda (cuStreamSynchronize (hand->stream));
    g_assert_cmpuint (hand->control->device.exit_reason, ==, RING_EXIT_IDLE);
  }
}

/* Not one for each of many blocks. */
static void
test_large_sets_take_little_memory (void)
{
  RingGeometry g = { .max_outputs = 1,
    .inline_size = 256,
    .input_stride = 768 };

  g.parameter_stride = 4 << 20;
  g_assert_cmpuint (ring_device_memory_size (&g, 132), <, 10 << 20);
  g_assert_cmpuint (ring_device_memory_size (&g, 1), >, 8 << 20);
}

int
main (int argc, char **argv)
{
  guint i;

  g_test_init (&argc, &argv, NULL);
  /* The largest shape has to be on the device at once. */
  g_setenv ("RING_FAKE_MULTIPROCESSORS", "16", TRUE);
  for (i = 0; i < G_N_ELEMENTS (shapes); i++) {
    g_autofree gchar *messages =
        g_strdup_printf ("/cuda-fake/loop/messages-come-back/%ux%u",
            shapes[i].grid, shapes[i].block);
    g_autofree gchar *reference =
        g_strdup_printf ("/cuda-fake/loop/payloads-by-reference/%ux%u",
            shapes[i].grid, shapes[i].block);

    g_test_add_data_func (messages, GUINT_TO_POINTER (i),
        test_messages_come_back);
    g_test_add_data_func (reference, GUINT_TO_POINTER (i),
        test_payloads_by_reference);
  }
#define CASE(path, kernel, function) \
  g_test_add ("/cuda-fake/loop/" path, Fixture, kernel, set_up, function, \
      tear_down)
  CASE ("lease-and-relaunch", "copy", test_lease_and_relaunch);
  CASE ("idle-exit", "copy", test_idle_exit);
  CASE ("one-batch", "copy", test_one_batch);
  CASE ("leave", "copy", test_leave);
  CASE ("inactive-runs-nothing", "copy", test_inactive);
  CASE ("flush-by-epoch", "copy", test_flush_by_epoch);
  CASE ("terminate-drains", "copy", test_terminate_drains);
  CASE ("terminate-discards", "copy", test_terminate_discards);
  CASE ("full-output-holds-up", "copy", test_full_output);
  CASE ("bad-magic", "copy", test_bad_magic);
  CASE ("gap", "copy", test_gap);
  CASE ("bad-region", "copy", test_bad_region);
  CASE ("bad-output-region", "copy", test_bad_output_region);
  CASE ("bad-parameter-set", "copy", test_bad_parameter_set);
  CASE ("bad-emit", "emit", test_bad_emit);
  CASE ("emits", "emit", test_emits);
  CASE ("block-sharing", "blocks", test_block_sharing);
  CASE ("barrier-and-state", "serial", test_barrier_and_state);
  CASE ("parameter-sets", "pair", test_parameter_sets);
  CASE ("sets-written-anew", "scatter", test_sets_written_anew);
  CASE ("large-sets", "large_set", test_large_sets);
  CASE ("large-sets-written-anew", "large_set", test_large_sets_written_anew);
  g_test_add_func ("/cuda-fake/loop/large-sets-take-little-memory",
      test_large_sets_take_little_memory);
  return g_test_run ();
}
