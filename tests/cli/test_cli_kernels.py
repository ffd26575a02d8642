# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""list, inspect, new, compile, doctor: kernels and where they come from."""
import os
import shutil
import struct
import subprocess
import unittest

from cli_test import BROKEN, BUILTIN, FADE, HEADER, ROOT, Case

ALL_TYPES = HEADER + """
RING_KERNEL (all_types, "Has a parameter of each type",
    RING_VIDEO_TO ("RGB, I420", "GRAY8"),
    RING_STATE (float mean; int32_t n;), RING_STATE_PER_BYTE (2),
    RING_SCRATCH (100), RING_SCRATCH_PER_BYTE (3),
    RING_FLOAT (a_float, 0.1, -1.5, 2.0, RING_UNIT_DB, "A float"),
    RING_INT (an_int, 3, 0, 10, "An int"),
    RING_BOOL (a_bool, 1, "A bool"),
    RING_ENUM (an_enum, 1, "first|second|third", "An enum"),
    RING_FLOAT_ARRAY (a_list, 4, "0.25, 0.75", -1.0, 1.0, "A list"))
{
  if (ring_is_first_worker ())
    out.data[0] = 0;
}
"""
EMITS = HEADER + """
typedef struct { uint64_t t; double v; } R;
RING_KERNEL (some_out, "Emits", RING_RECORDS ("(td)", R, "(td)", R), RING_EMITS (3))
{
  if (ring_is_first_worker ())
    ring_emit (0, 0);
}
"""


def cubin(architecture, functions, shared, abi=8, info=b""):
    """An ELF as ptxas writes it, as far as anybody looks: for each function its registers
    and the bytes of its stack."""
    for k, (registers, stack) in enumerate(functions):
        info += struct.pack("<BBHII", 4, 0x2f, 8, k, registers)
        info += struct.pack("<BBHII", 4, 0x11, 8, k, stack)
    names = b"\0.shstrtab\0.nv.info\0.nv.shared.kernel\0"
    at, sections = 64, []
    for name, kind, body, size in [(b"", 0, b"", 0), (b".shstrtab", 3, names, len(names)),
                                   (b".nv.info", 0x70000000, info, len(info)),
                                   (b".nv.shared.kernel", 8, b"", shared)]:
        sections.append(struct.pack("<IIQQQQIIQQ", names.index(name + b"\0"), kind, 0, 0, at,
                                    size, 0, 0, 1, 0))
        at += len(body)
    flags = architecture << 8 | 4 if abi == 8 else architecture
    head = b"\x7fELF\2\1\1\x41" + bytes([abi]) + bytes(7) + struct.pack(
        "<HHIQQQIHHHHHH", 2, 190, 1, 0, 0, at, flags, 64, 0, 0, 64, len(sections), 1)
    return head + names + info + b"".join(sections)


def fatbin(entries):
    body = b""
    for kind, architecture, flags, code in entries:
        body += struct.pack("<HHIQIIHHIIIQQQ", kind, 0x101, 64, len(code), 0, 0, 8, 1,
                            architecture, 0, 0, flags, 0, 0) + code
    return struct.pack("<IHHQ", 0xba55ed50, 1, 16, len(body)) + body


class ListTest(Case):
    def test_built_in_kernels_with_a_description_each(self):
        kernels = {k["name"]: k for k in self.json("list")["kernels"]}
        self.assertEqual(sorted(kernels), BUILTIN)
        for kernel in kernels.values():
            self.assertEqual(kernel["origin"], "built-in")
            self.assertTrue(kernel["description"])
        self.assertEqual(kernels["edges"]["kind"], "video")
        self.assertEqual(kernels["spike-detect"]["kind"], "record")
        self.assertEqual([kernels[name]["output_kind"] for name in ("edges", "spectrum")],
                         ["video", "record"])

    def test_text_says_the_same(self):
        lines = self.ringkernel("list").splitlines()
        self.assertEqual([line.split()[0] for line in lines], BUILTIN)
        for line, kernel in zip(lines, self.json("list")["kernels"]):
            self.assertEqual(line.split()[1], kernel["kind"])
            self.assertTrue(line.endswith(kernel["description"]), line)

    def test_kernels_on_the_search_path_hide_built_in_ones(self):
        self.write("kernels/fade.c", FADE)
        self.write("kernels/edges.c", FADE.replace("(fade", "(edges"))
        self.write("kernels/notes.txt", "no kernel")
        kernels = {k["name"]: k for k in self.json(
            "list", RINGKERNEL_PATH=self.path("kernels"))["kernels"]}
        self.assertEqual(sorted(kernels), sorted(BUILTIN + ["fade"]))
        self.assertEqual(kernels["fade"]["origin"], self.path("kernels/fade.c"))
        self.assertEqual(kernels["edges"]["origin"], self.path("kernels/edges.c"))
        self.assertIn("(%s)" % self.path("kernels/fade.c"),
                      self.ringkernel("list", RINGKERNEL_PATH=self.path("kernels")))

    def test_the_users_own_folder_is_searched(self):
        self.write("ringkernel/kernels/fade.c", FADE)
        kernels = self.json("list", XDG_DATA_HOME=self.folder)["kernels"]
        self.assertIn("fade", [k["name"] for k in kernels])

    def test_a_broken_kernel_costs_its_own_line_and_nothing_else(self):
        self.write("kernels/broken.c", BROKEN)
        path = self.path("kernels")
        kernels = {k["name"]: k for k in self.json("list", RINGKERNEL_PATH=path)["kernels"]}
        self.assertEqual(sorted(kernels), sorted(BUILTIN + ["broken"]))
        self.assertIn("nothing_of_that_name", kernels["broken"]["error"])
        self.assertNotIn("description", kernels["broken"])
        lines = [line for line in self.ringkernel("list", RINGKERNEL_PATH=path).splitlines()
                 if "broken" in line]
        self.assertEqual(len(lines), 1)
        self.assertEqual(lines[0].split()[:2], ["broken", "broken"])

    def test_names_need_no_compiler(self):
        self.write("kernels/fade.c", FADE)
        names = self.ringkernel("list", "--names", RINGKERNEL_PATH=self.path("kernels"),
                                CC="/nonexistent/cc").splitlines()
        self.assertEqual(names, sorted(BUILTIN + ["fade"]))

    def test_names_and_json_exclude_each_other(self):
        self.fails("list", "--names", "--json", status=2, says="exclude")


class InspectTest(Case):
    def test_every_type_of_parameter(self):
        self.write("all-types.c", ALL_TYPES)
        kernel = self.json("inspect", "./all-types.c")
        parameters = {p["name"]: p for p in kernel["parameters"]}
        self.assertEqual(parameters["a-float"], {
            "name": "a-float", "type": "float", "description": "A float", "unit": "dB",
            "default": 0.1, "minimum": -1.5, "maximum": 2.0})
        self.assertEqual(parameters["an-int"], {
            "name": "an-int", "type": "int", "description": "An int", "unit": "",
            "default": 3, "minimum": 0, "maximum": 10})
        self.assertEqual(parameters["a-bool"], {
            "name": "a-bool", "type": "bool", "description": "A bool", "unit": "",
            "default": True})
        self.assertEqual(parameters["an-enum"], {
            "name": "an-enum", "type": "enum", "description": "An enum", "unit": "",
            "default": "second", "values": ["first", "second", "third"]})
        self.assertEqual(parameters["a-list"], {
            "name": "a-list", "type": "float-array", "description": "A list", "unit": "",
            "default": "0.25, 0.75", "minimum": -1.0, "maximum": 1.0, "max_count": 4})

    def test_formats_sizes_and_sharing(self):
        self.write("all-types.c", ALL_TYPES)
        kernel = self.json("inspect", "all-types.c")
        self.assertEqual(kernel["name"], "all-types")
        self.assertEqual(kernel["kind"], "video")
        self.assertEqual(kernel["input_formats"], ["RGB", "I420"])
        self.assertEqual(kernel["output_formats"], ["GRAY8"])
        self.assertEqual(kernel["sharing"], "grid")
        self.assertEqual(kernel["in_place"], False)
        self.assertEqual((kernel["emits"], kernel["max_outputs"]), (False, 1))
        self.assertGreaterEqual(kernel["state_size"], 8)
        self.assertEqual(kernel["state_per_byte"], 2)
        self.assertEqual(kernel["scratch_size"], 100)
        self.assertEqual(kernel["scratch_per_byte"], 3)
        self.assertIn({"backend": "cpu", "code": "native"}, kernel["targets"])

    def test_a_kernel_that_emits(self):
        self.write("some-out.c", EMITS)
        kernel = self.json("inspect", "some-out.c")
        self.assertEqual(kernel["input_formats"], ["(td)"])
        self.assertEqual((kernel["emits"], kernel["max_outputs"]), (True, 3))
        self.assertIn("0 to 3 messages", self.ringkernel("inspect", "some-out.c"))

    def test_records_of_something_else(self):
        for name, kind, most, text in [
                ("spectrum", "audio", 4104, "at most 4104 more of a message than it has frames"),
                ("coverage", "video", 1, "at most 1 of a picture")]:
            kernel = self.json("inspect", name)
            self.assertEqual((kernel["kind"], kernel["output_kind"], kernel["max_records"]),
                             (kind, "record", most))
            self.assertRegex(self.ringkernel("inspect", name),
                             r"(?m)^  gives +record \(t[ud]+\), " + text)
        self.assertEqual(self.json("inspect", "edges")["output_kind"], "video")

    def test_inspect_says_what_is_left_to_whoever_uses_it(self):
        for name, any_format, any_size, text in [
                ("convert", True, False, r"NV12, whichever is asked for$"),
                ("scale", False, True, r"what it takes, in the size that is asked for$"),
                ("edges", False, False, r"what it takes$")]:
            kernel = self.json("inspect", name)
            self.assertEqual((kernel["any_format"], kernel["any_size"]), (any_format, any_size))
            self.assertRegex(self.ringkernel("inspect", name), r"(?m)^  gives .*" + text)

    def test_a_kernel_of_bytes_takes_no_format(self):
        self.assertEqual(self.json("inspect", "copy")["input_formats"], [])
        self.assertRegex(self.ringkernel("inspect", "copy"), r"(?m)^  takes +bytes$")

    def test_text_for_people(self):
        self.write("all-types.c", ALL_TYPES)
        text = self.ringkernel("inspect", "./all-types.c")
        for line in ["all-types: Has a parameter of each type", "./all-types.c",
                     "video RGB, I420", "video GRAY8", "float: -1.5 to 2 dB; default 0.1",
                     "int: 0 to 10; default 3", "bool: true, false; default true",
                     "enum: first, second, third; default second",
                     "list of floats: at most 4, -1 to 1; default 0.25, 0.75",
                     "2 bytes for each byte", "100 bytes, and 3 bytes"]:
            self.assertIn(line, text)

    def test_built_in_kernels_have_code_for_several_processors(self):
        codes = [t["code"] for t in self.json("inspect", "edges")["targets"]
                 if t["backend"] == "cpu"]
        self.assertEqual(codes[0], "base")

    def test_code_for_gpus_that_lies_beside_a_file_is_named(self):
        self.write("fade.c", FADE)
        backends = {t["backend"] for t in self.json("inspect", "edges")["targets"]}
        if "cuda" not in backends:
            self.skipTest("built without CUDA")
        self.assertIn({"backend": "cuda", "code": "nvrtc"},
                      self.json("inspect", "./fade.c")["targets"])
        self.write("fade.ptx", "")
        self.assertIn({"backend": "cuda", "code": "./fade.ptx"},
                      self.json("inspect", "./fade.c")["targets"])
        self.write("fade.cubin", "")
        self.assertIn({"backend": "cuda", "code": "./fade.cubin"},
                      self.json("inspect", "./fade.c")["targets"])

    def device_code(self, name, data):
        """What inspect says of a file that lies beside a kernel."""
        for suffix in ["fatbin", "cubin", "ptx"]:
            if os.path.exists(self.path("fade." + suffix)):
                os.remove(self.path("fade." + suffix))
        self.write(name, data)
        kernel = self.json("inspect", "./fade.c")
        return ([(c["target"], c["registers"], c["shared_memory"], c["stack"])
                 for c in kernel["device_code"]], kernel["device_code_error"])

    def test_registers_are_read_from_a_cubin(self):
        self.write("fade.c", FADE)
        functions = [(40, 0), (72, 16), (24, 8)]
        for abi in [7, 8]:
            self.assertEqual(self.device_code("fade.cubin", cubin(90, functions, 1280, abi)),
                             ([("sm_90", 72, 1280, 16)], None))
        text = self.ringkernel("inspect", "./fade.c")
        self.assertIn("sm_90: 72 registers and 16 bytes of stack per thread, 1280 bytes of shared",
                      text)

    def test_a_fat_binary_holds_several_targets(self):
        self.write("fade.c", FADE)
        image = fatbin([(2, 75, 0, cubin(75, [(32, 0)], 0)), (1, 120, 0, b".target sm_120"),
                        (2, 100, 0x2000, b"compressed"), (2, 120, 0, cubin(120, [(99, 0)], 8))])
        self.assertEqual(self.device_code("fade.fatbin", image), ([
            ("sm_75", 32, 0, 0), ("compute_120", None, None, None),
            ("sm_100", None, None, None), ("sm_120", 99, 8, 0)], None))
        text = self.ringkernel("inspect", "./fade.c")
        self.assertIn("compute_120: PTX", text)
        self.assertIn("sm_100: compressed", text)

    def test_ptx_names_its_target(self):
        self.write("fade.c", FADE)
        ptx = b"//\n.version 9.0\n.target sm_90\n.address_size 64\n"
        self.assertEqual(self.device_code("fade.ptx", ptx),
                         ([("compute_90", None, None, None)], None))
        for wrong in [b".target sm_", b".target sm_x", b".target", b"\0" * 100]:
            self.assertIn("no fat binary", self.device_code("fade.ptx", wrong)[1])

    def test_a_source_without_code_for_gpus_has_none(self):
        self.write("fade.c", FADE)
        kernel = self.json("inspect", "./fade.c")
        self.assertEqual((kernel["device_code"], kernel["device_code_error"]), ([], None))

    def test_damaged_code_for_gpus_is_told_and_the_rest_shown(self):
        self.write("fade.c", FADE)
        whole = cubin(90, [(40, 0)], 1280)
        image = fatbin([(2, 90, 0, whole), (2, 90, 0, whole)])
        self.device_code("fade.cubin", whole[:-1])
        self.assertIn("on a GPU   not known: ./fade.cubin is no fat binary",
                      self.ringkernel("inspect", "./fade.c"))
        # Every end that it could have, about.
        for name, data in [("fade.cubin", whole), ("fade.fatbin", image)]:
            for size in [0, 1, 6, 15, 16, 17, 47, 63, 64, *range(65, len(data), 61), len(data) - 1]:
                codes, error = self.device_code(name, data[:size])
                self.assertEqual(codes, [])
                self.assertIn("is damaged", error)

    def test_wrong_numbers_in_code_for_gpus_are_no_harm(self):
        self.write("fade.c", FADE)
        whole = cubin(90, [(40, 0)], 1280)
        table = struct.unpack_from("<Q", whole, 40)[0]
        image = fatbin([(2, 90, 0, whole)])
        large = [b"\xff" * 8, b"\xff\xff\xff\x7f", b"\xff\xff", b"\xf0"]
        for name, data, places in [
                ("fade.cubin", whole, [40, 58, 60, 62, *(table + k * 64 + at for k in range(4)
                                                         for at in (0, 24, 32))]),
                ("fade.fatbin", image, [6, 8, 20, 24])]:
            for place in places:
                for value in large:
                    wrong = data[:place] + value + data[place + len(value):]
                    codes, error = self.device_code(name, wrong)
                    self.assertTrue(codes or "is damaged" in error)
        for place, value in [(18, b"\x3e"), (58, b"\x3f"), (62, b"\x09")]:
            wrong = whole[:place] + value + whole[place + 1:]
            self.assertIn("is damaged", self.device_code("fade.cubin", wrong)[1])

    def test_attributes_that_are_not_known_are_passed_over(self):
        self.write("fade.c", FADE)
        more = struct.pack("<BBH", 3, 0x1b, 0xff) + struct.pack("<BBHI", 4, 0x77, 4, 9)
        self.assertEqual(self.device_code("fade.cubin", cubin(90, [(40, 0)], 0, info=more)),
                         ([("sm_90", 40, 0, 0)], None))
        for wrong in [b"\4\x2f\xff\xff", b"\4\x2f", b"\4"]:
            self.assertIn("is damaged", self.device_code(
                "fade.cubin", cubin(90, [(40, 0)], 0, info=wrong))[1])

    def test_a_kernel_that_is_not_there(self):
        self.fails("inspect", "egdes", says=["'egdes' not found", "looked in"])
        self.fails("inspect", "./nothing.c", says="./nothing.c")
        self.fails("inspect", self.folder + "/", says="directory")

    def test_a_source_that_does_not_compile_shows_the_compilers_lines(self):
        self.write("broken.c", BROKEN)
        self.ringkernel("inspect", "broken.c", status=1)
        self.assertIn("broken.c:", self.errors)
        self.assertIn("nothing_of_that_name", self.errors)


class NewTest(Case):
    KINDS = [([], "video"), (["--video"], "video"), (["--audio"], "audio"),
             (["--sensor"], "record")]

    def test_what_is_written_compiles_and_is_called_so(self):
        for i, (options, kind) in enumerate(self.KINDS):
            with self.subTest(options):
                name = "my_own-kernel%d" % i
                said = self.ringkernel("new", name, *options)
                kernel = self.json("inspect", "./%s.c" % name)
                self.assertEqual(kernel["name"], name.replace("_", "-"))
                self.assertEqual(kernel["kind"], kind)
                self.assertIn("ringkernel run ./%s.c" % name, said)
                text = self.read(name + ".c").decode()
                self.assertTrue(text.startswith("/* %s: " % name), text[:80])
                self.assertNotIn("SPDX", text)

    def test_the_three_of_them_have_no_warnings(self):
        for options, _ in self.KINDS[1:]:
            name = "n" + options[0][2:]
            self.ringkernel("new", name, *options)
            done = subprocess.run(
                ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-c", "-o", os.devnull,
                 "-I" + os.path.join(ROOT, "runtime"), self.path(name + ".c")],
                capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_file_that_is_there_is_left_alone(self):
        self.write("mine.c", "precious")
        self.fails("new", "mine", says=["mine.c is there already", "another name"])
        self.assertEqual(self.read("mine.c"), b"precious")
        os.symlink("elsewhere", self.path("link.c"))
        self.fails("new", "link", says="is there already")
        self.assertFalse(os.path.exists(self.path("elsewhere")))

    def test_names_that_are_none(self):
        for name in ["", "9lives", "a/b", "a.c", "ä", "a" * 60, "-"]:
            with self.subTest(name):
                self.fails("new", name, status=2, says="no name for a kernel")
        self.assertEqual(os.listdir(self.folder), [])

    def test_kinds_exclude_each_other(self):
        self.fails("new", "x", "--audio", "--sensor", status=2, says="exclude")

    @unittest.skipIf(os.geteuid() == 0, "root may write anywhere")
    def test_a_folder_that_cannot_be_written(self):
        os.chmod(self.folder, 0o500)
        self.addCleanup(os.chmod, self.folder, 0o700)
        self.fails("new", "x", says="x.c cannot be written")


class CompileTest(Case):
    def test_a_module_is_made_beside_the_source_and_used_without_a_compiler(self):
        self.write("fade.c", FADE)
        said = self.ringkernel("compile", "fade.c")
        self.assertIn("fade.so", said)
        self.assertEqual(sorted(os.listdir(self.folder)), ["fade.c", "fade.so"])
        kernel = self.json("inspect", "./fade.so", CC="/nonexistent/cc")
        self.assertEqual(kernel["name"], "fade")
        self.assertIn({"backend": "cpu", "code": "as-built"}, kernel["targets"])
        self.assertEqual(self.ringkernel_bytes(
            "run", "./fade.so", "-i", "-", "-o", "-", stdin=bytes([100, 51]),
            CC="/nonexistent/cc"), bytes([50, 26]))

    def test_a_module_elsewhere_is_found_by_name(self):
        self.write("fade.c", FADE)
        os.mkdir(self.path("kernels"))
        self.ringkernel("compile", "fade.c", "-o", "kernels/fade.so", "--native")
        self.assertEqual(os.listdir(self.path("kernels")), ["fade.so"])
        self.assertEqual(self.json("inspect", "fade", RINGKERNEL_PATH=self.path("kernels"))["origin"],
                         self.path("kernels/fade.so"))

    def test_messages_of_the_compiler_are_shown_and_nothing_is_left(self):
        self.write("broken.c", BROKEN)
        self.ringkernel("compile", "broken.c", status=1)
        self.assertRegex(self.errors, r"broken\.c:\d+:\d+: error: .*nothing_of_that_name")
        self.assertEqual(os.listdir(self.folder), ["broken.c"])

    def test_a_broken_source_does_not_touch_the_module_that_is_there(self):
        self.write("fade.c", FADE)
        self.ringkernel("compile", "fade.c")
        before = self.read("fade.so")
        self.write("fade.c", BROKEN)
        self.ringkernel("compile", "fade.c", status=1)
        self.assertEqual(self.read("fade.so"), before)

    def test_what_is_no_source(self):
        self.fails("compile", "fade.so", status=2, says="no .c file")
        self.fails("compile", "nothing.c", says="nothing.c")

    def test_a_module_must_be_called_one(self):
        self.write("fade.c", FADE)
        self.fails("compile", "fade.c", "-o", "fade", status=2, says="must end in .so")

    def test_a_folder_that_is_not_there(self):
        self.write("fade.c", FADE)
        self.ringkernel("compile", "fade.c", "-o", "no/where/fade.so", status=1)
        self.assertIn("no/where", self.errors)

    def test_no_compiler(self):
        self.write("fade.c", FADE)
        self.fails("compile", "fade.c", CC="/nonexistent/cc",
                   says=["no C compiler '/nonexistent/cc'", "install"])

    def test_a_capability_that_is_none(self):
        self.write("fade.c", FADE)
        for text in ["9", "9.0.1", "x.y", "5.0", "9.11"]:
            with self.subTest(text):
                self.fails("compile", "fade.c", "--cuda", text, status=2, says=["--cuda", text])

    def test_code_for_a_gpu_needs_nvrtc(self):
        self.write("fade.c", FADE)
        self.fails("compile", "fade.c", "--cuda", "9.0", RINGKERNEL_NVRTC="/nonexistent/nvrtc",
                   status=1)
        self.assertRegex(self.errors, "NVRTC|without CUDA")
        self.assertEqual(os.listdir(self.folder), ["fade.c"])

    def test_it_says_whether_it_was_checked_for_gpus(self):
        self.write("fade.c", FADE)
        said = self.ringkernel("compile", "fade.c", RINGKERNEL_NVRTC="/nonexistent/nvrtc")
        self.assertIn("not checked whether it compiles for GPUs", said)


class DoctorTest(Case):
    def checks(self, status=0, **env):
        found = self.json("doctor", status=status, **env)
        self.assertEqual(found["problems"] > 0, status == 1)
        return found["checks"]

    def named(self, checks, name):
        return [check for check in checks if check["name"] == name]

    def test_each_line_begins_with_a_status(self):
        for line in self.ringkernel("doctor").splitlines():
            self.assertRegex(line, r"^(ok|missing|problem) +[^:]+: .+")

    def test_what_is_not_ok_says_what_to_do(self):
        for check in self.checks(RINGKERNEL_NVRTC="/nonexistent/nvrtc"):
            self.assertIn(check["status"], ["ok", "missing", "problem"])
            self.assertTrue(check["text"])
            self.assertEqual(check["advice"] is None, check["status"] == "ok", check)

    def test_compiler_and_cpu_are_tried(self):
        checks = self.checks()
        self.assertEqual(self.named(checks, "C compiler")[0]["status"], "ok")
        self.assertEqual(self.named(checks, "cpu")[0]["status"], "ok")
        self.assertIn("mode auto is inline", self.named(checks, "cpu")[0]["text"])

    def test_no_compiler_is_missing_and_no_problem(self):
        check = self.named(self.checks(CC="/nonexistent/cc"), "C compiler")[0]
        self.assertEqual(check["status"], "missing")
        self.assertIn("/nonexistent/cc", check["text"])

    def test_directories_of_the_search_path(self):
        self.write("good/fade.c", FADE)
        self.write("file", "")
        os.makedirs(self.path("open"))
        os.chmod(self.path("open"), 0o777)
        path = ":".join(map(self.path, ["good", "none", "file", "open"]))
        checks = self.named(self.checks(status=1, RINGKERNEL_PATH=path), "search path")
        self.assertEqual([c["status"] for c in checks[:4]],
                         ["ok", "missing", "problem", "problem"])
        self.assertIn("1 kernel", checks[0]["text"])
        self.assertIn("is not there", checks[1]["text"])
        self.assertIn("no directory", checks[2]["text"])
        self.assertIn("anybody may put some there", checks[3]["text"])
        self.assertIn("chmod o-w '%s'" % self.path("open"), checks[3]["text"])

    def test_directories_that_others_could_put_something_in_the_place_of(self):
        for name in ["open/in", "sticky/in", "real"]:
            os.makedirs(self.path(name))
        # What is below is safe, and a link to it is not.
        os.symlink(self.path("real"), self.path("open/link"))
        os.symlink(self.path("real"), self.path("sticky/link"))
        os.chmod(self.path("open"), 0o777)
        os.chmod(self.path("sticky"), 0o1777)
        names = ["open/in", "open/link", "sticky/in", "sticky/link", "sticky"]
        path = ":".join(map(self.path, names))
        checks = self.named(self.checks(status=1, RINGKERNEL_PATH=path), "search path")
        self.assertEqual([c["status"] for c in checks[:5]],
                         ["problem", "problem", "ok", "ok", "problem"])
        for check in checks[:2]:
            self.assertIn("another directory in its place", check["text"])
            self.assertIn("chmod o-w '%s'" % self.path("open"), check["text"])

    def test_a_broken_kernel_on_the_path_is_a_problem(self):
        self.write("kernels/broken.c", BROKEN)
        check = self.named(self.checks(status=1, RINGKERNEL_PATH=self.path("kernels")), "kernel")[0]
        self.assertEqual(check["status"], "problem")
        self.assertIn("broken.c", check["text"])

    def test_problems_are_counted_in_one_line(self):
        self.write("file", "")
        self.fails("doctor", RINGKERNEL_PATH=self.path("file"), says="1 problem")

    def test_a_backend_that_is_none(self):
        checks = self.checks(status=1, RINGKERNEL_BACKEND="gpu")
        self.assertEqual(self.named(checks, "RINGKERNEL_BACKEND")[0]["status"], "problem")

    def test_no_room_for_temporary_files(self):
        self.assertEqual(
            self.named(self.checks(status=1, TMPDIR="/dev/null/none"), "temporary files")[0]["status"],
            "problem")

    def test_without_gstreamer(self):
        os.mkdir(self.path("bin"))
        os.symlink(shutil.which("ringkernel"), self.path("bin/ringkernel"))
        check = self.named(self.checks(PATH=self.path("bin")), "GStreamer")[0]
        self.assertEqual(check["status"], "missing")
        self.assertIn("apt install", check["advice"])

    @unittest.skipIf(os.environ.get("ASAN_OPTIONS"), "GStreamer's program has no sanitizer in it")
    def test_gstreamer_finds_the_plugin(self):
        if not shutil.which("gst-inspect-1.0"):
            self.skipTest("no gst-inspect-1.0")
        if not os.path.exists(os.path.join(os.environ["RINGKERNEL_BUILD"], "gst")):
            self.skipTest("built without the plugin")
        self.assertEqual(self.named(self.checks(), "GStreamer")[0]["status"], "ok")
        check = self.named(self.checks(GST_PLUGIN_PATH="/nonexistent",
                                       GST_REGISTRY=self.path("registry")), "GStreamer")[0]
        self.assertEqual(check["status"], "missing")
        self.assertIn("GST_PLUGIN_PATH", check["advice"])


if __name__ == "__main__":
    unittest.main()
