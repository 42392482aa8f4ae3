"""Says what ran of a coverage build: coverage_report.py ROOT BUILD [--folder src/NAME]...

Prints lines and branches by folder, the blocks that never ran and are not named in
tests/never_run.txt, and what that list says that is not so. Exit code 1 below the goal or where the
list is wrong.
"""

import argparse
import collections
import pathlib
import sys

from coverage import measure, never_run

LINES_GOAL, BRANCHES_GOAL = 95.0, 85.0
LIST = "tests/never_run.txt"


def share(part, whole):
    return 100.0 if whole == 0 else 100.0 * part / whole


def folder_of(path):
    return "/".join(path.split("/")[:2])


def print_table(files):
    """By folder and for all; returns the shares of all."""
    totals = collections.defaultdict(lambda: [0, 0, 0, 0])
    for path, counts in files.items():
        ways = counts.ways()
        mine = [sum(1 for count in counts.lines.values() if count), len(counts.lines),
                sum(1 for count in ways if count), len(ways)]
        for name in (folder_of(path), "all"):
            totals[name] = [a + b for a, b in zip(totals[name], mine)]
    print(f"\n{'folder':<16} {'lines':>14} {'':>7} {'branches':>14}")
    for name, (ran, of, taken, ways) in sorted(totals.items()):
        print(f"{name:<16} {ran:>6} of {of:>5} {share(ran, of):>6.1f}% "
              f"{taken:>6} of {ways:>5} {share(taken, ways):>6.1f}%")
    ran, of, taken, ways = totals["all"]
    return share(ran, of), share(taken, ways)


def blocks_of(files):
    for path, counts in files.items():
        lines = [line.strip() for line in counts.text.split("\n")]
        for first, last in measure.blocks_missed(counts.lines):
            yield path, first, last, never_run.name_of(lines, first)


def print_blocks(files, text):
    """What never ran and is not named, and what the list says wrongly; returns how many."""
    entries, wrong = never_run.read(text)
    entries = [entry for entry in entries if entry.path in files]
    unnamed, stale = never_run.compare(entries, list(blocks_of(files)))
    for path, first, last, name in unnamed:
        lines = f"{first}-{last}" if last > first else f"{first}"
        print(f"{path}:{lines}: no test runs it: {name}")
    for entry in stale:
        print(f"{LIST}:{entry.line}: it did run, or is not there: {entry.path}: {entry.name}")
    for what in wrong:
        print(f"{LIST}:{what}")
    return len(unnamed) + len(stale) + len(wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--folder", action="append")
    options = parser.parse_args()
    root, build = options.root.resolve(), options.build.resolve()
    if next(build.rglob("*.gcda"), None) is None:
        sys.exit("no test has run: there are no counts")
    files = {path: counts for path, counts in sorted(measure.counts_of(root, build).items())
             if not options.folder or folder_of(path) in options.folder}
    list_file = root / LIST
    wrong = print_blocks(files, list_file.read_text(encoding="utf-8") if list_file.exists() else "")
    lines, branches = print_table(files)
    return 0 if lines >= LINES_GOAL and branches >= BRANCHES_GOAL and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
