"""A benchmark of the GPU side runs, is right, and says of every record on what it ran.

Usage: gpu_smoke_test.py PROGRAM VALIDATOR SCHEMA
"""

import json
import pathlib
import subprocess
import sys
import tempfile


def main():
    program, validator, schema = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "results.json"
        done = subprocess.run([program, "--emulated", "--quick", "--repetitions", "1",
                               "--json", file], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        if "EMULATED devices" not in done.stdout:
            sys.exit(f"the table does not say that devices are emulated:\n{done.stdout}")
        if subprocess.run([sys.executable, validator, schema, file], check=False).returncode != 0:
            sys.exit("the JSON does not keep its schema")
        records = json.loads(file.read_text(encoding="utf-8"))["benchmarks"]
        contenders = {record["contender"] for record in records}
        if not records or any(record["device"] != "emulated" for record in records):
            sys.exit(f"not every record says that its device is emulated: {records}")
        if len(contenders) < 2:
            sys.exit(f"only {contenders} took part")
        if any(record["real_time"] <= 0 for record in records):
            sys.exit(f"a time that is none: {records}")


if __name__ == "__main__":
    main()
