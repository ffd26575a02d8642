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


if __name__ == '__main__':
    unittest.main()
