#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes what was measured into docs/performance.md and README.md, and draws what GPUs did.

    gen-performance.py                    from docs/benchmarks/gpu/*.json, and the table
                                          of docs/benchmarks/cpu
    gen-performance.py --check            only say whether it is up to date (exit status)
    gen-performance.py --draw FOLDER JSON …
                                          crossover.svg, timeline.svg and results.md
                                          into FOLDER, from files of gpu-check
                                          (benchmarks.json) or of gpu-bench
"""
import glob
import json
import math
import os
import re
import sys
from xml.sax.saxutils import escape

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "performance.md")
README = os.path.join(HERE, "..", "README.md")
MEASURED = os.path.join(HERE, "benchmarks", "gpu")
BLOCK = r"(<!-- generated: %s -->\n).*?(<!-- end -->)"
NOTHING = """Nothing was measured yet. `gpu-check` leaves `benchmarks.json`; put into
`docs/benchmarks/gpu/`, it becomes a table and two figures here.
"""
INSTANTS = ["accepted", "arrived", "started", "finished", "delivered"]
WHAT = {("accepted", "arrived"): "copied in", ("arrived", "started"): "fetched",
        ("started", "finished"): "in the kernel", ("finished", "delivered"): "copied back",
        ("accepted", "started"): "copied in and fetched"}
COLOURS = {"copied in": "#4477aa", "copied in and fetched": "#4477aa", "fetched": "#ccbb44",
           "in the kernel": "#228833", "copied back": "#ee6677"}
MODES = [("persistent", "#228833"), ("event-driven", "#4477aa"), ("cpu", "#bbbbbb")]

NO_PEERS = """Nothing was measured yet: `./dev bench peers --write`.
"""


def read(paths):
    """The parts in the files, by name; the newest file wins."""
    parts = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            whole = json.load(file)
        for part in whole.get("parts", [whole]):
            if "part" in part and part.get("status") == "ok":
                parts[part["part"]] = dict({k: v for k, v in whole.items() if k != "parts"},
                                           **part)
    return parts


def number(value):
    return "-" if value is None else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def size_text(size):
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024 or unit == "MiB":
            return f"{size:g} {unit}"
        size /= 1024
    return None


# ---- tables ---------------------------------------------------------------------

def goals_table(parts):
    lines = ["| what | goal | measured | |", "|---|---|---|---|"]
    for part in parts.values():
        for result in part.get("results", []):
            if result.get("goal") is None:
                continue
            met = {True: "met", False: "missed", None: "not verified"}[result.get("met")]
            why = f": {result['limit']}" if met == "missed" and result.get("limit") else ""
            lines.append(f"| {result['name']} | {result['goal']} | "
                         f"{number(result['value'])} {result['unit']} | {met}{why} |")
    return lines if len(lines) > 2 else []


def crossover_table(part):
    lines = ["| payload | " + " | ".join(f"{mode}, us" for mode, _ in MODES) + " | "
             + " | ".join(f"{mode}, 1/s" for mode, _ in MODES) + " |",
             "|---|" + "---|" * (2 * len(MODES))]
    for row in part["crossover"]:
        lines.append(f"| {size_text(row['bytes'])} | " + " | ".join(
            number(row.get(f"{mode}-{what}"))
            for what in ("latency", "per-second") for mode, _ in MODES) + " |")
    return lines


# ---- figures --------------------------------------------------------------------

class Svg:
    def __init__(self, width, height):
        self.width, self.height, self.body = width, height, []

    def add(self, tag, text=None, **attributes):
        listed = "".join(f' {key.replace("_", "-")}="{value}"'
                         for key, value in attributes.items())
        self.body.append(f"<{tag}{listed}/>" if text is None
                         else f"<{tag}{listed}>{escape(text)}</{tag}>")

    def text(self, x, y, text, anchor="middle", size=11):
        self.add("text", text, x=round(x, 1), y=round(y, 1), text_anchor=anchor,
                 font_size=size, font_family="sans-serif", fill="#333333")

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" '
                       f'height="{self.height}" viewBox="0 0 {self.width} {self.height}">\n'
                       f'<rect width="100%" height="100%" fill="white"/>\n'
                       + "\n".join(self.body) + "\n</svg>\n")


def draw_crossover(part, path):
    """Latency against the size of the payload, both logarithmic."""
    rows = part["crossover"]
    left, top, width, height = 60, 30, 520, 300
    values = [row[f"{mode}-latency"] for row in rows for mode, _ in MODES
              if row.get(f"{mode}-latency")]
    low = math.floor(math.log10(min(values)))
    high = max(math.ceil(math.log10(max(values))), low + 1)
    first, last = (math.log2(rows[i]["bytes"]) for i in (0, -1))
    svg = Svg(left + width + 20, top + height + 50)

    def x(size):
        return left + (math.log2(size) - first) / max(last - first, 1) * width

    def y(us):
        return top + height - (math.log10(us) - low) / (high - low) * height

    for decade in range(low, high + 1):
        svg.add("line", x1=left, x2=left + width, y1=round(y(10 ** decade), 1),
                y2=round(y(10 ** decade), 1), stroke="#dddddd")
        svg.text(left - 6, y(10 ** decade) + 4, f"{10 ** decade:g} us", "end")
    for i, row in enumerate(rows):
        if i % max(1, len(rows) // 7) == 0:
            svg.text(x(row["bytes"]), top + height + 16, size_text(row["bytes"]))
    for i, (mode, colour) in enumerate(MODES):
        points = [(x(row["bytes"]), y(row[f"{mode}-latency"])) for row in rows
                  if row.get(f"{mode}-latency")]
        svg.add("polyline", points=" ".join(f"{a:.1f},{b:.1f}" for a, b in points),
                fill="none", stroke=colour, stroke_width=2)
        svg.text(left + 80 + 160 * i, top - 12, mode)
        svg.add("line", x1=left + 10 + 160 * i, x2=left + 35 + 160 * i, y1=top - 16,
                y2=top - 16, stroke=colour, stroke_width=2)
    svg.text(left + width / 2, top + height + 40,
             f"payload; p50 of the latency, one in flight. {part['gpu']}")
    svg.save(path)


def draw_timeline(part, path):
    """Each frame a row, each stretch between two instants a bar."""
    shown = [(t["in-flight"], t["frames"][len(t["frames"]) // 2:][:4])
             for t in part["timelines"]]
    left, width, row_height = 110, 520, 18
    rows = sum(len(frames) + 1 for _, frames in shown)
    svg = Svg(left + width + 20, 60 + rows * row_height)
    longest = max(max(f["delivered"] for f in frames) - min(f["accepted"] for f in frames)
                  for _, frames in shown)
    used, at = [], 40
    for in_flight, frames in shown:
        begin = min(frame["accepted"] for frame in frames)
        svg.text(left - 6, at + row_height, f"{in_flight} in flight", "end")
        at += row_height
        for frame in frames:
            instants = [i for i in INSTANTS if i in frame]
            for one, other in zip(instants, instants[1:]):
                what = WHAT[one, other]
                if what not in used:
                    used.append(what)
                svg.add("rect", x=round(left + (frame[one] - begin) / longest * width, 1),
                        y=at + 2, height=row_height - 5, fill=COLOURS[what],
                        width=round(max(frame[other] - frame[one], 0) / longest * width, 2))
            at += row_height
    for i, what in enumerate(used):
        svg.add("rect", x=left + 150 * i - 100, y=12, width=12, height=12, fill=COLOURS[what])
        svg.text(left - 82 + 150 * i, 22, what, "start")
    svg.text(left + width, at + 14, f"{longest:.0f} us. {part['gpu']}", "end")
    svg.save(path)


def origins(parts):
    """Where and of what each part was measured: a line each, if not all are of one."""
    of = {}
    for name, part in parts.items():
        where = (f"{part['gpu']}, driver {part.get('driver', 'unknown')}, "
                 f"{part.get('date', '')[:10]}, commit {part.get('commit', '')[:10]}")
        of.setdefault(where, []).append(
            f"`{name}`" + (f" {part['note']}" if "note" in part else ""))
    return [f"{where}{': ' + ', '.join(names) if len(of) > 1 else ''}."
            + "  " * (len(of) > 1) for where, names in of.items()]


def results(parts, folder):
    """Draws into @folder; the text that goes with it."""
    lines = [*origins(parts), "", *goals_table(parts), ""]
    if parts.get("crossover", {}).get("crossover"):
        draw_crossover(parts["crossover"], os.path.join(folder, "crossover.svg"))
        lines += ["![Latency against the size of the payload](benchmarks/gpu/crossover.svg)",
                  "", *crossover_table(parts["crossover"]), ""]
    if parts.get("timeline", {}).get("timelines"):
        draw_timeline(parts["timeline"], os.path.join(folder, "timeline.svg"))
        lines += ["![Where a frame's time goes](benchmarks/gpu/timeline.svg)", ""]
    return "\n".join(lines)


def peers(folder, table, figures):
    """What `./dev bench peers --write` has left in a folder of benchmarks/."""
    path = os.path.join(HERE, "benchmarks", folder, table)
    if not os.path.exists(path):
        return NO_PEERS
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for name, what in figures:
        if os.path.exists(os.path.join(HERE, "benchmarks", folder, name + ".svg")):
            text += f"\n![{what}](benchmarks/{folder}/{name}.svg)\n"
    return text


# Of the pairs, what README.md shows: kernel, the peer's first word, input.
QUOTED = (("color-balance", "videobalance", "I420"), ("levels", "coloreffects", "BGRx"),
          ("chroma-key", "alpha", "I420"), ("convert", "videoconvert", "I420"),
          ("scale", "videoscale", "I420"), ("edges", "frei0r-filter-sobel", "RGBA"),
          ("gaussian-blur", "gaussianblur", "RGBA"), ("median", "cv2.medianBlur", "GRAY8"),
          ("fir", "audiofirfilter", ""), ("spectrum", "spectrum", ""),
          ("gain", "volume", ""))


def times(value):
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def quoted():
    """A few of the pairs for README.md: times as fast, of a CPU and of a GPU."""
    whole = []
    for folder in ("cpu", "gpu/peers"):
        path = os.path.join(HERE, "benchmarks", folder, "results.json")
        if not os.path.exists(path):
            return NO_PEERS
        with open(path, encoding="utf-8") as file:
            whole.append(json.load(file))
    cpu, gpu = whole
    lines = [f"| kernel | beside | one thread, {cpu['cpu'].split(' (')[0]} | {gpu['gpu']}, from and to "
             "system memory | frames in its memory |", "|---|---|---|---|---|"]
    for kernel, peer, form in QUOTED:
        def find(rows):
            return next((row for row in rows if row["kernel"] == kernel and form in row["input"]
                         and row["peer"].split()[0] == peer and "single" in row), None)
        one, other = find(cpu["rows"]), find(gpu["rows"])
        if one is None or other is None:  # the peer was not there
            continue
        cells = [f"{times(one['single']['ratio']['median'])}x"] + [
            f"{times(other[key]['ratio']['median'])}x" if other.get(key, {}).get("ratio") else ""
            for key in ("gpu", "gpu-memory")]
        lines.append(f"| `{kernel}` | `{peer}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def fill(page, name, text):
    page, found = re.subn(BLOCK % name, lambda match: match[1] + text + match[2], page,
                          flags=re.DOTALL)
    if found != 1:
        sys.exit(f"there is no place for {name}")
    return page


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--draw"] and len(arguments) > 2:
        parts = read(arguments[2:])
        if not parts:
            sys.exit("gen-performance.py: nothing in these files was measured well")
        with open(os.path.join(arguments[1], "results.md"), "w", encoding="utf-8") as file:
            file.write(results(parts, arguments[1]))
        return 0
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    with open(PAGE, encoding="utf-8") as file:
        old = file.read()
    with open(README, encoding="utf-8") as file:
        old_readme = file.read()
    parts = read(sorted(glob.glob(os.path.join(MEASURED, "*.json"))))
    text = results(parts, MEASURED) if parts else NOTHING
    sizes = ("sizes", "Time for a pixel, or for a frame of sound, over sizes")
    new = fill(old, "results", text)
    new = fill(new, "peers", peers("cpu", "table.md", (
        sizes, ("threads", "Buffers in a second, over threads"))))
    new = fill(new, "peers-gpu", peers("gpu/peers", "gpu.md", (sizes,)))
    pages = ((PAGE, old, new), (README, old_readme, fill(old_readme, "peers", quoted())))
    if arguments == ["--check"]:
        for path, before, now in pages:
            if now != before:
                print(f"{os.path.basename(path)} is not up to date; run ./dev docs",
                      file=sys.stderr)
        return any(now != before for _, before, now in pages)
    for path, _, now in pages:
        with open(path, "w", encoding="utf-8") as file:
            file.write(now)
    return 0


if __name__ == "__main__":
    sys.exit(main())
