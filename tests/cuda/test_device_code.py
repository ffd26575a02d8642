#!/usr/bin/env python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The code for GPUs that the library ships: what ptxas made of it for each
architecture, and in its PTX how it treats the words that host and device share."""
import collections
import ctypes
import functools
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

import cubin
from cubin import ENTRY

ROOT = os.environ["RINGKERNEL_TEST_SOURCE_ROOT"]
INCLUDE = os.path.join(ROOT, "runtime")
CC = os.environ.get("CC", "cc").split() + ["-std=gnu11", "-I" + INCLUDE]
IMAGES = os.environ["RING_TEST_IMAGE_DIR"]
LIBRARY = os.environ["RING_TEST_LIBRARY"]
TARGETS = os.environ["RING_TEST_CUDA_TARGETS"].split()
SOURCES = sorted(glob.glob(os.path.join(ROOT, "kernels", "*", "*.c")))
NAMES = [os.path.basename(path)[:-2] for path in SOURCES]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def image(name):
    return read(os.path.join(IMAGES, name + ".fatbin"))


# ---- cubins -----------------------------------------------------------------------

def cubins(name):
    return cubin.of_image(image(name), TARGETS)


def description(path):
    """What the kernel says of itself when it is built for the CPU."""
    with tempfile.TemporaryDirectory() as folder:
        library = os.path.join(folder, "kernel.so")
        subprocess.run([*CC, "-shared", "-fPIC", path, "-o", library, "-lm"],
                       check=True)
        module = ctypes.addressof(ctypes.c_char.in_dll(
            ctypes.CDLL(library), "ring_kernel_module"))
        # abi_version, size, layout_hash, description: see worker.h
        at = ctypes.c_void_p.from_address(module + 16).value
        return ctypes.string_at(at, layout()["RingKernelDescription"])


class Cubins(unittest.TestCase):
    def test_each_kernel_has_code_for_each_architecture(self):
        expected = [t for t in TARGETS if t.startswith("sm_")]
        self.assertIn("sm_90", expected)
        for name in NAMES:
            with self.subTest(name):
                self.assertEqual(expected,
                                 [c.architecture for c in cubins(name)])

    def test_hardly_a_register_is_spilled(self):
        """Compilers differ in what they keep where a thread may have 64; but what a
        body does in its inner loop is not to wait for the stack."""
        for path, name in zip(SOURCES, NAMES):
            for code in cubins(name):
                architecture = code.architecture
                print(f"# {name} {architecture}: {code.registers} registers, "
                      f"{code.frame} bytes of stack, "
                      f"{len(code.code)} bytes of code", file=sys.stderr)
                with self.subTest(name, architecture=architecture):
                    self.assertGreater(code.registers, 0)
                    # What is spilled lies in the stack.
                    self.assertLessEqual(code.frame, 64)

    def test_largest_block_fits_the_registers(self):
        for name in NAMES:
            for code in cubins(name):
                with self.subTest(name, architecture=code.architecture):
                    self.assertGreaterEqual(code.lanes, 256)
                    # registers come in eights per thread
                    each = (code.registers + 7) // 8 * 8
                    self.assertLessEqual(code.lanes * each, 65536)

    def test_description_is_that_of_the_cpu_build(self):
        for path, name in zip(SOURCES, NAMES):
            expected = description(path)
            with self.subTest(name):
                self.assertIn(name.replace("-", "_").encode(), expected)
                found = [c.sections[".nv.global.init"] for c in cubins(name)]
                self.assertEqual(set(found), {expected})

    def test_library_holds_the_images_aligned(self):
        library = read(LIBRARY)
        for name in NAMES:
            with self.subTest(name):
                at = library.find(image(name))
                self.assertGreater(at, 0)
                # pages keep what is below their size
                self.assertEqual(at % 16, 0)


# ---- PTX --------------------------------------------------------------------------

LAYOUT = r"""
#include <stdio.h>
#include <ringkernel/residency.h>
#define AT(type, member) \
  printf ("%s.%s %zu\n", #type, #member, offsetof (type, member));
int
main (void)
{
  AT (RingResidency, control) AT (RingResidency, memory)
  AT (RingControlBlock, host) AT (RingControlBlock, device)
  AT (RingControlBlock, input_producer) AT (RingControlBlock, input_consumer)
  AT (RingControlBlock, output_producer) AT (RingControlBlock, output_consumer)
  AT (RingHostWords, active) AT (RingHostWords, terminate)
  AT (RingHostWords, drain) AT (RingHostWords, leave) AT (RingHostWords, epoch)
  AT (RingHostWords, lease_ns) AT (RingHostWords, idle_timeout_ns)
  AT (RingHostWords, parameter_generation)
  AT (RingDeviceWords, heartbeat) AT (RingDeviceWords, residency)
  AT (RingDeviceWords, exit_reason) AT (RingDeviceWords, processed)
  AT (RingDeviceWords, last_error) AT (RingDeviceWords, abi_version)
  AT (RingDeviceWords, layout_hash) AT (RingDeviceWords, residencies)
  AT (RingDeviceWords, relaunches)
  AT (RingDeviceMemory, command) AT (RingDeviceMemory, done)
  AT (RingDeviceMemory, arrived) AT (RingDeviceMemory, turn)
  AT (RingDeviceMemory, broken)
  printf ("RING_MAX_LANES %d\n", RING_MAX_LANES);
  printf ("RingResidency %zu\n", sizeof (RingResidency));
  printf ("RingKernelDescription %zu\n", sizeof (RingKernelDescription));
  return 0;
}
"""


@functools.cache
def layout():
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "layout.c")
        with open(source, "w", encoding="utf-8") as out:
            out.write(LAYOUT)
        program = os.path.join(folder, "layout")
        subprocess.run([*CC, source, "-o", program], check=True)
        lines = subprocess.run([program], check=True, capture_output=True,
                               text=True).stdout.splitlines()
    return {key: int(value) for key, value in map(str.split, lines)}


def ptx(name):
    """The text that lies in the image, for devices that are yet to come."""
    data = image(name)
    at = data.index(b".version ")
    return data[at:data.index(b"\0", at)].decode()


Access = collections.namedtuple("Access", "op base offset")


class Ptx:
    """Instructions, and which of them go by a pointer of the launch's parameter.

    A value is (what, offset): the address of the parameter itself, or one of its
    pointers, at a distance that is None where it is not constant."""

    MEMORY = re.compile(r"\[([%\w$]+)(?:\+(-?\d+))?\]")

    def __init__(self, text, pointers):
        self.text = text
        self.pointers = pointers
        self.code = [self.split(line) for line in text.splitlines()]
        self.code = [c for c in self.code if c]
        self.values = {}
        while self.propagate():
            pass

    @staticmethod
    def split(line):
        match = re.match(r"\s*(?:@!?%p\d+\s+)?([a-z][\w.:]*)\s*([^;]*);", line)
        return match and (match.group(1), match.group(2))

    def value(self, operand):
        if operand.startswith(ENTRY + "_param_0"):
            return ("parameter", int((operand + "+0").split("+")[1]))
        return self.values.get(operand)

    def address(self, operands):
        match = self.MEMORY.search(operands)
        value = self.value(match.group(1))
        if not value:
            return None
        what, offset = value
        more = int(match.group(2) or 0)
        return what, None if offset is None else offset + more

    def assign(self, register, value):
        old = self.values.get(register)
        if not value or value == old:
            return False
        if old and old[0] == value[0]:
            if old[1] is None:
                return False
            value = (value[0], None)
        elif old:
            raise AssertionError(f"{register} is {old} and {value}")
        self.values[register] = value
        return True

    def propagate(self):
        changed = False
        for op, operands in self.code:
            if op.startswith("ld.param"):
                registers = re.findall(r"%\w+", operands.split("[")[0])
                at = self.address(operands)
                if at is None or at[1] is None:
                    continue
                width = int(re.search(r"\d+$", op).group()) // 8
                for i, register in enumerate(registers):
                    what = self.pointers.get(at[1] + i * width)
                    if what and width == 8:
                        changed |= self.assign(register, (what, 0))
                continue
            parts = [part.strip() for part in operands.split(",")]
            if re.match(r"(mov|cvta\S*)\.[bus]64", op):
                changed |= self.assign(parts[0], self.value(parts[1]))
            elif re.match(r"selp\.[bus]64", op):
                for part in parts[1:3]:
                    changed |= self.assign(parts[0], self.value(part))
            elif re.match(r"(add|sub)\.[us]64", op):
                for one, other in (parts[1:], parts[:0:-1]):
                    value = self.value(one)
                    if not value:
                        continue
                    what, offset = value
                    if re.fullmatch(r"-?\d+", other) and offset is not None:
                        sign = -1 if op.startswith("sub") else 1
                        offset += sign * int(other)
                    else:
                        offset = None
                    changed |= self.assign(parts[0], (what, offset))
        return changed

    def before(self):
        """For each line of the text, those that may be carried out just before."""
        lines = self.text.splitlines()
        labels = {line.strip()[:-1]: i for i, line in enumerate(lines)
                  if re.match(r"\$\w+:\s*$", line.strip())}
        comes = collections.defaultdict(set)
        for i, line in enumerate(lines):
            jump = re.match(r"\s*(@!?%p\d+\s+)?bra(?:\.uni)?\s+(\$\w+)", line)
            if jump:
                comes[labels[jump.group(2)]].add(i)
            if i + 1 < len(lines) and not (jump and not jump.group(1)) \
                    and not re.match(r"\s*(ret|exit)\s*;", line):
                comes[i + 1].add(i)
        return lines, comes

    def accesses(self):
        for access in self.ordered():
            if not access.op.startswith("fence"):
                yield access

    def ordered(self):
        """All accesses to memory and all fences, as the text has them."""
        for op, operands in self.code:
            if op.startswith("fence"):
                yield Access(op, None, None)
            elif re.match(r"(ld|st|atom|red)\.", op) and "[" in operands:
                if op.startswith(("ld.param", "ld.shared", "st.shared")):
                    continue
                what, offset = self.address(operands) or (None, None)
                yield Access(op, what, offset)


class PtxOfKernels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.at = at = layout()
        pointers = {at["RingResidency.control"]: "control",
                    at["RingResidency.memory"]: "memory"}
        cls.ptx = {name: Ptx(ptx(name), pointers) for name in NAMES}

    def words(self, struct_name, member):
        base = self.at[f"RingControlBlock.{member}"]
        return {base + offset for key, offset in self.at.items()
                if key.startswith(struct_name + ".")}

    def test_is_for_the_newest_architecture(self):
        newest = [t for t in TARGETS if t.startswith("sm_")][-1]
        for name, code in self.ptx.items():
            with self.subTest(name):
                for wanted in (f".target {newest}", f".entry {ENTRY}(",
                               f".maxntid {self.at['RING_MAX_LANES']}",
                               f"_param_0[{self.at['RingResidency']}]"):
                    self.assertTrue(wanted in code.text, wanted)

    def test_control_block_only_with_the_ordering_of_the_system(self):
        """An access orders by itself, or goes along with one that does; then it is
        relaxed, and no weaker, and of the system's scope all the same."""
        for name, code in self.ptx.items():
            with self.subTest(name):
                control = [a for a in code.accesses() if a.base == "control"]
                self.assertGreater(len(control), 20)
                for access in control:
                    self.assertRegex(
                        access.op,
                        r"^(ld\.(acquire|relaxed)|st\.(release|relaxed))"
                        r"\.sys\.global\.(v4\.)?u\d+$", access)

    def test_what_is_handed_over_is_behind_one_fence(self):
        """A result costs one fence, and no access before it is a release."""
        at = self.at
        processed = (at["RingControlBlock.device"]
                     + at["RingDeviceWords.processed"])
        for name, code in self.ptx.items():
            with self.subTest(name):
                lines, comes = code.before()
                todo = []
                for i, line in enumerate(lines):
                    done = code.split(line)
                    if done and done[0].startswith("st.relaxed.sys") \
                            and code.address(done[1]) == ("control", processed):
                        todo.append(i)
                self.assertGreaterEqual(len(todo), 1)
                # On every way to it there is the fence, and behind that one no access
                # of the system's scope but such stores.
                seen, handed, fences = set(todo), set(), set()
                while todo:
                    for i in comes[todo.pop()] - seen:
                        seen.add(i)
                        self.assertNotIn(".entry", lines[i])
                        if "fence.acq_rel.sys" in lines[i]:
                            fences.add(i)
                            continue
                        if ".sys." in lines[i]:
                            self.assertIn("st.relaxed.sys.global.u64", lines[i])
                            handed.add(i)
                        todo.append(i)
                self.assertGreaterEqual(len(fences), 1)
                # the slot and the two positions
                self.assertGreaterEqual(len(handed), 3)

    def test_a_look_is_one_round_trip(self):
        """The orders, which are four neighbours, and the producer's position go out
        ahead of the slot's sequence, and neither acquires. Between them nothing is
        written, for that would wait for what is read."""
        at = self.at
        orders = at["RingControlBlock.host"] + at["RingHostWords.active"]
        for word, n in (("terminate", 1), ("drain", 2), ("leave", 3)):
            self.assertEqual(at["RingHostWords." + word],
                             at["RingHostWords.active"] + 4 * n)
        for name, code in self.ptx.items():
            with self.subTest(name):
                ops = list(code.ordered())
                looks = [i for i, a in enumerate(ops) if a.base == "control"
                         and a.offset == orders and a.op.startswith("ld.")]
                self.assertGreaterEqual(len(looks), 2)
                for i in looks:
                    self.assertEqual(
                        ["ld.relaxed.sys.global.v4.u32",
                         "ld.relaxed.sys.global.u64",
                         "ld.acquire.sys.global.u64"],
                        [a.op for a in ops[i:i + 3]])
                writes = [op for op, _ in code.code if op.startswith(
                    ("st.", "ld.relaxed.sys.global.v4.u32", "ld.acquire.sys"))]
                for i, op in enumerate(writes):
                    if op.startswith("ld.relaxed"):
                        self.assertRegex(writes[i + 1], "^ld.acquire")

    def test_every_word_is_used_by_the_side_that_it_belongs_to(self):
        """And no word is missed because an address was not recognised."""
        host = self.words("RingHostWords", "host")
        device = self.words("RingDeviceWords", "device")
        self.assertEqual(len(host), 8)
        self.assertEqual(len(device), 9)
        for name, code in self.ptx.items():
            with self.subTest(name):
                control = [a for a in code.accesses() if a.base == "control"]
                loads = {a.offset + 4 * i for a in control
                         if a.op.startswith("ld.") and a.offset is not None
                         for i in range(4 if ".v4." in a.op else 1)}
                stores = {a.offset for a in control if a.op.startswith("st.")}
                self.assertNotIn(None, stores)
                # Two lanes read each a word of their own for a batch.
                either = [a for a in control if a.offset is None]
                self.assertLessEqual(
                    {a.op for a in either}, {"ld.relaxed.sys.global.u64"})
                self.assertLessEqual(len(either), 1)
                # Words of a batch are read where a kernel can have one.
                optional = {self.at["RingControlBlock.host"]
                            + self.at["RingHostWords.parameter_generation"]}
                self.assertLessEqual(host - optional, loads)
                self.assertLessEqual(device, stores)
                self.assertFalse(loads & device)
                self.assertFalse(stores & host)
                self.assertNotIn(self.at["RingControlBlock.input_producer"], stores)
                self.assertNotIn(self.at["RingControlBlock.output_consumer"], stores)

    def test_words_of_the_rings_are_handed_over_by_the_system(self):
        """Slot sequences and positions go by pointers that lie in memory: each
        ordered access that is not of the control block's own words is theirs."""
        for name, code in self.ptx.items():
            with self.subTest(name):
                others = [a.op for a in code.accesses()
                          if a.base is None and ".sys." in a.op]
                self.assertIn("ld.acquire.sys.global.u64", others)
                self.assertIn("st.relaxed.sys.global.u64", others)
                self.assertFalse([op for op in others if not re.match(
                    r"(ld\.(acquire|relaxed)|st\.relaxed)\.sys\.global\.u64", op)])

    def test_words_that_blocks_share_go_at_gpu_scope(self):
        words = {self.at["RingDeviceMemory." + member]: member
                 for member in ("command", "done", "arrived", "turn",
                                "broken")}
        for name, code in self.ptx.items():
            with self.subTest(name):
                used = set()
                for access in code.accesses():
                    if access.base != "memory" or access.offset not in words:
                        continue
                    used.add(words[access.offset])
                    # The leader's own counters begin where it alone has written.
                    if words[access.offset] == "command" \
                            and access.op == "ld.global.u64":
                        continue
                    # A command is one word, behind a fence for what it tells of: the
                    # turn that a batch begins with, for one.
                    if words[access.offset] in ("command", "turn") \
                            and access.op == "st.relaxed.gpu.global.u64":
                        continue
                    self.assertRegex(
                        access.op,
                        r"^(ld\.acquire|st\.release|atom\.add\.acq_rel)\.gpu"
                        r"\.global\.u64$", access)
                self.assertLessEqual({"command", "done", "broken"}, used)
                self.assertIn("fence.acq_rel.gpu", [a.op for a in code.ordered()])
                self.assertFalse([
                    a for a in code.accesses() if ".relaxed.gpu" in a.op
                    and words.get(a.offset) not in ("command", "turn")])

    def test_nothing_weaker_than_it_has_to_be(self):
        for name, code in self.ptx.items():
            with self.subTest(name):
                for op, operands in code.code:
                    # The host may change what this would keep in a cache.
                    self.assertNotRegex(op, r"^ld\.(global\.)?nc", operands)
                    self.assertNotRegex(op, r"^(ld|st)\.volatile", operands)
                    self.assertNotRegex(
                        op, r"^(ld\.relaxed\.(?!sys)|st\.relaxed\.(?!sys|gpu))",
                        operands)
                    # Across PCIe there are no atomics.
                    if re.match(r"(atom|red)\.(?!shared)", op):
                        self.assertIn(".gpu.", op)

    def test_all_is_in_one_function_without_a_stack(self):
        for name, code in self.ptx.items():
            with self.subTest(name):
                for unwanted in ("__local_depot", "vprintf", ".func "):
                    self.assertFalse(unwanted in code.text, unwanted)
                self.assertEqual(1, code.text.count(".entry "))
                for op, _ in code.code:
                    self.assertNotRegex(op, r"^call")
                    self.assertNotRegex(op, r"^(ld|st)\.local")

    def test_arithmetic_is_that_of_ieee(self):
        """What is a * b + c in the source is rounded twice, as on the CPU."""
        for name in ("background-subtract", "bilateral", "biquad", "box-blur",
                     "chroma-key", "color-balance", "compressor", "convolve", "copy",
                     "decimate", "delay", "edges", "equalizer-10", "fuse",
                     "gain", "gray", "histogram-equalize", "invert",
                     "kalman-1d", "low-pass", "lut3d", "median", "morphology",
                     "motion", "moving-average", "resample", "rms-window",
                     "scale", "sharpen", "spike-detect", "temporal-denoise", "threshold",
                     "warp"):
            with self.subTest(name):
                # The root of ring_length_u8 () alone is not, for its result is.
                self.assertFalse([op for op, _ in self.ptx[name].code
                                  if re.match(r"fma\.|.*\.ftz", op)
                                  and (name, op) != ("edges", "sqrt.approx.ftz.f32")])
        for name, wanted in (("fir", "fma.rn.f32"), ("chroma-key", "sqrt.rn.f32"),
                             ("edges", "sqrt.approx.ftz.f32"),
                             ("spike-detect", "sqrt.rn.f64"),
                             ("moving-average", "div.rn.f64")):
            self.assertIn(wanted, {op for op, _ in self.ptx[name].code})


if __name__ == "__main__":
    unittest.main(verbosity=2)
