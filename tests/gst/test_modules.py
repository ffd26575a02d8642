#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The templates of examples/kernels/module, built against what an installation has,
in pipelines of what is installed."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.environ["RINGKERNEL_TEST_SOURCE_ROOT"]
BUILD = os.environ["RINGKERNEL_BUILD"]
TEMPLATE = os.path.join(SOURCE, "examples", "kernels", "module")


def run(*command, **more):
    if not command[0].startswith("gst-"):
        # Compilers do not go well with a sanitizer's library in them.
        more["env"] = dict(more.get("env", os.environ))
        more["env"].pop("LD_PRELOAD", None)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=170, **more)
    if done.returncode != 0:
        raise AssertionError("%s:\n%s" % (" ".join(command), done.stdout))
    return done.stdout


class Modules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="ring-modules-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        root = os.path.join(cls.folder, "root")
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet",
            "--destdir", root)
        # As a package that has been moved: where it is now.
        pc = cls.find(root, "ringkernel-1.0.pc")
        with open(pc, encoding="utf-8") as file:
            text = file.read()
        prefix = re.search(r"^prefix=(.*)$", text, re.MULTILINE)[1]
        cls.prefix = root + prefix
        with open(pc, "w", encoding="utf-8") as file:
            file.write(re.sub(r"^prefix=.*$", lambda _: "prefix=" + cls.prefix, text,
                              flags=re.MULTILINE))
        cls.pkgconfig = os.path.dirname(pc)
        cls.libdir = os.path.dirname(cls.pkgconfig)
        cls.env = {name: value for name, value in os.environ.items()
                   if not name.startswith("RINGKERNEL_")}
        cls.env.update(PKG_CONFIG_PATH=cls.pkgconfig,
                       XDG_DATA_HOME=os.path.join(cls.folder, "none"),
                       GST_PLUGIN_PATH=os.path.join(cls.libdir, "gstreamer-1.0"),
                       GST_REGISTRY=os.path.join(cls.folder, "registry.bin"),
                       LD_LIBRARY_PATH=cls.libdir)

    @staticmethod
    def find(root, name):
        found = [os.path.join(folder, name) for folder, _, files in os.walk(root)
                 if name in files]
        assert len(found) == 1, (name, found)
        return found[0]

    def variable(self, name):
        return run("pkg-config", "--variable=" + name, "ringkernel-1.0",
                   env=self.env).strip()

    def check(self, kernels):
        """That the module in @kernels is found by its name, and computes."""
        module = os.path.join(kernels, "tint.so")
        needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", module))
        for library in needed:
            self.assertNotRegex(library, "ringkernel|glib|gobject")
        env = dict(self.env, RINGKERNEL_PATH=kernels)
        text = run("gst-inspect-1.0", "ringkernel-tint", env=env)
        self.assertRegex(text, "Author +" + re.escape(module))
        self.assertIn("Mixes a colour into the picture", text)
        for element in ("ringkernel-tint red=200 amount=1.0",
                        "ringkernelfilter kernel=tint kernel::red=200 kernel::amount=1.0"):
            self.check_pipeline(element, env)

    def check_pipeline(self, element, env):
        out = os.path.join(self.folder, "out.rgb")
        run("gst-launch-1.0", "-q", "videotestsrc", "num-buffers=1", "!",
            "video/x-raw,format=RGB,width=8,height=4", "!", *element.split(), "!",
            "filesink", "location=" + out, env=env)
        with open(out, "rb") as file:
            self.assertEqual(file.read(), bytes([200, 160, 64]) * 32)

    def test_variables_say_where_and_how(self):
        self.assertEqual(self.variable("kerneldir"),
                         os.path.join(self.libdir, "ringkernel-1.0", "kernels"))
        self.assertIn("-I%s/include/ringkernel-1.0" % self.prefix,
                      self.variable("kernel_cflags").split())

    def test_plain_cc_needs_the_header_alone(self):
        kernels = os.path.join(self.folder, "cc")
        # No .pc file but ours: none of GLib.
        run(os.path.join(TEMPLATE, "build.sh"), os.path.join(TEMPLATE, "tint.c"),
            kernels, env=dict(self.env, PKG_CONFIG_LIBDIR=self.pkgconfig,
                              PKG_CONFIG_PATH=""))
        self.assertEqual(os.listdir(kernels), ["tint.so"])
        self.check(kernels)

    def test_plain_cc_that_fails_leaves_nothing(self):
        kernels = os.path.join(self.folder, "failed")
        broken = os.path.join(self.folder, "broken.c")
        with open(broken, "w", encoding="ascii") as file:
            file.write("#include <ringkernel/kernel-sdk.h>\nRING_KERNEL (\n")
        with self.assertRaises(AssertionError):
            run(os.path.join(TEMPLATE, "build.sh"), broken, kernels, env=self.env)
        self.assertEqual(os.listdir(kernels), [])

    def test_meson_installs_into_the_kernel_directory(self):
        build = os.path.join(self.folder, "build")
        run("meson", "setup", build, TEMPLATE, "-Dwerror=true", env=self.env)
        run("meson", "install", "-C", build, env=self.env)
        kernels = self.variable("kerneldir")
        self.assertIn("tint.so", os.listdir(kernels))
        self.check(kernels)

    def test_sources_compile_with_the_installed_headers(self):
        self.check_pipeline(
            "ringkernelfilter kernel=%s/tint.c kernel::red=200 kernel::amount=1.0"
            % TEMPLATE,
            dict(self.env, RINGKERNEL_INCLUDE=self.prefix + "/include/ringkernel-1.0"))


if __name__ == "__main__":
    unittest.main()
