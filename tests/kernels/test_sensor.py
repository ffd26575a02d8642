#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sensor kernels against numpy, however the stream is cut."""
import unittest
import warnings

import numpy as np
from scipy import signal

import ringtest
from ringtest import RuntimeIsTested  # noqa: F401
from ringtest import DISCONT, TD

SECOND = 1000000000


def records(values, rate=100.0, start=0):
    values = np.asarray(values, float)
    r = np.empty(len(values), TD)
    r['t'] = start + np.round(np.arange(len(values)) * SECOND / rate).astype(np.uint64)
    r['value'] = values
    return r


def stream(name, params, r, rng, longest, sharing={}):
    """All outputs for @r cut anywhere; some messages are empty."""
    kernel = ringtest.Kernel(name, params, **sharing)
    at, out = 0, []
    while at < len(r):
        n = int(rng.integers(0, longest + 1))
        out.append(kernel.records(r[at:at + n]))
        at += n
    return np.concatenate(out)


class Sensor(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(1)

    def however_cut(self, name, params, r, lengths=(2, 100, 3000)):
        """The output, which must be the same bits for every cut and sharing."""
        whole = ringtest.Kernel(name, params).records(r)
        for longest in lengths:
            got = stream(name, params, r, self.rng, longest)
            self.assertEqual(got.tobytes(), whole.tobytes(), (name, params, longest))
        for sharing in ringtest.SHARINGS[1:]:
            got = stream(name, params, r, self.rng, lengths[-1], sharing)
            self.assertEqual(got.tobytes(), whole.tobytes(), (name, params, sharing))
        return whole


class MovingAverage(Sensor):
    @staticmethod
    def reference(r, window=16, hop=1):
        at = np.arange(hop - 1, len(r), hop)
        values = [r['value'][max(0, i + 1 - window):i + 1].mean() for i in at]
        return r['t'][at], np.array(values)

    def test_against_numpy(self):
        r = records(self.rng.normal(5, 3, 5000))
        for params in ({}, dict(window=1), dict(window=2), dict(window=3, hop=2),
                       dict(window=4096), dict(window=10, hop=25),
                       dict(window=100, hop=7), dict(hop=65536)):
            got = self.however_cut('moving_average', params, r)
            t, values = self.reference(r, **params)
            self.assertEqual(got['t'].tolist(), t.tolist())
            self.assertEqual(len(got['value']), len(values))
            if len(values):
                self.assertLess(np.abs(got['value'] - values).max(), 1e-12)

    def test_against_scipy_where_the_window_is_full(self):
        r = records(self.rng.normal(0, 1, 1000))
        got = ringtest.Kernel('moving_average', dict(window=20)).records(r)
        expected = signal.lfilter(np.full(20, 1 / 20), 1, r['value'])
        self.assertLess(np.abs(got['value'] - expected)[19:].max(), 1e-13)

    def test_errors_do_not_gather(self):
        # A large value passes through; a plain running sum would keep its error.
        values = np.full(5000, 0.1)
        values[100] = 1e16
        got = ringtest.Kernel('moving_average', dict(window=16)).records(records(values))
        self.assertTrue((got['value'][150:] == got['value'][4000]).all())
        self.assertAlmostEqual(got['value'][4000], 0.1, 15)

    def test_what_is_not_finite_leaves_with_the_window(self):
        for bad in (np.nan, np.inf, -np.inf):
            values = np.arange(200.0)
            values[50] = bad
            got = self.however_cut('moving_average', dict(window=10), records(values))
            self.assertFalse(np.isfinite(got['value'][50:60]).any())
            self.assertEqual(got['value'][60], np.arange(51, 61).mean())

    def test_discontinuity_and_change_of_window_start_again(self):
        kernel = ringtest.Kernel('moving_average', dict(window=4))
        r = records([1, 2, 3, 4, 5, 6])
        first = kernel.records(r).tobytes()
        self.assertNotEqual(kernel.records(r).tobytes(), first)
        self.assertEqual(kernel.records(r, DISCONT).tobytes(), first)
        kernel.params['window'] = 2
        self.assertEqual(kernel.records(r)['value'].tolist(), [1, 1.5, 2.5, 3.5, 4.5, 5.5])


class Decimate(Sensor):
    def test_against_numpy(self):
        r = records(self.rng.normal(5, 3, 3007))
        for factor in (1, 2, 3, 10, 1000, 3008, 1000000):
            n = len(r) // factor
            groups = r[:n * factor].reshape(n, factor)
            for method in ('mean', 'pick'):
                got = self.however_cut('decimate', dict(factor=factor, method=method), r)
                self.assertEqual(got['t'].tolist(), groups['t'][:, -1].tolist())
                if method == 'pick':
                    self.assertEqual(got['value'].tolist(),
                                     groups['value'][:, -1].tolist())
                elif n:
                    error = got['value'] - groups['value'].mean(axis=1)
                    self.assertLess(np.abs(error).max(), 1e-11)

    def test_discontinuity_drops_the_open_group(self):
        kernel = ringtest.Kernel('decimate', dict(factor=3))
        self.assertEqual(kernel.records(records([9, 9]))['value'].tolist(), [])
        self.assertEqual(kernel.records(records([1, 2, 3, 4]), DISCONT)['value'].tolist(), [2])
        self.assertEqual(kernel.records(records([5, 6]))['value'].tolist(), [5])


class Spikes(Sensor):
    @staticmethod
    def reference(r, threshold=4.0, window=256, refractory=0.2, direction='up'):
        """As two passes: first all scores, from sums rather than recursions,
        then the spikes as runs of the mask."""
        r = r[np.isfinite(r['value'])]
        v = r['value']
        n = len(v)
        mean, deviation, scores = np.zeros(n), np.ones(n), np.zeros(n)
        # Mean and variance before record i, as weighted sums over all before:
        # equal weights at first, then (1 - 1/window) per record of age.
        for i in range(window, n):
            weights = np.full(i, 1.0)
            weights[:window] = (1 - 1 / window) ** (i - window) / window
            ages = np.arange(i - window)[::-1]
            weights[window:] = (1 - 1 / window) ** ages / window
            mean[i] = weights @ v[:i]
            deviation[i] = np.sqrt(weights @ (v[:i] - mean[i]) ** 2)
            if deviation[i] > 0:
                scores[i] = (v[i] - mean[i]) / deviation[i]

        def up(scores):
            return {'up': scores, 'down': -scores, 'both': abs(scores)}[direction]
        height = up(scores)
        events, last, i = [], None, 0
        while i < n:
            free = last is None or r['t'][i] - last >= int(
                float(np.float32(refractory)) * SECOND)
            if height[i] > threshold and free:
                end = i
                while end < n and height[end] > threshold:
                    end += 1
                if end == n:
                    break
                by = (v[i:end] - mean[i]) / deviation[i]
                best = i + int(np.argmax(up(by)))
                events.append((int(r['t'][best]), v[best], by[best - i]))
                last = r['t'][best]
                i = end
            i += 1
        return events

    def check(self, got, events):
        self.assertEqual(got['t'].tolist(), [e[0] for e in events])
        self.assertEqual(got['value'].tolist(), [e[1] for e in events])
        if events:
            np.testing.assert_allclose(got['score'], [e[2] for e in events], rtol=1e-6)


class SpikeDetect(Spikes):
    def test_against_numpy(self):
        v = self.rng.normal(0, 1, 2000) + np.sin(np.arange(2000) / 200)
        v[300::170] += 9
        v[350::230] -= 8
        r = records(v)
        for params in ({}, dict(direction='down'), dict(direction='both'),
                       dict(threshold=2.0, window=50, refractory=0.0),
                       dict(threshold=1.0, window=2, direction='both'),
                       dict(threshold=3.0, window=500, refractory=5.0),
                       dict(threshold=100.0), dict(window=1000000)):
            got = self.however_cut('spike_detect', params, r)
            self.check(got, self.reference(r, **params))
        self.assertGreater(len(ringtest.Kernel('spike_detect').records(r)), 5)

    def test_one_event_per_spike_at_its_peak(self):
        v = self.rng.normal(0, 0.1, 1000)
        v[500:507] += [1, 2, 4, 7, 5, 2, 1]
        got = self.however_cut('spike_detect', dict(window=100), records(v))
        self.assertEqual(len(got), 1)
        self.assertEqual(got['t'][0], 503 * SECOND // 100)
        self.assertEqual(got['value'][0], v[503])

    def test_refractory_time(self):
        v = self.rng.normal(0, 0.1, 1000)
        v[[500, 510, 530]] += 20
        r = records(v)
        for refractory, expected in ((0.0, [500, 510, 530]), (0.15, [500, 530]),
                                     (0.5, [500])):
            got = ringtest.Kernel('spike_detect', dict(
                refractory=refractory, threshold=5.0)).records(r)
            self.assertEqual((got['t'] * 100 // SECOND).tolist(), expected)
        # The moment it is over, a spike may begin: 10 records at 80 Hz.
        got = ringtest.Kernel('spike_detect', dict(
            refractory=0.125, threshold=5.0)).records(records(v, 80.0))
        self.assertEqual((got['t'] * 80 // SECOND).tolist(), [500, 510, 530])

    def test_constant_stream_has_none(self):
        for value in (0.0, 1e9, -0.1):
            got = ringtest.Kernel('spike_detect', dict(window=10, direction='both')
                                  ).records(records(np.full(1000, value)))
            self.assertEqual(len(got), 0)

    def test_what_is_not_finite_is_skipped(self):
        v = self.rng.normal(0, 1, 1000)
        v[600] = 30
        r = records(v)
        expected = ringtest.Kernel('spike_detect').records(r)
        bad = records(np.insert(v, [100, 300, 600], [np.nan, np.inf, -np.inf]))
        bad['t'][np.isfinite(bad['value'])] = r['t']
        got = self.however_cut('spike_detect', {}, bad)
        self.assertEqual(got.tobytes(), expected.tobytes())
        self.assertEqual(len(got), 1)

    def test_discontinuity_starts_again(self):
        v = self.rng.normal(0, 1, 1000)
        v[600] = 30
        kernel = ringtest.Kernel('spike_detect')
        first = kernel.records(records(v)).tobytes()
        self.assertEqual(kernel.records(records(v), DISCONT).tobytes(), first)


class Electrocardiogram(Spikes):
    """A real recording: MIT-BIH 208, five minutes at 360 Hz, with ectopic beats."""

    def setUp(self):
        super().setUp()
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            try:
                from scipy.misc import electrocardiogram
            except ImportError:
                from scipy.datasets import electrocardiogram
            try:
                self.ecg = electrocardiogram()
            except (ImportError, OSError) as error:
                self.skipTest('no recording: %s' % error)

    def test_finds_the_beats(self):
        rate = 360.0
        r = records(self.ecg, rate)
        got = self.however_cut('spike_detect', dict(
            threshold=2.0, window=360, refractory=0.3), r, (50, 3000))
        found = np.round(got['t'] * (rate / SECOND)).astype(int)
        self.check(got[:10], self.reference(r[:5400], 2.0, 360, 0.3)[:10])

        # Peaks by scipy, over the whole recording at once: prominent ones that
        # lie 0.3 s apart, after the detector has warmed up.
        peaks, _ = signal.find_peaks(self.ecg, height=0.5, prominence=0.7,
                                     distance=int(0.3 * rate))
        peaks = peaks[peaks > 360]
        near = int(0.05 * rate)

        def share(these, those):
            return np.mean([np.abs(those - i).min() <= near for i in these])
        sensitivity, precision = share(peaks, found), share(found, peaks)
        print('%d beats by scipy, %d by spike_detect; sensitivity %.3f, precision %.3f'
              % (len(peaks), len(found), sensitivity, precision))
        self.assertGreater(sensitivity, 0.95)
        self.assertGreater(precision, 0.95)

    def test_decimate_and_average_of_the_recording(self):
        r = records(self.ecg, 360.0)
        n = len(r) // 6
        got = self.however_cut('decimate', dict(factor=6), r, (50, 3000))
        self.assertLess(np.abs(got['value'] - self.ecg[:6 * n].reshape(n, 6)
                               .mean(axis=1)).max(), 1e-12)
        got = self.however_cut('moving_average', dict(window=36), r, (50, 3000))
        expected = signal.lfilter(np.full(36, 1 / 36), 1, self.ecg)
        self.assertLess(np.abs(got['value'] - expected)[35:].max(), 1e-12)


class Declarations(unittest.TestCase):
    def test_record_types(self):
        for name, output in (('moving_average', '(td)'), ('decimate', '(td)'),
                             ('spike_detect', '(tdd)')):
            d = ringtest.describe(name)
            self.assertEqual((d.input_formats, d.output_formats), ('(td)', output))
            self.assertEqual(d.input_record_size, 16)
            self.assertEqual(d.output_record_size, 16 if output == '(td)' else 24)
            self.assertEqual(d.max_outputs, 1)
            self.assertTrue(d.flags & ringtest.EMITS)


if __name__ == '__main__':
    unittest.main()
