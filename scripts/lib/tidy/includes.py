"""Who may include whom. The layers and their arrows are read from CMakeLists.txt."""

import re

from tidy import cpp_text
from tidy.tree import Violation

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
LAYER = re.compile(r"^\s*narke_layer\(\s*(\w+)\s+DEPENDS\s+([^)]*)\)", re.MULTILINE)

# What any layer may include besides those below it.
FOR_ALL = {"observe/event.hpp"}

# Written against the public headers alone, as a user's program is.
PUBLIC_ONLY = ("examples/", "bench/", "tests/conformance/", "tests/misuse/", "tests/stress/",
               "tests/unlisted/", "tests/packaging/")
# The contenders that use the driver by hand, in benchmarks: its table, and nothing above it.
DRIVER_BY_HAND = ("bench/harness/raw_driver.",)

CUDA_PLACES = ("kernels/", "include/narke/cuda.hpp", "include/narke/thrust.hpp", "tests/driver/",
               "tests/kernels/")

# Header, by its beginning; where it may be included; why.
RESTRICTED = [
    (("hwloc.h", "hwloc/"), ("src/topology/", "tests/topology/"),
     "hwloc stays behind src/topology: ask for a machine"),
    (("cuda.h", "cuda_runtime", "cuda_fp16", "cuda/", "thrust/", "cub/", "nvml.h"), CUDA_PLACES,
     "CUDA headers are for kernels and the opt-in headers: use driver/driver_abi.hpp"),
    (("nlohmann/", "fmt/", "spdlog/", "CLI/", "stb"), ("src/", "tests/", "examples/", "bench/"),
     "public headers bring no library along"),
    (("CLI/",), ("src/cli/", "examples/", "tests/", "bench/"), "options are read by programs"),
    (("gtest/", "gmock/"), ("tests/",), "GoogleTest is for tests"),
]


def includes_of(tree, path):
    """Yields (line, header, whether in quotes)."""
    text = cpp_text.without_comments(tree.text(path))
    for found in INCLUDE.finditer(text):
        yield text.count("\n", 0, found.start(1)) + 1, found.group(2), found.group(1) == '"'


def layer_closure(tree):
    """Maps each layer to those it may include, itself too."""
    direct = {}
    if "CMakeLists.txt" in tree.paths:
        for name, depends in LAYER.findall(tree.text("CMakeLists.txt")):
            direct[name] = re.findall(r"\bnarke_(\w+)", depends)
    if "api" in direct:
        direct["cli"] = ["api"] + [name for name in ("jobs",) if name in direct]

    def reach(name, seen):
        for below in direct.get(name, []):
            if below not in seen:
                reach(below, seen | {below})
                seen |= reach(below, seen | {below})
        return seen

    return {name: reach(name, {name}) for name in direct}


def layer_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] in ("src", "tests") and len(parts) > 2 else None


def check_layers(tree):
    allowed = layer_closure(tree)
    for path in tree.cpp():
        mine = layer_of(path)
        public = path.startswith("include/")
        for line, header, quoted in includes_of(tree, path):
            target = header.split("/")[0]
            if target not in allowed or not tree.exists(f"src/{header}") or header in FOR_ALL:
                continue
            if public:
                yield Violation(path, line, f"a public header includes the internal {header}")
            elif path.startswith(DRIVER_BY_HAND) and target == "driver":
                continue
            elif path.startswith(PUBLIC_ONLY):
                yield Violation(path, line, f"{header} is internal; only <narke/...> is for here")
            elif mine in allowed and target not in allowed[mine]:
                below = ", ".join(sorted(allowed[mine]))
                yield Violation(path, line,
                                f"{mine} may not include {header}; it may include {below}")


def check_forms(tree):
    """Internal headers by "layer/name.hpp", public ones by <narke/name.hpp>."""
    for path in tree.cpp():
        for line, header, quoted in includes_of(tree, path):
            if header.startswith("narke/") and quoted:
                yield Violation(path, line, f"write <{header}>: it is a public header")
            if path.startswith("src/") and quoted and not tree.exists(f"src/{header}") \
                    and not header.startswith("narke/"):
                yield Violation(path, line, f'no src/{header}: write "layer/name.hpp"')


def check_restricted(tree):
    for path in tree.cpp():
        for line, header, _ in includes_of(tree, path):
            for beginnings, places, why in RESTRICTED:
                if header.startswith(beginnings) and not path.startswith(places):
                    yield Violation(path, line, f"<{header}> may not be included here: {why}")


RULES = {
    "layers": check_layers,
    "include-form": check_forms,
    "restricted-header": check_restricted,
}
