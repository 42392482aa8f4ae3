"""Builds what a machine with a GPU is to run, and gathers it with all that it needs."""

import json
import os
import pathlib
import re
import shutil
import subprocess

MANIFEST = "gpu-check.json"
BYTES_MAX = 64 << 20
PICTURES_BYTES_MAX = 12 << 20
PICTURES_FOLDER = pathlib.Path("/usr/share/backgrounds/mate")
ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAMS = ("gpu_facts", "gpu_conformance_tests", "thrust_tasks_tests", "kernel_tasks_tests",
            "narke_demo")
EMULATED_LIBRARY = "narke_emulated_libcuda"

# What every Linux has, and what must fit its kernel and its driver: never carried.
OF_THE_SYSTEM = re.compile(
    r"^(ld-linux.*|linux-vdso|lib(c|m|dl|rt|pthread|resolv|util|nss_.*|cuda|nvidia.*))\.so")


class PackError(Exception):
    """Something that the user has to mend."""


class Packed:
    """A pack that lies somewhere."""

    def __init__(self, folder, manifest):
        self.folder = folder
        self.manifest = manifest

    def program(self, name):
        """Its path; None where this pack has none."""
        path = self.folder / "bin" / name
        return path if path.is_file() else None

    def benches(self):
        return sorted(path for path in (self.folder / "bench").glob("gpu_*") if path.is_file())


def read(folder):
    folder = pathlib.Path(folder).resolve()
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as wrong:
        raise PackError(f"{folder} is no pack ({wrong}); make one by: gpu-check pack") from wrong
    return Packed(folder, manifest)


def make(chosen):
    build = chosen.out.resolve().parent / f"{chosen.out.name}-build"
    _configure(build, chosen.without_cuda)
    benches = _bench_targets(build)
    _build(build, [*PROGRAMS, EMULATED_LIBRARY, *benches], chosen.jobs)
    folder = _emptied(chosen.out.resolve())
    for name in PROGRAMS:
        _take(_built(build, name), folder / "bin")
    for name in benches:
        _take(_built(build, name.removeprefix("bench_")), folder / "bench")
    _take(_built(build, "libcuda.so.1"), folder / "emulated_libcuda")
    _take_libraries(folder, build)
    _take_pictures(folder / "pictures")
    _take_script(folder)
    manifest = {"commit": _commit(), "with_cuda": not chosen.without_cuda, "programs": [
        *PROGRAMS], "benches": benches}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return _told_size(folder)


def _configure(build, without_cuda):
    preset = "dev" if without_cuda else "cuda"
    options = ["-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON", "-DCMAKE_INSTALL_RPATH=$ORIGIN/../lib",
               # Found by what a library needs in turn, too: RPATH, not RUNPATH.
               "-DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags",
               "-DCMAKE_MODULE_LINKER_FLAGS=-Wl,--disable-new-dtags"]
    if not without_cuda:
        options.append("-DCMAKE_CUDA_ARCHITECTURES=80-real;90")
    _call(["cmake", "--preset", preset, "-B", build, *options], cwd=ROOT)


def _bench_targets(build):
    """The benchmarks that this tree has."""
    listed = subprocess.run(["cmake", "--build", build, "--target", "help"], capture_output=True,
                            text=True, check=True).stdout
    return sorted(set(re.findall(r"^(bench_gpu_\w+): phony", listed, re.MULTILINE)))


def _build(build, targets, jobs):
    # CMake asks tests for their names while it builds, and the libraries are not beside them yet.
    environment = {**os.environ, "LD_LIBRARY_PATH": str(build)}
    count = jobs if jobs > 0 else os.cpu_count() or 1
    _call(["cmake", "--build", build, "-j", str(count), "--target", *targets], env=environment)


def _built(build, name):
    for path in sorted(build.rglob(name)):
        if path.is_file() and (os.access(path, os.X_OK) or ".so" in name):
            return path
    raise PackError(f"{build} has no {name} though it was built")


def _emptied(folder):
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise PackError(f"{folder} is there and is no pack; name another folder, or remove it")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _take(path, folder, name=None):
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / (name or path.name)
    shutil.copy(path, target)
    _call(["strip", "--strip-unneeded", target])


def _take_libraries(folder, build):
    """All that the programs need and that a system without anything installed may lack."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(build)}
    for program in [*folder.glob("bin/*"), *folder.glob("bench/*"),
                    *folder.glob("emulated_libcuda/*")]:
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True,
                                env=environment).stdout
        for name, path in re.findall(r"^\s*(\S+) => (\S+)", listed, re.MULTILINE):
            if path == "not":
                raise PackError(f"{program.name} needs {name}, which is not found")
            if not OF_THE_SYSTEM.match(name) and not (folder / "lib" / name).exists():
                _take(pathlib.Path(path).resolve(), folder / "lib", name)


def _take_pictures(folder):
    """The smallest of Debian's photographs, for the demo."""
    folder.mkdir()
    taken = 0
    for path in sorted(PICTURES_FOLDER.rglob("*.jpg"), key=lambda path: path.stat().st_size):
        taken += path.stat().st_size
        if taken > PICTURES_BYTES_MAX:
            break
        shutil.copy(path, folder)
    if not any(folder.iterdir()):
        raise PackError(f"no pictures in {PICTURES_FOLDER}; install Debian's mate-backgrounds")


def _take_script(folder):
    shutil.copy(ROOT / "scripts" / "gpu-check", folder)
    shutil.copytree(ROOT / "scripts" / "lib" / "gpu_check", folder / "lib" / "gpu_check",
                    ignore=shutil.ignore_patterns("__pycache__"))


def _commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def _told_size(folder):
    sizes = sorted(((path.stat().st_size, path) for path in folder.rglob("*") if path.is_file()),
                   reverse=True)
    total = sum(size for size, _ in sizes)
    for size, path in sizes[:8]:
        print(f"{size / (1 << 20):7.1f} MiB  {path.relative_to(folder)}")
    print(f"{total / (1 << 20):7.1f} MiB in all, of {BYTES_MAX >> 20} MiB that may be carried: "
          f"{folder}")
    if total > BYTES_MAX:
        raise PackError("the pack is too large to be carried")
    return 0


def _call(command, **options):
    done = subprocess.run([str(word) for word in command], check=False, **options)
    if done.returncode != 0:
        raise PackError(f"{' '.join(str(word) for word in command[:6])} … ended with "
                        f"{done.returncode}")
