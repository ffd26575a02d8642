# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""cache: what is kept of compiled kernels is counted and removed."""
import os
import tempfile
import unittest

from cli_test import FADE, Case


class CacheTest(Case):
    def setUp(self):
        super().setUp()
        home = tempfile.TemporaryDirectory(prefix="ringkernel-cache-")
        self.addCleanup(home.cleanup)
        self.home = home.name
        self.cache = os.path.join(self.home, "ringkernel")

    def compile_something(self):
        self.write("fade.c", FADE)
        self.ringkernel("inspect", "./fade.c", XDG_CACHE_HOME=self.home)

    def files(self):
        return [os.path.join(self.cache, name) for name in os.listdir(self.cache)]

    def test_a_cache_that_is_not_there_yet_is_empty(self):
        said = self.json("cache", XDG_CACHE_HOME=self.home)
        self.assertEqual(said, {"directory": self.cache, "entries": 0, "bytes": 0})
        self.assertEqual(os.listdir(self.home), [])

    def test_entries_and_bytes_are_those_of_the_files(self):
        self.compile_something()
        files = self.files()
        self.assertGreater(len(files), 0)
        said = self.json("cache", XDG_CACHE_HOME=self.home)
        self.assertEqual(said["entries"], len(files))
        self.assertEqual(said["bytes"], sum(os.path.getsize(file) for file in files))
        text = self.ringkernel("cache", XDG_CACHE_HOME=self.home)
        self.assertEqual(text.splitlines(), [
            "directory  " + self.cache, "entries    %d" % len(files),
            "bytes      %d" % said["bytes"]])

    def test_clear_removes_entries_and_nothing_else(self):
        self.compile_something()
        n = len(self.files())
        other = os.path.join(self.cache, "notes.txt")
        with open(other, "w", encoding="ascii") as file:
            file.write("mine")
        said = self.json("cache", "--clear", XDG_CACHE_HOME=self.home)
        self.assertEqual(said, {"directory": self.cache, "entries": 0, "bytes": 0, "removed": n})
        self.assertEqual(self.files(), [other])
        self.assertIn("removed    0\n", self.ringkernel("cache", "--clear",
                                                        XDG_CACHE_HOME=self.home))
        self.compile_something()
        self.assertEqual(len(self.files()), n + 1)

    def test_without_a_cache(self):
        for env in [{"RINGKERNEL_CACHE": "off"}, {"XDG_CACHE_HOME": "not/absolute"}]:
            with self.subTest(env):
                self.assertIn("RINGKERNEL_CACHE", self.ringkernel("cache", **env))
                self.assertEqual(self.json("cache", "--clear", **env), {
                    "directory": None, "entries": 0, "bytes": 0, "removed": 0})

    def test_a_cache_that_is_no_directory(self):
        with open(self.cache, "w", encoding="ascii"):
            pass
        self.fails("cache", says=[self.cache], XDG_CACHE_HOME=self.home)

    def test_a_cache_that_others_may_write_into_is_not_cleared(self):
        self.compile_something()
        os.chmod(self.cache, 0o777)
        files = self.files()
        self.fails("cache", "--clear", says=[self.cache, "others"], XDG_CACHE_HOME=self.home)
        self.assertEqual(self.files(), files)


if __name__ == "__main__":
    unittest.main()
