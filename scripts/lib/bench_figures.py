#!/usr/bin/env python3
"""Draws what benchmark programs wrote with --json, as SVG that is readable in light and in dark.

  FOLDER/ratios_cpu.svg, ratios_gpu.svg   each workload's contenders beside narke
  FOLDER/metg.svg                         efficiency curves of Task Bench's patterns

The same files give the same figures, byte by byte. Exit code: 0 done, 2 unreadable file.
"""

import argparse
import json
import math
import pathlib
import re
import sys
from xml.sax.saxutils import escape

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from bench_table import amount, gather  # noqa: E402

STYLE = """\
text { font: 12px sans-serif; fill: #1f2328; }
.head { font-weight: bold; }
.small { font-size: 11px; }
.faint { fill: #59636e; }
.grid { stroke: #d1d9e0; }
.line { fill: none; stroke-width: 2; }
.mark { stroke: #1f2328; stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .faint { fill: #9198a1; }
  .grid { stroke: #3d444d; }
  .mark { stroke: #e6edf3; }
}"""

# Of medium lightness, so that they stand out from white and from black; by how a name begins.
COLOURS = (("narke", "#e8590c"), ("onetbb", "#228be6"), ("openmp", "#37b24d"),
           ("starpu", "#be4bdb"), ("thread_pool", "#0ca678"), ("ray", "#f06595"),
           ("", "#868e96"))

RATIO_MIN, RATIO_MAX = 0.01, 100
BAR_HEIGHT = 13


def colour_of(contender):
    return next(colour for beginning, colour in COLOURS if contender.startswith(beginning))


def text(x, y, words, kind="", anchor="start"):
    kinds = f' class="{kind}"' if kind else ""
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kinds}>'
            f"{escape(str(words))}</text>")


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def document(width, height, parts, title):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">\n<title>{escape(title)}</title>\n'
            f"<style>\n{STYLE}\n</style>\n" + "\n".join(parts) + "\n</svg>\n")


class LogScale:
    """Maps values to places, by their logarithms; what is outside comes to the end."""

    def __init__(self, least, most, begin, end):
        self.least, self.most, self.begin, self.end = least, most, begin, end

    def __call__(self, value):
        inside = min(max(value, self.least), self.most)
        share = math.log(inside / self.least) / math.log(self.most / self.least)
        return self.begin + share * (self.end - self.begin)

    def decades(self):
        power = math.ceil(round(math.log10(self.least), 9))
        while 10.0 ** power <= self.most * 1.0001:
            yield 10.0 ** power
            power += 1


def ratios_of(groups):
    """(workload and variant, [(contender, value as text, ratio to narke's first)])."""
    for (workload, variant), group in groups.items():
        ours = next((one for name, one in group.items()
                     if name.startswith("narke") and "median" in one), None)
        if ours is None:
            continue
        field = ours["median"]["compared_by"]
        rows = []
        for name, one in group.items():
            if "median" not in one or not ours["median"].get(field) or not one["median"].get(field):
                continue
            value, our_value = one["median"][field], ours["median"][field]
            # Of a share of the speed, more is better.
            ratio = our_value / value if field.startswith("share") else value / our_value
            rows.append((name, amount(field, value), ratio))
        yield workload, variant, field, rows


def ratio_text(ratio):
    return f"{ratio:.0f} x" if ratio >= 10 else f"{ratio:.2g} x" if ratio < 0.1 \
        else f"{ratio:.2f} x"


def draw_bar(scale, y, name, value, ratio):
    """From 1, which is narke, to the ratio; an arrow where that is off the scale."""
    one, at = scale(1), scale(ratio)
    yield text(150, y + 10, name, "small", "end")
    yield (f'<rect x="{min(one, at):.1f}" y="{y:.1f}" width="{max(abs(at - one), 1.5):.1f}" '
           f'height="{BAR_HEIGHT - 3}" fill="{colour_of(name)}"/>')
    arrow = " →" if ratio > RATIO_MAX else " ←" if ratio < RATIO_MIN else ""
    yield text(scale.end + 8, y + 10, f"{ratio_text(ratio)}{arrow}", "small")
    yield text(scale.end + 130, y + 10, value, "small faint", "end")


def ratios_figure(groups, title):
    """None where there is nothing to draw."""
    scale = LogScale(RATIO_MIN, RATIO_MAX, 160, 600)
    parts, y = [], 58
    for workload, variant, field, rows in ratios_of(groups):
        by = "" if field == "real_time" else f", by {field.replace('_', ' ')}"
        parts.append(text(10, y + 10, f"{workload} {variant}{by}".replace(" ,", ","), "head"))
        y += 17
        for row in rows:
            parts += draw_bar(scale, y, *row)
            y += BAR_HEIGHT
        y += 10
    if not parts:
        return None
    grid = [line(scale(each), 44, scale(each), y, "grid") for each in scale.decades()]
    labels = [text(scale(each), 38, f"{each:g} x", "small faint", "middle")
              for each in scale.decades()]
    head = [text(10, 16, f"{title}: beside narke, which is 1; further right is worse", "head")]
    return document(750, y + 6, head + grid + labels + parts
                    + [line(scale(1), 44, scale(1), y, "mark")], title)


def curve_of(record):
    """[(granularity in ns, efficiency)] from long tasks to short ones."""
    works = sorted((int(found.group(1)) for field in record
                    if (found := re.fullmatch(r"efficiency_at_(\d+)_ns", field))), reverse=True)
    return [(record[f"granularity_at_{work}_ns"], record[f"efficiency_at_{work}_ns"])
            for work in works]


def short_time(ns):
    for limit, divisor, unit in ((1e3, 1, "ns"), (1e6, 1e3, "us"), (1e9, 1e6, "ms")):
        if ns < limit:
            return f"{ns / divisor:.3g} {unit}"
    return f"{ns / 1e9:.3g} s"


def draw_panel(left, top, width, height, name, group):
    """One pattern: a curve for each contender, and its METG where it crosses a half."""
    across = LogScale(100, 1e6, left + 34, left + width - 8)

    def down(share):
        return top + height - 30 - min(share, 1.05) * (height - 56)

    yield text(left + 34, top + 12, name, "head")
    for share in (0, 0.25, 0.5, 0.75, 1):
        kind = "mark" if share == 0.5 else "grid"
        yield line(across.begin, down(share), across.end, down(share), kind)
        yield text(left + 30, down(share) + 4, f"{share * 100:.0f} %", "small faint", "end")
    for each in across.decades():
        yield line(across(each), down(0), across(each), down(1), "grid")
        yield text(across(each), down(0) + 14, short_time(each), "small faint", "middle")
    for contender, one in group.items():
        if "median" not in one:
            continue
        points = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in curve_of(one["median"]))
        yield (f'<polyline class="line" stroke="{colour_of(contender)}" points="{points}">'
               f"<title>{escape(contender)}</title></polyline>")


def metg_figure(groups):
    """None where there are no efficiency curves."""
    panels = {variant.split("/")[0]: group for (workload, variant), group in groups.items()
              if workload == "metg"}
    if not panels:
        return None
    width, height, parts = 340, 230, []
    for i, (name, group) in enumerate(panels.items()):
        parts += draw_panel(10 + i % 2 * (width + 20), 30 + i // 2 * height, width, height,
                            name, group)
    left, top = 10 + len(panels) % 2 * (width + 20), 30 + len(panels) // 2 * height
    parts += legend(left + 10, top + 12, panels)
    rows = len(panels) // 2 + 1
    head = text(10, 16, "Efficiency by granularity, and METG(50 %): where a curve crosses the "
                        "dashed line", "head")
    return document(720, 30 + rows * height, [head] + parts, "METG")


def legend(left, top, panels):
    """METG(50 %) of each contender in each pattern."""
    contenders = list(dict.fromkeys(name for group in panels.values() for name in group))
    for i, name in enumerate(panels):
        yield text(left + 120 + i * 47, top, name, "small faint", "middle")
    for k, contender in enumerate(contenders):
        y = top + 20 + k * 18
        yield f'<rect x="{left}" y="{y - 9}" width="10" height="10" fill="{colour_of(contender)}"/>'
        yield text(left + 14, y, contender, "small")
        for i, group in enumerate(panels.values()):
            median = group.get(contender, {}).get("median")
            words = short_time(median["real_time"]) if median else "-"
            yield text(left + 120 + i * 47, y, words, "small", "middle")


def figures_of(documents):
    """Maps names of files to what is in them."""
    records = [record for document_ in documents for record in document_["benchmarks"]]
    sides = {"cpu": [], "gpu": []}
    for record in records:
        sides["gpu" if "device" in record else "cpu"].append(record)
    figures = {
        "ratios_cpu.svg": ratios_figure(gather(sides["cpu"]), "The CPU side"),
        "ratios_gpu.svg": ratios_figure(gather(sides["gpu"]), "The GPU side"),
        "metg.svg": metg_figure(gather(sides["cpu"])),
    }
    return {name: figure for name, figure in figures.items() if figure is not None}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="FOLDER")
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args()
    documents = []
    for file in options.files:
        try:
            documents.append(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as problem:
            print(f"bench_figures.py: {file}: {problem}", file=sys.stderr)
            return 2
    options.out.mkdir(parents=True, exist_ok=True)
    for name, figure in figures_of(documents).items():
        (options.out / name).write_text(figure, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
