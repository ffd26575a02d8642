#!/usr/bin/env python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The benchmark beside what people use today: that it runs, that results are looked at,
and what becomes of wrong ones. How fast is not asked here. What Debian's tests do not
need, frei0r and OpenCV's elements, may be missing."""
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import numpy as np

import page
import pairs
import peers
from candidates import Call, Element, Picture, Sound, memcpy


def run(*arguments, **environment):
    return subprocess.run([sys.executable, os.path.join(HERE, "peers.py"), *arguments],
                          text=True, timeout=280, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=dict(os.environ, **environment))


class WholeRun(unittest.TestCase):
    def test_quick_run_verifies_all_and_leaves_table_json_and_figures(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("--quick", "--out", folder)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            with open(os.path.join(folder, "results.json"), encoding="utf-8") as file:
                whole = json.load(file)
            with open(os.path.join(folder, "table.md"), encoding="utf-8") as file:
                table = file.read()
            for name in ("sizes.svg", "threads.svg"):
                root = xml.etree.ElementTree.parse(os.path.join(folder, name)).getroot()
                self.assertTrue(root.findall("{*}polyline"), name)
        self.assertEqual(len(whole["rows"]), len(pairs.pairs()))
        self.assertIn(table, done.stdout)
        kernels = set()
        for row in whole["rows"]:
            self.assertIn(f"| `{row['kernel']}` | `{row['peer']}`", table)
            if row["status"] == "not measured":
                self.assertRegex(row["why"], "no such kernel yet|no element|not written yet")
                continue
            kernels.add(row["kernel"])
            self.assertLessEqual(row["verified"]["greatest-difference"],
                                 row["verified"]["allowed"], row)
            for how in ("single", "all"):
                self.assertGreater(row[how]["ratio"]["min"], 0, row)
            self.assertEqual(row["single"]["threads"], 1)
        # Their peers are among what the tests need.
        for kernel in ("edges", "invert", "levels", "gray", "fir", "gain"):
            self.assertIn(kernel, kernels)
        self.assertEqual(whole["nproc"], peers.CORES)

    def test_a_quick_run_is_not_kept_and_an_unknown_kernel_is_refused(self):
        for arguments, said in ((("--quick", "--write"), "--write keeps a whole run"),
                                (("--quick", "--only", "none"), "no pair has the kernel none")):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)


@unittest.skipUnless("RING_CUDA_FAKE" in os.environ, "this build has no stand-in driver")
class OnGpu(unittest.TestCase):
    """The columns of a GPU, over the stand-in driver, whose figures say nothing."""

    def whole(self, folder, *arguments):
        fake = os.environ["RING_CUDA_FAKE"]
        done = run("--quick", "--out", folder, *arguments, GST_REGISTRY=folder + "/registry",
                   LD_LIBRARY_PATH=fake + ":" + os.environ.get("LD_LIBRARY_PATH", ""))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(os.path.join(folder, "results.json"), encoding="utf-8") as file:
            return json.load(file), done.stdout

    def test_frames_are_measured_in_both_memories_and_are_those_of_the_cpu(self):
        with tempfile.TemporaryDirectory() as folder:
            whole, said = self.whole(folder, "--only", "invert")
        (row,) = whole["rows"]
        for where in ("gpu", "gpu-memory"):
            one = row[where]
            self.assertEqual(one["status"], "measured", one)
            self.assertTrue(one["as-on-cpu"])
            self.assertGreater(one["alone-ns"], 0)
            self.assertGreater(one["ratio"]["min"], 0)
        self.assertGreater(row["gpu"]["bytes-copied"], 0)  # to the device and back
        self.assertEqual(row["gpu-memory"]["bytes-copied"], 0)
        self.assertIn(f"The same on the GPU, {whole['gpu']}", said)
        self.assertIn("| to the bit |", said)

    def test_a_kernel_with_fewer_results_than_buffers_is_measured_as_a_stream(self):
        with tempfile.TemporaryDirectory() as folder:
            whole, _ = self.whole(folder, "--only", "spectrum")
        (row,) = whole["rows"]
        self.assertEqual(row["gpu"]["status"], "measured", row["gpu"])
        self.assertEqual(row["gpu"]["alone-ns"], 0)
        self.assertNotIn("gpu-memory", row)


class WithoutGpu(unittest.TestCase):
    def test_wrong_results_of_a_gpu_are_a_failure_and_are_not_timed(self):
        shape = Picture("GRAY8", 64, 48)
        theirs = shape.input().reshape(-1)

        class Wrong(pairs.Pair):
            def on_gpu(self, memory=""):
                class Stub:
                    launch = "stub"

                    @staticmethod
                    def run(shape, data):
                        return data.reshape(-1) + np.uint8(9)
                return Stub

        pair = Wrong("invert", "", shape, Call("memcpy", memcpy), pairs.close(1))
        one = peers.on_gpu(pair, "", theirs, theirs, peers.Effort(True))
        self.assertEqual(one["status"], "failed")
        self.assertIn("results differ by", one["why"])
        self.assertNotIn("ratio", one)

    def test_a_table_without_a_gpu_has_no_columns_for_one_and_says_why(self):
        done = run("--quick", "--only", "gain")
        if "as well" in done.stdout.split("\n")[0]:
            self.skipTest("there is a GPU here")
        self.assertRegex(done.stdout, "^without a GPU: .+")
        self.assertNotIn("The same on the GPU", done.stdout)


class Judged(unittest.TestCase):
    """Pairs made up, so that what comes of them is known."""

    def row(self, **how):
        how = dict({"kernel": "invert", "params": "", "shape": Picture("GRAY8", 64, 48),
                    "peer": Call("memcpy", memcpy), "check": pairs.each(
                        pairs.inverted, pairs.same, 0, "each")}, **how)
        return peers.measure(pairs.Pair(**how), peers.Effort(True))

    def test_goal_is_met_or_missed_by_the_ratio_with_one_thread(self):
        self.assertEqual(self.row(goal=1e-9)["status"], "met")
        self.assertEqual(self.row(goal=1e9)["status"], "missed")
        self.assertEqual(self.row()["status"], "measured")

    def test_wrong_results_are_a_failure_and_are_not_timed(self):
        row = self.row(check=pairs.close(1), goal=1)
        self.assertEqual(row["status"], "failed")
        self.assertIn("results differ by", row["why"])
        self.assertNotIn("single", row)

    def test_results_of_another_size_are_a_failure(self):
        row = self.row(kernel="gray", shape=Picture("BGRx", 64, 48), check=pairs.close(1))
        self.assertEqual(row["status"], "failed")
        self.assertIn("cannot be compared", row["why"])

    def test_not_a_number_is_no_result(self):
        row = self.row(check=lambda *_: (float("nan"), 1, "nothing"))
        self.assertEqual(row["status"], "failed")

    def test_what_is_not_there_is_said_and_not_measured(self):
        row = self.row(kernel="no-such-kernel")
        self.assertEqual((row["status"], row["why"]), ("not measured", "no such kernel yet"))
        row = self.row(peer=Element("no-such-element"))
        self.assertEqual((row["status"], row["why"]),
                         ("not measured", "there is no element no-such-element here"))
        self.assertIn("not measured: there is no element", page.line(row))
        self.assertEqual(self.row(check=None)["why"], "its pair is not written yet")

    def test_a_pipeline_that_does_not_exist_is_a_failure_with_its_reason(self):
        row = self.row(params="no-such-parameter=1")
        self.assertEqual(row["status"], "failed")
        row = self.row(peer=Element("identity no-such-property=1"))
        self.assertIn("no-such-property", row["why"])


class Clock(unittest.TestCase):
    def test_a_no_op_is_subtracted_and_both_take_turns(self):
        asked, closed = [], []

        def candidate(name, full, empty):
            class Known:
                @staticmethod
                def clock(shape, data, own):
                    def say(what, ns):
                        return lambda n: asked.append(name + what) or ns
                    return say("", full), say("-", empty), lambda: closed.append(name)
            return Known()

        effort = peers.Effort(True)
        ours, theirs = peers.take_turns([candidate("a", 1000, 400), candidate("b", 50, 60)],
                                        None, None, True, effort)
        self.assertEqual(ours, [600.0] * effort.most)
        self.assertEqual(theirs, [1.0] * effort.most)  # never a ratio with nothing
        rounds = asked[-4 * effort.most:]
        for turn in range(effort.most):
            self.assertEqual(sorted(rounds[4 * turn:4 * turn + 4]), ["a", "a-", "b", "b-"])
        self.assertGreater(len({tuple(rounds[4 * t:4 * t + 4]) for t in range(3)}), 1)
        self.assertEqual(closed, ["a", "b"])

    def test_what_works_in_place_starts_from_the_input_each_time(self):
        """Twice as quiet each time, it would fall silent."""
        shape = Sound(64)
        data = shape.input(3)
        made = Element("audioamplify amplification=0.5").run(shape, data).view(np.float32)
        np.testing.assert_allclose(made, data.reshape(-1).view(np.float32) / 2)

    def test_input_has_no_two_frames_alike(self):
        for shape in (Picture("I420", 64, 48), Sound(480)):
            first, second = shape.input(2)
            self.assertEqual(first.size, shape.size)
            self.assertFalse(np.array_equal(first, second))


class Spread(unittest.TestCase):
    def test_median_and_quartiles_are_those_of_the_values(self):
        self.assertEqual(peers.spread([5, 1, 4, 2, 3]),
                         {"median": 3, "q1": 2, "q3": 4, "min": 1, "max": 5})

    def test_a_machine_that_others_use_is_said(self):
        free = {"nproc": 2, "load-before": [0.5, 0, 0], "load-after": [2.5, 0, 0]}
        self.assertEqual(page.busy(free), [])
        self.assertIn("Others used this machine",
                      page.busy(dict(free, **{"load-before": [2.1, 0, 0]}))[0])

    def test_help_says_what_it_is(self):
        text = io.StringIO()
        with contextlib.redirect_stdout(text), self.assertRaises(SystemExit):
            sys.argv[1:] = ["--help"]
            peers.main()
        self.assertIn("./dev bench peers", text.getvalue())


if __name__ == "__main__":
    unittest.main()
