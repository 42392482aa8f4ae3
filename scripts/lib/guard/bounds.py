"""What was counted, beside the recorded bounds: in JSON, and as a table."""

import json
import re

from guard.counts import Totals

MARGIN = 1.05  # for another compiler of the same version, another libc, another turn of threads
# Counts near zero: what is not worth a failure.
SLACK = Totals(instructions=2, allocations=0.02, atomics=0.05)


def read(file):
    """Maps each path to its Totals."""
    return {path: Totals(**each)
            for path, each in json.loads(file.read_text(encoding="utf-8")).items()}


def write(file, measured):
    rounded = {path: {"instructions": round(totals.instructions),
                      "allocations": round(totals.allocations, 2),
                      "atomics": round(totals.atomics, 2)}
               for path, totals in measured.items()}
    lines = [f'  {json.dumps(path)}: {json.dumps(each)}' for path, each in rounded.items()]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def limit_of(bound, what):
    return getattr(bound, what) * MARGIN + getattr(SLACK, what)


def exceeded(measured, bound):
    """The names of what is above the bound and its margin."""
    return [what for what in Totals._fields
            if getattr(measured, what) > limit_of(bound, what)]


def number(what, value):
    return f"{value:.0f}" if what == "instructions" else f"{value + 0:.2f}"


def table(measured, recorded):
    """A row a path: of each count what was measured, and the bound."""
    rows = [["path"] + [text for what in Totals._fields for text in (what, "bound")] + [""]]
    for path, totals in measured.items():
        bound = recorded.get(path)
        row = [path]
        for what in Totals._fields:
            row += [number(what, getattr(totals, what)),
                    "-" if bound is None else number(what, getattr(bound, what))]
        is_above = bound is not None and exceeded(totals, bound)
        rows.append(row + ["ABOVE" if is_above else ""])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(text.ljust(width) if i == 0 else text.rjust(width)
                  for i, (text, width) in enumerate(zip(row, widths))).rstrip() for row in rows)


def functions_table(path, functions, most):
    """Markdown: the functions of a path that most instructions go to."""
    lines = [f"| {path} | instructions | allocations | atomics |", "|---|---:|---:|---:|"]
    ordered = sorted(functions.items(), key=lambda item: -item[1].instructions)
    for (file, function), totals in ordered[:most]:
        cells = [number(what, getattr(totals, what)) for what in Totals._fields]
        library = file.rsplit("/", 1)[-1].split(".so")[0]
        lines.append(f"| {short_name(function)} ({library}) | {' | '.join(cells)} |")
    return "\n".join(lines)


BEGIN = "<!-- counts: begin"
END = "<!-- counts: end -->"


def totals_table(measured):
    """Markdown: the counts of each path."""
    lines = ["| path | instructions | allocations | atomics |", "|---|---:|---:|---:|"]
    for path, totals in measured.items():
        cells = [number(what, getattr(totals, what)) for what in Totals._fields]
        lines.append(f"| `{path}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def put_between_marks(text, tables):
    """The text of a document, with the tables between its two marks; None where it has none."""
    begin, end = text.find(BEGIN), text.find(END)
    if begin == -1 or end < begin:
        return None
    begin = text.index("\n", begin) + 1
    return text[:begin] + tables + "\n" + text[end:]


def short_name(function):
    """Without its result, parameters, template arguments and the namespaces of narke's own."""
    name = function.replace("(anonymous namespace)::", "").split("@@")[0]
    if name.startswith("operator "):
        return name.split("(", 1)[0]
    while (shorter := re.sub(r"<[^<>]*>", "", name)) != name:
        name = shorter
    name = name.split("(", 1)[0].split(" ")[-1]
    return re.sub(r"\bnarke::(?:(?:internal|detail)::)?", "", name)
