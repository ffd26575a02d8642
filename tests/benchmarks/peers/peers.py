#!/usr/bin/env python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How fast the kernels are on a CPU, each beside what people use today.

A pair is measured on the same input, in the same process, after its results were
looked at. Both take turns in short rounds, each with a no-op of its own kind (the
element identity, or an empty call) whose time is subtracted. Figures are medians over
rounds, ratios are those within one round, so that a machine that changes speed changes
both sides alike. First one thread against one thread, in processor time of that thread, then
all cores, by the clock. Where there is a GPU, the kernel then stays on that, with frames in
system memory and in the device's own, against the same thread of theirs."""
import argparse
import datetime
import json
import os
import platform
import subprocess
import sys

import cv2
import numpy as np

import page
from candidates import CannotRun, Picture, has_element
from pairs import Pair, pairs, sweeps

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..", "..")
KEPT = os.path.join(ROOT, "docs", "benchmarks", "cpu")
KEPT_GPU = os.path.join(ROOT, "docs", "benchmarks", "gpu", "peers")
CUDA_MEMORY = "memory:CUDAMemory"
CORES = len(os.sched_getaffinity(0))


class Effort:
    """Turns are short, so that most of them are not disturbed where others use the machine
    as well; and there are many of them."""

    def __init__(self, quick, rounds=101):
        self.quick = quick
        self.slice_ns = 1e6 if quick else 4e6
        self.most, self.least = (3, 3) if quick else (rounds, min(rounds, 15))
        self.whole_ns = 8e9
        self.alone = 20 if quick else 200

    def rounds(self, round_ns):
        return int(min(max(self.whole_ns / round_ns, self.least), self.most))


def spread(values):
    low, q1, median, q3, high = (float(v) for v in np.percentile(values, [0, 25, 50, 75, 100]))
    return {"median": median, "q1": q1, "q3": q3, "min": low, "max": high}


def take_turns(candidates, shape, data, own, effort):
    """ns per buffer without the no-op's, for each candidate a list over rounds."""
    clocks = [candidate.clock(shape, data, own) for candidate in candidates]
    try:
        work, counts, round_ns = [], [], 0
        for measure, idle, _ in clocks:
            for what in (measure, idle):
                once = max(what(1), what(2 if effort.quick else 3), 100)
                round_ns += max(once, effort.slice_ns)
                work.append(what)
                counts.append(int(min(max(effort.slice_ns / once, 1), 5000)))
            # A no-op's buffer is filled as well, which takes longer than it does.
            counts[-1] = min(counts[-1], max(counts[-2], 20))
        rounds = effort.rounds(round_ns)
        spent = [[0.0] * rounds for _ in work]
        for turn in range(rounds):
            for i in range(len(work)):
                at = (i + turn) % len(work)
                spent[at][turn] = work[at](counts[at])
        # At least a nanosecond: what is as fast as a no-op has no ratio.
        return [[max(full - empty, 1.0) for full, empty in zip(spent[2 * i], spent[2 * i + 1])]
                for i in range(len(candidates))]
    finally:
        for _, _, close in clocks:
            close()


def compared(pair, shape, data, workers, own, effort):
    """A pair in figures; @workers: how many threads both may use, 0: all cores; @own:
    processor time of this thread."""
    cv2.setNumThreads(workers or CORES)
    ours, theirs = take_turns([pair.ours(workers), pair.peer], shape, data, own, effort)
    return {"threads": workers or CORES,
            "clock": "processor time of the thread" if own else "wall", "rounds": len(ours),
            "ours-ns": spread(ours), "peer-ns": spread(theirs),
            "ratio": spread(np.divide(theirs, ours))}


def gpu_here():
    """What a kernel finds on a GPU; None, and why, if there is none that it can use."""
    shape = Picture("GRAY8", 64, 48)
    try:
        _, stats = Pair("invert", "", shape, None, None).on_gpu().alone(shape, shape.input(), 1)
    except CannotRun as error:
        return None, str(error)
    if (stats["backend"], stats["mode"]) != ("cuda", "persistent"):
        return None, f"the kernel runs on {stats['backend']}, {stats['mode']}"
    return stats["device-name"], ""


def on_gpu(pair, memory, ours, theirs, effort):
    """The kernel on a GPU, against one thread of theirs. @ours, @theirs: what came of both
    on the CPU."""
    candidate = pair.on_gpu(memory)
    if effort.quick:
        candidate.at_least = 8
    data = pair.shape.input(pair.frames)
    try:
        made = candidate.run(pair.shape, data)
        worst, allowed, _ = pair.check(pair.shape, data, made, theirs)
        if not worst <= allowed:
            raise CannotRun(f"results differ by {worst:g}, {allowed:g} allowed")
        data = pair.shape.input(1)
        alone, stats = candidate.alone(pair.shape, data, effort.alone)
        if (stats["backend"], stats["mode"]) != ("cuda", "persistent") \
                or int(stats["residencies"]) < 1:
            raise CannotRun(f"it was not resident on the GPU: {stats}")
        here, there = take_turns([candidate, pair.peer], pair.shape, data, True, effort)
    except (CannotRun, ValueError) as error:
        return {"status": "failed", "why": str(error)}
    return {"status": "measured", "alone-ns": alone, "workers": int(stats["workers"]),
            "bytes-copied": int(stats["bytes-copied"]), "rounds": len(here),
            "as-on-cpu": bool(np.array_equal(made, ours)), "greatest-difference": worst,
            "ours-ns": spread(here), "peer-ns": spread(there),
            "ratio": spread(np.divide(there, here))}


def verify(pair):
    """Raises CannotRun unless both sides do what they should. What came of both, too."""
    data = pair.shape.input(pair.frames)
    cv2.setNumThreads(1)
    results = [candidate.run(pair.shape, data)
               for candidate in (pair.ours(1), pair.ours(0), pair.peer)]
    if not np.array_equal(results[0], results[1]):
        raise CannotRun("ours differs between one worker and all")
    try:
        worst, allowed, what = pair.check(pair.shape, data, results[0], results[2])
    except ValueError as error:
        raise CannotRun(f"results cannot be compared: {error}") from error
    if not worst <= allowed:
        raise CannotRun(f"results differ by {worst:g}, {allowed:g} allowed ({what})")
    return {"greatest-difference": worst, "allowed": allowed, "of": what}, results[0], results[2]


def measure(pair, effort, gpu=None):
    row = {"kernel": pair.kernel, "parameters": pair.params, "peer": pair.peer.launch,
           "input": pair.shape.text, "goal": pair.goal, "note": pair.note}
    if not has_element("ringkernel-" + pair.kernel):
        return dict(row, status="not measured", why="no such kernel yet")
    if pair.check is None:
        return dict(row, status="not measured", why="its pair is not written yet")
    try:
        pair.peer.present()
    except CannotRun as error:
        return dict(row, status="not measured", why=str(error))
    try:
        row["verified"], ours, theirs = verify(pair)
        data = pair.shape.input(1)
        row["single"] = compared(pair, pair.shape, data, 1, True, effort)
        row["all"] = compared(pair, pair.shape, data, 0, False, effort)
    except CannotRun as error:
        return dict(row, status="failed", why=str(error))
    if gpu:
        row["gpu"] = on_gpu(pair, "", ours, theirs, effort)
        if pair.in_cuda_memory:
            row["gpu-memory"] = on_gpu(pair, CUDA_MEMORY, ours, theirs, effort)
    row["status"] = "measured" if pair.goal is None \
        else "met" if row["single"]["ratio"]["median"] >= pair.goal else "missed"
    return row


def sweep_sizes(effort, gpu):
    """One thread each, over sizes; and the GPU."""
    found = []
    for pair, shapes in sweeps():
        points = []
        for shape in shapes[:2] if effort.quick else shapes:
            data = shape.input(1)
            point = dict(compared(pair, shape, data, 1, True, effort),
                         input=shape.text, items=shape.items())
            if gpu:
                (ns,) = take_turns([pair.on_gpu()], shape, data, True, effort)
                point["gpu-ns"] = spread(ns)
            points.append(point)
        found.append({"kernel": pair.kernel, "peer": pair.peer.launch, "points": points})
    return found


def sweep_threads(effort):
    """From one thread to all cores."""
    found = []
    for pair in pairs():
        if (pair.kernel, pair.shape.text) in (("edges", "1920x1080 GRAY8"),
                                              ("gaussian-blur", "1920x1080 GRAY8"),
                                              ("temporal-denoise", "1920x1080 I420")):
            data = pair.shape.input(1)
            # All of few, and of many some.
            some = sorted({n for n in range(1, CORES + 1) if n <= 4 or n % 8 == 0} | {CORES})
            found.append({"kernel": pair.kernel, "peer": pair.peer.launch, "points": [
                compared(pair, pair.shape, data, n, False, effort) for n in some]})
    return found


def first(command):
    try:
        done = subprocess.run(command, cwd=HERE, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=True)
        return done.stdout.strip().split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def commit():
    origin = os.path.join(ROOT, "origin")  # a bundle's
    if os.path.exists(origin):
        with open(origin, encoding="utf-8") as file:
            return dict(line.strip().split("=", 1) for line in file)["commit"]
    return first(["git", "describe", "--always", "--dirty", "--exclude=*"])


def machine():
    cpu = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            cpu = next((line.split(":", 1)[1].strip() for line in file
                        if line.startswith("model name")), cpu)
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((line.split() for line in file if line.startswith("flags")), [])
        vectors = [flag for flag in ("sse4_2", "avx2", "avx512bw") if flag in flags]
        cpu += f" ({', '.join(vectors)})" if vectors else ""
    return {"cpu": cpu, "nproc": CORES,
            "load-before": list(os.getloadavg()),
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "commit": commit(),
            "system": platform.freedesktop_os_release().get("PRETTY_NAME", "")
            if hasattr(platform, "freedesktop_os_release") else "",
            "gstreamer": first(["gst-inspect-1.0", "--version"]).split()[-1],
            "opencv": cv2.__version__}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench peers", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true",
                        help="few rounds: whether it runs and results are right")
    parser.add_argument("--write", action="store_true",
                        help="JSON, table and plots into docs/benchmarks/cpu, or, where there is a "
                        "GPU, docs/benchmarks/gpu/peers")
    parser.add_argument("--out", metavar="FOLDER", help="the same into FOLDER")
    parser.add_argument("--only", metavar="KERNEL", help="the pairs of one kernel, no sweeps")
    parser.add_argument("--rounds", metavar="N", type=int, default=101,
                        help="at the most so many for each pair (101): fewer take less time, and say "
                        "less")
    options = parser.parse_args()
    if options.write and (options.quick or options.only):
        parser.error("--write keeps a whole run: without --quick and --only")
    if options.rounds < 3:
        parser.error("--rounds is 3 at least")
    effort = Effort(options.quick, options.rounds)
    whole = dict(machine(), quick=options.quick, rows=[])
    whole["gpu"], why = gpu_here()
    print(f"on {whole['gpu']} as well" if whole["gpu"] else f"without a GPU: {why}", flush=True)
    for pair in pairs():
        if options.only in (None, pair.kernel):
            row = measure(pair, effort, whole["gpu"])
            print(page.line(row), flush=True)
            whole["rows"].append(row)
            if options.out:  # what there is, if this is ended before its end
                page.keep(whole, options.out)
    if not whole["rows"]:
        parser.error(f"no pair has the kernel {options.only}")
    if options.only is None:
        whole["sizes"] = sweep_sizes(effort, whole["gpu"])
        whole["threads"] = sweep_threads(effort)
    whole["load-after"] = list(os.getloadavg())
    print("\n" + "\n".join(page.table(whole)))
    kept = KEPT_GPU if whole["gpu"] else KEPT
    for folder in [kept] * options.write + [options.out] * bool(options.out):
        page.write(whole, folder)
        print(f"written: {os.path.relpath(folder)}")
    # What could not be had is no failure, a wrong result is one.
    return any(part["status"] == "failed" for row in whole["rows"]
               for part in (row, *(row[key] for key in ("gpu", "gpu-memory") if key in row)))


if __name__ == "__main__":
    sys.exit(main())
