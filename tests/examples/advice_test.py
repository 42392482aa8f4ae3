"""Runs an example and checks that the advisor finds what its source says, no more and no less.

Usage: advice_test.py SOURCE PROGRAM

The source has a comment "// advice: CODE CODE...", or "// advice: none".
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def expected_codes(source):
    text = pathlib.Path(source).read_text(encoding="utf-8")
    found = re.search(r"^// advice: (.+)$", text, re.MULTILINE)
    if found is None:
        sys.exit(f"{source} does not say what advice it expects")
    return sorted(set(found.group(1).split()) - {"none"})


def found_advice(program):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        environment = dict(os.environ, NARKE_REPORT=str(report), NARKE_NUM_CPUS="2")
        done = subprocess.run([program], env=environment, capture_output=True, text=True,
                              check=False, timeout=60)
        if done.returncode != 0:
            sys.exit(f"{program} ended with {done.returncode}: {done.stderr}")
        return json.loads(report.read_text(encoding="utf-8"))["advice"], done.stderr


def main(source, program):
    advice, said = found_advice(program)
    codes = sorted({each["code"] for each in advice})
    if codes != expected_codes(source):
        sys.exit(f"expected {expected_codes(source)}, found {json.dumps(advice, indent=2)}")
    for each in advice:
        if pathlib.Path(each["file"]).name != pathlib.Path(source).name:
            sys.exit(f"{each} names another file")
        if f"[{each['code']}]" not in said:
            sys.exit(f"{each['code']} was not told at shutdown: {said}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
