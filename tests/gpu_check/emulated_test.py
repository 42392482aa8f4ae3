"""What goes to a machine with a GPU, on the emulated driver: the checks of facts, and conformance
tests as they run on CUDA, with the emulated driver in the place of libcuda.so.1.

Usage: emulated_test.py GPU_FACTS CONFORMANCE_TESTS FOLDER_OF_EMULATED_LIBCUDA
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import unittest

GPU_FACTS, CONFORMANCE_TESTS, LIBCUDA_FOLDER = sys.argv[1:4]
del sys.argv[1:4]

# The emulated driver keeps to these rules of CUDA's, so the device is to answer the same.
EXPECTED = {
    "symbols": {"table_entries_missing": 0},
    "context": {"active_before": 0, "same_context": True, "retain_makes_current": False,
                "active_after_one_release": 1, "active_after_the_last_release": 0},
    "events": {"query_of_what_is_held": "CUDA_ERROR_NOT_READY"},
    "full_queue": {"a_full_queue_makes_launches_wait": True},
    "event_rules": {"query_of_a_fresh_event": "CUDA_SUCCESS"},
    "event_snapshots": {"wait_keeps_the_earlier_record": True},
    "stream_rules": {"query_of_a_busy_stream": "CUDA_ERROR_NOT_READY",
                     "other_streams_wait_for_a_held_one": False},
    "pageable_copies": {"registered_to_device_waits_4194304_bytes": False,
                        "device_to_pageable_waits_4194304_bytes": True},
    "copy_sources": {"read_when_it_runs_1048576_bytes": True},
    "registration": {"register_twice": "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED"},
    "out_of_memory": {"more_than_there_is": "CUDA_ERROR_OUT_OF_MEMORY",
                      "afterwards": "CUDA_SUCCESS"},
    "pool_reuse": {"other_stream_gets_the_block_without_them": False,
                   "other_stream_waits_without_them": False},
    "fault_700": {"synchronize": "CUDA_ERROR_ILLEGAL_ADDRESS"},
    "fault_719": {"synchronize": "CUDA_ERROR_LAUNCH_FAILED"},
    "thrust_waits": {"transform_waits": False, "sort_waits": False, "reduce_waits": True,
                     "copy_if_waits": True},
    "alive_after_719": {"the_task_fails_with": "device_lost_error", "cpu_tasks_done": 200,
                        "what_was_copied_before": 2, "shutdown_within_10_s": True},
}


def facts_of(name):
    done = subprocess.run([GPU_FACTS, "--emulated", name], capture_output=True, text=True,
                          check=False, timeout=250)
    return name, done


class Facts(unittest.TestCase):
    def test_every_check_answers_with_what_it_found(self):
        listed = subprocess.run([GPU_FACTS, "--list"], capture_output=True, text=True, check=True)
        names = [line.split("\t")[0] for line in listed.stdout.splitlines()]
        self.assertEqual(set(EXPECTED) - set(names), set())
        with concurrent.futures.ThreadPoolExecutor(4) as threads:  # they wait more than they work
            for name, done in threads.map(facts_of, names):
                with self.subTest(check=name):
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                    answer = json.loads(done.stdout)
                    self.assertEqual((answer["check"], answer["driver"]), (name, "emulated"))
                    self.assertTrue(answer["facts"] or answer["figures"])
                    for fact, value in EXPECTED.get(name, {}).items():
                        self.assertEqual(answer["facts"][fact], value, fact)

    def test_without_a_driver_it_says_so(self):
        done = subprocess.run([GPU_FACTS, "symbols"], capture_output=True, text=True, check=False,
                              env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
        self.assertEqual(done.returncode, 1)
        self.assertIn("driver", json.loads(done.stdout)["error"])

    def test_wrong_usage_exits_2(self):
        for arguments in ([], ["nothing"], ["--emulated"], ["--emulated", "symbols", "more"]):
            done = subprocess.run([GPU_FACTS, *arguments], capture_output=True, text=True,
                                  check=False)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("Usage", done.stderr)


class Conformance(unittest.TestCase):
    """On a driver that is loaded as CUDA's is, with devices that are not emulated to narke."""

    def run_tests(self, tests, **environment):
        return subprocess.run(
            [CONFORMANCE_TESTS, f"--gtest_filter={tests}", "--gtest_color=no"],
            capture_output=True, text=True, check=False, timeout=250,
            env={**os.environ, "NARKE_TEST_GPUS": "cuda", "LD_LIBRARY_PATH": LIBCUDA_FOLDER,
                 "NARKE_EMULATED_CUDA_MEMORY": str(2 << 30), **environment})

    def test_passes_by_host_functions_and_copies(self):
        done = self.run_tests("*gpu_tasks*:*gpu_context*:*gpu_arguments*:two_gpus*",
                              NARKE_EMULATED_CUDA_DEVICES="2")
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-2000:])
        self.assertNotIn("SKIPPED", done.stdout)

    def test_loses_a_device_in_a_process_of_its_own(self):
        for name in ("arrives_as_a_typed_error", "fails_the_tasks_behind_it",
                     "fails_the_actors_that_lived_there"):
            done = self.run_tests(f"gpus/gpu_loss.{name}/1")
            self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-2000:])
            self.assertIn("[  PASSED  ] 1 test", done.stdout)

    def test_needs_as_many_devices_as_it_uses(self):
        done = self.run_tests("two_gpus.are_both_used", NARKE_EMULATED_CUDA_DEVICES="1")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("SKIPPED", done.stdout)


if __name__ == "__main__":
    unittest.main()
