"""One damaged file of a finished run among good ones: who only looks is shown the rest, and the damaged one by name."""
import os
import random
import shutil
from pathlib import Path

from campaigns import _runs
from campaigns._damage import damage
from campaigns.power import cut, looked_at

JOBS = _runs.JOBS
CASES, LIMIT_SEC = 700, 120
READ = ("config.yaml", "status.json", "report.json", "metrics.jsonl", "predictions.csv", "environment.json", "job.json",
        "incidents.jsonl", "warnings.jsonl", "sides.csv", "log.txt", "process.json", "STOP")


def finished(job: str, work: Path) -> Path:
    "A finished run: of $TORTURE_RUNS/outputs, else one that is made."
    if home := os.environ.get("TORTURE_RUNS"):
        return next(p.parent for p in sorted(Path(home).glob(f"outputs/{job}/*/report.json")))
    return _runs.reference(job, work)[0]


def case(rng: random.Random, folder: Path) -> str:
    "Two runs of a job, a file of one of them cut, emptied, gone or garbled."
    job = JOBS[rng.case % len(JOBS)]
    source = finished(job, folder.parent)
    for name in ("disturbed", "good"):
        run = folder / "outputs" / job / name
        run.mkdir(parents=True)
        for path in (p for p in source.iterdir() if p.is_file() and p.name in READ):
            shutil.copyfile(path, run / path.name)
    run = folder / "outputs" / job / "disturbed"
    path = rng.choice(sorted(run.iterdir()))
    if rng.random() < 0.5:
        words = cut(path, rng)
    else:
        path.write_bytes(damage(path.read_bytes(), rng))
        words = "garbled"
    problem = looked_at(folder, job)
    return problem and f"{job} {path.name} {words}: {problem}"
