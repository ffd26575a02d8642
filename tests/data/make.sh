#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes the files in this folder again, from Debian 12's packages. Not part of the
# build: it only says, exactly, where each file comes from. Writes into OUTDIR.
#
#   tests/data/make.sh OUTDIR
#
# Needs: gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-libav
#        (to decode Cinepak) python3-scipy
set -eu

out=${1:?usage: make.sh OUTDIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

apt-get download opencv-doc alsa-utils
dpkg-deb -x opencv-doc_*.deb opencv
dpkg-deb -x alsa-utils_*.deb alsa
samples=opencv/usr/share/doc/opencv-doc/examples/data

# clip.webm: the last 8.9 seconds of tree.avi, at 15 frames/s, as VP8.
gst-launch-1.0 -q filesrc location="$samples/tree.avi" ! decodebin \
  ! videoconvert ! videorate ! video/x-raw,framerate=15/1 \
  ! pngenc compression-level=1 ! multifilesink location=frame%04d.png
gst-launch-1.0 -q multifilesrc location=frame%04d.png start-index=309 \
    stop-index=441 caps=image/png,framerate=15/1 \
  ! pngdec ! videoconvert \
  ! vp8enc deadline=0 cpu-used=0 end-usage=cq cq-level=10 min-quantizer=4 \
    target-bitrate=2000000 keyframe-max-dist=30 \
  ! webmmux ! filesink location="$out/clip.webm"

# photo.jpg: home.jpg, unchanged.
cp "$samples/home.jpg" "$out/photo.jpg"

# speech.wav: Front_Center.wav, unchanged.
cp alsa/usr/share/sounds/alsa/Front_Center.wav "$out/speech.wav"

# ecg.bin, ecg.csv: the first 60 seconds of SciPy's electrocardiogram.
/usr/bin/python3 -W ignore - "$out" <<'EOF'
import struct
import sys
from scipy.misc import electrocardiogram

values = electrocardiogram()[:60 * 360]
times = [round(i * 1e9 / 360) for i in range(len(values))]
with open(sys.argv[1] + "/ecg.bin", "wb") as binary:
    for t, v in zip(times, values):
        binary.write(struct.pack("<Qd", t, v))
with open(sys.argv[1] + "/ecg.csv", "w") as text:
    text.write("t_ns,mV\n")
    for t, v in zip(times, values):
        text.write("%d,%.3f\n" % (t, v))
EOF

cd "$out" && sha256sum clip.webm photo.jpg speech.wav ecg.bin ecg.csv
