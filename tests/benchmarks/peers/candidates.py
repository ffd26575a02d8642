# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is measured: an element between two bare pads, or a plain call. Each comes with
a no-op of its own kind, and its time is subtracted."""
import ctypes
import functools
import math
import os
import time

import cv2
import numpy as np


class CannotRun(Exception):
    """Why a candidate cannot be had here."""


def load():
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.environ.get("RING_PEERS_PUMP") or os.path.join(
        here if os.path.exists(os.path.join(here, "peers-pump.so"))  # a bundle's
        else os.path.join(os.environ["RINGKERNEL_BUILD"], "tests", "benchmarks", "peers"),
        "peers-pump.so")
    library = ctypes.CDLL(path)
    library.pump_open.restype = ctypes.c_void_p
    library.pump_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint64,
                                  ctypes.POINTER(ctypes.c_double), ctypes.c_uint,
                                  ctypes.c_char_p, ctypes.c_size_t]
    library.pump_close.argtypes = [ctypes.c_void_p]
    library.pump_close.restype = None
    library.pump_run.restype = ctypes.c_int64
    library.pump_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t,
                                 ctypes.c_uint, ctypes.c_void_p, ctypes.c_size_t]
    library.pump_in_place.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    library.pump_time.restype = ctypes.c_double
    library.pump_time.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t,
                                  ctypes.c_uint, ctypes.c_int, ctypes.c_int]
    library.pump_has.argtypes = [ctypes.c_char_p]
    library.pump_begin_stream.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    for name in ("pump_stream", "pump_alone"):
        getattr(library, name).restype = ctypes.c_double
        getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_uint]
    library.pump_stat.restype = None
    library.pump_stat.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p,
                                  ctypes.c_size_t]
    library.pump_init()
    return library


PUMP = load()


def has_element(name):
    return bool(PUMP.pump_has(name.encode()))


@functools.lru_cache(maxsize=4)  # it takes longer than what is measured
def noisy(rows, width, n):
    """@n pictures of bytes: what is smooth, what has edges, and noise that is new in each."""
    random = np.random.default_rng(6)
    y, x = np.mgrid[0:rows, 0:width].astype(np.float32)
    picture = 128 + 70 * np.sin(x / 41) * np.cos(y / 29) + 40 * ((x // 64 + y // 48) % 2)
    frames = [np.clip(picture + random.normal(0, 8, picture.shape), 0, 255) for _ in range(n)]
    return np.stack(frames).astype(np.uint8).reshape(n, -1)


class Picture:
    """Video caps, and how many bytes a frame has."""
    BYTES = {"GRAY8": 1, "I420": 1.5, "NV12": 1.5, "RGB": 3}

    def __init__(self, pixel_format, width=1920, height=1080):
        self.format, self.width, self.height = pixel_format, width, height
        self.size = int(width * height * self.BYTES.get(pixel_format, 4))
        self.duration = 20_000_000
        self.text = f"{width}x{height} {pixel_format}"

    def caps(self):
        return (f"video/x-raw, format={self.format}, width={self.width}, "
                f"height={self.height}, framerate=50/1")

    def items(self):
        return self.width * self.height

    def array(self, data):
        """As OpenCV wants it; I420 and NV12 are rows of bytes."""
        if self.format in ("GRAY8", "I420", "NV12"):
            return data.reshape(-1, self.width)
        return data.reshape(self.height, self.width, -1)

    def input(self, n=1):
        """@n frames, the caller's to change."""
        return noisy(self.size // self.width, self.width, n).copy()


class Sound:
    """Audio caps: stereo floats, @frames to a buffer."""

    def __init__(self, frames):
        self.frames, self.size = frames, frames * 8
        self.duration = frames * 1_000_000_000 // 48000
        self.text = f"{frames} frames F32LE stereo"

    @staticmethod
    def caps():
        return ("audio/x-raw, format=F32LE, rate=48000, channels=2, layout=interleaved, "
                "channel-mask=(bitmask)0x3")

    def items(self):
        return self.frames

    def input(self, n=1):
        random = np.random.default_rng(6)
        t = np.arange(n * self.frames) / 48000
        left = 0.3 * np.sin(2 * math.pi * 440 * t) + random.normal(0, 0.05, len(t))
        right = 0.3 * np.sin(2 * math.pi * 3000 * t) + random.normal(0, 0.05, len(t))
        both = np.stack([left, right], 1).astype(np.float32)
        return both.reshape(n, -1).view(np.uint8)


class Element:
    """A pipeline's piece. @taps: of audiofirfilter name=taps."""

    def __init__(self, launch, taps=()):
        self.launch, self.taps = launch, list(taps)

    def name(self):
        return self.launch.split()[0]

    def present(self):
        if not has_element(self.name()):
            raise CannotRun(f"there is no element {self.name()} here")

    def open(self, shape):
        error = ctypes.create_string_buffer(500)
        taps = (ctypes.c_double * len(self.taps))(*self.taps)
        pump = PUMP.pump_open(self.launch.encode(), shape.caps().encode(), shape.duration,
                              taps, len(self.taps), error, len(error))
        if not pump:
            raise CannotRun(error.value.decode())
        return pump

    def run(self, shape, data):
        """What comes of @data, a buffer a row: all of it in one array of bytes."""
        return self.collect(self.open(shape), data)

    def collect(self, pump, data):
        out = np.zeros(data.size * 4 + 65536, np.uint8)
        made = PUMP.pump_run(pump, data.ctypes.data, data.shape[1], len(data),
                             out.ctypes.data, out.size)
        PUMP.pump_close(pump)
        if made < 0:
            raise CannotRun(f"{self.launch}: a push failed")
        return out[:made]

    def clock(self, shape, data, own):
        """Two functions of n, for this and for a no-op, that say how many ns one of n
        buffers took, and one that ends it. With @own they count what this thread has had of
        a processor, so what others do on the machine does not count."""
        pump, idle = self.open(shape), Element("identity").open(shape)
        where, size = data.ctypes.data, data.shape[1]
        in_place = PUMP.pump_in_place(pump, where, size)

        def measure(which, n):
            spent = PUMP.pump_time(which, where, size, n, in_place, own)
            if spent < 0 or in_place < 0:
                raise CannotRun(f"{self.launch}: a push failed")
            return spent

        def close():
            PUMP.pump_close(pump)
            PUMP.pump_close(idle)

        return (lambda n: measure(pump, n)), (lambda n: measure(idle, n)), close


class Stream(Element):
    """An element that has several buffers in flight, called `ours`. By the clock, and with
    nothing subtracted: what it costs to hand over is part of it."""
    def __init__(self, launch, memory=""):
        super().__init__(launch)
        self.memory = memory
        self.at_least = 100  # in a turn, since the first and the last have no company

    def open(self, shape):
        return super().open(In(shape, self.memory) if self.memory else shape)

    def begin(self, shape, data):
        pump = self.open(shape)
        if not PUMP.pump_begin_stream(pump, data.ctypes.data, data.shape[1]):
            PUMP.pump_close(pump)
            raise CannotRun(f"{self.launch}: there is no memory for its buffers")
        return pump

    def run(self, shape, data):
        pump = self.begin(shape, data)
        return self.collect(pump, data)

    @staticmethod
    def stats(pump):
        said = ctypes.create_string_buffer(200)

        def stat(name):
            PUMP.pump_stat(pump, name.encode(), said, len(said))
            return said.value.decode()
        return {name: stat(name) for name in ("backend", "mode", "device-name", "workers",
                                              "residencies", "bytes-copied", "fallback")}

    def clock(self, shape, data, own):
        pump = self.begin(shape, data)

        def measure(n):
            spent = PUMP.pump_stream(pump, max(n, self.at_least))
            if spent < 0:
                raise CannotRun(f"{self.launch}: a push failed")
            return spent

        return measure, lambda n: 0.0, lambda: PUMP.pump_close(pump)

    def alone(self, shape, data, n):
        """ns from push to arrival, and the figures of the element after that."""
        pump = self.begin(shape, data)
        # First a stream, of which can be seen whether each buffer makes another.
        spent = PUMP.pump_stream(pump, self.at_least)
        if spent >= 0:
            spent = PUMP.pump_alone(pump, n)
        stats = self.stats(pump)
        PUMP.pump_close(pump)
        if spent < 0:
            raise CannotRun(f"{self.launch}: a push failed")
        return spent, stats


class In:
    """A shape in another memory."""

    def __init__(self, shape, memory):
        self.shape, self.memory, self.duration = shape, memory, shape.duration

    def caps(self):
        return self.shape.caps().replace("video/x-raw,", f"video/x-raw({self.memory}),", 1)


class Call:
    """A plain call. @make, given the shape and one buffer's bytes, returns a function
    without arguments, and the array of its results."""

    def __init__(self, text, make):
        self.launch, self.make = text, make

    def name(self):
        return self.launch

    def present(self):
        pass

    def run(self, shape, data):
        current = data[0].copy()
        function, out = self.make(shape, current)
        results = []
        for row in data:
            current[:] = row
            function()
            results.append(out().reshape(-1).view(np.uint8).copy())
        return np.concatenate(results)

    def clock(self, shape, data, own):
        now = time.thread_time_ns if own else time.perf_counter_ns
        function, _ = self.make(shape, data[0].copy())

        def measure(what, n):
            spent = 0
            for _ in range(n):
                begin = now()
                what()
                spent += now() - begin
            return spent / n

        return ((lambda n: measure(function, n)), (lambda n: measure(lambda: None, n)),
                lambda: None)


# ---- calls ----------------------------------------------------------------------

def memcpy(shape, data):
    to = np.zeros(data.size, np.uint8)
    addresses = ctypes.c_void_p(to.ctypes.data), ctypes.c_void_p(data.ctypes.data)

    def call(kept=(to, data)):  # who has an address has not the array
        ctypes.memmove(*addresses, kept[1].size)
    return call, lambda: to


def cv(function):
    """function (picture, result): one call into OpenCV, whose result has its place."""
    def make(shape, data):
        picture = shape.array(data)
        out = [function(picture, None)]

        def call():
            out[0] = function(picture, out[0])
        return call, lambda: out[0]
    return make


def cv_sobel(shape, data):
    """What `edges` computes, by four calls."""
    picture = shape.array(data)
    border = cv2.BORDER_REPLICATE
    gx = cv2.Sobel(picture, cv2.CV_32F, 1, 0, borderType=border)
    gy, magnitude = np.zeros_like(gx), np.zeros_like(gx)
    out = np.zeros_like(picture)

    def call():
        cv2.Sobel(picture, cv2.CV_32F, 1, 0, gx, borderType=border)
        cv2.Sobel(picture, cv2.CV_32F, 0, 1, gy, borderType=border)
        cv2.magnitude(gx, gy, magnitude)
        cv2.convertScaleAbs(magnitude, out)
    return call, lambda: out


def cv_average(weight):
    def make(shape, data):
        picture = shape.array(data)
        average, out = [None], np.zeros_like(picture)

        def call():
            if average[0] is None:
                average[0] = picture.astype(np.float32)
            else:
                cv2.accumulateWeighted(picture, average[0], weight)
            cv2.convertScaleAbs(average[0], out)
        return call, lambda: out
    return make
