#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel that scales pictures: to the bit what it says that it computes, and near
what others make of the same picture."""
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


def weights(method, n_in, n_out):
    """In 2^-14, a row for each result. It is their sums that are rounded."""
    if method == 'area':
        shares, i = area_shares(n_in, n_out), np.tile(np.arange(n_in), (n_out, 1))
    else:
        i, shares = lanczos_shares(n_in, n_out)
    sums = np.cumsum(shares, 1)
    # a half is a half
    sums = np.floor(np.round(sums / sums[:, -1:] * 16384, 7) + 0.5)
    result = np.zeros((n_out, n_in), np.int64)
    np.add.at(result, (np.arange(n_out)[:, None], np.clip(i, 0, n_in - 1)),
              np.diff(sums, axis=1, prepend=0).astype(np.int64))
    assert (result.sum(1) == 16384).all()
    return result


def weighted(method, plane, width, height):
    rows, columns, _ = plane.shape
    v = np.tensordot(weights(method, rows, height), plane.astype(np.int64), (1, 0))
    v = (v + 128) // 256
    assert abs(v).max() < 32768
    v = np.tensordot(weights(method, columns, width), v, (1, 1)).transpose(1, 0, 2)
    return np.clip((v + (1 << 19)) >> 20, 0, 255)


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

class Scale(Video):
    def check(self, format, frame, size, params, **sharing):
        self.assert_planes(
            run('scale', format, frame, params, size=size, **sharing),
            scale(format, frame, size, **params), 0, '%s %s to %s %s %s' % (
                format, frame[0].shape, size, params, sharing))

    def test_against_numpy(self):
        for method in METHODS:
            for format in VIDEO_FORMATS:
                for before, after in SIZES:
                    frame = ringtest.random_frame(self.rng, format, *before)
                    expected = scale(format, frame, after, method)
                    for i, sharing in enumerate(SHARINGS):
                        self.assert_planes(
                            run('scale', format, frame, dict(method=method), size=after,
                                padding=(i, 2 * i), **sharing), expected, 0,
                            '%s %s %s to %s %s' % (method, format, before, after, sharing))

    def test_full_hd(self):
        for format in ('I420', 'NV12', 'RGB', 'BGRx'):
            frame = ringtest.random_frame(self.rng, format, 1920, 1080)
            for method in METHODS:
                for size in ((1280, 720), (854, 480)):
                    for workers in (1, 7):
                        self.check(format, frame, size, dict(method=method), workers=workers)

    def test_extremes(self):
        for before, after in (((16384, 1), (1, 64)), ((1, 16384), (64, 1)), ((3000, 2), (2, 3000)),
                              ((2, 3000), (3000, 2)), ((16384, 3), (5, 3)), ((1, 1), (4096, 3))):
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


if __name__ == '__main__':
    unittest.main()
