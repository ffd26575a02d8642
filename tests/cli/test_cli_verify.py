# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""verify: what is the same everywhere passes, and what is not is found and shown.
bench: what it measured is what it says."""
import glob
import os
import unittest

from cli_test import BROKEN, BUILTIN, EXAMPLES, FADE, HEADER, Case

# Not to be used with `cuda`: tests of the wrong ones are about the cpu.
WORKER = HEADER + """
RING_KERNEL (worker, "Adds the number of its worker", RING_VIDEO ("RGB"),
    RING_INT (nothing, 3, 0, 4, "Nothing"))
{
  RING_FOR_EACH_ROW (p, y, in)
    RING_FOR_EACH_LANE (x, in.plane[p].width * in.plane[p].pixel_stride)
      ring_row (out.plane[p], y)[x] = (uint8_t) (
          ring_row (in.plane[p], y)[x] + ring->n_blocks - 1);
}
"""
TOLERANT = HEADER + """
RING_KERNEL (drift, "Is off by a little where there are several workers", RING_AUDIO ("F32LE"))
{
  RING_FOR_EACH (i, in.count * in.channels)
    ((float *) out.data)[i] = ((const float *) in.data)[i]
        + (ring->n_blocks > 1 ? 0.0001f : 0.0f);
}
"""
RECORD = HEADER + """
typedef struct { uint64_t t; double v; int32_t n; } R;
RING_KERNEL (last, "Is wrong in its third field", RING_RECORDS ("(tdi)", R, "(tdi)", R))
{
  RING_FOR_EACH (i, in.count) {
    ((R *) out.data)[i] = ((const R *) in.data)[i];
    if (ring->n_blocks > 1 && i == 5)
      ((R *) out.data)[i].n ^= 1;
  }
}
"""
# Both are right as long as what comes out is as what goes in.
RESIZED = HEADER + """
RING_KERNEL (resized, "Is wrong in another size", RING_VIDEO ("GRAY8"), RING_ANY_SIZE)
{
  RING_FOR_EACH_PIXEL (x, y, out.plane[0])
    ring_row (out.plane[0], y)[x] =
        (uint8_t) (out.width != in.width ? ring->n_blocks : 0);
}
"""
REFORMED = HEADER + """
RING_KERNEL (reformed, "Is wrong in another format", RING_VIDEO_TO ("RGB", "RGB, NV12"),
    RING_ANY_FORMAT)
{
  RING_FOR_EACH_ROW (p, y, out)
    RING_FOR_EACH_LANE (x, out.plane[p].width * out.plane[p].pixel_stride)
      ring_row (out.plane[p], y)[x] = (uint8_t) (p > 0 ? ring->n_blocks : 0);
}
"""
UNWRITTEN = HEADER + """
RING_KERNEL (unwritten, "Leaves the last byte out")
{
  RING_FOR_EACH (i, in.size - 1)
    out.data[i] = in.data[i];
}
"""
PADDING = HEADER + """
RING_KERNEL (padding, "Writes behind each row", RING_VIDEO ("GRAY8"))
{
  RING_FOR_EACH_ROW (p, y, in)
    RING_FOR_EACH_LANE (x, out.plane[p].stride)
      ring_row (out.plane[p], y)[x] = 1;
}
"""
# Where it hangs the first worker waits for others that have gone on.
HANGS = HEADER + """
RING_KERNEL (hangs, "Not all reach the barrier")
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = in.data[i];
  if (ring_is_first_worker ()) {
    ring_barrier ();
    ring_barrier ();
    ring_barrier ();
  }
}
"""
CRASHES = HEADER + """
RING_KERNEL (crashes, "Writes far away")
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = in.data[i];
  if (ring_is_first_worker ())
    *(volatile int *) 16 = 1;
}
"""
EMITS = HEADER + """
RING_KERNEL (emits, "Says something else with several workers", RING_EMITS (2))
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = in.data[i];
  if (ring_is_first_worker ()) {
    ring_emit (0, in.size);
    if (ring->n_blocks > 2)
      ring_emit (1, 0);
  }
}
"""
BLOCKS = HEADER + """
RING_KERNEL (blocks, "Sums up, a message for each block", RING_BLOCK_SHARING)
{
  uint8_t sum = 0;
  for (uint64_t i = 0; i < in.size; i++)
    out.data[i] = sum += in.data[i];
}
"""


class Verify(Case):
    def wrong(self, name, text, *options, status=1):
        self.write(name + ".c", text)
        report = self.json("verify", "./%s.c" % name, "--backend", "cpu", *options, status=status)
        self.assertEqual(len(report["kernels"]), 1)
        return report["kernels"][0]


class PassTest(Verify):
    def test_every_kernel_that_comes_with_it_is_the_same_with_1_2_and_7_workers(self):
        examples = sorted(glob.glob(os.path.join(EXAMPLES, "*.c")))
        self.assertGreaterEqual(len(examples), 10)
        report = self.json("verify", "--all", *examples, "--backend", "cpu")
        self.assertEqual([k["name"] for k in report["kernels"][:len(BUILTIN)]], BUILTIN)
        self.assertEqual(len(report["kernels"]), len(BUILTIN) + len(examples))
        for kernel in report["kernels"]:
            self.assertTrue(kernel["passed"], kernel)
            self.assertEqual(kernel["ways"], 9)
            self.assertGreater(kernel["streams"], 9)
            self.assertIsNone(kernel["difference"])
            self.assertIsNone(kernel["error"])

    def test_what_new_writes_and_messages_side_by_side(self):
        for kind in ["video", "audio", "sensor"]:
            self.ringkernel("new", kind, "--" + kind)
        self.write("blocks.c", BLOCKS)
        said = self.ringkernel("verify", "./video.c", "./audio.c", "./sensor.c", "./blocks.c",
                               "--backend", "cpu", "--seed", "77")
        self.assertEqual(len(said.splitlines()), 4)
        for line in said.splitlines():
            self.assertIn("the same in 9 ways", line)

    def test_the_same_seed_is_the_same_run(self):
        self.write("worker.c", WORKER)
        runs = [self.ringkernel("verify", "./worker.c", "--backend", "cpu", "--seed", seed, status=1)
                for seed in ["5", "5", "6"]]
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], runs[2])


class WrongTest(Verify):
    def test_a_kernel_that_depends_on_the_number_of_workers(self):
        kernel = self.wrong("worker", WORKER)
        self.assertFalse(kernel["passed"])
        d = kernel["difference"]
        self.assertEqual(d["on"], "cpu, inline, 2 workers")
        self.assertEqual(d["format"], "video RGB 1x1")
        self.assertEqual(d["place"], "pixel (0, 0), red")
        self.assertEqual((int(d["value"]) - int(d["expected"])) % 256, 1)
        self.assertRegex(d["parameters"], r"^nothing='[0-4]'$")

    def test_people_are_told_what_it_takes_to_see_it_again(self):
        self.write("worker.c", WORKER)
        said = self.ringkernel("verify", "./worker.c", "copy", "--backend", "cpu", "--seed", "9",
                               status=1)
        for text in ["worker: DIFFERS", "pixel (0, 0), red: ", ", expected ", "cpu, inline, 2 workers",
                     "with the defaults", "again: ringkernel verify ./worker.c --seed 9",
                     "copy: the same"]:
            self.assertIn(text, said)
        self.assertIn("1 of 2 kernels", self.errors)

    def test_floats_within_the_tolerance_pass(self):
        d = self.wrong("drift", TOLERANT)["difference"]
        self.assertRegex(d["place"], r"^frame \d+, channel \d$")
        self.assertAlmostEqual(float(d["value"]) - float(d["expected"]), 0.0001, places=5)
        self.assertTrue(self.wrong("drift", TOLERANT, "--tolerance", "0.001", status=0)["passed"])

    def test_a_field_of_a_record(self):
        d = self.wrong("last", RECORD)["difference"]
        self.assertEqual(d["place"], "record 5, field 3")
        self.assertEqual(int(d["value"]) ^ int(d["expected"]), 1)

    def test_sizes_and_formats_that_are_left_open_are_tried(self):
        d = self.wrong("resized", RESIZED)["difference"]
        self.assertRegex(d["format"], r"^video GRAY8 \d+x\d+ to video GRAY8 \d+x\d+$")
        self.assertRegex(d["place"], r"^pixel \(\d+, \d+\), gray$")
        d = self.wrong("reformed", REFORMED)["difference"]
        self.assertRegex(d["format"], r"^video RGB (\d+x\d+) to video NV12 \1$")
        self.assertRegex(d["place"], r"^pixel \(\d+, \d+\), [UV]$")

    def test_output_that_is_not_written(self):
        self.write("unwritten.c", UNWRITTEN)
        said = self.ringkernel("verify", "./unwritten.c", "--backend", "cpu", status=1)
        self.assertIn("unwritten: DIFFERS", said)
        self.assertIn("not all of the output is written", said)

    def test_bytes_behind_a_row(self):
        kernel = self.wrong("padding", PADDING)
        self.assertFalse(kernel["passed"])
        self.assertIn("behind a row", kernel["error"])

    def test_another_number_of_results(self):
        d = self.wrong("emits", EMITS)["difference"]
        self.assertEqual(d["on"], "cpu, inline, 7 workers")
        self.assertIn("come", d["place"])

    def test_a_kernel_that_hangs_is_named(self):
        self.write("hangs.c", HANGS)
        self.fails("verify", "./hangs.c", "--backend", "cpu", "--timeout", "2",
                   says=["hangs: cpu, inline, 2 workers", "not done after 2 s", "ring_barrier"])

    @unittest.skipIf(os.environ.get("ASAN_OPTIONS"), "the sanitizer tells of crashes")
    def test_a_kernel_that_crashes_is_named(self):
        self.write("crashes.c", CRASHES)
        self.fails("verify", "./crashes.c", "--backend", "cpu",
                   says=["crashes: cpu, inline, 1 worker", "SIGSEGV"])

    def test_kernels_that_cannot_be_used(self):
        self.write("broken.c", BROKEN)
        kernel = self.wrong("broken", BROKEN)
        self.assertIn("nothing_of_that_name", kernel["error"])
        report = self.json("verify", "nothing", "copy", "--backend", "cpu", status=1)
        self.assertEqual([k["passed"] for k in report["kernels"]], [False, True])
        self.assertIn("'nothing' not found", report["kernels"][0]["error"])

    def test_wrong_usage(self):
        self.fails("verify", status=2, says="--all")
        self.fails("verify", "copy", "--seed", "0", status=2, says="--seed")
        self.fails("verify", "copy", "--timeout", "0", status=2, says="--timeout")
        self.fails("verify", "copy", "--tolerance=-1", status=2, says="--tolerance")
        self.fails("verify", "copy", "--backend", "gpu", status=2, says="'gpu'")

    def test_a_device_that_is_not_there(self):
        self.ringkernel("verify", "copy", "--backend", "cuda", status=1, CUDA_VISIBLE_DEVICES="")
        self.assertTrue(self.errors.startswith("ringkernel: "), self.errors)


class BenchTest(Case):
    def bench(self, *arguments):
        return self.json("bench", *arguments, "--seconds", "0.02", "--backend", "cpu")

    def test_figures_for_three_sizes_of_every_kind(self):
        for kernel, sizes in [("invert", [640 * 360, 1280 * 720, 1920 * 1080]),
                              ("gain", [64 * 4, 1024 * 4, 16384 * 4]),
                              ("decimate", [16, 256 * 16, 4096 * 16]),
                              ("spectrum", [64 * 8, 1024 * 8, 16384 * 8]),
                              ("coverage", [640 * 360, 1280 * 720, 1920 * 1080]),
                              ("copy", [256, 65536, 1048576])]:
            with self.subTest(kernel):
                report = self.bench(kernel)
                self.assertEqual(report["kernel"], kernel)
                self.assertEqual(report["backend"], "cpu")
                self.assertEqual(report["mode"], "inline")
                self.assertEqual([size["bytes"] for size in report["sizes"]], sizes)
                for size in report["sizes"]:
                    self.assertGreater(size["messages"], 1)
                    self.assertGreater(size["messages_per_second"], 0)
                    latency = size["latency_us"]
                    self.assertGreater(latency["p50"], 0)
                    self.assertLessEqual(latency["p50"], latency["p99"])
                    self.assertLessEqual(latency["p99"], latency["max"])

    def test_it_runs_as_is_asked_for(self):
        for mode in ["inline", "event-driven", "persistent"]:
            report = self.bench("invert", "--mode", mode, "--workers", "2", "--format", "I420",
                                "--param", "amount=0.5")
            self.assertEqual((report["mode"], report["workers"]), (mode, 2))
            self.assertEqual(report["sizes"][0]["format"], "video I420 640x360")
            self.assertEqual(report["sizes"][0]["bytes"], 640 * 360 * 3 // 2)

    def test_people_are_told_what_was_measured(self):
        said = self.ringkernel("bench", "gain", "--seconds", "0.02", "--backend", "cpu")
        for text in ["gain on cpu", "inline", "latency: one message at a time",
                     "throughput: 8 in flight", "0.02 s", "64 frames S16LE, 2 channels"]:
            self.assertIn(text, said)

    def test_what_cannot_be_measured(self):
        self.fails("bench", "nothing", says="'nothing' not found")
        self.fails("bench", "copy", "--param", "x=1", says="'x'")
        self.fails("bench", "invert", "--format", "F32LE", says=["does not take 'F32LE'", "GRAY8"])
        self.fails("bench", "copy", "--format", "RGB", says="it takes bytes")
        self.fails("bench", "copy", "--mode", "fast", status=2, says="inline, event-driven, persistent")
        self.fails("bench", "copy", "--seconds", "0", status=2, says="--seconds")
        self.fails("bench", "copy", "--workers", "0", status=2, says="--workers")


if __name__ == "__main__":
    unittest.main()
