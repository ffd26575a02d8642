#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The camera through a kernel; a recording of one where there is no camera.
. "$(dirname "$0")/common.sh"

if [ -r /dev/video0 ]; then
  set -- v4l2src device=/dev/video0 num-buffers=300
else
  echo "no camera: playing a recording of one"
  set -- filesrc location="$data/clip.webm"
fi

launch "$@" ! decodebin ! videoconvert \
  ! ringkernelfilter kernel=temporal-denoise params="strength=0.9 threshold=24" \
  ! videoconvert ! $video_sink
