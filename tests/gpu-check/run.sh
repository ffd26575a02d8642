#!/usr/bin/env bash
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run: in a bundle, runs one of its programs with nothing but what is in here, and
# the machine's own C library and GPU driver.
#
#   DIR/run gst-launch-1.0 --no-fault videotestsrc ! ringkernelfilter kernel=edges ! fakesink
#
# RING_BUNDLE_DRIVER names a folder to look for libcuda.so.1 in first.
set -eu

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ $# -eq 0 ]; then
  echo "usage: $0 COMMAND [ARGUMENT …], for example: $0 gst-inspect-1.0 ringkernelfilter" >&2
  exit 2
fi

# The registry of plugins has to be written somewhere, and a bundle may be on a
# medium that cannot be written.
work=${RING_BUNDLE_WORK:-${TMPDIR:-/tmp}/ringkernel-bundle-$(id -u)}
(umask 077 && mkdir -p "$work")
if [ ! -O "$work" ]; then
  echo "$0: $work is not mine; set RING_BUNDLE_WORK to a folder that is" >&2
  exit 1
fi

# What other installations said does not reach in here.
unset GST_PLUGIN_PATH GST_PLUGIN_SYSTEM_PATH GST_PLUGIN_SCANNER GST_REGISTRY_1_0 \
    GST_REGISTRY_FORK GST_REGISTRY_UPDATE GST_PRESET_PATH GIO_EXTRA_MODULES \
    LD_PRELOAD RINGKERNEL_PATH || true
export GST_PLUGIN_PATH_1_0=$here/plugins
export GST_PLUGIN_SYSTEM_PATH_1_0=
export GST_PLUGIN_SCANNER_1_0=$here/bin/gst-plugin-scanner
export GST_REGISTRY=$work/registry.bin
export FREI0R_PATH=$here/frei0r-1
export GIO_MODULE_DIR=$here/none
export XDG_DATA_HOME=$work/data XDG_CACHE_HOME=$work/cache XDG_DATA_DIRS=$here/none
export CUDA_CACHE_PATH=${CUDA_CACHE_PATH:-$work/cuda-cache}
export RINGKERNEL_INCLUDE=$here/include
export LC_ALL=C
# Last, so that the shell's own commands above ran with the machine's libraries.
export PATH=$here/bin:$PATH
export LD_LIBRARY_PATH=${RING_BUNDLE_DRIVER:+$RING_BUNDLE_DRIVER:}$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
exec "$@"
