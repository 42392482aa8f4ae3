#!/usr/bin/env python3
"""run_end_test.py PROGRAM SOURCE_DIR: how runs of `narke run` end: by signals, by the death of one
of its processes, and with jobs that do not want to end. Nothing of a job may be left."""
import json
import os
import random
import signal
import sys
import unittest

import run_support
from run_support import RunTest, by_kind, worker_of

# A job that leaves a tree of processes: in its group, in groups of their own, without a parent, and
# some that ignore what can be ignored. Tells "up" when all are there, and never ends by itself.
TREE = ("sleep 1000 & setsid sleep 1000 & "
        "(setsid sh -c 'sleep 1000 & setsid sleep 1000 & sleep 1000' &); "
        "sh -c 'trap \"\" TERM INT HUP; sleep 1000 & sleep 1000' & "
        "env -i setsid sleep 1000 & "
        "echo up > ran.$NARKE_JOB_ID; sleep 1000")


class Ends(RunTest):
    def start_trees(self, *arguments, jobs=2):
        self.gates(*[f"ran.{job}" for job in range(1, jobs + 1)])
        self.write("#NARKE --num-cpus 0.1", *[TREE] * jobs, "touch never")
        process = self.start("--json", "--jobs", str(jobs), *arguments, "jobs")
        for job in range(1, jobs + 1):
            self.assertEqual(self.wait_at(f"ran.{job}"), "up\n")
        return process

    def finished_events(self, process, code):
        out, err = process.communicate()
        self.assertEqual(process.returncode, code, err)
        events = self.events(out)
        self.assertEqual(events[-1]["event"], "run_ended")
        self.assertTrue(events[-1]["everything_is_free"])
        return events


class Interrupts(Ends):
    def test_once_lets_running_jobs_end_and_starts_no_more(self):
        self.gates("ran", "gate")
        self.write("echo x > ran; read _ < gate", "touch never")
        process = self.start("--json", "--jobs", "1", "jobs")
        self.wait_at("ran")
        process.send_signal(signal.SIGINT)
        told = [json.loads(process.stdout.readline()) for _ in range(3)][-1]
        self.assertIn("no more jobs are started", told["text"])
        self.open_gate("gate")
        out, _ = process.communicate()
        end = self.events(out)[-1]
        self.assertEqual((process.returncode, end["done"], end["not_run"]), (130, 1, 1))
        self.assertFalse((self.folder / "never").exists())
        self.assertEqual(by_kind(self.expect_events(0, "--resume", "jobs"), "run_ended")[0]["done"],
                         1)

    def test_twice_ends_whole_process_groups(self):
        process = self.start_trees("--grace", "0.2")
        process.send_signal(signal.SIGINT)
        while "no more jobs" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.events(out)[-1]["interrupted"], 2)

    def test_a_third_time_kills(self):
        self.gates("ran")
        self.write("trap '' TERM; echo x > ran; while :; do sleep 1000; done")
        process = self.start("--json", "--grace", "1h", "jobs")
        self.wait_at("ran")
        for text in ("no more jobs", "ending"):
            process.send_signal(signal.SIGINT)
            while text not in process.stdout.readline():
                pass
        process.send_signal(signal.SIGINT)
        ended = by_kind(self.finished_events(process, 130), "job_ended")[0]
        self.assertEqual((ended["state"], ended["signal"]), ("interrupted", "SIGKILL"))

    def test_termination_ends_jobs_and_resume_runs_them_again(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number):
                self.gates(f"ran.{number}")
                self.write(f"echo x > ran.{number}; test -e good || sleep 1000")
                process = self.start("--json", "jobs")
                self.wait_at(f"ran.{number}")
                process.send_signal(number)
                ended = by_kind(self.finished_events(process, 130), "job_ended")[0]
                self.assertEqual((ended["state"], ended["signal"]), ("interrupted", "SIGTERM"))

    def test_while_the_jobs_are_still_read_runs_none(self):
        process = self.start("-", stdin=-1)
        process.stdin.write("touch ran\n")
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertIn(process.returncode, (130, -signal.SIGINT))
        self.assertFalse((self.folder / "ran").exists())


class Orphans(Ends):
    def test_none_when_the_front_is_killed(self):
        process = self.start_trees()
        process.kill()
        process.wait()
        self.expect_all_gone(wait=True)

    def test_none_when_the_worker_is_killed(self):
        process = self.start_trees()
        os.kill(worker_of(process), signal.SIGKILL)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 1)
        self.assertIn("SIGKILL", err)
        self.expect_all_gone()

    def test_none_after_a_kill_and_the_jobs_that_were_done_are_not_run_again(self):
        self.gates("ran.2")
        self.write("touch done", f"test -e done2 || {{ {TREE}; }}")
        process = self.start("jobs", "--jobs", "1")
        self.wait_at("ran.2")
        process.kill()
        process.wait()
        self.expect_all_gone(wait=True)
        self.living, self.held = os.pipe()
        (self.folder / "done2").touch()
        (self.folder / "done").unlink()
        events = self.expect_events(0, "--resume", "jobs")
        self.assertEqual([event["job"] for event in by_kind(events, "job_skipped")], [1])
        self.assertFalse((self.folder / "done").exists())

    def test_none_after_a_timeout(self):
        self.gates("ran.1")
        self.write(TREE)
        process = self.start("--json", "--timeout", "0.5", "--grace", "0.1", "jobs")
        # Its time may be up before the tree is there.
        reader = os.open(self.folder / "ran.1", os.O_RDONLY | os.O_NONBLOCK)
        ended = by_kind(self.finished_events(process, 124), "job_ended")[0]
        os.close(reader)
        self.assertEqual(ended["state"], "timeout")

    def test_none_of_a_job_that_ends_before_what_it_started(self):
        self.write("#NARKE --num-gpus 1", "sleep 1000 & setsid sleep 1000 & exit 0", "true",
                   "(setsid sh -c 'trap \"\" TERM; sleep 1000; sleep 1000' &); exit 5")
        process = self.start("--json", "--grace", "0.1", "--emulated-gpus", "1", "jobs")
        ended = by_kind(self.finished_events(process, 1), "job_ended")
        self.assertEqual({event["job"]: event["exit_code"] for event in ended}, {1: 0, 2: 0, 3: 5})

    def test_what_ends_soon_after_its_job_is_waited_for(self):
        self.gates("gate")
        self.write("(read _ < gate; echo late) & exit 0")
        process = self.start("--grace", "1h", "jobs")
        self.open_gate("gate")
        process.communicate()
        self.assertEqual(process.returncode, 0)
        self.assertEqual(self.read("jobs.narke/1-job.out"), "late\n")

    def test_children_of_who_became_narke_are_none_of_its_business(self):
        self.gates("gate", "ran")
        script = f"(read _ < gate; echo alive > ran) & exec {run_support.PROGRAM} run -- true"
        process = run_support.subprocess.Popen(["/bin/sh", "-c", script], cwd=self.folder)
        self.addCleanup(run_support.end, process)
        self.assertEqual(process.wait(), 0)
        self.open_gate("gate")
        self.assertEqual(self.wait_at("ran"), "alive\n")


class Storm(RunTest):
    def test_of_kills_leaves_every_job_in_its_right_state_and_every_gpu_free(self):
        """Jobs are killed as they begin; each is run again until it is done or out of tries."""
        scale = float(os.environ.get("NARKE_STRESS_SCALE", "1"))
        jobs = max(20, int(150 * scale))
        lines = []
        for i in range(jobs):
            lines += [f"#NARKE --num-cpus 0.1 --num-gpus {[0, 0.5, 1, 2, 0.25][i % 5]}",
                      "sleep 0.02 & wait" if i % 2 else "sleep 0.01"]
        self.write(*lines)
        process = self.start("--json", "--emulated-gpus", "4", "--jobs", "20", "--retries", "3",
                             "jobs")
        chance = random.Random(20260301)
        events, killed = [], set()
        for line in process.stdout:
            event = json.loads(line)
            events.append(event)
            if event["event"] == "job_began" and chance.random() < 0.7:
                number = chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
                try:
                    os.killpg(event["pid"], number)
                    killed.add((event["job"], event["attempt"]))
                except ProcessLookupError:
                    pass
        process.communicate()
        self.events("".join(json.dumps(event) + "\n" for event in events))
        self.check_history(events, killed, jobs)
        self.assertEqual(process.returncode, events[-1]["exit_code"])

    def check_history(self, events, killed, jobs):
        began = [(event["job"], event["attempt"]) for event in by_kind(events, "job_began")]
        ended = by_kind(events, "job_ended")
        self.assertEqual(len(set(began)), len(began))
        self.assertEqual(sorted(began), sorted((event["job"], event["attempt"]) for event in ended))
        final = {}
        for event in ended:
            if event["state"] == "failed":
                self.assertIn((event["job"], event["attempt"]), killed, event)
                self.assertIn(event["signal"], ("SIGKILL", "SIGTERM", "SIGSEGV"))
                self.assertEqual(event["will_retry"], event["attempt"] <= 3)
            else:
                self.assertEqual((event["state"], event["exit_code"]), ("done", 0))
            final[event["job"]] = event["state"]
        self.assertEqual(sorted(final), list(range(1, jobs + 1)))
        end = events[-1]
        self.assertEqual(end["event"], "run_ended")
        self.assertTrue(end["everything_is_free"])
        self.assertEqual((end["done"], end["failed"]), (list(final.values()).count("done"),
                                                        list(final.values()).count("failed")))


if __name__ == "__main__":
    run_support.PROGRAM, run_support.SOURCE = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
