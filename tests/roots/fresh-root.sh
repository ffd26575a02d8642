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
# where packages come from, by default where this machine has its own from.
set -euo pipefail

suite=${1:-bookworm}
folder=${2:-/tmp/ringkernel-$suite}
[ $# -lt 2 ] && shift $# || shift 2
[ $# -gt 0 ] || set -- './dev test' './dev demo'
mirror=${MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' \
    | grep -v security | head -n 1)}
tree=$(cd "$(dirname "$0")/../.." && pwd)

[ "$(id -u)" = 0 ] || { echo 'fresh-root.sh: needs root, for chroot' >&2; exit 2; }

if [ ! -e "$folder/.made" ]; then
  [ ! -e "$folder" ] || { echo "fresh-root.sh: $folder exists, not mine" >&2; exit 2; }
  proxy=$(apt-config dump | sed -n 's/^Acquire::http::Proxy "\(.*\)";/\1/p')
  http_proxy=${proxy:-${http_proxy:-}} \
      debootstrap --variant=minbase "$suite" "$folder" "$mirror"
  echo "deb $mirror $suite main" > "$folder/etc/apt/sources.list"
  apt-config dump | grep -E '^Acquire::(https?|Retries)\b' > "$folder/etc/apt/apt.conf.d/50host" || true
  touch "$folder/.made"
fi
cp -L /etc/resolv.conf /etc/hosts "$folder/etc/"

cleanup ()
{
  umount "$folder/dev/pts" "$folder/dev/shm" "$folder/dev" "$folder/sys" "$folder/proc" || true
}
trap cleanup EXIT
mount -t proc proc "$folder/proc"
mount -t sysfs -o ro sysfs "$folder/sys"
mount -t tmpfs -o mode=755 tmpfs "$folder/dev"
for device in null:3 zero:5 full:7 random:8 urandom:9; do
  mknod -m 666 "$folder/dev/${device%:*}" c 1 "${device#*:}"
done
ln -s /proc/self/fd "$folder/dev/fd"
mkdir -p "$folder/dev/shm" "$folder/dev/pts"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$folder/dev/pts"
ln -s pts/ptmx "$folder/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$folder/dev/shm"

# What git knows or would add: no build folders.
rm -rf "$folder/root/tree"
mkdir -p "$folder/root/tree"
git -C "$tree" ls-files -co --exclude-standard -z | (
  cd "$tree"
  tar --null --ignore-failed-read -T - -cf - 2> /dev/null) \
    | tar -C "$folder/root/tree" -xf -

# lint asks git which files there are
git -C "$folder/root/tree" init -q

failed=0
for command in "$@"; do
  echo "== $suite: $command"
  # The program of the end user has no environment of this machine's.
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      HOME=/root LANG=C.UTF-8 CI=true \
      chroot "$folder" /bin/bash -c "cd /root/tree && $command" < /dev/null \
      || { echo "== $suite: FAILED ($?): $command"; failed=1; }
done
exit $failed
