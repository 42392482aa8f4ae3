"""Rules on the paths that texts name."""

import re

from tidy.tree import GENERATED, Violation

MACHINE_PATH = re.compile(r"(?<![\w.$}~-])/(?:" + "|".join(["wo" "rk", "ho" "me", "ro" "ot"])
                          + r")/[\w.]")
SPAN = re.compile(r"`([^`\n]+)`|\]\(([^)\s]+)\)|(?:^|\s)(\.{0,2}/?scripts/[\w./-]+)")
FOLDERS = {".ci", "bench", "cmake", "docs", "examples", "include", "kernels", "scripts", "src",
           "tests"}
PATH = re.compile(r"^(?:\./)?([\w.-]+(?:/[\w.*-]+)*/?)$")


def check_machine_paths(tree):
    for path in tree.sources() + tree.documents():
        for number, line in tree.lines(path):
            if (found := MACHINE_PATH.search(line)) is not None:
                yield Violation(path, number, f"{found.group(0)}...: a path of one machine only")


def check_documented_paths(tree):
    for path in tree.documents():
        for number, line in tree.lines(path):
            for named in paths_named(tree, line):
                base = "docs/" if path.startswith("docs/") else ""
                if not exists(tree, named) and not exists(tree, base + named):
                    yield Violation(path, number, f"{named} does not exist")


def paths_named(tree, line):
    """The paths that a line of Markdown names in code spans, links and commands."""
    for found in SPAN.finditer(line):
        text = next(group for group in found.groups() if group)
        link = found.group(2) is not None
        for word in [text] if link else text.split():
            if (header := re.fullmatch(r"<(narke/[\w/.-]+)>", word)) is not None:
                yield f"include/{header.group(1)}"
            elif is_path(tree, word.split("#")[0], link):
                yield word.split("#")[0].removeprefix("./")


def is_path(tree, word, link):
    if link:
        return word != "" and "://" not in word
    if PATH.match(word) is None or word.removeprefix("./").split("/")[0] in GENERATED:
        return False
    first, slash, _ = word.removeprefix("./").partition("/")
    if slash:
        return first in FOLDERS or tree.exists(first) or word.startswith("./")
    return re.fullmatch(r"[A-Z]\w*\.(?:md|txt|json)", word) is not None


def exists(tree, named):
    if "*" in named:
        return any(tree.root.glob(named))
    return tree.exists(named)


RULES = {
    "machine-path": check_machine_paths,
    "documented-path": check_documented_paths,
}
