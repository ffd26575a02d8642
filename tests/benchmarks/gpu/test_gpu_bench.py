#!/usr/bin/env python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The GPU benchmarks over the stand-in driver: that every part runs and says what it
must, and that none takes a figure that is not one. How fast is not asked here."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ["RING_BENCH_PROGRAM"]
STAND_IN = os.environ["RING_BENCH_STAND_IN"]
LIBRARIES = os.environ["LD_LIBRARY_PATH"]
COMMAND = os.path.join(HERE, "..", "gpu.sh")
DRAW = os.path.join(HERE, "..", "..", "..", "docs", "gen-performance.py")

# How many of its figures have a goal, and what one of them is called.
PARTS = {
    "machine": (0, "flag round trip over mapped memory"),
    "roundtrip": (4, "round trip through the resident kernel, p99.9"),
    "messages": (1, "messages of 64 bytes, default grid"),
    "frames-host": (1, "4K NV12 in page-locked memory, invert"),
    "frames-device": (6, "4K RGBA on the device, edges, one launch per frame"),
    "idle": (1, "multiprocessors held when idle longer than idle-timeout"),
    "relaunch": (1, "gap at the end of a lease of 10 ms, p99"),
    "crossover": (0, "64 bytes, event-driven, latency p50"),
    "timeline": (0, "4K NV12, 3 in flight, started to finished, p50"),
}
TAKES_INVERT = [part for part in PARTS if part != "machine"]
KEYS = {"name", "value", "unit", "goal", "met", "limit", "samples"}


class Run:
    """One run of a part: its status, what it printed, and its JSON."""

    def __init__(self, *arguments, libraries=STAND_IN, **more):
        environment = dict(os.environ, **more)
        environment["LD_LIBRARY_PATH"] = libraries + ":" + LIBRARIES
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.json")
            done = subprocess.run([PROGRAM, *arguments, "--json", path], text=True,
                                  env=environment, timeout=120,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.status = done.returncode
            self.text = done.stdout
            self.json = None
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    self.json = json.load(file)


class PartTest:
    """What holds for every part."""

    def runs(self, part):
        run = Run(part, "--quick")
        self.assertEqual(run.status, 0, run.text)
        self.assertEqual(run.json["part"], part)
        self.assertEqual(run.json["status"], "ok")
        self.assertIs(run.json["quick"], True)
        for key in ("gpu", "driver", "cuda", "commit", "machine", "date"):
            self.assertTrue(run.json[key], key)
        self.assertGreater(run.json["clocks"]["sm-max"], 0)
        goals, name = PARTS[part]
        results = {result["name"]: result for result in run.json["results"]}
        self.assertEqual(len(results), len(run.json["results"]))
        self.assertIn(name, results)
        for result in results.values():
            self.assertLessEqual(KEYS, set(result))
            self.assertIsInstance(result["value"], (int, float), result)
            self.assertGreater(result["samples"], 0, result)
            if "verified" in result:
                self.assertGreater(result["verified"], 0, result)
            if result["goal"] is None:
                self.assertIsNone(result["met"])
            else:
                self.assertIsInstance(result["met"], bool)
                # Whoever misses a goal says what stands in the way.
                self.assertEqual(result["met"], result["limit"] is None, result)
            if "p50" in result:
                self.assertLessEqual(result["p50"], result["p99"])
                self.assertLessEqual(result["p99"], result["p99.9"])
                self.assertLessEqual(result["p99.9"], result["max"])
        self.assertEqual(sum(result["goal"] is not None for result in results.values()),
                         goals)
        return run.json, results

    def is_not_fooled(self, part):
        """Another kernel of the name: what it answers is nearly right."""
        run = Run(part, "--quick", RINGKERNEL_PATH=os.path.join(HERE, "wrong"))
        self.assertEqual(run.status, 1, run.text)
        self.assertEqual(run.json["status"], "failed")
        self.assertIn("results were wrong", run.json["reason"])
        self.assertTrue(any(result["value"] is None for result in run.json["results"]))

    def needs_a_resident_kernel(self, part):
        """Without cooperative launch there is none, and what runs instead does not
        count."""
        run = Run(part, "--quick", RING_FAKE_COOPERATIVE="0")
        self.assertEqual(run.status, 1, run.text)
        self.assertIn("no resident kernel was running", run.json["reason"])
        self.assertEqual(run.json["results"], [])


class Parts(PartTest, unittest.TestCase):
    """Filled below: tests for each part."""


def add_tests():
    for part in PARTS:
        name = part.replace("-", "_")
        if part not in ("crossover", "timeline", "idle"):
            setattr(Parts, f"test_{name}_runs", lambda self, part=part: self.runs(part))
        if part in TAKES_INVERT:
            setattr(Parts, f"test_{name}_is_not_fooled",
                    lambda self, part=part: self.is_not_fooled(part))
    for part in ("roundtrip", "messages", "frames-host", "relaunch", "timeline"):
        name = part.replace("-", "_")
        setattr(Parts, f"test_{name}_needs_a_resident_kernel",
                lambda self, part=part: self.needs_a_resident_kernel(part))


add_tests()


class Content(PartTest, unittest.TestCase):
    """Parts whose JSON holds more than a list of figures."""

    def test_crossover_runs(self):
        report, _ = self.runs("crossover")
        self.assertGreaterEqual(len(report["crossover"]), 2)
        sizes = [row["bytes"] for row in report["crossover"]]
        self.assertEqual(sizes, sorted(sizes))
        for row in report["crossover"]:
            for way in ("persistent", "event-driven", "cpu"):
                self.assertGreater(row[f"{way}-latency"], 0)
                self.assertGreater(row[f"{way}-per-second"], 0)
        for name in ("event-driven-beats-persistent", "persistent-beats-cpu"):
            for what, less in (("latency", True), ("per-second", False)):
                found = report["crossings"][f"{name}-by-{what}"]
                one, other = name.split("-beats-")
                better = []
                for row in report["crossover"]:
                    a, b = row[f"{one}-{what}"], row[f"{other}-{what}"]
                    better.append(a <= b if less else a >= b)
                # From there on, to the end, it is; just before, it is not.
                expected = None
                for size, is_better in reversed(list(zip(sizes, better))):
                    if not is_better:
                        break
                    expected = size
                self.assertEqual(found, expected)

    def test_timeline_runs(self):
        report, _ = self.runs("timeline")
        self.assertEqual([line["in-flight"] for line in report["timelines"]], [1, 3, 6])
        for line in report["timelines"]:
            self.assertGreater(len(line["frames"]), 4)
            self.assertEqual(line["frames"][0]["accepted"], 0)
            for frame in line["frames"]:
                self.assertLessEqual(frame["accepted"], frame["arrived"])
                self.assertLessEqual(frame["arrived"], frame["started"])
                self.assertLessEqual(frame["started"], frame["finished"])
                self.assertLessEqual(frame["finished"], frame["delivered"])
        # Alone, a frame is not accepted before the one before it is back.
        alone = report["timelines"][0]["frames"]
        for before, after in zip(alone, alone[1:]):
            self.assertLessEqual(before["delivered"], after["accepted"])

    def test_idle_runs(self):
        report, results = self.runs("idle")
        idle = results["multiprocessors held when idle longer than idle-timeout"]
        self.assertEqual(idle["value"], 0)
        self.assertIs(idle["met"], True)
        # The stand-in's probe has to wait for all of the device.
        self.assertEqual(results["multiprocessors held while it polls"]["value"],
                         report["multiprocessors"])
        self.assertTrue("power" in report or "power without a kernel" in results)


    def test_figures_and_tables_are_made_of_them(self):
        svg = "{http://www.w3.org/2000/svg}"
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for part in ("roundtrip", "crossover", "timeline"):
                report, _ = self.runs(part)
                files.append(os.path.join(folder, part + ".json"))
                with open(files[-1], "w", encoding="utf-8") as file:
                    json.dump(report, file)
            subprocess.run([sys.executable, DRAW, "--draw", folder, *files], check=True)
            trees = [xml.etree.ElementTree.parse(os.path.join(folder, name + ".svg"))
                     for name in ("crossover", "timeline")]
            with open(os.path.join(folder, "results.md"), encoding="utf-8") as file:
                text = file.read()
        lines = trees[0].getroot().findall(svg + "polyline")
        self.assertEqual(len(lines), 3)
        # Three sets of four frames, four stretches each; the ground, and the legend.
        bars = trees[1].getroot().findall(svg + "rect")
        self.assertEqual(len(bars), 3 * 4 * 4 + 1 + 4)
        self.assertTrue(all(float(bar.get("width")) >= 0 for bar in bars[1:]))
        # Whether they are met says nothing here, but it is said.
        self.assertEqual(len([line for line in text.splitlines()
                              if "| met |" in line or "| missed" in line]), 4)
        self.assertIn("| 64 bytes |", text)


class Ends(unittest.TestCase):
    def test_list(self):
        done = subprocess.run([PROGRAM, "--list"], stdout=subprocess.PIPE, text=True,
                              check=True)
        self.assertEqual(done.stdout.split(), list(PARTS))

    def test_wrong_usage(self):
        for arguments in ([], ["nothing"], ["machine", "roundtrip"], ["--slow"]):
            with self.subTest(arguments):
                run = Run(*arguments)
                self.assertEqual(run.status, 2, run.text)
                self.assertIn("gpu-bench", run.text)
                self.assertIsNone(run.json)

    def test_no_device(self):
        for part in PARTS:
            with self.subTest(part):
                run = Run(part, "--quick", RING_FAKE_DEVICES="0")
                self.assertEqual(run.status, 77, run.text)
                self.assertEqual(run.json["status"], "skipped")
                self.assertIn("no GPU here", run.json["reason"])
                self.assertEqual(run.json["results"], [])

    def test_no_driver(self):
        with tempfile.TemporaryDirectory() as folder:
            # Whatever this machine has, this one comes first.
            with open(os.path.join(folder, "libcuda.so.1"), "w", encoding="utf-8"):
                pass
            run = Run("machine", "--quick", libraries=folder)
        self.assertEqual(run.status, 77, run.text)
        self.assertIn("the NVIDIA driver is not installed", run.json["reason"])

    def test_errors_of_the_driver(self):
        for part, failure in (("machine", "cuLaunchKernel:5:719"),
                              ("machine", "cuMemHostAlloc:1:2"),
                              ("machine", "cuMemcpyDtoDAsync:1:700"),
                              ("machine", "cuGraphInstantiateWithFlags:1:801"),
                              ("roundtrip", "cuLaunchCooperativeKernel:1:719"),
                              ("roundtrip", "cuModuleGetFunction:1:500"),
                              ("frames-device", "cuLaunchKernel:3:719"),
                              ("frames-host", "cuMemcpyHtoDAsync:9:719"),
                              ("idle", "cuLaunchKernel:1:719"),
                              ("timeline", "cuMemcpyDtoHAsync:3:719")):
            with self.subTest(f"{part} {failure}"):
                run = Run(part, "--quick", RING_FAKE_FAIL=failure)
                self.assertEqual(run.status, 1, run.text)
                self.assertEqual(run.json["status"], "failed")
                self.assertTrue(run.json["reason"])

    def test_a_kernel_that_does_not_answer(self):
        for part in ("roundtrip", "messages", "frames-host"):
            with self.subTest(part):
                run = Run(part, "--quick", RINGKERNEL_PATH=os.path.join(HERE, "silent"))
                self.assertEqual(run.status, 1, run.text)
                self.assertEqual(run.json["status"], "failed")
                self.assertRegex(run.json["reason"], "gave no sign of life|within 10")
                self.assertEqual(run.json["results"], [])

    def test_limit(self):
        run = Run("roundtrip", "--quick", "--limit", "1",
                  RINGKERNEL_PATH=os.path.join(HERE, "silent"))
        self.assertEqual(run.status, 1, run.text)
        self.assertEqual(run.json["part"], "roundtrip")
        self.assertEqual(run.json["reason"], "it did not end within 1 s")

    def test_nowhere_to_write(self):
        run = Run("machine", "--quick", "--json", "/nowhere/x.json")
        # The last one counts.
        self.assertEqual(run.status, 0, run.text)
        environment = dict(os.environ, LD_LIBRARY_PATH=STAND_IN + ":" + LIBRARIES)
        done = subprocess.run([PROGRAM, "machine", "--quick", "--json", "/nowhere/x"],
                              env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write /nowhere/x", done.stderr)


class Command(unittest.TestCase):
    """tests/benchmarks/gpu.sh, which `./dev bench gpu` runs."""

    def run_command(self, **more):
        environment = dict(os.environ, LD_LIBRARY_PATH=STAND_IN + ":" + LIBRARIES, **more)
        return subprocess.run([COMMAND, "--quick"], env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240)

    def build(self, folder, program):
        """A build folder with nothing but that in it."""
        to = os.path.join(folder, "tests", "benchmarks", "gpu")
        os.makedirs(to)
        if program:
            os.symlink(PROGRAM, os.path.join(to, "gpu-bench"))
        return folder

    def test_table(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_command(RINGKERNEL_BUILD=self.build(folder, True))
            self.assertEqual(done.returncode, 0, done.stdout)
            goals = sum(goals for goals, _ in PARTS.values())
            with open(os.path.join(folder, "bench-gpu", "table.txt"),
                      encoding="utf-8") as file:
                table = file.read()
            self.assertEqual(table.count(" goal: "), goals, table)
            last = table.splitlines()[-1]
            met, missed = [int(word.rstrip(",")) for word in last.split()
                           if word.rstrip(",").isdigit()][:2]
            self.assertEqual(met + missed, goals, last)
            self.assertIn("parts that failed: 0", last)
            self.assertIn(table, done.stdout)
            for part in PARTS:
                self.assertTrue(os.path.exists(
                    os.path.join(folder, "bench-gpu", part + ".json")))

    def test_a_part_that_fails(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_command(RINGKERNEL_BUILD=self.build(folder, True),
                                    RING_FAKE_COOPERATIVE="0")
            self.assertEqual(done.returncode, 1, done.stdout)
            # The others have run all the same.
            self.assertIn("parts that failed: 8 (roundtrip messages", done.stdout)

    def test_no_gpu(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_command(RINGKERNEL_BUILD=self.build(folder, True),
                                    RING_FAKE_DEVICES="0")
            self.assertEqual(done.returncode, 77, done.stdout)
            self.assertIn("there is no GPU here", done.stdout)

    def test_not_built(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_command(RINGKERNEL_BUILD=self.build(folder, False))
            self.assertEqual(done.returncode, 77, done.stdout)
            self.assertIn("not in this build", done.stdout)


if __name__ == "__main__":
    unittest.main()
