#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A kernel of one's own: a C file, compiled when the pipeline starts.
. "$(dirname "$0")/common.sh"

launch filesrc location="$data/clip.webm" ! decodebin ! videoconvert \
  ! ringkernelfilter kernel="$root/examples/kernels/posterize.c" params="steps=4" \
  ! videoconvert ! $video_sink
