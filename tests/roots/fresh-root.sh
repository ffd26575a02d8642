#!/usr/bin/env bash
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Proves that a checkout needs nothing but itself: makes an empty Debian in a
# folder, copies this tree into it as it is now, and runs commands there.
#
#   tests/roots/fresh-root.sh [bookworm|trixie] [FOLDER] [COMMAND …]
#
# FOLDER is new or one that this script made before, which is then used again with
# a fresh copy of the tree. COMMAND is one argument each, for a shell in the tree;
# by default './dev test' and './dev demo'. Needs root and debootstrap. MIRROR is
# where packages come from, by default where this machine has its own from. CUDA names
# a CUDA toolkit, /usr/local/cuda for instance, to be there as well; distributions do
# not come with it.
set -euo pipefail

suite=${1:-bookworm}
folder=${2:-/tmp/ringkernel-$suite}
[ $# -lt 2 ] && shift $# || shift 2
[ $# -gt 0 ] || set -- './dev test' './dev demo'
tree=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=root.sh
. "$tree/tests/roots/root.sh"

make_root "$suite" "$folder"
enter_root "$folder"

# What git knows or would add: no build folders.
rm -rf "$folder/root/tree"
mkdir -p "$folder/root/tree"
git -C "$tree" ls-files -co --exclude-standard -z | (
  cd "$tree"
  tar --null --ignore-failed-read -T - -cf - 2> /dev/null) \
    | tar -C "$folder/root/tree" -xf -

if [ -n "${CUDA:-}" ] && [ ! -e "$folder/usr/local/cuda" ]; then
  toolkit=$(readlink -f "$CUDA")
  mkdir -p "$folder$toolkit"
  (cd "$toolkit" && tar -cf - bin nvvm include targets lib64 lib/libnvrtc*) \
      | tar -C "$folder$toolkit" -xf -
  echo /usr/local/cuda/lib64 > "$folder/etc/ld.so.conf.d/cuda.conf"
  [ "$toolkit" = /usr/local/cuda ] || ln -sfn "$toolkit" "$folder/usr/local/cuda"
fi

[ -z "${CUDA:-}" ] || inside_root "$folder" ldconfig

# lint asks git which files there are
git -C "$folder/root/tree" init -q

failed=0
for command in "$@"; do
  echo "== $suite: $command"
  inside_root "$folder" "cd /root/tree && $command" \
      || { echo "== $suite: FAILED ($?): $command"; failed=1; }
done
exit $failed
