"""A full or broken disk under what the program writes: the right exit code, a message that names
the file, no record that is cut off, and no job lost. By a library that is loaded before others."""
import errno
import os
import subprocess
import sys

import run_support
from run_support import RunTest

JOBS = 4
LIBRARY = ""


class ADisk(RunTest):
    def broken(self, call, error, nth):
        return {"LD_PRELOAD": LIBRARY, "NARKE_TEST_DISK_FAULT": f"{call}:{error}:{nth}"}

    def jobs_that_ran(self):
        return sorted(path.name for path in self.folder.glob("ran.*"))

    def test_that_fails_at_any_write_of_the_state_stops_the_run_and_loses_no_job(self):
        for error in (errno.ENOSPC, errno.EIO, errno.EDQUOT):
            for nth in range(1, JOBS + 2):
                with self.subTest(error=errno.errorcode[error], nth=nth):
                    self.fresh()
                    result = self.expect(1, "jobs", "--jobs", "1",
                                         environment=self.broken("write", error, nth))
                    self.assertIn("state.jsonl", result.stderr)
                    self.assertIn(os.strerror(error), result.stderr)
                    state = self.read("jobs.narke/state.jsonl")
                    self.assertTrue(state == "" or state.endswith("\n"), "a record is cut off")
                    self.assertLessEqual(len(self.jobs_that_ran()), nth)
                    self.expect(0, "jobs", "--resume")
                    self.assertEqual(len(self.jobs_that_ran()), JOBS)

    def test_that_takes_half_of_a_record_has_no_record_that_is_cut_off(self):
        for nth in range(1, JOBS + 2):
            with self.subTest(nth=nth):
                self.fresh()
                self.run_to_end("jobs", "--jobs", "1", environment=self.broken("write", 0, nth))
                for line in self.read("jobs.narke/state.jsonl").splitlines(keepends=True):
                    self.assertTrue(line.endswith("}\n"), line)
                self.expect(0, "jobs", "--resume")
                self.assertEqual(len(self.jobs_that_ran()), JOBS)

    def test_that_is_full_under_standard_output_is_exit_code_1(self):
        for arguments in (["report"], ["report", "--json"], ["--version"]):
            with open(self.folder / "out", "w", encoding="utf-8") as out:
                result = subprocess.run(
                    [run_support.PROGRAM, *arguments], stdout=out, stderr=subprocess.PIPE,
                    text=True, check=False,
                    env={**os.environ, **self.broken("write", errno.ENOSPC, 1)})
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn("standard output", result.stderr)

    def fresh(self):
        for path in self.jobs_that_ran():
            (self.folder / path).unlink()
        for path in self.folder.glob("jobs.narke*/*"):
            path.unlink()
        self.write(*[f": > ran.{i}" for i in range(JOBS)])


if __name__ == "__main__":
    run_support.PROGRAM, run_support.SOURCE, LIBRARY = sys.argv[1:4]
    run_support.unittest.main(argv=sys.argv[:1] + sys.argv[4:])
