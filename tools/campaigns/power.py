"""A stopped run, one of its files cut or zeroed: goes on to the same result, or refuses in a line that names the file."""
import contextlib
import io
import json
import os
import random
import shutil
import signal
import time
import traceback
from pathlib import Path

from campaigns import _runs
from campaigns._damage import one_line

JOBS = _runs.JOBS
CASES, LIMIT_SEC, MEMORY_BYTES = 500, 600, 8 * 2**30
SHORT = 8  # of them in the test command


def stopped(job: str, work: Path, share: float) -> Path:
    "A workspace in which a run was killed after a share of its time; made once for all cases."
    home = _runs.kept(work) / f"stopped-{job}-{round(10 * share)}"
    if not (home / "made").exists():
        shutil.rmtree(home, ignore_errors=True)
        _, took = _runs.reference(job, work)
        process = _runs.start(job, home, "disturbed")
        time.sleep(share * took)
        _runs.kill(process, signal.SIGKILL)
        _runs.finish(process, 60)
        (home / "made").touch()
    return home


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


def looked_at(folder: Path, job: str) -> str:
    "What those who only look at the run say, if it is not what they should."
    from vidbench.launch.cli import main
    os.environ.update(_runs.environment(folder))
    os.chdir(folder)
    beside = sorted(p.name for p in (folder / "outputs" / job).iterdir() if p.name != "disturbed")
    one, two = f"{job}/disturbed", f"{job}/{(beside or ['disturbed'])[0]}"
    for verb in (["runs"], ["runs", "--json"], ["status"], ["status", one], ["compare", one, two], ["logs", one],
                 ["report", one]):
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
                main(verb)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            return (f"vidbench {verb[0]} ends in {type(error).__name__} at {Path(place.filename).name}:{place.lineno}: "
                    f"{' '.join(str(error).split())[:200]}")
        if verb == ["runs"] and beside and two.split("/")[1] not in said.getvalue():
            return f"vidbench runs does not show the run beside: {said.getvalue()[:200]}"
    return ""


def case(rng: random.Random, folder: Path) -> str:
    "One file of one stopped or finished run."
    job = JOBS[rng.case % len(JOBS)]
    _runs.preload([job])
    undisturbed, _ = _runs.reference(job, folder.parent)
    shutil.copytree(stopped(job, folder.parent, rng.choice((0.5, 0.75, 2))), folder, symlinks=True, dirs_exist_ok=True)
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".log" and p.name != "made"]
    kinds = sorted({(p.parent.name.rstrip("0123456789"), p.suffix) for p in files})  # a checkpoint has many, a report one
    kind = rng.choice(kinds)
    path = rng.choice([p for p in files if (p.parent.name.rstrip("0123456789"), p.suffix) == kind])
    words = f"{job} {path.relative_to(folder)}: {cut(path, rng)}:"
    if problem := looked_at(folder, job):
        return f"{words} {problem}"
    log = _runs.log_of(job, folder, "disturbed")
    log.write_text("")
    code = _runs.run(job, folder, "disturbed")
    if code == 0:
        found = folder / "outputs" / job / "disturbed"
        warned = json.loads((found / "report.json").read_text())["health"].get("warnings", ())
        told = any(path.name in line for line in warned)          # then the report may say that its health is not known
        problem = _runs.differences(undisturbed, found, ("health",) if told else ())
        return problem and f"{words} {problem}"
    last = _runs.last_line(log)
    kind, _, said = last.partition(": ")
    if kind not in ("RunError", "TrainingError", "ReportError", "ConfigError", "VideoError", "DiskError", "EventError"):
        return f"{words} exit code {code}: {last}"
    named = path.name in said or path.parent.name in said
    return one_line(said) or ("" if named else f"{words} refused without the file's name: {last}")
