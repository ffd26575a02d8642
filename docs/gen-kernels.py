#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes docs/kernels.md from what the built-in kernels declare of themselves.

    gen-kernels.py           write it
    gen-kernels.py --check   only say whether it is up to date (exit status)
"""
import os
import sys

import gi

# A kernel of the user's own may have the name of a built-in one, and hide it.
os.environ["RINGKERNEL_PATH"] = ""
os.environ["XDG_DATA_HOME"] = "/nonexistent"
gi.require_version("Ring", "1.0")
from gi.repository import GObject, Ring

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
    "decimate": "factor=10",
    "fir": 'taps="0.25,0.5,0.25"',
    "gain": "gain=-6",
    "invert": "amount=0.8",
    "levels": "contrast=1.5 gamma=1.2",
    "moving-average": "window=36 hop=4",
    "spike-detect": "threshold=2.5 window=90 refractory=0.3",
    "temporal-denoise": "strength=0.9 threshold=24",
}

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


def number(value):
    return str(value) if isinstance(value, int) else "%.6g" % value


def nicks(pspec):
    """The values of an enumeration, which Python has a class for or has not."""
    found = []
    # What has no name is returned as a number.
    while (nick := GObject.enum_to_string(pspec.value_type, len(found))) \
            != str(len(found)):
        found.append(nick)
    return found


def type_and_range(pspec):
    """How a parameter is written, and which values it takes."""
    fundamental = GObject.type_fundamental(pspec.value_type)
    if fundamental == GObject.TYPE_ENUM:
        return "one of", code(nicks(pspec))
    if fundamental == GObject.TYPE_BOOLEAN:
        return "boolean", ""
    if fundamental == GObject.TYPE_STRING:
        return "list of numbers", ""
    name = "integer" if fundamental == GObject.TYPE_INT else "number"
    return name, "%s to %s" % (number(pspec.minimum), number(pspec.maximum))


def default(pspec):
    value = pspec.default_value
    fundamental = GObject.type_fundamental(pspec.value_type)
    if fundamental == GObject.TYPE_ENUM:
        return nicks(pspec)[int(value)]
    if fundamental == GObject.TYPE_BOOLEAN:
        return "true" if value else "false"
    if fundamental == GObject.TYPE_STRING:
        return value
    return number(value)


def code(words):
    return ", ".join("`%s`" % word for word in words)


def describe(info, common):
    """The lines on one kernel; `common` are the formats its section has named."""
    name, kind = info.get_name(), info.get_kind().value_nick
    inputs, outputs = info.get_input_formats(), info.get_output_formats()
    lines = ["### %s" % name, "", info.get_description() + ".", ""]
    if inputs:
        lines.append("Takes %s%s." % (
            "all of these formats" if inputs == common else code(inputs),
            "; puts out " + code(outputs) if outputs else ""))
    facts = []
    if info.get_in_place():
        facts.append("works in place")
    if info.has_state():
        facts.append("remembers what came before")
    if info.get_emits():
        facts.append("does not answer every message")
    if facts:
        text = ", ".join(facts)
        lines.append(text[0].upper() + text[1:] + ".")

    pspecs = info.list_parameters()
    if pspecs:
        lines += ["", "| parameter | default | unit | values | what it does |",
                  "|---|---|---|---|---|"]
    for pspec in pspecs:
        unit = info.get_parameter_unit(pspec.name) or ""
        blurb = pspec.blurb
        if unit:
            blurb = blurb.replace(" [%s]" % unit, "")
        kind_of, values = type_and_range(pspec)
        lines.append("| `%s` | %s | %s | %s | %s |" % (
            pspec.name, default(pspec), unit,
            (kind_of + (": " if kind_of == "one of" else ", ") + values)
            if values else kind_of, blurb.replace("|", "\\|")))

    before, after = LINES[kind]
    filter_ = "ringkernelfilter kernel=" + name
    if name in SETTINGS:
        setting = SETTINGS[name]
        quote = "'" if '"' in setting else '"'
        filter_ += " params=%s%s%s" % (quote, setting, quote)
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
        "`kernel::name=value`, before or while the pipeline plays. How to write a kernel of",
        "your own: [writing-kernels.md](writing-kernels.md).", ""]
    for nick, title, words in KINDS:
        of_kind = [info for info in infos if info.get_kind().value_nick == nick]
        if of_kind:
            lines += ["## " + title, "", words, ""]
        common = max((info.get_input_formats() for info in of_kind), key=len, default=[])
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
