#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The video kernels that look at a pixel's neighbours, against numpy, scipy and
OpenCV."""
import unittest

import cv2
import numpy as np
from scipy import ndimage

import ringtest
from ringtest import RuntimeIsTested  # noqa: F401
from ringtest import VIDEO_FORMATS, run
from test_video import YUV, Video, colours

# Each at most 70 pixels wide, which is more than a tile.
SIZES = [(1, 1), (3, 2), (17, 11), (70, 9)]


# ---- the references --------------------------------------------------------

def keep_alpha(format, planes, results):
    return [np.where(colour, r, p)
            for p, r, colour in zip(planes, results, colours(format, planes))]


def box_sum(p, radius):
    """Of the square around each pixel, the border replicated."""
    v = np.pad(p.astype(np.int64), ((radius, radius), (radius, radius), (0, 0)), 'edge')
    size = 2 * radius + 1
    for axis in (0, 1):
        v = np.lib.stride_tricks.sliding_window_view(v, size, axis).sum(axis=-1)
    return v


def box_blur(format, planes, radius=4):
    result = []
    for i, p in enumerate(planes):
        r = radius // 2 if i else radius
        n = (2 * r + 1) ** 2
        result.append(((box_sum(p, r) + n // 2) // n).astype(np.uint8))
    return keep_alpha(format, planes, result)


def median(format, planes, size='3x3'):
    n = int(size[0])
    return keep_alpha(format, planes, [
        ndimage.median_filter(p, (n, n, 1), mode='nearest') for p in planes])


def luma_only(format, planes, result):
    """Alpha and chroma are as they were."""
    return keep_alpha(format, planes, [result] + planes[1:])


def sharpen(format, planes, amount=1.0, sigma=1.0, threshold=0):
    """Not rounded."""
    v = planes[0].astype(float)
    blurred = v
    for axis in (0, 1):
        blurred = ndimage.gaussian_filter1d(blurred, sigma, axis, mode='nearest',
                                            radius=int(np.ceil(3 * np.float32(sigma))))
    more = np.where(abs(v - blurred) < threshold, 0, amount * (v - blurred))
    return luma_only(format, planes, np.clip(v + more, 0, 255))


def morphology(format, planes, operation='erode', radius=1):
    size = (2 * radius + 1, 2 * radius + 1, 1)
    erode, dilate = ndimage.minimum_filter, ndimage.maximum_filter
    result = planes[0]
    for step in dict(erode=[erode], dilate=[dilate], open=[erode, dilate],
                     close=[dilate, erode])[operation]:
        result = step(result, size, mode='nearest')
    return luma_only(format, planes, result)


def compact(square, sigma):
    return np.clip(1 - square / (32 * sigma ** 2), 0, None) ** 16


def bilateral(format, planes, radius=2, sigma_space=2.0, sigma_color=25.0, weight=compact):
    """Not rounded."""
    colour = colours(format, planes)[0]
    height, width = planes[0].shape[:2]
    v = planes[0].astype(float)
    far = np.pad(v, ((radius, radius), (radius, radius), (0, 0)), 'edge')
    total, result = 0, 0
    for dy in range(2 * radius + 1):
        for dx in range(2 * radius + 1):
            other = far[dy:dy + height, dx:dx + width]
            square = (np.where(colour, other - v, 0) ** 2).sum(axis=2, keepdims=True)
            w = (weight(square, sigma_color)
                 * weight((dy - radius) ** 2 + (dx - radius) ** 2, sigma_space))
            total, result = total + w, result + w * other
    return luma_only(format, planes, result / total)


# ---- the tests -------------------------------------------------------------

class BoxBlur(Video):
    def test_against_numpy(self):
        self.against('box_blur', box_blur,
                     [{}, dict(radius=1), dict(radius=2), dict(radius=13)], 0, SIZES)

    def test_limits(self):
        self.against('box_blur', box_blur, [dict(radius=0), dict(radius=127)], 0,
                     [(5, 3), (331, 140)], ['GRAY8', 'BGR', 'xRGB', 'NV12'])

    def test_near_opencv(self):
        frame = ringtest.random_frame(self.rng, 'RGB', 200, 150)
        expected = cv2.blur(frame[0], (11, 11), borderType=cv2.BORDER_REPLICATE)
        self.assert_planes(run('box_blur', 'RGB', frame, dict(radius=5)), [expected], 1)

    def test_brightest_and_darkest_stay(self):
        for value in (0, 1, 254, 255):
            for radius in (1, 6, 126, 127):
                frame = [np.full((40, 300, 4), value, np.uint8)]
                self.assert_planes(run('box_blur', 'RGBA', frame, dict(radius=radius)),
                                   frame, 0, radius)

    def test_full_hd(self):
        self.large('box_blur', 'RGB', box_blur, dict(radius=10))


class Median(Video):
    def test_against_scipy(self):
        self.against('median', median, [{}, dict(size='5x5')], 0, SIZES)

    def test_tiles_and_borders_meet(self):
        for width in range(60, 76):
            for size in ('3x3', '5x5'):
                frame = ringtest.random_frame(self.rng, 'GRAY8', width, 4)
                self.assert_planes(run('median', 'GRAY8', frame, dict(size=size)),
                                   median('GRAY8', frame, size), 0, width)

    def test_every_order_of_zeros_and_ones(self):
        # What sorts all of these sorts everything, so this is all there is to 3x3.
        bits = (np.arange(512)[:, None] >> np.arange(9) & 1).astype(np.uint8)
        frame = [bits.reshape(512 * 3, 3, 1)]
        got = run('median', 'GRAY8', frame)[0].reshape(512, 3, 3)[:, 1, 1]
        self.assertTrue(np.array_equal(got, bits.sum(axis=1) > 4))

    def test_same_as_opencv(self):
        frame = ringtest.random_frame(self.rng, 'RGB', 90, 60)
        expected = cv2.medianBlur(frame[0], 5)  # which replicates the border as well
        self.assert_planes(run('median', 'RGB', frame, dict(size='5x5')), [expected])

    def test_salt_and_pepper_goes(self):
        frame = [np.full((40, 90, 3), 100, np.uint8)]
        frame[0][3::7, 2::5] = 255
        frame[0][5::7, 4::5] = 0
        self.assert_planes(run('median', 'RGB', frame),
                           [np.full((40, 90, 3), 100, np.uint8)])

    def test_full_hd(self):
        self.large('median', 'RGB', median)


class Sharpen(Video):
    # Rounding alone accounts for 0.5; the blur is within 0.1, and is multiplied.
    def test_against_scipy(self):
        for amount, sigma in ((1.0, 1.0), (0.5, 0.3), (2.5, 3.3), (10.0, 5.0)):
            self.against('sharpen', sharpen, [dict(amount=amount, sigma=sigma)],
                         0.51 + 0.1 * amount, SIZES)

    def test_large_enough_for_tiles(self):
        for format in ('GRAY8', 'RGB', 'xBGR'):
            self.against('sharpen', sharpen, [{}, dict(sigma=5.0)], 0.6, [(213, 31)],
                         [format])

    def test_threshold(self):
        frame = ringtest.random_frame(self.rng, 'GRAY8', 150, 90)
        plain = sharpen('GRAY8', frame)[0]
        for threshold in (1, 40, 255):
            expected = sharpen('GRAY8', frame, threshold=threshold)[0]
            near = abs(sharpen('GRAY8', frame, threshold=threshold - 0.2)[0]
                       - sharpen('GRAY8', frame, threshold=threshold + 0.2)[0]) > 0
            got = run('sharpen', 'GRAY8', frame, dict(threshold=threshold))[0]
            self.assertLess(abs(got - expected)[~near].max(), 0.6)
            self.assertTrue((abs(expected - plain) > 0.5).any())

    def test_amount_0_and_flat_pictures_change_nothing(self):
        for format in VIDEO_FORMATS:
            frame = ringtest.random_frame(self.rng, format, 90, 20)
            self.assert_planes(run('sharpen', format, frame, dict(amount=0.0)), frame)
        for value in (0, 77, 255):
            for sigma in (0.3, 0.9, 5.0):
                frame = [np.full((40, 100, 3), value, np.uint8)]
                self.assert_planes(run('sharpen', 'RGB', frame,
                                       dict(amount=10.0, sigma=sigma)), frame)

    def test_full_hd(self):
        self.large('sharpen', 'RGB', sharpen, {}, 0.61)


class Morphology(Video):
    OPERATIONS = ('erode', 'dilate', 'open', 'close')

    def test_against_scipy(self):
        self.against('morphology', morphology,
                     [dict(operation=o, radius=r) for o, r in
                      (('erode', 1), ('dilate', 2), ('open', 3), ('close', 1))], 0, SIZES)

    def test_limits(self):
        self.against('morphology', morphology,
                     [dict(operation=o, radius=r) for o in self.OPERATIONS for r in (0, 32)],
                     0, [(5, 3), (339, 40)], ['GRAY8', 'BGR', 'xRGB', 'NV12'])

    def test_same_as_opencv(self):
        frame = ringtest.random_frame(self.rng, 'RGB', 200, 80)
        for operation, code in zip(self.OPERATIONS, (
                cv2.MORPH_ERODE, cv2.MORPH_DILATE, cv2.MORPH_OPEN, cv2.MORPH_CLOSE)):
            # whose border does not count, either
            expected = cv2.morphologyEx(frame[0], code, np.ones((5, 5), np.uint8))
            self.assert_planes(run('morphology', 'RGB', frame,
                                   dict(operation=operation, radius=2)), [expected], 0, operation)

    def test_opening_and_closing_twice_is_once(self):
        for operation in ('open', 'close'):
            params = dict(operation=operation, radius=2)
            frame = ringtest.random_frame(self.rng, 'GRAY8', 90, 40)
            once = run('morphology', 'GRAY8', frame, params)
            self.assert_planes(run('morphology', 'GRAY8', once, params), once)

    def test_full_hd(self):
        self.large('morphology', 'RGB', morphology, dict(operation='open', radius=2))


class Bilateral(Video):
    # Rounding alone accounts for 0.5.
    def test_against_numpy(self):
        self.against('bilateral', bilateral, [
            {}, dict(radius=1, sigma_space=0.5, sigma_color=255.0),
            dict(radius=8, sigma_space=20.0, sigma_color=60.0)], 0.501, SIZES)

    def test_tiles_and_borders_meet(self):
        for width in range(15, 24):
            for format in ('GRAY8', 'BGR', 'ARGB'):
                frame = ringtest.random_frame(self.rng, format, width, 4)
                self.assert_planes(run('bilateral', format, frame, dict(radius=3)),
                                   bilateral(format, frame, 3), 0.501, width)

    def test_near_a_gaussian(self):
        def gaussian(square, sigma):
            return np.exp(-square / (2 * sigma ** 2))
        self.assertLess(np.abs(gaussian(np.arange(0, 60, 0.1), 1)
                               - compact(np.arange(0, 60, 0.1), 1)).max(), 0.02)
        # a smooth picture with noise, as they are
        x = np.arange(120)
        frame = [np.clip(120 + 80 * np.sin(x / 9) + x[:90, None]
                         + self.rng.normal(0, 9, (90, 120)), 0, 255)
                 .astype(np.uint8)[:, :, None]]
        self.assert_planes(run('bilateral', 'GRAY8', frame),
                           bilateral('GRAY8', frame, weight=gaussian), 1.5)

    def test_noise_goes_and_an_edge_stays(self):
        frame = [np.full((60, 80, 1), 60, np.uint8)]
        frame[0][:, 40:] = 200
        noisy = [(frame[0] + self.rng.integers(-8, 9, frame[0].shape)).astype(np.uint8)]
        got = run('bilateral', 'GRAY8', noisy, dict(radius=3))[0]
        self.assertLess(abs(got - frame[0].astype(int)).max(), 8)
        self.assertLess(np.std(got[:, :40]), 0.5 * np.std(noisy[0][:, :40]))

    def test_full_hd(self):
        self.large('bilateral', 'BGRx', bilateral, dict(radius=1), 0.501)


class Declarations(unittest.TestCase):
    def test_formats(self):
        for name in ('bilateral', 'box_blur', 'median', 'morphology', 'sharpen'):
            d = ringtest.describe(name)
            self.assertEqual(d.name, name)
            self.assertEqual(d.input_formats.split(', '), VIDEO_FORMATS)


if __name__ == '__main__':
    unittest.main()
