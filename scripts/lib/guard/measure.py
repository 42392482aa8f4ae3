"""Builds the program of tests/guard in a release build of its own, and runs it under callgrind."""

import functools
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile

from guard import counts

PATHS = ("fan_out", "chain", "nested", "actor_calls", "gpu_chain", "put_get")
TASKS = 12800


class GuardError(Exception):
    """What was asked could not be counted; says why."""


def why_not():
    """Why nothing can be counted here; empty where it can."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"atomic operations are told apart on x86-64; this is {platform.machine()}"
    missing = [name for name in ("valgrind", "objdump", "cmake") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def build(root):
    """The program, in build/guard; the compiler cache has most of it from other release builds."""
    folder = root / "build" / "guard"
    run(["cmake", "--preset", "release", "-B", folder, "-DNARKE_BUILD_TESTS=ON",
         "-DNARKE_BUILD_EXAMPLES=OFF", "-DNARKE_BUILD_CLI=OFF"], cwd=root)
    run(["cmake", "--build", folder, "-j", str(os.cpu_count()), "--target", "guard_paths"],
        cwd=root)
    return folder / "tests" / "guard" / "guard_paths"


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise GuardError(f"exit code {done.returncode} of: {' '.join(map(str, command))}\n"
                         f"{done.stdout}{done.stderr}")


@functools.cache
def atomics_of(file):
    if not pathlib.Path(file).is_file():
        return frozenset()
    return counts.atomic_addresses(counts.disassemble(file))


def measure(program, path):
    """Maps (file, function) to the Totals of one task."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("NARKE_")}
    environment["NARKE_EMULATED_CLOCK"] = "null"
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        run(["valgrind", "--tool=callgrind", "--instr-atstart=no", "--dump-instr=yes",
             "--compress-pos=no", "--compress-strings=no", f"--callgrind-out-file={out}",
             program, path, str(TASKS)], env=environment)
        tables = []
        for number, mark in ((1, "once"), (2, "twice")):
            text = pathlib.Path(f"{out}.{number}").read_text(encoding="utf-8", errors="replace")
            if f"Trigger: Client Request: {mark}" not in text:
                raise GuardError(f"{path}: dump {number} of callgrind is not the one named {mark}")
            tables.append(counts.by_function(counts.Dump(text), atomics_of))
    return counts.for_one(*tables, TASKS)
