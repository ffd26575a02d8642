#!/bin/sh
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# How long it takes until a kernel that comes as a source is there: the first time,
# when it is compiled, and after that. --quick: only whether it runs.
exec "${RINGKERNEL_BUILD:?run this as ./dev bench start}/tests/benchmarks/start" "$@"
