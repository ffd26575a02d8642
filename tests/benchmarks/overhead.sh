#!/bin/sh
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What one buffer costs, beside elements that everybody knows. --quick: only
# whether it runs.
exec "${RINGKERNEL_BUILD:?run this as ./dev bench overhead}/tests/benchmarks/overhead" "$@"
