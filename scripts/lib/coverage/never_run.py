"""Reads the list of those blocks that no test runs: tests/never_run.txt.

    src/process/message.cpp: fail("narke: isolation::process: shared memory cannot be sealed");
        The kernel seals what it has just made.

An entry names the file and the text of the block's first line, with the lines before it, joined by
` / `, as far as that is needed to be the only such place of the file. Its reason stands below. A
reason that begins with `Seldom:` is of a block that runs in some runs.
"""

import re


class Entry:
    def __init__(self, line, path, name):
        self.line, self.path, self.name = line, path, name
        self.reason = ""

    def is_seldom(self):
        return self.reason.startswith("Seldom:")


def read(text):
    """The entries, and what is wrong with the list, as text."""
    entries, wrong = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = re.match(r"(\S+): (.+)$", line)
        if line[0].isspace() and entries:
            entries[-1].reason = f"{entries[-1].reason} {line.strip()}".strip()
        elif found:
            entries.append(Entry(number, found.group(1), found.group(2)))
        else:
            wrong.append(f"{number}: neither `FILE: TEXT` nor an indented reason")
    wrong += [f"{entry.line}: no reason" for entry in entries if not entry.reason]
    return entries, wrong


def name_of(lines, first):
    """The name of the block that begins at line FIRST (from 1) of LINES, which are stripped."""
    begin = first - 1
    while begin > 0 and occurrences(lines, lines[begin:first]) > 1:
        begin -= 1
    return " / ".join(lines[begin:first])


def occurrences(lines, part):
    return sum(lines[at:at + len(part)] == part for at in range(len(lines) - len(part) + 1))


def compare(entries, blocks):
    """BLOCKS, [(path, first, last, name)] that never ran, against the list: those that it does not
    name, and the entries that name none of them."""
    named = {(entry.path, entry.name) for entry in entries}
    missing = {(path, name) for path, _, _, name in blocks}
    unnamed = [block for block in blocks if (block[0], block[3]) not in named]
    stale = [entry for entry in entries
             if (entry.path, entry.name) not in missing and not entry.is_seldom()]
    return unnamed, stale
