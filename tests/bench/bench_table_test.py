"""The table that scripts/bench prints of what the programs wrote.

Usage: bench_table_test.py BENCH_TABLE_PY
"""

import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "scripts/lib/bench_table.py")
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("bench_table", SCRIPT)
bench_table = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench_table)

CONTEXT = {"cpu_model": "A CPU", "num_cpus": 2, "compiler": "GNU 12", "build_type": "Release",
           "narke_version": "0.1.0", "commit": "abc", "date": "2026-11-29T16:00:00+00:00",
           "load_avg": [0.5, 0.4, 0.3], "quick": False}


def record(contender, real, cpu, aggregate=None, **more):
    one = {"workload": "sort", "variant": "size:8", "contender": contender, "baseline": "bubble",
           "compared_by": "real_time", "item": "element", "run_type": "iteration",
           "real_time": real, "cpu_time": cpu}
    if aggregate is not None:
        one |= {"run_type": "aggregate", "aggregate_name": aggregate}
    return one | more


def table(*records, **context):
    return bench_table.to_text([{"context": CONTEXT | context, "benchmarks": list(records)}])


class Table(unittest.TestCase):
    def test_medians_are_compared_with_the_first(self):
        text = table(record("bubble", 400, 1), record("heap", 100, 1))
        self.assertIn("| heap | 100 ns | 100 ns – 100 ns | 1 ns | 0.25 x | -300 ns |  |", text)
        self.assertIn("| bubble | 400 ns | 400 ns – 400 ns | 1 ns |  |  |  |", text)

    def test_aggregates_win_over_single_repetitions(self):
        text = table(*(record("bubble", *values) for values in (
            (7, 7), (5, 5, "median"), (2, 2, "min"), (9, 9, "max"), (6, 6, "mean"))))
        self.assertIn("| bubble | 7 ns", table(record("bubble", 7, 7)))
        self.assertIn("| bubble | 5 ns | 2 ns – 9 ns | 5 ns |", text)

    def test_cpu_time_is_compared_where_the_program_says_so(self):
        text = table(record("bubble", 1, 100, compared_by="cpu_time"),
                     record("heap", 1, 150, compared_by="cpu_time"))
        self.assertIn("1.50 x | +50 ns", text)
        self.assertIn("compared by CPU time", text)

    def test_counters_are_compared_where_the_program_says_so(self):
        text = table(record("bubble", 1, 1, compared_by="bytes_a_task", bytes_a_task=400),
                     record("heap", 1, 1, compared_by="bytes_a_task", bytes_a_task=100))
        self.assertIn("compared by bytes a task", text)
        self.assertIn("| heap | 1 ns | 1 ns – 1 ns | 1 ns | 0.25 x | -300 B | 100 B |", text)

    def test_failures_are_told_and_nothing_is_compared_with_them(self):
        failed = record("bubble", 0, 0, error_occurred=True, error_message="it is wrong")
        text = table(failed, record("heap", 3, 3))
        self.assertIn("| bubble | FAILED: it is wrong |", text)
        self.assertIn("| heap | 3 ns | 3 ns – 3 ns | 3 ns |  |  |  |", text)

    def test_emulated_devices_are_said_to_be_so_and_real_ones_are_named(self):
        self.assertIn("no GPU's", table(record("bubble", 1, 1, device="emulated")))
        text = table(record("bubble", 1, 1, device="A GPU"))
        self.assertNotIn("no GPU's", text)
        self.assertIn("A GPU", text)

    def test_machine_load_and_haste_are_said(self):
        text = table(record("bubble", 1, 1), quick=True)
        for each in ("A CPU, 2 CPUs", "abc", "2026-11-29", "0.5 to 0.5", "no figure to quote"):
            self.assertIn(each, text)

    def test_units(self):
        self.assertEqual([bench_table.duration(ns) for ns in (12, 12e3, 12e6, 1.5e9)],
                         ["12 ns", "12 us", "12 ms", "1.500 s"])
        self.assertEqual([bench_table.rate(each) for each in (5e3, 5e6, 5e9)],
                         ["5 kB/s", "5 MB/s", "5 GB/s"])

    def test_a_file_that_is_no_json_is_named(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write("{")
            file.flush()
            done = subprocess.run([SCRIPT, file.name], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(file.name, done.stderr)

    def test_several_files_come_one_after_the_other(self):
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for name in ("one", "two"):
                files.append(pathlib.Path(folder) / name)
                files[-1].write_text(json.dumps({"context": CONTEXT, "benchmarks": [
                    record("bubble", 1, 1, workload=name)]}), encoding="utf-8")
            done = subprocess.run([SCRIPT, *files], capture_output=True, text=True, check=True)
            self.assertLess(done.stdout.index("**one**"), done.stdout.index("**two**"))


if __name__ == "__main__":
    unittest.main()
