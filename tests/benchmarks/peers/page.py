# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What peers.py has measured, as Markdown and as figures."""
import importlib.util
import json
import math
import os

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "docs")
OURS, THEIRS, GPU = "#228833", "#ee6677", "#4477aa"


def svg_class():
    """That of the page on performance, whose name is not one for `import`."""
    spec = importlib.util.spec_from_file_location(
        "gen_performance", os.path.join(DOCS, "gen-performance.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Svg


def times(value):
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def duration(ns):
    return f"{ns:.0f} ns" if ns < 1e4 else f"{ns / 1e3:.0f} us" if ns < 1e7 \
        else f"{ns / 1e6:.0f} ms"


def verdict(row):
    if row["status"] in ("met", "missed"):
        return row["status"]
    return "" if row["status"] == "measured" else f"{row['status']}: {row['why']}"


def line(row):
    """A row while it is being measured, for a terminal."""
    what = f"{row['kernel']:17} {row['peer'][:44]:44} "
    if "all" not in row:
        return what + verdict(row)
    return what + (f"{times(row['single']['ratio']['median']):>5}x one thread, "
                   f"{times(row['all']['ratio']['median']):>5}x all"
                   + (f"; goal {row['goal']:g}x: {row['status']}" if row["goal"] else "")
                   + "".join(f"; {what} " + (f"{times(row[key]['ratio']['median'])}x"
                                             if row[key]["status"] == "measured"
                                             else f"failed: {row[key]['why']}")
                             for key, what in (("gpu", "GPU"), ("gpu-memory", "in its memory"))
                             if key in row))


def ratio(result):
    r = result["ratio"]
    return f"{times(r['median'])} ({times(r['q1'])} to {times(r['q3'])})"


def on_gpu(result):
    """Cells: how long a buffer of a stream takes, and that beside theirs."""
    if result is None:
        return " | | "
    if result["status"] != "measured":
        return f"| failed: {result['why']} | "
    return f"| {duration(result['ours-ns']['median'])} | {ratio(result)} "


def gpu_table(whole):
    """What the GPU adds."""
    lines = [f"The same on the GPU, {whole['gpu']}, where the kernel stays: a stream of buffers "
             "by the clock, nothing subtracted, against the same one thread of theirs.", "",
             "| kernel | beside | input | theirs | ours on the CPU, one thread | all cores | GPU, from "
             "and to system memory | times as fast | in the GPU's memory | times as fast | one buffer "
             "alone | as on the CPU |", "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for row in whole["rows"]:
        if "gpu" not in row:
            continue
        gpu = row["gpu"]
        alone = duration(gpu["alone-ns"]) if gpu.get("alone-ns") else ""
        same = "" if gpu["status"] != "measured" else "to the bit" if gpu["as-on-cpu"] \
            else f"{gpu['greatest-difference']:.2g} from theirs"
        lines.append(f"| `{row['kernel']}` | `{row['peer']}` | {row['input']} "
                     f"| {duration(row['single']['peer-ns']['median'])} "
                     f"| {duration(row['single']['ours-ns']['median'])} "
                     f"| {duration(row['all']['ours-ns']['median'])} {on_gpu(gpu)}"
                     f"{on_gpu(row.get('gpu-memory'))}| {alone} | {same} |")
    return lines


def busy(whole):
    """What to hold against the figures."""
    # This run itself is a load of one, or of all cores for some of the time.
    if min(whole["load-before"][0], whole["load-after"][0]) <= whole["nproc"]:
        return []
    return ["Others used this machine meanwhile: what is said of all cores is said of what "
            "they left.", ""]


def where(whole):
    return (f"{whole['cpu']}, {whole['nproc']} cores, {whole['date'][:10]}, commit "
            f"{whole['commit'][:10]}, {whole['system']}, GStreamer {whole['gstreamer']}, OpenCV "
            f"{whole['opencv']}")


def table(whole):
    lines = [
        f"{where(whole)}. Load of the machine {whole['load-before'][0]:.1f} before, "
        f"{whole['load-after'][0]:.1f} after.", "", *busy(whole),
        "| kernel | beside | input | ours | theirs | one thread: times as fast | "
        "all cores | goal | | greatest difference |",
        "|---|---|---|---|---|---|---|---|---|---|"]
    notes = []
    for row in whole["rows"]:
        mark = ""
        if row["note"] and "all" in row:
            notes.append(row["note"])
            mark = f" [{len(notes)}]"
        goal = f"{row['goal']:g}" if row["goal"] else ""
        start = f"| `{row['kernel']}` | `{row['peer']}`{mark} | {row['input']} "
        if "all" not in row:
            lines.append(start + f"| | | | | {goal} | {verdict(row)} | |")
            continue
        one = row["single"]
        lines.append(start + f"| {duration(one['ours-ns']['median'])} "
                     f"| {duration(one['peer-ns']['median'])} | {ratio(one)} "
                     f"| {ratio(row['all'])} | {goal} | {verdict(row)} "
                     f"| {row['verified']['greatest-difference']:.2g} |")
    judged = [row["status"] for row in whole["rows"] if row["goal"]]
    lines += ["", "Ratios are medians of those within a round, and their quartiles; times are "
              "processor time of one thread, without a no-op's. Goals are for one thread. Goals met: "
              f"{judged.count('met')}, missed: {judged.count('missed')}, not measured: "
              f"{len(judged) - judged.count('met') - judged.count('missed')}."]
    lines += [""] * bool(notes) + [f"{i}. {note}" for i, note in enumerate(notes, 1)]
    return lines + ([""] + gpu_table(whole) if whole.get("gpu") else [])


# ---- figures --------------------------------------------------------------------

def panel(svg, left, top, title, points, x_of, x_text, y_of, unit):
    """Lines over @points, both axes logarithmic."""
    width, height = 220, 180
    lines = [[(x_of(p), y_of(p, p[side]["median"])) for p in points]
             for side in ("ours-ns", "peer-ns", "gpu-ns") if side in points[0]]
    values = [y for line_ in lines for _, y in line_]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    first, last = math.log2(x_of(points[0])), math.log2(x_of(points[-1]))

    def x(value):
        return left + (math.log2(value) - first) / max(last - first, 1e-9) * width

    def y(value):
        return top + height - (math.log10(value) - low) / (high - low) * height

    svg.text(left + width / 2, top - 10, title)
    for decade in range(low, high + 1):
        svg.add("line", x1=left, x2=left + width, y1=round(y(10 ** decade), 1),
                y2=round(y(10 ** decade), 1), stroke="#dddddd")
        svg.text(left - 5, y(10 ** decade) + 4, f"{10 ** decade:g} {unit}", "end", 10)
    for i, point in enumerate(points):
        if len(points) < 5 or i % 2 == 0 or i == len(points) - 1 and len(points) % 2:
            svg.text(x(x_of(point)), top + height + 15, x_text(point), size=9)
    for line_, colour in zip(lines, (OURS, THEIRS, GPU)):
        svg.add("polyline", points=" ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line_),
                fill="none", stroke=colour, stroke_width=2)
        for a, b in line_:
            svg.add("circle", cx=round(x(a), 1), cy=round(y(b), 1), r=3, fill=colour)


def draw(sweep, path, what, **how):
    svg = svg_class()(60 + 300 * len(sweep), 290)
    for i, one in enumerate(sweep):
        title = f"{one['kernel']} beside {one['peer'].split()[0].rstrip(',')}"
        panel(svg, 70 + 300 * i, 50, title, one["points"], **how)
    with_gpu = "gpu-ns" in sweep[0]["points"][0]
    names = [("ours", OURS, 70), ("theirs", THEIRS, 140)]
    for text, colour, at in names + [("ours on the GPU", GPU, 210)] * with_gpu:
        svg.add("rect", x=at, y=10, width=12, height=12, fill=colour)
        svg.text(at + 17, 20, text, "start")
    svg.text(340 if with_gpu else 220, 20, what, "start")
    svg.save(path)


def keep(whole, folder):
    """results.json alone."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "results.json"), "w", encoding="utf-8") as file:
        json.dump(whole, file, indent=1)
        file.write("\n")


def write(whole, folder):
    """results.json, table.md, with a GPU its part as gpu.md, and the figures; those of
    another run are replaced."""
    keep(whole, folder)
    lines = table(whole)
    if whole.get("sizes"):
        draw(whole["sizes"], os.path.join(folder, "sizes.svg"),
             "ns for a pixel, or for a frame of sound, over sizes; one thread",
             x_of=lambda p: p["items"], x_text=lambda p: p["input"].split()[0],
             y_of=lambda p, ns: ns / p["items"], unit="ns")
        draw(whole["threads"], os.path.join(folder, "threads.svg"),
             "buffers in a second, over threads",
             x_of=lambda p: p["threads"], x_text=lambda p: str(p["threads"]),
             y_of=lambda p, ns: 1e9 / ns, unit="/s")
    texts = {"table.md": lines}
    if whole.get("gpu"):
        texts["gpu.md"] = [where(whole) + ".", "", *gpu_table(whole)]
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write("\n".join(text) + "\n")
