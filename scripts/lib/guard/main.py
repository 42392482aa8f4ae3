"""The command line of scripts/guard."""

import argparse
import pathlib
import sys

from guard import bounds, counts, measure

SKIPPED = 77


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/guard",
        description="Counts what one task costs in instructions, allocations and atomic "
                    "operations on each path of tests/guard, and compares it with the bounds of "
                    "tests/guard/bounds.json: the same on every run, unlike times.",
        epilog="Exit code: 0 within the bounds, 1 above them or it did not build, 2 wrong usage "
               "or packages that could not be installed, 77 nothing can be counted here.")
    parser.add_argument("--record", action="store_true",
                        help="write what was counted as the bounds")
    parser.add_argument("--path", action="append", choices=measure.PATHS, metavar="NAME",
                        help=f"only this one; may be repeated: {', '.join(measure.PATHS)}")
    parser.add_argument("--functions", type=int, default=0, metavar="N",
                        help="show the N functions of each path that most instructions go to")
    parser.add_argument("--document", type=pathlib.Path, metavar="FILE",
                        help="write the counts, and of each path the 12 functions that most "
                             "instructions go to, between the marks of a document, such as "
                             "docs/PERFORMANCE.md")
    parser.add_argument("--program", type=pathlib.Path, metavar="FILE",
                        help="a guard_paths that is built already (default: build/guard's)")
    return parser.parse_args()


IN_DOCUMENT = 12


def count_all(program, options):
    """Maps each path to its Totals; shows the functions of each where that is asked for."""
    measured, tables = {}, []
    for path in options.path or measure.PATHS:
        functions = measure.measure(program, path)
        measured[path] = counts.total(functions)
        tables.append(bounds.functions_table(path, functions, IN_DOCUMENT))
        if options.functions > 0:
            print(bounds.functions_table(path, functions, options.functions) + "\n", flush=True)
    if options.document is not None:
        document(options.document, "\n\n".join([bounds.totals_table(measured), *tables]))
    return measured


def document(file, tables):
    text = bounds.put_between_marks(file.read_text(encoding="utf-8"), tables)
    if text is None:
        raise measure.GuardError(f'{file} has no "{bounds.BEGIN} ..." and "{bounds.END}"')
    file.write_text(text, encoding="utf-8")


def tell(measured, recorded):
    """Prints the table and what it comes to; the exit code."""
    print(bounds.table(measured, recorded))
    unknown = [path for path in measured if path not in recorded]
    above = [path for path in measured
             if path in recorded and bounds.exceeded(measured[path], recorded[path])]
    if unknown:
        print(f"no bounds of: {', '.join(unknown)}; scripts/guard --record writes them")
    if above:
        print(f"above the bound by more than {(bounds.MARGIN - 1) * 100:.0f} %: "
              f"{', '.join(above)}. `scripts/guard --functions 20` says where; where it is worth "
              "it, scripts/guard --record writes the bounds again")
    return 1 if unknown or above else 0


def main(root):
    options = arguments()
    if reason := measure.why_not():
        print(f"scripts/guard: {reason}", file=sys.stderr)
        return SKIPPED
    file = root / "tests" / "guard" / "bounds.json"
    recorded = bounds.read(file) if file.is_file() else {}
    try:
        program = options.program or measure.build(root)
        measured = count_all(program, options)
    except (measure.GuardError, OSError) as problem:
        print(f"scripts/guard: {problem}", file=sys.stderr)
        return 1
    if not options.record:
        return tell(measured, recorded)
    bounds.write(file, recorded | measured)
    print(bounds.table(measured, recorded))
    print(f"written: {file.relative_to(root)}")
    return 0
