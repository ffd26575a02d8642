#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Inverting twice gives back the same film, bit by bit.
. "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

launch filesrc location="$data/clip.webm" ! decodebin ! videoconvert \
  ! video/x-raw,format=RGB ! tee name=t \
  t. ! queue ! filesink location="$work/before.rgb" \
  t. ! queue \
  ! ringkernelfilter kernel=invert ! ringkernelfilter kernel=invert \
  ! filesink location="$work/after.rgb"

test -s "$work/after.rgb"
cmp "$work/before.rgb" "$work/after.rgb"
echo "the same: $(stat -c %s "$work/after.rgb") bytes"
