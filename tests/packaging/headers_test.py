"""Compiles every public header alone: each must include what it uses.

Usage: headers_test.py COMPILER INCLUDE_DIR

Exit code: 0 all compile, 1 some do not, 77 there is no such compiler.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

SKIPPED = 77


def compile_alone(compiler, include_dir, header):
    """Returns what the compiler had to say of this header, or None if it was content."""
    name = header.relative_to(include_dir).as_posix()
    command = [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic",
               "-Werror", f"-I{include_dir}", "-x", "c++", "-"]
    # Twice: a header has to stand being included again.
    source = f"#include <{name}>\n#include <{name}>\n"
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr


def main(compiler, include_dir):
    if shutil.which(compiler) is None:
        print(f"skipped: no {compiler} here")
        return SKIPPED
    include_dir = pathlib.Path(include_dir)
    headers = sorted(include_dir.glob("narke/**/*.hpp"))
    if not headers:
        print(f"no headers under {include_dir}")
        return 1
    workers = len(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        complaints = list(pool.map(lambda h: compile_alone(compiler, include_dir, h), headers))
    failed = 0
    for header, complaint in zip(headers, complaints):
        if complaint is not None:
            failed += 1
            print(f"{header.relative_to(include_dir)} does not compile alone:\n{complaint}")
    print(f"{len(headers)} headers, {failed} of which do not compile alone with {compiler}")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2]))
