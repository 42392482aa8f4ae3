"""Reads what g++ 12 writes for --coverage: the graph of each function, and how often it was walked.

A .gcno file has for each function its blocks, the arcs between them and the lines of each block;
the .gcda file beside it has the counts of some arcs, from which those of all others follow. gcov
reads the same two, but does not say which branches belong together and which are behind an
exception only.
"""

import collections
import struct

VERSION = b"*22B"  # of g++ 12
FUNCTION, ARCS, LINES, COUNTS = 0x01000000, 0x01430000, 0x01450000, 0x01a10000
ON_TREE, FAKE, FALL_THROUGH = 1, 2, 4
ENTRY, EXIT = 0, 1


class Arc:
    """A way from one block to another. `count` is None where the program does not count it."""

    __slots__ = ("source", "target", "flags", "throws", "count")

    def __init__(self, source, target, flags):
        self.source, self.target, self.flags = source, target, flags
        self.throws = False
        self.count = None


class Function:
    """One compiled function: an instance where the source has a template."""

    def __init__(self, path, start, artificial):
        self.path, self.start, self.artificial = path, start, artificial
        self.arcs = []
        self.places = collections.defaultdict(list)  # of each block: (path, line)

    def leaving(self):
        """The arcs out of each block, in the order of the file."""
        ways = collections.defaultdict(list)
        for arc in self.arcs:
            ways[arc.source].append(arc)
        return ways

    def mark_throws(self):
        """A block with an arc that leaves the function from within ends in a call. Its only other
        way out, but for going on, is that of an exception."""
        calls = {arc.source for arc in self.arcs if arc.flags & FAKE and arc.source != ENTRY}
        for arc in self.arcs:
            arc.throws = arc.source in calls and not arc.flags & (FAKE | FALL_THROUGH)

    def reached_from(self, blocks):
        """BLOCKS, and those that can be reached from them though nothing throws on the way."""
        ways, reached, open_blocks = self.leaving(), set(blocks), list(blocks)
        while open_blocks:
            for arc in ways[open_blocks.pop()]:
                if not arc.throws and arc.target not in reached:
                    reached.add(arc.target)
                    open_blocks.append(arc.target)
        return reached

    def count_all(self, counted):
        """Gives each arc its count, and returns those of the blocks: what comes in goes out."""
        given = iter(counted)
        into, out_of = collections.defaultdict(list), collections.defaultdict(list)
        for arc in self.arcs:
            arc.count = None if arc.flags & ON_TREE else next(given)
            into[arc.target].append(arc)
            out_of[arc.source].append(arc)
        totals = {}
        todo = sorted(into.keys() | out_of.keys())
        while todo:
            block = todo.pop()
            for arcs in (into[block], out_of[block]):
                if block not in totals and arcs and all(arc.count is not None for arc in arcs):
                    totals[block] = sum(arc.count for arc in arcs)
            for arcs in (into[block], out_of[block]):
                unknown = [arc for arc in arcs if arc.count is None]
                if block in totals and len(unknown) == 1:
                    arc = unknown[0]
                    known = sum(other.count for other in arcs if other is not arc)
                    arc.count = totals[block] - known
                    todo += [block, arc.source, arc.target]
        return totals


class Words:
    """A file of 32-bit words and strings of bytes."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def word(self):
        self.at += 4
        return struct.unpack_from("<I", self.data, self.at - 4)[0]

    def text(self):
        length = self.word()
        self.at += length
        return self.data[self.at - length:self.at].rstrip(b"\0").decode()

    def records(self):
        """Yields (tag, where its data ends); leaves `at` where the data begins."""
        while self.at + 8 <= len(self.data):
            tag, length = self.word(), self.word()
            if tag == 0:
                return
            end = self.at + (length if length < 1 << 31 else 0)  # negative: that many zeros
            yield tag, end, length
            self.at = end


def check_head(file, data, kind):
    if data[:4] != kind or data[4:8] != VERSION:
        raise SystemExit(f"{file} is not of g++ 12: version {data[4:8]!r}, wanted {VERSION!r}")


def functions_of(file, data, wanted):
    """{(ident, checksums): Function} of the functions in files that `wanted` gives a name to."""
    check_head(file, data, b"oncg")
    words = Words(data, 16)
    words.text()
    words.word()
    found, function, path_of = {}, None, {}
    for tag, end, _ in words.records():
        if tag == FUNCTION:
            key = (words.word(), words.word(), words.word())
            words.text()
            artificial, path = words.word(), words.text()
            function = None
            if path not in path_of:
                path_of[path] = wanted(path)
            if path_of[path] is not None:
                function = Function(path_of[path], (words.word(), words.word()), bool(artificial))
                found[key] = function
        elif function is None:
            continue
        elif tag == ARCS:
            source = words.word()
            while words.at < end:
                function.arcs.append(Arc(source, words.word(), words.word()))
        elif tag == LINES:
            read_lines(words, function, path_of, wanted)
    for function in found.values():
        function.mark_throws()
    return found


def read_lines(words, function, path_of, wanted):
    block, here = words.word(), None
    while True:
        line = words.word()
        if line:
            function.places[block].append((here, line))
            continue
        path = words.text()
        if not path:
            return
        if path not in path_of:
            path_of[path] = wanted(path)
        here = path_of[path]


def counts_of(file, data):
    """{(ident, checksums): counts of those arcs that have some}; one that never ran may lack."""
    check_head(file, data, b"adcg")
    words = Words(data, 16)
    found, key = {}, None
    for tag, end, length in words.records():
        if tag == FUNCTION:
            key = (words.word(), words.word(), words.word()) if end > words.at else None
        elif tag == COUNTS and key is not None:
            if length < 1 << 31:
                found[key] = struct.unpack_from(f"<{length // 8}Q", data, words.at)
    return found
