#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The audio kernels against numpy and scipy."""
import unittest

import numpy as np
from scipy import signal

import ringtest
from ringtest import RuntimeIsTested  # noqa: F401
from ringtest import AUDIO_FORMATS, DISCONT, SHARINGS


def cuts(rng, n, longest):
    """Lengths of 1 to @longest that sum up to n."""
    while n > 0:
        length = min(int(rng.integers(1, longest + 1)), n)
        yield length
        n -= length


def samples(rng, format, n, channels):
    dtype = AUDIO_FORMATS[format]
    if dtype.kind == 'i':
        info = np.iinfo(dtype)
        x = rng.integers(info.min, info.max, (n, channels), dtype, endpoint=True)
        if n > 1:
            x[0], x[1] = info.min, info.max
        return x
    return rng.uniform(-1, 1, (n, channels)).astype(dtype)


class Gain(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(1)

    @staticmethod
    def reference(format, x, gain):
        dtype = AUDIO_FORMATS[format]
        y = x.astype(np.float64) * 10 ** (np.float32(gain).astype(float) / 20)
        if dtype.kind == 'i':
            info = np.iinfo(dtype)
            y = np.copysign(np.floor(np.abs(y) + 0.5), y)
            return np.clip(y, info.min, info.max)
        return y

    def test_against_numpy(self):
        for format, dtype in AUDIO_FORMATS.items():
            for channels in (1, 2, 3, 8):
                for n in (0, 1, 2, 7, 480):
                    x = samples(self.rng, format, n, channels)
                    for gain in (0.0, -6.0, 6.0, -120.0, 60.0, 1.7):
                        first = None
                        for i, sharing in enumerate(SHARINGS):
                            kernel = ringtest.Kernel('gain', dict(gain=gain), **sharing)
                            got = kernel.audio(format, x, in_place=i % 2 == 1)
                            first = got if first is None else first
                            self.assertTrue(np.array_equal(first, got))
                        exact = self.reference(format, x, gain)
                        # The factor is a float: 2^-23 of the value, and then
                        # half a step of the result.
                        error = np.abs(got.astype(float) - exact)
                        bound = np.abs(exact) * 2.0 ** -22 + (dtype.kind == 'i')
                        self.assertTrue((error <= bound).all(), (format, gain))

    def test_0_db_is_identity(self):
        for format in AUDIO_FORMATS:
            x = samples(self.rng, format, 1000, 2)
            got = ringtest.Kernel('gain').audio(format, x)
            self.assertTrue(np.array_equal(got, x), format)

    def test_factor_of_10_is_exact_in_integers(self):
        x = np.arange(-32768, 32768, dtype='<i2').reshape(-1, 1)
        got = ringtest.Kernel('gain', dict(gain=20.0)).audio('S16LE', x)
        self.assertTrue(np.array_equal(got, self.reference('S16LE', x, 20)))

    def test_saturates(self):
        for format in ('S16LE', 'S32LE'):
            info = np.iinfo(AUDIO_FORMATS[format])
            x = np.array([[info.min], [info.max], [-1], [1]], AUDIO_FORMATS[format])
            got = ringtest.Kernel('gain', dict(gain=60.0)).audio(format, x)
            self.assertEqual(got[:, 0].tolist(), [info.min, info.max, -1000, 1000])
        x = np.array([[0.5]], '<f4')
        got = ringtest.Kernel('gain', dict(gain=20.0)).audio('F32LE', x)
        self.assertAlmostEqual(float(got[0, 0]), 5.0, 5)

    def test_mute(self):
        for format in AUDIO_FORMATS:
            x = samples(self.rng, format, 777, 2)
            if AUDIO_FORMATS[format].kind == 'f':
                x[3] = np.inf
                x[4] = np.nan
            for sharing in SHARINGS:
                kernel = ringtest.Kernel('gain', dict(mute=True), **sharing)
                got = kernel.audio(format, x)
                self.assertEqual(got.tobytes(), bytes(x.nbytes))


class GainRamp(unittest.TestCase):
    """What happens when it changes."""

    def setUp(self):
        self.rng = np.random.default_rng(1)

    @staticmethod
    def factors(steps, ramp=0.01, rate=48000):
        """The factor of each frame; @steps: how many frames with which gain or None."""
        length = int(float(np.float32(ramp)) * rate + 0.5)
        out, now, line = [], None, np.empty(0)
        for frames, gain in steps:
            wanted = 0.0 if gain is None else 10 ** (float(np.float32(gain)) / 20)
            if now is None:
                now = wanted
            elif wanted != (line[-1] if len(line) else now):
                line = np.linspace(now, wanted, length + 1)[1:]
            part = np.concatenate([line, np.full(frames, wanted)])
            out.append(part[:frames])
            now, line = part[frames - 1], line[frames:]
        return np.concatenate(out)

    def run_steps(self, format, x, steps, longest, sharing={}, in_place=False, **more):
        kernel = ringtest.Kernel('gain', {}, **sharing)
        at, out = 0, []
        for frames, gain in steps:
            # Values are compared by identity there.
            kernel.params = dict(more, mute=gain is None)
            if gain is not None:
                kernel.params['gain'] = gain
            for n in cuts(self.rng, frames, longest):
                out.append(kernel.audio(format, x[at:at + n], in_place=in_place))
                at += n
        return np.concatenate(out)

    STEPS = [(100, 0.0), (700, -20.0), (300, 6.0), (50, -3.0), (900, 6.0), (600, None),
             (200, None), (700, 2.5)]

    def test_on_a_straight_line_however_cut(self):
        n = sum(frames for frames, _ in self.STEPS)
        factor = self.factors(self.STEPS)[:, None]
        for i, format in enumerate(AUDIO_FORMATS):
            for channels in (1, 2, 3, 8):
                x = samples(self.rng, format, n, channels)
                whole = self.run_steps(format, x, self.STEPS, n)
                exact = x.astype(float) * factor
                dtype = AUDIO_FORMATS[format]
                if dtype.kind == 'i':
                    exact = np.clip(exact, np.iinfo(dtype).min, np.iinfo(dtype).max)
                error = np.abs(whole - exact)
                # Factors are floats, and up to 2.
                bound = 2.0 ** -21 * np.abs(x.astype(float)) + 0.51 * (dtype.kind == 'i')
                self.assertTrue((error <= bound).all(), (format, channels))
                for k, sharing in enumerate(SHARINGS[i % 2::2]):
                    got = self.run_steps(format, x, self.STEPS, (31, 250, 900)[k % 3], sharing,
                                         k % 2 == 1)
                    self.assertEqual(got.tobytes(), whole.tobytes(), (format, channels, sharing))

    def test_no_ramp_and_a_long_one(self):
        steps = [(10, 0.0), (3000, -6.0), (100, 0.0)]
        x = samples(self.rng, 'F32LE', 3110, 2)
        for ramp in (0.0, 0.05, 10.0):
            got = self.run_steps('F32LE', x, steps, 100, ramp=ramp)
            np.testing.assert_allclose(got, x * self.factors(steps, ramp)[:, None], rtol=1e-5,
                                       atol=1e-6)

    def test_silence_at_its_end_is_complete(self):
        for format in ('F32LE', 'F64LE'):
            x = -np.abs(samples(self.rng, format, 1000, 2))
            x[600], x[700], x[800] = np.inf, -np.inf, np.nan
            for longest in (1000, 10):
                got = self.run_steps(format, x, [(10, 0.0), (990, None)], longest)
                self.assertTrue(got[400].all())
                self.assertEqual(got[490:].tobytes(), bytes(got[490:].nbytes))

    def test_discontinuity_is_not_a_change(self):
        kernel = ringtest.Kernel('gain', dict(gain=0.0), workers=2)
        x = samples(self.rng, 'F32LE', 100, 2)
        kernel.audio('F32LE', x)
        kernel.params = dict(gain=20.0)
        got = kernel.audio('F32LE', x, flags=DISCONT)
        self.assertTrue(np.array_equal(got, x * np.float32(10)))

    def test_a_longer_ramp_afterwards_changes_nothing(self):
        kernel = ringtest.Kernel('gain', dict(gain=0.0, ramp=0.001))
        x = samples(self.rng, 'F32LE', 100, 2)
        kernel.audio('F32LE', x)
        kernel.params = dict(gain=20.0, ramp=0.001)
        kernel.audio('F32LE', x)
        kernel.params = dict(gain=20.0, ramp=10.0)
        self.assertTrue(np.array_equal(kernel.audio('F32LE', x), x * np.float32(10)))


class Fir(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(1)

    def check(self, got, expected, format, taps):
        if format == 'S16LE':
            expected = np.clip(np.floor(expected + 0.5), -32768, 32767)
            # A sum of floats near a half may go either way.
            self.assertLessEqual(np.abs(got - expected).max(initial=0), 1)
            self.assertLess(np.mean(got != expected) if got.size else 0, 0.02)
        else:
            bound = 2.0 ** -23 * (len(taps) + 2) * np.abs(taps).sum()
            self.assertLessEqual(np.abs(got - expected).max(initial=0), bound)

    def stream(self, format, x, taps, longest, sharing, in_place=False):
        kernel = ringtest.Kernel('fir', dict(taps=taps), **sharing)
        at, out = 0, []
        for n in cuts(self.rng, len(x), longest):
            out.append(kernel.audio(format, x[at:at + n], in_place=in_place))
            at += n
        return np.concatenate(out)

    def test_against_scipy_however_cut(self):
        for format in ('F32LE', 'S16LE'):
            for channels in (1, 2, 3, 6):
                for n_taps in (1, 2, 3, 31, 101, 1024):
                    taps = self.rng.normal(0, 1, n_taps).astype(np.float32)
                    taps /= np.abs(taps).sum()
                    x = samples(self.rng, format, 2500, channels)
                    expected = signal.lfilter(taps.astype(float), 1,
                                              x.astype(float), axis=0)
                    # Built-in kernels may multiply and add in one step, so a mode
                    # is compared with itself.
                    wholes = {}
                    for mode in [None] + ringtest.MODES[:bool(ringtest.Ring)]:
                        kernel = ringtest.Kernel('fir', dict(taps=taps),
                                                 mode=mode or 'slices')
                        wholes[mode is None] = kernel.audio(format, x)
                        self.check(wholes[mode is None], expected, format, taps)
                    for i, longest in enumerate((1700, 600, 97)):
                        for sharing in SHARINGS[i::3]:
                            got = self.stream(format, x, taps, longest, sharing,
                                              in_place=i == 1)
                            # The same sums in the same order: the same bits.
                            whole = wholes[sharing in ringtest.DIRECT]
                            self.assertTrue(np.array_equal(got, whole), (
                                format, channels, n_taps, longest, sharing))

    def test_frame_by_frame(self):
        taps = signal.firwin(64, 0.2).astype(np.float32)
        x = samples(self.rng, 'F32LE', 300, 2)
        whole = ringtest.Kernel('fir', dict(taps=taps)).audio('F32LE', x)
        got = self.stream('F32LE', x, taps, 1, SHARINGS[0])
        self.assertTrue(np.array_equal(got, whole))

    def test_64_channels_1024_taps(self):
        taps = self.rng.normal(0, 0.02, 1024).astype(np.float32)
        x = samples(self.rng, 'F32LE', 1500, 64)
        expected = signal.lfilter(taps.astype(float), 1, x.astype(float), axis=0)
        got = self.stream('F32LE', x, taps, 900, dict(workers=2))
        self.check(got, expected, 'F32LE', taps)

    def test_more_channels_keep_fewer_taps(self):
        fits = 65472 // 128 + 1  # 511 frames of history and the one at hand
        taps = np.full(1024, 1 / 1024, np.float32)
        x = samples(self.rng, 'F32LE', 1100, 128)
        expected = signal.lfilter(taps[:fits].astype(float), 1, x.astype(float), axis=0)
        got = self.stream('F32LE', x, taps, 700, dict(workers=2))
        self.check(got, expected, 'F32LE', taps)

    def test_default_is_identity(self):
        for format in ('F32LE', 'S16LE'):
            x = samples(self.rng, format, 1000, 2)
            got = ringtest.Kernel('fir').audio(format, x)
            self.assertTrue(np.array_equal(got, x))

    def test_no_taps_is_silence(self):
        x = samples(self.rng, 'F32LE', 100, 2)
        got = ringtest.Kernel('fir', dict(taps=[])).audio('F32LE', x)
        self.assertFalse(got.any())

    def test_discontinuity_forgets(self):
        taps = self.rng.normal(0, 1, 50).astype(np.float32)
        kernel = ringtest.Kernel('fir', dict(taps=taps), workers=2)
        x = samples(self.rng, 'F32LE', 400, 2)
        first = kernel.audio('F32LE', x)
        self.assertFalse(np.array_equal(kernel.audio('F32LE', x), first))
        self.assertTrue(np.array_equal(kernel.audio('F32LE', x, flags=DISCONT), first))

    def test_taps_change_between_buffers(self):
        a = self.rng.normal(0, 1, 40).astype(np.float32)
        b = self.rng.normal(0, 1, 21).astype(np.float32)
        x = samples(self.rng, 'F32LE', 200, 2)
        kernel = ringtest.Kernel('fir', dict(taps=a))
        kernel.audio('F32LE', x[:100])
        kernel.params['taps'] = b
        got = kernel.audio('F32LE', x[100:])
        expected = signal.lfilter(b.astype(float), 1, x.astype(float), axis=0)[100:]
        self.check(got, expected, 'F32LE', b)
        # Longer again: what lies beyond the shorter ones' reach is silence.
        kernel.params['taps'] = a
        y = x.copy()
        y[:200 - 20] = 0
        got = kernel.audio('F32LE', x[:50])
        expected = signal.lfilter(a.astype(float), 1,
                                  np.concatenate([y, x[:50]]).astype(float), axis=0)
        self.check(got, expected[200:], 'F32LE', a)

    def test_saturates(self):
        x = np.full((10, 1), 32767, '<i2')
        got = ringtest.Kernel('fir', dict(taps=[2.0])).audio('S16LE', x)
        self.assertTrue((got == 32767).all())
        got = ringtest.Kernel('fir', dict(taps=[-2.0])).audio('S16LE', x)
        self.assertTrue((got == -32768).all())

    def test_low_pass_stops_a_high_tone(self):
        t = np.arange(48000) / 48000
        low, high = np.sin(2 * np.pi * 440 * t), np.sin(2 * np.pi * 9000 * t)
        taps = signal.firwin(101, 3000, fs=48000).astype(np.float32)
        x = (low + high).astype(np.float32).reshape(-1, 1) / 2
        got = self.stream('F32LE', x, taps, 4096, SHARINGS[1])[:, 0]
        # Linear phase: the low tone comes out 50 samples later.
        self.assertLess(np.abs(got[200:] - low[150:-50] / 2).max(), 0.01)


if __name__ == '__main__':
    unittest.main()
