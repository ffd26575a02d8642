#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs what the documentation shows, so that it keeps working.

    run-readme.py [FILE.md …]        README.md and all of docs/ if none is named

A block of code is taken when a comment stands right above it:

    <!-- run -->                  sh: run it; c: compile and run it; python: run it
    <!-- run: needs PATH -->      likewise, skipped where there is no PATH
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


def run(language, text, folder):
    """Returns (whether it went well, what it said)."""
    if language == "sh":
        command = ["sh", "-e", "-c", headless(text)]
    elif language == "c":
        with open(os.path.join(folder, "program.c"), "w", encoding="utf-8") as file:
            file.write(text)
        command = compile_c()
    elif language == "python":
        command = ["python3", "-c", headless(text)]
    else:
        return False, "no way is known to run " + language
    # A session of its own, so that what a block leaves running ends with it.
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
        return process.returncode == 0, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        return False, "%snot done after %d s\n" % (output, TIMEOUT)


def run_page(path, counts):
    with open(path, encoding="utf-8") as file:
        page = file.read()
    name = os.path.relpath(path, ROOT)
    with tempfile.TemporaryDirectory() as folder:
        for part in ("examples", "tests", "dev"):
            os.symlink(os.path.join(ROOT, part), os.path.join(folder, part))
        for block in BLOCK.finditer(page):
            what, argument, language, text = block.groups()
            line = page.count("\n", 0, block.start(4)) + 1
            if what == "file":
                with open(os.path.join(folder, argument), "w",
                          encoding="utf-8") as file:
                    file.write(text)
                continue
            needs = (argument or "").removeprefix("needs").strip()
            if needs and not os.path.exists(needs):
                counts["skipped"] += 1
                print("ok - %s:%d # SKIP no %s" % (name, line, needs), flush=True)
                continue
            good, output = run(language, text, folder)
            counts["passed" if good else "failed"] += 1
            print("%sok - %s:%d" % ("" if good else "not ", name, line), flush=True)
            if not good:
                for said in output.splitlines()[-30:]:
                    print("#   " + said, flush=True)


def main():
    pages = sys.argv[1:] or [os.path.join(ROOT, "README.md")] + sorted(
        glob.glob(os.path.join(ROOT, "docs", "*.md")))
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in pages:
        run_page(os.path.abspath(path), counts)
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    sys.exit(1 if counts["failed"] or not counts["passed"] else 0)


main()
