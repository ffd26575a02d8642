#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Sound into a kernel, records out of it: how loud a recording is by EBU R 128, ten times
# a second.
#
# A record is a uint64 (ns) and four doubles: loudness of the last 400 ms, of the last 3 s
# and of all so far (LUFS), and the greatest sample (dB): "(tdddd)" in GVariant's words.
. "$(dirname "$0")/common.sh"

launch filesrc location="${1:-$data/speech.wav}" ! wavparse ! audioconvert \
  ! ringkernelfilter kernel=loudness ! fdsink \
  | python3 -c '
import struct, sys
records = list(struct.iter_unpack("<Qdddd", sys.stdin.buffer.read()))
for t, momentary, short_term, integrated, peak in records:
    bar = "#" * max(0, round(momentary + 60))
    print("%5.1f s %7.1f LUFS  %s" % (t / 1e9, momentary, bar))
print("integrated: %.1f LUFS, peak: %.1f dB" % (records[-1][3], max(r[4] for r in records)))
sys.exit(not -70 < records[-1][3] < 0)'
