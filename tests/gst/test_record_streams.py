#!/usr/bin/python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kernels that give records of sound and of frames, in pipelines: caps, sizes, times,
and the end."""
import os
import tempfile
import unittest

import gi
import numpy as np

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

SPECTRUM = np.dtype([("time", "<u8"), ("channel", "<u4"), ("band", "<u4"), ("level", "<f8")])
LOUDNESS = np.dtype([(name, "<u8" if name == "time" else "<f8") for name in (
    "time", "momentary", "short_term", "integrated", "peak")])
COVERAGE = np.dtype([("time", "<u8"), ("share", "<f8"), ("x", "<u4"), ("y", "<u4"),
                     ("width", "<u4"), ("height", "<u4"), ("center_x", "<f8"),
                     ("center_y", "<f8")])
WAIT = 60 * Gst.SECOND


class Records(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Gst.init(None)

    def play(self, line):
        """Until its end; all messages of elements and the buffers of the sink `out`, if
        there is one: (bytes, caps, pts, duration)."""
        pipeline = Gst.parse_launch(line)
        sink, bus = pipeline.get_by_name("out"), pipeline.get_bus()
        pipeline.set_state(Gst.State.PLAYING)
        buffers, told = [], []
        while sink:
            # Not a signal: there is no loop that would call it.
            sample = sink.emit("try-pull-sample", WAIT)
            if not sample:
                break
            buffer = sample.get_buffer()
            buffers.append((buffer.extract_dup(0, buffer.get_size()), sample.get_caps(),
                            buffer.pts, buffer.duration))
        while True:
            message = bus.timed_pop_filtered(WAIT, Gst.MessageType.EOS | Gst.MessageType.ERROR
                                             | Gst.MessageType.ELEMENT)
            self.assertIsNotNone(message, "no end of the stream")
            if message.type == Gst.MessageType.ERROR:
                self.fail(message.parse_error())
            if message.type == Gst.MessageType.EOS:
                break
            told.append(message.get_structure().copy())
        pipeline.set_state(Gst.State.NULL)
        return buffers, told

    def of(self, buffers, dtype):
        return np.concatenate([np.frombuffer(buffer[0], dtype) for buffer in buffers])

    def type_of(self, caps):
        self.assertEqual(caps.get_size(), 1)
        structure = caps.get_structure(0)
        self.assertEqual(structure.get_name(), "application/x-ring-record")
        return structure.get_string("type")

    def test_their_elements_are_analyzers(self):
        for name, klass, takes, gives in (
                ("spectrum", "Filter/Analyzer/Audio", "audio/x-raw", "(tuud)"),
                ("coverage", "Filter/Analyzer/Video", "video/x-raw", "(tduuuudd)")):
            factory = Gst.ElementFactory.find("ringkernel-" + name)
            self.assertEqual(factory.get_metadata("klass"), klass)
            caps = {t.direction: t.get_caps() for t in factory.get_static_pad_templates()}
            self.assertTrue(caps[Gst.PadDirection.SINK].get_structure(0).has_name(takes))
            self.assertEqual(self.type_of(caps[Gst.PadDirection.SRC]), gives)

    def test_a_spectrum_of_each_hop(self):
        buffers, _ = self.play(
            "audiotestsrc num-buffers=50 freq=1500 volume=0.5 ! audio/x-raw,rate=48000,channels=1"
            " ! ringkernelfilter kernel=spectrum params=\"hop=512 bands=0\" ! appsink name=out"
            " sync=false")
        self.assertEqual({self.type_of(caps) for _, caps, _, _ in buffers}, {"(tuud)"})
        records = self.of(buffers, SPECTRUM)
        hops = (50 * 1024 - 1024) // 513 + 1  # at least a frame for each record
        self.assertEqual(len(records), hops * 513)
        levels = records["level"].reshape(hops, 513)
        self.assertEqual(set(levels.argmax(axis=1)), {1500 * 1024 // 48000})
        self.assertLess(np.abs(levels[:, 32] - 20 * np.log10(0.5)).max(), 1e-3)
        self.assertEqual(records["time"][::513].tolist(),
                         [i * 513 * 10 ** 9 // 48000 for i in range(hops)])
        # Buffers follow each other, and none is empty.
        ends = 0
        for payload, _, pts, duration in buffers:
            self.assertEqual(len(payload) % (513 * SPECTRUM.itemsize), 0)
            self.assertGreater(len(payload), 0)
            self.assertLessEqual(abs(pts - ends), 1)
            ends = pts + duration

    def test_records_into_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out.bin")
            self.play("audiotestsrc num-buffers=50 ! ringkernelfilter kernel=spectrum"
                      f" ! filesink location={path}")
            records = np.fromfile(path, SPECTRUM)
        self.assertEqual(len(records), ((50 * 1024 - 1024) // 512 + 1) * 128)
        self.assertEqual(records["band"].tolist(), list(range(128)) * (len(records) // 128))

    def test_times_begin_with_the_stream(self):
        buffers, _ = self.play(
            "audiotestsrc num-buffers=20 timestamp-offset=5000000000 samplesperbuffer=4800"
            " ! audio/x-raw,rate=48000,channels=2 ! ringkernel-loudness ! appsink name=out"
            " sync=false")
        records = self.of(buffers, LOUDNESS)
        self.assertEqual(records["time"].tolist(),
                         [5 * 10 ** 9 + (i + 1) * 10 ** 8 for i in range(20)])
        self.assertEqual([pts for _, _, pts, _ in buffers],
                         [5 * 10 ** 9 + i * 10 ** 8 for i in range(20)])

    def test_loudness_of_a_tone(self):
        # A sine of 1 kHz at -23 dB of full scale in both channels is -23 LUFS.
        volume = 10 ** (-23 / 20)
        buffers, _ = self.play(
            f"audiotestsrc num-buffers=60 freq=1000 volume={volume} samplesperbuffer=4800"
            " ! audio/x-raw,rate=48000,channels=2,format=F32LE ! ringkernelfilter kernel=loudness"
            " ! appsink name=out sync=false")
        records = self.of(buffers, LOUDNESS)
        self.assertEqual(len(records), 60)
        for name in ("momentary", "short_term", "integrated", "peak"):
            self.assertLess(abs(records[name][-1] + 23), 0.1, name)

    def test_a_record_for_each_frame_with_its_time(self):
        for transfer in ("I420", "GRAY8", "NV12"):
            buffers, _ = self.play(
                "videotestsrc num-buffers=10 pattern=white"
                f" ! video/x-raw,format={transfer},width=64,height=48,framerate=25/1"
                " ! ringkernelfilter kernel=coverage ! appsink name=out sync=false")
            self.assertEqual(len(buffers), 10)
            for i, (payload, caps, pts, duration) in enumerate(buffers):
                self.assertEqual(self.type_of(caps), "(tduuuudd)")
                self.assertEqual((pts, duration), (i * 40000000, 40000000))
                record = np.frombuffer(payload, COVERAGE)
                self.assertEqual(record.tolist(), [(pts, 1.0, 0, 0, 64, 48, 31.5, 23.5)])

    def test_a_mask_tells_where_something_moves(self):
        # A ball that swings from left to right.
        line = ("videotestsrc num-buffers=40 pattern=ball foreground-color=0xffffffff"
                " ! video/x-raw,format=GRAY8,width=160,height=120,framerate=30/1 ! %s"
                " ! appsink name=out sync=false")
        masks, _ = self.play(line % "ringkernelfilter kernel=motion")
        buffers, _ = self.play(line % ("ringkernelfilter kernel=motion"
                                       " ! ringkernelfilter kernel=coverage"))
        self.assertEqual(len(buffers), 40)
        for (mask, _, _, _), (payload, _, _, _) in zip(masks, buffers):
            record = np.frombuffer(payload, COVERAGE)[0]
            mask = np.frombuffer(mask, np.uint8).reshape(120, 160)
            y, x = np.nonzero(mask)
            self.assertEqual(record["share"], len(x) / mask.size)
            if len(x):
                self.assertEqual((record["x"], record["y"], record["x"] + record["width"],
                                  record["y"] + record["height"]),
                                 (x.min(), y.min(), x.max() + 1, y.max() + 1))
        self.assertGreater(np.count_nonzero(self.of(buffers, COVERAGE)["share"]), 30)

    def test_records_go_into_a_kernel_of_records(self):
        buffers, _ = self.play(
            "videotestsrc num-buffers=5 ! video/x-raw,format=GRAY8 ! ringkernelfilter"
            " kernel=coverage ! ringkernelfilter kernel=copy ! appsink name=out sync=false")
        self.assertEqual(len(buffers), 5)
        self.assertEqual(self.type_of(buffers[0][1]), "(tduuuudd)")

    def test_a_kernel_of_something_else_is_refused(self):
        # Of elements it is known what they take before anything plays.
        with self.assertRaisesRegex(GLib.Error, "could not link"):
            Gst.parse_launch("audiotestsrc ! ringkernelfilter kernel=spectrum"
                             " ! ringkernelfilter kernel=coverage ! fakesink")
        pipeline = Gst.parse_launch(
            "audiotestsrc num-buffers=5 ! ringkernelfilter kernel=spectrum"
            " ! ringkernelfilter kernel=moving-average ! fakesink")
        pipeline.set_state(Gst.State.PLAYING)
        message = pipeline.get_bus().timed_pop_filtered(
            WAIT, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        self.assertEqual(message.type, Gst.MessageType.ERROR)
        self.assertIn("(tuud)", message.parse_error().gerror.message)
        pipeline.set_state(Gst.State.NULL)

    def test_levels_are_those_of_the_spectrum_element(self):
        if not Gst.ElementFactory.find("spectrum"):
            self.skipTest("no element `spectrum`")
        # It has a Hamming window of 2 bands - 2 frames, and no gain for that.
        for k in (10, 33, 60):
            frequency = k * 48000 / 256
            line = (f"audiotestsrc num-buffers=30 freq={frequency} volume=0.25"
                    " ! audio/x-raw,rate=48000,channels=1,format=F32LE ! %s")
            _, told = self.play(line % ("spectrum bands=129 interval=100000000 threshold=-150"
                                        " multi-channel=false ! fakesink"))
            texts = [s for s in told if s.get_name() == "spectrum"]
            theirs = []
            for structure in texts:
                text = structure.to_string()
                text = text[text.index("magnitude=") + 10:].replace("(float)", "")
                text = text[text.index("{") + 1:text.index("}")]
                theirs.append([float(v) for v in text.split(",")])
            theirs = np.array(theirs)
            buffers, _ = self.play(line % (
                'ringkernelfilter kernel=spectrum params="size=256 hop=256 bands=0'
                ' window=hamming threshold=-150" ! appsink name=out sync=false'))
            ours = self.of(buffers, SPECTRUM)["level"].reshape(-1, 129)
            self.assertGreater(len(theirs), 2)
            near = slice(k - 1, k + 2)
            apart = ours[5, near] - theirs[:, near]
            # The same difference at the tone and beside it, whatever the gain.
            self.assertLess(np.abs(apart - apart[0, 1]).max(), 0.1)
            self.assertLess(abs(apart[0, 1] + 20 * np.log10(0.27)), 0.2)


if __name__ == "__main__":
    GLib.set_prgname("test_record_streams")
    unittest.main()
