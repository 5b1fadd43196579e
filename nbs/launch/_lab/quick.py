"A job that takes a moment, and a sweep whose trials need no kernel; as a program, it sweeps twelve trials."
import sys
from typing import ClassVar

from vidbench.core.config import Config
from vidbench.core.runs import Run
from vidbench.launch.parallel import Task
from vidbench.launch.sweep import Sweep, SweepConfig, run_sweep


class WalkConfig(Config):
    job: ClassVar = "walk"
    presets: ClassVar = {"short": {}}
    rate: float = 1.0
    steps: int = 3


class Quick(Sweep):
    def run(self, number, settings):
        run = Run.create("walk", WalkConfig.preset("short", **settings), f"{self.name}-{number:03d}")
        return Task(run, [sys.executable, "-S", "quick_work.py", str(run.folder), str(settings["rate"])])


if __name__ == "__main__":
    with open("lines.txt", "a") as lines:
        print(run_sweep(Quick("walk.ipynb", SweepConfig.load("space.yaml"), "first", 12), 2, lines))
