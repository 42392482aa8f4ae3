#!/usr/bin/env python3
"""Copies sources of the product, each std::atomic in them an explored one (see explored.hpp).

Usage: explore.py --root DIR --out DIR SOURCE...

A copy is the source, line for line, but for the names that stand in NAMES, and for the bugs of
BUGS: each is written in beside the right text and stays asleep until a test switches it on, so that
it is known that the tests find it. A bug whose place is not found any more is an error: the source
has changed, and so has to be its bug.
"""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from planted_bugs import BUGS  # noqa: E402

NAMES = [
    ("std::atomic<", "::narke_test::explored::atomic<"),
    ("std::mutex", "::narke_test::explored::mutex"),
    ("std::this_thread::yield()", "::narke_test::explored::yield()"),
    ("syscall(SYS_futex, ", "::narke_test::explored::futex("),
]


def is_planted(bug):
    return f'::narke_test::explored::planted("{bug}")'


def with_bugs(text, source):
    for bug, place, original, wrong in BUGS:
        if place == source:
            if text.count(original) != 1:
                sys.exit(f"{source}: the text of the planted bug '{bug}' stands there "
                         f"{text.count(original)} times, not once; change it in planted_bugs.py")
            text = text.replace(original, wrong.replace("PLANTED", is_planted(bug)))
    return text


def explored(text, source, original):
    text = with_bugs(text, source)
    for name, instead in NAMES:
        text = text.replace(name, instead)
    pragma = "#pragma once\n"
    once, text = (pragma, text.replace(pragma, "\n", 1)) if pragma in text else ("", text)
    return f'{once}#include <interleaving/explored.hpp>\n#line 1 "{original}"\n{text}'


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--root", type=pathlib.Path, required=True, metavar="DIR",
                        help="the tree that the sources lie in")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="DIR",
                        help="the copies go here, by their paths below src and include")
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="paths below the root")
    options = parser.parse_args()
    unknown = {bug[1] for bug in BUGS} - set(options.sources)
    if unknown:
        parser.error(f"planted_bugs.py names sources that are not copied: {sorted(unknown)}")
    for source in options.sources:
        original = options.root / source
        copy = options.out / source.split("/", 1)[1]
        text = explored(original.read_text(encoding="utf-8"), source, original)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
