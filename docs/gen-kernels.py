#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes docs/kernels.md from what the built-in kernels declare of themselves.

    gen-kernels.py           write it
    gen-kernels.py --check   only say whether it is up to date (exit status)
"""
import os
import sys

# A kernel of the user's own may have the name of a built-in one, and hide it.
os.environ["RINGKERNEL_PATH"] = ""
os.environ["XDG_DATA_HOME"] = "/nonexistent"
from declared import Ring, code, table

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernels.md")

KINDS = [
    ("video", "Video", "Pictures, in system memory or CUDA memory. A kernel puts out what it takes,"
     " unless another output is named."),
    ("audio", "Audio", "Interleaved samples; any rate, any number of channels."),
    ("record", "Sensors", "Records of a fixed layout, given as a GVariant type: `(td)` is a"
     " `uint64` (ns) and a `double`, 16 bytes, little-endian. A buffer holds any number of"
     " whole records."),
    ("bytes", "Bytes", "Anything, with any caps."),
]

# Settings that show what a kernel does, where the defaults do not.
SETTINGS = {
    "background-subtract": "rate=0.05",
    "bilateral": "radius=4 sigma_color=40",
    "biquad": "response=high-pass frequency=300",
    "box-blur": "radius=10",
    "chroma-key": "red=40 green=120 blue=200 similarity=0.2",
    "color-balance": "saturation=1.6 hue=20",
    "compressor": "threshold=-30 ratio=6 make_up=8",
    "convolve": 'taps="0.6,0,0,0.3,0,0.1"',
    "coverage": "threshold=200",
    "decimate": "factor=10",
    "delay": "time=0.25 feedback=0.5",
    "equalizer-10": "gain_62=4 gain_1k=-3 gain_8k=5",
    "fir": 'taps="0.25,0.5,0.25"',
    "fuse": 'weights="100,100,25,4"',
    "gain": "gain=-6",
    "histogram-equalize": "strength=0.7",
    "invert": "amount=0.8",
    "kalman-1d": "wander=5 noise=0.2",
    "levels": "contrast=1.5 gamma=1.2",
    "low-pass": "cutoff=15 rate=360",
    "lut3d": 'table="0,0,0.1,1,0.1,0,0,0.9,0,1,1,0.2,0,0,0.7,1,0.2,0.8,0,1,0.8,1,1,0.9"',
    "median": "size=5x5",
    "morphology": "operation=open radius=3",
    "motion": "threshold=8",
    "moving-average": "window=36 hop=4",
    "resample": "up=25 down=36",
    "rms-window": "window=36 hop=4",
    "scale": "method=lanczos",
    "sharpen": "amount=2 sigma=1.5",
    "spectrum": "size=2048 hop=1024 bands=64",
    "spike-detect": "threshold=2.5 window=90 refractory=0.3",
    "temporal-denoise": "strength=0.9 threshold=24",
    "threshold": "method=adaptive radius=15",
    "warp": "angle=15 zoom=1.2 fisheye=0.2",
}

# What is in the records that come of something else.
RECORDS = {
    "coverage": "pts (ns), share of white pixels, x, y, width and height of the box around "
                "them, x and y of their centroid",
    "loudness": "time at which a tenth of a second ends (ns); momentary, short-term and "
                "integrated loudness (LUFS); greatest sample (dB)",
    "spectrum": "time at which the window begins (ns), channel, band, level (dB)",
}

# Kernels whose state is of no picture.
FORGETFUL = {"scale"}

# What is asked for of a kernel that leaves it open.
WANTED = {
    "scale": "video/x-raw,width=240,height=180",
}

# What comes before the pipeline, and its source, where that of the kind does not do.
FOUR = """\
# Four thermometers, ten times a second; each deviates in its own way.
python3 -c '
import random, struct, sys
for i in range(1000):
    sys.stdout.buffer.write(struct.pack("<Qdddd", i * 10**8,
        *(20 + random.gauss(0, sigma) for sigma in (0.1, 0.1, 0.2, 0.5))))' > four.bin"""
SOURCES = {
    "fuse": FOUR + "\ngst-launch-1.0 filesrc location=four.bin blocksize=4000",
}

# Of what gives records of something else, the end is that of records.
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


def puts_out(info, outputs):
    if info.get_output_kind() != info.get_kind():
        return "; puts out records, %s: %s" % (code(outputs), RECORDS[info.get_name()])
    return "; puts out " + code(outputs) if outputs else ""


def describe(info, common):
    """The lines on one kernel; `common` are the formats its section has named."""
    name, kind = info.get_name(), info.get_kind().value_nick
    inputs, outputs = info.get_input_formats(), info.get_output_formats()
    lines = ["### %s" % name, "", info.get_description() + ".", ""]
    if inputs:
        lines.append("Takes %s%s." % (
            "all of these formats" if inputs == common else code(inputs),
            puts_out(info, outputs)))
    facts = []
    if info.get_in_place():
        facts.append("works in place")
    if info.has_state() and name not in FORGETFUL:
        facts.append("remembers what came before")
    if info.get_any_size():
        facts.append("puts out any size")
    if info.get_emits():
        facts.append("does not answer every message")
    if facts:
        text = ", ".join(facts)
        lines.append(text[0].upper() + text[1:] + ".")

    lines += table(info)

    before, after = LINES[kind][0], LINES[info.get_output_kind().value_nick][1]
    before = SOURCES.get(name, before)
    filter_ = "ringkernelfilter kernel=" + name
    if name in SETTINGS:
        setting = SETTINGS[name]
        quote = "'" if '"' in setting else '"'
        filter_ += " params=%s%s%s" % (quote, setting, quote)
    if name in WANTED:
        filter_ += " ! " + WANTED[name]
    lines += ["", "<!-- run -->", "```sh", before + " \\", "  ! " + filter_ + " \\",
              "  ! " + after, "```", ""]
    return lines


def page():
    runtime = Ring.Runtime.new(None)
    infos = []
    for name in runtime.list_kernels():
        info = runtime.find_kernel(name)
        if info.get_origin() == "built-in":
            infos.append(info)

    lines = [
        "# The kernels that come with it", "",
        "Generated by `docs/gen-kernels.py` from what the kernels declare; do not edit.", "",
        "Parameters are set with `params=\"name=value name=value\"`, or one by one as",
        "`kernel::name=value`, before or while the pipeline plays. Each kernel is also an element,",
        "`ringkernel-NAME`, with the parameters as its properties. How to write a kernel of",
        "your own: [writing-kernels.md](writing-kernels.md); more of them to look at:",
        "[examples.md](examples.md).", ""]
    for nick, title, words in KINDS:
        of_kind = [info for info in infos if info.get_kind().value_nick == nick]
        if of_kind:
            lines += ["## " + title, "", words, ""]
        lists = [info.get_input_formats() for info in of_kind]
        common = max(lists, key=lists.count, default=[])
        if nick == "video":
            lines += ["The formats: %s." % code(common), ""]
        for info in of_kind:
            lines += describe(info, common if nick == "video" else None)
    return "\n".join(lines).rstrip() + "\n"


def main():
    text = page()
    old = ""
    if os.path.exists(PAGE):
        with open(PAGE, encoding="utf-8") as file:
            old = file.read()
    if text == old:
        return
    if "--check" in sys.argv[1:]:
        sys.exit("docs/kernels.md is not up to date; run docs/gen-kernels.py")
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(text)
    print("written: docs/kernels.md")


main()
