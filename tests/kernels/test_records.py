#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kernels that give records of sound or of frames, and the SDK's Fourier transforms,
against numpy and scipy."""
import itertools
import os
import unittest

import numpy as np
from scipy import signal

import ringtest
from ringtest import RuntimeIsTested  # noqa: F401
from ringtest import DIRECT, DISCONT, SHARINGS
from test_audio import cuts, samples

RATE = 48000
FORMATS = ('F32LE', 'S16LE')


def full_scale(format, x):
    return x.astype(np.float64) / (32768 if format == 'S16LE' else 1)


def stream(rng, kernel, format, x, longest, rate=RATE, pts=None):
    """All that comes out for @x, cut anywhere into at most @longest."""
    at, out = 0, []
    for n in cuts(rng, len(x), longest):
        time = ringtest.NO_TIME if pts is None else pts + at * 10 ** 9 // rate
        out.append(kernel.audio(format, x[at:at + n], rate=rate, pts=time))
        at += n
    return np.concatenate(out)


# ---- the transforms of the SDK ---------------------------------------------------------

TRANSFORMS = r'''
#include <ringkernel/kernel-sdk.h>

#define MOST 16384

typedef struct { double re, im; } Number;

RING_KERNEL (transforms, "As many as there are in a message",
    RING_RECORDS ("(dd)", Number, "(dd)", Number),
    RING_STATE (float table[RING_FFT_REAL_TABLE_FLOATS (2 * MOST)];),
    RING_SCRATCH (4 * RING_FFT_FLOATS (4 * MOST)),
    RING_INT (n, 2, 2, MOST, "Points"),
    RING_ENUM (what, 0, "forward|inverse|real|back", "Which way"))
{
  const RING_GLOBAL Number *from = (const RING_GLOBAL Number *) in.data;
  RING_GLOBAL Number *to = (RING_GLOBAL Number *) out.data;
  RING_GLOBAL float *work = (RING_GLOBAL float *) scratch;
  const RING_GLOBAL float *result;
  const int32_t n = params.n, count = (int32_t) in.count / n;

  if (params.what >= 2)
    ring_fft_real_table (state->table, n);
  else
    ring_fft_table (state->table, n);
  ring_barrier ();
  RING_FOR_EACH (i, n * count) {
    const int32_t t = (int32_t) i / n, k = (int32_t) i % n;

    if (params.what == 2) {
      ring_fft_put_real (work + t * RING_FFT_REAL_FLOATS (n), n, k, (float) from[i].re);
    } else if (params.what == 3) {
      const RING_GLOBAL Number *twin = from + t * n + n / 2 - k;
      const RingComplex a = { (float) from[i].re, (float) from[i].im };

      if (k < n / 2) {
        const RingComplex b = { (float) twin->re, (float) twin->im };

        ring_fft_put_frequency (work + t * RING_FFT_REAL_FLOATS (n), n, k, a, b,
            state->table);
      }
    } else {
      work[t * RING_FFT_FLOATS (n) + k] = (float) from[i].re;
      work[t * RING_FFT_FLOATS (n) + n + k] = (float) from[i].im;
    }
  }
  result = params.what == 2 ? ring_fft_real (work, n, count, state->table)
      : params.what == 3 ? ring_fft_real_inverse (work, n, count, state->table)
      : params.what == 1 ? ring_fft_inverse (work, n, count, state->table)
                         : ring_fft (work, n, count, state->table);
  RING_FOR_EACH (i, n * count) {
    const int32_t t = (int32_t) i / n, k = (int32_t) i % n;
    RingComplex x;

    if (params.what == 2) {
      x = ring_fft_get_real (result + t * RING_FFT_REAL_FLOATS (n), n,
          k <= n / 2 ? k : n - k, state->table);
      x.im = k <= n / 2 ? x.im : -x.im;
    } else if (params.what == 3) {
      x.re = ring_fft_get_value (result + t * RING_FFT_REAL_FLOATS (n), n, k);
      x.im = 0.0f;
    } else {
      x.re = result[t * RING_FFT_FLOATS (n) + k];
      x.im = result[t * RING_FFT_FLOATS (n) + n + k];
    }
    to[i].re = (double) x.re;
    to[i].im = (double) x.im;
  }
}
'''


class Transforms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.path = os.path.join(ringtest.directory(), 'transforms.c')
        with open(cls.path, 'w', encoding='utf-8') as file:
            file.write(TRANSFORMS)

    def run_all(self, what, n, x):
        """What all ways to share out give, which must be the same bits."""
        records = np.empty(x.size, [('re', '<f8'), ('im', '<f8')])
        records['re'], records['im'] = x.real.ravel(), x.imag.ravel()
        first = None
        for sharing in DIRECT:
            got = ringtest.Kernel(self.path, dict(what=what, n=n), **sharing).records(records)
            first = got if first is None else first
            self.assertEqual(first.tobytes(), got.tobytes(), (what, n, sharing))
        return (first['f0'] + 1j * first['f1']).reshape(x.shape)

    def test_against_numpy(self):
        rng = np.random.default_rng(1)
        for n in 2 ** np.arange(1, 15):
            n = int(n)
            for count in {1, 3, min(7, 32768 // n)} if n < 16384 else {1, 2}:
                x = rng.uniform(-1, 1, (count, n)) + 1j * rng.uniform(-1, 1, (count, n))
                x = x.astype(np.complex64).astype(complex)
                # Frequencies of real values.
                f = np.fft.fft(x.real, axis=1).astype(np.complex64).astype(complex)
                for what, given, expected in (('forward', x, np.fft.fft(x, axis=1)),
                                              ('inverse', x, np.fft.ifft(x, axis=1) * n),
                                              ('real', x, np.fft.fft(x.real, axis=1)),
                                              ('back', f, np.fft.ifft(f, axis=1).real * n)):
                    got = self.run_all(what, n, given)
                    error = np.abs(got - expected).max() / np.abs(expected).max()
                    self.assertLess(error, 4 * 2.0 ** -23, (what, n, count))


# ---- spectrum ----------------------------------------------------------------------------

WINDOWS = ('hann', 'hamming', 'blackman', 'rectangular')


def spectrum(x, rate, size=1024, hop=512, average=1, window='hann', bands=128, channels='mix',
             threshold=-90.0, begin=0):
    """@x: samples by channels, of full scale 1; @begin: of the first window."""
    x = np.where(np.isfinite(x), x, 0)
    x = x.mean(axis=1, keepdims=True) if channels == 'mix' else x[:, :16]
    bins = size // 2 + 1
    bands = min(bands or bins, bins, 4104 // x.shape[1])
    hop = max(hop, -(-bands * x.shape[1] // average))
    weight = signal.get_window('boxcar' if window == 'rectangular' else window, size)
    band = np.arange(bins) * bands // bins
    out = []
    while begin + (average - 1) * hop + size <= len(x):
        power = np.zeros((bins, x.shape[1]))
        for w in range(average):
            at = begin + w * hop
            amplitude = np.abs(np.fft.rfft(x[at:at + size] * weight[:, None], axis=0))
            amplitude *= 2 / weight.sum()
            amplitude[[0, -1]] /= 2
            power += amplitude ** 2 / average
        for c in range(x.shape[1]):
            loudest = np.array([power[band == b, c].max() for b in range(bands)])
            time = begin // rate * 10 ** 9 + begin % rate * 10 ** 9 // rate
            out += [(time, c, b, v) for b, v in enumerate(loudest)]
        begin += average * hop
    out = np.array(out, ringtest.record_dtype('(tuud)', ('time', 'channel', 'band', 'power')))
    return out, threshold


class Spectrum(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(2)

    def close(self, got, expected, of=''):
        """Of the loudest, errors are a few last places of a float."""
        expected, threshold = expected
        self.assertEqual(len(got), len(expected), of)
        for i, name in enumerate(('time', 'channel', 'band')):
            self.assertTrue(np.array_equal(got['f%d' % i], expected[name]), (name, of))
        if len(got) == 0:
            return
        floor = 10 ** (threshold / 20)
        amplitude = np.maximum(np.sqrt(expected['power']), floor)
        error = np.abs(10 ** (got['f3'] / 20) - amplitude)
        self.assertLess(error.max(), 2.0 ** -21 * max(1, amplitude.max()), of)
        self.assertGreaterEqual(got['f3'].min(), np.float32(threshold), of)

    def however_cut(self, params, format, x, rate=RATE, sharings=SHARINGS):
        whole = ringtest.Kernel('spectrum', params).audio(format, x, rate=rate)
        for i, sharing in enumerate(sharings):
            longest = (len(x), 3000, 701)[i % 3]
            got = stream(self.rng, ringtest.Kernel('spectrum', params, **sharing), format, x,
                         longest, rate)
            self.assertEqual(got.tobytes(), whole.tobytes(), (params, format, longest, sharing))
        return whole

    SETTINGS = [
        {}, dict(size='64', hop=64, bands=0), dict(size='128', hop=200, window='hamming', bands=7),
        dict(size='256', hop=300, average=3, bands=0, window='blackman'),
        dict(size='512', hop=100, average=6, bands=200, channels='each'),
        dict(size='2048', hop=5000, window='rectangular', bands=1, channels='each'),
        dict(size='4096', hop=1, average=5, bands=0, threshold=-40.0),
    ]

    def test_against_numpy_however_cut(self):
        for i, params in enumerate(self.SETTINGS):
            for k, channels in enumerate((1, 2, 3, 6)):
                format = FORMATS[(i + k) % 2]
                x = samples(self.rng, format, 14000, channels)
                got = self.however_cut(params, format, x, sharings=SHARINGS[k % 2::2])
                reference = dict(params, size=int(params.get('size', 1024)))
                self.close(got, spectrum(full_scale(format, x), RATE, **reference), params)

    def test_tones_have_their_level(self):
        # At a frequency of the transform: what the window is does not matter.
        t = np.arange(8192)
        x = (0.5 * np.sin(2 * np.pi * 100 / 1024 * t) + 0.001 * np.cos(2 * np.pi * 300 / 1024 * t))
        for window in WINDOWS:
            params = dict(window=window, bands=0, threshold=-150, hop=1024)
            got = ringtest.Kernel('spectrum', params).audio('F32LE', x[:, None])
            levels = got['f3'].reshape(-1, 513)
            self.assertLess(np.abs(levels[:, 100] - 20 * np.log10(0.5)).max(), 1e-4)
            self.assertLess(np.abs(levels[:, 300] + 60).max(), 2e-3)
            self.assertLess(levels[:, 200].max(), -115)

    def test_a_constant_and_the_highest_frequency_have_theirs(self):
        for k, x in ((0, np.ones(2048)), (512, (-1.0) ** np.arange(2048))):
            got = ringtest.Kernel('spectrum', dict(bands=0)).audio('F32LE', x[:, None])
            self.assertLess(np.abs(got['f3'][got['f2'] == k]).max(), 1e-5)

    def test_tones_between_frequencies_lose_little(self):
        t = np.arange(4096)
        for f in 20 + np.arange(0, 1.01, 0.1):
            x = np.sin(2 * np.pi * f / 1024 * t)
            got = ringtest.Kernel('spectrum', dict(hop=1024)).audio('F32LE', x[:, None])
            self.assertLess(-1.43, got['f3'].max())
            self.assertLess(got['f3'].max(), 1e-3)

    @unittest.skipIf(ringtest.SANITIZED, 'takes minutes under a sanitizer')
    def test_there_is_always_room(self):
        # The payload has exactly the room that there must be, with guards behind it.
        for size, bands, hop, average, mode in itertools.product(
                ('64', '1024', '4096'), (0, 1, 2049), (1, 1048576), (1, 2, 4096),
                ('mix', 'each')):
            for channels in (1, 2, 16, 40):
                params = dict(size=size, bands=bands, hop=hop, average=average, channels=mode)
                kernel = ringtest.Kernel('spectrum', params)
                for n in (1, 4095, 1, 5000, 1, 2, 9000, 1):
                    x = np.zeros((n, channels), '<f4')
                    got = kernel.audio('F32LE', x)
                    self.assertLessEqual(len(got), n + 4104)

    def test_there_is_room_when_a_window_ends_with_the_first_frame(self):
        # As many records as can be, for a message of one frame.
        kernel = ringtest.Kernel('spectrum', dict(size='4096', bands=0, channels='each', hop=1))
        self.assertEqual(len(kernel.audio('F32LE', np.zeros((4095, 2), '<f4'))), 0)
        self.assertEqual(len(kernel.audio('F32LE', np.zeros((1, 2), '<f4'))), 4098)
        kernel = ringtest.Kernel('spectrum', dict(size='4096', bands=0, channels='each', hop=1))
        self.assertEqual(len(kernel.audio('F32LE', np.zeros((4096, 16), '<f4'))), 16 * 256)

    def test_times_go_on_from_the_first_buffer(self):
        x = np.zeros((48000, 1), '<f4')
        for rate in (48000, 44100, 11025):
            kernel = ringtest.Kernel('spectrum', dict(bands=1, hop=997), workers=2)
            got = stream(self.rng, kernel, 'F32LE', x, 2000, rate, 10 ** 15 + 7)
            begins = np.arange(len(got)) * 997
            self.assertEqual(got['f0'].tolist(), [
                10 ** 15 + 7 + b * 10 ** 9 // rate for b in begins.tolist()])

    def test_a_discontinuity_begins_anew(self):
        x = samples(self.rng, 'F32LE', 3000, 2)
        kernel = ringtest.Kernel('spectrum', dict(average=2), workers=2)
        first = kernel.audio('F32LE', x, pts=5)
        self.assertNotEqual(kernel.audio('F32LE', x).tobytes(), first.tobytes())
        self.assertEqual(kernel.audio('F32LE', x, flags=DISCONT, pts=5).tobytes(),
                         first.tobytes())

    def test_windows_lie_anew_when_parameters_say_so(self):
        x = samples(self.rng, 'F32LE', 5000, 1)
        for changed in (dict(size='256'), dict(hop=700), dict(average=2), dict(bands=0),
                        dict(channels='each')):
            kernel = ringtest.Kernel('spectrum', {}, workers=2)
            kernel.audio('F32LE', x)
            kernel.params = changed
            got = kernel.audio('F32LE', x)
            reference = dict(changed, size=int(changed.get('size', 1024)))
            both = np.concatenate([x, x]).astype(float)
            self.close(got, spectrum(both, RATE, begin=5000, **reference), changed)

    def test_window_and_threshold_change_nothing_else(self):
        x = samples(self.rng, 'F32LE', 5000, 1)
        kernel = ringtest.Kernel('spectrum', {}, workers=2)
        kernel.audio('F32LE', x)
        kernel.params = dict(window='blackman', threshold=-20)
        got = kernel.audio('F32LE', x)
        both = np.concatenate([x, x]).astype(float)
        self.close(got, spectrum(both, RATE, begin=8 * 512, window='blackman', threshold=-20))

    def test_what_is_not_finite_is_silence(self):
        x = samples(self.rng, 'F32LE', 4000, 2)
        x[50, 0], x[600, 1], x[1700, 0] = np.nan, np.inf, -np.inf
        got = self.however_cut(dict(channels='each'), 'F32LE', x)
        self.close(got, spectrum(x.astype(float), RATE, channels='each'))


# ---- coverage ----------------------------------------------------------------------------

COVERAGE = ('time', 'share', 'x', 'y', 'width', 'height', 'center_x', 'center_y')


def coverage(pixels, threshold=128, pts=ringtest.NO_TIME):
    y, x = np.nonzero(pixels >= threshold)
    if len(x) == 0:
        return (pts, 0, 0, 0, 0, 0, 0, 0)
    return (pts, len(x) / pixels.size, x.min(), y.min(), x.max() - x.min() + 1,
            y.max() - y.min() + 1, x.sum() / len(x), y.sum() / len(y))


class Coverage(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(3)

    def check(self, planes, format='GRAY8', sharings=SHARINGS, **params):
        expected = coverage(planes[0].reshape(planes[0].shape[:2]), pts=1234567, **params)
        for i, sharing in enumerate(sharings):
            kernel = ringtest.Kernel('coverage', params, **sharing)
            got = kernel.video(format, planes, padding=(i % 3 * 5, 0), pts=1234567)
            self.assertEqual(len(got), 1)
            self.assertEqual(got[0].tolist(), tuple(np.array(v).item() for v in expected),
                             (format, planes[0].shape, params, sharing))

    def test_against_numpy(self):
        for format in ('GRAY8', 'I420', 'NV12'):
            for width, height in ((1, 1), (64, 128), (65, 129), (63, 127), (200, 5), (3, 500),
                                  (321, 243)):
                planes = ringtest.random_frame(self.rng, format, width, height)
                for threshold in (0, 1, 128, 254, 255):
                    self.check(planes, format, SHARINGS[threshold % 3::3], threshold=threshold)

    def test_single_pixels(self):
        for x, y in ((0, 0), (130, 0), (0, 299), (130, 299), (64, 128), (63, 127), (77, 200)):
            mask = np.zeros((300, 131, 1), np.uint8)
            mask[y, x] = 255
            self.check([mask], sharings=SHARINGS[::2])

    def test_nothing_and_everything(self):
        for value in (0, 127, 128, 255):
            self.check([np.full((130, 70, 1), value, np.uint8)])

    def test_boxes(self):
        for _ in range(20):
            mask = np.zeros((240, 320, 1), np.uint8)
            for _ in range(2):
                x, y = self.rng.integers(0, 300), self.rng.integers(0, 200)
                mask[y:y + self.rng.integers(1, 90), x:x + self.rng.integers(1, 90)] = 200
            self.check([mask], sharings=SHARINGS[:2])

    def test_a_large_frame(self):
        mask = np.full((2160, 3840, 1), 255, np.uint8)
        self.check([mask], sharings=SHARINGS[:4:3])


if __name__ == '__main__':
    unittest.main()
