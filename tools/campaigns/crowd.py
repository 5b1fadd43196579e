"""Many runs at once, and many that are there: no step twice, no run lost, and looking at them is quick."""
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from campaigns import _runs

CASES, LIMIT_SEC, MEMORY_BYTES = 6, 900, 8 * 2**30
TRIALS, WORKERS = 8, 4
RUNS, LINES, AT_ONCE, QUICK_SEC = 200, 20_000, 8, 1.0
LAB = _runs.ROOT / "nbs/launch/_lab"


def timed(home: Path, *words: str) -> tuple[subprocess.CompletedProcess, float]:
    "A command, and the processor time that it took beyond that of `vidbench --version`."
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", "vidbench", *words], cwd=home, env=os.environ | _runs.environment(home),
                          capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def crowd(home: Path) -> None:
    "Runs of 20,000 lines each, with reports."
    lines = "".join(json.dumps({"time": 1.7e9 + i, "step": i, "epoch": i / 100, "loss": 1 / (i + 1), "learning_rate": 1e-4,
                                "step_ms": 12.5}) + "\n" for i in range(LINES))
    value = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 100, "groups": 10}
    report = {"job": "walk", "headline": ["macro_f1", "accuracy"], "metrics": {"macro_f1": value, "accuracy": value},
              "baselines": {}, "verdict": "no change", "checks": [], "audit": {"clean": True, "verdict": "clean"}, "health": {}}
    for i in range(RUNS):
        run = home / "outputs/walk" / f"r{i}"
        run.mkdir(parents=True)
        (run / "config.yaml").write_text(f"preset: smoke\nseed: {i}\nsteps: 3\n")
        stages = {name: {"state": "finished", "updated": "2026-11-21T00:00:00+00:00"} for name in ("fit", "evaluate")}
        (run / "status.json").write_text(json.dumps({"stage": "evaluate", "stages": stages}))
        (run / "report.json").write_text(json.dumps(report))
        (run / "metrics.jsonl").write_text(lines)
        (run / "predictions.csv").write_text("event_id,group,true,pred\n" + "".join(
            f"e{k},v{k % 10},{'ear' if k % 3 else 'tail'},{'ear' if (k * i) % 7 else 'tail'}\n" for k in range(100)))


def many_are_there(folder: Path) -> str:
    "200 runs, listed and compared."
    crowd(folder)
    nothing = min(timed(folder, "--help")[1] for _ in range(2))
    for words, wanted in ((("runs",), "r199"), (("status",), "nothing runs"), (("compare", "r1", "r2", "r3"), "McNemar")):
        found = [timed(folder, *words) for _ in range(2)]
        done, spent = found[0][0], min(spent for _, spent in found)
        print(f"vidbench {words[0]}: {spent:.2f} s of the processor, {nothing:.2f} s of them to start", flush=True)
        if done.returncode or wanted not in done.stdout:
            return f"vidbench {words[0]}: exit code {done.returncode}: {(done.stderr or done.stdout)[-200:]}"
        if spent > QUICK_SEC:
            return f"vidbench {words[0]} took {spent:.2f} s of the processor with {RUNS} runs of {LINES} lines"
    return ""


def lab(folder: Path) -> None:
    "A workspace with the pendulum."
    for name in ("data", "outputs", "nbs/experiments"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for path in LAB.glob("pendulum*.py"):
        shutil.copyfile(path, folder / path.name)
    shutil.copyfile(LAB / "pendulum.ipynb", folder / "nbs/experiments/pendulum.ipynb")


def many_at_once(folder: Path, rng: random.Random, kill: bool) -> str:
    "Eight runs side by side, and some of them killed at random; then the same command for each."
    lab(folder)
    env = os.environ | _runs.environment(folder) | {"PYTHONPATH": f"{_runs.ROOT}:{folder}"}
    env.pop("VIDBENCH_HOME")
    def start(name: str) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-m", "vidbench", "run", "pendulum", "--preset", "slow", "-p", "fate=good",
                                 "--name", name], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, start_new_session=True)
    names = [f"p{i}" for i in range(AT_ONCE)]
    running = {name: start(name) for name in names}
    if kill:
        time.sleep(rng.uniform(10, 25))
        for name in rng.sample(names, AT_ONCE // 2):
            _runs.kill(running[name])
            running[name].wait()
            time.sleep(rng.uniform(0, 1))
            running[name] = start(name)
    codes = {name: process.wait() for name, process in running.items()}
    for name in names:
        lines = (folder / "outputs/pendulum" / name / "metrics.jsonl").read_text().splitlines()
        steps = [json.loads(line)["step"] for line in lines]
        if codes[name] or steps != list(range(1, 41)):
            return (f"{name}: exit code {codes[name]}, steps {steps[:3]} to {steps[-3:]}, "
                    f"{len(steps)} of 40, {len(set(steps))} different")
    return ""


def children(pid: int) -> list[int]:
    "Processes that a process has started (Linux)."
    return [int(one) for thread in Path(f"/proc/{pid}/task").glob("*/children") for one in thread.read_text().split()]


def sweep_under_fire(folder: Path, rng: random.Random) -> str:
    "A sweep of four workers, of which some are killed, then the sweep itself; the same command until all is done."
    from vidbench.launch.sweep import read_sweep, trials_table
    lab(folder)
    (folder / "space.yaml").write_text("metric: score\nspace:\n  rate: {low: 0.0, high: 4.0}\n")
    env = os.environ | _runs.environment(folder) | {"PYTHONPATH": f"{_runs.ROOT}:{folder}"}
    words = [sys.executable, "-m", "vidbench", "sweep", "pendulum", "space.yaml", "--trials", str(TRIALS), "--parallel",
             str(WORKERS), "--name", "s", "--preset", "slow", "-p", "fate=good"]
    log = folder / "sweep.log"
    start = lambda: subprocess.Popen(words, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log.open("ab"),  # noqa: E731
                                     stderr=subprocess.STDOUT, start_new_session=True)
    sweep = start()
    for _ in range(2):
        time.sleep(rng.uniform(8, 20))
        for pid in rng.sample(found := children(sweep.pid), min(2, len(found))):
            os.kill(pid, signal.SIGKILL)
    time.sleep(rng.uniform(0, 5))
    _runs.kill(sweep, rng.choice((signal.SIGKILL, signal.SIGTERM)))
    sweep.wait()
    codes = []
    while (not codes or codes[-1]) and len(codes) < 3:
        codes.append(start().wait())
    os.environ.update(_runs.environment(folder))
    table = trials_table(read_sweep("s"))
    if codes[-1] or len(table) != TRIALS or sorted(table["trial"]) != list(range(TRIALS)):
        return f"exit codes {codes}, {len(table)} trials of {TRIALS}: {_runs.last_line(log)}"
    for row in table.itertuples():
        steps = [line["step"] for line in _runs.read_lines(folder / "outputs/pendulum" / row.run / "metrics.jsonl")]
        if row.state == "complete" and (steps != list(range(1, 41)) or abs(row.value + (row.rate - 3) ** 2) > 1e-9):
            return f"{row.run}: value {row.value} of rate {row.rate}, steps {steps[:3]} to {steps[-3:]}, {len(steps)} of 40"
        if row.state not in ("complete", "fail"):
            return f"{row.run} is {row.state}"
    lost = (table["state"] == "fail").sum()
    return f"{lost} trials of killed workers count as failed, and are not tried again" if lost else ""


def case(rng: random.Random, folder: Path) -> str:
    "Listing, then runs at once, without and with kills, then sweeps."
    if rng.case == 0:
        return many_are_there(folder)
    return sweep_under_fire(folder, rng) if rng.case > 3 else many_at_once(folder, rng, kill=rng.case > 1)
