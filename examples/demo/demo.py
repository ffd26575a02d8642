#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job on real input; see demo.sh."""
import math
import os
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst

from media import Failure, Media, progress, run, stop_after, take_frame

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/data")
# Of a long film, the begin.
FILM_SECONDS = 20
# A tile of the mosaic fits into this, in pixels.
TILE = (480, 360)
GAP = 4

FILM_KERNELS = [
    ("temporal-denoise", "strength=0.85 threshold=14"),
    ("edges", ""),
    ("gaussian-blur", "sigma=3"),
    ("levels", "brightness=-0.15 contrast=1.8"),
    ("invert", ""),
]
# One picture has no past to average over.
PICTURE_KERNELS = [("gray", "")] + FILM_KERNELS[1:3] + [
    ("levels", "contrast=1.4 gamma=1.2"), ("invert", "")]
# The figures of the table come from so many frames.
MEASURED_FRAMES = 200

# What has run, for the table at the end: (stream, element, size, seconds).
ran = []


def band_pass(low, high, rate, n_taps):
    """A windowed sinc from low to high, in Hz."""
    taps = []
    for i in range(n_taps):
        x = i - (n_taps - 1) / 2
        tap = 2 * (high - low) / rate if x == 0 else (
            math.sin(2 * math.pi * high / rate * x)
            - math.sin(2 * math.pi * low / rate * x)) / (math.pi * x)
        taps.append(tap * (0.54 - 0.46 * math.cos(2 * math.pi * i / (n_taps - 1))))
    return 'taps="%s"' % ",".join("%.6g" % tap for tap in taps)


TELEPHONE = band_pass(300, 3000, 48000, 511)


def has_element(name):
    return Gst.ElementFactory.find(name) is not None


def label(words):
    """Text in the corner of a tile, where there is an element for that."""
    if not has_element("textoverlay"):
        return ""
    return (' ! textoverlay text="%s" font-desc="DejaVu Sans Bold 15"'
            " auto-resize=false halignment=left valignment=top xpad=8 ypad=6"
            " shaded-background=true" % words)


def mosaic(media, kernels):
    """From `t`, a tee of RGB, to the input beside the output of every kernel."""
    scale = min(TILE[0] / media.aspect, TILE[1])
    width, height = (int(scale * media.aspect) // 2 * 2, int(scale) // 2 * 2)
    tile = ("videoscale ! video/x-raw,width=%d,height=%d,pixel-aspect-ratio=1/1"
            % (width, height))
    queue = "queue max-size-bytes=0 max-size-time=0 max-size-buffers=3"
    branches = ["t. ! %s ! %s%s ! mosaic.sink_0" % (queue, tile, label("input"))]
    places = []
    for i, (kernel, params) in enumerate([(None, None)] + kernels):
        places.append("sink_%d::xpos=%d sink_%d::ypos=%d" % (
            i, i % 3 * (width + GAP), i, i // 3 * (height + GAP)))
        if kernel is None:
            continue
        branches.append(
            "t. ! %s ! ringkernelfilter name=k%d kernel=%s%s"
            " ! videoconvert ! %s%s ! mosaic.sink_%d"
            % (queue, i, kernel, params and ' params="%s"' % params, tile,
               label(kernel), i))
    return "compositor name=mosaic background=black %s\n%s" % (
        " ".join(places), "\n".join(branches))


def tell(pipeline, stream, size, seconds):
    """Notes what every kernel of the pipeline says of itself, then ends it."""
    iterator = pipeline.iterate_recurse()
    while True:
        result, element = iterator.next()
        if result != Gst.IteratorResult.OK:
            break
        if element.get_factory().get_name() == "ringkernelfilter":
            ran.append((stream, element.get_property("kernel"), size, seconds,
                        element.get_property("stats")))
    pipeline.set_state(Gst.State.NULL)


def make_film(media, out):
    """film.webm: the input beside the output of the kernels."""
    what = "film"
    duration = min(media.duration, FILM_SECONDS * Gst.SECOND)
    text = ("filesrc name=source ! decodebin name=d"
            " d. ! videoconvert ! videorate"
            " ! video/x-raw,format=RGB,framerate=%d/1 ! identity name=video ! tee name=t\n"
            "%s mosaic. ! videoconvert ! queue"
            " ! vp8enc deadline=1 cpu-used=6 threads=4 end-usage=cq cq-level=20"
            "   target-bitrate=6000000 keyframe-max-dist=60"
            " ! queue ! webmmux name=mux ! filesink name=sink"
            % (media.framerate, mosaic(media, FILM_KERNELS)))
    if media.has_audio and has_element("opusenc"):
        text += ("\nd. ! audioconvert ! audioresample"
                 " ! audio/x-raw,format=F32LE,rate=48000 ! identity name=audio"
                 " ! queue ! ringkernelfilter name=sound kernel=fir"
                 " ! audioconvert ! opusenc ! queue ! mux.")
    pipeline = Gst.parse_launch(text)
    pipeline.get_by_name("source").set_property("location", media.path)
    pipeline.get_by_name("sink").set_property(
        "location", os.path.join(out, "film.webm"))
    for name in ("video", "audio"):
        element = pipeline.get_by_name(name)
        if element is not None:
            stop_after(element.get_static_pad("src"), duration)
    if pipeline.get_by_name("sound") is not None:
        pipeline.get_by_name("sound").set_property("params", TELEPHONE)
    took = run(pipeline, what, duration)
    progress("film:    %.1f s in %.1f s%s" % (
        duration / Gst.SECOND, took,
        "" if media.duration <= duration else "; the begin of %.0f s"
        % (media.duration / Gst.SECOND)), end=True)
    pipeline.set_state(Gst.State.NULL)


def measure_film(media):
    """Each kernel by itself on the film, for the table."""
    for kernel, params in FILM_KERNELS:
        progress("table:   %s" % kernel)
        pipeline = Gst.parse_launch(
            "filesrc name=source ! decodebin ! videoconvert ! video/x-raw,format=RGB"
            " ! identity eos-after=%d ! ringkernelfilter kernel=%s%s"
            " ! fakesink sync=false"
            % (MEASURED_FRAMES, kernel, params and ' params="%s"' % params))
        pipeline.get_by_name("source").set_property("location", media.path)
        took = run(pipeline, kernel)
        tell(pipeline, "film", "%dx%d RGB" % (media.width, media.height), took)


def make_picture(media, out):
    """picture.png: the same from one picture."""
    pipeline = Gst.parse_launch(
        "filesrc name=source ! decodebin ! videoconvert"
        " ! video/x-raw,format=RGB ! tee name=t\n%s mosaic. ! videoconvert"
        " ! pngenc snapshot=true ! filesink name=sink"
        % mosaic(media, PICTURE_KERNELS))
    pipeline.get_by_name("source").set_property("location", media.path)
    pipeline.get_by_name("sink").set_property(
        "location", os.path.join(out, "picture.png"))
    run(pipeline, "picture")
    pipeline.set_state(Gst.State.NULL)
    progress("picture: done", end=True)


def make_speech(out):
    """speech-fir.wav: speech as by telephone."""
    pipeline = Gst.parse_launch(
        "filesrc name=source ! wavparse ! audioconvert ! audio/x-raw,format=F32LE"
        " ! ringkernelfilter name=fir kernel=fir"
        " ! audioconvert ! audio/x-raw,format=S16LE ! wavenc ! filesink name=sink")
    pipeline.get_by_name("source").set_property(
        "location", os.path.join(DATA, "speech.wav"))
    pipeline.get_by_name("fir").set_property("params", TELEPHONE)
    pipeline.get_by_name("sink").set_property(
        "location", os.path.join(out, "speech-fir.wav"))
    took = run(pipeline, "speech")
    tell(pipeline, "speech", "48 kHz mono", took)
    progress("speech:  300 to 3000 Hz of it, 511 taps", end=True)


def make_ecg(out):
    """ecg.png: a sensor's trace and the spikes in it."""
    spikes = os.path.join(out, "ecg-spikes.bin")
    pipeline = Gst.parse_launch(
        "filesrc name=source blocksize=5760"
        ' ! ringkernelfilter kernel=spike-detect'
        '   params="threshold=2.5 window=90 refractory=0.3"'
        " ! filesink name=sink")
    pipeline.get_by_name("source").set_property(
        "location", os.path.join(DATA, "ecg.bin"))
    pipeline.get_by_name("sink").set_property("location", spikes)
    took = run(pipeline, "ecg")
    tell(pipeline, "ecg", "360 records", took)
    try:
        import plot
    except ImportError:
        progress("ecg:     no plot, since python3-cairo is missing", end=True)
        return
    n = plot.draw(os.path.join(DATA, "ecg.bin"), spikes, os.path.join(out, "ecg.png"))
    progress("ecg:     %d spikes in 60 s" % n, end=True)


def milliseconds(ns):
    return "%.3f" % (ns / 1e6)


def table():
    """What ran, from the elements' own `stats`."""
    rows = [("stream", "kernel", "message", "count", "per s", "kernel ms p50", "p99",
             "total ms p50", "p99", "backend", "mode")]
    for stream, kernel, size, seconds, stats in ran:
        count = stats.get_value("accepted")
        rows.append((
            stream, kernel, size, str(count), "%.0f" % (count / seconds),
            milliseconds(stats.get_value("kernel-p50")),
            milliseconds(stats.get_value("kernel-p99")),
            milliseconds(stats.get_value("total-p50")),
            milliseconds(stats.get_value("total-p99")),
            stats.get_value("backend"), stats.get_value("mode")))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) if 3 <= i <= 8 else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def main():
    Gst.init(None)
    film = sys.argv[1] if len(sys.argv) > 1 else ""
    out = sys.argv[2] if len(sys.argv) > 2 else "demo-out"
    if not has_element("ringkernelfilter"):
        raise Failure("GStreamer does not find ringkernelfilter; try: ./dev demo")
    os.makedirs(out, exist_ok=True)

    media = Media(film or os.path.join(DATA, "clip.webm"))
    picture = media
    if not media.is_picture:
        make_film(media, out)
        if film:
            path = os.path.join(out, "frame.png")
            take_frame(media.path, media.duration // 2, path)
            picture = Media(path)
        else:
            picture = Media(os.path.join(DATA, "photo.jpg"))
    make_picture(picture, out)
    make_speech(out)
    make_ecg(out)
    if not media.is_picture:
        measure_film(media)
    progress("")

    text = table()
    with open(os.path.join(out, "table.txt"), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    print("\n%s\n" % text)
    print("per s: messages per second of a pipeline that decodes, runs this kernel and"
          " throws away\nwhat comes out. kernel: from start to finish of one message;"
          " total: from the moment the\nelement hands it over to the moment it has it"
          " back.\n")
    for name in sorted(os.listdir(out)):
        print("  " + os.path.join(out, name))


if __name__ == "__main__":
    try:
        main()
    except (Failure, GLib.Error) as failure:
        progress("")
        sys.exit("demo: %s" % getattr(failure, "message", failure))
    except KeyboardInterrupt:
        sys.exit(130)
