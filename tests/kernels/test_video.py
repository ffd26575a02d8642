#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The video kernels against numpy, scipy and OpenCV."""
import unittest

import cv2
import numpy as np
from scipy import ndimage

import ringtest
from ringtest import RuntimeIsTested  # noqa: F401
from ringtest import VIDEO_FORMATS, SHARINGS, run

SIZES = [(1, 1), (2, 2), (3, 5), (17, 13), (64, 48)]
LARGE = (1920, 1080)
YUV = ('I420', 'NV12')


def colours(format, planes):
    """True where a byte is a colour and not alpha or padding."""
    masks = [np.ones(p.shape, bool) for p in planes]
    if ringtest.alpha(format) is not None:
        masks[0][:, :, ringtest.alpha(format)] = False
    return masks


# ---- the references --------------------------------------------------------

def invert(format, planes, amount=1.0):
    result = []
    for p, colour in zip(planes, colours(format, planes)):
        v = p + (255 - 2 * p.astype(float)) * np.float64(np.float32(amount))
        v = np.floor(np.clip(v + 0.5, 0, 255)).astype(np.uint8)
        result.append(np.where(colour, v, p))
    return result


def copy(format, planes):
    return planes


def gray(format, planes):
    p = planes[0].astype(int)
    if format in YUV or format == 'GRAY8':
        return [planes[0]]
    r, g, b = (p[:, :, format.index(c)] for c in 'RGB')
    return [((77 * r + 150 * g + 29 * b + 128) // 256).astype(np.uint8)[:, :, None]]


def levels(format, planes, brightness=0.0, contrast=1.0, gamma=1.0):
    result = []
    for i, (p, colour) in enumerate(zip(planes, colours(format, planes))):
        if i == 0:
            v = (p - 127.5) * contrast + 127.5 + 255 * brightness
            v = 255 * (np.clip(v, 0, 255) / 255) ** (1 / gamma)
            v = np.round(v, 9)  # a half is a half
        else:
            v = (p.astype(float) - 128) * contrast + 128
        v = np.floor(np.clip(v + 0.5, 0, 255)).astype(np.uint8)
        result.append(np.where(colour, v, p))
    return result


def edges(format, planes):
    p = planes[0]
    result = np.empty_like(p)
    for c in range(p.shape[2]):
        gx, gy = (cv2.Sobel(p[:, :, c], cv2.CV_16S, dx, dy,
                            ksize=3, borderType=cv2.BORDER_REPLICATE).astype(int)
                  for dx, dy in ((1, 0), (0, 1)))
        v = np.sqrt((gx * gx + gy * gy).astype(np.float64))
        result[:, :, c] = np.minimum(np.floor(v + 0.5), 255)
    result = np.where(colours(format, planes)[0], result, p)
    return [result] + [np.full_like(q, 128) for q in planes[1:]]


def edges_in_integers(planes):
    """Without OpenCV, square roots and floats."""
    p = np.pad(planes[0].astype(int), ((1, 1), (1, 1), (0, 0)), 'edge')
    up, mid, down = p[:-2], p[1:-1], p[2:]

    def smooth(a, b, c):
        return a + 2 * b + c
    gx = smooth(up, mid, down)[:, 2:] - smooth(up, mid, down)[:, :-2]
    gy = (smooth(down[:, :-2], down[:, 1:-1], down[:, 2:])
          - smooth(up[:, :-2], up[:, 1:-1], up[:, 2:]))
    r = np.arange(256)
    # the r with r (r - 1) < square <= r (r + 1)
    return np.minimum(np.searchsorted(r * (r + 1), gx * gx + gy * gy), 255)


def gaussian_blur(format, planes, sigma=2.0):
    """Not rounded."""
    result = []
    for i, (p, colour) in enumerate(zip(planes, colours(format, planes))):
        s = float(np.float32(sigma)) / (2 if i else 1)
        v = p.astype(np.float64)
        if s > 0:
            for axis in (0, 1):
                v = ndimage.gaussian_filter1d(v, s, axis, mode='nearest',
                                              radius=int(np.ceil(3 * s)))
        result.append(np.where(colour, v, p))
    return result


class Denoise:
    def __init__(self, strength=0.75, threshold=0):
        self.weight = int((1 - strength) * 4096 + 0.5)
        self.threshold = threshold
        self.average = None

    def __call__(self, format, planes, discont=False):
        values = [p.astype(int) * 256 for p in planes]
        if self.average is None or discont:
            self.average = values
        result = []
        for i, (v, p, colour) in enumerate(
                zip(values, planes, colours(format, planes))):
            change = v - self.average[i]
            next = self.average[i] + (change * self.weight + 2048) // 4096
            if self.threshold:
                next = np.where(abs(change) > 256 * self.threshold, v, next)
            self.average[i] = next
            result.append(np.where(colour, ((next + 128) // 256).astype(np.uint8), p))
        return result


# ---- the tests -------------------------------------------------------------

class Video(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(1)

    def assert_planes(self, got, expected, tolerance=0, what=None):
        self.assertEqual(len(got), len(expected), what)
        for i, (g, e) in enumerate(zip(got, expected)):
            self.assertEqual(g.shape, e.shape, what)
            if tolerance == 0:
                worst = np.count_nonzero(g != e)
                self.assertEqual(worst, 0, '%s, plane %d: %d bytes differ'
                                 % (what, i, worst))
            else:
                worst = np.abs(g.astype(float) - e).max()
                self.assertLessEqual(worst, tolerance, '%s, plane %d' % (what, i))

    def against(self, kernel, reference, parameter_sets=({},), tolerance=0,
                sizes=SIZES, formats=VIDEO_FORMATS):
        """Every format, size and sharing; rows with and without padding."""
        for params in parameter_sets:
            for format in formats:
                for width, height in sizes:
                    frame = ringtest.random_frame(self.rng, format, width, height)
                    expected = reference(format, frame, **params)
                    first = None
                    for i, sharing in enumerate(SHARINGS):
                        what = '%s %s %s %dx%d %s' % (
                            kernel, params, format, width, height, sharing)
                        with self.subTest(what):
                            padding = ((0, 0), (13, 0), (0, 7), (5, 64), (1, 3))[i % 5]
                            got = run(kernel, format, frame, params,
                                      padding=padding, **sharing)
                            self.assert_planes(got, expected, tolerance, what)
                            first = first or got
                            self.assert_planes(got, first, 0, what)

    def in_place(self, kernel, params={}):
        for format in VIDEO_FORMATS:
            frame = ringtest.random_frame(self.rng, format, 17, 13)
            expected = run(kernel, format, frame, params)
            for sharing in SHARINGS:
                got = run(kernel, format, frame, params, padding=(3, 3),
                          in_place=True, **sharing)
                self.assert_planes(got, expected, 0, format)

    def large(self, kernel, format, reference, params={}, tolerance=0):
        frame = ringtest.random_frame(self.rng, format, *LARGE)
        expected = reference(format, frame, **params)
        for sharing in (dict(workers=1), dict(workers=2), dict(workers=7)):
            self.assert_planes(run(kernel, format, frame, params, **sharing),
                               expected, tolerance, format)


class Invert(Video):
    def test_against_numpy(self):
        self.against('invert', invert,
                     [{}, dict(amount=0.0), dict(amount=0.25)])

    def test_arbitrary_amount_is_within_1(self):
        self.against('invert', invert, [dict(amount=0.3)], 1, [(17, 13)])

    def test_twice_is_identity(self):
        for format in VIDEO_FORMATS:
            frame = ringtest.random_frame(self.rng, format, 17, 13)
            twice = run('invert', format, run('invert', format, frame))
            self.assert_planes(twice, frame)

    def test_in_place(self):
        self.in_place('invert')
        self.in_place('invert', dict(amount=0.5))

    def test_full_hd(self):
        self.large('invert', 'RGBA', invert)


class Copy(unittest.TestCase):
    def test_bytes(self):
        rng = np.random.default_rng(1)
        for size in (0, 1, 2, 63, 64, 65, 100003):
            data = rng.bytes(size)
            for sharing in SHARINGS:
                for in_place in (False, True):
                    got = ringtest.Kernel('copy', **sharing).bytes(data, in_place)
                    self.assertEqual(got, data)


class Gray(Video):
    def test_against_numpy(self):
        self.against('gray', gray)

    def test_white_black_and_grays_stay(self):
        for format in VIDEO_FORMATS[:-2]:
            shape = (16, 16, ringtest.pixel_stride(format))
            ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
            got = run('gray', format, [np.broadcast_to(ramp, shape).copy()])
            self.assert_planes(got, [ramp])

    def test_near_opencv(self):
        frame = ringtest.random_frame(self.rng, 'RGB', 64, 48)
        expected = cv2.cvtColor(frame[0], cv2.COLOR_RGB2GRAY)[:, :, None]
        self.assert_planes(run('gray', 'RGB', frame), [expected], 1)

    def test_full_hd(self):
        self.large('gray', 'BGRx', gray)


class Levels(Video):
    def test_against_numpy(self):
        self.against('levels', levels, [
            {}, dict(brightness=0.25), dict(contrast=2.0), dict(gamma=2.0),
            dict(brightness=-0.125, contrast=0.5, gamma=0.5)], 1)

    def test_limits(self):
        self.against('levels', levels, [
            dict(brightness=-1.0), dict(brightness=1.0), dict(contrast=0.0),
            dict(contrast=10.0), dict(gamma=0.05), dict(gamma=20.0)], 1,
            [(17, 13)])

    def test_defaults_change_nothing(self):
        for format in VIDEO_FORMATS:
            frame = ringtest.random_frame(self.rng, format, 64, 48)
            self.assert_planes(run('levels', format, frame), frame, 0, format)

    def test_without_gamma_all_is_exact(self):
        self.against('levels', levels,
                     [dict(contrast=2.0), dict(brightness=0.5, contrast=0.25)],
                     0, [(64, 48)])

    def test_in_place(self):
        self.in_place('levels', dict(contrast=1.5, gamma=1.5))

    def test_full_hd(self):
        self.large('levels', 'RGB', levels, dict(gamma=1.5), 1)


class Edges(Video):
    def test_against_opencv(self):
        self.against('edges', edges)

    def test_rounding_is_the_closed_form(self):
        # Weak gradients, so that every magnitude occurs and not only 255.
        for amplitude in (3, 10, 40, 120):
            frame = [self.rng.integers(100, 101 + amplitude, (211, 307, 1),
                                       dtype=np.uint8)]
            self.assert_planes(run('edges', 'GRAY8', frame),
                               [edges_in_integers(frame)], 0)

    def test_words_and_bytes_meet(self):
        # Rows that are all words, that end or begin between two, and that are none; heights
        # about the rows that a lane of a GPU makes.
        for format, widths in (('GRAY8', [*range(1, 13), *range(15, 22), 28, 32, 33]),
                               ('RGB', [*range(1, 13), 16, 20]),
                               ('RGBA', [*range(1, 10)]), ('ARGB', [*range(1, 10)])):
            for width in widths:
                for height in (1, 2, 7, 8, 9, 17):
                    frame = ringtest.random_frame(self.rng, format, width, height)
                    expected = np.where(colours(format, frame)[0],
                                        edges_in_integers(frame), frame[0])
                    for padding in ((0, 0), (4, 8), (8, 4), (1, 3)):
                        if width * frame[0].shape[2] % 4:
                            # so that rows begin at words
                            padding = tuple(p + -width * frame[0].shape[2] % 4
                                            for p in padding)
                        for sharing in (dict(workers=1, lanes=5), dict(workers=3, lanes=4)):
                            got = run('edges', format, frame, mode='lanes',
                                      padding=padding, **sharing)
                            self.assert_planes(got, [expected], 0, '%s %dx%d %s %s' % (
                                format, width, height, padding, sharing))

    def test_flat_picture_has_none(self):
        for format in VIDEO_FORMATS:
            frame = [np.full(s, 77, np.uint8)
                     for s in ringtest.plane_shapes(format, 17, 13)]
            got = run('edges', format, frame)
            for p, colour in zip(got[:1], colours(format, frame)):
                self.assertTrue((p[colour] == 0).all(), format)

    def test_full_hd(self):
        self.large('edges', 'RGB', edges)


class GaussianBlur(Video):
    # Rounding alone accounts for 0.5; the claim is "within 1".
    def test_against_scipy(self):
        self.against('gaussian_blur', gaussian_blur,
                     [{}, dict(sigma=0.7), dict(sigma=5.0)], 1.0)

    def test_limits(self):
        self.against('gaussian_blur', gaussian_blur,
                     [dict(sigma=0.01), dict(sigma=20.0)], 1.0,
                     [(1, 1), (3, 5), (150, 130)], ['GRAY8', 'RGB', 'ARGB', 'NV12'])

    def test_sigma_0_is_identity(self):
        for format in VIDEO_FORMATS:
            frame = ringtest.random_frame(self.rng, format, 64, 48)
            self.assert_planes(run('gaussian_blur', format, frame,
                                   dict(sigma=0.0)), frame)

    def test_tiles_and_borders_meet(self):
        # Widths about the tile and the border.
        for width in list(range(60, 80)) + list(range(120, 140)):
            for sigma in (1.0, 10.0):
                frame = ringtest.random_frame(self.rng, 'GRAY8', width, 3)
                self.assert_planes(
                    run('gaussian_blur', 'GRAY8', frame, dict(sigma=sigma)),
                    gaussian_blur('GRAY8', frame, sigma), 1.0, width)

    def test_flat_picture_stays(self):
        for value in (0, 1, 128, 254, 255):
            for sigma in (0.3, 2.0, 7.7, 20.0):
                frame = [np.full((40, 200, 3), value, np.uint8)]
                self.assert_planes(run('gaussian_blur', 'RGB', frame,
                                       dict(sigma=sigma)), frame)

    def test_mostly_exact(self):
        # Not only within 1: the nearest, but for values near a half.
        frame = ringtest.random_frame(self.rng, 'GRAY8', 200, 200)
        for sigma in (1.0, 5.0, 20.0):
            got = run('gaussian_blur', 'GRAY8', frame, dict(sigma=sigma))[0]
            exact = gaussian_blur('GRAY8', frame, sigma)[0]
            self.assertLess(np.abs(got - exact).max(), 0.62)

    def test_full_hd(self):
        self.large('gaussian_blur', 'RGB', gaussian_blur, dict(sigma=2.0), 1.0)


class TemporalDenoise(Video):
    def stream(self, format, width, height, n):
        base = ringtest.random_frame(self.rng, format, width, height)
        return [[np.clip(p + self.rng.normal(0, 12, p.shape), 0, 255)
                 .astype(np.uint8) for p in base] for _ in range(n)]

    def test_against_numpy(self):
        for params in ({}, dict(strength=0.0), dict(strength=1.0),
                       dict(strength=0.5, threshold=16), dict(threshold=1),
                       dict(threshold=255)):
            for format in VIDEO_FORMATS:
                for width, height in SIZES[:-1]:
                    frames = self.stream(format, width, height, 6)
                    for i, sharing in enumerate(SHARINGS):
                        kernel = ringtest.Kernel('temporal_denoise', params, **sharing)
                        reference = Denoise(**params)
                        for n, frame in enumerate(frames):
                            discont = n == 4
                            expected = reference(format, frame, discont)
                            got = kernel.video(format, frame, (i, 2 * i),
                                               in_place=i == 0,
                                               flags=discont * ringtest.DISCONT)
                            self.assert_planes(got, expected, 0, '%s %s %dx%d %d' % (
                                params, format, width, height, n))

    def test_noise_goes_and_motion_stays(self):
        frames = self.stream('GRAY8', 64, 48, 40)
        kernel = ringtest.Kernel('temporal_denoise', dict(strength=0.5))
        reference = Denoise(0.5)
        for frame in frames:
            out = kernel.video('GRAY8', frame)
            # Long enough for the last bit of the averages to show.
            self.assert_planes(out, reference('GRAY8', frame))
        mean = np.mean(frames, axis=0)
        self.assertLess(np.std(out[0] - mean[0]), 0.7 * np.std(frame[0] - mean[0]))
        kernel.params['threshold'] = 40
        moved = [255 - frames[0][0]]
        got = kernel.video('GRAY8', moved)
        far = np.abs(moved[0].astype(int) - out[0]) > 42
        self.assertTrue(np.array_equal(got[0][far], moved[0][far]))

    def test_another_format_starts_again(self):
        kernel = ringtest.Kernel('temporal_denoise', dict(strength=1.0))
        for format, width, height in (('RGB', 8, 8), ('RGB', 9, 8), ('I420', 9, 8)):
            frame = ringtest.random_frame(self.rng, format, width, height)
            self.assert_planes(kernel.video(format, frame), frame)

    def test_full_hd(self):
        frames = self.stream('I420', *LARGE, 3)
        for workers in (1, 7):
            kernel = ringtest.Kernel('temporal_denoise', workers=workers)
            reference = Denoise()
            for frame in frames:
                self.assert_planes(kernel.video('I420', frame),
                                   reference('I420', frame))


class InstructionSets(Video):
    """A machine runs what was compiled for the best that it has; here the others as well."""

    def test_results_are_the_same_with_each(self):
        sets = ringtest.instruction_sets()
        if not sets:
            self.skipTest('none but what the compiler takes by itself')
        for kernel, params in (('levels', dict(contrast=1.3, gamma=1.2)),
                               ('histogram_equalize', {}), ('edges', {}),
                               ('gaussian_blur', {}), ('gaussian_blur', dict(sigma=3.1)),
                               ('median', {}), ('color_balance', dict(contrast=1.2, hue=20.0))):
            for format in VIDEO_FORMATS:
                for width, height in ((65, 9), (523, 40)):
                    frame = ringtest.random_frame(self.rng, format, width, height)
                    expected = ringtest.DirectKernel(kernel, params).video(format, frame)
                    for name in sets:
                        got = ringtest.DirectKernel(kernel, params, 3, name).video(
                            format, frame, (7, 1))
                        self.assert_planes(got, expected, 0, '%s %s %s %dx%d' % (
                            kernel, name, format, width, height))


class Declarations(unittest.TestCase):
    def test_formats(self):
        for name in ('invert', 'gray', 'levels', 'edges', 'gaussian_blur',
                     'temporal_denoise'):
            d = ringtest.describe(name)
            self.assertEqual(d.name, name)
            self.assertEqual(d.input_formats.split(', '), VIDEO_FORMATS)
        self.assertEqual(ringtest.describe('gray').output_formats, 'GRAY8')


if __name__ == '__main__':
    unittest.main()
