#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes docs/examples.md from what the kernels of examples/kernels declare, and the
pictures of what they do.

    gen-examples.py           write both; pictures anew only if something has changed
    gen-examples.py --check   only say whether they are up to date (exit status)

Pictures need numpy and OpenCV; saying whether they are up to date does not: the page
holds a checksum of all that they are made of.
"""
import hashlib
import os
import subprocess
import sys

from declared import Ring, table

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
KERNELS = os.path.join(ROOT, "examples", "kernels")
DATA = os.path.join(ROOT, "tests", "data")
PAGE = os.path.join(HERE, "examples.md")
IMAGES = os.path.join(HERE, "images")

# In the order of the page, with what makes their effect plain: in the picture and in
# the pipeline.
GROUPS = [
    ("video", "Pictures", [
        ("vignette", "strength=0.9 radius=0.2"),
        ("duotone", ""),
        ("pixelate", "size=12"),
        ("glitch", "often=60 far=30"),
        ("chroma-key", "key=0x3b6ea5 tolerance=26 softness=20"),
        ("motion-heat", "gain=8"),
        ("posterize", "steps=3"),
    ]),
    ("audio", "Sound", [
        ("tremolo", "rate=6 depth=0.9"),
        ("bit-crush", "bits=4 hold=8"),
        ("rectify", ""),
    ]),
    ("sensor", "Sensors", [
        ("low-pass", "cutoff=2"),
        ("zero-crossings", "window=2 hysteresis=0.2"),
    ]),
    ("bytes", "Bytes", [("fade", "amount=0.3")]),
]

LINES = {
    "video": ("filesrc location=tests/data/clip.webm ! decodebin ! videoconvert",
              "videoconvert ! autovideosink"),
    "audio": ("filesrc location=tests/data/speech.wav ! wavparse ! audioconvert",
              "audioconvert ! autoaudiosink"),
    "sensor": ("filesrc location=tests/data/ecg.bin blocksize=5760",
               "filesink location=out.bin"),
    "bytes": ("videotestsrc num-buffers=30 ! video/x-raw,format=RGB",
              "videoconvert ! autovideosink"),
}

WORDS = {
    "video": "`motion-heat` sees a webcam's film of a waving hand, the others a photo;"
             " behind what `chroma-key` leaves of it, the sky being the key, are squares.",
    "audio": "Grey is the sound before, a voice that says \"front center\".",
    "sensor": "Grey is an electrocardiogram of 360 records a second.",
}


def path_of(name):
    return os.path.join(KERNELS, name + ".c")


def checksum():
    """Of all that the pictures are made of."""
    total = hashlib.sha256()
    files = [os.path.abspath(__file__)] + [
        path_of(name) for _, _, kernels in GROUPS for name, _ in kernels] + [
        os.path.join(DATA, name) for name in ("clip.webm", "photo.jpg", "speech.wav",
                                              "ecg.bin")]
    for file in files:
        with open(file, "rb") as opened:
            total.update(hashlib.sha256(opened.read()).digest())
    return total.hexdigest()[:16]


# ---- pictures -----------------------------------------------------------------------

class Running:
    """An example, launched on the CPU."""

    def __init__(self, name, params):
        config = Ring.Config.new()
        config.backend = Ring.BackendType.CPU
        config.message_size = 1 << 22
        self.runtime = Ring.Runtime.new(config)
        self.kernel = self.runtime.launch(path_of(name), -1, -1, None)
        if params:
            self.kernel.set_parameters_from_string(params)
        self.kernel.activate()
        self.emits = self.kernel.get_info().get_emits()

    def run(self, format, make, data):
        from gi.repository import GLib
        self.kernel.set_format(format)
        message = make(GLib.Bytes.new(data))
        if not self.emits:
            return self.kernel.call(message, -1, None).get_payload().get_data()
        self.kernel.send(message, -1, None)
        self.kernel.drain(-1, None)
        return self.kernel.receive(0, None).get_payload().get_data()

    def video(self, name, picture):
        format = Ring.Format.new_video(Ring.video_format_from_string(name),
                                       picture.shape[1], picture.shape[0])
        return self.run(format, lambda b: Ring.Message.new_video(format, b),
                        picture.tobytes())

    def audio(self, name, samples):
        format = Ring.Format.new_audio(Ring.audio_format_from_string(name), 48000, 1)
        return self.run(format, lambda b: Ring.Message.new_audio(format, b),
                        samples.tobytes())

    def records(self, data):
        format = Ring.Format.new_record("(td)")
        return self.run(format, lambda b: Ring.Message.new_records("(td)", b), data)


def draw():
    """The pictures of all groups, by name."""
    import cv2
    import numpy as np

    ink, grey, colour = (40, 36, 33), (190, 186, 182), (40, 80, 215)

    def say(image, words, x, y, size=0.55, color=ink):
        cv2.putText(image, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, color, 1,
                    cv2.LINE_AA)

    def clip_frames():
        done = subprocess.run(
            ["gst-launch-1.0", "-q", "filesrc", "location=" + os.path.join(DATA, "clip.webm"),
             "!", "decodebin", "!", "videoconvert", "!", "video/x-raw,format=GRAY8",
             "!", "fdsink"], check=True, stdout=subprocess.PIPE)
        return np.frombuffer(done.stdout, np.uint8).reshape(-1, 240, 320)

    def picture(name, params):
        photo = cv2.resize(cv2.imread(os.path.join(DATA, "photo.jpg")), (320, 240),
                           interpolation=cv2.INTER_AREA)
        if name is None:
            return photo
        running = Running(name, params)
        if name == "motion-heat":
            for frame in clip_frames()[:112]:
                out = running.video("GRAY8", frame)
            return np.frombuffer(out, np.uint8).reshape(240, 320, 3)[:, :, ::-1]
        if name == "chroma-key":
            out = np.frombuffer(running.video("BGRA", cv2.cvtColor(
                photo, cv2.COLOR_BGR2BGRA)), np.uint8).reshape(240, 320, 4)
            squares = np.where((np.indices((240, 320)) // 16).sum(axis=0) % 2, 150, 240)
            alpha = out[:, :, 3:] / 255
            return (out[:, :, :3] * alpha + squares[:, :, None] * (1 - alpha)).astype(np.uint8)
        return np.frombuffer(running.video("BGR", photo), np.uint8).reshape(240, 320, 3)

    def contact_sheet(kernels):
        tiles = [("the photo", picture(None, ""))] + [
            (name, picture(name, params)) for name, params in kernels]
        sheet = np.full((2 * 276, 4 * 328 + 8, 3), 255, np.uint8)
        for i, (name, tile) in enumerate(tiles):
            x, y = 8 + i % 4 * 328, 8 + i // 4 * 276
            sheet[y:y + 240, x:x + 320] = tile
            say(sheet, name, x + 2, y + 258)
        return sheet

    def panels(parts, height=190):
        """@parts: (caption, range of values, lines of (color, x 0 to 1, values))."""
        sheet = np.full((len(parts) * height, 1280, 3), 255, np.uint8)
        for i, (caption, (low, high), lines) in enumerate(parts):
            top = i * height + 32
            for color, x, values in lines:
                places = np.stack([16 + np.asarray(x) * 1248,
                                   top + (high - np.asarray(values)) / (high - low)
                                   * (height - 44)], axis=1)
                cv2.polylines(sheet, [np.round(places * 16).astype(np.int32)], False,
                              color, 1, cv2.LINE_AA, 4)
            say(sheet, caption, 16, i * height + 22)
        return sheet

    def sound(kernels):
        with open(os.path.join(DATA, "speech.wav"), "rb") as file:
            before = np.frombuffer(file.read()[44:], "<i2")
        before = before[:len(before) // 2 * 2]
        parts = []
        for name, params in kernels:
            if name == "bit-crush":
                after = np.frombuffer(Running(name, params).audio("S16LE", before), "<i2")
                begin, length = 9600, 300
            else:
                floats = (before / 32768).astype("<f4")
                after = np.frombuffer(Running(name, params).audio("F32LE", floats),
                                      "<f4") * 32768
                begin, length = (0, len(before)) if name == "tremolo" else (9600, 1200)
            part = slice(begin, begin + length)
            x = np.arange(length) / length
            peak = float(abs(before[part]).max())
            caption = "%s: %.0f ms" % ("  ".join([name, params]).strip(), length / 48)
            parts.append((caption, (-peak, peak),
                          [(grey, x, before[part]), (colour, x, after[part])]))
        return panels(parts)

    def sensors(kernels):
        record = np.dtype([("t", "<u8"), ("value", "<f8")])
        with open(os.path.join(DATA, "ecg.bin"), "rb") as file:
            data = file.read()[:360 * 16 * 20]
        raw = np.frombuffer(data, record)
        parts = []
        for name, params in kernels:
            out = Running(name, params).records(data)
            if name == "low-pass":
                n = 360 * 6
                after = np.frombuffer(out, record)
                parts.append(("%s  %s: 6 s" % (name, params), (-1.5, 2.5), [
                    (grey, raw["t"][:n] / 6e9, raw["value"][:n]),
                    (colour, after["t"][:n] / 6e9, after["value"][:n])]))
            else:
                counted = np.frombuffer(out, record)
                ends = counted["t"] / 20e9
                x = np.repeat(np.concatenate([[0.0], ends]), 2)[1:-1]
                steps = np.repeat(counted["value"], 2)
                top = float(steps.max())
                parts.append((
                    "%s  %s: 20 s, up to %d changes of sign" % (name, params, top),
                    (0, top), [(grey, raw["t"] / 20e9, (raw["value"] + 1.5) / 4 * top),
                               (colour, x, steps)]))
        return panels(parts)

    makers = {"video": contact_sheet, "audio": sound, "sensor": sensors}
    for group, _, kernels in GROUPS:
        if group in makers:
            name = os.path.join(IMAGES, "examples-%s.jpg" % group)
            cv2.imwrite(name, makers[group](kernels), [cv2.IMWRITE_JPEG_QUALITY, 82])
            print("written: docs/images/" + os.path.basename(name))


# ---- the page ------------------------------------------------------------------------

def describe(group, name, params):
    config = Ring.Config.new()
    config.backend = Ring.BackendType.CPU
    info = Ring.Runtime.new(config).find_kernel(path_of(name))
    before, after = LINES[group]
    setting = ' params="%s"' % params if params else ""
    return ["### %s" % name, "", info.get_description()
            + ": [%s.c](../examples/kernels/%s.c)." % (name, name)] + table(info) + [
        "", "<!-- run -->", "```sh", "gst-launch-1.0 %s \\" % before,
        "  ! ringkernelfilter kernel=examples/kernels/%s.c%s \\" % (name, setting),
        "  ! %s" % after, "```", ""]


def page():
    lines = [
        "# Kernels to begin with", "",
        "Generated by `docs/gen-examples.py` from what the kernels declare; do not edit.", "",
        "Each is a file of less than 40 lines in [examples/kernels](../examples/kernels), to run"
        " as it", "is, to look at, or to make another one of. In a directory of"
        " `RINGKERNEL_PATH` each is an", "element, too: `ringkernel-NAME`. What the words in"
        " them mean: [writing-kernels.md](writing-kernels.md).", "",
        "<!-- pictures: %s -->" % checksum(), ""]
    for group, title, kernels in GROUPS:
        lines += ["## " + title, ""]
        if group in WORDS:
            lines += ["![What they do](images/examples-%s.jpg)" % group, "", WORDS[group], ""]
        for name, params in kernels:
            lines += describe(group, name, params)
    return "\n".join(lines).rstrip() + "\n"


def main():
    listed = {name for _, _, kernels in GROUPS for name, _ in kernels}
    there = {file[:-2] for file in os.listdir(KERNELS) if file.endswith(".c")}
    if listed != there:
        sys.exit("GROUPS of docs/gen-examples.py lacks, or has too much: %s"
                 % ", ".join(sorted(listed ^ there)))
    old = ""
    if os.path.exists(PAGE):
        with open(PAGE, encoding="utf-8") as file:
            old = file.read()
    images = all(os.path.exists(os.path.join(IMAGES, "examples-%s.jpg" % group))
                 for group in WORDS)
    text = page()
    if text == old and images:
        return
    if "--check" in sys.argv[1:]:
        sys.exit("docs/examples.md or its pictures are not up to date; "
                 "run docs/gen-examples.py")
    if not images or checksum() not in old:
        draw()
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(text)
    print("written: docs/examples.md")


main()
