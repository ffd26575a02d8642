#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A kernel that puts out another format (RGB in, GRAY8 out), and a stream that
# changes its size on the way: first 320x240, then 160x120.
. "$(dirname "$0")/common.sh"

launch concat name=both \
  ! ringkernelfilter kernel=gray ! video/x-raw,format=GRAY8 \
  ! videoconvert ! $video_sink \
  filesrc location="$data/clip.webm" ! decodebin ! videoconvert \
  ! video/x-raw,format=RGB ! both. \
  filesrc location="$data/clip.webm" ! decodebin ! videoconvert ! videoscale \
  ! video/x-raw,format=RGB,width=160,height=120 ! both.
