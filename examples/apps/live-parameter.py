#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A parameter that changes while a film plays: its colours turn over and back.

    live-parameter.py [FILM [SINK]]

The new value is set from a probe in front of the filter, so each frame has its
own: a value is latched between two frames, never within one.
"""
import math
import os
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/data")


def main():
    Gst.init(None)
    film = sys.argv[1] if len(sys.argv) > 1 else os.path.join(DATA, "clip.webm")
    sink = sys.argv[2] if len(sys.argv) > 2 else "autovideosink"

    pipeline = Gst.parse_launch(
        "filesrc name=source ! decodebin ! videoconvert"
        " ! ringkernelfilter name=filter kernel=invert"
        " ! videoconvert ! " + sink)
    pipeline.get_by_name("source").set_property("location", film)
    inverter = pipeline.get_by_name("filter")
    seen = []

    def set_amount(_pad, info):
        seconds = info.get_buffer().pts / Gst.SECOND
        amount = 0.5 - 0.5 * math.cos(2 * math.pi * seconds / 3)
        Gst.ChildProxy.set_property(inverter, "kernel::amount", amount)
        seen.append(amount)
        return Gst.PadProbeReturn.OK

    inverter.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, set_amount)

    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(
        60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)

    if message is None:
        sys.exit("no end after a minute")
    if message.type == Gst.MessageType.ERROR:
        error, _debug = message.parse_error()
        sys.exit("%s: %s" % (message.src.get_name(), error.message))
    print("%d frames, amount from %.2f to %.2f" % (len(seen), min(seen), max(seen)))


main()
