#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Loudness against the signals of EBU Tech 3341, and against the recommendation's own
filters in scipy."""
import unittest

import numpy as np
from scipy import signal

import ringtest
from ringtest import RuntimeIsTested  # noqa: F401
from ringtest import DISCONT, SHARINGS
from test_audio import samples
from test_records import FORMATS, full_scale, stream

RATE = 48000
NAMES = ('time', 'momentary', 'short_term', 'integrated', 'peak')

# ITU-R BS.1770-4, tables 1 and 2: both filters at 48 kHz.
SHELF = ([1.53512485958697, -2.69169618940638, 1.19839281085285],
         [1, -1.69065929318241, 0.73248077421585])
HIGH_PASS = ([1, -2, 1], [1, -1.99004745483398, 0.99007225036621])


def at_rate(b, a, rate, is_shelf):
    """The same filter for another rate: back to the analogue one by the bilinear transform,
    the frequency of its poles measured, and forth again so that this stays where it is."""
    def to_analogue(p):
        # p (z) with z = (1 + s) / (1 - s), times (1 - s)^2
        plus, minus = np.poly1d([1, 1]), np.poly1d([-1, 1])
        return p[0] * plus ** 2 + p[1] * plus * minus + p[2] * minus ** 2
    b, a = to_analogue(b), to_analogue(a)
    w = np.sqrt(a.c[2] / a.c[0])  # tan (pi f / 48000)
    f = np.arctan(w) / np.pi * 48000
    ratio = np.tan(np.pi * f / rate) / w
    scale = ratio ** np.array([0, 1, 2])
    # The bilinear transform of scipy has s = 2 fs (z - 1) / (z + 1).
    b, a = signal.bilinear(b.c * scale, a.c * scale, fs=0.5)
    # The numerator of the high-pass is as it stands in the recommendation, at any rate.
    return (b, a) if is_shelf else (HIGH_PASS[0], a)


def weights_of(channels):
    return {4: [1, 1, 1.41, 1.41], 5: [1, 1, 1, 1.41, 1.41], 6: [1, 1, 1, 0, 1.41, 1.41],
            7: [1, 1, 1, 0, 1, 1.41, 1.41],
            8: [1, 1, 1, 0, 1, 1, 1.41, 1.41]}.get(channels, [1] * channels)


def lufs(square):
    return np.maximum(-0.691 + 10 * np.log10(np.maximum(square, 1e-30)), -200)


def integrated(blocks):
    loud = blocks[lufs(blocks) > -70]
    if len(loud) == 0:
        return -200
    loud = loud[lufs(loud) > lufs(loud.mean()) - 10]
    return lufs(loud.mean())


def loudness(x, rate=RATE, weights=None):
    """Records of @x, samples by channels, of full scale 1."""
    x = np.where(np.isfinite(x), x, 0)[:, :64]
    filtered = x
    for section, is_shelf in ((SHELF, True), (HIGH_PASS, False)):
        b, a = section if rate == RATE else at_rate(*section, rate, is_shelf)
        filtered = signal.lfilter(b, a, filtered, axis=0)
    weights = weights_of(x.shape[1]) if weights is None else weights
    squares = (filtered ** 2) @ np.array(weights)
    n = len(x) * 10 // rate
    while (n + 1) * rate // 10 <= len(x):
        n += 1
    ends = np.array([(t + 1) * rate // 10 for t in range(n)], dtype=int)
    ends = ends[ends <= len(x)]
    begins = np.array([t * rate // 10 for t in range(len(ends))], dtype=int)
    sums = np.add.reduceat(squares, begins)[:len(begins)] if len(begins) else np.zeros(0)
    if len(ends):
        sums[-1] = squares[begins[-1]:ends[-1]].sum()
    before = np.zeros(30)
    sums = np.concatenate([before, sums])
    lengths = np.concatenate([before + rate / 10, ends - begins])
    out = []
    blocks = []
    for t in range(len(ends)):
        last = slice(t + 27, t + 31), slice(t + 1, t + 31)
        square = sums[last[0]].sum() / lengths[last[0]].sum()
        if t >= 3:
            blocks.append(square)
        peak = np.abs(x[begins[t]:ends[t]]).max()
        out.append((ends[t] / rate * 1e9, lufs(square),
                    lufs(sums[last[1]].sum() / lengths[last[1]].sum()),
                    integrated(np.array(blocks)),
                    max(-200, 20 * np.log10(max(peak, 1e-30)))))
    return np.array(out).reshape(-1, 5)


def sine(seconds, level, channels=2, f=1000.0, rate=RATE):
    """@level: dB of full scale, of each channel or of all."""
    t = np.arange(round(seconds * rate)) / rate
    amplitude = 10 ** (np.broadcast_to(np.asarray(level, float), channels) / 20)
    return np.sin(2 * np.pi * f * t)[:, None] * amplitude


def measure(x, params=None, format='F32LE', rate=RATE):
    if format == 'S16LE':
        x = np.round(x * 32767)
    return ringtest.Kernel('loudness', params).audio(format, x, rate=rate)


class MinimumRequirements(unittest.TestCase):
    """EBU Tech 3341 (2016), table 1, of which 7 and 8 are recordings; within 0.1 LU."""

    def integrated(self, *parts, expected=-23.0):
        x = np.concatenate([sine(*part) for part in parts])
        for format in FORMATS:
            got = measure(x, format=format)
            self.assertLess(abs(got['f3'][-1] - expected), 0.1, format)
        return got

    def test_1_and_2_a_steady_tone(self):
        for level in (-23.0, -33.0):
            got = self.integrated((20, level), expected=level)
            for name in ('f1', 'f2'):
                self.assertLess(np.abs(got[name][30:] - level).max(), 0.1)

    def test_3_quiet_parts_do_not_count(self):
        self.integrated((10, -36), (60, -23), (10, -36))

    def test_4_nor_does_what_is_hardly_there(self):
        self.integrated((10, -72), (10, -36), (60, -23), (10, -36), (10, -72))

    def test_5_loud_parts_do(self):
        self.integrated((20, -26), (20.1, -20), (20, -26))

    def test_6_surround(self):
        self.integrated((20, [-28, -28, -24, -30, -30], 5))
        # With a channel of low frequencies, which does not count.
        self.integrated((20, [-28, -28, -24, -3, -30, -30], 6))

    def test_9_short_term_is_steady(self):
        x = np.concatenate([sine(1.34, -20), sine(1.66, -30)] * 5)
        for format in FORMATS:
            got = measure(x, format=format)['f2'][30:]
            self.assertLess(np.abs(got + 23).max(), 0.1)

    def test_10_short_term_of_a_tone_of_three_seconds(self):
        for i in range(20):
            x = np.concatenate([sine(i * 0.15, -200), sine(3, -23), sine(1, -200)])
            self.assertLess(abs(measure(x)['f2'].max() + 23), 0.1)

    def test_12_momentary_is_steady(self):
        x = np.concatenate([sine(0.18, -20), sine(0.22, -30)] * 25)
        for format in FORMATS:
            got = measure(x, format=format)['f1'][10:]
            self.assertLess(np.abs(got + 23).max(), 0.1)

    def test_13_momentary_of_a_tone_of_400_ms(self):
        for i in range(20):
            x = np.concatenate([sine(i * 0.02, -200), sine(0.4, -23), sine(1, -200)])
            # A meter looks every 100 ms; the tone begins within such a step.
            most = measure(x)['f1'].max()
            lost = i * 0.02 * 10 % 1 / 4
            self.assertLess(abs(most - (-23 + 10 * np.log10(1 - min(lost, 0.25 - lost)))), 0.1)


class Loudness(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(4)

    def close(self, got, expected, of=''):
        self.assertEqual(len(got), len(expected), of)
        self.assertTrue((np.abs(got['f0'].astype(float) - expected[:, 0]) <= 1).all(), of)
        for i in range(1, 5):
            self.assertLess(np.abs(got['f%d' % i] - expected[:, i]).max(initial=0), 1e-3,
                            (NAMES[i], of))

    def programme(self, format, seconds, channels, rate=RATE):
        """Noise whose loudness goes up and down."""
        n = round(seconds * rate)
        level = np.repeat(self.rng.uniform(-75, 0, -(-n // (rate // 4 + 1)) + 1),
                          rate // 4 + 1)[:n]
        x = self.rng.normal(size=(n, channels)) * 0.2 * 10 ** (level[:, None] / 20)
        if format == 'S16LE':
            return np.round(np.clip(x, -1, 1) * 32767).astype('<i2')
        return x.astype('<f4')

    def test_against_scipy_however_cut(self):
        for i, channels in enumerate((1, 2, 5, 6)):
            format = FORMATS[i % 2]
            x = self.programme(format, 3.55, channels)
            whole = ringtest.Kernel('loudness').audio(format, x)
            self.close(whole, loudness(full_scale(format, x)), channels)
            for k, sharing in enumerate(SHARINGS[i % 2::2]):
                longest = (len(x), 30000, 5003)[k % 3]
                got = stream(self.rng, ringtest.Kernel('loudness', **sharing), format, x, longest)
                self.assertEqual(got.tobytes(), whole.tobytes(), (channels, longest, sharing))

    def test_single_frames(self):
        x = self.programme('F32LE', 0.45, 2, 1000)
        kernel = ringtest.Kernel('loudness', workers=2)
        got = [kernel.audio('F32LE', x[i:i + 1], rate=1000) for i in range(len(x))]
        self.assertEqual(np.concatenate(got).tobytes(),
                         ringtest.Kernel('loudness').audio('F32LE', x, rate=1000).tobytes())

    def test_a_long_programme_is_gated(self):
        x = self.programme('F32LE', 120, 2)
        got = ringtest.Kernel('loudness').audio('F32LE', x)
        self.close(got, loudness(x.astype(float)))

    def test_rates(self):
        for rate in (8000, 11025, 16000, 22050, 32000, 44100, 88200, 96000, 192000):
            x = self.programme('F32LE', 2.3, 2, rate)
            got = ringtest.Kernel('loudness').audio('F32LE', x, rate=rate)
            self.close(got, loudness(x.astype(float), rate), rate)

    def test_very_low_rates(self):
        # There is one record for each frame at the most.
        for rate in (1, 9, 10, 11, 100):
            x = samples(self.rng, 'F32LE', 57, 2)
            got = ringtest.Kernel('loudness').audio('F32LE', x, rate=rate)
            ends = [t * max(rate, 10) // 10 for t in range(1, 60)]
            self.assertEqual(len(got), sum(end <= 57 for end in ends))
            self.assertTrue(np.isfinite(got['f3']).all())

    def test_channels_and_weights(self):
        for channels in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 64):
            x = self.programme('F32LE', 1.0, channels)
            got = ringtest.Kernel('loudness', workers=3).audio('F32LE', x)
            self.close(got, loudness(x.astype(float)), channels)
        x = self.programme('F32LE', 1.0, 6)
        for weights in ([0, 0, 2, 0, 0, 0.5], [0, 1.5]):
            got = ringtest.Kernel('loudness', dict(weights=weights)).audio('F32LE', x)
            weights = np.float32(weights + [0] * (6 - len(weights))).astype(float)
            self.close(got[:1], loudness(x.astype(float), weights=weights)[:1])
            for name, i in (('f1', 1), ('f2', 2), ('f3', 3)):
                expected = loudness(x.astype(float), weights=weights)[:, i]
                self.assertLess(np.abs(got[name] - expected).max(), 1e-3)

    def test_channels_beyond_the_last_do_not_count(self):
        x = self.programme('F32LE', 0.5, 70)
        got = ringtest.Kernel('loudness', workers=2).audio('F32LE', x)
        self.close(got, loudness(x.astype(float)))

    def test_silence(self):
        got = measure(np.zeros((RATE, 2)))
        for name in ('f1', 'f2', 'f3', 'f4'):
            self.assertEqual(got[name].tolist(), [-200.0] * 10)

    def test_times_go_on_from_the_first_buffer(self):
        x = np.zeros((11025, 1), '<f4')
        kernel = ringtest.Kernel('loudness', workers=2)
        got = stream(self.rng, kernel, 'F32LE', x, 500, 11025, 10 ** 15 + 7)
        self.assertEqual(got['f0'].tolist(), [
            10 ** 15 + 7 + (t + 1) * 11025 // 10 * 10 ** 9 // 11025 for t in range(10)])

    def test_a_discontinuity_begins_anew(self):
        x = self.programme('F32LE', 0.75, 2)
        kernel = ringtest.Kernel('loudness', workers=2)
        first = kernel.audio('F32LE', x, pts=5)
        self.assertNotEqual(kernel.audio('F32LE', x).tobytes(), first.tobytes())
        self.assertEqual(kernel.audio('F32LE', x, flags=DISCONT, pts=5).tobytes(),
                         first.tobytes())

    def test_what_is_not_finite_is_silence(self):
        x = self.programme('F32LE', 0.6, 3)
        x[50, 0], x[6000, 1], x[17000, 2] = np.nan, np.inf, -np.inf
        got = ringtest.Kernel('loudness').audio('F32LE', x)
        self.close(got, loudness(x.astype(float)))


if __name__ == '__main__':
    unittest.main()
