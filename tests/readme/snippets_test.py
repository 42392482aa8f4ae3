"""Builds and runs the programs in README.md, and checks that its commands are there to be run.

Usage: snippets_test.py README WORK_DIR NARKE_DIR COMPILER [FLAG...]

README may be another document, which then needs no commands.

A ```cpp block is a program when it has a `main`; its comments `// prints ...` are, line by line,
what it has to print. A command of a ```sh block has to be an executable script of the project, or
a program in the list below. NARKE_DIR holds libnarke.so.
"""

import os
import pathlib
import re
import subprocess
import sys
import unittest

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OTHER_COMMANDS = {"cmake", "narke"}
PROJECT = pathlib.Path(__file__).resolve().parents[2]


def blocks(text, language):
    return [body for name, body in BLOCK.findall(text) if name == language]


def programs(text):
    return [body for body in blocks(text, "cpp") if re.search(r"\bint main\(", body)]


def expected_output(program):
    """What `// Prints: ...` comments of the program promise, in order."""
    return re.findall(r"//\s*prints\s+(.*)$", program, re.MULTILINE)


def commands(text):
    for body in blocks(text, "sh"):
        for line in body.splitlines():
            words = line.split("#")[0].split()
            if words:
                yield words


class Readme(unittest.TestCase):
    readme = work_dir = narke_dir = compiler = None
    flags = ()

    def test_there_are_programs_and_commands(self):
        text = self.readme.read_text(encoding="utf-8")
        self.assertTrue(programs(text))
        found = {words[0] for words in commands(text)}
        if self.readme.name != "README.md":
            return
        self.assertLessEqual({"./scripts/demo", "./scripts/test"}, found)

    def test_every_program_builds_and_prints_what_it_says(self):
        for number, program in enumerate(programs(self.readme.read_text(encoding="utf-8"))):
            with self.subTest(program=number):
                done = self.build_and_run(f"program_{number}", program)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.splitlines(), expected_output(program))

    def test_every_command_is_there(self):
        for words in commands(self.readme.read_text(encoding="utf-8")):
            with self.subTest(command=" ".join(words)):
                if words[0] in OTHER_COMMANDS:
                    continue
                script = PROJECT / words[0]
                self.assertTrue(script.is_file(), f"{words[0]} is not there")
                self.assertTrue(os.access(script, os.X_OK), f"{words[0]} is not executable")
                subprocess.run(["bash", "-n", str(script)], check=True)

    def build_and_run(self, name, program):
        self.work_dir.mkdir(parents=True, exist_ok=True)
        source = self.work_dir / f"{name}.cpp"
        source.write_text(program, encoding="utf-8")
        subprocess.run(
            [self.compiler, "-std=c++20", "-Wall", "-Wextra", "-Werror", *self.flags,
             f"-I{PROJECT / 'include'}", str(source), "-o", str(self.work_dir / name),
             f"-L{self.narke_dir}", "-lnarke", f"-Wl,-rpath,{self.narke_dir}"], check=True)
        return subprocess.run([str(self.work_dir / name)], capture_output=True, text=True,
                              check=False, timeout=60)


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    Readme.readme = pathlib.Path(sys.argv[1]).resolve()
    Readme.work_dir, Readme.narke_dir = (pathlib.Path(path).resolve() for path in sys.argv[2:4])
    Readme.compiler, Readme.flags = sys.argv[4], tuple(sys.argv[5:])
    unittest.main(argv=sys.argv[:1])
