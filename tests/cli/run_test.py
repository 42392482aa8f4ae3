#!/usr/bin/env python3
"""run_test.py PROGRAM SOURCE_DIR: `narke run` as a user meets it, with real processes. Nothing is
decided by time: jobs wait at named pipes."""
import os
import re
import resource
import stat
import subprocess
import sys
import unittest

import run_support
from run_support import RunTest, by_kind


class OneCommand(RunTest):
    def test_writes_where_narke_does_and_reads_what_narke_reads(self):
        result = self.expect(0, "--", "sh", "-c", "cat; echo oops >&2", input="given\n")
        self.assertEqual((result.stdout, result.stderr), ("given\n", "oops\n"))
        self.assertEqual(list(self.folder.iterdir()), [], "no logs unless asked for")

    def test_is_started_without_a_shell(self):
        result = self.expect(0, "--", "printf", "%s|", "a b", "$HOME", "*", "--num-gpus", "")
        self.assertEqual(result.stdout, "a b|$HOME|*|--num-gpus||")

    def test_that_fails_is_exit_code_1(self):
        self.assertIn("exit 3", self.expect(1, "--", "sh", "-c", "exit 3").stderr)

    def test_killed_by_a_signal_is_told_as_such(self):
        result = self.expect(1, "--", "sh", "-c", "kill -SEGV $$")
        self.assertIn("killed by SIGSEGV (11)", result.stderr)

    def test_that_cannot_be_started_says_why(self):
        self.assertIn("No such file", self.expect(1, "--", "/no/such/program").stderr)
        self.assertIn("Permission denied", self.expect(1, "--", "/dev/null").stderr)

    def test_that_runs_out_of_time_is_exit_code_124(self):
        self.gates("never")
        result = self.expect(124, "--timeout", "0.1", "--", "sh", "-c", "read _ < never")
        self.assertIn("timeout", result.stderr)

    def test_with_logs_or_events_has_logs(self):
        self.expect(0, "--logs", "here", "--", "echo", "hello")
        self.assertEqual(self.read("here/1-echo.out"), "hello\n")
        began = by_kind(self.expect_events(0, "--", "echo", "hello"), "job_began")[0]
        self.assertEqual(self.read(began["stdout"]), "hello\n")
        self.assertIsNone(began["line"])


class JobFile(RunTest):
    def test_runs_every_line_by_the_shell_and_logs_its_output(self):
        self.write("# comment", "", "echo a; echo b >&2", "  x=1; echo $((x + 1)) | cat  ")
        result = self.expect(0, "jobs")
        self.assertEqual(result.stdout, "")
        self.assertEqual(self.read("jobs.narke/1-echo.out"), "a\n")
        self.assertEqual(self.read("jobs.narke/1-echo.err"), "b\n")
        self.assertIn("2 done", result.stderr)
        self.assertEqual(len(list((self.folder / "jobs.narke").glob("2-*.out"))), 1)

    def test_may_be_standard_input(self):
        self.expect(0, "-", input="echo one\necho two")
        self.assertEqual(self.read("stdin.narke/2-echo.out"), "two\n")

    def test_may_be_a_named_pipe(self):
        self.gates("pipe")
        process = self.start("pipe")
        with open(self.folder / "pipe", "w", encoding="utf-8") as pipe:
            pipe.write("echo one\n")
        self.assertEqual(process.wait(), 0)
        process.communicate()

    def test_without_jobs_is_done(self):
        self.write("# nothing")
        self.assertIn("no jobs", self.expect(0, "jobs").stderr)

    def test_of_many_jobs_runs_each_once(self):
        self.write(*[f"echo {i}" for i in range(300)])
        events = self.expect_events(0, "jobs")
        self.assertEqual([event["job"] for event in by_kind(events, "job_began")].sort(),
                         list(range(1, 301)).sort())
        for i in range(300):
            self.assertEqual(self.read(f"jobs.narke/{i + 1}-echo.out"), f"{i}\n")

    def test_logs_are_for_this_user_alone(self):
        self.write("echo a")
        self.expect(0, "jobs", preexec_fn=lambda: os.umask(0))
        folder = self.folder / "jobs.narke"
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        for file in folder.iterdir():
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600, file)

    def test_that_is_wrong_runs_nothing(self):
        self.write("touch ran", "#NARKE --num-gpus x", "touch ran", "a\0b")
        result = self.expect(2, "jobs")
        for part in ("line 2: --num-gpus: 'x'", "line 3: ", "line 4: ", "nothing was run"):
            self.assertIn(part, result.stderr)
        self.assertFalse((self.folder / "ran").exists())
        self.assertFalse((self.folder / "jobs.narke").exists())

    def test_names_ten_wrong_lines_and_counts_the_others(self):
        self.write(*["a\0b"] * 13)
        result = self.expect(2, "jobs")
        self.assertIn("line 10: ", result.stderr)
        self.assertNotIn("line 11: ", result.stderr)
        self.assertIn("and 3 more", result.stderr)

    def test_that_cannot_be_read_is_named(self):
        self.assertIn("'no-such'", self.expect(2, "no-such").stderr)
        self.assertIn("directory", self.expect(2, ".").stderr)

    def test_a_failure_and_a_timeout_is_exit_code_1(self):
        self.gates("never")
        self.write("#NARKE --timeout 0.1", "read _ < never", "#NARKE", "false")
        ended = by_kind(self.expect_events(1, "jobs"), "job_ended")
        self.assertEqual(sorted(event["state"] for event in ended), ["failed", "timeout"])

    def test_the_logs_of_an_earlier_run_are_kept(self):
        self.write("echo a")
        self.expect(0, "jobs")
        self.write("echo b")
        self.expect(0, "jobs")
        self.assertEqual(self.read("jobs.narke.1/1-echo.out"), "a\n")
        self.assertEqual(self.read("jobs.narke/1-echo.out"), "b\n")


class Resources(RunTest):
    def test_jobs_see_their_gpus_and_cpus(self):
        seen = 'echo "[$CUDA_VISIBLE_DEVICES]" $CUDA_DEVICE_ORDER '
        self.write(seen + "$OMP_NUM_THREADS $NARKE_JOB_ID",
                   "#NARKE --num-gpus 2 --num-cpus 0.5 --name two",
                   seen + "$NARKE_NUM_CPUS $NARKE_JOB_ID")
        self.expect(0, "--emulated-gpus", "2", "jobs")
        self.assertEqual(self.read("jobs.narke/1-echo.out"), "[] PCI_BUS_ID 1 1\n")
        self.assertEqual(self.read("jobs.narke/2-two.out"), "[0,1] PCI_BUS_ID 1 2\n")

    def test_a_gpu_is_never_given_out_twice(self):
        shares = [1, 0.5, 0.3, 0.25, 2, 0.5]
        lines = []
        for i in range(60):
            lines += [f"#NARKE --num-cpus 0.1 --num-gpus {shares[i % len(shares)]}", "true"]
        self.write(*lines)
        events = self.expect_events(0, "--emulated-gpus", "3", "jobs")
        held = {0: 0.0, 1: 0.0, 2: 0.0}
        of_job = {}
        for event in events:
            if event["event"] == "job_began":
                share = min(event["num_gpus"], 1)
                of_job[event["job"]] = (event["gpus"], share)
                self.assertEqual(len(event["gpus"]), max(1, int(event["num_gpus"])))
                for gpu in event["gpus"]:
                    held[gpu] += share
                    self.assertLessEqual(held[gpu], 1 + 1e-9)
            elif event["event"] == "job_ended":
                gpus, share = of_job.pop(event["job"])
                for gpu in gpus:
                    held[gpu] -= share
        self.assertEqual(len(by_kind(events, "job_began")), 60)

    def test_cpu_jobs_do_not_wait_for_gpus(self):
        self.gates("gate.1", "gate.2", "ran")
        self.write("#NARKE --num-gpus 1 --num-cpus 0.1", *["read _ < gate.$NARKE_JOB_ID"] * 2,
                   "#NARKE --num-cpus 0.1", "echo $NARKE_JOB_ID > ran")
        process = self.start("--emulated-gpus", "1", "jobs")
        self.assertEqual(self.wait_at("ran"), "3\n")
        self.open_gate("gate.1")
        self.open_gate("gate.2")
        process.communicate()
        self.assertEqual(process.returncode, 0)

    def test_jobs_of_half_a_gpu_run_two_at_a_time(self):
        self.gates("gate.1", "gate.2", "ran.1", "ran.2")
        self.write("#NARKE --num-gpus 0.5 --num-cpus 0.1",
                   *["echo x > ran.$NARKE_JOB_ID; read _ < gate.$NARKE_JOB_ID"] * 2)
        process = self.start("--emulated-gpus", "1", "jobs")
        for job in (1, 2):
            self.assertEqual(self.wait_at(f"ran.{job}"), "x\n", "both stand at their gates")
        for job in (1, 2):
            self.open_gate(f"gate.{job}")
        process.communicate()
        self.assertEqual(process.returncode, 0)

    def test_no_more_jobs_run_at_once_than_asked_for(self):
        self.write(*["true"] * 20)
        events = self.expect_events(0, "--jobs", "1", "--num-cpus", "0", "jobs")
        kinds = [event["event"] for event in events[1:-1]]
        self.assertEqual(kinds, ["job_began", "job_ended"] * 20)
        self.assertEqual([event["job"] for event in by_kind(events, "job_began")],
                         list(range(1, 21)))

    def test_what_can_never_be_had_is_refused(self):
        result = self.expect(2, "--num-gpus", "3", "--emulated-gpus", "2", "--", "true")
        self.assertIn("asks GPU: 3; this machine has GPU: 2", result.stderr)
        self.write("#NARKE --num-cpus 100000", "true")
        self.assertIn("line 2: asks CPU: 100000", self.expect(2, "jobs").stderr)

    def test_an_outer_allocation_is_respected(self):
        def began(environment):
            return self.expect_events(0, "--emulated-gpus", "4", "--num-gpus", "1", "--", "true",
                                      environment=environment)[0]
        gpus = began({"CUDA_VISIBLE_DEVICES": "3,1"})["gpus"]
        self.assertEqual([gpu["visible_as"] for gpu in gpus], ["3", "1"])
        gpus = began({"SLURM_JOB_GPUS": "0,2"})["gpus"]
        self.assertEqual([gpu["visible_as"] for gpu in gpus], ["0", "2"])
        self.assertEqual(began({"SLURM_CPUS_ON_NODE": "1"})["cpus"], 1)
        self.assertEqual(began({"SLURM_CPUS_PER_TASK": "1"})["cpus"], 1)

    def test_a_plan_may_be_of_a_command_or_of_what_is_piped_in(self):
        result = self.expect(0, "--dry-run", "--", "touch", "a b")
        self.assertRegex(result.stdout, r"\n +1  at once +no GPU +touch 'a b'\n$")
        asks = ["--num-gpus", "9", "--emulated-gpus", "2", "--", "true"]
        self.assertIn("asks GPU: 9", self.expect(2, "--dry-run", *asks).stderr)
        result = self.expect(0, "--dry-run", "-", input="echo 1\necho 2\n")
        self.assertEqual(re.findall(r"echo \d", result.stdout), ["echo 1", "echo 2"])
        self.assertEqual([file.name for file in self.folder.iterdir()], [])

    def test_a_plan_runs_nothing(self):
        self.write("touch ran", "#NARKE --num-gpus 1 --num-cpus 0", "touch ran", "touch ran")
        result = self.expect(0, "--dry-run", "--emulated-gpus", "1", "jobs")
        self.assertRegex(result.stdout, r"\n +2  at once +GPU 0 +touch ran\n +3  later +1 GPU ")
        planned = self.events(self.expect(0, "--dry-run", "--json", "--emulated-gpus", "1",
                                          "jobs").stdout)
        self.assertEqual([(event["job"], event["at_once"]) for event in planned],
                         [(1, True), (2, True), (3, False)])
        self.assertEqual(planned[1]["cuda_visible_devices"], "0")
        self.assertEqual([file.name for file in self.folder.iterdir()], ["jobs"])
        self.assertIn("asks GPU: 1", self.expect(2, "--dry-run", "jobs").stderr)


class Retries(RunTest):
    def test_run_a_job_again_until_it_is_done(self):
        self.write("echo $NARKE_JOB_ATTEMPT; test $NARKE_JOB_ATTEMPT = 3")
        ended = by_kind(self.expect_events(0, "--retries", "5", "jobs"), "job_ended")
        self.assertEqual([(event["attempt"], event["state"], event["will_retry"])
                          for event in ended],
                         [(1, "failed", True), (2, "failed", True), (3, "done", False)])
        self.assertEqual(self.read("jobs.narke/1-echo.out"), "1\n")
        self.assertEqual(self.read("jobs.narke/1-echo.3.out"), "3\n")

    def test_end(self):
        self.write("false")
        self.assertEqual(len(by_kind(self.expect_events(1, "--retries", "2", "jobs"),
                                     "job_ended")), 3)

    def test_are_not_for_jobs_that_ran_out_of_time(self):
        self.gates("never")
        self.write("read _ < never")
        events = self.expect_events(124, "--retries", "2", "--timeout", "0.1", "jobs")
        self.assertEqual(len(by_kind(events, "job_ended")), 1)


class Resume(RunTest):
    def test_runs_only_what_failed_or_never_ran(self):
        self.write("echo a", "test -e good", "echo a")
        self.expect(1, "jobs")
        (self.folder / "good").touch()
        self.write("# shifted", "echo new", "echo a", "test -e good", "echo a", "echo a")
        events = self.expect_events(0, "--resume", "jobs")
        self.assertEqual([event["line"] for event in by_kind(events, "job_skipped")], [3, 5])
        self.assertEqual(sorted(event["line"] for event in by_kind(events, "job_began")), [2, 4, 6])
        self.assertEqual(len(by_kind(self.expect_events(0, "--resume", "jobs"), "job_skipped")), 5)

    def test_plans_only_those_too(self):
        self.write("echo a", "false")
        self.expect(1, "jobs")
        result = self.expect(0, "--dry-run", "--resume", "jobs")
        self.assertNotIn("echo a", result.stdout)
        self.assertIn("false", result.stdout)

    def test_counts_retries_anew(self):
        self.write("false")
        self.expect(1, "jobs")
        ended = by_kind(self.expect_events(1, "--resume", "--retries", "1", "jobs"), "job_ended")
        self.assertEqual([event["attempt"] for event in ended], [2, 3])

    def test_without_an_earlier_run_runs_all(self):
        self.write("echo a")
        self.assertEqual(len(by_kind(self.expect_events(0, "--resume", "jobs"), "job_began")), 1)

    def test_of_something_else_is_refused(self):
        self.write("echo a")
        (self.folder / "jobs.narke").mkdir(0o700)
        (self.folder / "jobs.narke" / "state.jsonl").write_text("a diary\n", encoding="utf-8")
        self.assertIn("state.jsonl", self.expect(2, "--resume", "jobs").stderr)
        self.assertEqual(self.read("jobs.narke/state.jsonl"), "a diary\n")

    def test_tells_of_records_that_cannot_be_read_and_runs_their_jobs(self):
        self.write("echo a", "echo b")
        self.expect(0, "jobs")
        state = self.read("jobs.narke/state.jsonl").splitlines(keepends=True)
        damaged = [line if "echo b" not in line else line.replace('"state"', '"stale"')
                   for line in state]
        self.assertNotEqual(damaged, state)
        (self.folder / "jobs.narke/state.jsonl").write_text("".join(damaged), encoding="utf-8")
        events = self.expect_events(0, "--resume", "jobs")
        self.assertIn("1 records of the earlier run cannot be read; their jobs run again",
                      [event["text"] for event in by_kind(events, "message")])
        self.assertEqual([event["command"] for event in by_kind(events, "job_began")], ["echo b"])

    def test_of_a_state_that_is_no_file_is_refused(self):
        self.write("echo a")
        (self.folder / "jobs.narke").mkdir(0o700)
        os.mkfifo(self.folder / "jobs.narke" / "state.jsonl")
        self.assertIn("is not a file of this user", self.expect(2, "--resume", "jobs").stderr)

    def test_of_a_run_that_still_goes_on_is_refused(self):
        self.gates("gate", "ran")
        self.write("echo x > ran; read _ < gate")
        process = self.start("jobs")
        self.wait_at("ran")
        for arguments in (["--resume", "jobs"], ["jobs"]):
            self.assertIn("another narke run", self.expect(2, *arguments).stderr)
        self.open_gate("gate")
        process.communicate()
        self.assertEqual(process.returncode, 0)


class Follow(RunTest):
    def test_runs_lines_as_they_come_until_the_file_says_end(self):
        self.gates("ran")
        self.write("echo 1 > ran")
        process = self.start("--follow", "--json", "jobs")
        self.assertEqual(self.wait_at("ran"), "1\n")
        with open(self.folder / "jobs", "a", encoding="utf-8") as jobs:
            jobs.write("echo 2 >")
            jobs.flush()
            jobs.write(" ran\n")
            jobs.flush()
            self.assertEqual(self.wait_at("ran"), "2\n")
            jobs.write("#NARKE end\necho 3 > ran\n")
        events = self.events(process.communicate()[0])
        self.assertEqual(process.returncode, 0)
        self.assertEqual(events[-1]["done"], 2)

    def test_a_pipe_runs_lines_before_its_end(self):
        self.gates("ran")
        process = self.start("--follow", "-", stdin=subprocess.PIPE)
        for number in ("1", "2"):
            process.stdin.write(f"echo {number} > ran\n")
            process.stdin.flush()
            self.assertEqual(self.wait_at("ran"), f"{number}\n")
        process.communicate("")
        self.assertEqual(process.returncode, 0)

    def test_a_wrong_line_is_refused_and_the_others_run(self):
        self.write("#NARKE --num-gpus 9", "true", "#NARKE --bogus 1", "true", "#NARKE", "true",
                   "#NARKE end")
        events = self.expect_events(2, "--follow", "jobs")
        self.assertEqual([event["line"] for event in by_kind(events, "line_refused")], [2, 3, 4])
        self.assertEqual(events[-1]["done"], 1)
        self.assertEqual(events[-1]["refused"], 3)

    def test_a_file_that_became_shorter_ends_the_run(self):
        self.gates("ran")
        self.write("echo 1 > ran", "# more")
        process = self.start("--follow", "jobs")
        self.wait_at("ran")
        self.write("")
        err = process.communicate()[1]
        self.assertEqual(process.returncode, 1)
        self.assertIn("became shorter", err)

    def test_a_command_cannot_be_followed(self):
        self.expect(2, "--follow", "--", "true")


class WhatGoesWrong(RunTest):
    def test_a_full_disk_stops_the_run_and_loses_nothing(self):
        self.write(*[f"echo x >> ran.{i}" for i in range(4)])
        self.expect(1, "jobs", "--jobs", "1", preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (90, resource.getrlimit(resource.RLIMIT_FSIZE)[1])))
        ran = len(list(self.folder.glob("ran.*")))
        self.assertIn(ran, (1, 2), "no job is started after the one that was not recorded")
        state = self.read("jobs.narke/state.jsonl")
        self.assertTrue(state == "" or state.endswith("\n"))
        self.expect(0, "jobs", "--resume")
        self.assertEqual(len(list(self.folder.glob("ran.*"))), 4)

    def test_a_place_that_cannot_be_written_to_is_named(self):
        self.write("true")
        self.assertIn("no/such", self.expect(1, "--logs", "no/such", "jobs").stderr)
        (self.folder / "open").mkdir()
        (self.folder / "open").chmod(0o777)
        self.assertIn("written to by others", self.expect(1, "--logs", "open", "jobs").stderr)

    def test_logs_that_are_gone_stop_the_run(self):
        self.write("rm -r jobs.narke", "touch ran", "touch ran")
        result = self.expect(1, "--jobs", "1", "jobs")
        self.assertIn("cannot create 'jobs.narke/2-touch.out'", result.stderr)
        self.assertIn("2 not run", result.stderr)
        self.assertFalse((self.folder / "ran").exists())

    @unittest.skipUnless(os.geteuid() == 0, "only root can give a folder away")
    def test_a_place_of_another_user_is_refused(self):
        self.write("true")
        (self.folder / "theirs").mkdir(0o700)
        os.chown(self.folder / "theirs", 12345, 12345)
        self.assertIn("belongs to another user", self.expect(1, "--logs", "theirs", "jobs").stderr)

    def test_without_a_standard_error_nothing_is_written_into_a_file(self):
        self.write("#NARKE --num-gpus x", "true", name="wrong")
        self.write("echo out; echo err >&2")
        for code, jobs in ((2, "wrong"), (0, "jobs")):
            process = self.start(jobs, stderr=None, preexec_fn=lambda: os.close(2))
            self.assertEqual(process.wait(), code)
        self.assertEqual(self.read("jobs.narke/1-echo.out"), "out\n")
        self.assertEqual(self.read("jobs.narke/1-echo.err"), "err\n")
        for file in self.folder.glob("jobs.narke/*"):
            self.assertNotIn("narke: ", file.read_text(encoding="utf-8"))

    def test_too_few_descriptors_are_told(self):
        if run_support.checks_undefined_behaviour():
            self.skipTest("the sanitizer cannot check types without free descriptors")
        self.write("true", "true")
        told = set()
        for few in range(6, 40):
            result = self.run_to_end("jobs", preexec_fn=lambda few=few: resource.setrlimit(
                resource.RLIMIT_NOFILE, (few, few)))
            if result.returncode == 0:
                break
            told.update(line for line in result.stderr.splitlines() if "open files" in line)
        self.assertEqual(result.returncode, 0)
        for part in ("cannot read the jobs", "state.jsonl", "did not start: Too many open files"):
            self.assertTrue(any(part in line for line in told), (part, told))

    def test_a_full_standard_output_ends_the_run(self):
        self.write("true", "true")
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = self.expect(1, "--json", "jobs", stdout=full)
        self.assertIn("standard output", result.stderr)

    def test_events_that_nobody_reads_end_the_run(self):
        reading, writing = os.pipe()
        os.close(reading)
        self.write("true")
        self.assertIn("Broken pipe", self.expect(1, "--json", "jobs", stdout=writing).stderr)
        os.close(writing)

    def test_jobs_are_told_of_no_closed_pipe_by_our_signals(self):
        result = self.expect(0, "--", "sh", "-c", "grep SigIgn /proc/self/status")
        self.assertEqual(int(result.stdout.split()[1], 16), 0)

    def test_wrong_usage_is_exit_code_2_and_named(self):
        self.write("true")
        for arguments, part in (
                ([], "nothing to run"), (["jobs", "--", "true"], "both"), (["--"], "nothing"),
                (["jobs", "more"], "more"), (["--bogus", "jobs"], "--bogus"),
                (["--num-gpus", "1.5", "jobs"], "1.5"), (["--num-gpus=-1", "jobs"], "--num-gpus"),
                (["--jobs", "0", "jobs"], "--jobs"), (["--retries", "x", "jobs"], "--retries"),
                (["--timeout", "0", "jobs"], "--timeout"), (["--grace", "z", "jobs"], "--grace"),
                (["--emulated-gpus", "x", "jobs"], "--emulated-gpus"),
                (["--resume", "--", "true"], "--resume"), (["--name", "", "jobs"], "--name")):
            with self.subTest(arguments=arguments):
                result = self.expect(2, *arguments)
                self.assertIn(part, result.stderr)
                self.assertEqual(result.stdout, "")

    def test_help_and_version_are_data(self):
        text = self.expect(0, "--help").stdout
        for part in ("--num-gpus", "--resume", "#NARKE", "EXIT CODES", "SIGNALS", "-- COMMAND",
                     "CUDA_VISIBLE_DEVICES", "/bin/sh -c"):
            self.assertIn(part, text)
        self.assertIn("narke 0.", self.expect(0, "--version").stdout)


if __name__ == "__main__":
    run_support.PROGRAM, run_support.SOURCE = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
