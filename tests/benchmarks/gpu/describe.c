/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * describe.c: what the benchmarks ran on. What the driver's own interface does not
 * tell comes from NVIDIA's management library, opened at run time, where it is.
 */
#include <dlfcn.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench-commit.h"
#include "gpu.h"

enum /* of NVML's interface, which does not change */
{
  NVML_CLOCK_SM = 1,
  NVML_CLOCK_MEMORY = 2
};

typedef struct
{
  gpointer device;
  int (*get_driver_version) (char *version, unsigned length);
  int (*get_power) (gpointer device, unsigned *milliwatts);
  int (*get_clock) (gpointer device, int which, unsigned *mhz);
  int (*get_max_clock) (gpointer device, int which, unsigned *mhz);
} Nvml;

static const Nvml *
nvml_open (Gpu *gpu)
{
  static Nvml nvml;
  static gboolean tried;
  int (*init) (void);
  int (*by_bus) (const char *bus, gpointer *device);
  g_autofree gchar *bus = NULL;
  gpointer library;

  if (tried)
    return nvml.device ? &nvml : NULL;
  tried = TRUE;
  library = dlopen ("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return NULL;
  init = (int (*) (void)) dlsym (library, "nvmlInit_v2");
  by_bus = (int (*) (const char *, gpointer *)) dlsym (library,
      "nvmlDeviceGetHandleByPciBusId_v2");
  nvml.get_driver_version = (int (*) (char *, unsigned)) dlsym (library,
      "nvmlSystemGetDriverVersion");
  nvml.get_power = (int (*) (gpointer, unsigned *)) dlsym (library,
      "nvmlDeviceGetPowerUsage");
  nvml.get_clock = (int (*) (gpointer, int, unsigned *)) dlsym (library,
      "nvmlDeviceGetClockInfo");
  nvml.get_max_clock = (int (*) (gpointer, int, unsigned *)) dlsym (library,
      "nvmlDeviceGetMaxClockInfo");
  /* The order of devices is another one there. */
  bus = g_strdup_printf ("%08x:%02x:%02x.0",
      (guint) gpu_attribute (gpu, CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID),
      (guint) gpu_attribute (gpu, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID),
      (guint) gpu_attribute (gpu, CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID));
  if (!init || !by_bus || !nvml.get_driver_version || !nvml.get_power
      || !nvml.get_clock || !nvml.get_max_clock || init () != 0
      || by_bus (bus, &nvml.device) != 0)
    nvml.device = NULL;
  return nvml.device ? &nvml : NULL;
}

gboolean
gpu_power (Gpu *gpu, guint *milliwatts)
{
  const Nvml *nvml = nvml_open (gpu);

  return nvml && nvml->get_power (nvml->device, milliwatts) == 0;
}

static gchar *
driver_version (const Nvml *nvml)
{
  gchar version[96] = "";
  gchar *text = NULL;

  if (nvml && nvml->get_driver_version (version, sizeof version) == 0)
    return g_strdup (version);
  if (g_file_get_contents ("/sys/module/nvidia/version", &text, NULL, NULL))
    return g_strstrip (text);
  return g_strdup ("unknown");
}

static void
add_clock (JsonObject *clocks, const gchar *name, const Nvml *nvml,
    gboolean now, int which, gint khz)
{
  unsigned mhz = 0;

  if (nvml
      && (now ? nvml->get_clock : nvml->get_max_clock) (nvml->device, which,
             &mhz)
          == 0)
    json_object_set_int_member (clocks, name, mhz);
  else if (khz > 0)
    json_object_set_int_member (clocks, name, khz / 1000);
}

void
gpu_describe (Gpu *gpu, JsonObject *object)
{
  const Nvml *nvml = nvml_open (gpu);
  const gint sm = gpu_attribute (gpu, CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
  const gint memory =
      gpu_attribute (gpu, CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE);
  JsonObject *clocks = json_object_new ();
  g_autofree gchar *driver = driver_version (nvml);
  g_autofree gchar *cuda =
      g_strdup_printf ("%d.%d", gpu->version / 1000, gpu->version % 1000 / 10);
  g_autofree gchar *capability = g_strdup_printf ("%d.%d",
      gpu_attribute (gpu, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
      gpu_attribute (gpu, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree gchar *date = g_date_time_format (now, "%Y-%m-%dT%H:%M:%SZ");
  g_autofree gchar *machine = NULL;
  struct utsname system;

  json_object_set_string_member (object, "gpu", gpu->name);
  json_object_set_string_member (object, "driver", driver);
  json_object_set_string_member (object, "cuda", cuda);
  json_object_set_string_member (object, "capability", capability);
  json_object_set_int_member (object, "multiprocessors", gpu->multiprocessors);
  /* MHz. Those of now are NVML's alone; the others the device's attributes say too. */
  add_clock (clocks, "sm-now", nvml, TRUE, NVML_CLOCK_SM, 0);
  add_clock (clocks, "memory-now", nvml, TRUE, NVML_CLOCK_MEMORY, 0);
  add_clock (clocks, "sm-max", nvml, FALSE, NVML_CLOCK_SM, sm);
  add_clock (clocks, "memory-max", nvml, FALSE, NVML_CLOCK_MEMORY, memory);
  json_object_set_object_member (object, "clocks", clocks);
  if (uname (&system) == 0)
    machine = g_strdup_printf ("%s %s, %u processors", system.sysname,
        system.release, g_get_num_processors ());
  json_object_set_string_member (object, "machine", machine ? machine : "");
  json_object_set_string_member (object, "commit", BENCH_COMMIT);
  json_object_set_string_member (object, "date", date);
}
