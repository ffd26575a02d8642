#!/usr/bin/env python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs one test program and prints its results as TAP.

    tap.py check PROGRAM        a program of GStreamer's check library
    tap.py unittest FILE [NAME …]   a file of Python's unittest
"""
import contextlib
import os
import subprocess
import sys
import tempfile
import unittest


def run_check(program):
    """check writes TAP only to a file; its own text goes to stderr."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tap")
        env = dict(os.environ, CK_TAP_LOG_FILE_NAME=path)
        status = subprocess.run([program], env=env, stdout=sys.stderr).returncode
        lines = []
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as log:
                lines = log.read().splitlines()
    sys.stdout.write("".join(line + "\n" for line in lines))
    failed = any(line.startswith("not ok") for line in lines)
    if not any(line.startswith("1..") for line in lines) or (status and not failed):
        print(f"Bail out! {program} ended with status {status}")
    return 1 if status or failed else 0


class TapResult(unittest.TestResult):
    def __init__(self, tap):
        super().__init__()
        self.tap = tap
        self.count = 0

    def say(self, text):
        print(text, file=self.tap, flush=True)

    def line(self, word, test, directive=""):
        self.count += 1
        self.say(f"{word} {self.count} - {test.id()}{directive}")

    def diagnose(self, error):
        text = self._exc_info_to_string(error, self.current)
        self.say("\n".join("# " + line for line in text.splitlines()))

    def startTest(self, test):
        super().startTest(test)
        self.current = test
        self.bad_subtests = 0

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.bad_subtests += 1
            self.say(f"# {subtest.id()}")
            self.diagnose(error)

    def stopTest(self, test):
        super().stopTest(test)
        if self.bad_subtests:
            self.line("not ok", test)

    def addSuccess(self, test):
        self.line("ok", test)

    def addError(self, test, error):
        super().addError(test, error)
        self.current = test
        self.diagnose(error)
        self.line("not ok", test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.diagnose(error)
        self.line("not ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("ok", test, f" # SKIP {reason}")

    def addExpectedFailure(self, test, error):
        super().addExpectedFailure(test, error)
        self.line("not ok", test, " # TODO expected to fail")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.line("not ok", test)


def run_unittest(path, names):
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    module = os.path.splitext(os.path.basename(path))[0]
    loader = unittest.defaultTestLoader
    if names:
        suite = loader.loadTestsFromNames(names, __import__(module))
    else:
        suite = loader.loadTestsFromName(module)
    # What tests print themselves is no TAP.
    with contextlib.redirect_stdout(sys.stderr):
        result = TapResult(sys.__stdout__)
        suite.run(result)
    print(f"1..{result.count}", flush=True)
    return 0 if result.wasSuccessful() and result.count else 1


def main():
    if len(sys.argv) >= 3 and sys.argv[1] == "check":
        return run_check(sys.argv[2])
    if len(sys.argv) >= 3 and sys.argv[1] == "unittest":
        return run_unittest(sys.argv[2], sys.argv[3:])
    sys.stderr.write(__doc__)
    return 2


sys.exit(main())
