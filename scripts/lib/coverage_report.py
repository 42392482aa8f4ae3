"""Adds up what gcov says of a build: coverage_report.py ROOT BUILD [--folder src/NAME]...

Prints lines and branches by folder, and the blocks that never ran. Exit code 1 below the goal.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

LINES_GOAL, BRANCHES_GOAL = 95.0, 85.0


def gcov_files(root, build):
    """Yields gcov's word on each source file of each object that has run."""
    objects = sorted(build.rglob("*.gcda"))
    if not objects:
        sys.exit("no test has run: there are no counts")
    for start in range(0, len(objects), 50):
        text = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities",
                               *map(str, objects[start:start + 50])], cwd=build, check=True,
                              capture_output=True, text=True).stdout
        for line in text.splitlines():
            if line.startswith("{"):
                document = json.loads(line)
                for file in document["files"]:
                    path = (pathlib.Path(document["current_working_directory"])
                            / file["file"]).resolve()
                    if path.is_relative_to(root / "src"):
                        yield path.relative_to(root).as_posix(), file["lines"]


def counts_of(root, build):
    """For each file its lines and their counts, and its branches and theirs. A file is compiled
    into several programs, a header many times: a line ran when it ran in one of them."""
    lines = collections.defaultdict(lambda: collections.defaultdict(int))
    branches = collections.defaultdict(dict)
    for path, found in gcov_files(root, build):
        for line in found:
            number = line["line_number"]
            lines[path][number] += line["count"]
            counts = [branch["count"] for branch in line["branches"] if not branch["throw"]]
            if len(counts) < 2:
                continue  # the other way out is an exception's
            key = (number, len(counts))
            before = branches[path].get(key, [0] * len(counts))
            branches[path][key] = [a + b for a, b in zip(before, counts)]
    return lines, branches


def blocks_missed(counts):
    """(first, last) of neighbouring lines with code that never ran."""
    blocks, begin, last = [], None, None
    for number in sorted(counts):
        if counts[number] == 0:
            begin = number if begin is None else begin
            last = number
        elif begin is not None:
            blocks.append((begin, last))
            begin = None
    if begin is not None:
        blocks.append((begin, last))
    return blocks


def share(part, whole):
    return 100.0 if whole == 0 else 100.0 * part / whole


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--folder", action="append")
    options = parser.parse_args()
    lines, branches = counts_of(options.root.resolve(), options.build.resolve())
    totals = collections.defaultdict(lambda: [0, 0, 0, 0])
    for path in sorted(lines):
        folder = "/".join(path.split("/")[:2])
        if options.folder and folder not in options.folder:
            continue
        ways = [count for counts in branches[path].values() for count in counts]
        mine = [sum(1 for count in lines[path].values() if count), len(lines[path]),
                sum(1 for count in ways if count), len(ways)]
        for name in (folder, "all"):
            totals[name] = [a + b for a, b in zip(totals[name], mine)]
        for first, last in blocks_missed(lines[path]):
            print(f"{path}:{first}-{last}" if last > first else f"{path}:{first}")
    print(f"\n{'folder':<16} {'lines':>14} {'':>7} {'branches':>14}")
    for name, (ran, of, taken, ways) in sorted(totals.items(), key=lambda entry: entry[0]):
        print(f"{name:<16} {ran:>6} of {of:>5} {share(ran, of):>6.1f}% "
              f"{taken:>6} of {ways:>5} {share(taken, ways):>6.1f}%")
    ran, of, taken, ways = totals["all"]
    return 0 if share(ran, of) >= LINES_GOAL and share(taken, ways) >= BRANCHES_GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
