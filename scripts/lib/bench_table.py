#!/usr/bin/env python3
"""One table, in Markdown, of what benchmark programs wrote with --json.

Each contender is compared with the first of its workload in the same run, by the median of what the
program says matters: real time, or CPU time of all threads. Exit code: 0 done, 2 unreadable file.
"""

import argparse
import json
import pathlib
import sys


def duration(ns):
    """"850 ns", "12.3 us", "4.56 s"."""
    for limit, divisor, unit in ((1e3, 1, "ns"), (999.5e3, 1e3, "us"), (999.5e6, 1e6, "ms")):
        if abs(ns) < limit:
            return f"{ns / divisor:.3g} {unit}"
    return f"{ns / 1e9:.3f} s"


def rate(bytes_per_second):
    for limit, divisor, unit in ((1e6, 1e3, "kB/s"), (1e9, 1e6, "MB/s")):
        if bytes_per_second < limit:
            return f"{bytes_per_second / divisor:.3g} {unit}"
    return f"{bytes_per_second / 1e9:.3g} GB/s"


def gather(records):
    """Maps (workload, variant) to its contenders in order, each with its statistics by name.

    One repetition has no aggregates: it is its own median, minimum and maximum.
    """
    groups = {}
    for record in records:
        group = groups.setdefault((record["workload"], record["variant"]), {})
        one = group.setdefault(record["contender"], {})
        if record.get("error_occurred"):
            one["error"] = record["error_message"]
        elif record["run_type"] == "aggregate":
            one[record["aggregate_name"]] = record
        else:
            for name in ("median", "min", "max"):
                one.setdefault(name, record)
    return groups


def amount(field, value):
    """A value of a field: a time, bytes, or a share."""
    if field.endswith("_time"):
        return duration(value)
    if "bytes" in field:
        return f"{value:.3g} B" if value < 1000 else f"{value / 1000:.3g} kB"
    return f"{value:.3g}"


def compared(one, first):
    """(ratio, difference) of the medians, as text; empty for the first itself."""
    if first is None or first is one or "error" in first:
        return "", ""
    by = one["median"]["compared_by"]
    mine, its = one["median"][by], first["median"][by]
    sign = "-" if mine < its else "+"
    ratio = f"{mine / its:.2f} x" if its > 0 else ""
    return ratio, sign + amount(by, abs(mine - its))


def told_besides(record):
    """What the last column has: the counter that is compared, or bytes moved."""
    if not (by := record["compared_by"]).endswith("_time"):
        return amount(by, record[by])
    return rate(record["bytes_per_second"]) if "bytes_per_second" in record else ""


def row(name, one, first):
    if "error" in one:
        return f"| {name} | FAILED: {one['error']} | | | | | |"
    median = one["median"]
    ratio, difference = compared(one, first)
    spread = f"{duration(one['min']['real_time'])} – {duration(one['max']['real_time'])}"
    return (f"| {name} | {duration(median['real_time'])} | {spread} | "
            f"{duration(median['cpu_time'])} | {ratio} | {difference} | {told_besides(median)} |")


def table_of(key, group):
    """The rows of one workload, under its name."""
    workload, variant = key
    record = next((one["median"] for one in group.values() if "median" in one), {})
    head = f"**{workload}** {variant}".rstrip()
    details = [f"for one {record['item']}"] if record else []
    if record.get("compared_by", "real_time") != "real_time":
        by = record["compared_by"].replace("_", " ")
        details.append(f"compared by {'CPU time' if by == 'cpu time' else by}")
    if record.get("device") == "emulated":
        details.append("emulated devices")
    elif "device" in record:
        details.append(record["device"])
    yield f"| {head} ({'; '.join(details)}) | | | | | | |"
    first = group.get(record.get("baseline"))
    for name, one in group.items():
        yield row(name, one, first)


def machine(documents):
    context = documents[0]["context"]
    text = (f"{context['cpu_model']}, {context['num_cpus']} CPUs; {context['compiler']}, "
            f"{context['build_type']}; narke {context['narke_version']} {context['commit']}; "
            f"{context['date'][:10]}")
    loads = [document["context"]["load_avg"][0] for document in documents
             if document["context"]["load_avg"]]
    if loads:
        text += f"; load of the machine {min(loads):.1f} to {max(loads):.1f}"
    return text


def to_text(documents):
    records = [record for document in documents for record in document["benchmarks"]]
    lines = [machine(documents) + ".", ""]
    if any(record.get("device") == "emulated" for record in records):
        lines += ["Emulated devices are made of CPU threads: their times are no GPU's.", ""]
    if any(document["context"]["quick"] for document in documents):
        lines += ["By --quick: a look, no figure to quote.", ""]
    lines += ["| | median | min – max | CPU time | of the first | difference "
              "| moved, or compared |",
              "|---|---:|---:|---:|---:|---:|---:|"]
    for key, group in gather(records).items():
        lines += table_of(key, group)
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    documents = []
    for file in parser.parse_args().files:
        try:
            documents.append(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as problem:
            print(f"bench_table.py: {file}: {problem}", file=sys.stderr)
            return 2
    print(to_text(documents))
    return 0


if __name__ == "__main__":
    sys.exit(main())
