#!/bin/sh
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# How fast the kernels are on this machine's CPU, each beside what people use today.
# --write: into docs/benchmarks/cpu; --quick: only whether it runs; --help: the rest.
exec python3 "$(dirname "$0")/peers/peers.py" "$@"
