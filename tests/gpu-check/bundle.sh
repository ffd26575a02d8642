#!/usr/bin/env bash
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes a folder that runs on another machine with nothing installed there; called
# by `./dev bundle DIR`.
#
#   tests/gpu-check/bundle.sh BUILD DIR
#
# BUILD is a build folder that is up to date. DIR is new, or a bundle, which is then
# replaced. What goes in: libringkernel, the plugin, the kernels, all C tests and
# benchmarks, and the GStreamer of this machine with every library that it needs; what
# does not: the C library, and the driver of the GPU.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ $# -ne 2 ] || [ ! -e "$1/build.ninja" ]; then
  echo "usage: bundle.sh BUILD DIR" >&2
  exit 2
fi
build=$(cd "$1" && pwd)
dir=$2

# MiB. What travels to a machine with a GPU may be limited, and this is far more
# than is needed.
limit=90

# Plugins, by file name: what the tests, the benchmarks and pipelines on real media
# use. One that this machine lacks is left out, and said.
plugins='coreelements coretracers app typefindfunctions playback autodetect
  videotestsrc videoconvertscale videorate videofilter videocrop rawparse
  audiotestsrc audioconvert audioresample audiorate volume audiofx level
  matroska vpx avi isomp4 wavparse wavenc ogg vorbis opus jpeg png imagefreeze
  multifile y4menc videoparsersbad debugutilsbad coloreffects debug
  nvcodec'
# What stands beside ours in `bench peers`, but for OpenCV's elements, which need 200 MiB.
peers='frei0r gaudieffects alpha equalizer spectrum'

die ()
{
  echo "bundle: $*" >&2
  exit 1
}

if [ -e "$dir" ]; then
  [ -e "$dir/gpu-check" ] && [ -e "$dir/origin" ] \
      || die "$dir exists and is no bundle: not touching it"
fi
mkdir -p "$(dirname "$dir")"
new=$(cd "$(dirname "$dir")" && pwd)/.$(basename "$dir").$$
trap 'rm -rf "$new"' EXIT
mkdir -p "$new"/{parts,bin,lib,plugins,kernels,include/ringkernel,stand-in,no-decoder} \
    "$new"/tests/{runtime/kernels,gst,kernels,neighbours,benchmarks,data}

# ---- what is ours

cp -L "$build/runtime/libringkernel-1.0.so.0" "$new/lib/"
[ ! -x "$build/runtime/ringkernel" ] || cp "$build/runtime/ringkernel" "$new/bin/"
[ -x "$build/tests/gpu-check/gpu-report" ] \
    || die "no gpu-report in $build: install json-glib (libjson-glib-dev), then meson setup --reconfigure"
[ -e "$build/gst/libgstringkernel.so" ] || die "there is no plugin in $build"
cp "$build/gst/libgstringkernel.so" "$new/plugins/"
cp -R "$root/kernels"/*/ "$new/kernels/"
cp "$root"/runtime/ringkernel/*.h "$new/include/ringkernel/"
cp "$root/LICENSE" "$new/"
cp "$root/tests/gpu-check/gpu-check.sh" "$new/gpu-check"
cp "$root"/tests/gpu-check/check-*.sh "$new/parts/"
cp "$root/tests/gpu-check/run.sh" "$new/run"
cp "$build"/tests/gpu-check/gpu-{probe,report} "$new/bin/"
for suite in runtime gst kernels benchmarks; do
  [ -d "$build/tests/$suite" ] || continue
  find "$build/tests/$suite" -maxdepth 1 -type f -perm -u+x ! -name '*.so*' \
      -exec cp -t "$new/tests/$suite" {} +
done
# Of the tests of the backend, those that need no stand-in driver.
[ ! -d "$build/tests/cuda" ] || find "$build/tests/cuda" -maxdepth 1 -type f -perm -u+x \
    -name 'neighbours-*' -exec cp -t "$new/tests/neighbours" {} +
bench=$build/tests/benchmarks/gpu/gpu-bench
[ ! -x "$bench" ] || cp "$bench" "$new/tests/benchmarks/"
# `bench peers` needs a python3 with numpy, scipy and OpenCV there.
pump=$build/tests/benchmarks/peers/peers-pump.so
if [ -e "$pump" ]; then
  mkdir -p "$new/tests/benchmarks/peers" "$new/docs" "$new/frei0r-1"
  cp "$pump" "$root"/tests/benchmarks/peers/{peers,pairs,candidates,page}.py \
      "$new/tests/benchmarks/peers/"
  # It draws.
  cp "$root/docs/gen-performance.py" "$new/docs/"
  [ ! -e /usr/lib/frei0r-1/sobel.so ] || cp /usr/lib/frei0r-1/sobel.so "$new/frei0r-1/"
fi
# A module of each of the tests' own kernels, its source, and what a GPU runs: there
# is neither a compiler nor NVRTC where this goes.
cp "$root"/tests/runtime/kernels/*.c "$new/tests/runtime/kernels/"
cp "$build"/tests/runtime/*.so "$new/tests/runtime/kernels/"
# Images for all architectures, if they have been built, else for one.
images=0
for module in "$build"/tests/runtime/*.so; do
  name=$(basename "$module" .so)
  for image in "$build/tests/gpu-check/$name.fatbin" "$build/tests/runtime/$name.cubin"; do
    [ -e "$image" ] || continue
    cp "$image" "$new/tests/runtime/kernels/"
    images=$((images + 1))
    break
  done
done
find "$root/tests/data" -maxdepth 1 -type f ! -name '*.sh' -exec cp -t "$new/tests/data" {} +
# The driver that stands in for NVIDIA's in tests: so a bundle can be tried anywhere.
for library in libcuda.so.1 libnvcuvid.so.1; do
  [ ! -e "$build/tests/cuda-fake/$library" ] \
      || cp -L "$build/tests/cuda-fake/$library" "$new/stand-in/"
done
# Containers often have the driver without its video decoder, and GStreamer registers
# cudaupload only where there is one.
[ ! -e "$new/stand-in/libnvcuvid.so.1" ] || cp "$new/stand-in/libnvcuvid.so.1" "$new/no-decoder/"

# ---- the GStreamer of this machine

folder=$(pkg-config --variable=pluginsdir gstreamer-1.0)
scanner=$(pkg-config --variable=pluginscannerdir gstreamer-1.0)/gst-plugin-scanner
[ -x "$scanner" ] || die "there is no $scanner"
cp "$scanner" "$new/bin/"
for program in gst-launch-1.0 gst-inspect-1.0; do
  path=$(command -v "$program") || die "$program is not installed here"
  cp "$path" "$new/bin/"
done
missing=
for plugin in $plugins $peers; do
  if [ -e "$folder/libgst$plugin.so" ]; then
    cp "$folder/libgst$plugin.so" "$new/plugins/"
  else
    missing="$missing $plugin"
  fi
done
[ -z "$missing" ] || echo "bundle: without these plugins, which this machine lacks:$missing"

# ---- every library that they need, but for those that belong to the C library and to the driver

# Programs: one to a line, with the libraries of the build and of the bundle.
binaries ()
{
  find "$new" -type f \( -perm -u+x -o -name '*.so*' \) ! -name '*.cubin' \
      -exec sh -c 'for f; do head -c 4 "$f" | grep -q ELF && echo "$f"; done; true' sh {} +
}

mapfile -t files < <(binaries)
LD_LIBRARY_PATH=$new/lib ldd "${files[@]}" > "$new/ldd" || die "ldd failed"
if grep 'not found' "$new/ldd" >&2; then
  die "libraries are missing"
fi
sed -n 's/.* => \(\/[^ ]*\) (0x.*/\1/p' "$new/ldd" | sort -u | while read -r library; do
  case ${library##*/} in
    libc.so* | libm.so* | libmvec.so* | libpthread.so* | libdl.so* | librt.so* | \
        libresolv.so* | libutil.so* | libanl.so* | libnsl.so* | libnss_* | \
        libthread_db.so* | ld-linux*) ;;
    libcuda.so* | libnvidia-* | libnvcuvid.so* | libnvrtc* | libcudart*) ;;
    libasan.so* | libubsan.so* | libtsan.so*)
      die "$build is built with a sanitizer: make a bundle of a plain build"
      ;;
    *)
      [ -e "$new/lib/${library##*/}" ] || cp -L "$library" "$new/lib/"
      ;;
  esac
done
rm "$new/ldd"

mapfile -t files < <(binaries)
chmod u+w "${files[@]}"
strip --strip-unneeded "${files[@]}"
chmod 755 "$new/gpu-check" "$new/run"

# ---- what it is, and whether it keeps its promises

glibc=$(objdump -T "${files[@]}" 2> /dev/null \
    | sed -n 's/.*GLIBC_\([0-9][0-9.]*\).*/\1/p' | sort -Vu | tail -n 1)
commit=$(git -C "$root" rev-parse HEAD 2> /dev/null || echo unknown)
[ -z "$(git -C "$root" status --porcelain 2> /dev/null || true)" ] \
    || commit="$commit, with changes"
gstreamer=$(pkg-config --modversion gstreamer-1.0)
{
  echo "commit=$commit"
  echo "made=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  echo "gstreamer=$gstreamer"
  echo "glibc=$glibc"
} > "$new/origin"

size=$(du -sm --apparent-size "$new" | cut -f 1)
[ "$size" -lt $limit ] || die "it would be $size MiB large, allowed are $limit"
rm -rf "$dir"
mv "$new" "$dir"
echo "bundle: $dir: $size MiB, commit $commit, $images images of the tests' kernels;" \
    "needs glibc $glibc or newer"
