# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""top: what running processes show of their handles, and what becomes of what cannot be
read. Where figures have to be exact, the test writes what a process would."""
import fcntl
import json
import os
import pty
import queue
import re
import shutil
import signal
import stat
import struct
import subprocess
import termios
import threading
import time
import unittest

from cli_test import Case, ROOT, environment

# s; what takes longer never comes
BOUND = 120
NOBODY = "no process shows a handle"
COUNTS = ["accepted", "delivered", "rejected", "discarded", "in_flight", "refused", "outputs",
          "bytes_in", "bytes_out", "bytes_copied", "queue_depth", "queue_depth_max",
          "order_errors", "ring_p50", "ring_p99", "ring_max", "kernel_p50", "kernel_p99",
          "kernel_max", "total_p50", "total_p99", "total_max", "residencies", "relaunches",
          "generation", "workers"]


def has_element():
    return shutil.which("gst-inspect-1.0") is not None and subprocess.run(
        ["gst-inspect-1.0", "ringkernelfilter"], env=environment(),
        stdout=subprocess.DEVNULL, check=False).returncode == 0


def microseconds():
    """The clock that all processes share."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


class Top(Case):
    def setUp(self):
        super().setUp()
        self.runtime = self.path("run")
        os.mkdir(self.runtime, 0o700)
        os.mkdir(self.path("tmp"))
        self.place = os.path.join(self.runtime, "ringkernel")
        self.env = {"XDG_RUNTIME_DIR": self.runtime, "TMPDIR": self.path("tmp"),
                    "RINGKERNEL_TOP": "1", "TERM": "xterm"}

    def until(self, what, condition):
        end = time.monotonic() + BOUND
        while True:
            found = condition()
            if found:
                return found
            self.assertLess(time.monotonic(), end, "never: " + what)
            time.sleep(0.01)

    def start(self, *command, **options):
        process = subprocess.Popen(command, cwd=self.folder, env=dict(
            environment(), **dict(self.env, **options.pop("env", {}))),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(self.reap, process)
        return process

    @staticmethod
    def reap(process):
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in [process.stdin, process.stdout, process.stderr]:
            if stream and not stream.closed:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass

    def copying(self, **env):
        """A process with a handle, which waits for its input."""
        return self.start("ringkernel", "run", "copy", "-i", "-", "-o", "-", env=env)

    def snapshot(self, pid):
        return os.path.join(self.place, "%d.handles" % pid)

    def until_shown(self, process):
        self.until("a snapshot", lambda: os.path.exists(self.snapshot(process.pid)))

    def top(self, *arguments, **env):
        return self.ringkernel("top", *arguments, "--interval", "0.1", **dict(self.env, **env))

    def look(self, *arguments, **env):
        return json.loads(self.top("--json", "--once", *arguments, **env))

    def assert_nothing(self, sight):
        self.assertEqual((sight["processes"], sight["notes"]), ([], []))

    def handles(self, *arguments):
        return [dict(handle, pid=process["pid"]) for process in self.look(*arguments)["processes"]
                for handle in process["handles"]]

    # What a process would write.

    def alive(self):
        """A process that does nothing."""
        return self.start("cat").pid

    @staticmethod
    def start_of(pid):
        with open("/proc/%d/stat" % pid, encoding="ascii") as file:
            return int(file.read().rsplit(")", 1)[1].split()[19])

    def text(self, pid, handles, **process):
        process = dict({"format": 1, "pid": pid, "start": self.start_of(pid), "name": "player",
                        "time": microseconds()}, **process)
        groups = [("process", process)]
        for number, handle in handles.items():
            groups.append(("handle %d" % number, dict(
                {"kernel": "edges", "backend": "cpu", "mode": "inline", "status": "active",
                 "capacity": 64}, **dict({name: 0 for name in COUNTS}, **handle))))
        return "".join("[%s]\n%s\n" % (group, "".join(
            "%s=%s\n" % pair for pair in keys.items() if pair[1] is not None))
            for group, keys in groups)

    def tell(self, pid, handles, **process):
        self.put(self.snapshot(pid), self.text(pid, handles, **process))

    def put(self, path, text):
        os.makedirs(self.place, 0o700, exist_ok=True)
        with open(path + "~", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + "~", path)


class RealTest(Top):
    def test_nobody_is_shown_who_does_not_allow_it(self):
        self.assertEqual(len(self.top("--once").splitlines()), 1)
        process = self.copying(RINGKERNEL_TOP="")
        process.stdin.write(b"x" * 65536)
        process.stdin.flush()
        # The handle works.
        self.assertEqual(process.stdout.read(1), b"x")
        said = self.top("--once")
        self.assertIn(NOBODY, said)
        self.assertIn("RINGKERNEL_TOP=1", said)
        self.assertEqual(os.listdir(self.runtime), [])
        self.assert_nothing(self.look())

    def test_two_processes(self):
        processes = [self.copying(), self.copying()]
        for process in processes:
            process.stdin.write(b"x" * 65536)
            process.stdin.flush()
            process.stdout.read(1)
        found = self.until("both", lambda: [
            h for h in [self.handles()] if len(h) == 2 and all(x["delivered"] for x in h)])[0]
        self.assertEqual([h["pid"] for h in found], sorted(p.pid for p in processes))
        for handle in found:
            self.assertEqual((handle["kernel"], handle["backend"], handle["mode"],
                              handle["status"]), ("copy", "cpu", "inline", "active"))
            self.assertEqual(handle["accepted"], handle["delivered"] + handle["in_flight"])
            self.assertEqual(handle["bytes_in"], handle["bytes_out"])
            self.assertGreater(handle["latency_us"]["p99"], 0)
            self.assertIsNone(handle["label"])
            self.assertIsNone(handle["error"])
        self.assertEqual({h["pid"] for h in self.handles("--pid", str(processes[0].pid))},
                         {processes[0].pid})
        processes[0].stdin.close()
        processes[0].wait(timeout=BOUND)
        self.assertEqual(processes[0].returncode, 0)
        # The file goes with the process, without anybody's help.
        self.assertEqual(os.listdir(self.place), ["%d.handles" % processes[1].pid])
        self.assertEqual([h["pid"] for h in self.handles()], [processes[1].pid])

    def test_what_a_killed_process_leaves_is_removed(self):
        process = self.copying()
        self.until_shown(process)
        process.kill()
        # The test is its parent and has not noticed yet: there is a process left.
        self.until("a zombie", lambda: self.state(process.pid) == "Z")
        self.assertTrue(os.path.exists(self.snapshot(process.pid)))
        self.assertIn(NOBODY, self.top("--once"))
        self.assertEqual(os.listdir(self.place), [])

    @staticmethod
    def state(pid):
        with open("/proc/%d/stat" % pid, encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0]

    def test_a_stopped_process_is_named(self):
        process = self.copying()
        self.until_shown(process)
        process.send_signal(signal.SIGSTOP)
        notes = self.until("a note", lambda: self.look()["notes"])
        self.assertIn("process %d (ringkernel) has told nothing for" % process.pid, notes[0])
        self.assertEqual([h["messages_per_second"] for h in self.handles()], [None])
        process.send_signal(signal.SIGCONT)
        self.until("no note", lambda: not self.look()["notes"])

    def test_without_a_runtime_directory_there_is_another_place(self):
        process = self.copying(XDG_RUNTIME_DIR="")
        place = os.path.join(self.path("tmp"), "ringkernel-%d" % os.geteuid())
        self.until("a snapshot", lambda: os.path.isdir(place)
                   and os.listdir(place) == ["%d.handles" % process.pid])
        self.assertEqual(stat.S_IMODE(os.stat(place).st_mode), 0o700)
        # whoever looks may have one
        self.assertEqual([h["pid"] for h in self.handles()], [process.pid])
        self.assertEqual([h["pid"] for h in json.loads(self.top(
            "--json", "--once", XDG_RUNTIME_DIR="relative"))["processes"]], [process.pid])

    def test_a_place_that_is_open_to_others_is_not_used(self):
        os.mkdir(self.place)
        os.chmod(self.place, 0o755)
        process = self.copying()
        warning = process.stderr.readline().decode()
        while "WARNING" not in warning:
            self.assertTrue(warning)
            warning = process.stderr.readline().decode()
        self.assertIn("its mode is 0755", warning)
        # It works all the same, and says nothing more.
        out, errors = process.communicate(b"x" * 100, timeout=BOUND)
        self.assertEqual((out, errors.strip()), (b"x" * 100, b""))
        self.assertEqual(os.listdir(self.place), [])
        said = self.top("--once")
        self.assertIn(NOBODY, said)
        self.assertIn("%s is not looked into: others may use it" % self.place, said)

    @unittest.skipUnless(has_element(), "there is no ringkernelfilter")
    def test_the_element_shows_its_name(self):
        process = self.start("gst-launch-1.0", "-q", "videotestsrc", "is-live=true", "!",
                             "video/x-raw,framerate=30/1", "!",
                             "ringkernelfilter", "name=outlines", "kernel=edges", "!",
                             "ringkernel-invert", "!", "fakesink")
        found = self.until("frames", lambda: [
            h for h in [self.handles()] if len(h) == 2
            and all(x["messages_per_second"] and x["label"] for x in h)])[0]
        self.assertEqual({(h["label"], h["kernel"]) for h in found},
                         {("outlines", "edges"), ("ringkernel-invert0", "invert")})
        self.assertRegex(self.top("--once"), r"\n *%d  gst-launch-1\.0  outlines +edges +cpu"
                         % process.pid)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=BOUND)
        self.assertEqual(os.listdir(self.place), [])


class FigureTest(Top):
    def beside(self, *arguments):
        """The program runs beside the test, which waits for its lines."""
        process = self.start("ringkernel", "top", *arguments)
        lines = queue.Queue()

        def gather():
            for line in process.stdout:
                lines.put(line.decode())
        threading.Thread(target=gather, daemon=True).start()
        return process, lines

    def test_rates_are_differences_of_snapshots(self):
        pid = self.alive()
        now = microseconds()
        self.tell(pid, {7: {"delivered": 100, "bytes_in": 1000, "bytes_out": 4000},
                        8: {"delivered": 5}}, time=now)
        process, lines = self.beside("--json", "--interval", "0.1")
        first = json.loads(lines.get(timeout=BOUND))["processes"][0]
        self.assertEqual((first["pid"], first["name"]), (pid, "player"))
        self.assertEqual([h["id"] for h in first["handles"]], [7, 8])
        self.assertIsNone(first["handles"][0]["messages_per_second"])
        # 2 s later by what it says; the second handle has ended, another has come
        self.tell(pid, {7: {"delivered": 160, "bytes_in": 3000, "bytes_out": 4500},
                        9: {"delivered": 3}}, time=now + 2000000)
        for turn in range(1000):
            now_shown = json.loads(lines.get(timeout=BOUND))["processes"][0]["handles"]
            if now_shown[0]["delivered"] == 160:
                break
        self.assertEqual([h["id"] for h in now_shown], [7, 9])
        self.assertEqual([now_shown[0][rate + "_per_second"] for rate in
                          ["messages", "bytes_in", "bytes_out"]], [30, 1000, 250])
        self.assertIsNone(now_shown[1]["messages_per_second"])
        # As long as nothing new is told they stay.
        again = json.loads(lines.get(timeout=BOUND))["processes"][0]["handles"]
        self.assertEqual(again[0]["messages_per_second"], 30)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=BOUND)

    def test_figures_come_from_the_snapshot(self):
        pid = self.alive()
        counts = {name: 1000 + i for i, name in enumerate(COUNTS)}
        self.tell(pid, {3: dict(counts, label="left eye", mode="persistent", status="failed",
                                error="kernel 'edges' is stuck", fallback="one block")})
        handle = self.handles()[0]
        for name in COUNTS:
            if not re.search("_(p50|p99|max)$", name) or name == "queue_depth_max":
                self.assertEqual(handle[name], counts[name], name)
        for group, key in [("ring", "ring_us"), ("kernel", "kernel_us"), ("total", "latency_us")]:
            for figure in ["p50", "p99", "max"]:
                self.assertAlmostEqual(handle[key][figure],
                                       counts["%s_%s" % (group, figure)] / 1000)
        self.assertEqual((handle["label"], handle["mode"], handle["status"], handle["error"],
                          handle["fallback"], handle["capacity"]),
                         ("left eye", "persistent", "failed", "kernel 'edges' is stuck",
                          "one block", 64))

    def test_the_table(self):
        pid = self.alive()
        now = microseconds()
        before = {"delivered": 0, "bytes_in": 0, "bytes_out": 0}
        self.tell(pid, {1: before, 2: before}, time=now)
        process, lines = self.beside("--interval", "0.1")
        self.assertRegex(lines.get(timeout=BOUND), r"^ *PID +PROCESS +HANDLE +KERNEL +BACKEND +"
                         r"MODE +STATE +MSG/S +IN B/S +OUT B/S +P50 +P99 +DEPTH\n$")
        self.tell(pid, {
            1: {"delivered": 29, "bytes_in": 9216000, "bytes_out": 999, "total_p50": 212991,
                "total_p99": 5000000, "in_flight": 3, "label": "left eye"},
            2: {"delivered": 123456, "bytes_out": 5 * 10 ** 12, "total_p50": 999,
                "total_p99": 1600 * 10 ** 6, "status": "failed", "rejected": 2, "discarded": 3,
                "refused": 4, "order_errors": 1, "error": "stuck"}},
            time=now + 1000000)
        found = []
        while len(found) < 2:
            line = lines.get(timeout=BOUND)
            if str(pid) in line and " -  " not in line:
                found.append(re.split("  +", line.strip()))
        self.assertEqual(found, [
            [str(pid), "player", "left eye", "edges", "cpu", "inline", "active", "29.0",
             "9.22M", "999", "213 us", "5.00 ms", "3/64"],
            [str(pid), "player", "#2", "edges", "cpu", "inline", "failed", "123k", "0", "5.00T",
             "999 ns", "1.60 s", "0/64",
             "order errors 1, rejected 2, discarded 3, refused 4, stuck"]])
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=BOUND)

    def test_shells_complete_the_process(self):
        pid = self.alive()
        self.tell(pid, {1: {}})
        folder = os.path.join(ROOT, "runtime", "cli", "completion")
        scripts = {
            "bash": ". %s/ringkernel.bash; COMP_WORDS=(ringkernel top --pid ''); COMP_CWORD=3;"
                    " _ringkernel; echo ${COMPREPLY[*]}",
            "fish": "source %s/ringkernel.fish; complete -C 'ringkernel top --pid '",
            # what is offered is what zsh would be handed
            "zsh": "compadd () { print -- ${@:2} }; words=(ringkernel top --pid ''); CURRENT=4;"
                   " source %s/_ringkernel"}
        for shell, script in scripts.items():
            with self.subTest(shell):
                if not shutil.which(shell):
                    self.skipTest("there is no " + shell)
                done = subprocess.run(
                    [shell, "-c", script % folder], cwd=self.folder, capture_output=True, text=True,
                    env=dict(environment(), HOME=self.folder, **self.env), check=False)
                self.assertEqual(done.stdout.split(), [str(pid)], done.stderr)

    def test_a_count_ends_it(self):
        pid = self.alive()
        self.tell(pid, {1: {}})
        tables = self.top("--count", "3").split("\n\n")
        self.assertEqual(len(tables), 3)
        for table in tables:
            self.assertEqual(len(table.strip().splitlines()), 2)
        self.assertEqual(len(self.top("--json", "--count", "2").splitlines()), 2)

    def test_that_nobody_is_there_is_said_once(self):
        self.assertEqual(self.top("--count", "3").count(NOBODY), 1)
        self.assertEqual(self.top("--pid", str(os.getpid()), "--once").count(
            "process %d shows no handle" % os.getpid()), 1)

    def test_what_was_typed_wrong(self):
        for option in [["--interval", "0"], ["--interval", "0.01"], ["--interval", "nan"],
                       ["--interval", "4000"]]:
            self.fails("top", *option, status=2, says="--interval is from 0.1 to 3600")
        for option in [["--count=-1"], ["--pid=-1"]]:
            self.fails("top", *option, status=2, says="numbers from 1 on")
        self.fails("top", "--once", "--count", "2", status=2, says="exclude each other")


class DamageTest(Top):
    """What cannot be read is named, and what can be is shown."""

    def passed_over(self, *says, **env):
        good = self.alive()
        self.tell(good, {1: {"kernel": "gray"}})
        sight = self.look(**env)
        self.assertEqual([p["pid"] for p in sight["processes"]], [good])
        self.assertEqual(len(sight["notes"]), 1, sight["notes"])
        for text in says:
            self.assertIn(text, sight["notes"][0])
        table = self.top("--once", **env)
        self.assertIn("gray", table)
        self.assertIn(sight["notes"][0], table)
        os.remove(self.snapshot(good))

    def test_a_damaged_file(self):
        whole = None
        for spoil in [lambda t: "", lambda t: "\0\1\2", lambda t: t[:len(t) // 2],
                      lambda t: t.replace("delivered=0", "delivered=-1"),
                      lambda t: t.replace("delivered=0", "delivered=many"),
                      lambda t: t.replace("kernel=edges\n", ""),
                      lambda t: t.replace("name=player", "name=\xff"),
                      lambda t: t.replace("[process]", "[nothing]")]:
            pid = self.alive()
            whole = self.text(pid, {1: {}})
            os.makedirs(self.place, 0o700, exist_ok=True)
            with open(self.snapshot(pid), "w", encoding="latin-1") as file:
                file.write(spoil(whole))
            with self.subTest(spoil(whole)[:200]):
                self.passed_over("%s is passed over: " % self.snapshot(pid))
            os.remove(self.snapshot(pid))

    def test_a_file_of_another_version(self):
        pid = self.alive()
        self.tell(pid, {1: {}}, format=2)
        self.passed_over("another version of libringkernel", "format 2")

    def test_a_file_about_another_process(self):
        pid = self.alive()
        self.put(self.snapshot(pid), self.text(os.getpid(), {1: {}}))
        self.passed_over("about another process")

    def test_a_file_that_is_none(self):
        pid = self.alive()
        self.put(self.path("elsewhere"), self.text(pid, {1: {}}))
        os.symlink(self.path("elsewhere"), self.snapshot(pid))
        self.passed_over("passed over")
        os.remove(self.snapshot(pid))
        os.mkfifo(self.snapshot(pid))
        self.passed_over("no regular file")
        os.remove(self.snapshot(pid))
        with open(self.snapshot(pid), "w", encoding="ascii") as file:
            file.truncate(1 << 30)
        self.passed_over("too long")

    @unittest.skipUnless(os.geteuid() == 0, "only root can give a file away")
    def test_what_belongs_to_another_user(self):
        pid = self.alive()
        self.tell(pid, {1: {}})
        os.chown(self.snapshot(pid), 12345, -1)
        self.passed_over("no regular file of this user")
        os.chown(self.place, 12345, -1)
        self.assertIn("belongs to another user", self.look()["notes"][0])

    def test_places_that_are_not_looked_into(self):
        pid = self.alive()
        self.tell(pid, {1: {}})
        os.chmod(self.place, 0o750)
        sight = self.look()
        self.assertEqual(sight["processes"], [])
        self.assertIn("its mode is 0750", sight["notes"][0])
        os.chmod(self.place, 0o700)
        os.rename(self.place, self.path("elsewhere"))
        os.symlink(self.path("elsewhere"), self.place)
        sight = self.look()
        self.assertEqual(sight["processes"], [])
        self.assertIn("it is no directory", sight["notes"][0])

    def test_what_is_left_of_processes_that_are_gone(self):
        gone = self.start("true")
        text = self.text(gone.pid, {1: {}})
        gone.wait(timeout=BOUND)
        alive = self.alive()
        self.put(self.snapshot(gone.pid), text)
        self.put(os.path.join(self.place, ".new-%d" % gone.pid), "[process]")
        self.put(os.path.join(self.place, ".new-%d" % alive), "[process]")
        # and whose number another one has by now
        self.tell(alive, {1: {}}, start=self.start_of(alive) - 1)
        self.put(os.path.join(self.place, "notes.txt"), "somebody's")
        self.assert_nothing(self.look())
        self.assertEqual(sorted(os.listdir(self.place)), [".new-%d" % alive, "notes.txt"])

    def test_what_a_terminal_would_obey_is_not_printed(self):
        pid = self.alive()
        self.tell(pid, {1: {"label": "a\x1b[31mb\x07\u202e", "kernel": "\x9bx"}})
        table = self.top("--once")
        self.assertIn("a [31mb", table)
        self.assertFalse(set(table) & set("\x1b\x07\u202e\x9b"))


class ScreenTest(Top):
    """Before a terminal, which the test is."""

    def setUp(self):
        super().setUp()
        self.master, self.slave = pty.openpty()
        self.addCleanup(os.close, self.master)
        self.addCleanup(os.close, self.slave)
        os.set_blocking(self.master, False)
        self.resize(200, 24)
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        self.pid = self.alive()

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def run_on_screen(self, *arguments, **env):
        def own_terminal():
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(
            ["ringkernel", "top", "--interval", "0.1", *arguments], cwd=self.folder,
            env=dict(environment(), **dict(self.env, **env)), preexec_fn=own_terminal,
            stdin=self.slave, stdout=self.slave, stderr=self.slave, pass_fds=[self.slave])
        self.addCleanup(self.reap, self.process)

    def read(self):  # pylint: disable=arguments-differ
        try:
            self.seen += os.read(self.master, 65536)
        except BlockingIOError:
            pass
        return self.seen.decode("utf-8", "replace")

    def until_seen(self, text):
        self.until(text, lambda: text in self.read())

    def forget(self):
        self.read()
        self.seen = b""

    def screens(self):
        """What was drawn, as far as it is whole."""
        return [[re.sub("\x1b[^A-Za-z]*[A-Za-z]", "", line) for line in re.split("\r+\n", screen)]
                for screen in self.read().split("\x1b[H")[1:] if screen.endswith("\x1b[J")]

    def assert_given_back(self):
        self.assertEqual(self.process.wait(timeout=BOUND), 0)
        self.until_seen("\x1b[?25h\x1b[?1049l")
        self.assertTrue(self.read().endswith("\x1b[?25h\x1b[?1049l"))
        self.assertEqual(termios.tcgetattr(self.slave), self.before)

    def test_q_quits(self):
        self.tell(self.pid, {1: {"kernel": "gray"}})
        self.run_on_screen()
        self.until_seen("gray")
        self.assertTrue(self.read().startswith("\x1b[?1049h\x1b[?25l"))
        self.assertFalse(termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO))
        os.write(self.master, b"xq")
        self.assert_given_back()

    def test_signals_give_the_terminal_back(self):
        for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]:
            with self.subTest(number):
                self.forget()
                self.run_on_screen()
                self.until_seen(NOBODY)
                self.process.send_signal(number)
                self.assert_given_back()

    def test_ctrl_c_and_a_count(self):
        self.run_on_screen()
        self.until_seen(NOBODY)
        os.write(self.master, b"\x03")
        self.assert_given_back()
        self.forget()
        self.run_on_screen("--count", "2")
        self.assert_given_back()

    def test_it_is_stopped_and_goes_on(self):
        self.run_on_screen()
        self.until_seen(NOBODY)
        os.write(self.master, b"\x1a")
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status))
        self.until_seen("\x1b[?1049l")
        self.assertEqual(termios.tcgetattr(self.slave), self.before)
        self.forget()
        self.process.send_signal(signal.SIGCONT)
        self.until_seen(NOBODY)
        self.assertIn("\x1b[?1049h", self.read())
        self.assertFalse(termios.tcgetattr(self.slave)[3] & termios.ECHO)
        os.write(self.master, b"q")
        self.assert_given_back()

    def test_what_changes_is_drawn(self):
        self.run_on_screen()
        self.until_seen(NOBODY)
        self.tell(self.pid, {1: {"kernel": "gray"}})
        self.until_seen("gray")
        self.tell(self.pid, {1: {"kernel": "invert"}})
        self.until_seen("invert")
        self.forget()
        os.remove(self.snapshot(self.pid))
        self.until_seen(NOBODY)
        os.write(self.master, b"q")
        self.assert_given_back()

    def test_it_adapts_to_the_width(self):
        self.tell(self.pid, {1: {"label": "視眼" * 10, "rejected": 12345,
                                 "error": "an error with many words " * 5}})
        self.run_on_screen("--interval", "3600")
        self.until_seen("an error")
        widths = {}
        for columns in [200, 120, 80, 50, 30]:
            self.forget()
            self.resize(columns, 24)
            if columns == 200:  # no news
                self.process.send_signal(signal.SIGWINCH)
            lines = self.until("a screen", lambda: [
                s for s in self.screens() if len(s) > 3])[0]
            self.assertEqual(lines[2].split()[0], "PID")
            for line in lines:
                self.assertLessEqual(sum(2 if c in "視眼" else 1 for c in line), columns, line)
            widths[columns] = lines[2].split()
        self.assertIn("OUT", widths[200])
        self.assertNotIn("OUT", widths[120])
        for columns in [80, 50, 30]:
            self.assertIn("MSG/S", widths[columns])
        self.assertLess(len(widths[50]), len(widths[80]))
        self.assertIn("HANDLE", widths[30])
        os.write(self.master, b"q")
        self.assert_given_back()

    def test_more_than_the_screen_holds(self):
        self.tell(self.pid, {n: {} for n in range(1, 31)})
        self.resize(200, 10)
        self.run_on_screen()
        # title, blank, titles, 6 of 30 rows
        self.until_seen("… 24 more")
        os.write(self.master, b"q")
        self.assert_given_back()

    def test_a_terminal_that_cannot_is_printed_to(self):
        self.tell(self.pid, {1: {"kernel": "gray"}})
        for term, arguments in [("dumb", ["--count", "2"]), ("", ["--count", "1"]),
                                ("xterm", ["--once"]), ("xterm", ["--json", "--count", "1"])]:
            self.forget()
            self.run_on_screen(*arguments, TERM=term)
            self.assertEqual(self.process.wait(timeout=BOUND), 0)
            self.until_seen("gray")
            self.assertNotIn("\x1b", self.read())

    def test_a_terminal_that_goes_away_ends_it(self):
        self.run_on_screen()
        self.until_seen(NOBODY)
        # The program has the other ends alone.
        os.close(self.slave)
        os.close(self.master)
        self.process.wait(timeout=BOUND)
        self.master, self.slave = pty.openpty()
        self.doCleanups()


if __name__ == "__main__":
    unittest.main()
