# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# root.sh: what the scripts of this folder share: an empty Debian in a folder, and
# commands in it. Sourced; needs root and debootstrap.
#
#   make_root SUITE FOLDER     FOLDER is new, or one that this made before
#   enter_root FOLDER          mounts what programs expect; undone at the exit
#   inside_root FOLDER COMMAND a shell's command, without this machine's environment
#
# MIRROR is where packages come from, by default where this machine has its own from.
# shellcheck shell=bash

make_root ()
{
  local suite=$1 folder=$2 mirror proxy

  [ "$(id -u)" = 0 ] || { echo "$0: needs root, for chroot" >&2; exit 2; }
  if [ ! -e "$folder/.made" ]; then
    [ ! -e "$folder" ] || { echo "$0: $folder exists, not mine" >&2; exit 2; }
    mirror=${MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' \
        | grep -v security | head -n 1)}
    proxy=$(apt-config dump | sed -n 's/^Acquire::http::Proxy "\(.*\)";/\1/p')
    http_proxy=${proxy:-${http_proxy:-}} \
        debootstrap --variant=minbase "$suite" "$folder" "$mirror"
    echo "deb $mirror $suite main" > "$folder/etc/apt/sources.list"
    apt-config dump | grep -E '^Acquire::(https?|Retries)\b' > "$folder/etc/apt/apt.conf.d/50host" || true
    touch "$folder/.made"
  fi
  cp -L /etc/resolv.conf /etc/hosts "$folder/etc/"
}

entered=
leave_root ()
{
  umount "$entered/dev/pts" "$entered/dev/shm" "$entered/dev" "$entered/sys" "$entered/proc" || true
}

enter_root ()
{
  local folder=$1 device

  entered=$folder
  trap leave_root EXIT
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
}

inside_root ()
{
  # The program of the end user has no environment of this machine's.
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      HOME=/root LANG=C.UTF-8 CI=true \
      chroot "$1" /bin/bash -c "$2" < /dev/null
}
