"""Runs a stage: one check after the other, each result written before the next begins."""

import json
import time

from gpu_check import clocks, differences, jobs, pack, stages


def stage(chosen):
    """Returns the exit code: 0 all passed or were skipped, 1 something did not, 2 no such pack."""
    packed = pack.read(chosen.pack)
    listed = [job for job in stages.of(chosen.stage, packed, chosen.emulated)
              if chosen.only in job.name]
    if chosen.timeout_s > 0:
        for job in listed:
            job.timeout_s = chosen.timeout_s
    if chosen.list:
        for job in listed:
            print(f"{job.name}\t{job.device}\t{job.timeout_s:.0f} s")
        return 0
    chosen.out.mkdir(parents=True, exist_ok=True)
    path = chosen.out / f"results-{chosen.stage}.jsonl"
    path.unlink(missing_ok=True)
    file = jobs.ResultFile(path)
    try:
        file.write({"name": "about", "stage": chosen.stage, "emulated": chosen.emulated,
                    "checks": len(listed), "pack": packed.manifest, "gpus": clocks.gpus()})
        results = _run_all(listed, chosen, file)
        if chosen.stage == 2:
            results.append(stages.compare_demos(results))
            file.write(results[-1])
    finally:
        file.close()
    if chosen.stage == 1:
        _write_differences(chosen.out, results)
    return _summary(results, path)


def _run_all(listed, chosen, file):
    end = time.monotonic() + chosen.budget_s
    results = []
    for number, job in enumerate(listed, start=1):
        if time.monotonic() >= end:
            result = {"name": job.name, "device": job.device, "status": "not run"}
        else:
            job.timeout_s = max(1.0, min(job.timeout_s, end - time.monotonic()))
            before = clocks.now() if job.kind == "bench" else None
            result = jobs.run(job)
            if before is not None:
                result["clocks"] = {"before": before, "after": clocks.now()}
        file.write(result)
        results.append(result)
        print(f"[{number}/{len(listed)}] {result['status']:>8} {job.device:>8} "
              f"{result.get('seconds', 0):7.2f} s  {job.name}", flush=True)
    return results


def _write_differences(folder, results):
    found = differences.compare(results)
    (folder / "differences.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{found['facts_that_differ']} of {found['facts_compared']} facts differ between the "
          f"emulated driver and the device's: {folder / 'differences.json'}")


def _summary(results, path):
    if not results:
        print(f"nothing to run: this pack has no such checks: {path}")
        return 0
    count = {}
    for result in results:
        count[result["status"]] = count.get(result["status"], 0) + 1
    bad = {status: number for status, number in count.items()
           if status not in ("passed", "skipped")}
    print(", ".join(f"{number} {status}" for status, number in sorted(count.items())) +
          f": {path}")
    return 1 if bad else 0
