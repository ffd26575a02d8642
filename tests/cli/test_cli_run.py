# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""run: files go in and come out as they should. Pictures are compared through
OpenCV, sound through the bytes and scipy, numbers through numpy."""
import os
import pty
import select
import struct
import subprocess
import unittest
import wave

import cv2
import numpy as np
import scipy.io.wavfile

from cli_test import BROKEN, DATA, FADE, HEADER, Case, environment

# What a picture is taken for: copies it, and says the format in its first byte.
PICTURE = HEADER + """
RING_KERNEL (picture, "Copies pictures", RING_VIDEO ("%s"))
{
  RING_FOR_EACH_ROW (p, y, in)
    RING_FOR_EACH_LANE (x, in.plane[p].width * in.plane[p].pixel_stride)
      ring_row (out.plane[p], y)[x] = ring_row (in.plane[p], y)[x];
}
"""
TO_GRAY = HEADER + """
RING_KERNEL (first, "Keeps the first byte of each pixel", RING_VIDEO_TO ("RGB", "%s"))
{
  RING_FOR_EACH_ROW_OF (y, in.height)
    RING_FOR_EACH_LANE (x, in.width)
      ring_row (out.plane[0], y)[x] = ring_row (in.plane[0], y)[3 * x];
}
"""
# All of it in the first byte of the input.
ANY = HEADER + """
RING_KERNEL (any, "One value, in any format and size",
    RING_VIDEO_TO ("RGB, GRAY8", "RGB, NV12, GRAY8"), RING_ANY_FORMAT, RING_ANY_SIZE)
{
  RING_FOR_EACH_ROW (p, y, out)
    RING_FOR_EACH_LANE (x, out.plane[p].width * out.plane[p].pixel_stride)
      ring_row (out.plane[p], y)[x] = in.data[0];
}
"""
SOUND = HEADER + """
RING_KERNEL (sound, "Copies sound", RING_AUDIO ("%s"), RING_IN_PLACE)
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = in.data[i];
}
"""
RECORD = HEADER + """
typedef struct { uint8_t y, b; int16_t n; uint32_t u; struct { int64_t x; double d; } s; } R;
RING_KERNEL (many, "Copies records", RING_RECORDS ("(ybnu(xd))", R, "(ybnu(xd))", R))
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = in.data[i];
}
"""
# Gives the bytes of each message, and then how many they were.
EMITTER = HEADER + """
RING_KERNEL (twice, "Gives each message twice", RING_EMITS (2))
{
  RING_FOR_EACH (i, in.size) {
    out.data[i] = in.data[i];
    ring_output (1).data[i] = in.data[i];
  }
  if (ring_is_first_worker ()) {
    ring_emit (0, in.size);
    ring_emit (1, in.size);
  }
}
"""


class Run(Case):
    def picture(self, name, shape, seed=1, high=256):
        """Writes a random picture, as OpenCV has it: BGR or BGRA."""
        pixels = np.random.default_rng(seed).integers(0, high, shape, dtype=np.uint8)
        self.assertTrue(cv2.imwrite(self.path(name), pixels))
        return pixels

    def load(self, name):
        pixels = cv2.imread(self.path(name), cv2.IMREAD_UNCHANGED)
        self.assertIsNotNone(pixels, name)
        return pixels

    def run_kernel(self, kernel, source, sink, *options, **more):
        return self.ringkernel_bytes("run", kernel, "--input", source, "--output", sink,
                                     *options, **more)


class PictureTest(Run):
    def test_a_picture_of_colours(self):
        pixels = self.picture("in.png", (37, 53, 3))
        self.run_kernel("invert", "in.png", "out.png")
        np.testing.assert_array_equal(self.load("out.png"), 255 - pixels)

    def test_a_gray_picture_stays_gray(self):
        pixels = self.picture("in.png", (37, 53))
        self.run_kernel("invert", "in.png", "out.png")
        np.testing.assert_array_equal(self.load("out.png"), 255 - pixels)

    def test_transparency_is_kept_by_a_kernel_that_takes_it(self):
        pixels = self.picture("in.png", (37, 53, 4))
        self.run_kernel("invert", "in.png", "out.png")
        out = self.load("out.png")
        np.testing.assert_array_equal(out[..., :3], 255 - pixels[..., :3])
        np.testing.assert_array_equal(out[..., 3], pixels[..., 3])

    def test_transparency_that_is_lost_is_told(self):
        self.picture("in.png", (5, 7, 4))
        self.write("k.c", PICTURE % "RGB")
        self.run_kernel("./k.c", "in.png", "out.png")
        self.assertIn("transparency is lost", self.errors)
        self.assertEqual(self.load("out.png").shape, (5, 7, 3))

    def test_colour_that_is_lost_is_told(self):
        pixels = self.picture("in.png", (5, 7, 3))
        pixels[...] = pixels[..., :1]
        cv2.imwrite(self.path("in.png"), pixels)
        self.write("k.c", PICTURE % "GRAY8")
        self.run_kernel("./k.c", "in.png", "out.png")
        self.assertIn("made gray", self.errors)
        # red, green and blue are the same, so their mean is, too
        np.testing.assert_allclose(self.load("out.png"), pixels[..., 0], atol=1)

    def test_every_order_of_bytes(self):
        pixels = self.picture("in.png", (11, 13, 3))
        blue, green, red = (pixels[..., i] for i in range(3))
        channel = {"R": red, "G": green, "B": blue}
        for name in ["RGB", "BGR", "RGBx", "BGRx", "xRGB", "xBGR", "RGBA", "BGRA", "ARGB",
                     "ABGR"]:
            with self.subTest(name):
                self.write("k.c", PICTURE % name)
                self.run_kernel("./k.c", "in.png", "out.raw")
                raw = np.frombuffer(self.read("out.raw"), np.uint8).reshape(11, 13, len(name))
                for i, letter in enumerate(name):
                    if letter in channel:
                        np.testing.assert_array_equal(raw[..., i], channel[letter])
                    else:
                        self.assertTrue((raw[..., i] == 255).all())
                self.run_kernel("./k.c", "in.png", "out.png")
                np.testing.assert_array_equal(self.load("out.png")[..., :3], pixels)

    def test_the_format_may_be_chosen(self):
        pixels = self.picture("in.png", (5, 7, 3))
        self.run_kernel("copy", "in.png", "out.raw")
        self.run_kernel("invert", "in.png", "bgr.raw", "--format", "BGR")
        np.testing.assert_array_equal(
            255 - np.frombuffer(self.read("bgr.raw"), np.uint8).reshape(5, 7, 3), pixels)
        self.fails("run", "invert", "-i", "in.png", "-o", "x.png", "-f", "YUY2",
                   says=["'invert' does not take 'YUY2'", "GRAY8"])

    def test_another_format_comes_out(self):
        pixels = self.picture("in.png", (5, 7, 3))
        self.write("k.c", TO_GRAY % "GRAY8")
        self.run_kernel("./k.c", "in.png", "out.png")
        np.testing.assert_array_equal(self.load("out.png"), pixels[..., 2])

    def test_the_size_that_comes_out_may_be_chosen(self):
        pixels = self.picture("in.png", (30, 40, 3))
        expected = cv2.resize(pixels, (25, 21), interpolation=cv2.INTER_LINEAR)
        for option in ("--size", "--to-size"):
            self.run_kernel("scale", "in.png", "out.png", option, "25x21")
            off = abs(self.load("out.png").astype(int) - expected)
            self.assertLessEqual(off.max(), 1, option)
        self.run_kernel("scale", "in.png", "out.png")
        self.assertTrue(np.array_equal(self.load("out.png"), pixels))

    def test_raw_pictures_of_one_size_become_those_of_another(self):
        data = bytes([50]) * 5 * 48 + bytes([60]) * 48
        options = ("--size", "8x6", "--format", "GRAY8", "--to-size", "3x5")
        out = self.run_kernel("scale", "-", "-", *options, stdin=data)
        self.assertEqual(out, bytes([50]) * 5 * 15 + bytes([60]) * 15)

    def test_the_format_that_comes_out_may_be_chosen(self):
        self.write("any.c", ANY)
        pixels = self.picture("in.png", (5, 4, 3))
        for option in ("--format", "--to-format"):
            self.run_kernel("./any.c", "in.png", "out.png", option, "GRAY8", "--size", "6x7")
            self.assertEqual(self.load("out.png").shape, (7, 6))
            self.assertTrue((self.load("out.png") == pixels[0, 0, 2]).all())
        self.run_kernel("./any.c", "in.png", "out.raw", "--format", "NV12")
        with open(self.path("out.raw"), "rb") as f:
            self.assertEqual(f.read(), bytes([pixels[0, 0, 2]]) * (20 + 2 * 6))
        out = self.run_kernel("./any.c", "-", "-", "--format", "GRAY8", "--size", "2x2",
                              "--to-format", "RGB", stdin=bytes([9, 1, 2, 3]))
        self.assertEqual(out, bytes([9]) * 12)

    def test_what_a_kernel_does_not_leave_open(self):
        self.picture("in.png", (5, 4, 3))
        self.write("any.c", ANY)
        speech = os.path.join(DATA, "speech.wav")
        self.fails("run", "invert", "-i", "in.png", "-o", "x.png", "--size", "7x7",
                   says=["'invert' does not make", "7x7"])
        self.fails("run", "scale", "-i", "in.png", "-o", "x.png", "--to-format", "GRAY8",
                   says=["'scale' does not make", "GRAY8"])
        self.fails("run", "./any.c", "-i", "in.png", "-o", "x.png", "--format", "I420",
                   says=["'any' does not make", "I420"])
        self.fails("run", "./any.c", "-i", "in.png", "-o", "x.png", "--format", "HSV",
                   says="no pixel format 'HSV'")
        self.fails("run", "scale", "-i", "in.png", "-o", "x.png", "--size", "7",
                   says=["--size is '7'", "640x480"])
        self.fails("run", "scale", "-i", "in.png", "-o", "x.png", "--to-size", "0x7",
                   says=["--to-size is '0x7'", "640x480"])
        self.fails("run", "gain", "-i", speech, "-o", "x.wav", "--to-size", "7x7",
                   says="'gain' gives audio")

    def test_a_kernel_of_bytes_gets_the_pixels(self):
        pixels = self.picture("in.png", (37, 53, 3))
        self.write("fade.c", FADE)
        self.run_kernel("./fade.c", "in.png", "out.png", "--param", "amount=0.25")
        np.testing.assert_array_equal(self.load("out.png"),
                                      np.floor(pixels * np.float32(0.25) + 0.5).astype(np.uint8))

    def test_parameters_are_set_in_any_number(self):
        self.picture("in.png", (5, 7, 3))
        self.run_kernel("levels", "in.png", "a.png", "-p", "contrast=1.5", "--param=gamma=1.2")
        self.run_kernel("levels", "in.png", "b.png", "-p", "contrast=1.5")
        self.assertTrue((self.load("a.png") != self.load("b.png")).any())

    def test_formats_that_no_picture_has(self):
        self.picture("in.png", (4, 6, 3))
        self.write("k.c", PICTURE % "I420, NV12")
        self.fails("run", "./k.c", "-i", "in.png", "-o", "out.png",
                   says=["I420, NV12 alone", "pipeline"])
        self.write("k.c", TO_GRAY % "I420")
        self.fails("run", "./k.c", "-i", "in.png", "-o", "out.png",
                   says=["video I420", "name the output .raw"])

    def test_what_is_no_picture(self):
        for name, data in [("text.png", b"no picture"), ("empty.png", b""),
                           ("cut.png", None)]:
            with self.subTest(name):
                if data is None:
                    self.picture("whole.png", (50, 50, 3))
                    data = self.read("whole.png")[:3000]
                self.write(name, data)
                self.fails("run", "invert", "-i", name, "-o", "out.png",
                           says=[name, "no PNG picture that can be read"])
                self.assertFalse(os.path.exists(self.path("out.png")))

    def test_a_picture_of_sixteen_bits_is_read_as_eight(self):
        pixels = np.random.default_rng(3).integers(0, 65536, (9, 8, 3), dtype=np.uint16)
        cv2.imwrite(self.path("in.png"), pixels)
        self.run_kernel("copy", "in.png", "out.png")
        # libpng rounds, in either of two ways
        np.testing.assert_allclose(self.load("out.png"), pixels / 257.0, atol=1)


    def test_a_table_of_colours_of_a_file(self):
        pixels = np.random.default_rng(4).integers(0, 256, (9, 8, 3), dtype=np.uint8)
        cv2.imwrite(self.path("in.png"), pixels)
        corners = "".join("%d %d %d\n" % (1 - (i & 1), 1 - (i >> 1 & 1), 1 - (i >> 2))
                          for i in range(8))
        self.write("film.cube", 'TITLE "negative"\nLUT_3D_SIZE 2\n' + corners)
        self.run_kernel("lut3d", "in.png", "out.png", "-p", "table=@film.cube")
        np.testing.assert_array_equal(self.load("out.png"), 255 - pixels)
        self.write("film.cube", "LUT_3D_SIZE 2\n" + corners[:-6])
        self.fails("run", "lut3d", "-i", "in.png", "-o", "out.png", "-p", "table=@film.cube",
                   says=["'table'", "film.cube:8: ", "after 7 colours"])


class SoundTest(Run):
    SAMPLES = np.random.default_rng(5).uniform(-1, 1, (9001, 2))

    def wav(self, name, dtype, rate=44100):
        scale = {"uint8": 127, "int16": 32767, "int32": 2147483647}.get(dtype, 1)
        data = self.SAMPLES * scale + (128 if dtype == "uint8" else 0)
        data = data.astype(dtype)
        scipy.io.wavfile.write(self.path(name), rate, data)
        return data

    def test_pcm_of_16_bits(self):
        data = self.wav("in.wav", "int16")
        self.run_kernel("copy", "in.wav", "out.wav")
        with wave.open(self.path("out.wav")) as file:
            self.assertEqual(file.getparams()[:4], (2, 2, 44100, 9001))
            np.testing.assert_array_equal(
                np.frombuffer(file.readframes(9001), "<i2").reshape(-1, 2), data)

    def test_sound_through_a_filter_in_blocks_is_that_of_the_whole(self):
        data = self.wav("in.wav", "int16").astype(np.float64)
        taps = [0.25, 0.5, 0.25]
        for block in ["1", "100", "4096", "100000"]:
            with self.subTest(block):
                self.run_kernel("fir", "in.wav", "out.wav", "-p", "taps=0.25,0.5,0.25",
                                "--block", block, "--format", "S16LE")
                rate, out = scipy.io.wavfile.read(self.path("out.wav"))
                self.assertEqual(rate, 44100)
                for channel in range(2):
                    np.testing.assert_allclose(
                        out[:, channel], np.convolve(data[:, channel], taps)[:len(data)], atol=1)

    def test_an_impulse_response_of_a_file(self):
        data = self.wav("in.wav", "float32").astype(np.float64)
        response = np.random.default_rng(7).uniform(-0.1, 0.1, 999)
        scipy.io.wavfile.write(self.path("hall.wav"), 44100, response.astype("float32"))
        np.savetxt(self.path("hall.txt"), response.astype("float32"), "%.9g")
        for name in ["hall.wav", "hall.txt"]:
            with self.subTest(name):
                self.run_kernel("convolve", "in.wav", "out.wav", "-p", "taps=@" + name)
                _, out = scipy.io.wavfile.read(self.path("out.wav"))
                for channel in range(2):
                    np.testing.assert_allclose(
                        out[:, channel],
                        np.convolve(data[:, channel], response)[:len(data)], atol=1e-5)
        self.write("hall.txt", "0.5\nhall\n")
        self.fails("run", "convolve", "-i", "in.wav", "-o", "out.wav", "-p", "taps=@hall.txt",
                   says=["'taps'", "hall.txt:2: 'hall' is not a number"])

    def test_every_encoding_is_kept_where_the_kernel_takes_it(self):
        self.write("k.c", SOUND % "S16LE, S32LE, F32LE, F64LE")
        for dtype in ["int16", "int32", "float32", "float64"]:
            with self.subTest(dtype):
                data = self.wav("in.wav", dtype)
                self.run_kernel("./k.c", "in.wav", "out.wav")
                rate, out = scipy.io.wavfile.read(self.path("out.wav"))
                self.assertEqual((rate, out.dtype), (44100, data.dtype))
                np.testing.assert_array_equal(out, data)

    def test_bytes_become_16_bits(self):
        data = self.wav("in.wav", "uint8")
        self.run_kernel("copy", "in.wav", "out.wav")
        _, out = scipy.io.wavfile.read(self.path("out.wav"))
        np.testing.assert_array_equal(out, (data.astype(np.int16) - 128) * 256)

    def test_24_bits_become_32(self):
        values = np.array([0, 1, -1, 8388607, -8388608, 1234567], np.int32)
        data = b"".join(struct.pack("<i", v)[:3] for v in values)
        with wave.open(self.path("in.wav"), "wb") as file:
            file.setparams((1, 3, 8000, 6, "NONE", ""))
            file.writeframes(data)
        self.run_kernel("copy", "in.wav", "out.wav")
        _, out = scipy.io.wavfile.read(self.path("out.wav"))
        np.testing.assert_array_equal(out, values * 256)

    def test_samples_are_converted_to_what_the_kernel_takes(self):
        floats = self.wav("in.wav", "float64")
        for name, check in [
                ("F32LE", lambda x: np.testing.assert_array_equal(x, floats.astype("f4"))),
                ("S16LE", lambda x: np.testing.assert_allclose(x, floats * 32768, atol=0.501)),
                ("S32LE", lambda x: np.testing.assert_allclose(x, floats * 2**31, atol=0.501))]:
            with self.subTest(name):
                self.write("k.c", SOUND % name)
                self.run_kernel("./k.c", "in.wav", "out.wav")
                check(scipy.io.wavfile.read(self.path("out.wav"))[1])

    def test_what_is_louder_than_can_be_is_limited(self):
        data = np.array([2.0, -2.0, np.nan, 1.0, -1.0], np.float32)
        scipy.io.wavfile.write(self.path("in.wav"), 8000, data)
        self.write("k.c", SOUND % "S16LE")
        self.run_kernel("./k.c", "in.wav", "out.wav")
        np.testing.assert_array_equal(scipy.io.wavfile.read(self.path("out.wav"))[1],
                                      [32767, -32768, 0, 32767, -32768])

    def test_other_chunks_are_passed_over(self):
        self.wav("in.wav", "int16")
        file = self.read("in.wav")
        extra = b"LIST" + struct.pack("<I", 3) + b"abc\0"
        self.write("more.wav", file[:12] + extra + file[12:] + extra)
        self.run_kernel("copy", "in.wav", "a.wav")
        self.run_kernel("copy", "more.wav", "b.wav")
        self.assertEqual(self.read("a.wav"), self.read("b.wav"))

    def test_a_file_that_was_streamed_has_no_length(self):
        self.wav("in.wav", "int16")
        file = self.read("in.wav")
        self.assertEqual(file[36:40], b"data")
        self.write("s.wav", file[:40] + b"\xff\xff\xff\xff" + file[44:])
        self.run_kernel("copy", "in.wav", "a.wav")
        self.run_kernel("copy", "s.wav", "b.wav")
        self.assertEqual(self.read("a.wav"), self.read("b.wav"))

    def test_what_is_no_sound(self):
        self.wav("good.wav", "int16")
        good = self.read("good.wav")
        law = bytearray(good)
        law[20:22] = struct.pack("<H", 7)
        odd = bytearray(good)
        odd[32:34] = struct.pack("<H", 5)
        for name, data, why in [
                ("text", b"no sound at all", "does not begin as one"),
                ("empty", b"", "does not begin as one"),
                ("cut", good[:1000], "cut off"),
                ("head", good[:30], "cut off"),
                ("nothing", good[:36], "no samples"),
                ("law", bytes(law), "neither PCM"),
                ("odd", bytes(odd), "contradict"),
                ("early", good[:12] + good[36:], "before their format")]:
            with self.subTest(name):
                self.write("in.wav", data)
                self.fails("run", "copy", "-i", "in.wav", "-o", "out.wav",
                           says=["in.wav is no WAV file", why])


class NumbersTest(Run):
    ECG = os.path.join(DATA, "ecg.csv")

    def numbers(self, name):
        return np.loadtxt(self.path(name), delimiter=",", comments=("#", "t_ns"), ndmin=2)

    def test_records_in_and_out_with_their_header(self):
        self.run_kernel("moving-average", self.ECG, "out.csv", "--param", "window=36")
        self.assertEqual(self.read("out.csv").splitlines()[0], b"t_ns,mV")
        given = np.loadtxt(self.ECG, delimiter=",", skiprows=1)
        out = self.numbers("out.csv")
        self.assertEqual(out.shape, given.shape)
        np.testing.assert_array_equal(out[:, 0], given[:, 0])
        sums = np.cumsum(np.concatenate([np.zeros(36), given[:, 1]]))
        counts = np.minimum(np.arange(1, len(given) + 1), 36)
        np.testing.assert_allclose(out[:, 1], (sums[36:] - sums[:-36]) / counts, atol=1e-9)

    def test_other_records_come_out_without_a_header(self):
        self.run_kernel("spike-detect", self.ECG, "out.csv", "-p", "threshold=2.5", "-p",
                        "window=90", "-p", "refractory=0.3")
        self.assertNotIn(b"mV", self.read("out.csv"))
        self.assertEqual(self.numbers("out.csv").shape[1], 3)

    def test_text_and_bytes_are_the_same_records(self):
        self.run_kernel("copy", os.path.join(DATA, "ecg.bin"), "copy.bin")
        self.run_kernel("decimate", self.ECG, "a.bin", "-p", "factor=10")
        self.run_kernel("decimate", "copy.bin", "b.bin", "-p", "factor=10")
        self.assertEqual(self.read("a.bin"), self.read("b.bin"))
        self.assertGreater(len(self.read("a.bin")), 0)

    def test_every_field_keeps_its_value(self):
        rows = ["0,0,-32768,0,-9223372036854775808,0.1",
                "255,1,32767,4294967295,9223372036854775807,-1e+300",
                "7,0,-1,12,34,2.5"]
        self.write("in.csv", "# a comment\n\n" + "\n".join(rows) + "\n")
        self.write("k.c", RECORD)
        self.run_kernel("./k.c", "in.csv", "out.csv")
        self.assertEqual(self.read("out.csv").decode().splitlines(), rows)
        dtype = np.dtype([("y", "u1"), ("b", "u1"), ("n", "<i2"), ("u", "<u4"), ("x", "<i8"),
                          ("d", "<f8")])
        self.run_kernel("./k.c", "in.csv", "out.raw")
        raw = np.frombuffer(self.read("out.raw"), dtype)
        self.assertEqual(raw[1].tolist(), (255, 1, 32767, 4294967295, 9223372036854775807, -1e300))

    def test_lines_may_end_as_elsewhere(self):
        self.write("in.csv", b"\xef\xbb\xbft, v\r\n 1 , 2.5\r\n2,3\r\n")
        self.run_kernel("moving-average", "in.csv", "out.csv", "-p", "window=1")
        self.assertEqual(self.read("out.csv"), b"t, v\n1,2.5\n2,3\n")

    def test_sound_as_numbers(self):
        self.write("in.csv", "left,right\n0.5,-0.25\n1,0.125\n")
        self.write("k.c", SOUND % "F32LE")
        self.run_kernel("./k.c", "in.csv", "out.wav", "--rate", "8000")
        rate, out = scipy.io.wavfile.read(self.path("out.wav"))
        self.assertEqual(rate, 8000)
        np.testing.assert_array_equal(out, np.float32([[0.5, -0.25], [1, 0.125]]))
        self.run_kernel("./k.c", "out.wav", "out.csv")
        self.assertEqual(self.read("out.csv"), b"0.5,-0.25\n1,0.125\n")

    def test_what_is_wrong_is_told_with_its_line(self):
        for name, text, says in [
                ("word", "t,v\n1,2\n2,x\n", ["line 3", "column 2 is 'x'", "not a number"]),
                ("few", "1,2\n3\n", ["line 2", "1 columns, 2 expected"]),
                ("many", "1,2,3\n", ["line 1", "3 columns, 2 expected"]),
                ("negative", "1,2\n-1,2\n", ["line 2", "'-1'", "not negative"]),
                ("fraction", "1.5,2\n", ["line 1", "'1.5'", "whole number"]),
                ("large", "18446744073709551616,2\n", ["line 1", "whole number"]),
                ("gap", "1,2\n2,\n", ["line 2", "column 2 is ''"]),
                ("nothing", "", ["no line of numbers"]),
                ("header", "t,v\n", ["no line of numbers"]),
                ("binary", b"1,2\n\0\xff", ["no text"])]:
            with self.subTest(name):
                self.write("in.csv", text)
                self.fails("run", "moving-average", "-i", "in.csv", "-o", "out.csv",
                           says=["in.csv", *says])
                self.assertFalse(os.path.exists(self.path("out.csv")))


class RecordsOfOtherThingsTest(Run):
    """What comes out is of another kind than what goes in."""

    def numbers(self, name):
        return np.loadtxt(self.path(name), delimiter=",", ndmin=2)

    def test_a_spectrum_of_sound(self):
        t = np.arange(20000)
        tone = np.round(0.5 * 32767 * np.sin(2 * np.pi * 40 / 1024 * t)).astype("<i2")
        scipy.io.wavfile.write(self.path("a.wav"), 44100, tone)
        self.run_kernel("spectrum", "a.wav", "a.csv", "-p", "bands=0", "-p", "hop=1000")
        rows = self.numbers("a.csv")
        hops = (20000 - 1024) // 1000 + 1
        self.assertEqual(rows.shape, (hops * 513, 4))
        np.testing.assert_array_equal(rows[::513, 0], [
            i * 1000 * 10 ** 9 // 44100 for i in range(hops)])
        np.testing.assert_array_equal(rows[:, 2], list(range(513)) * hops)
        np.testing.assert_allclose(rows[40::513, 3], 20 * np.log10(0.5), atol=1e-2)
        self.assertEqual(set(rows[:, 3].reshape(hops, 513).argmax(axis=1)), {40})

    def test_raw_sound_and_raw_records_in_blocks_of_any_length(self):
        with wave.open(os.path.join(DATA, "speech.wav")) as file:
            rate, channels = file.getframerate(), file.getnchannels()
            self.write("in.raw", file.readframes(1 << 30))
        record = np.dtype([("time", "<u8"), ("level", "<f8", 4)])
        of = ["-f", "S16LE", "-r", str(rate), "-c", str(channels)]
        for block in ("1", "777", "100000"):
            self.run_kernel("loudness", "in.raw", block + ".bin", *of, "--block", block)
        records = np.frombuffer(self.read("1.bin"), record)
        self.assertEqual(records["time"].tolist(),
                         [(i + 1) * 10 ** 8 for i in range(len(records))])
        self.assertEqual(self.read("1.bin"), self.read("777.bin"))
        self.assertEqual(self.read("1.bin"), self.read("100000.bin"))

    def test_where_a_picture_is_white(self):
        pixels = np.zeros((60, 80), np.uint8)
        pixels[20:31, 40:70] = 255
        cv2.imwrite(self.path("in.png"), pixels)
        self.run_kernel("coverage", "in.png", "out.csv")
        row = self.numbers("out.csv")[0]
        np.testing.assert_array_equal(row[1:], [30 * 11 / 4800, 40, 20, 30, 11, 54.5, 25])

    def test_a_record_for_each_raw_picture(self):
        pixels = np.random.default_rng(1).integers(0, 256, (7, 9, 13), np.uint8)
        self.write("in.raw", pixels.tobytes())
        self.run_kernel("coverage", "in.raw", "out.csv", "-f", "GRAY8", "-s", "13x9")
        np.testing.assert_allclose(self.numbers("out.csv")[:, 1],
                                   (pixels >= 128).mean(axis=(1, 2)), atol=1e-15)

    def test_outputs_that_hold_no_records(self):
        speech = os.path.join(DATA, "speech.wav")
        self.fails("run", "loudness", "-i", speech, "-o", "x.wav", says=[
            "gives records (tdddd)", "name the output .csv"])
        self.picture("in.png", (4, 4))
        self.fails("run", "coverage", "-i", "in.png", "-o", "x.png", says="name the output .csv")
        self.assertEqual(sorted(os.listdir(self.folder)), ["in.png"])


class BytesTest(Run):
    def test_a_pipe_gets_each_result_when_its_message_is_done(self):
        env = environment()
        process = subprocess.Popen(
            ["ringkernel", "run", "copy", "-i", "-", "-o", "-", "--block", "5"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, bufsize=0)
        try:
            for text in [b"first", b"other"]:
                process.stdin.write(text)
                ready, _, _ = select.select([process.stdout], [], [], 60)
                self.assertTrue(ready, "nothing came out")
                self.assertEqual(process.stdout.read(5), text)
            process.stdin.close()
            self.assertEqual(process.stdout.read(), b"")
            self.assertEqual(process.wait(60), 0)
        finally:
            process.kill()
            process.stdout.close()
            process.wait()

    def test_raw_pictures_one_behind_the_other(self):
        frames = np.random.default_rng(7).integers(0, 256, (3, 4, 6, 3), dtype=np.uint8)
        out = self.run_kernel("invert", "-", "-", "--size", "6x4", "--format", "RGB",
                              stdin=frames.tobytes())
        self.assertEqual(out, (255 - frames).tobytes())

    def test_several_pictures_are_no_png(self):
        self.write("in.raw", bytes(2 * 4 * 6))
        self.fails("run", "invert", "-i", "in.raw", "-o", "out.png", "--size", "6x4", "--format",
                   "GRAY8", says=["2 pictures came out", ".raw"])
        self.run_kernel("invert", "in.raw", "out.raw", "--size", "6x4", "--format", "GRAY8")
        self.assertEqual(self.read("out.raw"), b"\xff" * 48)

    def test_raw_sound(self):
        data = np.arange(-300, 300, dtype="<i2")
        self.write("in.raw", data.tobytes())
        self.run_kernel("gain", "in.raw", "out.wav", "--format", "S16LE", "--channels", "2",
                        "--rate", "16000", "-p", "gain=0")
        rate, out = scipy.io.wavfile.read(self.path("out.wav"))
        self.assertEqual(rate, 16000)
        np.testing.assert_array_equal(out, data.reshape(-1, 2))

    def test_a_kernel_that_emits_several(self):
        self.write("twice.c", EMITTER)
        self.assertEqual(self.run_kernel("./twice.c", "-", "-", "--block", "3",
                                         stdin=b"abcdefg"), b"abcabcdefdefgg")

    def test_a_long_input_goes_through_in_order(self):
        data = np.random.default_rng(9).bytes(3_000_001)
        for mode in ["64", "100000"]:
            self.write("in.raw", data)
            self.run_kernel("copy", "in.raw", "out.raw", "--block", mode)
            self.assertEqual(self.read("out.raw"), data)

    def test_what_is_missing_for_raw_input(self):
        self.write("in.raw", bytes(24))
        self.fails("run", "invert", "-i", "in.raw", "-o", "x.raw", says=["--size", "--format"])
        self.fails("run", "invert", "-i", "in.raw", "-o", "x.raw", "-s", "6", "-f", "RGB",
                   says=["--size is '6'", "640x480"])
        self.fails("run", "invert", "-i", "in.raw", "-o", "x.raw", "-s", "3x3", "-f", "RGB",
                   says="ends within a unit of 27 bytes")
        self.assertFalse(os.path.exists(self.path("x.raw")))

    def test_an_input_with_nothing_in_it(self):
        self.write("in.raw", b"")
        self.fails("run", "copy", "-i", "in.raw", "-o", "x.raw", says="in.raw is empty")

    def test_progress_is_shown_on_a_terminal_and_nowhere_else(self):
        master, slave = pty.openpty()
        process = subprocess.Popen(
            ["ringkernel", "run", "copy", "-i", "-", "-o", "-", "--block", "1024"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=slave, env=environment(),
            bufsize=0)
        os.close(slave)
        shown = b""
        try:
            # Half a second has to pass, however fast this machine is.
            while b"KiB" not in shown:
                process.stdin.write(bytes(1024))
                process.stdout.read(1024)
                if select.select([master], [], [], 0)[0]:
                    shown += os.read(master, 1000)
            process.stdin.close()
            self.assertEqual(process.wait(60), 0)
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
            os.close(master)
        self.write("in.raw", bytes(1000))
        self.run_kernel("copy", "in.raw", "out.raw")
        self.assertEqual(self.errors, "")


class WrongTest(Run):
    def test_kinds_that_do_not_fit(self):
        self.picture("in.png", (4, 4, 3))
        speech = os.path.join(DATA, "speech.wav")
        self.fails("run", "gain", "-i", "in.png", "-o", "x.wav", says=["takes audio", "not pictures"])
        self.fails("run", "edges", "-i", speech, "-o", "x.png", says=["takes video", "not sound"])
        self.fails("run", "edges", "-i", os.path.join(DATA, "ecg.csv"), "-o", "x.png",
                   says=["takes video", "CSV holds records or sound"])

    def test_outputs_that_do_not_fit(self):
        self.picture("in.png", (4, 4, 3))
        speech = os.path.join(DATA, "speech.wav")
        self.fails("run", "invert", "-i", "in.png", "-o", "x.wav", says="name the output .png")
        self.fails("run", "gain", "-i", speech, "-o", "x.png", says="name the output .wav")
        self.fails("run", "decimate", "-i", os.path.join(DATA, "ecg.csv"), "-o", "x.wav",
                   says="name the output .csv")
        self.assertEqual(sorted(os.listdir(self.folder)), ["in.png"])

    def test_parameters_that_are_none(self):
        self.picture("in.png", (4, 4, 3))
        arguments = ["run", "invert", "-i", "in.png", "-o", "x.png", "--param"]
        self.fails(*arguments, "amount=7", says=["'amount'", "from 0 to 1"])
        self.fails(*arguments, "amuont=1", says="'amuont'")
        self.fails(*arguments, "amount", says="'amount' is not name=value")

    def test_files_that_are_not_there(self):
        for name in ["no.png", "no.wav", "no.csv", "no.raw"]:
            kernel = {"png": "edges", "wav": "gain", "csv": "decimate", "raw": "copy"}[name[3:]]
            self.fails("run", kernel, "-i", name, "-o", "x" + name[2:], says=name)
        self.write("in.raw", b"abc")
        self.ringkernel("run", "copy", "-i", "in.raw", "-o", "no/where.raw", status=1)
        self.assertIn("no/where.raw", self.errors)
        self.picture("in.png", (4, 4, 3))
        self.ringkernel("run", "copy", "-i", "in.png", "-o", "no/where.png", status=1)
        self.assertIn("no/where.png", self.errors)

    def test_a_full_disk(self):
        self.write("in.raw", bytes(5000))
        os.symlink("/dev/full", self.path("full"))
        self.fails("run", "copy", "-i", "in.raw", "-o", "full", says="full cannot be written")
        # it was there before, and is no result of ours
        self.assertTrue(os.path.islink(self.path("full")))
        self.assertTrue(os.path.exists("/dev/full"))

    def test_wrong_usage(self):
        self.fails("run", "copy", "-i", "in.raw", status=2, says=["--input and --output"])
        self.fails("run", "copy", "-i", "x", "-o", "x", status=2, says="both input and output")
        self.fails("run", "copy", "-i", "x", "-o", "y", "--block=-1", status=2, says="--block")
        self.fails("run", "copy", "-i", "x", "-o", "y", "--backend", "gpu", status=2,
                   says=["'gpu'", "auto, cpu, cuda"])

    def test_a_kernel_that_cannot_be_used(self):
        self.write("in.raw", b"abc")
        self.fails("run", "copi", "-i", "in.raw", "-o", "x.raw", says="did you mean 'copy'?")
        self.write("broken.c", BROKEN)
        self.ringkernel("run", "broken.c", "-i", "in.raw", "-o", "x.raw", status=1)
        self.assertIn("nothing_of_that_name", self.errors)

    def test_what_new_writes_runs_as_it_is(self):
        self.picture("in.png", (9, 8, 3))
        self.ringkernel("new", "a", "--video")
        self.run_kernel("./a.c", "in.png", "out.png", "-p", "strength=0")
        np.testing.assert_array_equal(self.load("out.png"), self.load("in.png"))
        self.ringkernel("new", "b", "--audio")
        scipy.io.wavfile.write(self.path("in.wav"), 8000, np.float32([0.5, -0.25]))
        self.run_kernel("./b.c", "in.wav", "out.wav", "-p", "drive=2")
        np.testing.assert_allclose(scipy.io.wavfile.read(self.path("out.wav"))[1],
                                   [0.5, -1 / 3], rtol=1e-6)
        self.ringkernel("new", "c", "--sensor")
        self.write("in.csv", "1,8\n2,0\n3,0\n")
        self.run_kernel("./c.c", "in.csv", "out.csv", "-p", "keep=0.5")
        self.assertEqual(self.read("out.csv"), b"1,8\n2,4\n3,2\n")


if __name__ == "__main__":
    unittest.main()
