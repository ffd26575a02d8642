#!/usr/bin/env python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
