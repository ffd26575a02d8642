#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernels of examples/kernels against numpy and scipy."""
import glob
import os
import unittest

import numpy as np
from scipy import signal

import ringtest
from ringtest import RuntimeIsTested  # noqa: F401
from ringtest import DISCONT, SHARINGS
from test_audio import cuts, samples
from test_sensor import SECOND, records

FOLDER = os.path.join(ringtest.ROOT, 'examples', 'kernels')
SIZES = [(1, 1), (2, 3), (17, 13), (64, 48)]
PACKED = ['RGB', 'BGR', 'RGBA', 'BGRA', 'RGBx', 'BGRx']
F = np.float32


def path(name):
    return os.path.join(FOLDER, name + '.c')


def colour(number):
    return {'R': number >> 16, 'G': number >> 8 & 255, 'B': number & 255}


class Example(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(1)

    def every_sharing(self, name, params, stream, in_place=(False,)):
        """What @stream (kernel, in_place) makes of it, the same bits every time."""
        first = None
        for sharing in SHARINGS:
            for inplace in in_place:
                got = stream(ringtest.Kernel(path(name), params, **sharing), inplace)
                blob = [part.tobytes() for part in got]
                first = first or (blob, got)
                self.assertEqual(blob, first[0], (name, params, sharing, inplace))
        return first[1]

    def video(self, name, reference, formats, parameter_sets=({},), in_place=True,
              frames=1):
        """@reference (format, picture, **params), or an object made of params that
        remembers, if there is more than one frame."""
        for params in parameter_sets:
            for format in formats:
                for width, height in SIZES:
                    pictures = [ringtest.random_frame(self.rng, format, width, height)
                                for _ in range(frames)]
                    got = self.every_sharing(
                        name, params, lambda kernel, inplace: [
                            kernel.video(format, picture, (5, 3), inplace)[0]
                            for picture in pictures],
                        (False, True) if in_place else (False,))
                    call = reference(**params) if frames > 1 else (
                        lambda *picture: reference(*picture, **params))
                    for g, picture in zip(got, pictures):
                        expected = call(format, picture[0])
                        self.assertTrue(np.array_equal(g, expected), (
                            name, params, format, width, height))


class Vignette(Example):
    @staticmethod
    def reference(format, p, strength=0.8, radius=0.3):
        height, width, _ = p.shape
        strength, radius, one = F(strength), F(radius), F(1)
        dx = (2 * np.arange(width) + 1).astype(F) / F(width) - one
        dy = (2 * np.arange(height) + 1).astype(F) / F(height) - one
        distance = np.sqrt((dx * dx + (dy * dy)[:, None]) / F(2))
        beyond = np.maximum(distance - radius, F(0)) / (one - radius)
        light = one - strength * beyond * beyond
        result = np.clip(p * light[:, :, None] + F(0.5), 0, 255).astype(np.uint8)
        a = ringtest.alpha(format)
        if a is not None:
            result[:, :, a] = p[:, :, a]
        return result

    def test_against_numpy(self):
        self.video('vignette', self.reference, ['GRAY8'] + PACKED,
                   [{}, dict(strength=1.0, radius=0.0), dict(strength=0.0)])

    def test_the_middle_stays_and_corners_get_dark(self):
        white = [np.full((101, 101, 1), 255, np.uint8)]
        got = ringtest.run(path('vignette'), 'GRAY8', white, dict(strength=1.0))[0]
        self.assertEqual(got[50, 50, 0], 255)
        self.assertLess(got[0, 0, 0], 12)


class Duotone(Example):
    @staticmethod
    def reference(format, p, dark=0x2b1055, light=0xffd36e):
        r, g, b = (p[:, :, format.index(c)].astype(int) for c in 'RGB')
        v = (77 * r + 150 * g + 29 * b + 128) // 256
        result = p.copy()
        for c in 'RGB':
            mixed = colour(dark)[c] * (255 - v) + colour(light)[c] * v
            result[:, :, format.index(c)] = (mixed + 127) // 255
        return result

    def test_against_numpy(self):
        self.video('duotone', self.reference, PACKED,
                   [{}, dict(dark=0, light=0xffffff), dict(dark=0xff8000, light=0x0000ff)])


class ChromaKey(Example):
    @staticmethod
    def differences(r, g, b):
        return ((-38 * r - 74 * g + 112 * b + 128) >> 8,
                (112 * r - 94 * g - 18 * b + 128) >> 8)

    @classmethod
    def reference(cls, format, p, key=0x00ff00, tolerance=60, softness=30):
        u, v = cls.differences(*(p[:, :, format.index(c)].astype(int) for c in 'RGB'))
        u0, v0 = cls.differences(*colour(key).values())
        distance = np.floor(np.sqrt(((u - u0) ** 2 + (v - v0) ** 2).astype(float)))
        seen = np.clip((distance - tolerance) * 255 / softness, 0, 255).astype(int)
        result = p.copy()
        a = format.index('A')
        result[:, :, a] = (p[:, :, a].astype(int) * seen + 127) // 255
        return result

    def test_against_numpy(self):
        self.video('chroma-key', self.reference, ['RGBA', 'BGRA', 'ARGB', 'ABGR'],
                   [{}, dict(key=0x2040ff, tolerance=20, softness=200),
                    dict(tolerance=255), dict(tolerance=0, softness=1)])

    def test_the_key_is_gone_and_its_opposite_stays(self):
        picture = [np.array([[[0, 255, 0, 255], [0, 200, 0, 255], [255, 0, 255, 255]]],
                            np.uint8)]
        got = ringtest.run(path('chroma-key'), 'RGBA', picture)[0]
        self.assertEqual(got[0, :, 3].tolist(), [0, 0, 255])


class Pixelate(Example):
    @staticmethod
    def reference(format, p, size=16):
        result = np.empty_like(p)
        for top in range(0, p.shape[0], size):
            for left in range(0, p.shape[1], size):
                square = p[top:top + size, left:left + size].astype(int)
                area = square.shape[0] * square.shape[1]
                result[top:top + size, left:left + size] = (
                    square.sum(axis=(0, 1)) + area // 2) // area
        return result

    def test_against_numpy(self):
        self.video('pixelate', self.reference, ['GRAY8', 'RGB', 'ARGB', 'xBGR'],
                   [{}, dict(size=1), dict(size=5), dict(size=512)])


class MotionHeat(Example):
    class Reference:
        def __init__(self, gain=6, noise=8, cooling=12):
            self.gain, self.noise, self.cooling = gain, noise, cooling
            self.before = None

        def __call__(self, format, p):
            now = p[:, :, 0].astype(int)
            if self.before is None:
                self.before, self.heat = now, np.zeros_like(now)
            change = abs(now - self.before)
            new = np.where(change > self.noise, change * self.gain, 0)
            self.heat = np.minimum(np.maximum(new, self.heat - self.cooling), 255)
            self.heat = np.maximum(self.heat, 0)
            self.before = now
            return np.minimum(now[:, :, None] // 2 + np.maximum(
                3 * self.heat[:, :, None] - np.array([0, 255, 510]), 0), 255)

    def test_against_numpy(self):
        self.video('motion-heat', self.Reference, ['GRAY8'],
                   [{}, dict(gain=1, noise=100), dict(gain=64, noise=0, cooling=255),
                    dict(cooling=0)], in_place=False, frames=5)

    def test_a_discontinuity_is_no_motion(self):
        dark, light = ([np.full((8, 8, 1), v, np.uint8)] for v in (0, 200))
        kernel = ringtest.Kernel(path('motion-heat'))
        kernel.video('GRAY8', dark)
        self.assertEqual(kernel.video('GRAY8', light)[0].min(), 255)
        kernel.video('GRAY8', dark)
        calm = kernel.video('GRAY8', light, flags=DISCONT)[0]
        self.assertTrue((calm == 100).all())


class Glitch(Example):
    class Reference:
        def __init__(self, band=12, often=30, far=40, lines=64):
            self.band, self.often, self.far, self.lines = band, often, far, lines
            self.frame = 0

        @staticmethod
        def scramble(v):
            v = (v ^ v >> 16) * 0x7feb352d & 0xffffffff
            v = (v ^ v >> 15) * 0x846ca68b & 0xffffffff
            return v ^ v >> 16

        def __call__(self, format, p):
            rows = []
            for y, row in enumerate(p):
                chance = self.scramble(self.frame * 65537 + y // self.band & 0xffffffff)
                slip = 0
                if chance % 100 < self.often:
                    slip = self.scramble(chance) % (self.far + 1)
                rows.append(np.stack([np.roll(row[:, c], slip * (1 - c))
                                      for c in range(3)], axis=1))
            result = np.array(rows, int)
            result[1::2] = result[1::2] * (256 - self.lines) // 256
            self.frame += 1
            return result

    def test_against_numpy(self):
        self.video('glitch', self.Reference, ['RGB', 'BGR'],
                   [{}, dict(band=1, often=100, far=4096, lines=256),
                    dict(band=3, often=50, far=7, lines=0)], in_place=False, frames=3)

    def test_a_picture_stays_where_nothing_slips(self):
        picture = ringtest.random_frame(self.rng, 'RGB', 40, 30)
        got = ringtest.run(path('glitch'), 'RGB', picture, dict(often=0, lines=0))
        self.assertTrue(np.array_equal(got[0], picture[0]))


class Posterize(Example):
    def test_against_numpy(self):
        def reference(format, p, steps=4):
            return p.astype(int) * steps // 256 * 255 // (steps - 1)
        self.video('posterize', reference, ['GRAY8', 'RGB', 'BGR'],
                   [{}, dict(steps=2), dict(steps=256)], in_place=False)


class Fade(Example):
    def test_against_numpy(self):
        data = bytes(range(256)) * 3
        for amount in (0.5, 0.0, 1.0, 0.3):
            got = self.every_sharing('fade', dict(amount=amount), lambda kernel, _: [
                np.frombuffer(kernel.bytes(data), np.uint8)])[0]
            expected = np.frombuffer(data, np.uint8) * F(amount) + F(0.5)
            self.assertEqual(got.tolist(), expected.astype(np.uint8).tolist())


class Audio(Example):
    def however_cut(self, name, params, x, format, tolerance=0.0):
        """The output, which is the same for every cut."""
        whole = self.every_sharing(
            name, params, lambda kernel, _: [kernel.audio(format, x, 8000)])[0]
        for longest in (7, 300):
            def cut(kernel, _):
                at, parts = 0, []
                for n in cuts(np.random.default_rng(longest), len(x), longest):
                    parts.append(kernel.audio(format, x[at:at + n], 8000))
                    at += n
                return parts
            got = np.concatenate(self.every_sharing(name, params, cut))
            worst = np.abs(got.astype(float) - whole).max()
            self.assertLessEqual(worst, tolerance, (name, params, longest))
        return whole


class Rectify(Audio):
    def test_against_numpy(self):
        x = samples(self.rng, 'F32LE', 500, 3)
        got = self.however_cut('rectify', {}, x, 'F32LE')
        self.assertTrue(np.array_equal(got, np.abs(x)))


class Tremolo(Audio):
    def test_against_numpy(self):
        for channels in (1, 3):
            x = samples(self.rng, 'F32LE', 400, channels)
            for params in ({}, dict(rate=40.0, depth=1.0), dict(rate=0.05), dict(depth=0.0)):
                got = self.however_cut('tremolo', params, x, 'F32LE', 1e-5)
                rate, depth = float(F(params.get('rate', 5))), params.get('depth', 0.7)
                turns = np.arange(len(x)) * rate / 8000
                light = 1 - depth * (0.5 - 0.5 * np.cos(2 * np.pi * turns))
                self.assertLess(np.abs(got - x * light[:, None]).max(), 2e-6)

    def test_a_discontinuity_begins_anew(self):
        x = np.ones((1000, 1), F)
        kernel = ringtest.Kernel(path('tremolo'))
        first = kernel.audio('F32LE', x, 8000)
        self.assertFalse(np.array_equal(kernel.audio('F32LE', x, 8000), first))
        self.assertTrue(np.array_equal(kernel.audio('F32LE', x, 8000, flags=DISCONT), first))


class BitCrush(Audio):
    @staticmethod
    def reference(x, bits=6, hold=4):
        step = 2 ** (16 - bits)
        held = np.repeat(x[::hold].astype(int), hold, axis=0)[:len(x)]
        return held // step * step + step // 2

    def test_against_numpy(self):
        for channels in (1, 3):
            x = samples(self.rng, 'S16LE', 400, channels)
            for params in ({}, dict(bits=16, hold=1), dict(bits=1), dict(hold=256),
                           dict(bits=12, hold=3)):
                got = self.however_cut('bit-crush', params, x, 'S16LE')
                self.assertTrue(np.array_equal(got, self.reference(x, **params)), params)

    def test_a_discontinuity_takes_a_new_sample(self):
        x = samples(self.rng, 'S16LE', 10, 2)
        kernel = ringtest.Kernel(path('bit-crush'), dict(hold=7))
        kernel.audio('S16LE', x)
        got = kernel.audio('S16LE', x, flags=DISCONT)
        self.assertTrue(np.array_equal(got, self.reference(x, hold=7)))


class Sensor(Example):
    def however_cut(self, name, params, r):
        whole = self.every_sharing(
            name, params, lambda kernel, _: [kernel.records(r)])[0]
        for longest in (5, 90):
            def cut(kernel, _):
                at, parts = 0, []
                for n in cuts(np.random.default_rng(longest), len(r), longest):
                    parts.append(kernel.records(r[at:at + n]))
                    at += n
                return parts
            got = np.concatenate(self.every_sharing(name, params, cut))
            self.assertEqual(got.tobytes(), whole.tobytes(), (name, params, longest))
        return whole


class LowPass(Sensor):
    @staticmethod
    def reference(r, cutoff=2.0):
        constant = 1 / (6.283185307179586 * float(F(cutoff)))
        y, before, values = None, 0, []
        for t, x in zip(r['t'].tolist(), r['value'].tolist()):
            dt = float(t - before) * 1e-9 if y is not None and t > before else 0.0
            y = x if y is None else y + (x - y) * (dt / (constant + dt))
            before = t
            values.append(y)
        return values

    def test_against_python(self):
        r = records(self.rng.normal(3, 1, 300))
        r['t'] += self.rng.integers(0, SECOND // 50, len(r)).astype(np.uint64)
        for params in ({}, dict(cutoff=0.001), dict(cutoff=10000.0), dict(cutoff=7.3)):
            got = self.however_cut('low-pass', params, r)
            self.assertEqual(got['t'].tolist(), r['t'].tolist())
            self.assertEqual(got['value'].tolist(), self.reference(r, **params))

    def test_against_scipy_at_an_even_rate(self):
        r = records(self.rng.normal(0, 1, 500), 100.0)
        r['value'][0] = 0.0
        got = ringtest.Kernel(path('low-pass'), dict(cutoff=5.0)).records(r)
        a = 0.01 / (1 / (2 * np.pi * 5.0) + 0.01)
        expected = signal.lfilter([a], [1, a - 1], r['value'])
        self.assertLess(np.abs(got['value'] - expected).max(), 1e-12)

    def test_a_discontinuity_begins_anew(self):
        r = records([1.0, 5.0, 9.0])
        kernel = ringtest.Kernel(path('low-pass'))
        first = kernel.records(r)
        later = records([4.0, 5.0], start=SECOND)
        self.assertEqual(first['value'][0], 1.0)
        self.assertNotEqual(kernel.records(later)['value'][0], 4.0)
        self.assertEqual(kernel.records(later, DISCONT)['value'][0], 4.0)


class ZeroCrossings(Sensor):
    @staticmethod
    def reference(r, window=1.0, hysteresis=0.1):
        """All changes first, then which window each is in."""
        window, t, v = int(float(F(window)) * SECOND), r['t'].astype(int), r['value']
        sign = np.where(v > F(hysteresis), 1, np.where(v < -F(hysteresis), -1, 0))
        at = np.flatnonzero(sign)
        changes = at[1:][np.diff(sign[at]) != 0]
        events, begin, first = [], t[0], 0
        while (after := np.flatnonzero(t[first:] >= begin + window)).size:
            end = first + after[0]
            events.append((begin + window, int(((changes >= first) & (changes < end)).sum())))
            begin = begin + window if t[end] < begin + 2 * window else t[end]
            first = end
        return events

    def check(self, params, r):
        got = self.however_cut('zero-crossings', params, r)
        self.assertEqual([tuple(e) for e in got.tolist()], self.reference(r, **params))
        return got

    def test_against_numpy(self):
        r = records(np.sin(np.arange(500) / 7) + self.rng.normal(0, 0.3, 500))
        for params in ({}, dict(window=0.5, hysteresis=0.5), dict(hysteresis=0.0),
                       dict(window=0.033), dict(window=3600.0)):
            self.check(params, r)

    def test_a_gap_begins_another_window(self):
        r = records(np.where(np.arange(400) // 5 % 2, 1.0, -1.0))
        r['t'][200:] += 7 * SECOND
        self.assertEqual(len(self.check(dict(window=0.5), r)), 7)

    def test_finds_a_frequency(self):
        r = records(np.sin(2 * np.pi * 3 * np.arange(1001) / 100.0 + 0.1))
        got = ringtest.Kernel(path('zero-crossings')).records(r)
        self.assertEqual(got['value'][1:].tolist(), [6] * 9)

    def test_a_discontinuity_begins_anew(self):
        kernel = ringtest.Kernel(path('zero-crossings'), dict(window=0.05))
        r = records([1, -1, 1, -1, 1, -1, 1])
        self.assertEqual(kernel.records(r)['value'].tolist(), [4])
        later = records([-1, 1, 1, 1, 1, 1, 1], start=SECOND)
        self.assertEqual(kernel.records(later, DISCONT)['value'].tolist(), [1])


class Declarations(unittest.TestCase):
    def test_each_is_short_and_says_what_it_is(self):
        names = sorted(os.path.basename(file)[:-2]
                       for file in glob.glob(os.path.join(FOLDER, '*.c')))
        tested = {cls.__name__.lower() for cls in Example.__subclasses__()
                  + Audio.__subclasses__() + Sensor.__subclasses__()}
        self.assertGreaterEqual(len(names), 13)
        for name in names:
            with self.subTest(name):
                with open(path(name), encoding='utf-8') as file:
                    lines = file.read().splitlines()
                self.assertLess(len(lines), 40)
                self.assertIn(name.replace('-', ''), tested)
                d = ringtest.describe(path(name))
                self.assertEqual(d.name, name.replace('-', '_'))
                for p in [vars(d)] + d.parameters:
                    self.assertTrue(p['description'])
                for p in d.parameters:
                    self.assertLess(p['minimum'], p['maximum'])
                    self.assertLessEqual(p['minimum'], p['default'])
                    self.assertLessEqual(p['default'], p['maximum'])


if __name__ == '__main__':
    unittest.main()
