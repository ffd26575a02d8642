# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2034
#
# Sourced by the examples: where the recordings are, and where pictures go.
#
# RING_HEADLESS=1, or no display: nothing is shown, everything still runs.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
data=${RING_DATA:-$root/tests/data}

if [ "${RING_HEADLESS:-}" = 1 ] || [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  video_sink=fakesink
  audio_sink=fakesink
else
  video_sink=autovideosink
  audio_sink=autoaudiosink
fi

if ! gst-inspect-1.0 ringkernelfilter >/dev/null 2>&1; then
  echo "GStreamer does not find ringkernelfilter; try: ./dev shell $0" >&2
  exit 1
fi

# An example that hangs is a failure, so none may take longer than a minute.
launch () {
  timeout 60 gst-launch-1.0 --no-fault -q "$@"
}
