#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel that scales pictures: to the bit what it says that it computes, and near
what others make of the same picture."""
import functools
import unittest

import cv2
import numpy as np

import ringtest
from ringtest import RuntimeIsTested  # noqa: F401
from ringtest import SHARINGS, VIDEO_FORMATS, run
from test_video import Video

METHODS = ('bilinear', 'area', 'lanczos')
SIZES = [((1, 1), (1, 1)), ((1, 1), (7, 5)), ((7, 5), (1, 1)), ((3, 2), (4, 9)),
         ((17, 11), (17, 11)), ((17, 11), (17, 30)), ((23, 41), (9, 41)), ((64, 48), (48, 36)),
         ((33, 40), (100, 77)), ((101, 67), (50, 33)), ((300, 9), (11, 70)), ((5, 200), (90, 3)),
         ((131, 19), (1, 40)), ((2, 130), (70, 2))]


# ---- the references --------------------------------------------------------

def places(n_in, n_out):
    """Where the centres of pixels lie, in 2^-32 pixels."""
    step = ((n_in << 32) + n_out // 2) // n_out
    at = [(2 * x + 1) * step // 2 - (1 << 31) for x in range(n_out)]
    return np.clip(np.array(at, np.int64), 0, (n_in - 1) << 32)


def between(values, n_out):
    """Along the first axis."""
    at = places(len(values), n_out)
    f = ((at >> 17) % 32768).reshape(-1, 1, 1)
    a = values[at >> 32]
    b = values[np.minimum((at >> 32) + 1, len(values) - 1)]
    return a + ((b - a) * f + 16384) // 32768


def bilinear(plane, width, height):
    v = between(plane.astype(np.int64) * 128, height)
    return (between(v.transpose(1, 0, 2), width).transpose(1, 0, 2) + 64) // 128


def area_shares(n_in, n_out):
    if n_in <= n_out:
        at = places(n_in, n_out)
        shares = np.zeros((n_out, n_in + 1))
        f = ((at >> 18) % 16384) / 16384
        shares[np.arange(n_out), at >> 32] += 1 - f
        shares[np.arange(n_out), (at >> 32) + 1] += f
        return shares[:, :n_in]
    edges = np.arange(n_out + 1) * n_in
    i = np.arange(n_in) * n_out
    overlap = (np.minimum(edges[1:, None], i + n_out) - np.maximum(edges[:-1, None], i))
    return np.maximum(overlap, 0) / n_in


def lanczos_shares(n_in, n_out):
    scale = max(1, n_in / n_out)
    center = (np.arange(n_out) + 0.5) * n_in / n_out - 0.5
    reach = int(np.ceil(3 * scale)) + 2
    i = np.floor(center).astype(int)[:, None] + np.arange(-reach, reach + 1)
    d = (i - center[:, None]) / scale
    return i, np.where(abs(d) < 3, np.sinc(d) * np.sinc(d / 3), 0)


@functools.lru_cache
def weights(method, n_in, n_out):
    """In 2^-14, a row for each result. It is their sums that are rounded."""
    if method == 'area':
        shares, i = area_shares(n_in, n_out), np.tile(np.arange(n_in), (n_out, 1))
    else:
        i, shares = lanczos_shares(n_in, n_out)
    sums = np.cumsum(shares, 1)
    # a half is a half
    sums = np.floor(np.round(sums / sums[:, -1:] * 16384, 7) + 0.5)
    result = np.zeros((n_out, n_in))
    np.add.at(result, (np.arange(n_out)[:, None], np.clip(i, 0, n_in - 1)),
              np.diff(sums, axis=1, prepend=0))
    assert (result.sum(1) == 16384).all()
    return result


def weighted(method, plane, width, height):
    """Doubles hold these integers, and multiply them faster."""
    rows, columns, _ = plane.shape
    v = np.tensordot(weights(method, rows, height), plane.astype(float), (1, 0))
    v = np.floor((v + 128) / 256)
    assert abs(v).max() < 32768
    v = np.tensordot(weights(method, columns, width), v, (1, 1))
    return np.clip(np.floor((v.transpose(1, 0, 2) + (1 << 19)) / (1 << 20)), 0, 255)


def scale(format, planes, size, method='bilinear'):
    sides = max(planes[0].shape[:2] + tuple(size))
    if planes[0].shape[1::-1] == tuple(size):
        return planes
    result = []
    for plane, (height, width, _) in zip(planes, ringtest.plane_shapes(format, *size)):
        v = (bilinear(plane, width, height) if method == 'bilinear' or sides > 16384
             else weighted(method, plane, width, height))
        result.append(v.astype(np.uint8))
    return result


# ---- the tests -------------------------------------------------------------

def picture(width, height):
    """What is smooth, in all directions, over the whole range."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 17 + c) * np.cos(y / 13 - c) + np.sin((x + 2 * y) / 31)
             for c in range(3)]
    return (127.5 + 63 * np.stack(waves, 2)).astype(np.uint8)


class Scale(Video):
    def check(self, format, frame, size, params, **sharing):
        self.assert_planes(
            run('scale', format, frame, params, size=size, **sharing),
            scale(format, frame, size, **params), 0, '%s %s to %s %s %s' % (
                format, frame[0].shape, size, params, sharing))

    def each_sharing(self, methods, formats, sizes, step):
        """Not all ways of sharing for each, but all for each method and format."""
        i = 0
        for method in methods:
            for format in formats:
                for before, after in sizes:
                    frame = ringtest.random_frame(self.rng, format, *before)
                    expected = scale(format, frame, after, method)
                    for sharing in SHARINGS[i % step::step]:
                        got = run('scale', format, frame, dict(method=method), size=after,
                                  padding=(i % 5, i % 7), **sharing)
                        self.assert_planes(got, expected, 0, '%s %s %s to %s %s' % (
                            method, format, before, after, sharing))
                    i += 1

    def test_against_numpy(self):
        self.each_sharing(METHODS, VIDEO_FORMATS, SIZES, 5)

    def test_one_pixel(self):
        self.each_sharing(METHODS, ('GRAY8', 'I420', 'RGBA'), SIZES[:3], 1)

    def test_full_hd(self):
        sharings = [dict(workers=1), dict(workers=7)]
        for format in ('I420', 'NV12', 'RGB', 'BGRx'):
            frame = ringtest.random_frame(self.rng, format, 1920, 1080)
            for method, size in zip(METHODS, ((1280, 720), (853, 481), (1280, 720))):
                sharings.append(sharings.pop(0))
                self.check(format, frame, size, dict(method=method), **sharings[0])

    def test_wide_pictures(self):
        """Wider than what is worked on at once, smaller and larger."""
        for i, format in enumerate(('GRAY8', 'NV12', 'RGB', 'ARGB')):
            frame = ringtest.random_frame(self.rng, format, 4099, 19)
            for k, size in enumerate(((3001, 17), (5000, 33), (500, 40))):
                self.check(format, frame, size, dict(method='bilinear'), workers=2)
                self.check(format, frame, size, dict(method=METHODS[1 + (i + k) % 2]), workers=2)

    def test_extremes(self):
        for before, after in (((16384, 1), (1, 64)), ((1, 16384), (64, 1)), ((1500, 2), (2, 1500)),
                              ((2, 1500), (1500, 2)), ((16384, 3), (5, 3)), ((1, 1), (4096, 3))):
            for format in ('GRAY8', 'NV12', 'RGB'):
                frame = ringtest.random_frame(self.rng, format, *before)
                for method in METHODS:
                    for sharing in (dict(workers=2), dict(workers=2, mode='lanes')):
                        self.check(format, frame, after, dict(method=method), **sharing)

    def test_what_is_longer_than_the_weights_is_bilinear(self):
        frame = ringtest.random_frame(self.rng, 'GRAY8', 16385, 2)
        for method in METHODS:
            self.check('GRAY8', frame, (100, 3), dict(method=method))
            self.check('GRAY8', [p[:, :9] for p in frame], (16385, 2), dict(method=method))

    def test_sizes_and_methods_change_within_a_stream(self):
        for sharing in SHARINGS:
            for format in ('I420', 'BGRA'):
                kernel = ringtest.Kernel('scale', dict(method='area'), **sharing)
                for before, after, method in (
                        ((40, 30), (20, 17), 'area'), ((40, 30), (20, 17), 'lanczos'),
                        ((40, 30), (20, 17), 'bilinear'), ((40, 30), (20, 17), 'area'),
                        ((40, 30), (90, 70), 'area'), ((17, 20), (90, 70), 'lanczos'),
                        ((40, 30), (20, 17), 'lanczos')):
                    frame = ringtest.random_frame(self.rng, format, *before)
                    kernel.params = dict(method=method)
                    self.assert_planes(kernel.video(format, frame, size=after),
                                       scale(format, frame, after, method), 0,
                                       '%s %s %s' % (format, after, sharing))

    def test_the_same_size_changes_nothing(self):
        for format in VIDEO_FORMATS:
            frame = ringtest.random_frame(self.rng, format, 65, 33)
            for method in METHODS:
                self.assert_planes(run('scale', format, frame, dict(method=method)), frame)

    def test_one_colour_stays(self):
        for value in (0, 1, 128, 254, 255):
            frame = [np.full((23, 37, 3), value, np.uint8)]
            for method in METHODS:
                for size in ((5, 7), (100, 90), (36, 24)):
                    got = run('scale', 'RGB', frame, dict(method=method), size=size)[0]
                    self.assertTrue((got == value).all(), (value, method, size))

    def test_a_picture_turned_round_is_scaled_the_same(self):
        """But for a last place: halves are rounded up, and sums begin on the left."""
        frame = ringtest.random_frame(self.rng, 'GRAY8', 61, 47)
        turned = [frame[0][::-1, ::-1].copy()]
        for method in METHODS:
            for size in ((30, 23), (100, 90), (61, 20)):
                one = run('scale', 'GRAY8', frame, dict(method=method), size=size)
                other = run('scale', 'GRAY8', turned, dict(method=method), size=size)
                self.assert_planes([p[::-1, ::-1] for p in other], [p.astype(int) for p in one], 1)


class Others(Video):
    """What is computed is what its name says elsewhere."""

    def near(self, frame, method, size, expected, most, mean):
        got = run('scale', 'RGB', [frame], dict(method=method), size=size)[0].astype(float)
        off = abs(got - expected)
        self.assertLessEqual(off.max(), most, (method, size))
        self.assertLessEqual(off.mean(), mean, (method, size))

    # OpenCV rounds weights to 1/2048, and cuts off before it adds up.
    def test_bilinear_is_that_of_opencv(self):
        frame = ringtest.random_frame(self.rng, 'RGB', 160, 90)[0]
        for size in ((80, 45), (107, 61), (53, 80), (240, 135), (161, 300), (7, 5)):
            self.near(frame, 'bilinear', size,
                      cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR), 1, 0.2)

    def test_area_is_that_of_opencv(self):
        frame = ringtest.random_frame(self.rng, 'RGB', 160, 90)[0]
        for size in ((80, 45), (40, 30), (107, 61), (53, 80), (159, 89), (7, 5)):
            self.near(frame, 'area', size,
                      cv2.resize(frame, size, interpolation=cv2.INTER_AREA), 1, 0.1)

    # OpenCV's has four lobes, ours three: both keep what is smooth.
    def test_lanczos_makes_smooth_pictures_larger_as_opencv_does(self):
        frame = picture(160, 90)
        for size in ((240, 135), (320, 180), (333, 201)):
            expected = cv2.resize(frame, size, interpolation=cv2.INTER_LANCZOS4)
            self.near(frame, 'lanczos', size, expected, 4, 0.5)

    def test_lanczos_is_the_nearest_to_the_wave_that_was_sampled(self):
        def wave(width):
            x = (np.arange(width) + 0.5) * 200 / width
            return 127.5 + 100 * np.sin(2 * np.pi * x / 5)
        frame = [np.repeat(np.round(wave(200)).astype(np.uint8)[None, :, None], 4, 0)]
        off = {}
        for method in ('bilinear', 'lanczos'):
            got = run('scale', 'GRAY8', frame, dict(method=method), size=(333, 4))[0]
            off[method] = abs(got[1, 10:-10, 0] - wave(333)[10:-10]).max()
        self.assertLess(off['lanczos'], 8)
        self.assertGreater(off['bilinear'], 3 * off['lanczos'])

    def test_what_is_too_fine_for_a_smaller_picture_goes(self):
        fine = np.where(np.arange(256) % 2, 255, 0).astype(np.uint8)
        frame = [np.repeat(fine[None, :, None], 8, 0)]
        for method, least, most in (('area', 80, 175), ('lanczos', 110, 145)):
            got = run('scale', 'GRAY8', frame, dict(method=method), size=(100, 8))[0][:, 5:-5]
            self.assertGreater(got.min(), least)
            self.assertLess(got.max(), most)


class Declarations(unittest.TestCase):
    def test_formats(self):
        d = ringtest.describe('scale')
        self.assertEqual(d.input_formats.split(', '), VIDEO_FORMATS)
        self.assertTrue(d.flags & ringtest.ANY_SIZE)


if __name__ == '__main__':
    unittest.main()
