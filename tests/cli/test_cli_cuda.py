# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the command does where there is a GPU, over the stand-in driver."""
import glob
import os
import sys
import unittest

from cli_test import BUILTIN, EXAMPLES, FADE, HEADER, ROOT, Case

sys.path.insert(0, os.path.join(ROOT, "tests", "cuda"))
import cubin  # noqa: E402

# As a GPU shares the work out, its workers write what one on the cpu does not.
ELSEWHERE = HEADER + """
RING_KERNEL (elsewhere, "Is another kernel on a device")
{
  RING_FOR_EACH (i, in.size)
#ifdef RING_STRIDED
    out.data[i] = (uint8_t) (in.data[i] + (i == 7));
#else
    out.data[i] = in.data[i];
#endif
}
"""
CPU_ONLY = HEADER + """
#ifdef RING_DEVICE_ON_HOST
#error not for GPUs
#endif
RING_KERNEL (cpu_only, "Compiles for the cpu alone")
{
  RING_FOR_EACH (i, in.size)
    out.data[i] = in.data[i];
}
"""
# A float whose last places are a device's own, and what is rounded from it.
ROUNDED = HEADER + """
RING_KERNEL (rounded, "Is a step off on a device",
    RING_VIDEO ("GRAY8"), RING_%s (x, 1, 0, 1, "Nothing"))
{
  RING_FOR_EACH_ROW (p, y, in)
    RING_FOR_EACH_LANE (x, in.width) {
      const uint8_t v = ring_row (in.plane[p], y)[x];
#ifdef RING_STRIDED
      ring_row (out.plane[p], y)[x] = v < 255 ? v + 1 : v;
#else
      ring_row (out.plane[p], y)[x] = v;
#endif
    }
}
"""


class CudaTest(Case):
    @unittest.skipIf("RINGTEST_CFLAGS" in os.environ, "takes minutes under a sanitizer")
    def test_every_kernel_that_comes_with_it_is_the_same_as_on_the_cpu(self):
        examples = sorted(glob.glob(os.path.join(EXAMPLES, "*.c")))
        report = self.json("verify", "--all", *examples, "--backend", "cuda")
        self.assertEqual([k["name"] for k in report["kernels"][:len(BUILTIN)]], BUILTIN)
        self.assertEqual(len(report["kernels"]), len(BUILTIN) + len(examples))
        for kernel in report["kernels"]:
            self.assertTrue(kernel["passed"], kernel)
            self.assertEqual(kernel["ways"], 4)
            self.assertIsNone(kernel["skipped"])

    def test_all_backends_that_are_there_are_compared(self):
        self.assertEqual(self.json("verify", "copy")["kernels"][0]["ways"], 13)

    def test_a_difference_on_the_device_is_found(self):
        self.write("elsewhere.c", ELSEWHERE)
        kernel = self.json("verify", "./elsewhere.c", status=1)["kernels"][0]
        d = kernel["difference"]
        self.assertEqual(d["on"], "cuda, event-driven, mapped")
        self.assertEqual(d["place"], "byte 7")
        self.assertEqual((int(d["value"]) - int(d["expected"])) % 256, 1)

    def test_a_step_is_allowed_for_kernels_that_compute_with_floats_alone(self):
        self.write("float.c", ROUNDED % "FLOAT")
        self.write("int.c", ROUNDED % "INT")
        report = self.json("verify", "./float.c", "./int.c", "--backend", "cuda", status=1)
        self.assertEqual([k["passed"] for k in report["kernels"]], [True, False])

    def test_a_kernel_without_code_for_the_device_is_left_out_there_and_said(self):
        self.write("fade.c", FADE)
        self.ringkernel("compile", "fade.c")
        kernel = self.json("verify", "./fade.so")["kernels"][0]
        self.assertTrue(kernel["passed"])
        self.assertEqual(kernel["ways"], 9)
        self.assertIn("not on cuda", kernel["skipped"])
        kernel = self.json("verify", "./fade.so", "--backend", "cuda", status=1)["kernels"][0]
        self.assertIn("code for the cpu only", kernel["error"])

    def test_what_does_not_compile_for_gpus_is_refused(self):
        self.write("cpu-only.c", CPU_ONLY)
        self.ringkernel("compile", "cpu-only.c", status=1)
        self.assertIn("not for GPUs", self.errors)
        self.assertEqual(os.listdir(self.folder), ["cpu-only.c"])
        kernel = self.json("verify", "./cpu-only.c", status=1)["kernels"][0]
        self.assertIn("not for GPUs", kernel["error"])

    def test_code_for_a_gpu_is_written_beside_the_module(self):
        self.write("fade.c", FADE)
        self.assertIn("compiles for GPUs, too", self.ringkernel("compile", "fade.c"))
        os.mkdir(self.path("to"))
        self.ringkernel("compile", "fade.c", "-o", "to/fade.so", "--cuda", "9.0")
        beside = [name for name in os.listdir(self.path("to")) if name != "fade.so"]
        self.assertIn(beside, [["fade.cubin"], ["fade.ptx"]])
        self.assertIn({"backend": "cuda", "code": "to/" + beside[0]},
                      self.json("inspect", "to/fade.so")["targets"])

    def test_built_in_kernels_have_code_for_gpus(self):
        codes = [t["code"] for t in self.json("inspect", "edges")["targets"]
                 if t["backend"] == "cuda"]
        self.assertTrue(any(code.startswith("sm_") for code in codes), codes)
        self.assertTrue(codes[-1].startswith("compute_"), codes)

    def test_registers_of_built_in_kernels_are_those_that_the_compiler_chose(self):
        kernel = self.json("inspect", "edges")
        self.assertIsNone(kernel["device_code_error"])
        codes = {c["target"]: c for c in kernel["device_code"]}
        self.assertEqual(set(codes), {t["code"] for t in kernel["targets"]
                                      if t["backend"] == "cuda"})
        with open(os.path.join(os.environ["RINGKERNEL_BUILD"], "kernels", "edges.fatbin"),
                  "rb") as file:
            expected = cubin.of_image(file.read(), list(codes))
        for code in expected:
            told = codes[code.architecture]
            self.assertEqual((told["registers"], told["shared_memory"], told["stack"]),
                             (code.registers, code.shared, code.frame))

    def test_a_file_is_run_there(self):
        data = bytes(range(256)) * 100
        self.write("fade.c", FADE)
        on_cpu = self.ringkernel_bytes("run", "./fade.c", "-i", "-", "-o", "-", "--backend", "cpu",
                                       stdin=data)
        self.assertEqual(on_cpu, self.ringkernel_bytes(
            "run", "./fade.c", "-i", "-", "-o", "-", "--backend", "cuda", stdin=data))
        self.assertEqual(len(on_cpu), len(data))

    def test_auto_takes_the_cpu_for_what_has_no_code_for_the_device(self):
        self.write("fade.c", FADE)
        self.ringkernel("compile", "fade.c")
        out = self.ringkernel_bytes("run", "./fade.so", "-i", "-", "-o", "-", stdin=b"\x64",
                                    RINGKERNEL_BACKEND="cuda")
        self.assertEqual(out, b"\x32")
        self.assertIn("running on cpu: kernel 'fade'", self.errors)
        self.fails("run", "./fade.so", "-i", "-", "-o", "-", "--backend", "cuda", stdin=b"\x64",
                   says="code for the cpu only")

    def test_doctor_says_which_mode_and_why(self):
        checks = {c["name"]: c for c in self.json("doctor")["checks"]}
        self.assertEqual(checks["NVRTC"]["status"], "ok")
        self.assertEqual(checks["cuda device 0"]["status"], "ok")
        self.assertIn("mode auto is persistent", checks["cuda device 0"]["text"])
        checks = {c["name"]: c for c in self.json("doctor", RING_FAKE_COOPERATIVE="0")["checks"]}
        self.assertRegex(checks["cuda device 0"]["text"], "mode auto is event-driven: .+")
        checks = {c["name"]: c for c in self.json("doctor", RING_FAKE_DEVICES="2")["checks"]}
        self.assertEqual(checks["cuda device 1"]["status"], "ok")

    def test_doctor_says_what_is_missing(self):
        checks = {c["name"]: c for c in self.json(
            "doctor", RING_FAKE_DEVICES="0", RINGKERNEL_NVRTC="/nonexistent")["checks"]}
        self.assertEqual(checks["cuda"]["status"], "missing")
        self.assertEqual(checks["NVRTC"]["status"], "missing")
        self.assertIn("RINGKERNEL_NVRTC", checks["NVRTC"]["text"])

    def test_a_device_that_does_not_work_is_a_problem(self):
        checks = {c["name"]: c for c in self.json(
            "doctor", RING_FAKE_FAIL="cuModuleLoadDataEx:1:2", status=1)["checks"]}
        self.assertEqual(checks["cuda device 0"]["status"], "problem")

    def test_bench_measures_there(self):
        report = self.json("bench", "decimate", "--backend", "cuda", "--seconds", "0.02")
        self.assertEqual((report["backend"], report["mode"]), ("cuda", "persistent"))
        self.assertEqual(len(report["sizes"]), 3)


if __name__ == "__main__":
    unittest.main()
