#!/usr/bin/env python3
"""Mistreats the project on purpose, and says what did not hold: a table, and the exact command for each failure.

Usage: torture.py [CAMPAIGN ...] [--cases N | --short] [--minutes M] [--seed S] [--case K] [--jobs J,J] [--folder F]

Each campaign (tools/campaigns/) is a number of cases, told apart by their seed alone: case K of seed S is the same today
and tomorrow. A case says what went wrong, or nothing. Cases run in child processes: one that dies, hangs or grows beyond
2 GB has failed, and the next one goes on. What is done is written to FOLDER/CAMPAIGN.jsonl; the same command goes on there.
`--case K` runs one case alone, with its folder kept, and shows what happens. `--jobs sensors,behavior` leaves out the
other jobs, where a campaign runs jobs.
"""
import argparse
import importlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).resolve().parent))
CAMPAIGNS = tuple(sorted(p.stem for p in (ROOT / "tools/campaigns").glob("[!_]*.py")))
MEMORY_BYTES = 2 * 2**30


class Row(NamedTuple):
    "How one case ended."
    case: int
    words: str  # empty when all held
    seconds: float
    peak_bytes: int


def rng_of(campaign: str, seed: int, case: int) -> random.Random:
    "The random numbers of one case, which know its number."
    rng = random.Random(f"{campaign}/{seed}/{case}")
    rng.case = case
    return rng


def one_case(module: Any, seed: int, case: int, folder: Path) -> str:
    "Run a case in an empty folder: what went wrong, in a line."
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        return module.case(rng_of(module.__name__, seed, case), folder) or ""
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {' '.join(str(error).split())[:300]}"


def peak_bytes(pid: int) -> int:
    "The most memory that a process or one of its descendants has held; 0 where nobody counts it (not Linux)."
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, IndexError, ValueError):
        return 0
    return max([peak, *(peak_bytes(int(one)) for one in below)])


def child(module: Any, seed: int, cases: list[int], folder: Path, pipe: Any) -> None:
    "Run cases one after another, telling of each before and after."
    os.setsid()
    os.dup2(os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
    os.dup2(1, 2)
    for case in cases:
        pipe.send(("begins", case))
        start = time.monotonic()
        words = one_case(module, seed, case, folder / "case")
        pipe.send(("ended", Row(case, words, time.monotonic() - start, peak_bytes(os.getpid()))))
    pipe.send(("done", None))


def stop(process: Any) -> None:
    "End a child and what it started."
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except (ProcessLookupError, PermissionError):
            break
        process.join(3)
    process.kill()
    process.join()


def run_cases(module: Any, seed: int, cases: list[int], folder: Path, end: float) -> Any:
    "Rows as they come, children started anew where one died or hung."
    forks = multiprocessing.get_context("fork")
    left = list(cases)
    while left and time.monotonic() < end:
        mine, theirs = forks.Pipe()
        process = forks.Process(target=child, args=(module, seed, left, folder, theirs), daemon=False)
        process.start()
        theirs.close()
        current, begun = left[0], time.monotonic()
        try:
            while time.monotonic() < end:
                if not mine.poll(min(module.LIMIT_SEC, max(0.1, end - time.monotonic()))):
                    if time.monotonic() - begun >= module.LIMIT_SEC:
                        left.remove(current)
                        yield Row(current, f"not done after {module.LIMIT_SEC} s", time.monotonic() - begun, 0)
                        break
                    continue
                what, told = mine.recv()
                if what == "begins":
                    current, begun = told, time.monotonic()
                elif what == "ended":
                    left.remove(told.case)
                    large = told.peak_bytes > getattr(module, "MEMORY_BYTES", MEMORY_BYTES)
                    yield told._replace(words=told.words or f"took {told.peak_bytes / 2**30:.1f} GB") if large else told
                    if large:  # the peak is the process's: a new one begins at nothing
                        break
                else:
                    break
        except EOFError:
            process.join()
            left.remove(current)
            yield Row(current, f"ended the process (exit code {process.exitcode})", time.monotonic() - begun, 0)
        finally:
            stop(process)


def read_rows(path: Path, seed: int) -> dict[int, Row]:
    "What was done before with this seed."
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    return {r["case"]: Row(r["case"], r["words"], r["seconds"], r["peak_bytes"]) for r in rows if r["seed"] == seed}


def run_campaign(name: str, args: argparse.Namespace, end: float) -> dict[int, Row]:
    "All cases of a campaign that are not done yet."
    module = importlib.import_module(f"campaigns.{name}")
    path = args.folder / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = read_rows(path, args.seed)
    count = getattr(module, "SHORT", 0) if args.short else args.cases or module.CASES
    cases = [case for case in range(count) if case not in rows]
    work = args.folder / "work" / name  # kept: runs to compare with are made once
    work.mkdir(parents=True, exist_ok=True)
    for row in run_cases(module, args.seed, cases, work, end):
        rows[row.case] = row
        with path.open("a") as file:
            file.write(json.dumps({"seed": args.seed, **row._asdict()}) + "\n")
        if row.words:
            again = f"python tools/torture.py {name} --seed {args.seed} --case {row.case}"
            print(f"{name} {row.case}: {row.words}\n    {again}", flush=True)
    return rows


def show_case(name: str, args: argparse.Namespace) -> int:
    "One case alone, seen."
    module = importlib.import_module(f"campaigns.{name}")
    folder = args.folder / "work" / name
    folder.mkdir(parents=True, exist_ok=True)
    words = one_case(module, args.seed, args.case, folder / "case")
    print(f"{words or 'all held'}\nits folder: {folder / 'case'}")
    return 1 if words else 0


def main() -> int:
    "Run campaigns, or one case."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaigns", nargs="*", choices=[[], *CAMPAIGNS], metavar="CAMPAIGN",
                        help=f"of {', '.join(CAMPAIGNS)}; all without")
    parser.add_argument("--cases", type=int, help="how many of each; without, the whole campaign")
    parser.add_argument("--short", action="store_true", help="a few of those that have few: what the test command runs")
    parser.add_argument("--minutes", type=float, default=600, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="this case alone")
    parser.add_argument("--jobs", help="such as sensors,behavior; all without")
    parser.add_argument("--folder", type=Path, help="where rows are kept: outputs/torture; with --short, nowhere")
    args = parser.parse_args()
    args.jobs = args.jobs or ("points" if args.short else "")
    if args.jobs:
        os.environ["TORTURE_JOBS"] = args.jobs
    with tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True) as nowhere:
        args.folder = (args.folder or (Path(nowhere) if args.short else ROOT / "outputs/torture")).resolve()
        return run_all(args)


def run_all(args: argparse.Namespace) -> int:
    "What was asked for; 0 when all held."
    if args.case is not None:
        return show_case(args.campaigns[0], args)
    end, failed = time.monotonic() + 60 * args.minutes, 0
    lines = []
    for name in args.campaigns or CAMPAIGNS:
        rows = run_campaign(name, args, end)
        bad = [row for row in rows.values() if row.words]
        failed += len(bad)
        spent, peak = sum(r.seconds for r in rows.values()), max((r.peak_bytes for r in rows.values()), default=0)
        lines.append(f"{name:10} {len(rows):6} cases {len(bad):5} failed {spent:8.0f} s {peak / 2**20:6.0f} MB")
    print("\n".join(lines))
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
