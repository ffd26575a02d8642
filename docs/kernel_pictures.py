# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the pages of docs/kernels show: settings that make plain what a kernel does, the
commands, and a picture of each, which the kernel itself makes with these settings.

To add a kernel, nothing has to be done if its defaults do much: by what it takes and puts
out it gets one of the pictures at the end. Else a line in SETTINGS, and in INPUTS if no
recording will do; and a function here, if the picture wants other words or another input.
Then run docs/gen-kernels.py, and look at what it has drawn.
"""
import inspect
import os
import subprocess
import tempfile

from pictures import GREY, INK, Panel, Running, below, beside, cv2, detail, film, heart, np
from pictures import photo, spectrum, voice

SETTINGS = {
    "background-subtract": "threshold=6 rate=0.05",
    "bilateral": "radius=4 sigma_color=40",
    "biquad": "response=high-pass frequency=300",
    "box-blur": "radius=10",
    "chroma-key": "red=40 green=120 blue=200 similarity=0.2",
    "color-balance": "saturation=1.6 hue=20",
    "compressor": "threshold=-30 ratio=6 make_up=8",
    "convolve": "taps=@hall.wav",
    "decimate": "factor=10",
    "delay": "time=0.25 feedback=0.5",
    "equalizer-10": "gain_62=9 gain_1k=-9 gain_8k=9",
    "fir": 'taps="0.004,0.031,0.109,0.219,0.274,0.219,0.109,0.031,0.004"',
    "fuse": 'weights="100,100,25,4"',
    "gain": "gain=-6",
    "histogram-equalize": "strength=0.7",
    "invert": "amount=0.8",
    "kalman-1d": "wander=2 noise=0.2",
    "levels": "contrast=1.5 gamma=1.2",
    "low-pass": "cutoff=15 rate=360",
    "lut3d": "table=@film.cube",
    "median": "size=5x5",
    "morphology": "operation=open radius=3",
    "motion": "threshold=25 radius=3",
    "moving-average": "window=36 hop=4",
    "resample": "up=25 down=36",
    "rms-window": "window=36 hop=4",
    "sharpen": "amount=2 sigma=1.5",
    "scale": "method=lanczos",
    "spectrum": "size=1024 hop=256 bands=128",
    "spike-detect": "threshold=2.5 window=90 refractory=0.3",
    "temporal-denoise": "strength=0.9 threshold=24",
    "threshold": "method=adaptive radius=15",
    "warp": "angle=15 zoom=1.2 fisheye=0.2",
}

# What is run before the pipeline; the picture is made with what that makes.
BEFORE = {
    "convolve": """\
# A room of half a second: the sound itself, and noise that dies away.
python3 -c '
import math, random, struct, wave
random.seed(1)
taps = [0.7] + [random.gauss(0, 0.015) * math.exp(-i / 4800) for i in range(24000)]
with wave.open("hall.wav", "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(48000)
    file.writeframes(b"".join(struct.pack("<h", round(32767 * tap)) for tap in taps))'""",
    "fuse": """\
# Four thermometers, ten times a second; each deviates in its own way.
python3 -c '
import random, struct, sys
random.seed(1)
for i in range(1000):
    sys.stdout.buffer.write(struct.pack("<Qdddd", i * 10**8,
        *(20 + random.gauss(0, sigma) for sigma in (0.1, 0.1, 0.2, 0.5))))' > four.bin""",
    "lut3d": """\
# A look as films have it: more contrast, dark is bluish, bright is yellowish.
python3 -c '
print("LUT_3D_SIZE 17")
for i in range(17 ** 3):
    color = [i % 17 / 16, i // 17 % 17 / 16, i // 289 / 16]
    gray = sum(color) / 3
    for value, tint in zip(color, (0.45, 0.1, -0.45)):
        value = value * value * (3 - 2 * value) + tint * (gray - 0.4)
        print("%.6f" % min(max(value, 0), 1), end=" ")
    print()' > film.cube""",
}

# The pipeline from its source up to the kernel, and behind it, by what the kernel takes.
LINES = {
    "video": ("gst-launch-1.0 filesrc location=tests/data/clip.webm ! decodebin ! videoconvert",
              "videoconvert ! autovideosink"),
    "audio": ("gst-launch-1.0 filesrc location=tests/data/speech.wav ! wavparse ! audioconvert",
              "audioconvert ! autoaudiosink"),
    "record": ("gst-launch-1.0 filesrc location=tests/data/ecg.bin blocksize=5760",
               "filesink location=out.bin"),
    "bytes": ("gst-launch-1.0 filesrc location=tests/data/photo.jpg",
              "filesink location=copy.jpg"),
}
# Where that does not do: another source, or another end.
FILM = LINES["video"][0]
INPUTS = {
    "coverage": FILM + " \\\n  ! ringkernelfilter kernel=background-subtract",
    "fuse": "gst-launch-1.0 filesrc location=four.bin blocksize=4000",
}
OUTPUTS = {
    "convert": "video/x-raw,format=NV12 ! videoconvert ! autovideosink",
    "scale": "video/x-raw,width=640,height=480 ! videoconvert ! autovideosink",
}

# What is in the records that come of something else.
RECORDS = {
    "coverage": "time (ns), share of white pixels, x, y, width and height of the box around them,"
                " x and y of their centroid",
    "loudness": "time at which a tenth of a second ends (ns); momentary, short-term and"
                " integrated loudness (LUFS); greatest sample (dB)",
    "spectrum": "time at which the window begins (ns), channel, band, level (dB)",
}


def to_records(info):
    return any(format.startswith("(") for format in info.get_output_formats())


def command(info):
    """The lines that the page shows, which make a file or a window."""
    name = info.get_name()
    before, after = LINES[info.get_kind().value_nick]
    if to_records(info):
        after = LINES["record"][1]
    filter_ = "ringkernelfilter kernel=" + name
    if name in SETTINGS:
        quote = "'" if '"' in SETTINGS[name] else '"'
        filter_ += " params=%s%s%s" % (quote, SETTINGS[name], quote)
    return BEFORE.get(name, "").splitlines() + [
        INPUTS.get(name, before) + " \\", "  ! " + filter_ + " \\",
        "  ! " + OUTPUTS.get(name, after)]


# ---- pictures, with the words below them ----------------------------------------------------

BESIDE = "Before, and after."
OVER = "Grey goes in: %s. Red comes out."
VOICE = 'a voice that says "front center"'
HEART = "an electrocardiogram, in mV"

DRAWERS = {}


def draws(words, *names):
    """The function that follows gets a kernel, launched with its settings, and returns its
    picture. @names: whose; none: that of a kind, below."""
    def remember(function):
        function.words = words
        DRAWERS.update(dict.fromkeys(names, function))
        return function
    return remember


def noisy(picture, sigma, seed=1):
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def over_time(kernel, frames):
    """The last of some pictures of a film."""
    for frame in frames:
        out = kernel.video(frame)
    return beside(frames[-1], out)


@draws("A frame of a film, and what has not been there for long.", "background-subtract")
def background_subtract(kernel):
    return over_time(kernel, film()[:50])


@draws("A frame of a film, and where it differs from the one before.", "motion")
def motion(kernel):
    return over_time(kernel, film()[46:50])


@draws("The last of 20 pictures with noise, before and after; the disc moves.",
       "temporal-denoise")
def temporal_denoise(kernel):
    frames = []
    for i in range(20):
        frame = cv2.circle(detail(), (20 + 5 * i, 50), 14, (240, 240, 240), -1, cv2.LINE_AA)
        frames.append(noisy(frame, 9, seed=i))
    return over_time(kernel, frames)


@draws("With noise, before and after.", "bilateral")
def bilateral(kernel):
    before = noisy(detail(), 14)
    return beside(before, kernel.video(before))


@draws("Every twelfth pixel is black or white; before and after.", "median")
def median(kernel):
    before = detail()
    places = np.random.default_rng(1).random(before.shape[:2])
    before[places < 0.04], before[places > 0.96] = 0, 255
    return beside(before, kernel.video(before))


@draws(BESIDE, "sharpen")
def sharpen(kernel):
    before = cv2.GaussianBlur(detail(), (0, 0), 1.2)
    return beside(before, kernel.video(before))


@draws("A picture in fog, before and after.", "histogram-equalize")
def histogram_equalize(kernel):
    before = (photo() * 0.3 + 100).astype(np.uint8)
    return beside(before, kernel.video(before))


@draws("A mask with specks, before and after: what is narrower than 7 pixels goes.",
       "morphology")
def morphology(kernel):
    before = np.where(cv2.cvtColor(photo(), cv2.COLOR_BGR2GRAY) > 120, 255, 0).astype(np.uint8)
    specks = np.random.default_rng(1).random(before.shape) > 0.99
    before[cv2.dilate(specks.astype(np.uint8), np.ones((3, 3))) > 0] = 255
    return beside(before, kernel.video(before))


@draws(BESIDE, "threshold")
def threshold(kernel):
    page = np.full((180, 320), 235.0)
    for i, words in enumerate(("Light from one side:", "no single level parts", "this writing",
                               "from its paper.")):
        cv2.putText(page, words, (14, 40 + 38 * i), cv2.FONT_HERSHEY_SIMPLEX, 0.85, 90, 2,
                    cv2.LINE_AA)
    y, x = np.indices(page.shape)
    before = noisy(page * (0.25 + 0.75 * np.clip((x + y) / 420, 0, 1)), 1)
    return beside(before, kernel.video(before))


@draws("The key is the sky's blue; behind what is left are squares.", "chroma-key")
def chroma_key(kernel):
    before = photo()
    return beside(before, kernel.video(before, "BGRA"))


@draws(BESIDE, "warp")
def warp(kernel):
    before = photo()
    for i in range(0, 320, 40):
        cv2.line(before, (i, 0), (i, 179), (255, 255, 255), 1)
    for i in range(10, 180, 40):
        cv2.line(before, (0, i), (319, i), (255, 255, 255), 1)
    return beside(before, kernel.video(before))


@draws("Before, and after: it is the same.", "copy")
def copy(kernel):
    before = photo()
    return beside(before, kernel.video(before))


@draws("In color, and as GRAY8, which is the brightness of it.", "convert")
def convert(kernel):
    before = photo()
    return beside(before, kernel.video(before, to="GRAY8"))


@draws("A piece of 80 by 45 pixels, and four times as wide.", "scale")
def scale(kernel):
    before = np.ascontiguousarray(photo()[60:105, 120:200])
    return beside(cv2.resize(before, (320, 180), interpolation=cv2.INTER_NEAREST),
                  kernel.video(before, size=(320, 180)))


@draws("The mask that background-subtract makes of a film of a waving hand: how much of it is"
       " white, and where the middle of that is, in pixels.", "coverage")
def coverage(kernel):
    subtract = Running("background-subtract", SETTINGS["background-subtract"])
    found = np.concatenate([kernel.video(subtract.video(frame), time=i / 15)
                            for i, frame in enumerate(film())])
    t = found["f0"] / 1e9
    return below(Panel((0, t[-1]), (0, 100 * found["f1"].max() * 1.1), "%", height=150).line(
        t, 100 * found["f1"]),
        Panel((0, t[-1]), (0, max(film()[0].shape)), "x", height=150).line(t, found["f6"]))


@draws("Above: %s. Below: its loudness in LUFS, of 400 ms (red), of 3 s (grey), and of all until"
       " then that is no pause (dark)." % VOICE, "loudness")
def loudness(kernel):
    before = voice()
    found = kernel.audio(before)
    t = found["f0"] / 1e9
    panel = Panel((0, 1.4), (-50, -10), "LUFS", height=200)
    panel.line(t, found["f2"], GREY).line(t[3:], found["f3"][3:], INK)
    return below(Panel((0, 1.4), (-0.5, 0.5), height=150).line(
        np.arange(len(before)) / 48000, before, GREY), panel.line(t, found["f1"]))


@draws("Of %s: from left to right the time, upwards the frequency; what is loud is dark." % VOICE,
       "spectrum")
def spectrogram(kernel):
    found = kernel.audio(voice())
    bands = int(found["f2"].max()) + 1
    levels = found["f3"].reshape(-1, bands)[:, ::-1].T
    gray = np.clip((levels + 90) / 70 * 255, 0, 255).astype(np.uint8)
    return cv2.cvtColor(cv2.resize(255 - gray, (640, 256)), cv2.COLOR_GRAY2BGR)


@draws("The spectrum of %s: grey before, red after." % VOICE, "biquad", "equalizer-10", "fir")
def frequencies(kernel):
    before = voice()
    panel = Panel((30, 20000), (-120, -30), "dB", "Hz", log=True, height=230)
    panel.line(*spectrum(before), GREY).line(*spectrum(kernel.audio(before)))
    return panel.image


@draws("The level of %s: grey before, red after, which has 8 dB more where nothing is reduced."
       " The dark line is the threshold." % VOICE, "compressor")
def compressor(kernel):
    def level(samples, length=960):
        parts = samples[:len(samples) // length * length].reshape(-1, length)
        return 10 * np.log10((parts ** 2).mean(axis=1) + 1e-9)

    before = level(voice())
    t = np.arange(len(before)) * 0.02
    panel = Panel((0, 1.4), (-70, 0), "dB, of 20 ms each", height=230)
    panel.line([0, 1.4], [-30, -30], INK)
    return panel.line(t, before, GREY).line(t, level(kernel.audio(voice()))).image


@draws("Above: %s, and then silence. Below: what becomes of it." % VOICE, "delay", "convolve")
def with_silence(kernel):
    before = np.concatenate([voice(), np.zeros(48000, np.float32)])
    after = kernel.audio(before)
    t = np.arange(len(before)) / 48000
    return below(Panel((0, t[-1]), (-0.5, 0.5), "before", height=150).line(t, before, GREY),
                 Panel((0, t[-1]), (-0.5, 0.5), "after", height=150).line(t, after))


def readings(kernel, begin, end, dots=False, low=-1.0, high=2.0):
    """Values in mV, from one second to another."""
    before = heart()
    after = kernel.records(before[:360 * (int(end) + 1)])
    panel = Panel((begin, end), (low, high), "mV", height=230)
    panel.line(before["f0"] / 1e9, before["f1"], GREY)
    if dots:
        panel.dots(before["f0"] / 1e9, before["f1"], GREY)
    return (panel.dots if dots else panel.line)(after["f0"] / 1e9, after["f1"]).image


@draws(OVER % HEART, "low-pass", "moving-average")
def smoothed(kernel):
    return readings(kernel, 1.0, 3.0)


@draws("Grey goes in: %s, with noise of 0.2 mV. Red comes out, and how sure that is: pale red is"
       " one standard deviation to either side." % HEART, "kalman-1d")
def kalman_1d(kernel):
    before = heart()[:360 * 2].copy()
    before["f1"] += np.random.default_rng(1).normal(0, 0.2, len(before))
    after = kernel.records(before)
    t = after["f0"] / 1e9
    panel = Panel((0, 2), (-1.2, 2.2), "mV", height=230).line(before["f0"] / 1e9, before["f1"],
                                                              GREY)
    for sign in (-1, 1):
        panel.line(t, after["f1"] + sign * after["f2"], (170, 185, 245))
    return panel.line(t, after["f1"]).image


@draws("Grey goes in: %s, 360 a second. Red are the 36 a second that come out." % HEART,
       "decimate")
def decimate(kernel):
    return readings(kernel, 1.0, 3.0, dots=True)


@draws("Grey goes in: %s, 360 a second. Red are the 250 a second that come out." % HEART,
       "resample")
def resample(kernel):
    return readings(kernel, 1.45, 1.7, dots=True)


@draws("Grey goes in: %s. Red are the records that come out." % HEART, "spike-detect")
def spike_detect(kernel):
    before = heart()
    found = kernel.records(before[:360 * 12])
    panel = Panel((0, 12), (-1.0, 2.5), "mV", height=230)
    panel.line(before["f0"] / 1e9, before["f1"], GREY)
    panel.marks(found["f0"] / 1e9, (200, 205, 245))
    return panel.dots(found["f0"] / 1e9, found["f1"], size=3).image


@draws("Grey: four thermometers. Red: one value of them.", "fuse")
def fuse(kernel):
    dtype = np.dtype([("t", "<u8")] + [("v%d" % i, "<f8") for i in range(4)])
    before = np.fromfile("four.bin", dtype)
    after = kernel.records(before)
    panel = Panel((0, 30), (18.5, 21.5), "degrees", height=230)
    for i in (3, 2, 1, 0):
        panel.line(before["t"] / 1e9, before["v%d" % i], (215, 212, 208) if i == 3 else GREY)
    return panel.line(after["f0"] / 1e9, after["f1"]).image


# ---- where there is none above: by what goes in and what comes out ----------------------------

@draws(BESIDE)
def picture_to_picture(kernel):
    before = photo()
    return beside(before, kernel.video(before))


@draws(OVER % VOICE)
def sound_to_sound(kernel):
    before = voice()
    t = np.arange(len(before)) / 48000
    panel = Panel((0, 1.4), (-0.5, 0.5), height=230)
    return panel.line(t, before, GREY).line(t, kernel.audio(before)).image


@draws(OVER % HEART)
def readings_to_readings(kernel):
    return readings(kernel, 0.0, 6.0)


def fields(records):
    """A plot of each field but the first, which is a time in ns."""
    names = records.dtype.names
    t = records[names[0]] / 1e9
    for name in names[1:]:
        values = records[name].astype(float)
        room = 0.1 * np.ptp(values) or 1.0
        yield Panel((0, max(t.max(), 1e-3)), (values.min() - room, values.max() + room),
                    name, height=150).line(t, values)


@draws("What is found in a film of a waving hand: the fields of its records, behind the time.")
def film_to_records(kernel):
    return below(*fields(np.concatenate([kernel.video(frame, time=i / 15)
                                         for i, frame in enumerate(film())])))


@draws("Above: %s. Below: the fields of the records, behind the time." % VOICE)
def sound_to_records(kernel):
    before = voice()
    return below(Panel((0, 1.4), (-0.5, 0.5), height=150).line(
        np.arange(len(before)) / 48000, before, GREY), *fields(kernel.audio(before)))


def drawer(info):
    """The function that draws the kernel's picture."""
    kind = info.get_kind().value_nick
    if info.get_name() in DRAWERS:
        return DRAWERS[info.get_name()]
    if to_records(info):
        return {"video": film_to_records, "audio": sound_to_records,
                "record": readings_to_readings}[kind]
    return {"audio": sound_to_sound, "record": readings_to_readings}.get(
        kind, picture_to_picture)


def is_plot(info):
    return info.get_kind().value_nick in ("audio", "record") or to_records(info)


def recipe(info):
    """All that its picture is made of, as text: where that changes, it is drawn anew."""
    name = info.get_name()
    return "\n".join([inspect.getsource(drawer(info)), SETTINGS.get(name, ""),
                      BEFORE.get(name, "")])


def draw(info):
    name = info.get_name()
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            if name in BEFORE:
                subprocess.run(["sh", "-e", "-c", BEFORE[name]], check=True)
            return drawer(info)(Running(name, SETTINGS.get(name, "")))
        finally:
            os.chdir(here)
