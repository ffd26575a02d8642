/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * kernelelement.c: each kernel that a name finds, as an element of its own.
 *
 * `ringkernel-NAME` is a ringkernelfilter whose kernel is chosen, with the kernel's
 * formats on its pad templates and its parameters among its properties. A value has
 * one place, the child `kernel`: the element's properties read and write it there.
 *
 * What GStreamer's registry keeps of an element needs what the kernel declares, and
 * a source has to be compiled for that. That happens when the plugin is scanned:
 * once, and again when a directory of kernels has changed. Whoever loads the plugin
 * later learns from the registry which elements there are; the kernel is looked up
 * when the class of its element is first used. No device is asked for any of it.
 */
#define _GNU_SOURCE /* dladdr */
#include "kernelelement.h"

#include "cudashare.h"
#include "gstringkernelfilter.h"

#include <dlfcn.h>
#include <string.h>

GST_DEBUG_CATEGORY_STATIC (ring_kernel_element_debug);
#define GST_CAT_DEFAULT ring_kernel_element_debug

#define TOLD_LINES 4

enum
{
  PROP_0,
  PROP_KERNEL,
  PROP_FIRST_PARAMETER
};

typedef struct
{
  GstRingKernelFilterClass parent_class;

  const gchar *kernel;
  GParamSpec **pspecs;      /* property PROP_FIRST_PARAMETER + i … */
  const gchar **parameters; /* … is this one of the child */
  guint n_parameters;
} GstRingKernelElementClass;

/* What a class is made of; lives as long as its type. */
typedef struct
{
  const gchar *kernel;
  RingKernelInfo *info; /* until the class is made; NULL: not looked up yet */
} ElementData;

/* Of an element: what was said of its properties since its child was made anew. */
typedef struct
{
  gboolean had_child;
  gboolean told[]; /* object lock; for each parameter of the class */
} ElementState;

static GQuark
state_quark (void)
{
  return g_quark_from_static_string ("gst-ring-kernel-element-state");
}

#define STATE(object) \
  ((ElementState *) g_object_get_qdata (G_OBJECT (object), state_quark ()))

#define CLASS(object) \
  ((GstRingKernelElementClass *) G_OBJECT_GET_CLASS (object))

RingKernelInfo *
gst_ring_find_kernel (const gchar *id, GError **error)
{
  RingConfig *config = ring_config_new ();
  RingKernelInfo *info = NULL;
  RingRuntime *runtime;

  config->backend = RING_BACKEND_CPU;
  runtime = ring_runtime_new (config, error);
  if (runtime)
    info = ring_runtime_find_kernel (runtime, id, error);
  g_clear_object (&runtime);
  ring_config_free (config);
  return info;
}

/* Not as a warning of GLib, which programs may have made fatal: what is wrong
 * with one kernel concerns nobody who does not use it. Of a compiler's log, which
 * may be long, the beginning will do; the element's error has all of it. */
static void
tell (const gchar *kernel, const GError *error)
{
  gchar **lines = g_strsplit (error->message, "\n", TOLD_LINES + 1);
  const gboolean more = g_strv_length (lines) > TOLD_LINES;
  gchar *text;

  if (more)
    g_clear_pointer (&lines[TOLD_LINES], g_free);
  text = g_strjoinv ("\n", lines);
  GST_WARNING ("no element ringkernel-%s: %s", kernel, text);
  g_message ("no element ringkernel-%s: %s%s", kernel, text, more ? "\n…" : "");
  g_free (text);
  g_strfreev (lines);
}

/* ---- properties ------------------------------------------------------------- */

/* Of one type unless the kernel has been edited since the class was made. */
static gboolean
convert (const GValue *from, GValue *to)
{
  gboolean ok;
  gchar *text;

  if (g_value_type_compatible (G_VALUE_TYPE (from), G_VALUE_TYPE (to))) {
    g_value_copy (from, to);
    return TRUE;
  }
  text = gst_value_serialize (from);
  ok = text && gst_value_deserialize (to, text);
  g_free (text);
  return ok;
}

/* The child that has the parameter, or NULL; @there is its specification. */
static GObject *
ref_child (GstRingKernelFilter *self, guint id, GParamSpec **there)
{
  GObject *child = (GObject *) gst_ring_kernel_filter_ref_parameters (self);

  *there = child ? g_object_class_find_property (G_OBJECT_GET_CLASS (child),
               CLASS (self)->parameters[id - PROP_FIRST_PARAMETER])
                 : NULL;
  if (child && !*there)
    g_clear_object (&child);
  return child;
}

/* Whether nobody was told yet that this one cannot be set: a controller tries it with
 * every buffer. */
static gboolean
is_first (GstRingKernelFilter *self, guint id)
{
  gboolean *told = &STATE (self)->told[id - PROP_FIRST_PARAMETER];
  gboolean first;

  GST_OBJECT_LOCK (self);
  first = !*told;
  *told = TRUE;
  GST_OBJECT_UNLOCK (self);
  return first;
}

/* The class has the range that the kernel had when it was made; another version may
 * allow less. The nearest that it allows would be a value that nobody asked for. */
static void
set_child (GstRingKernelFilter *self, GObject *child, GParamSpec *there,
    GValue *value, guint id, const gchar *name)
{
  gchar *asked = gst_value_serialize (value), *allowed;

  if (!g_param_value_validate (there, value)) {
    g_object_set_property (child, there->name, value);
    g_free (asked);
    return;
  }
  allowed = gst_value_serialize (value);
  if (is_first (self, id))
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
        ("'%s' is not set to %s: this version of kernel '%s' does not allow it; the "
         "nearest is %s",
            name, asked, CLASS (self)->kernel, allowed),
        ("the parameter keeps its value"));
  g_free (allowed);
  g_free (asked);
}

static void
kernel_element_set_property (GObject *object, guint id, const GValue *value,
    GParamSpec *pspec)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (object);
  GValue fitting = G_VALUE_INIT;
  GParamSpec *there;
  GObject *child;
  gboolean ok = FALSE;

  if (id < PROP_FIRST_PARAMETER) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    return;
  }
  child = ref_child (self, id, &there);
  if (child) {
    g_value_init (&fitting, there->value_type);
    ok = convert (value, &fitting);
    if (ok)
      set_child (self, child, there, &fitting, id, pspec->name);
    g_value_unset (&fitting);
    g_object_unref (child);
  }
  if (!ok && is_first (self, id))
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
        ("'%s' is not set: kernel '%s' cannot be used, or does not have this "
         "parameter any more",
            pspec->name, CLASS (self)->kernel),
        ("said once for each version"));
}

static void
kernel_element_get_property (GObject *object, guint id, GValue *value,
    GParamSpec *pspec)
{
  GstRingKernelFilter *self = GST_RING_KERNEL_FILTER (object);
  GValue now = G_VALUE_INIT;
  GParamSpec *there;
  GObject *child;
  gboolean ok = FALSE;

  if (id == PROP_KERNEL) {
    g_value_set_string (value, CLASS (self)->kernel);
    return;
  }
  child = ref_child (self, id, &there);
  if (child) {
    g_value_init (&now, there->value_type);
    g_object_get_property (child, there->name, &now);
    ok = convert (&now, value);
    g_value_unset (&now);
    g_object_unref (child);
  }
  if (!ok)
    g_param_value_set_default (pspec, value);
}

/* Whoever sets the child, our property has changed with it. */
static void
child_changed (GObject *child, GParamSpec *there, GObject *element)
{
  GstRingKernelElementClass *klass = CLASS (element);
  guint i;

  for (i = 0; i < klass->n_parameters; i++)
    if (strcmp (klass->parameters[i], there->name) == 0)
      g_object_notify_by_pspec (element, klass->pspecs[i]);
}

/* For another version it is another one: what nobody has set may have other values. */
static void
child_added (GObject *element, GObject *child)
{
  GstRingKernelElementClass *klass = CLASS (element);
  ElementState *state = STATE (element);
  gboolean had_child;
  guint i;

  g_signal_connect (child, "notify", G_CALLBACK (child_changed), element);
  GST_OBJECT_LOCK (element);
  had_child = state->had_child;
  state->had_child = TRUE;
  memset (state->told, 0, klass->n_parameters * sizeof *state->told);
  GST_OBJECT_UNLOCK (element);
  for (i = 0; had_child && i < klass->n_parameters; i++)
    g_object_notify_by_pspec (element, klass->pspecs[i]);
}

static void
child_removed (GObject *element, GObject *child)
{
  g_signal_handlers_disconnect_by_func (child, child_changed, element);
}

/* ---- the class of one kernel --------------------------------------------------- */

static void
install (GObjectClass *object_class, guint i, GParamSpec *pspec)
{
  GstRingKernelElementClass *klass = (GstRingKernelElementClass *) object_class;
  gchar *name = g_strdup (pspec->name);

  /* What the element has already keeps its name. */
  while (g_object_class_find_property (object_class, name)) {
    gchar *longer = g_strconcat ("kernel-", name, NULL);

    g_free (name);
    name = longer;
  }
  klass->parameters[i] = g_intern_string (pspec->name);
  klass->pspecs[i] = gst_ring_kernel_parameters_clone_pspec (pspec, name);
  g_object_class_install_property (object_class, PROP_FIRST_PARAMETER + i,
      klass->pspecs[i]);
  g_free (name);
}

static void
install_parameters (GstRingKernelElementClass *klass, RingKernelInfo *info)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamSpec **list;
  gboolean *clashes;
  guint i, n;

  list = ring_kernel_info_list_parameters (info, &n);
  klass->pspecs = g_new0 (GParamSpec *, n + 1);
  klass->parameters = g_new0 (const gchar *, n + 1);
  klass->n_parameters = n;
  clashes = g_new0 (gboolean, n + 1);
  for (i = 0; i < n; i++)
    clashes[i] =
        g_object_class_find_property (object_class, list[i]->name) != NULL;
  /* Those that keep their names first: they are not to make room. */
  for (i = 0; i < n; i++)
    if (!clashes[i])
      install (object_class, i, list[i]);
  for (i = 0; i < n; i++)
    if (clashes[i])
      install (object_class, i, list[i]);
  for (i = 0; i < n; i++)
    g_param_spec_unref (list[i]);
  g_free (list);
  g_free (clashes);
}

static const gchar *
klass_of (RingKernelInfo *info)
{
  const RingPayloadKind kind = ring_kernel_info_get_kind (info);
  const gboolean tells = ring_kernel_info_get_output_kind (info) != kind;

  switch (kind) {
    case RING_PAYLOAD_VIDEO:
      return tells ? "Filter/Analyzer/Video" : "Filter/Effect/Video";
    case RING_PAYLOAD_AUDIO:
      return tells ? "Filter/Analyzer/Audio" : "Filter/Effect/Audio";
    default:
      return "Filter/Effect/Generic";
  }
}

/* "gaussian-blur" -> "Gaussian blur kernel" */
static gchar *
long_name_of (const gchar *kernel)
{
  gchar *name = g_strconcat (kernel, " kernel", NULL);

  g_strdelimit (name, "-", ' ');
  name[0] = g_ascii_toupper (name[0]);
  return name;
}

static void
describe (GstElementClass *klass, const gchar *kernel, RingKernelInfo *info)
{
  const gchar *origin = ring_kernel_info_get_origin (info);
  const gboolean builtin = strcmp (origin, "built-in") == 0;
  GstRingCaps *caps = gst_ring_caps_new (info, GST_RING_CUDA_IS_BUILT);
  gchar *name = long_name_of (kernel);
  /* A kernel's texts may be in any encoding, and so may file names. */
  gchar *what = g_utf8_make_valid (ring_kernel_info_get_description (info), -1);
  gchar *author = builtin ? g_strdup ("The gst-ringkernel authors")
                          : g_filename_display_name (origin);

  gst_element_class_set_metadata (klass, name, klass_of (info), what, author);
  gst_element_class_add_pad_template (klass,
      gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
          caps->sink_caps));
  gst_element_class_add_pad_template (klass,
      gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS,
          caps->src_caps));
  gst_ring_caps_unref (caps);
  g_free (author);
  g_free (what);
  g_free (name);
}

static void
kernel_element_class_init (gpointer g_class, gpointer data)
{
  GstRingKernelElementClass *klass = g_class;
  GObjectClass *object_class = g_class;
  ElementData *element = data;
  RingKernelInfo *info = g_steal_pointer (&element->info);
  GError *error = NULL;

  klass->kernel = element->kernel;
  object_class->set_property = kernel_element_set_property;
  object_class->get_property = kernel_element_get_property;
  g_object_class_install_property (object_class, PROP_KERNEL,
      g_param_spec_string ("kernel", "Kernel",
          "The kernel that this element runs", element->kernel,
          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  if (!info)
    info = gst_ring_find_kernel (element->kernel, &error);
  if (info) {
    describe (GST_ELEMENT_CLASS (klass), element->kernel, info);
    install_parameters (klass, info);
    ring_kernel_info_unref (info);
  } else {
    /* It was there when the registry was written. The element is made all the
     * same: it says what is wrong when it is to get ready, to whoever uses it. */
    tell (element->kernel, error);
    g_error_free (error);
  }
}

static void
kernel_element_init (GTypeInstance *instance, gpointer g_class)
{
  GstRingKernelFilter *self = (GstRingKernelFilter *) instance;
  const guint n = ((GstRingKernelElementClass *) g_class)->n_parameters;

  g_object_set_qdata_full (G_OBJECT (self), state_quark (),
      g_malloc0 (sizeof (ElementState) + n * sizeof (gboolean)), g_free);
  self->kernel_id = g_strdup (((GstRingKernelElementClass *) g_class)->kernel);
  g_signal_connect (self, "child-added", G_CALLBACK (child_added), NULL);
  g_signal_connect (self, "child-removed", G_CALLBACK (child_removed), NULL);
}

/* ---- registration ------------------------------------------------------------------ */

static void
register_element (GstPlugin *plugin, const gchar *kernel, RingKernelInfo *info)
{
  gchar *feature = g_strconcat ("ringkernel-", kernel, NULL);
  gchar *type_name = g_strconcat ("GstRingKernel-", kernel, NULL);
  GType type = g_type_from_name (type_name);

  if (!type) {
    ElementData *data = g_new0 (ElementData, 1);
    GTypeInfo type_info = {
      .class_size = sizeof (GstRingKernelElementClass),
      .class_init = kernel_element_class_init,
      .class_data = data,
      .instance_size = sizeof (GstRingKernelFilter),
      .instance_init = kernel_element_init,
    };

    data->kernel = g_intern_string (kernel);
    data->info = info ? ring_kernel_info_ref (info) : NULL;
    type = g_type_register_static (GST_TYPE_RING_KERNEL_FILTER, type_name,
        &type_info, 0);
    /* Which of them there are is not the plugin's doing. */
    gst_element_type_set_skip_documentation (type);
  }
  gst_element_register (plugin, feature, GST_RANK_NONE, type);
  g_free (type_name);
  g_free (feature);
}

/* Whoever misses an element looks into the log. */
static void
warn_of_open_directories (void)
{
  gchar **path = ring_kernel_search_path ();
  guint i;

  for (i = 0; path[i]; i++) {
    GError *error = NULL;

    if (!ring_kernel_directory_is_safe (path[i], &error))
      GST_WARNING ("%s", error->message);
    g_clear_error (&error);
  }
  g_strfreev (path);
}

/* Looks at every kernel, and has the registry keep the names of those that are
 * whole. */
static void
scan (GstPlugin *plugin)
{
  GstStructure *known = gst_structure_new_empty ("ringkernel-elements");
  RingConfig *config = ring_config_new ();
  GValue list = G_VALUE_INIT;
  RingRuntime *runtime;
  GError *error = NULL;
  gchar **names;
  guint i;

  config->backend = RING_BACKEND_CPU;
  runtime = ring_runtime_new (config, &error);
  ring_config_free (config);
  if (!runtime) {
    GST_WARNING ("no elements of kernels: %s", error->message);
    g_error_free (error);
    gst_structure_free (known);
    return;
  }
  warn_of_open_directories ();
  g_value_init (&list, GST_TYPE_ARRAY);
  names = ring_runtime_list_kernels (runtime);
  for (i = 0; names[i]; i++) {
    RingKernelInfo *info = ring_runtime_find_kernel (runtime, names[i], &error);
    GValue name = G_VALUE_INIT;

    if (!info) {
      tell (names[i], error);
      g_clear_error (&error);
      continue;
    }
    if (strchr (ring_kernel_info_get_origin (info), '/')
        && !g_path_is_absolute (ring_kernel_info_get_origin (info))) {
      /* In another directory it would not be there. */
      GST_INFO ("no element for %s: its directory is a relative path",
          ring_kernel_info_get_origin (info));
    } else {
      register_element (plugin, names[i], info);
      g_value_init (&name, G_TYPE_STRING);
      g_value_set_string (&name, names[i]);
      gst_value_array_append_and_take_value (&list, &name);
    }
    ring_kernel_info_unref (info);
  }
  gst_structure_take_value (known, "kernels", &list);
  gst_plugin_set_cache_data (plugin, known);
  g_strfreev (names);
  g_object_unref (runtime);
}

/* The scan is repeated when one of these has changed. */
static void
depend (GstPlugin *plugin)
{
  static const gchar *const variables[] = { "RINGKERNEL_PATH",
    "XDG_DATA_HOME/ringkernel/kernels", "HOME/.local/share/ringkernel/kernels",
    NULL };
  static const gchar *const suffixes[] = { ".c", ".so", NULL };
  static const gchar *const compiler_dirs[] = { "/usr/local/bin", "/usr/bin",
    NULL };
  static const gchar *const compilers[] = { "cc", NULL };
  gchar **path = ring_kernel_search_path ();
  /* The last one is the system's. */
  const gchar *system[] = { path[g_strv_length (path) - 1], NULL };
  Dl_info library;

  gst_plugin_add_dependency (plugin, (const gchar **) variables, system,
      (const gchar **) suffixes,
      GST_PLUGIN_DEPENDENCY_FLAG_FILE_NAME_IS_SUFFIX);
  /* With a compiler that was not there before, sources become kernels. */
  gst_plugin_add_dependency (plugin, NULL, (const gchar **) compiler_dirs,
      (const gchar **) compilers, GST_PLUGIN_DEPENDENCY_FLAG_NONE);
  /* The built-in kernels are the library's. */
  if (dladdr ((gpointer) ring_runtime_new, &library) != 0
      && g_path_is_absolute (library.dli_fname)) {
    gchar *dir = g_path_get_dirname (library.dli_fname);
    gchar *file = g_path_get_basename (library.dli_fname);
    const gchar *dirs[] = { dir, NULL }, *files[] = { file, NULL };

    gst_plugin_add_dependency (plugin, NULL, dirs, files,
        GST_PLUGIN_DEPENDENCY_FLAG_NONE);
    g_free (dir);
    g_free (file);
  }
  g_strfreev (path);
}

void
gst_ring_kernel_elements_register (GstPlugin *plugin)
{
  const GstStructure *known;
  const GValue *list;
  guint i;

  GST_DEBUG_CATEGORY_INIT (ring_kernel_element_debug, "ringkernelelement", 0,
      "ringkernel-NAME: kernels as elements");
  depend (plugin);
  known = gst_plugin_get_cache_data (plugin);
  list = known ? gst_structure_get_value (known, "kernels") : NULL;
  if (!list || !GST_VALUE_HOLDS_ARRAY (list)) {
    scan (plugin);
    return;
  }
  for (i = 0; i < gst_value_array_get_size (list); i++)
    register_element (plugin,
        g_value_get_string (gst_value_array_get_value (list, i)), NULL);
}
