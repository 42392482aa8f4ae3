"""scripts/gpu-check with a pack whose programs are small shell scripts.

Usage: script_test.py SCRIPTS_DIR
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
SCRIPTS = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "scripts").resolve()
sys.path.insert(0, str(SCRIPTS / "lib"))

from gpu_check import differences, jobs, pack  # noqa: E402

FACTS = r"""
if [ "$1" = --list ]; then
  printf 'good\tis good\nhangs\thangs\ncrashes\tcrashes\nlast\tis last\n'
  exit
fi
driver=cuda; [ "$1" != --emulated ] || { driver=emulated; shift; }
case "$1-$driver" in
  hangs-cuda) sleep 1000 & wait ;;
  crashes-cuda) kill -SEGV $$ ;;
esac
answer=1; [ "$1-$driver" != last-cuda ] || answer=2
printf '{"check": "%s", "driver": "%s", "facts": {"answer": %s, "same": true}, "figures": {}}\n' \
  "$1" "$driver" "$answer"
"""

TESTS = r"""
case "$1" in
  --gtest_list_tests)
    printf 'suite.\n  passes\n  fails\n  skips\ngpus/other.\n  one/1  # GetParam() = 1\n' ;;
  *fails*) echo "expected"; exit 1 ;;
  *skips*) echo "[  SKIPPED ] suite.skips" ;;
  *) echo "$1 $NARKE_TEST_GPUS" ;;
esac
"""

DEMO = r"""
while [ $# -gt 0 ]; do
  case "$1" in --out) out="$2"; shift ;; --emulated-gpus) gpus="$2"; shift ;; esac; shift
done
mkdir -p "$out"
printf '{"pictures": [{"file": "a", "checksum": "%s"}]}' "${SUM-1}" >"$out/figures.json"
"""


class GpuCheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.pack = self.folder / "pack"
        self.program("bin/gpu_facts", FACTS)
        self.program("bin/gpu_conformance_tests", TESTS)
        self.program("bin/narke_demo", DEMO)
        self.program("bench/gpu_one", 'echo a table\nfile="$2"; shift 2\n'
                     'printf \'{"benchmarks": [1], "given": "%s"}\' "$*" >"$file"\n')
        (self.pack / "pictures").mkdir()
        (self.pack / pack.MANIFEST).write_text("{}", encoding="utf-8")

    def program(self, name, body):
        path = self.pack / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n" + body, encoding="utf-8")
        path.chmod(0o755)

    def run_stage(self, number, *options):
        done = subprocess.run(
            [SCRIPTS / "gpu-check", "run", str(number), "--pack", self.pack, "--out",
             self.folder / "out", *options],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        path = self.folder / "out" / f"results-{number}.jsonl"
        results = jobs.read_results(path) if path.is_file() else []
        return done, {result["name"]: result for result in results}

    def test_a_check_that_hangs_or_crashes_loses_itself_alone(self):
        done, results = self.run_stage(1, "--timeout-s", "1")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        status = {name: result.get("status") for name, result in results.items()}
        self.assertEqual(status["hangs (cuda)"], "timeout")
        self.assertEqual(status["crashes (cuda)"], "crashed")
        for name in ("good (cuda)", "hangs (emulated)", "crashes (emulated)", "last (cuda)"):
            self.assertEqual(status[name], "passed", name)

    def test_differences_stand_beside_each_other(self):
        self.run_stage(1, "--timeout-s", "1")
        text = (self.folder / "out" / "differences.json").read_text(encoding="utf-8")
        found = {check["check"]: check for check in json.loads(text)["checks"]}
        self.assertEqual(found["last"]["differences"], {"answer": {"cuda": 2, "emulated": 1}})
        self.assertEqual(found["good"]["differences"], {})
        self.assertFalse(found["hangs"]["complete"])
        self.assertEqual(json.loads(text)["facts_that_differ"], 1)

    def test_tests_run_one_by_one_on_the_real_driver(self):
        done, results = self.run_stage(2)
        prefix = "gpu_conformance_tests."
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(results[prefix + "suite.fails"]["status"], "failed")
        self.assertIn("expected", results[prefix + "suite.fails"]["output"])
        self.assertEqual(results[prefix + "suite.skips"]["status"], "skipped")
        last = results[prefix + "gpus/other.one/1"]
        self.assertEqual(last["device"], "cuda")
        self.assertEqual(last["output"], "--gtest_filter=gpus/other.one/1 cuda\n")

    def test_the_demo_has_to_give_the_same_pictures(self):
        _, results = self.run_stage(2, "--only", "demo")
        self.assertEqual(results["demo.same_pictures"]["status"], "passed")
        self.program("bin/narke_demo", DEMO.replace('"${SUM-1}"', '"$gpus"'))
        done, results = self.run_stage(2, "--only", "demo")
        self.assertEqual(results["demo.same_pictures"]["status"], "failed")
        self.assertEqual(done.returncode, 1)

    def test_a_trial_is_never_told_as_a_gpus(self):
        for number in (1, 2, 3):
            _, results = self.run_stage(number, "--emulated")
            del results["about"]
            self.assertTrue(results)
            for result in results.values():
                self.assertNotIn("cuda", result["device"], result)
        self.assertEqual(results["gpu_one, 1 of 3"]["data"]["given"],
                         "--emulated --quick")

    def test_every_benchmark_runs_three_times(self):
        done, results = self.run_stage(3)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([name for name in results if name != "about"],
                         [f"gpu_one, {repeat} of 3" for repeat in (1, 2, 3)])
        self.assertEqual(results["gpu_one, 3 of 3"]["data"]["benchmarks"], [1])
        self.assertIn("clocks", results["gpu_one, 3 of 3"])

    def test_what_the_time_does_not_reach_is_told(self):
        done, results = self.run_stage(1, "--budget-s", "0")
        self.assertEqual(done.returncode, 1)
        self.assertEqual({result["status"] for name, result in results.items() if name != "about"},
                         {"not run"})

    def test_a_list_runs_nothing(self):
        done, results = self.run_stage(1, "--list", "--only", "hangs")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(results, {})
        self.assertEqual([line.split("\t")[0] for line in done.stdout.splitlines()],
                         ["hangs (cuda)", "hangs (emulated)"])

    def test_a_folder_that_is_no_pack_is_refused(self):
        shutil.rmtree(self.pack)
        done, _ = self.run_stage(1)
        self.assertEqual(done.returncode, 2)
        self.assertIn("is no pack", done.stderr)


class Results(unittest.TestCase):
    def test_a_line_that_was_cut_off_is_left_out(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "results"
            file = jobs.ResultFile(path)
            file.write({"name": "one"})
            self.assertEqual(jobs.read_results(path), [{"name": "one"}])  # before it is closed
            file.close()
            path.write_text(path.read_text(encoding="utf-8") + '{"name": "tw', encoding="utf-8")
            self.assertEqual(jobs.read_results(path), [{"name": "one"}])

    def test_a_fact_that_one_driver_alone_has_differs(self):
        found = differences.compare([
            {"data": {"check": "c", "driver": "cuda", "facts": {"a": 1, "b": 2}, "figures": {}}},
            {"data": {"check": "c", "driver": "emulated", "facts": {"a": 1, "c": 3},
                      "figures": {}}}])
        self.assertEqual(found["checks"][0]["differences"],
                         {"b": {"cuda": 2, "emulated": None}, "c": {"cuda": None, "emulated": 3}})
        self.assertEqual(found["facts_compared"], 1)


if __name__ == "__main__":
    unittest.main()
