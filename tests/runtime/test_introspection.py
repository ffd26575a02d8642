#!/usr/bin/env python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""libringkernel from Python: everything goes through the introspection data."""

import os
import shutil
import struct
import tempfile
import threading
import unittest

import gi

gi.require_version("Ring", "1.0")
from gi.repository import Gio, GLib, GObject, Ring  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
WAIT = 60 * 1000000  # us


def kernel_path(name):
    """One of the tests' own kernels, built beforehand or as source."""
    built = os.path.join(os.environ.get("RING_TEST_KERNEL_DIR", ""),
                         name + ".so")
    if os.path.exists(built):
        return built
    return os.path.join(HERE, "kernels", name + ".c")


def new_runtime(**fields):
    config = Ring.Config.new()
    config.backend = Ring.BackendType.CPU
    for name, value in fields.items():
        setattr(config, name, value)
    return Ring.Runtime.new(config)


def message_of(data):
    return Ring.Message.new_from_data(data)


def bytes_of(message):
    return message.get_payload().get_data()


class Introspection(unittest.TestCase):
    def start(self, name="copy", **fields):
        runtime = new_runtime(**fields)
        kernel = runtime.launch(name, -1, -1, None)
        kernel.activate()
        self.addCleanup(self.end, kernel)
        return kernel

    def end(self, kernel):
        if kernel.get_status() not in (Ring.KernelStatus.TERMINATED,
                                       Ring.KernelStatus.FAILED):
            kernel.terminate(Ring.TerminateMode.DISCARD)

    def assert_error(self, code, *texts):
        """For use in `with`: a GLib.Error of this code that says all texts."""
        case = self

        class Context:
            def __enter__(self):
                return self

            def __exit__(self, kind, error, trace):
                case.assertIsNotNone(error, "nothing was raised")
                if not isinstance(error, GLib.Error):
                    return False
                case.assertTrue(error.matches(Ring.error_quark(), code),
                                f"{error.domain} {error.code}: "
                                f"{error.message}")
                for text in texts:
                    case.assertIn(text, error.message)
                return True

        return Context()

    # ---- types

    def test_enum_nicks(self):
        self.assertEqual("event-driven",
                         Ring.ExecutionMode.EVENT_DRIVEN.value_nick)
        self.assertEqual("cuda", Ring.BackendType.CUDA.value_nick)
        self.assertEqual("deactivated",
                         Ring.KernelStatus.DEACTIVATED.value_nick)
        self.assertEqual("drain", Ring.TerminateMode.DRAIN.value_nick)
        self.assertEqual("record", Ring.PayloadKind.RECORD.value_nick)
        self.assertTrue(GObject.type_is_a(Ring.ExecutionMode.__gtype__,
                                          GObject.TYPE_ENUM))

    def test_config_has_the_documented_defaults(self):
        config = Ring.Config.new()
        self.assertEqual(4096, config.queue_capacity)
        self.assertEqual(65792, config.message_size)
        self.assertEqual(100, config.poll_interval)
        self.assertEqual(5000000, config.termination_timeout)
        self.assertTrue(config.telemetry)
        config.queue_capacity = 5
        self.assertEqual(5, config.copy().queue_capacity)

    def test_formats(self):
        video = Ring.Format.new_video(Ring.VideoFormat.NV12, 64, 48)
        self.assertEqual(64 * 48 * 3 // 2, video.get_frame_size())
        self.assertTrue(video.equal(video.copy()))
        self.assertIn("NV12", video.to_string())
        record = Ring.Format.new_record("(td)")
        self.assertEqual("(td)", record.get_record_type())
        self.assertEqual(16, record.record_size)
        with self.assert_error(Ring.Error.PAYLOAD, "'as'"):
            Ring.Format.new_record("as")

    # ---- kernels

    def test_kernels_are_listed_and_described(self):
        runtime = new_runtime()
        self.assertIn("invert", runtime.list_kernels())
        info = runtime.find_kernel("invert")
        self.assertEqual("invert", info.get_name())
        self.assertIn("RGB", info.get_input_formats())
        specs = info.list_parameters()
        self.assertEqual(["amount"], [spec.name for spec in specs])
        self.assertEqual(1.0, specs[0].default_value)
        self.assertEqual("ratio", info.get_parameter_unit("amount"))
        self.assertTrue(all(isinstance(place, str)
                            for place in Ring.Kernel.search_path()))

    def test_kernels_say_what_there_is_code_for(self):
        runtime = new_runtime()
        builtin = runtime.find_kernel("copy").list_targets()
        self.assertEqual(builtin[0], "cpu:base")
        source = runtime.find_kernel(
            os.path.join(HERE, "kernels", "pair.c")).list_targets()
        self.assertEqual(source[0], "cpu:native")
        if "cuda" in "".join(builtin):
            self.assertEqual(source[1], "cuda:nvrtc")
        path = kernel_path("pair")
        if path.endswith(".so"):
            built = runtime.find_kernel(path).list_targets()
            self.assertEqual(built[0], "cpu:as-built")

    def test_kernels_say_what_their_code_for_gpus_takes(self):
        runtime = new_runtime()
        source = os.path.join(HERE, "kernels", "pair.c")
        self.assertEqual(list(runtime.find_kernel(source).list_device_code()), [])
        info = runtime.find_kernel("copy")
        built = [t[len("cuda:"):] for t in info.list_targets() if t.startswith("cuda:")]
        codes = info.list_device_code()
        self.assertEqual(sorted(code[0] for code in codes), sorted(built))
        for target, registers, _, _ in codes:
            self.assertEqual(registers > 0, target.startswith("sm_"))
        with tempfile.TemporaryDirectory() as folder:
            path = shutil.copy(source, folder)
            with open(path[:-1] + "cubin", "wb") as file:
                file.write(b"no ELF")
            info = runtime.find_kernel(path)
            with self.assertRaises(GLib.Error) as caught:
                info.list_device_code()
            self.assertTrue(caught.exception.matches(Ring.error_quark(),
                                                     Ring.Error.KERNEL_INVALID))

    def test_directories_that_anybody_may_write_to_are_not_safe(self):
        with tempfile.TemporaryDirectory() as folder:
            below = os.path.join(folder, "below")
            os.mkdir(below)
            self.assertTrue(Ring.Kernel.directory_is_safe(below))
            os.chmod(folder, 0o777)
            for path, says in [(folder, "put some there"), (below, "in its place"),
                               (os.path.join(folder, "none"), "in its place")]:
                with self.assertRaises(GLib.Error) as caught:
                    Ring.Kernel.directory_is_safe(path)
                self.assertTrue(caught.exception.matches(Ring.error_quark(),
                                                         Ring.Error.INVALID_OPTION))
                self.assertIn(says, caught.exception.message)
            os.chmod(folder, 0o1777)
            self.assertTrue(Ring.Kernel.directory_is_safe(below))

    def test_compiling_for_a_gpu_without_launching(self):
        path = os.path.join(HERE, "kernels", "pair.c")
        with self.assertRaises(GLib.Error) as caught:
            Ring.compile_for_cuda(path, 20)
        self.assertTrue(caught.exception.matches(Ring.error_quark(), Ring.Error.INVALID_OPTION))
        try:
            self.assertGreater(Ring.compile_for_cuda(path, 90).get_size(), 0)
        except GLib.Error as error:
            # no NVRTC, or built without CUDA
            self.assertTrue(error.matches(Ring.error_quark(), Ring.Error.FAILED)
                            or error.matches(Ring.error_quark(), Ring.Error.NOT_BUILT),
                            error.message)
        with self.assertRaises(GLib.Error):
            Ring.compile_for_cuda("/nonexistent/kernel.c", 90)

    def test_life(self):
        kernel = new_runtime().launch("copy", 2, 1, None)
        self.assertEqual(Ring.KernelStatus.LAUNCHED, kernel.get_status())
        self.assertTrue(kernel.activate())
        self.assertEqual(Ring.KernelStatus.ACTIVE, kernel.props.status)
        with self.assert_error(Ring.Error.STATUS, "copy", "active"):
            kernel.activate()
        self.assertTrue(kernel.deactivate())
        self.assertTrue(kernel.terminate(Ring.TerminateMode.DRAIN))
        self.assertEqual(Ring.KernelStatus.TERMINATED, kernel.get_status())
        self.assertIsNone(kernel.get_error())
        self.assertGreater(kernel.get_id(), 0)

    def test_launch_options(self):
        options = Ring.Config.new()
        options.mode = Ring.ExecutionMode.PERSISTENT
        kernel = new_runtime().launch("copy", -1, -1, options)
        self.assertEqual(Ring.ExecutionMode.PERSISTENT, kernel.get_mode())
        kernel.terminate(Ring.TerminateMode.DRAIN)

    # ---- messages

    def test_bytes(self):
        kernel = self.start()
        sent = message_of(b"hello, ring")
        sent.set_time(1234, 5678)
        sent.set_correlation_id(42)
        kernel.send(sent, WAIT, None)
        got = kernel.receive(WAIT, None)
        self.assertEqual(b"hello, ring", bytes_of(got))
        self.assertEqual((1234, 5678), (got.get_pts(), got.get_duration()))
        self.assertEqual(42, got.get_correlation_id())
        accepted, started, finished, delivered = got.get_trace()
        self.assertTrue(0 < accepted <= started <= finished <= delivered)
        got = kernel.call(Ring.Message.new(GLib.Bytes.new(bytes(5000))),
                          WAIT, None)
        self.assertEqual(bytes(5000), bytes_of(got))

    def test_empty_message(self):
        kernel = self.start()
        got = kernel.call(message_of(b""), WAIT, None)
        self.assertEqual(0, got.get_payload().get_size())

    def test_record_as_variant(self):
        kernel = self.start(kernel_path("swap-record"))
        sent = Ring.Message.new_record(GLib.Variant("(td)", (7, 1.25)))
        got = kernel.call(sent, WAIT, None)
        self.assertEqual(1, got.get_n_records())
        record = got.get_record(0)
        self.assertEqual("(dt)", record.get_type_string())
        self.assertEqual((2.5, 7), record.unpack())
        with self.assert_error(Ring.Error.PAYLOAD, "bytes", "(td)"):
            kernel.send(message_of(b"x" * 16), 0, None)

    def test_many_records(self):
        kernel = self.start(kernel_path("swap-record"))
        data = b"".join(struct.pack("=Qd", i, i * 0.5) for i in range(10))
        sent = Ring.Message.new_records("(td)", GLib.Bytes.new(data))
        got = kernel.call(sent, WAIT, None)
        self.assertEqual([(i * 1.0, i) for i in range(10)],
                         [got.get_record(i).unpack() for i in range(10)])

    def test_video(self):
        kernel = self.start("invert")
        gray = Ring.Format.new_video(Ring.VideoFormat.GRAY8, 4, 2)
        got = kernel.call(
            Ring.Message.new_video(gray, GLib.Bytes.new(bytes(range(8)))),
            WAIT, None)
        self.assertEqual(bytes(255 - i for i in range(8)), bytes_of(got))
        self.assertTrue(got.get_format().equal(gray))
        self.assertTrue(kernel.get_output_format().equal(gray))

    # ---- parameters and figures

    def test_parameters(self):
        kernel = self.start("invert")
        gray = Ring.Format.new_video(Ring.VideoFormat.GRAY8, 4, 1)
        sent = Ring.Message.new_video(gray, GLib.Bytes.new(b"\x0a" * 4))
        kernel.set_parameter("amount", 0.0)
        self.assertEqual(b"\x0a" * 4, bytes_of(kernel.call(sent, WAIT, None)))
        kernel.set_parameters_from_string("amount=1")
        self.assertEqual(b"\xf5" * 4, bytes_of(kernel.call(sent, WAIT, None)))
        self.assertEqual((True, 1.0), tuple(kernel.get_parameter("amount")))
        with self.assert_error(Ring.Error.PARAMETER, "amount", "2"):
            kernel.set_parameter_from_string("amount", "2")
        with self.assert_error(Ring.Error.PARAMETER, "strength", "amount"):
            kernel.set_parameter("strength", 1.0)

    def test_metrics(self):
        kernel = self.start()
        for size in (10, 20, 3000):
            kernel.call(message_of(bytes(size)), WAIT, None)
        metrics = kernel.get_metrics()
        self.assertEqual((3, 3, 0), (metrics.accepted, metrics.delivered,
                                     metrics.in_flight))
        self.assertEqual(3030, metrics.bytes_in)
        self.assertGreater(metrics.total_p50, 0)
        self.assertEqual(Ring.BackendType.CPU, metrics.backend)
        self.assertEqual(Ring.ExecutionMode.INLINE, metrics.mode)
        self.assertEqual(Ring.KernelStatus.ACTIVE, metrics.status)

    # ---- errors

    def test_errors_have_domain_and_code(self):
        runtime = new_runtime()
        with self.assert_error(Ring.Error.KERNEL_NOT_FOUND, "edgs", "edges"):
            runtime.launch("edgs", -1, -1, None)
        with self.assert_error(Ring.Error.INVALID_OPTION, "grid"):
            runtime.launch("copy", 0, 1, None)
        with self.assert_error(Ring.Error.INVALID_OPTION, "queue-capacity"):
            new_runtime(queue_capacity=0)
        with self.assert_error(Ring.Error.NO_DEVICE, "5"):
            new_runtime(device=5)
        kernel = self.start(queue_capacity=1)
        with self.assert_error(Ring.Error.TIMED_OUT, "copy"):
            kernel.receive(0, None)
        kernel.send(message_of(b"1"), 0, None)
        with self.assert_error(Ring.Error.QUEUE_FULL, "1"):
            kernel.send(message_of(b"2"), 0, None)

    # ---- asynchronous

    def run_async(self, begin, finish):
        """Runs the main loop until `begin`'s callback has come."""
        loop = GLib.MainLoop()
        outcome = {}

        def done(source, result):
            try:
                outcome["value"] = finish(result)
            except GLib.Error as error:
                outcome["error"] = error
            loop.quit()

        begin(done)
        self.assertEqual({}, outcome)
        guard = GLib.timeout_add_seconds(60, loop.quit)
        loop.run()
        self.assertTrue(outcome, "the callback never came")
        GLib.source_remove(guard)
        if "error" in outcome:
            raise outcome["error"]
        return outcome["value"]

    def test_launch_and_call_asynchronously(self):
        runtime = new_runtime()
        kernel = self.run_async(
            lambda done: runtime.launch_async("copy", -1, -1, None, None,
                                              done),
            runtime.launch_finish)
        kernel.activate()
        sent = message_of(b"async")
        got = self.run_async(
            lambda done: kernel.call_async(sent, WAIT, None, done),
            kernel.call_finish)
        self.assertEqual(b"async", bytes_of(got))
        self.assertTrue(self.run_async(
            lambda done: kernel.send_async(sent, WAIT, None, done),
            kernel.send_finish))
        got = self.run_async(
            lambda done: kernel.receive_async(WAIT, None, done),
            kernel.receive_finish)
        self.assertEqual(b"async", bytes_of(got))
        self.assertTrue(self.run_async(
            lambda done: kernel.terminate_async(Ring.TerminateMode.DRAIN,
                                                None, done),
            kernel.terminate_finish))
        with self.assert_error(Ring.Error.STATUS, "terminated"):
            self.run_async(
                lambda done: kernel.call_async(sent, WAIT, None, done),
                kernel.call_finish)

    def test_cancellation(self):
        kernel = self.start()
        cancellable = Gio.Cancellable()
        with self.assertRaises(GLib.Error) as caught:
            GLib.idle_add(cancellable.cancel)
            self.run_async(
                lambda done: kernel.receive_async(-1, cancellable, done),
                kernel.receive_finish)
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(),
                                                 Gio.IOErrorEnum.CANCELLED))

    def test_waiting_lets_other_threads_run(self):
        kernel = self.start()
        received = []

        def receive():
            received.append(bytes_of(kernel.receive(WAIT, None)))

        thread = threading.Thread(target=receive)
        thread.start()
        kernel.send(message_of(b"to a thread"), WAIT, None)
        thread.join(60)
        self.assertEqual([b"to a thread"], received)

    def test_objects_may_go_in_any_order(self):
        kernel = self.start()
        for i in range(50):
            kernel.send(message_of(bytes([i]) * (i * 50)), WAIT, None)
        results = [kernel.receive(WAIT, None) for _ in range(25)]
        payload = results[20].get_payload()
        kernel.terminate(Ring.TerminateMode.DISCARD)
        del kernel, results
        self.assertEqual(bytes([20]) * 1000, payload.get_data())


if __name__ == "__main__":
    unittest.main(verbosity=2)
