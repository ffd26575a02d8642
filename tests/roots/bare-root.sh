#!/usr/bin/env bash
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Proves that a bundle needs nothing but itself: makes an empty Debian in a folder,
# in which nothing is installed then, puts the bundle into it and runs its gpu-check.
#
#   tests/roots/bare-root.sh BUNDLE [bookworm|trixie] [FOLDER] [OPTION OF gpu-check …]
#
# FOLDER is new or one that this script made before; the summary and the logs are left
# in FOLDER/root/out. By default on backend=cpu; `--driver stand-in` as the first
# option takes the stand-in driver of the bundle, backend=cuda. Needs root and
# debootstrap.
set -euo pipefail

bundle=${1:?usage: bare-root.sh BUNDLE [SUITE] [FOLDER] [OPTION …]}
suite=${2:-trixie}
folder=${3:-/tmp/ringkernel-bare-$suite}
[ $# -lt 3 ] && shift $# || shift 3
[ $# -gt 0 ] || set -- --backend cpu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=root.sh
. "$here/root.sh"
[ -x "$bundle/gpu-check" ] || { echo "bare-root.sh: $bundle is no bundle" >&2; exit 2; }

make_root "$suite" "$folder"
for name in gstreamer glib2.0 cc python3; do
  if inside_root "$folder" "command -v $name || ldconfig -p | grep -q lib$name"; then
    echo "bare-root.sh: $folder is not bare: there is $name" >&2
    exit 2
  fi
done
enter_root "$folder"
rm -rf "$folder/root/bundle" "$folder/root/out"
cp -R "$bundle" "$folder/root/bundle"
inside_root "$folder" "/root/bundle/gpu-check /root/out ${*@Q}"
