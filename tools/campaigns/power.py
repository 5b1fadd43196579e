"""A stopped run, one of its files cut or zeroed: goes on to the same result, or refuses in a line that names the file."""
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from campaigns import _runs
from campaigns._damage import one_line
from campaigns.kills import reference

JOBS = ("sensors", "behavior", "pretrain")
CASES, LIMIT_SEC, MEMORY_BYTES = 500, 600, 8 * 2**30


def stopped(job: str, home: Path, share: float) -> Path:
    "A workspace in which a run was killed after a share of its time; made once for all cases."
    name = f"stopped-{job}-{round(10 * share)}"
    if not (home / name / "made").exists():
        shutil.rmtree(home / name, ignore_errors=True)
        _, took = reference(job, home)
        process = _runs.start(job, home / name, "disturbed")
        time.sleep(share * took)
        _runs.kill(process, signal.SIGKILL)
        _runs.finish(process, 60)
        (home / name / "made").touch()
    return home / name


def cut(path: Path, rng: random.Random) -> str:
    "Damage a file as a loss of power does."
    data = path.read_bytes()
    place = rng.randrange(len(data) + 1)
    way = rng.choice(("cut", "cut", "zeros", "empty", "gone"))
    if way == "gone":
        path.unlink()
    else:
        path.write_bytes({"cut": data[:place], "zeros": data[:place] + bytes(len(data) - place), "empty": b""}[way])
    return f"{way} at byte {place} of {len(data)}"


def case(rng: random.Random, folder: Path) -> str:
    "One file of one stopped or finished run."
    job = rng.choice(JOBS)
    home = folder.parent / "reference"
    undisturbed, _ = reference(job, home)
    shutil.copytree(stopped(job, home, rng.choice((0.5, 0.7, 0.9, 1.5))), folder, symlinks=True, dirs_exist_ok=True)
    run = folder / "outputs" / job / "disturbed"
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".log" and p.name != "made"]
    path = rng.choice(files)
    words = f"{job} {path.relative_to(folder)}: {cut(path, rng)}:"
    for verb in (["runs"], ["status", f"{job}/disturbed"]):
        seen = subprocess.run([sys.executable, "-m", "vidbench", *verb], cwd=folder, env=_runs.environment(folder),
                              capture_output=True, text=True, timeout=120)
        if "Traceback" in seen.stderr + seen.stdout:
            return f"{words} vidbench {verb[0]} ends in a traceback: {seen.stderr.strip().splitlines()[-1][:200]}"
    before = (folder / f"{job}-disturbed.log").stat().st_size
    code = _runs.run(job, folder, "disturbed")
    said = (folder / f"{job}-disturbed.log").read_text(errors="replace")[before:]
    if code == 0:
        problem = _runs.differences(undisturbed, run)
        return problem and f"{words} {problem}"
    last = said.strip().splitlines()[-1] if said.strip() else ""
    if "Traceback" in said or code == -1:
        return f"{words} exit code {code}, {last[:300]}"
    named = path.name in said or path.parent.name in said
    return one_line(last) or ("" if named else f"{words} refused without the file's name: {last[:300]}")
