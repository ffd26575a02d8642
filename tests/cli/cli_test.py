# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the `ringkernel` command share: they run the real program."""
import json
import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.path.join(ROOT, "tests", "data")
EXAMPLES = os.path.join(ROOT, "examples", "kernels")
BUILTIN = ["background-subtract", "bilateral", "biquad", "box-blur", "chroma-key",
           "color-balance", "compressor", "convert", "convolve", "copy", "coverage",
           "decimate", "delay", "edges", "equalizer-10",
           "fir", "fuse", "gain", "gaussian-blur", "gray", "histogram-equalize", "invert",
           "kalman-1d", "levels", "loudness", "low-pass", "lut3d", "median", "morphology", "motion",
           "moving-average", "resample", "rms-window", "scale", "sharpen", "spectrum",
           "spike-detect",
           "temporal-denoise", "threshold", "warp"]
TIMEOUT = 400
# Not the user's own.
CACHE = tempfile.TemporaryDirectory(prefix="ringkernel-cli-cache-")

HEADER = "#include <ringkernel/kernel-sdk.h>\n"

# Small kernels that several tests use.
FADE = HEADER + """
RING_KERNEL (fade, "Scales every byte",
    RING_FLOAT (amount, 0.5, 0.0, 1.0, "1 leaves the input as it is"))
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = ring_clamp_u8 (in.data[i] * params.amount);
}
"""
BROKEN = HEADER + """
RING_KERNEL (broken, "Does not compile")
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = nothing_of_that_name;
}
"""


def environment():
    """That of the tests, without kernels of the user's own, and on the cpu."""
    env = dict(os.environ, RINGKERNEL_PATH="", XDG_DATA_HOME="/nonexistent",
               XDG_CACHE_HOME=CACHE.name, RINGKERNEL_BACKEND="cpu", LC_ALL="C.UTF-8")
    # The program has its own sanitizer in it and needs none put before it; it is
    # looked at for leaks, unlike the compiler that it starts.
    env.pop("LD_PRELOAD", None)
    # No windows on the screen of whoever runs the tests.
    env.pop("DISPLAY", None)
    env.pop("WAYLAND_DISPLAY", None)
    if "detect_leaks=0" in env.get("ASAN_OPTIONS", ""):
        env["ASAN_OPTIONS"] = env["ASAN_OPTIONS"].replace("detect_leaks=0", "detect_leaks=1")
        # GStreamer's own program cannot load a plugin with a sanitizer in it, and says so
        # in the registry, which others read.
        env["GST_REGISTRY"] = os.path.join(CACHE.name, "registry.bin")
    return env


class Case(unittest.TestCase):
    """Each test has a folder of its own, in which the program runs."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ringkernel-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def ringkernel(self, *arguments, status=0, stdin=b"", **env):
        """Returns what it says on stdout, as text; on stderr: self.errors."""
        return self.ringkernel_bytes(*arguments, status=status, stdin=stdin,
                                     **env).decode("utf-8")

    def ringkernel_bytes(self, *arguments, status=0, stdin=b"", **env):
        env = dict(environment(), **env)
        if arguments[:1] == ("doctor",):
            # It opens NVRTC, over whose threads the search for leaks may stumble.
            env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "").replace(
                "detect_leaks=1", "detect_leaks=0")
        done = subprocess.run(
            ["ringkernel", *arguments], cwd=self.folder, input=stdin,
            env=env, capture_output=True, timeout=TIMEOUT)
        self.errors = done.stderr.decode("utf-8")
        self.assertEqual(done.returncode, status,
                         "%s\n%s\n%s" % (arguments, done.stdout[-2000:], self.errors))
        if status == 0:
            self.assertNotIn("CRITICAL", self.errors)
            self.assertNotIn("WARNING", self.errors)
        return done.stdout

    def json(self, *arguments, status=0, **env):
        return json.loads(self.ringkernel(*arguments, "--json", status=status, **env))

    def fails(self, *arguments, status=1, says=(), stdin=b"", **env):
        """It ends with the status, and with one line that says all of that."""
        out = self.ringkernel(*arguments, status=status, stdin=stdin, **env)
        lines = self.errors.splitlines()
        self.assertEqual(len(lines), 1, self.errors)
        self.assertTrue(lines[0].startswith("ringkernel: "), lines[0])
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, lines[0])
        return out
