#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Records from a pipe through a kernel into a pipe: the spikes of an ECG.
#
# A record is a uint64 (ns) and a double (mV), little-endian: "(td)" in GVariant's
# words. One block is one second: 360 records of 16 bytes.
. "$(dirname "$0")/common.sh"

cat "$data/ecg.bin" \
  | launch fdsrc blocksize=5760 \
      ! ringkernelfilter kernel=spike-detect \
          params="threshold=2.5 window=90 refractory=0.3" \
      ! fdsink \
  | python3 -c '
import struct, sys
spikes = list(struct.iter_unpack("<Qdd", sys.stdin.buffer.read()))
for t, value, score in spikes[:5]:
    print("%7.3f s  %6.3f mV  %4.1f sigma" % (t / 1e9, value, score))
print("... %d spikes in all" % len(spikes))
sys.exit(not 100 < len(spikes) < 115)'
