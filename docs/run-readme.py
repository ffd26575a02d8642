#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs what the documentation shows, so that it keeps working.

    run-readme.py [FILE.md …]        README.md and all of docs/ if none is named

A block of code is taken when a comment stands right above it:

    <!-- run -->                  sh: run it; c: compile and run it; python: run it
    <!-- run: needs PATH -->      likewise, skipped where there is no PATH
    <!-- run: listens PORT -->    likewise, in the background: the blocks that follow
                                  begin once something listens on that TCP port of
                                  127.0.0.1, and it must end by itself
    <!-- file: NAME -->           write it to NAME, for the blocks that follow

The blocks of one page share a folder of their own, in which `examples` and `tests`
are those of the project. Nothing is shown or played: fakesink stands in for
autovideosink and autoaudiosink. Needs the build on every path: ./dev shell.
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
BLOCK = re.compile(r"^<!-- (run|file)(?:: *([^>]*?))? -->\n```(\w+)\n(.*?)^```$",
                   re.MULTILINE | re.DOTALL)
TIMEOUT = 90


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


def run_page(path, counts):
    def report(where, process):
        good, output = finish(process)
        counts["passed" if good else "failed"] += 1
        print("%sok - %s" % ("" if good else "not ", where), flush=True)
        if not good:
            for said in output.splitlines()[-30:]:
                print("#   " + said, flush=True)

    with open(path, encoding="utf-8") as file:
        page = file.read()
    background = []
    with tempfile.TemporaryDirectory() as folder:
        for part in ("examples", "tests", "dev"):
            os.symlink(os.path.join(ROOT, part), os.path.join(folder, part))
        for block in BLOCK.finditer(page):
            what, argument, language, text = block.groups()
            where = "%s:%d" % (os.path.relpath(path, ROOT),
                               page.count("\n", 0, block.start(4)) + 1)
            verb, _, value = (argument or "").partition(" ")
            if what == "file":
                with open(os.path.join(folder, argument), "w",
                          encoding="utf-8") as file:
                    file.write(text)
            elif verb == "needs" and not os.path.exists(value):
                counts["skipped"] += 1
                print("ok - %s # SKIP no %s" % (where, value), flush=True)
            elif verb == "listens":
                process = start(language, text, folder)
                wait_for_port(process, int(value))
                background.append((where, process))
            else:
                report(where, start(language, text, folder))
        for where, process in background:
            report(where, process)


def main():
    pages = sys.argv[1:] or [os.path.join(ROOT, "README.md")] + sorted(
        glob.glob(os.path.join(ROOT, "docs", "*.md")))
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in pages:
        run_page(os.path.abspath(path), counts)
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    sys.exit(1 if counts["failed"] or not counts["passed"] else 0)


main()
