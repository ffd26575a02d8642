#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Sound through two kernels: a short low-pass, then 6 dB louder.
. "$(dirname "$0")/common.sh"

launch filesrc location="$data/speech.wav" ! wavparse ! audioconvert \
  ! audio/x-raw,format=F32LE \
  ! ringkernelfilter kernel=fir params='taps="0.1,0.2,0.4,0.2,0.1"' \
  ! ringkernelfilter kernel=gain params="gain=6" \
  ! audioconvert ! audioresample ! $audio_sink
