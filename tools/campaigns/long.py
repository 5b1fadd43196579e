"""Small steps for minutes: memory, descriptors and the time of a step stay as they are."""
import json
import os
import random
import statistics
import threading
import time
from pathlib import Path

from campaigns import _runs

CASES, LIMIT_SEC, MEMORY_BYTES = 1, 24 * 3600, 8 * 2**30
MINUTES = float(os.environ.get("TORTURE_LONG_MINUTES", "10"))


def watched_run(seen: Path) -> None:
    "Sensors, stopped after so many minutes; memory and descriptors are noted each second."
    def watch() -> None:
        began = time.monotonic()
        while time.monotonic() - began < 60 * MINUTES:
            status = Path("/proc/self/status").read_text()
            rss = int(status.partition("VmRSS:")[2].split()[0]) / 1024
            row = {"sec": time.monotonic() - began, "mb": rss, "files": len(os.listdir("/proc/self/fd"))}
            with seen.open("a") as file:
                file.write(json.dumps(row) + "\n")
            time.sleep(1)
        (seen.parent / "outputs/sensors/disturbed/STOP").touch()
    threading.Thread(target=watch, daemon=True).start()
    _runs.perform("sensors", "disturbed", epochs=100_000)


def slope(x: list[float], y: list[float]) -> tuple[float, float]:
    "Of a line through means of 20 pieces, and its standard error: pieces are far enough apart to be independent."
    size = max(1, len(x) // 20)
    xs, ys = ([statistics.fmean(v[i:i + size]) for i in range(0, size * (len(v) // size), size)] for v in (x, y))
    mean_x, mean_y = statistics.fmean(xs), statistics.fmean(ys)
    spread = sum((a - mean_x) ** 2 for a in xs)
    found = sum((a - mean_x) * (b - mean_y) for a, b in zip(xs, ys, strict=True)) / spread
    rest = sum((b - mean_y - found * (a - mean_x)) ** 2 for a, b in zip(xs, ys, strict=True))
    return found, (rest / max(1, len(xs) - 2) / spread) ** 0.5


def case(rng: random.Random, folder: Path) -> str:
    "One long run; the first fifth, in which everything is loaded, does not count."
    _runs.preload(["sensors"])
    seen = folder / "seen.jsonl"
    _runs.finish(_runs.Forked(watched_run, folder, _runs.log_of("sensors", folder, "disturbed"), seen), 60 * MINUTES + 600)
    rows = [json.loads(line) for line in seen.read_text().splitlines()]
    rows = rows[len(rows) // 5:]
    steps = [line for line in _runs.read_lines(folder / "outputs/sensors/disturbed/metrics.jsonl") if "step_ms" in line]
    steps = steps[len(steps) // 5:]
    minutes, wrong = [row["sec"] / 60 for row in rows], []
    series = {"memory, MB": (minutes, [row["mb"] for row in rows]), "open files": (minutes, [row["files"] for row in rows]),
              "a step, ms": ([line["time"] / 60 for line in steps], [line["step_ms"] for line in steps])}
    for name, (x, y) in series.items():
        found, error = slope(x, y)
        words = f"{name}: {statistics.fmean(y):.1f}, {found:+.4f} a minute [{found - 2 * error:+.4f}, {found + 2 * error:+.4f}]"
        print(words, flush=True)
        if found - 2 * error > 0 and found * MINUTES > 0.01 * statistics.fmean(y):
            wrong.append(words)
    return "; ".join(wrong)
