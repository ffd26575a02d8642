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
import sys

from declared import Ring, table
from pictures import COLOUR, DATA, GREY, ROOT, Running, coloured, cv2, film, heart, np
from pictures import say, voice, write

HERE = os.path.dirname(os.path.abspath(__file__))
KERNELS = os.path.join(ROOT, "examples", "kernels")
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
    files = [os.path.abspath(__file__), os.path.join(HERE, "pictures.py")] + [
        path_of(name) for _, _, kernels in GROUPS for name, _ in kernels] + [
        os.path.join(DATA, name) for name in ("clip.webm", "photo.jpg", "speech.wav",
                                              "ecg.bin")]
    for file in files:
        with open(file, "rb") as opened:
            total.update(hashlib.sha256(opened.read()).digest())
    return total.hexdigest()[:16]


# ---- pictures -----------------------------------------------------------------------

def draw():
    """The pictures of all groups, by name."""
    def picture(name, params):
        photo = cv2.resize(cv2.imread(os.path.join(DATA, "photo.jpg")), (320, 240),
                           interpolation=cv2.INTER_AREA)
        if name is None:
            return photo
        running = Running(path_of(name), params)
        if name == "motion-heat":
            for frame in film()[:112]:
                out = running.video(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))
            return out[:, :, ::-1]
        return coloured(running.video(photo, "BGRA" if name == "chroma-key" else "BGR"))

    def contact_sheet(kernels):
        tiles = [("the photo", picture(None, ""))] + [
            (name, picture(name, params)) for name, params in kernels]
        sheet = np.full((2 * 276, 4 * 328 + 8, 3), 255, np.uint8)
        for i, (name, tile) in enumerate(tiles):
            x, y = 8 + i % 4 * 328, 8 + i // 4 * 276
            sheet[y:y + 240, x:x + 320] = tile
            say(sheet, name, x + 2, y + 258, 0.55)
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
            say(sheet, caption, 16, i * height + 22, 0.55)
        return sheet

    def sound(kernels):
        before = voice() * 32768
        parts = []
        for name, params in kernels:
            running = Running(path_of(name), params)
            if name == "bit-crush":
                after = running.audio(before, name="S16LE")
                begin, length = 9600, 300
            else:
                after = running.audio(before / 32768) * 32768
                begin, length = (0, len(before)) if name == "tremolo" else (9600, 1200)
            part = slice(begin, begin + length)
            x = np.arange(length) / length
            peak = float(abs(before[part]).max())
            caption = "%s: %.0f ms" % ("  ".join([name, params]).strip(), length / 48)
            parts.append((caption, (-peak, peak),
                          [(GREY, x, before[part]), (COLOUR, x, after[part])]))
        return panels(parts)

    def sensors(kernels):
        raw = heart()[:360 * 20]
        parts = []
        for name, params in kernels:
            after = Running(path_of(name), params).records(raw)
            if name == "low-pass":
                n = 360 * 6
                parts.append(("%s  %s: 6 s" % (name, params), (-1.5, 2.5), [
                    (GREY, raw["f0"][:n] / 6e9, raw["f1"][:n]),
                    (COLOUR, after["f0"][:n] / 6e9, after["f1"][:n])]))
            else:
                ends = after["f0"] / 20e9
                x = np.repeat(np.concatenate([[0.0], ends]), 2)[1:-1]
                steps = np.repeat(after["f1"], 2)
                top = float(steps.max())
                parts.append((
                    "%s  %s: 20 s, up to %d changes of sign" % (name, params, top),
                    (0, top), [(GREY, raw["f0"] / 20e9, (raw["f1"] + 1.5) / 4 * top),
                               (COLOUR, x, steps)]))
        return panels(parts)

    makers = {"video": contact_sheet, "audio": sound, "sensor": sensors}
    for group, _, kernels in GROUPS:
        if group in makers:
            name = os.path.join(IMAGES, "examples-%s.jpg" % group)
            write(name, makers[group](kernels))


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
