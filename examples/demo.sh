#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The main job on real input: a film, a picture, speech and an ECG through kernels.
#
#   examples/demo.sh [FILE] [OUTDIR]
#
# FILE: a film (with or without sound) or a picture of your own; else the
# recordings in tests/data. What comes out lies in OUTDIR, else in demo-out.
#
# packages: gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-x fonts-dejavu-core python3-gi python3-cairo gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0
set -eu

exec python3 "$(dirname "$0")/demo/demo.py" "$@"
