/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * reload-test.h: a stream of numbered messages through versions of a kernel, the kernels
 * stamp-a to stamp-d.
 */
#ifndef RING_RELOAD_TEST_H
#define RING_RELOAD_TEST_H

#include "ring-test.h"

#define WORDS 100

/* ---- messages and versions ---------------------------------------------------------- */

static inline RingKernel *
start (RingExecutionMode mode, const gchar *name, gint workers)
{
  RingConfig *config = ring_test_config (mode);
  RingKernel *kernel;

  config->reload = TRUE;
  config->queue_capacity = 64;
  kernel = ring_test_launch_with (config, name, workers);
  ring_test_activate (kernel);
  return kernel;
}

static inline void
reload_file (RingKernel *kernel, const gchar *path)
{
  g_autoptr (GError) error = NULL;

  ring_kernel_reload (kernel, path, &error);
  g_assert_no_error (error);
}

static inline void
reload (RingKernel *kernel, const gchar *name)
{
  g_autofree gchar *path = ring_test_kernel_path (name);

  reload_file (kernel, g_file_test (path, G_FILE_TEST_EXISTS) ? path : name);
}

static inline void
assert_refused (RingKernel *kernel, const gchar *name, RingError code,
    const gchar *says)
{
  g_autofree gchar *path = ring_test_kernel_path (name);
  g_autoptr (RingMetrics) before = ring_kernel_get_metrics (kernel);
  g_autoptr (RingMetrics) after = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (ring_kernel_reload (kernel,
      g_file_test (path, G_FILE_TEST_EXISTS) ? path : name, &error));
  ring_test_assert_says (&error, (gint) code, says);
  after = ring_kernel_get_metrics (kernel);
  g_assert_cmpuint (after->generation, ==, before->generation);
}

static inline RingMessage *
numbered (guint number)
{
  guint32 words[WORDS] = { number };

  return ring_message_new_from_data ((const guint8 *) words, sizeof words);
}

static inline void
send (RingKernel *kernel, guint number)
{
  g_autoptr (RingMessage) message = numbered (number);

  ring_test_send (kernel, message);
}

/* What a version wrote; that all of it was written by that one is asserted. */
typedef struct
{
  guint number, version, seen, gain, generation;
} Stamp;

static inline Stamp
read_stamp (RingMessage *message)
{
  gsize size;
  const guint32 *word =
      g_bytes_get_data (ring_message_get_payload (message), &size);
  const Stamp stamp = { word[0], word[1], word[2], word[3],
    ring_message_get_source_generation (message) };
  guint i;

  g_assert_cmpuint (size, ==, WORDS * 4);
  for (i = 4; i < WORDS; i++)
    g_assert_cmpuint (word[i], ==,
        stamp.version * 65536 + (stamp.number & 65535));
  return stamp;
}

static inline void
expect (RingKernel *kernel, guint number, guint version, guint seen, guint gain,
    guint generation)
{
  g_autoptr (RingMessage) message = ring_test_receive (kernel);
  const Stamp stamp = read_stamp (message);

  g_assert_cmpuint (stamp.number, ==, number);
  g_assert_cmpuint (stamp.version, ==, version);
  g_assert_cmpuint (stamp.seen, ==, seen);
  g_assert_cmpuint (stamp.gain, ==, gain);
  g_assert_cmpuint (stamp.generation, ==, generation);
}

static inline void
set (RingKernel *kernel, const gchar *parameters)
{
  g_autoptr (GError) error = NULL;

  ring_kernel_set_parameters_from_string (kernel, parameters, &error);
  g_assert_no_error (error);
}

#endif /* RING_RELOAD_TEST_H */
