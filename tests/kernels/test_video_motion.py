#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The video kernels that remember pictures, or move them, against numpy and OpenCV."""
import unittest

import cv2
import numpy as np

import ringtest
from ringtest import RuntimeIsTested  # noqa: F401
from ringtest import SHARINGS, VIDEO_FORMATS
from test_video import LARGE, Video
from test_video_color import luma

SIZES = [(1, 1), (3, 2), (17, 11), (70, 5)]


# ---- the references --------------------------------------------------------

class Background:
    def __init__(self, threshold=4.0, noise=4, rate=0.02, absorb=0.1):
        self.threshold, self.noise = threshold, 256 * noise
        self.rate = int(np.float32(rate) * 4096 + 0.5)
        self.absorb = int(np.float32(rate) * np.float32(absorb) * 4096 + 0.5)
        self.mean = None

    def __call__(self, format, planes, discont=False):
        v = 256 * luma(format, planes)
        if self.mean is None or discont:
            self.mean, self.deviation = v, np.full_like(v, self.noise)
            return [np.zeros(v.shape, np.uint8)]
        far = abs(v - self.mean)
        foreground = far > np.maximum(self.deviation, self.noise) * self.threshold
        weight = np.where(foreground, self.absorb, self.rate)
        self.mean = self.mean + ((v - self.mean) * weight + 2048) // 4096
        self.deviation = self.deviation + ((far - self.deviation) * weight + 2048) // 4096
        return [np.where(foreground, 255, 0).astype(np.uint8)]


class Motion:
    def __init__(self, threshold=12, radius=1):
        self.threshold, self.radius = threshold, radius
        self.before = None

    def __call__(self, format, planes, discont=False):
        v = luma(format, planes)
        before = v if self.before is None or discont else self.before
        self.before = v
        size = 2 * self.radius + 1
        changed = np.pad(abs(v - before), ((self.radius,) * 2, (self.radius,) * 2, (0, 0)), 'edge')
        for axis in (0, 1):
            changed = np.lib.stride_tricks.sliding_window_view(changed, size, axis).sum(axis=-1)
        return [np.where(changed > self.threshold * size ** 2, 255, 0).astype(np.uint8)]


def warp(format, planes, angle=0.0, zoom=1.0, fisheye=0.0,
         homography=(1, 0, 0, 0, 1, 0, 0, 0, 1), border='black'):
    """Not rounded: neither places nor weights nor results."""
    height, width = planes[0].shape[:2]
    turn = np.exp(-1j * np.deg2rad(angle))
    h = np.reshape(homography, (3, 3))
    result = []
    for i, p in enumerate(planes):
        scale = 2 if i else 1
        rows, columns, _ = p.shape
        y, x = np.mgrid[:rows, :columns]
        place = ((x + 0.5) * scale - width / 2 + 1j * ((y + 0.5) * scale - height / 2))
        place = place / (height / 2) * turn / zoom
        place = place * (1 + fisheye * abs(place) ** 2)
        x, y, w = np.tensordot(h, [place.real, place.imag, np.ones(place.shape)], 1)
        x = (x / w * height / 2 + width / 2) / scale - 0.5
        y = (y / w * height / 2 + height / 2) / scale - 0.5
        x, y = np.clip(x, -3, columns + 2), np.clip(y, -3, rows + 2)
        black = 128 if i else 16 if len(planes) > 1 else 0
        far = np.pad(p.astype(float), ((4, 4), (4, 4), (0, 0)),
                     **(dict(mode='edge') if border == 'edge' else
                        dict(constant_values=black)))
        column, row = np.floor(x).astype(int), np.floor(y).astype(int)
        x, y = (x - column)[:, :, None], (y - row)[:, :, None]
        column, row = column + 4, row + 4
        result.append((far[row, column] * (1 - x) + far[row, column + 1] * x) * (1 - y)
                      + (far[row + 1, column] * (1 - x) + far[row + 1, column + 1] * x) * y)
    return result


# ---- the tests -------------------------------------------------------------

class Streams(Video):
    """Kernels that make a mask of a stream."""

    def stream(self, format, width, height, n):
        """Noise, and somewhere else in each picture something bright."""
        base = ringtest.random_frame(self.rng, format, width, height)
        frames = []
        for _ in range(n):
            frame = [np.clip(p // 2 + self.rng.normal(0, 3, p.shape), 0, 255)
                     .astype(np.uint8) for p in base]
            there = self.rng.integers(0, 4, (height, width, 1)) == 0
            frame[0] = np.where(there, 250, frame[0]).astype(np.uint8)
            frames.append(frame)
        return frames

    def streams(self, name, reference, parameter_sets, sizes=SIZES, n=5):
        shown = 0
        for params in parameter_sets:
            for format in VIDEO_FORMATS:
                for width, height in sizes:
                    frames = self.stream(format, width, height, n)
                    for i, sharing in enumerate(SHARINGS):
                        kernel = ringtest.Kernel(name, params, **sharing)
                        expect = reference(**params)
                        for k, frame in enumerate(frames):
                            discont = k == 3
                            expected = expect(format, frame, discont)
                            shown += np.count_nonzero(expected[0])
                            got = kernel.video(format, frame, (i, 2 * i),
                                               flags=discont * ringtest.DISCONT)
                            self.assert_planes(got, expected, 0, '%s %s %s %dx%d %s %d' % (
                                name, params, format, width, height, sharing, k))
        self.assertGreater(shown, 1000)

    def full_hd(self, name, reference, format):
        frames = self.stream(format, *LARGE, 2)
        for workers in (1, 2, 7):
            kernel, expect = ringtest.Kernel(name, workers=workers), reference()
            for frame in frames:
                self.assert_planes(kernel.video(format, frame), expect(format, frame))


class BackgroundSubtract(Streams):
    def test_against_numpy(self):
        self.streams('background_subtract', Background, [
            {}, dict(threshold=1.0, noise=1, rate=0.5, absorb=1.0),
            dict(threshold=2.5, noise=20, rate=1.0, absorb=0.0)])

    def test_what_comes_is_foreground_until_it_is_absorbed(self):
        empty = [np.full((6, 40, 1), 60, np.uint8)]
        visited = [empty[0].copy()]
        visited[0][:, :10] = 200
        kernel = ringtest.Kernel('background_subtract', dict(rate=0.2, absorb=0.5))
        self.assertFalse(kernel.video('GRAY8', empty)[0].any())
        for _ in range(5):
            self.assertFalse(kernel.video('GRAY8', empty)[0].any())
        got = kernel.video('GRAY8', visited)[0]
        self.assertTrue((got[:, :10] == 255).all() and not got[:, 10:].any())
        for _ in range(60):
            got = kernel.video('GRAY8', visited)[0]
        self.assertFalse(got.any())

    def test_where_there_is_always_motion_it_is_background(self):
        kernel = ringtest.Kernel('background_subtract', dict(rate=0.1, absorb=1.0))
        for i in range(80):
            frame = [np.full((6, 40, 1), 100, np.uint8)]
            frame[0][:, 20:] += np.uint8(60 * (i % 2))
            got = kernel.video('GRAY8', frame)[0]
        self.assertFalse(got.any())

    def test_full_hd(self):
        self.full_hd('background_subtract', Background, 'BGRx')


class MotionMask(Streams):
    def test_against_numpy(self):
        self.streams('motion', Motion, [
            {}, dict(threshold=0, radius=0), dict(threshold=60, radius=3),
            dict(threshold=255, radius=2)])

    def test_near_the_differences_of_opencv(self):
        a, b = (self.stream('GRAY8', 150, 80, 1)[0] for _ in range(2))
        kernel = ringtest.Kernel('motion', dict(threshold=20, radius=2))
        kernel.video('GRAY8', a)
        mean = cv2.boxFilter(cv2.absdiff(a[0], b[0]), cv2.CV_32F, (5, 5),
                             borderType=cv2.BORDER_REPLICATE)
        got = kernel.video('GRAY8', b)[0][:, :, 0]
        clear = abs(mean - 20) > 1e-3
        self.assertTrue(np.array_equal(got[clear] == 255, mean[clear] > 20))

    def test_a_still_picture_has_none(self):
        for format in VIDEO_FORMATS:
            frame = ringtest.random_frame(self.rng, format, 70, 9)
            kernel = ringtest.Kernel('motion', dict(threshold=0))
            for _ in range(3):
                self.assertFalse(kernel.video(format, frame)[0].any())

    def test_another_format_starts_again(self):
        kernel = ringtest.Kernel('motion', dict(threshold=0))
        for format, width, height in (('RGB', 8, 8), ('RGB', 9, 8), ('I420', 9, 8)):
            frame = ringtest.random_frame(self.rng, format, width, height)
            self.assertFalse(kernel.video(format, frame)[0].any())

    def test_full_hd(self):
        self.full_hd('motion', Motion, 'RGB')


class Warp(Video):
    # A place is within 1/512 pixel and somewhat, either way, of pixels that may be 255
    # apart; and then there is rounding.
    TOLERANCE = 1.7

    def test_against_numpy(self):
        self.against('warp', warp, [
            dict(angle=30.0), dict(zoom=2.3, border='edge'), dict(fisheye=0.4),
            dict(angle=-100.0, zoom=0.7, border='edge',
                 homography=[1, 0.1, 0.2, -0.1, 0.9, 0, 0.02, -0.01, 1.1])],
            self.TOLERANCE, SIZES)
        self.against('warp', warp, [
            dict(fisheye=-0.2, zoom=1.1, homography=[1, 0.1, 0.2, -0.1, 0.9, 0, 0.2, -0.1, 1.1])],
            self.TOLERANCE, [(40, 30)])

    def test_large_enough_for_what_is_inside(self):
        # of whose tiles some are inside, some are not, and some are both
        for format in ('GRAY8', 'BGR', 'ARGB', 'I420', 'NV12'):
            self.against('warp', warp, [
                dict(angle=12.0, zoom=1.2), dict(angle=-3.0, zoom=0.9, fisheye=0.1)],
                self.TOLERANCE, [(331, 200)], [format])

    def test_defaults_change_nothing(self):
        for format in VIDEO_FORMATS:
            for width, height in ((1, 1), (17, 11), (201, 77)):
                frame = ringtest.random_frame(self.rng, format, width, height)
                self.assert_planes(ringtest.run('warp', format, frame), frame, 0, format)

    def test_right_angles_are_exact(self):
        frame = ringtest.random_frame(self.rng, 'RGB', 86, 86)
        for angle in (-360, -270, -180, -90, 90, 180, 270, 360):
            self.assert_planes(ringtest.run('warp', 'RGB', frame, dict(angle=angle)),
                               [np.rot90(frame[0], -angle // 90)], 0, angle)

    def test_a_homography_that_moves(self):
        frame = ringtest.random_frame(self.rng, 'GRAY8', 96, 64)
        # 5 to the right and 3 down in the input, of which 32 are 1
        params = dict(homography=[1, 0, 5 / 32, 0, 1, 3 / 32, 0, 0, 1])
        expected = np.zeros_like(frame[0])
        expected[:-3, :-5] = frame[0][3:, 5:]
        self.assert_planes(ringtest.run('warp', 'GRAY8', frame, params), [expected])
        # what is not given is as without one
        params['homography'] = params['homography'][:6]
        self.assert_planes(ringtest.run('warp', 'GRAY8', frame, params), [expected])

    def test_behind_the_viewer_there_is_nothing(self):
        for format, black in (('GRAY8', (0,)), ('RGBA', (0,)), ('I420', (16, 128, 128)),
                              ('NV12', (16, 128))):
            frame = ringtest.random_frame(self.rng, format, 70, 9)
            for w in (-1, 0):
                got = ringtest.run('warp', format, frame,
                                   dict(homography=[1, 0, 0, 0, 1, 0, 0, 0, w]))
                for p, value in zip(got, black):
                    self.assertTrue((p == value).all(), format)

    def test_extremes(self):
        # Neither reads nor writes where it must not, and is the same however it runs.
        for params in (dict(zoom=0.01), dict(zoom=100.0), dict(fisheye=-1.0, zoom=0.01),
                       dict(homography=[100.0] * 9), dict(homography=[-100.0] * 9, border='edge'),
                       dict(homography=[0.0] * 9), dict(fisheye=1.0, zoom=0.01, angle=77.0)):
            frame = ringtest.random_frame(self.rng, 'RGB', 90, 40)
            expected = ringtest.run('warp', 'RGB', frame, params)
            for sharing in SHARINGS:
                self.assert_planes(ringtest.run('warp', 'RGB', frame, params, **sharing),
                                   expected, 0, params)

    def test_near_opencv(self):
        x, y = np.arange(160), np.arange(120)[:, None]
        frame = [(128 + 50 * np.sin(x / 11) + 50 * np.cos(y / 7)).astype(np.uint8)[:, :, None]]
        matrix = cv2.getRotationMatrix2D((79.5, 59.5), -25, 1.5)
        expected = cv2.warpAffine(frame[0], matrix, (160, 120), borderMode=cv2.BORDER_REPLICATE)
        self.assert_planes(
            ringtest.run('warp', 'GRAY8', frame, dict(angle=25.0, zoom=1.5, border='edge')),
            [expected[:, :, None]], 2)

    def test_full_hd(self):
        self.large('warp', 'BGRx', warp, dict(angle=10.0, zoom=1.3), self.TOLERANCE)


class Declarations(unittest.TestCase):
    def test_formats(self):
        for name in ('background_subtract', 'motion'):
            d = ringtest.describe(name)
            self.assertEqual(d.name, name)
            self.assertEqual(d.input_formats.split(', '), VIDEO_FORMATS)
            self.assertEqual(d.output_formats, 'GRAY8')
        d = ringtest.describe('warp')
        self.assertEqual(d.input_formats.split(', '), VIDEO_FORMATS)
        self.assertEqual(d.output_formats, '')


if __name__ == '__main__':
    unittest.main()
