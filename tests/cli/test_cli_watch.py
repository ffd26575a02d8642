# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""watch: each version of a kernel's file that is saved is run."""
import os
import queue
import signal
import subprocess
import threading
import time
import unittest
import wave

import cv2
import numpy as np

from cli_test import BROKEN, FADE, HEADER, Case, environment

# s; what takes longer never comes
BOUND = 120

SET = HEADER + """
RING_KERNEL (set, "Every byte becomes one value", RING_INT (value, %d, 0, 255, "of it"))
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = (uint8_t) params.value;
}
"""
SOUND = HEADER + """
RING_KERNEL (sound, "Copies sound", RING_AUDIO ("S16LE"), RING_IN_PLACE)
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = in.data[i];
}
"""
RECORDS = HEADER + """
RING_KERNEL (records, "Copies numbers", RING_RECORDS ("(d)", double, "(d)", double))
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = in.data[i];
}
"""
ENDLESS = HEADER + """
RING_KERNEL (endless, "Never comes back")
{
  volatile int i = 1;
  while (i)
    ;
  out.data[0] = in.data[0];
}
"""


class Watch(Case):
    """The program runs beside the test, which waits for its lines."""

    def start(self, *arguments, **env):
        self.process = subprocess.Popen(
            ["ringkernel", "watch", *arguments], cwd=self.folder, env=dict(environment(), **env),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.reap)
        self.lines = queue.Queue()
        threading.Thread(target=self.gather, args=[self.process.stdout, self.lines],
                         daemon=True).start()

    @staticmethod
    def gather(stream, lines):
        for line in stream:
            lines.put(line.rstrip("\n"))

    def reap(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()

    def expect(self, text):
        """Passes over lines until one has that in it."""
        end = time.monotonic() + BOUND
        passed = []
        while True:
            try:
                line = self.lines.get(timeout=max(end - time.monotonic(), 0))
            except queue.Empty:
                self.fail("no line with '%s' but %s" % (text, passed))
            passed.append(line)
            if text in line:
                return line

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        self.ends(0)

    def ends(self, status):
        self.assertEqual(self.process.wait(timeout=BOUND), status)
        self.assertNotIn("CRITICAL", self.process.stderr.read())

    def save(self, name, text):
        """As editors do: another file in the place of this one."""
        os.replace(self.write(name + "~", text), self.path(name))


class TurnTest(Watch):
    def test_each_saved_version_replaces_the_output(self):
        self.write("in.raw", b"abc")
        self.write("set.c", SET % 1)
        self.start("set.c", "--input", "in.raw", "--output", "out.raw")
        self.assertRegex(self.expect("version 1"), r"^version 1: out\.raw, \d+ ms$")
        self.assertEqual(self.read("out.raw"), b"\1\1\1")
        self.save("set.c", SET % 2)
        self.expect("version 2: out.raw")
        self.assertEqual(self.read("out.raw"), b"\2\2\2")
        # written into, this time
        self.write("set.c", SET % 3)
        self.expect("version 3: out.raw")
        self.assertEqual(self.read("out.raw"), b"\3\3\3")
        self.stop()

    def test_a_file_behind_a_link_is_watched(self):
        self.write("in.raw", b"abc")
        self.write("real/set.c", SET % 1)
        os.symlink("real/set.c", self.path("link.c"))
        self.start("link.c", "--input", "in.raw", "--output", "out.raw", "--turns", "2")
        self.expect("version 1")
        self.save("real/set.c", SET % 2)
        self.expect("version 2")
        self.ends(0)
        self.assertEqual(self.read("out.raw"), b"\2\2\2")

    def test_what_does_not_compile_is_shown_and_the_output_stays(self):
        self.write("in.raw", b"abc")
        self.write("set.c", SET % 1)
        self.start("set.c", "--input", "in.raw", "--output", "out.raw")
        self.expect("version 1")
        self.save("set.c", BROKEN)
        self.expect("version 2")
        self.expect("nothing_of_that_name")
        self.assertEqual(self.read("out.raw"), b"\1\1\1")
        self.save("set.c", SET % 3)
        self.expect("version 3: out.raw")
        self.assertEqual(self.read("out.raw"), b"\3\3\3")
        self.stop(signal.SIGTERM)

    def test_it_may_begin_with_what_does_not_compile(self):
        self.write("set.c", BROKEN)
        self.start("set.c", "--turns", "2")
        self.expect("version 1")
        self.save("set.c", SET % 9)
        self.expect("version 2: " + self.path("set.out.png"))
        self.ends(0)

    def test_a_file_that_is_gone_for_a_while(self):
        self.write("set.c", SET % 1)
        self.start("set.c", "--turns", "2")
        self.expect("version 1")
        os.remove(self.path("set.c"))
        self.write("set.c", SET % 2)
        self.expect("version 2")
        self.ends(0)

    def test_parameters(self):
        self.write("in.raw", b"abc")
        self.write("set.c", SET % 1)
        self.start("set.c", "-i", "in.raw", "-o", "out.raw", "-p", "value=65", "--turns", "1")
        self.ends(0)
        self.assertEqual(self.read("out.raw"), b"AAA")

    def test_without_input_there_is_a_picture(self):
        temporary = self.path("temporary")
        os.mkdir(temporary)
        self.write("fade.c", FADE)
        self.start("fade.c", "--param", "amount=1", "--turns", "1", TMPDIR=temporary)
        self.expect("version 1: " + self.path("fade.out.png"))
        self.ends(0)
        pixels = cv2.imread(self.path("fade.out.png"))
        self.assertEqual(pixels.shape, (240, 320, 3))
        np.testing.assert_array_equal(pixels[-1, 0], [254, 254, 254])
        np.testing.assert_array_equal(pixels[-1, -1], [0, 0, 0])
        self.assertEqual([n for n in os.listdir(temporary) if n.endswith(".png")], [])

    def test_without_input_there_is_a_tone_for_a_kernel_of_sound(self):
        self.write("sound.c", SOUND)
        self.start("sound.c", "--turns", "1")
        self.ends(0)
        with wave.open(self.path("sound.out.wav")) as file:
            self.assertEqual((file.getframerate(), file.getnframes()), (48000, 48000))
            samples = np.frombuffer(file.readframes(48000), "<i2")
        self.assertEqual(np.argmax(np.abs(np.fft.rfft(samples))), 440)

    def test_records_come_out_beside_the_kernel(self):
        self.write("in.csv", "1.5\n2.5\n")
        self.write("records.c", RECORDS)
        self.start("records.c", "--input", "in.csv", "--turns", "1")
        self.ends(0)
        self.assertEqual(self.read("records.out.csv"), b"1.5\n2.5\n")

    def test_a_kernel_that_never_comes_back_can_be_ended(self):
        temporary = self.path("temporary")
        os.mkdir(temporary)
        self.write("endless.c", ENDLESS)
        self.ringkernel("inspect", "./endless.c")
        self.start("endless.c", TMPDIR=temporary)
        # The input is made just before the kernel runs.
        end = time.monotonic() + BOUND
        while not [n for n in os.listdir(temporary) if n.endswith(".png")]:
            self.assertLess(time.monotonic(), end)
        self.stop(signal.SIGTERM)


class RefusalTest(Watch):
    def refuses(self, *arguments, says):
        """The only version fails, in a line."""
        out = self.ringkernel("watch", *arguments, "--turns", "1", status=1)
        self.assertTrue(out.startswith("version 1: "), out)
        self.assertIn(says, out)
        self.assertEqual(self.errors, "")

    def test_what_cannot_be_run(self):
        self.write("set.c", SET % 1)
        self.write("records.c", RECORDS)
        self.write("in.raw", b"abc")
        self.refuses("set.c", "--input", "missing.raw", says="missing.raw")
        self.refuses("set.c", "--param", "nothing=1", says="nothing")
        self.refuses("records.c", says="--input FILE.csv")
        self.refuses("set.c", "-i", "in.raw", "-o", "missing/out.raw", says="missing/out.raw")
        self.refuses("set.c", "-i", "in.raw", "-o", "out.png", says="out.png")

    def test_an_output_that_is_no_regular_file_stays(self):
        self.write("set.c", SET % 1)
        os.mkfifo(self.path("pipe.raw"))
        self.refuses("set.c", "--output", "pipe.raw", says="no regular file")
        self.assertEqual(os.listdir(self.folder).count("pipe.raw"), 1)

    def test_a_temporary_directory_that_is_missing(self):
        self.write("set.c", SET % 1)
        self.ringkernel("inspect", "./set.c")
        out = self.ringkernel("watch", "set.c", "--turns", "1", status=1,
                              TMPDIR=self.path("missing"))
        self.assertIn("missing", out)

    def test_a_file_that_is_not_there(self):
        self.fails("watch", "nothing.c", says=["nothing.c", "cannot be watched"])

    def test_what_was_typed_wrong(self):
        self.write("set.c", SET % 1)
        self.fails("watch", "invert", status=2, says="'invert' is no .c or .so")
        for option in [["--turns=-1"], ["--block=-1"], ["--rate=-1"], ["--channels=-1"]]:
            self.fails("watch", "set.c", *option, status=2, says="from 1 on")
        self.fails("watch", "set.c", "-i", "-", status=2, says="are files")
        self.fails("watch", "set.c", "-o", "-", status=2, says="are files")
        self.fails("watch", "set.c", "-i", "a.raw", "-o", "a.raw", status=2, says="both")


if __name__ == "__main__":
    unittest.main()
