# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs kernels and draws what they do; for the pages that gen-*.py write.

Needs numpy and OpenCV, but not to be imported: np and cv2 are None where there are none.
Pictures are arrays of rows of blue, green and red, as OpenCV has them.
"""
import os
import subprocess

from gi.repository import GLib

from declared import Ring

try:
    import cv2
    import numpy as np
except ImportError:
    cv2 = np = None

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.path.join(ROOT, "tests", "data")

# Of lines and words; blue, green, red. Grey is what goes in, colour what comes out.
INK, GREY, COLOUR, FAINT = (40, 36, 33), (176, 172, 168), (40, 80, 215), (228, 226, 224)


# ---- kernels ---------------------------------------------------------------------------

def record_dtype(text):
    """numpy's type of the records of a GVariant type; fields are called f0, f1 …"""
    kinds = {"y": "u1", "b": "u1", "n": "<i2", "q": "<u2", "i": "<i4", "u": "<u4",
             "x": "<i8", "t": "<u8", "d": "<f8"}
    fields = [kinds[letter] for letter in text if letter in kinds]
    return np.dtype([("f%d" % i, kind) for i, kind in enumerate(fields)], align=True)


class Running:
    """A kernel, launched on the CPU. `kernel` is a name, or a path to a source.

    What comes out is an array: of rows of pixels, samples by channels, or records; of what
    kind and size it is says the kernel."""

    def __init__(self, kernel, params=""):
        config = Ring.Config.new()
        config.backend = Ring.BackendType.CPU
        config.message_size = 1 << 22
        config.parameter_files = True
        self.runtime = Ring.Runtime.new(config)
        self.kernel = self.runtime.launch(kernel, -1, -1, None)
        if params:
            self.kernel.set_parameters_from_string(params)
        self.kernel.activate()
        self.info = self.kernel.get_info()
        self.name = self.info.get_name()

    def takes(self, *formats):
        """The first of these names that the kernel takes, or None."""
        return next((f for f in formats if f in self.info.get_input_formats()), None)

    def _run(self, format, make, data, time=0.0, out=None):
        self.kernel.set_formats(format, out)
        out = self.kernel.get_output_format()
        message = make(GLib.Bytes.new(data))
        message.set_time(int(time * 1e9), 2 ** 64 - 1)
        self.kernel.send(message, -1, None)
        assert self.kernel.drain(-1, None)
        parts = []
        while True:
            try:
                parts.append(self.kernel.receive(0, None).get_payload().get_data() or b"")
            except GLib.Error as error:
                if not error.matches(Ring.error_quark(), Ring.Error.TIMED_OUT):
                    raise
                break
        return self._array(out, b"".join(parts))

    @staticmethod
    def _array(format, data):
        if format.kind == Ring.PayloadKind.VIDEO:
            pixels = np.frombuffer(data, np.uint8)
            planes = len(pixels) // (format.width * format.height)
            shape = (format.height, format.width) + ((planes,) if planes > 1 else ())
            return pixels.reshape(shape)
        if format.kind == Ring.PayloadKind.AUDIO:
            kind = {"S16LE": "<i2", "S32LE": "<i4", "F32LE": "<f4", "F64LE": "<f8"}[
                Ring.audio_format_to_string(format.audio_format)]
            return np.frombuffer(data, kind).reshape(-1, format.channels)
        if format.kind == Ring.PayloadKind.RECORD:
            return np.frombuffer(data, record_dtype(format.get_record_type()))
        return np.frombuffer(data, np.uint8)

    def bytes(self, data):
        return self._run(Ring.Format.new_bytes(), Ring.Message.new, data)

    def video(self, picture, format=None, time=0.0, size=None, to=None):
        """What becomes of a picture at that time, in s: rows of blue, green and red, or of
        gray. @size, as (width, height), and @to, a format: where the kernel leaves them
        open."""
        gray = picture.ndim == 2
        name = format or self.takes("GRAY8" if gray else "BGR", "BGRA", "GRAY8")
        if name is None:
            return self.bytes(picture.tobytes()).reshape(picture.shape)
        if name == "BGRA":
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)
        elif name == "GRAY8" and not gray:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        format = Ring.Format.new_video(Ring.video_format_from_string(name),
                                       picture.shape[1], picture.shape[0])
        out = Ring.Format.new_video(Ring.video_format_from_string(to or name),
                                    *(size or picture.shape[1::-1])) if size or to else None
        return self._run(format, lambda data: Ring.Message.new_video(format, data),
                         np.ascontiguousarray(picture).tobytes(), time, out)

    def audio(self, samples, rate=48000, name="F32LE"):
        """What becomes of sound of one channel, with 1 being the loudest, or of int16."""
        samples = np.asarray(samples, {"F32LE": "<f4", "S16LE": "<i2"}[name])
        format = Ring.Format.new_audio(Ring.audio_format_from_string(name), rate, 1)
        out = self._run(format, lambda data: Ring.Message.new_audio(format, data),
                        samples.tobytes())
        return out if out.dtype.names else out[:, 0]

    def records(self, records):
        """Of an array of records: @records has the layout that the kernel takes."""
        kind = self.info.get_input_formats()[0]
        records = np.ascontiguousarray(records, record_dtype(kind))
        return self._run(Ring.Format.new_record(kind),
                         lambda data: Ring.Message.new_records(kind, data),
                         records.tobytes())


# ---- what goes in; where it is from: tests/data/LICENSES.md -------------------------------

def crop(picture, width, height):
    """The middle of the picture in this shape."""
    rows = min(picture.shape[0], picture.shape[1] * height // width)
    columns = min(picture.shape[1], rows * width // height)
    y, x = (picture.shape[0] - rows) // 2, (picture.shape[1] - columns) // 2
    return picture[y:y + rows, x:x + columns]


def photo(width=320, height=180):
    """A building under a blue sky."""
    whole = cv2.imread(os.path.join(DATA, "photo.jpg"))
    return cv2.resize(crop(whole, width, height), (width, height),
                      interpolation=cv2.INTER_AREA)


def detail(x=150, y=150, width=320, height=180):
    """A part of it, in which a pixel is one of the camera's."""
    return cv2.imread(os.path.join(DATA, "photo.jpg"))[y:y + height, x:x + width].copy()


def film():
    """A webcam's: a tree in the wind, then a hand waves. 15 frames a second."""
    done = subprocess.run(
        ["gst-launch-1.0", "-q", "filesrc", "location=" + os.path.join(DATA, "clip.webm"),
         "!", "decodebin", "!", "videoconvert", "!", "video/x-raw,format=BGR", "!",
         "fdsink"], check=True, stdout=subprocess.PIPE)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, 240, 320, 3)


def voice():
    """Says "front center", at 48 kHz; 1 is the loudest."""
    with open(os.path.join(DATA, "speech.wav"), "rb") as file:
        samples = np.frombuffer(file.read()[44:], "<i2")
    return (samples[:len(samples) // 2 * 2] / 32768).astype(np.float32)


def heart():
    """An electrocardiogram: f0, ns, and f1, mV, at 360 Hz."""
    with open(os.path.join(DATA, "ecg.bin"), "rb") as file:
        return np.frombuffer(file.read(), record_dtype("(td)"))


# ---- what is drawn ---------------------------------------------------------------------------

def say(image, words, x, y, size=0.42, color=INK):
    cv2.putText(image, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, color, 1, cv2.LINE_AA)


def width_of(words, size=0.42):
    return cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0]


def coloured(picture):
    """Of gray, or with alpha: squares shine through."""
    if picture.ndim == 2:
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    if picture.shape[2] == 4:
        squares = np.where((np.indices(picture.shape[:2]) // 12).sum(axis=0) % 2, 150, 240)
        alpha = picture[:, :, 3:] / 255
        return (picture[:, :, :3] * alpha + squares[:, :, None] * (1 - alpha)).astype(np.uint8)
    return picture


def beside(*pictures, gap=8):
    """One beside the other; they may differ in size."""
    pictures = [coloured(p) for p in pictures]
    height = max(p.shape[0] for p in pictures)
    sheet = np.full((height, sum(p.shape[1] + gap for p in pictures) - gap, 3), 255, np.uint8)
    x = 0
    for p in pictures:
        sheet[:p.shape[0], x:x + p.shape[1]] = p
        x += p.shape[1] + gap
    return sheet


def ticks(low, high, n=5):
    """Round numbers from low to high, about n of them."""
    step = 10.0 ** np.floor(np.log10((high - low) / n))
    step *= next(f for f in (1, 2, 5, 10) if (high - low) / (step * f) <= n)
    return np.arange(np.ceil(low / step - 1e-9), high / step + 1e-9) * step + 0.0


class Panel:
    """One plot: x and y are (low, high); lines, dots and marks are drawn into it."""

    LEFT, TOP, BOTTOM = 46, 26, 22

    def __init__(self, x, y, words="", unit="s", width=720, height=190, log=False):
        self.image = np.full((height, width, 3), 255, np.uint8)
        self.x, self.y, self.log = x, y, log
        self.at = (self.LEFT, self.TOP, width - 12, height - self.BOTTOM)
        left, top, right, bottom = self.at
        places = [f for f in (20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)
                  if x[0] <= f <= x[1]] if log else ticks(*x, n=8)
        for value in places:
            column = int(round(float(self.column(value))))
            cv2.line(self.image, (column, top), (column, bottom), FAINT, 1)
            text = "%gk" % (value / 1000) if log and value >= 1000 else "%g" % round(value, 9)
            say(self.image, text, column - width_of(text, 0.36) // 2, bottom + 15, 0.36)
        for value in ticks(*y, n=4):
            row = int(round(float(self.row(value))))
            cv2.line(self.image, (left, row), (right, row), FAINT, 1)
            text = "%g" % round(value, 9)
            say(self.image, text, left - 6 - width_of(text, 0.36), row + 4, 0.36)
        say(self.image, words, left, top - 10)
        say(self.image, unit, right - width_of(unit, 0.36), top - 10, 0.36)

    def column(self, x):
        low, high = self.x
        part = (np.log(np.asarray(x) / low) / np.log(high / low) if self.log
                else (np.asarray(x, float) - low) / (high - low))
        return self.at[0] + part * (self.at[2] - self.at[0])

    def row(self, y):
        low, high = self.y
        return self.at[1] + (high - np.asarray(y, float)) / (high - low) * (
            self.at[3] - self.at[1])

    def _inside(self, x, y):
        return np.stack([self.column(x), np.clip(self.row(y), self.at[1], self.at[3])], axis=-1)

    def line(self, x, y, color=COLOUR):
        x, y = np.asarray(x, float), np.asarray(y, float)
        seen = (x >= self.x[0]) & (x <= self.x[1])
        x, y = x[seen], y[seen]
        columns = self.at[2] - self.at[0]
        if len(x) > 8 * columns:
            # What one column holds is a line from its least to its greatest.
            each = len(x) // columns
            x = np.repeat(x[:each * columns:each], 2)
            rows = y[:each * columns].reshape(columns, each)
            y = np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1).ravel()
        cv2.polylines(self.image, [np.round(self._inside(x, y) * 16).astype(np.int32)], False,
                      color, 1, cv2.LINE_AA, 4)
        return self

    def dots(self, x, y, color=COLOUR, size=2.5):
        for place in self._inside(x, y)[(np.asarray(x) >= self.x[0])
                                        & (np.asarray(x) <= self.x[1])]:
            cv2.circle(self.image, tuple(int(v) for v in np.round(place * 16)), int(size * 16),
                       color, -1, cv2.LINE_AA, 4)
        return self

    def marks(self, x, color=COLOUR):
        """A line from top to bottom at each x."""
        for column in self.column(np.asarray(x, float)):
            if self.at[0] <= column <= self.at[2]:
                cv2.line(self.image, (int(column), self.at[1]), (int(column), self.at[3]),
                         color, 1, cv2.LINE_AA)
        return self


def below(*panels):
    """One plot below the other."""
    return np.concatenate([panel.image for panel in panels])


def spectrum(samples, rate=48000, size=4096):
    """Frequencies and dB: the mean of what overlapping parts have, in thirds of a tone."""
    window = np.hanning(size)
    parts = np.lib.stride_tricks.sliding_window_view(samples, size)[::size // 4]
    power = (abs(np.fft.rfft(parts * window)) ** 2).mean(axis=0) / (window ** 2).sum() / rate
    bins = np.fft.rfftfreq(size, 1 / rate)
    frequencies = 20 * 2 ** np.arange(0, 10, 1 / 18)
    smooth = [power[(bins >= f / 2 ** (1 / 12)) & (bins <= f * 2 ** (1 / 12))] for f in
              frequencies]
    levels = [10 * np.log10(p.mean() if len(p) else np.interp(f, bins, power))
              for f, p in zip(frequencies, smooth)]
    return frequencies, np.array(levels)


def write(path, image):
    """.png for lines, which have few colours; .jpg for photographs."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, 88] if path.endswith(".jpg") else [
        cv2.IMWRITE_PNG_COMPRESSION, 9]
    assert cv2.imwrite(path, image, options)
    print("written: " + os.path.relpath(path, ROOT))
