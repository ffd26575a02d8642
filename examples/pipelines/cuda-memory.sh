#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Two kernels on an NVIDIA GPU, between which frames stay on the device; what comes
# out is what the CPU makes of the same film, bit by bit.
. "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for element in cudaupload cudadownload; do
  if ! gst-inspect-1.0 $element >/dev/null 2>&1; then
    echo "no $element: it comes with nvcodec, of gst-plugins-bad, and needs a GPU"
    exit 77
  fi
done
# A driver there is; what else may be missing is said by the first error.
if ! launch videotestsrc num-buffers=1 ! ringkernelfilter kernel=invert backend=cuda \
    ! fakesink >"$work/why" 2>&1; then
  cat "$work/why"
  grep -Eq 'not built|too old|kernels need' "$work/why" || exit 1
  grep '^ERROR' "$work/why" | head -n 1
  exit 77
fi

launch filesrc location="$data/clip.webm" ! decodebin ! videoconvert \
  ! video/x-raw,format=I420 ! tee name=t \
  t. ! queue \
  ! ringkernelfilter backend=cpu kernel=temporal-denoise \
  ! ringkernelfilter backend=cpu kernel=edges \
  ! filesink location="$work/cpu.yuv" \
  t. ! queue \
  ! cudaupload ! 'video/x-raw(memory:CUDAMemory)' \
  ! ringkernelfilter backend=cuda kernel=temporal-denoise \
  ! ringkernelfilter backend=cuda kernel=edges \
  ! cudadownload ! video/x-raw \
  ! filesink location="$work/gpu.yuv"

test -s "$work/gpu.yuv"
cmp "$work/cpu.yuv" "$work/gpu.yuv"
echo "the same: $(stat -c %s "$work/gpu.yuv") bytes"
