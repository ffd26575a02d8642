/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * config.c: defaults and limits of a runtime's or a launch's configuration.
 */
#include "core/core-private.h"

G_DEFINE_BOXED_TYPE (RingConfig, ring_config, ring_config_copy,
    ring_config_free)

/**
 * ring_config_new:
 *
 * Returns: (transfer full): a configuration with the defaults: backend auto,
 *   device 0, mode auto, queue capacity 4096 messages, message size 65,792
 *   bytes, poll interval 100 us, lease 10 ms, idle time-out 50 us, termination
 *   time-out 5 s, telemetry on
 */
RingConfig *
ring_config_new (void)
{
  RingConfig *config = g_new0 (RingConfig, 1);

  config->backend = RING_BACKEND_AUTO;
  config->mode = RING_EXECUTION_AUTO;
  config->queue_capacity = RING_DEFAULT_QUEUE_CAPACITY;
  config->message_size = RING_DEFAULT_MESSAGE_SIZE;
  config->poll_interval = RING_DEFAULT_POLL_INTERVAL;
  config->lease = RING_DEFAULT_LEASE;
  config->idle_timeout = RING_DEFAULT_IDLE_TIMEOUT;
  config->termination_timeout = RING_DEFAULT_TERMINATION_TIMEOUT;
  config->telemetry = TRUE;
  return config;
}

/**
 * ring_config_copy:
 * @config: a configuration
 *
 * Returns: (transfer full): a copy
 */
RingConfig *
ring_config_copy (const RingConfig *config)
{
  return config ? g_memdup2 (config, sizeof *config) : NULL;
}

/**
 * ring_config_free:
 * @config: (transfer full) (nullable): a configuration
 */
void
ring_config_free (RingConfig *config)
{
  g_free (config);
}

/* us. No time here is longer: sums of times, and times in ns, stay numbers. */
#define LONGEST_TIME ((guint64) 24 * 3600 * G_USEC_PER_SEC)

static gboolean
check_time (const gchar *name, guint64 value, GError **error)
{
  if (value <= LONGEST_TIME)
    return TRUE;
  g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
      "%s is %" G_GUINT64_FORMAT "; it must be from 0 to %" G_GUINT64_FORMAT
      " us, a day",
      name, value, LONGEST_TIME);
  return FALSE;
}

gboolean
ring_config_check_ (const RingConfig *config, GError **error)
{
  const guint smallest = RING_HEADER_SIZE + 1;

  if (config->queue_capacity < 1
      || config->queue_capacity > RING_MAX_QUEUE_CAPACITY) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "queue-capacity is %u; it must be from 1 to %u messages",
        config->queue_capacity, RING_MAX_QUEUE_CAPACITY);
    return FALSE;
  }
  if (config->message_size < smallest
      || config->message_size > (guint) G_MAXINT) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "message-size is %u; it must be from %u to %d bytes, the header's %u "
        "included",
        config->message_size, smallest, G_MAXINT, RING_HEADER_SIZE);
    return FALSE;
  }
  if (config->poll_interval < 1 || config->poll_interval > G_USEC_PER_SEC) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "poll-interval is %u; it must be from 1 to %lu us",
        config->poll_interval, (gulong) G_USEC_PER_SEC);
    return FALSE;
  }
  if ((guint) config->mode > RING_EXECUTION_PERSISTENT) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "execution-mode is %d; it must be auto, inline, event-driven or "
        "persistent",
        (gint) config->mode);
    return FALSE;
  }
  if ((guint) config->backend > RING_BACKEND_CUDA) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "backend is %d; it must be auto, cpu or cuda", (gint) config->backend);
    return FALSE;
  }
  if ((guint) config->transfer > RING_TRANSFER_STAGED) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "transfer is %d; it must be auto, mapped or staged",
        (gint) config->transfer);
    return FALSE;
  }
  if (config->device < 0) {
    g_set_error (error, RING_ERROR, RING_ERROR_INVALID_OPTION,
        "device is %d; devices count from 0", config->device);
    return FALSE;
  }
  return check_time ("lease", config->lease, error)
      && check_time ("idle-timeout", config->idle_timeout, error)
      && check_time ("termination-timeout", config->termination_timeout, error);
}
