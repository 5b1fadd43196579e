"""Runs of jobs in a workspace of their own, and what makes two of them equal."""
import contextlib
import hashlib
import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FORKS = multiprocessing.get_context("fork")
TIMES = {"time", "step_ms", "eta_sec", "step_time_ms", "seconds", "minutes", "updated", "started", "wait_share",
         "bad_since", "samples_per_sec", "clips_per_sec", "tokens_per_sec", "memory_mb", "peak_memory_mb", "since"}
LIMIT_SEC = 240
# job -> module of its settings, their class, and what makes the preset smoke a matter of seconds
SMALL: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sensors": ("vidbench.sensors", "SensorsConfig", {"epochs": 3, "toy": {"windows": 480}}),
    "behavior": ("vidbench.behavior", "BehaviorConfig", {
        "max_steps": 9, "eval_every": 3, "log_every": 2, "views": 2,
        "toy": {"videos": 12, "events_per_video": 4, "confounding": 0.5}}),
    "grounding": ("vidbench.grounding", "GroundingConfig", {
        "max_steps": 3, "toy": {"videos": 16, "warmup_steps": 20}, "eval_items": 3}),
    "anomaly": ("vidbench.anomaly", "AnomalyConfig", {"toy": {"videos": 12, "warmup_steps": 30}}),
    "pretrain": ("vidbench.worldmodel.pretrain", "PretrainConfig", {
        "epochs": 3, "probe_epochs": 2, "supervised_epochs": 1, "toy": {"clips": 32, "pairs": 5}}),
    "caption": ("vidbench.worldmodel.caption", "CaptionConfig", {
        "epochs": 3, "watch_clips": 4, "toy": {"clips": 24, "llm_steps": 15}}),
    "points": ("campaigns._points", "PointsConfig", {}),
    "agent": ("vidbench.worldmodel.agent", "AgentConfig", {
        "total_steps": 1536, "checkpoint_every": 1, "val_episodes": 4, "test_episodes": 4}),
}

JOBS = tuple(job for job in SMALL if job in os.environ.get("TORTURE_JOBS", ",".join(SMALL)).split(","))
COMMANDS = tuple(job for job in JOBS if job != "points")  # those with a notebook


def preload(jobs: Any = SMALL) -> None:
    "Import what the jobs need, so that a run that is forked from here begins at once."
    for job in jobs:
        importlib.import_module(f"{SMALL[job][0]}.study")


def settings(job: str, **more: Any) -> Any:
    "The settings of a small run."
    module, name, small = SMALL[job]
    return getattr(importlib.import_module(f"{module}.settings"), name).preset("smoke", **small | more)


def perform(job: str, name: str, **more: Any) -> None:
    "The verbs of a job, one after another, as its notebook calls them."
    from vidbench.core.runs import Run
    study, cfg = importlib.import_module(f"{SMALL[job][0]}.study"), settings(job, **more)
    run = Run.create(job, cfg, name)
    study.prepare(cfg, run)
    study.fit(cfg, run)
    study.evaluate(cfg, run)


def environment(home: Path) -> dict[str, str]:
    "That of a user without network and without colours, whose runs lie in `home`."
    return {"VIDBENCH_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg",
            "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}


def in_words(job: str, home: Path, name: str, **variables: str) -> int:
    "A run by its verbs in a Python of its own, with variables of the environment."
    code = (f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); from campaigns import _runs; "
            f"_runs.perform({job!r}, {name!r})")
    (home / "outputs").mkdir(parents=True, exist_ok=True)
    with log_of(job, home, name).open("ab") as log:
        return finish(subprocess.Popen([sys.executable, "-c", code], cwd=home, env=os.environ | environment(home) | variables,
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))


class Forked:
    "A function in a process of its own, which leads a session; waited for and killed like a command."

    def __init__(self, call: Callable, home: Path, log: Path, *args: Any, **more: Any):
        self.process = FORKS.Process(target=self._work, args=(call, home, log, args, more))
        self.process.start()
        self.pid = self.process.pid

    @staticmethod
    def _work(call: Callable, home: Path, log: Path, args: tuple, more: dict) -> None:
        os.setsid()
        os.chdir(home)
        os.environ.update(environment(home))
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
        os.dup2(1, 2)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)  # as the launcher passes both on to a kernel
        try:
            call(*args, **more)
        except KeyboardInterrupt as error:
            print(f"KeyboardInterrupt: {error}")
            sys.exit(130)
        except Exception as error:  # in a line, as the launcher says it; the traceback is before it
            from vidbench.core.disk import full_disk
            traceback.print_exc()
            run = next(iter(home.glob("outputs/*/*/config.yaml")), home / "x").parent
            print(full_disk(run, error, "the run") or f"{type(error).__name__}: {error}", flush=True)
            sys.exit(1)

    def wait(self, limit_sec: float) -> int:
        "Its exit code."
        self.process.join(limit_sec)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired("run", limit_sec)
        return self.process.exitcode


def command(job: str, name: str) -> list[str]:
    "What a user types, for the same run as by `perform`."
    given = [f"{k}.{k2}={v2}" for k, v in SMALL[job][2].items() if isinstance(v, dict) for k2, v2 in v.items()]
    given += [f"{k}={v}" for k, v in SMALL[job][2].items() if not isinstance(v, dict)]
    return [sys.executable, "-m", "vidbench", "run", job, "--preset", "smoke", "--name", name,
            *(word for one in given for word in ("-p", one))]


def log_of(job: str, home: Path, name: str) -> Path:
    "What a run says."
    return home / f"{job}-{name}.log"


def start(job: str, home: Path, name: str, whole: bool = False, log: Path | None = None) -> Any:
    "Begin a run, in a session of its own: its verbs, or the whole command."
    (home / "outputs").mkdir(parents=True, exist_ok=True)
    log = log or log_of(job, home, name)
    if not whole:
        return Forked(perform, home, log, job, name)
    with log.open("ab") as file:
        return subprocess.Popen(command(job, name), cwd=home, env=os.environ | environment(home),
                                stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)


def finish(process: Any, limit_sec: float = LIMIT_SEC) -> int:
    "Its exit code; killed when it takes too long."
    try:
        return process.wait(limit_sec)
    except subprocess.TimeoutExpired:
        kill(process)
        return -99


def kill(process: Any, sign: int = signal.SIGKILL, group: bool = True) -> None:
    "A signal to a run, and to all that it started in its session."
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, sign) if group else os.kill(process.pid, sign)


def run(job: str, home: Path, name: str, **how: Any) -> int:
    "A run from beginning to end."
    return finish(start(job, home, name, **how))


def stamp() -> str:
    "The library as it is: another word when it was changed."
    files = sorted((ROOT / "vidbench").rglob("*.py"))
    return hashlib.blake2b(b"".join(p.read_bytes() for p in files), digest_size=4).hexdigest()


def kept(work: Path) -> Path:
    "Where runs to compare with are kept, for all campaigns; `work` is one's own."
    return work.parent / f"reference-{stamp()}"


def reference(job: str, work: Path, whole: bool = False) -> tuple[Path, float]:
    "The undisturbed run, and how long it took; made once for all cases."
    home = kept(work)
    name = "undisturbed-whole" if whole else "undisturbed"
    found, took = home / "outputs" / job / name, home / f"{job}-{name}.json"
    if not took.exists():
        start_sec = time.monotonic()
        if code := run(job, home, name, whole=whole):
            raise RuntimeError(f"{job} did not run undisturbed: exit code {code}: {last_line(log_of(job, home, name))}")
        took.write_text(json.dumps(time.monotonic() - start_sec))
    return found, json.loads(took.read_text())


def last_line(log: Path) -> str:
    "The last that a run said."
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1][:300] if lines else ""


def timeless(value: Any) -> Any:
    "A document without what a clock said."
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in TIMES and not k.endswith(("_sec", "_ms", "_minutes"))}
    return [timeless(v) for v in value] if isinstance(value, list) else value


def read_lines(path: Path) -> list[dict]:
    "The lines of a log; what was cut in the middle is none."
    found = []
    for line in path.read_text().splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def logged(run: Path) -> list[dict]:
    "The log of a run, line by line, without times."
    return [timeless(line) for line in read_lines(run / "metrics.jsonl")]


def other_keys(a: Any, b: Any, at: str = "") -> str:
    "Where two documents differ first."
    if isinstance(a, dict) and isinstance(b, dict):
        key = next((k for k in sorted({*a, *b}, key=str) if a.get(k) != b.get(k)), "")
        return other_keys(a.get(key), b.get(key), f"{at}.{key}" if at else str(key))
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        i = next(i for i in range(len(a)) if a[i] != b[i])
        return other_keys(a[i], b[i], f"{at}[{i}]")
    return f"{at} {str(a)[:120]!r} is {str(b)[:120]!r}"


def differences(one: Path, other: Path, apart: tuple[str, ...] = ()) -> str:
    "In what the results of two runs differ, in a line; empty when in nothing but times, and parts of the report that are told."
    def document(path: Path) -> Any:
        found = timeless(json.loads(path.read_text().replace(str(path.parent), "RUN").replace(path.parent.name, "NAME")
                                    .replace(str(path.parents[3]), "HOME")))
        return {name: value for name, value in found.items() if name not in apart}

    def table(path: Path) -> bytes:
        return path.read_bytes().replace(str(path.parents[3]).encode(), b"HOME")
    for name, read in (("report.json", document), ("predictions.csv", table), ("sides.csv", table)):
        a, b = one / name, other / name
        if a.exists() != b.exists():
            return f"{name} is in only one of the two"
        if a.exists() and read(a) != read(b):
            return f"{name} differs" + (f": {other_keys(read(a), read(b))}" if name.endswith("json") else "")
    a, b = logged(one), logged(other)
    if len(a) != len(b):
        return f"metrics.jsonl has {len(b)} lines, not {len(a)}"
    return next((f"metrics.jsonl differs in line {i + 1}: {other_keys(x, y)}" for i, (x, y) in enumerate(zip(a, b, strict=True))
                 if json.dumps(x, sort_keys=True) != json.dumps(y, sort_keys=True)), "")


def leftovers(home: Path) -> str:
    "Temporary files that a finished run left behind."
    found = [p.relative_to(home).as_posix() for p in home.rglob("*")
             if p.name.endswith((".tmp", ".half", ".part")) or p.name.startswith(".making-")]
    return f"left behind: {', '.join(found[:4])}" if found else ""


def processes_of(home: Path) -> list[int]:
    "Processes of commands that still work in a workspace (Linux)."
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX" or int(entry.name) == os.getpid():
                continue
            if os.readlink(entry / "cwd") == str(home):
                found.append(int(entry.name))
    return found
