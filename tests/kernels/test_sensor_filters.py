#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sensor kernels that filter, fuse and resample, against numpy and scipy."""
import unittest

import numpy as np
from scipy import signal

import ringtest
from ringtest import RuntimeIsTested  # noqa: F401
from ringtest import DISCONT
from test_sensor import Sensor, records

BAD = (np.nan, np.inf, -np.inf)


class LowPass(Sensor):
    @staticmethod
    def reference(values, cutoff=5.0, rate=100.0, order=2):
        cutoff, rate = float(np.float32(cutoff)), float(np.float32(rate))
        b, a = signal.butter(order, cutoff, fs=rate)
        return signal.lfilter(b, a, values, zi=signal.lfilter_zi(b, a) * values[0])[0]

    def test_against_scipy(self):
        r = records(self.rng.normal(5, 3, 3000))
        for params in ({}, dict(order=1), dict(cutoff=0.3, order=1), dict(cutoff=40.0),
                       dict(cutoff=0.01), dict(cutoff=49.0, order=1),
                       dict(cutoff=60.0, rate=360.0), dict(cutoff=2000.0, rate=44100.0)):
            got = self.however_cut('low_pass', params, r)
            self.assertEqual(got['t'].tolist(), r['t'].tolist())
            expected = self.reference(r['value'], **params)
            self.assertLess(np.abs(got['value'] - expected).max(), 1e-8, params)

    def test_cutoffs_beyond_half_of_the_rate(self):
        r = records(self.rng.normal(5, 3, 500))
        for order in (1, 2):
            got = self.however_cut('low_pass', dict(cutoff=1000, rate=1000, order=order), r)
            expected = self.reference(r['value'], 499, 1000, order)
            self.assertLess(np.abs(got['value'] - expected).max(), 1e-9)

    def test_what_stays_is_put_out_as_it_is(self):
        for order in (1, 2):
            for cutoff in (0.0001, 1.0, 1e6):
                r = records(np.full(1000, -0.1))
                got = self.however_cut('low_pass', dict(
                    cutoff=cutoff, rate=10000000, order=order), r)
                self.assertTrue((got['value'] == -0.1).all())

    def test_a_step_arrives_exactly_at_cutoffs_far_below_the_rate(self):
        # A direct form's coefficients could not tell this from an integrator.
        n = 200000
        rate, cutoff = 1e7, 50.0
        v = np.ones(n)
        v[0] = 0
        got = ringtest.Kernel('low_pass', dict(cutoff=cutoff, rate=rate, order=2)).records(
            records(v, rate))
        w = 2 * np.pi * cutoff / rate * np.arange(n) / np.sqrt(2)
        expected = 1 - np.exp(-w) * (np.cos(w) + np.sin(w))
        self.assertLess(np.abs(got['value'] - expected).max(), 1e-4)

    def test_what_is_not_finite_comes_out_and_leaves_the_filter_alone(self):
        v = self.rng.normal(0, 1, 300)
        expected = ringtest.Kernel('low_pass').records(records(v))['value']
        for at in (0, 100):
            with_bad = records(np.insert(v, at, BAD))
            got = self.however_cut('low_pass', {}, with_bad)['value']
            np.testing.assert_array_equal(got[at:at + 3], BAD)
            self.assertTrue(np.array_equal(np.delete(got, [at, at + 1, at + 2]), expected))

    def test_discontinuity_starts_again(self):
        kernel = ringtest.Kernel('low_pass')
        r = records(self.rng.normal(0, 1, 100))
        first = kernel.records(r).tobytes()
        self.assertNotEqual(kernel.records(r).tobytes(), first)
        self.assertEqual(kernel.records(r, DISCONT).tobytes(), first)

    def test_the_order_may_change(self):
        kernel = ringtest.Kernel('low_pass', dict(order=1))
        kernel.records(records([0, 4, 4, 4, 4]))
        kernel.params['order'] = 2
        got = kernel.records(records(np.full(300, 4.0)))['value']
        self.assertTrue((np.abs(np.diff(got)) < 1).all())
        self.assertAlmostEqual(got[-1], 4, 9)


class RmsWindow(Sensor):
    @staticmethod
    def reference(r, window=16, hop=1):
        at = np.arange(hop - 1, len(r), hop)
        return r['t'][at], np.array([
            np.sqrt(np.mean(r['value'][max(0, i + 1 - window):i + 1] ** 2)) for i in at])

    def test_against_numpy(self):
        r = records(self.rng.normal(1, 3, 5000))
        for params in ({}, dict(window=1), dict(window=2), dict(window=3, hop=2),
                       dict(window=4096), dict(window=10, hop=25),
                       dict(window=100, hop=7), dict(hop=65536)):
            got = self.however_cut('rms_window', params, r)
            t, values = self.reference(r, **params)
            self.assertEqual(got['t'].tolist(), t.tolist())
            np.testing.assert_allclose(got['value'], values, rtol=1e-13)

    def test_a_large_value_leaves_no_error_behind(self):
        v = self.rng.normal(0, 1, 500)
        r = records(v)
        expected = ringtest.Kernel('rms_window', dict(window=20)).records(r)['value'][250:]
        r['value'][200] = 1e200
        got = ringtest.Kernel('rms_window', dict(window=20)).records(r)['value'][250:]
        self.assertTrue(np.array_equal(got, expected))

    def test_what_is_not_finite_leaves_with_the_window(self):
        for bad in BAD:
            r = records(np.arange(200.0))
            r['value'][50] = bad
            got = self.however_cut('rms_window', dict(window=10), r)['value']
            self.assertFalse(np.isfinite(got[50:60]).any())
            self.assertTrue(np.isfinite(got[:50]).all() and np.isfinite(got[60:]).all())

    def test_discontinuity_and_change_of_window_start_again(self):
        kernel = ringtest.Kernel('rms_window', dict(window=4))
        r = records([1, 2, 3, 4, 5, 6])
        first = kernel.records(r).tobytes()
        self.assertNotEqual(kernel.records(r).tobytes(), first)
        self.assertEqual(kernel.records(r, DISCONT).tobytes(), first)
        kernel.params['window'] = 1
        self.assertEqual(kernel.records(r)['value'].tolist(), [1, 2, 3, 4, 5, 6])


class Kalman(Sensor):
    @staticmethod
    def reference(r, wander=1.0, noise=1.0):
        """For each record the least squares over all values of the past at once: each
        measurement and each step between two records is one equation."""
        out = []
        for n in range(1, len(r) + 1):
            measured = np.flatnonzero(np.isfinite(r['value'][:n]))
            dt = np.diff(r['t'][:n].astype(np.int64)) / 1e9
            steps = np.zeros((n - 1, n))
            steps[np.arange(n - 1), np.arange(n - 1)] = -1
            steps[np.arange(n - 1), np.arange(1, n)] = 1
            steps /= wander * np.sqrt(dt)[:, None]
            rows = np.zeros((len(measured), n))
            rows[np.arange(len(measured)), measured] = 1 / noise
            a = np.concatenate([steps, rows])
            b = np.concatenate([np.zeros(n - 1), r['value'][measured] / noise])
            inverse = np.linalg.inv(a.T @ a)
            out.append(((inverse @ a.T @ b)[-1], np.sqrt(inverse[-1, -1])))
        return np.array(out).T

    def test_against_least_squares(self):
        v = np.cumsum(self.rng.normal(0, 1, 80)) + self.rng.normal(0, 2, 80)
        v[[7, 30, 31, 32, 79]] = [np.nan, np.inf, -np.inf, np.nan, np.nan]
        r = records(v, 2.0)
        # Times need not be even.
        r['t'] += self.rng.integers(0, 300000000, 80).astype(np.uint64)
        for params in ({}, dict(wander=0.25, noise=4.0), dict(wander=30.0, noise=0.5)):
            got = self.however_cut('kalman_1d', params, r, (2, 10, 50))
            value, deviation = self.reference(r, **params)
            self.assertEqual(got['t'].tolist(), r['t'].tolist())
            np.testing.assert_allclose(got['value'], value, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(got['score'], deviation, rtol=1e-9)

    def test_what_does_not_wander_is_the_mean(self):
        r = records(self.rng.normal(5, 1, 300))
        got = self.however_cut('kalman_1d', dict(wander=0.0, noise=2.0), r)
        n = np.arange(1, 301)
        np.testing.assert_allclose(got['value'], np.cumsum(r['value']) / n, rtol=1e-12)
        np.testing.assert_allclose(got['score'], 2 / np.sqrt(n), rtol=1e-12)

    def test_nothing_comes_out_before_the_first(self):
        r = records([np.nan, np.inf, 3, np.nan])
        got = self.however_cut('kalman_1d', {}, r, (2,))
        self.assertEqual(got['t'].tolist(), r['t'][2:].tolist())
        self.assertEqual(got['value'].tolist(), [3, 3])
        self.assertGreater(got['score'][1], got['score'][0])

    def test_the_gate_leaves_out_what_is_far_away(self):
        v = self.rng.normal(0, 0.1, 300)
        r = records(v)
        r['value'][100] = np.nan
        expected = self.however_cut('kalman_1d', dict(noise=0.1, gate=6.0), r)
        r['value'][100] = 5
        self.assertEqual(self.however_cut('kalman_1d', dict(noise=0.1, gate=6.0), r).tobytes(),
                         expected.tobytes())
        got = self.however_cut('kalman_1d', dict(noise=0.1), r)
        self.assertGreater(got['value'][100], 1)
        # A step that stays is believed after a while.
        r['value'][150:] += 3
        got = self.however_cut('kalman_1d', dict(noise=0.1, gate=6.0), r)
        self.assertLess(got['value'][152], 1)
        self.assertGreater(got['value'][-1], 2)

    def test_times_that_go_backwards_are_no_time(self):
        r = records([0, 1, 2, 3])
        same = r.copy()
        same['t'] = [10, 10, 10, 10]
        r['t'] = [10, 9, 8, 7]
        got, expected = (ringtest.Kernel('kalman_1d').records(x) for x in (r, same))
        self.assertEqual(got['value'].tolist(), expected['value'].tolist())
        self.assertEqual(got['t'].tolist(), [10, 9, 8, 7])

    def test_discontinuity_starts_again(self):
        kernel = ringtest.Kernel('kalman_1d')
        r = records(self.rng.normal(0, 1, 50))
        first = kernel.records(r).tobytes()
        self.assertNotEqual(kernel.records(r).tobytes(), first)
        self.assertEqual(kernel.records(r, DISCONT).tobytes(), first)


class Fuse(Sensor):
    FOUR = np.dtype([('t', '<u8'), ('value', '<f8', 4)])

    def four(self, n):
        r = np.zeros(n, self.FOUR)
        r['t'] = np.arange(n) * 10 + 7
        r['value'] = self.rng.normal(0, 1, (n, 4))
        return r

    @staticmethod
    def reference(r, weights=(1, 1, 1, 1), method='mean'):
        w = np.zeros(4)
        w[:len(weights)] = weights
        good = np.isfinite(r['value'])
        total = (np.where(good, r['value'], 0) * w).sum(axis=1)
        if method == 'sum':
            return total
        with np.errstate(invalid='ignore', divide='ignore'):
            return total / (good * w).sum(axis=1)

    def test_against_numpy(self):
        r = self.four(3000)
        bad = self.rng.integers(0, 3000, 400)
        r['value'][bad, self.rng.integers(0, 4, 400)] = self.rng.choice(BAD, 400)
        for weights in ((1, 1, 1, 1), (0.5, 2, 0, 7), (-1, 3, 0.25, 1.5), (2, 5), ()):
            for method in ('mean', 'sum'):
                params = dict(weights=weights, method=method)
                got = self.however_cut('fuse', params, r)
                self.assertEqual(got['t'].tolist(), r['t'].tolist())
                np.testing.assert_allclose(got['value'], self.reference(r, **params), rtol=1e-12,
                                           atol=1e-13)

    def test_a_mean_of_nothing_is_no_number(self):
        r = self.four(4)
        r['value'] = [[np.nan] * 4, [np.inf, np.nan, 1, 2], [5, np.nan, 2, 3], [1, 2, 3, 4]]
        got = ringtest.Kernel('fuse', dict(weights=(1, 1))).records(r)['value']
        np.testing.assert_array_equal(got, [np.nan, np.nan, 5, 1.5])
        got = ringtest.Kernel('fuse', dict(weights=(1, -1))).records(r)['value']
        np.testing.assert_array_equal(got, [np.nan, np.nan, 5, np.nan])
        got = ringtest.Kernel('fuse', dict(weights=(1, 1), method='sum')).records(r)['value']
        np.testing.assert_array_equal(got, [0, 0, 5, 3])


class Resample(Sensor):
    @staticmethod
    def reference(r, up, down):
        n = len(r)
        k = np.arange((n - 1) * up // down + 1)
        t0 = int(r['t'][0])
        t = np.interp(k * down / up, np.arange(n), (r['t'] - r['t'][0]).astype(float))
        return t0 + t, np.interp(k * down / up, np.arange(n), r['value'])

    def test_against_numpy(self):
        r = records(self.rng.normal(5, 3, 2500), 360.0, 12345678901234567)
        r['t'] += self.rng.integers(0, 2000000, len(r)).astype(np.uint64)
        for up, down in ((1, 1), (1, 2), (2, 1), (4, 1), (3, 4), (4, 3), (7, 2), (1, 1000),
                         (1000, 999), (999, 250), (1000, 250), (147, 160)):
            got = self.however_cut('resample', dict(up=up, down=down), r, (2, 30, 900))
            t, value = self.reference(r, up, down)
            self.assertEqual(len(got), len(t), (up, down))
            np.testing.assert_allclose(got['value'], value, rtol=1e-9, atol=1e-9)
            self.assertLess(np.abs((got['t'] - r['t'][0]).astype(float)
                                   - (t - float(r['t'][0]))).max(), 10)

    def test_times_are_exact(self):
        r = records([0, 1, 3])
        r['t'] = [2 ** 62 + 1, 2 ** 62 + 4, 2 ** 62 + 2]
        got = ringtest.Kernel('resample', dict(up=3, down=1)).records(r)
        self.assertEqual((got['t'] - 2 ** 62).astype(int).tolist(), [1, 2, 3, 4, 4, 3, 2])
        self.assertEqual(got['value'].tolist()[::3], [0, 1, 3])

    def test_what_is_not_finite_stays_among_its_neighbours(self):
        for bad in BAD:
            r = records(np.arange(10.0))
            r['value'][5] = bad
            got = self.however_cut('resample', dict(up=2, down=1), r, (2,))['value']
            np.testing.assert_array_equal(np.isfinite(got), [
                i not in (9, 10, 11) for i in range(19)])
            np.testing.assert_array_equal(got[10], bad)

    def test_no_more_than_four_for_one(self):
        r = records(self.rng.normal(0, 1, 300))
        for up, as_down in ((1000, 250), (5, 2), (8, 2)):
            got = self.however_cut('resample', dict(up=up, down=1), r, (2, 50))
            expected = ringtest.Kernel('resample', dict(up=up, down=as_down)).records(r)
            self.assertEqual(got.tobytes(), expected.tobytes())

    def test_discontinuity_and_change_start_again(self):
        kernel = ringtest.Kernel('resample', dict(up=2, down=3))
        r = records(self.rng.normal(0, 1, 50))
        first = kernel.records(r).tobytes()
        self.assertNotEqual(kernel.records(r).tobytes(), first)
        self.assertEqual(kernel.records(r, DISCONT).tobytes(), first)
        kernel.params['down'] = 1
        self.assertEqual(kernel.records(r)['value'][::2].tolist(), r['value'].tolist())


class Declarations(unittest.TestCase):
    def test_record_types(self):
        for name, formats in dict(
                low_pass=('(td)', '(td)'), rms_window=('(td)', '(td)'),
                kalman_1d=('(td)', '(tdd)'), fuse=('(tdddd)', '(td)'),
                resample=('(td)', '(td)')).items():
            d = ringtest.describe(name)
            self.assertEqual((d.input_formats, d.output_formats), formats)


if __name__ == '__main__':
    unittest.main()
