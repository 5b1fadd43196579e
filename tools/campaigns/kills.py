"""A run killed at a random moment, then the same command: results equal to the undisturbed run, nothing left behind."""
import random
import signal
import time
from pathlib import Path

from campaigns import _runs

JOBS = _runs.JOBS
CASES, LIMIT_SEC, MEMORY_BYTES = 30 * len(JOBS), 600, 8 * 2**30
SHORT = 6  # of them in the test command
WHOLE = (5, 15)  # of each 15 cases of a job this one by the whole command, with launcher and kernel: ten times dearer


def wait_for(moment: "float | Path", process: object, limit_sec: float) -> str:
    "Until a time has passed or a file is there; says which."
    end = time.monotonic() + (limit_sec if isinstance(moment, Path) else moment)
    while time.monotonic() < end and not (isinstance(moment, Path) and moment.exists()):
        time.sleep(0.002 if isinstance(moment, Path) else max(0.0, min(0.1, end - time.monotonic())))
    return f"at {moment.name}" if isinstance(moment, Path) else f"after {moment:.1f} s"


def moment_of(rng: random.Random, undisturbed: Path, took: float, folder: Path) -> "float | Path":
    "When to strike: at a random time, or when one of the run's files has just come."
    if rng.random() < 0.5:
        return rng.uniform(0, took)
    names = sorted(p.relative_to(undisturbed) for p in undisturbed.rglob("*") if p.is_file() and p.name != "STOP")
    return folder / rng.choice(names)


def case(rng: random.Random, folder: Path) -> str:
    "One run, disturbed once or twice."
    job = JOBS[rng.case % len(JOBS)]
    whole = job in _runs.COMMANDS and rng.case // len(JOBS) % WHOLE[1] == WHOLE[0]
    _runs.preload([job])
    undisturbed, took = _runs.reference(job, folder.parent, whole)
    disturbed, words = folder / "outputs" / job / "disturbed", f"{job}{' by its command' if whole else ''}:"
    for _ in range(rng.choice((1, 1, 2))):
        moment = moment_of(rng, undisturbed, took, disturbed)
        sign = rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        process = _runs.start(job, folder, "disturbed", whole=whole)
        when = wait_for(moment, process, 3 * took + 5)
        time.sleep(rng.uniform(0, 0.05))
        _runs.kill(process, sign, group=sign == signal.SIGKILL)
        code = _runs.finish(process, 90)
        words += f" {sign.name} {when} ({code});"
        if code == -99:
            return f"{words} not stopped after 90 s"
    if left := _runs.processes_of(folder):
        time.sleep(10)
        if left := _runs.processes_of(folder):
            return f"{words} {len(left)} processes went on"
    if code := _runs.run(job, folder, "disturbed", whole=whole):
        said = _runs.last_line(_runs.log_of(job, folder, "disturbed"))
        return f"{words} the same command then ended with {code}: {said}"
    problem = _runs.differences(undisturbed, disturbed) or _runs.leftovers(folder)
    return problem and f"{words} {problem}"
