/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-stress.c: the resident loop with many blocks and threads, short leases and
 * idle times, changing parameters and flushes, all at once and at random.
 */
#include "hand.h"

#define CAPACITY 16
/* So many messages share a set of parameters; a set is written again when none of
 * those in flight can name it. */
#define PER_SET 4
#define SETS (CAPACITY / PER_SET + 2)

static const struct
{
  const gchar *kernel;
  guint grid, block;
} cases[] = {
  { "scatter", 1, 1 },
  { "scatter", 2, 2 },
  { "scatter", 7, 1 },
  { "scatter", 8, 4 },
  { "copy", 8, 4 },
  { "blocks", 5, 3 },
};

typedef struct
{
  guint8 data[256];
  gsize size;
  guint64 epoch;
  guint8 add;
} Sent;

typedef struct
{
  Hand *hand;
  gboolean scatters;
  Sent sent[CAPACITY]; /* by sequence */
  guint64 finished;    /* messages whose last output came */
  guint next_output;   /* of the message that is coming out */
  guint discarded;
} Stress;

static guint8
add_of (guint64 sequence)
{
  return (guint8) (sequence / PER_SET * 13);
}

static void
send_one (Stress *s)
{
  Hand *hand = s->hand;
  const RingGeometry *g = &hand->r.geometry;
  const guint set = (guint) (hand->sent / PER_SET % SETS);
  Sent *sent = &s->sent[hand->sent % CAPACITY];
  RingMessageHeader *header;
  gsize i;
  guint k;

  if (hand->sent % PER_SET == 0) {
    gint64 *cells =
        (gint64 *) (hand->parameters + (gsize) set * g->parameter_stride);

    cells[0] = add_of (hand->sent);
    ring_store_release_u64 (&hand->control->host.parameter_generation,
        hand->control->host.parameter_generation + 1);
  }
  sent->size = (gsize) g_test_rand_int_range (0, 257);
  for (i = 0; i < sent->size; i++)
    sent->data[i] = (guint8) g_test_rand_int ();
  sent->epoch = hand->control->host.epoch;
  sent->add = add_of (hand->sent);
  header = hand_begin (hand);
  header->parameter_set = set;
  hand_payload (&header->payload, RING_REGION_INLINE, 0, sent->size);
  for (k = 0; k < g->max_outputs; k++)
    hand_payload (&hand_output_refs (header)[k], RING_REGION_INLINE, 0,
        sent->size);
  memcpy ((guint8 *) header + g->input_inline_offset, sent->data, sent->size);
  hand_publish (hand);
}

static void
receive_one (Stress *s)
{
  guint8 back[256];
  const RingMessageHeader header = hand_receive (s->hand, back);
  const Sent *sent = &s->sent[s->finished % CAPACITY];
  guint n = 1;
  gsize i;

  g_assert_cmpuint (header.sequence, ==, s->finished);
  g_assert_cmpuint (header.id, ==, 1000 + s->finished);
  g_assert_cmpuint (header.epoch, ==, sent->epoch);
  if (header.flags & RING_MESSAGE_DISCARDED) {
    /* only what was flushed */
    g_assert_cmpuint (header.flags, ==,
        RING_MESSAGE_DISCARDED | RING_MESSAGE_LAST | RING_MESSAGE_NO_OUTPUT);
    g_assert_cmpuint (sent->epoch, <, s->hand->control->host.epoch);
    g_assert_cmpuint (s->next_output, ==, 0);
    s->discarded++;
    s->finished++;
    return;
  }
  if (s->scatters)
    n = sent->size > 0 ? sent->data[0] % 4 : 0;
  g_assert_cmpuint (header.flags, ==,
      (s->next_output + 1 >= n ? RING_MESSAGE_LAST : 0)
          | (n == 0 ? RING_MESSAGE_NO_OUTPUT : 0));
  if (n > 0) {
    g_assert_cmpuint (header.output_index, ==, s->next_output);
    g_assert_cmpuint (header.payload.size, ==, sent->size);
    for (i = 0; i < sent->size; i++)
      g_assert_cmpuint (back[i], ==,
          s->scatters ? (guint8) (sent->data[i] + sent->add + s->next_output)
                      : sent->data[i]);
  }
  s->next_output++;
  if (header.flags & RING_MESSAGE_LAST) {
    s->finished++;
    s->next_output = 0;
  }
}

static void
test_at_random (gconstpointer data)
{
  const guint c = GPOINTER_TO_UINT (data);
  /* More threads than processors take their time. */
  const guint messages = MAX (1200 / (cases[c].grid * cases[c].block), 120);
  Stress s = { NULL, g_str_equal (cases[c].kernel, "scatter") };
  RingHostWords *host;
  CUcontext context;
  guint launches = 0;

  ring_fake_set ("MULTIPROCESSORS", 8);
  ring_fake_set ("MAX_THREADS", 4);
  context = hand_context ();
  s.hand = hand_new (cases[c].kernel, cases[c].grid, cases[c].block, CAPACITY);
  host = &s.hand->control->host;
  hand_activate (s.hand, TRUE);
  while (s.finished < messages) {
    guint burst = (guint) g_test_rand_int_range (0, CAPACITY);

    if (cuStreamQuery (s.hand->stream) == CUDA_SUCCESS
        && s.hand->sent > s.finished) {
      host->lease_ns = (guint64) g_test_rand_int_range (1, 300000);
      host->idle_timeout_ns = (guint64) g_test_rand_int_range (0, 200000);
      assert_cuda (hand_launch (s.hand));
      launches++;
    }
    while (burst-- > 0 && s.hand->sent < messages
        && s.hand->sent - s.finished < CAPACITY) {
      send_one (&s);
      if (g_test_rand_int_range (0, 60) == 0)
        ring_store_release_u64 (&host->epoch, host->epoch + 1);
    }
    while (ring_queue_ready (&s.hand->output, 1) > 0
        && g_test_rand_int_range (0, 20) > 0)
      receive_one (&s);
  }
  g_assert_cmpuint (s.hand->sent, ==, messages);
  assert_cuda (cuStreamSynchronize (s.hand->stream));
  g_assert_cmpuint (ring_queue_ready (&s.hand->output, 1), ==, 0);
  g_assert_cmpuint (s.hand->control->device.processed, ==, messages);
  g_assert_cmpuint (s.hand->control->device.last_error, ==, RING_DEVICE_OK);
  g_assert_cmpuint (s.hand->control->device.residencies, ==, launches);
  g_test_message ("%u launches, %u discarded", launches, s.discarded);
  hand_free (s.hand);
  cuCtxPopCurrent (&context);
  assert_cuda (cuDevicePrimaryCtxRelease (0));
}

int
main (int argc, char **argv)
{
  guint i;

  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree gchar *path = g_strdup_printf ("/cuda-fake/stress/%s/%ux%u",
        cases[i].kernel, cases[i].grid, cases[i].block);

    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_at_random);
  }
  return g_test_run ();
}
