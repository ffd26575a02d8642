# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs kernels on numpy arrays, so that tests can compare them with numpy.

Ways to run one, the `mode`:

  slices   the kernel's own shared object, its workers threads that each take a
           contiguous slice, as the CPU backend does
  lanes    the same source shared out in strides over blocks and lanes, as on a
           GPU, each lane a thread
  inline, event-driven, persistent
           through libringkernel, in that execution mode: the built-in kernel, or, of
           one that is named by its path, what has been built for `slices`

  x86-64-v2, …   as `slices`, compiled for that; see `instruction_sets`

All but those through libringkernel see every byte: they know when padding, the input, or what lies next
to state and scratch was written. `Kernel` keeps the state of one stream; `run` is
for a single picture.
"""
import atexit
import ctypes
import os
import shutil
import subprocess
import tempfile
import unittest

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
INCLUDE = os.path.join(ROOT, 'runtime')
KERNELS = os.path.join(ROOT, 'kernels')
CC = os.environ.get('CC', 'gcc').split()
CFLAGS = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-O3', '-ffp-contract=off']
CFLAGS += os.environ.get('RINGTEST_CFLAGS', '').split()
SANITIZED = 'RINGTEST_CFLAGS' in os.environ

DISCONT = 1
IN_PLACE, EMITS, ANY_FORMAT, ANY_SIZE = 1, 2, 4, 8
BYTES, VIDEO, AUDIO, RECORD = range(4)
FLOAT, INT, BOOL, ENUM, FLOAT_ARRAY = range(1, 6)

VIDEO_FORMATS = ['GRAY8', 'RGB', 'BGR', 'RGBA', 'BGRA', 'ARGB', 'ABGR', 'RGBx',
                 'BGRx', 'xRGB', 'xBGR', 'I420', 'NV12']
AUDIO_FORMATS = {'S16LE': np.dtype('<i2'), 'S32LE': np.dtype('<i4'),
                 'F32LE': np.dtype('<f4'), 'F64LE': np.dtype('<f8')}

# What one has to have, by /proc/cpuinfo.
INSTRUCTION_SETS = {
    'x86-64-v2': {'ssse3', 'sse4_1', 'sse4_2'},
    'x86-64-v3': {'avx2', 'bmi1', 'bmi2', 'fma', 'f16c', 'abm', 'movbe'},
    'x86-64-v4': {'avx2', 'avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'}}


def instruction_sets():
    """Those that this machine has."""
    try:
        with open('/proc/cpuinfo') as f:
            line = next((line for line in f if line.startswith('flags')), ':')
    except OSError:
        return []
    has = set(line.split(':', 1)[1].split())
    return [name for name, needed in INSTRUCTION_SETS.items() if needed <= has]


TD = np.dtype([('t', '<u8'), ('value', '<f8')])
TDD = np.dtype([('t', '<u8'), ('value', '<f8'), ('score', '<f8')])
NO_TIME = 2 ** 64 - 1


def record_dtype(type, names=None):
    """The dtype of a GVariant type, a tuple of numbers."""
    if names is None and type in ('(td)', '(tdd)'):
        return {'(td)': TD, '(tdd)': TDD}[type]
    letters = dict(y='<u1', n='<i2', q='<u2', i='<i4', u='<u4', x='<i8', t='<u8', d='<f8')
    names = names or ['f%d' % i for i in range(len(type) - 2)]
    return np.dtype([(name, letters[letter]) for name, letter in zip(names, type[1:-1])],
                    align=True)


CANARY = 0xc5


def pixel_stride(format):
    return 1 if format == 'GRAY8' else len(format)


def alpha(format):
    """Index of the byte of a pixel that is not a colour, or None."""
    for letter in 'Ax':
        if letter in format and format not in ('GRAY8',):
            return format.index(letter)
    return None


def plane_shapes(format, width, height):
    """(rows, pixels, bytes per pixel) of each plane."""
    half_w, half_h = (width + 1) // 2, (height + 1) // 2
    if format == 'I420':
        return [(height, width, 1), (half_h, half_w, 1), (half_h, half_w, 1)]
    if format == 'NV12':
        return [(height, width, 1), (half_h, half_w, 2)]
    return [(height, width, pixel_stride(format))]


def random_frame(rng, format, width, height):
    return [rng.integers(0, 256, shape, dtype=np.uint8)
            for shape in plane_shapes(format, width, height)]


_directory = None
_built = {}
_libraries = {}
_direct = None


def directory():
    global _directory
    if _directory is None:
        _directory = tempfile.mkdtemp(prefix='ringtest-')
        atexit.register(shutil.rmtree, _directory, ignore_errors=True)
    return _directory


def kernel_path(name):
    if os.sep in name:
        return name
    for folder in sorted(os.listdir(KERNELS)):
        path = os.path.join(KERNELS, folder, name.replace('_', '-') + '.c')
        if os.path.exists(path):
            return path
    raise LookupError('no kernel ' + name)


def build(source, output, flags=()):
    subprocess.run(CC + CFLAGS + ['-I' + INCLUDE, '-shared', '-fPIC', source,
                                  '-o', output, '-lm'] + list(flags), check=True)


def direct():
    global _direct
    if _direct is None:
        library = os.path.join(directory(), 'direct.so')
        build(os.path.join(HERE, 'direct.c'), library, ['-pthread', '-ldl'])
        _direct = ctypes.CDLL(library)
        _direct.direct_open.restype = ctypes.c_void_p
        _direct.direct_open.argtypes = [ctypes.c_char_p]
        _direct.direct_error.restype = ctypes.c_char_p
        _direct.direct_describe.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        _direct.direct_run.argtypes = (
            [ctypes.c_void_p] * 7 + [ctypes.c_uint32, ctypes.c_uint64]
            + [ctypes.c_uint32] * 2)
    return _direct


def module(name, mode):
    key = (name, mode)
    if key not in _built:
        path = kernel_path(name)
        library = os.path.join(directory(), '%s-%d.so' % (
            os.path.basename(path)[:-2], len(_built)))
        build(path, library, ['-DRING_STRIDED'] if mode == 'lanes'
              else ['-march=' + mode] if mode in INSTRUCTION_SETS else [])
        handle = direct().direct_open(library.encode())
        if not handle:
            raise RuntimeError('%s: %s' % (library, direct().direct_error()))
        _built[key] = handle
        _libraries[key] = library
    return _built[key]


class Description:
    def __init__(self, handle):
        text = ctypes.create_string_buffer(1 << 16)
        assert direct().direct_describe(handle, text, len(text))
        lines = text.value.decode().splitlines()
        f = lines[0].split('\t')
        self.name, self.description = f[0], f[1]
        self.kind = int(f[2])
        self.input_formats, self.output_formats = f[3], f[4]
        (self.input_record_size, self.output_record_size, self.flags,
         self.max_outputs, self.state_size, self.state_per_byte,
         self.scratch_per_byte, self.scratch_size, self.output_kind,
         self.max_records) = map(int, f[5:15])
        self.parameters = []
        for line in lines[1:]:
            f = line.split('\t')
            self.parameters.append(dict(
                name=f[0], description=f[1], text=f[2], type=int(f[3]),
                unit=int(f[4]), max_count=int(f[5]), default=float(f[6]),
                minimum=float(f[7]), maximum=float(f[8])))

    def output_format(self, format):
        """What comes out for this: the same if it may be, else the first."""
        formats = self.output_formats.split(', ')
        return format if formats == [''] or format in formats else formats[0]

    def gives_records(self):
        """Of frames or of audio."""
        return self.output_kind == RECORD and self.kind != RECORD

    def most_records(self, units):
        """That may come of so many frames of audio, or of pictures."""
        return self.max_records + (units if self.kind == AUDIO else 0)

    def records_of(self, data):
        return np.frombuffer(data, record_dtype(self.output_formats))

    def cells(self, values):
        """The set of parameters as the kernel reads it."""
        unknown = set(values) - {p['name'] for p in self.parameters}
        assert not unknown, unknown
        head, tail = b'', b''
        for p in self.parameters:
            value = values.get(p['name'], p['default'])
            if p['type'] == FLOAT:
                head += np.float64(value).tobytes()
            elif p['type'] == FLOAT_ARRAY:
                if p['name'] not in values:
                    value = [float(v) for v in p['text'].split(',')]
                value = np.asarray(value, '<f4')
                at = 8 * (len(self.parameters) + 1) + len(tail)
                head += np.array([len(value), at], '<u4').tobytes()
                tail += value.tobytes()
            else:
                if p['type'] == ENUM and isinstance(value, str):
                    value = p['text'].split('|').index(value)
                head += np.int64(value).tobytes()
        return np.frombuffer(head + bytes(8) + tail + bytes(8), np.uint8).copy()


def describe(name):
    return Description(module(name, 'slices'))


class Guarded:
    """Bytes with others around them that nobody may touch."""
    EDGE = 256

    def __init__(self, size, fill=CANARY):
        self.size = size
        self.all = np.full(size + 2 * self.EDGE + 64, CANARY, np.uint8)
        self.begin = self.EDGE + -(self.all.ctypes.data + self.EDGE) % 64
        self.bytes = self.all[self.begin:self.begin + size]
        self.bytes[:] = fill

    @property
    def address(self):
        return self.all.ctypes.data + self.begin

    def check(self, what):
        end = self.begin + self.size
        if not ((self.all[:self.begin] == CANARY).all()
                and (self.all[end:] == CANARY).all()):
            raise AssertionError('bytes outside %s were written' % what)


class Payload:
    """One payload as planes of rows, with padding behind each row."""

    def __init__(self, planes, padding=0, empty=False):
        self.guards, self.strides, self.views = [], [], []
        for rows in planes:
            height, row = rows.shape
            stride = row + padding
            guard = Guarded(stride * height)
            view = guard.bytes.reshape(height, stride)
            if not empty:
                view[:, :row] = rows
            self.guards.append(guard)
            self.strides.append(stride)
            self.views.append(view[:, :row])
            assert view[:, row:].size == padding * height

    def words(self, format, width, height, size=None):
        if size is None:
            size = sum(g.size for g in self.guards)
        planes = [g.address for g in self.guards]
        return np.array([format, width, height, size, len(planes)]
                        + (planes + [0] * 4)[:4]
                        + (self.strides + [0] * 4)[:4], np.uint64)

    def check(self, what):
        for guard, view, stride in zip(self.guards, self.views, self.strides):
            guard.check(what)
            rows = guard.bytes.reshape(view.shape[0], stride)
            if not (rows[:, view.shape[1]:] == CANARY).all():
                raise AssertionError('the padding of %s was written' % what)

    def rows(self):
        return [view.copy() for view in self.views]


class DirectKernel:
    """A kernel run without the runtime, with the state of one stream."""

    def __init__(self, name, params=None, workers=1, mode='slices', lanes=4):
        self.handle = module(name, mode)
        self.d = Description(self.handle)
        self.params = dict(params or {})
        self.blocks = workers
        self.lanes = lanes if mode == 'lanes' else 1
        self.state = None
        self.key = None

    def _run(self, kind, key, tight, source, target, flags, pts=NO_TIME, between=0):
        """@tight, @between: bytes of payload that state, and scratch, are made for."""
        d = self.d
        assert d.kind == kind
        # As the runtime does, when the stream's format changes.
        if key != self.key:
            self.state = Guarded(d.state_size + d.state_per_byte * tight, 0)
            self.key = key
        # What is undefined may be anything.
        scratch = Guarded(d.scratch_size + d.scratch_per_byte * max(tight, between), 0xa7)
        cells = d.cells(self.params)
        emitted = np.zeros(d.max_outputs, np.uint64)
        result = direct().direct_run(
            self.handle, source.ctypes.data, target.ctypes.data,
            cells.ctypes.data, self.state.address, scratch.address,
            emitted.ctypes.data, flags, pts, self.blocks, self.lanes)
        assert result == 0, result
        scratch.check('the scratch')
        self.state.check('the state')
        return [int(size) for size in emitted]

    def video(self, format, planes, padding=(0, 0), in_place=False, flags=0, pts=NO_TIME,
              size=None):
        """@size: (width, height) of what comes out, where that may be another."""
        height, width = planes[0].shape[:2]
        out_width, out_height = size or (width, height)
        out_format = self.d.output_format(format)
        rows = [p.reshape(p.shape[0], -1) for p in planes]
        source = Payload(rows, padding[0])
        tight = sum(p.size for p in planes)
        if self.d.gives_records():
            return self._records_of(
                (format, width, height), tight, source,
                source.words(1 + VIDEO_FORMATS.index(format), width, height), 1, flags, pts)
        shapes = plane_shapes(out_format, out_width, out_height)
        between = max(tight, sum(h * w * s for h, w, s in shapes))
        if in_place:
            assert self.d.flags & IN_PLACE
            target = source
        else:
            target = Payload([np.empty((h, w * s), np.uint8)
                              for h, w, s in shapes], padding[1], empty=True)
        self._run(VIDEO, (format, width, height, out_width, out_height), tight,
                  source.words(1 + VIDEO_FORMATS.index(format), width, height),
                  target.words(1 + VIDEO_FORMATS.index(out_format), out_width,
                               out_height), flags, pts, between)
        target.check('the output')
        source.check('the input')
        if not in_place:
            for before, after in zip(rows, source.rows()):
                if not np.array_equal(before, after):
                    raise AssertionError('the input was written')
        return [r.reshape(shape) for r, shape in zip(target.rows(), shapes)]

    def _records_of(self, key, tight, source, words, units, flags, pts):
        """What comes out where something else went in: exactly the room that there is."""
        d = self.d
        before = [guard.bytes.copy() for guard in source.guards]
        target = Payload([np.empty((1, d.most_records(units) * d.output_record_size),
                                   np.uint8)], empty=True)
        emitted = self._run(d.kind, key, tight, words,
                            target.words(0, d.output_record_size, 0), flags, pts)
        target.check('the output')
        for guard, old in zip(source.guards, before):
            guard.check('the input')
            if not np.array_equal(guard.bytes, old):
                raise AssertionError('the input was written')
        size = target.guards[0].size if not d.flags & EMITS else \
            0 if emitted[0] == 2 ** 64 - 1 else emitted[0]
        return d.records_of(target.rows()[0].tobytes()[:size])

    def _flat(self, kind, key, data, out_size, format, width, height, in_place,
              flags):
        source = Payload([np.frombuffer(data, np.uint8).reshape(1, -1)])
        targets = [source] if in_place else [
            Payload([np.empty((1, out_size), np.uint8)], empty=True)
            for _ in range(self.d.max_outputs)]
        emitted = self._run(kind, key, len(data),
                            source.words(format, width, height),
                            np.concatenate([t.words(format, width, height) for t in targets]),
                            flags)
        for target in targets:
            target.check('the output')
        if not in_place and source.rows()[0].tobytes() != data:
            raise AssertionError('the input was written')
        outs = [target.rows()[0].tobytes() for target in targets]
        if self.d.flags & EMITS:
            return b''.join(out[:size] for out, size in zip(outs, emitted)
                            if size != 2 ** 64 - 1)
        return outs[0]

    def audio(self, format, frames, rate=48000, in_place=False, flags=0, pts=NO_TIME):
        """@frames: samples by channels."""
        dtype = AUDIO_FORMATS[format]
        frames = np.ascontiguousarray(frames, dtype)
        channels = frames.shape[1]
        if self.d.gives_records():
            source = Payload([np.frombuffer(frames.tobytes(), np.uint8).reshape(1, -1)])
            return self._records_of(
                (format, channels, rate), frames.nbytes, source,
                source.words(1 + list(AUDIO_FORMATS).index(format), channels, rate),
                len(frames), flags, pts)
        out = self._flat(AUDIO, (format, channels), frames.tobytes(),
                         frames.nbytes, 1 + list(AUDIO_FORMATS).index(format),
                         channels, rate, in_place, flags)
        return np.frombuffer(out, dtype).reshape(-1, channels)

    def records(self, records, flags=0):
        d = self.d
        assert records.dtype.itemsize == d.input_record_size
        out = self._flat(RECORD, 'record', records.tobytes(),
                         len(records) * d.output_record_size, 0,
                         d.input_record_size, 0, False, flags)
        return d.records_of(out)

    def bytes(self, data, in_place=False, flags=0):
        return self._flat(BYTES, 'bytes', data, len(data), 0, 0, 0, in_place,
                          flags)


def load_runtime():
    """The introspected library, or None: from where the environment says, else
    from the build folder."""
    try:
        import gi
    except ImportError:
        return None
    folder = os.path.join(ROOT, 'build', 'runtime')
    try:
        gi.require_version('Ring', '1.0')
    except ValueError:
        if not os.path.exists(os.path.join(folder, 'Ring-1.0.typelib')):
            return None
        gi.require_version('GIRepository', '2.0')
        from gi.repository import GIRepository
        GIRepository.Repository.prepend_search_path(folder)
        GIRepository.Repository.prepend_library_path(folder)
        gi.require_version('Ring', '1.0')
    from gi.repository import Ring
    return Ring


os.environ.setdefault('RINGKERNEL_INCLUDE', INCLUDE)
Ring = load_runtime()
MODES = ['inline', 'event-driven', 'persistent']
WAIT = 60 * 1000000  # us


class RuntimeKernel:
    """A kernel that libringkernel runs. Messages go by copy, so padding and
    in_place mean nothing here."""
    runtimes = {}

    def __init__(self, name, params, workers, mode):
        self.d = describe(name)
        self.params = dict(params or {})
        self.set = {}
        self.key = None
        if mode not in self.runtimes:
            config = Ring.Config.new()
            config.backend = Ring.BackendType.CPU
            config.mode = getattr(Ring.ExecutionMode,
                                  mode.upper().replace('-', '_'))
            config.message_size = 1 << 24
            config.queue_capacity = 4
            config.parameter_files = True
            self.runtimes[mode] = Ring.Runtime.new(config)
        if os.sep in name:
            name = _libraries[name, 'slices']
        else:
            name = name.replace('_', '-')
        self.kernel = self.runtimes[mode].launch(name, workers, 1, None)
        self.kernel.activate()

    def __del__(self):
        if hasattr(self, 'kernel'):
            self.kernel.terminate(Ring.TerminateMode.DISCARD)

    def _set_parameters(self):
        for p in self.d.parameters:
            name = p['name']
            if name not in self.params or self.set.get(name) is self.params[name]:
                continue
            value = self.params[name]
            if p['type'] == FLOAT_ARRAY:
                text = value if isinstance(value, str) else \
                    ', '.join(repr(float(v)) for v in value)
            elif p['type'] == ENUM and not isinstance(value, str):
                text = p['text'].split('|')[value]
            else:
                text = str(value).lower() if p['type'] == BOOL else str(value)
            self.kernel.set_parameter_from_string(name, text)
            self.set[name] = value

    def _send(self, key, format, make, flags, pts=NO_TIME, wanted=None):
        """The payloads that come out; @wanted: of which format, if there is a choice."""
        self._set_parameters()
        if key != self.key:
            self.kernel.set_formats(format, wanted)
            self.key = key
        message = make(format)
        message.set_discont(bool(flags & DISCONT))
        message.set_time(pts, NO_TIME)
        if not self.d.flags & EMITS:
            return [self.kernel.call(message, WAIT, None).get_payload().get_data()]
        self.kernel.send(message, WAIT, None)
        assert self.kernel.drain(WAIT, None)
        outputs = []
        while len(outputs) < self.d.max_outputs:
            try:
                message = self.kernel.receive(0, None)
            except Exception as error:
                if not error.matches(Ring.error_quark(), Ring.Error.TIMED_OUT):
                    raise
                break
            outputs.append(message.get_payload().get_data())
        return outputs

    @staticmethod
    def _bytes(data):
        from gi.repository import GLib
        return GLib.Bytes.new(data)

    def video(self, format, planes, padding=(0, 0), in_place=False, flags=0, pts=NO_TIME,
              size=None):
        height, width = planes[0].shape[:2]
        out_width, out_height = size or (width, height)
        out_format = self.d.output_format(format)

        def frame(name, *sides):
            return Ring.Format.new_video(Ring.video_format_from_string(name), *sides)
        out = self._send(
            (format, width, height, out_width, out_height), frame(format, width, height),
            lambda f: Ring.Message.new_video(f, self._bytes(
                b''.join(p.tobytes() for p in planes))), flags, pts,
            frame(out_format, out_width, out_height) if size else None)
        if self.d.gives_records():
            return self.d.records_of(b''.join(out))
        flat, at, result = np.frombuffer(out[0], np.uint8), 0, []
        for shape in plane_shapes(out_format, out_width, out_height):
            n = int(np.prod(shape))
            result.append(flat[at:at + n].reshape(shape))
            at += n
        assert at == len(flat)
        return result

    def audio(self, format, frames, rate=48000, in_place=False, flags=0, pts=NO_TIME):
        frames = np.ascontiguousarray(frames, AUDIO_FORMATS[format])
        channels = frames.shape[1]
        out = self._send(
            (format, channels, rate),
            Ring.Format.new_audio(Ring.audio_format_from_string(format), rate, channels),
            lambda f: Ring.Message.new_audio(f, self._bytes(frames.tobytes())), flags, pts)
        if self.d.gives_records():
            return self.d.records_of(b''.join(out))
        return np.frombuffer(out[0] or b'', frames.dtype).reshape(-1, channels)

    def records(self, records, flags=0):
        out = self._send(
            'record', Ring.Format.new_record(self.d.input_formats),
            lambda f: Ring.Message.new_records(
                self.d.input_formats, self._bytes(records.tobytes())), flags)
        return self.d.records_of(b''.join(out))

    def bytes(self, data, in_place=False, flags=0):
        out = self._send('bytes', Ring.Format.new_bytes(),
                         lambda f: Ring.Message.new(self._bytes(data)), flags)
        return bytes(out[0] or b'')


def Kernel(name, params=None, workers=1, mode='slices', lanes=4):
    if mode in MODES:
        return RuntimeKernel(name, params, workers, mode)
    return DirectKernel(name, params, workers, mode, lanes)


# How the work may be shared out, for tests that want the same result from all.
SHARINGS = [dict(workers=1), dict(workers=2), dict(workers=7),
            dict(workers=1, mode='lanes', lanes=5),
            dict(workers=3, mode='lanes', lanes=4)]
DIRECT = list(SHARINGS)
if Ring:
    SHARINGS += [dict(workers=1, mode='inline'), dict(workers=2, mode='inline'),
                 dict(workers=2, mode='event-driven'),
                 dict(workers=3, mode='persistent')]


class RuntimeIsTested(unittest.TestCase):
    """Imported by each test program, so that it says so where this is not so."""

    def test_through_libringkernel(self):
        if not Ring:
            self.skipTest('no introspected libringkernel: only the kernels '
                          'themselves were tested')
        self.assertTrue(any(s.get('mode') in MODES for s in SHARINGS))


def run(kernel, format, planes, params=None, workers=1, mode='slices', lanes=4,
        padding=(0, 0), in_place=False, size=None):
    """One picture through a kernel that has not seen another."""
    return Kernel(kernel, params, workers, mode, lanes).video(
        format, planes, padding, in_place, size=size)
