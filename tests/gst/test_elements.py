#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kernels as elements, as programs find them that begin anew: what gst-inspect-1.0
shows, and when which kernel is looked at. Each test has directories of kernels, a
registry and a log of what was compiled of its own."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

FADE = """
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (%s, "Scales every byte",
    RING_FLOAT (amount, %s, 0.0, 1.0, RING_UNIT_RATIO, "How much is left"))
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = ring_clamp_u8 (in.data[i] * params.amount);
}
"""
# Another declaration under the same name.
EDITED = """
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (dim, "Scales every byte",
    RING_INT (percent, 40, 0, 100, "How much is left"))
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = in.data[i] * params.percent / 100;
}
"""
BROKEN = FADE.replace("params.amount", "params.amuont") % ("broken", "0.5")
# Programs that look at an element from inside.
PREAMBLE = """
import sys
import gi
gi.require_version("Gst", "1.0")
from gi.repository import GObject, Gst
Gst.init(None)
"""


class Elements(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ring-elements-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = self.make_folder("path")
        self.other = self.make_folder("other")
        self.user = self.make_folder("data/ringkernel/kernels")
        # Notes each source that is compiled, and compiles it.
        self.log = os.path.join(self.folder, "compiled")
        self.cc = os.path.join(self.folder, "noting-cc")
        with open(self.cc, "w", encoding="ascii") as file:
            # What it gets is a copy, whose first line names the source.
            file.write('#!/bin/sh\nfor a in "$@"; do case $a in *.c) head -n 1 "$a"; esac; '
                       'done >> "%s"\nexec %s "$@"\n' % (
                           self.log, os.environ.get("CC", "cc")))
        os.chmod(self.cc, 0o755)
        self.env = dict(
            os.environ, RINGKERNEL_PATH=self.path, CC=self.cc,
            XDG_DATA_HOME=os.path.join(self.folder, "data"),
            XDG_CACHE_HOME=os.path.join(self.folder, "cache"),
            GST_REGISTRY=os.path.join(self.folder, "registry.bin"),
            # Our plugin alone.
            GST_PLUGIN_SYSTEM_PATH="", LC_ALL="C.UTF-8")
        self.env.pop("GST_DEBUG", None)

    def make_folder(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path)
        return path

    def write(self, folder, name, text):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def run_program(self, *command, **more):
        return subprocess.run(command, env=dict(self.env, **more), timeout=120,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def python(self, code, **more):
        return self.run_program(sys.executable, "-c", PREAMBLE + textwrap.dedent(code),
                                **more)

    def inspect(self, *names, **more):
        return self.run_program("gst-inspect-1.0", *names, **more)

    def elements(self, **more):
        """The names behind `ringkernel-`."""
        done = self.inspect("ringkernel", **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return re.findall(r"^ +ringkernel-([^:]+):", done.stdout, re.MULTILINE)

    def compiled(self, name):
        """How often a source of that name has been compiled."""
        if not os.path.exists(self.log):
            return 0
        with open(self.log, encoding="utf-8") as file:
            return sum(name + ".c" in line for line in file)


class Inspect(Elements):
    def section(self, text, title):
        found = re.search(r"^%s:\n(.*?)\n(?=\S|\Z)" % title, text,
                          re.MULTILINE | re.DOTALL)
        self.assertIsNotNone(found, "no section '%s' in\n%s" % (title, text))
        return found[1]

    def property(self, text, name):
        found = re.search(r"^  %s +: (.*?)(?=^  \S|\Z)" % name,
                          self.section(text, "Element Properties") + "\n",
                          re.MULTILINE | re.DOTALL)
        self.assertIsNotNone(found, "no property '%s' in\n%s" % (name, text))
        return re.sub(r"\s+", " ", found[1])

    def test_shows_a_built_in_kernel(self):
        text = self.inspect("ringkernel-edges").stdout
        self.assertRegex(text, r"Long-name +Edges kernel")
        self.assertRegex(text, r"Klass +Filter/Effect/Video")
        self.assertRegex(text, r"Description +\S+")
        templates = self.section(text, "Pad Templates")
        for side in ("SINK", "SRC"):
            self.assertRegex(templates, side + " template")
        for word in ("video/x-raw", "GRAY8", "NV12"):
            self.assertEqual(templates.count(word) >= 2, True, word)
        kernel = self.property(text, "kernel")
        self.assertIn("flags: readable ", kernel)
        self.assertNotIn("writable", kernel)
        self.assertIn('"edges"', kernel)

    def test_shows_parameters_with_range_default_unit_and_nicks(self):
        text = self.inspect("ringkernel-decimate").stdout
        self.assertRegex(text, r"Klass +Filter/Effect/Generic")
        factor = self.property(text, "factor")
        self.assertIn("[records]", factor)
        self.assertIn("controllable, changeable in NULL, READY, PAUSED or PLAYING", factor)
        self.assertIn("Integer. Range: 1 - 1000000 Default: 10", factor)
        method = self.property(text, "method")
        self.assertIn('Default: 0, "mean"', method)
        self.assertIn("(1): pick", method)
        text = self.inspect("ringkernel-gain").stdout
        self.assertRegex(text, r"Klass +Filter/Effect/Audio")
        self.assertIn("[dB]", self.property(text, "gain"))
        self.assertIn("Range: -120 - 60 Default: 0",
                      self.property(text, "gain"))

    def test_shows_a_kernel_of_ones_own(self):
        self.write(self.path, "dim.c", FADE % ("dim", "0.25"))
        text = self.inspect("ringkernel-dim").stdout
        self.assertRegex(text, r"Long-name +Dim kernel")
        self.assertRegex(text, r"Description +Scales every byte\n")
        self.assertRegex(text, r"Author +%s/dim.c\n" % re.escape(self.path))
        amount = self.property(text, "amount")
        self.assertIn("How much is left [ratio]", amount)
        self.assertIn("Default: 0.25", amount)


class Directories(Elements):
    def test_a_file_that_comes_or_goes_is_an_element_that_comes_or_goes(self):
        for folder in (self.path, self.user):
            self.assertNotIn("dim", self.elements())
            self.write(folder, "dim.c", FADE % ("dim", "0.5"))
            self.assertIn("dim", self.elements())
            self.write(folder, "dark_er.c", FADE % ("dark_er", "0.2"))
            self.assertEqual({"dim", "dark-er"} & set(self.elements()), {"dim", "dark-er"})
            os.unlink(os.path.join(folder, "dim.c"))
            names = self.elements()
            self.assertNotIn("dim", names)
            self.assertIn("dark-er", names)
            self.assertIn("edges", names)
            os.unlink(os.path.join(folder, "dark_er.c"))

    def test_a_directory_that_did_not_exist_counts_when_it_does(self):
        late = os.path.join(self.folder, "late")
        self.env["RINGKERNEL_PATH"] = self.path + ":" + late
        self.assertNotIn("dim", self.elements())
        os.mkdir(late)
        self.write(late, "dim.c", FADE % ("dim", "0.5"))
        self.assertIn("dim", self.elements())

    def test_another_path_means_other_elements(self):
        self.write(self.path, "dim.c", FADE % ("dim", "0.5"))
        self.write(self.other, "glow.c", FADE % ("glow", "1.0"))
        self.assertEqual({"dim", "glow"} & set(self.elements()), {"dim"})
        self.assertEqual({"dim", "glow"} & set(self.elements(RINGKERNEL_PATH=self.other)),
                         {"glow"})
        both = self.path + ":" + self.other
        self.assertEqual({"dim", "glow"} & set(self.elements(RINGKERNEL_PATH=both)),
                         {"dim", "glow"})

    def test_an_edited_kernel_is_described_anew(self):
        self.write(self.path, "dim.c", FADE % ("dim", "0.5"))
        self.assertIn("amount", self.inspect("ringkernel-dim").stdout)
        self.write(self.path, "dim.c", EDITED)
        text = self.inspect("ringkernel-dim").stdout
        self.assertIn("percent", text)
        self.assertNotIn("amount", text)

    def test_the_first_directory_wins_and_hides_a_built_in_kernel(self):
        self.write(self.path, "edges.c", FADE % ("edges", "0.125"))
        self.write(self.other, "edges.c", FADE % ("edges", "0.875"))
        text = self.inspect("ringkernel-edges",
                            RINGKERNEL_PATH=self.path + ":" + self.other).stdout
        self.assertIn("Default:           0.125", text)
        self.assertRegex(text, r"Author +%s/edges.c" % re.escape(self.path))

    def test_a_relative_directory_gives_no_elements(self):
        self.write(self.path, "dim.c", FADE % ("dim", "0.5"))
        done = subprocess.run(
            ["gst-inspect-1.0", "ringkernel"], cwd=self.folder, capture_output=True,
            env=dict(self.env, RINGKERNEL_PATH="path"), text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("ringkernel-edges", done.stdout)
        self.assertNotIn("ringkernel-dim", done.stdout)


class Broken(Elements):
    def test_a_broken_file_costs_one_warning_and_nothing_else(self):
        self.write(self.path, "broken.c", BROKEN)
        self.write(self.path, "empty.c", "")
        self.write(self.path, "none.so", "not a library")
        self.write(self.path, "dim.c", FADE % ("dim", "0.5"))
        done = self.inspect("ringkernel")
        self.assertEqual(done.returncode, 0)
        for name in ("broken", "empty", "none"):
            self.assertEqual(done.stderr.count("no element ringkernel-%s:" % name), 1,
                             done.stderr)
            self.assertNotIn("ringkernel-" + name, done.stdout)
        self.assertRegex(done.stderr, r"broken\.c:\d+:\d+: error:")
        for name in ("dim", "edges"):
            self.assertIn("ringkernel-" + name, done.stdout)
        # And only when it is looked at.
        done = self.inspect("ringkernel")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, "")

    def test_warnings_that_are_fatal_elsewhere_are_not_here(self):
        self.write(self.path, "broken.c", BROKEN)
        self.assertIn("edges", self.elements(G_DEBUG="fatal-warnings",
                                             GST_REGISTRY_FORK="no"))

    def test_a_mended_file_is_an_element(self):
        self.write(self.path, "broken.c", BROKEN)
        self.assertNotIn("broken", self.elements())
        # GStreamer tells files apart by their size and by seconds.
        self.write(self.path, "broken.c", FADE % ("broken", "0.125"))
        self.assertIn("broken", self.elements())

    def test_one_that_breaks_later_says_why_when_it_is_to_get_ready(self):
        self.write(self.path, "dim.c", FADE % ("dim", "0.5"))
        self.assertIn("dim", self.elements())
        self.write(self.path, "dim.c", BROKEN)
        done = self.python("""
            element = Gst.ElementFactory.make("ringkernel-dim")
            bus = Gst.Bus()
            element.set_bus(bus)
            assert element.get_property("kernel") == "dim"
            assert element.find_property("amount") is None
            assert element.set_state(Gst.State.READY) == Gst.StateChangeReturn.FAILURE
            error, debug = bus.pop_filtered(Gst.MessageType.ERROR).parse_error()
            print(error.message, debug)
            element.set_state(Gst.State.NULL)
            """, GST_REGISTRY_UPDATE="no")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count("no element ringkernel-dim:"), 1, done.stderr)
        self.assertIn("does not compile", done.stdout)
        self.assertRegex(done.stdout, r"dim\.c:\d+:\d+: error:.*amuont")


class Edited(Elements):
    """A source that changes while a program has its element."""

    def test_a_parameter_that_is_gone_is_a_warning_and_a_new_one_is_the_childs(self):
        self.write(self.path, "dim.c", FADE % ("dim", "0.25"))
        self.write(self.folder, "edited.c", EDITED)
        done = self.python("""
            import os
            first = Gst.ElementFactory.make("ringkernel-dim")
            assert first.get_property("amount") == 0.25
            os.rename("%s", "%s")
            element = Gst.ElementFactory.make("ringkernel-dim")
            bus = Gst.Bus()
            element.set_bus(bus)
            element.set_property("amount", 0.75)
            warning, _ = bus.pop_filtered(Gst.MessageType.WARNING).parse_warning()
            assert "'amount' is not set" in warning.message, warning.message
            assert element.get_property("amount") == 0.25
            child = element.get_child_by_name("kernel")
            assert child.get_property("percent") == 40
            child.set_property("percent", 60)
            assert element.set_state(Gst.State.READY) == Gst.StateChangeReturn.SUCCESS
            assert child.get_property("percent") == 60
            element.set_state(Gst.State.NULL)
            """ % (os.path.join(self.folder, "edited.c"),
                   os.path.join(self.path, "dim.c")))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_parameter_of_another_type_takes_what_fits(self):
        kernel = textwrap.dedent("""
            #include <ringkernel/kernel-sdk.h>
            RING_KERNEL (pick, "Picks", %s)
            {
              RING_FOR_EACH (i, in.size)
                out.data[i] = (uint8_t) params.what;
            }
            """)
        self.write(self.path, "pick.c",
                   kernel % 'RING_ENUM (what, 1, "one|two|three", "Which")')
        self.write(self.folder, "edited.c",
                   kernel % 'RING_ENUM (what, 0, "zero|one|two", "Which")')
        done = self.python("""
            import os
            Gst.ElementFactory.make("ringkernel-pick")
            os.rename("%s", "%s")
            element = Gst.ElementFactory.make("ringkernel-pick")
            bus = Gst.Bus()
            element.set_bus(bus)
            child = element.get_child_by_name("kernel")
            Gst.util_set_object_arg(element, "what", "two")
            assert int(child.get_property("what")) == 2
            assert int(element.get_property("what")) == 1
            assert bus.pop_filtered(Gst.MessageType.WARNING) is None
            Gst.util_set_object_arg(element, "what", "three")
            assert bus.pop_filtered(Gst.MessageType.WARNING) is not None
            assert int(child.get_property("what")) == 2
            """ % (os.path.join(self.folder, "edited.c"),
                   os.path.join(self.path, "pick.c")))
        self.assertEqual(done.returncode, 0, done.stderr)


class Reload(Elements):
    """What the properties of an element do when another version of its kernel takes over."""
    KERNEL = """
        #include <ringkernel/kernel-sdk.h>
        RING_KERNEL (dim, "Scales every byte", RING_FLOAT (level, %s, 0.0, 1.0, "Not set")%s)
        {
          RING_FOR_EACH (i, in.size)
            out.data[i] = in.data[i];
        }
        """
    PROGRAM = """
        import os
        element = Gst.ElementFactory.make("ringkernel-dim")
        bus = Gst.Bus()
        element.set_bus(bus)
        element.set_property("reload", True)

        def warning():
            message = bus.pop_filtered(Gst.MessageType.WARNING)
            return message.parse_warning()[0].message if message else None

        def version(n):
            os.rename("%s/v%%d.c" %% n, "%s/dim.c")
            message = bus.timed_pop_filtered(
                60 * Gst.SECOND, Gst.MessageType.ELEMENT | Gst.MessageType.WARNING)
            assert message is not None and message.type == Gst.MessageType.ELEMENT
            return element.get_child_by_name("kernel")
        """

    def check(self, versions, code):
        """@versions: the default of `level`, and other parameters; the first one runs."""
        for k, (level, parameters) in enumerate(versions):
            text = textwrap.dedent(self.KERNEL) % (
                level, "".join(", RING_" + p for p in parameters))
            self.write(*([self.path, "dim.c"] if k == 0 else [self.folder, "v%d.c" % (k + 1)]),
                       text)
        program = textwrap.dedent(self.PROGRAM % (self.folder, self.path))
        done = self.python(program + textwrap.dedent(code) + "element.set_state(Gst.State.NULL)\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("CRITICAL", done.stderr)

    AMOUNT = 'FLOAT (amount, 0.25, 0.0, %s, "Stays")'
    GONE = 'INT (gone, 3, 0, 10, "Goes")'

    def test_properties_that_are_still_there_work_on(self):
        self.check([("0.25", [self.AMOUNT % "1.0", self.GONE]),
                    ("0.25", [self.AMOUNT % "0.5"])], """
            assert element.set_state(Gst.State.READY) == Gst.StateChangeReturn.SUCCESS
            element.set_property("amount", 0.375)
            child = version(2)
            assert element.get_property("amount") == 0.375
            assert child.get_property("amount") == 0.375
            element.set_property("amount", 0.125)
            assert child.get_property("amount") == 0.125
            assert warning() is None
            child.set_property("amount", 0.5)
            assert element.get_property("amount") == 0.5
            """)

    def test_a_value_that_is_not_allowed_any_more_is_told_and_not_set(self):
        self.check([("0.25", [self.AMOUNT % "1.0"]), ("0.25", [self.AMOUNT % "0.5"]),
                    ("0.25", [self.AMOUNT % "1.0"])], """
            assert element.set_state(Gst.State.READY) == Gst.StateChangeReturn.SUCCESS
            element.set_property("amount", 0.125)
            child = version(2)
            element.set_property("amount", 0.75)
            said = warning()
            assert "'amount' is not set to 0.75" in said and "nearest is 0.5" in said, said
            assert element.get_property("amount") == 0.125
            # A controller would try with every buffer.
            element.set_property("amount", 0.75)
            assert warning() is None
            version(3)
            element.set_property("amount", 0.75)
            assert warning() is None
            assert element.get_property("amount") == 0.75
            """)

    def test_a_parameter_that_is_gone_is_told_once_for_each_version(self):
        self.check([("0.25", [self.GONE]), ("0.25", []), ("0.25", [self.GONE]), ("0.25", [])], """
            assert element.set_state(Gst.State.READY) == Gst.StateChangeReturn.SUCCESS
            element.set_property("gone", 5)
            version(2)
            element.set_property("gone", 6)
            said = warning()
            assert "'gone' is not set" in said, said
            element.set_property("gone", 7)
            assert warning() is None
            assert element.get_property("gone") == 3
            child = version(3)
            element.set_property("gone", 8)
            assert warning() is None
            assert child.get_property("gone") == 8
            version(4)
            element.set_property("gone", 9)
            assert "'gone' is not set" in warning()
            """)

    def test_a_value_that_changes_with_the_version_is_notified(self):
        self.check([("0.25", []), ("0.5", [])], """
            assert element.set_state(Gst.State.READY) == Gst.StateChangeReturn.SUCCESS
            assert element.get_property("level") == 0.25
            seen = []
            element.connect("notify::level", lambda *_: seen.append(element.get_property("level")))
            version(2)
            assert seen and seen[-1] == 0.5, seen
            """)


class OpenDirectories(Elements):
    """Kernels that anybody could have put there are not taken, and whoever misses them
    is told."""
    def setUp(self):
        super().setUp()
        self.write(self.other, "planted.c", FADE % ("planted", "0.5"))
        os.chmod(self.other, 0o777)
        self.env["RINGKERNEL_PATH"] = self.path + ":" + self.other

    def test_an_element_with_a_name_posts_a_warning(self):
        self.write(self.path, "dim.c", FADE % ("dim", "0.25"))
        done = self.python("""
            for name, kernel in [("ringkernelfilter", "invert"), ("ringkernel-dim", None)]:
                element = Gst.ElementFactory.make(name)
                bus = Gst.Bus()
                element.set_bus(bus)
                if kernel:
                    element.set_property("kernel", kernel)
                assert element.set_state(Gst.State.READY) == Gst.StateChangeReturn.SUCCESS
                said = bus.pop_filtered(Gst.MessageType.WARNING).parse_warning()[0].message
                assert "no kernels are taken from %s" in said and "chmod o-w" in said, said
                assert bus.pop_filtered(Gst.MessageType.WARNING) is None
                element.set_state(Gst.State.NULL)
            """ % self.other)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_element_with_a_path_does_not(self):
        done = self.python("""
            element = Gst.ElementFactory.make("ringkernelfilter")
            bus = Gst.Bus()
            element.set_bus(bus)
            element.set_property("kernel", "%s/planted.c")
            assert element.set_state(Gst.State.READY) == Gst.StateChangeReturn.SUCCESS
            assert bus.pop_filtered(Gst.MessageType.WARNING) is None
            element.set_state(Gst.State.NULL)
            """ % self.other)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_scan_of_the_plugin_says_so_in_the_log(self):
        # In the process that is asked, where the log is.
        done = self.inspect("ringkernel", GST_DEBUG="ringkernelelement:2", GST_DEBUG_NO_COLOR="1",
                            GST_REGISTRY_FORK="no")
        self.assertNotIn("ringkernel-planted", done.stdout)
        self.assertRegex(done.stderr, "WARN +ringkernelelement .*no kernels are taken from "
                         + re.escape(self.other))


class Cheap(Elements):
    USE = """
        element = Gst.ElementFactory.make(sys.argv[1])
        assert element is not None
        """

    def use(self, name, **more):
        done = self.run_program(sys.executable, "-c",
                                PREAMBLE + textwrap.dedent(self.USE), name, **more)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_nothing_is_compiled_by_who_does_not_use_it(self):
        self.write(self.path, "dim.c", FADE % ("dim", "0.5"))
        self.write(self.path, "glow.c", FADE % ("glow", "0.5"))
        self.assertIn("dim", self.elements())
        once = self.compiled("dim")
        self.assertGreaterEqual(once, 1)
        for _ in range(2):
            # The plugin is loaded, and another element of it made.
            self.use("ringkernelfilter")
            self.use("ringkernel-edges")
        self.assertEqual(self.compiled("dim"), once)
        others = self.compiled("glow")
        self.use("ringkernel-dim")
        self.assertEqual(self.compiled("glow"), others)

    def test_no_driver_is_opened(self):
        done = self.python("""
            for name in ("ringkernelfilter", "ringkernel-edges"):
                assert Gst.ElementFactory.make(name) is not None
            with open("/proc/self/maps", encoding="utf-8") as maps:
                assert "/libcuda.so" not in maps.read()
            """, GST_REGISTRY_FORK="no")
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
