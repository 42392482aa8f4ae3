"""The project's files, and what a rule says of one of them."""

import dataclasses
import os
import pathlib
import subprocess

GENERATED = {"build", "out", ".git", ".cache", "__pycache__"}
CPP = {".hpp", ".cpp", ".cc", ".cu", ".cuh"}
SCRIPT = {".py", ".sh"}


@dataclasses.dataclass(frozen=True)
class Violation:
    """`line` counts from 1; 0 means the whole file."""

    path: str
    line: int
    message: str
    rule: str = ""

    def of(self, rule):
        return dataclasses.replace(self, rule=rule)

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


class Tree:
    """The files of a source tree: those git knows of or would add, or all where git does not."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.paths = sorted(path for path in self._listed() if (self.root / path).is_file())
        self._texts = {}

    def _listed(self):
        if (self.root / ".git").exists():
            git = subprocess.run(
                ["git", "-C", str(self.root), "ls-files", "-z", "--cached", "--others",
                 "--exclude-standard"], capture_output=True, check=False, text=True)
            if git.returncode == 0:
                return {path for path in git.stdout.split("\0") if path}
        return set(self._walked())

    def _walked(self):
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in GENERATED]
            for name in names:
                yield (pathlib.Path(folder) / name).relative_to(self.root).as_posix()

    def text(self, path):
        """The file's text; empty for one that is not text."""
        if path not in self._texts:
            try:
                self._texts[path] = (self.root / path).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                self._texts[path] = ""
        return self._texts[path]

    def lines(self, path):
        return enumerate(self.text(path).splitlines(), start=1)

    def exists(self, path):
        """Whether there is such a file or folder, generated ones included."""
        return (self.root / path).exists()

    def cpp(self):
        return [path for path in self.paths if suffix(path) in CPP]

    def scripts(self):
        return [path for path in self.paths if self._is_script(path)]

    def sources(self):
        """What people write as code: C++, scripts and CMake."""
        cmake = [path for path in self.paths
                 if path.endswith((".cmake", "CMakeLists.txt"))]
        return self.cpp() + self.scripts() + cmake

    def documents(self):
        return [path for path in self.paths if suffix(path) == ".md"
                and ("/" not in path or path.startswith("docs/"))]

    def _is_script(self, path):
        return suffix(path) in SCRIPT or (
            suffix(path) == "" and self.text(path).startswith("#!"))


def suffix(path):
    return pathlib.PurePosixPath(path).suffix
