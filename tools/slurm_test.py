#!/usr/bin/env python3
"""A real SLURM, as far as one is here: submit an array, let one fail, cancel one that waits, pre-empt and resume, kill.

Skipped with a line where `sinfo` does not answer. It needs submitit, and two processors that SLURM may give away.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LAB = ROOT / "nbs/launch/_lab"


def make_job(folder: Path) -> Path:
    "The pendulum of nbs/launch/_lab, in a workspace of its own."
    for path in LAB.glob("pendulum*"):
        shutil.copyfile(path, folder / path.name)
    for name in ("data", "outputs"):
        (folder / name).mkdir()
    return folder / "pendulum.ipynb"


class Lab:
    "A workspace, and the `vidbench` command in it."

    def __init__(self, folder: Path):
        self.folder, self.job = folder, make_job(folder)

    def vidbench(self, *words: str) -> str:
        env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(self.folder)]), "OMP_NUM_THREADS": "1"}
        done = subprocess.run([sys.executable, "-m", "vidbench", *words], cwd=self.folder, env=env,
                              capture_output=True, text=True)
        assert done.returncode == 0, f"vidbench {' '.join(words)}: {done.stderr}{done.stdout}"
        return done.stdout

    def status(self, name: str) -> dict:
        from vidbench.core.runs import read_status
        return read_status(self.folder / "outputs/pendulum" / name)

    def id(self, name: str) -> str:
        return json.loads((self.folder / "outputs/pendulum" / name / "job.json").read_text())["id"]

    def process(self, name: str) -> int:
        return json.loads((self.folder / "outputs/pendulum" / name / "process.json").read_text())["pid"]

    def wait(self, what: str, ready, limit_sec: float = 60) -> None:
        end = time.monotonic() + limit_sec
        while not ready():
            assert time.monotonic() < end, f"waited {limit_sec:.0f} s: {what}\n{self.vidbench('status')}"
            time.sleep(0.2)


def steps(lab: Lab, name: str) -> list[int]:
    "The steps that a run logged."
    path = lab.folder / "outputs/pendulum" / name / "metrics.jsonl"
    return [json.loads(line)["step"] for line in path.read_text().splitlines()] if path.exists() else []


def array(lab: Lab) -> None:
    "An array of three, two at a time: one ends well, one fails and says why, one is pre-empted and resumes."
    lab.vidbench("run", "pendulum.ipynb", "--presets", "slow,smoke,failing", "--parallel", "2", "--name", "a",
                 "--executor", "slurm", "--time", "5")
    lab.wait("the long one trains", lambda: len(steps(lab, "a-slow")) > 3)
    subprocess.run(["scancel", "--signal=USR2", lab.id("a-slow")], check=True)      # what pre-emption sends
    lab.wait("it saves", lambda: lab.status("a-slow")["state"] == "interrupted")
    lab.wait("the others end", lambda: {lab.status(f"a-{n}")["state"] for n in ("smoke", "failing")} == {"finished", "failed"})
    assert lab.status("a-failing")["error"] == "ValueError: the string broke\nat the knot", lab.status("a-failing")
    def finished() -> bool:    # SLURM holds a requeued job back for two minutes: not here
        subprocess.run(["scontrol", "update", f"JobId={lab.id('a-slow')}", "StartTime=now"], capture_output=True)
        return lab.status("a-slow")["state"] == "finished"
    lab.wait("it goes on", finished, 90)
    assert steps(lab, "a-slow") == list(range(1, 41)), steps(lab, "a-slow")


def cancelled(lab: Lab) -> None:
    "One that trains is stopped and saves; one that waits is cancelled; one is killed; each is told at once."
    lab.vidbench("run", "pendulum.ipynb", "--presets", "slow", "-p", "steps=500", "--name", "stopped", "--executor", "slurm")
    lab.vidbench("run", "pendulum.ipynb", "--presets", "slow", "-p", "steps=501", "--name", "killed", "--executor", "slurm")
    lab.vidbench("run", "pendulum.ipynb", "--presets", "slow", "-p", "steps=502", "--name", "waits", "--executor", "slurm")
    lab.wait("two train", lambda: steps(lab, "stopped-slow") and steps(lab, "killed-slow"))
    assert "pending" in lab.vidbench("status", "waits-slow")
    subprocess.run(["scancel", lab.id("waits-slow")], check=True)
    said = lab.vidbench("status", "waits-slow")
    assert "cancelled before it began (CANCELLED)" in said, said
    for pid in (lab.status("killed-slow")["pid"], lab.process("killed-slow")):      # the kernel, and `vidbench run`
        os.kill(pid, signal.SIGKILL)
    said = lab.vidbench("status", "killed-slow")
    assert "failed" in said and "killed" in said, said
    said = lab.vidbench("stop", "stopped-slow")
    assert "interrupted" in said and steps(lab, "stopped-slow")[-1] < 500, said
    assert "saves and stops" in lab.vidbench("logs", "stopped-slow", "-f")


SPACE = """
metric: score
settings: {preset: smoke}
space: {rate: {low: 0.5, high: 5.0}, steps: [2, 3]}
"""


def sweep(lab: Lab) -> None:
    "A sweep of six trials by two workers: each trial is counted once."
    (lab.folder / "space.yaml").write_text(SPACE)
    lab.vidbench("sweep", "pendulum.ipynb", "space.yaml", "--trials", "6", "--parallel", "2", "--name", "six",
                 "--executor", "slurm")
    reports = lab.folder / "outputs/pendulum"
    lab.wait("six trials end", lambda: len(list(reports.glob("six-*/report.json"))) == 6, 300)
    table = lab.folder / "outputs/sweeps/six/trials.csv"
    lab.wait("the workers end", lambda: table.exists() and "running" not in table.read_text())
    lines = [line.split(",") for line in table.read_text().splitlines()[1:]]
    assert sorted((line[0], line[2]) for line in lines) == [(str(i), "complete") for i in range(6)], lines


TOYS = """
import sys; import pandas as pd; from pathlib import Path; from vidbench.core.toys import make_toy_videos
made = Path(make_toy_videos("toys", videos=12, events_per_video=2))
events = pd.read_csv(made); events["video_path"] = [str(made.parent.resolve() / path) for path in events["video_path"]]
events.to_csv("own.csv", index=False)"""


def spread(lab: Lab) -> None:
    "Four tasks fill one cache with twelve films, each once; one task is killed, and costs its film only."
    subprocess.run([sys.executable, "-c", TOYS], cwd=lab.folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    chosen = ("-p", "data=own.csv", "-p", "max_steps=2", "-p", "num_frames=64", "-p", "fps=30", "-p", "size_px=224")
    lab.vidbench("prepare", "behavior", "--preset", "smoke", *chosen, "--name", "wide", "--tasks", "4", "--parallel", "4",
                 "--executor", "slurm", "--time", "10")
    preparing = lab.folder / "outputs/behavior/wide/preparing"
    parts = [preparing / f"behavior/part-{i}" for i in range(4)]
    lab.wait("a film is claimed", lambda: any(preparing.glob("films/*/.film.lock")), 120)
    holder = json.loads(next(preparing.glob("films/*/.film.lock")).read_text())
    os.kill(holder["pid"], signal.SIGKILL)
    def over() -> bool:
        states = [json.loads((part / "status.json").read_text())["stages"]["prepare"]["state"] if (part / "status.json").exists()
                  else "" for part in parts]
        return sum(state == "finished" for state in states) == 3
    lab.wait("three of four tasks end well", over, 240)
    noted = [json.loads(path.read_text()) for path in preparing.glob("films/*/done.json")]
    assert len(noted) == 12 and not any(note["bad"] for note in noted), noted
    assert len({note["pid"] for note in noted}) > 1, "one task did all the work"
    cached = {path.name: path.stat().st_mtime_ns for path in (lab.folder / "data/clip-cache").iterdir()}
    assert "is prepared" in lab.vidbench("prepare", "behavior", "--preset", "smoke", *chosen, "--name", "wide")
    assert {path.name: path.stat().st_mtime_ns for path in (lab.folder / "data/clip-cache").iterdir()} == cached


def on_node(number: int, words: str) -> list[int]:
    "The processes of this machine that a node of a job runs, by what is in their command line."
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            told = (place / "environ").read_bytes().split(b"\0"), (place / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"SLURM_NODEID={number}".encode() in told[0] and words in told[1].replace("\0", " "):
            found.append(int(place.name))
    return found


def two_nodes(lab: Lab) -> None:
    "A training on two nodes; the second dies: one line, the job is queued again, and goes on to its end."
    chosen = ("num_processes=2", "compare_with_erm=false", "max_steps=400", "checkpoint_every=20", "log_every=1", "device=cpu")
    lab.vidbench("run", "sensors", "--preset", "smoke", *(word for one in chosen for word in ("-p", one)), "--name", "pair",
                 "--nodes", "2", "--executor", "slurm", "--time", "20")
    run = lab.folder / "outputs/sensors/pair"
    def logged() -> list[int]:
        path = run / "metrics.jsonl"
        return [json.loads(line)["step"] for line in path.read_text().splitlines()] if path.exists() else []
    lab.wait("it trains", lambda: len(logged()) > 30, 240)
    first = on_node(0, "vidbench train")
    second = on_node(1, "vidbench train") + on_node(1, "vidbench.launch.meeting")
    assert first and second, "the workers are not on two nodes"
    for process in second:
        os.kill(process, signal.SIGKILL)
    from vidbench.core.runs import read_status
    lab.wait("it says so", lambda: "its machine is gone" in str(read_status(run)["error"]), 120)
    print("        ", read_status(run)["error"])
    number = json.loads((run / "job.json").read_text())["id"]
    def finished() -> bool:
        subprocess.run(["scontrol", "update", f"JobId={number}", "StartTime=now"], capture_output=True)
        return read_status(run)["state"] == "finished"
    lab.wait("it goes on", finished, 300)
    steps = [step for step in logged()]
    assert steps == sorted(steps) and max(steps) == 400, steps


def nodes() -> int:
    "How many nodes SLURM has here."
    return len(set(subprocess.run(["sinfo", "-h", "-N", "-o", "%N"], capture_output=True, text=True).stdout.split()))


def main() -> int:
    answers = shutil.which("sinfo") and subprocess.run(["sinfo"], capture_output=True, timeout=20).returncode == 0
    if not answers:
        print("skipped: there is no SLURM here (sinfo does not answer)")
        return 0
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        lab = Lab(Path(folder))
        chosen = sys.argv[1:] or ["array", "cancelled", "sweep", "spread", "two_nodes"]
        if nodes() < 2 and "two_nodes" in chosen:
            chosen.remove("two_nodes")
            print("two_nodes is skipped: SLURM has one node here")
        for check in (globals()[name] for name in chosen):
            start = time.monotonic()
            check(lab)
            print(f"{time.monotonic() - start:6.1f} s  {check.__doc__.splitlines()[0]}", flush=True)
        subprocess.run(["scancel", "--me"], capture_output=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
