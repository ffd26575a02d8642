# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws a trace with its spikes as a PNG."""
import math
import struct

import cairo

WIDTH, HEIGHT = 1280, 560
LEFT, RIGHT = 64, 16
INK, GRID = (0.13, 0.15, 0.18), (0.88, 0.89, 0.91)
TRACE, SPIKE = (0.16, 0.38, 0.62), (0.84, 0.24, 0.12)


def text(ctx, x, y, words, size=14, align=0.0, color=INK, bold=False):
    ctx.select_font_face("DejaVu Sans", cairo.FONT_SLANT_NORMAL,
                         cairo.FONT_WEIGHT_BOLD if bold else cairo.FONT_WEIGHT_NORMAL)
    ctx.set_font_size(size)
    ctx.set_source_rgb(*color)
    ctx.move_to(x - align * ctx.text_extents(words).x_advance, y)
    ctx.show_text(words)


def panel(ctx, top, height, begin, end, step, trace, spikes, radius):
    """The trace from begin to end, in seconds."""
    low, high = -2.5, 3.0
    width = WIDTH - LEFT - RIGHT

    def place(t, value):
        return (LEFT + (t - begin) / (end - begin) * width,
                top + (high - value) / (high - low) * height)

    ctx.set_line_width(1)
    for value in range(-2, 4):
        _, y = place(0, value)
        ctx.set_source_rgb(*GRID)
        ctx.move_to(LEFT, y)
        ctx.line_to(LEFT + width, y)
        ctx.stroke()
        text(ctx, LEFT - 8, y + 5, "%d" % value, align=1.0)
    t = math.ceil(begin / step) * step
    while t <= end:
        x, _ = place(t, 0)
        ctx.set_source_rgb(*GRID)
        ctx.move_to(x, top)
        ctx.line_to(x, top + height)
        ctx.stroke()
        text(ctx, x, top + height + 18, "%g s" % t, align=0.5 if t < end else 1.0)
        t += step

    ctx.new_path()
    ctx.save()
    ctx.rectangle(LEFT, top, width, height)
    ctx.clip()
    ctx.set_source_rgb(*TRACE)
    ctx.set_line_width(1.3)
    for t, value in trace:
        if begin <= t <= end:
            ctx.line_to(*place(t, value))
    ctx.stroke()
    ctx.restore()
    ctx.new_path()
    ctx.set_source_rgb(*SPIKE)
    for t, value, _score in spikes:
        if begin <= t <= end:
            x, y = place(t, value)
            y = max(y, top + 2 * radius + 3)  # what is out of sight, at the edge
            ctx.arc(x, y - radius - 3, radius, 0, 2 * math.pi)
            ctx.fill()


def draw(trace_file, spikes_file, png):
    """Reads "(td)" and "(tdd)" records; returns how many spikes there are."""
    with open(trace_file, "rb") as file:
        trace = [(t / 1e9, v) for t, v in struct.iter_unpack("<Qd", file.read())]
    with open(spikes_file, "rb") as file:
        spikes = [(t / 1e9, v, s)
                  for t, v, s in struct.iter_unpack("<Qdd", file.read())]

    surface = cairo.ImageSurface(cairo.FORMAT_RGB24, WIDTH, HEIGHT)
    ctx = cairo.Context(surface)
    ctx.set_source_rgb(1, 1, 1)
    ctx.paint()
    end = math.ceil(trace[-1][0])
    text(ctx, LEFT, 30, "ECG in mV", 18, bold=True)
    text(ctx, LEFT + 110, 30,
         "%d records through spike-detect: %d spikes" % (len(trace), len(spikes)), 16)
    panel(ctx, 46, 210, 0, end, 5, trace, spikes, 2.5)
    middle = min(43, max(0, end - 10))
    panel(ctx, 310, 210, middle, middle + 10, 1, trace, spikes, 4)
    surface.write_to_png(png)
    return len(spikes)
