# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""watch: a kernel runs in a loop, and each version of its file that is saved takes over."""
import os
import queue
import select
import shutil
import signal
import struct
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
MEANS = HEADER + """
RING_KERNEL (means, "The mean of each picture",
    RING_VIDEO_TO_RECORDS ("GRAY8", "(d)", double, 1))
{
  double sum = 0.0;
  for (uint32_t i = 0; i < in.width * in.height; i++)
    sum += ring_row (in.plane[0], i / in.width)[i % in.width];
  if (ring_is_first_worker ())
    ((RING_GLOBAL double *) out.data)[0] = sum / (in.width * in.height);
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
# Its state counts messages; what it gives: the version, and the count.
SEEN = HEADER + """
RING_KERNEL (seen, "Counts", RING_STATE (%s)%s)
{
  RING_GLOBAL uint32_t *to = (RING_GLOBAL uint32_t *) out.data;
  if (ring_is_first_worker ()) {
    to[0] = %d;
    to[1] = ++state->seen;
  }
}
"""
# Writes where nothing is, at the message with that number.
CRASHES = HEADER + """
RING_KERNEL (crashes, "Writes to address 64", RING_STATE (uint32_t seen;))
{
  uint8_t *at = out.data;
  if (ring_is_first_worker () && ++state->seen == %d)
    at = (uint8_t *) 64;
  RING_FOR_EACH (i, in.size)
    at[i] = in.data[i];
}
"""
GRAY = HEADER + """
RING_KERNEL (gray, "Of one value", RING_VIDEO ("GRAY8"))
{
  RING_FOR_EACH_ROW (p, y, out)
    RING_FOR_EACH_LANE (x, out.plane[p].width)
      ring_row (out.plane[p], y)[x] = %d;
}
"""


class Watch(Case):
    """The program runs beside the test, which waits for its lines."""

    def start(self, *arguments, **env):
        self.process = subprocess.Popen(
            [shutil.which("ringkernel"), "watch", *arguments], cwd=self.folder,
            env=dict(environment(), **env),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.reap)
        self.lines, self.errors = queue.Queue(), queue.Queue()
        self.threads = [
            threading.Thread(target=self.gather, args=[stream, lines], daemon=True)
            for stream, lines in [(self.process.stdout, self.lines),
                                  (self.process.stderr, self.errors)]]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def gather(stream, lines):
        with stream:
            for line in stream:
                lines.put(line.rstrip("\n"))

    def reap(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for thread in self.threads:
            thread.join(BOUND)

    def expect(self, text, lines=None):
        """Passes over lines until one has that in it."""
        end = time.monotonic() + BOUND
        passed = []
        while True:
            try:
                line = (lines if lines else self.lines).get(timeout=max(end - time.monotonic(), 0))
            except queue.Empty:
                self.fail("no line with '%s' but %s" % (text, passed))
            self.assertNotIn("CRITICAL", line)
            passed.append(line)
            if text in line:
                return line

    def expect_error(self, text):
        """Likewise on stderr."""
        return self.expect(text, self.errors)

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        self.ends(0)

    def ends(self, status):
        self.assertEqual(self.process.wait(timeout=BOUND), status)
        self.reap()
        while not self.errors.empty():
            self.assertNotIn("CRITICAL", self.errors.get())

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

    def test_records_of_pictures_come_out_beside_the_kernel(self):
        self.write("in.raw", bytes(range(12)))
        self.write("means.c", MEANS)
        self.start("means.c", "--input", "in.raw", "--size", "2x3", "--format", "GRAY8",
                   "--turns", "1")
        self.ends(0)
        self.assertEqual(self.read("means.out.csv"), b"2.5\n8.5\n")

    def test_an_input_that_can_be_read_once_is_read_for_each_version(self):
        os.mkfifo(self.path("in.raw"))
        self.write("set.c", SET % 1)
        self.start("set.c", "--input", "in.raw", "--output", "out.raw", "--turns", "2")
        self.write("in.raw", b"abc")
        self.expect("version 1: out.raw")
        self.assertEqual(self.read("out.raw"), b"\1\1\1")
        self.save("set.c", SET % 2)
        self.write("in.raw", b"abcd")
        self.expect("version 2: out.raw")
        self.assertEqual(self.read("out.raw"), b"\2\2\2\2")
        self.ends(0)

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


class LiveTest(Watch):
    def seen(self):
        return struct.unpack("<2I", self.read("out.raw"))

    def test_state_goes_on_in_a_version_that_declares_it_alike(self):
        self.write("in.raw", bytes(8))
        self.write("seen.c", SEEN % ("uint32_t seen;", "", 1))
        self.start("seen.c", "-i", "in.raw", "-o", "out.raw", "--turns", "3")
        self.expect("version 1")
        self.assertEqual(self.seen(), (1, 1))
        self.save("seen.c", SEEN % ("uint32_t  seen;", "", 2))
        self.expect("version 2")
        version, count = self.seen()
        self.assertEqual(version, 2)
        self.assertGreater(count, 1)
        self.save("seen.c", SEEN % ("uint32_t seen, more;", "", 3))
        self.assertNotIn("anew", self.expect("version 3"))
        self.assertEqual(self.seen(), (3, 1))
        self.ends(0)

    def test_parameters_keep_their_values_as_long_as_they_are_there(self):
        self.write("in.raw", b"ab")
        self.write("set.c", SET % 1)
        self.start("set.c", "-i", "in.raw", "-o", "out.raw", "-p", "value=65", "--turns", "3")
        self.expect("version 1")
        self.save("set.c", (SET % 2).replace("params.value;", "(params.value + 1);"))
        self.assertNotIn("value", self.expect("version 2").split(":", 1)[1])
        self.assertEqual(self.read("out.raw"), b"BB")
        self.save("set.c", (SET % 3).replace("value", "other"))
        self.assertIn("'value'", self.expect("version 3: out.raw"))
        self.assertEqual(self.read("out.raw"), b"\3\3")
        self.ends(0)

    def test_a_version_without_room_on_the_handle_is_launched_anew(self):
        self.write("in.raw", bytes(8))
        self.write("seen.c", SEEN % ("uint32_t seen;", "", 1))
        self.start("seen.c", "-i", "in.raw", "-o", "out.raw", "--turns", "2")
        self.expect("version 1")
        text = SEEN % ("uint32_t seen;", ", RING_EMITS (2)", 2)
        self.save("seen.c", text.replace("out.data", "ring_output (0).data").replace(
            "->seen;", "->seen;\n    ring_emit (0, 8);"))
        self.assertIn("launched anew", self.expect("version 2: out.raw"))
        self.assertEqual(self.seen(), (2, 1))
        self.ends(0)

    def test_larger_messages_are_launched_anew(self):
        self.write("fade.c", FADE)
        cv2.imwrite(self.path("in.png"), np.full((8, 8, 3), 100, np.uint8))
        self.start("fade.c", "-i", "in.png", "-o", "out.png", "-p", "amount=1", "--turns", "2")
        self.expect("version 1")
        cv2.imwrite(self.path("in.png"), np.full((200, 200, 3), 100, np.uint8))
        self.save("fade.c", FADE + "\n")
        self.assertIn("larger", self.expect("version 2: out.png"))
        np.testing.assert_array_equal(cv2.imread(self.path("out.png")),
                                      np.full((200, 200, 3), 100))
        self.ends(0)

    def test_versions_of_other_formats_take_over(self):
        self.write("any.c", FADE)
        self.start("any.c", "--turns", "3")
        self.expect("version 1: " + self.path("any.out.png"))
        self.save("any.c", GRAY % 77)
        self.assertNotIn("anew", self.expect("version 2: " + self.path("any.out.png")))
        pixels = cv2.imread(self.path("any.out.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(pixels, np.full((240, 320), 77))
        self.save("any.c", SOUND)
        self.expect("version 3: " + self.path("any.out.wav"))
        self.ends(0)

    def test_an_output_that_cannot_be_written_any_more(self):
        self.write("in.raw", b"ab")
        self.write("set.c", SET % 1)
        self.start("set.c", "-i", "in.raw", "-o", "to/out.raw", "--turns", "2")
        self.assertIn("to/out.raw", self.expect("version 1: "))
        os.mkdir(self.path("to"))
        self.save("set.c", SET % 2)
        self.assertNotIn("anew", self.expect("version 2: to/out.raw"))
        self.ends(0)

    def test_an_input_that_goes_wrong_in_the_loop(self):
        self.write("records.c", RECORDS)
        self.write("in.raw", bytes(16))
        self.start("records.c", "-i", "in.raw", "-o", "out.raw")
        self.expect("version 1: out.raw")
        os.truncate(self.path("in.raw"), 12)
        self.assertIn("nothing runs", self.expect("version 1: in.raw ends within a unit"))
        os.truncate(self.path("in.raw"), 0)
        self.save("records.c", RECORDS + "\n")
        self.expect("version 2: in.raw is empty")
        self.write("in.raw", bytes(8))
        self.save("records.c", RECORDS + "\n\n")
        self.expect("version 3: out.raw")
        # As long as it is empty nothing runs; that is no error.
        os.truncate(self.path("in.raw"), 0)
        self.stop()


class CrashTest(Watch):
    """A sanitizer ends the program in its own way, and says so on stderr."""

    def test_a_version_that_crashes_is_told_and_the_next_one_runs(self):
        self.write("in.raw", b"abc")
        self.write("set.c", CRASHES % 1)
        self.start("set.c", "-i", "in.raw", "-o", "out.raw", "--turns", "3")
        line = self.expect("version 1: the kernel ")
        if not os.environ.get("ASAN_OPTIONS") and not os.environ.get("TSAN_OPTIONS"):
            self.assertIn("outside its memory (SIGSEGV)", line)
        self.assertIn("until it is saved again", line)
        self.save("set.c", SET % 2)
        self.expect("version 2: out.raw")
        self.assertEqual(self.read("out.raw"), b"\2\2\2")
        self.save("set.c", CRASHES % 1)
        self.expect("version 3: the kernel ")
        self.ends(1)
        self.assertEqual(self.read("out.raw"), b"\2\2\2")

    def test_the_input_goes_through_in_a_loop(self):
        self.write("in.raw", b"abc")
        self.write("set.c", CRASHES % 5)
        self.start("set.c", "-i", "in.raw", "-o", "out.raw")
        self.expect("version 1: out.raw")
        self.assertEqual(self.read("out.raw"), b"abc")
        # There was one message, and it is the fifth that crashes.
        self.expect("version 1: the kernel ")
        self.save("set.c", SET % 2)
        self.expect("version 2: out.raw")
        self.stop()

    def test_a_version_that_never_ends_is_told_and_the_next_one_runs(self):
        self.write("in.raw", b"abc")
        self.write("set.c", ENDLESS)
        self.start("set.c", "-i", "in.raw", "-o", "out.raw", "--timeout", "1")
        self.expect("version 1: not done after 1 s")
        self.save("set.c", SET % 2)
        self.expect("version 2: out.raw")
        self.stop()

    def test_a_library_that_crashes_when_it_is_opened(self):
        self.write("bad.c", "__attribute__((constructor)) static void go (void)"
                   "{ *(volatile int *) 64 = 1; }")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", "bad.so", "bad.c"],
                       cwd=self.folder, check=True)
        self.start("bad.so", "--turns", "1")
        self.expect("version 1: the kernel ")
        self.ends(1)

    def test_a_process_that_goes_for_no_reason_is_not_started_again(self):
        self.write("set.c", BROKEN)
        self.start("set.c")
        self.expect("version 1")
        pid = self.process.pid
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            child = int(file.read().split()[0])
        os.kill(child, signal.SIGKILL)
        self.expect_error("ended by itself")
        self.ends(1)


# A window needs no plugin of ours; and one with a sanitizer in it ends gst-launch-1.0,
# which has none.
WINDOW = {"GST_PLUGIN_PATH": ""}


class WindowTest(Watch):
    def without_gstreamer(self):
        """A path on which there is nothing at all."""
        os.mkdir(self.path("empty"))
        self.write("fade.c", FADE)
        self.ringkernel("compile", "fade.c")
        return self.path("empty")

    def open_fifo(self):
        os.mkfifo(self.path("shown"))
        fd = os.open(self.path("shown"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        return fd

    def read_until(self, fd, value):
        """There may be nobody who writes, for a while."""
        end = time.monotonic() + BOUND
        data = b""
        while value not in data:
            self.assertLess(time.monotonic(), end)
            select.select([fd], [], [], 1)
            try:
                data = data[-len(value):] + os.read(fd, 65536)
            except BlockingIOError:
                pass

    def test_pictures_are_shown_as_versions_take_over(self):
        fd = self.open_fifo()
        self.write("gray.c", GRAY % 1)
        self.start("gray.c", "--sink", "filesink location=%s buffer-mode=unbuffered"
                   % self.path("shown"), **WINDOW)
        self.expect("version 1")
        self.read_until(fd, bytes([1]) * 1000)
        self.save("gray.c", GRAY % 2)
        self.expect("version 2")
        self.read_until(fd, bytes([2]) * 1000)
        # Pictures of another format are shown in another one.
        self.save("gray.c", FADE)
        self.expect("version 3")
        self.read_until(fd, bytes([127, 127, 127]) * 30)
        self.stop()

    def test_rows_lie_close_together(self):
        fd = self.open_fifo()
        pixels = np.arange(5 * 3 * 3, dtype=np.uint8).reshape(3, 5, 3)
        cv2.imwrite(self.path("in.png"), pixels)
        self.write("fade.c", FADE)
        self.start("fade.c", "-i", "in.png", "-p", "amount=1", "--sink",
                   "videoconvert ! video/x-raw,format=BGRx ! filesink location=shown "
                   "buffer-mode=unbuffered", **WINDOW)
        expected = b"".join(bytes([*pixel, 255]) for row in pixels for pixel in row)
        self.read_until(fd, expected)
        self.stop()

    def test_a_window_that_is_closed_leaves_the_file(self):
        self.write("gray.c", GRAY % 1)
        self.start("gray.c", "--sink", "filesink location=missing/shown")
        self.expect("version 1")
        self.assertIn("the output file goes on",
                      self.expect_error("no window: gst-launch-1.0 has ended with "))
        self.save("gray.c", GRAY % 2)
        self.expect("version 2: " + self.path("gray.out.png"))
        self.stop()

    def test_without_gstreamer_there_is_the_file(self):
        path = self.without_gstreamer()
        self.start("fade.so", "--window", "--turns", "1", PATH=path)
        self.expect("version 1: " + self.path("fade.out.png"))
        self.expect_error("no window: there is no gst-launch-1.0")
        self.ends(0)

    def test_where_there_is_a_display_there_is_a_window(self):
        path = self.without_gstreamer()
        for name in ["DISPLAY", "WAYLAND_DISPLAY"]:
            self.ringkernel_in(path, "fade.so", "--turns", "1", **{name: "none"})
            self.assertIn("no window: there is no gst-launch-1.0", self.errors)
            self.ringkernel_in(path, "fade.so", "--turns", "1", "--headless", **{name: "none"})
            self.assertEqual(self.errors, "")

    def ringkernel_in(self, path, *arguments, **env):
        done = subprocess.run([shutil.which("ringkernel"), "watch", *arguments], cwd=self.folder,
                              env=dict(environment(), PATH=path, **env), capture_output=True,
                              timeout=BOUND, text=True)
        self.assertEqual(done.returncode, 0)
        self.errors = done.stderr

    def test_sound_is_not_shown(self):
        self.write("sound.c", SOUND)
        self.start("sound.c", "--window", "--turns", "1")
        self.expect_error("no window: the kernel gives no pictures")
        self.ends(0)

    def test_a_sink_that_is_typed_wrong(self):
        self.write("gray.c", GRAY % 1)
        self.start("gray.c", "--sink", "'", "--turns", "1")
        self.expect_error("no window: ")
        self.ends(0)


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
        for option in [["--turns=-1"], ["--timeout=0"], ["--block=-1"], ["--rate=-1"], ["--channels=-1"]]:
            self.fails("watch", "set.c", *option, status=2, says="from 1 on")
        self.fails("watch", "set.c", "--headless", "--window", status=2, says="--headless, or")
        self.fails("watch", "set.c", "-i", "-", status=2, says="are files")
        self.fails("watch", "set.c", "-o", "-", status=2, says="are files")
        self.fails("watch", "set.c", "-i", "a.raw", "-o", "a.raw", status=2, says="both")


if __name__ == "__main__":
    unittest.main()
