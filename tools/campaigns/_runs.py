"""Runs of jobs in a workspace of their own, and what makes two of them equal."""
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMES = {"time", "step_ms", "eta_sec", "step_time_ms", "seconds", "minutes", "updated", "started", "wait_share",
         "bad_since", "samples_per_sec", "clips_per_sec", "tokens_per_sec", "memory_mb", "peak_memory_mb"}
LIMIT_SEC = 240


def command(job: str, name: str, preset: str = "smoke") -> list[str]:
    "What a user types."
    return [sys.executable, "-m", "vidbench", "run", job, "--preset", preset, "--name", name]


def environment(home: Path) -> dict[str, str]:
    "That of a user without network and without colours, whose runs lie in `home`."
    return os.environ | {"VIDBENCH_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg",
                         "PYTHONPATH": str(ROOT)}


def start(job: str, home: Path, name: str) -> subprocess.Popen:
    "Begin a run, in a session of its own."
    (home / "outputs").mkdir(parents=True, exist_ok=True)
    log = (home / f"{job}-{name}.log").open("ab")
    return subprocess.Popen(command(job, name), cwd=home, env=environment(home), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                            start_new_session=True)


def finish(process: subprocess.Popen, limit_sec: float = LIMIT_SEC) -> int:
    "Its exit code; killed when it takes too long."
    try:
        return process.wait(limit_sec)
    except subprocess.TimeoutExpired:
        kill(process)
        return -1


def kill(process: subprocess.Popen, sign: int = signal.SIGKILL) -> None:
    "A signal to a run and to all that it started in its session."
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, sign)


def run(job: str, home: Path, name: str) -> int:
    "A run from beginning to end."
    return finish(start(job, home, name))


def timeless(value: Any) -> Any:
    "A document without what a clock said."
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in TIMES and not k.endswith(("_sec", "_ms", "_minutes"))}
    return [timeless(v) for v in value] if isinstance(value, list) else value


def logged(run: Path) -> dict[tuple, dict]:
    "The last line of each step and kind in the log of a run."
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines() if line.strip()]
    return {(line.get("step"), *sorted(k for k in line if k.startswith("eval_"))[:1]): timeless(line) for line in lines}


def differences(one: Path, other: Path) -> str:
    "In what the results of two runs differ, in a line; empty when in nothing but times."
    for name, read in (("report.json", lambda p: timeless(json.loads(p.read_text()))), ("predictions.csv", Path.read_bytes),
                       ("sides.csv", Path.read_bytes)):
        a, b = one / name, other / name
        if a.exists() != b.exists():
            return f"{name} is in only one of the two"
        if a.exists() and read(a) != read(b):
            return f"{name} differs"
    a, b = logged(one), logged(other)
    if a.keys() != b.keys():
        return f"metrics.jsonl: steps {sorted(map(str, a.keys() ^ b.keys()))[:4]} are in only one of the two"
    wrong = next((key for key in a if a[key] != b[key]), None)
    return f"metrics.jsonl differs at step {wrong[0]}" if wrong else ""


def leftovers(home: Path) -> str:
    "Temporary files that a finished run left behind."
    files = [p for p in home.rglob("*") if p.name.endswith((".tmp", ".half", ".part")) and p.is_file()]
    found = [p.relative_to(home).as_posix() for p in files]
    return f"left behind: {', '.join(found[:4])}" if found else ""


def processes_of(home: Path) -> list[int]:
    "Processes that still work in a workspace (Linux)."
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"VIDBENCH_HOME={home}".encode() + b"\0" in entry.read_bytes() + b"\0":
                found.append(int(entry.parent.name))
    return found
