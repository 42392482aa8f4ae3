#!/usr/bin/env python3
"""run_terminal_test.py PROGRAM SOURCE_DIR: `narke run` on a terminal, and what a hostile command
can make it print."""
import fcntl
import os
import pty
import re
import struct
import sys
import termios
import unittest

import run_support
from run_support import RunTest

HOSTILE = "true '\x1b[2J\x1b]0;owned\x07' \u009b31m \x7f \u202e"
# Up, clear to the end of the line, clear to the end of the screen: what the table draws with.
OURS = re.compile(r"\x1b\[(?:\d+A|K|J)")


class Terminal(RunTest):
    def run_on_terminal(self, code, *arguments, columns=80, lines=24, environment=None):
        """What is written to a terminal as standard error."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        process = self.start(*arguments, stderr=theirs,
                             environment={"TERM": "xterm", **(environment or {})})
        os.close(theirs)
        written = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            written += piece
        os.close(ours)
        process.communicate()
        self.assertEqual(process.returncode, code, written)
        return written.decode("utf-8")

    def screen_of(self, written):
        """The lines that stand there in the end, by the few sequences that are drawn with."""
        lines, row = [""], 0
        for part in re.findall(r"\x1b\[\d*[AKJ]|\r|\n|[^\x1b\r\n]+", written):
            if part == "\n":
                row += 1
                if row == len(lines):
                    lines.append("")
            elif part == "\r":
                continue
            elif part.endswith("A") and part[0] == "\x1b":
                row -= int(part[2:-1])
                self.assertGreaterEqual(row, 0)
            elif part == "\x1b[J":
                del lines[row + 1:]
                lines[row] = ""
            elif part != "\x1b[K":
                lines[row] = part
        return lines

    def test_shows_a_bar_and_what_went_wrong(self):
        self.write("true", "exit 3", "true")
        written = self.run_on_terminal(1, "jobs")
        screen = self.screen_of(written)
        self.assertTrue(any("job 2 failed (exit 3)" in line for line in screen), screen)
        self.assertTrue(any(line.startswith("[####") and "3 of 3, 1 failed" in line
                            for line in screen), screen)
        self.assertIn("2 done, 1 failed", screen[-2])

    def test_shows_running_jobs_with_gpus_and_command(self):
        self.gates("gate")
        self.write("#NARKE --num-gpus 1", "read _ < gate # a command")
        ours, theirs = pty.openpty()
        process = self.start("--emulated-gpus", "1", "jobs", stderr=theirs,
                             environment={"TERM": "xterm"})
        os.close(theirs)
        written = ""
        while "1 running" not in written:
            written += os.read(ours, 65536).decode("utf-8")
        self.assertRegex(written, r"id +state +GPUs +time +exit +command")
        self.assertRegex(written, r" 1  running +0 +0\.\d s +- +read _ < gate # a command")
        self.open_gate("gate")
        try:
            while os.read(ours, 65536):
                pass
        except OSError:
            pass
        os.close(ours)
        process.communicate()
        self.assertEqual(process.returncode, 0)

    def test_is_never_drawn_wider_or_higher_than_it_is(self):
        self.write("#NARKE --num-cpus 0",
                   *["true wide \u4e16\u754c\u4e16\u754c " + "x" * 200] * 30)
        written = self.run_on_terminal(0, "jobs", columns=40, lines=10)
        for line in re.split(r"[\r\n]+", OURS.sub("", written)):
            if not line.startswith("narke: "):
                self.assertLessEqual(sum(1 if ord(c) < 0x1100 else 2 for c in line), 39, line)
        for up in re.findall(r"\x1b\[(\d+)A", written):
            self.assertLess(int(up), 10)

    def test_gets_no_control_character_from_a_command_or_a_name(self):
        self.write(HOSTILE, "#NARKE --name \x1b[31m", HOSTILE + "; false")
        for code, arguments in ((1, ["jobs"]), (2, ["--num-gpus", "99", "jobs"])):
            written = OURS.sub("", self.run_on_terminal(code, *arguments))
            self.assertEqual(re.findall(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]", written), [])
        for file in (self.folder / "jobs.narke").iterdir():
            self.assertRegex(file.name, r"^[A-Za-z0-9._-]+$")

    def test_gets_no_control_character_where_there_is_none(self):
        self.write(HOSTILE, HOSTILE + "; false")
        result = self.expect(1, "jobs")
        self.assertEqual(re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stderr), [])
        for arguments in (["--json"], ["--dry-run"], ["--dry-run", "--json"]):
            result = self.run_to_end(*arguments, "jobs")
            self.assertEqual(re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stdout), [])

    def test_that_can_draw_nothing_gets_lines(self):
        self.write("true")
        written = self.run_on_terminal(0, "jobs", environment={"TERM": "dumb"})
        self.assertNotIn("\x1b", written)
        self.assertIn("job 1 started", written)


if __name__ == "__main__":
    run_support.PROGRAM, run_support.SOURCE = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
