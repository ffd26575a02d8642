/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The contract between host and device, as far as it shows at run time; that it
 * compiles everywhere is test_abi.py's part.
 */
#include "ring-test.h"
#include <ringkernel/kernel-sdk.h>

/* A line of two bytes that both sides write is how such a system breaks. */
static void
test_every_line_has_one_writer (void)
{
  const gsize at[] = { RING_OFFSETOF (RingControlBlock, host),
    RING_OFFSETOF (RingControlBlock, device),
    RING_OFFSETOF (RingControlBlock, input_producer),
    RING_OFFSETOF (RingControlBlock, input_consumer),
    RING_OFFSETOF (RingControlBlock, output_producer),
    RING_OFFSETOF (RingControlBlock, output_consumer),
    RING_OFFSETOF (RingControlBlock, geometry), sizeof (RingControlBlock) };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (at); i++)
    g_assert_cmpuint (at[i] % RING_CACHE_LINE, ==, 0);
  for (i = 1; i < G_N_ELEMENTS (at); i++)
    g_assert_cmpuint (at[i], >=, at[i - 1] + RING_CACHE_LINE);
}

static void
test_header_and_message_sizes (void)
{
  g_assert_cmpuint (sizeof (RingMessageHeader), ==, 256);
  g_assert_cmpuint (RING_DEFAULT_MESSAGE_SIZE, ==, 65536 + 256);
  /* What decides about a message lies in its first line. */
  g_assert_cmpuint (RING_OFFSETOF (RingMessageHeader, flags), <, 64);
  g_assert_cmpuint (RING_OFFSETOF (RingMessageHeader, sequence), <, 64);
}

static void
test_enumerations_are_those_of_the_abi (void)
{
  g_assert_cmpint (RING_PAYLOAD_RECORD, ==, RING_KIND_RECORD);
  g_assert_cmpint (RING_VIDEO_FORMAT_NV12, ==, RING_VIDEO_NV12);
  g_assert_cmpint (RING_VIDEO_FORMAT_GRAY16, ==, RING_VIDEO_GRAY16);
  g_assert_cmpint (RING_VIDEO_LAST_, ==, RING_VIDEO_GRAY16 + 1);
  g_assert_cmpint (RING_AUDIO_FORMAT_F64LE, ==, RING_AUDIO_F64LE);
  g_assert_cmpint (RING_AUDIO_LAST_, ==, RING_AUDIO_F64LE + 1);
}

static void
test_kernels_carry_version_and_layout (void)
{
  g_autoptr (RingConfig) config = ring_test_config (RING_EXECUTION_AUTO);
  g_autoptr (GError) error = NULL;
  g_autoptr (RingRuntime) runtime = ring_runtime_new (config, &error);
  g_auto (GStrv) names = NULL;
  gsize i;

  g_assert_no_error (error);
  names = ring_runtime_list_kernels (runtime);
  g_assert_cmpuint (g_strv_length (names), >, 0);
  for (i = 0; names[i]; i++) {
    g_autoptr (RingKernelInfo) info =
        ring_runtime_find_kernel (runtime, names[i], &error);
    const RingKernelDescription *d;

    g_assert_no_error (error);
    d = ring_kernel_info_get_raw_description (info);
    g_assert_cmpuint (d->abi_version, ==, RING_ABI_VERSION);
    g_assert_cmpuint (d->layout_hash, ==, RING_LAYOUT_HASH);
    g_assert_cmpuint (d->max_outputs, >=, 1);
    /* A user reads it, so there is something to read. */
    g_assert_cmpuint (strlen (d->description), >, 5);
    g_assert_cmpstr (ring_kernel_info_get_name (info), ==, names[i]);
  }
}

/* ---- views -------------------------------------------------------------------- */

static RingPayloadRef
payload_ref (guint kind, guint32 region, guint64 offset, guint64 size)
{
  RingPayloadRef ref = { .kind = (guint16) kind,
    .n_planes = 1,
    .capacity = size,
    .size = size,
    .plane = { { region, 0, offset, size } } };

  return ref;
}

static gboolean
resolves (const RingPayloadRef *ref, RingView *view)
{
  static guint8 inline_data[64], outside[100];
  const RingRegion regions[] = { { NULL, 0 }, { outside, sizeof (outside) } };
  gboolean ok;

  memset (view, 0xff, sizeof (*view));
  ok = ring_view_resolve (view, ref, regions, G_N_ELEMENTS (regions), NULL,
           inline_data, sizeof (inline_data))
      == 0;
  if (ok && ref->n_planes > 0)
    g_assert_true (view->data
        == (ref->plane[0].region == RING_REGION_INLINE ? inline_data : outside)
            + ref->plane[0].offset);
  return ok;
}

static void
test_view_lies_within_its_region (void)
{
  const struct
  {
    guint32 region;
    guint64 offset, size;
    gboolean ok;
  } cases[] = {
    { RING_REGION_INLINE, 0, 64, TRUE },
    { RING_REGION_INLINE, 0, 65, FALSE },
    { RING_REGION_INLINE, 64, 0, TRUE },
    { RING_REGION_INLINE, 65, 0, FALSE },
    { RING_REGION_FIRST, 0, 100, TRUE },
    { RING_REGION_FIRST, 99, 1, TRUE },
    { RING_REGION_FIRST, 99, 2, FALSE },
    { RING_REGION_FIRST, 1, 100, FALSE },
    /* Sums that overflow. */
    { RING_REGION_FIRST, 2, G_MAXUINT64, FALSE },
    { RING_REGION_FIRST, G_MAXUINT64, 2, FALSE },
    { RING_REGION_FIRST, G_MAXUINT64 - 1, 2, FALSE },
    /* Regions that there are not. */
    { 2, 0, 1, FALSE },
    { G_MAXUINT32, 0, 1, FALSE },
  };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    const RingPayloadRef ref = payload_ref (RING_KIND_BYTES, cases[i].region,
        cases[i].offset, cases[i].size);
    RingView view;

    g_test_message ("case %u", (guint) i);
    g_assert_cmpint (resolves (&ref, &view), ==, cases[i].ok);
  }
}

static void
test_view_without_payload (void)
{
  const RingPayloadRef ref = { .kind = RING_KIND_BYTES };
  RingView view;

  g_assert_true (resolves (&ref, &view));
  g_assert_null (view.data);
  g_assert_cmpuint (view.size, ==, 0);
}

static void
test_view_with_too_many_planes (void)
{
  RingPayloadRef ref = payload_ref (RING_KIND_BYTES, 0, 0, 1);
  RingView view;

  ref.n_planes = RING_MAX_PLANES + 1;
  g_assert_false (resolves (&ref, &view));
  ref.n_planes = 65535;
  g_assert_false (resolves (&ref, &view));
}

static void
test_view_of_video (void)
{
  RingPayloadRef ref = { .kind = RING_KIND_VIDEO,
    .n_planes = 3,
    .format = RING_VIDEO_I420,
    .width = 5,
    .height = 3,
    .plane = { { 0, 8, 0, 24 }, { 0, 4, 24, 8 }, { 0, 4, 32, 8 } } };
  RingView view;

  g_assert_true (resolves (&ref, &view));
  /* Half of an odd size is rounded up. */
  g_assert_cmpuint (view.plane[0].width, ==, 5);
  g_assert_cmpuint (view.plane[0].height, ==, 3);
  g_assert_cmpuint (view.plane[1].width, ==, 3);
  g_assert_cmpuint (view.plane[1].height, ==, 2);
  g_assert_cmpint (view.plane[2].stride, ==, 4);
  g_assert_true (view.plane[2].data == view.data + 32);
  /* As many planes as the format has, and a format that there is. */
  ref.n_planes = 2;
  g_assert_false (resolves (&ref, &view));
  ref.n_planes = 3;
  ref.format = RING_VIDEO_LAST_;
  g_assert_false (resolves (&ref, &view));
  ref.format = RING_VIDEO_NONE;
  g_assert_false (resolves (&ref, &view));
}

static void
test_view_of_audio_and_records (void)
{
  RingPayloadRef ref = payload_ref (RING_KIND_AUDIO, 0, 0, 24);
  RingView view;

  ref.format = RING_AUDIO_S16LE;
  ref.width = 3;
  ref.height = 48000;
  g_assert_true (resolves (&ref, &view));
  g_assert_cmpuint (view.channels, ==, 3);
  g_assert_cmpuint (view.rate, ==, 48000);
  g_assert_cmpuint (view.count, ==, 4);
  /* Nonsense counts nothing, and divides by nothing. */
  ref.width = 0;
  g_assert_true (resolves (&ref, &view));
  g_assert_cmpuint (view.count, ==, 0);

  ref = payload_ref (RING_KIND_RECORD, 0, 0, 24);
  ref.width = 12;
  g_assert_true (resolves (&ref, &view));
  g_assert_cmpuint (view.count, ==, 2);
  g_assert_cmpuint (view.record_size, ==, 12);
  ref.width = 0;
  g_assert_true (resolves (&ref, &view));
  g_assert_cmpuint (view.count, ==, 0);
}

/* ---- sharing out the work ------------------------------------------------------- */

static void
test_slices_cover_everything_once (void)
{
  const guint64 sizes[] = { 0, 1, 2, 6, 7, 8, 100, 1000003,
    G_GUINT64_CONSTANT (1) << 40 };
  const guint parts[] = { 1, 2, 3, 7, 64 };
  gsize s, p;
  guint i;

  for (s = 0; s < G_N_ELEMENTS (sizes); s++) {
    for (p = 0; p < G_N_ELEMENTS (parts); p++) {
      g_assert_cmpint (ring_slice_ (sizes[s], 0, parts[p]), ==, 0);
      g_assert_cmpint (ring_slice_ (sizes[s], parts[p], parts[p]), ==,
          (gint64) sizes[s]);
      for (i = 0; i < parts[p]; i++) {
        const gint64 n = ring_slice_ (sizes[s], i + 1, parts[p])
            - ring_slice_ (sizes[s], i, parts[p]);

        /* And nobody gets much more than another. */
        g_assert_cmpint (n, >=, (gint64) (sizes[s] / parts[p]));
        g_assert_cmpint (n, <=, (gint64) (sizes[s] / parts[p] + 1));
      }
    }
  }
}

static void
test_rounding_and_saturation (void)
{
  g_assert_cmpint (ring_clamp_u8 (-1.0f), ==, 0);
  g_assert_cmpint (ring_clamp_u8 (0.49f), ==, 0);
  g_assert_cmpint (ring_clamp_u8 (0.5f), ==, 1);
  g_assert_cmpint (ring_clamp_u8 (254.5f), ==, 255);
  g_assert_cmpint (ring_clamp_u8 (1e30f), ==, 255);
  g_assert_cmpint (ring_clamp_s16 (-0.6f), ==, -1);
  g_assert_cmpint (ring_clamp_s16 (-1e30f), ==, -32768);
  g_assert_cmpint (ring_clamp_s16 (1e30f), ==, 32767);
  g_assert_cmpint (ring_mix_u8 (10, 245, 0.0f), ==, 10);
  g_assert_cmpint (ring_mix_u8 (10, 245, 1.0f), ==, 245);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/abi/every-line-has-one-writer",
      test_every_line_has_one_writer);
  g_test_add_func ("/abi/header-and-message-sizes",
      test_header_and_message_sizes);
  g_test_add_func ("/abi/enumerations-are-those-of-the-abi",
      test_enumerations_are_those_of_the_abi);
  g_test_add_func ("/abi/kernels-carry-version-and-layout",
      test_kernels_carry_version_and_layout);
  g_test_add_func ("/view/lies-within-its-region",
      test_view_lies_within_its_region);
  g_test_add_func ("/view/without-payload", test_view_without_payload);
  g_test_add_func ("/view/with-too-many-planes",
      test_view_with_too_many_planes);
  g_test_add_func ("/view/of-video", test_view_of_video);
  g_test_add_func ("/view/of-audio-and-records",
      test_view_of_audio_and_records);
  g_test_add_func ("/sdk/slices-cover-everything-once",
      test_slices_cover_everything_once);
  g_test_add_func ("/sdk/rounding-and-saturation",
      test_rounding_and_saturation);
  return ring_test_run ();
}
