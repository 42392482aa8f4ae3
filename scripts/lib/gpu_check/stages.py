"""Which checks a stage is made of, those worth most first."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from gpu_check.jobs import Job

REPEATS = 3
SANITIZER_EXIT_CODE = 86

# Of the emulated driver in the place of CUDA's: two devices with room for what tests leave of it.
EMULATED_LIBRARY = {"NARKE_EMULATED_CUDA_DEVICES": "2",
                    "NARKE_EMULATED_CUDA_MEMORY": str(2 << 30)}


def of(number, packed, is_emulated):
    return {1: _facts, 2: _tests, 3: _benches}[number](packed, is_emulated)


def _facts(packed, is_emulated):
    """Each of the device and of the emulated driver, side by side."""
    program = packed.program("gpu_facts")
    names = [line.split("\t")[0] for line in _lines([program, "--list"])]
    jobs = []
    for name in names:
        drivers = ["emulated"] if is_emulated else ["cuda", "emulated"]
        for driver in drivers:
            options = ["--emulated"] if driver == "emulated" else []
            jobs.append(Job(f"{name} ({driver})", [program, *options, name], driver,
                            answers_json=True, kind="facts"))
    return jobs


def _tests(packed, is_emulated):
    device = "emulated" if is_emulated else "cuda"
    environment = {"NARKE_TEST_GPUS": "cuda"}
    jobs = []
    # What nvcc compiled cannot run on a library that stands in for CUDA's.
    for program in ("thrust_tasks_tests", "kernel_tasks_tests"):
        jobs += _googletest(packed, program, device, {} if is_emulated else environment)
    if is_emulated:
        environment = {**environment, **EMULATED_LIBRARY,
                       "LD_LIBRARY_PATH": str(packed.folder / "emulated_libcuda")}
    jobs += _googletest(packed, "gpu_conformance_tests", device, environment)
    jobs += _demos(packed, is_emulated)
    if not is_emulated:
        jobs += _sanitizers(packed, environment)
    return jobs


def _googletest(packed, program, device, environment, wrapper=(), only=None, kind="test"):
    """A job for each test."""
    path = packed.program(program)
    if path is None:
        return []
    jobs = []
    for name in _test_names(_lines([path, "--gtest_list_tests"])):
        if only is None or any(word in name for word in only):
            command = [*wrapper, path, f"--gtest_filter={name}", "--gtest_color=no"]
            label = f"{program}.{name}" if not wrapper else f"{kind}.{program}.{name}"
            # The instance with no GPU of a suite over their number runs on the CPU.
            place = "cpu" if name.endswith("/0") else device
            jobs.append(Job(label, command, place, 60 if not wrapper else 240, environment,
                            kind=kind))
    return jobs


def _test_names(lines):
    """Of --gtest_list_tests: suites end with a dot, their tests are indented."""
    suite = ""
    names = []
    for line in lines:
        if line.startswith("  "):
            names.append(suite + line.split("#")[0].strip())
        elif line.split("#")[0].strip().endswith("."):
            suite = line.split("#")[0].strip()
    return names


def _sanitizers(packed, environment):
    """compute-sanitizer, where the machine has it."""
    program = shutil.which("compute-sanitizer") or next(
        (str(path) for path in pathlib.Path("/usr/local").glob("cuda*/bin/compute-sanitizer")),
        None)
    if program is None:
        return []
    watched = {**environment, "NARKE_GPU_ALLOCATOR": "driver"}
    fails = ["--error-exitcode", str(SANITIZER_EXIT_CODE)]
    memcheck = [program, "--tool", "memcheck", "--track-stream-ordered-races", "all", *fails]
    some = ("in_place", "fan_out", "saxpy_of_the_contract", "brings_back", "one_task_may_have")
    jobs = _googletest(packed, "thrust_tasks_tests", "cuda", watched, memcheck, kind="memcheck")
    jobs += _googletest(packed, "gpu_conformance_tests", "cuda", watched, memcheck, some,
                        kind="memcheck")
    for tool in ("memcheck", "racecheck", "initcheck"):
        jobs += _googletest(packed, "kernel_tasks_tests", "cuda", environment,
                            [program, "--tool", tool, *fails], kind=tool)
    return jobs


def _demos(packed, is_emulated):
    """The demo's pictures from the device, from emulated ones and from the CPU."""
    program = packed.program("narke_demo")
    pictures = packed.folder / "pictures"
    if program is None or not pictures.is_dir():
        return []
    kinds = {"cpu": ["--emulated-gpus", "0"], "emulated": ["--emulated-gpus", "2"]}
    if not is_emulated:
        kinds["cuda"] = []
    jobs = []
    for device, options in kinds.items():
        scratch = _scratch(device)
        jobs.append(Job(f"demo.{device}",
                        [program, "--pictures-only", "--quick", "--images", pictures, "--out",
                         scratch, *options],
                        device, 120, scratch=scratch, answer_file="figures.json", kind="demo"))
    return jobs


def compare_demos(results):
    """Whether every device gave the pictures of the CPU."""
    sums = {}
    for result in results:
        if result["name"].startswith("demo.") and "data" in result:
            pictures = result["data"].get("pictures", [])
            sums[result["device"]] = {each["file"]: each["checksum"] for each in pictures}
    status = "not run"
    if len(sums) > 1:
        status = "passed" if len({json.dumps(each) for each in sums.values()}) == 1 else "failed"
    return {"name": "demo.same_pictures", "device": "+".join(sorted(sums)), "status": status,
            "pictures": {device: len(each) for device, each in sums.items()}}


def _benches(packed, is_emulated):
    """Every benchmark once, then every one again: what drifts meets all alike."""
    device = "emulated" if is_emulated else "cuda"
    scratch = _scratch("bench")
    # Their tables go to the output; the records that are kept, to a file.
    options = ["--json", scratch / "records.json",
               *(["--emulated", "--quick"] if is_emulated else [])]
    own = {"gpu_blur": ["--images", packed.folder / "pictures"]}
    return [Job(f"{program.name}, {repeat} of {REPEATS}",
                [program, *options, *own.get(program.name, [])], device, 120,
                scratch=scratch, answer_file="records.json", kind="bench")
            for repeat in range(1, REPEATS + 1) for program in packed.benches()]


def _scratch(name):
    return pathlib.Path(tempfile.gettempdir()) / f"narke-gpu-check-{os.getpid()}-{name}"


def _lines(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=60, check=True)
    return done.stdout.splitlines()
