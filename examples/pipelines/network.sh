#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Out of one program, over the network, into another; a kernel on each side.
. "$(dirname "$0")/common.sh"
port=${PORT:-$((20000 + $$ % 20000))}

launch tcpserversrc host=127.0.0.1 port="$port" ! decodebin ! videoconvert \
  ! ringkernelfilter kernel=edges \
  ! videoconvert ! $video_sink &
receiver=$!

# The receiver may not be listening yet: try until it is.
tries=0
until launch filesrc location="$data/clip.webm" ! decodebin ! videoconvert \
    ! ringkernelfilter kernel=temporal-denoise \
    ! jpegenc ! matroskamux streamable=true \
    ! tcpclientsink host=127.0.0.1 port="$port" 2>/dev/null; do
  tries=$((tries + 1))
  if [ $tries -ge 50 ] || ! kill -0 $receiver 2>/dev/null; then
    echo "nobody listens on port $port" >&2
    kill $receiver 2>/dev/null || true
    exit 1
  fi
  sleep 0.1
done
wait $receiver
