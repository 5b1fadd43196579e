"""Each job under another order of hashes: metrics, predictions and report equal but for times."""
import random
from pathlib import Path

from campaigns import _runs

JOBS = _runs.JOBS
CASES, LIMIT_SEC, MEMORY_BYTES = 2 * len(JOBS), 600, 8 * 2**30


def case(rng: random.Random, folder: Path) -> str:
    "A job twice: with the hashes of seed 0, and with others."
    job, home = JOBS[rng.case % len(JOBS)], _runs.kept(folder.parent)
    first = home / "outputs" / job / "hash-0"
    if not (first / "report.json").exists() and (code := _runs.in_words(job, home, "hash-0", PYTHONHASHSEED="0")):
        return f"{job} ended with {code}: {_runs.last_line(_runs.log_of(job, home, 'hash-0'))}"
    other = str(rng.randrange(1, 2**32))
    if code := _runs.in_words(job, folder, "disturbed", PYTHONHASHSEED=other):
        return f"{job} with PYTHONHASHSEED={other} ended with {code}: {_runs.last_line(_runs.log_of(job, folder, 'disturbed'))}"
    problem = _runs.differences(first, folder / "outputs" / job / "disturbed")
    return problem and f"{job} with PYTHONHASHSEED={other}: {problem}"
