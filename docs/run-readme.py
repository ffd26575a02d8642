#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs what the documentation shows, so that it keeps working.

    run-readme.py [FILE.md …]        README.md and all below docs/ if none is named

A block of code is taken when a comment stands right above it:

    <!-- run -->                  sh: run it; c: compile and run it; python: run it
    <!-- run: needs PATH -->      likewise, skipped where there is no PATH
    <!-- run: listens PORT -->    likewise, in the background: the blocks that follow
                                  begin once something listens on that TCP port of
                                  127.0.0.1, and it must end by itself
    <!-- run: makes NAME -->      likewise, and afterwards there is the picture NAME
    <!-- file: NAME -->           write it to NAME, for the blocks that follow
    <!-- file: NAME, at most N lines -->
                                  likewise, if it is no longer than that

A file that is a whole kernel is compiled and run, too, on a message that fits it.

The blocks of one page share a folder of their own, in which `examples` and `tests`
are those of the project. `<!-- empty directory -->` says that those that follow are run
in another one, where there is nothing but the page's files, and `<!-- project -->` ends
that. `<!-- every block runs -->` says of a page that it has no other code.

Nothing is shown or played: fakesink stands in for autovideosink and autoaudiosink.
Needs the build on every path: ./dev shell.
"""
import glob
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BLOCK = re.compile(
    r"^(?:<!-- (run|file|empty directory|project)(?:: *([^>]*?))? -->\n)?"
    r"(?:```(\w*)\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
TIMEOUT = 90

# Sends one message that the kernel named on the command line takes.
TRIAL = """
import sys
import gi
gi.require_version("Ring", "1.0")
from gi.repository import GLib, Ring

config = Ring.Config.new()
config.backend = Ring.BackendType.CPU
kernel = Ring.Runtime.new(config).launch(sys.argv[1], -1, -1, None)
info = kernel.get_info()
kind, formats = info.get_kind(), info.get_input_formats()
if kind == Ring.PayloadKind.VIDEO:
    format = Ring.Format.new_video(Ring.video_format_from_string(formats[0]), 64, 48)
    make, size = Ring.Message.new_video, format.get_frame_size()
elif kind == Ring.PayloadKind.AUDIO:
    format = Ring.Format.new_audio(Ring.audio_format_from_string(formats[0]), 48000, 2)
    make, size = Ring.Message.new_audio, 960 * format.get_frame_size()
elif kind == Ring.PayloadKind.RECORD:
    format = Ring.Format.new_record(formats[0])
    make = lambda format, data: Ring.Message.new_records(formats[0], data)
    size = 100 * format.get_frame_size()
else:
    format, size = Ring.Format.new_bytes(), 4096
    make = lambda format, data: Ring.Message.new(data)
kernel.set_format(format)
kernel.activate()
for _ in range(3):
    message = make(format, GLib.Bytes.new(bytes(i % 251 for i in range(size))))
    if info.get_emits():
        kernel.send(message, -1, None)
        assert kernel.drain(10000000, None)
    else:
        assert kernel.call(message, 10000000, None).get_payload()
metrics = kernel.get_metrics()
assert metrics.accepted == 3 and metrics.rejected == 0 and metrics.discarded == 0
"""


def headless(text):
    return re.sub(r"\bauto(video|audio)sink\b", "fakesink", text)


def compile_c():
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "ringkernel-1.0"],
        check=True, capture_output=True, text=True).stdout
    return ["sh", "-c", "cc -Wall -Werror -o program program.c %s && ./program"
            % " ".join(shlex.quote(flag) for flag in shlex.split(flags))]


def listens(port):
    """Whether a program listens on the port, without connecting to it."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        return any(words[1].endswith(":%04X" % port) and words[3] == "0A"
                   for words in map(str.split, file))


def start(language, text, folder):
    """Returns the process, or None if no way is known to run that."""
    if language == "sh":
        command = ["sh", "-e", "-c", headless(text)]
    elif language == "c":
        with open(os.path.join(folder, "program.c"), "w", encoding="utf-8") as file:
            file.write(text)
        command = compile_c()
    elif language == "python":
        command = ["python3", "-c", headless(text)]
    else:
        return None
    # A session of its own, so that what a block leaves running ends with it.
    env = dict(os.environ, XDG_CACHE_HOME=os.path.join(folder, ".cache"))
    return subprocess.Popen(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True)


def finish(process):
    """Returns (whether it went well, what it said)."""
    if process is None:
        return False, "no way is known to run this\n"
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
        return process.returncode == 0, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        return False, "%snot done after %d s\n" % (output, TIMEOUT)


def wait_for_port(process, port):
    """Until somebody listens there, or the process has ended."""
    deadline = time.monotonic() + 20
    while process.poll() is None and not listens(port):
        if time.monotonic() > deadline:
            os.killpg(process.pid, 9)
        time.sleep(0.02)


def is_picture(path):
    with open(path, "rb") as file:
        begin = file.read(8)
    return begin.startswith((b"\x89PNG", b"\xff\xd8\xff")) and os.path.getsize(path) > 100


class Page:
    def __init__(self, path, counts):
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        self.name = os.path.relpath(path, ROOT)
        self.counts = counts
        self.strict = "<!-- every block runs -->" in self.text
        self.background = []

    def say(self, good, where, output=""):
        self.counts["passed" if good else "failed"] += 1
        print("%sok - %s" % ("" if good else "not ", where), flush=True)
        if not good:
            for said in output.splitlines()[-30:]:
                print("#   " + said, flush=True)

    def write(self, where, argument, text):
        name, _, limit = argument.partition(", at most ")
        if limit and len(text.splitlines()) > int(limit.split()[0]):
            self.say(False, where, "%s is longer than %s\n" % (name, limit))
        for folder in (self.project, self.empty):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        if name.endswith(".c") and "RING_KERNEL (" in text:
            process = subprocess.Popen(
                ["python3", "-c", TRIAL, "./" + name], cwd=self.empty,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, start_new_session=True)
            self.say(*self.judge(where, process))

    @staticmethod
    def judge(where, process):
        good, output = finish(process)
        return good, where, output

    def take(self, where, what, argument, language, text, folder):
        verb, _, value = (argument or "").partition(" ")
        if what == "file":
            self.write(where, argument, text)
        elif verb == "needs" and not os.path.exists(value):
            self.counts["skipped"] += 1
            print("ok - %s # SKIP no %s" % (where, value), flush=True)
        elif verb == "listens":
            process = start(language, text, folder)
            wait_for_port(process, int(value))
            self.background.append((where, process))
        else:
            good, _, output = self.judge(where, start(language, text, folder))
            if good and verb == "makes":
                made = os.path.join(folder, value)
                good = os.path.exists(made) and is_picture(made)
                output += "%s is no picture, or is not there\n" % value
            self.say(good, where, output)

    def run(self):
        with tempfile.TemporaryDirectory() as self.project, \
                tempfile.TemporaryDirectory() as self.empty:
            for part in ("examples", "tests", "dev"):
                os.symlink(os.path.join(ROOT, part), os.path.join(self.project, part))
            folder = self.project
            for block in BLOCK.finditer(self.text):
                what, argument, language, text = block.groups()
                if text is None:
                    folder = {"empty directory": self.empty,
                              "project": self.project}.get(what, folder)
                    continue
                where = "%s:%d" % (self.name,
                                   self.text.count("\n", 0, block.start(4)) + 1)
                if what in ("run", "file"):
                    self.take(where, what, argument, language, text, folder)
                elif self.strict:
                    self.say(False, where, "nothing says how this is run\n")
            for where, process in self.background:
                self.say(*self.judge(where, process))


def main():
    pages = sys.argv[1:] or [os.path.join(ROOT, "README.md")] + sorted(
        glob.glob(os.path.join(ROOT, "docs", "**", "*.md"), recursive=True))
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in pages:
        Page(os.path.abspath(path), counts).run()
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    sys.exit(1 if counts["failed"] or not counts["passed"] else 0)


main()
