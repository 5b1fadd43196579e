"""A run killed at a random moment, then the same command: results equal to the undisturbed run, nothing left behind."""
import json
import random
import signal
import time
from pathlib import Path

from campaigns import _runs

JOBS = ("sensors", "behavior", "grounding", "anomaly", "pretrain", "caption", "agent")
CASES, LIMIT_SEC, MEMORY_BYTES = 210, 900, 8 * 2**30


def reference(job: str, home: Path) -> tuple[Path, float]:
    "The undisturbed run, and how long it took; made once for all cases."
    found, took = home / "outputs" / job / "undisturbed", home / f"{job}.json"
    if not took.exists():
        start = time.monotonic()
        if code := _runs.run(job, home, "undisturbed"):
            raise RuntimeError(f"{job} did not run undisturbed: exit code {code}")
        took.write_text(json.dumps(time.monotonic() - start))
    return found, json.loads(took.read_text())


def case(rng: random.Random, folder: Path) -> str:
    "One run, disturbed once or twice."
    job = rng.choice(JOBS)
    undisturbed, took = reference(job, folder.parent / "reference")
    times, words = rng.choice((1, 1, 2)), f"{job}:"
    for _ in range(times):
        process, moment = _runs.start(job, folder, "disturbed"), rng.uniform(0, 1.1 * took)
        sign = rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        time.sleep(moment)
        _runs.kill(process, sign)
        code = _runs.finish(process, 60)
        words += f" {sign.name} after {moment:.1f} s ({code});"
        if sign == signal.SIGTERM and code == -1:
            return f"{words} not stopped after 60 s"
        time.sleep(3)
        if left := _runs.processes_of(folder):
            return f"{words} {len(left)} processes went on"
    if code := _runs.run(job, folder, "disturbed"):
        return f"{words} the same command then ended with {code}"
    problem = _runs.differences(undisturbed, folder / "outputs" / job / "disturbed") or _runs.leftovers(folder)
    return problem and f"{words} {problem}"
