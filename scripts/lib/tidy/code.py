"""Rules on what stands in the code."""

import ast
import re

from tidy import cpp_text
from tidy.tree import CPP, Violation, suffix

FUNCTION_LINES_MAX = 70

# Call, where it is banned ("" = everywhere), where it is allowed all the same, what to use instead.
BANNED = [
    (r"(?<!secure_)\bgetenv\s*\(", ("src/", "include/"), (), "secure_getenv, in one place"),
    (r"\b(?:setenv|putenv|unsetenv)\s*\(", ("src/", "include/"),
     ("src/cli/", "src/process/worker_start.cpp"),
     "an option: the environment belongs to the user"),
    (r"\batomic_thread_fence\b", ("",), (),
     "an ordering on the atomic itself: ThreadSanitizer does not see fences"),
    (r"\b(?:rand|drand48)\s*\(\s*\)|\bsrand(?:om)?\s*\(", ("",), (), "<random> with a seed"),
    (r"\bv?sprintf\s*\(", ("",), (), "fmt::format"),
    (r"\b(?:strcpy|strcat|gets|strtok)\s*\(", ("",), (), "std::string"),
    (r"\bato[ilf]l?\s*\(", ("",), ("tests/",),
     "std::from_chars, which tells a number from what is none"),
    (r"\b(?:usleep|nanosleep)\s*\(", ("",), (), "a condition to wait for, or sleep_for"),
    (r"\bstd::endl\b", ("",), (), r"'\n': endl flushes"),
    (r"(?<![\w.>:])(?:std::)?system\s*\(|\bpopen\s*\(", ("",), ("tests/",),
     "posix_spawn with a list of arguments: no shell"),
    (r"(?<![\w.>:])(?:std::)?(?:quick_)?exit\s*\(", ("src/", "include/"), ("src/cli/",),
     "an exception: the process is the user's"),
    (r"(?<!fmt::)\b(?:local|gm)time\s*\(", ("",), (), "localtime_r or gmtime_r"),
    (r"(?<![\w.>:])signal\s*\(", ("",), (), "sigaction"),
    (r"\bstd::(?:cout|cerr)\b|(?<!\w)f?printf\s*\(", ("src/", "include/"), ("src/cli/",),
     "the log, or a value that is returned"),
    (r"\busing\s+namespace\s+std\s*;", ("",), (), "the names one by one"),
    (r"(?<!asm )(?<!asm__ )\bvolatile\b", ("src/", "include/"), (), "std::atomic"),
]

UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"]) + r")\b")


def check_banned(tree):
    for path in tree.cpp():
        code = cpp_text.without_comments_and_literals(tree.text(path))
        for pattern, places, exempt, instead in BANNED:
            if not path.startswith(places) or (exempt and path.startswith(exempt)):
                continue
            for found in re.finditer(pattern, code):
                name = found.group(0).strip().rstrip("( ")
                yield Violation(path, cpp_text.line_of(code, found.start()),
                                f"{name} is banned; use {instead}")


def check_environment(tree):
    """The environment is read in one place, so that what narke listens to is one list."""
    readers = [path for path in tree.cpp() if path.startswith(("src/", "include/"))
               and re.search(r"\bsecure_getenv\s*\(",
                             cpp_text.without_comments_and_literals(tree.text(path)))]
    for path in readers[1:]:
        yield Violation(path, 0, f"reads the environment; that is the task of {readers[0]}")


def check_functions(tree):
    for path in tree.cpp() + tree.scripts():
        for first, last in functions_of(path, tree.text(path)):
            lines = last - first + 1
            if lines > FUNCTION_LINES_MAX:
                yield Violation(path, first, f"a function of {lines} lines; at most "
                                             f"{FUNCTION_LINES_MAX}: give its parts names")


def functions_of(path, text):
    if suffix(path) in CPP:
        return cpp_text.functions(text)
    if suffix(path) == ".py" or "python" in text.split("\n", 1)[0]:
        return python_functions(text)
    return shell_functions(text)


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno


def shell_functions(text):
    first = None
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"[\w-]+\(\)\s*[{(]", line):
            first = number
        elif first is not None and re.match(r"[})]", line):
            yield first, number
            first = None


def check_unfinished(tree):
    for path in tree.sources() + tree.documents():
        for number, line in tree.lines(path):
            if (found := UNFINISHED.search(line)) is not None:
                yield Violation(path, number, f"{found.group(0)}: finish it, or file an issue")


RULES = {
    "banned-call": check_banned,
    "one-environment-reader": check_environment,
    "function-length": check_functions,
    "unfinished": check_unfinished,
}
