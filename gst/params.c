/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * params.c: a kernel's parameters as properties of an object.
 *
 * Each kernel gets a class of its own, made when it is first used, since only a
 * class can carry ranges, defaults and descriptions where gst-inspect, graphical
 * tools and controllers look for them. The object is the element's child `kernel`.
 */
#include "params.h"

#include <string.h>

GST_DEBUG_CATEGORY_STATIC (ring_kernel_params_debug);
#define GST_CAT_DEFAULT ring_kernel_params_debug

typedef struct
{
  RingKernel *kernel; /* object lock; NULL while there is none */
  GValue *values;     /* object lock */
  guint *serials;     /* object lock; 0: never set */
} GstRingKernelParametersPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_CODE (
    GstRingKernelParameters, gst_ring_kernel_parameters, GST_TYPE_OBJECT,
    G_ADD_PRIVATE (GstRingKernelParameters);
    GST_DEBUG_CATEGORY_INIT (ring_kernel_params_debug, "ringkernelparams", 0,
        "ringkernelfilter: kernel parameters"));

#define PRIVATE(self) \
  ((GstRingKernelParametersPrivate *) \
          gst_ring_kernel_parameters_get_instance_private (self))

guint
gst_ring_kernel_parameters_next_serial (void)
{
  static gint serial = 0;

  return (guint) g_atomic_int_add (&serial, 1) + 1;
}

/* ---- the class of one kernel ----------------------------------------------- */

GParamSpec *
gst_ring_kernel_parameters_clone_pspec (GParamSpec *pspec, const gchar *name)
{
  const gchar *nick = g_param_spec_get_nick (pspec);
  const gchar *blurb = g_param_spec_get_blurb (pspec);
  const GParamFlags flags = G_PARAM_READWRITE | GST_PARAM_MUTABLE_PLAYING;
  const GParamFlags number = flags | GST_PARAM_CONTROLLABLE;

  if (G_IS_PARAM_SPEC_FLOAT (pspec)) {
    GParamSpecFloat *p = G_PARAM_SPEC_FLOAT (pspec);

    return g_param_spec_float (name, nick, blurb, p->minimum, p->maximum,
        p->default_value, number);
  }
  if (G_IS_PARAM_SPEC_DOUBLE (pspec)) {
    GParamSpecDouble *p = G_PARAM_SPEC_DOUBLE (pspec);

    return g_param_spec_double (name, nick, blurb, p->minimum, p->maximum,
        p->default_value, number);
  }
  if (G_IS_PARAM_SPEC_INT (pspec)) {
    GParamSpecInt *p = G_PARAM_SPEC_INT (pspec);

    return g_param_spec_int (name, nick, blurb, p->minimum, p->maximum,
        p->default_value, number);
  }
  if (G_IS_PARAM_SPEC_BOOLEAN (pspec))
    return g_param_spec_boolean (name, nick, blurb,
        G_PARAM_SPEC_BOOLEAN (pspec)->default_value, number);
  if (G_IS_PARAM_SPEC_ENUM (pspec))
    return g_param_spec_enum (name, nick, blurb, pspec->value_type,
        G_PARAM_SPEC_ENUM (pspec)->default_value, number);
  return g_param_spec_string (name, nick, blurb,
      G_IS_PARAM_SPEC_STRING (pspec)
          ? G_PARAM_SPEC_STRING (pspec)->default_value
          : NULL,
      flags);
}

static void
warn_not_set (GstRingKernelParameters *self, const GError *error)
{
  GstObject *element = gst_object_get_parent (GST_OBJECT (self));

  if (!element)
    return;
  GST_ELEMENT_WARNING (element, RESOURCE, SETTINGS, ("%s", error->message),
      ("the parameter keeps its value"));
  gst_object_unref (element);
}

static void
kernel_class_set_property (GObject *object, guint id, const GValue *value,
    GParamSpec *pspec)
{
  GstRingKernelParameters *self = GST_RING_KERNEL_PARAMETERS (object);
  GstRingKernelParametersPrivate *priv = PRIVATE (self);
  RingKernel *kernel;
  GError *error = NULL;

  GST_OBJECT_LOCK (self);
  kernel = priv->kernel ? g_object_ref (priv->kernel) : NULL;
  if (!kernel) {
    g_value_copy (value, &priv->values[id - 1]);
    priv->serials[id - 1] = gst_ring_kernel_parameters_next_serial ();
  }
  GST_OBJECT_UNLOCK (self);
  if (!kernel)
    return;

  /* The kernel judges first: a refused value must not be kept. */
  if (ring_kernel_set_parameter (kernel, pspec->name, value, &error)) {
    GST_OBJECT_LOCK (self);
    g_value_copy (value, &priv->values[id - 1]);
    priv->serials[id - 1] = gst_ring_kernel_parameters_next_serial ();
    GST_OBJECT_UNLOCK (self);
  } else {
    warn_not_set (self, error);
    g_error_free (error);
  }
  g_object_unref (kernel);
}

static void
kernel_class_get_property (GObject *object, guint id, GValue *value,
    GParamSpec *pspec)
{
  GstRingKernelParameters *self = GST_RING_KERNEL_PARAMETERS (object);

  GST_OBJECT_LOCK (self);
  g_value_copy (&PRIVATE (self)->values[id - 1], value);
  GST_OBJECT_UNLOCK (self);
}

static void
kernel_class_init (gpointer klass, gpointer data)
{
  GstRingKernelParametersClass *parameters = klass;
  GObjectClass *object_class = klass;
  RingKernelInfo *info = data;
  GParamSpec **list;
  guint i;

  object_class->set_property = kernel_class_set_property;
  object_class->get_property = kernel_class_get_property;

  list = ring_kernel_info_list_parameters (info, &parameters->n_pspecs);
  parameters->pspecs = g_new0 (GParamSpec *, parameters->n_pspecs + 1);
  for (i = 0; i < parameters->n_pspecs; i++) {
    parameters->pspecs[i] =
        gst_ring_kernel_parameters_clone_pspec (list[i], list[i]->name);
    g_object_class_install_property (object_class, i + 1,
        parameters->pspecs[i]);
    g_param_spec_unref (list[i]);
  }
  g_free (list);
  /* The type outlives the plugin's elements, the info need not. */
  ring_kernel_info_unref (info);
}

/* Kernels of one name can declare other things after an edit, so what they
 * declare is part of the type's name. */
static gchar *
type_name (RingKernelInfo *info)
{
  GChecksum *checksum = g_checksum_new (G_CHECKSUM_SHA1);
  GParamSpec **list;
  gchar *name;
  guint i, n;

  list = ring_kernel_info_list_parameters (info, &n);
  for (i = 0; i < n; i++) {
    GValue value = G_VALUE_INIT;
    gchar *text, *range = NULL;

    g_value_init (&value, list[i]->value_type);
    g_param_value_set_default (list[i], &value);
    text = g_strdup_value_contents (&value);
    g_value_unset (&value);
    if (G_IS_PARAM_SPEC_FLOAT (list[i]))
      range = g_strdup_printf ("%a %a", G_PARAM_SPEC_FLOAT (list[i])->minimum,
          G_PARAM_SPEC_FLOAT (list[i])->maximum);
    else if (G_IS_PARAM_SPEC_INT (list[i]))
      range = g_strdup_printf ("%d %d", G_PARAM_SPEC_INT (list[i])->minimum,
          G_PARAM_SPEC_INT (list[i])->maximum);
    g_checksum_update (checksum, (const guchar *) list[i]->name, -1);
    g_checksum_update (checksum,
        (const guchar *) g_type_name (list[i]->value_type), -1);
    g_checksum_update (checksum, (const guchar *) text, -1);
    if (range)
      g_checksum_update (checksum, (const guchar *) range, -1);
    if (g_param_spec_get_blurb (list[i]))
      g_checksum_update (checksum,
          (const guchar *) g_param_spec_get_blurb (list[i]), -1);
    g_free (text);
    g_free (range);
    g_param_spec_unref (list[i]);
  }
  g_free (list);

  name = g_strdup_printf ("GstRingKernelParameters-%s-%.12s",
      ring_kernel_info_get_name (info), g_checksum_get_string (checksum));
  g_strcanon (name,
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
      "0123456789-_",
      '-');
  g_checksum_free (checksum);
  return name;
}

static GType
kernel_type (RingKernelInfo *info)
{
  static GMutex lock;
  gchar *name = type_name (info);
  GType type;

  g_mutex_lock (&lock);
  type = g_type_from_name (name);
  if (!type) {
    GTypeInfo type_info = {
      .class_size = sizeof (GstRingKernelParametersClass),
      .class_init = kernel_class_init,
      .class_data = ring_kernel_info_ref (info),
      .instance_size = sizeof (GstRingKernelParameters),
    };

    type = g_type_register_static (GST_TYPE_RING_KERNEL_PARAMETERS, name,
        &type_info, 0);
    /* Runs class_init now, so that the info is let go at once. */
    g_type_class_ref (type);
  }
  g_mutex_unlock (&lock);
  g_free (name);
  return type;
}

/* ---- the object --------------------------------------------------------------- */

static void
gst_ring_kernel_parameters_constructed (GObject *object)
{
  GstRingKernelParameters *self = GST_RING_KERNEL_PARAMETERS (object);
  GstRingKernelParametersClass *klass =
      GST_RING_KERNEL_PARAMETERS_GET_CLASS (self);
  GstRingKernelParametersPrivate *priv = PRIVATE (self);
  guint i;

  G_OBJECT_CLASS (gst_ring_kernel_parameters_parent_class)
      ->constructed (object);
  priv->values = g_new0 (GValue, klass->n_pspecs + 1);
  priv->serials = g_new0 (guint, klass->n_pspecs + 1);
  for (i = 0; i < klass->n_pspecs; i++) {
    g_value_init (&priv->values[i], klass->pspecs[i]->value_type);
    g_param_value_set_default (klass->pspecs[i], &priv->values[i]);
  }
}

static void
gst_ring_kernel_parameters_finalize (GObject *object)
{
  GstRingKernelParameters *self = GST_RING_KERNEL_PARAMETERS (object);
  GstRingKernelParametersPrivate *priv = PRIVATE (self);
  guint i;

  for (i = 0; i < GST_RING_KERNEL_PARAMETERS_GET_CLASS (self)->n_pspecs; i++)
    g_value_unset (&priv->values[i]);
  g_free (priv->values);
  g_free (priv->serials);
  g_clear_object (&priv->kernel);
  G_OBJECT_CLASS (gst_ring_kernel_parameters_parent_class)->finalize (object);
}

static void
gst_ring_kernel_parameters_class_init (GstRingKernelParametersClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = gst_ring_kernel_parameters_constructed;
  object_class->finalize = gst_ring_kernel_parameters_finalize;
}

static void
gst_ring_kernel_parameters_init (GstRingKernelParameters *self)
{
}

GstRingKernelParameters *
gst_ring_kernel_parameters_new (RingKernelInfo *info)
{
  GstRingKernelParameters *self = g_object_new (kernel_type (info), NULL);

  /* Not by the property: a kernel may declare a parameter called "name". */
  gst_object_set_name (GST_OBJECT (self), "kernel");
  return g_object_ref_sink (self);
}

gboolean
gst_ring_kernel_parameters_fit (GstRingKernelParameters *self,
    RingKernelInfo *info)
{
  return G_OBJECT_TYPE (self) == kernel_type (info);
}

static gboolean
apply (GstRingKernelParameters *self, RingKernel *kernel, guint after,
    guint before, GError **error)
{
  GstRingKernelParametersClass *klass =
      GST_RING_KERNEL_PARAMETERS_GET_CLASS (self);
  GstRingKernelParametersPrivate *priv = PRIVATE (self);
  gboolean ok = TRUE;
  guint i;

  for (i = 0; i < klass->n_pspecs && ok; i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, klass->pspecs[i]->value_type);
    GST_OBJECT_LOCK (self);
    ok = priv->serials[i] > after && priv->serials[i] < before;
    if (ok)
      g_value_copy (&priv->values[i], &value);
    GST_OBJECT_UNLOCK (self);
    ok = !ok
        || ring_kernel_set_parameter (kernel, klass->pspecs[i]->name, &value,
            error);
    g_value_unset (&value);
  }
  return ok;
}

void
gst_ring_kernel_parameters_refresh (GstRingKernelParameters *self)
{
  GstRingKernelParametersClass *klass =
      GST_RING_KERNEL_PARAMETERS_GET_CLASS (self);
  GstRingKernelParametersPrivate *priv = PRIVATE (self);
  RingKernel *kernel;
  guint i;

  GST_OBJECT_LOCK (self);
  kernel = priv->kernel ? g_object_ref (priv->kernel) : NULL;
  GST_OBJECT_UNLOCK (self);
  if (!kernel)
    return;

  for (i = 0; i < klass->n_pspecs; i++) {
    GValue value = G_VALUE_INIT;
    gboolean changed;

    g_value_init (&value, klass->pspecs[i]->value_type);
    if (ring_kernel_get_parameter (kernel, klass->pspecs[i]->name, &value,
            NULL)) {
      GST_OBJECT_LOCK (self);
      changed =
          g_param_values_cmp (klass->pspecs[i], &priv->values[i], &value) != 0;
      if (changed) {
        g_value_copy (&value, &priv->values[i]);
        priv->serials[i] = gst_ring_kernel_parameters_next_serial ();
      }
      GST_OBJECT_UNLOCK (self);
      if (changed)
        g_object_notify_by_pspec (G_OBJECT (self), klass->pspecs[i]);
    }
    g_value_unset (&value);
  }
  g_object_unref (kernel);
}

gboolean
gst_ring_kernel_parameters_attach (GstRingKernelParameters *self,
    RingKernel *kernel, const gchar *text, guint text_serial, GError **error)
{
  if (!apply (self, kernel, 0, text_serial, error)
      || (text && !ring_kernel_set_parameters_from_string (kernel, text, error))
      || !apply (self, kernel, text_serial, G_MAXUINT, error))
    return FALSE;

  GST_OBJECT_LOCK (self);
  g_set_object (&PRIVATE (self)->kernel, kernel);
  GST_OBJECT_UNLOCK (self);
  gst_ring_kernel_parameters_refresh (self);
  return TRUE;
}

void
gst_ring_kernel_parameters_detach (GstRingKernelParameters *self)
{
  RingKernel *kernel;

  GST_OBJECT_LOCK (self);
  kernel = g_steal_pointer (&PRIVATE (self)->kernel);
  GST_OBJECT_UNLOCK (self);
  g_clear_object (&kernel);
}

/* ---- controllers ------------------------------------------------------------------ */

static gboolean
is_of_every_binding (GParamSpec *pspec)
{
  return pspec->owner_type == GST_TYPE_OBJECT
      || pspec->owner_type == GST_TYPE_CONTROL_BINDING;
}

/* A binding is made for one object, so it is made again, with the same sources. NULL:
 * it keeps what it needs to itself. */
static GstControlBinding *
copy_binding (GstControlBinding *binding, GstObject *object)
{
  guint n_pspecs, n = 2, own = 0, i;
  GParamSpec **pspecs =
      g_object_class_list_properties (G_OBJECT_GET_CLASS (binding), &n_pspecs);
  const gchar **names = g_new0 (const gchar *, n_pspecs + 2);
  GValue *values = g_new0 (GValue, n_pspecs + 2);
  GstControlBinding *copy = NULL;

  names[0] = "object";
  g_value_init (&values[0], GST_TYPE_OBJECT);
  g_value_set_object (&values[0], object);
  names[1] = "name";
  g_value_init (&values[1], G_TYPE_STRING);
  g_value_set_string (&values[1], binding->name);
  for (i = 0; i < n_pspecs; i++) {
    if (is_of_every_binding (pspecs[i])
        || (pspecs[i]->flags & G_PARAM_READWRITE) != G_PARAM_READWRITE)
      continue;
    names[n] = pspecs[i]->name;
    g_value_init (&values[n], pspecs[i]->value_type);
    g_object_get_property (G_OBJECT (binding), names[n], &values[n]);
    n++;
    own++;
  }
  if (own > 0)
    copy = (GstControlBinding *) g_object_new_with_properties (G_OBJECT_TYPE (
                                                                   binding),
        n, names, values);
  for (i = 0; i < n; i++)
    g_value_unset (&values[i]);
  g_free (values);
  g_free (names);
  g_free (pspecs);
  return copy;
}

void
gst_ring_kernel_parameters_take_controllers (GstRingKernelParameters *self,
    GstRingKernelParameters *from)
{
  GList *bindings, *l;

  GST_OBJECT_LOCK (from);
  bindings = g_list_copy_deep (GST_OBJECT (from)->control_bindings,
      (GCopyFunc) (void (*) (void)) gst_object_ref, NULL);
  GST_OBJECT_UNLOCK (from);
  for (l = bindings; l; l = l->next) {
    GstControlBinding *binding = l->data, *copy = NULL;
    GParamSpec *pspec =
        g_object_class_find_property (G_OBJECT_GET_CLASS (self), binding->name);

    if (pspec && pspec->flags & GST_PARAM_CONTROLLABLE)
      copy = copy_binding (binding, GST_OBJECT (self));
    if (copy) {
      gst_control_binding_set_disabled (copy,
          gst_control_binding_is_disabled (binding));
      gst_object_add_control_binding (GST_OBJECT (self), copy);
    } else {
      GST_INFO_OBJECT (self, "'%s' is not controlled any more", binding->name);
    }
    gst_object_remove_control_binding (GST_OBJECT (from), binding);
    gst_object_unref (binding);
  }
  g_list_free (bindings);
}
