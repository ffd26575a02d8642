#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The audio kernels that remember what they have heard, against numpy and scipy."""
import os
import unittest

import numpy as np
from scipy import signal

import ringtest
from ringtest import RuntimeIsTested  # noqa: F401
from ringtest import DISCONT, SHARINGS
from test_audio import cuts, samples

RATE = 48000
FORMATS = ('F32LE', 'S16LE')
CHANNELS = (1, 2, 3, 8, 13)


class Audio(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(1)

    def stream(self, name, params, format, x, longest, sharing={}, in_place=False, rate=RATE):
        """All that comes out for @x cut anywhere."""
        kernel = ringtest.Kernel(name, params, **sharing)
        at, out = 0, []
        for n in cuts(self.rng, len(x), longest):
            out.append(kernel.audio(format, x[at:at + n], rate=rate, in_place=in_place))
            at += n
        return np.concatenate(out)

    def however_cut(self, name, params, format, x, rate=RATE, sharings=SHARINGS):
        """The output, which must be the same bits for every cut and sharing."""
        whole = ringtest.Kernel(name, params).audio(format, x, rate=rate)
        for i, sharing in enumerate(sharings):
            longest = (len(x), 397, 61)[i % 3]
            got = self.stream(name, params, format, x, longest, sharing, i % 2 == 1, rate)
            self.assertEqual(got.tobytes(), whole.tobytes(),
                             (name, params, format, x.shape, longest, sharing))
        return whole

    def close(self, format, got, expected, error, of=''):
        """@error: of what is computed before it is put out, at most, per full scale."""
        self.assertEqual(got.shape, expected.shape)
        if format == 'S16LE':
            exact = np.clip(expected, -32768, 32767)
            bound = 0.5 + error * 32768
        else:
            exact = expected
            bound = np.abs(expected) * 2.0 ** -24 + error
        self.assertTrue((np.abs(got - exact) <= bound).all(),
                        (of, format, np.abs(got - exact).max()))


def biquad(response, frequency, q=0.70710678, gain=0.0, rate=RATE):
    """From the filter of which it is the image under the bilinear transform."""
    q, gain, frequency = (float(np.float32(v)) for v in (q, gain, frequency))
    a = 10 ** (gain / 40)
    low = [1, 1 / q, 1]
    shelf = [a, a ** 0.5 / q, 1]
    b, a_ = {
        'low-pass': ([1], low),
        'high-pass': ([1, 0, 0], low),
        'band-pass': ([1 / q, 0], low),
        'notch': ([1, 0, 1], low),
        'all-pass': ([1, -1 / q, 1], low),
        'peak': ([1, a / q, 1], [1, 1 / (a * q), 1]),
        'low-shelf': (a * np.array(shelf[::-1]), shelf),
        'high-shelf': (a * np.array(shelf), shelf[::-1]),
    }[response]
    return signal.bilinear(b, a_, 0.5 / np.tan(np.pi * frequency / rate))


class Biquad(Audio):
    RESPONSES = ['low-pass', 'high-pass', 'band-pass', 'notch', 'all-pass', 'peak',
                 'low-shelf', 'high-shelf']

    def test_against_scipy_however_cut(self):
        settings = [(1000, 0.70710678, 6.0), (40, 5.0, -12.0), (15000, 0.3, 3.0)]
        for i, response in enumerate(self.RESPONSES):
            for k, (frequency, q, gain) in enumerate(settings):
                params = dict(response=response, frequency=frequency, q=q, gain=gain)
                b, a = biquad(response, frequency, q, gain)
                for format in FORMATS:
                    x = samples(self.rng, format, 900, CHANNELS[(i + k) % 5])
                    got = self.however_cut('biquad', params, format, x,
                                           sharings=SHARINGS[k::3])
                    self.close(format, got, signal.lfilter(b, a, x.astype(float), axis=0),
                               1e-9, params)

    def test_channels(self):
        b, a = biquad('low-pass', 3000)
        for channels in (*CHANNELS, 4, 5, 6, 7, 15, 16, 64):
            for format in FORMATS:
                x = samples(self.rng, format, 300, channels)
                got = self.however_cut('biquad', dict(frequency=3000), format, x)
                self.close(format, got, signal.lfilter(b, a, x.astype(float), axis=0), 1e-9)

    def test_channels_beyond_the_last(self):
        x = samples(self.rng, 'S16LE', 50, 1100)
        got = self.however_cut('biquad', {}, 'S16LE', x, sharings=SHARINGS[:5])
        self.assertTrue(np.array_equal(got[:, 1024:], x[:, 1024:]))
        b, a = biquad('low-pass', 1000)
        self.close('S16LE', got[:, :1024],
                   signal.lfilter(b, a, x[:, :1024].astype(float), axis=0), 1e-9)

    def test_low_frequencies_at_high_rates(self):
        # Where floats would be off by more than 10 dB.
        x = samples(self.rng, 'F32LE', 50000, 2)
        got = ringtest.Kernel('biquad', dict(frequency=10, response='peak', gain=12)).audio(
            'F32LE', x, rate=192000)
        b, a = biquad('peak', 10, gain=12, rate=192000)
        self.close('F32LE', got, signal.lfilter(b, a, x.astype(float), axis=0), 1e-8)

    def test_frequencies_beyond_half_of_the_rate(self):
        b, a = biquad('low-pass', 0.499 * RATE)
        x = samples(self.rng, 'F32LE', 500, 2)
        for frequency in (24000, 200000):
            got = self.however_cut('biquad', dict(frequency=frequency), 'F32LE', x)
            self.close('F32LE', got, signal.lfilter(b, a, x.astype(float), axis=0), 1e-9)

    def test_0_db_is_identity(self):
        for response in ('peak', 'low-shelf', 'high-shelf'):
            for format in FORMATS:
                x = samples(self.rng, format, 1000, 3)
                got = ringtest.Kernel('biquad', dict(response=response)).audio(format, x)
                self.assertTrue(np.array_equal(got, x))

    def test_saturates(self):
        x = np.full((2000, 1), 32767, '<i2')
        x[1000:] = -32768
        got = ringtest.Kernel('biquad', dict(response='low-shelf', gain=12)).audio('S16LE', x)
        self.assertEqual((got[900:1000].min(), got[1900:].max()), (32767, -32768))

    def test_discontinuity_forgets(self):
        x = samples(self.rng, 'F32LE', 400, 2)
        kernel = ringtest.Kernel('biquad', workers=2)
        first = kernel.audio('F32LE', x)
        self.assertFalse(np.array_equal(kernel.audio('F32LE', x), first))
        self.assertTrue(np.array_equal(kernel.audio('F32LE', x, flags=DISCONT), first))

    def test_what_is_not_finite_is_silence(self):
        x = samples(self.rng, 'F32LE', 400, 3)
        x[50, 0], x[60, 1], x[70, 2] = np.nan, np.inf, -np.inf
        silent = np.where(np.isfinite(x), x, np.float32(0))
        got = self.however_cut('biquad', {}, 'F32LE', x)
        self.assertTrue(np.array_equal(got, ringtest.Kernel('biquad').audio('F32LE', silent)))

    def test_a_tail_ends(self):
        x = samples(self.rng, 'F32LE', 40000, 2)
        x[100:] = 0
        got = self.however_cut('biquad', dict(frequency=500), 'F32LE', x,
                               sharings=SHARINGS[1:5])
        self.assertTrue(got[200].all())
        self.assertFalse(got[-1000:].any())


class Equalizer(Audio):
    NAMES = ['gain_31', 'gain_62', 'gain_125', 'gain_250', 'gain_500', 'gain_1k', 'gain_2k',
             'gain_4k', 'gain_8k', 'gain_16k']

    @staticmethod
    def reference(x, gains, q=1.41421356, rate=RATE):
        y = x.astype(float)
        for i, gain in enumerate(gains):
            if 31.25 * 2 ** i < 0.49 * rate:
                b, a = biquad('peak', 31.25 * 2 ** i, q, gain, rate)
                y = signal.lfilter(b, a, y, axis=0)
        return y

    def same_as_one_after_the_other(self, x, format, lengths, gains=None, modes=('slices',), q=2.0,
                                    rate=RATE):
        """Whether bands run beside each other give the bits that they give one after the
        other, as `lanes` runs them; @gains: for each of these lengths in turn."""
        gains = gains or [self.rng.uniform(-24, 24, 10)]

        def run(sharing, in_place):
            kernel = ringtest.Kernel('equalizer_10', **sharing)
            at, out = 0, []
            for i, n in enumerate(lengths):
                kernel.params = dict(zip(self.NAMES, gains[i % len(gains)]), q=q)
                out.append(kernel.audio(format, x[at:at + n], rate, in_place,
                                        DISCONT if i % 5 == 4 else 0))
                at += n
            return np.concatenate(out)

        expected = run(dict(mode='lanes', lanes=3), False)
        for i, mode in enumerate(modes):
            got = run(dict(mode=mode, workers=1 + i % 2), i % 2 == 1)
            self.assertEqual(got.tobytes(), expected.tobytes(), (mode, format, x.shape, lengths))
        return expected

    # Bands lie 16 frames behind each other, 144 from the first to the last.
    BOUNDS = [n + d for n in (16, 32, 128, 144, 160, 176, 320) for d in (-1, 0, 1)]

    def test_against_scipy_however_cut(self):
        for channels in (*CHANNELS, 6, 7, 16):
            for format in FORMATS:
                gains = self.rng.uniform(-24, 24, 10)
                gains[self.rng.integers(0, 10)] = 0
                q = self.rng.uniform(0.5, 4)
                x = samples(self.rng, format, 800, channels)
                x = (x / 10).astype(x.dtype)
                got = self.however_cut('equalizer_10', dict(zip(self.NAMES, gains), q=q),
                                       format, x)
                self.close(format, got, self.reference(x, gains, q), 1e-8)

    def test_each_band_is_where_its_name_says(self):
        impulse = np.zeros((65536, 1), np.float32)
        impulse[0] = 1
        for i, name in enumerate(self.NAMES):
            got = ringtest.Kernel('equalizer_10', {name: 12.0}).audio('F32LE', impulse)
            response = np.abs(np.fft.rfft(got[:, 0]))
            peak = 10 ** (12 / 20)
            self.assertAlmostEqual(response.max() / peak, 1, 2)
            self.assertAlmostEqual(np.argmax(response) * RATE / 65536 / (31.25 * 2 ** i), 1, 1)
            nominal = float(name[5:].replace('k', '')) * (1000 if name.endswith('k') else 1)
            self.assertAlmostEqual(nominal / (31.25 * 2 ** i), 1, 1)

    def test_bands_beyond_the_rate_are_left_out(self):
        x = samples(self.rng, 'F32LE', 500, 2)
        for rate in (8000, 32000, 44100):
            got = self.however_cut('equalizer_10', dict.fromkeys(self.NAMES, 6.0), 'F32LE', x,
                                   rate, [dict(workers=2)])
            self.close('F32LE', got, self.reference(x, [6.0] * 10, rate=rate), 1e-8)

    def test_0_db_is_identity(self):
        for format in FORMATS:
            x = samples(self.rng, format, 1000, 3)
            got = ringtest.Kernel('equalizer_10').audio(format, x)
            self.assertTrue(np.array_equal(got, x))

    def test_channels_beyond_the_last(self):
        x = samples(self.rng, 'F32LE', 40, 300)
        got = self.however_cut('equalizer_10', dict(gain_1k=6), 'F32LE', x,
                               sharings=SHARINGS[:5])
        self.assertTrue(np.array_equal(got[:, 256:], x[:, 256:]))
        self.close('F32LE', got[:, :256],
                   self.reference(x[:, :256], [0] * 5 + [6] + [0] * 4), 1e-9)

    def test_discontinuity_forgets_and_what_is_not_finite_is_silence(self):
        x = samples(self.rng, 'F32LE', 400, 2)
        kernel = ringtest.Kernel('equalizer_10', dict(gain_500=9), workers=2)
        first = kernel.audio('F32LE', x)
        self.assertFalse(np.array_equal(kernel.audio('F32LE', x), first))
        self.assertTrue(np.array_equal(kernel.audio('F32LE', x, flags=DISCONT), first))
        x[10], x[20] = 0, 0
        expected = kernel.audio('F32LE', x, flags=DISCONT)
        x[10], x[20] = np.nan, np.inf
        self.assertTrue(np.array_equal(kernel.audio('F32LE', x, flags=DISCONT), expected))

    def test_lengths_about_those_of_the_blocks(self):
        modes = ['slices', *ringtest.instruction_sets()]
        for channels in (1, 2, 3, 4, 5, 6, 7, 11, 12):
            for format in FORMATS:
                lengths = [1, 129, 2, 400, *self.rng.permutation(self.BOUNDS * 2)]
                x = samples(self.rng, format, sum(lengths), channels)
                x = (x / 10).astype(x.dtype)
                self.same_as_one_after_the_other(x, format, lengths, modes=modes)

    def test_each_length_from_rest(self):
        for channels in (1, 2):
            gains = self.rng.uniform(-12, 12, 10)
            x = samples(self.rng, 'F32LE', 400, channels)
            for n in (1, 15, *self.BOUNDS):
                got = self.same_as_one_after_the_other(x[:n], 'F32LE', [n], [gains])
                self.close('F32LE', got, self.reference(x[:n], gains, 2.0), 1e-8)

    def test_small_numbers_are_0_wherever_they_come(self):
        modes = ['slices', *ringtest.instruction_sets()]
        rest, some = np.zeros(10), np.zeros(10)
        some[[2, 8]] = 6, -9
        for channels in (1, 2, 3):
            x = samples(self.rng, 'F32LE', 20000, channels)
            # Silence, of both signs, tails that end, and signals that are about as small.
            x[:500] = 0
            x[500:1000] = -0.0
            x[1500:9000] = 0
            x[1700:8000:2] = -0.0
            x[9000:11000] *= np.float32(1e-29)
            x[11000:12000] = 0
            x[12000:12500] = -0.0
            x[14000:14500, 0] = 0
            x[15000:15100] = np.finfo(np.float32).max
            for gains in ([rest], [some], [some, rest], [rest, rest, some, some]):
                # Where the lowest band is above a quarter of the rate, it differs in signs.
                for q, rate in ((0.3, RATE), (20.0, RATE), (1.0, 100)):
                    self.same_as_one_after_the_other(x, 'F32LE', [1024] * 19, gains, modes, q,
                                                     rate)


class Compressor(Audio):
    @staticmethod
    def reference(x, format, threshold=-20.0, ratio=4.0, attack=0.005, release=0.1, knee=6.0,
                  make_up=0.0, rate=RATE):
        threshold, ratio, attack, release, knee, make_up = (
            float(np.float32(v)) for v in (threshold, ratio, attack, release, knee, make_up))
        with np.errstate(divide='ignore', invalid='ignore'):
            level = 20 * np.log10(np.nanmax(np.abs(
                x.astype(float) / (32768 if format == 'S16LE' else 1)), axis=1))
            over = level - threshold
            wanted = np.where(over > knee / 2, over / ratio - over, 0.0)
            if knee:
                soft = np.abs(over) < knee / 2
                wanted[soft] = (1 / ratio - 1) * (over[soft] + knee / 2) ** 2 / (2 * knee)
            keep = [np.exp(-1 / (np.float64(t) * rate)) for t in (attack, release)]
        reduction = np.zeros(len(x))
        now = 0.0
        for i, w in enumerate(wanted):
            k = keep[0] if w < now else keep[1]
            now = k * now + (1 - k) * w
            reduction[i] = now
        return x.astype(float) * 10 ** ((reduction + make_up) / 20)[:, None]

    def test_against_numpy_however_cut(self):
        settings = [{}, dict(threshold=-40.0, ratio=2.0, knee=0.0, make_up=10.0),
                    dict(ratio=1000.0, attack=0.0, release=0.5),
                    dict(threshold=-6.0, attack=0.01, release=0.0, knee=40.0),
                    dict(threshold=0.0, knee=12.0, make_up=-3.0)]
        for i, params in enumerate(settings):
            for k, format in enumerate(FORMATS):
                for channels in CHANNELS[(i + k) % 2::2]:
                    x = samples(self.rng, format, 2500, channels)
                    # From silence to full scale and back.
                    loud = np.sin(np.arange(2500) / 300) ** 4
                    x = (x * loud[:, None]).astype(x.dtype)
                    got = self.however_cut('compressor', params, format, x)
                    expected = self.reference(x, format, **params)
                    self.close(format, got, expected, 1e-5 * np.abs(expected).max()
                               / (32768 if format == 'S16LE' else 1), params)

    def test_1_db_comes_out_for_so_many(self):
        for ratio in (1.0, 2.0, 5.0, 1000.0):
            for above in (0.0, 6.0, 18.0):
                x = np.full((RATE // 2, 2), 10 ** ((above - 20) / 20), np.float32)
                got = ringtest.Kernel('compressor', dict(ratio=ratio, knee=0.0)).audio('F32LE', x)
                self.assertAlmostEqual(20 * np.log10(got[-1, 0]), above / ratio - 20, 4)

    def test_attack_and_release_are_how_long_it_takes(self):
        # 20 dB above the threshold for a while, then 10 dB below; in quiet channels, too.
        x = np.full((RATE * 2, 3), 0.0001, np.float32)
        x[:RATE, 1], x[RATE:, 1] = 1, 10 ** -1.5
        got = ringtest.Kernel('compressor', dict(attack=0.05, release=0.2, knee=0.0)).audio(
            'F32LE', x)
        reduction = -20 * np.log10(got / x)
        self.assertLess(np.abs(reduction - reduction[:, :1]).max(), 1e-4)
        full = 15 * (1 - np.exp(-20))
        self.assertAlmostEqual(reduction[int(0.05 * RATE), 0], full * (1 - np.exp(-1)), 2)
        self.assertAlmostEqual(reduction[RATE - 1, 0], full, 3)
        self.assertAlmostEqual(reduction[int(1.2 * RATE), 0], full * np.exp(-1), 2)

    def test_what_is_not_louder_is_left_as_it_is(self):
        for format in FORMATS:
            x = samples(self.rng, format, 500, 2)
            quiet = (x / 20).astype(x.dtype)
            got = self.however_cut('compressor', dict(knee=0.0), format, quiet)
            self.assertTrue(np.array_equal(got, quiet))
            got = self.however_cut('compressor', dict(ratio=1.0), format, x)
            self.assertTrue(np.array_equal(got, x))

    def test_a_reduction_ends(self):
        x = np.full((RATE, 1), 0.01, np.float32)
        x[:100] = 1
        got = ringtest.Kernel('compressor', dict(release=0.01)).audio('F32LE', x)
        self.assertTrue((got[:2000] < x[:2000]).all())
        self.assertTrue(np.array_equal(got[-100:], x[-100:]))

    def test_saturates(self):
        x = np.array([[3000, -3000]] * 10, '<i2')
        got = ringtest.Kernel('compressor', dict(make_up=40.0)).audio('S16LE', x)
        self.assertTrue((got == [32767, -32768]).all())

    def test_discontinuity_forgets(self):
        x = samples(self.rng, 'F32LE', 400, 2)
        kernel = ringtest.Kernel('compressor', workers=2)
        first = kernel.audio('F32LE', x)
        self.assertFalse(np.array_equal(kernel.audio('F32LE', x), first))
        self.assertTrue(np.array_equal(kernel.audio('F32LE', x, flags=DISCONT), first))

    def test_what_is_not_finite_does_no_lasting_harm(self):
        x = samples(self.rng, 'F32LE', 4000, 2)
        expected = ringtest.Kernel('compressor', dict(release=0.001)).audio('F32LE', x)
        x[50, 0], x[60, 1], x[70, 0] = np.nan, np.inf, -np.inf
        got = self.however_cut('compressor', dict(release=0.001), 'F32LE', x)
        self.assertTrue(np.isfinite(got[71:]).all())
        np.testing.assert_allclose(got[2000:], expected[2000:], rtol=1e-5)


class Delay(Audio):
    @staticmethod
    def reference(x, frames, feedback=0.4, mix=0.35):
        feedback, mix = float(np.float32(feedback)), float(np.float32(mix))
        x = x.astype(float)
        # In x[n] + feedback x[n - frames] + feedback^2 x[n - 2 frames] …, one term at a time.
        echo = np.zeros_like(x)
        for k in range(frames, len(x), frames):
            echo[k:] += feedback ** (k // frames - 1) * x[:-k]
        return (1 - mix) * x + mix * echo

    def check(self, format, x, frames, params, sharings, rate=RATE):
        params = dict(params, time=frames / rate)
        got = self.however_cut('delay', params, format, x, rate, sharings)
        params.pop('time')
        gain = 1 / (1 - abs(params.get('feedback', 0.4)))
        self.close(format, got, self.reference(x, frames, **params), 1e-6 * gain, (frames, params))

    def test_against_scipy_however_cut(self):
        settings = [{}, dict(feedback=-0.9, mix=0.5), dict(feedback=0.0, mix=1.0)]
        for i, channels in enumerate(CHANNELS):
            for k, frames in enumerate((1, 2, 7, 64, 333, 1000)):
                format = FORMATS[(i + k) % 2]
                x = samples(self.rng, format, 900, channels)
                self.check(format, x, frames, settings[(i + k) % 3], SHARINGS[i % 2::2])

    def test_the_memory_goes_round(self):
        # 8192 frames of 64 channels: a buffer may not overwrite what it still needs.
        x = samples(self.rng, 'F32LE', 20000, 64)
        for frames, sharing in ((6144, dict(workers=2)), (6143, dict(workers=7)),
                                (5000, dict(workers=3, mode='lanes')), (900, dict(workers=2))):
            expected = self.reference(x, frames)
            for longest in (20000, 5000):
                got = self.stream('delay', dict(time=frames / RATE), 'F32LE', x, longest, sharing)
                self.close('F32LE', got, expected, 1e-6, (frames, longest))

    def test_no_time_is_longer_than_the_memory(self):
        x = samples(self.rng, 'F32LE', 15000, 64)
        got = ringtest.Kernel('delay', dict(time=8.0)).audio('F32LE', x)
        self.close('F32LE', got, self.reference(x, 6144), 1e-6)
        x = samples(self.rng, 'S16LE', 2, 400000)
        got = ringtest.Kernel('delay', dict(mix=1.0), workers=2).audio('S16LE', x)
        self.assertTrue(np.array_equal(got, x))

    def test_no_time_is_shorter_than_a_frame(self):
        x = samples(self.rng, 'F32LE', 100, 2)
        got = self.however_cut('delay', dict(time=0.0), 'F32LE', x)
        self.close('F32LE', got, self.reference(x, 1), 1e-6)

    def test_a_time_that_changes_finds_what_was_kept(self):
        x = samples(self.rng, 'F32LE', 200, 2)
        kernel = ringtest.Kernel('delay', dict(time=150 / RATE, feedback=0.0, mix=1.0))
        self.assertFalse(kernel.audio('F32LE', x[:100]).any())
        kernel.params['time'] = 40 / RATE
        self.assertTrue(np.array_equal(kernel.audio('F32LE', x[100:]), x[60:160]))
        kernel.params['time'] = 210 / RATE
        got = kernel.audio('F32LE', x[:50])
        self.assertTrue(np.array_equal(got[10:], x[:40]))
        self.assertFalse(got[:10].any())

    def test_discontinuity_forgets(self):
        x = samples(self.rng, 'F32LE', 400, 2)
        kernel = ringtest.Kernel('delay', dict(time=0.002), workers=2)
        first = kernel.audio('F32LE', x)
        self.assertFalse(np.array_equal(kernel.audio('F32LE', x), first))
        self.assertTrue(np.array_equal(kernel.audio('F32LE', x, flags=DISCONT), first))

    def test_what_is_not_finite_has_no_echo(self):
        x = samples(self.rng, 'F32LE', 600, 2)
        x[0], x[1], x[2] = np.nan, np.inf, 3e38
        got = self.however_cut('delay', dict(time=50 / RATE, feedback=0.98), 'F32LE', x)
        self.assertTrue(np.isfinite(got[3:]).all())

    def test_an_echo_ends(self):
        x = np.zeros((4000, 1), np.float32)
        x[0] = 1
        got = ringtest.Kernel('delay', dict(time=0.0, feedback=0.98)).audio('F32LE', x)
        self.assertTrue(got[:2000].all())
        self.assertFalse(got[3000:].any())

    def test_saturates_what_comes_out_and_not_what_is_kept(self):
        x = np.full((2000, 1), 20000, '<i2')
        x[1000:] = 0
        got = ringtest.Kernel('delay', dict(time=10 / RATE, feedback=0.9, mix=1.0)).audio(
            'S16LE', x)
        self.assertTrue((got[100:1000] == 32767).all())
        self.assertAlmostEqual(got[1255, 0] / (200000 * 0.9 ** 25), 1, 3)


class Convolve(Audio):
    def response(self, n):
        taps = self.rng.normal(0, 1, n) * np.exp(-3 * np.arange(n) / n)
        return (taps / np.abs(taps).sum()).astype(np.float32)

    @staticmethod
    def reference(x, taps):
        return signal.fftconvolve(x.astype(float), taps.astype(float)[:, None], axes=0)[:len(x)]

    def test_against_scipy_however_cut(self):
        for i, n_taps in enumerate((1, 2, 255, 256, 257, 512, 513, 2000, 7001)):
            taps = self.response(n_taps)
            for k, format in enumerate(FORMATS):
                channels = CHANNELS[(i + k) % 5]
                x = samples(self.rng, format, 3000, channels)
                got = self.however_cut('convolve', dict(taps=taps), format, x,
                                       sharings=SHARINGS[(i + k) % 3::3])
                self.close(format, got, self.reference(x, taps), 2e-6, (n_taps, channels))

    def test_65536_taps(self):
        taps = self.response(65536)
        x = samples(self.rng, 'F32LE', 80000, 2)
        for longest in (80000, 5000):
            got = self.stream('convolve', dict(taps=taps), 'F32LE', x, longest, dict(workers=2))
            self.close('F32LE', got, self.reference(x, taps), 2e-6)

    def test_more_channels_keep_fewer_taps(self):
        taps = self.response(10000)
        x = samples(self.rng, 'F32LE', 9000, 70)
        got = self.stream('convolve', dict(taps=taps), 'F32LE', x, 4000, dict(workers=2))
        self.close('F32LE', got[:, :64], self.reference(x[:, :64], taps[:8192]), 2e-6)
        self.assertTrue(np.array_equal(got[:, 64:], x[:, 64:]))

    def test_nothing_is_late(self):
        x = np.zeros((1000, 1), np.float32)
        x[100] = 1
        taps = self.response(600)
        got = self.stream('convolve', dict(taps=taps), 'F32LE', x, 1)
        self.assertFalse(got[:100].any())
        np.testing.assert_allclose(got[100:356, 0], taps[:256], atol=1e-6)
        np.testing.assert_allclose(got[356:700, 0], taps[256:], atol=1e-6)

    def test_default_is_identity_and_no_taps_are_silence(self):
        for format in FORMATS:
            x = samples(self.rng, format, 1000, 2)
            self.assertTrue(np.array_equal(ringtest.Kernel('convolve').audio(format, x), x))
            self.assertFalse(ringtest.Kernel('convolve', dict(taps=[])).audio(format, x).any())

    def test_taps_that_change(self):
        x = samples(self.rng, 'F32LE', 6000, 2)
        a, b = self.response(3000), self.response(1000)
        for then in (b, a[:2999], np.concatenate([a, b])):
            kernel = ringtest.Kernel('convolve', dict(taps=a), workers=2)
            kernel.audio('F32LE', x[:3000])
            kernel.params['taps'] = then
            got = kernel.audio('F32LE', x[3000:])
            # From the next block on all are the new ones, and what they reach is there.
            expected = self.reference(x, then)[3000:]
            self.close('F32LE', got[72:], expected[72:], 2e-6)

    def test_discontinuity_forgets(self):
        x = samples(self.rng, 'F32LE', 1000, 2)
        kernel = ringtest.Kernel('convolve', dict(taps=self.response(700)), workers=2)
        first = kernel.audio('F32LE', x)
        self.assertFalse(np.array_equal(kernel.audio('F32LE', x), first))
        self.assertTrue(np.array_equal(kernel.audio('F32LE', x, flags=DISCONT), first))

    def test_what_is_not_finite_is_silence(self):
        x = samples(self.rng, 'F32LE', 900, 2)
        x[50, 0], x[60, 1], x[70, 0] = np.nan, np.inf, -np.inf
        silent = np.where(np.isfinite(x), x, np.float32(0))
        params = dict(taps=self.response(700))
        got = self.however_cut('convolve', params, 'F32LE', x, sharings=SHARINGS[:3])
        self.assertTrue(np.array_equal(got, ringtest.Kernel('convolve', params).audio(
            'F32LE', silent)))


class Maths(unittest.TestCase):
    """What filters are made of, in the SDK."""
    SOURCE = """#include <ringkernel/kernel-sdk.h>
RING_KERNEL (maths, "One function", RING_AUDIO ("F64LE"))
{
  RING_FOR_EACH (i, in.count)
    ((RING_GLOBAL double *) out.data)[i] =
        ring_%s (((const RING_GLOBAL double *) in.data)[i]);
}
"""

    def apply(self, function, x):
        path = os.path.join(ringtest.directory(), 'maths-%s.c' % function)
        with open(path, 'w') as f:
            f.write(self.SOURCE % function)
        return ringtest.Kernel(path).audio('F64LE', np.reshape(x, (-1, 1)))[:, 0]

    def test_against_numpy(self):
        rng = np.random.default_rng(1)
        near, far = rng.uniform(-8, 8, 100000), rng.uniform(-1e6, 1e6, 100000)
        values = {'exp': np.concatenate([near, rng.uniform(-700, 700, 100000)]),
                  'log': np.concatenate([rng.uniform(0.5, 2, 100000),
                                         np.exp(rng.uniform(-700, 700, 100000))]),
                  'sin': np.concatenate([near, far]), 'cos': np.concatenate([near, far])}
        for function, x in values.items():
            exact = getattr(np, function)(x.astype(np.longdouble))
            error = np.abs(self.apply(function, x) - exact) / np.abs(exact)
            self.assertLess(float(error.max()), 2.0 ** -50, function)

    def test_ends(self):
        bad = [np.nan, -np.inf, np.inf]
        low, high = np.exp(-700.0), np.exp(700.0)
        np.testing.assert_allclose(self.apply('exp', bad + [0, -800, 800]),
                                   [low, low, high, 1, low, high], rtol=1e-14)
        low, high = np.log(2.0 ** -1022), 1024 * np.log(2.0)
        np.testing.assert_allclose(self.apply('log', bad + [1, 0, -1]),
                                   [low, low, high, 0, low, low], rtol=1e-15)
        self.assertEqual(self.apply('sin', [0.0])[0], 0)
        self.assertEqual(self.apply('cos', [0.0])[0], 1)
        for function in ('sin', 'cos'):
            low, high = getattr(np, function)([-1e6, 1e6])
            np.testing.assert_allclose(self.apply(function, bad), [low, low, high],
                                       rtol=1e-12)


if __name__ == '__main__':
    unittest.main()
