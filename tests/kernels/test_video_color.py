#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The video kernels that look at colours and not at neighbours, against numpy and
OpenCV."""
import os
import tempfile
import unittest
from fractions import Fraction

import cv2
import numpy as np

import ringtest
from ringtest import RuntimeIsTested  # noqa: F401
from ringtest import VIDEO_FORMATS, run
from test_video import YUV, Video, colours

SIZES = [(1, 1), (3, 2), (17, 11), (70, 5)]
# Ways of the runtime to share out the work.
SHARED = [dict(workers=2, mode='inline'), dict(workers=2, mode='event-driven')]


# ---- the references --------------------------------------------------------

# Rows are Y, Cb and Cr of full range.
TO_YCC = np.array([[0.299, 0.587, 0.114],
                   [-0.299 / 1.772, -0.587 / 1.772, 0.886 / 1.772],
                   [0.701 / 1.402, -0.587 / 1.402, -0.114 / 1.402]])


def order(format):
    """Where red, green and blue lie in a pixel."""
    return [format.index(c) for c in 'RGB']


def color_balance(format, planes, brightness=0.0, contrast=1.0, saturation=1.0, hue=0.0):
    """Not rounded."""
    angle = np.deg2rad(hue)
    turn = saturation * contrast * np.array([[np.cos(angle), -np.sin(angle)],
                                             [np.sin(angle), np.cos(angle)]])

    def luma(y):
        return (y - 127.5) * contrast + 127.5 + 255 * brightness

    p = planes[0].astype(float)
    if format == 'GRAY8':
        return [np.clip(luma(p), 0, 255)]
    if format in YUV:
        uv = np.concatenate(planes[1:], axis=2).astype(float) - 128
        uv = np.clip(uv @ turn.T + 128, 0, 255)
        chroma = [uv] if format == 'NV12' else [uv[:, :, :1], uv[:, :, 1:]]
        return [np.clip(luma(p), 0, 255)] + chroma
    ycc = p[:, :, order(format)] @ TO_YCC.T
    ycc[:, :, 0] = luma(ycc[:, :, 0])
    ycc[:, :, 1:] = ycc[:, :, 1:] @ turn.T
    p[:, :, order(format)] = np.clip(ycc @ np.linalg.inv(TO_YCC).T, 0, 255)
    return [p]


def luma(format, planes):
    if format in YUV or format == 'GRAY8':
        return planes[0].astype(int)
    r, g, b = (planes[0][:, :, i:i + 1].astype(int) for i in order(format))
    return (77 * r + 150 * g + 29 * b + 128) // 256


def otsu(v):
    """The level, in exact numbers."""
    counts = [int(n) for n in np.bincount(v.ravel(), minlength=256)]
    best, level = 0, 0
    for i in range(256):
        n = [sum(counts[:i + 1]), sum(counts[i + 1:])]
        s = [sum(k * counts[k] for k in range(i + 1)),
             sum(k * counts[k] for k in range(i + 1, 256))]
        if all(n):
            variance = Fraction((s[0] * n[1] - s[1] * n[0]) ** 2, n[0] * n[1])
            if variance > best:
                best, level = variance, i
    return level


def threshold(format, planes, method='fixed', level=127, radius=7, offset=5, invert=False):
    v = luma(format, planes)
    if method == 'fixed':
        white = v > level
    elif method == 'otsu':
        white = v > otsu(v)
    else:
        size = 2 * radius + 1
        around = np.pad(v, ((radius, radius), (radius, radius), (0, 0)), 'edge')
        for axis in (0, 1):
            around = np.lib.stride_tricks.sliding_window_view(around, size, axis).sum(axis=-1)
        white = v * size ** 2 > around - offset * size ** 2
    return [np.where(white != invert, 255, 0).astype(np.uint8)]


def chroma_key(format, planes, red=0, green=177, blue=64, similarity=0.15, smoothness=0.08,
               spill=0.1):
    """Not rounded."""
    height, width = planes[0].shape[:2]
    opacity = np.full((height, width), 255)
    if format in YUV:
        uv = np.concatenate(planes[1:], axis=2).astype(float) - 128
        uv = uv.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
        # of full range
        ycc = np.concatenate([(planes[0] - 16.0) * 255 / 219, uv * 255 / 224], axis=2)
        out = 'RGBA'
    else:
        ycc = planes[0][:, :, order(format)].astype(float) @ TO_YCC.T
        out = format if 'A' in format else 'RGBA'
        if 'A' in format:
            opacity = planes[0][:, :, format.index('A')]
    away = ycc[:, :, 1:] - TO_YCC[1:] @ [red, green, blue]
    distance = np.hypot(away[:, :, 0], away[:, :, 1]) / 255 - similarity
    ycc[:, :, 1:] *= np.clip(distance / max(spill, 1e-3), 0, 1)[:, :, None]
    result = np.empty((height, width, 4))
    result[:, :, order(out)] = np.clip(ycc @ np.linalg.inv(TO_YCC).T, 0, 255)
    result[:, :, out.index('A')] = np.minimum(
        opacity, np.clip(255 * distance / max(smoothness, 1e-3), 0, 255))
    return [result]


def histogram_equalize(format, planes, strength=1.0):
    v = luma(format, planes)
    upto = np.bincount(v.ravel(), minlength=256).cumsum()
    lowest = upto[v.min()]
    rest = v.size - lowest
    table = np.arange(256)
    if rest:
        equal = np.maximum((2 * 255 * (upto - lowest) + rest) // (2 * rest), 0)
        table = np.floor(table + (equal - table) * strength + 0.5)
    result = np.where(colours(format, planes)[0], table[planes[0]], planes[0])
    return [result.astype(np.uint8)] + planes[1:]


def cube(side, color):
    """A table as .cube files have it, red changing first."""
    b, g, r = np.meshgrid(*[np.linspace(0, 1, side)] * 3, indexing='ij')
    return np.stack(color(r, g, b), axis=-1).ravel()


def lut3d(format, planes, table, amount=1.0, domain=((0, 0, 0), (1, 1, 1))):
    """Not rounded. From corner to corner of the small cube, along the axes in the order
    of how far there is to go."""
    side = int(round((len(table) / 3) ** (1 / 3)))
    nodes = np.reshape(table, (side, side, side, 3)).transpose(2, 1, 0, 3)  # red first
    p = planes[0].astype(float)
    rgb = p[:, :, order(format)]
    begin, end = np.array(domain, float)
    at = (rgb / 255 - begin) / (end - begin) * (side - 1)
    below = np.minimum(at.astype(int), side - 2)
    part = at - below
    result = nodes[tuple(np.moveaxis(below, -1, 0))]
    corner = below
    for axes in np.moveaxis(np.argsort(-part, axis=-1), -1, 0):
        step = axes[:, :, None] == np.arange(3)
        there = corner + step
        result = result + (nodes[tuple(np.moveaxis(there, -1, 0))]
                           - nodes[tuple(np.moveaxis(corner, -1, 0))]) \
            * part[step].reshape(step.shape[:2] + (1,))
        corner = there
    p[:, :, order(format)] = np.clip(rgb + (255 * result - rgb) * amount, 0, 255)
    return [p]


def read_cube(path):
    """What numpy makes of the file's numbers, and its domain."""
    with open(path, encoding='utf-8') as file:
        words = [line.split() for line in file if line.strip()]
    named = {w[0]: [float(v) for v in w[1:]] for w in words
             if w[0] in ('DOMAIN_MIN', 'DOMAIN_MAX')}
    return (np.array([w for w in words if w[0][0] in '-0123456789'], float).ravel(),
            (named.get('DOMAIN_MIN', [0] * 3), named.get('DOMAIN_MAX', [1] * 3)))


# ---- the tests -------------------------------------------------------------

class ColorBalance(Video):
    # Rounding alone accounts for 0.5; the claim is "within 1".
    def test_against_numpy(self):
        self.against('color_balance', color_balance, [
            dict(brightness=0.2), dict(contrast=1.7), dict(saturation=0.3),
            dict(hue=35.0), dict(brightness=-0.1, contrast=0.8, saturation=1.6, hue=-120.0)],
            0.6, SIZES)

    def test_limits(self):
        self.against('color_balance', color_balance, [
            dict(brightness=-1.0), dict(brightness=1.0), dict(contrast=0.0),
            dict(saturation=0.0), dict(contrast=4.0, saturation=4.0, hue=180.0),
            dict(hue=-180.0), dict(hue=90.0)], 0.6, [(17, 11)])

    def test_every_angle(self):
        frame = ringtest.random_frame(self.rng, 'RGB', 64, 16)
        for hue in range(-180, 181, 5):
            self.assert_planes(run('color_balance', 'RGB', frame, dict(hue=hue)),
                               color_balance('RGB', frame, hue=hue), 0.6, hue)

    def test_defaults_change_nothing(self):
        for format in VIDEO_FORMATS:
            frame = ringtest.random_frame(self.rng, format, 64, 48)
            self.assert_planes(run('color_balance', format, frame), frame, 0, format)

    def test_without_saturation_a_picture_is_gray(self):
        for format in VIDEO_FORMATS[1:11]:
            frame = ringtest.random_frame(self.rng, format, 33, 9)
            got = run('color_balance', format, frame, dict(saturation=0.0))
            spread = np.ptp(got[0][:, :, order(format)].astype(int), axis=2)
            self.assertLessEqual(spread.max(), 1, format)

    def test_in_place(self):
        self.in_place('color_balance', dict(contrast=1.5, saturation=0.5, hue=20.0))

    def test_full_hd(self):
        for format in ('RGB', 'NV12'):
            self.large('color_balance', format, color_balance, dict(hue=10.0), 0.6)


class Threshold(Video):
    def two_humps(self, format, width, height):
        planes = ringtest.random_frame(self.rng, format, width, height)
        dark = self.rng.integers(0, 3, planes[0].shape) == 0
        planes[0] = np.where(dark, 30 + planes[0] // 4, 120 + planes[0] // 3).astype(np.uint8)
        return planes

    def test_against_numpy(self):
        self.against('threshold', threshold, [
            {}, dict(level=60, invert=True), dict(method='otsu'), dict(method='adaptive'),
            dict(method='adaptive', radius=2, offset=-10, invert=True)], 0, SIZES)

    def test_limits(self):
        self.against('threshold', threshold, [
            dict(level=0), dict(level=255), dict(method='adaptive', radius=127, offset=0),
            dict(method='adaptive', radius=1, offset=255),
            dict(method='adaptive', radius=1, offset=-255)], 0,
            [(5, 3), (141, 150)], ['GRAY8', 'ARGB', 'NV12'])

    def test_otsu_finds_the_gap(self):
        for format in ('GRAY8', 'I420', 'NV12'):
            for width, height in ((40, 30), (300, 200)):
                frame = self.two_humps(format, width, height)
                level, expected = cv2.threshold(frame[0], 0, 255,
                                                cv2.THRESH_BINARY | cv2.THRESH_OTSU)
                self.assertTrue(93 <= level <= 120, level)
                got = run('threshold', format, frame, dict(method='otsu'))
                self.assert_planes(got, [expected[:, :, None]])

    def test_otsu_of_one_or_two_values(self):
        for values in ([7], [0, 255], [10, 11], [0, 0, 0, 255]):
            frame = [np.resize(np.array(values, np.uint8), (9, 8, 1))]
            for workers in (1, 7):
                self.assert_planes(
                    run('threshold', 'GRAY8', frame, dict(method='otsu'), workers),
                    threshold('GRAY8', frame, 'otsu'), 0, values)

    def test_full_hd(self):
        for method in ('fixed', 'otsu', 'adaptive'):
            self.large('threshold', 'BGRx', threshold, dict(method=method))


class ChromaKey(Video):
    # Rounding alone accounts for 0.5.
    def test_against_numpy(self):
        self.against('chroma_key', chroma_key, [
            {}, dict(red=200, green=10, blue=90, similarity=0.3, smoothness=0.2, spill=0.0),
            dict(blue=255, similarity=0.1, smoothness=0.5, spill=1.0)], 0.51, SIZES,
            VIDEO_FORMATS[1:])

    def test_hard_edge(self):
        for format in ('RGB', 'BGRA', 'NV12'):
            frame = ringtest.random_frame(self.rng, format, 200, 100)
            params = dict(similarity=0.25, smoothness=0.0)
            got = run('chroma_key', format, frame, params)[0]
            expected = chroma_key(format, frame, **params)[0]
            # but where the edge itself is in the picture
            self.assertLess((abs(got - expected) > 0.51).mean(), 0.0005)

    def test_the_key_goes_and_gray_stays(self):
        frame = [np.zeros((2, 256, 3), np.uint8)]
        frame[0][0] = [0, 177, 64]
        frame[0][1] = np.arange(256)[:, None]
        got = run('chroma_key', 'RGB', frame)[0]
        self.assertTrue((got[0, :, 3] == 0).all())
        self.assertTrue((got[1, :, 3] == 255).all())
        self.assertTrue(np.array_equal(got[1, :, :3], frame[0][1]))

    def test_colours_far_from_the_key_stay(self):
        for format in VIDEO_FORMATS[1:11]:
            frame = ringtest.random_frame(self.rng, format, 120, 50)
            got = run('chroma_key', format, frame)[0]
            out = format if 'A' in format else 'RGBA'
            away = (frame[0][:, :, order(format)] @ TO_YCC[1:].T
                    - TO_YCC[1:] @ [0, 177, 64])
            far = np.hypot(away[:, :, 0], away[:, :, 1]) > 0.26 * 255
            self.assertTrue(far.any())
            for a, b in zip(order(out), order(format)):
                self.assertTrue(np.array_equal(got[:, :, a][far], frame[0][:, :, b][far]))

    def test_alpha_of_the_input_is_a_limit(self):
        frame = [np.full((3, 256, 4), 80, np.uint8)]
        frame[0][:, :, 0] = np.arange(256)
        got = run('chroma_key', 'ARGB', frame)[0]
        self.assertTrue(np.array_equal(got, frame[0]))

    def test_full_hd(self):
        for format in ('RGB', 'I420'):
            self.large('chroma_key', format, chroma_key, {}, 0.51)


class HistogramEqualize(Video):
    def narrow(self, format, width, height):
        planes = ringtest.random_frame(self.rng, format, width, height)
        planes[0] = (90 + planes[0] // 5 + planes[0] // 11).astype(np.uint8)
        return planes

    def test_against_numpy(self):
        self.against('histogram_equalize', histogram_equalize,
                     [{}, dict(strength=0.5), dict(strength=0.0)], 0, SIZES)

    def test_narrow_histograms(self):
        for format in VIDEO_FORMATS:
            frame = self.narrow(format, 90, 70)
            for workers in (1, 2, 7):
                self.assert_planes(run('histogram_equalize', format, frame, {}, workers),
                                   histogram_equalize(format, frame), 0, format)

    def test_near_opencv(self):
        for height in (3, 200):
            frame = self.narrow('GRAY8', 130, height)
            self.assert_planes(run('histogram_equalize', 'GRAY8', frame),
                               [cv2.equalizeHist(frame[0])[:, :, None]], 1)

    def test_one_value_stays(self):
        for value in (0, 99, 255):
            frame = [np.full((5, 7, 3), value, np.uint8)]
            self.assert_planes(run('histogram_equalize', 'RGB', frame), frame)

    def test_in_place(self):
        self.in_place('histogram_equalize')

    def test_full_hd(self):
        self.large('histogram_equalize', 'RGB', histogram_equalize)


class Lut3d(Video):
    FORMATS = VIDEO_FORMATS[1:11]

    # Rounding alone accounts for 0.5; a weight is within 1/8192 of 255.
    def test_against_numpy(self):
        tables = [cube(2, lambda r, g, b: (g, 1 - b, 0.2 + r / 2)),
                  self.rng.uniform(0, 1, 3 * 5 ** 3), self.rng.uniform(0, 1, 3 * 17 ** 3)]
        self.against('lut3d', lut3d, [dict(table=t.tolist()) for t in tables], 0.6, SIZES,
                     self.FORMATS)

    def test_amount(self):
        table = self.rng.uniform(0, 1, 3 * 4 ** 3).tolist()
        self.against('lut3d', lut3d, [dict(table=table, amount=a) for a in (0.0, 0.3)], 0.6,
                     [(17, 11)], ['RGB', 'ABGR'])

    def write_cube(self, side, table, head='', end='\n'):
        handle, path = tempfile.mkstemp('.cube')
        self.addCleanup(os.remove, path)
        lines = ['TITLE "a # film"', '# of a test', head, 'LUT_3D_SIZE %d' % side, '']
        lines += ['%.6f %.6f  %.6f' % tuple(row) for row in np.reshape(table, (-1, 3))]
        with os.fdopen(handle, 'w', encoding='utf-8', newline='') as file:
            file.write(end.join(lines) + end)
        return path

    @unittest.skipIf(ringtest.SANITIZED, 'each number of a long text is read to its end there')
    def test_cube_files(self):
        if not ringtest.Ring:
            self.skipTest('no introspected libringkernel, which reads them')
        for side, end in ((2, '\n'), (17, '\r\n'), (33, '\n'), (65, '\n')):
            path = self.write_cube(side, self.rng.uniform(-0.1, 1.1, 3 * side ** 3), '', end)
            frame = ringtest.random_frame(self.rng, 'RGBA', 90, 70)
            expected = lut3d('RGBA', frame, np.clip(read_cube(path)[0], 0, 1))
            expected[0][:, :, 3] = frame[0][:, :, 3]
            for sharing in SHARED:
                self.assert_planes(run('lut3d', 'RGBA', frame, dict(table='@' + path),
                                       **sharing), expected, 0.6, side)

    def test_cube_files_of_another_domain(self):
        if not ringtest.Ring:
            self.skipTest('no introspected libringkernel, which reads them')
        for head in ('DOMAIN_MIN -0.5 0 -0.125\nDOMAIN_MAX 1 2 1.5', 'DOMAIN_MAX 1 1 4'):
            path = self.write_cube(5, self.rng.uniform(0, 1, 3 * 5 ** 3), head)
            table, domain = read_cube(path)
            frame = ringtest.random_frame(self.rng, 'RGB', 70, 50)
            for amount in (1.0, 0.25, 0.0):
                self.assert_planes(
                    run('lut3d', 'RGB', frame, dict(table='@' + path, amount=amount),
                        mode='inline'),
                    lut3d('RGB', frame, table, amount, domain), 0.6, (head, amount))

    def test_a_domain_behind_the_table(self):
        table = self.rng.uniform(0, 1, 3 * 4 ** 3)
        frame = ringtest.random_frame(self.rng, 'RGB', 33, 9)
        usual = run('lut3d', 'RGB', frame, dict(table=table))
        for domain in ((0, 0, 0, 1, 1, 1), (1, 1, 1, 1, 1, 1), (2, 2, 2, 1, 1, 1)):
            self.assert_planes(run('lut3d', 'RGB', frame, dict(
                table=np.concatenate([table, domain]))), usual, 1, domain)
        # all of the picture lies at one end of the table
        for domain, node in (((2, 2, 2, 3, 3, 3), table[:3]), ((-2, -2, -2, -1, -1, -1),
                                                               table[-3:])):
            got = run('lut3d', 'RGB', frame, dict(table=np.concatenate([table, domain])))
            self.assertLessEqual(abs(got[0] - 255 * node).max(), 0.6)

    @unittest.skipIf(ringtest.SANITIZED, 'each number of a long text is read to its end there')
    def test_the_largest_table(self):
        table = self.rng.uniform(0, 1, 3 * 65 ** 3).astype(np.float32).tolist()
        frame = ringtest.random_frame(self.rng, 'BGRx', 90, 70)
        expected = lut3d('BGRx', frame, table)
        for sharing in [dict(workers=2)] + (SHARED if ringtest.Ring else []):
            self.assert_planes(run('lut3d', 'BGRx', frame, dict(table=table), **sharing),
                               expected, 0.6)

    def test_defaults_change_nothing(self):
        for format in self.FORMATS:
            frame = ringtest.random_frame(self.rng, format, 64, 48)
            self.assert_planes(run('lut3d', format, frame), frame, 0, format)

    def test_every_gray_stays_gray_whatever_the_side(self):
        frame = [np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 256, 1), 3, axis=2)]
        for side in list(range(2, 34)) + [47, 64, 65]:
            table = cube(side, lambda r, g, b: (r, g, b)).tolist()
            self.assert_planes(run('lut3d', 'RGB', frame, dict(table=table)), frame, 0, side)

    def test_what_is_no_cube(self):
        frame = ringtest.random_frame(self.rng, 'RGB', 33, 9)
        table = self.rng.uniform(0, 1, 3 * 27).tolist()
        expected = run('lut3d', 'RGB', frame, dict(table=table[:24]))
        # what is too much for a cube does not count
        self.assert_planes(run('lut3d', 'RGB', frame, dict(table=table[:80])), expected)
        self.assertFalse(np.array_equal(
            run('lut3d', 'RGB', frame, dict(table=table))[0], expected[0]))
        for count in (1, 23):
            self.assert_planes(run('lut3d', 'RGB', frame, dict(table=table[:count])), frame)

    def test_colours_beyond_the_range_are_cut_off(self):
        table = cube(2, lambda r, g, b: (2 * r, g - 1, b)).tolist()
        self.against('lut3d', lambda format, planes, table: [
            np.where(colours(format, planes)[0], lut3d(format, planes, np.clip(table, 0, 1))[0],
                     planes[0])], [dict(table=table)], 0.6, [(17, 11)], ['RGBA'])

    def test_in_place(self):
        table = self.rng.uniform(0, 1, 24).tolist()
        for format in self.FORMATS:
            frame = ringtest.random_frame(self.rng, format, 17, 13)
            expected = run('lut3d', format, frame, dict(table=table))
            for sharing in ringtest.DIRECT:
                self.assert_planes(run('lut3d', format, frame, dict(table=table),
                                       padding=(3, 3), in_place=True, **sharing), expected)

    def test_full_hd(self):
        table = self.rng.uniform(0, 1, 3 * 9 ** 3).tolist()
        self.large('lut3d', 'RGB', lut3d, dict(table=table), 0.6)


class Declarations(unittest.TestCase):
    def test_formats(self):
        for name in ('color_balance', 'histogram_equalize', 'threshold'):
            d = ringtest.describe(name)
            self.assertEqual(d.name, name)
            self.assertEqual(d.input_formats.split(', '), VIDEO_FORMATS)
        d = ringtest.describe('chroma_key')
        self.assertEqual(d.input_formats.split(', '), VIDEO_FORMATS[1:])
        self.assertEqual(d.output_formats.split(', '), VIDEO_FORMATS[3:7])
        self.assertEqual(ringtest.describe('lut3d').input_formats.split(', '),
                         VIDEO_FORMATS[1:11])
        self.assertEqual(ringtest.describe('threshold').output_formats, 'GRAY8')


if __name__ == '__main__':
    unittest.main()
