"""Builds and runs the programs in docs/patterns.md: what they print, and what the advisor finds.

Usage: patterns_test.py PATTERNS WORK_DIR NARKE_DIR COMPILER
"""

import json
import os
import pathlib
import re
import sys
import unittest

from snippets_test import Readme as Snippets
from snippets_test import expected_output, programs


def expected_codes(program):
    return sorted(set(re.search(r"^// advice: (.+)$", program, re.MULTILINE).group(1).split())
                  - {"none"})


class Patterns(unittest.TestCase):
    def test_every_program_prints_and_is_advised_as_it_says(self):
        builder = Snippets()
        found = programs(builder.document.read_text(encoding="utf-8"))
        self.assertGreaterEqual(len(found), 3)
        for number, program in enumerate(found):
            with self.subTest(program=number):
                report = builder.work_dir / f"pattern_{number}.json"
                os.environ["NARKE_REPORT"] = str(report)
                done = builder.build_and_run(f"pattern_{number}", program)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.splitlines(), expected_output(program))
                advice = json.loads(report.read_text(encoding="utf-8"))["advice"]
                self.assertEqual(sorted({each["code"] for each in advice}),
                                 expected_codes(program), advice)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    Snippets.document = pathlib.Path(sys.argv[1]).resolve()
    Snippets.readme = Snippets.document.parent.parent / "README.md"
    Snippets.work_dir, Snippets.narke_dir = (pathlib.Path(p).resolve() for p in sys.argv[2:4])
    Snippets.compiler, Snippets.flags = sys.argv[4], ()
    unittest.main(argv=sys.argv[:1], defaultTest="Patterns")
