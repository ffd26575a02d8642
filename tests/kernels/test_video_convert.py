#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Conversion between formats and colours, against the standards' own formulas in
floating point, and against GStreamer's videoconvert."""
import itertools
import unittest

import gi
import numpy as np

gi.require_version('Ring', '1.0')
gi.require_version('Gst', '1.0')
gi.require_version('GstApp', '1.0')
from gi.repository import GLib, Gst, GstApp, Ring  # noqa: E402, F401

import ringtest  # noqa: E402

RGB = ['RGB', 'BGR', 'RGBA', 'BGRA', 'ARGB', 'ABGR', 'RGBx', 'BGRx', 'xRGB', 'xBGR']
GRAY = ['GRAY8', 'GRAY16_LE']
HALVED = ['I420', 'NV12']
FORMATS = GRAY + RGB + HALVED
MODES = ['INLINE', 'EVENT_DRIVEN', 'PERSISTENT']
# kr and kb of ITU-R BT.601-7, BT.709-6 and BT.2020-2
WEIGHTS = {'BT601': (0.299, 0.114), 'BT709': (0.2126, 0.0722), 'BT2020': (0.2627, 0.0593)}
SIZES = [(1, 1), (2, 2), (3, 5), (16, 4), (67, 9)]
SHIFTS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def shapes(format, width, height):
    if format == 'GRAY16_LE':
        return [(height, width, 2)]
    return ringtest.plane_shapes(format, width, height)


def random_frame(rng, format, width, height):
    return [rng.integers(0, 256, shape, dtype=np.uint8)
            for shape in shapes(format, width, height)]


# ---- the reference: everything in floating point, rounded once ---------------------

def to_yuv(matrix):
    kr, kb = WEIGHTS[matrix]
    kg = 1 - kr - kb
    return np.array([[kr, kg, kb],
                     [-kr / (2 - 2 * kb), -kg / (2 - 2 * kb), 0.5],
                     [0.5, -kg / (2 - 2 * kr), -kb / (2 - 2 * kr)]])


def levels(values, limited, difference=False):
    """0 to 1, or -1/2 to 1/2."""
    if difference:
        return (values - 128) / (224 if limited else 255)
    return (values - (16 if limited else 0)) / (219 if limited else 255)


def numbers(levels_, limited, difference=False):
    if difference:
        return levels_ * (224 if limited else 255) + 128
    return levels_ * (219 if limited else 255) + (16 if limited else 0)


def gray_bytes(plane):
    """In bytes' steps."""
    if plane.shape[2] == 1:
        return plane[:, :, 0].astype(float)
    return (plane[:, :, 0] + 256.0 * plane[:, :, 1]) / 257


def halve(pixels):
    """The mean of 2 x 2, edges twice."""
    padded = np.pad(pixels, [(0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)],
                    mode='edge')
    return sum(padded[y::2, x::2] for y, x in SHIFTS) / 4


def chroma(planes):
    uv = np.concatenate(planes[1:], axis=2).astype(float)
    return uv


def double(pixels, height, width):
    return pixels.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]


def letters(format):
    return [format.index(c) for c in 'RGB']


def reference(planes, source, target):
    """Unrounded planes; each of (format, matrix, limited)."""
    format, matrix, limited = source
    to, to_matrix, to_limited = target
    height, width = planes[0].shape[:2]
    alpha = np.full((height, width), 255.0)
    if 'A' in format and format in RGB and 'A' in to:
        alpha = planes[0][:, :, format.index('A')].astype(float)

    if format in RGB:
        rgb = levels(planes[0][:, :, letters(format)].astype(float), limited)
        yuv = rgb @ to_yuv(to_matrix).T
        halved = halve(rgb) @ to_yuv(to_matrix).T
    elif format in GRAY:
        y = levels(gray_bytes(planes[0]), limited)
        rgb = np.stack([y] * 3, axis=2)
        yuv = np.stack([y, 0 * y, 0 * y], axis=2)
        halved = 0 * halve(yuv)
    else:
        uv = levels(chroma(planes), limited, True)
        y = levels(planes[0].astype(float), limited)
        full = np.concatenate([y, double(uv, height, width)], axis=2)
        if to in GRAY:
            to_matrix = matrix
        change = to_yuv(to_matrix) @ np.linalg.inv(to_yuv(matrix))
        rgb = full @ np.linalg.inv(to_yuv(matrix)).T
        yuv = full @ change.T
        halved = np.concatenate([0 * uv[:, :, :1], uv], axis=2) @ change.T

    if to in RGB:
        out = np.empty((height, width, len(to)))
        for i, letter in enumerate(to):
            out[:, :, i] = alpha if letter in 'Ax' else \
                numbers(rgb[:, :, 'RGB'.index(letter)], to_limited)
        return [out]
    y = numbers(yuv[:, :, :1], to_limited)
    if to in GRAY:
        return [y * (257 if to == 'GRAY16_LE' else 1)]
    uv = numbers(halved[:, :, 1:], to_limited, True)
    return [y] + ([uv] if to == 'NV12' else [uv[:, :, :1], uv[:, :, 1:]])


# ---- the kernel --------------------------------------------------------------------

def as_format(description, width, height):
    name, matrix, limited = description
    format = Ring.Format.new_video(Ring.video_format_from_string(name), width, height)
    if matrix:
        format.matrix = getattr(Ring.ColorMatrix, 'RGB' if name in RGB else matrix)
    format.range = Ring.ColorRange.LIMITED if limited else Ring.ColorRange.FULL
    return format


class Convert:
    def __init__(self, mode='INLINE', workers=1):
        config = Ring.Config.new()
        config.backend = Ring.BackendType.CPU
        config.mode = getattr(Ring.ExecutionMode, mode)
        config.queue_capacity = 4
        self.runtime = Ring.Runtime.new(config)
        self.kernel = self.runtime.launch('convert', workers, 1, None)
        self.kernel.activate()

    def __call__(self, planes, source, target):
        height, width = planes[0].shape[:2]
        input = as_format(source, width, height)
        self.kernel.set_formats(input, as_format(target, width, height))
        data = b''.join(np.ascontiguousarray(p).tobytes() for p in planes)
        message = Ring.Message.new_video(input, GLib.Bytes.new(data))
        out = self.kernel.call(message, ringtest.WAIT, None)
        data = np.frombuffer(out.get_payload().get_data(), np.uint8)
        result = []
        for shape in shapes(target[0], width, height):
            n = int(np.prod(shape))
            result.append(data[:n].reshape(shape))
            data = data[n:]
        assert len(data) == 0
        return result

    def close(self):
        self.kernel.terminate(Ring.TerminateMode.DISCARD)


def as_numbers(planes, format):
    if format == 'GRAY16_LE':
        return [planes[0][:, :, :1] + 256.0 * planes[0][:, :, 1:]]
    return [p.astype(float) for p in planes]


class ConvertTest(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(7)

    def assert_close(self, got, expected, format, what, steps=0.52):
        """A correctly rounded result is within 0.5; matrices are in 1/16384."""
        largest = 65535 if format == 'GRAY16_LE' else 255
        if format == 'GRAY16_LE':
            steps *= 9
        for g, e in zip(as_numbers(got, format), expected, strict=True):
            worst = np.abs(g - np.clip(e, 0, largest)).max()
            self.assertLessEqual(worst, steps, what)

    def test_every_format_becomes_every_other_as_the_standards_say(self):
        convert = Convert()
        self.addCleanup(convert.close)
        for (source, target), (width, height) in itertools.product(
                itertools.product(FORMATS, FORMATS), SIZES):
            planes = random_frame(self.rng, source, width, height)
            a, b = (source, 'BT601', source in HALVED), (target, 'BT601', target in HALVED)
            got = convert(planes, a, b)
            self.assert_close(got, reference(planes, a, b), target, (a, b, width, height))

    def test_matrix_and_range_are_those_of_the_streams(self):
        convert = Convert()
        self.addCleanup(convert.close)
        sides = [(f, m, limited) for f in ('I420', 'NV12', 'RGBA', 'GRAY8', 'BGR')
                 for m in WEIGHTS for limited in (False, True)]
        for a, b in itertools.product(sides, sides):
            planes = random_frame(self.rng, a[0], 19, 6)
            got = convert(planes, a, b)
            self.assert_close(got, reference(planes, a, b), b[0], (a, b))

    def test_what_stays_as_it_is_stays_to_the_bit(self):
        convert = Convert()
        self.addCleanup(convert.close)
        for format, matrix, limited in itertools.product(FORMATS, WEIGHTS, (False, True)):
            planes = random_frame(self.rng, format, 35, 7)
            side = (format, matrix, limited)
            expected = [p.copy() for p in planes]
            # padding is white, not what it was
            if 'x' in format:
                expected[0][:, :, format.index('x')] = 255
            for g, e in zip(convert(planes, side, side), expected, strict=True):
                np.testing.assert_array_equal(g, e, str(side))

    def test_bytes_of_rgb_change_places_exactly_and_alpha_is_kept(self):
        convert = Convert()
        self.addCleanup(convert.close)
        for a, b in itertools.product(RGB, RGB):
            planes = random_frame(self.rng, a, 33, 5)
            got = convert(planes, (a, None, False), (b, None, False))[0]
            for i, letter in enumerate(b):
                if letter == 'x' or letter == 'A' and 'A' not in a:
                    expected = np.full((5, 33), 255)
                else:
                    expected = planes[0][:, :, a.index(letter)]
                np.testing.assert_array_equal(got[:, :, i], expected, '%s %s' % (a, b))

    def test_gray_of_8_bits_comes_back_from_16(self):
        convert = Convert()
        self.addCleanup(convert.close)
        every = [np.arange(256, dtype=np.uint8).reshape(16, 16, 1)]
        wide = convert(every, ('GRAY8', None, False), ('GRAY16_LE', None, False))
        values = wide[0][:, :, 0] + 256 * wide[0][:, :, 1].astype(int)
        np.testing.assert_array_equal(values.ravel(), 257 * np.arange(256))
        back = convert(wide, ('GRAY16_LE', None, False), ('GRAY8', None, False))
        np.testing.assert_array_equal(back[0], every[0])

    def test_workers_and_modes_make_no_difference(self):
        alone = Convert()
        self.addCleanup(alone.close)
        for mode, workers in itertools.product(MODES, (1, 2, 7)):
            convert = Convert(mode, workers)
            self.addCleanup(convert.close)
            for a, b in [('I420', 'RGBA'), ('RGB', 'NV12'), ('NV12', 'I420'),
                         ('BGRx', 'GRAY8'), ('GRAY16_LE', 'BGR'), ('GRAY8', 'I420')]:
                planes = random_frame(self.rng, a, 161, 93)
                sides = (a, 'BT709', a in HALVED), (b, 'BT601', b in HALVED)
                for g, e in zip(convert(planes, *sides), alone(planes, *sides), strict=True):
                    np.testing.assert_array_equal(g, e, '%s %d %s %s' % (mode, workers, a, b))

    def test_a_format_that_it_does_not_make_is_refused_by_name(self):
        convert = Convert()
        self.addCleanup(convert.close)
        rgba = as_format(('RGBA', None, False), 8, 8)
        with self.assertRaisesRegex(GLib.Error, "'convert' does not make video I420 9x8 of "
                                                'video RGBA 8x8; it gives video GRAY8'):
            convert.kernel.set_formats(rgba, as_format(('I420', 'BT601', True), 9, 8))


class PipelineTest(unittest.TestCase):
    """As an element between others."""

    @classmethod
    def setUpClass(cls):
        Gst.init(None)

    def frames(self, pipeline):
        p = Gst.parse_launch(pipeline + ' ! appsink name=sink sync=false')
        sink = p.get_by_name('sink')
        p.set_state(Gst.State.PLAYING)
        result = []
        while True:
            sample = sink.emit('try-pull-sample', 10 * Gst.SECOND)
            if not sample:
                break
            ok, info = sample.get_buffer().map(Gst.MapFlags.READ)
            s = sample.get_caps().get_structure(0)
            result.append(([s.get_value(f) for f in ('format', 'width', 'height')],
                           bytes(info.data)))
            sample.get_buffer().unmap(info)
        message = p.get_bus().pop_filtered(Gst.MessageType.ERROR)
        p.set_state(Gst.State.NULL)
        self.assertIsNone(message, message and message.parse_error())
        return result

    def compare(self, source, target, most):
        ends = ('videotestsrc num-buffers=3 pattern=%s ! video/x-raw,' + source
                + ',width=161,height=90 ! %s ! video/x-raw,' + target)
        for pattern in ('smpte75', 'zone-plate kx2=9 ky2=5'):
            # videoconvert blends chroma across pixels unless told not to; and its
            # factors have 8 bits, by which it may be 6 away
            peer = self.frames(ends % (pattern, 'videoconvert chroma-mode=none dither=none'))
            ours = self.frames(ends % (pattern, 'ringkernelfilter kernel=convert'))
            self.assertEqual([c for c, _ in ours], [c for c, _ in peer])
            self.assertEqual(len(ours), 3)
            for ((name, width, height), a), (_, b) in zip(ours, peer, strict=True):
                # without what is behind the rows
                a, b = (np.frombuffer(x, np.uint8).reshape(height, -1)[
                    :, :width * ringtest.pixel_stride(name)].astype(int) for x in (a, b))
                self.assertLessEqual(np.abs(a - b).max(), most, (source, target))

    def test_it_does_what_videoconvert_does(self):
        self.compare('format=I420', 'format=RGBA', 6)
        self.compare('format=RGBA', 'format=BGR', 0)
        self.compare('format=BGRx', 'format=GRAY8', 2)

    def test_colorimetry_of_the_caps_is_respected(self):
        self.compare('format=I420,colorimetry=bt709', 'format=RGBA', 6)
        self.compare('format=I420,colorimetry=bt601', 'format=RGBA', 6)
        self.compare('format=RGBA', 'format=GRAY8', 2)

    def test_a_stream_between_two_converters_passes_as_it_is(self):
        frames = self.frames('videotestsrc num-buffers=2 ! video/x-raw,format=NV12,'
                             'width=64,height=48 ! ringkernelfilter kernel=convert')
        self.assertEqual([caps for caps, _ in frames], 2 * [['NV12', 64, 48]])

    def test_what_it_does_not_make_is_said_before_anything_runs(self):
        with self.assertRaisesRegex(GLib.Error, 'format=.string.Y42B'):
            Gst.parse_launch('videotestsrc ! video/x-raw,format=RGBA ! '
                             'ringkernelfilter kernel=convert ! '
                             'video/x-raw,format=Y42B ! fakesink')


if __name__ == '__main__':
    unittest.main()
