#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Where something moves in a film, as numbers: one kernel makes a mask, the next a record
# of it for each frame.
#
# A record is a uint64 (ns), a double (the share of white pixels), four uint32 (the box
# around them) and two doubles (their middle): "(tduuuudd)" in GVariant's words.
. "$(dirname "$0")/common.sh"

launch filesrc location="${1:-$data/clip.webm}" ! decodebin ! videoconvert \
  ! ringkernelfilter kernel=motion params="threshold=24" \
  ! ringkernelfilter kernel=coverage ! fdsink \
  | python3 -c '
import struct, sys
records = list(struct.iter_unpack("<QdIIIIdd", sys.stdin.buffer.read()))
for t, share, x, y, width, height, center_x, center_y in records[::10]:
    print("%5.2f s: %5.1f %% in %dx%d at (%d, %d), around (%.0f, %.0f)"
          % (t / 1e9, 100 * share, width, height, x, y, center_x, center_y))
sys.exit(not any(record[1] > 0 for record in records))'
