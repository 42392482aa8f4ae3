"""Rules on files as a whole and on their lines."""

import re

from tidy import includes
from tidy.tree import Violation, suffix

FILE_LINES_MAX = 800
LINE_COLUMNS_MAX = 100


def check_file_length(tree):
    for path in tree.sources():
        lines = len(tree.text(path).splitlines())
        if lines > FILE_LINES_MAX:
            yield Violation(path, 0, f"{lines} lines; at most {FILE_LINES_MAX}: split it")


def check_line_length(tree):
    for path in tree.cpp() + tree.scripts():
        for number, line in tree.lines(path):
            if len(line) > LINE_COLUMNS_MAX:
                yield Violation(path, number, f"{len(line)} columns; at most {LINE_COLUMNS_MAX}")


def check_whitespace(tree):
    for path in tree.sources():
        text = tree.text(path)
        for number, line in tree.lines(path):
            if "\t" in line:
                yield Violation(path, number, "a tab; indent with spaces")
            if line != line.rstrip():
                yield Violation(path, number, "spaces at the end of the line")
        if text and not text.endswith("\n"):
            yield Violation(path, 0, "no newline at the end")


def check_pragma_once(tree):
    for path in tree.cpp():
        if suffix(path) in (".hpp", ".cuh") and not re.search(
                r"^#pragma once$", tree.text(path), re.MULTILINE):
            yield Violation(path, 0, "no #pragma once")


def check_header_opening(tree):
    """A header begins with a comment: what it is, who owns it, which threads may call."""
    for path in tree.cpp():
        if suffix(path) == ".hpp" and path.startswith(("src/", "include/")) \
                and not tree.text(path).startswith("//"):
            yield Violation(path, 1, "no opening comment: what it is, who owns it, which threads")


def check_dead_sources(tree):
    """A source that no target is made of. Layers and folders of tests are built as a whole."""
    cmake = {path: tree.text(path) for path in tree.paths
             if path.endswith((".cmake", "CMakeLists.txt"))}
    every = "\n".join(cmake.values())
    tests = set(re.findall(r"\bnarke_tests\(\s*(\w+)", every))
    for path in tree.cpp():
        if suffix(path) not in (".cpp", ".cc", ".cu"):
            continue
        built_whole = (path.startswith("src/") and includes.layer_of(path) in layers(tree)) or (
            path.startswith("tests/") and includes.layer_of(path) in tests)
        if not built_whole and not is_named(path, cmake):
            yield Violation(path, 0, "no target is made of this file")


def layers(tree):
    return set(includes.layer_closure(tree)) - {"cli"}


def is_named(path, cmake):
    """Whether a CMake file names this source, or takes the whole folder that it lies in."""
    folder, _, name = path.rpartition("/")
    stem = name.rsplit(".", 1)[0]
    for cmake_path, text in cmake.items():
        base = cmake_path.rpartition("/")[0]
        beside = folder == base and (re.search(r"\bGLOB", text) or stem in re.findall(
            r"[\w-]+", text))
        if beside or path in text or f"{folder}/*" in text:
            return True
        if path.startswith(f"{base}/"):
            below = path[len(base) + 1:]
            if below in text or f"{below.rpartition('/')[0]}/*" in text:
                return True
    return False


def check_dead_headers(tree):
    """A header that nobody includes and README.md does not offer."""
    included = {header for path in tree.cpp() for _, header, _ in includes.includes_of(tree, path)}
    offered = tree.text("README.md") if "README.md" in tree.paths else ""
    for path in tree.cpp():
        if suffix(path) not in (".hpp", ".cuh"):
            continue
        names = {path.split("/", depth)[-1] for depth in range(path.count("/") + 1)}
        if not names & included and not any(f"<{name}>" in offered for name in names):
            yield Violation(path, 0, "nobody includes this header")


RULES = {
    "file-length": check_file_length,
    "line-length": check_line_length,
    "whitespace": check_whitespace,
    "pragma-once": check_pragma_once,
    "header-opening": check_header_opening,
    "dead-source": check_dead_sources,
    "dead-header": check_dead_headers,
}
