#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""libringkernel from Python, without GStreamer: the spikes of an ECG.

    spikes.py [FILE]

FILE holds records of a uint64 (ns) and a double (mV): "(td)" in GVariant's words.
"""
import os
import sys

import gi

gi.require_version("Ring", "1.0")
from gi.repository import GLib, Ring

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/data")
RECORD_SIZE = 16
BLOCK = 360 * RECORD_SIZE  # one second


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(DATA, "ecg.bin")
    with open(path, "rb") as file:
        data = file.read()

    runtime = Ring.Runtime.new(None)
    kernel = runtime.launch("spike-detect", -1, -1, None)
    kernel.set_parameters_from_string("threshold=2.5 window=90 refractory=0.3")
    kernel.activate()

    spikes = []

    def take():
        """Takes every result that is ready, without waiting."""
        while True:
            try:
                message = kernel.receive(0, None)
            except GLib.Error:
                return  # nothing more for now
            for i in range(message.get_n_records()):
                spikes.append(message.get_record(i).unpack())

    for at in range(0, len(data), BLOCK):
        block = GLib.Bytes.new(data[at:at + BLOCK])
        # -1: where the ring is full, wait until there is room.
        kernel.send(Ring.Message.new_records("(td)", block), -1, None)
        take()
    kernel.terminate(Ring.TerminateMode.DRAIN)
    take()

    for t, value, score in spikes[:5]:
        print("%7.3f s  %6.3f mV  %4.1f sigma" % (t / 1e9, value, score))
    metrics = kernel.get_metrics()
    print("... %d spikes in %d blocks, on %s" % (
        len(spikes), metrics.delivered, runtime.get_device_name()))


main()
