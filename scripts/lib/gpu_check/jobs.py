"""A check is a process with a time limit: what hangs or crashes loses itself and nothing else."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

OUTPUT_BYTES_KEPT = 4000


@dataclasses.dataclass
class Job:
    """What to run, and how its end is read.

    device: "cuda", "emulated" or "cpu": whose work it is; an emulated one is never told as a GPU's.
    answers_json: its output, or the last line of it, is JSON, kept as `data`.
    scratch: a folder that it may write into, removed after it.
    answer_file: JSON that it leaves there, kept as `data`.
    """

    name: str
    command: list
    device: str
    timeout_s: float = 60
    environment: dict = dataclasses.field(default_factory=dict)
    answers_json: bool = False
    kind: str = "test"
    scratch: pathlib.Path = None
    answer_file: str = ""


def run(job):
    """Runs the job to its end, or to its time limit. Returns what is to be written about it."""
    began = time.monotonic()
    if job.scratch is not None:
        job.scratch.mkdir(parents=True, exist_ok=True)
    try:
        return _run(job, began)
    finally:
        if job.scratch is not None:
            shutil.rmtree(job.scratch, ignore_errors=True)


def _run(job, began):
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                [str(word) for word in job.command], stdout=output, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, env={**os.environ, **job.environment},
                start_new_session=True)
        except OSError as failed:
            return _result(job, "not started", None, began, str(failed))
        code = _wait(process, job.timeout_s)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    return _result(job, _status(code, text), code, began, text)


def _wait(process, timeout_s):
    """The exit code; None when the time was up. What the process started ends with it."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def _status(code, text):
    if code is None:
        return "timeout"
    if code < 0:
        return "crashed"
    if code != 0:
        return "failed"
    return "skipped" if "[  SKIPPED ]" in text else "passed"


def _result(job, status, code, began, text):
    result = {"name": job.name, "kind": job.kind, "device": job.device, "status": status,
              "exit_code": code, "seconds": round(time.monotonic() - began, 3)}
    if job.answers_json or job.answer_file:
        data = _json_of(_answer(job, text))
        if data is not None:
            result["data"] = data
        elif status == "passed":
            result["status"] = "failed"
    if "data" not in result:
        result["output"] = text[-OUTPUT_BYTES_KEPT:]
    return result


def _answer(job, text):
    if not job.answer_file:
        return text
    try:
        return (job.scratch / job.answer_file).read_text(encoding="utf-8")
    except OSError:
        return ""


def _json_of(text):
    """The whole output as JSON, or its last line; None where it is neither."""
    lines = text.strip().splitlines()
    for candidate in (text, lines[-1] if lines else ""):
        try:
            return json.loads(candidate)
        except ValueError:
            continue
    return None


class ResultFile:
    """One JSON object a line, on the disk before the next check begins."""

    def __init__(self, path):
        self._file = open(path, "a", encoding="utf-8")

    def write(self, result):
        self._file.write(json.dumps(result) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self):
        self._file.close()


def read_results(path):
    """The results of a file, a last line that is cut off left out."""
    results = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            try:
                results.append(json.loads(line))
            except ValueError:
                continue
    return results
