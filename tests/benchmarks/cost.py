#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a pixel costs on this CPU: time, bytes moved beside memcpy's, the width of vectors,
and instructions by callgrind. One worker runs the kernel's own code, compiled as the
built-in ones are, for each instruction set that this machine has; memcpy of as many bytes
takes turns with it."""
import argparse
import collections
import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'kernels'))

import ringtest

KERNELS = (('gaussian-blur', 'RGBA', {}), ('edges', 'RGBA', {}),
           ('levels', 'BGRx', {'contrast': 1.25, 'gamma': 1.2}))
FLAGS = ['-w', '-fno-math-errno', '-fno-trapping-math', '-mprefer-vector-width=512']
INSTRUCTIONS = re.compile(r'\bxmm\d|\bymm\d|\bzmm\d')


def picture(format, width, height):
    """What is smooth, what has edges, and noise."""
    rng, planes = np.random.default_rng(6), []
    for rows, pixels, size in ringtest.plane_shapes(format, width, height):
        y, x = np.mgrid[0:rows, 0:pixels * size].astype(np.float32)
        v = 128 + 70 * np.sin(x / 41) * np.cos(y / 29) + 40 * ((x // 64 + y // 48) % 2)
        v = np.clip(v + rng.normal(0, 8, v.shape), 0, 255).astype(np.uint8)
        planes.append(v.reshape(rows, pixels, size))
    return planes


class Frame:
    """One frame, run again and again."""

    def __init__(self, library, format, width, height, params):
        self.handle = ringtest.direct().direct_open(library.encode())
        d = ringtest.Description(self.handle)
        planes = picture(format, width, height)
        self.rows = [p.reshape(p.shape[0], -1) for p in planes]
        self.size = sum(row.size for row in self.rows)
        self.source = ringtest.Payload(self.rows)
        self.in_place = bool(d.flags & ringtest.IN_PLACE)
        self.target = self.source if self.in_place else ringtest.Payload(
            [np.empty((h, w * s), np.uint8) for h, w, s in ringtest.plane_shapes(
                d.output_format(format), width, height)], empty=True)
        number = 1 + ringtest.VIDEO_FORMATS.index(format)
        self.words = [p.words(number, width, height) for p in (self.source, self.target)]
        self.memory = [ringtest.Guarded(d.state_size + d.state_per_byte * self.size, 0),
                       ringtest.Guarded(d.scratch_size + d.scratch_per_byte * self.size, 0)]
        self.cells, self.emitted = d.cells(params), np.zeros(d.max_outputs, np.uint64)

    def run(self):
        """ns of this thread."""
        if self.in_place:  # the same work each time
            for view, rows in zip(self.source.views, self.rows):
                view[:] = rows
        begin = time.thread_time_ns()
        done = ringtest.direct().direct_run(
            self.handle, *(w.ctypes.data for w in self.words), self.cells.ctypes.data,
            *(m.address for m in self.memory), self.emitted.ctypes.data, 0,
            ringtest.NO_TIME, 1, 1)
        assert done == 0, done
        return time.thread_time_ns() - begin


def widths(library, kernel):
    """How many instructions of the kernel have registers of which width."""
    text = subprocess.run(['objdump', '-d', '--no-show-raw-insn', library], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    body = text.split(f'<ring_entry_{kernel}>:', 1)[1].split('\n\n', 1)[0]
    counts = collections.Counter()
    for line in body.splitlines():
        found = {name[0] for name in INSTRUCTIONS.findall(line)}
        for name, bits in (('z', 512), ('y', 256), ('x', 128)):
            if name in found:
                counts[bits] += 1
                break
    return ', '.join(f'{n} of {bits} bits' for bits, n in sorted(counts.items(), reverse=True))


def counted(library, kernel, format, size, params):
    """Instructions that callgrind counts in one frame; it knows no AVX-512."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ['valgrind', '--tool=callgrind', f'--toggle-collect=ring_entry_{kernel}',
             '--callgrind-out-file=' + os.path.join(folder, 'out'), sys.executable, __file__,
             '--once', library, format, 'x'.join(map(str, size))]
            + [f'{name}={value}' for name, value in params.items()],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.search(r'Collected : (\d+)', done.stdout)
    return int(found[1]) if found else None


def cost(kernel, format, params, options, folder):
    name = kernel.replace('-', '_')
    size = tuple(map(int, options.size.split('x')))
    pixels = size[0] * size[1]
    for instructions in ringtest.instruction_sets():
        library = os.path.join(folder, f'{kernel}-{instructions}.so')
        ringtest.build(ringtest.kernel_path(name), library,
                       FLAGS + ['-march=' + instructions])
        frame = Frame(library, format, *size, params)
        copy = np.empty(frame.size, np.uint8), np.ones(frame.size, np.uint8)
        ours, memcpy = [], []
        for _ in range(options.frames):
            ours.append(frame.run())
            begin = time.thread_time_ns()
            ctypes.memmove(copy[0].ctypes.data, copy[1].ctypes.data, frame.size)
            memcpy.append(time.thread_time_ns() - begin)
        ours, memcpy = np.median(ours), np.median(memcpy)
        print(f'{kernel} {options.size} {format}, {instructions}: {ours / 1e3:.0f} us, '
              f'{ours / pixels:.3f} ns a pixel; '
              f'{2 * frame.size / ours:.1f} GB/s read and written, memcpy '
              f'{2 * frame.size / memcpy:.1f}: {memcpy / ours:.0%}; '
              f'vector instructions: {widths(library, name)}', flush=True)
        if options.count and instructions != 'x86-64-v4' and shutil.which('valgrind'):
            # Once more with more rows: what is done once a frame drops out.
            few, more = (counted(library, name, format, (size[0], rows), params)
                         for rows in (64, 128))
            if few and more:
                print(f'    {(more - few) / (64 * size[0]):.2f} instructions a pixel', flush=True)


def main():
    parser = argparse.ArgumentParser(prog='./dev bench cost', description=__doc__)
    parser.add_argument('kernel', nargs='?', help='one alone, with its format and parameters')
    parser.add_argument('format', nargs='?', default='RGBA')
    parser.add_argument('params', nargs='*', metavar='name=value')
    parser.add_argument('--size', default='1920x1080')
    parser.add_argument('--frames', type=int, default=200)
    parser.add_argument('--quick', action='store_true',
                        help='few small frames: whether it runs')
    parser.add_argument('--count', action='store_true',
                        help='instructions, by callgrind, where that knows the set')
    parser.add_argument('--once', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.frames, options.size = 2, '320x64'
    params = {name: float(value) if re.match(r'[-\d.]+$', value) else value
              for name, value in (text.split('=') for text in options.params
                                  if '=' in text)}
    if options.once:
        size = tuple(map(int, options.params[0].split('x')))
        Frame(options.kernel, options.format, *size, params).run()
        return
    if not ringtest.instruction_sets():
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        for kernel, format, known in (
                [(options.kernel, options.format, params)] if options.kernel else KERNELS):
            cost(kernel, format, known, options, folder)


if __name__ == '__main__':
    main()
