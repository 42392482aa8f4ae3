#!/usr/bin/env python3
"""run_docs_test.py PROGRAM SOURCE_DIR: the examples of docs/run.md do what they say.

A ```jobs block is the file jobs.txt. The lines of ```sh blocks are run in order by bash, in one
folder; `# exits N` behind one is its exit code, `# prints ...` below it a line that it prints.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Examples(unittest.TestCase):
    program = source = None

    def test_do_what_they_say(self):
        text = (self.source / "docs" / "run.md").read_text(encoding="utf-8")
        blocks = BLOCK.findall(text)
        commands = []
        for line in "".join(body for name, body in blocks if name == "sh").splitlines():
            if (printed := re.match(r"# prints (.*)", line)) is not None:
                commands[-1][1].append(printed.group(1))
            else:
                commands.append((line, []))
        self.assertGreaterEqual(len(commands), 8)
        with tempfile.TemporaryDirectory() as folder:
            jobs = next(body for name, body in blocks if name == "jobs")
            (pathlib.Path(folder) / "jobs.txt").write_text(jobs, encoding="utf-8")
            for command, printed in commands:
                with self.subTest(command=command):
                    self.run_command(command, printed, folder)

    def run_command(self, command, printed, folder):
        environment = {**os.environ, "PATH": f"{self.program.parent}:{os.environ['PATH']}"}
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
                              check=False)
        exits = re.search(r"# exits (\d+)", command)
        self.assertEqual(done.returncode, int(exits.group(1)) if exits else 0, done.stderr)
        if printed:
            self.assertEqual(done.stdout.splitlines(), printed)


if __name__ == "__main__":
    Examples.program, Examples.source = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
