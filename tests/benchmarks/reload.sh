#!/bin/sh
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# From saving a kernel to the first frame of the new version. --quick: only whether it
# runs.
exec "${RINGKERNEL_BUILD:?run this as ./dev bench reload}/tests/benchmarks/reload" "$@"
