#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One text for every compiler: each kernel with gcc, clang, as C++, with nvcc and
with NVRTC. A compiler that is not there is skipped, and said so."""
import ctypes
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import ringtest

KERNELS = sorted(glob.glob(os.path.join(ringtest.KERNELS, '*', '*.c')))
EXAMPLES = sorted(glob.glob(os.path.join(
    ringtest.ROOT, 'examples', 'kernels', '*.c')))

# The first kernel of one's own: a dozen lines, no format, no build system.
DOZEN = '''\
#include <ringkernel/kernel-sdk.h>

RING_KERNEL (fade, "Scales every byte",
    RING_FLOAT (amount, 0.5, 0.0, 1.0, "1 leaves the input as it is"),
    RING_BOOL (upside_down, 0, "Inverts what comes out"))
{
  RING_FOR_EACH (i, in.size) {
    uint8_t v = ring_clamp_u8 (in.data[i] * params.amount);
    out.data[i] = params.upside_down ? 255 - v : v;
  }
}
'''

# A kernel that declares nothing at all.
BARE = '''\
#include <ringkernel/kernel-sdk.h>
RING_KERNEL (bare, "Adds one") { RING_FOR_EACH (i, in.size) out.data[i] = in.data[i] + 1; }
'''

ALSO_WARN = ['-Wall', '-Wextra', '-Werror']


# The build has compiled the built-in ones with nvcc, for more GPUs than one.
BUILT_FOR_GPUS = os.environ.get('RING_TEST_BUILT_FOR_GPUS') == '1'


def sources(guide=True, built_in=True):
    for path in (KERNELS if built_in else []) + EXAMPLES:
        with open(path) as f:
            yield path, f.read()
    yield 'fade.c', DOZEN
    yield 'bare.c', BARE
    if not guide:
        return
    # What the guide shows are whole kernels, too.
    with open(os.path.join(ringtest.ROOT, 'docs', 'writing-kernels.md'),
              encoding='utf-8') as f:
        shown = re.findall(r'^<!-- file: ([\w-]+)\.c[^\n]* -->\n```c\n(.*?)^```$', f.read(),
                           re.MULTILINE | re.DOTALL)
    assert len(shown) > 5
    for name, text in shown:
        yield 'guide-%s.c' % name, text


class Compiles(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def compile(self, command, suffix='.c', guide=True, built_in=True):
        if not shutil.which(command[0]) and not os.path.exists(command[0]):
            self.skipTest('no ' + command[0])
        for path, text in sources(guide, built_in):
            with self.subTest(os.path.basename(path)):
                copy = os.path.join(self.directory.name, 'kernel' + suffix)
                with open(copy, 'w') as f:
                    f.write(text)
                done = subprocess.run(
                    command + ['-I' + ringtest.INCLUDE, '-c', copy, '-o',
                               os.path.join(self.directory.name, 'kernel.o')],
                    capture_output=True, text=True,
                    # a sanitizer of ours is none of the compiler's
                    env={**os.environ, 'LD_PRELOAD': ''})
                self.assertEqual(done.returncode, 0, done.stderr[-3000:])
                self.assertEqual(done.stderr, '')

    def test_gcc(self):
        self.compile(['gcc', '-std=gnu11', '-O3', '-fPIC', '-ffp-contract=off']
                     + ALSO_WARN)

    def test_gcc_for_avx2(self):
        self.compile(['gcc', '-std=gnu11', '-O3', '-fPIC', '-ffp-contract=off',
                      '-march=x86-64-v3'] + ALSO_WARN)

    def test_clang(self):
        self.compile(['clang', '-std=gnu11', '-O3', '-fPIC', '-ffp-contract=off']
                     + ALSO_WARN)

    def test_cxx(self):
        self.compile(['g++', '-std=c++17', '-O1', '-fPIC'] + ALSO_WARN, '.cc')

    def test_strided_as_on_a_gpu(self):
        self.compile(['gcc', '-std=gnu11', '-O1', '-fPIC', '-DRING_STRIDED']
                     + ALSO_WARN)

    def test_nvcc(self):
        nvcc = shutil.which('nvcc') or '/usr/local/cuda/bin/nvcc'
        # NVRTC has the same front end, and is faster: it sees the guide's.
        self.compile([nvcc, '-x', 'cu', '-std=c++17', '-arch=sm_80', '-fmad=false',
                      '-Werror', 'all-warnings'], guide=False,
                     built_in=not BUILT_FOR_GPUS)


class Nvrtc(unittest.TestCase):
    """At run time, with nothing but the headers that are handed over."""

    def setUp(self):
        if 'asan' in os.environ.get('LD_PRELOAD', ''):
            self.skipTest('NVRTC does not run under AddressSanitizer')
        names = ['libnvrtc.so', 'libnvrtc.so.13', 'libnvrtc.so.12']
        names += sorted(glob.glob('/usr/local/cuda*/lib*/libnvrtc.so*'))
        for name in names:
            try:
                self.nvrtc = ctypes.CDLL(name)
                return
            except OSError:
                pass
        self.skipTest('no libnvrtc')

    def headers(self):
        """All headers, by the very names that they are included by: NVRTC knows
        no folders."""
        found, todo = {}, ['ringkernel/kernel-sdk.h']
        while todo:
            name = todo.pop()
            path = name if '/' in name else os.path.join('ringkernel', name)
            with open(os.path.join(ringtest.INCLUDE, path)) as f:
                found[name] = f.read()
            todo += [n for n in re.findall(r'#include "(.*)"', found[name])
                     if n not in found]
        return found

    def compile(self, text, options=(b'-arch=compute_80', b'-std=c++17', b'-fmad=false')):
        headers = self.headers()
        n = len(headers)
        program = ctypes.c_void_p()
        result = self.nvrtc.nvrtcCreateProgram(
            ctypes.byref(program), text.encode(), b'kernel.cu', n,
            (ctypes.c_char_p * n)(*[t.encode() for t in headers.values()]),
            (ctypes.c_char_p * n)(*[name.encode() for name in headers]))
        self.assertEqual(result, 0)
        result = self.nvrtc.nvrtcCompileProgram(
            program, len(options), (ctypes.c_char_p * len(options))(*options))
        size = ctypes.c_size_t()
        self.nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        self.nvrtc.nvrtcGetProgramLog(program, log)
        self.assertEqual(result, 0, log.value.decode()[-3000:])
        self.nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
        ptx = ctypes.create_string_buffer(size.value)
        self.nvrtc.nvrtcGetPTX(program, ptx)
        self.nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
        return ptx.value.decode(), log.value.decode()

    def test_every_kernel(self):
        if BUILT_FOR_GPUS:
            self.skipTest('tests/cuda/nvrtc.c does that, through the library')
        for path, text in sources():
            with self.subTest(os.path.basename(path)):
                ptx, log = self.compile(text)
                self.assertEqual(log.strip(), '')
                self.assertRegex(ptx, r'\.visible \.entry \w*ring')
                self.assertIn('ring_kernel_description', ptx)

    def test_a_mistake_names_its_line(self):
        with self.assertRaisesRegex(AssertionError, r'kernel\.cu\(8\)'):
            self.compile(DOZEN.replace('params.amount', 'params.amont'))


class Rules(unittest.TestCase):
    def test_only_the_sdk_is_included(self):
        for path in KERNELS:
            with open(path) as f:
                includes = re.findall(r'^\s*#\s*include\s*(.*)', f.read(), re.M)
            self.assertEqual(includes, ['<ringkernel/kernel-sdk.h>'], path)

    def test_name_is_the_file_s(self):
        for path in KERNELS:
            name = os.path.basename(path)[:-2].replace('-', '_')
            self.assertEqual(ringtest.describe(path).name, name)

    def test_parameters_are_described(self):
        for path in KERNELS:
            d = ringtest.describe(path)
            self.assertTrue(d.description, path)
            for p in d.parameters:
                with self.subTest(d.name + '.' + p['name']):
                    self.assertTrue(p['description'])
                    if p['type'] == ringtest.ENUM:
                        nicks = p['text'].split('|')
                        self.assertTrue(0 <= p['default'] < len(nicks))
                    elif p['type'] == ringtest.FLOAT_ARRAY:
                        values = [float(v) for v in p['text'].split(',')]
                        self.assertLessEqual(len(values), p['max_count'])
                        for v in values:
                            self.assertTrue(p['minimum'] <= v <= p['maximum'])
                    else:
                        self.assertTrue(p['minimum'] <= p['default'] <= p['maximum'])

    def test_no_text_fills_its_field(self):
        for path in KERNELS:
            d = ringtest.describe(path)
            for text in [d.description, d.input_formats, d.output_formats] + [
                    p[k] for p in d.parameters for k in ('description', 'text')]:
                self.assertLess(len(text), 199)


class Dozen(unittest.TestCase):
    def test_is_a_dozen_lines_and_runs(self):
        self.assertLessEqual(len(DOZEN.splitlines()), 12)
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 'fade.c')
            with open(path, 'w') as f:
                f.write(DOZEN)
            data = bytes(range(256)) * 5
            for sharing in ringtest.DIRECT + [dict(mode=m) for m in ringtest.MODES if ringtest.Ring]:
                got = ringtest.Kernel(path, **sharing).bytes(data)
                self.assertEqual(got, bytes((v + 1) // 2 for v in data))
                got = ringtest.Kernel(path, dict(amount=1.0, upside_down=True),
                                      **sharing).bytes(data)
                self.assertEqual(got, bytes(255 - v for v in data))


if __name__ == '__main__':
    unittest.main()
