#!/usr/bin/env python3
"""Every check and test of the project, each in a process of its own; ends with a true line `N passed, N failed`.

Usage: test.py [NAME ...] [--jobs 3] [--limit SECONDS] [--list]

The tests are: the lint, the checks of tools/checks.py, each library notebook (those that plain `nbdev_test` runs, by nbdev's own
test), and each experiment notebook with its `smoke` preset (by `vidbench run` in a temporary workspace). A folder with a
file `.notest` in it is left out by both. NAMEs select the tests whose name has
one of them in it. A test that hangs is stopped at its time limit, one that is killed has failed; the others are still
reported.
"""
import argparse
import contextlib
import importlib.util
import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

FORKS = multiprocessing.get_context("forkserver")
ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
IMPORTED_ONCE = ["nbdev.test", "matplotlib.figure", "pandas", "sklearn.metrics", "torchvision", "transformers.trainer"]
RUN_JOB = """
import pathlib, sys
from vidbench.launch.cli import main
from vidbench.launch.jobs import read_parameters
preset = ["--preset", "smoke"] if "preset" in read_parameters(pathlib.Path(sys.argv[1])) else []
sys.exit(main(["run", sys.argv[1], *preset]))
"""
TAIL_LINES = 25  # of a failed test's output


class Test(NamedTuple):
    "Something to run, and how long it may take."
    name: str
    what: list[str] | Path  # a command, or a library notebook
    limit_sec: float


class Result(NamedTuple):
    "How a test ended."
    test: Test
    failure: str  # empty when it passed
    seconds: float
    output: str


def library_notebooks() -> list[Path]:
    "What plain `nbdev_test` would run."
    from nbdev.doclinks import nbglob
    found = nbglob(NBS, as_path=True)
    return sorted(path for path in found if not path.with_name(".notest").exists())


def all_tests() -> list[Test]:
    "The longest first, so that those at a time end together."
    python = sys.executable
    jobs = [Test(f"run {path.relative_to(NBS)}", [python, "-c", RUN_JOB, str(path)], 400)
            for path in sorted((NBS / "experiments").glob("[!._]*.ipynb"))]
    library = [Test(str(path.relative_to(NBS)), path, 400) for path in library_notebooks()]
    checks = [Test(f"check {name}", [python, str(ROOT / "tools/checks.py"), name], 120)
              for name in ("sync", "parameters", "readme", "arrows", "settings", "results", "outputs", "docs", "import", "this")]
    checks.append(Test("check torture", [python, str(ROOT / "tools/torture.py"), "--short"], 600))
    checks.append(Test("check slurm", [python, str(ROOT / "tools/slurm_test.py")], 900))
    starts = Test("check starts", [python, str(ROOT / "tools/starts.py"), "presets", "--jobs", "1"], 1200)
    return [starts, *jobs, *library, Test("check lint", [python, "-m", "ruff", "check", "."], 60), *checks]


def test_notebook(notebook: Path, output: Path) -> None:
    "Run a library notebook by nbdev's test, in a process of its own."
    os.setsid()
    os.chdir(ROOT)
    for number, file, mode in ((0, os.devnull, os.O_RDONLY), (1, output, os.O_WRONLY), (2, output, os.O_WRONLY)):
        os.dup2(os.open(file, mode | os.O_APPEND), number)
    from nbdev.test import test_nb
    ok, _ = test_nb(notebook, skip_flags=["notest"], do_print=False, showerr=True, basepath=str(ROOT))
    sys.exit(not ok)


class Forked:
    "A library notebook under test, forked from a process that has imported the large packages once."
    one_at_a_time = threading.Lock()  # starting one looks for others that ended: two that read the same exit code get 255

    def __init__(self, notebook: Path, output: Path):
        self.process = FORKS.Process(target=test_notebook, args=(notebook, output))
        with self.one_at_a_time:
            self.process.start()
        self.pid = self.process.pid

    def wait(self, timeout: float) -> int:
        multiprocessing.connection.wait([self.process.sentinel], timeout)
        with self.one_at_a_time:
            self.process.join(0)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return self.process.exitcode


def start(test: Test, output: Path, home: Path) -> "subprocess.Popen | Forked":
    "Start a test in a process group of its own; a job gets a workspace of its own too."
    if isinstance(test.what, Path):
        return Forked(test.what, output)
    settings = {"VIDBENCH_HOME": str(home)} if test.name.startswith("run ") else {}
    with open(output, "a") as file:
        return subprocess.Popen(test.what, cwd=ROOT, env=os.environ | settings, stdin=subprocess.DEVNULL, stdout=file,
                                stderr=subprocess.STDOUT, start_new_session=True)


def stop(process: "subprocess.Popen | Forked") -> None:
    "Ask twice, so that `vidbench run` takes its kernel down, then kill the whole group."
    for number, wait_sec in ((signal.SIGTERM, 5), (signal.SIGTERM, 5), (signal.SIGTERM, 2), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait_sec)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run(test: Test, running: set) -> Result:
    "Run one test to its end or to its time limit."
    began, failure = time.monotonic(), ""
    with tempfile.TemporaryDirectory() as folder:
        home, output = Path(folder, "home"), Path(folder, "output.txt")
        home.mkdir(); output.touch()
        process = start(test, output, home)
        running.add(process)
        try:
            code = process.wait(test.limit_sec)
            failure = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}" if code else ""
        except subprocess.TimeoutExpired:
            failure = f"stopped at its time limit of {test.limit_sec:.0f} s"
        stop(process)
        running.discard(process)
        said = [p.read_text(errors="replace") for p in (output, *home.glob("outputs/*/*/log.txt"))]
        return Result(test, failure, time.monotonic() - began, "\n".join(said))


def report(result: Result) -> None:
    "One line, and the end of the output of a test that failed."
    verdict = f"FAILED {result.failure}" if result.failure else "passed"
    lines = result.output.rstrip().splitlines()[-TAIL_LINES:] if result.failure else []
    print(f"{result.seconds:7.1f} s  {result.test.name}: {verdict}", flush=True)
    print("".join(f"          | {line}\n" for line in lines), end="", flush=True)


def run_all(tests: list[Test], jobs: int) -> list[Result]:
    "Several at a time; an interruption stops them all."
    running: set = set()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            results = []
            for future in as_completed([pool.submit(run, test, running) for test in tests]):
                results.append(future.result())
                report(results[-1])
            return results
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                threading.Thread(target=stop, args=[process]).start()
            raise


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="run the tests whose name contains one of these")
    parser.add_argument("--jobs", type=int, default=3, help="tests at a time; they wait a lot")
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds, for each test at most")
    parser.add_argument("--list", action="store_true", help="show the names and stop")
    args = parser.parse_args()
    if missing := [name for name in ("nbdev", "ruff", "torch") if not importlib.util.find_spec(name)]:
        print(f"{sys.executable} lacks {', '.join(missing)}: activate the environment made with pip install -e '.[dev]'")
        return 2
    tests = [t for t in all_tests() if not args.names or any(name in t.name for name in args.names)]
    if args.list:
        print(*(test.name for test in tests), sep="\n")
        return 0
    if not tests:
        print(f"no test has {' or '.join(args.names)} in its name: --list shows them\n0 passed, 0 failed")
        return 2
    began = time.monotonic()
    os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", MPLBACKEND="agg")
    FORKS.set_forkserver_preload(IMPORTED_ONCE)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    results = run_all([test._replace(limit_sec=min(test.limit_sec, args.limit)) for test in tests], args.jobs)
    failed = [result.test.name for result in results if result.failure]
    print(f"{time.monotonic() - began:7.1f} s  in all", *(f"failed: {name}" for name in failed), sep="\n")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return int(bool(failed))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted: what ran was stopped, nothing can be said about the rest")
