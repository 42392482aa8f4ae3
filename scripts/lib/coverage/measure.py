"""Adds up the lines and the branches of src that have run in a build.

A line ran when one of the blocks with code of it ran in one of the programs. A branch is one of the
ways out of a block with several. A function that is compiled many times (a header's, a template's
for several types) counts once: a branch was taken when one of the copies took it. Left out are:

1. the way of an exception out of a call, and what the compiler then does to clean up: lines and
   branches that are reached only so. What a `catch` clause does, and what comes after it, counts;
2. what the compiler decides where no statement of the source does (source.py): the loop that ends
   the elements of an initialiser list, the guard of a static, the members of a defaulted
   comparison, which way a scope is left;
3. the way past all cases of a `switch` without `default` that names every value of an enumeration;
4. functions that the compiler made, and code of headers outside of src that is put in line.
"""

import collections

from coverage import notes, source


class Counts:
    """Of one file: {line: how often it ran}, {branch: [how often each way was taken]}."""

    def __init__(self, text):
        self.text = text
        self.deciding = source.deciding_lines(text)
        self.catching = source.catching_lines(text)
        self.full_switches = source.full_switches(text)
        self.lines = collections.defaultdict(int)
        self.branches = {}

    def add_branch(self, key, counts):
        before = self.branches.get(key, [0] * len(counts))
        self.branches[key] = [a + b for a, b in zip(before, counts)]

    def ways(self):
        return [count for counts in self.branches.values() for count in counts]


def counts_of(root, build):
    """{path below root: Counts} of the files of src that were compiled into BUILD."""
    prefix = f"{root}/src/"

    def below_root(path):
        full = path if path.startswith("/") else f"{build}/{path}"
        return full[len(str(root)) + 1:] if full.startswith(prefix) else None

    files = {}
    for file in sorted(build.rglob("*.gcno")):
        data = file.read_bytes()
        if prefix.encode() not in data:
            continue
        functions = notes.functions_of(file, data, below_root)
        counted_file = file.with_suffix(".gcda")
        counted = {}
        if counted_file.exists():
            counted = notes.counts_of(counted_file, counted_file.read_bytes())
        for key, function in functions.items():
            if not function.artificial:
                if function.path not in files:
                    text = (root / function.path).read_text(encoding="utf-8")
                    files[function.path] = Counts(text)
                add_function(files[function.path], function, counted.get(key))
    return files


def add_function(counts, function, counted):
    if counted is None:
        counted = [0] * sum(not arc.flags & notes.ON_TREE for arc in function.arcs)
    totals = function.count_all(counted)
    here = lines_of_blocks(function)
    kept = function.reached_from(
        [notes.ENTRY] + [block for block in here if counts.catching.intersection(here[block])])
    for block in here.keys() & kept:
        for line in here[block]:
            counts.lines[line] += max(0, totals.get(block, 0))
    decisions = collections.defaultdict(list)
    for block, arcs in sorted(function.leaving().items()):
        ways = [arc for arc in arcs if not arc.throws and not arc.flags & notes.FAKE]
        if block not in kept or len(ways) < 2 or is_put_in_line(function, block):
            continue
        # The last statement that decides: the compiler may add the place where a variable stands.
        deciding = [line for line in here[block] if line in counts.deciding]
        if deciding:
            taken = [max(0, arc.count) for arc in ways]
            if len(ways) > 2 and deciding[-1] in counts.full_switches and taken[0] == 0:
                taken = taken[1:]  # the first way is that of the default
            decisions[deciding[-1]].append(taken)
    for line, found in decisions.items():
        for index, ways in enumerate(found):
            counts.add_branch((function.start, line, index, len(found), len(ways)), ways)


def lines_of_blocks(function):
    """Of each block the lines of the function's file that its code is from."""
    return {block: [line for path, line in function.places[block] if path == function.path]
            for block in function.leaving().keys() - {notes.ENTRY, notes.EXIT}}


def is_put_in_line(function, block):
    """Whether what it ends with is from another file."""
    places = function.places[block]
    return bool(places) and places[-1][0] != function.path


def blocks_missed(lines):
    """(first, last) of neighbouring lines with code that never ran."""
    blocks, begin, last = [], None, None
    for number in sorted(lines):
        if lines[number] == 0:
            begin = number if begin is None else begin
            last = number
        elif begin is not None:
            blocks.append((begin, last))
            begin = None
    if begin is not None:
        blocks.append((begin, last))
    return blocks
