#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Two kernels in a row: blurred first, so that edges show shapes and not grain.
. "$(dirname "$0")/common.sh"

launch filesrc location="$data/clip.webm" ! decodebin ! videoconvert \
  ! ringkernelfilter kernel=gaussian-blur params="sigma=2.5" \
  ! ringkernelfilter kernel=edges \
  ! videoconvert ! $video_sink
