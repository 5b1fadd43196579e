"""Full disks, read-only folders, few descriptors, little memory, odd paths: a clear line, nothing lost, goes on afterwards."""
import contextlib
import os
import random
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

from campaigns import _runs
from campaigns._damage import one_line

JOBS = _runs.JOBS
WAYS = ("full", "full", "full", "read-only", "descriptors", "memory", "path", "home")
CASES, LIMIT_SEC, MEMORY_BYTES = 8 * len(JOBS), 600, 8 * 2**30
SHORT = 8 * (os.geteuid() == 0)  # of them in the test command, where it may mount a disk


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    "A disk of so many bytes; needs the rights to mount one."
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def remount(folder: Path, how: str) -> None:
    "Change a disk."
    subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)


def limited(job: str, name: str, way: str) -> None:
    "A run with few descriptors or little memory."
    if way == "descriptors":
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    elif way == "memory":
        has = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (has + 60 * 2**20,) * 2)
    else:
        os.environ["HOME"] = "/proc/nowhere"
    _runs.perform(job, name)


def refused(log: Path, words: tuple[str, ...]) -> str:
    "What is wrong with how a run was refused."
    said = _runs.last_line(log)
    return one_line(said) or ("" if any(word in said for word in words) else f"said: {said}")


def on_small_disk(rng: random.Random, job: str, way: str, folder: Path, undisturbed: Path) -> str:
    "A disk that is full or read-only, made good again."
    home, log = folder / "disk", folder / "said.log"
    made = [undisturbed, *([undisturbed.parents[2] / "data"] if job not in ("sensors", "points") else [])]
    taken = sum(p.stat().st_blocks * 512 for place in made for p in place.rglob("*") if p.is_file())
    size = int(taken * rng.uniform(0.1, 0.9)) if way == "full" else 2 * taken + 2**24
    with small_disk(home, size):
        process = _runs.start(job, home, "disturbed", log=log)
        if way == "read-only":
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0.5, 5))
            with contextlib.suppress(subprocess.CalledProcessError):  # busy while a file is open for writing
                remount(home, "ro")
        code = _runs.finish(process)
        words = f"{job} on {way} disk of {size} bytes ({code}):"
        print(words, _runs.last_line(log), flush=True)
        if code and (problem := refused(log, ("is full", "Read-only file system", "too little room"))) and way == "full":
            return f"{words} {problem}"
        remount(home, f"rw,size={4 * taken + 2**26}")
        if again := _runs.run(job, home, "disturbed", log=log):
            return f"{words} after room was made {again}: {_runs.last_line(log)}"
        problem = _runs.differences(undisturbed, home / "outputs" / job / "disturbed") or _runs.leftovers(home)
        return problem and f"{words} {problem}"


def case(rng: random.Random, folder: Path) -> str:
    "One job under one want."
    job, way = JOBS[rng.case % len(JOBS)], WAYS[rng.case // len(JOBS) % len(WAYS)]
    _runs.preload([job])
    undisturbed, _ = _runs.reference(job, folder.parent)
    if way in ("full", "read-only"):
        return on_small_disk(rng, job, way, folder, undisturbed)
    home = folder / ("a folder \N{COW} with spaces " * 7)[:200] if way == "path" else folder
    (home / "outputs").mkdir(parents=True, exist_ok=True)
    code = _runs.finish(_runs.Forked(limited, home, _runs.log_of(job, home, "disturbed"), job, "disturbed", way) if way != "path"
                        else _runs.start(job, home, "disturbed"))
    said = _runs.last_line(_runs.log_of(job, home, "disturbed"))
    if code and (way not in ("descriptors", "memory") or one_line(said) or "Error" not in said):
        return f"{job} with little {way}: exit code {code}: {said}"
    if code and (again := _runs.run(job, home, "disturbed")):
        return f"{job} after {way} ({said}): {again}: {_runs.last_line(_runs.log_of(job, home, 'disturbed'))}"
    problem = _runs.differences(undisturbed, home / "outputs" / job / "disturbed")
    return problem and f"{job} {way} ({code}): {problem}"
