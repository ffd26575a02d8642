# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the demo needs of GStreamer: looking into files, running pipelines."""
import os
import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstPbutils", "1.0")
from gi.repository import GLib, Gst, GstPbutils


class Failure(Exception):
    """Something that the user can act on; the text says what."""


class Media:
    """What is in a file."""

    def __init__(self, path):
        if not os.path.isfile(path):
            raise Failure("%s: there is no such file" % path)
        try:
            info = GstPbutils.Discoverer.new(20 * Gst.SECOND).discover_uri(
                Gst.filename_to_uri(path))
        except GLib.Error as error:
            if error.matches(Gst.CoreError.quark(), Gst.CoreError.MISSING_PLUGIN):
                raise Failure(
                    "%s needs a decoder that this machine lacks; on Debian and Ubuntu"
                    "\n  apt-get install gstreamer1.0-libav\nhas most of them" % path
                ) from None
            raise Failure("%s: %s" % (path, error.message)) from None
        if info.get_result() != GstPbutils.DiscovererResult.OK:
            raise Failure("%s: GStreamer cannot read it (%s)"
                          % (path, info.get_result().value_nick))
        videos = info.get_video_streams()
        if not videos:
            raise Failure("%s: there is no picture in it" % path)

        video = videos[0]
        self.path = path
        self.duration = info.get_duration()
        self.is_picture = video.is_image()
        self.has_audio = bool(info.get_audio_streams())
        self.width, self.height = video.get_width(), video.get_height()
        par = video.get_par_num() / (video.get_par_denom() or 1) or 1.0
        self.aspect = self.width * par / self.height
        rate = video.get_framerate_num() / (video.get_framerate_denom() or 1)
        self.framerate = round(rate) if 1 <= rate <= 30.5 else 30


def progress(text, end=False):
    """One line that is written over and over; nothing but the end into a file."""
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K" + text + ("\n" if end else ""))
    elif end:
        sys.stdout.write(text + "\n")
    sys.stdout.flush()


def stop_after(pad, duration):
    """Ends the stream of this source pad at that time."""
    def probe(pad, info):
        pts = info.get_buffer().pts
        if pts == Gst.CLOCK_TIME_NONE or pts < duration:
            return Gst.PadProbeReturn.OK
        pad.push_event(Gst.Event.new_eos())
        return Gst.PadProbeReturn.DROP

    pad.add_probe(Gst.PadProbeType.BUFFER, probe)


def error_text(message):
    error, debug = message.parse_error()
    # "file.c(123): function (): /path: …": the lines after it are for people.
    details = (debug or "").split("\n", 1)
    text = "%s: %s" % (message.src.get_name(), error.message)
    return text + ("\n" + details[1] if len(details) > 1 else "")


def run(pipeline, what, duration=None, timeout=600):
    """Plays to the end, saying how far it is; returns the seconds it took. The
    pipeline is left in PAUSED or PLAYING, so that its elements can be asked."""
    bus = pipeline.get_bus()
    begin = time.monotonic()
    pipeline.set_state(Gst.State.PLAYING)
    while True:
        message = bus.timed_pop_filtered(
            200 * Gst.MSECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        took = time.monotonic() - begin
        if message is None:
            known, position = pipeline.query_position(Gst.Format.TIME)
            if known and duration:
                progress("%s: %.1f s of %.1f s" % (
                    what, position / Gst.SECOND, duration / Gst.SECOND))
            if took > timeout:
                pipeline.set_state(Gst.State.NULL)
                raise Failure("%s: not done after %d s" % (what, timeout))
        elif message.type == Gst.MessageType.ERROR:
            progress("")
            text = error_text(message)
            pipeline.set_state(Gst.State.NULL)
            raise Failure("%s: %s" % (what, text))
        else:
            return took


def take_frame(path, at, png):
    """Writes the frame at that time as a PNG."""
    pipeline = Gst.parse_launch(
        "filesrc name=source ! decodebin ! videoconvert ! pngenc"
        " ! appsink name=sink max-buffers=1")
    pipeline.get_by_name("source").set_property("location", path)
    pipeline.set_state(Gst.State.PAUSED)
    pipeline.get_state(20 * Gst.SECOND)
    pipeline.seek_simple(
        Gst.Format.TIME, Gst.SeekFlags.FLUSH | Gst.SeekFlags.ACCURATE, at)
    pipeline.get_state(20 * Gst.SECOND)
    sample = pipeline.get_by_name("sink").emit("try-pull-preroll", 20 * Gst.SECOND)
    if sample is None:
        pipeline.set_state(Gst.State.NULL)
        raise Failure("%s: no frame at %.1f s" % (path, at / Gst.SECOND))
    buffer = sample.get_buffer()
    with open(png, "wb") as file:
        file.write(buffer.extract_dup(0, buffer.get_size()))
    pipeline.set_state(Gst.State.NULL)
