# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pairs: a kernel, what it stands beside, on which input, and when both have done
the same work. A check is given (shape, input, ours, theirs), all bytes, and returns
(the greatest difference, the greatest that is allowed, what was compared)."""
import cv2
import numpy as np
from scipy import signal

from candidates import Call, Element, Picture, Sound, Stream, cv, cv_average, cv_sobel, memcpy

REPLICATE = cv2.BORDER_REPLICATE


class Pair:
    def __init__(self, kernel, params, shape, peer, check, goal=None, frames=1, note="",
                 caps=""):
        self.kernel, self.params, self.shape, self.peer = kernel, params, shape, peer
        self.check, self.goal, self.frames, self.note = check, goal, frames, note
        self.caps = caps  # of our output, where there is a choice
        # What GStreamer knows in CUDA memory; not GRAY8, which `gray` makes.
        self.in_cuda_memory = isinstance(shape, Picture) and kernel != "gray" \
            and shape.format != "GRAY8"

    def named(self):
        return self.kernel + (f' params="{self.params}"' if self.params else "")

    def ours(self, workers):
        """@workers: how many, or 0 for as many as the element finds useful."""
        return Element("ringkernelfilter backend=cpu kernel=" + self.named()
                       + (f" grid-size={workers}" if workers else "") + self.caps)

    def on_gpu(self, memory=""):
        """A kernel that stays on the device, with buffers in system memory, or in @memory."""
        caps = self.caps
        if memory:
            caps = (caps or " ! capsfilter caps=video/x-raw").replace(
                "caps=video/x-raw", f'caps="video/x-raw({memory})') + '"'
        return Stream("ringkernelfilter name=ours backend=cuda execution-mode=persistent kernel="
                      + self.named() + caps, memory)


# ---- when results are as they should be -----------------------------------------

def differ(one, other):
    if one.size != other.size:
        raise ValueError(f"{one.size} and {other.size} values, not as many")
    kind = np.int32 if one.dtype == np.uint8 else np.float64
    return float(np.abs(one.astype(kind) - other.astype(kind)).max())


def close(allowed):
    """Bytes of both are the same, or nearly."""
    return lambda shape, data, ours, theirs: (differ(ours, theirs), allowed,
                                              "ours and theirs")


def close_sound(allowed, skip=0, earlier=0):
    """Sound, of which theirs is @earlier by some frames. Not the last @skip frames: what
    audiofirfilter drains by FFT at the end of a stream is not what it should be."""
    def check(shape, data, ours, theirs):
        a, b = ours.view(np.float32)[2 * earlier:], theirs.view(np.float32)
        n = data.size // 4 - 2 * (skip + earlier)
        if min(a.size, b.size) < n:
            raise ValueError(f"only {min(a.size, b.size) // 2} frames came")
        what = "ours and theirs" + (f", {earlier} frames earlier" if earlier else "") \
            + (f", without the last {skip} frames" if skip else "")
        return differ(a[:n], b[:n]), allowed, what
    return check


def each(our_reference, their_reference, allowed, what):
    """Not the same formula: each is compared with a plain statement of its own."""
    def check(shape, data, ours, theirs):
        return (max(differ(ours, our_reference(shape, data)),
                    differ(theirs, their_reference(shape, data))), allowed, what)
    return check


def inverted(shape, data):
    return 255 - data.reshape(-1)


def same(shape, data):
    return data.reshape(-1)


def sobel(combine, channels=3):
    def reference(shape, data):
        picture = shape.array(data[0])
        gx = cv2.Sobel(picture, cv2.CV_32F, 1, 0, borderType=REPLICATE)
        gy = cv2.Sobel(picture, cv2.CV_32F, 0, 1, borderType=REPLICATE)
        out = np.clip(combine(gx, gy), 0, 255).astype(np.uint8)
        if picture.shape[2] == 4:
            out[..., 3] = picture[..., 3]
        return out.reshape(-1)
    return reference


def magnitude(gx, gy):
    return np.floor(np.hypot(gx, gy) + 0.5)


def inside_sobel(shape, data, ours, theirs):
    """frei0r's formula is |gx| + |gy|, without a border, and alpha is its own."""
    rows = slice(1, -1), slice(1, -1), slice(0, 3)
    first = differ(ours, sobel(magnitude)(shape, data))
    reference = sobel(lambda gx, gy: np.abs(gx) + np.abs(gy))(shape, data)
    return (max(first, differ(shape.array(theirs)[rows], shape.array(reference)[rows])), 1,
            "each and its own formula; theirs is |gx| + |gy|, without the border")


def one_direction(shape, data, ours, theirs):
    """cvsobel's: of the gray picture, one derivative, in three equal colours."""
    gray = cv2.cvtColor(shape.array(data[0]), cv2.COLOR_RGB2GRAY)
    reference = cv2.cvtColor(cv2.Sobel(gray, cv2.CV_8U, 1, 0), cv2.COLOR_GRAY2RGB)
    return (max(differ(ours, sobel(magnitude)(shape, data)),
                differ(theirs, reference.reshape(-1))), 1,
            "each and its own formula; theirs is dx of the gray picture alone")


def luma_blurred(shape, data, ours, theirs):
    """gaussianblur blurs luma alone, the second byte, and its border its own way."""
    rows = slice(8, -8), slice(8, -8)
    a, b = shape.array(ours)[rows], shape.array(theirs)[rows]
    return differ(a[..., 1], b[..., 1]), 3, "the second byte of both, without the border"


def tables(shape, data, ours, theirs):
    """coloreffects: which table is its own affair, but a table it has to be."""
    def table_of(byte):
        of = np.full(256, -1, np.int32)
        of[data[0][byte::4]] = theirs[byte::4]
        return of[data[0][byte::4]].astype(np.uint8)
    codes = np.arange(256, dtype=np.float64)
    reference = np.clip((codes - 127.5) * 1.25 + 127.5 + 0.05 * 255, 0, 255)
    reference = np.floor(255 * (reference / 255) ** (1 / 1.2) + 0.5).astype(np.uint8)
    worst = max(max(differ(theirs[byte::4], table_of(byte)),
                    differ(ours[byte::4], reference[data[0][byte::4]])) for byte in range(3))
    if differ(theirs, data[0]) < 10:
        raise ValueError("theirs leaves the picture as it is")
    return worst, 1, "ours and its formula; theirs and a table of each colour's own"


def keyed(shape, data, ours, theirs):
    """In per cent: where one is opaque and the other transparent."""
    a, b = ours.reshape(-1, 4)[:, 3] >= 128, theirs.reshape(-1, 4)[:, 3] >= 128
    if not 0.2 < a.mean() < 0.8:
        raise ValueError("ours does not tell the key's colour from others")
    return float((a != b).mean() * 100), 1, "% of pixels, opaque in one alone"


AS_RGBA = " ! capsfilter caps=video/x-raw,format=RGBA"
HD_READY = " ! capsfilter caps=video/x-raw,width=1280,height=720"


def alike(least):
    """Pictures with a PSNR of @least dB."""
    def check(shape, data, ours, theirs):
        if ours.size != theirs.size:
            raise ValueError(f"{ours.size} and {theirs.size} values, not as many")
        off = np.sqrt(np.square(ours.astype(np.float64) - theirs).mean())
        return float(off), 255 * 10 ** (-least / 20), \
            f"root of the mean square of what both differ; {least} dB of PSNR are allowed"
    return check


def spectra(shape, data, ours, theirs):
    """Levels of ours in dB. Theirs lets the sound through, and tells levels on the bus; that
    these are the same is seen by tests/gst/test_record_streams.py."""
    records = ours.view([("time", "<u8"), ("channel", "<u4"), ("band", "<u4"), ("level", "<f8")])
    x = data.reshape(-1).view(np.float32).reshape(-1, 2).mean(axis=1, dtype=np.float64)
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(256) / 256)
    hops = x[:len(x) // (18 * 256) * 18 * 256].reshape(-1, 18, 256)
    power = (np.abs(np.fft.rfft(hops * window)) * 2 / window.sum()) ** 2
    power[..., [0, -1]] /= 4
    power = np.maximum.reduceat(power.mean(axis=1), -(-np.arange(128) * 129 // 128), axis=1)
    levels = np.maximum(10 * np.log10(power), -60)
    return (max(differ(records["level"], levels.reshape(-1)),
                differ(theirs, data.reshape(-1))), 0.01,
            "ours and numpy, in dB; theirs and the sound that it lets through")


GAINS = (6, -3, 4, -6, 3, 5, -4, 2, -2, 4)  # dB, of ten bands


def section(gain, w, alpha, kind):
    """Of a filter, by the well-known formulas, of which alpha says how wide it is."""
    a, c = 10 ** (gain / 40), np.cos(w)
    if kind == "peak":
        rows = [1 + alpha * a, -2 * c, 1 - alpha * a], [1 + alpha / a, -2 * c, 1 - alpha / a]
    else:
        more, less, d = a + 1, a - 1, 2 * np.sqrt(a) * alpha
        c = c if kind == "low shelf" else -c
        sign = 1 if kind == "low shelf" else -1
        rows = ([a * (more - less * c + d), sign * 2 * a * (less - more * c),
                 a * (more - less * c - d)],
                [more + less * c + d, sign * -2 * (less + more * c), more + less * c - d])
    return np.divide(rows[0] + rows[1], rows[1][0])


def our_bands(rate=48000, q=2 ** 0.5):
    angles = [2 * np.pi * 31.25 * 2 ** band / rate for band in range(10)]
    return [section(gain, w, np.sin(w) / (2 * q), "peak") for gain, w in zip(GAINS, angles)]


def their_bands(rate=48000):
    """Between edges from 20 Hz to 20 kHz; the first and the last are shelves."""
    edges = 2 * np.pi * np.geomspace(20, 20000, 11) / rate
    kinds = ["low shelf"] + 8 * ["peak"] + ["high shelf"]
    return [section(gain, (low + high) / 2, np.tan((high - low) / 2), kind)
            for gain, low, high, kind in zip(GAINS, edges, edges[1:], kinds)]


def equalized(shape, data, ours, theirs):
    """Neither has the other's bands."""
    sound = data.reshape(-1).view(np.float32).reshape(-1, 2).astype(np.float64)
    return (max(differ(made.view(np.float32), signal.sosfilt(bands, sound, axis=0).reshape(-1))
                for made, bands in ((ours, our_bands()), (theirs, their_bands()))), 1e-3,
            "each and its own formula")


class Screen(Picture):
    """Half of it is a green screen."""

    def __init__(self):
        super().__init__("I420")
        self.text += ", half of it green"

    def input(self, n=1):
        frames = super().input(n)
        half = self.width // 2
        for frame in frames:
            planes = np.split(frame, [self.items(), self.items() * 5 // 4])
            planes[1][:] = planes[2][:] = 128
            for plane, width, value in zip(planes, (self.width, half, half), (145, 54, 34)):
                plane.reshape(-1, width)[:, :width // 2] = value
        return frames


# ---- what stands beside what ----------------------------------------------------

def low_pass(n=101, cutoff=4000, rate=48000):
    """The taps that audiowsinclimit makes of these numbers: a Hamming window."""
    k = np.arange(n) - (n - 1) / 2
    w = 2 * np.pi * cutoff / rate
    taps = np.where(k == 0, w, np.sin(w * k) / np.where(k == 0, 1, k))
    taps = taps * (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(n) / (n - 1)))
    return taps / taps.sum()


def pairs():
    taps = low_pass()
    fir = 'taps=\\"' + ",".join(f"{tap:.9g}" for tap in taps) + '\\"'
    rgb, rgba, gray, i420 = (Picture(f) for f in ("RGB", "RGBA", "GRAY8", "I420"))
    bgrx = Picture("BGRx")
    ayuv = Picture("AYUV")
    chunk = Sound(4096)
    gaussian = Call("cv2.GaussianBlur", cv(lambda picture, out: cv2.GaussianBlur(
        picture, (13, 13), 2, out, 2, REPLICATE)))
    median = Call("cv2.medianBlur", cv(
        lambda picture, out: cv2.medianBlur(picture, 3, out)))
    half = "gain=-6.0205999"
    return [
        Pair("invert", "", i420, Call("memcpy", memcpy),
             each(inverted, same, 0, "each and what it should be"), goal=0.6,
             note="memcpy inverts nothing: it is the bound. Ours works in place, and so touches half "
             "the memory"),
        Pair("edges", "", rgba, Element("frei0r-filter-sobel"), inside_sobel, goal=20),
        Pair("edges", "", rgb, Element("cvsobel mask=false"), one_direction, goal=2,
             note="theirs: one direction, of gray; ours: both, of every colour"),
        Pair("edges", "", gray, Call("cv2.Sobel, magnitude", cv_sobel), close(1)),
        Pair("gaussian-blur", "sigma=2", rgba, TakesAyuv("gaussianblur sigma=2", ayuv),
             luma_blurred, goal=25,
             note="theirs: AYUV, of which it blurs luma alone; ours: all colours of RGBA"),
        Pair("gaussian-blur", "sigma=2", rgb,
             Element("cvsmooth type=gaussian kernel-width=13 kernel-height=13 color=2"),
             close_inside(8, 1), goal=2),
        Pair("gaussian-blur", "sigma=2", gray, gaussian, close(1)),
        Pair("levels", "brightness=0.05 contrast=1.25 gamma=1.2", bgrx,
             Element("coloreffects preset=xpro"), tables, goal=10,
             note="a table for each colour in both, not the same ones"),
        Pair("gray", "", bgrx, Call("cv2.cvtColor to gray", cv(
            lambda picture, out: cv2.cvtColor(picture, cv2.COLOR_BGRA2GRAY, out))), close(1)),
        Pair("temporal-denoise", "strength=0.75", i420,
             Call("cv2.accumulateWeighted, convertScaleAbs", cv_average(0.25)), close(1),
             frames=5),
        Pair("color-balance", "contrast=1.25 saturation=1.04 brightness=0.159313725 hue=-18",
             i420, Element("videobalance contrast=1.25 saturation=1.3 brightness=0.05 hue=0.1"),
             close(3), goal=6),
        Pair("median", "size=3x3", rgb, median, close(0), goal=1,
             note="cvsmooth, which is this call, pushes nothing with type=median in GStreamer "
             "1.22"),
        Pair("median", "size=3x3", gray, median, close(0)),
        Pair("box-blur", "radius=4", gray, Call("cv2.blur", cv(
            lambda picture, out: cv2.blur(picture, (9, 9), out, borderType=REPLICATE))),
             close(1)),
        Pair("chroma-key", "red=0 green=255 blue=0 similarity=0.3", Screen(),
             Element("alpha method=green ! capsfilter caps=video/x-raw,format=RGBA"), keyed, goal=6,
             caps=" ! capsfilter caps=video/x-raw,format=RGBA"),
        Pair("fir", fir, chunk, Element("audiofirfilter name=taps latency=0", taps),
             close_sound(1e-5, 101), goal=8, frames=16, note="theirs: by FFT, its default"),
        Pair("fir", fir, chunk,
             Element("audiofirfilter name=taps latency=0 low-latency=true", taps),
             close_sound(1e-5), goal=8, frames=16,
             note="theirs: sums, without latency, as ours are"),
        Pair("fir", fir, chunk, Element("audiowsinclimit length=101 cutoff=4000"),
             close_sound(1e-5, 101, earlier=50), goal=8, frames=16,
             note="theirs: by FFT, its default, 50 frames earlier"),
        Pair("gain", half, Sound(480), Element("audioamplify amplification=0.5 "
                                               "clipping-method=none"),
             close_sound(1e-6), goal=0.7, frames=3),
        Pair("gain", half, Sound(480), Element("volume volume=0.5"), close_sound(1e-6),
             frames=3),
        Pair("convert", "", i420,
             Element("videoconvert n-threads=1 dither=none" + AS_RGBA), close(6),
             goal=2, caps=AS_RGBA,
             note="I420 to RGBA; theirs has factors of 8 bits"),
        *(Pair("scale", "", shape, Element("videoscale n-threads=1" + HD_READY), alike(40),
               goal=2, caps=HD_READY, note="both: bilinear, to 1280x720")
          for shape in (i420, Picture("NV12"), bgrx)),
        Pair("equalizer-10", " ".join(
            f"gain-{band}={gain}" for band, gain in zip(
                ("31", "62", "125", "250", "500", "1k", "2k", "4k", "8k", "16k"), GAINS)),
             chunk, Element("equalizer-10bands " + " ".join(
                 f"band{i}={gain}" for i, gain in enumerate(GAINS))),
             equalized, goal=8, frames=16,
             note="theirs: sums of floats, ours of doubles; where bands begin and how wide they "
             "are is each one's own affair"),
        Pair("spectrum", "size=256 hop=256 average=18 window=hamming threshold=-60", chunk,
             Element("spectrum"), spectra, goal=6, frames=16,
             note="theirs: windows of 254 frames, averaged over 100 ms, its default; ours: of "
             "256, over 96 ms"),
    ]


class TakesAyuv(Element):
    """The same bytes under another name, for what takes nothing else."""

    def __init__(self, launch, shape):
        super().__init__(launch)
        self.shape = shape

    def open(self, shape):
        return super().open(self.shape)

    def clock(self, shape, data, own):
        return super().clock(self.shape, data, own)


def close_inside(border, allowed):
    """Pictures, but for @border pixels, which one of them treats another way."""
    def check(shape, data, ours, theirs):
        rows = slice(border, -border), slice(border, -border)
        return (differ(shape.array(ours)[rows], shape.array(theirs)[rows]), allowed,
                f"ours and theirs, without {border} pixels of border")
    return check


def sweeps():
    """(kernel, parameters, what makes the peer, shapes): over sizes."""
    sizes = [(160, 120), (320, 240), (640, 480), (1280, 720), (1920, 1080), (3840, 2160)]
    by_name = {(pair.kernel, pair.peer.name()): pair for pair in pairs()}
    return [(by_name[key], shapes) for key, shapes in (
        (("edges", "cv2.Sobel, magnitude"), [Picture("GRAY8", *size) for size in sizes]),
        (("gaussian-blur", "cv2.GaussianBlur"), [Picture("GRAY8", *size) for size in sizes]),
        (("gain", "audioamplify"), [Sound(n) for n in (64, 480, 4096, 32768)]))]
