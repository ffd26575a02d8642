#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A parameter that changes while the film plays: the colours turn over and back.
. "$(dirname "$0")/common.sh"

python3 "$root/examples/apps/live-parameter.py" "$data/clip.webm" "$video_sink"
