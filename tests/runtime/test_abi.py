#!/usr/bin/env python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The headers that host and device share compile unchanged with every compiler
that is here, and mean the same in each; every public header stands alone."""

import ctypes
import ctypes.util
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
RUNTIME = os.environ.get("RING_TEST_INCLUDE_DIR",
                         os.path.join(HERE, "..", "..", "runtime"))
HEADERS = os.path.join(RUNTIME, "ringkernel")
SHARED = ["abi.h", "atomic.h", "ring-queue.h", "view.h", "worker.h", "steps.h",
          "residency.h", "device.h", "device-message.h", "device-loop.h",
          "sdk-bytes.h",
          "sdk-fft.h",
          "sdk-lookup.h",
          "sdk-map.h",
          "sdk-math.h",
          "kernel-sdk.h"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]

KERNEL = """
#include <ringkernel/kernel-sdk.h>
RING_KERNEL (all_of_it, "Uses every kind of item",
    RING_STATE (uint32_t n;), RING_STATE_PER_BYTE (1), RING_SCRATCH (64),
    RING_SCRATCH_PER_BYTE (1), RING_EMITS (2),
    RING_FLOAT (f, 0.5, 0.0, 1.0, RING_UNIT_RATIO, "float"),
    RING_INT (i, 1, 0, 2, "int"),
    RING_BOOL (b, 1, "bool"),
    RING_ENUM (e, 0, "x|y", "enum"),
    RING_FLOAT_ARRAY (a, 4, "1, 2", 0.0, 9.0, "array"))
{
  RING_FOR_EACH (x, in.size)
    ring_output (0).data[x] = ring_mix_u8 (in.data[x],
        (int32_t) params.a[0] + params.i + params.b + params.e, params.f);
  RING_FOR_EACH_ROW (p, y, in)
    RING_FOR_EACH_LANE (x, in.plane[p].width)
      ring_row (ring_output (1).plane[p], y)[x] = state_buffer[x] + scratch[x];
  ring_barrier ();
  if (ring_is_first_worker ()) {
    state->n++;
    ring_emit (0, in.size);
  }
}
"""

# Both sides' use of the ring, so that a device compiler sees it, too.
QUEUE_C = """
#include <ringkernel/ring-queue.h>
RING_DEVICE uint64_t
pass_on (RingQueue *from, RingQueue *to)
{
  const uint64_t ready = ring_queue_ready (from, 8);
  const uint64_t n = ring_queue_space (to, ready) < ready ? 0 : ready;

  ring_queue_slot (to, to->position)->magic = RING_MESSAGE_MAGIC;
  ring_queue_publish_at (to, to->position);
  ring_queue_publish (to, n);
  ring_queue_release (from, n);
  ring_fence ();
  return n;
}
#if defined (__CUDACC__) || defined (__CUDACC_RTC__)
extern "C" __global__ void
use (RingQueue *from, RingQueue *to, uint64_t *n)
{
  *n = pass_on (from, to);
}
#else
uint64_t use (RingQueue *from, RingQueue *to);
uint64_t
use (RingQueue *from, RingQueue *to)
{
  return pass_on (from, to);
}
#endif
"""


def find(*names):
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    return None


def nvcc_path():
    return find("nvcc") or find("/usr/local/cuda/bin/nvcc")


def glib_flags():
    try:
        return subprocess.run(["pkg-config", "--cflags", "gio-2.0"],
                              check=True, capture_output=True,
                              text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return None


class Scratch(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="ring-abi-")
        self.addCleanup(self.directory.cleanup)

    def write(self, name, text):
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def compile(self, *command):
        done = subprocess.run([*command, "-I", RUNTIME],
                              cwd=self.directory.name, text=True,
                              capture_output=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0,
                         f"{' '.join(command)}\n{done.stdout}{done.stderr}")


class Compilers(Scratch):
    """Each shared header alone, a kernel and the ring, per compiler."""

    def host(self, name, *flags, suffix):
        compiler = find(name)
        if not compiler:
            self.skipTest(f"{name} is not here")
        # A shared header may be included alone, and twice.
        for header in SHARED:
            source = self.write(f"alone{suffix}",
                                f"#include <ringkernel/{header}>\n" * 2
                                + "extern int not_empty;\n")
            self.compile(compiler, *flags, *WARNINGS, "-pedantic",
                         "-Wno-gnu-statement-expression", "-c", source,
                         "-o", "out.o")
        source = self.write(f"queue{suffix}",
                            'extern "C" {\n' * (suffix == ".cpp") + QUEUE_C
                            + "}\n" * (suffix == ".cpp"))
        self.compile(compiler, *flags, *WARNINGS, "-c", source, "-o", "out.o")
        source = self.write(f"kernel{suffix}", KERNEL)
        # For the CPU's backend, and as the device's loop for threads.
        for define in ("-DNDEBUG", "-DRING_DEVICE_ON_HOST"):
            self.compile(compiler, *flags, *WARNINGS, define, "-O2", "-fPIC",
                         "-c", source, "-o", "out.o")

    def test_gcc_as_c11(self):
        self.host("gcc", "-std=c11", suffix=".c")

    def test_gcc_as_gnu11(self):
        self.host("gcc", "-std=gnu11", suffix=".c")

    def test_gcc_as_cpp17(self):
        self.host("g++", "-std=c++17", suffix=".cpp")

    def test_clang_as_c11(self):
        self.host("clang", "-std=c11", suffix=".c")

    def test_clang_as_cpp17(self):
        self.host("clang++", "-std=c++17", suffix=".cpp")

    def test_nvcc(self):
        nvcc = nvcc_path()
        if not nvcc:
            self.skipTest("nvcc is not here")
        source = self.write("all.cu", "".join(
            f"#include <ringkernel/{header}>\n" for header in SHARED)
            + QUEUE_C + KERNEL)
        self.compile(nvcc, "-std=c++17", "-Werror", "all-warnings", "-ptx",
                     source, "-o", "all.ptx")
        with open(os.path.join(self.directory.name, "all.ptx"),
                  encoding="utf-8") as ptx:
            text = ptx.read()
        # System scope, and really the ring's own words.
        for wanted in ("ld.acquire.sys", "st.release.sys",
                       ".entry ring_kernel_resident",
                       "ring_kernel_description"):
            self.assertTrue(wanted in text, wanted)


class DeviceOnHost(Scratch):
    """Every kernel with the device's loop around it, for threads of this machine."""

    def kernels(self, name):
        compiler = find(name)
        if not compiler:
            self.skipTest(f"{name} is not here")
        root = os.path.join(HERE, "..", "..")
        sources = glob.glob(os.path.join(root, "kernels", "*", "*.c"))
        sources += glob.glob(os.path.join(root, "examples", "kernels", "*.c"))
        self.assertGreater(len(sources), 10)
        for source in sorted(sources):
            kernel = os.path.basename(source)[:-2]
            library = os.path.join(self.directory.name, kernel + ".so")
            with self.subTest(kernel):
                self.compile(compiler, "-std=gnu11", *WARNINGS, "-O1", "-fPIC",
                             "-shared", "-DRING_DEVICE_ON_HOST", source, "-o",
                             library, "-lm")
                version = ctypes.c_uint32.in_dll(ctypes.CDLL(library),
                                                 "ring_device_kernel")
                self.assertEqual(version.value, self.abi_version())

    @staticmethod
    def abi_version():
        with open(os.path.join(HEADERS, "abi.h"), encoding="utf-8") as file:
            return int(re.search(r"#define RING_ABI_VERSION (\d+)u",
                                 file.read()).group(1))

    def test_gcc(self):
        self.kernels("gcc")

    def test_clang(self):
        self.kernels("clang")


class Nvrtc(Scratch):
    """NVRTC gets the headers as the runtime hands them over, nothing else."""

    def load(self):
        names = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"]
        names += sorted(glob.glob("/usr/local/cuda*/lib*/libnvrtc.so*"))
        for name in names:
            try:
                return ctypes.CDLL(name)
            except OSError:
                continue
        self.skipTest("libnvrtc is not here")

    def test_nvrtc(self):
        nvrtc = self.load()
        program = ctypes.c_void_p()
        text = QUEUE_C + KERNEL
        contents, names = [], []
        for header in SHARED:
            with open(os.path.join(HEADERS, header), encoding="utf-8") as file:
                contents.append(file.read().encode())
            names.append(f"ringkernel/{header}".encode())
        # A header includes its neighbour by its bare name.
        contents += contents
        names += [header.encode() for header in SHARED]
        n = len(names)
        array = ctypes.c_char_p * n
        self.assertEqual(0, nvrtc.nvrtcCreateProgram(
            ctypes.byref(program), text.encode(), b"kernel.c", n,
            array(*contents), array(*names)))
        options = [b"--std=c++17", b"--gpu-architecture=compute_75"]
        result = nvrtc.nvrtcCompileProgram(
            program, len(options), (ctypes.c_char_p * len(options))(*options))
        size = ctypes.c_size_t()
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        self.assertEqual(0, result, log.value.decode(errors="replace"))
        self.assertEqual(0, nvrtc.nvrtcGetPTXSize(program,
                                                  ctypes.byref(size)))
        ptx = ctypes.create_string_buffer(size.value)
        self.assertEqual(0, nvrtc.nvrtcGetPTX(program, ptx))
        for wanted in (b"ld.acquire.sys", b"st.release.sys",
                       b".entry ring_kernel_resident"):
            self.assertTrue(wanted in ptx.value, wanted)
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


class PublicHeaders(Scratch):
    def public(self):
        headers = sorted(glob.glob(os.path.join(HEADERS, "*.h")))
        self.assertGreater(len(headers), 8)
        return [os.path.basename(header) for header in headers]

    def alone(self, compiler, *flags, suffix):
        glib = glib_flags()
        if not find(compiler):
            self.skipTest(f"{compiler} is not here")
        if glib is None:
            self.skipTest("glib's headers are not here")
        for header in self.public():
            with self.subTest(header=header):
                source = self.write(f"alone{suffix}",
                                    f"#include <ringkernel/{header}>\n" * 2
                                    + "extern int not_empty;\n")
                self.compile(compiler, *flags, *WARNINGS, *glib, "-c", source,
                             "-o", "out.o")

    def test_each_compiles_alone_as_c(self):
        self.alone("gcc", "-std=c11", suffix=".c")

    def test_each_compiles_alone_as_cpp(self):
        self.alone("g++", "-std=c++17", suffix=".cpp")

    def test_shared_headers_need_no_glib(self):
        for header in SHARED:
            with open(os.path.join(HEADERS, header), encoding="utf-8") as file:
                self.assertNotRegex(file.read(), r"#include\s+<(glib|gio)")


class Layout(Scratch):
    SOURCE = os.path.join(HERE, "abi-layout.c")

    def layout(self, *command):
        program = os.path.join(self.directory.name, "layout")
        self.compile(*command, "-o", program)
        return subprocess.run([program], check=True, capture_output=True,
                              text=True, timeout=60).stdout

    def test_every_member_is_printed(self):
        with open(os.path.join(HEADERS, "abi.h"), encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        with open(self.SOURCE, encoding="utf-8") as file:
            printed = set(re.findall(r"AT \((\w+), (\w+)\)", file.read()))
        declared = set()
        for body, name in re.findall(
                r"typedef struct\s*\{(.*?)\}\s*(\w+);", text, flags=re.S):
            for member in re.findall(r"(\w+)(?:\[[^\]]*\])?;", body):
                declared.add((name, member))
        self.assertGreater(len(declared), 80)
        self.assertEqual(declared, printed)

    def test_c_cpp_and_cuda_agree(self):
        compiler = find("gcc", "cc", "clang")
        if not compiler:
            self.skipTest("no C compiler is here")
        expected = self.layout(compiler, "-std=c11", self.SOURCE)
        self.assertIn("RingMessageHeader 256\n", expected)
        others = 0
        for name, *flags in (["clang", "-std=c11"],
                             ["g++", "-std=c++17", "-x", "c++"],
                             ["clang++", "-std=c++17", "-x", "c++"],
                             ["nvcc", "-std=c++17", "-x", "cu"]):
            path = nvcc_path() if name == "nvcc" else find(name)
            if not path:
                print(f"skipped: {name} is not here", file=sys.stderr)
                continue
            with self.subTest(compiler=name):
                self.assertEqual(expected,
                                 self.layout(path, *flags, self.SOURCE))
                others += 1
        if others == 0:
            self.skipTest("no second compiler is here")


if __name__ == "__main__":
    unittest.main(verbosity=2)
