"""Ray as a contender: adds its records to results that the programs of bench/ wrote as JSON.

For each FILE, the results of the workload NAME, it runs bench/NAME/ray_peer.py where there is one,
and puts Ray's records beside those of the other contenders. Ray does less of everything, as a task
takes it some hundred times as long; times are for one item, so they compare. CPU time is that of
all its processes. Exit code: 0 all ran and were right, 1 one was wrong or failed.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import sys
import time
import traceback

BENCH = pathlib.Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


class Peer:
    """One contender: `body()` does `items` of them and is timed, `check` throws on its result.

    `prepare`, if given, runs before each body and is not timed; body gets what it returned.
    `repetitions` are at most that many.
    """

    def __init__(self, items, body, check, prepare=None, repetitions=1000):
        self.items = items
        self.body = body
        self.check = check
        self.prepare = prepare
        self.repetitions = repetitions


def expect_equal(actual, expected, what):
    if actual != expected:
        raise ValueError(f"{what} is {str(actual):.60}, and had to be {str(expected):.60}")


def cpu_ns():
    """Of this process and all that it has started, Ray's servers and workers among them."""
    parents, times = {}, {}
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        # Its own, and that of children that have ended: in user mode and in the kernel.
        times[int(folder.name)] = sum(map(int, fields[11:15]))
    total = 0
    for process, ticks in times.items():
        above = process
        while above not in (os.getpid(), 0):
            above = parents.get(above, 0)
        total += ticks if above == os.getpid() else 0
    return total * 1_000_000_000 // TICKS


def measure(peer, repetitions):
    """(first real time, [(real, CPU) of each repetition]) for one item, in ns."""
    times = []
    for _ in range(min(repetitions, peer.repetitions) + 1):
        arguments = () if peer.prepare is None else (peer.prepare(),)
        cpu, real = cpu_ns(), time.perf_counter_ns()
        result = peer.body(*arguments)
        real, cpu = time.perf_counter_ns() - real, cpu_ns() - cpu
        peer.check(result)
        times.append((real / peer.items, max(0, cpu) / peer.items))
    return times[0][0], times[1:]


def head(like, contender, place, repetitions, kind):
    """What every record has, by one of another contender of the same workload and variant."""
    name = "/".join(part for part in (like["workload"], contender, like["variant"]) if part)
    kept = ("workload", "variant", "baseline", "compared_by", "item", "family_index")
    return {"name": name, "per_family_instance_index": place, "run_name": name, "run_type": kind,
            "repetitions": repetitions, "threads": 1, "contender": contender,
            **{field: like[field] for field in kept}}


def records_of(like, contender, place, items, first, times):
    """Records as the programs of bench/ write them: each repetition, then the aggregates."""
    def one(kind, real, cpu, **more):
        return {**head(like, contender, place, len(times), kind), "real_time": real,
                "cpu_time": cpu, "time_unit": "ns", **more}

    records = [one("iteration", real, cpu, repetition_index=index, iterations=items,
                   items_per_second=1e9 / real)
               for index, (real, cpu) in enumerate(times)]
    if len(times) < 2:
        return records
    columns = list(zip(*times))
    for name, function in (("mean", statistics.fmean), ("median", statistics.median),
                           ("stddev", statistics.stdev), ("cv", variation), ("min", min),
                           ("max", max)):
        record = one("aggregate", *map(function, columns), aggregate_name=name,
                     aggregate_unit="percentage" if name == "cv" else "time",
                     iterations=len(times))
        record["name"] += f"_{name}"
        if name == "median":
            record["first_real_time"] = first
        records.append(record)
    return records


def variation(values):
    mean = statistics.fmean(values)
    return statistics.stdev(values) / mean if mean else 0


def failure(like, contender, place, message):
    return {**head(like, contender, place, 0, "iteration"), "error_occurred": True,
            "error_message": message}


def run_peer(like, contender, place, peer, repetitions):
    try:
        first, times = measure(peer, repetitions)
    except Exception as problem:  # told in its record; the others run
        traceback.print_exc()
        first_line = (str(problem).splitlines() or [""])[0]
        return [failure(like, contender, place, f"{type(problem).__name__}: {first_line}")]
    records = records_of(like, contender, place, peer.items, first, times)
    median = statistics.median(real for real, _ in times)
    print(f"  {records[0]['run_name']}: {median / 1000:.4g} us", flush=True)
    return records


def peers_of(workload):
    """peers(variant, quick) of the workload's own file; None where it has none."""
    file = BENCH / workload / "ray_peer.py"
    if not file.is_file():
        return None
    spec = importlib.util.spec_from_file_location(f"{workload}_ray_peer", file)
    module = importlib.util.module_from_spec(spec)
    # Ray sends what it cannot import by value.
    spec.loader.exec_module(module)
    return module.peers


def without_ray(records):
    return [record for record in records if not record["contender"].startswith("ray")]


def add_to(document, quick, repetitions):
    """Ray's records at the end of each family. Returns whether all were well."""
    kept = without_ray(document["benchmarks"])
    families = {}
    for record in kept:
        families.setdefault(record["family_index"], []).append(record)
    result, is_well = [], True
    for family in families.values():
        result += family
        like = family[0]
        place = max(record["per_family_instance_index"] for record in family)
        for name, peer in peers_of(like["workload"])(like["variant"], quick).items():
            place += 1
            records = run_peer(like, name, place, peer, repetitions)
            is_well = is_well and not records[0].get("error_occurred", False)
            result += records
    document["benchmarks"] = result
    return is_well


def write(document, file):
    """As the programs write it: a record a line."""
    lines = ",\n".join(json.dumps(record, separators=(",", ":"))
                       for record in document["benchmarks"])
    file.write_text('{\n"context": ' + json.dumps(document["context"], indent=2)
                    + ',\n"benchmarks": [\n' + lines + "\n]\n}\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repetitions", type=int, default=0, metavar="N")
    options = parser.parse_args()

    import ray  # not needed to read this file
    ray.init(num_cpus=len(os.sched_getaffinity(0)), include_dashboard=False,
             logging_level="ERROR", log_to_driver=False)
    print(f"Ray {ray.__version__}, Python {sys.version.split()[0]}", flush=True)
    is_well = True
    for file in options.files:
        if peers_of(file.stem) is None:
            continue
        document = json.loads(file.read_text(encoding="utf-8"))
        document["context"]["ray_version"] = ray.__version__
        is_well = add_to(document, options.quick,
                         options.repetitions or (3 if options.quick else 5)) and is_well
        write(document, file)
    ray.shutdown()
    return 0 if is_well else 1


if __name__ == "__main__":
    # As the module that the workloads' files import.
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    import ray_peer
    sys.exit(ray_peer.main())
