#!/usr/bin/env python3
# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes assembler text that puts files, byte by byte, into a library.

    embed.py OUTPUT SYMBOL … -- FILE …

Each file becomes a constant of that name, seen by the library alone, aligned to 16
bytes, with a zero byte behind it, so that a text is a C string.
"""
import os
import sys


def main(output, *rest):
    between = rest.index("--")
    symbols, files = rest[:between], rest[between + 1:]
    if len(symbols) != len(files):
        sys.exit(f"embed.py: {len(symbols)} symbols for {len(files)} files")
    lines = ["/* Written by the build: runtime/embed.py */"]
    for symbol, path in zip(symbols, files):
        path = os.path.abspath(path).replace("\\", "\\\\").replace('"', '\\"')
        lines += [
            f'  .section .rodata.{symbol}, "a", %progbits',
            "  .balign 16",
            f"  .global {symbol}",
            f"  .hidden {symbol}",
            f"  .type {symbol}, %object",
            f"{symbol}:",
            f'  .incbin "{path}"',
            f"  .size {symbol}, . - {symbol}",
            "  .byte 0",
        ]
    # Without this the linker takes it that the stack is to be executable.
    lines += ['  .section .note.GNU-stack, "", %progbits']
    with open(output, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


main(*sys.argv[1:])
