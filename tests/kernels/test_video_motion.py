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


class Declarations(unittest.TestCase):
    def test_formats(self):
        for name in ('background_subtract', 'motion'):
            d = ringtest.describe(name)
            self.assertEqual(d.name, name)
            self.assertEqual(d.input_formats.split(', '), VIDEO_FORMATS)
            self.assertEqual(d.output_formats, 'GRAY8')


if __name__ == '__main__':
    unittest.main()
