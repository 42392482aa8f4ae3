"""What the tests of `narke run` share: a folder for each test, runs in it, gates, and processes."""
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

import jsonschema

PROGRAM = ""
SOURCE = ""
WATCHDOG_S = 100


def checks_undefined_behaviour():
    """Whether the program was built so. Its checks of objects' types need free descriptors."""
    return b"__ubsan_" in pathlib.Path(PROGRAM).read_bytes()


def schema():
    with open(os.path.join(SOURCE, "docs", "run-events.schema.json"), encoding="utf-8") as file:
        return jsonschema.Draft202012Validator(json.load(file))


class RunTest(unittest.TestCase):
    """Each test in a folder of its own. No process of a run may outlive its test: every one holds
    the writing end of `self.living`, which is inherited."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="narke-run-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.living, self.held = os.pipe()
        os.set_inheritable(self.held, True)
        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(WATCHDOG_S)

    def tearDown(self):
        try:
            self.expect_all_gone()
        finally:
            signal.alarm(0)
            os.close(self.living)

    def expect_all_gone(self, wait=False):
        """No process of a run is left. `wait`: soon, for runs that were killed themselves."""
        if self.held is not None:
            os.close(self.held)
            self.held = None
        if not wait:
            flags = fcntl.fcntl(self.living, fcntl.F_GETFL)
            fcntl.fcntl(self.living, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        self.assertEqual(os.read(self.living, 1), b"", "a process of a job is still there")

    def write(self, *lines, name="jobs"):
        (self.folder / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return name

    def read(self, name):
        return (self.folder / name).read_text(encoding="utf-8")

    def start(self, *arguments, **options):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("SLURM_", "CUDA_", "OMP_"))}
        environment.update(options.pop("environment", {}))
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("text", True)
        process = subprocess.Popen([PROGRAM, "run", *arguments], cwd=self.folder, env=environment,
                                   pass_fds=[self.held], **options)
        self.addCleanup(end, process)
        return process

    def run_to_end(self, *arguments, input=None, **options):
        if input is not None:
            options["stdin"] = subprocess.PIPE
        process = self.start(*arguments, **options)
        out, err = process.communicate(input)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def expect(self, code, *arguments, **options):
        result = self.run_to_end(*arguments, **options)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def events(self, text):
        events = [json.loads(line) for line in text.splitlines()]
        validator = schema()
        for event in events:
            validator.validate(event)
        return events

    def expect_events(self, code, *arguments, **options):
        """The events of a run that ends with this code, kept to the schema and in order."""
        events = self.events(self.expect(code, "--json", *arguments, **options).stdout)
        self.assertEqual([events[0]["event"], events[-1]["event"]], ["run_began", "run_ended"])
        self.assertEqual(events[-1]["exit_code"], code)
        self.assertTrue(events[-1]["everything_is_free"])
        return events

    def gates(self, *names):
        """Named pipes: `read _ < NAME` of one job waits there until `open_gate(NAME)`."""
        for name in names:
            os.mkfifo(self.folder / name)

    def open_gate(self, name):
        with open(self.folder / name, "w", encoding="utf-8") as gate:
            gate.write("open\n")

    def wait_at(self, name):
        """Waits until a job has written to this named pipe, and returns what."""
        with open(self.folder / name, encoding="utf-8") as gate:
            return gate.read()


def end(process):
    """Whatever the test came to: no run goes on after it."""
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def give_up(_signal, _frame):
    raise TimeoutError(f"not done after {WATCHDOG_S} s")


def by_kind(events, kind):
    return [event for event in events if event["event"] == kind]


def worker_of(process):
    """The process below `narke run` that runs the jobs."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
        return int(file.read().split()[0])
