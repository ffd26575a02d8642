/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/**
 * SECTION:element-ringkernelfilter
 * @title: ringkernelfilter
 *
 * Puts every buffer through a kernel: a processing function from the built-in set
 * or from a source file of your own. It is launched once and fed through a ring, and
 * its state stays where it runs.
 *
 * |[
 * gst-launch-1.0 videotestsrc ! ringkernelfilter kernel=edges ! \
 *     videoconvert ! autovideosink
 * ]| Shows the edges of a test picture.
 *
 * |[
 * gst-launch-1.0 videotestsrc ! ringkernelfilter kernel=./invert.c ! \
 *     videoconvert ! autovideosink
 * ]| Compiles a kernel from its source and uses it; errors in the source come as
 * the element's error, with file and line.
 *
 * |[
 * gst-launch-1.0 audiotestsrc ! ringkernelfilter kernel=gain kernel::gain=-6 ! \
 *     audioconvert ! autoaudiosink
 * ]| A kernel's parameters are properties of the element's child `kernel`, with
 * type, range, default and description; numbers can be controlled over time with
 * a #GstController. All of them at once: `params="gain=-6 mute=false"`.
 *
 * What goes in is what the kernel declares: `video/x-raw` or `audio/x-raw` in its
 * formats, any stream for kernels of bytes, and any stream of whole records, with
 * or without caps, for kernels of typed records. Where a kernel makes other
 * records than it takes they come out as `application/x-ring-record` with the
 * field `type`, a #GVariant type string.
 *
 * On CUDA, frames come and go in system memory or as `memory:CUDAMemory`, each side
 * by itself; in CUDA memory they stay where they are, also between two filters. The
 * device's context is shared with the CUDA elements around, and an application may
 * set one of its own (`gst.cuda.context`).
 *
 * |[
 * gst-launch-1.0 videotestsrc ! cudaupload ! \
 *     ringkernelfilter kernel=gaussian-blur backend=cuda ! \
 *     ringkernelfilter kernel=invert backend=cuda ! cudadownload ! \
 *     videoconvert ! autovideosink
 * ]| Two kernels in a row on the GPU, the frames staying in its memory.
 *
 * |[
 * gst-launch-1.0 videotestsrc ! ringkernelfilter kernel=./invert.c reload=true ! \
 *     videoconvert ! autovideosink
 * ]| The kernel can be edited while it plays.
 *
 * On the CPU the streaming thread runs the kernel itself (inline). In the other
 * execution modes buffers are in flight while upstream goes on, at most
 * #GstRingKernelFilter:max-in-flight of them; order is kept, at EOS all of them
 * come out, a flush discards them.
 */
#include "gstringkernelfilter.h"

#include "cudashare.h"

#include <string.h>

GST_DEBUG_CATEGORY_STATIC (ring_kernel_filter_debug);
#define GST_CAT_DEFAULT ring_kernel_filter_debug

#define DEFAULT_ON_ERROR GST_RING_ON_ERROR_FAIL
#define DEFAULT_MAX_IN_FLIGHT 0
#define AUTO_FRAMES_IN_FLIGHT 4
#define AUTO_BLOCKS_IN_FLIGHT 16

enum
{
  PROP_0,
  PROP_KERNEL,
  PROP_BACKEND,
  PROP_DEVICE,
  PROP_EXECUTION_MODE,
  PROP_GRID_SIZE,
  PROP_BLOCK_SIZE,
  PROP_QUEUE_CAPACITY,
  PROP_MESSAGE_SIZE,
  PROP_MAX_IN_FLIGHT,
  PROP_POLL_INTERVAL,
  PROP_LEASE,
  PROP_IDLE_TIMEOUT,
  PROP_TERMINATION_TIMEOUT,
  PROP_TRANSFER,
  PROP_PARAMS,
  PROP_ON_ERROR,
  PROP_QOS,
  PROP_RELOAD,
  PROP_STATS,
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink",
    GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src",
    GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

static void gst_ring_kernel_filter_child_proxy_init (gpointer iface,
    gpointer data);

G_DEFINE_TYPE_WITH_CODE (GstRingKernelFilter, gst_ring_kernel_filter,
                         GST_TYPE_ELEMENT,
                         G_IMPLEMENT_INTERFACE (GST_TYPE_CHILD_PROXY,
                             gst_ring_kernel_filter_child_proxy_init);
                         GST_DEBUG_CATEGORY_INIT (ring_kernel_filter_debug,
                             "ringkernelfilter", 0, "ringkernelfilter");
                         gst_ring_kernel_filter_init_launch_debug ());
GST_ELEMENT_REGISTER_DEFINE (ringkernelfilter, "ringkernelfilter",
    GST_RANK_NONE, GST_TYPE_RING_KERNEL_FILTER);

GType
gst_ring_kernel_filter_on_error_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = { { GST_RING_ON_ERROR_FAIL,
                                           "Stop with an error", "fail" },
    { GST_RING_ON_ERROR_SKIP, "Drop the buffer, with a warning", "skip" },
    { GST_RING_ON_ERROR_PASS,
        "Push the buffer as it came, with a warning; "
        "as fail where the output has other caps than the input",
        "pass" },
    { 0, NULL, NULL } };

  if (g_once_init_enter (&type)) {
    GType made = g_enum_register_static ("GstRingKernelFilterOnError", values);

    g_once_init_leave (&type, made);
  }
  return type;
}

static gboolean
launch_or_post (GstRingKernelFilter *self)
{
  GError *error = NULL;

  if (gst_ring_kernel_filter_launch (self, &error))
    return TRUE;
  gst_ring_kernel_filter_post_error (self, error);
  g_error_free (error);
  return FALSE;
}

/* Relaunches first if settings have changed since, or the handle has failed. */
static gboolean
activate (GstRingKernelFilter *self)
{
  GError *error = NULL;
  gboolean changed;

  GST_OBJECT_LOCK (self);
  changed = self->settings_changed;
  GST_OBJECT_UNLOCK (self);
  if (changed || !self->kernel
      || ring_kernel_get_status (self->kernel) == RING_KERNEL_FAILED
      || ring_kernel_get_status (self->kernel) == RING_KERNEL_TERMINATED) {
    gst_ring_kernel_filter_end (self);
    if (!launch_or_post (self))
      return FALSE;
  }
  if (!ring_kernel_activate (self->kernel, &error)) {
    gst_ring_kernel_filter_post_error (self, error);
    g_error_free (error);
    return FALSE;
  }
  gst_ring_flow_start (self);
  return TRUE;
}

/* With the lock, for an ALLOCATION query may still be on its way: inactive pads do
 * not keep it out. No one waits under the lock for what only we could end: calls
 * return at once while flushing. */
static void
deactivate (GstRingKernelFilter *self)
{
  GST_PAD_STREAM_LOCK (self->sinkpad);
  gst_ring_flow_stop (self);
  GST_PAD_STREAM_UNLOCK (self->sinkpad);
  if (self->kernel)
    ring_kernel_deactivate (self->kernel, NULL);
}

static GstStateChangeReturn
gst_ring_kernel_filter_change_state (GstElement *element,
    GstStateChange transition)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (element);
  GstStateChangeReturn ret;

  switch (transition) {
    case GST_STATE_CHANGE_NULL_TO_READY:
      if (!launch_or_post (self))
        return GST_STATE_CHANGE_FAILURE;
      break;
    case GST_STATE_CHANGE_READY_TO_PAUSED:
      if (!activate (self))
        return GST_STATE_CHANGE_FAILURE;
      break;
    case GST_STATE_CHANGE_PAUSED_TO_READY:
      /* Before the pads are deactivated: that waits for a chain function, which
       * may be waiting for room. */
      gst_ring_flow_begin_flush (self);
      break;
    default:
      break;
  }

  ret = GST_ELEMENT_CLASS (gst_ring_kernel_filter_parent_class)
            ->change_state (element, transition);

  switch (transition) {
    case GST_STATE_CHANGE_NULL_TO_READY:
      if (ret == GST_STATE_CHANGE_FAILURE)
        gst_ring_kernel_filter_end (self);
      break;
    case GST_STATE_CHANGE_READY_TO_PAUSED:
      if (ret == GST_STATE_CHANGE_FAILURE) {
        gst_ring_flow_begin_flush (self);
        deactivate (self);
      }
      break;
    case GST_STATE_CHANGE_PAUSED_TO_READY:
      deactivate (self);
      break;
    case GST_STATE_CHANGE_READY_TO_NULL:
      gst_ring_kernel_filter_end (self);
      break;
    default:
      break;
  }
  return ret;
}

/* What the application, or an element beside us, wants everybody to work in. */
static void
gst_ring_kernel_filter_set_context (GstElement *element, GstContext *context)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (element);
  gint device;

  GST_OBJECT_LOCK (self);
  device = self->config->device;
  GST_OBJECT_UNLOCK (self);
  if (context)
    gst_ring_cuda_set_context (element, context, device, &self->found_context);
  GST_ELEMENT_CLASS (gst_ring_kernel_filter_parent_class)
      ->set_context (element, context);
}

/* ---- properties ---------------------------------------------------------------------------------- */

guint
gst_ring_kernel_filter_get_depth (GstRingKernelFilter *self)
{
  guint depth;

  GST_OBJECT_LOCK (self);
  depth = self->max_in_flight;
  if (depth == 0)
    depth = self->caps && self->caps->kind == RING_PAYLOAD_VIDEO
        ? AUTO_FRAMES_IN_FLIGHT
        : AUTO_BLOCKS_IN_FLIGHT;
  depth = MIN (depth, MAX (self->config->queue_capacity, 1));
  GST_OBJECT_UNLOCK (self);
  return depth;
}

/* Before a launch the text waits for it, and its mistakes are that launch's error;
 * later it takes effect at once. */
static void
set_params (GstRingKernelFilter *self, const gchar *text)
{
  GstRingKernelParameters *attached;
  RingKernel *kernel;
  GError *error = NULL;

  GST_OBJECT_LOCK (self);
  g_free (self->params);
  self->params = g_strdup (text);
  self->params_serial = text ? gst_ring_kernel_parameters_next_serial () : 0;
  kernel = self->kernel ? g_object_ref (self->kernel) : NULL;
  attached = self->attached ? gst_object_ref (self->attached) : NULL;
  GST_OBJECT_UNLOCK (self);

  if (kernel && text) {
    if (ring_kernel_set_parameters_from_string (kernel, text, &error)) {
      gst_ring_kernel_parameters_refresh (attached);
    } else {
      GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", error->message),
          ("all parameters keep their values"));
      g_error_free (error);
    }
  }
  g_clear_object (&kernel);
  g_clear_pointer (&attached, gst_object_unref);
}

static void
gst_ring_kernel_filter_set_property (GObject *object, guint id,
    const GValue *value, GParamSpec *pspec)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (object);
  gboolean other_kernel = FALSE;

  if (id == PROP_PARAMS) {
    set_params (self, g_value_get_string (value));
    return;
  }

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_KERNEL:
      other_kernel =
          g_strcmp0 (self->kernel_id, g_value_get_string (value)) != 0;
      g_free (self->kernel_id);
      self->kernel_id = g_value_dup_string (value);
      break;
    case PROP_BACKEND:
      self->config->backend = g_value_get_enum (value);
      break;
    case PROP_DEVICE:
      self->config->device = g_value_get_int (value);
      break;
    case PROP_EXECUTION_MODE:
      self->config->mode = g_value_get_enum (value);
      break;
    case PROP_GRID_SIZE:
      self->grid_size = g_value_get_int (value);
      break;
    case PROP_BLOCK_SIZE:
      self->block_size = g_value_get_int (value);
      break;
    case PROP_QUEUE_CAPACITY:
      self->config->queue_capacity = g_value_get_uint (value);
      break;
    case PROP_MESSAGE_SIZE:
      self->config->message_size = g_value_get_uint (value);
      break;
    case PROP_MAX_IN_FLIGHT:
      self->max_in_flight = g_value_get_uint (value);
      break;
    case PROP_POLL_INTERVAL:
      self->config->poll_interval = g_value_get_uint (value);
      break;
    case PROP_LEASE:
      self->config->lease = g_value_get_uint64 (value);
      break;
    case PROP_IDLE_TIMEOUT:
      self->config->idle_timeout = g_value_get_uint64 (value);
      break;
    case PROP_TERMINATION_TIMEOUT:
      self->config->termination_timeout = g_value_get_uint64 (value);
      break;
    case PROP_TRANSFER:
      self->config->transfer = g_value_get_enum (value);
      break;
    case PROP_ON_ERROR:
      g_atomic_int_set (&self->on_error, g_value_get_enum (value));
      break;
    case PROP_QOS:
      self->qos = g_value_get_boolean (value);
      break;
    case PROP_RELOAD:
      self->reload = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  if (id != PROP_MAX_IN_FLIGHT && id != PROP_ON_ERROR && id != PROP_QOS)
    self->settings_changed = TRUE;
  GST_OBJECT_UNLOCK (self);

  if (id == PROP_MAX_IN_FLIGHT)
    gst_ring_flow_set_depth (self, gst_ring_kernel_filter_get_depth (self));
  if (id == PROP_BACKEND || id == PROP_EXECUTION_MODE)
    gst_ring_kernel_filter_reconsider (self);
  if (other_kernel)
    gst_ring_kernel_filter_forget_kernel (self);
}

static void
gst_ring_kernel_filter_get_property (GObject *object, guint id, GValue *value,
    GParamSpec *pspec)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (object);

  if (id == PROP_STATS) {
    g_value_take_boxed (value, gst_ring_kernel_filter_get_stats (self));
    return;
  }

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_KERNEL:
      g_value_set_string (value, self->kernel_id);
      break;
    case PROP_BACKEND:
      g_value_set_enum (value, (gint) self->config->backend);
      break;
    case PROP_DEVICE:
      g_value_set_int (value, self->config->device);
      break;
    case PROP_EXECUTION_MODE:
      g_value_set_enum (value, (gint) self->config->mode);
      break;
    case PROP_GRID_SIZE:
      g_value_set_int (value, self->grid_size);
      break;
    case PROP_BLOCK_SIZE:
      g_value_set_int (value, self->block_size);
      break;
    case PROP_QUEUE_CAPACITY:
      g_value_set_uint (value, self->config->queue_capacity);
      break;
    case PROP_MESSAGE_SIZE:
      g_value_set_uint (value, self->config->message_size);
      break;
    case PROP_MAX_IN_FLIGHT:
      g_value_set_uint (value, self->max_in_flight);
      break;
    case PROP_POLL_INTERVAL:
      g_value_set_uint (value, self->config->poll_interval);
      break;
    case PROP_LEASE:
      g_value_set_uint64 (value, self->config->lease);
      break;
    case PROP_IDLE_TIMEOUT:
      g_value_set_uint64 (value, self->config->idle_timeout);
      break;
    case PROP_TERMINATION_TIMEOUT:
      g_value_set_uint64 (value, self->config->termination_timeout);
      break;
    case PROP_TRANSFER:
      g_value_set_enum (value, (gint) self->config->transfer);
      break;
    case PROP_PARAMS:
      g_value_set_string (value, self->params);
      break;
    case PROP_ON_ERROR:
      g_value_set_enum (value, g_atomic_int_get (&self->on_error));
      break;
    case PROP_QOS:
      g_value_set_boolean (value, self->qos);
      break;
    case PROP_RELOAD:
      g_value_set_boolean (value, self->reload);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

/* ---- child proxy ------------------------------------------------------------------------------------ */

static GObject *
get_child_by_name (GstChildProxy *proxy, const gchar *name)
{
  if (strcmp (name, "kernel") != 0)
    return NULL;
  return (GObject *) gst_ring_kernel_filter_ref_parameters (
      GST_RING_KERNEL_FILTER (proxy));
}

static GObject *
get_child_by_index (GstChildProxy *proxy, guint index)
{
  return index == 0 ? get_child_by_name (proxy, "kernel") : NULL;
}

static guint
get_children_count (GstChildProxy *proxy)
{
  GObject *child = get_child_by_name (proxy, "kernel");

  if (!child)
    return 0;
  g_object_unref (child);
  return 1;
}

static void
gst_ring_kernel_filter_child_proxy_init (gpointer iface, gpointer data)
{
  GstChildProxyInterface *proxy = iface;

  proxy->get_child_by_name = get_child_by_name;
  proxy->get_child_by_index = get_child_by_index;
  proxy->get_children_count = get_children_count;
}

/* ---- class -------------------------------------------------------------------------------------------- */

/* Not before: only now the class is that of the element, which may have pad
 * templates of its own. */
static void
gst_ring_kernel_filter_constructed (GObject *object)
{
  GstElementClass *klass = GST_ELEMENT_GET_CLASS (object);

  G_OBJECT_CLASS (gst_ring_kernel_filter_parent_class)->constructed (object);
  gst_ring_kernel_filter_setup_pads (GST_RING_KERNEL_FILTER (object),
      gst_element_class_get_pad_template (klass, "sink"),
      gst_element_class_get_pad_template (klass, "src"));
}

/* The child holds a pointer to us as its parent, and leaves while there still is
 * something to point to. */
static void
gst_ring_kernel_filter_dispose (GObject *object)
{
  gst_ring_kernel_filter_forget_kernel (GST_RING_KERNEL_FILTER (object));
  G_OBJECT_CLASS (gst_ring_kernel_filter_parent_class)->dispose (object);
}

static void
gst_ring_kernel_filter_finalize (GObject *object)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (object);

  gst_ring_flow_clear (self);
  gst_clear_object (&self->found_context);
  g_clear_pointer (&self->last_stats, gst_structure_free);
  g_free (self->not_on_cuda);
  g_mutex_clear (&self->lookup_lock);
  g_mutex_clear (&self->version_lock);
  ring_config_free (self->config);
  g_free (self->kernel_id);
  g_free (self->params);
  G_OBJECT_CLASS (gst_ring_kernel_filter_parent_class)->finalize (object);
}

static void
install (GObjectClass *klass, guint id, GParamSpec *pspec)
{
  pspec->flags |= G_PARAM_STATIC_STRINGS;
  if (!(pspec->flags & GST_PARAM_MUTABLE_PLAYING) && id != PROP_STATS)
    pspec->flags |= GST_PARAM_MUTABLE_READY;
  g_object_class_install_property (klass, id, pspec);
}

static void
gst_ring_kernel_filter_class_init (GstRingKernelFilterClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE;
  const GParamFlags playing = flags | GST_PARAM_MUTABLE_PLAYING;

  object_class->set_property = gst_ring_kernel_filter_set_property;
  object_class->get_property = gst_ring_kernel_filter_get_property;
  object_class->constructed = gst_ring_kernel_filter_constructed;
  object_class->dispose = gst_ring_kernel_filter_dispose;
  object_class->finalize = gst_ring_kernel_filter_finalize;
  element_class->change_state =
      GST_DEBUG_FUNCPTR (gst_ring_kernel_filter_change_state);
  element_class->set_context =
      GST_DEBUG_FUNCPTR (gst_ring_kernel_filter_set_context);

  install (object_class, PROP_KERNEL,
      g_param_spec_string ("kernel", "Kernel",
          "The kernel to run: the name of a built-in or installed "
          "one, or a path to a .c or .so file. Its parameters are the "
          "properties kernel::NAME",
          NULL, flags));
  install (object_class, PROP_BACKEND,
      g_param_spec_enum ("backend", "Backend", "Where the kernel runs",
          RING_TYPE_BACKEND_TYPE, RING_BACKEND_AUTO, flags));
  install (object_class, PROP_DEVICE,
      g_param_spec_int ("device", "Device",
          "Which device of the backend, from 0", 0, G_MAXINT, 0, flags));
  install (object_class, PROP_EXECUTION_MODE,
      g_param_spec_enum ("execution-mode", "Execution mode",
          "How buffers meet the kernel", RING_TYPE_EXECUTION_MODE,
          RING_EXECUTION_AUTO, flags));
  install (object_class, PROP_GRID_SIZE,
      g_param_spec_int ("grid-size", "Grid size",
          "Blocks of workers that run the kernel; "
          "-1: chosen by the backend",
          -1, G_MAXINT, -1, flags));
  install (object_class, PROP_BLOCK_SIZE,
      g_param_spec_int ("block-size", "Block size",
          "Workers in one block; -1: chosen by the backend", -1, G_MAXINT, -1,
          flags));
  install (object_class, PROP_QUEUE_CAPACITY,
      g_param_spec_uint ("queue-capacity", "Queue capacity",
          "Messages that the kernel's ring holds", 0, G_MAXUINT,
          RING_DEFAULT_QUEUE_CAPACITY, flags));
  install (object_class, PROP_MESSAGE_SIZE,
      g_param_spec_uint ("message-size", "Message size",
          "Bytes of the largest message, its header of 256 bytes included, "
          "for kernels of audio, bytes and records that keep memory for each "
          "byte of a message",
          0, G_MAXUINT, RING_DEFAULT_MESSAGE_SIZE, flags));
  install (object_class, PROP_MAX_IN_FLIGHT,
      g_param_spec_uint ("max-in-flight", "Max in flight",
          "Buffers taken in and not yet pushed, at the most, where the kernel "
          "does not run inline; 0: 4 video frames, or 16 of other buffers",
          0, RING_MAX_QUEUE_CAPACITY, DEFAULT_MAX_IN_FLIGHT, playing));
  install (object_class, PROP_POLL_INTERVAL,
      g_param_spec_uint ("poll-interval", "Poll interval",
          "Microseconds at the most between two looks at a ring that nobody "
          "signals",
          0, G_MAXUINT, RING_DEFAULT_POLL_INTERVAL, flags));
  install (object_class, PROP_LEASE,
      g_param_spec_uint64 ("lease", "Lease",
          "Microseconds that a persistent kernel stays on the device at a "
          "stretch; 0: no bound",
          0, G_MAXUINT64, RING_DEFAULT_LEASE, flags));
  install (object_class, PROP_IDLE_TIMEOUT,
      g_param_spec_uint64 ("idle-timeout", "Idle time-out",
          "Microseconds without a buffer after which a persistent kernel "
          "leaves the device",
          0, G_MAXUINT64, RING_DEFAULT_IDLE_TIMEOUT, flags));
  install (object_class, PROP_TERMINATION_TIMEOUT,
      g_param_spec_uint64 ("termination-timeout", "Termination time-out",
          "Microseconds to wait for the kernel to end, at the most", 0,
          G_MAXINT64, RING_DEFAULT_TERMINATION_TIMEOUT, flags));
  install (object_class, PROP_TRANSFER,
      g_param_spec_enum ("transfer", "Transfer",
          "How buffers in system memory reach a device with memory of its own; "
          "frames in CUDA memory are used where they are",
          RING_TYPE_TRANSFER, RING_TRANSFER_AUTO, flags));
  install (object_class, PROP_PARAMS,
      g_param_spec_string ("params", "Parameters",
          "The kernel's parameters as NAME=VALUE, separated by "
          "blanks, all set between the same two buffers",
          NULL, playing));
  install (object_class, PROP_ON_ERROR,
      g_param_spec_enum ("on-error", "On error",
          "What to do with a buffer that the kernel cannot "
          "process; a kernel that has failed altogether is always an error",
          GST_TYPE_RING_KERNEL_FILTER_ON_ERROR, DEFAULT_ON_ERROR, playing));
  install (object_class, PROP_QOS,
      g_param_spec_boolean ("qos", "QoS",
          "Drop video frames that downstream reports as too late, before "
          "any work is spent on them",
          TRUE, playing));
  install (object_class, PROP_RELOAD,
      g_param_spec_boolean ("reload", "Reload",
          "Watch the kernel's file, and let a version that has changed take over "
          "between two buffers",
          FALSE, flags));
  install (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "Counters and times of the kernel; times are in ns",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE));

  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "Ring kernel filter",
      "Filter/Effect/Video/Audio",
      "Runs a kernel of your own, or a built-in one, on every buffer",
      "The gst-ringkernel authors");

  gst_type_mark_as_plugin_api (RING_TYPE_BACKEND_TYPE, 0);
  gst_type_mark_as_plugin_api (RING_TYPE_EXECUTION_MODE, 0);
  gst_type_mark_as_plugin_api (RING_TYPE_TRANSFER, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_RING_KERNEL_FILTER_ON_ERROR, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_RING_KERNEL_PARAMETERS, 0);
}

static void
gst_ring_kernel_filter_init (GstRingKernelFilter *self)
{
  g_mutex_init (&self->lookup_lock);
  g_mutex_init (&self->version_lock);
  self->config = ring_config_new ();
  /* Properties are set by people and by programs; a stream sets none. */
  self->config->parameter_files = TRUE;
  self->grid_size = self->block_size = -1;
  self->max_in_flight = DEFAULT_MAX_IN_FLIGHT;
  self->on_error = DEFAULT_ON_ERROR;
  self->qos = TRUE;
  self->earliest_time = GST_CLOCK_TIME_NONE;
  self->frame_duration = GST_CLOCK_TIME_NONE;
  gst_ring_flow_init (self);
}
