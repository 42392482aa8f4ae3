"""How Ray's records come beside those that the programs of bench/ wrote, without Ray.

Usage: ray_peer_test.py RAY_PEER_PY VALIDATOR SCHEMA
"""

import copy
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT, VALIDATOR, SCHEMA = sys.argv[1:4]
del sys.argv[1:4]
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("ray_peer", SCRIPT)
ray_peer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ray_peer)

CONTEXT = {"date": "2026-11-29T16:00:00+00:00", "host_name": "a", "executable": "./sort",
           "num_cpus": 2, "mhz_per_cpu": 0, "cpu_scaling_enabled": False, "caches": [],
           "load_avg": [0.5, 0.4, 0.3], "library_build_type": "release", "cpu_model": "A CPU",
           "compiler": "GNU 12", "build_type": "Release", "narke_version": "0.1.0",
           "commit": "abc", "quick": False}


def record(contender, place):
    return {"name": f"sort/{contender}/size:8", "family_index": 0,
            "per_family_instance_index": place, "run_name": f"sort/{contender}/size:8",
            "run_type": "iteration", "repetitions": 1, "repetition_index": 0, "threads": 1,
            "workload": "sort", "variant": "size:8", "contender": contender, "baseline": "bubble",
            "compared_by": "real_time", "item": "element", "iterations": 8, "real_time": 5,
            "cpu_time": 5, "time_unit": "ns"}


DOCUMENT = {"context": CONTEXT, "benchmarks": [record("bubble", 0), record("heap", 1)]}


class RayPeer(unittest.TestCase):
    def add(self, peer, repetitions=2, document=DOCUMENT):
        """The document with the records of `peer`, and whether all were well."""
        ray_peer.peers_of = lambda workload: lambda variant, quick: {"ray": peer}
        document = copy.deepcopy(document)
        return document, ray_peer.add_to(document, False, repetitions)

    def assert_keeps_schema(self, document):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "results.json"
            ray_peer.write(document, file)
            done = subprocess.run([sys.executable, VALIDATOR, SCHEMA, file], check=False,
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_repetition_and_the_aggregates_stand_beside_the_others(self):
        document, is_well = self.add(ray_peer.Peer(4, lambda: 7, lambda found: None))
        self.assertTrue(is_well)
        added = [each for each in document["benchmarks"] if each["contender"] == "ray"]
        self.assertEqual([each["name"] for each in added],
                         ["sort/ray/size:8"] * 2 + [f"sort/ray/size:8_{name}" for name in (
                             "mean", "median", "stddev", "cv", "min", "max")])
        self.assertEqual({each["per_family_instance_index"] for each in added}, {2})
        self.assertEqual({each["baseline"] for each in added}, {"bubble"})
        self.assertEqual(added[0]["iterations"], 4)
        self.assert_keeps_schema(document)

    def test_a_second_time_takes_the_place_of_the_first(self):
        once, _ = self.add(ray_peer.Peer(4, lambda: 7, lambda found: None))
        twice, _ = self.add(ray_peer.Peer(4, lambda: 7, lambda found: None), document=once)
        self.assertEqual(len(once["benchmarks"]), len(twice["benchmarks"]))

    def test_a_wrong_result_is_told(self):
        document, is_well = self.add(ray_peer.Peer(
            4, lambda: 7, lambda found: ray_peer.expect_equal(found, 8, "the sum")))
        self.assertFalse(is_well)
        self.assertEqual(document["benchmarks"][-1]["error_message"],
                         "ValueError: the sum is 7, and had to be 8")
        self.assert_keeps_schema(document)

    def test_body_gets_what_was_prepared_each_time(self):
        made, seen = iter(range(10)), []
        self.add(ray_peer.Peer(1, seen.append, lambda found: None, prepare=lambda: next(made)), 2)
        self.assertEqual(seen, [0, 1, 2])

    def test_a_peer_may_want_fewer_repetitions(self):
        calls = []
        self.add(ray_peer.Peer(1, lambda: calls.append(1), lambda found: None, repetitions=1), 5)
        self.assertEqual(len(calls), 2)

    def test_cpu_time_is_that_of_children_too(self):
        before = ray_peer.cpu_ns()
        child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            while ray_peer.cpu_ns() - before < 50_000_000:
                pass
        finally:
            child.kill()
            child.wait()


if __name__ == "__main__":
    unittest.main()
