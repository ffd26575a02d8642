#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A film through a kernel.
. "$(dirname "$0")/common.sh"

launch filesrc location="${1:-$data/clip.webm}" ! decodebin ! videoconvert \
  ! ringkernelfilter kernel=edges \
  ! videoconvert ! $video_sink
