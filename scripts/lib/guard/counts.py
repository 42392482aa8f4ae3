"""Reads what callgrind dumped: instructions, allocations and atomic operations, by function.

A dump has a line for each instruction that ran, with how often it did:

    ob=/usr/lib/libnarke.so      the file that what follows lies in
    fn=narke::submit(...)        the function
    0x14d210 0 20002             address, line, times
    cfn=operator new(unsigned long)   a call of this function ...
    calls=20002 0x506a0 0        ... so many times ...
    0x14d214 0 553269            ... which cost so much, and is no part of this function
"""

import collections
import re
import subprocess

ALLOCATIONS = frozenset(("malloc", "calloc", "realloc", "reallocarray", "aligned_alloc",
                         "memalign", "posix_memalign", "valloc", "pvalloc"))
# An instruction that reads and writes memory as one, or orders it as one that does. xchg with
# memory is one without a prefix.
ATOMIC = re.compile(r"^\s*([0-9a-f]+):\s+(?:lock\b|mfence\b|xchg\b.*\()")

Totals = collections.namedtuple("Totals", "instructions allocations atomics")


class Dump:
    """One dump: how often each instruction ran, and how often the allocating functions were called.

    `instructions` maps (file, function, address) to times; `calls` maps a calling function's
    (file, function) to how often it called an allocating function, which it is not itself.
    """

    def __init__(self, text):
        self.instructions = collections.Counter()
        self.calls = collections.Counter()
        self._read(text)

    def _read(self, text):
        file = function = callee = ""
        after_calls = False
        for line in text.splitlines():
            if line.startswith("0x"):
                if not after_calls:
                    address, _, times = line.split()
                    self.instructions[file, function, int(address, 16)] += int(times)
                after_calls = False
            elif line.startswith("calls="):
                if allocates(callee) and not allocates(function):
                    self.calls[file, function] += int(line[len("calls="):].split()[0])
                after_calls = True
            elif line.startswith("ob="):
                file = line[3:]
            elif line.startswith("fn="):
                function = without_recursion(line[3:])
            elif line.startswith("cfn="):
                callee = without_recursion(line[4:])


def allocates(function):
    return function in ALLOCATIONS or function.startswith("operator new")


def without_recursion(function):
    """callgrind tells the levels of a recursion apart by a number at the end: malloc'2."""
    return re.sub(r"'\d+$", "", function)


def atomic_addresses(disassembly):
    """Where objdump -d found an atomic operation."""
    found = (ATOMIC.match(line) for line in disassembly.splitlines())
    return frozenset(int(each.group(1), 16) for each in found if each)


def disassemble(file):
    done = subprocess.run(["objdump", "-d", "--no-show-raw-insn", file], check=True,
                          capture_output=True, text=True, errors="replace")
    return done.stdout


def by_function(dump, atomics_of):
    """Maps (file, function) to its Totals; `atomics_of(file)` gives the addresses in a file."""
    table = collections.defaultdict(lambda: [0, 0, 0])
    for (file, function, address), times in dump.instructions.items():
        row = table[file, function]
        row[0] += times
        if address in atomics_of(file):
            row[2] += times
    for place, times in dump.calls.items():
        table[place][1] += times
    return {place: Totals(*row) for place, row in table.items()}


def for_one(once, twice, tasks):
    """What one task costs in each function, of a run of `tasks` and one of twice as many: what
    both have in common, such as waking a thread, is not a task's.
    """
    nothing = Totals(0, 0, 0)
    table = {}
    for place in once.keys() | twice.keys():
        a, b = once.get(place, nothing), twice.get(place, nothing)
        table[place] = Totals(*((y - x) / tasks for x, y in zip(a, b)))
    return table


def total(table):
    return Totals(*(sum(column) for column in zip(*table.values())))
