#!/usr/bin/env python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds up what `meson test` ran, behaviour by behaviour.

    count.py BUILD_FOLDER

Prints "N passed, N failed, N skipped"; the exit status is 0 only if something
passed and nothing failed.
"""
import json
import os
import re
import sys

RESULT = re.compile(r"^(not )?ok\b[^#]*(# *(SKIP|TODO))?", re.IGNORECASE)

passed = failed = skipped = 0
path = os.path.join(sys.argv[1], "meson-logs", "testlog.json")
if os.path.exists(path):
    with open(path, encoding="utf-8") as log:
        runs = [json.loads(line) for line in log]
else:
    runs = []

for run in runs:
    bad = 0
    seen = 0
    for line in run.get("stdout", "").splitlines():
        match = RESULT.match(line)
        if not match:
            continue
        seen += 1
        directive = (match.group(3) or "").upper()
        if directive == "SKIP":
            skipped += 1
        elif match.group(1) and directive != "TODO":
            bad += 1
        else:
            passed += 1
    # Ended early, ran too long, or found nothing to test: a failure even if each
    # line says ok.
    if run["result"] not in ("OK", "SKIP", "EXPECTEDFAIL") and not bad:
        bad = 1
        print(f"{run['name']}: {run['result']}")
    elif run["result"] == "SKIP" and not seen:
        skipped += 1
    failed += bad

print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(0 if passed and not failed else 1)
