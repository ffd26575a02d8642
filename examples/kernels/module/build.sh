#!/bin/sh
# A kernel built ahead with nothing but a C compiler and the SDK's header:
#
#   ./build.sh tint.c              makes tint.so, here
#   ./build.sh tint.c DIRECTORY    makes DIRECTORY/tint.so
#
# DIRECTORY is one of RINGKERNEL_PATH, ~/.local/share/ringkernel/kernels, or, for
# everybody on the machine, what `pkg-config --variable=kerneldir ringkernel-1.0` says.
# There its name finds it: gst-inspect-1.0 ringkernel-tint
set -eu
source=${1:?usage: ./build.sh FILE.c [DIRECTORY]}
directory=${2:-.}
name=$(basename "$source" .c)

# Where the header is, and how kernels are compiled. GLib, which the library wants,
# need not be there; a pkg-config that is no pkgconf does not know how to say so.
cflags=$(pkg-config --maximum-traverse-depth=1 --variable=kernel_cflags ringkernel-1.0 \
    2> /dev/null || pkg-config --variable=kernel_cflags ringkernel-1.0)

mkdir -p "$directory"
# Under another name until it is whole: somebody may be looking for it.
# shellcheck disable=SC2086
${CC:-cc} $cflags -fPIC -shared -o "$directory/.$name.so.new" "$source" -lm
mv "$directory/.$name.so.new" "$directory/$name.so"
